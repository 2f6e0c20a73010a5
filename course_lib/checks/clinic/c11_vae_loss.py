"""Check of `c11_vae_loss`. Oracle: torch.distributions."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence

from ..declare import Case, Exercise, Misconception
from ..random_inputs import binary_images, normal
from ..wrong_formulas import (
    FLOOR,
    IN_BITS,
    LOG_VAR_AS_LOG_STD,
    SIGMOID_BEFORE_LOSS,
    in_bits,
    negated,
)


def loss_cases(g: torch.Generator) -> list[Case]:
    def inputs(count: int, side: tuple[int, int], latents: int, dtype=torch.float64) -> dict:
        shape = (count, 1, *side)
        return {
            "logits": 1.4 * normal(g, *shape, dtype=dtype) - 0.3,
            "x": binary_images(g, *shape).to(dtype),
            "m": 0.8 * normal(g, count, latents, dtype=dtype) + 0.4,
            "lv": 0.6 * normal(g, count, latents, dtype=dtype) - 0.5,
        }

    by = ("logits", "m", "lv")
    sure = inputs(2, (3, 2), 2, torch.float32)
    sure["logits"] = torch.where(sure["logits"] > 0, 200.0, -200.0)
    return [
        Case(inputs(5, (4, 6), 3), "five images 4 × 6, three latents", gradients=by),
        Case(inputs(3, (5, 2), 2, torch.float32), "three images 5 × 2, float32", gradients=by),
        Case(inputs(1, (2, 3), 4), "one image", gradients=by),
        Case(sure, "logits of ±200", extreme=True, gradients=by),
    ]


def likelihoods(logits: Tensor, x: Tensor) -> Tensor:
    return Bernoulli(logits=logits).log_prob(x).flatten(1)


def divergences(m: Tensor, lv: Tensor) -> Tensor:
    return kl_divergence(Normal(m, (lv / 2).exp()), Normal(torch.zeros_like(m), torch.ones_like(m)))


def of_terms(loss: Callable) -> Callable:
    """A loss of costs a pixel `(B, D)` and divergences a latent `(B, Z)`."""
    return lambda logits, x, m, lv: loss(-likelihoods(logits, x), divergences(m, lv))


def of_bce(cost: Callable) -> Callable:
    return lambda logits, x, m, lv: (
        cost(logits, x).flatten(1).sum(1).mean() + divergences(m, lv).sum(1).mean()
    )


right = of_terms(lambda bce, kl: bce.sum(1).mean() + kl.sum(1).mean())

EXERCISE = Exercise(
    name="clinic.c11_vae_loss",
    signature="(logits, x, m, lv)",
    unit="nats",
    oracle=right,
    cases=loss_cases,
    misconceptions=(
        Misconception(
            "pixels_averaged",
            of_terms(lambda bce, kl: bce.mean() + kl.sum(1).mean()),
            "The pixels are still averaged while the latents are added: the reconstruction weighs "
            "too little by the number of pixels, and q collapses onto the prior. Both are sums.",
            also=(of_terms(lambda bce, kl: bce.mean() + kl.sum()),),
        ),
        Misconception(
            "both_averaged",
            of_terms(lambda bce, kl: bce.mean() + kl.mean()),
            "Pixels and latents were both averaged, each by a number of its own: their ratio is "
            "still not the ELBO's. Both are sums.",
        ),
        Misconception(
            "latents_averaged",
            of_terms(lambda bce, kl: bce.sum(1).mean() + kl.mean()),
            "The pixels are added now, but the latents are averaged: the KL weighs too little by "
            "their number. Both are sums.",
        ),
        Misconception(
            "all_summed",
            of_terms(lambda bce, kl: bce.sum() + kl.sum()),
            "The batch was added up as well. The ratio of the terms is right, but the loss is in "
            "nats per image: average over the batch, once.",
        ),
        Misconception(
            "one_batch_sum",
            of_terms(lambda bce, kl: bce.sum() + kl.sum(1).mean()),
            "The reconstruction was added over the batch and the KL averaged over it, so that the "
            "balance changes with the batch size. Average both over the batch.",
        ),
        Misconception(
            "kl_batch_sum",
            of_terms(lambda bce, kl: bce.sum(1).mean() + kl.sum()),
            "The KL was added over the batch and the reconstruction averaged over it, so that the "
            "balance changes with the batch size. Average both over the batch.",
        ),
        Misconception(
            "per_pixel",
            lambda logits, x, m, lv: right(logits, x, m, lv) / x[0].numel(),
            "The whole loss was divided by the number of pixels. The balance is right; the unit "
            "asked for is nats per image.",
        ),
        Misconception(
            "not_reduced",
            of_terms(lambda bce, kl: bce.sum(1) + kl.sum(1)),
            "There is still one value for each image. The loss is their mean, one number.",
        ),
        Misconception(
            "kl_rewarded",
            of_terms(lambda bce, kl: bce.sum(1).mean() - kl.sum(1).mean()),
            "The KL has the wrong sign: q is rewarded for leaving the prior.",
        ),
        Misconception("elbo_itself", negated(right), "This is the ELBO. A loss is its negative."),
        Misconception(
            "kl_missing",
            of_terms(lambda bce, kl: bce.sum(1).mean()),
            "The KL is missing: without it the prior means nothing to the decoder.",
        ),
        Misconception(
            "kl_doubled",
            of_terms(lambda bce, kl: bce.sum(1).mean() + 2 * kl.sum(1).mean()),
            "The KL is twice too large: it has 1/2 in front.",
        ),
        Misconception(
            "kl_halved",
            of_terms(lambda bce, kl: bce.sum(1).mean() + 0.5 * kl.sum(1).mean()),
            "The KL is half of what it should be: its 1/2 comes once.",
        ),
        Misconception(
            "log_std",
            lambda logits, x, m, lv: right(logits, x, m, 2 * lv),
            LOG_VAR_AS_LOG_STD,
        ),
        Misconception(
            "squared_error",
            of_bce(lambda logits, x: (logits.sigmoid() - x).square()),
            "A squared error stands in the place of the cross-entropy. The pixels are 0 or 1 and "
            "the decoder gives their logits.",
            also=(of_bce(lambda logits, x: (logits - x).square()),),
        ),
        Misconception(
            "sigmoid_twice",
            of_bce(
                lambda logits, x: F.binary_cross_entropy_with_logits(
                    logits.sigmoid(), x, reduction="none"
                )
            ),
            SIGMOID_BEFORE_LOSS,
        ),
        Misconception(
            "floor",
            of_bce(lambda logits, x: F.binary_cross_entropy(logits.sigmoid(), x, reduction="none")),
            FLOOR,
        ),
        Misconception("bits", in_bits(right), IN_BITS),
    ),
    hints=(
        "Count: over how many numbers does reduction='mean' divide the reconstruction, and over "
        "how many is the KL divided?",
        "In the ELBO pixels are independent given z, so their log-likelihoods add; latents too, so "
        "their divergences add. What is averaged is the batch, once, in the last line.",
        "reduction='none' keeps every pixel: flatten from axis 1, sum, and you have (B,), as has "
        "the KL.",
    ),
)
