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


def moved(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).abs().amax(1) > 1e-6


def form(value: object) -> str:
    if not isinstance(value, Tensor):
        return "None" if value is None else f"a {type(value).__name__}"
    return f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"
