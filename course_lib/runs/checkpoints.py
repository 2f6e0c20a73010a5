"""Checkpoints: a run that is killed at any moment goes on as if nothing had happened.

    stream = batches(train_images, batch_size, steps)
    checkpoints = Checkpoints("runs/vae", networks=[encoder, decoder], optimizer=optimizer,
                              schedule=schedule, stream=stream, history=history)
    update = checkpoints.resume()                # 0 in a new run
    for images in watch(stream, history):
        history.add(loss=step(images))
        schedule.step()
        update += 1
        if update % 1000 == 0:
            checkpoints.save(update)

A checkpoint holds the state of every part and every random state, so that on one machine, with one
version of PyTorch, one number of threads and one precision (name it to `fast`, which otherwise
chooses by measuring), the resumed run reaches the same weights bit for bit.
"""

import contextlib
import copy
import hashlib
import io
import os
import random
import re
import warnings
from pathlib import Path

import numpy as np
import torch

NAME = re.compile(r"step-(\d+)-([0-9a-f]{16})\.pt")


class DamagedCheckpoint(RuntimeError):
    """No checkpoint can be read; the message names the files and what is wrong with them."""


class Checkpoints:
    """The last `keep` checkpoints of a run, in a folder of its own.

    A part is whatever has `state_dict` and `load_state_dict` (networks, optimizers, schedules, an
    EMA, `batches`, a History), a torch.Generator, or a list or dict of these. The random states of
    Python, NumPy and PyTorch, on every device, are saved with them.

    A file appears in the folder only when all of it is on the disk, under a name that holds its
    checksum: `step-00001000-3f2a….pt`. What an interrupted `save` leaves behind is removed by the
    next. Each process of a distributed run needs a folder of its own (`course_lib.runs.parallel`).

    >>> import tempfile
    >>> network = torch.nn.Linear(2, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoints = Checkpoints(folder, network=network)
    ...     path, weight = checkpoints.save(3), network.weight.detach().clone()
    ...     _ = torch.nn.init.zeros_(network.weight)
    ...     checkpoints.resume(), torch.equal(network.weight, weight)
    (3, True)
    """

    def __init__(self, folder: str | Path, *, keep: int = 2, **parts) -> None:
        if keep < 2:
            raise ValueError(f"keep at least 2, so that a damaged one has one before; got {keep}")
        for name, part in parts.items():
            _state(part, name)  # complains now rather than at the first save
        self._folder, self._keep, self._parts = Path(folder), keep, parts

    def save(self, step: int) -> Path:
        """Write a checkpoint, then remove those older than the last `keep`; returns its path."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for leftover in self._folder.glob("*.part"):
            leftover.unlink()
        state = {"step": step, "random": random_state(), "parts": _state(self._parts)}
        buffer = io.BytesIO()
        torch.save(state, buffer)
        path = self._folder / f"step-{step:08d}-{_checksum(buffer.getbuffer())}.pt"
        _write(path, buffer.getbuffer())
        kept = {path, *[found for found in self.files() if found != path][: self._keep - 1]}
        for old in set(self.files()) - kept:
            old.unlink()
        return path

    def newest(self) -> int:
        """The step of the newest checkpoint that can be read, or 0."""
        for path in self.files():
            with contextlib.suppress(Exception):
                return _read(path)["step"]
        return 0

    def resume(self, at_most: int | None = None) -> int:
        """Set every part and random state to the newest checkpoint; returns its step, or 0.

        `at_most` passes over later ones (another process of the run may not have come so far).
        A damaged checkpoint is passed over with a warning. Raises DamagedCheckpoint where none is
        left, and ValueError, changing nothing, where it holds other parts than were named here or
        one that does not fit: a network of another size, a stream with another batch size.
        """
        problems = []
        for path in self.files():
            if at_most is not None and _step_of(path) > at_most:
                continue
            try:
                state = _read(path)
            except Exception as error:
                problems.append(f"{path.name}: {error}")
                continue
            for problem in problems:
                warnings.warn(f"damaged checkpoint {problem}; using {path.name}", stacklevel=2)
            _require_parts(state["parts"], self._parts, path)
            _load_all_or_nothing(self._parts, state["parts"], path)
            set_random_state(state["random"])  # last: loading must not draw from it
            return state["step"]
        if problems:
            raise DamagedCheckpoint(
                f"no checkpoint in {self._folder} can be read; remove them to start anew:\n  "
                + "\n  ".join(problems)
            )
        return 0

    def files(self) -> list[Path]:
        """The checkpoints in the folder, the newest first."""
        found = [path for path in self._folder.glob("step-*.pt") if NAME.fullmatch(path.name)]
        return sorted(found, key=lambda path: (_step_of(path), path.stat().st_mtime_ns))[::-1]


def random_state() -> dict:
    """The states of Python's, NumPy's and PyTorch's global generators, of every GPU too.

    >>> state = random_state(); first = torch.rand(()), random.random(), np.random.rand()
    >>> set_random_state(state); first == (torch.rand(()), random.random(), np.random.rand())
    True
    """
    _, key, *rest = np.random.get_state()  # ("MT19937", 624 words, place, and a spare normal)
    return {
        "python": random.getstate(),
        "numpy": (torch.from_numpy(key.astype(np.int64)), *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "mps": torch.mps.get_rng_state() if torch.backends.mps.is_available() else None,
    }


def set_random_state(state: dict) -> None:
    """Set all generators to what `random_state` returned."""
    random.setstate(state["python"])
    key, *rest = state["numpy"]
    np.random.set_state(("MT19937", key.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    if state.get("mps") is not None and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])


def _state(part, name: str = "part"):
    if isinstance(part, dict):
        return {key: _state(value, f"{name}[{key!r}]") for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_state(value, f"{name}[{k}]") for k, value in enumerate(part)]
    if isinstance(part, torch.Generator):
        return part.get_state()
    if not hasattr(part, "state_dict"):
        raise TypeError(f"{name} must have a state_dict or be a torch.Generator; got {type(part)}")
    return part.state_dict()


def _load(part, state) -> None:
    if isinstance(part, dict):
        for key, value in part.items():
            _load(value, state[key])
    elif isinstance(part, list | tuple):
        for value, saved in zip(part, state, strict=True):
            _load(value, saved)
    elif isinstance(part, torch.Generator):
        part.set_state(state)
    else:
        part.load_state_dict(state)


def _load_all_or_nothing(parts: dict, states: dict, path: Path) -> None:
    """Load part by part; where one does not fit, set back those before it, and raise ValueError."""
    touched: dict = {}
    random_before = random_state()
    for name, part in parts.items():
        touched[name] = copy.deepcopy(_state(part))
        try:
            _load(part, states[name])
        except Exception as error:
            for earlier, state in touched.items():
                _load(parts[earlier], state)
            set_random_state(random_before)
            raise ValueError(
                f"{path} does not fit {name}, so nothing was changed: {error}"
            ) from error


def _require_parts(saved: dict, parts: dict, path: Path) -> None:
    if saved.keys() != parts.keys():
        raise ValueError(
            f"{path} holds {', '.join(sorted(saved))}; this run has {', '.join(sorted(parts))}"
        )


def _write(path: Path, data) -> None:
    """All of it or nothing: written beside its place, flushed to the disk, and then renamed."""
    part = path.with_suffix(".part")
    with open(part, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    if os.name == "posix":  # the new name itself must reach the disk before an old file goes
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(path: Path) -> dict:
    data = path.read_bytes()
    if _checksum(data) != NAME.fullmatch(path.name)[2]:
        raise ValueError(f"its {len(data):,} bytes do not have the checksum that its name says")
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def _checksum(data) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _step_of(path: Path) -> int:
    return int(NAME.fullmatch(path.name)[1])
