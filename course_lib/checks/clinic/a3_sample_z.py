"""Check of `a3_sample_z`: the draw named by what is left when its formula is undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Normal

from ..declare import Case, Exercise, Misconception, Plain
from ..observing import describe_type
from ..random_inputs import normal
from .drawing import drawing_mistakes, name_draw


def posterior_cases(g: torch.Generator) -> list[Case]:
    def case(count: int, latents: int, about: str, dtype=torch.float64) -> Case:
        mean = 1.3 * normal(g, count, latents, dtype=dtype) + 0.8
        log_var = normal(g, count, latents, dtype=dtype) - 0.7
        return Case({"m": mean, "lv": log_var}, about)

    return [
        case(4000, 3, "4,000 posteriors"),
        case(2000, 2, "2,000 posteriors, float32", torch.float32),
    ]


def call_twice(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    mean, log_var = (inputs[n].clone().requires_grad_(True) for n in ("m", "lv"))
    z = answer(mean, log_var)
    if z is Ellipsis:
        return z
    form = describe_type(z)
    record: dict[str, Any] = {"form": form, "z": None, "fresh": False, "m": False, "lv": False}
    if isinstance(z, Tensor) and z.shape == mean.shape:
        record["z"] = z.detach().clone()
        record["fresh"] = not torch.equal(z, answer(mean, log_var))
        if z.requires_grad:
            found = torch.autograd.grad(z.sum(), (mean, log_var), allow_unused=True)
            record["m"], record["lv"] = (g is not None and bool(g.any()) for g in found)
    return record


def draw_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    facts: dict[str, Plain] = {"what comes back": outputs["form"]}
    if outputs["z"] is None:
        return facts
    facts["the codes"] = name_draw(outputs["z"], inputs["m"], inputs["lv"])
    facts["a second call draws anew"] = outputs["fresh"]
    facts["a gradient reaches the mean"] = outputs["m"]
    facts["a gradient reaches log_var"] = outputs["lv"]
    return facts


def by_distribution(m, lv):
    return Normal(m, lv.exp().sqrt()).rsample()


EXERCISE = Exercise(
    name="clinic.a3_sample_z",
    signature="(m, lv)",
    oracle=by_distribution,
    cases=posterior_cases,
    call=call_twice,
    facts=draw_facts,
    random=True,
    slow=True,
    misconceptions=(
        *drawing_mistakes(lambda code: code),
        Misconception(
            "one_vector",
            lambda m, lv: (m + (lv / 2).exp() * torch.randn_like(m)).mean(0),
            "One code came back for the whole batch. Each example has its own.",
        ),
    ),
    hints=(
        "What does log_var mean if nobody ever draws?",
        "A Gaussian of any mean and width is a standard normal, scaled and shifted.",
        "log_var is the logarithm of the variance. The standard deviation is the exponential of "
        "half of it, and the noise has the shape of the mean.",
    ),
)
