"""Of the cells that fail: which are the first, and which use what an earlier one was to make.

The names that a failing cell binds or changes are in doubt from there on, as are those of an
exercise whose check fails, and whatever is made with one of them. A failing cell that reads a name
in doubt follows from the cell that brought the doubt; a name that is bound anew is sound again.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from .dependencies import CERTAIN, IMPORTS, binds, binds_of, block_reads, changes, reads

GONE = -1  # the position of a cell that is missing


class Code(NamedTuple):
    """A code cell: its source, and the exercise that it answers or checks."""

    source: str
    exercise: str | None = None
    check: str | None = None


class Doubt(NamedTuple):
    """Why a name is not to be relied on: the position of the cell that fails, and its name."""

    cell: int
    name: str


def followers(
    cells: Sequence[Code], failing: Collection[int], missing: Iterable[str] = ()
) -> dict[int, Doubt]:
    """The failing cells that follow from another failure, each with the first such one.

    missing: names that an exercise binds whose cell is not there.

    >>> cells = [Code("x = 1 / 0"), Code("y = x + 1"), Code("print(y)"), Code("1 / 0")]
    >>> followers(cells, {0, 1, 2, 3})
    {1: Doubt(cell=0, name='x'), 2: Doubt(cell=0, name='x')}
    """
    names, found = Names(missing), {}
    # A check fails, but it is the answer above it that is in doubt.
    failed = {cells[at].check: at for at in failing}
    for at, cell in enumerate(cells):
        body = statements(cell.source)
        doubt = names.doubt(block_reads(body))
        if at in failing and doubt and doubt.cell != at:
            found[at] = doubt
        answers = cell.exercise in failed if cell.exercise else False
        if at in failing or answers:
            names.put_in_doubt(body, doubt, failed[cell.exercise] if answers else at)
        else:
            names.settle(body)
    return found


def statements(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:
        return []


class Names:
    """The names of a notebook's scope: what each was made with, and which are in doubt."""

    def __init__(self, missing: Iterable[str]) -> None:
        self.doubts = {name: Doubt(GONE, name) for name in missing}
        self.needs: dict[str, set[str]] = {}
        self.imported: set[str] = set()

    def doubt(self, names: Iterable[str]) -> Doubt | None:
        """The earliest doubt about one of the names, or about anything that it was made with."""
        seen: set[str] = set()
        waiting = set(names)
        while waiting:
            seen |= waiting
            waiting = set().union(*(self.needs.get(name, set()) for name in waiting)) - seen
        return min((self.doubts[name] for name in seen & self.doubts.keys()), default=None)

    def put_in_doubt(self, body: Sequence[ast.stmt], earlier: Doubt | None, at: int) -> None:
        """What a cell makes that fails at position `at`, or that follows from an `earlier` one."""
        touched = binds_of(body) | (set().union(*map(changes, body)) - self.imported)
        self.doubts |= {name: earlier or Doubt(at, name) for name in touched}

    def settle(self, body: Iterable[ast.stmt]) -> None:
        """Take in statements that have run."""
        for statement in body:
            read, bound = reads(statement), binds(statement)
            doubt = self.doubt(read)
            touched = changes(statement) - self.imported - bound
            if isinstance(statement, IMPORTS):
                self.imported |= bound
            for name in bound:
                if isinstance(statement, CERTAIN):
                    self.doubts.pop(name, None)
                if name in read and doubt:
                    self.doubts[name] = doubt
                self.needs[name] = read - {name}
            if doubt:
                self.doubts |= {name: doubt for name in touched}
