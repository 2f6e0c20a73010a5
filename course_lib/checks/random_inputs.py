"""Inputs that the judge draws from a generator of its own."""

from __future__ import annotations

import torch
from torch import Tensor


def uniform(generator: torch.Generator, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(*shape, generator=generator, dtype=dtype)


def normal(generator: torch.Generator, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=dtype)


def binary_images(generator: torch.Generator, *shape: int) -> Tensor:
    """Zeros and ones with a probability that differs from pixel to pixel."""
    chances = 0.15 + 0.7 * torch.rand(shape[1:], generator=generator)
    return torch.bernoulli(chances.expand(shape), generator=generator)


def some_seed(generator: torch.Generator) -> int:
    return int(torch.randint(1 << 30, (), generator=generator))
