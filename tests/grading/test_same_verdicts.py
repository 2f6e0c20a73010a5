"""Behind the wall an answer gets the verdict that it gets in the notebook.

A right and a wrong answer to each exercise of two lessons; all answers to all with `make test-all`.
"""

import importlib
import inspect
import sys

import pytest

from course_lib import checks
from course_lib.authoring.build import ROOT
from course_lib.grading.finding import parse
from course_lib.grading.lessons import graded
from course_lib.grading.marking import mark
from course_lib.grading.reading import Notebook
from course_lib.grading.wall import Wall

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
SEED = 7
STEMS = sorted(path.stem for path in (ROOT / "lessons").glob("[0-9]*.py"))
SAMPLED = ("01_divergences", "05_vae")


def home(short, slug):
    """The module of `tests.answers` that has the answers to an exercise."""
    names = ("clinic_first", "clinic_second") if slug == "clinic" else (slug,)
    modules = [importlib.import_module(f"tests.answers.{name}") for name in names]
    return next(module for module in modules if short in module.RIGHT)


def notebooks(lesson, sample):
    """(notebook, {exercise: answer}) until every answer had its turn."""
    slug = lesson.names[0].partition(".")[0]
    modules = {short: home(short, slug) for short in lesson.short}
    for module in dict.fromkeys(modules.values()):
        source = inspect.getsource(module)
        bound = {n for s in parse([("code", source)]).statements for n in s.binds}
        shorts = [short for short in lesson.short if modules[short] is module]
        together = [short for short in shorts if short not in bound]
        alone = [[short] for short in shorts if short in bound]
        for kind in ("RIGHT", "WRONG"):
            answers = getattr(module, kind)
            for group in [together, *alone]:
                most = max((len(answers[short]) for short in group), default=0)
                for number in range(min(most, 1 if sample else most)):
                    taken = [short for short in group if number < len(answers[short])]
                    lines = [f"{s} = {kind}[{s!r}][{number}]" for s in taken]
                    cells = (("code", source), ("code", "\n".join(lines)))
                    yield Notebook(cells), {s: answers[s][number] for s in taken}


@pytest.mark.parametrize("stem", STEMS)
def test_the_verdict_is_that_of_the_notebook(stem, seeds):
    if len(seeds) <= 5 and stem not in SAMPLED:
        pytest.skip("with `make test-all`")
    lesson = graded(stem)
    with Wall(lesson.names, checks.names(), lesson.imports()) as wall:
        for notebook, answers in notebooks(lesson, sample=len(seeds) <= 5):
            marks, _ = mark(notebook, lesson, wall, SEED)
            for made in marks:
                short = made.name.partition(".")[2]
                if short in answers:
                    there = checks.run(made.name, answers[short], SEED)
                    assert (made.passed, made.misconception, made.attempted) == (
                        there.passed,
                        there.misconception,
                        there.attempted,
                    ), (made.name, answers[short], made.message, there.message)
