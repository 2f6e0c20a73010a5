"""The process that children are forked from: torch is imported, no answer is in its memory.

`python -m course_lib.grading.warm SETTINGS`, started by `wall`. It shuts itself in, imports what
lessons use, takes the checks' answers out of memory, and then forks at each request. A keeper
stands between it and each child: it owns the child's processes, and ends all of them.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .fences import OWN, Fences, limit

HIDDEN = ("checks", "authoring", "grading")  # of course_lib, once it is imported


def main(settings: Mapping[str, Any]) -> None:
    fences = Fences()
    fences.leave_the_rest()
    fences.adopt_orphans()
    know_the_processor()
    library = Path(__file__).resolve().parents[1]
    fences.narrow([Path(p) for p in settings["shown"]], [Path(p) for p in settings["hidden"]])
    prepare(settings["imports"])
    from . import callers, child  # behind the fences; torch comes with them

    exercises = callers.bare(settings["names"], settings["everything"])
    for folder in HIDDEN:
        fences.hide(library / folder)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are not waited for
    gc.collect()
    gc.freeze()
    grader = socket.socket(fileno=settings["socket"])
    grader.sendall(json.dumps({"lacking": fences.sentences()}).encode() + b"\n")
    serve(grader, fences, lambda end: child.serve(end, exercises))


def know_the_processor() -> None:
    """While /proc and /sys are there: torch reads them once, at its first number in half precision.

    Without them every answer in half precision fails with «Failed to initialize cpuinfo».
    """
    import torch

    for dtype in (torch.float16, torch.bfloat16):
        numbers = torch.ones(8, 8, dtype=torch.float32).to(dtype)
        (numbers @ numbers + numbers / 2).float()


def prepare(imports: list[str]) -> None:
    """Import what answers use, and what torch imports at its first step, without a thread."""
    import torch

    torch.set_num_threads(1)
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = torch.ones(2)
    torch.optim.Adam([parameter]).step()
    for name in imports:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def serve(grader: socket.socket, fences: Fences, work: Any) -> None:
    """Fork a keeper for each request, until the grader has gone."""
    while True:
        message, handles, _, _ = socket.recv_fds(grader, 4096, 3)
        if not message:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            grader.close()
            status = handles[2]
            try:
                outcome = keep(fences, json.loads(message), *handles[:2], work)
            except BaseException as error:  # a keeper tells, whatever happens
                outcome = {"broke": f"{type(error).__name__}: {error}"}
            with contextlib.suppress(OSError):
                os.write(status, json.dumps(outcome).encode())
            os._exit(0)
        for handle in handles:
            os.close(handle)


def keep(fences: Fences, request: Mapping, end: int, control: int, work: Any) -> dict:
    """Fork the child, wait for its end or for the grader's word, and leave nothing running."""
    user = OWN + os.getppid()
    fences.own_processes()
    child = os.fork()
    if child == 0:
        enter(fences, request, end, user, work)
    os.close(end)
    status = wait(child, control)
    if fences.root and "processes" in fences.lacking:
        end_all_of(user)
    return {"status": status}


def wait(child: int, control: int) -> int:
    """The child's wait status; it is killed when `control` closes or has a byte."""
    try:
        ended = os.pidfd_open(child)
    except (AttributeError, OSError):
        ended = None
    watched = [control] if ended is None else [control, ended]
    while True:
        ready = select.select(watched, [], [], 0.01 if ended is None else None)[0]
        if control in ready:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            return os.waitpid(child, 0)[1]
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status


def end_all_of(user: int) -> None:
    """A process of that user ends all that it may: those of the user."""
    copy = os.fork()
    if copy == 0:
        os.setresuid(user, user, user)
        os.kill(-1, signal.SIGKILL)
        os._exit(0)
    os.waitpid(copy, 0)


def enter(fences: Fences, request: Mapping, end: int, user: int, work: Any) -> None:
    """Become the child: no rights, no handle but the one to the grader, limits, its work."""
    code = 1
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for handle in (0, 1, 2):
            os.dup2(nothing, handle)
        os.dup2(end, 3)
        os.closerange(4, 1024)
        os.umask(0o077)
        folder = f"/tmp/answers-{os.getpid()}-{time.monotonic_ns()}"
        os.mkdir(folder, 0o700)
        if fences.root:
            os.chown(folder, user, user)
        fences.give_up_rights(user)
        os.chdir(folder)
        limit(request["memory"], request["cpu"], request["processes"], request["file"])
        work(socket.socket(fileno=3))
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
