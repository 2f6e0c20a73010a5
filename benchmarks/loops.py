"""Our loops: what a lesson writes, wrapped by `fast`; the same losses and updates as the peers'."""

from collections.abc import Callable
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.functional import resize

from benchmarks import models
from course_lib.data import load_emoji, load_mnist
from course_lib.fast import fast
from course_lib.history import History
from course_lib.training import batches

ENDLESS = 10**9  # batches: a stream goes on from round to round, as an epoch does


class Loop:
    """One contender. `run(steps)` trains, data included; `data(steps)` makes the batches alone.

    `run` returns None, or its own (wall, CPU) seconds where a package's set-up is not its loop.
    """

    networks: tuple = ()

    def __init__(self, stream, step: Callable) -> None:
        self.stream, self.step = iter(stream), step

    def run(self, steps: int) -> tuple[float, float] | None:
        for batch in islice(self.stream, steps):
            self.step(batch)

    def data(self, steps: int) -> None:
        for _ in islice(self.stream, steps):
            pass


class FastLoop(Loop):
    """Ours: bytes live on the device, a batch is one gather, losses stay where they are."""

    def __init__(self, pixels: Tensor, batch_size: int, networks, step: Callable) -> None:
        super().__init__(batches(pixels, batch_size, ENDLESS), step)
        self.networks, self.history = tuple(networks), History()

    def run(self, steps: int) -> None:
        for pixels in islice(self.stream, steps):
            self.history.add(loss=self.step(pixels))

    def data(self, steps: int) -> None:
        """With the conversion to floats, which the step does."""
        for pixels in islice(self.stream, steps):
            unit(pixels)


def unit(pixels: Tensor) -> Tensor:
    """Bytes as floats in [0, 1]."""
    return pixels.float().div_(255)


def our_vae(device: torch.device, **settings) -> FastLoop:
    """The VAE by `fast(..., **settings)`: batch 128, Adam 1e-3, pixels by their logits."""
    pixels, _ = load_mnist("train", value_range=None, device=device)
    return vae_loop(pixels, 128, **settings)


def vae_loop(pixels: Tensor, batch_size: int, **settings) -> FastLoop:
    """The VAE's loop on given bytes `(N, 1, 28, 28)`, on their device."""
    encoder, decoder = (network.to(pixels.device) for network in models.vae_networks())
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)

    def train_step(pixels: Tensor) -> Tensor:
        loss = vae_loss(encoder, decoder, unit(pixels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step = fast(train_step, (encoder, decoder), optimizer, **settings)
    return FastLoop(pixels, batch_size, (encoder, decoder), step)


def vae_loss(encoder, decoder, images: Tensor) -> Tensor:
    """-ELBO in nats, the mean over the batch: -log p(x|z) + KL(q(z|x) || N(0, 1)), one z each."""
    mean, log_var = encoder(images).chunk(2, dim=1)
    z = mean + (log_var / 2).exp() * torch.randn_like(mean)
    logits = decoder(z)
    nll = F.binary_cross_entropy_with_logits(logits, images.flatten(1), reduction="sum")
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum()
    return (nll + kl) / len(images)


def our_mlp_gan(device: torch.device, **settings) -> FastLoop:
    """PyTorch-GAN's MLP GAN on digits by `fast`: batch 64."""
    pixels, _ = load_mnist("train", value_range=None, device=device)
    return gan_loop(pixels, 64, models.mlp_gan(), **settings)


def our_dcgan_32(device: torch.device, merged: bool = True, **settings) -> FastLoop:
    """PyTorch-GAN's DCGAN on digits of 32×32 pixels by `fast`: batch 64.

    `merged`: its upsampling and convolution as one layer, the same function in fewer operations.
    """
    return gan_loop(digits(32, device), 64, models.dcgan_32(merged=merged), **settings)


def our_dcgan_64(device: torch.device, **settings) -> FastLoop:
    """pytorch/examples' DCGAN on the emoji, RGB 64×64, by `fast`: batch 64."""
    pixels = load_emoji("train", value_range=None, device=device)[0]
    return gan_loop(pixels, 64, models.dcgan_64(), generator_first=False, **settings)


def digits(size: int, device: torch.device) -> Tensor:
    """MNIST's training images as bytes `(60000, 1, size, size)`, resized once for all."""
    return resize(load_mnist("train", value_range=None, device=device)[0], [size, size])


def gan_loop(
    pixels: Tensor, batch_size: int, networks, generator_first: bool = True, **settings
) -> FastLoop:
    """A GAN's loop on given bytes: non-saturating loss, Adam 2e-4 (0.5, 0.999) for both.

    As in its peer the generator moves first (PyTorch-GAN), or after the discriminator
    (pytorch/examples, whose generator is judged by the discriminator that has just moved).
    """
    generator, discriminator = (network.to(pixels.device) for network in networks)
    weights = [*generator.parameters()]
    adam = dict(lr=2e-4, betas=(0.5, 0.999))
    generator_adam = torch.optim.Adam(weights, **adam)
    discriminator_adam = torch.optim.Adam(discriminator.parameters(), **adam)
    # a batch's own statistics: real and fake must then be judged in two passes
    one_by_one = any("BatchNorm" in type(m).__name__ for m in discriminator.modules())
    weight = 0.5 if generator_first else 1.0  # PyTorch-GAN halves the discriminator's loss

    def train_generator(fakes: Tensor) -> Tensor:
        loss = F.softplus(-discriminator(fakes)).mean()  # -log sigmoid(logits)
        generator_adam.zero_grad()
        loss.backward(inputs=weights)  # the discriminator's gradients would be thrown away
        generator_adam.step()
        return loss

    def train_discriminator(images: Tensor, fakes: Tensor) -> None:
        if one_by_one:
            real_logits, fake_logits = discriminator(images), discriminator(fakes.detach())
        else:  # the same answers, from one product of twice the rows
            both = discriminator(torch.cat([images, fakes.detach()]))
            real_logits, fake_logits = both.chunk(2)
        loss = weight * (F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean())
        discriminator_adam.zero_grad()
        loss.backward()
        discriminator_adam.step()

    def train_step(pixels: Tensor) -> Tensor:
        images = unit(pixels).mul_(2).sub_(1)
        fakes = generator(torch.randn(len(images), 100, device=images.device))
        if generator_first:
            loss = train_generator(fakes)
            train_discriminator(images, fakes)
        else:
            train_discriminator(images, fakes)
            loss = train_generator(fakes)
        return loss

    optimizers = (generator_adam, discriminator_adam)
    step = fast(train_step, (generator, discriminator), optimizers, **settings)
    return FastLoop(pixels, batch_size, (generator, discriminator), step)
