"""Answers to lesson 07."""

import math

import torch
import torch.nn.functional as F
from einops import rearrange, reduce, repeat
from torch.distributions import Bernoulli, Categorical, Independent, MultivariateNormal, Normal

# ----------------------------------------------------------------- right answers


def toss_by_comparison(images, generator):
    return (torch.rand(images.shape, generator=generator) < images).to(images.dtype)


def toss_by_floor(images, generator):
    return torch.floor(images + torch.rand(images.shape, generator=generator))


def toss_one_by_one(images, generator):
    return torch.stack([torch.bernoulli(image, generator=generator) for image in images])


def toss_into_an_empty_tensor(images, generator):
    return torch.empty_like(images).bernoulli_(images, generator=generator)


def toss_by_multinomial(images, generator):
    chances = torch.stack([1 - images.flatten(), images.flatten()], dim=1)
    drawn = torch.multinomial(chances, 1, generator=generator)
    return drawn.reshape(images.shape).float()


def weights_by_distributions(encoder, decoder, images, noise):
    draws, batch, _ = noise.shape
    mean, log_var = encoder(images)
    posterior = Independent(Normal(mean, log_var.exp().sqrt()), 1)
    z = mean + log_var.exp().sqrt() * noise
    logits = rearrange(decoder(rearrange(z, "k b z -> (k b) z")), "(k b) ... -> k b ...", k=draws)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    log_likelihood = Independent(Bernoulli(logits=logits), 3).log_prob(images)
    assert log_likelihood.shape == (draws, batch)
    return log_likelihood + prior.log_prob(z) - posterior.log_prob(z)


def weights_without_constants(encoder, decoder, images, noise):
    mean, log_var = encoder(images)
    z = torch.addcmul(mean, torch.exp(0.5 * log_var), noise)
    logits = decoder(z.view(-1, z.shape[-1])).view(*z.shape[:2], -1)
    flat = images.flatten(1)
    log_likelihood = (flat * logits - F.softplus(logits)).sum(2)
    return log_likelihood + 0.5 * (noise**2 - z**2 + log_var).sum(2)


def weights_in_a_loop(encoder, decoder, images, noise):
    rows = []
    for eps in noise:
        mean, log_var = encoder(images)
        z = mean + (log_var / 2).exp() * eps
        bce = F.binary_cross_entropy_with_logits(decoder(z), images, reduction="none")
        q = MultivariateNormal(mean, torch.diag_embed(log_var.exp()))
        p = MultivariateNormal(torch.zeros_like(mean), torch.eye(mean.shape[1]).to(mean))
        rows.append(p.log_prob(z) - q.log_prob(z) - reduce(bce, "b c h w -> b", "sum"))
    return torch.stack(rows)


def weights_of_repeated_images(encoder, decoder, images, noise):
    """Encodes each image K times, images in the outer order, and decodes codes of three axes."""
    many = repeat(images, "b c h w -> (b k) c h w", k=len(noise))
    mean, log_var = encoder(many)
    eps = rearrange(noise, "k b z -> (b k) z")
    z = mean + (0.5 * log_var).exp() * eps
    terms = -F.binary_cross_entropy_with_logits(decoder(z[None]), many, reduction="none")
    difference = Normal(0, 1).log_prob(z) - Normal(mean, (0.5 * log_var).exp()).log_prob(z)
    flat = terms.flatten(1).sum(1) + difference.sum(1)
    return rearrange(flat, "(b k) -> k b", k=len(noise))


def loss_by_shift(log_weights):
    largest = log_weights.detach().max(dim=0, keepdim=True).values
    mean = (log_weights - largest).exp().mean(dim=0)
    return -(mean.log() + largest.squeeze(0)).mean()


def loss_by_log_softmax(log_weights):
    """logsumexp(w) = w - log_softmax(w), for any row."""
    total = log_weights[0] - log_weights.log_softmax(0)[0]
    return math.log(log_weights.shape[0]) - total.sum() / log_weights.shape[1]


def loss_by_inside_division(log_weights):
    return -torch.logsumexp(log_weights - math.log(len(log_weights)), dim=0).mean()


def loss_by_columns(log_weights):
    bounds = [column.logsumexp(0) - math.log(len(column)) for column in log_weights.unbind(1)]
    return torch.stack(bounds).mean().neg()


@torch.no_grad()
def estimate_with_running_total(encoder, decoder, images, samples, chunk, generator):
    mean, log_var = encoder(images)
    total = torch.full((len(images),), -math.inf)
    done = 0
    while done < samples:
        count = min(chunk, samples - done)
        noise = torch.stack([torch.randn(mean.shape, generator=generator) for _ in range(count)])
        w = weights_without_constants(lambda _: (mean, log_var), decoder, images, noise)
        total = torch.logaddexp(total, w.logsumexp(0))
        done += count
    return total - math.log(samples)


def estimate_from_noise_drawn_before(encoder, decoder, images, samples, chunk, generator):
    with torch.no_grad():
        latents = encoder(images)[0].shape[1]
        noise = torch.randn(samples, len(images), latents, generator=generator)
        parts = [
            weights_by_distributions(encoder, decoder, images, some) for some in noise.split(chunk)
        ]
        return -torch.stack([loss_by_columns(w[:, None]) for w in torch.cat(parts).unbind(1)])


def estimate_one_draw_at_a_time(encoder, decoder, images, samples, chunk, generator):
    weights = []
    with torch.inference_mode():
        shape = encoder(images)[0].shape
        for _ in range(samples):
            noise = torch.randn(1, *shape, generator=generator)
            weights.append(weights_without_constants(encoder, decoder, images, noise)[0])
        return torch.stack(weights).double().logsumexp(0) - math.log(samples)


def size_by_logsumexp(log_weights):
    return (2 * log_weights.logsumexp(0) - (2 * log_weights).logsumexp(0)).exp()


def size_by_softmax(log_weights):
    return log_weights.softmax(dim=0).pow(2).sum(dim=0).reciprocal()


def size_by_distribution(log_weights):
    shares = Categorical(logits=log_weights.T).probs
    return 1 / torch.einsum("bk,bk->b", shares, shares)


def size_by_shift(log_weights):
    w = (log_weights - log_weights.amax(0, keepdim=True)).exp()
    return w.sum(0) ** 2 / (w**2).sum(0)


def slopes_by_shift(log_weights):
    weights = (log_weights.double() - log_weights.double().amax(dim=0)).exp()
    return (-weights / weights.sum(dim=0) / weights.shape[1]).to(log_weights.dtype)


def slopes_by_log_softmax(log_weights):
    return -torch.stack([column.log_softmax(0).exp() for column in log_weights.T], 1) / len(
        log_weights.T
    )


def slopes_by_autograd_of_the_bound(log_weights):
    leaf = log_weights.clone().requires_grad_()
    return torch.autograd.grad(-leaf.logsumexp(0).mean(), leaf)[0]


RIGHT = {
    "binarize": [
        toss_by_comparison,
        toss_by_floor,
        toss_one_by_one,
        toss_into_an_empty_tensor,
        toss_by_multinomial,
    ],
    "log_importance_weights": [
        weights_by_distributions,
        weights_without_constants,
        weights_in_a_loop,
        weights_of_repeated_images,
    ],
    "iwae_loss": [loss_by_shift, loss_by_log_softmax, loss_by_inside_division, loss_by_columns],
    "gradient_weights": [slopes_by_shift, slopes_by_log_softmax, slopes_by_autograd_of_the_bound],
    "estimate_log_likelihood": [
        estimate_with_running_total,
        estimate_from_noise_drawn_before,
        estimate_one_draw_at_a_time,
    ],
    "effective_sample_size": [
        size_by_logsumexp,
        size_by_softmax,
        size_by_distribution,
        size_by_shift,
    ],
}

# ----------------------------------------------------------------- wrong answers


def toss_twice(images, generator):
    return toss_by_comparison(images, generator) * toss_by_comparison(images, generator)


def toss_and_keep_gray(images, generator):
    return torch.where(torch.rand(images.shape, generator=generator) < 0.5, images, images.round())


def toss_with_noise_in_float16(images, generator):
    return (torch.rand(images.shape, generator=generator).half() < images).half()


def toss_for_each_row(images, generator):
    coins = torch.rand(*images.shape[:-1], 1, generator=generator)
    return (coins < images).float()


def weights_with_latents_averaged(encoder, decoder, images, noise):
    mean, log_var = encoder(images)
    z = mean + (log_var / 2).exp() * noise
    log_likelihood = -F.binary_cross_entropy_with_logits(
        decoder(z.flatten(0, 1)), images.repeat(len(noise), 1, 1, 1), reduction="none"
    )
    ratio = Normal(0.0, 1.0).log_prob(z) - Normal(mean, (log_var / 2).exp()).log_prob(z)
    return log_likelihood.flatten(1).sum(1).reshape(noise.shape[:2]) + ratio.mean(-1)


def weights_with_stopped_q(encoder, decoder, images, noise):
    """The gradient of another estimator (sticking the landing), not of the weight."""
    mean, log_var = encoder(images)
    z = mean + (log_var / 2).exp() * noise
    return weights_by_distributions(
        lambda _: (mean.detach(), log_var.detach()),
        decoder,
        images,
        (z - mean.detach()) / (log_var.detach() / 2).exp(),
    )


def weights_sorted(*inputs):
    return weights_by_distributions(*inputs).sort(dim=0).values


def loss_of_medians(log_weights):
    return -log_weights.median(dim=0).values.mean()


def loss_less_one_draw(log_weights):
    return -(log_weights.logsumexp(0) - math.log(len(log_weights) - 1 or 1)).mean()


def loss_without_gradient(log_weights):
    return loss_by_shift(log_weights.detach())


def loss_clamped(log_weights):
    return loss_by_shift(log_weights.clamp(-100, 100))


def estimate_from_half(encoder, decoder, images, samples, chunk, generator):
    return estimate_with_running_total(encoder, decoder, images, samples // 2, chunk, generator)


def estimate_with_wide_q(encoder, decoder, images, samples, chunk, generator):
    """Draws twice as wide as q, weighed as if they came from q."""

    def wide_noise_decoder(z):
        return decoder(2 * z)

    return estimate_with_running_total(
        encoder, wide_noise_decoder, images, samples, chunk, generator
    )


def estimate_of_the_mean_image(encoder, decoder, images, samples, chunk, generator):
    return estimate_with_running_total(
        encoder, decoder, images, samples, chunk, generator
    ).mean().expand(len(images)) + torch.arange(len(images))


def estimate_by_exponentials(encoder, decoder, images, samples, chunk, generator):
    """With a running total of the weights themselves."""
    mean, _ = encoder(images)
    total = torch.zeros(len(images))
    with torch.no_grad():
        for first in range(0, samples, chunk):
            count = min(chunk, samples - first)
            noise = torch.stack(
                [torch.randn(mean.shape, generator=generator) for _ in range(count)]
            )
            total += weights_by_distributions(encoder, decoder, images, noise).exp().sum(0)
    return (total / samples + 1e-30).log()


def estimate_with_noise_shared(encoder, decoder, images, samples, chunk, generator):
    with torch.no_grad():
        noise = torch.randn(samples, 1, encoder(images)[0].shape[1], generator=generator)
        weights = [
            weights_by_distributions(encoder, decoder, images, some.expand(-1, len(images), -1))
            for some in noise.split(chunk)
        ]
        return torch.cat(weights).logsumexp(0) - math.log(samples)


def estimate_added_up(encoder, decoder, images, samples, chunk, generator):
    estimate = estimate_with_running_total(encoder, decoder, images, samples, chunk, generator)
    return estimate.sum()


def size_with_unbiased_variance(log_weights):
    shares = log_weights.softmax(0)
    return 1 / (shares.var(0, correction=min(1, len(shares) - 1)) * len(shares) + 1 / len(shares))


def size_clamped(log_weights):
    return size_by_softmax(log_weights).clamp(min=1.5)


def size_of_rounded_shares(log_weights):
    return (log_weights.softmax(0) > 1 / len(log_weights)).sum(0).to(log_weights.dtype)


def slopes_without_the_heaviest(log_weights):
    shares = log_weights.softmax(0)
    return -shares.where(shares < shares.amax(0), torch.zeros(())) / log_weights.shape[1]


def slopes_squared(log_weights):
    return -log_weights.softmax(0).square() / log_weights.shape[1]


def slopes_of_half_the_images(log_weights):
    return -log_weights.softmax(0) / (log_weights.shape[1] // 2 + 1)


WRONG = {
    "binarize": [toss_twice, toss_and_keep_gray, toss_with_noise_in_float16, toss_for_each_row],
    "log_importance_weights": [
        weights_with_latents_averaged,
        weights_with_stopped_q,
        weights_sorted,
    ],
    "iwae_loss": [loss_of_medians, loss_less_one_draw, loss_without_gradient, loss_clamped],
    "gradient_weights": [slopes_without_the_heaviest, slopes_squared, slopes_of_half_the_images],
    "estimate_log_likelihood": [
        estimate_from_half,
        estimate_with_wide_q,
        estimate_of_the_mean_image,
        estimate_by_exponentials,
        estimate_with_noise_shared,
        estimate_added_up,
    ],
    "effective_sample_size": [size_with_unbiased_variance, size_clamped, size_of_rounded_shares],
}
