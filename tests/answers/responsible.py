"""Answers to lesson 19, of its two sittings."""

import math
from statistics import NormalDist

import einops
import numpy as np
import torch
import torch.nn.functional as F

# ----------------------------------------------------------------- right ones by other ways


def rate_by_squares(samples, train, test, quantile):
    """Squared distances by the binomial formula, sorted by hand; no root is needed."""

    def nearest(images):
        x, y = images.double().flatten(1), train.double().flatten(1)
        squares = x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T
        return squares.clamp(min=0).min(dim=1).values.sqrt()

    ordered = nearest(test).sort().values
    threshold = ordered[round(quantile * (len(ordered) - 1))]
    return (nearest(samples) < threshold).double().mean()


def rate_in_a_loop(samples, train, test, quantile):
    def nearest(images):
        distances = [(train - image).flatten(1).norm(dim=1).min() for image in images]
        return torch.stack(distances)

    limit = torch.quantile(nearest(test), quantile)
    return sum(bool(d < limit) for d in nearest(samples)) / len(samples)


def rate_in_numpy(samples, train, test, quantile):
    def nearest(images):
        x = einops.rearrange(images, "b c h w -> b 1 (c h w)").numpy()
        y = einops.rearrange(train, "b c h w -> 1 b (c h w)").numpy()
        return np.sqrt(((x - y) ** 2).sum(-1)).min(1)

    return float(np.mean(nearest(samples) < np.quantile(nearest(test), quantile)))


def frequencies_by_one_hot(predictions, groups, confidence):
    n = len(predictions)
    counts = F.one_hot(predictions, groups).double().sum(dim=0)
    z2 = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2
    middle = (counts + z2 / 2) / (n + z2)
    half = math.sqrt(z2) * (counts * (n - counts) / n + z2 / 4).sqrt() / (n + z2)
    return torch.stack([counts / n, middle - half, middle + half], dim=-1)


def frequencies_in_a_loop(predictions, groups, confidence):
    n, z = len(predictions), NormalDist().inv_cdf((1 + confidence) / 2)
    rows = []
    for group in range(groups):
        p = (predictions == group).float().mean().item()
        root = math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        below = 1 + z * z / n
        middle = p + z * z / (2 * n)
        rows.append([p, max(0.0, (middle - z * root) / below), (middle + z * root) / below])
    return torch.tensor(rows)


def embed_by_bernoulli(images, key, strength):
    """Another pattern than the text's, and decided by the key alone as well."""
    generator = torch.Generator()
    generator.manual_seed(key * 31 + 1)
    heads = torch.bernoulli(torch.full(images.shape[1:], 0.5), generator=generator).bool()
    return torch.where(heads, images + strength, images - strength).clip(0, 1)


def embed_in_numpy(images, key, strength):
    signs = np.random.default_rng(key).choice([-1.0, 1.0], size=tuple(images.shape[1:]))
    marked = np.clip(images.numpy().astype(np.float64) + strength * signs, 0, 1)
    return torch.from_numpy(marked).to(images.dtype)


def embed_in_a_loop(images, key, strength):
    generator = torch.Generator().manual_seed(key)
    bits = torch.randint(0, 2, images.shape[1:], generator=generator)
    pattern = torch.where(bits == 1, strength, -strength).to(images.dtype)
    return torch.stack([torch.clamp(image + pattern, 0.0, 1.0) for image in images])


def text_pattern(key, shape):
    return torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(key)) * 2.0 - 1.0


def detect_by_convolution(images, key):
    """The local mean as a quotient of two convolutions, in float64."""
    x = images.double()
    kernel = torch.ones(x.shape[1], 1, 3, 3, dtype=torch.float64)
    total = F.conv2d(x, kernel, padding=1, groups=x.shape[1])
    counts = F.conv2d(torch.ones_like(x), kernel, padding=1, groups=x.shape[1])
    detail = x - total / counts
    correlation = einops.einsum(
        detail, text_pattern(key, x.shape[1:]).double(), "b c h w, c h w -> b"
    )
    size = detail.flatten(1).norm(dim=1)
    return torch.where(size > 1e-9, correlation / size.clamp(min=1e-9), 0.0).float()


def detect_by_two_means(images, key):
    """Another local mean (of the four neighbors), and the difference of two means as the score."""
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    around = padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1]
    around = around + padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:]
    detail = (images - around / 4).flatten(1)
    plus = (text_pattern(key, images.shape[1:]) > 0).flatten()
    difference = detail[:, plus].mean(dim=1) - detail[:, ~plus].mean(dim=1)
    error = detail.std(dim=1) * (1 / plus.sum() + 1 / (~plus).sum()).sqrt()
    return torch.nan_to_num(difference / error.clamp(min=1e-7))


def detect_in_a_loop(images, key):
    pattern, scores = text_pattern(key, images.shape[1:]), []
    for image in images:
        detail = image - F.avg_pool2d(image, 3, 1, 1, count_include_pad=False)
        size = detail.norm()
        scores.append((detail * pattern).sum() / size if size > 1e-6 else torch.tensor(0.0))
    return torch.stack(scores)


RIGHT = {
    "memorization_rate": [rate_by_squares, rate_in_a_loop, rate_in_numpy],
    "group_frequencies": [frequencies_by_one_hot, frequencies_in_a_loop],
    "embed_watermark": [embed_by_bernoulli, embed_in_numpy, embed_in_a_loop],
    "detect_watermark": [detect_by_convolution, detect_by_two_means, detect_in_a_loop],
}

# ----------------------------------------------------------------- wrong ones without a sentence


def embed_on_half(images, key, strength):
    """Only the upper half is marked."""
    marked = embed_in_a_loop(images, key, strength)
    half = images.shape[2] // 2
    return torch.cat([marked[:, :, :half], images[:, :, half:]], dim=2)


def embed_with_three_levels(images, key, strength):
    pattern = torch.randint(0, 3, images.shape[1:], generator=torch.Generator().manual_seed(key))
    return (images + strength * (pattern.to(images.dtype) - 1) * 1.5).clamp(0, 1)


def detect_doubled(images, key):
    return 2 * detect_in_a_loop(images, key)


def detect_upper_half(images, key):
    """Half of the pixels, divided by the spread of all."""
    detail = images - F.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    half = images.shape[2] // 2
    pattern = text_pattern(key, images.shape[1:])
    total = (detail * pattern)[:, :, :half].sum(dim=(1, 2, 3))
    return total / detail.flatten(1).norm(dim=1).clamp(min=1e-6)


WRONG = {
    "memorization_rate": [
        lambda samples, train, test, quantile: quantile,
        lambda samples, train, test, quantile: 0.0,
        lambda samples, train, test, quantile: rate_in_a_loop(samples, train[:3], test, quantile),
    ],
    "group_frequencies": [
        lambda predictions, groups, confidence: torch.full((groups, 3), 1 / groups),
        lambda predictions, groups, confidence: frequencies_by_one_hot(
            predictions[1:], groups, confidence
        ),
        lambda predictions, groups, confidence: None,
    ],
    "embed_watermark": [
        embed_on_half,
        embed_with_three_levels,
        lambda images, key, strength: images,
    ],
    "detect_watermark": [
        detect_doubled,
        detect_upper_half,
        lambda images, key: torch.zeros(len(images)),
    ],
}
