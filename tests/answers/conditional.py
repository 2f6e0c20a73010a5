"""Answers to lesson 13."""

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence


# concatenate_label
def planes_by_expand(images, labels, classes):
    planes = F.one_hot(labels, classes).to(images.dtype)[:, :, None, None]
    return torch.cat([images, planes.expand(-1, -1, *images.shape[-2:])], dim=1)


def planes_by_einops(images, labels, classes):
    _, _, height, width = images.shape
    one_hot = torch.eye(classes, dtype=images.dtype)[labels]
    planes = repeat(one_hot, "b k -> b k h w", h=height, w=width)
    return torch.cat([images, planes], dim=1)


def planes_by_comparison(images, labels, classes):
    hit = torch.arange(classes) == labels[:, None]
    planes = hit[..., None, None] * torch.ones_like(images[:, :1])
    return torch.cat([images, planes], dim=1)


def planes_by_scatter(images, labels, classes):
    batch, _, height, width = images.shape
    planes = torch.zeros(batch, classes, height, width, dtype=images.dtype)
    planes.scatter_(1, labels.view(-1, 1, 1, 1).expand(-1, 1, height, width), 1.0)
    return torch.cat([images, planes], dim=1)


def planes_by_index(images, labels, classes):
    planes = images.new_zeros(len(images), classes, *images.shape[2:])
    planes[torch.arange(len(images)), labels] = 1
    return torch.concat((images, planes), 1)


def planes_of_integers(images, labels, classes):
    """torch.cat gives integers and floats the floats' dtype."""
    planes = F.one_hot(labels, classes)[:, :, None, None].expand(-1, -1, *images.shape[2:])
    return torch.cat([images, planes], dim=1)


# ConditionalGenerator
class ByEmbedding(nn.Module):
    """As the lesson's, with a table of another width and no bias where batch norm has one."""

    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__()
        self.table = nn.Embedding(classes, 5)
        self.small = image_size // 4
        self.first = nn.Linear(latent_dim + 5, width * self.small**2, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.up = nn.Sequential(
            nn.Upsample(scale_factor=2),
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(width, channels, 3, padding=1),
        )

    def forward(self, z, labels):
        h = self.first(torch.cat([self.table(labels), z], dim=-1))
        h = F.relu(self.norm(h.view(len(z), -1, self.small, self.small)))
        return torch.tanh(self.up(h))


class ByOneHot(nn.Module):
    """One-hot labels into a stack of linear layers."""

    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__()
        self.classes, self.shape = classes, (channels, image_size, image_size)
        self.net = nn.Sequential(
            nn.Linear(latent_dim + classes, 4 * width),
            nn.BatchNorm1d(4 * width),
            nn.ReLU(),
            nn.Linear(4 * width, channels * image_size**2),
        )

    def forward(self, z, labels):
        one_hot = F.one_hot(labels, self.classes).float()
        pixels = self.net(torch.hstack([z, one_hot]))
        return 2 * pixels.sigmoid().reshape(-1, *self.shape) - 1


class ByNormalization(nn.Module):
    """Conditional batch normalization: the label scales and shifts the maps."""

    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__()
        self.first = nn.Linear(latent_dim, width * (image_size // 4) ** 2)
        self.unflatten = nn.Unflatten(1, (width, image_size // 4, image_size // 4))
        self.norm = nn.BatchNorm2d(width, affine=False)
        self.scale, self.shift = nn.Embedding(classes, width), nn.Embedding(classes, width)
        self.last = nn.ConvTranspose2d(width, channels, 4, stride=4)

    def forward(self, z, labels):
        h = self.norm(self.unflatten(self.first(z)))
        scale, shift = (rearrange(e(labels), "b c -> b c 1 1") for e in (self.scale, self.shift))
        return torch.tanh(self.last(F.silu((1 + scale) * h + shift)))


class BySum(nn.Module):
    """The label's row is added to z: fewer weights, and just as conditional."""

    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__()
        self.embedding = nn.Embedding(classes, latent_dim)
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, 3 * width),
            nn.GELU(),
            nn.Linear(3 * width, channels * image_size**2),
            nn.Tanh(),
            nn.Unflatten(1, (channels, image_size, image_size)),
        )

    def forward(self, z, labels):
        return self.layers(z + self.embedding(labels))


class OneImageAClass(BySum):
    def forward(self, z, labels):
        return self.layers(self.embedding(labels))


class HalfOfZ(BySum):
    def forward(self, z, labels):
        return super().forward(torch.cat([z[:, :2], 0 * z[:, 2:]], 1), labels)


class Clipped(BySum):
    def forward(self, z, labels):
        return super().forward(z, labels).clamp(-0.5, 0.5)


class OddAndEven(BySum):
    def forward(self, z, labels):
        return super().forward(z, labels % 2)


# projection_logits
def projection_by_sum(features, labels, embedding, linear):
    return linear(features).squeeze(1) + (embedding(labels) * features).sum(dim=1)


def projection_by_einsum(features, labels, embedding, linear):
    inner = torch.einsum("bd,bd->b", embedding(labels), features)
    return linear(features)[:, 0] + inner


def projection_by_bmm(features, labels, embedding, linear):
    inner = torch.bmm(embedding(labels)[:, None], features[:, :, None])
    return linear(features).flatten() + inner.flatten()


def projection_by_gather(features, labels, embedding, linear):
    scores = linear(features) + features @ embedding.weight.T
    return scores.gather(1, labels.unsqueeze(1)).squeeze(1)


def projection_by_vecdot(features, labels, embedding, linear):
    return torch.linalg.vecdot(features, embedding(labels) + linear.weight) + linear.bias


# conditional_negative_elbo
def bound_by_bce(encoder, decoder, images, labels, noise):
    mean, log_var = encoder(images, labels)
    logits = decoder(mean + (0.5 * log_var).exp() * noise, labels)
    bce = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
    kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
    return (bce + kl) / len(images)


def bound_by_distributions(encoder, decoder, images, labels, noise):
    mean, log_var = encoder(images, labels)
    q = Independent(Normal(mean, torch.exp(log_var / 2)), 1)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    z = q.mean + q.stddev * noise
    pixels = Independent(Bernoulli(logits=decoder(z, labels)), 3)
    return -(pixels.log_prob(images) - kl_divergence(q, prior)).mean(0)


def bound_by_softplus(encoder, decoder, images, labels, noise):
    mean, log_var = encoder(images, labels)
    logits = decoder(torch.addcmul(mean, log_var.div(2).exp(), noise), labels)
    spent = F.softplus(torch.where(images > 0.5, -logits, logits)).sum((1, 2, 3))
    kl = 0.5 * (mean.square() + log_var.exp() - log_var).sum(1) - 0.5 * mean.shape[1]
    return spent.mean() + kl.mean()


RIGHT = {
    "concatenate_label": [
        planes_by_expand,
        planes_by_einops,
        planes_by_comparison,
        planes_by_scatter,
        planes_by_index,
        planes_of_integers,
    ],
    "ConditionalGenerator": [ByEmbedding, ByOneHot, ByNormalization, BySum],
    "projection_logits": [
        projection_by_sum,
        projection_by_einsum,
        projection_by_bmm,
        projection_by_gather,
        projection_by_vecdot,
    ],
    "conditional_negative_elbo": [bound_by_bce, bound_by_distributions, bound_by_softplus],
}
WRONG = {
    "concatenate_label": [
        lambda x, y, k: x,
        lambda x, y, k: 2 * planes_by_expand(x, y, k),
        lambda x, y, k: planes_by_expand(x, y.sort().values, k),
        lambda x, y, k: planes_by_expand(x.flip(-1), y, k),
    ],
    "ConditionalGenerator": [OneImageAClass, HalfOfZ, Clipped, OddAndEven],
    "projection_logits": [
        lambda f, y, e, lin: projection_by_sum(f.relu(), y, e, lin),
        lambda f, y, e, lin: projection_by_sum(f, y, e, lin).median().expand(len(f)),
        lambda f, y, e, lin: 1.1 * projection_by_sum(f, y, e, lin),
        lambda f, y, e, lin: projection_by_sum(f, y.sort().values, e, lin),
    ],
    "conditional_negative_elbo": [
        lambda e, d, x, y, n: bound_by_bce(e, d, x, y, n).detach(),
        lambda e, d, x, y, n: 1.1 * bound_by_bce(e, d, x, y, n),
        lambda e, d, x, y, n: bound_by_bce(e, d, 1 - x, y, n),
        lambda e, d, x, y, n: bound_by_bce(e, d, x, y, 1.2 * n),
    ],
}
