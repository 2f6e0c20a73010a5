"""Data parallel training: the same script on several GPUs or machines, started by torchrun.

    torchrun --nproc-per-node 2 train.py

Every process trains the same networks on its own part of each batch, and torch's own
DistributedDataParallel averages the gradients during the backward pass:

    with team() as us:
        encoder, decoder = us.share(encoder.to(us.device)), us.share(decoder.to(us.device))
        seed_everything(us.seed(0))                              # from here on, noise of its own
        stream = batches(train_images, us.part(batch_size), steps)

Started without torchrun, the team is one process, and nothing changes. The mean of the processes'
mean losses is the mean over the whole batch, so two processes with half the batch take the step
that one takes with all of it. What looks at a whole batch sees its own part only: BatchNorm's
statistics are those of the part (`torch.nn.SyncBatchNorm` exchanges them, on CUDA).
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from course_lib.training import pick_device


@dataclass(frozen=True)
class Team:
    """This process among those that train together: `rank` of `size`, and its device."""

    rank: int
    size: int
    device: torch.device

    def share(self, network: nn.Module) -> nn.Module:
        """The network with rank 0's weights, whose gradients are averaged from now on.

        Call it before making the optimizer. A network without weights to train is returned as it
        is, and so is every network in a team of one.
        """
        trained = any(p.requires_grad for p in network.parameters())
        if self.size == 1 or not trained:
            return network
        ids = [self.device.index] if self.device.type == "cuda" else None
        # buffers stay apart: sent along in each forward pass, the second pass of a discriminator
        # would write over what the backward pass of the first still needs
        return DistributedDataParallel(network, device_ids=ids, broadcast_buffers=False)

    def part(self, batch_size: int) -> int:
        """This process's share of a batch. Raises ValueError where it does not divide evenly.

        >>> Team(0, 2, torch.device("cpu")).part(128)
        64
        """
        if batch_size % self.size:
            raise ValueError(f"batch_size must be a multiple of {self.size}; got {batch_size}")
        return batch_size // self.size

    def seed(self, seed: int) -> int:
        """Another seed for each process, the same in each run; rank 0 keeps `seed`.

        >>> [Team(rank, 3, torch.device("cpu")).seed(7) for rank in range(3)]
        [7, 1000010, 2000013]
        """
        return seed + 1_000_003 * self.rank

    def folder(self, folder: str | Path) -> Path:
        """A folder for this process's checkpoints: its random states are its own."""
        return Path(folder) / f"process-{self.rank}"

    def least(self, number: int) -> int:
        """The smallest of all processes' numbers: `resume(us.least(checkpoints.newest()))`."""
        smallest = torch.tensor(number, device=self.device)
        if self.size > 1:
            dist.all_reduce(smallest, dist.ReduceOp.MIN)
        return int(smallest)

    def mean(self, value: Tensor) -> Tensor:
        """The mean of all processes' tensors, for the record; every process must call it."""
        value = value.detach().clone()
        if self.size > 1:
            dist.all_reduce(value)
            value /= self.size
        return value


@contextlib.contextmanager
def team() -> Iterator[Team]:
    """The processes that torchrun started, joined within; one process without torchrun.

    They talk through nccl on CUDA, one GPU each, and through gloo on the CPU; on a machine with
    Apple's GPU too, which has no way to average gradients.

    >>> with team() as us:
    ...     us.rank, us.size
    (0, 1)
    """
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        yield Team(0, 1, pick_device())
        return
    device = torch.device("cuda" if pick_device().type == "cuda" else "cpu")
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Team(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()


@contextlib.contextmanager
def passing_through(network: nn.Module) -> Iterator[None]:
    """Within, gradients pass through the network and none of its own are averaged.

    A generator's step needs it around its pass through a shared discriminator, where it calls
    `loss.backward(inputs=...)`: DistributedDataParallel waits for gradients that never come.

    >>> with passing_through(nn.Linear(1, 1)):
    ...     pass
    """
    shared = isinstance(network, DistributedDataParallel)
    with network.no_sync() if shared else contextlib.nullcontext():
        yield
