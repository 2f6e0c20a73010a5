"""A whole class: graded once each, whatever happens in between, and then written down.

Each result is kept in the output folder as soon as it is there. A run that was ended goes on where
it was; the files that it leaves are those of a run that nobody ended.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from course_lib.checks.store import progress_file

from . import spreading
from .layouts import Submission, submissions
from .lessons import Graded, graded
from .spreading import CannotGrade
from .wall import Limits, NoWall

STATE = ".state"


@dataclass(frozen=True)
class Run:
    """What is graded, where the results go, and how many at a time.

    seed: of the cases; None takes a secret one, the same for the same files on this machine.
    scheduler: address of a Dask cluster's, whose workers then grade in the place of `jobs`.
    """

    submissions: Path
    lesson: str
    out: Path
    jobs: int = 1
    seed: int | None = None
    limits: Limits = field(default_factory=Limits)
    scheduler: str | None = None


def grade(run: Run, tell: Callable[[int, int], None] = lambda done, of: None) -> list[dict]:
    """The results of all submissions, sorted by file; those that are kept are not graded again."""
    lesson = graded(run.lesson)
    if not run.submissions.exists():
        raise CannotGrade(f"there is nothing at {run.submissions}")
    run.out.mkdir(parents=True, exist_ok=True)
    state = run.out / STATE
    state.mkdir(mode=0o700, exist_ok=True)
    try:
        with FileLock(state / "lock", timeout=0):
            for part in [*run.out.rglob("*.part")]:  # of a run that was ended
                part.unlink()
            return graded_here(run, lesson, state, tell)
    except Timeout:
        raise CannotGrade(f"another run writes to {run.out}; wait for it") from None
    except NoWall as error:
        raise CannotGrade(str(error)) from None


def graded_here(
    run: Run, lesson: Graded, state: Path, tell: Callable[[int, int], None]
) -> list[dict]:
    found = submissions(run.submissions, skip=run.out)
    if not found:
        raise CannotGrade(f"no file was found in {run.submissions}")
    keys = {submission.file: key_of(submission) for submission in found}
    seed = seed_of(state, lesson, sorted(keys.values()), run.seed)
    kept = {key: read_kept(state / f"{key}.json") for key in keys.values()}
    missing = [s for s in found if kept[keys[s.file]] is None]
    tell(len(found) - len(missing), len(found))
    for number, (submission, result) in enumerate(results(run, lesson, seed, missing), 1):
        write_atomically(state / f"{keys[submission.file]}.json", json.dumps(result))
        kept[keys[submission.file]] = result
        tell(len(found) - len(missing) + number, len(found))
    return [{**named(s), **kept[keys[s.file]]} for s in found]


def named(submission: Submission) -> dict[str, str]:
    return {
        "student": submission.student,
        "number": submission.number,
        "file": submission.file,
    }


def key_of(submission: Submission) -> str:
    """Of the file's name and what it holds: a file that was changed is graded anew."""
    digest = hashlib.sha256(f"{submission.file}\0{submission.problem}\0".encode())
    with suppress(ValueError):
        digest.update(submission.content())
    return digest.hexdigest()[:32]


def seed_of(state: Path, lesson: Graded, keys: Sequence[str], wanted: int | None) -> int:
    """The seed of this run, kept until it is whole: its first part and its rest see one class."""
    path = state / "run.json"
    if kept := read_kept(path):
        if kept["lesson"] != lesson.stem:
            raise CannotGrade(
                f"{state.parent} holds grades of {kept['lesson']}: choose another --out"
            )
        if wanted in (None, kept["seed"]):
            return kept["seed"]
        for result in state.glob("*.json"):
            result.unlink()
    seed = secret_seed(keys) if wanted is None else wanted
    write_atomically(path, json.dumps({"lesson": lesson.stem, "seed": seed}))
    return seed


def secret_seed(keys: Sequence[str]) -> int:
    """Nobody without this machine's secret knows it; with the same files it is the same again."""
    path = progress_file().with_name("grading.key")
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, secrets.token_hex(32))
        secret = path.read_text(encoding="utf-8").encode()
    except OSError:
        secret = secrets.token_bytes(32)
    told = hmac.new(secret, "\n".join(keys).encode(), hashlib.sha256).digest()
    return int.from_bytes(told[:6], "big")


def read_kept(path: Path) -> dict | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_atomically(path: Path, text: str) -> None:
    """The old file or the new one, whenever the run ends; readable by its owner alone."""
    handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise


def results(
    run: Run, lesson: Graded, seed: int, missing: Sequence[Submission]
) -> Iterator[tuple[Submission, dict]]:
    """Each submission with its result, as they come."""
    hidden = [str(path.resolve()) for path in (run.submissions, run.out)]
    rest = (lesson.stem, seed, asdict(run.limits), hidden)
    if not missing:
        return iter(())
    if run.scheduler:
        return spreading.cluster(missing, rest, run.scheduler)
    if run.jobs > 1:
        return spreading.processes(missing, rest, run.jobs)
    return spreading.here(missing, rest)
