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
NORMS_IN_A_LIST = (
    "The layers lie in a plain Python list, norms among them: parameters() is empty, and eval() "
    "does not reach the norms. Assign each layer to self, or use nn.Sequential or nn.ModuleList."
)


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
    """Norms and weighted sums in the order in which they were called, and convolutions' widths."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.widths: list[tuple[int, int, int, int] | None] = []  # of `widths_of`, by weights

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name.partition("::")[2]
        if any(norm in name for norm in NORMS):
            self.names.append("norm")
        elif name.strip("_") in WEIGHTED:
            self.names.append("weights")
            self.widths.append(widths_of(*args) if name == "convolution" else None)
        return func(*args, **(kwargs or {}))


def widths_of(
    maps: Tensor, weight: Tensor, bias: Tensor | None, stride: list[int], padding: list[int],
    dilation: list[int], transposed: bool, output_padding: list[int], groups: int,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Channels that a convolution takes and makes, its stride, and the side of what it takes."""
    out = weight.shape[1] * groups if transposed else weight.shape[0]
    return maps.shape[1], out, max(stride), maps.shape[-1]


def examine_ordered(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The examination of any convolutional module, the order of its norms and weights, widths."""
    record = examine_convolutional(answer, inputs)
    operations = widths = None
    if record["outputs"] is not None:
        module = answer(*inputs["arguments"].values())
        with NotedOperations() as noted:
            module(*given(inputs).values())
        operations, widths = noted.names, noted.widths
    return record | {"operations": operations, "widths": widths}


def behind_the_last(operations: list[str]) -> list[str]:
    """The norms behind the last weighted sum."""
    last = max((i for i, name in enumerate(operations) if name == "weights"), default=-1)
    return operations[last + 1 :]


def change_of_widths(pairs: list[tuple[int, int]], wanted: str) -> str:
    """What becomes of the channels in each `(taken, made)`; `wanted` where there is no other."""
    names = {1: "as many", 2: "doubled", 0.5: "halved"}
    told = {names.get(made / taken, "otherwise") for taken, made in pairs} - {wanted}
    return " and ".join(sorted(told)) or wanted


def discriminator_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    facts = convolutional_facts(inputs, record)
    if record["operations"] is None:
        return facts
    second = [i for i, name in enumerate(record["operations"]) if name == "weights"][1:2]
    early = record["operations"][: second[0] if second else None]
    facts["nothing is normalized before the second layer"] = "norm" not in early
    facts["the logits are not normalized"] = "norm" not in behind_the_last(record["operations"])
    first, *further = record["widths"] or [None]
    width = inputs["arguments"]["width"]
    facts["the first convolution makes `width` channels"] = first is None or first[1] == width
    pairs = [(taken, out) for taken, out, step, _ in filter(None, further) if step > 1 < out]
    facts["the channels at each further halving"] = change_of_widths(pairs, "doubled")
    return facts


def generator_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    facts = convolutional_facts(inputs, record)
    if record["outputs"] is None:
        return facts
    (images,) = record["outputs"]
    facts["hardly any pixel is exactly 0"] = bool((images == 0).float().mean() < 0.1)
    late = behind_the_last(record["operations"])
    facts["nothing is normalized behind the last layer"] = "norm" not in late
    *earlier, last = record["widths"] or [None]
    width = inputs["arguments"]["width"]
    facts["the last convolution takes `width` channels"] = last is None or last[0] == width
    pairs = [(taken, out) for taken, out, step, _ in filter(None, earlier[1:]) if step > 1]
    facts["the channels at each doubling but the last"] = change_of_widths(pairs, "halved")
    maps = [(step, side) for _, _, step, side in filter(None, record["widths"]) if side > 1]
    late_start = maps[:1] and maps[0][0] == 2 and maps[0][1] >= 8  # else how it grows is free
    facts["the first doubling takes a map of less than 8 pixels"] = not late_start
    return facts
