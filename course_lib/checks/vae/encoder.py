"""Check of `Encoder`: any architecture will do, judged by what it does."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception
from ..module_facts import module_facts
from ..modules import examine, module_case
from ..random_inputs import binary_images, some_seed
from ..wrong_modules import (
    NO_ACTIVATION,
    NOT_REGISTERED,
    REBUILT,
    WIDTH_IGNORED,
    SmallNetwork,
    in_a_plain_list,
    rebuilt_in_forward,
    then,
    variant,
    with_constant_variance,
    with_drawn_code,
    with_sizes,
    without_activation,
)


def encoder_cases(generator: torch.Generator) -> list[Case]:
    def case(batch: int, image_size: int, hidden_dim: int, latent_dim: int) -> Case:
        return module_case(
            {"image_size": image_size, "hidden_dim": hidden_dim, "latent_dim": latent_dim},
            {"images": binary_images(generator, batch, 1, image_size, image_size)},
            {"mean": [latent_dim], "log_var": [latent_dim]},
            some_seed(generator),
            f"Encoder({image_size}, {hidden_dim}, {latent_dim}), a batch of {batch}",
        )

    return [case(8, 28, 16, 3), case(7, 12, 24, 2)]


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


EXERCISE = Exercise(
    name="vae.Encoder",
    signature="(image_size, hidden_dim, latent_dim)",
    oracle=SomeEncoder,
    cases=encoder_cases,
    call=examine,
    facts=module_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "one_output",
            then(SomeEncoder, lambda mean, log_var: mean),
            "Only one tensor comes back. The encoder describes a Gaussian for each image: return "
            "its mean and its log-variance, in this order.",
        ),
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
        Misconception(
            "fixed_image_size",
            with_sizes(SomeEncoder, lambda n, h, z: (28, h, z)),
            "It works at 28 × 28 only: 784 (or 28) is written somewhere as a number. Compute it "
            "from image_size.",
        ),
        Misconception(
            "fixed_width",
            with_sizes(SomeEncoder, lambda n, h, z: (n, 20, z)),
            WIDTH_IGNORED,
        ),
        Misconception("no_activation", without_activation(SomeEncoder), NO_ACTIVATION),
        Misconception(
            "both_rectified",
            then(SomeEncoder, lambda mean, log_var: (mean.relu(), log_var.relu())),
            "An activation follows the last layers, so mean and log_var are never negative. Both "
            "must be able to take any value: no activation after them.",
        ),
        Misconception(
            "variance_returned",
            then(SomeEncoder, lambda mean, log_var: (mean, log_var.exp())),
            "The second output is never negative, as a variance or a standard deviation (exp, "
            "softplus, ReLU). A log-variance is wanted: the plain output of a linear layer.",
        ),
        Misconception(
            "mean_rectified",
            then(SomeEncoder, lambda mean, log_var: (mean.relu(), log_var)),
            "The mean is never negative: an activation follows its layer. Half of the latent space "
            "stays empty that way.",
        ),
        Misconception(
            "mean_squashed",
            then(SomeEncoder, lambda mean, log_var: (mean.tanh(), log_var)),
            "The mean cannot leave [-1, 1]: a tanh follows it. The prior reaches to ±3, and the "
            "codes should be able to fill it.",
        ),
        Misconception(
            "one_head",
            then(SomeEncoder, lambda mean, log_var: (mean, mean)),
            "mean and log_var are the same numbers. Each needs weights of its own, in a second "
            "layer or in the second half of one that is twice as wide.",
        ),
        Misconception(
            "split_along_batch",
            variant(SomeEncoder, finish=lambda self, numbers: numbers.chunk(2)),
            "The output was split along the batch, so one half of the images gave the means and "
            "the other the log-variances. chunk takes the axis as its second argument.",
        ),
        Misconception(
            "samples",
            with_drawn_code(SomeEncoder),
            "The encoder draws a code itself, so two calls differ. It should return the "
            "distribution's two parameters; the training step draws from it.",
        ),
        Misconception(
            "one_variance_for_all",
            with_constant_variance(SomeEncoder),
            "log_var is the same for every image. Compute it from the image as well: some digits "
            "are easier to place than others.",
        ),
        Misconception(
            "squeezed",
            then(SomeEncoder, lambda mean, log_var: (mean.squeeze(), log_var.squeeze())),
            "squeeze() without an axis also removes the batch axis where the batch has one image.",
        ),
        Misconception("plain_list", in_a_plain_list(SomeEncoder), NOT_REGISTERED),
        Misconception("layers_in_forward", rebuilt_in_forward(SomeEncoder), REBUILT),
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
