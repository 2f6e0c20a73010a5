"""The networks that both sides train: widths and layers are those of the peers' published code.

A last sigmoid belongs to a peer's loop, where that loop has one: here all networks end in logits,
and a VAE's encoder in `mean` and `log_var` side by side.
"""

from itertools import pairwise

from torch import Tensor, nn

from course_lib.networks import UpsampleConv2d


def vae_networks() -> tuple[nn.Sequential, nn.Sequential]:
    """Encoder and decoder of the VAE in pytorch/examples: 784-400-20-400-784, ReLU.

    >>> sum(p.numel() for network in vae_networks() for p in network.parameters())
    652824
    """
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    return encoder, decoder


class TwoHeadedVAE(nn.Module):
    """The same VAE as peers write it: mean and log-variance by two layers, pixels by a sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU())
        self.mean, self.log_var = nn.Linear(400, 20), nn.Linear(400, 20)
        self.decoder = nn.Sequential(
            nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid()
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pixel probabilities `(B, 784)`, mean and log-variance `(B, 20)`."""
        hidden = self.hidden(images)
        mean, log_var = self.mean(hidden), self.log_var(hidden)
        z = mean + (0.5 * log_var).exp() * mean.new_empty(mean.shape).normal_()
        return self.decoder(z), mean, log_var


def mlp_gan() -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator of PyTorch-GAN's `gan`, for 28×28 digits; latent size 100."""
    widths = (128, 256, 512, 1024)
    layers: list[nn.Module] = [nn.Linear(100, 128), nn.LeakyReLU(0.2, inplace=True)]
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.BatchNorm1d(fan_out, eps=0.8)]
        layers += [nn.LeakyReLU(0.2, inplace=True)]
    generator = nn.Sequential(
        *layers, nn.Linear(1024, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28))
    )
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.LeakyReLU(0.2))
    discriminator.extend([nn.Linear(512, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1)])
    return generator, discriminator


def dcgan_32(size: int = 32, merged: bool = False) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator of PyTorch-GAN's `dcgan`: one channel, latent size 100.

    `merged`: upsampling and the convolution behind it in one layer, the same function.
    """
    start, end = size // 4, -(-size // 16)
    generator = nn.Sequential(
        nn.Linear(100, 128 * start**2),
        nn.Unflatten(1, (128, start, start)),
        nn.BatchNorm2d(128),
        *_up(128, 128, merged),
        *_up(128, 64, merged),
        nn.Conv2d(64, 1, 3, padding=1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential()
    for fan_in, fan_out in ((1, 16), (16, 32), (32, 64), (64, 128)):
        discriminator.append(nn.Conv2d(fan_in, fan_out, 3, stride=2, padding=1))
        discriminator.extend([nn.LeakyReLU(0.2, inplace=True), nn.Dropout2d(0.25)])
        if fan_in > 1:
            discriminator.append(nn.BatchNorm2d(fan_out, eps=0.8))
    discriminator.extend([nn.Flatten(), nn.Linear(128 * end**2, 1)])
    return _started(generator), _started(discriminator)


def dcgan_64() -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator of pytorch/examples' `dcgan`: RGB, 64×64, latent size 100."""
    generator = nn.Sequential(nn.Unflatten(1, (100, 1, 1)))
    discriminator = nn.Sequential()
    for fan_in, fan_out in ((100, 512), (512, 256), (256, 128), (128, 64)):
        stride, padding = (1, 0) if fan_in == 100 else (2, 1)
        generator.append(nn.ConvTranspose2d(fan_in, fan_out, 4, stride, padding, bias=False))
        generator.extend([nn.BatchNorm2d(fan_out), nn.ReLU(inplace=True)])
    generator.extend([nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh()])
    for fan_in, fan_out in ((3, 64), (64, 128), (128, 256), (256, 512)):
        discriminator.append(nn.Conv2d(fan_in, fan_out, 4, 2, 1, bias=False))
        if fan_in > 3:
            discriminator.append(nn.BatchNorm2d(fan_out))
        discriminator.append(nn.LeakyReLU(0.2, inplace=True))
    discriminator.extend([nn.Conv2d(512, 1, 4, bias=False), nn.Flatten()])
    return _started(generator), _started(discriminator)


def _up(fan_in: int, fan_out: int, merged: bool) -> list[nn.Module]:
    two_layers = [nn.Upsample(scale_factor=2), nn.Conv2d(fan_in, fan_out, 3, padding=1)]
    layers = [UpsampleConv2d(fan_in, fan_out)] if merged else two_layers
    return [*layers, nn.BatchNorm2d(fan_out, eps=0.8), nn.LeakyReLU(0.2, inplace=True)]


def _started(network: nn.Module) -> nn.Module:
    """DCGAN's start: convolutions N(0, 0.02²), BatchNorm's gains N(1, 0.02²)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
    return network
