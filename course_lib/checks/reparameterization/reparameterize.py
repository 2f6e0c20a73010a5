"""Check of `reparameterize`. Oracle: quantile functions, by which noise and draw correspond."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Normal

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal


def code_cases(generator: torch.Generator) -> list[Case]:
    def inputs(*shape: int) -> dict[str, Tensor]:
        drawn = {n: normal(generator, *shape).double() for n in ("mean", "log_var", "noise")}
        return drawn | {"mean": 1.3 * drawn["mean"] + 0.4, "log_var": drawn["log_var"] - 0.6}

    graph = ("mean", "log_var")
    wide = inputs(3, 3)
    ends = torch.tensor([[-40.0, -20.0, -5.0], [0.0, 1e-3, 5.0], [20.0, 40.0, 39.0]])
    wide["log_var"] = ends.double()
    return [
        Case(inputs(4, 3), gradients=graph),
        Case(inputs(6), "mean, log_var and noise of shape (6,)", gradients=graph),
        Case({n: v.float() for n, v in inputs(2, 5).items()}, "in float32", gradients=graph),
        Case(
            {n: v.float() for n, v in wide.items()},
            "log_var between -40 and 40, float32",
            extreme=True,
            gradients=graph,
        ),
        # beside a mean of 1 in float32 a clamp at -20 would be lost in the rounding
        Case(
            wide | {"mean": torch.zeros_like(wide["mean"])},
            "mean 0, log_var between -40 and 40",
            extreme=True,
            gradients=graph,
        ),
    ]


def by_quantiles(mean: Tensor, log_var: Tensor, noise: Tensor) -> Tensor:
    """The draw that has the same share of its distribution below it as the noise has."""
    share = Normal(0.0, 1.0).cdf(noise.double())
    std = log_var.double().exp().sqrt()
    return Normal(mean.double(), std).icdf(share).to(mean.dtype)


def shifted(std=lambda log_var: (log_var / 2).exp(), change=lambda mean, spread: mean + spread):
    """A draw whose standard deviation, or whose way of being put together, a mistake replaces."""
    return lambda mean, log_var, noise: change(mean, std(log_var) * noise)


def seeded_inside(mean, log_var, noise):
    own = torch.Generator().manual_seed(0)
    drawn = torch.randn(mean.shape, generator=own, dtype=mean.dtype)
    return mean + (log_var / 2).exp() * drawn


EXERCISE = Exercise(
    name="reparameterization.reparameterize",
    signature="(mean, log_var, noise)",
    oracle=by_quantiles,
    cases=code_cases,
    misconceptions=(
        Misconception(
            "variance_as_std",
            shifted(torch.exp),
            "The noise was multiplied by the variance, which is exp(log_var). It needs the "
            "standard deviation: the root of the variance.",
        ),
        Misconception(
            "log_var_as_std",
            shifted(lambda log_var: log_var),
            "The noise was multiplied by log_var itself, which may be negative. It is a logarithm: "
            "undo that first.",
        ),
        Misconception(
            "log_std_as_std",
            shifted(lambda log_var: log_var / 2),
            "Half of log_var is the logarithm of the standard deviation; the exponential is still "
            "missing.",
        ),
        Misconception(
            "root_of_log_var",
            shifted(torch.sqrt),
            "The root was taken of log_var, which may be negative. The standard deviation is the "
            "root of the variance, and log_var is the variance's logarithm.",
            also=(
                shifted(lambda log_var: log_var.abs().sqrt()),
                shifted(lambda log_var: log_var.sqrt().exp()),
            ),
        ),
        Misconception(
            "exponent_doubled",
            shifted(lambda log_var: (2 * log_var).exp()),
            "The logarithm was doubled where it is to be halved: a root halves a logarithm.",
        ),
        Misconception(
            "exponent_negative",
            shifted(lambda log_var: (-log_var / 2).exp()),
            "The exponent has the wrong sign: a large log_var is a wide distribution.",
        ),
        Misconception(
            "small_constant_added",
            shifted(lambda log_var: (log_var / 2).exp() + 1e-4),
            "A small constant was added to the standard deviation. The exponential is positive "
            "already, and a very narrow distribution must be able to be narrow.",
            also=(
                shifted(change=lambda mean, spread: mean + spread + 1e-6),
                shifted(lambda log_var: (log_var / 2).exp() + 1e-3),
                shifted(lambda log_var: (log_var / 2).exp() + 1e-5),
                shifted(lambda log_var: (log_var / 2).exp() + 1e-6),
                shifted(lambda log_var: (log_var.exp() + 1e-4).sqrt()),
                shifted(lambda log_var: (log_var.exp() + 1e-5).sqrt()),
                shifted(lambda log_var: (log_var.exp() + 1e-6).sqrt()),
                shifted(lambda log_var: (log_var.exp() + 1e-8).sqrt()),
            ),
        ),
        Misconception(
            "clamped",
            shifted(lambda log_var: (log_var.clamp(-10, 10) / 2).exp()),
            "log_var was clamped. From -40 to 40 nothing overflows, and beyond a clamp the "
            "gradient by log_var is 0.",
            also=tuple(
                shifted(lambda log_var, low=low, high=high: (log_var.clamp(low, high) / 2).exp())
                for low, high in ((-20, 20), (-30, 30), (-20, None), (None, 10), (None, 20))
            ),
        ),
        Misconception(
            "half_outside_the_exponential",
            shifted(lambda log_var: log_var.exp() / 2),
            "The variance was halved. A root is taken of it, which halves its logarithm: the half "
            "belongs into the exponent.",
        ),
        Misconception(
            "exponent_quartered",
            shifted(lambda log_var: (log_var / 4).exp()),
            "The exponent was halved twice. exp(log_var / 2) is the standard deviation already, "
            "and needs no root.",
        ),
        Misconception(
            "exponent_squared",
            shifted(lambda log_var: (log_var**2).exp()),
            "log_var was squared in the exponent. A root halves a logarithm.",
        ),
        Misconception(
            "another_function",
            shifted(torch.nn.functional.softplus),
            "log_var went through softplus, sigmoid or a power of another base. It is a natural "
            "logarithm, and the exponential undoes that.",
            also=(shifted(torch.sigmoid), shifted(lambda log_var: 2 ** (log_var / 2))),
        ),
        Misconception(
            "std_averaged",
            shifted(lambda log_var: (log_var / 2).exp().mean()),
            "All draws have one averaged standard deviation. Each has its own.",
        ),
        Misconception(
            "one_noise_for_several",
            lambda mean, log_var, noise: mean + (log_var / 2).exp() * noise[0],
            "Several draws share a noise. Multiply element by element, so that each number has "
            "its own.",
            also=(lambda mean, log_var, noise: mean + (log_var / 2).exp() * noise.flatten()[0],),
        ),
        Misconception(
            "noise_standardized",
            lambda mean, log_var, noise: (
                mean + (log_var / 2).exp() * (noise - noise.mean()) / noise.std()
            ),
            "The noise was made to have mean 0 and standard deviation 1 in this very batch. It "
            "has them on average; take it as it is.",
        ),
        Misconception(
            "noise_made_positive",
            lambda mean, log_var, noise: mean + (log_var / 2).exp() * noise.abs(),
            "The noise was made positive, by its absolute value or a square. Half of the draws "
            "belong below the mean.",
            also=(lambda mean, log_var, noise: mean + (log_var / 2).exp() * noise**2,),
        ),
        Misconception(
            "seeded_inside",
            seeded_inside,
            "A generator was seeded inside, and its noise used. Use the noise that is passed in: "
            "who calls decides about the randomness.",
        ),
        Misconception(
            "mean_and_noise_exchanged",
            lambda mean, log_var, noise: mean * (log_var / 2).exp() + noise,
            "The mean was scaled and the noise added. The standard deviation belongs to the noise.",
        ),
        Misconception(
            "everything_multiplied",
            lambda mean, log_var, noise: mean * (log_var / 2).exp() * noise,
            "Mean, standard deviation and noise were multiplied. The mean is added: it shifts.",
            also=(shifted(change=lambda mean, spread: mean + mean * spread),),
        ),
        Misconception(
            "mean_twice",
            shifted(change=lambda mean, spread: 2 * mean + spread),
            "The mean was added twice.",
        ),
        Misconception(
            "way_back",
            lambda mean, log_var, noise: (noise - mean) / (log_var / 2).exp(),
            "This is the way back, from a draw to its noise. Here the noise is given and the draw "
            "is wanted.",
        ),
        Misconception(
            "density",
            lambda mean, log_var, noise: Normal(mean, (log_var / 2).exp()).log_prob(noise),
            "This is the log density of the noise under q. A draw of q is wanted.",
        ),
        Misconception(
            "batch_averaged",
            shifted(change=lambda mean, spread: (mean + spread).mean(0)),
            "The draws were averaged. All of them are wanted, in the shape of the noise.",
            also=(shifted(change=lambda mean, spread: (mean + spread).sum(-1)),),
        ),
        Misconception(
            "noise_forgotten",
            lambda mean, log_var, noise: mean,
            "The noise plays no part: every draw is the mean. A draw lies as many standard "
            "deviations beside the mean as the noise says.",
        ),
        Misconception(
            "std_added",
            lambda mean, log_var, noise: mean + (log_var / 2).exp(),
            "Every draw lies exactly one standard deviation above the mean: the noise plays no "
            "part. It says how many standard deviations, and on which side.",
        ),
        Misconception(
            "noise_itself",
            lambda mean, log_var, noise: noise,
            "The noise came back as it was: a draw of the standard normal. Scale and shift it.",
        ),
        Misconception(
            "noise_unscaled",
            lambda mean, log_var, noise: mean + noise,
            "The noise was added as it is, so that every draw has standard deviation 1. Scale it "
            "by the standard deviation.",
        ),
        Misconception(
            "mean_forgotten",
            shifted(change=lambda mean, spread: spread),
            "The draws are spread rightly, around 0. The mean is missing.",
        ),
        Misconception(
            "mean_scaled",
            lambda mean, log_var, noise: (log_var / 2).exp() * (mean + noise),
            "The mean was scaled too. Scale the noise alone, and shift it afterwards.",
        ),
        Misconception(
            "noise_subtracted",
            shifted(change=lambda mean, spread: mean - spread),
            "The noise was subtracted. That has the right distribution, too, but a positive noise "
            "should give a draw above the mean, so that everybody's results agree.",
        ),
        Misconception(
            "fresh_noise",
            lambda mean, log_var, noise: mean + (log_var / 2).exp() * torch.randn_like(noise),
            "New noise was drawn inside (randn_like and .rsample() do so). Use the noise that is "
            "passed in: who calls decides about the randomness.",
        ),
        Misconception(
            "sampled",
            lambda mean, log_var, noise: Normal(mean, (log_var / 2).exp()).sample(),
            "The draw was made by .sample(), which makes noise of its own and through which no "
            "gradient reaches mean and log_var. Compute it from the noise.",
        ),
        Misconception(
            "torch_normal",
            lambda mean, log_var, noise: torch.normal(mean, (log_var / 2).exp()),
            "The draw was made by torch.normal, which makes noise of its own. It does keep a "
            "graph, and sends the gradient 0 to mean and log_var. Compute it from the noise.",
        ),
        Misconception(
            "cut_off",
            shifted(change=lambda mean, spread: (mean + spread).detach()),
            "The values are right, and no gradient passes: the draw was cut off from mean and "
            "log_var. Letting it through is the whole point.",
        ),
        Misconception(
            "std_cut_off",
            shifted(std=lambda log_var: (log_var / 2).exp().detach()),
            "The gradient does reach mean: it is the standard deviation that was cut off.",
        ),
        Misconception(
            "mean_cut_off",
            shifted(change=lambda mean, spread: mean.detach() + spread),
            "The gradient does reach log_var: it is the mean that was cut off.",
        ),
    ),
    hints=(
        "Standard normal noise has mean 0 and standard deviation 1. Which two operations give it "
        "another standard deviation and another mean, and in which order?",
        "Multiply by the standard deviation, then add the mean. The standard deviation is the root "
        "of the variance, and you are given the variance's logarithm.",
        "The root of exp(a) is exp(a / 2). Use tensor operations alone, so that autograd can "
        "follow from z back to mean and log_var.",
    ),
)
