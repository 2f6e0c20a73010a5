"""Check of `ConvEncoder`: any convolutional architecture will do, judged by what it does."""

from __future__ import annotations

from torch import Tensor, nn

from ..declare import Misconception
from ..module_exercises import fixed_sizes, gaussian_mistakes, layer_mistakes
from ..random_inputs import uniform
from ..ready import adapted
from ..wrong_modules import SmallNetwork, then, with_sizes
from .conv_networks import SomeConvEncoder, convolutional_exercise

ARGUMENTS = "channels, image_size, width, latent_dim"


class Dense(SmallNetwork):
    def __init__(self, channels: int, image_size: int, width: int, latent_dim: int):
        super().__init__(channels * image_size**2, width, 2 * latent_dim)

    finish = SomeConvEncoder.finish


class Miscounted(SomeConvEncoder):
    def __init__(self, channels: int, image_size: int, width: int, latent_dim: int):
        super().__init__(channels, image_size, width, latent_dim)
        self.head = nn.Linear(width, 2 * latent_dim)


class ChannelsApart(SomeConvEncoder):
    def __init__(self, channels: int, image_size: int, width: int, latent_dim: int):
        super().__init__(channels, image_size, width, latent_dim)
        self.body.insert(1, nn.Conv2d(2 * width, width, 1))


class GrayFirst(SomeConvEncoder):
    """The channels of a color image are averaged before anything else."""

    def __init__(self, channels: int, image_size: int, width: int, latent_dim: int):
        super().__init__(1, image_size, width, latent_dim)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return super().forward(images[:, :1])


EXERCISE = convolutional_exercise(
    name="better_vaes.ConvEncoder",
    arguments=ARGUMENTS,
    sizes=((1, 28, 8, 3), (3, 32, 8, 4), (1, 32, 8, 2)),
    given=lambda g, batch, channels, image_size, **_: {
        "images": uniform(g, batch, channels, image_size, image_size)
    },
    gives=lambda latent_dim, **_: {"mean": [latent_dim], "log_var": [latent_dim]},
    oracle=SomeConvEncoder,
    misconceptions=(
        Misconception(
            "miscounted",
            Miscounted,
            "What arrives at the linear layer and what it was made for do not agree. Flatten "
            "everything but the batch, and count channels · height · width behind the last "
            "convolution by conv_output_size, layer by layer.",
            error="shapes cannot be multiplied",
        ),
        *adapted(
            fixed_sizes(SomeConvEncoder, ARGUMENTS, image_size=28, channels=1, width=12),
            fixed_width="`width` is not used: the number of channels behind the first convolution "
            "is written as a number somewhere.",
        ),
        Misconception(
            "channels_do_not_fit",
            ChannelsApart,
            "A convolution gets another number of channels than it was made for. In front there "
            "are `channels` of them (are the constructor's arguments taken in their order?), and "
            "behind a layer as many as that layer makes.",
            error="channels, but got",
            also=(with_sizes(SomeConvEncoder, lambda c, n, w, z: (n, c * 28, w, z)),),
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
            "code_map",
            then(SomeConvEncoder, lambda mean, log_var: (mean[..., None, None],) * 2),
            "The two outputs still have a height and a width. A code is one row of numbers, "
            "(B, latent_dim): flatten, and end with linear layers.",
        ),
        *gaussian_mistakes(SomeConvEncoder),
        *adapted(
            layer_mistakes(SomeConvEncoder),
            no_activation="Nothing bends between the layers, and a convolution is a linear map, "
            "too: a stack of them is one linear map. Put an activation such as SiLU behind each.",
        ),
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
