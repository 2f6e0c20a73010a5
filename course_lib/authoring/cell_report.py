"""A plugin of the pytest that runs a solution: what nbval found of each cell, as plain lines.

`-p course_lib.authoring.cell_report --cell-report FILE` writes a JSON line for each failing cell:
its number, counted from 0, and the error's name and text, or what nbval has to say.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cell-report", help="a file for a line of each cell that fails")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: pytest.CallInfo) -> Any:
    report = yield
    if call.excinfo is not None and report.outcome != "passed" and hasattr(item, "cell_num"):
        line = {"cell": item.cell_num, **what_happened(item, call.excinfo.value)}
        with open(item.config.getoption("--cell-report"), "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return report


def what_happened(item: Any, error: BaseException) -> dict[str, str]:
    """The error in the cell; where the cell raised none, nbval's words for what is wrong.

    The text of a check's CheckFailed is the judge's sentence, which no traceback shows.
    """
    raised = [o for o in item.test_outputs or () if o.output_type == "error"]
    if raised:
        told = {"name": raised[-1]["ename"], "text": raised[-1]["evalue"]}
        return {**told, "trace": ANSI.sub("", "\n".join(raised[-1]["traceback"]))}
    detail = getattr(error, "inner_traceback", None) or ""
    detail = ANSI.sub("", detail if isinstance(detail, str) else "\n".join(detail))
    return {"name": "", "text": str(error), "trace": detail.strip()}
