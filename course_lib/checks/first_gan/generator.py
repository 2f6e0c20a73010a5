"""Check of `Generator`: any architecture will do, judged by what it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ..declare import Misconception, Plain
from ..module_exercises import (
    fixed_sizes,
    image_mistakes,
    layer_mistakes,
    module_exercise,
    pixel_mistakes,
)
from ..module_facts import module_facts
from ..random_inputs import normal
from ..ready import adapted
from ..wrong_modules import ImageMaker, given_first, then

ARGUMENTS = "latent_dim, hidden_dim, image_size"


def generator_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    facts = module_facts(inputs, record)
    if record["outputs"] is None:
        return facts
    (images,) = record["outputs"]
    return facts | {"hardly any pixel is exactly 0": bool((images == 0).float().mean() < 0.1)}


class SomeGenerator(ImageMaker):
    """A right generator."""

    def finish(self, numbers: torch.Tensor) -> torch.Tensor:
        return super().finish(numbers).tanh()


EXERCISE = module_exercise(
    name="first_gan.Generator",
    arguments=ARGUMENTS,
    sizes=((5, 24, 12), (9, 16, 28)),
    given=lambda g, batch, latent_dim, **_: {"z": normal(g, batch, latent_dim)},
    gives=lambda image_size, **_: {"images": [1, image_size, image_size]},
    oracle=SomeGenerator,
    facts=generator_facts,
    misconceptions=(
        Misconception(
            "no_tanh",
            ImageMaker,
            "Nothing limits the pixels. Real images lie in [-1, 1], so a discriminator would tell "
            "such fakes by their range alone: end with a function that maps onto it.",
        ),
        Misconception(
            "sigmoid",
            then(ImageMaker, torch.sigmoid),
            "No pixel is ever negative: a sigmoid (or softmax) gives [0, 1], and the background of "
            "the real images is at -1. The output must span [-1, 1].",
        ),
        Misconception(
            "relu_before_tanh",
            then(ImageMaker, lambda pixels: pixels.relu().tanh()),
            "All that is negative is cut to 0, by a ReLU before the last activation or by a clamp, "
            "and no pixel can become black, which is -1. The last linear layer goes straight into "
            "the tanh.",
        ),
        Misconception(
            "up_to_255",
            then(SomeGenerator, lambda images: 127.5 * images + 127.5),
            "The pixels are numbers from 0 to 255, as files hold them. The real images of this "
            "lesson lie in [-1, 1].",
        ),
        Misconception(
            "rectified_output",
            then(ImageMaker, torch.relu),
            "A ReLU ends the network: no pixel is ever negative, and none has an upper end. The "
            "output must span [-1, 1].",
        ),
        *pixel_mistakes(SomeGenerator),
        *fixed_sizes(SomeGenerator, ARGUMENTS, image_size=28, hidden_dim=32),
        *image_mistakes(SomeGenerator),
        *adapted(
            layer_mistakes(SomeGenerator),
            no_activation="Between the linear layers is nothing that bends: together they are one "
            "linear layer, whatever their number. Put an activation behind each hidden one.",
        ),
        Misconception(
            "batch_statistics",
            given_first(SomeGenerator, lambda z: (z - z.mean(0)) / (z.std(0, False) + 1e-5)),
            "An image changes with its neighbors in the batch, in eval mode too. Each sample must "
            "depend on its own z alone.",
        ),
    ),
    hints=(
        "Two or three linear layers with an activation between them. Which numbers of inputs and "
        "outputs must the first and the last one have?",
        "The last layer has one output a pixel, image_size**2 of them. What function squeezes any "
        "real number into [-1, 1]?",
        "nn.Sequential holds them all: nn.Linear, nn.LeakyReLU(0.2), …, nn.Linear, nn.Tanh. At its "
        "end, nn.Unflatten(1, shape) makes images of rows of pixels.",
    ),
)
