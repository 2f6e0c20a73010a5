"""Which number format makes this step fast on this processor: the clock says it, not a flag.

A processor may have bfloat16 instructions and still be slower with them: the layers are small, or
converting costs more than multiplying saves. So a few steps are tried in both formats before the
first one counts, and everything that they changed is put back.
"""

import statistics
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from course_lib.fast.restoring import Snapshot

SECONDS = 1.0  # for all trials together
MOST_ROUNDS = 20
GAIN = 0.95  # bfloat16 rounds to three digits; for less than a twentieth it is not worth that
clock = time.perf_counter


class Choice(NamedTuple):
    """A precision and, in a few words, why."""

    precision: str
    why: str

    def __str__(self) -> str:
        return f"{self.precision} ({self.why})"


def choose_precision(run: Callable[[str], object], roots: Iterable, leave: Iterable = ()) -> Choice:
    """The faster of "bfloat16" and "float32" for `run(precision)`, which is a whole step.

    All that can be reached from `roots`, gradients and random numbers too, is afterwards what it
    was, bit for bit. Python inside the step runs a few times more; what it does beyond the
    program's memory, as to print, stays done. Where something cannot be put back or the step
    fails, the choice is float32. It takes a second; steps of more than half a second run once each.

    >>> choose_precision(lambda precision: time.sleep(2e-3 if precision == "float32" else 0), [])
    Choice(precision='bfloat16', why='measured ... ms against ... ms in float32')
    """
    try:
        before = Snapshot(roots, leave)
    except Exception as reason:
        return Choice("float32", f"not measured: {reason}")
    try:
        times = _measure(run)
    except Exception as error:  # where it is the step's own mistake, the real call will raise it
        return Choice("float32", f"not measured: a trial raised {type(error).__name__}")
    finally:
        before.restore()
    quicker = times["bfloat16"] < GAIN * times["float32"]
    chosen, other = ("bfloat16", "float32") if quicker else ("float32", "bfloat16")
    spoken = [f"{1000 * times[name]:.3g} ms" for name in (chosen, other)]
    return Choice(chosen, f"measured {spoken[0]} against {spoken[1]} in {other}")


def _measure(run: Callable[[str], object]) -> dict[str, float]:
    """Seconds of a step in each format: the median of trials that take turns, after one for warmth.

    Taking turns lets a disturbance meet both.
    """
    begin, spent, trials = clock(), 0.0, {"float32": [], "bfloat16": []}
    while spent + spent / max(1, len(trials["float32"])) <= SECONDS or not trials["float32"]:
        for name, seconds in trials.items():
            started = clock()
            run(name)
            seconds.append(clock() - started)
        spent = clock() - begin
        if len(trials["float32"]) > MOST_ROUNDS:
            break
    return {name: statistics.median(seconds[1:] or seconds) for name, seconds in trials.items()}
