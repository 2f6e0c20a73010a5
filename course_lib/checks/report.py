"""What a student calls: `check`, `hint`, `progress`; and calm words where an answer is a stub."""

from __future__ import annotations

import ast
from collections.abc import Callable

from . import store
from .cards import Card, show, what_and_cause
from .declare import exercise, names
from .judging import Verdict, run
from .progress_bars import Progress

shown: dict[str, int] = {}  # hints of an exercise that were asked for
last = ""  # the exercise that was checked last


class CheckFailed(Exception):
    """An exercise's check did not pass; the message says what to look at."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows this line where the engine's own stack would stand."""
        return [f"CheckFailed: {str(self).partition(':')[0]}"]


def check(name: str, answer: Callable) -> None:
    """Check an answer to an exercise: show one line, or raise CheckFailed with what is wrong.

    name: `lesson.exercise`, as the lesson gives it. answer: the function or class itself.

    >>> from torch.distributions import Categorical
    >>> check("divergences.entropy", lambda p: Categorical(p).entropy())
    ✓ divergences.entropy: right
    """
    global last
    verdict = run(name, answer)
    last = name
    store.record(verdict)
    show(card(verdict), about(verdict))
    if not verdict.passed:
        raise CheckFailed(f"{verdict.name}: {verdict.message}")


def about(verdict: Verdict) -> dict[str, str | bool | None]:
    """What a tool that counts a class's mistakes finds in the output's metadata, under `course`."""
    return {
        "exercise": verdict.name,
        "passed": verdict.passed,
        "attempted": verdict.attempted,
        "misconception": verdict.misconception,
    }


def card(verdict: Verdict) -> Card:
    if verdict.passed or not verdict.attempted:
        return Card("passed" if verdict.passed else "unwritten", verdict.name, verdict.message)
    lines = what_and_cause(verdict.what or verdict.message, verdict.cause)
    hints = exercise(verdict.name).hints
    to_come = hints[min(shown.get(verdict.name, 0), len(hints) - 1) :]
    return Card("failed", verdict.name, verdict.message, lines, to_come)


def hint(name: str) -> None:
    """Show the exercise's next hint; each call shows one more, the last one stays.

    >>> hint("divergences.entropy")
    ○ divergences.entropy: hint 1 of ...
    """
    hints = exercise(name).hints
    shown[name] = min(shown.get(name, 0) + 1, len(hints))
    number = shown[name]
    show(Card("unwritten", name, f"hint {number} of {len(hints)}: {hints[number - 1]}"))


def progress() -> Progress:
    """Which exercises of which lessons are passed, in course order."""
    return Progress(names(), store.passed(), last.partition(".")[0])


def show_unwritten_calmly(shell: object) -> None:
    """In IPython, an exercise that is still a stub answers with one line, not a traceback.

    So does a cell that reads a name which a cell that stopped there would have made, or a key that
    it would have filled.
    """
    missing: set[str] = set()

    def handler(shell, etype, value, traceback, tb_offset=None):
        cell = shell.history_manager.input_hist_parsed[-1]
        if line := calm_line(value, missing, cell):
            lines = [line]
            show(Card("unwritten", "waiting", line))
            missing.update(names_made(cell))
        else:
            plain = shell.InteractiveTB.structured_traceback
            lines = plain(etype, value, traceback, tb_offset=tb_offset)
        shell._showtraceback(etype, value, lines)
        return lines

    shell.set_custom_exc((NotImplementedError, NameError, KeyError), handler)


def calm_line(error: Exception, missing: set[str], cell: str) -> str:
    if str(error) in names():
        return f"This cell waits for the exercise {error}, which is not written yet."
    if isinstance(error, NameError) and error.name in missing:
        return f"This cell waits for {error.name}, which a cell above could not make yet."
    if isinstance(error, KeyError) and (empty := sorted(names_looked_into(cell) & missing)):
        return f"This cell waits for {empty[0]}, which a cell above could not fill yet."
    return ""


def names_made(cell: str) -> set[str]:
    """Names that the code of a cell binds, or of which it fills a key, at whatever depth."""
    nodes = list(ast.walk(ast.parse(cell)))
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    defined = {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    return bound | defined | names_looked_into(cell, ast.Store)


def names_looked_into(cell: str, how: type = ast.Load) -> set[str]:
    """Names of which the code of a cell reads a key, or stores one: `a` of `a["b"]`."""
    found = [n for n in ast.walk(ast.parse(cell)) if isinstance(n, ast.Subscript)]
    return {n.value.id for n in found if isinstance(n.value, ast.Name) and isinstance(n.ctx, how)}
