"""A conditional generator under the reader's hand: choose a label, walk through z."""

from collections.abc import Callable

import ipywidgets
import torch
from einops import rearrange
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.environment import is_static
from course_lib.plotting import plot_images, show

from .latent import LatentPad, _png

Draw = Callable[[Tensor, Tensor], Tensor]  # points (N, 2), labels (N,) to images (N, C, H, W)
MAP_SIDE = 7  # images along each side of the map
STOPS = ((-1.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, -1.0))  # of the static walk, times reach / 2


def label_explorer(draw: Draw, classes: int = 10, reach: float = 2.0) -> ipywidgets.VBox | None:
    """Choose a label and drag a point over a plane of z; a strip shows that z with every label.

    `draw` maps points `(N, 2)` of the plane and integer labels `(N,)`, both on the CPU, to images
    `(N, C, H, W)` in [0, 1], on any device. The plane reaches from -`reach` to `reach` along both
    axes, y upwards; the map below the point is made of images of the chosen label.

    Raises ValueError for fewer than two classes and for images of another shape or range.

    >>> def draw(points, labels):
    ...     return (points.sum(1) + labels).sigmoid()[:, None, None, None].expand(-1, 1, 6, 6)
    >>> label_explorer(draw, classes=3)
    """
    if classes < 2:
        raise ValueError(f"classes must be at least 2; got {classes}")
    scene = _Scene(draw, classes, reach)
    if is_static():
        show(_static_figure(scene))
        return None
    buttons = ipywidgets.ToggleButtons(
        options=range(classes), value=0, description="label", style={"button_width": "44px"}
    )
    pad = LatentPad(
        extent=[-reach, reach, -reach, reach],
        point=[0.0, 0.0],
        background=scene.map(0),
        picture=scene.at((0.0, 0.0), 0),
    )
    strip = ipywidgets.Image(format="png", value=scene.strip((0.0, 0.0)), width=60 * classes)
    strip.layout.object_fit = "contain"

    def choose(change: dict) -> None:
        pad.background = scene.map(change["new"])
        pad.picture = scene.at(pad.point, change["new"])

    def follow(change: dict) -> None:
        pad.picture = scene.at(change["new"], buttons.value)
        strip.value = scene.strip(change["new"])

    buttons.observe(choose, "value")
    pad.observe(follow, "point")
    layout = ipywidgets.Layout(align_items="flex-start")  # or the strip is stretched
    return ipywidgets.VBox([buttons, pad, strip], layout=layout).add_class("label-explorer")


class _Scene:
    """What is drawn at a point, for a label, and for all of them; the maps are kept."""

    def __init__(self, draw: Draw, classes: int, reach: float) -> None:
        self._draw, self.classes, self.reach = draw, classes, reach
        self._maps: dict[int, bytes] = {}

    @torch.no_grad()
    def images(self, points: Tensor, labels: Tensor) -> Tensor:
        images = self._draw(points, labels)
        if images.ndim != 4 or len(images) != len(points):
            raise ValueError(
                f"draw must give ({len(points)}, C, H, W) for {len(points)} points; "
                f"got {tuple(images.shape)}"
            )
        return images.detach().to("cpu", torch.float32)

    def at(self, point, label: int) -> bytes:
        image = self.images(torch.tensor([list(point)]).float(), torch.tensor([label]))
        return _png("draw(points, labels)", image[0])

    def every(self, point) -> Tensor:
        """The images of one point with every label, `(classes, C, H, W)`."""
        points = torch.tensor([list(point)]).float().expand(self.classes, 2)
        return self.images(points, torch.arange(self.classes))

    def strip(self, point) -> bytes:
        return _png("draw(points, labels)", rearrange(self.every(point), "k c h w -> c h (k w)"))

    def map(self, label: int) -> bytes:
        if label not in self._maps:
            # the middle of each tile is the point whose image it shows
            ticks = (torch.arange(MAP_SIDE) + 0.5) / MAP_SIDE * 2 * self.reach - self.reach
            across, up = torch.meshgrid(ticks, ticks.flip(0), indexing="xy")
            points = torch.stack([across.flatten(), up.flatten()], dim=1)
            tiles = self.images(points, torch.full((len(points),), label))
            mosaic = rearrange(tiles, "(r s) c h w -> c (r h) (s w)", s=MAP_SIDE)
            self._maps[label] = _png("draw(points, labels)", mosaic)
        return self._maps[label]


def _static_figure(scene: _Scene) -> Figure:
    """A row for each stop of a walk, a column for each label."""
    stops = [tuple(scene.reach / 2 * part for part in stop) for stop in STOPS]
    images = torch.cat([scene.every(stop) for stop in stops])
    titles = [f"({across:g}, {up:g})" for across, up in stops]
    return plot_images(images, scene.classes, "A walk in z, with every label", row_titles=titles)
