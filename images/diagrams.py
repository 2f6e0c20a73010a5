"""Draw the diagrams that lessons show: `python images/diagrams.py`, or with `svg` behind it.

JupyterLab shows no SVG that a notebook carries, so the lessons take PNGs of twice the resolution;
`svg` writes the same drawings as vectors, beside them.
"""

import io
import sys

from PIL import Image
from readme import ROOT

from course_lib import diagrams
from course_lib.game_plots import plot_two_steps

# A picture's name, which begins with its lesson's number, and what draws it
DIAGRAMS = {
    "02_bound": diagrams.plot_bound,
    "03_paths": diagrams.plot_gradient_paths,
    "04_bottleneck": diagrams.plot_autoencoder,
    "05_vae_parts": diagrams.plot_vae,
    "06_sliding": diagrams.plot_sliding_kernel,
    "06_masked": diagrams.plot_masked_kernel,
    "09_two_steps": lambda: plot_two_steps(saturating=False),
    "10_batch_norm": diagrams.plot_batch_norm,
    "12_frechet": diagrams.plot_frechet_distance,
    "12_balls": diagrams.plot_precision_recall,
    "14_pool": diagrams.plot_image_pool,
    "15_gram": diagrams.plot_gram_matrix,
}
DOTS_PER_INCH, COLORS = 150, 32


def main(form: str = "png") -> None:
    """Write each diagram into this folder: an SVG, or a PNG with few colors."""
    for name, plot in DIAGRAMS.items():
        figure, path = plot(), ROOT / "images" / f"{name}.{form}"
        if form == "svg":
            figure.savefig(path, metadata={"Date": None})
            continue
        file = io.BytesIO()
        figure.savefig(file, dpi=DOTS_PER_INCH)
        Image.open(file).convert("RGB").quantize(COLORS).save(path, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
