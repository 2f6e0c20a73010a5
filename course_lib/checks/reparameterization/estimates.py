"""What the three estimators' checks share: functions as plain data, the call, and mistakes.

An estimator is `(function, mean, std, noise) -> (d/dmean, d/dstd)`. A mistake is made from
per-draw terms, so that each estimator's misconceptions differ in one part alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..declare import Case, Misconception, Plain
from ..observing import Handed
from ..random_inputs import normal, uniform

OUTPUTS = ("d/dmean", "d/dstd")
AGAIN = "in a second call with the same mean and std"


def make_function(kind: str, a: Tensor) -> Callable[[Tensor], Tensor]:
    """The function of that kind with the coefficients a, `(4,)`: `(N,)` to `(N,)`."""
    if kind == "cubic":
        return lambda z: a[0] + a[1] * z + a[2] * z**2 + a[3] * z**3
    if kind == "falling":
        return lambda z: a[0] - a[1] * z - a[3] * z**3
    if kind == "wave":
        return lambda z: a[0] + torch.sin(a[1] * z) * torch.exp(a[2] * z / 2)
    if kind == "step":
        return lambda z: a[0] + (z > a[1]).to(z.dtype)
    if kind == "constant":
        return lambda z: torch.full_like(z, a[0].item())
    assert kind == "outside", kind  # torch cannot look into it

    def outside(z: Tensor) -> Tensor:
        values = z.detach().numpy()
        return torch.as_tensor(abs(values - a[1].item()) + a[0].item(), dtype=z.dtype)

    return outside


def estimator_case(
    generator: torch.Generator, kind: str, draws: int, about: str = "", dtype=torch.float64, **more
) -> Case:
    def number(low: float, high: float) -> Tensor:
        return (low + (high - low) * uniform(generator, 1)[0].double()).to(dtype)

    side = 1 if number(0, 1) < 0.5 else -1
    sizes = [number(low, high) for low, high in ((1.5, 2.5), (0.6, 1.2), (0.4, 0.9), (0.2, 0.5))]
    inputs: dict[str, Plain] = {
        "function": kind,
        "coefficients": torch.stack(sizes),
        "mean": side * number(0.4, 0.9),
        "std": number(1.3, 1.8) if number(0, 1) < 0.5 else number(0.4, 0.7),
        "noise": normal(generator, draws).to(dtype),
    }
    about = about or {"step": "a step function", "outside": "a function that NumPy computes"}.get(
        kind, f"{draws} draws"
    )
    return Case(inputs, about, **more)


def call_estimator(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """Two calls with the same tensors; each output is the list of what the two gave."""
    function = make_function(inputs["function"], inputs["coefficients"])
    noise, pairs = inputs["noise"], []
    for _ in range(2):
        result = answer(function, inputs["mean"], inputs["std"], noise)
        pair = list(result) if is_pair(result) else result
        if not isinstance(pair, list) or len(pair) != 2:
            return Handed(result)
        # a copy: the second call may write into what the first one returned
        pairs.append([as_tensor(value, noise.dtype) for value in pair])
    return {name: [pair[i] for pair in pairs] for i, name in enumerate(OUTPUTS)}


def is_pair(result: Any) -> bool:
    return isinstance(result, tuple | list) or (isinstance(result, Tensor) and result.ndim == 1)


def as_tensor(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return torch.tensor(value, dtype=dtype) if is_number else value


def estimate_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    first = {name: outputs[name][0] for name in OUTPUTS}
    return first | {f"{name} {AGAIN}": outputs[name][1] for name in OUTPUTS}


def draws_of(mean: Tensor, std: Tensor, noise: Tensor) -> Tensor:
    return mean + std * noise


def slopes(function: Callable, z: Tensor) -> Tensor:
    """f'(z) of each draw, by autograd, whatever the caller differentiates."""
    z = z.detach().requires_grad_(True)
    with torch.enable_grad():
        return torch.autograd.grad(function(z).sum(), z)[0]


def pathwise_terms(function, mean, std, noise):
    """Per-draw derivatives by mean and std along the path, `(N,)` each."""
    slope = slopes(function, draws_of(mean, std, noise))
    return slope, slope * noise


def scores(mean, std, noise):
    """d/dmean and d/dstd of log q(z) at the draws, `(N,)` each."""
    return noise / std, (noise**2 - 1) / std


def score_terms(function, mean, std, noise, scores=scores, weight=lambda values: values):
    """Per-draw products of the function's value, perhaps changed, and the two scores."""
    values = weight(function(draws_of(mean, std, noise)))
    return tuple(values * score for score in scores(mean, std, noise))


def averaged(terms: Callable, change: Callable = lambda by_mean, by_std, std: (by_mean, by_std)):
    """The estimator that averages per-draw terms, its two results changed by a mistake."""

    def answer(function, mean, std, noise):
        by_mean, by_std = (term.mean() for term in terms(function, mean, std, noise))
        return change(by_mean, by_std, std)

    return answer


def general_mistakes(terms: Callable) -> tuple[Misconception, ...]:
    """Mistakes that an estimator can have whatever its terms are."""
    return (
        Misconception(
            "sign",
            averaged(terms, lambda by_mean, by_std, std: (-by_mean, -by_std)),
            "Both derivatives have the wrong sign. What is wanted is the derivative itself; to "
            "step against it is the optimizer's business.",
        ),
        Misconception(
            "swapped",
            averaged(terms, lambda by_mean, by_std, std: (by_std, by_mean)),
            "The two results changed places: first the derivative by mean, then the one by std.",
        ),
        Misconception(
            "draws_added",
            lambda *a: tuple(term.sum() for term in terms(*a)),
            "The draws were added up, so the estimate grows with their number. Average them.",
        ),
        Misconception(
            "not_averaged",
            lambda *a: terms(*a),
            "One derivative for each draw came back. The estimate is their average: two scalars.",
        ),
        Misconception(
            "by_log_std",
            averaged(terms, lambda by_mean, by_std, std: (by_mean, by_std * std)),
            "The second result is the derivative by log std. By std itself it is larger by 1/std.",
        ),
        Misconception(
            "by_log_var",
            averaged(terms, lambda by_mean, by_std, std: (by_mean, by_std * std / 2)),
            "The second result is the derivative by log_var. In this exercise the parameter is std "
            "itself.",
        ),
        Misconception(
            "by_variance",
            averaged(terms, lambda by_mean, by_std, std: (by_mean, by_std / (2 * std))),
            "The second result is the derivative by the variance. The parameter is std.",
        ),
        Misconception(
            "fresh_noise",
            lambda function, mean, std, noise: averaged(terms)(
                function, mean, std, torch.randn_like(noise)
            ),
            "Something was drawn inside (randn_like, .sample(), .rsample() and randperm do so). "
            "The draws are those that the given noise makes, and nothing else is random.",
            drawing=True,
        ),
    )
