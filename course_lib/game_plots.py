"""Figures of a game of two players: who moves, where labels and cures enter, densities with D.

Each `plot_` function returns a Figure for `plotting.show`; each `draw_` function draws on axes.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from course_lib.plotting import WHITE_BOX

Field = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
MOVES, STILL, LABEL = "#66c5ab", "#e3e6ea", "#f4c9a5"
# Of a critic's step: left edge, width, words, color of each box
CRITIC_STEP = (
    (0.2, 1.7, "real x,\nfake x̃", "white"),
    (2.6, 1.9, "layers\nW₁, W₂, …", MOVES),
    (5.2, 1.5, "score\nf(x)", "white"),
    (7.4, 1.5, "loss", "white"),
    (9.7, 1.7, "gradients g", "white"),
    (12.1, 1.3, "step", "white"),
    (14.0, 1.0, "new W", MOVES),
)
# x, y, and what acts there
CURES = (
    (1.05, 0.6, "R1: slope of f at x → 0\ngradient penalty: slope\nbetween x and x̃ → 1"),
    (3.55, 2.1, "spectral normalization:\nW / σ(W) in every pass"),
    (8.15, 2.1, "hinge, least squares,\nWasserstein: another loss"),
    (10.55, 0.6, "gradient clipping:\ng shortened to c"),
    (12.75, -0.4, "two time scales:\na larger rate than\nthe generator's"),
    (14.2, 2.1, "weight clipping:\nW clamped to ±c"),
)


def plot_two_steps(saturating: bool = True) -> Figure:
    """A GAN's two steps: in each, who moves (green), and how far the gradient runs back (dashed).

    With `saturating` both play for V; without, each lowers a loss of its own.

    >>> figure = plot_two_steps()
    """
    figure = Figure(figsize=(9.5, 3.3), layout="none")
    figure.subplots_adjust(0.01, 0.02, 0.99, 0.9, 0.04)
    left, right = figure.subplots(1, 2)
    goals = ("V goes up", "V goes down") if saturating else ("its loss goes down",) * 2
    losses = ("V", "log(1-D)") if saturating else ("L$_D$", "-log D")
    _draw_step(left, f"The discriminator's step: {goals[0]}", losses[0], generator_moves=False)
    _draw_step(right, f"The generator's step: {goals[1]}", losses[1], generator_moves=True)
    return figure


def plot_conditioning() -> Figure:
    """Where a label enters: planes at a discriminator's input, a projection, both parts of a VAE.

    >>> figure = plot_conditioning()
    """
    figure = Figure(figsize=(10.5, 2.9), layout="none")
    figure.subplots_adjust(0.005, 0.02, 0.995, 0.9, 0.03)
    panels = figure.subplots(1, 3)
    for axes, title in zip(panels, ("concatenation", "projection", "conditional VAE"), strict=True):
        axes.set(xlim=(0, 10), ylim=(0, 5), title=title)
        axes.axis("off")
    planes, projection, vae = panels
    _chain(planes, 3.2, (1.2, "x"), (2.5, "[x, planes]"), (1.9, "layers"), (1.4, "logit"))
    _label_into(planes, 3.5, 3.2)
    _chain(projection, 3.2, (1.2, "x"), (1.9, "layers"), (1.2, "φ(x)"), (1.6, "ψ(φ)"), (0.7, "+"))
    _box(projection, 5.0, 0.4, 2.2, "v$_y$ · φ(x)", LABEL)
    _arrow(projection, (5.55, 3.2), (5.55, 1.5), "0.3")
    _arrow(projection, (7.2, 0.95), (9.25, 3.2), "0.3")
    _label_into(projection, 3.2, 0.95, across=True)
    _chain(vae, 3.2, (1.1, "x"), (2.2, "encoder"), (1.0, "z"), (2.2, "decoder"), (1.1, "x'"))
    _label_into(vae, 2.9, 3.2)
    _label_into(vae, 6.95, 3.2)
    return figure


def _chain(axes: Axes, y: float, *parts: tuple[float, str]) -> None:
    """Boxes of these widths in a row over the whole width, an arrow from each to the next."""
    space = (9.8 - sum(width for width, _ in parts)) / (len(parts) - 1)
    x = 0.1
    for number, (width, text) in enumerate(parts):
        _box(axes, x, y, width, text, STILL)
        if number < len(parts) - 1:
            _arrow(axes, (x + width, y + 0.55), (x + width + space, y + 0.55), "0.3")
        x += width + space


def _label_into(axes: Axes, x: float, y: float, across: bool = False) -> None:
    """The label as a box of its own, with an arrow to what stands above it or to its right."""
    if across:
        _box(axes, x - 2.2, y - 0.55, 1.2, "y", LABEL)
        _arrow(axes, (x - 1.0, y), (5.0, y), "0.3")
    else:
        _box(axes, x - 0.6, 0.8, 1.2, "y", LABEL)
        _arrow(axes, (x, 1.9), (x, y), "0.3")


def plot_where_cures_act() -> Figure:
    """A critic's step from left to right, and below it where each cure of instability acts.

    >>> figure = plot_where_cures_act()
    """
    figure = Figure(figsize=(9.5, 3.6), layout="none")
    figure.subplots_adjust(0.01, 0.02, 0.99, 0.9)
    axes = figure.subplots()
    axes.set(
        xlim=(-0.5, 15.6), ylim=(-1.4, 4.3), title="A step of the critic, and where each cure acts"
    )
    axes.axis("off")
    for x, width, text, color in CRITIC_STEP:
        _box(axes, x, 2.5, width, text, color)
    for (x, width, *_), (after, *_) in itertools.pairwise(CRITIC_STEP):
        _arrow(axes, (x + width, 3.05), (after, 3.05), "0.3")
    axes.text(10.0, 3.75, "backward", ha="center", va="bottom", fontsize=8, color="0.3")
    for x, y, told in CURES:
        axes.plot([x, x], [y + 0.1, 2.4], color="C1", lw=0.9, ls=":", zorder=0)
        axes.text(x, y, told, ha="center", va="top", fontsize=8.5, color="C1", bbox=WHITE_BOX)
    return figure


def _draw_step(axes: Axes, title: str, loss: str, generator_moves: bool) -> None:
    """Noise, generator, discriminator and loss as boxes; the gradient below them, and its end."""
    axes.set(xlim=(0, 10), ylim=(0, 5.2), title=title)
    axes.axis("off")
    _box(axes, 0.1, 2.2, 1.2, "z", "white")
    _box(axes, 2.2, 2.2, 2.0, "generator\nG", MOVES if generator_moves else STILL)
    _box(axes, 5.4, 2.2, 2.2, "discriminator\nD", STILL if generator_moves else MOVES)
    _box(axes, 8.6, 2.2, 1.3, loss, "white")
    for start, end in ((1.3, 2.2), (4.2, 5.4), (7.6, 8.6)):
        _arrow(axes, (start, 2.75), (end, 2.75), "0.3")
    axes.text(4.8, 3.3, "fakes", ha="center", va="bottom", fontsize=9)
    if not generator_moves:
        _box(axes, 2.2, 4.0, 2.0, "real data", "white")
        axes.plot([4.2, 6.5], [4.5, 4.5], color="0.3", lw=1.3)
        _arrow(axes, (6.5, 4.5), (6.5, 3.3), "0.3")
    stop = 3.2 if generator_moves else 6.5
    axes.plot([9.25, 9.25, stop], [2.2, 1.2, 1.2], color="C1", lw=1.6, ls="--")
    _arrow(axes, (stop, 1.2), (stop, 2.2), "C1")
    if generator_moves:
        told = "the gradient runs through D, which stands still, into G"
    else:
        told = "cut here: fakes are detached"
        axes.plot([4.68, 4.92], [2.4, 3.1], color="C1", lw=2.5)
        axes.plot([4.8, 4.8], [0.8, 2.3], color="C1", lw=0.8, ls=":")
    x = 5.6 if generator_moves else 4.8
    axes.text(x, 0.5, told, color="C1", ha="center", va="center", fontsize=9, bbox=WHITE_BOX)


def _box(axes: Axes, x: float, y: float, width: float, text: str, color: str) -> None:
    shape = FancyBboxPatch(
        (x, y), width, 1.1, boxstyle="round,pad=0,rounding_size=0.15", fc=color, ec="0.4"
    )
    axes.add_patch(shape)
    axes.text(x + width / 2, y + 0.55, text, ha="center", va="center", fontsize=9)


def _arrow(axes: Axes, start: tuple, end: tuple, color: str) -> None:
    style = {"arrowstyle": "-|>", "color": color, "lw": 1.3, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style)


def draw_densities(
    axes: Axes,
    x: Sequence,
    p_data: Sequence,
    p_model: Sequence,
    discriminator: Mapping[str, Sequence] | None = None,
    top: float | None = None,
    legend: bool = True,
) -> Axes | None:
    """Two densities on x `(N,)`, filled, and on a second axis D by name: the first bold, then thin.

    Returns the second axes where there is a D, else None.

    >>> x = np.linspace(-3, 3, 50)
    >>> draw_densities(Figure().subplots(), x, np.exp(-x**2), np.exp(-((x - 1) ** 2)))
    """
    for name, color, density in (("data", "C0", p_data), ("model", "C1", p_model)):
        axes.fill_between(x, density, color=color, alpha=0.3, lw=0, label=name)
        axes.plot(x, density, color=color, lw=1.2)
    axes.set(xlabel="x", ylabel="density", ylim=(0, top))
    right = _draw_judges(axes, x, discriminator) if discriminator else None
    if legend:
        both = (each.get_legend_handles_labels()[0] for each in (axes, right) if each)
        handles = [handle for handles in both for handle in handles]
        (right or axes).legend(handles=handles, loc="upper right", fontsize=8)
    return right


def _draw_judges(axes: Axes, x: Sequence, discriminator: Mapping[str, Sequence]) -> Axes:
    right = axes.twinx()
    styles = ({"lw": 2.2, "color": "C2"}, {"lw": 1.2, "color": "0.2", "ls": "--"})
    for number, (name, values) in enumerate(discriminator.items()):
        right.plot(x, values, label=name, **styles[min(number, 1)])
    right.set(ylim=(-0.03, 1.03), ylabel="D")
    right.grid(False)
    right.spines["right"].set_visible(True)
    return right


def draw_field(
    axes: Axes,
    field: Field,
    paths: Mapping[str, np.ndarray],
    reach: float = 2.0,
    title: str = "",
    every: int = 1,
) -> None:
    """A vector field as gray arrows of one length, and paths `(T, 2)` from their dots on it.

    `field` maps arrays of θ and ψ to the arrows' two components. Each `every`-th point of a path
    is marked.

    >>> draw_field(Figure().subplots(), lambda a, b: (-b, a), {"still": np.zeros((3, 2))})
    """
    ticks = np.linspace(-reach, reach, 15)
    theta, psi = np.meshgrid(ticks, ticks)
    across, up = field(theta, psi)
    length = np.hypot(across, up) + 1e-12
    axes.quiver(
        *(theta, psi, across / length, up / length),
        color="0.75",
        scale=24,
        width=0.004,
        pivot="mid",
    )
    for number, (name, path) in enumerate(paths.items()):
        color = f"C{number}"
        axes.plot(*np.asarray(path).T, color=color, lw=1.2, label=name, zorder=3)
        axes.plot(*np.asarray(path)[::every].T, ".", color=color, ms=4, zorder=3)
        axes.plot(*path[0], "o", color=color, ms=7, zorder=4)
    axes.plot(0, 0, "k+", ms=10, mew=2, zorder=4)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="θ, the generator", title=title)
    axes.set(ylabel="ψ, the discriminator", box_aspect=1)
    axes.grid(False)
    axes.legend(loc="upper right", fontsize=8, frameon=True, framealpha=0.9)
