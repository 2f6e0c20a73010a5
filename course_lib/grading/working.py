"""One submission from bytes to a plain result, in whichever process it is worked on."""

from __future__ import annotations

import functools
from dataclasses import asdict
from pathlib import Path

from course_lib import checks

from .lessons import Graded, graded
from .marking import mark
from .reading import Unreadable, read
from .wall import Limits, Wall


def work(
    content: bytes, problem: str, stem: str, seed: int, limits: dict, hidden: list[str]
) -> dict:
    """What is kept of a submission: its status, remarks, minutes, and a mark for each exercise."""
    lesson = lesson_of(stem)
    try:
        if problem:
            raise Unreadable(problem)
        notebook = read(content)
    except Unreadable as error:
        return outcome("unreadable", [str(error)])
    try:
        wall = wall_of(stem, tuple(sorted(limits.items())), tuple(hidden))
        marks, remarks = mark(notebook, lesson, wall, seed)
    except Exception as error:  # of the grader's own: one submission must not stop a class
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return outcome("not graded", [f"the grader itself failed: {said}"])
    empty = all(made.cell is None for made in marks)
    if empty:
        remarks = [f"no exercise of {stem} is in it", *remarks]
    made = [asdict(each) for each in marks]
    found = outcome("empty" if empty else "graded", [*notebook.remarks, *remarks])
    return {**found, "minutes": notebook.minutes, "marks": made, "lacking": wall.lacking}


def outcome(status: str, remarks: list[str]) -> dict:
    return {"status": status, "remarks": remarks, "minutes": None, "marks": [], "lacking": []}


@functools.lru_cache(maxsize=1)
def lesson_of(stem: str) -> Graded:
    return graded(stem)


@functools.lru_cache(maxsize=1)
def wall_of(stem: str, limits: tuple, hidden: tuple[str, ...]) -> Wall:
    """This process's own, kept from one submission to the next; it ends with the process."""
    lesson = lesson_of(stem)
    folders = [Path(path) for path in hidden]
    return Wall(lesson.names, checks.names(), lesson.imports(), folders, Limits(**dict(limits)))
