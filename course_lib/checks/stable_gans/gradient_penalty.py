"""Check of `gradient_penalty`. Oracle: one example at a time, its own graph."""

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


def call(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    weights, real, fake, mix = inputs.values()
    critic = TinyCritic(weights, real.shape[1:])
    return penalty_record(critic, lambda: answer(critic, real, fake, mix))


def column(mix: Tensor, like: Tensor) -> Tensor:
    return mix.reshape(-1, *[1] * (like.ndim - 1))


def between(real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    mix = column(mix, real)
    return mix * real + (1 - mix) * fake


def two_sided(gradient: Tensor) -> Tensor:
    return (norms(gradient) - 1).square().mean()


def one_by_one(critic, real, fake, mix):
    return two_sided(by_jacobian(critic, between(real, fake, mix)))


def penalty(
    reduce: Callable = two_sided, place: Callable = between, create_graph: bool = True
) -> Callable:
    """The penalty with its parts exposed, so that a mistake can replace one."""

    def answer(critic, real, fake, mix):
        x = place(real, fake, mix).detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=create_graph)
        return reduce(gradient)

    return answer


def backward_into_grad(critic, real, fake, mix):
    x = between(real, fake, mix).detach().requires_grad_(True)
    backward_with_graph(critic(x).sum())
    return two_sided(x.grad)


def without_a_leaf(critic, real, fake, mix):
    x = between(real, fake, mix)
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return two_sided(gradient)


def scores_not_added(critic, real, fake, mix):
    x = between(real, fake, mix).requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(x), x, create_graph=True)
    return two_sided(gradient)


def at(critic: Callable, x: Tensor) -> Tensor:
    """The penalty at given points."""
    return penalty(place=lambda *_: x)(critic, x, x, None)


def difference_quotient(critic, real, fake, mix):
    rise = (critic(real) - critic(fake)).abs()
    return (rise / (real - fake).flatten(1).norm(dim=1) - 1).square().mean()


def by_the_weights(critic, real, fake, mix):
    weights = list(critic.parameters())
    score = critic(between(real, fake, mix)).sum()
    gradients = torch.autograd.grad(score, weights, create_graph=True)
    return (torch.cat([g.flatten() for g in gradients]).norm() - 1).square()


def points_flattened(critic, real, fake, mix):
    return penalty()(critic, real.flatten(1), fake.flatten(1), mix)


def asked_too_late(critic, real, fake, mix):
    x = between(real, fake, mix)
    score = critic(x).sum()
    (gradient,) = torch.autograd.grad(score, x.requires_grad_(), create_graph=True)
    return two_sided(gradient)


def tuple_not_opened(critic, real, fake, mix):
    x = between(real, fake, mix).requires_grad_(True)
    gradient = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def of_last_axis(real, fake, mix):
    return mix * real + (1 - mix) * fake


def drawn_inside(critic, real, fake, mix):
    return one_by_one(critic, real, fake, torch.rand_like(mix))


EXERCISE = Exercise(
    name="stable_gans.gradient_penalty",
    signature="(critic, real, fake, mix)",
    oracle=one_by_one,
    cases=lambda g: critic_cases(g, fakes=True),
    call=call,
    facts=penalty_facts,
    slow=True,
    misconceptions=(
        Misconception(
            "mix_turned_round",
            penalty(place=lambda r, f, m: between(f, r, m)),
            "`mix` weighs the fake here. It weighs the real image: at mix = 1 the point is the "
            "real one.",
        ),
        Misconception(
            "at_the_reals",
            penalty(place=lambda r, f, m: r),
            "The gradient was taken at the reals. It belongs at points between real and fake.",
        ),
        Misconception(
            "at_the_fakes",
            penalty(place=lambda r, f, m: f),
            "The gradient was taken at the fakes. It belongs at points between real and fake.",
        ),
        Misconception(
            "one_mix_for_all",
            penalty(place=lambda r, f, m: between(r, f, m[:1].expand_as(m))),
            "One mix served the whole batch. Each pair has its own, mix[i].",
            also=(penalty(place=lambda r, f, m: between(r, f, m.mean().expand_as(m))),),
        ),
        Misconception(
            "half_way",
            penalty(place=lambda r, f, m: (r + f) / 2),
            "The points lie half-way between real and fake, whatever `mix` says.",
        ),
        Misconception(
            "added_not_mixed",
            penalty(place=lambda r, f, m: r + column(m, r) * f),
            "The points do not lie between real and fake. The two weights add to 1: mix, and "
            "1 - mix.",
            also=(
                penalty(place=lambda r, f, m: f + column(m, r) * r),
                penalty(place=lambda r, f, m: r + column(m, r) * (r - f)),
            ),
        ),
        Misconception(
            "mix_on_the_last_axis",
            penalty(place=of_last_axis),
            "`mix` has the shape (B,), and broadcasting puts that on the last axis, where pixels "
            "or coordinates lie (with an error, or in silence where the sizes agree). Give it axes "
            "of size 1 behind the first.",
            error="must match the size of tensor",
        ),
        Misconception(
            "four_axes_assumed",
            penalty(place=lambda r, f, m: m.view(-1, 1, 1, 1) * r + (1 - m.view(-1, 1, 1, 1)) * f),
            "`mix` was given the axes of images, and here come flat points (B, D): what the critic "
            "then sees is no batch of points. Give `mix` as many axes as `real` has.",
            error="mat1 and mat2 shapes",
        ),
        Misconception(
            "one_sided",
            penalty(lambda g: (norms(g) - 1).relu().square().mean()),
            "Only norms above 1 are charged. That is the one-sided penalty; here norms below 1 "
            "cost as well.",
        ),
        Misconception(
            "toward_zero",
            penalty(lambda g: norms(g).square().mean()),
            "The norm is pulled to 0, as R1 does at the reals. Here it is pulled to 1.",
            also=(penalty(lambda g: norms(g).mean()),),
        ),
        Misconception(
            "scores_against_one",
            lambda critic, r, f, m: (critic(between(r, f, m)) - 1).square().mean(),
            "The scores themselves were compared with 1. The penalty speaks of the length of their "
            "gradient, by the points.",
        ),
        Misconception(
            "difference_quotient",
            difference_quotient,
            "This is the slope from fake to real as a whole, a difference of two scores over a "
            "distance. The gradient at one point between them is wanted.",
        ),
        Misconception(
            "entries_against_one",
            penalty(lambda g: (g - 1).square().mean()),
            "Each entry of the gradient was compared with 1. An example has one length: take its "
            "norm first.",
        ),
        Misconception(
            "entries_added",
            penalty(lambda g: (g.flatten(1).sum(dim=1) - 1).square().mean()),
            "The entries of the gradient were added up. Its length is the root of the sum of their "
            "squares.",
        ),
        Misconception(
            "by_the_weights",
            by_the_weights,
            "This is the gradient by the critic's weights, which gradient clipping is about. The "
            "penalty takes the gradient by the points that the critic sees.",
        ),
        Misconception(
            "at_both_ends",
            lambda critic, r, f, m: (at(critic, r) + at(critic, f)) / 2,
            "The gradients were taken at the reals and at the fakes. It belongs at points between.",
            also=(lambda critic, r, f, m: at(critic, r) + at(critic, f),),
        ),
        Misconception(
            "whole_loss",
            lambda critic, r, f, m: (
                critic(f).mean() - critic(r).mean() + penalty()(critic, r, f, m)
            ),
            "The difference of the scores is in it: this is the critic's whole loss. Return the "
            "penalty alone, and the caller adds the two.",
        ),
        Misconception(
            "points_flattened",
            points_flattened,
            "The critic was given flat points, and it wants what it is trained on, images of the "
            "shape of `real`. Give `mix` more axes, and leave the images as they are.",
            error="the critic takes images",
        ),
        Misconception(
            "norm_of_three_axes",
            penalty(lambda g: (g.norm(dim=(1, 2, 3)) - 1).square().mean()),
            "Tensor.norm takes one axis or two. Flatten each example's gradient to a row first; "
            "then it serves flat points as well.",
            error="dim must be a 2-tuple",
        ),
        Misconception(
            "asked_too_late",
            asked_too_late,
            "The points took no part in the scores as tensors that require a gradient: that was "
            "said after the critic had seen them, or of a copy. Say it before.",
            error="appears to not have been used in the graph",
        ),
        Misconception(
            "norm_not_squared",
            penalty(lambda g: (norms(g) - 1).abs().mean()),
            "The distance of the norm from 1 was not squared.",
            also=(penalty(lambda g: (norms(g) - 1).mean()),),
        ),
        Misconception(
            "root_forgotten",
            penalty(lambda g: (norms(g).square() - 1).square().mean()),
            "The squared norm was compared with 1. Take its root first.",
        ),
        Misconception(
            "mean_norm_first",
            penalty(lambda g: (norms(g).mean() - 1).square()),
            "The mean of the norms was compared with 1. Each norm is, and the mean comes last.",
        ),
        *adapted(
            shared_mistakes(two_sided, penalty, "the mean of (norm - 1)²"),
            graph_not_kept="The value is right, and the critic learns nothing from it: the "
            "gradient was computed without a graph of its own, or was cut off. "
            "torch.autograd.grad has an argument for that, create_graph.",
        ),
        Misconception(
            "left_in_grad",
            backward_into_grad,
            "backward() wrote into the critic's .grad, and the next step would add it to its own. "
            "torch.autograd.grad returns the gradient and writes nothing.",
        ),
        Misconception(
            "not_reduced",
            penalty(lambda g: (norms(g) - 1).square()),
            "There is still one value for each example. The penalty is their mean, one number.",
        ),
        Misconception(
            "tuple_not_opened",
            tuple_not_opened,
            "torch.autograd.grad returns a tuple, even for a single input. Take the gradient out "
            "of it.",
            error="'tuple' object has no attribute",
        ),
        Misconception(
            "no_leaf",
            without_a_leaf,
            "Reals and fakes carry no graph, so their mixture has none either, and there is "
            "nothing to differentiate by. Say that the points require a gradient, before the "
            "critic sees them.",
            error="does not require grad",
        ),
        Misconception(
            "scores_not_added",
            scores_not_added,
            "torch.autograd.grad differentiates one number. Add the scores up: each depends on its "
            "own point alone, so the gradient of the sum holds the gradient of each.",
            error="grad can be implicitly created only for scalar outputs",
        ),
        Misconception(
            "drawn_inside",
            drawn_inside,
            "The mix was drawn inside. Use the one that is passed in, so that a step can be "
            "repeated.",
            drawing=True,
        ),
    ),
    hints=(
        "Three things: the points between real and fake, the critic's gradient at them, and how "
        "far each gradient's length is from 1.",
        "Give `mix` as many axes as the images have: mix.reshape(-1, 1, 1, 1) for (B, C, H, W). "
        "The points must require a gradient before the critic sees them.",
        "torch.autograd.grad of the scores' sum by the points, with create_graph=True. Then "
        "flatten each gradient to a row, take the row's norm, subtract 1, square, average.",
    ),
)
