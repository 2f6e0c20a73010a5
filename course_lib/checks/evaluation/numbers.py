"""Answers that are one number or a few: as floats, or as tensors that hold one each."""

from __future__ import annotations

import numbers
from collections.abc import Callable

import torch
from torch import Tensor

from ..declare import Plain
from ..observing import Handed


def call_for(*names: str) -> Callable:
    """A `call` that takes a number for each name; anything else is handed on as it came."""

    def call(answer: Callable, inputs: dict) -> dict | Handed:
        result = answer(*inputs.values())
        parts = [result]
        if len(names) > 1:
            several = isinstance(result, tuple | list) or (
                isinstance(result, Tensor) and result.ndim == 1
            )
            parts = list(result) if several else []
        found = [as_float(part) for part in parts]
        if len(found) != len(names) or None in found:
            return Handed(result)
        return dict(zip(names, found, strict=True))

    return call


def as_float(value: object) -> float | None:
    """The number, or None where it is none (a complex one is none)."""
    if isinstance(value, Tensor):
        return None if value.numel() != 1 or value.is_complex() else float(value)
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return float(value) if real else None


def number_facts(inputs: dict, outputs: dict) -> dict[str, Plain]:
    """The numbers as float64, so that no dtype is asked for and a message has few digits."""
    return {
        name: torch.tensor(value, dtype=torch.float64) if isinstance(value, float) else value
        for name, value in outputs.items()
    }


LARGE = 100.0  # features beyond this are there to see which digits are kept
DIGITS = "the first digits of the result are right"


def number_facts_and_digits(oracle: Callable) -> Callable:
    """`number_facts`; of large features in float32 only whether the result kept its digits.

    An answer in float32 has lost them there, each in its own way, so its numbers are no facts.
    """

    def facts(inputs: dict, outputs: dict) -> dict[str, Plain]:
        given = [v for v in inputs.values() if isinstance(v, Tensor)]
        if all(v.dtype == torch.float64 or v.abs().max() < LARGE for v in given):
            return number_facts(inputs, outputs)
        want, came = oracle(*inputs.values()), outputs["value"]
        kept = isinstance(came, float) and abs(came - want) <= 0.05 * abs(want)
        return {DIGITS: kept}

    return facts


def relu_features(generator: torch.Generator, count: int, mix: Tensor, shift: float) -> Tensor:
    """Features `(count, D)` in float64, none below 0, correlated by `mix` `(D, D)`."""
    noise = torch.randn(count, len(mix), generator=generator, dtype=torch.float64)
    return (noise @ mix + shift).relu()


def mixing(generator: torch.Generator, size: int) -> Tensor:
    return torch.randn(size, size, generator=generator, dtype=torch.float64) / 2
