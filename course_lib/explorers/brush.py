"""A hole painted into an image by the reader's hand, and what a model puts there."""

from collections.abc import Callable
from pathlib import Path

import anywidget
import ipywidgets
import torch
import traitlets
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.environment import is_static
from course_lib.plotting import plot_images, show

from .latent import _png

Fill = Callable[[Tensor, Tensor], Tensor]  # image, mask (1, 1, H, W), 1 where known, to an image
# Of the static figure: top, bottom, left and right edge of each hole, as parts of the sides
HOLES = ((0.3, 0.6, 0.3, 0.7), (0.0, 0.5, 0.0, 1.0), (0.2, 0.9, 0.45, 0.75))


class BrushPad(anywidget.AnyWidget):
    """An image to paint a hole into (pointer, or arrow keys and space), and what fills it.

    `painted` has a character for each pixel, row by row: "1" where the reader has painted. It comes
    when a stroke ends. `picture` and `result` are PNG files; `size` is [H, W].
    """

    _esm = Path(__file__).with_name("brush.js")
    size = traitlets.List(traitlets.Int()).tag(sync=True)
    radius = traitlets.Float(1.5).tag(sync=True)
    painted = traitlets.Unicode().tag(sync=True)
    picture = traitlets.Bytes().tag(sync=True)
    result = traitlets.Bytes().tag(sync=True)


def brush_explorer(fill: Fill, images: Tensor, radius: float = 1.5) -> ipywidgets.VBox | None:
    """Paint a hole into one of `images` and see what `fill` puts there.

    `images` are `(N, C, H, W)` in [0, 1]. `fill(image, mask)` gets one of them, `(1, C, H, W)` on
    the CPU with the hole black, and a mask `(1, 1, H, W)` of 1 where the pixel is known; it returns
    an image of the same shape in [0, 1], on any device. What is painted over never reaches it.
    `radius` is the brush's, in pixels.

    Raises ValueError for images of another shape or range, and for a result of another shape.

    >>> brush_explorer(lambda image, mask: image * mask + 0.5 * (1 - mask), torch.rand(2, 1, 8, 8))
    """
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"images must be (N, C, H, W) with N > 0; got {tuple(images.shape)}")
    scene = _Scene(fill, images.detach().cpu())
    if is_static():
        show(_static_figure(scene))
        return None
    size = list(images.shape[2:])
    clean = "0" * (size[0] * size[1])
    picture = scene.png(0)
    pad = BrushPad(size=size, radius=radius, painted=clean, picture=picture, result=picture)
    which = ipywidgets.IntSlider(0, min=0, max=len(images) - 1, description="image")

    def another(_change: object) -> None:
        pad.picture = scene.png(which.value)
        if pad.painted == clean:
            refill(None)
        else:
            pad.painted = clean  # which fills anew

    def refill(_change: object) -> None:
        mask = 1 - torch.tensor([int(c) for c in pad.painted]).float().reshape(1, 1, *size)
        pad.result = _png("fill(image, mask)", scene.filled(which.value, mask)[0])

    which.observe(another, "value")
    pad.observe(refill, "painted")
    layout = ipywidgets.Layout(align_items="flex-start")
    return ipywidgets.VBox([which, pad], layout=layout).add_class("brush-explorer")


class _Scene:
    """The images, and what fills a hole in one of them."""

    def __init__(self, fill: Fill, images: Tensor) -> None:
        self._fill, self.images = fill, images

    def png(self, which: int) -> bytes:
        return _png("images", self.images[which])

    def filled(self, which: int, mask: Tensor) -> Tensor:
        image = self.images[which : which + 1]
        if mask.min() > 0:
            return image  # there is no hole
        result = self._fill(image * mask, mask).detach().to("cpu", torch.float32)
        if result.shape != image.shape:
            raise ValueError(
                f"fill must give {tuple(image.shape)}, as it was given; got {tuple(result.shape)}"
            )
        return result


def _static_figure(scene: _Scene) -> Figure:
    """A row for each of three images: it, it with a hole, and it filled; for three holes."""
    height, width = scene.images.shape[2:]
    tiles = []
    for which in range(min(3, len(scene.images))):
        image = scene.images[which : which + 1]
        tiles.append(image)
        for top, bottom, left, right in HOLES:
            mask = torch.ones(1, 1, height, width)
            rows = slice(round(top * height), round(bottom * height))
            mask[:, :, rows, round(left * width) : round(right * width)] = 0
            tiles += [image * mask + 0.5 * (1 - mask), scene.filled(which, mask)]
    labels = ["image", *["hole", "filled"] * len(HOLES)] * (len(tiles) // (1 + 2 * len(HOLES)))
    title = "Holes, and what the model puts there"
    return plot_images(torch.cat(tiles), 1 + 2 * len(HOLES), title, labels=labels)
