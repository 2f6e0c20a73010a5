"""Check of `gaussian_log_likelihood`. Oracle: torch.distributions."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Independent, Normal

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal, uniform
from ..wrong_formulas import BATCH_AVERAGED, BATCH_SUMMED, IN_BITS, averaged, in_bits, summed

LOG_2PI = math.log(2 * math.pi)


def likelihood_cases(generator: torch.Generator) -> list[Case]:
    def inputs(*shape: int, one_std: bool, dtype: torch.dtype = torch.float64) -> dict:
        log_std = -0.8 + 0.5 * normal(generator, *shape, dtype=dtype)
        return {
            "recon_mean": 0.5 + 0.6 * normal(generator, *shape, dtype=dtype),
            "log_std": log_std.flatten()[0] if one_std else log_std,
            "images": uniform(generator, *shape, dtype=dtype),
        }

    differentiable = ("recon_mean", "log_std")
    sharp = inputs(3, 1, 4, 2, one_std=True, dtype=torch.float32)
    return [
        Case(inputs(3, 2, 4, 5, one_std=True), "one log_std for all pixels", False, differentiable),
        Case(inputs(4, 3, 2, 6, one_std=False), "a log_std a pixel", False, differentiable),
        Case(inputs(1, 1, 5, 3, one_std=True), "a batch of one"),
        Case(inputs(5, 1, 3, 4, one_std=True, dtype=torch.float32), "in float32"),
        Case({**sharp, "log_std": torch.tensor(-7.0)}, "log_std -7, float32", True, differentiable),
        Case({**sharp, "log_std": torch.tensor(9.0)}, "log_std 9, float32", True, differentiable),
    ]


def likelihood(recon_mean: Tensor, log_std: Tensor, images: Tensor) -> Tensor:
    return Independent(Normal(recon_mean, log_std.exp().expand_as(images)), 3).log_prob(images)


def per_pixel(recon_mean: Tensor, log_std: Tensor, images: Tensor) -> Tensor:
    return Normal(recon_mean, log_std.exp()).log_prob(images)


def parts(half=0.5, power=2.0, count=lambda log_std, images: log_std.expand_as(images).flatten(1)):
    """The formula with a mistake in one of its three parts."""

    def answer(recon_mean: Tensor, log_std: Tensor, images: Tensor) -> Tensor:
        error = (images - recon_mean).square() / (power * log_std).exp()
        logs = count(log_std, images).sum(1)
        return -half * error.flatten(1).sum(1) - logs - 0.5 * LOG_2PI * images[0].numel()

    return answer


def log_std_once(log_std: Tensor, images: Tensor) -> Tensor:
    """Where there is one log_std, it is counted once an image."""
    flat = log_std.flatten(1) if log_std.ndim else log_std
    return flat if log_std.ndim else flat.expand(len(images), 1)


EXERCISE = Exercise(
    name="better_vaes.gaussian_log_likelihood",
    signature="(recon_mean, log_std, images)",
    unit="nats",
    oracle=likelihood,
    cases=likelihood_cases,
    misconceptions=(
        Misconception(
            "sign",
            lambda *a: -likelihood(*a),
            "This is the negative log-likelihood, a loss. The log-likelihood itself falls with the "
            "squared error. (With a density it may well be above 0.)",
        ),
        Misconception(
            "constant_forgotten",
            lambda m, s, x: likelihood(m, s, x) + 0.5 * LOG_2PI * x[0].numel(),
            "The constant is missing: each pixel brings half the logarithm of 2π. Without it "
            "likelihoods of different models, or a paper's and yours, cannot be compared.",
        ),
        Misconception(
            "constant_counted_once",
            lambda m, s, x: likelihood(m, s, x) + 0.5 * LOG_2PI * (x[0].numel() - 1),
            "The constant was counted once for each image. Every pixel has a density of its own, "
            "and brings it once.",
        ),
        Misconception(
            "constant_doubled",
            lambda m, s, x: likelihood(m, s, x) - 0.5 * LOG_2PI * x[0].numel(),
            "The constant is doubled: each pixel brings half the logarithm of 2π, for it is the "
            "logarithm of a root.",
        ),
        Misconception(
            "constant_not_a_logarithm",
            lambda m, s, x: (
                likelihood(m, s, x) + (0.5 * LOG_2PI - math.sqrt(2 * math.pi)) * x[0].numel()
            ),
            "The root of 2π was subtracted. The density is divided by it, so its logarithm is what "
            "the log-likelihood loses.",
        ),
        Misconception(
            "constant_of_the_whole_batch",
            lambda m, s, x: likelihood(m, s, x) - 0.5 * LOG_2PI * (x.numel() - x[0].numel()),
            "The constant was counted for all pixels of the batch in every image. Each image has "
            "its own pixels only.",
        ),
        Misconception(
            "log_std_counted_once",
            parts(count=log_std_once),
            "log_std was subtracted once for each image. Every pixel has a density of its own, so "
            "a shared log_std counts as often as there are pixels; else a small σ is nearly free.",
        ),
        Misconception(
            "log_std_beside_the_sums",
            lambda m, s, x: (
                -((x - m).square() / (2 * s).exp()).flatten(1).sum(1) / 2 - s - 0.5 * LOG_2PI
            ),
            "log_std was subtracted from sums over the pixels. There a number for each pixel does "
            "not fit, and one for all pixels would count once. Subtract it pixel by pixel, where "
            "either shape broadcasts, and then add over the pixels.",
            error="must match the size of tensor",
        ),
        Misconception(
            "axes_of_one_number",
            lambda m, s, x: likelihood(m, s, x) - s.sum(1),
            "log_std may be one number for all pixels, a tensor of shape (), which has no axes to "
            "add over. Let it broadcast against the images first, and then add over the pixels.",
            error="Dimension out of range",
        ),
        Misconception(
            "log_std_forgotten",
            lambda m, s, x: likelihood(m, s, x) + s.expand_as(x).flatten(1).sum(1),
            "The term - log σ is missing, so that a larger σ always looks better: errors cost "
            "less, and nothing is paid for being vague.",
        ),
        Misconception(
            "log_std_added",
            lambda m, s, x: likelihood(m, s, x) + 2 * s.expand_as(x).flatten(1).sum(1),
            "log_std enters with the wrong sign: a wide Gaussian is low everywhere.",
        ),
        Misconception(
            "log_std_doubled",
            parts(count=lambda log_std, images: 2 * log_std.expand_as(images).flatten(1)),
            "log σ was subtracted twice a pixel. The logarithm of the variance is 2 log σ, and "
            "half of that enters.",
        ),
        Misconception(
            "log_std_halved",
            parts(count=lambda log_std, images: log_std.expand_as(images).flatten(1) / 2),
            "Half of log σ was subtracted. Half of the logarithm of the *variance* enters, and "
            "that is log σ itself.",
        ),
        Misconception(
            "log_taken_again",
            parts(count=lambda log_std, images: log_std.abs().log().expand_as(images).flatten(1)),
            "The logarithm was taken of log_std, which is one already.",
        ),
        Misconception(
            "density_itself",
            lambda m, s, x: per_pixel(m, s, x).exp().flatten(1).sum(1),
            "The densities of the pixels were added. They multiply: take the logarithm of each "
            "first, and add those.",
        ),
        Misconception(
            "normal_of_the_log",
            lambda m, s, x: Normal(m, s).log_prob(x).flatten(1).sum(1),
            "Normal was given log_std, and it takes the standard deviation, which is positive.",
            error="scale",
        ),
        Misconception(
            "read_as_log_var",
            lambda m, s, x: likelihood(m, s / 2, x),
            "log_std was read as a log-variance. Its exponential is the standard deviation "
            "already; the variance is exp(2 · log_std).",
        ),
        Misconception(
            "std_for_variance",
            parts(power=1.0),
            "The squared error was divided by σ instead of σ².",
        ),
        Misconception(
            "std_not_log",
            lambda m, s, x: (
                -((x - m).square() / (2 * s.square()) + s.abs().log() + 0.5 * LOG_2PI)
                .flatten(1)
                .sum(1)
            ),
            "log_std was used as if it were σ. It is the logarithm, and may be negative.",
            also=(lambda m, s, x: Normal(m, s, validate_args=False).log_prob(x).flatten(1).sum(1),),
        ),
        Misconception(
            "channels_added_alone",
            lambda m, s, x: per_pixel(m, s, x).sum(1),
            "Only the channels were added: one value is left for each place. Add over all axes but "
            "the first.",
            also=(lambda m, s, x: per_pixel(m, s, x).sum((2, 3)),),
        ),
        Misconception(
            "half_forgotten",
            parts(half=1.0),
            "The squared error lacks the factor 1/2. That is what a plain sum of squares does, "
            "too, and then the variance is another than you say.",
        ),
        Misconception(
            "squared_error",
            lambda m, s, x: -(x - m).square().flatten(1).sum(1) + 0 * s.sum(),
            "This is minus the summed squared error: log_std has no effect. It is a Gaussian with "
            "σ² = 1/2 and without its constant.",
        ),
        Misconception(
            "mean_squared_error",
            lambda m, s, x: -(x - m).square().flatten(1).mean(1) + 0 * s.sum(),
            "This is minus the mean squared error: log_std has no effect, and the pixels were "
            "averaged. Write the Gaussian's three terms for each pixel, and add them.",
            also=(
                lambda m, s, x: -(x - m).square().mean().expand(len(x)) + 0 * s.sum(),
                lambda m, s, x: -(x - m).square().mean() + 0 * s.sum(),
            ),
        ),
        Misconception(
            "absolute_error",
            lambda m, s, x: -((x - m).abs() / (2 * s.exp()) + s + 0.5 * LOG_2PI).flatten(1).sum(1),
            "The error is absolute. A Gaussian falls with its square (the absolute error belongs "
            "to a Laplace distribution).",
            also=(
                lambda m, s, x: -((x - m).abs() / s.exp() + s + 0.5 * LOG_2PI).flatten(1).sum(1),
            ),
        ),
        Misconception(
            "mean_over_pixels",
            lambda m, s, x: per_pixel(m, s, x).flatten(1).mean(1),
            "The pixels were averaged. Given z they are independent, so their log-densities add; "
            "with a mean, the KL weighs hundreds of times too much and the posterior collapses.",
        ),
        Misconception(
            "pixels_not_summed",
            per_pixel,
            "These are the log-densities of the single pixels; add over all axes but the first.",
        ),
        Misconception(
            "mean_over_everything",
            averaged(per_pixel),
            "Everything was averaged (F.gaussian_nll_loss and F.mse_loss do that by themselves). "
            "Add over the pixels, and keep one value for each image.",
        ),
        Misconception("batch_averaged", averaged(likelihood), BATCH_AVERAGED),
        Misconception("batch_summed", summed(likelihood), BATCH_SUMMED),
        Misconception("in_bits", in_bits(likelihood), IN_BITS),
        Misconception(
            "epsilon",
            lambda m, s, x: (
                -((x - m).square() / (2 * ((2 * s).exp() + 1e-6)) + s + 0.5 * LOG_2PI)
                .flatten(1)
                .sum(1)
            ),
            "Something keeps the variance away from 0 (a small constant, or the eps of "
            "F.gaussian_nll_loss), which changes the density where σ is small. An exponential is "
            "never 0: nothing of the kind is needed.",
            also=(
                lambda m, s, x: (
                    -F.gaussian_nll_loss(
                        m, x, (2 * s).exp().expand_as(x), full=True, reduction="none"
                    )
                    .flatten(1)
                    .sum(1)
                ),
            ),
        ),
        Misconception(
            "variance_clamped",
            lambda m, s, x: likelihood(m, s.clamp(-6, 6), x),
            "log_std was clamped: outside of the bounds the value is wrong and log_std gets no "
            "gradient. If a σ must not become too small, say so where it is made.",
        ),
    ),
    hints=(
        "Write down the density of one pixel, take the logarithm: three terms. Which of them does "
        "a pixel bring even where the mean is exact?",
        "For one pixel: minus the squared error over 2σ², minus log σ, minus half of log 2π. "
        "σ² is exp(2 · log_std), and log σ you have.",
        "Let the shapes broadcast to the images' before you sum, so that a single log_std counts "
        "for every pixel. torch.distributions.Normal knows the formula, too.",
    ),
    rtol=1e-5,
)
