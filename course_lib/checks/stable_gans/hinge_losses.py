"""Check of `hinge_losses`. Oracle: the larger of two numbers, example by example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu, softplus

from ..declare import Exercise, Misconception
from ..group_losses import score_cases


def by_maximum(real_scores: Tensor, fake_scores: Tensor) -> tuple[Tensor, Tensor]:
    zero = torch.zeros((), dtype=real_scores.dtype)
    reals = sum(torch.maximum(zero, 1 - score) for score in real_scores) / len(real_scores)
    fakes = sum(torch.maximum(zero, 1 + score) for score in fake_scores) / len(fake_scores)
    return reals + fakes, -sum(fake_scores) / len(fake_scores)


def hinge(
    real: Callable = lambda r: (1 - r).relu(),
    fake: Callable = lambda f: (1 + f).relu(),
    generator: Callable = lambda f: -f.mean(),
    scale: float = 1.0,
) -> Callable:
    return lambda r, f: (scale * (real(r).mean() + fake(f).mean()), generator(f))


def cases(g: torch.Generator) -> list:
    return score_cases(g, ("real_scores", "fake_scores"), ({},))


def one_mean(r: Tensor, f: Tensor) -> Any:
    return torch.cat([(1 - r).relu(), (1 + f).relu()]).mean(), -f.mean()


EXERCISE = Exercise(
    name="stable_gans.hinge_losses",
    signature="(real_scores, fake_scores)",
    oracle=by_maximum,
    cases=cases,
    outputs=("discriminator's loss", "generator's loss"),
    misconceptions=(
        Misconception(
            "generator_with_margin",
            hinge(generator=lambda f: (1 - f).relu().mean()),
            "The generator's loss has a margin, at which it would stop. Only the discriminator's "
            "has one; the generator's is minus the mean score.",
            also=(
                hinge(generator=lambda f: (1 + f).relu().mean()),
                hinge(generator=lambda f: -(1 + f).relu().mean()),
                hinge(generator=lambda f: -f.relu().mean()),
            ),
        ),
        Misconception(
            "groups_swapped",
            lambda r, f: (((1 - f).relu().mean() + (1 + r).relu().mean()), -f.mean()),
            "In the discriminator's loss reals and fakes changed places: reals are to score above "
            "1, fakes below -1.",
            also=(hinge(lambda r: (1 + r).relu(), lambda f: (1 - f).relu()),),
        ),
        Misconception(
            "generator_sign",
            hinge(generator=lambda f: f.mean()),
            "The generator's loss has the wrong sign: it wants the scores of its fakes high, and a "
            "loss is minimized.",
        ),
        Misconception(
            "generator_of_reals",
            lambda r, f: (hinge()(r, f)[0], -r.mean()),
            "The generator's loss was taken of the reals, which it does not make.",
        ),
        Misconception(
            "generator_cross_entropy",
            hinge(generator=lambda f: softplus(-f).mean()),
            "The generator's loss is -log D of a logit. With the hinge it is minus the mean score, "
            "as a Wasserstein generator has it.",
        ),
        Misconception(
            "generator_summed",
            hinge(generator=lambda f: -f.sum()),
            "The generator's loss was added up over the batch. It is a mean.",
        ),
        Misconception(
            "not_cut_off",
            hinge(lambda r: 1 - r, lambda f: 1 + f),
            "Nothing is cut off at 0: these are the means of a Wasserstein critic, plus 2. A score "
            "that is beyond the margin costs nothing.",
        ),
        Misconception(
            "mean_before_the_cut",
            lambda r, f: ((1 - r.mean()).relu() + (1 + f.mean()).relu(), -f.mean()),
            "The mean was taken before the cut at 0. Each score is cut by itself: good ones must "
            "not make up for bad ones.",
        ),
        Misconception(
            "no_margin",
            hinge(lambda r: (-r).relu(), lambda f: f.relu()),
            "The margin is missing: a score of 0.1 on the right side costs nothing here. It counts "
            "as safe from 1 on.",
        ),
        Misconception(
            "squared",
            hinge(lambda r: (1 - r).relu().square(), lambda f: (1 + f).relu().square()),
            "The hinges were squared. They are linear up to the margin.",
        ),
        Misconception(
            "least_squares",
            hinge(lambda r: (r - 1).square(), lambda f: (f + 1).square()),
            "These are squared errors, which charge scores beyond the margin as well. The hinge "
            "charges nothing there.",
        ),
        Misconception(
            "reversed_inside",
            hinge(lambda r: (r - 1).relu(), lambda f: (-1 - f).relu()),
            "The hinge is turned round: scores beyond the margin cost, and those on the wrong side "
            "are free. max(0, 1 - f(x)) falls as the score rises.",
            also=(
                hinge(real=lambda r: (r - 1).relu()),
                hinge(fake=lambda f: (-1 - f).relu()),
                hinge(lambda r: (1 + r).relu(), lambda f: (1 + f).relu()),
            ),
        ),
        Misconception(
            "absolute",
            hinge(lambda r: (1 - r).abs(), lambda f: (1 + f).abs()),
            "Absolute values charge scores beyond the margin as well. The hinge charges nothing "
            "there.",
        ),
        Misconception(
            "leaky",
            hinge(lambda r: leaky_relu(1 - r), lambda f: leaky_relu(1 + f)),
            "A leaky ReLU goes on below 0, so there is still something to gain beyond the margin. "
            "The hinge is 0 there.",
            also=(hinge(lambda r: leaky_relu(1 - r, 0.2), lambda f: leaky_relu(1 + f, 0.2)),),
        ),
        Misconception(
            "cut_above",
            hinge(lambda r: (1 - r).clamp(0, 1), lambda f: (1 + f).clamp(0, 1)),
            "The cost was cut off at 1, so scores far on the wrong side get no gradient. The hinge "
            "is cut off at 0 alone.",
        ),
        Misconception(
            "cross_entropies",
            lambda r, f: (softplus(-r).mean() + softplus(f).mean(), softplus(-f).mean()),
            "These are the cross-entropies of logits. A hinge is max(0, ...), with a margin of 1.",
            also=(hinge(lambda r: softplus(-r), softplus),),
        ),
        Misconception(
            "wasserstein",
            lambda r, f: (f.mean() - r.mean(), -f.mean()),
            "This is the Wasserstein critic's loss, which never has enough. The hinge stops paying "
            "at a margin of 1.",
        ),
        Misconception(
            "halved",
            hinge(scale=0.5),
            "The two means were averaged. The discriminator's loss adds them (2 at scores of 0).",
        ),
        Misconception(
            "one_mean",
            one_mean,
            "Reals and fakes were put into one mean, so the larger group counts more. Take each "
            "group's own mean, then add.",
        ),
        Misconception(
            "summed",
            lambda r, f: ((1 - r).relu().sum() + (1 + f).relu().sum(), -f.mean()),
            "The discriminator's loss was added up over the batch. It is a mean over the reals "
            "plus a mean over the fakes.",
            also=(lambda r, f: ((1 - r).relu().sum() + (1 + f).relu().sum(), -f.sum()),),
        ),
        Misconception(
            "rounded_off",
            hinge(lambda r: softplus(1 - r), lambda f: softplus(1 + f)),
            "The hinge is rounded off: a softplus charges a little beyond the margin as well. "
            "There the hinge charges nothing.",
        ),
        Misconception(
            "generator_sees_reals",
            lambda r, f: (hinge()(r, f)[0], r.mean() - f.mean()),
            "The reals' mean stands in the generator's loss as well. It does not depend on the "
            "generator: only the fakes' scores enter.",
        ),
        Misconception(
            "added_in_pairs",
            lambda r, f: ((1 - r + 1 + f).relu().mean(), -f.mean()),
            "Scores were joined one by one, and the groups need not be of one size. Each score is "
            "cut by itself and each group has a mean of its own.",
            error="must match the size of tensor",
            also=(lambda r, f: (((1 - r).relu() + (1 + f).relu()).mean(), -f.mean()),),
        ),
        Misconception(
            "fakes_as_reals",
            hinge(fake=lambda f: (1 - f).relu()),
            "Both groups have the reals' hinge. The fakes are to score below -1: their hinge has "
            "the other sign inside.",
        ),
        Misconception(
            "second_subtracted",
            lambda r, f: ((1 - r).relu().mean() - (1 + f).relu().mean(), -f.mean()),
            "The fakes' mean was subtracted. Both hinges are costs: add them.",
        ),
        Misconception(
            "negated",
            lambda r, f: (-hinge()(r, f)[0], -f.mean()),
            "The discriminator's loss has the wrong sign: this is what it would maximize.",
        ),
        Misconception(
            "not_reduced",
            lambda r, f: ((1 - r).relu(), (1 + f).relu()),
            "There is one value for each score, and the two groups came apart. The discriminator's "
            "loss is the sum of two means; the generator's is a number of its own.",
            also=(lambda r, f: ((1 - r).relu().mean(), (1 + f).relu().mean()),),
        ),
        Misconception(
            "added_into_one",
            lambda r, f: sum(hinge()(r, f)),
            "The two losses were added. They belong to two players: return both.",
        ),
        Misconception(
            "three_parts",
            lambda r, f: ((1 - r).relu().mean(), (1 + f).relu().mean(), -f.mean()),
            "The discriminator's two means came apart. Add them, and return two losses.",
        ),
        Misconception(
            "generator_cut_off",
            lambda r, f: (hinge()(r, f)[0], -f.detach().mean()),
            "The generator's loss carries no graph, so the generator would learn nothing from it.",
        ),
        Misconception(
            "exchanged",
            lambda r, f: hinge()(r, f)[::-1],
            "The two losses changed places: the discriminator's comes first.",
        ),
        Misconception(
            "discriminator_alone",
            lambda r, f: hinge()(r, f)[0],
            "This is the discriminator's loss alone. Return two: the discriminator's, then the "
            "generator's.",
        ),
    ),
    hints=(
        "A hinge is max(0, 1 - margin): nothing to pay from a margin of 1 on. The margin of a real "
        "is its score, that of a fake is minus its score.",
        "F.relu cuts off at 0. Cut each score by itself, then take each group's mean, then add.",
        "The generator's loss is that of a Wasserstein generator.",
    ),
)
