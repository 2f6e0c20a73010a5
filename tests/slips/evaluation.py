"""Wrong answers to each exercise of lesson 12, as a reader wrote them, and their causes.

`None`: no cause is known, and the message must not claim one. A text in the place of a name: what
the message itself says of the cause.
"""

import math
from statistics import NormalDist

import torch
from torch.special import entr, xlogy

# ----------------------------------------------------------------- inception score


def kl(p, q):
    return (xlogy(p, p) - xlogy(p, q)).sum(dim=-1)


def entropy(q):
    return entr(q).sum(dim=-1)


def score(reduce):
    """Of the divergences of the images, `(N,)`."""
    return lambda p: reduce(kl(p, p.mean(dim=0)))


def other_way(p):
    q = p.mean(dim=0)
    return (q * ((q + 1e-12).log() - (p + 1e-12).log())).sum(dim=1).mean().exp()


def in_bits(p):
    q = p.mean(dim=0)
    return (p * (p.clamp(min=1e-30) / q.clamp(min=1e-30)).log2()).sum(dim=1).mean().exp()


def floor_under_the_logarithm(p):
    q = p.mean(dim=0)
    return (p * ((p + 1e-3).log() - (q + 1e-3).log())).sum(dim=1).mean().exp()


def counted_marginal(p):
    q = p.argmax(dim=1).bincount(minlength=p.shape[1]).to(p) / len(p)
    return kl(p, q.clamp(min=1e-12)).mean().exp()


def zero_rows_dropped(p):
    each = (p * (p / p.mean(dim=0)).log()).sum(dim=1)
    return each[~each.isnan()].mean().exp()


def zero_rows_kept_as_zero(p):
    return torch.nan_to_num((p * (p.log() - p.mean(dim=0).log())).sum(dim=1)).mean().exp()


def in_halves(p):
    return torch.stack([score(lambda each: each.mean().exp())(half) for half in p.chunk(2)]).mean()


def weighed_by_the_marginal(p):
    q = p.mean(dim=0).clamp(min=1e-12)
    return (q * (p.clamp(min=1e-12).log() - q.log())).sum(dim=1).mean().exp()


def weights_forgotten(p):
    q = p.mean(dim=0).clamp(min=1e-12)
    return (p.clamp(min=1e-12).log() - q.log()).sum(dim=1).mean().exp()


SCORE = [
    (score(lambda each: each.mean()), "without_exponential"),
    (score(lambda each: each.exp().mean()), "exponential_first"),
    (score(lambda each: each.sum().exp()), "summed_over_images"),
    (score(lambda each: each.exp()), "per_image"),
    (score(lambda each: 2 ** each.mean()), "power_of_two"),
    (score(lambda each: each.median().exp()), None),
    (other_way, "divergence_reversed"),
    (in_bits, "in_bits"),
    (lambda p: entropy(p.mean(dim=0)).exp(), "entropy_of_the_classes"),
    (lambda p: entropy(p).mean().exp(), "certainty_alone"),
    (lambda p: (entropy(p).mean() - entropy(p.mean(dim=0))).exp(), "inverse"),
    (lambda p: entropy(p.mean(dim=0)).exp() / entropy(p).exp().mean(), "exponentials_apart"),
    (lambda p: kl(p, p.mean(dim=1, keepdim=True)).mean().exp(), "uniform_marginal"),
    (lambda p: (xlogy(p, p) - xlogy(p, p.mean(dim=0))).mean().exp(), "averaged_over_classes"),
    (lambda p: (p * (p / p.mean(dim=0)).log()).sum(dim=1).mean().exp(), "zero_times_infinity"),
    (zero_rows_dropped, "zero_times_infinity"),
    (zero_rows_kept_as_zero, "nan_images_as_zero"),
    (in_halves, "in_splits"),
    (floor_under_the_logarithm, "constant_added"),
    (counted_marginal, "marginal_of_named_classes"),
    (weighed_by_the_marginal, "weighed_by_the_mean"),
    (weights_forgotten, "not_weighed"),
    (lambda p: kl(p.softmax(1), p.softmax(1).mean(0)).mean().exp(), "softmax_again"),
    (lambda p: (kl(p, p.mean(dim=0)) / math.log(10)).mean().exp(), None),
]

# ----------------------------------------------------------------- Fréchet distance


def root(matrix):
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def shift(a, b):
    return (a - b).square().sum()


def shared(cov_a, cov_b):
    half = root(cov_a)
    return torch.linalg.eigvalsh(half @ cov_b @ half).clamp(min=0).sqrt().sum()


def instead(shared):
    """The formula with another third part."""
    return lambda a, A, b, B: shift(a, b) + A.trace() + B.trace() - 2 * shared(A, B)


def not_clamped(A, B):
    half = root(A)
    return torch.linalg.eigvalsh(half @ B @ half).sqrt().sum()


def not_clamped_at_all(A, B):
    values, vectors = torch.linalg.eigh(A)
    half = vectors @ torch.diag(values.sqrt()) @ vectors.T
    return torch.linalg.eigvalsh(half @ B @ half).sqrt().sum()


def clamped_above_zero(A, B):
    half = root(A)
    return torch.linalg.eigvalsh(half @ B @ half).clamp(min=1e-6).sqrt().sum()


def by_cholesky(A, B):
    lower = torch.linalg.cholesky(A)
    return torch.linalg.eigvalsh(lower.T @ B @ lower).clamp(min=0).sqrt().sum()


def eigenvectors_forgotten(A, B):
    half = torch.linalg.eigvalsh(A).clamp(min=0).sqrt().diag()
    return torch.linalg.eigvalsh(half @ B @ half).clamp(min=0).sqrt().sum()


def by_svd(A, B):
    U, S, Vh = torch.linalg.svd(A @ B)
    return (U @ S.sqrt().diag() @ Vh).trace()


def diagonals(a, A, b, B):
    return shift(a, b) + (A.diagonal().sqrt() - B.diagonal().sqrt()).square().sum()


def sums_for_traces(a, A, b, B):
    return shift(a, b) + A.sum() + B.sum() - 2 * shared(A, B)


DISTANCE = [
    (lambda a, A, b, B: shift(a, b) + (A + B).trace() - shared(A, B), "factor_two_missing"),
    (lambda a, A, b, B: shift(a, b) + (A + B).trace() + 2 * shared(A, B), "roots_added"),
    (lambda a, A, b, B: (a - b).norm() + (A + B).trace() - 2 * shared(A, B), "means_not_squared"),
    (lambda a, A, b, B: (a - b) ** 2 + (A + B).trace() - 2 * shared(A, B), "one_value_a_feature"),
    (lambda a, A, b, B: shift(a, b) + 2 * ((A + B).trace() - shared(A, B)), "two_times_all"),
    (lambda a, A, b, B: shift(a, b) + (A - B).square().sum(), "covariances_apart"),
    (sums_for_traces, "summed_without_trace"),
    (diagonals, "diagonals_alone"),
    (instead(lambda A, B: (A @ B).sqrt().trace()), "root_of_each_element"),
    (instead(lambda A, B: (root(A) @ root(B)).trace()), "roots_apart"),
    (instead(lambda A, B: (A @ B).trace().sqrt()), "eigenvalues_without_roots"),
    (instead(lambda A, B: (A @ B).trace()), "no_root"),
    (instead(lambda A, B: torch.linalg.eigvals(A @ B).sqrt().sum()), "complex_result"),
    (
        instead(lambda A, B: torch.linalg.eigvalsh(A @ B).clamp(min=0).sqrt().sum()),
        "symmetric_solver_on_a_product",
    ),
    (instead(lambda A, B: root((A @ B + B @ A) / 2).trace()), "symmetrized"),
    (
        instead(lambda A, B: torch.linalg.eigvalsh(A @ B @ A).clamp(min=0).sqrt().sum()),
        "covariance_for_its_root",
    ),
    (instead(eigenvectors_forgotten), "eigenvectors_left_out"),
    (instead(by_svd), "singular_values"),
    (instead(not_clamped), "negative_by_rounding"),
    (instead(not_clamped_at_all), "negative_in_the_first_root"),
    (instead(clamped_above_zero), "raised_above_zero"),
    (instead(by_cholesky), "cholesky"),
    (instead(lambda A, B: torch.linalg.eigvalsh(B).clamp(min=0).sqrt().sum()), None),
]

# ----------------------------------------------------------------- FID


def right_distance(a, A, b, B):
    return shift(a, b) + A.trace() + B.trace() - 2 * shared(A, B)


def of_moments(mean, covariance):
    def answer(x, y):
        x, y = x.double(), y.double()
        return right_distance(mean(x), covariance(x), mean(y), covariance(y))

    return answer


def average(x):
    return x.mean(dim=0)


def scatter(x, about):
    return (x - about).T @ (x - about)


def one_count(x, y):
    n = len(x) - 1
    return right_distance(
        average(x), scatter(x, x.mean(0)) / n, average(y), scatter(y, y.mean(0)) / n
    )


def arguments_in_another_order(x, y):
    return right_distance(average(x), average(y), x.T.cov(), y.T.cov())


def one_covariance(x, y):
    both = torch.cat([x, y]).double().T.cov()
    return right_distance(average(x), both, average(y), both)


def as_many_of_each(x, y):
    n = min(len(x), len(y))
    return of_moments(average, lambda x: x.T.cov())(x[:n], y[:n])


def each_standardized(x, y):
    x, y = ((v - v.mean(0)) / v.std(0) for v in (x.double(), y.double()))
    return of_moments(average, lambda x: x.T.cov())(x, y)


def in_single_precision(x, y):
    return right_distance(average(x), x.T.cov(), average(y), y.T.cov())


def rounded_to_bfloat16(x, y):
    return of_moments(average, lambda x: x.T.cov())(x.bfloat16(), y.bfloat16())


FID = [
    (in_single_precision, "single_precision"),
    (of_moments(average, lambda x: x.T.cov(correction=0)), "divided_by_n"),
    (of_moments(average, lambda x: x.cov()), "covariance_of_samples"),
    (of_moments(lambda x: x.mean(dim=1), lambda x: x.T.cov()), "samples_as_features"),
    (of_moments(lambda x: x.mean(), lambda x: x.T.cov()), "one_mean_of_all"),
    (of_moments(average, lambda x: x.var(dim=0).diag()), "variances_alone"),
    (of_moments(average, lambda x: x.std(dim=0).diag()), "standard_deviations"),
    (of_moments(average, lambda x: x.std(dim=0)), "vector_of_variances"),
    (arguments_in_another_order, "vector_of_variances"),
    (of_moments(average, lambda x: x.T @ x / (len(x) - 1)), "not_centered"),
    (of_moments(average, lambda x: scatter(x, x.mean(0))), "not_divided"),
    (of_moments(average, lambda x: scatter(x, x.mean(0)) / x.shape[1]), "divided_by_features"),
    (of_moments(average, lambda x: x.T.corrcoef()), "correlations"),
    (one_count, "divided_by_the_other_size"),
    (one_covariance, "means_alone"),
    (as_many_of_each, "cut_to_one_size"),
    (each_standardized, "standardized"),
    (lambda x, y: in_single_precision(x.double(), y.double()).sqrt(), "root"),
    (rounded_to_bfloat16, None),
]

# ----------------------------------------------------------------- KID


def kernel(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def off(k):
    return (k.sum() - k.trace()) / (len(k) * (len(k) - 1))


def discrepancy(kernel=kernel, within=off, across=lambda k: 2 * k.mean()):
    def answer(x, y):
        x, y = x.double(), y.double()
        return within(kernel(x, x)) + within(kernel(y, y)) - across(kernel(x, y))

    return answer


def in_float32(x, y):
    return off(kernel(x, x)) + off(kernel(y, y)) - 2 * kernel(x, y).mean()


def pairs_of_the_first(x, y):
    x, y = x.double(), y.double()
    pairs = len(x) * (len(x) - 1)
    inside = sum(k.sum() - k.trace() for k in (kernel(x, x), kernel(y, y)))
    return inside / pairs - 2 * kernel(x, y).mean()


def of_rows(x, y):
    return ((x * y).sum(dim=1) / x.shape[1] + 1) ** 3


def consecutive(x, y):
    x, y = x.double(), y.double()
    inside = of_rows(x[:-1], x[1:]).mean() + of_rows(y[:-1], y[1:]).mean()
    return inside - 2 * kernel(x, y).mean()


def row_by_row(x, y):
    return of_rows(x, x).mean() + of_rows(y, y).mean() - 2 * of_rows(x, y).mean()


def first_ones(x, y):
    n = min(len(x), len(y))
    return discrepancy()(x[:n], y[:n])


def second_diagonal_kept(x, y):
    x, y = x.double(), y.double()
    return off(kernel(x, x)) + kernel(y, y).mean() - 2 * kernel(x, y).mean()


def all_in_one_set(x, y):
    both = torch.cat([x, y]).double()
    return off(kernel(both, both)) - 2 * kernel(x.double(), y.double()).mean()


KID = [
    (in_float32, "single_precision"),
    (discrepancy(within=lambda k: k.mean()), "diagonal_kept"),
    (discrepancy(within=lambda k: (k.sum() - k.trace()) / len(k) ** 2), "diagonal_counted"),
    (discrepancy(within=lambda k: (k - k.diag().diag()).mean()), "diagonal_counted"),
    (discrepancy(within=lambda k: 2 * off(k)), "each_pair_twice"),
    (discrepancy(within=lambda k: k.triu(1).sum() / (len(k) * (len(k) - 1))), "one_triangle"),
    (discrepancy(within=lambda k: k.mean() - k.diagonal().mean()), "means_subtracted"),
    (discrepancy(across=lambda k: k.mean()), "cross_once"),
    (discrepancy(across=lambda k: -2 * k.mean()), "cross_added"),
    (discrepancy(across=lambda k: 0), "cross_left_out"),
    (discrepancy(lambda x, y: (x @ y.T / x.shape[1] + 1) * 3), "times_three"),
    (discrepancy(across=lambda k: 2 * k.sum()), "cross_not_averaged"),
    (discrepancy(lambda x, y: (x @ y.T + 1) ** 3), "not_divided_by_d"),
    (discrepancy(lambda x, y: (x @ y.T / len(x) + 1) ** 3), "divided_by_n"),
    (discrepancy(lambda x, y: (x @ y.T / 64 + 1) ** 3), "divided_by_a_constant"),
    (discrepancy(lambda x, y: (x @ y.T / x.shape[1] + 1) ** 2), "squared"),
    (discrepancy(lambda x, y: (x @ y.T / x.shape[1]) ** 3), "one_missing"),
    (discrepancy(lambda x, y: (-(torch.cdist(x, y) ** 2) / 2).exp()), "gaussian_kernel"),
    (discrepancy(lambda x, y: (x @ y / x.shape[1] + 1) ** 3), "not_transposed"),
    (lambda x, y: discrepancy()(x, y).clamp(min=0), "negative_hidden"),
    (lambda x, y: discrepancy()(x, y).abs(), "absolute"),
    (lambda x, y: discrepancy()(x, y).sqrt(), "root"),
    (pairs_of_the_first, "one_size_for_both"),
    (second_diagonal_kept, "one_diagonal_kept"),
    (consecutive, "only_neighbours"),
    (row_by_row, "elements_multiplied"),
    (first_ones, "cut_to_one_size"),
    (all_in_one_set, None),
]

# ----------------------------------------------------------------- precision and recall


def radii(support, k):
    return torch.cdist(support, support).sort(dim=1).values[:, k]


def share(points, support, k):
    return (torch.cdist(points, support) <= radii(support, k)).any(dim=1).double().mean()


def both(share):
    return lambda real, fake, k=3: (share(fake, real, k), share(real, fake, k))


def balls(radius):
    """Balls of other radii, a function of the distances within the support and k."""

    def share(points, support, k):
        chosen = radius(torch.cdist(support, support), k)
        return (torch.cdist(points, support) <= chosen).any(dim=1).double().mean()

    return both(share)


def held(combine):
    """Another way to count, a function of who is in which ball `(points, support)`, and k."""
    return both(lambda p, s, k: combine(torch.cdist(p, s) <= radii(s, k), k))


def of_their_own_radius(points, support, k):
    return (torch.cdist(points, support) <= radii(points, k)[:, None]).any(1).double().mean()


def of_the_wrong_axis(points, support, k):
    return (torch.cdist(points, support) <= radii(support, k)[:, None]).any(1).double().mean()


def nearest_center(points, support, k):
    distance, nearest = torch.cdist(points, support).min(dim=1)
    return (distance <= radii(support, k)[nearest]).double().mean()


def across(points, support, k):
    radius = torch.cdist(support, points).sort(dim=1).values[:, k - 1]
    return (torch.cdist(points, support) <= radius).any(dim=1).double().mean()


def open_balls(points, support, k):
    return (torch.cdist(points, support) < radii(support, k)).any(dim=1).double().mean()


def squares(points, support, k):
    return (torch.cdist(points, support) ** 2 <= radii(support, k)).any(dim=1).double().mean()


def reals_alone_have_balls(real, fake, k=3):
    inside = torch.cdist(fake, real) <= radii(real, k)
    return inside.any(dim=1).double().mean(), inside.any(dim=0).double().mean()


MANIFOLDS = [
    (lambda real, fake, k=3: both(share)(fake, real, k), "swapped"),
    (lambda real, fake, k=3: (share(fake, real, k), share(fake, real, k)), "one_twice"),
    (
        lambda real, fake, k=3: (share(real, real, k), share(fake, fake, k)),
        "asked_of_their_own_set",
    ),
    (lambda real, fake, k=3: both(share)(real, fake, 3), "k_is_one"),
    (
        lambda real, fake, k=3: (100 * share(fake, real, k), 100 * share(real, fake, k)),
        "in_percent",
    ),
    (lambda real, fake, k=3: (share(fake, real, k), 1 - share(fake, real, k)), None),
    (reals_alone_have_balls, "coverage"),
    (both(open_balls), "without_the_edge"),
    (both(of_their_own_radius), "own_balls"),
    (both(of_the_wrong_axis), "radii_along_the_wrong_axis"),
    (both(nearest_center), "nearest_ball_alone"),
    (both(across), "radii_across"),
    (both(squares), "squared_distances"),
    (balls(lambda d, k: d.sort(dim=1).values[:, k - 1]), "itself_counted"),
    (balls(lambda d, k: d.sort(dim=1).values[:, k + 1]), "one_too_far"),
    (balls(lambda d, k: d.sort(dim=1).values[:, k] / 2), "half_the_radius"),
    (balls(lambda d, k: d.sort(dim=1).values[:, 1 : k + 1].mean(1)), "mean_of_the_neighbours"),
    (balls(lambda d, k: d.sort(dim=1).values[:, k].mean()), "one_radius"),
    (balls(lambda d, k: d.topk(k + 1, dim=1).values[:, -1]), "farthest"),
    (balls(lambda d, k: d[:, k]), "unsorted"),
    (held(lambda inside, k: inside.all(dim=1).double().mean()), "in_all_balls"),
    (held(lambda inside, k: inside.any(dim=0).double().mean()), "balls_asked"),
    (held(lambda inside, k: (inside.sum(dim=1) >= k).double().mean()), "in_k_balls"),
    (held(lambda inside, k: inside.double().sum(dim=1).mean() / k), "density"),
    (held(lambda inside, k: inside.double().mean()), "density"),
    (held(lambda inside, k: inside.any(dim=1).sum()), "counted"),
    (held(lambda inside, k: inside.any(dim=1).double()), "one_value_a_point"),
]

# ----------------------------------------------------------------- forced choice


def two_sided(confidence):
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(given=two_sided, center=None, half=None, below=None, put=None):
    """Wilson's interval with one of its parts replaced, a function of the rate, z and n."""

    def answer(correct, total, confidence=0.95):
        n, z, rate = total, given(confidence), correct / total
        middle = center(rate, z, n) if center else rate + z * z / (2 * n)
        width = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
        width = half(rate, z, n) if half else width
        divisor = below(rate, z, n) if below else 1 + z * z / n
        if put:
            return put(rate, middle, width, divisor)
        return rate, (middle - width) / divisor, (middle + width) / divisor

    return answer


def wald(correct, total, confidence=0.95):
    rate = correct / total
    half = two_sided(confidence) * math.sqrt(rate * (1 - rate) / total)
    return rate, max(0, rate - half), min(1, rate + half)


def whole_numbers(correct, total, confidence=0.95):
    return wilson()(correct // total * total, total, confidence)


def laplace(correct, total, confidence=0.95):
    return (correct + 1) / (total + 2), *wilson()(correct, total, confidence)[1:]


def as_counts(correct, total, confidence=0.95):
    return correct, *(total * end for end in wilson()(correct, total, confidence)[1:])


def all_z_unsquared(rate, z, n):
    return z * math.sqrt(rate * (1 - rate) / n + z / (4 * n * n))


CHOICE = [
    (wald, "wald"),
    (whole_numbers, "in_whole_numbers"),
    (laplace, "moved_rate"),
    (wilson(lambda confidence: NormalDist().inv_cdf(confidence)), "one_sided"),
    (wilson(lambda confidence: 1.96), "z_of_ninety_five"),
    (wilson(lambda confidence: NormalDist().inv_cdf((1 - confidence) / 2)), "ends_exchanged"),
    (wilson(lambda confidence: NormalDist().inv_cdf(1 - confidence / 2)), "confidence_halved"),
    (wilson(lambda confidence: NormalDist().cdf((1 + confidence) / 2)), "probability_as_z"),
    (wilson(center=lambda p, z, n: p + z * z / n), "center_twice"),
    (wilson(center=lambda p, z, n: p + z * z / 2 * n), "without_brackets"),
    (wilson(below=lambda p, z, n: 1), "not_shrunk"),
    (wilson(below=lambda p, z, n: 1 / (1 + z * z / n)), "times_the_divisor"),
    (wilson(half=lambda p, z, n: z * math.sqrt(p * (1 - p) / n)), "root_without_its_second_term"),
    (
        wilson(half=lambda p, z, n: z * math.sqrt(p * (1 - p) / n) + z * z / (4 * n * n)),
        "second_term_outside_the_root",
    ),
    (wilson(half=lambda p, z, n: z * math.sqrt(p * (1 - p) / n + z * z / (4 * n))), "four_n"),
    (
        wilson(half=lambda p, z, n: z * math.sqrt(p * (1 - p) / n + z * z / (2 * n * n))),
        "two_n_squared",
    ),
    (wilson(lambda confidence: two_sided(confidence) ** 2), "z_already_squared"),
    (wilson(put=lambda p, m, w, d: (p, (m - 2 * w) / d, (m + 2 * w) / d)), "twice_the_half_width"),
    (as_counts, "in_counts"),
    (
        wilson(
            center=lambda p, z, n: p + z / (2 * n),
            half=all_z_unsquared,
            below=lambda p, z, n: 1 + z / n,
        ),
        "z_not_squared",
    ),
    (wilson(put=lambda p, m, w, d: (m / d, (m - w) / d, (m + w) / d)), "center_as_rate"),
    (wilson(put=lambda p, m, w, d: (p, m - w / d, m + w / d)), "divisor_on_one_part"),
    (wilson(put=lambda p, m, w, d: (p, p - w / d, p + w / d)), "center_not_moved"),
    (wilson(put=lambda p, m, w, d: (p, m / d, w / d)), "center_and_half_width"),
    (wilson(put=lambda p, m, w, d: (p, (m + w) / d, (m - w) / d)), "ends_exchanged"),
    (wilson(put=lambda p, m, w, d: ((m - w) / d, (m + w) / d)), "without_the_rate"),
    (wilson(put=lambda p, m, w, d: (100 * p, 100 * (m - w) / d, 100 * (m + w) / d)), "in_percent"),
    (wilson(put=lambda p, m, w, d: (p, (m - w) / d, 1 - (m - w) / d)), None),
]

SLIPS = {
    "evaluation.inception_score": SCORE,
    "evaluation.frechet_distance": DISTANCE,
    "evaluation.fid": FID,
    "evaluation.kid": KID,
    "evaluation.precision_recall": MANIFOLDS,
    "evaluation.forced_choice": CHOICE,
}
