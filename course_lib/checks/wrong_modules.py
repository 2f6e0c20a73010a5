"""A small right network, the mistakes that any network can have, and their sentences.

A lesson makes its oracle from `SmallNetwork`, and each misconception by one change to the oracle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NOT_REGISTERED = (
    "The layers lie in a plain Python list, where PyTorch does not find them: parameters() is "
    "empty, so they are never trained and never moved to a GPU. Assign each layer to self, or use "
    "nn.Sequential or nn.ModuleList."
)
REBUILT = (
    "Layers are created inside forward, with new random weights on every call, so that nothing "
    "can be learned. Create them in __init__ and only use them in forward."
)
NO_ACTIVATION = (
    "Between the linear layers nothing bends: two linear maps in a row are one linear map. Put an "
    "activation such as ReLU between them."
)
WIDTH_IGNORED = (
    "hidden_dim is not used: the width of the hidden layer is written as a fixed number somewhere."
)
DROPOUT_STAYS_ON = (
    "Dropout stays on in eval mode. F.dropout needs training=self.training; nn.Dropout knows by "
    "itself."
)


class SmallNetwork(nn.Module):
    """One hidden layer, whose parts a mistake can replace; `finish` shapes the numbers."""

    activation: type = nn.Tanh

    def __init__(self, inputs: int, width: int, outputs: int):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(inputs, width), self.activation())
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Any:
        return self.finish(self.head(self.body(x)))

    def finish(self, numbers: Tensor) -> Any:
        return numbers


class ImageMaker(SmallNetwork):
    """Latents to gray square images of any values."""

    def __init__(self, latent_dim: int, hidden_dim: int, image_size: int):
        super().__init__(latent_dim, hidden_dim, image_size**2)
        self.image_size = image_size

    def finish(self, numbers: Tensor) -> Tensor:
        return numbers.unflatten(1, (1, self.image_size, self.image_size))


def variant(base: type, **changes: object) -> type:
    """A subclass with some members replaced: one mistake in an otherwise right answer."""
    return type("Answer", (base,), changes)


def then(base: type, change: Callable) -> type:
    """Its outputs changed by `change`, which takes one argument an output."""

    def forward(self, *inputs):
        outputs = base.forward(self, *inputs)
        return change(*outputs) if isinstance(outputs, tuple) else change(outputs)

    return variant(base, forward=forward)


def given_first(base: type, change: Callable) -> type:
    """Its first input changed by `change`."""
    return variant(base, forward=lambda self, x, *rest: base.forward(self, change(x), *rest))


def with_sizes(base: type, change: Callable) -> type:
    """A mistake about the constructor's numbers."""
    return variant(base, __init__=lambda self, *sizes: base.__init__(self, *change(*sizes)))


def with_drawn_code(base: type) -> type:
    """An encoder that returns a draw in the place of the mean."""

    def draw(mean: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor]:
        return mean + (log_var / 2).exp() * torch.randn_like(mean), log_var

    return then(base, draw)


def with_constant_variance(base: type) -> type:
    """An encoder whose log_var is a parameter, one for all images; latent_dim is its last size."""

    class Constant(base):
        def __init__(self, *sizes: int):
            super().__init__(*sizes)
            self.log_var = nn.Parameter(torch.zeros(sizes[-1]))

        def forward(self, images: Tensor) -> tuple[Tensor, ...]:
            mean, log_var = super().forward(images)
            return mean, self.log_var.expand_as(mean) + 0 * log_var

    return Constant


def without_activation(base: type) -> type:
    return variant(base, activation=nn.Identity)


def with_dropout_always(base: type) -> type:
    def forward(self, x):
        return self.finish(self.head(F.dropout(self.body(x), 0.3)))

    return variant(base, forward=forward)


def in_a_plain_list(base: type) -> type:
    def init(self, *sizes):
        nn.Module.__init__(self)
        self.layers = [base(*sizes)]

    return variant(nn.Module, __init__=init, forward=lambda self, *inputs: self.layers[0](*inputs))


def rebuilt_in_forward(base: type) -> type:
    def init(self, *sizes):
        nn.Module.__init__(self)
        self.sizes = sizes

    return variant(
        nn.Module, __init__=init, forward=lambda self, *inputs: base(*self.sizes)(*inputs)
    )
