"""How near our loops come to the device's limits: `python -m benchmarks.roofline --out FOLDER`.

A step has so many operations, moves so many bytes, and makes so many launches; a device has a peak
of each. The largest of the three quotients bounds the step's time from below (Williams, Waterman,
Patterson 2009, with launches added) and names what limits it. Lesson 17a derives this. Operations
and bytes are those of the plain step in float32; bytes are what moves if no cache helps, so where
one does, that quotient may exceed the measured time. `fast` may launch less than the plain step.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import timing
from benchmarks.speed import CASES
from course_lib.fast.precision import pick_precision
from course_lib.training import pick_device, seed_everything

TRIES = 20


class Traffic(TorchDispatchMode):
    """Counts, within, the operations that reach the device and the bytes that they touch."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.launches = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        results = operation(*args, **(kwargs or {}))
        if not operation.is_view:
            # a gather reads the rows that it writes, not its whole table
            given = results if operation is torch.ops.aten.index_select.default else (args, kwargs)
            tensors = [x for x in tree_leaves((given, results)) if isinstance(x, torch.Tensor)]
            self.bytes += sum(tensor.nbytes for tensor in tensors)
            self.launches += 1
        return results


def costs(loop) -> dict[str, int]:
    """Operations (a multiply-add is two), bytes and launches of one step of a plain loop."""
    loop.run(1)  # the optimizers make their states
    with FlopCounterMode(display=False) as flops, Traffic() as traffic:
        loop.run(1)
    found = {"operations": flops.get_total_flops(), "bytes": traffic.bytes}
    return found | {"launches": traffic.launches}


def peaks(device: torch.device, precision: str, tries: int = TRIES) -> dict[str, float]:
    """What the device does in a second at best: products in `precision`, a copy, launches."""
    cuda = device.type == "cuda"
    size, dtype = 8192 if cuda else 1024, getattr(torch, precision)
    a, b = torch.randn(2, size, size, device=device).to(dtype)
    source = torch.ones((2048 if cuda else 64) * 2**20, dtype=torch.uint8, device=device)
    target, one = torch.empty_like(source), torch.ones((), device=device)
    return {
        "operations": 2 * size**3 / best_seconds(lambda: a @ b, 4, tries),
        "bytes": 2 * source.nbytes / best_seconds(lambda: target.copy_(source), 3, tries),
        "launches": 1 / best_seconds(lambda: one.add_(1.0), 1000, tries),
    }


def products(found: tuple[dict[str, float], str]) -> float:
    """How many operations a second a precision allows: a bound must hold for the faster one."""
    return found[0]["operations"]


def best_seconds(work: Callable, repeats: int, tries: int = TRIES) -> float:
    """The least mean wall time of so many calls, of a few tries: one finds the device quiet."""

    def once() -> float:
        timing.synchronize()
        begin = time.perf_counter()
        for _ in range(repeats):
            work()
        timing.synchronize()
        return (time.perf_counter() - begin) / repeats

    once()
    return min(once() for _ in range(tries))


def measure(
    case: str, device: torch.device, limits: dict[str, float], clock: str, steps: int | None = None
) -> dict:
    """Milliseconds a step of `fast` in five rounds, and what each of the three asks at least."""
    seed_everything(0)
    plain = CASES[case].contenders["ours, off=True"](device)
    bounds = {name: 1000 * n / limits[name] for name, n in costs(plain).items()}
    seed_everything(0)
    ours, steps = CASES[case].contenders["ours, fast"](device), steps or CASES[case].steps
    ours.run(max(5, steps // 2))
    ms = [1000 * timing.timed(ours.run, steps)[clock == "cpu"] / steps for _ in range(5)]
    return {"ms": ms, "bounds_ms": bounds}


def table(rows: dict[str, dict], limits: dict[str, float], precision: str) -> str:
    """Markdown: a row a case; the largest bound names what limits it."""
    head = ["", "ms/step, best", "operations, ms", "bytes, ms", "launches, ms"]
    head += ["limited by", "arithmetic's share"]
    lines = [head, ["---"] * len(head)]
    for case, row in rows.items():
        bounds = [f"{row['bounds_ms'][name]:.3g}" for name in limits]
        best = min(row["ms"])
        share = f"{row['bounds_ms']['operations'] / best:.0%}"
        limit = max(row["bounds_ms"], key=row["bounds_ms"].get)
        lines.append([case, f"{best:.3g}", *bounds, limit, share])
    peak = (
        f"Peaks: {limits['operations'] / 1e9:,.0f} GFLOP/s in {precision}, "
        f"{limits['bytes'] / 1e9:,.0f} GB/s, {1e6 / limits['launches']:.1f} µs a launch."
    )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + f"\n\n{peak}"


def main(arguments: list[str] | None = None) -> None:
    """Measure peaks and loops, print the table, write roofline.json and roofline.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for roofline.json")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tries", type=int, default=TRIES, help="of each peak; the best counts")
    parser.add_argument("--steps", type=int, help="a round; unset, each case has its own number")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    device = pick_device()
    clock, precision = timing.pick_clock(None, device, asked.threads), pick_precision(None, device)
    open_to = [precision] if precision else ["float32", "bfloat16"]  # None: each run measures
    limits, precision = max(
        ((peaks(device, each, asked.tries), each) for each in open_to), key=products
    )
    rows = {case: measure(case, device, limits, clock, asked.steps) for case in asked.cases}
    where = timing.conditions(device, clock, precision=precision)
    result = {"conditions": where, "peaks": limits, "rows": rows}
    timing.save(asked.out, "roofline", result | {"table": table(rows, limits, precision)})


if __name__ == "__main__":
    main()
