"""Check of `inception_score`. Oracle: a loop over images and classes, in Python's floats."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from .numbers import call_for, number_facts


def probability_cases(generator: torch.Generator) -> list[Case]:
    def drawn(count: int, classes: int, sharpness: float) -> Tensor:
        logits = torch.randn(count, classes, generator=generator, dtype=torch.float64)
        bias = torch.linspace(-1, 1, classes, dtype=torch.float64)  # so that p(y) is not uniform
        return (sharpness * logits + bias).softmax(dim=1)

    certain = torch.eye(4, dtype=torch.float64)[[0, 0, 1, 3, 3, 3, 1]]
    return [
        Case({"probabilities": drawn(23, 6, 1.5)}, "23 images, 6 classes"),
        Case({"probabilities": drawn(5, 9, 0.5)}, "5 images, 9 classes"),
        Case({"probabilities": drawn(12, 4, 2.0).float()}, "in float32"),
        Case({"probabilities": drawn(1, 4, 2.0)}, "one image"),
        Case({"probabilities": certain}, "probabilities of 0 and 1", extreme=True),
    ]


def by_loops(probabilities: Tensor) -> float:
    rows = probabilities.double().tolist()
    marginal = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    total = 0.0
    for row in rows:
        for p, q in zip(row, marginal, strict=True):
            total += p * math.log(p / q) if p > 0 else 0.0
    return math.exp(total / len(rows))


def divergences(p: Tensor, marginal: Tensor) -> Tensor:
    return torch.special.xlogy(p, p).sub(torch.special.xlogy(p, marginal)).sum(dim=1)


def entropy(p: Tensor) -> Tensor:
    return torch.special.entr(p).sum(dim=-1)


def of_reduced(reduce):
    """A function of the images' divergences from the marginal, `(N,)`."""
    return lambda p: reduce(divergences(p, p.mean(dim=0)))


def backwards(p: Tensor) -> Tensor:
    marginal = p.mean(dim=0, keepdim=True).expand_as(p)
    return F.kl_div(p.log(), marginal, reduction="batchmean").exp()


def in_splits(p: Tensor, count: int = 10) -> Tensor:
    parts = [divergences(part, part.mean(dim=0)).mean().exp() for part in p.chunk(count)]
    return torch.stack(parts).mean()


def named_shares(p: Tensor) -> Tensor:
    """The share of the images that each class is the most probable one of."""
    counts = p.argmax(dim=1).bincount(minlength=p.shape[1]).to(p.dtype)
    return counts / counts.sum()


def hard(p: Tensor) -> Tensor:
    return entropy(named_shares(p)).exp()


def against_named_shares(floor: float):
    return lambda p: divergences(p, named_shares(p).clamp(min=floor)).mean().exp()


def weighed_by(weights):
    """The logarithms of the ratios under other weights, `(p, marginal) -> (N, K)`."""

    def answer(p: Tensor) -> Tensor:
        floor = 1e-12
        marginal = p.mean(dim=0, keepdim=True).expand_as(p)
        ratios = p.clamp(min=floor).log() - marginal.clamp(min=floor).log()
        return (weights(p, marginal) * ratios).sum(dim=1).mean().exp()

    return answer


EXERCISE = Exercise(
    name="evaluation.inception_score",
    signature="(probabilities)",
    oracle=by_loops,
    cases=probability_cases,
    call=call_for("value"),
    facts=number_facts,
    misconceptions=(
        Misconception(
            "without_exponential",
            of_reduced(lambda kl: kl.mean()),
            "This is the mean divergence in nats. The score is its exponential, so that it counts "
            "classes, from 1 to K.",
        ),
        Misconception(
            "exponential_first",
            of_reduced(lambda kl: kl.exp().mean()),
            "The exponential was taken of each image's divergence, and then the mean. The mean "
            "comes first.",
        ),
        Misconception(
            "summed_over_images",
            of_reduced(lambda kl: kl.sum().exp()),
            "The divergences of the images were added, not averaged: the score would grow with the "
            "number of images.",
        ),
        Misconception(
            "averaged_over_classes",
            lambda p: (divergences(p, p.mean(dim=0)) / p.shape[1]).mean().exp(),
            "The terms of a divergence were averaged over the classes. A KL divergence is their "
            "sum; only the images are averaged.",
        ),
        Misconception(
            "inverse",
            of_reduced(lambda kl: (-kl).mean().exp()),
            "This is one over the score: the divergence came with a minus. More classes and "
            "greater certainty must raise it above 1.",
        ),
        Misconception(
            "divergence_reversed",
            backwards,
            "The divergence goes the other way, from p(y) to p(y | x). The average of the "
            "logarithm is taken under p(y | x). (F.kl_div takes the logarithm of the second "
            "distribution as its first argument.)",
            also=(lambda p: divergences(p.mean(dim=0).expand_as(p), p).mean().exp(),),
        ),
        Misconception(
            "reversed_and_averaged",
            lambda p: (divergences(p.mean(dim=0).expand_as(p), p) / p.shape[1]).mean().exp(),
            "The divergence goes from p(y) to p(y | x), and its terms were averaged over the "
            "classes too. F.kl_div wants the logarithm of the second distribution first, and "
            "reduction='mean' divides by N · K.",
        ),
        Misconception(
            "divided_by_classes",
            lambda p: (divergences(p, p.mean(dim=0)).sum() / p.shape[1]).exp(),
            "The divergences were added over the images and divided by the number of classes. "
            "(reduction='batchmean' of F.kl_div divides by the length of its first argument, "
            "which must have a row for each image.)",
        ),
        Misconception(
            "logarithm_missing",
            lambda p: (torch.special.xlogy(p, p) - p * p.mean(dim=0)).sum(dim=1).mean().exp(),
            "A probability stands where its logarithm belongs. (F.kl_div takes the logarithm of "
            "the second distribution, not the distribution.)",
            also=(
                lambda p: (p * (p - p.mean(dim=0))).sum(dim=1).mean().exp(),
                lambda p: (p * p / p.mean(dim=0)).sum(dim=1).mean().exp(),
            ),
        ),
        Misconception(
            "marginal_summed",
            lambda p: divergences(p, p.sum(dim=0)).mean().exp(),
            "p(y) adds up to N here: it is the mean over the images, not their sum.",
        ),
        Misconception(
            "marginal_does_not_fit",
            lambda p: divergences(p, p.mean(dim=1)).mean().exp(),
            "The shapes do not fit. p(y) has one number a class, (K,): the mean over the images, "
            "which lie along the first axis.",
            error="size of tensor",
        ),
        Misconception(
            "entropy_of_the_classes",
            lambda p: entropy(p.mean(dim=0)).exp(),
            "This is the exponential of the entropy of p(y) alone: it counts classes, and does not "
            "ask whether a single image is named with certainty.",
        ),
        Misconception(
            "nan_images_as_zero",
            lambda p: (p * (p / p.mean(dim=0)).log()).sum(dim=1).nan_to_num().mean().exp(),
            "An image that has one term of nan counts as 0 with all of its terms. 0 · log 0 is one "
            "term, and it alone counts as 0: torch.special.xlogy and torch.special.entr know that.",
        ),
        Misconception(
            "certainty_alone",
            lambda p: (-entropy(p)).mean().exp(),
            "Only the entropy of p(y | x) plays a part: how sure the network is of each image, and "
            "not how many classes occur.",
            also=(lambda p: entropy(p).mean().exp(),),
        ),
        Misconception(
            "entropies_added",
            lambda p: (entropy(p.mean(dim=0)) + entropy(p).mean()).exp(),
            "The two entropies were added. Their difference is the mean divergence: certainty of "
            "the single image counts in favor.",
        ),
        Misconception(
            "uniform_marginal",
            lambda p: p.shape[1] * (-entropy(p)).mean().exp(),
            "The divergence was taken from the uniform distribution. p(y) is the mean of the "
            "images' own probabilities, one number a class. (The mean over the classes of one "
            "image is 1/K, whatever the image.)",
            also=(lambda p: divergences(p, p.mean(dim=1, keepdim=True)).mean().exp(),),
        ),
        Misconception(
            "in_bits",
            of_reduced(lambda kl: (kl / math.log(2)).mean().exp()),
            "The divergence is in bits, and exp belongs to nats: use the natural logarithm.",
        ),
        Misconception(
            "softmax_again",
            lambda p: of_reduced(lambda kl: kl.mean().exp())(p.softmax(dim=1)),
            "A softmax was applied to what are probabilities already, which flattens them.",
        ),
        Misconception(
            "named_classes_counted",
            hard,
            "The images were replaced by the class that each is called, so that all certainty was "
            "thrown away. Keep the probabilities.",
        ),
        Misconception(
            "marginal_of_named_classes",
            against_named_shares(0.0),
            "p(y) was counted: how often each class is the most probable one. It is the mean of "
            "the images' probabilities, whole or not.",
            also=tuple(against_named_shares(floor) for floor in (1e-16, 1e-12, 1e-10, 1e-8)),
        ),
        Misconception(
            "weighed_by_the_mean",
            weighed_by(lambda p, marginal: marginal),
            "The logarithm of the ratio was weighed by p(y). The divergence of an image weighs it "
            "by that image's own p(y | x).",
        ),
        Misconception(
            "not_weighed",
            weighed_by(lambda p, marginal: torch.ones_like(p)),
            "The logarithms were added without weights. In a divergence each is multiplied by the "
            "probability of its class, here p(y | x).",
        ),
        Misconception(
            "power_of_two",
            of_reduced(lambda kl: 2 ** kl.mean()),
            "2 was raised to a divergence in nats. The base that belongs to the natural logarithm "
            "is e.",
        ),
        Misconception(
            "exponentials_apart",
            lambda p: entropy(p.mean(dim=0)).exp() - entropy(p).mean().exp(),
            "Each entropy had an exponential of its own. Take the difference first, in nats, and "
            "then the exponential of it.",
            also=(
                lambda p: entropy(p.mean(dim=0)).exp() - entropy(p).exp().mean(),
                lambda p: entropy(p.mean(dim=0)).exp() / entropy(p).exp().mean(),
            ),
        ),
        Misconception(
            "doubt_added_up",
            lambda p: (entropy(p.mean(dim=0)) - entropy(p).sum()).exp(),
            "The entropies of the images were added, not averaged.",
        ),
        Misconception(
            "logarithms_added",
            lambda p: (
                (torch.special.xlogy(p, p) + torch.special.xlogy(p, p.mean(dim=0)))
                .sum(dim=1)
                .mean()
                .exp()
            ),
            "The logarithm of p(y) was added. That of a ratio is a difference.",
        ),
        Misconception(
            "rounded",
            of_reduced(lambda kl: round(float(kl.mean().exp()), 2)),
            "The score was rounded. Return it as it is.",
            also=(of_reduced(lambda kl: round(float(kl.mean().exp()), 3)),),
        ),
        Misconception(
            "in_splits",
            in_splits,
            "The images were cut into parts and the scores averaged, as some tables do. Here all "
            "images are one set.",
            also=(lambda p: in_splits(p, 2),),
        ),
        Misconception(
            "constant_added",
            lambda p: (p * ((p + 1e-2) / (p.mean(dim=0) + 1e-2)).log()).sum(dim=1).mean().exp(),
            "A constant was added under the logarithm that is large enough to change the result. "
            "0 · log 0 needs none: torch.special.xlogy and torch.special.entr know its limit.",
            also=(
                lambda p: (p * ((p + 1e-3) / (p.mean(dim=0) + 1e-3)).log()).sum(dim=1).mean().exp(),
                lambda p: (p * ((p + 1e-2).log() - p.mean(dim=0).log())).sum(dim=1).mean().exp(),
                lambda p: (p * ((p + 1e-3).log() - p.mean(dim=0).log())).sum(dim=1).mean().exp(),
            ),
        ),
        Misconception(
            "zero_times_infinity",
            lambda p: (p * (p / p.mean(dim=0)).log()).sum(dim=1).mean().exp(),
            "The formula is right, but 0 · log 0 is nan in floating point. Its limit is 0; "
            "torch.special.xlogy and torch.special.entr know that.",
        ),
        Misconception(
            "per_image",
            of_reduced(lambda kl: kl.exp()),
            "There is one value for each image. The score is one number for the whole set.",
        ),
    ),
    hints=(
        "Two distributions occur: p(y | x), a row, and p(y), the mean of all rows. The score is "
        "the exponential of a mean KL divergence.",
        "Under the logarithm stands the row over the mean row; weigh by the row, add over the "
        "classes, average over the images. What is 0 · log 0?",
        "It is also the entropy of the mean row minus the mean entropy of the rows, under exp.",
    ),
    rtol=1e-4,
    atol=1e-6,
)
