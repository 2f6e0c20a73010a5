"""Check of `linear_probe`: any linear classifier will do, judged on codes whose answer is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Exercise, Misconception, Plain
from ..random_inputs import normal
from .numbers import as_float


def probe_cases(generator: torch.Generator) -> list[Case]:
    def draw(*shape: int) -> Tensor:
        return normal(generator, *shape)

    def clusters(centers: Tensor, count: int) -> tuple[Tensor, Tensor]:
        labels = torch.arange(count) % len(centers)
        return centers[labels] + 0.12 * draw(count, centers.shape[1]), labels

    def case(about: str, kind: str, train: tuple, test: tuple, extreme: bool = False) -> Case:
        names = ("means", "labels", "test_means", "test_labels")
        codes = dict(zip(names, (*train, *test), strict=True))
        return Case({**codes, "kind": kind}, about, extreme)

    def mislabeled(test: tuple, classes: int) -> tuple:
        """Every fifth test label is wrong, so the right accuracy is 0.8."""
        codes, labels = test
        wrong = torch.arange(len(labels)) // classes % 5 == 0
        return codes, torch.where(wrong, (labels + 1) % classes, labels)

    angles = 2 * math.pi * torch.arange(5) / 5  # a circle has no order
    plane = torch.linalg.qr(draw(4, 4)).Q[:2]
    centers = 2.5 * torch.stack([angles.cos(), angles.sin()], dim=1) @ plane + 0.6
    blobs = clusters(centers, 150), mislabeled(clusters(centers, 50), 5)
    direction = F.normalize(draw(2), dim=0)
    ray = torch.stack([0.5 * direction, 3.0 * direction])  # both on one side of the origin
    crossed = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]])
    bent = [(codes, corner % 2) for codes, corner in (clusters(crossed, n) for n in (80, 40))]
    noise = [(draw(n, 12), torch.arange(n) % 3) for n in (90, 12)]
    dead = [(torch.cat([codes, 0 * codes[:, :2] + 0.25], 1), labels) for codes, labels in blobs]
    return [
        case("five classes on a circle", "accuracy", *blobs),
        case("two classes, far from the origin", "accuracy", clusters(ray, 60), clusters(ray, 40)),
        case("two classes that no line separates", "linear", *bent),
        case("labels that have nothing to do with the codes", "chance", *noise),
        case("two latents have collapsed", "accuracy", *dead, extreme=True),
    ]


def call_probe(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Plain]:
    codes = [value for name, value in inputs.items() if name != "kind"]
    return {"accuracy": as_float(answer(*codes))}


def probe_facts(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Plain]:
    """Where any good linear classifier agrees the accuracy itself, else what must hold of it."""
    accuracy = outputs["accuracy"]
    if inputs["kind"] == "accuracy" or not isinstance(accuracy, float):
        return {"accuracy of a classifier that is fitted to the end": accuracy}
    fraction = {"the accuracy lies between 0 and 1": 0 <= accuracy <= 1}
    if inputs["kind"] == "linear":
        return {**fraction, "no more than what a linear classifier can find": accuracy < 0.85}
    return {**fraction, "labels that mean nothing cannot be guessed": accuracy < 0.92}


def discriminant(means: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """Fisher's linear discriminant: the class whose center is nearest in the pooled metric."""
    classes = range(int(labels.max()) + 1)
    centers = torch.stack([means[labels == k].mean(0) for k in classes])
    within = (means - centers[labels]).T.cov() + 1e-4 * torch.eye(means.shape[1])
    weight = torch.linalg.solve(within, centers.T)
    shares = torch.bincount(labels).float().div(len(labels)).log()
    return lambda codes: codes @ weight + (shares - (centers.T * weight).sum(0) / 2)


def probe_with(
    scores: Callable = discriminant,
    training: Callable = lambda m, y, tm, ty: (m, y),
    testing: Callable = lambda m, y, tm, ty: (tm, ty),
    result: Callable = lambda hits: hits.float().mean().item(),
) -> Callable:
    def answer(*codes: Tensor) -> Any:
        score = scores(*training(*codes))
        test_means, test_labels = testing(*codes)
        return result(score(test_means).argmax(1) == test_labels)

    return answer


def least_squares(means: Tensor, labels: Tensor, bias: bool = True) -> Callable[[Tensor], Tensor]:
    def with_one(codes: Tensor) -> Tensor:
        return F.pad(codes, (0, 1), value=float(bias))

    targets = F.one_hot(labels).float()
    weight = torch.linalg.pinv(with_one(means)) @ targets
    return lambda codes: with_one(codes) @ weight


def nearest_neighbor(means: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda codes: F.one_hot(labels)[torch.cdist(codes, means).argmin(1)]


def label_as_a_number(means: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    weight = torch.linalg.pinv(F.pad(means, (0, 1), value=1.0)) @ labels.float()

    def scores(codes: Tensor) -> Tensor:
        guess = (F.pad(codes, (0, 1), value=1.0) @ weight).round().clamp(0, labels.max())
        return F.one_hot(guess.long(), int(labels.max()) + 1)

    return scores


def standardized(means: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """Right where every latent has some spread; else every score is nan."""
    scores, spread = discriminant(means, labels), means.std(0)
    return lambda codes: scores(codes) + (0 / spread).sum()


def untrained(means: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    weight = torch.linspace(-1, 1, means.shape[1] * 7).reshape(means.shape[1], 7).sin()
    return lambda codes: codes @ weight[:, : int(labels.max()) + 1]


EXERCISE = Exercise(
    name="better_vaes.linear_probe",
    signature="(means, labels, test_means, test_labels)",
    outputs=("accuracy",),
    oracle=probe_with(),
    cases=probe_cases,
    call=call_probe,
    facts=probe_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "training_accuracy",
            probe_with(testing=lambda m, y, tm, ty: (m, y)),
            "This is the accuracy on the codes that the classifier was fitted to. Fit on the first "
            "pair, and count on the second.",
        ),
        Misconception(
            "fitted_on_the_test_codes",
            probe_with(training=lambda m, y, tm, ty: (tm, ty)),
            "The classifier was fitted on the test codes, so it has seen the answers: it even "
            "guesses labels that were drawn at random.",
        ),
        Misconception(
            "fitted_on_everything",
            probe_with(
                least_squares,
                lambda m, y, tm, ty: (torch.cat([m, tm]), torch.cat([y, ty])),
                lambda m, y, tm, ty: (torch.cat([m, tm]), torch.cat([y, ty])),
            ),
            "Training and test codes were mixed. The count must be on codes that the classifier "
            "has never seen.",
        ),
        Misconception(
            "percent",
            probe_with(result=lambda hits: 100 * hits.float().mean().item()),
            "This is a percentage. Give the share, between 0 and 1.",
        ),
        Misconception(
            "error_rate",
            probe_with(result=lambda hits: 1 - hits.float().mean().item()),
            "This is the share of wrong answers. The accuracy is the share of right ones.",
        ),
        Misconception(
            "hits_counted",
            probe_with(result=lambda hits: hits.sum().item()),
            "This is the number of right answers. Divide by how many test codes there are.",
        ),
        Misconception(
            "hits_returned",
            probe_with(result=lambda hits: hits),
            "One answer for each test code came back. Give the share of right ones, one number.",
        ),
        Misconception(
            "no_bias",
            probe_with(lambda m, y: least_squares(m, y, bias=False)),
            "The classifier has no bias, so its borders all pass through the origin. Codes may lie "
            "anywhere: give each class a constant of its own.",
        ),
        Misconception(
            "nearest_neighbor",
            probe_with(nearest_neighbor),
            "This classifier is not linear: it solves a task that no line solves (nearest "
            "neighbors, a hidden layer, or a kernel do that). The probe asks what lies open in the "
            "code, without further computing.",
        ),
        Misconception(
            "label_as_a_number",
            probe_with(label_as_a_number),
            "The label was predicted as a number, as if class 3 lay between 2 and 4. Classes have "
            "no order: give each one a score of its own, and take the largest.",
        ),
        Misconception(
            "divided_by_zero",
            probe_with(standardized),
            "A collapsed latent has no spread at all, and dividing by it gives nan. Leave such "
            "columns as they are, or add a small constant to the spread.",
        ),
        Misconception(
            "untrained",
            probe_with(untrained),
            "The classifier does not know the labels: it gives what random weights give. Was it "
            "fitted, with gradients on, and for long enough?",
        ),
    ),
    hints=(
        "One score for each class: a weighted sum of the latents, and a constant. Which of your "
        "four inputs may the weights see?",
        "nn.Linear and F.cross_entropy, a few hundred steps of Adam on all codes at once; or least "
        "squares to the one-hot labels by torch.linalg.lstsq, with a column of ones.",
        "The answer is the class with the largest score, and the accuracy the mean of "
        "`answer == test_labels`, as a Python float.",
    ),
    rtol=0.0,
    atol=0.03,
)
