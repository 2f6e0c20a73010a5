"""What runs in a child: build an answer from its statements, observe it, send the record."""

from __future__ import annotations
import __future__

import ast
import contextlib
import linecache
import os
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from course_lib.checks.declare import Case, Exercise
from course_lib.checks.observing import observe

from . import finding, wire
from .finding import Script, Statement

MOST_SAID = 300
FUTURE = __future__.annotations.compiler_flag


def serve(end: Any, exercises: Mapping[str, Exercise]) -> None:
    """Answer the grader's requests until it closes its end."""
    process, script = os.getpid(), Script()
    with contextlib.suppress(wire.Closed):
        while True:
            request = wire.receive(end)
            if request["do"] == "read":
                script = finding.parse(request["cells"])
                reply = report(script, request["names"])
            else:
                reply = tried(script, exercises[request["name"]], request)
            if os.getpid() != process:  # a copy that an answer has made of its process
                os._exit(0)
            wire.send(end, {"number": request["number"], **reply})


def report(script: Script, names: Sequence[str]) -> dict:
    return {
        "found": {name: finding.found(script, name, names) for name in names},
        "broken": list(script.broken.values())[:20],
    }


def tried(script: Script, exercise: Exercise, request: Mapping[str, Any]) -> dict:
    """The record of one answer on the cases that came."""
    given = {name: build(reference(source), name)[0] for name, source in request["given"].items()}
    statements = script.slice(exercise.short_name, given)
    remember_lines(script)
    answer, said = build(statements, exercise.short_name, given)
    if answer is None:
        return {"said": said[-1] if said else "its definition left nothing behind"}
    if not callable(answer):
        return {"said": f"expected a function or class, got a {type(answer).__name__}"}
    cases = [Case(case["inputs"], gradients=tuple(case["gradients"])) for case in request["cases"]]
    records = [vars(record) for record in observe(exercise, answer, cases)]
    return {"said": "", "records": records, "before": said}


def reference(source: str) -> list[Statement]:
    return finding.parse([("code", source)]).statements


def build(
    statements: Iterable[Statement], name: str, given: Mapping[str, Any] | None = None
) -> tuple[Callable | None, list[str]]:
    """Run the statements one by one; a failing one is noted and costs no other."""
    module, flags = types.ModuleType("__main__"), 0
    module.__dict__.update({"display": shown, "get_ipython": shown, **(given or {})})
    sys.modules["__main__"] = module
    said = []
    for statement in statements:
        try:
            code = compile(
                ast.Module([statement.node], []), f"<cell {statement.cell}>", "exec", flags, True
            )
            flags |= code.co_flags & FUTURE  # as a notebook's next cells have them, too
            exec(code, vars(module))
        except BaseException as error:
            said.append(f"cell {statement.cell} raised {in_short(error)}")
    return vars(module).get(name), said


def in_short(error: BaseException) -> str:
    try:
        text = " ".join(str(error).split())[:MOST_SAID]
    except Exception:
        text = "an error whose text cannot be read"
    return f"{type(error).__name__}: {text}".encode("utf-8", "replace").decode()


def shown(*arguments: Any, **named: Any) -> None:
    """Stands for what a notebook shows something with."""


def remember_lines(script: Script) -> None:
    """So that an error can be told with the line where it arose."""
    for number, source in script.sources.items():
        lines = source.splitlines(keepends=True)
        linecache.cache[f"<cell {number}>"] = (len(source), None, lines, f"<cell {number}>")
