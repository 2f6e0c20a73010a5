"""Check of `spectral_norm_estimate`. Oracle: loops over rows and columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..observing import Handed
from ..random_inputs import normal


def estimate_cases(g: torch.Generator) -> list[Case]:
    def inputs(*shape: int, iterations: int, dtype: torch.dtype = torch.float64) -> dict:
        u = normal(g, shape[0], dtype=dtype)
        return {
            "weight": normal(g, *shape, dtype=dtype) + 0.2,
            "u": u / u.norm(),
            "iterations": iterations,
        }

    return [
        Case(inputs(5, 4, iterations=1), "a matrix (5, 4), 1 iteration", gradients=("weight",)),
        Case(inputs(3, 6, iterations=3), "a matrix (3, 6), 3 iterations", gradients=("weight",)),
        Case(
            inputs(4, 3, 2, 5, iterations=2),
            "a convolution (4, 3, 2, 5), 2 iterations",
            gradients=("weight",),
        ),
        Case(inputs(4, 5, iterations=2, dtype=torch.float32), "2 iterations, in float32"),
    ]


def call(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """σ and the new u, and whether u has a graph; the weight is a parameter, as in a layer."""
    weight, u, iterations = inputs.values()
    if not weight.requires_grad:
        weight = weight.clone().requires_grad_(True)
    result = answer(weight, u, iterations)
    if not isinstance(result, tuple | list) or len(result) != 2:
        return Handed(result)
    sigma, u = result
    open_graph = isinstance(u, Tensor) and u.requires_grad
    return {"σ": sigma, "new u": u, "the new u carries no graph": not open_graph}


def by_loops(weight: Tensor, u: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """In Python's floats; σ is the weighted sum of the entries, the weights being u vᵀ."""
    rows = [row.flatten().tolist() for row in weight.detach()]
    left = u.tolist()
    for _ in range(iterations):
        right = unit([product(left, column) for column in zip(*rows, strict=True)])
        left = unit([product(row, right) for row in rows])
    outer = torch.tensor([[a * b for b in right] for a in left], dtype=weight.dtype)
    sigma = (outer.view_as(weight) * weight).sum()
    return sigma, torch.tensor(left, dtype=weight.dtype)


def product(one: Iterable[float], other: Iterable[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def unit(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector]


def estimate(
    matrix: Callable = lambda w: w.flatten(1),
    count: Callable = lambda n: n,
    value: Callable = lambda m, u, v, old: u @ m @ v,
    back: Callable = lambda u, v, old: u,
    normalize: Callable = lambda x: x / x.norm(),
    constant: bool = True,
) -> Callable:
    """Power iteration with its parts exposed, so that a mistake can replace one."""

    def answer(weight, u, iterations):
        m = matrix(weight)
        fixed = m.detach() if constant else m
        old = u
        for _ in range(count(iterations)):
            v = normalize(fixed.mT @ u)
            u = normalize(fixed @ v)
        return value(m, u, v, old), back(u, v, old)

    return answer


def transposed_matrix(weight):
    return weight.flatten(1) if weight.ndim == 2 else weight.transpose(0, 1).flatten(1)


def from_the_right(weight, u, iterations):
    """σ from the v of a last extra half step, as if the iteration began with W v."""
    m = weight.flatten(1)
    for _ in range(iterations):
        v = (m.detach().mT @ u) / (m.detach().mT @ u).norm()
        u = (m.detach() @ v) / (m.detach() @ v).norm()
    v = (m.detach().mT @ u) / (m.detach().mT @ u).norm()
    return u @ m @ v, u


def exact(weight, u, iterations):
    return torch.linalg.matrix_norm(weight.flatten(1), ord=2), estimate()(weight, u, iterations)[1]


def random_start(weight, u, iterations):
    return estimate()(weight, torch.randn_like(u), iterations)


def four_axes_transposed(weight, u, iterations):
    for _ in range(iterations):
        v = weight.detach().permute(*range(weight.ndim - 1, -1, -1)) @ u
        v = v / v.norm()
        u = weight.detach() @ v
        u = u / u.norm()
    return u @ weight @ v, u


def wrong_side_first(weight, u, iterations):
    m = weight.flatten(1)
    return m @ u, u


def only_v_normalized(weight, u, iterations):
    m = weight.flatten(1)
    for _ in range(iterations):
        v = m.detach().mT @ u
        v = v / v.norm()
        u = m.detach() @ v
    return u @ m @ v, u


def u_kept(weight, u, iterations):
    return estimate()(weight, u, iterations)[0], u


def sigma_cut_off(weight, u, iterations):
    return estimate()(weight.detach(), u, iterations)


EXERCISE = Exercise(
    name="stable_gans.spectral_norm_estimate",
    signature="(weight, u, iterations)",
    oracle=by_loops,
    cases=estimate_cases,
    call=call,
    outputs=("σ", "new u"),
    graph=("σ",),
    slow=True,
    entry="entry",
    misconceptions=(
        Misconception(
            "u_kept",
            u_kept,
            "The u that is returned is the one that came in. The next call goes on from the new "
            "one: that is why a single iteration a training step is enough.",
        ),
        Misconception(
            "v_returned",
            estimate(back=lambda u, v, old: v),
            "This is v, which has an entry for each input. Return u, with an entry for each "
            "output (each row of the matrix).",
        ),
        Misconception(
            "exchanged",
            lambda w, u, n: estimate()(w, u, n)[::-1],
            "The two results changed places: σ comes first, then the new u.",
        ),
        Misconception(
            "graph_through_the_iteration",
            estimate(constant=False, back=lambda u, v, old: u.detach()),
            "The value is right, and its gradient runs through u and v as well. They count as "
            "constants: only the last line, u W v, carries a graph.",
        ),
        Misconception(
            "u_with_graph",
            estimate(constant=False),
            "The new u carries a graph back into the weight. The next training step would want to "
            "go back through this one. u and v count as constants.",
        ),
        Misconception(
            "sigma_cut_off",
            sigma_cut_off,
            "σ carries no graph. u and v are constants, the weight in u W v is not: the gradient "
            "of W / σ needs both.",
        ),
        Misconception(
            "frobenius",
            lambda w, u, n: (w.norm(), estimate()(w, u, n)[1]),
            "This is the root of the sum of all squares, the Frobenius norm: never smaller than "
            "the largest singular value, and usually far larger.",
            also=(lambda w, u, n: (w.norm(), u),),
        ),
        Misconception(
            "exact",
            exact,
            "This is the exact largest singular value. The estimate after so many iterations from "
            "this u is wanted, as PyTorch has it: cheap, and a little below.",
            also=(lambda w, u, n: (exact(w, u, n)[0], u),),
        ),
        Misconception(
            "squared",
            estimate(value=lambda m, u, v, old: (m @ v).square().sum()),
            "This is σ², an eigenvalue of W Wᵀ. σ is its root.",
            also=(estimate(value=lambda m, u, v, old: (m.mT @ u).square().sum()),),
        ),
        Misconception(
            "old_u",
            estimate(value=lambda m, u, v, old: old @ m @ v),
            "σ was computed with the u that came in. Use the new one.",
        ),
        Misconception(
            "one_half_step_more",
            from_the_right,
            "One half step too many: v was computed once more after the last u. Each iteration is "
            "v from u, then u from v; σ uses those two.",
        ),
        Misconception(
            "one_iteration",
            estimate(count=lambda n: 1),
            "The result does not depend on `iterations`: there is one, always.",
        ),
        Misconception(
            "one_too_many",
            estimate(count=lambda n: n + 1),
            "There is one iteration too many.",
        ),
        Misconception(
            "wrong_matrix",
            estimate(
                matrix=lambda w: w.reshape(len(w), -1, w.shape[-1]).sum(1) if w.ndim > 2 else w
            ),
            "The kernel was added up or split wrongly. A convolution's weight (C_out, C_in, h, w) "
            "is a matrix with C_out rows: all axes but the first are its columns.",
            also=(estimate(matrix=lambda w: w.mean((2, 3)) if w.ndim > 2 else w),),
        ),
        Misconception(
            "wrong_side_first",
            wrong_side_first,
            "u has an entry for each row, so it is Wᵀ that it can be multiplied with first: that "
            "gives v. Then u comes from W v.",
            error="size mismatch",
        ),
        Misconception(
            "factors_exchanged",
            estimate(value=lambda m, u, v, old: v @ m @ u),
            "u and v stand on the wrong sides of W. It is u W v: u has an entry for each row, v "
            "for each column.",
            error="cannot be multiplied",
        ),
        Misconception(
            "normalized_by_axis_1",
            estimate(normalize=torch.nn.functional.normalize),
            "F.normalize works along axis 1 unless told otherwise, and a vector has only axis 0.",
            error="Dimension out of range",
        ),
        Misconception(
            "outer_product",
            estimate(value=lambda m, u, v, old: torch.outer(u, v)),
            "This is u vᵀ, the gradient of σ by the weight. σ itself is the number u W v.",
        ),
        Misconception(
            "not_added_up",
            estimate(value=lambda m, u, v, old: u * (m @ v)),
            "The products were not added up. u W v is one number: a product of vectors (@), not of "
            "their entries (*).",
        ),
        Misconception(
            "largest_entry",
            lambda w, u, n: (w.abs().max(), u),
            "This is the largest entry of the weight. The largest singular value is how much W "
            "stretches at most.",
        ),
        Misconception(
            "rows_and_columns",
            estimate(matrix=transposed_matrix),
            "u has an entry for each of the C_out outputs, so the matrix has C_out rows: the first "
            "axis of a convolution's weight; all others are its columns.",
            error="size mismatch",
            also=(
                estimate(matrix=lambda w: w.reshape(-1, w.shape[-1])),
                estimate(matrix=lambda w: w if w.ndim == 2 else w.flatten(0, 2)),
            ),
        ),
        Misconception(
            "batch_of_matrices",
            lambda w, u, n: estimate(matrix=lambda w: w)(w, u, n),
            "A convolution's weight has four axes, and was multiplied as if it were a matrix. Make "
            "it one first: C_out rows, everything else in columns.",
            error="batch2",
        ),
        Misconception(
            "four_axes_transposed",
            four_axes_transposed,
            "A convolution's weight has four axes, and .T turns all of them round. Make it a "
            "matrix first: C_out rows, everything else in columns.",
            error="must match the size of tensor",
        ),
        Misconception(
            "not_normalized",
            estimate(normalize=lambda x: x),
            "u and v were not brought to length 1, so the estimate grows with every iteration.",
            also=(
                estimate(normalize=lambda x: x / x.sum()),
                estimate(normalize=lambda x: x / x.abs().max()),
                estimate(normalize=lambda x: x / x.square().sum()),
                only_v_normalized,
            ),
        ),
        Misconception(
            "weight_returned",
            lambda w, u, n: (w / estimate()(w, u, n)[0], estimate()(w, u, n)[1]),
            "This is the weight divided by σ. Return σ itself.",
        ),
        Misconception(
            "starts_at_random",
            random_start,
            "The iteration began from random numbers. It begins from the u that is passed in, "
            "which remembers all steps so far.",
            drawing=True,
        ),
    ),
    hints=(
        "A convolution's weight first becomes a matrix W with C_out rows. Then, so many times: "
        "v is the unit vector along Wᵀu, u the unit vector along Wv.",
        "Compute u and v under torch.no_grad(), or from a detached W: they count as constants.",
        "F.normalize(x, dim=0) brings a vector to length 1. At the end σ = uᵀ W v, with the W that "
        "carries a graph.",
    ),
)
