"""Check of `a11_clip`. Oracle: torch.nn.utils.clip_grad_norm_."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception, Plain
from ..random_inputs import normal
from ..steps import read_loss

SHAPES = ((3, 4), (5,), (2, 1, 3))


def gradient_cases(g: torch.Generator) -> list[Case]:
    def case(scale: float, most: float, about: str, missing: bool = False) -> Case:
        drawn = [scale * normal(g, *shape, dtype=torch.float64) for shape in SHAPES]
        return Case({"gradients": drawn, "c": most, "missing": missing}, about)

    return [
        case(30.0, 1.0, "a norm far above c = 1"),
        case(2.0, 2.5, "a norm above c = 2.5"),
        case(0.01, 1.0, "a norm below c"),
        case(0.01, 0.4, "a norm below c = 0.4"),
        case(1e-9, 1.0, "a tiny norm"),
        case(3.0, 0.5, "one parameter has no gradient", missing=True),
    ]


class Parameters(list):
    """A list whose gradients an answer may also replace: the engine watches plain lists."""


def call_clip(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    parameters = Parameters(nn.Parameter(torch.ones_like(g)) for g in inputs["gradients"])
    for parameter, gradient in zip(parameters, inputs["gradients"], strict=True):
        parameter.grad = gradient.clone()
    if inputs["missing"]:
        parameters[1].grad = None
    norm = answer(parameters, inputs["c"])
    if norm is Ellipsis:
        return norm
    kind, value = read_loss(norm, torch.float64)
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    return {
        "kind": kind,
        "norm": value,
        "gradients": torch.cat([g.flatten() for g in grads]),
        "kept": all(bool((p == 1).all()) for p in parameters),
        "none": not inputs["missing"] or parameters[1].grad is None,
    }


def clip_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    facts: dict[str, Plain] = {
        "what comes back": outputs["kind"],
        "the parameters themselves stay": outputs["kept"],
        "a gradient that is None stays None": outputs["none"],
        "the gradients afterwards": outputs["gradients"],
    }
    if outputs["norm"] is not None:
        facts["the norm before"] = outputs["norm"]
    return facts


def present(ps: list) -> list[Tensor]:
    return [p.grad for p in ps if p.grad is not None]


def total(ps: list) -> Tensor:
    return torch.cat([g.flatten() for g in present(ps)]).norm()


def clipping(
    factor: Callable[[Tensor, float], Any],
    norm: Callable = total,
    result: Callable = lambda before, after: before,
) -> Callable:
    """All gradients times one factor of norm and c."""

    def clip(ps, c):
        before = norm(ps)
        for gradient in present(ps):
            gradient.mul_(factor(before, c))
        return result(before, total(ps))

    return clip


def right_factor(norm: Tensor, c: float) -> Tensor:
    return (c / norm).clamp(max=1.0)


def one_by_one(ps, c):
    before = total(ps)
    for gradient in present(ps):
        gradient.mul_(right_factor(gradient.norm(), c))
    return before


def by_value(ps, c):
    before = total(ps)
    for gradient in present(ps):
        gradient.clamp_(-c, c)
    return before


def weights_clipped(ps, c):
    before = total(ps)
    with torch.no_grad():
        for parameter in ps:
            parameter.clamp_(-c / 2, c / 2)
    return before


def fills_none(ps, c):
    for parameter in ps:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    return clipping(right_factor)(ps, c)


EXERCISE = Exercise(
    name="clinic.a11_clip",
    signature="(ps, c)",
    oracle=lambda ps, c: nn.utils.clip_grad_norm_(ps, c),
    cases=gradient_cases,
    call=call_clip,
    facts=clip_facts,
    slow=True,
    rtol=1e-4,  # torch adds 1e-6 to the norm
    atol=1e-12,
    misconceptions=(
        Misconception(
            "raises_small_gradients",
            clipping(lambda norm, c: c / norm),
            "Small gradients were made longer, up to c. That is normalizing, what the published "
            "text expects of clipping; clipping leaves a norm below c as it is.",
        ),
        Misconception(
            "floor_for_small_gradients",
            clipping(lambda norm, c: right_factor(norm, c) if norm > c / 2 else c / 2 / norm),
            "Vanishing gradients were lifted. Clipping is an upper bound alone: it multiplies by "
            "at most 1.",
        ),
        Misconception(
            "bounded_by_c",
            clipping(lambda norm, c: min(c, c / norm)),
            "The factor is bounded by c, not by 1, so short gradients are changed as well. A "
            "factor of 1 leaves them as they are.",
        ),
        Misconception(
            "nothing_clipped",
            clipping(lambda norm, c: 1.0),
            "The gradients are as they were. It has to write into .grad, in place.",
        ),
        Misconception(
            "each_by_itself",
            one_by_one,
            "Each parameter's gradient was clipped by itself, which turns the direction of the "
            "step. One norm and one factor belong to all of them together.",
        ),
        Misconception(
            "by_value",
            by_value,
            "Each number was cut off at ±c, which turns the direction. The whole gradient is made "
            "shorter by one factor.",
        ),
        Misconception(
            "weights_clipped",
            weights_clipped,
            "The parameters were clamped, as in the first WGAN. Their gradients are to be clipped.",
        ),
        Misconception(
            "largest_number",
            clipping(right_factor, norm=lambda ps: max(g.abs().max() for g in present(ps))),
            "The largest number was taken for the norm. It is the root of the sum of all squares.",
        ),
        Misconception(
            "sum_of_norms",
            clipping(right_factor, norm=lambda ps: sum(g.norm() for g in present(ps))),
            "The parameters' norms were added. Their squares add: the norm of all together is the "
            "root of the sum of squared norms.",
        ),
        Misconception(
            "square_not_rooted",
            clipping(right_factor, norm=lambda ps: total(ps).square()),
            "This is the sum of squares. The norm is its root.",
        ),
        Misconception(
            "sum_of_numbers",
            clipping(right_factor, norm=lambda ps: sum(g.abs().sum() for g in present(ps))),
            "The absolute values were added. The norm is the root of the sum of squares.",
        ),
        Misconception(
            "none_not_skipped",
            lambda ps, c: torch.cat([p.grad.flatten() for p in ps]).norm(),
            "A parameter that took no part has None for a gradient. Skip it.",
            error="'NoneType' object has no attribute",
        ),
        Misconception(
            "always_divided",
            clipping(lambda norm, c: 1 / norm if norm > c else 1.0),
            "A long gradient was brought to the norm 1 instead of c.",
        ),
        Misconception(
            "norm_after",
            clipping(right_factor, result=lambda before, after: after),
            "The gradients are right, and the norm after clipping came back. Return the one before "
            "it: that tells whether anything was clipped.",
        ),
        Misconception(
            "nothing_returned",
            clipping(right_factor, result=lambda before, after: None),
            "The gradients are right. Return the norm that they had before.",
        ),
        Misconception(
            "none_filled",
            fills_none,
            "A parameter without a gradient got one of zeros. Skip it: an optimizer treats the two "
            "differently.",
        ),
    ),
    hints=(
        "By which factor does a gradient of norm 3,000 shrink to norm 1? And one of norm 3e-8?",
        "One factor for all: the smaller of 1 and c over the norm of all gradients together.",
        "The squared norms of the parameters add up. Write with mul_, skip where .grad is None, "
        "and return the norm from before.",
    ),
)
