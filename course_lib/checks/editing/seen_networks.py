"""A small network that notes what it was asked and gave, and what became of an answer's latents."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..random_inputs import normal

STEPS, RATE = 8, 0.1  # of the usual case: Adam, gradient descent and L-BFGS all get closer


class Seen(nn.Module):
    """tanh of a linear map, z `(B, Z)` to images `(B, 1, H, W)`, plus `more`; keeps its results."""

    def __init__(self, weight: Tensor, size: list[int], more: Tensor | float = 0.0):
        super().__init__()
        self.more = more
        self.weight = nn.Parameter(weight.clone())
        self.size, self.gave, self.asked = size, [], 0

    def forward(self, z: Tensor) -> Tensor:
        if z.ndim != 2 or z.shape[1] != self.weight.shape[1]:
            raise ValueError(f"z must be (B, {self.weight.shape[1]}); got {tuple(z.shape)}")
        images = torch.tanh(z @ self.weight.to(z.dtype).T).reshape(len(z), 1, *self.size)
        images = images + self.more
        self.asked += len(z) * z.requires_grad  # counted image by image
        self.gave.append(images.detach().clone())
        return images


def made_inputs(
    generator: torch.Generator,
    batch: int,
    size: list[int],
    latents: int = 3,
    steps: int = STEPS,
    rate: float = RATE,
) -> dict[str, Any]:
    """A network whose directions stand at right angles, images close to what it makes, starts.

    It cannot make them exactly: else the decoder's pixels and those of the image would be the same.
    """
    pixels = size[0] * size[1]
    weight = torch.linalg.qr(normal(generator, pixels, latents)).Q
    target = 0.7 * normal(generator, batch, latents)
    start = target + 1.5 * torch.nn.functional.normalize(normal(generator, batch, latents), dim=1)
    images = torch.tanh(target @ weight.T).reshape(batch, 1, *size)
    images = images + 0.03 * normal(generator, *images.shape)
    return {
        "weight": weight,
        "images": images,
        "steps": steps,
        "learning_rate": rate,
        "z": start,
    }


def squared_error(one: Tensor, other: Tensor) -> Tensor:
    """Of each image, in float64."""
    return (one.double() - other.double()).square().flatten(1).sum(dim=1)


def name_change(before: Tensor, after: Tensor) -> str:
    """What became of the error of each image."""
    if torch.allclose(before, after, rtol=1e-4, atol=1e-9):
        return "as far as at the start"
    if (after > before).all():
        return "farther than at the start"
    if not (after < before).all():
        return "some images closer than at the start, others not"
    return "closer than at the start"


def name_asked(asked: float, steps: int) -> str:
    """How often the network was differentiated: L-BFGS asks up to 25 times in a step."""
    if asked < steps:
        return f"fewer gradients than the {steps} steps"
    return "one gradient or more a step" if asked <= 30 * steps + 1 else "far more than the steps"


def form_of(value: Any, like: Tensor) -> str:
    """Shape and dtype of a tensor, with the word that says that it is what is wanted."""
    if not isinstance(value, Tensor):
        return f"no tensor: {value}"
    if not value.is_floating_point():
        return f"{value.dtype}".removeprefix("torch.")
    if value.shape != like.shape:
        return f"shape {tuple(value.shape)}"
    return "finite numbers" if value.isfinite().all() else "nan or infinity"
