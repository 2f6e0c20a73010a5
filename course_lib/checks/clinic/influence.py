"""Which image has a say in which result, found by changing images and calling again."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

QUARTERS = [(i, j) for i in (0, 1) for j in (0, 1)]


def influence(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """`(B, B)`: whether result i changes with image j; `(4,)`: whether some result changes where a
    quarter of all images does. Noise that the function draws is the same at each call.

    x: images `(B, ..., H, W)`. The function has been called before: lazy layers are made.
    """

    def called(images: Tensor) -> Tensor:
        torch.manual_seed(1)
        with torch.no_grad():
            return function(images).detach().flatten(1).double()

    start = called(x)
    pairs = torch.zeros(len(x), len(x), dtype=torch.bool)
    for j in range(len(x)):
        changed = x.clone()
        changed[j] = 1 - changed[j]
        pairs[:, j] = moved(called(changed), start)
    parts = torch.zeros(4, dtype=torch.bool)
    h, w = x.shape[-2] // 2, x.shape[-1] // 2
    for n, (i, j) in enumerate(QUARTERS):
        changed = x.clone()
        area = changed[..., i * h : (i + 1) * h, j * w : (j + 1) * w]
        area.copy_(1 - area)
        parts[n] = moved(called(changed), start).any()
    return pairs, parts


def orders_rows(function: Callable[[Tensor], Tensor], x: Tensor) -> bool:
    """Whether some result changes when the rows of each image change places."""

    def called(images: Tensor) -> Tensor:
        torch.manual_seed(1)
        with torch.no_grad():
            return function(images).detach().flatten(1).double()

    return bool(moved(called(x), called(x.flip(-2))).any())


def code_size(function: Callable[[Tensor], Tensor], image: Tensor, most: int = 12) -> int:
    """How many independent ways an image has of changing its result, up to `most`.

    The rank of the Jacobian at one image `(1, ...)`, found by as many random combinations of the
    results as `most` says; 0 where there is no graph.
    """
    torch.manual_seed(1)
    image = image.clone().requires_grad_(True)
    with torch.enable_grad():
        result = function(image).flatten()
    if not result.requires_grad:
        return 0
    directions = torch.randn(most, len(result))
    slopes = [
        torch.autograd.grad(result, image, d, retain_graph=True, allow_unused=True)[0]
        for d in directions
    ]
    if any(slope is None for slope in slopes):
        return 0
    values = torch.linalg.svdvals(torch.stack([s.flatten() for s in slopes]).double())
    return int((values > 1e-4 * values[0]).sum())


def moved(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).abs().amax(1) > 1e-6


def form(value: object) -> str:
    if not isinstance(value, Tensor):
        return "None" if value is None else f"a {type(value).__name__}"
    return f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"
