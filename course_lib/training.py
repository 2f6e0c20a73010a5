"""What surrounds a training loop: seed, device, scale, batches, the record, the progress.

The loop itself belongs to the lesson that teaches it and stays visible there:

    history = History()
    for images in watch(batches(train_images, batch_size, steps), steps, history):
        loss, log_likelihood, kl = train_step(encoder, decoder, optimizer, images, noise)
        history.add(loss=loss, kl=kl.mean())
    show(plot_history(history))

Nothing in it makes the host wait for a GPU: batches are gathered on the device where the data
lies, the history stays on the device until somebody looks at it, and `watch` looks seldom enough
that the looking costs less than a twentieth of the time.
"""

import numbers
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from course_lib import plotting

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
    """The GPU if PyTorch sees one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def course_scale() -> str:
    """How much to compute: "smoke" (seconds, for CI), "laptop" (minutes) or "gpu".

    The environment variable COURSE_SCALE decides; unset, the device does. Any other value raises
    ValueError.
    """
    scale = os.environ.get("COURSE_SCALE") or ("gpu" if torch.cuda.is_available() else "laptop")
    if scale not in SCALES:
        raise ValueError(f"COURSE_SCALE must be smoke, laptop or gpu; got {scale!r}")
    return scale


def at_scale(smoke, laptop, gpu):
    """The one that belongs to the scale in force, as in `steps = at_scale(20, 2000, 50_000)`."""
    return {"smoke": smoke, "laptop": laptop, "gpu": gpu}[course_scale()]


def is_static() -> bool:
    """True where nobody watches: no widgets, no progress bars, no live curves.

    So it is under COURSE_STATIC=1, under pytest and nbval (whose kernels inherit PYTEST_VERSION),
    and in a script, which has no Jupyter kernel.
    """
    asked = os.environ.get("COURSE_STATIC", "") not in ("", "0")
    return asked or "PYTEST_VERSION" in os.environ or not plotting.in_notebook()


def batches(
    tensors: Tensor | tuple[Tensor, ...],
    batch_size: int,
    steps: int,
    generator: torch.Generator | None = None,
) -> Iterator:
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
    (count,), (device,) = lengths, devices
    if not 1 <= batch_size <= count:
        raise ValueError(f"batch_size must lie in 1..{count}, the examples given; got {batch_size}")

    def gather() -> Iterator:
        per_epoch = count // batch_size
        for step in range(steps):
            if step % per_epoch == 0:
                order = torch.randperm(count, generator=generator, device=device)
            rows = order.narrow(0, step % per_epoch * batch_size, batch_size)
            batch = tuple(t.index_select(0, rows) for t in columns)
            yield batch if several else batch[0]

    return gather()


class History:
    """The record of a run: named scalars, one row per update.

    `add` copies its scalars where they are and reads none of them, so a GPU is never waited for;
    `history["loss"]` fetches the whole curve as a 1-D float32 tensor on the CPU. A million rows of
    one name take 4 MB.

    >>> history = History()
    >>> for step in range(3):
    ...     history.add(loss=torch.tensor(3.0 - step), kl=0.5)
    >>> history["loss"]
    tensor([3., 2., 1.])
    >>> history.names, len(history)
    (('loss', 'kl'), 3)
    """

    def __init__(self) -> None:
        self._columns: dict[str, _Column] = {}
        self._length = 0

    def add(self, **scalars: Tensor | float) -> None:
        """Append one row. Each value is a number or a tensor of shape (), on any device.

        Raises ValueError for a value of another shape (reduce it first: `kl.mean()`) and for names
        that differ from those of the first row.
        """
        if not scalars or (self._columns and scalars.keys() != self._columns.keys()):
            raise ValueError(
                f"every add must name the same scalars: {', '.join(self.names) or 'at least one'}; "
                f"got {', '.join(scalars) or 'none'}"
            )
        for name, value in scalars.items():
            _require_scalar(name, value)
        for name, value in scalars.items():
            self._columns.setdefault(name, _Column()).append(value)
        self._length += 1

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._columns:
            raise KeyError(f"no {name!r} in this history; it has {', '.join(self.names) or 'none'}")
        return self._columns[name].values()

    def __len__(self) -> int:
        return self._length

    @property
    def names(self) -> tuple[str, ...]:
        """The scalars' names, in the order of the first row."""
        return tuple(self._columns)


def _require_scalar(name: str, value: object) -> None:
    if isinstance(value, Tensor):
        if value.ndim:
            raise ValueError(
                f"history.add: {name} must be one number, shape (); got {tuple(value.shape)}. "
                f"Reduce it first: {name}.mean()"
            )
    elif not isinstance(value, numbers.Real):
        raise ValueError(f"history.add: {name} must be a number or tensor; got {type(value)}")


class _Column:
    """One growing curve: single scalars, then blocks on their device, then one part on the CPU."""

    BLOCK = 1024

    def __init__(self) -> None:
        self._fetched = torch.empty(0)
        self._blocks: list[Tensor] = []
        self._pending: list[Tensor | float] = []

    def append(self, value: Tensor | float) -> None:
        if isinstance(value, Tensor):
            # clone: a compiled or captured step may write its next loss into this very memory
            value = value.detach().clone()
        if self._pending and _place(value) != _place(self._pending[0]):
            self._pack()
        self._pending.append(value)
        if len(self._pending) == self.BLOCK:
            self._pack()

    def values(self) -> Tensor:
        self._pack()
        # one transfer a device: blocks are joined where they lie before they are moved
        self._fetched = torch.cat([self._fetched, *(b.cpu() for b in _join(self._blocks))])
        self._blocks = []
        return self._fetched.clone()

    def _pack(self) -> None:
        if self._pending:
            on_device = isinstance(self._pending[0], Tensor)
            pack = torch.stack if on_device else torch.tensor
            self._blocks.append(pack(self._pending).float())
            self._pending = []


def _place(value: Tensor | float) -> tuple | None:
    return (value.device, value.dtype) if isinstance(value, Tensor) else None


def _join(blocks: Sequence[Tensor]) -> list[Tensor]:
    """Neighbours on one device concatenated."""
    joined: list[list[Tensor]] = []
    for block in blocks:
        if joined and joined[-1][0].device == block.device:
            joined[-1].append(block)
        else:
            joined.append([block])
    return [torch.cat(group) for group in joined]


def watch(
    iterable: Iterable,
    total: int | None = None,
    history: History | None = None,
    curves: Sequence[str] | None = None,
    title: str = "",
) -> Iterator:
    """Yield the items of `iterable` and meanwhile draw a progress bar and a live curve.

    `total` is the number of items where `iterable` has no length. The curve shows `history`, or of
    it the names in `curves`, and disappears at the end, where the lesson shows the final one.
    Drawing costs less than 5 % of the time; where `is_static()`, nothing is drawn at all.

    >>> history = History()
    >>> for x in watch(range(3), history=history):
    ...     history.add(square=x * x)
    >>> history["square"]
    tensor([0., 1., 4.])
    """
    if is_static():
        yield from iterable
        return
    picture = _CurveDisplay(history, curves, title)
    schedule = _Schedule(picture.draw)
    try:
        for item in tqdm(iterable, total=total, desc=title or None, mininterval=0.5):
            yield item
            if history:
                schedule.tick()
    finally:
        picture.clear()


class _Schedule:
    """Calls `draw` so seldom that it takes less than 5 % of the time since the start.

    The ledger behind the promise: a drawing starts only once 20 x (all the time spent drawing so
    far + twice the last drawing's time, for the one to come) has passed, and 20 x the last one's
    since it ended. So the promise holds at every moment while no drawing takes more than twice the
    one before it, and a slower one is made up for by a longer wait. Late in a long run a picture
    changes slowly and comes every 5 % of the elapsed time.
    """

    WAIT = 20
    FIRST_COST = 0.25  # seconds allowed for the first drawing, whose cost nobody has measured

    def __init__(
        self, draw: Callable[[], None], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._draw, self._clock = draw, clock
        self._start, self._spent = clock(), 0.0
        self._due = self._start + self.WAIT * self.FIRST_COST

    def tick(self) -> None:
        begin = self._clock()
        if begin < self._due:
            return
        self._draw()  # fetches the history and so waits for the device: that is counted too
        end = self._clock()
        cost = end - begin
        self._spent += cost
        paid = self._start + self.WAIT * (self._spent + 2 * cost)
        self._due = max(paid, end + self.WAIT * cost, end + (end - self._start) / self.WAIT)


class _CurveDisplay:
    """One output in the notebook that is replaced by each drawing of the history."""

    def __init__(self, history: History | None, curves: Sequence[str] | None, title: str) -> None:
        self._history, self._curves, self._title = history, curves, title
        self._handle = None

    def draw(self) -> None:
        figure = plotting.plot_history(self._history, self._curves, self._title)
        self._put(plotting.png_bundle(figure))

    def clear(self) -> None:
        if self._handle is not None:
            self._put({"text/plain": "", "text/html": ""})

    def _put(self, bundle: dict) -> None:
        from IPython.display import display

        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)
