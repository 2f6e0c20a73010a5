"""One submission from bytes to a plain result, in whichever process it is worked on."""

from __future__ import annotations

import functools
import hashlib
import threading
from dataclasses import asdict
from pathlib import Path

import torch

from course_lib import checks
from course_lib.authoring.build import ROOT

from .lessons import Graded, graded
from .marking import mark
from .reading import Unreadable, read
from .wall import Limits, NoWall, Wall

# A process has one wall, and its memory is bounded while it judges.
ONE_AT_A_TIME = threading.Lock()


class OtherCourse(RuntimeError):
    """A worker has another version of the course, which may judge differently."""


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
    except NoWall:  # nor would the next one have one
        raise
    except Exception as error:  # of the grader's own: one submission must not stop a class
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return outcome("not graded", [f"the grader itself failed: {said}"])
    empty = all(made.cell is None for made in marks)
    if empty:
        remarks = [f"no exercise of {stem} is in it", *remarks]
    made = [asdict(each) for each in marks]
    found = outcome("empty" if empty else "graded", [*notebook.remarks, *remarks])
    return {**found, "minutes": notebook.minutes, "marks": made, "lacking": wall.lacking}


def work_elsewhere(version: str, *arguments) -> dict:
    """`work`, on a cluster's worker that has this version of the course; OtherCourse otherwise."""
    if version != course_version():
        raise OtherCourse(
            "a worker of the cluster has another version of the course, or of torch: "
            "put the same commit, set up by `make setup`, on every machine"
        )
    with ONE_AT_A_TIME:
        return work(*arguments)


@functools.cache
def course_version() -> str:
    """The same on machines that give the same verdicts: of the library, the lessons and torch."""
    digest = hashlib.sha256(torch.__version__.encode())
    for path in sorted([*ROOT.glob("course_lib/**/*.py"), *ROOT.glob("lessons/*.py")]):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:32]


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
