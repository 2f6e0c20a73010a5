"""Answers to lesson 10."""

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from torch import nn


# conv_transpose_output_size
def size_by_stamps(size, kernel, stride, padding, output_padding):
    end = max(at * stride + kernel for at in range(size))
    return end - padding - padding + output_padding


def size_as_documented(size, kernel, stride, padding, output_padding):
    return (size - 1) * stride - 2 * padding + 1 * (kernel - 1) + output_padding + 1


def size_by_module(size, kernel, stride, padding, output_padding):
    sizes = kernel, stride, padding, output_padding
    layer = nn.utils.skip_init(nn.ConvTranspose2d, 1, 1, *sizes)
    return layer(torch.zeros(1, 1, size, size)).shape[-1]


def size_measured(size, kernel, stride, padding, output_padding):
    layer = nn.ConvTranspose2d(1, 1, kernel, stride, padding, output_padding)
    return layer(torch.zeros(1, 1, size, size)).shape[-1]


# batch_norm
def norm_by_formula(x, weight, bias, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        count = x.numel() / x.shape[1]
        running_mean = (1 - momentum) * running_mean + momentum * mean.detach()
        unbiased = var.detach() * count / (count - 1)
        running_var = (1 - momentum) * running_var + momentum * unbiased
    shape = (1, -1, 1, 1)
    standard = (x - mean.view(shape)) / torch.sqrt(var.view(shape) + eps)
    return standard * weight.view(shape) + bias.view(shape), running_mean, running_var


def norm_by_einops(x, weight, bias, running_mean, running_var, training, momentum, eps):
    rows = rearrange(x, "b c h w -> (b h w) c")
    mean, var = running_mean, running_var
    if training:
        mean = reduce(rows, "n c -> c", "mean")
        var = reduce((rows - mean) ** 2, "n c -> c", "mean")
        running_mean = torch.lerp(running_mean, mean, momentum)
        running_var = torch.lerp(running_var, rows.var(0), momentum)
    rows = (rows - mean) * (var + eps).rsqrt() * weight + bias
    out = rearrange(rows, "(b h w) c -> b c h w", b=len(x), h=x.shape[2])
    return [out, running_mean.detach(), running_var.detach()]


def norm_by_library(x, weight, bias, running_mean, running_var, training, momentum, eps):
    running_mean, running_var = running_mean.clone(), running_var.clone()
    out = F.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    return out, running_mean, running_var


def norm_by_loop(x, weight, bias, running_mean, running_var, training, momentum, eps):
    new_mean, new_var, channels = running_mean.clone(), running_var.clone(), []
    for c in range(x.shape[1]):
        part = x[:, c]
        mean, var = running_mean[c], running_var[c]
        if training:
            mean, var = part.mean(), part.var(unbiased=False)
            new_mean[c] += momentum * (mean.detach() - new_mean[c])
            new_var[c] += momentum * (part.detach().var() - new_var[c])
        channels.append((part - mean) / (var + eps) ** 0.5 * weight[c] + bias[c])
    return torch.stack(channels, dim=1), new_mean, new_var


# leaky_relu
def leaky_by_where(x, negative_slope):
    return torch.where(x < 0, negative_slope * x, x)


def leaky_by_maximum(x, negative_slope):
    return torch.maximum(x, negative_slope * x)


def leaky_by_clamp(x, negative_slope):
    return x.clamp(min=0) + negative_slope * x.clamp(max=0)


def leaky_by_mask(x, negative_slope):
    out = x.clone()
    out[x < 0] *= negative_slope
    return out


def leaky_by_relu(x, negative_slope):
    return F.relu(x) - negative_slope * F.relu(-x)


# initialize_dcgan
def start_by_apply(module):
    def one(layer):
        if "Conv" in type(layer).__name__:
            nn.init.normal_(layer.weight.data, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.constant_(layer.bias.data, 0)
        elif "BatchNorm" in type(layer).__name__ and layer.affine:
            nn.init.normal_(layer.weight.data, 1.0, 0.02)
            nn.init.constant_(layer.bias.data, 0)

    return module.apply(one)


def start_by_recursion(module):
    for child in module.children():
        start_by_recursion(child)
    kind = {nn.Conv2d: 0.0, nn.ConvTranspose2d: 0.0, nn.BatchNorm2d: 1.0}
    if type(module) in kind:
        with torch.no_grad():
            if module.weight is not None:
                module.weight.normal_(kind[type(module)], 0.02)
            if module.bias is not None:
                module.bias.zero_()


@torch.no_grad()
def start_by_names(module):
    for layer in module.modules():
        if not isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.Linear)):
            continue
        for name, parameter in layer.named_parameters(recurse=False):
            if name == "bias":
                parameter.fill_(0.0)
            else:
                parameter.copy_(torch.normal(float(parameter.ndim == 1), 0.02, parameter.shape))


# the networks
def doublings(image_size):
    return {28: (7, 2), 32: (4, 3), 64: (4, 4)}[image_size]


def sequential_generator(latent_dim, image_size, channels, width):
    side, times = doublings(image_size)
    wide = width * 2 ** (times - 1)
    layers = [nn.Linear(latent_dim, wide * side**2), nn.Unflatten(1, (wide, side, side))]
    layers += [nn.BatchNorm2d(wide), nn.ReLU()]
    for _ in range(times - 1):
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(wide, wide // 2, 3, padding=1)]
        layers += [nn.BatchNorm2d(wide // 2), nn.LeakyReLU(0.2)]
        wide //= 2
    layers += [nn.ConvTranspose2d(wide, channels, 4, 2, 1), nn.Tanh()]
    return nn.Sequential(*layers)


class PaperGenerator(nn.Module):
    """Transposed convolutions alone; the start of training is DCGAN's."""

    def __init__(self, latent_dim, image_size, channels, width):
        super().__init__()
        side, times = doublings(image_size)
        widths = [width * 2**k for k in reversed(range(times))]
        self.first = nn.ConvTranspose2d(latent_dim, widths[0], side, bias=False)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False)
            for a, b in zip(widths, [*widths[1:], channels], strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(w) for w in widths)
        start_by_apply(self)

    def forward(self, z):
        x = self.first(z[:, :, None, None])
        for norm, up in zip(self.norms, self.ups, strict=True):
            x = up(F.relu(norm(x)))
        return x.tanh()


class ShufflingGenerator(nn.Module):
    """Pixel shuffle in one stroke; a group norm; a sigmoid stretched to [-1, 1]."""

    def __init__(self, latent_dim, image_size, channels, width):
        super().__init__()
        self.side, self.width = image_size // 4, width
        self.first = nn.Linear(latent_dim, width * self.side**2)
        self.norm = nn.GroupNorm(1, width)
        self.mix = nn.Conv2d(width, 16 * channels, 3, padding=1)

    def forward(self, z):
        x = self.first(z).reshape(-1, self.width, self.side, self.side)
        return 2 * F.pixel_shuffle(self.mix(F.gelu(self.norm(x))), 4).sigmoid() - 1


class PaperDiscriminator(nn.Module):
    def __init__(self, image_size, channels, width):
        super().__init__()
        side, times = doublings(image_size)
        layers = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
        for k in range(times - 1):
            layers += [nn.Conv2d(width * 2**k, width * 2 ** (k + 1), 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(width * 2 ** (k + 1)), nn.LeakyReLU(0.2, inplace=True)]
        self.body = nn.Sequential(*layers)
        self.last = nn.Conv2d(width * 2 ** (times - 1), 1, side)
        start_by_apply(self)

    def forward(self, images):
        return self.last(self.body(images)).view(-1)


class SpectralDiscriminator(nn.Module):
    """No norm of activations, but of weights; a pooled end."""

    def __init__(self, image_size, channels, width):
        super().__init__()
        wrapped = nn.utils.parametrizations.spectral_norm
        self.conv1 = wrapped(nn.Conv2d(channels, width, 3, 2, 1))
        self.conv2 = wrapped(nn.Conv2d(width, 2 * width, 3, 2, 1))
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.last = nn.Linear(32 * width, 1)

    def forward(self, x):
        x = F.silu(self.conv2(F.silu(self.conv1(x))))
        return self.last(self.pool(x).flatten(1))[:, 0]


def lazy_discriminator(image_size, channels, width):
    return nn.Sequential(
        nn.Conv2d(channels, width, 5, 2, 2),
        nn.LeakyReLU(0.2),
        nn.Dropout2d(0.2),
        nn.Conv2d(width, 2 * width, 5, 2, 2),
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.LazyLinear(1),
        nn.Flatten(0),
    )


class HalfRange(PaperGenerator):
    def forward(self, z):
        return super().forward(z) / 2


class DrawnInside(PaperGenerator):
    def forward(self, z):
        return super().forward(z + 0.1 * torch.randn_like(z))


class WholeMap(PaperDiscriminator):
    def forward(self, images):
        return self.body(images).mean(1)


class PositivePart(PaperDiscriminator):
    def forward(self, images):
        return super().forward(images.relu()).square()


class NormFirstByFunction(PaperDiscriminator):
    def forward(self, images):
        return super().forward(F.instance_norm(images))


def start_half(module):
    for number, layer in enumerate(module.modules()):
        if number % 2:
            start_by_recursion(layer)


def start_wider(module):
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0.0, 0.05)


def start_shifted(module):
    start_by_apply(module)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.affine:
            layer.bias.data.fill_(0.5)


RIGHT = {
    "conv_transpose_output_size": [
        size_by_stamps,
        size_as_documented,
        size_by_module,
        size_measured,
    ],
    "batch_norm": [norm_by_formula, norm_by_einops, norm_by_library, norm_by_loop],
    "leaky_relu": [
        leaky_by_where,
        leaky_by_maximum,
        leaky_by_clamp,
        leaky_by_mask,
        leaky_by_relu,
        lambda x, negative_slope: F.leaky_relu(x, negative_slope),
        lambda x, negative_slope: F.prelu(x, torch.tensor([negative_slope], dtype=x.dtype)),
    ],
    "initialize_dcgan": [start_by_apply, start_by_recursion, start_by_names],
    "DCGANGenerator": [sequential_generator, PaperGenerator, ShufflingGenerator],
    "DCGANDiscriminator": [PaperDiscriminator, SpectralDiscriminator, lazy_discriminator],
}
WRONG = {
    "conv_transpose_output_size": [
        lambda size, kernel, stride, padding, output_padding: size,
        lambda size, kernel, stride, padding, output_padding: size * kernel,
        lambda size, kernel, stride, padding, output_padding: [size],
        lambda size, kernel, stride, padding, output_padding: kernel * stride + output_padding,
    ],
    "batch_norm": [
        lambda x, w, b, m, v, t, mo, e: (x, m.clone(), v.clone()),
        lambda x, w, b, m, v, t, mo, e: norm_by_formula(x, w, b, m, v, t, mo, 2 * e),
        lambda x, w, b, m, v, t, mo, e: norm_by_formula(x, w, b, m, v, t, mo / 2, e),
        lambda x, w, b, m, v, t, mo, e: norm_by_formula(x, w, b, m, v, t, mo, e)[:2],
    ],
    "leaky_relu": [
        lambda x, a: x.abs(),
        lambda x, a: F.leaky_relu(x, 2 * a),
        lambda x, a: torch.where(x > 1, x, a * x),
        lambda x, a: F.softplus(x),
    ],
    "initialize_dcgan": [start_half, start_wider, start_shifted],
    "DCGANGenerator": [HalfRange, DrawnInside, lambda z, n, c, w: nn.Identity()],
    "DCGANDiscriminator": [WholeMap, PositivePart, NormFirstByFunction],
}
