"""Check of `fid`. Oracle: NumPy's covariance, and the complex eigenvalues of the product."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from .frechet_distance import by_complex_eigenvalues, right
from .numbers import call_for, mixing, number_facts_and_digits, relu_features


def feature_cases(generator: torch.Generator) -> list[Case]:
    def two(count_a: int, count_b: int, size: int) -> dict:
        a = relu_features(generator, count_a, mixing(generator, size), 0.6)
        b = relu_features(generator, count_b, mixing(generator, size), 1.1)
        return {"features_a": a, "features_b": b}

    def nearly_equal() -> dict:
        """The traces are about 10⁷, and the distance is about 1."""
        wide = 3000 * relu_features(generator, 20, mixing(generator, 3) + torch.eye(3), 0.6)
        return {"features_a": wide.float(), "features_b": ((1 + 1e-4) * wide + 0.3).float()}

    few = two(4, 5, 8)
    return [
        Case(two(13, 9, 5), "13 and 9 samples of 5 features"),
        Case(two(8, 8, 4), "8 samples in each set"),
        Case({n: v.float() for n, v in two(25, 17, 3).items()}, "in float32"),
        Case(few, "fewer samples than features", extreme=True),
        Case(nearly_equal(), "two wide sets that hardly differ, in float32", extreme=True),
    ]


def by_numpy(features_a: Tensor, features_b: Tensor) -> float:
    a, b = (v.double().numpy() for v in (features_a, features_b))
    moments = [
        torch.from_numpy(np.asarray(v))
        for x in (a, b)
        for v in (x.mean(axis=0), np.cov(x, rowvar=False))
    ]
    return by_complex_eigenvalues(*moments)


def with_moments(moments):
    """Fréchet's formula with another mean and covariance of each set."""
    return lambda a, b: right(*moments(a), *moments(b))


def by_rows(x):
    deviation = x - x.mean(dim=1, keepdim=True)
    return deviation.T @ deviation / (len(x) - 1)


def pooled(a, b):
    mean = torch.cat([a, b]).mean(dim=0)
    covariances = [(x - mean).T @ (x - mean) / (len(x) - 1) for x in (a, b)]
    return right(a.mean(dim=0), covariances[0], b.mean(dim=0), covariances[1])


def true_fid(a, b):
    return right(a.mean(dim=0), a.T.cov(), b.mean(dim=0), b.T.cov())


def divided_by(count):
    """Covariances whose sums of products are divided by a number, `(x, a, b) -> number`."""

    def answer(a, b):
        def moments(x):
            return x.mean(dim=0), x.T.cov() * (len(x) - 1) / count(x, a, b)

        return right(*moments(a), *moments(b))

    return answer


def cut_to_one_size(a, b):
    size = min(len(a), len(b))
    return true_fid(a[:size], b[:size])


def between_0_and_1(a, b):
    def scaled(x):
        low, high = x.amin(dim=0), x.amax(dim=0)
        return (x - low) / (high - low).clamp(min=1e-9)

    return true_fid(scaled(a), scaled(b))


def about_one_mean(a, b):
    mean = a.mean(dim=0)
    covariances = [(x - mean).T @ (x - mean) / (len(x) - 1) for x in (a, b)]
    return right(a.mean(dim=0), covariances[0], b.mean(dim=0), covariances[1])


def standardized_apart(a, b):
    a, b = ((x - x.mean(dim=0)) / x.std(dim=0).clamp(min=1e-9) for x in (a, b))
    return true_fid(a, b)


def standardized(a, b):
    both = torch.cat([a, b])
    a, b = ((x - both.mean(dim=0)) / both.std(dim=0).clamp(min=1e-9) for x in (a, b))
    return true_fid(a, b)


def normalized(a, b):
    a, b = (x / x.norm(dim=1, keepdim=True).clamp(min=1e-9) for x in (a, b))
    return true_fid(a, b)


EXERCISE = Exercise(
    name="evaluation.fid",
    signature="(features_a, features_b)",
    oracle=by_numpy,
    cases=feature_cases,
    call=call_for("value"),
    facts=number_facts_and_digits(by_numpy),
    misconceptions=(
        Misconception(
            "divided_by_n",
            with_moments(lambda x: (x.mean(dim=0), x.T.cov(correction=0))),
            "The covariance was divided by N. About a mean that is itself estimated, N - 1 makes "
            "it unbiased, which is what everybody's FID does.",
        ),
        Misconception(
            "samples_as_features",
            lambda a, b: right(a.mean(dim=1), a.cov(), b.mean(dim=1), b.cov()),
            "Samples and features changed places. A set of features has one sample a row: its mean "
            "has D numbers, and torch.cov, which takes one feature a row, wants it the other way.",
            error="size",
        ),
        Misconception(
            "covariance_of_samples",
            lambda a, b: right(a.mean(dim=0), a.cov(), b.mean(dim=0), b.cov()),
            "The covariance is one of samples, (N, N). torch.cov takes one feature a row; a set of "
            "features has one sample a row.",
            error="mat1",
        ),
        Misconception(
            "not_centered",
            with_moments(lambda x: (x.mean(dim=0), x.T @ x / (len(x) - 1))),
            "These are second moments about 0. A covariance is about the mean: take it off first.",
            also=(with_moments(lambda x: (x.mean(dim=0), x.T @ x / len(x))),),
        ),
        Misconception(
            "two_divisors",
            with_moments(
                lambda x: (
                    x.mean(dim=0),
                    x.T @ x / (len(x) - 1) - torch.outer(x.mean(dim=0), x.mean(dim=0)),
                )
            ),
            "The products were divided by N - 1 and the product of the means taken off, which fits "
            "a division by N. Take the mean off the features first.",
        ),
        Misconception(
            "centered_by_samples",
            with_moments(lambda x: (x.mean(dim=0), by_rows(x))),
            "Each sample's own mean was taken off, over its features. A covariance is about each "
            "feature's mean, over the samples.",
        ),
        Misconception(
            "medians",
            with_moments(lambda x: (x.median(dim=0).values, x.T.cov())),
            "These are medians. The formula has means.",
        ),
        Misconception(
            "moments_compared",
            lambda a, b: (
                (a.mean(dim=0) - b.mean(dim=0)).square().sum()
                + (a.var(dim=0) - b.var(dim=0)).square().sum()
            ),
            "Means and variances are compared one by one. The Fréchet distance compares the whole "
            "covariances, through a root of their product.",
            also=(
                lambda a, b: (
                    (a.mean(dim=0) - b.mean(dim=0)).square().sum()
                    + (a.T.cov() - b.T.cov()).square().sum()
                ),
            ),
        ),
        Misconception(
            "about_a_common_mean",
            pooled,
            "Both covariances were taken about one mean, that of one set or of all samples "
            "together. Each set has its own.",
            also=(about_one_mean, lambda a, b: about_one_mean(b, a)),
        ),
        Misconception(
            "not_divided",
            with_moments(lambda x: (x.mean(dim=0), x.T.cov() * (len(x) - 1))),
            "The products of the deviations were added and not divided: this covariance grows with "
            "the number of samples.",
        ),
        Misconception(
            "divided_by_the_other_size",
            divided_by(lambda x, a, b: len(a) - 1),
            "Both covariances were divided by the size of one set. Each set has its own number of "
            "samples.",
            also=(
                divided_by(lambda x, a, b: len(b) - 1),
                divided_by(lambda x, a, b: len(a)),
                divided_by(lambda x, a, b: len(b)),
            ),
        ),
        Misconception(
            "divided_by_features",
            divided_by(lambda x, a, b: x.shape[1] - 1),
            "The products of the deviations were divided by the number of features. A covariance "
            "is a mean over samples: N - 1 is what divides.",
            also=(divided_by(lambda x, a, b: x.shape[1]),),
        ),
        Misconception(
            "cut_to_one_size",
            cut_to_one_size,
            "The larger set was cut to the size of the smaller one. Means and covariances need no "
            "equal sizes: use every sample.",
        ),
        Misconception(
            "divided_twice",
            with_moments(lambda x: (x.mean(dim=0), x.T.cov() / len(x))),
            "The covariance was divided once more: torch.cov has divided already.",
            also=(with_moments(lambda x: (x.mean(dim=0), x.T.cov() / (len(x) - 1))),),
        ),
        Misconception(
            "one_mean_of_all",
            with_moments(lambda x: (x.mean(), x.T.cov())),
            "The mean was taken over samples and features, one number. Each feature has its own.",
        ),
        Misconception(
            "sums",
            with_moments(lambda x: (x.sum(dim=0), x.T.cov())),
            "The features were added over the samples where their mean belongs.",
        ),
        Misconception(
            "vector_of_variances",
            with_moments(lambda x: (x.mean(dim=0), x.var(dim=0))),
            "A vector went where frechet_distance takes a covariance, (D, D): variances, or a "
            "mean. The order is mean, covariance, mean, covariance.",
            error="expected a matrix",
        ),
        Misconception(
            "vector_into_eigh",
            lambda a, b: torch.linalg.eigh(a.var(dim=0)).eigenvalues.sum(),
            "A vector came where frechet_distance takes a covariance, (D, D).",
            error="2 dimensions",
        ),
        Misconception(
            "variances_alone",
            with_moments(lambda x: (x.mean(dim=0), x.var(dim=0).diag())),
            "Only the variances were used. Features are correlated, and the distance is of full "
            "covariances.",
        ),
        Misconception(
            "standard_deviations",
            with_moments(lambda x: (x.mean(dim=0), x.std(dim=0).diag())),
            "Standard deviations stand on a diagonal where the covariance belongs.",
        ),
        Misconception(
            "correlations",
            with_moments(lambda x: (x.mean(dim=0), x.T.corrcoef().nan_to_num())),
            "These are correlations: the features' own scales were divided out. The covariance "
            "keeps them.",
        ),
        Misconception(
            "root",
            lambda a, b: true_fid(a, b).clamp(min=0).sqrt(),
            "The root of the distance was taken. FID is the squared distance.",
        ),
        Misconception(
            "means_alone",
            lambda a, b: (a.mean(dim=0) - b.mean(dim=0)).square().sum(),
            "Only the means are compared; the covariances play no part. (Does one covariance stand "
            "in both places?)",
        ),
        Misconception(
            "means_left_out",
            lambda a, b: true_fid(a - a.mean(dim=0), b - b.mean(dim=0)),
            "Only the covariances are compared; the means play no part.",
        ),
        Misconception(
            "standardized",
            standardized,
            "The features were brought to one scale first. FID takes them as the network gives "
            "them.",
            also=(standardized_apart, between_0_and_1),
        ),
        Misconception(
            "lengths_removed",
            normalized,
            "Each feature vector was divided by its length first. FID takes them as they are.",
        ),
        Misconception(
            "one_set_twice",
            lambda a, b: true_fid(a, a),
            "The second set of features plays no part.",
        ),
        Misconception(
            "pair_by_pair",
            lambda a, b: (a - b).square().sum(dim=1).mean(),
            "Samples were compared pair by pair. The two sets have no pairs, and may have "
            "different sizes: compare their means and covariances.",
            error="size of tensor",
        ),
        Misconception(
            "single_precision",
            true_fid,
            "The formula is right, and float32 has lost the result: it is a small difference of "
            "large traces. Compute in float64.",
        ),
    ),
    hints=(
        "Two lines: the mean and covariance of each set, then the function of the exercise before.",
        "torch.cov wants one feature a row, so hand it the transpose. What does it divide by?",
    ),
    rtol=1e-4,
    atol=2e-5,
)
