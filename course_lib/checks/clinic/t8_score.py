"""Check of `t8_score`: which sets of samples it ranks first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...data import load_mnist
from ...metrics import fid
from ..declare import Case, Exercise, Misconception, Plain
from ..observing import describe_type
from ..random_inputs import normal, uniform
from ..steps import read_loss

FORM = "one number"
BEST = "samples of PPCA"


@cache
def small_digits(split: str = "train", count: int = 6000) -> Tensor:
    """The first digits as `(N, 1, 8, 8)` in [0, 1]: the brightest pixel of each 4×4."""
    images = load_mnist(split, value_range=(0, 1))[0][:count]
    return F.max_pool2d(F.pad(images, (2, 2, 2, 2)), 4)


def ppca(images: Tensor, count: int, g: torch.Generator, latents: int = 20) -> Tensor:
    """Samples of a probabilistic PCA fitted to the images by its closed form."""
    flat = images.flatten(1).double()
    mean = flat.mean(0)
    values, vectors = torch.linalg.eigh((flat - mean).T @ (flat - mean) / len(flat))
    noise = values[:-latents].mean()
    weight = vectors[:, -latents:] * (values[-latents:] - noise).sqrt()
    z, rest = normal(g, count, latents).double(), normal(g, count, flat.shape[1]).double()
    return (mean + z @ weight.T + noise.sqrt() * rest).float().view(-1, 1, 8, 8)


def sample_cases(g: torch.Generator) -> list[Case]:
    digits = small_digits()

    def case(count: int) -> Case:
        one = digits[int(torch.randint(4000, (), generator=g))]
        sets = {
            BEST: ppca(digits, count, g),
            "one digit, repeated": one.expand(count, 1, 8, 8).clone(),
            "the mean image, repeated": digits.mean(0).expand(count, 1, 8, 8).clone(),
            "uniform noise": uniform(g, count, 1, 8, 8),
            "black images": torch.zeros(count, 1, 8, 8),
            "digits with their pixels shuffled": shuffled(digits[:count], g),
        }
        return Case({"names": list(sets), "sets": list(sets.values())}, f"{count} samples in a set")

    return [case(500), case(400)]


def shuffled(images: Tensor, g: torch.Generator) -> Tensor:
    """One order for all, at the contrast of the data: no picture is left, and one spread stays."""
    order = torch.randperm(images[0].numel(), generator=g)
    mixed, whole = images.flatten(1)[:, order].view_as(images), small_digits()
    return whole.mean() + whole.std() * (mixed - mixed.mean()) / mixed.std()


def rank(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    scores = []
    for samples in inputs["sets"]:
        score = answer(samples)
        if score is Ellipsis:
            return score
        form, value = read_loss(score, torch.float64)
        if form != FORM:
            return {"form": form if value is None else describe_type(score)}
        scores.append(value.item())
    return {"form": FORM, "scores": scores}


def rank_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    facts: dict[str, Plain] = {"what comes back": outputs["form"]}
    if outputs["form"] != FORM:
        return facts
    first, *scores = outputs["scores"]
    for name, score in zip(inputs["names"][1:], scores, strict=True):
        facts[f"{BEST}, compared with {name}"] = compared(first, score)
    return facts


def compared(score: float, other: float) -> str:
    if abs(score - other) <= 1e-9 * abs(other):
        return "the same score"
    return "a lower score" if score < other else "a higher score"


def nearest(samples: Tensor) -> Tensor:
    """From each sample to its nearest training image."""
    return torch.cdist(samples.flatten(1), small_digits()[:4000].flatten(1)).min(1).values.mean()


def covered(samples: Tensor) -> Tensor:
    """From each training image to its nearest sample."""
    return torch.cdist(small_digits()[:2000].flatten(1), samples.flatten(1)).min(1).values.mean()


def pixel_frechet(samples: Tensor) -> float:
    return fid(samples.flatten(1).double(), small_digits().flatten(1).double())


def mean_gap(samples: Tensor) -> Tensor:
    return (samples.mean(0) - small_digits().mean(0)).square().sum()


def variance(images: Tensor) -> Tensor:
    return images.var(0).sum()


def sharpness(samples: Tensor) -> Tensor:
    return -(samples - 0.5).abs().mean()


EXERCISE = Exercise(
    name="clinic.t8_score",
    signature="(samples)",
    oracle=pixel_frechet,
    cases=sample_cases,
    call=rank,
    facts=rank_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "nearest_neighbor",
            nearest,
            "Each sample is judged by itself, against its nearest image, as before, or against "
            "one that it is paired with. So one good picture, repeated, cannot be beaten: nothing "
            "asks whether the set is as varied as the data.",
            also=(
                lambda s: (
                    torch.cdist(s.flatten(1), small_digits()[:4000].flatten(1))
                    .square()
                    .min(1)
                    .values.mean()
                ),
            ),
        ),
        Misconception(
            "variety_alone",
            lambda s: -variance(s),
            "Variety alone was counted, and more of it is better without end: noise comes first.",
            also=(lambda s: -torch.pdist(s[:200].flatten(1)).mean(),),
        ),
        Misconception(
            "means_alone",
            mean_gap,
            "The mean images were compared, and nothing else: a set that repeats the mean image "
            "has a perfect score. Compare how the pixels vary together as well.",
            also=(lambda s: mean_gap(s).sqrt(), lambda s: mean_gap(s) / 64),
        ),
        Misconception(
            "spread_alone",
            lambda s: (s.std() - small_digits().std()).abs(),
            "One spread is compared, over all pixels at once: digits whose pixels were shuffled "
            "have the same. Compare each pixel, and how pixels vary together.",
        ),
        Misconception(
            "variety_punished",
            lambda s: s.std(0).mean(),
            "The more alike the samples, the better the score: it has the sign of variety wrong, "
            "and does not look at the data.",
            also=(lambda s: s.var(0).sum(), lambda s: torch.pdist(s[:200].flatten(1)).mean()),
        ),
        Misconception(
            "not_reduced",
            lambda s: torch.cdist(s.flatten(1), small_digits()[:2000].flatten(1)).min(1).values,
            "There is one value for each sample, each judged by itself. A score of the set is one "
            "number.",
        ),
        Misconception(
            "higher_is_better",
            lambda s: -pixel_frechet(s),
            "The order is the wrong way round: lower is better here.",
            also=(lambda s: -covered(s) + 0 * nearest(s),),
        ),
        Misconception(
            "sharpness",
            sharpness,
            "Contrast was measured: it is not even compared with the data, and one good picture "
            "has as much of it as a thousand.",
        ),
        Misconception(
            "constant",
            lambda s: 0.0,
            "All sets have the same score.",
        ),
    ),
    hints=(
        "What would a generator have to do to win by this number alone?",
        "Compare two sets, not a sample with its nearest image: their means and covariances, for "
        "instance.",
        "course_lib.metrics has functions of two sets of vectors, of which the pixels are one "
        "kind.",
    ),
)
