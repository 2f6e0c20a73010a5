"""Figures of editing: where each tool acts between image and latent, and scores with intervals.

Each `plot_` function returns a Figure for `plotting.show`.
"""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from torch import Tensor

STILL, LEARNED, GIVEN = "#e3e6ea", "#66c5ab", "#f4c9a5"
TOOLS = ("a walk, or a vector", "inversion", "inpainting")


def plot_editing_tools() -> Figure:
    """Three tools: what is given (orange), what moves (green), where the gradient runs (dashed).

    >>> figure = plot_editing_tools()
    """
    figure = Figure(figsize=(10.5, 2.7), layout="none")
    figure.subplots_adjust(0.005, 0.02, 0.995, 0.88, 0.03)
    walk, inversion, inpainting = figure.subplots(1, 3)
    for axes, title in zip((walk, inversion, inpainting), TOOLS, strict=True):
        axes.set(xlim=(0, 10), ylim=(0, 4.6), title=title)
        axes.axis("off")
    _box(walk, 0.1, 2.6, 1.5, "image", GIVEN)
    _box(walk, 2.3, 2.6, 2.0, "encoder", STILL)
    _box(walk, 5.0, 2.6, 1.9, "z + v", LEARNED)
    _box(walk, 7.6, 2.6, 2.2, "decoder", STILL)
    _box(walk, 7.6, 0.4, 2.2, "edited", "white")
    for start, end in ((1.6, 2.3), (4.3, 5.0), (6.9, 7.6)):
        _arrow(walk, (start, 3.1), (end, 3.1))
    _arrow(walk, (8.7, 2.6), (8.7, 1.5))
    _search(inversion, "image x", "‖G(z) - x‖²")
    _search(inpainting, "x, mask m", "‖m (G(z) - x)‖²")
    return figure


def _search(axes: Axes, given: str, loss: str) -> None:
    """z to its image, compared with what is given; the gradient runs back to z alone."""
    _box(axes, 0.1, 2.6, 1.2, "z", LEARNED)
    _box(axes, 2.3, 2.6, 2.4, "decoder", STILL)
    _box(axes, 5.9, 2.6, 4.0, loss, "white")
    _box(axes, 6.6, 0.4, 2.6, given, GIVEN)
    _arrow(axes, (1.3, 3.1), (2.3, 3.1))
    _arrow(axes, (4.7, 3.1), (5.9, 3.1))
    _arrow(axes, (7.9, 1.5), (7.9, 2.6))
    _arrow(axes, (6.2, 3.7), (0.7, 3.7), dashed=True)
    axes.text(3.4, 4.05, "gradient", ha="center", fontsize=9, color="#d55e00")


def _box(axes: Axes, x: float, y: float, width: float, text: str, color: str) -> None:
    style = "round,pad=0.02,rounding_size=0.2"
    axes.add_patch(FancyBboxPatch((x, y), width, 1.1, boxstyle=style, fc=color, ec="0.4"))
    axes.text(x + width / 2, y + 0.55, text, ha="center", va="center", fontsize=9.5)


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], dashed: bool = False
) -> None:
    color, line = ("#d55e00", "--") if dashed else ("0.3", "-")
    way = {"arrowstyle": "-|>", "color": color, "linestyle": line, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=way)


def plot_intervals(
    scores: Mapping[str, tuple[float, float]], title: str = "", xlabel: str = ""
) -> Figure:
    """A row for each name: its mean as a dot, and its interval, mean ± half-width, as a line.

    >>> figure = plot_intervals({"one": (20.0, 0.4), "other": (21.0, 0.5)}, xlabel="dB")
    """
    figure = Figure(figsize=(7.0, 0.5 + 0.27 * len(scores)))
    axes = figure.subplots()
    means, halves = zip(*scores.values(), strict=True)
    places = range(len(scores))
    axes.errorbar(means, places, xerr=halves, fmt="o", capsize=3)
    axes.set_yticks(places, list(scores))
    axes.invert_yaxis()
    axes.set(title=title, xlabel=xlabel)
    return figure


def plot_augmented_games() -> Figure:
    """What a discriminator compares: nothing changed, the reals changed, both changed by T.

    >>> figure = plot_augmented_games()
    """
    figure = Figure(figsize=(10.5, 2.7), layout="none")
    figure.subplots_adjust(0.005, 0.02, 0.995, 0.88, 0.03)
    titles = ("no augmentation", "reals alone: it leaks", "both, by one law")
    for axes, title, count in zip(figure.subplots(1, 3), titles, range(3), strict=True):
        axes.set(xlim=(0, 10), ylim=(0, 4.6), title=title)
        axes.axis("off")
        _into_judge(axes, "x", 3.0, changed=count > 0)
        _into_judge(axes, "G(z)", 0.6, changed=count > 1)
        _box(axes, 6.9, 1.8, 3.0, "discriminator", STILL)
    return figure


def _into_judge(axes: Axes, text: str, y: float, changed: bool) -> None:
    """Images on their way to the discriminator, through T where they are changed."""
    _box(axes, 0.2, y, 1.8, text, GIVEN if text == "x" else LEARNED)
    if changed:
        _box(axes, 3.6, y, 1.4, "T", "white")
        _arrow(axes, (2.0, y + 0.55), (3.6, y + 0.55))
    _arrow(axes, (5.0 if changed else 2.0, y + 0.55), (6.9, 2.35))


def plot_trade(trade: Mapping[str, Tensor], weights: Sequence[str]) -> Figure:
    """Content loss against style loss: the content itself, the plain way, then one dot a weight.

    `trade` has for each name losses `(2, 2 + weights)`, content above style. A weight is told by
    its dot's shade, named beside the panels: words at the dots would meet where dots do.

    >>> import torch
    >>> figure = plot_trade({"one like the other": torch.rand(2, 4)}, ["w = 1", "w = 10"])
    """
    figure = Figure(figsize=(4.1 * len(trade) + 1.4, 3.0), layout="constrained")
    shades = matplotlib.colormaps["Blues"](np.linspace(0.35, 1.0, len(weights)))
    for axes, (name, (content, style)) in zip(
        figure.subplots(1, len(trade), squeeze=False)[0], trade.items(), strict=True
    ):
        axes.plot(content[2:], style[2:], color="0.6", zorder=1)
        hollow = {"ls": "", "fillstyle": "none", "ms": 9, "mew": 1.8, "zorder": 3}
        axes.plot(content[0], style[0], "^", color="C2", label="content as it is", **hollow)
        axes.plot(content[1], style[1], "s", color="C1", label="colors alone", **hollow)
        for x, y, weight, shade in zip(content[2:], style[2:], weights, shades, strict=True):
            axes.plot(x, y, "o", color=shade, mec="0.3", ms=7, label=weight)
        axes.set(title=name, xlabel="content loss", ylabel="style loss", yscale="log")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", fontsize=9)
    return figure
