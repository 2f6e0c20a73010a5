"""What a capture freezes, as a key: a replay is right only for a call with the same key.

A replay runs no Python, so whatever Python may have looked at belongs in the key: how the arguments
are nested and named, the kind of each tensor, every value that is no tensor, which networks train
and which weights do, the optimizers' plain numbers, and PyTorch's switches.
"""

from collections.abc import Hashable, Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class CannotKey(TypeError):
    """A value by which calls cannot be told apart; the message says why, in half a sentence."""


def key_of(value, seen: dict[int, int] | None = None) -> Hashable:
    """The structure and the kinds of the tensors in `value`, and all that is no tensor.

    Values of different types differ, as a step may ask for the type. A tensor that comes twice is
    marked, since the recording cannot tell its two places apart.

    >>> x = torch.zeros(2)
    >>> key_of({"a": x}) == key_of({"b": x}), key_of([x, [x]]) == key_of([[x], x])
    (False, False)
    >>> key_of(True) == key_of(1), key_of({"a": x}) == key_of({"a": x + 1})
    (False, True)

    Raises CannotKey for a value that cannot be hashed.
    """
    seen = {} if seen is None else seen
    kind = type(value)
    if isinstance(value, Tensor):
        place = seen.setdefault(id(value), len(seen))
        look = value.shape, value.stride() if value.layout is torch.strided else value.layout
        return kind, place, look, value.dtype, value.device, value.requires_grad
    if isinstance(value, dict):
        return kind, tuple((key_of(k, seen), key_of(v, seen)) for k, v in value.items())
    if isinstance(value, list | tuple):
        return kind, tuple(key_of(item, seen) for item in value)
    if isinstance(value, float | complex):
        return kind, repr(value)  # 0.0 is not -0.0, and NaN is itself
    try:
        hash(value)
    except TypeError:
        raise CannotKey(
            f"an argument is a {kind.__name__}, whose contents may differ from call to call; "
            "pass tensors, numbers, strings, or tuples and dicts of them"
        ) from None
    return kind, value


def surroundings(
    networks: Iterable[nn.Module], optimizers: Iterable[Optimizer], device: str
) -> tuple:
    """All beside the arguments that a capture freezes.

    >>> network = nn.Linear(1, 1)
    >>> training = surroundings([network], [], "cpu")
    >>> surroundings([network.eval()], [], "cpu") == training
    False
    """
    switches = torch.is_grad_enabled(), torch.is_autocast_enabled(device), torch.get_default_dtype()
    modules = list(networks)
    for module in modules:  # the list grows while it is read: a walk without recursion
        modules += [child for child in module._modules.values() if child is not None]
    modes = [(id(module), module.training) for module in modules]
    weights = [
        (id(p), p.requires_grad)
        for module in modules
        for p in module._parameters.values()
        if p is not None
    ]
    numbers = [
        value
        for optimizer in optimizers
        for group in optimizer.param_groups
        for name, value in group.items()
        if name not in ("params", "initial_lr") and not isinstance(value, Tensor)
    ]
    return switches, *modes, *weights, *map(_plain, numbers)


def _plain(value) -> Hashable:
    return tuple(value) if isinstance(value, list) else value
