"""Check of `elbo`. Oracle: log p(x, z) is quadratic in z, so a few points average it exactly."""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from ..declare import Case, Exercise, Misconception
from ..wrong_formulas import (
    BATCH_AVERAGED,
    BATCH_SUMMED,
    LOG_VAR_AS_LOG_STD,
    averaged,
    negated,
    summed,
)
from .linear_gaussian import (
    NOISE_NOT_SQUARED,
    bound_inputs,
    conditioned,
    in_float32,
    squared_noise,
)
from .log_evidence import evidence


def elbo_cases(generator: torch.Generator) -> list[Case]:
    inputs = functools.partial(bound_inputs, generator)

    return [
        Case(inputs(4, 5, 3), gradients=("mean", "log_var")),
        Case(inputs(3, 4, 1), "one latent"),
        Case(inputs(1, 6, 2, noise=1.6), "a batch of one"),
        Case(inputs(2, 3, 2, noise=0.05), "noise_std near 0.05"),
        Case(in_float32(inputs(3, 4, 2)), "in float32"),
    ]


def terms(x, weight, noise_std, mean, log_var) -> tuple[Tensor, Tensor, Tensor]:
    """E log p(x | z), E log p(z) and the entropy of q, each `(B,)`.

    The average of a quadratic over 2Z points, mean ± sqrt(Z) std along each axis, is exact: they
    have the mean and the covariance of q.
    """
    latents = mean.shape[1]
    std = (log_var / 2).exp()
    steps = latents**0.5 * torch.cat([torch.eye(latents), -torch.eye(latents)]).to(x.dtype)
    z = mean[:, None] + std[:, None] * steps  # (B, 2Z, Z)
    likelihood = Normal(z @ weight.T, noise_std).log_prob(x[:, None]).sum(-1).mean(-1)
    prior = Normal(0.0, 1.0).log_prob(z).sum(-1).mean(-1)
    return likelihood, prior, Normal(mean, std).entropy().sum(-1)


def combined(likelihood=1.0, prior=1.0, entropy=1.0):
    """The ELBO with its terms weighed, so that a mistake can change one."""

    def answer(*inputs):
        a, b, c = terms(*inputs)
        return likelihood * a + prior * b + entropy * c

    return answer


elbo = combined()


def trace_of(weight, log_var, noise_std):
    """tr(Wᵀ W V): what q's variance adds to the expected squared error, `(B,)`."""
    return (log_var.exp() * weight.square().sum(0)).sum(-1)


def with_trace(trace):
    """The ELBO with another contribution of q's variance to the expected squared error."""

    def answer(x, weight, noise_std, mean, log_var):
        right = trace_of(weight, log_var, noise_std)
        wrong = trace(weight, log_var, noise_std)
        return elbo(x, weight, noise_std, mean, log_var) + (right - wrong) / (2 * noise_std**2)

    return answer


def with_error(error):
    """The ELBO with `error(x - W mean, noise_std)` in place of the squared error at q's mean."""

    def answer(x, weight, noise_std, mean, log_var):
        residual = x - mean @ weight.T
        change = residual.square().sum(1) - error(residual, noise_std)
        return elbo(x, weight, noise_std, mean, log_var) + change / (2 * noise_std**2)

    return answer


def squares_times(factor):
    """The ELBO whose whole expected square is multiplied by `factor(noise_std)`."""

    def answer(x, weight, noise_std, mean, log_var):
        square = (x - mean @ weight.T).square().sum(1) + trace_of(weight, log_var, noise_std)
        change = (1 - factor(noise_std)) * square / (2 * noise_std**2)
        return elbo(x, weight, noise_std, mean, log_var) + change

    return answer


def with_normalizer(normalizer):
    """The ELBO with `normalizer(x, mean, noise_std)` in place of D/2 log(2π noise_std²)."""

    def answer(x, weight, noise_std, mean, log_var):
        right = x.shape[1] / 2 * log_2pi_variance(noise_std)
        wrong = normalizer(x, mean, noise_std)
        return elbo(x, weight, noise_std, mean, log_var) + right - wrong

    return answer


def log_2pi_variance(noise_std):
    return (2 * torch.pi * noise_std**2).log()


def kl_to_prior(mean, log_var):
    return kl_divergence(Normal(mean, (log_var / 2).exp()), Normal(0.0, 1.0)).sum(-1)


def with_kl(kl):
    """The ELBO with `kl(right value, mean, log_var)` in place of KL(q‖p(z))."""

    def answer(x, weight, noise_std, mean, log_var):
        likelihood, prior, entropy = terms(x, weight, noise_std, mean, log_var)
        return likelihood - kl(-prior - entropy, mean, log_var)

    return answer


def likelihood_averaged(x, weight, noise_std, mean, log_var):
    likelihood, prior, entropy = terms(x, weight, noise_std, mean, log_var)
    return likelihood / x.shape[1] + prior + entropy


def constant_dropped(x, weight, noise_std, mean, log_var):
    log_2pi = torch.tensor(2 * torch.pi, dtype=x.dtype).log()
    return elbo(x, weight, noise_std, mean, log_var) + x.shape[1] / 2 * log_2pi


def all_constants_dropped(x, weight, noise_std, mean, log_var):
    dropped = constant_dropped(x, weight, noise_std, mean, log_var)
    return dropped + x.shape[1] * noise_std.log()


def log_noise_dropped(x, weight, noise_std, mean, log_var):
    return elbo(x, weight, noise_std, mean, log_var) + x.shape[1] * noise_std.log()


def kl_of_latents_averaged(*inputs):
    likelihood, prior, entropy = terms(*inputs)
    return likelihood + (prior + entropy) / inputs[3].shape[1]


def minus_gap(x, weight, noise_std, mean, log_var):
    return elbo(x, weight, noise_std, mean, log_var) - evidence(x, weight, noise_std)


def at_the_best_mean(x, weight, noise_std, mean, log_var):
    return elbo(x, weight, noise_std, conditioned(x, weight, noise_std)[0], log_var)


def by_sampling(x, weight, noise_std, mean, log_var):
    q = Normal(mean, (log_var / 2).exp())
    z = q.sample((100,))
    log_joint = Normal(z @ weight.T, noise_std).log_prob(x).sum(-1)
    log_joint = log_joint + Normal(0.0, 1.0).log_prob(z).sum(-1)
    return (log_joint - q.log_prob(z).sum(-1)).mean(0)


EXERCISE = Exercise(
    name="elbo.elbo",
    signature="(x, weight, noise_std, mean, log_var)",
    unit="nats",
    oracle=elbo,
    cases=elbo_cases,
    misconceptions=(
        Misconception("noise_not_squared", squared_noise(elbo), NOISE_NOT_SQUARED),
        Misconception(
            "kl_added",
            combined(prior=-1.0, entropy=-1.0),
            "The KL was added. It is a price: ELBO = expected log-likelihood minus KL. As it "
            "stands the result can exceed log p(x), and no bound may.",
        ),
        Misconception(
            "sign",
            negated(elbo),
            "This is the loss, the negative ELBO. The bound itself is wanted here.",
        ),
        Misconception(
            "variance_of_q_forgotten",
            with_trace(lambda weight, log_var, s: 0.0),
            "The likelihood was taken at q's mean. Its expectation over q also pays for q's "
            "spread: each latent moves the mean of x by its column of the weight.",
        ),
        Misconception(
            "std_in_the_trace",
            with_trace(
                lambda weight, log_var, s: ((log_var / 2).exp() * weight.square().sum(0)).sum(-1)
            ),
            "The spread of q enters the expected squared error with its standard deviation; it is "
            "the variance, exp(log_var).",
        ),
        Misconception(
            "log_var_in_the_trace",
            with_trace(lambda weight, log_var, s: (log_var * weight.square().sum(0)).sum(-1)),
            "log_var stands in the expected squared error as it is, and may be negative there. The "
            "variance of q is its exponential.",
        ),
        Misconception(
            "trace_not_halved",
            with_trace(lambda *a: 2 * trace_of(*a)),
            "The part of q's variance lacks the 1/2: it belongs to the same expected square as the "
            "error of q's mean, and both are divided by 2 noise_std².",
        ),
        Misconception(
            "trace_not_divided",
            with_trace(lambda *a: 2 * a[2] ** 2 * trace_of(*a)),
            "The part of q's variance was subtracted as it is. It belongs to the expected square, "
            "and the whole of that is divided by 2 noise_std².",
        ),
        Misconception(
            "trace_over_noise_std",
            with_trace(lambda *a: a[2] * trace_of(*a)),
            "The part of q's variance was divided by noise_std. Below an expected square stands "
            "the noise variance.",
        ),
        Misconception(
            "trace_sign",
            with_trace(lambda *a: -trace_of(*a)),
            "The spread of q raises the result. It makes the expected squared error larger, so it "
            "lowers the likelihood.",
        ),
        Misconception(
            "column_length_not_squared",
            with_trace(lambda weight, log_var, s: (log_var.exp() * weight.norm(dim=0)).sum(-1)),
            "Each variance was multiplied by the length of its column of the weight. It is the "
            "squared length.",
        ),
        Misconception(
            "column_averaged",
            with_trace(
                lambda weight, log_var, s: (log_var.exp() * weight.square().mean(0)).sum(-1)
            ),
            "The squares in a column of the weight were averaged. The errors of all D dimensions "
            "add.",
        ),
        Misconception(
            "term_summed_over_the_batch",
            with_error(lambda residual, s: residual.square().sum()),
            "One of the terms was added or averaged over the whole batch before it joined the "
            "others. Every example keeps its own: reduce the last dimension alone.",
            also=(
                with_trace(lambda *a: trace_of(*a).sum()),
                with_kl(lambda kl, mean, log_var: kl.sum()),
                with_kl(lambda kl, mean, log_var: kl.mean()),
                with_error(lambda residual, s: residual.square().sum(1).mean()),
                with_trace(lambda *a: trace_of(*a).mean()),
            ),
        ),
        Misconception(
            "square_not_halved",
            squares_times(lambda s: 2.0),
            "The squared error lacks its factor 1/2: below it stands 2 noise_std².",
            also=(with_error(lambda residual, s: 2 * residual.square().sum(1)),),
        ),
        Misconception(
            "square_over_noise_std",
            squares_times(lambda s: s),
            "The squared error was divided by noise_std. A square is measured in the noise "
            "variance.",
            also=(with_error(lambda residual, s: s * residual.square().sum(1)),),
        ),
        Misconception(
            "error_not_squared",
            with_error(lambda residual, s: residual.norm(dim=1)),
            "The error x - weight · mean was not squared. A Gaussian's exponent has the squared "
            "length.",
            also=(
                with_error(lambda residual, s: residual.abs().sum(1)),
                with_error(lambda residual, s: residual.sum(1)),
            ),
        ),
        Misconception(
            "dimensions_averaged",
            likelihood_averaged,
            "The likelihood was averaged over the D dimensions of x. Their log-likelihoods add, "
            "and only so do they have the unit of the KL.",
            also=(with_error(lambda residual, s: residual.square().mean(1)),),
        ),
        Misconception(
            "normalizer_of_one_dimension",
            with_normalizer(lambda x, mean, s: log_2pi_variance(s) / 2),
            "-1/2 · log(2π noise_std²) is there once. Every one of the D dimensions of x brings "
            "its own.",
        ),
        Misconception(
            "normalizer_counts_latents",
            with_normalizer(lambda x, mean, s: mean.shape[1] / 2 * log_2pi_variance(s)),
            "The normalizer counts latents. The likelihood is a density of x: -1/2 · log(2π "
            "noise_std²) for each of its D dimensions.",
        ),
        Misconception(
            "normalizer_sign",
            with_normalizer(lambda x, mean, s: -x.shape[1] / 2 * log_2pi_variance(s)),
            "The normalizer has the wrong sign: more noise makes a density lower.",
        ),
        Misconception(
            "normalizer_not_halved",
            with_normalizer(lambda x, mean, s: x.shape[1] * log_2pi_variance(s)),
            "The normalizer lacks its 1/2: the density divides by the root of 2π noise_std².",
        ),
        Misconception(
            "normalizer_of_noise_std",
            with_normalizer(lambda x, mean, s: x.shape[1] / 2 * (2 * torch.pi * s).log()),
            "In the normalizer the logarithm is taken of noise_std where it belongs to the "
            "variance.",
        ),
        Misconception(
            "minus_one_forgotten",
            with_kl(lambda kl, mean, log_var: kl + mean.shape[1] / 2),
            "The KL lacks a constant: it must be 0 for mean 0 and log_var 0. kl_to_standard_normal "
            "has it.",
        ),
        Misconception(
            "log_std_in_the_kl",
            with_kl(lambda kl, mean, log_var: kl_to_prior(mean, log_var / 2)),
            "In the KL half of log_var was used as the log-variance. It takes log_var as it is.",
        ),
        Misconception(
            "trace_mixes_latents",
            with_trace(lambda weight, log_var, s: log_var.exp().sum(-1) * weight.square().sum()),
            "The sum of all variances was multiplied by the sum of all squared weights. Each "
            "latent's variance goes with its own column.",
        ),
        Misconception(
            "column_not_squared",
            with_trace(lambda weight, log_var, s: (log_var.exp() * weight.sum(0)).sum(-1)),
            "Each variance goes with the squared length of its column of the weight; here the "
            "column was added up without squares.",
        ),
        Misconception(
            "column_squared_after_the_sum",
            with_trace(lambda weight, log_var, s: (log_var.exp() * weight.sum(0) ** 2).sum(-1)),
            "A column of the weight was added up and then squared. Its squared length is the sum "
            "of the squares: square first.",
        ),
        Misconception(
            "variance_not_through_the_weight",
            with_trace(lambda weight, log_var, s: log_var.exp().sum(-1)),
            "q's variances were added as they are. A latent moves x through the weight, so each "
            "variance counts as often as the squared length of its column says.",
        ),
        Misconception(
            "trace_not_over_noise",
            with_trace(lambda *a: a[2] ** 2 * trace_of(*a)),
            "The part of q's variance is not divided by the noise variance, as the squared error "
            "of the mean is: both belong to one expected square.",
        ),
        Misconception(
            "kl_forgotten",
            combined(prior=0.0, entropy=0.0),
            "This is the expected log-likelihood alone. The KL from q to the prior is missing.",
        ),
        Misconception(
            "entropy_forgotten",
            combined(entropy=0.0),
            "This is E_q[log p(x, z)]. Minus E_q[log q(z)], the entropy of q, is missing: without "
            "it the best q is a single point.",
        ),
        Misconception(
            "entropy_sign",
            combined(entropy=-1.0),
            "The entropy of q has the wrong sign: E_q[log p(x, z) - log q(z)] rewards a wide q.",
        ),
        Misconception(
            "prior_forgotten",
            combined(prior=0.0),
            "E_q[log p(z)] is missing: p(x, z) is the likelihood times the prior.",
        ),
        Misconception(
            "likelihood_counted_twice",
            combined(likelihood=2.0),
            "The log-likelihood counts twice, so the result is no bound on log p(x).",
        ),
        Misconception(
            "kl_not_halved",
            combined(prior=2.0, entropy=2.0),
            "The KL counts twice. kl_to_standard_normal has its 1/2 inside.",
        ),
        Misconception(
            "kl_halved_twice",
            combined(prior=0.5, entropy=0.5),
            "The KL is half of what it should be; kl_to_standard_normal has its 1/2 inside.",
        ),
        Misconception(
            "constant_forgotten",
            constant_dropped,
            "-D/2 · log 2π is missing from the log-likelihood. Without it ELBO and gap do not add "
            "to log p(x).",
        ),
        Misconception(
            "log_noise_forgotten",
            log_noise_dropped,
            "-D · log noise_std is missing from the log-likelihood: it keeps the noise from "
            "growing without end.",
        ),
        Misconception(
            "squared_error_only",
            all_constants_dropped,
            "The log-likelihood is the squared error alone. A Gaussian's log density also has "
            "-1/2 · log(2π noise_std²) for every dimension of x.",
        ),
        Misconception(
            "latents_averaged",
            kl_of_latents_averaged,
            "The KL was averaged over the latents. They are independent, so their divergences add.",
        ),
        Misconception(
            "log_var_read_as_log_std",
            lambda x, weight, noise_std, mean, log_var: elbo(
                x, weight, noise_std, mean, 2 * log_var
            ),
            LOG_VAR_AS_LOG_STD,
        ),
        Misconception(
            "log_evidence_returned",
            lambda x, weight, noise_std, *q: evidence(x, weight, noise_std),
            "This is log p(x) itself, whatever q is. The ELBO lies below it by the gap.",
        ),
        Misconception(
            "minus_the_gap",
            minus_gap,
            "This is minus the gap: log p(x) was subtracted. The ELBO is computed without it.",
        ),
        Misconception(
            "q_replaced",
            at_the_best_mean,
            "The mean that was passed in is not used: the ELBO is wanted for the given q, not for "
            "the posterior's mean.",
        ),
        Misconception("batch_averaged", averaged(elbo), BATCH_AVERAGED),
        Misconception("batch_summed", summed(elbo), BATCH_SUMMED),
        Misconception(
            "sampled",
            by_sampling,
            "An average over draws of z only comes near the ELBO. For Gaussians the average is "
            "known: the closed form needs no draws.",
            drawing=True,
        ),
    ),
    hints=(
        "Two terms: the expected log-likelihood of x under q, and the KL from q to the prior, for "
        "which lesson 01 has the formula.",
        "The expected squared error has two parts: that of q's mean, and q's variance seen through "
        "the weight, one latent at a time.",
        "-D/2 log(2π noise_std²) - (|x - weight mean|² + Σ_j var_j |column j|²) / (2 noise_std²), "
        "minus kl_to_standard_normal(mean, log_var).",
    ),
)
