"""Check of `latent_grid`. Oracle: statistics.NormalDist, code by code."""

from __future__ import annotations

from statistics import NormalDist

import torch
from torch.distributions import Bernoulli, Normal

from ..declare import Case, Exercise, Misconception
from .sample_prior import LOGITS_RETURNED
from .tiny_networks import TinyDecoder


def grid_cases(generator: torch.Generator) -> list[Case]:
    def case(side: int, low: float, high: float, height: int, width: int) -> Case:
        weight = torch.randn(height * width, 3, generator=generator)
        inputs = {"decoder": weight, "size": [height, width]}
        return Case(
            {**inputs, "side": side, "low": low, "high": high}, f"side {side}, {low} to {high}"
        )

    return [case(4, 0.05, 0.9, 3, 2), case(3, 0.2, 0.99, 2, 4)]


def call_latent_grid(answer, inputs):
    decoder = TinyDecoder(inputs["decoder"], *inputs["size"])
    return answer(decoder, inputs["side"], inputs["low"], inputs["high"])


def grid_by_loop(decoder, side, low, high):
    shares = [low + (high - low) * i / (side - 1) for i in range(side)]
    quantiles = [NormalDist().inv_cdf(share) for share in shares]
    codes = [(across, down) for down in quantiles for across in quantiles]
    with torch.no_grad():
        return torch.cat([Bernoulli(logits=decoder(torch.tensor([z]))).mean for z in codes])


def quantiles(side: int, low: float, high: float) -> torch.Tensor:
    return Normal(0.0, 1.0).icdf(torch.linspace(low, high, side))


def grid_with(
    line=quantiles,
    order=lambda across, down: (across, down),
    finish=lambda logits, side: logits.sigmoid(),
    indexing="xy",
):
    @torch.no_grad()
    def answer(decoder, side, low, high):
        values = line(side, low, high)
        pair = order(*torch.meshgrid(values, values, indexing=indexing))
        return finish(decoder(torch.stack([p.flatten() for p in pair], 1)), side)

    return answer


def one_picture(logits: torch.Tensor, side: int) -> torch.Tensor:
    rows = logits.sigmoid().unflatten(0, (side, side))
    return rows.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)[None]


@torch.no_grad()
def values_alone(decoder, side, low, high):
    values = Normal(0.0, 1.0).icdf(torch.linspace(low, high, side))
    return decoder(torch.stack([values, values], 1)).sigmoid()


@torch.no_grad()
def stacked_apart(decoder, side, low, high):
    values = Normal(0.0, 1.0).icdf(torch.linspace(low, high, side))
    grids = torch.meshgrid(values, values, indexing="xy")
    return decoder(torch.stack(grids).reshape(-1, 2)).sigmoid()


EXERCISE = Exercise(
    name="vae.latent_grid",
    signature="(decoder, side, low, high)",
    oracle=grid_by_loop,
    cases=grid_cases,
    call=call_latent_grid,
    slow=True,
    misconceptions=(
        Misconception(
            "axes_swapped",
            grid_with(indexing="ij"),
            "Rows and columns changed places: the first latent should grow from left to right, "
            "the second from top to bottom. meshgrid's indexing and the order in which you stack "
            "decide.",
        ),
        Misconception(
            "second_upwards",
            grid_with(order=lambda across, down: (across, down.flip(0))),
            "The second latent grows upwards, as in a plot. Here it should grow downwards, as the "
            "rows of an image are counted.",
        ),
        Misconception(
            "both_backwards",
            grid_with(line=lambda *a: quantiles(*a).flip(0)),
            "Both latents fall where they should grow: to the right and downwards the values go "
            "from low to high.",
        ),
        Misconception(
            "even_in_z",
            grid_with(
                line=lambda side, low, high: torch.linspace(
                    *(NormalDist().inv_cdf(share) for share in (low, high)), side
                )
            ),
            "The codes are evenly spaced between the two quantiles. Space the probabilities "
            "evenly and take the quantile of each: then every image stands for the same share of "
            "the prior.",
        ),
        Misconception(
            "probabilities_as_codes",
            grid_with(line=lambda side, low, high: torch.linspace(low, high, side)),
            "low and high are probabilities, and they were used as codes. The normal's quantile "
            "function (icdf) turns one into the other.",
        ),
        Misconception(
            "cdf_for_icdf",
            grid_with(
                line=lambda side, low, high: Normal(0.0, 1.0).cdf(torch.linspace(low, high, side))
            ),
            "cdf goes from a code to its probability; the other direction is wanted, icdf.",
            also=(
                grid_with(line=lambda side, low, high: torch.linspace(low, high, side).sigmoid()),
            ),
        ),
        Misconception(
            "density_for_icdf",
            grid_with(
                line=lambda side, low, high: (
                    Normal(0.0, 1.0).log_prob(torch.linspace(low, high, side)).exp()
                )
            ),
            "These are densities. The code that has a given probability below it is wanted: the "
            "quantile function, icdf.",
            also=(
                grid_with(
                    line=lambda side, low, high: Normal(0.0, 1.0).log_prob(
                        torch.linspace(low, high, side)
                    )
                ),
            ),
        ),
        Misconception(
            "logit_for_icdf",
            grid_with(line=lambda side, low, high: torch.linspace(low, high, side).logit()),
            "logit is the quantile function of the logistic distribution. The prior is the "
            "standard normal.",
        ),
        Misconception(
            "end_left_out",
            grid_with(
                line=lambda side, low, high: Normal(0.0, 1.0).icdf(
                    low + (high - low) * torch.arange(side) / side
                )
            ),
            "The last probability is not high: it was left out, as arange does. Both ends belong "
            "to the `side` of them.",
        ),
        Misconception(
            "stacked_apart",
            stacked_apart,
            "The two grids stand behind each other, and a reshape made pairs of neighbors in one "
            "of them. Stack along a new last axis, so that each code has one number of each grid.",
        ),
        Misconception(
            "fixed_range",
            grid_with(line=lambda side, low, high: torch.linspace(-3, 3, side)),
            "low and high have no effect: the range is written as a fixed number.",
            also=(
                grid_with(
                    line=lambda side, low, high: Normal(0.0, 1.0).icdf(
                        torch.linspace(0.05, 0.95, side)
                    )
                ),
                grid_with(line=lambda side, low, high: torch.linspace(-2, 2, side)),
            ),
        ),
        Misconception(
            "logits_returned",
            grid_with(finish=lambda logits, side: logits),
            LOGITS_RETURNED,
        ),
        Misconception(
            "sigmoid_twice",
            grid_with(finish=lambda logits, side: logits.sigmoid().sigmoid()),
            "The sigmoid was applied twice: everything is gray.",
        ),
        Misconception(
            "rounded",
            grid_with(finish=lambda logits, side: logits.sigmoid().round()),
            "The probabilities were rounded to 0 and 1. Keep them: gray is where the decoder is "
            "unsure.",
        ),
        Misconception(
            "one_picture",
            grid_with(finish=one_picture),
            "The images were joined into one picture. Return side² images; plot_images joins them.",
        ),
        Misconception(
            "diagonal",
            grid_with(order=lambda across, down: (across, across)),
            "Both latents got the same values: the images only walk along a diagonal.",
        ),
        Misconception(
            "axis_alone",
            values_alone,
            "Only `side` codes were decoded, one for each value. Every value of the first latent "
            "goes with every value of the second.",
        ),
    ),
    hints=(
        "Start with one axis: side probabilities from low to high, evenly spaced. Which codes have "
        "these probabilities below them under a standard normal?",
        "Normal(0, 1).icdf of that linspace gives the values of one axis. Now pair every value "
        "with every value, in the order in which a page is read.",
        "The first image has both latents smallest; the second image has only the first latent one "
        "step larger. torch.meshgrid with indexing='xy', flattened and stacked, gives that order.",
    ),
)
