"""Answers to lesson 04."""

import math

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from torch import nn

# ----------------------------------------------------------------- right answers


def psnr_by_einops(images, restored, peak):
    error = reduce((images - restored) ** 2, "b c h w -> b", "mean")
    return 20 * math.log10(peak) - 10 * torch.log10(error)


def psnr_by_loop(images, restored, peak):
    errors = [F.mse_loss(one, other) for one, other in zip(restored, images, strict=True)]
    return torch.stack([10 * torch.log10(peak**2 / error) for error in errors])


def psnr_by_norm(images, restored, peak):
    distance = torch.linalg.vector_norm(images - restored, dim=(1, 2, 3))
    root = distance / images[0].numel() ** 0.5
    return 20 * torch.log10(peak / root)


def psnr_by_float(images, restored, peak):
    """Float32, as torch.tensor makes it of a list."""
    values = []
    for one, other in zip(images, restored, strict=True):
        error = ((one - other) ** 2).mean().item()
        values.append(10 * math.log10(peak * peak / error) if error > 0 else float("inf"))
    return torch.tensor(values)


def pca_by_eigenvectors(x, rank):
    mean = x.mean(dim=0, keepdim=True)
    centered = x - mean
    _, vectors = torch.linalg.eigh(centered.T @ centered / len(x))
    basis = vectors.flip(1)[:, :rank]
    return centered @ basis @ basis.T + mean


def pca_by_factors(x, rank):
    mean = x.mean(0)
    u, s, vh = torch.linalg.svd(x - mean)
    return mean + u[:, :rank] @ torch.diag(s[:rank]) @ vh[:rank]


def pca_by_masked_values(x, rank):
    mean = x.mean(0)
    u, s, vh = torch.linalg.svd(x - mean, full_matrices=False)
    return torch.einsum("nk,k,kd->nd", u, s * (torch.arange(len(s)) < rank), vh) + mean


def pca_by_deflation(x, rank):
    """One direction after the other, each taken out of the rest before the next is sought."""
    mean = x.mean(0)
    rest, result = x - mean, mean.expand_as(x).clone()
    for _ in range(rank):
        direction = torch.linalg.svd(rest, full_matrices=False).Vh[0]
        part = torch.outer(rest @ direction, direction)
        rest, result = rest - part, result + part
    return result


class TwoLayers(nn.Module):
    def __init__(self, image_size, latent_dim):
        super().__init__()
        self.size = image_size
        self.fc1, self.fc2 = nn.Linear(image_size * image_size, 64), nn.Linear(64, latent_dim)
        self.fc3, self.fc4 = nn.Linear(latent_dim, 64), nn.Linear(64, image_size * image_size)

    def encode(self, images):
        return self.fc2(F.relu(self.fc1(images.view(images.shape[0], -1))))

    def decode(self, z):
        flat = torch.sigmoid(self.fc4(F.relu(self.fc3(z))))
        return rearrange(flat, "b (h w) -> b 1 h w", h=self.size)

    def forward(self, images):
        return self.decode(self.encode(images))


class Convolutional(nn.Module):
    def __init__(self, image_size, latent_dim):
        super().__init__()
        quarter = image_size // 4
        self.encode = nn.Sequential(
            nn.Conv2d(1, 8, 4, 2, 1),
            nn.BatchNorm2d(8),
            nn.GELU(),
            nn.Conv2d(8, 16, 4, 2, 1),
            nn.GELU(),
            nn.Flatten(),
            nn.LazyLinear(latent_dim),
        )
        self.decode = nn.Sequential(
            nn.Linear(latent_dim, 16 * quarter**2),
            nn.GELU(),
            nn.Unflatten(1, (16, quarter, quarter)),
            nn.ConvTranspose2d(16, 8, 4, 2, 1),
            nn.GELU(),
            nn.ConvTranspose2d(8, 1, 4, 2, 1),
            nn.Sigmoid(),
        )

    def forward(self, images):
        return self.decode(self.encode(images))


class Tied(nn.Module):
    """The way back uses the weights of the way there."""

    def __init__(self, image_size, latent_dim):
        super().__init__()
        self.shape = (1, image_size, image_size)
        self.first, self.second = nn.Linear(image_size**2, 48), nn.Linear(48, latent_dim)
        self.bias1 = nn.Parameter(torch.zeros(48))
        self.bias2 = nn.Parameter(torch.zeros(image_size**2))

    def encode(self, images):
        return self.second(torch.tanh(self.first(images.flatten(1))))

    def decode(self, z):
        hidden = torch.tanh(F.linear(z, self.second.weight.T, self.bias1))
        return F.linear(hidden, self.first.weight.T, self.bias2).sigmoid().unflatten(1, self.shape)

    def forward(self, images):
        return self.decode(self.encode(images))


class Clamped(TwoLayers):
    """A linear encoder, dropout, a code kept within ±1, and pixels cut at the ends."""

    def __init__(self, image_size, latent_dim):
        super().__init__(image_size, latent_dim)
        del self.fc1
        self.fc2 = nn.Linear(image_size**2, latent_dim)
        self.dropout = nn.Dropout(0.1)

    def encode(self, images):
        return torch.tanh(self.fc2(images.flatten(1)))

    def decode(self, z):
        flat = self.fc4(self.dropout(F.silu(self.fc3(z)))) + 0.5
        return flat.clamp(0, 1).reshape(-1, 1, self.size, self.size)


def constant_by_table(values, loss):
    return {"l1": values.median(), "l2": values.mean(), "bce": values.mean()}[loss]


def constant_by_sorting(values, loss):
    """With the middle of the two middle values, as NumPy has it."""
    if loss != "l1":
        return (values.sum() / len(values)).item()
    ordered = sorted(values.tolist())
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def constant_by_search(values, loss):
    grid = torch.linspace(0.0005, 0.9995, 2000, dtype=values.dtype)[:, None]
    costs = {
        "l1": (grid - values).abs(),
        "l2": (grid - values) ** 2,
        "bce": -values * grid.log() - (1 - values) * (1 - grid).log(),
    }
    return grid[costs[loss].mean(1).argmin()]


def constant_by_numpy(values, loss):
    import numpy

    return float((numpy.median if loss == "l1" else numpy.mean)(values.numpy()))


def corrupt_by_normal(images, noise_std, generator):
    noise = torch.zeros_like(images).normal_(0, 1, generator=generator)
    return torch.clip(torch.add(images, noise, alpha=noise_std), min=0.0, max=1.0)


def corrupt_by_loop(images, noise_std, generator):
    noisy = []
    for image in images:
        noise = torch.randn(image.shape, generator=generator, device=generator.device)
        noisy.append((image + noise * noise_std).clamp(0, 1).to(image.dtype))
    return torch.stack(noisy)


def corrupt_by_minimum(images, noise_std, generator):
    spread = torch.full_like(images, noise_std)
    noisy = torch.normal(images, spread, generator=generator)
    return noisy.maximum(torch.zeros_like(noisy)).minimum(torch.ones_like(noisy))


RIGHT = {
    "psnr": [psnr_by_einops, psnr_by_loop, psnr_by_norm, psnr_by_float],
    "pca_reconstruct": [
        pca_by_eigenvectors,
        pca_by_factors,
        pca_by_masked_values,
        pca_by_deflation,
    ],
    "Autoencoder": [TwoLayers, Convolutional, Tied, Clamped],
    "best_constant": [
        constant_by_table,
        constant_by_sorting,
        constant_by_search,
        constant_by_numpy,
    ],
    "corrupt": [corrupt_by_normal, corrupt_by_loop, corrupt_by_minimum],
}

# ----------------------------------------------------------------- wrong answers


def psnr_rounded(images, restored, peak):
    return psnr_by_einops(images, restored, peak).round()


def psnr_in_place(images, restored, peak):
    images -= restored
    return psnr_by_einops(images, 0 * images, peak)


def pca_of_columns(x, rank):
    return pca_by_eigenvectors(x.T, rank).T


def pca_cut_to_range(x, rank):
    return pca_by_eigenvectors(x, rank).clamp(0, 1)


class ConstantCode(TwoLayers):
    def encode(self, images):
        return super().encode(0 * images)


class HalfImage(TwoLayers):
    """Sees the upper quarter alone."""

    def encode(self, images):
        return super().encode(
            images * (torch.arange(images.shape[2]) < images.shape[2] // 4)[:, None]
        )


class MixingBatch(TwoLayers):
    def encode(self, images):
        code = super().encode(images)
        return code - code.mean(0)


class CodeAsImage(TwoLayers):
    def encode(self, images):
        return super().encode(images)[:, None, None]


class OtherDecoder(TwoLayers):
    """forward has layers of its own."""

    def __init__(self, image_size, latent_dim):
        super().__init__(image_size, latent_dim)
        self.more = nn.Linear(latent_dim, image_size**2)

    def forward(self, images):
        return self.more(self.encode(images)).sigmoid().unflatten(1, images.shape[1:])


class Unused(TwoLayers):
    def __init__(self, image_size, latent_dim):
        super().__init__(image_size, latent_dim)
        self.forgotten = nn.Linear(3, 3)


class OneCodeShort(TwoLayers):
    def __init__(self, image_size, latent_dim):
        super().__init__(image_size, latent_dim - 1)


class RowsOfPixels(TwoLayers):
    """Never flattened, and 784 written as a number: it runs at no size."""

    def __init__(self, image_size, latent_dim):
        super().__init__(image_size, latent_dim)
        self.fc1 = nn.Linear(784, 64)

    def encode(self, images):
        return self.fc2(F.relu(self.fc1(images)))


def corrupt_on_half(images, noise_std, generator):
    noisy = corrupt_by_normal(images, noise_std, generator)
    return torch.where(torch.arange(images.shape[3]) % 2 == 0, noisy, images)


def corrupt_with_laplace(images, noise_std, generator):
    draw = torch.rand(images.shape, generator=generator, dtype=images.dtype) - 0.5
    noise = -draw.sign() * (1 - 2 * draw.abs()).clamp(min=1e-9).log() / 2**0.5
    return (images + noise_std * noise).clamp(0, 1)


def corrupt_within(images, noise_std, generator):
    return corrupt_by_normal(images, noise_std, generator).clamp(0.01, 0.99)


def corrupt_smoothly(images, noise_std, generator):
    """Every number is the sum of two that were drawn, and neighbors share one."""
    shape = (*images.shape[:3], images.shape[3] + 1)
    noise = torch.randn(shape, generator=generator, dtype=images.dtype)
    return (images + noise_std * (noise[..., 1:] + noise[..., :-1]) / 2**0.5).clamp(0, 1)


def corrupt_in_order(images, noise_std, generator):
    noise = torch.randn(images.shape, generator=generator, dtype=images.dtype)
    return (images + noise_std * noise.sort(0).values).clamp(0, 1)


def corrupt_turned(images, noise_std, generator):
    """The second half has the noise of the first, upside down."""
    half = torch.randn(images[::2].shape, generator=generator, dtype=images.dtype)
    both = torch.cat([half, half.flip(2)])[: len(images)]
    return (images + noise_std * both).clamp(0, 1)


def corrupt_by_a_level_an_image(images, noise_std, generator):
    level = torch.randn(len(images), 1, 1, 1, generator=generator, dtype=images.dtype).sign()
    noise = torch.randn(images.shape, generator=generator, dtype=images.dtype).abs()
    return (images + noise_std * level * noise).clamp(0, 1)


WRONG = {
    "psnr": [
        psnr_rounded,
        psnr_in_place,
        lambda images, restored, peak: psnr_by_einops(images, restored, peak).tolist(),
        lambda images, restored, peak: psnr_by_einops(images, images.mean(), peak),
        lambda images, restored, peak: psnr_by_einops(images, restored, peak)[:, None],
        lambda images, restored, peak: psnr_by_einops(images[:1], restored, peak),
        lambda images, restored, peak: psnr_by_einops(images, restored.clamp(0, peak), peak),
        lambda images, restored, peak: None,
    ],
    "pca_reconstruct": [
        pca_of_columns,
        pca_cut_to_range,
        lambda x, rank: x,
        lambda x, rank: x.mean(0).expand_as(x),
        lambda x, rank: pca_by_eigenvectors(x, rank).numpy(),
        lambda x, rank: pca_by_eigenvectors(x, rank).T,
        lambda x, rank: pca_by_eigenvectors(x.float(), rank).half(),
        lambda x, rank: pca_by_eigenvectors(x, max(rank, 1)),
    ],
    "Autoencoder": [
        ConstantCode,
        HalfImage,
        MixingBatch,
        CodeAsImage,
        OtherDecoder,
        Unused,
        OneCodeShort,
        RowsOfPixels,
        lambda n, z: None,
        lambda n, z: TwoLayers,
        lambda n, z: TwoLayers(n, z).double(),
    ],
    "best_constant": [
        lambda values, loss: 0.5,
        lambda values, loss: None,
        lambda values, loss: values,
        lambda values, loss: loss,
        lambda values, loss: values[0],
        lambda values, loss: 1 - constant_by_table(values, loss),
        lambda values, loss: values.quantile(0.25) if loss == "l1" else values.mean(),
        lambda values, loss: values.sort().values[len(values) // 2 - 1 if loss == "l1" else 0],
    ],
    "corrupt": [
        corrupt_smoothly,
        corrupt_in_order,
        corrupt_turned,
        corrupt_by_a_level_an_image,
        corrupt_on_half,
        corrupt_with_laplace,
        corrupt_within,
        lambda images, noise_std, g: (
            images + (noise_std * torch.randn(images.shape, generator=g)).clamp(0, 1)
        ),
        lambda images, noise_std, g: corrupt_by_normal(images, noise_std, g.manual_seed(0)),
        lambda images, noise_std, generator: images,
        lambda images, noise_std, generator: None,
        lambda images, noise_std, g: corrupt_by_normal(images, 2 * noise_std, g),
        lambda images, noise_std, g: corrupt_by_normal(images, noise_std, g).flatten(1),
        lambda images, noise_std, g: corrupt_by_normal(images.half(), noise_std, g),
    ],
}
