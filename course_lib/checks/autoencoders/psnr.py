"""Check of `psnr`. Oracle: a loop over images with Python's own logarithm."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..wrong_formulas import BATCH_AVERAGED, averaged, negated


def psnr_cases(generator: torch.Generator) -> list[Case]:
    def case(shape: tuple, peak: float, about: str, dtype=torch.float64) -> Case:
        images = 0.9 * peak * torch.rand(shape, generator=generator, dtype=torch.float64)
        # another size of error in each image, so that an average over the batch shows
        sizes = torch.linspace(0.05, 0.4, shape[0], dtype=torch.float64).reshape(-1, 1, 1, 1)
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        inputs = {"images": images, "restored": images + peak * sizes * noise}
        return Case({n: v.to(dtype) for n, v in inputs.items()} | {"peak": peak}, about)

    partly = case((3, 1, 4, 4), 2.0, "the second image is restored perfectly")
    partly.inputs["restored"][1] = partly.inputs["images"][1]
    return [
        case((4, 3, 5, 2), 2.0, "three channels, peak 2"),
        case((3, 1, 4, 5), 1.0, "peak 1"),
        case((1, 1, 6, 3), 255.0, "a batch of one, peak 255"),
        case((5, 1, 3, 7), 1.0, "in float32", torch.float32),
        Case(partly.inputs, partly.about, extreme=True),
    ]


def in_double(inputs, outputs):
    """Decibels are compared in float64: in which precision they came is no matter."""
    value = outputs["value"]
    return {"value": value.double() if isinstance(value, Tensor) else value}


def decibels(images: Tensor, restored: Tensor, peak: float) -> Tensor:
    values = []
    for image, other in zip(images.tolist(), restored.tolist(), strict=True):
        error = torch.tensor(image).double() - torch.tensor(other).double()
        mean_square = (error * error).mean().item()
        values.append(10 * math.log10(peak**2 / mean_square) if mean_square else math.inf)
    return torch.tensor(values, dtype=images.dtype)


def squares(images: Tensor, restored: Tensor) -> Tensor:
    return (images - restored).square()


def per_image(images: Tensor, restored: Tensor) -> Tensor:
    return squares(images, restored).flatten(1).mean(1)


def of_error(error: Callable) -> Callable:
    """PSNR with another measure of the error in the place of the mean squared one."""
    return lambda images, restored, peak: 10 * (peak**2 / error(images, restored)).log10()


def of_largest(images: Tensor, restored: Tensor, peak: float) -> Tensor:
    largest = images.flatten(1).max(1).values
    return 10 * (largest**2 / per_image(images, restored)).log10()


def of_channels(images: Tensor, restored: Tensor, peak: float) -> Tensor:
    errors = squares(images, restored).mean((2, 3))
    return (10 * (peak**2 / errors).log10()).mean(1)


EXERCISE = Exercise(
    name="autoencoders.psnr",
    signature="(images, restored, peak)",
    unit="dB",
    oracle=decibels,
    cases=psnr_cases,
    facts=in_double,
    rtol=1e-4,
    atol=1e-4,
    misconceptions=(
        Misconception(
            "batch_in_one",
            of_error(lambda images, restored: squares(images, restored).mean()),
            "All images of the batch were put into one error (a mean without an axis does that), "
            "so a single number came. Average over the pixels of each image.",
        ),
        Misconception("batch_averaged", averaged(decibels), BATCH_AVERAGED),
        Misconception(
            "channels_apart",
            of_error(lambda images, restored: squares(images, restored).mean((2, 3))),
            "There is one value for each channel. Average over the channels too: every axis but "
            "the first.",
        ),
        Misconception(
            "mean_of_channel_decibels",
            of_channels,
            "Each channel got decibels of its own, and those were averaged. Average the squares "
            "over the channels too; the logarithm comes last.",
        ),
        Misconception(
            "pixels_apart",
            of_error(squares),
            "The logarithm was taken of every pixel's error. Average the squares over the image "
            "first; the logarithm comes last.",
        ),
        Misconception(
            "mean_of_pixel_decibels",
            lambda images, restored, peak: (
                of_error(squares)(images, restored, peak).flatten(1).mean(1)
            ),
            "The decibels of the single pixels were averaged, and one perfect pixel makes that "
            "infinite. Average the squares over the image first; the logarithm comes last.",
        ),
        Misconception(
            "sign",
            negated(decibels),
            "The fraction stands upside down: a good restoration has a small error and a high "
            "PSNR.",
        ),
        Misconception(
            "peak_not_squared",
            lambda images, restored, peak: 10 * (peak / per_image(images, restored)).log10(),
            "The peak is not squared. It is a value, and the error is a square: compare square "
            "with square. (At peak 1 nobody notices.)",
        ),
        Misconception(
            "twenty_and_squared",
            lambda images, restored, peak: 2 * decibels(images, restored, peak),
            "Every value is doubled. The factor is 20 in front of a ratio of values, and 10 in "
            "front of a ratio of squares.",
        ),
        Misconception(
            "ten_and_root",
            lambda images, restored, peak: decibels(images, restored, peak) / 2,
            "Every value is half of what it should be. The factor is 10 in front of a ratio of "
            "squares, and 20 once the root was taken.",
        ),
        Misconception(
            "bels",
            lambda images, restored, peak: decibels(images, restored, peak) / 10,
            "Every value is a tenth of what it should be: these are bels, and ten decibels are one "
            "of them.",
        ),
        Misconception(
            "axes_kept",
            lambda images, restored, peak: decibels(images, restored, peak)[:, None, None, None],
            "The axes that were averaged over are still there, with length 1 (keepdim=True does "
            "that). One number for each image is wanted, (B,).",
            also=(lambda images, restored, peak: decibels(images, restored, peak)[:, None],),
        ),
        Misconception(
            "rows_or_columns_left",
            of_error(lambda images, restored: squares(images, restored).mean((1, 2))),
            "The average went over some of the axes: there still is one value for each column or "
            "row of pixels. Average over every axis but the first.",
            also=(
                of_error(lambda images, restored: squares(images, restored).mean((1, 3))),
                of_error(lambda images, restored: squares(images, restored).mean(1)),
            ),
        ),
        Misconception(
            "channels_not_counted",
            of_error(lambda images, restored: squares(images, restored).sum(1).flatten(1).mean(1)),
            "The squares of the channels were added, and divided by the height and width alone. "
            "The mean is over all numbers of an image, three a pixel in color.",
        ),
        Misconception(
            "restored_clipped",
            lambda images, restored, peak: decibels(images, restored.clamp(0, peak), peak),
            "The restored image was clipped first. Compare what came, also where it is beyond the "
            "range.",
        ),
        Misconception(
            "float_of_the_batch",
            lambda images, restored, peak: (
                10 * math.log10(peak**2 / squares(images, restored).mean().item())
            ),
            "One Python float came for the whole batch. Take torch.log10, which takes a tensor "
            "with one error for each image.",
        ),
        Misconception(
            "zero_for_equal",
            lambda images, restored, peak: decibels(images, restored, peak).nan_to_num(posinf=0.0),
            "Equal images got 0 dB, which is the worst of scores for the best of copies. Their "
            "PSNR is infinite, and the division gives inf by itself.",
        ),
        Misconception(
            "natural_logarithm",
            lambda images, restored, peak: math.log(10) * decibels(images, restored, peak),
            "torch.log is the natural logarithm. Decibels count in powers of ten.",
        ),
        Misconception(
            "pixels_summed",
            of_error(lambda images, restored: squares(images, restored).flatten(1).sum(1)),
            "The squares were added over the pixels. PSNR takes their mean, so that images of "
            "different sizes can be compared.",
        ),
        Misconception(
            "absolute_error",
            of_error(lambda images, restored: (images - restored).abs().flatten(1).mean(1)),
            "The error is absolute, not squared. PSNR compares the squared peak with the mean "
            "squared error.",
        ),
        Misconception(
            "peak_ignored",
            lambda images, restored, peak: decibels(images, restored, 1.0),
            "The peak has no effect. An error of 0.1 is large among values up to 1 and nothing "
            "among values up to 255.",
        ),
        Misconception(
            "peak_of_bytes",
            lambda images, restored, peak: decibels(images, restored, 255.0),
            "The peak is 255 whatever was passed. These are floats with a range of their own.",
        ),
        Misconception(
            "largest_pixel",
            of_largest,
            "The peak was read from the images. It is the largest value that a pixel can have, "
            "not the largest that one image has, and it is passed in.",
        ),
        Misconception(
            "largest_pixel_of_the_batch",
            lambda images, restored, peak: decibels(images, restored, images.max().item()),
            "The peak was read from the batch: one bright image would change the score of all "
            "others. It is the largest value that a pixel can have, and it is passed in.",
        ),
        Misconception(
            "signal_to_noise",
            lambda images, restored, peak: (
                10 * (images.square().flatten(1).mean(1) / per_image(images, restored)).log10()
            ),
            "This is the signal-to-noise ratio, which compares with the image's own mean square. "
            "The P stands for peak.",
        ),
        Misconception(
            "variance_of_error",
            of_error(lambda images, restored: (images - restored).flatten(1).var(1)),
            "The variance of the error leaves out its mean: an image that is too dark everywhere "
            "would count as perfect. Take the mean of the squares.",
        ),
        Misconception(
            "squeezed",
            lambda images, restored, peak: decibels(images, restored, peak).squeeze(),
            "squeeze() without an axis also removes the batch axis where the batch has one image.",
        ),
        Misconception(
            "epsilon",
            of_error(lambda images, restored: per_image(images, restored) + 1e-8),
            "A small constant was added to the error, so equal images get a finite value. Without "
            "it the division gives inf, which is right.",
            also=(of_error(lambda images, restored: per_image(images, restored) + 1e-12),),
        ),
        Misconception(
            "error_clamped",
            of_error(lambda images, restored: per_image(images, restored).clamp(min=1e-10)),
            "The error was kept away from 0, so equal images get a number. Their PSNR is infinite.",
        ),
        Misconception(
            "hundred_for_equal",
            lambda images, restored, peak: decibels(images, restored, peak).clamp(max=100.0),
            "Equal images got a value that was chosen by hand. Their PSNR is infinite, and the "
            "division gives inf by itself.",
        ),
    ),
    hints=(
        "Three things, from the inside out: an error for each image, a ratio, a logarithm.",
        "The error is the mean of the squared differences over all axes but the first. The ratio "
        "has the squared peak on top.",
        "Flatten from axis 1 and average over axis 1; then ten times torch.log10 of the ratio. "
        "Division by 0 gives inf in PyTorch, and its logarithm is inf.",
    ),
)
