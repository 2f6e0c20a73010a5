"""Check of `wasserstein_generator_loss`. Oracle: a weighted sum as a dot product."""

from __future__ import annotations

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..group_losses import bce, one_group_mistakes, score_cases
from ..random_inputs import normal
from ..ready import adapted


def by_dot_product(fake_scores: Tensor) -> Tensor:
    return torch.dot(fake_scores, torch.full_like(fake_scores, -1 / len(fake_scores)))


def cases(g: torch.Generator) -> list[Case]:
    """Scores below 0 on average, and above."""
    found = score_cases(g, ("fake_scores",), ({},))
    fakes = [normal(g, 6, dtype=torch.float64) + shift for shift in (2.5, -2.5)]
    told = ("fakes that score high", "fakes that score low")
    more = [
        Case({"fake_scores": f}, t, gradients=("fake_scores",))
        for f, t in zip(fakes, told, strict=True)
    ]
    return [*found[:-1], *more, found[-1]]


EXERCISE = Exercise(
    name="stable_gans.wasserstein_generator_loss",
    signature="(fake_scores)",
    oracle=by_dot_product,
    cases=cases,
    misconceptions=(
        *adapted(
            one_group_mistakes(lambda scores: -scores),
            sign="This is the mean score itself, the fakes' part of the critic's loss. The "
            "generator wants the scores of its fakes high, and a loss is minimized.",
            summed="The batch was added up; take its mean, so that the step does not grow with "
            "its size.",
            halved="The loss is half of what it should be: minus the mean score, nothing else.",
        ),
        Misconception(
            "cross_entropy",
            lambda f: bce(f, 1.0).mean(),
            "This is -log D of a logit, the non-saturating loss. A critic's score is no logit: its "
            "mean enters as it is.",
        ),
        Misconception(
            "saturating",
            lambda f: -bce(f, 0.0).mean(),
            "This is log(1 - D) of a logit, the saturating loss. A critic's score is no logit: its "
            "mean enters as it is.",
        ),
        Misconception(
            "through_a_sigmoid",
            lambda f: -f.sigmoid().mean(),
            "The scores went through a sigmoid, whose slope vanishes where the critic is sure. A "
            "score enters as it is, with a slope that never vanishes.",
            also=(lambda f: -f.tanh().mean(), lambda f: (1 - f.sigmoid()).mean()),
        ),
        Misconception(
            "log_sigmoid",
            lambda f: -bce(f, 1.0).mean(),
            "This is log D of a logit. A critic's score is no logit: its mean enters as it is, "
            "with a minus.",
        ),
        Misconception(
            "the_judges_loss",
            lambda f: bce(f, 0.0).mean(),
            "This is a discriminator's loss of fakes, -log(1 - D): it lowers their scores. The "
            "generator raises the critic's score, without a logarithm.",
        ),
        Misconception(
            "squared",
            lambda f: f.square().mean(),
            "The scores were squared, so that high and low ones count alike. The loss is linear in "
            "the scores.",
            also=(lambda f: -f.square().mean(), lambda f: f.mean().square()),
        ),
        Misconception(
            "cut_at_zero",
            lambda f: -f.relu().mean(),
            "Scores below 0 were cut off: just the worst fakes would learn nothing. Each score "
            "enters as it is.",
        ),
        Misconception(
            "best_alone",
            lambda f: -f.max(),
            "Only one fake's score enters. The loss is a mean over all of them.",
            also=(lambda f: -f.min(), lambda f: -f[0]),
        ),
        Misconception(
            "logarithm",
            lambda f: -f.log().mean(),
            "A logarithm was taken of the scores, which may be negative. They enter as they are.",
        ),
        Misconception(
            "absolute",
            lambda f: f.mean().abs(),
            "The absolute value was taken, which pulls the scores to 0. The generator wants them "
            "high.",
            also=(lambda f: -f.mean().abs(), lambda f: f.abs().mean(), lambda f: -f.abs().mean()),
        ),
        Misconception(
            "least_squares",
            lambda f: (f - 1).square().mean(),
            "This is the generator's loss of a least-squares GAN. Here it is linear in the scores.",
            also=(lambda f: (f - 1).square().mean() / 2,),
        ),
        Misconception(
            "hinge",
            lambda f: (1 - f).relu().mean(),
            "A margin of 1 was put in. The generator's loss has none, here and in the hinge loss.",
            also=(lambda f: (1 + f).relu().mean(), lambda f: -(1 + f).relu().mean()),
        ),
    ),
    hints=(
        "Of the critic's loss only the fakes' mean depends on the generator, which wants the "
        "opposite.",
        "The mean of the scores, and a sign.",
    ),
)
