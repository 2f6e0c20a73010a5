"""Check of `Decoder`: any architecture will do, judged by what it does."""

from __future__ import annotations

from ..module_exercises import (
    fixed_sizes,
    image_mistakes,
    layer_mistakes,
    module_exercise,
    pixel_mistakes,
    unbounded_mistakes,
)
from ..random_inputs import normal
from ..ready import adapted
from ..wrong_modules import ImageMaker

ARGUMENTS = "latent_dim, hidden_dim, image_size"


class SomeDecoder(ImageMaker):
    """A right decoder."""


EXERCISE = module_exercise(
    name="vae.Decoder",
    arguments=ARGUMENTS,
    sizes=((3, 16, 28), (2, 24, 12)),
    given=lambda g, batch, latent_dim, **_: {"z": 3 * normal(g, batch, latent_dim)},
    gives=lambda image_size, **_: {"logits": [1, image_size, image_size]},
    oracle=SomeDecoder,
    misconceptions=(
        *adapted(
            unbounded_mistakes(SomeDecoder),
            sigmoid_output="A sigmoid follows the last layer, so these are probabilities. The "
            "decoder gives logits; the log-likelihood applies the sigmoid itself, and a second one "
            "would keep every pixel gray.",
            rectified_output="An activation follows the last layer, so no logit is negative and no "
            "pixel can be darker than one half. Nothing comes after the last layer.",
        ),
        *pixel_mistakes(SomeDecoder),
        *fixed_sizes(SomeDecoder, ARGUMENTS, image_size=28, hidden_dim=20, latent_dim=2),
        *adapted(
            image_mistakes(SomeDecoder),
            noisy_output="Two calls with the same z differ, in eval mode too: the decoder draws "
            "random numbers, as F.dropout does unless it is told training=self.training. It should "
            "only give the logits; whoever wants 0/1 pixels draws them afterwards.",
        ),
        *layer_mistakes(SomeDecoder),
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
