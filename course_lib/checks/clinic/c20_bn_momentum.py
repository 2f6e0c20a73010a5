"""Check of `c20_bn_momentum`. Oracle: the rate is found by running both rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception, Plain
from ..observing import Handed, describe_type
from ..random_inputs import normal


def momentum_cases(g: torch.Generator) -> list[Case]:
    def case(k: float) -> Case:
        return Case({"k": k, "batches": 2 + normal(g, 3, 6, 1)}, f"k = {k}")

    return [case(0.8), case(0.99), case(round(0.55 + 0.2 * torch.rand((), generator=g).item(), 3))]


def call_momentum(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """The number, and the running mean of a layer that uses it."""
    result = answer(inputs["k"])
    single = isinstance(result, Tensor) and result.numel() == 1
    if result is Ellipsis or not (single or isinstance(result, int | float)):
        return Handed(f"the text {result!r}" if isinstance(result, str) else result)
    return float(result)


def running_mean(momentum: float, batches: Tensor) -> Tensor:
    layer = nn.BatchNorm1d(1, momentum=momentum)
    with torch.no_grad():
        for batch in batches:
            layer(batch)
    return layer.running_mean.clone()


def momentum_facts(inputs: Mapping[str, Any], outputs: Mapping[str, Plain]) -> dict[str, Plain]:
    value = outputs["value"]
    if not isinstance(value, float):
        return {"what comes back": value if isinstance(value, str) else describe_type(value)}
    mean = running_mean(value, inputs["batches"])
    return {
        "what comes back": "a number",
        "momentum for PyTorch": value,
        "the running mean of a layer with it after three batches": mean,
    }


def by_one_update(k: float, *_: Any) -> float:
    """Keras moves a mean of 0 towards a batch whose mean is 1: as far as PyTorch's must move."""
    moving, batch = 0.0, 1.0
    return k * moving + (1 - k) * batch


EXERCISE = Exercise(
    name="clinic.c20_bn_momentum",
    signature="(k)",
    oracle=by_one_update,
    cases=momentum_cases,
    call=call_momentum,
    facts=momentum_facts,
    coincident=True,
    misconceptions=(
        Misconception(
            "taken_over",
            lambda k: k,
            "The number is Keras's own. In PyTorch it would be the weight of the *new* batch, so "
            "the running mean follows the last batch alone.",
        ),
        Misconception(
            "constant_of_the_case",
            lambda k: 0.2,
            "This is right for k = 0.8 alone. Compute it from k.",
            also=(lambda k: k / 4, lambda k: k - 0.6),
        ),
        Misconception(
            "torchs_default",
            lambda k: 0.1,
            "This is PyTorch's default, whatever k is. Compute it from k.",
        ),
        Misconception("inverse", lambda k: 1 / k, "Not the inverse: look at the two update rules."),
        Misconception(
            "negative", lambda k: -k, "A negative weight moves the mean away from the data."
        ),
        Misconception(
            "percent", lambda k: 100 * (1 - k), "This is a percentage. A share is wanted."
        ),
        Misconception(
            "off_by_sign",
            lambda k: k - 1,
            "The sign is turned round: the share of the new batch is positive.",
        ),
        Misconception(
            "squared",
            lambda k: 1 - k**2,
            "k was squared. One update forgets 1 - k of the old mean, and PyTorch counts in "
            "updates as well.",
        ),
        Misconception(
            "odds",
            lambda k: (1 - k) / k,
            "The share of the new batch is not measured in units of k.",
        ),
        Misconception(
            "added",
            lambda k: 1 + k,
            "The two weights of a rule add to 1: yours is larger than all of it.",
        ),
        Misconception(
            "rate_in_time",
            lambda k: -math.log(k),
            "This is the rate of a decay in continuous time, near the right number where k is near "
            "1. The rule of a batch is exact: what share of the old mean is forgotten?",
        ),
        Misconception(
            "rounded",
            lambda k: round(1 - k),
            "The share was rounded to a whole number.",
        ),
        Misconception(
            "half",
            lambda k: (1 - k) / 2,
            "It is half of what it should be: the two weights add to 1.",
        ),
        Misconception(
            "cumulative",
            lambda k: None,
            "None makes PyTorch take the plain average of all batches. Keras's rule forgets.",
        ),
    ),
    hints=(
        "Write both rules with the words «old» and «new». Which of the two does each library's "
        "momentum multiply?",
        "The two weights of one rule add to 1.",
    ),
)
