"""Distributions over a few outcomes, zeros included, as inputs of several checks."""

from __future__ import annotations

import torch

from ..declare import Case

# Distributions over five outcomes with zeros at the places where each rule matters.
WITH_ZEROS = torch.tensor([[0.5, 0.5, 0, 0, 0], [0, 1, 0, 0, 0], [0.2, 0, 0.3, 0.5, 0]]).double()


OTHER_ZEROS = torch.tensor([[0, 0.25, 0.75, 0, 0], [0.5, 0.5, 0, 0, 0], [0.4, 0, 0.3, 0.3, 0]])


OTHER_ZEROS = OTHER_ZEROS.double()


def probabilities(generator: torch.Generator, *shape: int) -> torch.Tensor:
    weights = torch.rand(*shape, generator=generator, dtype=torch.float64) + 0.05
    return weights / weights.sum(-1, keepdim=True)


def two_distributions(generator: torch.Generator) -> list[Case]:
    def pair(*shape: int) -> dict:
        return {"p": probabilities(generator, *shape), "q": probabilities(generator, *shape)}

    disjoint = {"p": WITH_ZEROS[:2], "q": WITH_ZEROS[:2].flip(-1)}
    return [
        Case(pair(3, 5)),
        Case(pair(2, 3, 4), "p and q of shape (2, 3, 4)"),
        Case({n: v.float() for n, v in pair(3, 5).items()}, "in float32"),
        Case({"p": WITH_ZEROS, "q": probabilities(generator, 3, 5)}, "p contains zeros", True),
        Case({"p": probabilities(generator, 3, 5), "q": WITH_ZEROS}, "q contains zeros", True),
        Case({"p": WITH_ZEROS, "q": OTHER_ZEROS}, "p and q contain zeros", True),
        Case(disjoint, "p and q never overlap or hardly", True),
    ]
