"""The README's commands for nbgrader as they are written, on notebooks it stumbles at."""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course_lib.authoring.build import ROOT
from course_lib.grading.collecting import is_check
from tests.grading.notebooks import EXERCISES, RIGHT, STEM, notebook

STUDENT = ROOT / "notebooks" / f"{STEM}.ipynb"


def commands():
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("### With nbgrader")[2]
    return re.search(r"```sh\n(.*?)```", section, re.DOTALL)[1].splitlines()


def copied(solved):
    """The released notebook, some of it solved, every exercise and check cell there twice."""
    content = json.loads(STUDENT.read_text(encoding="utf-8"))
    cells = []
    for cell in content["cells"]:
        short = cell["metadata"].get("exercise", "").partition(".")[2]
        if short in solved:
            cell["source"] = RIGHT[short]
        cells += [cell] * (2 if "nbgrader" in cell["metadata"] else 1)
    return json.dumps(content | {"cells": cells}).encode()


def test_the_walk_of_the_readme(tmp_path):
    folder = tmp_path / "submissions"
    (folder / "ada").mkdir(parents=True)
    bare = notebook(RIGHT["kl_categorical"], RIGHT["js_divergence"], RIGHT["entropy"])
    (folder / "ada" / "renamed by ada.ipynb").write_bytes(b"\xef\xbb\xbf" + bare)
    solved = {"entropy", "kl_categorical", "kl_gaussian"}
    (folder / "bob.ipynb").write_bytes(copied(solved))
    (folder / "carl.ipynb").write_bytes(b"{")
    for name in ("nbgrader_config.py", "notebooks"):
        (tmp_path / name).symlink_to(ROOT / name)
    place = tmp_path
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("COURSE_", "JUPYTER"))}
    environment |= {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path), "HOME": str(tmp_path)}
    environment["PATH"] = os.defpath  # no environment is active
    for line in commands():
        words = shlex.split(line)
        if words[0] == "cd":
            place = place / words[1]
            continue
        module = {"course": "course_lib.cli", "nbgrader": "nbgrader"}.get(Path(words[0]).name)
        command = [sys.executable, "-m", module, *words[1:]] if module else words
        done = subprocess.run(
            command, cwd=place, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr[-3000:])
    rows = list(csv.DictReader((place / "grades.csv").open(newline="")))
    scores = {row["student_id"]: float(row["score"]) for row in rows}
    assert scores == {"ada": 3, "bob": 3}
    assert all(float(row["max_score"]) == len(EXERCISES) for row in rows)
    assert not any((tmp_path / name).exists() for name in (".local", "progress.json"))
    shutil.rmtree(place)


@pytest.mark.filterwarnings("ignore::nbformat.warnings.DuplicateCellId")
def test_a_copied_cell_loses_its_mark_and_stops_nothing():
    from course_lib.grading.nbgrader_cells import DropCopies

    made, _ = DropCopies().preprocess(nbformat.reads(copied({"entropy"}), 4), {})
    marked = [
        cell.metadata["nbgrader"]["grade_id"] for cell in made.cells if "nbgrader" in cell.metadata
    ]
    assert len(marked) == len(set(marked)) == 2 * len(EXERCISES)


def test_a_cell_that_does_more_than_check_is_kept():
    names = ["divergences.entropy"]
    assert is_check('check("divergences.entropy", entropy)  # now', names)
    assert not is_check('x = 1\ncheck("divergences.entropy", entropy)', names)
    assert not is_check('check("divergences.other", entropy)', names)
    assert not is_check("check(", names)
