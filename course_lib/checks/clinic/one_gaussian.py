"""The model of the cases F3, F9, F13: z ~ N(0, 1), x ~ N(z, 1), posterior N(x/2, 1/2), x ~ N(0, 2).

q is N(m, v), v a variance; all numbers are per coordinate.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from ..declare import Case, Misconception
from ..random_inputs import normal, uniform
from ..ready import Mistakes

LOG_2PI = math.log(2 * math.pi)


def log_evidence(x: Tensor) -> Tensor:
    return Normal(torch.zeros_like(x), math.sqrt(2)).log_prob(x)


def gap(x: Tensor, m: Tensor, v: Tensor) -> Tensor:
    """KL(q || posterior)."""
    return kl_divergence(Normal(m, v.sqrt()), Normal(x / 2, math.sqrt(0.5)))


def negative_elbo(x: Tensor, m: Tensor, v: Tensor) -> Tensor:
    """What the evidence costs, and what q misses of the posterior."""
    return gap(x, m, v) - log_evidence(x)


def expected_ll(x: Tensor, m: Tensor, v: Tensor) -> Tensor:
    """E log p(x|z) under q."""
    return -0.5 * (LOG_2PI + (x - m).square() + v)


def kl(m: Tensor, v: Tensor) -> Tensor:
    return 0.5 * (m.square() + v - 1 - v.log())


def turned_kl(m: Tensor, v: Tensor) -> Tensor:
    """Of the prior from q."""
    return 0.5 * ((1 + m.square()) / v - 1 + v.log())


def bound_cases(g: torch.Generator, *trailing: int) -> list[Case]:
    """Inputs `(B, *trailing)`."""

    def inputs(count: int, dtype: torch.dtype = torch.float64) -> dict:
        shape = (count, *trailing)
        return {
            "x": 1.3 * normal(g, *shape, dtype=dtype) + 0.4,
            "m": 0.8 * normal(g, *shape, dtype=dtype) - 0.3,
            "v": 0.2 + 1.9 * uniform(g, *shape, dtype=dtype),
        }

    def all_at(x: float, m: float, v: float) -> dict:
        names = {"x": x, "m": m, "v": v}
        return {n: torch.full((2, *trailing), value) for n, value in names.items()}

    by = ("m", "v")
    return [
        Case(inputs(5), "five examples", gradients=by),
        Case(inputs(3, torch.float32), "float32", gradients=by),
        Case(inputs(1), "a batch of one", gradients=by),
        Case(all_at(30.0, -4.0, 1e-5), "v = 0.00001", extreme=True, gradients=by),
        Case(all_at(-2.0, 9.0, 400.0), "v = 400", extreme=True, gradients=by),
    ]


def of_terms(loss: Callable, reduce: Callable = lambda t: t) -> Callable:
    """A loss made of the expected log-likelihood and the KL."""
    return lambda x, m, v: reduce(loss(expected_ll(x, m, v), kl(m, v)))


def bound_mistakes(reduce: Callable = lambda t: t) -> Mistakes:
    """About the two terms; `reduce` adds over the coordinates, where there are several."""

    def of(loss: Callable) -> Callable:
        return of_terms(loss, reduce)

    def wrong(formula: Callable) -> Callable:
        return lambda x, m, v: reduce(formula(x, m, v))

    return (
        Misconception(
            "double_count",
            of(lambda ll, kl: kl - 2 * ll),
            "The log-likelihood counts twice, so the KL weighs one half beside it: the posterior "
            "gets too narrow and leans too far to the data. Each term comes once.",
        ),
        Misconception(
            "kl_halved",
            of(lambda ll, kl: kl / 2 - ll),
            "The KL is half of what it should be: its 1/2 stands in the formula once.",
        ),
        Misconception(
            "kl_doubled",
            of(lambda ll, kl: 2 * kl - ll),
            "The KL is twice too large: its 1/2 in front is missing.",
        ),
        Misconception(
            "reconstruction_rewarded",
            of(lambda ll, kl: ll + kl),
            "The log-likelihood has the wrong sign: minimizing this makes the data as improbable "
            "as possible, and it falls without end. Only the KL comes with a plus.",
        ),
        Misconception(
            "kl_rewarded",
            of(lambda ll, kl: -ll - kl),
            "The KL has the wrong sign: this loss rewards q for leaving the prior. In a loss it is "
            "a price.",
        ),
        Misconception(
            "elbo_itself",
            of(lambda ll, kl: ll - kl),
            "This is the ELBO, which is to be made large. A loss is minimized: give its negative.",
        ),
        Misconception("kl_missing", of(lambda ll, kl: -ll), "The KL to the prior is missing."),
        Misconception(
            "kl_turned_round",
            wrong(lambda x, m, v: turned_kl(m, v) - expected_ll(x, m, v)),
            "The KL is that of the prior from q. The ELBO has KL(q ‖ prior): its average is under "
            "q.",
        ),
        Misconception(
            "logarithm_missing",
            wrong(lambda x, m, v: 0.5 * (m.square() + v - 1) - expected_ll(x, m, v)),
            "The logarithm of v is missing in the KL: nothing keeps q from becoming narrow.",
        ),
        Misconception(
            "evidence_alone",
            wrong(lambda x, m, v: -log_evidence(x) + 0 * m * v),
            "This is -log p(x), which no q can change. The negative ELBO lies above it, by as much "
            "as q misses of the posterior.",
        ),
        Misconception(
            "reconstruction_missing",
            of(lambda ll, kl: kl),
            "Only the KL to the prior is there; what the data cost is missing.",
        ),
        Misconception(
            "variance_left_out",
            wrong(lambda x, m, v: kl(m, v) - expected_ll(x, m, torch.zeros_like(v))),
            "The log-likelihood was taken at z = m. It is an expectation over q, and the spread of "
            "z costs as well: the mean of (x - z)² is (x - m)² + v.",
        ),
        Misconception(
            "logarithm_of_the_mean",
            wrong(lambda x, m, v: kl(m, v) - Normal(m, (1 + v).sqrt()).log_prob(x)),
            "The first term is the logarithm of the average of p(x|z) under q. The ELBO has the "
            "average of the logarithm.",
        ),
        Misconception(
            "density_of_q_at_x",
            wrong(lambda x, m, v: kl(m, v) - Normal(m, v.sqrt()).log_prob(x)),
            "The first term is the density of q at x, with the variance v. The likelihood is "
            "N(x; z, 1): its variance is 1, and z has to be averaged over.",
        ),
        Misconception(
            "constant_forgotten",
            wrong(lambda x, m, v: negative_elbo(x, m, v) - LOG_2PI / 2),
            "Half the logarithm of 2π is missing in the Gaussian's log-density. No gradient "
            "notices, but the loss is no bound of -log p(x) without it.",
        ),
        Misconception(
            "squared_error",
            wrong(lambda x, m, v: kl(m, v) + (x - m).square() + v),
            "The squared error stands without its 1/2, which makes the reconstruction weigh twice "
            "as much as the model says. The noise has variance 1.",
            also=(wrong(lambda x, m, v: kl(m, v) + (x - m).square() + v + LOG_2PI / 2),),
        ),
        Misconception(
            "v_as_standard_deviation",
            wrong(lambda x, m, v: negative_elbo(x, m, v.square())),
            "v was read as a standard deviation. It is the variance (Normal takes the root of it).",
            also=(wrong(lambda x, m, v: kl(m, v.square()) - expected_ll(x, m, v)),),
        ),
        Misconception(
            "v_as_log_variance",
            wrong(lambda x, m, v: negative_elbo(x, m, v.exp())),
            "v was read as a logarithm of the variance. It is the variance itself.",
        ),
        Misconception(
            "gap_alone",
            wrong(gap),
            "This is how far q is from the posterior. The negative ELBO is more: -log p(x) is "
            "added.",
        ),
        Misconception(
            "averaged",
            lambda x, m, v: reduce(negative_elbo(x, m, v)).mean(),
            "The batch was averaged too. One value for each example is wanted, `(B,)`.",
        ),
        Misconception(
            "summed",
            lambda x, m, v: reduce(negative_elbo(x, m, v)).sum(),
            "The batch was added up too. One value for each example is wanted, `(B,)`.",
        ),
    )
