"""The README's commands for instructors, as they are written, on a small class."""

import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib.authoring.build import ROOT

from .notebooks import EXERCISES, RIGHT, notebook

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")


def commands():
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("### Grade a class")[2]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)[1]
    return [shlex.split(line) for line in block.splitlines()]


def test_the_commands_of_the_readme(tmp_path):
    folder = tmp_path / "submissions" / "Ada Lovelace_7_assignsubmission_file"
    folder.mkdir(parents=True)
    wrong = RIGHT["kl_gaussian"].replace("0.5 * (", "(")
    sources = [*(RIGHT | {"kl_gaussian": wrong}).values()]
    (folder / "01_divergences.ipynb").write_bytes(notebook(*sources))
    tools = {".venv/bin/course": [sys.executable, "-m", "course_lib.cli"]}
    environment = {**os.environ, "COURSE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    for command in commands():
        line = [*tools[command[0]], *command[1:]]
        done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "1 files, 1 graded" in done.stdout
    out = tmp_path / "grades"
    (row,) = csv.DictReader((out / "grades.csv").open(newline=""))
    assert row["Identifier"] == "Participant 7" and row["Maximum grade"] == str(len(EXERCISES))
    assert row["Grade"] == "4"  # three right, and one that follows from the wrong one
    (row,) = csv.DictReader((out / "details.csv").open(newline=""))
    assert "kl_to_standard_normal: " in row["reason"] and "follows from" in row["reason"]
    assert Path(out / "feedback" / "Ada_Lovelace.html").exists()
    assert (out / "class.html").exists() and (out / "log.jsonl").exists()
