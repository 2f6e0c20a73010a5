"""Check of `baseline`. Oracle: the gradient as a covariance over all pairs of draws."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor
from torch.distributions import Normal

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


def others_of(reduce):
    """The weights f minus `reduce(f of the other draws)`, draw by draw."""

    def weight(values):
        rest = [torch.cat([values[:i], values[i + 1 :]]) for i in range(len(values))]
        return values - torch.stack([reduce(each) for each in rest])

    return weight


def on_std_alone(function, mean, std, noise):
    by_mean, _ = score_terms(function, mean, std, noise)
    _, by_std = baseline_terms(function, mean, std, noise)
    return by_mean, by_std


def through_f(function, mean, std, noise):
    """The surrogate whose values of f were not held fixed."""
    leaves = [p.detach().clone().requires_grad_(True) for p in (mean, std)]
    z = draws_of(*leaves, noise)
    weights = left_out(function(z))
    return torch.autograd.grad((weights * Normal(*leaves).log_prob(z.detach())).mean(), leaves)


def with_scores(by_mean, by_std):
    return averaged(
        lambda *a: score_terms(
            *a, scores=lambda mean, std, e: (by_mean(std, e), by_std(std, e)), weight=left_out
        )
    )


def at_the_average_draw(function, mean, std, noise):
    center = draws_of(mean, std, noise).mean().expand(1)
    return score_terms(function, mean, std, noise, weight=lambda v: v - function(center))


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
            "others_not_averaged",
            weighed(lambda v: v - (v.sum() - v)),
            "The values of the other draws were added. Their mean is subtracted.",
        ),
        Misconception(
            "others_miscounted",
            weighed(lambda v: v - (v.sum() - v) / (len(v) + 1)),
            "The other draws were miscounted. Without the draw itself there are N - 1.",
            also=(weighed(lambda v: v - (v.sum() - v) / max(len(v) - 2, 1)),),
        ),
        Misconception(
            "own_value_taken_from_the_mean",
            weighed(lambda v: v - (v.mean() - v)),
            "The draw's own value was taken out of the mean. Take it out of the sum, and divide "
            "what is left by N - 1.",
        ),
        Misconception(
            "baseline_alone",
            weighed(lambda v: (v.sum() - v) / (len(v) - 1)),
            "The baseline itself multiplies the score. What does is f minus the baseline.",
        ),
        Misconception(
            "baseline_damped",
            weighed(lambda v: v - 0.9 * v.mean()),
            "A share of the mean of all draws was subtracted. The whole mean over the others is "
            "wanted.",
            also=(
                weighed(lambda v: v - v.mean() / 2),
                weighed(lambda v: (v + left_out(v)) / 2),
            ),
        ),
        Misconception(
            "fixed_number",
            weighed(lambda v: v - 3.0),
            "A fixed number was subtracted. That costs no bias, and another function would need "
            "another number: take the mean over the other draws.",
            also=(weighed(lambda v: v - 1.0),),
        ),
        Misconception(
            "value_at_the_average_draw",
            averaged(at_the_average_draw),
            "f was taken at the average of the draws, the draw itself included. Average the "
            "values of f over the others.",
        ),
        Misconception(
            "score_by_mean_unscaled",
            with_scores(lambda std, e: e, lambda std, e: (e**2 - 1) / std),
            "The baseline is right. In the score by mean the division by std is missing.",
        ),
        Misconception(
            "scores_over_the_variance",
            with_scores(lambda std, e: e / std**2, lambda std, e: (e**2 - 1) / std**2),
            "The baseline is right. The noise was divided by std twice: it is (z - mean) / std "
            "already.",
            also=(with_scores(lambda std, e: e / std, lambda std, e: e**2 / std**2),),
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
            also=(
                weighed(lambda v: v - v.roll(-1)),
                weighed(others_of(lambda rest: rest[0])),
                weighed(lambda v: v - v.flip(0)),
            ),
        ),
        Misconception(
            "earlier_draws_alone",
            weighed(lambda v: v - (v.cumsum(0) - v) / torch.arange(len(v)).clamp(min=1)),
            "Only the draws before it are averaged, and the first draw has none. All others may be "
            "used, those after it too.",
            also=(
                weighed(lambda v: v - v.cumsum(0) / torch.arange(1, len(v) + 1)),
                weighed(lambda v: v - (v.sum() - v.cumsum(0)) / (len(v) - 1)),
            ),
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
            "One of the two derivatives has its baseline, and the other has none.",
            also=(averaged(on_std_alone),),
        ),
        Misconception(
            "averaged_over_the_others",
            averaged_over_the_others,
            "The estimate is too large by the factor N / (N - 1): the products were divided by "
            "N - 1, or the draw was left out twice. Only the baseline is an average over N - 1.",
        ),
        Misconception(
            "standardized",
            weighed(standardized),
            "The values of f were divided by their standard deviation as well. Then the result is "
            "no gradient of E f any more.",
            also=(
                weighed(lambda v: left_out(v) / v.std()),
                weighed(lambda v: (v - v.mean()) / (v.std() + 1e-8)),
                weighed(lambda v: left_out(v) / (v.std() + 1e-8)),
            ),
        ),
        Misconception(
            "median_subtracted",
            weighed(lambda v: v - v.median()),
            "A median was subtracted. The mean over the other draws is wanted.",
            also=(weighed(others_of(torch.median)),),
        ),
        Misconception(
            "least_value_subtracted",
            weighed(lambda v: v - v.min()),
            "The least, the largest or one fixed draw's value was subtracted. It depends on the "
            "draw's own value where the draw is that one; the mean over the others does not.",
            also=(
                weighed(lambda v: v - v.max()),
                weighed(lambda v: v - v[0]),
                weighed(lambda v: v - v[-1]),
                weighed(lambda v: v - v.sort().values),
            ),
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
