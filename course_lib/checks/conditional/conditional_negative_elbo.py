"""Check of `conditional_negative_elbo`. Oracle: torch.distributions, one image at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from ...probability import bernoulli_log_likelihood
from ..declare import Case, Exercise, Misconception
from ..random_inputs import binary_images, normal
from ..reached_weights import reached_facts, with_gradients
from ..wrong_formulas import SIGMOID_BEFORE_LOSS


class ByLabel(nn.Module):
    """A linear layer for each label, with given weights `(K, outputs, inputs + 1)`."""

    def __init__(self, weight: Tensor):
        super().__init__()
        self.weight = nn.Parameter(weight.clone())

    def of_each(self, numbers: Tensor, labels: Tensor) -> Tensor:
        if labels.ndim != 1 or len(labels) != len(numbers) or labels.is_floating_point():
            raise ValueError(
                f"labels must be ({len(numbers)},) integers, as many as there are examples; got "
                f"{labels.dtype} of shape {tuple(labels.shape)}"
            )
        ones = torch.ones_like(numbers[:, :1])
        rows = torch.cat([numbers, ones], 1)[:, :, None]
        return (self.weight[labels] @ rows).squeeze(2)


class LabeledEncoder(ByLabel):
    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        if images.ndim != 4:
            raise ValueError(f"images must be (B, 1, H, W); got {tuple(images.shape)}")
        return self.of_each(images.flatten(1), labels).chunk(2, 1)


class LabeledDecoder(ByLabel):
    def __init__(self, weight: Tensor, shape: torch.Size):
        super().__init__(weight)
        self.shape = shape

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        wanted = len(labels), self.weight.shape[2] - 1
        if z.shape != wanted:
            raise ValueError(f"z must be {wanted}, a code an image; got {tuple(z.shape)}")
        return self.of_each(torch.tanh(z) + z / 4, labels).unflatten(1, self.shape)


def elbo_cases(generator: torch.Generator) -> list[Case]:
    def inputs(labels: list[int], latents: int, height: int, width: int, classes: int) -> dict:
        def drawn(*shape: int) -> Tensor:
            return normal(generator, *shape, dtype=torch.float64)

        pixels, batch = height * width, len(labels)
        encoder = 0.4 * drawn(classes, 2 * latents, pixels + 1)
        encoder[:, :latents] *= 2
        encoder[:, latents:, -1] -= 0.5
        return {
            "encoder": encoder,
            "decoder": 0.8 * drawn(classes, pixels, latents + 1),
            "images": binary_images(generator, batch, 1, height, width).double(),
            "labels": torch.tensor(labels),
            "noise": drawn(batch, latents),
        }

    sure = inputs([1, 0, 2], 2, 3, 2, 3)
    sure["decoder"] = 300 * sure["decoder"]
    in_float = {
        n: v.float() if v.is_floating_point() else v
        for n, v in inputs([0, 2, 1, 1], 3, 4, 3, 3).items()
    }
    return [
        Case(inputs([2, 0, 1, 3], 2, 3, 5, 4)),
        Case(inputs([1, 1, 0], 4, 2, 3, 2), "labels that come twice"),
        Case(inputs([2], 3, 4, 2, 3), "a batch of one"),
        Case(in_float, "in float32"),
        Case(sure, "logits in the hundreds", extreme=True),
    ]


def call_elbo(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The loss, and its gradients by both networks' weights."""
    encoder = LabeledEncoder(inputs["encoder"])
    decoder = LabeledDecoder(inputs["decoder"], inputs["images"].shape[1:])
    rest = (inputs[name] for name in ("images", "labels", "noise"))
    result = answer(encoder, decoder, *rest)
    return with_gradients("loss", result, encoder, decoder)


def elbo_facts(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    return reached_facts("value", outputs["loss"], outputs)


def one_by_one(encoder, decoder, images: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
    """A slow loop over the images."""
    bounds = []
    for image, label, eps in zip(images, labels, noise, strict=True):
        mean, log_var = (part[0] for part in encoder(image[None], label[None]))
        q = Normal(mean, torch.exp(0.5 * log_var))
        z = q.loc + q.scale * eps
        pixels = Independent(Bernoulli(logits=decoder(z[None], label[None])[0]), 3)
        prior = Normal(torch.zeros_like(mean), torch.ones_like(mean))
        bounds.append(pixels.log_prob(image) - kl_divergence(q, prior).sum())
    return -torch.stack(bounds).mean()


def unvalidated(logits: Tensor) -> Bernoulli:
    """A mistake may make nan of the logits, which is its own behaviour and no error."""
    return Bernoulli(logits=logits, validate_args=False)


def kl_of(mean: Tensor, log_var: Tensor) -> Tensor:
    return (mean**2 + log_var.exp() - 1 - log_var).sum(1) / 2


def elbo_with(
    loss: Callable = lambda ll, kl: (kl - ll).mean(),
    code: Callable = lambda mean, std, noise: mean + std * noise,
    std: Callable = lambda log_var: (log_var / 2).exp(),
    likelihood: Callable = lambda logits, images: unvalidated(logits).log_prob(images),
    reduce: Callable = lambda pixels: pixels.flatten(1).sum(1),
    kl: Callable = kl_of,
    labels_of: Callable = lambda labels: (labels, labels),
    drawn: Callable = lambda ll, kl, **more: kl,
) -> Callable:
    """conditional_negative_elbo whose parts a mistake can replace.

    labels_of: the labels that the encoder and the decoder get. drawn: another KL, of the draw.
    """

    def answer(encoder, decoder, images, labels, noise):
        of_encoder, of_decoder = labels_of(labels)
        mean, log_var = encoder(images, of_encoder)
        scale = std(log_var)
        z = code(mean, scale, noise)
        ll = reduce(likelihood(decoder(z, of_decoder), images))
        divergence = drawn(
            ll=ll,
            kl=kl(mean, log_var),
            z=z,
            q=Normal(mean, (log_var / 2).exp(), validate_args=False),
        )
        return loss(ll, divergence)

    return answer


def kl_of_the_draw(ll, kl, z, q):
    prior = Normal(torch.zeros_like(z), torch.ones_like(z))
    return (q.log_prob(z) - prior.log_prob(z)).sum(1)


def reversed_kl(mean, log_var):
    q = Normal(mean, (log_var / 2).exp())
    return kl_divergence(Normal(torch.zeros_like(mean), torch.ones_like(mean)), q).sum(1)


def squared_error(squash: Callable, weight: float) -> Callable:
    return lambda logits, images: -weight * (squash(logits) - images).square()


def cut_off(logits: Tensor, images: Tensor) -> Tensor:
    return -nn.functional.binary_cross_entropy(logits.sigmoid(), images, reduction="none")


def decoder_unasked(encoder, decoder, images, labels, noise):
    mean, log_var = encoder(images, labels)
    return decoder(mean + (log_var / 2).exp() * noise)


def encoder_unasked(encoder, decoder, images, labels, noise):
    encoder(images)
    return elbo_with()(encoder, decoder, images, labels, noise)


def with_fresh_noise(encoder, decoder, images, labels, noise):
    return elbo_with()(encoder, decoder, images, labels, torch.randn_like(noise))


def prior_at_the_label(encoder, decoder, images, labels, noise):
    """The prior N(y, 1): its KL is greater by what moving the mean there costs."""
    mean, _ = encoder(images, labels)
    moved = ((mean - labels[:, None]).square() - mean.square()).sum(1) / 2
    return elbo_with()(encoder, decoder, images, labels, noise) + moved.mean()


def encoder_calling(call: Callable) -> Callable:
    """What the encoder's call becomes: `call(encoder, images, labels)`."""
    return lambda encoder, decoder, images, labels, noise: elbo_with()(
        lambda x, y: call(encoder, x, y), decoder, images, labels, noise
    )


def decoder_calling(call: Callable) -> Callable:
    """What the decoder's call becomes: `call(decoder, z, labels)`."""
    return lambda encoder, decoder, images, labels, noise: elbo_with()(
        encoder, lambda z, y: call(decoder, z, y), images, labels, noise
    )


def with_one_hot(labels: Tensor) -> Tensor:
    return nn.functional.one_hot(labels, 10)


def appended(z: Tensor, labels: Tensor) -> Tensor:
    return torch.cat([z, with_one_hot(labels).to(z)], 1)


def one_tensor_expected(encoder, decoder, images, labels, noise):
    return encoder(images, labels).chunk(2, 1)


def one_tensor_added(encoder, decoder, images, labels, noise):
    return encoder(images, labels) + noise


def flat_logits(encoder, decoder, images, labels, noise):
    mean, log_var = encoder(images, labels)
    logits = decoder(mean + (log_var / 2).exp() * noise, labels).flatten(1)
    return -bernoulli_log_likelihood(logits, images).mean()


def not_probabilities(encoder, decoder, images, labels, noise):
    mean, log_var = encoder(images, labels)
    logits = decoder(mean + (log_var / 2).exp() * noise, labels)
    return nn.functional.binary_cross_entropy(logits, images)


def without_gradient(encoder, decoder, images, labels, noise):
    return elbo_with()(encoder, decoder, images, labels, noise).detach()


def log_prior_alone(ll, kl, z, q):
    return -Normal(torch.zeros_like(z), torch.ones_like(z)).log_prob(z).sum(1)


def kl_of_parts(mean: float = 1.0, one: float = 1.0) -> Callable:
    return lambda m, log_var: (mean * m**2 + log_var.exp() - one - log_var).sum(1) / 2


def per_pixel(encoder, decoder, images, labels, noise):
    return elbo_with()(encoder, decoder, images, labels, noise) / images[0].numel()


def three_results(encoder, decoder, images, labels, noise):
    kept = {}
    loss = elbo_with(lambda ll, kl: kept.update(ll=ll, kl=kl) or (kl - ll).mean())(
        encoder, decoder, images, labels, noise
    )
    return loss, kept["ll"], kept["kl"]


def encoder_cut_off(encoder, decoder, images, labels, noise):
    def cut(images, labels):
        return tuple(part.detach() for part in encoder(images, labels))

    return elbo_with()(cut, decoder, images, labels, noise)


EXERCISE = Exercise(
    name="conditional.conditional_negative_elbo",
    signature="(encoder, decoder, images, labels, noise)",
    oracle=one_by_one,
    cases=elbo_cases,
    call=call_elbo,
    facts=elbo_facts,
    unit="nats",
    slow=True,
    misconceptions=(
        Misconception(
            "bound_itself",
            elbo_with(lambda ll, kl: (ll - kl).mean()),
            "This is the bound, and training minimizes what is returned: that would make the "
            "images improbable. Turn its sign.",
        ),
        Misconception(
            "kl_subtracted",
            elbo_with(lambda ll, kl: (-ll - kl).mean()),
            "The KL has the wrong sign: this loss rewards a posterior for leaving the prior. In a "
            "loss it is a price, with a plus.",
        ),
        Misconception(
            "likelihood_added",
            elbo_with(lambda ll, kl: (ll + kl).mean()),
            "The log-likelihood comes with a plus, so that a smaller loss means less probable "
            "images. It enters a loss with a minus.",
        ),
        Misconception(
            "kl_forgotten",
            elbo_with(lambda ll, kl: -ll.mean()),
            "The KL is missing: without it z may lie anywhere, and a z from the prior decodes to "
            "nothing in particular.",
        ),
        Misconception(
            "likelihood_forgotten",
            elbo_with(lambda ll, kl: kl.mean() + 0 * ll.mean()),
            "This is the KL alone. The log-likelihood of the images under the decoder is missing.",
            also=(elbo_with(lambda ll, kl: kl.mean()),),
        ),
        Misconception(
            "batch_added_up",
            elbo_with(lambda ll, kl: (kl - ll).sum()),
            "The images of the batch were added up. Average: nats per image.",
        ),
        Misconception(
            "not_reduced",
            elbo_with(lambda ll, kl: kl - ll),
            "There is still one value for each image. Their mean is wanted, a scalar.",
            also=(
                elbo_with(lambda ll, kl: kl.mean() - ll),
                elbo_with(lambda ll, kl: kl - ll.mean()),
            ),
        ),
        Misconception(
            "as_in_lesson_05",
            three_results,
            "Three things come back, as in lesson 05. Here the scalar alone is wanted.",
        ),
        Misconception(
            "pixels_averaged",
            elbo_with(reduce=lambda pixels: pixels.flatten(1).mean(1)),
            "The pixels were averaged while the KL is a sum: the likelihood weighs too little by "
            "their number, and the posterior collapses onto the prior. Add the pixels.",
        ),
        Misconception(
            "kl_averaged_over_latents",
            elbo_with(kl=lambda mean, log_var: (mean**2 + log_var.exp() - 1 - log_var).mean(1) / 2),
            "The KL was averaged over the latents. They are independent, so their divergences add.",
        ),
        Misconception(
            "kl_added_over_the_batch",
            elbo_with(lambda ll, kl: kl.sum() - ll.mean()),
            "The KL was added over the batch and the log-likelihood averaged, so that with more "
            "images the KL weighs more. Average both.",
        ),
        Misconception(
            "likelihood_added_over_the_batch",
            elbo_with(lambda ll, kl: kl.mean() - ll.sum()),
            "The log-likelihood was added over the batch and the KL averaged, so that with more "
            "images the KL weighs less. Average both.",
        ),
        Misconception(
            "kl_divided_by_the_batch",
            elbo_with(lambda ll, kl: (kl / len(kl) - ll).mean()),
            "The KL was divided by the batch's size once more than the log-likelihood. Both are "
            "averaged over the images, once.",
        ),
        Misconception(
            "per_pixel",
            per_pixel,
            "This is the loss per pixel: it was divided by their number. Nats per image are "
            "wanted.",
        ),
        Misconception(
            "variance_as_std",
            elbo_with(std=torch.exp),
            "exp(log_var) was used as the standard deviation. It is the variance; half of log_var "
            "belongs in the exponent.",
        ),
        Misconception(
            "log_var_as_std",
            elbo_with(std=lambda log_var: log_var),
            "The noise was multiplied by log_var itself, which may be negative. A standard "
            "deviation is the exponential of half of it.",
        ),
        Misconception(
            "root_of_log_var",
            elbo_with(std=torch.sqrt),
            "The result is not a number, as where the root or the logarithm of log_var is taken: "
            "it is a logarithm already, and may be negative. Its half goes into exp.",
        ),
        Misconception(
            "another_exponent",
            elbo_with(std=lambda log_var: (-log_var / 2).exp()),
            "The noise was multiplied by something else than the standard deviation. log_var is "
            "the logarithm of its square, and the exponential undoes a logarithm.",
            also=(
                elbo_with(std=lambda log_var: (2 * log_var).exp()),
                elbo_with(std=lambda log_var: log_var.exp() / 2),
                elbo_with(std=nn.functional.softplus),
                elbo_with(std=lambda log_var: nn.functional.softplus(log_var).sqrt()),
                elbo_with(std=lambda log_var: log_var / 2),
                elbo_with(std=lambda log_var: log_var.abs().sqrt()),
            ),
        ),
        Misconception(
            "mean_left_out",
            elbo_with(code=lambda mean, std, noise: std * noise),
            "The mean is not in z: every image is decoded from around 0. z is mean + std · noise.",
            also=(elbo_with(code=lambda mean, std, noise: std * noise + 0 * mean),),
        ),
        Misconception(
            "mean_and_std_swapped",
            elbo_with(code=lambda mean, std, noise: std + mean * noise),
            "Mean and standard deviation changed places in z: the noise is multiplied by the "
            "standard deviation.",
        ),
        Misconception(
            "outputs_swapped",
            encoder_calling(lambda encoder, x, y: encoder(x, y)[::-1]),
            "The encoder gives the mean first and log_var second; they were taken the other way "
            "round.",
        ),
        Misconception(
            "noise_unused",
            elbo_with(code=lambda mean, std, noise: mean),
            "The mean was decoded, without the noise. Then nothing keeps the decoder from needing "
            "a code exact to the last digit, and the bound does not hold.",
        ),
        Misconception(
            "noise_alone",
            elbo_with(code=lambda mean, std, noise: noise + 0 * mean),
            "The noise itself was decoded: z is a draw from the prior and knows nothing of the "
            "image. z is mean + std · noise.",
            also=(elbo_with(code=lambda mean, std, noise: noise),),
        ),
        Misconception(
            "noise_unscaled",
            elbo_with(code=lambda mean, std, noise: mean + noise),
            "The noise was added without being scaled by the standard deviation.",
        ),
        Misconception(
            "noise_subtracted",
            elbo_with(code=lambda mean, std, noise: mean - std * noise),
            "The noise was subtracted. As a distribution that is the same, but this draw is "
            "another one: z is mean + std · noise.",
        ),
        Misconception(
            "kl_of_the_draw",
            elbo_with(drawn=kl_of_the_draw),
            "The KL was estimated from the one draw, log q(z) - log p(z). Its average is right; "
            "the closed form, kl_to_standard_normal, is exact and asked for here.",
        ),
        Misconception(
            "kl_turned_round",
            elbo_with(kl=reversed_kl),
            "This is the KL from the prior to the posterior. The bound has KL(q‖p): the average is "
            "under q.",
        ),
        Misconception(
            "kl_halved",
            elbo_with(lambda ll, kl: (kl / 2 - ll).mean()),
            "The KL came in by half. kl_to_standard_normal has its 1/2 inside.",
        ),
        Misconception(
            "kl_doubled",
            elbo_with(lambda ll, kl: (2 * kl - ll).mean()),
            "The KL counts twice what it should: it came in twice, or its 1/2 is missing.",
        ),
        Misconception(
            "kl_given_both_swapped",
            elbo_with(kl=lambda mean, log_var: kl_of(log_var, mean)),
            "mean and log_var changed places in the KL: the mean comes first.",
        ),
        Misconception(
            "kl_in_part",
            elbo_with(kl=kl_of_parts(mean=0.0)),
            "A term of the KL's closed form is missing, the squared mean or the 1. "
            "kl_to_standard_normal has them all.",
            also=(elbo_with(kl=kl_of_parts(one=0.0)), elbo_with(kl=kl_of_parts(0.0, 0.0))),
        ),
        Misconception(
            "log_prior_alone",
            elbo_with(drawn=log_prior_alone),
            "-log p(z) stands in the place of the KL. The posterior's own part, log q(z), is "
            "missing; the closed form has both.",
        ),
        Misconception(
            "sigmoid_twice",
            elbo_with(likelihood=lambda logits, x: Bernoulli(logits=logits.sigmoid()).log_prob(x)),
            SIGMOID_BEFORE_LOSS,
        ),
        Misconception(
            "squared_error",
            elbo_with(likelihood=squared_error(torch.sigmoid, 1.0)),
            "A squared error stands in the place of the log-likelihood. The pixels are zeros and "
            "ones and the decoder gives logits: bernoulli_log_likelihood.",
            also=(
                elbo_with(likelihood=squared_error(torch.sigmoid, 0.5)),
                elbo_with(likelihood=squared_error(lambda logits: logits, 1.0)),
                elbo_with(likelihood=squared_error(lambda logits: logits, 0.5)),
            ),
        ),
        Misconception(
            "logarithm_cut_off",
            elbo_with(likelihood=cut_off),
            "binary_cross_entropy never charges more than 100 nats a pixel, and a logit of 300 "
            "costs 300 where it is wrong. bernoulli_log_likelihood takes the logits.",
        ),
        Misconception(
            "decoder_not_told",
            decoder_unasked,
            "The decoder was called without the labels. Both networks take them: decoder(z, "
            "labels).",
            error="LabeledDecoder.forward() missing 1 required positional argument: 'labels'",
        ),
        Misconception(
            "encoder_not_told",
            encoder_unasked,
            "The encoder was called without the labels. Both networks take them: encoder(images, "
            "labels).",
            error="LabeledEncoder.forward() missing 1 required positional argument: 'labels'",
        ),
        Misconception(
            "encoder_arguments_swapped",
            encoder_calling(lambda encoder, x, y: encoder(y, x)),
            "Images and labels changed places in the encoder's call: encoder(images, labels).",
            error="images must be (B, 1, H, W); got (4,)",
        ),
        Misconception(
            "decoder_arguments_swapped",
            decoder_calling(lambda decoder, z, y: decoder(y, z)),
            "z and labels changed places in the decoder's call: decoder(z, labels).",
            error="a code an image; got (4,)",
        ),
        Misconception(
            "images_flattened",
            encoder_calling(lambda encoder, x, y: encoder(x.flatten(1), y)),
            "The encoder was given rows of pixels. It takes the images as they are.",
            error="images must be (B, 1, H, W); got (4, 15)",
        ),
        Misconception(
            "labels_appended",
            decoder_calling(lambda decoder, z, y: decoder(appended(z, y), y)),
            "Something was appended to z. The decoder takes z as it is and the labels beside it, "
            "and joins the two itself.",
            error="a code an image; got (4, 12)",
        ),
        Misconception(
            "labels_one_hot",
            elbo_with(labels_of=lambda labels: 2 * (with_one_hot(labels),)),
            "The labels were made one-hot, or cast. Both networks take them as they come: an "
            "integer for each image.",
            error="as many as there are examples; got",
            also=(
                elbo_with(labels_of=lambda labels: (labels, with_one_hot(labels))),
                elbo_with(labels_of=lambda labels: 2 * (labels.float(),)),
            ),
        ),
        Misconception(
            "label_beyond",
            elbo_with(labels_of=lambda labels: (labels, labels + 1)),
            "A network was told of a label beyond the last. They count from 0: nothing is to be "
            "added to them.",
            error="is out of bounds for dimension 0",
            also=(elbo_with(labels_of=lambda labels: (labels + 1, labels)),),
        ),
        Misconception(
            "one_tensor_expected",
            one_tensor_expected,
            "The encoder gives two tensors, mean and log_var, as a tuple: take them apart first.",
            error="tuple",
            also=(one_tensor_added,),
        ),
        Misconception(
            "logits_flattened",
            flat_logits,
            "The logits became rows and the images are pictures. bernoulli_log_likelihood takes "
            "both as they are.",
            error="must share one shape (B, C, H, W); got (4, 15)",
        ),
        Misconception(
            "not_probabilities",
            not_probabilities,
            "binary_cross_entropy takes probabilities and was given logits. "
            "bernoulli_log_likelihood takes logits.",
            error="all elements of input should be between 0 and 1",
        ),
        Misconception(
            "first_label_for_the_decoder",
            elbo_with(labels_of=lambda labels: (labels, labels[:1].expand_as(labels))),
            "The decoder was told the first image's label for all. Each image has its own.",
        ),
        Misconception(
            "decoder_told_others",
            elbo_with(labels_of=lambda labels: (labels, labels.flip(0))),
            "The decoder was given other images' labels: the batch was reordered on the way.",
        ),
        Misconception(
            "label_zero_for_all",
            elbo_with(labels_of=lambda labels: (labels, torch.zeros_like(labels))),
            "The decoder was told label 0 for every image, as if nothing were known.",
        ),
        Misconception(
            "label_zero_for_the_encoder",
            elbo_with(labels_of=lambda labels: (torch.zeros_like(labels), labels)),
            "The encoder was told label 0 for every image, as if nothing were known. It takes the "
            "labels, as the decoder does.",
        ),
        Misconception(
            "label_zero_for_both",
            elbo_with(labels_of=lambda labels: 2 * (torch.zeros_like(labels),)),
            "Both networks were told label 0 for every image, as if nothing were known.",
        ),
        Misconception(
            "encoder_told_others",
            elbo_with(labels_of=lambda labels: (labels.flip(0), labels)),
            "The encoder was given other images' labels: the batch was reordered on the way.",
        ),
        Misconception(
            "kl_given_a_std",
            elbo_with(kl=lambda mean, log_var: kl_of(mean, (log_var / 2).exp())),
            "The KL was given a standard deviation or a variance where it takes log_var.",
            also=(elbo_with(kl=lambda mean, log_var: kl_of(mean, log_var.exp())),),
        ),
        Misconception(
            "likelihood_turned_round",
            elbo_with(likelihood=lambda logits, images: unvalidated(images).log_prob(logits)),
            "Logits and images changed places in the log-likelihood: the logits come first.",
        ),
        Misconception(
            "in_bits",
            elbo_with(lambda ll, kl: (kl - ll).mean() / math.log(2)),
            "This is the loss in bits: it was divided by log 2. Nats are wanted.",
        ),
        Misconception(
            "prior_at_the_label",
            prior_at_the_label,
            "The prior was moved to the label. It does not know the label: the KL is to N(0, I) "
            "whatever is asked for.",
        ),
        Misconception(
            "label_paid_for",
            elbo_with(lambda ll, kl: (kl - ll).mean() + math.log(10)),
            "There is a log 10 too much, what it costs to name one of ten labels. The bound is on "
            "log p(x | y): the label is given and costs nothing.",
        ),
        Misconception(
            "label_gained",
            elbo_with(lambda ll, kl: (kl - ll).mean() - math.log(10)),
            "A log 10 was taken off, what a label is worth. The bound on log p(x | y) has that "
            "already: both networks know the label.",
        ),
        Misconception(
            "a_number",
            lambda *given: elbo_with()(*given).item(),
            "The loss is a plain number, and a number has no gradient: no .item() and no float().",
        ),
        Misconception(
            "without_gradient",
            without_gradient,
            "The loss is right, and no gradient reaches either network: all of it was computed "
            "under torch.no_grad(), or detached at the end.",
        ),
        Misconception(
            "decoder_cut_off",
            decoder_calling(lambda decoder, z, y: decoder(z, y).detach()),
            "The loss is right, and nothing is learned from the log-likelihood: the logits were "
            "detached, or the decoder ran under torch.no_grad().",
        ),
        Misconception(
            "code_detached",
            elbo_with(code=lambda mean, std, noise: (mean + std * noise).detach()),
            "The loss is right, and the encoder learns from the KL alone: z was detached on its "
            "way to the decoder. The gradient of the log-likelihood goes through z.",
        ),
        Misconception(
            "encoder_cut_off",
            encoder_cut_off,
            "The loss is right, and no gradient reaches the encoder: mean and log_var were "
            "detached, or computed under torch.no_grad().",
        ),
        Misconception(
            "fresh_noise",
            with_fresh_noise,
            "The noise that is passed in is not used: other noise was drawn inside. Take `noise`.",
            drawing=True,
        ),
    ),
    hints=(
        "It is lesson 05's loss. Where do the labels come in? Into both networks, and nowhere "
        "else: the prior of z does not know them.",
        "z is mean + std · noise with std = exp(log_var / 2); decode it together with the labels.",
        "Two terms (B,): kl_to_standard_normal(mean, log_var) and bernoulli_log_likelihood(logits, "
        "images). Which sign has each in a loss? Average at the end.",
    ),
)
