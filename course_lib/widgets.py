"""The explorers that a reader drags: three divergences, and a point on a latent map.

Each is one call on a cell's last line. Where somebody watches, the call returns a widget, which
Jupyter shows; where `training.is_static()`, it shows a figure that makes the same point, so that
GitHub, nbval and scripts have something to look at, and returns None.
"""

import io
import math
from collections.abc import Callable
from pathlib import Path

import anywidget
import ipywidgets
import matplotlib
import numpy as np
import torch
import traitlets
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from course_lib.plotting import show, to_png
from course_lib.probability import js_divergence, kl_gaussian
from course_lib.training import is_static

Extent = tuple[float, float, float, float]  # left, right, bottom, top, as imshow has it
WHITE_BOX = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}


def kl_explorer() -> ipywidgets.VBox | None:
    """Drag the mean and std of q = N(mean, std²) beside p = N(0, 1); three divergences move along.

    KL(q‖p) and KL(p‖q) by formula, JS(p, q) by quadrature, all in nats.

    >>> kl_explorer()
    """
    if is_static():
        show(_kl_figure([(1.0, 1.0), (0.0, 0.4), (0.0, 2.5)], "Three divergences from p = N(0, 1)"))
        return None

    def slider(value: float, low: float, high: float, name: str) -> ipywidgets.FloatSlider:
        return ipywidgets.FloatSlider(
            value, min=low, max=high, step=0.05, description=name, continuous_update=True
        )

    mean, std = slider(1.0, -4.0, 4.0, "mean of q"), slider(1.0, 0.4, 4.0, "std of q")
    readout, picture = ipywidgets.HTML(), ipywidgets.Image(format="png")

    def redraw(_change: object = None) -> None:
        divergences = gaussian_divergences(mean.value, std.value)
        readout.value = " &emsp; ".join(f"{k} = <b>{v:.3f}</b>" for k, v in divergences.items())
        picture.value = to_png(_kl_figure([(mean.value, std.value)]))

    mean.observe(redraw, "value")
    std.observe(redraw, "value")
    redraw()
    layout = ipywidgets.Layout(align_items="flex-start")  # or the picture is stretched
    explorer = ipywidgets.VBox([ipywidgets.HBox([mean, std]), readout, picture], layout=layout)
    return explorer.add_class("kl-explorer")


def gaussian_divergences(mean: float, std: float) -> dict[str, float]:
    """KL(q‖p), KL(p‖q) and JS(p, q) in nats for q = N(mean, std²) and p = N(0, 1).

    >>> {name: round(nats, 4) for name, nats in gaussian_divergences(1.0, 1.0).items()}
    {'KL(q‖p)': 0.5, 'KL(p‖q)': 0.5, 'JS(p, q)': 0.1114}
    """
    q = torch.tensor([[mean]], dtype=torch.float64), torch.tensor([[2 * math.log(std)]]).double()
    p = torch.zeros(1, 1).double(), torch.zeros(1, 1).double()
    # both densities vanish at the ends, so cells of equal width are as good as the trapezoid rule
    x = np.linspace(min(mean - 9 * std, -9), max(mean + 9 * std, 9), 4001)
    cells = [torch.from_numpy(_density(x, *each) * (x[1] - x[0])) for each in ((0, 1), (mean, std))]
    return {
        "KL(q‖p)": kl_gaussian(*q, *p).item(),
        "KL(p‖q)": kl_gaussian(*p, *q).item(),
        "JS(p, q)": js_divergence(*cells).item(),
    }


def _density(x: np.ndarray, mean: float, std: float) -> np.ndarray:
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))


def _kl_figure(settings: list[tuple[float, float]], title: str = "") -> Figure:
    """A column for each (mean, std) of q: the densities above, the divergences below."""
    width = max(5.6, 3.1 * len(settings))
    # margins by hand: constrained layout would lay everything out twice, in each frame of a drag
    figure = Figure(figsize=(width, 3.8), dpi=80, layout="none")
    figure.subplots_adjust(0.75 / width, 0.12, 1 - 0.1 / width, 0.86 if title else 0.92, 0.35, 0.3)
    grid = figure.subplots(2, len(settings), squeeze=False, height_ratios=(2, 1))
    for (upper, lower), (mean, std) in zip(grid.T, settings, strict=True):
        _draw_densities(upper, mean, std)
        _draw_divergences(lower, gaussian_divergences(mean, std))
    figure.suptitle(title)
    return figure


def _draw_densities(axes: Axes, mean: float, std: float) -> None:
    x = np.linspace(-6, 6, 400)
    for name, color, each in (("p", "C0", (0, 1)), ("q", "C1", (mean, std))):
        axes.fill_between(x, _density(x, *each), color=color, alpha=0.35, label=name)
        axes.plot(x, _density(x, *each), color=color)
    axes.set(xlim=(-6, 6), ylim=(0, 1.05), title=f"q = N({mean:.2f}, {std:.2f}²)")
    axes.legend(loc="upper right")


def _draw_divergences(axes: Axes, divergences: dict[str, float], longest: float = 4.0) -> None:
    """Bars on one fixed axis, so that they can be seen to move; the number goes on past its end."""
    shown = [min(nats, longest) for nats in divergences.values()]
    axes.barh(list(divergences), shown, color=["C1", "C0", "C2"], height=0.65)
    for row, (nats, length) in enumerate(zip(divergences.values(), shown, strict=True)):
        text = f"{nats:.3f}" + (" →" if nats > longest else "")
        axes.text(length + 0.05, row, text, va="center", bbox=WHITE_BOX)
    axes.axvline(math.log(2), color="C2", linestyle=":")  # no JS goes beyond it
    axes.set(xlim=(0, 1.35 * longest), xlabel="nats  (dotted: log 2)", xticks=range(5))
    axes.invert_yaxis()


class LatentPad(anywidget.AnyWidget):
    """A picture with a point to drag (pointer or arrow keys), and beside it what the point gives.

    `point` is [x, y] in the coordinates of `extent`; `background` and `picture` are PNG files.
    """

    _esm = Path(__file__).with_name("latent_pad.js")
    extent = traitlets.List(traitlets.Float()).tag(sync=True)
    point = traitlets.List(traitlets.Float()).tag(sync=True)
    background = traitlets.Bytes().tag(sync=True)
    picture = traitlets.Bytes().tag(sync=True)


def latent_explorer(
    decode: Callable[[Tensor], Tensor],
    background: Tensor | bytes,
    low: float = -3,
    high: float = 3,
    extent: Extent | None = None,
) -> LatentPad | None:
    """Drag a point over a map of a 2-D latent space and see what it decodes to.

    `decode` takes z `(1, 2)` on the CPU and returns an image `(1, C, H, W)` in [0, 1], on any
    device. `background` is the map, an image `(C, H, W)` in [0, 1] or a PNG file's bytes, such as
    `latent_map(means, labels)` or a grid of decoded images. Both axes run from `low` to `high`, y
    upwards as in a plot; `extent` (left, right, bottom, top) says otherwise, as imshow's does. For
    a grid over normal quantiles, whose second latent grows downwards:

        by_quantile = lambda u: decode(Normal(0, 1).icdf(u))
        latent_explorer(by_quantile, grid, extent=(0.05, 0.95, 0.95, 0.05))

    Raises ValueError for a background or a decoded image of another shape or range.

    >>> latent_explorer(lambda z: z.sigmoid().reshape(1, 1, 1, 2), torch.rand(3, 60, 60))
    """
    extent = extent or (low, high, low, high)
    png = background if isinstance(background, bytes) else _png("background", background)

    @torch.no_grad()
    def picture(point: tuple[float, float] | list[float]) -> bytes:
        images = decode(torch.tensor([point], dtype=torch.float32))
        if images.ndim != 4 or len(images) != 1:
            raise ValueError(f"decode must give (1, C, H, W) for one z; got {tuple(images.shape)}")
        return _png("decode(z)", images[0])

    if is_static():
        show(_latent_figure(picture, png, extent))
        return None
    middle = [(extent[0] + extent[1]) / 2, (extent[2] + extent[3]) / 2]
    pad = LatentPad(extent=list(extent), point=middle, background=png, picture=picture(middle))

    def follow(change: dict) -> None:
        pad.picture = picture(change["new"])

    pad.observe(follow, "point")
    return pad


def latent_map(means: Tensor, labels: Tensor, low: float = -3, high: float = 3) -> Tensor:
    """Latent means `(N, 2)`, dots coloured by `labels` `(N,)`: an image `(3, 480, 480)` in [0, 1].

    The picture has no margin: its edges are `low` and `high`, y upwards, so that it can lie under
    `latent_explorer`. Each class carries its label where its means are centred.

    >>> latent_map(torch.randn(100, 2), torch.arange(100) % 10).shape
    torch.Size([3, 480, 480])
    """
    means, labels = means.detach().cpu(), labels.detach().cpu()
    if means.ndim != 2 or means.shape[1] != 2 or labels.shape != means.shape[:1]:
        raise ValueError(
            f"means must be (N, 2) and labels (N,); got {tuple(means.shape)} and "
            f"{tuple(labels.shape)}"
        )
    figure = Figure(figsize=(6, 6), dpi=80, layout="none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(low, high), ylim=(low, high))
    axes.axis("off")
    colors = matplotlib.colormaps["tab10"]
    for index, label in enumerate(labels.unique().tolist()):
        x, y = means[labels == label].T
        axes.scatter(x, y, s=6, color=colors(index % 10), linewidths=0, alpha=0.7)
        axes.text(
            x.median(), y.median(), str(label), fontsize=15, clip_on=True,
            ha="center", va="center", bbox=WHITE_BOX,
        )  # fmt: skip
    pixels = np.array(Image.open(io.BytesIO(to_png(figure))).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255


def _latent_figure(picture: Callable, png: bytes, extent: Extent, stops: int = 8) -> Figure:
    """The map with numbered stops on a closed path, and what is decoded at each of them."""
    left, right, bottom, top = extent
    angle = np.linspace(0, 2 * np.pi, stops, endpoint=False)
    x = (left + right) / 2 + 0.3 * (right - left) * np.cos(angle)
    y = (bottom + top) / 2 + 0.3 * (top - bottom) * np.sin(angle)
    figure = Figure(figsize=(8.4, 3.6))
    map_side, image_side = figure.subfigures(1, 2, width_ratios=(3.4, 5))
    axes = map_side.subplots()
    axes.imshow(Image.open(io.BytesIO(png)), extent=extent, aspect="auto")
    axes.set(title="a walk over the latent map", xlabel="z₁", ylabel="z₂", box_aspect=1)
    axes.grid(False)
    axes.plot(np.append(x, x[0]), np.append(y, y[0]), color="white", linewidth=4)
    axes.plot(np.append(x, x[0]), np.append(y, y[0]), color="C1", linewidth=2)
    for number, (ax, here) in enumerate(
        zip(image_side.subplots(2, stops // 2).flat, zip(x, y, strict=True), strict=True), start=1
    ):
        badge = {"boxstyle": "circle", "facecolor": "C1", "edgecolor": "white"}
        axes.text(*here, str(number), color="white", ha="center", va="center", bbox=badge)
        ax.imshow(Image.open(io.BytesIO(picture(here))), vmin=0, vmax=255)
        ax.set_title(f"{number}")
        ax.axis("off")
    return figure


def _png(name: str, image: Tensor) -> bytes:
    """An image `(C, H, W)` in [0, 1] as a PNG file's bytes, or ValueError."""
    image = image.detach().to("cpu", torch.float32)
    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise ValueError(f"{name} must be an image (C, H, W), C = 1 or 3; got {tuple(image.shape)}")
    if not (image.min() >= -1e-3 and image.max() <= 1 + 1e-3):  # so written, NaN is caught too
        raise ValueError(
            f"{name} must lie in [0, 1]; got [{image.min().item():.4g}, {image.max().item():.4g}]: "
            f"a decoder that gives logits needs .sigmoid()"
        )
    pixels = (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).squeeze(-1)
    file = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(file, format="png")
    return file.getvalue()
