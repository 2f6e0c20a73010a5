"""Right networks of this lesson in small, and what their examination adds: norms, by the ops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ..better_vaes.conv_networks import convolutional_facts, examine_convolutional
from ..declare import Plain
from ..modules import given
from ..wrong_modules import SmallNetwork

NORMS = ("batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm")
WEIGHTED = ("convolution", "addmm", "mm", "bmm", "linear")


class SomeGenerator(SmallNetwork):
    """A right generator without a batch norm, which any answer may leave out."""

    def __init__(self, latent_dim: int, image_size: int, channels: int, width: int):
        nn.Module.__init__(self)
        side = image_size // 4
        first = nn.Linear(latent_dim, width * side**2)
        self.body = nn.Sequential(first, self.activation(), nn.Unflatten(1, (width, side, side)))
        self.head = nn.ConvTranspose2d(width, channels, 4, stride=4)

    def finish(self, numbers: Tensor) -> Tensor:
        return numbers.tanh()


class SomeDiscriminator(SmallNetwork):
    """A right discriminator."""

    def __init__(self, image_size: int, channels: int, width: int):
        nn.Module.__init__(self)
        convolution = nn.Conv2d(channels, width, 4, stride=4)
        self.body = nn.Sequential(convolution, self.activation(), nn.Flatten())
        self.head = nn.Linear(width * (image_size // 4) ** 2, 1)

    def finish(self, numbers: Tensor) -> Tensor:
        return numbers.squeeze(1)


class NotedOperations(TorchDispatchMode):
    """The names of norms and of weighted sums in the order in which they were called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name.partition("::")[2]
        if any(norm in name for norm in NORMS):
            self.names.append("norm")
        elif name.strip("_") in WEIGHTED:
            self.names.append("weights")
        return func(*args, **(kwargs or {}))


def examine_discriminator(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The examination of any convolutional module, and the order of its norms and weights."""
    record = examine_convolutional(answer, inputs)
    operations = None
    if record["outputs"] is not None:
        module = answer(*inputs["arguments"].values())
        with NotedOperations() as noted:
            module(*given(inputs).values())
        operations = noted.names
    return record | {"operations": operations}


def discriminator_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    facts = convolutional_facts(inputs, record)
    if record["operations"] is not None:
        second = [i for i, name in enumerate(record["operations"]) if name == "weights"][1:2]
        early = record["operations"][: second[0] if second else None]
        facts["nothing is normalized before the second layer"] = "norm" not in early
    return facts


def generator_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    facts = convolutional_facts(inputs, record)
    if record["outputs"] is None:
        return facts
    (images,) = record["outputs"]
    return facts | {"hardly any pixel is exactly 0": bool((images == 0).float().mean() < 0.1)}
