"""Wrong answers to each exercise of lesson 13, as a reader wrote them, and their causes.

`None`: no cause is known, and the message must not claim one. A text in the place of a name: what
the message itself says of the cause.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.probability import bernoulli_log_likelihood, kl_to_standard_normal
from tests.slips.conditional_again import AGAIN, Gen, bound, inner, planes

# ----------------------------------------------------------------- label planes


def planes_of_integers(images, labels, classes):
    hot = F.one_hot(labels, classes)
    maps = hot[:, :, None, None].expand(-1, -1, *images.shape[2:])
    return torch.cat([images.to(maps.dtype), maps], dim=1)


def float_planes(images, labels, classes):
    hot = F.one_hot(labels, classes).float()
    return torch.cat([images, hot[:, :, None, None].expand(-1, -1, *images.shape[2:])], dim=1)


def planes_first(images, labels, classes):
    return torch.cat([planes(images, labels, classes), images], dim=1)


def one_plane(images, labels, classes):
    plane = labels[:, None, None, None].to(images).expand(-1, 1, *images.shape[2:])
    return torch.cat([images, plane], dim=1)


def one_plane_for_all(images, labels, classes):
    plane = labels[:, None, None, None].to(images).expand(-1, classes, *images.shape[2:])
    return torch.cat([images, plane], dim=1)


def planes_of_a_square(images, labels, classes):
    hot = F.one_hot(labels, classes).to(images)
    size = images.shape[-1]
    return torch.cat([images, hot[:, :, None, None].expand(-1, -1, size, size)], dim=1)


def planes_of_28(images, labels, classes):
    hot = F.one_hot(labels, classes).to(images)
    return torch.cat([images, hot[:, :, None, None].expand(-1, -1, 28, 28)], dim=1)


def classes_of_the_batch(images, labels, classes):
    hot = F.one_hot(labels).to(images)
    return torch.cat([images, hot[:, :, None, None].expand(-1, -1, *images.shape[2:])], dim=1)


def ten_classes(images, labels, classes):
    return torch.cat([images, planes(images, labels, 10)], dim=1)


def planes_minus_one_to_one(images, labels, classes):
    return torch.cat([images, 2 * planes(images, labels, classes) - 1], dim=1)


def labels_counted_from_one(images, labels, classes):
    hot = F.one_hot(labels, classes + 1)[:, 1:].to(images)
    return torch.cat([images, hot[:, :, None, None].expand(-1, -1, *images.shape[2:])], dim=1)


def joined_along_the_batch(images, labels, classes):
    return torch.cat([images, planes(images, labels, classes)], dim=0)


def planes_by_viewing(images, labels, classes):
    """Repeats the row, then views it as planes: the numbers land in the wrong places."""
    height, width = images.shape[2:]
    maps = F.one_hot(labels, classes).to(images).repeat(1, height * width)
    return torch.cat([images, maps.view(-1, classes, height, width)], dim=1)


def not_stretched(images, labels, classes):
    return torch.cat([images, F.one_hot(labels, classes).to(images)[:, :, None, None]], dim=1)


def vector_appended(images, labels, classes):
    return torch.cat([images, F.one_hot(labels, classes).to(images)], dim=1)


def added_not_appended(images, labels, classes):
    return images + planes(images, labels, classes)


def label_of_the_first(images, labels, classes):
    return torch.cat([images, planes(images, labels[:1].expand_as(labels), classes)], dim=1)


def image_where_the_label_is(images, labels, classes):
    return torch.cat([images, images[:, :1] * planes(images, labels, classes)], dim=1)


def one_pixel(images, labels, classes):
    maps = images.new_zeros(len(images), classes, *images.shape[2:])
    maps[torch.arange(len(images)), labels, 0, 0] = 1
    return torch.cat([images, maps], dim=1)


def set_by_a_slice(images, labels, classes):
    """`maps[:, labels] = 1` sets the planes of all labels in every example."""
    maps = images.new_zeros(len(images), classes, *images.shape[2:])
    maps[:, labels] = 1
    return torch.cat([images, maps], dim=1)


CONCATENATE = [
    (planes_of_integers, "integers"),
    (float_planes, "planes_in_float32"),
    (planes_first, "planes_first"),
    (one_plane, "label_as_a_number"),
    (one_plane_for_all, "number_in_every_plane"),
    (planes_of_a_square, "planes_of_another_size"),
    (planes_of_28, "planes_of_another_size"),
    (classes_of_the_batch, "classes_from_the_labels"),
    (ten_classes, "ten_classes"),
    (planes_minus_one_to_one, "plus_and_minus_one"),
    (labels_counted_from_one, "counted_from_one"),
    (joined_along_the_batch, "along_the_batch"),
    (planes_by_viewing, "viewed_as_planes"),
    (not_stretched, "plane_of_one_pixel"),
    (vector_appended, "axes_forgotten"),
    (added_not_appended, "added_to_channels"),
    (label_of_the_first, "first_label_for_all"),
    (image_where_the_label_is, "image_in_the_plane"),
    (one_pixel, "one_pixel"),
    (set_by_a_slice, "labels_of_the_whole_batch"),
]

# ----------------------------------------------------------------- generator


class LabelIgnored(Gen):
    taken = "z"

    def forward(self, z, labels):
        return self.layers(z)


class ZIgnored(Gen):
    taken = "label"

    def forward(self, z, labels):
        return self.layers(self.embedding(labels))


class LabelAsNumber(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, 1, image_size, channels, width)

    def forward(self, z, labels):
        return self.layers(torch.cat([z, labels[:, None].to(z)], dim=1))


class OneHot(Gen):
    """The label is there, but not through the table."""

    def forward(self, z, labels):
        return self.layers(torch.cat([z, F.one_hot(labels, self.classes).to(z)], dim=1))


class EmbeddingDetached(Gen):
    def forward(self, z, labels):
        return self.layers(torch.cat([z, self.embedding(labels).detach()], dim=1))


class Sigmoid(Gen):
    end = nn.Sigmoid


class NoTanh(Gen):
    end = nn.Identity


class HardTanh(Gen):
    end = nn.Hardtanh


class EntryTooNarrow(Gen):
    """The linear layer still takes z alone."""

    taken = "z"


class Fixed28(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, 28, channels, width)


class OneChannel(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, 1, width)


class TenClasses(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, 10, image_size, channels, width)


class FixedWidth(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, 32)


class NormOfTheBatch(Gen):
    """No running statistics: the batch's own in `eval()` as well."""

    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        self.layers[2] = nn.BatchNorm2d(2 * width, track_running_stats=False)
        self.layers[5] = nn.BatchNorm2d(width, track_running_stats=False)


class MeanRow(Gen):
    def forward(self, z, labels):
        row = self.embedding(labels).mean(0, keepdim=True).expand(len(z), -1)
        return self.layers(torch.cat([z, row], dim=1))


class FlatImage(Gen):
    def forward(self, z, labels):
        return super().forward(z, labels).flatten(1)


class NoRelu(Gen):
    """No nonlinearity between the layers."""

    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        for n in (3, 6):
            self.layers[n] = nn.Identity()


class ReluBeforeTanh(Gen):
    """Batch normalization and ReLU behind the last layer as well."""

    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        self.layers[8] = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.Tanh())


class KernelThree(Gen):
    """Kernel 3 gives 2n - 1 pixels, not 2n."""

    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        self.layers[4] = nn.ConvTranspose2d(2 * width, width, 3, 2, 1)
        self.layers[7] = nn.ConvTranspose2d(width, channels, 3, 2, 1)


class SevenBySeven(Gen):
    """The linear layer is made for 28 pixels, the maps are not."""

    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        self.layers[0] = nn.Linear(latent_dim + classes, 2 * width * 49)


class NoPadding(Gen):
    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__(latent_dim, classes, image_size, channels, width)
        self.layers[4] = nn.ConvTranspose2d(2 * width, width, 4, 2)
        self.layers[7] = nn.ConvTranspose2d(width, channels, 4, 2)


class LabelWithoutRow(Gen):
    def forward(self, z, labels):
        return self.layers(torch.cat([z, labels], dim=1))


class ArgumentsSwapped(Gen):
    """z looked up in the table."""

    def forward(self, z, labels):
        return super().forward(labels, z)


class OwnNoise(Gen):
    def forward(self, z, labels):
        return super().forward(torch.randn_like(z), labels)


class OwnLabels(Gen):
    def forward(self, z, labels):
        return super().forward(z, torch.randint_like(labels, self.classes))


class TableInForward(Gen):
    """A new table, never learned, at every call."""

    def forward(self, z, labels):
        table = nn.Embedding(self.classes, self.classes)
        return self.layers(torch.cat([z, table(labels)], dim=1))


class JoinedAlongTheBatch(Gen):
    def forward(self, z, labels):
        return self.layers(torch.cat([z, self.embedding(labels)]))


class LabelZeroForAll(Gen):
    """The row of label 0, whatever is asked for."""

    def forward(self, z, labels):
        return super().forward(z, labels * 0)


GENERATOR = [
    (LabelIgnored, "label_ignored"),
    (ZIgnored, "z_ignored"),
    (LabelAsNumber, "table_unused"),
    (OneHot, "table_unused"),
    (EmbeddingDetached, "table_unused"),
    (Sigmoid, "sigmoid"),
    (NoTanh, "no_tanh"),
    (HardTanh, "clamped"),
    (EntryTooNarrow, "row_not_counted"),
    (Fixed28, "fixed_image_size"),
    (OneChannel, "fixed_channels"),
    (TenClasses, "table_of_ten"),
    (FixedWidth, "fixed_width"),
    (NormOfTheBatch, "labels_of_neighbors"),
    (MeanRow, "first_label_for_all"),
    (FlatImage, "flat_output"),
    (NoRelu, "no_activation"),
    (ReluBeforeTanh, "relu_before_tanh"),
    (KernelThree, "kernel_of_three"),
    (SevenBySeven, "maps_miscounted"),
    (NoPadding, "padding_missing_twice"),
    (LabelWithoutRow, "label_without_row"),
    (ArgumentsSwapped, "arguments_swapped"),
    (OwnNoise, "draws_its_own_z"),
    (OwnLabels, None),
    (TableInForward, "table_in_forward"),
    (JoinedAlongTheBatch, "along_the_batch"),
    (LabelZeroForAll, "label_ignored"),
]

# ----------------------------------------------------------------- projection


def column(f, y, e, lin):
    return inner(f, y, e)[:, None] + lin(f)


def table_of_pairs(f, y, e, lin):
    """`(B,) + (B, 1)` is `(B, B)`."""
    return inner(f, y, e) + lin(f)


def all_pairs_of_examples(f, y, e, lin):
    return f @ e(y).T + lin(f)


def rows_of_all(f, y, e, lin):
    return (f @ e(y).T).sum(dim=1) + lin(f).squeeze(1)


def every_class(f, y, e, lin):
    return f @ e.weight.T + lin(f)


def psi_of_the_row(f, y, e, lin):
    return inner(f, y, e) + lin(e(y)).squeeze(1)


def psi_of_the_sum(f, y, e, lin):
    return lin(f + e(y)).squeeze(1)


def psi_of_the_product(f, y, e, lin):
    return lin(f * e(y)).squeeze(1)


def by_matmul(f, y, e, lin):
    """A batch of inner products, in which the squeeze takes a batch of one, too."""
    return (e(y)[:, None] @ f[:, :, None]).squeeze() + lin(f).squeeze()


PROJECTION = [
    (lambda f, y, e, lin: inner(f, y, e), "unconditional_part_missing"),
    (lambda f, y, e, lin: lin(f).squeeze(1), "label_part_missing"),
    (column, "axis_left"),
    (table_of_pairs, "one_kept"),
    (all_pairs_of_examples, "every_pair"),
    (rows_of_all, "every_row_added_up"),
    (every_class, "every_class"),
    (psi_of_the_row, "linear_of_the_row"),
    (psi_of_the_sum, "row_through_linear"),
    (psi_of_the_product, "product_through_linear"),
    (by_matmul, "the batch dimension is gone"),
    (lambda f, y, e, lin: (e(y) * f).mean(dim=1) + lin(f).squeeze(1), "averaged_over_features"),
    (lambda f, y, e, lin: (e(y) * f).sum() + lin(f).squeeze(1), "batch_added_up"),
    (lambda f, y, e, lin: (e(y) * f).sum(dim=0) + lin(f).squeeze(1), "added_over_the_batch"),
    (lambda f, y, e, lin: (inner(f, y, e) + lin(f).squeeze(1)).sigmoid(), "probability"),
    (lambda f, y, e, lin: F.cosine_similarity(e(y), f) + lin(f).squeeze(1), "cosine"),
    (lambda f, y, e, lin: inner(f, y, e) - lin(f).squeeze(1), "subtracted"),
    (lambda f, y, e, lin: lin(f).squeeze(1) - inner(f, y, e), "subtracted"),
    (lambda f, y, e, lin: inner(f, y, e) * lin(f).squeeze(1), "multiplied"),
    (lambda f, y, e, lin: inner(f, y, e) + f @ lin.weight[0], "bias_forgotten"),
    (
        lambda f, y, e, lin: inner(f, y, e) / math.sqrt(f.shape[1]) + lin(f).squeeze(1),
        "scaled_by_the_root",
    ),
    (lambda f, y, e, lin: e(y) * f + lin(f), "not_added_up"),
    (lambda f, y, e, lin: e(y).sum(dim=1) + lin(f).squeeze(1), "row_alone"),
    (lambda f, y, e, lin: inner(f, y, e).detach() + lin(f).squeeze(1), "embedding_detached"),
    (
        lambda f, y, e, lin: (inner(f, y, e) + lin(f).squeeze(1)).mean(),
        "the batch dimension is gone",
    ),
    (lambda f, y, e, lin: inner(f, y.flip(0), e) + lin(f).squeeze(1), "labels_reversed"),
    (
        lambda f, y, e, lin: (f @ e.weight.T).log_softmax(1)[range(len(y)), y] + lin(f).squeeze(1),
        "auxiliary_classifier",
    ),
    (lambda f, y, e, lin: f @ e.weight[y] + lin(f), "matrix_product"),
]

# ----------------------------------------------------------------- conditional bound


def kl_averaged_by_hand(mean, log_var):
    return 0.5 * (mean**2 + log_var.exp() - 1 - log_var).mean(dim=1)


def pixel_mean(logits, images):
    return -F.binary_cross_entropy_with_logits(logits, images)


def squared_error(logits, images):
    return -(logits.sigmoid() - images).square().flatten(1).sum(dim=1)


def wrong_prior(encoder, decoder, images, labels, noise):
    """KL to a prior that knows the label, N(y, 1)."""
    mean, log_var = encoder(images, labels)
    z = mean + torch.exp(log_var / 2) * noise
    kl = kl_to_standard_normal(mean - labels[:, None], log_var)
    return (kl - bernoulli_log_likelihood(decoder(z, labels), images)).mean()


def own_noise(encoder, decoder, images, labels, noise):
    return bound()(encoder, decoder, images, labels, torch.randn_like(noise))


def with_label_prior_cost(encoder, decoder, images, labels, noise):
    """Minus the bound on the joint density, log 10 more."""
    return bound()(encoder, decoder, images, labels, noise) + math.log(10)


def labels_shuffled_for_decoder(encoder, decoder, images, labels, noise):
    return bound(decode=lambda dec, z, y: dec(z, y.flip(0)))(
        encoder, decoder, images, labels, noise
    )


BOUND = [
    (bound(join=lambda like, kl: (like - kl).mean()), "bound_itself"),
    (bound(join=lambda like, kl: -(like + kl).mean()), "kl_subtracted"),
    (bound(join=lambda like, kl: (like + kl).mean()), "likelihood_added"),
    (bound(join=lambda like, kl: -like.mean()), "kl_forgotten"),
    (bound(join=lambda like, kl: kl - like), "not_reduced"),
    (bound(join=lambda like, kl: (kl - like).sum()), "batch_added_up"),
    (bound(std=torch.exp), "variance_as_std"),
    (bound(std=lambda log_var: log_var), "log_var_as_std"),
    (bound(std=lambda log_var: log_var.sqrt()), "root_of_log_var"),
    (bound(draw=lambda mean, std, noise: mean), "noise_unused"),
    (bound(draw=lambda mean, std, noise: noise), "noise_alone"),
    (bound(draw=lambda mean, std, noise: mean + noise), "noise_unscaled"),
    (bound(decode=lambda dec, z, y: dec(z, y * 0)), "label_zero_for_all"),
    (bound(images_of=lambda enc, im, y: enc(im, y * 0)), "label_zero_for_the_encoder"),
    (bound(decode=lambda dec, z, y: dec(z)), "decoder_not_told"),
    (bound(decode=lambda dec, z, y: dec(z, y).sigmoid()), "sigmoid_twice"),
    (bound(kl=kl_averaged_by_hand), "kl_averaged_over_latents"),
    (bound(likelihood=pixel_mean), "pixels_averaged"),
    (bound(likelihood=squared_error), "squared_error"),
    (
        bound(kl=lambda mean, log_var: kl_to_standard_normal(mean, (log_var / 2).exp())),
        "kl_given_a_std",
    ),
    (bound(join=lambda like, kl: kl.sum() - like.mean()), "kl_added_over_the_batch"),
    (
        bound(likelihood=lambda logits, images: bernoulli_log_likelihood(images, logits)),
        "likelihood_turned_round",
    ),
    (bound(join=lambda like, kl: (kl - like).mean() / math.log(2)), "in_bits"),
    (bound(decode=lambda dec, z, y: dec(z.detach(), y)), "code_detached"),
    (wrong_prior, "prior_at_the_label"),
    (own_noise, "fresh_noise"),
    (with_label_prior_cost, "label_paid_for"),
    (labels_shuffled_for_decoder, "decoder_told_others"),
]

FIRST = {
    "conditional.concatenate_label": CONCATENATE,
    "conditional.ConditionalGenerator": GENERATOR,
    "conditional.projection_logits": PROJECTION,
    "conditional.conditional_negative_elbo": BOUND,
}

SLIPS = {name: slips + AGAIN[name] for name, slips in FIRST.items()}
