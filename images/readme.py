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
    """The picture that the one cell with these words has drawn, or one of several."""
    notebook = nbformat.read(ROOT / "solutions" / f"{stem}.ipynb", as_version=4)
    (cell,) = [c for c in notebook.cells if c.cell_type == "code" and words in c.source]
    drawn = [o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})]
    return Image.open(io.BytesIO(base64.b64decode(drawn[which]))).convert("RGB")


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
