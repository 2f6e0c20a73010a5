"""Check of `least_squares_losses`. Oracle: loops over Python's floats for targets 1, 0 and 1."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal


def cases(g: torch.Generator) -> list[Case]:
    """Scores of whole images, and maps of scores of patches."""

    def case(real: tuple, fake: tuple, about: str, dtype=torch.float64, scale=1.0) -> Case:
        inputs = {
            "real_scores": scale * (1.2 * normal(g, *real, dtype=dtype) + 0.7),
            "fake_scores": scale * (1.2 * normal(g, *fake, dtype=dtype) - 0.4),
        }
        return Case(inputs, about, gradients=tuple(inputs), extreme=scale > 1)

    return [
        case((5,), (7,), "one score an image"),
        case((3, 1, 2, 4), (5, 1, 2, 4), "maps of scores"),
        case((4, 1, 3, 3), (4, 1, 3, 3), "maps of scores, groups of one size"),
        case((2, 1, 3, 2), (3, 1, 3, 2), "float32", dtype=torch.float32),
        case((6,), (4,), "scores of ±200", scale=150.0),
    ]


def by_loops(real_scores: Tensor, fake_scores: Tensor) -> tuple[Tensor, Tensor]:
    def distance(scores: Tensor, target: float) -> Tensor:
        flat = scores.flatten()
        return sum((flat[i] - target) * (flat[i] - target) for i in range(len(flat))) / len(flat)

    judge = (distance(real_scores, 1.0) + distance(fake_scores, 0.0)) / 2
    return judge, distance(fake_scores, 1.0)


def least_squares(
    real: Callable = lambda r: (r - 1).square().mean(),
    fake: Callable = lambda f: f.square().mean(),
    generator: Callable = lambda f: (f - 1).square().mean(),
    half: float = 0.5,
) -> Callable:
    return lambda r, f: (half * (real(r) + fake(f)), generator(f))


def summed(values: Tensor) -> Tensor:
    return values.square().sum()


EXERCISE = Exercise(
    name="cyclegan.least_squares_losses",
    signature="(real_scores, fake_scores)",
    oracle=by_loops,
    cases=cases,
    outputs=("discriminator's loss", "generator's loss"),
    misconceptions=(
        Misconception(
            "not_halved",
            least_squares(half=1.0),
            "The two means of the discriminator were added without the ½. It slows the "
            "discriminator down beside the generators.",
        ),
        Misconception(
            "generator_halved",
            least_squares(generator=lambda f: 0.5 * (f - 1).square().mean()),
            "The generator's loss was halved, too. The ½ stands before the discriminator's alone.",
        ),
        Misconception(
            "generator_halved_alone",
            least_squares(half=1.0, generator=lambda f: 0.5 * (f - 1).square().mean()),
            "The ½ stands before the wrong loss: it belongs to the discriminator's.",
        ),
        Misconception(
            "groups_swapped",
            least_squares(real=lambda r: r.square().mean(), fake=lambda f: (f - 1).square().mean()),
            "In the discriminator's loss the targets changed places: reals are to score 1, fakes "
            "0.",
            also=(lambda r, f: (least_squares()(f, r)[0], (f - 1).square().mean()),),
        ),
        Misconception(
            "fakes_called_real",
            least_squares(fake=lambda f: (f - 1).square().mean()),
            "Both groups have the target 1 in the discriminator's loss. It must be told the truth: "
            "fakes are to score 0.",
        ),
        Misconception(
            "generator_wants_zero",
            least_squares(generator=lambda f: f.square().mean()),
            "The generator's loss has the target 0, so it learns to be caught. It wants its images "
            "to score 1.",
        ),
        Misconception(
            "half_before_the_reals_alone",
            lambda r, f: (
                0.5 * (r - 1).square().mean() + f.square().mean(),
                (f - 1).square().mean(),
            ),
            "The ½ stands before one of the discriminator's two means. It stands before their sum.",
            also=(
                lambda r, f: (
                    (r - 1).square().mean() + 0.5 * f.square().mean(),
                    (f - 1).square().mean(),
                ),
            ),
        ),
        Misconception(
            "reals_alone",
            least_squares(fake=lambda f: 0.0),
            "The fakes are missing in the discriminator's loss: a judge that gives everything a 1 "
            "would be perfect.",
            also=(least_squares(fake=lambda f: 0.0, half=1.0),),
        ),
        Misconception(
            "fakes_alone",
            least_squares(real=lambda r: 0.0),
            "The reals are missing in the discriminator's loss: a judge that gives everything a 0 "
            "would be perfect.",
            also=(least_squares(real=lambda r: 0.0, half=1.0),),
        ),
        Misconception(
            "not_squared",
            lambda r, f: (0.5 * ((r - 1).mean() + f.mean()), (f - 1).mean()),
            "Nothing was squared, so a score can lie as far below its target as it likes and lower "
            "the loss. Square each difference, then take the mean.",
        ),
        Misconception(
            "root_of_squares",
            lambda r, f: tuple(loss.sqrt() for loss in least_squares()(r, f)),
            "A root was taken at the end. A mean of squares is wanted, whose slope grows with the "
            "distance.",
            also=(
                least_squares(
                    lambda r: (r - 1).square().mean().sqrt(),
                    lambda f: f.square().mean().sqrt(),
                    lambda f: (f - 1).square().mean().sqrt(),
                ),
            ),
        ),
        Misconception(
            "hinge",
            lambda r, f: (0.5 * (F.relu(1 - r).mean() + F.relu(1 + f).mean()), -f.mean()),
            "This is a hinge loss, which is 0 beyond a margin. Here it is a squared distance of "
            "the scores from 1 and 0.",
            also=(lambda r, f: (F.relu(1 - r).mean() + F.relu(1 + f).mean(), -f.mean()),),
        ),
        Misconception(
            "wasserstein",
            lambda r, f: (f.mean() - r.mean(), -f.mean()),
            "This is a critic's loss, a difference of two means. Here it is a squared distance of "
            "the scores from 1 and 0.",
        ),
        Misconception(
            "generator_of_reals",
            lambda r, f: (least_squares()(r, f)[0], (r - 1).square().mean()),
            "The generator's loss was taken of the reals, which it does not make.",
        ),
        Misconception(
            "generator_uphill",
            least_squares(generator=lambda f: -f.square().mean()),
            "The generator's loss is minus the discriminator's term. That has no lower end: the "
            "scores would run away. Give it a target of its own, 1.",
            also=(least_squares(generator=lambda f: -0.5 * f.square().mean()),),
        ),
        Misconception(
            "through_a_sigmoid",
            lambda r, f: least_squares()(r.sigmoid(), f.sigmoid()),
            "A sigmoid was applied to the scores. Least squares take them as they are; behind a "
            "sigmoid the slope dies where the judge is sure, which these losses avoid.",
        ),
        Misconception(
            "cross_entropy",
            lambda r, f: (
                0.5 * (F.softplus(-r).mean() + F.softplus(f).mean()),
                F.softplus(-f).mean(),
            ),
            "This is a cross-entropy of logits. Here it is a squared distance of the scores from "
            "1 and 0.",
            also=(
                lambda r, f: (F.softplus(-r).mean() + F.softplus(f).mean(), F.softplus(-f).mean()),
            ),
        ),
        Misconception(
            "absolute",
            least_squares(
                lambda r: (r - 1).abs().mean(),
                lambda f: f.abs().mean(),
                lambda f: (f - 1).abs().mean(),
            ),
            "These are absolute distances. Square them.",
        ),
        Misconception(
            "mean_before_the_square",
            least_squares(
                lambda r: (r.mean() - 1).square(),
                lambda f: f.mean().square(),
                lambda f: (f.mean() - 1).square(),
            ),
            "The mean was taken before the square. Each score is compared with its target by "
            "itself: patches that score too much must not make up for others.",
        ),
        Misconception(
            "one_mean",
            lambda r, f: (
                torch.cat([(r - 1).square().flatten(), f.square().flatten()]).mean(),
                (f - 1).square().mean(),
            ),
            "Reals and fakes were put into one mean, so the larger group counts more. Each group "
            "has its own mean; then half of their sum.",
        ),
        Misconception(
            "summed",
            least_squares(lambda r: summed(r - 1), summed, lambda f: summed(f - 1)),
            "The scores were added up. Take means, over the batch and over the map.",
        ),
        Misconception(
            "generator_summed",
            least_squares(generator=lambda f: summed(f - 1)),
            "The generator's loss was added up. It is a mean.",
        ),
        Misconception(
            "one_for_each_image",
            least_squares(
                lambda r: (r - 1).square().flatten(1).mean(1) if r.ndim > 1 else (r - 1).square(),
                lambda f: f.square().flatten(1).mean(1) if f.ndim > 1 else f.square(),
            ),
            "One value for each image was kept, and the groups need not be of one size. Take each "
            "group's mean over everything.",
            error="must match the size of tensor",
            also=(
                lambda r, f: (
                    0.5 * ((r - 1).square() + f.square()).mean(),
                    (f - 1).square().mean(),
                ),
            ),
        ),
        Misconception(
            "targets_plus_and_minus_one",
            least_squares(fake=lambda f: (f + 1).square().mean()),
            "The fakes' target is -1 here. It is 0; reals have 1.",
        ),
        Misconception(
            "generator_at_the_boundary",
            least_squares(generator=lambda f: (f - 0.5).square().mean()),
            "The generator's target is ½ here. It asks for 1, the score of reals.",
        ),
        Misconception(
            "second_subtracted",
            lambda r, f: (
                0.5 * ((r - 1).square().mean() - f.square().mean()),
                (f - 1).square().mean(),
            ),
            "The fakes' term was subtracted. Both are distances that are to become small: add "
            "them.",
        ),
        Misconception(
            "exchanged",
            lambda r, f: least_squares()(r, f)[::-1],
            "The two losses changed places: the discriminator's comes first.",
        ),
        Misconception(
            "added_together",
            lambda r, f: sum(least_squares()(r, f)),
            "One number came, the sum of both losses. The two players do not minimize one thing: "
            "return (discriminator, generator).",
        ),
        Misconception(
            "discriminator_alone",
            lambda r, f: least_squares()(r, f)[0],
            "This is the discriminator's loss alone. Return two: the discriminator's, then the "
            "generator's.",
        ),
        Misconception(
            "fakes_detached",
            lambda r, f: (least_squares()(r, f)[0], (f.detach() - 1).square().mean()),
            "The values are right, but no gradient runs through the generator's loss: the scores "
            "were detached. Which gradients are wanted, the training step decides.",
            also=(lambda r, f: (least_squares()(r, f.detach())[0], (f - 1).square().mean()),),
        ),
    ),
    hints=(
        "Each score has a target: which do the reals have in the discriminator's loss, which the "
        "fakes, and which the fakes in the generator's?",
        "A loss is a mean of squared distances from the target, over all scores of a group.",
        "Only the discriminator's sum of two means is multiplied by ½.",
    ),
)
