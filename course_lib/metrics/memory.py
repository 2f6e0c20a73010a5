"""How much memory a step needs, counted tensor by tensor: the same number on every machine."""

import weakref
from collections.abc import Callable

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_bytes(step: Callable[[], object]) -> int:
    """The most bytes that the tensors made in `step()` occupy at one time, on any device.

    Every operation, those of the backward pass and of the optimizer included, is watched for new
    storages; each counts from where it is made until the last tensor on it is gone. What stood
    there before (weights, an optimizer's moments) is not counted, nor is what an operation takes
    and gives back within itself. `torch.cuda.max_memory_allocated` measures a GPU's allocator in
    the same way; this needs no GPU and depends on no machine.

    >>> import torch
    >>> def step():
    ...     x = torch.zeros(1000)  # 4,000 bytes
    ...     y = x + 1  # both live
    ...     del x
    ...     return y[:10] * 2  # 40 bytes more
    >>> peak_bytes(step)
    8000
    """
    with _Counting() as counting:
        step()
    return counting.peak


class _Counting(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.peak = self._now = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        given = {_place(t) for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        results = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves(results):
            if isinstance(tensor, Tensor) and _place(tensor) not in given | self._known:
                self._count(tensor)
        return results

    def _count(self, tensor: Tensor) -> None:
        storage, place = tensor.untyped_storage(), _place(tensor)
        size = storage.nbytes()
        self._known.add(place)
        self._now += size
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._release, place, size)

    def _release(self, place: int, size: int) -> None:
        self._known.discard(place)
        self._now -= size


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
