"""A translation, recorded while it was learned: an image, there, back, and its true partner."""

from collections.abc import Mapping, Sequence

import ipywidgets
import torch
from einops import rearrange
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.environment import is_static
from course_lib.plotting import plot_images, show

from .latent import _png

COLUMNS = ("image", "translated", "returned", "true partner")
STATIC_IMAGES = 3


def translation_explorer(
    images: Tensor,
    partners: Tensor,
    recordings: Mapping[int, tuple[Tensor, Tensor]],
    names: Sequence[str],
) -> ipywidgets.VBox | None:
    """Choose an image and a step of training; see image, translation, return and true partner.

    `images` and `partners` are `(N, C, H, W)` in [0, 1], `names` N texts. `recordings` has, for
    each recorded number of steps, the translated and the returned images, both of that shape.

    Raises ValueError for images of another shape, another number of names, and no recording.

    >>> images = torch.rand(2, 3, 8, 8)
    >>> translation_explorer(images, images, {0: (images, images)}, ["one", "other"])
    """
    _require_fit(images, partners, recordings, names)
    if is_static():
        show(_static_figure(images, partners, recordings, names))
        return None
    steps = sorted(recordings)
    number = ipywidgets.Dropdown(options=list(zip(names, range(len(names)), strict=True)), value=0)
    number.description = "image"
    step = ipywidgets.SelectionSlider(options=steps, value=steps[-1], description="steps")
    picture = ipywidgets.Image(format="png", width=420)
    picture.layout.object_fit = "contain"
    words = ipywidgets.HTML()

    def redraw(_change: object = None) -> None:
        row = _row(images, partners, recordings, number.value, step.value)
        picture.value = _png("images", rearrange(row, "k c h w -> c h (k w)"))
        distance = (row[1] - row[3]).abs().mean().item()
        back = (row[2] - row[0]).abs().mean().item()
        words.value = (
            f"{' · '.join(COLUMNS)}<br>after <b>{step.value:,}</b> steps: L1 to the partner "
            f"<b>{2 * distance:.3f}</b>, of the return <b>{2 * back:.3f}</b>"
        )

    for control in (number, step):
        control.observe(redraw, "value")
    redraw()
    layout = ipywidgets.Layout(align_items="flex-start")  # or the picture is stretched
    explorer = ipywidgets.VBox([number, step, picture, words], layout=layout)
    return explorer.add_class("translation-explorer")


def _row(images: Tensor, partners: Tensor, recordings: Mapping, at: int, step: int) -> Tensor:
    """The four images of one, `(4, C, H, W)`."""
    translated, returned = recordings[step]
    four = (images[at], translated[at], returned[at], partners[at])
    return torch.stack([each.detach().to("cpu", torch.float32) for each in four])


def _require_fit(images: Tensor, partners: Tensor, recordings: Mapping, names: Sequence) -> None:
    given = [images, partners, *(each for pair in recordings.values() for each in pair)]
    shapes = {tuple(each.shape) for each in given}
    if not recordings or len(shapes) != 1 or images.ndim != 4 or len(names) != len(images):
        raise ValueError(
            "images, partners and each recorded pair must be (N, C, H, W) of one shape, with N "
            f"names and at least one recording; got {sorted(shapes)}, {len(names)} names, "
            f"{len(recordings)} recordings"
        )


def _static_figure(images: Tensor, partners: Tensor, recordings: Mapping, names: list) -> Figure:
    """A row for each of the first images and each of the first and the last recorded step."""
    steps = [min(recordings), max(recordings)]
    shown = range(min(STATIC_IMAGES, len(images)))
    rows = [
        _row(images, partners, recordings, at, step)
        for at in shown
        for step in dict.fromkeys(steps)
    ]
    titles = [f"{names[at]}, {step:,} steps" for at in shown for step in dict.fromkeys(steps)]
    labels = [*COLUMNS, *[""] * (4 * len(rows) - 4)]
    return plot_images(
        torch.cat(rows), 4, "There and back", labels=labels, row_titles=titles, size=1.3
    )
