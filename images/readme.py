"""Join pictures of the executed lessons into readme.png: `python images/readme.py`."""

import base64
import io
from pathlib import Path

import nbformat
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
# A solution, and words of the cell that draws.
PICTURES = (
    ("05_vae", "Two latents, from"),
    ("09_first_gan", "after more and more steps"),
)
# Below them, of pictures that are made of rows: a solution, words, how many rows, which are shown.
ROWS = (
    ("14b_cyclegan", "Digits, translated", 6, (0, 1, 5)),
    ("14b_cyclegan", "Emoji, translated", 6, (0, 1, 5)),
)
HEIGHT, GAP = 440, 16
TITLE = 21  # pixels of a picture's title, above its rows


def picture_of(stem: str, words: str, which: int = 0) -> Image.Image:
    """The picture that has these words in its title, or one that the cell with them has drawn."""
    notebook = nbformat.read(ROOT / "solutions" / f"{stem}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [(c, o.data) for c in code for o in c.outputs if "image/png" in o.get("data", {})]
    titled = [data for _, data in shown if words in data.get("text/plain", "")]
    drawn = [data for cell, data in shown if words in cell.source]
    png = (titled or drawn)[which]["image/png"]
    return Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")


def rows_of(picture: Image.Image, count: int, shown: tuple[int, ...]) -> Image.Image:
    """Some of a picture's rows, with its title."""
    high = (picture.height - TITLE) / count
    page = Image.new("RGB", (picture.width, TITLE + round(len(shown) * high)), "white")
    page.paste(picture.crop((0, 0, picture.width, TITLE)), (0, 0))
    for place, row in enumerate(shown):
        top = TITLE + round(row * high)
        part = picture.crop((0, top, picture.width, top + round(high)))
        page.paste(part, (0, TITLE + round(place * high)))
    return page


def side_by_side(pictures: list[Image.Image], height: int) -> Image.Image:
    """Pictures in a line, all of one height."""
    pictures = [p.resize((round(p.width * height / p.height), height)) for p in pictures]
    width = sum(p.width for p in pictures) + GAP * (len(pictures) - 1)
    page, left = Image.new("RGB", (width, height), "white"), 0
    for picture in pictures:
        page.paste(picture, (left, 0))
        left += picture.width + GAP
    return page


def main() -> None:
    """Two lines of one width: what is made, and what is made of images."""
    made = side_by_side([picture_of(*picture) for picture in PICTURES], HEIGHT)
    translated = [
        rows_of(picture_of(stem, words), count, shown) for stem, words, count, shown in ROWS
    ]
    below = side_by_side(translated, min(picture.height for picture in translated))
    below = below.resize((made.width, round(below.height * made.width / below.width)))
    page = Image.new("RGB", (made.width, made.height + GAP + below.height), "white")
    page.paste(made, (0, 0))
    page.paste(below, (0, made.height + GAP))
    page = page.quantize(256, method=Image.Quantize.MAXCOVERAGE)
    page.save(ROOT / "images" / "readme.png", optimize=True)


if __name__ == "__main__":
    main()
