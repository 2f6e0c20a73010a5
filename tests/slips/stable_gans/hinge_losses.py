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
