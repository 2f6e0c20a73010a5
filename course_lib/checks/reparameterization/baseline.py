"""Check of `baseline`. Oracle: the gradient as a covariance over all pairs of draws."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from .estimates import (
    OUTPUTS,
    averaged,
    call_estimator,
    draws_of,
    estimate_facts,
    estimator_case,
    general_mistakes,
    pathwise_terms,
    score_terms,
)
from .score_function_gradient import score_of


def baseline_cases(generator: torch.Generator) -> list[Case]:
    return [
        estimator_case(generator, "cubic", 6),
        estimator_case(generator, "step", 5),
        estimator_case(generator, "outside", 7),
        estimator_case(generator, "wave", 5, "in float32", torch.float32),
        estimator_case(generator, "cubic", 2, "two draws, the fewest there can be", extreme=True),
        estimator_case(generator, "constant", 4, "f is constant", extreme=True),
    ]


def over_pairs(function, mean, std, noise):
    """Half the product of the differences of f and of the score, averaged over pairs of draws."""
    z = draws_of(mean, std, noise)
    rows = [(value, *score_of(draw, mean, std)) for draw, value in zip(z, function(z), strict=True)]
    pairs = list(itertools.combinations(rows, 2))
    return tuple(
        sum((a[0] - b[0]) * (a[k] - b[k]) / 2 for a, b in pairs) / len(pairs) for k in (1, 2)
    )


def left_out(values: Tensor) -> Tensor:
    """f of each draw minus the mean of f over the other draws."""
    count = len(values)
    return (values - values.mean()) * (count / (count - 1))


def weighed(weight):
    """The estimate in which f is replaced by `weight(f)`."""
    return averaged(lambda *a: score_terms(*a, weight=weight))


def baseline_terms(function, mean, std, noise):
    return score_terms(function, mean, std, noise, weight=left_out)


def subtracted_outside(function, mean, std, noise):
    others = function(draws_of(mean, std, noise)).mean()
    return tuple(term - others for term in score_terms(function, mean, std, noise))


def on_the_mean_alone(function, mean, std, noise):
    by_mean, _ = baseline_terms(function, mean, std, noise)
    _, by_std = score_terms(function, mean, std, noise)
    return by_mean, by_std


def averaged_over_the_others(function, mean, std, noise):
    return tuple(
        term.sum() / (len(noise) - 1) for term in baseline_terms(function, mean, std, noise)
    )


def at_the_mean(function, mean, std, noise):
    return score_terms(function, mean, std, noise, weight=lambda v: v - function(mean.expand(1)))


def standardized(values: Tensor) -> Tensor:
    return (values - values.mean()) / values.std()


EXERCISE = Exercise(
    name="reparameterization.baseline",
    signature="(function, mean, std, noise)",
    outputs=OUTPUTS,
    oracle=over_pairs,
    cases=baseline_cases,
    call=call_estimator,
    facts=estimate_facts,
    misconceptions=(
        Misconception(
            "mean_of_all",
            weighed(lambda v: v - v.mean()),
            "The mean of all draws was subtracted, the draw's own value included. That makes the "
            "estimate too small by the factor (N - 1) / N: leave the draw itself out.",
        ),
        Misconception(
            "divided_by_all",
            weighed(lambda v: v - (v.sum() - v) / len(v)),
            "The other draws were added and divided by N. There are N - 1 of them.",
        ),
        Misconception(
            "own_value_not_removed",
            weighed(lambda v: v - v.sum() / (len(v) - 1)),
            "The sum over all draws was divided by N - 1. Take the draw's own value out of the sum "
            "first.",
        ),
        Misconception(
            "no_baseline",
            averaged(score_terms),
            "This is the plain score-function estimate: nothing was subtracted from f, or it was "
            "subtracted from something else.",
        ),
        Misconception(
            "added",
            weighed(lambda v: 2 * v - left_out(v)),
            "The baseline was added. It is subtracted, so that f counts by how much better or "
            "worse than usual it is.",
        ),
        Misconception(
            "turned_round",
            weighed(lambda v: -left_out(v)),
            "The difference is turned round: f of the draw minus the mean of the others.",
        ),
        Misconception(
            "nothing_left",
            weighed(lambda v: v - v),
            "Both derivatives are 0 everywhere. Either each value of f was subtracted from itself, "
            "or the baseline from f times the score (subtract it from f, before it multiplies the "
            "score), or z moved along while log q was differentiated: detach z.",
        ),
        Misconception(
            "neighbor_subtracted",
            weighed(lambda v: v - v.roll(1)),
            "The value of one other draw was subtracted. That is unbiased, and as noisy as a "
            "single draw: average over all the others.",
        ),
        Misconception(
            "earlier_draws_alone",
            weighed(lambda v: v - (v.cumsum(0) - v) / torch.arange(len(v)).clamp(min=1)),
            "Only the draws before it are averaged, and the first draw has none. All others may be "
            "used, those after it too.",
        ),
        Misconception(
            "value_at_the_mean",
            averaged(at_the_mean),
            "f(mean) was subtracted: a fair baseline, unbiased too. Here it is the mean of f over "
            "the other draws, which needs no further call of f.",
        ),
        Misconception(
            "subtracted_outside",
            averaged(subtracted_outside),
            "The baseline was subtracted from the products. Subtract it from f, before the score "
            "multiplies it: then it averages away, because a score does.",
        ),
        Misconception(
            "for_the_mean_alone",
            averaged(on_the_mean_alone),
            "The derivative by mean has its baseline; the one by std has none.",
        ),
        Misconception(
            "averaged_over_the_others",
            averaged_over_the_others,
            "The N products were divided by N - 1. Only the baseline is an average over N - 1; the "
            "estimate is one over all N draws.",
        ),
        Misconception(
            "standardized",
            weighed(standardized),
            "The values of f were divided by their standard deviation as well. Then the result is "
            "no gradient of E f any more.",
        ),
        Misconception(
            "median_subtracted",
            weighed(lambda v: v - v.median()),
            "The median was subtracted, and the draw itself has a say in it. The mean over the "
            "other draws is wanted.",
        ),
        Misconception(
            "least_value_subtracted",
            weighed(lambda v: v - v.min()),
            "The least value was subtracted. It depends on the draws, the draw's own value "
            "included; the mean over the others does not.",
        ),
        Misconception(
            "scores_not_divided",
            averaged(
                lambda *a: score_terms(
                    *a, scores=lambda mean, std, e: (e, e**2 - 1), weight=left_out
                )
            ),
            "The baseline is right. The scores are off by the factor std: in terms of the noise, "
            "each has a division by std.",
        ),
        Misconception(
            "pathwise",
            averaged(pathwise_terms),
            "f was differentiated: this is the pathwise estimate. A baseline belongs to the score "
            "function's.",
        ),
        *(m for m in general_mistakes(baseline_terms) if m.name != "sign"),
    ),
    hints=(
        "The estimate is the one before, with something subtracted from f. What may be subtracted "
        "from f(z) of one draw so that nothing changes on average?",
        "Anything that does not depend on that draw, such as the mean of f over the other N - 1 "
        "draws. It is another number for each draw.",
        "The sum over the others is the sum over all, minus the draw's own value. That gives all N "
        "baselines at once, without a loop.",
    ),
)
