"""Check of `kl_monte_carlo`: what is estimated, and which spread came with it."""

from __future__ import annotations

import torch
from torch.distributions import Normal, kl_divergence

from ..declare import Case, Exercise, Misconception
from ..drawn_codes import codes_together
from ..observing import Handed

MONTE_CARLO_SAMPLES = 4000
TWINS = 3000  # equal pairs, whose estimates differ by their draws alone
FEWER = ("the standard error of half as many draws", "the standard error of one draw less")

OUTPUTS = ("estimate", "standard error")


def monte_carlo_cases(generator: torch.Generator) -> list[Case]:
    def normals(count: int) -> dict:
        mean_q = torch.randn(count, generator=generator)
        # the pairs lie apart by very different distances: one spread for all of them would show
        apart = torch.linspace(0.7, 2.9, count) if count > 1 else 1.0
        return {
            "mean_q": mean_q,
            "std_q": 0.5 + torch.rand(count, generator=generator),
            "mean_p": mean_q + apart + 0.3 * torch.rand(count, generator=generator),
            "std_p": 1.6 + torch.rand(count, generator=generator),
        }

    def twin_normals() -> dict:
        """The log-ratio is nearly a line over q, so that mirrored draws have another spread."""
        mean, spread, apart, wider = torch.rand(4, 1, generator=generator)
        std = 0.5 + spread
        return {
            "mean_q": 2 * mean - 1,
            "std_q": std,
            "mean_p": 2 * mean - 1 + std * (1.3 + 0.4 * apart),
            "std_p": std * (1.15 + 0.25 * wider),
        }

    seed = int(torch.randint(1 << 30, (), generator=generator))
    twins = {n: v.expand(TWINS).clone() for n, v in twin_normals().items()}
    return [
        Case({**normals(5), "samples": MONTE_CARLO_SAMPLES, "seed": seed}),
        Case({**twins, "samples": 4, "seed": seed}, "4 samples, many equal pairs of q and p"),
    ]


def call_monte_carlo(answer, inputs):
    """Four calls: one seed twice, then another, whose generator is then called once more."""
    q = Normal(inputs["mean_q"], inputs["std_q"])
    p = Normal(inputs["mean_p"], inputs["std_p"])
    pairs = []
    for seed in (0, 0, 1, None):
        if seed is not None:
            generator = torch.Generator().manual_seed(inputs["seed"] + seed)
        result = answer(q, p, inputs["samples"], generator)
        if not isinstance(result, tuple | list) or len(result) != 2:
            return Handed(result)
        pairs.append(result)
    return {name: [pair[i] for pair in pairs] for i, name in enumerate(OUTPUTS)}


def monte_carlo_facts(inputs, outputs):
    """What the estimate is an estimate of, and which spread came with it."""
    (estimate, again, other, onward), error = outputs["estimate"], outputs["standard error"][0]
    facts = {
        "the estimate is": form_of(estimate),
        "the standard error is": form_of(error),
    }
    if not isinstance(estimate, torch.Tensor) or not isinstance(error, torch.Tensor):
        return facts
    if estimate.shape != inputs["mean_q"].shape or error.shape != estimate.shape:
        return facts
    q = Normal(inputs["mean_q"].double(), inputs["std_q"].double())
    p = Normal(inputs["mean_p"].double(), inputs["std_p"].double())
    samples = inputs["samples"]
    own = facts["every pair has draws of its own"] = not share_draws(estimate, error)
    if not own:
        return facts
    facts["the estimate"] = name_estimate(q, p, samples, estimate.double())
    if facts["the estimate"] != "KL(q‖p)":  # the spread of something else says nothing
        return facts
    name = name_error(q, p, samples, error.double())
    if estimate.numel() == TWINS:
        spread = (estimate.double().var() * samples / log_ratio_std(q, p)[0] ** 2).item()
        # independent ones give 1 up to 6 standard errors, and more where there are fewer of them
        apart = abs(spread - 1) < 0.25 or (spread > 1 and name in FEWER)
        facts["the draws of one pair are independent of each other"] = apart
        if not apart:  # then the formula of the spread cannot be told from the draws' kinship
            return facts
    facts["the second result"] = name
    exact = torch.allclose(estimate.double(), kl_divergence(q, p), rtol=1e-4, atol=1e-5)
    facts["the estimate is made of draws"] = not exact
    facts["one seed gives one estimate"] = torch.equal(estimate, again)
    facts["another seed gives another estimate"] = not torch.equal(estimate, other)
    facts["a generator that has moved on gives another estimate"] = not torch.equal(other, onward)
    return facts


def share_draws(estimate: torch.Tensor, error: torch.Tensor) -> bool:
    """Whether equal pairs err together: in the same way, or one in the opposite of another's."""
    if estimate.numel() != TWINS:
        return False
    both = torch.stack([estimate, error], 1)
    if len(both.unique(dim=0)) < 0.99 * TWINS:  # single ones may meet by chance
        return True
    return codes_together(((estimate - estimate.median()) / estimate.std())[:, None].double())


def form_of(value) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return value if isinstance(value, str) else f"a {type(value).__name__}"


def log_ratio_std(q: Normal, p: Normal) -> torch.Tensor:
    """Standard deviation of log q(x) - log p(x) under q, exactly: it is a quadratic in the noise.

    log q - log p = const + a ε² + b ε with ε standard normal, whose variance is 2a² + b².
    """
    a = q.stddev**2 / (2 * p.stddev**2) - 0.5
    b = q.stddev * (q.mean - p.mean) / p.stddev**2
    return (2 * a**2 + b**2).sqrt()


def name_estimate(q, p, samples, estimate):
    """The first quantity that the estimates lie within six standard errors of."""
    if estimate.numel() == TWINS:  # the mean over the equal pairs is far more exact
        q, p = Normal(q.mean[:1], q.stddev[:1]), Normal(p.mean[:1], p.stddev[:1])
        estimate, count = estimate.mean()[None], samples * TWINS
    else:
        count = samples
    for name, mean, std in quantities(q, p, samples):
        if ((estimate - mean).abs() < 6 * std / count**0.5 + 1e-4 * mean.abs()).all():
            return name
    return f"another quantity, first {estimate[0].item():.4g}"


def quantities(q, p, samples):
    """Name, mean and standard deviation of one draw, exactly, of what one might average.

    One after the other: where the first is right, the others need not be computed.
    """
    spread, shift = log_ratio_std(q, p), kl_divergence(q, p)
    yield "KL(q‖p)", shift, spread
    yield "-KL(q‖p)", -shift, spread
    yield "the sum over samples", shift * samples, spread * samples
    yield "the standard error", spread / samples**0.5, spread / samples**0.5
    noise = torch.linspace(-8, 8, 2001, dtype=torch.float64)[:, None]
    normal = Normal(0.0, 1.0).log_prob(noise).exp()
    unit = torch.linspace(0, 1, 2001, dtype=torch.float64)[:, None]
    a_draw = q.mean + q.stddev * noise
    other_draws = {
        "KL(p‖q)": (p.mean + p.stddev * noise, lambda a, b: b - a),
        "-KL(p‖q)": (p.mean + p.stddev * noise, lambda a, b: a - b),
        "the average under noise that was not scaled": (q.mean + noise, lambda a, b: a - b),
        "the average under noise that was not shifted": (q.stddev * noise, lambda a, b: a - b),
        "the average under the noise itself": (noise + 0 * q.mean, lambda a, b: a - b),
        "the average under draws that q's variance spread": (
            q.mean + q.variance * noise,
            lambda a, b: a - b,
        ),
        "minus the entropy of q": (a_draw, lambda a, b: a),
        "the entropy of q": (a_draw, lambda a, b: -a),
        "the cross-entropy": (a_draw, lambda a, b: -b),
        "minus the cross-entropy": (a_draw, lambda a, b: b),
        "the average of absolute values": (a_draw, lambda a, b: (a - b).abs()),
        "the average of squares": (a_draw, lambda a, b: (a - b) ** 2),
        "half the average of squares": (a_draw, lambda a, b: (a - b) ** 2 / 2),
        "log-ratios weighed by q's density": (a_draw, lambda a, b: a.exp() * (a - b)),
        "the average ratio of densities": (a_draw, lambda a, b: (a - b).exp()),
        "the average difference of densities": (a_draw, lambda a, b: a.exp() - b.exp()),
    }
    for name, (x, value) in other_draws.items():
        yield name, *moments(noise, normal, value(q.log_prob(x), p.log_prob(x)))
    x = q.mean + q.stddev * unit
    ratio = q.log_prob(x) - p.log_prob(x)
    yield "the average under uniform noise", *moments(unit, torch.ones_like(unit), ratio)


def moments(at, density, values):
    """Mean and standard deviation of values on a grid, by the trapezoid rule."""
    mean = torch.trapezoid(density * values, at, dim=0)
    return mean, torch.trapezoid(density * (values - mean) ** 2, at, dim=0).sqrt()


def name_error(q, p, samples, error):
    """Which formula gives this spread: told apart by its mean over many equal pairs, or roughly."""
    spread = log_ratio_std(q, p)
    many = error.numel() == TWINS
    one = spread[0] if many else spread
    width = 0.12 if many else 0.3
    if (error == 0).all():
        return "0 everywhere"
    if not many and torch.allclose(error, error[:1].expand_as(error), rtol=1e-4):
        return "one value for all pairs"
    square = (error.square().mean() if many else error.square()) / one**2
    for name, value in squared_errors(samples, error.numel(), kl_divergence(q, p) / spread).items():
        value = value[0] if many else value
        if ((square / value - 1).abs() < width).all():
            return name
    variance = (error.mean() if many else error) / one**2
    for name, value in {
        "the squared standard error": 1 / samples,
        "the variance of one draw": 1.0,
        "the variance over the root of samples": samples**-0.5,
    }.items():
        if ((variance / value - 1).abs() < width).all():
            return name
    return f"another quantity, first {error[0].item():.4g}"


def squared_errors(samples, pairs, mean_over_spread):
    """Name to the square of what came, in units of the variance of one draw."""
    values = {
        "the standard error with unbiased variance": 1 / samples,
        "the standard error with biased variance": (samples - 1) / samples**2,
        "the standard error of one draw less": 1 / (samples - 1),
        "the standard error of half as many draws": 2 / samples,
        "two standard errors": 4 / samples,
        "the standard deviation of one draw": 1.0,
        "the standard deviation divided by samples": 1 / samples**2,
        "the standard deviation times the root of samples": samples,
        "the standard deviation divided by the root of the number of pairs": 1 / pairs,
    }
    named = {name: value + 0 * mean_over_spread for name, value in values.items()}
    return named | {"made without subtracting the mean": (1 + mean_over_spread**2) / samples}


def monte_carlo(q, p, samples, generator, reverse=False, biased=False, scale=True):
    source = p if reverse else q
    noise = torch.randn(samples, *q.mean.shape, generator=generator)
    x = source.mean + source.stddev * noise
    ratio = q.log_prob(x) - p.log_prob(x)
    error = ratio.std(0, correction=0 if biased else 1)
    return ratio.mean(0), error / samples**0.5 if scale else error


def averaged_over(ratio, samples):
    return ratio.mean(0), ratio.std(0) / samples**0.5


def from_draws(draw):
    """The estimate from `draw(q, p, noise)`, whose noise is right."""

    def answer(q, p, samples, generator):
        noise = torch.randn(samples, *q.mean.shape, generator=generator)
        x = draw(q, p, noise)
        return averaged_over(q.log_prob(x) - p.log_prob(x), samples)

    return answer


def from_ratios(ratio):
    """The estimate that averages `ratio(log q(x), log p(x))` over right draws."""

    def answer(q, p, samples, generator):
        x = q.mean + q.stddev * torch.randn(samples, *q.mean.shape, generator=generator)
        return averaged_over(ratio(q.log_prob(x), p.log_prob(x)), samples)

    return answer


def with_error(error):
    """A right estimate and `error(ratio, samples)`."""

    def answer(q, p, samples, generator):
        x = q.mean + q.stddev * torch.randn(samples, *q.mean.shape, generator=generator)
        ratio = q.log_prob(x) - p.log_prob(x)
        return ratio.mean(0), error(ratio, samples)

    return answer


def one_noise_for_all_pairs(q, p, samples, generator):
    x = q.mean + q.stddev * torch.randn(samples, 1, generator=generator)
    return averaged_over(q.log_prob(x) - p.log_prob(x), samples)


def from_noise(change):
    """The estimate from `change(noise)` in the place of independent noise of that shape."""

    def answer(q, p, samples, generator):
        x = q.mean + q.stddev * change(torch.randn(samples, *q.mean.shape, generator=generator))
        return averaged_over(q.log_prob(x) - p.log_prob(x), samples)

    return answer


def mirrored(noise):
    half = noise[: -(-len(noise) // 2)]
    return torch.cat([half, -half])[: len(noise)]


def shared_by_halves(noise):
    half = noise[:, : -(-noise.shape[1] // 2)]
    return torch.cat([half, half], 1)[:, : noise.shape[1]]


def one_noise_for_all_draws(q, p, samples, generator):
    noise = torch.randn(q.mean.shape, generator=generator).expand(samples, *q.mean.shape)
    x = q.mean + q.stddev * noise
    return averaged_over(q.log_prob(x) - p.log_prob(x), samples)


def uniform_noise(q, p, samples, generator):
    x = q.mean + q.stddev * torch.rand(samples, *q.mean.shape, generator=generator)
    return averaged_over(q.log_prob(x) - p.log_prob(x), samples)


def seeded_anew(q, p, samples, generator):
    own = torch.Generator().manual_seed(generator.initial_seed())
    return monte_carlo(q, p, samples, own)


def with_global_noise(q, p, samples, generator):
    x = q.sample((samples,))
    ratio = q.log_prob(x) - p.log_prob(x)
    return ratio.mean(0), ratio.std(0) / samples**0.5


EXERCISE = Exercise(
    name="divergences.kl_monte_carlo",
    signature="(q, p, samples, generator)",
    unit="nats",
    outputs=OUTPUTS,
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
            "closed_form",
            lambda q, p, samples, generator: (
                kl_divergence(q, p),
                monte_carlo(q, p, samples, generator)[1],
            ),
            "The first result is the formula's value, without any error. The formula is what an "
            "estimate replaces where there is none: average over draws.",
            also=(lambda q, p, *rest: (kl_divergence(q, p), torch.zeros_like(q.mean)),),
        ),
        Misconception(
            "seeded_anew",
            seeded_anew,
            "A generator is known by where it stands, not by the seed it once had: called again "
            "with the same one, the function should draw on. Use the generator itself.",
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
        Misconception(
            "results_swapped",
            lambda *a: monte_carlo(*a)[::-1],
            "The two results changed places: the estimate comes first, then its standard error.",
        ),
        Misconception(
            "uniform_noise",
            uniform_noise,
            "torch.rand is uniform between 0 and 1. The noise of a Gaussian is standard normal: "
            "torch.randn.",
        ),
        Misconception(
            "scaled_by_the_variance",
            from_draws(lambda q, p, e: q.mean + q.variance * e),
            "The noise was multiplied by q's variance. It needs the standard deviation.",
        ),
        Misconception(
            "not_scaled",
            from_draws(lambda q, p, e: q.mean + e),
            "The noise was shifted and not scaled: the draws have standard deviation 1 where they "
            "should have q's.",
        ),
        Misconception(
            "not_shifted",
            from_draws(lambda q, p, e: q.stddev * e),
            "The noise was scaled and not shifted: the draws lie around 0, not around q's mean.",
        ),
        Misconception(
            "noise_itself",
            from_draws(lambda q, p, e: e),
            "The noise was taken as it is for draws of q. Scale and shift it first.",
        ),
        Misconception(
            "one_noise_for_all_draws",
            one_noise_for_all_draws,
            "Each pair has one draw, repeated: their spread is 0. Draw noise of shape (samples, "
            "B).",
        ),
        Misconception(
            "one_noise_for_all_pairs",
            one_noise_for_all_pairs,
            "Pairs share their noise (the same draws, or mirror images of them), so that their "
            "errors go together. Each pair has draws of its own.",
            also=(
                from_noise(shared_by_halves),
                from_noise(lambda e: mirrored(e.T).T),
            ),
        ),
        Misconception(
            "draws_together",
            from_noise(mirrored),
            "The draws of one pair depend on each other: mirrored, repeated, or centered or "
            "standardized among themselves. That can be a good estimate, and its standard error is "
            "another one. Here every draw is made by itself.",
            also=(
                from_noise(lambda e: e - e.mean(0)),
                from_noise(lambda e: (e - e.mean(0)) / e.std(0)),
                from_noise(lambda e: e[: -(-len(e) // 2)].repeat(2, 1)[: len(e)]),
                from_noise(lambda e: mirrored(e).flip(0)),
            ),
        ),
        Misconception(
            "weighed_by_density",
            from_ratios(lambda a, b: a.exp() * (a - b)),
            "The log-ratio was multiplied by the density of q. The draws come from q: that is the "
            "weight already.",
        ),
        Misconception(
            "without_logarithm",
            from_ratios(lambda a, b: a.exp() / b.exp()),
            "The densities were compared as they are. log_prob gives their logarithms, and the "
            "difference of those is averaged.",
        ),
        Misconception(
            "one_of_the_two",
            from_ratios(lambda a, b: a),
            "Only one of the two log densities was averaged. That is an entropy or a "
            "cross-entropy; KL is their difference.",
            also=(
                from_ratios(lambda a, b: -b),
                from_ratios(lambda a, b: -a),
                from_ratios(lambda a, b: b),
            ),
        ),
        Misconception(
            "absolute_ratios",
            from_ratios(lambda a, b: (a - b).abs()),
            "The absolute values of the log-ratios were averaged. Single ones may be negative; "
            "only their average under q cannot.",
        ),
        Misconception(
            "draws_added",
            lambda *a: ((r := monte_carlo(*a))[0] * a[2], r[1]),
            "The log-ratios were added up. Average them: divide by samples.",
        ),
        Misconception(
            "variance_of_one_draw",
            with_error(lambda r, n: r.var(0)),
            "The second result is the variance of single draws. A standard error is a root, and "
            "that of a mean falls with the root of samples.",
        ),
        Misconception(
            "variance_over_root",
            with_error(lambda r, n: r.var(0) / n**0.5),
            "The variance was divided by the root of samples. Either divide the variance by "
            "samples and take the root, or the standard deviation by the root of samples.",
        ),
        Misconception(
            "two_errors",
            with_error(lambda r, n: 2 * r.std(0) / n**0.5),
            "The second result is twice the standard error, as one draws a bar. One of them is "
            "wanted.",
        ),
        Misconception(
            "error_times_root",
            with_error(lambda r, n: r.std(0) * n**0.5),
            "The standard deviation was multiplied by the root of samples. A mean of many draws "
            "is steadier than one of them: divide.",
        ),
        Misconception(
            "one_error_for_all",
            with_error(lambda r, n: r.std() / n**0.5 * torch.ones_like(r[0])),
            "The spread was taken over all pairs together. Each pair has its own.",
        ),
        Misconception(
            "batch_for_samples",
            with_error(lambda r, n: r.std(0) / r.shape[1] ** 0.5),
            "The standard deviation was divided by the root of the number of pairs. It is the "
            "number of draws that steadies a mean.",
        ),
        Misconception(
            "one_draw_less",
            with_error(lambda r, n: r.std(0) / (n - 1) ** 0.5),
            "The standard error is that of one draw less. n - 1 belongs into the variance of the "
            "single draws, where .std has it already; the mean is one over all n.",
            also=(lambda q, p, n, g: monte_carlo(q, p, n - 1, g),),
        ),
        Misconception(
            "mean_not_subtracted",
            with_error(lambda r, n: r.square().mean(0).sqrt() / n**0.5),
            "The squares of the log-ratios were averaged as they are. A variance is measured from "
            "the mean.",
        ),
        Misconception(
            "squares_averaged",
            from_ratios(lambda a, b: (a - b) ** 2),
            "The squares of the log-ratios were averaged. KL is the average of the log-ratios "
            "themselves.",
            also=(from_ratios(lambda a, b: (a - b) ** 2 / 2),),
        ),
        Misconception(
            "turned_round_altogether",
            lambda q, p, n, g: monte_carlo(p, q, n, g),
            "This is KL(p‖q): both the draws and the ratio are turned round. Draw from q, and "
            "average log q(x) - log p(x).",
        ),
        Misconception(
            "densities_subtracted",
            from_ratios(lambda a, b: a.exp() - b.exp()),
            "The densities were subtracted. It is their logarithms whose difference is averaged.",
        ),
        Misconception(
            "half_of_the_draws",
            lambda q, p, n, g: monte_carlo(q, p, n // 2, g),
            "The standard error is that of half as many draws. Draw `samples` times.",
        ),
        Misconception(
            "shapes_kept",
            lambda *a: tuple(v[None] for v in monte_carlo(*a)),
            "The dimension of the draws is still there with length 1. Both results have shape "
            "(B,).",
        ),
        Misconception(
            "numbers",
            lambda *a: tuple(v.tolist() for v in monte_carlo(*a)),
            "Python numbers came. Return two tensors.",
            also=(lambda *a: tuple(v.numpy() for v in monte_carlo(*a)),),
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
