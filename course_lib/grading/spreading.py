"""Submissions worked on here one after the other, by several processes, or by a Dask cluster."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Any

from . import working
from .layouts import Submission

PATIENCE = 3  # how often workers may die before a run gives up
AHEAD = 4  # submissions that are sent for each that is worked on
REACHED, JOINED = 20, 60  # seconds until a scheduler answers, and a worker of it is there
Done = Iterator[tuple[Submission, dict]]


class CannotGrade(Exception):
    """The run cannot begin, or go on; the message says what to do."""


def content_of(submission: Submission) -> tuple[bytes, str]:
    try:
        return submission.content(), ""
    except ValueError as error:
        return b"", str(error)


def here(missing: Sequence[Submission], rest: tuple) -> Done:
    for submission in missing:
        yield submission, working.work(*content_of(submission), *rest)


def processes(missing: Sequence[Submission], rest: tuple, jobs: int) -> Done:
    """By processes of this machine; where one dies, by new ones, a few times."""
    waiting, failures = list(missing), 0
    while waiting:
        try:
            for submission, result in pooled(waiting, rest, jobs):
                waiting.remove(submission)
                yield submission, result
        except BrokenProcessPool:
            failures += 1
            if failures > PATIENCE:
                raise CannotGrade("the workers end again and again; try --jobs 1") from None


def pooled(waiting: Sequence[Submission], rest: tuple, jobs: int) -> Done:
    left = iter(list(waiting))
    running: dict[Future, Submission] = {}
    # spawned: a process that has imported torch must not be copied with its threads
    context = get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=end_with_the_parent) as pool:
        while True:
            while len(running) < AHEAD * jobs and (submission := next(left, None)):
                running[pool.submit(working.work, *content_of(submission), *rest)] = submission
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()


def end_with_the_parent() -> None:
    """A worker whose parent was killed would wait for its next submission for ever."""

    def watch() -> None:
        parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def cluster(missing: Sequence[Submission], rest: tuple, address: str) -> Done:
    """By the workers of a Dask scheduler; what one that dies had in hand goes to another one."""
    distributed = package()
    try:
        with distributed.Client(address, timeout=REACHED) as client:
            client.wait_for_workers(1, timeout=JOINED)
            yield from sent(distributed, client, missing, rest)
    except working.OtherCourse as error:
        raise CannotGrade(str(error)) from None
    except (OSError, CancelledError, distributed.KilledWorker) as error:
        said = str(error) or type(error).__name__
        raise CannotGrade(
            f"the cluster at {address} does not go on ({said}); the same command goes on where "
            "this run was"
        ) from None


def package() -> Any:
    try:
        import distributed
    except ImportError:
        raise CannotGrade(
            "--scheduler needs the package distributed: `make setup` installs it"
        ) from None
    return distributed


def sent(distributed: Any, client: Any, missing: Sequence[Submission], rest: tuple) -> Done:
    left = iter(missing)
    running: dict[str, Submission] = {}
    finished = distributed.as_completed()
    version = working.course_version()

    def send_more() -> None:
        threads = sum(client.nthreads().values()) or 1
        while len(running) < AHEAD * threads and (submission := next(left, None)):
            future = client.submit(
                working.work_elsewhere,
                *(version, *content_of(submission), *rest),
                pure=False,  # the same bytes twice are two submissions
                retries=PATIENCE,
            )
            running[future.key] = submission
            finished.add(future)

    send_more()
    for future in finished:
        result = future.result()
        yield running.pop(future.key), result
        send_more()
