"""Check of `optimal_discriminator`. Oracle: Bayes' rule by a softmax of the log-densities."""

from __future__ import annotations

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import uniform


def density_cases(g: torch.Generator) -> list[Case]:
    def pair(*shape: int, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
        p = 1.7 * uniform(g, *shape, dtype=dtype) + 0.02
        return {"p_data": p, "p_model": 0.6 * uniform(g, *shape, dtype=dtype) + 0.01}

    zeros = {
        "p_data": torch.tensor([0.4, 0.0, 0.0, 1.3, 0.0]).double(),
        "p_model": torch.tensor([0.3, 0.5, 0.0, 0.0, 0.0]).double(),
    }
    faint = {
        "p_data": torch.tensor([3e-20, 1e-25, 2e-12, 5e-9]),
        "p_model": torch.tensor([1e-20, 4e-25, 3e-12, 1e-9]),
    }
    return [
        Case(pair(6), gradients=("p_data", "p_model")),
        Case(pair(2, 5), "a grid of shape (2, 5)"),
        Case(pair(4, dtype=torch.float32), "in float32"),
        Case(zeros, "one density or both are 0", extreme=True),
        Case(faint, "both densities far below 1e-8", extreme=True),
    ]


def bayes(p_data: Tensor, p_model: Tensor) -> Tensor:
    share = torch.stack([p_data.log(), p_model.log()]).softmax(dim=0)[0]
    return torch.where(share.isnan(), 0.5, share)


def share(p: Tensor, q: Tensor, nowhere: float = 0.5) -> Tensor:
    """p / (p + q), and `nowhere` where both are 0."""
    total = p + q
    return torch.where(total > 0, p / total, nowhere)


EXERCISE = Exercise(
    name="minimax.optimal_discriminator",
    signature="(p_data, p_model)",
    oracle=bayes,
    cases=density_cases,
    entry="point",
    misconceptions=(
        Misconception(
            "not_a_number",
            lambda p, q: p / (p + q),
            "0 / 0 is nan. Where neither density is positive nothing is ever seen; there the "
            "exercise asks for 1/2.",
            also=(lambda p, q: (p / q) / (1 + p / q),),
        ),
        Misconception(
            "one_where_both_vanish",
            lambda p, q: share(p, q, 1.0),
            "Where both densities are 0 it says «certainly real». Nothing speaks for either side "
            "there: 1/2.",
        ),
        Misconception(
            "zero_where_both_vanish",
            lambda p, q: share(p, q, 0.0),
            "Where both densities are 0 it says «certainly fake». Nothing speaks for either side "
            "there: 1/2.",
            also=(lambda p, q: p / torch.where(p + q > 0, p + q, 1.0),),
        ),
        Misconception(
            "half_where_one_vanishes",
            lambda p, q: torch.where((p > 0) & (q > 0), p / (p + q), 0.5),
            "It says 1/2 where one density alone is 0. There the formula holds, and D is sure: the "
            "rule is needed where both are 0.",
            also=(
                lambda p, q: torch.where(p > 0, p / (p + q), 0.5),
                lambda p, q: torch.where(q > 0, p / (p + q), 0.5),
            ),
        ),
        Misconception(
            "larger_below",
            lambda p, q: p / torch.maximum(p, q),
            "The data's density was divided by the larger of the two. The formula of line 3 has "
            "their sum.",
            also=(lambda p, q: torch.where(p + q > 0, p / torch.maximum(p, q), 0.5),),
        ),
        Misconception(
            "difference_below",
            lambda p, q: p / (p - q),
            "The denominator is the difference of the densities. Line 3 has their sum.",
            also=(lambda p, q: torch.where(p == q, 0.5, p / (p - q)),),
        ),
        Misconception(
            "epsilon",
            lambda p, q: p / (p + q + 1e-8),
            "A small constant or threshold decides where both densities are small. Their ratio is "
            "meaningful however small they are; only 0 / 0 needs a rule of its own.",
            also=(
                lambda p, q: p / (p + q + 1e-12),
                lambda p, q: p / (p + q).clamp(min=1e-8),
                lambda p, q: p / (p + q).clamp(min=1e-12),
                lambda p, q: (p + 1e-8) / (p + q + 2e-8),
                lambda p, q: (p + 1e-12) / (p + q + 2e-12),
                lambda p, q: torch.where(p + q > 1e-8, p / (p + q), 0.5),
                lambda p, q: torch.where(p + q > 1e-12, p / (p + q), 0.5),
                lambda p, q: torch.where(p + q > 1e-10, p / (p + q), 0.5),
                lambda p, q: p / (p + q + 1e-10),
                lambda p, q: p / (p + q).clamp(min=1e-10),
                lambda p, q: p / (p + q + torch.finfo(p.dtype).eps),
                lambda p, q: p / (p + q).clamp(min=torch.finfo(p.dtype).eps),
                lambda p, q: torch.sigmoid((p + 1e-8).log() - (q + 1e-8).log()),
                lambda p, q: torch.where(p + q > 1e-6, p / (p + q), 0.5),
            ),
        ),
        Misconception(
            "swapped",
            lambda p, q: share(q, p),
            "This is the probability of «fake». D is the probability that x is real: the data's "
            "density belongs on top.",
            also=(lambda p, q: q / (p + q),),
        ),
        Misconception(
            "ratio",
            lambda p, q: p / q,
            "This is the ratio of the densities, the odds of «real», which has no upper end. A "
            "probability compares the data's density with the sum of both.",
            also=(lambda p, q: q / p,),
        ),
        Misconception(
            "logit",
            lambda p, q: p.log() - q.log(),
            "This is the logit, the logarithm of the odds. The exercise wants D itself, between 0 "
            "and 1.",
            also=(lambda p, q: q.log() - p.log(),),
        ),
        Misconception(
            "sigmoid_of_densities",
            lambda p, q: torch.sigmoid(p - q),
            "A sigmoid or softmax was applied to the densities. It belongs to their logarithms: "
            "the densities themselves are already proportional to the probabilities.",
            also=(lambda p, q: torch.sigmoid(p), lambda p, q: torch.sigmoid(p / q)),
        ),
        Misconception(
            "logarithm",
            lambda p, q: p.log() - (p + q).log(),
            "This is log D. The exercise wants D itself, between 0 and 1.",
        ),
        Misconception(
            "certainty",
            lambda p, q: torch.maximum(p, q) / (p + q),
            "The larger density stands on top at each point: that is how sure a verdict is, "
            "whichever it is. D is the probability of «real» alone.",
        ),
        Misconception(
            "one_number",
            lambda p, q: p.mean() / (p.mean() + q.mean()),
            "One number came for the whole grid. D has its own answer at each point.",
        ),
        Misconception(
            "hard_decision",
            lambda p, q: (p > q).to(p.dtype),
            "This decides, 0 or 1. V rewards the probability, which says how often the decision "
            "would be wrong.",
            also=(
                lambda p, q: (p >= q).to(p.dtype),
                lambda p, q: torch.where(p == q, 0.5, (p > q).to(p.dtype)),
            ),
        ),
        Misconception(
            "contrast",
            lambda p, q: (p - q) / (p + q),
            "This lies between -1 and 1: the densities' difference over their sum. A probability "
            "of 1/2 is wanted where the two agree.",
        ),
        Misconception(
            "halved_sum",
            lambda p, q: 2 * p / (p + q),
            "The data's density was divided by the mean of the two. That reaches 2; divide by the "
            "sum.",
        ),
        Misconception(
            "half_of_it",
            lambda p, q: 0.5 * p / (p + q),
            "Each side was weighed by 1/2 on top alone. The half is on top and below, and cancels.",
        ),
        Misconception(
            "normalized_over_the_grid",
            lambda p, q: share(p / p.sum(), q / q.sum()),
            "A sum or a maximum over all points was divided by. What D says at x depends on the "
            "two densities at x alone.",
            also=(
                lambda p, q: p / (p + q).sum(),
                lambda p, q: p / p.sum(),
                lambda p, q: share(p / p.max(), q / q.max()),
                lambda p, q: share(p / p.sum(-1, keepdim=True), q / q.sum(-1, keepdim=True)),
            ),
        ),
        Misconception(
            "squared",
            lambda p, q: share(p * p, q * q),
            "The densities were squared before they were compared, which makes every verdict too "
            "sure.",
        ),
        Misconception(
            "root",
            lambda p, q: share(p.sqrt(), q.sqrt()),
            "Roots of the densities were compared, which makes every verdict too timid.",
        ),
        Misconception(
            "product_below",
            lambda p, q: p / (p * q),
            "The denominator is the product of the densities. «Real or fake» are two ways to come "
            "by x, so their densities add.",
            also=(lambda p, q: p * q / (p + q), lambda p, q: p * q),
        ),
        Misconception(
            "clamped",
            lambda p, q: share(p, q).clamp(1e-6, 1 - 1e-6),
            "The result was kept away from 0 and 1. Where one density is 0 and the other is not, D "
            "is exactly 0 or 1.",
            also=(
                lambda p, q: share(p, q).clamp(1e-7, 1 - 1e-7),
                lambda p, q: share(p, q).clamp(1e-3, 1 - 1e-3),
            ),
        ),
    ),
    hints=(
        "Of all examples at x, real and fake together and as many of each, which part is real?",
        "The formula of line 3 is one division. Where is it 0 / 0, and what should stand there?",
        "torch.where(condition, one, other) chooses point by point; the condition is that the "
        "denominator is positive.",
    ),
)
