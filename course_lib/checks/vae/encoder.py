"""Check of `Encoder`: any architecture will do, judged by what it does."""

from __future__ import annotations

from torch import Tensor, nn

from ..declare import Misconception
from ..module_exercises import (
    fixed_sizes,
    flatten_mistakes,
    gaussian_mistakes,
    layer_mistakes,
    module_exercise,
)
from ..random_inputs import binary_images
from ..wrong_modules import SmallNetwork, with_sizes

ARGUMENTS = "image_size, hidden_dim, latent_dim"


class SomeEncoder(SmallNetwork):
    """A right encoder, one layer giving both outputs."""

    def __init__(self, image_size: int, hidden_dim: int, latent_dim: int):
        super().__init__(image_size**2, hidden_dim, 2 * latent_dim)

    def finish(self, numbers: Tensor) -> tuple[Tensor, ...]:
        return numbers.chunk(2, -1)


class Unflattened(SomeEncoder):
    def __init__(self, image_size: int, hidden_dim: int, latent_dim: int):
        super().__init__(1, hidden_dim, latent_dim)
        self.body = nn.Sequential(nn.Linear(image_size, hidden_dim), nn.Tanh())


class RowsAsBatch(Unflattened):
    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return super().forward(images.flatten(0, 2))


EXERCISE = module_exercise(
    name="vae.Encoder",
    arguments=ARGUMENTS,
    sizes=((28, 16, 3), (12, 24, 2)),
    given=lambda g, batch, image_size, **_: {
        "images": binary_images(g, batch, 1, image_size, image_size)
    },
    gives=lambda latent_dim, **_: {"mean": [latent_dim], "log_var": [latent_dim]},
    oracle=SomeEncoder,
    misconceptions=(
        Misconception(
            "not_flattened",
            Unflattened,
            "The image was never flattened: a linear layer acts on the last axis, so each row of "
            "pixels got a code of its own. Flatten everything but the batch first.",
        ),
        Misconception(
            "rows_as_batch",
            RowsAsBatch,
            "The reshape turned rows of pixels into more examples. Keep the batch axis and flatten "
            "only what follows it.",
        ),
        *flatten_mistakes(SomeEncoder, batch=8, size=28),
        Misconception(
            "sizes_swapped",
            with_sizes(SomeEncoder, lambda n, h, z: (n, z, h)),
            "hidden_dim and latent_dim have changed places: the outputs have the width of the "
            "hidden layer. They come in the order (image_size, hidden_dim, latent_dim).",
        ),
        *fixed_sizes(
            SomeEncoder, ARGUMENTS, image_size=28, hidden_dim=20, latent_dim=(2, 10, 16, 20, 32)
        ),
        *gaussian_mistakes(SomeEncoder),
        *layer_mistakes(SomeEncoder),
    ),
    hints=(
        "Images come as (B, 1, n, n), and a linear layer works on the last axis. What has to "
        "happen first, and how many numbers are then in a row?",
        "One hidden layer with an activation, then two linear layers side by side on the same "
        "hidden values: one for the mean, one for the log-variance.",
        "In __init__: image_size² to hidden_dim, hidden_dim to latent_dim, and once more the "
        "latter. In forward: flatten from axis 1, hidden layer, ReLU, both heads, nothing after "
        "them.",
    ),
)
