"""Answers to lesson 18, first sitting: formulas and shapes."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence


# f2_g_loss
def g_by_logsigmoid(lf):
    return -F.logsigmoid(lf).mean()


def g_by_bce(lf):
    return F.binary_cross_entropy_with_logits(lf, torch.ones_like(lf))


# f1_d_loss
def d_by_softplus(lr, lf):
    return F.softplus(-lr).mean() + F.softplus(lf).mean()


def d_by_bce(lr, lf):
    bce = F.binary_cross_entropy_with_logits
    return bce(lr, torch.ones_like(lr)) + bce(lf, torch.zeros_like(lf))


# f9_neg_elbo, f3_neg_elbo
def bound_by_hand(x, m, v):
    return 0.5 * (math.log(2 * math.pi) + (x - m) ** 2 + v) + 0.5 * (m**2 + v - 1 - v.log())


def bound_by_distributions(x, m, v):
    kl = kl_divergence(Normal(m, v.sqrt()), Normal(torch.zeros_like(m), torch.ones_like(v)))
    return kl - Normal(m, 1.0).log_prob(x) + v / 2


def bound_by_entropy(x, m, v):
    """E of -log p(x, z), minus the entropy of q."""
    joint = math.log(2 * math.pi) + 0.5 * ((x - m) ** 2 + v + m**2 + v)
    return joint - Normal(m, v.sqrt()).entropy()


def summed_by_hand(x, m, v):
    return bound_by_hand(x, m, v).sum(dim=1)


def summed_by_einsum(x, m, v):
    return torch.einsum("bd->b", bound_by_entropy(x, m, v))


# f10_step
def step_by_add(p, g, lr):
    return torch.add(p, g, alpha=lr)


def step_by_loss(p, g, lr):
    return p - lr * (-g)


# f13_log_px
def evidence_by_weights(x, m, v, count=20_000):
    z = m + v.sqrt() * torch.randn(count, len(x), dtype=x.dtype)
    log_w = Normal(z, 1.0).log_prob(x) + Normal(torch.zeros_like(z), 1.0).log_prob(z)
    log_w = log_w - Normal(m, v.sqrt()).log_prob(z)
    return torch.logsumexp(log_w, 0) - math.log(count)


def evidence_by_pairs(x, m, v):
    """Each draw with its mirror image."""
    noise = torch.randn(5_000, len(x), dtype=x.dtype)
    noise = torch.cat([noise, -noise])
    z = m + v.sqrt() * noise
    log_w = -0.5 * ((x - z) ** 2 + z**2 - noise**2 - v.log() + math.log(2 * math.pi))
    top = log_w.max(0).values
    return top + (log_w - top).exp().mean(0).log()


def evidence_in_a_loop(x, m, v):
    return torch.cat(
        [evidence_by_weights(*(t[i : i + 1] for t in (x, m, v))) for i in range(len(x))]
    )


# f7_kl
def kl_by_hand(m, lv):
    return -0.5 * (1 + lv - m.pow(2) - lv.exp()).sum(dim=1)


def kl_by_distributions(m, lv):
    prior = Independent(Normal(torch.zeros_like(m), torch.ones_like(m)), 1)
    return kl_divergence(Independent(Normal(m, torch.exp(0.5 * lv)), 1), prior)


# f14_gauss_nll
def nll_by_torch(x, r, s2):
    each = F.gaussian_nll_loss(r, x, s2.expand_as(x), full=True, reduction="none", eps=1e-12)
    return each.flatten(1).sum(1)


def nll_by_hand(x, r, s2):
    count = x[0].numel()
    squares = (x - r).pow(2).reshape(len(x), -1).sum(-1)
    return squares / (2 * s2) + count / 2 * torch.log(2 * math.pi * s2)


# c11_vae_loss
def vae_loss_by_bce(logits, x, m, lv):
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    kl = 0.5 * (m.square() + lv.exp() - 1 - lv)
    return (bce.flatten(1).sum(1) + kl.sum(1)).mean()


def vae_loss_over_batch(logits, x, m, lv):
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl = -0.5 * (1 + lv - m**2 - lv.exp()).sum()
    return (bce + kl) / len(x)


def vae_loss_rescaled(logits, x, m, lv):
    mean = F.binary_cross_entropy_with_logits(logits, x)
    return mean * x[0].numel() + kl_by_hand(m, lv).mean()


# c35_bce
def bce_by_torch(logits, y):
    return F.binary_cross_entropy_with_logits(logits, y)


def bce_by_softplus(logits, y):
    return (F.softplus(logits) - y * logits).mean()


def bce_by_bernoulli(logits, y):
    return -Bernoulli(logits=logits).log_prob(y).mean()


# c31_vae, c9_encoder
c31_layers = nn.Sequential(
    nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 2), nn.Linear(2, 784), nn.Sigmoid()
)
convolution = nn.Sequential(nn.Conv2d(1, 4, 4, 2, 1), nn.LeakyReLU(0.1), nn.Flatten())
to_code, to_image = nn.LazyLinear(4), nn.Sequential(nn.Linear(2, 784), nn.Unflatten(1, (28, 28)))
c9_body, c9_mean, c9_log_var = nn.Linear(784, 24), nn.Linear(24, 2), nn.Linear(24, 2)


def vae_without_noise(x):
    return c31_layers(x).reshape(x.shape)


def vae_with_noise(x):
    mean, log_var = to_code(convolution(x[:, None])).chunk(2, 1)
    return to_image(mean + (log_var / 2).exp() * torch.randn_like(mean)).sigmoid()


def vae_without_graph(x):
    with torch.no_grad():
        return torch.stack([c31_layers(image[None])[0].view(28, 28) for image in x])


def encoder_of_two_heads(x):
    hidden = c9_body(x.reshape(len(x), -1)).relu()
    mean, log_var = c9_mean(hidden), c9_log_var(hidden)
    return mean, log_var, kl_by_hand(mean, log_var)


def encoder_of_convolutions(x):
    mean, log_var = to_code(convolution(x)).chunk(2, 1)
    return [mean, log_var, kl_by_distributions(mean, log_var)]


# c7_make_D
class Polynomial(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 1)

    def forward(self, points):
        return self.head(torch.cat([points, points**2], 1))


def deep_d():
    return nn.Sequential(
        nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)
    )


def small_d():
    return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))


def lazy_d():
    return nn.Sequential(nn.LazyLinear(24), nn.Tanh(), nn.Dropout(0.1), nn.LazyLinear(1))


# c17_make_G
def g_plain():
    return nn.Sequential(
        nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8))
    )


def g_with_layer_norm():
    return nn.Sequential(
        nn.Linear(8, 64),
        nn.LayerNorm(64),
        nn.LeakyReLU(0.2),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Unflatten(1, (1, 8, 8)),
    )


def g_of_convolutions():
    return nn.Sequential(
        nn.Unflatten(1, (8, 1, 1)),
        nn.ConvTranspose2d(8, 16, 4),
        nn.GroupNorm(4, 16),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 4, 2, 1),
        nn.Tanh(),
    )


def g_of_one_layer():
    """Any architecture, so this one too."""
    return nn.Sequential(nn.Linear(8, 64), nn.Unflatten(1, (1, 8, 8)), nn.Tanh())


def g_normed_by_place():
    """Batch norm of a map has 16 places to average over, for a code that comes alone."""
    return nn.Sequential(
        nn.Unflatten(1, (8, 1, 1)),
        nn.ConvTranspose2d(8, 16, 4),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 4, 2, 1),
        nn.Tanh(),
    )


# c20_bn_momentum
def momentum_as_tensor(k):
    return torch.tensor(1.0) - k


RIGHT = {
    "f2_g_loss": [g_by_logsigmoid, g_by_bce],
    "f1_d_loss": [d_by_softplus, d_by_bce],
    "f9_neg_elbo": [bound_by_hand, bound_by_distributions, bound_by_entropy],
    "f3_neg_elbo": [summed_by_hand, summed_by_einsum],
    "f10_step": [step_by_add, step_by_loss],
    "f13_log_px": [evidence_by_weights, evidence_by_pairs, evidence_in_a_loop],
    "f7_kl": [kl_by_hand, kl_by_distributions],
    "f14_gauss_nll": [nll_by_torch, nll_by_hand],
    "c11_vae_loss": [vae_loss_by_bce, vae_loss_over_batch, vae_loss_rescaled],
    "c35_bce": [bce_by_torch, bce_by_softplus, bce_by_bernoulli],
    "c31_vae": [vae_without_noise, vae_with_noise, vae_without_graph],
    "c9_encoder": [encoder_of_two_heads, encoder_of_convolutions],
    "c7_make_D": [Polynomial, deep_d, small_d, lazy_d],
    "c17_make_G": [
        g_plain,
        g_with_layer_norm,
        g_of_convolutions,
        g_of_one_layer,
        g_normed_by_place,
    ],
    "c20_bn_momentum": [momentum_as_tensor, lambda k: 1.0 - k, lambda k: -math.fsum([k, -1])],
}
WRONG = {
    "f2_g_loss": [
        lambda lf: F.softplus(-lf).median(),
        lambda lf: F.softplus(-lf.mean()),
        lambda lf: F.softplus(-lf).mean().item(),
        lambda lf: (1 - lf).relu().mean(),
    ],
    "f1_d_loss": [
        lambda lr, lf: 1.1 * F.softplus(-lr).mean() + F.softplus(lf).mean(),
        lambda lr, lf: F.softplus(-lr.clamp(-50, 50)).mean() + F.softplus(lf.clamp(-50, 50)).mean(),
        lambda lr, lf: (1 - lr).relu().mean() + (1 + lf).relu().mean(),
    ],
    "f9_neg_elbo": [
        lambda x, m, v: bound_by_hand(x, m, v.clamp(min=0.01)),
        lambda x, m, v: bound_by_hand(x, m, v) + 0.1 * m**2,
        lambda x, m, v: bound_by_hand(x.abs(), m, v),
    ],
    "f3_neg_elbo": [
        bound_by_hand,
        lambda x, m, v: summed_by_hand(x[:, :2], m[:, :2], v[:, :2]),
        lambda x, m, v: bound_by_hand(x, m, v).sum(0),
        lambda x, m, v: summed_by_hand(x, m, v.clamp(min=0.01)),
    ],
    "f10_step": [
        lambda p, g, lr: p,
        lambda p, g, lr: p + lr * g.clamp(-0.5, 0.5),
        lambda p, g, lr: p + lr * g.mean(),
    ],
    "f13_log_px": [
        lambda x, m, v: Normal(torch.zeros_like(x), 2.0).log_prob(x),
        lambda x, m, v: Normal(m, (v + 1).sqrt()).log_prob(x),
        lambda x, m, v: torch.zeros_like(x),
    ],
    "f7_kl": [
        lambda m, lv: kl_by_hand(m, lv.clamp(-4, 4)),
        lambda m, lv: kl_by_hand(m, lv) + 0.1,
        lambda m, lv: m.square().sum(-1),
    ],
    "f14_gauss_nll": [
        lambda x, r, s2: nll_by_hand(x, r, s2 + 0.01),
        lambda x, r, s2: (x - r).abs().flatten(1).sum(1),
        lambda x, r, s2: nll_by_hand(x, r.abs(), s2),
    ],
    "c11_vae_loss": [
        lambda logits, x, m, lv: vae_loss_by_bce(logits, x, m, lv.clamp(-0.5, 0.5)),
        lambda logits, x, m, lv: vae_loss_by_bce(logits.clamp(-50, 50), x, m, lv),
        lambda logits, x, m, lv: vae_loss_by_bce(logits, x, m, lv) / 2,
    ],
    "c35_bce": [
        lambda logits, y: bce_by_torch(logits.clamp(-50, 50), y),
        lambda logits, y: bce_by_torch(logits, 0.9 * y + 0.05),
        lambda logits, y: bce_by_torch(logits, y).item(),
    ],
    "c31_vae": [
        lambda x: None,
        lambda x: torch.full_like(x, 0.5),
        lambda x: vae_without_noise(x) + 1,
        lambda x: vae_without_noise(x.flip(0)),
    ],
    "c9_encoder": [
        lambda x: None,
        lambda x: [part.double() for part in encoder_of_two_heads(x)],
        lambda x: (*encoder_of_two_heads(x)[:2], torch.zeros(len(x))),
    ],
    "c7_make_D": [
        lambda: None,
        lambda: nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3)),
        lambda: nn.Sequential(nn.Linear(2, 1), nn.Tanh(), nn.Linear(1, 1)),
    ],
    "c17_make_G": [
        lambda: None,
        lambda: nn.Sequential(g_plain(), nn.Softplus()),
        lambda: nn.Sequential(g_plain(), nn.Upsample(scale_factor=2)),
    ],
    "c20_bn_momentum": [lambda k: 0.5, lambda k: (1 - k) ** 2, lambda k: "0.2"],
}
