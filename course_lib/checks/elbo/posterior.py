"""Check of `posterior`. Oracle: conditioning the joint Gaussian of x and z."""

from __future__ import annotations

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from .linear_gaussian import (
    NOISE_NOT_SQUARED,
    conditioned,
    in_float32,
    model_inputs,
    squared_noise,
)


def posterior_cases(generator: torch.Generator) -> list[Case]:
    return [
        Case(model_inputs(generator, batch=4, dim=5, latents=3)),
        Case(model_inputs(generator, batch=3, dim=4, latents=1), "one latent"),
        Case(model_inputs(generator, batch=1, dim=6, latents=2, noise=1.6), "a batch of one"),
        Case(in_float32(model_inputs(generator, batch=3, dim=4, latents=2)), "in float32"),
    ]


def changed(mean=lambda m, s: m, covariance=lambda c, s: c):
    """The posterior with a mistake in one of its two results; s is noise_std."""

    def answer(x, weight, noise_std):
        m, c = conditioned(x, weight, noise_std)
        return mean(m, noise_std), covariance(c, noise_std)

    return answer


def without_prior(x, weight, noise_std):
    """Least squares: what the data say alone."""
    inverse = torch.linalg.inv(weight.T @ weight)
    return x @ weight @ inverse, noise_std**2 * inverse


def prior_not_scaled(x, weight, noise_std):
    inverse = torch.linalg.inv(weight.T @ weight + torch.eye(weight.shape[1], dtype=x.dtype))
    return x @ weight @ inverse, noise_std**2 * inverse


def noise_divided_once(x, weight, noise_std):
    """The data's term of the precision divided by the variance, the mean's not."""
    mean, covariance = conditioned(x, weight, noise_std)
    return mean * noise_std**2, covariance


def projected(x, weight, noise_std):
    return x @ weight, conditioned(x, weight, noise_std)[1]


def by_precision(x, weight, noise_std):
    precision = torch.linalg.inv(conditioned(x, weight, noise_std)[1])
    return x @ weight @ precision / noise_std**2


def with_precision(precision):
    """The posterior with `precision(data, noise_std, eye)`, where data is weightᵀ weight."""

    def answer(x, weight, noise_std):
        eye = torch.eye(weight.shape[1], dtype=x.dtype)
        covariance = torch.linalg.inv(precision(weight.T @ weight, noise_std, eye))
        return x @ weight @ covariance / noise_std**2, covariance

    return answer


def entries_inverted(x, weight, noise_std):
    precision = torch.linalg.inv(conditioned(x, weight, noise_std)[1])
    return x @ weight @ precision.reciprocal() / noise_std**2, precision.reciprocal()


def matrix_root(c: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(c)
    return vectors * values.sqrt() @ vectors.T


def independent_latents(c: Tensor, s: Tensor) -> Tensor:
    return torch.diag(torch.linalg.inv(c).diagonal().reciprocal())


EXERCISE = Exercise(
    name="elbo.posterior",
    signature="(x, weight, noise_std)",
    outputs=("mean", "covariance"),
    oracle=conditioned,
    cases=posterior_cases,
    misconceptions=(
        Misconception("noise_not_squared", squared_noise(conditioned), NOISE_NOT_SQUARED),
        Misconception(
            "precision_returned",
            changed(covariance=lambda c, s: torch.linalg.inv(c)),
            "The second result is the precision, the inverse of the covariance: it grows where the "
            "posterior narrows.",
        ),
        Misconception(
            "noise_missing_from_covariance",
            changed(covariance=lambda c, s: c / s**2),
            "The covariance is too large by 1 / noise_std². The inverse of (weightᵀ weight + "
            "noise_std² I) is not the covariance yet: less noise makes the latents surer.",
        ),
        Misconception(
            "noise_std_once",
            changed(covariance=lambda c, s: c / s),
            "The covariance is off by one factor noise_std: variances carry its square.",
        ),
        Misconception(
            "prior_forgotten",
            without_prior,
            "This is least squares: the prior is missing. It adds the identity to the precision "
            "and pulls the mean towards 0.",
        ),
        Misconception(
            "prior_and_data_in_different_units",
            prior_not_scaled,
            "weightᵀ weight and I were added as they stand. The data count with 1 / noise_std²: "
            "with little noise they must outweigh the prior.",
        ),
        Misconception(
            "mean_not_divided_by_noise",
            noise_divided_once,
            "The mean is too small by noise_std²: in covariance · weightᵀ x the division by the "
            "noise variance is missing.",
        ),
        Misconception(
            "mean_over_noise_std",
            changed(mean=lambda m, s: m * s),
            "The mean was divided by noise_std once. The linear term of the posterior has the "
            "variance, its square, below weightᵀ x.",
        ),
        Misconception(
            "mean_divided_twice",
            changed(mean=lambda m, s: m / s**2),
            "The mean was divided by the noise variance once too often. Where noise_std² is inside "
            "the inverse already, the mean needs no other.",
        ),
        Misconception(
            "data_over_noise_std",
            with_precision(lambda data, s, eye: eye + data / s),
            "In the precision weightᵀ weight was divided by noise_std. The quadratic term has the "
            "variance, its square, below it.",
        ),
        Misconception(
            "data_times_noise",
            with_precision(lambda data, s, eye: eye + data * s**2),
            "In the precision weightᵀ weight was multiplied by the noise variance: more noise "
            "would make you surer. It is divided by it.",
        ),
        Misconception(
            "prior_in_every_entry",
            with_precision(lambda data, s, eye: 1 + data / s**2),
            "1 was added to every entry of the precision. The prior adds the identity, which is 1 "
            "on the diagonal and 0 beside it.",
        ),
        Misconception(
            "prior_subtracted",
            with_precision(lambda data, s, eye: data / s**2 - eye),
            "The prior was subtracted from the precision. What is known from two sources adds.",
        ),
        Misconception(
            "entries_inverted",
            entries_inverted,
            "Every entry of the precision was inverted by itself. The inverse of a matrix is "
            "another matrix: the one that multiplies it to the identity.",
        ),
        Misconception(
            "mean_turned_round",
            changed(mean=lambda m, s: -m),
            "The mean has the wrong sign: it lies on the side of weightᵀ x.",
        ),
        Misconception(
            "covariances_added",
            lambda *a: ((r := conditioned(*a))[0], r[1] * len(r[0])),
            "The covariance was multiplied by the number of examples. Each example has a latent of "
            "its own, and all of them share one covariance.",
        ),
        Misconception(
            "projection",
            projected,
            "weightᵀ x is where the mean starts, not the mean: it has still to be multiplied by "
            "the covariance and divided by the noise variance.",
        ),
        Misconception(
            "precision_in_the_mean",
            lambda *a: (by_precision(*a), conditioned(*a)[1]),
            "The mean was made with the precision. It is the covariance, the precision's inverse, "
            "that turns weightᵀ x / noise_std² into the mean.",
            also=(lambda *a: (by_precision(*a), torch.linalg.inv(conditioned(*a)[1])),),
        ),
        Misconception(
            "root_of_the_covariance",
            changed(covariance=lambda c, s: c.sqrt()),
            "A root was taken of the covariance. Its diagonal holds variances, not standard "
            "deviations, and its other entries may be negative: leave it as it is.",
            also=(
                changed(covariance=lambda c, s: c.diagonal().sqrt()),
                changed(covariance=lambda c, s: torch.diag(c.diagonal().sqrt())),
                changed(covariance=lambda c, s: matrix_root(c)),
            ),
        ),
        Misconception(
            "tilt_dropped",
            changed(covariance=lambda c, s: torch.diag(c.diagonal())),
            "The entries beside the diagonal were dropped. Latents that explain one x compete: "
            "their posterior is tilted.",
        ),
        Misconception(
            "inverse_of_the_diagonal",
            changed(covariance=independent_latents),
            "The precision's diagonal was inverted alone. That is the best diagonal "
            "approximation; the posterior itself needs the inverse of the whole matrix.",
        ),
        Misconception(
            "variances_returned",
            changed(covariance=lambda c, s: c.diagonal()),
            "The second result holds variances alone. The covariance, (Z, Z), is wanted.",
        ),
        Misconception(
            "factor_returned",
            changed(covariance=lambda c, s: torch.linalg.cholesky(c)),
            "The second result is the Cholesky factor of the covariance, not the covariance.",
        ),
        Misconception(
            "one_covariance_an_example",
            lambda *a: ((r := conditioned(*a))[0], r[1].expand(len(r[0]), *r[1].shape)),
            "There is a covariance for every example. It does not depend on x: one matrix (Z, Z) "
            "serves them all.",
        ),
        Misconception(
            "latents_first",
            changed(mean=lambda m, s: m.T),
            "The mean has its axes in the wrong order: one row an example, (B, Z).",
        ),
        Misconception(
            "results_swapped",
            lambda *a: conditioned(*a)[::-1],
            "The two results changed places: the mean comes first, then the covariance.",
        ),
    ),
    hints=(
        "The log of prior times likelihood is quadratic in z, so the posterior is Gaussian: find "
        "the matrix of the quadratic term and the vector of the linear one.",
        "The matrix is the precision, I + weightᵀ weight / noise_std², the same for every x. The "
        "vector is weightᵀ x / noise_std².",
        "The covariance is the inverse of the precision; the mean is the covariance times that "
        "vector, for every row of x at once.",
    ),
)
