"""The lessons themselves: up to date, runnable as scripts, and whole in a student's hands."""

import ast
import os
import re
import subprocess
import sys

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from course_lib import checks
from course_lib.authoring.build import ROOT, course_hints, load, stale
from course_lib.authoring.notebooks import solution_notebook, student_notebook

STEMS = sorted(path.stem for path in (ROOT / "lessons").glob("*.py"))
SCRIPTS = ("00_start", "05_vae", "09_first_gan")
SECONDS = 300
MOST_PLOT_LINES = 25  # in a cell that is not folded
DRAWN_ON = {"subplots", "subfigures", "twinx", "add_axes"}  # what gives axes


def lesson(stem):
    return load(ROOT, [stem], course_hints())[0]


@pytest.fixture
def smoke(tmp_path):
    """The environment of a run at smoke scale that keeps out of the user's folders."""
    private = {name: str(tmp_path / name) for name in ("COURSE_HOME", "IPYTHONDIR", "MPLCONFIGDIR")}
    return {**os.environ, **private, "COURSE_SCALE": "smoke", "COURSE_STATIC": "1"}


def test_notebooks_and_solutions_are_what_the_lessons_make():
    assert stale() == []


@pytest.mark.parametrize("file", [*(f"lessons/{s}.py" for s in STEMS), "lessons/glossary.toml"])
def test_formulas_use_only_what_github_renders(file):
    """GitHub shows a red line in the place of a formula that defines, loads or links something."""
    refused = (
        r"\\(operatorname|newcommand|renewcommand|def|require|href|class|style|cssId|unicode)\b"
    )
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    prose = lines if file.endswith("toml") else [ln for ln in lines if ln.startswith("#")]
    assert [line for line in prose if re.search(refused, line)] == []


def plot_lines(source: str) -> int:
    """The lines of a cell's statements that use pyplot or what it gave."""
    plotters = {"plt", "axes"}

    def names(nodes, kind=ast.expr_context):
        inside = (name for node in nodes for name in ast.walk(node))
        return {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, kind)}

    def count(statements) -> int:
        lines = 0
        for statement in statements:
            if not names([statement]) & plotters:
                continue
            if isinstance(statement, ast.For) and names([statement.iter]) & plotters:
                plotters.update(names([statement.target]))
            if body := getattr(statement, "body", None):  # not all lines of a loop plot
                lines += body[0].lineno - statement.lineno
                lines += count([*body, *getattr(statement, "orelse", ())])
                continue
            lines += statement.end_lineno - statement.lineno + 1
            got = {n.attr for n in ast.walk(statement) if isinstance(n, ast.Attribute)}
            if isinstance(statement, ast.Assign) and got & DRAWN_ON:
                plotters.update(names(statement.targets, ast.Store))
        return lines

    return count(ast.parse(source).body)


def test_plot_lines_are_told_from_the_others():
    source = """\
def model(x):
    return x + 1

values = [model(k) for k in range(9)]
figure, (left, right) = plt.subplots(1, 2)
for axis, name in zip((left, right), "ab"):
    squares = [v * v for v in values]
    axis.plot(
        squares, label=name
    )
show(figure)
"""
    assert plot_lines(source) == 1 + 1 + 3 + 1


@pytest.mark.parametrize("stem", STEMS)
def test_no_visible_cell_drowns_in_plot_code(stem):
    cells = [c for c in lesson(stem).cells if c.kind == "code" and "folded" not in c.tags]
    assert {c.line: n for c in cells if (n := plot_lines(c.source)) > MOST_PLOT_LINES} == {}
    own_axes = [c for c in cells if "subplots(" in c.source and c.exercise is None]
    lines = {c.line: sum(map(bool, map(str.strip, c.source.split("\n")))) for c in own_axes}
    assert {line: n for line, n in lines.items() if n > MOST_PLOT_LINES} == {}


@pytest.mark.parametrize("stem", STEMS)
def test_a_lesson_opens_with_a_picture_and_a_folded_set_up(stem):
    """Then a reader sees what will be made before the imports; and Chinese at the door."""
    head, setup = lesson(stem).cells[:2]
    assert re.search(r"!\[[^\]]+\]\(\.\./images/[\w.-]+\.png\)", head.source), "no first picture"
    assert "<summary>中文导读</summary>" in head.source
    assert setup.kind == "code" and "folded" in setup.tags


@pytest.mark.parametrize("stem", [s for s in STEMS if s < "14" or s.startswith("17")])
def test_a_lesson_says_of_which_run_its_numbers_are(stem):
    """A reader at another scale is not to think that theirs are wrong. (The clinic measures.)"""
    prose = "\n".join(c.source for c in lesson(stem).cells if c.kind == "markdown")
    if "b_" not in stem[:4]:  # a second sitting may leave it to the first
        assert re.search(r"umbers in the text\b.{0,60}`laptop` scale", prose, re.DOTALL)


@pytest.mark.parametrize("stem", STEMS)
def test_papers_are_links_in_the_notebook(stem):
    """An arXiv number becomes a link; a link or a DOI that an author writes is whole."""
    cells = solution_notebook(lesson(stem)).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert re.findall(r"(?<!\[)\barXiv\s\d{4}\.\d{4,5}", prose) == []
    linked = re.findall(r"\[arXiv\s([\d.]+)\]\(https://arxiv\.org/abs/([\d.]+)\)", prose)
    assert all(shown == number for shown, number in linked)
    assert re.findall(r"(?<!\[)\bdoi\s10\.\d+", prose) == []


def test_the_repository_keeps_within_its_64_megabytes():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert sum(file.stat().st_size for file in files if file.exists()) < 64e6


def test_lessons_have_every_exercise_that_is_declared_in_the_same_order():
    """A lesson in two sittings, `06a_slug.py` and `06b_slug.py`, has them in both together."""
    lessons = load(ROOT, [], course_hints())
    for made in lessons:
        assert any(cell.exercise for cell in made.cells), made.file
    asked = [cell.exercise for made in lessons for cell in made.cells if cell.exercise]
    assert asked == checks.names()


@pytest.mark.parametrize("stem", STEMS)
def test_a_lesson_runs_as_a_script(stem, smoke, tmp_path, seeds):
    """`course validate` runs the same cells, so that three scripts stand for all in CI."""
    if stem not in SCRIPTS and len(seeds) < 20:
        pytest.skip("`make test-all` runs each lesson as a script")
    here = tmp_path / "here"
    here.mkdir()
    ran = subprocess.run(
        [sys.executable, ROOT / "lessons" / f"{stem}.py"],
        **{"cwd": here, "env": {**smoke, "MPLBACKEND": "agg"}, "timeout": SECONDS},
        **{"capture_output": True, "text": True},
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert ran.stdout.strip()
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("stem", STEMS)
def test_run_all_reaches_the_last_cell_of_a_fresh_notebook(stem, smoke, tmp_path):
    """JupyterLab stops Run All at an error unless its cell is tagged; so does nbclient."""
    notebook = student_notebook(lesson(stem), course_hints())
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(
            kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[])
        ),
        timeout=SECONDS,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute(env=smoke, cleanup_kc=True)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    for cell in code:
        errors = [output for output in cell.outputs if output.output_type == "error"]
        failed = [error.ename for error in errors]
        assert all(len(error.traceback) == 1 for error in errors), cell.source  # a calm line
        if "check" in cell.metadata:
            assert failed == ["CheckFailed"], cell.source
        if "raises-exception" not in cell.metadata.get("tags", []):
            assert failed == [], cell.source
