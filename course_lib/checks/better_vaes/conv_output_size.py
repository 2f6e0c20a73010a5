"""Check of `conv_output_size`. Oracle: PyTorch's own convolution, on tensors without memory."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from ..declare import Case, Exercise, Misconception


def size_cases(generator: torch.Generator) -> list[Case]:
    def some(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    def case(size: int, kernel: int, stride: int, padding: int, dilation: int) -> Case:
        inputs = {
            "size": size,
            "kernel": kernel,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
        }
        return Case(inputs, ", ".join(f"{name} {value}" for name, value in inputs.items()))

    return [
        case(28, 4, 2, 1, 1),
        case(some(20, 40), 5, 1, 0, 1),
        case(2 * some(10, 20) + 1, 4, 2, 1, 1),  # one pixel is left over
        case(3 * some(10, 20) + 1, 5, 3, 2, 2),
        case(some(30, 60), 3, 1, 0, some(2, 4)),
        case(30, 3, 3, 0, 1),
        case(some(30, 60), some(3, 7), some(2, 5), some(0, 4), some(1, 3)),
    ]


def size_by_convolving(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    image = torch.empty(1, 1, size, size, device="meta")
    weight = torch.empty(1, 1, kernel, kernel, device="meta")
    return F.conv2d(image, weight, None, stride, padding, dilation).shape[-1]


def positions(size: int, span: int, stride: int, padding: int, sides: int = 2) -> int:
    """Of a window that covers `span` pixels."""
    return (size + sides * padding - span) // stride + 1


EXERCISE = Exercise(
    name="better_vaes.conv_output_size",
    signature="(size, kernel, stride, padding, dilation)",
    oracle=size_by_convolving,
    coincident=True,
    cases=size_cases,
    misconceptions=(
        Misconception(
            "one_forgotten",
            lambda size, kernel, stride, padding, dilation: (
                size_by_convolving(size, kernel, stride, padding, dilation) - 1
            ),
            "One position is missing. A window that can be moved by 0 steps still has one place.",
        ),
        Misconception(
            "padding_on_one_side",
            lambda size, kernel, stride, padding, dilation: positions(
                size, dilation * (kernel - 1) + 1, stride, padding, sides=1
            ),
            "The padding was counted once. It is added on both sides of the image.",
        ),
        Misconception(
            "padding_ignored",
            lambda size, kernel, stride, padding, dilation: positions(
                size, dilation * (kernel - 1) + 1, stride, 0
            ),
            "The padding has no effect. It is added on both sides of the image before the window "
            "is moved.",
        ),
        Misconception(
            "padding_subtracted",
            lambda size, kernel, stride, padding, dilation: positions(
                size, dilation * (kernel - 1) + 1, stride, -padding
            ),
            "The padding was taken away. It makes the row longer, on both sides.",
        ),
        Misconception(
            "dilation_ignored",
            lambda size, kernel, stride, padding, dilation: positions(
                size, kernel, stride, padding
            ),
            "The dilation has no effect. It spreads the kernel's taps, so that the window covers "
            "more pixels than it has taps.",
        ),
        Misconception(
            "dilation_times_kernel",
            lambda size, kernel, stride, padding, dilation: positions(
                size, dilation * kernel, stride, padding
            ),
            "The window was taken as dilation · kernel pixels wide. Between kernel taps there are "
            "kernel - 1 gaps, and the last tap has nothing behind it: count on your fingers for a "
            "kernel of 2.",
        ),
        Misconception(
            "dilation_as_gaps",
            lambda size, kernel, stride, padding, dilation: positions(
                size, kernel + (kernel - 1) * dilation, stride, padding
            ),
            "The dilation was taken as the number of pixels between two taps. It is the distance "
            "from one tap to the next: at 1, PyTorch's default, nothing lies between them.",
        ),
        Misconception(
            "dilation_added",
            lambda size, kernel, stride, padding, dilation: positions(
                size, kernel + dilation - 1, stride, padding
            ),
            "The dilation widened the window once. It spreads every gap between two taps, and "
            "there are kernel - 1 of them.",
        ),
        Misconception(
            "rounded_up",
            lambda size, kernel, stride, padding, dilation: (
                math.ceil((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1
            ),
            "The division was rounded up. Where the last step would lead over the edge, PyTorch "
            "leaves the rest of the image out.",
            also=(
                lambda size, kernel, stride, padding, dilation: round(
                    (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1 + 1e-9
                ),
            ),
        ),
        Misconception(
            "not_rounded",
            lambda size, kernel, stride, padding, dilation: (
                (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1
            ),
            "This is a float, and a size is an integer: how many whole steps fit?",
            also=(lambda *sizes: float(size_by_convolving(*sizes)),),
        ),
        Misconception(
            "one_pixel_too_many",
            lambda size, kernel, stride, padding, dilation: positions(
                size, dilation * (kernel - 1), stride, padding
            ),
            "The window is one pixel wider than its gaps: kernel taps with kernel - 1 gaps.",
        ),
        Misconception(
            "one_before_the_division",
            lambda size, kernel, stride, padding, dilation: (
                (size + 2 * padding - dilation * (kernel - 1)) // stride
            ),
            "The first position was added before the division. Steps are divided by the stride; "
            "the place where the window starts is one more, after the division.",
        ),
        Misconception(
            "stride_ignored",
            lambda size, kernel, stride, padding, dilation: positions(
                size, dilation * (kernel - 1) + 1, 1, padding
            ),
            "The stride has no effect: a window that moves by two pixels has half as many places.",
        ),
        Misconception(
            "size_over_stride",
            lambda size, kernel, stride, padding, dilation: math.ceil(size / stride),
            "This is the size over the stride, which holds where the padding is chosen for it "
            "(«same» padding). PyTorch pads by what you say.",
            also=(lambda size, kernel, stride, padding, dilation: size // stride,),
        ),
        Misconception(
            "division_binds_closer",
            lambda size, kernel, stride, padding, dilation: (
                size + 2 * padding - dilation * (kernel - 1) - 1 // stride + 1
            ),
            "Only the last number was divided by the stride: `//` binds closer than `-`. Put what "
            "is divided in brackets.",
        ),
        Misconception(
            "whole_image",
            lambda *sizes: size_by_convolving(*sizes) ** 2,
            "This is the number of places on the whole square image. One axis is asked for.",
        ),
        Misconception(
            "as_a_tensor",
            lambda *sizes: torch.tensor(size_by_convolving(*sizes)),
            "A tensor came. Layers take sizes as plain integers of Python.",
        ),
        Misconception(
            "transposed",
            lambda size, kernel, stride, padding, dilation: (
                (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1
            ),
            "This is the transposed convolution, which makes the image larger: it answers the "
            "question from which size the given one came.",
        ),
    ),
    hints=(
        "Slide a window along a row of pixels on paper. How many pixels does it cover, and how "
        "many places can its left edge take?",
        "The row has size + 2 · padding pixels. A kernel of k taps, spread by the dilation d, "
        "covers d · (k - 1) + 1 of them. With stride 1, the left edge has one place more than "
        "there are pixels left over.",
        "With a larger stride, count whole steps only: integer division, and then the first place.",
    ),
)
