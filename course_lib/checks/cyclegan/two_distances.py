"""What the cycle's and the identity's loss share: two mean absolute differences, and mistakes."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Misconception
from ..random_inputs import normal
from ..ready import Mistakes


def cases(g: torch.Generator, names: tuple[str, str, str, str]) -> list[Case]:
    """A and B of one shape, of two numbers of images, of two sizes; then in single precision."""

    def case(a: tuple, b: tuple, about: str, dtype: torch.dtype = torch.float64) -> Case:
        made = [normal(g, *shape, dtype=dtype) for shape in (a, a, b, b)]
        inputs = dict(zip(names, made, strict=True))
        inputs[names[1]] = 0.5 * inputs[names[1]] + 0.3
        return Case(inputs, about, gradients=tuple(names) if dtype is torch.float64 else ())

    return [
        case((4, 3, 2, 5), (4, 3, 2, 5), "A and B of one shape"),
        case((3, 3, 4, 2), (5, 3, 4, 2), "3 images of A, 5 of B"),
        case((2, 1, 4, 3), (4, 3, 3, 2), "A and B of two sizes"),
        case((3, 3, 4, 5), (2, 3, 4, 5), "float32", torch.float32),
    ]


def by_loops(a: Tensor, made_a: Tensor, b: Tensor, made_b: Tensor) -> Tensor:
    """torch.maximum of the difference and its negative, image by image."""

    def distance(images: Tensor, others: Tensor) -> Tensor:
        total = 0.0
        for image, other in zip(images, others, strict=True):
            total = total + torch.maximum(image - other, other - image).sum()
        return total / images.numel()

    return distance(a, made_a) + distance(b, made_b)


def l1(images: Tensor, others: Tensor) -> Tensor:
    """Without the warning of F.l1_loss where the shapes differ."""
    return (images - others).abs().mean()


def two(distance: Callable = l1, weight: float = 1.0) -> Callable:
    return lambda a, made_a, b, made_b: weight * (distance(a, made_a) + distance(b, made_b))


def crossed(a: Tensor, made_a: Tensor, b: Tensor, made_b: Tensor) -> Tensor:
    return l1(a, made_b) + l1(b, made_a)


def each_image(images: Tensor, others: Tensor) -> Tensor:
    return (images - others).abs().flatten(1).sum(1).mean()


def distance_mistakes(crossed_sentence: str, one_sentence: str) -> Mistakes:
    """crossed: a is compared with what belongs to b; one: only one of the two directions."""
    return (
        Misconception(
            "crossed",
            crossed,
            crossed_sentence,
            error="must match the size of tensor",
            also=(lambda a, x, b, y: l1(a, b) + l1(x, y),),
        ),
        Misconception(
            "one_direction",
            lambda a, x, b, y: l1(a, x),
            one_sentence,
            also=(lambda a, x, b, y: l1(b, y),),
        ),
        Misconception(
            "halved",
            two(weight=0.5),
            "The two means were averaged. They are added.",
        ),
        Misconception(
            "doubled",
            two(weight=2.0),
            "The result is twice what it should be: each mean enters once.",
        ),
        Misconception(
            "weighted_inside",
            two(weight=10.0),
            "A weight of 10 stands in it already. The weight belongs into the step, which gets it "
            "as an argument: multiplied twice it would be 100.",
            also=(two(weight=5.0),),
        ),
        Misconception(
            "squared",
            two(F.mse_loss),
            "The differences were squared. Here they are absolute: a square forgives many small "
            "errors and blurs.",
            also=(two(F.mse_loss, 0.5),),
        ),
        Misconception(
            "root_of_squares",
            two(lambda x, y: (x - y).square().mean().sqrt()),
            "This is a root mean square. The mean of absolute differences is wanted.",
        ),
        Misconception(
            "signs_kept",
            two(lambda x, y: (x - y).mean()),
            "The differences keep their sign, so that errors cancel: too bright here makes up for "
            "too dark there. Take absolute values first.",
            also=(two(lambda x, y: (y - x).mean()),),
        ),
        Misconception(
            "absolute_of_the_mean",
            two(lambda x, y: (x - y).mean().abs()),
            "The absolute value was taken of the mean, where errors have canceled already. Take it "
            "of each difference.",
        ),
        Misconception(
            "summed",
            two(lambda x, y: (x - y).abs().sum()),
            "The differences were added up, so the loss grows with the images and the batch. Take "
            "a mean.",
        ),
        Misconception(
            "summed_over_pixels",
            two(each_image),
            "The pixels were added up and the batch averaged. The mean goes over all axes, or a "
            "weight of 10 would mean something else at every image size.",
        ),
        Misconception(
            "one_for_each_image",
            two(lambda x, y: (x - y).abs().flatten(1).mean(1)),
            "There is still one value for each image, and A and B need not have equally many. Take "
            "each mean over everything.",
            error="must match the size of tensor",
        ),
        Misconception(
            "not_reduced",
            two(lambda x, y: (x - y).abs()),
            "The differences are not averaged: one number is wanted, and A and B need not be of "
            "one size.",
            error="must match the size of tensor",
        ),
        Misconception(
            "one_mean",
            lambda a, x, b, y: torch.cat([(a - x).abs().flatten(), (b - y).abs().flatten()]).mean(),
            "A and B were put into one mean. Each has its own, and the two are added.",
            also=(
                lambda a, x, b, y: (
                    2 * torch.cat([(a - x).abs().flatten(), (b - y).abs().flatten()]).mean()
                ),
            ),
        ),
        Misconception(
            "smoothed",
            two(F.smooth_l1_loss),
            "The absolute value is rounded off at 0 (smooth L1, Huber), where a small error costs "
            "almost nothing. The plain one is wanted.",
        ),
        Misconception(
            "larger_alone",
            lambda a, x, b, y: torch.maximum(l1(a, x), l1(b, y)),
            "Only the larger of the two enters. Both are added.",
        ),
        Misconception(
            "norm",
            two(lambda x, y: (x - y).norm()),
            "A norm was taken: the root of the squares, added up over everything. The mean of "
            "absolute differences is wanted.",
        ),
        Misconception(
            "absolute_values_compared",
            two(lambda x, y: (x.abs() - y.abs()).abs().mean()),
            "The absolute value was taken of the images before they were compared, so that black "
            "and white are the same. Take it of their difference.",
        ),
        Misconception(
            "relative",
            two(lambda x, y: (x - y).abs().mean() / x.abs().mean()),
            "The mean was divided by the images' own size. No share is wanted, the plain mean.",
        ),
        Misconception(
            "multiplied",
            lambda a, x, b, y: l1(a, x) * l1(b, y),
            "The two means were multiplied: a product is 0 as soon as one direction is right. Add "
            "them.",
        ),
        Misconception(
            "subtracted",
            lambda a, x, b, y: l1(a, x) - l1(b, y),
            "One mean was subtracted from the other, so one of the two errors would be made large. "
            "Both are to become small: add them.",
            also=(lambda a, x, b, y: l1(b, y) - l1(a, x),),
        ),
        Misconception(
            "negated",
            two(weight=-1.0),
            "The sign is turned. This is a loss, which is made small: the larger the error, the "
            "larger it is.",
        ),
        Misconception(
            "one_twice",
            lambda a, x, b, y: 2 * l1(a, x),
            "One of the two directions enters twice, the other not at all.",
            also=(lambda a, x, b, y: 2 * l1(b, y),),
        ),
        Misconception(
            "two_numbers",
            lambda a, x, b, y: (l1(a, x), l1(b, y)),
            "Two numbers came. Return their sum.",
        ),
        Misconception(
            "detached",
            lambda a, x, b, y: l1(a, x.detach()) + l1(b, y.detach()),
            "The value is right, but what the generators made was detached: nothing could be "
            "learned from this loss.",
        ),
    )
