"""Join pictures of the executed lessons into readme.png: `python images/readme.py`."""

import base64
import io
from pathlib import Path

import nbformat
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
# A solution, and words of the cell that draws.
PICTURES = (
    ("05_vae", "Digits that nobody wrote"),
    ("09_first_gan", "after more and more steps"),
)
WIDTH, GAP = 1000, 16


def picture_of(stem: str, words: str) -> Image.Image:
    """The picture that the one cell with these words has drawn."""
    notebook = nbformat.read(ROOT / "solutions" / f"{stem}.ipynb", as_version=4)
    (cell,) = [c for c in notebook.cells if c.cell_type == "code" and words in c.source]
    (png,) = [o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})]
    return Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")


def main() -> None:
    """Each picture at one width, below one another."""
    pictures = [picture_of(*picture) for picture in PICTURES]
    pictures = [p.resize((WIDTH, round(p.height * WIDTH / p.width))) for p in pictures]
    height = sum(p.height for p in pictures) + GAP * (len(pictures) - 1)
    page, top = Image.new("RGB", (WIDTH, height), "white"), 0
    for picture in pictures:
        page.paste(picture, (0, top))
        top += picture.height + GAP
    page.quantize(256).save(ROOT / "images" / "readme.png", optimize=True)


if __name__ == "__main__":
    main()
