"""Checks of lesson 01. Oracles: torch.distributions, which derives nothing as the lesson does."""

from __future__ import annotations

import math

import torch
from torch.distributions import Categorical, Normal, kl_divergence

from .declare import Case, Exercise, Misconception

# Distributions over five outcomes with zeros at the places where each rule matters.
WITH_ZEROS = torch.tensor([[0.5, 0.5, 0, 0, 0], [0, 1, 0, 0, 0], [0.2, 0, 0.3, 0.5, 0]]).double()
OTHER_ZEROS = torch.tensor([[0, 0.25, 0.75, 0, 0], [0.5, 0.5, 0, 0, 0], [0.4, 0, 0.3, 0.3, 0]])
OTHER_ZEROS = OTHER_ZEROS.double()


def probabilities(generator: torch.Generator, *shape: int) -> torch.Tensor:
    weights = torch.rand(*shape, generator=generator, dtype=torch.float64) + 0.05
    return weights / weights.sum(-1, keepdim=True)


def one_distribution(generator: torch.Generator) -> list[Case]:
    return [
        Case({"p": probabilities(generator, 3, 5)}),
        Case({"p": probabilities(generator, 2, 3, 4)}, "p of shape (2, 3, 4)"),
        Case({"p": probabilities(generator, 4)}, "a single distribution, p of shape (4,)"),
        Case({"p": probabilities(generator, 3, 5).float()}, "in float32"),
        Case({"p": WITH_ZEROS}, "p contains zeros", extreme=True),
    ]


def two_distributions(generator: torch.Generator) -> list[Case]:
    def pair(*shape: int) -> dict:
        return {"p": probabilities(generator, *shape), "q": probabilities(generator, *shape)}

    disjoint = {"p": WITH_ZEROS[:2], "q": WITH_ZEROS[:2].flip(-1)}
    return [
        Case(pair(3, 5)),
        Case(pair(2, 3, 4), "p and q of shape (2, 3, 4)"),
        Case({n: v.float() for n, v in pair(3, 5).items()}, "in float32"),
        Case({"p": WITH_ZEROS, "q": probabilities(generator, 3, 5)}, "p contains zeros", True),
        Case({"p": probabilities(generator, 3, 5), "q": WITH_ZEROS}, "q contains zeros", True),
        Case({"p": WITH_ZEROS, "q": OTHER_ZEROS}, "p and q contain zeros", True),
        Case(disjoint, "p and q never overlap or hardly", True),
    ]


def kl(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    return kl_divergence(Categorical(p), Categorical(q))


def js_by_entropies(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    mixture = Categorical((p + q) / 2).entropy()
    return mixture - (Categorical(p).entropy() + Categorical(q).entropy()) / 2


entropy = Exercise(
    name="divergences.entropy",
    signature="(p)",
    unit="nats",
    oracle=lambda p: Categorical(p).entropy(),
    cases=one_distribution,
    misconceptions=(
        Misconception(
            "not_a_number_at_zero",
            lambda p: -(p * p.log()).sum(-1),
            "Where p is 0, log p is -inf and 0 times -inf is nan. The limit of p log p at 0 is 0: "
            "decide what those terms contribute before they are added.",
        ),
        Misconception(
            "in_bits",
            lambda p: Categorical(p).entropy() / math.log(2),
            "These are bits (log to base 2). The course counts in nats: use the natural logarithm.",
        ),
        Misconception(
            "sign",
            lambda p: -Categorical(p).entropy(),
            "The sign is wrong: log p is never positive, and entropy is the mean of -log p.",
        ),
        Misconception(
            "mean_over_outcomes",
            lambda p: Categorical(p).entropy() / p.shape[-1],
            "The terms p log p were averaged over the outcomes. p is already the weight of the "
            "average, so they are to be added.",
        ),
        Misconception(
            "sum_over_everything",
            lambda p: Categorical(p).entropy().sum(),
            "All distributions were added into one number. Sum over the last axis alone; the "
            "other axes hold different distributions.",
        ),
        Misconception(
            "probabilities_as_logits",
            lambda p: Categorical(logits=p).entropy(),
            "p was put through a softmax. It holds probabilities already, not logits.",
        ),
        Misconception(
            "weight_forgotten",
            lambda p: -p.log().sum(-1),
            "The surprises -log p were added without their weights: a rare outcome must count as "
            "rarely as it occurs.",
        ),
    ),
    hints=(
        "Entropy is an average: of which quantity, and with which weights?",
        "The quantity is the surprise -log p of an outcome, and it occurs with probability p.",
        "torch.special.entr and torch.xlogy know what 0 log 0 is. If you write p * log p yourself, "
        "look at what comes out where p is 0, and replace it before summing over the last axis.",
    ),
)

kl_categorical = Exercise(
    name="divergences.kl_categorical",
    signature="(p, q)",
    unit="nats",
    oracle=kl,
    cases=two_distributions,
    misconceptions=(
        Misconception(
            "not_a_number_at_zero",
            lambda p, q: (p * (p / q).log()).sum(-1),
            "0 · log 0 gave nan. Where p is 0 the term is 0, whatever q is: such an outcome never "
            "occurs under p.",
        ),
        Misconception(
            "reversed",
            lambda p, q: kl(q, p),
            "This is KL(q‖p). KL(p‖q) averages under p: p is the weight and stands on top of the "
            "ratio. If you used F.kl_div, its argument order is (log q, p).",
        ),
        Misconception(
            "finite_where_q_is_zero",
            lambda p, q: (p * ((p + 1e-8) / (q + 1e-8)).log()).sum(-1),
            "A small constant next to q hides the infinity: where q says «impossible» and p does "
            "not, the divergence is inf, and the course wants to see that.",
        ),
        Misconception(
            "cross_entropy",
            lambda p, q: kl(p, q) + Categorical(p).entropy(),
            "This is the cross-entropy -Σ p log q. KL is the part of it that exceeds p's own "
            "entropy: it must be 0 when p = q.",
        ),
        Misconception(
            "in_bits",
            lambda p, q: kl(p, q) / math.log(2),
            "These are bits. The course counts in nats: use the natural logarithm.",
        ),
        Misconception(
            "sign",
            lambda p, q: -kl(p, q),
            "The sign is turned round: KL is never negative. Is the ratio p / q or q / p?",
        ),
        Misconception(
            "symmetrised",
            lambda p, q: kl(p, q) + kl(q, p),
            "KL(p‖q) and KL(q‖p) were added (Jeffreys' divergence). KL has a direction: average "
            "under p alone.",
        ),
        Misconception(
            "mean_over_outcomes",
            lambda p, q: kl(p, q) / p.shape[-1],
            "The terms were averaged over the outcomes; p is the weight already, so add them.",
        ),
        Misconception(
            "sum_over_everything",
            lambda p, q: kl(p, q).sum(),
            "All pairs were added into one number. Sum over the last axis alone.",
        ),
    ),
    hints=(
        "Whose average is it: which of the two distributions draws the outcomes?",
        "KL(p‖q) = Σ p · (log p − log q) over the last axis. Now look at three special outcomes: "
        "p = 0, q = 0, and both.",
        "Where p is 0 the term is 0, also when q is 0. Where q alone is 0 the term is +inf. "
        "torch.where, or the difference of two torch.xlogy, gives both.",
    ),
)

js_divergence = Exercise(
    name="divergences.js_divergence",
    signature="(p, q)",
    unit="nats",
    oracle=js_by_entropies,
    cases=two_distributions,
    misconceptions=(
        Misconception(
            "not_a_number_at_zero",
            lambda p, q: sum((a * (2 * a / (p + q)).log()).sum(-1) for a in (p, q)) / 2,
            "0 · log 0 gave nan. Your KL may handle zeros already: call it instead of writing the "
            "logarithms again.",
        ),
        Misconception(
            "half_forgotten",
            lambda p, q: 2 * js_by_entropies(p, q),
            "The two divergences were added; JS is their mean. Its largest value is log 2 = 0.693.",
        ),
        Misconception(
            "sum_instead_of_mixture",
            lambda p, q: js_by_entropies(p, q) - math.log(2),
            "p + q sums to 2 and is no distribution. Compare p and q with the mixture (p + q) / 2.",
        ),
        Misconception(
            "symmetrised_kl",
            lambda p, q: (kl(p, q) + kl(q, p)) / 2,
            "This averages KL(p‖q) and KL(q‖p), which is infinite on disjoint supports. JS "
            "compares each of them with their mixture.",
        ),
        Misconception(
            "one_side",
            lambda p, q: kl(p, (p + q) / 2),
            "Only KL(p‖mixture) is there. Without the term of q it is not symmetric.",
        ),
        Misconception(
            "reversed",
            lambda p, q: (kl((p + q) / 2, p) + kl((p + q) / 2, q)) / 2,
            "The mixture stands on the left of both divergences, which makes them infinite where "
            "p or q is 0. It belongs on the right.",
        ),
        Misconception(
            "in_bits",
            lambda p, q: js_by_entropies(p, q) / math.log(2),
            "These are bits (largest value 1). In nats the largest value is log 2.",
        ),
        Misconception(
            "distance",
            lambda p, q: js_by_entropies(p, q).clamp(min=0).sqrt(),
            "This is the Jensen–Shannon distance, the square root. The divergence is wanted.",
        ),
    ),
    hints=(
        "Both distributions are compared with a third one that lies halfway between them.",
        "The third one is the mixture (p + q) / 2. It is 0 only where both are 0, so neither KL "
        "to it is ever infinite.",
        "JS is the mean of KL(p‖mixture) and KL(q‖mixture), both of which your kl_categorical "
        "computes.",
    ),
)


def gaussian_parameters(generator: torch.Generator, count: int, rows: int, columns: int) -> list:
    return [
        torch.randn(rows, columns, generator=generator, dtype=torch.float64) * 1.3 + 0.4
        for _ in range(count)
    ]


def two_gaussians(generator: torch.Generator) -> list[Case]:
    names = ("mean_q", "log_var_q", "mean_p", "log_var_p")
    generic = dict(zip(names, gaussian_parameters(generator, 4, 3, 5), strict=True))
    single = dict(zip(names, gaussian_parameters(generator, 4, 4, 1), strict=True))
    far = {**generic, "log_var_q": generic["log_var_q"] - 30, "log_var_p": generic["log_var_p"] + 8}
    return [
        Case(generic, gradients=names),
        Case(single, "one dimension"),
        Case({n: v.float() for n, v in generic.items()}, "in float32"),
        Case(far, "log_var_q near -30", extreme=True),
    ]


def kl_normal(mean_q, log_var_q, mean_p, log_var_p):  # type: ignore[no-untyped-def]
    q, p = Normal(mean_q, (log_var_q / 2).exp()), Normal(mean_p, (log_var_p / 2).exp())
    return kl_divergence(q, p).sum(-1)


def kl_as_written(mean_q, log_var_q, mean_p, log_var_p, half=0.5, one=1.0, log=1.0):  # type: ignore[no-untyped-def]
    """The formula with its parts exposed, so that a mistake can leave one out."""
    ratio, shift = (log_var_q - log_var_p).exp(), (mean_q - mean_p) ** 2 / log_var_p.exp()
    return (half * (ratio + shift - one) + log * (log_var_p - log_var_q) / 2).sum(-1)


def shift_over_q(mean_q, log_var_q, mean_p, log_var_p):  # type: ignore[no-untyped-def]
    ratio, shift = (log_var_q - log_var_p).exp(), (mean_q - mean_p) ** 2 / log_var_q.exp()
    return 0.5 * (ratio + shift - 1 + log_var_p - log_var_q).sum(-1)


def shift_unscaled(mean_q, log_var_q, mean_p, log_var_p):  # type: ignore[no-untyped-def]
    ratio, shift = (log_var_q - log_var_p).exp(), (mean_q - mean_p) ** 2
    return 0.5 * (ratio + shift - 1 + log_var_p - log_var_q).sum(-1)


kl_gaussian = Exercise(
    name="divergences.kl_gaussian",
    signature="(mean_q, log_var_q, mean_p, log_var_p)",
    unit="nats",
    oracle=kl_normal,
    cases=two_gaussians,
    misconceptions=(
        Misconception(
            "reversed",
            lambda mean_q, log_var_q, mean_p, log_var_p: kl_normal(
                mean_p, log_var_p, mean_q, log_var_q
            ),
            "This is KL(p‖q). In KL(q‖p) the average is taken under q, so p's variance stands "
            "below the squared difference of the means.",
        ),
        Misconception(
            "half_forgotten",
            lambda *a: 2 * kl_normal(*a),
            "The factor 1/2 is missing. It comes from the exponent -(x - mean)² / (2 variance), "
            "and from log std = log_var / 2.",
        ),
        Misconception(
            "half_of_the_log_forgotten",
            lambda *a: kl_as_written(*a, log=2.0),
            "Every term carries the 1/2, the log-ratio too: the density has log std, which is "
            "log_var / 2.",
        ),
        Misconception(
            "half_only_on_the_log",
            lambda *a: kl_as_written(*a, half=1.0),
            "The 1/2 stands on the log-ratio alone; the squared terms have it as well.",
        ),
        Misconception(
            "minus_one_forgotten",
            lambda *a: kl_as_written(*a, one=0.0),
            "A constant is missing: for q = p the result must be 0. Where did the expectation of "
            "q's own squared deviation go?",
        ),
        Misconception(
            "log_ratio_sign",
            lambda *a: kl_as_written(*a, log=-1.0),
            "The log-ratio has the wrong sign: a q narrower than p must cost, so log_var_p comes "
            "with a plus and log_var_q with a minus.",
        ),
        Misconception(
            "log_var_read_as_log_std",
            lambda mean_q, log_var_q, mean_p, log_var_p: kl_normal(
                mean_q, 2 * log_var_q, mean_p, 2 * log_var_p
            ),
            "log_var was read as the logarithm of the standard deviation. exp(log_var) is the "
            "variance already.",
        ),
        Misconception(
            "shift_over_variance_of_q",
            shift_over_q,
            "The squared difference of the means is measured in the wrong unit: divide it by p's "
            "variance.",
        ),
        Misconception(
            "shift_not_scaled",
            shift_unscaled,
            "The squared difference of the means is not divided by p's variance.",
        ),
        Misconception(
            "mean_over_dimensions",
            lambda *a: kl_normal(*a) / a[0].shape[-1],
            "The dimensions were averaged. They are independent, so their divergences add.",
        ),
        Misconception(
            "batch_reduced",
            lambda *a: kl_normal(*a).mean(),
            "The batch was averaged too. Give one value for each example; the loss averages later.",
        ),
        Misconception(
            "batch_summed",
            lambda *a: kl_normal(*a).sum(),
            "The batch was added up too. Give one value for each example.",
        ),
        Misconception(
            "dimensions_not_summed",
            lambda mean_q, log_var_q, mean_p, log_var_p: kl_divergence(
                Normal(mean_q, (log_var_q / 2).exp()), Normal(mean_p, (log_var_p / 2).exp())
            ),
            "These are the divergences of the single dimensions; add them over the last axis.",
        ),
    ),
    hints=(
        "Take the last line of the derivation and replace every variance by exp(log_var).",
        "Per dimension there are four terms under one factor 1/2: a ratio of variances, a squared "
        "difference measured in p's variance, a constant, and a difference of log-variances.",
        "Compute the four terms with shape (B, Z), check that they cancel for q = p, and only then "
        "sum over the last axis. exp(log_var_q - log_var_p) is steadier than a quotient.",
    ),
)


def one_gaussian(generator: torch.Generator) -> list[Case]:
    mean, log_var = gaussian_parameters(generator, 2, 3, 5)
    wide = torch.tensor([[-40.0, -20.0, -5.0], [0.0, 1e-3, 5.0], [20.0, 40.0, 39.0]])
    return [
        Case({"mean": mean, "log_var": log_var}, gradients=("mean", "log_var")),
        Case({"mean": mean[:, :1], "log_var": log_var[:, :1]}, "one dimension"),
        Case({"mean": mean.float(), "log_var": log_var.float()}, "in float32"),
        Case(
            {"mean": torch.tensor([[0.5, -1.0, 2.0]]).repeat(3, 1), "log_var": wide},
            "log_var between -40 and 40, float32",
            extreme=True,
            gradients=("mean", "log_var"),
        ),
    ]


def kl_standard(mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    q = Normal(mean.double(), (log_var.double() / 2).exp())
    return kl_divergence(q, Normal(0.0, 1.0)).sum(-1).to(mean.dtype)


def kl_parts(mean, log_var, half=0.5, one=1.0, power=2):  # type: ignore[no-untyped-def]
    return half * (mean**power + log_var.exp() - one - log_var).sum(-1)


kl_to_standard_normal = Exercise(
    name="divergences.kl_to_standard_normal",
    signature="(mean, log_var)",
    unit="nats",
    oracle=kl_standard,
    cases=one_gaussian,
    misconceptions=(
        Misconception(
            "sign",
            lambda mean, log_var: -kl_standard(mean, log_var),
            "The sign is turned round, so training would push q away from the prior. "
            "1 + log_var - mean² - exp(log_var) needs the factor -1/2.",
        ),
        Misconception(
            "half_forgotten",
            lambda mean, log_var: 2 * kl_standard(mean, log_var),
            "The factor 1/2 in front of all four terms is missing.",
        ),
        Misconception(
            "log_var_read_as_log_std",
            lambda mean, log_var: kl_standard(mean, 2 * log_var),
            "log_var was read as the logarithm of the standard deviation. exp(log_var) is the "
            "variance already.",
        ),
        Misconception(
            "log_var_read_as_variance",
            lambda mean, log_var: kl_standard(mean, log_var.abs().log()),
            "log_var was used as if it were the variance: take its exponential for the variance, "
            "and use it as it is where the formula has a logarithm.",
        ),
        Misconception(
            "minus_one_forgotten",
            lambda mean, log_var: kl_parts(mean, log_var, one=0.0),
            "A constant is missing: for mean 0 and log_var 0, q is the prior and the result is 0.",
        ),
        Misconception(
            "mean_not_squared",
            lambda mean, log_var: kl_parts(mean, log_var, power=1),
            "The mean enters squared: a shift to the left costs as much as one to the right.",
        ),
        Misconception(
            "entropy_only",
            lambda mean, log_var: kl_parts(0 * mean, log_var),
            "The mean has no effect. KL is no entropy: it also charges for the distance of the "
            "mean from the prior's 0.",
        ),
        Misconception(
            "logarithm_of_exponential",
            lambda mean, log_var: (
                0.5 * (mean**2 + log_var.exp() - 1 - (log_var.exp() + 1e-8).log()).sum(-1)
            ),
            "A small constant inside a logarithm, or log(exp(·)), costs the range: log_var is the "
            "logarithm already, at -40 as well.",
        ),
        Misconception(
            "clamped",
            lambda mean, log_var: kl_standard(mean, log_var.clamp(-10, 10)),
            "log_var was clamped. The formula is finite from -40 to 40 as it stands, and a clamp "
            "stops the gradient where it is needed most.",
        ),
        Misconception(
            "mean_over_dimensions",
            lambda mean, log_var: kl_standard(mean, log_var) / mean.shape[-1],
            "The dimensions were averaged. Their divergences add: sum over the last axis.",
        ),
        Misconception(
            "batch_averaged",
            lambda mean, log_var: kl_standard(mean, log_var).mean(),
            "The batch was averaged too. Give one value for each example; the loss averages later.",
        ),
        Misconception(
            "batch_summed",
            lambda mean, log_var: kl_standard(mean, log_var).sum(),
            "The batch was added up too. Give one value for each example.",
        ),
        Misconception(
            "dimensions_not_summed",
            lambda mean, log_var: kl_divergence(
                Normal(mean, (log_var / 2).exp()), Normal(0.0, 1.0)
            ),
            "These are the divergences of the single dimensions; add them over the last axis.",
        ),
    ),
    hints=(
        "p is the standard normal: which of kl_gaussian's terms become 0 or 1?",
        "With p's mean 0 and log-variance 0, the four terms per dimension are mean², exp(log_var), "
        "-1 and -log_var.",
        "Add the four with shape (B, Z), halve, sum over the last axis. Use log_var itself where a "
        "logarithm of the variance is needed, so that nothing is lost at -40.",
    ),
    rtol=1e-5,
)

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


def call_monte_carlo(answer, inputs):  # type: ignore[no-untyped-def]
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


def monte_carlo_facts(inputs, outputs):  # type: ignore[no-untyped-def]
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


def name_estimate(q, p, spread, samples, estimate):  # type: ignore[no-untyped-def]
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


def name_error(spread, samples, error):  # type: ignore[no-untyped-def]
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


def monte_carlo(q, p, samples, generator, reverse=False, biased=False, scale=True):  # type: ignore[no-untyped-def]
    source = p if reverse else q
    noise = torch.randn(samples, *q.mean.shape, generator=generator)
    x = source.mean + source.stddev * noise
    ratio = q.log_prob(x) - p.log_prob(x)
    error = ratio.std(0, correction=0 if biased else 1)
    return ratio.mean(0), error / samples**0.5 if scale else error


def with_global_noise(q, p, samples, generator):  # type: ignore[no-untyped-def]
    x = q.sample((samples,))
    ratio = q.log_prob(x) - p.log_prob(x)
    return ratio.mean(0), ratio.std(0) / samples**0.5


kl_monte_carlo = Exercise(
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

EXERCISES = [
    entropy,
    kl_categorical,
    js_divergence,
    kl_gaussian,
    kl_to_standard_normal,
    kl_monte_carlo,
]
