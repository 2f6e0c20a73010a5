"""Check of `gram_matrix`. Oracle: one pair of channels at a time, in float64."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal


def feature_cases(generator: torch.Generator) -> list[Case]:
    def inputs(*shape: int, dtype: torch.dtype = torch.float32) -> dict:
        return {"features": 0.8 + normal(generator, *shape, dtype=dtype)}

    return [
        Case(inputs(3, 4, 5, 2), gradients=("features",)),
        Case(inputs(2, 6, 2, 3, dtype=torch.float64), "more channels than rows, in float64"),
        Case(inputs(1, 3, 4, 6), "a batch of one"),
        Case(inputs(3, 3, 3, 3), "all axes of one length"),
        Case(inputs(2, 1, 3, 4), "one channel"),
    ]


def pair_by_pair(features: Tensor) -> Tensor:
    batch, channels, height, width = features.shape
    result = features.new_zeros(batch, channels, channels, dtype=torch.float64)
    rows = []
    for maps in features.double():
        pairs = [(maps[i] * maps[j]).sum() for i in range(channels) for j in range(channels)]
        rows.append(torch.stack(pairs).reshape(channels, channels))
    result = torch.stack(rows) / (channels * height * width)
    return result.to(features.dtype)


def products(features: Tensor) -> Tensor:
    flat = features.flatten(2)
    return flat @ flat.mT


def divided(by: Callable[[int, int, int, int], float]) -> Callable:
    return lambda features: products(features) / by(*features.shape)


def changed(change: Callable[[Tensor], Tensor]) -> Callable:
    """The right matrix of features that were changed first."""
    return lambda features: divided(lambda b, c, h, w: c * h * w)(change(features))


def over_places(features: Tensor) -> Tensor:
    flat = features.flatten(2)
    return flat.mT @ flat / features[0].numel()


def rows_mixed(features: Tensor) -> Tensor:
    """Read as (H W, C) by reshape, which leaves the numbers in their order."""
    batch, channels, height, width = features.shape
    flat = features.reshape(batch, height * width, channels)
    return flat.mT @ flat / (channels * height * width)


def batch_and_channels(features: Tensor) -> Tensor:
    flat = features.flatten(0, 1).flatten(1)
    return flat @ flat.T / features[0].numel()


def over_images(features: Tensor) -> Tensor:
    """Channels of all images in one matrix."""
    flat = features.transpose(0, 1).flatten(1)
    return (flat @ flat.T / features[0].numel()).expand(len(features), -1, -1)


EXERCISE = Exercise(
    name="editing.gram_matrix",
    signature="(features)",
    outputs=("gram",),
    entry="image",
    oracle=pair_by_pair,
    cases=feature_cases,
    misconceptions=(
        Misconception(
            "not_divided",
            products,
            "These are the sums of products. Divide by C·H·W, or layers of different sizes cannot "
            "be compared.",
        ),
        Misconception(
            "divided_by_places",
            divided(lambda b, c, h, w: h * w),
            "It was divided by the number of places, H·W. The text divides by the channels, too.",
        ),
        Misconception(
            "divided_by_channels",
            divided(lambda b, c, h, w: c),
            "It was divided by the number of channels alone. H and W belong there, too.",
        ),
        Misconception(
            "divided_by_the_batch",
            divided(lambda b, c, h, w: b * c * h * w),
            "The number of images stands in the denominator, so an image's matrix depends on how "
            "many others there are. Divide by C·H·W.",
        ),
        Misconception(
            "divided_twice",
            divided(lambda b, c, h, w: (c * h * w) ** 2),
            "It was divided by C·H·W twice.",
            also=(divided(lambda b, c, h, w: (2 * c * h * w) ** 2),),
        ),
        Misconception(
            "places_by_places",
            over_places,
            "This matrix compares places with places. A style forgets where: add over the places, "
            "and the channels remain, (B, C, C).",
        ),
        Misconception(
            "channels_and_places_mixed",
            rows_mixed,
            "reshape to (B, H·W, C) does not turn axes, it reads the numbers on in their order: "
            "channels and places are mixed. Flatten the places, and transpose the matrix.",
        ),
        Misconception(
            "images_mixed",
            batch_and_channels,
            "Batch and channels became one axis, and images are multiplied with each other. Each "
            "image has a matrix of its own.",
        ),
        Misconception(
            "one_matrix_for_all",
            over_images,
            "The products of all images were added into one matrix. Each image has its own.",
            also=(
                lambda f: products(f).sum(dim=0) / f[0].numel(),
                lambda f: products(f).mean(dim=0) / f[0].numel(),
            ),
        ),
        Misconception(
            "centered",
            changed(lambda f: f - f.mean(dim=(2, 3), keepdim=True)),
            "The mean of each channel was taken off: that is a covariance. A Gram matrix keeps it, "
            "since how strongly a channel answers at all is style.",
        ),
        Misconception(
            "correlations",
            lambda f: (
                torch.nn.functional.normalize(f.flatten(2), dim=2)
                @ torch.nn.functional.normalize(f.flatten(2), dim=2).mT
            ),
            "The channels were brought to length 1: these are cosines, and strength is lost.",
        ),
        Misconception(
            "means_multiplied",
            lambda f: f.mean(dim=(2, 3))[:, :, None] * f.mean(dim=(2, 3))[:, None, :] / f.shape[1],
            "The means of the channels were multiplied. Multiply at each place first, then add.",
        ),
        Misconception(
            "channels_not_paired",
            lambda f: f.square().sum(dim=(2, 3)) / f[0].numel(),
            "Each channel was multiplied with itself alone: that is the diagonal.",
        ),
        Misconception(
            "divided_by_the_root",
            lambda f: products(f) / f[0].numel() ** 0.5,
            "It was divided by the root of C·H·W.",
        ),
        Misconception(
            "divided_by_channels_once_more",
            lambda f: products(f) / (f[0].numel() * f.shape[1]),
            "It was divided by the channels once too often: C·H·W, no more.",
        ),
        Misconception(
            "rectified",
            lambda f: products(f.relu()) / f[0].numel(),
            "A ReLU was applied to the features. They are taken as they are: a layer's own ReLU is "
            "behind them already, or is not wanted.",
        ),
        Misconception(
            "absolute",
            lambda f: (products(f) / f[0].numel()).abs(),
            "An absolute value was taken. Two channels that never answer together have a negative "
            "product, and that is a part of the style.",
        ),
        Misconception(
            "softmax",
            lambda f: products(f).softmax(2),
            "A softmax was taken, as in attention. A Gram matrix holds the products themselves.",
            also=(lambda f: (products(f) / f.shape[1] ** 0.5).softmax(2),),
        ),
        Misconception(
            "upper_half",
            lambda f: (products(f) / f[0].numel()).triu(),
            "Half of the matrix is 0. It is symmetric, and whole.",
        ),
        Misconception(
            "transposed_batch",
            lambda f: f.flatten(2) @ f.flatten(2).permute(2, 1, 0),
            ".T turns all axes of a tensor round. .mT, or transpose(1, 2), turns the last two.",
            error="must match the size of tensor b",
        ),
        Misconception(
            "not_flattened",
            lambda f: f @ f.mT / f[0].numel(),
            "The maps were multiplied as matrices, row by row: the result still has four axes. "
            "Make one axis of H and W first.",
        ),
        Misconception(
            "detached",
            lambda f: pair_by_pair(f.detach()),
            "No gradient reaches the features. The picture is optimized through them.",
        ),
    ),
    hints=(
        "What remains of an image when it no longer matters where something is? Which channels "
        "are active together.",
        "Make one axis of H and W: (B, C, H·W). The matrix is that times its own transpose.",
        "@ multiplies the last two axes and leaves the batch alone; .mT transposes them.",
    ),
)
