"""What an answer is given comes back as it was: the flags of its tensors, and no gradients in them.

Values that are changed in place are told by `observing.changed`. Here it is what else stays on a
tensor after a call: `requires_grad`, and what a backward() put into `.grad`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

SWITCHED, FILLED = "requires_grad", ".grad"
SENTENCES = {
    SWITCHED: "requires_grad is left changed on {}: it stays with the caller's own tensors after "
    "the call. Differentiate by copies of them",
    FILLED: "a gradient is left in the .grad of {}: these are the caller's own tensors. "
    "Differentiate by copies of them",
}
OF_NETWORKS = "requires_grad is left changed in {}: set it back before you return"


class Watch:
    """Remembers what an answer is given, by the names that its signature has."""

    def __init__(self, signature: str, inputs: Mapping[str, Any]):
        self.names = [part.partition("=")[0] for part in signature.strip("()").split(", ")]
        self.seen: list[tuple[str, Tensor, bool, Tensor | None, bool]] = []
        self.known: set[int] = set()
        for name, value in inputs.items():
            self.remember(name, value)

    def over(self, answer: Callable) -> Callable:
        """The answer, whose arguments are remembered when it is called."""

        def watched(*arguments, **named):
            for name, value in [*zip(self.names, arguments, strict=False), *named.items()]:
                self.remember(name, value)
            return answer(*arguments, **named)

        watched.__wrapped__ = answer
        return watched

    def remember(self, name: str, value: Any) -> None:
        """A network's gradients are the business of the exercise."""
        network = isinstance(value, nn.Module)
        for tensor in value.parameters() if network else tensors_in(value):
            if id(tensor) not in self.known:
                self.known.add(id(tensor))  # `seen` holds it, so its number is not given away
                gradient = tensor.grad if tensor.is_leaf else None
                self.seen.append((name, tensor, tensor.requires_grad, gradient, network))

    def left(self) -> list[str]:
        """Sentences about what was left; it is put back."""
        found: dict[str, list[str]] = {}
        for name, tensor, required, gradient, network in self.seen:
            if tensor.requires_grad != required:
                names = found.setdefault(OF_NETWORKS if network else SENTENCES[SWITCHED], [])
                names += [] if name in names else [name]
            if not network and tensor.is_leaf and tensor.grad is not gradient:
                names = found.setdefault(SENTENCES[FILLED], [])
                names += [] if name in names else [name]
                tensor.grad = gradient
            with suppress(RuntimeError):  # of what has become part of a graph
                tensor.requires_grad_(required)
        return [sentence.format(" and ".join(names)) for sentence, names in found.items()]


def tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor) and type(value) in (Tensor, nn.Parameter):
        yield value
    elif type(value) in (list, tuple):
        for part in value:
            yield from tensors_in(part)
    elif type(value) is dict:
        yield from tensors_in(list(value.values()))
    elif isinstance(value, torch.distributions.Distribution):
        yield from tensors_in(list(vars(value).values()))
