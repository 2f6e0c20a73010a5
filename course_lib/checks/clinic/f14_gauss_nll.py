"""Check of `f14_gauss_nll`. Oracle: torch.distributions."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Normal

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal, uniform
from ..wrong_formulas import BATCH_AVERAGED, BATCH_SUMMED, averaged, negated, summed

LOG_2PI = math.log(2 * math.pi)


def nll_cases(g: torch.Generator) -> list[Case]:
    def inputs(s2: float, *shape: int, dtype: torch.dtype = torch.float64) -> dict:
        x = uniform(g, *shape, dtype=dtype)
        r = x + 0.4 * normal(g, *shape, dtype=dtype)
        return {"x": x, "r": r, "s2": torch.tensor(s2, dtype=dtype)}

    by = ("r", "s2")
    return [
        Case(inputs(0.1, 4, 6), "s2 = 0.1", gradients=by),
        Case(inputs(1.7, 3, 1, 2, 5), "s2 = 1.7, images (3, 1, 2, 5)", gradients=by),
        Case(inputs(0.3, 5, 4, dtype=torch.float32), "s2 = 0.3, float32", gradients=by),
        Case(inputs(0.6, 1, 3), "a batch of one", gradients=by),
        Case(inputs(1e-6, 2, 3), "s2 = 0.000001", extreme=True, gradients=by),
    ]


def per_pixel(x: Tensor, r: Tensor, s2: Tensor) -> Tensor:
    return -Normal(r, s2.sqrt()).log_prob(x)


def nll(x: Tensor, r: Tensor, s2: Tensor) -> Tensor:
    return per_pixel(x, r, s2).flatten(1).sum(1)


def of_parts(error=0.5, log=0.5, constant=0.5, power=1.0, counts=True):
    """The formula with a mistake in one of its parts."""

    def answer(x: Tensor, r: Tensor, s2: Tensor) -> Tensor:
        pixels = x[0].numel()
        sse = (x - r).square().flatten(1).sum(1)
        often = pixels if counts else 1
        return error * sse / s2**power + often * log * s2.log() + pixels * constant * LOG_2PI

    return answer


def sse(x: Tensor, r: Tensor, s2: Tensor) -> Tensor:
    return (x - r).square().flatten(1).sum(1)


EXERCISE = Exercise(
    name="clinic.f14_gauss_nll",
    signature="(x, r, s2)",
    unit="nats",
    oracle=nll,
    cases=nll_cases,
    misconceptions=(
        Misconception(
            "squared_error",
            sse,
            "This is still the plain squared error, in which s2 does not occur: but for a constant "
            "it is the Gaussian's cost with the variance fixed at 1/2.",
            also=(
                lambda x, r, s2: sse(x, r, s2) / 2,
                lambda x, r, s2: sse(x, r, s2).sum(),
                lambda x, r, s2: sse(x, r, s2).mean(),
                lambda x, r, s2: F.mse_loss(r, x),
            ),
        ),
        Misconception(
            "log_missing",
            of_parts(log=0.0),
            "The term with log s2 is missing, so a larger s2 always looks better: errors cost "
            "less, and nothing is paid for being vague.",
            also=(of_parts(log=0.0, constant=0.0),),
        ),
        Misconception(
            "half_forgotten",
            of_parts(error=1.0),
            "The squared error stands without its 1/2: it is divided by 2 · s2.",
            also=(of_parts(error=1.0, constant=0.0),),
        ),
        Misconception(
            "log_doubled",
            of_parts(log=1.0),
            "log s2 comes twice too strong: the density has the root of s2, so half of the "
            "logarithm.",
        ),
        Misconception(
            "log_once",
            of_parts(counts=False),
            "log s2 was counted once for each image. Every pixel has a density of its own, and "
            "pays it once.",
            also=(lambda x, r, s2: sse(x, r, s2) / (2 * s2) + (s2.log() + LOG_2PI) / 2,),
        ),
        Misconception(
            "log_sign",
            of_parts(log=-0.5),
            "log s2 enters with the wrong sign: a wide Gaussian is low everywhere, which costs.",
        ),
        Misconception(
            "constant_forgotten",
            of_parts(constant=0.0),
            "Half the logarithm of 2π is missing for each pixel. No gradient notices, but nats of "
            "two models cannot be compared without it (F.gaussian_nll_loss leaves it out unless "
            "full=True).",
        ),
        Misconception(
            "standard_deviation",
            lambda x, r, s2: nll(x, r, s2.square()),
            "s2 was read as a standard deviation. It is the variance; Normal takes its root.",
            also=(of_parts(power=2.0), of_parts(power=2.0, log=1.0)),
        ),
        Misconception(
            "divided_by_root",
            of_parts(power=0.5),
            "The squared error was divided by σ in the place of σ², which is s2.",
        ),
        Misconception(
            "log_likelihood",
            negated(nll),
            "This is the log-likelihood. The cost is its negative.",
        ),
        Misconception(
            "torchs_defaults",
            lambda x, r, s2: F.gaussian_nll_loss(r, x, s2.expand_as(x)),
            "F.gaussian_nll_loss, left to itself, averages over everything and leaves the constant "
            "out. It has settings for both.",
        ),
        Misconception(
            "variance_not_expanded",
            lambda x, r, s2: F.gaussian_nll_loss(r, x, s2, reduction="none").flatten(1).sum(1),
            "F.gaussian_nll_loss takes no single number for its variance here. Give it one for "
            "each pixel: expand s2 to the shape of x.",
            error="var is of incorrect size",
        ),
        Misconception(
            "pixels_averaged",
            lambda x, r, s2: per_pixel(x, r, s2).flatten(1).mean(1),
            "The pixels were averaged. They are independent given r, so their costs add; a mean "
            "hides another scale in the loss.",
        ),
        Misconception(
            "not_summed",
            per_pixel,
            "There is still one value for each pixel. Add over all axes but the batch.",
        ),
        Misconception("batch_averaged", averaged(nll), BATCH_AVERAGED),
        Misconception("batch_summed", summed(nll), BATCH_SUMMED),
        Misconception(
            "cut_graph",
            lambda x, r, s2: (
                sse(x, r, s2) / (2 * s2.item())
                + x[0].numel() * 0.5 * (LOG_2PI + math.log(s2.item()))
            ),
            "The value is right, but s2 was taken out of the graph (math.log, .item(), float()), "
            "so that it can never be learned. torch.log keeps it.",
        ),
    ),
    hints=(
        "Write log N(x; r, s2) of one pixel. Three terms: one with the error, one with the width, "
        "one constant.",
        "The width's term is what keeps s2 from growing for ever. It comes once a pixel.",
        "torch.distributions.Normal takes the standard deviation and gives log_prob of each pixel; "
        "flatten(1).sum(1) adds all axes but the batch.",
    ),
)
