"""Make a lesson's first picture from its executed solution: `python images/first_screens.py`."""

from PIL import Image
from readme import ROOT, picture_of

# A solution, and words of the cells that draw what stands in its first picture, one below another.
PICTURES = {
    "08a_minimax": ('judge = {"best D"', "The best Gaussian of each"),
    "08b_minimax": ("The Dirac-GAN, {title}",),
    "11_stable_gans": ("A plain GAN, by gradient evaluations", "The contest: "),
    "10_dcgan": ("None chosen", "Drawn by nobody"),
    "12_evaluation": ("worse than luck explains",),
    "13_conditional": ('"One z a row", value_range',),
    "16_gan_or_vae": ("Twelve z, three models",),
    "18a_clinic": ("Case F9: a loss", "a judge that bends"),
    "18b_clinic": ("Who comes home?",),
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
        red, green, blue = page.split()
        colors = 16 if red == green == blue else 128
        page.quantize(colors).save(ROOT / "images" / f"{stem}.png", optimize=True)


if __name__ == "__main__":
    main()
