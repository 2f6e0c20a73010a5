"""The same files of a run by several processes or a cluster, whoever of them is killed."""

import json
import os
import subprocess
import sys
import time

import distributed
import psutil
import pytest

from course_lib.authoring.build import ROOT
from course_lib.grading import spreading, working
from course_lib.grading.batch import CannotGrade, Run, grade
from course_lib.grading.wall import NoWall

from .notebooks import RIGHT, STEM, answer, notebook

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
SLOW = answer("entropy", "import time\ntime.sleep(0.15)\nreturn -torch.xlogy(p, p).sum(-1)", "p")
WRONG = RIGHT["kl_gaussian"].replace("0.5 * (", "(")
CLASS = {
    **{f"name{number}": notebook(SLOW, f"number = {number}") for number in range(8)},
    "wrong": notebook(SLOW, WRONG, RIGHT["kl_to_standard_normal"]),
    "twin": notebook(SLOW, "number = 0"),
    "cut": b"{",
}
SECONDS = 300  # until a loaded machine has done it


@pytest.fixture
def school(tmp_path):
    folder = tmp_path / "submissions"
    folder.mkdir()
    for name, content in CLASS.items():
        (folder / f"{name}.ipynb").write_bytes(content)
    return tmp_path


def start(school, out, *options):
    command = (sys.executable, "-m", "course_lib.cli", "grade", "submissions", "--lesson", STEM)
    environment = {**os.environ, "COURSE_HOME": str(school / "home"), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [*command, "--out", out, *options],
        cwd=school,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(run):
    said, failed = run.communicate(timeout=SECONDS)
    assert run.returncode == 0, failed
    return said


def kept(out):
    """When and where each result was written: who grades a student again writes anew."""
    paths = [p for p in (out / ".state").glob("*.json") if p.name != "run.json"]
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in paths}


def until(true):
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def files_of(out):
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def test_whoever_works_and_whoever_is_killed_the_files_are_the_same(school):
    """One test, so that the class is graded once to compare with."""
    assert f"{len(CLASS)} files" in finish(start(school, "alone"))
    two_processes_killed_in_the_middle(school)
    a_cluster_that_loses_a_worker(school)
    alone, *others = (files_of(school / out) for out in ("alone", "processes", "cluster"))
    assert len(alone) == 2 * len(CLASS) + 4 + 1 - (".state/lock" not in alone)
    assert others == [alone] * 2


def two_processes_killed_in_the_middle(school):
    out = school / "processes"
    run = start(school, out.name, "--jobs", "2")
    until(lambda: len(kept(out)) >= 3)
    everybody = psutil.Process(run.pid).children(recursive=True)
    assert len(everybody) >= 4  # two workers, and a process that submissions run in for each
    run.kill()
    run.communicate()
    before = kept(out)
    assert 3 <= len(before) < len(CLASS) and not (out / "grades.csv").exists()
    assert psutil.wait_procs(everybody, timeout=30)[1] == []
    finish(start(school, out.name, "--jobs", "2"))
    after = kept(out)
    assert len(after) == len(CLASS) and before.items() <= after.items()


def a_cluster_that_loses_a_worker(school):
    out, where = school / "cluster", school / "scheduler.json"
    started = [dask(school, "scheduler", "--port", "0", "--scheduler-file", str(where))]
    try:
        until(lambda: where.exists() and where.read_text())
        address = json.loads(where.read_text())["address"]
        for name in ("stays", "dies"):
            own = ("--name", name, "--nthreads", "1", "--no-nanny", "--memory-limit", "0")
            started.append(dask(school, "worker", address, *own))
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=SECONDS)
            named = client.scheduler_info(n_workers=-1)["workers"].items()
            (doomed,) = [address for address, worker in named if worker["name"] == "dies"]
            run = start(school, out.name, "--scheduler", address)
            until(lambda: (len(kept(out)) >= 2 and client.processing()[doomed]) or run.poll())
            assert run.poll() is None, run.communicate()[1]
            started[-1].kill()
        finish(run)
    finally:
        for process in started:
            process.kill()
            process.communicate()


def dask(school, kind, *options):
    command = (sys.executable, "-m", f"distributed.cli.dask_{kind}", *options)
    quiet = ("--host", "127.0.0.1", "--no-dashboard")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if kind == "worker":
        quiet += ("--local-directory", str(school))
    return subprocess.Popen(
        [*command, *quiet],
        cwd=school,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_worker_with_another_version_of_the_course_grades_nothing():
    with pytest.raises(working.OtherCourse, match="another version of the course"):
        working.work_elsewhere("an older one", b"", "", STEM, 0, {}, [])


def test_a_cluster_that_is_not_there_is_told(school, monkeypatch):
    monkeypatch.setattr(spreading, "REACHED", 1)
    run = Run(school / "submissions", STEM, school / "out", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(CannotGrade, match=r"the cluster at tcp.*:9 does not go on"):
        grade(run)


def test_without_the_package_it_is_told_what_to_install(school, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    run = Run(school / "submissions", STEM, school / "out", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(CannotGrade, match="needs the package distributed"):
        grade(run)


def test_where_no_wall_can_be_built_nobody_gets_a_row(school, monkeypatch):
    def none(*arguments):
        raise NoWall("the process that submissions run in did not start: no torch")

    monkeypatch.setattr(working, "wall_of", none)
    with pytest.raises(CannotGrade, match="did not start: no torch"):
        grade(Run(school / "submissions", STEM, school / "out"))
    assert not (school / "out" / "grades.csv").exists()


def test_workers_that_die_again_and_again_end_the_run(monkeypatch):
    monkeypatch.setattr(spreading, "PATIENCE", 0)
    monkeypatch.setattr(working, "work", os.abort)
    lost = [type("Lost", (), {"content": lambda self: b""})()]
    monkeypatch.setattr(spreading, "content_of", lambda submission: ())
    with pytest.raises(CannotGrade, match="try --jobs 1"):
        list(spreading.processes(lost, (), 1))
