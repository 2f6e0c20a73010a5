"""Check of `c13_vae_step`. Oracle: torch.distributions and explicit gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

from ..declare import Misconception
from ..ready import adapted
from ..training_steps import StepParts, step_exercise, update_mistakes
from ..vae.bernoulli_log_likelihood import likelihood
from ..vae.negative_elbo import elbo_terms
from ..vae.tiny_networks import TinyDecoder, TinyEncoder
from ..vae.train_step import step_cases
from ..wrong_formulas import LOG_VAR_AS_LOG_STD, SIGMOID_BEFORE_LOSS
from ..wrong_steps import apply_gradients


class NoisyVAE(nn.Module):
    """`v(x)` gives logits, mean, log_var; its noise is given, so that a step can be repeated.

    A second call has other noise, as that of a VAE which draws.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, noise: Tensor):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.register_buffer("noise", noise)
        self.calls = 0

    def forward(self, images):
        mean, log_var = self.encoder(images)
        noise = self.noise[: len(mean)] * (-1) ** self.calls
        z = mean + (log_var / 2).exp() * noise
        self.calls += 1
        return self.decoder(z), mean, log_var


def networks(inputs: Mapping[str, Any]) -> dict[str, nn.Module]:
    decoder = TinyDecoder(inputs["decoder weights"], *inputs["images 1"].shape[2:])
    return {"encoder": TinyEncoder(inputs["encoder weights"]), "decoder": decoder}


PARTS = StepParts(
    networks,
    trained=("encoder", "decoder"),
    arguments=("images", "noise"),
    networks=("encoder", "decoder"),
)


def drive(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """The course's driver; the answer gets both networks in one VAE, which holds the noise."""
    return PARTS.drive(
        lambda encoder, decoder, optimizer, images, noise: answer(
            NoisyVAE(encoder, decoder, noise), optimizer, images
        ),
        inputs,
    )


def reference(v, opt, x):
    logits, mean, log_var = v(x)
    q = Independent(Normal(mean, log_var.exp().sqrt()), 1)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    loss = (kl_divergence(q, prior) - likelihood(logits, x)).mean()
    return apply_gradients(loss, opt, v)


def outputs_of(encoder, decoder, images, noise):
    return NoisyVAE(encoder, decoder, noise)(images)


def having(terms: Callable, cut: Callable = lambda *outputs: outputs) -> Callable:
    """A loss of the likelihood, the KL and the images, in a step with the driver's arguments."""

    def value(encoder, decoder, images, noise):
        logits, mean, log_var = cut(*outputs_of(encoder, decoder, images, noise))
        return terms(*elbo_terms(logits, images, mean, log_var), images)

    return value


def of_vae(step: Callable) -> Callable:
    """A step of (encoder, decoder, optimizer, images, noise) as one of (v, opt, x)."""
    return lambda v, opt, x: step(v.encoder, v.decoder, opt, x, v.noise)


def wrong(terms: Callable, cut: Callable = lambda *outputs: outputs) -> Callable:
    return of_vae(PARTS.step(having(terms, cut)))


def elbo_loss(log_likelihood, kl, images):
    return (kl - log_likelihood).mean()


def squared_error(encoder, decoder, images, noise):
    logits, mean, log_var = outputs_of(encoder, decoder, images, noise)
    _, kl = elbo_terms(logits, images, mean, log_var)
    return ((logits.sigmoid() - images).square().flatten(1).sum(1) + kl).mean()


def latents_averaged(pixels_too: bool = False) -> Callable:
    def value(encoder, decoder, images, noise):
        logits, mean, log_var = outputs_of(encoder, decoder, images, noise)
        log_likelihood, kl = elbo_terms(logits, images, mean, log_var)
        return (kl / mean.shape[1] - log_likelihood / (images[0].numel() ** pixels_too)).mean()

    return value


def called_twice(encoder, decoder, images, noise):
    """The second pass, whose noise is another one, gives the logits."""
    v = NoisyVAE(encoder, decoder, noise)
    _, mean, log_var = v(images)
    logits, _, _ = v(images)
    return elbo_loss(*elbo_terms(logits, images, mean, log_var), images)


def encoder_off_graph(encoder, decoder, images, noise):
    with torch.no_grad():
        mean, log_var = encoder(images)
    logits = decoder(mean + (log_var / 2).exp() * noise)
    return elbo_loss(*elbo_terms(logits, images, mean, log_var), images)


def taken_apart(v, opt, x):
    """The published program."""
    with torch.no_grad():
        mean, log_var = v.encoder(x)
    logits = v.decoder(mean + (log_var / 2).exp() * torch.randn_like(mean))
    loss = elbo_loss(*elbo_terms(logits, x, mean, log_var), x)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.detach()


def only_kl_off(logits, mean, log_var):
    return logits, mean.detach(), log_var.detach()


def only_logits_off(logits, mean, log_var):
    return logits.detach(), mean, log_var


RIGHT = having(elbo_loss)

EXERCISE = replace(
    step_exercise(
        PARTS,
        name="clinic.c13_vae_step",
        oracle=reference,
        cases=step_cases,
        misconceptions=(
            Misconception(
                "encoder_off_graph",
                of_vae(
                    lambda encoder, decoder, optimizer, images, noise: PARTS.step(
                        encoder_off_graph, everywhere=True
                    )(encoder, decoder, optimizer, images, noise)
                ),
                "The encoder stands still: its outputs were taken out of the graph (predict, "
                "no_grad, detach, NumPy) and came back as data. One forward, with its graph, gives "
                "all that the loss needs.",
            ),
            Misconception(
                "kl_off_graph",
                wrong(elbo_loss, only_kl_off),
                "The KL is counted and trains nothing: mean and log_var were cut off before it.",
            ),
            Misconception(
                "likelihood_off_graph",
                wrong(elbo_loss, only_logits_off),
                "The likelihood is counted and trains nothing: the logits were cut off. The "
                "decoder cannot move that way.",
            ),
            Misconception(
                "kl_forgotten",
                wrong(lambda ll, kl, x: -ll.mean()),
                "The KL is missing from the loss.",
            ),
            Misconception(
                "likelihood_forgotten",
                wrong(lambda ll, kl, x: kl.mean()),
                "The likelihood is missing: with the KL alone nothing is reconstructed.",
            ),
            Misconception(
                "kl_subtracted",
                wrong(lambda ll, kl, x: (-ll - kl).mean()),
                "The KL was subtracted. It is a cost, like minus the log-likelihood: add it.",
            ),
            Misconception(
                "pixels_averaged",
                wrong(lambda ll, kl, x: (kl - ll / x[0].numel()).mean()),
                "The likelihood is a mean over the pixels and the KL a sum over the latents. Both "
                "are sums for each image; only the batch is averaged.",
            ),
            Misconception(
                "both_averaged",
                of_vae(PARTS.step(latents_averaged(pixels_too=True))),
                "Pixels and latents were both averaged, each by a number of its own. Both are sums "
                "for each image; only the batch is averaged.",
            ),
            Misconception(
                "latents_averaged",
                of_vae(PARTS.step(latents_averaged())),
                "The latents were averaged: the KL weighs too little by their number. It is a sum "
                "for each image.",
            ),
            Misconception(
                "kl_doubled",
                wrong(lambda ll, kl, x: (2 * kl - ll).mean()),
                "The KL is twice too large: it has 1/2 in front.",
            ),
            Misconception(
                "log_var_as_log_std",
                wrong(elbo_loss, lambda logits, m, lv: (logits, m, 2 * lv)),
                LOG_VAR_AS_LOG_STD,
            ),
            Misconception(
                "squared_error",
                of_vae(PARTS.step(squared_error)),
                "A squared error stands in the place of the cross-entropy. The decoder gives "
                "logits of probabilities.",
            ),
            Misconception(
                "called_twice",
                of_vae(PARTS.step(called_twice)),
                "v was called twice. It draws its noise anew each time, so the logits belong to "
                "one code and what else is taken to another pass: one call gives all three.",
            ),
            Misconception(
                "batch_summed",
                wrong(lambda ll, kl, x: (kl - ll).sum()),
                "The batch was added up. Average it, so that the step does not grow with its size.",
            ),
            Misconception(
                "sigmoid_twice",
                wrong(elbo_loss, lambda logits, m, lv: (logits.sigmoid(), m, lv)),
                SIGMOID_BEFORE_LOSS,
            ),
            Misconception(
                "elbo_minimized",
                wrong(lambda ll, kl, x: (ll - kl).mean()),
                "This is the ELBO, and an optimizer minimizes. Minimize its negative.",
            ),
            *adapted(
                update_mistakes(PARTS, RIGHT),
                by=of_vae,
                leave_out=("encoder_left_in_eval", "decoder_left_in_eval"),
            ),
            Misconception(
                "own_noise",
                taken_apart,
                "The step drew noise, so v was taken apart: encoder, a draw, decoder, as in the "
                "published program, whose encoder is cut off on the way. v(x) draws its noise by "
                "itself and keeps the graph: call it once.",
                drawing=True,
            ),
        ),
        hints=(
            "Which numbers of the loss depend on the encoder, and is the way back to it open?",
            "logits, mean and log_var come from one call of v, and none of them is detached.",
            "Sum the cross-entropy over the pixels and the KL over the latents, for each image; "
            "average their sum over the batch; then clear, backward, step.",
        ),
    ),
    signature="(v, opt, x)",
    call=drive,
)
