"""Check of `elbo_gap`. Oracle: torch.distributions."""

from __future__ import annotations

import functools

import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from ..declare import Case, Exercise, Misconception
from ..wrong_formulas import (
    BATCH_AVERAGED,
    BATCH_SUMMED,
    LOG_VAR_AS_LOG_STD,
    averaged,
    doubled,
    negated,
    summed,
)
from .elbo import elbo
from .linear_gaussian import (
    NOISE_NOT_SQUARED,
    bound_inputs,
    conditioned,
    in_float32,
    squared_noise,
)
from .log_evidence import evidence


def gap_cases(generator: torch.Generator) -> list[Case]:
    inputs = functools.partial(bound_inputs, generator)

    return [
        Case(inputs(4, 5, 3)),
        Case(inputs(3, 4, 1), "one latent"),
        Case(inputs(1, 6, 2, noise=1.6), "a batch of one"),
        Case(in_float32(inputs(3, 4, 2, noise=0.9)), "in float32"),
    ]


def both(x, weight, noise_std, mean, log_var):
    """q and p(z | x) as distributions, in double precision."""
    x, weight, noise_std, mean, log_var = (
        v.double() for v in (x, weight, noise_std, mean, log_var)
    )
    there, covariance = conditioned(x, weight, noise_std)
    root = torch.linalg.cholesky(covariance).expand(len(mean), -1, -1)
    own = torch.diag_embed((log_var / 2).exp())
    q = MultivariateNormal(mean, scale_tril=own, validate_args=False)
    return q, MultivariateNormal(there, scale_tril=root, validate_args=False)


def gap(x, weight, noise_std, mean, log_var):
    q, p = both(x, weight, noise_std, mean, log_var)
    return kl_divergence(q, p).to(x.dtype)


def reversed_gap(*inputs):
    q, p = both(*inputs)
    return kl_divergence(p, q).to(inputs[0].dtype)


def in_parts(trace=1.0, shift=1.0, minus=1.0, log_det=1.0, own=1.0, log_det_p=1.0):
    """1/2 [tr(P V) + d' P d - Z - log det(P V)] with its parts exposed; P is p's precision."""

    def answer(x, weight, noise_std, mean, log_var):
        there, covariance = conditioned(x, weight, noise_std)
        precision = torch.linalg.inv(covariance)
        distance = mean - there
        return 0.5 * (
            trace * (log_var.exp() * precision.diagonal()).sum(-1)
            + shift * (distance @ precision * distance).sum(-1)
            - minus * mean.shape[1]
            - log_det * (own * log_var.sum(-1) + log_det_p * torch.logdet(precision))
        )

    return answer


def with_trace(trace):
    """The gap with `trace(variance, covariance)` in place of tr(P V)."""

    def answer(x, weight, noise_std, mean, log_var):
        covariance = conditioned(x, weight, noise_std)[1]
        rest = in_parts(trace=0.0)(x, weight, noise_std, mean, log_var)
        return rest + trace(log_var.exp(), covariance) / 2

    return answer


def precision_as_covariance(x, weight, noise_std, mean, log_var):
    there, covariance = conditioned(x, weight, noise_std)
    distance = mean - there
    return 0.5 * (
        (log_var.exp() * covariance.diagonal()).sum(-1)
        + (distance @ covariance * distance).sum(-1)
        - mean.shape[1]
        - log_var.sum(-1)
        + torch.logdet(covariance)
    )


def to_diagonal(variance):
    """KL to a diagonal Gaussian at the posterior's mean."""

    def answer(x, weight, noise_std, mean, log_var):
        there, covariance = conditioned(x, weight, noise_std)
        p = Normal(there, variance(covariance).sqrt())
        return kl_divergence(Normal(mean, (log_var / 2).exp()), p).sum(-1)

    return answer


def to_prior(x, weight, noise_std, mean, log_var):
    return kl_divergence(Normal(mean, (log_var / 2).exp()), Normal(0.0, 1.0)).sum(-1)


EXERCISE = Exercise(
    name="elbo.elbo_gap",
    signature="(x, weight, noise_std, mean, log_var)",
    unit="nats",
    oracle=gap,
    cases=gap_cases,
    misconceptions=(
        Misconception("noise_not_squared", squared_noise(gap), NOISE_NOT_SQUARED),
        Misconception(
            "reversed",
            reversed_gap,
            "This is KL(p(z | x)‖q). The gap averages under q, so the posterior's precision "
            "measures the distances.",
        ),
        Misconception(
            "sign",
            negated(gap),
            "The sign is turned round: a KL is never negative, and the gap is log p(x) minus the "
            "ELBO, not the other way round.",
        ),
        Misconception("not_halved", doubled(gap), "The factor 1/2 in front of all terms is gone."),
        Misconception(
            "to_the_prior",
            to_prior,
            "This is the KL to the prior. The gap is the distance to the posterior p(z | x), which "
            "knows x.",
        ),
        Misconception(
            "tilt_ignored",
            to_diagonal(lambda c: c.diagonal()),
            "Only the diagonal of the posterior's covariance was used. The posterior is tilted: "
            "the formula needs the whole inverse and the whole determinant.",
        ),
        Misconception(
            "diagonal_of_the_precision",
            to_diagonal(lambda c: torch.linalg.inv(c).diagonal().reciprocal()),
            "Only the diagonal of the precision was used. For the squared distance of the means "
            "and for the determinant the whole matrix counts.",
        ),
        Misconception(
            "covariance_for_precision",
            precision_as_covariance,
            "The posterior's covariance stands where its inverse belongs: a deviation costs most "
            "where the posterior is narrow.",
        ),
        Misconception(
            "latents_not_subtracted",
            in_parts(minus=0.0),
            "The constant -Z is missing: for q equal to the posterior the result must be 0.",
        ),
        Misconception(
            "one_subtracted",
            lambda *a: in_parts(minus=0.0)(*a) - 0.5,
            "1 was subtracted where Z belongs: every latent brings its own -1.",
        ),
        Misconception(
            "log_det_sign",
            in_parts(log_det=-1.0),
            "The log-determinants have the wrong sign: a q narrower than the posterior must cost.",
        ),
        Misconception(
            "log_det_of_the_posterior_sign",
            in_parts(log_det_p=-1.0),
            "The posterior's log-determinant has the wrong sign. With a minus it is that of the "
            "precision; that of the covariance comes with a plus.",
        ),
        Misconception(
            "log_det_of_q_sign",
            in_parts(own=-1.0),
            "The log-determinant of q has the wrong sign: the narrower q is, the more its "
            "log-determinant must cost.",
        ),
        Misconception(
            "trace_by_the_diagonal",
            with_trace(lambda variance, c: (variance / c.diagonal()).sum(-1)),
            "The variances of q were divided by the diagonal of the covariance. One over a "
            "diagonal is not the diagonal of the inverse: invert the whole matrix first.",
        ),
        Misconception(
            "trace_of_every_entry",
            with_trace(lambda variance, c: (variance @ torch.linalg.inv(c)).sum(-1)),
            "All entries of the precision went into the trace. q is diagonal, so a variance meets "
            "the entry on the diagonal alone.",
        ),
        Misconception(
            "log_det_forgotten",
            in_parts(log_det=0.0),
            "The log-determinants are missing, so a q of no width would cost nothing.",
        ),
        Misconception(
            "shift_forgotten",
            in_parts(shift=0.0),
            "The distance between the two means is missing.",
        ),
        Misconception(
            "trace_forgotten",
            in_parts(trace=0.0),
            "The variances of q, measured by the posterior's precision, are missing: a q that is "
            "too wide must cost.",
        ),
        Misconception(
            "log_var_read_as_log_std",
            lambda x, weight, noise_std, mean, log_var: gap(
                x, weight, noise_std, mean, 2 * log_var
            ),
            LOG_VAR_AS_LOG_STD,
        ),
        Misconception(
            "elbo_returned",
            elbo,
            "This is the ELBO. The gap is what it lacks to log p(x): the KL to the posterior.",
        ),
        Misconception(
            "elbo_added",
            lambda x, weight, noise_std, *q: (
                evidence(x, weight, noise_std) + elbo(x, weight, noise_std, *q)
            ),
            "log p(x) and the ELBO were added; the gap is their difference.",
        ),
        Misconception(
            "latents_averaged",
            lambda *a: gap(*a) / a[3].shape[1],
            "The divergence was divided by the number of latents. It belongs to q as a whole.",
        ),
        Misconception("batch_averaged", averaged(gap), BATCH_AVERAGED),
        Misconception("batch_summed", summed(gap), BATCH_SUMMED),
    ),
    hints=(
        "A KL between two Gaussians, one diagonal and one not: your posterior gives the second.",
        "KL(N(m, V)‖N(μ, C)) = 1/2 [tr(C⁻¹ V) + (m - μ)ᵀ C⁻¹ (m - μ) - Z + log det C - log det V].",
        "V is diagonal: the trace needs C⁻¹'s diagonal alone, and log det V is the sum of log_var. "
        "torch.linalg.inv, torch.logdet and one sum over the last axis do the rest.",
    ),
)
