"""What students may write for `clip_gradient_norm`, each with its cause."""

import torch

from tests.lessons import solution

clip_gradient_norm = solution("stable_gans.clip_gradient_norm")


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


SLIPS = [
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
]


def c_mean_norm(parameters, max_norm):
    g = [p.grad for p in parameters if p.grad is not None]
    n = torch.stack([x.norm() for x in g]).mean()
    for x in g:
        x.mul_((max_norm / n).clamp(max=1))
    return n


def c_loop_alone_return_sum(parameters, max_norm):
    total = 0
    for p in parameters:
        if p.grad is None:
            continue
        n = p.grad.norm()
        total = total + n
        if n > max_norm:
            p.grad.mul_(max_norm / n)
    return total


def c_assigns_data(parameters, max_norm):
    ps = [p for p in parameters if p.grad is not None]
    n = torch.cat([p.grad.flatten() for p in ps]).norm()
    if n > max_norm:
        for p in ps:
            p.data = p.data * max_norm / n
    return n


def c_l1(parameters, max_norm):
    g = [p.grad for p in parameters if p.grad is not None]
    n = sum(x.abs().sum() for x in g)
    for x in g:
        x.mul_((max_norm / n).clamp(max=1))
    return n


def c_subtract(parameters, max_norm):
    g = [p.grad for p in parameters if p.grad is not None]
    n = torch.cat([x.flatten() for x in g]).norm()
    if n > max_norm:
        for x in g:
            x.sub_(n - max_norm)
    return n


def c_set_max(parameters, max_norm):
    g = [p.grad for p in parameters if p.grad is not None]
    n = torch.cat([x.flatten() for x in g]).norm()
    if n > max_norm:
        for x in g:
            x.fill_(max_norm)
    return n


def c_zeroed(parameters, max_norm):
    ps = [p for p in parameters if p.grad is not None]
    n = torch.cat([p.grad.flatten() for p in ps]).norm()
    if n > max_norm:
        for p in ps:
            p.grad.zero_()
    return n


def c_returns_square(parameters, max_norm):
    g = [p.grad for p in parameters if p.grad is not None]
    n = torch.cat([x.flatten() for x in g]).norm()
    f = min(1.0, (max_norm / n).item()) if n > 0 else 0.0
    for x in g:
        x.mul_(f)
    return n**2


def c_list_norms(parameters, max_norm):
    g = [p.grad for p in parameters if p.grad is not None]
    n = [x.norm() for x in g]
    for x, k in zip(g, n, strict=True):
        x.mul_((max_norm / k).clamp(max=1))
    return n


def c_stack(parameters, max_norm):
    g = [p.grad for p in parameters if p.grad is not None]
    n = torch.stack(g).norm()
    for x in g:
        x.mul_((max_norm / n).clamp(max=1))
    return n


def c_div(parameters, max_norm):
    g = [p.grad for p in parameters if p.grad is not None]
    n = torch.cat([x.flatten() for x in g]).norm()
    if n > max_norm:
        for x in g:
            x.div_(n)
    return n


def c_len(parameters, max_norm):
    parameters = list(parameters)
    n = sum(p.grad.norm() ** 2 for p in parameters if p.grad is not None) ** 0.5
    n = n / len(parameters)
    for p in parameters:
        if p.grad is not None:
            p.grad.mul_((max_norm / n).clamp(max=1))
    return n


def c_returns_clipped_min(parameters, max_norm):
    g = [p.grad for p in parameters if p.grad is not None]
    n = torch.cat([x.flatten() for x in g]).norm()
    for x in g:
        x.mul_((max_norm / n).clamp(max=1))
    return min(n, max_norm)


def c_grads_returned(parameters, max_norm):
    g = [p.grad for p in parameters if p.grad is not None]
    n = torch.cat([x.flatten() for x in g]).norm()
    for x in g:
        x.mul_((max_norm / n).clamp(max=1))
    return g


SLIPS += [
    (c_mean_norm, "averaged"),
    (c_loop_alone_return_sum, "each_by_itself"),
    (c_assigns_data, "weights_scaled"),
    (c_l1, "absolute_values"),
    (c_subtract, "length_subtracted"),
    (c_set_max, "filled"),
    (c_zeroed, "thrown_away"),
    (c_returns_square, "root_forgotten"),
    (c_list_norms, "each_by_itself"),
    (c_stack, "stacked"),
    (c_div, "to_length_one"),
    (c_len, "averaged"),
    (c_returns_clipped_min, "norm_afterwards"),
    (c_grads_returned, "gradients_returned"),
]
