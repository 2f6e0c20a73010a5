"""What students may write for `ema_update`, each with its cause."""

import copy

import torch
from torch import nn

from tests.lessons import solution

ema_update = solution("stable_gans.ema_update")


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


SLIPS = [
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
]


@torch.no_grad()
def e_sub(a, m, d):
    for x, y in pairs_of(a, m)[0]:
        x.sub_((1 - d) * (y - x))
    for x, y in pairs_of(a, m)[1]:
        x.copy_(y)


@torch.no_grad()
def e_only_weight(a, m, d):
    for (n, x), y in zip(a.named_parameters(), m.parameters(), strict=True):
        if n.endswith("weight"):
            x.lerp_(y, 1 - d)
    for x, y in pairs_of(a, m)[1]:
        x.copy_(y)


def e_eval(a, m, d):
    m.eval()
    with torch.no_grad():
        for x, y in pairs_of(a, m)[0]:
            x.lerp_(y, 1 - d)
        for x, y in pairs_of(a, m)[1]:
            x.copy_(y)


@torch.no_grad()
def e_float_only(a, m, d):
    for x, y in pairs_of(a, m)[0]:
        x.lerp_(y, 1 - d)
    for x, y in pairs_of(a, m)[1]:
        if x.is_floating_point():
            x.copy_(y)


@torch.no_grad()
def e_bn_copy(a, m, d):
    for x, y in pairs_of(a, m)[0]:
        x.lerp_(y, 1 - d)
    for x, y in zip(a.modules(), m.modules(), strict=True):
        if isinstance(x, nn.BatchNorm1d):
            x.running_mean.copy_(y.running_mean)
            x.running_var.copy_(y.running_var)


@torch.no_grad()
def e_float_ema(a, m, d):
    for x, y in pairs_of(a, m)[0]:
        x.lerp_(y, 1 - d)
    for x, y in pairs_of(a, m)[1]:
        if x.is_floating_point():
            x.lerp_(y, 1 - d)
        else:
            x.copy_(y)


@torch.no_grad()
def e_twice(a, m, d):
    for x, y in pairs_of(a, m)[0]:
        x.mul_(d)
        x.add_(y * (1 - d))
        x.lerp_(y, 1 - d)
    for x, y in pairs_of(a, m)[1]:
        x.copy_(y)


def e_state_load(a, m, d):
    s = a.state_dict()
    t = m.state_dict()
    for k in s:
        s[k].lerp_(t[k], 1 - d)


@torch.no_grad()
def e_named(a, m, d):
    t = dict(m.named_parameters())
    for k, x in a.named_parameters():
        x = x * d + t[k] * (1 - d)


@torch.no_grad()
def e_grad(a, m, d):
    for x, y in pairs_of(a, m)[0]:
        x.grad = d * x + (1 - d) * y
    for x, y in pairs_of(a, m)[1]:
        x.copy_(y)


@torch.no_grad()
def e_children(a, m, d):
    for x, y in zip(a.children(), m.children(), strict=True):
        if hasattr(x, "weight"):
            x.weight.lerp_(y.weight, 1 - d)


@torch.no_grad()
def e_requires(a, m, d):
    for x, y in pairs_of(a, m)[0]:
        x.lerp_(y, 1 - d)
        x.requires_grad_(False)
    for x, y in pairs_of(a, m)[1]:
        x.copy_(y)


@torch.no_grad()
def e_detach_assign(a, m, d):
    for x, y in pairs_of(a, m)[0]:
        x.data = x.data.mul(d).add(y.data, alpha=1 - d)
    for x, y in pairs_of(a, m)[1]:
        x.data = y.data.clone()


@torch.no_grad()
def e_deepcopy(a, m, d):
    a = copy.deepcopy(m)  # noqa: F841


@torch.no_grad()
def e_ret_list(a, m, d):
    return [d * x + (1 - d) * y for x, y in pairs_of(a, m)[0]]


@torch.no_grad()
def e_bn_named(a, m, d):
    for x, y in pairs_of(a, m)[0]:
        x.lerp_(y, 1 - d)
    for x, y in zip(a.modules(), m.modules(), strict=True):
        if isinstance(x, nn.BatchNorm1d):
            x.running_mean = y.running_mean
            x.running_var = y.running_var


SLIPS += [
    (e_sub, "moved_away"),
    (e_only_weight, "biases_forgotten"),
    (e_eval, "in_eval_mode"),
    (e_float_only, "counter_forgotten"),
    (e_bn_copy, "counter_forgotten"),
    (e_float_ema, "buffers_averaged"),
    (e_twice, "twice"),
    (e_state_load, "buffers_mixed"),
    (e_named, "nothing_written"),
    (e_grad, "nothing_written"),
    (e_children, "nothing_written"),
    (e_requires, "frozen"),
    (e_detach_assign, "new_data"),
    (e_deepcopy, "nothing_written"),
    (e_ret_list, "copy_returned"),
    (e_bn_named, None),
]
