"""The peers' loops, in our own words after reading their code; no line of it is copied.

Read at: pytorch/examples `vae/main.py` (commit cd01f930) and `dcgan/main.py` (13caa078);
eriklindernoren/PyTorch-GAN `gan.py` and `dcgan.py` (c5d6be17). Kept from each: batch size, widths,
optimizer, losses by BCE on a sigmoid, the DataLoader over single PIL images with its transforms,
numbers read by `.item()` in every step, a line of text where they print one (made, not shown).
"""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks import models
from benchmarks.loops import Loop
from course_lib.data import load_emoji, load_mnist


class Pictures(Dataset):
    """What torchvision's data sets do for one example: array to PIL image to transform."""

    def __init__(self, pixels: Tensor, transform) -> None:
        self.pixels = pixels.permute(0, 2, 3, 1).squeeze(-1).contiguous()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index].numpy())), 0


def endless(loader: DataLoader, device: torch.device):
    """The images of one epoch after the other, moved to the device as the peers do."""
    while True:
        for images, _ in loader:
            yield images.to(device)


def mnist_loader(batch_size: int, device: torch.device, *steps, workers: int = 0) -> DataLoader:
    """A shuffling DataLoader of MNIST through `steps` and the usual ToTensor."""
    pixels, _ = load_mnist("train", value_range=None)
    more = {"num_workers": workers, "pin_memory": True} if device.type == "cuda" and workers else {}
    pictures = Pictures(pixels, transforms.Compose(steps or [transforms.ToTensor()]))
    return DataLoader(pictures, batch_size=batch_size, shuffle=True, **more)


def examples_vae(device: torch.device) -> Loop:
    """The VAE as pytorch/examples trains it: batch 128, Adam 1e-3; on CUDA one pinned worker."""
    model = models.TwoHeadedVAE().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    total, count = 0.0, 0

    def step(images: Tensor) -> None:
        nonlocal total, count
        optimizer.zero_grad()
        loss = summed_vae_loss(model, images)
        loss.backward()
        total += loss.item()
        optimizer.step()
        if count % 10 == 0:
            _line(count, loss.item() / len(images))
        count += 1

    loop = Loop(endless(mnist_loader(128, device, workers=1), device), step)
    loop.networks = (model,)
    return loop


def summed_vae_loss(model: nn.Module, images: Tensor) -> Tensor:
    """-ELBO summed over the batch, from probabilities."""
    recon, mean, log_var = model(images)
    nll = F.binary_cross_entropy(recon, images.view(-1, 784), reduction="sum")
    return nll - 0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())


def pytorch_gan_mlp(device: torch.device) -> Loop:
    """The MLP GAN as PyTorch-GAN trains it: batch 64, 28×28."""
    return _pytorch_gan(28, models.mlp_gan(), device)


def pytorch_gan_dcgan(device: torch.device) -> Loop:
    """The DCGAN as PyTorch-GAN trains it: batch 64, digits resized to 32×32 one by one."""
    return _pytorch_gan(32, models.dcgan_32(), device)


def _pytorch_gan(size: int, networks, device: torch.device) -> Loop:
    generator, discriminator = _with_sigmoid(networks, device)
    adam = dict(lr=2e-4, betas=(0.5, 0.999))
    generator_adam = torch.optim.Adam(generator.parameters(), **adam)
    discriminator_adam = torch.optim.Adam(discriminator.parameters(), **adam)
    bce, count = nn.BCELoss(), 0

    def step(images: Tensor) -> None:
        nonlocal count
        ones = torch.ones(len(images), 1, device=device)
        zeros = torch.zeros(len(images), 1, device=device)
        generator_adam.zero_grad()
        # NumPy's float64 noise, converted: so does the peer
        z = torch.from_numpy(np.random.normal(0, 1, (len(images), 100))).float().to(device)
        fakes = generator(z)
        generator_loss = bce(discriminator(fakes), ones)
        generator_loss.backward()
        generator_adam.step()
        discriminator_adam.zero_grad()
        real_loss = bce(discriminator(images), ones)
        loss = (real_loss + bce(discriminator(fakes.detach()), zeros)) / 2
        loss.backward()
        discriminator_adam.step()
        _line(count, loss.item(), generator_loss.item())
        count += 1

    transform = (transforms.Resize(size), transforms.ToTensor(), transforms.Normalize([0.5], [0.5]))
    loop = Loop(endless(mnist_loader(64, device, *transform), device), step)
    loop.networks = (generator, discriminator)
    return loop


def examples_dcgan(device: torch.device) -> Loop:
    """The DCGAN as pytorch/examples trains it: batch 64, here on the emoji, RGB 64×64.

    Its two worker processes only on CUDA: a CPU clock would not see them. The images are decoded
    already, which spares the peer the reading of files.
    """
    generator, discriminator = _with_sigmoid(models.dcgan_64(), device)
    adam = dict(lr=2e-4, betas=(0.5, 0.999))
    generator_adam = torch.optim.Adam(generator.parameters(), **adam)
    discriminator_adam = torch.optim.Adam(discriminator.parameters(), **adam)
    bce, count = nn.BCELoss(), 0

    def judge(images: Tensor, label: float) -> tuple[Tensor, float]:
        answers = discriminator(images).view(-1)
        loss = bce(answers, torch.full_like(answers, label, requires_grad=False))
        loss.backward()
        return loss, answers.mean().item()

    def step(images: Tensor) -> None:
        nonlocal count
        discriminator.zero_grad()
        real_loss, on_real = judge(images, 1.0)
        fakes = generator(torch.randn(len(images), 100, device=device))
        fake_loss, on_fake = judge(fakes.detach(), 0.0)
        discriminator_adam.step()
        generator.zero_grad()
        loss, on_fake_after = judge(fakes, 1.0)
        generator_adam.step()
        both = (real_loss + fake_loss).item()
        _line(count, both, loss.item(), on_real, on_fake, on_fake_after)
        count += 1

    half = (0.5, 0.5, 0.5)
    transform = transforms.Compose(
        [
            transforms.Resize(64),
            transforms.CenterCrop(64),
            transforms.ToTensor(),
            transforms.Normalize(half, half),
        ]
    )
    pictures = Pictures(load_emoji("train", value_range=None)[0], transform)
    workers = 2 if device.type == "cuda" else 0
    loader = DataLoader(pictures, batch_size=64, shuffle=True, num_workers=workers)
    loop = Loop(endless(loader, device), step)
    loop.networks = (generator, discriminator)
    return loop


def _with_sigmoid(networks, device: torch.device) -> list[nn.Module]:
    generator, discriminator = networks
    return [generator.to(device), nn.Sequential(discriminator, nn.Sigmoid()).to(device)]


def _line(count: int, *numbers: float) -> str:
    return f"[{count}] " + " ".join(f"{number:f}" for number in numbers)
