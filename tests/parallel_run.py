"""What tests/test_parallel.py starts with torchrun: `parallel_run.py FOLDER`, a file a process."""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.fast import fast
from course_lib.runs.checkpoints import Checkpoints
from course_lib.runs.parallel import passing_through, team
from course_lib.training import batches, seed_everything

BATCH, LATENT = 8, 4


def batch():
    generator = torch.Generator().manual_seed(9)
    return [torch.randn(BATCH, n, generator=generator) for n in (6, LATENT, LATENT, 1)]


def gan(generator, critic, optimizers, real, noise, more_noise, share):
    """A step with everything that is hard: two passes, a gradient penalty, backward(inputs=)."""
    fake = generator(noise).detach()
    mixed = (share.sigmoid() * real + (1 - share.sigmoid()) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    penalty = (slope.norm(dim=1) - 1).square().mean()
    c_loss = F.softplus(-critic(real)).mean() + F.softplus(critic(fake)).mean() + penalty
    optimizers[1].zero_grad()
    c_loss.backward()
    c_gradients = [p.grad.clone() for p in critic.parameters()]
    optimizers[1].step()
    with passing_through(critic):
        g_loss = F.softplus(-critic(generator(more_noise))).mean()
        optimizers[0].zero_grad()
        g_loss.backward(inputs=list(generator.parameters()))
    g_gradients = [p.grad.clone() for p in generator.parameters()]
    optimizers[0].step()
    return {"c_loss": c_loss, "g_loss": g_loss, "gradients": (*c_gradients, *g_gradients)}


def main(folder: Path) -> None:
    with team() as us:
        seed_everything(us.rank)  # other weights in each process, until they are shared
        networks = [
            nn.Linear(LATENT, 6),
            nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1)),
        ]
        networks = [us.share(network.to(us.device)) for network in networks]
        weights = [p.detach().clone() for n in networks for p in n.parameters()]
        optimizers = [torch.optim.Adam(n.parameters(), lr=1e-2) for n in networks]
        seed_everything(us.seed(0))
        half = us.part(BATCH)
        mine = [t[us.rank * half :][:half].to(us.device) for t in batch()]
        step = fast(
            lambda *tensors: gan(*networks, optimizers, *tensors),
            networks,
            optimizers,
            precision="float32",
            graph=False,
        )
        results = [step(*mine) for _ in range(5)]
        stream = batches(torch.arange(100, device=us.device), half, 3)
        saved = Checkpoints(us.folder(folder), networks=networks)
        for k in range(1, 3 + us.rank):  # rank 1 gets further than rank 0
            saved.save(k)
        record = {
            "weights": weights,
            "results": results,
            "after": [p.detach() for n in networks for p in n.parameters()],
            "noise": torch.randn(3, device=us.device),
            "batches": torch.stack([*stream]),
            "mean": us.mean(results[0]["c_loss"]),
            "resumed": saved.resume(us.least(saved.newest())),
        }
        torch.save(record, folder / f"{us.rank}-of-{us.size}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
