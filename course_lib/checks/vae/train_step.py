"""Check of `train_step`. Oracle: torch.distributions and explicit gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

from ..declare import Case, Misconception, Plain
from ..random_inputs import binary_images, normal
from ..ready import adapted, only
from ..steps import ADAM, SGD
from ..training_steps import StepParts, own_noise, step_exercise, update_mistakes
from ..wrong_formulas import SIGMOID_BEFORE_LOSS
from ..wrong_steps import apply_gradients
from .bernoulli_log_likelihood import likelihood, squared_error
from .negative_elbo import elbo_terms
from .tiny_networks import TinyDecoder, TinyEncoder


def tiny_networks(inputs: Mapping[str, Any]) -> dict[str, nn.Module]:
    decoder = TinyDecoder(inputs["decoder weights"], *inputs["images 1"].shape[2:])
    return {"encoder": TinyEncoder(inputs["encoder weights"]), "decoder": decoder}


PARTS = StepParts(
    tiny_networks,
    trained=("encoder", "decoder"),
    arguments=("images", "noise"),
    networks=("encoder", "decoder"),
)


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

    steep = case(SGD | {"lr": 1e-3}, 4, 6, 5, 2)
    steep.inputs["decoder weights"].mul_(4)  # so that gradients are large, and clipping shows
    return [case(SGD | {"lr": 0.01}, 5, 3, 4, 2), case(ADAM | {"lr": 0.02}, 4, 4, 3, 3), steep]


def reference_step(encoder, decoder, optimizer, images, noise):
    """By torch.distributions and explicit gradients, as the judge understands one update."""
    mean, log_var = encoder(images)
    q = Independent(Normal(mean, torch.exp(0.5 * log_var)), 1)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    z = q.base_dist.loc + q.base_dist.scale * noise
    elbo = likelihood(decoder(z), images) - kl_divergence(q, prior)
    return apply_gradients(-elbo.mean(), optimizer, encoder, decoder)


def drawn_code(mean: Tensor, log_var: Tensor, noise: Tensor) -> Tensor:
    return mean + (log_var / 2).exp() * noise


def loss_with(
    code=drawn_code,
    loss=lambda ll, kl, images: (kl - ll).mean(),
    decode=lambda decoder, z: decoder(z),
    encode=lambda encoder, images: encoder(images),
) -> Callable:
    """The loss of networks and batches, whose parts a mistake can replace."""

    def value(encoder, decoder, images, noise):
        mean, log_var = encode(encoder, images)
        logits = decode(decoder, code(mean, log_var, noise))
        return loss(*elbo_terms(logits, images, mean, log_var), images)

    return value


def step_with(**changes: Callable) -> Callable:
    return PARTS.step(loss_with(**changes))


def with_squared_error(predict: Callable, weight: float = 1.0) -> Callable:
    error = squared_error(predict, weight)

    def value(encoder, decoder, images, noise):
        mean, log_var = encoder(images)
        logits = decoder(drawn_code(mean, log_var, noise))
        _, kl = elbo_terms(logits, images, mean, log_var)
        return (kl - error(logits, images)).mean()

    return value


def encode_detached(encoder, images):
    return [output.detach() for output in encoder(images)]


def re_encoded(encoder, decoder, images, noise):
    """Errata C27: the prior is decoded, encoded, decoded; the image is only compared with."""
    mean, log_var = encoder(decoder(noise).sigmoid())
    ll, kl = elbo_terms(decoder(drawn_code(mean, log_var, noise)), images, mean, log_var)
    return (kl - ll).mean()


def code_for_the_mean(encoder, decoder, images, noise):
    mean, log_var = encoder(images)
    z = drawn_code(mean, log_var, noise)
    ll, kl = elbo_terms(decoder(z), images, z, log_var)
    return (kl - ll).mean()


def arguments_swapped(encoder, decoder, images, noise):
    mean, log_var = encoder(images)
    logits = decoder(drawn_code(mean, log_var, noise))
    _, kl = elbo_terms(logits, images, mean, log_var)
    swapped = logits * images - F.softplus(images)
    return (kl - swapped.flatten(1).sum(1)).mean()


def one_network_cleared(encoder, decoder, *rest):
    encoder.zero_grad()
    return PARTS.step(loss_with(), "bs")(encoder, decoder, *rest)


def other_network_cleared(encoder, decoder, *rest):
    decoder.zero_grad()
    return PARTS.step(loss_with(), "bs")(encoder, decoder, *rest)


READY = update_mistakes(PARTS, loss_with())

EXERCISE = step_exercise(
    PARTS,
    name="vae.train_step",
    oracle=reference_step,
    cases=step_cases,
    misconceptions=(
        *adapted(
            only(READY, "zero_grad_forgotten"),
            zero_grad_forgotten="The first step is right and the second is not: the old gradients "
            "were still there, and backward() adds to them. Clear them in every step.",
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
            "mean_scales_the_noise",
            step_with(code=lambda mean, log_var, noise: mean * noise + (log_var / 2).exp()),
            "Mean and standard deviation changed places in the code: the noise is scaled by the "
            "standard deviation and shifted by the mean.",
        ),
        Misconception(
            "one_noise_for_all",
            step_with(code=lambda mean, log_var, noise: drawn_code(mean, log_var, noise[0])),
            "All images of the batch got the same noise. Each has a row of its own.",
        ),
        Misconception(
            "code_for_the_mean",
            PARTS.step(code_for_the_mean),
            "The KL was taken at the drawn code, in the place of the mean. It belongs to the "
            "distribution: the encoder's two outputs.",
        ),
        Misconception(
            "arguments_swapped",
            PARTS.step(arguments_swapped),
            "Prediction and target changed places: negative_elbo takes the logits first, the "
            "images second.",
        ),
        Misconception(
            "one_network_cleared",
            one_network_cleared,
            "The old gradients of one network alone were cleared. The optimizer holds both: let it "
            "clear them.",
            also=(other_network_cleared,),
        ),
        Misconception(
            "outputs_swapped",
            step_with(encode=lambda encoder, images: encoder(images)[::-1]),
            "The encoder's two outputs were taken in the wrong order: it gives the mean first, "
            "then log_var.",
        ),
        Misconception(
            "squared_error",
            PARTS.step(with_squared_error(torch.sigmoid)),
            "A squared error stands in the place of the log-likelihood. Take the loss of this "
            "lesson, negative_elbo.",
            also=(
                PARTS.step(with_squared_error(lambda logits: logits)),
                PARTS.step(with_squared_error(torch.sigmoid, 0.5)),
            ),
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
            PARTS.step(re_encoded),
            "The images never enter the encoder: a sample of the prior was decoded, encoded, and "
            "decoded again. Encode the images.",
        ),
        Misconception(
            "terms_returned",
            PARTS.step(loss_with(), result=lambda loss: (loss, loss, loss)),
            "Three things came back; train_step returns the loss alone.",
        ),
        *adapted(READY, leave_out=("zero_grad_forgotten",)),
        own_noise(
            PARTS,
            loss_with(),
            "New noise was drawn inside. Use the noise that is passed in: who calls decides about "
            "the randomness.",
            lambda images, noise: (images, torch.randn_like(noise)),
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
