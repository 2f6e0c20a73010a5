"""What students may write for `spectral_norm_estimate`, each with its cause."""

import torch
import torch.nn.functional as F

from tests.lessons import solution

spectral_norm_estimate = solution("stable_gans.spectral_norm_estimate")


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


SLIPS = [
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
]


def s_start_v(weight, u, iterations):
    m = weight.flatten(1)
    v = u
    for _ in range(iterations):
        u = F.normalize(m.detach() @ v, dim=0)
        v = F.normalize(m.detach().T @ u, dim=0)
    return u @ m @ v, u


def s_normalize_dim(weight, u, iterations):
    m = weight.flatten(1)
    for _ in range(iterations):
        v = F.normalize(m.detach().T @ u)
        u = F.normalize(m.detach() @ v)
    return u @ m @ v, u


def s_max_entry(weight, u, iterations):
    return weight.abs().max(), u


def s_v_only_norm(weight, u, iterations):
    m = weight.flatten(1)
    f = m.detach()
    for _ in range(iterations):
        v = F.normalize(f.T @ u, dim=0)
        u = f @ v
    return u @ m @ v, u


def s_abs_norm_detach(weight, u, iterations):
    m = weight.flatten(1).detach()
    for _ in range(iterations):
        v = F.normalize(m.T @ u, dim=0)
        w = m @ v
        u = w / w.norm()
    return w.norm(), u


def s_indent(weight, u, iterations):
    m = weight.flatten(1)
    f = m.detach()
    for _ in range(iterations):
        v = F.normalize(f.T @ u, dim=0)
        u = F.normalize(f @ v, dim=0)
        return u @ m @ v, u


def s_eig(weight, u, iterations):
    m = weight.flatten(1)
    return torch.linalg.eigvalsh(m @ m.T).max().sqrt(), u


def s_tuple3(weight, u, iterations):
    m = weight.flatten(1)
    f = m.detach()
    for _ in range(iterations):
        v = F.normalize(f.T @ u, dim=0)
        u = F.normalize(f @ v, dim=0)
    return u @ m @ v, u, v


def s_wwt(weight, u, iterations):
    m = weight.flatten(1)
    f = m.detach()
    for _ in range(iterations):
        u = F.normalize(f @ f.T @ u, dim=0)
    return u @ m @ m.T @ u, u


def s_mean_conv(weight, u, iterations):
    m = weight.mean((2, 3)) if weight.ndim == 4 else weight
    f = m.detach()
    for _ in range(iterations):
        v = F.normalize(f.T @ u, dim=0)
        u = F.normalize(f @ v, dim=0)
    return u @ m @ v, u


def s_outer(weight, u, iterations):
    m = weight.flatten(1)
    f = m.detach()
    for _ in range(iterations):
        v = F.normalize(f.T @ u, dim=0)
        u = F.normalize(f @ v, dim=0)
    return torch.outer(u, v), u


def s_umv_elem(weight, u, iterations):
    m = weight.flatten(1)
    f = m.detach()
    for _ in range(iterations):
        v = F.normalize(f.T @ u, dim=0)
        u = F.normalize(f @ v, dim=0)
    return u * (m @ v), u


def s_linf(weight, u, iterations):
    m = weight.flatten(1)
    f = m.detach()
    for _ in range(iterations):
        v = f.T @ u
        v = v / v.abs().max()
        u = f @ v
        u = u / u.abs().max()
    return u @ m @ v, u


def s_vu(weight, u, iterations):
    m = weight.flatten(1)
    f = m.detach()
    for _ in range(iterations):
        v = F.normalize(f.T @ u, dim=0)
        u = F.normalize(f @ v, dim=0)
    return v @ m @ u, u


SLIPS += [
    (s_start_v, "wrong_side_first"),
    (s_normalize_dim, "normalized_by_axis_1"),
    (s_max_entry, "largest_entry"),
    (s_v_only_norm, "not_normalized"),
    (s_abs_norm_detach, "sigma_cut_off"),
    (s_indent, "one_iteration"),
    (s_eig, "exact"),
    (s_tuple3, "expected 2 results"),
    (s_wwt, "squared"),
    (s_mean_conv, "wrong_matrix"),
    (s_outer, "outer_product"),
    (s_umv_elem, "not_added_up"),
    (s_linf, "not_normalized"),
    (s_vu, "factors_exchanged"),
]
