"""Check of `Discriminator`: any architecture will do, judged by what it does."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception
from ..module_facts import module_facts
from ..modules import examine, module_case
from ..random_inputs import normal, some_seed
from ..wrong_modules import (
    DROPOUT_STAYS_ON,
    NOT_REGISTERED,
    REBUILT,
    WIDTH_IGNORED,
    SmallNetwork,
    in_a_plain_list,
    rebuilt_in_forward,
    then,
    with_dropout_always,
    with_sizes,
    without_activation,
)


def discriminator_cases(generator: torch.Generator) -> list[Case]:
    def case(batch: int, image_size: int, hidden_dim: int) -> Case:
        return module_case(
            {"image_size": image_size, "hidden_dim": hidden_dim},
            {"images": normal(generator, batch, 1, image_size, image_size)},
            {"logits": []},
            some_seed(generator),
            f"Discriminator({image_size}, {hidden_dim}), a batch of {batch}",
        )

    return [case(8, 12, 24), case(7, 28, 16)]


class SomeDiscriminator(SmallNetwork):
    """A right discriminator."""

    def __init__(self, image_size: int, hidden_dim: int):
        super().__init__(image_size**2, hidden_dim, 1)

    def finish(self, numbers: Tensor) -> Tensor:
        return numbers.squeeze(1)


class UpperHalf(SomeDiscriminator):
    def __init__(self, image_size: int, hidden_dim: int):
        super().__init__(image_size, hidden_dim)
        mask = torch.arange(image_size)[:, None] < image_size // 2
        self.register_buffer("mask", mask)

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images * self.mask)


class NotFlattened(nn.Module):
    def __init__(self, image_size: int, hidden_dim: int):
        super().__init__()
        self.first, self.last = nn.Linear(image_size, hidden_dim), nn.Linear(hidden_dim, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.first(images).relu())


EXERCISE = Exercise(
    name="first_gan.Discriminator",
    signature="(image_size, hidden_dim)",
    oracle=SomeDiscriminator,
    cases=discriminator_cases,
    call=examine,
    facts=module_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "sigmoid",
            then(SomeDiscriminator, torch.sigmoid),
            "Its outputs are probabilities. Logits are wanted, any real number: the loss applies "
            "the sigmoid itself, in a form that does not overflow, and a second one would flatten "
            "every gradient.",
        ),
        Misconception(
            "tanh",
            then(SomeDiscriminator, torch.tanh),
            "No logit is ever larger than 1, so it can never be surer than 73 %. The tanh belongs "
            "to the generator; the discriminator ends with its linear layer.",
        ),
        Misconception(
            "relu_at_the_end",
            then(SomeDiscriminator, torch.relu),
            "No logit is ever negative, so it cannot say «fake». No activation behind the last "
            "linear layer.",
        ),
        Misconception(
            "unit_kept",
            then(SomeDiscriminator, lambda logits: logits[:, None]),
            "The dimension of the single output is still there. (B, 1) beside a target of shape "
            "(B,) broadcasts to (B, B) without a warning: take it off.",
        ),
        Misconception(
            "batch_averaged",
            then(SomeDiscriminator, torch.mean),
            "One number came for the whole batch. Each image gets its own logit: shape (B,).",
        ),
        Misconception(
            "linear",
            without_activation(SomeDiscriminator),
            "Nothing bends between the linear layers, so together they are one: such a judge sees "
            "the mean of each pixel only, and a generator fools it with the average digit.",
        ),
        Misconception(
            "not_flattened",
            NotFlattened,
            "The linear layer was applied to each row of pixels on its own. Flatten an image to "
            "one vector first, and keep the batch dimension.",
        ),
        Misconception(
            "compares_with_the_batch",
            then(SomeDiscriminator, lambda logits: logits - logits.mean()),
            "An image's logit changes with its neighbors in the batch. The question is «is this "
            "image real?», not «which of them is more real?».",
        ),
        Misconception(
            "part_of_the_image",
            UpperHalf,
            "Some pixels have no influence on the logit. All of them belong into the first layer.",
        ),
        Misconception("layers_in_a_list", in_a_plain_list(SomeDiscriminator), NOT_REGISTERED),
        Misconception("layers_in_forward", rebuilt_in_forward(SomeDiscriminator), REBUILT),
        Misconception("dropout_in_eval", with_dropout_always(SomeDiscriminator), DROPOUT_STAYS_ON),
        Misconception(
            "hidden_dim_unused",
            with_sizes(SomeDiscriminator, lambda n, h: (n, 32)),
            WIDTH_IGNORED,
        ),
    ),
    hints=(
        "An ordinary classifier of two classes. How many numbers need it give for an image?",
        "One logit is enough: positive for «real», negative for «fake». Which activation stands "
        "behind it? None.",
        "nn.Flatten() makes (B, H·W) of (B, 1, H, W). The last nn.Linear has one output; its "
        "dimension of length 1 goes by .squeeze(1), or by nn.Flatten(0) as a last layer.",
    ),
)
