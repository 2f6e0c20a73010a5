"""Notebooks a minute: `course grade` beside nbgrader's autograde on the same files.

`python -m benchmarks.grading --out FOLDER`. A class is made of the student's notebook: every copy
has half of its exercises solved, one wrong and the others not written, each copy another half, and
another comment. `--theirs N` lets nbgrader grade the first N of them alone: it needs seconds each.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from course_lib.authoring.build import ROOT, course_hints, load
from course_lib.authoring.notebooks import solution_notebook, student_notebook

CLASSES = {"01_divergences": 100, "05_vae": 20}
CONFIG = 'c = get_config()\nc.CourseDirectory.course_id = "benchmark"\n'


def handed_in(stem: str, count: int) -> list[nbformat.NotebookNode]:
    """`count` different copies of the student's notebook."""
    (lesson,) = load(ROOT, [stem], course_hints())
    complete = solution_notebook(lesson)
    answers = {c.metadata.exercise: c.source for c in complete.cells if "exercise" in c.metadata}
    copies = []
    for number in range(count):
        draw = random.Random(number)
        right = set(draw.sample(sorted(answers), len(answers) // 2))
        copy = student_notebook(lesson, course_hints())
        for cell in copy.cells:
            name = cell.metadata.get("exercise")
            if name in right:
                cell.source = f"# student {number}\n{answers[name]}"
        wrong = next(
            c for c in copy.cells if c.metadata.get("exercise", None) not in {None, *right}
        )
        wrong.source = wrong.source.partition("raise NotImplementedError")[0] + "return None"
        copies.append(copy)
    return copies


def ours(folder: Path, stem: str, copies: list) -> float:
    """Seconds of the command, its start included."""
    place = folder / "handed_in"
    place.mkdir()
    for number, copy in enumerate(copies):
        nbformat.write(copy, place / f"student{number:03}.ipynb")
    command = (sys.executable, "-m", "course_lib.cli", "grade", str(place), "--lesson", stem)
    environment = {**os.environ, "COURSE_HOME": str(folder), "OMP_NUM_THREADS": "1"}
    took = seconds([*command, "--out", str(folder / "grades")], folder, environment)
    with (folder / "grades" / "grades.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(copies) and all(row["status"] == "graded" for row in rows)
    assert all(int(row["total"]) > 0 for row in rows)
    return took


def theirs(folder: Path, stem: str, copies: list) -> float:
    """Seconds of `nbgrader autograde` at smoke scale, its start included, the release not."""
    (folder / "nbgrader_config.py").write_text(
        (ROOT / "nbgrader_config.py").read_text() + "\n" + CONFIG
    )
    source = folder / "source" / "ps" / f"{stem}.ipynb"
    source.parent.mkdir(parents=True)
    (lesson,) = load(ROOT, [stem], course_hints())
    nbformat.write(student_notebook(lesson, course_hints()), source)
    for number, copy in enumerate(copies):
        place = folder / "submitted" / f"student{number:03}" / "ps" / f"{stem}.ipynb"
        place.parent.mkdir(parents=True)
        nbformat.write(copy, place)
    scripts = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        **{"COURSE_SCALE": "smoke", "COURSE_STATIC": "1", "OMP_NUM_THREADS": "1"},
        **{"COURSE_HOME": str(folder), "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"},
    }
    nbgrader = [sys.executable, "-m", "nbgrader"]
    seconds([*nbgrader, "generate_assignment", "ps"], folder, environment)
    return seconds([*nbgrader, "autograde", "ps"], folder, environment)


def seconds(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    start = time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.monotonic() - start


def measured(stem: str, count: int, peers: int) -> dict:
    copies = handed_in(stem, count)
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        own = 60 * count / ours(Path(one), stem, copies)
        peer = 60 * peers / theirs(Path(other), stem, copies[:peers])
    return {"lesson": stem, "files": count, "theirs": peers, "ours_a_minute": own,
            "nbgrader_a_minute": peer, "ratio": own / peer}  # fmt: skip


def table(rows: list[dict]) -> str:
    lines = ["| lesson | files | course grade | nbgrader autograde (files) | ratio |"]
    lines.append("|---|---|---|---|---|")
    for row in rows:
        lines.append(
            f"| {row['lesson']} | {row['files']} | {row['ours_a_minute']:.0f} a minute | "
            f"{row['nbgrader_a_minute']:.1f} a minute ({row['theirs']}) | {row['ratio']:.1f}× |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--lessons", nargs="*", default=list(CLASSES))
    parser.add_argument("--files", type=int, help="in the place of 100 and 20")
    parser.add_argument("--theirs", type=int, help="files for nbgrader; all by default")
    options = parser.parse_args()
    rows = []
    for stem in options.lessons:
        count = options.files or CLASSES[stem]
        rows.append(measured(stem, count, min(options.theirs or count, count)))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "grading.json").write_text(json.dumps(rows, indent=1) + "\n")
    (options.out / "grading.md").write_text(table(rows))
    print(table(rows), end="")


if __name__ == "__main__":
    main()
