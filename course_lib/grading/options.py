"""The options of `course grade` and `course collect`; they need no torch."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_grade_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("submissions", help="a folder, a zip, or one notebook")
    command.add_argument("--lesson", required=True, help="05_vae")
    command.add_argument("--out", default="grades", help="folder for the results (grades)")
    command.add_argument("--format", choices=["canvas", "moodle"], help="for whose import")
    command.add_argument(
        "--carry-forward", action="store_true", help="give points lost by an earlier mistake alone"
    )
    command.add_argument("--jobs", type=int, default=1, help="submissions at a time (1)")
    command.add_argument("--scheduler", metavar="ADDRESS", help="a Dask cluster's, to grade there")
    command.add_argument("--seconds", type=float, default=30, help="an exercise may take (30)")
    command.add_argument("--memory", type=int, default=2048, help="MiB one may take (2048)")
    command.add_argument("--seed", type=int, help="of the inputs; a secret one by default")
    command.set_defaults(run=run)


def add_collect_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("submissions", help="a folder, a zip, or one notebook")
    command.add_argument("--lesson", required=True, help="05_vae")
    command.add_argument("--assignment", required=True, help="nbgrader's name of it: ps1")
    command.add_argument("--course", default=".", help="nbgrader's course folder (.)")
    command.set_defaults(run=collect)


def collect(options: argparse.Namespace) -> int:
    from .collecting import collect
    from .lessons import NoLesson

    place, course = Path(options.submissions), Path(options.course)
    try:
        for line in collect(place, options.lesson, options.assignment, course):
            print(line)
    except (NoLesson, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run(options: argparse.Namespace) -> int:
    from .command import run

    return run(options)
