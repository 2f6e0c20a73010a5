"""Figures of convolutions: a kernel's stamps, a layer as a matrix, maps that grow and shrink.

Each `plot_` function returns a Figure for `plotting.show`.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from torch import Tensor

CUT = "0.85"  # what the padding throws away


def plot_stamps(
    settings: Sequence[tuple[int, int, int, int, int]], titles: Sequence[str] = ()
) -> Figure:
    """One row of a transposed convolution, a panel for each (size, kernel, stride, padding, extra).

    Each pixel that comes in stamps the whole kernel onto the strip that comes out, `stride` further
    than the one before. `padding` pixels are cut off at both ends (gray), `extra` of output padding
    are added at the right. The lowest line counts the stamps on each pixel that is left.

    >>> figure = plot_stamps([(3, 4, 2, 1, 0)], ["kernel 4, stride 2, padding 1"])
    """
    figure = Figure(figsize=(3.3 * len(settings), 2.7), layout="constrained")
    panels = figure.subplots(1, len(settings), squeeze=False)[0]
    for number, (axes, setting) in enumerate(zip(panels, settings, strict=True)):
        _draw_stamps(axes, *setting)
        axes.set_title(titles[number] if titles else "")
    return figure


def _draw_stamps(axes: Axes, size: int, kernel: int, stride: int, padding: int, extra: int) -> None:
    length = (size - 1) * stride + kernel
    kept = range(padding, length - padding + extra)
    counts = np.zeros(max(length, length - padding + extra), dtype=int)
    for i in range(size):
        for tap in range(kernel):
            position = i * stride + tap
            counts[position] += 1
            color = f"C{i}" if position in kept else CUT
            axes.add_patch(Rectangle((position, size - i), 0.94, 0.8, fc=color, ec="white"))
            axes.text(
                position + 0.47, size - i + 0.4, str(tap), ha="center", va="center", fontsize=8
            )
        axes.text(-0.3, size - i + 0.4, f"pixel {i}", ha="right", va="center", fontsize=8)
    for position in kept:
        shade = "#cfe3f5" if counts[position] % 2 else "#8ab8e0"
        axes.add_patch(Rectangle((position, -0.3), 0.94, 0.8, fc=shade, ec="0.4"))
        told = str(counts[position])
        axes.text(position + 0.47, 0.1, told, ha="center", va="center", fontsize=8)
    axes.text(-0.3, 0.1, "stamps", ha="right", va="center", fontsize=8)
    axes.set(xlim=(-2.6, len(counts) + 0.2), ylim=(-0.6, size + 1.2))
    axes.set_aspect("equal")
    axes.axis("off")


def plot_matrices(matrices: Mapping[str, Tensor]) -> Figure:
    """Matrices side by side in one color scale, 0 white; each a cell for each entry.

    >>> import torch
    >>> figure = plot_matrices({"C": torch.eye(3, 5), "its transpose": torch.eye(5, 3)})
    """
    shapes = [tuple(m.shape) for m in matrices.values()]
    figure = Figure(figsize=(8, 2.9), layout="constrained")
    widths = [max(columns, 0.6 * max(rows, columns)) for rows, columns in shapes]
    panels = figure.subplots(1, len(matrices), squeeze=False, width_ratios=widths)[0]
    most = max(m.abs().max().item() for m in matrices.values())
    for axes, (name, matrix) in zip(panels, matrices.items(), strict=True):
        values = matrix.detach().cpu().numpy()
        picture = axes.imshow(
            values, cmap="PuOr", vmin=-most, vmax=most, interpolation="nearest", aspect="equal"
        )
        axes.set_title(f"{name}, {values.shape[0]} × {values.shape[1]}")
        axes.grid(False)
        axes.set(xticks=[], yticks=[], xlabel="what goes in", ylabel="what comes out")
    figure.colorbar(picture, ax=list(panels), shrink=0.7)
    return figure


def plot_maps(networks: Mapping[str, Sequence[tuple[int, ...]]]) -> Figure:
    """The shapes that pass through networks, a row each: `(C, H, W)`, or `(Z,)` and `()` at an end.

    A box is as high as its map (on a scale of roots) and the thicker, the more channels it has.

    >>> figure = plot_maps({"generator": [(100,), (64, 7, 7), (1, 28, 28)]})
    """
    figure = Figure(figsize=(8.6, 1.9 * len(networks)), layout="constrained")
    panels = figure.subplots(len(networks), 1, squeeze=False)[:, 0]
    for axes, (name, shapes) in zip(panels, networks.items(), strict=True):
        left = 0.0
        for number, shape in enumerate(shapes):
            channels, side = (shape[0], shape[1]) if len(shape) == 3 else (1, 1)
            width, height = 0.25 + 0.16 * math.log2(channels + 1), 0.34 * math.sqrt(side)
            style = "round,pad=0,rounding_size=0.05"
            box = FancyBboxPatch(
                (left, -height / 2), width, height, boxstyle=style, fc=f"C{number % 6}", alpha=0.55
            )
            axes.add_patch(box)
            told = " × ".join(map(str, shape)) or "one logit"
            axes.text(left + width / 2, -1.25, told, ha="center", va="top", fontsize=8)
            if number < len(shapes) - 1:
                arrow = {"arrowstyle": "-|>", "color": "0.3"}
                ends = (left + width + 0.75, 0), (left + width + 0.1, 0)
                axes.annotate("", *ends, arrowprops=arrow)
            left += width + 0.85
        axes.set(xlim=(-0.5, left), ylim=(-1.7, 1.5), title=name)
        axes.axis("off")
    return figure
