"""The log-likelihood of test images under a VAE, by importance sampling."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from course_lib.probability import bernoulli_log_likelihood
from course_lib.training import finest_float


@torch.no_grad()
def log_likelihood(
    encoder: nn.Module,
    decoder: nn.Module,
    images: Tensor,
    samples: int = 5000,
    chunk: int = 10,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Estimate log p(x) of each image under a Bernoulli VAE, in nats: `(B, 1, H, W)` to `(B,)`.

    log p(x) ~ log (1/K) sum_k p(x, z_k) / q(z_k | x), z_k drawn from q(z | x), K = samples
    (Burda, Grosse & Salakhutdinov 2015, section 5). On average it lies below log p(x), the less
    the larger K. `encoder(images)` gives mean and log_var, each (B, Z); `decoder(z)` gives the
    logits of z (N, Z).

    `chunk` draws of every image are decoded at a time, so memory goes with chunk · B, whatever
    `samples` is. The result does not depend on it, up to rounding: the noise (B, Z) of each draw
    comes from a call of its own, and the sum of the weights is kept as a running logarithm in
    float64 (float32 on Apple's GPU, which has no other). `generator` lives on the images' device;
    without it the global one is used.

    Raises ValueError for samples or chunk below 1, an empty batch, images of another shape,
    images outside [0, 1], or NaN among them.

    >>> from torch.nn import Flatten, Linear, Sequential, Unflatten
    >>> decoder = Sequential(Linear(2, 9), Unflatten(1, (1, 3, 3)))
    >>> def encoder(images):
    ...     return images.flatten(1)[:, :2], torch.zeros(len(images), 2)
    >>> log_likelihood(encoder, decoder, torch.ones(4, 1, 3, 3), samples=100).shape
    torch.Size([4])
    >>> log_likelihood(encoder, decoder, torch.ones(4, 1, 3, 3), samples=0)
    Traceback (most recent call last):
    ValueError: samples must be a whole number of at least 1; got 0
    """
    _require_count(samples=samples, chunk=chunk)
    _require_images(images)
    mean, log_var = encoder(images)
    posterior = Normal(mean, (log_var / 2).exp())
    exact = finest_float(images.device)
    total = torch.full(images.shape[:1], -math.inf, dtype=exact, device=images.device)
    for first in range(0, samples, chunk):
        draws = range(first, min(first + chunk, samples))
        noise = torch.stack([_noise(mean, generator) for _ in draws])
        log_weights = _log_weights(decoder, images, posterior, noise)
        total = torch.logaddexp(total, log_weights.to(exact).logsumexp(dim=0))
    return (total - math.log(samples)).to(images.dtype)


def _noise(mean: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)


def _log_weights(decoder: nn.Module, images: Tensor, posterior: Normal, noise: Tensor) -> Tensor:
    """log p(x, z) - log q(z | x) for noise `(K, B, Z)`, `(K, B)`.

    log N(z; 0, I) - log q is sum_z [ (noise² - z²) / 2 + log std ]: the constants cancel.
    """
    z = posterior.mean + posterior.stddev * noise
    logits = decoder(z.flatten(0, 1))
    repeated = images.expand(len(noise), *images.shape).flatten(0, 1)
    log_ratio = (noise.square() - z.square()) / 2 + posterior.stddev.log()
    likelihood = bernoulli_log_likelihood(logits, repeated)
    return likelihood.unflatten(0, noise.shape[:2]) + log_ratio.sum(dim=-1)


def _require_count(**counts: int) -> None:
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"{name} must be a whole number of at least 1; got {count!r}")


def _require_images(images: Tensor) -> None:
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(
            f"images must be (B, C, H, W) with at least one image; got {tuple(images.shape)}"
        )
    outside = ~((images >= 0) & (images <= 1))  # so written, NaN is caught too
    if outside.any():
        place = tuple(outside.nonzero()[0].tolist())
        raise ValueError(
            "a Bernoulli likelihood needs images in [0, 1]; "
            f"got {images[place].item():.4g} at {place}"
        )
