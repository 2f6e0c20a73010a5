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


def interp(real, fake, mix):
    m = mix.view(-1, *[1] * (real.ndim - 1))
    return m * real + (1 - m) * fake


def G(critic, x):
    return torch.autograd.grad(critic(x).sum(), x, create_graph=True)[0]


def g_only_norm(critic, real, fake, mix):
    return G(critic, interp(real, fake, mix).requires_grad_()).flatten(1).norm(dim=1).mean()


def g_logits_mean_pen(critic, real, fake, mix):
    return (critic(interp(real, fake, mix)) - 1).square().mean()


def g_slope_diff(critic, real, fake, mix):
    return (
        (((critic(real) - critic(fake)).abs() / (real - fake).flatten(1).norm(dim=1)) - 1)
        .square()
        .mean()
    )


def g_detached_norm(critic, real, fake, mix):
    g = G(critic, interp(real, fake, mix).requires_grad_()).detach()
    return (g.flatten(1).norm(dim=1) - 1).square().mean()


def g_square_inside(critic, real, fake, mix):
    g = G(critic, interp(real, fake, mix).requires_grad_())
    return ((g - 1) ** 2).mean()


def g_sum_pixels(critic, real, fake, mix):
    g = G(critic, interp(real, fake, mix).requires_grad_())
    return (g.flatten(1).sum(dim=1) - 1).square().mean()


def g_by_weights(critic, real, fake, mix):
    x = interp(real, fake, mix)
    gs = torch.autograd.grad(critic(x).sum(), list(critic.parameters()), create_graph=True)
    return (torch.cat([a.flatten() for a in gs]).norm() - 1).square()


def g_nograd_ctx(critic, real, fake, mix):
    with torch.no_grad():
        x = interp(real, fake, mix)
    x.requires_grad_()
    with torch.no_grad():
        s = critic(x)
    (g,) = torch.autograd.grad(s.sum(), x, create_graph=True)
    return (g.flatten(1).norm(dim=1) - 1).square().mean()


def g_at_both(critic, real, fake, mix):
    slopes = [G(critic, points.clone().requires_grad_()) for points in (real, fake)]
    return sum((g.flatten(1).norm(dim=1) - 1).square().mean() for g in slopes) / 2


def g_interp_sub(critic, real, fake, mix):
    m = mix.view(-1, *[1] * (real.ndim - 1))
    x = (real + m * (fake - real)).requires_grad_()
    return (G(critic, x).flatten(1).norm(dim=1) - 1).square().mean()


def g_dim_all(critic, real, fake, mix):
    g = G(critic, interp(real, fake, mix).requires_grad_())
    return (g.norm(dim=(1, 2, 3)) - 1).square().mean()


def g_norm_p1(critic, real, fake, mix):
    g = G(critic, interp(real, fake, mix).requires_grad_())
    return (g.flatten(1).norm(1, dim=1) - 1).square().mean()


def g_requires_after(critic, real, fake, mix):
    x = interp(real, fake, mix)
    s = critic(x)
    x.requires_grad_()
    (g,) = torch.autograd.grad(s.sum(), x, create_graph=True)
    return (g.flatten(1).norm(dim=1) - 1).square().mean()


def g_real_in_place(critic, real, fake, mix):
    real.requires_grad_()
    return (G(critic, real).flatten(1).norm(dim=1) - 1).square().mean()


def g_flat_view(critic, real, fake, mix):
    m = mix.view(-1, 1)
    x = (m * real.flatten(1) + (1 - m) * fake.flatten(1)).requires_grad_()
    return (G(critic, x).norm(dim=1) - 1).square().mean()


def g_eps_loss(critic, real, fake, mix):
    x = interp(real, fake, mix).requires_grad_()
    loss = critic(fake).mean() - critic(real).mean()
    (g,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return loss + (g.flatten(1).norm(dim=1) - 1).square().mean()


def g_neg(critic, real, fake, mix):
    g = G(critic, interp(real, fake, mix).requires_grad_())
    return (1 - g.flatten(1).square().sum(1)).mean()


SLIPS += [
    (g_only_norm, "toward_zero"),
    (g_logits_mean_pen, "scores_against_one"),
    (g_slope_diff, "difference_quotient"),
    (g_detached_norm, "graph_not_kept"),
    (g_square_inside, "entries_against_one"),
    (g_sum_pixels, "entries_added"),
    (g_by_weights, "by_the_weights"),
    (g_nograd_ctx, "no_leaf"),
    (g_at_both, "at_both_ends"),
    (g_interp_sub, "mix_turned_round"),
    (g_dim_all, "norm_of_three_axes"),
    (g_norm_p1, "city_blocks"),
    (g_requires_after, "asked_too_late"),
    (g_real_in_place, "requires_grad is left changed on real"),
    (g_flat_view, "points_flattened"),
    (g_eps_loss, "whole_loss"),
    (g_neg, None),
]
