"""Whether every number of a noise was drawn by itself, told along each axis of its tensor.

Images of noise are `(N, C, H, W)`; codes `(N, Z)` fit as well. Each test leaves so much room that
independent draws are refused once in some 10 million times.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

INDEPENDENT = "yes"
IMAGES = ("images", "channels", "rows", "columns")  # what the slices along each axis are
REUSED = "no: some numbers stand in more than one place"
STANDARDIZED = "no: all numbers together were standardized"


def name_repeats(noise: Tensor, axes: Sequence[str] = IMAGES) -> str:
    """Slices along an axis that are one and the same noise, or pairs of them, signs aside."""
    slices = slices_along(noise.double(), axes)
    if same := [axis for axis, parts in slices.items() if axis in axes and constant(parts)]:
        return f"no: all {' and '.join(same)} have the same noise"
    for axis, parts in slices.items():
        if sign := paired(parts):
            return f"no: some {axis} {'have the noise of others' if sign > 0 else MIRRORED}"
    return INDEPENDENT


MIRRORED = "have the noise of others with its sign turned"


def name_ties(noise: Tensor, axes: Sequence[str] = IMAGES) -> str:
    """Any other dependence, of noise with mean 0 and standard deviation 1."""
    noise = noise.double()
    slices = slices_along(noise, axes)
    if reused(noise):
        return REUSED
    if abs(noise.mean()) < 1e-6 and abs(noise.std() - 1) < 1e-4:
        return STANDARDIZED
    for axis, parts in slices.items():
        if parts.mean(0).abs().max() < 1e-4:
            return f"no: over the {axis} the noise sums to 0"
    for axis, parts in slices.items():
        if in_common(parts) or tied(parts):
            return f"no: the noise of {axis} has something in common"
    return INDEPENDENT


def slices_along(noise: Tensor, axes: Sequence[str]) -> dict[str, Tensor]:
    """`(slices, numbers)` for each axis longer than 1, by name; images also pixel by pixel."""
    named = zip(axes, range(noise.ndim), strict=True)
    slices = {name: noise.movedim(at, 0).flatten(1) for name, at in named if noise.shape[at] > 1}
    if noise.ndim > 2 and noise[0].numel() > 1:
        slices["pixels"] = noise.flatten(1).T
    return slices


def constant(slices: Tensor) -> bool:
    return bool((slices - slices[:1]).abs().max() < 1e-3 * slices.abs().max())


def paired(slices: Tensor) -> float:
    """1 where some slice is another one, -1 where it is the other with its sign turned; else 0."""
    if slices.shape[1] < 20:
        return 0.0  # a few numbers may come as close as that by chance
    found = correlations(slices)
    largest = found.flatten()[found.abs().argmax()].sign().item()
    return largest if found.abs().max() > 0.97 else 0.0


def reused(noise: Tensor) -> bool:
    """Whether many numbers, but for their signs, come more than once, wherever that is."""
    ordered = noise.flatten().abs().sort().values
    return bool((ordered.diff() < 2e-6).double().mean() > 0.1)  # so close are rounded equals


def in_common(slices: Tensor) -> bool:
    """Whether the average of the slices spreads otherwise than one of independent slices does."""
    for part in aspects(slices):
        part = (part - part.mean()) / part.std()
        ratio = part.mean(0).square().mean() * len(part)  # chi-squared over its degrees of freedom
        width = (2 / (9 * part.shape[1])) ** 0.5  # Wilson and Hilferty: its third root is normal
        if abs(ratio ** (1 / 3) - (1 - width**2)) > 6.5 * width:
            return True
    return False


def tied(slices: Tensor) -> bool:
    """Whether two slices are correlated in value, in sign or in size, by Fisher's z."""
    count = slices.shape[1]
    if count < 100:
        return False
    largest = max(correlations(part).abs().max().item() for part in aspects(slices))
    return torch.atanh(torch.tensor(min(largest, 0.999))).item() * (count - 3) ** 0.5 > 7


def correlations(slices: Tensor) -> Tensor:
    """Between each two slices; 0 of each with itself."""
    return torch.corrcoef(slices).nan_to_num(0.0).fill_diagonal_(0.0)


def aspects(noise: Tensor) -> tuple[Tensor, ...]:
    """What is uncorrelated in value may be tied in sign or in size."""
    return noise, noise.sign(), noise.abs()
