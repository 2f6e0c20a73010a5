"""Check of `throughput`. Oracle: its own stopwatch around a device that works behind the scenes.

The step of the check is asynchronous, as on a GPU: it returns at once and the work goes on. The
driver notes when each call began and ended. A clock that is read where it should be can only have
been read between two of those moments, so what is right follows from the notes, whichever clock was
read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from ..declare import Case, Exercise, Misconception, Plain
from .device import BusyDevice, PretendedTime, RealTime

SLACK = 1.01  # two clocks of one machine agree better than this


def measure(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    pretended = PretendedTime()
    try:
        with pretended.on_the_clocks_of(answer):
            record = measure_in(pretended, answer, inputs)
    except ArithmeticError:  # a coarse clock out of reach saw no time go by
        if pretended.readings:
            raise
    return record if pretended.readings else measure_in(RealTime(), answer, inputs)


def measure_in(clock: PretendedTime | RealTime, answer: Callable, inputs: Mapping) -> dict:
    device = BusyDevice(inputs["seconds"], inputs["first"], clock)
    arguments = [inputs[name] for name in ("images_per_step", "steps", "warmup")]
    begin = clock.now()
    result = answer(device.step, *arguments, device.synchronize)
    end = clock.now()
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
        syncs = [i for i, (name, *_) in enumerate(notes) if name != "step"]
        before = sum(i < syncs[0] for i in at) if syncs else len(at)
        return facts | {"calls of step": len(at), "of them before synchronize()": before}
    last_warm, first, last = at[warmup - 1], at[warmup], at[-1]
    facts["what is returned"] = returned = name_result(inputs, record, last_warm, first, last)
    if BEFORE_WARMUP in returned:  # where it waited does not matter then
        return facts
    return facts | {
        "synchronize() is called between the warm-up and the timed steps": first > last_warm + 1,
        "synchronize() is called behind the last step": last < len(notes) - 1,
        "synchronize() is called among the timed steps": last - first > steps - 1,
    }


def name_result(inputs, record, last_warm: int, first: int, last: int) -> str:
    """Which formula over which stretch of time gives this number."""
    value, spans = record["returned"], stretches(record, last_warm, first, last)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "nothing" if value is None else "no number"
    for formula, elapsed in implied_seconds(inputs, float(value)).items():
        for span, (shortest, longest) in spans.items():
            if shortest / SLACK <= elapsed <= longest * SLACK:
                return f"{formula}, {span}"
    return "a negative number" if value < 0 else "another quantity"


BEFORE_WARMUP = "over the warm-up and the timed steps"


def stretches(record, last_warm: int, first: int, last: int) -> dict[str, tuple[float, float]]:
    """The shortest and longest time that a clock can show, by where it was read."""
    notes = record["notes"]
    # the moments between which the clock can have been read
    begins = {"over the timed steps": (notes[first - 1][2], notes[first][1])}
    if first > last_warm + 1:
        unfinished = (notes[last_warm][2], notes[last_warm + 1][1])
        begins["over the timed steps and the rest of the warm-up"] = unfinished
    first_warm = next(note for note in notes if note[0] == "step")
    begins[BEFORE_WARMUP] = (record["begin"], first_warm[1])
    ends = {"": (notes[-1][2], record["end"])}
    if last < len(notes) - 1:
        ends[", stopped before they were finished"] = (notes[last][2], notes[last + 1][1])
    return {
        start + stop: (end[0] - begin[1], end[1] - begin[0])
        for stop, end in ends.items()
        for start, begin in begins.items()
    }


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
        "images times seconds": value / (images * steps),
        "seconds a step times images": steps * value / images,
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
                    read = time.perf_counter()
            return read

        begin = run(start)
        for _ in range(steps):
            step()
            if each:
                synchronize()
        return result(images_per_step, steps, warmup, run(stop) - begin)

    return answer


def timed_steps(count: Callable) -> Callable:
    """A measurement that times `count(steps, warmup)` steps behind the warm-up."""

    def answer(step, images_per_step, steps, warmup, synchronize):
        return timed()(step, images_per_step, count(steps, warmup), warmup, synchronize)

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
            "The clock was started before the warm-up, whose steps compile, allocate and fill "
            "caches. Start it after the warm-up, once the device has been waited for.",
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
            also=(timed("|"),),
        ),
        Misconception(
            "warmup_taken_from_the_steps",
            timed_steps(lambda steps, warmup: steps - warmup),
            "Too few steps were timed: the warm-up was taken from them. It comes before them and "
            "is not among their number.",
        ),
        Misconception(
            "warmup_twice",
            timed_steps(lambda steps, warmup: steps + warmup),
            "The warm-up was done, and its number of steps was timed once more beside the others.",
        ),
        Misconception(
            "step_not_called",
            timed_steps(lambda steps, warmup: 0),
            "The timed loop never calls the step: without its parentheses a name calls nothing.",
        ),
        Misconception(
            "nothing_returned",
            timed(result=lambda i, n, w, seconds: None),
            "Nothing came back. Does the last line return its number?",
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
            "clock_read_before_waiting",
            timed("w|s", "|s"),
            "The clock was read first and the device waited for afterwards, so the warm-up's end "
            "was timed and the end of the timed steps was not. Wait, then read the clock, at both "
            "ends.",
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
            "seen: only how fast it can be ordered. (Without its parentheses the name calls "
            "nothing.)",
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
            "multiplied_by_seconds",
            timed(result=lambda i, n, w, seconds: i * n * seconds),
            "The images were multiplied by the seconds. Images a second are images divided by "
            "seconds.",
        ),
        Misconception(
            "upside_down",
            timed(result=lambda i, n, w, seconds: seconds / n * i),
            "The seconds stand above the line and the steps below it. Images a second: images of "
            "all steps above, seconds below.",
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
        Misconception(
            "readings_exchanged",
            timed(result=lambda i, n, w, seconds: i * n / -seconds),
            "The later reading was taken from the earlier one. The time that went by is the second "
            "reading minus the first.",
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
