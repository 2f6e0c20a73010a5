"""Check of `instance_norm`. Oracle: torch.nn.functional.instance_norm."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal, uniform


def case(
    generator: torch.Generator,
    shape: tuple[int, int, int, int],
    eps: float = 1e-5,
    dtype: torch.dtype = torch.float64,
    about: str = "",
    extreme: bool = False,
) -> Case:
    """Each image and channel has a middle and a spread of its own."""
    images, channels = shape[:2]
    middle = 3 * normal(generator, images, channels, 1, 1, dtype=dtype)
    spread = 0.5 + 2 * uniform(generator, images, channels, 1, 1, dtype=dtype)
    x = middle + spread * normal(generator, *shape, dtype=dtype)
    exact = dtype is torch.float64 and not extreme
    told = f"x {shape}, eps {eps:g}{about}"
    return Case({"x": x, "eps": eps}, told, extreme=extreme, gradients=("x",) if exact else ())


def cases(generator: torch.Generator) -> list[Case]:
    flat = case(generator, (3, 2, 4, 5), about=", one channel constant", extreme=True)
    flat.inputs["x"][1, 0] = 2.5
    return [
        case(generator, (3, 2, 4, 5)),
        case(generator, (2, 4, 3, 5), eps=0.5),
        case(generator, (1, 3, 2, 4), eps=0.01, about=", one image"),
        case(generator, (4, 2, 3, 5), dtype=torch.float32, about=", float32"),
        flat,
    ]


def by_library(x: Tensor, eps: float) -> Tensor:
    return F.instance_norm(x, eps=eps)


def built(
    axes: tuple[int, ...] = (2, 3),
    correction: int = 0,
    scale: Callable = lambda var, eps: (var + eps).sqrt(),
    middle: Callable = lambda mean: mean,
    spread: Callable = lambda var: var,
    keep: bool = True,
) -> Callable:
    """An instance norm written out, in which any part can be wrong."""

    def answer(x, eps):
        mean = x.mean(axes, keepdim=keep)
        var = x.var(axes, correction=correction, keepdim=keep)
        return (x - middle(mean)) / scale(spread(var), eps)

    return answer


EXERCISE = Exercise(
    name="cyclegan.instance_norm",
    signature="(x, eps)",
    oracle=by_library,
    cases=cases,
    misconceptions=(
        Misconception(
            "axes_lost",
            built(keep=False),
            "mean and var without keepdim=True give `(B, C)`, and PyTorch lines it up with the "
            "last two axes of x, height and width. Keep the reduced axes with length 1.",
            error="must match the size of tensor",
        ),
        Misconception(
            "batch_norm",
            built(axes=(0, 2, 3)),
            "The mean was taken over the batch as well: that is batch normalization. Here each "
            "image is normalized by itself, over its height and width alone.",
            also=(built(axes=(0, 2, 3), correction=1),),
        ),
        Misconception(
            "layer_norm",
            built(axes=(1, 2, 3)),
            "One mean was taken over all channels of an image: that is layer normalization. Each "
            "channel of each image has its own.",
            also=(built(axes=(1, 2, 3), correction=1),),
        ),
        Misconception(
            "channels_of_a_pixel",
            built(axes=(1,)),
            "Each pixel was normalized over its channels. The mean is taken over the pixels of one "
            "channel, axes 2 and 3.",
        ),
        Misconception(
            "rows_alone",
            built(axes=(3,)),
            "Each row, or column, of pixels was normalized by itself. Height and width go "
            "together: axes 2 and 3.",
            also=(built(axes=(2,)),),
        ),
        Misconception(
            "everything_together",
            built(axes=(0, 1, 2, 3)),
            "One mean and one variance were taken for the whole batch. Each channel of each image "
            "has its own.",
        ),
        Misconception(
            "unbiased",
            built(correction=1),
            "The variance was divided by N - 1, which is what x.var and x.std do unless told "
            "otherwise. Divide by N, the number of pixels.",
        ),
        Misconception(
            "unbiased_and_eps_outside",
            built(correction=1, scale=lambda var, eps: var.sqrt() + eps),
            "Two things: x.std divides by N - 1 unless told otherwise (divide by N), and eps "
            "belongs to the variance, inside the root.",
        ),
        Misconception(
            "eps_outside_the_root",
            built(scale=lambda var, eps: var.sqrt() + eps),
            "eps was added behind the root. It is added to the variance, inside: at a variance of "
            "0 the root's derivative would be infinite.",
        ),
        Misconception(
            "eps_forgotten",
            built(scale=lambda var, eps: var.sqrt()),
            "eps has no effect. It is added to the variance before the root, so that a constant "
            "channel does not divide by 0.",
        ),
        Misconception(
            "eps_written_as_a_number",
            built(scale=lambda var, eps: (var + 1e-5).sqrt()),
            "eps is 1e-5 here whatever was passed in. Use the argument.",
        ),
        Misconception(
            "divided_by_the_variance",
            built(scale=lambda var, eps: var + eps),
            "x was divided by the variance. Divide by its root, the standard deviation.",
        ),
        Misconception(
            "multiplied",
            built(scale=lambda var, eps: (var + eps).rsqrt()),
            "x was multiplied by the standard deviation. Divide: rsqrt is already one over the "
            "root.",
        ),
        Misconception(
            "mean_left_in",
            built(middle=torch.zeros_like),
            "The mean was not subtracted. Each channel of each image ends around 0.",
        ),
        Misconception(
            "spread_left_in",
            built(scale=lambda var, eps: torch.ones_like(var)),
            "The mean is gone, the spread is not: divide by the standard deviation.",
        ),
        Misconception(
            "mean_square_as_variance",
            lambda x, eps: (
                (x - x.mean((2, 3), keepdim=True))
                / (x.square().mean((2, 3), keepdim=True) + eps).sqrt()
            ),
            "x was divided by its root mean square. The variance is the mean square of what is "
            "left once the mean is subtracted.",
        ),
        Misconception(
            "stretched_to_an_interval",
            lambda x, eps: (
                (x - x.amin((2, 3), keepdim=True))
                / (x.amax((2, 3), keepdim=True) - x.amin((2, 3), keepdim=True) + eps)
            ),
            "Each channel was stretched from its least to its largest value. Subtract the mean and "
            "divide by the standard deviation.",
        ),
        Misconception(
            "statistics_detached",
            built(middle=Tensor.detach, spread=Tensor.detach),
            "The values are right, the gradient is not: mean or variance was cut from the graph. "
            "They depend on x, and the gradient runs through them.",
            also=(built(middle=Tensor.detach), built(spread=Tensor.detach)),
        ),
    ),
    hints=(
        "How many means are there for a batch `(B, C, H, W)`? One for each image and channel.",
        "Reduce over axes 2 and 3 with keepdim=True: then (B, C, 1, 1) lines up with x.",
        "x.var(dim, correction=0, keepdim=True) divides by N. eps is added to it, before the root.",
    ),
)
