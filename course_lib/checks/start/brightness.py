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


def luma(images: torch.Tensor) -> torch.Tensor:
    if images.shape[1] == 1:
        return images.mean((1, 2, 3))
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=images.dtype)
    return images.mean((2, 3)) @ weights


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
        Misconception(
            "median",
            lambda images: images.flatten(1).median(1).values,
            "This is the median of each image: one value in the middle. The mean is wanted.",
        ),
        Misconception(
            "minimum",
            lambda images: images.amin((1, 2, 3)),
            "This is the darkest value of each image. Its brightness is the mean of all values.",
        ),
        Misconception(
            "spread",
            lambda images: images.flatten(1).std(1),
            "This is the standard deviation of each image, its contrast. Its brightness is the "
            "mean.",
            also=(lambda images: images.flatten(1).var(1),),
        ),
        Misconception(
            "one_channel_alone",
            lambda images: images[:, 0].mean((1, 2)),
            "One channel was averaged alone. All channels count.",
            also=(lambda images: images[:, -1].mean((1, 2)),),
        ),
        Misconception(
            "weighed_as_the_eye_does",
            luma,
            "The channels were weighed as the eye sees them, green the most. Here all values "
            "count alike.",
        ),
        Misconception(
            "in_levels",
            lambda images: images.mean((1, 2, 3)) * 255,
            "The mean was counted in levels of 255. It keeps the range of the images.",
            also=(lambda images: images.mean((1, 2, 3)) / 255,),
        ),
        Misconception(
            "length_of_the_image",
            lambda images: images.flatten(1).norm(dim=1),
            "The values were squared before they were added. A mean adds them as they are.",
            also=(lambda images: images.square().mean((1, 2, 3)).sqrt(),),
        ),
        Misconception(
            "sorted",
            lambda images: images.mean((1, 2, 3)).sort().values,
            "The means were sorted. Keep the order of the images.",
        ),
        Misconception(
            "cut_anew",
            lambda images: images.reshape(-1, len(images)).mean(0),
            "reshape put the values of all images into each column. It cuts the row of numbers "
            "anew: the batch must stay in front.",
        ),
        Misconception(
            "divided_by_the_whole_batch",
            lambda images: images.sum((1, 2, 3)) / images.numel(),
            "The sum of one image was divided by the number of values in the whole batch.",
        ),
        Misconception(
            "other_axes",
            lambda images: images.mean((0, 1)),
            "The axes are off by one: the batch is axis 0 and stays; 1, 2 and 3 are averaged away.",
            also=(lambda images: images.mean((1, 2)), lambda images: images.mean((0, 1, 2))),
        ),
        Misconception(
            "another_dtype",
            lambda images: images.mean((1, 2, 3)).float(),
            "The result has another dtype than the images. Numbers of one tensor are averaged in "
            "its own: some of these images are float64.",
            also=(lambda images: images.mean((1, 2, 3)).double(),),
        ),
        Misconception(
            "one_mean_for_all",
            lambda images: images.mean().expand(len(images)),
            "Every image got the mean of the whole batch. Each has its own.",
        ),
        Misconception(
            "size_written_in",
            lambda images: images.sum((1, 2, 3)) / 784,
            "The sum was divided by 784, the numbers of an MNIST image. These images have other "
            "sizes: take it from the shape.",
        ),
    ),
    hints=(
        "Which of the four dimensions must survive, and which are averaged away?",
        "`.mean(dim=...)` takes a tuple of dimensions, and einops' `reduce` takes a pattern that "
        "names what goes in and what comes out.",
    ),
)
