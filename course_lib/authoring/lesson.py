"""A lesson's script: cells, exercises and checks, with every mistake named by file and line."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jupytext
from nbformat import NotebookNode

CELL = re.compile(r"# %%( |$)")
MARK = re.compile(r"(\s*)# (BEGIN|END) SOLUTION\s*")
ALMOST_MARK = re.compile(r"\s*#+\s*(BEGIN|END)[\s_-]*SOLUTIONS?\b", re.IGNORECASE)
MAGIC = re.compile(r"\s*(%{1,2}[a-z]|!\w)|\s*[^#\s].*\w\?{1,2}\s*$")
# Jupytext's own way to write one: Jupyter would run it, `python lesson.py` would not.
COMMENTED_MAGIC = re.compile(r"# ?%{1,2}[a-z]")
STEM = re.compile(r"\d\d[a-z]?_([a-z0-9_]+)")  # 06a_, 06b_: two sittings of one lesson
KEYS = {"exercise", "check", "tags"}
TAGS = {"solution", "nbval-check-output", "folded"}
# Jupytext notes the blank lines around a cell there: layout of the script, not of the lesson.
LAYOUT = {"lines_to_next_cell", "lines_to_end_of_cell_marker"}


@dataclass(frozen=True)
class Problem:
    """What is wrong at a line of a lesson."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class LessonError(ValueError):
    """Lessons that cannot be built: every problem of every lesson, one a line."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True)
class Cell:
    """One cell as it stands in the script; `line` is that of its `# %%`, counted from 1."""

    kind: str
    source: str
    line: int
    exercise: str | None = None
    check: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def for_students(self) -> bool:
        return "solution" not in self.tags

    @property
    def solved(self) -> str:
        """The source without the marks around the solution."""
        return "\n".join(line for line in self.source.split("\n") if not MARK.fullmatch(line))

    @property
    def stubbed(self) -> str:
        """The source with one line that raises in the place of each solution.

        >>> marked = "def one():\\n    # BEGIN SOLUTION\\n    return 1\\n    # END SOLUTION"
        >>> print(Cell("code", marked, 1, exercise="start.one").stubbed)
        def one():
            raise NotImplementedError("start.one")  # your code here
        """
        lines, inside = [], False
        for line in self.source.split("\n"):
            mark = MARK.fullmatch(line)
            if mark:
                inside = mark[2] == "BEGIN"
                if inside:
                    stub = f'raise NotImplementedError("{self.exercise}")  # your code here'
                    lines.append(mark[1] + stub)
            elif not inside:
                lines.append(line)
        return "\n".join(lines)


@dataclass(frozen=True)
class Lesson:
    """A parsed lesson: `stem` is `05_vae`, `slug` is `vae`, `file` is `lessons/05_vae.py`."""

    stem: str
    slug: str
    file: str
    cells: tuple[Cell, ...]


def read_lessons(paths: Iterable[Path], names: Collection[str]) -> list[Lesson]:
    """Parse lessons; `names` are the exercises that `course_lib.checks` knows.

    Raises LessonError with all problems of all lessons.
    """
    lessons, problems = [], []
    for path in paths:
        file = f"{path.parent.name}/{path.name}"
        try:
            lesson = parse(path.read_text(encoding="utf-8"), file)
        except LessonError as error:
            problems += error.problems
            continue
        lessons.append(lesson)
        problems += [Problem(file, line, said) for line, said in mistakes(lesson, names)]
    if problems:
        raise LessonError(sorted(problems, key=lambda problem: (problem.file, problem.line)))
    return lessons


def parse(text: str, file: str) -> Lesson:
    """Split a script into cells; LessonError if it is no percent script."""
    stem = Path(file).stem
    name = STEM.fullmatch(stem)
    if name is None:
        raise LessonError([Problem(file, 1, f"name the file like 05_vae.py; got {stem}.py")])
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines, 1) if CELL.match(line)]
    if not starts or starts[0] != 1:
        raise LessonError([Problem(file, 1, "the first line must open a cell with '# %%'")])
    # comment_magics off: a commented magic stays a comment, which `mistakes` then refuses.
    fmt = {"extension": ".py", "format_name": "percent", "comment_magics": False}
    parsed = jupytext.reads(text, fmt, as_version=4).cells
    if len(parsed) != len(starts):
        said = f"jupytext sees {len(parsed)} cells where {len(starts)} lines start with '# %%'"
        raise LessonError([Problem(file, 1, f"{said}: is one inside a string or a fenced block?")])
    unfit = [
        Problem(file, line, said)
        for cell, line in zip(parsed, starts, strict=True)
        if (said := wrong_metadata(cell))
    ]
    if unfit:
        raise LessonError(unfit)
    cells = (make_cell(cell, line) for cell, line in zip(parsed, starts, strict=True))
    return Lesson(stem, name[1], file, tuple(cells))


def wrong_metadata(cell: NotebookNode) -> str | None:
    wrong = [f"{key}={value!r}" for key, value in metadata(cell).items() if not fits(key, value)]
    if cell.cell_type == "raw":
        wrong = ["a raw cell"]
    if not wrong:
        return None
    tags = " or ".join(f'tags=["{tag}"]' for tag in sorted(TAGS))
    allowed = f'exercise="slug.name", check="slug.name", {tags}'
    return f"behind '# %%' may stand [markdown], {allowed}; got {', '.join(wrong)}"


def metadata(cell: NotebookNode) -> dict:
    return {key: value for key, value in cell.metadata.items() if key not in LAYOUT}


def fits(key: str, value: object) -> bool:
    if key == "tags":
        return isinstance(value, list) and set(value) <= TAGS
    return key in KEYS and isinstance(value, str)


def make_cell(cell: NotebookNode, line: int) -> Cell:
    carried = metadata(cell)
    tags = tuple(carried.pop("tags", ()))
    return Cell(cell.cell_type, cell.source, line, tags=tags, **carried)


def mistakes(lesson: Lesson, names: Collection[str]) -> Iterator[tuple[int, str]]:
    """Every (line, message) of what is wrong with a parsed lesson."""
    for cell in lesson.cells:
        if not cell.source.strip():
            yield cell.line, "an empty cell"
        yield from wrong_marks(cell)
        yield from wrong_code(cell)
        for name in filter(None, (cell.exercise, cell.check)):
            yield from wrong_name(cell, name, lesson.slug, names)
    yield from wrong_pairs(lesson)


def wrong_marks(cell: Cell) -> Iterator[tuple[int, str]]:
    """Marks that are unclosed, nested, misspelt, or outside an exercise cell."""
    opened, found = None, False
    for line, text in code_lines(cell):
        mark = MARK.fullmatch(text)
        if not mark:
            if ALMOST_MARK.match(text):
                yield line, f"write the mark as '# BEGIN SOLUTION' or '# END SOLUTION': {text}"
            continue
        found = True
        if cell.exercise is None:
            yield line, f"# {mark[2]} SOLUTION outside an exercise cell"
        elif mark[2] == "END" and opened is None:
            yield line, "# END SOLUTION without # BEGIN SOLUTION"
        elif mark[2] == "BEGIN" and opened is not None:
            yield line, f"# BEGIN SOLUTION inside the one of line {opened}"
        opened = (opened or line) if mark[2] == "BEGIN" else None
    if opened is not None and cell.exercise is not None:
        yield opened, "# BEGIN SOLUTION is never closed by # END SOLUTION in its cell"
    if cell.exercise is not None and not found:
        yield cell.line, f"the exercise cell {cell.exercise} has no # BEGIN SOLUTION"


def code_lines(cell: Cell) -> list[tuple[int, str]]:
    """The numbered lines of a code cell; none of a markdown cell."""
    return list(enumerate(cell.source.split("\n"), cell.line + 1)) if cell.kind == "code" else []


def wrong_code(cell: Cell) -> Iterator[tuple[int, str]]:
    """Magics, and cells that are no Python as they stand or once stubbed."""
    if cell.kind != "code":
        return
    error = syntax_error(cell.solved, cell.source)
    # "%d" at the start of a line may lie inside a string: a magic is one that does not parse.
    patterns = (COMMENTED_MAGIC, MAGIC) if error else (COMMENTED_MAGIC,)
    magics = [
        (line, text) for line, text in code_lines(cell) if any(p.match(text) for p in patterns)
    ]
    for line, text in magics:
        yield line, f"a magic, but a lesson also runs as a plain script: {text.strip()}"
    if error and not magics:
        yield cell.line + error[0], f"not valid Python: {error[1]}"
    if not error and cell.exercise and syntax_error(cell.stubbed, cell.stubbed):
        yield cell.line, "not valid Python once the solution is a stub: look at the indentation"


def syntax_error(code: str, source: str) -> tuple[int, str] | None:
    """(line within `source`, message), where `code` is `source` with or without its marks."""
    try:
        ast.parse(code)
    except SyntaxError as error:
        kept = [n for n, line in enumerate(source.split("\n"), 1) if not MARK.fullmatch(line)]
        return kept[min(error.lineno or 1, len(kept)) - 1], error.msg
    return None


def wrong_name(
    cell: Cell, name: str, slug: str, names: Collection[str]
) -> Iterator[tuple[int, str]]:
    if cell.kind != "code" or not cell.for_students or (cell.exercise and cell.check):
        yield cell.line, f"{name} must stand in a code cell of its own, without the tag solution"
    if name.partition(".")[0] != slug:
        yield cell.line, f"{name} does not belong to this lesson: its names start with {slug}."
    elif name not in names:
        yield cell.line, f"course_lib.checks knows no exercise {name}"
    if cell.check and not calls_check(cell):
        yield cell.line, f'the check cell of {name} must call check("{name}", ...)'


def calls_check(cell: Cell) -> bool:
    called = rf"\bcheck\(\s*[\"']{re.escape(cell.check or '')}[\"']"
    return re.search(called, cell.source) is not None


def wrong_pairs(lesson: Lesson) -> Iterator[tuple[int, str]]:
    """Exercises without checks, checks without exercises, and names that come twice."""
    exercises: dict[str, int] = {}
    checks: dict[str, int] = {}
    before: Cell | None = None
    for cell in lesson.cells:
        for name, seen in ((cell.exercise, exercises), (cell.check, checks)):
            if name in seen:
                yield cell.line, f"{name} a second time; the first is at line {seen[name]}"
            elif name:
                seen[name] = cell.line
        if cell.check and cell.check not in exercises:
            yield cell.line, f"the check {cell.check} has no exercise before it"
        if cell.exercise and not (before and before.kind == "markdown" and before.for_students):
            yield cell.line, f"put a markdown cell directly before the exercise {cell.exercise}"
        before = cell
    for name, line in exercises.items():
        if name not in checks:
            yield line, f"the exercise {name} has no check cell"
