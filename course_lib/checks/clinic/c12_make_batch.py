"""Check of `c12_make_batch`: are these images, in the range of a cross-entropy's targets?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...data import load_mnist
from ..declare import Case, Exercise, Misconception, Plain
from ..observing import describe_type

DIGITS, OTHERS = "digits of MNIST", "images of something else"
UNIT = "all values from 0 to 1, and both ends reached"


@cache
def digits() -> Tensor:
    """Training digits in [0, 1]."""
    return load_mnist("train", value_range=(0, 1))[0]


@cache
def stamps(split: str) -> Tensor:
    """A number for each image of a split, by which it is known again; in order."""
    return stamp(load_mnist(split, value_range=(0, 1))[0]).unique()


def stamp(images: Tensor) -> Tensor:
    levels = (255 * images).round().long().flatten(1)
    weights = torch.randint(2**40, (784,), generator=torch.Generator().manual_seed(3))
    return levels @ weights


def name_split(images: Tensor) -> str:
    """Where images in [0, 1] come from."""
    for split, name in (("train", "the training set"), ("test", "the test set")):
        if torch.isin(stamp(images), stamps(split)).all():
            return name
    return "neither set of MNIST, as they are"


def draw_batches(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    first = answer(inputs["n"])
    if first is Ellipsis:
        return first
    record: dict[str, Any] = {"form": describe_type(first)}
    if not isinstance(first, Tensor) or first.shape != (inputs["n"], 1, 28, 28):
        return record
    record["dtype"] = str(first.dtype)
    first = first.detach().double()
    record["range"] = name_range(first)
    record["what"] = name_content(first)
    record["from"] = name_split(first)
    record["distinct"] = float(len(first.flatten(1).unique(dim=0))) / inputs["n"] > 0.9
    record["fresh"] = not torch.equal(first, answer(inputs["n"]).detach().double())
    return record


def name_range(images: Tensor) -> str:
    low, high = images.min().item(), images.max().item()
    if low < -1e-6:
        return f"values below 0{', down to -1' if abs(low + 1) < 1e-6 else ''}"
    if high > 200:
        return "values up to 255"
    if high > 1 + 1e-6:
        return "values above 1"
    return UNIT if high > 0.9 and low < 0.1 else "values of a narrower range"


def name_content(images: Tensor) -> str:
    """By the correlation of neighbors, the mean picture, and the overlap with MNIST's."""
    centered = images - images.mean()
    scale = centered.square().mean().clamp(min=1e-12)
    neighbors = (centered[..., 1:] * centered[..., :-1]).mean() / scale
    if neighbors < 0.1:
        return name_noise(images)
    span = (images.amax() - images.amin()).clamp(min=1e-12)
    ours = ((images - images.amin()) / span).mean(0).flatten()
    theirs = digits()[:2000].double().mean(0).flatten()
    alike = torch.corrcoef(torch.stack([ours, theirs]))[0, 1]
    ink = ours.mean() / theirs.mean()
    return DIGITS if alike > 0.8 and 0.6 < ink < 1.6 else OTHERS


def name_noise(images: Tensor) -> str:
    """Neighbors have nothing in common; what the values are tells where they come from."""
    if 0.7 < (images == images.min()).double().mean() < 0.9:
        return "the pixels of digits, in another order"
    if abs(images.mean()) < 0.05 and abs(images.std() - 1) < 0.05:
        return "normal noise, pixel by pixel"
    if abs(images.mean() - 0.5) < 0.02 and abs(images.std() - 12**-0.5) < 0.01:
        return "uniform noise, pixel by pixel"
    return "noise, pixel by pixel"


def batch_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    facts: dict[str, Plain] = {"what comes back": outputs["form"]}
    if "what" not in outputs:
        return facts
    facts["the dtype"] = outputs["dtype"]
    facts["the images"] = outputs["what"]
    facts["the range"] = outputs["range"]
    facts["where they are from"] = outputs["from"]
    facts["the images of a batch are different ones"] = outputs["distinct"]
    facts["a second call gives other images"] = outputs["fresh"]
    return facts


def batch(change: Callable[[Tensor], Tensor] = lambda x: x) -> Callable:
    def make_batch(n):
        return change(digits()[torch.randint(len(digits()), (n,))])

    return make_batch


def test_digits() -> Tensor:
    return load_mnist("test", value_range=(0, 1))[0]


def as_bytes(n: int) -> Tensor:
    return (255 * batch()(n)).to(torch.uint8)


EXERCISE = Exercise(
    name="clinic.c12_make_batch",
    signature="(n)",
    oracle=lambda n: digits()[torch.randperm(len(digits()))[:n]],
    cases=lambda g: [Case({"n": n}, f"n = {n}") for n in (64, 100)],
    call=draw_batches,
    facts=batch_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "normal_noise",
            lambda n: torch.randn(n, 1, 28, 28),
            "This is still the published batch: standard normal noise, half of it below 0, where "
            "a cross-entropy has no minimum. Take images.",
        ),
        Misconception(
            "uniform_noise",
            lambda n: torch.rand(n, 1, 28, 28),
            "The range is right, and these are no images: neighboring pixels have nothing to do "
            "with each other.",
        ),
        Misconception(
            "squashed_noise",
            lambda n: torch.randn(n, 1, 28, 28).clamp(0, 1),
            "The noise was brought into the range. It is still noise: there is nothing to learn.",
            also=(lambda n: torch.randn(n, 1, 28, 28).sigmoid(),),
        ),
        Misconception(
            "pixels_shuffled",
            batch(lambda x: x.flatten(1)[:, torch.randperm(784)].view(-1, 1, 28, 28)),
            "The values are those of images, in another order: neighbors are no neighbors any "
            "more. Was a reshape given the wrong sizes?",
        ),
        Misconception(
            "tanh_range",
            batch(lambda x: 2 * x - 1),
            "The images lie in [-1, 1], the range of a tanh. A cross-entropy's target is a "
            "probability, from 0 to 1.",
        ),
        Misconception(
            "standardized",
            batch(lambda x: (x - 0.1307) / 0.3081),
            "The images were standardized, so they leave [0, 1] on both sides. Targets of a "
            "cross-entropy are probabilities.",
        ),
        Misconception(
            "bytes_as_floats",
            batch(lambda x: 255 * x),
            "The values go up to 255. Divide, or ask load_mnist for the range (0, 1).",
        ),
        Misconception(
            "bytes",
            as_bytes,
            "These are bytes. The loss wants floating-point targets in [0, 1].",
        ),
        Misconception(
            "first_images",
            lambda n: digits()[:n].clone(),
            "Every call gives the same images, the first n. Draw new ones at each call.",
        ),
        Misconception(
            "one_image",
            batch(lambda x: x[:1].expand_as(x).clone()),
            "One image fills the batch. Draw n of them.",
        ),
        Misconception(
            "test_images",
            lambda n: test_digits()[torch.randperm(10_000)[:n]],
            "These are images of the test set. Whoever trains on them has nothing left to test on: "
            "take those of the training set.",
        ),
        Misconception(
            "few_images",
            lambda n: digits()[torch.randint(max(1, n // 8), (n,))],
            "The same few images fill every batch. Draw from the whole set.",
            also=(
                lambda n: digits()[torch.randint(100, (n,))],
                lambda n: digits()[torch.randint(64, (n,))],
            ),
        ),
        Misconception(
            "divided_twice",
            batch(lambda x: x / 255),
            "The values reach no further than 1/255: they were divided once too often. "
            "load_mnist gives [0, 1] already.",
        ),
        Misconception(
            "channel_missing",
            batch(lambda x: x[:, 0]),
            "The channel axis is missing: (n, 1, 28, 28) is wanted.",
        ),
        Misconception(
            "shrunk",
            batch(lambda x: F.max_pool2d(F.pad(x, (2, 2, 2, 2)), 4)),
            "These are the small digits of 8×8. MNIST's own size is wanted, 28×28.",
        ),
        Misconception(
            "another_number",
            lambda n: batch()(64 if n != 64 else 32),
            "The number of images is not n.",
            also=(lambda n: batch()(64), lambda n: batch()(100), lambda n: batch()(128)),
        ),
        Misconception(
            "flat",
            batch(lambda x: x.flatten(1)),
            "The images came as rows of 784 numbers. The shape (n, 1, 28, 28) is wanted.",
        ),
        Misconception(
            "inverted",
            batch(lambda x: 1 - x),
            "Black and white changed places.",
        ),
    ),
    hints=(
        "What does a model learn from targets that have no structure, and what does a "
        "cross-entropy say of a target of -2?",
        "load_mnist takes a value_range. Draw n indices at each call.",
        "torch.randint or torch.randperm gives the indices; indexing the tensor with them keeps "
        "its shape.",
    ),
)
