"""What became of the same latents: the samples of recorded moments of one or several runs."""

from collections.abc import Mapping

import ipywidgets
import torch
from torch import Tensor

from course_lib.environment import is_static
from course_lib.plotting import plot_images, show, to_png

Moments = Mapping[int, Tensor]  # step: images (B, C, H, W)
STATIC_ROWS, STATIC_COLUMNS = 5, 10


def moments_explorer(
    runs: Mapping[str, Moments],
    value_range: tuple[float, float] = (0, 1),
    columns: int = 8,
) -> ipywidgets.VBox | None:
    """Slide through a training and see what a generator makes of the same z at each moment.

    `runs` has, for each run by its name, images `(B, C, H, W)` in `value_range` by step, in rising
    order; B and the shape are one within a run, and image b is always of the same z. The slider
    stops at the recorded moments; a menu changes the run. The static figure is of the last run.

    Raises ValueError where there is no run, a run without a moment, steps that do not rise, or
    moments of different shapes.

    >>> run = {0: torch.zeros(4, 1, 8, 8), 100: torch.rand(4, 1, 8, 8)}
    >>> moments_explorer({"a GAN": run})
    """
    for name, moments in runs.items():
        _require_one_shape(name, moments)
    if not runs:
        raise ValueError("runs must hold at least one run; got none")
    if is_static():
        show(_static_figure(*list(runs.items())[-1], value_range))
        return None

    names = list(runs)
    menu = ipywidgets.Dropdown(options=names, value=names[0], description="run")
    moment = ipywidgets.IntSlider(
        0, min=0, max=len(runs[names[0]]) - 1, description="moment", readout=False
    )
    words, picture = ipywidgets.HTML(), ipywidgets.Image(format="png")

    def redraw(_change: object = None) -> None:
        moments = runs[menu.value]
        step = list(moments)[moment.value]
        words.value = f"step <b>{step:,}</b> of {max(moments):,}, the same z as ever"
        figure = plot_images(moments[step], columns, value_range=value_range, size=0.8)
        picture.value = to_png(figure)

    def change_run(_change: object) -> None:
        moment.max = len(runs[menu.value]) - 1  # a moment beyond the end moves to it by itself
        redraw()

    moment.observe(redraw, "value")
    menu.observe(change_run, "value")
    redraw()
    layout = ipywidgets.Layout(align_items="flex-start")  # or the picture is stretched
    explorer = ipywidgets.VBox([menu, moment, words, picture], layout=layout)
    return explorer.add_class("moments-explorer")


def _require_one_shape(name: str, moments: Moments) -> None:
    steps, shapes = list(moments), {tuple(images.shape) for images in moments.values()}
    if not steps or steps != sorted(steps):
        raise ValueError(f"the moments of {name!r} must be steps in rising order; got {steps}")
    if len(shapes) > 1:
        raise ValueError(f"all moments of {name!r} must have one shape; got {sorted(shapes)}")


def _static_figure(name: str, moments: Moments, value_range: tuple[float, float]):
    """A row for each of some moments, a column for each of some z."""
    steps = list(moments)
    places = torch.linspace(0, len(steps) - 1, min(STATIC_ROWS, len(steps))).round().int().tolist()
    rows = [moments[steps[at]][:STATIC_COLUMNS] for at in places]
    return plot_images(
        torch.cat(rows),
        columns=len(rows[0]),
        title=f"{name}: each column one z, at rising steps",
        value_range=value_range,
        row_titles=[f"{steps[at]:,}" for at in places],
        size=0.5,
    )
