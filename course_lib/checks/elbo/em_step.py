"""Check of `em_step`. Oracle: conditioning, then least squares with added rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..observing import Handed
from .linear_gaussian import conditioned, in_float32, model_inputs


def em_cases(generator: torch.Generator) -> list[Case]:
    def centred(batch: int, dim: int, latents: int, noise: float = 0.6) -> dict[str, Tensor]:
        inputs = model_inputs(generator, batch, dim, latents, noise)
        scale = torch.linspace(0.7, 2.0, dim, dtype=torch.float64)
        return inputs | {"x": (inputs["x"] - inputs["x"].mean(0)) * scale}

    at_optimum = centred(9, 5, 2)
    turn = torch.randn(2, 2, generator=generator, dtype=torch.float64)
    at_optimum |= dict(zip(("weight", "noise_std"), optimum(at_optimum["x"], turn), strict=True))
    return [
        Case(centred(7, 4, 2)),
        Case(centred(8, 5, 3, noise=1.6), "noise_std near 1.6"),
        Case(centred(6, 3, 1), "one latent"),
        Case(at_optimum, "at the maximum, where nothing may move"),
        Case(in_float32(centred(8, 4, 2)), "in float32"),
    ]


def optimum(x: Tensor, turn: Tensor) -> tuple[Tensor, Tensor]:
    """The maximum of the likelihood, by eigenvectors, turned by the rotation in `turn`."""
    latents = len(turn)
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))
    variance = values[:-latents].mean()
    weight = vectors[:, -latents:] * (values[-latents:] - variance).sqrt()
    return weight @ torch.linalg.qr(turn).Q, variance.sqrt()


def em(x: Tensor, weight: Tensor, noise_std: Tensor) -> tuple[Tensor, Tensor]:
    """One EM update. Σ E|x - W z|² is a sum of squares over two sets of rows: the posterior means,
    which should give x, and the posterior's spread, which should give 0."""
    x64, count = x.double(), len(x)
    mean, covariance = conditioned(x64, weight.double(), noise_std.double())
    spread = torch.linalg.cholesky(covariance).T * count**0.5
    rows = torch.cat([mean, spread])
    targets = torch.cat([x64, torch.zeros(len(spread), x.shape[1], dtype=torch.float64)])
    found = torch.linalg.lstsq(rows, targets).solution
    variance = (targets - rows @ found).square().sum() / (count * x.shape[1])
    return found.T.to(x.dtype), variance.sqrt().to(x.dtype)


def as_written(
    spread_in_weight=1.0,
    spread_in_noise=1.0,
    spread_count=None,
    spread_count_in_noise=None,
    scale=lambda x: 1.0,
    count=lambda x: x.numel(),
    posterior=conditioned,
    weight_of_noise="new",
):
    """The update with its parts exposed, so that a mistake can change one."""

    def answer(x, weight, noise_std):
        mean, covariance = posterior(x, weight, noise_std)
        times = len(x) if spread_count is None else spread_count
        second = mean.T @ mean + spread_in_weight * times * covariance
        new = scale(x) * torch.linalg.solve(second, mean.T @ x).T
        used = new if weight_of_noise == "new" else weight
        if weight_of_noise == "again":
            mean, covariance = posterior(x, new, noise_std)
            used = new
        error = (x - mean @ used.T).square().sum()
        times = spread_count_in_noise or times
        error = error + spread_in_noise * times * (used @ covariance * used).sum()
        return new, (error / count(x)).sqrt()

    return answer


def without_prior(x, weight, noise_std):
    inverse = torch.linalg.inv(weight.T @ weight)
    return x @ weight @ inverse, 0 * inverse


def tilt_dropped(x, weight, noise_std):
    mean, covariance = conditioned(x, weight, noise_std)
    return mean, torch.diag(covariance.diagonal())


def noise_read_as_variance(x, weight, noise_std):
    return conditioned(x, weight, noise_std.sqrt())


def at_once(x, weight, noise_std):
    """The closed-form maximum, in its own rotation."""
    return optimum(x, torch.eye(weight.shape[1], dtype=x.dtype))


def with_second_moment(added):
    """The update whose second moments are mean meanᵀ plus `added(covariance, count)`."""

    def answer(x, weight, noise_std):
        mean, covariance = conditioned(x, weight, noise_std)
        second = mean.T @ mean + added(covariance, len(x), x.shape[1])
        new = torch.linalg.solve(second, mean.T @ x).T
        error = (x - mean @ new.T).square().sum() + len(x) * (new @ covariance * new).sum()
        return new, (error / x.numel()).sqrt()

    return answer


def eye_like(covariance):
    return torch.eye(len(covariance), dtype=covariance.dtype)


def with_total(total):
    """The right weight, and noise_std from `total(errors, new weight, covariance)` over N · D."""

    def answer(x, weight, noise_std):
        mean, covariance = conditioned(x, weight, noise_std)
        new = em(x, weight, noise_std)[0]
        return new, (total(x - mean @ new.T, new, covariance) / x.numel()).sqrt()

    return answer


def trace_of(new, covariance):
    return (new @ covariance * new).sum()


def spread_as(trace):
    """The noise with N times `trace(new weight, covariance)` for the latents' spread."""
    return with_total(
        lambda errors, new, covariance: errors.square().sum() + len(errors) * trace(new, covariance)
    )


def errors_as(size):
    return with_total(
        lambda errors, new, covariance: size(errors) + len(errors) * trace_of(new, covariance)
    )


def divided_by(count):
    """The right weight, and a noise whose total is divided by `count(N, D, Z)`."""

    def answer(x, weight, noise_std):
        new, noise = em(x, weight, noise_std)
        return new, noise * (x.numel() / count(*x.shape, weight.shape[1])) ** 0.5

    return answer


def noise_per_dimension(x, weight, noise_std):
    mean, covariance = conditioned(x, weight, noise_std)
    new = em(x, weight, noise_std)[0]
    spread = (new @ covariance * new).sum(1)
    return new, ((x - mean @ new.T).square().mean(0) + spread).sqrt()


def noise_of_means(x, weight, noise_std):
    """The spread of the means' errors, one for each dimension."""
    mean, _ = conditioned(x, weight, noise_std)
    return (x - mean @ em(x, weight, noise_std)[0].T).square().mean(0).sqrt()


def precision_as_covariance(x, weight, noise_std):
    mean, covariance = conditioned(x, weight, noise_std)
    return mean, torch.linalg.inv(covariance)


def once_in_weight(x, weight, noise_std):
    return as_written(spread_count=1, spread_count_in_noise=len(x))(x, weight, noise_std)


def call_em(answer, inputs: Mapping[str, Any]) -> Any:
    """As any formula; a noise_std that comes as a Python number is as good as a scalar tensor."""
    result = answer(*inputs.values())
    if isinstance(result, tuple | list) and len(result) == 2 and isinstance(result[1], float):
        return result[0], torch.tensor(result[1], dtype=inputs["x"].dtype)
    return Handed(result)


EXERCISE = Exercise(
    name="elbo.em_step",
    signature="(x, weight, noise_std)",
    outputs=("weight", "noise_std"),
    oracle=em,
    cases=em_cases,
    call=call_em,
    misconceptions=(
        Misconception(
            "variance_returned",
            lambda *a: ((r := em(*a))[0], r[1] ** 2),
            "The second result is the noise variance. noise_std is its square root.",
        ),
        Misconception(
            "noise_read_as_variance",
            as_written(posterior=noise_read_as_variance),
            "In the E-step noise_std was used where its square belongs.",
        ),
        Misconception(
            "spread_forgotten",
            as_written(spread_in_weight=0.0, spread_in_noise=0.0),
            "The posterior's means were taken for the latents themselves. E[z zᵀ] is mean meanᵀ "
            "plus the covariance; without it the likelihood may fall, and the noise comes out "
            "too small.",
        ),
        Misconception(
            "spread_forgotten_in_weight",
            as_written(spread_in_weight=0.0),
            "The posterior's covariance is missing from the weight's update: the sum over examples "
            "of E[z zᵀ] is Σ mean meanᵀ plus N times the covariance.",
        ),
        Misconception(
            "spread_forgotten_in_noise",
            as_written(spread_in_noise=0.0),
            "The noise counts the errors of the posterior's means alone. The expected error also "
            "has the latents' spread, seen through the new weight.",
        ),
        Misconception(
            "spread_counted_once",
            as_written(spread_count=1),
            "The posterior's covariance was added once. Every one of the N examples brings it.",
        ),
        Misconception(
            "spread_counted_once_in_noise",
            as_written(spread_count_in_noise=1),
            "The noise has the trace of the latents' spread once, beside the errors of all "
            "examples. Each of the N examples brings that trace.",
        ),
        Misconception(
            "spread_counted_once_in_weight",
            once_in_weight,
            "In the weight's update the covariance was added once, to a sum over N examples: it "
            "belongs there N times.",
        ),
        Misconception(
            "sum_and_average_mixed",
            as_written(scale=len),
            "The weight is N times too large: xᵀ mean is a sum over the N examples, and the second "
            "moments are an average. Take both as sums, or both as averages.",
            also=(as_written(scale=len, spread_count_in_noise=1),),
        ),
        Misconception(
            "average_and_sum_mixed",
            as_written(scale=lambda x: 1 / len(x)),
            "The weight is too small by the factor N: xᵀ mean was divided by the N examples, and "
            "the second moments were not.",
        ),
        Misconception(
            "covariance_subtracted",
            with_second_moment(lambda c, n, d: -n * c),
            "The covariance was subtracted from the second moments. E[z zᵀ] is larger than mean "
            "meanᵀ.",
        ),
        Misconception(
            "dimensions_for_examples",
            with_second_moment(lambda c, n, d: d * c),
            "The posterior's covariance was counted D times. Each of the N examples brings it.",
            also=(
                with_total(
                    lambda errors, new, covariance: (
                        errors.square().sum() + errors.shape[1] * trace_of(new, covariance)
                    )
                ),
            ),
        ),
        Misconception(
            "identity_for_the_covariance",
            with_second_moment(lambda c, n, d: n * eye_like(c)),
            "The identity stands where the posterior's covariance belongs. That is the prior's; "
            "once x is known the latents vary less.",
            also=(
                with_second_moment(lambda c, n, d: n * (c + eye_like(c))),
                with_second_moment(lambda c, n, d: eye_like(c)),
            ),
        ),
        Misconception(
            "precision_for_the_covariance",
            as_written(posterior=precision_as_covariance),
            "The posterior's precision stands where its covariance belongs.",
            also=(
                with_second_moment(lambda c, n, d: n * torch.linalg.inv(c)),
                spread_as(lambda new, c: trace_of(new, torch.linalg.inv(c))),
            ),
        ),
        Misconception(
            "spread_not_through_the_weight",
            spread_as(lambda new, c: c.trace()),
            "In the noise the latents' spread was added as it is. It moves x through the new "
            "weight.",
        ),
        Misconception(
            "product_of_traces",
            spread_as(lambda new, c: c.trace() * new.square().sum()),
            "The trace of the covariance was multiplied by the sum of all squared weights. The "
            "trace is one of a product: new weight, covariance, new weight transposed.",
        ),
        Misconception(
            "sum_of_all_entries",
            spread_as(lambda new, c: (new @ c @ new.T).sum()),
            "All entries of the (D, D) matrix were added. Its trace is the sum of the diagonal "
            "alone.",
        ),
        Misconception(
            "spread_subtracted",
            spread_as(lambda new, c: -trace_of(new, c)),
            "The latents' spread was subtracted from the error. Not knowing z makes the expected "
            "error larger.",
        ),
        Misconception(
            "errors_not_squared",
            errors_as(lambda errors: errors.abs().sum()),
            "The errors of the means were not squared, or a root was taken of their sum too early. "
            "Squares are added; the root comes last.",
            also=(errors_as(lambda errors: errors.norm()),),
        ),
        Misconception(
            "errors_averaged_too_early",
            errors_as(lambda errors: errors.square().mean()),
            "The squared errors were averaged first, and the latents' spread, a sum over N "
            "examples, was added to that. Add both as sums, and divide once.",
            also=(
                with_total(
                    lambda errors, new, covariance: (
                        errors.numel() * errors.square().mean()
                        + errors.numel() * len(errors) * trace_of(new, covariance)
                    )
                ),
            ),
        ),
        Misconception(
            "divided_by_latents",
            divided_by(lambda n, d, z: n * z),
            "The total error was divided by N · Z. It is an error of x, which has D dimensions.",
            also=(divided_by(lambda n, d, z: n * (d - z)),),
        ),
        Misconception(
            "noise_per_dimension",
            noise_per_dimension,
            "One noise for each dimension came back. The model has a single noise_std for all of "
            "them: average over the dimensions too.",
            also=(lambda *a: (em(*a)[0], noise_of_means(*a)),),
        ),
        Misconception(
            "old_weight_in_noise",
            as_written(weight_of_noise="old"),
            "The noise was computed with the old weight. Both come out of one maximization, so the "
            "errors are those of the new weight.",
        ),
        Misconception(
            "two_e_steps",
            as_written(weight_of_noise="again"),
            "Between weight and noise the posterior was computed anew. One update has one E-step, "
            "at the old parameters, and serves both.",
        ),
        Misconception(
            "prior_forgotten",
            as_written(posterior=without_prior),
            "The latents were fitted by least squares, without prior and spread. The E-step takes "
            "the posterior of the model as it is.",
        ),
        Misconception(
            "tilt_dropped",
            as_written(posterior=tilt_dropped),
            "Only the variances of the posterior were used. The exact E-step takes its whole "
            "covariance.",
        ),
        Misconception(
            "divided_by_examples",
            as_written(count=len),
            "The total error was divided by the number of examples. noise_std is the noise of one "
            "dimension: divide by N · D.",
        ),
        Misconception(
            "divided_by_dimensions",
            as_written(count=lambda x: x.shape[1]),
            "The total error was divided by D alone: it is a sum over the N examples too.",
        ),
        Misconception(
            "one_example_less",
            as_written(count=lambda x: (len(x) - 1) * x.shape[1]),
            "The errors were averaged with N - 1. Maximum likelihood divides by N.",
        ),
        Misconception(
            "noise_not_updated",
            lambda x, weight, noise_std: (em(x, weight, noise_std)[0], noise_std),
            "noise_std came back as it was. The M-step moves both.",
        ),
        Misconception(
            "weight_not_updated",
            lambda x, weight, noise_std: (weight, em(x, weight, noise_std)[1]),
            "The weight came back as it was. The M-step moves both.",
        ),
        Misconception(
            "maximum_at_once",
            at_once,
            "This is the closed-form maximum. One EM update from the given parameters is wanted: "
            "the maximum is where many of them lead.",
        ),
        Misconception(
            "transposed",
            lambda *a: ((r := em(*a))[0].T, r[1]),
            "The weight is transposed: (D, Z), one column a latent.",
        ),
        Misconception(
            "results_swapped",
            lambda *a: em(*a)[::-1],
            "The two results changed places: the weight comes first, then noise_std.",
        ),
    ),
    hints=(
        "E-step: the posterior at the given parameters. M-step: a least-squares problem in which "
        "products of latents are replaced by their expectations.",
        "With mean (N, Z) and covariance (Z, Z) from your posterior: E[z zᵀ], summed over the "
        "examples, is meanᵀ mean + N · covariance; the new weight is xᵀ mean times its inverse.",
        "noise_std² is the expected squared error per number: |x - new mean|² over all examples "
        "plus N times the trace of newᵀ new covariance, divided by N · D.",
    ),
)
