"""Check of `kid`. Oracle: loops over pairs, in Python's floats."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from .numbers import call_for, mixing, number_facts_and_digits, relu_features


def feature_cases(generator: torch.Generator) -> list[Case]:
    def two(count_a: int, count_b: int, size: int) -> dict:
        a = relu_features(generator, count_a, mixing(generator, size), 0.6)
        b = relu_features(generator, count_b, mixing(generator, size), 1.1)
        return {"features_a": a, "features_b": b}

    def below_zero() -> dict:
        """Two sets of one law whose estimate is well below 0, as half of all are."""
        while True:
            mix = mixing(generator, 3)
            pair = [relu_features(generator, 8, mix, 0.6) for _ in range(2)]
            if by_parts()(*pair) < -0.03:
                return {"features_a": pair[0], "features_b": pair[1]}

    return [
        Case(two(9, 7, 5), "9 and 7 samples of 5 features"),
        Case(two(8, 8, 3), "8 samples in each set"),
        Case({n: v.float() for n, v in two(10, 6, 4).items()}, "in float32"),
        Case(below_zero(), "two sets of one law"),
        Case(two(2, 3, 4), "2 and 3 samples", extreme=True),
        Case({n: (1000 + 0.01 * v).float() for n, v in two(12, 10, 3).items()},
             "features near 1000, in float32", extreme=True),
    ]  # fmt: skip


def by_loops(features_a: Tensor, features_b: Tensor) -> float:
    a, b = features_a.double().tolist(), features_b.double().tolist()

    def kernel(x: list, y: list) -> float:
        return (sum(p * q for p, q in zip(x, y, strict=True)) / len(x) + 1) ** 3

    def within(rows: list) -> float:
        total = sum(kernel(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j)
        return total / (len(rows) * (len(rows) - 1))

    across = sum(kernel(x, y) for x in a for y in b) / (len(a) * len(b))
    return within(a) + within(b) - 2 * across


def polynomial(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3


def others(values: Tensor) -> Tensor:
    """The mean off the diagonal."""
    return (values.sum() - values.trace()) / (len(values) * (len(values) - 1))


def by_parts(kernel=polynomial, within=others, cross=2.0):
    def answer(a, b):
        inside = within(kernel(a, a)) + within(kernel(b, b))
        return inside - cross * kernel(a, b).mean()

    return answer


def biased(kernel, cross=2.0):
    """As `by_parts`, the diagonals kept."""
    return by_parts(kernel, within=lambda values: values.mean(), cross=cross)


def squared_distance(x: Tensor, y: Tensor) -> Tensor:
    return (x[:, None] - y).square().sum(dim=-1)


def in_turn(a, b, pairs=lambda n, m: n * (m - 1)):
    """Off the diagonal in the cross term too."""
    cross = polynomial(a, b)
    mean = (cross.sum() - cross.diagonal().sum()) / pairs(len(a), len(b))
    return others(polynomial(a, a)) + others(polynomial(b, b)) - 2 * mean


def with_sums(inside, across=lambda k: 2 * k.mean()):
    """Terms within from both kernels at once, `(k_aa, k_bb)`, and a term across."""

    def answer(a, b):
        return inside(polynomial(a, a), polynomial(b, b)) - across(polynomial(a, b))

    return answer


def off_diagonal_sum(k: Tensor) -> Tensor:
    return k.sum() - k.trace()


def pairs_of(k: Tensor) -> int:
    return len(k) * (len(k) - 1)


def only_neighbours(step: int):
    """Within a set only pairs of samples that follow each other."""

    def within(x):
        first, second = x[:-1:step], x[1::step]
        return (((first * second).sum(dim=1) / x.shape[1] + 1) ** 3).mean()

    return lambda a, b: within(a) + within(b) - 2 * polynomial(a, b).mean()


def averaged_inside_the_cube(a, b):
    def cubed(mean):
        return (mean / a.shape[1] + 1) ** 3

    return cubed(others(a @ a.T)) + cubed(others(b @ b.T)) - 2 * cubed((a @ b.T).mean())


def cut_to_one_size(a, b):
    size = min(len(a), len(b))
    return by_parts()(a[:size], b[:size])


EXERCISE = Exercise(
    name="evaluation.kid",
    signature="(features_a, features_b)",
    oracle=by_loops,
    cases=feature_cases,
    call=call_for("value"),
    facts=number_facts_and_digits(by_loops),
    misconceptions=(
        Misconception(
            "diagonal_kept",
            by_parts(within=lambda k: k.mean()),
            "Within a set each sample was compared with itself too. Those pairs are what biases "
            "the estimate: leave them out.",
        ),
        Misconception(
            "diagonal_counted",
            by_parts(within=lambda k: (k.sum() - k.trace()) / len(k) ** 2),
            "The diagonal was left out of the sum and still counted in the divisor: N (N - 1) "
            "pairs remain.",
            also=(by_parts(within=lambda k: (k.sum() - k.trace()) / (len(k) ** 2 - 1)),),
        ),
        Misconception(
            "diagonal_divided_alone",
            by_parts(within=lambda k: k.sum() / (len(k) * (len(k) - 1))),
            "The divisor is that of N (N - 1) pairs, and the diagonal is still in the sum.",
        ),
        Misconception(
            "one_triangle",
            by_parts(within=lambda k: k.triu(1).sum() / (len(k) * (len(k) - 1))),
            "Each pair was counted once, and divided as if it had been counted twice.",
            also=(by_parts(within=lambda k: k.triu(1).mean()),),
        ),
        Misconception(
            "diagonal_taken_for_one",
            by_parts(within=lambda k: (k.sum() - len(k)) / (len(k) * (len(k) - 1))),
            "Each entry of the diagonal was counted as 1, as if that were a sample's kernel with "
            "itself. This kernel's diagonal is not 1: take off its trace.",
            also=(by_parts(within=lambda k: (k.sum() - k.trace() + len(k)) / len(k) ** 2),),
        ),
        Misconception(
            "divided_by_n_minus_one",
            by_parts(within=lambda k: (k.sum() - k.trace()) / (len(k) - 1)),
            "The sum over pairs was divided by N - 1. There are N (N - 1) pairs.",
            also=(by_parts(within=lambda k: (k.sum() - k.trace()) / len(k)),),
        ),
        Misconception(
            "each_pair_twice",
            by_parts(within=lambda k: 2 * others(k)),
            "Both orders of each pair are in the sum within a set, and the divisor N (N - 1)/2 "
            "counts one of them.",
        ),
        Misconception(
            "one_diagonal_kept",
            with_sums(lambda aa, bb: others(aa) + bb.mean()),
            "The pairs of a sample with itself were left out in one of the sets and kept in the "
            "other. Leave them out in both.",
            also=(with_sums(lambda aa, bb: aa.mean() + others(bb)),),
        ),
        Misconception(
            "means_subtracted",
            by_parts(within=lambda k: k.mean() - k.diagonal().mean()),
            "The diagonal's mean was taken off the mean of all. Take its sum off the sum of all, "
            "and divide by the number of pairs that are left.",
            also=(by_parts(within=lambda k: k.mean() - k.trace()),),
        ),
        Misconception(
            "one_size_for_both",
            with_sums(lambda aa, bb: (off_diagonal_sum(aa) + off_diagonal_sum(bb)) / pairs_of(aa)),
            "The sums within both sets were divided by the pairs of one of them. Each set has its "
            "own size.",
            also=(
                with_sums(
                    lambda aa, bb: (off_diagonal_sum(aa) + off_diagonal_sum(bb)) / pairs_of(bb)
                ),
            ),
        ),
        Misconception(
            "only_neighbours",
            only_neighbours(1),
            "Within a set each sample was compared with the next one alone. The average is over "
            "all pairs of different samples.",
            also=(only_neighbours(2),),
        ),
        Misconception(
            "cut_to_one_size",
            cut_to_one_size,
            "The larger set was cut to the size of the smaller one. The three averages need no "
            "equal sizes: use every sample.",
        ),
        Misconception(
            "cross_not_averaged",
            with_sums(lambda aa, bb: others(aa) + others(bb), lambda k: 2 * k.sum()),
            "The term across the sets was added up and not averaged: there are N · M pairs.",
        ),
        Misconception(
            "divided_behind_the_cube",
            by_parts(lambda x, y: (x @ y.T + 1) ** 3 / x.shape[1]),
            "D divides the inner product alone, before the 1 is added and the cube is taken.",
            also=(by_parts(lambda x, y: ((x @ y.T + 1) / x.shape[1]) ** 3),),
        ),
        Misconception(
            "elements_multiplied",
            by_parts(lambda x, y: (x * y / x.shape[1] + 1) ** 3),
            "x * y multiplies element by element. The inner products of all pairs are a matrix "
            "product, (N, M).",
            error="size of tensor",
        ),
        Misconception(
            "not_divided_by_d",
            by_parts(lambda x, y: (x @ y.T + 1) ** 3),
            "The inner product is not divided by the number of features.",
            also=(biased(lambda x, y: (x @ y.T + 1) ** 3),),
        ),
        Misconception(
            "divided_by_n",
            by_parts(lambda x, y: (x @ y.T / len(x) + 1) ** 3),
            "The inner product was divided by the number of samples. It is divided by the number "
            "of features, D.",
            also=(biased(lambda x, y: (x @ y.T / len(x) + 1) ** 3),),
        ),
        Misconception(
            "divided_by_root",
            by_parts(lambda x, y: (x @ y.T / x.shape[1] ** 0.5 + 1) ** 3),
            "The inner product was divided by the root of D. Here it is D itself.",
            also=(biased(lambda x, y: (x @ y.T / x.shape[1] ** 0.5 + 1) ** 3),),
        ),
        Misconception(
            "one_missing",
            by_parts(lambda x, y: (x @ y.T / x.shape[1]) ** 3),
            "The kernel has no + 1 under the cube, without which it sees third moments alone. "
            "(Added behind the cube, it cancels.)",
            also=(
                by_parts(lambda x, y: (x @ y.T / x.shape[1]) ** 3 + 1),
                biased(lambda x, y: (x @ y.T / x.shape[1]) ** 3),
            ),
        ),
        Misconception(
            "squared",
            by_parts(lambda x, y: (x @ y.T / x.shape[1] + 1) ** 2),
            "The kernel was squared. Its exponent is 3.",
            also=(biased(lambda x, y: (x @ y.T / x.shape[1] + 1) ** 2),),
        ),
        Misconception(
            "times_three",
            by_parts(lambda x, y: 3 * (x @ y.T / x.shape[1] + 1)),
            "The kernel was multiplied by 3. 3 is its exponent.",
            also=(biased(lambda x, y: 3 * (x @ y.T / x.shape[1] + 1)),),
        ),
        Misconception(
            "linear",
            by_parts(lambda x, y: x @ y.T / x.shape[1] + 1),
            "The kernel came without its exponent: it would compare nothing but the means.",
            also=(
                by_parts(lambda x, y: x @ y.T / x.shape[1]),
                by_parts(lambda x, y: x @ y.T),
                biased(lambda x, y: x @ y.T),
                lambda a, b: (a.mean(dim=0) - b.mean(dim=0)).square().sum(),
                lambda a, b: (a.mean(dim=0) - b.mean(dim=0)).square().mean(),
            ),
        ),
        Misconception(
            "cross_once",
            by_parts(cross=1.0),
            "The term across the sets comes once. For two equal laws the three must cancel, which "
            "needs it twice.",
            also=(biased(polynomial, cross=1.0),),
        ),
        Misconception(
            "cross_left_out",
            by_parts(cross=0.0),
            "The term across the sets is missing: nothing compares one set with the other.",
            also=(biased(polynomial, cross=0.0),),
        ),
        Misconception(
            "cross_added",
            by_parts(cross=-2.0),
            "The term across the sets was added. The more alike they are, the less the distance: "
            "it is taken off.",
            also=(biased(polynomial, cross=-2.0),),
        ),
        Misconception(
            "cross_divided_by_other_pairs",
            lambda a, b: (
                by_parts(cross=0.0)(a, b) - 2 * polynomial(a, b).sum() / (len(a) * (len(a) - 1))
            ),
            "The sum across the sets was divided by the number of pairs within one. Across, there "
            "are N · M pairs.",
            also=tuple(
                lambda a, b, n=n: (
                    by_parts(cross=0.0)(a, b) - 2 * polynomial(a, b).sum() / n(len(a), len(b))
                )
                for n in (
                    lambda n, m: n * n,
                    lambda n, m: m * m,
                    lambda n, m: m * (m - 1),
                    lambda n, m: n * (m - 1),
                    lambda n, m: n + m,
                )
            ),
        ),
        Misconception(
            "cross_alone",
            lambda a, b: polynomial(a, b).mean(),
            "This is the term across the sets alone: how alike they are. It means something only "
            "beside how alike each is to itself.",
        ),
        Misconception(
            "cross_in_a_triangle",
            lambda a, b: by_parts(cross=0.0)(a, b) - 2 * polynomial(a, b).triu(1).mean(),
            "Across the sets only a triangle of the matrix was used. There every entry is a pair "
            "of its own, and all of them count.",
        ),
        Misconception(
            "negative_hidden",
            lambda a, b: by_parts()(a.double(), b.double()).clamp(min=0),
            "An estimate below 0 was raised to 0. That makes it biased again: unbiased means right "
            "on average, so about half of all estimates of a true 0 are negative.",
        ),
        Misconception(
            "absolute",
            lambda a, b: by_parts()(a.double(), b.double()).abs(),
            "The sign of a negative estimate was dropped, which makes it biased again. Leave it.",
        ),
        Misconception(
            "sign",
            lambda a, b: -by_parts()(a, b),
            "The sign is turned round: within minus across, not across minus within.",
        ),
        Misconception(
            "halved",
            lambda a, b: by_parts()(a, b) / 2,
            "The result is half of what it should be: the two terms within add up, they are not "
            "averaged.",
        ),
        Misconception(
            "root",
            lambda a, b: by_parts()(a, b).clamp(min=0).sqrt(),
            "The root was taken. KID is the squared discrepancy (and its estimate may be negative, "
            "where a root would lie).",
            also=(lambda a, b: by_parts()(a, b).sqrt(), lambda a, b: by_parts()(a, b).abs().sqrt()),
        ),
        Misconception(
            "times_thousand",
            lambda a, b: 1000 * by_parts()(a, b),
            "This is KID times 1000, as some tables print it. Give the number itself.",
        ),
        Misconception(
            "divided_by_a_constant",
            by_parts(lambda x, y: (x @ y.T / 64 + 1) ** 3),
            "The inner product was divided by a fixed number. D is the number of features that "
            "come, whatever they are.",
            also=(by_parts(lambda x, y: (x @ y.T / 2048 + 1) ** 3),),
        ),
        Misconception(
            "of_distances",
            by_parts(lambda x, y: (torch.cdist(x, y) / x.shape[1] + 1) ** 3),
            "A distance stands in the kernel where the inner product belongs.",
            also=(by_parts(lambda x, y: (squared_distance(x, y) / x.shape[1] + 1) ** 3),),
        ),
        Misconception(
            "lengths_removed",
            lambda a, b: by_parts()(F.normalize(a, dim=1), F.normalize(b, dim=1)),
            "Each feature vector was divided by its length first. KID takes them as they are.",
        ),
        Misconception(
            "centered",
            lambda a, b: by_parts()(*(x - torch.cat([a, b]).mean(dim=0) for x in (a, b))),
            "A mean was taken off the features first. KID takes them as they are.",
            also=(lambda a, b: by_parts()(a - a.mean(dim=0), b - b.mean(dim=0)),),
        ),
        Misconception(
            "averaged_inside_the_cube",
            averaged_inside_the_cube,
            "The inner products were averaged before the cube. The kernel is taken of each pair, "
            "and then averaged.",
        ),
        Misconception(
            "divided_by_n_minus_one_squared",
            by_parts(within=lambda k: (k.sum() - k.trace()) / (len(k) - 1) ** 2),
            "The sum over pairs was divided by (N - 1)². There are N (N - 1) pairs.",
        ),
        Misconception(
            "not_transposed",
            by_parts(lambda x, y: (x @ y / x.shape[1] + 1) ** 3),
            "Both sets have a row for each sample. For the inner products of all pairs, (N, M), "
            "the second one is transposed.",
            error="mat1",
        ),
        Misconception(
            "gaussian_kernel",
            by_parts(lambda x, y: (-squared_distance(x, y) / 2).exp()),
            "This is a Gaussian kernel. KID's is a polynomial of the inner product.",
            also=(by_parts(lambda x, y: (-squared_distance(x, y) / (2 * x.shape[1])).exp()),),
        ),
        Misconception(
            "of_the_means",
            lambda a, b: (
                polynomial(a.mean(0)[None], a.mean(0)[None])
                + polynomial(b.mean(0)[None], b.mean(0)[None])
                - 2 * polynomial(a.mean(0)[None], b.mean(0)[None])
            ).squeeze(),
            "The kernel was taken of the mean features. It is taken of all pairs of samples, and "
            "then averaged.",
        ),
        Misconception(
            "not_averaged",
            lambda a, b: (
                sum(k.sum() - k.trace() for k in (polynomial(a, a), polynomial(b, b)))
                - 2 * polynomial(a, b).sum()
            ),
            "The values were added over the pairs and not averaged: the result depends on the "
            "number of samples.",
        ),
        Misconception(
            "cross_without_diagonal",
            in_turn,
            "The diagonal was left out across the sets too. There it is a pair like any other: "
            "sample i of one set has nothing to do with sample i of the other.",
            also=(
                lambda a, b: in_turn(a, b, lambda n, m: n * m),
                lambda a, b: in_turn(a, b, lambda n, m: n * m - min(n, m)),
            ),
        ),
        Misconception(
            "single_precision",
            by_parts(),
            "The formula is right, and float32 has lost the result: it is a small difference of "
            "large means. Compute in float64.",
        ),
    ),
    hints=(
        "Write the kernel as a function of two sets that gives the matrix of all pairs.",
        "Three means: two within, over pairs of different samples, and one across, over all pairs. "
        "How many pairs are off a diagonal of N?",
        "A matrix's sum minus its trace is its sum off the diagonal.",
    ),
    rtol=1e-4,
    atol=2e-5,
)
