"""Exercises that ask for a network of given sizes, and the mistakes that many of them share.

`module_exercise` declares one from its constructor's arguments, what forward is given and what it
gives. The mistakes are made from a right network, a `SmallNetwork` of `wrong_modules` with
`activation`, `body`, `head` and `finish`, in groups that a file puts in its order among its own:

    fixed_sizes        a number in the place of an argument
    flatten_mistakes   images that reach a linear layer as they are, or as one row
    pixel_mistakes     codes to pixels: a last reshape that fails, a z that has no say
    layer_mistakes     no activation, layers that PyTorch does not find or that are new each time
    unbounded_mistakes an activation behind outputs that have no bounds: logits, codes
    image_mistakes     outputs that are images, in another shape; noise of its own
    gaussian_mistakes  an encoder's mean and log_var
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .declare import Case, Exercise, Misconception
from .module_facts import module_facts
from .modules import examine, module_case
from .random_inputs import some_seed
from .ready import Mistakes
from .wrong_modules import (
    NO_ACTIVATION,
    NOT_REGISTERED,
    REBUILT,
    ImageMaker,
    SmallNetwork,
    given_first,
    in_a_plain_list,
    rebuilt_in_forward,
    then,
    variant,
    with_constant_variance,
    with_drawn_code,
    with_dropout_always,
    with_sizes,
    without_activation,
)


def module_exercise(
    *,
    name: str,
    arguments: str,
    sizes: Sequence[tuple[int, ...]],
    given: Callable[..., Mapping[str, Tensor]],
    gives: Callable[..., Mapping[str, list[int]]],
    oracle: Callable,
    misconceptions: Mistakes,
    hints: tuple[str, ...],
    batches: Sequence[int] = (8, 7),
    width: str | None = "hidden_dim",
    call: Callable = examine,
    facts: Callable = module_facts,
) -> Exercise:
    """The exercise of writing a class `name(arguments)`, any architecture of which is right.

    arguments: of the constructor, as "image_size, hidden_dim". sizes: their values, one tuple for
    each examination, with the batch's size beside it in `batches`. given: `(generator, batch,
    **sizes)` to what forward is called with, by name. gives: `(**sizes)` to the shape of each
    output without the batch. width: see `module_case`; None where no argument is a width. call and
    facts: where more is to be looked at than `examine` and `module_facts` do.
    """
    names = arguments.split(", ")

    def cases(generator: torch.Generator) -> list[Case]:
        made = []
        for numbers, batch in zip(sizes, batches, strict=True):
            by_name = dict(zip(names, numbers, strict=True))
            inputs = given(generator, batch, **by_name)
            about = f"{name.partition('.')[2]}({', '.join(map(str, numbers))}), a batch of {batch}"
            seed = some_seed(generator)
            made.append(module_case(by_name, inputs, gives(**by_name), seed, about, width))
        return made

    return Exercise(
        name=name,
        signature=f"({arguments})",
        oracle=oracle,
        cases=cases,
        call=call,
        facts=facts,
        random=True,
        slow=True,
        misconceptions=misconceptions,
        hints=hints,
    )


# ------------------------------------------------------------------- mistakes

FIXED = {
    "image_size": "It works at 28 × 28 only, whatever image_size says: 784 or 28 (or 7, or 14) is "
    "written somewhere as a number. Compute it from image_size.",
    "channels": "It works with one channel only, whatever `channels` says: a color image has "
    "three.",
    "latent_dim": "The code has the same size whatever latent_dim says.",
}
WIDTH_FIXED = "{} is not used: the width of a hidden layer is written as a fixed number somewhere."


def fixed_sizes(network: type, arguments: str, **numbers: int | tuple[int, ...]) -> Mistakes:
    """`fixed_{argument}`: a number in the place of an argument, as `hidden_dim=20`.

    Several, where each is a size of another output, so that each is a behaviour of its own.
    """
    names = arguments.split(", ")

    def fixed(at: int, number: int) -> type:
        return with_sizes(network, lambda *s: (*s[:at], number, *s[at + 1 :]))

    made = []
    for name, given in numbers.items():
        several = given if isinstance(given, tuple) else (given,)
        first, *others = (fixed(names.index(name), number) for number in several)
        sentence = FIXED.get(name, WIDTH_FIXED.format(name))
        made.append(Misconception(f"fixed_{name}", first, sentence, also=tuple(others)))
    return tuple(made)


def layer_mistakes(network: type) -> Mistakes:
    """About the layers themselves; a sentence about `no_activation` may say what that costs."""
    return (
        Misconception("no_activation", without_activation(network), NO_ACTIVATION),
        Misconception("plain_list", in_a_plain_list(network), NOT_REGISTERED),
        Misconception("layers_in_forward", rebuilt_in_forward(network), REBUILT),
    )


def flatten_mistakes(network: type, batch: int, size: int) -> Mistakes:
    """Where a `SmallNetwork` is given images; batch and size are those of the first examination."""

    def init(self, *sizes):
        network.__init__(self, *sizes)
        self.body = self.body[1:]

    unflattened = variant(network, __init__=init)
    return (
        Misconception(
            "flatten_forgotten",
            unflattened,
            "The image was not flattened before the linear layer, which takes rows of pixels for "
            "whole images. Flatten everything but the batch.",
            error=f"({batch * size}x{size} and {size**2}x",
        ),
        Misconception(
            "batch_flattened",
            given_first(unflattened, torch.flatten),
            "flatten() without an axis makes one row of the whole batch. Keep the first axis: "
            "flatten from axis 1 on.",
            error=f"(1x{batch * size**2} and",
        ),
        Misconception(
            "channel_kept",
            given_first(unflattened, lambda images: images.flatten(2)),
            "The channel axis is still there: each image is flattened from axis 1 on, not from "
            "axis 2.",
        ),
    )


def pixel_mistakes(maker: type[ImageMaker]) -> Mistakes:
    """About a last reshape that fails, and z."""

    def init(self, *sizes):
        maker.__init__(self, *sizes)
        self.head = nn.Linear(self.head.in_features, self.image_size)

    return (
        Misconception(
            "reshaped_to_28",
            variant(maker, finish=lambda self, numbers: numbers.reshape(-1, 1, 28, 28)),
            "The reshape has 28 written into it as a number, and fails at any other image_size.",
            error="28, 28]' is invalid for input of size",
        ),
        Misconception(
            "too_few_pixels",
            variant(
                maker,
                __init__=init,
                finish=lambda self, numbers: numbers.reshape(
                    -1, 1, self.image_size, self.image_size
                ),
            ),
            "What the last layer gives does not fill a picture: for each code image_size² numbers "
            "are needed, one a pixel.",
            error="is invalid for input of size",
        ),
        Misconception(
            "ignores_z",
            given_first(maker, torch.randn_like),
            "z has no say: the network draws noise of its own. The caller draws z; the network is "
            "a function of it, with nothing random inside.",
        ),
    )


def unbounded_mistakes(network: type) -> Mistakes:
    """About an activation behind logits."""
    return (
        Misconception(
            "sigmoid_output",
            then(network, torch.sigmoid),
            "The outputs cannot leave [0, 1]: a sigmoid or a clamp follows the last layer. Logits "
            "are wanted, any real number: the loss applies the sigmoid itself, in a form that does "
            "not overflow.",
            also=(then(network, lambda logits: logits.clamp(0, 1)),),
        ),
        Misconception(
            "tanh_output",
            then(network, torch.tanh),
            "A tanh follows the last layer (a GAN's generator ends so). Logits have no bounds: "
            "between -1 and 1 none could be surer than 73 %.",
        ),
        Misconception(
            "rectified_output",
            then(network, torch.relu),
            "An activation follows the last layer, so that no logit is negative. Nothing comes "
            "after the last layer.",
        ),
        Misconception(
            "activation_at_the_end",
            then(network, F.silu),
            "The outputs have a lower end: an activation such as SiLU follows the last layer. "
            "Nothing comes after it.",
        ),
        Misconception(
            "bounded_output",
            then(network, lambda numbers: numbers.clamp(-0.5, 0.5)),
            "The outputs stay within bounds, as behind a softmax or a clamp. Logits have none: "
            "nothing comes after the last layer.",
        ),
        Misconception(
            "never_positive",
            then(network, F.logsigmoid),
            "No output is ever positive: these are logarithms of probabilities (logsigmoid, "
            "log_softmax). Logits are what such a function is given.",
        ),
    )


def image_mistakes(network: type, shape: str = "(B, 1, n, n)") -> Mistakes:
    """About outputs that are images; where there are colors, leave out `channel_missing`."""
    return (
        Misconception(
            "flat_output",
            then(network, lambda images: images.flatten(1)),
            f"The pixels are still in one row. Give them the shape of images: {shape}.",
        ),
        Misconception(
            "channel_missing",
            then(network, lambda images: images.squeeze(1)),
            "The channel axis is missing. Without it, (B, n, n) against (B, 1, n, n) broadcasts "
            "silently to (B, B, n, n), and a loss compares different images.",
        ),
        Misconception(
            "channel_last",
            then(network, lambda images: images.movedim(1, -1)),
            f"The channels stand last, as in TensorFlow. PyTorch wants them second: {shape}.",
        ),
        Misconception(
            "batch_as_channels",
            then(network, lambda images: images.movedim(1, 0)),
            "The reshape put the batch where the channels belong.",
        ),
        Misconception(
            "squeezed",
            then(network, torch.squeeze),
            "squeeze() removes every axis of length 1: a gray image's channel, and the batch where "
            "it has one image.",
        ),
        Misconception(
            "noisy_output",
            then(network, lambda images: images + torch.randn_like(images)),
            "Two calls with the same input differ, in eval mode too: random numbers are drawn in "
            "forward (F.dropout does that unless it is told training=self.training).",
            also=(with_dropout_always(network),) if issubclass(network, SmallNetwork) else (),
        ),
    )


def gaussian_mistakes(encoder: type) -> Mistakes:
    """About a network that gives `mean, log_var`; its `finish` gives both."""

    def change(both: Callable[[Tensor, Tensor], Any]) -> type:
        return then(encoder, both)

    return (
        Misconception(
            "one_output",
            change(lambda mean, log_var: mean),
            "Only one tensor comes back. The encoder describes a Gaussian for each image: return "
            "its mean and its log-variance, in this order.",
        ),
        Misconception(
            "both_rectified",
            change(lambda mean, log_var: (mean.relu(), log_var.relu())),
            "An activation follows the last layers, so mean and log_var are never negative. Both "
            "must be able to take any value: no activation after them.",
        ),
        Misconception(
            "variance_returned",
            change(lambda mean, log_var: (mean, log_var.exp())),
            "The second output is never negative, as a variance or a standard deviation (exp, "
            "softplus, ReLU). A log-variance is wanted: the plain output of a linear layer.",
        ),
        Misconception(
            "mean_rectified",
            change(lambda mean, log_var: (mean.relu(), log_var)),
            "The mean is never negative: an activation follows its layer. Half of the latent space "
            "stays empty that way.",
        ),
        Misconception(
            "mean_squashed",
            change(lambda mean, log_var: (mean.tanh(), log_var)),
            "The mean cannot leave [-1, 1]: a tanh follows it. The prior reaches to ±3, and the "
            "codes should be able to fill it.",
        ),
        Misconception(
            "mean_in_unit_interval",
            change(lambda mean, log_var: (mean.sigmoid(), log_var)),
            "The mean cannot leave [0, 1]: a sigmoid follows its layer. Half of the prior lies "
            "below 0.",
        ),
        Misconception(
            "never_wider_than_the_prior",
            change(lambda mean, log_var: (mean, -log_var.relu())),
            "log_var is never positive, so no variance can exceed 1. A log-variance is the plain "
            "output of a layer.",
        ),
        Misconception(
            "sample_returned_too",
            change(lambda mean, log_var: (mean, log_var, mean + log_var)),
            "Three tensors come back. Return the mean and the log-variance alone; the training "
            "step draws the code.",
        ),
        Misconception(
            "heads_of_twice_the_size",
            change(lambda mean, log_var: (torch.cat([mean] * 2, 1), torch.cat([log_var] * 2, 1))),
            "Each of the two outputs has 2 · latent_dim numbers. Either one layer makes both and "
            "is split, or each has a layer of its own with latent_dim outputs.",
        ),
        Misconception(
            "one_head",
            change(lambda mean, log_var: (mean, mean)),
            "mean and log_var are the same numbers. Each needs weights of its own, in a second "
            "layer or in the second half of one that is twice as wide.",
        ),
        Misconception(
            "split_along_batch",
            variant(encoder, finish=lambda self, numbers: numbers.chunk(2)),
            "The output was split along the batch, so one half of the images gave the means and "
            "the other the log-variances. chunk takes the axis as its second argument.",
        ),
        Misconception(
            "samples",
            with_drawn_code(encoder),
            "Two calls with the same images differ, in eval mode too: the encoder draws a code "
            "itself, or F.dropout stays on. It should return the distribution's two parameters; "
            "the training step draws from it.",
            also=(with_dropout_always(encoder),),
        ),
        Misconception(
            "one_variance_for_all",
            with_constant_variance(encoder),
            "log_var is the same for every image. Compute it from the image as well: some images "
            "are easier to place than others.",
        ),
        Misconception(
            "squeezed",
            change(lambda mean, log_var: (mean.squeeze(), log_var.squeeze())),
            "squeeze() without an axis also removes the batch axis where the batch has one image.",
        ),
    )
