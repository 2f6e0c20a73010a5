"""Ten wrong answers to each case of the clinic's ward of formulas, and their causes.

`None`: no cause is known, and the message must not claim one. A text in the place of a name: what
the message itself says of the cause.
"""

import math

import torch
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence

LOG_2PI = math.log(2 * math.pi)


def bce(logits, target, **how):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target), **how)


G_LOSS = [
    (lambda lf: -torch.sigmoid(lf).mean(), "no_logarithm"),
    (lambda lf: F.logsigmoid(-lf).mean(), "saturating"),
    (lambda lf: F.logsigmoid(lf).mean(), "sign"),
    (lambda lf: -torch.sigmoid(lf).log().mean(), "overflows"),
    (lambda lf: -(torch.sigmoid(lf) + 1e-8).log().mean(), "epsilon"),
    (lambda lf: F.softplus(-lf).sum(), "summed"),
    (lambda lf: F.softplus(-lf), "not_reduced"),
    (lambda lf: F.softplus(lf).mean(), "discriminators_term"),
    (lambda lf: F.binary_cross_entropy(lf.sigmoid(), torch.ones_like(lf)), "floor_at_minus_100"),
    (lambda lf: bce(lf.sigmoid(), 1.0), "sigmoid_twice"),
    (lambda lf: -lf.mean(), "logits_alone"),
    (lambda lf: F.relu(1 - lf).mean(), None),
    (lambda lf: ((lf.sigmoid() - 1) ** 2).mean(), None),
    (lambda lf: F.softplus(-lf).mean() / math.log(2), "in_bits"),
    (lambda lf: F.softplus(-lf.detach()).mean(), "no gradient reaches"),
    (lambda lf: -lf.sigmoid().mean().log(), "mean_probability_first"),
]

D_LOSS = [
    (lambda lr, lf: F.logsigmoid(lr).mean() + F.logsigmoid(-lf).mean(), "sign"),
    (lambda lr, lf: F.softplus(lr).mean() + F.softplus(-lf).mean(), "groups_swapped"),
    (lambda lr, lf: F.softplus(-lr).mean() + F.softplus(-lf).mean(), "all_called_real"),
    (lambda lr, lf: F.softplus(lf).mean(), "fakes_alone"),
    (lambda lr, lf: F.softplus(-lr).mean(), "reals_alone"),
    (lambda lr, lf: (F.softplus(-lr).mean() + F.softplus(lf).mean()) / 2, "halved"),
    (lambda lr, lf: torch.cat([F.softplus(-lr), F.softplus(lf)]).mean(), "one_mean"),
    (lambda lr, lf: -(lr.sigmoid().log().mean() + (1 - lf.sigmoid()).log().mean()), "overflows"),
    (
        lambda lr, lf: (
            -((lr.sigmoid() + 1e-8).log().mean() + (1 - lf.sigmoid() + 1e-8).log().mean())
        ),
        "epsilon",
    ),
    (lambda lr, lf: bce(lr.sigmoid(), 1.0) + bce(lf.sigmoid(), 0.0), "sigmoid_twice"),
    (lambda lr, lf: F.softplus(-lr).sum() + F.softplus(lf).sum(), "summed"),
    (lambda lr, lf: F.softplus(-lr).mean() - F.softplus(lf).mean(), "second_subtracted"),
    (lambda lr, lf: lf.mean() - lr.mean(), "logits_alone"),
    (lambda lr, lf: ((lr - 1) ** 2).mean() + (lf**2).mean(), None),
    (lambda lr, lf: lf.sigmoid().mean() - lr.sigmoid().mean(), "no_logarithm"),
    (lambda lr, lf: (F.softplus(-lr) + F.softplus(lf)).mean(), "in_pairs"),
]


def ll(x, m, v):
    return -0.5 * (LOG_2PI + (x - m) ** 2 + v)


def kl(m, v):
    return 0.5 * (m**2 + v - 1 - v.log())


def reversed_kl(m, v):
    return 0.5 * ((1 + m**2) / v - 1 + v.log())


NEG_ELBO = [
    (lambda x, m, v: kl(m, v) - 2 * ll(x, m, v), "double_count"),
    (lambda x, m, v: ll(x, m, v) - kl(m, v), "elbo_itself"),
    (lambda x, m, v: ll(x, m, v) + kl(m, v), "reconstruction_rewarded"),
    (lambda x, m, v: -ll(x, m, v) - kl(m, v), "kl_rewarded"),
    (lambda x, m, v: kl(m, v.exp()) - ll(x, m, v.exp()), "v_as_log_variance"),
    (lambda x, m, v: kl(m, v**2) - ll(x, m, v**2), "v_as_standard_deviation"),
    (lambda x, m, v: kl(m, v) + 0.5 * ((x - m) ** 2 + v), "constant_forgotten"),
    (lambda x, m, v: kl(m, v) + 0.5 * (LOG_2PI + (x - m) ** 2), "variance_left_out"),
    (lambda x, m, v: 2 * kl(m, v) - ll(x, m, v), "kl_doubled"),
    (lambda x, m, v: (kl(m, v) - ll(x, m, v)).mean(), "averaged"),
    (lambda x, m, v: reversed_kl(m, v) - ll(x, m, v), "kl_turned_round"),
    (lambda x, m, v: 0.5 * (m**2 + v - 1) - ll(x, m, v), "logarithm_missing"),
    (lambda x, m, v: kl(m, v) + 0.5 * LOG_2PI + (x - m) ** 2 + v, "squared_error"),
    (lambda x, m, v: -ll(x, m, v), "kl_missing"),
    (lambda x, m, v: kl(m, v) - Normal(m, v.sqrt()).log_prob(x), "density_of_q_at_x"),
    (lambda x, m, v: -Normal(0.0, 2**0.5).log_prob(x) + 0 * m * v, "evidence_alone"),
]

NEG_ELBO_3 = [
    (lambda x, m, v: (ll(x, m, v) + kl(m, v)).sum(-1), "reconstruction_rewarded"),
    (lambda x, m, v: (ll(x, m, v) - kl(m, v)).sum(-1), "elbo_itself"),
    (lambda x, m, v: (-ll(x, m, v) - kl(m, v)).sum(-1), "kl_rewarded"),
    (lambda x, m, v: kl(m, v) - ll(x, m, v), "coordinates_apart"),
    (lambda x, m, v: (kl(m, v) - ll(x, m, v)).mean(-1), "coordinates_averaged"),
    (lambda x, m, v: (kl(m, v) - ll(x, m, v)).sum(-1).mean(), "averaged"),
    (lambda x, m, v: (kl(m, v) - ll(x, m, v)).sum(0), None),
    (
        lambda x, m, v: (kl(m, v) + 0.5 * ((x - m) ** 2 + v)).sum(-1) + 0.5 * LOG_2PI,
        "constant_once",
    ),
    (lambda x, m, v: (kl(m, v) + 0.5 * ((x - m) ** 2 + v)).sum(-1), "constant_forgotten"),
    (lambda x, m, v: (kl(m, v) + 0.5 * (LOG_2PI + (x - m) ** 2)).sum(-1), "variance_left_out"),
    (lambda x, m, v: (kl(m, v**2) - ll(x, m, v**2)).sum(-1), "v_as_standard_deviation"),
    (lambda x, m, v: (kl(m, v.exp()) - ll(x, m, v.exp())).sum(-1), "v_as_log_variance"),
    (lambda x, m, v: (kl(m, v) - 2 * ll(x, m, v)).sum(-1), "double_count"),
    (lambda x, m, v: kl(m, v).sum(-1) - ll(x, m, v).mean(-1), None),
    (lambda x, m, v: (reversed_kl(m, v) - ll(x, m, v)).sum(-1), "kl_turned_round"),
    (lambda x, m, v: (2 * kl(m, v) - ll(x, m, v)).sum(-1), "kl_doubled"),
]


def added_in_place(p, g, lr):
    p += lr * g
    return p


def gradient_in_place(p, g, lr):
    g *= lr
    return p + g


ASCENT = [
    (lambda p, g, lr: p - lr * g, "downhill"),
    (added_in_place, "in_place"),
    (lambda p, g, lr: p + g, "rate_forgotten"),
    (lambda p, g, lr: lr * g, "step_alone"),
    (lambda p, g, lr: p * (1 + lr * g), "parameters_scaled"),
    (lambda p, g, lr: p + lr * g.sign(), "sign_only"),
    (lambda p, g, lr: p + lr * g / g.norm(), "normalized"),
    (lambda p, g, lr: p + lr * g.abs(), "absolute"),
    (lambda p, g, lr: p + lr * g.mean(), "averaged_gradient"),
    (lambda p, g, lr: (p + lr * g).mean(), None),
    (lambda p, g, lr: p + g / lr, "divided_by_rate"),
    (lambda p, g, lr: g + lr * p, "roles_exchanged"),
    (lambda p, g, lr: p + lr * g.clamp(-1, 1), None),
    (gradient_in_place, "changed in place"),
    (lambda p, g, lr: (p.add_(lr * g), None)[1], "got None"),
]


def log_w(x, m, v, count=20_000):
    z = m + v.sqrt() * torch.randn(count, *x.shape)
    log_ratio = Normal(0.0, 1.0).log_prob(z) - Normal(m, v.sqrt()).log_prob(z)
    return Normal(z, 1.0).log_prob(x) + log_ratio


def from_prior(x, m, v):
    z = torch.randn(20_000, *x.shape)
    return Normal(z, 1.0).log_prob(x).logsumexp(0) - math.log(20_000)


def no_ratio(x, m, v):
    z = m + v.sqrt() * torch.randn(20_000, *x.shape)
    return Normal(z, 1.0).log_prob(x).logsumexp(0) - math.log(20_000)


def no_prior(x, m, v):
    z = m + v.sqrt() * torch.randn(20_000, *x.shape)
    return (Normal(z, 1.0).log_prob(x) - Normal(m, v.sqrt()).log_prob(z)).logsumexp(0) - math.log(
        20_000
    )


def no_q(x, m, v):
    z = m + v.sqrt() * torch.randn(20_000, *x.shape)
    return (Normal(z, 1.0).log_prob(x) + Normal(0.0, 1.0).log_prob(z)).logsumexp(0) - math.log(
        20_000
    )


def ratio_inverted(x, m, v):
    z = m + v.sqrt() * torch.randn(20_000, *x.shape)
    log_ratio = Normal(m, v.sqrt()).log_prob(z) - Normal(0.0, 1.0).log_prob(z)
    return (Normal(z, 1.0).log_prob(x) + log_ratio).logsumexp(0) - math.log(20_000)


def variance_as_std(x, m, v):
    z = m + v * torch.randn(20_000, *x.shape)
    log_ratio = Normal(0.0, 1.0).log_prob(z) - Normal(m, v.sqrt()).log_prob(z)
    return (Normal(z, 1.0).log_prob(x) + log_ratio).logsumexp(0) - math.log(20_000)


def seeded(x, m, v):
    torch.manual_seed(0)
    return log_w(x, m, v).logsumexp(0) - math.log(20_000)


def own_generator(x, m, v):
    draw = torch.Generator().manual_seed(0)
    z = m + v.sqrt() * torch.randn(20_000, *x.shape, generator=draw)
    log_ratio = Normal(0.0, 1.0).log_prob(z) - Normal(m, v.sqrt()).log_prob(z)
    return (Normal(z, 1.0).log_prob(x) + log_ratio).logsumexp(0) - math.log(20_000)


LOG_PX = [
    (lambda x, m, v: log_w(x, m, v).mean(0), "the_bound"),
    (lambda x, m, v: log_w(x, m, v).exp().mean(0).log(), "density_underflows"),
    (lambda x, m, v: (log_w(x, m, v).exp().mean(0) + 1e-12).log(), "density_underflows"),
    (lambda x, m, v: log_w(x, m, v).logsumexp(0), "added_not_averaged"),
    (lambda x, m, v: log_w(x, m, v, 50).logsumexp(0) - math.log(50), None),
    (lambda x, m, v: math.log(20_000) - log_w(x, m, v).logsumexp(0), "negative"),
    (lambda x, m, v: (log_w(x, m, v).logsumexp(0) - math.log(20_000)).mean(), "batch_averaged"),
    (lambda x, m, v: Normal(0.0, 2**0.5).log_prob(x), "not_drawn_anew"),
    (from_prior, None),
    (no_ratio, "prior_forgotten"),
    (no_prior, None),
    (no_q, "q_forgotten"),
    (ratio_inverted, "prior_over_q_turned"),
    (variance_as_std, "std_for_variance"),
    (seeded, "not_drawn_anew"),
    (own_generator, "not_drawn_anew"),
    (lambda x, m, v: log_w(x, m, v).exp().mean(0), "probability"),
]


def kl_lv(m, lv):
    return 0.5 * (m**2 + lv.exp() - 1 - lv)


def by_torch(q, p):
    return kl_divergence(q, p).sum(-1)


KL = [
    (lambda m, lv: 0.5 * (1 + LOG_2PI + lv).sum(-1), "entropy"),
    (lambda m, lv: -0.5 * (1 + LOG_2PI + lv).sum(-1), "negative_entropy"),
    (lambda m, lv: -kl_lv(m, lv).sum(-1), "sign"),
    (lambda m, lv: 2 * kl_lv(m, lv).sum(-1), "half_forgotten"),
    (kl_lv, "not_summed"),
    (lambda m, lv: kl_lv(m, lv).mean(-1), "latents_averaged"),
    (lambda m, lv: kl_lv(m, lv).sum(-1).mean(), "batch_averaged"),
    (lambda m, lv: kl_lv(m, lv).sum(0), None),
    (lambda m, lv: by_torch(Normal(m * 0, 1.0), Normal(m, (lv / 2).exp())), "turned_round"),
    (lambda m, lv: by_torch(Normal(m, lv.exp()), Normal(m * 0, 1.0)), "log_std"),
    (lambda m, lv: 0.5 * (m**2 + lv**2 - 1 - (lv**2).log()).sum(-1), None),
    (lambda m, lv: 0.5 * (m**2 + (lv / 2).exp() - 1 - lv).sum(-1), "root_for_variance"),
    (lambda m, lv: 0.5 * (lv.exp() - 1 - lv).sum(-1), "mean_missing"),
    (lambda m, lv: 0.5 * (m**2 + lv.exp() - lv).sum(-1), "one_missing"),
    (lambda m, lv: 0.5 * (m**2 + lv.exp() - 1 + lv).sum(-1), "log_sign"),
    (lambda m, lv: 0.5 * (m + lv.exp() - 1 - lv).sum(-1), "mean_not_squared"),
    (lambda m, lv: 0.5 * (LOG_2PI + m**2 + lv.exp()).sum(-1), "cross_entropy"),
]


def nll(x, r, s2):
    return (x - r) ** 2 / (2 * s2) + 0.5 * s2.log() + 0.5 * LOG_2PI


def whole(values):
    return values.flatten(1).sum(1)


GAUSS_NLL = [
    (lambda x, r, s2: whole((x - r) ** 2), "squared_error"),
    (lambda x, r, s2: whole((x - r) ** 2) / (2 * s2), "log_missing"),
    (lambda x, r, s2: whole((x - r) ** 2 / (2 * s2) + 0.5 * s2.log()), "constant_forgotten"),
    (lambda x, r, s2: whole((x - r) ** 2 / (2 * s2) + 0.5 * LOG_2PI), "log_missing"),
    (lambda x, r, s2: whole((x - r) ** 2) / (2 * s2) + 0.5 * s2.log() + 0.5 * LOG_2PI, "log_once"),
    (lambda x, r, s2: nll(x, r, s2).flatten(1).mean(1), "pixels_averaged"),
    (lambda x, r, s2: whole(nll(x, r, s2)).mean(), "batch_averaged"),
    (lambda x, r, s2: nll(x, r, s2).sum(), "batch_summed"),
    (lambda x, r, s2: whole(-Normal(r, s2).log_prob(x)), "standard_deviation"),
    (lambda x, r, s2: whole((x - r) ** 2 / (2 * s2) + s2.log() + 0.5 * LOG_2PI), "log_doubled"),
    (lambda x, r, s2: whole((x - r) ** 2 / s2 + 0.5 * s2.log() + 0.5 * LOG_2PI), "half_forgotten"),
    (lambda x, r, s2: -whole(nll(x, r, s2)), "log_likelihood"),
    (lambda x, r, s2: whole(nll(x, r, torch.tensor(s2.item()))), "cut_graph"),
    (lambda x, r, s2: whole(nll(x, r.detach(), s2)), "no gradient reaches"),
    (lambda x, r, s2: whole(nll(x, r, s2.detach())), "cut_graph"),
    (lambda x, r, s2: F.gaussian_nll_loss(r, x, s2.expand_as(r)), "torchs_defaults"),
    (lambda x, r, s2: whole((x - r).abs() / s2 + 0.5 * s2.log() + 0.5 * LOG_2PI), None),
    (lambda x, r, s2: nll(x, r, s2).sum(-1), None),
]


def pixels(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1)


def rate(m, lv):
    return kl_lv(m, lv).sum(1)


VAE_LOSS = [
    (lambda s, x, m, lv: pixels(s, x).mean() + rate(m, lv).mean(), "pixels_averaged"),
    (lambda s, x, m, lv: pixels(s, x).mean() + kl_lv(m, lv).mean(), "both_averaged"),
    (lambda s, x, m, lv: pixels(s, x).sum(1).mean() + kl_lv(m, lv).mean(), "latents_averaged"),
    (lambda s, x, m, lv: pixels(s, x).sum() + rate(m, lv).sum(), "all_summed"),
    (lambda s, x, m, lv: pixels(s, x).sum() + rate(m, lv).mean(), "one_batch_sum"),
    (lambda s, x, m, lv: pixels(s, x).sum(1) + rate(m, lv), "not_reduced"),
    (lambda s, x, m, lv: (pixels(s, x).sum(1) - rate(m, lv)).mean(), "kl_rewarded"),
    (lambda s, x, m, lv: -(pixels(s, x).sum(1) + rate(m, lv)).mean(), "elbo_itself"),
    (lambda s, x, m, lv: pixels(s, x).sum(1).mean(), "kl_missing"),
    (lambda s, x, m, lv: (pixels(s, x).sum(1) + 2 * rate(m, lv)).mean(), "kl_doubled"),
    (lambda s, x, m, lv: (pixels(s.sigmoid(), x).sum(1) + rate(m, lv)).mean(), "sigmoid_twice"),
    (
        lambda s, x, m, lv: (
            F.binary_cross_entropy(s.sigmoid(), x, reduction="sum") / len(x) + rate(m, lv).mean()
        ),
        "floor",
    ),
    (lambda s, x, m, lv: (whole((s.sigmoid() - x) ** 2) + rate(m, lv)).mean(), "squared_error"),
    (lambda s, x, m, lv: (pixels(s, x).sum(1) + rate(m, 2 * lv)).mean(), "log_std"),
    (lambda s, x, m, lv: (2 * pixels(s, x).sum(1) + rate(m, lv)).mean(), None),
    (
        lambda s, x, m, lv: pixels(s, x).view_as(x).sum(-1).mean() + rate(m, lv).mean(),
        None,
    ),
]

BCE = [
    (lambda a, y: F.binary_cross_entropy_with_logits(a.sigmoid(), y), "sigmoid_twice"),
    (lambda a, y: F.binary_cross_entropy(a.sigmoid(), y), "floor_at_minus_100"),
    (lambda a, y: -(y * a.sigmoid().log() + (1 - y) * (1 - a.sigmoid()).log()).mean(), "overflows"),
    (
        lambda a, y: (
            -(y * (a.sigmoid() + 1e-8).log() + (1 - y) * (1 - a.sigmoid() + 1e-8).log()).mean()
        ),
        "epsilon",
    ),
    (lambda a, y: F.binary_cross_entropy_with_logits(a, y, reduction="sum"), "summed"),
    (lambda a, y: F.binary_cross_entropy_with_logits(a, y, reduction="none"), "not_reduced"),
    (lambda a, y: -F.binary_cross_entropy_with_logits(a, y), "sign"),
    (lambda a, y: F.binary_cross_entropy_with_logits(a, 1 - y), "labels_turned"),
    (lambda a, y: (a.sigmoid() - y).square().mean(), "squared_error"),
    (lambda a, y: F.softplus(-a).mean(), "labels_ignored"),
    (lambda a, y: (y * F.softplus(-a)).mean(), "reals_only"),
    (lambda a, y: F.binary_cross_entropy_with_logits(a, y) / math.log(2), "in_bits"),
    (lambda a, y: F.binary_cross_entropy(a.clamp(1e-6, 1 - 1e-6), y), None),
    (lambda a, y: F.relu(1 - (2 * y - 1) * a).mean(), "hinge"),
]

SLIPS = {
    "clinic.f2_g_loss": G_LOSS,
    "clinic.f1_d_loss": D_LOSS,
    "clinic.f9_neg_elbo": NEG_ELBO,
    "clinic.f3_neg_elbo": NEG_ELBO_3,
    "clinic.f10_step": ASCENT,
    "clinic.f13_log_px": LOG_PX,
    "clinic.f7_kl": KL,
    "clinic.f14_gauss_nll": GAUSS_NLL,
    "clinic.c11_vae_loss": VAE_LOSS,
    "clinic.c35_bce": BCE,
}
