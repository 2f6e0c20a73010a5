"""An exercise's code in a notebook's syntax tree, wherever it stands, with all that it needs.

Nothing is run here. What an answer needs is every statement at the notebook's own level that binds
or changes a name which the answer, or something that it needs, reads. In their order the last
definition wins, as in the notebook.
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from course_lib.authoring.dependencies import FUNCTIONS, IMPORTS, binds, changes, reads, root

MAGIC = re.compile(r"(\s*)(?:[%!?]|[\w.]+(?:\[.*\])?\s*=\s*[%!](?!=)).*|(\s*)[\w.]+\?{1,2}\s*")
PYTHON_MAGIC = re.compile(r"\s*%%(time|timeit|capture|prun|python3?)\b")
DEFINITIONS = (ast.ClassDef, *FUNCTIONS)
ALWAYS = {"*", "annotations"}  # an import that any statement may depend on
# Calls that show or check something change nothing that they are given.
HARMLESS = {"check", "hint", "progress", "print", "show", "display"}


@dataclass(frozen=True)
class Statement:
    """One statement of a cell, cells counted from 1; lines are those of the cell."""

    cell: int
    node: ast.stmt
    binds: frozenset[str]
    reads: frozenset[str]
    changes: frozenset[str]
    source: str

    @cached_property
    def patches(self) -> set[str | None]:
        """Names of which an attribute or item is assigned: `Encoder.forward = better`."""
        nodes = (n for n in ast.walk(self.node) if isinstance(n, ast.Attribute | ast.Subscript))
        return {root(n) for n in nodes if not isinstance(n.ctx, ast.Load)}


@dataclass
class Script:
    """A notebook's statements in order, and which cells are no Python."""

    statements: list[Statement] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)
    sources: dict[int, str] = field(default_factory=dict)
    elsewhere: list[tuple[int, str, str]] = field(default_factory=list)

    def slice(self, name: str, given: Iterable[str] = ()) -> list[Statement]:
        """The statements that the answer `name` needs; those that bind a name of `given` not."""
        given = set(given)
        usable = [s for s in self.statements if not s.binds & given]
        imported = {n for s in usable if isinstance(s.node, IMPORTS) for n in s.binds}
        defined = {n for s in usable if isinstance(s.node, DEFINITIONS) for n in s.binds}
        taken: set[int] = set()
        needed, before = {name}, -1
        while len(taken) != before:
            before = len(taken)
            for number, statement in enumerate(usable):
                bound = statement.binds & needed or statement.binds & ALWAYS
                changed = statement.changes & needed - imported
                changed = changed - defined or changed & statement.patches
                if number not in taken and (bound or changed):
                    taken.add(number)
                    needed |= statement.reads
        return [usable[number] for number in sorted(taken)]


def parse(cells: Sequence[Sequence[str]]) -> Script:
    """The script that (kind, source) pairs of cells make."""
    script = Script()
    for number, (kind, source) in enumerate(cells, 1):
        if kind != "code":
            script.elsewhere.append((number, kind, source))
            continue
        source = without_magics(source)
        script.sources[number] = source
        try:
            body = parsed(source).body
        except SyntaxError as error:
            at = f", line {error.lineno}" if error.lineno else ""
            script.broken[number] = f"cell {number} is not valid Python{at}: {error.msg}"
        except (ValueError, RecursionError, MemoryError) as error:
            script.broken[number] = f"cell {number} cannot be read: {type(error).__name__}"
        else:
            script.statements += statements(number, source, body)
    return script


def parsed(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def statements(cell: int, source: str, body: Iterable[ast.stmt]) -> list[Statement]:
    lines = source.split("\n")
    found = []
    for node in body:
        for part in apart(node):
            first = min([part.lineno, *(d.lineno for d in getattr(part, "decorator_list", ()))])
            text = "\n".join(lines[first - 1 : part.end_lineno])
            try:
                touched = binds(part), reads(part), changed_by(part)
            except RecursionError:
                continue
            found.append(Statement(cell, part, *map(frozenset, touched), text))
    return found


def apart(node: ast.stmt) -> list[ast.stmt]:
    """An import of several things as one each: one that is missing does not cost the others."""
    if not isinstance(node, IMPORTS) or len(node.names) == 1:
        return [node]
    fields = {"module": node.module, "level": node.level} if hasattr(node, "module") else {}
    parts = [type(node)(names=[alias], **fields) for alias in node.names]
    return [ast.copy_location(part, node) for part in parts]


def changed_by(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        function = node.value.func
        if isinstance(function, ast.Name) and function.id in HARMLESS:
            return set()
    return changes(node)


def without_magics(source: str) -> str:
    """The cell with its magics and shell lines taken out; each line keeps its number."""
    if source.lstrip().startswith("%%"):
        head, _, rest = source.lstrip().partition("\n")
        lost = source[: len(source) - len(source.lstrip())].count("\n")
        source = "\n" * lost + (f"\n{rest}" if PYTHON_MAGIC.match(head) else "")
    try:  # a line that starts with % may stand inside a string
        parsed(source)
        return source
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        lines = source.split("\n")
        matches = map(MAGIC.fullmatch, lines)
        pairs = zip(lines, matches, strict=True)
        return "\n".join(f"{m[1] or m[2] or ''}pass" if m else line for line, m in pairs)


def found(script: Script, name: str, names: Iterable[str]) -> dict:
    """What a report says of an answer: its cell, code, and which other answers it uses.

    `said` is a sentence where something about it is odd.
    """
    own = [s for s in script.statements if name in s.binds and not isinstance(s.node, ast.Delete)]
    if not own:
        return {"cell": None, "source": "", "uses": [], "said": not_there(script, name)}
    whole = script.slice(name)
    code = "\n\n".join(s.source for s in whole if not isinstance(s.node, IMPORTS))
    said = f"defined {len(own)} times; the last one, in cell {own[-1].cell}, counts"
    reached = {n for s in whole for n in s.reads}
    return {
        "cell": own[-1].cell,
        "source": code[:20_000],
        "uses": sorted((set(names) - {name}) & reached),
        "said": said if len(own) > 1 else "",
        "digest": digest(own[-1].node),
        "size": sum(1 for _ in ast.walk(own[-1].node)),
    }


def not_there(script: Script, name: str) -> str:
    """Where the definition may have gone."""
    begins = re.compile(rf"^\s*(def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*=", re.M)
    for number, said in script.broken.items():
        if begins.search(script.sources[number]):
            return said
    for number, kind, source in script.elsewhere:
        if begins.search(source):
            return f"no code cell defines {name}; cell {number}, a {kind} cell, holds its text"
    return f"no cell defines {name}"


class Renamed(ast.NodeTransformer):
    """Names by the order of their first use, and no docstrings."""

    def __init__(self) -> None:
        self.numbers: dict[str, str] = {}

    def numbered(self, name: str | None) -> str | None:
        return name and self.numbers.setdefault(name, f"n{len(self.numbers)}")

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, (ast.ClassDef, *FUNCTIONS)):
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
        if isinstance(node, ast.AnnAssign | ast.arg):
            node.annotation = ast.Constant(None)
        for attribute in ("id", "arg", "name"):
            named = isinstance(getattr(node, attribute, None), str)
            if named and not isinstance(node, ast.alias | ast.keyword):
                setattr(node, attribute, self.numbered(getattr(node, attribute)))
        return super().generic_visit(node)


def digest(node: ast.AST) -> str:
    """The same for two functions that differ in names, comments, docstrings and layout alone.

    >>> one, other = (ast.parse(f"def f({x}):\\n    return {x} + 1").body[0] for x in "ab")
    >>> digest(one) == digest(other)
    True
    """
    copy = parsed(ast.unparse(node)).body[0]
    try:
        return hashlib.sha256(ast.dump(Renamed().visit(copy)).encode()).hexdigest()[:16]
    except RecursionError:
        return ""
