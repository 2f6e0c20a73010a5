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


def with_shift(shift):
    """The gap with `shift(distance of the means, precision)` as its squared distance, `(B,)`."""

    def answer(x, weight, noise_std, mean, log_var):
        there, covariance = conditioned(x, weight, noise_std)
        rest = in_parts(shift=0.0)(x, weight, noise_std, mean, log_var)
        return rest + shift(mean - there, torch.linalg.inv(covariance)) / 2

    return answer


def with_log_dets(log_dets):
    """The gap with `log_dets(precision, log_var)` as log det(P V), `(B,)`."""

    def answer(x, weight, noise_std, mean, log_var):
        precision = torch.linalg.inv(conditioned(x, weight, noise_std)[1])
        rest = in_parts(log_det=0.0)(x, weight, noise_std, mean, log_var)
        return rest - log_dets(precision, log_var) / 2

    return answer


def squared_length(distance, precision):
    return (distance @ precision * distance).sum(-1)


def with_std_as_variance(x, weight, noise_std, mean, log_var):
    return gap(x, weight, noise_std, mean, log_var / 2)


def covariance_in_one_place():
    return (
        with_trace(lambda variance, c: (variance * c.diagonal()).sum(-1)),
        with_shift(lambda d, p: squared_length(d, torch.linalg.inv(p))),
        lambda *a: precision_as_covariance(*a) - torch.logdet(conditioned(*a[:3])[1]),
    )


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
            also=(to_diagonal(lambda c: c.diagonal() ** 2),),
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
            also=covariance_in_one_place(),
        ),
        Misconception(
            "diagonal_in_the_shift",
            with_shift(lambda d, p: squared_length(d, torch.diag(p.diagonal()))),
            "The squared distance of the means was measured by a diagonal alone. The posterior is "
            "tilted: a step along both latents may cost far less, or more, than the two steps "
            "apart, so the whole precision counts.",
            also=(with_shift(lambda d, p: (d.square() / torch.linalg.inv(p).diagonal()).sum(-1)),),
        ),
        Misconception(
            "diagonal_in_the_log_det",
            with_log_dets(lambda p, log_var: p.diagonal().log().sum() + log_var.sum(-1)),
            "The posterior's log-determinant was taken of a diagonal alone. The posterior is "
            "tilted, so the determinant of the whole matrix counts.",
            also=(
                with_log_dets(
                    lambda p, log_var: log_var.sum(-1) - torch.linalg.inv(p).diagonal().log().sum()
                ),
            ),
        ),
        Misconception(
            "plain_distance",
            with_shift(lambda d, p: d.square().sum(-1)),
            "The squared distance of the means was not measured by the posterior's precision: a "
            "step costs more where the posterior is narrow.",
        ),
        Misconception(
            "term_summed_over_the_batch",
            with_shift(lambda d, p: squared_length(d, p).sum()),
            "Examples were mixed: one of the terms is added over the batch, or multiplies one "
            "example's distance by another's. Reduce the last dimension alone.",
            also=(
                with_shift(lambda d, p: (d @ p @ d.T).sum(-1)),
                with_log_dets(lambda p, log_var: torch.logdet(p) + log_var.sum()),
                with_trace(lambda variance, c: (variance * torch.linalg.inv(c).diagonal()).sum()),
            ),
        ),
        Misconception(
            "distance_not_squared",
            with_shift(lambda d, p: (d @ p).sum(-1)),
            "The distance of the means enters once. It is a square: the distance stands on both "
            "sides of the precision.",
            also=(with_shift(lambda d, p: squared_length(d, p).sqrt()),),
        ),
        Misconception(
            "log_var_in_the_trace",
            lambda *a: (
                in_parts(trace=0.0)(*a)
                + (a[4] @ torch.linalg.inv(conditioned(*a[:3])[1]).diagonal()) / 2
            ),
            "log_var stands in the trace as it is. The variance of q is its exponential.",
        ),
        Misconception(
            "std_in_the_trace",
            with_trace(
                lambda variance, c: (variance.sqrt() * torch.linalg.inv(c).diagonal()).sum(-1)
            ),
            "q's standard deviations stand in the trace. It holds variances, exp(log_var).",
        ),
        Misconception(
            "log_std_for_log_var",
            with_log_dets(lambda p, log_var: torch.logdet(p) + log_var.sum(-1) / 2),
            "The log-determinant of q was halved: q's covariance has variances on its diagonal, so "
            "its log-determinant is the sum of log_var.",
        ),
        Misconception(
            "std_as_variance",
            with_std_as_variance,
            "q's standard deviations were used as its variances. A covariance matrix holds "
            "variances, exp(log_var).",
        ),
        Misconception(
            "product_of_sums",
            with_trace(lambda variance, c: variance.sum(-1) * torch.linalg.inv(c).trace()),
            "The sum of q's variances was multiplied by the trace of the precision. Each variance "
            "goes with its own entry.",
        ),
        Misconception(
            "dimensions_subtracted",
            lambda *a: in_parts(minus=a[0].shape[1] / a[3].shape[1])(*a),
            "D was subtracted. The divergence is one between distributions of z, and each of the Z "
            "latents brings -1.",
        ),
        Misconception(
            "examples_subtracted",
            lambda *a: in_parts(minus=len(a[0]) / a[3].shape[1])(*a),
            "The number of examples was subtracted. Each of the Z latents brings -1.",
        ),
        Misconception(
            "determinant_without_logarithm",
            with_log_dets(lambda p, log_var: torch.linalg.det(p) + log_var.sum(-1)),
            "The determinant stands there without its logarithm.",
            also=(with_log_dets(lambda p, log_var: log_var.sum(-1) - 1 / torch.linalg.det(p)),),
        ),
        Misconception(
            "x_plays_no_part",
            lambda x, *rest: gap(0 * x, *rest),
            "x plays no part: the distance is taken from q's mean to 0. It goes to the posterior's "
            "mean, another one for each x.",
        ),
        Misconception(
            "distance_added",
            lambda x, *rest: gap(-x, *rest),
            "The two means were added where their difference belongs.",
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
