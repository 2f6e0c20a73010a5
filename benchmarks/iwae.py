"""The first table of Burda et al. (2015) in one sitting: `python -m benchmarks.iwae --out FOLDER`.

All six entries of one layer (VAE and IWAE, k = 1, 5, 50) train at once. They see the same images,
each with its own weights, draws and loss: matrices of one size are stacked, and one batched product
computes them. A sum of losses without a weight in common has each entry's own gradient, and Adam
moves every weight by itself, so that a stacked step is six steps (tested). Several of them are one
CUDA graph. The paper's schedule, eight stages of 3^i epochs, is shrunk to the seconds given, its
shape kept. With k = 1 the two losses are one: these entries differ by their seed alone.
"""

import argparse
import itertools
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import timing
from course_lib.data import load_mnist
from course_lib.fast import fast
from course_lib.probability import importance_bound
from course_lib.training import batches, finest_float, pick_device, seed_everything

KINDS, DRAWS = ("VAE", "IWAE"), (1, 5, 50)
ENTRIES = [(kind, k) for k in DRAWS for kind in KINDS]
PAPER = dict(zip(ENTRIES, (86.76, 86.76, 86.47, 85.54, 86.35, 84.78), strict=True))
PAPERS_EPOCHS, BATCH_SIZE, STAGES = 3280, 20, 8
PAPERS_UPDATES = PAPERS_EPOCHS * 3000
HIDDEN, LATENT, PIXELS = 200, 50, 784
ENCODER, DECODER = (PIXELS, HIDDEN, HIDDEN, 2 * LATENT), (LATENT, HIDDEN, HIDDEN, PIXELS)


class Stacked(nn.Module):
    """As many perceptrons as are given, of the same sizes: `(E, N, in)` to `(E, N, out)`."""

    def __init__(self, networks: list[nn.Sequential]) -> None:
        super().__init__()
        columns = zip(*([m for m in n if isinstance(m, nn.Linear)] for n in networks), strict=True)
        weights, biases = [], []
        for layers in columns:
            weights.append(torch.stack([layer.weight.detach().T for layer in layers]).contiguous())
            biases.append(torch.stack([layer.bias.detach()[None] for layer in layers]))
        self.weights = nn.ParameterList(weights)
        self.biases = nn.ParameterList(biases)

    def forward(self, x: Tensor) -> Tensor:
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x.tanh() if place else x, weight)
        return x


def perceptron(sizes: tuple[int, ...], heads: int = 1) -> nn.Sequential:
    """Linear layers with tanh between, by Glorot's rule; the last may be several `heads` in one."""
    parts = []
    for inputs, outputs in itertools.pairwise(sizes):
        linear = nn.Linear(inputs, outputs)
        for part in linear.weight.chunk(heads if outputs == sizes[-1] else 1):
            nn.init.xavier_uniform_(part)
        nn.init.zeros_(linear.bias)
        parts += [linear, nn.Tanh()]
    return nn.Sequential(*parts[:-1])


def one_model(average: Tensor) -> tuple[nn.Sequential, nn.Sequential]:
    """Encoder (mean and log_var in one) and decoder; its biases start at the average image."""
    encoder, decoder = perceptron(ENCODER, heads=2), perceptron(DECODER)
    with torch.no_grad():
        decoder[-1].bias.copy_(average.flatten().clamp(0.001, 0.999).logit())
    return encoder, decoder


class Table(nn.Module):
    """All entries: one encoder of six, a decoder of two for each k (they decode k codes each)."""

    def __init__(self, models: list[tuple[nn.Sequential, nn.Sequential]]) -> None:
        super().__init__()
        self.encoder = Stacked([encoder for encoder, _ in models])
        pairs = [models[2 * g : 2 * g + 2] for g in range(len(DRAWS))]
        self.decoders = nn.ModuleList(Stacked([decoder for _, decoder in pair]) for pair in pairs)

    def codes(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """For each k the two entries' mean and log_var, each `(2, 1, B, Z)`."""
        hidden = self.encoder(images.expand(len(ENTRIES), *images.shape))
        return [pair.unsqueeze(1).chunk(2, dim=-1) for pair in hidden.split(2)]

    def log_weights(self, images: Tensor, noises: list[Tensor]) -> list[Tensor]:
        """log p(x, z) - log q(z | x): images `(B, 784)`, noise `(2, k, B, Z)` to `(2, k, B)`."""
        found = []
        for (mean, log_var), decoder, noise in zip(
            self.codes(images), self.decoders, noises, strict=True
        ):
            z = mean + (log_var / 2).exp() * noise
            logits = decoder(z.flatten(1, 2)).unflatten(1, noise.shape[1:3])
            log_likelihood = -F.binary_cross_entropy_with_logits(
                logits, images.expand_as(logits), reduction="none"
            ).sum(dim=-1)
            log_ratio = (noise.square() + log_var - z.square()).sum(dim=-1) / 2
            found.append(log_likelihood + log_ratio)
        return found

    def losses(self, images: Tensor, noises: list[Tensor]) -> Tensor:
        """Each entry's own, in ENTRIES' order, `(6,)`: minus the ELBO (VAE) or the bound (IWAE)."""
        losses = []
        for vae, iwae in self.log_weights(images, noises):
            losses += [-vae.mean(), -importance_bound(iwae).mean()]
        return torch.stack(losses)


def noise_for(images: Tensor, draws: tuple[int, ...] = DRAWS) -> list[Tensor]:
    """Standard normal noise of each k, `(2, k, B, Z)`, from the global generator."""
    return [torch.randn(2, k, len(images), LATENT, device=images.device) for k in draws]


def learning_rate(share: float) -> float:
    """The paper's rate after a share of the training: 1e-3 · 10^(-i/7) in stage i of 3^i epochs."""
    epoch, stage = PAPERS_EPOCHS * share, 0
    while stage < STAGES - 1 and epoch >= (3 ** (stage + 1) - 1) / 2:
        stage += 1
    return 1e-3 * 10 ** (-stage / 7)


def new_adam(table: Table) -> torch.optim.Adam:
    return torch.optim.Adam(table.parameters(), lr=1e-3, eps=1e-4)


def several_updates(table: Table, optimizer: torch.optim.Adam) -> Callable[[Tensor], Tensor]:
    """A step on gray images `(n, B, 784)`: n updates, the last losses `(6,)` given back."""

    def updates(gray: Tensor) -> Tensor:
        for batch in gray:
            images = (torch.rand_like(batch) < batch).float()  # tossed anew at every update
            losses = table.losses(images, noise_for(images))
            optimizer.zero_grad()
            losses.sum().backward()
            optimizer.step()
        return losses

    return updates


def gray_batches(train_gray: Tensor, updates: int, calls: int) -> Iterator[Tensor]:
    """Batches for `calls` calls of `updates` each, `(updates, 20, 784)`."""
    for images in batches(train_gray, updates * BATCH_SIZE, calls):
        yield images.reshape(updates, BATCH_SIZE, PIXELS)


def begin_again(table: Table, start: dict[str, Tensor], optimizer: torch.optim.Adam) -> None:
    """Weights and Adam's memory as at the start, in place: what a graph recorded stays valid."""
    table.load_state_dict(start)
    for state in optimizer.state.values():
        for value in state.values():
            value.zero_()


def train(
    train_gray: Tensor, seconds: float, at_once: int, seed: int = 0
) -> tuple[Table, torch.optim.Adam, dict]:
    """Train all for about `seconds`: what a call costs is measured first, then all starts anew."""
    assert len(train_gray) >= at_once * BATCH_SIZE, "a call's images must all be different ones"
    seed_everything(seed)
    average = train_gray.mean(dim=0).cpu()
    table = Table([one_model(average) for _ in ENTRIES]).to(train_gray.device)
    start = {name: value.clone() for name, value in table.state_dict().items()}
    optimizer = new_adam(table)
    networks = (table.encoder, *table.decoders)
    update = fast(several_updates(table, optimizer), networks, optimizer, compile=False)
    for gray in gray_batches(train_gray, at_once, 5):  # tries, captures
        update(gray)
    trials = 2 if train_gray.device.type == "cpu" else 20
    timing.synchronize()
    begin = time.perf_counter()
    for gray in gray_batches(train_gray, at_once, trials):
        update(gray)
    timing.synchronize()
    calls = max(STAGES, round(seconds * trials / (time.perf_counter() - begin)))
    begin_again(table, start, optimizer)
    seed_everything(seed)
    timing.synchronize()
    begin, lengths = time.perf_counter(), {}
    for call, gray in enumerate(gray_batches(train_gray, at_once, calls)):
        (group,) = optimizer.param_groups
        rate = learning_rate(call / calls)
        lengths[f"{rate:.2e}"] = lengths.get(f"{rate:.2e}", 0) + at_once
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
        losses = update(gray)
    timing.synchronize()
    took = time.perf_counter() - begin
    record = {
        "updates": calls * at_once,
        "papers_updates": PAPERS_UPDATES,
        "updates_of_each_rate": lengths,
        "seconds": took,
        "updates_a_second": calls * at_once / took,
        "updates_a_graph": at_once,
        "last_losses": losses.tolist(),
        "step": repr(update),
    }
    return table, optimizer, record


@torch.no_grad()
def log_likelihoods(table: Table, images: Tensor, draws: int, at_once: int) -> Tensor:
    """log p(x) of each image by so many draws, in float32, `(6, N)`; all share the noise."""
    total = None
    codes = table.codes(images)
    for first in range(0, draws, at_once):
        shape = (1, min(at_once, draws - first), len(images), LATENT)
        noise = torch.randn(shape, device=images.device)
        pieces = []
        for (mean, log_var), decoder in zip(codes, table.decoders, strict=True):
            z = mean + (log_var / 2).exp() * noise
            logits = decoder(z.flatten(1, 2)).unflatten(1, shape[1:3])
            # log p(x | z) = Σ x · logit - softplus(logit), and log p(z) / q(z | x)
            fits = torch.einsum("ekbp,bp->ekb", logits, images) - F.softplus(logits).sum(dim=-1)
            log_ratio = (noise.square() + log_var - z.square()).sum(dim=-1) / 2
            pieces.append((fits + log_ratio).to(finest_float(images.device)).logsumexp(dim=1))
        found = torch.cat(pieces)
        total = found if total is None else torch.logaddexp(total, found)
    return total - math.log(draws)


def scored(table: Table, images: Tensor, draws: int, at_once: int) -> list[dict]:
    """A row an entry: nats, their standard error, and the lead over the entry (VAE, 1)."""
    seed_everything(1)
    nats = -log_likelihoods(table, images, draws, at_once).cpu()
    rows = []
    for entry, values in zip(ENTRIES, nats, strict=True):
        lead, root = nats[0] - values, math.sqrt(len(values))
        rows.append(
            {
                "kind": entry[0],
                "k": entry[1],
                "theirs": PAPER[entry],
                "ours": values.mean().item(),
                "error": (values.std() / root).item(),
                "lead": lead.mean().item(),
                "lead_error": (lead.std() / root).item(),
            }
        )
    return rows


def markdown(rows: list[dict], run: dict, images: int, draws: int) -> str:
    """The table, theirs beside ours, with the training's length under it."""
    lines = [
        "| one layer | theirs, nats | ours, nats | ahead of the first line, image by image |",
        "| --- | --- | --- | --- |",
    ]
    for row in rows:
        ours = f"{row['ours']:.2f} ± {row['error']:.2f}"
        lead = f"{row['lead']:.2f} ± {row['lead_error']:.2f}"
        lines.append(f"| {row['kind']}, k = {row['k']} | {row['theirs']:.2f} | {ours} | {lead} |")
    share = run["updates"] / run["papers_updates"]
    lines.append(
        f"\nNegative log-likelihood of {images:,} test images of dynamically binarized MNIST by "
        f"{draws:,} draws. Ours: {run['updates']:,} updates of {BATCH_SIZE} images in "
        f"{run['seconds']:.0f} s, one seed; theirs: {run['papers_updates']:,} "
        f"({share:.2%} of them are ours), in the same eight stages."
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Train, keep the checkpoint, score, print the table, write iwae.json and iwae.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for iwae.json and iwae.pt")
    parser.add_argument("--seconds", type=float, default=100.0, help="of training")
    parser.add_argument("--updates-at-once", type=int, default=20, help="updates a CUDA graph")
    parser.add_argument("--draws", type=int, default=5000)
    parser.add_argument("--draws-at-once", type=int, default=10)
    parser.add_argument("--images", type=int, default=10_000, help="test images")
    asked = parser.parse_args(arguments)
    device = pick_device()
    train_gray, _ = load_mnist("train", device=device)
    table, optimizer, run = train(train_gray, asked.seconds, asked.updates_at_once)
    asked.out.mkdir(parents=True, exist_ok=True)
    kept = {"table": table.state_dict(), "optimizer": optimizer.state_dict(), "run": run}
    torch.save(kept, asked.out / "iwae.pt")
    print(f"{run['updates']:,} updates in {run['seconds']:.0f} s, kept in iwae.pt", flush=True)
    test_gray, _ = load_mnist("test")
    coins = torch.Generator().manual_seed(0)  # lesson 07's tosses
    images = torch.bernoulli(test_gray, generator=coins)[: asked.images].flatten(1).to(device)
    begin = time.perf_counter()
    rows = scored(table, images, asked.draws, asked.draws_at_once)
    run["scoring_seconds"] = time.perf_counter() - begin
    where = timing.conditions(device, "wall", draws=asked.draws, images=len(images))
    text = markdown(rows, run, len(images), asked.draws)
    timing.save(asked.out, "iwae", {"conditions": where, "run": run, "rows": rows, "table": text})


if __name__ == "__main__":
    main()
