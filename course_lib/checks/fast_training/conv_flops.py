"""Check of `conv_flops`. Oracle: torch.utils.flop_counter.FlopCounterMode."""

from __future__ import annotations

import torch
from torch import nn

from ..declare import Case, Exercise, Misconception
from .counted import (
    BACKWARD_COUNTED,
    BIAS_AS_MULTIPLY_ADD,
    BIAS_COUNTED,
    COUNTED_TWICE,
    IN_MILLIONS,
    MULTIPLY_ADD_AS_ONE,
    MULTIPLY_ADDS_AND_BIAS,
    ONE_ADDITION_LESS,
    ONE_EXAMPLE,
    count_facts,
    distinct_sizes,
    forward_flops,
    half,
    three_times,
)

XOR = "In Python ^ is no power but an exclusive or of bits."
NAMES = ("batch", "in_channels", "out_channels", "kernel_size", "out_height", "out_width")


def conv_cases(generator: torch.Generator) -> list[Case]:
    def case(*sizes: int) -> Case:
        batch, inputs, outputs, kernel, height, width = sizes
        about = f"batch {batch}, {inputs} to {outputs} channels, {kernel}×{kernel} kernel, "
        return Case(dict(zip(NAMES, sizes, strict=True)), f"{about}{height}×{width} out")

    return [
        case(*distinct_sizes(generator, 6)),
        case(128, 64, 32, 4, 8, 16),
        case(1, 3, 8, 1, 5, 7),
    ]


def counted_by_pytorch(batch, in_channels, out_channels, kernel_size, out_height, out_width):
    """A layer of stride 2 without padding, whose input just gives that output."""
    layer = nn.Conv2d(in_channels, out_channels, kernel_size, stride=2, device="meta")
    height, width = (2 * (side - 1) + kernel_size for side in (out_height, out_width))
    return forward_flops(layer, batch, in_channels, height, width)


EXERCISE = Exercise(
    name="fast_training.conv_flops",
    signature="(batch, in_channels, out_channels, kernel_size, out_height, out_width)",
    unit="operations",
    oracle=counted_by_pytorch,
    cases=conv_cases,
    facts=count_facts,
    random=True,  # who builds the layer and lets PyTorch count draws its weights
    slow=True,
    misconceptions=(
        Misconception("multiply_add_as_one", half(counted_by_pytorch), MULTIPLY_ADD_AS_ONE),
        Misconception(
            "counted_twice", lambda *sizes: 2 * counted_by_pytorch(*sizes), COUNTED_TWICE
        ),
        Misconception("in_millions", lambda *sizes: counted_by_pytorch(*sizes) / 1e6, IN_MILLIONS),
        Misconception(
            "kernel_not_squared",
            lambda b, i, o, k, h, w: 2 * b * i * o * k * h * w,
            "The kernel was counted along one side. It is a square of weights.",
        ),
        Misconception(
            "kernel_doubled",
            lambda b, i, o, k, h, w: 2 * b * i * o * 2 * k * h * w,
            "The kernel was counted as twice its side. It is a square: side times side weights.",
        ),
        Misconception(
            "sides_added",
            lambda b, i, o, k, h, w: 2 * b * i * o * k * k * (h + w),
            "Height and width of the output were added. Their product is the number of pixels.",
        ),
        Misconception(
            "output_made_smaller",
            lambda b, i, o, k, h, w: 2 * b * i * o * k * k * (h - k + 1) * (w - k + 1),
            "The output was made smaller by the kernel once more. The height and width that are "
            "given are those of the output.",
        ),
        Misconception(
            "kernel_xor",
            lambda b, i, o, k, h, w: 2 * b * i * o * (k ^ 2) * h * w,
            f"{XOR} A square is written with **.",
        ),
        Misconception(
            "xor_at_the_end",
            lambda b, i, o, k, h, w: 2 * b * i * o * h * w * k ^ 2,
            f"{XOR} It comes last, so the whole product was one of its sides. Use ** for a power.",
        ),
        Misconception(
            "xor_in_the_middle",
            lambda b, i, o, k, h, w: 2 * b * i * o * k ^ 2 * h * w,
            f"{XOR} It comes after all multiplications, so it split the product in two. Use ** for "
            "a power.",
        ),
        Misconception(
            "in_channels_forgotten",
            lambda b, i, o, k, h, w: 2 * b * o * k * k * h * w,
            "Every output channel reads all input channels, not one: their number is missing as a "
            "factor. (One channel each would be a depthwise convolution.)",
        ),
        Misconception(
            "out_channels_forgotten",
            lambda b, i, o, k, h, w: 2 * b * i * k * k * h * w,
            "This is the cost of one output channel. Each has weights of its own and does the same "
            "work.",
        ),
        Misconception(
            "channels_added",
            lambda b, i, o, k, h, w: 2 * b * (i + o) * k * k * h * w,
            "The channels were added. Every output channel reads every input channel, so their "
            "numbers multiply.",
        ),
        Misconception(
            "one_position",
            lambda b, i, o, k, h, w: 2 * b * i * o * k * k,
            "This is the cost of one output pixel. The kernel slides: it does the same at every "
            "pixel of the output.",
        ),
        Misconception(
            "height_squared",
            lambda b, i, o, k, h, w: 2 * b * i * o * k * k * h * h,
            "The width has no influence. The output need not be square: height times width pixels.",
        ),
        Misconception(
            "kernel_forgotten",
            lambda b, i, o, k, h, w: 2 * b * i * o * h * w,
            "The size of the kernel has no influence. Each output pixel reads a whole window of "
            "the input.",
        ),
        Misconception(
            "pixels_of_the_input",
            lambda b, i, o, k, h, w: 2 * b * i * o * k * k * (2 * (h - 1) + k) * (2 * (w - 1) + k),
            "This counts the pixels of an input of stride 2. The kernel is applied once for each "
            "pixel of the output.",
        ),
        Misconception(
            "bias_counted",
            lambda b, i, o, k, h, w: counted_by_pytorch(b, i, o, k, h, w) + b * o * h * w,
            BIAS_COUNTED,
        ),
        Misconception(
            "bias_as_multiply_add",
            lambda b, i, o, k, h, w: 2 * b * (i * k * k + 1) * o * h * w,
            BIAS_AS_MULTIPLY_ADD,
        ),
        Misconception(
            "multiply_adds_and_bias",
            lambda b, i, o, k, h, w: b * o * h * w * (i * k * k + 1),
            MULTIPLY_ADDS_AND_BIAS,
        ),
        Misconception(
            "one_addition_less",
            lambda b, i, o, k, h, w: counted_by_pytorch(b, i, o, k, h, w) - b * o * h * w,
            ONE_ADDITION_LESS,
        ),
        Misconception(
            "weights",
            lambda b, i, o, k, h, w: i * o * k * k,
            "This is the number of weights. Count how often each is used: at every output pixel of "
            "every example, for a multiplication and an addition.",
        ),
        Misconception("backward_counted", three_times(counted_by_pytorch), BACKWARD_COUNTED),
        Misconception(
            "one_example",
            lambda b, i, o, k, h, w: counted_by_pytorch(b, i, o, k, h, w) // b,
            ONE_EXAMPLE,
        ),
    ),
    hints=(
        "One number of the output is a sum over a window of the input. How many numbers lie in the "
        "window, over all channels?",
        "A multiply-add counts as two. How many numbers does the output hold: channels, pixels, "
        "examples?",
        "A convolution is a linear layer that is applied at every output pixel: its inputs are the "
        "window's numbers, its outputs the output channels.",
    ),
)
