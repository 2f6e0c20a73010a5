"""Check of `log_importance_weights`. Oracle: torch.distributions, one image and draw at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from ...probability import bernoulli_log_likelihood
from ..declare import Case, Exercise, Misconception
from ..random_inputs import binary_images, normal
from ..reached_weights import reached_facts, with_gradients
from ..wrong_formulas import SIGMOID_BEFORE_LOSS, negated
from .tiny_models import networks


def weight_cases(generator: torch.Generator) -> list[Case]:
    def inputs(draws: int, batch: int, latents: int, height: int, width: int) -> dict:
        def drawn(*shape: int) -> Tensor:
            return normal(generator, *shape, dtype=torch.float64)

        return {
            "encoder": 0.4 * drawn(2 * latents, height * width + 1),
            "decoder": 0.8 * drawn(height * width, latents + 1),
            "images": binary_images(generator, batch, 1, height, width).double(),
            "noise": drawn(draws, batch, latents),
        }

    sure = inputs(2, 3, 2, 3, 2)
    sure["decoder"] = 400 * sure["decoder"]
    return [
        Case(inputs(3, 4, 2, 3, 5), "3 draws for each of 4 images"),
        Case(inputs(1, 3, 4, 2, 3), "one draw"),
        Case(inputs(5, 1, 3, 4, 2), "one image"),
        Case({n: v.float() for n, v in inputs(4, 3, 2, 3, 4).items()}, "in float32"),
        Case({n: v.float() for n, v in sure.items()}, "large logits, float32", extreme=True),
    ]


def call_weights(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The log weights, and the gradients of a weighted sum of them by both networks' weights."""
    encoder, decoder = networks(inputs)
    result = answer(encoder, decoder, inputs["images"], inputs["noise"])
    return with_gradients("log weights", result, encoder, decoder)


def weight_facts(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    return reached_facts("log weights", outputs["log weights"], outputs)


def one_by_one(encoder, decoder, images: Tensor, noise: Tensor) -> Tensor:
    """A slow double loop over draws and images."""
    rows = []
    for draws in noise:
        row = []
        for image, eps in zip(images, draws, strict=True):
            mean, log_var = (output[0] for output in encoder(image[None]))
            q = Normal(mean, torch.exp(0.5 * log_var))
            z = q.loc + q.scale * eps
            pixels = Independent(Bernoulli(logits=decoder(z[None])[0]), 3)
            prior = Normal(torch.zeros_like(z), torch.ones_like(z))
            joint = pixels.log_prob(image) + prior.log_prob(z).sum()
            row.append(joint - q.log_prob(z).sum())
        rows.append(torch.stack(row))
    return torch.stack(rows)


def weights_with(
    terms: Callable = lambda ll, prior, q, **more: ll + prior - q,
    code: Callable = lambda mean, std, noise: mean + std * noise,
    std: Callable = lambda log_var: (log_var / 2).exp(),
    decode: Callable = lambda decoder, z: decoder(z),
    pair: Callable = lambda images, draws: images.repeat(draws, 1, 1, 1),
    reduce: Callable = lambda pixels: pixels.flatten(1).sum(1),
    encode: Callable = lambda encoder, images: encoder(images),
    likelihood: Callable = lambda logits, images: Bernoulli(logits=logits).log_prob(images),
) -> Callable:
    """log_importance_weights whose parts a mistake can replace."""

    def answer(encoder, decoder, images, noise):
        mean, log_var = encode(encoder, images)
        scale = std(log_var)
        z = code(mean, scale, noise)
        z = z.expand(noise.shape[:2] + z.shape[-1:])
        logits = decode(decoder, z.flatten(0, 1))
        pixels = likelihood(logits, pair(images, len(noise)))
        return terms(
            ll=reduce(pixels).reshape(noise.shape[:2]),
            prior=Normal(0.0, 1.0).log_prob(z).sum(-1),
            q=Normal(mean, scale).log_prob(z).sum(-1),
            noise=noise,
            z=z,
            posterior=Normal(mean, scale),
        )

    return answer


def collected(ll, z, noise, posterior, half=0.5, sign=1.0, **more):
    """The two densities of z in one line: (noise² + log_var - z²) / 2, added over the latents."""
    log_var = 2 * posterior.scale.log()
    return ll + half * (noise.square() + sign * log_var - z.square()).sum(-1)


def images_once(encoder, decoder, images, noise):
    mean, log_var = encoder(images)
    z = mean + (log_var / 2).exp() * noise
    log_likelihood = bernoulli_log_likelihood(decoder(z.flatten(0, 1)), images)
    return log_likelihood.reshape(noise.shape[:2])


def rows_and_columns(ll: Tensor) -> Tensor:
    """(K, B) as if its numbers had been read off in the order (B, K)."""
    return ll.reshape(ll.shape[1], ll.shape[0])


def with_fresh_noise(encoder, decoder, images, noise):
    return weights_with()(encoder, decoder, images, torch.randn_like(noise))


def with_closed_kl(ll, posterior, **more):
    standard = Normal(torch.zeros_like(posterior.mean), torch.ones_like(posterior.mean))
    return ll - kl_divergence(posterior, standard).sum(-1)


EXERCISE = Exercise(
    name="likelihood.log_importance_weights",
    signature="(encoder, decoder, images, noise)",
    oracle=one_by_one,
    cases=weight_cases,
    call=call_weights,
    facts=weight_facts,
    unit="nats",
    slow=True,
    misconceptions=(
        Misconception(
            "closed_form_kl",
            weights_with(with_closed_kl),
            "The KL divergence was subtracted in closed form. It is the average of log q - log p "
            "over all draws, so the average is right and the single weights are not; the weight of "
            "a draw needs both densities at this draw's z.",
        ),
        Misconception(
            "prior_forgotten",
            weights_with(lambda ll, prior, q, **more: ll - q),
            "The prior is missing. log p(x, z) is log p(x | z) plus log p(z).",
        ),
        Misconception(
            "posterior_forgotten",
            weights_with(lambda ll, prior, q, **more: ll + prior),
            "This is log p(x, z) alone. The draws came from q, and each is weighed by how often q "
            "draws it: subtract log q(z | x).",
        ),
        Misconception(
            "likelihood_only",
            weights_with(lambda ll, **more: ll),
            "These are the log-likelihoods log p(x | z). As weights they would be right for draws "
            "from the prior; these draws come from q.",
        ),
        Misconception(
            "ratio_inverted",
            weights_with(lambda ll, prior, q, **more: ll - prior + q),
            "Prior and posterior changed places: log p(z) is added and log q(z | x) subtracted.",
        ),
        Misconception(
            "sign",
            negated(weights_with()),
            "The sign is turned round. A weight is p(x, z) divided by q(z | x), not the inverse.",
        ),
        Misconception(
            "width_of_q_forgotten",
            weights_with(
                lambda ll, prior, noise, **more: (
                    ll + prior - Normal(0.0, 1.0).log_prob(noise).sum(-1)
                )
            ),
            "log q was taken as the standard normal's density of the noise. z is the noise "
            "stretched by the standard deviation, and a stretched density is lower by log std for "
            "each latent.",
        ),
        Misconception(
            "prior_of_noise",
            weights_with(
                lambda ll, q, noise, **more: ll + Normal(0.0, 1.0).log_prob(noise).sum(-1) - q
            ),
            "The prior was evaluated at the noise. It is the density of z.",
        ),
        Misconception(
            "posterior_of_noise",
            weights_with(
                lambda ll, prior, noise, posterior, **more: (
                    ll + prior - posterior.log_prob(noise).sum(-1)
                )
            ),
            "log q was evaluated at the noise. q is the density of z, with its own mean and "
            "standard deviation; the noise is what z was made of.",
            also=(
                weights_with(
                    lambda ll, noise, posterior, **more: (
                        ll + (Normal(0.0, 1.0).log_prob(noise) - posterior.log_prob(noise)).sum(-1)
                    )
                ),
            ),
        ),
        Misconception(
            "halves_forgotten",
            weights_with(lambda **parts: collected(half=1.0, **parts)),
            "The terms of the two Gaussian densities came out twice as large: each has a half in "
            "its exponent, and log std is half of log_var.",
        ),
        Misconception(
            "log_var_not_halved",
            weights_with(
                lambda ll, noise, z, posterior, **more: (
                    ll
                    + (noise.square() - z.square()).sum(-1) / 2
                    + 2 * posterior.scale.log().sum(-1)
                )
            ),
            "log_var came in whole. log q contains minus log std, and log std is half of log_var.",
        ),
        Misconception(
            "log_var_subtracted",
            weights_with(lambda **parts: collected(sign=-1.0, **parts)),
            "log_var came in with the wrong sign. log q contains minus log std, and log q is "
            "subtracted.",
        ),
        Misconception(
            "constant_in_one_density",
            weights_with(lambda ll, z, q, **more: ll - z.square().sum(-1) / 2 - q),
            "One of the two Gaussian densities has its constant, log 2π over 2 for each latent, "
            "and the other has not. Both or neither: in the difference they cancel.",
        ),
        Misconception(
            "variance_as_std",
            weights_with(std=torch.exp),
            "exp(log_var) was used as the standard deviation. It is the variance; half of log_var "
            "belongs in the exponent.",
        ),
        Misconception(
            "log_var_as_std",
            weights_with(code=lambda mean, std, noise: mean + 2 * std.log() * noise),
            "The noise was multiplied by log_var itself, which may be negative. A standard "
            "deviation is the exponential of half of it.",
            also=(
                weights_with(collected, code=lambda mean, std, noise: mean + 2 * std.log() * noise),
            ),
        ),
        Misconception(
            "log_var_into_normal",
            weights_with(std=lambda log_var: log_var),
            "Normal was given log_var where it wants a standard deviation: the exponential of half "
            "of it.",
            error="Expected parameter scale",
        ),
        Misconception(
            "density_with_variance",
            weights_with(
                lambda ll, prior, z, posterior, **more: (
                    ll + prior - Normal(posterior.mean, posterior.scale**2).log_prob(z).sum(-1)
                )
            ),
            "z is drawn rightly, but log q was evaluated with the variance where Normal wants the "
            "standard deviation.",
        ),
        Misconception(
            "noise_unused",
            weights_with(code=lambda mean, std, noise: mean.expand_as(noise)),
            "All draws are the mean of q: the noise was not used. Then the weights of an image are "
            "all the same.",
        ),
        Misconception(
            "first_draw_only",
            weights_with(code=lambda mean, std, noise: (mean + std * noise[:1]).expand_as(noise)),
            "Every row is the same: only the first of the K noises was used.",
        ),
        Misconception(
            "one_draw",
            lambda encoder, decoder, images, noise: weights_with()(
                encoder, decoder, images, noise[:1]
            )[0],
            "One draw for each image came back. The noise holds K of them, and the result is (K, "
            "B).",
        ),
        Misconception(
            "not_folded_back",
            weights_with(lambda ll, prior, q, **more: ll.flatten() + prior - q),
            "The log-likelihoods still lie in one row of K·B numbers, and the densities of z are "
            "(K, B). Give the row its two axes back, draws first.",
            error="tensor a (12)",
        ),
        Misconception(
            "over_another_axis",
            weights_with(
                lambda ll, z, posterior, **more: (
                    ll + (Normal(0.0, 1.0).log_prob(z) - posterior.log_prob(z)).sum(0)
                )
            ),
            "The densities of z were added over an axis that is not that of the latents. They are "
            "(K, B, Z): the latents come last.",
            error="tensor a (4) must match the size of tensor b (2)",
        ),
        Misconception(
            "images_misaligned",
            weights_with(pair=lambda images, draws: images.repeat_interleave(draws, 0)),
            "Codes and images are not in the same order. Codes (K, B, Z) flattened run through all "
            "images for the first draw, then for the second: repeat the batch as a whole, or let "
            "the images broadcast against (K, B, …).",
        ),
        Misconception(
            "rows_misread",
            weights_with(lambda ll, prior, q, **more: rows_and_columns(ll).T + prior - q),
            "The log-likelihoods were folded as (B, K) and then transposed, which mixes the "
            "images: codes (K, B, Z) flattened come back draw by draw, so they fold back as (K, "
            "B).",
        ),
        Misconception(
            "images_once",
            images_once,
            "There are K·B decoded codes and B images. Each image is needed once for each draw, in "
            "the order in which its codes were flattened.",
            error="must share one shape",
        ),
        Misconception(
            "transposed",
            lambda *a: weights_with()(*a).T,
            "The result is (B, K). Draws come first: (K, B).",
            also=(
                weights_with(
                    lambda ll, prior, q, **more: rows_and_columns(ll) + (prior - q).T,
                ),
            ),
        ),
        Misconception(
            "already_averaged",
            lambda *a: weights_with()(*a).mean(0),
            "The draws were averaged. Return the log weight of each draw, (K, B): what to do with "
            "them, the loss decides.",
        ),
        Misconception(
            "pixels_averaged",
            weights_with(reduce=lambda pixels: pixels.flatten(1).mean(1)),
            "The log-likelihood was averaged over the pixels. Their logarithms add.",
        ),
        Misconception(
            "likelihood_of_the_batch",
            weights_with(reduce=lambda pixels: pixels.mean().expand(len(pixels))),
            "One likelihood serves all draws and images: the pixels of the whole batch were "
            "averaged, as a loss does by itself. Each draw of each image has its own, the sum over "
            "its pixels.",
            also=(weights_with(reduce=lambda pixels: pixels.sum().expand(len(pixels))),),
        ),
        Misconception(
            "cross_entropy_added",
            weights_with(lambda ll, prior, q, **more: prior - q - ll),
            "The likelihood came in with the wrong sign. A cross-entropy is minus the "
            "log-likelihood.",
        ),
        Misconception(
            "squared_error",
            weights_with(likelihood=lambda logits, images: -((logits.sigmoid() - images) ** 2)),
            "A squared error took the place of the log-likelihood. Binary pixels are Bernoulli, "
            "and log p(x | z) is in nats.",
            also=(
                weights_with(likelihood=lambda logits, images: -((logits - images) ** 2)),
                weights_with(
                    likelihood=lambda logits, images: -((logits.sigmoid() - images) ** 2) / 2
                ),
            ),
        ),
        Misconception(
            "latents_apart",
            weights_with(
                lambda ll, z, posterior, **more: (
                    ll[..., None] + Normal(0.0, 1.0).log_prob(z) - posterior.log_prob(z)
                )
            ),
            "The densities of z were not added over the latents: one weight for each draw of each "
            "image is wanted, (K, B).",
        ),
        Misconception(
            "latents_of_all_added",
            weights_with(
                lambda ll, z, posterior, **more: (
                    ll + (Normal(0.0, 1.0).log_prob(z) - posterior.log_prob(z)).sum()
                )
            ),
            "The densities of z were added over all draws and images. The weight of a draw has its "
            "own z alone: add over the last axis.",
        ),
        Misconception(
            "latents_averaged",
            weights_with(
                lambda ll, z, posterior, **more: (
                    ll + (Normal(0.0, 1.0).log_prob(z) - posterior.log_prob(z)).mean(-1)
                )
            ),
            "The densities of z were averaged over the latents. The latents are independent: "
            "their probabilities multiply, so the logarithms add.",
        ),
        Misconception(
            "sigmoid_twice",
            weights_with(decode=lambda decoder, z: decoder(z).sigmoid()),
            SIGMOID_BEFORE_LOSS,
        ),
        Misconception(
            "not_logarithms",
            lambda *a: weights_with()(*a).exp(),
            "These are the weights themselves. For an image of 784 pixels they are around e⁻⁹⁰, "
            "which float32 cannot hold: stay with the logarithms.",
        ),
        Misconception(
            "normalized",
            lambda *a: weights_with()(*a).log_softmax(0),
            "The weights were normalized over the draws. Their sum is what the estimate of p(x) is "
            "made of: return them as they are.",
            also=(lambda *a: weights_with()(*a).softmax(0),),
        ),
        Misconception(
            "encoder_cut_off",
            weights_with(encode=lambda encoder, images: [o.detach() for o in encoder(images)]),
            "The values are right, and no gradient reaches the encoder: something cut the graph "
            "(detach, no_grad, .sample()). This function is also used for training.",
        ),
        Misconception(
            "density_cut_off",
            weights_with(
                lambda ll, prior, z, posterior, **more: (
                    ll
                    + prior
                    - Normal(posterior.mean.detach(), posterior.scale.detach()).log_prob(z).sum(-1)
                )
            ),
            "The values are right, but log q was computed with a mean and a standard deviation "
            "that were cut off from the encoder (detach, no_grad, .data). They act on the weight "
            "twice, through z and through the density: keep both.",
        ),
        Misconception(
            "code_cut_off",
            weights_with(code=lambda mean, std, noise: (mean + std * noise).detach()),
            "The values are right, but z was cut off from the encoder (detach, no_grad, "
            ".sample()), so that the decoder's answer has no influence on what the encoder learns.",
        ),
        Misconception(
            "no_gradient_at_all",
            lambda *a: weights_with()(*a).detach(),
            "The values are right and carry no graph. This function is also used for training: "
            "leave torch.no_grad() to the caller.",
        ),
        Misconception(
            "noise_drawn_inside",
            with_fresh_noise,
            "Noise was drawn inside. The draws are those of the noise that is passed in: the "
            "caller decides about them, and may want the same ones twice.",
            drawing=True,
        ),
    ),
    hints=(
        "Which three densities enter p(x, z) / q(z | x), and at which z is each evaluated?",
        "z = mean + std · noise has shape (K, B, Z). The decoder takes (N, Z): flatten the first "
        "two axes for it, and give its answer the two axes back.",
        "Normal(mean, std).log_prob(z) and Normal(0.0, 1.0).log_prob(z) are (K, B, Z): sum over "
        "the last axis. Use bernoulli_log_likelihood with the batch of images repeated K times.",
    ),
)
