"""Two sets of features compared: Fréchet and kernel distance, precision and recall; and a score.

All formulas compute in float64 (float32 on Apple's GPU) and return a Python float. None of them
knows which network the features are from, and a number means something only beside that name and
the number of samples.
"""

import torch
from torch import Tensor

from course_lib.training import finest_float


def inception_score(probabilities: Tensor) -> float:
    """exp of the mean KL(p(y | x) ‖ p(y)), p(y) the mean of p(y | x): `(N, K)` to [1, K].

    Salimans et al. 2016, section 4, on all samples at once. It is K where every sample is named
    with certainty and every class equally often, 1 where all samples are named alike.

    Raises ValueError for another shape, or rows that are no probabilities.

    >>> inception_score(torch.eye(4)), inception_score(torch.full((6, 4), 0.25))
    (4.0, 1.0)
    """
    p = _rows(probabilities, "probabilities", least=1)
    if (p < 0).any() or ((p.sum(dim=1) - 1).abs() > 1e-3).any():
        raise ValueError("each row of probabilities must be at least 0 and add up to 1")
    conditional = torch.special.entr(p).sum(dim=1).mean()  # 0 log 0 is 0 in `entr`
    marginal = torch.special.entr(p.mean(dim=0)).sum()
    return (marginal - conditional).exp().item()  # mean KL = H(y) - H(y | x)


def frechet_distance(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """|mean_a - mean_b|² + tr(A + B - 2 (A B)^½): between Gaussians, means `(D,)`, A, B `(D, D)`.

    The squared 2-Wasserstein distance of N(mean_a, A) and N(mean_b, B) (Dowson & Landau 1982).
    tr (A B)^½ is the sum of the roots of the eigenvalues of A B, which are those of the symmetric
    A^½ B A^½: real, and none negative but by rounding. So singular covariances give a real number.

    Raises ValueError where the shapes do not fit.

    >>> zero, eye = torch.zeros(2), torch.eye(2)
    >>> frechet_distance(zero, eye, torch.tensor([3.0, 4.0]), 4 * eye)
    27.0
    """
    exact = finest_float(mean_a.device)
    mean_a, cov_a, mean_b, cov_b = (part.to(exact) for part in (mean_a, cov_a, mean_b, cov_b))
    size = len(mean_a) if mean_a.ndim == 1 else 0
    if mean_b.shape != (size,) or not cov_a.shape == cov_b.shape == (size, size):
        shapes = ", ".join(str(tuple(part.shape)) for part in (mean_a, cov_a, mean_b, cov_b))
        raise ValueError(f"means must be (D,) and covariances (D, D), of one D; got {shapes}")
    values, vectors = torch.linalg.eigh(cov_a)
    root_a = vectors * values.clamp(min=0).sqrt() @ vectors.T
    roots = torch.linalg.eigvalsh(root_a @ cov_b @ root_a).clamp(min=0).sqrt()
    total = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * roots.sum()
    return total.clamp(min=0).item()


def fid(features_a: Tensor, features_b: Tensor) -> float:
    """The Fréchet distance of two sets of features `(N, D)`, `(M, D)`, each taken for a Gaussian.

    Heusel et al. 2017, with features of whatever network you give; covariances are unbiased. The
    estimate itself is not: it lies above its limit by about c / N, more for fewer samples.

    >>> features_a = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    >>> round(fid(features_a, features_a + 1), 6), fid(features_a, features_a)
    (2.0, 0.0)
    """
    a, b = _pair(features_a, features_b, least=2)
    return frechet_distance(a.mean(dim=0), a.T.cov(), b.mean(dim=0), b.T.cov())


def kid(features_a: Tensor, features_b: Tensor) -> float:
    """The unbiased squared MMD with the kernel (x·y / D + 1)³, all samples in one block.

    mean_{i≠j} k(a_i, a_j) + mean_{i≠j} k(b_i, b_j) - 2 mean_{i,j} k(a_i, b_j)  (Bińkowski et al.
    2018, equation 4). Its mean over draws is the true value at every N, so it may come out
    negative.

    >>> round(kid(torch.eye(3), torch.eye(3) + 1), 3), kid(torch.ones(4, 2), torch.ones(5, 2))
    (13.716, 0.0)
    """
    a, b = _pair(features_a, features_b, least=2)

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1).pow(3)

    def within(x: Tensor) -> Tensor:
        values = kernel(x, x)
        return (values.sum() - values.trace()) / (len(x) * (len(x) - 1))

    return (within(a) + within(b) - 2 * kernel(a, b).mean()).item()


def precision_recall(
    real_features: Tensor, fake_features: Tensor, k: int = 3
) -> tuple[float, float]:
    """The share of fakes in the reals' manifold, and of reals in the fakes' (Kynkäänniemi 2019).

    A set's manifold is the union of balls around its members, each reaching to its member's k-th
    nearest neighbour in the set, itself not counted; the ball's edge belongs to it. `(N, D)` and
    `(M, D)`, each with more than k members.

    >>> line = torch.arange(10.0)[:, None]
    >>> precision_recall(line, line[:5], k=2)
    (1.0, 0.7)
    """
    real, fake = _pair(real_features, fake_features, least=2)
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k < min(len(real), len(fake)):
        raise ValueError(
            f"k must be a whole number from 1 to {min(len(real), len(fake)) - 1}, "
            f"so that each set has a k-th neighbour; got {k!r}"
        )
    return _covered(fake, real, k), _covered(real, fake, k)


def _covered(points: Tensor, support: Tensor, k: int, chunk: int = 500) -> float:
    """The share of `points` in the union of the balls around `support`; memory goes with chunk."""
    radii = [_distances(part, support).kthvalue(k + 1).values for part in support.split(chunk)]
    radius = torch.cat(radii)  # k + 1: each point is its own nearest neighbour, at distance 0
    inside = [(_distances(part, support) <= radius).any(dim=1) for part in points.split(chunk)]
    return torch.cat(inside).double().mean().item()


def _distances(x: Tensor, y: Tensor) -> Tensor:
    # By differences: the faster |x|² + |y|² - 2 x·y leaves a rounding error where points coincide.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def _pair(features_a: Tensor, features_b: Tensor, least: int) -> tuple[Tensor, Tensor]:
    a, b = _rows(features_a, "features", least), _rows(features_b, "features", least)
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"both sets must have features of one length; got {a.shape[1]} and {b.shape[1]}"
        )
    return a, b


def _rows(values: Tensor, name: str, least: int) -> Tensor:
    if values.ndim != 2 or len(values) < least:
        raise ValueError(
            f"{name} must be (N, D) with N of at least {least}; got {tuple(values.shape)}"
        )
    if not values.isfinite().all():
        raise ValueError(f"{name} must be finite numbers; got NaN or infinity")
    return values.detach().to(finest_float(values.device))
