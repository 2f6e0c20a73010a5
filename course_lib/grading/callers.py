"""The checks without their answers: what is left in the process that student code is forked from.

An exercise is declared with its oracle and its mistakes. A child needs neither: only what calls an
answer and writes down what it did. `bare` keeps exactly that in memory.
"""

from __future__ import annotations

import functools
import gc
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import course_lib.checks as checks
from course_lib.checks import declare, observing

PACKAGE = "course_lib.checks"


def withheld(*arguments: Any, **named: Any) -> None:
    raise RuntimeError("this part of a check is not here")


def bare(names: list[str], everything: list[str]) -> dict[str, declare.Exercise]:
    """The exercises of those names, of which nothing but what calls an answer is left.

    All of `course_lib.checks` that they do not reach is taken out of memory; in its place stands a
    module whose `check`, `hint` and `progress` do nothing. `everything`: all exercises' names.
    """
    kept = {name: stripped(declare.exercise(name)) for name in names}
    observing.names = lambda: everything
    reached = Reached()
    roots = [observing.observe, observing.Observation, declare.Case, *kept.values()]
    roots += [value for module in users() for value in vars(module).values()]
    for value in roots:
        reached.visit(value)
    for module in modules():
        names_reached = reached.names.get(id(vars(module)), set())
        for name in [n for n in vars(module) if not n.startswith("__")]:
            if name not in names_reached:
                delattr(module, name)
    for name in [name for name in sys.modules if inside(name)]:
        del sys.modules[name]
    sys.modules[PACKAGE] = facade()
    sys.modules["course_lib"].checks = sys.modules[PACKAGE]
    gc.collect()
    return kept


def stripped(exercise: declare.Exercise) -> declare.Exercise:
    return replace(
        exercise, oracle=withheld, cases=withheld, misconceptions=(), hints=(), facts=withheld
    )


def inside(name: str) -> bool:
    return name == PACKAGE or name.startswith(PACKAGE + ".")


def modules() -> list[types.ModuleType]:
    return [module for name, module in sorted(sys.modules.items()) if inside(name)]


def users() -> list[types.ModuleType]:
    """The grader's own modules that are in use here."""
    return [m for name, m in sys.modules.items() if name.startswith("course_lib.grading.")]


class Reached:
    """Names in the modules of the checks that functions and objects need, by their modules."""

    def __init__(self) -> None:
        self.names: dict[int, set[str]] = {}
        self.seen: set[int] = set()
        self.held: list[Any] = []  # an id is that of a living object
        self.globals = {id(vars(module)) for module in modules()}

    def visit(self, value: Any) -> None:
        waiting = [value]
        while waiting:
            value = waiting.pop()
            if id(value) not in self.seen:
                self.seen.add(id(value))
                self.held.append(value)
                waiting += self.parts(value)

    def parts(self, value: Any) -> Iterator[Any]:
        """What a value needs to do its work."""
        if isinstance(value, types.FunctionType):
            yield from self.parts_of_function(value)
        elif isinstance(value, types.MethodType):
            yield from (value.__func__, value.__self__)
        elif isinstance(value, functools._lru_cache_wrapper):
            yield value.__wrapped__
        elif isinstance(value, functools.partial):
            yield from (value.func, *value.args, *value.keywords.values())
        elif isinstance(value, list | tuple | set | frozenset):
            yield from value
        elif isinstance(value, Mapping) and not isinstance(value, types.MappingProxyType):
            yield from value.values()
        elif isinstance(value, property | staticmethod | classmethod):
            yield from filter(None, (getattr(value, n, None) for n in ("fget", "__func__")))
        elif isinstance(value, type):
            if inside(getattr(value, "__module__", "")):
                yield from (*value.__bases__, *vars(value).values(), *self.at_home(value))
        elif inside(type(value).__module__):
            yield from (type(value), *getattr(value, "__dict__", {}).values())

    def parts_of_function(self, function: Callable) -> Iterator[Any]:
        yield from (cell.cell_contents for cell in function.__closure__ or () if holds(cell))
        yield from function.__defaults__ or ()
        yield from (function.__kwdefaults__ or {}).values()
        yield from vars(function).values()
        if id(function.__globals__) in self.globals:
            for name in code_names(function.__code__):
                yield from self.take(function.__globals__, name)

    def at_home(self, kind: type) -> Iterator[Any]:
        """A dataclass's own methods look their names up in its module."""
        home = sys.modules.get(kind.__module__)
        yield from self.take(vars(home), kind.__name__) if home else ()

    def take(self, names: dict, name: str) -> Iterator[Any]:
        if name not in names:
            return
        self.names.setdefault(id(names), set()).add(name)
        value = names[name]
        if isinstance(value, types.ModuleType) and inside(value.__name__):
            raise AssertionError(f"import names from {value.__name__}, not the module itself")
        yield value


def holds(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def code_names(code: types.CodeType) -> set[str]:
    inner = (code_names(c) for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*inner)


def facade() -> types.ModuleType:
    """What a lesson's set-up cell imports; nothing that it holds has an effect."""
    module = types.ModuleType(PACKAGE)
    for name in ("check", "hint", "progress"):
        setattr(module, name, does_nothing)
    module.CheckFailed = type("CheckFailed", (Exception,), {})
    return module


def does_nothing(*arguments: Any, **named: Any) -> None:
    """In the place of a check: the verdict is given elsewhere."""


assert checks.__name__ == PACKAGE
