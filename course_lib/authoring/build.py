"""`course build`: write notebooks/ and solutions/ from lessons/, or tell what is stale."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from nbformat import NotebookNode

from .execute import ExecutionError, execute, faults, place
from .glossary import FILE, PAGE, read_chinese, read_glossary, wrong_links
from .lesson import Lesson, LessonError, read_lessons
from .notebooks import (
    Hints,
    glossary_notebook,
    read_notebook,
    solution_notebook,
    student_notebook,
    text_of,
    with_pictures,
)

ROOT = Path(__file__).resolve().parents[2]


class BuildError(RuntimeError):
    """What could not be built, one reason a line."""


def course_hints() -> Hints:
    """Each exercise that `course_lib.checks` knows, with its hints: all the builder needs of it."""
    from course_lib import checks

    return {name: checks.exercise(name).hints for name in checks.names()}


def load(root: Path, only: Sequence[str], hints: Hints) -> list[Lesson]:
    """The lessons of `root`, or those named (`05_vae`, `lessons/05_vae.py`), with sound links."""
    paths = {path.stem: path for path in sorted((root / "lessons").glob("*.py"))}
    wanted = [Path(name).stem for name in only] or list(paths)
    unknown = [name for name in wanted if name not in paths]
    if unknown:
        raise BuildError(f"no lesson {', '.join(unknown)}; there are {', '.join(paths) or 'none'}")
    lessons, terms = read_lessons([paths[name] for name in wanted], hints), read_glossary(root)
    if broken := [said for lesson in lessons for said in wrong_links(lesson, terms)]:
        raise LessonError(broken)
    return lessons


def build(
    root: Path = ROOT,
    only: Sequence[str] = (),
    *,
    execute_code: bool | None = None,
    scale: str = "laptop",
    hints: Hints | None = None,
) -> list[str]:
    """Write the notebooks; return a line for each file that was written or is left stale.

    execute_code: None runs a solution whose code has changed since it ran, True runs all,
    False none: outputs are kept only where the code is still what made them.

    Raises LessonError for lessons, BuildError for lessons that do not run or whose outputs must
    not be published; what could be built is written before.
    """
    hints = course_hints() if hints is None else hints
    lessons = load(root, only, hints)
    failed: list[str] = []
    said = [
        line for path, page in glossary_pages(root).items() for line in write(path, text_of(page))
    ]
    for lesson in lessons:
        try:
            said += build_student(lesson, root, hints)
            said += build_solution(lesson, root, execute_code, scale)
        except (BuildError, ExecutionError) as error:
            failed.append(str(error))
    if failed:
        raise BuildError("\n".join([*said, *failed]))
    return said


def build_student(lesson: Lesson, root: Path, hints: Hints) -> list[str]:
    path = root / "notebooks" / f"{lesson.stem}.ipynb"
    stored = read_notebook(path)
    if stored and any(cell.get("outputs") or cell.get("execution_count") for cell in stored.cells):
        said = "has been run: it may hold somebody's answers. Move it away, then build again"
        raise BuildError(f"notebooks/{path.name} {said}")
    return write(path, text_of(with_pictures(student_notebook(lesson, hints), root)))


def build_solution(lesson: Lesson, root: Path, execute_code: bool | None, scale: str) -> list[str]:
    path = root / "solutions" / f"{lesson.stem}.ipynb"
    notebook = solution_notebook(lesson)  # its pictures are links: it is read beside images/
    reason = "asked for" if execute_code else keep_outputs(lesson, notebook, read_notebook(path))
    if reason and execute_code is False:
        return [f"solutions/{path.name} is stale, and was left as it is: {reason}"]
    said = []
    if reason:
        begin = time.monotonic()
        path.parent.mkdir(parents=True, exist_ok=True)
        execute(lesson, notebook, path.parent, scale)
        said = [f"solutions/{path.name} executed in {time.monotonic() - begin:.0f} s ({reason})"]
    if wrong := faults(lesson, notebook, root):
        if reason:  # minutes of execution are not thrown away: its pictures tell what to change
            refused = Path("build") / "refused" / path.name
            write(root / refused, text_of(notebook))
            wrong.append(f"{lesson.stem}: the executed notebook is kept in {refused.as_posix()}")
        raise BuildError("\n".join(wrong))
    return said + write(path, text_of(notebook))


def glossary_pages(root: Path) -> dict[Path, NotebookNode]:
    """The glossary by its path: the same in both folders, so that every lesson's links reach it."""
    if not (terms := read_glossary(root)):
        return {}
    page = glossary_notebook(terms, read_chinese(root, terms))
    return {root / folder / PAGE: page for folder in ("notebooks", "solutions")}


def keep_outputs(lesson: Lesson, fresh: NotebookNode, stored: NotebookNode | None) -> str | None:
    """Give `fresh` the stored outputs; where the code no longer is theirs, say why instead."""
    if stored is None:
        return "there is none"
    code = [(at, cell) for at, cell in enumerate(fresh.cells) if cell.cell_type == "code"]
    ran = [cell for cell in stored.cells if cell.cell_type == "code"]
    for (at, cell), old in zip(code, ran, strict=False):
        if cell.source != old.source:
            return f"the code of {place(lesson, at)} has changed"
        if old.execution_count is None:
            return f"{place(lesson, at)} was never executed"
    if len(code) != len(ran):
        return f"there are {len(code)} code cells, {len(ran)} when it was executed"
    for (_, cell), old in zip(code, ran, strict=True):
        cell.outputs, cell.execution_count = old.outputs, old.execution_count
    return None


def stale(root: Path = ROOT, only: Sequence[str] = (), *, hints: Hints | None = None) -> list[str]:
    """What `build` would change, a line for each file, and files that no lesson makes."""
    hints = course_hints() if hints is None else hints
    lessons = load(root, only, hints)
    said = []
    for lesson in lessons:
        name = f"{lesson.stem}.ipynb"
        said += differs(
            root / "notebooks" / name, with_pictures(student_notebook(lesson, hints), root)
        )
        solution = solution_notebook(lesson)
        reason = keep_outputs(lesson, solution, read_notebook(root / "solutions" / name))
        if reason:
            said.append(f"solutions/{name}: {reason}")
            continue
        said += differs(root / "solutions" / name, solution)
        said += [f"solutions/{name}: {fault}" for fault in faults(lesson, solution, root)]
    pages = glossary_pages(root)
    for path, page in pages.items():
        said += differs(path, page, FILE)
    made = {*(f"{lesson.stem}.ipynb" for lesson in lessons), *(path.name for path in pages)}
    return said if only else said + strangers(root, made)


def differs(path: Path, wanted: NotebookNode, maker: str = "the lesson") -> list[str]:
    """Why the file is not what its maker makes; nothing where it is."""
    name = f"{path.parent.name}/{path.name}"
    if not path.exists():
        return [f"{name}: there is none"]
    if path.read_text(encoding="utf-8") == text_of(wanted):
        return []
    stored = read_notebook(path)
    if stored is None:
        return [f"{name}: it is no notebook"]
    pairs = zip(wanted.cells, stored.cells, strict=False)
    first = next((at for at, (new, old) in enumerate(pairs, 1) if new != old), None)
    where = f"cell {first}" if first else "the number of cells or the notebook's metadata"
    return [f"{name}: {where} is not what {maker} makes"]


def strangers(root: Path, made: set[str]) -> list[str]:
    folders = (root / "notebooks", root / "solutions")
    files = (path for folder in folders if folder.exists() for path in sorted(folder.iterdir()))
    return [
        f"{path.parent.name}/{path.name}: no lesson makes it"
        for path in files
        if path.name not in made and not path.name.startswith(".")
    ]


def write(path: Path, text: str) -> list[str]:
    """Write the file whole or not at all; a file that is already right is not touched."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        file.write(text)
    # A temporary file is its owner's alone; a notebook is everybody's to read.
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
    return [f"{path.parent.name}/{path.name} written"]
