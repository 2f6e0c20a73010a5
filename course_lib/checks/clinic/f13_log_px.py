"""Check of `f13_log_px`. Oracle: the evidence in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Normal

from ..declare import Case, Exercise, Misconception, Plain
from ..random_inputs import normal, uniform
from .one_gaussian import expected_ll, gap, kl, log_evidence, negative_elbo

COUNT = 10_000
NEAR = 0.07  # nats from the truth
EXTREME = 50.0  # of x: there the ELBO of the case is near as well


def evidence_cases(g: torch.Generator) -> list[Case]:
    def inputs(count: int, v: float, dtype: torch.dtype = torch.float32) -> dict:
        """A q that is off by a quarter of a nat or more, with weights of a small variance."""
        x = 0.8 * normal(g, count, dtype=dtype) + 1.8
        m = x / 2 - 0.5 - 0.2 * uniform(g, count, dtype=dtype)
        return {"x": x, "m": m, "v": v + 0.2 * uniform(g, count, dtype=dtype)}

    unit = {"x": torch.tensor([1.0]), "m": torch.zeros(1), "v": torch.ones(1)}
    return [
        Case(inputs(3, 0.8), "three examples"),
        Case(inputs(2, 1.7, torch.float64), "float64"),
        Case(unit, "x = 1, q = N(0, 1)"),
        Case({n: torch.full((2,), c) for n, c in (("x", 70.0), ("m", 35.0), ("v", 0.7))},
             "x = 70: p(x) itself is 0 in floating point", extreme=True),
    ]  # fmt: skip


def exact(x: Tensor, m: Tensor, v: Tensor) -> Tensor:
    """And a hair of noise, as an estimate has it."""
    return log_evidence(x) + 1e-3 * torch.rand_like(x)


def call_twice(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    value = answer(*inputs.values())
    if value is Ellipsis or not isinstance(value, Tensor):
        return {"value": value, "drawn": value}
    return {"value": value, "drawn": not torch.equal(value, answer(*inputs.values()))}


def estimate_facts(inputs: Mapping[str, Any], outputs: Mapping[str, Plain]) -> dict[str, Plain]:
    """Whether it was drawn is asked of an estimate that is right, where wrong ones are not."""
    value, x = outputs["value"], inputs["x"]
    fits = isinstance(value, Tensor) and value.shape == x.shape and x.max() < EXTREME
    near = fits and (value - log_evidence(x)).abs().max() < NEAR
    drawn = {"a second call draws anew": bool(outputs["drawn"])} if near else {}
    return {"value": value, **drawn}


def weighed(weight, final=lambda w: w.logsumexp(0) - math.log(len(w))):
    """An estimate from logarithms of weights `(K, B)`."""

    def answer(x: Tensor, m: Tensor, v: Tensor) -> Tensor:
        q = Normal(m, v.sqrt())
        z = q.sample((COUNT,))
        prior, noise = Normal(torch.zeros_like(z), 1.0), Normal(z, 1.0)
        return final(weight(noise.log_prob(x), prior.log_prob(z), q.log_prob(z)))

    return answer


def std_for_variance(x: Tensor, m: Tensor, v: Tensor) -> Tensor:
    """Drawn with the standard deviation v, weighed by the density of variance v."""
    z = m + v * torch.randn(COUNT, *x.shape, dtype=x.dtype)
    log_q = Normal(m, v.sqrt()).log_prob(z)
    log_w = Normal(z, 1.0).log_prob(x) + Normal(torch.zeros_like(z), 1.0).log_prob(z) - log_q
    return log_w.logsumexp(0) - math.log(COUNT)


EXERCISE = Exercise(
    name="clinic.f13_log_px",
    signature="(x, m, v)",
    unit="nats",
    oracle=exact,
    cases=evidence_cases,
    random=True,
    slow=True,
    rtol=0.0,
    atol=NEAR,
    call=call_twice,
    facts=estimate_facts,
    misconceptions=(
        Misconception(
            "the_bound",
            lambda x, m, v: -negative_elbo(x, m, v),
            "This is the ELBO again, below log p(x) by the KL from q to the posterior. The weights "
            "are to be averaged, and the logarithm taken behind the mean: the mean of logarithms "
            "is the bound.",
        ),
        Misconception(
            "bound_minus_gap",
            lambda x, m, v: -negative_elbo(x, m, v) - gap(x, m, v),
            "The gap was subtracted from the ELBO. log p(x) lies above the bound.",
        ),
        Misconception(
            "negative",
            lambda x, m, v: -log_evidence(x),
            "This is -log p(x). The logarithm of a density below 1 is negative.",
        ),
        Misconception(
            "q_forgotten",
            weighed(lambda noise, prior, q: noise + prior),
            "Where z was drawn from does not enter: each draw is weighed by p(x, z) / q(z), since "
            "q visits some z more often than others.",
        ),
        Misconception(
            "prior_forgotten",
            weighed(lambda noise, prior, q: noise),
            "The draws are q's, and p(x|z) was averaged as if they were the prior's. Each draw is "
            "weighed by p(z) / q(z) besides.",
        ),
        Misconception(
            "prior_over_q_turned",
            weighed(lambda noise, prior, q: noise + q - prior),
            "The ratio of prior and q is turned over: it is p(z) / q(z).",
        ),
        Misconception(
            "added_not_averaged",
            weighed(lambda noise, prior, q: noise + prior - q, lambda w: w.logsumexp(0)),
            "The weights were added and not divided by their number: log K too much.",
            also=tuple(
                (lambda x, m, v, k=k: log_evidence(x) + math.log(k))
                for k in (20_000, 50_000, 100_000)
            ),
        ),
        Misconception(
            "at_the_mean",
            lambda x, m, v: -0.5 * (math.log(2 * math.pi) + (x - m).square()),
            "This is log p(x|z) at z = m. p(x) is an average over all z.",
        ),
        Misconception(
            "reconstruction",
            expected_ll,
            "This is the mean of log p(x|z) under q, the reconstruction term alone.",
        ),
        Misconception(
            "kl_added",
            lambda x, m, v: expected_ll(x, m, v) + kl(m, v),
            "The KL to the prior was added to the reconstruction term. That is neither the bound "
            "nor log p(x).",
        ),
        Misconception("std_for_variance", std_for_variance, "The draws have the standard deviation "
                      "v, and the density that they are divided by has the variance v. v is the "
                      "variance: z = m + √v · ε."),
        Misconception(
            "probability",
            lambda x, m, v: log_evidence(x).exp(),
            "This is p(x). Its logarithm is wanted.",
        ),
        Misconception(
            "density_underflows",
            weighed(
                lambda noise, prior, q: (noise + prior - q).exp(), lambda w: w.mean(0).log()
            ),
            "The weights were formed before they were averaged, and at x = 70 every one of them is "
            "0 in floating point. Stay with logarithms: torch.logsumexp.",
            also=tuple(
                weighed(
                    lambda noise, prior, q: (noise + prior - q).exp(),
                    lambda w, small=small: (w.mean(0) + small).log(),
                )
                for small in (1e-12, 1e-10, 1e-8, 1e-20)
            ),
        ),
        Misconception(
            "draws_without_examples",
            lambda x, m, v: (m + v.sqrt() * torch.randn(COUNT, dtype=x.dtype)).mean(),
            "One row of draws does not fit the examples. Draw (K, B): K draws for each of them, so "
            "that m, v and x broadcast along the first axis.",
            error="must match the size of tensor b",
        ),
        Misconception(
            "not_drawn_anew",
            lambda x, m, v: log_evidence(x),
            "Two calls give the same number: the draws are seeded inside, or nothing is drawn (a "
            "closed form, which real models do not have). Draw from the global generator.",
        ),
        Misconception(
            "batch_averaged",
            lambda x, m, v: log_evidence(x).mean(),
            "The batch was averaged. One value for each example is wanted, `(B,)`.",
        ),
    ),
    hints=(
        "p(x) = E over q of p(x|z) p(z) / q(z). An expectation is estimated by a mean over draws; "
        "where does the logarithm stand?",
        "Draw z of shape (K, B) from q. The log-weight is log p(x|z) + log p(z) - log q(z); "
        "torch.distributions.Normal has all three.",
        "The logarithm of a mean of exponentials is logsumexp over the draws, minus log K "
        "(importance_bound of lesson 07).",
    ),
)  # fmt: skip
