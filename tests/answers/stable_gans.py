"""Answers to lesson 11."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


# modes_covered
def modes_by_loop(samples, centers, radius, at_least):
    counts = [0] * len(centers)
    for sample in samples:
        distance = (centers - sample).norm(dim=1)
        if distance.min() <= radius:
            counts[int(distance.argmin())] += 1
    return sum(c >= at_least for c in counts), sum(counts) / len(samples)


def modes_in_numpy(samples, centers, radius, at_least):
    s, c = samples.double().numpy(), centers.double().numpy()
    distance = np.sqrt(((s[:, None] - c[None]) ** 2).sum(-1))
    good = distance.min(1) <= radius
    found = [(good & (distance.argmin(1) == k)).sum() >= at_least for k in range(len(c))]
    return np.sum(found), good.mean()


def modes_by_one_hot(samples, centers, radius, at_least):
    distance = torch.cdist(samples, centers)
    own = F.one_hot(distance.argmin(dim=1), len(centers)) * (distance <= radius)
    return torch.tensor([(own.sum(0) >= at_least).sum(), own.sum() / len(samples)])


# clip_gradient_norm
def clip_by_torch(parameters, max_norm):
    return nn.utils.clip_grad_norm_(parameters, max_norm)


def clip_by_vector(parameters, max_norm):
    parameters = [p for p in parameters if p.grad is not None]
    norm = torch.cat([p.grad.flatten() for p in parameters]).norm().item()
    if norm > max_norm:
        for p in parameters:
            p.grad = p.grad * (max_norm / norm)
    return norm


def clip_by_squares(parameters, max_norm):
    grads = [p.grad for p in list(parameters) if p.grad is not None]
    total = math.sqrt(sum(float((g * g).sum()) for g in grads))
    for g in grads:
        g /= max(1.0, total / max_norm)
    return torch.tensor(total)


# critic_loss, wasserstein_generator_loss
def critic_by_sums(real_scores, fake_scores):
    return fake_scores.sum() / fake_scores.numel() - real_scores.sum() / len(real_scores)


def critic_by_negation(real_scores, fake_scores):
    return -(torch.mean(real_scores) - torch.mean(fake_scores))


def generator_by_negation(fake_scores):
    return (-fake_scores).mean()


def generator_by_sum(fake_scores):
    return -fake_scores.sum() / len(fake_scores)


# gradient_penalty
def penalty_by_lerp(critic, real, fake, mix):
    t = mix[(...,) + (None,) * (real.dim() - 1)]
    x = torch.lerp(fake, real, t).requires_grad_(True)
    out = critic(x)
    grad = torch.autograd.grad(out, x, torch.ones_like(out), create_graph=True, retain_graph=True)
    norm = grad[0].reshape(len(real), -1).norm(2, dim=1)
    return ((norm - 1) ** 2).mean()


def penalty_by_loop(critic, real, fake, mix):
    total = 0.0
    for r, f, m in zip(real, fake, mix, strict=True):
        x = (f + m * (r - f))[None].requires_grad_(True)
        (grad,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        total = total + (grad.pow(2).sum().sqrt() - 1) ** 2
    return total / len(real)


def penalty_by_func(critic, real, fake, mix):
    from torch.func import grad, vmap

    x = fake + mix.reshape(-1, *[1] * (real.ndim - 1)) * (real - fake)
    slopes = vmap(grad(lambda one: critic(one[None])[0]))(x)
    return (slopes.flatten(1).norm(dim=1) - 1).pow(2).mean()


# r1_penalty
def r1_by_sum(real_logits, real):
    grad = torch.autograd.grad(real_logits.sum(), [real], create_graph=True)[0]
    return grad.pow(2).reshape(grad.shape[0], -1).sum(1).mean()


def r1_by_total(real_logits, real):
    ones = torch.ones_like(real_logits)
    (grad,) = torch.autograd.grad(real_logits, real, ones, create_graph=True)
    return (grad * grad).sum() / len(real)


# hinge_losses
def hinge_by_clamp(real_scores, fake_scores):
    d = (1 - real_scores).clamp(min=0).mean() + (1 + fake_scores).clamp(min=0).mean()
    return d, fake_scores.neg().mean()


def hinge_by_minimum(real_scores, fake_scores):
    zero = torch.zeros((), dtype=real_scores.dtype)
    d = -torch.minimum(zero, real_scores - 1).mean() - torch.minimum(zero, -fake_scores - 1).mean()
    return [d, -torch.mean(fake_scores)]


# spectral_norm_estimate
def sigma_under_no_grad(weight, u, iterations):
    matrix = weight.reshape(weight.shape[0], -1)
    with torch.no_grad():
        for _ in range(iterations):
            v = torch.mv(matrix.t(), u)
            v = v / (v.norm() + 1e-12)
            u = torch.mv(matrix, v)
            u = u / (u.norm() + 1e-12)
    return torch.dot(u, torch.mv(matrix, v)), u


def sigma_by_einsum(weight, u, iterations):
    matrix = weight.flatten(1)
    for _ in range(iterations):
        v = F.normalize(torch.einsum("i,ij->j", u, matrix), dim=0).detach()
        u = F.normalize(torch.einsum("ij,j->i", matrix, v), dim=0).detach()
    return (torch.outer(u, v) * matrix).sum(), u


# ema_update
@torch.no_grad()
def ema_by_mul(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a.mul_(decay).add_(m, alpha=1 - decay)
    for a, m in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(m)


def ema_by_data(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a.data.copy_(decay * a.data + (1 - decay) * m.data)
    theirs = dict(model.named_buffers())
    for name, buffer in average.named_buffers():
        buffer.data.copy_(theirs[name])


def ema_by_state_dict(average, model, decay):
    mixed = {name: value.clone() for name, value in model.state_dict().items()}
    for name, parameter in average.named_parameters():
        mixed[name] = decay * parameter.detach() + (1 - decay) * mixed[name]
    average.load_state_dict(mixed)


RIGHT = {
    "modes_covered": [modes_by_loop, modes_in_numpy, modes_by_one_hot],
    "clip_gradient_norm": [clip_by_torch, clip_by_vector, clip_by_squares],
    "critic_loss": [critic_by_sums, critic_by_negation],
    "wasserstein_generator_loss": [generator_by_negation, generator_by_sum],
    "gradient_penalty": [penalty_by_lerp, penalty_by_loop, penalty_by_func],
    "r1_penalty": [r1_by_sum, r1_by_total],
    "hinge_losses": [hinge_by_clamp, hinge_by_minimum],
    "spectral_norm_estimate": [sigma_under_no_grad, sigma_by_einsum],
    "ema_update": [ema_by_mul, ema_by_data, ema_by_state_dict],
}


def half_of_the_gradients(parameters, max_norm):
    parameters = list(parameters)
    total = clip_by_torch(parameters, max_norm)
    parameters[0].grad.mul_(0.5)
    return total


def ema_without_the_first(average, model, decay):
    first = next(average.parameters()).detach().clone()
    ema_by_mul(average, model, decay)
    next(average.parameters()).data.copy_(first)


WRONG = {
    "modes_covered": [
        lambda s, c, r, n: (1, 0.5),
        lambda s, c, r, n: modes_by_loop(s, c, 0.9 * r, n),
        lambda s, c, r, n: modes_by_loop(s, c, r, 2 * n),
        lambda s, c, r, n: None,
    ],
    "clip_gradient_norm": [
        half_of_the_gradients,
        lambda parameters, max_norm: clip_by_torch(parameters, 0.9 * max_norm),
        lambda parameters, max_norm: 1.0,
    ],
    "critic_loss": [
        lambda r, f: f.median() - r.median(),
        lambda r, f: (f.mean() - r.mean()) * 1.1,
        lambda r, f: f.mean() - r.clamp(-50, 50).mean(),
    ],
    "wasserstein_generator_loss": [
        lambda f: -f.median(),
        lambda f: -f.clamp(-50, 50).mean(),
        lambda f: 1 - f.mean(),
    ],
    "gradient_penalty": [
        lambda critic, real, fake, mix: penalty_by_lerp(critic, real, fake, 0.9 * mix),
        lambda critic, real, fake, mix: penalty_by_lerp(critic, real, fake, mix) + 0.1,
        lambda critic, real, fake, mix: torch.zeros((), dtype=real.dtype),
    ],
    "r1_penalty": [
        lambda logits, real: 1.1 * r1_by_sum(logits, real),
        lambda logits, real: r1_by_sum(logits, real) + logits.mean(),
        lambda logits, real: 0.0,
    ],
    "hinge_losses": [
        lambda r, f: ((1.1 - r).relu().mean() + (1 + f).relu().mean(), -f.mean()),
        lambda r, f: ((1 - r).relu().median() + (1 + f).relu().mean(), -f.mean()),
        lambda r, f: (F.elu(1 - r).mean() + (1 + f).relu().mean(), -f.mean()),
    ],
    "spectral_norm_estimate": [
        lambda w, u, n: (1.1 * sigma_under_no_grad(w, u, n)[0], sigma_under_no_grad(w, u, n)[1]),
        lambda w, u, n: sigma_under_no_grad(w.abs(), u, n),
        lambda w, u, n: sigma_under_no_grad(w, u, n)[0],
    ],
    "ema_update": [
        ema_without_the_first,
        lambda average, model, decay: ema_by_mul(average, model, decay**2),
        lambda average, model, decay: ema_by_mul(average, model, 0.5 + decay / 2),
    ],
}
