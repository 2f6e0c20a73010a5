"""Answers that are one number or a few: as floats, or as tensors that hold one each."""

from __future__ import annotations

import numbers

from torch import Tensor

from ..declare import Plain
from ..observing import describe_type


def as_float(value: object) -> float | None:
    """The number, or None where it is none (a complex one is none)."""
    if isinstance(value, Tensor):
        return None if value.numel() != 1 or value.is_complex() else float(value.detach())
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return float(value) if real else None


def read_number(value: object) -> Plain:
    """A float, or what came in its place, in words."""
    number = as_float(value)
    return describe_type(value) if number is None else number
