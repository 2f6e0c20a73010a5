"""The lessons' own solutions, as the tests of the checks need them."""

import functools
from pathlib import Path

import jupytext

LESSONS = Path(__file__).parents[1] / "lessons"


@functools.cache
def lesson_cells(slug: str) -> list:
    (path,) = LESSONS.glob(f"[0-9][0-9]_{slug}.py")
    return jupytext.read(path).cells


@functools.cache
def lesson_namespace(slug: str) -> dict:
    """What the set-up cell and the exercise cells of a lesson define."""
    cells = [c for c in lesson_cells(slug) if c.cell_type == "code"]
    namespace: dict = {"__name__": slug}
    for number, cell in enumerate(cells):
        if number == 0 or "exercise" in cell.metadata:
            exec(compile(cell.source, f"{slug}.py", "exec"), namespace)
    return namespace


def solution(name: str):
    """The lesson's solution of an exercise, by its full name."""
    slug, _, short = name.partition(".")
    return lesson_namespace(slug)[short]


def solution_source(name: str) -> str:
    """The lines between the marks of an exercise cell."""
    slug = name.partition(".")[0]
    (cell,) = [c for c in lesson_cells(slug) if c.metadata.get("exercise") == name]
    return cell.source.partition("# BEGIN SOLUTION")[2].partition("# END SOLUTION")[0]
