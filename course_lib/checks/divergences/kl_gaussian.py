"""Check of `kl_gaussian`. Oracle: torch.distributions."""

from __future__ import annotations

import torch
from torch.distributions import Normal, kl_divergence

from ..declare import Case, Exercise, Misconception
from ..wrong_formulas import (
    BATCH_AVERAGED,
    BATCH_SUMMED,
    DIMENSIONS_APART,
    LOG_VAR_AS_LOG_STD,
    averaged,
    doubled,
    last_axis_averaged,
    negated,
    summed,
)


def gaussian_parameters(generator: torch.Generator, count: int, rows: int, columns: int) -> list:
    return [
        torch.randn(rows, columns, generator=generator, dtype=torch.float64) * 1.3 + 0.4
        for _ in range(count)
    ]


def two_gaussians(generator: torch.Generator) -> list[Case]:
    names = ("mean_q", "log_var_q", "mean_p", "log_var_p")
    generic = dict(zip(names, gaussian_parameters(generator, 4, 3, 5), strict=True))
    single = dict(zip(names, gaussian_parameters(generator, 4, 4, 1), strict=True))
    far = {**generic, "log_var_q": generic["log_var_q"] - 30, "log_var_p": generic["log_var_p"] + 8}
    return [
        Case(generic, gradients=names),
        Case(single, "one dimension"),
        Case({n: v.float() for n, v in generic.items()}, "in float32"),
        Case(far, "log_var_q near -30", extreme=True),
    ]


def kl_normal(mean_q, log_var_q, mean_p, log_var_p):
    q, p = Normal(mean_q, (log_var_q / 2).exp()), Normal(mean_p, (log_var_p / 2).exp())
    return kl_divergence(q, p).sum(-1)


def kl_as_written(mean_q, log_var_q, mean_p, log_var_p, half=0.5, one=1.0, log=1.0):
    """The formula with its parts exposed, so that a mistake can leave one out."""
    ratio, shift = (log_var_q - log_var_p).exp(), (mean_q - mean_p) ** 2 / log_var_p.exp()
    return (half * (ratio + shift - one) + log * (log_var_p - log_var_q) / 2).sum(-1)


def shift_over_q(mean_q, log_var_q, mean_p, log_var_p):
    ratio, shift = (log_var_q - log_var_p).exp(), (mean_q - mean_p) ** 2 / log_var_q.exp()
    return 0.5 * (ratio + shift - 1 + log_var_p - log_var_q).sum(-1)


def shift_unscaled(mean_q, log_var_q, mean_p, log_var_p):
    ratio, shift = (log_var_q - log_var_p).exp(), (mean_q - mean_p) ** 2
    return 0.5 * (ratio + shift - 1 + log_var_p - log_var_q).sum(-1)


def with_terms(ratio=None, shift=None, log=None):
    """The formula with a function of the four inputs in place of one of its three terms."""

    def answer(mean_q, log_var_q, mean_p, log_var_p):
        given = mean_q, log_var_q, mean_p, log_var_p
        terms = (
            (log_var_q - log_var_p).exp() if ratio is None else ratio(*given),
            (mean_q - mean_p) ** 2 / log_var_p.exp() if shift is None else shift(*given),
            log_var_p - log_var_q if log is None else log(*given),
        )
        return 0.5 * (sum(terms) - 1).sum(-1)

    return answer


def from_any_log_var(change):
    """torch's divergence with `change(log_var)` as the standard deviation of both."""

    def answer(mean_q, log_var_q, mean_p, log_var_p):
        q, p = Normal(mean_q, change(log_var_q)), Normal(mean_p, change(log_var_p))
        return kl_divergence(q, p).sum(-1)

    return answer


def lifted(mean_q, log_var_q, mean_p, log_var_p):
    variance_q, variance_p = log_var_q.exp(), log_var_p.exp()
    ratio = (variance_q + (mean_q - mean_p) ** 2) / (variance_p + 1e-8)
    logs = (variance_p + 1e-8).log() - (variance_q + 1e-8).log()
    return 0.5 * (ratio - 1 + logs).sum(-1)


EXERCISE = Exercise(
    name="divergences.kl_gaussian",
    signature="(mean_q, log_var_q, mean_p, log_var_p)",
    unit="nats",
    oracle=kl_normal,
    cases=two_gaussians,
    misconceptions=(
        Misconception(
            "reversed",
            lambda mean_q, log_var_q, mean_p, log_var_p: kl_normal(
                mean_p, log_var_p, mean_q, log_var_q
            ),
            "This is KL(p‖q). In KL(q‖p) the average is taken under q, so p's variance stands "
            "below the squared difference of the means.",
        ),
        Misconception(
            "half_forgotten",
            doubled(kl_normal),
            "The factor 1/2 is missing. It comes from the exponent -(x - mean)² / (2 variance), "
            "and from log std = log_var / 2.",
        ),
        Misconception(
            "half_of_the_log_forgotten",
            lambda *a: kl_as_written(*a, log=2.0),
            "Every term carries the 1/2, the log-ratio too: the density has log std, which is "
            "log_var / 2.",
        ),
        Misconception(
            "half_only_on_the_log",
            lambda *a: kl_as_written(*a, half=1.0),
            "The 1/2 stands on the log-ratio alone; the squared terms have it as well.",
        ),
        Misconception(
            "minus_one_forgotten",
            lambda *a: kl_as_written(*a, one=0.0),
            "A constant is missing: for q = p the result must be 0. Where did the expectation of "
            "q's own squared deviation go?",
        ),
        Misconception(
            "log_ratio_sign",
            lambda *a: kl_as_written(*a, log=-1.0),
            "The log-ratio has the wrong sign: a q narrower than p must cost, so log_var_p comes "
            "with a plus and log_var_q with a minus.",
        ),
        Misconception(
            "log_var_read_as_log_std",
            lambda mean_q, log_var_q, mean_p, log_var_p: kl_normal(
                mean_q, 2 * log_var_q, mean_p, 2 * log_var_p
            ),
            LOG_VAR_AS_LOG_STD,
        ),
        Misconception(
            "shift_over_variance_of_q",
            shift_over_q,
            "The squared difference of the means is measured in the wrong unit: divide it by p's "
            "variance.",
        ),
        Misconception(
            "shift_not_scaled",
            shift_unscaled,
            "The squared difference of the means is not divided by p's variance.",
        ),
        Misconception(
            "sign",
            negated(kl_normal),
            "The sign is turned round: a KL divergence is never negative.",
        ),
        Misconception(
            "ratio_turned_round",
            with_terms(ratio=lambda mq, lq, mp, lp: (lp - lq).exp()),
            "The ratio of the variances is upside down: q's variance is measured in p's.",
        ),
        Misconception(
            "ratio_without_exponential",
            with_terms(ratio=lambda mq, lq, mp, lp: lq - lp),
            "The ratio of the variances was made of their logarithms. A difference of logarithms "
            "is the logarithm of the ratio; undo it.",
            also=(with_terms(ratio=lambda mq, lq, mp, lp: lq / lp),),
        ),
        Misconception(
            "ratio_of_stds",
            with_terms(ratio=lambda mq, lq, mp, lp: ((lq - lp) / 2).exp()),
            "The ratio is that of the standard deviations. The squared terms hold variances.",
            also=(with_terms(ratio=lambda mq, lq, mp, lp: (2 * (lq - lp)).exp()),),
        ),
        Misconception(
            "shift_over_std",
            with_terms(shift=lambda mq, lq, mp, lp: (mq - mp) ** 2 * (-lp / 2).exp()),
            "The squared difference of the means was divided by p's standard deviation; a square "
            "is measured in the variance.",
        ),
        Misconception(
            "shift_over_log_var",
            with_terms(shift=lambda mq, lq, mp, lp: (mq - mp) ** 2 / lp),
            "The squared difference of the means was divided by log_var_p itself. The variance is "
            "its exponential.",
        ),
        Misconception(
            "shift_times_variance",
            with_terms(shift=lambda mq, lq, mp, lp: (mq - mp) ** 2 * lp.exp()),
            "The squared difference of the means was multiplied by p's variance: a wide p would "
            "make it cost more. It is divided by it.",
        ),
        Misconception(
            "shift_not_squared",
            with_terms(shift=lambda mq, lq, mp, lp: (mq - mp) * (-lp).exp()),
            "The difference of the means is not squared.",
            also=(with_terms(shift=lambda mq, lq, mp, lp: (mq - mp).abs() * (-lp).exp()),),
        ),
        Misconception(
            "means_added",
            with_terms(shift=lambda mq, lq, mp, lp: (mq + mp) ** 2 * (-lp).exp()),
            "The means were added. What counts is how far they are apart.",
        ),
        Misconception(
            "shift_halved_twice",
            with_terms(shift=lambda mq, lq, mp, lp: (mq - mp) ** 2 * (-lp).exp() / 2),
            "The squared difference of the means is halved twice: the 1/2 in front serves it as "
            "well.",
        ),
        Misconception(
            "one_in_all",
            lambda *a: kl_as_written(*a, one=0.0) - 0.5,
            "1 was subtracted once, behind the sum. Every dimension brings its own -1.",
        ),
        Misconception(
            "half_of_one",
            lambda *a: kl_as_written(*a, one=0.5),
            "The constant is wrong: for q = p the result must be 0. The 1/2 in front serves the -1 "
            "too.",
            also=(lambda *a: kl_as_written(*a, one=-1.0),),
        ),
        Misconception(
            "log_missing",
            with_terms(log=lambda mq, lq, mp, lp: 0 * lq),
            "The log-ratio is missing. Without it a q of no width would cost nothing.",
        ),
        Misconception(
            "shift_missing",
            with_terms(shift=lambda mq, lq, mp, lp: 0 * mq),
            "The means have no effect: their squared difference is missing.",
        ),
        Misconception(
            "ratio_missing",
            with_terms(ratio=lambda mq, lq, mp, lp: 0 * lq),
            "The ratio of the variances is missing: a q that is too wide must cost.",
        ),
        Misconception(
            "log_of_the_log_variances",
            with_terms(log=lambda mq, lq, mp, lp: (lp / lq).abs().log()),
            "A logarithm was taken of the log-variances. They are logarithms already: the "
            "logarithm of a ratio is their difference.",
        ),
        Misconception(
            "absolute_log",
            with_terms(log=lambda mq, lq, mp, lp: (lp - lq).abs()),
            "The log-ratio was made positive. It may be negative; the whole sum may not.",
        ),
        Misconception(
            "log_var_read_as_variance",
            lambda mq, lq, mp, lp: (
                (lq / lp + (mq - mp) ** 2 / lp - 1 + (lp / lq).abs().log()) / 2
            ).sum(-1),
            "log_var was used as if it were the variance. Its exponential is.",
        ),
        Misconception(
            "log_var_as_std",
            from_any_log_var(lambda log_var: log_var),
            "Normal takes a standard deviation, and got log_var, which may be negative.",
            error="GreaterThan",
            also=(from_any_log_var(torch.abs),),
        ),
        Misconception(
            "p_replaced",
            lambda mq, lq, mp, lp: kl_normal(mq, lq, 0 * mp, 0 * lp),
            "p's parameters play no part: this is the divergence to the standard normal, which is "
            "the next exercise.",
        ),
        Misconception(
            "entropies_alone",
            lambda mq, lq, mp, lp: (lp - lq).sum(-1) / 2,
            "This is the difference of the entropies alone. KL also charges for where q's mass "
            "lies.",
        ),
        Misconception(
            "symmetrised",
            lambda mq, lq, mp, lp: kl_normal(mq, lq, mp, lp) + kl_normal(mp, lp, mq, lq),
            "KL(q‖p) and KL(p‖q) were added. KL has a direction: average under q alone.",
        ),
        Misconception(
            "dimensions_multiplied",
            lambda *a: kl_divergence(
                Normal(a[0], (a[1] / 2).exp()), Normal(a[2], (a[3] / 2).exp())
            ).prod(-1),
            "The divergences of the dimensions were multiplied. The logarithm of a product is a "
            "sum, so they add.",
        ),
        Misconception(
            "small_constant_inside",
            lifted,
            "A small constant was added to a variance. It changes nothing in the formula's favor: "
            "with log-variances there is no division by 0, and at log_var = -30 the constant is "
            "larger than the variance.",
        ),
        Misconception(
            "over_the_first_axis",
            lambda *a: kl_normal(*(v.T for v in a)),
            "The sum went over the examples. Sum over the last axis, the dimensions of one "
            "example.",
        ),
        Misconception(
            "mean_over_dimensions",
            last_axis_averaged(kl_normal),
            "The dimensions were averaged. They are independent, so their divergences add.",
        ),
        Misconception(
            "batch_reduced",
            averaged(kl_normal),
            BATCH_AVERAGED,
        ),
        Misconception(
            "batch_summed",
            summed(kl_normal),
            BATCH_SUMMED,
        ),
        Misconception(
            "dimensions_not_summed",
            lambda mean_q, log_var_q, mean_p, log_var_p: kl_divergence(
                Normal(mean_q, (log_var_q / 2).exp()), Normal(mean_p, (log_var_p / 2).exp())
            ),
            DIMENSIONS_APART,
        ),
        Misconception(
            "estimated",
            lambda mq, lq, mp, lp: (mq + (lq / 2).exp() * torch.randn_like(mq)).sum(-1),
            "An average over draws only comes near the divergence. For two Gaussians the formula "
            "needs no draws.",
            drawing=True,
        ),
    ),
    hints=(
        "Take the last line of the derivation and replace every variance by exp(log_var).",
        "Per dimension there are four terms under one factor 1/2: a ratio of variances, a squared "
        "difference measured in p's variance, a constant, and a difference of log-variances.",
        "Compute the four terms with shape (B, Z), check that they cancel for q = p, and only then "
        "sum over the last axis. exp(log_var_q - log_var_p) is steadier than a quotient.",
    ),
)
