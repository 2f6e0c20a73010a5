"""What a function of a linear encoder and decoder returns, and the gradients it sends to both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from .observing import weights_like


def with_gradients(key: str, result: Any, encoder: nn.Module, decoder: nn.Module) -> Any:
    """`result` under `key`, and the gradients of a weighted sum of it by both networks' weights."""
    if result is Ellipsis:
        return Ellipsis
    record = {key: result, "encoder's gradient": None, "decoder's gradient": None}
    if isinstance(result, Tensor) and result.requires_grad:
        (result * weights_like(result)).sum().backward()
        record["encoder's gradient"] = encoder.weight.grad
        record["decoder's gradient"] = decoder.weight.grad
    return record


def reached_facts(key: str, value: Any, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The value as the fact `key`, and of each network whether a gradient came, and which."""
    facts = {key: value}
    for name in ("encoder", "decoder"):
        gradient = outputs[f"{name}'s gradient"]
        facts[f"a gradient reaches the {name}"] = isinstance(gradient, Tensor)
        if isinstance(gradient, Tensor):
            facts[f"the gradient of the {name}'s weights"] = gradient
    return facts
