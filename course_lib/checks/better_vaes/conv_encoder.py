"""Check of `ConvEncoder`: any convolutional architecture will do, judged by what it does."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception
from ..modules import module_case
from ..random_inputs import some_seed, uniform
from ..wrong_modules import (
    NOT_REGISTERED,
    REBUILT,
    SmallNetwork,
    in_a_plain_list,
    rebuilt_in_forward,
    then,
    variant,
    with_constant_variance,
    with_drawn_code,
    with_sizes,
    without_activation,
)
from .conv_networks import SIZES, SomeConvEncoder, convolutional_facts, examine_convolutional


def encoder_cases(generator: torch.Generator) -> list[Case]:
    def case(channels: int, size: int, width: int, latent_dim: int) -> Case:
        return module_case(
            {"channels": channels, "image_size": size, "width": width, "latent_dim": latent_dim},
            {"images": uniform(generator, 5, channels, size, size)},
            {"mean": [latent_dim], "log_var": [latent_dim]},
            some_seed(generator),
            f"ConvEncoder({channels}, {size}, {width}, {latent_dim}), a batch of 5",
            width="width",
        )

    return [case(*sizes, 8, latent_dim) for sizes, latent_dim in zip(SIZES, (3, 4, 2), strict=True)]


class Dense(SmallNetwork):
    def __init__(self, channels: int, image_size: int, width: int, latent_dim: int):
        super().__init__(channels * image_size**2, width, 2 * latent_dim)

    finish = SomeConvEncoder.finish


class Miscounted(SomeConvEncoder):
    def __init__(self, channels: int, image_size: int, width: int, latent_dim: int):
        super().__init__(channels, image_size, width, latent_dim)
        self.head = nn.Linear(width, 2 * latent_dim)


class GrayFirst(SomeConvEncoder):
    """The channels of a color image are averaged before anything else."""

    def __init__(self, channels: int, image_size: int, width: int, latent_dim: int):
        super().__init__(1, image_size, width, latent_dim)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return super().forward(images[:, :1])


EXERCISE = Exercise(
    name="better_vaes.ConvEncoder",
    signature="(channels, image_size, width, latent_dim)",
    oracle=SomeConvEncoder,
    cases=encoder_cases,
    call=examine_convolutional,
    facts=convolutional_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "one_output",
            then(SomeConvEncoder, lambda mean, log_var: mean),
            "Only one tensor comes back. Return the mean and the log-variance, in this order.",
        ),
        Misconception(
            "miscounted",
            Miscounted,
            "What arrives at the linear layer and what it was made for do not agree. Flatten "
            "everything but the batch, and count channels · height · width behind the last "
            "convolution by conv_output_size, layer by layer.",
        ),
        Misconception(
            "fixed_image_size",
            with_sizes(SomeConvEncoder, lambda c, n, w, z: (c, 28, w, z)),
            "It works at 28 × 28 only: a 7, 14 or 28 (or a product of them) is written somewhere "
            "as a number. Compute it from image_size.",
        ),
        Misconception(
            "fixed_channels",
            with_sizes(SomeConvEncoder, lambda c, n, w, z: (1, n, w, z)),
            "The first convolution takes one channel whatever `channels` says: a color image has "
            "three.",
        ),
        Misconception(
            "one_channel_read",
            GrayFirst,
            "Not every channel of a color image has an influence: two thirds of it are thrown "
            "away before the first layer.",
        ),
        Misconception(
            "no_convolution",
            Dense,
            "There is no convolution in here: the first layer joins every pixel with every unit. "
            "This works, and it is lesson 05's encoder; start with nn.Conv2d.",
        ),
        Misconception(
            "fixed_width",
            with_sizes(SomeConvEncoder, lambda c, n, w, z: (c, n, 12, z)),
            "`width` is not used: the number of channels behind the first convolution is written "
            "as a number somewhere.",
        ),
        Misconception(
            "no_activation",
            without_activation(SomeConvEncoder),
            "Nothing bends between the layers, and a convolution is a linear map, too: a stack of "
            "them is one linear map. Put an activation such as SiLU behind each.",
        ),
        Misconception(
            "both_rectified",
            then(SomeConvEncoder, lambda mean, log_var: (mean.relu(), log_var.relu())),
            "An activation follows the last layers, so mean and log_var are never negative. Both "
            "must be able to take any value.",
        ),
        Misconception(
            "variance_returned",
            then(SomeConvEncoder, lambda mean, log_var: (mean, log_var.exp())),
            "The second output is never negative, as a variance or a standard deviation. A "
            "log-variance is wanted: the plain output of a layer.",
        ),
        Misconception(
            "mean_squashed",
            then(SomeConvEncoder, lambda mean, log_var: (mean.tanh(), log_var)),
            "The mean cannot leave [-1, 1]: a tanh follows it, and the prior reaches to ±3.",
        ),
        Misconception(
            "one_head",
            then(SomeConvEncoder, lambda mean, log_var: (mean, mean)),
            "mean and log_var are the same numbers. Each needs weights of its own.",
        ),
        Misconception(
            "split_along_batch",
            variant(SomeConvEncoder, finish=lambda self, numbers: numbers.chunk(2)),
            "The output was split along the batch: chunk takes the axis as its second argument.",
        ),
        Misconception(
            "code_map",
            then(SomeConvEncoder, lambda mean, log_var: (mean[..., None, None],) * 2),
            "The two outputs still have a height and a width. A code is one row of numbers, "
            "(B, latent_dim): flatten, and end with linear layers.",
        ),
        Misconception(
            "samples",
            with_drawn_code(SomeConvEncoder),
            "The encoder draws a code itself, so two calls differ. It should return the two "
            "parameters of the distribution; the training step draws.",
        ),
        Misconception(
            "one_variance_for_all",
            with_constant_variance(SomeConvEncoder),
            "log_var is the same for every image. Compute it from the image as well.",
        ),
        Misconception(
            "squeezed",
            then(SomeConvEncoder, lambda mean, log_var: (mean.squeeze(), log_var.squeeze())),
            "squeeze() without an axis also removes the batch axis where the batch has one image.",
        ),
        Misconception("plain_list", in_a_plain_list(SomeConvEncoder), NOT_REGISTERED),
        Misconception("layers_in_forward", rebuilt_in_forward(SomeConvEncoder), REBUILT),
    ),
    hints=(
        "Halve the picture twice by convolutions of stride 2, and double the channels while you "
        "do. What shape arrives at the end for 28 × 28, and what for 32 × 32?",
        "With kernel 4, stride 2 and padding 1 a convolution halves an even size exactly: 28, 14, "
        "7 and 32, 16, 8. So the last map has image_size // 4 rows and columns.",
        "channels to width, SiLU, width to 2 · width, SiLU, flatten from axis 1, a linear layer to "
        "8 · width, SiLU, and two linear layers side by side with nothing after them.",
    ),
)
