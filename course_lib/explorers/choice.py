"""Which model for whom: the reader weighs what matters, a measured table answers."""

from collections.abc import Mapping

import ipywidgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from course_lib.comparison_plots import Table, as_cell
from course_lib.environment import is_static
from course_lib.plotting import show, to_png

Weights = Mapping[str, int]
HEAVIEST = 5


def tournament_points(table: Table, better: Mapping[str, int]) -> dict[str, dict[str, float]]:
    """Points between 0 and 1 by model and metric: the average of what it wins against the others.

    Against another model it is 1 where the worst of its runs beats the other's best run, 0 where it
    is the other way round, and 1/2 where the two ranges meet: that is undecided. Who has no value
    gets 0.

    `table` is {model: {metric: (median, smallest, largest) or a count}}; `better` names the metrics
    that count, with 1 where larger is better and -1 where smaller is.

    >>> table = {"a": {"loss": (2.0, 1.0, 3.0)}, "b": {"loss": (4.5, 4.0, 5.0)}, "c": {}}
    >>> tournament_points(table, {"loss": -1})
    {'a': {'loss': 1.0}, 'b': {'loss': 0.5}, 'c': {'loss': 0.0}}
    """
    return {
        model: {
            metric: sum(
                _points(table[model].get(metric), table[other].get(metric), sign)
                for other in table
                if other != model
            )
            / max(1, len(table) - 1)
            for metric, sign in better.items()
        }
        for model in table
    }


def _points(mine, other, sign: int) -> float:
    if mine is None:
        return 0.0
    if other is None:
        return 1.0
    (_, low, high), (_, other_low, other_high) = as_cell(mine), as_cell(other)
    if sign < 0:
        low, high, other_low, other_high = -high, -low, -other_high, -other_low
    return 1.0 if low > other_high else 0.0 if high < other_low else 0.5


def choice_explorer(
    table: Table, better: Mapping[str, int], readers: Mapping[str, Weights]
) -> ipywidgets.VBox | None:
    """Say how much each metric matters to you, and see which model the table speaks for.

    `table` and `better` as in `tournament_points`. `readers` are examples by name, each with its
    weights from 0 to 5 by metric; a metric that is not named has weight 0. A model's score is the
    mean of its points, weighted.

    Raises ValueError for no readers, and for weights of a metric that `better` lacks.

    >>> table = {"a": {"loss": (2.0, 1.0, 3.0)}, "b": {"loss": (4.5, 4.0, 5.0)}}
    >>> choice_explorer(table, {"loss": -1}, {"somebody": {"loss": 3}})
    """
    strange = [name for weights in readers.values() for name in weights if name not in better]
    if strange or not readers:
        raise ValueError(
            f"readers must be named, with weights of {', '.join(better)}; got "
            f"{', '.join(strange) or 'none'}"
        )
    view = _View(table, better)
    if is_static():
        show(_static_figure(view, readers))
        return None
    return _live(view, readers)


def _live(view: "_View", readers: Mapping[str, Weights]) -> ipywidgets.VBox:
    wide = ipywidgets.Layout(width="420px")
    style = {"description_width": "190px"}
    who = ipywidgets.Dropdown(options=list(readers), description="I am", layout=wide, style=style)
    sliders = {
        metric: ipywidgets.IntSlider(
            0, min=0, max=HEAVIEST, description=metric, layout=wide, style=style
        )
        for metric in view.better
    }
    readout, picture = ipywidgets.HTML(), ipywidgets.Image(format="png")
    filling = [False]  # while the sliders are set together, one picture at the end is enough

    def redraw(_change: object = None) -> None:
        if not filling[0]:
            weights = {metric: slider.value for metric, slider in sliders.items()}
            readout.value = view.in_words(weights)
            picture.value = to_png(_frame(view, weights))

    def become(_change: object = None) -> None:
        filling[0] = True
        for metric, slider in sliders.items():
            slider.value = readers[who.value].get(metric, 0)
        filling[0] = False
        redraw()

    who.observe(become, "value")
    for slider in sliders.values():
        slider.observe(redraw, "value")
    become()
    layout = ipywidgets.Layout(align_items="flex-start")  # or the picture is stretched
    told = ipywidgets.VBox([picture, readout], layout=layout)
    asked = ipywidgets.VBox([who, *sliders.values()], layout=layout)
    return ipywidgets.VBox([ipywidgets.HBox([asked, told])]).add_class("choice-explorer")


class _View:
    """The points of every model, and what is drawn and said for given weights."""

    def __init__(self, table: Table, better: Mapping[str, int]) -> None:
        self.table, self.better = table, better
        self.points = tournament_points(table, better)

    def scores(self, weights: Weights) -> dict[str, float]:
        total = sum(weights.values()) or 1
        return {
            model: sum(weight * points[metric] for metric, weight in weights.items()) / total
            for model, points in self.points.items()
        }

    def in_words(self, weights: Weights) -> str:
        """Who leads, and the cells of what matters most."""
        if not any(weights.values()):
            return "Nothing matters so far: move a slider."
        scores = self.scores(weights)
        best = max(scores.values())
        leaders = [model for model, score in scores.items() if score > best - 1e-9]
        metric = max(weights, key=weights.get)
        cells = "; ".join(f"{model} {self.quote(model, metric)}" for model in self.table)
        return f"<b>{' and '.join(leaders)}</b>. {metric}: {cells}"

    def quote(self, model: str, metric: str) -> str:
        cell = self.table[model].get(metric)
        if cell is None:
            return "none"
        median, low, high = as_cell(cell)
        return f"{median:.3g} ({low:.3g} to {high:.3g})"

    def look(self, metric: str) -> dict:
        """A color of its own: six, and the same six paler."""
        number = list(self.better).index(metric)
        return {"color": f"C{number % 6}", "alpha": 1.0 if number < 6 else 0.5}

    def key(self, figure: Figure, *readers: Weights, columns: int) -> None:
        """Which color is which metric, of those that somebody weighs."""
        weighed = [m for m in self.better if any(weights.get(m) for weights in readers)]
        patches = [Patch(label=metric, **self.look(metric)) for metric in weighed]
        figure.legend(handles=patches, loc="outside lower center", ncols=columns, fontsize=8)

    def draw(self, axes: Axes, weights: Weights) -> None:
        """A bar a model, stacked of what each metric gives it."""
        total = sum(weights.values()) or 1
        for place, (model, score) in enumerate(self.scores(weights).items()):
            left = 0.0
            for metric in self.better:
                part = weights.get(metric, 0) * self.points[model][metric] / total
                axes.barh(place, part, left=left, ec="white", height=0.6, **self.look(metric))
                left += part
            axes.text(left + 0.02, place, f"{score:.2f}", va="center", fontsize=9)
        axes.set(xlim=(0, 1.15), ylim=(len(self.table) - 0.5, -0.5))
        axes.set_yticks(range(len(self.table)), list(self.table))
        axes.grid(False)


def _frame(view: _View, weights: Weights) -> Figure:
    figure = Figure(figsize=(4.6, 3.4), dpi=80)
    axes = figure.subplots()
    view.draw(axes, weights)
    axes.set_title("what the table says, weighed by you")
    view.key(figure, weights, columns=3)
    return figure


def _static_figure(view: _View, readers: Mapping[str, Weights]) -> Figure:
    """A panel a reader."""
    figure = Figure(figsize=(2.6 * len(readers) + 0.6, 0.35 * len(view.table) + 1.4))
    panels = figure.subplots(1, len(readers), squeeze=False)[0]
    for number, (axes, (name, weights)) in enumerate(zip(panels, readers.items(), strict=True)):
        view.draw(axes, weights)
        axes.set_title(name, fontsize=9)
        if number:
            axes.set_yticklabels([])
    view.key(figure, *readers.values(), columns=8)
    figure.suptitle("What the table says, by reader")
    return figure
