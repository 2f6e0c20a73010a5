"""Check of `roofline_seconds`. Oracle: the shortest time that is enough, by bisection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from ..declare import Case, Exercise, Misconception, Plain

NAMES = ("flops", "bytes", "peak_flops", "peak_bandwidth")


def enough_time(flops, bytes, peak_flops, peak_bandwidth):
    """The least time in which the device can do both, found by halving an interval."""

    def enough(seconds: float) -> bool:
        return seconds * peak_flops >= flops and seconds * peak_bandwidth >= bytes

    low, high = 0.0, 1e-9
    while not enough(high):
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def roofline_cases(generator: torch.Generator) -> list[Case]:
    def case(flops: float, bytes: float, about: str, extreme: bool = False) -> Case:
        peaks = (2e11 * (1 + draw()), 2e10 * (1 + draw()))
        return Case(dict(zip(NAMES, (flops, bytes, *peaks), strict=True)), about, extreme)

    def draw() -> float:
        return torch.rand((), generator=generator, dtype=torch.float64).item()

    many, few = 1e9 * (1 + draw()), 1e6 * (1 + draw())
    return [
        case(many, few, "much arithmetic, few bytes"),
        case(few, many, "little arithmetic, many bytes"),
        case(80_281_600, 2_058_432, "a linear layer"),
        case(2 * many, many, "two operations for each byte"),
        case(0, many, "a copy: no arithmetic at all", extreme=True),
    ]


def number_facts(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Plain]:
    return {"value": float(outputs["value"])}


def scaled(factor: float) -> Callable:
    return lambda *given: factor * enough_time(*given)


def intensity_first(flops, bytes, peak_flops, peak_bandwidth):
    return flops / min(peak_flops, peak_bandwidth * (flops / bytes))


EXERCISE = Exercise(
    name="fast_training.roofline_seconds",
    signature="(flops, bytes, peak_flops, peak_bandwidth)",
    unit="seconds",
    oracle=enough_time,
    cases=roofline_cases,
    facts=number_facts,
    misconceptions=(
        Misconception(
            "added",
            lambda f, b, pf, pb: f / pf + b / pb,
            "The two times were added, as if the device computed first and moved bytes afterwards. "
            "It does both at once, so the lower bound is the time of the slower of the two.",
        ),
        Misconception(
            "compared_without_peaks",
            lambda f, b, pf, pb: f / pf if f > b else b / pb,
            "Operations and bytes were compared with each other as they are. A device does several "
            "operations in the time of one byte: compare the two times.",
        ),
        Misconception(
            "faster_of_the_two",
            lambda f, b, pf, pb: min(f / pf, b / pb),
            "This is the shorter of the two times. Both must be done: the step is not over before "
            "the slower one is.",
        ),
        Misconception(
            "arithmetic_only",
            lambda f, b, pf, pb: f / pf,
            "Only the arithmetic was counted. Its numbers must come from memory, and that can take "
            "longer.",
        ),
        Misconception(
            "bytes_only",
            lambda f, b, pf, pb: b / pb,
            "Only the bytes were counted. With many operations for each byte the arithmetic takes "
            "longer.",
        ),
        Misconception(
            "no_arithmetic_divides_by_zero",
            intensity_first,
            "With 0 operations the arithmetic intensity is 0 and so is the attainable rate. Give "
            "each of the two its own time instead; a copy costs bytes.",
        ),
        Misconception(
            "rate",
            lambda f, b, pf, pb: min(pf, pb * f / b),
            "This is the attainable rate, in operations a second: the roof itself. The question is "
            "how many seconds the work takes under it.",
        ),
        Misconception(
            "upside_down",
            lambda f, b, pf, pb: max(pf / f if f else 0.0, pb / b),
            "The ratios stand upside down: how often a second this could be done. A time is work "
            "over rate.",
        ),
        Misconception(
            "peaks_exchanged",
            lambda f, b, pf, pb: max(f / pb, b / pf),
            "The peaks are exchanged: operations are done at the rate of the arithmetic, bytes "
            "arrive at the rate of the memory.",
        ),
        Misconception(
            "multiplied",
            lambda f, b, pf, pb: max(f * pf, b * pb),
            "Work was multiplied by rates. A time is work divided by the rate at which it is done.",
        ),
        Misconception(
            "rates_added",
            lambda f, b, pf, pb: 1 / ((pf / f if f else 0.0) + pb / b),
            "The two were combined as if either one alone could do the whole work. Both must be "
            "done, and the slower one decides.",
        ),
        Misconception(
            "intensity_compared",
            lambda f, b, pf, pb: (f / b) / (pf / pb),
            "This is the arithmetic intensity over the device's ratio of peaks. It says which of "
            "the two decides; the time of that one is wanted.",
        ),
        Misconception(
            "both_times",
            lambda f, b, pf, pb: (f / pf, b / pb),
            "Both times came back. The work takes at least the longer one: return that.",
        ),
        Misconception(
            "max_of_tensors",
            lambda f, b, pf, pb: torch.max(f / pf, b / pb),
            "torch.max compares tensors, and these are Python's numbers. Python has its own max.",
            error="max() received an invalid combination",
        ),
        Misconception(
            "averaged",
            lambda f, b, pf, pb: (f / pf + b / pb) / 2,
            "This is the mean of the two times, and no device can be quicker than the longer one.",
        ),
        Misconception(
            "bits",
            lambda f, b, pf, pb: max(f / pf, 8 * b / pb),
            "The bytes were counted as bits. Both the traffic and the bandwidth are in bytes here.",
        ),
        Misconception(
            "floats",
            lambda f, b, pf, pb: max(f / pf, 4 * b / pb),
            "The bytes were multiplied by 4, as if they were float32 numbers. Bytes are bytes "
            "already.",
        ),
        Misconception(
            "whole_seconds",
            lambda f, b, pf, pb: max(f // pf, b // pb),
            "// divides and drops what is behind the point, so less than a second became 0. Divide "
            "with /.",
        ),
        Misconception("milliseconds", scaled(1e3), "These are milliseconds. Return seconds."),
        Misconception("microseconds", scaled(1e6), "These are microseconds. Return seconds."),
    ),
    hints=(
        "How long would the arithmetic take if bytes cost nothing? And the bytes, if arithmetic "
        "cost nothing?",
        "Both go on at the same time. When is the later of the two finished?",
    ),
)
