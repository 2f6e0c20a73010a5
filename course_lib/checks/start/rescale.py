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
            ends[f"{end}, where the byte is {level}, to the last bit"] = f"{chosen[0].item():.9g}"
    return {"value": value, **ends}


def mixed(weight):
    """The two ends mixed by `weight(images)`, 1 for white."""

    def answer(images_uint8: Tensor, low: float, high: float) -> Tensor:
        white = weight(images_uint8)
        return (1 - white) * low + white * high

    return answer


def rescaled_by_image(images_uint8: Tensor, low: float, high: float) -> Tensor:
    values = images_uint8.float()
    least, most = values.amin((1, 2, 3), keepdim=True), values.amax((1, 2, 3), keepdim=True)
    return low + (high - low) * (values - least) / (most - least)


EXERCISE = Exercise(
    name="start.rescale",
    signature="(images_uint8, low, high)",
    oracle=interpolated,
    cases=rescale_cases,
    facts=rescale_facts,
    misconceptions=(
        Misconception(
            "last_bit",
            lambda images_uint8, low, high: images_uint8.float() / 255 * (high - low) + low,
            "Nearly everything is right: this is one rounding of float32. low + (high - low) need "
            "not be `high` again, and a value beyond the end trips every test of the range. "
            "Mix the two ends with weights that are 0 and 1 at the ends.",
            also=(
                lambda images_uint8, low, high: (
                    images_uint8.float() / 255 * (high - low) + low
                ).clamp(low, high),
            ),
        ),
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
            "weight_not_divided",
            mixed(lambda images: images.float()),
            "The weight of white is the byte itself. It is 1 for white: divide by the largest "
            "level.",
            also=(lambda images_uint8, low, high: (images_uint8.float() - low) / (high - low),),
        ),
        Misconception(
            "low_subtracted",
            lambda images_uint8, low, high: images_uint8.float() / 255 * (high - low) - low,
            "low was subtracted. Black must land on `low`.",
        ),
        Misconception(
            "low_added_first",
            lambda images_uint8, low, high: (images_uint8.float() / 255 + low) * (high - low),
            "low was added before the width was multiplied, so it is stretched as well.",
            also=(
                lambda images_uint8, low, high: (images_uint8.float() + low) * (high - low) / 255,
            ),
        ),
        Misconception(
            "high_for_the_width",
            lambda images_uint8, low, high: images_uint8.float() / 255 * high - low,
            "The width of the interval is high - low; here the image was multiplied by high.",
        ),
        Misconception(
            "bytes_in_the_mixture",
            lambda images_uint8, low, high: (
                ((255 - images_uint8) * low + images_uint8 * high) / 255
            ),
            "The mixture was computed in bytes, which start again at 0 after 255 and know no "
            "negative numbers. Turn them into floats first.",
        ),
        Misconception(
            "divided_by_254",
            mixed(lambda images: images.float() / 254),
            "The levels go from 0 to 255: they are 255 steps apart.",
        ),
        Misconception(
            "half_precision",
            lambda images_uint8, low, high: mixed(lambda images: images.half() / 255)(
                images_uint8, low, high
            ).float(),
            "The values were computed in half precision, which keeps three digits. Compute in "
            "float32.",
            also=(
                lambda images_uint8, low, high: (
                    images_uint8.half() / 255 * (high - low) + low
                ).float(),
            ),
        ),
        Misconception(
            "rounded",
            lambda images_uint8, low, high: interpolated(images_uint8, low, high).round(),
            "The result was rounded to whole numbers. Keep the fractions.",
        ),
        Misconception(
            "divided_by_its_own_maximum",
            mixed(lambda images: images.float() / images.max()),
            "The image was divided by its own brightest value. White is 255, whatever this batch "
            "holds.",
        ),
        Misconception(
            "own_range_of_each_image",
            rescaled_by_image,
            "Each image was stretched from its own darkest to its own brightest value. 0 and 255 "
            "are the fixed points.",
        ),
        Misconception(
            "sigmoid",
            mixed(lambda images: images.float().sigmoid()),
            "A sigmoid bends the values, and is 1 for nearly every byte. The mapping is a "
            "straight line from 0 to 255.",
        ),
        Misconception(
            "gamma",
            mixed(lambda images: (images.float() / 255) ** 2),
            "The values were bent by a power. The mapping is a straight line.",
            also=(mixed(lambda images: (images.float() / 255) ** 2.2),),
        ),
        Misconception(
            "standardized",
            lambda images_uint8, low, high: (
                (images_uint8.float() - images_uint8.float().mean()) / images_uint8.float().std()
            ),
            "The values were standardized to mean 0 and standard deviation 1. Here the ends are "
            "given: 0 becomes low, 255 becomes high.",
        ),
        Misconception(
            "centered",
            lambda images_uint8, low, high: (images_uint8.float() / 255 - 0.5) * (high - low),
            "The interval was centered at 0, with the right width. Black must land on `low`.",
        ),
        Misconception(
            "width_of_absolute_values",
            lambda images_uint8, low, high: (
                images_uint8.float() / 255 * (abs(low) + abs(high)) + low
            ),
            "The width was made of absolute values. It is high - low, whatever their signs.",
        ),
        Misconception(
            "weights_add_to_more_than_one",
            lambda images_uint8, low, high: (
                (1 + images_uint8.float() / 255) * low + images_uint8.float() / 255 * high
            ),
            "The shares of the two ends do not add to 1: what white gains, black loses.",
        ),
        Misconception(
            "weight_from_minus_one",
            mixed(lambda images: images.float() / 127.5 - 1),
            "The weight of white runs from -1 to 1 here. It is 0 for black and 1 for white, "
            "whatever low and high are.",
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
