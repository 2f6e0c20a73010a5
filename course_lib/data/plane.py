"""Mixtures in the plane whose modes can be counted: a ring and a grid of narrow Gaussians.

The two data sets on which collapse is usually shown (Srivastava et al. 2017, *VEEGAN*).
"""

import math

import torch
from torch import Tensor


def ring_of_modes(count: int = 8, radius: float = 2.0) -> Tensor:
    """Centers on a circle, `(count, 2)`, the first at angle 0.

    >>> ring_of_modes(4).round()
    tensor([[ 2.,  0.],
            [-0.,  2.],
            [-2., -0.],
            [ 0., -2.]])
    """
    angle = 2 * math.pi * torch.arange(count) / count
    return radius * torch.stack([angle.cos(), angle.sin()], dim=1)


def grid_of_modes(side: int = 5, reach: float = 2.0) -> Tensor:
    """Centers on a square from -reach to reach, `(side², 2)`.

    >>> grid_of_modes(2)
    tensor([[-2., -2.],
            [-2.,  2.],
            [ 2., -2.],
            [ 2.,  2.]])
    """
    ticks = torch.linspace(-reach, reach, side)
    return torch.cartesian_prod(ticks, ticks)


def draw_from_modes(centers: Tensor, std: float, *shape: int) -> Tensor:
    """Examples `(*shape, D)`: a center drawn uniformly, and noise of standard deviation `std`.

    `centers` is `(K, D)`; examples lie on its device. Draws from the global generator, as a
    training loop does.

    >>> draw_from_modes(ring_of_modes(), 0.1, 3, 5).shape
    torch.Size([3, 5, 2])
    """
    chosen = torch.randint(len(centers), shape, device=centers.device)
    noise = torch.randn(*shape, centers.shape[1], device=centers.device)
    return centers[chosen] + std * noise
