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
    ),
    hints=(
        "Take the last line of the derivation and replace every variance by exp(log_var).",
        "Per dimension there are four terms under one factor 1/2: a ratio of variances, a squared "
        "difference measured in p's variance, a constant, and a difference of log-variances.",
        "Compute the four terms with shape (B, Z), check that they cancel for q = p, and only then "
        "sum over the last axis. exp(log_var_q - log_var_p) is steadier than a quotient.",
    ),
)
