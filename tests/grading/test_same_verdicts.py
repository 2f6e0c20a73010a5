"""Behind the wall an answer gets the verdict that it gets in the notebook.

A right and a wrong answer to an exercise of each lesson, to all of two lessons; every answer to
every exercise with `make test-all`.
"""

import importlib
import inspect
import sys

import pytest

from course_lib import checks
from course_lib.authoring.build import ROOT
from course_lib.grading.finding import parse
from course_lib.grading.lessons import Graded, graded
from course_lib.grading.marking import mark
from course_lib.grading.reading import Notebook
from course_lib.grading.wall import Wall

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
SEED = 7
STEMS = sorted(path.stem for path in (ROOT / "lessons").glob("[0-9]*.py"))
WHOLE = ("01_divergences", "05_vae")  # of these the sample holds every exercise


def home(short, slug):
    """The module of `tests.answers` that has the answers to an exercise."""
    names = ("clinic_first", "clinic_second") if slug == "clinic" else (slug,)
    modules = [importlib.import_module(f"tests.answers.{name}") for name in names]
    return next(module for module in modules if short in module.RIGHT)


def answers(lesson, shorts, most):
    """(notebook, {exercise: answer}) until every answer had its turn, or `most` of each kind."""
    slug = lesson.names[0].partition(".")[0]
    modules = {short: home(short, slug) for short in shorts}
    for module in dict.fromkeys(modules.values()):
        source = inspect.getsource(module)
        bound = {n for s in parse([("code", source)]).statements for n in s.binds}
        own = [short for short in shorts if modules[short] is module]
        together = [short for short in own if short not in bound]
        alone = [[short] for short in own if short in bound]
        for kind in ("RIGHT", "WRONG"):
            known = getattr(module, kind)
            for group in [together, *alone]:
                longest = max((len(known[short]) for short in group), default=0)
                for number in range(min(longest, most or longest)):
                    taken = [short for short in group if number < len(known[short])]
                    lines = [f"{s} = {kind}[{s!r}][{number}]" for s in taken]
                    cells = (("code", source), ("code", "\n".join(lines)))
                    yield Notebook(cells), {s: known[s][number] for s in taken}


def differences(lesson, shorts, wall, most=0):
    """What is said behind the wall where the notebook says something else."""
    part = Graded(lesson.stem, tuple(lesson.short[short] for short in shorts), lesson.cells)
    for notebook, expected in answers(lesson, shorts, most):
        for made in mark(notebook, part, wall, SEED)[0]:
            short = made.name.partition(".")[2]
            if short in expected:
                there = checks.run(made.name, expected[short], SEED)
                verdicts = [(v.passed, v.misconception, v.attempted) for v in (made, there)]
                if verdicts[0] != verdicts[1]:
                    yield made.name, expected[short], made.message, there.message


def test_a_sample_of_every_lesson_gets_the_verdicts_of_the_notebook(seeds):
    """One test and one wall: to start one takes longer than to judge."""
    if len(seeds) > 5:
        pytest.skip("every answer is judged below")
    lessons = [graded(stem) for stem in STEMS]
    sample = {}
    for number, lesson in enumerate(lessons):
        shorts = list(lesson.short)
        if shorts:
            whole = lesson.stem in WHOLE
            sample[lesson] = shorts if whole else [shorts[number % len(shorts)]]
    names = [lesson.short[short] for lesson, shorts in sample.items() for short in shorts]
    imports = sorted({module for lesson in sample for module in lesson.imports()})
    assert len(sample) >= 26 and {"18a_clinic", "19b_responsible"} <= {x.stem for x in sample}
    with Wall(names, checks.names(), imports) as wall:
        found = [d for lesson, some in sample.items() for d in differences(lesson, some, wall, 1)]
    assert not found, found


@pytest.mark.parametrize("stem", STEMS)
def test_the_verdict_is_that_of_the_notebook(stem, seeds):
    if len(seeds) <= 5:
        pytest.skip("with `make test-all`")
    lesson = graded(stem)
    with Wall(lesson.names, checks.names(), lesson.imports()) as wall:
        found = list(differences(lesson, list(lesson.short), wall))
    assert not found, found
