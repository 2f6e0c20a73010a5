"""What students may write for `hinge_losses`, each with its cause."""

import torch
import torch.nn.functional as F


def hi_gen_hinge(r, f):
    return F.relu(1 - r).mean() + F.relu(1 + f).mean(), F.relu(1 - f).mean()


def hi_signs(r, f):
    return F.relu(1 + r).mean() + F.relu(1 - f).mean(), -f.mean()


def hi_after_mean(r, f):
    return F.relu(1 - r.mean()) + F.relu(1 + f.mean()), -f.mean()


def hi_no_relu(r, f):
    return (1 - r).mean() + (1 + f).mean(), -f.mean()


def hi_fake_sign(r, f):
    return F.relu(1 - r).mean() + F.relu(1 - f).mean(), -f.mean()


def hi_gen_sign(r, f):
    return F.relu(1 - r).mean() + F.relu(1 + f).mean(), f.mean()


def hi_half(r, f):
    return (F.relu(1 - r).mean() + F.relu(1 + f).mean()) / 2, -f.mean()


def hi_swapped(r, f):
    return -f.mean(), F.relu(1 - r).mean() + F.relu(1 + f).mean()


def hi_sum(r, f):
    return F.relu(1 - r).sum() + F.relu(1 + f).sum(), -f.sum()


def hi_margin_zero(r, f):
    return F.relu(-r).mean() + F.relu(f).mean(), -f.mean()


def hi_softplus(r, f):
    return F.softplus(1 - r).mean() + F.softplus(1 + f).mean(), -f.mean()


def hi_square(r, f):
    return F.relu(1 - r).square().mean() + F.relu(1 + f).square().mean(), -f.mean()


def hi_minus(r, f):
    return -(F.relu(1 - r).mean() + F.relu(1 + f).mean()), -f.mean()


def hi_min_form(r, f):
    return (r - 1).clamp(max=0).mean() + (-f - 1).clamp(max=0).mean(), -f.mean()


def hi_together(r, f):
    return F.relu(1 - r + 1 + f).mean(), -f.mean()


def hi_only_d(r, f):
    return F.relu(1 - r).mean() + F.relu(1 + f).mean()


def hi_one_mean(r, f):
    return torch.cat([F.relu(1 - r), F.relu(1 + f)]).mean(), -f.mean()


def hi_gen_real(r, f):
    return F.relu(1 - r).mean() + F.relu(1 + f).mean(), r.mean() - f.mean()


SLIPS = [
    (hi_gen_hinge, "generator_with_margin"),
    (hi_signs, "groups_swapped"),
    (hi_after_mean, "mean_before_the_cut"),
    (hi_no_relu, "not_cut_off"),
    (hi_fake_sign, "fakes_as_reals"),
    (hi_gen_sign, "generator_sign"),
    (hi_half, "halved"),
    (hi_swapped, "exchanged"),
    (hi_sum, "summed"),
    (hi_margin_zero, "no_margin"),
    (hi_softplus, "rounded_off"),
    (hi_square, "squared"),
    (hi_minus, "negated"),
    (hi_min_form, "negated"),
    (hi_together, "added_in_pairs"),
    (hi_only_d, "discriminator_alone"),
    (hi_one_mean, "one_mean"),
    (hi_gen_real, "generator_sees_reals"),
]


def hi_right(r, f):
    return F.relu(1 - r).mean() + F.relu(1 + f).mean()


SLIPS += [
    (lambda r, f: (F.relu(r - 1).mean() + F.relu(1 + f).mean(), -f.mean()), "reversed_inside"),
    (lambda r, f: (F.relu(r - 1).mean() + F.relu(-1 - f).mean(), -f.mean()), "reversed_inside"),
    (lambda r, f: (hi_right(r, f), -F.relu(1 + f).mean()), "generator_with_margin"),
    (lambda r, f: (hi_right(r, f), -F.relu(f).mean()), "generator_with_margin"),
    (lambda r, f: (hi_right(r, f), F.softplus(-f).mean()), "generator_cross_entropy"),
    (lambda r, f: (hi_right(r, f), -f.sum()), "generator_summed"),
    (lambda r, f: (hi_right(r, f), -f.detach().mean()), "generator_cut_off"),
    (lambda r, f: (F.relu(1 - r).mean() - F.relu(1 + f).mean(), -f.mean()), "second_subtracted"),
    (
        lambda r, f: (F.softplus(-r).mean() + F.softplus(f).mean(), F.softplus(-f).mean()),
        "cross_entropies",
    ),
    (lambda r, f: (f.mean() - r.mean(), -f.mean()), "wasserstein"),
    (lambda r, f: (F.relu(1 - r) + F.relu(1 + f), -f), "added_in_pairs"),
    (lambda r, f: (F.relu(1 - r), F.relu(1 + f)), "not_reduced"),
    (lambda r, f: hi_right(r, f) - f.mean(), "added_into_one"),
    (lambda r, f: (F.relu(1 - r).mean(), F.relu(1 + f).mean(), -f.mean()), "three_parts"),
    (
        lambda r, f: (F.leaky_relu(1 - r).mean() + F.leaky_relu(1 + f).mean(), -f.mean()),
        "leaky",
    ),
    (
        lambda r, f: ((1 - r).clamp(0, 1).mean() + (1 + f).clamp(0, 1).mean(), -f.mean()),
        "cut_above",
    ),
    (lambda r, f: ((1 - r).abs().mean() + (1 + f).abs().mean(), -f.mean()), "absolute"),
    (lambda r, f: (F.relu(0.5 - r).mean() + F.relu(0.5 + f).mean(), -f.mean()), None),
]
