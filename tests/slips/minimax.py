"""Wrong answers to each exercise of lesson 08, as a student may write them, and their causes.

`None`: no cause is known, and the message must not claim one. A text in the place of a name: what
the message itself says of the cause.
"""

import math

import torch
import torch.nn.functional as F

from tests.lessons import solution

best_d = solution("minimax.optimal_discriminator")


def or_half(p, q, quotient):
    return torch.where(p + q > 0, quotient, 0.5)


def one_of_a_pair(p, q):
    if p + q == 0:
        return 0.5
    return p / (p + q)


def near_zero_by_isclose(p, q):
    total = p + q
    return torch.where(torch.isclose(total, torch.zeros_like(total)), 0.5, p / total)


OPTIMAL = [
    (lambda p, q: p / (p + q), "not_a_number"),
    (lambda p, q: torch.sigmoid(p.log() - q.log()), "not_a_number"),
    (lambda p, q: p / (p + q + 1e-8), "epsilon"),
    (lambda p, q: torch.where(p + q > 1e-8, p / (p + q), 0.5), "epsilon"),
    (lambda p, q: torch.sigmoid((p + 1e-12).log() - (q + 1e-12).log()), "epsilon"),
    (near_zero_by_isclose, "epsilon"),
    (lambda p, q: or_half(p, q, q / (p + q)), "swapped"),
    (lambda p, q: or_half(p, q, p / q), "ratio"),
    (lambda p, q: or_half(p, q, p.log() - q.log()), "logit"),
    (lambda p, q: torch.nan_to_num(p / (p + q)), "zero_where_both_vanish"),
    (lambda p, q: torch.nan_to_num(p / (p + q), nan=1.0), "one_where_both_vanish"),
    (
        lambda p, q: torch.where((p > 0) & (q > 0), p / (p + q), 0.5),
        "half_where_one_vanishes",
    ),
    (lambda p, q: torch.where(q > 0, p / (p + q), 0.5), "half_where_one_vanishes"),
    (lambda p, q: (p > q).to(p), "hard_decision"),
    (lambda p, q: torch.sigmoid(p - q), "sigmoid_of_densities"),
    (lambda p, q: or_half(p, q, p / ((p + q) / 2)), "halved_sum"),
    (lambda p, q: or_half(p, q, 0.5 * p / (p + q)), "half_of_it"),
    (lambda p, q: p / (p.sum() + q.sum()), "normalized_over_the_grid"),
    (lambda p, q: or_half(p, q, p**2 / (p**2 + q**2)), "squared"),
    (lambda p, q: or_half(p, q, (p - q) / (p + q)), "contrast"),
    (lambda p, q: or_half(p, q, p / torch.maximum(p, q)), "larger_below"),
    (lambda p, q: torch.where(p == q, 0.5, p / (p - q)), "difference_below"),
    (lambda p, q: (p / q) / (1 + p / q), "not_a_number"),
    (lambda p, q: torch.nan_to_num((p / q) / (1 + p / q), nan=0.5), "half_where_one_vanishes"),
    (lambda p, q: torch.where(p + q > 1e-10, p / (p + q), 0.5), "epsilon"),
    (lambda p, q: or_half(p, q, p * q / (p + q)), "product_below"),
    (lambda p, q: p / (1 + q), None),
    (one_of_a_pair, "Boolean value of Tensor with more than one value is ambiguous"),
]


def v(real=F.logsigmoid, fake=lambda a: F.logsigmoid(-a)):
    return lambda r, f: real(r).mean() + fake(f).mean()


right_v = v()


def v_by_cat(r, f):
    logits = torch.cat([r.flatten(), f.flatten()])
    labels = torch.cat([torch.ones(r.numel()), torch.zeros(f.numel())])
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits))


def v_one_mean(r, f):
    return torch.cat([F.logsigmoid(r), F.logsigmoid(-f)]).mean()


def v_by_bce_of_probabilities(r, f):
    real, fake = r.sigmoid(), f.sigmoid()
    reals = F.binary_cross_entropy(real, torch.ones_like(real))
    return -(reals + F.binary_cross_entropy(fake, torch.zeros_like(fake)))


def v_cut_to_the_shorter(r, f):
    n = min(len(r), len(f))
    return right_v(r[:n], f[:n])


def clamped(a):
    return a.sigmoid().clamp(1e-7, 1 - 1e-7)


VALUE = [
    (v(lambda a: a.sigmoid().log(), lambda a: (1 - a.sigmoid()).log()), "overflows"),
    (
        v(lambda a: (a.sigmoid() + 1e-8).log(), lambda a: (1 - a.sigmoid() + 1e-8).log()),
        "epsilon",
    ),
    (v(lambda a: clamped(a).log(), lambda a: (1 - clamped(a)).log()), "probabilities_clamped"),
    (v_by_bce_of_probabilities, "floor_at_minus_100"),
    (lambda r, f: right_v(r.clamp(-30, 30), f.clamp(-30, 30)), "logits_clamped"),
    (
        v(
            lambda a: a.sigmoid().clamp(min=1e-12).log(),
            lambda a: (1 - a.sigmoid()).clamp(min=1e-12).log(),
        ),
        "epsilon",
    ),
    (
        lambda r, f: F.logsigmoid(r).sum() / len(r) + F.logsigmoid(-f).sum() / len(f),
        "divided_by_rows",
    ),
    (lambda r, f: right_v(r, f) / math.log(10), "base_ten"),
    (lambda r, f: right_v(r, r), "reals_in_both_places"),
    (lambda r, f: F.logsigmoid(r).mean() + F.logsigmoid(-f).sum(), "one_group_summed"),
    (v(fake=lambda a: torch.log(1 - F.logsigmoid(a))), "logarithm_for_d"),
    (lambda r, f: (F.logsigmoid(r).mean(), F.logsigmoid(-f).mean()), "got the list of 2 things"),
    (v(torch.tanh, lambda a: 1 - torch.tanh(a)), None),
    (lambda r, f: -right_v(r, f), "sign"),
    (v(fake=F.logsigmoid), "all_called_real"),
    (v_one_mean, "one_mean"),
    (v_by_cat, "one_mean_of_losses"),
    (lambda r, f: -right_v(r, f) / 2, "mean_of_two_losses"),
    (lambda r, f: right_v(r, f) / 2, "halved"),
    (lambda r, f: F.logsigmoid(r).sum() + F.logsigmoid(-f).sum(), "summed"),
    (
        lambda r, f: (F.logsigmoid(r).sum() + F.logsigmoid(-f).sum()) / len(r),
        "divided_by_one_count",
    ),
    (v(torch.log, lambda a: torch.log(1 - a)), "logits_for_probabilities"),
    (lambda r, f: F.logsigmoid(r.mean()) + F.logsigmoid(-f.mean()), "mean_probability_first"),
    (lambda r, f: right_v(r, f) / math.log(2), "in_bits"),
    (v(lambda a: F.logsigmoid(-a), F.logsigmoid), "groups_swapped"),
    (v(F.softplus, lambda a: F.softplus(-a)), "targets_exchanged"),
    (v(fake=lambda a: 1 - F.logsigmoid(a)), "one_minus_logarithm"),
    (v(fake=lambda a: F.logsigmoid(1 - a)), "one_minus_the_logit"),
    (v(fake=lambda a: -F.logsigmoid(a)), "log_d_subtracted"),
    (v(fake=lambda a: -F.logsigmoid(-a)), "second_subtracted"),
    (lambda r, f: right_v(r.sigmoid(), f.sigmoid()), "sigmoid_twice"),
    (v(torch.sigmoid, lambda a: 1 - torch.sigmoid(a)), "probabilities_added"),
    (lambda r, f: r.mean() - f.mean(), "logits_alone"),
    (lambda r, f: F.logsigmoid(r).mean(0) + F.logsigmoid(-f).mean(0), "one_axis_averaged"),
    (lambda r, f: F.logsigmoid(r).mean(-1) + F.logsigmoid(-f).mean(-1), "one_axis_averaged"),
    (lambda r, f: (F.logsigmoid(r) + F.logsigmoid(-f)).mean(), "must match the size of tensor"),
    (lambda r, f: right_v(r, f).item(), "got the float"),
    (lambda r, f: right_v(r, f.detach()), "cuts the graph"),
    (v_cut_to_the_shorter, None),
]


def terms(p, q):
    return torch.xlogy(p, best_d(p, q)) + torch.xlogy(q, best_d(q, p))


def kl(p, q, dx):
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum() * dx


def js(p, q, dx):
    return (kl(p, (p + q) / 2, dx) + kl(q, (p + q) / 2, dx)) / 2


def integral_of(integrand):
    return lambda p, q, dx: integrand(p, q).sum() * dx


def with_epsilon(p, q):
    d = best_d(p, q)
    return p * (d + 1e-8).log() + q * (1 - d + 1e-8).log()


def with_epsilon_below(p, q):
    d = p / (p + q + 1e-8)
    return torch.xlogy(p, d) + torch.xlogy(q, 1 - d)


def with_clamp(p, q):
    d = best_d(p, q).clamp(1e-7, 1 - 1e-7)
    return p * d.log() + q * (1 - d).log()


def d_as_logit(p, q, dx):
    return right_v(best_d(p, q), best_d(p, q))


AT_OPTIMUM = [
    (
        integral_of(lambda p, q: torch.xlogy(p, best_d(p, q)) + torch.xlogy(q, 1 - best_d(p, q))),
        "one_minus_d_rounds",
    ),
    (
        integral_of(
            lambda p, q: torch.xlogy(p, best_d(p, q)) + torch.special.xlog1py(q, -best_d(p, q))
        ),
        "one_minus_d_rounds",
    ),
    (
        integral_of(lambda p, q: p * best_d(p, q).log() + q * best_d(q, p).log()),
        "not_a_number",
    ),
    (integral_of(with_epsilon), "epsilon"),
    (integral_of(with_epsilon_below), "epsilon"),
    (integral_of(with_clamp), "probability_clamped"),
    (lambda p, q, dx: terms(p, q).sum(), "dx_forgotten"),
    (lambda p, q, dx: terms(p * dx, q * dx).sum() * dx, "dx_twice"),
    (lambda p, q, dx: terms(p, q).sum() / dx, "divided_by_dx"),
    (lambda p, q, dx: terms(p, q).mean(), "mean_over_the_grid"),
    (lambda p, q, dx: terms(p, q) * dx, "not_reduced"),
    (lambda p, q, dx: terms(p, q).max(), "largest_integrand"),
    (js, "divergence_alone"),
    (lambda p, q, dx: js(p, q, dx) - math.log(4), "one_divergence"),
    (lambda p, q, dx: 2 * js(p, q, dx), "log_4_forgotten"),
    (lambda p, q, dx: 2 * js(p, q, dx) - math.log(2), "log_2"),
    (lambda p, q, dx: 2 * js(p, q, dx) + math.log(4), "log_4_added"),
    (lambda p, q, dx: terms(p, q).sum() * dx - math.log(4), "log_4_twice"),
    (lambda p, q, dx: 2 * kl(p, (p + q) / 2, dx) - math.log(4), "one_kl_doubled"),
    (lambda p, q, dx: kl(p, q, dx) - math.log(4), "kl"),
    (lambda p, q, dx: kl(p, q, dx) + kl(q, p, dx) - math.log(4), "kl"),
    (
        integral_of(lambda p, q: torch.xlogy(p, best_d(p, q)) + torch.xlogy(q, best_d(p, q))),
        "log_d_twice",
    ),
    (
        integral_of(lambda p, q: torch.xlogy(p, best_d(q, p)) + torch.xlogy(q, best_d(p, q))),
        "weights_swapped",
    ),
    (
        integral_of(lambda p, q: torch.xlogy(p, best_d(p, q)) - torch.xlogy(q, best_d(q, p))),
        "subtracted",
    ),
    (integral_of(lambda p, q: best_d(p, q).log() + best_d(q, p).log()), "unweighted"),
    (
        integral_of(lambda p, q: (p + q) / 2 * (best_d(p, q).log() + best_d(q, p).log())),
        "mixture_for_weights",
    ),
    (integral_of(lambda p, q: torch.xlogy(p, best_d(p, q))), "reals_alone"),
    (integral_of(lambda p, q: (p + q) * math.log(0.5)), "d_of_one_half"),
    (integral_of(lambda p, q: -terms(p, q)), "sign"),
    (integral_of(lambda p, q: terms(p, q) / math.log(2)), "in_bits_two"),
    (integral_of(lambda p, q: terms(p, q) / math.log(10)), "base_ten"),
    (integral_of(lambda p, q: best_d(p, q)), None),
    (lambda p, q, dx: torch.trapezoid(terms(p, q)), "dx_forgotten"),
    (
        lambda p, q, dx: (kl(p, p + q, dx) + kl(q, p + q, dx)) - math.log(4),
        "log_4_twice",
    ),
    (integral_of(lambda p, q: terms(p, q) / 2), "halved"),
    (d_as_logit, "d_taken_for_a_logit"),
    (lambda p, q, dx: (terms(p, q).sum() * dx).item(), "got the float"),
]


def losses_of_fakes(term, target):
    """What goes wrong alike with both losses; `term` is the right one of each logit."""

    def by_bce_of_probabilities(f):
        d = f.sigmoid()
        loss = F.binary_cross_entropy(d, torch.full_like(d, target))
        return loss if target else -loss

    return [
        (lambda f: term(f).sum(), "summed"),
        (term, "not_reduced"),
        (lambda f: term(f).mean() / 2, "halved"),
        (lambda f: term(f).mean() / math.log(2), "in_bits"),
        (lambda f: term(f).mean(0), "one_axis_averaged"),
        (lambda f: term(f).mean(-1), "one_axis_averaged"),
        (lambda f: term(f.mean()), "mean_logit_first"),
        (lambda f: term(f.sigmoid()).mean(), "sigmoid_twice"),
        (lambda f: term(f.clamp(-50, 50)).mean(), "logits_clamped"),
        (by_bce_of_probabilities, "floor_at_minus_100"),
        (lambda f: -f.sigmoid().mean(), "no_logarithm"),
        (lambda f: (1 - f.sigmoid()).mean(), "one_minus_d"),
        (lambda f: -f.mean(), "logits_alone"),
        (lambda f: (f.sigmoid() - 1).square().mean(), "least_squares"),
        (lambda f: term(f).sum() / len(f), "divided_by_rows"),
        (lambda f: term(f).mean() / math.log(10), "base_ten"),
        (lambda f: term(f).max(), None),
        (lambda f: term(f).mean().item(), "got the float"),
        (lambda f: term(f.detach()).mean(), "cuts the graph"),
    ]


SATURATING = [
    *losses_of_fakes(lambda f: F.logsigmoid(-f), 0.0),
    (lambda f: torch.log(1 - f.sigmoid()).mean(), "overflows"),
    (lambda f: torch.log1p(-f.sigmoid()).mean(), "overflows"),
    (lambda f: torch.log(1 - f.sigmoid() + 1e-8).mean(), "epsilon"),
    (lambda f: torch.log(1 - clamped(f)).mean(), "probabilities_clamped"),
    (
        lambda f: torch.nan_to_num(torch.log(1 - f.sigmoid()), neginf=-100.0).mean(),
        "logarithm_cut_off",
    ),
    (lambda f: torch.log((1 - f.sigmoid()).clamp(min=1e-12)).mean(), "epsilon"),
    (lambda f: f.sigmoid().mean(), "mean_d"),
    (lambda f: torch.log(1 - F.logsigmoid(f)).mean(), "logarithm_for_d"),
    (lambda f: F.softplus(f).mean(), "sign"),
    (lambda f: F.softplus(-f).mean(), "nonsaturating"),
    (lambda f: F.logsigmoid(f).mean(), "log_d"),
    (lambda f: torch.log(1 - f.sigmoid().mean()), "mean_probability_first"),
    (lambda f: (1 - F.logsigmoid(f)).mean(), "one_minus_logarithm"),
    (lambda f: torch.log(1 - f).mean(), "logits_for_probabilities"),
    (lambda f: F.logsigmoid(1 - f).mean(), "one_minus_the_logit"),
]

NONSATURATING = [
    *losses_of_fakes(lambda f: F.softplus(-f), 1.0),
    (lambda f: -torch.log(f.sigmoid()).mean(), "overflows"),
    (lambda f: -torch.log(f.sigmoid() + 1e-8).mean(), "epsilon"),
    (lambda f: -torch.log(clamped(f)).mean(), "probabilities_clamped"),
    (
        lambda f: torch.nan_to_num(-torch.log(f.sigmoid()), posinf=100.0).mean(),
        "logarithm_cut_off",
    ),
    (lambda f: -torch.log(f.sigmoid().clamp(min=1e-12)).mean(), "epsilon"),
    (lambda f: 1 - F.logsigmoid(f).mean(), "one_added"),
    (lambda f: F.relu(1 - f).mean(), "hinge"),
    (lambda f: (1 / f.sigmoid()).mean(), None),
    (lambda f: F.logsigmoid(f).mean(), "sign"),
    (lambda f: F.logsigmoid(-f).mean(), "saturating"),
    (lambda f: F.softplus(f).mean(), "discriminators_term"),
    (lambda f: -torch.log(f.sigmoid().mean()), "mean_probability_first"),
    (lambda f: -torch.log(f).mean(), "logits_for_probabilities"),
    (lambda f: (f - 1).square().mean(), "least_squares"),
]


def dirac(**parts):
    """The step line by line; `parts` names those that are written otherwise."""
    slope = parts.get("slope", lambda t: torch.sigmoid(-t))

    def answer(theta, psi, h, w):
        s = slope(psi * theta)
        by_theta = parts.get("by_theta", lambda theta, psi, s: psi * s)(theta, psi, s)
        by_psi = parts.get("by_psi", lambda theta, psi, s: theta * s)(theta, psi, s)
        price = parts.get("price", lambda theta, psi, w: w * psi)(theta, psi, w)
        new_theta = theta + parts.get("theta_sign", -1) * h * by_theta
        return parts.get("end", lambda a, b: (a, b))(
            new_theta, psi + parts.get("psi_sign", 1) * h * (by_psi - price)
        )

    return answer


right_step = dirac()


def psi_sees_new_theta(theta, psi, h, w):
    theta = theta - h * psi * torch.sigmoid(-psi * theta)
    return theta, psi + h * (theta * torch.sigmoid(-psi * theta) - w * psi)


def theta_sees_new_psi(theta, psi, h, w):
    psi = psi + h * (theta * torch.sigmoid(-psi * theta) - w * psi)
    return theta - h * psi * torch.sigmoid(-psi * theta), psi


def by_autograd(value):
    def answer(theta, psi, h, w):
        t, p = theta.detach().clone().requires_grad_(), psi.detach().clone().requires_grad_()
        by_theta, by_psi = torch.autograd.grad(value(t, p, w), (t, p))
        return theta - h * by_theta, psi + h * by_psi

    return answer


def in_place(theta, psi, h, w):
    s = torch.sigmoid(-psi * theta)
    by_theta, by_psi = psi * s, theta * s - w * psi
    theta -= h * by_theta
    psi += h * by_psi
    return theta, psi


def penalty_afterwards(theta, psi, h, w):
    theta, psi = right_step(theta, psi, h, 0.0)
    return theta, psi * (1 - h * w)


def penalty_on_both(theta, psi, h, w):
    s = torch.sigmoid(-psi * theta)
    return theta - h * (psi * s + w * theta), psi + h * (theta * s - w * psi)


def penalty_in_both_gradients(theta, psi, h, w):
    s = torch.sigmoid(-psi * theta)
    return theta - h * (psi * s - w * psi), psi + h * (theta * s - w * psi)


def penalty_without_rate(theta, psi, h, w):
    theta, psi_0 = right_step(theta, psi, h, 0.0)
    return theta, psi_0 - w * psi


def weight_on_the_gain(theta, psi, h, w):
    s = torch.sigmoid(-psi * theta)
    return theta - h * psi * s, psi + h * w * theta * s


DIRAC = [
    (psi_sees_new_theta, "theta_first"),
    (theta_sees_new_psi, "psi_first"),
    (dirac(psi_sign=-1), "both_descend"),
    (dirac(theta_sign=1), "both_ascend"),
    (dirac(theta_sign=1, psi_sign=-1), "roles_exchanged"),
    (dirac(slope=torch.sigmoid), "slope_of_the_other_sign"),
    (dirac(slope=F.logsigmoid), "value_for_slope"),
    (
        dirac(slope=lambda t: torch.sigmoid(t) * (1 - torch.sigmoid(t))),
        "derivative_of_the_sigmoid",
    ),
    (dirac(slope=lambda t: torch.full_like(t, 0.5)), "linearized"),
    (dirac(slope=lambda t: torch.exp(-t) / (1 + torch.exp(-t))), "overflows"),
    (dirac(slope=lambda t: torch.sigmoid(-t.sum())), "games_mixed"),
    (
        dirac(by_theta=lambda theta, psi, s: theta * s, by_psi=lambda theta, psi, s: psi * s),
        "factors_exchanged",
    ),
    (
        dirac(by_theta=lambda theta, psi, s: s, by_psi=lambda theta, psi, s: s),
        "chain_rule_forgotten",
    ),
    (
        dirac(by_theta=lambda theta, psi, s: psi * torch.sigmoid(psi * theta)),
        "nonsaturating",
    ),
    (dirac(by_psi=lambda theta, psi, s: theta * s + 0.5), "constant_differentiated"),
    (dirac(price=lambda theta, psi, w: -w * psi), "penalty_rewarded"),
    (dirac(price=lambda theta, psi, w: w * psi / 2), "penalty_halved"),
    (dirac(price=lambda theta, psi, w: 2 * w * psi), "penalty_doubled"),
    (dirac(price=lambda theta, psi, w: w * psi**2 / 2), "penalty_not_differentiated"),
    (dirac(price=lambda theta, psi, w: 0.0), "penalty_ignored"),
    (dirac(price=lambda theta, psi, w: w * psi.abs()), "penalty_by_size"),
    (penalty_without_rate, "penalty_without_rate"),
    (penalty_afterwards, "penalty_behind_the_step"),
    (penalty_on_both, "penalty_on_theta"),
    (penalty_in_both_gradients, "penalty_on_theta"),
    (weight_on_the_gain, "weight_on_the_gain"),
    (
        by_autograd(lambda t, p, w: (F.logsigmoid(p * t) - w / 2 * p**2).mean()),
        "averaged_over_games",
    ),
    (
        by_autograd(lambda t, p, w: (F.logsigmoid(p * t) - w / 2 * p**2).sum()),
        "gradients_cut_off",
    ),
    (in_place, "in_place"),
    (dirac(end=lambda a, b: (b, a)), "results_exchanged"),
    (
        lambda theta, psi, h, w: tuple(
            new - old for new, old in zip(right_step(theta, psi, h, w), (theta, psi), strict=True)
        ),
        "updates_returned",
    ),
    (lambda theta, psi, h, w: right_step(theta, psi, 1.0, w), "learning_rate_ignored"),
    (lambda theta, psi, h, w: (theta, right_step(theta, psi, h, w)[1]), "only_psi"),
    (dirac(end=lambda a, b: torch.stack([a, b])), "expected 2 results (theta, psi)"),
    (
        dirac(
            by_theta=lambda theta, psi, s: psi * theta * s,
            by_psi=lambda theta, psi, s: psi * theta * s,
        ),
        "product_for_factor",
    ),
    (dirac(price=lambda theta, psi, w: w * theta), "penalty_of_theta"),
    (lambda theta, psi, h, w: right_step(theta, psi, h, h * w), None),
    (dirac(slope=lambda t: -torch.sigmoid(t)), None),
]

SLIPS = {
    "minimax.optimal_discriminator": OPTIMAL,
    "minimax.value_function": VALUE,
    "minimax.value_at_optimum": AT_OPTIMUM,
    "minimax.saturating_generator_loss": SATURATING,
    "minimax.nonsaturating_generator_loss": NONSATURATING,
    "minimax.dirac_gan_step": DIRAC,
}
