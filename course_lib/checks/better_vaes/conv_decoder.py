"""Check of `ConvDecoder`: any convolutional architecture will do, judged by what it does."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ..declare import Case, Exercise, Misconception
from ..modules import module_case
from ..random_inputs import normal, some_seed
from ..wrong_modules import (
    NOT_REGISTERED,
    REBUILT,
    SmallNetwork,
    in_a_plain_list,
    rebuilt_in_forward,
    then,
    with_sizes,
    without_activation,
)
from .conv_networks import SIZES, SomeConvDecoder, convolutional_facts, examine_convolutional


def decoder_cases(generator: torch.Generator) -> list[Case]:
    def case(channels: int, size: int, width: int, latent_dim: int) -> Case:
        return module_case(
            {"latent_dim": latent_dim, "width": width, "channels": channels, "image_size": size},
            {"z": 3 * normal(generator, 5, latent_dim)},
            {"logits": [channels, size, size]},
            some_seed(generator),
            f"ConvDecoder({latent_dim}, {width}, {channels}, {size}), a batch of 5",
            width="width",
        )

    return [case(*sizes, 8, latent_dim) for sizes, latent_dim in zip(SIZES, (3, 4, 2), strict=True)]


class Dense(SmallNetwork):
    def __init__(self, latent_dim: int, width: int, channels: int, image_size: int):
        super().__init__(latent_dim, width, channels * image_size**2)
        self.shape = (channels, image_size, image_size)

    def finish(self, numbers):
        return numbers.unflatten(1, self.shape)


class NeverReshaped(SomeConvDecoder):
    def __init__(self, latent_dim: int, width: int, channels: int, image_size: int):
        super().__init__(latent_dim, width, channels, image_size)
        self.body = nn.Sequential(*list(self.body)[:-1])


EXERCISE = Exercise(
    name="better_vaes.ConvDecoder",
    signature="(latent_dim, width, channels, image_size)",
    oracle=SomeConvDecoder,
    cases=decoder_cases,
    call=examine_convolutional,
    facts=convolutional_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "sigmoid_output",
            then(SomeConvDecoder, torch.sigmoid),
            "A sigmoid follows the last layer. The decoder gives plain numbers: logits for a "
            "Bernoulli likelihood, which applies the sigmoid itself, or the mean of a Gaussian.",
        ),
        Misconception(
            "tanh_output",
            then(SomeConvDecoder, torch.tanh),
            "A tanh follows the last layer (GANs do that, with images in [-1, 1]). As logits, such "
            "numbers never get surer than 73 %.",
        ),
        Misconception(
            "rectified_output",
            then(SomeConvDecoder, torch.relu),
            "An activation follows the last layer, so no logit is negative and no pixel can be "
            "darker than one half. Nothing comes after the last layer.",
        ),
        Misconception(
            "never_reshaped",
            NeverReshaped,
            "A convolution got a row of numbers instead of a map. Give the first linear layer's "
            "output the shape (B, channels, height, width) before the transposed convolutions.",
        ),
        Misconception(
            "output_padding_missing",
            then(SomeConvDecoder, lambda logits: logits[..., 3:, 3:]),
            "A kernel of 3 with stride 2 and padding 1 makes 13 of 7, and 25 of 13: an odd kernel "
            "loses a pixel on the way up. Use kernel 4, or output_padding=1.",
        ),
        Misconception(
            "padding_missing",
            then(SomeConvDecoder, lambda logits: F.pad(logits, (3, 3, 3, 3))),
            "A kernel of 4 with stride 2 and no padding makes 16 of 7, and 34 of 16. With padding "
            "1 it doubles the size exactly.",
        ),
        Misconception(
            "fixed_image_size",
            with_sizes(SomeConvDecoder, lambda z, w, c, n: (z, w, c, 28)),
            "The images are 28 × 28 whatever image_size says: a 7 or 28 is written as a number.",
        ),
        Misconception(
            "thirty_two",
            with_sizes(SomeConvDecoder, lambda z, w, c, n: (z, w, c, 32)),
            "The images are 32 × 32 whatever image_size says: 28 is 4 · 7, so the way up starts at "
            "7 × 7, not at 4 × 4 or 8 × 8.",
        ),
        Misconception(
            "fixed_channels",
            with_sizes(SomeConvDecoder, lambda z, w, c, n: (z, w, 1, n)),
            "The last layer makes one channel whatever `channels` says: a color image has three.",
        ),
        Misconception(
            "no_convolution",
            Dense,
            "There is no convolution in here: this is lesson 05's decoder. Start with a linear "
            "layer, and grow the picture by transposed convolutions.",
        ),
        Misconception(
            "fixed_width",
            with_sizes(SomeConvDecoder, lambda z, w, c, n: (z, 12, c, n)),
            "`width` is not used: a number of channels is written as a number somewhere.",
        ),
        Misconception(
            "no_activation",
            without_activation(SomeConvDecoder),
            "Nothing bends between the layers, and a transposed convolution is a linear map, too. "
            "Put an activation such as SiLU between them.",
        ),
        Misconception(
            "flat_output",
            then(SomeConvDecoder, lambda logits: logits.flatten(1)),
            "The logits are in one row. Give them the shape of images: (B, C, n, n).",
        ),
        Misconception(
            "channel_last",
            then(SomeConvDecoder, lambda logits: logits.movedim(1, -1)),
            "The channels stand last, as in TensorFlow. PyTorch wants them second: (B, C, n, n).",
        ),
        Misconception(
            "squeezed",
            then(SomeConvDecoder, torch.squeeze),
            "squeeze() removes every axis of length 1: a gray image's channel, and the batch where "
            "it has one image.",
        ),
        Misconception(
            "noisy_output",
            then(SomeConvDecoder, lambda logits: logits + torch.randn_like(logits)),
            "Two calls with the same z differ, in eval mode too: the decoder draws random numbers "
            "(F.dropout does that unless it is told training=self.training). It should only "
            "describe the distribution of the pixels.",
        ),
        Misconception("plain_list", in_a_plain_list(SomeConvDecoder), NOT_REGISTERED),
        Misconception("layers_in_forward", rebuilt_in_forward(SomeConvDecoder), REBUILT),
    ),
    hints=(
        "The encoder's way back: from latent_dim numbers to a small map with many channels, and "
        "then twice as large, twice.",
        "A linear layer to 8 · width, then one to 2 · width · (image_size // 4)² numbers, "
        "unflattened to (2 · width, n/4, n/4). Then two transposed convolutions that double the "
        "size: kernel 4, stride 2, padding 1.",
        "SiLU behind both linear layers and behind the first transposed convolution; nothing "
        "behind the second, which makes `channels` channels.",
    ),
)
