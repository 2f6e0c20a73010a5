"""`course collect`: whatever was handed in, as notebooks that nbgrader grades without a mishap.

nbgrader finds cells by their metadata and a notebook by its file name. Copies, deleted checks,
stripped metadata, another file name or encoding each lose points there or stop a batch. Here each
answer is found by its name, and the released check stands behind its last definition.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from course_lib.authoring.build import ROOT, course_hints, load
from course_lib.authoring.notebooks import METADATA, student_notebook

from . import finding
from .layouts import submissions
from .lessons import Graded, graded
from .reading import Notebook, Unreadable, read

NEW = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}
UNFIT = re.compile(r"[^\w.@ -]+")


def collect(place: Path, name: str, assignment: str, course: Path) -> Iterator[str]:
    """Write `submitted/NAME/ASSIGNMENT/LESSON.ipynb` for each submission; say what became of it.

    Where a student has handed in several files, the last one by its name is taken.
    """
    lesson = graded(name)
    released = release(lesson)
    for found in submissions(place):
        student = UNFIT.sub("_", found.student).strip(" .") or "student"
        target = course / "submitted" / student / assignment / f"{lesson.stem}.ipynb"
        try:
            notebook = mended(read(found.content()), lesson, released)
        except Unreadable as error:
            yield f"{found.file}: {error}"
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)
        yield f"{found.file}: {target.relative_to(course)}"


def release(lesson: Graded) -> dict[tuple[str, str], NotebookNode]:
    """The exercise and check cells that students were given, by ("check", full name)."""
    (authored,) = load(ROOT, [lesson.stem], course_hints())
    cells = student_notebook(authored, course_hints()).cells
    return {
        (kind, cell.metadata[kind]): cell
        for cell in cells
        for kind in ("exercise", "check")
        if kind in cell.metadata
    }


def mended(
    notebook: Notebook, lesson: Graded, released: dict[tuple[str, str], NotebookNode]
) -> NotebookNode:
    """The student's cells, each last definition marked as its exercise, the check behind it."""
    script = finding.parse(notebook.cells)
    last = {
        short: [s.cell for s in script.statements if short in s.binds][-1:]
        for short in lesson.short
    }
    cells: list[NotebookNode] = []
    for number, (kind, source) in enumerate(notebook.cells, 1):
        if kind == "code" and is_check(source, lesson.names):
            continue
        cells.append(NEW.get(kind, new_raw_cell)(source, id=f"cell-{number}"))
        here = [name for short, name in lesson.short.items() if last[short] == [number]]
        if here:
            cells[-1].metadata.update(copy.deepcopy(released["exercise", here[0]].metadata))
        cells += [copy.deepcopy(released["check", name]) for name in here]
    missing = [name for short, name in lesson.short.items() if not last[short]]
    cells += [copy.deepcopy(released["check", name]) for name in missing]
    return new_notebook(cells=cells, metadata=METADATA)


def is_check(source: str, names: Sequence[str]) -> bool:
    """Whether a cell does nothing but check an exercise of the lesson."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return len(body) == 1 and any(
        isinstance(node, ast.Call)
        and ast.unparse(node.func) == "check"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value in names
        for node in [getattr(body[0], "value", None)]
    )
