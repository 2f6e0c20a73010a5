"""Examine an nn.Module by what it does, whatever its layers are.

`examine` is the `call` of an exercise that asks for a module, on cases made by `module_case`: it
builds the module and writes down how it behaves. `module_facts`, in the file of that name, reads
the record.

Nothing here looks for a kind of layer. Batch norm, dropout, convolutions, lazy layers, spectral
norm and layers that start at zero are all fine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .declare import Case
from .observing import describe_type

BOUND = 1.9  # what an unbounded output must exceed; a log-variance clamped at ±2 still does
PULLS, PULL = 25, 0.1  # steps along the gradient's sign, as Adam's first ones, and their size
PATIENCE = 8  # of these in vain, and an output is taken to have come as far as it goes
SCALES = (1.0, 10.0)  # of the inputs, in the search for a bend
RECORD = (
    "kind", "returned", "forms", "single", "parameters", "wider",
    "outputs", "again", "apart", "copied", "lines",
    "without gradient", "influence", "lowest", "highest",
)  # fmt: skip


def module_case(
    arguments: Mapping[str, int],
    inputs: Mapping[str, Tensor],
    outputs: Mapping[str, list[int]],
    seed: int,
    about: str,
    width: str | None = "hidden_dim",
) -> Case:
    """One examination of a module.

    arguments: of the constructor, in its order. inputs: of forward, each a batch of three or more.
    outputs: the shape of each, without the batch. seed: of the noise that moves the weights to a
    generic place. width: the argument that decides how wide the layers are, if there is one;
    twice its value must be a sensible width, too.
    """
    assert all(len(batch) >= 3 for batch in inputs.values())
    settings = {"arguments": dict(arguments), "outputs": dict(outputs)}
    return Case({**inputs, **settings, "width": width, "seed": seed}, about)


def given(inputs: Mapping[str, Any]) -> dict[str, Tensor]:
    """What forward is called with."""
    return {name: value for name, value in inputs.items() if isinstance(value, Tensor)}


def examine(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Build the module and note how it behaves; stop where nothing can follow."""
    record: dict[str, Any] = dict.fromkeys(RECORD)
    module = answer(*inputs["arguments"].values())
    record["kind"] = "an nn.Module" if isinstance(module, nn.Module) else describe_type(module)
    if not isinstance(module, nn.Module) or not note_forms(record, module, inputs):
        return record
    record["parameters"] = size_of(module)
    batches = list(given(inputs).values())
    move_parameters(module, batches, inputs["seed"])
    with torch.no_grad():
        note_outputs(record, module, batches)
        record["copied"] = copied_outputs(answer, module, inputs)
        record["wider"] = size_when_wider(answer, inputs)
    if record["parameters"]:
        note_gradients(record, module, batches)
        record["lowest"], record["highest"] = (
            pulled(module, inputs, goal) for goal in (-1.5 * BOUND, 1.5 * BOUND)
        )
    return record


def note_forms(record: dict, module: nn.Module, inputs: Mapping[str, Any]) -> bool:
    """What comes back for a batch in training mode, and for one example in eval mode."""
    batches = list(given(inputs).values())
    with torch.no_grad():
        returned = module(*batches)
        record["returned"] = describe_returned(returned)
        if record["returned"] != wanted_returned(inputs):
            return False
        record["forms"] = [form(o) for o in as_list(returned)]
        module.eval()
        record["single"] = [form(o) for o in as_list(module(*(b[:1] for b in batches)))]
    return record["forms"] == wanted_forms(inputs, len(batches[0])) and (
        record["single"] == wanted_forms(inputs, 1)
    )


def describe_returned(returned: object) -> str:
    if isinstance(returned, Tensor):
        return "one tensor"
    parts = as_list(returned)
    if len(parts) > 1 and all(isinstance(part, Tensor) for part in parts):
        return f"{len(parts)} tensors"
    inside = " of " + ", ".join(map(describe_type, parts)) if parts != [returned] else ""
    return describe_type(returned) + inside


def wanted_returned(inputs: Mapping[str, Any]) -> str:
    count = len(inputs["outputs"])
    return "one tensor" if count == 1 else f"{count} tensors"


def wanted_forms(inputs: Mapping[str, Any], size: int) -> list[str]:
    return [f"float32 of shape {(size, *shape)}" for shape in inputs["outputs"].values()]


def as_list(returned: object) -> list:
    return list(returned) if isinstance(returned, tuple | list) else [returned]


def form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"


def size_of(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def size_when_wider(answer: Callable, inputs: Mapping[str, Any]) -> int | None:
    if inputs["width"] is None:
        return None
    arguments = inputs["arguments"]
    wide = answer(*(arguments | {inputs["width"]: 2 * arguments[inputs["width"]]}).values())
    wide(*given(inputs).values())  # a lazy layer has its parameters after a first call
    return size_of(wide)


def move_parameters(module: nn.Module, batches: list[Tensor], seed: int) -> None:
    """Away from any special start, such as a last layer of zeros, to where training may come.

    Only what a gradient reaches is moved: the rest may be a constant of some parametrization. But
    outputs that are the same for all inputs, as behind a dead ReLU, are worth any move.
    """
    noise = torch.Generator().manual_seed(seed)
    for _ in range(2):  # a second time for what lay behind a layer of zeros
        total = weighted_sum(as_list(module(*batches)))
        for parameter, gradient in gradients_of(total, module):
            move(parameter, 0.1 * (gradient != 0), noise)
    for _ in range(10):
        with torch.no_grad():
            if all(o.std(0).max() > 1e-6 for o in as_list(module(*batches))):
                return
        for parameter in trainable(module):
            move(parameter, 0.3, noise)


def move(parameter: Tensor, size: Tensor | float, noise: torch.Generator) -> None:
    with torch.no_grad():
        parameter.add_(size * torch.randn(parameter.shape, generator=noise))


def trainable(module: nn.Module) -> list[Tensor]:
    return [p for p in module.parameters() if p.requires_grad]


def gradients_of(total: Tensor, module: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """The parameters that `total` depends on, each with its gradient."""
    parameters = trainable(module)
    if not parameters or not total.requires_grad:
        return []
    found = torch.autograd.grad(total, parameters, allow_unused=True)
    return [(p, g) for p, g in zip(parameters, found, strict=True) if g is not None]


def weighted_sum(outputs: list[Tensor]) -> Tensor:
    """Weights that differ from one number to the next, so that nothing cancels."""
    return sum((o * torch.linspace(0.5, 1.5, o.numel()).reshape(o.shape)).sum() for o in outputs)


def note_outputs(record: dict, module: nn.Module, batches: list[Tensor]) -> None:
    record["outputs"] = as_list(module(*batches))
    record["again"] = as_list(module(*batches))
    singles = [as_list(module(*(b[i : i + 1] for b in batches))) for i in range(3)]
    record["apart"] = [torch.cat(each) for each in zip(*singles, strict=True)]
    record["lines"] = [on_lines(module, [stretch(b, scale) for b in batches]) for scale in SCALES]


def stretch(batch: Tensor, scale: float) -> Tensor:
    """Labels and other whole numbers stay as they are."""
    return scale * batch if batch.is_floating_point() else batch


def on_lines(module: nn.Module, batches: list[Tensor]) -> list[list[Tensor]]:
    """Outputs at each example, halfway to its neighbor, and at the neighbor."""

    def toward_neighbor(batch: Tensor, share: float) -> Tensor:
        if not batch.is_floating_point():
            return batch
        return (1 - share) * batch + share * batch.roll(1, 0)

    return [as_list(module(*(toward_neighbor(b, share) for b in batches))) for share in (0, 0.5, 1)]


def copied_outputs(answer: Callable, module: nn.Module, inputs: Mapping[str, Any]) -> list | None:
    """The outputs of a second module with the first one's state, None where it does not load."""
    second = answer(*inputs["arguments"].values()).eval()
    second(*given(inputs).values())
    try:
        second.load_state_dict(module.state_dict())
    except RuntimeError:
        return None
    return as_list(second(*given(inputs).values()))


def note_gradients(record: dict, module: nn.Module, batches: list[Tensor]) -> None:
    """Which parameters get none, and what share of each input has an influence."""
    leaves = [b.detach().clone().requires_grad_(b.is_floating_point()) for b in batches]
    # clones: a module may work in place on what it is given, which a leaf does not allow
    outputs = as_list(module(*(leaf.clone() for leaf in leaves)))
    total = weighted_sum(outputs)
    if not total.requires_grad:
        record["without gradient"] = "all of them"
        return
    total.backward()
    without = [n for n, p in module.named_parameters() if p.requires_grad and p.grad is None]
    record["without gradient"] = ", ".join(without) or "none"
    record["influence"] = [share_seen(leaf.grad) for leaf in leaves]


def share_seen(gradient: Tensor | None) -> float:
    return 0.0 if gradient is None else gradient.ne(0).any(0).double().mean().item()


def pulled(module: nn.Module, inputs: Mapping[str, Any], goal: float) -> list[float]:
    """How far each output's values go when training pulls their mean toward `goal`.

    An output that has gone beyond it is left alone. The weights are put back afterwards, since a
    module with a spectral norm of the old kind cannot be copied.
    """
    start = [p.detach().clone() for p in module.parameters()]
    coin = torch.Generator().manual_seed(inputs["seed"])
    signs = torch.randn(2 * max(p.numel() for p in module.parameters()), generator=coin).sign()
    sign = math.copysign(1.0, goal)
    farthest, in_vain = [-math.inf] * len(inputs["outputs"]), 0
    for _ in range(PULLS):
        outputs = [sign * o for o in as_list(module(*given(inputs).values()))]
        came = [o.max().item() for o in outputs]
        moved = any(c > f + 1e-4 for c, f in zip(came, farthest, strict=True))
        in_vain = 0 if moved else in_vain + 1
        farthest = [max(f, c) for f, c in zip(farthest, came, strict=True)]
        near = [o.mean() for f, o in zip(farthest, outputs, strict=True) if f < abs(goal)]
        if not near or in_vain == PATIENCE:
            break
        for parameter, gradient in gradients_of(sum(near), module):
            climb(parameter, gradient, some_of(signs, parameter.shape, coin))
    with torch.no_grad():
        for parameter, before in zip(module.parameters(), start, strict=True):
            parameter.copy_(before)
    return [sign * f for f in farthest]


def some_of(signs: Tensor, shape: torch.Size, coin: torch.Generator) -> Tensor:
    """Random signs in this shape, from some place on; to draw new ones would take much longer."""
    first = int(torch.randint(len(signs) // 2 + 1, (), generator=coin))
    return signs[first : first + shape.numel()].view(shape)


def climb(parameter: Tensor, gradient: Tensor, chance: Tensor) -> None:
    """A step along the gradient's sign, and along `chance` where it is 0: a dead ReLU may wake."""
    step = gradient.nan_to_num(0.0).sign_()
    with torch.no_grad():
        parameter.add_(torch.where(step == 0, chance, step), alpha=PULL)
