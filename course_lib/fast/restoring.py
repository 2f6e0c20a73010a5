"""Everything that a step can change, noted before some trial steps and put back after them.

Whatever the step's Python reaches is followed: its closure, the globals that it names, the objects
in these, and so on. Tensors get back their values, gradients and flags, containers and objects
their contents, generators their states, bit for bit, on the very same objects.
"""

import functools
import io
import operator
import random
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from course_lib.runs.checkpoints import random_state, set_random_state

MOST_BYTES = 1 << 29  # of copies
MOST_OBJECTS = 20_000
LEFT_ALONE = {"torch", "numpy", "matplotlib", "IPython", "ipykernel", *sys.stdlib_module_names}


class CannotRestore(RuntimeError):
    """The step reaches something that cannot be put back; the message names it."""


class Snapshot:
    """The state of all that can be reached from `roots`, and of every random generator.

    >>> weight, seen = torch.ones(2), []
    >>> def step():
    ...     seen.append(weight.mul_(2).sum())
    >>> before = Snapshot([step]); step(); before.restore()
    >>> weight, seen
    (tensor([1., 1.]), [])

    Raises CannotRestore for an iterator, an open file, and for more than half a gigabyte.
    """

    def __init__(self, roots: Iterable, leave: Iterable = ()) -> None:
        self._undo: list[Callable[[], None]] = []
        self._seen = {id(value): value for value in leave}  # held, so that no id is used twice
        self._bytes = 0
        waiting = list(roots)
        while waiting:
            value = waiting.pop()
            if id(value) in self._seen:
                continue
            self._seen[id(value)] = value
            if len(self._seen) > MOST_OBJECTS:
                raise CannotRestore(f"the step reaches more than {MOST_OBJECTS:,} objects")
            waiting += self._note(value)
        self._random = random_state()

    def restore(self) -> None:
        """Put everything back."""
        for undo in self._undo:
            undo()
        set_random_state(self._random)

    def _note(self, value) -> Iterable:
        """Note how to undo changes of `value` itself; returns what it leads to."""
        if isinstance(value, Tensor):
            return self._note_tensor(value)
        if isinstance(value, np.ndarray) and not value.flags.writeable:
            return ()
        if isinstance(value, np.ndarray):
            self._count(value.nbytes)
            self._undo.append(functools.partial(np.copyto, value, value.copy()))
            return ()
        if isinstance(value, torch.Generator):
            self._undo.append(functools.partial(value.set_state, value.get_state()))
            return ()
        if isinstance(value, random.Random):
            self._undo.append(functools.partial(value.setstate, value.getstate()))
            return ()
        if isinstance(value, np.random.Generator):
            bits = value.bit_generator
            self._undo.append(functools.partial(setattr, bits, "state", bits.state))
            return ()
        if isinstance(value, types.FunctionType):
            return self._note_function(value)
        if isinstance(value, types.MethodType):
            return value.__self__, value.__func__
        if isinstance(value, functools.partial):
            return value.func, value.args, value.keywords
        if isinstance(value, tuple | frozenset):
            return value
        return self._note_object(value)

    def _note_tensor(self, tensor: Tensor) -> Iterable:
        if tensor.is_inference() and not torch.is_inference_mode_enabled():
            raise CannotRestore("the step reaches a tensor made in inference mode")
        if tensor.layout is not torch.strided:
            raise CannotRestore(f"the step reaches a tensor of layout {tensor.layout}")
        self._count(tensor.nbytes)
        memory, leaf = tensor.data, tensor.is_leaf
        numbers = _once_each(memory)
        value, flag = numbers.clone(), tensor.requires_grad
        gradient = tensor.grad if leaf else None

        def undo() -> None:
            if tensor.data_ptr() != memory.data_ptr() or tensor.shape != memory.shape:
                tensor.data = memory
            numbers.copy_(value)
            if leaf and tensor.is_leaf:
                tensor.grad, tensor.requires_grad = gradient, flag

        self._undo.append(undo)
        return () if gradient is None else (gradient,)

    def _note_function(self, function: types.FunctionType) -> Iterator:
        if not _is_own(function):
            return
        for cell in function.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:  # not assigned yet
                continue
            self._undo.append(functools.partial(setattr, cell, "cell_contents", content))
            yield content
        known = function.__globals__
        for name in _names(function.__code__) & known.keys():
            self._undo.append(functools.partial(known.__setitem__, name, known[name]))
            yield known[name]
        yield function.__defaults__
        yield function.__kwdefaults__
        yield function.__dict__

    def _note_object(self, value) -> Iterable:
        """A container or an object with attributes; a module or a class of code is left alone."""
        kind = type(value)
        if isinstance(value, types.ModuleType | type):
            return ()
        if isinstance(value, io.IOBase):
            raise CannotRestore("the step reaches an open file")
        contents = self._note_container(value)
        attributes = getattr(value, "__dict__", None)
        if isinstance(attributes, dict):
            contents += self._note_container(attributes)
            if _is_own(kind):  # its methods may reach further
                contents += [
                    member
                    for parent in kind.__mro__
                    for member in vars(parent).values()
                    if isinstance(member, types.FunctionType)
                ]
        elif hasattr(kind, "__next__") or (hasattr(kind, "__slots__") and _is_own(kind)):
            raise CannotRestore(f"the step reaches a {kind.__name__}, which cannot be set back")
        return contents

    def _note_container(self, value) -> list:
        """The items of a dict, list, deque or set, which get their places back; else nothing."""
        if isinstance(value, dict):
            items, fill, contents = value.items, value.update, [*value.keys(), *value.values()]
        elif isinstance(value, list | deque | set):
            fill = value.update if isinstance(value, set) else value.extend
            items, contents = value.__iter__, list(value)
        else:
            return []
        before = list(items())

        def undo() -> None:
            if not _same(before, list(items())):
                value.clear()
                fill(before)

        self._undo.append(undo)
        return contents

    def _count(self, size: int) -> None:
        self._bytes += size
        if self._bytes > MOST_BYTES:
            raise CannotRestore(f"the step reaches more than {MOST_BYTES >> 20} MB of tensors")


def _once_each(tensor: Tensor) -> Tensor:
    """The tensor without the repetitions of an expanded one, which cannot be written to."""
    for axis, (size, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        if size > 1 and stride == 0:
            tensor = tensor.narrow(axis, 0, 1)
    return tensor


def _same(before: list, now: list) -> bool:
    """Whether these are the very same objects; pairs of a dict by their parts."""
    pairs = zip(before, now, strict=False)
    return len(before) == len(now) and all(
        all(map(operator.is_, a, b)) if type(a) is type(b) is tuple else a is b for a, b in pairs
    )


def _names(code: types.CodeType) -> set[str]:
    """The names that the code, and functions defined in it, may look up among the globals."""
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _is_own(thing) -> bool:
    """Whether a function or class was written in a lesson, by a student, or in the course."""
    return (thing.__module__ or "builtins").split(".")[0] not in LEFT_ALONE
