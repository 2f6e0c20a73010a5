"""Make a lesson's first picture from its executed solution: `python images/first_screens.py`."""

from PIL import Image
from readme import ROOT, picture_of

# A solution, and words of the cells that draw what stands in its first picture, one below another.
PICTURES = {
    "08_minimax": ("A game that circles, and one that stops",),
    "10_dcgan": ("None chosen", "Drawn by nobody"),
    "12_evaluation": ("worse than luck explains",),
}
WIDTH, GAP = 760, 8


def main() -> None:
    """Pictures of one width, few colors: a committed file stays small."""
    for stem, words in PICTURES.items():
        pictures = [picture_of(stem, each) for each in words]
        pictures = [p.resize((WIDTH, round(p.height * WIDTH / p.width))) for p in pictures]
        height = sum(p.height for p in pictures) + GAP * (len(pictures) - 1)
        page, top = Image.new("RGB", (WIDTH, height), "white"), 0
        for picture in pictures:
            page.paste(picture, (0, top))
            top += picture.height + GAP
        page.quantize(128).save(ROOT / "images" / f"{stem}.png", optimize=True)


if __name__ == "__main__":
    main()
