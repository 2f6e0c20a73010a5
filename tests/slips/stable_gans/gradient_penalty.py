"""What students may write for `gradient_penalty`, each with its cause."""

import torch

from tests.lessons import solution

gradient_penalty = solution("stable_gans.gradient_penalty")


def penalty_gradient(critic, real, fake, mix):
    m = mix.reshape(-1, *[1] * (real.ndim - 1))
    x = (m * real + (1 - m) * fake).detach().requires_grad_()
    (g,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return g


def gp_no_graph(critic, real, fake, mix):
    m = mix.reshape(-1, *[1] * (real.ndim - 1))
    x = (m * real + (1 - m) * fake).detach().requires_grad_()
    (g,) = torch.autograd.grad(critic(x).sum(), x)
    return (g.flatten(1).norm(dim=1) - 1).square().mean()


def gp_whole_batch(critic, real, fake, mix):
    return (penalty_gradient(critic, real, fake, mix).norm() - 1).square()


def gp_wrong_way(critic, real, fake, mix):
    g = penalty_gradient(critic, fake, real, mix)
    return (g.flatten(1).norm(dim=1) - 1).square().mean()


def gp_zero(critic, real, fake, mix):
    return penalty_gradient(critic, real, fake, mix).flatten(1).norm(dim=1).square().mean()


def gp_at_real(critic, real, fake, mix):
    return (penalty_gradient(critic, real, real, mix).flatten(1).norm(dim=1) - 1).square().mean()


def gp_square_minus_one(critic, real, fake, mix):
    return (
        (penalty_gradient(critic, real, fake, mix).flatten(1).square().sum(1) - 1).square().mean()
    )


def gp_one_sided(critic, real, fake, mix):
    return (
        (penalty_gradient(critic, real, fake, mix).flatten(1).norm(dim=1) - 1)
        .relu()
        .square()
        .mean()
    )


def gp_lambda(critic, real, fake, mix):
    return (
        10 * (penalty_gradient(critic, real, fake, mix).flatten(1).norm(dim=1) - 1).square().mean()
    )


def gp_backward(critic, real, fake, mix):
    m = mix.reshape(-1, *[1] * (real.ndim - 1))
    x = (m * real + (1 - m) * fake).detach().requires_grad_()
    critic(x).sum().backward(create_graph=True)
    return (x.grad.flatten(1).norm(dim=1) - 1).square().mean()


def gp_mean_scores(critic, real, fake, mix):
    m = mix.reshape(-1, *[1] * (real.ndim - 1))
    x = (m * real + (1 - m) * fake).detach().requires_grad_()
    (g,) = torch.autograd.grad(critic(x).mean(), x, create_graph=True)
    return (g.flatten(1).norm(dim=1) - 1).square().mean()


def gp_norm_dim1(critic, real, fake, mix):
    return (penalty_gradient(critic, real, fake, mix).norm(dim=1) - 1).square().mean()


def gp_mean_then_square(critic, real, fake, mix):
    return (penalty_gradient(critic, real, fake, mix).flatten(1).norm(dim=1).mean() - 1).square()


def gp_four_axes(critic, real, fake, mix):
    m = mix.reshape(-1, 1, 1, 1)
    x = (m * real + (1 - m) * fake).detach().requires_grad_()
    (g,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (g.flatten(1).norm(dim=1) - 1).square().mean()


def gp_no_reshape(critic, real, fake, mix):
    x = (mix * real + (1 - mix) * fake).detach().requires_grad_()
    (g,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (g.flatten(1).norm(dim=1) - 1).square().mean()


def gp_own_mix(critic, real, fake, mix):
    return gradient_penalty(critic, real, fake, torch.rand_like(mix))


def gp_abs(critic, real, fake, mix):
    return (penalty_gradient(critic, real, fake, mix).flatten(1).norm(dim=1) - 1).abs().mean()


def gp_sum(critic, real, fake, mix):
    return (penalty_gradient(critic, real, fake, mix).flatten(1).norm(dim=1) - 1).square().sum()


def gp_no_requires(critic, real, fake, mix):
    m = mix.reshape(-1, *[1] * (real.ndim - 1))
    x = m * real + (1 - m) * fake
    (g,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (g.flatten(1).norm(dim=1) - 1).square().mean()


def gp_each(critic, real, fake, mix):
    return (penalty_gradient(critic, real, fake, mix).flatten(1).norm(dim=1) - 1).square()


def gp_one_mix(critic, real, fake, mix):
    return gradient_penalty(critic, real, fake, mix[:1].expand_as(mix))


SLIPS = [
    (gp_no_graph, "graph_not_kept"),
    (gp_whole_batch, "norm_of_the_batch"),
    (gp_wrong_way, "mix_turned_round"),
    (gp_zero, "toward_zero"),
    (gp_at_real, "at_the_reals"),
    (gp_square_minus_one, "root_forgotten"),
    (gp_one_sided, "one_sided"),
    (gp_lambda, "ten_times"),
    (gp_backward, "left_in_grad"),
    (gp_mean_scores, "gradient_of_the_mean"),
    (gp_norm_dim1, "norm_over_one_axis"),
    (gp_mean_then_square, "mean_norm_first"),
    (gp_four_axes, "four_axes_assumed"),
    (gp_no_reshape, "mix_on_the_last_axis"),
    (gp_own_mix, "drawn_inside"),
    (gp_abs, "norm_not_squared"),
    (gp_sum, "summed"),
    (gp_no_requires, "no_leaf"),
    (gp_each, "not_reduced"),
    (gp_one_mix, "one_mix_for_all"),
]
