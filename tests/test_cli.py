"""`course …`: each command reaches its function, and says by its exit status how it went."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib import checks, cli, doctor
from course_lib.authoring import build as building
from course_lib.authoring import validate as validating
from course_lib.authoring.lesson import LessonError, Problem


def record(monkeypatch, module, name, result):
    """Put a function in the place of the command's own; its calls are what is returned."""
    calls = []

    def instead(**options):
        calls.append(options)
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(module, name, instead)
    return calls


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {"only": [], "execute_code": None}),
        (["05_vae", "00_start"], {"only": ["05_vae", "00_start"], "execute_code": None}),
        (["--no-execute"], {"only": [], "execute_code": False}),
        (["--execute", "05_vae"], {"only": ["05_vae"], "execute_code": True}),
    ],
)
def test_build(monkeypatch, capsys, arguments, options):
    calls = record(monkeypatch, building, "build", ["notebooks/05_vae.ipynb written"])
    assert cli.main(["build", *arguments]) == 0
    assert calls == [options]
    assert capsys.readouterr().out == "notebooks/05_vae.ipynb written\n"


def test_build_with_nothing_to_do(monkeypatch, capsys):
    record(monkeypatch, building, "build", [])
    assert cli.main(["build"]) == 0
    assert capsys.readouterr().out == "up to date\n"


@pytest.mark.parametrize(
    "error",
    [
        building.BuildError("no lesson 05_vea; there are 05_vae"),
        LessonError([Problem("lessons/05_vae.py", 3, "an empty cell")]),
    ],
)
@pytest.mark.parametrize("arguments", [["build"], ["build", "--check"]])
def test_what_cannot_be_built_is_one_message_without_a_traceback(
    monkeypatch, capsys, error, arguments
):
    record(monkeypatch, building, "build", error)
    record(monkeypatch, building, "stale", error)
    assert cli.main(arguments) == 1
    assert capsys.readouterr().err == f"{error}\n"


def test_build_check(monkeypatch, capsys):
    built = record(monkeypatch, building, "build", [])
    calls = record(monkeypatch, building, "stale", ["solutions/05_vae.ipynb: there is none"])
    assert cli.main(["build", "--check", "05_vae"]) == 1
    assert capsys.readouterr().out == "solutions/05_vae.ipynb: there is none\n"
    assert (calls, built) == ([{"only": ["05_vae"]}], [])
    record(monkeypatch, building, "stale", [])
    assert cli.main(["build", "--check"]) == 0


@pytest.mark.parametrize(("pytest_status", "status"), [(0, 0), (1, 1), (5, 1)])
def test_validate(monkeypatch, pytest_status, status):
    calls = record(monkeypatch, validating, "validate", pytest_status)
    assert cli.main(["validate", "05_vae"]) == status
    assert calls == [{"only": ["05_vae"]}]


def test_validate_without_solutions(monkeypatch, capsys):
    record(monkeypatch, validating, "validate", building.BuildError("solutions/ has no 05_vae"))
    assert cli.main(["validate", "05_vae"]) == 1
    assert capsys.readouterr().err == "solutions/ has no 05_vae\n"


def test_progress(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    assert cli.main(["progress"]) == 0
    assert capsys.readouterr().out == f"{checks.progress()!r}\n"


@pytest.mark.parametrize("status", [0, 1])
def test_doctor(monkeypatch, status):
    record(monkeypatch, doctor, "main", status)
    assert cli.main(["doctor"]) == status


def test_doctor_runs_with_a_broken_torch(tmp_path):
    (tmp_path / "torch.py").write_text("raise OSError('libtorch.so: cannot open')")
    course = Path(sys.executable).with_name("course")
    path = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run([course, "doctor"], capture_output=True, text=True, env=path)
    assert ran.returncode == 1
    assert "libtorch.so: cannot open" in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("arguments", [[], ["bake"], ["build", "--chekc"]])
def test_a_mistyped_command_shows_the_usage(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: course" in capsys.readouterr().err


PROGRESS, LESSON = ["-m", "course_lib.cli", "progress"], ["lessons/01_divergences.py"]


@pytest.mark.parametrize(
    "encoding, command",
    [("gbk", PROGRESS), ("cp1252", PROGRESS), ("ascii", PROGRESS), ("gbk", LESSON)],
)
def test_a_console_that_is_not_utf8_loses_signs_and_not_the_run(tmp_path, encoding, command):
    ran = subprocess.run(
        [sys.executable, *command],
        cwd=building.ROOT,
        env={
            **os.environ,
            **{"PYTHONIOENCODING": encoding, "COURSE_SCALE": "smoke", "COURSE_STATIC": "1"},
            **{"COURSE_HOME": str(tmp_path), "PYTHONPATH": str(building.ROOT), "PYTHONUTF8": "0"},
        },
        capture_output=True,
    )
    assert ran.returncode == 0, ran.stderr.decode(encoding)
    assert b"divergences" in ran.stdout
    assert (b"?" in ran.stdout) == (encoding != "gbk" or command == LESSON)  # gbk has the circle
