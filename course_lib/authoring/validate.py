"""`course validate`: run every solution under nbval, in parallel, apart from the user's folders."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat

from .build import ROOT, BuildError
from .lesson import parse

CELL_SECONDS = 120


def validate(root: Path = ROOT, only: Sequence[str] = ()) -> int:
    """Run the solutions and compare what is marked `nbval-check-output`; pytest's exit status.

    An exercise or a check that a solution lacks is a failure by itself: it is told last.

    They run at COURSE_SCALE=smoke unless that is set, one thread each, and write nothing
    outside a temporary folder.
    """
    notebooks = solutions(root, only)
    with tempfile.TemporaryDirectory() as scratch:
        command = pytest_command(notebooks, root, Path(scratch))
        status = subprocess.run(command, cwd=root, env=environment(Path(scratch))).returncode
    missing = missing_cells(root, notebooks)
    print("".join(f"{line}\n" for line in missing), end="", flush=True)
    return status or int(bool(missing))


def missing_cells(root: Path, notebooks: Sequence[Path]) -> list[str]:
    """The exercises and checks of the lessons that their solutions do not have, by line."""
    found = []
    for path in notebooks:
        script = root / "lessons" / f"{path.stem}.py"
        if not script.exists():
            continue
        lesson = parse(script.read_text(encoding="utf-8"), f"lessons/{script.name}")
        cells = nbformat.read(path, as_version=4).cells
        sources = {
            (kind, cell.metadata[kind]): cell.source
            for cell in cells
            for kind in ("exercise", "check")
            if cell.cell_type == "code" and kind in cell.metadata
        }
        for cell in lesson.cells:
            for kind, name in (("exercise", cell.exercise), ("check", cell.check)):
                source = sources.get((kind, name), "")
                if name and (not source or (kind == "check" and not checks(source, name))):
                    where = f"{lesson.file}:{cell.line}"
                    found.append(f"{where}: solutions/{path.name} has no {kind} of {name}")
    return found


def checks(source: str, name: str) -> bool:
    """Whether a cell calls check on an exercise, in a line that is no comment."""
    return re.search(rf"^[^#\n]*\bcheck\(\s*[\"']{re.escape(name)}[\"']", source, re.M) is not None


def solutions(root: Path, only: Sequence[str]) -> list[Path]:
    found = {path.stem: path for path in sorted((root / "solutions").glob("[0-9]*.ipynb"))}
    wanted = [Path(name).stem for name in only] or list(found)
    missing = [name for name in wanted if name not in found]
    if missing or not wanted:
        lacking = ", ".join(missing) or "notebook"
        raise BuildError(f"solutions/ has no {lacking}: run `course build`")
    return [found[name] for name in wanted]


def pytest_command(notebooks: Sequence[Path], root: Path, scratch: Path) -> list[str]:
    # An empty configuration: the repository's own asks for doctests.
    configuration = scratch / "pytest.ini"
    configuration.write_text("[pytest]\n", encoding="utf-8")
    workers = min(len(notebooks), os.cpu_count() or 1)
    return [
        *(sys.executable, "-m", "pytest", "-c", str(configuration), f"--rootdir={root}"),
        *("--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={CELL_SECONDS}"),
        # A notebook's cells share one kernel, so they must go to one worker.
        *("-p", "no:cacheprovider", "-n", str(workers), "--dist=loadscope", "-q"),
        *map(str, notebooks),
    ]


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
