"""What must hold of any right module, read from the record of `modules.examine`.

An exercise's `facts` are `module_facts`, to which a lesson may add its own. What shapes and ranges
are wanted, the exercise's oracle shows by its own record.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from .declare import Plain
from .modules import BOUND, given

# Of an output within a range: where rounding and clipping leave its slope, and the way back from
# the function that maps all numbers onto the range.
INSIDE = {
    "between -1 and 1": lambda y: y.where(y.abs() < 0.99, math.nan),
    "between 0 and 1": lambda y: y.where((y - 0.5).abs() < 0.495, math.nan),
}
INVERSE = {"between -1 and 1": torch.atanh, "between 0 and 1": torch.logit}


def module_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    """What must hold of any right module, the most basic first."""
    facts = form_facts(inputs, record)
    if record["outputs"] is None:
        return facts
    facts |= behaviour_facts(record) | learning_facts(inputs, record)
    if not agree(record["outputs"], record["again"]):
        return facts  # what follows would be chance
    return facts | value_facts(list(inputs["outputs"]), record)


def form_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    facts = {"what the class builds": record["kind"], "what forward returns": record["returned"]}
    for key, suffix in (("forms", ""), ("single", " for a batch of one")):
        for name, text in zip(inputs["outputs"], record[key] or (), strict=False):
            facts[f"{name}{suffix}"] = text
    return facts


def behaviour_facts(record: Mapping[str, Any]) -> dict[str, Plain]:
    outputs, copied = record["outputs"], record["copied"]
    first = [o[:3] for o in outputs]
    return {
        "there are parameters to learn": bool(record["parameters"]),
        "every output is finite": all(bool(o.isfinite().all()) for o in outputs),
        "in eval mode two calls with the same input agree": agree(outputs, record["again"]),
        "in eval mode each example is treated on its own": agree(first, record["apart"]),
        "a copy loaded from the state_dict does the same": copied is not None
        and agree(outputs, copied),
    }


def learning_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    facts: dict[str, Plain] = {}
    if inputs["width"]:
        facts[f"{inputs['width']} decides how wide the layers are"] = (
            record["wider"] > record["parameters"]
        )
    facts["parameters without a gradient"] = record["without gradient"]
    shares = record["influence"] or [0.0] * len(given(inputs))
    for (name, batch), share in zip(given(inputs).items(), shares, strict=True):
        if batch.is_floating_point():
            # strides and pooling leave pixels of an image out; a vector has no such excuse
            least = 0.5 if batch.ndim > 2 else 0.999
            facts[f"the whole of {name} has an influence"] = share > least
    return facts


def value_facts(names: list[str], record: Mapping[str, Any]) -> dict[str, Plain]:
    outputs = dict(zip(names, record["outputs"], strict=True))
    ends = zip(record["lowest"] or (), record["highest"] or (), strict=True)
    ranges = [name_range(low, high) for low, high in ends] or ["unknown"] * len(names)
    facts: dict[str, Plain] = {}
    for name, output in outputs.items():
        facts[f"the input has an effect on {name}"] = bool(output.std(0).max() > 1e-6)
    facts["the network is more than one linear map"] = bends(record["lines"], ranges)
    for (name, one), (other_name, other) in combinations(outputs.items(), 2):
        if one.shape == other.shape:
            facts[f"{name} and {other_name} differ"] = not agree([one], [other])
    return facts | {f"the range of {n}": kind for n, kind in zip(names, ranges, strict=True)}


def agree(one: list[Tensor], other: list[Tensor]) -> bool:
    """Equal but for rounding, which grows with the largest value."""
    return all(
        bool((a - b).abs().max() <= 1e-5 + 1e-3 * a.abs().max())
        for a, b in zip(one, other, strict=True)
    )


def bends(lines: list, ranges: list[str]) -> bool:
    """Whether some output, halfway between two inputs, is not the mean of its values there.

    A clamp, tanh or sigmoid behind a linear map does not count: it alone makes no network.
    """
    return any(
        bent_inside(line, kind)
        for outputs in lines
        for kind, *line in zip(ranges, *outputs, strict=True)
    )


def bent_inside(line: list[Tensor], kind: str) -> bool:
    if kind not in INSIDE:
        return bent(line)
    line = [INSIDE[kind](end) for end in line]
    return bent(line) and bent([INVERSE[kind](end) for end in line])


def bent(line: list[Tensor]) -> bool:
    values = torch.stack(line)
    values = values[:, values.isfinite().all(0)]
    if values.shape[1] < 2:
        return False
    start, middle, end = values
    return bool((start + end - 2 * middle).abs().max() > 2e-3 * values.std())


def name_range(low: float, high: float) -> str:
    """The range in words; `low` and `high` are the farthest that pulling went."""
    known = {
        ("beyond", "beyond"): "unbounded",
        ("one", "one"): "between -1 and 1",
        ("zero", "one"): "between 0 and 1",
        ("zero", "beyond"): "never negative",
        ("beyond", "zero"): "never positive",
    }
    ends = (name_end(-low), name_end(high))
    if ends.count("beyond") == 1:
        return known.get(ends, "bounded below" if ends[1] == "beyond" else "bounded above")
    return known.get(ends, "bounded")


def name_end(farthest: float) -> str:
    if farthest < 1e-3:
        return "zero"
    return "one" if 0.9 < farthest < 1.001 else "beyond" if farthest > BOUND else "between"
