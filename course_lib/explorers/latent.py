"""A point dragged over a map of a latent space, and what it decodes to."""

import io
from collections.abc import Callable
from pathlib import Path

import anywidget
import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from course_lib.environment import is_static
from course_lib.plotting import WHITE_BOX, show, to_png

Extent = tuple[float, float, float, float]  # left, right, bottom, top, as imshow has it
# Paul Tol's muted colors and black, told apart by readers who see no difference of red and green
CLASS_COLORS = (
    *("#332288", "#88ccee", "#44aa99", "#117733", "#999933"),
    *("#ddcc77", "#cc6677", "#882255", "#aa4499", "#000000"),
)


class LatentPad(anywidget.AnyWidget):
    """A picture with a point to drag (pointer or arrow keys), and beside it what the point gives.

    `point` is [x, y] in the coordinates of `extent`; `background` and `picture` are PNG files.
    """

    _esm = Path(__file__).with_name("pad.js")
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
    """Latent means `(N, 2)`, dots colored by `labels` `(N,)`: an image `(3, 480, 480)` in [0, 1].

    The picture has no margin: its edges are `low` and `high`, y upwards, so that it can lie under
    `latent_explorer`. Each class carries its label where its means are centred, or as near as the
    other labels allow.

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
    classes = labels.unique().tolist()
    centers = torch.stack([means[labels == label].median(dim=0).values for label in classes])
    places = _apart(centers, least=0.07 * (high - low))
    for index, (label, (x, y)) in enumerate(zip(classes, places.tolist(), strict=True)):
        color = CLASS_COLORS[index % len(CLASS_COLORS)]
        axes.scatter(*means[labels == label].T, s=6, color=color, linewidths=0, alpha=0.7)
        axes.text(
            x, y, str(label), fontsize=15, clip_on=True, ha="center", va="center", zorder=3,
            bbox=WHITE_BOX | {"edgecolor": color, "linewidth": 2.5},
        )  # fmt: skip
    pixels = np.array(Image.open(io.BytesIO(to_png(figure))).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255


def _apart(points: Tensor, least: float, rounds: int = 200) -> Tensor:
    """Points `(N, 2)`, pushed away from each other until no two are nearer than `least`.

    >>> _apart(torch.tensor([[0.0, 0.0], [0.5, 0.0], [9.0, 0.0]]), least=1.0)
    tensor([[-0.2500,  0.0000],
            [ 0.7500,  0.0000],
            [ 9.0000,  0.0000]])
    """
    points = points.clone().float()
    for _ in range(rounds):
        away = points[:, None] - points
        distance = away.norm(dim=2).clamp(min=1e-6)
        push = (least - distance).clamp(min=0).fill_diagonal_(0) / 2
        if push.max() < 1e-3 * least:
            break
        points = points + (away / distance[..., None] * push[..., None]).sum(dim=1)
    return points


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
