"""Check of `js_divergence`. Oracle: by entropies, where the lesson goes by divergences."""

from __future__ import annotations

import math

import torch
from torch.distributions import Categorical

from ..declare import Exercise, Misconception
from ..wrong_formulas import (
    averaged,
    doubled,
    in_bits,
    last_axis_averaged,
    negated,
    scaled,
    summed,
)
from .distributions import two_distributions
from .kl_categorical import kl


def js_by_entropies(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    mixture = Categorical((p + q) / 2).entropy()
    return mixture - (Categorical(p).entropy() + Categorical(q).entropy()) / 2


def with_mixture(mixture):
    """The mean of the two divergences to something that is no mixture (p + q) / 2."""

    def answer(p, q):
        other = mixture(p, q)
        return sum((torch.xlogy(a, a) - torch.xlogy(a, other)).sum(-1) for a in (p, q)) / 2

    return answer


def entropies_of_both(p, q):
    return Categorical(p).entropy() + Categorical(q).entropy()


EXERCISE = Exercise(
    name="divergences.js_divergence",
    signature="(p, q)",
    unit="nats",
    oracle=js_by_entropies,
    cases=two_distributions,
    misconceptions=(
        Misconception(
            "not_a_number_at_zero",
            lambda p, q: sum((a * (2 * a / (p + q)).log()).sum(-1) for a in (p, q)) / 2,
            "0 · log 0 gave nan. Your KL may handle zeros already: call it instead of writing the "
            "logarithms again.",
        ),
        Misconception(
            "half_forgotten",
            doubled(js_by_entropies),
            "The two divergences were added; JS is their mean. Its largest value is log 2 = 0.693.",
        ),
        Misconception(
            "sum_instead_of_mixture",
            lambda p, q: js_by_entropies(p, q) - math.log(2),
            "p + q sums to 2 and is no distribution. Compare p and q with the mixture (p + q) / 2.",
            also=(lambda p, q: 2 * js_by_entropies(p, q) - 2 * math.log(2),),
        ),
        Misconception(
            "symmetrised_kl",
            lambda p, q: (kl(p, q) + kl(q, p)) / 2,
            "This is made of KL(p‖q) and KL(q‖p), as it is when both are compared with the root "
            "of p · q; those are infinite on disjoint supports. JS compares each of them with "
            "their mixture.",
            also=(
                lambda p, q: (kl(p, q) + kl(q, p)) / 4,
                with_mixture(lambda p, q: (p * q).sqrt()),  # the same number
                lambda p, q: kl(p, q) + kl(q, p),
                lambda p, q: torch.minimum(kl(p, q), kl(q, p)),
            ),
        ),
        Misconception(
            "one_side",
            lambda p, q: kl(p, (p + q) / 2),
            "Only one of the two divergences to the mixture is there. Without the other it is not "
            "symmetric.",
            also=(
                lambda p, q: kl(q, (p + q) / 2),
                lambda p, q: kl(p, (p + q) / 2) / 2,
                lambda p, q: kl(q, (p + q) / 2) / 2,
            ),
        ),
        Misconception(
            "reversed",
            lambda p, q: (kl((p + q) / 2, p) + kl((p + q) / 2, q)) / 2,
            "The mixture stands on the left of both divergences, which makes them infinite where "
            "p or q is 0. It belongs on the right.",
        ),
        Misconception(
            "halved_twice",
            scaled(js_by_entropies, 0.5),
            "The result is half of what it should be: the mean of the two divergences has one 1/2, "
            "and the mixture has its own inside.",
        ),
        Misconception(
            "geometric_mean",
            with_mixture(lambda p, q: (r := (p * q).sqrt()) / r.sum(-1, keepdim=True)),
            "The distributions were mixed by a geometric mean, which is 0 wherever one of them is. "
            "The mixture is the plain mean, (p + q) / 2.",
        ),
        Misconception(
            "maximum_as_mixture",
            with_mixture(torch.maximum),
            "The larger of p and q was taken at each outcome: that sums to more than 1 and is no "
            "distribution. Take their mean.",
        ),
        Misconception(
            "mixture_over_the_batch",
            with_mixture(lambda p, q: ((p + q) / 2).mean(0, keepdim=True)),
            "The mixture was averaged over the pairs too. Each pair has its own.",
        ),
        Misconception(
            "one_of_the_two_reversed",
            lambda p, q: (kl(p, (p + q) / 2) + kl((p + q) / 2, q)) / 2,
            "One of the two divergences is turned round. The mixture stands on the right of both.",
            also=(lambda p, q: (kl((p + q) / 2, p) + kl(q, (p + q) / 2)) / 2,),
        ),
        Misconception(
            "entropies_not_averaged",
            lambda p, q: js_by_entropies(p, q) - entropies_of_both(p, q) / 2,
            "Both entropies were subtracted in full from that of the mixture. Their mean is.",
        ),
        Misconception(
            "entropy_of_the_mixture",
            lambda p, q: Categorical((p + q) / 2).entropy(),
            "This is the entropy of the mixture. What p and q have of their own is still to be "
            "subtracted.",
        ),
        Misconception(
            "sign",
            negated(js_by_entropies),
            "The sign is turned round: a mixture has more entropy than its parts have on average, "
            "so the result is never negative.",
        ),
        Misconception(
            "distance_from_the_largest",
            lambda p, q: math.log(2) - js_by_entropies(p, q),
            "This is log 2 minus the divergence: 0 where the two are apart, and largest where they "
            "agree.",
        ),
        Misconception(
            "product",
            lambda p, q: kl(p, (p + q) / 2) * kl(q, (p + q) / 2),
            "The two divergences were multiplied. JS is their mean.",
        ),
        Misconception(
            "another_distance",
            lambda p, q: (p - q).abs().sum(-1) / 2,
            "This is the total variation or another distance of the two. JS is made of two KL "
            "divergences to the mixture.",
            also=(
                lambda p, q: (p.sqrt() - q.sqrt()).square().sum(-1) / 2,
                lambda p, q: (p - q).square().sum(-1),
            ),
        ),
        Misconception(
            "mean_over_outcomes",
            last_axis_averaged(js_by_entropies),
            "The terms were averaged over the outcomes; p and q are the weights already, so add "
            "them.",
        ),
        Misconception(
            "batch_averaged",
            averaged(js_by_entropies),
            "The pairs were averaged too. Give one divergence for each of them.",
        ),
        Misconception(
            "sum_over_everything",
            summed(js_by_entropies),
            "The divergences of all pairs were added. Give one for each of them.",
        ),
        Misconception(
            "in_bits",
            in_bits(js_by_entropies),
            "These are bits (largest value 1). In nats the largest value is log 2.",
        ),
        Misconception(
            "distance",
            lambda p, q: js_by_entropies(p, q).clamp(min=0).sqrt(),
            "This is the Jensen–Shannon distance, the square root. The divergence is wanted.",
        ),
    ),
    hints=(
        "Both distributions are compared with a third one that lies halfway between them.",
        "The third one is the mixture (p + q) / 2. It is 0 only where both are 0, so neither KL "
        "to it is ever infinite.",
        "JS is the mean of KL(p‖mixture) and KL(q‖mixture), both of which your kl_categorical "
        "computes.",
    ),
)
