"""Check of `Decoder`: any architecture will do, judged by what it does."""

from __future__ import annotations

import torch

from ..declare import Case, Exercise, Misconception
from ..module_facts import module_facts
from ..modules import examine, module_case
from ..random_inputs import normal, some_seed
from ..wrong_modules import (
    NO_ACTIVATION,
    NOT_REGISTERED,
    REBUILT,
    WIDTH_IGNORED,
    ImageMaker,
    in_a_plain_list,
    rebuilt_in_forward,
    then,
    with_sizes,
    without_activation,
)


def decoder_cases(generator: torch.Generator) -> list[Case]:
    def case(batch: int, latent_dim: int, hidden_dim: int, image_size: int) -> Case:
        return module_case(
            {"latent_dim": latent_dim, "hidden_dim": hidden_dim, "image_size": image_size},
            {"z": 3 * normal(generator, batch, latent_dim)},
            {"logits": [1, image_size, image_size]},
            some_seed(generator),
            f"Decoder({latent_dim}, {hidden_dim}, {image_size}), a batch of {batch}",
        )

    return [case(8, 3, 16, 28), case(7, 2, 24, 12)]


class SomeDecoder(ImageMaker):
    """A right decoder."""


EXERCISE = Exercise(
    name="vae.Decoder",
    signature="(latent_dim, hidden_dim, image_size)",
    oracle=SomeDecoder,
    cases=decoder_cases,
    call=examine,
    facts=module_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "sigmoid_output",
            then(SomeDecoder, torch.sigmoid),
            "A sigmoid follows the last layer, so these are probabilities. The decoder gives "
            "logits; the log-likelihood applies the sigmoid itself, and a second one would keep "
            "every pixel gray.",
        ),
        Misconception(
            "tanh_output",
            then(SomeDecoder, torch.tanh),
            "A tanh follows the last layer (GANs do that, with images in [-1, 1]). Logits have no "
            "bounds: with tanh no pixel could be surer than 73 %.",
        ),
        Misconception(
            "rectified_output",
            then(SomeDecoder, torch.relu),
            "An activation follows the last layer, so no logit is negative and no pixel can be "
            "darker than one half. Nothing comes after the last layer.",
        ),
        Misconception(
            "flat_output",
            then(SomeDecoder, lambda logits: logits.flatten(1)),
            "The logits are still in one row. Give them the shape of images: (B, 1, n, n).",
        ),
        Misconception(
            "channel_missing",
            then(SomeDecoder, lambda logits: logits.squeeze(1)),
            "The channel axis is missing. Without it, (B, n, n) against (B, 1, n, n) broadcasts "
            "silently to (B, B, n, n), and the loss is computed between different images.",
        ),
        Misconception(
            "channel_last",
            then(SomeDecoder, lambda logits: logits.movedim(1, -1)),
            "The channel stands last, as in TensorFlow. PyTorch wants it second: (B, 1, n, n).",
        ),
        Misconception(
            "batch_as_channels",
            then(SomeDecoder, lambda logits: logits.movedim(1, 0)),
            "The reshape put the batch where the channels belong.",
        ),
        Misconception(
            "squeezed",
            then(SomeDecoder, torch.squeeze),
            "squeeze() removes every axis of length 1: the channel, and the batch where it has one "
            "image.",
        ),
        Misconception(
            "fixed_image_size",
            with_sizes(SomeDecoder, lambda z, h, n: (z, h, 28)),
            "The images are 28 × 28 whatever image_size says: 784 or 28 is written somewhere as a "
            "number.",
        ),
        Misconception(
            "fixed_width",
            with_sizes(SomeDecoder, lambda z, h, n: (z, 20, n)),
            WIDTH_IGNORED,
        ),
        Misconception("no_activation", without_activation(SomeDecoder), NO_ACTIVATION),
        Misconception(
            "noisy_output",
            then(SomeDecoder, lambda logits: logits + torch.randn_like(logits)),
            "Two calls with the same z differ: the decoder draws random numbers. It should only "
            "give the logits; whoever wants 0/1 pixels draws them afterwards.",
        ),
        Misconception("plain_list", in_a_plain_list(SomeDecoder), NOT_REGISTERED),
        Misconception("layers_in_forward", rebuilt_in_forward(SomeDecoder), REBUILT),
    ),
    hints=(
        "The encoder's way back: from latent_dim numbers to image_size² numbers, and then into "
        "the shape of an image. What stands between the two linear layers, and what after them?",
        "latent_dim to hidden_dim, an activation, hidden_dim to image_size². The last layer's "
        "output is the logits as they are.",
        "For the shape (B, 1, n, n) use .reshape(-1, 1, n, n), .unflatten or nn.Unflatten; "
        "remember n in __init__.",
    ),
)
