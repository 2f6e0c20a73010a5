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
