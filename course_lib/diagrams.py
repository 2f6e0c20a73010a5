"""Diagrams of the course's ideas: boxes, arrows, one color for each role, on a light card.

Each `plot_` function returns a Figure; `python images/diagrams.py` stores them as pictures.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

CARD = "#fbfbf8"  # the background: light in a dark theme too
INK, LINE = "#222222", "#555555"
NETWORK, CHANCE, LOSS = "#cfe3f5", "#d6efe4", "#f9dcc4"  # who learns; what is drawn; what is paid
GRADIENT = "#b34700"  # dashed: the way back
# From left to right: left edge, width, words and color of the parts of a VAE
VAE_PARTS = (
    (0.1, 1.5, "image x\n(B, 1, H, W)", "white"),
    (2.2, 1.5, "encoder", NETWORK),
    (7.0, 1.9, "code z\n(B, Z)", CHANCE),
    (9.5, 1.5, "decoder", NETWORK),
    (11.6, 1.9, "logits\n(B, 1, H, W)", "white"),
)


def new_card(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A light figure of `columns` panels without axes, and the panels; sizes in inches.

    >>> figure, (left, right) = new_card(8, 3, columns=2)
    """
    figure = Figure(figsize=(width, height), layout="none", facecolor=CARD)
    figure.subplots_adjust(0.01, 0.02, 0.99, 0.88, 0.04)
    panels = list(np.atleast_1d(figure.subplots(1, columns)))
    for axes in panels:
        axes.axis("off")
    return figure, panels


def draw_box(
    axes: Axes, x: float, y: float, width: float, text: str, color: str = "white", height=1.1
) -> None:
    """A rounded box with its lower left corner at (x, y), and words in its middle.

    >>> _, (axes,) = new_card(3, 2)
    >>> draw_box(axes, 0, 0, 1, "z")
    """
    style = "round,pad=0,rounding_size=0.15"
    axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=style, fc=color, ec=LINE))
    middle = x + width / 2, y + height / 2
    axes.text(*middle, text, ha="center", va="center", fontsize=9, color=INK, linespacing=1.3)


def draw_arrow(axes: Axes, *points: tuple[float, float], back: bool = False) -> None:
    """An arrow along two or more points; `back` makes it a gradient's: dashed and orange.

    >>> _, (axes,) = new_card(3, 2)
    >>> draw_arrow(axes, (0, 0), (1, 0), (1, 1))
    """
    color, dashes = (GRADIENT, "--") if back else (LINE, "-")
    if len(points) > 2:
        axes.plot(*zip(*points[:-1], strict=True), color=color, lw=1.4, ls=dashes)
    style = {"arrowstyle": "-|>", "color": color, "lw": 1.4, "ls": dashes}
    ends = {"shrinkA": 0, "shrinkB": 0, "mutation_scale": 12}
    axes.annotate("", points[-1], points[-2], arrowprops=style | ends)


def draw_note(
    axes: Axes, x: float, y: float, text: str, color: str = INK, size: float = 8.5, **place: str
) -> None:
    """Words beside a box, centered at (x, y) unless `ha` and `va` say otherwise.

    >>> _, (axes,) = new_card(3, 2)
    >>> draw_note(axes, 0, 0, "detached", GRADIENT, ha="left")
    """
    place = {"ha": "center", "va": "center", **place}
    axes.text(x, y, text, fontsize=size, color=color, linespacing=1.35, **place)


def plot_autoencoder(widths: Sequence[int] = (784, 512, 256, 32, 256, 512, 784)) -> Figure:
    """Layers as bars, as high as the root of their width, and the narrowest of them in the middle.

    >>> figure = plot_autoencoder()
    """
    figure, (axes,) = new_card(9, 3.4)
    axes.set(xlim=(-1.2, 2 * len(widths) + 0.4), ylim=(-1.75, 1.5))
    axes.set_title("An autoencoder: what the code lets through is all that comes out", color=INK)
    middle, highest = len(widths) // 2, max(widths)
    for number, width in enumerate(widths):
        height = 2 * (width / highest) ** 0.5
        color = CHANCE if number == middle else NETWORK
        color = "white" if number in (0, len(widths) - 1) else color
        axes.add_patch(Rectangle((2 * number, -height / 2), 0.7, height, fc=color, ec=LINE))
        draw_note(axes, 2 * number + 0.35, -1.25, f"{width:,}")
        if number:
            draw_arrow(axes, (2 * number - 1.2, 0), (2 * number - 0.1, 0))
    draw_note(axes, 0.35, 1.2, "image x")
    draw_note(axes, 2 * middle + 0.35, 0.65, "code")
    draw_note(axes, 2 * len(widths) - 1.65, 1.2, "copy")
    draw_note(axes, middle, 1.2, "encoder")
    draw_note(axes, 2 * len(widths) - middle - 1.3, 1.2, "decoder")
    draw_note(
        axes, middle * 2 + 0.35, -1.6, "loss: the squared difference of image and copy", GRADIENT
    )
    return figure


def plot_vae() -> Figure:
    """A VAE from the image to mean and log-variance, z and logits, with the loss's two terms.

    >>> figure = plot_vae()
    """
    figure, (axes,) = new_card(10.5, 3.7)
    axes.set(xlim=(0, 13.6), ylim=(-0.8, 5.1))
    axes.set_title("A VAE: one image's way, and the two terms of its loss", color=INK)
    for x, width, words, color in VAE_PARTS:
        draw_box(axes, x, 2.2, width, words, color)
    draw_box(axes, 4.2, 1.25, 2.0, "", CARD, 3.0)
    draw_note(axes, 5.2, 4.5, "q(z | x)")
    draw_box(axes, 4.4, 3.0, 1.6, "mean\n(B, Z)")
    draw_box(axes, 4.4, 1.4, 1.6, "log_var\n(B, Z)")
    draw_box(axes, 7.2, 4.0, 1.5, "noise", CHANCE, 0.8)
    for start, end in ((1.6, 2.2), (8.9, 9.5), (11.0, 11.6)):
        draw_arrow(axes, (start, 2.75), (end, 2.75))
    draw_arrow(axes, (3.7, 2.75), (4.05, 2.75), (4.05, 3.55), (4.4, 3.55))
    draw_arrow(axes, (3.7, 2.75), (4.05, 2.75), (4.05, 1.95), (4.4, 1.95))
    draw_arrow(axes, (6.0, 3.55), (6.5, 3.55), (6.5, 2.9), (7.0, 2.9))
    draw_arrow(axes, (6.0, 1.95), (6.5, 1.95), (6.5, 2.6), (7.0, 2.6))
    draw_arrow(axes, (7.95, 4.0), (7.95, 3.3))
    draw_note(axes, 7.95, 1.85, "mean + std · noise")
    draw_box(axes, 4.0, -0.4, 2.4, "KL(q‖p(z)):\nthe code's price", LOSS)
    draw_arrow(axes, (5.2, 1.25), (5.2, 0.7))
    draw_box(axes, 11.2, -0.4, 2.35, "- log p(x | z):\nhow badly it tells x", LOSS)
    draw_arrow(axes, (12.55, 2.2), (12.55, 0.7))
    draw_arrow(axes, (0.85, 2.2), (0.85, -0.65), (11.9, -0.65), (11.9, -0.4))
    draw_box(axes, 7.6, -0.25, 2.4, "loss = sum, in nats", LOSS, 0.8)
    draw_arrow(axes, (6.4, 0.15), (7.6, 0.15))
    draw_arrow(axes, (11.2, 0.15), (10.0, 0.15))
    return figure


def plot_gradient_paths() -> Figure:
    """How a gradient comes back from f to the knobs: along the draw, or by its probability.

    >>> figure = plot_gradient_paths()
    """
    figure, (left, right) = new_card(10.5, 3.4, columns=2)
    for axes, title in (
        (left, "Pathwise: the draw moves"),
        (right, "Score function: the odds move"),
    ):
        axes.set(xlim=(0, 10), ylim=(0, 5.4))
        axes.set_title(title, color=INK)
        draw_box(axes, 0.1, 2.6, 1.6, "m, s\nknobs", NETWORK)
        draw_box(axes, 8.2, 2.6, 1.6, "f(z)", LOSS)
    draw_box(left, 3.9, 2.6, 2.3, "z = m + s ε", CHANCE)
    draw_box(left, 4.3, 4.4, 1.5, "noise ε", CHANCE, 0.8)
    draw_arrow(left, (1.7, 3.15), (3.9, 3.15))
    draw_arrow(left, (5.05, 4.4), (5.05, 3.7))
    draw_arrow(left, (6.2, 3.15), (8.2, 3.15))
    draw_arrow(left, (9.0, 2.6), (9.0, 1.7), (5.6, 1.7), (5.6, 2.6), back=True)
    draw_arrow(left, (4.6, 2.6), (4.6, 1.7), (0.9, 1.7), (0.9, 2.6), back=True)
    draw_note(left, 7.3, 1.3, "times f '(z)", GRADIENT)
    draw_note(left, 2.75, 1.3, "times 1 for m, ε for s", GRADIENT)
    draw_note(left, 5.0, 0.4, "needs f 's slope; z is computed, the die is outside")
    draw_box(right, 3.9, 2.6, 2.3, "z drawn from q", CHANCE)
    draw_arrow(right, (1.7, 3.15), (3.9, 3.15))
    draw_arrow(right, (6.2, 3.15), (8.2, 3.15))
    right.plot([2.65, 2.95], [2.75, 3.55], color=GRADIENT, lw=2.5)
    draw_note(right, 2.8, 4.0, "no gradient\npasses a draw", GRADIENT)
    draw_box(right, 3.75, 0.35, 2.6, "log q(z) of that z", NETWORK, 0.9)
    draw_arrow(right, (5.05, 2.6), (5.05, 1.25))
    draw_arrow(right, (3.75, 0.8), (0.9, 0.8), (0.9, 2.6), back=True)
    draw_arrow(right, (9.0, 2.6), (9.0, 0.8), (6.35, 0.8))
    draw_note(right, 2.3, 0.35, "score, times f(z)", GRADIENT)
    draw_note(right, 7.7, 0.35, "f 's value, a number")
    return figure


def plot_bound(shares: Sequence[tuple[str, float]] = ()) -> Figure:
    """log p(x) as a bar that q divides into ELBO and gap; `shares` names each q and its gap's part.

    >>> figure = plot_bound([("a poor q", 0.5), ("the posterior", 0.0)])
    """
    shares = shares or (("any q", 0.45), ("the best diagonal q", 0.15), ("q = the posterior", 0.0))
    figure, (axes,) = new_card(9, 0.62 * len(shares) + 1.5)
    axes.set(xlim=(-3.2, 10.2), ylim=(-0.6, len(shares) + 0.9))
    axes.set_title("log p(x) = ELBO + gap: q only moves the border (a sketch)", color=INK)
    for row, (name, share) in enumerate(reversed(shares)):
        border = 10 * (1 - share)
        axes.add_patch(Rectangle((0, row), border, 0.7, fc=NETWORK, ec=LINE))
        axes.add_patch(Rectangle((border, row), 10 - border, 0.7, fc=LOSS, ec=LINE))
        draw_note(axes, -0.2, row + 0.35, name, ha="right")
        draw_note(axes, border / 2, row + 0.35, "ELBO")
        if share:
            words = "gap = KL(q‖p(z | x))" if share > 0.3 else "gap"
            draw_note(axes, (border + 10) / 2, row + 0.35, words)
    top = len(shares)
    draw_arrow(axes, (4, top + 0.25), (0, top + 0.25))
    draw_arrow(axes, (6, top + 0.25), (10, top + 0.25))
    draw_note(axes, 5, top + 0.25, "log p(x): no q in it")
    axes.plot([10, 10], [-0.2, top + 0.45], color=GRADIENT, lw=1.6, ls="--")
    return figure


def plot_sliding_kernel(
    size: int = 8, kernel: int = 4, stride: int = 2, padding: int = 1
) -> Figure:
    """A padded row of pixels, below it the kernel at each of its places, with the pixel it makes.

    >>> figure = plot_sliding_kernel()
    """
    places = (size + 2 * padding - kernel) // stride + 1
    figure, (axes,) = new_card(8.6, 0.5 * places + 1.9)
    axes.set(xlim=(-2.9, size + 2 * padding + 2.4), ylim=(-0.4, places + 2.2), aspect="equal")
    axes.set_title(
        color=INK, label=f"kernel {kernel}, stride {stride}, padding {padding}: {size} → {places}"
    )
    for pixel in range(size + 2 * padding):
        inside = padding <= pixel < size + padding
        color, words = (NETWORK, f"x{pixel - padding}") if inside else ("0.88", "0")
        axes.add_patch(Rectangle((pixel, places + 0.8), 0.92, 0.92, fc=color, ec=LINE))
        draw_note(axes, pixel + 0.46, places + 1.26, words)
    draw_note(axes, -0.3, places + 1.26, "row", ha="right")
    for place in range(places):
        y, start = places - 1 - place, place * stride
        for tap in range(kernel):
            axes.add_patch(Rectangle((start + tap, y), 0.92, 0.8, fc=LOSS, ec=LINE))
            draw_note(axes, start + tap + 0.46, y + 0.4, f"w{tap}", size=7.5)
        axes.add_patch(Rectangle((size + 2 * padding + 1.2, y), 0.92, 0.8, fc=CHANCE, ec=LINE))
        draw_note(axes, size + 2 * padding + 1.66, y + 0.4, f"y{place}")
        draw_arrow(axes, (start + kernel, y + 0.4), (size + 2 * padding + 1.1, y + 0.4))
        draw_note(axes, -0.3, y + 0.4, f"place {place}", ha="right")
    return figure


def plot_masked_kernel(side: int = 7, kernel: int = 5) -> Figure:
    """A picture's pixels; under the kernel those before the middle count, the others are masked.

    >>> figure = plot_masked_kernel()
    """
    figure, (axes,) = new_card(6.4, 3.7)
    middle, reach = side // 2, kernel // 2
    axes.set(xlim=(-0.4, side + 4.6), ylim=(-0.4, side + 0.4), aspect="equal")
    axes.set_title(f"masked kernel, {kernel} × {kernel}: only what came before", color=INK)
    for row in range(side):
        for column in range(side):
            place = row * side + column - (middle * side + middle)
            under = abs(row - middle) <= reach and abs(column - middle) <= reach
            color = NETWORK if place < 0 else "white"
            color = LOSS if under and place < 0 else GRADIENT if place == 0 else color
            corner = column, side - 1 - row
            axes.add_patch(Rectangle(corner, 0.92, 0.92, fc=color, ec=LINE))
            if under and place > 0:
                draw_note(axes, column + 0.46, side - 0.54 - row, "0")
    for y, color, words in (
        (5.2, LOSS, "weights, learned"),
        (4.0, GRADIENT, "the pixel to predict"),
        (2.8, "white", "0: masked, or\nnot drawn yet"),
        (1.6, NETWORK, "drawn, too far away"),
    ):
        axes.add_patch(Rectangle((side + 0.5, y), 0.6, 0.6, fc=color, ec=LINE))
        draw_note(axes, side + 1.3, y + 0.3, words, ha="left", size=8)
    return figure


def plot_batch_norm(batch: int = 4, channels: int = 3, side: int = 3) -> Figure:
    """Whose numbers one channel's mean is taken over, and what stands in its place in evaluation.

    >>> figure = plot_batch_norm()
    """
    figure, (left, right) = new_card(8.6, 3.4, columns=2)
    pitch, chosen = side + 0.7, 1
    left.set(xlim=(-3.4, channels * pitch + 0.4), ylim=(-3.4, batch * pitch + 0.9))
    left.set_aspect("equal")
    left.set_title("One channel's mean: over B, H and W", color=INK)
    for image in range(batch):
        bottom = (batch - 1 - image) * pitch
        draw_note(left, -0.4, bottom + side / 2, f"image {image}", ha="right")
        for channel in range(channels):
            color = NETWORK if channel == chosen else "white"
            for row in range(side):
                for column in range(side):
                    corner = channel * pitch + column, bottom + row
                    left.add_patch(Rectangle(corner, 1, 1, fc=color, ec=LINE, lw=0.6))
    for channel in range(channels):
        middle = channel * pitch + side / 2
        draw_note(left, middle, batch * pitch + 0.2, f"channel {channel}", size=7.5)
    middle = chosen * pitch + side / 2
    draw_arrow(left, (middle, -0.1), (middle, -0.9))
    draw_box(left, middle - 3.4, -2.9, 6.8, "one μ, one σ²", NETWORK, 1.9)
    right.set(xlim=(0, 12), ylim=(-0.4, 6.6))
    right.set_title("Which mean and variance are used", color=INK)
    for y, mode, source, color in (
        (4.4, "train", "μ, σ² of this batch", NETWORK),
        (0.5, "eval", "running estimates", CHANCE),
    ):
        draw_note(right, 0.1, y + 1.6, f"{mode}()", ha="left", size=9.5)
        draw_box(right, 0.1, y, 1.5, "x")
        draw_box(right, 2.7, y, 3.9, source, color)
        draw_box(right, 7.7, y, 3.9, "γ (x - μ) / σ + β")
        draw_arrow(right, (6.6, y + 0.55), (7.7, y + 0.55))
    draw_arrow(right, (1.6, 4.95), (2.7, 4.95))
    draw_arrow(right, (0.85, 5.5), (0.85, 5.75), (9.65, 5.75), (9.65, 5.5))
    draw_arrow(right, (0.85, 0.5), (0.85, 0.25), (9.65, 0.25), (9.65, 0.5))
    draw_arrow(right, (4.65, 4.4), (4.65, 1.6))
    draw_note(right, 4.85, 3.2, "each step: r ← (1 - m) r + m μ,\nand σ² likewise", ha="left")
    draw_note(right, 5.25, -0.1, "no other image of the batch has a say", size=8)
    return figure


# Points in a feature space of two dimensions: two groups of reals; fakes at one of them, and astray
REALS = np.array(
    ((1.0, 2.2), (1.7, 3.1), (2.3, 2.0), (2.9, 3.0), (1.9, 1.3), (5.3, 1.0), (6.1, 1.5), (5.8, 0.5))
)
FAKES = np.array(
    ((1.5, 2.4), (2.1, 2.7), (2.6, 2.4), (1.9, 1.9), (2.5, 1.5), (1.3, 1.6),
     (4.8, 3.3), (5.4, 3.7), (4.7, 4.0))
)  # fmt: skip


def plot_precision_recall(k: int = 2) -> Figure:
    """Balls around reals that hold fakes, and balls around fakes that hold reals.

    A ball reaches to its middle's `k`-th nearest neighbor of the same kind.

    >>> figure = plot_precision_recall()
    """
    figure, panels = new_card(8.6, 3.4, columns=2)
    for axes, name, counted, support, words, color in (
        (panels[0], "Precision", FAKES, REALS, ("fakes", "real"), NETWORK),
        (panels[1], "Recall", REALS, FAKES, ("reals", "fake"), LOSS),
    ):
        own = np.linalg.norm(support[:, None] - support, axis=-1)
        radii = np.sort(own, axis=1)[:, k]  # the nearest of all is the point itself
        inside = (np.linalg.norm(counted[:, None] - support, axis=-1) <= radii).any(axis=1)
        axes.set(xlim=(-1.0, 8.4), ylim=(-1.5, 5.2), aspect="equal")
        axes.set_title(f"{name}: {words[0]} in a ball around a {words[1]}", color=INK)
        for middle, radius in zip(support, radii, strict=True):
            axes.add_patch(Circle(middle, radius, fc=color, ec="none", zorder=1))
        for middle, radius in zip(support, radii, strict=True):
            axes.plot(*(middle[:, None] + radius * _circle()), color=LINE, lw=0.6)
        marker = {"reals": "o", "fakes": "^"}
        for points, kind in ((REALS, "reals"), (FAKES, "fakes")):
            faces = [INK] * len(points)
            if kind == words[0]:
                faces = [INK if is_in else CARD for is_in in inside]
            axes.scatter(*points.T, marker=marker[kind], s=34, c=faces, edgecolors=INK, zorder=3)
        told = f"{inside.sum()} of {len(counted)} {words[0]} are inside: {inside.mean():.2f}"
        draw_note(axes, 3.7, -1.25, told, size=9.5)
        draw_note(axes, 3.7, 5.0, f"● real   ▲ fake   hollow: outside   k = {k}", size=8)
    draw_note(panels[0], 6.0, 2.9, "like nothing real", ha="left", size=8)
    draw_note(panels[1], 6.5, 0.3, "never made", ha="left", size=8)
    return figure


# Mean and covariance of two Gaussians in the plane: of the reals, and of the fakes
REAL_CLOUD = np.array((0.0, 0.0)), np.array(((1.2, 0.8), (0.8, 0.9)))
FAKE_CLOUD = np.array((2.9, 0.8)), np.array(((0.2, -0.1), (-0.1, 0.5)))


def plot_frechet_distance() -> Figure:
    """Two sets of features as two Gaussians: what their means and what their shapes cost.

    >>> figure = plot_frechet_distance()
    """
    (mean_a, cov_a), (mean_b, cov_b) = REAL_CLOUD, FAKE_CLOUD
    root = _root(cov_a)
    inverse = np.linalg.inv(root)
    plan = inverse @ _root(root @ cov_b @ root) @ inverse  # the best plan's matrix, from a to b
    of_means = ((mean_a - mean_b) ** 2).sum()
    of_shapes = np.trace(cov_a + cov_b) - 2 * np.trace(_root(root @ cov_b @ root))
    circle, toss = _circle(), np.random.default_rng(3)
    figure, (left, right) = new_card(8.6, 3.4, columns=2)
    left.set(xlim=(-3.4, 5.4), ylim=(-3.7, 2.6), aspect="equal")
    left.set_title("Features, and the Gaussian of each set", color=INK)
    for (mean, cov), color, name in ((REAL_CLOUD, NETWORK, "real"), (FAKE_CLOUD, LOSS, "fake")):
        for deviations in (2, 1):
            edge = mean[:, None] + deviations * _root(cov) @ circle
            left.fill(*edge, fc=color, ec=LINE, lw=0.8)
        left.plot(*toss.multivariate_normal(mean, cov, 30).T, ".", color=LINE, ms=2.5)
        draw_note(left, mean[0] + (1.5 if name == "fake" else -2.2), 1.4, name, size=9.5)
    draw_arrow(left, tuple(mean_a), tuple(mean_b))
    draw_note(left, 1.0, -2.9, f"means: ‖μ$_a$ - μ$_b$‖² = {of_means:.2f}", size=9.5)
    right.set(xlim=(-4.4, 4.4), ylim=(-3.7, 2.6), aspect="equal")
    right.set_title("Means aside: how the best plan reshapes", color=INK)
    start, end = 2 * root @ circle, 2 * plan @ root @ circle
    for edge, color in ((start, NETWORK), (end, LOSS)):
        right.fill(*edge, fc=color, ec="none")
    for edge in (start, end):
        right.plot(*edge, color=LINE, lw=0.8)
    for place in range(0, 120, 10):
        draw_arrow(right, tuple(start[:, place]), tuple(end[:, place]))
    words = f"shapes: tr A + tr B - 2 tr(AB)$^{{1/2}}$ = {of_shapes:.2f}"
    draw_note(right, 0, -2.7, words, size=9.5)
    draw_note(right, 0, -3.35, f"d² = {of_means:.2f} + {of_shapes:.2f}", size=9.5)
    return figure


def _root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric square root of a positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(values) @ vectors.T


def _circle() -> np.ndarray:
    """The unit circle, `(2, 121)`, its last point the first."""
    angles = np.linspace(0, 2 * np.pi, 121)
    return np.stack([np.cos(angles), np.sin(angles)])


def plot_image_pool() -> Figure:
    """A fake that meets a full pool: half of the time it passes, else it changes places with one.

    >>> figure = plot_image_pool()
    """
    figure, (left, right) = new_card(10.5, 3.1, columns=2)
    for axes, title in (
        (left, "with probability ½: it passes"),
        (right, "with probability ½: it changes places"),
    ):
        axes.set(xlim=(0, 10), ylim=(0, 5))
        axes.set_title(title, color=INK)
        draw_box(axes, 0.1, 3.3, 1.7, "new fake\n(detached)")
        draw_box(axes, 8.0, 3.3, 1.9, "judge", NETWORK)
        for place in range(5):
            drawn = axes is right and place == 2
            words = "drawn" if drawn else "stored"
            draw_box(axes, 2.4 + 1.1 * place, 0.7, 1.0, words, LOSS if drawn else CHANCE, 0.9)
        draw_note(axes, 5.1, 0.25, "a full pool")
    draw_arrow(left, (1.8, 3.85), (8.0, 3.85))
    draw_note(left, 4.9, 4.2, "the image itself, age 0")
    draw_note(left, 5.1, 2.3, "nothing changes in the pool")
    draw_arrow(right, (1.8, 3.85), (4.9, 3.85), (4.9, 1.6))
    draw_arrow(right, (5.4, 1.6), (5.4, 3.85), (8.0, 3.85))
    draw_note(right, 3.2, 2.6, "stored in\nits place")
    draw_note(right, 7.3, 2.6, "the old one\ncomes out")
    return figure


def plot_gram_matrix(channels: int = 3, places: int = 6) -> Figure:
    """Maps of features, flattened to a row each; all products of two rows, added over places.

    >>> figure = plot_gram_matrix()
    """
    figure, (axes,) = new_card(10.5, 3.3)
    axes.set(xlim=(-0.2, 14.8), ylim=(-0.9, 4.3), aspect="equal")
    axes.set_title("A Gram matrix: which channels answer together, wherever that is", color=INK)
    tones = ((0.15, 0.9, 0.3, 0.6, 0.1, 0.8), (0.7, 0.2, 0.9, 0.1, 0.5, 0.3))
    colors = (NETWORK, CHANCE, LOSS)
    for row in range(channels):
        strong = [tones[row % 2][(place + 2 * (row // 2)) % 6] for place in range(places)]
        for place, alpha in enumerate(strong):
            square = (0.3 + 0.7 * (place % 3) + 0.25 * row, 2.2 - 0.7 * (place // 3) - 0.55 * row)
            style = {"fc": colors[row % 3], "ec": LINE, "zorder": 2 + row}
            axes.add_patch(Rectangle(square, 0.7, 0.7, **style))
            cell = (5.0 + 0.7 * place, 2.3 - 0.9 * row)
            axes.add_patch(Rectangle(cell, 0.7, 0.7, fc=colors[row % 3], ec=LINE))
            draw_note(axes, cell[0] + 0.35, cell[1] + 0.35, f"{alpha:.1f}", size=7.5)
        draw_note(axes, 4.75, 2.65 - 0.9 * row, f"channel {row + 1}", size=7.5, ha="right")
    draw_note(axes, 1.6, -0.55, "features: C maps, H × W")
    draw_note(axes, 7.1, -0.55, "F: a row a channel, a column a place")
    draw_note(axes, 7.1, 3.5, "columns in any order: the same K", GRADIENT)
    draw_arrow(axes, (2.6, 3.35), (4.8, 3.35))
    draw_note(axes, 3.7, 3.7, "flattened")
    draw_arrow(axes, (9.5, 1.75), (11.2, 1.75))
    draw_note(axes, 10.35, 2.2, "F Fᵀ / CHW")
    for row in range(channels):
        for column in range(channels):
            corner = (11.6 + 0.9 * column, 2.3 - 0.9 * row)
            same = row == column
            axes.add_patch(
                Rectangle(corner, 0.9, 0.9, fc=colors[row % 3] if same else "white", ec=LINE)
            )
            words = f"{row + 1} · {column + 1}"
            draw_note(axes, corner[0] + 0.45, corner[1] + 0.45, words, size=7.5)
    draw_note(axes, 13.0, -0.55, "K: C × C, symmetric")
    return figure
