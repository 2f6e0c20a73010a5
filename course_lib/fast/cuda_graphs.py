"""A training step as one CUDA graph: all of its kernels, launched by the host in one call.

A small network's kernels take a few microseconds each, as long as the host needs to launch one.
A graph removes the launches. It reads and writes fixed memory, so the arguments are copied into
that of the capture, and the results out of it. See "CUDA Graphs" in PyTorch's notes on CUDA.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from course_lib.fast.capture import check_results, places_of, reason_for, tensors_in


class GraphedStep:
    """Call it with new arguments, of the same shapes as those that were captured."""

    def __init__(self, graph, inputs: list[Tensor], results, known: list[Tensor]) -> None:
        self._graph, self._inputs, self._results = graph, inputs, results
        self._known, self._places = known, places_of(known)

    @classmethod
    def record(
        cls,
        step: Callable,
        args: tuple,
        known: list[Tensor],
        generators: Iterable[torch.Generator] = (),
        stream: "torch.cuda.Stream | None" = None,
    ) -> "GraphedStep":
        """Record `step(*args)` without running it; steps on the same `stream` have warmed it up.

        The global generator registers itself, `generators` are registered here, and each replay
        then draws fresh numbers. Raises CannotCapture where the step waits for the device.
        """
        args = tree_map_only(Tensor, torch.clone, args)
        graph, gradients = torch.cuda.CUDAGraph(), [tensor.grad for tensor in known]
        for generator in generators:
            graph.register_generator_state(generator)
        try:
            with torch.cuda.graph(graph, stream=stream):
                results = step(*args)
            check_results(results)
        except Exception as error:
            for tensor, gradient in zip(known, gradients, strict=True):
                tensor.grad = gradient
            with contextlib.suppress(Exception):
                graph.reset()  # frees its memory and lets the generator go
            raise reason_for(error) from error
        return cls(graph, tensors_in(args), results, known)

    def is_current(self) -> bool:
        """Whether every weight and state still lies where it lay when this was recorded."""
        return places_of(self._known) == self._places

    def __call__(self, *args):
        for static, new in zip(self._inputs, tensors_in(args), strict=True):
            static.copy_(new)
        self._graph.replay()
        return tree_map_only(Tensor, torch.clone, self._results)


@contextlib.contextmanager
def noting_waits() -> Iterator[list[str]]:
    """Notes where the code within makes the host wait for the device, in a list.

    Such a step cannot be captured, and a capture that fails half-way can leave the random
    generator unusable (pytorch/pytorch#171263), so this comes first.
    """
    waits: list[str] = []
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield waits
        finally:
            torch.cuda.set_sync_debug_mode(before)
    for warning in caught:
        if "synchronizing CUDA operation" in str(warning.message):
            waits.append(f"{warning.filename}, line {warning.lineno}")
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
