"""A class can be graded with nbgrader from the student notebooks as they are built."""

import functools
import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.validator import Validator
from traitlets.config import Config, PyFileConfigLoader

from course_lib.authoring.build import ROOT, course_hints, load
from course_lib.authoring.notebooks import solution_notebook, student_notebook, text_of

STEMS = sorted(path.stem for path in (ROOT / "lessons").glob("*.py"))
GRADED = "01_divergences"  # the one lesson that nbgrader runs: it is the fastest


@functools.cache
def both(stem):
    """The student's notebook and the complete one, as the lesson makes them now."""
    hints = course_hints()
    (lesson,) = load(ROOT, [stem], hints)
    return student_notebook(lesson, hints), solution_notebook(lesson)


def names(notebook, kind):
    return [cell.metadata[kind] for cell in notebook.cells if kind in cell.metadata]


def solve(notebook, solved):
    """A copy whose exercise cells are the solution's where the name is in `solved`."""
    _, complete = both(GRADED)
    answers = {c.metadata.exercise: c.source for c in complete.cells if "exercise" in c.metadata}
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if cell.metadata.get("exercise") in solved:
            cell.source = answers[cell.metadata.exercise]
    return copy


@pytest.fixture(scope="module")
def at_smoke_scale(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_SCALE", "smoke")
        patch.setenv("COURSE_STATIC", "1")
        patch.setenv("COURSE_HOME", str(tmp_path_factory.mktemp("home")))
        # nbgrader calls `alembic` by its name, as in an environment that is activated.
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        yield


@pytest.fixture(scope="module")
def course(at_smoke_scale, tmp_path_factory):
    """An nbgrader course whose assignment `divergences` is the student's notebook as built."""
    root = tmp_path_factory.mktemp("course")
    source = root / "source" / "divergences" / f"{GRADED}.ipynb"
    source.parent.mkdir(parents=True)
    source.write_text(text_of(both(GRADED)[0]), encoding="utf-8")
    settings = shipped_settings()
    settings.CourseDirectory.root = str(root)
    settings.Exchange.root = str(root / "exchange")
    api = NbGraderAPI(config=settings)
    succeeded(api.generate_assignment("divergences"))
    return api


def shipped_settings() -> Config:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_HOME", "")  # the file sets one below the folder that tests run in
        return PyFileConfigLoader("nbgrader_config.py", path=str(ROOT)).load_config()


def succeeded(result):
    assert result["success"], f"{result.get('log')}\n{result.get('error')}"


def released(course):
    path = Path(course.coursedir.root) / "release" / "divergences" / f"{GRADED}.ipynb"
    return nbformat.read(path, as_version=4)


def points(course, student, solved):
    """Hand a copy in, let nbgrader grade it: each check's points by exercise."""
    root = Path(course.coursedir.root)
    handed_in = root / "submitted" / student / "divergences" / f"{GRADED}.ipynb"
    handed_in.parent.mkdir(parents=True)
    nbformat.write(solve(released(course), solved), handed_in)
    succeeded(course.autograde("divergences", student))
    with Gradebook(course.coursedir.db_url) as book:
        submission = book.find_submission("divergences", student)
        given = {grade.name: grade.score for grade in submission.notebooks[0].grades}
        assert submission.max_score == len(names(both(GRADED)[0], "check"))
        assert submission.score == sum(given.values())
        assert not submission.needs_manual_grade
    checks = [c.metadata for c in both(GRADED)[0].cells if "check" in c.metadata]
    return {check.check: given[check.nbgrader.grade_id] for check in checks}


def whole(seeds):
    """The half-solved copy shows points and their lack, the validator all and none: that may do."""
    if len(seeds) <= 5:
        pytest.skip("with `make test-all`")


@pytest.mark.parametrize("stem", STEMS)
def test_nbgrader_accepts_the_metadata(stem):
    student, _ = both(stem)
    MetadataValidator().validate_nb(student)
    graded = [c for c in student.cells if c.metadata.get("nbgrader", {}).get("grade")]
    answers = [c for c in student.cells if c.metadata.get("nbgrader", {}).get("solution")]
    assert [cell.metadata.check for cell in graded] == names(student, "check")
    assert [cell.metadata.exercise for cell in answers] == names(student, "exercise")
    assert sorted(names(student, "check")) == sorted(names(student, "exercise")) != []


def test_a_release_keeps_every_stub(course):
    student, _ = both(GRADED)
    assert [cell.source for cell in released(course).cells] == [
        cell.source for cell in student.cells
    ]


def test_a_solved_copy_gets_full_points(course, seeds):
    whole(seeds)
    exercises = names(both(GRADED)[0], "exercise")
    assert points(course, "solved", exercises) == dict.fromkeys(exercises, 1)


def test_an_empty_copy_gets_none(course, seeds):
    whole(seeds)
    exercises = names(both(GRADED)[0], "exercise")
    assert points(course, "empty", []) == dict.fromkeys(exercises, 0)


def test_a_half_solved_copy_gets_the_points_of_its_half(course):
    exercises = names(both(GRADED)[0], "exercise")
    half = exercises[: len(exercises) // 2]
    assert points(course, "half", half) == {name: int(name in half) for name in exercises}


def validated(tmp_path, notebook):
    path = tmp_path / f"{GRADED}.ipynb"
    path.write_text(text_of(notebook), encoding="utf-8")
    return Validator(config=shipped_settings()).validate(str(path))


def test_nbgraders_validate_passes_a_solved_copy(at_smoke_scale, tmp_path):
    student, _ = both(GRADED)
    assert validated(tmp_path, solve(student, names(student, "exercise"))) == {}


def test_nbgraders_validate_fails_exactly_the_checks_of_a_fresh_notebook(at_smoke_scale, tmp_path):
    student, _ = both(GRADED)
    result = validated(tmp_path, student)
    assert set(result) == {"failed"}
    checks = [cell.source for cell in student.cells if "check" in cell.metadata]
    assert [cell["source"] for cell in result["failed"]] == checks
