"""Check of `log_evidence`. Oracle: torch.distributions, by the low-rank identities."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal, MultivariateNormal, Normal

from ..declare import Case, Exercise, Misconception
from ..wrong_formulas import (
    BATCH_AVERAGED,
    BATCH_SUMMED,
    IN_BITS,
    averaged,
    in_bits,
    negated,
    scaled,
    summed,
)
from .linear_gaussian import NOISE_NOT_SQUARED, in_float32, model_inputs, squared_noise


def evidence_cases(generator: torch.Generator) -> list[Case]:
    many = model_inputs(generator, batch=3, dim=300, latents=4, noise=0.01)
    z = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    many["x"] = z @ many["weight"].T + 0.01 * many["x"]
    return [
        Case(model_inputs(generator, batch=4, dim=5, latents=3)),
        Case(model_inputs(generator, batch=3, dim=4, latents=1), "one latent"),
        Case(model_inputs(generator, batch=1, dim=6, latents=2, noise=1.6), "a batch of one"),
        Case(in_float32(model_inputs(generator, batch=3, dim=4, latents=2)), "in float32"),
        Case(many, "300 dimensions and little noise", extreme=True),
    ]


def evidence(x: Tensor, weight: Tensor, noise_std: Tensor) -> Tensor:
    x64, weight64 = x.double(), weight.double()
    noise = noise_std.double().square().expand(len(weight))
    mean = torch.zeros(len(weight), dtype=torch.float64)
    density = LowRankMultivariateNormal(mean, weight64, noise, validate_args=False)
    return density.log_prob(x64).to(x.dtype)


def in_parts(constant=0.5, log_det=0.5, square=0.5):
    """The density with its parts exposed, so that a mistake can change one."""

    def answer(x, weight, noise_std):
        dim = len(weight)
        covariance = weight @ weight.T + noise_std**2 * torch.eye(dim, dtype=x.dtype)
        squares = (x * torch.linalg.solve(covariance, x.T).T).sum(-1)
        return (
            -constant * dim * math.log(2 * math.pi)
            - log_det * torch.logdet(covariance)
            - square * squares
        )

    return answer


def constant_by_latents(x, weight, noise_std):
    dim, latents = weight.shape
    return evidence(x, weight, noise_std) + (dim - latents) / 2 * math.log(2 * math.pi)


def det_then_log(x, weight, noise_std):
    covariance = weight @ weight.T + noise_std**2 * torch.eye(len(weight), dtype=x.dtype)
    squares = (x * torch.linalg.solve(covariance, x.T).T).sum(-1)
    return -0.5 * ((2 * math.pi) ** len(weight) * torch.linalg.det(covariance)).log() - squares / 2


def not_inverted(x, weight, noise_std):
    covariance = weight @ weight.T + noise_std**2 * torch.eye(len(weight), dtype=x.dtype)
    squares = (x * torch.linalg.solve(covariance, x.T).T).sum(-1)
    return evidence(x, weight, noise_std) + squares / 2 - (x * (x @ covariance)).sum(-1) / 2


def triangle_as_covariance(x, weight, noise_std):
    covariance = weight @ weight.T + noise_std**2 * torch.eye(len(weight), dtype=x.dtype)
    squares = (x * torch.linalg.solve(covariance, x.T).T).sum(-1)
    whitened = torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), x.T, upper=False)
    return evidence(x, weight, noise_std) + squares / 2 - (x * whitened.T).sum(-1) / 2


def by_factor(square, log_det=lambda factor: 2 * factor.diagonal().log().sum()):
    """The density by a Cholesky factor, its square `(B,)` of (factor, x) replaced by a mistake."""

    def answer(x, weight, noise_std):
        dim = len(weight)
        covariance = weight @ weight.T + noise_std**2 * torch.eye(dim, dtype=x.dtype)
        factor = torch.linalg.cholesky(covariance)
        constant = dim * math.log(2 * math.pi)
        return -0.5 * (constant + log_det(factor) + square(factor, x))

    return answer


def whitened(factor, x):
    return torch.linalg.solve_triangular(factor, x.T, upper=False)


def right_square(factor, x):
    return whitened(factor, x).square().sum(0)


def with_covariance(covariance):
    """The density with `covariance(weight, noise_std, eye)`."""

    def answer(x, weight, noise_std):
        eye = torch.eye(len(weight), dtype=x.dtype)
        factor = torch.linalg.cholesky(covariance(weight, noise_std, eye))
        log_det = 2 * factor.diagonal().log().sum()
        constant = len(weight) * math.log(2 * math.pi)
        return -0.5 * (constant + log_det + right_square(factor, x))

    return answer


def handed_on_as(argument):
    """torch's Gaussian with the covariance in an argument that means something else."""

    def answer(x, weight, noise_std):
        dim = len(weight)
        covariance = weight @ weight.T + noise_std**2 * torch.eye(dim, dtype=x.dtype)
        mean = torch.zeros(dim, dtype=x.dtype)
        given = {argument: covariance}
        return MultivariateNormal(mean, validate_args=False, **given).log_prob(x)

    return answer


def given_no_latent(x, weight, noise_std):
    return Normal(0.0, noise_std).log_prob(x).sum(-1)


def dimensions_on_their_own(x, weight, noise_std):
    std = (weight.square().sum(1) + noise_std**2).sqrt()
    return Normal(torch.zeros_like(std), std).log_prob(x).sum(-1)


EXERCISE = Exercise(
    name="elbo.log_evidence",
    signature="(x, weight, noise_std)",
    unit="nats",
    oracle=evidence,
    cases=evidence_cases,
    misconceptions=(
        Misconception(
            "determinant_before_logarithm",
            det_then_log,
            "In many dimensions a determinant leaves the range of floating point (0 or inf) long "
            "before its logarithm does. Add the logarithms of the Cholesky factor's diagonal.",
        ),
        Misconception("noise_not_squared", squared_noise(evidence), NOISE_NOT_SQUARED),
        Misconception(
            "log_det_of_the_factor",
            in_parts(log_det=0.25),
            "The log-determinant is half of what it should be. The covariance is L times its "
            "transpose, so log det = 2 Σ log L_ii, and the density takes half of that.",
        ),
        Misconception(
            "log_det_not_halved",
            in_parts(log_det=1.0),
            "The log-determinant counts twice: the density has the square root of the determinant.",
        ),
        Misconception(
            "log_det_sign",
            in_parts(log_det=-0.5),
            "The log-determinant has the wrong sign. A wider Gaussian is lower: it comes with a "
            "minus.",
        ),
        Misconception(
            "log_det_forgotten",
            in_parts(log_det=0.0),
            "The log-determinant is missing. Without it a model could call everything probable by "
            "growing its covariance.",
        ),
        Misconception(
            "constant_forgotten",
            in_parts(constant=0.0),
            "The constant -D/2 · log 2π is missing, so this is no normalized density.",
        ),
        Misconception(
            "constant_of_one_dimension",
            lambda x, weight, noise_std: (
                in_parts(constant=0.0)(x, weight, noise_std) - 0.5 * math.log(2 * math.pi)
            ),
            "-1/2 · log 2π is there once; every one of the D dimensions of x brings its own.",
        ),
        Misconception(
            "constant_counts_latents",
            constant_by_latents,
            "The constant counts latents. It is a density of x: -1/2 · log 2π for each of its D "
            "dimensions.",
        ),
        Misconception(
            "constant_not_halved",
            in_parts(constant=1.0),
            "The constant counts twice: the density divides by the square root of (2π)^D, so every "
            "dimension brings half of log 2π.",
        ),
        Misconception(
            "constant_counts_examples",
            lambda x, weight, noise_std: (
                evidence(x, weight, noise_std) + (x.shape[1] - len(x)) / 2 * math.log(2 * math.pi)
            ),
            "The constant counts the examples of the batch. Each example's density has -1/2 · log "
            "2π for each of its own D dimensions.",
        ),
        Misconception(
            "sum_before_the_logarithm",
            by_factor(right_square, lambda factor: 2 * factor.diagonal().sum().log()),
            "The diagonal of the factor was added up before the logarithm. A triangle's "
            "determinant is the product of its diagonal, so the logarithms are what adds.",
        ),
        Misconception(
            "other_triangle",
            by_factor(
                lambda factor, x: (
                    torch.linalg.solve_triangular(factor.T, x.T, upper=True).square().sum(0)
                )
            ),
            "The equation was solved with the transpose of the Cholesky factor. C is L times its "
            "transpose with L on the left, so that y solves L y = x.",
        ),
        Misconception(
            "upper_triangle_read",
            by_factor(
                lambda factor, x: (
                    torch.linalg.solve_triangular(factor, x.T, upper=True).square().sum(0)
                )
            ),
            "upper=True reads what stands on the diagonal and above it, and above it the Cholesky "
            "factor is 0: only its diagonal took part. The factor is a lower triangle.",
        ),
        Misconception(
            "length_not_squared",
            by_factor(lambda factor, x: whitened(factor, x).norm(dim=0)),
            "The length of y was taken as it is. The exponent has its square, xᵀ C⁻¹ x.",
        ),
        Misconception(
            "entries_not_squared",
            by_factor(lambda factor, x: whitened(factor, x).sum(0)),
            "The entries of y were added up without being squared. The squared length of y is "
            "wanted.",
            also=(by_factor(lambda factor, x: whitened(factor, x).abs().sum(0)),),
        ),
        Misconception(
            "noise_squared_twice",
            with_covariance(lambda w, s, eye: w @ w.T + s**4 * eye),
            "The noise variance was squared once more. noise_std is the standard deviation: its "
            "square, once, goes onto the diagonal.",
        ),
        Misconception(
            "noise_without_size",
            with_covariance(lambda w, s, eye: w @ w.T + eye),
            "The identity was added as it is, as if the noise had standard deviation 1. It has "
            "noise_std.",
        ),
        Misconception(
            "noise_not_on_the_diagonal",
            with_covariance(lambda w, s, eye: w @ w.T + s**2),
            "The covariance is not positive definite. The noise is missing from it, or was added "
            "to every entry: a number plus a matrix does that. Independent noise stands on the "
            "diagonal alone, and keeps all D directions open.",
            also=(with_covariance(lambda w, s, eye: w @ w.T),),
            error="positive",
        ),
        Misconception(
            "noise_replaced_by_a_little",
            with_covariance(lambda w, s, eye: w @ w.T + 1e-6 * eye),
            "The noise is missing. A small number on the diagonal makes the factorization run, and "
            "says that x has hardly any noise: it is noise_std² that belongs there.",
            also=tuple(
                with_covariance(lambda w, s, eye, little=little: w @ w.T + little * eye)
                for little in (1e-4, 1e-5, 1e-8)
            ),
        ),
        Misconception(
            "covariance_as_its_factor",
            handed_on_as("scale_tril"),
            "The covariance was handed on as scale_tril, which takes its Cholesky factor.",
        ),
        Misconception(
            "covariance_as_precision",
            handed_on_as("precision_matrix"),
            "The covariance was handed on as a precision matrix, which is its inverse.",
        ),
        Misconception(
            "density_returned",
            lambda *a: evidence(*a).exp(),
            "This is the density p(x), which leaves the range of floating point in many "
            "dimensions. Its logarithm is wanted.",
        ),
        Misconception(
            "in_bits",
            in_bits(evidence),
            "This is another logarithm's unit. " + IN_BITS,
            also=(scaled(evidence, 1 / math.log(10)),),
        ),
        Misconception(
            "square_not_halved",
            in_parts(square=1.0),
            "The squared distance lacks its factor 1/2.",
        ),
        Misconception(
            "square_sign",
            in_parts(square=-0.5),
            "The squared distance has the wrong sign: what is far from the mean is less probable.",
        ),
        Misconception(
            "only_the_exponent",
            in_parts(constant=0.0, log_det=0.0),
            "This is the exponent alone. The density divides by sqrt((2π)^D det C), which costs "
            "two more terms.",
        ),
        Misconception(
            "covariance_not_inverted",
            not_inverted,
            "The squared distance was taken with the covariance itself. It is measured with the "
            "inverse: a deviation along a wide direction counts little.",
        ),
        Misconception(
            "one_triangle",
            triangle_as_covariance,
            "x was multiplied by the inverse of L once and by itself once. Either solve with L "
            "and square the result, or solve with the whole covariance (cholesky_solve).",
        ),
        Misconception(
            "latents_left_out",
            given_no_latent,
            "This is log p(x | z = 0). The latents are unknown and have to be averaged out: they "
            "add weight times its transpose to the covariance.",
        ),
        Misconception(
            "dimensions_on_their_own",
            dimensions_on_their_own,
            "The dimensions of x were treated as independent. They share their latents, so the "
            "covariance has entries beside its diagonal.",
        ),
        Misconception(
            "dimensions_averaged",
            lambda x, weight, noise_std: evidence(x, weight, noise_std) / x.shape[1],
            "The log density was divided by the number of dimensions. Nats for the whole example "
            "are wanted.",
        ),
        Misconception(
            "sign",
            negated(evidence),
            "This is the surprise, -log p(x). The log evidence itself is wanted.",
        ),
        Misconception("batch_averaged", averaged(evidence), BATCH_AVERAGED),
        Misconception("batch_summed", summed(evidence), BATCH_SUMMED),
    ),
    hints=(
        "x is a sum of two independent Gaussians with mean 0. Which covariance has each of them?",
        "C = weight weightᵀ + noise_std² I, of shape (D, D). The log density has three terms: the "
        "constant with D, half the log-determinant of C, and half of xᵀ C⁻¹ x.",
        "With L = torch.linalg.cholesky(C): the log-determinant comes from L's diagonal, and "
        "solving L y = x (torch.linalg.solve_triangular, one column an example) turns the square "
        "into the squared length of y.",
    ),
)
