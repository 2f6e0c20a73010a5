"""`course grade`: the run, and the files that it leaves."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .batch import CannotGrade, Run, grade, write_atomically
from .class_page import class_page
from .lessons import Graded, NoLesson, graded
from .pages import feedback, file_names
from .tables import FORMATS, grades, lacking, log, total
from .wall import Limits


def run(options: argparse.Namespace) -> int:
    """0 where every file has its row, 1 where the run could not begin or go on."""
    if not hasattr(os, "fork"):
        print("course grade needs Linux or macOS; on Windows, run it in WSL", file=sys.stderr)
        return 1
    limits = Limits(seconds=options.seconds, memory=options.memory << 20)
    wanted = Run(
        *(Path(options.submissions), options.lesson, Path(options.out)),
        *(options.jobs, options.seed, limits, options.scheduler),
    )
    started = time.monotonic()
    try:
        results = grade(wanted, tell if sys.stderr.isatty() else lambda done, of: None)
        lesson = graded(options.lesson)
        write(results, lesson, wanted.out, options.format, options.carry_forward)
    except (CannotGrade, NoLesson, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(summary(results, lesson, wanted.out, time.monotonic() - started, options.carry_forward))
    return 0


def tell(done: int, of: int) -> None:
    end = "\n" if done == of else ""
    print(f"\r{done} of {of}", end=end, file=sys.stderr, flush=True)


def write(
    results: Sequence[dict[str, Any]], lesson: Graded, out: Path, form: str | None, carry: bool
) -> None:
    """All files that come of a run; each is whole whenever it is there."""
    folder = out / "feedback"
    folder.mkdir(exist_ok=True)
    pages = dict(zip(file_names(results), results, strict=True))
    for name, result in pages.items():
        write_atomically(folder / name, feedback(result, lesson.stem, lesson.names, carry))
    for old in folder.glob("*.html"):
        if old.name not in pages:
            old.unlink()
    arguments = (results, lesson.stem, lesson.names, carry)
    if form:
        write_atomically(out / "details.csv", grades(*arguments))
    write_atomically(out / "class.html", class_page(results, lesson, carry))
    write_atomically(out / "log.jsonl", log(results, lesson.stem, carry))
    write_atomically(out / "grades.csv", (FORMATS[form] if form else grades)(*arguments))


def summary(
    results: Sequence[dict[str, Any]], lesson: Graded, out: Path, seconds: float, carry: bool
) -> str:
    done = [r for r in results if r["status"] == "graded"]
    points = sum(total(r, carry) for r in done)
    lines = [
        f"{len(results)} files, {len(done)} graded, {points} of {len(done) * len(lesson.names)} "
        f"points, {seconds:.0f} seconds: {out / 'grades.csv'}"
    ]
    lines += [f"not enforced here: {said}" for said in lacking(results)]
    return "\n".join(lines)
