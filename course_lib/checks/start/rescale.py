"""Check of `rescale`. Oracle: numpy.interp."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception, Plain


def rescale_cases(generator: torch.Generator) -> list[Case]:
    def bytes_within(darkest: int, brightest: int, *shape: int) -> Tensor:
        return torch.randint(darkest, brightest + 1, shape, generator=generator).to(torch.uint8)

    # no 0 and no 255: who stretches to the batch's own extremes is found out
    dim = {"images_uint8": bytes_within(40, 200, 3, 2, 4, 5), "low": -0.3, "high": 1.7}
    levels = torch.arange(256, dtype=torch.uint8).reshape(4, 1, 8, 8)
    cases = [Case(dim, "low -0.3, high 1.7, values from 40 to 200")]
    for low, high in ((-1, 1), (0, 1), (-0.3, 1.7), (0.1, 0.9), (-1.3, 2.9), (-0.7, 0.4)):
        inputs = {"images_uint8": levels.clone(), "low": low, "high": high}
        cases.append(Case(inputs, f"low {low}, high {high}, all 256 levels"))
    return cases


def interpolated(images_uint8: Tensor, low: float, high: float) -> Tensor:
    values = np.interp(images_uint8.numpy(), [0.0, 255.0], [low, high])
    return torch.from_numpy(values.astype(np.float32))


def rescale_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    """All values within a few roundings, and both ends to the last bit."""
    value = outputs["value"]
    ends = {}
    for level, end in ((0, "low"), (255, "high")):
        chosen = value[inputs["images_uint8"] == level]
        if len(chosen):
            ends[f"{level} must give {end} to the last bit, so it"] = f"{chosen[0].item():.9g}"
    return {"value": value, **ends}


EXERCISE = Exercise(
    name="start.rescale",
    signature="(images_uint8, low, high)",
    oracle=interpolated,
    cases=rescale_cases,
    facts=rescale_facts,
    misconceptions=(
        Misconception(
            "overflow",
            lambda images_uint8, low, high: images_uint8 * (high - low) / 255 + low,
            "A product of uint8 and an integer stays uint8 and starts again at 0 after 255: here "
            "2 · 200 is 144. Turn the image into floats before any other arithmetic.",
        ),
        Misconception(
            "integer_division",
            lambda images_uint8, low, high: (images_uint8 // 255).float() * (high - low) + low,
            "`//` divides integers and drops the remainder: everything below 255 becomes 0. "
            "Divide floats, with `/`.",
        ),
        Misconception(
            "divided_by_256",
            lambda images_uint8, low, high: (
                images_uint8.double().div(256).mul(high - low).add(low).float()
            ),
            "There are 256 levels, but the largest is 255: it must reach the upper end, so the "
            "steps between the levels are 255.",
        ),
        Misconception(
            "own_minimum_and_maximum",
            lambda images_uint8, low, high: interpolated(
                ((v := images_uint8.float()) - v.min()) / (v.max() - v.min()) * 255, low, high
            ),
            "The values were stretched to the darkest and brightest pixel of this very batch, so "
            "the same gray would come out differently in another one. 0 and 255 are the fixed "
            "points.",
        ),
        Misconception(
            "float64",
            lambda images_uint8, low, high: interpolated(images_uint8, low, high).double(),
            "The values are in double precision, as NumPy likes to have it. Networks compute in "
            "float32: convert.",
        ),
        Misconception(
            "range_ignored",
            lambda images_uint8, low, high: interpolated(images_uint8, 0, 1),
            "This is always [0, 1]. `low` and `high` say where black and white should lie.",
        ),
        Misconception(
            "always_minus_one_to_one",
            lambda images_uint8, low, high: interpolated(images_uint8, -1, 1),
            "This is always [-1, 1], however `low` and `high` are set.",
        ),
        Misconception(
            "width_not_high_minus_low",
            lambda images_uint8, low, high: interpolated(images_uint8, low, low + high),
            "Black is at `low`, but white ends up at low + high: the distance from one end to "
            "the other is not `high`.",
        ),
        Misconception(
            "low_forgotten",
            lambda images_uint8, low, high: interpolated(images_uint8, 0, high - low),
            "The width is right, but everything starts at 0: black must land on `low`.",
        ),
        Misconception(
            "normalized_instead",
            lambda images_uint8, low, high: (images_uint8 / 255 - low) / (high - low),
            "This is the way back, from [low, high] to [0, 1]. Here the values start in [0, 1] "
            "and should end in [low, high].",
        ),
        Misconception(
            "ends_swapped",
            lambda images_uint8, low, high: interpolated(images_uint8, high, low),
            "It is a negative: black became `high` and white became `low`.",
        ),
        Misconception(
            "clamped",
            lambda images_uint8, low, high: images_uint8.float().clamp(low, high),
            "clamp cuts off what lies outside and moves nothing: nearly every pixel is now at one "
            "end. The values have to be mapped, not cut.",
        ),
        Misconception(
            "rounded_to_integers",
            lambda images_uint8, low, high: interpolated(images_uint8, low, high).to(torch.uint8),
            "The result went back to uint8, which holds neither fractions nor negative numbers. "
            "Return float32.",
        ),
        Misconception(
            "last_bit",
            lambda images_uint8, low, high: images_uint8.float() / 255 * (high - low) + low,
            "Nearly everything is right: this is one rounding of float32. low + (high - low) need "
            "not be `high` again, and a value beyond the end trips every test of the range. "
            "Mix the two ends with weights that are 0 and 1 at the ends.",
        ),
    ),
    hints=(
        "First make w, which is 0 for black and 1 for white. Which type must it have before you "
        "divide?",
        "Then mix: black should take `low` alone, white `high` alone, and everything between a "
        "share of both. The shares sum to 1.",
        "low + w · (high - low) is that mixture on paper, but it rounds once too often. Write it "
        "with the two weights w and 1 - w, or look at what torch.lerp does.",
    ),
    rtol=2e-6,
    atol=2e-6,
)
