"""Check of `frechet_distance`. Oracle: the complex eigenvalues of the product itself, by NumPy."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from .numbers import call_for, number_facts

NAMES = ("mean_a", "cov_a", "mean_b", "cov_b")


def gaussian_cases(generator: torch.Generator) -> list[Case]:
    def gaussian(size: int, rank: int) -> tuple[Tensor, Tensor]:
        mean = torch.randn(size, generator=generator, dtype=torch.float64)
        factor = torch.randn(size, rank, generator=generator, dtype=torch.float64)
        return mean, factor @ factor.T / rank

    def two(size: int, rank_a: int, rank_b: int) -> dict:
        return dict(zip(NAMES, (*gaussian(size, rank_a), *gaussian(size, rank_b)), strict=True))

    same = gaussian(4, 8)
    return [
        Case(two(5, 9, 7), "5 features"),
        Case(two(3, 5, 4), "3 features"),
        Case({n: v.float() for n, v in two(4, 9, 9).items()}, "in float32"),
        Case(dict(zip(NAMES, (*same, *same), strict=True)), "the same Gaussian twice"),
        Case(two(12, 3, 4), "covariances of rank 3 and 4, 12 features", extreme=True),
    ]


def by_complex_eigenvalues(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    mean_a, cov_a, mean_b, cov_b = (v.double().numpy() for v in (mean_a, cov_a, mean_b, cov_b))
    roots = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).astype(complex)).real.sum()
    shift = ((mean_a - mean_b) ** 2).sum()
    return float(shift + np.trace(cov_a) + np.trace(cov_b) - 2 * roots)


def root(matrix: Tensor) -> Tensor:
    """The symmetric square root."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def raw_root(matrix: Tensor) -> Tensor:
    """Without a thought of eigenvalues below 0."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.sqrt() @ vectors.T


def product_root_trace(cov_a: Tensor, cov_b: Tensor) -> Tensor:
    half = root(cov_a)
    return torch.linalg.eigvalsh(half @ cov_b @ half).clamp(min=0).sqrt().sum()


def parts(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> tuple:
    shift = (mean_a - mean_b).square().sum()
    return shift, cov_a.trace() + cov_b.trace(), product_root_trace(cov_a, cov_b)


def right(*given: Tensor) -> Tensor:
    shift, traces, roots = parts(*given)
    return shift + traces - 2 * roots


def from_parts(combine):
    return lambda *given: combine(*parts(*given))


def with_roots(of_covariances):
    """The formula with another number in the place of tr (A B)^½."""

    def answer(mean_a, cov_a, mean_b, cov_b):
        shift = (mean_a - mean_b).square().sum()
        return shift + cov_a.trace() + cov_b.trace() - 2 * of_covariances(cov_a, cov_b)

    return answer


def whole_matrix_summed(mean_a, cov_a, mean_b, cov_b):
    half = root(cov_a)
    inverse = torch.linalg.pinv(half)
    product = half @ root(half @ cov_b @ half) @ inverse
    return (mean_a - mean_b).square().sum() + (cov_a + cov_b - 2 * product).sum()


def diagonal(mean_a, cov_a, mean_b, cov_b):
    stds = cov_a.diagonal().sqrt() - cov_b.diagonal().sqrt()
    return (mean_a - mean_b).square().sum() + stds.square().sum()


def by_kl(mean_a, cov_a, mean_b, cov_b):
    a, b = (
        torch.distributions.MultivariateNormal(mean, cov)
        for mean, cov in ((mean_a, cov_a), (mean_b, cov_b))
    )
    return torch.distributions.kl_divergence(a, b)


def with_first_root(of_covariance):
    """tr (R B R)^½ with another matrix R in the place of A^½."""

    def trace(a, b):
        half = of_covariance(a)
        return torch.linalg.eigvalsh(half @ b @ half).clamp(min=0).sqrt().sum()

    return with_roots(trace)


def one_sided(matrix: Tensor) -> Tensor:
    """The roots of the eigenvalues, and the eigenvectors on one side alone."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0).sqrt()


def transposed(matrix: Tensor) -> Tensor:
    """The eigenvectors where their transpose belongs, and the other way."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors.T * values.clamp(min=0).sqrt() @ vectors


def between_singular_vectors(a: Tensor, b: Tensor) -> Tensor:
    left, values, right_vectors = torch.linalg.svd(a @ b)
    return (left * values.sqrt() @ right_vectors).trace()


def raised_to(floor: float):
    """Eigenvalues of the product kept from going below a number above 0."""
    return with_roots(
        lambda a, b: torch.linalg.eigvalsh(root(a) @ b @ root(a)).clamp(min=floor).sqrt().sum()
    )


def shift_changed(change, other=-1.0):
    """The formula with another function of mean_a - mean_b (or of mean_a + mean_b)."""

    def answer(mean_a, cov_a, mean_b, cov_b):
        _, traces, roots = parts(mean_a, cov_a, mean_b, cov_b)
        return change(mean_a + other * mean_b) + traces - 2 * roots

    return answer


EXERCISE = Exercise(
    name="evaluation.frechet_distance",
    signature="(mean_a, cov_a, mean_b, cov_b)",
    oracle=by_complex_eigenvalues,
    cases=gaussian_cases,
    call=call_for("value"),
    facts=number_facts,
    misconceptions=(
        Misconception(
            "root_of_all",
            lambda *given: right(*given).clamp(min=0).sqrt(),
            "The root of the whole was taken. What is quoted as Fréchet distance is the squared "
            "one.",
        ),
        Misconception(
            "means_not_squared",
            shift_changed(lambda d: d.square().sum().sqrt()),
            "The distance of the means is not squared.",
            also=(shift_changed(lambda d: d.abs().sum()), shift_changed(lambda d: d.sum())),
        ),
        Misconception(
            "means_averaged",
            shift_changed(lambda d: d.square().mean()),
            "The squared differences of the means were averaged over the features. A squared "
            "length is their sum.",
        ),
        Misconception(
            "factor_two_missing",
            from_parts(lambda shift, traces, roots: shift + traces - roots),
            "The trace of the root comes once. For two equal Gaussians the three traces must "
            "cancel, which needs it twice.",
        ),
        Misconception(
            "roots_added",
            from_parts(lambda shift, traces, roots: shift + traces + 2 * roots),
            "The trace of the root was added. It is what the two covariances have in common, and "
            "is taken off.",
        ),
        Misconception(
            "means_added",
            shift_changed(lambda d: d.square().sum(), other=1.0),
            "The means were added. What counts is how far they are apart.",
        ),
        Misconception(
            "trace_taken_off",
            lambda mean_a, cov_a, mean_b, cov_b: (
                right(mean_a, cov_a, mean_b, cov_b) - 2 * cov_b.trace()
            ),
            "The trace of one covariance was taken off. Both are added; only the root's is taken "
            "off.",
            also=(
                lambda mean_a, cov_a, mean_b, cov_b: (
                    right(mean_a, cov_a, mean_b, cov_b) - 2 * cov_a.trace()
                ),
            ),
        ),
        Misconception(
            "one_trace",
            lambda mean_a, cov_a, mean_b, cov_b: (
                right(mean_a, cov_a, mean_b, cov_b) - cov_b.trace()
            ),
            "The trace of one covariance is missing.",
            also=(
                lambda mean_a, cov_a, mean_b, cov_b: (
                    right(mean_a, cov_a, mean_b, cov_b) - cov_a.trace()
                ),
            ),
        ),
        Misconception(
            "eigenvalues_paired",
            with_roots(
                lambda a, b: (
                    (torch.linalg.eigvalsh(a) * torch.linalg.eigvalsh(b)).clamp(min=0).sqrt().sum()
                )
            ),
            "The eigenvalues of A were multiplied with those of B. Those of A B are others, unless "
            "both have the same eigenvectors.",
        ),
        Misconception(
            "root_of_each_element",
            with_roots(lambda a, b: (a @ b).sqrt().trace()),
            "The root was taken of every element of the product. The root of a matrix is the "
            "matrix whose square it is; its trace is a sum over roots of eigenvalues.",
            also=(with_roots(lambda a, b: (a @ b).diagonal().abs().sqrt().sum()),),
        ),
        Misconception(
            "no_root",
            with_roots(lambda a, b: (a @ b).trace()),
            "The product A B came without its root.",
        ),
        Misconception(
            "elements_multiplied",
            with_roots(
                lambda a, b: torch.linalg.eigvals(a * b).to(torch.complex128).sqrt().real.sum()
            ),
            "A * B multiplies element by element. The matrices are multiplied with @.",
        ),
        Misconception(
            "traces_multiplied",
            with_roots(lambda a, b: (a.trace() * b.trace()).sqrt()),
            "The traces were multiplied, and the root taken of that. The matrices are multiplied, "
            "and the trace taken of the product's root.",
            also=(with_roots(lambda a, b: a.trace().sqrt() * b.trace().sqrt()),),
        ),
        Misconception(
            "matrix_returned",
            lambda mean_a, cov_a, mean_b, cov_b: (
                (mean_a - mean_b).square().sum() + cov_a + cov_b - 2 * (cov_a @ cov_b).sqrt()
            ),
            "A matrix came back: the trace is missing. And the root of a matrix is not that of its "
            "elements.",
            also=(
                lambda mean_a, cov_a, mean_b, cov_b: (
                    (mean_a - mean_b).square().sum()
                    + cov_a
                    + cov_b
                    - 2 * root(root(cov_a) @ cov_b @ root(cov_a))
                ),
            ),
        ),
        Misconception(
            "fractional_power",
            with_roots(lambda a, b: torch.linalg.matrix_power(a @ b, 0.5).trace()),
            "matrix_power takes whole exponents only. The trace of a root is a sum over "
            "eigenvalues.",
            error="matrix_power",
        ),
        Misconception(
            "cholesky_of_the_product",
            with_roots(lambda a, b: torch.linalg.cholesky(a @ b).trace()),
            "A Cholesky factor L has L Lᵀ as its product, not L L, and exists for symmetric "
            "matrices only, which A B is not. It is no square root.",
            error="cholesky",
        ),
        Misconception(
            "cholesky_as_root",
            with_roots(
                lambda a, b: torch.linalg.svdvals(
                    torch.linalg.cholesky(a) @ torch.linalg.cholesky(b)
                ).sum()
            ),
            "A Cholesky factor stands where the symmetric square root belongs. L Lᵀ = A, so one of "
            "the two needs its transpose.",
            also=(
                with_roots(
                    lambda a, b: (torch.linalg.cholesky(a) @ torch.linalg.cholesky(b)).trace()
                ),
            ),
        ),
        Misconception(
            "roots_apart",
            with_roots(lambda a, b: (root(a) @ root(b)).trace()),
            "tr(A^½ B^½) is tr((A B)^½) only where A and B commute. Take the root of the product, "
            "or of A^½ B A^½.",
        ),
        Misconception(
            "singular_values",
            with_roots(lambda a, b: torch.linalg.svdvals(a @ b).sqrt().sum()),
            "These are singular values of A B, or their roots. It is not symmetric, so its "
            "singular values are not its eigenvalues.",
            also=(
                with_roots(between_singular_vectors),
                with_roots(lambda a, b: torch.linalg.svdvals(a @ b).sum()),
            ),
        ),
        Misconception(
            "symmetric_solver_on_a_product",
            with_roots(lambda a, b: torch.linalg.eigvalsh(a @ b).clamp(min=0).sqrt().sum()),
            "eigvalsh and eigh take symmetric matrices and look at one triangle only. A B is not "
            "symmetric; A^½ B A^½ is, and has the same eigenvalues.",
            also=(with_roots(lambda a, b: root(a @ b).trace()),),
        ),
        Misconception(
            "covariance_for_its_root",
            with_first_root(lambda a: a),
            "A B A stands where A^½ B A^½ belongs: its eigenvalues are others than those of A B.",
        ),
        Misconception(
            "eigenvectors_left_out",
            with_first_root(lambda a: torch.linalg.eigvalsh(a).clamp(min=0).sqrt().diag()),
            "The first root is not A^½. The roots of A's eigenvalues stand between A's "
            "eigenvectors: those on the left, and their transpose on the right. (eigh gives them "
            "as columns.)",
            also=(with_first_root(one_sided), with_first_root(transposed)),
        ),
        Misconception(
            "root_of_each_element_of_a",
            with_first_root(lambda a: a.clamp(min=0).sqrt()),
            "The first root was taken of every element of A. A^½ is the matrix whose square is A.",
            also=(with_first_root(lambda a: a.abs().sqrt()),),
        ),
        Misconception(
            "symmetrized",
            with_roots(lambda a, b: root((a @ b + b @ a) / 2).trace()),
            "A B was made symmetric by averaging it with B A, which changes its eigenvalues. "
            "A^½ B A^½ is symmetric and has those of A B.",
        ),
        Misconception(
            "fourth_root",
            with_first_root(lambda a: root(root(a))),
            "The root of A was taken twice: the product holds A^½, not A, and its own eigenvalues "
            "are off.",
        ),
        Misconception(
            "two_times_all",
            from_parts(lambda shift, traces, roots: shift + 2 * (traces - roots)),
            "All three traces were doubled. The 2 belongs to the trace of the root alone.",
        ),
        Misconception(
            "root_of_the_determinant",
            with_roots(lambda a, b: torch.linalg.det(a @ b).clamp(min=0).sqrt()),
            "The determinant multiplies the eigenvalues. A trace of a root is the sum of their "
            "roots.",
        ),
        Misconception(
            "norm_of_the_product",
            with_roots(lambda a, b: torch.linalg.matrix_norm(a @ b)),
            "A norm of A B stands where the trace of its root belongs.",
        ),
        Misconception(
            "one_value_a_feature",
            shift_changed(lambda d: d.square()),
            "There is one value for each feature: the squared differences of the means are not "
            "added up.",
        ),
        Misconception(
            "eigenvalues_without_roots",
            with_roots(lambda a, b: torch.linalg.eigvals(a @ b).abs().sum().sqrt()),
            "The root was taken of the sum of the eigenvalues. Each eigenvalue has a root of its "
            "own; add those.",
        ),
        Misconception(
            "diagonals_alone",
            diagonal,
            "Only the variances play a part. The features are correlated, and the covariances off "
            "the diagonal count.",
        ),
        Misconception(
            "covariances_apart",
            lambda mean_a, cov_a, mean_b, cov_b: (
                (mean_a - mean_b).square().sum() + (cov_a - cov_b).square().sum()
            ),
            "The covariances are compared element by element. The formula compares their traces "
            "with that of a root of their product.",
            also=(
                lambda mean_a, cov_a, mean_b, cov_b: (
                    (mean_a - mean_b).square().sum() + (cov_a - cov_b).trace()
                ),
                lambda mean_a, cov_a, mean_b, cov_b: (
                    (mean_a - mean_b).square().sum() + (cov_a - cov_b).norm()
                ),
            ),
        ),
        Misconception(
            "means_alone",
            from_parts(lambda shift, traces, roots: shift),
            "Only the means are compared. Two clouds about one center may differ in width.",
        ),
        Misconception(
            "covariances_only",
            from_parts(lambda shift, traces, roots: traces - 2 * roots),
            "The means play no part in the result.",
        ),
        Misconception(
            "summed_without_trace",
            whole_matrix_summed,
            "All elements of a matrix were added. A trace adds its diagonal alone.",
            also=(
                lambda mean_a, cov_a, mean_b, cov_b: (
                    right(mean_a, cov_a, mean_b, cov_b)
                    + (cov_a + cov_b).sum()
                    - (cov_a + cov_b).trace()
                ),
            ),
        ),
        Misconception(
            "kl_divergence",
            by_kl,
            "This is the KL divergence of two Gaussians, which is infinite for singular "
            "covariances. The Fréchet distance is another one.",
            error="positive",
        ),
        Misconception(
            "complex_result",
            lambda mean_a, cov_a, mean_b, cov_b: (
                right(mean_a, cov_a, mean_b, cov_b) + 0j * torch.linalg.eigvals(cov_a @ cov_b).sum()
            ),
            "The result is a complex number, which the eigenvalues of a product that is not "
            "symmetric bring along. They are real up to rounding: keep the real part.",
        ),
        Misconception(
            "negative_in_the_first_root",
            with_roots(
                lambda a, b: torch.linalg.eigvalsh(raw_root(a) @ b @ raw_root(a)).sqrt().sum()
            ),
            "The formula is right, but A has eigenvalues that are 0 and come out as -1e-17: their "
            "roots are nan, and so is all of A^½. Raise them to 0 first.",
            error="converge",
        ),
        Misconception(
            "negative_by_rounding",
            with_roots(lambda a, b: torch.linalg.eigvalsh(root(a) @ b @ root(a)).sqrt().sum()),
            "The formula is right, but eigenvalues that are 0 come out as -1e-17, and their root "
            "is nan. Raise them to 0 first.",
        ),
        Misconception(
            "raised_above_zero",
            raised_to(1e-6),
            "The eigenvalues were raised to a number above 0. The roots of many small numbers add "
            "up, and the root of 1e-6 is 1e-3. Raise them to 0 itself.",
            also=tuple(raised_to(floor) for floor in (1e-5, 1e-4, 1e-3)),
        ),
        Misconception(
            "cholesky",
            with_roots(
                lambda a, b: torch.linalg.svdvals(torch.linalg.cholesky(a).T @ root(b)).sum()
            ),
            "The formula is right, but a covariance of fewer samples than features is singular, "
            "and has no Cholesky factor. Use eigenvalues, and raise those below 0 to 0.",
            error="cholesky",
        ),
    ),
    hints=(
        "Three parts: the squared distance of the means, the two traces, and twice the trace of "
        "the root of the product, taken off.",
        "The trace of a matrix's root is the sum of the roots of its eigenvalues. A B is not "
        "symmetric, but A^½ B A^½ is, and has the same eigenvalues.",
        "torch.linalg.eigh gives A's eigenvalues and eigenvectors, and with them A^½; "
        "torch.linalg.eigvalsh the eigenvalues of the symmetric product. Rounding makes some of "
        "them -1e-17.",
    ),
    rtol=1e-4,
    atol=2e-5,
)
