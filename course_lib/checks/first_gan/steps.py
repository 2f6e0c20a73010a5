"""The small networks that both steps are checked with, their cases, and a shared sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ..declare import Case, Plain
from ..random_inputs import normal
from ..steps import ADAM, SGD, with_weights

LATENT, SIDE = 5, 4
NETWORKS = ("generator", "discriminator")
OWN_NOISE = (
    "The noise that was passed in has no effect. A step that draws its own cannot be repeated; use "
    "the argument, whose batch size may differ from that of the reals."
)


def tiny_networks(inputs: Mapping[str, Any]) -> dict[str, nn.Module]:
    """A generator and a discriminator with the weights that lie in the inputs."""
    with torch.random.fork_rng(devices=[]):
        generator = nn.Sequential(
            nn.Linear(LATENT, 8),
            nn.LeakyReLU(0.2),
            nn.Linear(8, SIDE**2),
            nn.Tanh(),
            nn.Unflatten(1, (1, SIDE, SIDE)),
        )
        discriminator = nn.Sequential(
            nn.Flatten(), nn.Linear(SIDE**2, 6), nn.LeakyReLU(0.2), nn.Linear(6, 1), nn.Flatten(0)
        )
    return {
        "generator": with_weights(generator, inputs["generator weights"]),
        "discriminator": with_weights(discriminator, inputs["discriminator weights"]),
    }


def step_cases(g: torch.Generator, batches: Mapping[str, tuple[int, ...]]) -> list[Case]:
    """SGD, Adam with old gradients in the other network, and a discriminator that is very sure."""

    def case(optimizer: Mapping[str, Any], old_gradients: float) -> dict[str, Plain]:
        drawn = {name: normal(g, *shape).tanh() for name, shape in batches.items()}
        weights = {
            "generator weights": 0.8 * normal(g, (LATENT + 1) * 8 + 9 * SIDE**2),
            "discriminator weights": 0.8 * normal(g, (SIDE**2 + 1) * 6 + 7),
        }
        return drawn | weights | {"optimizer": dict(optimizer), "old_gradients": old_gradients}

    sure = case(SGD, 0.0)
    sure["discriminator weights"] *= 4.0  # so that gradients are large, and clipping shows
    sure["discriminator weights"][-1] = -400.0  # the bias of the logit
    return [
        Case(case(SGD, 0.0), "SGD with momentum, two calls"),
        Case(case(ADAM, 0.3), "Adam, two calls, old gradients in the other network"),
        Case(sure, "logits near -400", extreme=True),
    ]
