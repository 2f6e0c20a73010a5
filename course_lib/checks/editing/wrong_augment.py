"""Mistakes of `augment`, each made from a right answer whose parts can be replaced."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Misconception

Draw = Callable[[Tensor, torch.Generator], Tensor]


def coin(images: Tensor, g: torch.Generator) -> Tensor:
    return torch.rand(len(images), generator=g) < 0.5


def whole(size: int) -> Draw:
    """Whole numbers from -size // 8 to size // 8."""
    return lambda images, g: torch.randint(-(size // 8), size // 8 + 1, (len(images),), generator=g)


def down_by(images: Tensor, g: torch.Generator) -> Tensor:
    return whole(images.shape[2])(images, g)


def right_by(images: Tensor, g: torch.Generator) -> Tensor:
    return whole(images.shape[3])(images, g)


def light(images: Tensor, g: torch.Generator) -> Tensor:
    return 0.5 * torch.rand(len(images), 1, 1, 1, generator=g) - 0.25


def shifted(images: Tensor, down: Tensor, right: Tensor, fill: float | str = -1.0) -> Tensor:
    """Each image moved by whole pixels; a frame of `fill`, or of a padding mode, comes in."""
    height, width = images.shape[2:]
    h, w = int(down.abs().max()), int(right.abs().max())
    frame = (w, w, h, h)
    framed = (
        F.pad(images, frame, mode=fill)
        if isinstance(fill, str)
        else F.pad(images, frame, value=fill)
    )
    rows = torch.arange(height)[None, :, None] + (h - down)[:, None, None]
    columns = torch.arange(width)[None, None, :] + (w - right)[:, None, None]
    batch = torch.arange(len(images))[:, None, None]
    return framed[batch, :, rows, columns].movedim(-1, 1)


def augment_with(
    flips: Draw = coin,
    downs: Draw = down_by,
    rights: Draw = right_by,
    brightness: Draw = light,
    mirror: Callable = lambda images: images.flip(3),
    move: Callable = shifted,
    brighten: Callable = lambda images, b: images + b,
    finish: Callable = lambda images: images.clamp(-1, 1),
    generator_of: Callable = lambda g: g,
) -> Callable:
    def answer(images, generator):
        g = generator_of(generator)
        flip = flips(images, g)[:, None, None, None]
        images = torch.where(flip, mirror(images), images)
        images = move(images, downs(images, g), rights(images, g))
        return finish(brighten(images, brightness(images, g)))

    return answer


def shared(draw: Draw) -> Draw:
    """One number for all images."""
    return lambda images, g: draw(images, g)[:1].expand(len(images), *draw(images[:1], g).shape[1:])


def halves(draw: Draw) -> Draw:
    """The second half of the batch draws what the first has drawn."""

    def answer(images: Tensor, g: torch.Generator) -> Tensor:
        first = draw(images[: (len(images) + 1) // 2], g)
        return torch.cat([first, first])[: len(images)]

    return answer


def zeros(images: Tensor, g: torch.Generator) -> Tensor:
    return torch.zeros(len(images), dtype=torch.long)


def brightness_first(images: Tensor, generator: torch.Generator) -> Tensor:
    return augment_with(brighten=lambda x, b: x)(
        (images + light(images, generator)).clamp(-1, 1), generator
    )


def square_shift(images: Tensor, generator: torch.Generator) -> Tensor:
    """One draw, used for both directions."""
    kept: list[Tensor] = []

    def first(x: Tensor, g: torch.Generator) -> Tensor:
        kept.append(torch.rand(len(x), generator=g))
        return spread(kept[0], x.shape[2])

    def spread(u: Tensor, size: int) -> Tensor:
        limit = size // 8
        return (u * (2 * limit + 1)).floor().long() - limit

    return augment_with(downs=first, rights=lambda x, g: spread(kept[0], x.shape[3]))(
        images, generator
    )


def copied(generator: torch.Generator) -> torch.Generator:
    copy = torch.Generator()
    copy.set_state(generator.get_state())
    return copy


def flip_the_batch(images: Tensor, generator: torch.Generator) -> Tensor:
    """flip(0) turns the order of the images."""
    return augment_with(mirror=lambda x: x.flip(0))(images, generator)


def without_gradient(images: Tensor, generator: torch.Generator) -> Tensor:
    return augment_with()(images.detach(), generator)


MISCONCEPTIONS = (
    Misconception(
        "never_flipped",
        augment_with(mirror=lambda images: images),
        "No image was flipped. Half of them are, left to right, each by a coin of its own.",
    ),
    Misconception(
        "all_flipped",
        augment_with(flips=lambda x, g: coin(x, g) | True),
        "Every image was flipped. Each one tosses a coin of its own.",
    ),
    Misconception(
        "flipped_upside_down",
        augment_with(mirror=lambda images: images.flip(2)),
        "Images were turned upside down. Left to right is the last axis.",
        also=(augment_with(mirror=lambda images: images.flip(2, 3)),),
    ),
    Misconception(
        "batch_turned_round",
        flip_the_batch,
        "The order of the images was turned round in the place of the images: that is axis 0. Left "
        "to right is the last axis.",
    ),
    Misconception(
        "shifted_too_far",
        augment_with(
            downs=lambda x, g: 2 * down_by(x, g) - (down_by(x, g) > 0).long(),
            rights=lambda x, g: whole(2 * x.shape[3])(x, g),
        ),
        "Images are shifted by more than an eighth of their size.",
        also=(
            augment_with(
                downs=lambda x, g: whole(2 * x.shape[2])(x, g),
                rights=lambda x, g: whole(2 * x.shape[3])(x, g),
            ),
        ),
    ),
    Misconception(
        "not_shifted",
        augment_with(downs=zeros, rights=zeros),
        "No image was shifted.",
    ),
    Misconception(
        "shifted_sideways_only",
        augment_with(downs=zeros),
        "Images were shifted along one axis alone. Both are drawn.",
        also=(augment_with(rights=zeros),),
    ),
    Misconception(
        "one_shift",
        augment_with(downs=shared(down_by), rights=shared(right_by)),
        "All images were shifted alike. Each one draws how far.",
    ),
    Misconception(
        "one_way_only",
        augment_with(
            downs=lambda x, g: down_by(x, g).abs(), rights=lambda x, g: right_by(x, g).abs()
        ),
        "Images go down and right, never up or left. The shift is from -H/8 to H/8.",
    ),
    Misconception(
        "end_left_out",
        augment_with(
            downs=lambda x, g: torch.randint(-1, 1, (len(x),), generator=g),
            rights=lambda x, g: torch.randint(-2, 2, (len(x),), generator=g),
        ),
        "The largest shift never comes. torch.randint leaves its upper end out.",
    ),
    Misconception(
        "limits_swapped",
        augment_with(
            downs=lambda x, g: whole(x.shape[3])(x, g), rights=lambda x, g: whole(x.shape[2])(x, g)
        ),
        "The limits changed places: up and down is an eighth of the height, left and right an "
        "eighth of the width.",
    ),
    Misconception(
        "both_ways_together",
        square_shift,
        "How far down and how far right go together: one number was used for both. Draw each by "
        "itself.",
    ),
    Misconception(
        "image_at_the_edge",
        augment_with(move=lambda x, d, r: shifted(x, d, r, "circular")),
        "Pixels of the image come in at the edge: what left at the other one, as roll brings it "
        "back, or repeated ones. Black comes in: -1.",
        also=(
            augment_with(move=lambda x, d, r: shifted(x, d, r, "replicate")),
            augment_with(move=lambda x, d, r: shifted(x, d, r, "reflect")),
        ),
    ),
    Misconception(
        "gray_filled",
        augment_with(move=lambda x, d, r: shifted(x, d, r, 0.0)),
        "Zeros come in at the edge. In [-1, 1] that is gray; black is -1.",
    ),
    Misconception(
        "brightness_before_the_shift",
        brightness_first,
        "The black that came in stayed black: the brightness was added before the shift. It comes "
        "last, to the whole picture.",
    ),
    Misconception(
        "brightness_missing",
        augment_with(brighten=lambda images, b: images),
        "The brightness did not change.",
    ),
    Misconception(
        "one_brightness",
        augment_with(brightness=lambda x, g: light(x[:1], g)),
        "All images became brighter by the same number. Each one draws its own: (B, 1, 1, 1).",
    ),
    Misconception(
        "brighter_only",
        augment_with(brightness=lambda x, g: light(x, g).abs()),
        "Images only become brighter. The number lies between -0.25 and 0.25.",
        also=(
            augment_with(brightness=lambda x, g: 0.25 * torch.rand(len(x), 1, 1, 1, generator=g)),
        ),
    ),
    Misconception(
        "too_bright",
        augment_with(brightness=lambda x, g: 2 * light(x, g)),
        "The brightness goes beyond ±0.25.",
        also=(
            augment_with(brightness=lambda x, g: 0.25 * torch.randn(len(x), 1, 1, 1, generator=g)),
            augment_with(brightness=lambda x, g: torch.rand(len(x), 1, 1, 1, generator=g) - 0.5),
        ),
    ),
    Misconception(
        "half_as_bright",
        augment_with(brightness=lambda x, g: light(x, g) / 2),
        "The brightness goes half as far as it should: it reaches 0.25 both ways.",
        also=(
            augment_with(
                brightness=lambda x, g: 0.25 * (torch.rand(len(x), 1, 1, 1, generator=g) - 0.5)
            ),
        ),
    ),
    Misconception(
        "multiplied",
        augment_with(brighten=lambda images, b: images * (1 + b)),
        "The brightness was multiplied: that changes the contrast, and leaves gray as it is. Add "
        "it.",
    ),
    Misconception(
        "noise",
        augment_with(brightness=lambda x, g: 0.5 * torch.rand(x.shape, generator=g) - 0.25),
        "No flip, shift and one number explain the images. Did every pixel draw a brightness of "
        "its own, which is noise, or was the contrast changed? One number is added to an image.",
    ),
    Misconception(
        "brightness_of_channels",
        augment_with(
            brightness=lambda x, g: 0.5 * torch.rand(*x.shape[:2], 1, 1, generator=g) - 0.25
        ),
        "Every channel drew a brightness of its own, which changes colors. One number an image.",
    ),
    Misconception(
        "not_clipped",
        augment_with(finish=lambda images: images),
        "Some values lie beyond [-1, 1]. Clip at the end.",
    ),
    Misconception(
        "squashed",
        augment_with(finish=torch.tanh),
        "A tanh brings values into [-1, 1] and changes all of them. Clip instead.",
    ),
    Misconception(
        "clipped_to_the_unit",
        augment_with(finish=lambda images: images.clamp(0, 1)),
        "The result was clipped to [0, 1]. These images are in [-1, 1].",
    ),
    Misconception(
        "global_generator",
        lambda images, generator: augment_with(generator_of=lambda g: torch.default_generator)(
            images, generator
        ),
        "The draws come from the global generator. Give generator=generator to each draw.",
    ),
    Misconception(
        "own_generator",
        augment_with(generator_of=lambda g: torch.Generator().manual_seed(0)),
        "Every seed gives the same result: inside, a generator with a seed of its own was made. "
        "Draw from the one that is passed in.",
    ),
    Misconception(
        "same_at_every_call",
        augment_with(generator_of=copied),
        "Two calls in a row with the same generator draw the same numbers: inside, the generator "
        "was set back, or a copy of it was drawn from. Then every batch is changed alike.",
        also=(augment_with(generator_of=lambda g: g.manual_seed(g.initial_seed())),),
    ),
    Misconception(
        "half_repeated",
        augment_with(flips=halves(coin), downs=halves(down_by), rights=halves(right_by)),
        "Some images of the batch drew what others drew. Draw in the shape of the whole batch.",
        also=(augment_with(brightness=halves(light)),),
    ),
    Misconception(
        "gradient_cut",
        without_gradient,
        "No gradient reaches the images: they were detached, copied, or changed under no_grad. The "
        "generator learns through this very function.",
    ),
)
