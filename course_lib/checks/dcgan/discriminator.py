"""Check of `DCGANDiscriminator`: any convolutional layers of the widths that the text asks for.

Where they are strided, their channels double with each halving; no norm comes first or last.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..declare import Misconception
from ..module_exercises import (
    fixed_sizes,
    layer_mistakes,
    module_exercise,
    unbounded_mistakes,
)
from ..random_inputs import normal
from ..ready import adapted
from ..wrong_modules import (
    DROPOUT_STAYS_ON,
    SmallNetwork,
    in_a_plain_list,
    then,
    variant,
    with_dropout_always,
    with_sizes,
)
from .networks import NORMS_IN_A_LIST, SomeDiscriminator, discriminator_facts, examine_ordered

ARGUMENTS = "image_size, channels, width"


class Dense(SmallNetwork):
    def __init__(self, image_size: int, channels: int, width: int):
        super().__init__(channels * image_size**2, width, 1)

    def finish(self, numbers: Tensor) -> Tensor:
        return numbers.squeeze(1)


class NormFirst(SomeDiscriminator):
    def __init__(self, image_size: int, channels: int, width: int):
        super().__init__(image_size, channels, width)
        self.body.insert(1, nn.BatchNorm2d(width))


class ImagesNormalized(SomeDiscriminator):
    def __init__(self, image_size: int, channels: int, width: int):
        super().__init__(image_size, channels, width)
        self.body.insert(0, nn.BatchNorm2d(channels))


class NormOfAnotherWidth(SomeDiscriminator):
    def __init__(self, image_size: int, channels: int, width: int):
        super().__init__(image_size, channels, width)
        self.body.insert(2, nn.BatchNorm2d(2 * width))


class Miscounted(SomeDiscriminator):
    def __init__(self, image_size: int, channels: int, width: int):
        super().__init__(image_size, channels, width)
        self.head = nn.Linear(width, 1)


class ChannelsApart(SomeDiscriminator):
    def __init__(self, image_size: int, channels: int, width: int):
        super().__init__(image_size, channels, width)
        self.body.insert(1, nn.Conv2d(2 * width, width, 1))


class GrayFirst(SomeDiscriminator):
    def __init__(self, image_size: int, channels: int, width: int):
        super().__init__(image_size, 1, width)

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images[:, :1])


class KernelTooLarge(nn.Module):
    def __init__(self, image_size: int, channels: int, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 4, 4), nn.ReLU(), nn.Conv2d(width, 1, 20), nn.Flatten(0)
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


class SmallLastKernel(nn.Module):
    """What remains is taken for 4 × 4 at every size."""

    side = 4

    def __init__(self, image_size: int, channels: int, width: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 4, 4), nn.ReLU(), nn.Conv2d(width, 1, self.side)
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.finish(self.body(images))

    def finish(self, maps: Tensor) -> Tensor:
        return maps.flatten()


class TwoClasses(SomeDiscriminator):
    def __init__(self, image_size: int, channels: int, width: int):
        super().__init__(image_size, channels, width)
        self.head = nn.Linear(self.head.in_features, 2)

    def finish(self, numbers: Tensor) -> Tensor:
        return numbers


class LogitsNormalized(SomeDiscriminator):
    def __init__(self, image_size: int, channels: int, width: int):
        super().__init__(image_size, channels, width)
        self.head = nn.Sequential(self.head, nn.BatchNorm1d(1))


def of_widths(widths: Callable[[int, int], list[int]]) -> type:
    """A discriminator of convolutions; `widths(width, times)`: the channels of its maps."""

    class Answer(nn.Module):
        def __init__(self, image_size: int, channels: int, width: int):
            super().__init__()
            side, times = {28: (7, 2), 32: (4, 3), 64: (4, 4)}[image_size]
            maps = widths(width, times)
            down = [nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise([channels, *maps])]
            self.down, self.last = nn.ModuleList(down), nn.Conv2d(maps[-1], 1, side)
            self.norms = nn.ModuleList(map(nn.BatchNorm2d, maps[1:]))

        def forward(self, images: Tensor) -> Tensor:
            maps = F.leaky_relu(self.down[0](images), 0.2)
            for norm, down in zip(self.norms, self.down[1:], strict=True):
                maps = F.leaky_relu(norm(down(maps)), 0.2)
            return self.finish(self.last(maps))

        def finish(self, maps: Tensor) -> Tensor:
            return maps.flatten()

    return Answer


def rising(width: int, times: int) -> list[int]:
    return [width * 2**k for k in range(times)]


class PaddedLastKernel(of_widths(rising)):
    """A kernel of 3 in the place of one as large as the map: a logit at every place."""

    def __init__(self, image_size: int, channels: int, width: int):
        super().__init__(image_size, channels, width)
        self.last = nn.Conv2d(self.last.in_channels, 1, 3, padding=1)

    def finish(self, maps: Tensor) -> Tensor:
        return maps


EXERCISE = module_exercise(
    name="dcgan.DCGANDiscriminator",
    arguments=ARGUMENTS,
    sizes=((28, 1, 4), (32, 3, 4), (64, 3, 4), (32, 1, 4)),
    batches=(5, 5, 5, 5),
    width="width",
    given=lambda g, batch, image_size, channels, **_: {
        "images": normal(g, batch, channels, image_size, image_size)
    },
    gives=lambda **_: {"logits": []},
    oracle=SomeDiscriminator,
    call=examine_ordered,
    facts=discriminator_facts,
    misconceptions=(
        Misconception(
            "norm_first",
            NormFirst,
            "The first layer's output, or the image itself, is normalized. The discriminator would "
            "no longer see how bright and how strong in contrast the images of a batch are, which "
            "is what a young generator gets wrong first: begin the norms at the second layer.",
            also=(ImagesNormalized,),
        ),
        Misconception(
            "logits_normalized",
            LogitsNormalized,
            "A norm stands behind the last layer: in training the logits of every batch would have "
            "the same mean, be it of reals or of fakes, and no batch could be told from the other. "
            "Nothing follows the last layer.",
        ),
        Misconception(
            "channels_fall",
            of_widths(lambda width, times: rising(width, times)[::-1]),
            "The channels fall on the way down. The first convolution makes `width`, and each "
            "further one twice as many as it gets.",
        ),
        Misconception(
            "one_width",
            of_widths(lambda width, times: [width] * times),
            "A further halving of the size leaves the channels as many as they are. Only the first "
            "convolution makes `width`; each further one makes twice as many as it gets.",
        ),
        Misconception(
            "another_first_width",
            of_widths(lambda width, times: [2 * w for w in rising(width, times)]),
            "The channels double, but the first convolution makes another number than `width`.",
        ),
        Misconception(
            "miscounted",
            Miscounted,
            "What arrives at the linear layer and what it was made for do not agree. Count "
            "channels · height · width behind the last convolution, for 28 as well as for 32 and "
            "64.",
            error="shapes cannot be multiplied",
        ),
        Misconception(
            "norm_of_another_width",
            NormOfAnotherWidth,
            "A batch norm was made for another number of channels than it gets. It takes as many "
            "as the layer before it makes.",
            error="running_mean should contain",
        ),
        Misconception(
            "kernel_too_large",
            KernelTooLarge,
            "A kernel is larger than the map it gets. Going down by factors of 2, 28 comes to 7 "
            "and 32 and 64 come to 4: the last kernel is as large as what is left.",
            error="Kernel size can't be greater than actual input size",
        ),
        Misconception(
            "channels_do_not_fit",
            ChannelsApart,
            "A convolution gets another number of channels than it was made for. A layer takes as "
            "many as the one before it makes, and the constructor's arguments come in the order "
            "image_size, channels, width.",
            error="channels, but got",
            also=(with_sizes(SomeDiscriminator, lambda n, c, w: (n, 28, w)),),
        ),
        *adapted(
            unbounded_mistakes(SomeDiscriminator),
            sigmoid_output="Its outputs are probabilities, as in the paper. Logits are wanted: "
            "the loss applies the sigmoid itself, in a form that does not overflow.",
            tanh_output="No logit is ever larger than 1, so it can never be surer than 73 %. The "
            "tanh belongs to the generator; nothing follows the last convolution here.",
            rectified_output="No logit is ever negative, so it cannot say «fake». No activation "
            "behind the last layer.",
        ),
        Misconception(
            "map_kept",
            then(SomeDiscriminator, lambda logits: logits[:, None, None, None]),
            "The last map's axes are still there: (B, 1, 1, 1). One number an image is wanted, "
            "shape (B,); flatten from axis 0 on, or take the axes off.",
        ),
        Misconception(
            "unit_kept",
            then(SomeDiscriminator, lambda logits: logits[:, None]),
            "The axis of the single output is still there. (B, 1) beside a target of shape (B,) "
            "broadcasts to (B, B) without a warning: take it off.",
        ),
        Misconception(
            "one_logit_a_place",
            SmallLastKernel,
            "More than one logit came for each image: the last kernel is smaller than the map that "
            "is left, so it has several places on it. 28 comes to 7 × 7, 32 and 64 to 4 × 4: make "
            "the kernel as large as what is left.",
            also=(
                variant(SmallLastKernel, finish=lambda self, maps: maps),
                variant(SmallLastKernel, finish=lambda self, maps: maps.squeeze(1)),
                variant(SmallLastKernel, finish=lambda self, maps: maps.flatten(1)),
                variant(SmallLastKernel, side=7),
                PaddedLastKernel,
            ),
        ),
        Misconception(
            "batch_averaged",
            then(SomeDiscriminator, torch.mean),
            "One number came for the whole batch. Each image gets its own logit: shape (B,).",
        ),
        Misconception(
            "compares_with_the_batch",
            then(SomeDiscriminator, lambda logits: logits - logits.mean()),
            "An image's logit changes with its neighbors in the batch, in eval mode too. There a "
            "norm uses its running estimates: nn.BatchNorm2d knows by itself, F.batch_norm must be "
            "told training=self.training.",
        ),
        Misconception(
            "two_classes",
            TwoClasses,
            "Two numbers came for each image, as of a classifier with a softmax. For two classes "
            "one logit is enough: shape (B,).",
        ),
        Misconception(
            "squeezed",
            variant(SomeDiscriminator, finish=lambda self, numbers: numbers.squeeze()),
            "squeeze() without an axis also removes the batch axis where the batch has one image.",
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
            "There is no convolution in here: the first layer joins every pixel with every unit, "
            "as in lesson 09. Start with nn.Conv2d.",
        ),
        *adapted(
            fixed_sizes(SomeDiscriminator, ARGUMENTS, image_size=28, channels=1, width=8),
            fixed_width="`width` is not used: the number of channels behind the first convolution "
            "is written as a number somewhere.",
        ),
        *adapted(
            layer_mistakes(SomeDiscriminator),
            no_activation="Nothing bends between the layers, and a convolution is a linear map, "
            "too: a stack of them is one linear map. Put a leaky ReLU behind each but the last.",
        ),
        Misconception("norms_in_a_list", in_a_plain_list(of_widths(rising)), NORMS_IN_A_LIST),
        Misconception("dropout_in_eval", with_dropout_always(SomeDiscriminator), DROPOUT_STAYS_ON),
    ),
    hints=(
        "The generator's way back: convolutions of kernel 4, stride 2 and padding 1 halve the "
        "picture until less than 8 pixels are left, and the channels double from `width` on.",
        "Behind each of them a leaky ReLU, and from the second on a batch norm before it. The last "
        "convolution's kernel is as large as the map that is left, so that one number remains.",
        "That number has shape (B, 1, 1, 1); nn.Flatten(0) makes (B,) of it, with one image as "
        "well as with many.",
    ),
)
