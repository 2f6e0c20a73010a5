"""The progress file: which exercises were passed, kept where an upgrade does not reach it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from filelock import FileLock
from platformdirs import user_data_path

from .judging import Verdict

VERSION = 1


def progress_file() -> Path:
    """`progress.json` in the folder COURSE_HOME, or in the user's data folder."""
    home = os.environ.get("COURSE_HOME")
    if not home:
        return user_data_path("image-generation-course", appauthor=False) / "progress.json"
    return Path(home).expanduser() / "progress.json"


def passed() -> set[str]:
    """Full names of the passed exercises; where the file cannot be read none, and why on stderr."""
    try:
        content = read()
    except OSError as error:
        print(f"progress cannot be read from {progress_file()}: {error}", file=sys.stderr)
        return set()
    return {name for name, entry in content["exercises"].items() if entry["passed"]}


def record(verdict: Verdict) -> None:
    """Add a verdict; a passed exercise stays passed. A file that cannot be written is reported
    on stderr and costs nothing else: the check's verdict matters more."""
    if not verdict.attempted:
        return
    path = progress_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=2):
            content = read()
            entry = content["exercises"].setdefault(verdict.name, {"passed": False, "tries": 0})
            entry["tries"] += not entry["passed"]
            entry["passed"] = entry["passed"] or verdict.passed
            write(path, content)
    except (OSError, TimeoutError) as error:
        print(f"progress was not saved in {path}: {error}", file=sys.stderr)


def read() -> dict:
    """The file's content, entries of unknown exercises included; a damaged file is set aside.

    A byte order mark, which some editors write, is no damage. Raises OSError where there is
    something that cannot be read, or is damaged and cannot be set aside.
    """
    path = progress_file()
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        entries = content["exercises"].values()
        if not all(isinstance(e["passed"], bool) and isinstance(e["tries"], int) for e in entries):
            raise ValueError("an entry lacks `passed` or `tries`")
        return content
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        aside = path.with_name(f"progress.damaged-{time.time_ns()}.json")
        path.replace(aside)
        print(
            f"the progress file was damaged ({error}): it is kept as {aside}, a new one begins",
            file=sys.stderr,
        )
    return {"version": VERSION, "exercises": {}}


def write(path: Path, content: dict) -> None:
    """Write beside, then replace: a crash at any moment leaves the old file or the new one."""
    handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise
