"""Check of `throughput`. Oracle: its own stopwatch around a device that works behind the scenes.

The step of the check is asynchronous, as on a GPU: it returns at once and the work goes on. The
driver notes when each call began and ended. A clock that is read where it should be can only have
been read between two of those moments, so what is right follows from the notes, however busy the
machine is, and whichever clock was read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from ..declare import Case, Exercise, Misconception, Plain

SLACK = 1.01  # two clocks of one machine agree better than this


class BusyDevice:
    """Work that is queued by `step` and waited for by `synchronize`; it takes real time.

    The first step also keeps the caller waiting, as compiling and allocating do.
    """

    def __init__(self, seconds: float, first: float) -> None:
        self.seconds, self.first = seconds, first
        self.free_at = time.perf_counter()
        self.notes: list[list] = []

    def step(self) -> None:
        begin = time.perf_counter()
        if not self.notes:
            time.sleep(self.first)
        self.free_at = max(self.free_at, time.perf_counter()) + self.seconds
        self.notes.append(["step", begin, time.perf_counter()])

    def synchronize(self) -> None:
        begin = time.perf_counter()
        time.sleep(max(0.0, self.free_at - begin))
        self.notes.append(["synchronize", begin, time.perf_counter()])


def measure(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    device = BusyDevice(inputs["seconds"], inputs["first"])
    arguments = [inputs[name] for name in ("images_per_step", "steps", "warmup")]
    begin = time.perf_counter()
    result = answer(device.step, *arguments, device.synchronize)
    end = time.perf_counter()
    if result is Ellipsis:
        raise NotImplementedError
    value = result.item() if isinstance(result, torch.Tensor) else result
    return {"returned": value, "notes": device.notes, "begin": begin, "end": end}


def throughput_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    notes, warmup, steps = record["notes"], inputs["warmup"], inputs["steps"]
    at = [i for i, (name, *_) in enumerate(notes) if name == "step"]
    facts: dict[str, Plain] = {
        f"step() is called {warmup + steps} times: {warmup} to warm up, {steps} to be timed": (
            len(at) == warmup + steps
        )
    }
    if len(at) != warmup + steps:
        return facts | {"calls of step": len(at)}
    last_warm, first, last = at[warmup - 1], at[warmup], at[-1]
    return facts | {
        "synchronize() is called between the warm-up and the timed steps": first > last_warm + 1,
        "synchronize() is called behind the last step": last < len(notes) - 1,
        "synchronize() is called among the timed steps": last - first > steps - 1,
        "what is returned": name_result(inputs, record, last_warm, first, last),
    }


def name_result(inputs, record, last_warm: int, first: int, last: int) -> str:
    """Which formula over which stretch of time gives this number."""
    value, spans = record["returned"], stretches(record, last_warm, first, last)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "no number"
    for formula, elapsed in implied_seconds(inputs, float(value)).items():
        for span, (shortest, longest) in spans.items():
            if shortest / SLACK <= elapsed <= longest * SLACK:
                return f"{formula}, {span}"
    return "another quantity"


def stretches(record, last_warm: int, first: int, last: int) -> dict[str, tuple[float, float]]:
    """The shortest and longest time that a clock can show, by where it was read."""
    notes, begin, end = record["notes"], record["begin"], record["end"]
    done = notes[-1][2]  # the end of the last synchronize, or of the last step without one
    ready = notes[first - 1][2]
    warm = notes[last_warm][2]
    spans = {
        "over the timed steps": (done - notes[first][1], end - ready),
        "over the warm-up and the timed steps": (done - notes[0][1], end - begin),
    }
    if first > last_warm + 1:
        waited = notes[last_warm + 1]
        spans["from before the warm-up was finished"] = (done - waited[1], end - warm)
    if last < len(notes) - 1:
        queued = notes[last + 1][1]
        spans["before the timed steps were finished"] = (0.0, queued - ready)
    return spans


def implied_seconds(inputs: Mapping[str, Any], value: float) -> dict[str, float]:
    """The seconds that must have been measured, if `value` is so many images, steps, …"""
    images, steps, warmup = inputs["images_per_step"], inputs["steps"], inputs["warmup"]
    if value <= 0:
        return {}
    return {
        "images a second": images * steps / value,
        "images of one step a second": images / value,
        "images of all steps, warm-up too": images * (steps + warmup) / value,
        "steps a second": steps / value,
        "images of one step over the number of steps": images / steps / value,
        "seconds an image": images * steps * value,
        "seconds a step": steps * value,
        "seconds": value,
        "images a millisecond": images * steps / value / 1000,
    }


def throughput_cases(g: torch.Generator) -> list[Case]:
    def case(images: int, steps: int, warmup: int, first: float) -> Case:
        inputs = {"images_per_step": images, "steps": steps, "warmup": warmup}
        times = {"seconds": 0.0015 + 0.0005 * torch.rand((), generator=g).item(), "first": first}
        return Case(inputs | times, f"{steps} steps of {images} images after {warmup} to warm up")

    return [case(37, 5, 2, 0.012), case(128, 3, 1, 0.008)]


def stopwatch(step, images_per_step, steps, warmup, synchronize):
    """Timestamps in nanoseconds by another clock than the lesson's."""
    stamps = []
    for number in range(warmup + steps + 1):
        if number in (warmup, warmup + steps):
            synchronize()
            stamps.append(time.monotonic_ns())
        if number < warmup + steps:
            step()
    return images_per_step * steps * 1e9 / (stamps[1] - stamps[0])


def timed(
    start: str = "ws|",
    stop: str = "s|",
    result: Callable = lambda images, steps, warmup, seconds: images * steps / seconds,
    each: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> Callable:
    """A measurement as people write it: `start` and `stop` say in which order things happen.

    w the warm-up, s synchronize, | the clock is read.
    """

    def answer(step, images_per_step, steps, warmup, synchronize):
        def run(order: str) -> float:
            read = 0.0
            for letter in order:
                if letter == "w":
                    for _ in range(warmup):
                        step()
                elif letter == "s":
                    synchronize()
                else:
                    read = clock()
            return read

        begin = run(start)
        for _ in range(steps):
            step()
            if each:
                synchronize()
        return result(images_per_step, steps, warmup, run(stop) - begin)

    return answer


EXERCISE = Exercise(
    name="fast_training.throughput",
    signature="(step, images_per_step, steps, warmup, synchronize)",
    unit="images a second",
    oracle=stopwatch,
    cases=throughput_cases,
    call=measure,
    facts=throughput_facts,
    slow=True,
    misconceptions=(
        Misconception(
            "warmup_timed",
            timed("|ws"),
            "The clock ran while the device warmed up. The first steps compile, allocate and fill "
            "caches: start the clock behind them.",
        ),
        Misconception(
            "warmup_counted",
            timed("|ws", result=lambda i, n, w, seconds: i * (n + w) / seconds),
            "The warm-up was timed and its images were counted. Its steps are slower for reasons "
            "that do not come back: leave them out of both.",
        ),
        Misconception(
            "warmup_images_counted",
            timed(result=lambda i, n, w, seconds: i * (n + w) / seconds),
            "The images of the warm-up were counted, its time was not, so the device looks faster "
            "than it is.",
        ),
        Misconception(
            "no_warmup",
            timed("s|"),
            "The device was never warmed up: the first steps, which compile, allocate and fill "
            "caches, were timed.",
        ),
        Misconception(
            "clock_started_before_waiting",
            timed("w|s"),
            "The clock was read first and the device waited for afterwards, so the rest of the "
            "warm-up was timed as well. Wait, then read the clock.",
        ),
        Misconception(
            "not_waited_before",
            timed("w|"),
            "The warm-up was still under way when the clock started: its steps were queued, not "
            "done. Call synchronize() before the clock is read.",
        ),
        Misconception(
            "clock_stopped_before_waiting",
            timed(stop="|s"),
            "The clock was read first and the device waited for afterwards: what was timed is how "
            "long it takes to order the work. Wait, then read the clock. (A clock that counts the "
            "processor's time, as time.process_time, does not see the waiting either.)",
        ),
        Misconception(
            "not_waited_after",
            timed(stop="|"),
            "The clock was read while the device was still at work. A step that returns has "
            "ordered its work, not done it: call synchronize() first.",
        ),
        Misconception(
            "never_waited",
            timed("w|", "|"),
            "synchronize() is never called, so neither the beginning nor the end of the work was "
            "seen: only how fast it can be ordered.",
        ),
        Misconception(
            "waited_after_each_step",
            timed(each=True),
            "The device was waited for after every step. Then it stands still while the next step "
            "is ordered, which training does not do: wait before the first and behind the last.",
        ),
        Misconception(
            "one_step_counted",
            timed(result=lambda i, n, w, seconds: i / seconds),
            "The images of one step were divided by the time of all steps.",
        ),
        Misconception(
            "divided_by_steps",
            timed(result=lambda i, n, w, seconds: i / n / seconds),
            "The number of steps stands below the line. More steps in the same time are more "
            "images a second.",
        ),
        Misconception(
            "steps_counted",
            timed(result=lambda i, n, w, seconds: n / seconds),
            "These are steps a second. Each step takes images_per_step images.",
        ),
        Misconception(
            "seconds_per_image",
            timed(result=lambda i, n, w, seconds: seconds / (i * n)),
            "These are seconds for each image; images for each second are wanted.",
        ),
        Misconception(
            "seconds_per_step",
            timed(result=lambda i, n, w, seconds: seconds / n),
            "These are seconds for each step; images for each second are wanted.",
        ),
        Misconception(
            "seconds_returned",
            timed(result=lambda i, n, w, seconds: seconds),
            "This is the time of all timed steps. How many images went through in it, by the "
            "second?",
        ),
        Misconception(
            "milliseconds",
            timed(result=lambda i, n, w, seconds: i * n / (1000 * seconds)),
            "These are images in a millisecond. Keep the seconds of the clock.",
        ),
    ),
    hints=(
        "A stopwatch is only right if nothing is under way when you press it. What may be under "
        "way before the first timed step, and behind the last one?",
        "In this order: warm up, wait, read the clock, all timed steps, wait, read the clock. "
        "time.perf_counter() is the clock.",
        "The images of all timed steps, over the seconds between the two readings.",
    ),
)
