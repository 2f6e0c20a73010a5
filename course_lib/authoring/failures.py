"""What `course validate` says of a solution: each failure in a line, by the lesson's own line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat

from .dependencies import binds_of
from .following import GONE, Code, Doubt, followers, statements
from .lesson import MARK, Cell, Lesson, parse
from .notebooks import cell_ids

DEAD = "Kernel dead on test start"  # nbval's words for each cell behind one that ended the kernel
LINES = 14  # of a traceback: its end


class Solution:
    """An executed notebook beside the lesson that it was made from, if that is there."""

    def __init__(self, path: Path, root: Path):
        self.path = path
        self.cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
        script = root / "lessons" / f"{path.stem}.py"
        self.lesson: Lesson | None = None
        self.authored: dict[str, Cell] = {}
        if script.exists():
            self.lesson = parse(script.read_text(encoding="utf-8"), f"lessons/{script.name}")
            self.authored = dict(zip(cell_ids(self.lesson), self.lesson.cells, strict=True))

    @property
    def name(self) -> str:
        return f"solutions/{self.path.name}"

    def missing(self) -> list[tuple[Cell, str]]:
        """The lesson's exercise and check cells that are not here, or do not check any more."""
        sources = {
            (kind, cell.metadata[kind]): cell.source
            for cell in self.cells
            for kind in ("exercise", "check")
            if kind in cell.metadata
        }
        found = []
        for cell in self.lesson.cells if self.lesson else ():
            for kind, name in (("exercise", cell.exercise), ("check", cell.check)):
                source = sources.get((kind, name), "")
                if name and (not source or (kind == "check" and not checks(source, name))):
                    found.append((cell, kind))
        return found

    def missing_lines(self) -> list[str]:
        return [
            f"{self.lesson.file}:{cell.line}: {self.name} has no {kind} of "
            f"{cell.exercise or cell.check}"
            for cell, kind in self.missing()
        ]

    def missing_names(self) -> set[str]:
        """Names that the missing exercises bind."""
        gone = [cell for cell, kind in self.missing() if kind == "exercise"]
        return {name for cell in gone for name in binds_of(statements(cell.solved))}

    def place(self, at: int, trace: str = "") -> str:
        """`lessons/05_vae.py:214, In [17]`: where the code cell stands, and Jupyter's count."""
        prompt = f"In [{at + 1}]"
        cell = self.authored.get(self.cells[at].get("id", ""))
        if cell is None or self.lesson is None:
            return f"{self.name}, {prompt}"
        # The first frame is the cell's own; nbval runs all cells without a count.
        raised = re.search(r"Cell In\[\d+\], line (\d+)", trace)
        line = line_in(cell, int(raised[1])) if raised else 0
        return f"{self.lesson.file}:{cell.line + line}, {prompt}"

    def answer_of(self, at: int) -> str:
        """Where the answer stands that the cell checks; nothing where it checks none."""
        name = self.cells[at].metadata.get("check")
        found = [n for n, c in enumerate(self.cells) if name and c.metadata.get("exercise") == name]
        return f"its answer: {self.place(found[0])}" if found else ""


def checks(source: str, name: str) -> bool:
    """Whether a cell calls check on an exercise, in a line that is no comment."""
    return re.search(rf"^[^#\n]*\bcheck\(\s*[\"']{re.escape(name)}[\"']", source, re.M) is not None


def line_in(cell: Cell, number: int) -> int:
    """The line of the script's cell that became a line of the notebook's, which has no marks."""
    kept = [n for n, line in enumerate(cell.source.split("\n"), 1) if not MARK.fullmatch(line)]
    return kept[min(number, len(kept)) - 1]


def told(solution: Solution, failed: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines on the failures of one solution, in the notebook's order."""
    dead = [one for one in failed if one["text"] == DEAD]
    ran = sorted((one for one in failed if one not in dead), key=lambda one: one["cell"])
    code = [
        Code(c.source, c.metadata.get("exercise"), c.metadata.get("check")) for c in solution.cells
    ]
    follow = followers(code, {one["cell"] for one in ran}, solution.missing_names())
    lines = solution.missing_lines()
    for one in ran:
        lines += of_one(solution, one, follow.get(one["cell"]))
    if dead:
        lines.append(f"{len(dead)} cells did not run: the kernel had ended before them")
    return lines


def of_one(solution: Solution, one: Mapping[str, Any], doubt: Doubt | None) -> list[str]:
    judged = one["name"] in ("CheckFailed", "")
    said = one["text"] if judged else f"{one['name']}: {one['text']}"
    lines = [f"{solution.place(one['cell'], one['trace'])}: {said.strip()}"]
    if doubt:
        first = "the missing exercise" if doubt.cell == GONE else f"In [{doubt.cell + 1}]"
        return [*lines, f"    follows from {first}: it uses {doubt.name}"]
    if answer := solution.answer_of(one["cell"]):
        lines.append(f"    {answer}")
    if one["name"] != "CheckFailed":
        trace = one["trace"].rstrip().split("\n")[-LINES:]
        lines += [f"    | {line}".rstrip() for line in trace if line.strip()]
    return lines
