"""Answers to lesson 09."""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from einops import rearrange
from einops.layers.torch import Rearrange
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim.adam import adam as functional_adam


# Generator
def generator_as_sequential(latent_dim, hidden_dim, image_size):
    return nn.Sequential(
        nn.Linear(latent_dim, hidden_dim),
        nn.ReLU(),
        nn.Linear(hidden_dim, 4 * hidden_dim),
        nn.ReLU(),
        nn.Linear(4 * hidden_dim, image_size * image_size),
        nn.Tanh(),
        Rearrange("b (c h w) -> b c h w", c=1, h=image_size),
    )


class GeneratorWithBatchNorm(nn.Module):
    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__()
        self.size = image_size
        widths = [latent_dim, hidden_dim, 2 * hidden_dim]
        self.hidden = nn.ModuleList(
            nn.Sequential(nn.Linear(a, b, bias=False), nn.BatchNorm1d(b), nn.LeakyReLU(0.2))
            for a, b in pairwise(widths)
        )
        self.readout = nn.Linear(2 * hidden_dim, image_size**2)

    def forward(self, z):
        for layer in self.hidden:
            z = layer(z)
        return torch.tanh(self.readout(z)).view(-1, 1, self.size, self.size)


class GeneratorWithLayerNorm(nn.Module):
    """Small DCGAN-like weights, smooth activations, a sigmoid stretched to [-1, 1]."""

    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__()
        self.a = nn.Linear(latent_dim, hidden_dim)
        self.norm = nn.LayerNorm(hidden_dim)
        self.b = nn.Linear(hidden_dim, image_size**2)
        self.size = image_size
        for layer in (self.a, self.b):
            nn.init.normal_(layer.weight, 0, 0.02)

    def forward(self, z):
        pixels = 2 * self.b(F.silu(self.norm(self.a(z)))).sigmoid() - 1
        return rearrange(pixels, "b (h w) -> b 1 h w", h=self.size)


class TanhGenerator(nn.Module):
    """Saturating activations and small weights throughout, and dropout while training."""

    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim),
            nn.Tanh(),
            nn.Dropout(0.3),
            nn.Linear(hidden_dim, image_size**2),
            nn.Tanh(),
            nn.Unflatten(1, (1, image_size, image_size)),
        )
        for parameter in self.net.parameters():
            nn.init.normal_(parameter, 0, 0.02)

    def forward(self, z):
        return self.net(z)


class ConvolutionalGenerator(nn.Module):
    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__()
        self.start = nn.Linear(latent_dim, hidden_dim * (image_size // 2) ** 2)
        self.half, self.channels = image_size // 2, hidden_dim
        self.up = nn.ConvTranspose2d(hidden_dim, 1, 4, stride=2, padding=1)

    def forward(self, z):
        planes = self.start(z).relu().reshape(-1, self.channels, self.half, self.half)
        return self.up(planes).tanh()


class TimidGenerator(nn.Module):
    """Lazy and normalized layers, a block and a last layer that start at zero."""

    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__()
        self.first = spectral_norm(nn.Linear(latent_dim, hidden_dim))
        self.block, self.norm = nn.LazyLinear(hidden_dim), nn.GroupNorm(4, hidden_dim)
        self.last, self.side = nn.Linear(hidden_dim, image_size**2), image_size
        for parameter in [*self.norm.parameters(), *self.last.parameters()]:
            nn.init.zeros_(parameter)

    def forward(self, z):
        hidden = self.first(z)
        hidden = hidden + self.norm(self.block(F.relu(hidden)))
        return F.softsign(self.last(hidden)).view(-1, 1, self.side, self.side)


# Discriminator
def discriminator_as_sequential(image_size, hidden_dim):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(image_size**2, hidden_dim),
        nn.LeakyReLU(0.2),
        nn.Dropout(0.3),
        nn.Linear(hidden_dim, hidden_dim),
        nn.LeakyReLU(0.2),
        nn.Dropout(0.3),
        nn.Linear(hidden_dim, 1),
        nn.Flatten(0),
    )


class DiscriminatorByFunctions(nn.Module):
    def __init__(self, image_size, hidden_dim):
        super().__init__()
        self.one = nn.Linear(image_size * image_size, 2 * hidden_dim)
        self.two = nn.Linear(2 * hidden_dim, hidden_dim)
        self.three = nn.Linear(hidden_dim, 1)

    def forward(self, images):
        x = images.view(images.size(0), -1)
        x = F.leaky_relu(self.one(x), 0.2)
        x = F.dropout(F.leaky_relu(self.two(x), 0.2), 0.3, training=self.training)
        return self.three(x).squeeze(-1)


class ConvolutionalDiscriminator(nn.Module):
    def __init__(self, image_size, hidden_dim):
        super().__init__()
        self.conv = nn.Conv2d(1, hidden_dim, 4, stride=2, padding=1)
        self.readout = nn.Linear(hidden_dim * (image_size // 2) ** 2, 1)

    def forward(self, images):
        return self.readout(F.gelu(self.conv(images)).flatten(1)).view(-1)


class TanhDiscriminator(nn.Module):
    def __init__(self, image_size, hidden_dim):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(image_size**2, hidden_dim), nn.Tanh(), nn.Linear(hidden_dim, 1)
        )

    def forward(self, images):
        return self.net(rearrange(images, "b 1 h w -> b (h w)"))[..., 0]


class NormalizedDiscriminator(nn.Module):
    """Dropout on the pixels, and a bounded slope everywhere."""

    def __init__(self, image_size, hidden_dim):
        super().__init__()
        self.net = nn.Sequential(
            nn.Dropout(0.3),
            nn.Flatten(),
            spectral_norm(nn.Linear(image_size**2, hidden_dim, bias=False)),
            nn.LeakyReLU(0.2),
            nn.utils.spectral_norm(nn.Linear(hidden_dim, 1, bias=False)),
        )

    def forward(self, images):
        return self.net(images).flatten()


class PoolingDiscriminator(nn.Module):
    """Starts at zero, and its second convolution leaves the last row and column out."""

    def __init__(self, image_size, hidden_dim):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, hidden_dim, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.second = nn.Conv2d(hidden_dim, hidden_dim, 3, stride=2)
        self.last = nn.Linear(hidden_dim, 1)
        nn.init.zeros_(self.last.weight)

    def forward(self, images):
        hidden = F.relu(self.second(self.features(images)))
        return self.last(hidden.mean((2, 3)))[:, 0]


# discriminator_loss
def loss_by_bce(real_logits, fake_logits, smooth=0.0):
    real = F.binary_cross_entropy_with_logits(
        real_logits, torch.full_like(real_logits, 1.0 - smooth)
    )
    fake = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    return real + fake


def loss_by_softplus(real_logits, fake_logits, smooth=0.0):
    real = F.softplus(-real_logits) + smooth * real_logits
    return real.mean() + F.softplus(fake_logits).mean()


def loss_by_logsigmoid(real_logits, fake_logits, smooth=0):
    yes, no = F.logsigmoid(real_logits), F.logsigmoid(-real_logits)
    real = (1 - smooth) * yes + smooth * no
    return -(real.mean() + F.logsigmoid(-fake_logits).mean())


def loss_by_loop(real_logits, fake_logits, smooth=0.0):
    zero = torch.zeros((), dtype=real_logits.dtype)
    total = torch.zeros((), dtype=real_logits.dtype)
    for logit in real_logits:
        yes, no = torch.logaddexp(zero, -logit), torch.logaddexp(zero, logit)
        total = total + ((1 - smooth) * yes + smooth * no) / len(real_logits)
    for logit in fake_logits:
        total = total + torch.logaddexp(zero, logit) / len(fake_logits)
    return total


# steps
def d_step_detach(generator, discriminator, optimizer, real, noise):
    fake = generator(noise).detach()
    loss = loss_by_bce(discriminator(real), discriminator(fake))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def d_step_no_grad_float(generator, discriminator, optimizer, real, noise):
    discriminator.zero_grad(set_to_none=False)
    with torch.no_grad():
        fake = generator(noise)
    loss = loss_by_softplus(discriminator(real), discriminator(fake))
    loss.backward()
    optimizer.step()
    discriminator.zero_grad()
    return loss.item()


def d_step_two_backwards(generator, discriminator, optimizer, real, noise):
    """The gradients of both parts accumulate; one step."""
    optimizer.zero_grad()
    real_logits = discriminator(real)
    real_loss = nn.BCEWithLogitsLoss()(real_logits, torch.ones(len(real)))
    real_loss.backward()
    fake_logits = discriminator(generator(noise).detach())
    fake_loss = nn.BCEWithLogitsLoss()(fake_logits, torch.zeros(len(noise)))
    fake_loss.backward()
    optimizer.step()
    return (real_loss + fake_loss).detach()


def d_step_one_forward(generator, discriminator, optimizer, real, noise):
    """Reals and fakes judged in one batch, the means apart; the generator frozen meanwhile."""
    generator.requires_grad_(False)
    logits = discriminator(torch.cat([real, generator(noise)]))
    generator.requires_grad_(True)
    generator.zero_grad()
    loss = loss_by_logsigmoid(logits[: len(real)], logits[len(real) :])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def d_step_inputs(generator, discriminator, optimizer, real, noise):
    loss = loss_by_bce(discriminator(real), discriminator(generator(noise)))
    optimizer.zero_grad()
    loss.backward(inputs=list(discriminator.parameters()))
    optimizer.step()
    return loss


def g_step_clear(generator, discriminator, optimizer, noise):
    logits = discriminator(generator(noise))
    loss = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    discriminator.zero_grad()
    return loss


def g_step_inputs(generator, discriminator, optimizer, noise):
    loss = F.softplus(-discriminator(generator(noise))).mean()
    generator.zero_grad()
    loss.backward(inputs=list(generator.parameters()))
    optimizer.step()
    return loss.item()


def g_step_frozen(generator, discriminator, optimizer, noise):
    optimizer.zero_grad()
    for parameter in discriminator.parameters():
        parameter.requires_grad = False
    loss = -F.logsigmoid(discriminator(generator(noise))).mean()
    loss.backward()
    for parameter in discriminator.parameters():
        parameter.requires_grad = True
    optimizer.step()
    return loss.detach()


def g_step_grad(generator, discriminator, optimizer, noise):
    loss = nn.BCEWithLogitsLoss()(discriminator(generator(noise)), torch.ones(len(noise)))
    parameters = list(generator.parameters())
    for p, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        p.grad = gradient
    optimizer.step()
    return loss


def d_step_clearing_last(generator, discriminator, optimizer, real, noise):
    loss = loss_by_bce(discriminator(real), discriminator(generator(noise).detach()))
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss


def g_step_clearing_last(generator, discriminator, optimizer, noise):
    loss = F.softplus(-discriminator(generator(noise))).mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    discriminator.zero_grad()
    return loss


# adam_step
def adam_as_published(parameter, gradient, state, learning_rate, beta1, beta2, eps):
    step, first, second = state
    step = step + 1
    first = beta1 * first + (1 - beta1) * gradient
    second = beta2 * second + (1 - beta2) * gradient**2
    first_hat = first / (1 - beta1**step)
    second_hat = second / (1 - beta2**step)
    parameter = parameter - learning_rate * first_hat / (second_hat.sqrt() + eps)
    return parameter, (step, first, second)


def adam_by_lerp(parameter, gradient, state, learning_rate, beta1, beta2, eps):
    step, first, second = torch.as_tensor(state[0]) + 1, state[1], state[2]
    first = torch.lerp(first, gradient, 1 - beta1)
    second = torch.lerp(second, gradient.square(), 1 - beta2)
    size = learning_rate * (1 - beta2**step).sqrt() / (1 - beta1**step)
    moved = size * first / (second.sqrt() + eps * (1 - beta2**step).sqrt())
    return torch.sub(parameter, moved), [step, first, second]


def adam_by_functional(parameter, gradient, state, learning_rate, beta1, beta2, eps):
    new, first, second = parameter.clone(), state[1].clone(), state[2].clone()
    step = torch.tensor(float(state[0]))
    settings = {"amsgrad": False, "beta1": beta1, "beta2": beta2, "lr": learning_rate}
    settings |= {"weight_decay": 0.0, "eps": eps, "maximize": False}
    functional_adam([new], [gradient], [first], [second], [], [step], **settings)
    return new, (int(step), first, second)


def adam_by_loop(parameter, gradient, state, learning_rate, beta1, beta2, eps):
    step, first, second = state
    t, new = step + 1, torch.empty_like(parameter)
    first, second = first.clone(), second.clone()
    for i in range(parameter.numel()):
        g = gradient.flatten()[i].item()
        m = beta1 * first.flatten()[i].item() + (1 - beta1) * g
        v = beta2 * second.flatten()[i].item() + (1 - beta2) * g * g
        first.view(-1)[i], second.view(-1)[i] = m, v
        move = m / (1 - beta1**t) / (math.sqrt(v / (1 - beta2**t)) + eps)
        new.view(-1)[i] = parameter.flatten()[i].item() - learning_rate * move
    return new, (t, first, second)


RIGHT = {
    "Generator": [
        generator_as_sequential,
        GeneratorWithBatchNorm,
        GeneratorWithLayerNorm,
        TanhGenerator,
        ConvolutionalGenerator,
        TimidGenerator,
    ],
    "Discriminator": [
        discriminator_as_sequential,
        DiscriminatorByFunctions,
        ConvolutionalDiscriminator,
        TanhDiscriminator,
        NormalizedDiscriminator,
        PoolingDiscriminator,
    ],
    "discriminator_loss": [loss_by_bce, loss_by_softplus, loss_by_logsigmoid, loss_by_loop],
    "discriminator_step": [
        d_step_detach,
        d_step_no_grad_float,
        d_step_two_backwards,
        d_step_one_forward,
        d_step_inputs,
        d_step_clearing_last,
    ],
    "generator_step": [
        g_step_clear,
        g_step_inputs,
        g_step_frozen,
        g_step_grad,
        g_step_clearing_last,
    ],
    "adam_step": [adam_by_lerp, adam_by_functional, adam_by_loop],
}


def ended(make, last):
    return lambda *sizes: nn.Sequential(make(*sizes), last)


class TakesImages(nn.Module):
    """Input and output exchanged: an image goes in, a vector comes out."""

    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(image_size**2, latent_dim), nn.Tanh())

    def forward(self, images):
        return self.net(images)


class LinearAndClamp(nn.Module):
    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__()
        self.a, self.b = nn.Linear(latent_dim, hidden_dim), nn.Linear(hidden_dim, image_size**2)
        self.side = image_size

    def forward(self, z):
        return self.b(self.a(z)).clamp(-1, 1).view(-1, 1, self.side, self.side)


class HalfRange(TanhGenerator):
    def forward(self, z):
        return super().forward(z) / 2


class BatchAsChannels(TanhGenerator):
    def forward(self, z):
        return super().forward(z).transpose(0, 1)


class Numpy(TanhGenerator):
    def forward(self, z):
        return torch.from_numpy(super().forward(z).detach().numpy())


class UnusedLayer(TanhGenerator):
    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__(latent_dim, hidden_dim, image_size)
        self.forgotten = nn.Linear(hidden_dim, hidden_dim)


class NoSuperInit(nn.Module):
    def __init__(self, *sizes):
        self.net = generator_as_sequential(*sizes)


class TwoLogits(nn.Module):
    def __init__(self, image_size, hidden_dim):
        super().__init__()
        self.net = nn.Sequential(
            nn.Flatten(),
            nn.Linear(image_size**2, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, 2),
        )

    def forward(self, images):
        return self.net(images).log_softmax(-1)


def d_step_own_optimizer(generator, discriminator, optimizer, real, noise):
    own = torch.optim.Adam(discriminator.parameters(), lr=1e-3)
    return d_step_detach(generator, discriminator, own, real, noise)


def d_step_trains_both(generator, discriminator, optimizer, real, noise):
    loss = loss_by_bce(discriminator(real), discriminator(generator(noise)))
    optimizer.zero_grad()
    generator.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter -= 0.1 * parameter.grad
    generator.zero_grad()
    return loss


def d_step_cleared_too_late(generator, discriminator, optimizer, real, noise):
    loss = loss_by_bce(discriminator(real), discriminator(generator(noise).detach()))
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss


def d_step_returns_nothing(*arguments):
    d_step_detach(*arguments)


def d_step_returns_both(generator, discriminator, optimizer, real, noise):
    return d_step_detach(generator, discriminator, optimizer, real, noise), noise


def d_step_same_size(generator, discriminator, optimizer, real, noise):
    return d_step_detach(generator, discriminator, optimizer, real, noise[: len(real)])


def d_step_epsilon(generator, discriminator, optimizer, real, noise):
    fake = generator(noise).detach()
    d_real, d_fake = discriminator(real).sigmoid(), discriminator(fake).sigmoid()
    loss = -(d_real + 1e-8).log().mean() - (1 - d_fake + 1e-8).log().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def g_step_numpy(generator, discriminator, optimizer, noise):
    images = torch.from_numpy(generator(noise).detach().numpy())
    loss = F.softplus(-discriminator(images)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    discriminator.zero_grad()
    return loss


def g_step_detached_and_clean(generator, discriminator, optimizer, noise):
    loss = F.softplus(-discriminator(generator(noise).detach())).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    discriminator.zero_grad()
    return loss


def g_step_twice(generator, discriminator, optimizer, noise):
    g_step_clear(generator, discriminator, optimizer, noise)
    return g_step_clear(generator, discriminator, optimizer, noise)


def g_step_column_labels(generator, discriminator, optimizer, noise):
    """Labels of shape (B, 1) against logits (B,)."""
    logits = discriminator(generator(noise))
    return F.binary_cross_entropy_with_logits(logits, torch.ones(len(noise), 1))


def g_step_soft_labels(generator, discriminator, optimizer, noise):
    logits = discriminator(generator(noise))
    loss = F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, 0.9))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    discriminator.zero_grad()
    return loss


def g_step_frozen_and_eval(generator, discriminator, optimizer, noise):
    discriminator.eval().requires_grad_(False)
    return g_step_inputs(generator, discriminator, optimizer, noise)


def adam_with_decay(parameter, gradient, state, learning_rate, *rest):
    gradient = gradient + 0.1 * parameter
    return adam_as_published(parameter, gradient, state, learning_rate, *rest)


def adam_returns_parameter(*arguments):
    return adam_as_published(*arguments)[0]


def adam_fixed_eps(parameter, gradient, state, learning_rate, beta1, beta2, eps):
    return adam_as_published(parameter, gradient, state, learning_rate, beta1, beta2, 1e-8)


def adam_gradient_changed(parameter, gradient, state, *settings):
    result = adam_as_published(parameter, gradient, state, *settings)
    gradient.zero_()
    return result


WRONG = {
    "Generator": [
        TakesImages,
        BatchAsChannels,
        Numpy,
        UnusedLayer,
        NoSuperInit,
        LinearAndClamp,
        HalfRange,
        ended(generator_as_sequential, nn.Softmax(-1)),
        ended(generator_as_sequential, nn.ReLU()),
        lambda latent_dim, hidden_dim, image_size: None,
        lambda latent_dim, hidden_dim, image_size: generator_as_sequential(100, 16, image_size),
    ],
    "Discriminator": [
        TwoLogits,
        ended(discriminator_as_sequential, nn.Softplus()),
        ended(discriminator_as_sequential, nn.LogSigmoid()),
        lambda image_size, hidden_dim: discriminator_as_sequential(28, hidden_dim),
        lambda image_size, hidden_dim: nn.Flatten(0),
    ],
    "discriminator_loss": [
        lambda r, f, smooth: loss_by_bce(r, f, smooth),
        lambda r, f, smooth=0.1: loss_by_bce(r, f, smooth),
        lambda r, f, smooth=0.0: loss_by_bce(r, f, smooth).detach(),
        lambda r, f, smooth=0.0: loss_by_bce(r, f, smooth).item(),
        lambda r, f, smooth=0.0: loss_by_bce(r.clamp(-20, 20), f.clamp(-20, 20), smooth),
        lambda r, f, smooth=0.0: loss_by_bce(r, f, smooth / 2),
        lambda r, f, smooth=0.0: F.softplus(-r[:3]) + F.softplus(f[:3]),
    ],
    "discriminator_step": [
        d_step_own_optimizer,
        d_step_trains_both,
        d_step_cleared_too_late,
        d_step_returns_nothing,
        d_step_returns_both,
        d_step_same_size,
        d_step_epsilon,
    ],
    "generator_step": [
        g_step_numpy,
        g_step_detached_and_clean,
        g_step_twice,
        g_step_column_labels,
        g_step_soft_labels,
        g_step_frozen_and_eval,
        lambda generator, discriminator, optimizer, noise: 0.0,
    ],
    "adam_step": [
        adam_with_decay,
        adam_returns_parameter,
        adam_fixed_eps,
        adam_gradient_changed,
        lambda p, g, state, learning_rate, *rest: (p - learning_rate * g, state),
        lambda p, g, state, learning_rate, *rest: (p - learning_rate * g.sign(), state),
    ],
}
