"""One submission: its answers observed behind the wall, judged here from plain records alone."""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from course_lib.checks import Observation, Verdict, exercise, judge, make_cases
from course_lib.checks.judging import known_record

from .lessons import Graded
from .reading import Notebook
from .wall import Child, Gone, Wall

ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
FREE = 500_000  # numbers of a record that are no matter, however few are expected
TIMES = 4  # as many numbers as a right answer returns, and no more, are looked at
ROOM = 4 << 30  # bytes that judging one record may take
FORM = {
    "attempted": bool,
    "error": str,
    "where": str,
    "outputs": dict,
    "gradients": dict,
    "changed_inputs": list,
    "touched_random_state": bool,
    "left_behind": list,
    "left_on_inputs": list,
}


class NoRecord(ValueError):
    """What came back is no record that could be judged."""


@dataclass
class Mark:
    """One exercise of one submission.

    follows_from: exercises whose wrong answers this one uses; with the published solution in
    their place it is right. source: the code as it was graded.
    """

    name: str
    passed: bool = False
    attempted: bool = True
    message: str = ""
    misconception: str | None = None
    cause: str = ""
    follows_from: list[str] = field(default_factory=list)
    cell: int | None = None
    source: str = ""
    remark: str = ""
    digest: str = ""
    size: int = 0


def mark(notebook: Notebook, lesson: Graded, wall: Wall, seed: int) -> tuple[list[Mark], list[str]]:
    """A mark for each exercise, and remarks on the notebook. Never raises for a submission."""
    return Marking(notebook, lesson, wall, seed).all()


class Marking:
    """A submission's children, one after the other: a new one where the last one has gone."""

    def __init__(self, notebook: Notebook, lesson: Graded, wall: Wall, seed: int):
        self.notebook, self.lesson, self.wall, self.seed = notebook, lesson, wall, seed
        self.child: Child | None = None
        self.report: dict[str, Any] = {}

    def all(self) -> tuple[list[Mark], list[str]]:
        try:
            self.ready()
            found = read_report(self.report, self.lesson)
        except (Gone, NoRecord) as error:
            said = f"the notebook's code could not be read: {error}"
            return [Mark(name, message=said) for name in self.lesson.names], [said]
        try:
            marks = {short: self.first(short, found[short]) for short in self.lesson.short}
            self.again(marks, found)
        finally:
            self.end()
        return list(marks.values()), texts(self.report.get("broken"))

    def ready(self) -> Child:
        """A child that has read the notebook, before it runs anything of it."""
        if self.child is None:
            self.child = self.wall.child()
            cells = [list(cell) for cell in self.notebook.cells]
            names = [] if self.report else list(self.lesson.short)  # a later child only reads
            try:
                reply = self.child.ask({"do": "read", "cells": cells, "names": names})
            except Gone:
                self.child = None
                raise
            self.report = self.report or reply
        return self.child

    def end(self) -> None:
        if self.child is not None:
            self.child.close()
            self.child = None

    def first(self, short: str, found: Mapping[str, Any]) -> Mark:
        """The mark of an answer as it was handed in."""
        name = self.lesson.short[short]
        made = Mark(name, **{key: found[key] for key in ("cell", "source", "digest", "size")})
        if found["cell"] is None:
            made.attempted, made.message = False, found["said"]
            return made
        made.remark = found["said"]
        enter(made, self.verdict(name, {}))
        return made

    def again(self, marks: Mapping[str, Mark], found: Mapping[str, Any]) -> None:
        """What fails and uses an answer that fails is tried with the published one in its place."""
        failed = [short for short, made in marks.items() if not made.passed]
        self.end()  # whoever sees a solution sees it in a child of its own
        for short in failed:
            wrong = [other for other in found[short]["uses"] if other in failed]
            if not wrong or marks[short].cell is None:
                continue
            given = {other: self.lesson.solution(other) for other in wrong}
            if self.verdict(self.lesson.short[short], given).passed:
                marks[short].follows_from = [self.lesson.short[other] for other in wrong]
            self.end()

    def verdict(self, name: str, given: Mapping[str, str]) -> Verdict:
        declared = exercise(name)
        cases = make_cases(declared, self.seed)
        request = {
            "do": "observe",
            "name": name,
            "given": dict(given),
            "cases": [{"inputs": dict(c.inputs), "gradients": list(c.gradients)} for c in cases],
        }
        try:
            reply = self.ready().ask(request)
        except Gone as error:
            self.child = None
            return Verdict(name, False, str(error))
        try:
            if reply.get("said"):
                return Verdict(name, False, one_line(reply["said"]))
            verdict = judged(name, reply.get("records"), self.seed)
            before = texts(reply.get("before"))
            if verdict.passed or not before:
                return verdict
            said = f"{verdict.message.rstrip('.')} (before, {'; '.join(before[:2])})"
            return replace(verdict, message=said)
        except NoRecord as error:
            self.end()
            return Verdict(name, False, f"what came back cannot be judged: {error}")


def enter(made: Mark, verdict: Verdict) -> None:
    made.passed, made.attempted = verdict.passed, verdict.attempted
    made.message = ADDRESS.sub("0x…", verdict.message)
    made.misconception, made.cause = verdict.misconception, verdict.cause
    if not made.attempted and made.remark:
        made.message += f" ({made.remark})"


def read_report(report: Mapping[str, Any], lesson: Graded) -> dict[str, dict[str, Any]]:
    """What was found of each answer, with the types that it must have."""
    try:
        found = {short: report["found"][short] for short in lesson.short}
        return {short: entry(part, lesson) for short, part in found.items()}
    except (KeyError, TypeError, AttributeError):
        raise NoRecord("the list of answers is not one") from None


def entry(part: Mapping[str, Any], lesson: Graded) -> dict[str, Any]:
    return {
        "cell": part["cell"] if type(part["cell"]) is int else None,
        "source": str(part["source"]),
        "said": one_line(part["said"]),
        "uses": [name for name in texts(part["uses"]) if name in lesson.short],
        "digest": str(part.get("digest", "")),
        "size": part.get("size", 0) if type(part.get("size", 0)) is int else 0,
    }


def judged(name: str, records: Any, seed: int) -> Verdict:
    """The verdict on records that came from a child; NoRecord where they are none."""
    observations = [observation(part) for part in records] if isinstance(records, list) else []
    cases = len(make_cases(exercise(name), seed))
    stopped = bool(observations) and not observations[-1].attempted
    if len(observations) != cases and not stopped:
        raise NoRecord(f"{len(observations)} records came of {cases} calls")
    for at, record in enumerate(observations):
        if numbers_in(vars(record)) > allowed(name, seed, at):
            raise NoRecord("it holds far more numbers than a right answer returns")
    with bounded_memory():
        verdict = judge(name, observations, seed)
    if not verdict.attempted and verdict.message.startswith("this check broke"):
        raise NoRecord("the check could not read it")
    return verdict


def observation(part: Any) -> Observation:
    """A record from what came, of the right types all through."""
    if not isinstance(part, dict) or part.keys() != FORM.keys():
        raise NoRecord("a record of another form")
    if any(type(part[key]) is not kind for key, kind in FORM.items()):
        raise NoRecord("a record of other types")
    lists = [part["changed_inputs"], part["left_behind"], part["left_on_inputs"]]
    if any(type(text) is not str for found in lists for text in found):
        raise NoRecord("a record of other types")
    return Observation(**part)


def numbers_in(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel()
    if isinstance(value, dict):
        value = list(value.values())
    return sum(map(numbers_in, value)) if isinstance(value, list) else 1


def allowed(name: str, seed: int, at: int) -> int:
    return FREE + TIMES * numbers_in(vars(known_record(name, None, seed, at)))


@contextmanager
def bounded_memory() -> Iterator[None]:
    """A record must not make the judge take all memory."""
    if sys.platform != "linux":
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    most = now + ROOM if before[0] == resource.RLIM_INFINITY else min(before[0], now + ROOM)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def texts(value: Any) -> list[str]:
    return [one_line(text) for text in value] if isinstance(value, list) else []


def one_line(text: Any) -> str:
    return " ".join(text.split())[:400] if isinstance(text, str) else ""
