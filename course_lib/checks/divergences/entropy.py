"""Check of `entropy`. Oracle: torch.distributions."""

from __future__ import annotations

import torch
from torch.distributions import Categorical

from ..declare import Case, Exercise, Misconception
from ..wrong_formulas import IN_BITS, in_bits, last_axis_averaged, negated, summed
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
