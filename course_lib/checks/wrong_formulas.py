"""Mistakes that any formula can have, made from a right one, and their sentences."""

from __future__ import annotations

import math
from collections.abc import Callable

IN_BITS = "These are bits. The course counts in nats: use the natural logarithm."
BATCH_AVERAGED = (
    "The batch was averaged too. Give one value for each example; the loss averages later."
)
BATCH_SUMMED = "The batch was added up too. Give one value for each example."
DIMENSIONS_APART = (
    "These are the divergences of the single dimensions; add them over the last axis."
)
LOG_VAR_AS_LOG_STD = (
    "log_var was read as the logarithm of the standard deviation. exp(log_var) is the variance "
    "already."
)
FLOOR = (
    "binary_cross_entropy never charges more than 100 nats, and a logit of ±200 costs 200 where it "
    "is wrong. The version that takes logits has no such floor."
)
SIGMOID_BEFORE_LOSS = "A sigmoid was applied to the logits before a loss that has its own."


def negated(formula: Callable) -> Callable:
    return scaled(formula, -1)


def doubled(formula: Callable) -> Callable:
    return scaled(formula, 2)


def in_bits(formula: Callable) -> Callable:
    return scaled(formula, 1 / math.log(2))


def scaled(formula: Callable, factor: float) -> Callable:
    return lambda *inputs: factor * formula(*inputs)


def averaged(formula: Callable) -> Callable:
    return lambda *inputs: formula(*inputs).mean()


def summed(formula: Callable) -> Callable:
    return lambda *inputs: formula(*inputs).sum()


def last_axis_averaged(formula: Callable) -> Callable:
    """Where the formula adds over the last axis of its first input."""
    return lambda *inputs: formula(*inputs) / inputs[0].shape[-1]
