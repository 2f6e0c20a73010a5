"""Which cells of a student's fresh notebook may fail, since an exercise is not written yet.

Names bound in an exercise cell are open. A cell that reads an open name may stop at that
statement, so what it binds or changes from there on is open too. Where in doubt a name is
open: a tag too many changes nothing that a student sees, a tag too few stops Run All.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a grader reads syntax trees without all that reads lessons
    from .lesson import Cell

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
IMPORTS = (ast.Import, ast.ImportFrom)
# After these a name surely holds what they gave it; after a loop or an `if` it may not.
CERTAIN = (ast.Assign, ast.AnnAssign, ast.ClassDef, *FUNCTIONS, *IMPORTS)


def open_cells(cells: Sequence[Cell]) -> set[int]:
    """Positions of the code cells that may raise while no exercise is written."""
    notebook = Notebook()
    return {at for at, cell in enumerate(cells) if cell.kind == "code" and notebook.meets(cell)}


class Notebook:
    """The names of a notebook's scope, cell after cell, as a fresh Run All would leave them."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.imported: set[str] = set()
        self.needs: dict[str, set[str]] = {}

    def meets(self, cell: Cell) -> bool:
        """Take the cell in; True if it may raise."""
        if cell.exercise:
            self.run(ast.parse(cell.stubbed).body)
            self.open |= binds(ast.parse(cell.solved)) - self.imported
            return True
        return self.run(ast.parse(cell.source).body)

    def run(self, statements: Iterable[ast.stmt]) -> bool:
        stopped = False
        for statement in statements:
            stub = isinstance(statement, ast.Raise)
            stopped = stopped or stub or any(map(self.is_open, reads(statement)))
            if stopped:
                self.open |= binds(statement) | (changes(statement) - self.imported)
            else:
                self.settle(statement)
        return stopped

    def settle(self, statement: ast.stmt) -> None:
        """Note what a statement that runs binds, and which names that needs when it is used."""
        bound, read = binds(statement), reads(statement)
        if isinstance(statement, CERTAIN):
            self.open -= bound
        if isinstance(statement, IMPORTS):
            self.imported |= bound
        for name in bound:
            # A function may be defined long before what it calls is.
            self.needs[name] = read | (self.needs.get(name, set()) if name in read else set())

    def is_open(self, name: str) -> bool:
        """Is the name, or anything that its value was made with, open?"""
        seen, waiting = set(), {name}
        while waiting:
            seen |= waiting
            if waiting & self.open:
                return True
            waiting = set().union(*(self.needs.get(name, set()) for name in waiting)) - seen
        return False


def reads(node: ast.AST) -> set[str]:
    """Names of the notebook's scope that a node reads, now or when it is called."""
    if isinstance(node, ast.Name):
        return set() if isinstance(node.ctx, ast.Store) else {node.id}
    if isinstance(node, (*FUNCTIONS, ast.Lambda)):
        local = parameters(node.args) | binds_of(body(node)) - declared_global(node)
        outside = [child for child in ast.iter_child_nodes(node) if child not in body(node)]
        return reads_of(outside) | (reads_of(body(node)) - local)
    if isinstance(node, COMPREHENSIONS):
        local = binds_of(loop.target for loop in node.generators)
        return reads(node.generators[0].iter) | (reads_of(ast.iter_child_nodes(node)) - local)
    if isinstance(node, ast.For | ast.AsyncFor):
        return reads(node.iter) | (block_reads(node.body + node.orelse) - binds(node.target))
    if isinstance(node, ast.With | ast.AsyncWith):
        return reads_of(node.items) | (block_reads(node.body) - binds_of(node.items))
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return reads(node.value) | {node.target.id}
    return reads_of(ast.iter_child_nodes(node))


def reads_of(nodes: Iterable[ast.AST]) -> set[str]:
    return set().union(*map(reads, nodes))


def block_reads(statements: Iterable[ast.stmt]) -> set[str]:
    """What a block reads from outside: not the names that it has surely bound before."""
    found, bound = set(), set()
    for statement in statements:
        found |= reads(statement) - bound
        if isinstance(statement, CERTAIN):
            bound |= binds(statement)
    return found


def binds(node: ast.AST) -> set[str]:
    """Names that a node binds in the scope where it stands."""
    if isinstance(node, ast.Name):
        return set() if isinstance(node.ctx, ast.Load) else {node.id}
    if isinstance(node, (ast.ClassDef, *FUNCTIONS)):
        return {node.name} | declared_global(node)
    if isinstance(node, IMPORTS):
        return {alias.asname or alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, (ast.Lambda, *COMPREHENSIONS)):
        walrus = (inner for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr))
        return binds_of(inner.target for inner in walrus)
    own = {name for field in ("name", "rest") if isinstance(name := getattr(node, field, 0), str)}
    return own | binds_of(ast.iter_child_nodes(node))


def binds_of(nodes: Iterable[ast.AST]) -> set[str]:
    return set().union(*map(binds, nodes))


def changes(statement: ast.stmt) -> set[str]:
    """Names whose objects a statement may change: by a method, an item, an attribute, a call."""
    targets = [
        node.func.value if isinstance(node, ast.Call) else node
        for node in ast.walk(statement)
        if (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))
        or (isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load))
    ]
    for node in ast.walk(statement):
        # `train(encoder, curve)` stands alone: it is called for what it does to its arguments.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            if not (isinstance(call.func, ast.Name) and hasattr(builtins, call.func.id)):
                targets += [*call.args, *(keyword.value for keyword in call.keywords)]
    return {name for target in targets if (name := root(target))}


def root(node: ast.AST) -> str | None:
    """The name at the left of `name.attribute[item]`."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def parameters(arguments: ast.arguments) -> set[str]:
    return {node.arg for node in ast.walk(arguments) if isinstance(node, ast.arg)}


def declared_global(function: ast.AST) -> set[str]:
    found = (node.names for node in ast.walk(function) if isinstance(node, ast.Global))
    return {name for names in found for name in names}


def body(function: ast.AST) -> list[ast.AST]:
    return function.body if isinstance(function.body, list) else [function.body]
