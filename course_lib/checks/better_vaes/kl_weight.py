"""Check of `kl_weight`. Oracle: interpolation by NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy
import torch

from ..declare import Case, Exercise, Misconception, Plain
from .numbers import as_float


def weight_cases(generator: torch.Generator) -> list[Case]:
    def some(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    def case(step: int, warmup_steps: int, extreme: bool = False) -> Case:
        inputs = {"step": step, "warmup_steps": warmup_steps}
        return Case(inputs, f"step {step} of {warmup_steps}", extreme)

    length = 3 * some(20, 300)
    return [
        case(some(2, length // 2 - 2), length),
        case(some(length // 2 + 2, length - 2), length),
        case(0, length),
        case(length, length),
        case(length + some(2, length - 2), length),
        case(5 * length + 1, length),
        case(length // 3, length),
        case(0, 0, extreme=True),
        case(7, 0, extreme=True),
    ]


def interpolated(step: int, warmup_steps: int) -> float:
    if warmup_steps == 0:
        return 1.0
    return float(numpy.interp(step, [0, warmup_steps], [0.0, 1.0]))


def call_weight(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Plain]:
    return {"value": as_float(answer(*inputs.values()))}


def unless_zero(weight: Callable) -> Callable:
    """A mistake elsewhere, with no warm-up handled rightly."""
    return lambda step, warmup: weight(step, warmup) if warmup else 1.0


EXERCISE = Exercise(
    name="better_vaes.kl_weight",
    signature="(step, warmup_steps)",
    oracle=interpolated,
    coincident=True,
    cases=weight_cases,
    call=call_weight,
    misconceptions=(
        Misconception(
            "never_stops",
            unless_zero(lambda step, warmup: step / warmup),
            "The weight goes on beyond 1. After the warm-up it stays at 1, where the loss is the "
            "negative ELBO.",
        ),
        Misconception(
            "falling",
            unless_zero(lambda step, warmup: max(0.0, 1 - step / warmup)),
            "The weight falls from 1 to 0. It should be weak first: the code is to become useful "
            "before it is charged.",
        ),
        Misconception(
            "integer_division",
            unless_zero(lambda step, warmup: min(1, step // warmup)),
            "The weight jumps from 0 to 1 at the end of the warm-up (was the division rounded "
            "down?). It should rise along a straight line.",
        ),
        Misconception(
            "one_step_ahead",
            unless_zero(lambda step, warmup: min(1.0, (step + 1) / warmup)),
            "It is one step ahead: at step 0 the weight is 0.",
        ),
        Misconception(
            "one_step_short",
            unless_zero(lambda step, warmup: min(1.0, step / max(1, warmup - 1))),
            "It arrives one step early: the weight is 1 at step warmup_steps, not before.",
        ),
        Misconception(
            "larger_of_the_two",
            unless_zero(lambda step, warmup: max(1.0, step / warmup)),
            "The weight is never below 1: the larger of 1 and the share was taken. It is the "
            "smaller of the two.",
        ),
        Misconception(
            "back_to_zero",
            unless_zero(lambda step, warmup: step / warmup if step < warmup else 0.0),
            "The weight rises, and falls back to 0 when the warm-up is over. From then on it stays "
            "at 1.",
        ),
        Misconception(
            "percent",
            lambda step, warmup: 100 * interpolated(step, warmup),
            "This is a percentage. The weight goes from 0 to 1.",
        ),
        Misconception(
            "zero_without_warmup",
            lambda step, warmup: interpolated(step, warmup) if warmup else 0.0,
            "Without a warm-up (warmup_steps = 0) the weight is 0 for ever, so that the code would "
            "never be charged. It is 1 from the start.",
        ),
        Misconception(
            "curved",
            unless_zero(lambda step, warmup: min(1.0, (step / warmup) ** 2)),
            "The weight rises along a curve. A straight line is wanted.",
            also=(
                unless_zero(lambda step, warmup: min(1.0, (step / warmup) ** 0.5)),
                unless_zero(lambda step, warmup: math.tanh(step / warmup)),
                unless_zero(lambda step, warmup: 1 - math.exp(-step / warmup)),
            ),
        ),
        Misconception(
            "arrives_late",
            unless_zero(lambda step, warmup: min(1.0, step / (2 * warmup))),
            "At step warmup_steps the weight is not yet 1: the step was divided by more than "
            "warmup_steps.",
            also=(unless_zero(lambda step, warmup: min(1.0, step / (warmup + 1))),),
        ),
        Misconception(
            "cyclic",
            unless_zero(lambda step, warmup: step % warmup / warmup),
            "The weight starts again and again (a cyclical schedule). Here it rises once and "
            "stays at 1.",
        ),
        Misconception(
            "sigmoid",
            unless_zero(lambda step, warmup: 1 / (1 + math.exp(-10 * (step / warmup - 0.5)))),
            "This is an S-shaped schedule, never quite 0 nor 1. Linear is wanted.",
            also=(
                unless_zero(lambda step, warmup: 1 / (1 + math.exp(-step / warmup))),
                unless_zero(lambda step, warmup: 1 / (1 + math.exp(warmup / 2 - step))),
            ),
        ),
        Misconception(
            "cosine",
            unless_zero(lambda step, warmup: (1 - math.cos(math.pi * min(1, step / warmup))) / 2),
            "This rises along a cosine. Linear is wanted.",
        ),
        Misconception(
            "inverted",
            unless_zero(lambda step, warmup: min(1.0, warmup / max(step, 1))),
            "The fraction is upside down: step over warmup_steps.",
            also=(unless_zero(lambda step, warmup: min(1.0, warmup / step) if step else 0.0),),
        ),
        Misconception(
            "step_instead",
            lambda step, warmup: min(1.0, float(step)),
            "The weight does not depend on warmup_steps: it is 1 from step 1 on.",
        ),
        Misconception(
            "division_by_zero",
            lambda step, warmup: min(1.0, step / warmup),
            "warmup_steps = 0 means no warm-up: the weight is 1 from the start, and nothing may be "
            "divided by 0.",
        ),
        Misconception(
            "zero_first_without_warmup",
            lambda step, warmup: min(1.0, step / max(1, warmup)),
            "With warmup_steps = 0 there is no warm-up, so the weight is 1 at step 0 as well.",
        ),
    ),
    hints=(
        "A straight line that stops at 1. What is it at step 0, halfway, and at the end?",
        "It is the share of the warm-up that has passed, and never more than 1.",
        "Take the smaller of 1 and the share; and think of warmup_steps = 0 before you divide.",
    ),
)
