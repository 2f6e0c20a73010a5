"""Check of `kl_to_standard_normal`. Oracle: torch.distributions in double precision."""

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
from .kl_gaussian import gaussian_parameters


def one_gaussian(generator: torch.Generator) -> list[Case]:
    mean, log_var = gaussian_parameters(generator, 2, 3, 5)
    wide = torch.tensor([[-40.0, -20.0, -5.0], [0.0, 1e-3, 5.0], [20.0, 40.0, 39.0]])
    return [
        Case({"mean": mean, "log_var": log_var}, gradients=("mean", "log_var")),
        Case({"mean": mean[:, :1], "log_var": log_var[:, :1]}, "one dimension"),
        Case({"mean": mean.float(), "log_var": log_var.float()}, "in float32"),
        Case(
            {"mean": torch.tensor([[0.5, -1.0, 2.0]]).repeat(3, 1), "log_var": wide},
            "log_var between -40 and 40, float32",
            extreme=True,
            gradients=("mean", "log_var"),
        ),
    ]


def kl_standard(mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    q = Normal(mean.double(), (log_var.double() / 2).exp())
    return kl_divergence(q, Normal(0.0, 1.0)).sum(-1).to(mean.dtype)


def kl_parts(mean, log_var, half=0.5, one=1.0, power=2):
    return half * (mean**power + log_var.exp() - one - log_var).sum(-1)


def kl_with(mean=lambda m: m**2, variance=torch.exp, log=lambda log_var: log_var, one=1.0):
    """The formula with its terms replaced."""
    return lambda m, log_var: 0.5 * (mean(m) + variance(log_var) - one - log(log_var)).sum(-1)


def from_std(change):
    return lambda m, log_var: kl_divergence(Normal(m, change(log_var)), Normal(0.0, 1.0)).sum(-1)


def reversed_standard(mean, log_var):
    p = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    return kl_divergence(p, Normal(mean, (log_var / 2).exp())).sum(-1)


EXERCISE = Exercise(
    name="divergences.kl_to_standard_normal",
    signature="(mean, log_var)",
    unit="nats",
    oracle=kl_standard,
    cases=one_gaussian,
    misconceptions=(
        Misconception(
            "sign",
            negated(kl_standard),
            "The sign is turned round, so training would push q away from the prior. "
            "1 + log_var - mean² - exp(log_var) needs the factor -1/2.",
        ),
        Misconception(
            "half_forgotten",
            doubled(kl_standard),
            "The factor 1/2 in front of all four terms is missing.",
        ),
        Misconception(
            "log_var_read_as_log_std",
            lambda mean, log_var: kl_standard(mean, 2 * log_var),
            LOG_VAR_AS_LOG_STD,
        ),
        Misconception(
            "log_var_read_as_variance",
            lambda mean, log_var: kl_standard(mean, log_var.abs().log()),
            "log_var was used as if it were the variance: take its exponential for the variance, "
            "and use it as it is where the formula has a logarithm.",
        ),
        Misconception(
            "minus_one_forgotten",
            lambda mean, log_var: kl_parts(mean, log_var, one=0.0),
            "A constant is missing: for mean 0 and log_var 0, q is the prior and the result is 0.",
        ),
        Misconception(
            "mean_not_squared",
            lambda mean, log_var: kl_parts(mean, log_var, power=1),
            "The mean enters squared: a shift to the left costs as much as one to the right.",
        ),
        Misconception(
            "entropy_only",
            lambda mean, log_var: kl_parts(0 * mean, log_var),
            "The mean has no effect. KL is no entropy: it also charges for the distance of the "
            "mean from the prior's 0.",
        ),
        Misconception(
            "logarithm_of_exponential",
            lambda mean, log_var: (
                0.5 * (mean**2 + log_var.exp() - 1 - (log_var.exp() + 1e-8).log()).sum(-1)
            ),
            "A small constant inside a logarithm, or log(exp(·)), costs the range: log_var is the "
            "logarithm already, at -40 as well.",
        ),
        Misconception(
            "clamped",
            lambda mean, log_var: kl_standard(mean, log_var.clamp(-10, 10)),
            "log_var was clamped. The formula is finite from -40 to 40 as it stands, and a clamp "
            "stops the gradient where it is needed most.",
            also=tuple(
                lambda mean, log_var, low=low, high=high: kl_standard(
                    mean, log_var.clamp(low, high)
                )
                for low, high in (
                    (-20, 20),
                    (-30, 30),
                    (-20, None),
                    (None, 10),
                    (None, 20),
                    (None, 30),
                )
            ),
        ),
        Misconception(
            "log_sign",
            kl_with(log=torch.neg),
            "log_var has the wrong sign: a q narrower than the prior must cost, so the smaller "
            "log_var is, the larger the result.",
        ),
        Misconception(
            "log_made_positive",
            kl_with(log=torch.abs),
            "log_var was made positive where it is subtracted as it is.",
        ),
        Misconception(
            "log_missing",
            kl_with(log=torch.zeros_like),
            "-log_var is missing. Without it a q of no width would cost nothing.",
        ),
        Misconception(
            "log_halved_twice",
            kl_with(log=lambda log_var: log_var / 2),
            "log_var is halved twice: the 1/2 in front serves it as well.",
        ),
        Misconception(
            "log_doubled",
            kl_with(log=lambda log_var: 2 * log_var),
            "log_var counts twice. It is the logarithm of the variance already.",
        ),
        Misconception(
            "logarithm_of_log_var",
            kl_with(log=lambda log_var: log_var.abs().log()),
            "A logarithm was taken of log_var, which is one already.",
        ),
        Misconception(
            "std_for_the_variance",
            kl_with(variance=lambda log_var: (log_var / 2).exp()),
            "q's standard deviation stands where its variance belongs, exp(log_var).",
        ),
        Misconception(
            "variance_squared",
            kl_with(variance=lambda log_var: (2 * log_var).exp()),
            "q's variance was squared: exp(log_var) is the variance as it stands.",
        ),
        Misconception(
            "variance_without_exponential",
            kl_with(variance=lambda log_var: log_var),
            "log_var stands where the variance belongs. The exponential is missing.",
            also=(kl_with(variance=torch.square),),
        ),
        Misconception(
            "variance_missing",
            kl_with(variance=torch.zeros_like),
            "q's variance is missing: a q wider than the prior must cost.",
        ),
        Misconception(
            "mean_halved_twice",
            kl_with(mean=lambda m: m**2 / 2),
            "The mean's square is halved twice: the 1/2 in front serves it as well.",
        ),
        Misconception(
            "mean_doubled",
            kl_with(mean=lambda m: 2 * m**2),
            "The mean's square counts twice, beside the other terms.",
        ),
        Misconception(
            "absolute_mean",
            kl_with(mean=torch.abs),
            "The mean enters squared, not by its absolute value.",
        ),
        Misconception(
            "means_added_first",
            kl_with(mean=lambda m: m.sum(-1, keepdim=True) ** 2),
            "The means of the dimensions were added before they were squared. Each dimension has "
            "its own square.",
        ),
        Misconception(
            "constant_once",
            lambda mean, log_var: kl_parts(mean, log_var, one=0.0) - 0.5,
            "1 was subtracted once, behind the sum. Every dimension brings its own -1.",
        ),
        Misconception(
            "constant_wrong",
            kl_with(one=0.5),
            "The constant is wrong: for mean 0 and log_var 0, q is the prior and the result is 0.",
            also=(kl_with(one=-1.0),),
        ),
        Misconception(
            "half_on_one_term",
            lambda mean, log_var: (mean**2 + log_var.exp() - 1 - log_var / 2).sum(-1),
            "The 1/2 stands on log_var alone. It belongs to all four terms.",
        ),
        Misconception(
            "reversed",
            reversed_standard,
            "This is KL(p‖q), averaged under the prior. Here q draws, so the mean is not divided "
            "by q's variance.",
            also=(lambda mean, log_var: kl_parts(mean * (-log_var / 2).exp(), log_var),),
        ),
        Misconception(
            "log_var_as_std",
            from_std(lambda log_var: log_var),
            "Normal takes a standard deviation, and got log_var, which may be negative.",
            error="GreaterThan",
        ),
        Misconception(
            "over_the_first_axis",
            lambda mean, log_var: kl_standard(mean.T, log_var.T),
            "The sum went over the examples. Sum over the last axis, the dimensions of one "
            "example.",
        ),
        Misconception(
            "mean_over_everything",
            lambda mean, log_var: kl_standard(mean, log_var).mean() / mean.shape[1],
            "Everything was averaged into one number. Add over the dimensions, and keep one value "
            "for each example.",
        ),
        Misconception(
            "mean_over_dimensions",
            last_axis_averaged(kl_standard),
            "The dimensions were averaged. Their divergences add: sum over the last axis.",
        ),
        Misconception(
            "batch_averaged",
            averaged(kl_standard),
            BATCH_AVERAGED,
        ),
        Misconception(
            "batch_summed",
            summed(kl_standard),
            BATCH_SUMMED,
        ),
        Misconception(
            "dimensions_not_summed",
            lambda mean, log_var: kl_divergence(
                Normal(mean, (log_var / 2).exp()), Normal(0.0, 1.0)
            ),
            DIMENSIONS_APART,
        ),
        Misconception(
            "estimated",
            lambda mean, log_var: (mean + (log_var / 2).exp() * torch.randn_like(mean)).sum(-1),
            "An average over draws only comes near the divergence. The formula needs no draws.",
            drawing=True,
        ),
    ),
    hints=(
        "p is the standard normal: which of kl_gaussian's terms become 0 or 1?",
        "With p's mean 0 and log-variance 0, the four terms per dimension are mean², exp(log_var), "
        "-1 and -log_var.",
        "Add the four with shape (B, Z), halve, sum over the last axis. Use log_var itself where a "
        "logarithm of the variance is needed, so that nothing is lost at -40.",
    ),
    rtol=1e-5,
)
