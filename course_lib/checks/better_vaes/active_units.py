"""Check of `active_units`. The number of active columns is known by construction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception, Plain
from ..random_inputs import normal
from .numbers import as_integer


def unit_cases(generator: torch.Generator) -> list[Case]:
    def codes(
        count: int, active: int, faint: int, fixed: int, threshold: float, more: tuple = ()
    ) -> dict:
        """Faint latents have a variance below the threshold and a std above it; fixed ones stand
        still off 0. One of the active ones is off 0, too. `more`: further, smaller variances."""
        total = active + faint + len(more) + fixed
        columns = normal(generator, count, total, dtype=torch.float64)
        columns = (columns - columns.mean(0)) / columns.std(0, correction=0)
        sizes = [(4.0 + k) * threshold for k in range(active)]
        sizes += [threshold / 3] * faint + [*more] + [threshold**2 / 100] * fixed
        offsets = [2.0] * min(active, 1) + [0.0] * (total - fixed - min(active, 1)) + [1.5] * fixed
        spread, offset = torch.tensor([sizes, offsets], dtype=torch.float64)
        order = torch.randperm(total, generator=generator)
        return {"means": (columns * spread.sqrt() + offset)[:, order], "threshold": threshold}

    rounded = codes(50, 4, 2, 1, 0.01)
    rounded["means"] = rounded["means"].float()
    return [
        Case(codes(60, 3, 3, 1, 0.01), "threshold 0.01"),
        Case(codes(40, 5, 1, 2, 0.1), "threshold 0.1"),
        Case(codes(8, 2, 4, 3, 0.02), "more latents than images"),
        Case(codes(60, 2, 1, 1, 0.01, (1.1e-4, 0.25e-4)), "idle latents of many sizes"),
        Case(rounded, "in float32"),
        Case(codes(30, 0, 3, 2, 0.01), "a collapsed code", extreme=True),
    ]


def count_by_loop(means: Tensor, threshold: float) -> int:
    columns = means.T.tolist()
    centers = [sum(column) / len(column) for column in columns]
    spreads = [
        sum((value - center) ** 2 for value in column) / len(column)
        for column, center in zip(columns, centers, strict=True)
    ]
    return sum(spread > threshold for spread in spreads)


def call_counting(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Plain]:
    return {"value": as_integer(answer(*inputs.values()))}


EXERCISE = Exercise(
    name="better_vaes.active_units",
    signature="(means, threshold)",
    oracle=count_by_loop,
    coincident=True,
    cases=unit_cases,
    call=call_counting,
    misconceptions=(
        Misconception(
            "along_the_latents",
            lambda means, threshold: (means.var(dim=1) > threshold).sum(),
            "The variance was taken over the latents of one image. Take it over the images, for "
            "each latent: dim=0.",
        ),
        Misconception(
            "standard_deviation",
            lambda means, threshold: (means.std(dim=0) > threshold).sum(),
            "The standard deviation was compared with a threshold for the variance, its square.",
            also=(lambda means, threshold: (means.var(dim=0) > threshold**2).sum(),),
        ),
        Misconception(
            "not_centered",
            lambda means, threshold: (means.square().mean(dim=0) > threshold).sum(),
            "These are mean squares. A latent whose mean is the same number for every image says "
            "nothing, however far from 0 that number lies: subtract the average over images.",
        ),
        Misconception(
            "mean_of_the_means",
            lambda means, threshold: (means.mean(dim=0) > threshold).sum(),
            "The average was compared, not the variance: how far does a latent's mean move from "
            "image to image?",
        ),
        Misconception(
            "mean_size",
            lambda means, threshold: (means.abs().mean(dim=0) > threshold).sum(),
            "The average size was compared, which is large for a constant off 0 as well. The "
            "variance over images is wanted.",
        ),
        Misconception(
            "idle_ones_counted",
            lambda means, threshold: (means.var(dim=0) < threshold).sum(),
            "These are the idle ones. Active latents have a variance above the threshold.",
        ),
        Misconception(
            "share",
            lambda means, threshold: (means.var(dim=0) > threshold).double().mean(),
            "This is the share of active latents. Give their number.",
        ),
        Misconception(
            "mask",
            lambda means, threshold: means.var(dim=0) > threshold,
            "This says of each latent whether it is active. How many are?",
        ),
        Misconception(
            "which_ones",
            lambda means, threshold: (means.var(dim=0) > threshold).nonzero(),
            "These are the indices of the active latents. How many are there?",
            also=(lambda means, threshold: torch.where(means.var(dim=0) > threshold)[0],),
        ),
        Misconception(
            "all_together",
            lambda means, threshold: int(means.var() > threshold),
            "A single variance was compared, of all numbers together or of the latents' averages. "
            "Each latent has its own, over the images.",
            also=(lambda means, threshold: int(means.mean(0).var() > threshold),),
        ),
        Misconception(
            "squares_summed",
            lambda means, threshold: (
                (means - means.mean(0)).square().sum(dim=0) > threshold
            ).sum(),
            "The squared distances were added over the images and not averaged, so that every "
            "latent becomes active once there are images enough.",
        ),
        Misconception(
            "range",
            lambda means, threshold: (means.amax(dim=0) - means.amin(dim=0) > threshold).sum(),
            "The range from the smallest to the largest mean was compared. The threshold is one "
            "for the variance.",
        ),
        Misconception(
            "threshold_ignored",
            lambda means, threshold: (means.var(dim=0) > 0.01).sum(),
            "The threshold has no effect: 0.01 is written as a number.",
        ),
        Misconception(
            "threshold_changed",
            lambda means, threshold: (means.var(dim=0) > threshold**0.5).sum(),
            "The variance was compared with the root of the threshold. The threshold is one for "
            "the variance itself.",
        ),
        Misconception(
            "numbers_counted",
            lambda means, threshold: (means > threshold).sum(),
            "Single numbers were counted that lie above the threshold. A latent is active if its "
            "variance over the images does: one count for each column.",
            also=(lambda means, threshold: (means.abs() > threshold).sum(),),
        ),
        Misconception(
            "size_of_any",
            lambda means, threshold: (means.abs() > threshold).any(dim=0).sum(),
            "A latent was counted where some of its means are larger than the threshold. How far "
            "do they move from image to image? That is their variance.",
            also=(lambda means, threshold: (means.amax(dim=0) > threshold).sum(),),
        ),
    ),
    hints=(
        "A collapsed latent has the same mean for every image. Which number tells a column of "
        "equal values from a column of different ones?",
        "Take the variance of each column of `means`, over the images, compare it with the "
        "threshold, and count.",
    ),
)
