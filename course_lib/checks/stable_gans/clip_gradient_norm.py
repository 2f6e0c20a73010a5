"""Check of `clip_gradient_norm`. Oracle: torch.nn.utils.clip_grad_norm_."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception, Plain
from ..random_inputs import normal
from .numbers import read_number

SHAPES = ((3, 4), (5,), (2, 1, 3), (4,))
WITHOUT = 1  # the second parameter has no gradient in the cases that say so


def clip_cases(g: torch.Generator) -> list[Case]:
    def inputs(size: float, limit: float, missing: bool = False, dtype=torch.float64) -> dict:
        gradients = [size * normal(g, *shape, dtype=dtype) for shape in SHAPES]
        values = [normal(g, *shape, dtype=dtype) for shape in SHAPES]
        return {"values": values, "gradients": gradients, "missing": missing, "max_norm": limit}

    zero = inputs(0.0, 2.0)
    return [
        Case(inputs(1.0, 0.7), "gradients longer than max_norm"),
        Case(inputs(0.01, 0.7), "gradients shorter than max_norm"),
        Case(inputs(2.0, 1.5, missing=True), "a parameter without a gradient"),
        Case(inputs(3.0, 2.5, dtype=torch.float32), "long gradients, in float32"),
        Case(zero, "gradients of 0", extreme=True),
    ]


def clip(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters come as `model.parameters()` does: they can be gone through once."""
    values, gradients, missing, max_norm = inputs.values()
    parameters = [nn.Parameter(value.clone()) for value in values]
    for number, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
        parameter.grad = None if missing and number == WITHOUT else gradient.clone()
    result = answer((p for p in parameters), max_norm)
    if result is Ellipsis:
        raise NotImplementedError
    left = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    return {
        "norm": read_number(result),
        "after": torch.cat([gradient.flatten() for gradient in left]),
        "stay": all(torch.equal(p, v) for p, v in zip(parameters, values, strict=True)),
    }


def clip_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    norm = record["norm"]
    if isinstance(norm, float):
        norm = torch.tensor(norm, dtype=inputs["values"][0].dtype)
    return {
        "the parameters themselves stay as they were": record["stay"],
        "the gradients afterwards": record["after"],
        "the norm that is returned": norm,
    }


def written(
    norm: Callable = lambda gs: torch.cat([g.flatten() for g in gs]).norm(),
    scale: Callable = lambda total, limit: min(1.0, limit / max(float(total), 1e-30)),
    back: Callable = lambda total, factor, gs: total,
) -> Callable:
    """Clipping with its parts exposed, so that a mistake can replace one."""

    def answer(parameters, max_norm):
        gradients = [p.grad for p in parameters if p.grad is not None]
        total = norm(gradients)
        factor = scale(total, max_norm)
        for gradient in gradients:
            gradient.mul_(factor)
        return back(total, factor, gradients)

    return answer


def each_by_itself(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    total = torch.cat([g.flatten() for g in gradients]).norm()
    for gradient in gradients:
        gradient.mul_(min(1.0, max_norm / max(gradient.norm().item(), 1e-30)))
    return total


def each_in_turn(parameters, max_norm):
    total = 0.0
    for parameter in parameters:
        if parameter.grad is not None:
            norm = parameter.grad.norm()
            total = total + norm
            parameter.grad.mul_(min(1.0, max_norm / max(norm.item(), 1e-30)))
    return total


def each_with_its_norm(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norms = [g.norm() for g in gradients]
    for gradient, norm in zip(gradients, norms, strict=True):
        gradient.mul_(min(1.0, max_norm / max(norm.item(), 1e-30)))
    return norms


def clamped(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    total = torch.cat([g.flatten() for g in gradients]).norm()
    for gradient in gradients:
        gradient.clamp_(-max_norm, max_norm)
    return total


def copies(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    total = torch.cat([g.flatten() for g in gradients]).norm()
    for gradient in gradients:
        gradient = gradient * min(1.0, max_norm / max(total.item(), 1e-30))
    return total


def weights_clipped(parameters, max_norm):
    total = torch.cat([p.detach().flatten() for p in parameters]).norm()
    with torch.no_grad():
        for parameter in parameters:
            parameter.mul_(min(1.0, max_norm / total.item()))
    return total


def weights_scaled(parameters, max_norm):
    parameters = [p for p in parameters if p.grad is not None]
    total = torch.cat([p.grad.flatten() for p in parameters]).norm()
    with torch.no_grad():
        for parameter in parameters:
            parameter.mul_(min(1.0, max_norm / max(total.item(), 1e-30)))
    return total


def none_not_expected(parameters, max_norm):
    gradients = [p.grad for p in parameters]
    total = sum(g.norm() ** 2 for g in gradients) ** 0.5
    for gradient in gradients:
        gradient.mul_(min(1.0, max_norm / max(total.item(), 1e-30)))
    return total


def norm_of_the_weights(parameters, max_norm):
    parameters = [p for p in parameters if p.grad is not None]
    total = torch.cat([p.detach().flatten() for p in parameters]).norm()
    for parameter in parameters:
        parameter.grad.mul_(min(1.0, max_norm / total.item()))
    return total


def filled(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    total = all_of(gradients).norm()
    if total > max_norm:
        for gradient in gradients:
            gradient.fill_(max_norm)
    return total


def length_subtracted(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    total = all_of(gradients).norm()
    if total > max_norm:
        for gradient in gradients:
            gradient.sub_(total - max_norm)
    return total


def stacked(parameters, max_norm):
    return torch.stack([p.grad for p in parameters if p.grad is not None]).norm()


def stacked_none(parameters, max_norm):
    return torch.stack([torch.sum(p.grad**2) for p in parameters]).sum().sqrt()


def all_of(gradients: list[Tensor]) -> Tensor:
    return torch.cat([g.flatten() for g in gradients])


EXERCISE = Exercise(
    name="stable_gans.clip_gradient_norm",
    signature="(parameters, max_norm)",
    oracle=lambda parameters, max_norm: nn.utils.clip_grad_norm_(list(parameters), max_norm),
    cases=clip_cases,
    call=clip,
    facts=clip_facts,
    slow=True,
    entry="entry",
    misconceptions=(
        Misconception(
            "always_scaled",
            written(scale=lambda total, limit: limit / max(float(total), 1e-30)),
            "Gradients that are shorter than max_norm were made longer. Clipping is a limit from "
            "above: what is below it stays as it is, so it cures no vanishing gradient.",
        ),
        Misconception(
            "to_length_one",
            written(scale=lambda total, limit: 1 / float(total) if total > limit else 1.0),
            "Long gradients were brought to length 1. The limit is max_norm.",
            also=(
                written(scale=lambda total, limit: 1 / max(float(total), 1e-30)),
                written(scale=lambda total, limit: min(1.0, 1 / max(float(total), 1e-30))),
            ),
        ),
        Misconception(
            "each_by_itself",
            each_by_itself,
            "Each parameter's gradient was clipped by its own norm, which turns the direction of "
            "the step. There is one norm, of all gradients together, and one factor.",
            also=(each_in_turn, each_with_its_norm),
        ),
        Misconception(
            "entries_clamped",
            clamped,
            "The single entries were clamped to ±max_norm (as clip_grad_value_ does), which turns "
            "the direction of the step. Scale all gradients by one factor.",
        ),
        Misconception(
            "copies_scaled",
            copies,
            "The norm is right, and the gradients are as before. Either they were scaled as "
            "copies (g = g * factor makes a new tensor and leaves .grad alone), or `parameters` "
            "was gone through twice: an iterator is empty the second time.",
        ),
        Misconception(
            "norm_afterwards",
            written(back=lambda total, factor, gs: total * factor),
            "This is the norm after clipping. Return the one before, which tells how often the "
            "limit is reached.",
            also=(written(back=lambda total, factor, gs: all_of(gs).norm()),),
        ),
        Misconception(
            "factor_returned",
            written(back=lambda total, factor, gs: factor),
            "This is the factor. Return the norm before clipping.",
        ),
        Misconception(
            "nothing_returned",
            written(back=lambda total, factor, gs: None),
            "Nothing is returned. Return the norm before clipping, which tells how often the limit "
            "is reached.",
        ),
        Misconception(
            "root_forgotten",
            written(norm=lambda gs: all_of(gs).square().sum()),
            "This is the squared norm: the root is missing.",
            also=(written(back=lambda total, factor, gs: total**2),),
        ),
        Misconception(
            "norms_added",
            written(norm=lambda gs: sum(g.norm() for g in gs)),
            "The parameters' norms were added up. Their squares add: the norm of all is the root "
            "of the sum of all squares.",
        ),
        Misconception(
            "absolute_values",
            written(norm=lambda gs: all_of(gs).abs().sum()),
            "The norm is a sum of absolute values. The Euclidean norm is wanted.",
        ),
        Misconception(
            "largest_entry",
            written(norm=lambda gs: all_of(gs).abs().max()),
            "The norm is that of the largest alone, an entry or a parameter's gradient. The "
            "Euclidean norm of all entries is wanted.",
            also=(written(norm=lambda gs: torch.stack([g.norm() for g in gs]).max()),),
        ),
        Misconception(
            "averaged",
            written(norm=lambda gs: all_of(gs).square().mean().sqrt()),
            "The squares were averaged. A norm adds them.",
            also=(
                written(norm=lambda gs: torch.stack([g.norm() for g in gs]).mean()),
                written(norm=lambda gs: all_of(gs).norm() / len(gs)),
            ),
        ),
        Misconception(
            "upside_down",
            written(scale=lambda total, limit: max(1.0, limit / max(float(total), 1e-30))),
            "Long gradients stayed, short ones were changed: the factor is upside down, or cut off "
            "on the wrong side. It is max_norm over the norm, and never above 1.",
            also=(written(scale=lambda total, limit: min(1.0, float(total) / limit)),),
        ),
        Misconception(
            "norm_of_the_weights",
            norm_of_the_weights,
            "This is the norm of the parameters themselves. It is that of their gradients which is "
            "limited.",
        ),
        Misconception(
            "weights_scaled",
            weights_scaled,
            "The parameters were scaled, not their gradients.",
            also=(weights_clipped,),
        ),
        Misconception(
            "stacked",
            stacked,
            "torch.stack wants tensors of one shape, and gradients have many. Take each one's "
            "norm, or flatten them and use torch.cat.",
            error="stack expects each tensor to be equal size",
        ),
        Misconception(
            "gradients_returned",
            written(back=lambda total, factor, gs: gs),
            "The gradients are right, and they are what is returned. Return the norm before "
            "clipping.",
        ),
        Misconception(
            "thrown_away",
            written(scale=lambda total, limit: 0.0 if total > limit else 1.0),
            "Gradients that are too long were set to 0. Shorten them to max_norm, in their own "
            "direction.",
        ),
        Misconception(
            "filled",
            filled,
            "Every entry became max_norm, so the direction is lost. Scale all gradients by one "
            "factor.",
        ),
        Misconception(
            "length_subtracted",
            length_subtracted,
            "A number was subtracted from every entry, which turns the direction. Multiply all "
            "gradients by one factor.",
        ),
        Misconception(
            "none_not_expected",
            none_not_expected,
            "A parameter that took no part in the loss has the gradient None. Leave it out.",
            error="NoneType",
            also=(stacked_none,),
        ),
    ),
    hints=(
        "One vector of all gradients, its length, and one factor for all.",
        "The factor is max_norm over the norm, but never above 1. Collect the gradients in a list "
        "first: `parameters` may be an iterator, and some have the gradient None.",
        "g.mul_(factor) changes a gradient in place; g = g * factor does not.",
    ),
)
