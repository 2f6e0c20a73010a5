"""Answers to lesson 18, second sitting: who moves, data, evaluation."""

import functools
import itertools

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.data import load_mnist
from course_lib.metrics import fid


# the discriminator's step (c3, a1)
def d_step_softplus(D, opt, x, fake):
    loss = F.softplus(-D(x)).mean() + F.softplus(D(fake)).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.item()


def d_step_two_backwards(D, opt, x, fake):
    opt.zero_grad()
    real_loss = -F.logsigmoid(D(x)).mean()
    real_loss.backward()
    fake_loss = -F.logsigmoid(-D(fake)).mean()
    fake_loss.backward()
    opt.step()
    return (real_loss + fake_loss).detach()


def d_step_one_forward(D, opt, x, fake):
    """One pass over both, split again; cleared behind the step."""
    real, made = D(torch.cat([x, fake])).split([len(x), len(fake)])
    loss = F.binary_cross_entropy_with_logits(real, torch.ones(len(x)))
    loss = loss + F.binary_cross_entropy_with_logits(made, torch.zeros(len(fake)))
    loss.backward()
    opt.step()
    opt.zero_grad()
    return loss


def d_step_smooth(D, opt, x, fake):
    real = F.binary_cross_entropy_with_logits(D(x), torch.full((len(x),), 0.9))
    loss = real + F.softplus(D(fake)).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss


def d_step_own_optimizer(D, opt, x, fake):
    return d_step_softplus(D, torch.optim.SGD(D.parameters(), 0.1), x, fake)


def d_step_twice(D, opt, x, fake):
    d_step_softplus(D, opt, x, fake)
    return d_step_softplus(D, opt, x, fake)


# the discriminator's loss (c22, c26)
def d_loss_detach(G, D, x, z):
    return F.softplus(-D(x)).mean() + F.softplus(D(G(z).detach())).mean()


def d_loss_no_grad(G, D, x, z):
    with torch.no_grad():
        fake = G(z)
    return -(F.logsigmoid(D(x)).mean() + F.logsigmoid(-D(fake)).mean())


def d_loss_frozen(G, D, x, z):
    """Freezes G while it draws, and opens it again."""
    G.requires_grad_(False)
    fake = G(z)
    G.requires_grad_(True)
    labels = torch.cat([torch.ones(len(x)), torch.zeros(len(z))])
    verdicts = torch.cat([D(x), D(fake)])
    each = F.binary_cross_entropy_with_logits(verdicts, labels, reduction="none")
    return each[: len(x)].mean() + each[len(x) :].mean()


def d_loss_leaky_reals(G, D, x, z):
    with torch.no_grad():
        real = D(x)
    return F.softplus(-real).mean() + F.softplus(D(G(z).detach())).mean()


# the generator's step (c4, c16, c24, c36)
def g_step_softplus(G, D, og, od, z):
    loss = F.softplus(-D(G(z))).mean()
    og.zero_grad()
    loss.backward()
    og.step()
    od.zero_grad()
    return loss


def g_step_inputs(G, D, og, od, z):
    verdict = D(G(z))
    loss = F.binary_cross_entropy_with_logits(verdict, torch.ones_like(verdict))
    og.zero_grad()
    loss.backward(inputs=list(G.parameters()))
    og.step()
    return loss.item()


def g_step_frozen(G, D, og, od, z):
    D.requires_grad_(False)
    loss = -F.logsigmoid(D(G(z))).mean()
    og.zero_grad()
    loss.backward()
    og.step()
    D.requires_grad_(True)
    return loss


def g_step_numpy(G, D, og, od, z):
    images = torch.from_numpy(G(z).detach().numpy())
    loss = F.softplus(-D(images)).mean()
    og.zero_grad()
    loss.backward()
    og.step()
    return loss


def g_step_twice(G, D, og, od, z):
    g_step_softplus(G, D, og, od, z)
    return g_step_softplus(G, D, og, od, z)


def g_step_returns_images(G, D, og, od, z):
    g_step_softplus(G, D, og, od, z)
    return G(z)


def g_step_hinge(G, D, og, od, z):
    loss = -D(G(z)).clamp(max=1).mean()
    og.zero_grad()
    loss.backward()
    og.step()
    return loss


G_RIGHT = [g_step_softplus, g_step_inputs, g_step_frozen]
G_WRONG = [g_step_numpy, g_step_twice, g_step_returns_images, g_step_hinge]
D_RIGHT = [d_step_softplus, d_step_two_backwards, d_step_one_forward]
D_WRONG = [d_step_smooth, d_step_own_optimizer, d_step_twice]
LOSS_RIGHT = [d_loss_detach, d_loss_no_grad, d_loss_frozen]
LOSS_WRONG = [
    d_loss_leaky_reals,
    lambda G, D, x, z: d_loss_detach(G, D, x, z).item(),
    lambda G, D, x, z: d_loss_detach(G, D, x, 0 * z),
    lambda G, D, x, z: d_loss_detach(G, D, x, z) + 0.1 * sum(p.sum() for p in D.parameters()),
]


# c27_forward
def forward_rsample(v, x):
    mean, log_var = v.encoder(x)
    return v.decoder(torch.distributions.Normal(mean, (log_var / 2).exp()).rsample()), mean, log_var


def forward_list(v, x):
    mean, log_var = v.encoder(x)
    noise = torch.randn(mean.shape, dtype=mean.dtype)
    return [v.decoder(torch.addcmul(mean, log_var.exp().sqrt(), noise)), mean, log_var]


def forward_on_a_copy(v, x):
    mean, log_var = v.encoder(x.clone())
    noise = torch.empty_like(mean).normal_()
    return v.decoder(noise * torch.exp(0.5 * log_var) + mean), mean, log_var


def forward_decoded_twice(v, x):
    logits, _, _ = forward_rsample(v, x)
    return forward_rsample(v, logits.sigmoid())


# f4_make_opt
def opt_of_both(enc, dec):
    return torch.optim.Adam([*enc.parameters(), *dec.parameters()], lr=1e-3)


def opt_of_groups(enc, dec):
    groups = [{"params": enc.parameters()}, {"params": dec.parameters(), "lr": 3e-3}]
    return torch.optim.AdamW(groups, lr=1e-3, weight_decay=0.0)


def opt_of_a_list(enc, dec):
    return torch.optim.RMSprop(nn.ModuleList([enc, dec]).parameters(), lr=1e-2)


def opt_by_sgd(enc, dec):
    return torch.optim.SGD(
        itertools.chain(enc.parameters(), dec.parameters()), lr=0.1, momentum=0.9
    )


# a3_sample_z
def z_rsample(m, lv):
    return torch.distributions.Normal(m, (0.5 * lv).exp()).rsample()


def z_by_root(m, lv):
    return torch.exp(lv).sqrt() * torch.empty_like(m).normal_() + m


# a11_clip
def clip_torch(ps, c):
    return nn.utils.clip_grad_norm_(ps, c)


def clip_by_loop(ps, c):
    squares = sum(p.grad.square().sum().item() for p in ps if p.grad is not None)
    norm = squares**0.5
    for p in ps:
        if p.grad is not None and norm > c:
            p.grad = p.grad * (c / norm)
    return norm


def clip_by_vector(ps, c):
    ps = [p for p in ps if p.grad is not None]
    norm = torch.cat([p.grad.flatten() for p in ps]).norm()
    if norm > c:
        for p in ps:
            p.grad.data.mul_(c / norm)
    return norm


# a12_game_step
def implicit_step(x, y, lr):
    """Both players answer where both will be: solved for."""
    scale = 1 + lr**2
    return (x - lr * y) / scale, (y + lr * x) / scale


def extragradient_by_autograd(x, y, lr):
    def gradients(x, y):
        x, y = x.detach().requires_grad_(), y.detach().requires_grad_()
        return torch.autograd.grad(x * y, (x, y))

    by_x, by_y = gradients(x, y)
    by_x, by_y = gradients(x - lr * by_x, y + lr * by_y)
    return x - lr * by_x, y + lr * by_y


def lookahead(x, y, lr):
    """Two extragradient half steps."""
    for _ in range(2):
        ahead = x - lr / 2 * y, y + lr / 2 * x
        x, y = x - lr / 2 * ahead[1], y + lr / 2 * ahead[0]
    return x, y


# c13_vae_step
def vae_step_distributions(v, opt, x):
    logits, mean, log_var = v(x)
    q = torch.distributions.Normal(mean, (log_var / 2).exp())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    rate = torch.distributions.kl_divergence(q, prior).sum(1)
    fit = torch.distributions.Bernoulli(logits=logits).log_prob(x).sum((1, 2, 3))
    loss = (rate - fit).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss


def vae_step_sums(v, opt, x):
    logits, mean, log_var = v(x)
    loss = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    loss = (loss - 0.5 * (1 + log_var - mean.pow(2) - log_var.exp()).sum()) / len(x)
    opt.zero_grad(set_to_none=False)
    loss.backward()
    opt.step()
    return loss.item()


def vae_step_two_calls(v, opt, x):
    """Right as well where the noise is the network's own affair: one call for each term."""
    opt.zero_grad()
    logits, mean, log_var = v(x)
    fit = F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1).mean()
    rate = -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum(1).mean()
    fit.backward(retain_graph=True)
    rate.backward()
    opt.step()
    return fit + rate


def vae_step_squared(v, opt, x):
    logits, mean, log_var = v(x)
    rate = -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum(1)
    loss = ((logits.sigmoid() - x).square().flatten(1).sum(1) + rate).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss


def vae_step_encoder_alone(v, opt, x):
    for parameter in v.decoder.parameters():
        parameter.grad = None
    logits = v(x)[0]
    loss = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    opt.zero_grad()
    loss.backward(inputs=list(v.encoder.parameters()))
    opt.step()
    return loss


# c33_build
def parts():
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 8))
    decoder = nn.Sequential(nn.Linear(4, 64), nn.Unflatten(1, (1, 8, 8)))
    return encoder, decoder


def build_function():
    encoder, decoder = parts()
    return encoder, decoder, lambda z: torch.sigmoid(decoder(z))


def build_sequential():
    encoder, decoder = parts()
    return encoder, decoder, nn.Sequential(decoder, nn.Sigmoid())


class Sampler(nn.Module):
    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder

    @torch.no_grad()
    def forward(self, z):
        return self.decoder(z).sigmoid()


def build_module():
    encoder, decoder = parts()
    return [encoder, decoder, Sampler(decoder)]


def build_half_shared():
    encoder, decoder = parts()
    return encoder, decoder, nn.Sequential(nn.Linear(4, 64), decoder[1], nn.Sigmoid())


def build_no_channel():
    encoder, decoder = parts()
    return encoder, decoder[0], nn.Sequential(decoder[0], nn.Sigmoid())


# c12_make_batch
@functools.cache
def mnist():
    return load_mnist("train", value_range=(0, 1))[0]


def batch_randint(n):
    return mnist()[torch.randint(60_000, (n,))]


def batch_randperm(n):
    return mnist()[torch.randperm(60_000)[:n]].clone()


def batch_loader(n):
    loader = torch.utils.data.DataLoader(mnist()[:3000], batch_size=n, shuffle=True)
    return next(iter(loader))


def batch_turned(n):
    return batch_randint(n).transpose(2, 3).flip(3)


# t11_augment
def shift_by_roll(images):
    pairs = zip(images, torch.randint(-1, 2, (len(images), 2)).tolist(), strict=True)
    return torch.stack([torch.roll(image, amount, (1, 2)) for image, amount in pairs])


def shift_by_padding(images):
    wide = F.pad(images, (1, 1, 1, 1), value=-1.0)
    corners = torch.randint(0, 3, (len(images), 2)).tolist()
    pairs = zip(wide, corners, strict=True)
    return torch.stack([image[:, r : r + 8, c : c + 8] for image, (r, c) in pairs])


def shift_by_groups(images):
    which, out = torch.randint(0, 9, (len(images), 1, 1, 1)), images
    for number in range(9):
        moved = torch.roll(images, (number // 3 - 1, number % 3 - 1), (2, 3))
        out = torch.where(which == number, moved, out)
    return out


def both_at_once(real, fake):
    return shift_by_groups(torch.cat([real, fake])).split([len(real), len(fake)])


def shift_too_far(images):
    pairs = zip(images, torch.randint(-2, 3, (len(images), 2)).tolist(), strict=True)
    return torch.stack([torch.roll(image, amount, (1, 2)) for image, amount in pairs])


def shift_aside(images):
    amounts = torch.randint(-1, 2, (len(images),)).tolist()
    pairs = zip(images, amounts, strict=True)
    return torch.stack([torch.roll(image, amount, 2) for image, amount in pairs])


# a5_quality
def moments_apart(a, b):
    means = (a.mean(0) - b.mean(0)).square().sum()
    return means + (torch.cov(a.T) - torch.cov(b.T)).square().sum()


def quality_moments(G, F, x, y):
    return moments_apart(G(x), y) + moments_apart(F(y), x) + (F(G(x)) - x).abs().mean()


def quality_kernel(G, F, x, y):
    def kernel(a, b):
        return (-torch.cdist(a, b).square() / 8).exp().mean()

    def mmd(a, b):
        return kernel(a, a) + kernel(b, b) - 2 * kernel(a, b)

    cycles = (F(G(x)) - x).square().mean() + (G(F(y)) - y).square().mean()
    return (mmd(G(x), y) + mmd(F(y), x) + cycles).item()


def quality_frechet(G, F, x, y):
    return fid(G(x).double(), y.double()) + 2 * float((F(G(x)) - x).norm(dim=1).mean())


def quality_sorted(G, F, x, y):
    """Each coordinate's sorted values, there and back, and the cycles."""

    def apart(a, b):
        return (a.sort(0).values - b.sort(0).values).abs().mean()

    cycles = (F(G(x)) - x).abs().mean() + (G(F(y)) - y).abs().mean()
    return apart(G(x), y) + apart(F(y), x) + cycles


# t8_score
@functools.cache
def small():
    return F.max_pool2d(F.pad(mnist()[:6000], (2, 2, 2, 2)), 4)


def score_frechet(samples):
    return fid(samples.flatten(1).double(), small().flatten(1).double())


def score_moments(samples):
    return moments_apart(samples.flatten(1), small().flatten(1))


def score_both_ways(samples):
    """Nearest neighbors in both directions."""
    apart = torch.cdist(samples.flatten(1), small()[:2000].flatten(1))
    return apart.min(1).values.mean().item() + 4 * apart.min(0).values.mean().item()


def score_energy(samples):
    a, b = samples.flatten(1), small()[:1000].flatten(1)
    return 2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()


# a4_g_total
def total_by_mse(G, F, DX, DY, x, y):
    def real(scores):
        return nn.functional.mse_loss(scores, torch.ones_like(scores))

    fake_y, fake_x = G(x), F(y)
    cycles = nn.functional.l1_loss(F(fake_y), x) + nn.functional.l1_loss(G(fake_x), y)
    return real(DY(fake_y)) + real(DX(fake_x)) + 10 * cycles


def total_by_terms(G, F, DX, DY, x, y):
    terms = [(1 - DY(G(x))).pow(2).mean(), (1 - DX(F(y))).pow(2).mean()]
    terms += [10 * (x - F(G(x))).abs().mean(), 10 * (y - G(F(y))).abs().mean()]
    return torch.stack(terms).sum()


RIGHT = {
    "c3_d_step": D_RIGHT,
    "c4_g_step": G_RIGHT,
    "c22_d_loss": LOSS_RIGHT,
    "c27_forward": [forward_rsample, forward_list, forward_on_a_copy],
    "f4_make_opt": [opt_of_both, opt_of_groups, opt_of_a_list, opt_by_sgd],
    "a1_d_step": D_RIGHT,
    "a3_sample_z": [z_rsample, z_by_root],
    "a11_clip": [clip_torch, clip_by_loop, clip_by_vector],
    "a12_game_step": [implicit_step, extragradient_by_autograd, lookahead],
    "c13_vae_step": [vae_step_distributions, vae_step_sums, vae_step_two_calls],
    "c16_g_step": G_RIGHT,
    "c24_g_step": G_RIGHT,
    "c26_d_loss": LOSS_RIGHT,
    "c33_build": [build_function, build_sequential, build_module],
    "c36_g_step": G_RIGHT,
    "c12_make_batch": [batch_randint, batch_randperm, batch_loader],
    "c18_scale": [lambda x: x * 2 - 1, lambda x: (x - 0.5) / 0.5, lambda x: x - (1 - x)],
    "t11_augment": [
        lambda real, fake: (shift_by_roll(real), shift_by_roll(fake)),
        lambda real, fake: [shift_by_padding(real), shift_by_padding(fake)],
        both_at_once,
    ],
    "a5_quality": [quality_moments, quality_kernel, quality_frechet, quality_sorted],
    "t8_score": [score_frechet, score_moments, score_both_ways, score_energy],
    "a4_g_total": [total_by_mse, total_by_terms],
}
WRONG = {
    "c3_d_step": D_WRONG,
    "c4_g_step": G_WRONG,
    "c22_d_loss": LOSS_WRONG,
    "c27_forward": [
        forward_decoded_twice,
        lambda v, x: forward_rsample(v, 1 - x),
        lambda v, x: (forward_rsample(v, x)[0], *v.encoder(x.flip(3))),
        lambda v, x: None,
    ],
    "f4_make_opt": [
        lambda enc, dec: torch.optim.Adam(enc.parameters(), maximize=True),
        lambda enc, dec: torch.optim.Adam([*enc[0].parameters(), *dec[0].parameters()]),
        lambda enc, dec: torch.optim.Adam([nn.Parameter(torch.zeros(1)), *enc.parameters()]),
        lambda enc, dec: torch.optim.Adam(dec[:1].parameters()),
    ],
    "a1_d_step": D_WRONG,
    "a3_sample_z": [
        lambda m, lv: m + (lv / 2).exp() * torch.randn_like(m).abs(),
        lambda m, lv: m + (lv / 2).exp() * torch.randn_like(m).clamp(-1, 1),
        lambda m, lv: (m, lv),
        lambda m, lv: z_rsample(m, lv.clamp(max=-1.0)),
    ],
    "a11_clip": [
        lambda ps, c: clip_torch(ps, c / 2),
        lambda ps, c: clip_torch(ps[:1], c),
        lambda ps, c: next(p.grad.zero_() for p in ps if p.grad is not None).norm(),
    ],
    "a12_game_step": [
        lambda x, y, lr: (x, y),
        lambda x, y, lr: (x - lr * y**3, y + lr * x**3),
        lambda x, y, lr: x - lr * y,
        lambda x, y, lr: (x - lr * y + 0.01, y + lr * x),
        lambda x, y, lr: implicit_step(x, y, 2 * lr),
    ],
    "c13_vae_step": [vae_step_squared, vae_step_encoder_alone, lambda v, opt, x: 0.0],
    "c16_g_step": G_WRONG,
    "c24_g_step": G_WRONG,
    "c26_d_loss": LOSS_WRONG,
    "c33_build": [build_half_shared, build_no_channel, lambda: None],
    "c36_g_step": G_WRONG,
    "c12_make_batch": [
        lambda n: torch.zeros(n, 1, 28, 28),
        lambda n: batch_randint(n).numpy(),
        lambda n: batch_randint(n) / 2,
        batch_turned,
        lambda n: batch_randint(n + 1),
    ],
    "c18_scale": [
        lambda x: (2 * x - 1).clamp(-0.9, 0.9),
        lambda x: (2 * x - 1).double(),
        lambda x: x.mul_(2).sub_(1),
        lambda x: torch.sin(torch.pi * (x - 0.5)),
    ],
    "t11_augment": [
        lambda real, fake: (shift_too_far(real), shift_too_far(fake)),
        lambda real, fake: (shift_aside(real), shift_aside(fake)),
        lambda real, fake: shift_by_roll(real),
        lambda real, fake: (shift_by_roll(real)[:10], shift_by_roll(fake)[:10]),
        lambda real, fake: (shift_by_roll(fake), shift_by_roll(real)),
    ],
    "a5_quality": [
        lambda G, F, x, y: 1.0,
        lambda G, F, x, y: (G(x) - y).mean().abs(),
        lambda G, F, x, y: (quality_moments(G, F, x, y), 0.0),
        lambda G, F, x, y: moments_apart(G(x), y) - (F(G(x)) - x).abs().mean(),
    ],
    "t8_score": [
        lambda samples: samples.mean(),
        lambda samples: samples.var(0),
        lambda samples: (samples.mean() - small().mean()).abs(),
        lambda samples: None,
    ],
    "a4_g_total": [
        lambda *a: total_by_mse(*a).item(),
        lambda G, F, DX, DY, x, y: total_by_mse(F, G, DX, DY, x, y),
        lambda G, F, DX, DY, x, y: total_by_mse(G, F, DX, DY, x, y) + 0.1,
        lambda *a: total_by_mse(*a).sqrt(),
    ],
}
