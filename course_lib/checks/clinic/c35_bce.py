"""Check of `c35_bce`. Oracle: torch.logaddexp."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..group_losses import bce, logit_mistakes
from ..random_inputs import normal
from ..ready import adapted
from ..wrong_formulas import IN_BITS, in_bits, negated, summed


def logit_cases(g: torch.Generator) -> list[Case]:
    def inputs(*shape: int, dtype: torch.dtype = torch.float64) -> dict:
        logits = 2 * normal(g, *shape, dtype=dtype) + 0.5
        return {"logits": logits, "y": (normal(g, *shape) > 0.3).to(dtype)}

    sure = torch.tensor([[200.0, -200.0, 90.0], [-200.0, 200.0, 4.0]])
    labels = torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    by = ("logits",)
    return [
        Case(inputs(4, 3), "logits (4, 3)", gradients=by),
        Case(inputs(2, 1, 3, 2, dtype=torch.float32), "images (2, 1, 3, 2), float32", gradients=by),
        Case(inputs(7), "seven logits in a row", gradients=by),
        Case({"logits": sure, "y": labels}, "logits of ±200", extreme=True, gradients=by),
    ]


def entries(logits: Tensor, y: Tensor) -> Tensor:
    return y * bce(logits, 1.0) + (1 - y) * bce(logits, 0.0)


def right(logits: Tensor, y: Tensor) -> Tensor:
    return entries(logits, y).mean()


def made_of(term: Callable) -> Callable:
    """The mean of the terms, each of its own label."""
    return lambda logits, y: torch.where(y > 0.5, term(logits, 1.0), term(logits, 0.0)).mean()


def with_epsilon(epsilon: float) -> Callable:
    def loss(logits: Tensor, y: Tensor) -> Tensor:
        p = logits.sigmoid()
        return -(y * (p + epsilon).log() + (1 - y) * (1 - p + epsilon).log()).mean()

    return loss


EXERCISE = Exercise(
    name="clinic.c35_bce",
    signature="(logits, y)",
    unit="nats",
    oracle=right,
    cases=logit_cases,
    misconceptions=(
        *adapted(
            logit_mistakes(made_of),
            leave_out=("no_logarithm", "logits_alone", "in_bits", "epsilon"),
            sigmoid_twice="There are still two sigmoids: the loss «with logits» has one inside, "
            "and what it gets is a probability already. The best it can then say is σ(1) = 0.73.",
            overflows="Where a logit is large the sigmoid is exactly 0 or 1, and its logarithm "
            "-inf, or 0 times that, which is no number. Use a function that takes the logits.",
        ),
        Misconception(
            "epsilon",
            with_epsilon(1e-8),
            "A small constant inside the logarithm keeps it finite and wrong: where the answer is "
            "sure and wrong, at a logit of ±200, that costs 200 nats. Work with the logits.",
            also=tuple(with_epsilon(e) for e in (1e-7, 1e-6, 1e-5, 1e-10, 1e-12)),
        ),
        Misconception(
            "no_sigmoid",
            lambda logits, y: F.binary_cross_entropy(logits, y),
            "F.binary_cross_entropy takes probabilities, and it was given logits. Its sister with "
            "logits has the one sigmoid that is needed.",
            error="between 0 and 1",
        ),
        Misconception(
            "sigmoid_three_times",
            lambda logits, y: right(logits.sigmoid().sigmoid(), y),
            "A sigmoid was applied twice before a loss that has its own. It needs none before it.",
        ),
        Misconception(
            "arguments_swapped",
            lambda logits, y: right(y, logits),
            "Prediction and label changed places: the logits come first, the labels second.",
        ),
        Misconception(
            "labels_turned",
            lambda logits, y: right(logits, 1 - y),
            "The labels are turned round: a large logit says 1.",
            also=(lambda logits, y: right(-logits, y),),
        ),
        Misconception(
            "labels_through_sigmoid",
            lambda logits, y: right(logits, y.sigmoid()),
            "The sigmoid was applied to the labels as well. They are 0 or 1 already.",
        ),
        Misconception(
            "reals_only",
            lambda logits, y: (y * bce(logits, 1.0)).mean(),
            "Only the entries with the label 1 cost anything. Those with 0 cost -log(1 - p).",
        ),
        Misconception(
            "labels_ignored",
            lambda logits, y: bce(logits, 1.0).mean(),
            "Every entry is taken for a 1: y does not occur. It decides which of the two "
            "logarithms an entry pays.",
        ),
        Misconception("in_bits", in_bits(right), IN_BITS),
        Misconception(
            "squared_error",
            lambda logits, y: (logits.sigmoid() - y).square().mean(),
            "This is a squared error, whose slope vanishes where the answer is sure and wrong. The "
            "cross-entropy is wanted.",
            also=(lambda logits, y: (logits - y).square().mean(),),
        ),
        Misconception(
            "hinge",
            lambda logits, y: (1 - (2 * y - 1) * logits).relu().mean(),
            "This is a hinge loss. The cross-entropy is wanted.",
        ),
        Misconception(
            "logits_for_probabilities",
            lambda logits, y: -(y * logits.log() + (1 - y) * (1 - logits).log()).mean(),
            "The logarithm was taken of the logits. The probability is their sigmoid.",
        ),
        Misconception(
            "sign", negated(right), "The sign is turned round: this is a log-likelihood."
        ),
        Misconception(
            "summed", summed(entries), "All entries were added up; the mean of them is wanted."
        ),
        Misconception(
            "not_reduced", entries, "There is still one value for each entry; take the mean."
        ),
    ),
    hints=(
        "How many sigmoids lie between the decoder's last layer and the logarithm? One is right.",
        "At a logit of 20 with the label 1 the cost must be below 0.000001.",
        "There is a function of torch.nn.functional whose name ends in with_logits.",
    ),
)
