"""A figure in words, for who does not see it: what stands for it where no picture can."""

import re
import textwrap
from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

MOST_LETTERS = 200
FEWEST_WORDS = 3  # fewer name a picture and do not say what is on it


def described(figure: Figure) -> str:
    """The figure's own label where it has one (`figure.set_label`), or what is written on it.

    That is: titles; what its axes measure; the names of its curves, rows or bars; and where there
    are neither, its words. At most 200 characters.

    >>> figure = Figure()
    >>> axes = figure.subplots()
    >>> lines = axes.plot([0, 1], label="model")
    >>> _ = axes.set(title="Bound", xlabel="updates", ylabel="nats"), axes.legend()
    >>> described(figure)
    'Bound. Axes: nats against updates. Names: model'
    """
    if said := figure.get_label():
        return said
    panels = figure.axes
    titles = _distinct([figure.get_suptitle(), *(axes.get_title() for axes in panels)])
    measured = _distinct(_measured(axes) for axes in panels)
    keys = [*figure.legends, *filter(None, (axes.get_legend() for axes in panels))]
    names = _distinct(text.get_text() for key in keys for text in key.get_texts())
    names += _distinct(name for axes in panels for name in _ticks(axes.yaxis) + _ticks(axes.xaxis))
    words = _distinct(text.get_text() for part in (figure, *panels) for text in part.texts)
    parts = {
        "": titles,
        "Axes: ": measured,
        "Names: ": names,
        "Words: ": [] if measured or names else [word for word in words if word not in titles],
    }
    if not any((measured, names, words)) and any(axes.images for axes in panels):
        parts = {"Pictures: ": titles}
    told = ". ".join(head + "; ".join(said) for head, said in parts.items() if said)
    told = told.replace("?. ", "? ")
    return textwrap.shorten(told, MOST_LETTERS, placeholder=" …")


def says_enough(description: str) -> bool:
    """Whether a description has at least three words or numbers.

    >>> says_enough("z"), says_enough("Bound. Axes: nats against updates")
    (False, True)
    """
    return len(re.findall(r"\w+", description)) >= FEWEST_WORDS


def _measured(axes: Axes) -> str:
    return " against ".join(filter(None, (axes.get_ylabel(), axes.get_xlabel())))


def _ticks(axis: Axis) -> list[str]:
    """The names at an axis, none where they are numbers."""
    if not isinstance(axis.get_major_locator(), FixedLocator):
        return []
    names = [label.get_text() for label in axis.get_ticklabels()]
    return names if any(re.search(r"[^\W\d_]{2}", name) for name in names) else []


def _distinct(texts: Iterable[str]) -> list[str]:
    """Each text once and on one line, in order, without the empty ones."""
    return [text for text in dict.fromkeys(" ".join(text.split()) for text in texts) if text]
