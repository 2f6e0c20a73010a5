"""What a kernel does not grant is said once, in summary, log and class page; the rest holds."""

import csv
import html
import json
import sys
import time

import psutil
import pytest

from course_lib.authoring.build import ROOT
from course_lib.cli import main
from course_lib.grading import wall, working
from course_lib.grading.fences import SAID

from .notebooks import RIGHT, STEM, answer, notebook

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
REFUSE = """
import os
from course_lib.grading import fences
granted = fences.unshare
def unshare(flags):
    if {refused} & flags:
        raise OSError(1, "Operation not permitted")
    granted(flags)
fences.unshare = unshare
if {user}:
    os.geteuid = lambda: 1000
"""
ALL = -1
KINDS = {
    # what a container gives to root, and what a kernel gives to a user who may make no namespace
    "root": ({"refused": ALL, "user": False}, ["files", "network", "processes"]),
    "user": ({"refused": ALL, "user": True}, ["files", "network", "processes", "rights"]),
    "user_with_namespaces": ({"refused": 0, "user": True}, []),
}
DAEMON = """import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(300)
    os._exit(0)
return torch.special.entr(p).sum(-1)"""
GREEDY = """import os, time
os.fork(), os.fork()
kept = b"x" * (200 << 20)
time.sleep(60)"""
CLASS = {
    "right": notebook(RIGHT["entropy"], RIGHT["kl_categorical"]),
    "loop": notebook(answer("entropy", "while True:\n    pass", "p"), RIGHT["kl_categorical"]),
    "daemon": notebook(answer("entropy", DAEMON, "p"), RIGHT["kl_categorical"]),
    "greedy": notebook(answer("entropy", GREEDY, "p"), RIGHT["kl_categorical"]),
}
LIMITS = ("--seconds", "10", "--memory", "400", "--seed", "3")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_enforced_is_said_once_and_the_rest_holds(kind, tmp_path, monkeypatch, capsys):
    refused, lacking = KINDS[kind]
    site, folder, out = (tmp_path / name for name in ("site", "submissions", "grades"))
    site.mkdir()
    (site / "sitecustomize.py").write_text(REFUSE.format(**refused))
    folder.mkdir()
    for name, content in CLASS.items():
        (folder / f"{name}.ipynb").write_bytes(content)
    plain = wall.environment()
    monkeypatch.setattr(wall, "environment", lambda: {**plain, "PYTHONPATH": f"{site}:{ROOT}"})
    try:
        assert main(["grade", str(folder), "--lesson", STEM, "--out", str(out), *LIMITS]) == 0
        nothing_is_left_running(folder)
    finally:
        working.wall_of.cache_clear()
    grades_are_right(out)
    sentences = [SAID[name] for name in lacking]
    said = [line for line in capsys.readouterr().out.splitlines() if "not enforced" in line]
    assert said == [f"not enforced here: {sentence}" for sentence in sentences]
    first = json.loads((out / "log.jsonl").read_text().splitlines()[0])
    assert first["not enforced"] == sentences
    page = html.unescape((out / "class.html").read_text())
    assert all(page.count(f"<li>{sentence}</li>") == 1 for sentence in sentences)
    assert ("could not enforce" in page) == bool(sentences)


def nothing_is_left_running(folder):
    """But the process that waits for the next submission, whose copies have its arguments."""
    until = time.monotonic() + 5  # what was killed takes a moment to end
    while len(found := named(folder)) > 1 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(found) == 1


def named(folder):
    processes = psutil.process_iter(["cmdline"])
    return [p for p in processes if any(str(folder) in word for word in p.info["cmdline"] or ())]


def grades_are_right(out):
    with (out / "grades.csv").open(newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    points = {name: row["divergences.entropy"] for name, row in rows.items()}
    assert points == {"right": "1", "daemon": "1", "loop": "0", "greedy": "0"}
    assert all(row["divergences.kl_categorical"] == "1" for row in rows.values())
    assert "ran longer than 10 seconds" in rows["loop"]["reason"]
    assert "used more memory than it may" in rows["greedy"]["reason"]
