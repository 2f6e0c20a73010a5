"""Check of `modes_covered`. Oracle: loops and math.dist."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..observing import Handed
from ..random_inputs import normal, uniform
from .numbers import as_float

OUTPUTS = ("modes", "share of good samples")

EDGE_CENTERS = [[0, 0], [6, 0], [0, 40], [30, 0]]
EDGE_SAMPLES = [
    *([-3, -4], [-4, -3], [-5, 0], [2, 2], [2, -2]),  # three at the radius, two that [6, 0] reaches
    *([4, 2], [4, -2], [7, 0]),  # two that [0, 0] reaches
    *([0, 39], [-1, 40], [1, 41], [-3, 36]),  # the last at the radius
    *([29, 0], [31, 1], [36, 0], [40, 3]),
]


def mode_cases(g: torch.Generator) -> list[Case]:
    """Samples of which it is known how many are good: some modes just reach `at_least`."""

    def inputs(good: list[int], bad: list[int], size: int, radius: float, at_least: int) -> dict:
        count = len(good)
        places = torch.zeros(count, size, dtype=torch.float64)
        places[:, 0] = 3.0 * torch.arange(count) + 0.5 * uniform(g, count, dtype=torch.float64)
        places[:, 1] = 2.0 * torch.rand(count, generator=g, dtype=torch.float64)
        parts = []
        for place, inner, outer in zip(places, good, bad, strict=True):
            lengths = torch.cat([0.15 + 0.8 * uniform(g, inner), 1.03 + 0.35 * uniform(g, outer)])
            way = normal(g, inner + outer, size, dtype=torch.float64)
            way = way / way.norm(dim=1, keepdim=True)
            parts.append(place + radius * lengths.double()[:, None] * way)
        samples = torch.cat(parts)
        samples = samples[torch.randperm(len(samples), generator=g)]
        return {"samples": samples, "centers": places, "radius": radius, "at_least": at_least}

    single = inputs([6, 2, 0, 5], [3, 4, 4, 1], 2, 0.3, 3)
    single = {n: v.float() if isinstance(v, Tensor) else v for n, v in single.items()}
    none = inputs([2, 2], [3, 4], 2, 0.4, 3)
    none["samples"] = none["samples"] + 50
    whole = {"radius": 5.0, "at_least": 4}  # whole numbers, so that a distance of 5 is exactly 5
    for name, rows in (("samples", EDGE_SAMPLES), ("centers", EDGE_CENTERS)):
        whole[name] = torch.tensor(rows, dtype=torch.float64)
    whole = {name: whole[name] for name in none}
    return [
        Case(inputs([5, 4, 3, 0, 9], [6, 1, 8, 7, 2], 2, 0.5, 4), "5 modes, at_least = 4"),
        Case(inputs([2, 7, 1, 6, 2, 8], [4, 0, 6, 1, 3, 2], 3, 0.6, 2), "in 3 dimensions"),
        Case(inputs([1, 1, 0, 3], [2, 5, 4, 0], 2, 1.1, 1), "radius 1.1, at_least = 1"),
        Case(single, "in float32"),
        Case(whole, "modes in reach of each other, samples exactly at the radius"),
        Case(none, "no sample near any mode", extreme=True),
    ]


def call(answer: Callable, inputs: dict) -> dict | Handed:
    result = answer(*inputs.values())
    several = isinstance(result, tuple | list) or (isinstance(result, Tensor) and result.ndim == 1)
    found = [as_float(part) for part in result] if several else []
    if len(found) != 2 or None in found:
        return Handed(result)
    return dict(zip(OUTPUTS, found, strict=True))


def facts(inputs: dict, outputs: dict) -> dict[str, Any]:
    return {
        name: torch.tensor(value, dtype=torch.float64) if isinstance(value, float) else value
        for name, value in outputs.items()
    }


def by_loops(samples: Tensor, centers: Tensor, radius: float, at_least: int) -> tuple[int, float]:
    counts, good = [0] * len(centers), 0
    places = centers.double().tolist()
    for sample in samples.double().tolist():
        distances = [math.dist(sample, place) for place in places]
        if min(distances) <= radius:
            counts[distances.index(min(distances))] += 1
            good += 1
    return sum(count >= at_least for count in counts), good / len(samples)


def counted(
    distance: Callable = lambda s, c: torch.cdist(
        s, c, compute_mode="donot_use_mm_for_euclid_dist"
    ),
    inside: Callable = lambda d, r: d <= r,
    found: Callable = lambda counts, near, n: (counts >= n).sum(),
    share: Callable = lambda good, counts, n, c: good.double().mean(),
) -> Callable:
    """The counting with its parts exposed, so that a mistake can replace one."""

    def answer(samples, centers, radius, at_least):
        nearest, which = distance(samples, centers).min(dim=1)
        good = inside(nearest, radius)
        counts = which[good].bincount(minlength=len(centers))
        near = which.bincount(minlength=len(centers))
        return (
            found(counts, near, at_least).double().item(),
            float(share(good, counts, at_least, centers)),
        )

    return answer


def in_reach(share: Callable) -> Callable:
    """Every center counts the samples within the radius, whichever center is nearest."""

    def answer(samples, centers, radius, at_least):
        near = torch.cdist(samples, centers) <= radius
        return float((near.sum(dim=0) >= at_least).sum()), float(share(near))

    return answer


def one_answer_a_mode(samples, centers, radius, at_least):
    nearest, which = torch.cdist(samples, centers).min(dim=1)
    good = nearest <= radius
    return which[good].bincount(minlength=len(centers)), good.float().mean()


def tested_not_counted(samples, centers, radius, at_least):
    counts, share = one_answer_a_mode(samples, centers, radius, at_least)
    return counts >= at_least, share


def with_a_float(answer: Callable) -> Callable:
    def other(*inputs):
        first, share = answer(*inputs)
        return first, share.item()

    return other


def nearest_samples(samples, centers, radius, at_least):
    good = torch.cdist(samples, centers).amin(dim=0) <= radius
    return float(good.sum()), good.double().mean().item()


def in_pairs(samples, centers, radius, at_least):
    near = torch.cdist(samples, centers) <= radius
    return counted()(samples, centers, radius, at_least)[0], near.double().mean().item()


EXERCISE = Exercise(
    name="stable_gans.modes_covered",
    signature="(samples, centers, radius, at_least)",
    oracle=by_loops,
    cases=mode_cases,
    outputs=OUTPUTS,
    call=call,
    facts=facts,
    slow=True,
    coincident=True,
    misconceptions=(
        Misconception(
            "far_ones_counted",
            counted(found=lambda counts, near, n: (near >= n).sum()),
            "A mode was counted as found by samples that lie near no mode. Only good ones count: "
            "those within the radius of their nearest center.",
            also=(counted(found=lambda counts, near, n: (near > 0).sum()),),
        ),
        Misconception(
            "more_than",
            counted(found=lambda counts, near, n: (counts > n).sum()),
            "A mode with exactly `at_least` good samples was left out. «At least» includes it.",
        ),
        Misconception(
            "one_is_enough",
            counted(found=lambda counts, near, n: (counts > 0).sum()),
            "A single good sample made a mode count as found. It takes `at_least` of them.",
        ),
        Misconception(
            "all_modes",
            counted(found=lambda counts, near, n: torch.tensor(len(counts))),
            "All modes were counted, whatever the samples are.",
        ),
        Misconception(
            "missing_modes",
            counted(found=lambda counts, near, n: (counts < n).sum()),
            "These are the modes that are missing. Count those that were found.",
        ),
        Misconception(
            "share_of_modes",
            counted(found=lambda counts, near, n: (counts >= n).double().mean()),
            "The modes came as a share. Return their number first.",
        ),
        Misconception(
            "modes_as_the_share",
            counted(share=lambda good, counts, n, c: (counts >= n).double().mean()),
            "The second number is the share of modes that were found. It is the share of samples "
            "that are good.",
        ),
        Misconception(
            "share_in_found_modes",
            counted(share=lambda good, counts, n, c: counts[counts >= n].sum() / len(good)),
            "Good samples of modes with too few of them were left out of the share. A sample is "
            "good by where it lies, whatever the others do.",
        ),
        Misconception(
            "share_of_bad",
            counted(share=lambda good, counts, n, c: 1 - good.double().mean()),
            "This is the share of samples that are not good.",
        ),
        Misconception(
            "number_of_good",
            counted(share=lambda good, counts, n, c: good.sum()),
            "The good samples were counted. Divide by the number of all samples.",
        ),
        Misconception(
            "over_the_modes",
            counted(share=lambda good, counts, n, c: good.sum() / len(c)),
            "The good samples were divided by the number of modes. Divide by that of the samples.",
        ),
        Misconception(
            "in_percent",
            counted(share=lambda good, counts, n, c: 100 * good.double().mean()),
            "The share came in percent. It is a number between 0 and 1.",
        ),
        Misconception(
            "at_least_as_a_share",
            counted(found=lambda counts, near, n: (counts / near.sum() >= n).sum()),
            "The counts were divided before they were compared. `at_least` is a number of samples.",
            also=(counted(found=lambda counts, near, n: (counts / counts.sum() >= n).sum()),),
        ),
        Misconception(
            "one_answer_a_mode",
            one_answer_a_mode,
            "There is still one value for each mode. How many of them have `at_least` good samples "
            "or more? That number comes first.",
            also=(
                tested_not_counted,
                with_a_float(one_answer_a_mode),
                with_a_float(tested_not_counted),
            ),
        ),
        Misconception(
            "norm_over_the_centers",
            counted(distance=lambda s, c: (s[:, None] - c).norm(dim=1)),
            "The norm was taken over the wrong axis: of differences (N, K, D), the coordinates are "
            "the last.",
            also=(counted(distance=lambda s, c: (s[:, None] - c).norm(dim=0)),),
        ),
        Misconception(
            "squared_distances",
            counted(distance=lambda s, c: torch.cdist(s, c).square()),
            "Squared distances were compared with the radius, which is not squared.",
        ),
        Misconception(
            "one_coordinate",
            counted(distance=lambda s, c: (s[:, None] - c).abs().amax(dim=-1)),
            "Around each center lies a box, not a ball: the distance is Euclidean.",
        ),
        Misconception(
            "city_blocks",
            counted(distance=lambda s, c: torch.cdist(s, c, p=1.0)),
            "The distances are sums of absolute differences. The Euclidean distance is wanted.",
        ),
        Misconception(
            "edge_left_out",
            counted(inside=lambda d, r: d < r),
            "A sample whose distance is exactly the radius was left out. «At most» includes it.",
        ),
        Misconception(
            "counted_for_several",
            in_reach(lambda near: near.any(dim=1).double().mean()),
            "A sample that several centers reach was counted for each of them. It belongs to its "
            "nearest center alone.",
            also=(in_reach(lambda near: near.double().sum() / len(near)),),
        ),
        Misconception(
            "nearest_samples",
            nearest_samples,
            "For each center the nearest sample was looked up, so there is one answer a center. "
            "Ask each sample for its nearest center: the other axis of the distances.",
        ),
        Misconception(
            "over_all_pairs",
            in_pairs,
            "The share is one of all pairs of a sample and a center. Divide by the number of "
            "samples.",
        ),
        Misconception(
            "outside",
            counted(inside=lambda d, r: d > r),
            "Samples outside of the radius were taken for good.",
        ),
        Misconception(
            "exchanged",
            lambda *a: counted()(*a)[::-1],
            "The two results changed places: modes first, then the share of good samples.",
        ),
        Misconception(
            "one_number",
            lambda *a: counted()(*a)[0],
            "This is one number. Return two: the modes found and the share of good samples.",
            also=(lambda *a: int(counted()(*a)[0]),),
        ),
    ),
    hints=(
        "For each sample: which center is nearest, and how far away is it?",
        "torch.cdist gives all distances, (N, K); min(dim=1) gives both answers. A sample is good "
        "where that distance is at most the radius.",
        "Count the good samples of each center (bincount with minlength), and compare the counts "
        "with at_least.",
    ),
    rtol=1e-6,
    atol=1e-8,
)
