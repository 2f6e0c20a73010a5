"""Check of `sample_prior`: which codes were decoded, and what came of the logits."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli

from ..declare import Misconception
from ..ready import adapted, only
from ..samplers import call_mistakes, code_mistakes, sampler, sampler_exercise
from .tiny_networks import TinyDecoder

LOGITS_RETURNED = (
    "These are logits, below 0 and above 1. The sigmoid turns them into probabilities."
)


def stretched(logits: Tensor) -> Tensor:
    return (logits - logits.min()) / (logits.max() - logits.min()).clamp(min=1e-12)


FINISHES = {
    "what the sigmoid makes of the logits": torch.sigmoid,
    "the logits": lambda logits: logits,
    "the sigmoid of the sigmoid": lambda logits: logits.sigmoid().sigmoid(),
    "the logits, clipped": lambda logits: logits.clamp(0, 1),
    "the logits, stretched to [0, 1]": stretched,
    "the logits, half of them plus one half": lambda logits: (logits + 1) / 2,
    "the tanh of the logits": torch.tanh,
    "the exponential of the logits": torch.exp,
    "a softmax of the logits": lambda logits: logits.flatten(1).softmax(1).reshape(logits.shape),
    "a softmax of each row": lambda logits: logits.softmax(-1),
    "the probabilities, rounded": lambda logits: logits.sigmoid().round(),
}


def prior_by_distribution(decoder, count, latent_dim, generator):
    noise = torch.empty(count, latent_dim).normal_(generator=generator)
    return Bernoulli(logits=decoder(noise).detach()).mean


@torch.no_grad()
def tossed_globally(decoder, count, latent_dim, generator):
    return torch.bernoulli(sampler()(decoder, count, latent_dim, generator))


EXERCISE = sampler_exercise(
    name="vae.sample_prior",
    build=lambda inputs: TinyDecoder(inputs["weights"], *inputs["size"]),
    finishes=FINISHES,
    tosses=True,
    oracle=prior_by_distribution,
    misconceptions=(
        Misconception(
            "logits_returned",
            sampler(finish=FINISHES["the logits"]),
            LOGITS_RETURNED,
        ),
        Misconception(
            "sigmoid_twice",
            sampler(finish=FINISHES["the sigmoid of the sigmoid"]),
            "The sigmoid was applied twice: everything is gray, between 0.5 and 0.73.",
        ),
        Misconception(
            "clipped",
            sampler(finish=FINISHES["the logits, clipped"]),
            "Clipping forces logits into [0, 1], but it does not make probabilities of them. A "
            "logit of 0 means one half.",
        ),
        Misconception(
            "stretched",
            sampler(finish=stretched),
            "The logits were stretched to [0, 1] by the batch's smallest and largest, so that an "
            "image depends on its neighbors. The sigmoid treats each pixel alone.",
        ),
        Misconception(
            "rounded",
            sampler(finish=FINISHES["the probabilities, rounded"]),
            "The probabilities were rounded to 0 and 1. Keep them: gray is where the decoder is "
            "unsure.",
        ),
        Misconception(
            "as_behind_a_tanh",
            sampler(finish=FINISHES["the logits, half of them plus one half"]),
            "(x + 1) / 2 is the way from [-1, 1] to [0, 1], for images behind a tanh. The decoder "
            "gives logits, which have no bounds: the sigmoid turns them into probabilities.",
        ),
        Misconception(
            "tanh_for_sigmoid",
            sampler(finish=torch.tanh),
            "A tanh gives numbers in [-1, 1]. Probabilities are wanted: the sigmoid.",
        ),
        Misconception(
            "exponential_for_sigmoid",
            sampler(finish=torch.exp),
            "The exponential of a logit is not its probability, and exceeds 1: the logit is the "
            "logarithm of the odds. The sigmoid turns it into a probability.",
        ),
        Misconception(
            "softmax_for_sigmoid",
            sampler(finish=FINISHES["a softmax of the logits"]),
            "A softmax makes pixels share a sum of 1. Each pixel is a coin of its own, which the "
            "sigmoid gives.",
            also=(sampler(finish=FINISHES["a softmax of each row"]),),
        ),
        *adapted(code_mistakes(), leave_out=("global_noise",)),
        Misconception(
            "tossed_globally",
            tossed_globally,
            "The pixels were tossed by the global generator. The probabilities themselves are "
            "wanted; who tosses takes `generator` for it.",
        ),
        *only(code_mistakes(), "global_noise"),
        *call_mistakes(),
    ),
    hints=(
        "No image goes in. Where do the codes come from, and what does the decoder give?",
        "count codes of latent_dim standard normal numbers, drawn from generator; the decoder "
        "makes logits of them, and an image holds probabilities.",
        "torch.randn(shape, generator=generator), decode under torch.no_grad(), then the sigmoid.",
    ),
)
