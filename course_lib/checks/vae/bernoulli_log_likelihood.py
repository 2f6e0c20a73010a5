"""Check of `bernoulli_log_likelihood`. Oracle: torch.distributions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch.distributions import Bernoulli, Independent

from ..declare import Case, Exercise, Misconception
from ..observing import Handed
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
        return Handed(answer(*inputs.values()))
    except RuntimeError as error:
        if "between 0 and 1" not in str(error):
            raise
        return "the complaint that what should be probabilities lies outside [0, 1]"


def likelihood(logits: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    return Independent(Bernoulli(logits=logits), 3).log_prob(images)


def pixel_likelihood(logits: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    return Bernoulli(logits=logits).log_prob(images)


def squared_error(predict: Callable = torch.sigmoid, weight: float = 1.0) -> Callable:
    return lambda logits, images: -weight * (predict(logits) - images).square().flatten(1).sum(1)


def pixels_averaged(formula: Callable) -> Callable:
    return lambda logits, images: formula(logits, images) / images[0].numel()


def logits_clamped(at: float) -> Callable:
    return lambda logits, images: likelihood(logits.clamp(-at, at), images)


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
            squared_error(),
            "This is a squared error, the log-likelihood of a Gaussian up to constants. The "
            "decoder here is Bernoulli.",
            also=(
                squared_error(weight=0.5),
                squared_error(lambda logits: logits),
                squared_error(lambda logits: logits, 0.5),
                pixels_averaged(squared_error()),
                pixels_averaged(squared_error(lambda logits: logits)),
            ),
        ),
        Misconception(
            "added_over_the_batch",
            lambda logits, images: pixel_likelihood(logits, images).flatten(1).sum(0),
            "The sum ran over the batch, the first axis, and left one number for each pixel. Add "
            "over all axes but the first.",
        ),
        Misconception(
            "probability_itself",
            lambda logits, images: likelihood(logits, images).exp(),
            "This is the probability of the image, not its logarithm. For a picture of hundreds of "
            "pixels it is 0 in floating point.",
        ),
        Misconception(
            "one_probability_for_both",
            lambda logits, images: F.logsigmoid(logits).flatten(1).sum(1),
            "Every pixel counts with the probability of being 1. One that is 0 has the probability "
            "1 - p.",
        ),
        Misconception(
            "one_minus_the_logarithm",
            lambda logits, images: (
                (images * F.logsigmoid(logits) + (1 - images) * (1 - F.logsigmoid(logits)))
                .flatten(1)
                .sum(1)
            ),
            "For a pixel that is 0 the logarithm was subtracted from 1. It is the probability that "
            "is subtracted, and then the logarithm is taken.",
        ),
        Misconception(
            "softmax",
            lambda logits, images: (
                -F.cross_entropy(logits.flatten(1), images.flatten(1), reduction="none")
            ),
            "A softmax makes the pixels share one probability of 1, as if exactly one of them were "
            "white. Each pixel is a coin of its own.",
        ),
        Misconception(
            "softplus_turned_round",
            lambda logits, images: (images * logits - F.softplus(-logits)).flatten(1).sum(1),
            "A sign is wrong inside the softplus: the probability of a 0 falls when the logit "
            "grows, and here it rises.",
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
            also=tuple(
                partial(from_probability, eps=eps) for eps in (1e-5, 1e-6, 1e-7, 1e-10, 1e-12)
            ),
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
            "logits_clamped",
            logits_clamped(10.0),
            "The logits were clamped: beyond the bounds a wrong pixel costs no more and has no "
            "gradient. Take the logits as they are.",
            also=tuple(map(logits_clamped, (20.0, 30.0, 50.0))),
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
            also=(
                lambda logits, images: Independent(Bernoulli(logits.sigmoid()), 3).log_prob(images),
            ),
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
