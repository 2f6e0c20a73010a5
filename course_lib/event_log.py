"""TensorBoard, when asked for: the scalars of a History, and images.

    log = EventLog("runs/vae")
    for images in watch(batches(train_images, batch_size, steps), history, log=log):
        ...
    log.add_images("samples", samples, step=steps)

In a second terminal, `tensorboard --logdir runs` draws them while the training goes on.
"""

from pathlib import Path

from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from course_lib.history import History


class EventLog:
    """Writes events to a folder, one folder a run.

    Of each scalar the updates `every`, 2 `every`, ... are written (TensorBoard keeps 1,000 points
    of a curve). `after` is the update from which a resumed run goes on: what an interrupted one
    had written beyond it is hidden. Raises ValueError for an `every` below 1.

    >>> import tempfile
    >>> history = History()
    >>> for value in (3.0, 2.0, 1.0):
    ...     history.add(loss=value)
    >>> with tempfile.TemporaryDirectory() as folder, EventLog(folder, every=2) as log:
    ...     log.add_history(history)
    ...     len(list(log.folder.iterdir()))
    1
    """

    def __init__(self, folder: str | Path, every: int = 10, after: int = 0) -> None:
        if every < 1:
            raise ValueError(f"every must be 1 or more; got {every}")
        self.folder, self._every, self._written = Path(folder), every, after
        self._writer = SummaryWriter(str(folder), purge_step=after + 1 if after else None)

    def add_history(self, history: History) -> None:
        """Write the rows that are new since the last call. It waits for the device: call it seldom.

        Row k of the history, counted from 1, becomes step k. Raises ValueError for a history that
        is shorter than what has been written.
        """
        if len(history) < self._written:
            raise ValueError(
                f"this log has written {self._written} updates; the history has {len(history)}. "
                "A new run needs a folder of its own"
            )
        first = self._written // self._every + 1
        for name in history.names:
            curve = history[name]
            for step in range(first * self._every, len(history) + 1, self._every):
                self._writer.add_scalar(name, curve[step - 1].item(), step)
        self._written = len(history)
        self._writer.flush()

    def add_images(
        self, tag: str, images: Tensor, step: int, value_range: tuple[float, float] = (0, 1)
    ) -> None:
        """Write images `(B, C, H, W)`, C 1 or 3, whose values lie in `value_range`.

        Raises ValueError for another shape.
        """
        if images.ndim != 4 or images.shape[1] not in (1, 3):
            raise ValueError(f"images must be (B, 1 or 3, H, W); got {tuple(images.shape)}")
        low, high = value_range
        scaled = (images.detach().float().cpu() - low) / (high - low)
        self._writer.add_images(tag, scaled.clamp(0, 1), step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(self, *_) -> None:
        self.close()
