"""Check of `entropy`. Oracle: torch.distributions."""

from __future__ import annotations

import math

import torch
from torch.distributions import Categorical

from ..declare import Case, Exercise, Misconception
from ..wrong_formulas import (
    IN_BITS,
    averaged,
    in_bits,
    last_axis_averaged,
    negated,
    scaled,
    summed,
)
from .distributions import WITH_ZEROS, probabilities


def one_distribution(generator: torch.Generator) -> list[Case]:
    return [
        Case({"p": probabilities(generator, 3, 5)}),
        Case({"p": probabilities(generator, 2, 3, 4)}, "p of shape (2, 3, 4)"),
        Case({"p": probabilities(generator, 4)}, "a single distribution, p of shape (4,)"),
        Case({"p": probabilities(generator, 3, 5).float()}, "in float32"),
        Case({"p": WITH_ZEROS}, "p contains zeros", extreme=True),
    ]


def entropy(p: torch.Tensor) -> torch.Tensor:
    return Categorical(p).entropy()


EXERCISE = Exercise(
    name="divergences.entropy",
    signature="(p)",
    unit="nats",
    oracle=entropy,
    cases=one_distribution,
    misconceptions=(
        Misconception(
            "not_a_number_at_zero",
            lambda p: -(p * p.log()).sum(-1),
            "Where p is 0, log p is -inf and 0 times -inf is nan. The limit of p log p at 0 is 0: "
            "decide what those terms contribute before they are added.",
        ),
        Misconception(
            "small_constant_inside",
            lambda p: -(p * (p + 1e-8).log()).sum(-1),
            "A small constant was added inside the logarithm. It moves every value a little, and "
            "makes the entropy of a certain outcome negative. Decide about the terms with p = 0 "
            "instead.",
            also=tuple(
                lambda p, eps=eps: -(p * (p + eps).log()).sum(-1)
                for eps in (1e-3, 1e-5, 1e-6, 1e-7)
            ),
        ),
        Misconception(
            "over_the_first_axis",
            lambda p: entropy(p.movedim(0, -1)),
            "The sum went over the first axis. The outcomes of one distribution lie along the "
            "last.",
            also=(lambda p: entropy(p.movedim(0, -1)).unsqueeze(0),),
        ),
        Misconception(
            "not_summed",
            lambda p: torch.special.entr(p),
            "These are the terms of the single outcomes. They are still to be added over the last "
            "axis.",
            also=(lambda p: torch.special.entr(p).sum(-1, keepdim=True),),
        ),
        Misconception(
            "exponential_taken",
            lambda p: entropy(p).exp(),
            "This is the exponential of the entropy, the perplexity: a number of outcomes, not of "
            "nats.",
        ),
        Misconception(
            "largest_entropy_divided_out",
            lambda p: entropy(p) / math.log(p.shape[-1]),
            "The entropy was divided by its largest value, log K. In nats it stays as it is.",
        ),
        Misconception(
            "both_sides_of_a_coin",
            lambda p: entropy(p) + torch.special.entr(1 - p).sum(-1),
            "Terms with 1 - p were added, as for a coin. The other outcomes are in the sum "
            "already.",
        ),
        Misconception(
            "other_logarithm",
            scaled(entropy, 1 / math.log(10)),
            "The logarithm has another base. Nats come from the natural one.",
        ),
        Misconception(
            "squared_weight",
            lambda p: (p * torch.special.entr(p)).sum(-1),
            "p weighs twice. The mean of the surprise has it once.",
        ),
        Misconception(
            "surprises_averaged",
            lambda p: -p.log().mean(-1),
            "The surprises were averaged with equal weights. An outcome counts as often as it "
            "occurs, by its p.",
        ),
        Misconception(
            "least_surprise",
            lambda p: -p.amax(-1).log(),
            "This is the surprise of the most probable outcome alone. Entropy averages over all of "
            "them.",
        ),
        Misconception(
            "one_added_inside",
            lambda p: -(p * p.log1p()).sum(-1),
            "log1p(p) is log(1 + p). The surprise has the logarithm of p itself.",
        ),
        Misconception(
            "batch_averaged",
            averaged(entropy),
            "The distributions were averaged too. Give one entropy for each of them.",
        ),
        Misconception(
            "in_bits",
            in_bits(entropy),
            IN_BITS,
        ),
        Misconception(
            "sign",
            negated(entropy),
            "The sign is wrong: log p is never positive, and entropy is the mean of -log p.",
        ),
        Misconception(
            "mean_over_outcomes",
            last_axis_averaged(entropy),
            "The terms p log p were averaged over the outcomes. p is already the weight of the "
            "average, so they are to be added.",
        ),
        Misconception(
            "sum_over_everything",
            summed(entropy),
            "All distributions were added into one number. Sum over the last axis alone; the "
            "other axes hold different distributions.",
        ),
        Misconception(
            "probabilities_as_logits",
            lambda p: Categorical(logits=p).entropy(),
            "p was put through a softmax. It holds probabilities already, not logits.",
        ),
        Misconception(
            "weight_forgotten",
            lambda p: -p.log().sum(-1),
            "The surprises -log p were added without their weights: a rare outcome must count as "
            "rarely as it occurs.",
        ),
    ),
    hints=(
        "Entropy is an average: of which quantity, and with which weights?",
        "The quantity is the surprise -log p of an outcome, and it occurs with probability p.",
        "torch.special.entr and torch.xlogy know what 0 log 0 is. If you write p * log p yourself, "
        "look at what comes out where p is 0, and replace it before summing over the last axis.",
    ),
)
