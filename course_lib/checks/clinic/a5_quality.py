"""Check of `a5_quality`: which of several pairs (G, F) it ranks first, on unpaired points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception, Plain
from ..observing import describe_type
from ..random_inputs import uniform
from ..steps import read_loss
from .t8_score import compared

FORM = "one number"
SHIFT = 3.0
Map = Callable[[Tensor], Tensor]


def keep(points: Tensor) -> Tensor:
    return points.clone()


def add(amount: float) -> Map:
    return lambda points: points + amount


def about_mean(data: Tensor, factor: float) -> Map:
    mean = data.mean(0)
    return lambda points: mean + factor * (points - mean)


def mirror(data: Tensor) -> Map:
    """Every coordinate keeps its mean and its spread; what changes is how they go together."""
    turn = torch.ones(data.shape[1], dtype=data.dtype)
    turn[0] = -1.0
    mean = data.mean(0)
    return lambda points: mean + turn * (points - mean)


def some_of(data: Tensor) -> Map:
    """Good points of the right domain that have nothing to do with what came in."""
    return lambda points: data.roll(7, 0)[: len(points)].clone()


def one_domain(x: Tensor, y: Tensor) -> dict[str, tuple[Map, Map]]:
    """Two samples of one law: the identity is best."""
    return {
        "the identity": (keep, keep),
        "G = F = negation, whose cycle is perfect": (torch.neg, torch.neg),
        "a shift and the shift back": (add(1.5), add(-1.5)),
        "a stretch about the mean and back": (about_mean(x, 3.0), about_mean(x, 1 / 3)),
        "a shrinking about the mean and back": (about_mean(x, 1 / 3), about_mean(x, 3.0)),
        "one coordinate mirrored about its mean": (mirror(x), mirror(x)),
        "a G and an F that ignore their inputs": (some_of(y), some_of(x)),
        "a G and an F that give one point": (about_mean(y, 0.0), about_mean(x, 0.0)),
    }


def two_domains(x: Tensor, y: Tensor) -> dict[str, tuple[Map, Map]]:
    """y lies SHIFT away: the translation there and back is best."""
    return {
        "the right translation": (add(SHIFT), add(-SHIFT)),
        "the identity, which translates nothing": (keep, keep),
        "the translation in the wrong direction": (add(-SHIFT), add(SHIFT)),
        "a translation whose way back is missing": (add(SHIFT), keep),
    }


def point_cases(g: torch.Generator) -> list[Case]:
    def points(count: int, offset: float = 0.0) -> Tensor:
        """Skewed, with a mean of about (2, 3, 1) and correlated."""
        drawn = -uniform(g, count, 3, dtype=torch.float64).clamp(min=1e-3).log()
        mix = torch.tensor([[1.0, 0.4, 0.0], [0.0, 1.0, 0.2], [0.3, 0.0, 0.7]]).double()
        return drawn @ mix + torch.tensor([0.7, 1.6, 0.1]).double() + offset

    one = {"x": points(600), "y": points(600), "pairs": "one domain"}
    two = {"x": points(500), "y": points(500, SHIFT), "pairs": "two domains"}
    return [
        Case(one, "both samples of one law"),
        Case(two, f"the second domain lies {SHIFT:g} further on"),
    ]


def rank(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    x, y = inputs["x"], inputs["y"]
    pairs = (one_domain if inputs["pairs"] == "one domain" else two_domains)(x, y)
    record: dict[str, Any] = {"form": FORM, "names": list(pairs)}
    scores = []
    for pair in pairs.values():
        score = answer(*pair, x, y)
        if score is Ellipsis:
            return score
        form, value = read_loss(score, torch.float64)
        if form != FORM:
            return {"form": form if value is None else describe_type(score), "names": []}
        scores.append(value.item())
    record["scores"] = scores
    same = [read_loss(answer(keep, keep, x, y), torch.float64)[1] for y in (x, x.roll(11, 0))]
    record["unpaired"] = abs(same[0] - same[1]).item() < 0.02 * (max(scores) - min(scores) + 1e-9)
    return record


def rank_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    facts: dict[str, Plain] = {"what comes back": outputs["form"]}
    if outputs["form"] != FORM:
        return facts
    best, *others = outputs["names"]
    first, *scores = outputs["scores"]
    for name, score in zip(others, scores, strict=True):
        facts[f"{best}, compared with {name}"] = compared(first, score)
    facts["the order of y's rows makes no difference"] = outputs["unpaired"]
    return facts


def moments(a: Tensor, b: Tensor) -> Tensor:
    def covariance(t: Tensor) -> Tensor:
        centered = t - t.mean(0)
        return centered.T @ centered / len(t)

    return (a.mean(0) - b.mean(0)).square().sum() + (covariance(a) - covariance(b)).square().sum()


def energy(a: Tensor, b: Tensor) -> Tensor:
    """The energy distance, an oracle without moments: 0 for one law alone."""
    return 2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()


def cycle(G: Map, F: Map, x: Tensor, y: Tensor) -> Tensor:
    return (F(G(x)) - x).abs().mean() + (G(F(y)) - y).abs().mean()


def match(G: Map, F: Map, x: Tensor, y: Tensor, distance: Callable = moments) -> Tensor:
    return distance(G(x), y) + distance(F(y), x)


def means(a: Tensor, b: Tensor) -> Tensor:
    return (a.mean(0) - b.mean(0)).square().sum()


def spreads(a: Tensor, b: Tensor) -> Tensor:
    return means(a, b) + (a.std(0) - b.std(0)).square().sum()


def nearest(a: Tensor, b: Tensor) -> Tensor:
    """From each point of a to its neighbor in b."""
    return torch.cdist(a, b).min(1).values.mean()


EXERCISE = Exercise(
    name="clinic.a5_quality",
    signature="(G, F, x, y)",
    oracle=lambda G, F, x, y: match(G, F, x, y, energy) + cycle(G, F, x, y),
    cases=point_cases,
    call=rank,
    facts=rank_facts,
    slow=True,
    misconceptions=(
        Misconception(
            "cycle_alone",
            cycle,
            "This is the cycle's error alone, as published. Negation undoes itself, so does every "
            "invertible map: the cycle says that nothing was lost, not that what came out lives in "
            "the other domain. Compare G(x) with y as distributions, too.",
            also=(
                lambda G, F, x, y: (F(G(x)) - x).square().mean(),
                lambda G, F, x, y: moments(F(G(x)), x) + moments(G(F(y)), y),
            ),
        ),
        Misconception(
            "match_alone",
            match,
            "The distributions decide, and a G that ignores its input comes first: what does not "
            "come back must cost, point by point. Add the cycle's error.",
            also=(lambda G, F, x, y: moments(G(x), y),),
        ),
        Misconception(
            "paired",
            lambda G, F, x, y: (
                (G(x) - y).square().mean() + (F(y) - x).square().mean() + cycle(G, F, x, y)
            ),
            "G(x) is compared with y row by row, as if row i of both belonged together. The data "
            "are unpaired: compare the two sets.",
            also=(lambda G, F, x, y: (G(x) - y).abs().mean() + cycle(G, F, x, y),),
        ),
        Misconception(
            "means_alone",
            lambda G, F, x, y: match(G, F, x, y, means) + cycle(G, F, x, y),
            "Of the distributions the means alone are compared: a stretched copy passes. Compare "
            "the covariances as well.",
            also=(lambda G, F, x, y: means(G(x), y) + cycle(G, F, x, y),),
        ),
        Misconception(
            "coordinates_apart",
            lambda G, F, x, y: match(G, F, x, y, spreads) + cycle(G, F, x, y),
            "Mean and spread of each coordinate are compared, and not how they go together: "
            "mirror one of them, and the score is the same. Compare covariances.",
            also=(lambda G, F, x, y: spreads(G(x), y) + cycle(G, F, x, y),),
        ),
        Misconception(
            "nearest_point",
            lambda G, F, x, y: nearest(G(x), y) + cycle(G, F, x, y),
            "Each point of G(x) is compared with its nearest neighbor in y, so that a cloud shrunk "
            "to the middle of y scores better than one like y. Ask the way back too, or compare "
            "the covariances.",
        ),
        Misconception(
            "cycled_against_the_other_domain",
            lambda G, F, x, y: moments(F(G(x)), y),
            "F(G(x)) was compared with y. It has come back to the first domain: compare it with x, "
            "and G(x) with y.",
            also=(
                lambda G, F, x, y: (F(G(x)) - y).abs().mean(),
                lambda G, F, x, y: (F(G(x)) - y).square().mean(),
            ),
        ),
        Misconception(
            "not_reduced",
            lambda G, F, x, y: (F(G(x)) - x).abs().mean(1),
            "There is one value for each point. A score is one number: take means.",
        ),
        Misconception(
            "two_scores",
            lambda G, F, x, y: (match(G, F, x, y), cycle(G, F, x, y)),
            "Two scores came back. One number ranks: add the two.",
        ),
        Misconception(
            "higher_is_better",
            lambda G, F, x, y: -match(G, F, x, y) - cycle(G, F, x, y),
            "The order is the wrong way round: lower is better here.",
        ),
        Misconception(
            "close_to_the_input",
            lambda G, F, x, y: (
                (G(x) - x).square().mean() + (F(y) - y).square().mean() + cycle(G, F, x, y)
            ),
            "G(x) is compared with x: who translates nothing comes first. G(x) is to look like y.",
            also=(
                lambda G, F, x, y: moments(G(x), x) + moments(F(y), y) + cycle(G, F, x, y),
                lambda G, F, x, y: (G(x) - x).abs().mean() + cycle(G, F, x, y),
            ),
        ),
    ),
    hints=(
        "Which two things must hold: what came out lives in the other domain, and … ?",
        "One term compares the sets G(x) and y, by mean and covariance for instance; the other "
        "compares F(G(x)) with x, row by row.",
        "Do the same in the other direction, and add.",
    ),
)
