"""Train the shipped feature networks: `python -m benchmarks.features mnist fashion_mnist emoji`.

Writes `data/features/NAME.safetensors` (float16), what was measured into `features.json`, and the
checksums of both into `data/sha256sums.txt`. `--out FOLDER` writes another data folder's instead.
On one core a network takes five to fifteen minutes.
"""

import argparse
import hashlib
import json
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor

from course_lib.data import emoji_table, load_emoji, load_fashion_mnist, load_mnist
from course_lib.data.files import CHECKSUMS, FEATURE_FILES, FEATURE_RECORD, data_folder
from course_lib.metrics.extractors import EMOJI_CLASSES, FeatureNetwork
from course_lib.training import seed_everything

BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY = 128, 2e-3, 1e-2
EPOCHS = {"mnist": 6, "fashion_mnist": 8, "emoji": 40}
SMOKE_IMAGES = 4_000  # one pass over as many
SHIFT = {"mnist": 2, "fashion_mnist": 2, "emoji": 6}  # pixels, to each side, while training


def labelled(name: str, split: str) -> tuple[Tensor, Tensor]:
    """Images in [-1, 1] and labels; of emoji both styles, without «Component»."""
    if name != "emoji":
        load = {"mnist": load_mnist, "fashion_mnist": load_fashion_mnist}[name]
        return load(split, value_range=(-1, 1))
    names = [row["category"] for row in emoji_table(split)]
    kept = torch.tensor([place for place, name in enumerate(names) if name in EMOJI_CLASSES])
    labels = torch.tensor([EMOJI_CLASSES.index(names[place]) for place in kept.tolist()])
    styles = load_emoji(split, value_range=(-1, 1))
    return torch.cat([style[kept] for style in styles]), labels.repeat(len(styles))


def augmented(images: Tensor, name: str) -> Tensor:
    """A batch shifted by one random offset; clothes and emoji mirrored; half of emoji at 32×32."""
    reach = SHIFT[name]
    down, right = torch.randint(-reach, reach + 1, (2,)).tolist()
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    height, width = images.shape[-2:]
    images = padded[..., reach + down :, reach + right :][..., :height, :width]
    if name != "mnist":
        mirrored = torch.rand(len(images)) < 0.5
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    if name == "emoji":
        small = torch.rand(len(images)) < 0.5
        halved = F.interpolate(F.avg_pool2d(images, 2), scale_factor=2)
        images = torch.where(small[:, None, None, None], halved, images)
    return images


def train(name: str, epochs: int, seed: int = 0, limit: int | None = None) -> FeatureNetwork:
    """Train by AdamW, the rate rising for a tenth of the steps and falling to 0 by a cosine."""
    seed_everything(seed)
    images, labels = labelled(name, "train")
    if limit is not None:
        kept = torch.randperm(len(images))[:limit]
        images, labels = images[kept], labels[kept]
    network = FeatureNetwork(name)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    total = epochs * (len(images) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(1, 10 * (step + 1) / total) * (1 + math.cos(math.pi * step / total)) / 2,
    )
    for _ in range(epochs):
        order = torch.randperm(len(images))
        for chosen in order[: total // epochs * BATCH_SIZE].split(BATCH_SIZE):
            logits = network.logits(augmented(images[chosen], name))
            optimizer.zero_grad()
            F.cross_entropy(logits, labels[chosen], label_smoothing=0.05).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def calibrated(network: FeatureNetwork) -> FeatureNetwork:
    """Scale the logits so that the probabilities fit the test images best (Guo et al. 2017).

    Label smoothing leaves a network too modest: no image got a probability above 0.96. One number
    is fitted; it changes neither a feature nor which class is the most probable.
    """
    images, labels = labelled(network.name, "test")
    with torch.no_grad():
        logits = network.readout(network(images).features).double()
    scales = torch.logspace(-1, 1, 401, dtype=torch.float64)
    losses = torch.stack([F.cross_entropy(scale * logits, labels) for scale in scales])
    scale = scales[losses.argmin()].item()
    with torch.no_grad():
        network.readout.weight.mul_(scale)
        network.readout.bias.mul_(scale)
    return network


def accuracy(network: FeatureNetwork) -> float:
    """The share of test images whose most probable class is theirs."""
    images, labels = labelled(network.name, "test")
    return (network(images).probabilities.argmax(dim=1) == labels).double().mean().item()


def smoke(name: str) -> FeatureNetwork:
    """The smallest budget: seconds, for a test."""
    return train(name, epochs=1 if name != "emoji" else 2, limit=SMOKE_IMAGES)


def rounded(network: FeatureNetwork) -> dict[str, Tensor]:
    """The weights in float16 (counters as they are); the network itself is rounded too."""
    stored = {
        key: value.half() if value.is_floating_point() else value
        for key, value in network.state_dict().items()
    }
    network.load_state_dict(stored)
    return stored


def write(folder: Path, name: str, stored: dict[str, Tensor], measured: dict) -> None:
    """The file of weights, its part of the record, and the checksums of both."""
    (folder / "features").mkdir(parents=True, exist_ok=True)
    (folder / FEATURE_FILES[name]).write_bytes(save(stored))
    path = folder / FEATURE_RECORD
    record = json.loads(path.read_text()) if path.exists() else {}
    record = {key: {**record, name: measured}[key] for key in EPOCHS if key in {*record, name}}
    path.write_text(json.dumps(record, indent=2) + "\n")
    path = folder / CHECKSUMS
    lines = path.read_text().splitlines() if path.exists() else []
    sums = dict(reversed(line.split(maxsplit=1)) for line in lines)
    for file in (FEATURE_FILES[name], FEATURE_RECORD):
        sums[file] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    path.write_text("".join(f"{digest}  {file}\n" for file, digest in sums.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*EPOCHS], default=[*EPOCHS])
    parser.add_argument("--out", type=Path, default=data_folder())
    options = parser.parse_args()
    for name in options.names:
        smoke_accuracy = accuracy(smoke(name))
        began = time.perf_counter()
        network = calibrated(train(name, EPOCHS[name]))
        seconds = time.perf_counter() - began
        stored = rounded(network)
        measured = {
            "accuracy": accuracy(network),
            "test_images": len(labelled(name, "test")[0]),
            "smoke_accuracy": smoke_accuracy,
            "epochs": EPOCHS[name],
            "seed": 0,
            "seconds": round(seconds),
            "threads": torch.get_num_threads(),
            "parameters": sum(weight.numel() for weight in network.parameters()),
            "torch": torch.__version__,
        }
        write(options.out, name, stored, measured)
        print(name, json.dumps(measured))


if __name__ == "__main__":
    main()
