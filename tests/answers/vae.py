"""Answers to lesson 05."""

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from einops.layers.torch import Rearrange
from torch import nn
from torch.distributions import Bernoulli, Independent, Laplace, Normal, kl_divergence
from torch.special import ndtri

# ----------------------------------------------------------------- right answers


def likelihood_by_softplus(logits, images):
    return (images * logits - F.softplus(logits)).sum(dim=(1, 2, 3))


def likelihood_by_where(logits, images):
    terms = torch.where(images == 1, F.logsigmoid(logits), F.logsigmoid(-logits))
    return reduce(terms, "b c h w -> b", "sum")


def likelihood_by_distribution(logits, images):
    return Bernoulli(logits=logits).log_prob(images).flatten(start_dim=1).sum(1)


def likelihood_by_loop(logits, images):
    losses = [
        F.binary_cross_entropy_with_logits(one, image, reduction="sum")
        for one, image in zip(logits, images, strict=True)
    ]
    return -torch.stack(losses)


def sequential_encoder(image_size, hidden_dim, latent_dim):
    class TwoHidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(
                Rearrange("b 1 h w -> b (h w)"),
                nn.Linear(image_size * image_size, hidden_dim),
                nn.ReLU(),
                nn.Dropout(0.2),
                nn.Linear(hidden_dim, hidden_dim),
                nn.ReLU(),
                nn.Linear(hidden_dim, 2 * latent_dim),
            )

        def forward(self, images):
            return self.net(images).chunk(2, dim=-1)

    return TwoHidden()


class ConvolutionalEncoder(nn.Module):
    def __init__(self, image_size, hidden_dim, latent_dim):
        super().__init__()
        self.conv1 = nn.Conv2d(1, hidden_dim, 4, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(hidden_dim)
        self.conv2 = nn.Conv2d(hidden_dim, hidden_dim, 3, stride=2, padding=1)
        self.mean = nn.LazyLinear(latent_dim)
        self.log_var = nn.LazyLinear(latent_dim)

    def forward(self, x):
        x = F.gelu(self.norm(self.conv1(x)))
        x = F.gelu(self.conv2(x)).flatten(1)
        return [self.mean(x), self.log_var(x)]


class TimidEncoder(nn.Module):
    """Starts with all codes at the prior, and keeps log_var within ±8."""

    def __init__(self, image_size, hidden_dim, latent_dim):
        super().__init__()
        self.hidden = nn.Linear(image_size**2, hidden_dim)
        self.heads = nn.ModuleDict({n: nn.Linear(hidden_dim, latent_dim) for n in ("m", "v")})
        for head in self.heads.values():
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def forward(self, images):
        hidden = self.hidden(images.reshape(len(images), -1)).tanh()
        return self.heads["m"](hidden), self.heads["v"](hidden).clamp(-8, 8)


class NormalizedEncoder(nn.Module):
    """A spectral norm of the old kind, groups that need an even width, log_var at most 2."""

    def __init__(self, image_size, hidden_dim, latent_dim):
        super().__init__()
        first = nn.utils.spectral_norm(nn.Linear(image_size**2, hidden_dim))
        self.body = nn.Sequential(nn.Flatten(), first, nn.GroupNorm(8, hidden_dim), nn.ELU())
        self.mean, self.log_var = (nn.Linear(hidden_dim, latent_dim) for _ in range(2))

    def forward(self, images):
        hidden = self.body(images)
        return self.mean(hidden), self.log_var(hidden).clamp(-10, 2)


class ReshapingDecoder(nn.Module):
    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__()
        self.size = image_size
        self.fc1, self.fc2 = nn.Linear(latent_dim, hidden_dim), nn.Linear(hidden_dim, hidden_dim)
        self.fc3 = nn.Linear(hidden_dim, image_size**2)

    def forward(self, z):
        h = F.leaky_relu(self.fc2(F.leaky_relu(self.fc1(z), 0.2)), 0.2)
        return rearrange(self.fc3(h), "b (c h w) -> b c h w", c=1, h=self.size)


def sequential_decoder(latent_dim, hidden_dim, image_size):
    return nn.Sequential(
        nn.Linear(latent_dim, hidden_dim),
        nn.BatchNorm1d(hidden_dim),
        nn.SiLU(),
        nn.Linear(hidden_dim, image_size * image_size),
        nn.Unflatten(1, (1, image_size, image_size)),
    )


class ConvolutionalDecoder(nn.Module):
    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__()
        self.quarter = image_size // 4
        self.first = nn.Linear(latent_dim, hidden_dim * self.quarter**2)
        self.up1 = nn.ConvTranspose2d(hidden_dim, hidden_dim, 4, 2, 1)
        self.up2 = nn.ConvTranspose2d(hidden_dim, 1, 4, 2, 1)

    def forward(self, z):
        x = F.relu(self.first(z)).view(z.shape[0], -1, self.quarter, self.quarter)
        return self.up2(F.relu(self.up1(x)))


class ResidualDecoder(nn.Module):
    """An orthogonal first layer, a block that starts at zero, and a lazy last layer."""

    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__()
        self.first = nn.utils.parametrizations.orthogonal(nn.Linear(latent_dim, hidden_dim))
        self.block, self.last = nn.Linear(hidden_dim, hidden_dim), nn.LazyLinear(image_size**2)
        nn.init.zeros_(self.block.weight)
        self.shape = (1, image_size, image_size)

    def forward(self, z):
        hidden = self.first(z)
        hidden = hidden + self.block(hidden.relu())
        return self.last(hidden).unflatten(1, self.shape)


def elbo_by_distributions(logits, images, mean, log_var):
    posterior = Independent(Normal(mean, log_var.mul(0.5).exp()), 1)
    prior = Independent(Normal(torch.zeros_like(mean), 1.0), 1)
    log_likelihood = Independent(Bernoulli(logits=logits), 3).log_prob(images)
    kl = kl_divergence(posterior, prior)
    return -(log_likelihood - kl).mean(), log_likelihood, kl


def elbo_as_published(logits, images, mean, log_var):
    kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp(), dim=1)
    log_likelihood = likelihood_by_softplus(logits, images)
    return [kl.mean() - log_likelihood.mean(), log_likelihood, kl]


def elbo_by_sums(logits, images, mean, log_var):
    bce = F.binary_cross_entropy_with_logits(logits, images, reduction="none").sum((1, 2, 3))
    kl = ((mean**2 + log_var.exp() - log_var - 1) / 2).sum(1)
    return (bce + kl).sum() / len(images), -bce, kl


def step_with_float(encoder, decoder, optimizer, images, noise):
    optimizer.zero_grad(set_to_none=False)
    mean, log_var = encoder(images)
    z = mean + torch.exp(log_var).sqrt() * noise
    loss, _, _ = elbo_as_published(decoder(z), images, mean, log_var)
    loss.backward()
    optimizer.step()
    return loss.item()


def step_clearing_last(encoder, decoder, optimizer, images, noise):
    mean, log_var = encoder(images)
    z = torch.addcmul(mean, (0.5 * log_var).exp(), noise)
    loss = elbo_by_sums(decoder(z), images, mean, log_var)[0]
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach()


def step_by_closure(encoder, decoder, optimizer, images, noise):
    def closure():
        encoder.zero_grad()
        decoder.zero_grad()
        mean, log_var = encoder(images)
        z = Normal(mean, (log_var / 2).exp()).icdf(Normal(0, 1).cdf(noise))
        loss = elbo_by_distributions(decoder(z), images, mean, log_var)[0]
        loss.backward()
        return loss

    return optimizer.step(closure)


@torch.no_grad()
def prior_by_decorator(decoder, count, latent_dim, generator):
    return torch.sigmoid(decoder(torch.randn((count, latent_dim), generator=generator)))


def prior_as_draws(decoder, count, latent_dim, generator):
    with torch.no_grad():
        z = torch.normal(0.0, 1.0, (count, latent_dim), generator=generator)
        return torch.bernoulli(decoder(z).sigmoid(), generator=generator)


def prior_in_pieces(decoder, count, latent_dim, generator):
    pieces = []
    for codes in torch.randn(count, latent_dim, generator=generator).split(1000):
        pieces.append(1 / (1 + torch.exp(-decoder(codes).detach())))
    return torch.cat(pieces)


def grid_by_repeat(decoder, side, low, high):
    values = ndtri(torch.linspace(low, high, side))
    codes = torch.stack([values.repeat(side), values.repeat_interleave(side)], dim=1)
    with torch.no_grad():
        return decoder(codes).sigmoid()


def grid_by_rows(decoder, side, low, high):
    values = [Normal(0.0, 1.0).icdf(p) for p in torch.linspace(low, high, side)]
    rows = [decoder(torch.tensor([[x, y] for x in values])).detach() for y in values]
    return torch.cat(rows).sigmoid()


def grid_by_product(decoder, side, low, high):
    values = 2**0.5 * torch.erfinv(2 * torch.linspace(low, high, side) - 1)
    down_across = torch.cartesian_prod(values, values)
    with torch.inference_mode():
        return torch.special.expit(decoder(down_across.flip(1))).clone()


def grid_keeping_the_graph(decoder, side, low, high):
    """The text asks nobody to cut it."""
    values = Normal(0.0, 1.0).icdf(torch.linspace(low, high, side))
    return decoder(torch.cartesian_prod(values, values).flip(1)).sigmoid()


def elbo_terms_cut_off(logits, images, mean, log_var):
    """The loss alone needs a graph."""
    loss, *terms = elbo_by_sums(logits, images, mean, log_var)
    return loss, *(term.detach() for term in terms)


RIGHT = {
    "bernoulli_log_likelihood": [
        likelihood_by_softplus,
        likelihood_by_where,
        likelihood_by_distribution,
        likelihood_by_loop,
    ],
    "Encoder": [sequential_encoder, ConvolutionalEncoder, TimidEncoder, NormalizedEncoder],
    "Decoder": [ReshapingDecoder, sequential_decoder, ConvolutionalDecoder, ResidualDecoder],
    "negative_elbo": [elbo_by_distributions, elbo_as_published, elbo_by_sums, elbo_terms_cut_off],
    "train_step": [step_with_float, step_clearing_last, step_by_closure],
    "sample_prior": [prior_by_decorator, prior_as_draws, prior_in_pieces],
    "latent_grid": [grid_by_repeat, grid_by_rows, grid_by_product, grid_keeping_the_graph],
}

# ----------------------------------------------------------------- wrong answers


def likelihood_in_place(logits, images):
    return (
        -F.binary_cross_entropy_with_logits(logits.clamp_(-5, 5), images, reduction="none")
        .flatten(1)
        .sum(1)
    )


def likelihood_clamped(logits, images):
    return likelihood_by_softplus(logits.clamp(-50, 50), images)


class HalfTrainedEncoder(TimidEncoder):
    """One layer is made and never used."""

    def __init__(self, image_size, hidden_dim, latent_dim):
        super().__init__(image_size, hidden_dim, latent_dim)
        self.forgotten = nn.Linear(hidden_dim, hidden_dim)


class FirstRowEncoder(TimidEncoder):
    def __init__(self, image_size, hidden_dim, latent_dim):
        super().__init__(image_size, hidden_dim, latent_dim)
        self.hidden = nn.Linear(image_size, hidden_dim)

    def forward(self, images):
        return super().forward(images[:, :, 0])


class HiddenListEncoder(TimidEncoder):
    """Half of the layers are where PyTorch does not find them."""

    def __init__(self, image_size, hidden_dim, latent_dim):
        super().__init__(image_size, hidden_dim, latent_dim)
        self.layers = [self.hidden]
        del self.hidden

    def forward(self, images):
        hidden = self.layers[0](images.flatten(1)).tanh()
        return self.heads["m"](hidden), self.heads["v"](hidden)


class DetachedEncoder(TimidEncoder):
    def forward(self, images):
        mean, log_var = super().forward(images)
        return mean, log_var.detach()


class MixingEncoder(TimidEncoder):
    """Standardizes over the batch in evaluation mode too."""

    def forward(self, images):
        return super().forward(images - images.mean(0))


class FirstLatentDecoder(ReshapingDecoder):
    def forward(self, z):
        return super().forward(z * torch.eye(z.shape[1])[0])


class DecoderWithDropout(ReshapingDecoder):
    def forward(self, z):
        return F.dropout(super().forward(z), 0.5)  # training=True, in evaluation mode as well


class PositiveDecoder(ReshapingDecoder):
    def forward(self, z):
        return F.softplus(super().forward(z))


class DecoderAsTuple(ReshapingDecoder):
    def forward(self, z):
        logits = super().forward(z)
        return logits, logits.sigmoid()


class ConstantDecoder(ReshapingDecoder):
    def forward(self, z):
        return super().forward(0 * z)


def elbo_detached_kl(logits, images, mean, log_var):
    _, log_likelihood, kl = elbo_by_sums(logits, images, mean, log_var)
    return kl.detach().mean() - log_likelihood.mean(), log_likelihood, kl


def step_clipped(encoder, decoder, optimizer, images, noise):
    optimizer.zero_grad()
    mean, log_var = encoder(images)
    z = mean + (0.5 * log_var).exp() * noise
    loss = elbo_by_sums(decoder(z), images, mean, log_var)[0]
    loss.backward()
    nn.utils.clip_grad_norm_([*encoder.parameters(), *decoder.parameters()], 0.5)
    optimizer.step()
    return loss


def step_with_own_optimizer(encoder, decoder, optimizer, images, noise):
    own = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    return step_with_float(encoder, decoder, own, images, noise)


def step_reporting_later_loss(encoder, decoder, optimizer, images, noise):
    step_with_float(encoder, decoder, optimizer, images, noise)
    mean, log_var = encoder(images)
    z = mean + (0.5 * log_var).exp() * noise
    return elbo_by_sums(decoder(z), images, mean, log_var)[0]


def step_with_beta(encoder, decoder, optimizer, images, noise):
    mean, log_var = encoder(images)
    z = mean + (0.5 * log_var).exp() * noise
    loss, _, kl = elbo_by_sums(decoder(z), images, mean, log_var)
    optimizer.zero_grad()
    (loss + kl.mean()).backward()
    optimizer.step()
    return loss


def prior_without_batch(decoder, count, latent_dim, generator):
    return prior_by_decorator(decoder, count, latent_dim, generator)[0]


def prior_one_axis(decoder, count, latent_dim, generator):
    z = torch.randn(count, 1, generator=generator).expand(count, latent_dim)
    return decoder(z).sigmoid().detach()


def normal_codes(count, latent_dim, generator):
    return torch.randn(count, latent_dim, generator=generator)


def prior_from(codes):
    """Codes that look normal one by one, and are not independent draws."""

    @torch.no_grad()
    def answer(decoder, count, latent_dim, generator):
        return decoder(codes(count, latent_dim, generator)).sigmoid()

    return answer


def codes_in_a_window(count, latent_dim, generator):
    numbers = torch.randn(count + latent_dim, generator=generator)
    return numbers.unfold(0, latent_dim, 1)[:count]


def codes_with_a_common_part(count, latent_dim, generator):
    common = torch.randn(count, 1, generator=generator)
    return (normal_codes(count, latent_dim, generator) + common) / 2**0.5


def codes_with_one_sign(count, latent_dim, generator):
    codes = normal_codes(count, latent_dim, generator)
    return codes.abs() * codes[:, :1].sign()


def codes_standardized(count, latent_dim, generator):
    codes = normal_codes(count, latent_dim, generator)
    return (codes - codes.mean(0)) / codes.std(0) if count > 1 else codes


def codes_of_unequal_width(count, latent_dim, generator):
    widths = torch.linspace(1.3, 0.55, latent_dim)
    return normal_codes(count, latent_dim, generator) * widths


def codes_of_laplace(count, latent_dim, generator):
    uniform = torch.rand(count, latent_dim, generator=generator).clamp(1e-6, 1 - 1e-6)
    return Laplace(0.0, 0.5**0.5).icdf(uniform)


def prior_reusing_seed(decoder, count, latent_dim, generator):
    generator.manual_seed(1)
    return prior_by_decorator(decoder, count, latent_dim, generator)


def grid_transposed_images(decoder, side, low, high):
    return grid_by_repeat(decoder, side, low, high).transpose(2, 3)


WRONG = {
    "bernoulli_log_likelihood": [
        likelihood_in_place,
        likelihood_clamped,
        lambda logits, images: likelihood_by_softplus(logits.detach(), images),
        lambda logits, images: likelihood_by_softplus(logits, images).tolist(),
        lambda logits, images: likelihood_by_softplus(logits.transpose(0, 3), images),
        lambda logits, images: likelihood_by_softplus(logits, 1 - images),
        lambda logits, images: None,
    ],
    "Encoder": [
        HalfTrainedEncoder,
        FirstRowEncoder,
        HiddenListEncoder,
        DetachedEncoder,
        MixingEncoder,
        lambda image_size, hidden_dim, latent_dim: None,
        lambda image_size, hidden_dim, latent_dim: nn.Identity(),
        lambda n, h, z: TimidEncoder(n, h, z + 1),
        lambda n, h, z: TimidEncoder(n, h, z).double(),
    ],
    "Decoder": [
        FirstLatentDecoder,
        DecoderWithDropout,
        PositiveDecoder,
        DecoderAsTuple,
        ConstantDecoder,
        lambda latent_dim, hidden_dim, image_size: ReshapingDecoder,
        lambda z, h, n: nn.Sequential(nn.Linear(z, n * n), nn.Unflatten(1, (1, n, n))),
        lambda z, h, n: nn.Sequential(sequential_decoder(z, h, n), nn.Hardtanh()),
    ],
    "negative_elbo": [
        elbo_detached_kl,
        lambda *a: elbo_by_sums(*a)[0],
        lambda *a: (elbo_by_sums(*a)[0].item(), *elbo_by_sums(*a)[1:]),
        lambda *a: (elbo_by_sums(*a)[0] * 0.5, *elbo_by_sums(*a)[1:]),
        lambda logits, images, mean, log_var: elbo_by_sums(logits, images, mean, 0 * log_var),
        lambda logits, images, mean, log_var: elbo_by_sums(logits, images, 0 * mean, log_var),
    ],
    "train_step": [
        step_clipped,
        step_with_own_optimizer,
        step_reporting_later_loss,
        step_with_beta,
        lambda *a: None,
        lambda *a: str(step_with_float(*a)),
        lambda *a: -step_with_float(*a),
    ],
    "sample_prior": [
        prior_without_batch,
        prior_one_axis,
        prior_reusing_seed,
        prior_from(codes_in_a_window),
        prior_from(codes_with_a_common_part),
        prior_from(codes_with_one_sign),
        prior_from(codes_standardized),
        prior_from(codes_of_unequal_width),
        prior_from(codes_of_laplace),
        lambda decoder, count, z, g: torch.rand(count, 1, 2, 3, generator=g),
        lambda decoder, count, z, g: 1 - prior_by_decorator(decoder, count, z, g),
        lambda decoder, count, z, g: prior_by_decorator(decoder, count, z, g).flatten(1),
        lambda decoder, count, z, g: prior_by_decorator(decoder, count + 1, z, g),
        lambda decoder, count, z, g: None,
    ],
    "latent_grid": [
        grid_transposed_images,
        lambda d, side, low, high: grid_by_repeat(d, side, high, low),
        lambda d, side, low, high: grid_by_repeat(d, side, low + 0.02, high),
        lambda d, side, low, high: grid_by_repeat(d, side, low, high).flip(0),
        lambda d, side, low, high: grid_by_repeat(d, side, low, high).numpy(),
        lambda d, side, low, high: grid_by_repeat(d, side + 1, low, high),
    ],
}
