"""Answers to lesson 02."""

import math

import numpy as np
import torch
from einops import einsum, rearrange, reduce
from torch.distributions import (
    Independent,
    MultivariateNormal,
    Normal,
    kl_divergence,
)

# ----------------------------------------------------------------- right answers


def covariance_of(weight, noise_std):
    return weight @ weight.T + noise_std**2 * torch.eye(len(weight), dtype=weight.dtype)


def evidence_by_distribution(x, weight, noise_std):
    mean = torch.zeros(len(weight), dtype=x.dtype)
    return MultivariateNormal(mean, covariance_of(weight, noise_std)).log_prob(x)


def evidence_by_slogdet(x, weight, noise_std):
    covariance = covariance_of(weight, noise_std)
    squares = einsum(x, torch.linalg.inv(covariance), x, "b i, i j, b j -> b")
    log_det = torch.linalg.slogdet(covariance).logabsdet
    return -0.5 * (x.shape[1] * math.log(2 * math.pi) + log_det + squares)


def evidence_by_small_matrix(x, weight, noise_std):
    """Woodbury and the matrix determinant lemma: all in Z dimensions."""
    (dim, latents), variance = weight.shape, noise_std**2
    small = weight.T @ weight + variance * torch.eye(latents, dtype=x.dtype)
    squares = x.square().sum(1) - (x @ weight @ torch.linalg.inv(small) * (x @ weight)).sum(1)
    log_det = torch.logdet(small) + (dim - latents) * variance.log()
    return -0.5 * (dim * math.log(2 * math.pi) + log_det + squares / variance)


def evidence_by_eigenvectors(x, weight, noise_std):
    values, vectors = torch.linalg.eigh(covariance_of(weight, noise_std))
    return Normal(0.0, values.sqrt()).log_prob(x @ vectors).sum(dim=-1)


def evidence_by_loop(x, weight, noise_std):
    factor = torch.linalg.cholesky(covariance_of(weight, noise_std))
    results = []
    for row in x:
        y = torch.linalg.solve_triangular(factor, row[:, None], upper=False)[:, 0]
        results.append(Normal(0.0, 1.0).log_prob(y).sum() - factor.diagonal().log().sum())
    return torch.stack(results)


def posterior_by_conditioning(x, weight, noise_std):
    gain = weight.T @ torch.linalg.inv(covariance_of(weight, noise_std))
    return x @ gain.T, torch.eye(weight.shape[1], dtype=x.dtype) - gain @ weight


def posterior_as_bishop(x, weight, noise_std):
    inner = weight.T @ weight + noise_std**2 * torch.eye(weight.shape[1], dtype=x.dtype)
    return torch.linalg.solve(inner, weight.T @ x.T).T, noise_std**2 * torch.linalg.inv(inner)


def posterior_by_cholesky(x, weight, noise_std):
    eye = torch.eye(weight.shape[1], dtype=x.dtype)
    factor = torch.linalg.cholesky(eye + einsum(weight, weight, "d i, d j -> i j") / noise_std**2)
    mean = torch.cholesky_solve(rearrange(x @ weight, "b z -> z b") / noise_std**2, factor)
    return rearrange(mean, "z b -> b z"), torch.cholesky_inverse(factor)


def posterior_one_at_a_time(x, weight, noise_std):
    """Every observed number is one more measurement of z."""
    precision = torch.eye(weight.shape[1], dtype=x.dtype)
    linear = torch.zeros(len(x), weight.shape[1], dtype=x.dtype)
    for column, row in zip(x.T, weight, strict=True):
        precision = precision + torch.outer(row, row) / noise_std**2
        linear = linear + torch.outer(column, row) / noise_std**2
    covariance = precision.inverse()
    return linear @ covariance, covariance


def elbo_by_terms(x, weight, noise_std, mean, log_var):
    variance = noise_std**2
    error = (x - mean @ weight.T).square().sum(1) + log_var.exp() @ weight.square().sum(0)
    likelihood = -0.5 * (x.shape[1] * torch.log(2 * math.pi * variance) + error / variance)
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
    return likelihood - kl


def elbo_by_distributions(x, weight, noise_std, mean, log_var):
    q = Independent(Normal(mean, torch.exp(0.5 * log_var)), 1)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    at_mean = Independent(Normal(mean @ weight.T, noise_std), 1).log_prob(x)
    spread = reduce(q.variance[:, None] * weight**2, "b d z -> b", "sum")
    return at_mean - spread / (2 * noise_std**2) - kl_divergence(q, prior)


def elbo_as_evidence_minus_gap(x, weight, noise_std, mean, log_var):
    gap = gap_by_distributions(x, weight, noise_std, mean, log_var)
    return evidence_by_distribution(x, weight, noise_std) - gap


def elbo_by_loop(x, weight, noise_std, mean, log_var):
    inner = weight.T @ weight
    values = []
    for row, m, v in zip(x, mean, log_var.exp(), strict=True):
        second = torch.outer(m, m) + torch.diag(v)
        error = row @ row - 2 * row @ weight @ m + torch.trace(inner @ second)
        log_joint = -0.5 * error / noise_std**2 - len(row) * torch.log(noise_std)
        log_joint = log_joint - 0.5 * torch.trace(second)
        log_joint = log_joint - 0.5 * (len(row) + len(m)) * math.log(2 * math.pi)
        values.append(log_joint + 0.5 * torch.log(2 * math.pi * math.e * v).sum())
    return torch.stack(values)


def gap_by_distributions(x, weight, noise_std, mean, log_var):
    there, covariance = posterior_by_cholesky(x, weight, noise_std)
    q = MultivariateNormal(mean, torch.diag_embed(log_var.exp()))
    p = MultivariateNormal(there, covariance.expand(len(x), -1, -1))
    return kl_divergence(q, p)


def gap_as_difference(x, weight, noise_std, mean, log_var):
    bound = elbo_by_terms(x, weight, noise_std, mean, log_var)
    return evidence_by_distribution(x, weight, noise_std) - bound


def gap_by_terms(x, weight, noise_std, mean, log_var):
    eye = torch.eye(weight.shape[1], dtype=x.dtype)
    precision = eye + weight.T @ weight / noise_std**2
    distance = mean - x @ weight @ torch.linalg.inv(precision) / noise_std**2
    squares = einsum(distance, precision, distance, "b i, i j, b j -> b")
    trace = (precision.diagonal() * log_var.exp() - log_var - 1).sum(dim=1)
    return (squares + trace - torch.logdet(precision)) / 2


def gap_by_loop(x, weight, noise_std, mean, log_var):
    there, covariance = posterior_by_conditioning(x, weight, noise_std)
    values = []
    for m, v, mu in zip(mean, log_var, there, strict=True):
        cross = -MultivariateNormal(mu, covariance).log_prob(m)
        cross = cross + 0.5 * torch.trace(torch.linalg.solve(covariance, torch.diag(v.exp())))
        values.append(cross - 0.5 * (v + math.log(2 * math.pi * math.e)).sum())
    return torch.stack(values)


def bound_by_logsumexp(log_weights):
    return log_weights.logsumexp(dim=0) - math.log(log_weights.shape[0])


def bound_by_hand(log_weights):
    highest = log_weights.max(dim=0, keepdim=True).values
    return (log_weights - highest).exp().mean(dim=0).log() + highest.squeeze(0)


def bound_by_einops(log_weights):
    count = torch.tensor(float(len(log_weights)), dtype=log_weights.dtype)
    return torch.logsumexp(rearrange(log_weights, "k b -> b k") - count.log(), dim=-1)


def bound_by_columns(log_weights):
    columns = [torch.logsumexp(column, 0) for column in log_weights.unbind(dim=1)]
    return torch.stack(columns) - np.log(len(log_weights))


def em_by_moments(x, weight, noise_std):
    mean, covariance = posterior_as_bishop(x, weight, noise_std)
    second = mean.T @ mean + len(x) * covariance
    new = x.T @ mean @ torch.linalg.inv(second)
    error = x.square().sum() - 2 * (x * (mean @ new.T)).sum() + torch.trace(new.T @ new @ second)
    return new, (error / x.numel()).sqrt()


def em_as_published(x, weight, noise_std):
    """Tipping and Bishop (1999): the two updates from the sample covariance."""
    sample = x.T @ x / len(x)
    eye = torch.eye(weight.shape[1], dtype=x.dtype)
    inner_inverse = torch.linalg.inv(weight.T @ weight + noise_std**2 * eye)
    product = sample @ weight
    inner = noise_std**2 * eye + inner_inverse @ weight.T @ product
    new = product @ torch.linalg.inv(inner)
    return new, (torch.trace(sample - product @ inner_inverse @ new.T) / x.shape[1]).sqrt()


def em_by_loop(x, weight, noise_std):
    means, covariance = posterior_by_conditioning(x, weight, noise_std)
    second = sum(torch.outer(m, m) + covariance for m in means)
    cross = sum(torch.outer(row, m) for row, m in zip(x, means, strict=True))
    new = torch.linalg.solve(second, cross.T).T
    total = 0.0
    for row, m in zip(x, means, strict=True):
        total += (row - new @ m).square().sum() + torch.trace(new @ covariance @ new.T)
    return new, torch.sqrt(total / x.numel())


def em_with_a_number(x, weight, noise_std):
    new, noise = em_as_published(x - x.mean(0), weight, noise_std)
    return new, noise.item()


RIGHT = {
    "log_evidence": [
        evidence_by_distribution,
        evidence_by_slogdet,
        evidence_by_small_matrix,
        evidence_by_eigenvectors,
        evidence_by_loop,
    ],
    "posterior": [
        posterior_by_conditioning,
        posterior_as_bishop,
        posterior_by_cholesky,
        posterior_one_at_a_time,
    ],
    "elbo": [elbo_by_terms, elbo_by_distributions, elbo_as_evidence_minus_gap, elbo_by_loop],
    "elbo_gap": [gap_by_distributions, gap_as_difference, gap_by_terms, gap_by_loop],
    "importance_bound": [bound_by_logsumexp, bound_by_hand, bound_by_einops, bound_by_columns],
    "em_step": [em_by_moments, em_as_published, em_by_loop, em_with_a_number],
}

# ----------------------------------------------------------------- wrong answers


def evidence_of_first_example(x, weight, noise_std):
    return evidence_by_distribution(x[:1], weight, noise_std).expand(len(x))


def evidence_with_jitter(x, weight, noise_std):
    return evidence_by_slogdet(x, weight, (noise_std**2 + 1e-6).sqrt())


def evidence_summed_over_dimensions(x, weight, noise_std):
    factor = torch.linalg.cholesky(covariance_of(weight, noise_std))
    y = torch.linalg.solve_triangular(factor, x.T, upper=False)
    return -factor.diagonal().log().sum() - y.square().sum(1) / 2


def posterior_in_data_space(x, weight, noise_std):
    """weight weightᵀ where weightᵀ weight belongs."""
    covariance = torch.linalg.inv(torch.eye(len(weight)).to(x) + weight @ weight.T / noise_std**2)
    return x @ covariance @ weight / noise_std**2, covariance


def bound_of_two_draws(log_weights):
    return torch.logaddexp(log_weights[0], log_weights[-1]) - math.log(2)


def bound_with_levels_of_draws(log_weights):
    """Each draw's largest over the batch taken out, and their mean put back."""
    levels = log_weights.amax(1, keepdim=True)
    return (log_weights - levels).exp().mean(0).log() + levels.mean()


def em_by_residuals(x, weight, noise_std):
    new, _ = em_by_moments(x, weight, noise_std)
    return new, (x - posterior_as_bishop(x, weight, noise_std)[0] @ new.T).std()


def em_by_gradient(x, weight, noise_std):
    return weight + 0.1 * (x - x @ weight @ weight.T).T @ (x @ weight) / len(x), noise_std


def posterior_in_place(x, weight, noise_std):
    mean, covariance = posterior_as_bishop(x, weight.div_(noise_std), torch.ones_like(noise_std))
    return mean / noise_std, covariance


def elbo_by_sampling(x, weight, noise_std, mean, log_var):
    z = mean + (log_var / 2).exp() * torch.randn(1000, *mean.shape, dtype=x.dtype)
    log_joint = Normal(z @ weight.T, noise_std).log_prob(x).sum(-1)
    log_joint = log_joint + Normal(0.0, 1.0).log_prob(z).sum(-1)
    return (log_joint - Normal(mean, (log_var / 2).exp()).log_prob(z).sum(-1)).mean(0)


def elbo_detached(x, weight, noise_std, mean, log_var):
    return elbo_by_terms(x, weight, noise_std, mean, log_var.detach())


def bound_without_gradient(log_weights):
    return bound_by_logsumexp(log_weights.detach())


def bound_detaching_the_level(log_weights):
    highest = log_weights.amax(0)
    return (log_weights - highest).exp().mean(0).log() + highest.detach()


def bound_in_place(log_weights):
    highest = log_weights.amax(0)
    log_weights -= highest
    return log_weights.exp().mean(0).log() + highest


def em_twice(x, weight, noise_std):
    return em_by_moments(x, *em_by_moments(x, weight, noise_std))


def em_damped(x, weight, noise_std):
    new, noise = em_by_moments(x, weight, noise_std)
    return (new + weight) / 2, (noise + noise_std) / 2


def em_in_place(x, weight, noise_std):
    new, noise = em_by_moments(x, weight, noise_std)
    weight.copy_(new)
    return weight, noise


WRONG = {
    "log_evidence": [
        evidence_of_first_example,
        lambda x, weight, noise_std: evidence_by_slogdet(x - x.mean(0), weight, noise_std),
        lambda x, weight, noise_std: evidence_by_slogdet(x, weight, noise_std)[:, None],
        lambda x, weight, noise_std: evidence_by_slogdet(x, weight, noise_std).float().double(),
        lambda x, weight, noise_std: evidence_by_slogdet(x, weight, noise_std).tolist(),
        lambda x, weight, noise_std: evidence_by_slogdet(x, weight, noise_std + 1e-3),
        evidence_with_jitter,
        evidence_summed_over_dimensions,
        lambda x, weight, noise_std: evidence_by_slogdet(x, weight.T, noise_std),
        lambda x, weight, noise_std: None,
    ],
    "posterior": [
        posterior_in_place,
        posterior_in_data_space,
        lambda *a: posterior_as_bishop(*a)[0],
        lambda *a: (posterior_as_bishop(*a)[0], posterior_as_bishop(*a)[1].numpy()),
        lambda *a: (-posterior_as_bishop(*a)[0], posterior_as_bishop(*a)[1]),
        lambda *a: (posterior_as_bishop(*a)[0].mean(0), posterior_as_bishop(*a)[1]),
        lambda x, weight, noise_std: posterior_as_bishop(x, weight, noise_std + 0.01),
    ],
    "elbo": [
        elbo_by_sampling,
        elbo_detached,
        lambda *a: (elbo_by_terms(*a), torch.zeros(len(a[0]))),
        lambda *a: elbo_by_terms(*a) - 1e-3,
        lambda x, weight, noise_std, mean, log_var: elbo_by_terms(
            x, weight, noise_std, mean, log_var.clamp(-1, 1)
        ),
        lambda x, weight, noise_std, mean, log_var: elbo_by_terms(
            x, weight, noise_std, mean, 0 * log_var
        ),
    ],
    "elbo_gap": [
        lambda *a: gap_by_terms(*a).clamp(max=2.0),
        lambda *a: gap_by_terms(*a)[:, None],
        lambda *a: gap_by_terms(*a).sqrt(),
        lambda *a: torch.zeros(len(a[0]), dtype=a[0].dtype),
        lambda x, weight, noise_std, mean, log_var: gap_by_terms(
            0 * x, weight, noise_std, mean, log_var
        ),
    ],
    "importance_bound": [
        bound_without_gradient,
        bound_detaching_the_level,
        bound_in_place,
        bound_of_two_draws,
        bound_with_levels_of_draws,
        lambda log_weights: bound_by_logsumexp(log_weights.clamp(-500, 500)),
        lambda log_weights: bound_by_logsumexp(log_weights[:-1]),
        lambda log_weights: bound_by_logsumexp(log_weights).tolist(),
        lambda log_weights: bound_by_logsumexp(log_weights)[None],
    ],
    "em_step": [
        em_twice,
        em_damped,
        em_in_place,
        em_by_residuals,
        em_by_gradient,
        lambda *a: em_by_moments(*a)[0],
        lambda *a: (*em_by_moments(*a), torch.zeros(())),
        lambda x, weight, noise_std: (weight, noise_std),
        lambda x, weight, noise_std: (em_by_moments(x, weight, noise_std)[0].neg(), noise_std),
        lambda x, weight, noise_std: em_by_moments(x[1:], weight, noise_std),
    ],
}
