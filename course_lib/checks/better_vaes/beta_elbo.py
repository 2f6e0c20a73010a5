"""Check of `beta_elbo`. Oracle: a loop over the batch."""

from __future__ import annotations

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal, uniform
from ..wrong_formulas import negated


def beta_cases(generator: torch.Generator) -> list[Case]:
    def inputs(batch: int, beta: float, dtype: torch.dtype = torch.float64) -> dict:
        log_likelihood = -80 + 9 * normal(generator, batch, dtype=dtype)
        kl = 12 + 8 * uniform(generator, batch, dtype=dtype)
        return {"log_likelihood": log_likelihood, "kl": kl, "beta": beta}

    return [
        Case(inputs(5, 4.0), "beta 4", gradients=("log_likelihood", "kl")),
        Case(inputs(3, 0.25), "beta 0.25"),
        Case(inputs(7, 1.0), "beta 1"),
        Case(inputs(1, 2.0), "a batch of one"),
        Case(inputs(4, 8.0, torch.float32), "in float32"),
        Case(inputs(4, 0.0), "beta 0", extreme=True, gradients=("log_likelihood",)),
    ]


def loop_over_batch(log_likelihood: Tensor, kl: Tensor, beta: float) -> Tensor:
    pairs = zip(log_likelihood, kl, strict=True)
    return torch.stack([beta * price - gain for gain, price in pairs]).mean()


EXERCISE = Exercise(
    name="better_vaes.beta_elbo",
    signature="(log_likelihood, kl, beta)",
    unit="nats",
    outputs=("loss",),
    oracle=loop_over_batch,
    cases=beta_cases,
    misconceptions=(
        Misconception(
            "objective_itself",
            negated(loop_over_batch),
            "This is what should become large, and an optimizer makes its argument small. The loss "
            "is the negative of it.",
        ),
        Misconception(
            "likelihood_added",
            lambda ll, kl, beta: (beta * kl + ll).mean(),
            "The log-likelihood enters with a plus, so minimizing makes the images improbable.",
        ),
        Misconception(
            "kl_rewarded",
            lambda ll, kl, beta: (-ll - beta * kl).mean(),
            "The KL is a price: in a loss it comes with a plus.",
        ),
        Misconception(
            "beta_ignored",
            lambda ll, kl, beta: (kl - ll).mean(),
            "beta has no effect: this is the ordinary negative ELBO.",
        ),
        Misconception(
            "beta_on_the_likelihood",
            lambda ll, kl, beta: (kl - beta * ll).mean(),
            "beta weighs the log-likelihood. That is the other way round: a large beta would then "
            "buy more detail. (Counting the likelihood twice is the same as beta = 1/2.)",
        ),
        Misconception(
            "divided_by_beta",
            lambda ll, kl, beta: (kl / (beta or 1) - ll).mean(),
            "The KL was divided by beta. A large beta makes the code dear, not cheap.",
        ),
        Misconception(
            "likelihood_divided",
            lambda ll, kl, beta: (kl - ll / (beta or 1)).mean(),
            "The whole loss came out divided by beta. Where the minimum lies is the same, but the "
            "number is no longer in nats of the likelihood, and the learning rate means something "
            "else for every beta.",
        ),
        Misconception(
            "one_more",
            lambda ll, kl, beta: ((1 + beta) * kl - ll).mean(),
            "The KL counts 1 + beta times: beta is the whole weight, 1 for the ordinary ELBO.",
        ),
        Misconception(
            "both_weighed",
            lambda ll, kl, beta: (beta * (kl - ll)).mean(),
            "beta weighs both terms, which changes nothing but the size of the loss.",
        ),
        Misconception(
            "mixture",
            lambda ll, kl, beta: (beta * kl - (1 - beta) * ll).mean(),
            "The two weights add up to 1 here. The log-likelihood always counts once.",
        ),
        Misconception(
            "one_term_not_averaged",
            lambda ll, kl, beta: beta * kl - ll.mean(),
            "One of the two terms was averaged and the other was not, so that there still is one "
            "value for each image. Average both.",
            also=(lambda ll, kl, beta: beta * kl.mean() - ll,),
        ),
        Misconception(
            "one_term_summed",
            lambda ll, kl, beta: beta * kl.sum() - ll.mean(),
            "One of the two terms was added over the batch and the other averaged: that is another "
            "beta for every batch size. Average both.",
            also=(lambda ll, kl, beta: beta * kl.mean() - ll.sum(),),
        ),
        Misconception(
            "likelihood_not_log",
            lambda ll, kl, beta: (beta * kl - ll.exp()).mean(),
            "The exponential of the log-likelihood was taken: a probability that tiny adds "
            "nothing. The logarithm itself is the term.",
        ),
        Misconception(
            "batch_summed",
            lambda ll, kl, beta: (beta * kl - ll).sum(),
            "The loss adds the images of the batch, so it grows with the batch size. Average.",
        ),
        Misconception(
            "not_reduced",
            lambda ll, kl, beta: beta * kl - ll,
            "One value for each image came back. The loss is their mean, a scalar.",
        ),
        Misconception(
            "likelihood_forgotten",
            lambda ll, kl, beta: (beta * kl).mean(),
            "The log-likelihood is missing: nothing asks the decoder for the image any more.",
        ),
    ),
    hints=(
        "The ELBO of lesson 05 was log-likelihood minus KL. Which of the two is the price?",
        "Multiply the price by beta, leave the log-likelihood as it is, and turn what should grow "
        "into what should shrink.",
        "One mean over the batch, in the last step.",
    ),
)
