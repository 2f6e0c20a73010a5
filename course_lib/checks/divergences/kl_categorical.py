"""Check of `kl_categorical`. Oracle: torch.distributions."""

from __future__ import annotations

import torch
from torch.distributions import Categorical, kl_divergence

from ..declare import Exercise, Misconception
from ..wrong_formulas import IN_BITS, averaged, in_bits, last_axis_averaged, negated, summed
from .distributions import two_distributions


def kl(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    return kl_divergence(Categorical(p), Categorical(q))


def floors():
    """Small constants beside p and q, beside q alone, or as a clamp."""
    small = (1e-5, 1e-6, 1e-7, 1e-9, 1e-10, 1e-12, 1e-16)
    both = (lambda p, q, e=e: (p * ((p + e) / (q + e)).log()).sum(-1) for e in small)
    only_q = (lambda p, q, e=e: (torch.xlogy(p, p) - p * (q + e).log()).sum(-1) for e in small)
    clamped = (
        lambda p, q, e=e: (p * (p.clamp(min=e) / q.clamp(min=e)).log()).sum(-1)
        for e in (1e-8, *small)
    )
    return (*both, *only_q, *clamped)


def terms(p, q):
    return torch.where(p > 0, p * (p / q).log(), 0.0)


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
            also=floors(),
        ),
        Misconception(
            "cross_entropy",
            lambda p, q: kl(p, q) + Categorical(p).entropy(),
            "This is the cross-entropy -Σ p log q. KL is the part of it that exceeds p's own "
            "entropy: it must be 0 when p = q.",
        ),
        Misconception(
            "everything_replaced",
            lambda p, q: (p * (p / q).log()).nan_to_num(0).sum(-1),
            "nan_to_num replaced the infinity too, by the largest number there is. Where q is 0 "
            "and p is not, the divergence is inf.",
            also=(lambda p, q: kl(p, q).nan_to_num(),),
        ),
        Misconception(
            "left_out_where_q_is_zero",
            lambda p, q: terms(p, q).masked_fill(q == 0, 0.0).sum(-1),
            "Outcomes with q = 0 were left out. Where p is 0 as well that is right; where p is "
            "not, something happened that q held to be impossible, and the divergence is inf.",
        ),
        Misconception(
            "weighed_by_q",
            lambda p, q: (q * (p / q).log()).sum(-1),
            "The logarithm is that of p / q, and q weighs it: that is -KL(q‖p). Outcomes come from "
            "p, so p is the weight.",
        ),
        Misconception(
            "not_weighed",
            lambda p, q: (p / q).log().sum(-1),
            "The log-ratios were added without weights. Each counts by p, as often as its outcome "
            "occurs.",
        ),
        Misconception(
            "probabilities_for_logarithms",
            lambda p, q: (torch.xlogy(p, p) - p * q).sum(-1),
            "F.kl_div takes the logarithm of q as its first argument, and got q itself.",
        ),
        Misconception(
            "absolute_terms",
            lambda p, q: terms(p, q).abs().sum(-1),
            "The absolute values were added. Single terms may be negative; only their sum cannot.",
        ),
        Misconception(
            "entropies_added",
            lambda p, q: kl(p, q) + 2 * Categorical(p).entropy(),
            "The entropy of p was added to the cross-entropy. It is subtracted: what p's own "
            "surprise costs is not the fault of q.",
        ),
        Misconception(
            "difference_of_entropies",
            lambda p, q: Categorical(q).entropy() - Categorical(p).entropy(),
            "This is a difference of two entropies, each averaged under its own distribution. In "
            "KL both logarithms are averaged under p.",
            also=(lambda p, q: Categorical(p).entropy() - Categorical(q).entropy(),),
        ),
        Misconception(
            "probabilities_as_logits",
            lambda p, q: kl(p.softmax(-1), q.softmax(-1)),
            "p and q were put through a softmax. They hold probabilities already, not logits.",
            also=(lambda p, q: (p * (p.log_softmax(-1) - q.log_softmax(-1))).sum(-1),),
        ),
        Misconception(
            "logarithm_forgotten",
            lambda p, q: (p * (p / q)).sum(-1),
            "The ratio was averaged without its logarithm.",
        ),
        Misconception(
            "one_added_inside",
            lambda p, q: (p * (p / q).log1p()).sum(-1),
            "log1p adds 1 to the ratio. For p = q the logarithm must be 0.",
        ),
        Misconception(
            "squared_difference",
            lambda p, q: (p - q).square().sum(-1),
            "This is the squared distance of the two. KL is an average of log(p / q).",
            also=(lambda p, q: (p - q).abs().sum(-1), lambda p, q: (p - q).abs().sum(-1) / 2),
        ),
        Misconception(
            "over_the_first_axis",
            lambda p, q: kl(p.movedim(0, -1), q.movedim(0, -1)),
            "The sum went over the first axis. The outcomes of one distribution lie along the "
            "last.",
            also=(lambda p, q: terms(p, q).sum(0), lambda p, q: terms(p, q).sum(1)),
        ),
        Misconception(
            "not_summed",
            terms,
            "These are the terms of the single outcomes. They are still to be added over the last "
            "axis.",
            also=(lambda p, q: p * (p / q).log(), lambda p, q: terms(p, q).sum(-1, keepdim=True)),
        ),
        Misconception(
            "batch_averaged",
            averaged(kl),
            "The pairs were averaged. Give one divergence for each of them; F.kl_div's batchmean "
            "divides by the length of the first axis.",
            also=(lambda p, q: kl(p, q).sum() / len(p),),
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
