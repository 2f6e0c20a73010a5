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


def standardized(values: Tensor) -> Tensor:
    return (values - values.mean()) / values.std()


def centered(values: Tensor) -> Tensor:
    return values - values.mean()


def with_spread(spread):
    """std taken for something else, in the draws and in log q alike."""

    def answer(function, mean, std, noise):
        leaves = [p.detach().clone().requires_grad_(True) for p in (mean, std)]
        z = draws_of(mean, spread(std), noise)
        log_q = Normal(leaves[0], spread(leaves[1])).log_prob(z)
        return torch.autograd.grad((function(z) * log_q).mean(), leaves)

    return answer


def both_estimates(function, mean, std, noise):
    """The pathwise estimate and this one, added; a step and a black box have no slopes."""
    leaves = [p.detach().clone().requires_grad_(True) for p in (mean, std)]
    z = draws_of(*leaves, noise)
    log_q = Normal(*leaves).log_prob(z.detach())
    total = function(z) + function(z.detach()) * log_q
    return torch.autograd.grad(total.mean(), leaves)


def both_estimates_one_by_one(*arguments):
    pairs = zip(pathwise_terms(*arguments), score_terms(*arguments), strict=True)
    return tuple((along + score).mean() for along, score in pairs)


def standard_log_prob_of_the_noise(function, mean, std, noise):
    """Nothing of it depends on mean and std, so the path through f is all that is left."""
    weights = Normal(0.0, 1.0).log_prob(noise)
    leaves = [p.detach().clone().requires_grad_(True) for p in (mean, std)]
    return torch.autograd.grad((function(draws_of(*leaves, noise)) * weights).mean(), leaves)


def one_not_weighed(function, mean, std, noise):
    values = function(draws_of(mean, std, noise))
    return values * noise / std, values * noise**2 / std - 1 / std


def from_log_prob(density):
    """Autograd of f(z) · `density(mean, std, z, noise)`, z held fixed in both."""

    def answer(function, mean, std, noise):
        leaves = [p.detach().clone().requires_grad_(True) for p in (mean, std)]
        z = draws_of(mean, std, noise)
        return torch.autograd.grad((function(z) * density(*leaves, z, noise)).mean(), leaves)

    return answer


def accumulating(function, mean, std, noise):
    z = draws_of(mean, std, noise).detach()
    mean.requires_grad_(True)
    std.requires_grad_(True)
    (function(z) * Normal(mean, std).log_prob(z)).mean().backward()
    return mean.grad, std.grad


def scores_alone(function, mean, std, noise):
    return scores(mean, std, noise)


def with_draws_in_scores(function, mean, std, noise):
    return score_terms(function, mean, std, noise, scores=lambda m, s, e: scores(m, s, m + s * e))


def distance_from_zero(function, mean, std, noise):
    z = draws_of(mean, std, noise)
    values = function(z)
    return values * z / std**2, values * (z**2 / std**3 - 1 / std)


def in_a_score(function, mean, std, noise):
    return tuple(function(score) for score in scores(mean, std, noise))


def on_centered_noise(function, mean, std, noise):
    return score_terms(function, mean, std, noise - noise.mean())


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
            "both_estimates_added",
            both_estimates,
            "Two estimates were added: the slopes of f along the path, and f times the score. Each "
            "is an estimate of the whole derivative; here f is not differentiated at all.",
            also=(both_estimates_one_by_one,),
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
            "minus_one_not_weighed",
            averaged(one_not_weighed),
            "In the score by std the -1/std stands outside of the product with f. It belongs to "
            "the score, all of which is multiplied by f, draw by draw.",
        ),
        Misconception(
            "plus_one",
            with_scores(right_by_mean, lambda std, e: (e**2 + 1) / std),
            "In the score by std 1 was added. The derivative of -log std is -1/std, and without "
            "the minus the score does not average to 0.",
        ),
        Misconception(
            "noise_not_squared",
            with_scores(right_by_mean, lambda std, e: (e - 1) / std),
            "In the score by std the noise is not squared: a draw far out on either side favors a "
            "larger std.",
            also=(
                with_scores(right_by_mean, lambda std, e: e / std),
                with_scores(right_by_mean, lambda std, e: (e.abs() - 1) / std),
            ),
        ),
        Misconception(
            "std_score_over_the_variance",
            with_scores(right_by_mean, lambda std, e: (e**2 - 1) / std**2),
            "In the score by std one division by std is too much: noise² - 1 is divided by std "
            "once.",
        ),
        Misconception(
            "noise_and_distance_mixed",
            with_scores(right_by_mean, lambda std, e: e**2 / std**3 - 1 / std),
            "In the score by std the noise and the distance z - mean are mixed up: the squared "
            "distance goes over std³, the squared noise over std.",
            also=(with_scores(right_by_mean, lambda std, e: ((std * e) ** 2 - 1) / std**3),),
        ),
        Misconception(
            "std_score_halved",
            with_scores(right_by_mean, lambda std, e: (e**2 - 1) / (2 * std)),
            "The score by std is half of what it should be. Differentiating 1 / (2 std²) takes "
            "the 1/2 away.",
        ),
        Misconception(
            "scores_multiplied_by_std",
            with_scores(lambda std, e: e * std, lambda std, e: (e**2 - 1) * std),
            "The scores were multiplied by std. In terms of the noise each is divided by it: a "
            "narrow q reacts more to a shift.",
        ),
        Misconception(
            "mean_score_turned_round",
            with_scores(lambda std, e: -e / std, right_by_std),
            "The score by mean has the wrong sign: a draw to the right becomes more probable when "
            "the mean grows.",
        ),
        Misconception(
            "log_std_not_differentiated",
            with_scores(right_by_mean, lambda std, e: e**2 / std - std.log()),
            "log std stands in the score as it is. Its derivative does.",
        ),
        Misconception(
            "exponent_not_differentiated",
            with_scores(lambda std, e: -(e**2) / 2, right_by_std),
            "The exponent of the density stands where its derivative belongs.",
            also=(with_scores(lambda std, e: -(e**2) / 2, lambda std, e: e**2 / std),),
        ),
        Misconception(
            "divided_by_one_less",
            lambda *a: tuple(term.sum() / max(len(term) - 1, 1) for term in score_terms(*a)),
            "The sum was divided by N - 1, as an unbiased variance is. A mean divides by N.",
        ),
        Misconception(
            "draws_for_the_noise",
            averaged(with_draws_in_scores),
            "The draws stand where the noise belongs. In a score only how far a draw lies from "
            "the mean counts, in standard deviations.",
            also=(averaged(distance_from_zero),),
        ),
        Misconception(
            "variance_as_std",
            from_log_prob(lambda m, s, z, e: Normal(m, s**2).log_prob(z)),
            "Normal takes the standard deviation, and got its square or its root. std is the "
            "standard deviation as it is.",
            also=(from_log_prob(lambda m, s, z, e: Normal(m, s.sqrt()).log_prob(z)),),
        ),
        Misconception(
            "std_as_log_var",
            with_spread(lambda std: (std / 2).exp()),
            "std was read as log_var. In this exercise it is the standard deviation itself.",
        ),
        Misconception(
            "std_as_log_std",
            with_spread(torch.exp),
            "std was read as the logarithm of the standard deviation. It is the standard deviation "
            "itself.",
        ),
        Misconception(
            "exponent_without_half",
            with_scores(lambda std, e: 2 * e / std, lambda std, e: (2 * e**2 - 1) / std),
            "The exponent of the density lacks its 1/2: log q has -(z - mean)² / (2 std²).",
        ),
        Misconception(
            "by_the_draw",
            with_scores(lambda std, e: -e / std, lambda std, e: -(e**2) / std),
            "log q was differentiated by z, and its slope carried on to mean and std. The score "
            "differentiates by mean and by std, and z stays where it is.",
        ),
        Misconception(
            "log_probability_of_the_noise",
            from_log_prob(lambda m, s, z, e: Normal(m, s).log_prob(e)),
            "log q was taken at the noise. It belongs at the draws, which is where f is taken too.",
            also=(standard_log_prob_of_the_noise,),
        ),
        Misconception(
            "gradients_add_up",
            accumulating,
            "The first call is right and the second gives the sum of both: backward() added to "
            "the .grad of the caller's tensors. Use torch.autograd.grad, or copies of mean and "
            "std.",
        ),
        Misconception(
            "values_changed",
            averaged(lambda *a: score_terms(*a, weight=torch.square)),
            "The values of f were changed, by a square or a logarithm, before they weighed the "
            "scores. They weigh as they are.",
            also=(averaged(lambda *a: score_terms(*a, weight=lambda v: v.abs().log())),),
        ),
        Misconception(
            "standardized",
            averaged(lambda *a: score_terms(*a, weight=standardized)),
            "The values of f were centered and divided by their standard deviation. That is used "
            "in practice, and is no longer an estimate of this gradient.",
            also=(
                averaged(
                    lambda *a: score_terms(*a, weight=lambda v: (v - v.mean()) / (v.std() + 1e-8))
                ),
            ),
        ),
        Misconception(
            "scores_without_f",
            averaged(scores_alone),
            "The scores were averaged without f. A score averages to 0; f is the weight of its "
            "vote.",
            also=(averaged(in_a_score),),
        ),
        Misconception(
            "noise_centered",
            averaged(on_centered_noise),
            "The noise was centered within these draws. It has mean 0 on average; take it as it "
            "is.",
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
        Misconception(
            "doubled",
            averaged(score_terms, lambda by_mean, by_std, std: (2 * by_mean, 2 * by_std)),
            "Both derivatives are twice too large: a factor of 2 too many, or backward() ran twice "
            "into the same .grad, which adds.",
        ),
        Misconception(
            "halved",
            averaged(score_terms, lambda by_mean, by_std, std: (by_mean / 2, by_std / 2)),
            "Both derivatives are half of what they should be: a factor of 1/2 too many. The one "
            "in the exponent of the density goes when it is differentiated.",
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
