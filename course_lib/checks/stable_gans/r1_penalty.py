"""Check of `r1_penalty`. Oracle: one example at a time, its own graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..declare import Exercise, Misconception
from ..ready import adapted
from .critics import (
    TinyCritic,
    backward_with_graph,
    by_jacobian,
    critic_cases,
    norms,
    penalty_facts,
    penalty_record,
    shared_mistakes,
)


class Judged:
    """What the oracle needs beside the answer's two arguments."""

    critic: TinyCritic


def call(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The caller lets the reals require a gradient before the discriminator sees them."""
    weights, real = inputs.values()
    critic = Judged.critic = TinyCritic(weights, real.shape[1:])
    real = real.requires_grad_(True)
    logits = critic(real)
    record = penalty_record(critic, lambda: answer(logits, real))
    record["left"] = record["left"] or real.grad is not None
    real.grad = None
    return record


def squared(gradient: Tensor) -> Tensor:
    return norms(gradient).square().mean()


def one_by_one(real_logits, real):
    return squared(by_jacobian(Judged.critic, real))


def penalty(reduce: Callable = squared, create_graph: bool = True) -> Callable:
    def answer(real_logits, real):
        options = {"create_graph": create_graph, "retain_graph": True}
        (gradient,) = torch.autograd.grad(real_logits.sum(), real, **options)
        return reduce(gradient)

    return answer


def backward_into_grad(real_logits, real):
    backward_with_graph(real_logits.sum())
    return squared(real.grad)


def logits_not_added(real_logits, real):
    (gradient,) = torch.autograd.grad(real_logits, real, create_graph=True)
    return squared(gradient)


def tuple_not_opened(real_logits, real):
    gradient = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
    return gradient.square().flatten(1).sum(dim=1).mean()


def of_what(function: Callable) -> Callable:
    """The penalty of a function of the logits."""
    return lambda real_logits, real: penalty()(function(real_logits), real)


def by_a_copy(real_logits, real):
    copy = real.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(real_logits.sum(), copy, create_graph=True)
    return squared(gradient)


EXERCISE = Exercise(
    name="stable_gans.r1_penalty",
    signature="(real_logits, real)",
    oracle=one_by_one,
    cases=lambda g: critic_cases(g, fakes=False),
    call=call,
    facts=penalty_facts,
    slow=True,
    misconceptions=(
        Misconception(
            "toward_one",
            penalty(lambda g: (norms(g) - 1).square().mean()),
            "The norm is pulled to 1, as the gradient penalty of a Wasserstein critic does. R1 "
            "pulls it to 0: where real and fake agree, the best discriminator is flat.",
        ),
        Misconception(
            "norm_not_squared",
            penalty(lambda g: norms(g).mean()),
            "These are the norms themselves. R1 charges their squares.",
        ),
        Misconception(
            "mean_norm_squared",
            penalty(lambda g: norms(g).mean().square()),
            "The mean norm was squared. The mean of the squares is larger, wherever the norms "
            "differ.",
        ),
        Misconception(
            "entries_averaged",
            penalty(lambda g: g.square().mean()),
            "The squares were averaged over pixels too. The squared norm of an image adds over "
            "its pixels; only the images are averaged.",
        ),
        *adapted(
            shared_mistakes(squared, penalty, "the mean of the squared norms, without γ/2"),
            leave_out=("norm_of_the_batch", "norm_over_one_axis", "pixels_averaged"),
            summed="The batch was added up. The penalty is a mean over the images.",
            graph_not_kept="The value is right, and the discriminator learns nothing from it: the "
            "gradient was computed without a graph of its own (create_graph), or was cut off.",
        ),
        Misconception(
            "per_pixel",
            penalty(lambda g: g.square().sum(dim=1).mean()),
            "Axis 1 was added up and everything else averaged, so an image's pixels are averaged. "
            "Its squared norm adds over all of its numbers.",
        ),
        Misconception(
            "not_reduced",
            penalty(lambda g: norms(g).square()),
            "There is still one value for each image. The penalty is their mean, one number.",
        ),
        Misconception(
            "left_in_grad",
            backward_into_grad,
            "backward() wrote into .grad, of the reals and of the discriminator's weights, and "
            "the next step would add that to its own. torch.autograd.grad returns the gradient "
            "and writes nothing.",
        ),
        Misconception(
            "of_the_loss",
            of_what(torch.nn.functional.logsigmoid),
            "This is the gradient of the discriminator's loss. R1 takes that of the logit itself.",
            also=(of_what(lambda logits: torch.nn.functional.logsigmoid(logits).mean()),),
        ),
        Misconception(
            "of_the_probability",
            of_what(torch.sigmoid),
            "This is the gradient of the probability, which fades where the discriminator is sure. "
            "R1 takes that of the logit itself.",
        ),
        Misconception(
            "entries_added",
            penalty(lambda g: g.flatten(1).sum(dim=1).square().mean()),
            "An image's slopes were added up before they were squared, and so they cancel. Square "
            "each, then add.",
            also=(penalty(lambda g: g.mean().square()),),
        ),
        Misconception(
            "absolute_values",
            penalty(lambda g: g.flatten(1).abs().sum(dim=1).mean()),
            "These are sums of absolute values. R1 charges squares.",
        ),
        Misconception(
            "root_at_the_end",
            penalty(lambda g: norms(g).square().mean().sqrt()),
            "A root was taken of the mean. R1 is the mean of the squared norms, without a root.",
        ),
        Misconception(
            "squared_logits",
            lambda real_logits, real: real_logits.square().mean(),
            "These are the logits themselves, squared. R1 charges their slope by the image.",
        ),
        Misconception(
            "squared_images",
            lambda real_logits, real: squared(real),
            "These are the images themselves, squared. R1 charges the slope of the logit by them.",
        ),
        Misconception(
            "steepest_alone",
            penalty(lambda g: norms(g).max().square()),
            "Only the steepest image counts. The penalty is a mean over all.",
        ),
        Misconception(
            "four_axes_assumed",
            penalty(lambda g: g.square().sum(dim=(1, 2, 3)).mean()),
            "Four axes were taken for granted, and here come flat points (B, D). Flatten each "
            "example to a row first.",
            error="Dimension out of range",
        ),
        Misconception(
            "nothing_in_grad",
            lambda real_logits, real: real.grad.square(),
            "`real.grad` is None: nobody called backward(), and nobody should, since it would also "
            "fill the weights' .grad. torch.autograd.grad returns the gradient.",
            error="'NoneType' object has no attribute",
        ),
        Misconception(
            "tuple_not_opened",
            tuple_not_opened,
            "torch.autograd.grad returns a tuple, even for a single input. Take the gradient out "
            "of it.",
            error="'tuple' object has no attribute",
        ),
        Misconception(
            "by_a_copy",
            by_a_copy,
            "The logits were computed from `real` itself. A copy made afterwards took no part in "
            "them, and there is no gradient by it.",
            error="appears to not have been used in the graph",
        ),
        Misconception(
            "logits_not_added",
            logits_not_added,
            "torch.autograd.grad differentiates one number. Add the logits up: each depends on its "
            "own image alone, so the gradient of the sum holds the gradient of each.",
            error="grad can be implicitly created only for scalar outputs",
        ),
    ),
    hints=(
        "The caller has let `real` require a gradient before it computed the logits. What is "
        "left: the gradient of the logits by it, and the mean of its squared lengths.",
        "torch.autograd.grad of the logits' sum, with create_graph=True, so that the penalty can "
        "be differentiated once more, by the weights.",
        "Square, add over all axes but the first, then average what is left, (B,).",
    ),
)
