"""Samples in the plane, recorded while methods learned: method, seed, moment."""

from collections.abc import Callable, Mapping

import ipywidgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.environment import is_static
from course_lib.plotting import show, to_png

Recording = Mapping[str, Tensor]
Score = Callable[[Tensor, Tensor], tuple[int, float]]  # samples, centers to (modes, share of good)
STATIC_MOMENTS = (0.0, 0.1, 0.4, 1.0)
SHOWN = 600  # points a picture: more of them only hide each other


def mode_explorer(
    centers: Tensor, recordings: Mapping[str, Recording], score: Score
) -> ipywidgets.VBox | None:
    """Watch samples gather at the modes; choose the method, the seed, and the moment.

    `centers` `(K, 2)` are drawn as circles. `recordings` has, for each method by name, a mapping
    with "evaluations" `(T,)` in rising order and "samples" `(T, seeds, N, 2)`. T may differ from
    method to method, the number of seeds may not. `score(samples, centers)` gives what is told
    below the picture: how many modes are found, and which share of the samples is good.

    Raises ValueError for recordings of other shapes.

    >>> import torch
    >>> centers, samples = torch.eye(2), torch.zeros(3, 2, 5, 2)
    >>> one = {"evaluations": torch.tensor([0, 10, 20]), "samples": samples}
    >>> mode_explorer(centers, {"some GAN": one}, score=lambda samples, centers: (0, 0.0))
    """
    seeds = _require_shapes(centers, recordings)
    view = _View(centers.cpu(), recordings, score)
    if is_static():
        show(_static_figure(view))
        return None

    method = ipywidgets.Dropdown(options=list(recordings), description="method")
    seed = ipywidgets.IntSlider(0, min=0, max=seeds - 1, description="seed")
    moment = ipywidgets.IntSlider(min=0, description="moment", continuous_update=True)
    readout, picture = ipywidgets.HTML(), ipywidgets.Image(format="png")

    def redraw(_change: object = None) -> None:
        readout.value = view.in_words(method.value, seed.value, moment.value)
        picture.value = to_png(_frame(view, method.value, seed.value, moment.value))

    def another_method(_change: object = None) -> None:
        moment.max = view.length(method.value) - 1  # a larger value is cut down to it
        redraw()

    moment.max = view.length(method.value) - 1
    moment.value = moment.max
    method.observe(another_method, "value")
    for slider in (seed, moment):
        slider.observe(redraw, "value")
    redraw()
    layout = ipywidgets.Layout(align_items="flex-start")  # or the picture is stretched
    explorer = ipywidgets.VBox([method, moment, seed, readout, picture], layout=layout)
    return explorer.add_class("mode-explorer")


def _require_shapes(centers: Tensor, recordings: Mapping[str, Recording]) -> int:
    """The number of seeds, or ValueError."""
    shapes = {name: tuple(r["samples"].shape) for name, r in recordings.items()}
    right = (
        len(shape) == 4 and shape[3] == 2 and shape[0] == len(recordings[name]["evaluations"])
        for name, shape in shapes.items()
    )
    if centers.ndim != 2 or centers.shape[1] != 2:
        raise ValueError(f"centers must be (K, 2); got {tuple(centers.shape)}")
    if not shapes or not all(right) or len({shape[1] for shape in shapes.values()}) > 1:
        raise ValueError(
            "recordings must have samples (T, seeds, N, 2) for each method, T as many as there are "
            f"evaluations, and one number of seeds; got {shapes or 'none'}"
        )
    return next(iter(shapes.values()))[1]


class _View:
    """The recordings, and what is drawn and said of one moment."""

    def __init__(self, centers: Tensor, recordings: Mapping[str, Recording], score: Score) -> None:
        self.centers, self.recordings, self.score = centers, recordings, score
        self.reach = 1.35 * centers.abs().max().item() + 0.2

    def length(self, method: str) -> int:
        return len(self.recordings[method]["evaluations"])

    def at(self, method: str, seed: int, moment: int) -> tuple[int, Tensor]:
        recording = self.recordings[method]
        evaluations = int(recording["evaluations"][moment])
        return evaluations, recording["samples"][moment, seed].cpu()

    def in_words(self, method: str, seed: int, moment: int) -> str:
        evaluations, samples = self.at(method, seed, moment)
        modes, share = self.score(samples, self.centers)
        return (
            f"<b>{evaluations:,}</b> gradient evaluations &emsp; <b>{modes}</b> of "
            f"{len(self.centers)} modes found, <b>{share:.0%}</b> of the samples good"
        )

    def draw(self, axes: Axes, method: str, seed: int, moment: int) -> None:
        _, samples = self.at(method, seed, moment)
        axes.plot(*self.centers.T, "o", mfc="none", color="0.55", ms=9)
        axes.plot(*samples[:SHOWN].T, ".", ms=2.5, alpha=0.5)
        axes.set(xlim=(-self.reach, self.reach), ylim=(-self.reach, self.reach), box_aspect=1)
        axes.grid(False)


def _frame(view: _View, method: str, seed: int, moment: int) -> Figure:
    figure = Figure(figsize=(4.6, 4.4), dpi=80, layout="none")
    figure.subplots_adjust(0.1, 0.08, 0.97, 0.93)
    axes = figure.subplots()
    view.draw(axes, method, seed, moment)
    axes.set_title(f"{method}, seed {seed}")
    return figure


def _static_figure(view: _View) -> Figure:
    """A row for each method, a column for each moment, the first seed."""
    methods = list(view.recordings)
    figure = Figure(figsize=(1.9 * len(STATIC_MOMENTS) + 0.4, 1.95 * len(methods) + 0.4))
    grid = figure.subplots(len(methods), len(STATIC_MOMENTS), squeeze=False)
    for row, method in zip(grid, methods, strict=True):
        for axes, part in zip(row, STATIC_MOMENTS, strict=True):
            moment = round(part * (view.length(method) - 1))
            evaluations, samples = view.at(method, 0, moment)
            view.draw(axes, method, 0, moment)
            modes, share = view.score(samples, view.centers)
            axes.set_title(f"{evaluations:,}: {modes} modes, {share:.0%}", fontsize=8)
            axes.set(xticks=[], yticks=[])
        row[0].set_ylabel(method, fontsize=9)
    figure.suptitle("Samples while they learn: gradient evaluations, modes found, share of good")
    return figure
