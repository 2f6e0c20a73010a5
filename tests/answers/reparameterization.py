"""Answers to the exercises of lesson 03."""

import numpy as np
import torch
from einops import einsum
from torch.distributions import AffineTransform, Independent, Normal, TransformedDistribution


def code_by_power(mean, log_var, noise):
    return torch.addcmul(mean, torch.e ** (0.5 * log_var), noise)


def code_by_root(mean, log_var, noise):
    return noise * torch.sqrt(torch.exp(log_var)) + mean


def code_by_transform(mean, log_var, noise):
    return AffineTransform(mean, log_var.mul(0.5).exp())(noise)


def code_by_loop(mean, log_var, noise):
    rows = zip(mean.flatten(), log_var.flatten(), noise.flatten(), strict=True)
    return torch.stack([m + e * (v / 2).exp() for m, v, e in rows]).reshape(mean.shape)


def path_by_backward(function, mean, std, noise):
    mean = mean.clone().requires_grad_()
    std = std.clone().requires_grad_()
    function(mean + std * noise).mean().backward()
    return mean.grad, std.grad


def path_by_slopes(function, mean, std, noise):
    z = (mean + std * noise).requires_grad_()
    (slope,) = torch.autograd.grad(function(z).sum(), z)
    return slope.mean().item(), einsum(slope, noise, "n, n ->").item() / len(noise)


def path_by_jacobian(function, mean, std, noise):
    parameters = torch.stack([mean, std])
    return torch.autograd.functional.jacobian(
        lambda p: function(p[0] + p[1] * noise).mean(), parameters
    )


def path_by_rows(function, mean, std, noise):
    """One copy of the parameters for each draw, as torch.func would see them."""
    means = mean.expand(len(noise)).clone().requires_grad_(True)
    stds = std.expand(len(noise)).clone().requires_grad_(True)
    z = TransformedDistribution(Normal(0.0, 1.0), AffineTransform(means, stds)).transforms[0](noise)
    function(z).sum().backward()
    return [means.grad.mean(), stds.grad.mean()]


def path_on_the_callers_tensors(function, mean, std, noise):
    mean.requires_grad_()
    std.requires_grad_()
    return torch.autograd.grad(function(mean + std * noise).mean(), (mean, std))


def score_by_surrogate(function, mean, std, noise):
    mean, std = mean.clone().requires_grad_(True), std.clone().requires_grad_(True)
    z = (mean + std * noise).detach()
    surrogate = (function(z) * Normal(mean, std).log_prob(z)).mean()
    return torch.autograd.grad(surrogate, (mean, std))


def score_by_distance(function, mean, std, noise):
    with torch.no_grad():
        z = mean + std * noise
        distance = z - mean
        by_std = (distance**2 - std**2) / std**3
        return (function(z) * distance / std**2).mean(), (function(z) * by_std).mean()


def score_by_numpy(function, mean, std, noise):
    values = function(mean + std * noise).numpy()
    e, s = noise.numpy(), float(std)
    by_mean, by_std = np.mean(values * e) / s, np.mean(values * (e * e - 1)) / s
    return torch.tensor(by_mean, dtype=noise.dtype), torch.tensor(by_std, dtype=noise.dtype)


def score_by_loop(function, mean, std, noise):
    totals = torch.zeros(2, dtype=noise.dtype)
    for e in noise:
        value = function((mean + std * e).reshape(1))[0]
        totals += torch.stack([value * e / std, value * (e**2 / std - 1 / std)])
    return totals / len(noise)


def score_with_single_numbers(function, mean, std, noise):
    """One draw at a time, each a scalar of no dimension."""
    by_mean, by_std = [], []
    for e in noise:
        value = function(mean + std * e)
        by_mean.append(value * e / std)
        by_std.append(value * (e**2 - 1) / std)
    return sum(by_mean) / len(noise), sum(by_std) / len(noise)


def weights_left_out(values):
    return values - (values.sum() - values) / (len(values) - 1)


def baseline_by_surrogate(function, mean, std, noise):
    parameters = torch.stack([mean, std]).requires_grad_(True)
    q = Independent(Normal(parameters[0].expand(1), parameters[1].expand(1)), 1)
    z = (mean + std * noise).detach()
    surrogate = weights_left_out(function(z)) @ q.log_prob(z[:, None]) / len(z)
    return tuple(torch.autograd.grad(surrogate, parameters)[0])


def baseline_by_covariance(function, mean, std, noise):
    """The estimate is the unbiased sample covariance of f and the score."""
    values = function(mean + std * noise)
    by_mean = torch.cov(torch.stack([values, noise / std]))[0, 1]
    return by_mean, torch.cov(torch.stack([values, (noise**2 - 1) / std]))[0, 1]


def baseline_by_matrix(function, mean, std, noise):
    values, count = function(mean + std * noise), len(noise)
    others = (1 - torch.eye(count, dtype=noise.dtype)) / (count - 1)
    weights = values - others @ values
    scores = torch.stack([noise, noise.square() - 1]) / std
    by_mean, by_std = scores @ weights / count
    return by_mean, by_std


def baseline_by_loop(function, mean, std, noise):
    values = function(mean + std * noise)
    terms = []
    for i in range(len(noise)):
        others = torch.cat([values[:i], values[i + 1 :]]).mean()
        scores = torch.stack([noise[i] / std, (noise[i] ** 2 - 1) / std])
        terms.append((values[i] - others) * scores)
    return torch.stack(terms).mean(0)


def baseline_with_single_numbers(function, mean, std, noise):
    values = [function(mean + std * e) for e in noise]
    weights = [v - (sum(values) - v) / (len(values) - 1) for v in values]
    by_mean = sum(w * e for w, e in zip(weights, noise, strict=True))
    by_std = sum(w * (e**2 - 1) for w, e in zip(weights, noise, strict=True))
    return by_mean / std / len(noise), by_std / std / len(noise)


def baseline_with_any_constant_in_the_score(function, mean, std, noise):
    """The weights add to 0, so that the score's own constant does not matter."""
    weights = weights_left_out(function(mean + std * noise))
    return (weights * noise / std).mean(), (weights * noise**2 / std).mean()


RIGHT = {
    "reparameterize": [code_by_power, code_by_root, code_by_transform, code_by_loop],
    "pathwise_gradient": [
        path_by_backward,
        path_by_slopes,
        path_by_jacobian,
        path_by_rows,
    ],
    "score_function_gradient": [
        score_by_surrogate,
        score_by_distance,
        score_by_numpy,
        score_by_loop,
        score_with_single_numbers,
    ],
    "baseline": [
        baseline_by_surrogate,
        baseline_by_covariance,
        baseline_by_matrix,
        baseline_by_loop,
        baseline_with_single_numbers,
        baseline_with_any_constant_in_the_score,
    ],
}


def code_one_noise_for_all(mean, log_var, noise):
    return code_by_power(mean, log_var, noise.flatten()[0])


def code_in_place(mean, log_var, noise):
    return noise.mul_((log_var / 2).exp()).add_(mean)


def path_with_noise_of_its_own(function, mean, std, noise):
    return path_by_slopes(function, mean, std, torch.randn_like(noise))


def path_of_the_square(function, mean, std, noise):
    return path_by_slopes(lambda z: function(z) ** 2, mean, std, noise)


def score_with_noise_of_its_own(function, mean, std, noise):
    return score_by_distance(function, mean, std, torch.randn_like(noise))


def score_on_the_callers_tensors(function, mean, std, noise):
    mean.requires_grad_()
    std.requires_grad_()
    z = (mean + std * noise).detach()
    return torch.autograd.grad((function(z) * Normal(mean, std).log_prob(z)).mean(), (mean, std))


def score_of_one_more(function, mean, std, noise):
    return tuple(
        v * len(noise) / (len(noise) + 1) for v in score_by_loop(function, mean, std, noise)
    )


def score_in_float32(function, mean, std, noise):
    return tuple(value.float() for value in score_by_distance(function, mean, std, noise))


def baseline_of_the_score(function, mean, std, noise):
    """The mean was taken off the score, and only off the score."""
    values = function(mean + std * noise)
    scores = torch.stack([noise, noise**2 - 1]) / std
    return (values * (scores - scores.mean(1, keepdim=True))).mean(1)


def baseline_of_the_products(function, mean, std, noise):
    """The mean was taken off f times the score, so that nothing is left."""
    values = function(mean + std * noise)
    products = values * torch.stack([noise, noise**2 - 1]) / std
    return (products - products.mean(1, keepdim=True)).mean(1)


def path_with_std_cut_off(function, mean, std, noise):
    mean, std = mean.clone().requires_grad_(), std.clone().requires_grad_()
    return torch.autograd.grad(function(mean + std.detach() * noise).mean(), (mean, std))


def path_from_sampled_draws(function, mean, std, noise):
    mean, std = mean.clone().requires_grad_(), std.clone().requires_grad_()
    return torch.autograd.grad(function(Normal(mean, std).sample(noise.shape)).mean(), (mean, std))


def score_without_leaves(function, mean, std, noise):
    z = mean + std * noise
    surrogate = (function(z) * Normal(mean, std).log_prob(z)).mean()
    return torch.autograd.grad(surrogate, (mean, std))


def score_of_shifted_noise(function, mean, std, noise):
    return score_by_distance(function, mean, std, mean + std * noise)


def baseline_through_f(function, mean, std, noise):
    """f was not held fixed; where it is no function of torch's, autograd complains."""
    mean, std = mean.clone().requires_grad_(), std.clone().requires_grad_()
    z = mean + std * noise
    log_q = Normal(mean, std).log_prob(z.detach())
    return torch.autograd.grad((weights_left_out(function(z)) * log_q).mean(), (mean, std))


def baseline_short_slice(function, mean, std, noise):
    """The slice of the others ends one too early."""
    values = function(mean + std * noise)
    rest = [torch.cat([values[:i], values[i + 1 : -1]]) for i in range(len(values))]
    weights = values - torch.stack([r.mean() if len(r) else values[0] for r in rest])
    return (weights * noise / std).mean(), (weights * (noise**2 - 1) / std).mean()


def baseline_by_half(function, mean, std, noise):
    values = function(mean + std * noise)
    return score_by_distance(lambda z: function(z) - values.mean() / 2, mean, std, noise)


WRONG = {
    "reparameterize": [
        code_one_noise_for_all,
        code_in_place,
        lambda mean, log_var, noise: mean + (log_var / 2).exp() @ noise,
        lambda mean, log_var, noise: code_by_power(mean, log_var, noise).mean(0),
        lambda mean, log_var, noise: (mean, log_var, noise),
        lambda mean, log_var, noise: code_by_power(mean, log_var, noise).numpy(),
        lambda mean, log_var, noise: code_by_power(mean, log_var, noise).double(),
        lambda mean, log_var, noise: None,
    ],
    "pathwise_gradient": [
        path_on_the_callers_tensors,
        path_with_noise_of_its_own,
        path_of_the_square,
        path_with_std_cut_off,
        path_from_sampled_draws,
        lambda f, mean, std, noise: path_by_slopes(f, mean, std, noise)[0],
        lambda f, mean, std, noise: path_by_slopes(f, mean, std, noise.abs()),
        lambda f, mean, std, noise: path_by_slopes(f, mean, std, noise[:1]),
        lambda f, mean, std, noise: f(mean + std * noise).mean().backward(),
        lambda f, mean, std, noise: None,
    ],
    "score_function_gradient": [
        score_on_the_callers_tensors,
        score_of_one_more,
        score_with_noise_of_its_own,
        score_in_float32,
        score_without_leaves,
        score_of_shifted_noise,
        baseline_by_matrix,
        lambda f, mean, std, noise: score_by_distance(f, mean, std, noise)[1],
        lambda f, mean, std, noise: score_by_distance(f, mean, std, noise[: len(noise) // 2 + 1]),
        lambda f, mean, std, noise: [v.reshape(1) for v in score_by_distance(f, mean, std, noise)],
        lambda f, mean, std, noise: 0.5,
    ],
    "baseline": [
        baseline_by_half,
        baseline_through_f,
        baseline_short_slice,
        baseline_of_the_products,
        baseline_of_the_score,
        lambda f, mean, std, noise: baseline_by_matrix(f, mean, std, noise.flip(0) * 1.1),
        lambda f, mean, std, noise: (*baseline_by_matrix(f, mean, std, noise), 0.0),
        lambda f, mean, std, noise: baseline_by_matrix(f, mean, std, noise)[:1],
        lambda f, mean, std, noise: baseline_by_matrix(f, mean, std, 2 * noise),
        lambda f, mean, std, noise: None,
    ],
}
