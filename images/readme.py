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
HEIGHT, GAP = 440, 16


def picture_of(stem: str, words: str, which: int = 0) -> Image.Image:
    """The picture that has these words in its title, or one that the cell with them has drawn."""
    notebook = nbformat.read(ROOT / "solutions" / f"{stem}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [(c, o.data) for c in code for o in c.outputs if "image/png" in o.get("data", {})]
    titled = [data for _, data in shown if words in data.get("text/plain", "")]
    drawn = [data for cell, data in shown if words in cell.source]
    png = (titled or drawn)[which]["image/png"]
    return Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")


def main() -> None:
    """The pictures side by side, of one height."""
    pictures = [picture_of(*picture) for picture in PICTURES]
    pictures = [p.resize((round(p.width * HEIGHT / p.height), HEIGHT)) for p in pictures]
    width = sum(p.width for p in pictures) + GAP * (len(pictures) - 1)
    page, left = Image.new("RGB", (width, HEIGHT), "white"), 0
    for picture in pictures:
        page.paste(picture, (left, 0))
        left += picture.width + GAP
    page.quantize(64).save(ROOT / "images" / "readme.png", optimize=True)


if __name__ == "__main__":
    main()
