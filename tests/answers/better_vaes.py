"""Answers to lesson 06."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from einops.layers.torch import Rearrange
from torch import nn
from torch.distributions import Normal

# ----------------------------------------------------------------- right answers


def size_by_walking(size, kernel, stride, padding, dilation):
    last_tap, count = dilation * (kernel - 1), 0
    left = -padding
    while left + last_tap < size + padding:
        left, count = left + stride, count + 1
    return count


def size_as_documented(size, kernel, stride, padding, dilation):
    return math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1)


def size_by_range(size, kernel, stride, padding, dilation):
    window = dilation * kernel - dilation + 1
    return len(range(0, size + padding + padding - window + 1, stride))


def size_by_module(size, kernel, stride, padding, dilation):
    layer = nn.utils.skip_init(nn.Conv2d, 1, 1, kernel, stride, padding, dilation)
    return layer(torch.zeros(1, 1, size, size)).shape[2]


class NormalizedConvEncoder(nn.Module):
    """Three convolutions, batch norm, dropout, a pooled end, and log_var within bounds."""

    def __init__(self, channels, image_size, width, latent_dim):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.drop = nn.Dropout2d(0.1)
        self.pool = nn.AdaptiveAvgPool2d(3)
        self.heads = nn.ModuleList(nn.Linear(18 * width, latent_dim) for _ in range(2))

    def forward(self, x):
        x = F.silu(self.norm(self.conv1(x)))
        x = self.pool(F.silu(self.conv3(F.silu(self.conv2(self.drop(x)))))).flatten(1)
        return self.heads[0](x), self.heads[1](x).clamp(-10, 4)


def sequential_conv_encoder(channels, image_size, width, latent_dim):
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(
                nn.Conv2d(channels, width, 5, padding=2),
                nn.MaxPool2d(2),
                nn.LeakyReLU(0.1),
                nn.Conv2d(width, width, 4, 2, 1),
                nn.ELU(),
                Rearrange("b c h w -> b (c h w)"),
                nn.LazyLinear(2 * latent_dim),
            )

        def forward(self, images):
            mean, log_var = rearrange(self.net(images), "b (two z) -> two b z", two=2)
            return mean, log_var

    return Encoder()


class ConvCodeEncoder(nn.Module):
    """Ends in a convolution that sees the whole map; starts with every code at the prior."""

    def __init__(self, channels, image_size, width, latent_dim):
        super().__init__()
        self.body = nn.ModuleList(
            [nn.Conv2d(channels, width, 4, 2, 1), nn.Conv2d(width, 2 * width, 4, 2, 1)]
        )
        self.last = nn.Conv2d(2 * width, 2 * latent_dim, image_size // 4)
        nn.init.zeros_(self.last.weight)

    def forward(self, x):
        for layer in self.body:
            x = F.relu(layer(x))
        return list(self.last(x)[:, :, 0, 0].chunk(2, dim=1))


class UpsamplingDecoder(nn.Module):
    def __init__(self, latent_dim, width, channels, image_size):
        super().__init__()
        self.side, self.width = image_size // 4, width
        self.first = nn.Linear(latent_dim, width * self.side**2)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, z):
        x = F.relu(self.first(z)).reshape(-1, self.width, self.side, self.side)
        x = F.relu(self.conv1(F.interpolate(x, scale_factor=2)))
        return self.conv2(F.interpolate(x, scale_factor=2, mode="bilinear"))


def sequential_conv_decoder(latent_dim, width, channels, image_size):
    side = image_size // 4
    return nn.Sequential(
        nn.Linear(latent_dim, width * side * side),
        nn.SiLU(),
        nn.Unflatten(1, (width, side, side)),
        nn.ConvTranspose2d(width, width, 3, 2, 1, output_padding=1),
        nn.BatchNorm2d(width),
        nn.SiLU(),
        nn.ConvTranspose2d(width, channels, 3, 2, 1, output_padding=1),
    )


class ShufflingDecoder(nn.Module):
    """Grows by pixel shuffle, from a map that is one pixel at first."""

    def __init__(self, latent_dim, width, channels, image_size):
        super().__init__()
        self.grow = nn.ConvTranspose2d(latent_dim, width, image_size // 4)
        self.mix = nn.Conv2d(width, 16 * channels, 3, padding=1)

    def forward(self, z):
        return F.pixel_shuffle(self.mix(F.gelu(self.grow(z[:, :, None, None]))), 4)


def beta_as_means(log_likelihood, kl, beta):
    return beta * kl.mean() - log_likelihood.mean()


def beta_as_objective(log_likelihood, kl, beta):
    objective = log_likelihood - beta * kl
    return -objective.sum() / objective.numel()


def beta_by_lerp(log_likelihood, kl, beta):
    return torch.mean(torch.add(-log_likelihood, kl, alpha=beta))


def units_by_variance(means, threshold):
    return int((means.var(dim=0) > threshold).sum())


def units_by_numpy(means, threshold):
    return (np.cov(means.numpy(), rowvar=False).diagonal() > threshold).sum()


def units_by_squares(means, threshold):
    spread = (means**2).mean(dim=0) - means.mean(dim=0) ** 2
    return torch.count_nonzero(spread > threshold)


def gaussian_by_formula(recon_mean, log_std, images):
    error = (images - recon_mean) / log_std.exp()
    terms = -0.5 * error**2 - log_std - 0.5 * math.log(2 * math.pi)
    return terms.sum(dim=(1, 2, 3))


def gaussian_by_library_loss(recon_mean, log_std, images):
    variance = (2 * log_std).exp().expand_as(images)
    loss = F.gaussian_nll_loss(recon_mean, images, variance, full=True, eps=0.0, reduction="none")
    return -reduce(loss, "b c h w -> b", "sum")


def gaussian_by_standardizing(recon_mean, log_std, images):
    standard = (images - recon_mean) * torch.exp(-log_std)
    log_std = torch.broadcast_to(log_std, images.shape)
    return (Normal(0.0, 1.0).log_prob(standard) - log_std).flatten(1).sum(1)


def gaussian_by_loop(recon_mean, log_std, images):
    spread = (log_std + torch.zeros_like(images)).exp()
    triples = zip(recon_mean, spread, images, strict=True)
    return torch.stack([Normal(m, s).log_prob(x).sum() for m, s, x in triples])


def bits_by_maximum(kl_per_dim, floor):
    average = kl_per_dim.mean(dim=0)
    return torch.maximum(average, torch.full_like(average, floor)).sum()


def bits_by_relu(kl_per_dim, floor):
    return (floor + F.relu(reduce(kl_per_dim, "b z -> z", "mean") - floor)).sum()


def bits_by_where(kl_per_dim, floor):
    average = kl_per_dim.sum(0) / len(kl_per_dim)
    return torch.where(average < floor, floor, average).sum()


def weight_by_clamp(step, warmup_steps):
    if warmup_steps == 0:
        return torch.tensor(1.0)
    return torch.tensor(step / warmup_steps, dtype=torch.float64).clamp(0, 1)


def weight_by_cases(step, warmup_steps):
    return 1 if step >= warmup_steps else step / warmup_steps


def weight_by_minimum(step, warmup_steps):
    return min(step, warmup_steps) / warmup_steps if warmup_steps else 1.0


def probe_by_adam(means, labels, test_means, test_labels):
    layer = nn.Linear(means.shape[1], int(labels.max()) + 1)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        F.cross_entropy(layer(means), labels).backward()
        optimizer.step()
    return (layer(test_means).argmax(dim=1) == test_labels).float().mean()


def probe_by_least_squares(means, labels, test_means, test_labels):
    with_one = torch.cat([means, torch.ones(len(means), 1)], dim=1)
    weight = torch.linalg.lstsq(with_one, F.one_hot(labels).float(), driver="gelsd").solution
    scores = test_means @ weight[:-1] + weight[-1]
    return (scores.argmax(1) == test_labels).double().mean().item()


def probe_by_centers(means, labels, test_means, test_labels):
    """Nearest center: linear, since the squared length of the code cancels."""
    centers = torch.stack([means[labels == k].mean(0) for k in labels.unique()])
    guesses = torch.cdist(test_means, centers).argmin(1)
    return sum(int(a == b) for a, b in zip(guesses, test_labels, strict=True)) / len(test_labels)


def probe_standardized(means, labels, test_means, test_labels):
    center, spread = means.mean(0), means.std(0) + 1e-6
    return probe_by_adam(
        (means - center) / spread, labels, (test_means - center) / spread, test_labels
    )


RIGHT = {
    "conv_output_size": [size_by_walking, size_as_documented, size_by_range, size_by_module],
    "ConvEncoder": [NormalizedConvEncoder, sequential_conv_encoder, ConvCodeEncoder],
    "ConvDecoder": [UpsamplingDecoder, sequential_conv_decoder, ShufflingDecoder],
    "beta_elbo": [beta_as_means, beta_as_objective, beta_by_lerp],
    "active_units": [units_by_variance, units_by_numpy, units_by_squares],
    "gaussian_log_likelihood": [
        gaussian_by_formula,
        gaussian_by_library_loss,
        gaussian_by_standardizing,
        gaussian_by_loop,
    ],
    "free_bits": [bits_by_maximum, bits_by_relu, bits_by_where],
    "kl_weight": [weight_by_clamp, weight_by_cases, weight_by_minimum],
    "linear_probe": [
        probe_by_adam,
        probe_by_least_squares,
        probe_by_centers,
        probe_standardized,
    ],
}

# ----------------------------------------------------------------- wrong answers


class ForgetfulEncoder(NormalizedConvEncoder):
    """One layer is made and never used."""

    def __init__(self, channels, image_size, width, latent_dim):
        super().__init__(channels, image_size, width, latent_dim)
        self.forgotten = nn.Conv2d(width, width, 3)


class CornerEncoder(ConvCodeEncoder):
    def forward(self, x):
        seen = torch.zeros_like(x)
        seen[..., :8, :8] = x[..., :8, :8]
        return super().forward(seen)


class BatchwiseEncoder(ConvCodeEncoder):
    def forward(self, x):
        return super().forward(x - x.mean(0))


class MeanFromDetached(NormalizedConvEncoder):
    def forward(self, x):
        mean, log_var = super().forward(x)
        return mean.detach(), log_var


class PositiveDecoder(UpsamplingDecoder):
    def forward(self, z):
        return F.softplus(super().forward(z))


class ConstantDecoder(UpsamplingDecoder):
    def forward(self, z):
        return super().forward(0 * z)


class OneLatentDecoder(UpsamplingDecoder):
    def forward(self, z):
        return super().forward(z[:, :1].expand_as(z))


class PairDecoder(UpsamplingDecoder):
    def forward(self, z):
        logits = super().forward(z)
        return logits, logits


def bits_detached(kl_per_dim, floor):
    return bits_by_maximum(kl_per_dim.detach(), floor)


def probe_as_tensor_of_two(*codes):
    return torch.tensor([probe_by_centers(*codes), 1.0])


def probe_with_hidden_layer(means, labels, test_means, test_labels):
    features = torch.linspace(-2, 2, means.shape[1] * 60).reshape(-1, 60).mul(37).sin()

    def bend(codes):
        return torch.relu(codes @ features + features[0].flip(0))

    return probe_by_least_squares(bend(means), labels, bend(test_means), test_labels)


def probe_of_both_by_adam(means, labels, test_means, test_labels):
    both = torch.cat([means, test_means]), torch.cat([labels, test_labels])
    return probe_by_adam(*both, test_means, test_labels)


def probe_of_test_codes_centered(means, labels, test_means, test_labels):
    return probe_by_centers(
        means - means.mean(0), labels, test_means - test_means.mean(0), test_labels
    )


def probe_at_its_best(means, labels, test_means, test_labels):
    """Stopped early, where the test accuracy was highest."""
    layer = nn.Linear(means.shape[1], int(labels.max()) + 1)
    optimizer, best = torch.optim.Adam(layer.parameters(), lr=0.05), 0.0
    for _ in range(150):
        optimizer.zero_grad()
        F.cross_entropy(layer(means), labels).backward()
        optimizer.step()
        hits = layer(test_means).argmax(dim=1) == test_labels
        best = max(best, hits.float().mean().item())
    return best


def probe_prepared_apart(means, labels, test_means, test_labels):
    spread = means.std(0) + 1e-6
    return probe_by_least_squares((means - means.mean(0)) / spread, labels, test_means, test_labels)


WRONG = {
    "conv_output_size": [
        lambda size, kernel, stride, padding, dilation: None,
        lambda size, kernel, stride, padding, dilation: size,
        lambda size, kernel, stride, padding, dilation: str(
            size_by_walking(size, kernel, stride, padding, dilation)
        ),
        lambda size, kernel, stride, padding, dilation: size_by_walking(
            size, stride, kernel, padding, dilation
        ),
        lambda size, kernel, stride, padding, dilation: (
            (size_by_walking(size, kernel, stride, padding, dilation),) * 2
        ),
    ],
    "ConvEncoder": [
        ForgetfulEncoder,
        CornerEncoder,
        BatchwiseEncoder,
        MeanFromDetached,
        lambda channels, image_size, width, latent_dim: None,
        lambda c, n, w, z: ConvCodeEncoder(c, n, w, z + 1),
        lambda c, n, w, z: ConvCodeEncoder(c, n, w, z).double(),
    ],
    "ConvDecoder": [
        PositiveDecoder,
        ConstantDecoder,
        OneLatentDecoder,
        PairDecoder,
        lambda latent_dim, width, channels, image_size: UpsamplingDecoder,
        lambda z, w, c, n: nn.Sequential(sequential_conv_decoder(z, w, c, n), nn.Hardtanh()),
        lambda z, w, c, n: nn.Sequential(nn.Linear(z, c * n * n), nn.Unflatten(1, (c, n, n))),
    ],
    "beta_elbo": [
        lambda ll, kl, beta: beta_as_means(ll.detach(), kl, beta),
        lambda ll, kl, beta: beta_as_means(ll, kl, beta).item(),
        lambda ll, kl, beta: beta_as_means(ll, kl, beta) / 784,
        lambda ll, kl, beta: beta_as_means(ll, kl, beta**2),
        lambda ll, kl, beta: None,
    ],
    "active_units": [
        lambda means, threshold: means.shape[1],
        lambda means, threshold: units_by_variance(means, threshold) + 1,
        lambda means, threshold: str(units_by_variance(means, threshold)),
        lambda means, threshold: (means.max(0).values > threshold).sum(),
        lambda means, threshold: None,
    ],
    "gaussian_log_likelihood": [
        lambda m, s, x: gaussian_by_formula(m.detach(), s, x),
        lambda m, s, x: gaussian_by_formula(m, s.detach(), x),
        lambda m, s, x: gaussian_by_formula(m.sigmoid(), s, x),
        lambda m, s, x: gaussian_by_formula(m.clamp_(0, 1), s, x),
        lambda m, s, x: gaussian_by_formula(m, s, x).tolist(),
        lambda m, s, x: None,
    ],
    "free_bits": [
        bits_detached,
        lambda kl, floor: bits_by_maximum(kl, floor).item(),
        lambda kl, floor: bits_by_maximum(kl, 2 * floor),
        lambda kl, floor: (kl.mean(0).square() + floor**2).sqrt().sum(),
        lambda kl, floor: floor + F.softplus(kl.mean(0) - floor).sum(),
        lambda kl, floor: None,
    ],
    "kl_weight": [
        lambda step, warmup_steps: 1.0,
        lambda step, warmup_steps: 0.5 * weight_by_cases(step, warmup_steps),
        lambda step, warmup_steps: weight_by_cases(step, 2 * warmup_steps),
        lambda step, warmup_steps: weight_by_cases(step, warmup_steps) ** 2,
        lambda step, warmup_steps: str(weight_by_cases(step, warmup_steps)),
        lambda step, warmup_steps: None,
    ],
    "linear_probe": [
        probe_of_both_by_adam,
        probe_of_test_codes_centered,
        probe_at_its_best,
        probe_prepared_apart,
        probe_as_tensor_of_two,
        probe_with_hidden_layer,
        lambda m, y, tm, ty: 1.0,
        lambda m, y, tm, ty: probe_by_centers(m, y.roll(1), tm, ty),
        lambda m, y, tm, ty: 0.9 * probe_by_centers(m, y, tm, ty),
        lambda m, y, tm, ty: None,
    ],
}
