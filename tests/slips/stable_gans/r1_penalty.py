"""What students may write for `r1_penalty`, each with its cause."""

import torch
import torch.nn.functional as F

from tests.lessons import solution

r1_penalty = solution("stable_gans.r1_penalty")


def r1_no_graph(logits, x):
    (g,) = torch.autograd.grad(logits.sum(), x, retain_graph=True)
    return g.square().flatten(1).sum(1).mean()


def r1_no_graph_plain(logits, x):
    (g,) = torch.autograd.grad(logits.sum(), x)
    return g.square().flatten(1).sum(1).mean()


def r1_mean_all(logits, x):
    (g,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return g.square().mean()


def r1_sum_all(logits, x):
    (g,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return g.square().sum()


def r1_norm(logits, x):
    (g,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return g.flatten(1).norm(dim=1).mean()


def r1_one(logits, x):
    (g,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return (g.flatten(1).norm(dim=1) - 1).square().mean()


def r1_half(logits, x):
    return r1_penalty(logits, x) / 2


def r1_mean_logits(logits, x):
    (g,) = torch.autograd.grad(logits.mean(), x, create_graph=True)
    return g.square().flatten(1).sum(1).mean()


def r1_backward(logits, x):
    logits.sum().backward(create_graph=True)
    return x.grad.square().flatten(1).sum(1).mean()


def r1_squared_mean_norm(logits, x):
    (g,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return g.flatten(1).norm(dim=1).mean().square()


def r1_each(logits, x):
    (g,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return g.square().flatten(1).sum(1)


def r1_dim1(logits, x):
    (g,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return g.square().sum(dim=1).mean()


def r1_of_loss(logits, x):
    (g,) = torch.autograd.grad(F.softplus(-logits).sum(), x, create_graph=True)
    return g.square().flatten(1).sum(1).mean()


def r1_new_leaf(logits, x):
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return g.square().flatten(1).sum(1).mean()


def r1_grad_outputs(logits, x):
    (g,) = torch.autograd.grad(logits, x, create_graph=True)
    return g.square().flatten(1).sum(1).mean()


def r1_no_unpack(logits, x):
    g = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return g.square().flatten(1).sum(1).mean()


def r1_sigmoid(logits, x):
    (g,) = torch.autograd.grad(logits.sigmoid().sum(), x, create_graph=True)
    return g.square().flatten(1).sum(1).mean()


SLIPS = [
    (r1_no_graph, "graph_not_kept"),
    (r1_no_graph_plain, "graph_not_kept"),
    (r1_mean_all, "entries_averaged"),
    (r1_sum_all, "summed"),
    (r1_norm, "norm_not_squared"),
    (r1_one, "toward_one"),
    (r1_half, "halved"),
    (r1_mean_logits, "gradient_of_the_mean"),
    (r1_backward, "left_in_grad"),
    (r1_squared_mean_norm, "mean_norm_squared"),
    (r1_each, "not_reduced"),
    (r1_dim1, "per_pixel"),
    (r1_of_loss, "of_the_loss"),
    (r1_new_leaf, "by_a_copy"),
    (r1_grad_outputs, "logits_not_added"),
    (r1_no_unpack, "tuple_not_opened"),
    (r1_sigmoid, "of_the_probability"),
]


def rg(logits, x):
    return torch.autograd.grad(logits.sum(), x, create_graph=True)[0]


def r_mean_square(logits, x):
    return rg(logits, x).mean().square()


def r_gp_half(logits, x):
    return 0.5 * rg(logits, x).square().flatten(1).sum(1).mean() * 10


def r_abs(logits, x):
    return rg(logits, x).abs().flatten(1).sum(1).mean()


def r_norm_sqrt(logits, x):
    return rg(logits, x).flatten(1).sum(1).square().mean()


def r_logits_sq(logits, x):
    return logits.square().mean()


def r_x_sq(logits, x):
    return x.square().flatten(1).sum(1).mean()


def r_detach(logits, x):
    return rg(logits, x).detach().square().flatten(1).sum(1).mean()


def r_neg(logits, x):
    return -rg(logits, x).square().flatten(1).sum(1).mean()


def r_dims123(logits, x):
    return rg(logits, x).square().sum([1, 2, 3]).mean()


def r_max(logits, x):
    return rg(logits, x).flatten(1).norm(dim=1).max().square()


def r_rootmean(logits, x):
    return rg(logits, x).square().flatten(1).sum(1).mean().sqrt()


def r_bce(logits, x):
    (g,) = torch.autograd.grad(
        F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits)), x, create_graph=True
    )
    return g.square().flatten(1).sum(1).mean()


def r_xgrad_missing(logits, x):
    return x.grad.square().flatten(1).sum(1).mean()


def r_log(logits, x):
    (g,) = torch.autograd.grad(F.logsigmoid(logits).sum(), x, create_graph=True)
    return g.square().flatten(1).sum(1).mean()


def r_meanpix(logits, x):
    return rg(logits, x).square().flatten(1).mean(1).sum()


SLIPS += [
    (r_mean_square, "entries_added"),
    (r_gp_half, "five_times"),
    (r_abs, "absolute_values"),
    (r_norm_sqrt, "entries_added"),
    (r_logits_sq, "squared_logits"),
    (r_x_sq, "squared_images"),
    (r_detach, "graph_not_kept"),
    (r_neg, "negated"),
    (r_dims123, "four_axes_assumed"),
    (r_max, "steepest_alone"),
    (r_rootmean, "root_at_the_end"),
    (r_bce, "of_the_loss"),
    (r_xgrad_missing, "nothing_in_grad"),
    (r_log, "of_the_loss"),
    (r_meanpix, None),
]
