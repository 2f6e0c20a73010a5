"""Check of `kl_monte_carlo`: what is estimated, and which spread came with it."""

from __future__ import annotations

import torch
from torch.distributions import Normal, kl_divergence

from ..declare import Case, Exercise, Misconception

MONTE_CARLO_SAMPLES = 4000


TWINS = 3000


def monte_carlo_cases(generator: torch.Generator) -> list[Case]:
    def normals(count: int) -> dict:
        mean_q = torch.randn(count, generator=generator)
        return {
            "mean_q": mean_q,
            "std_q": 0.5 + torch.rand(count, generator=generator),
            "mean_p": mean_q + 0.8 + torch.rand(count, generator=generator),
            "std_p": 1.6 + torch.rand(count, generator=generator),
        }

    seed = int(torch.randint(1 << 30, (), generator=generator))
    twins = {n: v.expand(TWINS).clone() for n, v in normals(1).items()}
    return [
        Case({**normals(5), "samples": MONTE_CARLO_SAMPLES, "seed": seed}),
        Case({**twins, "samples": 4, "seed": seed}, "4 samples, many equal pairs of q and p"),
    ]


def call_monte_carlo(answer, inputs):
    """Three calls: one seed twice, then another."""
    q = Normal(inputs["mean_q"], inputs["std_q"])
    p = Normal(inputs["mean_p"], inputs["std_p"])
    outputs = {}
    for label, seed in (("", 0), ("again ", 0), ("other ", 1)):
        generator = torch.Generator().manual_seed(inputs["seed"] + seed)
        result = answer(q, p, inputs["samples"], generator)
        if not isinstance(result, tuple | list) or len(result) != 2:
            return result
        outputs[f"{label}estimate"], outputs[f"{label}standard error"] = result
    return outputs


def monte_carlo_facts(inputs, outputs):
    """What the estimate is an estimate of, and which spread came with it."""
    estimate, error = outputs["estimate"], outputs["standard error"]
    facts = {
        "the shape of the estimate": list(estimate.shape),
        "the shape of the standard error": list(error.shape),
    }
    if estimate.shape != inputs["mean_q"].shape or error.shape != estimate.shape:
        return facts
    q = Normal(inputs["mean_q"].double(), inputs["std_q"].double())
    p = Normal(inputs["mean_p"].double(), inputs["std_p"].double())
    spread = log_ratio_std(q, p)
    samples = inputs["samples"]
    facts["the estimate"] = name_estimate(q, p, spread, samples, estimate.double())
    facts["the second result"] = name_error(spread, samples, error.double())
    facts["one seed gives one estimate"] = torch.equal(estimate, outputs["again estimate"])
    facts["another seed gives another estimate"] = not torch.equal(
        estimate, outputs["other estimate"]
    )
    return facts


def log_ratio_std(q: Normal, p: Normal) -> torch.Tensor:
    """Standard deviation of log q(x) - log p(x) under q, exactly: it is a quadratic in the noise.

    log q - log p = const + a ε² + b ε with ε standard normal, whose variance is 2a² + b².
    """
    a = q.stddev**2 / (2 * p.stddev**2) - 0.5
    b = q.stddev * (q.mean - p.mean) / p.stddev**2
    return (2 * a**2 + b**2).sqrt()


def name_estimate(q, p, spread, samples, estimate):
    if estimate.numel() == TWINS:  # the mean over the equal pairs is far more exact
        estimate, samples, spread = estimate[:1] * 0 + estimate.mean(), samples * TWINS, spread[:1]
    bound = 6 * spread / samples**0.5
    forward, reverse = kl_divergence(q, p), kl_divergence(p, q)
    forward, reverse = forward[: estimate.numel()], reverse[: estimate.numel()]
    candidates = {"KL(q‖p)": forward, "-KL(q‖p)": -forward, "KL(p‖q)": reverse}
    candidates |= {"-KL(p‖q)": -reverse, "the sum over samples": forward * samples}
    reach = {"-KL(p‖q)": 6.0, "KL(p‖q)": 6.0, "the sum over samples": samples}
    for name, value in candidates.items():
        if ((estimate - value).abs() < bound * reach.get(name, 1.0)).all():
            return name
    return "another quantity"


def name_error(spread, samples, error):
    """Which formula gives this spread: told apart by its mean over many equal pairs, or roughly."""
    many = error.numel() == TWINS
    one = spread[0] if many else spread
    square = (error.square().mean() if many else error.square()) / one**2
    width = 0.12 if many else 0.3
    candidates = {
        "the standard error with unbiased variance": 1 / samples,
        "the standard error with biased variance": (samples - 1) / samples**2,
        "the standard deviation of one draw": 1.0,
        "the standard deviation divided by samples": 1 / samples**2,
    }
    for name, value in candidates.items():
        if ((square / value - 1).abs() < width).all():
            return name
    variance = (error.mean() if many else error) * samples / one**2
    if ((variance - 1).abs() < width).all():
        return "the squared standard error"
    return "another quantity"


def monte_carlo(q, p, samples, generator, reverse=False, biased=False, scale=True):
    source = p if reverse else q
    noise = torch.randn(samples, *q.mean.shape, generator=generator)
    x = source.mean + source.stddev * noise
    ratio = q.log_prob(x) - p.log_prob(x)
    error = ratio.std(0, correction=0 if biased else 1)
    return ratio.mean(0), error / samples**0.5 if scale else error


def with_global_noise(q, p, samples, generator):
    x = q.sample((samples,))
    ratio = q.log_prob(x) - p.log_prob(x)
    return ratio.mean(0), ratio.std(0) / samples**0.5


EXERCISE = Exercise(
    name="divergences.kl_monte_carlo",
    signature="(q, p, samples, generator)",
    unit="nats",
    outputs=("estimate", "standard error"),
    oracle=monte_carlo,
    cases=monte_carlo_cases,
    call=call_monte_carlo,
    facts=monte_carlo_facts,
    misconceptions=(
        Misconception(
            "biased_variance",
            lambda *a: monte_carlo(*a, biased=True),
            "The variance was divided by the number of samples. The mean was estimated from the "
            "same draws, so the unbiased variance divides by samples - 1; at 4 samples you see it.",
        ),
        Misconception(
            "standard_deviation",
            lambda *a: monte_carlo(*a, scale=False),
            "The second result is the spread of single draws. The mean of many draws is steadier: "
            "its standard error is smaller by the square root of samples.",
        ),
        Misconception(
            "divided_by_samples",
            lambda q, p, samples, generator: (
                (r := monte_carlo(q, p, samples, generator, scale=False))[0],
                r[1] / samples,
            ),
            "The standard deviation was divided by samples; it is the variance that falls as "
            "1 / samples, so the standard error falls with the square root.",
        ),
        Misconception(
            "squared_error",
            lambda *a: ((r := monte_carlo(*a))[0], r[1] ** 2),
            "The second result is the variance of the mean. Take its square root, so that it has "
            "the unit of the estimate.",
        ),
        Misconception(
            "drawn_from_p",
            lambda *a: monte_carlo(*a, reverse=True),
            "The draws come from p. KL(q‖p) is an average under q: draw from q.",
        ),
        Misconception(
            "sign",
            lambda *a: (-(r := monte_carlo(*a))[0], r[1]),
            "The estimate is turned round: average log q(x) - log p(x), which is positive where q "
            "puts more mass than p.",
        ),
        Misconception(
            "global_noise",
            with_global_noise,
            "q.sample() draws from the global generator, so `generator` decides nothing. Draw "
            "standard normal noise with torch.randn(…, generator=generator), shift and scale it.",
        ),
        Misconception(
            "reseeded",
            lambda q, p, samples, generator: monte_carlo(
                q, p, samples, torch.Generator().manual_seed(0)
            ),
            "Every seed gives the same estimate: a new generator was made inside. Use the one that "
            "is passed in.",
        ),
        Misconception(
            "pairs_mixed",
            lambda *a: tuple(r.mean() for r in monte_carlo(*a)),
            "One number came for all pairs of q and p. Average over the draws alone: results of "
            "shape (B,).",
        ),
    ),
    hints=(
        "A KL divergence is an expectation under q. What do you average, and over which draws?",
        "x = mean + std · noise is a draw of q when noise is standard normal; torch.randn takes "
        "shape and generator. Average log q(x) - log p(x) over the draws, keeping (B,).",
        "The standard error of a mean is the standard deviation of what is averaged over the "
        "square root of their number; .std uses the unbiased variance unless told otherwise.",
    ),
)
