"""Contenders measured in turn (A B C A B C …), so that a disturbance meets all of them alike."""

import dataclasses
import datetime
import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

Seconds = tuple[float, float]  # of the wall clock, of the process's CPU time


@dataclasses.dataclass
class Row:
    """What was measured of one contender: milliseconds a step, one number a round."""

    name: str
    wall_ms: list[float] = dataclasses.field(default_factory=list)
    cpu_ms: list[float] = dataclasses.field(default_factory=list)
    data_wall_ms: list[float] = dataclasses.field(default_factory=list)
    data_cpu_ms: list[float] = dataclasses.field(default_factory=list)
    warm_up_s: float = 0.0
    parameters: int = 0
    missing: str = ""  # why there are no numbers
    times_as_fast_as: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)

    def ms(self, clock: str) -> list[float]:
        return self.cpu_ms if clock == "cpu" else self.wall_ms

    def data_share(self, clock: str) -> float:
        data = self.data_cpu_ms if clock == "cpu" else self.data_wall_ms
        return statistics.median(data) / statistics.median(self.ms(clock))


def timed(work: Callable[[int], Seconds | None], steps: int) -> Seconds:
    """Seconds of `work(steps)`; where it returns its own, those."""
    synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    own = work(steps)
    synchronize()
    return own or (time.perf_counter() - wall, time.process_time() - cpu)


def interleave(
    loops: dict, steps: int, rounds: int, warm_up: int, seconds: float = math.inf
) -> list[Row]:
    """Measure each of `loops`, a name to a `Loop` or to the reason why there is none.

    No round begins later than `seconds` after the first one did: a table of few rounds is better
    than none where the time is short.
    """
    rows = {name: Row(name) for name in loops}
    for name, loop in loops.items():
        if isinstance(loop, str):
            rows[name].missing = loop
        else:
            rows[name].warm_up_s = timed(loop.run, warm_up)[0]
            rows[name].parameters = sum(p.numel() for n in loop.networks for p in n.parameters())
    running = {name: loop for name, loop in loops.items() if not isinstance(loop, str)}
    begin = time.perf_counter()
    for number in range(rounds):
        if number and time.perf_counter() - begin > seconds:
            break
        for name, loop in running.items():
            _note(rows[name].wall_ms, rows[name].cpu_ms, timed(loop.run, steps), steps)
            _note(rows[name].data_wall_ms, rows[name].data_cpu_ms, timed(loop.data, steps), steps)
    return list(rows.values())


def compare(rows: list[Row], peers: tuple[str, ...], clock: str) -> None:
    """How many times as fast each row is as each peer: round by round, then median and range."""
    by_name = {row.name: row for row in rows}
    for row in rows:
        for peer in peers:
            if row.missing or by_name[peer].missing:
                continue
            pairs = zip(by_name[peer].ms(clock), row.ms(clock), strict=True)
            ratios = [theirs / own for theirs, own in pairs]
            row.times_as_fast_as[peer] = {
                "median": statistics.median(ratios),
                "min": min(ratios),
                "max": max(ratios),
            }


def conditions(device: torch.device, clock: str, **settings) -> dict:
    """Where and how it was measured; nothing that names the machine."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_name()
    return {
        "device": name,
        "clock": clock,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "torch": torch.__version__,
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        **settings,
    }


def table(title: str, rows: list[Row], peers: tuple[str, ...], clock: str) -> str:
    """Markdown: a row a contender; ratios as median (lowest to highest round)."""
    head = [title, "CPU ms/step", "wall ms/step", "data", "warm-up s"]
    lines = [head + [f"× {peer}" for peer in peers], ["---"] * (len(head) + len(peers))]
    for row in rows:
        if row.missing:
            lines.append([row.name, row.missing] + [""] * (3 + len(peers)))
            continue
        cpu, wall = statistics.median(row.cpu_ms), statistics.median(row.wall_ms)
        cells = [row.name, f"{cpu:.3g}", f"{wall:.3g}", f"{row.data_share(clock):.1%}"]
        ratios = [_ratio(row.times_as_fast_as.get(peer)) for peer in peers]
        lines.append([*cells, f"{row.warm_up_s:.1f}", *ratios])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def describe(conditions: dict) -> str:
    """One line under a table."""
    return ", ".join(f"{key} {value}" for key, value in conditions.items() if value is not None)


def save(folder: Path, name: str, result: dict) -> None:
    """Print the table with its conditions, and keep both: NAME.md to read, NAME.json with all."""
    text = f"{result['table']}\n\n{describe(result['conditions'])}\n"
    print(text, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text)
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1))


def pick_clock(asked: str | None, device: torch.device, threads: int) -> str:
    """CPU time where one thread does all of the work, which others hardly disturb."""
    return asked or ("cpu" if device.type == "cpu" and threads == 1 else "wall")


def _ratio(ratio: dict[str, float] | None) -> str:
    return "" if ratio is None else "{median:.2f} ({min:.2f}–{max:.2f})".format(**ratio)


def _note(wall_ms: list[float], cpu_ms: list[float], spent: Seconds, steps: int) -> None:
    wall_ms.append(1000 * spent[0] / steps)
    cpu_ms.append(1000 * spent[1] / steps)


def synchronize() -> None:
    """Wait for the device, where there is a queue to wait for."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    features = [word for word in ("amx_tile", "avx512_bf16") if _has(word)]
    return f"{names[0] if names else platform.machine()}, {' '.join(features) or 'no bf16'}"


def _has(feature: str) -> bool:
    check = getattr(torch.cpu, f"_is_{feature}_supported", bool)
    return check()
