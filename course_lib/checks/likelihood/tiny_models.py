"""Small models with given weights, whose importance weights and evidence the judge knows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Bernoulli, Independent, Normal

from ..vae.tiny_networks import TinyDecoder, TinyEncoder


class WatchedDecoder(TinyDecoder):
    """A TinyDecoder that also takes codes with more axes in front, as the lesson's does."""

    def forward(self, z: Tensor) -> Tensor:
        self.seen.append(z.detach().clone().flatten(0, -2))
        flat = F.linear(torch.tanh(z) + z / 4, self.weight[:, :-1], self.weight[:, -1])
        return flat.reshape(-1, *self.shape)


def networks(inputs: Mapping[str, Any]) -> tuple[TinyEncoder, WatchedDecoder]:
    decoder = WatchedDecoder(inputs["decoder"], *inputs["images"].shape[2:])
    return TinyEncoder(inputs["encoder"]), decoder


def log_weights_of_codes(inputs: Mapping[str, Any], z: Tensor) -> Tensor:
    """log p(x, z) - log q(z | x) of codes (N, B, Z) by torch.distributions, (N, B)."""
    encoder, decoder = networks(inputs)
    images = inputs["images"]
    mean, log_var = encoder(images)
    pixels = Bernoulli(logits=decoder(z).reshape(*z.shape[:2], *images.shape[1:]))
    log_likelihood = Independent(pixels, 3).log_prob(images)
    log_prior = Independent(Normal(torch.zeros_like(z), torch.ones_like(z)), 1).log_prob(z)
    log_q = Independent(Normal(mean, torch.exp(0.5 * log_var)), 1).log_prob(z)
    return log_likelihood + log_prior - log_q


def by_quadrature(inputs: Mapping[str, Any], side: int = 41, reach: float = 6.0) -> dict:
    """Of a model with two latents: evidence, ELBO, and the relative variance of a weight, (B,)."""
    axis = torch.linspace(-reach, reach, side, dtype=torch.float64)
    z = torch.cartesian_prod(axis, axis)[:, None].expand(-1, len(inputs["images"]), -1)
    double = {n: v.double() if isinstance(v, Tensor) else v for n, v in inputs.items()}
    with torch.no_grad():
        log_weight = log_weights_of_codes(double, z)
        mean, log_var = networks(double)[0](double["images"])
        log_q = Normal(mean, (log_var / 2).exp()).log_prob(z).sum(-1)
    log_cell = 2 * math.log(2 * reach / (side - 1))
    evidence = (log_weight + log_q + log_cell).logsumexp(0)
    second = (2 * log_weight + log_q + log_cell).logsumexp(0)
    q = (log_q + log_cell).exp()
    elbo = (q * log_weight).sum(0)
    return {
        "evidence": evidence,
        "elbo": elbo,
        "variance of weights": (second - 2 * evidence).exp() - 1,
        "variance of log weights": (q * (log_weight - elbo) ** 2).sum(0),
    }
