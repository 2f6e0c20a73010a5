"""Check of `pca_reconstruct`. Oracle: NumPy's eigenvectors of the covariance matrix."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception


def pca_cases(generator: torch.Generator) -> list[Case]:
    def data(count: int, size: int) -> Tensor:
        """Rows around a mean far from 0, with a spread of its own in each of some directions."""
        rows = torch.randn(count, size, generator=generator, dtype=torch.float64)
        spreads = 3.0 * 0.7 ** torch.arange(size)
        turn = torch.randn(size, size, generator=generator, dtype=torch.float64)
        mean = 2 + torch.randn(size, generator=generator, dtype=torch.float64)
        return mean + (rows * spreads) @ torch.linalg.qr(turn).Q

    return [
        Case({"x": data(12, 5), "rank": 2}, "12 rows of 5, rank 2"),
        Case({"x": data(5, 8), "rank": 3}, "fewer rows than columns: 5 of 8, rank 3"),
        Case({"x": data(20, 6).float(), "rank": 1}, "in float32, rank 1"),
        Case({"x": data(9, 4), "rank": 4}, "rank 4 of 4: nothing is lost", extreme=True),
        Case({"x": data(9, 4), "rank": 0}, "rank 0: only the mean is left", extreme=True),
    ]


def by_eigenvectors(x: Tensor, rank: int) -> Tensor:
    rows = x.double().numpy()
    mean = rows.mean(0)
    _, vectors = np.linalg.eigh(np.cov(rows, rowvar=False))
    basis = vectors[:, ::-1][:, :rank]
    return torch.from_numpy(mean + (rows - mean) @ basis @ basis.T).to(x.dtype)


def basis_of(x: Tensor, rank: int) -> Tensor:
    """The first right singular vectors, as columns."""
    return torch.linalg.svd(x, full_matrices=False).Vh[:rank].T


def project(x: Tensor, basis: Tensor) -> Tensor:
    return x @ basis @ basis.T


def around(mean):
    """PCA around another center."""
    return lambda x, rank: mean(x) + by_eigenvectors_about(x - mean(x), rank)


def by_eigenvectors_about(x: Tensor, rank: int) -> Tensor:
    return project(x, basis_of(x, rank))


def standardized(x: Tensor, rank: int) -> Tensor:
    mean, std = x.mean(0), x.std(0)
    return mean + std * by_eigenvectors_about((x - mean) / std, rank)


def columns_of_vh(x: Tensor, rank: int) -> Tensor:
    mean = x.mean(0)
    return mean + project(x - mean, torch.linalg.svd(x - mean).Vh[:, :rank])


def columns_of_thin_vh(x: Tensor, rank: int) -> Tensor:
    mean = x.mean(0)
    vh = torch.linalg.svd(x - mean, full_matrices=False).Vh
    return mean + project(x - mean, vh[:, :rank])


def smallest(x: Tensor, rank: int) -> Tensor:
    mean = x.mean(0)
    return mean + project(x - mean, torch.linalg.eigh(torch.cov(x.T)).eigenvectors[:, :rank])


def last_columns(x: Tensor, rank: int) -> Tensor:
    mean = x.mean(0)
    return mean + project(x - mean, torch.linalg.eigh(torch.cov(x.T)).eigenvectors[:, -rank:])


def from_factors(scale):
    """U, S and Vh put together with the singular values changed by `scale`."""

    def answer(x: Tensor, rank: int) -> Tensor:
        mean = x.mean(0)
        u, s, vh = torch.linalg.svd(x - mean, full_matrices=False)
        return mean + u[:, :rank] * scale(s[:rank]) @ vh[:rank]

    return answer


def randomized(x: Tensor, rank: int) -> Tensor:
    u, s, v = torch.pca_lowrank(x, q=rank)
    return x.mean(0) + u * s @ v.T


def centered_in_place(x: Tensor, rank: int) -> Tensor:
    mean = x.mean(0)
    x -= mean
    return mean + by_eigenvectors_about(x, rank)


EXERCISE = Exercise(
    name="autoencoders.pca_reconstruct",
    signature="(x, rank)",
    oracle=by_eigenvectors,
    cases=pca_cases,
    rtol=1e-4,
    atol=1e-4,
    misconceptions=(
        Misconception(
            "not_centered",
            by_eigenvectors_about,
            "The mean was never taken off, so the first direction is spent on pointing at it. "
            "Subtract it first, and add it back at the end.",
        ),
        Misconception(
            "mean_not_added_back",
            lambda x, rank: by_eigenvectors(x, rank) - x.mean(0),
            "The mean was taken off and not added back: these are reconstructions of the centered "
            "data.",
        ),
        Misconception(
            "mean_not_taken_off",
            lambda x, rank: x.mean(0) + project(x, basis_of(x - x.mean(0), rank)),
            "The directions are right, but x itself was projected and the mean added on top, so "
            "part of the mean counts twice. Project what is left after the mean is taken off.",
        ),
        Misconception(
            "projected_uncentered",
            lambda x, rank: project(x, basis_of(x - x.mean(0), rank)),
            "The directions are right, but x was projected as it is: the mean must be taken off "
            "before the projection and added back after it.",
        ),
        Misconception(
            "mean_of_each_row",
            around(lambda x: x.mean(1, keepdim=True)),
            "The mean was taken along the wrong axis: each row lost its own average. The mean is "
            "one row, the average of all rows.",
        ),
        Misconception(
            "one_mean_for_all",
            around(lambda x: x.mean()),
            "One number was taken off everywhere. Each column has a mean of its own.",
        ),
        Misconception(
            "smallest_directions",
            smallest,
            "These are the directions of least variance: torch.linalg.eigh sorts the eigenvalues "
            "from small to large, so the best ones stand last.",
        ),
        Misconception(
            "columns_of_vh",
            columns_of_vh,
            "The directions were taken along the wrong axis: they are the rows of Vh, which "
            "torch.linalg.svd returns, and the columns of V and of eigh's eigenvectors.",
        ),
        Misconception(
            "columns_of_thin_vh",
            columns_of_thin_vh,
            "The directions were taken along the wrong axis: they are the rows of Vh, which "
            "torch.linalg.svd returns, and the columns of V. The other way round they do not even "
            "have the length of a row of x where x has fewer rows than columns.",
            error="(5x8 and 5x3)",
        ),
        Misconception(
            "rows_of_eigenvectors",
            lambda x, rank: (
                x.mean(0)
                + project(
                    x - x.mean(0),
                    torch.linalg.eigh(torch.cov(x.T)).eigenvectors[x.shape[1] - rank :].T,
                )
            ),
            "The rows of the matrix of eigenvectors were taken. torch.linalg.eigh puts each "
            "eigenvector into a column.",
        ),
        Misconception(
            "first_columns_kept",
            lambda x, rank: x.mean(0) + (x - x.mean(0)) * (torch.arange(x.shape[1]) < rank),
            "The first columns of x were kept as they are. The directions that hold most variance "
            "are mixtures of all columns.",
        ),
        Misconception(
            "basis_not_turned",
            lambda x, rank: (
                (x - x.mean(0)) @ torch.linalg.svd(x - x.mean(0), full_matrices=False).Vh[:rank]
            ),
            "Two matrices do not fit in the product: with the directions as rows, (rank, D), codes "
            "are the centered rows times their transpose, and the way back is without it. (The "
            "directions belong to the D columns of x, not to its N rows.)",
            error="mm: mat1 and mat2 shapes cannot be multiplied",
        ),
        Misconception(
            "codes_returned",
            lambda x, rank: (x - x.mean(0)) @ basis_of(x - x.mean(0), rank),
            "These are the codes, rank numbers a row. Map them back to the space of x.",
        ),
        Misconception(
            "one_too_many",
            lambda x, rank: by_eigenvectors(x, rank + 1),
            "One direction too many was kept.",
        ),
        Misconception(
            "one_too_few",
            lambda x, rank: by_eigenvectors(x, max(rank - 1, 0)),
            "One direction too few was kept.",
        ),
        Misconception(
            "directions_dropped",
            lambda x, rank: by_eigenvectors(x, x.shape[1] - rank),
            "rank directions were thrown away, and the others kept. It should be the other way "
            "round.",
        ),
        Misconception(
            "standardized",
            standardized,
            "The columns were divided by their standard deviations. That is PCA of other data: "
            "its reconstruction is not the one of least squared error in x.",
        ),
        Misconception(
            "singular_values_forgotten",
            from_factors(torch.ones_like),
            "Every direction has the same spread now: the singular values are missing, or the "
            "codes were divided by them.",
        ),
        Misconception(
            "singular_values_squared",
            from_factors(torch.square),
            "The singular values were multiplied in twice.",
        ),
        Misconception(
            "randomized",
            randomized,
            "torch.pca_lowrank is a randomized approximation that draws from the global generator. "
            "Use the exact torch.linalg.svd or eigh.",
        ),
        Misconception(
            "changed_in_place",
            centered_in_place,
            "The mean was taken off in place, so the caller's data are no longer what they were.",
        ),
        Misconception(
            "minus_zero",
            last_columns,
            "At rank 0 the slice [-rank:] is [-0:], which is everything. Count from the front of a "
            "list that is sorted from large to small.",
        ),
    ),
    hints=(
        "Which row would you send if you could send no code at all? Take it off first. Then ask "
        "in which directions the rest varies most.",
        "The directions are the first `rank` right singular vectors of the centered data: rows of "
        "Vh. Project on them, and add back what you took off.",
        "With basis = those rows, `(rank, D)`: codes are the centered data times basis transposed, "
        "and the codes times basis are back in the space of x.",
    ),
)
