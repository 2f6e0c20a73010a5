"""Answers to lesson 01."""

import math

import torch
from einops import einsum, reduce
from torch.distributions import Independent, Normal, kl_divergence


def entropy_by_entr(p):
    return torch.special.entr(p).sum(-1)


def entropy_by_loop(p):
    flat = p.reshape(-1, p.shape[-1])
    values = [sum(-x * math.log(x) for x in row.tolist() if x > 0) for row in flat]
    return torch.tensor(values, dtype=p.dtype).reshape(p.shape[:-1])


def entropy_by_einsum(p):
    logs = torch.where(p > 0, p, torch.ones_like(p)).log()
    return -einsum(p, logs, "... k, ... k -> ...")


def kl_by_xlogy(p, q):
    terms = torch.xlogy(p, p) - torch.xlogy(p, q)
    return terms.sum(-1)


def kl_by_loop(p, q):
    def one(a, b):
        return sum(
            0.0 if x == 0 else math.inf if y == 0 else x * math.log(x / y)
            for x, y in zip(a, b, strict=True)
        )

    rows = zip(
        p.reshape(-1, p.shape[-1]).tolist(), q.reshape(-1, q.shape[-1]).tolist(), strict=True
    )
    return torch.tensor([one(a, b) for a, b in rows], dtype=p.dtype).reshape(p.shape[:-1])


def kl_by_functional(p, q):
    terms = torch.nn.functional.kl_div(q.log(), p, reduction="none")
    return terms.masked_fill(p == 0, 0).sum(-1)


def js_by_kl(p, q):
    mixture = 0.5 * (p + q)
    return 0.5 * kl_by_xlogy(p, mixture) + 0.5 * kl_by_xlogy(q, mixture)


def js_by_loop(p, q):
    mixture = (p + q) / 2
    return (kl_by_loop(p, mixture) + kl_by_loop(q, mixture)) / 2


def js_by_entropy(p, q):
    both = torch.stack([p, q])
    return entropy_by_entr(both.mean(0)) - entropy_by_entr(both).mean(0)


def kl_gaussian_by_std(mean_q, log_var_q, mean_p, log_var_p):
    std_q, std_p = torch.exp(log_var_q / 2), torch.exp(log_var_p / 2)
    per_dim = (std_p / std_q).log() + (std_q**2 + (mean_q - mean_p) ** 2) / (2 * std_p**2) - 0.5
    return per_dim.sum(dim=1)


def kl_gaussian_by_distributions(mean_q, log_var_q, mean_p, log_var_p):
    q = Independent(Normal(mean_q, (0.5 * log_var_q).exp()), 1)
    return kl_divergence(q, Independent(Normal(mean_p, (0.5 * log_var_p).exp()), 1))


def kl_gaussian_by_einops(mean_q, log_var_q, mean_p, log_var_p):
    inverse = torch.exp(-log_var_p)
    terms = log_var_q.exp() * inverse + (mean_p - mean_q).square() * inverse - 1
    return reduce((terms + log_var_p - log_var_q) / 2, "b z -> b", "sum")


def kl_standard_as_published(mean, log_var):
    return -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp(), dim=-1)


def kl_standard_by_expm1(mean, log_var):
    return 0.5 * (mean**2 + torch.expm1(log_var) - log_var).sum(-1)


def kl_standard_from_general(mean, log_var):
    zero = torch.zeros_like(mean)
    return kl_gaussian_by_einops(mean, log_var, zero, zero)


def monte_carlo_samples_last(q, p, samples, generator):
    noise = torch.randn(len(q.mean), samples, generator=generator)
    x = q.mean[:, None] + q.stddev[:, None] * noise
    log_ratio = q.log_prob(x.T).T - p.log_prob(x.T).T
    return log_ratio.mean(1), torch.sqrt(log_ratio.var(1) / samples)


def monte_carlo_by_sums(q, p, samples, generator):
    x = q.mean + q.stddev * torch.randn((samples, *q.batch_shape), generator=generator)
    ratio = (q.log_prob(x) - p.log_prob(x)).double()
    mean = ratio.sum(0) / samples
    variance = (ratio - mean).square().sum(0) / (samples - 1)
    return mean.float(), (variance / samples).sqrt().float()


def monte_carlo_by_loop(q, p, samples, generator):
    estimates, errors = [], []
    for mean_q, std_q, mean_p, std_p in zip(q.mean, q.stddev, p.mean, p.stddev, strict=True):
        x = mean_q + std_q * torch.randn(samples, generator=generator)
        ratio = Normal(mean_q, std_q).log_prob(x) - Normal(mean_p, std_p).log_prob(x)
        estimates.append(ratio.mean())
        errors.append(ratio.std() / math.sqrt(samples))
    return torch.stack(estimates), torch.stack(errors)


RIGHT = {
    "entropy": [entropy_by_entr, entropy_by_loop, entropy_by_einsum],
    "kl_categorical": [kl_by_xlogy, kl_by_loop, kl_by_functional],
    "js_divergence": [js_by_kl, js_by_loop, js_by_entropy],
    "kl_gaussian": [kl_gaussian_by_std, kl_gaussian_by_distributions, kl_gaussian_by_einops],
    "kl_to_standard_normal": [
        kl_standard_as_published,
        kl_standard_by_expm1,
        kl_standard_from_general,
    ],
    "kl_monte_carlo": [monte_carlo_samples_last, monte_carlo_by_sums, monte_carlo_by_loop],
}


def entropy_of_first_axis(p):
    return entropy_by_entr(p.movedim(0, -1))


def gini(p):
    return 1 - p.square().sum(-1)


def one_sum_before_the_log(p):
    return -p.sum(-1).log()


def monte_carlo_by_median(q, p, samples, generator):
    x = q.mean + q.stddev * torch.randn(samples, *q.mean.shape, generator=generator)
    ratio = q.log_prob(x) - p.log_prob(x)
    return ratio.median(0).values, ratio.std(0) / math.sqrt(samples)


def monte_carlo_with_mean_deviation(q, p, samples, generator):
    x = q.mean + q.stddev * torch.randn(samples, *q.mean.shape, generator=generator)
    ratio = q.log_prob(x) - p.log_prob(x)
    return ratio.mean(0), (ratio - ratio.mean(0)).abs().mean(0) / math.sqrt(samples)


def entropy_with_large_epsilon(p):
    return -(p * (p + 1e-3).log()).sum(-1)


def entropy_in_place(p):
    return -p.mul_(p.log()).nan_to_num_().sum(-1)


def kl_without_infinity(p, q):
    return kl_by_xlogy(p, q).nan_to_num(posinf=0.0)


def kl_detached(mean_q, log_var_q, mean_p, log_var_p):
    return kl_gaussian_by_std(mean_q.detach(), log_var_q, mean_p, log_var_p)


def kl_first_dimension(mean_q, log_var_q, mean_p, log_var_p):
    return kl_gaussian_by_std(mean_q, log_var_q, mean_p, log_var_p)[:, None].squeeze(0)


def kl_as_list(mean, log_var):
    return kl_standard_as_published(mean, log_var).tolist()


def kl_in_half_precision(mean, log_var):
    return kl_standard_as_published(mean.half(), log_var.half()).to(mean.dtype)


WRONG = {
    "entropy": [
        entropy_of_first_axis,
        entropy_with_large_epsilon,
        entropy_in_place,
        gini,
        one_sum_before_the_log,
        lambda p: p,
    ],
    "kl_categorical": [
        kl_without_infinity,
        lambda p, q: kl_by_xlogy(p, q).clamp(max=10.0),
        lambda p, q: (p - q).abs().sum(-1),
        lambda p, q: kl_by_xlogy(p, q.clamp(min=1e-12)),
    ],
    "js_divergence": [
        lambda p, q: js_by_kl(p, p),
        lambda p, q: js_by_kl(p, q).clamp(max=0.5),
        lambda p, q: 0.25 * (p - q).abs().sum(-1),
        lambda p, q: None,
    ],
    "kl_gaussian": [
        kl_detached,
        kl_first_dimension,
        lambda *a: kl_gaussian_by_std(*a).numpy(),
        lambda *a: kl_gaussian_by_std(*a).abs() + 1e-3,
        lambda mean_q, log_var_q, mean_p, log_var_p: (mean_q - mean_p).square().sum(-1),
    ],
    "kl_to_standard_normal": [
        kl_as_list,
        kl_in_half_precision,
        lambda mean, log_var: kl_standard_as_published(mean, log_var).detach(),
        lambda mean, log_var: kl_standard_as_published(mean, log_var.tanh()),
    ],
    "kl_monte_carlo": [
        lambda q, p, n, g: kl_divergence(q, p),
        monte_carlo_by_median,
        monte_carlo_with_mean_deviation,
        lambda *a: torch.stack(monte_carlo_by_sums(*a)),
        lambda q, p, n, g: (kl_divergence(q, p), torch.zeros(q.batch_shape)),
        lambda q, p, n, g: monte_carlo_by_sums(q, p, n // 2, g),
        lambda q, p, n, g: tuple(r.unsqueeze(0) for r in monte_carlo_by_sums(q, p, n, g)),
    ],
}
