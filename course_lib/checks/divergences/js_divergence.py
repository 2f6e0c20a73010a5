"""Check of `js_divergence`. Oracle: by entropies, where the lesson goes by divergences."""

from __future__ import annotations

import math

import torch
from torch.distributions import Categorical

from ..declare import Exercise, Misconception
from ..wrong_formulas import doubled, in_bits
from .distributions import two_distributions
from .kl_categorical import kl


def js_by_entropies(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    mixture = Categorical((p + q) / 2).entropy()
    return mixture - (Categorical(p).entropy() + Categorical(q).entropy()) / 2


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
        ),
        Misconception(
            "symmetrised_kl",
            lambda p, q: (kl(p, q) + kl(q, p)) / 2,
            "This averages KL(p‖q) and KL(q‖p), which is infinite on disjoint supports. JS "
            "compares each of them with their mixture.",
        ),
        Misconception(
            "one_side",
            lambda p, q: kl(p, (p + q) / 2),
            "Only KL(p‖mixture) is there. Without the term of q it is not symmetric.",
        ),
        Misconception(
            "reversed",
            lambda p, q: (kl((p + q) / 2, p) + kl((p + q) / 2, q)) / 2,
            "The mixture stands on the left of both divergences, which makes them infinite where "
            "p or q is 0. It belongs on the right.",
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
