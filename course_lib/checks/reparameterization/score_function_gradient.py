"""Check of `score_function_gradient`. Oracle: draw by draw, log q differentiated by autograd."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Normal

from ..declare import Case, Exercise, Misconception
from .estimates import (
    OUTPUTS,
    averaged,
    call_estimator,
    draws_of,
    estimate_facts,
    estimator_case,
    general_mistakes,
    pathwise_terms,
    score_terms,
    scores,
)


def score_cases(generator: torch.Generator) -> list[Case]:
    return [
        estimator_case(generator, "cubic", 6),
        estimator_case(generator, "step", 5),
        estimator_case(generator, "outside", 7),
        estimator_case(generator, "wave", 1, "a single draw"),
        estimator_case(generator, "wave", 4, "in float32", torch.float32),
    ]


def score_of(z: Tensor, mean: Tensor, std: Tensor) -> tuple[Tensor, ...]:
    """d log q(z) by mean and by std for one draw that stays where it is."""
    leaves = [mean.detach().clone().requires_grad_(True), std.detach().clone().requires_grad_(True)]
    return torch.autograd.grad(Normal(*leaves).log_prob(z.detach()), leaves)


def one_by_one(function, mean, std, noise):
    z = draws_of(mean, std, noise)
    rows = [
        [value * score for score in score_of(draw, mean, std)]
        for draw, value in zip(z, function(z), strict=True)
    ]
    return tuple(sum(column) / len(rows) for column in zip(*rows, strict=True))


def with_scores(by_mean, by_std, weight=lambda values: values):
    """The estimate with scores `by_mean(std, noise)` and `by_std(std, noise)`."""
    return averaged(
        lambda *a: score_terms(
            *a, scores=lambda mean, std, e: (by_mean(std, e), by_std(std, e)), weight=weight
        )
    )


def right_by_mean(std, e):
    return e / std


def right_by_std(std, e):
    return (e**2 - 1) / std


def surrogate(value_held: bool, draw_held: bool):
    """The gradient of the average of f(z) · log q(z), z held fixed in none or one of the two."""

    def answer(function, mean, std, noise):
        leaves = [p.detach().clone().requires_grad_(True) for p in (mean, std)]
        z = draws_of(*leaves, noise)
        values = function(z.detach() if value_held else z)
        log_q = Normal(*leaves).log_prob(z.detach() if draw_held else z)
        return torch.autograd.grad((values * log_q).mean(), leaves)

    return answer


def log_q_averaged(function, mean, std, noise):
    z = draws_of(mean, std, noise)
    terms = function(z) * Normal(mean, std).log_prob(z)
    return terms, terms


def density_differentiated(function, mean, std, noise):
    """The derivative of q where that of log q belongs."""
    density = Normal(mean, std).log_prob(draws_of(mean, std, noise)).exp()
    return tuple(density * term for term in score_terms(function, mean, std, noise))


def averaged_apart(function, mean, std, noise):
    value = function(draws_of(mean, std, noise)).mean()
    return tuple(value * score.mean() for score in scores(mean, std, noise))


def function_of_noise(function, mean, std, noise):
    return tuple(function(noise) * score for score in scores(mean, std, noise))


def left_out(values: Tensor) -> Tensor:
    return values - (values.sum() - values) / (len(values) - 1)


def rescaled(values: Tensor) -> Tensor:
    return (values - values.mean()) * (len(values) / (len(values) - 1))


def at_the_mean(function, mean, std, noise):
    return score_terms(function, mean, std, noise, weight=lambda v: v - function(mean))


def centered(values: Tensor) -> Tensor:
    return values - values.mean()


EXERCISE = Exercise(
    name="reparameterization.score_function_gradient",
    signature="(function, mean, std, noise)",
    outputs=OUTPUTS,
    oracle=one_by_one,
    cases=score_cases,
    call=call_estimator,
    facts=estimate_facts,
    misconceptions=(
        Misconception(
            "draws_not_held_fixed",
            surrogate(value_held=True, draw_held=False),
            "The derivative by mean is 0 everywhere: z moved along while log q was differentiated, "
            "and how far a draw lies from its own mean, in standard deviations, never changes. "
            "Detach z.",
        ),
        Misconception(
            "nothing_held_fixed",
            surrogate(value_held=False, draw_held=False),
            "z is still a function of mean and std: f and log q were both differentiated along the "
            "path. Here the draws are fixed, and only log q moves. Detach z.",
        ),
        Misconception(
            "pathwise",
            averaged(pathwise_terms),
            "f was differentiated: this is the pathwise estimate. Here f may be a step or somebody "
            "else's program; use its values alone.",
        ),
        Misconception(
            "function_not_held_fixed",
            surrogate(value_held=False, draw_held=True),
            "f(z) was differentiated too, beside log q, which adds a term that does not belong. "
            "Detach the draws before f sees them.",
        ),
        Misconception(
            "minus_one_forgotten",
            with_scores(right_by_mean, lambda std, e: e**2 / std),
            "The score by std lacks a term: log q has -log std as well as the square. Without it "
            "the score does not average to 0.",
        ),
        Misconception(
            "division_forgotten",
            with_scores(lambda std, e: e, lambda std, e: e**2 - 1),
            "Both scores are too large or too small by the factor std: in terms of the noise, "
            "z - mean is std times it.",
        ),
        Misconception(
            "divided_by_the_variance",
            with_scores(lambda std, e: e / std**2, lambda std, e: (e**2 - 1) / std**2),
            "The noise was divided by std twice. (z - mean) / std² is right for z; the noise is "
            "(z - mean) / std already.",
        ),
        Misconception(
            "noise_for_the_distance",
            with_scores(lambda std, e: e / std**2, lambda std, e: (e**2 - std**2) / std**3),
            "The noise stands where z - mean belongs: the distance of a draw from the mean is std "
            "times its noise.",
        ),
        Misconception(
            "cube_forgotten",
            with_scores(right_by_mean, lambda std, e: e**2 - 1 / std),
            "In the score by std the squared distance is divided by std², where the derivative of "
            "1 / (2 std²) asks for the third power.",
        ),
        Misconception(
            "std_score_turned_round",
            with_scores(right_by_mean, lambda std, e: (1 - e**2) / std),
            "The score by std has the wrong sign: a draw far from the mean becomes more probable "
            "when std grows.",
        ),
        Misconception(
            "distance_not_divided",
            with_scores(lambda std, e: e * std, right_by_std),
            "The score by mean is the distance z - mean, not divided by anything. The density has "
            "(z - mean)² / (2 std²) in its exponent.",
        ),
        Misconception(
            "distance_divided_once",
            with_scores(lambda std, e: e, right_by_std),
            "The score by mean was divided by std once; the exponent of the density has std².",
        ),
        Misconception(
            "mean_score_divided_twice",
            with_scores(lambda std, e: e / std**2, right_by_std),
            "The score by mean has one std too many below it: the noise is (z - mean) / std "
            "already.",
        ),
        Misconception(
            "minus_one_not_divided",
            with_scores(right_by_mean, lambda std, e: e**2 / std - 1),
            "In the score by std the -1 stands alone. It is the derivative of -log std, so it "
            "belongs over std, too.",
        ),
        Misconception(
            "log_probability_averaged",
            averaged(log_q_averaged),
            "f(z) · log q(z) was averaged as it is. What multiplies f is the derivative of log q, "
            "once by mean and once by std.",
        ),
        Misconception(
            "density_instead_of_its_logarithm",
            averaged(density_differentiated),
            "The density was differentiated, not its logarithm. The average over draws has one "
            "factor q in it already.",
        ),
        Misconception(
            "averaged_apart",
            averaged_apart,
            "The values of f and the scores were averaged apart, and then multiplied. Multiply "
            "draw by draw: that they vary together is all that the estimate lives on.",
        ),
        Misconception(
            "function_of_the_noise",
            averaged(function_of_noise),
            "f was applied to the noise. It belongs on the draws.",
        ),
        Misconception(
            "baseline_subtracted",
            averaged(lambda *a: score_terms(*a, weight=centered)),
            "The mean of f was subtracted. That is a baseline, which is the next exercise, and "
            "this one is slightly biased; here f is weighed as it is.",
        ),
        Misconception(
            "others_subtracted",
            averaged(lambda *a: score_terms(*a, weight=left_out)),
            "The mean of f over the other draws was subtracted. That is right as well, and another "
            "estimate: it comes in section 6. Here f is weighed as it is.",
        ),
        Misconception(
            "no_other_draws",
            averaged(lambda *a: score_terms(*a, weight=rescaled)),
            "A single draw has no others: a leave-one-out baseline comes in section 6. This "
            "estimate averages over all N draws and weighs f as it is.",
            error="division by zero",
        ),
        Misconception(
            "value_at_the_mean_subtracted",
            averaged(at_the_mean),
            "f(mean) was subtracted. That costs no bias, and it is a baseline, which section 6 is "
            "about; here f is weighed as it is.",
        ),
        *general_mistakes(score_terms),
    ),
    hints=(
        "f is a black box: it gives values and no slopes. What does depend on mean and std in a "
        "smooth way?",
        "Average f(z) times the derivative of log q(z), with z held fixed. Write down log q of a "
        "Gaussian and differentiate it by mean, then by std.",
        "By mean: the distance of z from the mean over the variance. By std: the squared distance "
        "over the third power, minus 1/std. Multiply each by f(z), draw by draw, and average.",
    ),
)
