"""A device that works behind the scenes, as a GPU does, and the time that passes meanwhile.

The time is pretended: it passes only where the device or its caller works or waits, and every clock
of Python shows it to the answer. So a measurement takes no time and comes out the same on a busy
machine. An answer that reads a clock out of reach (`datetime.now`) is given real time instead.
"""

from __future__ import annotations

import inspect
import threading
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LAUNCH = 50e-6  # seconds that the caller needs to order one step
TICK = 2.5e-7  # and to read a clock, so that no two readings are the same
CLOCKS = ("perf_counter", "monotonic", "time", "process_time", "thread_time")


class RealTime:
    now = staticmethod(time.perf_counter)
    work = wait = staticmethod(time.sleep)


class PretendedTime:
    """Seconds since its beginning; `busy`: those in which the processor worked."""

    def __init__(self) -> None:
        self.seconds = self.busy = 0.0
        self.readings = 0

    def now(self) -> float:
        return self.seconds

    def work(self, seconds: float) -> None:
        self.seconds += seconds
        self.busy += seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds

    @contextmanager
    def on_the_clocks_of(self, answer: Callable) -> Iterator[None]:
        """Clocks of `time` and `timeit`, and those that the answer's file or notebook imported."""
        clocks = self.clocks()
        namespaces = [vars(time), vars(timeit), getattr(inspect.unwrap(answer), "__globals__", {})]
        changed = [
            (names, name, value)
            for names in namespaces
            for name, value in list(names.items())
            if id(value) in clocks
        ]
        for names, name, value in changed:
            names[name] = clocks[id(value)]
        try:
            yield
        finally:
            for names, name, value in changed:
                names[name] = value

    def clocks(self) -> dict[int, Callable]:
        """In place of each clock, by its id, one that goes on from there in pretended time."""
        found = {}
        for name in CLOCKS:
            spent = "busy" if name in ("process_time", "thread_time") else "seconds"
            for clock, unit in ((getattr(time, name), 1), (getattr(time, f"{name}_ns"), 10**9)):
                found[id(clock)] = self.pretend(clock, spent, unit)
        return found

    def pretend(self, clock: Callable, spent: str, unit: int) -> Callable:
        start, caller = clock(), threading.get_ident()

        def reading() -> float | int:
            if threading.get_ident() != caller:  # the notebook's own threads go by the real time
                return clock()
            self.readings += 1
            self.work(TICK)
            return start + type(start)(getattr(self, spent) * unit)

        return reading


class BusyDevice:
    """Work that is queued by `step` and waited for by `synchronize`.

    The first step also keeps the caller busy, as compiling and allocating do. `notes` has the
    moments in which each call began and ended.
    """

    def __init__(self, seconds: float, first: float, clock: PretendedTime | RealTime) -> None:
        self.seconds, self.first, self.clock = seconds, first, clock
        self.free_at = clock.now()
        self.notes: list[list] = []

    def step(self) -> None:
        begin = self.clock.now()
        self.clock.work(LAUNCH + self.first)
        self.first = 0.0
        self.free_at = max(self.free_at, self.clock.now()) + self.seconds
        self.notes.append(["step", begin, self.clock.now()])

    def synchronize(self) -> None:
        begin = self.clock.now()
        self.clock.wait(max(0.0, self.free_at - begin))
        self.notes.append(["synchronize", begin, self.clock.now()])
