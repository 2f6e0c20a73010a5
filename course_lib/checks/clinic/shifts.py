"""Shifts of images by up to a pixel, drawn rightly and in other ways."""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from torch import Tensor

REACH, SIDE = 1, 8


def shifted(images: Tensor, down: int, right: int) -> Tensor:
    """Moved, what comes in being black."""
    return torch.roll(images, (down, right), (2, 3))


def by_grid(images: Tensor) -> Tensor:
    """By looking every pixel up, where it comes from."""
    count = len(images)
    down, right = torch.randint(-REACH, REACH + 1, (2, count))
    at = torch.arange(SIDE)
    rows, columns = (at - down[:, None]) % SIDE, (at - right[:, None]) % SIDE
    return images[torch.arange(count)[:, None, None], 0, rows[:, :, None], columns[:, None]][
        :, None
    ]


def same(images: Tensor) -> Tensor:
    return images.clone()


def one_shift(images: Tensor) -> Tensor:
    down, right = (torch.randint(0, 2, (2,)) * 2 - 1).tolist()
    return shifted(images, down, right)


def still(images: Tensor) -> Tensor:
    """One shift for all, drawn of the nine; but never none, which is another mistake."""
    number = int(torch.randint(0, 8, ()))
    number += number >= 4
    return shifted(images, number // 3 - 1, number % 3 - 1)


def half_turn(images: Tensor) -> Tensor:
    turn = torch.rand(len(images), 1, 1, 1) < 0.5
    return torch.where(turn, images.flip(2, 3), images)


def mirror(images: Tensor) -> Tensor:
    turn = torch.rand(len(images), 1, 1, 1) < 0.5
    return torch.where(turn, images.flip(3), images)


def diagonal(images: Tensor) -> Tensor:
    amounts = torch.randint(-1, 2, (len(images),)).tolist()
    return torch.stack(
        [torch.roll(i, (s, s), (1, 2)) for i, s in zip(images, amounts, strict=True)]
    )


def never_back(images: Tensor) -> Tensor:
    """randint's upper end is not drawn."""
    pairs = torch.randint(-1, 1, (len(images), 2)).tolist()
    return torch.stack(
        [torch.roll(i, tuple(s), (1, 2)) for i, s in zip(images, pairs, strict=True)]
    )


def one_axis(images: Tensor) -> Tensor:
    """Up and down alone."""
    amounts = torch.randint(-1, 2, (len(images),)).tolist()
    return torch.stack([torch.roll(i, s, 1) for i, s in zip(images, amounts, strict=True)])


def other_axis(images: Tensor) -> Tensor:
    return one_axis(images.mT).mT


def either_axis(images: Tensor) -> Tensor:
    """One of the two directions each time."""
    choose = torch.rand(len(images), 1, 1, 1) < 0.5
    return torch.where(choose, one_axis(images), other_axis(images))


def farther(images: Tensor) -> Tensor:
    pairs = torch.randint(-2, 3, (len(images), 2)).tolist()
    return torch.stack(
        [torch.roll(i, tuple(s), (1, 2)) for i, s in zip(images, pairs, strict=True)]
    )


def gray_edge(images: Tensor) -> Tensor:
    padded = F.pad(images, [REACH] * 4)
    places = torch.randint(0, 3, (len(images), 2)).tolist()
    return torch.stack(
        [p[:, d : d + SIDE, r : r + SIDE] for p, (d, r) in zip(padded, places, strict=True)]
    )


def by_python(images: Tensor) -> Tensor:
    pairs = [(random.randint(-1, 1), random.randint(-1, 1)) for _ in images]
    return torch.stack([torch.roll(i, s, (1, 2)) for i, s in zip(images, pairs, strict=True)])


def by_own_generator(images: Tensor) -> Tensor:
    own = torch.Generator().manual_seed(0)
    pairs = torch.randint(-1, 2, (len(images), 2), generator=own).tolist()
    return torch.stack(
        [torch.roll(i, tuple(s), (1, 2)) for i, s in zip(images, pairs, strict=True)]
    )


def noisy(images: Tensor) -> Tensor:
    return images + 0.1 * torch.randn_like(images)


def paired(x, y):
    state = torch.get_rng_state()
    count = max(len(x), len(y))

    def padded(images):
        torch.set_rng_state(state)
        filled = torch.cat([images, images[:1].expand(count - len(images), -1, -1, -1)])
        return by_grid(filled)[: len(images)]

    return padded(x), padded(y)
