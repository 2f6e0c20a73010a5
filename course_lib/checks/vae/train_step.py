"""Check of `train_step`. Oracle: torch.distributions and explicit gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

from ..declare import Case, Exercise, Misconception, Plain
from ..random_inputs import binary_images, normal
from ..steps import ADAM, SGD, TrainingStep
from ..wrong_formulas import SIGMOID_BEFORE_LOSS
from ..wrong_steps import apply_gradients, leaving, update
from .bernoulli_log_likelihood import likelihood
from .negative_elbo import elbo_terms
from .tiny_networks import TinyDecoder, TinyEncoder


def tiny_networks(inputs: Mapping[str, Any]) -> dict[str, nn.Module]:
    decoder = TinyDecoder(inputs["decoder weights"], *inputs["images 1"].shape[2:])
    return {"encoder": TinyEncoder(inputs["encoder weights"]), "decoder": decoder}


STEP = TrainingStep(tiny_networks, trained=("encoder", "decoder"), arguments=("images", "noise"))


def step_cases(g: torch.Generator) -> list[Case]:
    def case(optimizer: dict, batch: int, height: int, width: int, latents: int) -> Case:
        def drawn(*size: int) -> Tensor:
            return normal(g, *size, dtype=torch.float64)

        pixels = height * width
        inputs: dict[str, Plain] = {
            "optimizer": optimizer,
            "old_gradients": 0.0,
            "encoder weights": 0.3 * drawn(2 * latents, pixels + 1),
            "decoder weights": 0.6 * drawn(pixels, latents + 1),
        }
        for n in (1, 2):
            inputs[f"images {n}"] = binary_images(g, batch, 1, height, width).double()
            inputs[f"noise {n}"] = drawn(batch, latents)
        return Case(inputs, f"two steps with {optimizer['name']}")

    return [case(SGD | {"lr": 0.01}, 5, 3, 4, 2), case(ADAM | {"lr": 0.02}, 4, 4, 3, 3)]


def reference_step(encoder, decoder, optimizer, images, noise):
    """By torch.distributions and explicit gradients, as the judge understands one update."""
    mean, log_var = encoder(images)
    q = Independent(Normal(mean, torch.exp(0.5 * log_var)), 1)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    z = q.base_dist.loc + q.base_dist.scale * noise
    elbo = likelihood(decoder(z), images) - kl_divergence(q, prior)
    return apply_gradients(-elbo.mean(), optimizer, encoder, decoder)


def step_with(
    code=lambda mean, log_var, noise: mean + (log_var / 2).exp() * noise,
    loss=lambda ll, kl, images: (kl - ll).mean(),
    decode=lambda decoder, z: decoder(z),
    result=lambda loss, ll, kl: loss,
    encode=lambda encoder, images: encoder(images),
    order="zbs",
):
    """A training step whose parts a mistake can replace."""

    def answer(encoder, decoder, optimizer, images, noise):
        mean, log_var = encode(encoder, images)
        logits = decode(decoder, code(mean, log_var, noise))
        ll, kl = elbo_terms(logits, images, mean, log_var)
        total = loss(ll, kl, images)
        update(total, optimizer, order)
        return result(total, ll, kl)

    return answer


def encode_detached(encoder, images):
    return [output.detach() for output in encoder(images)]


def re_encoded(encoder, decoder, optimizer, images, noise):
    """Errata C27: the prior is decoded, encoded, decoded; the image is only compared with."""
    mean, log_var = encoder(decoder(noise).sigmoid())
    ll, kl = elbo_terms(decoder(mean + (log_var / 2).exp() * noise), images, mean, log_var)
    return update((kl - ll).mean(), optimizer)


EXERCISE = Exercise(
    name="vae.train_step",
    signature="(encoder, decoder, optimizer, images, noise)",
    oracle=reference_step,
    cases=step_cases,
    call=STEP.drive,
    facts=STEP.facts,
    entry="entry",
    slow=True,
    misconceptions=(
        Misconception(
            "gradients_not_cleared",
            step_with(order="bs"),
            "The first step is right and the second is not: the old gradients were still there, "
            "and backward() adds to them. Clear them in every step.",
        ),
        Misconception(
            "mean_decoded",
            step_with(code=lambda mean, log_var, noise: mean),
            "The noise is not used: the mean was decoded. Then the posterior's width costs nothing "
            "in the likelihood, and the model is an ordinary autoencoder whose space has holes.",
        ),
        Misconception(
            "variance_as_std",
            step_with(code=lambda mean, log_var, noise: mean + log_var.exp() * noise),
            "The noise was multiplied by the variance. It needs the standard deviation, the root "
            "of it: half of log_var in the exponent.",
        ),
        Misconception(
            "log_var_as_std",
            step_with(code=lambda mean, log_var, noise: mean + log_var * noise),
            "The noise was multiplied by log_var itself. The standard deviation is the exponential "
            "of half of it.",
        ),
        Misconception(
            "root_of_log_var",
            step_with(code=lambda mean, log_var, noise: mean + log_var.sqrt() * noise),
            "The root was taken of log_var, which may be negative. The standard deviation is the "
            "root of the variance, and log_var is the variance's logarithm.",
        ),
        Misconception(
            "exponent_negative",
            step_with(code=lambda mean, log_var, noise: mean + (-log_var / 2).exp() * noise),
            "The exponent has the wrong sign: a large log_var is a wide distribution.",
        ),
        Misconception(
            "sampled",
            step_with(code=lambda mean, log_var, noise: Normal(mean, (log_var / 2).exp()).sample()),
            "The code was drawn by .sample(), which makes noise of its own and through which no "
            "gradient reaches the encoder. Compute the code from mean, log_var and noise.",
        ),
        Misconception(
            "unscaled_noise",
            step_with(code=lambda mean, log_var, noise: mean + noise),
            "The noise was added as it is, so every posterior has the width of the prior. Scale it "
            "by the standard deviation.",
        ),
        Misconception(
            "noise_decoded",
            step_with(code=lambda mean, log_var, noise: noise),
            "The noise itself was decoded: a sample of the prior, which knows nothing about the "
            "image. Shift it by the mean and scale it by the standard deviation.",
        ),
        Misconception(
            "fresh_noise",
            step_with(
                code=lambda mean, log_var, noise: (
                    mean + (log_var / 2).exp() * torch.randn_like(mean)
                )
            ),
            "New noise was drawn inside. Use the noise that is passed in: who calls decides about "
            "the randomness.",
        ),
        Misconception(
            "nothing_happens",
            step_with(order=""),
            "Neither network moved. backward() fills the gradients and optimizer.step() uses them; "
            "clearing them in between would undo the first.",
        ),
        Misconception(
            "encoder_cut_off",
            step_with(encode=encode_detached),
            "No gradient reaches the encoder: something cut the graph between it and the loss "
            "(detach, no_grad, .data, or a sample drawn without reparameterization).",
        ),
        Misconception(
            "code_cut_off",
            step_with(
                code=lambda mean, log_var, noise: (mean + (log_var / 2).exp() * noise).detach()
            ),
            "The encoder learns from the KL alone: the code was cut off from it (detach, no_grad, "
            "or .sample(), which has no gradient). The likelihood must reach it through z.",
        ),
        Misconception(
            "decoder_cut_off",
            step_with(decode=lambda decoder, z: decoder(z).detach()),
            "The decoder did not move: its logits were cut off from the loss, so that only the KL "
            "is trained.",
        ),
        Misconception(
            "ascent",
            step_with(
                loss=lambda ll, kl, images: (ll - kl).mean(), result=lambda loss, ll, kl: -loss
            ),
            "The loss goes up: the update follows the ELBO's negative in the wrong direction. An "
            "optimizer subtracts the gradient of what you call backward() on.",
        ),
        Misconception(
            "elbo_minimized",
            step_with(loss=lambda ll, kl, images: (ll - kl).mean()),
            "The ELBO itself was minimized, and the returned number is the ELBO. Minimize its "
            "negative.",
        ),
        Misconception(
            "kl_forgotten",
            step_with(loss=lambda ll, kl, images: -ll.mean()),
            "The KL term is not part of the loss.",
        ),
        Misconception(
            "pixels_averaged",
            step_with(loss=lambda ll, kl, images: (kl - ll / images[0].numel()).mean()),
            "The likelihood is a mean over pixels and the KL a sum over latents: the KL dominates "
            "and the posterior collapses.",
        ),
        Misconception(
            "batch_summed",
            step_with(loss=lambda ll, kl, images: (kl - ll).sum()),
            "The loss adds the images of the batch: its gradient, and with it the step, grows with "
            "the batch size. Average over the batch.",
        ),
        Misconception(
            "sigmoid_twice",
            step_with(decode=lambda decoder, z: decoder(z).sigmoid()),
            SIGMOID_BEFORE_LOSS,
        ),
        Misconception(
            "re_encoded",
            re_encoded,
            "The images never enter the encoder: a sample of the prior was decoded, encoded, and "
            "decoded again. Encode the images.",
        ),
        Misconception(
            "stepped_twice",
            step_with(order="zbss"),
            "The optimizer took two steps in one call.",
        ),
        Misconception(
            "left_in_eval_mode",
            leaving(reference_step, lambda encoder, decoder, *_: (encoder.eval(), decoder.eval())),
            "The networks came back in evaluation mode. A training step leaves the mode as it was.",
        ),
        Misconception(
            "terms_returned",
            step_with(result=lambda loss, ll, kl: (loss, ll, kl)),
            "Three things came back; train_step returns the loss alone.",
        ),
    ),
    hints=(
        "In which order: encode, draw a code, decode, loss, and then the three lines that every "
        "training step ends with?",
        "A draw of the posterior is mean + std · noise, with std from log_var. negative_elbo gives "
        "the loss as the first of its three results.",
        "std = exp(log_var / 2). Then optimizer.zero_grad(), backward() on the loss, "
        "optimizer.step(), and return the loss.",
    ),
)
