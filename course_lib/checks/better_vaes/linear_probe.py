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

    def case(
        about: str, kind: str | float, train: tuple, test: tuple, extreme: bool = False
    ) -> Case:
        names = ("means", "labels", "test_means", "test_labels")
        codes = dict(zip(names, (*train, *test), strict=True))
        return Case({**codes, "kind": kind}, about, extreme)

    def mislabeled(test: tuple, classes: int, right: int) -> tuple:
        """`right` of ten test labels are right, the others a neighbor's."""
        codes, labels = test
        wrong = torch.arange(len(labels)) // classes % 10 >= right
        return codes, torch.where(wrong, (labels + 1) % classes, labels)

    def one_rare(count: int) -> tuple[Tensor, Tensor]:
        """One code in ten is of class 1."""
        labels = (torch.arange(count) % 10 == 9).long()
        return ray[1 - labels] + 0.12 * draw(count, 2), labels

    angles = 2 * math.pi * torch.arange(5) / 5  # a circle has no order
    plane = torch.linalg.qr(draw(4, 4)).Q[:2]
    centers = 2.5 * torch.stack([angles.cos(), angles.sin()], dim=1) @ plane + 1.25
    blobs = clusters(centers, 150), mislabeled(clusters(centers, 50), 5, right=7)
    direction = F.normalize(draw(2), dim=0)
    ray = torch.stack([0.5 * direction, 3.0 * direction])  # both on one side of the origin
    crossed = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]])
    bent = [(codes, corner % 2) for codes, corner in (clusters(crossed, n) for n in (80, 40))]
    turned = mislabeled(clusters(centers, 450), 5, right=2)
    few = ray[0] + 0.12 * draw(10, 2), one_rare(10)[1]
    alone = tuple(part[2::5] for part in clusters(centers, 150))  # all of class 2
    dead = [(F.pad(codes, (0, 2), value=0.25), labels) for codes, labels in (blobs[0], alone)]
    return [
        case("five classes on a circle", 0.7, *blobs),
        case("two classes, far from the origin", 1.0, clusters(ray, 60), clusters(ray, 40)),
        case("two classes that no line separates", "linear", *bent),
        case("four of five test labels name a neighbor's class", "turned", blobs[0], turned),
        case(
            "codes of the rare class, most of them labeled as common", "turned", one_rare(200), few
        ),
        case("two latents have collapsed, test codes of one class", "alone", *dead, extreme=True),
    ]


def call_probe(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Plain]:
    codes = [value for name, value in inputs.items() if name != "kind"]
    return {"accuracy": as_float(answer(*codes))}


def probe_facts(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Plain]:
    """Where any good linear classifier agrees the accuracy itself, else what must hold of it."""
    accuracy, kind = outputs["accuracy"], inputs["kind"]
    if isinstance(kind, float) or not isinstance(accuracy, float):
        return {
            "accuracy of a classifier that is fitted to the end": name_accuracy(accuracy, inputs)
        }
    if kind == "turned":
        return {"where they contradict each other, the labels that count": name_turned(accuracy)}
    if kind == "alone":
        return {"codes far from those of all other classes": name_alone(accuracy)}
    return {
        "the accuracy lies between 0 and 1": 0 <= accuracy <= 1,
        "no more than what a linear classifier can find": accuracy < 0.85,
    }


def name_accuracy(accuracy: Plain, inputs: Mapping[str, Any]) -> Plain:
    """A share that comes of no known way to count is one of a classifier that is none."""
    right = inputs["kind"]
    if not isinstance(right, float) or not isinstance(accuracy, float) or not 0 <= accuracy <= 1:
        return accuracy
    train, test = (len(inputs[name]) for name in ("labels", "test_labels"))
    known = (right, 1 - right, 1.0, (train + right * test) / (train + test))
    if min(abs(accuracy - value) for value in known) < 0.02:
        return accuracy
    return "less, as if the classes were hardly told apart"


def name_turned(accuracy: float) -> str:
    """One test label in five agrees with the training labels, the other four with one another."""
    return "those of the test codes" if accuracy > 0.5 else "those of the training codes"


def name_alone(accuracy: float) -> str:
    """nan scores name the first class, which is none of these codes."""
    return "right" if accuracy > 0.97 else "all wrong" if accuracy == 0 else "partly wrong"


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


def descent(means: Tensor, labels: Tensor, look: Callable = lambda score: None) -> Callable:
    """Logistic regression, with a look at the classifier after every step."""
    weight = means.new_zeros(means.shape[1] + 1, int(labels.max()) + 1).requires_grad_()

    def score(codes: Tensor) -> Tensor:
        return codes @ weight.detach()[1:] + weight.detach()[0]

    optimizer = torch.optim.Adam([weight], lr=0.05)
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(means @ weight[1:] + weight[0], labels).backward()
        optimizer.step()
        look(score)
    return score


def best_on_the_test_set(
    means: Tensor, labels: Tensor, test_means: Tensor, test_labels: Tensor
) -> float:
    seen = []

    def look(score: Callable) -> None:
        seen.append((score(test_means).argmax(1) == test_labels).float().mean().item())

    descent(means, labels, look)
    return max(seen)


def by_itself(codes: Tensor) -> Tensor:
    return (codes - codes.mean(0)) / (codes.std(0) + 1e-6)


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
            "test_codes_learned_too",
            probe_with(
                least_squares, lambda m, y, tm, ty: (torch.cat([m, tm]), torch.cat([y, ty]))
            ),
            also=(
                probe_with(descent, lambda m, y, tm, ty: (torch.cat([m, tm]), torch.cat([y, ty]))),
            ),
            sentence="The classifier was fitted to the training and the test codes together, and "
            "then counted on codes that it had learned. Fit it to the first pair alone.",
        ),
        Misconception(
            "training_accuracy",
            probe_with(testing=lambda m, y, tm, ty: (m, y)),
            "This is the accuracy on the codes that the classifier was fitted to. Fit on the first "
            "pair, and count on the second.",
        ),
        Misconception(
            "fitted_on_the_test_codes",
            probe_with(training=lambda m, y, tm, ty: (tm, ty)),
            "The classifier was fitted on the test codes, so it has seen the answers, and the "
            "training codes played no part.",
            also=(probe_with(descent, lambda m, y, tm, ty: (tm, ty)),),
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
            "best_on_the_test_set",
            best_on_the_test_set,
            "The accuracy is that of the best moment of the training, chosen by the test labels. "
            "Fit to the end, and look at the test labels once.",
        ),
        Misconception(
            "test_codes_standardized_by_themselves",
            probe_with(
                training=lambda m, y, tm, ty: (by_itself(m), y),
                testing=lambda m, y, tm, ty: (by_itself(tm), ty),
            ),
            "The test codes were shifted or scaled by their own mean and spread, so a code's class "
            "depends on which others are tested with it. Take both numbers from the training "
            "codes, and use them for the test codes as well.",
            also=(
                probe_with(
                    training=lambda m, y, tm, ty: (m - m.mean(0), y),
                    testing=lambda m, y, tm, ty: (tm - tm.mean(0), ty),
                ),
            ),
        ),
        Misconception(
            "no_bias",
            probe_with(lambda m, y: least_squares(m, y, bias=False)),
            "The classifier has no bias, so its borders all pass through the origin. Codes may lie "
            "anywhere: give each class a constant of its own.",
        ),
        Misconception(
            "untrained",
            probe_with(untrained),
            "Classes that lie far apart are not told apart. Either the classifier was not fitted "
            "to the end (zero_grad, gradients on, a step, and enough of them?), or the test codes "
            "were not treated as the training codes were.",
            also=(probe_with(training=lambda m, y, tm, ty: (m, y.roll(len(y) // 2 + 1))),),
        ),
        Misconception(
            "pairs_swapped",
            probe_with(discriminant, lambda m, y, tm, ty: (tm, ty), lambda m, y, tm, ty: (m, y)),
            "The two pairs changed places: the classifier was fitted to the test codes and counted "
            "on the training codes.",
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
            "classes_returned",
            lambda m, y, tm, ty: discriminant(m, y)(tm).argmax(1),
            "These are the classes that were guessed for the test codes. How many of them are "
            "right, as a share?",
        ),
        Misconception(
            "largest_over_the_codes",
            lambda m, y, tm, ty: (discriminant(m, y)(tm).argmax(0) == ty).float().mean().item(),
            "argmax went over the wrong axis: it gives one code for each class. The largest score "
            "is sought among the classes, the last axis, for each code.",
            error="must match the size of tensor",
        ),
        Misconception(
            "too_few_classes",
            lambda m, y, tm, ty: F.cross_entropy(m, y).item(),
            "There are fewer scores than classes. Their number is the largest label plus one, and "
            "has nothing to do with the number of latents.",
            error="is out of bounds",
        ),
        Misconception(
            "nearest_neighbor",
            probe_with(nearest_neighbor),
            "This classifier is not linear: it solves a task that no line solves (nearest "
            "neighbors, a hidden layer, or a kernel do that). The probe asks what lies open in the "
            "code, without further computing.",
        ),
        Misconception(
            "divided_by_zero",
            probe_with(standardized),
            "A collapsed latent has no spread at all, and dividing by it gives nan. Leave such "
            "columns as they are, or add a small constant to the spread.",
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
