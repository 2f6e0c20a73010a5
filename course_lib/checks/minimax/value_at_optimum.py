"""Check of `value_at_optimum`. Oracle: by differential entropies, without D."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import uniform
from ..wrong_formulas import in_bits, negated, scaled
from .generator_losses import BASE_TEN

LOG_4 = math.log(4)


def grid_cases(g: torch.Generator) -> list[Case]:
    """Densities that vanish at both ends of the grid, so that any rule of quadrature is right."""

    def bumps(points: int) -> tuple[Tensor, float]:
        """Two bumps on a floor, of which a window leaves nothing at the ends: no ratio is wild."""
        x = torch.linspace(-6, 6, points, dtype=torch.float64)
        center, width = 4 * uniform(g, 2, 1).double() - 2, 0.6 + uniform(g, 2, 1).double()
        share = 0.3 + 0.4 * uniform(g, 1).double()
        each = (-0.5 * ((x - center) / width) ** 2).exp() / width
        p = (math.pi * x / 12).cos() ** 2 * (0.02 + share * each[0] + (1 - share) * each[1])
        return normalized(p, (x[1] - x[0]).item())

    def pair(points: int, dtype: torch.dtype = torch.float64) -> dict:
        (p, dx), (q, _) = bumps(points), bumps(points)
        return {"p_data": p.to(dtype), "p_model": q.to(dtype), "dx": dx}

    def boxes(first: slice, second: slice) -> dict:
        p, q = torch.zeros(2, 40).double()
        p[first], q[second] = 1.0, 1.0
        return {"p_data": normalized(p, 0.25)[0], "p_model": normalized(q, 0.25)[0], "dx": 0.25}

    def far_apart() -> dict:
        x = torch.linspace(-9, 9, 361).double()
        p, q = ((-0.5 * ((x - center) / 0.5) ** 2).exp() for center in (-3, 3))
        return {"p_data": normalized(p, 0.05)[0], "p_model": normalized(q, 0.05)[0], "dx": 0.05}

    same = pair(241)
    return [
        Case(pair(241)),
        Case(pair(481), "a finer grid"),
        Case(pair(321, torch.float32), "in float32"),
        Case({**same, "p_model": same["p_data"]}, "the two densities are one"),
        Case(boxes(slice(5, 20), slice(12, 30)), "densities with zeros", extreme=True),
        Case(boxes(slice(5, 12), slice(20, 30)), "densities that never overlap", extreme=True),
        Case(far_apart(), "Gaussians so far apart that D rounds to 1", extreme=True),
    ]


def normalized(p: Tensor, dx: float) -> tuple[Tensor, float]:
    return p / (p.sum() * dx), dx


def by_entropies(p_data: Tensor, p_model: Tensor, dx: float) -> Tensor:
    """2 h((p + q)/2) - h(p) - h(q) - log 4, h the differential entropy."""
    mixture = torch.special.entr((p_data + p_model) / 2)
    apart = torch.special.entr(p_data) + torch.special.entr(p_model)
    return (2 * mixture - apart).sum() * dx - LOG_4


def with_integrand(integrand: Callable[[Tensor, Tensor], Tensor]) -> Callable:
    return lambda p, q, dx: integrand(p, q).sum() * dx


def best(p: Tensor, q: Tensor) -> Tensor:
    total = p + q
    return torch.where(total > 0, p / total, 0.5)


def term(weight: Tensor, probability: Tensor) -> Tensor:
    """weight · log probability, 0 where the weight is."""
    return torch.xlogy(weight, probability)


def terms(p: Tensor, q: Tensor) -> Tensor:
    return term(p, best(p, q)) + term(q, best(q, p))


def with_epsilon(constant: float) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda p, q: p * (best(p, q) + constant).log() + q * (1 - best(p, q) + constant).log()


def with_epsilon_below(constant: float) -> Callable[[Tensor, Tensor], Tensor]:
    """The constant in the denominator of D."""

    def integrand(p: Tensor, q: Tensor) -> Tensor:
        d = p / (p + q + constant)
        return term(p, d) + term(q, 1 - d)

    return integrand


def with_clamp(least: float) -> Callable[[Tensor, Tensor], Tensor]:
    def integrand(p: Tensor, q: Tensor) -> Tensor:
        d = best(p, q).clamp(least, 1 - least)
        return p * d.log() + q * (1 - d).log()

    return integrand


def kl(p: Tensor, q: Tensor) -> Tensor:
    return torch.xlogy(p, p) - torch.xlogy(p, q)


def jensen_shannon(p: Tensor, q: Tensor, dx: float) -> Tensor:
    return (by_entropies(p, q, dx) + LOG_4) / 2


def shifted(factor: float, offset: float) -> Callable:
    """factor · JS + offset."""
    return lambda *inputs: factor * jensen_shannon(*inputs) + offset


EXERCISE = Exercise(
    name="minimax.value_at_optimum",
    signature="(p_data, p_model, dx)",
    unit="nats",
    oracle=by_entropies,
    cases=grid_cases,
    misconceptions=(
        Misconception(
            "not_a_number",
            with_integrand(lambda p, q: p * best(p, q).log() + q * (1 - best(p, q)).log()),
            "0 · log 0, or 0 / 0 where both densities are 0, gave nan. A density that is 0 adds "
            "nothing: torch.xlogy knows the first, your optimal_discriminator the second.",
            also=(with_integrand(lambda p, q: p * (p / (p + q)).log() + q * (q / (p + q)).log()),),
        ),
        Misconception(
            "one_minus_d_rounds",
            with_integrand(lambda p, q: term(p, best(p, q)) + term(q, 1 - best(p, q))),
            "Where the data's density is 1e16 times the model's, D rounds to 1 and log(1 - D) is "
            "-inf. 1 - D is p_model / (p_data + p_model), which keeps its digits.",
        ),
        Misconception(
            "epsilon",
            with_integrand(with_epsilon(1e-4)),
            "A constant inside the logarithm shifts the whole integral. Where a density is 0 its "
            "term is 0: torch.xlogy knows that.",
            also=(
                *(with_integrand(with_epsilon(each)) for each in (1e-3, 1e-5, 1e-6, 1e-7, 1e-8)),
                *(with_integrand(with_epsilon_below(each)) for each in (1e-6, 1e-7, 1e-8)),
            ),
        ),
        Misconception(
            "probability_clamped",
            with_integrand(with_clamp(1e-7)),
            "D was kept away from 0 and 1, which shifts the whole integral. Where a density is 0 "
            "its term is 0: torch.xlogy knows that.",
            also=tuple(with_integrand(with_clamp(each)) for each in (1e-3, 1e-4, 1e-5, 1e-6, 1e-8)),
        ),
        Misconception(
            "not_reduced",
            lambda p, q, dx: terms(p, q),
            "This is the integrand at each point. Add it up over the grid, times dx.",
            also=(lambda p, q, dx: terms(p, q) * dx,),
        ),
        Misconception(
            "dx_forgotten",
            lambda p, q, dx: terms(p, q).sum(),
            "dx is missing: a sum becomes an integral when each point counts for the width of its "
            "cell.",
        ),
        Misconception(
            "dx_twice",
            lambda p, q, dx: terms(p, q).sum() * dx * dx,
            "dx counts twice: once for each cell is an integral.",
            also=(
                lambda p, q, dx: (
                    (torch.xlogy(p * dx, best(p, q))).sum() * dx
                    + (torch.xlogy(q * dx, best(q, p))).sum() * dx
                ),
            ),
        ),
        Misconception(
            "divided_by_dx",
            lambda p, q, dx: terms(p, q).sum() / dx,
            "The sum was divided by dx. Each point counts for the width of its cell: multiply.",
        ),
        Misconception(
            "d_taken_for_a_logit",
            with_integrand(
                lambda p, q: p * F.logsigmoid(best(p, q)) + q * F.logsigmoid(-best(p, q))
            ),
            "A sigmoid was applied to D, which is a probability already: its logarithm is wanted.",
            also=(
                lambda p, q, dx: F.logsigmoid(best(p, q)).mean() + F.logsigmoid(-best(p, q)).mean(),
            ),
        ),
        Misconception(
            "mean_over_the_grid",
            lambda p, q, dx: terms(p, q).mean(),
            "The integrand was averaged over the grid. An integral is its sum times dx; where the "
            "grid ends must not matter.",
            also=(lambda p, q, dx: terms(p, q).mean() * dx,),
        ),
        Misconception(
            "unweighted",
            with_integrand(
                lambda p, q: best(p, q).clamp(min=1e-30).log() + best(q, p).clamp(min=1e-30).log()
            ),
            "The two logarithms are not weighed by the densities. An expectation counts each x as "
            "often as it occurs: p_data before log D, p_model before log(1 - D).",
            also=(lambda p, q, dx: (best(p, q).log() + (1 - best(p, q)).log()).sum() * dx,),
        ),
        Misconception(
            "weights_swapped",
            with_integrand(lambda p, q: term(q, best(p, q)) + term(p, best(q, p))),
            "The densities weigh each other's logarithm: log D belongs to p_data, log(1 - D) to "
            "p_model. (Or D is the probability of «fake».)",
        ),
        Misconception(
            "log_d_twice",
            with_integrand(lambda p, q: term(p, best(p, q)) + term(q, best(p, q))),
            "Both terms have log D. Of the fakes V counts log(1 - D).",
        ),
        Misconception(
            "subtracted",
            with_integrand(lambda p, q: term(p, best(p, q)) - term(q, best(q, p))),
            "The model's term was subtracted. V adds the two.",
        ),
        Misconception(
            "reals_alone",
            with_integrand(lambda p, q: term(p, best(p, q))),
            "Only the data's term is there. The model's, with log(1 - D), is missing.",
        ),
        Misconception(
            "fakes_alone",
            with_integrand(lambda p, q: term(q, best(q, p))),
            "Only the model's term is there. The data's, with log D, is missing.",
        ),
        Misconception(
            "in_bits_two",
            in_bits(by_entropies),
            "These are bits. The course counts in nats: use the natural logarithm.",
        ),
        Misconception("base_ten", scaled(by_entropies, 1 / math.log(10)), BASE_TEN),
        Misconception(
            "sign",
            negated(by_entropies),
            "The sign is turned round: this is the discriminator's least loss, 0 where it is never "
            "wrong. V is between -log 4 and 0.",
        ),
        Misconception(
            "halved",
            scaled(by_entropies, 0.5),
            "The two terms were averaged. V adds them: -log 4 where the densities are one.",
        ),
        Misconception(
            "divergence_alone",
            jensen_shannon,
            "This is the Jensen–Shannon divergence. V at its maximum is twice that, minus log 4.",
        ),
        Misconception(
            "log_4_forgotten",
            shifted(2, 0),
            "This is 2 · JS; log 4 is still to be subtracted: two densities that are one give "
            "-log 4, since D is 1/2 everywhere.",
        ),
        Misconception(
            "log_4_added",
            shifted(2, LOG_4),
            "log 4 was added. It is subtracted: the best value is largest, 0, where the densities "
            "never meet.",
        ),
        Misconception(
            "one_divergence",
            shifted(1, -LOG_4),
            "The divergence is there once. Each of the two expectations brings a KL to the "
            "mixture, and JS is their mean: so it comes twice.",
        ),
        Misconception(
            "doubled_divergence",
            shifted(4, -LOG_4),
            "The divergence is there four times. The two KLs to the mixture add to 2 · JS already.",
        ),
        Misconception(
            "log_2",
            shifted(2, -math.log(2)),
            "Only log 2 was subtracted. Each of the two terms brings one log 2: log 4.",
        ),
        Misconception(
            "log_4_twice",
            shifted(2, -2 * LOG_4),
            "log 4 was subtracted twice. The integral of line 5, p_data log D + p_model "
            "log(1 - D), contains it already.",
        ),
        Misconception(
            "one_kl_doubled",
            with_integrand(lambda p, q: 2 * kl(p, (p + q) / 2) - math.log(2) * (p + q)),
            "One of the two KL divergences to the mixture was doubled in the place of the other. "
            "They differ: take each once.",
            also=(with_integrand(lambda p, q: 2 * kl(q, (p + q) / 2) - math.log(2) * (p + q)),),
        ),
        Misconception(
            "largest_integrand",
            lambda p, q, dx: terms(p, q).max(),
            "This is the largest value of the integrand over the grid. The maximum is over D, and "
            "it is reached once D is the best; x is integrated over.",
        ),
        Misconception(
            "mixture_for_weights",
            with_integrand(
                lambda p, q: (
                    (p + q)
                    / 2
                    * (best(p, q).clamp(min=1e-300).log() + best(q, p).clamp(min=1e-300).log())
                )
            ),
            "Both logarithms are weighed by the mixture. log D is a mean over the data, "
            "log(1 - D) one over the model.",
            also=(
                with_integrand(lambda p, q: (p + q) / 2 * (best(p, q).log() + best(q, p).log())),
            ),
        ),
        Misconception(
            "d_of_one_half",
            with_integrand(lambda p, q: (p + q) * math.log(0.5)),
            "This is V of a discriminator that says 1/2 to everything, the least that the best one "
            "can reach. Use the best answer at each point.",
        ),
        Misconception(
            "kl",
            with_integrand(lambda p, q: kl(p, q)),
            "The two densities were compared with each other, by a KL divergence. V compares each "
            "of them with their sum.",
            also=(
                with_integrand(lambda p, q: kl(q, p)),
                with_integrand(lambda p, q: (kl(p, q) + kl(q, p)) / 2),
                with_integrand(lambda p, q: kl(p, q) + kl(q, p)),
                with_integrand(lambda p, q: kl(p, q) - math.log(2) * (p + q)),
                with_integrand(lambda p, q: kl(q, p) - math.log(2) * (p + q)),
                with_integrand(lambda p, q: kl(p, q) + kl(q, p) - math.log(2) * (p + q)),
            ),
        ),
        Misconception(
            "nonsaturating",
            with_integrand(lambda p, q: -term(q, best(p, q))),
            "This is what the generator of the other loss minimizes, -log D of the fakes. V is "
            "wanted: log D of the data and log(1 - D) of the fakes.",
        ),
        Misconception(
            "without_logarithms",
            with_integrand(lambda p, q: p * best(p, q) + q * best(q, p)),
            "There are no logarithms: this is the mean probability of a right verdict, times 2.",
            also=(with_integrand(lambda p, q: p * best(p, q) - q * best(p, q)),),
        ),
    ),
    hints=(
        "You have D from the first exercise. Which expectation does each density stand for?",
        "V is the integral of p_data · log D + p_model · log(1 - D). On a grid it is a sum times "
        "dx.",
        "1 - D is the same function with its arguments exchanged. torch.xlogy(p, D) is p · log D "
        "with 0 · log 0 = 0.",
    ),
)
