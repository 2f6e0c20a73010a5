"""Right convolutional networks, and their examination: any layers, one of them a convolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from ..declare import Plain
from ..module_exercises import module_exercise
from ..module_facts import module_facts
from ..modules import examine, given
from ..wrong_modules import SmallNetwork


class SomeConvEncoder(SmallNetwork):
    """A right encoder, one layer giving both outputs."""

    def __init__(self, channels: int, image_size: int, width: int, latent_dim: int):
        nn.Module.__init__(self)
        convolution = nn.Conv2d(channels, width, 4, stride=4)
        self.body = nn.Sequential(convolution, self.activation(), nn.Flatten())
        self.head = nn.Linear(width * (image_size // 4) ** 2, 2 * latent_dim)

    def finish(self, numbers: Tensor) -> tuple[Tensor, ...]:
        return numbers.chunk(2, -1)


class SomeConvDecoder(SmallNetwork):
    """A right decoder."""

    def __init__(self, latent_dim: int, width: int, channels: int, image_size: int):
        nn.Module.__init__(self)
        side = image_size // 4
        first = nn.Linear(latent_dim, width * side**2)
        self.body = nn.Sequential(first, self.activation(), nn.Unflatten(1, (width, side, side)))
        self.head = nn.ConvTranspose2d(width, channels, 4, stride=4)


def examine_convolutional(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The examination of any module, and whether there is a kernel among its weights."""
    record = examine(answer, inputs)
    examined = record["outputs"] is not None
    return record | {"convolves": has_kernels(answer, inputs) if examined else None}


def has_kernels(answer: Callable, inputs: Mapping[str, Any]) -> bool:
    module = answer(*inputs["arguments"].values())
    module(*given(inputs).values())  # a lazy layer has its weights after a first call
    return any(parameter.ndim == 4 for parameter in module.parameters())


def convolutional_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    facts = module_facts(inputs, record)
    if record["convolves"] is not None:
        facts["a convolution is among the layers"] = record["convolves"]
    return facts


# The sizes of both exercises have 32 pixels with one channel as well as with three.
convolutional_exercise = partial(
    module_exercise,
    batches=(5, 5, 5),
    width="width",
    call=examine_convolutional,
    facts=convolutional_facts,
)
