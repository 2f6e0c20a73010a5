"""The clinic's decision trees: which measurement parts the suspects."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

Tree = Mapping[str, "Tree | str"]  # a finding: what to ask next, or the case that it points to
ASKED, CASE = "white", "#66c5ab"
ROW, COLUMN = 0.46, 3.6  # inches a case and a question take


def plot_differential(question: str, tree: Tree, width: float = 3.3) -> Figure:
    """Draw a differential diagnosis from left to right, one row a case.

    `question` stands at the root. In `tree` each finding leads to a tree of further findings, or
    to the case that it points to, which is green. `width` is that of a box, in inches.

    >>> tree = {"loss below 0": {"targets in [0, 1]": "F3", "targets outside": "C12"}}
    >>> figure = plot_differential("What is odd?", {**tree, "shapes": "C31"})
    """
    rows, columns = _rows(tree), _depth(tree) + 1
    figure = Figure(figsize=(COLUMN * columns - (COLUMN - width) + 0.2, ROW * rows + 0.2))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.1, COLUMN * columns - (COLUMN - width) + 0.1), ylim=(rows - 0.45, -0.55))
    axes.axis("off")
    _draw(axes, question, tree, 0, 0.0, width)
    return figure


def _rows(tree: Tree | str) -> int:
    return 1 if isinstance(tree, str) else sum(map(_rows, tree.values()))


def _depth(tree: Tree | str) -> int:
    return 1 if isinstance(tree, str) else 1 + max(map(_depth, tree.values()))


def _draw(axes: Axes, text: str, below: Tree | str, column: int, top: float, width: float) -> float:
    """A box with all that follows from it; the height at which it stands."""
    if isinstance(below, str):
        _box(axes, text, column, top, width, ASKED)
        _line(axes, column, top, top, width)
        _box(axes, below, column + 1, top, width, CASE)
        return top
    heights = []
    for finding, further in below.items():
        heights.append(_draw(axes, finding, further, column + 1, top, width))
        top += _rows(further)
    middle = sum(heights) / len(heights)
    for height in heights:
        _line(axes, column, middle, height, width)
    _box(axes, text, column, middle, width, ASKED)
    return middle


def _box(axes: Axes, text: str, column: int, y: float, width: float, color: str) -> None:
    box = FancyBboxPatch(
        (COLUMN * column, y - 0.42), width, 0.84, "round,pad=0,rounding_size=0.12",
        facecolor=color, edgecolor="0.35", linewidth=0.8,
    )  # fmt: skip
    axes.add_patch(box)
    place = COLUMN * column + width / 2, y
    axes.text(*place, text, ha="center", va="center", fontsize=8.5, color="black")


def _line(axes: Axes, column: int, start: float, end: float, width: float) -> None:
    left = COLUMN * column + width
    xs = [left, left + (COLUMN - width) / 2, left + (COLUMN - width) / 2, left + COLUMN - width]
    axes.plot(xs, [start, start, end, end], color="0.35", linewidth=0.9, zorder=0)
