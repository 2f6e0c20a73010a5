"""Test ELBO against training seconds: `python -m benchmarks.quality --out FOLDER`.

The VAE by our loop and by that of pytorch/examples, in turn, each for the same time on its own
clock. Evaluation is outside the clock and the same for both: float32, one z an image, one seed.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import loops, peers, timing
from course_lib.data import load_mnist
from course_lib.training import pick_device, seed_everything

Contender = tuple[loops.Loop, Callable[[Tensor], Tensor]]  # with its -ELBO summed over a batch


def contenders(device: torch.device) -> dict[str, Contender]:
    """Ours and the peer's loop, with what their networks make of a batch of test images."""
    seed_everything(0)
    ours = loops.our_vae(device)
    seed_everything(0)
    theirs = peers.examples_vae(device)

    def our_loss(images: Tensor) -> Tensor:
        return loops.vae_loss(*ours.networks, images) * len(images)

    def their_loss(images: Tensor) -> Tensor:
        return peers.summed_vae_loss(theirs.networks[0], images)

    return {"ours, fast": (ours, our_loss), "pytorch/examples": (theirs, their_loss)}


@torch.no_grad()
def elbo(loss: Callable[[Tensor], Tensor], images: Tensor) -> float:
    """The mean ELBO in nats; the same noise at each call, and training's random state untouched."""
    devices = [images.device] if images.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(0)
        total = sum(loss(batch) for batch in images.split(1000))
    return -float(total) / len(images)


def race(
    running: dict[str, Contender], images: Tensor, seconds: float, chunk: int, clock: str
) -> dict[str, dict[str, list[float]]]:
    """Train in turn, `chunk` steps each, until each clock passes `seconds`; ELBO at each stop."""
    curves = {
        name: {"seconds": [0.0], "steps": [0], "elbo": [elbo(loss, images)]}
        for name, (_, loss) in running.items()
    }
    while any(curve["seconds"][-1] < seconds for curve in curves.values()):
        for name, (loop, loss) in running.items():
            curve = curves[name]
            if curve["seconds"][-1] < seconds:
                spent = timing.timed(loop.run, chunk)[clock == "cpu"]
                curve["seconds"].append(curve["seconds"][-1] + spent)
                curve["steps"].append(curve["steps"][-1] + chunk)
                curve["elbo"].append(elbo(loss, images))
    return curves


def seconds_to(curve: dict[str, list[float]], level: float) -> float | None:
    """Seconds until the curve first stands at `level` nats, or None."""
    pairs = zip(curve["seconds"], curve["elbo"], strict=True)
    return next((seconds for seconds, value in pairs if value >= level), None)


def table(curves: dict[str, dict[str, list[float]]], clock: str) -> str:
    """Markdown: the last ELBO, its steps, and the seconds to the level that the slowest reached."""
    level = min(curve["elbo"][-1] for curve in curves.values())
    lines = [f"| VAE | {clock} s | steps | test ELBO, nats | s to {level:.1f} nats |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for name, curve in curves.items():
        cells = f"{curve['seconds'][-1]:.1f} | {curve['steps'][-1]} | {curve['elbo'][-1]:.2f}"
        lines.append(f"| {name} | {cells} | {seconds_to(curve, level):.1f} |")
    return "\n".join(lines)


def draw(curves: dict[str, dict[str, list[float]]], clock: str, file: Path) -> None:
    """One picture: test ELBO over training seconds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot(curve["seconds"][1:], curve["elbo"][1:], ".-", label=name)
    axes.set(xlabel=f"seconds of training ({clock} time)", ylabel="test ELBO, nats")
    axes.legend()
    figure.savefig(file, dpi=120)


def main(arguments: list[str] | None = None) -> None:
    """Race, print the table, write quality.json and quality.png."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for JSON and the picture")
    parser.add_argument("--seconds", type=float, default=20.0, help="of training, each")
    parser.add_argument("--chunk", type=int, default=100, help="steps between two evaluations")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    device = pick_device()
    clock = timing.pick_clock(None, device, asked.threads)
    where = timing.conditions(device, clock, chunk=asked.chunk)
    images, _ = load_mnist("test", device=device)
    curves = race(contenders(device), images, asked.seconds, asked.chunk, clock)
    result = {"conditions": where, "curves": curves, "table": table(curves, clock)}
    timing.save(asked.out, "quality", result)
    draw(curves, clock, asked.out / "quality.png")


if __name__ == "__main__":
    main()
