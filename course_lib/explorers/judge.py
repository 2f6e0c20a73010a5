"""A model's density that is moved beside the data's, a discriminator between them, its value."""

import math

import ipywidgets
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.distributions import Normal

from course_lib.environment import is_static
from course_lib.game_plots import draw_densities
from course_lib.plotting import WHITE_BOX, show, to_png
from course_lib.probability import js_divergence

Setting = tuple[float, float, float, float]  # model's mean and std, sharpness of D, a fake's x
REACH, STRONGEST, LEAST = 8.0, 6.0, -3.0  # ends of the axes: x, pushes, V
SHOWN = {
    "near, D at its best": (1.5, 0.8, 1.0, 1.5),
    "far, D at its best": (5.0, 0.8, 1.0, 5.0),
    "near, D too sure": (1.5, 0.8, 2.0, 1.5),
}
COLORS = {"log(1 - D)": "C3", "-log D": "C4"}  # of the generator's two losses


def judge_explorer() -> ipywidgets.VBox | None:
    """Move a model N(mean, std²) beside the data N(0, 1): D, its value V, and how fakes are pushed.

    D has the best logit, log p_data - log p_model, times a sharpness: 1 is the best D, 0 says 1/2
    everywhere. V(D) stands beside 2 JS - log 4. A fake at x is pushed by minus the slope of
    the generator's loss there, for the saturating and the non-saturating one.

    >>> judge_explorer()
    """
    if is_static():
        show(_static_figure())
        return None

    start = SHOWN["near, D at its best"]
    sliders = [
        ipywidgets.FloatSlider(
            value, min=low, max=high, step=0.05, description=name, continuous_update=True
        )
        for value, (name, low, high) in zip(
            start,
            (
                ("mean of model", -6.0, 6.0),
                ("std of model", 0.3, 2.5),
                ("sharpness of D", 0.0, 3.0),
                ("a fake at x", -REACH, REACH),
            ),
            strict=True,
        )
    ]
    for slider in sliders:
        slider.style.description_width = "110px"
    readout, picture = ipywidgets.HTML(), ipywidgets.Image(format="png")

    def redraw(_change: object = None) -> None:
        setting = tuple(slider.value for slider in sliders)
        readout.value = _in_words(judged(*setting))
        picture.value = to_png(_frame(setting))

    for slider in sliders:
        slider.observe(redraw, "value")
    redraw()
    layout = ipywidgets.Layout(align_items="flex-start")  # or the picture is stretched
    explorer = ipywidgets.VBox([*sliders, readout, picture], layout=layout)
    return explorer.add_class("judge-explorer")


def judged(mean: float, std: float, sharpness: float, at: float) -> dict[str, float]:
    """What D of this sharpness is worth in nats, the best D's worth, and what a fake `at` gets.

    V(D) and 2 JS - log 4 by quadrature; D there; minus the slopes there of log(1 - D) and -log D.

    >>> told = judged(2.0, 1.0, 1.0, 2.0)
    >>> [round(told[name], 4) for name in ("V(D)", "D(x)", "log(1 - D)", "-log D")]
    [-0.7126, 0.1192, -0.2384, -1.7616]
    """
    x = torch.linspace(
        min(mean - 9 * std, -9.0), max(mean + 9 * std, 9.0), 4001, dtype=torch.float64
    )
    cells = [density.exp() * (x[1] - x[0]) for density in _log_densities(x, mean, std)]
    logit = _logit(x, mean, std, sharpness)
    value = cells[0] @ F.logsigmoid(logit) + cells[1] @ F.logsigmoid(-logit)
    place = torch.tensor([at], dtype=torch.float64)
    pushes = {name: push.item() for name, push in _pushes(place, mean, std, sharpness).items()}
    return {
        "V(D)": value.item(),
        "2 JS - log 4": 2 * js_divergence(*cells).item() - math.log(4),
        "D(x)": _logit(place, mean, std, sharpness).sigmoid().item(),
        **pushes,
    }


def _log_densities(x: Tensor, mean: float, std: float) -> tuple[Tensor, Tensor]:
    """The data's and the model's, in the precision of x."""
    return tuple(Normal(*x.new_tensor(each)).log_prob(x) for each in ((0.0, 1.0), (mean, std)))


def _logit(x: Tensor, mean: float, std: float, sharpness: float) -> Tensor:
    """D's logit: the best one, log p_data - log p_model, times the sharpness."""
    log_data, log_model = _log_densities(x, mean, std)
    return sharpness * (log_data - log_model)


def _pushes(x: Tensor, mean: float, std: float, sharpness: float) -> dict[str, Tensor]:
    """Minus the slopes of the generator's two losses at fakes x `(N,)`: which way, how hard."""
    slope = sharpness * ((x - mean) / std**2 - x)  # of the logit
    logit = _logit(x, mean, std, sharpness)
    return {"log(1 - D)": logit.sigmoid() * slope, "-log D": (-logit).sigmoid() * slope}


def _in_words(told: dict[str, float]) -> str:
    return (
        f"V(D) = <b>{told['V(D)']:.3f}</b> &emsp; 2 JS - log 4 = <b>{told['2 JS - log 4']:.3f}</b>"
        f" nats<br>at x: D = <b>{told['D(x)']:.3g}</b>, pushed by log(1 - D): "
        f"<b>{told['log(1 - D)']:.2g}</b>, by -log D: <b>{told['-log D']:.2g}</b>"
    )


def _draw(panels: list[Axes], setting: Setting, legend: bool = True) -> None:
    """Densities and D; pushes over x; V on a line from below to 0."""
    above, middle, below = panels
    (mean, std, sharpness, at), told = setting, judged(*setting)
    x = torch.linspace(-REACH, REACH, 641, dtype=torch.float64)
    judges = {"D": _logit(x, mean, std, sharpness).sigmoid()}
    densities = [density.exp() for density in _log_densities(x, mean, std)]
    right = draw_densities(above, x, *densities, judges, top=1.4, legend=legend)
    above.axvline(at, color="0.5", ls=":", lw=1)
    right.plot(at, judges["D"][(x - at).abs().argmin()], "ko", ms=5)
    above.set(xlim=(-REACH, REACH), xlabel="")
    for name, push in _pushes(x, mean, std, sharpness).items():
        middle.plot(x, push, color=COLORS[name], label=name)
        here = min(max(told[name], -STRONGEST), STRONGEST)
        middle.plot(at, here, "o", color=COLORS[name], ms=5)
    middle.axvline(at, color="0.5", ls=":", lw=1)
    middle.axhline(0, color="0.5", lw=0.8)
    limits = (-1.05 * STRONGEST, 1.05 * STRONGEST)
    middle.set(xlim=(-REACH, REACH), ylim=limits, xlabel="x", ylabel="push on a fake")
    if legend:
        middle.legend(loc="upper left", fontsize=8)
    _draw_value(below, told)


def _draw_value(axes: Axes, told: dict[str, float]) -> None:
    """V(D) as a bar from the left, and the line that no D can pass."""
    value, most = told["V(D)"], told["2 JS - log 4"]
    axes.barh([0], [max(value, LEAST) - LEAST], left=LEAST, color="C2", height=0.6)
    axes.axvline(most, color="0.2", lw=1.6)
    axes.axvline(-math.log(4), color="0.5", ls=":", lw=1)
    words = f"V(D) {value:.3f}" if value >= LEAST else f"← V(D) {value:.3f}"
    axes.text(LEAST + 0.05, 0, words, va="center", fontsize=8, bbox=WHITE_BOX)
    axes.set(xlim=(LEAST, 0.1), ylim=(-0.5, 0.5), yticks=[])
    axes.set_xlabel("nats; line: 2 JS - log 4, dotted: -log 4")


def _frame(setting: Setting) -> Figure:
    figure = Figure(figsize=(7.2, 5.2), dpi=80, layout="none")
    figure.subplots_adjust(0.09, 0.1, 0.91, 0.97, 0.2, 0.45)
    _draw(list(figure.subplots(3, 1, height_ratios=(5, 4, 1))), setting)
    return figure


def _static_figure() -> Figure:
    """A column for each of three settings."""
    figure = Figure(figsize=(3.6 * len(SHOWN), 5.2))
    grid = figure.subplots(3, len(SHOWN), height_ratios=(5, 4, 1))
    for column, (name, setting) in zip(grid.T, SHOWN.items(), strict=True):
        _draw(list(column), setting, legend=column[0] is grid[0, 0])
        column[0].set_title(name)
        for axes in column[:2]:
            axes.set_ylabel(axes.get_ylabel() if column[0] is grid[0, 0] else "")
    figure.suptitle("A model beside the data: D, how it pushes fakes, and what it is worth")
    return figure
