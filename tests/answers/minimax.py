"""Answers to lesson 08."""

import math

import torch
import torch.nn.functional as F


# optimal_discriminator
def d_by_where(p_data, p_model):
    total = p_data + p_model
    return torch.where(total > 0, p_data / total, 0.5)


def d_by_nan_to_num(p_data, p_model):
    return torch.nan_to_num(p_data / (p_data + p_model), nan=0.5)


def d_by_mask(p_data, p_model):
    d = torch.full_like(p_data, 0.5)
    seen = (p_data + p_model) > 0
    d[seen] = p_data[seen] / (p_data[seen] + p_model[seen])
    return d


def d_by_logit(p_data, p_model):
    return torch.nan_to_num(torch.sigmoid(p_data.log() - p_model.log()), nan=0.5)


def d_by_odds(p_data, p_model):
    return torch.nan_to_num(1 / (1 + p_model / p_data), nan=0.5)


# value_function
def v_by_logsigmoid(real_logits, fake_logits):
    return F.logsigmoid(real_logits).mean() + F.logsigmoid(-fake_logits).mean()


def v_by_softplus(real_logits, fake_logits):
    return -F.softplus(-real_logits).mean() - F.softplus(fake_logits).mean()


def v_by_bce(real_logits, fake_logits):
    real = F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
    return -(real + F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits)))


def v_by_distribution(real_logits, fake_logits):
    def log_prob(logits, label):
        return torch.distributions.Bernoulli(logits=logits).log_prob(torch.full_like(logits, label))

    return log_prob(real_logits, 1.0).mean() + log_prob(fake_logits, 0.0).mean()


# value_at_optimum
def best_by_d(p_data, p_model, dx):
    real, fake = d_by_where(p_data, p_model), d_by_where(p_model, p_data)
    return (torch.xlogy(p_data, real) + torch.xlogy(p_model, fake)).sum() * dx


def best_by_trapezoid(p_data, p_model, dx):
    d, other = d_by_where(p_data, p_model), d_by_where(p_model, p_data)
    return torch.trapezoid(torch.xlogy(p_data, d) + torch.xlogy(p_model, other), dx=dx)


def best_by_divergences(p_data, p_model, dx):
    mixture = (p_data + p_model) / 2
    both = sum(torch.xlogy(p, p) - torch.xlogy(p, mixture) for p in (p_data, p_model))
    return both.sum() * dx - math.log(4)


def best_by_loop(p_data, p_model, dx):
    total = torch.zeros((), dtype=p_data.dtype)
    for p, q in zip(p_data.tolist(), p_model.tolist(), strict=True):
        total += (p * math.log(p / (p + q)) if p else 0) + (q * math.log(q / (p + q)) if q else 0)
    return total * dx


# generator losses
def saturating_by_logsigmoid(fake_logits):
    return F.logsigmoid(-fake_logits).mean()


def saturating_by_softplus(fake_logits):
    return -F.softplus(fake_logits).sum() / fake_logits.numel()


def saturating_by_bce(fake_logits):
    return -F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))


def nonsaturating_by_logsigmoid(fake_logits):
    return -F.logsigmoid(fake_logits).mean()


def nonsaturating_by_softplus(fake_logits):
    return F.softplus(-fake_logits).mean()


def nonsaturating_by_bce(fake_logits):
    return F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))


# dirac_gan_step
def dirac_by_sigmoid(theta, psi, learning_rate, r1_weight):
    slope = torch.sigmoid(-psi * theta)
    by_theta, by_psi = psi * slope, theta * slope - r1_weight * psi
    return theta - learning_rate * by_theta, psi + learning_rate * by_psi


def dirac_by_exponential(theta, psi, learning_rate, r1_weight):
    slope = 1 / (1 + (psi * theta).exp())
    change = -psi * slope, theta * slope - r1_weight * psi
    return [theta + learning_rate * change[0], psi + learning_rate * change[1]]


def dirac_by_grad(theta, psi, learning_rate, r1_weight):
    theta, psi = theta.clone().requires_grad_(), psi.clone().requires_grad_()
    value = F.logsigmoid(psi * theta) - math.log(2) - 0.5 * r1_weight * psi**2
    by_theta, by_psi = torch.autograd.grad(value.sum(), [theta, psi], create_graph=True)
    return theta - learning_rate * by_theta, psi + learning_rate * by_psi


RIGHT = {
    "optimal_discriminator": [d_by_where, d_by_nan_to_num, d_by_mask, d_by_logit, d_by_odds],
    "value_function": [v_by_logsigmoid, v_by_softplus, v_by_bce, v_by_distribution],
    "value_at_optimum": [best_by_d, best_by_trapezoid, best_by_divergences, best_by_loop],
    "saturating_generator_loss": [
        saturating_by_logsigmoid,
        saturating_by_softplus,
        saturating_by_bce,
    ],
    "nonsaturating_generator_loss": [
        nonsaturating_by_logsigmoid,
        nonsaturating_by_softplus,
        nonsaturating_by_bce,
    ],
    "dirac_gan_step": [dirac_by_sigmoid, dirac_by_exponential, dirac_by_grad],
}
WRONG = {
    "optimal_discriminator": [
        lambda p, q: torch.full_like(p, 0.5),
        lambda p, q: p.clamp(max=1.0),
        lambda p, q: torch.atan2(p, q) / (math.pi / 2),
        lambda p, q: p / (p + 2 * q),
    ],
    "value_function": [
        lambda r, f: F.logsigmoid(r).mean() + F.logsigmoid(-f).median(),
        lambda r, f: 1.1 * F.logsigmoid(r).mean() + F.logsigmoid(-f).mean(),
        lambda r, f: F.logsigmoid(r.clamp(-7, 7)).mean() + F.logsigmoid(-f.clamp(-7, 7)).mean(),
    ],
    "value_at_optimum": [
        lambda p, q, dx: torch.zeros((), dtype=p.dtype),
        lambda p, q, dx: best_by_d(p, q, dx) * (len(p) + 1) / len(p),
        lambda p, q, dx: best_by_d(p.sqrt(), q.sqrt(), dx),
        lambda p, q, dx: best_by_d(p, q, dx).item(),
    ],
    "saturating_generator_loss": [
        lambda f: F.logsigmoid(-f).median(),
        lambda f: F.logsigmoid(-1.1 * f).mean(),
        lambda f: F.logsigmoid(-f.clamp(-7, 7)).mean(),
    ],
    "nonsaturating_generator_loss": [
        lambda f: -F.logsigmoid(f).median(),
        lambda f: F.softplus(-1.1 * f).mean(),
        lambda f: F.softplus(-f.clamp(-7, 7)).mean(),
    ],
    "dirac_gan_step": [
        lambda t, p, h, w: (t, p),
        lambda t, p, h, w: dirac_by_sigmoid(t, p, h * 1.1, w),
        lambda t, p, h, w: dirac_by_sigmoid(t.clamp(-5, 5), p, h, w),
    ],
}
