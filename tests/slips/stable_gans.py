"""Ten wrong answers and more to each exercise of lesson 11, as a student may write them.

Beside each its cause. `None`: no cause is known, and the message must not claim one. A text in the
place of a name: what the message itself says of the cause.
"""

import copy

import torch
import torch.nn.functional as F

from tests.lessons import solution

modes_covered = solution("stable_gans.modes_covered")
clip_gradient_norm = solution("stable_gans.clip_gradient_norm")
gradient_penalty = solution("stable_gans.gradient_penalty")
spectral_norm_estimate = solution("stable_gans.spectral_norm_estimate")
r1_penalty = solution("stable_gans.r1_penalty")
ema_update = solution("stable_gans.ema_update")


# modes_covered
def any_sample(samples, centers, radius, at_least):
    d = torch.cdist(samples, centers)
    hits = (d <= radius).any(dim=0).sum().item()
    return hits, (d.min(1).values <= radius).float().mean().item()


def counts_all_nearest(samples, centers, radius, at_least):
    d, i = torch.cdist(samples, centers).min(dim=1)
    counts = torch.bincount(i, minlength=len(centers))
    return (counts >= at_least).sum().item(), (d <= radius).float().mean().item()


def strictly_more(samples, centers, radius, at_least):
    d, i = torch.cdist(samples, centers).min(dim=1)
    good = d <= radius
    counts = torch.bincount(i[good], minlength=len(centers))
    return (counts > at_least).sum().item(), good.float().mean().item()


def strictly_inside(samples, centers, radius, at_least):
    d, i = torch.cdist(samples, centers).min(dim=1)
    good = d < radius
    counts = torch.bincount(i[good], minlength=len(centers))
    return (counts >= at_least).sum().item(), good.float().mean().item()


def squared_distance(samples, centers, radius, at_least):
    d, i = (samples[:, None] - centers).square().sum(-1).min(dim=1)
    good = d <= radius
    counts = torch.bincount(i[good], minlength=len(centers))
    return (counts >= at_least).sum().item(), good.float().mean().item()


def city_block(samples, centers, radius, at_least):
    d, i = (samples[:, None] - centers).abs().sum(-1).min(dim=1)
    good = d <= radius
    counts = torch.bincount(i[good], minlength=len(centers))
    return (counts >= at_least).sum().item(), good.float().mean().item()


def nearest_sample_of_center(samples, centers, radius, at_least):
    d = torch.cdist(samples, centers).amin(dim=0)
    good = d <= radius
    return good.sum().item(), good.float().mean().item()


def share_of_modes(samples, centers, radius, at_least):
    d, i = torch.cdist(samples, centers).min(dim=1)
    good = d <= radius
    counts = torch.bincount(i[good], minlength=len(centers))
    found = (counts >= at_least).sum().item()
    return found, found / len(centers)


def count_of_good(samples, centers, radius, at_least):
    d, i = torch.cdist(samples, centers).min(dim=1)
    good = d <= radius
    counts = torch.bincount(i[good], minlength=len(centers))
    return (counts >= at_least).sum().item(), good.sum().item()


def swapped(samples, centers, radius, at_least):
    return modes_covered(samples, centers, radius, at_least)[::-1]


def good_in_found_only(samples, centers, radius, at_least):
    d, i = torch.cdist(samples, centers).min(dim=1)
    counts = torch.bincount(i[d <= radius], minlength=len(centers))
    found = counts >= at_least
    return found.sum().item(), counts[found].sum().item() / len(samples)


def every_center_in_reach(samples, centers, radius, at_least):
    near = torch.cdist(samples, centers) <= radius
    return (near.sum(0) >= at_least).sum().item(), near.any(1).float().mean().item()


def mean_of_matrix(samples, centers, radius, at_least):
    near = torch.cdist(samples, centers) <= radius
    found = modes_covered(samples, centers, radius, at_least)[0]
    return found, near.float().mean().item()


# clip_gradient_norm
def each_alone(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.cat([g.flatten() for g in grads]).norm()
    for g in grads:
        g.mul_((max_norm / g.norm()).clamp(max=1))
    return norm


def by_value(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.cat([g.flatten() for g in grads]).norm()
    for g in grads:
        g.clamp_(-max_norm, max_norm)
    return norm


def always_scaled(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.cat([g.flatten() for g in grads]).norm()
    for g in grads:
        g.mul_(max_norm / norm)
    return norm


def not_in_place(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.cat([g.flatten() for g in grads]).norm()
    for g in grads:
        g = g * (max_norm / norm).clamp(max=1)
    return norm


def iterator_used_up(parameters, max_norm):
    norm = sum(p.grad.square().sum() for p in parameters if p.grad is not None) ** 0.5
    for p in parameters:
        if p.grad is not None:
            p.grad.mul_((max_norm / norm).clamp(max=1))
    return norm


def forgets_none(parameters, max_norm):
    parameters = list(parameters)
    norm = torch.cat([p.grad.flatten() for p in parameters]).norm()
    for p in parameters:
        p.grad.mul_((max_norm / norm).clamp(max=1))
    return norm


def norm_after(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.cat([g.flatten() for g in grads]).norm()
    for g in grads:
        g.mul_((max_norm / norm).clamp(max=1))
    return torch.cat([g.flatten() for g in grads]).norm()


def sum_of_norms(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = sum(g.norm() for g in grads)
    for g in grads:
        g.mul_((max_norm / norm).clamp(max=1))
    return norm


def squared_norm(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = sum(g.square().sum() for g in grads)
    for g in grads:
        g.mul_((max_norm / norm).clamp(max=1))
    return norm


def clips_weights(parameters, max_norm):
    ps = [p for p in parameters if p.grad is not None]
    norm = torch.cat([p.grad.flatten() for p in ps]).norm()
    with torch.no_grad():
        for p in ps:
            p.mul_((max_norm / norm).clamp(max=1))
    return norm


def returns_nothing(parameters, max_norm):
    clip_gradient_norm(parameters, max_norm)


def norm_of_weights(parameters, max_norm):
    ps = [p for p in parameters if p.grad is not None]
    norm = torch.cat([p.detach().flatten() for p in ps]).norm()
    for p in ps:
        p.grad.mul_((max_norm / norm).clamp(max=1))
    return norm


def factor_upside_down(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.cat([g.flatten() for g in grads]).norm()
    for g in grads:
        g.mul_((norm / max_norm).clamp(max=1))
    return norm


def largest_norm(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = max(g.norm() for g in grads)
    for g in grads:
        g.mul_((max_norm / norm).clamp(max=1))
    return norm


# critic_loss
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


# wasserstein_generator_loss
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


# gradient_penalty
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


# spectral_norm_estimate
def sn_no_normalize(weight, u, iterations):
    matrix = weight.flatten(1)
    with torch.no_grad():
        for _ in range(iterations):
            v = matrix.T @ u
            u = matrix @ v
    return u @ matrix @ v, u


def sn_detached(weight, u, iterations):
    matrix = weight.detach().flatten(1)
    for _ in range(iterations):
        v = F.normalize(matrix.T @ u, dim=0)
        u = F.normalize(matrix @ v, dim=0)
    return u @ matrix @ v, u


def sn_graph_through(weight, u, iterations):
    matrix = weight.flatten(1)
    for _ in range(iterations):
        v = F.normalize(matrix.T @ u, dim=0)
        u = F.normalize(matrix @ v, dim=0)
    return u @ matrix @ v, u


def sn_frobenius(weight, u, iterations):
    return weight.norm(), u


def sn_svd(weight, u, iterations):
    return torch.linalg.matrix_norm(weight.flatten(1), 2), u


def sn_old_u(weight, u, iterations):
    return spectral_norm_estimate(weight, u, iterations)[0], u


def sn_in_place(weight, u, iterations):
    s, n = spectral_norm_estimate(weight, u, iterations)
    u.copy_(n)
    return s, u


def sn_one_iteration(weight, u, iterations):
    return spectral_norm_estimate(weight, u, 1)


def sn_reshape_in(weight, u, iterations):
    matrix = weight.reshape(-1, weight.shape[-1])
    return spectral_norm_estimate(matrix, u, iterations)


def sn_no_reshape(weight, u, iterations):
    matrix = weight
    with torch.no_grad():
        for _ in range(iterations):
            v = F.normalize(matrix.T @ u, dim=0)
            u = F.normalize(matrix @ v, dim=0)
    return u @ matrix @ v, u


def sn_returns_v(weight, u, iterations):
    matrix = weight.flatten(1)
    with torch.no_grad():
        for _ in range(iterations):
            v = F.normalize(matrix.T @ u, dim=0)
            u = F.normalize(matrix @ v, dim=0)
    return u @ matrix @ v, v


def sn_normalized_weight(weight, u, iterations):
    s, u = spectral_norm_estimate(weight, u, iterations)
    return weight / s, u


def sn_squared(weight, u, iterations):
    matrix = weight.flatten(1)
    u = spectral_norm_estimate(weight, u, iterations)[1]
    return u @ matrix @ matrix.T @ u, u


def sn_item(weight, u, iterations):
    s, u = spectral_norm_estimate(weight, u, iterations)
    return s.item(), u


def sn_only_sigma(weight, u, iterations):
    return spectral_norm_estimate(weight, u, iterations)[0]


def sn_v_last(weight, u, iterations):
    matrix = weight.flatten(1)
    with torch.no_grad():
        v = F.normalize(matrix.T @ u, dim=0)
        for _ in range(iterations):
            u = F.normalize(matrix @ v, dim=0)
            v = F.normalize(matrix.T @ u, dim=0)
    return u @ matrix @ v, u


def sn_random_u(weight, u, iterations):
    return spectral_norm_estimate(weight, F.normalize(torch.randn_like(u), dim=0), iterations)


def sn_norm_wv(weight, u, iterations):
    matrix = weight.flatten(1)
    with torch.no_grad():
        for _ in range(iterations):
            v = F.normalize(matrix.T @ u, dim=0)
            u = F.normalize(matrix @ v, dim=0)
    return (matrix.T @ u).norm(), u


def sn_sigma_no_grad(weight, u, iterations):
    with torch.no_grad():
        return spectral_norm_estimate(weight, u, iterations)


# hinge_losses
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


# r1_penalty
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


# ema_update
def pairs_of(a, m):
    return zip(a.parameters(), m.parameters(), strict=True), zip(
        a.buffers(), m.buffers(), strict=True
    )


def em_swapped_decay(average, model, decay):
    ema_update(average, model, 1 - decay)


def em_no_buffers(average, model, decay):
    with torch.no_grad():
        for a, m in pairs_of(average, model)[0]:
            a.lerp_(m, 1 - decay)


def em_rebinds(average, model, decay):
    with torch.no_grad():
        for a, m in pairs_of(average, model)[0]:
            a = decay * a + (1 - decay) * m
        for a, m in pairs_of(average, model)[1]:
            a.copy_(m)


def em_new_tensors(average, model, decay):
    with torch.no_grad():
        for a, m in pairs_of(average, model)[0]:
            a.data = decay * a.data + (1 - decay) * m.data
        for a, m in pairs_of(average, model)[1]:
            a.copy_(m)


def em_averages_buffers(average, model, decay):
    with torch.no_grad():
        for a, m in pairs_of(average, model)[0]:
            a.lerp_(m, 1 - decay)
        for a, m in pairs_of(average, model)[1]:
            a.copy_(decay * a + (1 - decay) * m)


def em_lerp_buffers(average, model, decay):
    with torch.no_grad():
        for group in pairs_of(average, model):
            for a, m in group:
                a.lerp_(m, 1 - decay)


def em_moves_model(average, model, decay):
    ema_update(model, average, decay)


def em_no_grad_forgotten(average, model, decay):
    for a, m in pairs_of(average, model)[0]:
        a.mul_(decay).add_((1 - decay) * m)
    for a, m in pairs_of(average, model)[1]:
        a.copy_(m)


def em_load_state(average, model, decay):
    average.load_state_dict(model.state_dict())


def em_returns_copy(average, model, decay):
    average = copy.deepcopy(average)
    ema_update(average, model, decay)
    return average


def em_add_without_decay(average, model, decay):
    with torch.no_grad():
        for a, m in pairs_of(average, model)[0]:
            a.mul_(decay).add_(m)
        for a, m in pairs_of(average, model)[1]:
            a.copy_(m)


def em_returns_average(average, model, decay):
    ema_update(average, model, decay)
    return average


def em_running_sum(average, model, decay):
    with torch.no_grad():
        for a, m in pairs_of(average, model)[0]:
            a.add_(m, alpha=1 - decay)
        for a, m in pairs_of(average, model)[1]:
            a.copy_(m)


def em_aliased(average, model, decay):
    with torch.no_grad():
        for a, m in pairs_of(average, model)[0]:
            a.lerp_(m, 1 - decay)
        for a, m in pairs_of(average, model)[1]:
            a.data = m.data


def em_buffers_rebound(average, model, decay):
    with torch.no_grad():
        for a, m in pairs_of(average, model)[0]:
            a.lerp_(m, 1 - decay)
        for a, m in pairs_of(average, model)[1]:
            a = m


def em_mul_model(average, model, decay):
    with torch.no_grad():
        for a, m in pairs_of(average, model)[0]:
            a.mul_(decay).add_(m.mul_(1 - decay))
        for a, m in pairs_of(average, model)[1]:
            a.copy_(m)


def em_state_dict(average, model, decay):
    state = average.state_dict()
    for k, m in model.state_dict().items():
        state[k] = decay * state[k] + (1 - decay) * m
    average.load_state_dict(state)


def em_parameter_set(average, model, decay):
    for (k, a), m in zip(list(average.named_parameters()), model.parameters(), strict=True):
        mod = average.get_submodule(k.rpartition(".")[0])
        setattr(
            mod, k.rpartition(".")[2], torch.nn.Parameter(decay * a.data + (1 - decay) * m.data)
        )
    for a, m in pairs_of(average, model)[1]:
        a.copy_(m)


SLIPS = {
    "stable_gans.modes_covered": [
        (any_sample, "one_is_enough"),
        (counts_all_nearest, "far_ones_counted"),
        (strictly_more, "more_than"),
        (strictly_inside, "edge_left_out"),
        (squared_distance, "squared_distances"),
        (city_block, "city_blocks"),
        (nearest_sample_of_center, "nearest_samples"),
        (share_of_modes, "modes_as_the_share"),
        (count_of_good, "number_of_good"),
        (swapped, "exchanged"),
        (good_in_found_only, "share_in_found_modes"),
        (every_center_in_reach, "counted_for_several"),
        (mean_of_matrix, "over_all_pairs"),
    ],
    "stable_gans.clip_gradient_norm": [
        (each_alone, "each_by_itself"),
        (by_value, "entries_clamped"),
        (always_scaled, "always_scaled"),
        (not_in_place, "copies_scaled"),
        (iterator_used_up, "copies_scaled"),
        (forgets_none, "none_not_expected"),
        (norm_after, "norm_afterwards"),
        (sum_of_norms, "norms_added"),
        (squared_norm, "root_forgotten"),
        (clips_weights, "weights_scaled"),
        (returns_nothing, "nothing_returned"),
        (norm_of_weights, "norm_of_the_weights"),
        (factor_upside_down, "upside_down"),
        (largest_norm, "largest_entry"),
    ],
    "stable_gans.critic_loss": [
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
    ],
    "stable_gans.wasserstein_generator_loss": [
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
    ],
    "stable_gans.gradient_penalty": [
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
    ],
    "stable_gans.spectral_norm_estimate": [
        (sn_no_normalize, "not_normalized"),
        (sn_detached, "sigma_cut_off"),
        (sn_graph_through, "u_with_graph"),
        (sn_frobenius, "frobenius"),
        (sn_svd, "exact"),
        (sn_old_u, "u_kept"),
        (sn_in_place, "u changed in place"),
        (sn_one_iteration, "one_iteration"),
        (sn_reshape_in, "rows_and_columns"),
        (sn_no_reshape, "four_axes_transposed"),
        (sn_returns_v, "v_returned"),
        (sn_normalized_weight, "weight_returned"),
        (sn_squared, "squared"),
        (sn_item, "got the float"),
        (sn_only_sigma, "expected 2 results"),
        (sn_v_last, "one_half_step_more"),
        (sn_random_u, "starts_at_random"),
        (sn_norm_wv, "one_half_step_more"),
        (sn_sigma_no_grad, "sigma_cut_off"),
    ],
    "stable_gans.hinge_losses": [
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
    ],
    "stable_gans.r1_penalty": [
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
    ],
    "stable_gans.ema_update": [
        (em_swapped_decay, "weights_swapped"),
        (em_no_buffers, "buffers_forgotten"),
        (em_rebinds, "nothing_written"),
        (em_new_tensors, "new_data"),
        (em_averages_buffers, "buffers_averaged"),
        (em_lerp_buffers, "buffers_mixed"),
        (em_moves_model, "model_changed"),
        (em_no_grad_forgotten, "with_a_graph"),
        (em_load_state, "copied"),
        (em_returns_copy, "copy_returned"),
        (em_add_without_decay, "added"),
        (em_returns_average, "something_returned"),
        (em_running_sum, "not_shrunk"),
        (em_aliased, "shared_buffers"),
        (em_buffers_rebound, "buffers_forgotten"),
        (em_mul_model, "model_changed"),
        (em_state_dict, "buffers_averaged"),
        (em_parameter_set, "new_parameters"),
    ],
}
