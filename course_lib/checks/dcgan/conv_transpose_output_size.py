"""Check of `conv_transpose_output_size`. Oracle: PyTorch's own layer, on tensors without memory."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..declare import Case, Exercise, Misconception


def size_cases(generator: torch.Generator) -> list[Case]:
    def some(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    def case(size: int, kernel: int, stride: int, padding: int, output_padding: int) -> Case:
        inputs = {
            "size": size,
            "kernel": kernel,
            "stride": stride,
            "padding": padding,
            "output_padding": output_padding,
        }
        return Case(inputs, ", ".join(f"{name} {value}" for name, value in inputs.items()))

    return [
        case(7, 4, 2, 1, 0),
        case(1, 4, 1, 0, 0),
        case(some(8, 20), 3, 2, 1, 1),
        case(some(8, 20), 5, 3, 2, 2),
        case(some(8, 20), 2, 4, 0, some(0, 3)),  # a stride beyond the kernel leaves gaps
        case(some(8, 20), some(5, 7), some(3, 5), some(1, 2), some(1, 2)),
    ]


def size_by_layer(size: int, kernel: int, stride: int, padding: int, output_padding: int) -> int:
    image = torch.empty(1, 1, size, size, device="meta")
    weight = torch.empty(1, 1, kernel, kernel, device="meta")
    return F.conv_transpose2d(image, weight, None, stride, padding, output_padding).shape[-1]


def length(size, kernel, stride, sides, more=0):
    """`sides` pixels are cut off, `more` are added."""
    return (size - 1) * stride + kernel - sides + more


EXERCISE = Exercise(
    name="dcgan.conv_transpose_output_size",
    signature="(size, kernel, stride, padding, output_padding)",
    oracle=size_by_layer,
    coincident=True,
    random=True,  # who builds the layer and measures draws its weights
    cases=size_cases,
    misconceptions=(
        Misconception(
            "ordinary_convolution",
            lambda n, k, s, p, o: (n + 2 * p - k) // s + 1,
            "This is the ordinary convolution's size, which gets smaller. The transposed one goes "
            "the other way: each pixel that comes in stamps a whole kernel onto what comes out.",
            also=(lambda n, k, s, p, o: (n + 2 * p - k) // s + 1 + o,),
        ),
        Misconception(
            "kernel_of_every_pixel",
            lambda n, k, s, p, o: n * s + k - 2 * p + o,
            "The first stamp was counted as a step. n stamps have n - 1 steps between them; the "
            "first one starts at 0.",
        ),
        Misconception(
            "padding_added",
            lambda n, k, s, p, o: length(n, k, s, -2 * p, o),
            "The padding was added. Here it cuts: it is the padding of the convolution that this "
            "layer is the transpose of, and what lies on that padding is thrown away.",
        ),
        Misconception(
            "padding_on_one_side",
            lambda n, k, s, p, o: length(n, k, s, p, o),
            "The padding was taken off once. It is cut off on both sides.",
        ),
        Misconception(
            "padding_ignored",
            lambda n, k, s, p, o: length(n, k, s, 0, o),
            "The padding has no effect. So many pixels are cut off on either side.",
        ),
        Misconception(
            "output_padding_on_both_sides",
            lambda n, k, s, p, o: length(n, k, s, 2 * p, 2 * o),
            "The output padding was added twice. It lengthens one side only, the end.",
        ),
        Misconception(
            "output_padding_subtracted",
            lambda n, k, s, p, o: length(n, k, s, 2 * p, -o),
            "The output padding was taken away. It makes the result longer.",
        ),
        Misconception(
            "output_padding_ignored",
            lambda n, k, s, p, o: length(n, k, s, 2 * p),
            "The output padding has no effect. It lengthens the result by so many pixels at its "
            "end.",
        ),
        Misconception(
            "size_times_stride",
            lambda n, k, s, p, o: n * s,
            "This is the size times the stride, which holds for well chosen kernels and paddings "
            "only (4, 2 and 1, for example).",
            also=(lambda n, k, s, p, o: n * s + o,),
        ),
        Misconception(
            "one_pixel_missing",
            lambda n, k, s, p, o: length(n, k, s, 2 * p, o) - 1,
            "One pixel is missing. A stamp that begins at position a and covers k pixels ends "
            "before position a + k, and that is the length so far.",
        ),
        Misconception(
            "one_pixel_too_many",
            lambda n, k, s, p, o: length(n, k, s, 2 * p, o) + 1,
            "There is one pixel too many. The formula in PyTorch's documentation ends in + 1, but "
            "has dilation · (kernel - 1) where the kernel stands here.",
        ),
        Misconception(
            "stride_ignored",
            lambda n, k, s, p, o: length(n, k, 1, 2 * p, o),
            "The stride has no effect. It is the distance between two stamps.",
        ),
        Misconception(
            "stamps_side_by_side",
            lambda n, k, s, p, o: n * k - 2 * p + o,
            "The stamps were laid side by side. They lie `stride` apart and overlap where the "
            "kernel is longer than that.",
        ),
        Misconception(
            "kernel_and_stride_swapped",
            lambda n, k, s, p, o: length(n, s, k, 2 * p, o),
            "The kernel and the stride changed places: stamps begin one stride apart, and the last "
            "one covers as many pixels as the kernel has.",
        ),
        Misconception(
            "bound_wrongly",
            lambda n, k, s, p, o: n - 1 * s + k - 2 * p + o,
            "Multiplication binds closer than subtraction: n - 1 steps is in brackets.",
        ),
        Misconception(
            "whole_image",
            lambda *sizes: size_by_layer(*sizes) ** 2,
            "This is the number of pixels of the whole square image. One side is asked for.",
        ),
        Misconception(
            "not_an_integer",
            lambda *sizes: float(size_by_layer(*sizes)),
            "This is a float. Layers take sizes as integers, and there is nothing to divide here.",
        ),
        Misconception(
            "as_a_tensor",
            lambda *sizes: torch.tensor(size_by_layer(*sizes)),
            "A tensor came. Layers take sizes as plain integers of Python.",
        ),
        Misconception(
            "whole_shape",
            lambda *sizes: (size_by_layer(*sizes),) * 2,
            "Two numbers came. One side of the square is asked for, one integer.",
        ),
    ),
    hints=(
        "Lay the stamps on paper: three pixels come in, the kernel has 4 taps, the stride is 2. "
        "Where does the last stamp begin, and where does it end?",
        "Stamp number i (from 0) begins at i · stride. How long is the strip on which they all "
        "lie? Then cut off the padding at both ends, and lengthen by the output padding at one.",
    ),
)
