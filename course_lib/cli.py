"""`course build | validate | release | grade | collect | doctor | progress | capstone`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from course_lib.grading.options import add_collect_options, add_grade_options

# Every command imports what it needs itself: `course doctor` must run with a broken torch.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, or 1 where something is wrong."""
    options = parser().parse_args(arguments)
    return options.run(options)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="course", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="command")
    make = commands.add_parser("build", help="lessons/ to notebooks/ and solutions/")
    make.add_argument("lessons", nargs="*", help="05_vae ...; all when none is named")
    make.add_argument("--check", action="store_true", help="write nothing, name what is stale")
    make.add_argument(
        "--execute",
        action=argparse.BooleanOptionalAction,
        help="run every solution, or none; the default runs those whose code has changed",
    )
    make.set_defaults(run=build)
    run = commands.add_parser("validate", help="run solutions/ under nbval at smoke scale")
    run.add_argument("lessons", nargs="*", help="05_vae ...; all when none is named")
    run.set_defaults(run=validate)
    pack = commands.add_parser("release", help="one zip for a class, without solutions")
    pack.add_argument("lessons", nargs="*", help="05_vae ...; all when none is named")
    pack.add_argument("--out", default="image-generation-course.zip")
    pack.add_argument("--colab", default="", metavar="GIT_ADDRESS", help="add a cell that fetches")
    pack.set_defaults(run=release)
    assess = commands.add_parser("grade", help="a class's notebooks to grades, with reasons")
    add_grade_options(assess)
    mend = commands.add_parser("collect", help="submissions as nbgrader takes them without mishap")
    add_collect_options(mend)
    commands.add_parser("doctor", help="what this machine lacks").set_defaults(run=doctor)
    commands.add_parser("progress", help="which exercises are passed").set_defaults(run=progress)
    finished = commands.add_parser("capstone", help="what code can see of a finished project")
    finished.add_argument("folder", help="with results.json, both cards and samples.png")
    finished.set_defaults(run=capstone)
    return top


def build(options: argparse.Namespace) -> int:
    from course_lib.authoring.build import BuildError, build, stale
    from course_lib.authoring.lesson import LessonError

    try:
        if options.check:
            found = stale(only=options.lessons)
            print("\n".join(found) or "notebooks/ and solutions/ are what the lessons make")
            return 1 if found else 0
        print("\n".join(build(only=options.lessons, execute_code=options.execute)) or "up to date")
    except (BuildError, LessonError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def validate(options: argparse.Namespace) -> int:
    from course_lib.authoring.build import BuildError
    from course_lib.authoring.validate import validate

    try:
        return 1 if validate(only=options.lessons) else 0
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1


def release(options: argparse.Namespace) -> int:
    from course_lib.authoring.build import BuildError
    from course_lib.authoring.release import release

    try:
        names = release(Path(options.out), only=options.lessons, repository=options.colab)
    except (BuildError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.out}: {len(names)} files")
    return 0


def doctor(options: argparse.Namespace) -> int:
    from course_lib import doctor

    return doctor.main()


def progress(options: argparse.Namespace) -> int:
    from course_lib import checks

    print(repr(checks.progress()))
    return 0


def capstone(options: argparse.Namespace) -> int:
    from course_lib import capstone

    return capstone.main(options.folder)


if __name__ == "__main__":
    sys.exit(main())
