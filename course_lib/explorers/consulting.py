"""A consulting room: one symptom, several suspects, and a reader who orders measurements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from textwrap import fill

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.environment import is_static
from course_lib.plotting import show, to_png

CLEAR = 3.0  # a measurement tells where the next suspect is as many times farther,
LEAST = 0.05  # and farther by this share of the suspects' range


@dataclass(frozen=True)
class Run:
    """One program that was run: its symptom as a curve, and what each measurement gave."""

    curve: Sequence[float]
    findings: Mapping[str, float]


def nearest_suspect(book: Mapping[str, Run], patient: Run, measurement: str) -> tuple[str, bool]:
    """The suspect whose finding is nearest to the patient's, and whether that is clear.

    Clear: the next suspect's finding is three times as far away, at least, and farther by a
    twentieth of the range of all suspects.

    >>> book = {"a": Run([], {"x": 0.0}), "b": Run([], {"x": 1.0})}
    >>> nearest_suspect(book, Run([], {"x": 0.1}), "x")
    ('a', True)
    >>> nearest_suspect(book, Run([], {"x": 0.45}), "x")
    ('a', False)
    """
    value = patient.findings[measurement]
    away = sorted((abs(run.findings[measurement] - value), name) for name, run in book.items())
    (first, name), (second, _) = away[:2]
    known = [run.findings[measurement] for run in book.values()]
    return name, second > CLEAR * first and second - first > LEAST * (max(known) - min(known))


def telling(book: Mapping[str, Run], patient: Run, cause: str) -> list[str]:
    """The measurements any one of which is enough to know this patient's cause."""
    return [m for m in patient.findings if nearest_suspect(book, patient, m) == (cause, True)]


def consulting_room(
    book: Mapping[str, Run],
    patients: Mapping[str, Run],
    healthy: Sequence[float] | None = None,
    symptom: str = "loss",
    along: str = "step",
    seed: int = 0,
) -> ipywidgets.VBox | None:
    """Find out what a patient has: see the symptom, order measurements, name the cause.

    `book` has a run for each suspect, `patients` other runs of the same suspects (another seed),
    which come in an order that `seed` draws; `healthy` is the curve of a right program. Each
    measurement shows the patient's number beside what the book has for each suspect. A diagnosis
    is answered, with the measurements any one of which would have been enough. `symptom` is the
    curves' title, `along` what they run along.

    Raises ValueError where book and patients name other suspects, or runs have other measurements.

    >>> run = Run([2.0, 1.0], {"accuracy": 0.5}), Run([2.0, 1.5], {"accuracy": 0.9})
    >>> both = dict(zip(("blind", "slow"), run))
    >>> consulting_room(both, both)
    """
    measurements = _require_one_kind(book, patients)
    if is_static():
        show(_static_figure(book, patients, healthy, (symptom, along), measurements))
        return None

    order = list(patients)
    Random(seed).shuffle(order)
    state: dict = {"at": 0, "ordered": [], "right": 0, "answer": None}
    picture, words = ipywidgets.Image(format="png"), ipywidgets.HTML()
    table = ipywidgets.HTML()
    orders = [ipywidgets.Button(description=name, tooltip=name) for name in measurements]
    causes = [ipywidgets.Button(description=name, tooltip=name) for name in book]
    following = ipywidgets.Button(description="Next patient")
    for button in (*orders, *causes):
        button.layout.width = "auto"

    def redraw() -> None:
        cause = order[state["at"] % len(order)]
        patient, answer = patients[cause], state["answer"]
        words.value = (
            f"Patient <b>{state['at'] + 1}</b>. Ordered: {len(state['ordered'])} of "
            f"{len(measurements)}. Right so far: {state['right']}."
        )
        table.value = _table(book, patient, state["ordered"]) + _answered(
            book, patient, cause, answer, len(state["ordered"])
        )
        for button in orders:
            button.disabled = button.description in state["ordered"]
        for button in causes:
            button.disabled = answer is not None
        following.layout.display = None if answer is not None else "none"

    def draw_curve() -> None:
        patient = patients[order[state["at"] % len(order)]]
        picture.value = to_png(_curve_figure(patient.curve, healthy, (symptom, along)))

    def order_it(button: ipywidgets.Button) -> None:
        state["ordered"].append(button.description)
        redraw()

    def name_it(button: ipywidgets.Button) -> None:
        state["answer"] = button.description
        state["right"] += button.description == order[state["at"] % len(order)]
        redraw()

    def call_next(_button: object) -> None:
        state.update(at=state["at"] + 1, ordered=[], answer=None)
        draw_curve()
        redraw()

    for button in orders:
        button.on_click(order_it)
    for button in causes:
        button.on_click(name_it)
    following.on_click(call_next)
    draw_curve()
    redraw()
    rows = [
        ipywidgets.HBox(
            [ipywidgets.HTML(f"<b>{title}</b>"), *buttons],
            layout=ipywidgets.Layout(flex_flow="row wrap"),
        )
        for title, buttons in (("Measure", orders), ("The cause is", causes))
    ]
    explorer = ipywidgets.VBox([words, picture, rows[0], table, rows[1], following])
    return explorer.add_class("consulting-room")


def _require_one_kind(book: Mapping[str, Run], patients: Mapping[str, Run]) -> list[str]:
    if len(book) < 2 or set(book) != set(patients):
        raise ValueError(
            "book and patients must have the same suspects, two or more; "
            f"got {', '.join(book)} and {', '.join(patients)}"
        )
    measurements = list(next(iter(book.values())).findings)
    for name, run in (*book.items(), *patients.items()):
        if list(run.findings) != measurements:
            raise ValueError(
                f"every run must have the measurements {', '.join(measurements)}; "
                f"{name} has {', '.join(run.findings)}"
            )
    return measurements


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _table(book: Mapping[str, Run], patient: Run, ordered: Sequence[str]) -> str:
    if not ordered:
        return "<i>Which measurement will tell? Order one.</i>"
    head = "".join(f"<th>{name}</th>" for name in ("measurement", "this patient", *book))
    rows = ""
    for measurement in ordered:
        values = [patient, *book.values()]
        cells = "".join(f"<td>{_number(run.findings[measurement])}</td>" for run in values)
        rows += f"<tr><td>{measurement}</td>{cells}</tr>"
    return f"<table><tr>{head}</tr>{rows}</table>"


def _answered(
    book: Mapping[str, Run], patient: Run, cause: str, answer: str | None, ordered: int
) -> str:
    if answer is None:
        return ""
    enough = telling(book, patient, cause)
    one = f"Any one of these would have told: {', '.join(enough)}." if enough else (
        "No single measurement tells this one: it takes two."
    )  # fmt: skip
    verdict = "Right" if answer == cause else f"No: this was «{cause}»"
    return f"<b>{verdict}</b>, after {ordered} measurement{'s' * (ordered != 1)}. {one}"


def _curve_figure(
    curve: Sequence[float], healthy: Sequence[float] | None, words: tuple[str, str]
) -> Figure:
    figure = Figure(figsize=(6.4, 2.4))
    _draw_curves(figure.subplots(), {"this patient": curve}, healthy, words)
    return figure


def _draw_curves(
    axes: Axes,
    curves: Mapping[str, Sequence[float]],
    healthy: Sequence[float] | None,
    words: tuple[str, str],
) -> None:
    if healthy is not None:
        axes.plot(healthy, color="0.6", linestyle="--", label="healthy")
    for name, curve in curves.items():
        axes.plot(curve, label=name)
    axes.set(title=words[0], xlabel=words[1])
    axes.legend(fontsize=8)


def _static_figure(
    book: Mapping[str, Run],
    patients: Mapping[str, Run],
    healthy: Sequence[float] | None,
    words: tuple[str, str],
    measurements: Sequence[str],
) -> Figure:
    """The patients' curves, and what each measurement gave; green where it tells the cause."""
    figure = Figure(figsize=(11, 3.4))
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    _draw_curves(left, {name: run.curve for name, run in patients.items()}, healthy, words)
    tells = np.array(
        [
            [nearest_suspect(book, run, m) == (name, True) for m in measurements]
            for name, run in patients.items()
        ]
    )
    right.imshow(0.35 * tells, cmap="Greens", vmin=0, vmax=1, aspect="auto")
    for y, run in enumerate(patients.values()):
        for x, measurement in enumerate(measurements):
            value = _number(run.findings[measurement])
            right.text(x, y, value, ha="center", va="center", color="black")
    right.set_xticks(range(len(measurements)), [fill(m, 16) for m in measurements])
    right.set_yticks(range(len(patients)), list(patients))
    right.tick_params(labelsize=8)
    right.grid(False)
    right.set_title("four patients; green: this number alone tells the cause")
    return figure
