"""Networks of one layer with given weights, for the checks that need a trained model."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class TinyEncoder(nn.Module):
    """Linear heads with the given weights, (2 Z, D + 1): the last column is the bias."""

    def __init__(self, weight: torch.Tensor):
        super().__init__()
        self.weight = nn.Parameter(weight.clone())

    def forward(self, images):
        return F.linear(images.flatten(1), self.weight[:, :-1], self.weight[:, -1]).chunk(2, 1)


class TinyDecoder(nn.Module):
    """Logits with the given weights, (H W, Z + 1), and the codes that it was called with."""

    def __init__(self, weight: torch.Tensor, height: int, width: int):
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.shape = (1, height, width)
        self.seen: list[torch.Tensor] = []

    def forward(self, z):
        self.seen.append(z.detach().cpu().clone())
        flat = F.linear(torch.tanh(z) + z / 4, self.weight[:, :-1], self.weight[:, -1])
        return flat.unflatten(1, self.shape)
