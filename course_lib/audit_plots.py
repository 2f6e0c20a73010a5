"""Figures of an audit: distances and their threshold, shares with intervals, ROC curves, routes.

Each `plot_` function returns a Figure for `plotting.show`.
"""

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

PIXELS, BESIDE, NEUTRAL = "#66c5ab", "#f4c9a5", "#e3e6ea"
# x, y, width, words, color of each box of the two routes that say where a picture is from
ROUTES = (
    (0.1, 1.9, 1.7, "a picture", NEUTRAL),
    (2.6, 3.2, 2.4, "mark in its pixels\n(secret key)", PIXELS),
    (2.6, 0.5, 2.4, "manifest beside them,\nsigned", BESIDE),
    (6.0, 3.2, 2.6, "JPEG, rounding:\nmark is still there", PIXELS),
    (6.0, 0.5, 2.6, "JPEG, a copied screen:\nmanifest is gone", BESIDE),
    (9.6, 3.2, 3.0, "detector: «likely ours»,\nsays nothing more", PIXELS),
    (9.6, 0.5, 3.0, "verifier, if it is there: who,\nwhen, how, and unchanged", BESIDE),
)
ARROWS = (
    ((1.8, 2.7), (2.6, 3.75)), ((1.8, 2.2), (2.6, 1.05)), ((5.0, 3.75), (6.0, 3.75)),
    ((5.0, 1.05), (6.0, 1.05)), ((8.6, 3.75), (9.6, 3.75)), ((8.6, 1.05), (9.6, 1.05)),
)  # fmt: skip


def plot_provenance() -> Figure:
    """Two ways to say where a picture is from: a mark in its pixels, a manifest beside them.

    >>> figure = plot_provenance()
    """
    figure = Figure(figsize=(9.5, 3.0), layout="none")
    figure.subplots_adjust(0.01, 0.02, 0.99, 0.9)
    axes = figure.subplots()
    axes.set(xlim=(0, 12.8), ylim=(0, 4.8), title="Two ways to say where a picture is from")
    axes.axis("off")
    for x, y, width, text, color in ROUTES:
        shape = FancyBboxPatch(
            (x, y), width, 1.1, boxstyle="round,pad=0,rounding_size=0.15", fc=color, ec="0.4"
        )
        axes.add_patch(shape)
        axes.text(x + width / 2, y + 0.55, text, ha="center", va="center", fontsize=8.5)
    for start, end in ARROWS:
        style = {"arrowstyle": "-|>", "color": "0.3", "lw": 1.3, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", end, start, arrowprops=style)
    return figure


def plot_two_audits() -> Figure:
    """What is compared with what: one threshold for all samples, and two sets for each sample.

    >>> figure = plot_two_audits()
    """
    figure = Figure(figsize=(9.5, 3.2), layout="none")
    figure.subplots_adjust(0.01, 0.03, 0.99, 0.88, 0.05)
    left, right = figure.subplots(1, 2)
    titles = "Is it nearer than fresh images are?", "Which of the two sets is nearer?"
    train = np.array([[1.2, 1.3], [2.6, 3.1], [4.3, 1.6], [6.0, 3.4], [7.6, 1.3], [9.0, 3.2]])
    fresh = np.array([[1.9, 2.6], [3.6, 2.7], [5.4, 1.2], [6.9, 2.5], [8.6, 1.9], [4.6, 3.7]])
    sample = np.array([6.45, 3.0])
    for axes, title in zip((left, right), titles, strict=True):
        axes.set(xlim=(0, 10.4), ylim=(0, 4.7), title=title, aspect="equal")
        axes.axis("off")
        axes.plot(*train.T, "s", color="C0", ms=8, label="training images")
        axes.plot(*fresh.T, "o", color="0.55", ms=8, label="held out")
        axes.plot(*sample, "*", color="C1", ms=15, label="a sample")
    left.plot(*np.stack([sample, train[3]]).T, color="C1", lw=1.6)
    for own in fresh:
        near = train[np.hypot(*(train - own).T).argmin()]
        left.plot(*np.stack([own, near]).T, color="0.6", lw=0.9, ls=":")
    left.add_patch(Circle(tuple(train[3]), 0.95, fill=False, ec="0.3", ls="--"))
    left.text(5.2, 0.3, "dashed: the threshold, from the dotted distances", ha="center", fontsize=9)
    for set_, color in ((train, "C0"), (fresh, "0.4")):
        near = set_[np.hypot(*(set_ - sample).T).argmin()]
        right.plot(*np.stack([sample, near]).T, color=color, lw=1.6)
    right.text(5.2, 0.3, "by chance alone: one half", ha="center", fontsize=9)
    right.legend(loc="upper left", fontsize=8, ncols=3, handletextpad=0.2)
    return figure


def plot_membership(gap: float = 1.0, threshold: float = 0.3) -> Figure:
    """A threshold on the loss, and the point of the ROC curve that it makes.

    Losses are normal here, with means 0 (members) and `gap` (others) and variance 1.

    >>> figure = plot_membership()
    """
    figure = Figure(figsize=(9.5, 2.9), layout="none")
    figure.subplots_adjust(0.02, 0.16, 0.97, 0.88, 0.12)
    left, right = figure.subplots(1, 2, width_ratios=(1.9, 1))
    losses, law = np.linspace(-3.2, gap + 3.2, 400), NormalDist()
    for mean, color, name in ((0.0, "C0", "members"), (gap, "C1", "other images")):
        height = np.array([NormalDist(mean).pdf(loss) for loss in losses])
        left.plot(losses, height, color=color, label=name)
        left.fill_between(losses, height, where=losses < threshold, color=color, alpha=0.25)
    left.axvline(threshold, color="0.4", ls="--")
    left.text(threshold - 0.12, 0.43, "say «member»", ha="right", fontsize=9)
    left.set(title="Call a member what has a small loss", xlabel="loss", yticks=[], ylim=(0, 0.47))
    left.legend(loc="upper right", fontsize=8.5)
    true, false = law.cdf(threshold), law.cdf(threshold - gap)
    right.plot([0, 1], [0, 1], color="0.6", lw=1, ls=":")
    right.plot(*zip(*[(law.cdf(t - gap), law.cdf(t)) for t in losses], strict=True), color="C2")
    right.plot([false, false], [false, true], color="0.4", lw=1)
    right.plot(false, true, "o", color="0.3")
    right.text(0.36, 0.2, "this threshold, and", fontsize=9, va="center")
    right.text(0.36, 0.08, "its advantage below it", fontsize=9, va="center")
    right.set(title="ROC: all thresholds", xlabel="false alarms", ylabel="members found")
    return figure


def plot_truncation(factors: Sequence[float] = (1.0, 0.7, 0.5), edge: float = 2.0) -> Figure:
    """What a smaller z leaves to a minority that owns one tail of the latent space.

    Of N(0, 1) the share beyond `edge` is Φ(-edge); of a times it, Φ(-edge / a).

    >>> figure = plot_truncation()
    """
    figure = Figure(figsize=(9.5, 2.3), layout="none")
    figure.subplots_adjust(0.02, 0.2, 0.98, 0.84, 0.06)
    z = np.linspace(-3.4, 3.4, 400)
    left = []
    for axes, factor in zip(figure.subplots(1, len(factors)), factors, strict=True):
        law = NormalDist(0, factor)
        height = np.array([law.pdf(each) for each in z])
        axes.plot(z, height, color="C0")
        axes.axvspan(edge, 3.4, color="C1", alpha=0.25, lw=0)
        axes.fill_between(z, height, where=z > edge, color="C1")
        share = 1 - law.cdf(edge)
        left.append(f"{100 * share:.2g} % at {factor:g} z")
        axes.text(
            0.98,
            0.86,
            f"minority:\n{100 * share:.2g} %",
            ha="right",
            va="top",
            fontsize=9,
            transform=axes.transAxes,
        )
        axes.set(
            title="z" if factor == 1 else f"{factor:g} z",
            xlabel="one latent",
            yticks=[],
            ylim=(0, None),
        )
    figure.set_label(
        f"The law of one latent, ever narrower: of a minority's tail beyond {edge:g} there is "
        + ", ".join(left)
    )
    return figure


def plot_distances(groups: Mapping[str, tuple], title: str = "") -> Figure:
    """A panel for each name: distances of samples (orange) and of held-out images (gray).

    `groups[name]` is (samples' distances, held-out images' distances, threshold), 1-D each.

    >>> figure = plot_distances({"a": (np.arange(9.0), np.arange(9.0) + 1, 1.5)})
    """
    figure = Figure(figsize=(3.2 * len(groups), 2.6))
    panels = np.atleast_1d(figure.subplots(1, len(groups), sharex=True))
    for axes, (name, (samples, held, threshold)) in zip(panels, groups.items(), strict=True):
        both = [np.asarray(each) for each in (held, samples)]
        bins = np.linspace(0, max(each.max() for each in both), 40)
        axes.hist(both[0], bins, density=True, color="0.65", label="held out")
        axes.hist(both[1], bins, density=True, color="C1", alpha=0.7, label="samples")
        axes.axvline(float(threshold), color="0.2", ls="--", lw=1.2)
        axes.set(title=name, xlabel="distance to the nearest training image", yticks=[])
        axes.xaxis.label.set_size(8)
    panels[0].legend(fontsize=8)
    figure.suptitle(title)
    return figure


def plot_shares(
    names: Sequence, shares: Mapping[str, Sequence], title: str = "", xlabel: str = ""
) -> Figure:
    """Shares of groups with their intervals, a color for each source.

    `shares[source]` is `(groups, 3)`: share, low, high.

    >>> figure = plot_shares("ab", {"data": [[0.4, 0.3, 0.5], [0.6, 0.5, 0.7]]})
    """
    figure = Figure(figsize=(8.0, 2.9))
    axes = figure.subplots()
    places = np.arange(len(names))
    for n, (source, rows) in enumerate(shares.items()):
        share, low, high = np.asarray(rows, dtype=float).T
        at = places + (n - (len(shares) - 1) / 2) * 0.8 / len(shares)
        errors = np.stack([share - low, high - share]).clip(min=0)
        axes.bar(at, share, 0.75 / len(shares), color=f"C{n}", alpha=0.6, label=source)
        axes.errorbar(at, share, errors, fmt="none", ecolor="0.2", elinewidth=1, capsize=2)
    axes.set(title=title, ylabel="share", xlabel=xlabel)
    axes.set_xticks(places, [str(name) for name in names])
    axes.legend(fontsize=8)
    return figure


def plot_roc(curves: Mapping[str, tuple], title: str = "") -> Figure:
    """ROC curves `(false positive rates, true positive rates)` by name, and chance.

    The right panel has logarithmic axes, where the few sure cases are seen.

    >>> figure = plot_roc({"chance": ([0, 1], [0, 1])})
    """
    figure = Figure(figsize=(7.6, 3.3))
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        for name, (false, true) in curves.items():
            axes.plot(np.asarray(false), np.asarray(true), label=name, lw=1.6)
        grid = np.geomspace(1e-3, 1, 50)
        axes.plot(grid, grid, color="0.5", ls=":", lw=1.2)
        axes.set(xlabel="false positive rate", ylabel="true positive rate", box_aspect=1)
    right.set(xscale="log", yscale="log", xlim=(1e-3, 1), ylim=(1e-3, 1.05))
    left.legend(fontsize=8, loc="lower right")
    figure.suptitle(title)
    return figure


def plot_scores(groups: Mapping[str, Sequence], title: str = "", threshold: float = 4.0) -> Figure:
    """Histograms of z-scores by name over the density of N(0, 1), and the threshold.

    >>> figure = plot_scores({"without": [0.1, -0.4, 1.2], "with": [6.0, 7.5, 9.0]})
    """
    figure = Figure(figsize=(7.6, 2.7))
    axes = figure.subplots()
    scores = {name: np.asarray(values, dtype=float) for name, values in groups.items()}
    low = min(-4.5, *(values.min() for values in scores.values()))
    high = max(6.0, *(values.max() for values in scores.values()))
    bins = np.linspace(low, high, 70)
    for n, (name, values) in enumerate(scores.items()):
        axes.hist(values, bins, density=True, color=f"C{n}", alpha=0.6, label=name)
    x = np.linspace(-4.5, 4.5, 200)
    axes.plot(x, [NormalDist().pdf(value) for value in x], color="0.2", lw=1.2, label="N(0, 1)")
    axes.axvline(threshold, color="0.2", ls="--", lw=1.2)
    axes.set(xlabel="z", ylabel="density", title=title)
    axes.legend(fontsize=8)
    return figure


def plot_rates(
    x: Sequence[float], rates: Mapping[str, Sequence], xlabel: str, title: str = ""
) -> Figure:
    """Curves of rates with their intervals over x; `rates[name]` is `(len(x), 3)`.

    >>> figure = plot_rates([1, 2], {"a": [[0.5, 0.4, 0.6], [0.7, 0.6, 0.8]]}, "x")
    """
    figure = Figure(figsize=(6.4, 2.9))
    axes = figure.subplots()
    for n, (name, rows) in enumerate(rates.items()):
        rate, low, high = np.asarray(rows, dtype=float).T
        axes.plot(x, rate, "o-", color=f"C{n}", label=name, ms=4)
        axes.fill_between(x, low, high, color=f"C{n}", alpha=0.2, lw=0)
    axes.set(xlabel=xlabel, ylabel="share", ylim=(-0.03, 1.03), title=title)
    axes.legend(fontsize=8)
    return figure
