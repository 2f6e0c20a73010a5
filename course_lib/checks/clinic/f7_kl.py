"""Check of `f7_kl`. Oracle: torch.distributions."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal
from ..wrong_formulas import (
    BATCH_AVERAGED,
    BATCH_SUMMED,
    DIMENSIONS_APART,
    IN_BITS,
    LOG_VAR_AS_LOG_STD,
    averaged,
    in_bits,
    negated,
    summed,
)

LOG_2PI = math.log(2 * math.pi)


def code_cases(g: torch.Generator) -> list[Case]:
    def codes(*shape: int, dtype: torch.dtype = torch.float64) -> dict:
        return {
            "m": 0.9 * normal(g, *shape, dtype=dtype) + 0.5,
            "lv": 0.7 * normal(g, *shape, dtype=dtype) - 0.6,
        }

    by = ("m", "lv")
    return [
        Case(codes(5, 3), "codes (5, 3)", gradients=by),
        Case(codes(2, 4, dtype=torch.float32), "codes (2, 4), float32", gradients=by),
        Case(codes(1, 2), "a batch of one", gradients=by),
        Case({"m": torch.full((2, 2), 7.0), "lv": torch.full((2, 2), -20.0)}, "lv = -20", True, by),
        Case({"m": torch.full((2, 2), -3.0), "lv": torch.full((2, 2), 12.0)}, "lv = 12", True, by),
    ]


def per_dimension(m: Tensor, lv: Tensor) -> Tensor:
    return kl_divergence(Normal(m, (lv / 2).exp()), Normal(torch.zeros_like(m), torch.ones_like(m)))


def kl(m: Tensor, lv: Tensor) -> Tensor:
    return per_dimension(m, lv).sum(-1)


def entropy(m: Tensor, lv: Tensor) -> Tensor:
    return 0.5 * (1 + LOG_2PI + lv + 0 * m).sum(-1)


def cross_entropy(m: Tensor, lv: Tensor) -> Tensor:
    return kl(m, lv) + entropy(m, lv)


def of_parts(square=1.0, variance=1.0, one=1.0, log=1.0, half=0.5):
    return lambda m, lv: half * (square * m**2 + variance * lv.exp() - one - log * lv).sum(-1)


EXERCISE = Exercise(
    name="clinic.f7_kl",
    signature="(m, lv)",
    unit="nats",
    oracle=kl,
    cases=code_cases,
    misconceptions=(
        Misconception(
            "entropy",
            entropy,
            "This is the entropy of q, which knows nothing of the prior: the mean does not even "
            "occur. The relative entropy compares two distributions, and is 0 where they are one.",
            also=(lambda m, lv: 0.5 * (1 + LOG_2PI + lv).sum(-1),),
        ),
        Misconception(
            "negative_entropy",
            negated(entropy),
            "This is minus the entropy of q: one half of the relative entropy. The other half is "
            "what q pays under the prior, -E log p(z), where the mean comes in.",
            also=(lambda m, lv: -0.5 * (1 + LOG_2PI + lv).sum(-1),),
        ),
        Misconception(
            "cross_entropy",
            cross_entropy,
            "This is the cross-entropy -E log p(z). The entropy of q is still to be subtracted, "
            "so that N(0, 1) against itself costs nothing.",
        ),
        Misconception(
            "turned_round",
            lambda m, lv: kl_divergence(
                Normal(0.0 * m, torch.ones_like(m)), Normal(m, (lv / 2).exp())
            ).sum(-1),
            "This is KL(prior‖q). The penalty is KL(q‖prior): the average is under q.",
        ),
        Misconception("sign", negated(kl), "The sign is turned round: a KL is never negative."),
        Misconception(
            "half_forgotten", of_parts(half=1.0), "It is twice too large: a factor 1/2 is missing."
        ),
        Misconception(
            "half_twice", of_parts(half=0.25), "It is half of what it should be: 1/2 comes once."
        ),
        Misconception(
            "mean_missing",
            of_parts(square=0.0),
            "The mean does not occur: q may sit anywhere without paying. Its square is missing.",
            also=(lambda m, lv: 0.5 * (lv.exp() - 1 - lv).sum(-1),),
        ),
        Misconception(
            "one_missing",
            of_parts(one=0.0),
            "It is not 0 where q is the prior: a 1 for each latent is to be subtracted.",
        ),
        Misconception(
            "log_sign", of_parts(log=-1.0), "lv has the wrong sign: a narrow q is rewarded here."
        ),
        Misconception("log_std", lambda m, lv: kl(m, 2 * lv), LOG_VAR_AS_LOG_STD),
        Misconception(
            "root_for_variance",
            lambda m, lv: kl(m, lv / 2),
            "The standard deviation exp(lv / 2) stands where the variance exp(lv) belongs.",
            also=(lambda m, lv: 0.5 * (m**2 + (lv / 2).exp() - 1 - lv).sum(-1),),
        ),
        Misconception(
            "variance_itself",
            lambda m, lv: 0.5 * (m**2 + lv - 1 - lv.log()).sum(-1),
            "lv was read as the variance, and its logarithm was taken. It is the logarithm.",
        ),
        Misconception(
            "mean_not_squared",
            lambda m, lv: 0.5 * (m + lv.exp() - 1 - lv).sum(-1),
            "The mean enters as it is, so a negative one is rewarded. Its square belongs there.",
        ),
        Misconception("not_summed", per_dimension, DIMENSIONS_APART),
        Misconception(
            "latents_averaged",
            lambda m, lv: per_dimension(m, lv).mean(-1),
            "The latents were averaged. They are independent, so their divergences add.",
        ),
        Misconception(
            "batch_averaged",
            averaged(kl),
            BATCH_AVERAGED,
            also=(averaged(per_dimension),),
        ),
        Misconception(
            "log_variance_as_scale",
            lambda m, lv: kl_divergence(Normal(m, lv), Normal(0.0 * m, torch.ones_like(m))).sum(-1),
            "Normal was given lv, and it takes the standard deviation, which is positive: the root "
            "of exp(lv).",
            error="Expected parameter scale",
        ),
        Misconception("batch_summed", summed(kl), BATCH_SUMMED),
        Misconception("bits", in_bits(kl), IN_BITS),
    ),
    hints=(
        "Entropy has one distribution, relative entropy two: E log q(z) - E log p(z), both under "
        "q. What should it be where q is the prior?",
        "E log q(z) is minus the entropy. E log p(z) of a standard normal needs the mean of z², "
        "which is m² + exp(lv).",
        "The 2π cancel. Four terms remain for each latent, with 1/2 in front: m², exp(lv), 1, lv.",
    ),
)
