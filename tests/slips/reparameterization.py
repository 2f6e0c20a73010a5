"""Variations of the score-function estimator that are wrong, and their causes (see `vae.py`)."""

import torch
from torch.distributions import Normal


def leaves(mean, std):
    return [p.detach().clone().requires_grad_(True) for p in (mean, std)]


def gradient(total, leaves, **how):
    return torch.autograd.grad(total, leaves, **how)


def no_detach_at_all(f, mean, std, e):
    m, s = leaves(mean, std)
    z = m + s * e
    return gradient((f(z) * Normal(m, s).log_prob(z)).mean(), (m, s))


def detach_f_only(f, mean, std, e):
    m, s = leaves(mean, std)
    z = m + s * e
    return gradient((f(z).detach() * Normal(m, s).log_prob(z)).mean(), (m, s))


def detach_logp_only(f, mean, std, e):
    m, s = leaves(mean, std)
    z = m + s * e
    return gradient((f(z) * Normal(m, s).log_prob(z.detach())).mean(), (m, s))


def f_plus_path(f, mean, std, e):
    m, s = leaves(mean, std)
    z = m + s * e
    return gradient((f(z) + f(z).detach() * Normal(m, s).log_prob(z.detach())).mean(), (m, s))


def logprob_of_noise_std_normal(f, mean, std, e):
    m, s = leaves(mean, std)
    z = m + s * e
    lp = Normal(torch.zeros_like(m), torch.ones_like(s)).log_prob(e)
    return gradient((f(z) * lp).mean(), (m, s), allow_unused=True)


def logprob_of_noise_under_q(f, mean, std, e):
    m, s = leaves(mean, std)
    z = (m + s * e).detach()
    return gradient((f(z) * Normal(m, s).log_prob(e)).mean(), (m, s))


def summed(f, mean, std, e):
    m, s = leaves(mean, std)
    z = (m + s * e).detach()
    return gradient((f(z) * Normal(m, s).log_prob(z)).sum(), (m, s))


def factor2(f, mean, std, e):
    m, s = leaves(mean, std)
    z = (m + s * e).detach()
    return gradient((2 * f(z) * Normal(m, s).log_prob(z)).mean(), (m, s))


def halved(f, mean, std, e):
    m, s = leaves(mean, std)
    z = (m + s * e).detach()
    return gradient((f(z) * Normal(m, s).log_prob(z) / 2).mean(), (m, s))


def negative_loss(f, mean, std, e):
    m, s = leaves(mean, std)
    z = (m + s * e).detach()
    return gradient(-(f(z) * Normal(m, s).log_prob(z)).mean(), (m, s))


def reparam_logprob_by_hand(f, mean, std, e):
    # log q in terms of noise: -e²/2 - log s; derivative of the reparameterised form
    m, s = leaves(mean, std)
    z = (m + s * e).detach()
    lp = -(e**2) / 2 - s.log() + 0 * m
    return gradient((f(z) * lp).mean(), (m, s))


def prob_instead_of_log(f, mean, std, e):
    m, s = leaves(mean, std)
    z = (m + s * e).detach()
    return gradient((f(z) * Normal(m, s).log_prob(z).exp()).mean(), (m, s))


def mean_times_mean(f, mean, std, e):
    m, s = leaves(mean, std)
    z = (m + s * e).detach()
    return gradient(f(z).mean() * Normal(m, s).log_prob(z).mean(), (m, s))


def constant_dropped(f, mean, std, e):  # log prob without -log s
    m, s = leaves(mean, std)
    z = (m + s * e).detach()
    return gradient((f(z) * (-((z - m) ** 2) / (2 * s**2))).mean(), (m, s))


def exponent_without_half(f, mean, std, e):
    m, s = leaves(mean, std)
    z = (m + s * e).detach()
    return gradient((f(z) * (-((z - m) ** 2) / (s**2) - s.log())).mean(), (m, s))


def fresh_draws(f, mean, std, e):
    m, s = leaves(mean, std)
    q = Normal(m, s)
    z = q.sample((len(e),))
    return gradient((f(z) * q.log_prob(z)).mean(), (m, s))


def rsample(f, mean, std, e):
    m, s = leaves(mean, std)
    q = Normal(m, s)
    z = q.rsample((len(e),))
    return gradient((f(z) * q.log_prob(z)).mean(), (m, s))


def f_of_noise(f, mean, std, e):
    m, s = leaves(mean, std)
    z = (m + s * e).detach()
    return gradient((f(e) * Normal(m, s).log_prob(z)).mean(), (m, s))


def pathwise(f, mean, std, e):
    m, s = leaves(mean, std)
    return gradient(f(m + s * e).mean(), (m, s))


def std_as_var(f, mean, std, e):
    m, s = leaves(mean, std)
    z = (m + s * e).detach()
    return gradient((f(z) * Normal(m, s.sqrt()).log_prob(z)).mean(), (m, s))


def log_std(f, mean, std, e):
    m, s = leaves(mean, std)
    z = (m + s.exp() * e).detach()
    return gradient((f(z) * Normal(m, s.exp()).log_prob(z)).mean(), (m, s))


def backward_no_clone(f, mean, std, e):
    mean.requires_grad_()
    std.requires_grad_()
    z = (mean + std * e).detach()
    (f(z) * Normal(mean, std).log_prob(z)).mean().backward()
    return mean.grad, std.grad


def autograd_on_callers(f, mean, std, e):
    mean.requires_grad_()
    std.requires_grad_()
    z = (mean + std * e).detach()
    return gradient((f(z) * Normal(mean, std).log_prob(z)).mean(), (mean, std))


def callers_nothing_detached(f, mean, std, e):
    mean.requires_grad_()
    std.requires_grad_()
    z = mean + std * e
    return gradient((f(z) * Normal(mean, std).log_prob(z)).mean(), (mean, std))


def callers_draws_not_held(f, mean, std, e):
    mean.requires_grad_()
    std.requires_grad_()
    z = mean + std * e
    return gradient((f(z).detach() * Normal(mean, std).log_prob(z)).mean(), (mean, std))


def z_detached_clone_before_leaf(f, mean, std, e):
    z = mean + std * e
    z = z.requires_grad_()
    (s,) = gradient(Normal(mean, std).log_prob(z).sum(), (z,))
    return (f(z) * s).mean(), (f(z) * s * e).mean()


def score_by_z_analytic(f, mean, std, e):
    z = mean + std * e
    s = -(z - mean) / std**2
    return (f(z) * s).mean(), (f(z) * s * e).mean()


def score_negative_z(f, mean, std, e):
    z = mean + std * e
    return (f(z) * (z - mean) / std**2).mean(), (f(z) * (z - mean) ** 2 / std**3).mean() - 1 / std


def z_in_no_grad_leaf(f, mean, std, e):
    with torch.no_grad():
        z = mean + std * e
    return gradient((f(z) * Normal(mean, std).log_prob(z)).mean(), (mean, std))


def path_plus_score(f, mean, std, e):
    m, s = leaves(mean, std)
    z = m + s * e
    a = gradient(f(z).mean(), (m, s))
    z = z.detach()
    b = gradient((f(z) * Normal(m, s).log_prob(z)).mean(), (m, s))
    return a[0] + b[0], a[1] + b[1]


def half_log_var_as_std(f, mean, std, e):
    m, s = leaves(mean, std)
    sd = (s / 2).exp()
    z = (m + sd * e).detach()
    return gradient((f(z) * Normal(m, sd).log_prob(z)).mean(), (m, s))


def n_minus(f, mean, std, e):
    m, s = leaves(mean, std)
    z = (m + s * e).detach()
    return gradient((f(z) * Normal(m, s).log_prob(z)).sum() / (len(e) + 1), (m, s))


SCORE = [
    (no_detach_at_all, "nothing_held_fixed"),
    (detach_f_only, "draws_not_held_fixed"),
    (detach_logp_only, "function_not_held_fixed"),
    (f_plus_path, "both_estimates_added"),
    (logprob_of_noise_std_normal, "log_probability_of_the_noise"),
    (logprob_of_noise_under_q, "log_probability_of_the_noise"),
    (summed, "draws_added"),
    (factor2, "doubled"),
    (halved, "halved"),
    (negative_loss, "sign"),
    (reparam_logprob_by_hand, "draws_not_held_fixed"),
    (prob_instead_of_log, "density_instead_of_its_logarithm"),
    (mean_times_mean, "averaged_apart"),
    (constant_dropped, "minus_one_forgotten"),
    (exponent_without_half, "exponent_without_half"),
    (fresh_draws, "fresh_noise"),
    (rsample, "fresh_noise"),
    (f_of_noise, "function_of_the_noise"),
    (pathwise, "pathwise"),
    (std_as_var, "variance_as_std"),
    (log_std, "std_as_log_std"),
    (backward_no_clone, "gradients_add_up"),
    (autograd_on_callers, "requires_grad is left changed on mean and std"),
    (callers_nothing_detached, "requires_grad is left changed on mean and std"),
    (callers_draws_not_held, "requires_grad is left changed on mean and std"),
    (z_detached_clone_before_leaf, "by_the_draw"),
    (score_by_z_analytic, "by_the_draw"),
    (score_negative_z, "minus_one_not_weighed"),
    (z_in_no_grad_leaf, "what is differentiated was not made from"),
    (path_plus_score, "both_estimates_added"),
    (half_log_var_as_std, "std_as_log_var"),
    (n_minus, None),
]

SLIPS = {"reparameterization.score_function_gradient": SCORE}
