"""The parts of the grader by themselves: files, syntax trees, messages, runs, tables."""

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import PurePosixPath

import pytest
import torch

from course_lib import checks
from course_lib.authoring.build import ROOT
from course_lib.grading import batch, command, finding, tables, wire, working
from course_lib.grading.batch import CannotGrade, Run, grade
from course_lib.grading.layouts import submissions, whose
from course_lib.grading.lessons import NoLesson, graded
from course_lib.grading.marking import NoRecord, judged, observation
from course_lib.grading.reading import Unreadable, read

from .honest import zipped
from .notebooks import EXERCISES, RIGHT, STEM, notebook

NAME = "divergences.entropy"


# --------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    "value",
    [
        None,
        [1, -2.5, True, "text", [[]]],
        {"t": ["float32", [2]], "d": {"d": []}},
        {"a": torch.arange(6).reshape(2, 3), "b": torch.zeros(0, 3), "c": torch.tensor(True)},
        [torch.tensor(1.5, dtype=torch.bfloat16), torch.tensor([float("nan"), float("inf")])],
    ],
)
def test_what_is_packed_is_unpacked(value):
    assert repr(wire.unpack(wire.pack(value))) == repr(value)


@pytest.mark.parametrize("name", checks.names())
def test_the_inputs_of_every_exercise_cross(name):
    for case in checks.make_cases(checks.exercise(name), 0):
        assert repr(wire.unpack(wire.pack(dict(case.inputs)))) == repr(dict(case.inputs))


def message(text, numbers=b""):
    return wire.LENGTHS.pack(len(text), len(numbers)) + text + numbers


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"short",
        message(b"{"),
        message(b"\xff\xfe"),
        message(b"[" * 100_000),
        message(b'{"x": 1}'),
        message(b'{"d": [[1, 2]]}'),
        message(b'{"d": [["a"]]}'),
        message(b'{"t": ["float32", [4]]}', bytes(15)),
        message(b'{"t": ["float32", [1099511627777]]}'),
        message(b'{"t": ["float32", [-1]]}'),
        message(b'{"t": ["storage", [1]]}', bytes(4)),
        message(b'{"t": ["float32", 3]}'),
        message(b"1", b"left over"),
        message(b"[" + b"1," * 500_000 + b"1]"),
        wire.LENGTHS.pack(1 << 60, 0) + b"{}",
        b"\x80\x04cos\nsystem\n(S'true'\ntR." * 3,
    ],
)
def test_a_bad_message_is_malformed(bad):
    with pytest.raises(wire.Malformed):
        wire.unpack(bad)


def test_a_byte_that_is_no_bool_becomes_one():
    (value,) = wire.unpack(message(b'[{"t": ["bool", [3]]}]', bytes([0, 1, 7])))
    assert value.tolist() == [False, True, True]


# --------------------------------------------------------------------- records


def record(**changed):
    return vars(checks.Observation()) | changed


@pytest.mark.parametrize(
    "records",
    [
        None,
        [],
        [record()],
        [record(error=1)] * 5,
        [record(left_behind=[1])] * 5,
        [record(more=1)] * 5,
        [record(outputs={"value": torch.zeros(3_000_000)})] * 5,
    ],
)
def test_a_bad_record_is_not_judged(records):
    with pytest.raises(NoRecord):
        judged(NAME, records, 0)


def test_a_forged_record_is_wrong():
    cases = checks.make_cases(checks.exercise(NAME), 0)
    records = [record(outputs={"value": [[torch.ones(2), {"a": None}]]}) for _ in cases]
    assert not judged(NAME, records, 0).passed
    assert observation(records[0]).outputs


# --------------------------------------------------------------------- whose file


@pytest.mark.parametrize(
    "path, student, number",
    [
        ("Ada Lovelace_4711_assignsubmission_file_/05_vae.ipynb", "Ada Lovelace", "4711"),
        ("Ada Lovelace_4711_assignsubmission_file_05_vae.ipynb", "Ada Lovelace", "4711"),
        ("lovelaceada_815_9001_05_vae.ipynb", "lovelaceada", "815"),
        ("lovelaceada_LATE_815_9001_05_vae-2.ipynb", "lovelaceada", "815"),
        ("submitted/ada/ps1/05_vae.ipynb", "ada", ""),
        ("ada/ps1/05_vae.ipynb", "ada", ""),
        ("ada/05_vae.ipynb", "ada", ""),
        ("ada.ipynb", "ada", ""),
        ("ada.lovelace.ipynb", "ada.lovelace", ""),
        ("ada.zip/ps1/05_vae.ipynb", "ada", ""),
    ],
)
def test_layouts(path, student, number):
    assert whose(PurePosixPath(path)) == (student, number)


def test_a_class_in_a_zip_with_zips_in_it(tmp_path):
    inner = zipped(**{"hw/01.ipynb": b"{}"})
    whole = zipped(
        **{
            "A B_1_assignsubmission_file_/01.ipynb": b"{}",
            "C D_2_assignsubmission_file_/hw.zip": inner,
            "__MACOSX/._01.ipynb": b"",
        }
    )
    (tmp_path / "class.zip").write_bytes(whole)
    found = submissions(tmp_path / "class.zip")
    assert [(s.student, s.number, s.content()) for s in found] == [
        ("A B", "1", b"{}"),
        ("C D", "2", b"{}"),
    ]


def test_a_locked_archive_has_a_reason(tmp_path):
    content = bytearray(zipped(**{"a.ipynb": b"{}"}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + at] |= 1
    (tmp_path / "ada.zip").write_bytes(bytes(content))
    (found,) = submissions(tmp_path)
    with pytest.raises(Unreadable, match="password"):
        found.content()


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("course_lib.grading.layouts.LARGEST", 1000)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.ipynb", bytes(10**6))
    (tmp_path / "ada.zip").write_bytes(file.getvalue())
    with pytest.raises(Unreadable, match="too large"):
        submissions(tmp_path)[0].content()


def test_minutes_leave_pauses_out():
    times = ["2026-01-01T10:00:00Z", "2026-01-01T10:10:00.5Z", "2026-01-01T12:00:00Z", "nonsense"]
    cells = [
        {"cell_type": "code", "source": "", "metadata": {"execution": {"a": t}}} for t in times
    ]
    assert read(json.dumps({"cells": cells}).encode()).minutes == pytest.approx(10, abs=0.1)


# --------------------------------------------------------------------- syntax trees


def sliced(*cells, name="f"):
    return [s.source for s in finding.parse([("code", c) for c in cells]).slice(name)]


def test_a_slice_holds_what_is_needed_in_order():
    assert sliced("import a, b", "x = 1", "def f():\n    return b(x)", "y = 2", "x += 1") == [
        "import a, b",
        "x = 1",
        "def f():\n    return b(x)",
        "x += 1",
    ]


def test_a_slice_takes_what_changes_a_needed_name():
    kept = sliced("t = []", "t.append(1)", "def f():\n    return t", "f.cache = 1", "print(t)")
    assert kept == ["t = []", "t.append(1)", "def f():\n    return t", "f.cache = 1"]


@pytest.mark.parametrize("line", ["%time f()", "!ls", "x = !ls", "x = %who", "f?", "torch.log??"])
def test_magics_are_skipped(line):
    assert sliced(f"if 1:\n    {line}\ndef f():\n    return 1")
    assert sliced(f"{line}\ndef f():\n    return 1") == ["def f():\n    return 1"]


def test_a_string_that_looks_like_a_magic_stays():
    assert sliced('def f():\n    return """\n%d\n"""') == ['def f():\n    return """\n%d\n"""']


def test_equal_after_names_and_comments():
    def of(source):
        return finding.found(finding.parse([("code", source)]), "f", ["f"])["digest"]

    one = of(
        "def f(p):\n    '''Doc.'''\n    q = p.log()  # comment\n    return -(p * q).sum(dim=-1)"
    )
    assert one == of("def f(x):\n    y = x.log()\n\n    return -(x * y).sum(dim=-1)")
    assert one != of("def f(x):\n    y = x.log()\n    return -(x * y).sum(dim=0)")
    assert one != of("def f(x):\n    y = x.exp()\n    return -(x * y).sum(dim=-1)")


def test_published_solutions_stand_by_themselves():
    for stem in (STEM, "05_vae", "06_better_vaes"):
        lesson = graded(stem)
        for short in lesson.short:
            compile(lesson.solution(short), short, "exec")
            assert lesson.digest(short)


def test_an_unknown_lesson_is_told():
    with pytest.raises(NoLesson, match="01_divergences"):
        graded("99_nothing")


# --------------------------------------------------------------------- what a child knows

BARE = """
import gc, json, sys, types
from course_lib import checks
from course_lib.grading import callers, child
names = checks.names()
def functions(value):
    found = set()
    for answer in value:
        while hasattr(answer, "func") or hasattr(answer, "__wrapped__"):
            answer = getattr(answer, "func", None) or answer.__wrapped__
        found |= {answer.__code__} if isinstance(answer, types.FunctionType) else set()
    return found
secret = set()
for name in names:
    declared = checks.exercise(name)
    secret |= functions([declared.oracle, *(a for m in declared.misconceptions for a in m.answers)])
kept = callers.bare(names, names)
del declared
gc.collect()
alive = {f.__code__ for f in gc.get_objects() if isinstance(f, types.FunctionType)}
print(json.dumps([
    sorted(f"{c.co_filename}:{c.co_firstlineno} {c.co_name}" for c in alive & secret),
    [m for m in sys.modules if m.startswith("course_lib.checks.")],
    len(secret),
]))
"""


def test_no_answer_is_in_the_memory_that_children_are_forked_from():
    done = subprocess.run(
        [sys.executable, "-c", BARE], capture_output=True, text=True, cwd=ROOT, check=True
    )
    alive, modules, count = json.loads(done.stdout)
    assert alive == [] and modules == [] and count > 500


# --------------------------------------------------------------------- runs


@pytest.fixture
def handed_in(tmp_path):
    folder = tmp_path / "submissions"
    folder.mkdir()
    for number in range(6):
        name = f"name{number}_LATE_{number}_77_{STEM}.ipynb"
        (folder / name).write_bytes(notebook(*list(RIGHT.values())[:number]))
    return folder


def fake(content, problem, stem, seed, limits, hidden):
    """A result in no time; wrong answers' messages hold numbers of the seed."""
    marks = [
        {
            **{"name": f"divergences.{name}", "passed": name.encode() in content, "cell": 1},
            **{"attempted": True, "message": f"got {seed}", "misconception": None, "cause": ""},
            **{"follows_from": ["divergences.entropy"] if name == "js_divergence" else []},
            **{"source": "", "remark": "", "digest": name, "size": 9},
        }
        for name in EXERCISES
    ]
    return working.outcome("graded", []) | {"marks": marks}


def files_of(out):
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def run_and_write(run, form=None, carry=False):
    lesson = graded(run.lesson)
    command.write(grade(run), lesson, run.out, form, carry)


def test_a_run_that_is_ended_goes_on_and_leaves_the_same_files(handed_in, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(working, "work", fake)
    run_and_write(Run(handed_in, STEM, tmp_path / "whole"))
    out, worked = tmp_path / "parts", []

    def ended(*arguments):
        worked.append(arguments[0])
        if len(worked) % 3 == 0:
            raise KeyboardInterrupt
        return fake(*arguments)

    monkeypatch.setattr(working, "work", ended)
    for _ in range(9):
        try:
            run_and_write(Run(handed_in, STEM, out))
            break
        except KeyboardInterrupt:
            (out / "class.html.part").write_text("half")
            assert not (out / "grades.csv").exists()
    assert files_of(out) == files_of(tmp_path / "whole")
    assert len(worked) == 6 + 2  # the two that were ended in the middle, once more


def test_a_changed_file_is_graded_again_and_no_other(handed_in, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    worked = []
    monkeypatch.setattr(working, "work", lambda *a: worked.append(a) or fake(*a))
    run_and_write(Run(handed_in, STEM, handed_in / "grades"))
    next(handed_in.glob("*.ipynb")).write_bytes(notebook(RIGHT["entropy"], RIGHT["kl_gaussian"]))
    run_and_write(Run(handed_in, STEM, handed_in / "grades"))
    assert len(worked) == 7 and len({a[3] for a in worked}) == 1
    with pytest.raises(CannotGrade, match="choose another --out"):
        grade(Run(handed_in, "05_vae", handed_in / "grades"))


def test_the_seed_is_secret_and_another_one_for_other_files(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    one = batch.secret_seed(["a", "b"])
    assert one == batch.secret_seed(["a", "b"]) != batch.secret_seed(["a", "c"])
    assert (tmp_path / "grading.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "grading.key").unlink()
    assert batch.secret_seed(["a", "b"]) != one


def test_a_fault_of_the_grader_stops_no_class(monkeypatch):
    def broken(*arguments):
        raise RuntimeError("no")

    monkeypatch.setattr(working, "mark", broken)
    monkeypatch.setattr(working, "wall_of", lambda *a: None)
    result = working.work(notebook("x = 1"), "", STEM, 0, {}, [])
    assert result["status"] == "not graded" and "RuntimeError: no" in result["remarks"][0]


@pytest.mark.parametrize("form, first", [("canvas", "Student"), ("moodle", "Identifier")])
def test_import_formats(handed_in, tmp_path, monkeypatch, form, first):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(working, "work", fake)
    run_and_write(Run(handed_in, STEM, tmp_path / "out"), form)
    rows = list(csv.reader((tmp_path / "out" / "grades.csv").open(newline="")))
    assert rows[0][0] == first
    assert (tmp_path / "out" / "details.csv").read_text().count("\n") == 7
    last = {"canvas": ["name5", "5", "", "", "", "5"], "moodle": ["Participant 5", "name5", "5"]}
    assert rows[-1][: len(last[form])] == last[form]


def test_carry_forward_gives_the_point(handed_in, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(working, "work", fake)
    run_and_write(Run(handed_in, STEM, tmp_path / "out"), carry=True)
    rows = list(csv.DictReader((tmp_path / "out" / "grades.csv").open(newline="")))
    assert rows[0]["divergences.js_divergence"] == "1" and rows[0]["total"] == "1"


def test_one_student_with_two_files_gets_the_better_one():
    results = [
        {"student": "a", "number": "1", "marks": [{"passed": n > 0, "follows_from": []}] * n}
        for n in (0, 2, 1)
    ]
    assert [len(r["marks"]) for r in tables.best(results, False)] == [2]


def test_no_folder_no_grades(tmp_path, capsys):
    from course_lib.cli import main

    assert main(["grade", str(tmp_path / "none"), "--lesson", STEM, "--out", str(tmp_path)]) == 1
    assert "there is nothing at" in capsys.readouterr().err
    assert main(["grade", str(tmp_path), "--lesson", "99", "--out", str(tmp_path / "o")]) == 1
    assert "there is no lesson '99'" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
