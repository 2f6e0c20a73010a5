"""Networks that surround the lessons: what several of them need and none of them teaches."""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DigitClassifier(nn.Module):
    """A small convolutional classifier for images `(B, 1, 28, 28)`: logits `(B, 10)`.

    Two 5×5 convolutions of stride 2 (28 to 14 to 7 pixels), a layer of `feature_dim` features, and
    a linear readout: 0.11 million weights. Any value range will do, as long as it is judged on the
    range that it was trained on. Lesson 09 trains it and counts digits with it; `features` are what
    a Fréchet distance compares.

    Raises ValueError for images of another shape.

    >>> classifier = DigitClassifier()
    >>> images = torch.rand(5, 1, 28, 28)
    >>> classifier(images).shape, classifier.features(images).shape
    (torch.Size([5, 10]), torch.Size([5, 64]))
    """

    def __init__(self, width: int = 16, feature_dim: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, width, kernel_size=5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, kernel_size=5, stride=2, padding=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * width * 7 * 7, feature_dim),
            nn.ReLU(),
        )
        self.readout = nn.Linear(feature_dim, 10)

    def features(self, images: Tensor) -> Tensor:
        """The activations below the readout, `(B, feature_dim)`, none of them negative."""
        if images.shape[1:] != (1, 28, 28):
            raise ValueError(f"images must be (B, 1, 28, 28); got {tuple(images.shape)}")
        return self.body(images)

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(B, 10)` of the digits 0 to 9."""
        return self.readout(self.features(images))


class DigitGenerator(nn.Sequential):
    """Latents z `(B, latent_dim)` to images `(B, 1, 28, 28)` in [-1, 1], as in lesson 12.

    A linear layer to `2 * width` maps of 7×7, and two transposed convolutions that double them.

    >>> DigitGenerator(latent_dim=16, width=4)(torch.randn(5, 16)).shape
    torch.Size([5, 1, 28, 28])
    """

    def __init__(self, latent_dim: int, width: int = 32) -> None:
        super().__init__(
            nn.Linear(latent_dim, 2 * width * 49),
            nn.Unflatten(1, (2 * width, 7, 7)),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, kernel_size=4, stride=2, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 1, kernel_size=4, stride=2, padding=1),
            nn.Tanh(),
        )


class DigitDiscriminator(nn.Sequential):
    """Images `(B, 1, 28, 28)` to logits `(B,)`: the discriminator of lesson 12's GAN.

    >>> DigitDiscriminator(width=4)(torch.rand(5, 1, 28, 28)).shape
    torch.Size([5])
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__(
            nn.Conv2d(1, width, kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, kernel_size=4, stride=2, padding=1),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(2 * width * 49, 1),
            nn.Flatten(0),
        )


class UpsampleConv2d(nn.Conv2d):
    """Twice the size, then a 3×3 convolution: `(B, C, H, W)` to `(B, out_channels, 2H, 2W)`.

    The same function of the same weights as `nn.Upsample(scale_factor=2)` and
    `nn.Conv2d(in_channels, out_channels, 3, padding=1)`, in 4/9 of the operations. After the
    upsampling a 3×3 window sees at most four different numbers, so weights that meet the same
    number are added up first: what remains is a transposed convolution with a kernel of 4×4 sums.
    Lesson 17b derives it.

    >>> layer, images = UpsampleConv2d(3, 8), torch.rand(2, 3, 5, 5)
    >>> plain = nn.Conv2d(3, 8, 3, padding=1)
    >>> plain.load_state_dict(layer.state_dict())
    <All keys matched successfully>
    >>> torch.allclose(layer(images), plain(nn.Upsample(scale_factor=2)(images)), atol=1e-6)
    True
    """

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, padding=1, bias=bias)

    def forward(self, images: Tensor) -> Tensor:
        """Images `(B, in_channels, H, W)` to `(B, out_channels, 2H, 2W)`."""
        framed = F.pad(self.weight.flip(2, 3), (1, 1, 1, 1))
        sums = F.avg_pool2d(framed, kernel_size=2, stride=1, divisor_override=1)
        kernel = sums.transpose(0, 1).contiguous(memory_format=_layout(self.weight))
        return F.conv_transpose2d(images, kernel, self.bias, stride=2, padding=1)


class MLPStack(nn.Module):
    """Many small networks of one shape, each with its own weights: `(N, B, in)` to `(N, B, out)`.

    Network n maps `x[n]`; its layers have `sizes` units, leaky ReLUs (0.2) between them, weights
    from N(0, 2 / in) of seed n and biases of 0. All weights of a layer lie in one tensor
    `(N, in, out)`, so N networks cost about as many launches as one. The mean over all examples is
    the mean of the N networks' losses: times N, each network gets the gradient of its own loss.

    >>> stack = MLPStack(3, (2, 8, 1))
    >>> stack(torch.zeros(3, 5, 2)).shape
    torch.Size([3, 5, 1])
    """

    def __init__(self, count: int, sizes: Sequence[int]) -> None:
        super().__init__()
        layers = list(itertools.pairwise(sizes))
        draws = [torch.Generator().manual_seed(seed) for seed in range(count)]
        self.weights = nn.ParameterList(
            torch.stack([torch.randn(i, o, generator=draw) * (2 / i) ** 0.5 for draw in draws])
            for i, o in layers
        )
        self.biases = nn.ParameterList(torch.zeros(count, 1, o) for _, o in layers)

    def weight(self, number: int) -> Tensor:
        """Weights of a layer, `(N, in, out)`; a subclass may normalize them here."""
        return self.weights[number]

    def forward(self, x: Tensor) -> Tensor:
        """Inputs `(N, B, in)` to outputs `(N, B, out)`, without an activation at the end."""
        for number, bias in enumerate(self.biases):
            x = x if number == 0 else F.leaky_relu(x, 0.2)
            x = torch.baddbmm(bias, x, self.weight(number))
        return x


class ResidualBlock(nn.Module):
    """x plus a change: two 3×3 convolutions with reflection padding, each with an instance norm.

    `(B, channels, H, W)` to the same shape; a ReLU between the two, none behind the sum. Johnson et
    al. 2016, with instance norm as CycleGAN has it. Lesson 14 builds it.

    >>> ResidualBlock(8)(torch.rand(2, 8, 5, 7)).shape
    torch.Size([2, 8, 5, 7])
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect"),
            nn.InstanceNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect"),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, images: Tensor) -> Tensor:
        """`(B, channels, H, W)` to the same."""
        return images + self.change(images)


def _layout(tensor: Tensor) -> torch.memory_format:
    last = torch.channels_last
    return last if tensor.is_contiguous(memory_format=last) else torch.contiguous_format
