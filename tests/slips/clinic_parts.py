"""Ten wrong answers to the cases of «who moves» with a VAE's parts, and their causes.

`None`: no cause is known, and the message must not claim one. A text in the place of a name: what
the message itself says of the cause.
"""

import copy
import itertools

import torch
from torch.distributions import Normal


def forward(draw):
    """The codes are `draw(mean, log_var)`, and nothing else is wrong."""

    def answer(v, x):
        mean, log_var = v.encoder(x)
        return v.decoder(draw(mean, log_var)), mean, log_var

    return answer


def code(mean, log_var):
    return mean + (log_var / 2).exp() * torch.randn_like(mean)


def one_generator(mean, log_var):
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0), dtype=mean.dtype)
    return mean + (log_var / 2).exp() * noise


def seeded(mean, log_var):
    torch.manual_seed(0)
    return code(mean, log_var)


def same_for_all(mean, log_var):
    return mean + (log_var / 2).exp() * torch.randn_like(mean[:1])


def one_number_each(mean, log_var):
    return mean + (log_var / 2).exp() * torch.randn_like(mean[:, :1])


def uniform(mean, log_var):
    return mean + (log_var / 2).exp() * torch.rand_like(mean)


# Wrong draws, by the number of the slip; both exercises that draw share them.
DRAWS = (
    lambda m, lv: m,
    lambda m, lv: m + lv.exp() * torch.randn_like(m),
    lambda m, lv: m + lv * torch.randn_like(m),
    lambda m, lv: m + torch.randn_like(m),
    lambda m, lv: m * torch.randn_like(m) + (lv / 2).exp(),
    lambda m, lv: m + (lv / 2).exp(),
    lambda m, lv: torch.normal(m.detach(), (lv.detach() / 2).exp()),
    lambda m, lv: Normal(m, (lv / 2).exp()).sample(),
    lambda m, lv: m + (lv / 2).exp().detach() * torch.randn_like(m),
    lambda m, lv: m.detach() + (lv / 2).exp() * torch.randn_like(m),
    uniform,
    same_for_all,
    one_number_each,
    seeded,
    one_generator,
    lambda m, lv: torch.stack([code(m, lv) for _ in range(4)]).mean(0),
)

DRAW_CAUSES = (
    "mean_alone",
    "variance_as_std",
    "log_var_as_std",
    "unscaled",
    "mean_scales_the_noise",
    "no_noise",
    "cut_off",
    "cut_off",
    "std_cut_off",
    "mean_cut_off",
    "uniform",
    "one_for_all",
    "one_for_all_latents",
    "same_noise_at_every_call",
    "same_noise_at_every_call",
    "averaged_draws",
)


def from_prior_and_encoded_again(v, x):
    mean, log_var = v.encoder(v.decoder(torch.randn(len(x), v.encoder(x)[0].shape[1])).sigmoid())
    return v.decoder(code(mean, log_var)), mean, log_var


def prior_decoded(v, x):
    mean, log_var = v.encoder(x)
    return v.decoder(torch.randn_like(mean)), mean, log_var


def reconstruction_encoded(v, x):
    mean, log_var = v.encoder(x)
    mean, log_var = v.encoder(v.decoder(code(mean, log_var)).sigmoid())
    return v.decoder(code(mean, log_var)), mean, log_var


def probabilities(v, x):
    logits, mean, log_var = forward(code)(v, x)
    return logits.sigmoid(), mean, log_var


def encoder_cut(v, x):
    with torch.no_grad():
        mean, log_var = v.encoder(x)
    return v.decoder(code(mean, log_var)), mean, log_var


def pair_decoded(v, x):
    mean, log_var = v.encoder(x)
    return v.decoder((mean, log_var)), mean, log_var


FORWARD = [
    (from_prior_and_encoded_again, "prior_re_encoded"),
    (prior_decoded, "prior"),
    (reconstruction_encoded, "prior_re_encoded"),
    (probabilities, "probabilities"),
    (encoder_cut, "encoder_cut_off"),
    (pair_decoded, "pair_decoded"),
    (lambda v, x: forward(code)(v, x)[0], "logits_alone"),
    (lambda v, x: tuple(forward(code)(v, x)[n] for n in (1, 2, 0)), "order"),
    *((forward(draw), cause) for draw, cause in zip(DRAWS, DRAW_CAUSES, strict=True)),
]
SAMPLE = list(zip(DRAWS, DRAW_CAUSES, strict=True))


def both(enc, dec):
    return [*enc.parameters(), *dec.parameters()]


def frozen_decoder(enc, dec):
    dec.requires_grad_(False)
    return torch.optim.Adam(both(enc, dec), 1e-3)


def weights_alone(enc, dec):
    named = [*enc.named_parameters(), *dec.named_parameters()]
    return torch.optim.Adam([p for name, p in named if name.endswith("weight")], 1e-3)


OPTIMIZERS = [
    (lambda enc, dec: torch.optim.Adam(enc.parameters(), 1e-3), "encoder_alone"),
    (lambda enc, dec: torch.optim.Adam(dec.parameters(), 1e-3), "decoder_alone"),
    (
        lambda enc, dec: tuple(torch.optim.Adam(n.parameters()) for n in (enc, dec)),
        "two_optimizers",
    ),
    (
        lambda enc, dec: torch.optim.Adam([enc.parameters(), dec.parameters()], 1e-3),
        "iterators_in_a_list",
    ),
    (
        lambda enc, dec: torch.optim.Adam(enc.parameters() + dec.parameters(), 1e-3),
        "iterators_added",
    ),
    (lambda enc, dec: torch.optim.Adam([*both(enc, dec), *enc.parameters()], 1e-3), "held_twice"),
    (lambda enc, dec: torch.optim.Adam(both(enc, dec), 1e-3, maximize=True), "maximizes"),
    (lambda enc, dec: torch.optim.Adam(both(enc, dec), 0.0), "no_rate"),
    (
        lambda enc, dec: torch.optim.Adam(
            [{"params": enc.parameters()}, {"params": dec.parameters(), "lr": 0.0}], 1e-3
        ),
        "decoder_at_rest",
    ),
    (weights_alone, "weights_alone"),
    (frozen_decoder, "decoder_frozen"),
    (
        lambda enc, dec: torch.optim.Adam(both(copy.deepcopy(enc), dec), 1e-3),
        "copies_of_the_encoder",
    ),
    (
        lambda enc, dec: torch.optim.Adam(list(itertools.chain(enc.parameters(), dec)), 1e-3),
        "iterators_in_a_list",
    ),
    (lambda enc, dec: torch.optim.Adam(both(enc[-1:], dec), 1e-3), "one_layer_of_the_encoder"),
    (
        lambda enc, dec: torch.optim.Adam(
            [*enc.state_dict().values(), *dec.state_dict().values()], 1e-3
        ),
        "copies_of_all",
    ),
    (lambda enc, dec: torch.optim.Adam, "an optimizer of torch.optim, got a type"),
]


SLIPS = {
    "clinic.c27_forward": FORWARD,
    "clinic.f4_make_opt": OPTIMIZERS,
    "clinic.a3_sample_z": SAMPLE,
}
