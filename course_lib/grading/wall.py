"""The grader's side of the wall: a warm process, its children, and what comes back from them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from course_lib.authoring.build import ROOT

from . import wire

START_SECONDS = 120
ENDED = {
    signal.SIGSEGV: "your code crashed Python (a segmentation fault)",
    signal.SIGBUS: "your code crashed Python (a bus error)",
    signal.SIGABRT: "your code aborted Python",
    signal.SIGXCPU: "your code used more processor time than it may",
    signal.SIGXFSZ: "your code wrote a larger file than it may",
    signal.SIGKILL: "the process that ran your code was killed",
}


@dataclass(frozen=True)
class Limits:
    """What one exercise of one submission may use; None of these is reached by a right answer."""

    seconds: float = 30.0  # of wall time, an exercise
    memory: int = 2 << 30  # bytes beyond what torch itself takes; all processes together
    processes: int = 32  # and threads
    file: int = 32 << 20  # bytes of one file


class TooMuch(Exception):
    """A child's processes take more memory than one may."""


class NoWall(RuntimeError):
    """There is no process that submissions could run in."""


class Gone(Exception):
    """A child that has ended, or was ended; the message says why, to its author."""


class Wall:
    """A warm process for one lesson's exercises. Close it, and nothing of it is left.

    names: exercises that its children call. imports: modules to have ready. hidden: folders
    besides the course's that no child may see.
    """

    def __init__(
        self,
        names: Sequence[str],
        everything: Sequence[str],
        imports: Sequence[str] = (),
        hidden: Sequence[Path] = (),
        limits: Limits | None = None,
    ):
        self.limits = limits or Limits()
        self.settings = {
            "names": list(names),
            "everything": list(everything),
            "imports": list(imports),
            "shown": sorted(shown()),
            "hidden": sorted(str(path.resolve()) for path in (ROOT, *hidden)),
        }
        self.start()

    def start(self) -> None:
        self.end, theirs = socket.socketpair()
        with theirs:
            command = (sys.executable, "-P", "-m", "course_lib.grading.warm")
            settings = json.dumps({**self.settings, "socket": theirs.fileno()})
            self.process = subprocess.Popen(
                [*command, settings],
                env=environment(),
                cwd="/",
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        self.end.settimeout(START_SECONDS)
        greeting = self.end.makefile("rb").readline()
        if not greeting:
            said = self.process.communicate()[1].decode(errors="replace").strip()
            where = " (the course lies in /tmp, which is empty there)" if in_tmp() else ""
            raise NoWall(
                f"the process that submissions run in did not start{where}: {said[-2000:]}"
            )
        self.lacking: list[str] = json.loads(greeting)["lacking"]
        warm = psutil.Process(self.process.pid)
        self.size, self.own = warm.memory_info().vms, own_memory(warm)

    def child(self) -> Child:
        """A fresh child; the warm process is started anew where it has gone."""
        try:
            return Child(self)
        except (OSError, BrokenPipeError):
            self.close()
            self.start()
            return Child(self)

    def close(self) -> None:
        self.end.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()

    def __enter__(self) -> Wall:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def shown() -> set[str]:
    """The folders that Python, torch and our own library are read from, and the data."""
    folders = {Path(sys.prefix), Path(sys.base_prefix), ROOT / "course_lib", ROOT / "data"}
    folders |= {Path(p) for p in sys.path if "site-packages" in p or "dist-packages" in p}
    folders |= {Path(p) for p in os.environ.get("LD_LIBRARY_PATH", "").split(":") if p}
    # what one links to must be there, too; the root itself would show everything
    folders |= {folder.resolve() for folder in folders}
    return {str(folder) for folder in folders if folder.is_dir() and folder != Path("/")}


def in_tmp() -> bool:
    return ROOT.is_relative_to("/tmp") or Path(sys.prefix).is_relative_to("/tmp")


def environment() -> dict[str, str]:
    """Nothing of the grader's own; one thread, no GPU, the smallest scale."""
    once = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    homes = ("HOME", "TMPDIR", "COURSE_HOME", "MPLCONFIGDIR", "IPYTHONDIR", "XDG_CACHE_HOME")
    kept = {n: os.environ[n] for n in ("LD_LIBRARY_PATH", "SYSTEMROOT") if n in os.environ}
    return {
        **dict.fromkeys(once, "1"),
        **dict.fromkeys(homes, "/tmp"),
        **dict.fromkeys(("USER", "LOGNAME"), "student"),
        **kept,
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "MPLBACKEND": "Agg",
        "CUDA_VISIBLE_DEVICES": "",
        "COURSE_SCALE": "smoke",
        "COURSE_STATIC": "1",
    }


def own_memory(process: psutil.Process) -> int:
    """Bytes that are no file's: a fresh copy of a process has as many as the process itself."""
    memory = process.memory_info()
    return memory.rss - getattr(memory, "shared", 0)


class Child:
    """One child of a warm process. `ask` it; where it is gone, ask another one."""

    def __init__(self, wall: Wall):
        self.wall, self.number = wall, 0
        self.end, theirs = socket.socketpair()
        self.end.settimeout(wall.limits.seconds)  # of a child that does not read
        reading, self.control = os.pipe()
        self.status, writing = os.pipe()
        limits = wall.limits
        request = {
            "memory": wall.size + limits.memory if sys.platform == "linux" else 0,
            "cpu": int(20 * limits.seconds) + 10,
            "processes": limits.processes,
            "file": limits.file,
        }
        try:
            handles = [theirs.fileno(), reading, writing]
            socket.send_fds(wall.end, [json.dumps(request).encode()], handles)
        except OSError:
            self.close()
            raise
        finally:
            theirs.close()
            os.close(reading)
            os.close(writing)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to a request; Gone where none comes in time, or none that can be read."""
        self.number += 1
        started = time.monotonic()
        seconds = self.wall.limits.seconds
        try:
            wire.send(self.end, {**request, "number": self.number})
            reply = wire.receive(self.end, started + seconds, self.watch)
        except TimeoutError:
            raise self.gone(f"your code ran longer than {seconds:g} seconds") from None
        except TooMuch:
            raise self.gone("your code used more memory than it may") from None
        except wire.Closed:
            raise self.gone() from None
        except wire.Malformed as error:
            said = f"what your code sent in the place of a result is no result: {error}"
            raise self.gone(said) from None
        if not isinstance(reply, dict) or reply.get("number") != self.number:
            raise self.gone("your code sent something in the place of its result")
        return reply

    def watch(self) -> None:
        """All processes of the child together may not take more memory than one may."""
        taken = 0
        for process in self.descendants():
            with contextlib.suppress(psutil.Error):
                taken += max(0, own_memory(process) - self.wall.own)
        if taken > self.wall.limits.memory:
            raise TooMuch

    def descendants(self) -> list[psutil.Process]:
        """Of the warm process, whoever runs them: a keeper is parent to what its child leaves."""
        try:
            return psutil.Process(self.wall.process.pid).children(recursive=True)
        except psutil.Error:
            return []

    def gone(self, why: str = "") -> Gone:
        """End the child and say why it has ended."""
        ended = self.close()
        return Gone(why or ended)

    def close(self) -> str:
        """End all processes of the child, wait until they have ended, say how it did."""
        if self.control is None:
            return ""
        strays = self.strays()
        self.end.close()
        # a moment for a child that ends by itself, so that its own status is told
        os.set_blocking(self.status, True)
        os.close(self.control)
        self.control = None
        with os.fdopen(self.status, "rb") as status:
            told = status.read()
        until = time.monotonic() + 5
        while strays and time.monotonic() < until:
            for stray in strays:
                with contextlib.suppress(psutil.Error):
                    stray.kill()
            time.sleep(0.01)
            strays = self.strays()  # one may have been forked while the others were looked up
        return how_it_ended(told)

    def strays(self) -> list[psutil.Process]:
        """Where processes have no namespace: everything that descends from the warm process."""
        if not any("processes" in said or "process that" in said for said in self.wall.lacking):
            return []
        return self.descendants()


def how_it_ended(told: bytes) -> str:
    try:
        status = json.loads(told)["status"]
    except (ValueError, KeyError):
        return "the process that ran your code ended"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return ENDED.get(number, f"the process that ran your code was ended by signal {number}")
    return f"your code ended the process it ran in (exit status {os.WEXITSTATUS(status)})"
