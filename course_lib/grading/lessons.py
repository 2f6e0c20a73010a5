"""What is graded: a lesson's exercises in their order, and the published solution of each."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from course_lib.authoring import lesson as authored
from course_lib.authoring.build import ROOT
from course_lib.authoring.dependencies import IMPORTS

from . import finding

# A submission may import these; to have them ready costs too much, or they show something.
SLOW = ("matplotlib", "course_lib.plotting", "course_lib.widgets", "course_lib.explorers")


class NoLesson(ValueError):
    """There is no lesson of that name."""


@dataclass(frozen=True)
class Graded:
    """One lesson as it is graded; `names` are full names of its exercises."""

    stem: str
    names: tuple[str, ...]
    cells: tuple[tuple[str, str], ...]

    @cached_property
    def short(self) -> dict[str, str]:
        """Full names by the names that functions and classes have."""
        return {name.partition(".")[2]: name for name in self.names}

    @cached_property
    def script(self) -> finding.Script:
        return finding.parse(self.cells)

    def solution(self, short: str) -> str:
        """The published solution with all that it needs, as one script."""
        return "\n".join(ast.unparse(s.node) for s in self.script.slice(short))

    def digest(self, short: str) -> str:
        return finding.found(self.script, short, self.short)["digest"]

    def imports(self) -> list[str]:
        """Modules that the lesson imports, for answers to find them ready."""
        modules: list[str] = []
        for statement in self.script.statements:
            if isinstance(statement.node, IMPORTS):
                own = getattr(statement.node, "module", None)
                modules += [own] if own else [alias.name for alias in statement.node.names]
        wanted = [m for m in modules if not m.startswith((*SLOW, "course_lib.checks"))]
        return sorted(set(wanted))


def graded(name: str, root: Path = ROOT) -> Graded:
    """The lesson `05_vae`, also by `vae` or a path; NoLesson names the lessons that there are."""
    paths = {path.stem: path for path in sorted((root / "lessons").glob("[0-9]*.py"))}
    wanted = Path(name).stem
    found = [stem for stem in paths if wanted in (stem, stem.partition("_")[2])]
    if len(found) != 1:
        said = "there is no lesson" if not found else "there are several lessons"
        raise NoLesson(f"{said} {name!r}; choose one of {', '.join(found or paths)}")
    path = paths[found[0]]
    lesson = authored.parse(path.read_text(encoding="utf-8"), f"lessons/{path.name}")
    names = tuple(cell.exercise for cell in lesson.cells if cell.exercise)
    cells = tuple((cell.kind, cell.solved) for cell in lesson.cells if cell.for_students)
    return Graded(lesson.stem, names, cells)
