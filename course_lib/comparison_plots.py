"""Figures of a comparison: what three networks of a VAE-GAN learn from, and models side by side.

Each `plot_` function returns a Figure for `plotting.show`.
"""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.game_plots import MOVES, STILL, _arrow, _box
from course_lib.plotting import WHITE_BOX

Cell = tuple[float, float, float]  # median, smallest, largest
Table = Mapping[str, Mapping[str, Cell | int]]
# Who moves, and by which loss; the words below each panel
PLAYERS = (
    ("the encoder moves", {"E"}, "β KL + features", "KL", "feature loss, through D and G"),
    ("the decoder moves", {"G"}, "γ features + GAN", "", "feature loss and −log D, through D"),
    ("the discriminator moves", {"D"}, "GAN", "", "log-loss of real, fake, reconstruction"),
)


def plot_vae_gan() -> Figure:
    """A VAE-GAN's three updates: in each, who moves (green), and how far its gradient runs back.

    >>> figure = plot_vae_gan()
    """
    figure = Figure(figsize=(10.5, 3.3), layout="none")
    figure.subplots_adjust(0.005, 0.02, 0.995, 0.9, 0.02)
    for axes, player in zip(figure.subplots(1, 3), PLAYERS, strict=True):
        _draw_update(axes, *player)
    return figure


def _draw_update(axes: Axes, title: str, moving: set, loss: str, at_code: str, told: str) -> None:
    axes.set(xlim=(0, 12.2), ylim=(0, 6), title=title)
    axes.axis("off")
    place = {"x": 0.1, "E": 1.5, "z": 3.6, "G": 5.0, "D": 8.2}
    for name, width in (("x", 0.8), ("E", 1.4), ("z", 0.8), ("G", 1.4), ("D", 1.4)):
        inner = name in "EGD"
        color = MOVES if name in moving else STILL if inner else "white"
        _box(axes, place[name], 2.9, width, name, color)
    _box(axes, 2.5, 4.7, 2.3, "z ~ p(z)", "white")
    for start, end in ((0.9, 1.5), (2.9, 3.6), (4.4, 5.0), (6.4, 8.2)):
        _arrow(axes, (start, 3.45), (end, 3.45), "0.3")
    axes.plot([4.8, 5.7], [5.25, 5.25], color="0.3", lw=1.3)
    _arrow(axes, (5.7, 5.25), (5.7, 4.0), "0.3")
    axes.plot([0.5, 0.5, 8.9], [4.0, 5.9, 5.9], color="0.3", lw=1.3)
    _arrow(axes, (8.9, 5.9), (8.9, 4.0), "0.3")
    axes.text(7.3, 3.6, "x̃, fakes", ha="center", va="bottom", fontsize=8)
    axes.text(10.9, 3.45, loss.replace(" + ", "\n+ "), ha="center", va="center", fontsize=8)
    (mover,) = moving
    stop = place[mover] + 0.7
    axes.plot([10.9, 10.9, stop], [2.6, 1.7, 1.7], color="C1", lw=1.6, ls="--")
    _arrow(axes, (stop, 1.7), (stop, 2.9), "C1")
    if at_code:
        axes.text(4.0, 2.75, at_code, ha="center", va="top", fontsize=8, color="C1", bbox=WHITE_BOX)
    if mover != "E":
        x = 4.7 if mover == "G" else 7.3
        axes.plot([x - 0.12, x + 0.12], [3.05, 3.85], color="C1", lw=2.5)
        axes.text(x, 2.75, "cut", ha="center", va="top", fontsize=8, color="C1", bbox=WHITE_BOX)
    axes.text(5.5, 0.9, told, ha="center", va="center", fontsize=8.5, color="C1", bbox=WHITE_BOX)


def plot_comparison(
    table: Table,
    better: Mapping[str, int],
    reference: Mapping[str, float] | None = None,
    columns: int = 4,
) -> Figure:
    """A panel for each metric: every model's median as a dot, smallest to largest as a line.

    `table` is what lesson 16's `compare` gives, {model: {metric: (median, smallest, largest)}}.
    `better` names the metrics to draw, with 1 where larger is better, -1 where smaller is, and 0
    where neither is;
    `reference` has values to compare with, such as those of real images, drawn dashed. A model that
    lacks a metric says «none».

    >>> table = {"a": {"loss": (2.0, 1.0, 4.0), "failed": 0}, "b": {"failed": 3}}
    >>> figure = plot_comparison(table, {"loss": -1})
    """
    columns = min(columns, len(better))
    rows = math.ceil(len(better) / columns)
    size = (2.5 * columns + 0.8, (0.55 + 0.26 * len(table)) * rows + 0.3)
    figure = Figure(figsize=size)
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat[len(better) :]:
        axes.axis("off")
    for number, (axes, name) in enumerate(zip(panels.flat, better, strict=False)):
        _draw_metric(axes, table, name, better[name], number % columns == 0)
        if reference and name in reference:
            axes.axvline(reference[name], color="0.4", lw=1, ls="--", zorder=1)
    return figure


def _draw_metric(axes: Axes, table: Table, name: str, better: int, named: bool) -> None:
    for place, cells in enumerate(table.values()):
        if name not in cells:
            axes.text(0.5, place, "none", ha="center", va="center", fontsize=8, color="0.4",
                      transform=axes.get_yaxis_transform())  # fmt: skip
            continue
        median, smallest, largest = as_cell(cells[name])
        axes.plot([smallest, largest], [place, place], color=f"C{place}", lw=3, alpha=0.4)
        axes.plot(median, place, "o", color=f"C{place}", ms=6)
    arrow = {1: "  →", -1: "  ←", 0: ""}[better]
    axes.set_title(f"{name}{arrow} better" if named and better else f"{name}{arrow}", fontsize=9)
    axes.set(yticks=range(len(table)), ylim=(len(table) - 0.5, -0.5))
    axes.set_yticklabels(list(table) if named else [])
    axes.tick_params(labelsize=8)
    axes.margins(x=0.15)


def as_cell(value: Cell | float) -> Cell:
    """A count, which has no spread, as a cell of three equal numbers.

    >>> as_cell(2)
    (2.0, 2.0, 2.0)
    """
    return tuple(value) if isinstance(value, Sequence) else (float(value),) * 3
