"""Check of `effective_sample_size`. Oracle: exact fractions of weights in double precision."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal


def sample_cases(generator: torch.Generator) -> list[Case]:
    def drawn(draws: int, batch: int) -> Tensor:
        spread = torch.linspace(0.5, 2.0, batch, dtype=torch.float64)
        level = 2 * normal(generator, batch, dtype=torch.float64) - 3
        return spread * normal(generator, draws, batch, dtype=torch.float64) + level

    equal = torch.tensor([[-90.0, 0.0], [-90.0, -300.0], [-90.0, -300.0], [-90.0, -301.0]])
    return [
        Case({"log_weights": drawn(5, 4)}, "5 draws for each of 4 images"),
        Case({"log_weights": drawn(1, 3)}, "one draw"),
        Case({"log_weights": drawn(7, 1)}, "one image"),
        Case({"log_weights": drawn(6, 3).float()}, "in float32"),
        Case(
            {"log_weights": equal},
            "four equal weights, and one that outweighs the others",
            extreme=True,
        ),
        Case(
            {"log_weights": drawn(5, 3).float() + torch.tensor([-500.0, -60.0, 120.0])},
            "log weights near -500, -60 and 120, float32",
            extreme=True,
        ),
    ]


def kish(log_weights: Tensor) -> Tensor:
    """By shares of the total: 1 / sum of their squares, each column by itself."""
    sizes = []
    for column in log_weights.double().T:
        shares = [1 / sum(math.exp(min(other - one, 700.0)) for other in column) for one in column]
        sizes.append(1 / sum(share**2 for share in shares))
    return torch.tensor(sizes, dtype=torch.float64).to(log_weights.dtype)


def of_shares(answer) -> object:
    return lambda log_weights: answer(log_weights.softmax(0))


def of_weights(shift) -> object:
    """The formula as it stands, after `shift` has taken something off the log weights."""

    def answer(log_weights):
        weights = shift(log_weights).exp()
        return weights.sum(0).square() / weights.square().sum(0)

    return answer


def of_all_shares(log_weights: Tensor) -> Tensor:
    return log_weights.flatten().softmax(0).reshape(log_weights.shape)


EXERCISE = Exercise(
    name="likelihood.effective_sample_size",
    signature="(log_weights)",
    oracle=kish,
    cases=sample_cases,
    unit="draws",
    misconceptions=(
        Misconception(
            "inverted",
            of_shares(lambda shares: shares.square().sum(0)),
            "This is the inverse: 1 where one draw has all the weight, 1/K where all are equal. "
            "The effective sample size counts draws, from 1 to K.",
        ),
        Misconception(
            "fraction_of_k",
            of_shares(lambda shares: 1 / shares.square().sum(0) / len(shares)),
            "This is the share of K, between 0 and 1. The number of draws is wanted, from 1 to K.",
        ),
        Misconception(
            "squares_averaged",
            of_shares(lambda shares: 1 / shares.square().mean(0)),
            "The squares were averaged, not added, so the result is K times too large: no count "
            "of K draws is above K.",
        ),
        Misconception(
            "weights_averaged",
            of_shares(lambda shares: shares.mean(0).square() / shares.square().sum(0)),
            "The weights were averaged before they were squared, not added, so the result is "
            "divided by K twice: even K equal weights count as less than one.",
        ),
        Misconception(
            "largest_share",
            of_shares(lambda shares: 1 / shares.amax(0)),
            "This is one over the largest share. Kish's size uses the squares of all shares.",
        ),
        Misconception(
            "entropy",
            of_shares(lambda shares: torch.special.entr(shares).sum(0).exp()),
            "This is the exponential of the shares' entropy, another count of effective draws. "
            "Kish's is the squared sum over the sum of squares.",
        ),
        Misconception(
            "root",
            of_shares(lambda shares: shares.square().sum(0).rsqrt()),
            "A root too much: the squared sum is divided by the sum of squares itself.",
        ),
        Misconception(
            "sum_not_squared",
            lambda w: w.exp().sum(0) / w.exp().square().sum(0),
            "The sum of the weights was not squared. Then the result changes when all weights are "
            "multiplied by one number, and it should not.",
        ),
        Misconception(
            "weights_not_shares",
            lambda w: 1 / w.exp().square().sum(0),
            "This is one over the sum of squares of the weights themselves. That formula is for "
            "shares, which add up to 1; for weights the squared sum stands above the line.",
        ),
        Misconception(
            "logarithms_of_shares",
            of_shares(lambda shares: 1 / shares.log().square().sum(0)),
            "The logarithms of the shares were squared. It is the shares that are squared.",
        ),
        Misconception(
            "squares_not_added",
            of_shares(lambda shares: 1 / shares.square()),
            "There is still one number for each draw: the squares are to be added over the draws "
            "before one is divided by them.",
        ),
        Misconception(
            "log_weights_as_weights",
            lambda w: w.sum(0).square() / w.square().sum(0),
            "The logarithms were used as if they were the weights. Take the exponential (and mind "
            "what it does at -500).",
        ),
        Misconception(
            "over_the_batch",
            lambda w: 1 / w.softmax(1).square().sum(1),
            "The weights of different images were compared. The draws of one image lie along the "
            "first axis.",
        ),
        Misconception(
            "over_everything",
            lambda w: 1 / w.flatten().softmax(0).square().sum(),
            "All images were thrown together. Each image has an effective sample size of its own, "
            "(B,).",
            also=(of_shares(lambda shares: 1 / shares.square().sum()),),
        ),
        Misconception(
            "shares_of_everything",
            lambda w: 1 / of_all_shares(w).square().sum(0),
            "One softmax ran over the draws of all images, so the shares of one image do not add "
            "up to 1. Each image has shares of its own, over its draws.",
            also=(lambda w: 1 / w.softmax(0).softmax(1).square().sum(0),),
        ),
        Misconception(
            "shares_over_the_batch",
            lambda w: 1 / w.softmax(1).square().sum(0),
            "The shares add up to 1 over the images, and the squares were added over the draws. "
            "The shares of one image run over its draws, the first axis.",
        ),
        Misconception(
            "added_then_squared",
            of_shares(lambda shares: 1 / shares.sum(0).square()),
            "The shares were added first and squared afterwards, which gives 1 for any draws: they "
            "add up to 1. Square each, then add.",
        ),
        Misconception(
            "squares_of_logarithms",
            lambda w: (2 * w.logsumexp(0) - w.square().logsumexp(0)).exp(),
            "The logarithms were squared where the weights should be. The logarithm of a squared "
            "weight is twice the log weight.",
            also=(
                lambda w: (w.logsumexp(0).square() - (2 * w).logsumexp(0)).exp(),
                lambda w: (w.logsumexp(0).square() - w.square().logsumexp(0)).exp(),
            ),
        ),
        Misconception(
            "batch_averaged",
            lambda w: (1 / w.softmax(0).square().sum(0)).mean(),
            "The batch was averaged too. Give one value for each image.",
        ),
        Misconception(
            "in_logarithms",
            lambda w: 2 * w.logsumexp(0) - (2 * w).logsumexp(0),
            "This is the logarithm of the effective sample size. The exponential is still missing.",
        ),
        Misconception(
            "underflow",
            lambda w: w.exp().sum(0).square() / w.exp().square().sum(0),
            "The formula is right, but exp(-500) is 0 and exp(120) infinite in float32, and 0/0 is "
            "nan. Only ratios of weights matter: work with the shares, or with logsumexp.",
        ),
        Misconception(
            "one_shift_for_all",
            of_weights(lambda w: w - w.max()),
            "One maximum, or one softmax, was taken over the whole batch. An image far below the "
            "best one still ends at weights of 0, and 0/0 is nan: take off the maximum of each "
            "image's own draws.",
            also=(lambda w: of_weights(torch.log)(of_all_shares(w)),),
        ),
        Misconception(
            "mean_taken_off",
            of_weights(lambda w: w - w.mean(0)),
            "The mean of the log weights was taken off. Where one draw lies far above it, its "
            "exponential overflows, and inf/inf is nan: take off the largest.",
        ),
        Misconception(
            "underflow_in_double",
            lambda w: of_weights(lambda v: v)(w.double()).to(w.dtype),
            "float64 only moves the wall: at log weights of -500 the squared weights are e⁻¹⁰⁰⁰, "
            "which is 0 there, too. Only ratios of weights matter: work with the shares, or with "
            "logsumexp.",
        ),
        Misconception(
            "underflow_hidden",
            lambda w: w.exp().sum(0).square() / (w.exp().square().sum(0) + 1e-12),
            "A small constant in the denominator hides that the weights underflow: the weights of "
            "a digit are around e⁻⁹⁰, their squares far below any such constant.",
            also=(
                lambda w: w.exp().sum(0).square() / (w.exp().square().sum(0) + 1e-8),
                lambda w: w.exp().sum(0).square() / (w.exp().square().sum(0) + 1e-10),
            ),
        ),
    ),
    hints=(
        "Multiply all weights of an image by one number: nothing may change. So what is the "
        "handiest size for their sum?",
        "Divided by their sum, the weights become shares that add up to 1; softmax makes shares "
        "from log weights. What remains of (sum w)² / sum w²?",
        "One over the sum of the squared shares, along the axis of the draws. Or in logarithms: "
        "twice logsumexp(log w) minus logsumexp(2 log w), then exp.",
    ),
    rtol=5e-4,
)
