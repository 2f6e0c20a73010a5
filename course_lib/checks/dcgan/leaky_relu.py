"""Check of `leaky_relu`. Oracle: PyTorch's own, gradients included."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal


def cases(generator: torch.Generator) -> list[Case]:
    def some(*shape: int) -> Tensor:
        return 2 * normal(generator, *shape, dtype=torch.float64)

    def case(x: Tensor, slope: float, about: str, **more) -> Case:
        return Case({"x": x, "negative_slope": slope}, f"{about}, slope {slope}", **more)

    return [
        case(some(6, 5), 0.2, "a batch (6, 5)", gradients=("x",)),
        case(some(3, 2, 4, 5), 0.05, "images (3, 2, 4, 5)", gradients=("x",)),
        case(some(40).float(), 0.7, "float32", gradients=("x",)),
        case(some(4, 4), 0.0, "no slope at all"),
        case(some(4, 4), 1.0, "no bend at all"),
        case(torch.tensor([0.0, -0.0]), 0.2, "zeros", extreme=True),
        case(torch.tensor([-200.0, 200.0, -1e30, 1e30]), 0.2, "large values", extreme=True),
    ]


def in_place(x: Tensor, negative_slope: float) -> Tensor:
    return x.mul_(torch.where(x > 0, 1.0, negative_slope).to(x.dtype))


EXERCISE = Exercise(
    name="dcgan.leaky_relu",
    signature="(x, negative_slope)",
    oracle=lambda x, negative_slope: F.leaky_relu(x, negative_slope),
    cases=cases,
    misconceptions=(
        Misconception(
            "relu",
            lambda x, a: x.clamp(min=0) + 0 * a,
            "This is the plain ReLU: what is negative comes out as 0, and no gradient passes. "
            "Let negative values through, times negative_slope.",
        ),
        Misconception(
            "python_max",
            lambda x, a: max(x, a * x),
            "Python's own max, like an `if`, asks a whole tensor whether it is larger, and there "
            "is no one answer. torch.maximum and torch.where decide element by element.",
            error="Boolean value of Tensor with more than one value is ambiguous",
            also=(lambda x, a: x if x > 0 else a * x,),
        ),
        Misconception(
            "maximum_with_a_number",
            lambda x, a: torch.maximum(x, 0),
            "torch.maximum compares two tensors. Where the other one is a number, clamp does it.",
            error="maximum(): argument 'other'",
            also=(lambda x, a: torch.maximum(x, a),),
        ),
        Misconception(
            "whole_tensor_maximum",
            lambda x, a: torch.max(x) + 0 * a * x.sum(),
            "One number came for the whole tensor: torch.max of a single tensor gives its largest "
            "element. Two tensors are compared element by element by torch.maximum.",
        ),
        Misconception(
            "sides_swapped",
            lambda x, a: torch.where(x > 0, a * x, x),
            "The slope was applied to the positive side. Positive values pass as they are.",
        ),
        Misconception(
            "sign_flipped",
            lambda x, a: torch.where(x > 0, x, -a * x),
            "Negative values came out positive. They keep their sign, and shrink.",
            also=(lambda x, a: x.relu() + a * (-x).relu(),),
        ),
        Misconception(
            "constant_floor",
            lambda x, a: torch.where(x > 0, x, a),
            "Negative values came out as the slope itself, or minus it. They are multiplied by it.",
            also=(lambda x, a: torch.where(x > 0, x, -a),),
        ),
        Misconception(
            "clamped_at_the_slope",
            lambda x, a: x.clamp(min=a),
            "Values were cut at the slope, as if it were a threshold. It is a factor, for what is "
            "negative.",
            also=(lambda x, a: x.clamp(min=-a),),
        ),
        Misconception(
            "bend_at_the_slope",
            lambda x, a: torch.where(x > a, x, a * x),
            "The two lines were parted at the slope: values between 0 and negative_slope were "
            "multiplied, too. They part at 0.",
        ),
        Misconception(
            "slope_on_both_sides",
            lambda x, a: x.relu() + a * x,
            "The slope was added on the positive side, too: there the sum of x and slope · x comes "
            "out. Positive values pass as they are.",
        ),
        Misconception(
            "slope_everywhere",
            lambda x, a: a * x,
            "Everything was multiplied by the slope, so nothing bends.",
        ),
        Misconception(
            "slope_divided",
            lambda x, a: torch.where(x > 0, x, x / a),
            "Negative values were divided by the slope. They are multiplied by it.",
        ),
        Misconception(
            "slope_times_relu",
            lambda x, a: a * x.clamp(min=0),
            "The slope multiplies what is positive, and what is negative comes out as 0. Positive "
            "values pass as they are, negative ones times the slope.",
        ),
        Misconception(
            "rest_of_the_slope",
            lambda x, a: torch.where(x > 0, x, (1 - a) * x),
            "Negative values were multiplied by 1 minus the slope. They are multiplied by the "
            "slope.",
        ),
        Misconception(
            "slope_ignored",
            lambda x, a: F.leaky_relu(x),
            "The slope is 0.01 whatever negative_slope says: that is PyTorch's default.",
        ),
        Misconception(
            "slope_written_down",
            lambda x, a: F.leaky_relu(x, 0.2),
            "The slope is 0.2 whatever negative_slope says.",
        ),
        Misconception(
            "softened",
            lambda x, a: F.elu(x, a),
            "Negative values come near to a floor, as in an ELU. Here they stay on a straight "
            "line.",
        ),
        Misconception(
            "detached",
            lambda x, a: F.leaky_relu(x.detach(), a),
            "No gradient comes back to x: it was detached, or went through numbers outside of "
            "PyTorch.",
        ),
        Misconception(
            "left_side_detached",
            lambda x, a: torch.where(x > 0, x, a * x.detach()),
            "The values are right, but where x is negative no gradient comes back: that side was "
            "detached. Its gradient is the slope, which is what a leaky ReLU is for.",
        ),
        Misconception(
            "mask_alone",
            lambda x, a: torch.where(x > 0, torch.ones_like(x), torch.full_like(x, a)),
            "This is the slope at each x, the derivative. Multiply it by x.",
        ),
        Misconception(
            "in_place",
            in_place,
            "x itself was changed. Make a new tensor: somebody else may still need the old one, "
            "the backward pass for example.",
        ),
    ),
    hints=(
        "Two straight lines that meet at 0: with slope 1 on the right, and with negative_slope on "
        "the left.",
        "torch.where(condition, a, b) chooses element by element. For slopes from 0 to 1 the "
        "larger of x and its multiple would do as well.",
    ),
)
