"""Check of `brightness`. Oracle: NumPy, image by image."""

from __future__ import annotations

import numpy as np
import torch

from ..declare import Case, Exercise, Misconception
from ..random_inputs import uniform


def brightness_cases(generator: torch.Generator) -> list[Case]:
    return [
        Case({"images": uniform(generator, 4, 3, 5, 6, dtype=torch.float64)}),
        Case({"images": uniform(generator, 2, 1, 7, 3)}, "gray images, float32"),
        Case({"images": uniform(generator, 1, 3, 4, 5)}, "a batch of one image"),
    ]


EXERCISE = Exercise(
    name="start.brightness",
    signature="(images)",
    oracle=lambda images: torch.from_numpy(np.stack([image.mean() for image in images.numpy()])),
    cases=brightness_cases,
    misconceptions=(
        Misconception(
            "everything_averaged",
            lambda images: images.mean(),
            "You averaged over the batch as well. Each image has its own brightness: keep the "
            "first dimension and average over the other three.",
        ),
        Misconception(
            "only_height_and_width",
            lambda images: images.mean((2, 3)),
            "The channels are still apart. An image's brightness is the mean over its channels, "
            "too.",
        ),
        Misconception(
            "channels_added",
            lambda images: images.mean((2, 3)).sum(1),
            "The channels were added: a white color image comes out three times as bright as a "
            "white gray one. Average over them as well.",
        ),
        Misconception(
            "mean_image",
            lambda images: images.mean(0),
            "This is the mean image: the average over the batch, pixel by pixel. Average over the "
            "other three dimensions instead.",
        ),
        Misconception(
            "one_value_per_channel",
            lambda images: images.mean((0, 2, 3)),
            "This has one value a channel, averaged over the batch. One value an image is wanted.",
        ),
        Misconception(
            "summed",
            lambda images: images.sum((1, 2, 3)),
            "The pixels were added. Their mean stays in [0, 1], whatever the size of the image.",
        ),
        Misconception(
            "dimensions_kept",
            lambda images: images.mean((1, 2, 3), keepdim=True),
            "The three averaged dimensions are still there with length 1. Shape (B,) is wanted; "
            "(B, 1, 1, 1) would broadcast where you do not expect it.",
        ),
        Misconception(
            "maximum",
            lambda images: images.amax((1, 2, 3)),
            "This is the brightest value of each image. Its brightness is the mean of all values.",
        ),
        Misconception(
            "batch_of_one_squeezed",
            lambda images: images.mean((1, 2, 3)).squeeze(),
            "A batch of one image is still a batch: .squeeze() also drops the first dimension "
            "when its length is 1. Shape (1,) is wanted there.",
        ),
    ),
    hints=(
        "Which of the four dimensions must survive, and which are averaged away?",
        "`.mean(dim=...)` takes a tuple of dimensions, and einops' `reduce` takes a pattern that "
        "names what goes in and what comes out.",
    ),
)
