"""An ellipse that is dragged over a posterior, and what it costs in nats."""

import math
from collections.abc import Callable

import ipywidgets
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.environment import is_static
from course_lib.explorers.latent import LatentPad
from course_lib.plotting import WHITE_BOX, show, to_png

Score = Callable[[Tensor, Tensor], Tensor]  # mean and log_var, each (1, 2), to nats (1,)
SHOWN_NATS = 4.0  # length of the bar's axis, which ends at log p(x)


def ellipse_explorer(
    elbo: Score, gap: Score, mean: Tensor, covariance: Tensor
) -> ipywidgets.VBox | None:
    """Drag the ellipse of a diagonal q over the posterior; ELBO and gap share out log p(x).

    `elbo` and `gap` take q's mean and log_var, each `(1, 2)` in float64, and return `(1,)` in nats.
    The true posterior has `mean` `(2,)` and `covariance` `(2, 2)`. Ellipses lie at one and two
    standard deviations. Raises ValueError for other shapes.

    >>> def elbo(mean, log_var): return -3 - gap(mean, log_var)
    >>> def gap(mean, log_var): return 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(-1)
    >>> ellipse_explorer(elbo, gap, torch.zeros(2), torch.eye(2))
    """
    if mean.shape != (2,) or covariance.shape != (2, 2):
        raise ValueError(
            f"mean must be (2,) and covariance (2, 2); got {tuple(mean.shape)} and "
            f"{tuple(covariance.shape)}"
        )
    posterior = (mean.double().numpy(), covariance.double().numpy())
    extent = _window(*posterior)
    start = [posterior[0][0] + 1.3 * posterior[1][0, 0] ** 0.5, posterior[0][1].item()]
    wide = np.log(np.diagonal(posterior[1])).round(1).tolist()
    best = (-np.log(np.diagonal(np.linalg.inv(posterior[1])))).tolist()

    def nats(point: list[float], log_var: list[float]) -> tuple[float, float]:
        q = torch.tensor([point]).double(), torch.tensor([log_var]).double()
        with torch.no_grad():
            return elbo(*q).item(), gap(*q).item()

    if is_static():
        center = posterior[0].tolist()
        settings = [
            ("off center", (start, wide)),
            ("as wide as the posterior", (center, wide)),
            ("the best diagonal q", (center, best)),
        ]
        show(_static_figure(settings, posterior, extent, nats))
        return None

    sliders = [
        ipywidgets.FloatSlider(
            value, min=round(value - 3, 1), max=round(value + 2, 1), step=0.05,
            description=f"log_var {axis}", continuous_update=True,
        )
        for axis, value in zip("₁₂", wide, strict=True)
    ]  # fmt: skip
    pad = LatentPad(extent=list(extent), point=start)
    readout, bar = ipywidgets.HTML(), ipywidgets.Image(format="png")

    def redraw(_change: object = None) -> None:
        log_var = [slider.value for slider in sliders]
        terms = nats(pad.point, log_var)
        pad.background = to_png(_map_figure(posterior, extent, (pad.point, log_var)))
        bar.value = to_png(_bar_figure(*terms))
        readout.value = _in_words(*terms)

    for slider in sliders:
        slider.observe(redraw, "value")
    pad.observe(redraw, "point")
    redraw()
    right = ipywidgets.VBox([*sliders, readout, bar])
    layout = ipywidgets.Layout(align_items="flex-start")  # or the pictures are stretched
    explorer = ipywidgets.VBox([ipywidgets.HBox([pad, right], layout=layout)], layout=layout)
    return explorer.add_class("ellipse-explorer")


def _in_words(elbo: float, gap: float) -> str:
    return (
        f"ELBO <b>{elbo:.3f}</b> &nbsp;+&nbsp; gap <b>{gap:.3f}</b> &nbsp;=&nbsp; "
        f"log p(x) <b>{elbo + gap:.3f}</b> nats"
    )


def _window(mean: np.ndarray, covariance: np.ndarray) -> tuple[float, float, float, float]:
    """A square around the posterior, four of its largest standard deviations to each side."""
    reach = 4 * math.sqrt(np.linalg.eigvalsh(covariance)[-1])
    return mean[0] - reach, mean[0] + reach, mean[1] - reach, mean[1] + reach


def _ellipse(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """The ellipse of one standard deviation, `(2, 200)`: the unit circle, stretched and shifted."""
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    return np.linalg.cholesky(covariance) @ circle + np.asarray(mean)[:, None]


def _draw_map(axes: Axes, posterior: tuple, extent: tuple, q: tuple) -> None:
    """The posterior's density in gray, q's ellipses in orange."""
    mean, covariance = posterior
    x, y = (np.linspace(*ends, 120) for ends in (extent[:2], extent[2:]))
    distance = np.stack(np.meshgrid(x, y), -1) - mean
    squares = np.einsum("yxi,ij,yxj->yx", distance, np.linalg.inv(covariance), distance)
    axes.imshow(-np.exp(-squares / 2), extent=extent, origin="lower", aspect="auto", vmin=-1.3)
    point, log_var = q
    for deviations, style in ((1, "-"), (2, "--")):
        factor = deviations**2
        axes.plot(*_ellipse(mean, covariance * factor), color="0.35", linestyle=style, lw=1)
        own = np.diag(np.exp(log_var)) * factor
        axes.plot(*_ellipse(point, own), color="C1", linestyle=style, lw=2)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    axes.grid(False)


def _map_figure(posterior: tuple, extent: tuple, q: tuple) -> Figure:
    """The map without a margin, so that a point on the pad is a point on the map."""
    figure = Figure(figsize=(4.75, 4.75), dpi=80, layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    _draw_map(axes, posterior, extent, q)
    axes.axis("off")
    return figure


def _draw_bar(axes: Axes, elbo: float, gap: float) -> None:
    """One bar that ends at log p(x): the ELBO from the left, the gap up to the end."""
    evidence = elbo + gap
    floor = evidence - SHOWN_NATS
    reached = max(elbo, floor)
    axes.barh([0], [reached - floor], left=floor, color="C0", height=0.6)
    axes.barh([0], [evidence - reached], left=reached, color="C1", height=0.6)
    axes.axvline(evidence, color="0.2", lw=1.5)
    for x, text, side in (
        (floor, f"ELBO {elbo:.2f}", "left"),
        (evidence, f"gap {gap:.2f}", "right"),
    ):
        axes.text(x, 0.55, text, ha=side, va="center", bbox=WHITE_BOX)
    axes.set(xlim=(floor, evidence + 0.02 * SHOWN_NATS), ylim=(-0.4, 0.85), yticks=[])
    axes.set_xlabel("nats; the line is log p(x)")
    axes.spines["left"].set_visible(False)


def _bar_figure(elbo: float, gap: float) -> Figure:
    figure = Figure(figsize=(4.2, 1.3), dpi=80, layout="none")
    _draw_bar(figure.add_axes((0.03, 0.4, 0.94, 0.58)), elbo, gap)
    return figure


def _static_figure(settings: list, posterior: tuple, extent: tuple, nats: Callable) -> Figure:
    """A column for each q: its ellipse above, the bar below."""
    figure = Figure(figsize=(3.2 * len(settings), 4.1))
    grid = figure.subplots(2, len(settings), height_ratios=(4, 1))
    for (upper, lower), (name, q) in zip(grid.T, settings, strict=True):
        _draw_map(upper, posterior, extent, q)
        upper.set(title=name, xlabel="z₁", ylabel="z₂", box_aspect=1)
        _draw_bar(lower, *nats(*q))
    figure.suptitle("q (orange) over the posterior (gray): ELBO + gap = log p(x)")
    return figure
