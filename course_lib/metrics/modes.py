"""Mixtures whose modes are known: how many of them a model has found, and how well it hits them."""

import torch
from torch import Tensor


def modes_covered(
    samples: Tensor, centers: Tensor, radius: float, at_least: int
) -> tuple[int, float]:
    """How many modes are found, and which share of all samples is good.

    A sample of `(N, D)` is good if the nearest of the centers `(K, D)` is at a Euclidean distance
    of at most `radius`; a mode is found if at least `at_least` good samples have it as their
    nearest. (Srivastava et al. 2017 ask for one sample within three standard deviations.)

    >>> centers = torch.tensor([[0.0, 0.0], [4.0, 0.0]])
    >>> modes_covered(torch.tensor([[0.1, 0.0], [0.0, 0.2], [2.0, 0.0]]), centers, 0.3, 2)
    (1, 0.6666666865348816)
    """
    distance, nearest = torch.cdist(samples, centers).min(dim=1)
    good = distance <= radius
    counts = nearest[good].bincount(minlength=len(centers))
    return int((counts >= at_least).sum()), good.float().mean().item()
