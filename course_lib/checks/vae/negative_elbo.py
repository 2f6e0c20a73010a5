"""Check of `negative_elbo`. Oracle: torch.distributions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.distributions import Independent, Normal, kl_divergence

from ..declare import Case, Exercise, Misconception
from ..random_inputs import binary_images
from ..wrong_formulas import LOG_VAR_AS_LOG_STD, SIGMOID_BEFORE_LOSS
from .bernoulli_log_likelihood import likelihood, squared_error


def elbo_cases(generator: torch.Generator) -> list[Case]:
    def inputs(batch: int, height: int, width: int, latents: int) -> dict:
        shape = (batch, 1, height, width)

        def normal(*size: int) -> torch.Tensor:
            return torch.randn(size, generator=generator, dtype=torch.float64)

        return {
            "logits": 2 * normal(*shape) + 0.3,
            "images": binary_images(generator, *shape).double(),
            "mean": 1.3 * normal(batch, latents) + 0.4,
            "log_var": normal(batch, latents) - 0.5,
        }

    differentiable = ("logits", "mean", "log_var")
    sure = {n: v.float() for n, v in inputs(2, 3, 4, 3).items()}
    sure = {**sure, "logits": 200 * (2 * sure["images"] - 1).roll(1, -1)}
    return [
        Case(inputs(3, 4, 5, 2), gradients=differentiable),
        Case(inputs(1, 3, 6, 4), "a batch of one"),
        Case({n: v.float() for n, v in inputs(4, 5, 3, 3).items()}, "in float32"),
        Case(sure, "logits of ±200, float32", extreme=True, gradients=differentiable),
    ]


def elbo_terms(logits, images, mean, log_var):
    q = Independent(Normal(mean, (log_var / 2).exp()), 1)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    return likelihood(logits, images), kl_divergence(q, prior)


def elbo_with(loss=lambda ll, kl: (kl - ll).mean(), ll=lambda v: v, kl=lambda v: v):
    """negative_elbo with a mistake in one of its three results (the terms enter the loss)."""

    def answer(logits, images, mean, log_var):
        log_likelihood, divergence = elbo_terms(logits, images, mean, log_var)
        log_likelihood, divergence = ll(log_likelihood), kl(divergence)
        return loss(log_likelihood, divergence), log_likelihood, divergence

    return answer


def pixels_averaged(in_loss_only: bool):
    def answer(logits, images, mean, log_var):
        ll, kl = elbo_terms(logits, images, mean, log_var)
        small = ll / images[0].numel()
        return (kl - small).mean(), ll if in_loss_only else small, kl

    return answer


def all_per_pixel(logits, images, mean, log_var):
    ll, kl = elbo_terms(logits, images, mean, log_var)
    return (kl - ll).mean() / images[0].numel(), ll, kl


def latents_averaged(shown: Callable = lambda small, kl: small) -> Callable:
    """The KL divided by the number of latents in the loss; `shown` picks what is returned."""

    def answer(logits, images, mean, log_var):
        ll, kl = elbo_terms(logits, images, mean, log_var)
        small = kl / mean.shape[1]
        return (small - ll).mean(), ll, shown(small, kl)

    return answer


def with_likelihood(formula: Callable) -> Callable:
    """Another formula of (logits, images) in the place of the log-likelihood."""

    def answer(logits, images, mean, log_var):
        _, kl = elbo_terms(logits, images, mean, log_var)
        ll = formula(logits, images)
        return (kl - ll).mean(), ll, kl

    return answer


def with_kl(formula: Callable) -> Callable:
    """Another formula of (mean, log_var) for the single latents' terms of the KL."""

    def answer(logits, images, mean, log_var):
        ll, _ = elbo_terms(logits, images, mean, log_var)
        kl = formula(mean, log_var).sum(1) / 2
        return (kl - ll).mean(), ll, kl

    return answer


def kl_turned_round(logits, images, mean, log_var):
    ll, _ = elbo_terms(logits, images, mean, log_var)
    kl = kl_divergence(Normal(0.0, 1.0), Normal(mean, (log_var / 2).exp())).sum(1)
    return (kl - ll).mean(), ll, kl


def everything_added(logits, images, mean, log_var):
    """As in pytorch/examples, whose learning rate has the batch in it."""
    ll, kl = (term.sum() for term in elbo_terms(logits, images, mean, log_var))
    return kl - ll, ll, kl


def as_std(logits, images, mean, log_var):
    return elbo_with()(logits, images, mean, 2 * log_var)


def double_sigmoid(logits, images, mean, log_var):
    return elbo_with()(logits.sigmoid(), images, mean, log_var)


EXERCISE = Exercise(
    name="vae.negative_elbo",
    signature="(logits, images, mean, log_var)",
    unit="nats",
    outputs=("loss", "log_likelihood", "kl"),
    graph=("loss",),
    oracle=elbo_with(),
    cases=elbo_cases,
    misconceptions=(
        Misconception(
            "elbo_itself",
            elbo_with(loss=lambda ll, kl: (ll - kl).mean()),
            "This is the ELBO, and an optimizer that minimizes it makes everything worse: "
            "reconstructions turn into negatives and the variance explodes. The loss is its "
            "negative.",
        ),
        Misconception(
            "likelihood_minimized",
            elbo_with(loss=lambda ll, kl: (ll + kl).mean()),
            "The loss adds the log-likelihood, so minimizing it makes the images improbable. The "
            "log-likelihood enters with a minus, the KL with a plus.",
        ),
        Misconception(
            "kl_subtracted",
            elbo_with(loss=lambda ll, kl: (-ll - kl).mean()),
            "The KL term has the wrong sign: this loss rewards a posterior for leaving the prior. "
            "It is a price, so in a loss it comes with a plus.",
        ),
        Misconception(
            "reconstruction_loss_returned",
            elbo_with(loss=lambda ll, kl: (kl + ll).mean(), ll=lambda v: -v),
            "The second result is the reconstruction loss. log_likelihood is wanted: the negative "
            "of it, a number below 0.",
        ),
        Misconception(
            "pixels_averaged",
            pixels_averaged(in_loss_only=False),
            "The pixels were averaged while the KL is a sum: the likelihood weighs too little by "
            "the number of pixels, and the posterior collapses onto the prior. Add the pixels.",
        ),
        Misconception(
            "pixels_averaged_in_loss",
            pixels_averaged(in_loss_only=True),
            "In the loss the log-likelihood was divided by the number of pixels and the KL was "
            "not. Then the KL dominates and the posterior collapses onto the prior.",
        ),
        Misconception(
            "everything_per_pixel",
            all_per_pixel,
            "The loss was divided by the number of pixels. Nats per image are wanted: the mean "
            "over the batch is the only average.",
        ),
        Misconception(
            "batch_summed",
            elbo_with(loss=lambda ll, kl: (kl - ll).sum()),
            "The loss adds the images of the batch, so it changes with the batch size. Average "
            "over the batch: nats per image.",
        ),
        Misconception(
            "not_reduced",
            elbo_with(loss=lambda ll, kl: kl - ll),
            "The loss still has one value for each image. It is their mean, a scalar; only the two "
            "terms keep the shape (B,).",
        ),
        Misconception(
            "terms_reduced",
            elbo_with(ll=lambda v: v.mean(), kl=lambda v: v.mean()),
            "The two terms were averaged over the batch. Return them as (B,), one value for each "
            "image, and average in the loss alone.",
        ),
        Misconception(
            "terms_swapped",
            lambda *a: ((r := elbo_with()(*a))[0], r[2], r[1]),
            "The two terms changed places: loss, log_likelihood, kl is the order.",
        ),
        Misconception(
            "latents_averaged",
            latents_averaged(),
            "The KL was averaged over the latents. They are independent, so their divergences add.",
            also=(
                latents_averaged(lambda small, kl: kl),
                latents_averaged(lambda small, kl: small.mean()),
            ),
        ),
        Misconception(
            "squared_error",
            with_likelihood(squared_error()),
            "A squared error stands in the place of the log-likelihood, as for a Gaussian of fixed "
            "width. The pixels are 0 or 1 and the decoder gives logits: bernoulli_log_likelihood.",
            also=(
                with_likelihood(squared_error(weight=0.5)),
                with_likelihood(squared_error(lambda logits: logits)),
                with_likelihood(squared_error(lambda logits: logits, 0.5)),
            ),
        ),
        Misconception(
            "likelihood_counted_twice",
            elbo_with(loss=lambda ll, kl: (kl - 2 * ll).mean()),
            "The log-likelihood counts twice, which makes the KL weigh one half: the posterior "
            "becomes surer than it may be, and the result is no bound.",
        ),
        Misconception(
            "half_forgotten",
            elbo_with(kl=lambda v: 2 * v),
            "The KL is twice too large: it carries a factor 1/2 in front.",
        ),
        Misconception(
            "half_twice",
            elbo_with(kl=lambda v: v / 2),
            "The KL is half of what it should be; kl_to_standard_normal has the 1/2 inside.",
        ),
        Misconception(
            "kl_log_var_sign",
            with_kl(lambda mean, log_var: mean**2 + log_var.exp() - 1 + log_var),
            "In the KL log_var has the wrong sign, so that a narrow posterior is rewarded. "
            "kl_to_standard_normal is imported above.",
        ),
        Misconception(
            "kl_mean_not_squared",
            with_kl(lambda mean, log_var: mean + log_var.exp() - 1 - log_var),
            "In the KL the mean stands as it is, where its square belongs: the distance from 0 "
            "costs the same on either side. kl_to_standard_normal is imported above.",
        ),
        Misconception(
            "kl_one_forgotten",
            with_kl(lambda mean, log_var: mean**2 + log_var.exp() - log_var),
            "The KL is not 0 where the posterior is the prior: a -1 for each latent is missing. "
            "kl_to_standard_normal is imported above.",
        ),
        Misconception(
            "kl_of_the_variance",
            with_kl(lambda mean, log_var: mean**2 + log_var.exp().exp() - 1 - log_var.exp()),
            "The KL was given something else than log_var, such as the variance. "
            "kl_to_standard_normal takes the logarithm as the encoder gives it.",
            also=(
                with_kl(
                    lambda mean, log_var: (
                        mean**2 + (log_var / 2).exp().exp() - 1 - (log_var / 2).exp()
                    )
                ),
                with_kl(lambda mean, log_var: mean**2 + log_var.log().exp() - 1 - log_var.log()),
            ),
        ),
        Misconception(
            "one_image",
            elbo_with(loss=lambda ll, kl: (kl - ll)[0]),
            "The loss is that of the first image alone. It is the mean over the batch.",
        ),
        Misconception(
            "kl_turned_round",
            kl_turned_round,
            "This is KL(p‖q), from the prior to the posterior. The ELBO has KL(q‖p): the average "
            "is under q.",
        ),
        Misconception(
            "kl_added_over_the_batch",
            elbo_with(loss=lambda ll, kl: kl - ll.mean(), kl=lambda v: v.sum()),
            "The KL was added over the batch, the log-likelihood averaged: with more images the KL "
            "weighs more. Keep one KL for each image, and average at the end.",
        ),
        Misconception(
            "everything_added",
            everything_added,
            "Both terms were added over the batch, and so was the loss. Keep one value for each "
            "image in the terms, and average in the loss.",
            also=(lambda *a: (lambda loss, ll, kl: (loss, -ll, kl))(*everything_added(*a)),),
        ),
        Misconception(
            "kl_sign",
            elbo_with(kl=lambda v: -v, loss=lambda ll, kl: -(ll + kl).mean()),
            "kl has the wrong sign: a divergence is never negative.",
        ),
        Misconception(
            "kl_sign_everywhere",
            elbo_with(kl=lambda v: -v),
            "kl has the wrong sign, here and in the loss: a divergence is never negative.",
        ),
        Misconception(
            "arguments_swapped",
            lambda logits, images, mean, log_var: elbo_with()(images, logits, mean, log_var),
            "Prediction and target changed places: the likelihood takes the logits first, the "
            "images second.",
        ),
        Misconception(
            "kl_forgotten",
            elbo_with(loss=lambda ll, kl: -ll.mean()),
            "The KL is missing from the loss: without it this is a noisy autoencoder, and what it "
            "decodes from the prior means nothing.",
        ),
        Misconception(
            "log_var_read_as_log_std",
            as_std,
            LOG_VAR_AS_LOG_STD,
        ),
        Misconception(
            "sigmoid_twice",
            double_sigmoid,
            SIGMOID_BEFORE_LOSS,
        ),
    ),
    hints=(
        "ELBO = expected log-likelihood minus KL. Which sign does each have in a loss?",
        "You have both terms already: bernoulli_log_likelihood of this lesson and "
        "kl_to_standard_normal from course_lib.probability, each (B,).",
        "The only average is the last step, over the batch. Return three things: that scalar, and "
        "the two terms as they were before it.",
    ),
)
