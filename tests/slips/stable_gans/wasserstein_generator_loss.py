"""What students may write for `wasserstein_generator_loss`, each with its cause."""

import torch.nn.functional as F


def wg_sign(f):
    return f.mean()


def wg_softplus(f):
    return F.softplus(-f).mean()


def wg_saturating(f):
    return -F.softplus(f).mean()


def wg_sum(f):
    return -f.sum()


def wg_no_mean(f):
    return -f


def wg_sigmoid(f):
    return -f.sigmoid().mean()


def wg_detach(f):
    return -f.detach().mean()


def wg_item(f):
    return -f.mean().item()


def wg_abs(f):
    return f.abs().mean()


def wg_hinge(f):
    return F.relu(1 - f).mean()


def wg_one_minus(f):
    return (1 - f).mean()


def wg_square(f):
    return (f - 1).square().mean()


SLIPS = [
    (wg_sign, "sign"),
    (wg_softplus, "cross_entropy"),
    (wg_saturating, "saturating"),
    (wg_sum, "summed"),
    (wg_no_mean, "not_reduced"),
    (wg_sigmoid, "through_a_sigmoid"),
    (wg_detach, "something on the way cuts the graph"),
    (wg_item, "got the float"),
    (wg_abs, "absolute"),
    (wg_hinge, "hinge"),
    (wg_one_minus, None),
    (wg_square, "least_squares"),
]

SLIPS += [
    (lambda f: (1 - f.sigmoid()).mean(), "through_a_sigmoid"),
    (lambda f: F.binary_cross_entropy_with_logits(f, f.detach() * 0 + 1), "cross_entropy"),
    (lambda f: F.binary_cross_entropy_with_logits(f, f.detach() * 0), "the_judges_loss"),
    (lambda f: F.logsigmoid(f).mean(), "log_sigmoid"),
    (lambda f: f.square().mean(), "squared"),
    (lambda f: -f.square().mean(), "squared"),
    (lambda f: -F.relu(f).mean(), "cut_at_zero"),
    (lambda f: F.relu(1 + f).mean(), "hinge"),
    (lambda f: -f.mean() / 2, "halved"),
    (lambda f: -f.max(), "best_alone"),
    (lambda f: None, "does the function return?"),
    (lambda f: (-f.mean(),), "is there a comma behind the value"),
    (lambda f: -f.detach().numpy().mean(), "got the float"),
    (lambda f: (-f).exp().mean(), None),
]
