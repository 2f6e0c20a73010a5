"""Image grids and curves in one quiet style, and the one way a lesson shows a figure.

Every `plot_` function returns a matplotlib Figure that pyplot does not know of: nothing is shown
twice, nothing piles up. `show` shows it.
"""

import base64
import io
import itertools
import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from cycler import cycler
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from course_lib.describing import described
from course_lib.environment import in_notebook, is_static

SHARPNESS = 2  # pixels of a picture for each of the page's, where somebody watches
TILE_INCHES = 0.8
POINTS_PER_INCH = 72
WHITE_BOX = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}  # behind a label
_figure_numbers = itertools.count(1)


def use_course_style() -> None:
    """Set matplotlib's defaults to the course's: readable type, a faint grid, small PNGs."""
    matplotlib.rcParams.update(
        {
            "figure.dpi": 90,
            "savefig.dpi": "figure",
            "figure.figsize": (6.4, 3.2),
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": "0.5",
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "0.9",
            "legend.frameon": False,
            "image.cmap": "gray",
            # Okabe and Ito's colours, told apart by readers who see no difference of red and green
            "axes.prop_cycle": cycler(
                color=["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
            ),
        }
    )


use_course_style()


def show(figure: Figure) -> None:
    """Show a figure and close it: the one way to do so in a lesson.

    In a notebook it becomes a PNG below the cell, of twice the resolution and the same size on the
    page where somebody watches: what is stored in the repository stays small. In a script it is
    saved to the folder COURSE_FIGURES, where that is set, as 01_title.png, 02_title.png and so on.
    """
    if in_notebook():
        from IPython.display import display

        sharpness = 1 if is_static() else SHARPNESS
        wide, high = (round(pixels) for pixels in figure.bbox.size)
        place = {} if sharpness == 1 else {"image/png": {"width": wide, "height": high}}
        display(png_bundle(figure, sharpness), raw=True, metadata=place)
    elif os.environ.get("COURSE_FIGURES"):
        folder = Path(os.environ["COURSE_FIGURES"])
        folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"\W+", "_", _title(figure).lower()).strip("_") or "figure"
        (folder / f"{next(_figure_numbers):02d}_{name[:50]}.png").write_bytes(to_png(figure))
    if "matplotlib.pyplot" in sys.modules:  # only a figure made by pyplot needs to be closed
        sys.modules["matplotlib.pyplot"].close(figure)


def to_png(figure: Figure, sharpness: int = 1) -> bytes:
    """The figure as the bytes of a PNG file, with `sharpness` times as many pixels a side."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=sharpness * figure.dpi)
    return file.getvalue()


def png_bundle(figure: Figure, sharpness: int = 1) -> dict[str, str]:
    """The figure as a Jupyter display bundle, its words standing for it where no picture can."""
    png = base64.b64encode(with_palette(to_png(figure, sharpness))).decode()
    return {"image/png": png, "text/plain": f"<figure: {described(figure) or 'untitled'}>"}


def with_palette(png: bytes) -> bytes:
    """A PNG file's colors reduced to the 192 that serve it best.

    The eye hardly sees it, and a notebook that stores the picture is two to three times smaller.
    """
    image = Image.open(io.BytesIO(png)).convert("RGB")
    palette = image.quantize(192, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    file = io.BytesIO()
    palette.save(file, format="png", optimize=True)
    return file.getvalue()


def _title(figure: Figure) -> str:
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    return next((title for title in titles if title), "")


def plot_images(
    images: Tensor | np.ndarray | Sequence,
    columns: int | None = None,
    title: str = "",
    labels: Sequence | None = None,
    value_range: tuple[float, float] = (0, 1),
    row_titles: Sequence[str] | None = None,
    size: float = 1.0,
) -> Figure:
    """A tight grid of images `(B, C, H, W)`, row by row; gray for C = 1, colour for C = 3.

    `images` is a tensor, a NumPy array, or a list of images `(C, H, W)` of one size.

    `columns` is B up to ten images, then near the square root of B. `labels` gives each image a
    line above it, `row_titles` each row a name at its left. At `size` 1 an image is 0.8 inch wide.

    Raises TypeError for what holds no numbers, ValueError for another shape and for values outside
    `value_range` (by more than 1e-3): pass (-1, 1) for the images of a tanh GAN; nothing is
    rescaled or clipped silently.

    >>> figure = plot_images(torch.rand(12, 1, 28, 28), columns=4, title="noise")
    >>> show(figure)
    """
    images = _checked_images(images, value_range)
    count, _, height, width = images.shape
    columns = min(columns or (count if count <= 10 else math.ceil(count**0.5)), count)
    rows = math.ceil(count / columns)
    if labels is not None and len(labels) != count:
        raise ValueError(f"labels must be one for each of the {count} images; got {len(labels)}")
    if row_titles is not None and len(row_titles) != rows:
        raise ValueError(f"row_titles must be one for each of {rows} rows; got {len(row_titles)}")

    pixels_per_point = width / (TILE_INCHES * size * POINTS_PER_INCH)
    strip = math.ceil(14 * pixels_per_point) if labels is not None else 0
    picture = _compose(images, rows, columns, strip)
    inches = TILE_INCHES * size / width
    margin = 0.2 + 0.08 * max((len(str(name)) for name in row_titles or ()), default=0)
    figure = Figure(
        figsize=(
            picture.shape[1] * inches + margin,
            picture.shape[0] * inches + (0.35 if title else 0.1),
        ),
        layout="compressed",  # the tiles keep their shape, so the row titles decide the margin
    )
    axes = figure.subplots()
    axes.imshow(picture, vmin=0, vmax=1, interpolation="nearest")
    axes.set_title(title)
    _bare(axes)
    if row_titles is not None:
        middles = strip + height / 2 + np.arange(rows) * (height + strip + 1)
        axes.set_yticks(middles, [str(name) for name in row_titles])
    for i, label in enumerate(labels if labels is not None else ()):
        x = (i % columns) * (width + 1) + width / 2
        y = (i // columns) * (height + strip + 1) + strip * 0.9
        axes.text(x, y, str(label), ha="center", va="bottom", fontsize=9)
    return figure


def _checked_images(images, value_range: tuple[float, float]) -> Tensor:
    """The images as float in [0, 1] on the CPU, or TypeError or ValueError."""
    images = _as_tensor(images)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or 0 in images.shape:
        raise ValueError(
            f"images must be (B, C, H, W) with C = 1 or 3 and B > 0; got {tuple(images.shape)}"
            + _how_to_mend(images)
        )
    low, high = value_range
    least, most = images.min().item(), images.max().item()
    if not (low - 1e-3 <= least and most <= high + 1e-3):  # so written, NaN is caught too
        raise ValueError(
            f"images must lie in value_range [{low}, {high}]; got [{least:.4g}, {most:.4g}]. "
            f"Pass the range they have, as value_range=(-1, 1), or rescale them"
        )
    return ((images - low) / (high - low)).clamp(0, 1)


def _as_tensor(images) -> Tensor:
    """A tensor, an array or a list of equal images as one float32 tensor on the CPU."""
    try:
        if not isinstance(images, Tensor | np.ndarray):
            images = torch.stack([torch.as_tensor(image).detach().cpu() for image in images])
        images = torch.as_tensor(images).detach()
        return images.to("cpu", torch.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            "images must be a tensor or an array (B, C, H, W), or a list of images (C, H, W) of "
            f"one size; got {type(images).__name__}: {error}"
        ) from None


def _how_to_mend(images: Tensor) -> str:
    if images.ndim == 4 and images.shape[-1] in (1, 3):
        return ": the channels stand last, images.permute(0, 3, 1, 2) would serve"
    if images.ndim == 3 and images.shape[0] in (1, 3):
        return ": one image is images[None]"
    if images.ndim == 3:
        return ": gray images without a channel are images[:, None]"
    return ""


def _compose(images: Tensor, rows: int, columns: int, strip: int) -> np.ndarray:
    """One picture (H', W', C), its tiles a pixel apart, each below a white strip for its label."""
    missing = rows * columns - len(images)
    images = F.pad(images, (0, 0, 0, 0, 0, 0, 0, missing), value=1.0)
    images = F.pad(images, (0, 1, strip, 1), value=1.0)
    picture = rearrange(images, "(r c) k h w -> (r h) (c w) k", c=columns)
    return picture[:-1, :-1].squeeze(-1).numpy()


def _bare(axes: Axes) -> None:
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def plot_history(
    history,
    names: Sequence[str] | None = None,
    title: str = "",
    smooth: int | None = None,
    ylabel: str = "",
    axes: Axes | None = None,
) -> Figure:
    """Curves over updates: the raw values faint, their running mean bold.

    `history` is a `training.History` or a mapping of names to 1-D sequences, such as
    `{"healthy": one["loss"], "dying": other["loss"]}`. `smooth` is the running mean's width in
    updates, by default a fiftieth of the run; the window is centred, so nothing is delayed, and
    values that are not finite are left out of it. Curves longer than 4,000 points are drawn by the
    lowest and highest value of each stretch, so that a spike survives. With `axes` it draws there.

    >>> figure = plot_history({"loss": 1 / torch.arange(1.0, 500.0)}, ylabel="nats")
    >>> show(figure)
    """
    if axes is None:
        axes = Figure().subplots()
    if names is None:
        names = list(history) if isinstance(history, Mapping) else history.names
    for name in names:
        values = np.asarray(history[name], dtype=np.float64)
        window = smooth or max(1, len(values) // 50)
        (line,) = axes.plot(*_thin_mean(values, window), label=name, linewidth=2, zorder=3)
        axes.plot(*_thin_raw(values), color=line.get_color(), alpha=0.25, linewidth=0.8)
    axes.set(xlabel="updates", ylabel=ylabel, title=title)
    if len(names) > 1:
        axes.legend()
    elif not ylabel and names:
        axes.set_ylabel(names[0])
    return axes.figure


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """The mean of the finite values within window // 2 on either side; NaN where there are none.

    >>> running_mean(np.array([0.0, 3.0, np.nan, 9.0]), window=3)
    array([1.5, 1.5, 6. , 9. ])
    """
    finite = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    middle = np.arange(len(values))
    first = np.maximum(middle - window // 2, 0)
    last = np.minimum(middle + window // 2 + 1, len(values))
    inside = counts[last] - counts[first]
    means = (sums[last] - sums[first]) / np.maximum(inside, 1)
    return np.where(inside > 0, means, np.nan)


def _thin_mean(values: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    mean = running_mean(values, window)
    kept = np.unique(np.linspace(0, len(values) - 1, min(len(values), 1000)).astype(int))
    return kept + 1, mean[kept]


def _thin_raw(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(values) <= 4000:
        return np.arange(len(values)) + 1, values
    stretch = math.ceil(len(values) / 1000)
    whole = np.pad(values, (0, -len(values) % stretch), mode="edge").reshape(-1, stretch)
    x = np.arange(len(whole)) * stretch + 1
    return x.repeat(2), np.stack([whole.min(1), whole.max(1)], 1).ravel()
