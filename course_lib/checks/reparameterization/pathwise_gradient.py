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
        estimator_case(generator, "falling", 3, "a function that falls: d/dmean is negative"),
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


def by_path(draw, reduce=lambda values: values.mean(), value=lambda values: values):
    """Autograd along the draws `draw(mean, std, noise)`, of values reduced to one number."""

    def answer(function, mean, std, noise):
        leaves = [p.detach().clone().requires_grad_(True) for p in (mean, std)]
        total = reduce(value(function(draw(*leaves, noise))))
        return torch.autograd.grad(total, leaves)

    return answer


def second_by(change):
    """The right derivative by mean, and `change(slope, draws, std, noise)` averaged by std."""

    def terms(function, mean, std, noise):
        z = draws_of(mean, std, noise)
        slope = slopes(function, z)
        return slope, change(slope, z, std, noise)

    return averaged(terms)


def by_coarse_differences(step, both_sides):
    """Differences of the average with a step that is too long, or to one side alone."""

    def answer(function, mean, std, noise):
        def average(m, s):
            return function(draws_of(m, s, noise)).mean()

        back = step if both_sides else 0.0
        width = step + back
        by_mean = average(mean + step, std) - average(mean - back, std)
        return by_mean / width, (average(mean, std + step) - average(mean, std - back)) / width

    return answer


def from_noise_alone(function, mean, std, noise):
    return by_path(lambda m, s, e: e + 0 * (m + s))(function, mean, std, noise)


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
            "one_draw_alone",
            by_path(draws_of, lambda values: values[0]),
            "One draw alone was differentiated. Average the values of all of them first.",
            also=(by_path(draws_of, torch.max), by_path(draws_of, lambda values: values[-1])),
        ),
        Misconception(
            "divided_by_one_less",
            by_path(draws_of, lambda values: values.sum() / max(len(values) - 1, 1)),
            "The sum was divided by N - 1, as an unbiased variance is. A mean divides by N.",
        ),
        Misconception(
            "noise_subtracted",
            by_path(lambda m, s, e: m - s * e),
            "The noise was subtracted. That has the right distribution, too; the draws of this "
            "exercise are mean + std · noise.",
        ),
        Misconception(
            "mean_scaled",
            by_path(lambda m, s, e: m * s + e),
            "The mean was scaled and the noise was not. Scale the noise by std, then add the mean.",
            also=(by_path(lambda m, s, e: s * (m + e)),),
        ),
        Misconception(
            "root_of_std",
            by_path(lambda m, s, e: m + s.sqrt() * e),
            "The root of std was taken. It is the standard deviation already, no variance.",
        ),
        Misconception(
            "noise_made_positive",
            by_path(lambda m, s, e: m + s * e.abs()),
            "The noise was made positive. Half of the draws belong below the mean.",
        ),
        Misconception(
            "noise_standardized",
            by_path(lambda m, s, e: m + s * (e - e.mean())),
            "The noise was centered or standardized within these draws. It has mean 0 on average; "
            "take it as it is.",
            also=(by_path(lambda m, s, e: m + s * (e - e.mean()) / (e.std(correction=0) + 1e-6)),),
        ),
        Misconception(
            "function_of_the_noise",
            from_noise_alone,
            "f was applied to the noise, in which mean and std do not occur, so both derivatives "
            "are 0. Make the draws first.",
        ),
        Misconception(
            "coarse_differences",
            by_coarse_differences(0.1, True),
            "The slopes look like differences over a step: near the derivative, and not it. Let "
            "autograd differentiate.",
            also=(
                by_coarse_differences(0.01, True),
                by_coarse_differences(0.01, False),
                by_coarse_differences(0.1, False),
                by_coarse_differences(0.001, False),
            ),
        ),
        Misconception(
            "std_for_the_noise",
            second_by(lambda slope, z, std, e: slope * std),
            "In the second derivative the slope was multiplied by std. A draw moves with std by "
            "its noise: that is dz/dstd.",
        ),
        Misconception(
            "draw_for_the_noise",
            second_by(lambda slope, z, std, e: slope * z),
            "In the second derivative the slope was multiplied by the draw. A draw moves with std "
            "by its noise: that is dz/dstd.",
        ),
        Misconception(
            "noise_over_std",
            second_by(lambda slope, z, std, e: slope * e / std),
            "In the second derivative the noise was divided by std. z = mean + std · noise is "
            "linear in std, so dz/dstd is the noise alone.",
        ),
        Misconception(
            "absolute_values",
            lambda *a: tuple(v.abs() for v in averaged(pathwise_terms)(*a)),
            "Absolute values came back. A derivative has a sign: it says which way.",
        ),
        Misconception(
            "of_the_square",
            by_path(draws_of, value=torch.square),
            "The square of f was differentiated. f is the badness itself.",
        ),
        Misconception(
            "twice_before_reading",
            lambda *a: tuple(2 * v for v in averaged(pathwise_terms)(*a)),
            "Both derivatives are twice too large: backward() ran twice into the same .grad, "
            "which adds.",
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
