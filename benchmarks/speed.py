"""Time a step of ours and of the peers, in turn: `python -m benchmarks.speed --out FOLDER`.

The whole training loop is timed, data included. See README.md beside this file.
"""

import argparse
import dataclasses
import functools
import math
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks import loops, packages, peers, timing
from course_lib.training import pick_device, seed_everything

COMPILE_WARM_UP = 20  # steps, its seconds reported beside the loop's


@dataclasses.dataclass(frozen=True)
class Case:
    """Contenders on one model, batch size and data set; the first of `peers` is always there."""

    contenders: dict[str, Callable]
    peers: tuple[str, ...]
    steps: int  # a round


def our_ways(build: Callable, **more: dict) -> dict[str, Callable]:
    """Our loop by `fast` and with everything off, and with the settings given by name."""
    ways = {"ours, fast": {}, "ours, off=True": {"off": True}}
    ways |= {f"ours, {name}": settings for name, settings in more.items()}
    return {name: functools.partial(build, **settings) for name, settings in ways.items()}


CASES = {
    "VAE": Case(
        our_ways(loops.our_vae, float32={"precision": "float32"}, compiled={"compile": True})
        | {
            "pytorch/examples": peers.examples_vae,
            "pythae": packages.PythaeVAE,
            "Lightning": packages.LightningVAE,
        },
        ("pytorch/examples", "pythae"),
        steps=100,
    ),
    "MLP GAN": Case(
        our_ways(loops.our_mlp_gan, float32={"precision": "float32"}, compiled={"compile": True})
        | {"PyTorch-GAN": peers.pytorch_gan_mlp},
        ("PyTorch-GAN",),
        steps=50,
    ),
    "DCGAN 32": Case(
        our_ways(loops.our_dcgan_32, float32={"precision": "float32"}, unmerged={"merged": False})
        | {"PyTorch-GAN": peers.pytorch_gan_dcgan},
        ("PyTorch-GAN",),
        steps=4,
    ),
    "DCGAN 64": Case(
        our_ways(loops.our_dcgan_64, float32={"precision": "float32"})
        | {"pytorch/examples": peers.examples_dcgan},
        ("pytorch/examples",),
        steps=1,
    ),
}


def build(case: Case, device: torch.device, only: tuple[str, ...] = ()) -> dict:
    """The loops of a case by name; "not installed" for a package that is not there."""
    built = {}
    for name, contender in case.contenders.items():
        if only and name not in only and name not in case.peers:
            continue
        package = name.lower() if name in ("pythae", "Lightning") else None
        there = package is None or packages.installed(package)
        seed_everything(0)
        built[name] = contender(device) if there else "not installed"
    return built


def measure(
    name: str,
    steps: int | None = None,
    rounds: int = 5,
    warm_up: int | None = None,
    clock: str | None = None,
    device: torch.device | None = None,
    only: tuple[str, ...] = (),
    seconds: float = math.inf,
) -> dict:
    """Run one case; what JSON will hold, with the printed table under "table".

    `only` leaves out ours that it does not name; the peers are always measured. No round begins
    after `seconds`.
    """
    case, device = CASES[name], device or pick_device()
    steps = steps or case.steps * (10 if device.type == "cuda" else 1)
    clock = timing.pick_clock(clock, device, torch.get_num_threads())
    warm_up = warm_up or max(2, min(COMPILE_WARM_UP, steps // 2))
    where = timing.conditions(device, clock, steps=steps)
    rows = timing.interleave(build(case, device, only), steps, rounds, warm_up, seconds)
    where["rounds"] = max(len(row.wall_ms) for row in rows)
    timing.compare(rows, case.peers, clock)
    return {
        "case": name,
        "conditions": where,
        "rows": [dataclasses.asdict(row) for row in rows],
        "table": timing.table(name, rows, case.peers, clock),
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure the cases that are asked for, print their tables and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for speed_*.json")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--only", nargs="+", default=[], help="of ours, these alone")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, help="a round; unset, each case has its own number")
    parser.add_argument(
        "--seconds", type=float, default=math.inf, help="a case's last round begins"
    )
    parser.add_argument("--threads", type=int, default=1, help="0: as many as torch takes")
    parser.add_argument("--clock", choices=("cpu", "wall"), help="that ratios are taken by")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads or torch.get_num_threads())
    for name in asked.cases:
        more = {"only": tuple(asked.only), "seconds": asked.seconds}
        result = measure(name, asked.steps, asked.rounds, clock=asked.clock, **more)
        file = f"speed_{name.lower().replace(' ', '_')}_{torch.get_num_threads()}"
        timing.save(asked.out, file, result)


if __name__ == "__main__":
    main()
