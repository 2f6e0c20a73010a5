"""Figures of what a training step costs: parts of a step, bounds and measured rates, gains.

Each `plot_` function returns a Figure for `plotting.show`.
"""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor


def plot_parts(parts: Mapping[str, float], title: str) -> Figure:
    """The parts of a step as one bar, milliseconds by name.

    >>> figure = plot_parts({"fetch": 3.0, "forward": 2.0}, "A step")
    """
    figure = Figure(figsize=(7, 1.6))
    axes, left = figure.subplots(), 0.0
    for name, milliseconds in parts.items():
        axes.barh(0, milliseconds, left=left)
        axes.text(left + milliseconds / 2, 0, name, color="white", ha="center", va="center")
        left += milliseconds
    axes.set(title=title, xlabel="milliseconds", yticks=[], ylim=(-0.5, 0.5))
    return figure


def plot_limits(
    sizes: Sequence[int],
    limits: Mapping[str, Sequence[float]],
    measured: Sequence[float],
    spread: tuple[Sequence[float], Sequence[float]] | None = None,
    *,
    title: str,
    unit: str,
) -> Figure:
    """Bounds (dashed) and what was measured (black), against batch sizes, on two log axes.

    spread: the lowest and the highest measured value at each size, drawn as a band.

    >>> figure = plot_limits((1, 10), {"bytes": (1, 2)}, (2, 3), title="A layer", unit="µs")
    """
    figure = Figure(figsize=(6.4, 3.2))
    axes = figure.subplots()
    for name, values in limits.items():
        axes.loglog(sizes, values, linestyle="--", label=name)
    axes.loglog(sizes, measured, "o-", color="black", label="measured")
    if spread:
        axes.fill_between(sizes, *spread, color="black", alpha=0.15)
    axes.set(title=title, xlabel="batch size", ylabel=unit)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
    axes.legend()
    return figure


def plot_gains(
    rates: Mapping[str, Tensor],
    predicted: Mapping[str, float],
    measured: Mapping[str, float],
    title: str,
) -> Figure:
    """Left: rates `(rounds,)` by name, medians and ranges. Right: gains, predicted and measured.

    >>> rates = {"slow": torch.tensor([1.0, 2, 3]), "fast": torch.tensor([4.0, 5, 6])}
    >>> figure = plot_gains(rates, {"an idea": 2.0}, {"an idea": 2.5}, "Rates")
    """
    figure = Figure(figsize=(760 / 90, 3.2))
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    rows = torch.stack([rate.float() for rate in rates.values()])
    medians = rows.median(dim=1).values
    ranges = torch.stack([medians - rows.amin(dim=1), rows.amax(dim=1) - medians]).numpy()
    left.barh(range(len(rates)), medians.numpy(), xerr=ranges, capsize=3)
    left.set_yticks(range(len(rates)), list(rates))
    left.invert_yaxis()
    left.set(title=title, xlabel="images a second")
    for (name, gain), marker in zip(measured.items(), "os^vDP*X", strict=False):
        right.plot(predicted[name], gain, marker, label=name)
    high = 1.1 * max(*predicted.values(), *measured.values())
    right.plot([0.8, high], [0.8, high], color="gray", linewidth=1)
    right.set(title="Gains, one by one", xlabel="predicted (×)", ylabel="measured (×)")
    right.legend(fontsize=8)
    return figure


def plot_kernels(grids: Mapping[str, Tensor]) -> Figure:
    """Small matrices of positive whole numbers side by side, each number written in its cell.

    >>> figure = plot_kernels({"weights": torch.tensor([[1.0, 20], [300, 4]])})
    """
    figure = Figure(figsize=(760 / 90, 2.8))
    panels = figure.subplots(1, len(grids), squeeze=False)[0]
    for axes, (name, grid) in zip(panels, grids.items(), strict=True):
        axes.matshow(grid.detach().log(), cmap="Blues")
        for row, values in enumerate(grid.tolist()):
            for column, value in enumerate(values):
                color = "white" if value > grid.max() / 10 else "black"
                axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=color)
        axes.set(title=name, xticks=[], yticks=[])
    return figure


def plot_race(races: Mapping[str, Mapping[str, Tensor]]) -> Figure:
    """Training losses of equal seconds, by the clock and by updates.

    races: by name, `loss` and `seconds` `(updates,)`; one window smooths all, so that the right
    panel compares like with like.

    >>> row = {"loss": torch.rand(9), "seconds": torch.arange(9.0)}
    >>> figure = plot_race({"slow": row, "fast": row})
    """
    figure = Figure(figsize=(760 / 90, 3.0))
    left, right = figure.subplots(1, 2, sharey=True)
    fewest = min(len(race["loss"]) for race in races.values())
    window = max(1, fewest // 25)
    for name, race in races.items():
        smooth = torch.nn.functional.avg_pool1d(race["loss"][None], window, stride=1)[0]
        left.plot(race["seconds"][window - 1 :], smooth, label=name)
        right.plot(torch.arange(window, len(race["loss"]) + 1), smooth, label=name)
    left.set(title="The same seconds", xlabel="seconds", ylabel="training loss (nats)")
    right.set(title="The same updates", xlabel="updates", xlim=(0, fewest))
    left.set_ylim(top=min(200.0, left.get_ylim()[1]))
    left.legend()
    return figure
