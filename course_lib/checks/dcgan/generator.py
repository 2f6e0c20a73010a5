"""Check of `DCGANGenerator`: any convolutional layers of the widths that the text asks for.

Where it has strided convolutions, their channels halve with each doubling; no norm comes last.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..declare import Misconception
from ..module_exercises import fixed_sizes, image_mistakes, layer_mistakes, module_exercise
from ..random_inputs import normal
from ..ready import adapted
from ..wrong_modules import (
    SmallNetwork,
    given_first,
    in_a_plain_list,
    then,
    variant,
    with_sizes,
)
from .networks import NORMS_IN_A_LIST, SomeGenerator, examine_ordered, generator_facts

ARGUMENTS = "latent_dim, image_size, channels, width"


def unfinished(change=lambda numbers: numbers) -> type:
    """Another end in the place of the tanh."""
    return variant(SomeGenerator, finish=lambda self, numbers: change(numbers))


class Dense(SmallNetwork):
    def __init__(self, latent_dim: int, image_size: int, channels: int, width: int):
        super().__init__(latent_dim, width, channels * image_size**2)
        self.shape = (channels, image_size, image_size)

    def finish(self, numbers: Tensor) -> Tensor:
        return numbers.unflatten(1, self.shape).tanh()


class NeverReshaped(SomeGenerator):
    def __init__(self, *sizes: int):
        super().__init__(*sizes)
        self.body = nn.Sequential(*list(self.body)[:-1])


class RowIntoConvolution(nn.Module):
    """z reaches a transposed convolution as a row."""

    def __init__(self, latent_dim: int, image_size: int, channels: int, width: int):
        super().__init__()
        self.up = nn.ConvTranspose2d(latent_dim, channels, image_size)

    def forward(self, z: Tensor) -> Tensor:
        return self.up(z).tanh()


class ChannelsApart(SomeGenerator):
    def __init__(self, latent_dim: int, image_size: int, channels: int, width: int):
        super().__init__(latent_dim, image_size, channels, width)
        self.head = nn.ConvTranspose2d(2 * width, channels, 4, stride=4)


class MapMiscounted(SomeGenerator):
    def __init__(self, latent_dim: int, image_size: int, channels: int, width: int):
        super().__init__(latent_dim, image_size, channels, width)
        self.body[0] = nn.Linear(latent_dim, width * (image_size // 4))


class ViewMiscounted(MapMiscounted):
    def __init__(self, latent_dim: int, image_size: int, channels: int, width: int):
        super().__init__(latent_dim, image_size, channels, width)
        self.body = self.body[:-1]
        self.map = (-1, width, image_size // 4, image_size // 4)

    def forward(self, z: Tensor) -> Tensor:
        return self.finish(self.head(self.body(z).view(self.map)))


class NormOfAnotherWidth(SomeGenerator):
    def __init__(self, latent_dim: int, image_size: int, channels: int, width: int):
        super().__init__(latent_dim, image_size, channels, width)
        self.body.append(nn.BatchNorm2d(2 * width))


class BatchStatisticsAlways(SomeGenerator):
    def forward(self, z: Tensor) -> Tensor:
        maps = F.batch_norm(self.body(z), None, None, training=True)
        return self.finish(self.head(maps))


class NormAtTheEnd(SomeGenerator):
    """Each channel of the images is shifted to mean 0 in the batch, in eval mode too."""

    def finish(self, numbers: Tensor) -> Tensor:
        return F.batch_norm(numbers, None, None, training=True).tanh()


class NormBehindLast(SomeGenerator):
    """A layer that knows by itself what eval mode is."""

    def __init__(self, latent_dim: int, image_size: int, channels: int, width: int):
        super().__init__(latent_dim, image_size, channels, width)
        self.head = nn.Sequential(self.head, nn.BatchNorm2d(channels))


START = {28: (7, 2), 32: (4, 3), 64: (4, 4)}  # side of the first map, doublings


def of_widths(widths: Callable[[int, int], list[int]], start: dict = START) -> type:
    """A generator of transposed convolutions, with a norm behind each but the last.

    `widths(width, times)`: the channels of its maps, the first to the last but one.
    """

    class Answer(nn.Module):
        def __init__(self, latent_dim: int, image_size: int, channels: int, width: int):
            super().__init__()
            side, times = start[image_size]
            maps = widths(width, times)
            up = [nn.ConvTranspose2d(latent_dim, maps[0], side)]
            up += [nn.ConvTranspose2d(a, b, 4, 2, 1) for a, b in pairwise([*maps, channels])]
            self.up, self.norms = nn.ModuleList(up), nn.ModuleList(map(nn.BatchNorm2d, maps))

        def forward(self, z: Tensor) -> Tensor:
            maps = self.up[0](z[:, :, None, None])
            for norm, up in zip(self.norms, self.up[1:], strict=True):
                maps = up(norm(maps).relu())
            return maps.tanh()

    return Answer


def falling(width: int, times: int) -> list[int]:
    return [width * 2**k for k in reversed(range(times))]


EXERCISE = module_exercise(
    name="dcgan.DCGANGenerator",
    arguments=ARGUMENTS,
    sizes=((5, 28, 1, 4), (6, 32, 3, 4), (3, 64, 3, 8), (3, 32, 1, 4)),
    batches=(5, 5, 5, 5),
    width="width",
    given=lambda g, batch, latent_dim, **_: {"z": 2 * normal(g, batch, latent_dim)},
    gives=lambda image_size, channels, **_: {"images": [channels, image_size, image_size]},
    oracle=SomeGenerator,
    call=examine_ordered,
    facts=generator_facts,
    misconceptions=(
        Misconception(
            "row_into_convolution",
            RowIntoConvolution,
            "A convolution got z as it comes, a row of numbers. It takes maps: give z the shape "
            "(B, latent_dim, 1, 1), or let a linear layer make the first map.",
            error="Expected 3D (unbatched) or 4D (batched) input",
            also=(NeverReshaped,),
        ),
        Misconception(
            "channels_do_not_fit",
            ChannelsApart,
            "A convolution got another number of channels than it was made for. A layer takes as "
            "many as the one before it makes, and the constructor's arguments come in the order "
            "latent_dim, image_size, channels, width.",
            error="channels, but got",
        ),
        Misconception(
            "norm_of_another_width",
            NormOfAnotherWidth,
            "A batch norm was made for another number of channels than it gets. It takes as many "
            "as the layer before it makes.",
            error="running_mean should contain",
        ),
        Misconception(
            "map_miscounted",
            MapMiscounted,
            "The linear layer makes another number of numbers than the first map has: channels · "
            "height · width, for each z.",
            error="unflatten",
        ),
        Misconception(
            "view_miscounted",
            ViewMiscounted,
            "The numbers that arrive at the reshape do not make whole maps: channels · height · "
            "width of them are needed for each z.",
            error="is invalid for input of size",
        ),
        Misconception(
            "no_tanh",
            unfinished(),
            "Nothing limits the pixels. Real images lie in [-1, 1], so a discriminator would tell "
            "such fakes by their range alone: end with a tanh.",
        ),
        Misconception(
            "sigmoid",
            unfinished(torch.sigmoid),
            "No pixel is ever negative: a sigmoid gives [0, 1], and black is -1 here. The output "
            "must span [-1, 1].",
        ),
        Misconception(
            "relu_before_tanh",
            unfinished(lambda numbers: numbers.relu().tanh()),
            "All that is negative is cut to 0 in front of the tanh, and no pixel can become black, "
            "which is -1. The last transposed convolution goes straight into the tanh.",
        ),
        Misconception(
            "rectified_output",
            unfinished(torch.relu),
            "A ReLU ends the network: no pixel is ever negative, and none has an upper end. The "
            "output must span [-1, 1].",
        ),
        Misconception(
            "up_to_255",
            then(SomeGenerator, lambda images: 127.5 * images + 127.5),
            "The pixels are numbers from 0 to 255, as files hold them. Here they lie in [-1, 1].",
        ),
        Misconception(
            "norm_at_the_end",
            NormAtTheEnd,
            "An image changes with its neighbors in the batch, in eval mode too, and every channel "
            "of every batch has the same mean. No norm stands behind the last layer, and in eval "
            "mode a norm uses its running estimates.",
        ),
        Misconception(
            "batch_statistics_always",
            BatchStatisticsAlways,
            "An image changes with its neighbors in the batch, in eval mode too: something is "
            "taken over the whole batch there. In eval mode a norm uses its running estimates; "
            "nn.BatchNorm2d does so by itself if it keeps them, F.batch_norm must be told "
            "training=self.training.",
        ),
        Misconception(
            "norm_behind_last",
            NormBehindLast,
            "A norm stands behind the last layer: in training every channel of every batch would "
            "have the same mean and contrast, and the generator could not set the range of its "
            "pixels. The last transposed convolution goes straight into the tanh.",
        ),
        Misconception(
            "width_at_the_other_end",
            of_widths(lambda width, times: falling(width, times)[::-1]),
            "The channels grow on the way up. They fall: the small map has the most, and `width` "
            "of them arrive at the last layer.",
        ),
        Misconception(
            "one_width",
            of_widths(lambda width, times: [width] * times),
            "A doubling of the size leaves the channels as many as they are. Each halves them: "
            "`width` arrive at the last layer, and each map before has twice as many as the next.",
        ),
        Misconception(
            "another_last_width",
            of_widths(lambda width, times: [2 * w for w in falling(width, times)]),
            "The channels fall by halves, but another number than `width` arrives at the last "
            "layer. Count from there: `width`, and twice as many for each step back.",
            also=(
                of_widths(lambda width, times: [8 * width // 2**k for k in range(times)]),
                of_widths(lambda width, times: [width // 2**k for k in range(times)]),
            ),
        ),
        Misconception(
            "starts_too_large",
            of_widths(falling, start={28: (7, 2), 32: (8, 2), 64: (8, 3)}),
            "The way up starts at 8 × 8. Halve until *less* than 8 is left: 32 and 64 come to 4 × "
            "4, three and four doublings away.",
        ),
        Misconception(
            "halved_too_often",
            then(SomeGenerator, lambda images: images[..., 4:, 4:]),
            "24 pixels come where 28 are wanted, as from a first map of 3 × 3: 28 halved three "
            "times and rounded down. Halve until less than 8 is left, which is 7 after two.",
        ),
        Misconception(
            "odd_kernel",
            then(SomeGenerator, lambda images: images[..., 3:, 3:]),
            "A kernel of 3 with stride 2 and padding 1 makes 13 of 7, and 25 of 13: an odd kernel "
            "loses a pixel each time. Kernel 4 with stride 2 and padding 1 doubles exactly.",
        ),
        Misconception(
            "padding_missing",
            then(SomeGenerator, lambda images: F.pad(images, (3, 3, 3, 3))),
            "A kernel of 4 with stride 2 and no padding makes 16 of 7, and 34 of 16. With padding "
            "1 it doubles the size exactly.",
        ),
        Misconception(
            "stops_halfway",
            then(SomeGenerator, lambda images: F.avg_pool2d(images, 2)),
            "The images are half as large as they should be: one doubling is missing, or the way "
            "up started too small.",
        ),
        Misconception(
            "one_doubling_too_many",
            then(SomeGenerator, lambda images: F.interpolate(images, scale_factor=2)),
            "The images are twice as large as they should be: there is one doubling too many, or "
            "the way up started too large.",
        ),
        Misconception(
            "never_grows",
            then(SomeGenerator, lambda images: F.avg_pool2d(images, 4)),
            "The map stays as small as it was at the start, or nearly so. Transposed convolutions "
            "with stride 2 double it.",
        ),
        *adapted(
            fixed_sizes(SomeGenerator, ARGUMENTS, channels=1, width=8),
            fixed_channels="The last layer makes one channel whatever `channels` says: a color "
            "image has three.",
            fixed_width="`width` is not used: a number of channels is written as a number "
            "somewhere.",
        ),
        Misconception(
            "twenty_eight",
            with_sizes(SomeGenerator, lambda z, n, c, w: (z, 28, c, w)),
            "The images are 28 × 28 whatever image_size says. 28 is 7 doubled twice; 32 and 64 "
            "are 4 doubled three and four times.",
        ),
        Misconception(
            "thirty_two",
            with_sizes(SomeGenerator, lambda z, n, c, w: (z, 32, c, w)),
            "The images are 32 × 32 whatever image_size says. 28 is 4 · 7, so its way up starts at "
            "7 × 7, and 64 takes one doubling more.",
            also=(with_sizes(SomeGenerator, lambda z, n, c, w: (z, 32 if n < 64 else 64, c, w)),),
        ),
        Misconception(
            "sixty_four",
            with_sizes(SomeGenerator, lambda z, n, c, w: (z, 64, c, w)),
            "The images are 64 × 64 whatever image_size says, as in the paper. The number of "
            "doublings depends on image_size.",
        ),
        Misconception(
            "always_in_color",
            with_sizes(SomeGenerator, lambda z, n, c, w: (z, n, 3, w)),
            "The images have three channels whatever `channels` says: a gray image has one.",
        ),
        Misconception(
            "width_for_channels",
            with_sizes(SomeGenerator, lambda z, n, c, w: (z, n, w, c)),
            "The images have `width` channels: `width` and `channels` changed places. The "
            "constructor takes latent_dim, image_size, channels, width.",
        ),
        Misconception(
            "no_convolution",
            Dense,
            "There is no convolution in here: this is lesson 09's generator. Start with a small "
            "map, and grow it by transposed convolutions.",
        ),
        Misconception(
            "ignores_z",
            given_first(SomeGenerator, torch.randn_like),
            "z has no say: the network draws noise of its own. The caller draws z; the network is "
            "a function of it, with nothing random inside.",
        ),
        *adapted(
            image_mistakes(SomeGenerator, "(B, C, n, n)"),
            leave_out=("channel_missing", "batch_as_channels"),
        ),
        *adapted(
            layer_mistakes(SomeGenerator),
            no_activation="Nothing bends between the layers, and a transposed convolution is a "
            "linear map, too. Put a ReLU behind each but the last.",
        ),
        Misconception("norms_in_a_list", in_a_plain_list(of_widths(falling)), NORMS_IN_A_LIST),
    ),
    hints=(
        "How often must 28, 32 and 64 be halved until less than 8 is left, and what is left? That "
        "is the size of the first map, and the way up doubles it as often.",
        "The first map: give z the shape (B, latent_dim, 1, 1), for which nn.Unflatten is a layer, "
        "and let a transposed convolution make the small map of it (its kernel is the map's "
        "size). Each doubling: kernel 4, stride 2, padding 1, and half as many channels.",
        "Behind each transposed convolution but the last a batch norm and a ReLU; behind the last, "
        "which makes `channels` channels of `width`, a tanh alone.",
    ),
)
