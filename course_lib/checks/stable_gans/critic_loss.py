"""Check of `critic_loss`. Oracle: weights of 1/n, added as a dot product."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..declare import Case, Misconception
from ..group_losses import bce, group_mistakes, score_cases, two_group_loss, two_groups
from ..random_inputs import normal
from ..ready import adapted


def real_term(scores: Tensor) -> Tensor:
    return -scores


def fake_term(scores: Tensor) -> Tensor:
    return scores


def by_dot_products(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    def average(scores: Tensor) -> Tensor:
        return torch.dot(scores, torch.full_like(scores, 1 / len(scores)))

    return average(fake_scores) - average(real_scores)


def cases(g: torch.Generator) -> list[Case]:
    """One of them has a critic that is wrong: fakes score higher."""
    found = score_cases(g, ("real_scores", "fake_scores"), ({},))
    wrong = {
        "real_scores": normal(g, 6, dtype=torch.float64) - 2.5,
        "fake_scores": normal(g, 4, dtype=torch.float64) + 2.5,
    }
    case = Case(
        wrong, "a critic that scores fakes higher", gradients=("real_scores", "fake_scores")
    )
    return [*found[:-1], case, found[-1]]


def of_terms(real: Callable, fake: Callable) -> Callable:
    return two_groups(real, fake)


EXERCISE = replace(
    two_group_loss(
        name="stable_gans.critic_loss",
        scores=("real_scores", "fake_scores"),
        real=real_term,
        fake=fake_term,
        misconceptions=(
            *adapted(
                group_mistakes(real_term, fake_term),
                leave_out=("groups_swapped", "second_subtracted", "one_mean_doubled"),
                halved="The difference of the means was halved. The critic's loss is the whole "
                "difference.",
                one_mean="Both groups were put into one mean, so the larger group counts more. "
                "Take each group's own mean.",
                fakes_in_both_places="The fakes stand in both places, so the loss is always 0.",
                fakes_called_real="The fakes stand in both places, both times as if they were "
                "real.",
                summed="The batch was added up, so the loss grows with its size. It is a "
                "difference of two means.",
                sign="The sign is turned round: this is what the critic makes large, reals' mean "
                "minus fakes' mean. A loss is minimized.",
                fakes_alone="The reals are missing: the critic would lower all scores without end.",
                reals_alone="The fakes are missing: the critic would raise all scores without end.",
                all_called_real="Both means enter with a minus. The critic raises the scores of "
                "reals and lowers those of fakes.",
            ),
            Misconception(
                "both_added",
                of_terms(lambda r: r, lambda f: f),
                "Both means were added. It is a difference: fakes' minus reals'.",
            ),
            Misconception(
                "generators_loss",
                lambda r, f: -f.mean(),
                "This is the generator's loss. The critic wants the scores of fakes low and those "
                "of reals high: both groups enter.",
            ),
            Misconception(
                "squared_difference",
                lambda r, f: (f.mean() - r.mean()).square(),
                "The difference was squared, and so it is least where both means agree. The critic "
                "makes reals' mean minus fakes' mean large: the sign matters.",
                also=(lambda r, f: -(f.mean() - r.mean()).square(),),
            ),
            Misconception(
                "two_means",
                lambda r, f: (f.mean(), r.mean()),
                "The two means came apart. The loss is one number, their difference.",
                also=(lambda r, f: (r.mean(), f.mean()), lambda r, f: (-r.mean(), f.mean())),
            ),
            Misconception(
                "divided_by_one_size",
                lambda r, f: (f.sum() - r.sum()) / len(r),
                "Both sums were divided by the size of one group. Each group has its own number of "
                "scores.",
                also=(lambda r, f: (f.sum() - r.sum()) / len(f),),
            ),
            Misconception(
                "pairs_summed",
                lambda r, f: (f[:, None] - r).sum(),
                "The differences of all pairs were added up. Their mean would be right, and is the "
                "difference of the two means.",
            ),
            Misconception(
                "cut_at_zero",
                of_terms(lambda r: -r.relu(), lambda f: f.relu()),
                "Scores below 0 were cut off. A critic's score may be any number, and enters as it "
                "is.",
            ),
            Misconception(
                "absolute_difference",
                lambda r, f: -(r.mean() - f.mean()).abs(),
                "An absolute value was taken. Which group gets the larger scores is what the "
                "critic has to learn: without the sign it may learn the reverse.",
                also=(lambda r, f: (r.mean() - f.mean()).abs(),),
            ),
            Misconception(
                "cross_entropy",
                of_terms(lambda r: bce(r, 1.0), lambda f: bce(f, 0.0)),
                "These are cross-entropies, as a discriminator has them. A critic's scores are no "
                "logits: their means enter as they are.",
            ),
            Misconception(
                "through_a_sigmoid",
                of_terms(lambda r: -r.sigmoid(), lambda f: f.sigmoid()),
                "The scores went through a sigmoid. A critic's score may be any number: squeezed "
                "between 0 and 1 it cannot measure a distance.",
                also=(of_terms(lambda r: -r.tanh(), lambda f: f.tanh()),),
            ),
            Misconception(
                "hinge",
                of_terms(lambda r: (1 - r).relu(), lambda f: (1 + f).relu()),
                "This is the hinge loss, which stops at a margin of 1. The critic's loss has no "
                "margin: the plain means, fakes' minus reals'.",
            ),
            Misconception(
                "least_squares",
                of_terms(lambda r: (r - 1).square(), torch.square),
                "These are squared errors, as in a least-squares GAN. Here it is a difference of "
                "two means.",
                also=(of_terms(lambda r: (r - 1).square() / 2, lambda f: f.square() / 2),),
            ),
            Misconception(
                "logarithms",
                of_terms(lambda r: -logsigmoid(r), logsigmoid),
                "Logarithms of probabilities were taken. A critic's scores are no logits: their "
                "means enter as they are.",
            ),
            Misconception(
                "subtracted_in_pairs",
                lambda r, f: (f - r).mean(),
                "Scores were subtracted one by one, and the groups need not be of one size. Take "
                "each group's mean first, then the difference.",
                error="must match the size of tensor",
            ),
        ),
        hints=(
            "The critic's score is high for reals and low for fakes. Which difference does it make "
            "large, and which sign has a loss?",
            "Two means, each over its own group, and their difference: no sigmoid, no logarithm.",
        ),
    ),
    oracle=by_dot_products,
    cases=cases,
)
