"""Check of `iwae_loss`. Oracle: a mixture of point weights in torch.distributions' arithmetic."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal
from ..wrong_formulas import IN_BITS, in_bits, negated


def log_weight_cases(generator: torch.Generator) -> list[Case]:
    """Log weights (K, B) whose spread differs from image to image, near those of a digit."""

    def drawn(draws: int, batch: int) -> Tensor:
        weights = normal(generator, draws, batch, dtype=torch.float64)
        spread = torch.linspace(0.6, 2.5, batch, dtype=torch.float64)
        return spread * weights - 4 - 3 * normal(generator, batch, dtype=torch.float64).abs()

    tiny = drawn(4, 3).float() - 400
    mixed = torch.tensor([[-900.0, -90.0, 200.0], [-899.0, -95.0, 199.0], [-902.0, -250.0, 198.0]])
    return [
        Case({"log_weights": drawn(3, 5)}, "3 draws for each of 5 images", gradients=GRADIENTS),
        Case({"log_weights": drawn(1, 4)}, "one draw", gradients=GRADIENTS),
        Case({"log_weights": drawn(6, 1)}, "one image", gradients=GRADIENTS),
        Case({"log_weights": drawn(4, 3).float()}, "in float32"),
        Case({"log_weights": tiny}, "log weights near -400", extreme=True, gradients=GRADIENTS),
        Case({"log_weights": mixed}, "log weights from -902 to 200", extreme=True),
    ]


GRADIENTS = ("log_weights",)


def loss_by_folding(log_weights: Tensor) -> Tensor:
    """The log of the mean weight, one draw added at a time, in double precision."""
    rows = log_weights.double()
    total = rows[0]
    for row in rows[1:]:
        total = torch.logaddexp(total, row)
    losses = math.log(len(rows)) - total
    return (losses.sum() / losses.numel()).to(log_weights.dtype)


def log_mean(log_weights: Tensor, axis: int = 0) -> Tensor:
    return log_weights.logsumexp(axis) - math.log(log_weights.shape[axis])


EXERCISE = Exercise(
    name="likelihood.iwae_loss",
    signature="(log_weights)",
    oracle=loss_by_folding,
    cases=log_weight_cases,
    unit="nats",
    misconceptions=(
        Misconception(
            "elbo",
            lambda w: -w.mean(),
            "The logarithms were averaged: this is the negative ELBO, whatever the number of "
            "draws. Average the weights, and take the logarithm of their mean.",
        ),
        Misconception(
            "sign",
            negated(loss_by_folding),
            "This is the bound itself, and an optimizer would push it down. The loss is its "
            "negative.",
        ),
        Misconception(
            "sum_of_weights",
            lambda w: -w.logsumexp(0).mean(),
            "The weights were added and not averaged: log K is still to be taken off. Without it "
            "the number grows with K for nothing, and is no bound.",
        ),
        Misconception(
            "divided_outside",
            lambda w: -(w.logsumexp(0) / len(w)).mean(),
            "The logarithm was divided by K. It is the sum inside the logarithm that is divided, "
            "and that takes log K off.",
        ),
        Misconception(
            "log_added",
            lambda w: -(w.logsumexp(0) + math.log(len(w))).mean(),
            "log K was added. Dividing by K inside a logarithm subtracts it.",
        ),
        Misconception(
            "log_of_the_batch_size",
            lambda w: -(w.logsumexp(0) - math.log(w.shape[1])).mean(),
            "The logarithm of the batch size was taken off. The sum runs over the draws, so their "
            "number, K, belongs there.",
        ),
        Misconception(
            "batch_in_the_logarithm",
            lambda w: -(w.flatten().logsumexp(0) - math.log(w.numel())),
            "The weights of all images were averaged together before the logarithm. Each image "
            "has a bound of its own; average those.",
        ),
        Misconception(
            "batch_in_the_sum",
            lambda w: -w.logsumexp((0, 1)),
            "The sum inside the logarithm runs over the images as well as over the draws. Each "
            "image has a bound of its own, from its K draws; average those.",
            also=(
                lambda w: -(w.logsumexp((0, 1)) - math.log(len(w))),
                lambda w: -(w.logsumexp((0, 1)) - math.log(w.shape[1])),
            ),
        ),
        Misconception(
            "log_of_all_weights",
            lambda w: -(w.logsumexp(0) - math.log(w.numel())).mean(),
            "The logarithm of K times B was taken off. The sum inside the logarithm has K terms, "
            "one for each draw; the images are averaged outside.",
        ),
        Misconception(
            "k_not_its_logarithm",
            lambda w: -(w.logsumexp(0) - len(w)).mean(),
            "K was taken off, and not its logarithm. Dividing by K inside a logarithm subtracts "
            "log K.",
        ),
        Misconception(
            "no_logarithm",
            lambda w: -w.exp().mean(),
            "The weights were averaged, and the logarithm of their mean was not taken. For a digit "
            "this is e⁻⁹⁰, where float32 has hardly anything left.",
            also=(lambda w: -w.exp().mean(0).sum(),),
        ),
        Misconception(
            "softmax_of_everything",
            lambda w: -(w.flatten().softmax(0) * w.flatten()).sum(),
            "One softmax runs over the draws of all images together, and a normalized average of "
            "logarithms is no bound either. Take the logarithm of the mean weight, image by image.",
        ),
        Misconception(
            "axes_swapped",
            lambda w: -log_mean(w, 1).mean(),
            "The logarithm of the mean was taken over the images, and the average over the draws. "
            "The draws are the first axis.",
        ),
        Misconception(
            "softmax_average",
            lambda w: -(w.softmax(0) * w).sum(0).mean(),
            "The log weights were averaged with their normalized weights. That lies above the "
            "logarithm of the mean weight and is no bound.",
        ),
        Misconception(
            "softmax_average_detached",
            lambda w: -(w.softmax(0).detach() * w).sum(0).mean(),
            "The log weights were averaged with their normalized weights. This has the gradient "
            "of the loss, and another value: it is not the bound that you will report.",
        ),
        Misconception(
            "log_shares_averaged",
            lambda w: -w.log_softmax(0).mean(),
            "The logarithms of the shares were averaged. Shares say how the draws compare with "
            "each other; how large the weights are is gone from them.",
        ),
        Misconception(
            "averages_exchanged",
            lambda w: -w.mean(0).logsumexp(0),
            "The logarithms were averaged over the draws, and the images went into the logarithm. "
            "It is the other way round: the draws under the logarithm, the images in the average.",
            also=(lambda w: -log_mean(w.mean(0)),),
        ),
        Misconception(
            "divided_by_k",
            lambda w: -log_mean(w).sum() / len(w),
            "The images' bounds were added and divided by the number of draws. Their own number is "
            "B.",
        ),
        Misconception(
            "log_k_in_bits",
            lambda w: -(w.logsumexp(0) - math.log2(len(w))).mean(),
            "log K was taken to the base 2, and the rest is in nats.",
        ),
        Misconception(
            "best_draw",
            lambda w: -w.amax(0).mean(),
            "Only the largest weight counts here. All K enter the mean.",
        ),
        Misconception(
            "batch_summed",
            lambda w: -log_mean(w).sum(),
            "The loss adds the images of the batch, so it changes with the batch size. Average "
            "over the batch.",
            also=(lambda w: -(w.logsumexp(0).sum() - math.log(len(w))),),
        ),
        Misconception(
            "not_reduced",
            lambda w: -log_mean(w),
            "There is still one value for each image. The loss is their mean, a scalar.",
            also=(log_mean,),
        ),
        Misconception(
            "shift_not_put_back",
            lambda w: -log_mean(w - w.amax(0)).mean(),
            "The largest log weight was subtracted, to keep the exponential in range, and never "
            "added again.",
        ),
        Misconception("in_bits", in_bits(loss_by_folding), IN_BITS),
        Misconception(
            "underflow",
            lambda w: -w.exp().mean(0).log().mean(),
            "The formula is right, but exp(-400) is 0 in float32, and log 0 is -inf. "
            "torch.logsumexp takes the largest term out before the exponential.",
        ),
        Misconception(
            "one_shift_for_all",
            lambda w: -((w - w.max()).exp().mean(0).log() + w.max()).mean(),
            "One maximum was taken off for the whole batch. An image far below it still ends at "
            "exp(-1000) = 0: each image needs the maximum of its own draws.",
        ),
        Misconception(
            "epsilon",
            lambda w: -(w.exp().mean(0) + 1e-12).log().mean(),
            "A small constant inside the logarithm: the weights of a digit are around e⁻⁹⁰, far "
            "below it, so that every image would score log of the constant.",
            also=(
                lambda w: -(w.exp().mean(0) + 1e-8).log().mean(),
                lambda w: -(w.exp().mean(0) + 1e-10).log().mean(),
            ),
        ),
    ),
    hints=(
        "What is averaged first: the weights of an image's draws, or their logarithms? And what "
        "over the images?",
        "log of a mean = log of the sum, minus log K. Along which axis do the draws lie?",
        "torch.logsumexp over axis 0, minus math.log of the number of rows; then the mean over "
        "the images, and the sign.",
    ),
    rtol=1e-5,
)
