"""Check of `ImagePool`. Every image is told by its brightness, so what came back tells the rest.

Oracle: a pool that keeps numbers in a list. What a pool holds at any moment follows from what went
in and what came out, so no attribute of the class is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..declare import Case, Exercise, Plain
from ..observing import describe_type
from ..random_inputs import some_seed
from .pools import MISCONCEPTIONS, Reference

SHAPE = (2, 3, 2)  # C, H, W: none alike by chance


def cases(g: torch.Generator) -> list[Case]:
    """Pools of several sizes under many batches; the first tells most, the last has no pool."""

    def case(size: int, batch: int, queries: int, extreme: bool = False) -> Case:
        inputs = {"size": size, "batch": batch, "queries": queries, "seed": some_seed(g)}
        about = f"ImagePool({size}, generator), {queries} batches of {batch}"
        return Case(inputs, about, extreme=extreme)

    return [case(6, 4, 240), case(5, 3, 300), case(50, 1, 550), case(0, 3, 4, extreme=True)]


def call(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Query with images that are numbered; twice from one seed, once from another."""
    size, batch, queries, seed = (inputs[n] for n in ("size", "batch", "queries", "seed"))
    record: dict[str, Any] = {"form": "nothing", "numbers": None, "graph": None}
    pool = answer(size, torch.Generator().manual_seed(seed))
    came = [query(pool, number * batch, batch) for number in range(queries)]
    if None in came:
        return {"form": None}
    wrong = [c for c in came if not isinstance(c, Tensor) or c.shape != (batch, *SHAPE)]
    record["form"] = form_of(wrong[0] if wrong else came[0])
    if wrong:
        return record
    record["graph"] = any(c.requires_grad for c in came)
    record["whole"] = all(bool((c == c[:, :1, :1, :1]).all()) for c in came)
    record["numbers"] = torch.cat([c.detach()[:, 0, 0, 0] for c in came]).double()
    few = min(queries, 60)
    for name, start in (("again", seed), ("otherwise", seed + 1)):
        pool = answer(size, torch.Generator().manual_seed(start))
        record[name] = torch.cat(
            [query(pool, n * batch, batch).detach()[:, 0, 0, 0] for n in range(few)]
        ).double()
    return record


def query(pool: Any, first: int, batch: int) -> Any:
    """Images with a graph, as a generator's are, whose memory is used again afterwards."""
    numbers = torch.arange(first, first + batch, dtype=torch.float32)
    leaf = numbers[:, None, None, None].expand(-1, *SHAPE).clone().requires_grad_()
    images = leaf * 1.0
    came = pool.query(images)
    if isinstance(came, Tensor):
        came = came * 1.0 if came.requires_grad else came.clone()
    with torch.no_grad():
        images.fill_(-1.0)
    return came


def form_of(value: Any) -> str:
    if not isinstance(value, Tensor):
        return describe_type(value)
    return f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"


def facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    """What holds of any right pool, the most basic first."""
    told: dict[str, Plain] = {"what query returns": record["form"]}
    if record.get("numbers") is None:
        return told
    told["what query returns carries no gradient"] = not record["graph"]
    size, numbers = inputs["size"], record["numbers"].tolist()
    if not record["whole"]:
        return told | {"each image comes back whole": False}
    told |= history_facts(size, inputs["batch"], numbers)
    told["a stored image comes back for one image of a batch at most"] = all_different(
        numbers[-(-size // inputs["batch"]) * inputs["batch"] :], inputs["batch"]
    )
    told["newer images come back, too"] = newer_come_back(size, numbers)
    if size:
        few = len(record["again"])
        told["the same generator's state gives the same answers"] = bool(
            (record["again"] == record["numbers"][:few]).all()
        )
        told["another state of the generator gives other answers"] = bool(
            (record["otherwise"] != record["again"]).any()
        )
    return told


def history_facts(size: int, batch: int, numbers: list[float]) -> dict[str, Plain]:
    """Replay the pool from what went in (0, 1, 2, …) and what came out."""
    stored, swaps, slots, odd = list(range(min(size, len(numbers)))), [], [], set()
    filling = numbers[: len(stored)] == stored
    turned = (
        sorted(numbers[: len(stored) // batch * batch]) == stored[: len(stored) // batch * batch]
    )
    seen = set(range(len(numbers)))
    for image, came in enumerate(numbers[len(stored) :], start=len(stored)):
        swaps.append(came != image)
        if came == image:
            continue
        if came in stored:
            slots.append(stored.index(came))
            stored[slots[-1]] = image
        else:
            odd.add("written over" if came < 0 else "gone" if came in seen else "unknown")
    told: dict[str, Plain] = {
        "while the pool fills, the images come back as they are": filling,
        "while the pool fills, no image is missing": turned,
        "stored images keep their pixels when the batch's memory is used again": (
            "written over" not in odd
        ),
        "what comes back has been given": "unknown" not in odd,
        "what comes back is the image itself or one that is stored": not odd - {"written over"},
    }
    if not swaps or (odd and filling):
        return told
    told["how often an image is swapped"] = how_often(sum(swaps) / len(swaps), len(swaps))
    if told["how often an image is swapped"] == "about half of the time":
        told["each image of a batch has its own chance"] = by_itself(swaps, batch, len(stored))
        told["how the stored image is chosen"] = how_chosen(slots, size)
    return told


def all_different(numbers: list[float], batch: int) -> bool:
    rows = [numbers[i : i + batch] for i in range(0, len(numbers), batch)]
    return all(len(set(row)) == len(row) for row in rows)


def newer_come_back(size: int, numbers: list[float]) -> bool:
    """Whether an image that came when the pool was full comes back for a later one."""
    swapped = [came for image, came in enumerate(numbers) if came != image]
    return not swapped or any(came >= size for came in swapped)


def how_often(share: float, count: int) -> str:
    """Six standard errors of a fair coin on either side."""
    if share in (0.0, 1.0):
        return "always" if share else "never"
    if abs(share - 0.5) < 3 / count**0.5:
        return "about half of the time"
    return "too seldom" if share < 0.5 else "too often"


def by_itself(swaps: list[bool], batch: int, skipped: int) -> bool:
    """Whether whole batches are swapped as seldom as single coins would have it."""
    if batch == 1:
        return True
    rows = swaps[-skipped % batch :]
    rows = [rows[i : i + batch] for i in range(0, len(rows) - batch + 1, batch)]
    alike = sum(len(set(row)) == 1 for row in rows) / len(rows)
    return alike < (1 + 2 ** (1 - batch)) / 2


def how_chosen(slots: list[int], size: int) -> str:
    """Whether each place is taken at random: its share, and whether one follows upon another."""
    places = torch.tensor(slots)
    counts = torch.bincount(places, minlength=size).double()
    expected = len(slots) / size
    chi = ((counts - expected) ** 2 / expected).sum().item()
    steps = torch.bincount(places.diff() % size, minlength=size).double() / max(len(slots) - 1, 1)
    if steps.max().item() >= 1 / size + 0.35:
        same = int(steps.argmax()) == 0
        return ("always the same" if steps[0] == 1 else "one several times") if same else "in turn"
    even = chi < size + 8 * (2 * size) ** 0.5 + 20
    return "each as often as another" if even else "some more often than others"


EXERCISE = Exercise(
    name="cyclegan.ImagePool",
    signature="(size, generator)",
    oracle=Reference,
    cases=cases,
    call=call,
    facts=facts,
    slow=True,
    misconceptions=MISCONCEPTIONS,
    hints=(
        "Two phases: as long as the pool has room, an image is stored and comes back as it is. "
        "What happens to each image once the pool is full?",
        "Go through the batch image by image. A number from torch.rand(…, generator=…) decides "
        "whether it is swapped, torch.randint(…, generator=…) for which one.",
        "Take the stored image out before the new one is written in its place; keep clones, "
        "without a graph. torch.stack makes a batch of what is to be returned.",
    ),
)
