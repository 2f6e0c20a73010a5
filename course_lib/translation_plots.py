"""Figures of two generators that translate: their cycle, who moves in which step, a patch's view.

Each `plot_` function returns a Figure for `plotting.show`.
"""

import itertools
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from course_lib.game_plots import MOVES, STILL, _arrow, _box


def plot_cycle() -> Figure:
    """Two generators and their cycle: there and back from A, there and back from B.

    >>> figure = plot_cycle()
    """
    figure = Figure(figsize=(10.0, 2.9), layout="none")
    figure.subplots_adjust(0.005, 0.02, 0.995, 0.88, 0.04)
    left, right = figure.subplots(1, 2)
    _draw_way(left, "From A to B and back", ("a", "b"), ("ab", "ba"))
    _draw_way(right, "From B to A and back", ("b", "a"), ("ba", "ab"))
    return figure


def _draw_way(axes: Axes, title: str, names: tuple[str, str], ways: tuple[str, str]) -> None:
    here, there = names
    axes.set(xlim=(0, 12), ylim=(0, 5), title=title)
    axes.axis("off")
    parts = (
        (0.1, 1.9, f"images_{here}", "white"),
        (2.8, 1.6, f"gen_{ways[0]}", MOVES),
        (5.2, 1.6, f"fake_{there}", "white"),
        (7.5, 1.6, f"gen_{ways[1]}", MOVES),
        (9.9, 1.9, f"cycled_{here}", "white"),
    )
    for x, width, text, color in parts:
        _box(axes, x, 2.9, width, text, color)
    for (x, width, *_), (after, *_) in itertools.pairwise(parts):
        _arrow(axes, (x + width, 3.45), (after, 3.45), "0.3")
    _box(axes, 5.2, 0.7, 1.6, f"disc_{there}", STILL)
    _arrow(axes, (6.0, 2.9), (6.0, 1.8), "0.3")
    axes.text(7.0, 1.25, "score → 1", va="center", fontsize=9)
    axes.plot([1.05, 1.05, 10.85, 10.85], [2.9, 0.3, 0.3, 2.9], color="C1", lw=1.3, ls="--")
    axes.text(1.25, 0.45, "|difference| → 0", va="bottom", fontsize=9, color="C1")


def plot_who_moves() -> Figure:
    """The two steps of a CycleGAN: who moves (green), where the graph is cut, where it is not.

    >>> figure = plot_who_moves()
    """
    figure = Figure(figsize=(10.0, 2.7), layout="none")
    figure.subplots_adjust(0.005, 0.02, 0.995, 0.88, 0.04)
    left, right = figure.subplots(1, 2)
    _draw_step(left, "generator_step: gen_ab and gen_ba move", generators_move=True)
    _draw_step(right, "discriminator_step: disc_a and disc_b move", generators_move=False)
    return figure


def _draw_step(axes: Axes, title: str, generators_move: bool) -> None:
    axes.set(xlim=(0, 12), ylim=(0, 4.6), title=title)
    axes.axis("off")
    _box(axes, 0.1, 2.6, 1.8, "images_a", "white")
    _box(axes, 2.7, 2.6, 1.6, "gen_ab", MOVES if generators_move else STILL)
    _box(axes, 8.2, 2.6, 1.6, "disc_b", STILL if generators_move else MOVES)
    _box(axes, 10.5, 2.6, 1.3, "loss", "white")
    _arrow(axes, (1.9, 3.15), (2.7, 3.15), "0.3")
    _arrow(axes, (9.8, 3.15), (10.5, 3.15), "0.3")
    end = 3.5 if generators_move else 9.0
    axes.plot([11.15, 11.15, end], [2.6, 1.4, 1.4], color="C1", lw=1.6, ls="--")
    _arrow(axes, (end, 1.4), (end, 2.6), "C1")
    if generators_move:
        _arrow(axes, (4.3, 3.15), (8.2, 3.15), "0.3")
        told = "the gradient runs through disc_b, which stands still"
    else:
        _box(axes, 5.4, 2.6, 1.7, "pool", "white")
        _arrow(axes, (4.3, 3.15), (5.4, 3.15), "0.3")
        _arrow(axes, (7.1, 3.15), (8.2, 3.15), "0.3")
        axes.plot([4.7, 5.0], [2.6, 3.7], color="C1", lw=2.5)
        axes.text(4.85, 3.8, "detach", ha="center", fontsize=9, color="C1")
        told = "images_b go to disc_b as well; nothing reaches gen_ab"
    axes.text(6.2, 0.9, told, ha="center", va="top", fontsize=9, color="C1")


def plot_fields(slopes: Sequence[Tensor], names: Sequence[str], size: int) -> Figure:
    """Where one output's gradient is not 0: `slopes` `(size, size)` each, with its bounding box.

    >>> import torch
    >>> slope = torch.zeros(8, 8); slope[2:6, 2:6] = 1
    >>> figure = plot_fields([slope], ["4 pixels"], 8)
    """
    figure = Figure(figsize=(2.6 * len(slopes), 2.9))
    for axes, slope, name in zip(
        figure.subplots(1, len(slopes), squeeze=False)[0], slopes, names, strict=True
    ):
        seen = slope.ne(0).nonzero()
        (top, left), (bottom, right) = seen.amin(0).tolist(), seen.amax(0).tolist()
        axes.imshow(slope.abs().sqrt().numpy(), cmap="viridis")
        box = Rectangle(
            (left - 0.5, top - 0.5), right - left + 1, bottom - top + 1, fill=False, ec="C1", lw=2
        )
        axes.add_patch(box)
        axes.set(title=name, xticks=[0, size - 1], yticks=[0, size - 1])
        axes.grid(False)
    return figure
