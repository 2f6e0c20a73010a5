"""The log-likelihood estimator against a grid, at every chunk, and with what it must refuse."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

from course_lib.metrics import log_likelihood
from course_lib.probability import bernoulli_log_likelihood, importance_bound
from tests.lessons import solution


class Encoder(nn.Module):
    def __init__(self, pixels, latents):
        super().__init__()
        self.heads = nn.Linear(pixels, 2 * latents)

    def forward(self, images):
        mean, log_var = self.heads(images.flatten(1)).chunk(2, dim=1)
        return mean, 0.3 * log_var.tanh()


class WatchedDecoder(nn.Module):
    def __init__(self, latents, height, width):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(latents, height * width), nn.Tanh())
        self.shape, self.most = (1, height, width), 0

    def forward(self, z):
        self.most = max(self.most, len(z))
        return 2 * self.net(z).unflatten(1, self.shape)


def small_vae(latents=1, height=3, width=2, dtype=torch.float32):
    torch.manual_seed(0)
    networks = Encoder(height * width, latents), WatchedDecoder(latents, height, width)
    return [network.to(dtype) for network in networks]


def some_images(count, height=3, width=2, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 1, height, width, generator=generator).round().to(dtype)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_estimate_agrees_with_a_grid():
    encoder, decoder = small_vae(dtype=torch.float64)
    images = some_images(4, dtype=torch.float64)
    z = torch.linspace(-8, 8, 2001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        pixels = Independent(Bernoulli(logits=decoder(z)[:, None]), 3)
        log_joint = pixels.log_prob(images) + Normal(0.0, 1.0).log_prob(z)
    exact = (log_joint + math.log(16 / 2000)).logsumexp(dim=0)
    estimate = log_likelihood(encoder, decoder, images, 20_000, 500, seeded())
    assert estimate.dtype == torch.float64
    torch.testing.assert_close(estimate, exact, rtol=0, atol=0.03)


@pytest.mark.parametrize("chunk", [1, 3, 7, 50, 51, 1000])
def test_every_chunk_gives_the_same(chunk):
    encoder, decoder = small_vae(latents=3)
    images = some_images(5)
    whole = log_likelihood(encoder, decoder, images, 50, 50, seeded())
    decoder.most = 0
    pieces = log_likelihood(encoder, decoder, images, 50, chunk, seeded())
    torch.testing.assert_close(pieces, whole, rtol=1e-6, atol=1e-5)
    assert decoder.most == min(chunk, 50) * len(images)


def test_the_lesson_solves_it_alike():
    encoder, decoder = small_vae(latents=4)
    images = some_images(6)
    estimate = solution("likelihood.estimate_log_likelihood")
    ours = log_likelihood(encoder, decoder, images, 33, 5, seeded())
    theirs = estimate(encoder, decoder, images, 33, 5, seeded())
    torch.testing.assert_close(theirs, ours, rtol=1e-6, atol=1e-5)
    assert not ours.requires_grad


def test_the_lesson_and_the_library_have_one_bound():
    log_weights = torch.randn(7, 4, dtype=torch.float64) - 90
    loss = solution("likelihood.iwae_loss")(log_weights)
    torch.testing.assert_close(loss, -importance_bound(log_weights).mean())
    assert importance_bound(log_weights.float() - 1000).isfinite().all()


def test_global_generator_is_used_where_none_is_given():
    encoder, decoder = small_vae()
    images = some_images(2)
    torch.manual_seed(3)
    one = log_likelihood(encoder, decoder, images, 20)
    torch.manual_seed(3)
    assert torch.equal(one, log_likelihood(encoder, decoder, images, 20))
    assert not torch.equal(one, log_likelihood(encoder, decoder, images, 20))


@pytest.mark.parametrize("count", [0, -1, 2.0, True, "many"])
@pytest.mark.parametrize("name", ["samples", "chunk"])
def test_bad_counts_are_named(name, count):
    encoder, decoder = small_vae()
    with pytest.raises(ValueError, match=f"{name} must be a whole number .*got {count!r}"):
        log_likelihood(encoder, decoder, some_images(2), **{name: count})


@pytest.mark.parametrize(
    "value, text", [(1.5, "1.5"), (-0.25, "-0.25"), (math.nan, "nan"), (math.inf, "inf")]
)
def test_images_outside_the_range_are_named_with_their_place(value, text):
    encoder, decoder = small_vae()
    images = some_images(4)
    images[2, 0, 1, 1] = value
    with pytest.raises(ValueError, match=rf"in \[0, 1\]; got {text} at \(2, 0, 1, 1\)"):
        log_likelihood(encoder, decoder, images, 10)


@pytest.mark.parametrize("shape", [(0, 1, 3, 2), (6,), (2, 6)])
def test_no_images_or_another_shape(shape):
    encoder, decoder = small_vae()
    with pytest.raises(ValueError, match="at least one image; got"):
        log_likelihood(encoder, decoder, torch.zeros(shape), 10)


def test_likelihood_of_one_shape_only():
    with pytest.raises(ValueError, match="one shape"):
        bernoulli_log_likelihood(torch.zeros(2, 1, 3, 3), torch.zeros(1, 1, 3, 3))
    logits, images = 200 * torch.randn(3, 1, 4, 4), some_images(3, 4, 4)
    expected = Independent(Bernoulli(logits=logits), 3).log_prob(images)
    torch.testing.assert_close(bernoulli_log_likelihood(logits, images), expected)
