"""What a student sees: the verdict's card, hints one at a time, and the progress table."""

from __future__ import annotations

import ast
import html
from collections.abc import Callable

from course_lib.plotting import in_notebook

from . import store
from .declare import exercise, names
from .judging import Verdict, run

MARKS = {"passed": ("✓", "#1a7f37"), "failed": ("✗", "#b35900"), "unwritten": ("○", "#6e7781")}


class CheckFailed(Exception):
    """An exercise's check did not pass; the message says what to look at."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows this line where the engine's own stack would stand."""
        return [f"CheckFailed: {str(self).partition(':')[0]}"]


class Card:
    """A short text that a notebook shows as a card, and a terminal as one line."""

    def __init__(self, state: str, title: str, message: str):
        self.state, self.title, self.message = state, title, message

    def __repr__(self) -> str:
        return f"{MARKS[self.state][0]} {self.title}: {self.message}"

    def _repr_html_(self) -> str:
        mark, colour = MARKS[self.state]
        return (
            f'<div style="border-left: 4px solid {colour}; padding: 6px 12px; max-width: 54em; '
            f'line-height: 1.5"><b><span style="color: {colour}">{mark}</span> '
            f"{html.escape(self.title)}</b> &nbsp;{html.escape(self.message)}</div>"
        )


def check(name: str, answer: Callable) -> None:
    """Check an answer to an exercise: show one line, or raise CheckFailed with what is wrong.

    name: `lesson.exercise`, as the lesson gives it. answer: the function or class itself.

    >>> from torch.distributions import Categorical
    >>> check("divergences.entropy", lambda p: Categorical(p).entropy())
    ✓ divergences.entropy: right
    """
    verdict = run(name, answer)
    store.record(verdict)
    show(card(verdict))
    if not verdict.passed:
        raise CheckFailed(f"{verdict.name}: {verdict.message}")


def card(verdict: Verdict) -> Card:
    state = "passed" if verdict.passed else "failed" if verdict.attempted else "unwritten"
    return Card(state, verdict.name, verdict.message)


def show(item: Card) -> None:
    """As a card in a notebook; as plain text elsewhere."""
    if in_notebook():
        from IPython.display import display

        display(item)
    else:
        print(repr(item))


def hint(name: str) -> None:
    """Show the exercise's next hint; each call shows one more, the last one stays.

    >>> hint("divergences.entropy")
    ○ divergences.entropy: hint 1 of ...
    """
    hints = exercise(name).hints
    shown[name] = min(shown.get(name, 0) + 1, len(hints))
    number = shown[name]
    show(Card("unwritten", name, f"hint {number} of {len(hints)}: {hints[number - 1]}"))


shown: dict[str, int] = {}


def progress() -> Progress:
    """Which exercises of which lessons are passed, in course order."""
    return Progress(names(), store.passed())


class Progress:
    """A table with one row a lesson; a notebook shows it as a card, a terminal as lines."""

    def __init__(self, every: list[str], passed: set[str]):
        self.lessons: dict[str, list[tuple[str, bool]]] = {}
        for name in every:
            slug, _, short = name.partition(".")
            self.lessons.setdefault(slug, []).append((short, name in passed))

    def __repr__(self) -> str:
        return "\n".join(
            f"{slug:<14} {sum(ok for _, ok in rows)} of {len(rows)}  "
            + " ".join(f"{'✓' if ok else '○'} {short}" for short, ok in rows)
            for slug, rows in self.lessons.items()
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'><b>{html.escape(slug)}</b></td>"
            f"<td>{sum(ok for _, ok in rows)} of {len(rows)}</td><td style='text-align:left'>"
            + " &nbsp; ".join(self.cell(short, ok) for short, ok in rows)
            + "</td></tr>"
            for slug, rows in self.lessons.items()
        )
        return f"<table>{rows}</table>"

    def cell(self, short: str, ok: bool) -> str:
        mark, colour = MARKS["passed" if ok else "unwritten"]
        return f"<span style='color: {colour}'>{mark}</span> {html.escape(short)}"


def show_unwritten_calmly(shell: object) -> None:
    """In IPython, an exercise that is still a stub answers with one line, not a traceback.

    So does a cell that reads a name which a cell that stopped there would have made.
    """
    missing: set[str] = set()

    def handler(shell, etype, value, traceback, tb_offset=None):
        if line := calm_line(value, missing):
            lines = [line]
            missing.update(names_made(shell.history_manager.input_hist_parsed[-1]))
        else:
            plain = shell.InteractiveTB.structured_traceback
            lines = plain(etype, value, traceback, tb_offset=tb_offset)
        shell._showtraceback(etype, value, lines)
        return lines

    shell.set_custom_exc((NotImplementedError, NameError), handler)


def calm_line(error: Exception, missing: set[str]) -> str:
    if str(error) in names():
        return f"This cell waits for the exercise {error}, which is not written yet."
    if isinstance(error, NameError) and error.name in missing:
        return f"This cell waits for {error.name}, which a cell above could not make yet."
    return ""


def names_made(cell: str) -> set[str]:
    """Names that the code of a cell binds, at whatever depth."""
    nodes = list(ast.walk(ast.parse(cell)))
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return bound | {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}
