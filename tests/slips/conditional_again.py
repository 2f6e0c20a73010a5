"""More wrong answers to each exercise of lesson 13, by a second fresh reader."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.probability import bernoulli_log_likelihood, kl_to_standard_normal

# ----------------------------------------------------------------- label planes


def planes(images, labels, classes):
    hot = F.one_hot(labels, classes).to(images)
    return hot[:, :, None, None].expand(-1, -1, *images.shape[2:])


def joined(images, maps, axis=1):
    return torch.cat([images, maps], axis)


def empty(images, classes):
    return images.new_zeros(len(images), classes, *images.shape[2:])


def scattered_without_axes(images, labels, classes):
    return joined(images, empty(images, classes).scatter_(1, labels, 1.0))


def scattered_into_a_corner(images, labels, classes):
    maps = empty(images, classes)
    return joined(images, maps.scatter_(1, labels[:, None, None, None], 1.0))


def label_for_image(images, labels, classes):
    maps = empty(images, classes)
    maps[labels] = 1
    return joined(images, maps)


def loop_without_the_image(images, labels, classes):
    maps = empty(images, classes)
    for label in labels:
        maps[:, label] = 1
    return joined(images, maps)


def all_up_to_the_label(images, labels, classes):
    maps = empty(images, classes)
    for one, label in zip(maps, labels, strict=True):
        one[:label] = 1
    return joined(images, maps)


def row_repeated(images, labels, classes):
    """`(B, K)` repeated by four numbers: `(1, 1, B · H, K · W)`."""
    return joined(images, F.one_hot(labels, classes).to(images).repeat(1, 1, *images.shape[2:]))


def one_column(images, labels, classes):
    hot = F.one_hot(labels, classes).to(images)[:, :, None, None]
    return joined(images, hot.repeat(1, 1, images.shape[2], 1))


def stacked(images, labels, classes):
    return torch.stack([images, planes(images, labels, classes)], dim=1)


def as_many_as_channels(images, labels, classes):
    maps = torch.zeros_like(images)
    maps[torch.arange(len(images)), labels] = 1
    return joined(images, maps)


def written_into_the_image(images, labels, classes):
    images[:, 0] = labels[:, None, None].to(images)
    return images


def row_of_a_table(images, labels, classes):
    row = nn.Embedding(classes, classes)(labels).to(images)
    return joined(images, row[:, :, None, None].expand(-1, -1, *images.shape[2:]))


CONCATENATE = [
    (scattered_without_axes, "index_with_fewer_axes"),
    (scattered_into_a_corner, "one_pixel"),
    (label_for_image, "labels_count_images"),
    (loop_without_the_image, "labels_of_the_whole_batch"),
    (all_up_to_the_label, None),
    (row_repeated, "not_as_many_as_images"),
    (one_column, "plane_of_one_pixel"),
    (stacked, "stacked"),
    (as_many_as_channels, "as_many_planes_as_channels"),
    (written_into_the_image, "images_written_into"),
    (row_of_a_table, "random_numbers"),
    (lambda x, y, k: joined(x, planes(x, y, k), -1), "along_the_width"),
    (lambda x, y, k: joined(x, planes(x, y, k), 2), "along_the_height"),
    (lambda x, y, k: (x, planes(x, y, k)), "two_results"),
    (lambda x, y, k: joined(x, planes(x, y, k)).float(), "cast_to_float32"),
    (lambda x, y, k: joined(x, planes(x, y, k) * x), "added_to_channels"),
    (lambda x, y, k: joined(x, torch.ones_like(planes(x, y, k))), "every_plane_of_ones"),
    (lambda x, y, k: joined(x, empty(x, k)), "no_plane_of_ones"),
    (lambda x, y, k: joined(x, planes(x, y, k).transpose(0, 1)), "not_as_many_as_images"),
    (lambda x, y, k: joined((x + 1) / 2, planes(x, y, k)), None),
]

# ----------------------------------------------------------------- generator


class Gen(nn.Module):
    """The asked one, to be written otherwise in one place."""

    end: type = nn.Tanh
    taken = "both"

    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__()
        self.classes = classes
        self.embedding = nn.Embedding(classes, classes)
        entering = {"both": latent_dim + classes, "z": latent_dim, "label": classes}[self.taken]
        self.layers = nn.Sequential(
            nn.Linear(entering, 2 * width * (image_size // 4) ** 2),
            nn.Unflatten(1, (2 * width, image_size // 4, image_size // 4)),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, 2, 1),
            self.end(),
        )

    def forward(self, z, labels):
        return self.layers(torch.cat([z, self.embedding(labels)], dim=1))


class OneNumber(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        self.layers[0] = nn.Linear(latent_dim + 1, 2 * width * (image_size // 4) ** 2)


class OfThisLesson(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        self.layers[0] = nn.Linear(16 + 10, 2 * width * (image_size // 4) ** 2)


class NotSquared(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        self.layers[0] = nn.Linear(latent_dim + classes, 2 * width * image_size // 4**2)


class MapsLast(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        self.layers[1] = nn.Unflatten(1, (image_size // 4, image_size // 4, 2 * width))


class NarrowNorm(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        self.layers[2] = nn.BatchNorm2d(width)


class WideSecond(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        self.layers[7] = nn.ConvTranspose2d(2 * width, channels, 4, 2, 1)


class NoMaps(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        del self.layers[1]


class OneDoubling(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        last = nn.ConvTranspose2d(2 * width, channels, 4, 2, 1)
        self.layers = nn.Sequential(*self.layers[:4], last, nn.Tanh())


class Halving(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        self.layers[4] = nn.Conv2d(2 * width, width, 4, 2, 1)
        self.layers[7] = nn.Conv2d(width, channels, 4, 2, 1)


class StrideForgotten(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        self.layers[4] = nn.ConvTranspose2d(2 * width, width, 4, padding=1)
        self.layers[7] = nn.ConvTranspose2d(width, channels, 4, padding=1)


class InAList(Gen):
    """`self.layers = [...]`: PyTorch knows the table and nothing else."""

    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        layers = list(self.layers)
        del self.layers
        self.layers = layers

    def forward(self, z, labels):
        images = torch.cat([z, self.embedding(labels)], dim=1)
        for layer in self.layers:
            images = layer(images)
        return images


class HalfRange(Gen):
    def forward(self, z, labels):
        return super().forward(z, labels) / 2


class UnitRange(Gen):
    def forward(self, z, labels):
        return (super().forward(z, labels) + 1) / 2


class ReluBehind(Gen):
    def forward(self, z, labels):
        return super().forward(z, labels).relu()


class Stacked(Gen):
    def forward(self, z, labels):
        return self.layers(torch.stack([z, self.embedding(labels)], dim=1))


class Multiplied(Gen):
    def forward(self, z, labels):
        return self.layers(z * self.embedding(labels))


class FloatLabels(Gen):
    def forward(self, z, labels):
        return super().forward(z, labels.float())


class WithoutLabels(Gen):
    def forward(self, z):
        return self.layers(z)


class NothingBack(Gen):
    def forward(self, z, labels):
        super().forward(z, labels)


GENERATOR = [
    (OneNumber, "row_counted_as_one"),
    (OfThisLesson, "sizes_of_this_lesson"),
    (NotSquared, "maps_miscounted"),
    (MapsLast, "norm_miscounted"),
    (NarrowNorm, "norm_miscounted"),
    (WideSecond, "convolution_miscounted"),
    (NoMaps, "maps_forgotten"),
    (OneDoubling, "one_doubling"),
    (Halving, "halved_for_doubled"),
    (StrideForgotten, "stride_of_one"),
    (InAList, "table_alone_registered"),
    (HalfRange, "smaller_range"),
    (UnitRange, "sigmoid"),
    (ReluBehind, "relu_before_tanh"),
    (Stacked, "stacked"),
    (Multiplied, "added_to_z"),
    (FloatLabels, "arguments_swapped"),
    (WithoutLabels, "forward_without_labels"),
    (NothingBack, "expected one tensor, got None"),
]

# ----------------------------------------------------------------- projection


def inner(features, labels, embedding):
    return (embedding(labels) * features).sum(dim=1)


def scores(f, e):
    return f @ e.weight.T


def psi(f, lin):
    return lin(f).squeeze(1)


def of_one_hot(f, y, e, lin):
    return ((F.one_hot(y, e.num_embeddings) @ e.weight) * f).sum(1) + psi(f, lin)


def of_a_new_layer(f, y, e, lin):
    return inner(f, y, e) + nn.Linear(f.shape[1], 1).to(f.dtype)(f).squeeze(1)


PROJECTION = [
    (lambda f, y, e, lin: scores(f, e)[y] + lin(f), "labels_count_examples"),
    (lambda f, y, e, lin: scores(f, e)[:, y] + lin(f), "every_pair"),
    (lambda f, y, e, lin: scores(f, e).gather(1, y) + psi(f, lin), "index_with_fewer_axes"),
    (lambda f, y, e, lin: e(y).T @ f + lin(f), "added_over_the_batch"),
    (lambda f, y, e, lin: scores(f, e).amax(1) + psi(f, lin), "whatever_the_label"),
    (lambda f, y, e, lin: scores(f, e).sum(1) + psi(f, lin), "whatever_the_label"),
    (lambda f, y, e, lin: F.logsigmoid(inner(f, y, e) + psi(f, lin)), "log_probability"),
    (lambda f, y, e, lin: (F.normalize(e(y)) * f).sum(1) + psi(f, lin), "one_brought_to_length_1"),
    (lambda f, y, e, lin: inner(f, y + 1, e) + psi(f, lin), "row_beyond"),
    (lambda f, y, e, lin: inner(f, y.float(), e) + psi(f, lin), "no_integers"),
    (lambda f, y, e, lin: inner(f, y, e) + lin(f).mean(), "psi_of_the_whole_batch"),
    (lambda f, y, e, lin: (y[:, None] * f).sum(1) + psi(f, lin), "label_as_a_number"),
    (lambda f, y, e, lin: inner(f, y, e) + psi(f, lin).detach(), "linear_detached"),
    (lambda f, y, e, lin: inner(f, y, e) + psi(f.detach(), lin), "psi_of_detached_features"),
    (lambda f, y, e, lin: (inner(f, y, e) + psi(f, lin)).detach(), "all_detached"),
    (lambda f, y, e, lin: inner(f, y, e) + lin.bias, "bias_alone"),
    (lambda f, y, e, lin: (inner(f, y, e), psi(f, lin)), "two_results"),
    (lambda f, y, e, lin: -inner(f, y, e) - psi(f, lin), "sign_turned_round"),
    (lambda f, y, e, lin: e.weight @ f + lin(f), "table_times_features"),
    (lambda f, y, e, lin: lin(inner(f, y, e)), "psi_of_the_inner_product"),
    (lambda f, y, e, lin: e(y) * f + psi(f, lin), "not_added_up_and_squeezed"),
    (of_one_hot, "one_hot_of_integers"),
    (of_a_new_layer, "layer_of_its_own"),
    (lambda f, y, e, lin: inner(f, y, e) + f.sum(1), None),
]

# ----------------------------------------------------------------- conditional bound


def bound(
    images_of=lambda enc, im, y: enc(im, y),
    std=lambda log_var: torch.exp(log_var / 2),
    decode=lambda dec, z, y: dec(z, y),
    kl=kl_to_standard_normal,
    likelihood=bernoulli_log_likelihood,
    join=lambda like, kl: (kl - like).mean(),
    draw=lambda mean, std, noise: mean + std * noise,
):
    def answer(encoder, decoder, images, labels, noise):
        mean, log_var = images_of(encoder, images, labels)
        z = draw(mean, std(log_var), noise)
        logits = decode(decoder, z, labels)
        return join(likelihood(logits, images), kl(mean, log_var))

    return answer


def encoder_given(call):
    return bound(images_of=call)


def flat_logits(logits, images):
    return bernoulli_log_likelihood(logits.flatten(1), images)


def cross_entropy_of_logits(logits, images):
    return -F.binary_cross_entropy(logits, images, reduction="none").flatten(1).sum(1)


def under_no_grad(encoder, decoder, images, labels, noise):
    with torch.no_grad():
        return bound()(encoder, decoder, images, labels, noise)


def mean_only(encoder, decoder, images, labels, noise):
    mean = encoder(images, labels)
    return -bernoulli_log_likelihood(decoder(mean + noise, labels), images).mean()


def prior_of_the_draw(encoder, decoder, images, labels, noise):
    mean, log_var = encoder(images, labels)
    z = mean + torch.exp(log_var / 2) * noise
    log_prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    return -(bernoulli_log_likelihood(decoder(z, labels), images) + log_prior).mean()


def kl_without_the_mean(mean, log_var):
    return 0.5 * (log_var.exp() - 1 - log_var).sum(1)


def hot(labels):
    return F.one_hot(labels, 10)


BOUND = [
    (bound(kl=lambda mean, log_var: kl_to_standard_normal(log_var, mean)), "kl_given_both_swapped"),
    (bound(kl=kl_without_the_mean), "kl_in_part"),
    (bound(kl=lambda mean, log_var: 2 * kl_to_standard_normal(mean, log_var)), "kl_doubled"),
    (bound(likelihood=cross_entropy_of_logits), "not_probabilities"),
    (bound(likelihood=flat_logits), "logits_flattened"),
    (bound(join=lambda like, kl: kl.mean() - like.sum()), "likelihood_added_over_the_batch"),
    (bound(join=lambda like, kl: (kl / len(kl) - like).mean()), "kl_divided_by_the_batch"),
    (bound(join=lambda like, kl: (kl - like).mean().item()), "a_number"),
    (bound(join=lambda like, kl: (kl - like).mean() - math.log(10)), "label_gained"),
    (bound(std=lambda log_var: torch.exp(-log_var / 2)), "another_exponent"),
    (bound(std=F.softplus), "another_exponent"),
    (bound(draw=lambda mean, std, noise: std * noise), "mean_left_out"),
    (bound(draw=lambda mean, std, noise: std + mean * noise), "mean_and_std_swapped"),
    (encoder_given(lambda enc, x, y: enc(y, x)), "encoder_arguments_swapped"),
    (encoder_given(lambda enc, x, y: enc(x, y)[::-1]), "outputs_swapped"),
    (encoder_given(lambda enc, x, y: enc(x, y).chunk(2, dim=1)), "one_tensor_expected"),
    (encoder_given(lambda enc, x, y: enc(x.flatten(1), y)), "images_flattened"),
    (bound(decode=lambda dec, z, y: dec(y, z)), "decoder_arguments_swapped"),
    (bound(decode=lambda dec, z, y: dec(z, hot(y))), "labels_one_hot"),
    (bound(decode=lambda dec, z, y: dec(torch.cat([z, hot(y)], 1), y)), "labels_appended"),
    (bound(decode=lambda dec, z, y: dec(z, y + 1)), "label_beyond"),
    (bound(decode=lambda dec, z, y: dec(z, y).detach()), "decoder_cut_off"),
    (under_no_grad, "without_gradient"),
    (mean_only, "one_tensor_expected"),
    (prior_of_the_draw, "log_prior_alone"),
]

AGAIN = {
    "conditional.concatenate_label": CONCATENATE,
    "conditional.ConditionalGenerator": GENERATOR,
    "conditional.projection_logits": PROJECTION,
    "conditional.conditional_negative_elbo": BOUND,
}
