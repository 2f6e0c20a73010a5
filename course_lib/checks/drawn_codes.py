"""Which distribution a set of codes comes from, in words: the facts of a check that draws.

Each test leaves six standard errors, so that a right answer fails once in some 10 million times.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from .independence import aspects, reused

STANDARD_NORMAL = "independent draws of the standard normal"
ENOUGH = 1000  # codes, to tell a distribution from another


def name_codes(codes: Tensor) -> str:
    """Codes `(N, Z)` by what is wrong with them, the plainest first."""
    if len(codes) < ENOUGH:
        return STANDARD_NORMAL  # too few to tell
    codes = codes.double()
    normal = cache(lambda: is_normal(codes))
    named = (
        ("all the same", lambda: (codes - codes[:1]).abs().max() < 1e-12),
        ("one number repeated for all latents", lambda: same_in_all_latents(codes)),
        ("between 0 and 1", lambda: codes.min() >= 0 and codes.max() <= 1),
        ("between -1 and 1", lambda: codes.abs().max() <= 1),
        ("some of them more than once", lambda: repeated(codes)),
        ("normal, with another mean or standard deviation", lambda: moved(codes) and normal()),
        ("cut off or clamped at the ends", lambda: codes.abs().max() < 2.6),
        ("draws of something else", lambda: moved(codes) or not normal()),
        ("codes that depend on each other", lambda: codes_together(codes)),
        ("latents that depend on each other", lambda: latents_together(codes)),
        ("codes that depend on each other", lambda: reused(codes)),
    )
    return next((name for name, holds in named if holds()), STANDARD_NORMAL)


def repeated(codes: Tensor) -> bool:
    """Whether some come more than once; a hundredth may: numbers of float32 meet by chance."""
    fewest = 0.99 * len(codes)  # one latent by itself is looked at first: that is quick
    return len(codes[:, 0].unique()) < fewest and len(codes.unique(dim=0)) < fewest


def same_in_all_latents(codes: Tensor) -> bool:
    return codes.shape[1] > 1 and bool((codes - codes[:, :1]).abs().max() < 1e-12)


def moved(codes: Tensor) -> bool:
    """Whether some latent has another mean or standard deviation than 0 and 1."""
    width = 6 / len(codes) ** 0.5
    return bool((codes.mean(0).abs() > width).any() or ((codes.std(0) - 1).abs() > width).any())


def is_normal(codes: Tensor) -> bool:
    """Kolmogorov and Smirnov's distance, each latent standardized by itself."""
    spread = codes.std(0).clamp(min=1e-12)
    uniform = torch.special.ndtr((codes - codes.mean(0)) / spread).sort(0).values
    middles = (torch.arange(len(codes), dtype=codes.dtype) + 0.5) / len(codes)
    return bool((uniform - middles[:, None]).abs().max() * len(codes) ** 0.5 < 2.5)


def latents_together(codes: Tensor) -> bool:
    """Of one code: in value, in sign or in size."""
    if codes.shape[1] < 2:
        return False
    tied = [torch.corrcoef(part.T) - torch.eye(codes.shape[1]) for part in aspects(codes)]
    return max(t.abs().max().item() for t in tied) > 6 / len(codes) ** 0.5


def codes_together(codes: Tensor) -> bool:
    """Of neighbors, and of those half the batch or the whole of it apart; or all standardized."""
    if codes.mean(0).abs().max() < 1e-6:
        return True  # as no draws ever are
    half = len(codes) // 2
    width = 6 / half**0.5
    for part in aspects(codes):
        part = (part - part.mean(0)) / part.std(0)
        pairs = [(part[:-1], part[1:]), (part[:half], part[-half:]), (part, part.flip(0))]
        # across latents as well: a window that is shifted along one row of numbers
        tied = (one.T @ other / len(one) for one, other in pairs)
        if max(t.abs().max().item() for t in tied) > width:
            return True
    return False
