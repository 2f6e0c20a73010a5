"""Ten wrong answers to each case of the clinic's ward of shapes, and their causes.

`None`: no cause is known, and the message must not claim one. A text in the place of a name: what
the message itself says of the cause.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def autoencoder(inner):
    """`inner(x, encoder, decoder)` with layers of its own, whose sizes the first input sets."""
    encoder = nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.LazyLinear(8))
    decoder = nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.LazyLinear(784))
    return lambda x: inner(x, encoder, decoder)


def code(values):
    m, lv = values.chunk(2, dim=-1)
    return m + (lv / 2).exp() * torch.randn_like(m)


def pictures(values):
    return values.unflatten(1, (28, 28))


def not_flattened(x, e, d):
    return d(code(e(x))).sigmoid().reshape(-1, 28, 28)


def rows_averaged(x, e, d):
    return pictures(d(code(e(x).mean(1))).sigmoid())


def all_flattened(x, e, d):
    return d(code(e(x.flatten()[None]))).sigmoid().expand(len(x), -1).unflatten(1, (28, 28))


def reshaped_to_one(x, e, d):
    return d(code(e(x.reshape(1, 784)))).sigmoid().reshape(-1, 28, 28)


def one_code(x, e, d):
    m, _ = e(x.flatten(1)).chunk(2, dim=1)
    return pictures(d(m.mean(0, keepdim=True).expand(len(x), -1)).sigmoid())


def batch_normalized(x, e, d):
    m, _ = e(x.flatten(1)).chunk(2, dim=1)
    return pictures(d(F.batch_norm(m, None, None, training=True)).sigmoid())


def squeezed(x, e, d):
    return pictures(d(code(e(x.flatten(1)))).sigmoid()).squeeze()


def ignoring(x, e, d):
    return pictures(d(torch.randn(len(x), 4)).sigmoid())


def mixed_axes(x, e, d):
    return pictures(d(code(e(x.reshape(784, -1).T))).sigmoid())


def first_row(x, e, d):
    return pictures(d(code(e(x[:, 0]))).sigmoid())


def chunked_over_the_batch(x, e, d):
    m, lv = e(x.flatten(1)).chunk(2, dim=0)
    return pictures(d(m + (lv / 2).exp() * torch.randn_like(m)).sigmoid())


VAE = [
    (autoencoder(not_flattened), "rows_as_images"),
    (autoencoder(lambda x, e, d: pictures(d(code(e(x.flatten(1)))))), "logits"),
    (autoencoder(lambda x, e, d: d(code(e(x.flatten(1)))).sigmoid()), "still_flat"),
    (
        autoencoder(lambda x, e, d: pictures(d(code(e(x.flatten(1)))).sigmoid())[:, None]),
        "channel_added",
    ),
    (autoencoder(lambda x, e, d: pictures(d(code(e(x.flatten(1)))).tanh())), "logits"),
    (autoencoder(lambda x, e, d: x), "x_itself"),
    (autoencoder(rows_averaged), "rows_averaged"),
    (autoencoder(all_flattened), "batch_in_one_row"),
    (autoencoder(reshaped_to_one), "one_image_alone"),
    (autoencoder(one_code), "one_code_for_all"),
    (autoencoder(batch_normalized), "batch_norm"),
    (autoencoder(squeezed), "squeezed"),
    (autoencoder(ignoring), "ignores_x"),
    (autoencoder(mixed_axes), "images_mixed"),
    (autoencoder(first_row), "first_row"),
    (autoencoder(chunked_over_the_batch), "chunk_along_batch"),
    (autoencoder(lambda x, e, d: pictures(d(code(e(x.flatten(1)))).softmax(1))), "softmax"),
    (autoencoder(lambda x, e, d: pictures(d(e(x.flatten(1))).sigmoid())), "code_too_wide"),
]


def encoder(inner, outputs=4):
    layers = nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.LazyLinear(outputs))
    return lambda x: inner(x, layers)


def kl(m, lv):
    return 0.5 * (m**2 + lv.exp() - 1 - lv)


def encoded(reduce, flatten=lambda x: x.flatten(1), axis=-1):
    def inner(x, layers):
        m, lv = layers(flatten(x)).chunk(2, dim=axis)
        return m, lv, reduce(m, lv)

    return encoder(inner)


def two_results(x, layers):
    return layers(x.flatten(1)).chunk(2, dim=1)


def swapped(x, layers):
    m, lv = layers(x.flatten(1)).chunk(2, dim=1)
    return lv, m, kl(m, lv).sum(1)


def std_given(x, layers):
    m, lv = layers(x.flatten(1)).chunk(2, dim=1)
    return m, (lv / 2).exp(), kl(m, lv).sum(1)


def normalized_over_the_batch(x, layers):
    flat = x.flatten(1)
    m, lv = layers((flat - flat.mean()) / flat.std()).chunk(2, dim=1)
    return m, lv, kl(m, lv).sum(1)


def pixels_averaged(x, layers):
    m, lv = layers(x.movedim(1, -1)).mean((1, 2)).chunk(2, dim=1)
    return m, lv, kl(m, lv).sum(1)


def channels_last_squeezed(x, layers):
    m, lv = layers(x.squeeze().flatten(1)).chunk(2, dim=1)
    return m, lv, kl(m, lv).sum(1)


ENCODER = [
    (encoded(lambda m, lv: kl(m, lv).sum(-1), lambda x: x.movedim(1, -1)), "not_flattened"),
    (encoded(lambda m, lv: kl(m, lv).sum(-1), lambda x: x), "rows_coded"),
    (encoded(kl), "kl_not_reduced"),
    (encoded(lambda m, lv: kl(m, lv).sum(1).mean()), "kl_of_the_batch"),
    (encoded(lambda m, lv: kl(m, lv).sum()), "kl_of_the_batch"),
    (encoded(lambda m, lv: kl(m, lv).mean(1)), "kl_halved"),
    (encoded(lambda m, lv: -kl(m, lv).sum(1)), "kl_sign"),
    (encoded(lambda m, lv: 2 * kl(m, lv).sum(1)), "kl_doubled"),
    (encoded(lambda m, lv: kl(m, 2 * lv).sum(1)), "log_var_as_log_std"),
    (encoded(lambda m, lv: 0.5 * (lv.exp() - 1 - lv).sum(1)), "mean_missing"),
    (encoded(lambda m, lv: 0.5 * (1 + lv).sum(1)), "entropy_part"),
    (encoded(lambda m, lv: kl(m, lv).sum(1), axis=0), "chunk_along_batch"),
    (encoder(two_results), "kl_missing"),
    (encoder(swapped), "outputs_swapped"),
    (encoder(std_given), "std_given"),
    (encoder(normalized_over_the_batch), "batch_standardized"),
    (encoder(pixels_averaged), "pixels_averaged"),
    (encoder(channels_last_squeezed), "squeezed"),
    (encoded(lambda m, lv: kl(m, lv).sum(1), lambda x: x[:, 0, 14]), "one_row_seen"),
    (encoded(lambda m, lv: kl(m, lv).sum(1).detach()), "kl_cut_off"),
]

ONE_JUDGE = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1))


class Distance(nn.Module):
    def forward(self, points):
        return points.norm(dim=1, keepdim=True) - 1.3


def zeros():
    judge = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1))
    for parameter in judge.parameters():
        nn.init.zeros_(parameter)
    return judge


def without_gradients():
    return nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1)).requires_grad_(False)


def ended_by(*layers):
    return lambda: nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1), *layers)


JUDGE = [
    (lambda: nn.Linear(2, 1), "no_activation"),
    (lambda: nn.Sequential(nn.Linear(2, 32), nn.Linear(32, 1)), "no_activation"),
    (lambda: nn.Sequential(nn.Linear(2, 1), nn.LeakyReLU(0.2)), "activation_at_the_end"),
    (ended_by(nn.Sigmoid()), "sigmoid_output"),
    (ended_by(nn.Tanh()), "tanh_output"),
    (ended_by(nn.ReLU()), "rectified_output"),
    (ended_by(nn.Flatten(0)), "squeezed"),
    (ended_by(nn.Softmax(dim=1)), "softmax_of_one"),
    (ended_by(nn.LogSigmoid()), "never_positive"),
    (lambda: nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2)), "two_classes"),
    (lambda: nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 1)), None),
    (lambda: nn.Sequential, "class_returned"),
    (lambda: ONE_JUDGE, "one_network_for_all"),
    (Distance, None),
    (zeros, "too_weak"),
    (without_gradients, "frozen"),
    (lambda: nn.Sequential(nn.Linear(2, 32), nn.Dropout(0.5), nn.Linear(32, 1)), "no_activation"),
    (lambda: nn.Sequential(nn.Linear(2, 2), nn.Softmax(1), nn.Linear(2, 1)), "too_weak"),
]


class CenteredBatch(nn.Module):
    def forward(self, x):
        return x - x.mean(0)


class Constant(nn.Module):
    def __init__(self):
        super().__init__()
        self.image = nn.Parameter(torch.randn(1, 1, 8, 8))

    def forward(self, z):
        return self.image.tanh().expand(len(z), -1, -1, -1)


class WithBatchNormIfMany(nn.Module):
    """Leaves the normalization out where the batch is one, and keeps it elsewhere."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Linear(8, 64), nn.BatchNorm1d(64)
        self.last = nn.Sequential(nn.ReLU(), nn.Linear(64, 64), nn.Tanh(), IMAGE)

    def forward(self, z):
        h = self.first(z)
        return self.last(self.norm(h) if len(z) > 1 else h)


IMAGE = nn.Unflatten(1, (1, 8, 8))
ONE_GENERATOR = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), IMAGE)


def generator(norm, *end):
    end = end or (nn.Tanh(), IMAGE)
    return lambda: nn.Sequential(
        nn.Linear(8, 64), norm(), nn.LeakyReLU(0.2), nn.Linear(64, 64), *end
    )


def frozen_norm():
    norm = nn.BatchNorm1d(64)
    return norm.eval()


GENERATOR = [
    (generator(CenteredBatch), "batch_norm_by_hand"),
    (generator(lambda: nn.BatchNorm1d(64)), "batch_norm_of_torch"),
    (lambda: generator(lambda: nn.BatchNorm1d(64))().eval(), "batch_norm_of_torch"),
    (generator(frozen_norm), "batch_norm_of_torch"),
    (generator(nn.Identity, nn.Sigmoid(), IMAGE), "sigmoid"),
    (generator(nn.Identity, IMAGE), "unbounded"),
    (generator(nn.Identity, nn.ReLU(), IMAGE), "relu_output"),
    (generator(nn.Identity, nn.Tanh()), "flat_output"),
    (generator(nn.Identity, nn.Tanh(), nn.Unflatten(1, (8, 8))), "channel_missing"),
    (generator(lambda: nn.LayerNorm(8)), "layer_norm_size"),
    (Constant, "one_picture"),
    (lambda: ONE_GENERATOR, "one_network_for_all"),
    (
        lambda: nn.Sequential(nn.Linear(8, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28))),
        "another_size",
    ),
    (lambda: nn.Sequential(nn.Linear(64, 64), nn.Tanh(), IMAGE), None),
    (WithBatchNormIfMany, None),
    (lambda: nn.Linear, "class_returned"),
]

MOMENTUM = [
    (lambda k: k, "taken_over"),
    (lambda k: 1 / k, "inverse"),
    (lambda k: k - 1, "off_by_sign"),
    (lambda k: 0.2, "constant_of_the_case"),
    (lambda k: 0.1, "torchs_default"),
    (lambda k: 1 - k**2, "squared"),
    (lambda k: (1 - k) / k, "odds"),
    (lambda k: k / 4, "constant_of_the_case"),
    (lambda k: 1 + k, "added"),
    (lambda k: math.sqrt(1 - k), None),
    (lambda k: -math.log(k), "rate_in_time"),
    (lambda k: None, "cumulative"),
    (lambda k: (1 - k) * 64 / 63, None),
    (lambda k: round(1 - k), "rounded"),
]

SLIPS = {
    "clinic.c31_vae": VAE,
    "clinic.c9_encoder": ENCODER,
    "clinic.c7_make_D": JUDGE,
    "clinic.c17_make_G": GENERATOR,
    "clinic.c20_bn_momentum": MOMENTUM,
}
