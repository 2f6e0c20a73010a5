"""The lessons' own solutions, as the tests of the checks need them."""

import functools
from pathlib import Path

import jupytext

from course_lib.authoring.lesson import STEM

LESSONS = Path(__file__).parents[1] / "lessons"


@functools.cache
def lesson_files(slug: str) -> list[list]:
    """The code cells of each file of a lesson: one, or `06a_slug.py` and `06b_slug.py`."""
    paths = [path for path in sorted(LESSONS.glob("*.py")) if STEM.fullmatch(path.stem)[1] == slug]
    assert paths, f"no file of lessons/ has the slug {slug}"
    return [[c for c in jupytext.read(path).cells if c.cell_type == "code"] for path in paths]


@functools.cache
def lesson_namespace(slug: str) -> dict:
    """What the set-up cells and the exercise cells of a lesson define."""
    namespace: dict = {"__name__": slug}
    for cells in lesson_files(slug):
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
    cells = [cell for file in lesson_files(slug) for cell in file]
    (cell,) = [c for c in cells if c.metadata.get("exercise") == name]
    return cell.source.partition("# BEGIN SOLUTION")[2].partition("# END SOLUTION")[0]
