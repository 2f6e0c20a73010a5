"""What students may write for `critic_loss`, each with its cause."""

import torch
import torch.nn.functional as F


def cl_sign(r, f):
    return r.mean() - f.mean()


def cl_bce(r, f):
    return F.softplus(-r).mean() + F.softplus(f).mean()


def cl_sigmoid(r, f):
    return f.sigmoid().mean() - r.sigmoid().mean()


def cl_paired(r, f):
    return (f - r).mean()


def cl_sum(r, f):
    return f.sum() - r.sum()


def cl_abs(r, f):
    return -(r.mean() - f.mean()).abs()


def cl_no_mean(r, f):
    return f - r


def cl_plus(r, f):
    return -(r.mean() + f.mean())


def cl_hinge(r, f):
    return F.relu(1 - r).mean() + F.relu(1 + f).mean()


def cl_item(r, f):
    return f.mean().item() - r.mean().item()


def cl_log(r, f):
    return -(r.sigmoid().log().mean() - f.sigmoid().log().mean())


def cl_half(r, f):
    return (f.mean() - r.mean()) / 2


def cl_one_mean(r, f):
    return torch.cat([f, -r]).mean()


SLIPS = [
    (cl_sign, "sign"),
    (cl_bce, "cross_entropy"),
    (cl_sigmoid, "through_a_sigmoid"),
    (cl_paired, "subtracted_in_pairs"),
    (cl_sum, "summed"),
    (cl_abs, "absolute_difference"),
    (cl_no_mean, "subtracted_in_pairs"),
    (cl_plus, "all_called_real"),
    (cl_hinge, "hinge"),
    (cl_item, "got the float"),
    (cl_log, "logarithms"),
    (cl_half, "halved"),
    (cl_one_mean, "one_mean"),
]

SLIPS += [
    (lambda r, f: -f.mean(), "generators_loss"),
    (lambda r, f: -r.mean(), "reals_alone"),
    (lambda r, f: f.mean(), "fakes_alone"),
    (lambda r, f: (f.mean() - r.mean()) ** 2, "squared_difference"),
    (lambda r, f: (r - 1).square().mean() + f.square().mean(), "least_squares"),
    (lambda r, f: (f.mean(), r.mean()), "two_means"),
    (lambda r, f: f.detach().mean() - r.mean(), "something on the way cuts the graph"),
    (lambda r, f: f.mean() + r.mean(), "both_added"),
    (lambda r, f: (f[:, None] - r[None]).sum(), "pairs_summed"),
    (lambda r, f: (f.sum() - r.sum()) / len(r), "divided_by_one_size"),
    (lambda r, f: f.tanh().mean() - r.tanh().mean(), "through_a_sigmoid"),
    (lambda r, f: F.relu(f).mean() - F.relu(r).mean(), "cut_at_zero"),
    (lambda r, f: f.max() - r.max(), None),
]
