"""Check of `composite`. Oracle: torch.lerp, one image and one channel at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import uniform


def picture_cases(generator: torch.Generator) -> list[Case]:
    def inputs(
        batch: int, channels: int, height: int, width: int, dtype: torch.dtype = torch.float32
    ) -> dict:
        pictures = (batch, channels, height, width)
        mask = uniform(generator, batch, 1, height, width, dtype=dtype)
        return {
            "foreground": 0.1 + 0.8 * uniform(generator, *pictures, dtype=dtype),
            "background": 2 * uniform(generator, *pictures, dtype=dtype) - 1,
            "mask": mask,
        }

    hard = inputs(2, 3, 4, 3)
    hard["mask"] = hard["mask"].round()
    return [
        Case(inputs(3, 3, 5, 4), gradients=("foreground", "background", "mask")),
        Case(inputs(4, 1, 3, 6, torch.float64), "one channel, in float64"),
        Case(hard, "a mask of zeros and ones"),
        Case(inputs(1, 3, 3, 3), "a batch of one, as many rows as channels"),
        Case(inputs(3, 3, 3, 3), "three images of three channels"),
    ]


def by_lerp(foreground: Tensor, background: Tensor, mask: Tensor) -> Tensor:
    images = []
    for front, back, alpha in zip(foreground, background, mask, strict=True):
        planes = [torch.lerp(b, f, alpha[0]) for f, b in zip(front, back, strict=True)]
        images.append(torch.stack(planes))
    return torch.stack(images)


def with_mask(change: Callable[[Tensor], Tensor]) -> Callable:
    return lambda f, b, m: change(m) * f + (1 - change(m)) * b


def mask_of_the_first(foreground: Tensor, background: Tensor, mask: Tensor) -> Tensor:
    return mask[:1] * foreground + (1 - mask[:1]) * background


def axis_dropped(foreground: Tensor, background: Tensor, mask: Tensor) -> Tensor:
    """`(B, H, W)` against `(B, C, H, W)`: an error, or another image's mask for each channel."""
    m = mask.squeeze(1)
    return m * foreground + (1 - m) * background


EXERCISE = Exercise(
    name="editing.composite",
    signature="(foreground, background, mask)",
    outputs=("images",),
    entry="image",
    oracle=by_lerp,
    cases=picture_cases,
    misconceptions=(
        Misconception(
            "mask_turned_round",
            lambda f, b, m: m * b + (1 - m) * f,
            "Foreground and background changed places: where the mask is 1 stands the foreground.",
        ),
        Misconception(
            "mask_for_both",
            lambda f, b, m: f * m + b * m,
            "Both images have the share m, so that nothing is left where the mask is 0. The "
            "background has 1 - m.",
            also=(lambda f, b, m: (f + b) * (1 - m),),
        ),
        Misconception(
            "difference_turned_round",
            lambda f, b, m: b + m * (b - f),
            "The difference has the wrong sign, so the mask leads away from the foreground. From "
            "the background to the foreground it is f - b.",
        ),
        Misconception(
            "brighter_one_wins",
            lambda f, b, m: torch.maximum(f * m, b * (1 - m)),
            "At each pixel the larger of the two wins. Both are there by their shares: add them.",
        ),
        Misconception(
            "images_multiplied",
            lambda f, b, m: f * b * m,
            "The two images were multiplied. A blend adds shares of them.",
            also=(lambda f, b, m: f * m * b * (1 - m),),
        ),
        Misconception(
            "mask_made_hard",
            with_mask(lambda m: m + (m.round() - m).detach()),
            "The mask was rounded to 0 and 1, which brings back the seam that a smooth mask takes "
            "away. Its values between are shares.",
            also=(
                lambda f, b, m: f * m.round() + b * (1 - m.round()),
                lambda f, b, m: torch.where(m > 0.5, f, b),
                lambda f, b, m: torch.where(m > 0, f, b),
                lambda f, b, m: torch.where(m.bool(), f, b),
            ),
        ),
        Misconception(
            "background_not_dimmed",
            lambda f, b, m: m * f + b,
            "The background stands at full strength under the foreground. Its share is what the "
            "mask leaves: 1 - mask.",
        ),
        Misconception(
            "background_missing",
            lambda f, b, m: m * f,
            "The background is missing.",
        ),
        Misconception(
            "foreground_not_dimmed",
            lambda f, b, m: f + (1 - m) * b,
            "The foreground stands at full strength everywhere. Its share is the mask.",
        ),
        Misconception(
            "added",
            lambda f, b, m: f + b,
            "The mask has no effect: both images were added.",
            also=(lambda f, b, m: (f + b) / 2,),
        ),
        Misconception(
            "clamped",
            lambda f, b, m: (m * f + (1 - m) * b).clamp(0, 1),
            "The result was clipped to [0, 1]. A mix of two images lies between them, whatever "
            "range they have: nothing is to be clipped.",
        ),
        Misconception(
            "mask_squared",
            with_mask(lambda m: m**2),
            "The mask stands twice in its share: its weight is its square.",
            also=(
                lambda f, b, m: m * (m * f) + (1 - m) * ((1 - m) * b),
                lambda f, b, m: m**2 * f + (1 - m) * b,
            ),
        ),
        Misconception(
            "mask_smoothed",
            with_mask(lambda m: m * m * (3 - 2 * m)),
            "The mask was bent into another one. Whoever calls has smoothed it already.",
            also=(with_mask(torch.sigmoid),),
        ),
        Misconception(
            "one_mask_for_all",
            mask_of_the_first,
            "The first image's mask was taken for all images. Each has its own.",
        ),
        Misconception(
            "mask_averaged",
            with_mask(lambda m: m.mean(dim=(2, 3), keepdim=True)),
            "One share was taken for the whole image. The mask has one for each pixel.",
            also=(lambda f, b, m: f * m.mean() + b * (1 - m.mean()),),
        ),
        Misconception(
            "axis_dropped",
            axis_dropped,
            "The mask lost its axis of channels, so its images meet the pictures' channels. "
            "(B, 1, H, W) broadcasts as it is.",
            error="must match the size of tensor b",
        ),
        Misconception(
            "detached",
            lambda f, b, m: by_lerp(f.detach(), b.detach(), m.detach()),
            "No gradient reaches the images and the mask. A mask can be learned.",
        ),
        Misconception(
            "mask_detached",
            lambda f, b, m: by_lerp(f, b, m.detach()),
            "No gradient reaches the mask, and a mask can be learned: no rounding, no bool, no "
            "detach.",
        ),
    ),
    hints=(
        "At a pixel where the mask is 0.3: how much of each picture is there, and what do both "
        "shares add up to?",
        "A mask of one channel broadcasts over all channels by itself.",
    ),
)
