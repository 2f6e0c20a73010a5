"""Check of `best_constant`. Oracle: bisection on the slope that autograd gives of the loss."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..observing import Handed, describe_type

LOSSES = {"l1": F.l1_loss, "l2": F.mse_loss, "bce": F.binary_cross_entropy}


def pixel_cases(generator: torch.Generator) -> list[Case]:
    def values(dark: int, bright: int, dtype=torch.float64) -> Tensor:
        """A pixel that is mostly dark: its mean, its median and its mode lie far apart."""
        low = 0.02 + 0.1 * torch.rand(dark, generator=generator, dtype=torch.float64)
        high = 0.8 + 0.15 * torch.rand(bright, generator=generator, dtype=torch.float64)
        both = torch.cat([low, high])
        return both[torch.randperm(dark + bright, generator=generator)].to(dtype)

    binary = (torch.arange(15) % 15 < 6)[torch.randperm(15, generator=generator)].double()
    return [
        Case({"values": values(14, 9), "loss": "l2"}, 'loss "l2"'),
        Case({"values": values(14, 9), "loss": "l1"}, 'loss "l1"'),
        Case({"values": values(14, 9), "loss": "bce"}, 'loss "bce"'),
        Case({"values": values(10, 15, torch.float32), "loss": "l1"}, 'loss "l1", in float32'),
        Case({"values": binary, "loss": "l1"}, 'loss "l1", zeros and ones'),
        Case({"values": binary, "loss": "bce"}, 'loss "bce", zeros and ones'),
        Case({"values": values(11, 11), "loss": "l1"}, 'loss "l1", an even number of values'),
        Case({"values": values(1, 0), "loss": "bce"}, 'loss "bce", one value', extreme=True),
    ]


def call_constant(answer, inputs):
    """A number comes back, as a float or as a tensor that holds one."""
    result = answer(inputs["values"], inputs["loss"])
    single = isinstance(result, Tensor) and result.numel() == 1
    if result is Ellipsis or not (single or isinstance(result, int | float)):
        return Handed(result)
    return float(result)


def constant_facts(inputs, outputs):
    """The constant; the loss that it reaches where a whole interval is best."""
    value, values = outputs["value"], inputs["values"].double()
    single = isinstance(value, float)
    came = "a number" if single else value if isinstance(value, str) else describe_type(value)
    number = torch.tensor(value if single else math.nan, dtype=torch.float64)
    if inputs["loss"] == "l1" and len(values) % 2 == 0:
        loss = (values - number).abs().mean()
        return {"what comes back": came, "the loss that the constant reaches": loss}
    return {"what comes back": came, "the best constant": number}


def by_bisection(values: Tensor, loss: str) -> float:
    values = values.double()
    low, high = values.min(), values.max()
    for _ in range(40):
        middle = ((low + high) / 2).requires_grad_(True)
        LOSSES[loss](middle.expand_as(values), values).backward()
        low, high = (low, middle.detach()) if middle.grad > 0 else (middle.detach(), high)
    return ((low + high) / 2).item()


def with_rule(**rules):
    """Right but for the losses in `rules`."""
    right = {"l1": torch.median, "l2": torch.mean, "bce": torch.mean}
    return lambda values, loss: (right | rules)[loss](values)


def midrange(values: Tensor) -> Tensor:
    return (values.min() + values.max()) / 2


def mean_logit(values: Tensor) -> Tensor:
    return values.clamp(1e-6, 1 - 1e-6).logit().mean().sigmoid()


def reached_loss(values: Tensor, loss: str) -> Tensor:
    best = torch.tensor(by_bisection(values, loss)).to(values)
    return LOSSES[loss](best.expand_as(values), values)


EXERCISE = Exercise(
    name="autoencoders.best_constant",
    signature="(values, loss)",
    oracle=by_bisection,
    cases=pixel_cases,
    call=call_constant,
    facts=constant_facts,
    rtol=1e-3,
    atol=1e-3,
    misconceptions=(
        Misconception(
            "always_the_mean",
            with_rule(l1=torch.mean),
            "The mean minimizes the squared error. The absolute error pulls with the same force "
            "from near and far, so it rests where as many values lie below as above.",
        ),
        Misconception(
            "always_the_median",
            with_rule(l2=torch.median, bce=torch.median),
            "The median is best for the absolute error alone. Set the derivatives of the two other "
            "losses to 0.",
        ),
        Misconception(
            "swapped",
            with_rule(l1=torch.mean, l2=torch.median),
            "l1 and l2 changed places: l1 is the absolute error, l2 the squared one.",
        ),
        Misconception(
            "median_for_bce",
            with_rule(bce=torch.median),
            "The cross-entropy is not the absolute error. Its derivative by the constant c is "
            "(c - v) / (c (1 - c)), averaged over the values v: where is it 0?",
        ),
        Misconception(
            "rounded_for_bce",
            with_rule(bce=lambda values: values.mean().round()),
            "For bce the answer was rounded to 0 or 1. A sure answer that is wrong costs "
            "infinitely much: the cross-entropy wants the probability itself.",
        ),
        Misconception(
            "logit_for_bce",
            with_rule(bce=lambda values: values.mean().logit()),
            "For bce this is the best logit. The constant is compared with pixels, so it is a "
            "value in [0, 1]: the sigmoid of that.",
        ),
        Misconception(
            "sigmoid_for_bce",
            with_rule(bce=lambda values: values.mean().sigmoid()),
            "For bce a sigmoid was applied to what was a value in [0, 1] already.",
        ),
        Misconception(
            "half_for_bce",
            with_rule(bce=lambda values: torch.tensor(0.5)),
            "For bce the answer is 0.5 whatever the values. That is best only where they are white "
            "as often as black.",
        ),
        Misconception(
            "geometric_mean_for_bce",
            with_rule(bce=lambda values: values.clamp(1e-6).log().mean().exp()),
            "For bce the logarithms of the values were averaged. In the loss the logarithm is "
            "taken of the constant, not of the values.",
        ),
        Misconception(
            "one_for_each_value",
            lambda values, loss: torch.full_like(values, by_bisection(values, loss)),
            "The constant came once for each value. One number is wanted.",
        ),
        Misconception(
            "mean_of_logits",
            with_rule(bce=mean_logit),
            "For bce the logits of the values were averaged. The derivative of the cross-entropy "
            "is linear in the values themselves.",
        ),
        Misconception(
            "mode_for_l1",
            with_rule(l1=lambda values: values.mode().values),
            "The most frequent value minimizes how often you are wrong. The absolute error also "
            "counts by how much.",
        ),
        Misconception(
            "root_mean_square",
            with_rule(l2=lambda values: values.square().mean().sqrt()),
            "This is the root of the mean square, the size of the values. The squared error is "
            "measured from the constant.",
        ),
        Misconception(
            "midrange",
            with_rule(l1=midrange),
            "Halfway between the smallest and the largest value is best for the largest error. The "
            "absolute error counts how many values lie on either side.",
        ),
        Misconception(
            "midrange_everywhere",
            with_rule(l1=midrange, l2=midrange, bce=midrange),
            "Halfway between the smallest and the largest value is best for the largest error. "
            "These losses average over all values.",
        ),
        Misconception(
            "middle_of_the_list",
            with_rule(l1=lambda values: values[len(values) // 2]),
            "For l1 the value in the middle of the list was taken, and the list is in no order: "
            "which value stands there is chance. The median is the middle by size.",
        ),
        Misconception(
            "summed",
            with_rule(l2=torch.sum, bce=torch.sum),
            "The values were added and not divided by their number.",
        ),
        Misconception(
            "loss_returned",
            reached_loss,
            "This is the loss that the best constant reaches. Return the constant itself.",
        ),
        Misconception(
            "median_with_index",
            with_rule(l1=lambda values: values.median(dim=0)),
            "With an axis, median returns two things, the values and where they stand. Take the "
            "first, or call it without an axis.",
        ),
    ),
    hints=(
        "Write the average loss as a function of the constant and take the derivative. Where is "
        "it 0?",
        "l2: the derivative is twice the mean of (c - v). l1: it counts how many values lie below "
        "c and how many above. bce: the mean of (c - v) / (c (1 - c)).",
        "Two of the three have one answer, and the third is torch.median.",
    ),
)
