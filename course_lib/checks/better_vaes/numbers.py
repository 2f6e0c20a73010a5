"""A single number, however it was returned: as Python's own, NumPy's, or as a tensor."""

from __future__ import annotations

from typing import Any


def as_float(result: Any) -> Any:
    """The number as a float; anything else as it is, for the judge to complain about."""
    if getattr(result, "ndim", None) == 0:
        result = result.item()
    plain = isinstance(result, int | float) and not isinstance(result, bool)
    return float(result) if plain else result


def as_integer(result: Any) -> Any:
    """A whole number as an int; anything else as `as_float` gives it."""
    result = as_float(result)
    return int(result) if isinstance(result, float) and result.is_integer() else result
