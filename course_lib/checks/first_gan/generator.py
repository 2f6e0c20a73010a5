"""Check of `Generator`: any architecture will do, judged by what it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ..declare import Case, Exercise, Misconception, Plain
from ..module_facts import module_facts
from ..modules import examine, module_case
from ..random_inputs import normal, some_seed
from ..wrong_modules import (
    DROPOUT_STAYS_ON,
    NOT_REGISTERED,
    REBUILT,
    WIDTH_IGNORED,
    ImageMaker,
    given_first,
    in_a_plain_list,
    rebuilt_in_forward,
    then,
    with_dropout_always,
    with_sizes,
    without_activation,
)


def generator_cases(generator: torch.Generator) -> list[Case]:
    def case(batch: int, latent_dim: int, hidden_dim: int, image_size: int) -> Case:
        return module_case(
            {"latent_dim": latent_dim, "hidden_dim": hidden_dim, "image_size": image_size},
            {"z": normal(generator, batch, latent_dim)},
            {"images": [1, image_size, image_size]},
            some_seed(generator),
            f"Generator({latent_dim}, {hidden_dim}, {image_size}), a batch of {batch}",
        )

    return [case(8, 5, 24, 12), case(7, 9, 16, 28)]


def generator_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    facts = module_facts(inputs, record)
    if record["outputs"] is None:
        return facts
    (images,) = record["outputs"]
    return facts | {"hardly any pixel is exactly 0": bool((images == 0).float().mean() < 0.1)}


class SomeGenerator(ImageMaker):
    """A right generator."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return super().forward(z).tanh()


EXERCISE = Exercise(
    name="first_gan.Generator",
    signature="(latent_dim, hidden_dim, image_size)",
    oracle=SomeGenerator,
    cases=generator_cases,
    call=examine,
    facts=generator_facts,
    random=True,
    slow=True,
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
            "A ReLU stands before the last activation: half of the pixels are cut to 0 and none "
            "can become black, which is -1. The last linear layer goes straight into the tanh.",
        ),
        Misconception(
            "flat",
            then(SomeGenerator, lambda images: images.flatten(1)),
            "The pixels are still in one row. Give them the shape of an image batch, (B, 1, H, W).",
        ),
        Misconception(
            "no_channel",
            then(SomeGenerator, lambda images: images.squeeze(1)),
            "The channel dimension is missing: gray images have the shape (B, 1, H, W).",
        ),
        Misconception(
            "channels_last",
            then(SomeGenerator, lambda images: images.movedim(1, -1)),
            "The channel stands last, as in Keras and NumPy. PyTorch puts it behind the batch: "
            "(B, 1, H, W).",
        ),
        Misconception(
            "linear",
            without_activation(SomeGenerator),
            "Between the linear layers is nothing that bends: together they are one linear layer, "
            "whatever their number. Put an activation behind each hidden one.",
        ),
        Misconception(
            "size_of_mnist",
            with_sizes(SomeGenerator, lambda z, h, n: (z, h, 28)),
            "The images are 28×28 whatever image_size says: compute the number of pixels from it.",
        ),
        Misconception(
            "ignores_z",
            given_first(SomeGenerator, torch.randn_like),
            "z has no say: the network draws noise of its own. The caller draws z; the generator "
            "is a function of it, with nothing random inside.",
        ),
        Misconception("layers_in_a_list", in_a_plain_list(SomeGenerator), NOT_REGISTERED),
        Misconception("layers_in_forward", rebuilt_in_forward(SomeGenerator), REBUILT),
        Misconception("dropout_in_eval", with_dropout_always(SomeGenerator), DROPOUT_STAYS_ON),
        Misconception(
            "batch_statistics",
            given_first(SomeGenerator, lambda z: (z - z.mean(0)) / (z.std(0, False) + 1e-5)),
            "An image changes with its neighbors in the batch, in eval mode too. Each sample must "
            "depend on its own z alone.",
        ),
        Misconception(
            "hidden_dim_unused",
            with_sizes(SomeGenerator, lambda z, h, n: (z, 32, n)),
            WIDTH_IGNORED,
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
