"""Ten wrong answers to each exercise of lesson 05, as a student may write them, and their causes.

`None`: no cause is known, and the message must not claim one. A text in the place of a name: what
the message itself says of the cause.
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Bernoulli, Normal

from course_lib.probability import kl_to_standard_normal
from tests.lessons import solution

bernoulli_log_likelihood = solution("vae.bernoulli_log_likelihood")
negative_elbo = solution("vae.negative_elbo")


def bce(logits, images, reduction="none"):
    return F.binary_cross_entropy_with_logits(logits, images, reduction=reduction)


def with_clamped_logits(logits, images):
    return -bce(logits.clamp(-10, 10), images).flatten(1).sum(1)


def over_the_last_two_axes(logits, images):
    return -bce(logits, images).sum((-2, -1))


def over_the_first_axis(logits, images):
    return -bce(logits, images).flatten(1).sum(0)


def probability_itself(logits, images):
    return Bernoulli(logits=logits).log_prob(images).flatten(1).sum(1).exp()


def black_only(logits, images):
    p = torch.sigmoid(logits)
    return (images * p.log() + (1 - images) * p.log()).flatten(1).sum(1)


def product_of_both(logits, images):
    p = torch.sigmoid(logits)
    return torch.log(images * p + (1 - images) * (1 - p)).flatten(1).mean(1)


def wrong_sign_in_softplus(logits, images):
    return (images * logits - F.softplus(-logits)).flatten(1).sum(1)


LIKELIHOOD = [
    (lambda a, x: bce(a, x).flatten(1).sum(1), "sign"),
    (lambda a, x: -bce(a, x, "sum"), "batch_summed"),
    (lambda a, x: -bce(a, x, "mean"), "mean_over_everything"),
    (lambda a, x: Bernoulli(probs=torch.sigmoid(a)).log_prob(x).flatten(1).sum(1), "clamped"),
    (with_clamped_logits, "logits_clamped"),
    (over_the_last_two_axes, "still to be reduced"),
    (over_the_first_axis, "added_over_the_batch"),
    (probability_itself, "probability_itself"),
    (black_only, "one_probability_for_both"),
    (wrong_sign_in_softplus, "softplus_turned_round"),
    (lambda a, x: -(a - x).square().flatten(1).mean(1), "squared_error"),
    (lambda a, x: -F.mse_loss(a.sigmoid(), x, reduction="none").sum((1, 2, 3)), "squared_error"),
    (product_of_both, "mean_over_pixels"),
]


class Enc(nn.Module):
    """What all of them begin with."""

    def __init__(self, image_size, hidden_dim, latent_dim):
        super().__init__()
        self.image_size, self.latent_dim = image_size, latent_dim
        self.hidden = nn.Linear(image_size**2, hidden_dim)
        self.mean = nn.Linear(hidden_dim, latent_dim)
        self.log_var = nn.Linear(hidden_dim, latent_dim)

    def features(self, images):
        return F.relu(self.hidden(images.flatten(1)))

    def forward(self, images):
        h = self.features(images)
        return self.mean(h), self.log_var(h)


class NotFlattened(Enc):
    def features(self, images):
        return F.relu(self.hidden(images))


class FlattensAll(Enc):
    def features(self, images):
        return F.relu(self.hidden(images.flatten()))


class NoActivation(Enc):
    def features(self, images):
        return self.hidden(images.flatten(1))


class Stacked(Enc):
    def forward(self, images):
        return torch.stack(super().forward(images))


class Joined(Enc):
    def forward(self, images):
        return torch.cat(super().forward(images), dim=1)


class Softplus(Enc):
    def forward(self, images):
        mean, log_var = super().forward(images)
        return mean, F.softplus(log_var)


class LogOfSoftplus(Enc):
    def forward(self, images):
        mean, log_var = super().forward(images)
        return mean, F.relu(log_var)


class Samples(Enc):
    def forward(self, images):
        mean, log_var = super().forward(images)
        return mean + torch.randn_like(mean) * (log_var / 2).exp(), log_var


class SamplesAlone(Enc):
    def forward(self, images):
        mean, log_var = super().forward(images)
        return mean + torch.randn_like(mean) * (log_var / 2).exp()


class Swapped(Enc):
    def __init__(self, image_size, latent_dim, hidden_dim):
        super().__init__(image_size, hidden_dim, latent_dim)


class Fixed(Enc):
    def __init__(self, image_size, hidden_dim, latent_dim):
        super().__init__(28, hidden_dim, latent_dim)


class NoSuperInit(nn.Module):
    def __init__(self, image_size, hidden_dim, latent_dim):
        self.hidden = nn.Linear(image_size**2, hidden_dim)


class TwoLatents(Enc):
    def __init__(self, image_size, hidden_dim, latent_dim):
        super().__init__(image_size, hidden_dim, 2)


class CallsMeanOnPixels(Enc):
    def forward(self, images):
        return self.mean(images.flatten(1)), self.log_var(images.flatten(1))


class Clamped(Enc):
    def forward(self, images):
        mean, log_var = super().forward(images)
        return mean, log_var.clamp(-1, 1)


ENCODER = [
    (NotFlattened, "flatten_forgotten"),
    (FlattensAll, "batch_flattened"),
    (NoActivation, "no_activation"),
    (Stacked, "one_output"),
    (Joined, "one_output"),
    (Softplus, "variance_returned"),
    (LogOfSoftplus, "variance_returned"),
    (Samples, "samples"),
    (SamplesAlone, "one_output"),
    (Swapped, "sizes_swapped"),
    (Fixed, "fixed_image_size"),
    (NoSuperInit, "super().__init__()"),
    (TwoLatents, "fixed_latent_dim"),
    (CallsMeanOnPixels, "a linear layer for"),
    (Clamped, "the range of log_var"),
]


class Dec(nn.Module):
    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__()
        self.image_size = image_size
        self.hidden = nn.Linear(latent_dim, hidden_dim)
        self.out = nn.Linear(hidden_dim, image_size**2)

    def flat(self, z):
        return self.out(F.relu(self.hidden(z)))

    def forward(self, z):
        return self.flat(z).reshape(-1, 1, self.image_size, self.image_size)


class DecSigmoid(Dec):
    def forward(self, z):
        return torch.sigmoid(super().forward(z))


class DecFlat(Dec):
    def forward(self, z):
        return self.flat(z)


class DecNoChannel(Dec):
    def forward(self, z):
        return self.flat(z).view(-1, self.image_size, self.image_size)


class DecFixed(Dec):
    def forward(self, z):
        return self.flat(z).view(-1, 1, 28, 28)


class DecLinear(Dec):
    def flat(self, z):
        return self.out(self.hidden(z))


class DecRelu(Dec):
    def flat(self, z):
        return F.relu(super().flat(z))


class DecTanh(Dec):
    def flat(self, z):
        return torch.tanh(super().flat(z))


class DecTooFew(Dec):
    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__(latent_dim, hidden_dim, image_size)
        self.out = nn.Linear(hidden_dim, image_size)


class DecOneBatch(Dec):
    def forward(self, z):
        return self.flat(z).view(1, -1, self.image_size, self.image_size)


class DecSoftmax(Dec):
    def flat(self, z):
        return super().flat(z).softmax(1)


class DecLastChannel(Dec):
    def forward(self, z):
        return self.flat(z).view(-1, self.image_size, self.image_size, 1)


class DecReadsLatentsFixed(Dec):
    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__(2, hidden_dim, image_size)


class DecFixedWidth(Dec):
    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__(latent_dim, 400, image_size)


class DecLogSigmoid(Dec):
    def flat(self, z):
        return F.logsigmoid(super().flat(z))


class DecForgetsReturn(Dec):
    def forward(self, z):
        super().forward(z)


DECODER = [
    (DecSigmoid, "sigmoid_output"),
    (DecFlat, "flat_output"),
    (DecNoChannel, "channel_missing"),
    (DecFixed, "reshaped_to_28"),
    (DecLinear, "no_activation"),
    (DecRelu, "rectified_output"),
    (DecTanh, "tanh_output"),
    (DecTooFew, "too_few_pixels"),
    (DecOneBatch, "batch_as_channels"),
    (DecSoftmax, "bounded_output"),
    (DecLastChannel, "channel_last"),
    (DecReadsLatentsFixed, "fixed_latent_dim"),
    (DecFixedWidth, "fixed_hidden_dim"),
    (DecLogSigmoid, "never_positive"),
    (DecForgetsReturn, "got None"),
]


def terms(logits, images, mean, log_var):
    return bernoulli_log_likelihood(logits, images), kl_to_standard_normal(mean, log_var)


def elbo_as(loss):
    def answer(logits, images, mean, log_var):
        ll, kl = terms(logits, images, mean, log_var)
        return loss(ll, kl), ll, kl

    return answer


def without_half(logits, images, mean, log_var):
    ll = bernoulli_log_likelihood(logits, images)
    kl = (mean**2 + log_var.exp() - 1 - log_var).sum(1)
    return (kl - ll).mean(), ll, kl


def sign_of_log_var(logits, images, mean, log_var):
    ll = bernoulli_log_likelihood(logits, images)
    kl = 0.5 * (mean**2 + log_var.exp() - 1 + log_var).sum(1)
    return (kl - ll).mean(), ll, kl


def mean_not_squared(logits, images, mean, log_var):
    ll = bernoulli_log_likelihood(logits, images)
    kl = 0.5 * (mean + log_var.exp() - 1 - log_var).sum(1)
    return (kl - ll).mean(), ll, kl


def log_var_not_exponentiated(logits, images, mean, log_var):
    ll = bernoulli_log_likelihood(logits, images)
    kl = 0.5 * (mean**2 + log_var - 1 - log_var.abs().log()).sum(1)
    return (kl - ll).mean(), ll, kl


def kl_per_latent(logits, images, mean, log_var):
    ll = bernoulli_log_likelihood(logits, images)
    kl = -0.5 * torch.mean(1 + log_var - mean**2 - log_var.exp(), dim=1)
    return (kl - ll).mean(), ll, kl


def kl_over_the_batch(logits, images, mean, log_var):
    ll = bernoulli_log_likelihood(logits, images)
    kl = -0.5 * torch.sum(1 + log_var - mean**2 - log_var.exp())
    return kl - ll.mean(), ll, kl


def as_in_pytorchs_example(logits, images, mean, log_var):
    reconstruction = bce(logits, images, "sum")
    kl = -0.5 * torch.sum(1 + log_var - mean**2 - log_var.exp())
    return reconstruction + kl, reconstruction, kl


def mean_bce_and_sum_kl(logits, images, mean, log_var):
    _, kl = terms(logits, images, mean, log_var)
    ll = -bce(logits, images).flatten(1).mean(1)
    return (kl - ll).mean(), ll, kl


def kl_turned_round(logits, images, mean, log_var):
    ll = bernoulli_log_likelihood(logits, images)
    p, q = Normal(0.0, 1.0), Normal(mean, (log_var / 2).exp())
    kl = torch.distributions.kl_divergence(p, q).sum(1)
    return (kl - ll).mean(), ll, kl


ELBO = [
    (elbo_as(lambda ll, kl: (ll - kl).mean()), "elbo_itself"),
    (elbo_as(lambda ll, kl: ll.mean() + kl.mean()), "likelihood_minimized"),
    (elbo_as(lambda ll, kl: kl.sum() - ll.sum()), "batch_summed"),
    (without_half, "half_forgotten"),
    (sign_of_log_var, "kl_log_var_sign"),
    (mean_not_squared, "kl_mean_not_squared"),
    (log_var_not_exponentiated, None),
    (kl_per_latent, "latents_averaged"),
    (kl_over_the_batch, "kl_added_over_the_batch"),
    (as_in_pytorchs_example, "everything_added"),
    (mean_bce_and_sum_kl, "pixels_averaged"),
    (kl_turned_round, "kl_turned_round"),
    (lambda *a: negative_elbo(*a)[0], "expected 3 results"),
    (lambda *a: tuple(v.mean() for v in negative_elbo(*a)), "terms_reduced"),
    (lambda a, x, m, v: negative_elbo(torch.sigmoid(a), x, m, v), "sigmoid_twice"),
]


def step(forward, calls="zbs", result=lambda loss: loss.detach()):
    def answer(encoder, decoder, optimizer, images, noise):
        loss = forward(encoder, decoder, images, noise)
        for letter in calls:
            {"z": optimizer.zero_grad, "b": loss.backward, "s": optimizer.step}[letter]()
        return result(loss)

    return answer


def forward_as(code=lambda m, v, e: m + (v / 2).exp() * e, pick=lambda three: three[0]):
    def forward(encoder, decoder, images, noise):
        mean, log_var = encoder(images)
        return pick(negative_elbo(decoder(code(mean, log_var, noise)), images, mean, log_var))

    return forward


def swapped_outputs(encoder, decoder, images, noise):
    log_var, mean = encoder(images)
    z = mean + (log_var / 2).exp() * noise
    return negative_elbo(decoder(z), images, mean, log_var)[0]


def flattened_first(encoder, decoder, images, noise):
    mean, log_var = encoder(images)
    z = mean + (log_var / 2).exp() * noise
    return negative_elbo(decoder(z).sigmoid(), images, mean, log_var)[0]


def under_no_grad(encoder, decoder, images, noise):
    with torch.no_grad():
        mean, log_var = encoder(images)
    z = mean + (log_var / 2).exp() * noise
    return negative_elbo(decoder(z), images, mean, log_var)[0]


def squared(encoder, decoder, images, noise):
    mean, log_var = encoder(images)
    z = mean + (log_var / 2).exp() * noise
    recon = decoder(z).sigmoid()
    error = F.mse_loss(recon, images, reduction="none").flatten(1).sum(1)
    return (error + kl_to_standard_normal(mean, log_var)).mean()


def resampled(encoder, decoder, images, noise):
    mean, log_var = encoder(images)
    z = mean + (log_var / 2).exp() * torch.randn_like(mean)
    return negative_elbo(decoder(z), images, mean, log_var)[0]


def likelihood_of_probabilities(encoder, decoder, images, noise):
    mean, log_var = encoder(images)
    z = Normal(mean, log_var.exp()).rsample()
    return negative_elbo(decoder(z), images, mean, log_var)[0]


STEP = [
    (step(forward_as(), "bs"), "zero_grad_forgotten"),
    (step(forward_as(), "bzs"), "nothing_moves"),
    (step(forward_as(), "zb"), "nothing_moves"),
    (step(forward_as(), "zsb"), "nothing_moves"),
    (step(forward_as(lambda m, v, e: m + v.exp() * e)), "variance_as_std"),
    (step(forward_as(lambda m, v, e: m + v * e)), "log_var_as_std"),
    (step(forward_as(lambda m, v, e: m)), "mean_decoded"),
    (step(forward_as(lambda m, v, e: m * e + (v / 2).exp())), "mean_scales_the_noise"),
    (step(swapped_outputs), "outputs_swapped"),
    (step(under_no_grad), "encoder_cut_off"),
    (step(flattened_first), "sigmoid_twice"),
    (step(squared), "squared_error"),
    (step(resampled), "own_noise"),
    (step(likelihood_of_probabilities), "own_noise"),
    (step(forward_as(), result=lambda loss: None), "got None"),
    (step(forward_as(pick=lambda three: -three[1].mean())), "kl_forgotten"),
]


def sample_as(code=torch.randn, finish=torch.sigmoid):
    def answer(decoder, count, latent_dim, generator):
        with torch.no_grad():
            return finish(decoder(code(count, latent_dim, generator=generator)))

    return answer


def keeps_the_graph(decoder, count, latent_dim, generator):
    return decoder(torch.randn(count, latent_dim, generator=generator)).sigmoid()


def tosses_by_global(decoder, count, latent_dim, generator):
    z = torch.randn(count, latent_dim, generator=generator)
    with torch.no_grad():
        return torch.bernoulli(decoder(z).sigmoid())


def freezes(decoder, count, latent_dim, generator):
    decoder.requires_grad_(False)
    return decoder(torch.randn(count, latent_dim, generator=generator)).sigmoid()


def from_normal_sample(decoder, count, latent_dim, generator):
    with torch.no_grad():
        return decoder(Normal(0.0, 1.0).sample((count, latent_dim))).sigmoid()


def seeds_again(decoder, count, latent_dim, generator):
    torch.manual_seed(0)
    with torch.no_grad():
        return decoder(torch.randn(count, latent_dim)).sigmoid()


def one_after_the_other(decoder, count, latent_dim, generator):
    z = torch.randn(1, latent_dim, generator=generator)
    with torch.no_grad():
        return torch.cat([decoder(z).sigmoid() for _ in range(count)])


def code_for_all(decoder, count, latent_dim, generator):
    with torch.no_grad():
        return decoder(torch.randn(latent_dim, count, generator=generator).T).sigmoid()[:1]


SAMPLES = [
    (sample_as(finish=lambda logits: logits), "logits_returned"),
    (sample_as(torch.rand), "uniform_codes"),
    (keeps_the_graph, "keeps_graph"),
    (from_normal_sample, "global_noise"),
    (seeds_again, "seeded_globally"),
    (tosses_by_global, "tossed_globally"),
    (freezes, "requires_grad is left changed in decoder"),
    (one_after_the_other, "one_code"),
    (sample_as(finish=lambda logits: logits.clamp(0, 1)), "clipped"),
    (sample_as(finish=lambda logits: (logits + 1) / 2), "as_behind_a_tanh"),
    (sample_as(finish=torch.tanh), "tanh_for_sigmoid"),
    (sample_as(finish=lambda logits: logits.sigmoid().flatten(1)), "expected a tensor of shape"),
    (code_for_all, "expected a tensor of shape"),
    (sample_as(finish=lambda logits: (logits > 0).float()), "rounded"),
]


def grid_as(values=None, pairs=None, finish=torch.sigmoid):
    def answer(decoder, side, low, high):
        line = (values or (lambda *a: quantiles(*a)))(side, low, high)
        z = (pairs or reading_order)(line)
        with torch.no_grad():
            return finish(decoder(z))

    return answer


def quantiles(side, low, high):
    return Normal(0.0, 1.0).icdf(torch.linspace(low, high, side))


def reading_order(line):
    return torch.stack([line.repeat(len(line)), line.repeat_interleave(len(line))], 1)


def upside_down(line):
    return torch.stack([line.repeat(len(line)), line.flip(0).repeat_interleave(len(line))], 1)


def default_meshgrid(line):
    return torch.stack([g.flatten() for g in torch.meshgrid(line, line, indexing="ij")], 1)


def reshaped_stack(line):
    first, second = torch.meshgrid(line, line, indexing="xy")
    return torch.stack([first, second]).reshape(-1, 2)


def exclusive(side, low, high):
    return Normal(0.0, 1.0).icdf(torch.arange(low, high, (high - low) / side)[:side])


GRID = [
    (grid_as(pairs=lambda v: torch.cartesian_prod(v, v)), "axes_swapped"),
    (grid_as(pairs=default_meshgrid), "axes_swapped"),
    (grid_as(pairs=upside_down), "second_upwards"),
    (
        grid_as(values=lambda side, low, high: torch.linspace(low, high, side)),
        "probabilities_as_codes",
    ),
    (
        grid_as(values=lambda s, a, b: Normal(0.0, 1.0).cdf(torch.linspace(a, b, s))),
        "cdf_for_icdf",
    ),
    (grid_as(values=lambda s, a, b: torch.linspace(*quantiles(2, a, b), s)), "even_in_z"),
    (grid_as(finish=lambda logits: logits), "logits_returned"),
    (grid_as(pairs=lambda v: torch.stack([v, v], 1)), "axis_alone"),
    (grid_as(pairs=reshaped_stack), "stacked_apart"),
    (grid_as(values=exclusive), "end_left_out"),
    (grid_as(values=lambda s, a, b: quantiles(s, 0.05, 0.95)), "fixed_range"),
    (grid_as(finish=lambda logits: logits.sigmoid().squeeze(1)), "expected shape"),
    (
        grid_as(values=lambda s, a, b: Normal(0.0, 1.0).log_prob(torch.linspace(a, b, s)).exp()),
        "density_for_icdf",
    ),
    (grid_as(values=lambda s, a, b: torch.logit(torch.linspace(a, b, s))), "logit_for_icdf"),
]

SLIPS = {
    "vae.bernoulli_log_likelihood": LIKELIHOOD,
    "vae.Encoder": ENCODER,
    "vae.Decoder": DECODER,
    "vae.negative_elbo": ELBO,
    "vae.train_step": STEP,
    "vae.sample_prior": SAMPLES,
    "vae.latent_grid": GRID,
}
