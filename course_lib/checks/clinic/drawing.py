"""How codes were drawn from a posterior, in words, and the wrong ways of doing it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..declare import Misconception
from ..drawn_codes import STANDARD_NORMAL, name_codes
from ..ready import Mistakes

RIGHT = "mean + standard deviation · noise, the noise standard normal and new for every number"
MEAN = "the mean itself, without noise"


def std(log_var: Tensor) -> Tensor:
    return (log_var / 2).exp()


# What of a code would be noise, if it had been drawn that way.
UNDO: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    RIGHT: lambda z, m, v: (z - m) / std(v),
    "noise alone": lambda z, m, v: z,
    "mean + noise": lambda z, m, v: z - m,
    "mean + variance · noise": lambda z, m, v: (z - m) / v.exp(),
    "mean + log_var · noise": lambda z, m, v: (z - m) / v,
    "mean + half of log_var · noise": lambda z, m, v: (z - m) / (v / 2),
    "mean + noise / standard deviation": lambda z, m, v: (z - m) * std(v),
    "standard deviation · noise": lambda z, m, v: z / std(v),
    "mean - something that is noise for a mean of the other sign": lambda z, m, v: (z + m) / std(v),
    "mean · noise + standard deviation": lambda z, m, v: (z - std(v)) / m,
}


def name_draw(z: Tensor, mean: Tensor, log_var: Tensor) -> str:
    """In which of the ways above the codes `(N, Z)` were drawn; N of at least a thousand."""
    z, mean, log_var = (t.detach().double() for t in (z, mean, log_var))
    if not z.isfinite().all():
        return "codes that are not finite"
    if torch.allclose(z, mean, rtol=1e-5, atol=1e-6):
        return MEAN
    for name, undo in UNDO.items():
        if name_codes(undo(z, mean, log_var)) == STANDARD_NORMAL:
            return name
    return f"mean + standard deviation · something: {name_codes(UNDO[RIGHT](z, mean, log_var))}"


def draw(
    noise: Callable[[Tensor], Tensor] = torch.randn_like,
    join: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda m, v, e: m + std(v) * e,
) -> Callable[[Tensor, Tensor], Tensor]:
    """A code of mean and log_var, whose noise or formula a mistake replaces."""
    return lambda mean, log_var: join(mean, log_var, noise(mean))


def one_for_all(mean: Tensor) -> Tensor:
    return torch.randn_like(mean[:1]).expand_as(mean)


def same_in_all_latents(mean: Tensor) -> Tensor:
    return torch.randn_like(mean[:, :1]).expand_as(mean)


def half_noise(mean: Tensor, log_var: Tensor) -> Tensor:
    return mean + std(log_var) * torch.randn_like(mean) / 2


def seeded(mean: Tensor) -> Tensor:
    own = torch.Generator().manual_seed(0)
    return torch.randn(mean.shape, generator=own, dtype=mean.dtype)


def drawing_mistakes(made: Callable[[Callable], Callable]) -> Mistakes:
    """`made(code)` is an answer that draws its codes by `code(mean, log_var)`."""
    return (
        Misconception(
            "mean_alone",
            made(lambda mean, log_var: mean),
            "There is no noise: this is the mean, and log_var gets no gradient. A code is drawn "
            "anew around the mean, as wide as log_var says.",
        ),
        Misconception(
            "variance_as_std",
            made(draw(join=lambda m, v, e: m + v.exp() * e)),
            "The noise was multiplied by the variance. It needs its root, the standard deviation: "
            "half of log_var in the exponent.",
        ),
        Misconception(
            "log_var_as_std",
            made(draw(join=lambda m, v, e: m + v * e)),
            "The noise was multiplied by log_var itself, a logarithm that may be negative.",
            also=(made(draw(join=lambda m, v, e: m + v / 2 * e)),),
        ),
        Misconception(
            "exponent_negative",
            made(draw(join=lambda m, v, e: m + e / std(v))),
            "The exponent has the wrong sign: the larger log_var, the wider the draw.",
        ),
        Misconception(
            "no_noise",
            made(lambda mean, log_var: mean + std(log_var)),
            "Nothing is drawn: the standard deviation itself was added to the mean. It is "
            "multiplied by noise first.",
        ),
        Misconception(
            "averaged_draws",
            made(half_noise),
            "The noise is normal and has another standard deviation than 1: several draws were "
            "averaged, or it was scaled once more.",
        ),
        Misconception(
            "mean_scales_the_noise",
            made(draw(join=lambda m, v, e: m * e + std(v))),
            "Mean and standard deviation changed places: the noise is scaled by the standard "
            "deviation and shifted by the mean.",
        ),
        Misconception(
            "unscaled",
            made(draw(join=lambda m, v, e: m + e)),
            "The noise was added as it is, so log_var has no say and gets no gradient.",
        ),
        Misconception(
            "prior",
            made(draw(join=lambda m, v, e: e)),
            "This is a draw of the prior, which knows nothing about the image: shift it by the "
            "mean and scale it by the standard deviation.",
        ),
        Misconception(
            "not_shifted",
            made(draw(join=lambda m, v, e: std(v) * e)),
            "The noise is scaled and the mean is not added.",
        ),
        Misconception(
            "uniform",
            made(draw(torch.rand_like)),
            "torch.rand_like is uniform between 0 and 1: it moves every code up. The noise of a "
            "Gaussian is torch.randn_like.",
        ),
        Misconception(
            "one_for_all",
            made(draw(one_for_all)),
            "All examples of the batch share one draw of the noise. Each needs its own.",
        ),
        Misconception(
            "one_for_all_latents",
            made(draw(same_in_all_latents)),
            "The latents of a code share one number of noise. Each needs its own: noise has the "
            "shape of the mean.",
        ),
        Misconception(
            "cut_off",
            made(lambda mean, log_var: torch.normal(mean, std(log_var)).detach()),
            "The draw is right and has no gradient: .sample(), torch.normal or .detach() cuts the "
            "graph. Draw the noise, then shift and scale it (or use rsample).",
        ),
        Misconception(
            "mean_cut_off",
            made(lambda mean, log_var: draw()(mean.detach(), log_var)),
            "The draw is right and the mean gets no gradient: it was cut off on the way (detach, "
            ".data, .item()).",
        ),
        Misconception(
            "std_cut_off",
            made(lambda mean, log_var: draw()(mean, log_var.detach())),
            "The draw is right and log_var gets no gradient: it was cut off on the way (detach, "
            ".data, .item()).",
        ),
        Misconception(
            "same_noise_at_every_call",
            made(draw(seeded)),
            "Two calls give the same noise: something seeds inside. Draw from the global "
            "generator, which moves on.",
        ),
    )
