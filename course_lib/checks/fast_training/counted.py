"""What the two counting exercises share: PyTorch's own counter, sizes, and common sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..declare import Plain

PRIMES = torch.tensor([3, 5, 7, 11, 13, 17, 19, 23])

MULTIPLY_ADD_AS_ONE = (
    "These are multiply-adds. Each is two operations, a multiplication and an addition, and data "
    "sheets count both."
)
BIAS_COUNTED = (
    "The bias was counted as well. PyTorch's counter, and with it this exercise, leaves the bias "
    "out: it is one addition for each output, beside hundreds."
)
BIAS_AS_MULTIPLY_ADD = (
    "The bias was counted, as one more input with a multiply-add of its own. It is only added, and "
    "the convention leaves it out."
)
ONE_ADDITION_LESS = (
    "A sum of n products needs n - 1 additions, that is true. The convention counts n: hardware "
    "adds each product to a running sum, which starts at 0 or at the bias."
)
BACKWARD_COUNTED = (
    "This is three times the count: the backward pass was included. Asked is the forward pass "
    "alone."
)
MULTIPLY_ADDS_AND_BIAS = (
    "The bias was counted, and each multiply-add as one operation. The convention counts two, and "
    "leaves the bias out."
)
COUNTED_TWICE = "This is twice the count: a multiply-add is two operations, and no more."
IN_MILLIONS = "These are millions of operations. Return their number; the lesson divides later."
ONE_EXAMPLE = "This is the count of one example. Every example of the batch costs as much."


def distinct_sizes(generator: torch.Generator, count: int) -> list[int]:
    """Primes, no two alike, so that a forgotten or exchanged factor shows."""
    return PRIMES[torch.randperm(len(PRIMES), generator=generator)[:count]].tolist()


def forward_flops(layer: torch.nn.Module, *shape: int) -> int:
    """What PyTorch counts for one forward pass, on a device that has shapes and no numbers."""
    with FlopCounterMode(display=False) as counter:
        layer(torch.empty(*shape, device="meta"))
    return counter.get_total_flops()


def count_facts(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Plain]:
    """A whole number is the same count as int, as float, or as a tensor."""
    value = float(outputs["value"])
    return {"value": int(value) if value.is_integer() else value}


def three_times(count: Callable) -> Callable:
    return lambda *sizes: 3 * count(*sizes)


def half(count: Callable) -> Callable:
    return lambda *sizes: count(*sizes) // 2
