"""Check of `gradient_weights`. Oracle: autograd through a bound folded draw by draw."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from .iwae_loss import log_weight_cases, loss_by_folding


def slopes_by_autograd(log_weights: Tensor) -> Tensor:
    """The derivative of the loss by each log weight, in double precision."""
    leaf = log_weights.detach().double().requires_grad_(True)
    loss_by_folding(leaf).backward()
    return leaf.grad.to(log_weights.dtype)


def cases(generator: torch.Generator) -> list[Case]:
    """Those of `iwae_loss`, without the gradients of what is a gradient already."""
    return [replace(case, gradients=()) for case in log_weight_cases(generator)]


def shares_of_all(log_weights: Tensor) -> Tensor:
    return log_weights.flatten().softmax(0).reshape(log_weights.shape)


EXERCISE = Exercise(
    name="likelihood.gradient_weights",
    signature="(log_weights)",
    oracle=slopes_by_autograd,
    cases=cases,
    unit="",
    misconceptions=(
        Misconception(
            "shares_alone",
            lambda w: w.softmax(0),
            "These are the shares themselves. The loss has a minus in front of the bound, and it "
            "averages over the batch: sign and 1/B are still missing.",
        ),
        Misconception(
            "sign",
            lambda w: w.softmax(0) / w.shape[1],
            "This is the derivative of the bound. The loss is its negative: where a draw's weight "
            "grows, the loss falls.",
        ),
        Misconception(
            "batch_forgotten",
            lambda w: -w.softmax(0),
            "The 1/B is missing: the loss is a mean over the images, so each image's derivative "
            "is divided by their number.",
        ),
        Misconception(
            "divided_by_k",
            lambda w: -w.softmax(0) / len(w),
            "This divides by the number of draws. log K is a constant and leaves no trace in a "
            "derivative; it is the number of images, B, that the mean divides by.",
            also=(lambda w: -w.softmax(0) / w.numel(),),
        ),
        Misconception(
            "elbo",
            lambda w: torch.full_like(w, -1 / w.numel()),
            "Every draw has the same weight here: that is the ELBO's derivative. Under the "
            "logarithm of a mean a draw counts by its share of the image's total weight.",
            also=(lambda w: torch.full_like(w, -1 / w.shape[1]),),
        ),
        Misconception(
            "axes_swapped",
            lambda w: -w.softmax(1) / w.shape[1],
            "The shares add up to 1 over the images. An image's draws lie along the first axis, "
            "and the shares are theirs.",
            also=(lambda w: -w.softmax(1) / len(w), lambda w: -w.softmax(1)),
        ),
        Misconception(
            "one_softmax",
            lambda w: -shares_of_all(w),
            "One softmax ran over all images together. Each image has a total weight of its own, "
            "and its shares add up to 1.",
            also=(lambda w: -shares_of_all(w) / w.shape[1],),
        ),
        Misconception(
            "weights_not_shares",
            lambda w: -w.exp() / w.shape[1],
            "The weights themselves, not their shares: the derivative of a logarithm divides by "
            "what stands inside it, the sum of the image's weights.",
        ),
        Misconception(
            "log_shares",
            lambda w: -w.log_softmax(0) / w.shape[1],
            "These are the logarithms of the shares. The derivative has the shares themselves.",
        ),
        Misconception(
            "best_draw",
            lambda w: -(w == w.amax(0)).to(w.dtype) / w.shape[1],
            "Only the heaviest draw gets a gradient here. Every draw gets its share.",
        ),
        Misconception(
            "underflow",
            lambda w: -w.exp() / w.exp().sum(0) / w.shape[1],
            "The formula is right, but exp(-400) is 0 in float32, and 0/0 is nan. softmax takes "
            "the largest log weight out before the exponential.",
        ),
        Misconception(
            "epsilon",
            lambda w: -w.exp() / (w.exp().sum(0) + 1e-12) / w.shape[1],
            "A small constant in the denominator: the weights of a digit are around e⁻⁹⁰, far "
            "below it, so that every share would be 0.",
        ),
    ),
    hints=(
        "Write one image's bound as log of a sum, minus log K. Which of the two terms depends on "
        "a log weight?",
        "Chain rule: the derivative of log S is 1/S times that of S, and S has one term in which "
        "this draw occurs, whose derivative by its log weight is the term itself.",
        "So it is that draw's part of the sum: a softmax along the draws. Then what the mean over "
        "the batch and the loss's sign do to it.",
    ),
    rtol=1e-5,
)
