"""Cost against size: images a second for growing batches: `python -m benchmarks.size --out FOLDER`.

The VAE's MLP on 28×28 digits, and a DCGAN on 32×32 and on 64×64: where the curve is flat,
arithmetic is the limit; where it climbs, each launch still costs as much as the work in it.
"""

import argparse
import statistics
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import loops, models, timing
from course_lib.data import load_emoji
from course_lib.training import pick_device, seed_everything

BATCHES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
SIZES = (28, 32, 64)


def pixels_of(size: int, device: torch.device) -> Tensor:
    """Enough bytes for the largest batch: digits of 28 and 32 pixels, emoji of 64, repeated."""
    if size < 64:
        return loops.digits(size, device)[:8192]
    emoji = load_emoji("train", value_range=None, device=device)[0]
    return emoji.repeat(3, 1, 1, 1)


def loop_for(size: int, batch_size: int, device: torch.device, **settings) -> loops.FastLoop:
    """Ours on images of this size: the VAE on 28, DCGANs on 32 and 64."""
    pixels = pixels_of(size, device)
    if size == 28:
        return loops.vae_loop(pixels, batch_size, **settings)
    networks = models.dcgan_32(merged=True) if size == 32 else models.dcgan_64()
    return loops.gan_loop(pixels, batch_size, networks, generator_first=size == 32, **settings)


def curve(
    size: int, batch_sizes: tuple[int, ...], device: torch.device, clock: str, budget: float = 12.0
) -> list[dict]:
    """Images a second at each batch size; it ends where a step would leave the budget (seconds)."""
    points = []
    for batch_size in batch_sizes:
        seed_everything(0)
        loop = loop_for(size, batch_size, device)
        warm = timing.timed(loop.run, 1)[0]
        if 3 * warm > budget:
            break
        timing.timed(loop.run, 4 if device.type == "cuda" else 1)
        steps = int(min(50, max(1, budget / 12 / warm)))
        spent = [timing.timed(loop.run, steps)[clock == "cpu"] for _ in range(3)]
        rates = [batch_size * steps / seconds for seconds in spent]
        points.append(
            {"batch": batch_size, "images_a_second": statistics.median(rates), "rounds": rates}
        )
    return points


def table(curves: dict[int, list[dict]], batch_sizes: tuple[int, ...]) -> str:
    """Markdown: a row an image size, a column a batch size; empty where the budget ended."""
    lines = [["images/s at batch", *map(str, batch_sizes)], ["---"] * (1 + len(batch_sizes))]
    for size, points in curves.items():
        rates = {point["batch"]: f"{point['images_a_second']:,.0f}" for point in points}
        name = f"{size}×{size} {'VAE' if size == 28 else 'DCGAN'}"
        lines.append([name, *(rates.get(batch_size, "") for batch_size in batch_sizes)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def draw(curves: dict[int, list[dict]], clock: str, file: Path) -> None:
    """Images a second over the batch size, both logarithmic, one line an image size."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for size, points in curves.items():
        batch_sizes = [point["batch"] for point in points]
        rates = [point["images_a_second"] for point in points]
        axes.loglog(batch_sizes, rates, "o-", label=f"{size}×{size}")
    axes.set(xlabel="batch size", ylabel=f"images a second ({clock} time)")
    axes.legend()
    figure.savefig(file, dpi=120)


def main(arguments: list[str] | None = None) -> None:
    """Measure the curves, print the table, write size.json and size.png."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for size.json, size.png")
    parser.add_argument("--sizes", type=int, nargs="+", choices=SIZES, default=SIZES)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--budget", type=float, default=12.0, help="seconds a point, about")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    device = pick_device()
    clock = timing.pick_clock(None, device, asked.threads)
    where = timing.conditions(device, clock)
    batch_sizes = tuple(asked.batches)
    curves = {s: curve(s, batch_sizes, device, clock, asked.budget) for s in asked.sizes}
    result = {"conditions": where, "curves": curves, "table": table(curves, batch_sizes)}
    timing.save(asked.out, "size", result)
    draw(curves, clock, asked.out / "size.png")


if __name__ == "__main__":
    main()
