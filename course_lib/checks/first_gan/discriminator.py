"""Check of `Discriminator`: any architecture will do, judged by what it does."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..declare import Misconception
from ..module_exercises import (
    fixed_sizes,
    flatten_mistakes,
    layer_mistakes,
    module_exercise,
    unbounded_mistakes,
)
from ..random_inputs import normal
from ..ready import adapted
from ..wrong_modules import DROPOUT_STAYS_ON, SmallNetwork, then, variant, with_dropout_always

ARGUMENTS = "image_size, hidden_dim"


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


class TwoClasses(SmallNetwork):
    def __init__(self, image_size: int, hidden_dim: int):
        super().__init__(image_size**2, hidden_dim, 2)


class NotFlattened(nn.Module):
    def __init__(self, image_size: int, hidden_dim: int):
        super().__init__()
        self.first, self.last = nn.Linear(image_size, hidden_dim), nn.Linear(hidden_dim, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.first(images).relu())


EXERCISE = module_exercise(
    name="first_gan.Discriminator",
    arguments=ARGUMENTS,
    sizes=((12, 24), (28, 16)),
    given=lambda g, batch, image_size, **_: {"images": normal(g, batch, 1, image_size, image_size)},
    gives=lambda **_: {"logits": []},
    oracle=SomeDiscriminator,
    misconceptions=(
        *adapted(
            unbounded_mistakes(SomeDiscriminator),
            sigmoid_output="Its outputs are probabilities. Logits are wanted, any real number: the "
            "loss applies the sigmoid itself, in a form that does not overflow, and a second one "
            "would flatten every gradient.",
            tanh_output="No logit is ever larger than 1, so it can never be surer than 73 %. The "
            "tanh belongs to the generator; the discriminator ends with its linear layer.",
            rectified_output="No logit is ever negative, so it cannot say «fake». No activation "
            "behind the last linear layer.",
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
        Misconception(
            "two_classes",
            TwoClasses,
            "Two numbers came for each image, as of a classifier with a softmax. For two classes "
            "one logit is enough: shape (B,).",
        ),
        Misconception(
            "squeezed",
            variant(SomeDiscriminator, finish=lambda self, numbers: numbers.squeeze()),
            "squeeze() without an axis also removes the batch axis where the batch has one image.",
        ),
        *adapted(
            flatten_mistakes(SomeDiscriminator, batch=8, size=12),
            leave_out=("channel_kept",),  # which is a unit kept, in what it does
        ),
        *fixed_sizes(SomeDiscriminator, ARGUMENTS, image_size=28, hidden_dim=32),
        *adapted(
            layer_mistakes(SomeDiscriminator),
            no_activation="Nothing bends between the linear layers, so together they are one: such "
            "a judge sees the mean of each pixel only, and a generator fools it with the average "
            "digit.",
        ),
        Misconception("dropout_in_eval", with_dropout_always(SomeDiscriminator), DROPOUT_STAYS_ON),
    ),
    hints=(
        "An ordinary classifier of two classes. How many numbers need it give for an image?",
        "One logit is enough: positive for «real», negative for «fake». Which activation stands "
        "behind it? None.",
        "nn.Flatten() makes (B, H·W) of (B, 1, H, W). The last nn.Linear has one output; its "
        "dimension of length 1 goes by .squeeze(1), or by nn.Flatten(0) as a last layer.",
    ),
)
