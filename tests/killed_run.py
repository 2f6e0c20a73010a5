"""A training on the CPU that tests/test_checkpoints.py kills: `killed_run.py FOLDER [WHERE]`.

It saves every seven updates, and its last state in FOLDER/final.pt. WHERE lets it kill itself in
the middle of a save: "writing" half of the file, "renaming" it, or "removing" older ones.
"""

import copy
import os
import random
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from course_lib.fast import fast
from course_lib.history import History
from course_lib.runs import checkpoints
from course_lib.runs.checkpoints import Checkpoints
from course_lib.training import batches, seed_everything

STEPS = 400


def main(folder: Path, compile: bool) -> None:
    seed_everything(0)
    network = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.1), nn.Linear(8, 1))
    average = copy.deepcopy(network)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    own = torch.Generator().manual_seed(1)
    data = torch.randn(50, 6, generator=torch.Generator().manual_seed(2))
    labels = torch.arange(20)
    history = History()
    stream = batches(data, 8, STEPS)  # six batches an epoch, from the global generator
    label_stream = batches((labels, labels), 3, STEPS, own)

    def train_step(x, scale):
        loss = (network(x + 0.1 * torch.randn_like(x)) - scale).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for slow, quick in zip(average.parameters(), network.parameters(), strict=True):
                slow.lerp_(quick, 0.01)
        return loss

    step = fast(train_step, [network, average], optimizer, precision="float32", compile=compile)
    parts = {
        "networks": {"network": network, "average": average},
        "optimizer": optimizer,
        "schedule": schedule,
        "streams": [stream, label_stream],
        "history": history,
        "own": own,
    }
    saved = Checkpoints(folder, **parts)
    update = saved.resume()
    print(update, flush=True)
    for x in stream:
        scale = random.random() + np.random.rand() + next(label_stream)[0].sum() / 10
        history.add(loss=step(x, scale.float()))
        schedule.step()
        update += 1
        if update % 7 == 0:
            saved.save(update)
    torch.save(checkpoints._state(parts), folder / "final.part")
    os.replace(folder / "final.part", folder / "final.pt")


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(count: int, name: str) -> None:
    """Let the `count`-th call of os.<name> kill the process instead."""
    plain, calls = getattr(os, name), 0

    def call(*args, **kwargs):
        nonlocal calls
        calls += 1
        return die() if calls == count else plain(*args, **kwargs)

    setattr(os, name, call)


if __name__ == "__main__":
    folder, where = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    if where == "writing":
        whole = checkpoints._write

        def half(path, data, calls=[]):  # noqa: B006 (the list counts)
            calls.append(path)
            if len(calls) < 5:
                return whole(path, data)
            path.with_suffix(".part").write_bytes(data[: len(data) // 2])
            return die()

        checkpoints._write = half
    elif where in ("renaming", "removing"):
        die_after(6, "replace" if where == "renaming" else "unlink")
    torch.set_num_threads(1)
    main(folder, compile=where == "compile")
