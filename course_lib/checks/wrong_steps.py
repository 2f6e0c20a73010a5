"""The parts of training steps, right and wrong, from which oracles and misconceptions are made."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

NOTHING_MOVES = (
    "Nothing moves. Three calls in this order: clear the old gradients, loss.backward(), "
    "optimizer.step(). Cleared between the other two, the step has nothing to go by."
)
OLD_GRADIENTS = (
    "Gradients of an earlier call were added to this one's: backward() adds to what lies in .grad. "
    "Clear it before, with optimizer.zero_grad()."
)
STABLE = (
    "The logarithm of a sigmoid that is 0 in floating point is -inf. Use a loss that takes logits: "
    "F.softplus, F.logsigmoid, or the BCE «with logits»."
)


def apply_gradients(loss: Tensor, optimizer: torch.optim.Optimizer, *networks: nn.Module) -> Tensor:
    """Give the networks exactly the gradients of `loss`, whatever lay there, and step."""
    parameters = [p for network in networks for p in network.parameters()]
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, found, strict=True):
        parameter.grad = gradient
    optimizer.step()
    return loss.detach()


def update(loss: Tensor, optimizer: torch.optim.Optimizer, order: str = "zbs") -> Tensor:
    """As people write it: z zero_grad, b backward, s step, in the given order."""
    calls = {"z": optimizer.zero_grad, "b": loss.backward, "s": optimizer.step}
    for letter in order:
        calls[letter]()
    return loss.detach()


def leaving(step: Callable, change: Callable) -> Callable:
    """The step, after which `change(*networks and the rest)` left something behind."""

    def changed(*arguments):
        loss = step(*arguments)
        change(*arguments)
        return loss

    return changed
