"""The record of a training run, and the looking at it while it goes on.

Nothing here makes the host wait for a GPU: the history stays on the device until somebody looks at
it, and `watch` looks seldom enough that the looking costs less than a twentieth of the time.
"""

import numbers
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from course_lib import plotting
from course_lib.environment import is_static


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

    def state_dict(self) -> dict[str, Tensor]:
        """The curves so far, for a checkpoint."""
        return {name: self[name] for name in self.names}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take these curves instead of those recorded so far.

        >>> history, resumed = History(), History()
        >>> history.add(loss=0.5); resumed.load_state_dict(history.state_dict()); resumed["loss"]
        tensor([0.5000])
        """
        self._columns = {name: _Column(curve) for name, curve in state.items()}
        self._length = len(next(iter(state.values()), ()))

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

    def __init__(self, fetched: Tensor | None = None) -> None:
        self._fetched = torch.empty(0) if fetched is None else fetched.clone()
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
    history: History | None = None,
    curves: Sequence[str] | None = None,
    title: str = "",
    log=None,
) -> Iterator:
    """Yield the items of `iterable` and meanwhile draw a progress bar and a live curve.

    The curve shows `history`, or of it the names in `curves`, and disappears at the end, where the
    lesson shows the final one. Drawing costs less than 5 % of the time; where `is_static()`,
    nothing is drawn at all. `log`, an EventLog, is given what is new in `history` as often, and at
    the end, drawn or not.

    >>> history = History()
    >>> for x in watch(range(3), history):
    ...     history.add(square=x * x)
    >>> history["square"]
    tensor([0., 1., 4.])
    """
    if is_static() and log is None:
        yield from iterable
        return
    picture = None if is_static() else _CurveDisplay(history, curves, title)

    def look() -> None:
        if picture:
            picture.draw()
        if log:
            log.add_history(history)

    schedule = _Schedule(look)
    items = _with_bar(iterable, title) if picture else iterable
    try:
        for item in items:
            yield item
            if history:
                schedule.tick()
    finally:
        if picture:
            picture.clear()
        if log and history:
            log.add_history(history)


def _with_bar(iterable: Iterable, title: str) -> Iterable:
    from tqdm.auto import tqdm  # only where somebody watches: a server may lack it

    return tqdm(iterable, desc=title or None, mininterval=0.5)


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
