"""A one-dimensional GAN, recorded while it learned: moment, learning rate, number of D steps."""

from collections.abc import Mapping, Sequence

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.environment import is_static
from course_lib.game_plots import draw_densities
from course_lib.plotting import show, to_png
from course_lib.probability import js_divergence

Setting = tuple[float, int]  # learning rate, discriminator steps a round
Recording = Mapping[str, Tensor]
STATIC_MOMENTS = (0.0, 0.1, 0.4, 1.0)
RARE = 0.02  # of the picture's height: below it a recorded density is a few examples, or none


def game_explorer(
    x: Tensor, p_data: Tensor, recordings: Mapping[Setting, Recording]
) -> ipywidgets.VBox | None:
    """Watch a 1-D GAN's densities and discriminator move; choose how it was trained.

    `x` `(N,)` are the middles of equal cells and `p_data` `(N,)` the data's density there.
    `recordings` has, for each pair (learning rate, discriminator steps a round), a mapping with
    "round" `(T,)` in rising order, and "p_model" and "d" `(T, N)`, the model's density and D then.
    All pairs of a learning rate and a number that occur must be there, all of one length T; raises
    ValueError otherwise.

    >>> x, p = torch.linspace(-1, 1, 5), torch.full((5,), 0.5)
    >>> one = {"round": torch.tensor([0, 9]), "p_model": p.repeat(2, 1), "d": p.repeat(2, 1)}
    >>> game_explorer(x, p, {(0.1, 1): one})
    """
    rates, counts = (sorted({setting[place] for setting in recordings}) for place in (0, 1))
    _require_complete(recordings, rates, counts)
    game = _Game(x, p_data, recordings)
    if is_static():
        show(_static_figure(game, _corners(rates, counts)))
        return None

    rate, count = (
        ipywidgets.SelectionSlider(options=options, value=options[0], description=name)
        for options, name in ((rates, "learning rate"), (counts, "D steps"))
    )
    for slider in (rate, count):
        slider.style.description_width = "90px"
    moment = ipywidgets.IntSlider(
        game.length // 4, min=0, max=game.length - 1, description="moment", continuous_update=True
    )
    moment.style.description_width = "90px"
    readout, picture = ipywidgets.HTML(), ipywidgets.Image(format="png")

    def redraw(_change: object = None) -> None:
        setting = rate.value, count.value
        readout.value = game.in_words(setting, moment.value)
        picture.value = to_png(_frame(game, setting, moment.value))

    for slider in (rate, count, moment):
        slider.observe(redraw, "value")
    redraw()
    layout = ipywidgets.Layout(align_items="flex-start")  # or the picture is stretched
    explorer = ipywidgets.VBox([moment, rate, count, readout, picture], layout=layout)
    return explorer.add_class("game-explorer")


def _require_complete(recordings: Mapping, rates: list, counts: list) -> None:
    missing = [(r, c) for r in rates for c in counts if (r, c) not in recordings]
    if not recordings or missing:
        raise ValueError(
            "recordings must hold every pair of a learning rate and a number of D steps that "
            f"occur; missing: {missing or 'all'}"
        )
    lengths = {len(recording["round"]) for recording in recordings.values()}
    if len(lengths) > 1:
        raise ValueError(f"all recordings must be of one length; got {sorted(lengths)}")


class _Game:
    """The recordings, and what is said of a moment of one."""

    def __init__(self, x: Tensor, p_data: Tensor, recordings: Mapping[Setting, Recording]) -> None:
        self.x, self.p_data, self.recordings = x.cpu(), p_data.cpu(), recordings
        self.length = len(next(iter(recordings.values()))["round"])
        self.top = 1.6 * p_data.max().item()

    def at(self, setting: Setting, moment: int) -> tuple[int, Tensor, Tensor]:
        recording = self.recordings[setting]
        rounds, p_model, d = (recording[name] for name in ("round", "p_model", "d"))
        return int(rounds[moment]), p_model[moment].cpu(), d[moment].cpu()

    def divergence(self, setting: Setting, moment: int) -> float:
        """JS of data and model in nats, each cell of the grid an outcome."""
        p_model = self.at(setting, moment)[1]
        p, q = (v.double() / v.double().sum() for v in (self.p_data, p_model))
        return js_divergence(p, q).item()

    def in_words(self, setting: Setting, moment: int) -> str:
        step = self.at(setting, moment)[0]
        nats = self.divergence(setting, moment)
        return f"round <b>{step:,}</b> &emsp; JS(data, model) = <b>{nats:.3f}</b> nats"

    def draw(self, axes: Axes, setting: Setting, moment: int, legend: bool = True) -> Axes:
        """Densities and D at that moment; returns the axes that D has."""
        step, p_model, d = self.at(setting, moment)
        total = self.p_data + p_model
        seen = total > RARE * self.top
        best = torch.where(seen, self.p_data / total, torch.nan)
        judges = {"D, as trained": d, "the best D": best}
        axes.set_title(f"round {step:,}, JS {self.divergence(setting, moment):.3f} nats")
        return draw_densities(axes, self.x, self.p_data, p_model, judges, self.top, legend)


def _frame(game: _Game, setting: Setting, moment: int) -> Figure:
    figure = Figure(figsize=(7.2, 3.4), dpi=80, layout="none")
    figure.subplots_adjust(0.09, 0.15, 0.91, 0.9)
    game.draw(figure.subplots(), setting, moment)
    return figure


def _corners(rates: Sequence[float], counts: Sequence[int]) -> list[Setting]:
    """The slowest and the fastest rate with the fewest D steps, and one with the most."""
    wanted = [(rates[0], counts[0]), (rates[-1], counts[0]), (rates[len(rates) // 2], counts[-1])]
    return list(dict.fromkeys(wanted))


def _static_figure(game: _Game, settings: list[Setting]) -> Figure:
    """A row for each setting, a column for each moment."""
    moments = [round(part * (game.length - 1)) for part in STATIC_MOMENTS]
    figure = Figure(figsize=(3.1 * len(moments), 2.6 * len(settings)))
    grid = figure.subplots(len(settings), len(moments), squeeze=False)
    for number, (row, setting) in enumerate(zip(grid, settings, strict=True)):
        for axes, moment in zip(row, moments, strict=True):
            last = moment == moments[-1]
            right = game.draw(axes, setting, moment, legend=last and number == 0)
            axes.set(xlabel="x" if number == len(settings) - 1 else "", ylabel="")
            axes.tick_params(labelleft=moment == moments[0])
            right.set_ylabel("D" if last else "")
            right.tick_params(labelright=last)
        rate, count = setting
        row[0].set_ylabel(f"learning rate {rate:g},\n{count} D step{'s' * (count > 1)} a round")
    figure.suptitle("A one-dimensional GAN while it learns")
    return figure
