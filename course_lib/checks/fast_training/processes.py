"""Several processes of torch.distributed, played by threads that take turns.

An answer calls `dist.all_reduce` and its kin as it would under torchrun. Each rank runs in a thread
of its own, one at a time, and passes the turn on where a real process would wait for the others. So
a check needs no network and no second interpreter, its result does not depend on chance, and a rank
that waits for ever is found out instead of waited for.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

REDUCE = {
    dist.ReduceOp.SUM: lambda values: values.sum(dim=0),
    dist.ReduceOp.AVG: lambda values: values.mean(dim=0),
    dist.ReduceOp.MAX: lambda values: values.amax(dim=0),
    dist.ReduceOp.MIN: lambda values: values.amin(dim=0),
    dist.ReduceOp.PRODUCT: lambda values: values.prod(dim=0),
}


def in_processes(functions: list[Callable[[], Any]]) -> tuple[list[Any], int, int]:
    """Run function r as rank r of one process group.

    Their results, how often they talked, and how many calls nobody waited for.

    Raises what the first failing rank raised, and WaitsForEver where no rank can go on.

    >>> def total(number):
    ...     tensor = torch.tensor(number)
    ...     dist.all_reduce(tensor)
    ...     return tensor.item()
    >>> in_processes([lambda: total(1.0), lambda: total(10.0)])
    ([11.0, 11.0], 1, 0)
    """
    exchange = Exchange(len(functions))
    ranks = [Rank(r, exchange, function) for r, function in enumerate(functions)]
    exchange.take_turns(ranks)
    unawaited = sum(not pending.is_completed() for pending in exchange.pending)
    return [rank.result for rank in ranks], len(exchange.calls), unawaited


class Exchange:
    """What the ranks put on the table: for each collective call, the tensors of each rank."""

    def __init__(self, size: int) -> None:
        self.size, self.progress, self.stopped = size, 0, False
        self.calls: list[dict[int, list[Tensor]]] = []
        self.pending: list[Pending] = []

    def put(self, rank: int, call: int, tensors: list[Tensor]) -> None:
        if call == len(self.calls):
            self.calls.append({})
        self.calls[call][rank] = [t.detach().clone() for t in tensors]
        self.progress += 1

    def complete(self, call: int) -> bool:
        return len(self.calls[call]) == self.size

    def stacked(self, call: int) -> list[Tensor]:
        """The call's tensors, `(rank, ...)` each."""
        rows = [self.calls[call][rank] for rank in range(self.size)]
        try:
            return [torch.stack(column) for column in zip(*rows, strict=True)]
        except (RuntimeError, ValueError):
            raise RuntimeError(
                "the processes do not send tensors of the same shapes in the same order"
            ) from None

    def take_turns(self, ranks: list[Rank]) -> None:
        while waiting := [rank for rank in ranks if not rank.done]:
            before = self.progress
            for rank in waiting:
                with environment(rank):
                    rank.run_until_it_waits()
            failed = next((rank for rank in ranks if rank.error), None)
            stuck = self.progress == before and not all(rank.done for rank in ranks)
            if failed or stuck:
                self.stopped = True
                for rank in ranks:
                    rank.run_until_it_waits()
                raise (
                    failed.error
                    if failed
                    else WaitsForEver(
                        "a process waits for ever: the others do not take part in its exchange"
                    )
                )


@contextmanager
def environment(rank: Rank) -> Iterator[None]:
    """The default process group and torchrun's variables, as this rank should see them."""
    names = {"RANK": str(rank.number), "WORLD_SIZE": str(rank.exchange.size)}
    before, variables = dist.group.WORLD, {name: os.environ.get(name) for name in names}
    backends = dist.distributed_c10d._world.pg_map  # torch looks here when it reports an error
    dist.group.WORLD, backends[rank.group] = rank.group, ("threads", None)
    os.environ.update(names)
    try:
        yield
    finally:
        dist.group.WORLD = before
        del backends[rank.group]
        for name, value in variables.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class WaitsForEver(RuntimeError):
    """Some processes take part in an exchange and others do not."""


class Stopped(BaseException):
    """Ends a thread whose companions failed; no answer's `except Exception` holds it up."""


class Rank:
    """One function in a thread that runs when it has the turn."""

    def __init__(self, number: int, exchange: Exchange, function: Callable[[], Any]) -> None:
        self.number, self.exchange, self.function = number, exchange, function
        self.group = ThreadGroup(self)
        self.result, self.error, self.done = None, None, False
        self._turn, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread: threading.Thread | None = None

    def run_until_it_waits(self) -> None:
        if self.done:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._turn.release()
        self._back.acquire()

    def _run(self) -> None:
        self._turn.acquire()
        try:
            if not self.exchange.stopped:
                self.result = self.function()
        except Stopped:
            pass
        except BaseException as error:  # sys.exit() too, or the others would wait for ever
            self.error = error
        self.done = True
        self.exchange.progress += 1
        self._back.release()

    def pass_the_turn(self) -> None:
        self._back.release()
        self._turn.acquire()
        if self.exchange.stopped:
            raise Stopped


class ThreadGroup(dist.ProcessGroup):
    """The process group as one rank sees it: what torch.distributed's functions call."""

    def __init__(self, rank: Rank) -> None:
        super().__init__(rank.number, rank.exchange.size)
        self._rank, self._calls = rank, 0

    def allreduce(self, tensors, opts=None):
        reduce = REDUCE[dist.ReduceOp.SUM if opts is None else reduction(opts)]
        return self._start(tensors, lambda all_tensors: map(reduce, all_tensors), tensors)

    allreduce_coalesced = allreduce

    def reduce(self, tensors, opts):
        reduce, root = REDUCE[reduction(opts)], opts.rootRank
        targets = tensors if self._rank.number == root else []
        return self._start(tensors, lambda all_tensors: map(reduce, all_tensors), targets)

    def broadcast(self, tensors, opts):
        return self._start(
            tensors, lambda all_tensors: (t[opts.rootRank] for t in all_tensors), tensors
        )

    def allgather(self, outputs, tensors, opts=None):
        return self._start(tensors, lambda all_tensors: all_tensors[0].unbind(), outputs[0])

    def barrier(self, opts=None):
        return self._start([], lambda all_tensors: [], [])

    def _start(self, tensors, combine, targets) -> Pending:
        call, self._calls = self._calls, self._calls + 1
        self._rank.exchange.put(self._rank.number, call, tensors)
        pending = Pending(self._rank, call, combine, targets)
        self._rank.exchange.pending.append(pending)
        return pending


def reduction(opts) -> dist.ReduceOp.RedOpType:
    return next(op for op in REDUCE if opts.reduceOp == op)


class Pending:
    """A collective under way. Its result arrives when `wait` is called, not before."""

    def __init__(self, rank: Rank, call: int, combine: Callable, targets: list[Tensor]) -> None:
        self._rank, self._call, self._combine, self._targets = rank, call, combine, targets
        self._finished = False

    def wait(self, timeout=None) -> bool:
        exchange = self._rank.exchange
        while not exchange.complete(self._call):
            self._rank.pass_the_turn()
        if not self._finished:
            self._finished = True
            combined = list(self._combine(exchange.stacked(self._call)))
            with torch.no_grad():
                for target, value in zip(self._targets, combined, strict=False):
                    target.copy_(value)
        return True

    def is_completed(self) -> bool:
        return self._finished
