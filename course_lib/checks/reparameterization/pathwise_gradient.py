"""Check of `pathwise_gradient`. Oracle: finite differences of the average, no autograd."""

from __future__ import annotations

import torch
from torch import Tensor

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
    slopes,
)


def pathwise_cases(generator: torch.Generator) -> list[Case]:
    return [
        estimator_case(generator, "cubic", 6),
        estimator_case(generator, "wave", 5, "another function, 5 draws"),
        estimator_case(generator, "cubic", 1, "a single draw"),
        estimator_case(generator, "wave", 7, "in float32", torch.float32),
    ]


def by_differences(function, mean, std, noise):
    """Slopes of the average of f over the draws, as mean or std moves and the noise stays.

    Five points, so that the error is of the fourth order in the step.
    """
    mean64, std64, noise64 = mean.double(), std.double(), noise.double()

    def slope(average) -> Tensor:
        step = 1e-3
        near = average(step) - average(-step)
        far = average(2 * step) - average(-2 * step)
        return ((8 * near - far) / (12 * step)).to(noise.dtype)

    return (
        slope(lambda move: function(mean64 + move + std64 * noise64).mean()),
        slope(lambda move: function(mean64 + (std64 + move) * noise64).mean()),
    )


def without_noise(function, mean, std, noise):
    slope, _ = pathwise_terms(function, mean, std, noise)
    return slope, slope


def with_scale(scale, by_std):
    """z = mean + scale(std) · noise, and by_std(slope, std, noise) as the second derivative."""

    def terms(function, mean, std, noise):
        slope = slopes(function, mean + scale(std) * noise)
        return slope, by_std(slope, std, noise)

    return averaged(terms)


def at_the_mean(function, mean, std, noise):
    slope = slopes(function, mean.expand(1)).squeeze()
    return slope, slope * noise.mean()


def at_the_average_draw(function, mean, std, noise):
    slope = slopes(function, draws_of(mean, std, noise).mean().expand(1)).squeeze()
    return slope, slope * noise.mean()


def values_instead(function, mean, std, noise):
    values = function(draws_of(mean, std, noise))
    return values, values * noise


def own_slope(function, mean, std, noise):
    slope = draws_of(mean, std, noise) - 2
    return slope, slope * noise


def averaged_apart(function, mean, std, noise):
    slope, _ = pathwise_terms(function, mean, std, noise)
    return slope, slope.mean() * noise


def accumulating(function, mean, std, noise):
    mean.requires_grad_(True)
    std.requires_grad_(True)
    function(draws_of(mean, std, noise)).mean().backward()
    return mean.grad, std.grad


EXERCISE = Exercise(
    name="reparameterization.pathwise_gradient",
    signature="(function, mean, std, noise)",
    outputs=OUTPUTS,
    oracle=by_differences,
    cases=pathwise_cases,
    call=call_estimator,
    facts=estimate_facts,
    misconceptions=(
        Misconception(
            "noise_left_out_of_std",
            averaged(without_noise),
            "Both derivatives are f'(z). When std grows by a little, a draw does not move by as "
            "much: it moves by that times its noise. The chain rule asks for dz/dstd.",
        ),
        Misconception(
            "gradients_add_up",
            accumulating,
            "The first call is right and the second gives the sum of both: backward() added to the "
            ".grad of the caller's tensors. Use torch.autograd.grad, or copies of mean and std.",
        ),
        Misconception(
            "grad_still_empty",
            lambda function, mean, std, noise: (mean.grad, std.grad),
            ".grad is None where backward() has not put anything: it fills the tensors on which "
            "requires_grad was set, and neither their originals nor what is computed from them.",
        ),
        Misconception(
            "std_squared",
            with_scale(lambda std: std**2, lambda slope, std, noise: slope * 2 * std * noise),
            "The noise was scaled by the square of std. std is the standard deviation already, and "
            "no log_var.",
        ),
        Misconception(
            "std_as_log_var",
            with_scale(
                lambda std: (std / 2).exp(),
                lambda slope, std, noise: slope * (std / 2).exp() * noise / 2,
            ),
            "std was read as log_var. In this exercise it is the standard deviation itself.",
        ),
        Misconception(
            "std_as_log_std",
            with_scale(torch.exp, lambda slope, std, noise: slope * std.exp() * noise),
            "std was read as the logarithm of the standard deviation. It is the standard deviation "
            "itself.",
        ),
        Misconception(
            "noise_as_draws",
            with_scale(torch.ones_like, lambda slope, std, noise: slope * noise),
            "The draws were spread with standard deviation 1. Scale the noise by std.",
        ),
        Misconception(
            "at_the_mean",
            at_the_mean,
            "This is the slope at the mean alone. The slope of an average is the average of the "
            "slopes at the draws, and for a curved f that is another number.",
        ),
        Misconception(
            "at_the_average_draw",
            at_the_average_draw,
            "The draws were averaged before f was applied. Apply f to each draw, then average.",
        ),
        Misconception(
            "values_instead_of_slopes",
            averaged(values_instead),
            "f itself was averaged, where its derivative is wanted.",
        ),
        Misconception(
            "score_function",
            averaged(score_terms),
            "This is the score-function estimate, right as well and much noisier: it comes in the "
            "next exercise. Here the derivative goes through f.",
        ),
        Misconception(
            "std_by_score",
            averaged(
                lambda *a: (pathwise_terms(*a)[0], score_terms(*a)[1]),
            ),
            "The derivative by mean goes along the path, the one by std by the score. Both are "
            "to go along the path.",
        ),
        Misconception(
            "slope_of_the_lessons_f",
            averaged(own_slope),
            "This is the slope of the lesson's f, z - 2. function may be another one: let autograd "
            "differentiate what is passed in.",
        ),
        Misconception(
            "averaged_apart",
            averaged(averaged_apart),
            "The slopes and the noise were averaged apart, and then multiplied. Multiply draw by "
            "draw, then average.",
        ),
        *general_mistakes(pathwise_terms),
    ),
    hints=(
        "The noise stays where it is. When mean grows by a little, how far does each draw move? "
        "And when std does?",
        "Compute the draws from mean, std and noise, apply function, average. What is left is the "
        "derivative of one number by two, which autograd knows.",
        "mean and std come without requires_grad: work on detached copies that require it, and ask "
        "torch.autograd.grad for both derivatives of the average at once.",
    ),
)
