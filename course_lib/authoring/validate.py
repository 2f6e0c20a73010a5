"""`course validate`: run every solution under nbval, several at a time, and tell of them by turns.

Each runs in a pytest of its own, apart from the user's folders. What fails is told by the lesson's
line and Jupyter's number of the cell, with the judge's sentence, and which failures follow from
which.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .build import ROOT, BuildError
from .failures import Solution, told

CELL_SECONDS = 120
FOUND = (0, 1)  # pytest's statuses where all cells were run
LAST = 3000  # characters of what a pytest says that did not get so far


@dataclass
class Ran:
    """What came of one solution."""

    solution: Solution
    status: int
    said: str
    seconds: float
    failed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return self.status == 0 and not self.solution.missing()


def validate(root: Path = ROOT, only: Sequence[str] = ()) -> int:
    """Run the solutions and compare what is marked `nbval-check-output`; 0 where all is right.

    They run at COURSE_SCALE=smoke unless that is set, one thread each, and write nothing
    outside a temporary folder. An exercise or a check that a solution lacks is a failure.
    """
    notebooks = solutions(root, only)
    workers = min(len(notebooks), os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        runs = []
        for ran in pool.map(lambda path: run(path, root), notebooks):
            print("\n".join(report(ran)), flush=True)
            runs.append(ran)
    wrong = [ran.solution.path.stem for ran in runs if not ran.whole]
    said = f"not right: {', '.join(wrong)}" if wrong else "all right"
    print(f"{len(runs)} solutions, {said}")
    return int(bool(wrong))


def run(path: Path, root: Path) -> Ran:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            pytest_command(path, root, Path(scratch)),
            cwd=root,
            env=environment(Path(scratch)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        cells = cell_file(Path(scratch))
        lines = cells.read_text(encoding="utf-8").splitlines() if cells.exists() else []
    failed = [json.loads(line) for line in lines]
    seconds = time.monotonic() - started
    return Ran(Solution(path, root), done.returncode, done.stdout, seconds, failed)


def report(ran: Ran) -> list[str]:
    """A line on a solution, and the failures under it."""
    count, missing = len(ran.solution.cells), len(ran.solution.missing())
    if ran.whole:
        said = f"{count} cells passed"
    elif ran.failed:
        said = f"{len(ran.failed)} of {count} cells failed"
    else:
        said = f"{count} cells ran" if ran.status == 0 else "its cells could not be run"
    said += f", {missing} missing" if missing else ""
    lines = [f"{ran.solution.name}: {said}, {ran.seconds:.0f} s"]
    lines += [f"  {line}" for line in told(ran.solution, ran.failed)]
    if ran.status not in FOUND or (ran.status and not ran.failed):
        lines += [f"  | {line}" for line in ran.said[-LAST:].splitlines()]
    return lines


def solutions(root: Path, only: Sequence[str]) -> list[Path]:
    found = {path.stem: path for path in sorted((root / "solutions").glob("[0-9]*.ipynb"))}
    wanted = [Path(name).stem for name in only] or list(found)
    missing = [name for name in wanted if name not in found]
    if missing or not wanted:
        lacking = ", ".join(missing) or "notebook"
        raise BuildError(f"solutions/ has no {lacking}: run `course build`")
    return [found[name] for name in wanted]


def pytest_command(notebook: Path, root: Path, scratch: Path) -> list[str]:
    # An empty configuration: the repository's own asks for doctests.
    configuration = scratch / "pytest.ini"
    configuration.write_text("[pytest]\n", encoding="utf-8")
    return [
        *(sys.executable, "-m", "pytest", "-c", str(configuration), f"--rootdir={root}"),
        *("--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={CELL_SECONDS}"),
        *("-p", "course_lib.authoring.cell_report", f"--cell-report={cell_file(scratch)}"),
        *("-p", "no:cacheprovider", "-q", str(notebook)),
    ]


def cell_file(scratch: Path) -> Path:
    return scratch / "cells.jsonl"


def environment(scratch: Path) -> dict[str, str]:
    """The run's environment: every folder that Jupyter, matplotlib or we write is in `scratch`."""
    folders = (
        *("HOME", "USERPROFILE", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
        *("IPYTHONDIR", "MPLCONFIGDIR", "COURSE_HOME"),
        *("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"),
    )
    private = {name: str(scratch / name.lower()) for name in folders}
    for folder in private.values():
        Path(folder).mkdir()
    # Options of a pytest that this one runs under are not for this one.
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {
        "COURSE_SCALE": "smoke",
        **outer,
        **private,
        "COURSE_STATIC": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
