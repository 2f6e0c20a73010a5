"""Check of `bernoulli_log_likelihood`. Oracle: torch.distributions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.distributions import Bernoulli, Independent

from ..declare import Case, Exercise, Misconception
from ..random_inputs import binary_images
from ..wrong_formulas import (
    BATCH_AVERAGED,
    FLOOR,
    IN_BITS,
    averaged,
    in_bits,
    negated,
    summed,
)


def likelihood_cases(generator: torch.Generator) -> list[Case]:
    def pair(*shape: int) -> dict:
        logits = 2 * torch.randn(shape, generator=generator, dtype=torch.float64) + 0.3
        return {"logits": logits, "images": binary_images(generator, *shape).double()}

    sure = {
        "logits": 200 * torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0]).reshape(2, 1, 1, 3),
        "images": torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 0.0]).reshape(2, 1, 1, 3),
    }
    return [
        Case(pair(3, 1, 4, 5), gradients=("logits",)),
        Case(pair(1, 1, 6, 2), "a batch of one"),
        Case({n: v.float() for n, v in pair(4, 1, 3, 7).items()}, "in float32"),
        Case(sure, "logits of ±200, float32", extreme=True, gradients=("logits",)),
    ]


def call_likelihood(answer, inputs):
    """As any formula, but the one telling error is a result: errors alone are told by type."""
    try:
        return answer(*inputs.values())
    except RuntimeError as error:
        if "between 0 and 1" not in str(error):
            raise
        return "the complaint that what should be probabilities lies outside [0, 1]"


def likelihood(logits: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    return Independent(Bernoulli(logits=logits), 3).log_prob(images)


def pixel_likelihood(logits: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    return Bernoulli(logits=logits).log_prob(images)


def from_probability(logits: torch.Tensor, images: torch.Tensor, eps: float) -> torch.Tensor:
    p = logits.sigmoid()
    return (images * (p + eps).log() + (1 - images) * (1 - p + eps).log()).flatten(1).sum(1)


EXERCISE = Exercise(
    name="vae.bernoulli_log_likelihood",
    signature="(logits, images)",
    unit="nats",
    oracle=likelihood,
    cases=likelihood_cases,
    call=call_likelihood,
    misconceptions=(
        Misconception(
            "sign",
            negated(likelihood),
            "This is the binary cross-entropy, which is minimized. The log-likelihood is its "
            "negative: the logarithm of a probability, never above 0.",
        ),
        Misconception(
            "mean_over_pixels",
            lambda logits, images: pixel_likelihood(logits, images).flatten(1).mean(1),
            "The pixels were averaged. Given z they are independent, so their probabilities "
            "multiply and the logarithms add. With a mean the KL term later weighs as much as "
            "hundreds of pixels, and the posterior collapses.",
        ),
        Misconception(
            "mean_over_everything",
            averaged(pixel_likelihood),
            "Everything was averaged, images and pixels (reduction='mean' does that). Add over "
            "the pixels of an image, and keep one value for each image.",
        ),
        Misconception(
            "batch_averaged",
            averaged(likelihood),
            BATCH_AVERAGED,
        ),
        Misconception(
            "batch_summed",
            summed(likelihood),
            "The images of the batch were added together (reduction='sum' does that). Give one "
            "value for each image.",
        ),
        Misconception(
            "pixels_not_summed",
            pixel_likelihood,
            "These are the log-probabilities of the single pixels; add them over all axes but "
            "the first.",
        ),
        Misconception(
            "probabilities_wanted",
            lambda logits, images: (
                -F.binary_cross_entropy(logits, images, reduction="none").flatten(1).sum(1)
            ),
            "This function wants probabilities and was given logits, which lie outside [0, 1]. "
            "There is a version that takes logits.",
        ),
        Misconception(
            "sigmoid_twice",
            lambda logits, images: likelihood(logits.sigmoid(), images),
            "The sigmoid was applied twice: a function that takes logits applies it itself. With "
            "two, no pixel can be darker than 0.5.",
        ),
        Misconception(
            "arguments_swapped",
            lambda logits, images: (
                -F.binary_cross_entropy_with_logits(images, logits, reduction="none")
                .flatten(1)
                .sum(1)
            ),
            "Prediction and target changed places: the logits come first, the images second.",
        ),
        Misconception(
            "white_pixels_only",
            lambda logits, images: (images * F.logsigmoid(logits)).flatten(1).sum(1),
            "Only the pixels that are 1 count here. A pixel that is 0 has the probability 1 - p, "
            "and its logarithm belongs into the sum.",
        ),
        Misconception(
            "squared_error",
            lambda logits, images: -(logits.sigmoid() - images).square().flatten(1).sum(1),
            "This is a squared error, the log-likelihood of a Gaussian up to constants. The "
            "decoder here is Bernoulli.",
        ),
        Misconception(
            "in_bits",
            in_bits(likelihood),
            IN_BITS,
        ),
        Misconception(
            "log_of_sigmoid",
            lambda logits, images: from_probability(logits, images, 0.0),
            "The sigmoid of a large logit rounds to exactly 0 or 1, and then the logarithm is "
            "-inf, or 0 times -inf, which is nan. Work with the logits themselves.",
        ),
        Misconception(
            "epsilon",
            lambda logits, images: from_probability(logits, images, 1e-8),
            "A small constant inside the logarithm keeps it finite and wrong: a pixel that the "
            "decoder is sure about and gets wrong costs 200 nats here, and it must pull with its "
            "full gradient. Work with the logits themselves.",
        ),
        Misconception(
            "floor_at_minus_100",
            lambda logits, images: (
                -F.binary_cross_entropy(logits.sigmoid(), images, reduction="none")
                .flatten(1)
                .sum(1)
            ),
            FLOOR,
        ),
        Misconception(
            "clamped",
            lambda logits, images: (
                pixel_likelihood(logits.sigmoid().clamp(1e-7, 1 - 1e-7).logit(), images)
                .flatten(1)
                .sum(1)
            ),
            "Clamping the probability keeps the logarithm finite and wrong: a pixel that the "
            "decoder is sure about and gets wrong costs 200 nats here, and must pull with its full "
            "gradient. Work with the logits themselves.",
        ),
        Misconception(
            "exponential_overflows",
            lambda logits, images: (images * logits - logits.exp().log1p()).flatten(1).sum(1),
            "The formula is right, but exp(200) is too large for float32. F.softplus is "
            "log(1 + exp(x)) without the overflow.",
        ),
    ),
    hints=(
        "Given z the pixels are independent coins. What happens to their probabilities, and what "
        "to the logarithms?",
        "A pixel contributes log p if it is 1 and log (1 - p) if it is 0, with p the sigmoid of "
        "its logit. Add the pixels of an image; keep the images apart.",
        "F.binary_cross_entropy_with_logits gives minus that for each pixel, stable at any logit, "
        "if you ask for no reduction. Mind the sign, and sum over every axis but the first.",
    ),
    rtol=1e-5,
)
