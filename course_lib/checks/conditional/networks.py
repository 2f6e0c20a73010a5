"""Conditional generators, right and wrong, that the check of `ConditionalGenerator` knows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..wrong_modules import variant


class AnyImages(nn.Module):
    """Labels and z to images of any values; `combine` says how the two meet."""

    activation: type = nn.Tanh

    def __init__(self, latent_dim: int, classes: int, image_size: int, channels: int, width: int):
        super().__init__()
        self.embedding = nn.Embedding(classes, classes)
        self.body = nn.Sequential(nn.Linear(latent_dim + classes, 2 * width), self.activation())
        self.head = nn.Linear(2 * width, channels * image_size**2)
        self.shape = (channels, image_size, image_size)

    def combine(self, z: Tensor, labels: Tensor) -> Tensor:
        return torch.cat([z, self.embedding(labels)], 1)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.head(self.body(self.combine(z, labels))).unflatten(1, self.shape)


class SomeGenerator(AnyImages):
    """A right conditional generator."""

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return super().forward(z, labels).tanh()


def combining(combine: Callable[[nn.Module, Tensor, Tensor], Tensor]) -> type:
    return variant(SomeGenerator, combine=combine)


def given_labels(change: Callable[[Tensor], Tensor]) -> type:
    """Its labels changed by `change`."""

    def forward(self, z, labels):
        return SomeGenerator.forward(self, z, change(labels))

    return variant(SomeGenerator, forward=forward)


class WithoutLabel(SomeGenerator):
    """No table, no label: z alone."""

    def __init__(self, latent_dim: int, classes: int, image_size: int, channels: int, width: int):
        super().__init__(latent_dim, classes, image_size, channels, width)
        del self.embedding
        self.body[0] = nn.Linear(latent_dim, 2 * width)

    def combine(self, z: Tensor, labels: Tensor) -> Tensor:
        return z


class OneHotOfTheBatch(SomeGenerator):
    def combine(self, z: Tensor, labels: Tensor) -> Tensor:
        return torch.cat([z, nn.functional.one_hot(labels).float()], 1)


class OneHotBesideTheTable(SomeGenerator):
    def combine(self, z: Tensor, labels: Tensor) -> Tensor:
        rows = nn.functional.one_hot(labels, self.embedding.num_embeddings).float()
        return torch.cat([z, rows], 1)


class TableInForward(SomeGenerator):
    def combine(self, z: Tensor, labels: Tensor) -> Tensor:
        table = nn.Embedding(*self.embedding.weight.shape)
        return torch.cat([z, table(labels)], 1)


class OneHotOfTen(SomeGenerator):
    def combine(self, z: Tensor, labels: Tensor) -> Tensor:
        return torch.cat([z, nn.functional.one_hot(labels, 10).float()], 1)


def entered_by(inputs: Callable[[int, int], int]) -> type:
    """Its first linear layer made for `inputs(latent_dim, classes)` numbers."""

    def init(self, latent_dim, classes, image_size, channels, width):
        SomeGenerator.__init__(self, latent_dim, classes, image_size, channels, width)
        self.body[0] = nn.Linear(inputs(latent_dim, classes), 2 * width)

    return variant(SomeGenerator, __init__=init)


def followed_by(layers: Callable[[int, int], list[nn.Module]]) -> type:
    """`layers(width, image_size)` between its hidden layer, of 2 * width numbers, and its last."""

    def init(self, latent_dim, classes, image_size, channels, width):
        SomeGenerator.__init__(self, latent_dim, classes, image_size, channels, width)
        self.body = nn.Sequential(*self.body, *layers(width, image_size))

    return variant(SomeGenerator, __init__=init)


def maps_miscounted(width: int, image_size: int) -> list[nn.Module]:
    return [nn.Unflatten(1, (width, image_size // 4))]


def norm_miscounted(width: int, image_size: int) -> list[nn.Module]:
    return [nn.Unflatten(1, (2 * width, 1, 1)), nn.BatchNorm2d(width), nn.Flatten()]


def convolution_miscounted(width: int, image_size: int) -> list[nn.Module]:
    return [nn.Unflatten(1, (2 * width, 1, 1)), nn.ConvTranspose2d(width, 1, 1), nn.Flatten()]


def maps_forgotten(width: int, image_size: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(2 * width)]


class LayersInAList(SomeGenerator):
    """All but the table in a list of Python; `between` may hold a normalization of the batch."""

    between: tuple[Callable[[], nn.Module], ...] = ()

    def __init__(self, latent_dim: int, classes: int, image_size: int, channels: int, width: int):
        super().__init__(latent_dim, classes, image_size, channels, width)
        self.unseen = [*self.body, *(make() for make in self.between), self.head]
        del self.body, self.head

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        numbers = self.combine(z, labels)
        for layer in self.unseen:
            numbers = layer(numbers)
        return numbers.unflatten(1, self.shape).tanh()


class NormInAList(LayersInAList):
    between = (lambda: nn.Unflatten(1, (2, -1, 1)), lambda: nn.BatchNorm2d(2), nn.Flatten)


def stacked(self, z, labels):
    return torch.stack([z, self.embedding(labels)], 1)


def zeros_for_row(self, z, labels):
    return torch.cat([z, torch.zeros(len(z), self.embedding.embedding_dim)], 1)


def zeros_for_z(self, z, labels):
    return torch.cat([torch.zeros_like(z), self.embedding(labels)], 1)


def noise_for_z(self, z, labels):
    return torch.cat([torch.randn_like(z), self.embedding(labels)], 1)


def along_the_batch(self, z, labels):
    return torch.cat([z, self.embedding(labels)])


def label_as_it_is(self, z, labels):
    return torch.cat([z, labels], 1)


def table_given_z(self, z, labels):
    return torch.cat([labels, self.embedding(z)], 1)


def mean_row(self, z, labels):
    return torch.cat([z, self.embedding(labels).mean(0).expand(len(z), -1)], 1)


def row_detached(self, z, labels):
    return torch.cat([z, self.embedding(labels).detach()], 1)


def centered(self, z, labels):
    rows = self.embedding(labels)
    return torch.cat([z, rows - rows.mean(0)], 1)
