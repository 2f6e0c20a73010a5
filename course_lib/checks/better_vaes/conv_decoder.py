"""Check of `ConvDecoder`: any convolutional architecture will do, judged by what it does."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ..declare import Misconception
from ..module_exercises import fixed_sizes, image_mistakes, layer_mistakes, unbounded_mistakes
from ..random_inputs import normal
from ..ready import adapted
from ..wrong_modules import SmallNetwork, then, with_sizes
from .conv_networks import SomeConvDecoder, convolutional_exercise

ARGUMENTS = "latent_dim, width, channels, image_size"


class Dense(SmallNetwork):
    def __init__(self, latent_dim: int, width: int, channels: int, image_size: int):
        super().__init__(latent_dim, width, channels * image_size**2)
        self.shape = (channels, image_size, image_size)

    def finish(self, numbers: Tensor) -> Tensor:
        return numbers.unflatten(1, self.shape)


class MapMiscounted(SomeConvDecoder):
    def __init__(self, latent_dim: int, width: int, channels: int, image_size: int):
        super().__init__(latent_dim, width, channels, image_size)
        self.body[0] = nn.Linear(latent_dim, width * (image_size // 4))


class ViewMiscounted(SomeConvDecoder):
    def __init__(self, latent_dim: int, width: int, channels: int, image_size: int):
        super().__init__(latent_dim, width, channels, image_size)
        self.body = nn.Sequential(nn.Linear(latent_dim, width * (image_size // 4)), nn.SiLU())
        self.map = (-1, width, image_size // 4, image_size // 4)

    def forward(self, z):
        return self.head(self.body(z).view(self.map))


class ChannelsApart(SomeConvDecoder):
    def __init__(self, latent_dim: int, width: int, channels: int, image_size: int):
        super().__init__(latent_dim, width, channels, image_size)
        self.head = nn.ConvTranspose2d(2 * width, channels, 4, stride=4)


class NeverReshaped(SomeConvDecoder):
    def __init__(self, latent_dim: int, width: int, channels: int, image_size: int):
        super().__init__(latent_dim, width, channels, image_size)
        self.body = nn.Sequential(*list(self.body)[:-1])


EXERCISE = convolutional_exercise(
    name="better_vaes.ConvDecoder",
    arguments=ARGUMENTS,
    sizes=((3, 8, 1, 28), (4, 8, 3, 32), (2, 8, 1, 32)),
    given=lambda g, batch, latent_dim, **_: {"z": 3 * normal(g, batch, latent_dim)},
    gives=lambda channels, image_size, **_: {"logits": [channels, image_size, image_size]},
    oracle=SomeConvDecoder,
    misconceptions=(
        *adapted(
            unbounded_mistakes(SomeConvDecoder),
            sigmoid_output="The output cannot leave [0, 1]: a sigmoid or a clamp follows the last "
            "layer. The decoder gives plain numbers: logits for a Bernoulli likelihood, which "
            "applies the sigmoid itself, or the mean of a Gaussian.",
            rectified_output="An activation follows the last layer, so no logit is negative and no "
            "pixel can be darker than one half. Nothing comes after the last layer.",
        ),
        Misconception(
            "never_reshaped",
            NeverReshaped,
            "A convolution got a row of numbers instead of a map. Give the first linear layer's "
            "output the shape (B, channels, height, width) before the transposed convolutions.",
            error="Expected 3D (unbatched) or 4D (batched) input",
        ),
        Misconception(
            "map_miscounted",
            MapMiscounted,
            "The linear layer makes another number of numbers than the map in front of the "
            "transposed convolutions has: channels · height · width, for each code.",
            error="unflatten",
        ),
        Misconception(
            "view_miscounted",
            ViewMiscounted,
            "The numbers that arrive at the reshape do not make whole maps: channels · height · "
            "width of them are needed for each code. Count what the linear layer before it makes.",
            error="is invalid for input of size",
        ),
        Misconception(
            "channels_do_not_fit",
            ChannelsApart,
            "A convolution got another number of channels than it was made for. Channels stand "
            "second, (B, channels, height, width), and each layer takes as many as the one before "
            "it makes.",
            error="channels, but got",
        ),
        Misconception(
            "output_padding_missing",
            then(SomeConvDecoder, lambda logits: logits[..., 3:, 3:]),
            "A kernel of 3 with stride 2 and padding 1 makes 13 of 7, and 25 of 13: an odd kernel "
            "loses a pixel on the way up. Use kernel 4, or output_padding=1.",
        ),
        Misconception(
            "stride_missing",
            then(SomeConvDecoder, lambda logits: logits[..., 15:, 15:]),
            "The map hardly grows: a transposed convolution with stride 1 adds the kernel size "
            "less 1. With stride 2 it doubles.",
        ),
        Misconception(
            "never_grows",
            then(SomeConvDecoder, lambda logits: F.avg_pool2d(logits, 4)),
            "The map stays as small as it was at the start: these layers do not make it larger. A "
            "transposed convolution with a stride does, or nn.Upsample.",
        ),
        Misconception(
            "starts_too_large",
            then(SomeConvDecoder, lambda logits: F.interpolate(logits, scale_factor=2)),
            "The images are twice as large as they should be. Two layers double the size, so the "
            "way up starts at image_size // 4.",
        ),
        Misconception(
            "stops_halfway",
            then(SomeConvDecoder, lambda logits: F.avg_pool2d(logits, 2)),
            "The images are half as large as they should be: the size is doubled twice on the way "
            "from image_size // 4.",
        ),
        Misconception(
            "padding_missing",
            then(SomeConvDecoder, lambda logits: F.pad(logits, (3, 3, 3, 3))),
            "A kernel of 4 with stride 2 and no padding makes 16 of 7, and 34 of 16. With padding "
            "1 it doubles the size exactly.",
        ),
        *adapted(
            fixed_sizes(SomeConvDecoder, ARGUMENTS, image_size=28, channels=1, width=12),
            fixed_channels="The last layer makes one channel whatever `channels` says: a color "
            "image has three.",
            fixed_width="`width` is not used: a number of channels is written as a number "
            "somewhere.",
        ),
        Misconception(
            "thirty_two",
            with_sizes(SomeConvDecoder, lambda z, w, c, n: (z, w, c, 32)),
            "The images are 32 × 32 whatever image_size says: 28 is 4 · 7, so the way up starts at "
            "7 × 7, not at 4 × 4 or 8 × 8.",
        ),
        Misconception(
            "width_for_channels",
            with_sizes(SomeConvDecoder, lambda z, w, c, n: (z, c, w, n)),
            "The images have `width` channels: `width` and `channels` changed places. The "
            "constructor takes latent_dim, width, channels, image_size.",
        ),
        Misconception(
            "no_convolution",
            Dense,
            "There is no convolution in here: this is lesson 05's decoder. Start with a linear "
            "layer, and grow the picture by transposed convolutions.",
        ),
        *adapted(
            image_mistakes(SomeConvDecoder, "(B, C, n, n)"),
            leave_out=("channel_missing", "batch_as_channels"),
        ),
        *adapted(
            layer_mistakes(SomeConvDecoder),
            no_activation="Nothing bends between the layers, and a transposed convolution is a "
            "linear map, too. Put an activation such as SiLU between them.",
        ),
        Misconception(
            "pair_returned",
            then(SomeConvDecoder, lambda logits: (logits, logits)),
            "Two tensors come back. A decoder gives one number for each pixel: the logits, or the "
            "means; a spread is a parameter elsewhere.",
        ),
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
