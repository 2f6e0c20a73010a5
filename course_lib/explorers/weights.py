"""A sum of importance weights, draw after draw: whose it is, the bound it gives, and its size."""

import math
from collections.abc import Mapping

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.environment import is_static
from course_lib.plotting import show, to_png

MOST_BARS = 40


def weights_explorer(
    log_weights: Mapping[str, Tensor], draws: int = 50, truth: Mapping[str, float] | None = None
) -> ipywidgets.VBox | None:
    """Slide K, the number of draws, and see how few of their weights carry the estimate.

    `log_weights` has, for each image by its name, the log weights `(N,)` of N draws in nats. The
    bars are the shares of the first K of them, the heaviest first: shares add up to 1, and are also
    the weights of the K draws in the gradient of an importance-weighted bound. Beside them is the
    bound log mean w after each draw, and log p(x) where `truth` names it.

    Raises ValueError where there is no image, or one without draws.

    >>> weights_explorer({"an image": torch.randn(100) - 90}, draws=20)
    """
    shapes = {name: tuple(values.shape) for name, values in log_weights.items()}
    if not shapes or any(len(shape) != 1 or shape[0] == 0 for shape in shapes.values()):
        raise ValueError(f"log_weights must hold log weights (N,) by name, N > 0; got {shapes}")
    truth = truth or {}
    if is_static():
        show(_static_figure(log_weights, draws, truth))
        return None

    names = list(log_weights)
    powers = [round(10 ** (step / 10)) for step in range(51)]
    menu = ipywidgets.Dropdown(options=names, value=names[0], description="image")
    count = ipywidgets.SelectionSlider(
        options=sorted({k for k in powers if k <= max(map(len, log_weights.values()))}),
        description="draws K",
    )
    count.value = min(count.options, key=lambda k: abs(k - draws))
    words, picture = ipywidgets.HTML(), ipywidgets.Image(format="png")

    def redraw(_change: object = None) -> None:
        values = log_weights[menu.value]
        k = min(count.value, len(values))
        bound, size = bound_and_size(values[:k])
        words.value = (
            f"K = <b>{k:,}</b>: the bound <b>{bound:.2f}</b> nats, "
            f"effective sample size <b>{size:.1f}</b>"
        )
        figure = Figure(figsize=(8.4, 3), dpi=80)
        _draw(*figure.subplots(1, 2), menu.value, values, k, truth.get(menu.value))
        picture.value = to_png(figure)

    count.observe(redraw, "value")
    menu.observe(redraw, "value")
    redraw()
    layout = ipywidgets.Layout(align_items="flex-start")  # or the picture is stretched
    explorer = ipywidgets.VBox([menu, count, words, picture], layout=layout)
    return explorer.add_class("weights-explorer")


def bound_and_size(log_weights: Tensor) -> tuple[float, float]:
    """log of the mean weight of draws `(K,)` in nats, and Kish's (sum w)² / sum w².

    >>> [round(value, 3) for value in bound_and_size(torch.tensor([-90.0, -90.0, -500.0]))]
    [-90.405, 2.0]
    """
    bound = log_weights.logsumexp(dim=0) - math.log(len(log_weights))
    return bound.item(), 1 / log_weights.softmax(dim=0).square().sum().item()


def _draw(
    left: Axes, right: Axes, name: str, log_weights: Tensor, k: int, truth: float | None
) -> None:
    """Shares of the first k draws as bars, and the bound after each draw up to them."""
    shares = log_weights[:k].softmax(dim=0).sort(descending=True).values[:MOST_BARS]
    left.bar(range(1, len(shares) + 1), shares.tolist(), color="C1")
    rest = f"the {MOST_BARS} heaviest of {k:,} draws" if k > MOST_BARS else f"all {k:,} draws"
    left.set(title=f"{name}: {rest}", xlabel="draw, heaviest first", ylabel="share of the sum")
    left.set(xlim=(0.3, max(10, len(shares)) + 0.7), ylim=(0, 1))
    left.xaxis.get_major_locator().set_params(integer=True)
    bounds = log_weights.logcumsumexp(dim=0) - torch.arange(1, len(log_weights) + 1).log()
    right.plot(range(1, len(bounds) + 1), bounds, color="0.75", linewidth=1)
    right.plot(range(1, k + 1), bounds[:k], color="C0")
    right.plot(k, bounds[k - 1], "o", color="C0")
    if truth is not None:
        right.axhline(truth, color="gray", linestyle="--", label="log p(x)")
        right.legend(loc="lower right")
    right.set(title="log of the mean weight so far", xlabel="draws", ylabel="nats", xscale="log")


def _static_figure(
    log_weights: Mapping[str, Tensor], draws: int, truth: Mapping[str, float]
) -> Figure:
    """A row for each image, at K = `draws`."""
    figure = Figure(figsize=(9, 2.5 * len(log_weights)))
    rows = figure.subplots(len(log_weights), 2, squeeze=False)
    for axes, (name, values) in zip(rows, log_weights.items(), strict=True):
        k = min(draws, len(values))
        _draw(*axes, name, values, k, truth.get(name))
        bound, size = bound_and_size(values[:k])
        axes[1].set_title(f"bound {bound:.2f} nats, effective draws {size:.1f} of {k:,}")
    figure.suptitle("Whose sum is it? Weights of single draws")
    return figure
