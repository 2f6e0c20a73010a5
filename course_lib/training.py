"""What surrounds a training loop: seed, device, scale, and batches that lie where they are used.

The loop itself belongs to the lesson that teaches it and stays visible there:

    history = History()
    for images in watch(batches(train_images, batch_size, steps), history):
        loss, log_likelihood, kl = train_step(encoder, decoder, optimizer, images, noise)
        history.add(loss=loss, kl=kl.mean())
    show(plot_history(history))

`course_lib.history` keeps the record and draws it, and `course_lib.fast` makes the step fast.
"""

import os
import random

import numpy as np
import torch
from torch import Tensor

SCALES = ("smoke", "laptop", "gpu")


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and PyTorch's global generators, the last on every device.

    >>> seed_everything(0); first = torch.rand(3)
    >>> seed_everything(0); torch.equal(first, torch.rand(3))
    True
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)  # NumPy takes 32 bits only
    torch.manual_seed(seed)


def pick_device() -> torch.device:
    """The GPU if PyTorch sees one (NVIDIA's or AMD's, then Apple's), else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def finest_float(device: torch.device | str) -> torch.dtype:
    """float64, or float32 on Apple's GPU, which has nothing finer.

    >>> finest_float("cpu"), finest_float("mps")
    (torch.float64, torch.float32)
    """
    return torch.float32 if torch.device(device).type == "mps" else torch.float64


def course_scale() -> str:
    """How much to compute: "smoke" (seconds, for CI), "laptop" (minutes) or "gpu".

    The environment variable COURSE_SCALE decides, in capitals or not; unset, the device does, and
    Apple's GPU counts as a laptop's. Any other value raises ValueError.
    """
    asked = os.environ.get("COURSE_SCALE", "")
    scale = asked.strip().lower() or ("gpu" if torch.cuda.is_available() else "laptop")
    if scale not in SCALES:
        raise ValueError(f"COURSE_SCALE must be smoke, laptop or gpu; got {asked!r}")
    return scale


def at_scale(smoke, laptop, gpu):
    """The one that belongs to the scale in force, as in `steps = at_scale(20, 2000, 50_000)`."""
    return {"smoke": smoke, "laptop": laptop, "gpu": gpu}[course_scale()]


def batches(
    tensors: Tensor | tuple[Tensor, ...],
    batch_size: int,
    steps: int,
    generator: torch.Generator | None = None,
) -> "Batches":
    """Yield `steps` random batches, gathered on the device where the tensors lie.

    Every pass over the N examples (an epoch) uses a fresh permutation, so no example comes twice in
    one pass; the N % batch_size examples at its end are skipped, others in each pass. A tensor
    gives tensors, a tuple of tensors (images, labels) gives tuples. `generator` must live on the
    tensors' device and makes the order reproducible; without it the global one is used.

    Raises ValueError, at once, for a batch_size outside 1..N, for tensors of different lengths and
    for tensors on different devices.

    >>> images, labels = torch.rand(10, 1, 28, 28), torch.arange(10)
    >>> [b.tolist() for b in batches(labels, 5, 2, torch.Generator().manual_seed(0))]
    [[4, 1, 7, 5, 3], [9, 0, 8, 6, 2]]
    >>> for image_batch, label_batch in batches((images, labels), batch_size=4, steps=3):
    ...     print(tuple(image_batch.shape), tuple(label_batch.shape))
    (4, 1, 28, 28) (4,)
    (4, 1, 28, 28) (4,)
    (4, 1, 28, 28) (4,)
    """
    several = isinstance(tensors, tuple)
    columns = tensors if several else (tensors,)
    lengths, devices = {len(t) for t in columns}, {t.device for t in columns}
    if len(lengths) != 1 or len(devices) != 1:
        got = ", ".join(f"{tuple(t.shape)} on {t.device}" for t in columns)
        raise ValueError(f"batches needs tensors of one length on one device; got {got or 'none'}")
    (count,) = lengths
    if not 1 <= batch_size <= count:
        raise ValueError(f"batch_size must lie in 1..{count}, the examples given; got {batch_size}")

    return Batches(columns, several, batch_size, steps, generator)


class Batches:
    """The iterator that `batches` returns. A checkpoint keeps its place in the middle of an epoch.

    >>> stream = batches(torch.arange(6), batch_size=2, steps=5)
    >>> first, place = next(stream), stream.state_dict()
    >>> rest = torch.stack([*stream])
    >>> stream.load_state_dict(place); torch.equal(torch.stack([*stream])[:2], rest[:2])
    True
    """

    def __init__(
        self,
        columns: tuple[Tensor, ...],
        several: bool,
        batch_size: int,
        steps: int,
        generator: torch.Generator | None,
    ) -> None:
        self._columns, self._several, self._generator = columns, several, generator
        self._batch_size, self._steps, self._step = batch_size, steps, 0
        self._order, self._before_order = None, None  # of this epoch, and what it was drawn from

    def __iter__(self) -> "Batches":
        return self

    def __len__(self) -> int:
        """The number of batches still to come."""
        return self._steps - self._step

    def __next__(self) -> Tensor | tuple[Tensor, ...]:
        if self._step == self._steps:
            raise StopIteration
        place = self._step % (len(self._columns[0]) // self._batch_size)
        if place == 0:
            self._before_order = self._random_state()
            self._order = self._shuffle(self._generator)
        self._step += 1
        rows = self._order.narrow(0, place * self._batch_size, self._batch_size)
        batch = tuple(column.index_select(0, rows) for column in self._columns)
        return batch if self._several else batch[0]

    def state_dict(self) -> dict:
        """The step, the random states that give this epoch's order and the later ones, sizes."""
        own = self._generator.get_state() if self._generator is not None else None
        place = {"step": self._step, "before_order": self._before_order, "generator": own}
        return place | self._what_orders()

    def load_state_dict(self, state: dict) -> None:
        """Go on where `state_dict` was called; a global generator is for the caller to set back.

        Raises ValueError, changing nothing, where the order would be another: for another batch
        size, number of examples or kind of device, for a generator of its own on one side only; and
        where the saved run has gone further than this one is to go.
        """
        self._require_same_order(state)
        order = None
        if state["before_order"] is not None:
            again = torch.Generator(self._columns[0].device)
            again.set_state(state["before_order"])
            order = self._shuffle(again)
        if self._generator is not None:
            self._generator.set_state(state["generator"])
        self._step, self._before_order, self._order = state["step"], state["before_order"], order

    def _what_orders(self) -> dict:
        first = self._columns[0]
        return {
            "batch_size": self._batch_size,
            "examples": len(first),
            "device": first.device.type,
            "own_generator": self._generator is not None,
        }

    def _require_same_order(self, state: dict) -> None:
        for name, ours in self._what_orders().items():
            if state[name] != ours:
                raise ValueError(
                    f"the saved batches have {name} = {state[name]!r}, these have {ours!r}; "
                    "their order would be another"
                )
        if state["step"] > self._steps:
            raise ValueError(
                f"the saved run is at batch {state['step']:,}, this one ends at {self._steps:,}"
            )

    def _shuffle(self, generator: torch.Generator | None) -> Tensor:
        first = self._columns[0]
        return torch.randperm(len(first), generator=generator, device=first.device)

    def _random_state(self) -> Tensor:
        """Of the generator that the next shuffle draws from."""
        device = self._columns[0].device
        if self._generator is not None:
            return self._generator.get_state()
        if device.type == "cuda":
            return torch.cuda.get_rng_state(device)
        return torch.mps.get_rng_state() if device.type == "mps" else torch.get_rng_state()
