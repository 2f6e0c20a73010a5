"""Ten wrong answers to a VAE's step, to a VAE's building and to the ward of data, and causes.

`None`: no cause is known, and the message must not claim one. A text in the place of a name: what
the message itself says of the cause.
"""

import copy
import random

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.data import load_mnist


def pixels(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1)


def rate(mean, log_var):
    return 0.5 * (mean**2 + log_var.exp() - 1 - log_var)


def vae_step(loss_of):
    """A step whose loss is `loss_of(logits, x, mean, log_var)`, and nothing else wrong."""

    def step(v, opt, x):
        logits, mean, log_var = v(x)
        loss = loss_of(logits, x, mean, log_var)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    return step


def neg_elbo(logits, x, mean, log_var):
    return (pixels(logits, x).sum(1) + rate(mean, log_var).sum(1)).mean()


def without_encoder(v, opt, x):
    with torch.no_grad():
        mean, log_var = v.encoder(x)
    z = mean + (log_var / 2).exp() * torch.randn_like(mean)
    loss = neg_elbo(v.decoder(z), x, mean, log_var)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss


def called_twice(v, opt, x):
    _, mean, log_var = v(x)
    logits, _, _ = v(x)
    loss = neg_elbo(logits, x, mean, log_var)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss


def not_cleared(v, opt, x):
    loss = neg_elbo(*(lambda out: (out[0], x, *out[1:]))(v(x)))
    loss.backward()
    opt.step()
    return loss


def cleared_late(v, opt, x):
    loss = neg_elbo(*(lambda out: (out[0], x, *out[1:]))(v(x)))
    loss.backward()
    opt.zero_grad()
    opt.step()
    return loss


def no_step(v, opt, x):
    loss = neg_elbo(*(lambda out: (out[0], x, *out[1:]))(v(x)))
    opt.zero_grad()
    loss.backward()
    return loss


def mean_detached(s, x, m, lv):
    return (pixels(s, x).sum(1) + rate(m.detach(), lv.detach()).sum(1)).mean()


STEP = [
    (without_encoder, "own_noise"),
    (called_twice, "called_twice"),
    (not_cleared, "zero_grad_forgotten"),
    (cleared_late, "nothing_moves"),
    (no_step, "nothing_moves"),
    (lambda *given: vae_step(neg_elbo)(*given) and None, "got None"),
    (vae_step(mean_detached), "kl_off_graph"),
    (
        vae_step(lambda s, x, m, lv: (pixels(s, x).sum(1) - rate(m, lv).sum(1)).mean()),
        "kl_subtracted",
    ),
    (vae_step(lambda s, x, m, lv: pixels(s, x).sum(1).mean()), "kl_forgotten"),
    (vae_step(lambda s, x, m, lv: rate(m, lv).sum(1).mean()), "likelihood_forgotten"),
    (
        vae_step(lambda s, x, m, lv: pixels(s, x).mean() + rate(m, lv).sum(1).mean()),
        "pixels_averaged",
    ),
    (vae_step(lambda s, x, m, lv: pixels(s, x).mean() + rate(m, lv).mean()), "both_averaged"),
    (
        vae_step(lambda s, x, m, lv: pixels(s, x).sum(1).mean() + rate(m, lv).mean()),
        "latents_averaged",
    ),
    (vae_step(lambda s, x, m, lv: pixels(s, x).sum() + rate(m, lv).sum()), "batch_summed"),
    (vae_step(lambda s, x, m, lv: -neg_elbo(s, x, m, lv)), "elbo_minimized"),
    (vae_step(lambda s, x, m, lv: neg_elbo(s, x, m, 2 * lv)), "log_var_as_log_std"),
    (vae_step(lambda s, x, m, lv: neg_elbo(s, x, m, lv) + rate(m, lv).sum(1).mean()), "kl_doubled"),
    (vae_step(lambda s, x, m, lv: neg_elbo(s.sigmoid(), x, m, lv)), "sigmoid_twice"),
    (
        vae_step(
            lambda s, x, m, lv: (
                (s.sigmoid() - x).square().flatten(1).sum(1) + rate(m, lv).sum(1)
            ).mean()
        ),
        "squared_error",
    ),
]


def make_encoder(outputs=8):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs))


def make_decoder(*end):
    end = end or (nn.Unflatten(1, (1, 8, 8)),)
    return nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), *end)


def build(sampler, *end, outputs=8):
    """`sampler(encoder, decoder)` is what samples."""

    def answer():
        encoder, decoder = make_encoder(outputs), make_decoder(*end)
        return encoder, decoder, sampler(encoder, decoder)

    return answer


def right_sampler(encoder, decoder):
    return lambda z: decoder(z).sigmoid()


def weights_copied(encoder, decoder):
    other = make_decoder()
    other.load_state_dict(decoder.state_dict())
    return nn.Sequential(other, nn.Sigmoid())


def own_codes(encoder, decoder):
    return lambda z: decoder(torch.randn_like(z)).sigmoid()


def encodes_first(encoder, decoder):
    return lambda x: decoder(encoder(x)[:, :4]).sigmoid()


def made_at_each_call(encoder, decoder):
    return lambda z: make_decoder()(z).sigmoid()


BUILD = [
    (build(lambda e, d: nn.Sequential(make_decoder(), nn.Sigmoid())), "a_decoder_of_its_own"),
    (build(lambda e, d: nn.Sequential(copy.deepcopy(d), nn.Sigmoid())), "copied_at_the_start"),
    (build(weights_copied), "copied_at_the_start"),
    (build(made_at_each_call), "z_ignored"),
    (build(lambda e, d: d), "logits"),
    (build(lambda e, d: lambda z: d(z).tanh()), "tanh"),
    (build(lambda e, d: lambda z: (d(z) > 0).float()), "cut_at_zero"),
    (build(right_sampler, nn.Unflatten(1, (1, 8, 8)), nn.Sigmoid()), "decoder_ends_in_a_sigmoid"),
    (build(lambda e, d: d, nn.Unflatten(1, (1, 8, 8)), nn.Sigmoid()), "decoder_ends_in_a_sigmoid"),
    (build(right_sampler, nn.Identity()), "flat_logits"),
    (build(right_sampler, outputs=4), "encoder_too_narrow"),
    (build(own_codes), "z_ignored"),
    (build(encodes_first), "order"),
    (lambda: build(right_sampler)()[:2], "two_of_three"),
    (lambda: tuple(build(right_sampler)()[n] for n in (0, 2, 1)), "sampler_second"),
    (lambda: (nn.Linear(64, 8), *build(right_sampler)()[1:]), "order"),
]


def digits():
    return load_mnist("train", value_range=(0, 1))[0]


def some(n):
    return digits()[torch.randperm(60_000)[:n]]


def pixels_shuffled(n):
    return some(n).flatten(1)[:, torch.randperm(784)].view(n, 1, 28, 28)


def seeded(n):
    return digits()[torch.randperm(60_000, generator=torch.Generator().manual_seed(0))[:n]]


def standardized(n):
    x = some(n)
    return (x - x.mean()) / x.std()


BATCH = [
    (lambda n: torch.randn(n, 1, 28, 28), "normal_noise"),
    (lambda n: torch.rand(n, 1, 28, 28), "uniform_noise"),
    (lambda n: torch.randn(n, 1, 28, 28).clamp(0, 1), "squashed_noise"),
    (lambda n: torch.randn(n, 1, 28, 28).sigmoid(), "squashed_noise"),
    (lambda n: 255 * some(n), "bytes_as_floats"),
    (lambda n: (255 * some(n)).to(torch.uint8), "bytes"),
    (lambda n: some(n) / 255, "divided_twice"),
    (lambda n: 2 * some(n) - 1, "tanh_range"),
    (standardized, "standardized"),
    (lambda n: digits()[:n], "first_images"),
    (seeded, "first_images"),
    (lambda n: digits()[torch.randint(60_000, ())].expand(n, 1, 28, 28), "one_image"),
    (lambda n: some(n)[:, 0], "channel_missing"),
    (lambda n: some(n).flatten(1), "flat"),
    (pixels_shuffled, "pixels_shuffled"),
    (
        lambda n: load_mnist("test", value_range=(0, 1))[0][torch.randperm(10_000)[:n]],
        "test_images",
    ),
    (lambda n: 1 - some(n), "inverted"),
    (lambda n: some(64), "another_number"),
    (lambda n: digits()[torch.randint(100, (n,))], "few_images"),
    (lambda n: F.max_pool2d(F.pad(some(n), (2, 2, 2, 2)), 4), "shrunk"),
]

SCALE = [
    (lambda x: x, "unscaled"),
    (lambda x: x - 0.5, "centered_alone"),
    (lambda x: 2 * x, "doubled_alone"),
    (lambda x: 1 - 2 * x, "inverted"),
    (lambda x: x.mul_(2).sub_(1), "changed in place"),
    (lambda x: (x - x.mean()) / x.std(), "standardized"),
    (lambda x: x.tanh(), "tanh"),
    (lambda x: (2 * x - 1).tanh(), "tanh"),
    (lambda x: 2 * (x - x.min()) / (x.max() - x.min()) - 1, "by_batch"),
    (lambda x: x / 127.5 - 1, "as_if_bytes"),
    (lambda x: x.clamp(-1, 1), "unscaled"),
    (lambda x: (2 * x - 1).float(), "expected dtype"),
    (lambda x: (2 * x - 1).round(), "black_or_white"),
    (lambda x: (x + 1) / 2, "back_to_unit_range"),
    (lambda x: 2 * x.square() - 1, "squared"),
    (lambda x: (2 * x - 1).flatten(1), None),
    (lambda x: (x * 255).to(torch.uint8) / 127.5 - 1, "by_way_of_bytes"),
]


def shift(images, shifts):
    pairs = zip(images, shifts.tolist(), strict=True)
    return torch.stack([torch.roll(image, tuple(s), (1, 2)) for image, s in pairs])


def draws(images, low=-1, high=2):
    return torch.randint(low, high, (len(images), 2))


def augment(draw, draw_fake=None):
    draw_fake = draw_fake or draw
    return lambda real, fake: (shift(real, draw(real)), shift(fake, draw_fake(fake)))


def one_draw(images):
    return draws(images[:1]).expand(len(images), 2)


def one_axis(images):
    return draws(images) * torch.tensor([1, 0])


def diagonal(images):
    return draws(images)[:, :1].expand(-1, 2)


def by_python(images):
    return torch.tensor([[random.choice((-1, 0, 1)) for _ in "dr"] for _ in images])


def by_own_generator(images):
    return torch.randint(-1, 2, (len(images), 2), generator=torch.Generator().manual_seed(0))


def same_shifts(real, fake):
    shifts = draws(max(real, fake, key=len))
    return shift(real, shifts[: len(real)]), shift(fake, shifts[: len(fake)])


def gray_edge(real, fake):
    def cropped(images):
        padded = F.pad(images, (1, 1, 1, 1))
        places = 1 - draws(images)
        return torch.stack(
            [p[:, i : i + 8, j : j + 8] for p, (i, j) in zip(padded, places.tolist(), strict=True)]
        )

    return cropped(real), cropped(fake)


def under_no_grad(real, fake):
    with torch.no_grad():
        return augment(draws)(real, fake)


def mirrored(real, fake):
    def some_mirrored(images):
        return torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, images.flip(3), images)

    return some_mirrored(real), some_mirrored(fake)


AUGMENT = [
    (lambda real, fake: (shift(real, draws(real)), fake), "reals_alone"),
    (lambda real, fake: (real, shift(fake, draws(fake))), "fakes_alone"),
    (lambda real, fake: (real, fake), "nothing"),
    (augment(one_draw), "one_shift_for_all"),
    (same_shifts, "same_shifts_for_both"),
    (augment(one_axis), "one_direction"),
    (augment(diagonal), "diagonal"),
    (augment(lambda images: draws(images, -1, 1)), "one_way"),
    (augment(lambda images: draws(images, -2, 3)), "too_far"),
    (augment(lambda images: draws(images, 0, 2)), "one_way"),
    (augment(draws, lambda images: draws(images, -2, 3)), "too_far"),
    (augment(by_python), "other_generator"),
    (augment(by_own_generator), "same_at_every_call"),
    (gray_edge, "gray_edge"),
    (under_no_grad, "graph_cut"),
    (lambda real, fake: augment(draws)(real, fake.detach()), "graph_cut"),
    (lambda real, fake: augment(draws)(real, fake)[::-1], "results_exchanged"),
    (mirrored, "half_turns"),
    (lambda real, fake: torch.cat(augment(draws)(real, fake)), "joined"),
]

SLIPS = {
    "clinic.c13_vae_step": STEP,
    "clinic.c33_build": BUILD,
    "clinic.c12_make_batch": BATCH,
    "clinic.c18_scale": SCALE,
    "clinic.t11_augment": AUGMENT,
}
