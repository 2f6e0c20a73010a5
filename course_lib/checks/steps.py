"""Call a training step twice on small networks, and say what must hold of it.

A step is a function `(networks…, optimizer, batches…)` that makes one update and returns its loss,
or a dict of the numbers that it consists of.
`TrainingStep` names the parts: its `drive` is the exercise's `call`, its `facts` the exercise's
`facts`. The oracle is a step by explicit gradients (see `wrong_steps.apply_gradients`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from .declare import Plain
from .observing import describe_type

SGD = {"name": "SGD", "lr": 0.1, "momentum": 0.9}
ADAM = {"name": "Adam", "lr": 0.01, "betas": [0.5, 0.999]}


@dataclass(frozen=True)
class TrainingStep:
    """What a training step works on.

    build: the networks by name, in the order of the step's arguments, with weights that come from
    the case's inputs. trained: those that the optimizer holds and the step must move; all others
    must stay. arguments: names of the inputs behind the optimizer; an input `real 2` is given to
    the second call alone, an input `real` to both. may_keep_gradients: which of the networks that
    are not trained may have gradients left in them.

    A case's inputs besides: `optimizer`, a class of torch.optim by `name` and its settings, and
    `old_gradients`, a number that every .grad of the other networks holds at the start; 0 for none.
    The trained ones start clean, so that clearing behind the step is as good as clearing before it:
    the second call shows who never clears.
    """

    build: Callable[[Mapping[str, Any]], dict[str, nn.Module]]
    trained: tuple[str, ...]
    arguments: tuple[str, ...]
    may_keep_gradients: tuple[str, ...] = ()

    def drive(self, answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Two calls; losses, all weights before and after each, and what is left behind."""
        networks = self.build(inputs)
        optimizer = make_optimizer(inputs, [networks[name] for name in self.trained])
        for name, network in networks.items():
            fill_gradients(network, 0.0 if name in self.trained else inputs["old_gradients"])
        record: dict[str, Any] = {f"{n} 0": weights(network) for n, network in networks.items()}
        precision = record[f"{self.trained[0]} 0"].dtype
        for n in (1, 2):
            given = (inputs.get(f"{name} {n}", inputs.get(name)) for name in self.arguments)
            loss = answer(*networks.values(), optimizer, *given)
            record[f"returned {n}"], read = read_loss(loss, precision)
            # pairs, since a record holds plain data: no dicts
            record[f"loss {n}"] = (
                [list(p) for p in read.items()] if isinstance(read, dict) else read
            )
            record |= {f"{name} {n}": weights(network) for name, network in networks.items()}
        for name, network in networks.items():
            record[f"{name} gradients"] = gradients(network)
            record[f"{name} training"] = all(m.training for m in network.modules())
            record[f"{name} open"] = all(p.requires_grad for p in network.parameters())
        return record

    def facts(self, inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
        names = [key.removesuffix(" open") for key in record if key.endswith(" open")]
        facts: dict[str, Plain] = {"what the step returns": record["returned 1"]}
        for name in names:
            facts |= self.movement_facts(name, inputs, record)
        for name in names:
            facts[f"the {name} is in training mode afterwards, as before"] = record[
                f"{name} training"
            ]
            facts[f"the {name}'s parameters still require gradients"] = record[f"{name} open"]
        for n, turn in ((1, "first"), (2, "second")):
            loss = record[f"loss {n}"]
            parts = dict(loss) if isinstance(loss, list) else {"the loss": loss}
            # where no number came, it is told above what did
            for part, number in parts.items() if loss is not None else ():
                facts[f"{part} of the {turn} step"] = number
            for name in self.trained:
                moved = record[f"{name} {n}"] - record[f"{name} {n - 1}"]
                facts[f"how the {turn} step moves the {name}"] = moved
        return facts

    def movement_facts(self, name: str, inputs: Mapping, record: Mapping) -> dict[str, Plain]:
        stays = [torch.equal(record[f"{name} 0"], record[f"{name} {n}"]) for n in (1, 2)]
        if name in self.trained:
            return {f"the {name} moves": not stays[0]}
        facts: dict[str, Plain] = {f"the {name}'s parameters stay as they were": all(stays)}
        if name not in self.may_keep_gradients:
            left = record[f"{name} gradients"]
            untouched = bool((left == inputs["old_gradients"]).all())
            facts[f"no gradient reaches the {name}"] = untouched or not left.any()
        return facts


def make_optimizer(inputs: Mapping[str, Any], trained: list[nn.Module]) -> torch.optim.Optimizer:
    settings = dict(inputs["optimizer"])
    kind = getattr(torch.optim, settings.pop("name"))
    return kind([p for network in trained for p in network.parameters()], **settings)


def weights(network: nn.Module) -> Tensor:
    return parameters_to_vector(network.parameters()).detach().clone()


def with_weights(network: nn.Module, vector: Tensor) -> nn.Module:
    vector_to_parameters(vector.clone(), network.parameters())
    return network


def fill_gradients(network: nn.Module, value: float) -> None:
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, value) if value else None


def gradients(network: nn.Module) -> Tensor:
    """All gradients in one vector, 0 where there is none."""
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in network.parameters()]
    return torch.cat([p.flatten() for p in parts])


def read_loss(loss: object, precision: torch.dtype) -> tuple[str, Plain]:
    """("one number", it) for a number or a tensor that holds one; a dict of such by their names;
    else what came, in words."""
    if isinstance(loss, Mapping):
        read = {str(name): read_loss(part, precision) for name, part in sorted(loss.items())}
        kinds = ", ".join(f"{name}: {kind}" for name, (kind, _) in read.items())
        return f"a dict of {kinds}", {name: value for name, (_, value) in read.items()}
    is_number = isinstance(loss, int | float) and not isinstance(loss, bool)
    if is_number or (isinstance(loss, Tensor) and loss.numel() == 1):
        return "one number", torch.as_tensor(loss, dtype=precision).detach().reshape(())
    if isinstance(loss, tuple | list):
        return f"{len(loss)} values", None
    return describe_type(loss), None
