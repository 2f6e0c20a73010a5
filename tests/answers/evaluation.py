"""Answers to lesson 12."""

import math
from statistics import NormalDist

import numpy as np
import torch
from torch.distributions import Categorical, kl_divergence

# ----------------------------------------------------------------- right answers


def score_by_distributions(probabilities):
    marginal = Categorical(probs=probabilities.mean(dim=0))
    return kl_divergence(Categorical(probs=probabilities), marginal).mean().exp()


def score_by_entropies(probabilities):
    entropies = torch.special.entr(probabilities).sum(dim=1)
    return (torch.special.entr(probabilities.mean(dim=0)).sum() - entropies.mean()).exp()


def score_in_numpy(probabilities):
    p = probabilities.double().numpy()
    logs, marginal = np.log(np.maximum(p, 1e-300)), np.maximum(p.mean(axis=0), 1e-300)
    terms = np.where(p > 0, p * (logs - np.log(marginal)), 0.0)
    return np.exp(terms.sum(axis=1).mean())


def score_with_a_tiny_constant(p):
    p = p.double()
    marginal = p.mean(0, keepdim=True)
    return math.exp((p * ((p + 1e-16).log() - (marginal + 1e-16).log())).sum(1).mean().item())


def distance_by_singular_values(mean_a, cov_a, mean_b, cov_b):
    def root(matrix):
        values, vectors = torch.linalg.eigh(matrix)
        return (vectors * values.clamp(min=0).sqrt()) @ vectors.mT

    roots = torch.linalg.matrix_norm(root(cov_a) @ root(cov_b), ord="nuc")
    return torch.dist(mean_a, mean_b) ** 2 + torch.trace(cov_a + cov_b) - 2 * roots


def distance_by_complex_roots(mean_a, cov_a, mean_b, cov_b):
    roots = torch.linalg.eigvals((cov_a @ cov_b).double()).sqrt().real.sum()
    return (mean_a - mean_b) @ (mean_a - mean_b) + cov_a.trace() + cov_b.trace() - 2 * roots


def distance_by_clamped_eigenvalues(mean_a, cov_a, mean_b, cov_b):
    values = torch.linalg.eigvals(cov_a @ cov_b).real.clamp(min=0)
    total = (mean_a - mean_b).pow(2).sum() + torch.trace(cov_a) + torch.trace(cov_b)
    return max(total.item() - 2 * values.sqrt().sum().item(), 0.0)


def fid_by_products(features_a, features_b):
    moments = []
    for features in (features_a.double(), features_b.double()):
        deviation = features - features.mean(dim=0)
        covariance = torch.einsum("ni,nj->ij", deviation, deviation) / (len(features) - 1)
        moments += [features.mean(dim=0), covariance]
    return distance_by_singular_values(*moments)


def fid_in_numpy(features_a, features_b):
    a, b = features_a.double().numpy(), features_b.double().numpy()
    cov_a, cov_b = np.cov(a.T), np.cov(b.T)
    roots = np.sqrt(np.linalg.eigvals(cov_a @ cov_b) + 0j).real.sum()
    shift = a.mean(0) - b.mean(0)
    return shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * roots


def kid_by_masks(features_a, features_b):
    a, b = features_a.double(), features_b.double()

    def kernel(x, y):
        return (1 + torch.einsum("nd,md->nm", x, y) / x.shape[-1]).pow(3)

    def different(x):
        mask = ~torch.eye(len(x), dtype=torch.bool)
        return kernel(x, x)[mask].mean()

    return different(a) + different(b) - 2 * kernel(a, b).mean()


def kid_by_fill(features_a, features_b):
    total = 0.0
    features_a, features_b = features_a.double(), features_b.double()
    for x in (features_a, features_b):
        values = (x @ x.T / x.size(1) + 1) ** 3
        values.fill_diagonal_(0)
        total += values.sum().item() / len(x) / (len(x) - 1)
    return total - 2 * ((features_a @ features_b.T / features_b.size(1) + 1) ** 3).mean().item()


def manifolds_by_sorting(real_features, fake_features, k):
    def share(points, support):
        radius = torch.cdist(support, support).sort(dim=1).values[:, k]
        return ((torch.cdist(points, support) - radius) <= 0).any(1).float().mean().item()

    return share(fake_features, real_features), share(real_features, fake_features)


def manifolds_by_topk(real_features, fake_features, k):
    def distances(x, y):
        return (x[:, None] - y[None]).norm(dim=-1)

    def radius(x):
        inner = distances(x, x).fill_diagonal_(float("inf"))
        return inner.topk(k, largest=False).values[:, -1]

    across = distances(real_features, fake_features)
    recall = (across <= radius(fake_features)).any(dim=1)
    precision = (across <= radius(real_features)[:, None]).any(dim=0)
    return precision.double().mean(), recall.double().mean()


def manifolds_in_a_loop(real_features, fake_features, k):
    shares = []
    for points, support in ((fake_features, real_features), (real_features, fake_features)):
        radii = [(support - one).norm(dim=1).sort().values[k] for one in support]
        radii = torch.stack(radii)
        inside = [bool(((support - p).norm(dim=1) <= radii).any()) for p in points]
        shares.append(sum(inside) / len(inside))
    return torch.tensor(shares)


def wilson_by_the_quadratic(correct, total, confidence):
    """The roots of (rate - q)² = z² q (1 - q) / n."""
    z2, rate = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2, correct / total
    a, b, c = 1 + z2 / total, -(2 * rate + z2 / total), rate**2
    root = math.sqrt(max(b * b - 4 * a * c, 0))
    return rate, (-b - root) / (2 * a), (-b + root) / (2 * a)


def wilson_of_counts(correct, total, confidence):
    z = torch.special.ndtri(torch.tensor((1 + confidence) / 2, dtype=torch.float64))
    middle = (correct + z**2 / 2) / (total + z**2)
    half = z * (correct * (total - correct) / total + z**2 / 4).sqrt() / (total + z**2)
    return torch.tensor(correct / total), middle - half, middle + half


def fid_of_late_doubles(features_a, features_b):
    """Moments in float32 are good to seven digits; the traces are subtracted in double."""
    moments = []
    for features in (features_a, features_b):
        moments += [features.mean(dim=0).double(), features.T.cov().double()]
    return distance_by_singular_values(*moments)


def manifolds_of_squares(real_features, fake_features, k):
    """Squared distances against squared radii, no root taken."""

    def squares(x, y):
        return (x[:, None] - y).square().sum(dim=-1)

    def share(points, support):
        radius = squares(support, support).topk(k + 1, largest=False).values.amax(dim=1)
        return (squares(points, support) <= radius).any(dim=1).float().mean()

    return share(fake_features, real_features), share(real_features, fake_features)


RIGHT = {
    "inception_score": [
        score_by_distributions,
        score_by_entropies,
        score_in_numpy,
        score_with_a_tiny_constant,
    ],
    "frechet_distance": [
        distance_by_singular_values,
        distance_by_complex_roots,
        distance_by_clamped_eigenvalues,
    ],
    "fid": [fid_by_products, fid_in_numpy, fid_of_late_doubles],
    "kid": [kid_by_masks, kid_by_fill],
    "precision_recall": [
        manifolds_by_sorting,
        manifolds_by_topk,
        manifolds_in_a_loop,
        manifolds_of_squares,
    ],
    "forced_choice": [wilson_by_the_quadratic, wilson_of_counts],
}

# ----------------------------------------------------------------- wrong answers without a sentence


def score_of_the_median(p):
    kl = (p * (p / p.mean(dim=0)).log()).nan_to_num().sum(dim=1)
    return kl.median().exp()


def distance_weighted(mean_a, cov_a, mean_b, cov_b):
    return 3 * distance_by_complex_roots(mean_a, cov_a, mean_b, cov_b)


def kid_without_b(features_a, features_b):
    return kid_by_masks(features_a, features_a * 0.5)


WRONG = {
    "inception_score": [score_of_the_median, lambda p: float(p.shape[1]), lambda p: p],
    "frechet_distance": [
        distance_weighted,
        lambda mean_a, cov_a, mean_b, cov_b: 0.0,
        lambda mean_a, cov_a, mean_b, cov_b: mean_a,
    ],
    "fid": [
        lambda a, b: fid_in_numpy(2 * a, b),
        lambda a, b: fid_in_numpy(a, b) / len(a),
        lambda a, b: None,
    ],
    "kid": [kid_without_b, lambda a, b: 0.0, lambda a, b: a @ b.T],
    "precision_recall": [
        lambda real, fake, k: (1.0, 1.0),
        lambda real, fake, k: manifolds_by_sorting(real + 0.3, fake, k),
        lambda real, fake, k: 0.5,
    ],
    "forced_choice": [
        lambda correct, total, confidence: (correct / total, 0.0, 1.0),
        lambda correct, total, confidence: correct / total,
        lambda correct, total, confidence: wilson_by_the_quadratic(
            correct + 1, total + 2, confidence
        ),
    ],
}
