"""Check of `kl_categorical`. Oracle: torch.distributions."""

from __future__ import annotations

import torch
from torch.distributions import Categorical, kl_divergence

from ..declare import Exercise, Misconception
from ..wrong_formulas import IN_BITS, in_bits, last_axis_averaged, negated, summed
from .distributions import two_distributions


def kl(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    return kl_divergence(Categorical(p), Categorical(q))


EXERCISE = Exercise(
    name="divergences.kl_categorical",
    signature="(p, q)",
    unit="nats",
    oracle=kl,
    cases=two_distributions,
    misconceptions=(
        Misconception(
            "not_a_number_at_zero",
            lambda p, q: (p * (p / q).log()).sum(-1),
            "0 · log 0 gave nan. Where p is 0 the term is 0, whatever q is: such an outcome never "
            "occurs under p.",
        ),
        Misconception(
            "reversed",
            lambda p, q: kl(q, p),
            "This is KL(q‖p). KL(p‖q) averages under p: p is the weight and stands on top of the "
            "ratio. If you used F.kl_div, its argument order is (log q, p).",
        ),
        Misconception(
            "finite_where_q_is_zero",
            lambda p, q: (p * ((p + 1e-8) / (q + 1e-8)).log()).sum(-1),
            "A small constant next to q hides the infinity: where q says «impossible» and p does "
            "not, the divergence is inf, and the course wants to see that.",
        ),
        Misconception(
            "cross_entropy",
            lambda p, q: kl(p, q) + Categorical(p).entropy(),
            "This is the cross-entropy -Σ p log q. KL is the part of it that exceeds p's own "
            "entropy: it must be 0 when p = q.",
        ),
        Misconception(
            "in_bits",
            in_bits(kl),
            IN_BITS,
        ),
        Misconception(
            "sign",
            negated(kl),
            "The sign is turned round: KL is never negative. Is the ratio p / q or q / p?",
        ),
        Misconception(
            "symmetrised",
            lambda p, q: kl(p, q) + kl(q, p),
            "KL(p‖q) and KL(q‖p) were added (Jeffreys' divergence). KL has a direction: average "
            "under p alone.",
        ),
        Misconception(
            "mean_over_outcomes",
            last_axis_averaged(kl),
            "The terms were averaged over the outcomes; p is the weight already, so add them.",
        ),
        Misconception(
            "sum_over_everything",
            summed(kl),
            "All pairs were added into one number. Sum over the last axis alone.",
        ),
    ),
    hints=(
        "Whose average is it: which of the two distributions draws the outcomes?",
        "KL(p‖q) = Σ p · (log p − log q) over the last axis. Now look at three special outcomes: "
        "p = 0, q = 0, and both.",
        "Where p is 0 the term is 0, also when q is 0. Where q alone is 0 the term is +inf. "
        "torch.where, or the difference of two torch.xlogy, gives both.",
    ),
)
