"""Two Gaussians, one of them dragged, and three divergences that move along."""

import math

import ipywidgets
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.environment import is_static
from course_lib.plotting import WHITE_BOX, show, to_png
from course_lib.probability import js_divergence, kl_gaussian


def kl_explorer() -> ipywidgets.VBox | None:
    """Drag the mean and std of q = N(mean, std²) beside p = N(0, 1); three divergences move along.

    KL(q‖p) and KL(p‖q) by formula, JS(p, q) by quadrature, all in nats.

    >>> kl_explorer()
    """
    if is_static():
        show(_kl_figure([(1.0, 1.0), (0.0, 0.4), (0.0, 2.5)], "Three divergences from p = N(0, 1)"))
        return None

    def slider(value: float, low: float, high: float, name: str) -> ipywidgets.FloatSlider:
        return ipywidgets.FloatSlider(
            value, min=low, max=high, step=0.05, description=name, continuous_update=True
        )

    mean, std = slider(1.0, -4.0, 4.0, "mean of q"), slider(1.0, 0.4, 4.0, "std of q")
    readout, picture = ipywidgets.HTML(), ipywidgets.Image(format="png")

    def redraw(_change: object = None) -> None:
        divergences = gaussian_divergences(mean.value, std.value)
        readout.value = " &emsp; ".join(f"{k} = <b>{v:.3f}</b>" for k, v in divergences.items())
        picture.value = to_png(_kl_figure([(mean.value, std.value)]))

    mean.observe(redraw, "value")
    std.observe(redraw, "value")
    redraw()
    layout = ipywidgets.Layout(align_items="flex-start")  # or the picture is stretched
    explorer = ipywidgets.VBox([ipywidgets.HBox([mean, std]), readout, picture], layout=layout)
    return explorer.add_class("kl-explorer")


def gaussian_divergences(mean: float, std: float) -> dict[str, float]:
    """KL(q‖p), KL(p‖q) and JS(p, q) in nats for q = N(mean, std²) and p = N(0, 1).

    >>> {name: round(nats, 4) for name, nats in gaussian_divergences(1.0, 1.0).items()}
    {'KL(q‖p)': 0.5, 'KL(p‖q)': 0.5, 'JS(p, q)': 0.1114}
    """
    q = torch.tensor([[mean]], dtype=torch.float64), torch.tensor([[2 * math.log(std)]]).double()
    p = torch.zeros(1, 1).double(), torch.zeros(1, 1).double()
    # both densities vanish at the ends, so cells of equal width are as good as the trapezoid rule
    x = np.linspace(min(mean - 9 * std, -9), max(mean + 9 * std, 9), 4001)
    cells = [torch.from_numpy(_density(x, *each) * (x[1] - x[0])) for each in ((0, 1), (mean, std))]
    return {
        "KL(q‖p)": kl_gaussian(*q, *p).item(),
        "KL(p‖q)": kl_gaussian(*p, *q).item(),
        "JS(p, q)": js_divergence(*cells).item(),
    }


def _density(x: np.ndarray, mean: float, std: float) -> np.ndarray:
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))


def _kl_figure(settings: list[tuple[float, float]], title: str = "") -> Figure:
    """A column for each (mean, std) of q: the densities above, the divergences below."""
    width = max(5.6, 3.1 * len(settings))
    # margins by hand: constrained layout would lay everything out twice, in each frame of a drag
    figure = Figure(figsize=(width, 3.8), dpi=80, layout="none")
    figure.subplots_adjust(0.75 / width, 0.12, 1 - 0.1 / width, 0.86 if title else 0.92, 0.35, 0.3)
    grid = figure.subplots(2, len(settings), squeeze=False, height_ratios=(2, 1))
    for (upper, lower), (mean, std) in zip(grid.T, settings, strict=True):
        _draw_densities(upper, mean, std)
        _draw_divergences(lower, gaussian_divergences(mean, std))
    figure.suptitle(title)
    return figure


def _draw_densities(axes: Axes, mean: float, std: float) -> None:
    x = np.linspace(-6, 6, 400)
    for name, color, each in (("p", "C0", (0, 1)), ("q", "C1", (mean, std))):
        axes.fill_between(x, _density(x, *each), color=color, alpha=0.35, label=name)
        axes.plot(x, _density(x, *each), color=color)
    axes.set(xlim=(-6, 6), ylim=(0, 1.05), title=f"q = N({mean:.2f}, {std:.2f}²)")
    axes.legend(loc="upper right")


def _draw_divergences(axes: Axes, divergences: dict[str, float], longest: float = 4.0) -> None:
    """Bars on one fixed axis, so that they can be seen to move; the number goes on past its end."""
    shown = [min(nats, longest) for nats in divergences.values()]
    axes.barh(list(divergences), shown, color=["C1", "C0", "C2"], height=0.65)
    for row, (nats, length) in enumerate(zip(divergences.values(), shown, strict=True)):
        text = f"{nats:.3f}" + (" →" if nats > longest else "")
        axes.text(length + 0.05, row, text, va="center", bbox=WHITE_BOX)
    axes.axvline(math.log(2), color="C2", linestyle=":")  # no JS goes beyond it
    axes.set(xlim=(0, 1.35 * longest), xlabel="nats  (dotted: log 2)", xticks=range(5))
    axes.invert_yaxis()
