"""Inputs of this lesson's checks, and the posterior by a road of its own.

The model: z ~ N(0, I), x = weight z + noise_std · noise. The lesson completes the square in Z
dimensions; here z and x are one Gaussian, and z is conditioned on x in D dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor

NOISE_NOT_SQUARED = (
    "noise_std was used where its square belongs: it is the standard deviation of the noise, and "
    "covariances hold variances."
)


def model_inputs(
    generator: torch.Generator, batch: int, dim: int, latents: int, noise: float = 0.6
) -> dict[str, Tensor]:
    """x `(B, D)`, weight `(D, Z)` and noise_std `()`, generic, in float64."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    spread = 0.9 + 0.2 * torch.rand((), generator=generator, dtype=torch.float64)
    return {
        "x": 1.4 * normal(batch, dim) + 0.3,
        "weight": 0.8 * normal(dim, latents) + 0.2,
        "noise_std": noise * spread,
    }


def bound_inputs(
    generator: torch.Generator, batch: int, dim: int, latents: int, noise: float = 0.6
) -> dict[str, Tensor]:
    """The model's inputs and q's mean and log_var, each `(B, Z)`."""
    model = model_inputs(generator, batch, dim, latents, noise)
    mean = torch.randn(batch, latents, generator=generator, dtype=torch.float64)
    log_var = torch.randn(batch, latents, generator=generator, dtype=torch.float64)
    return model | {"mean": 1.1 * mean + 0.4, "log_var": 0.8 * log_var - 0.7}


def in_float32(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.float() for name, value in inputs.items()}


def conditioned(x: Tensor, weight: Tensor, noise_std: Tensor) -> tuple[Tensor, Tensor]:
    """Mean `(B, Z)` and covariance `(Z, Z)` of p(z | x), from the covariance of x and z."""
    covariance = weight @ weight.T + noise_std**2 * torch.eye(len(weight), dtype=x.dtype)
    gain = torch.linalg.solve(covariance, weight).T  # cov(z, x) cov(x, x)^-1, (Z, D)
    return x @ gain.T, torch.eye(weight.shape[1], dtype=x.dtype) - gain @ weight


def squared_noise(formula):
    """The mistake of reading noise_std as the variance."""
    return lambda x, weight, noise_std, *q: formula(x, weight, noise_std.sqrt(), *q)
