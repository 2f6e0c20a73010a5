"""Check of `projection_logits`. Oracle: one example, one number at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception
from ..observing import weights_like
from ..random_inputs import normal

GRADIENTS = {
    "features": "the gradient by features",
    "embedding": "the gradient by the embedding's weight",
    "weight": "the gradient by linear's weight",
    "bias": "the gradient by linear's bias",
}


def projection_cases(generator: torch.Generator) -> list[Case]:
    def inputs(labels: list[int], size: int, classes: int, dtype=torch.float64) -> dict:
        def drawn(*shape: int) -> Tensor:
            return normal(generator, *shape, dtype=dtype)

        return {
            "features": drawn(len(labels), size) + 0.3,
            "labels": torch.tensor(labels),
            "rows": 0.8 * drawn(classes, size) - 0.2,
            "weight": drawn(1, size),
            "bias": drawn(1) + 0.7,
        }

    return [
        Case(inputs([2, 0, 1, 2, 3], 3, 4)),
        Case(inputs([4, 1], 6, 5), "two examples of six features"),
        Case(inputs([1], 4, 3), "a batch of one"),
        Case(inputs([0, 2, 2, 1], 5, 3, torch.float32), "in float32"),
    ]


def layers(inputs: Mapping[str, Any]) -> tuple[nn.Embedding, nn.Linear]:
    embedding = nn.Embedding.from_pretrained(inputs["rows"].clone(), freeze=False)
    linear = nn.Linear(inputs["weight"].shape[1], 1).to(inputs["weight"].dtype)
    with torch.no_grad():
        linear.weight.copy_(inputs["weight"])
        linear.bias.copy_(inputs["bias"])
    return embedding, linear


def call_projection(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The logits, and the gradients of a weighted sum of them by all that could learn from it."""
    features = inputs["features"].clone().requires_grad_(True)
    embedding, linear = layers(inputs)
    result = answer(features, inputs["labels"], embedding, linear)
    if result is Ellipsis:
        return Ellipsis
    record: dict[str, Any] = {"logits": result} | dict.fromkeys(GRADIENTS)
    if isinstance(result, Tensor) and result.requires_grad:
        (result * weights_like(result)).sum().backward()
        leaves = (features, embedding.weight, linear.weight, linear.bias)
        record |= dict(zip(GRADIENTS, (leaf.grad for leaf in leaves), strict=True))
    return record


def projection_facts(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    facts = {"logits": outputs["logits"]}
    reach = ("the features", "the embedding", "linear's weight", "linear's bias")
    there = {key: isinstance(outputs[key], Tensor) for key in GRADIENTS}
    for key, what in zip(GRADIENTS, reach, strict=True):
        facts[f"a gradient reaches {what}"] = there[key]
    return facts | {name: outputs[key] for key, name in GRADIENTS.items() if there[key]}


def one_by_one(features: Tensor, labels: Tensor, embedding: nn.Embedding, linear: nn.Linear):
    """A slow double loop over examples and features."""
    logits = []
    for phi, label in zip(features, labels.tolist(), strict=True):
        total = linear.bias[0]
        for k in range(len(phi)):
            total = total + phi[k] * (embedding.weight[label, k] + linear.weight[0, k])
        logits.append(total)
    return torch.stack(logits)


def parts(
    psi: Callable = lambda linear, phi: linear(phi).squeeze(1),
    row: Callable = lambda embedding, labels: embedding(labels),
    inner: Callable = lambda v, phi: (v * phi).sum(1),
    join: Callable = torch.add,
) -> Callable:
    """projection_logits whose parts a mistake can replace."""

    def answer(features, labels, embedding, linear):
        return join(psi(linear, features), inner(row(embedding, labels), features))

    return answer


def class_scores(features, embedding):
    return features @ embedding.weight.T


def auxiliary(features, labels, embedding, linear):
    scores = class_scores(features, embedding).log_softmax(1)
    return linear(features).squeeze(1) + scores.gather(1, labels[:, None]).squeeze(1)


def concatenated(features, labels, embedding, linear):
    return linear(torch.cat([features, embedding(labels)], 1)).squeeze(1)


EXERCISE = Exercise(
    name="conditional.projection_logits",
    signature="(features, labels, embedding, linear)",
    outputs=("logits",),
    oracle=one_by_one,
    cases=projection_cases,
    call=call_projection,
    facts=projection_facts,
    misconceptions=(
        Misconception(
            "one_kept",
            parts(psi=lambda linear, phi: linear(phi)),
            "linear(features) is (B, 1) and the inner products are (B,): added, they broadcast "
            "silently to (B, B). Take the axis of length 1 off first.",
        ),
        Misconception(
            "axis_left",
            parts(
                psi=lambda linear, phi: linear(phi),
                inner=lambda v, phi: (v * phi).sum(1, keepdim=True),
            ),
            "The logits are (B, 1). Beside labels or other logits of shape (B,) that would "
            "broadcast to (B, B): one axis, (B,), is wanted.",
        ),
        Misconception(
            "every_pair",
            parts(inner=lambda v, phi: v @ phi.T),
            "Each row was multiplied with the features of every example, which gives (B, B). Each "
            "example needs the inner product with its own row: multiply, then add over the "
            "features.",
            also=(
                parts(inner=lambda v, phi: phi @ v.T),
                parts(psi=lambda linear, phi: linear(phi), inner=lambda v, phi: phi @ v.T),
                parts(psi=lambda linear, phi: linear(phi), inner=lambda v, phi: v @ phi.T),
            ),
        ),
        Misconception(
            "not_added_up",
            parts(psi=lambda linear, phi: linear(phi), inner=lambda v, phi: v * phi),
            "The products of row and features are not added up yet: one number for each example is "
            "wanted.",
        ),
        Misconception(
            "every_class",
            lambda f, y, e, linear: linear(f) + class_scores(f, e),
            "There is a logit for every class, (B, K). Only that of the label asked for is wanted: "
            "look its row up, embedding(labels).",
            also=(lambda f, y, e, linear: class_scores(f, e),),
        ),
        Misconception(
            "batch_added_up",
            parts(inner=lambda v, phi: (v * phi).sum()),
            "The products were added up over the whole batch, so every example gets the same "
            "number. Add over the features alone, dim=1.",
            also=(lambda f, y, e, linear: linear(f) + (e(y) * f).sum(),),
        ),
        Misconception(
            "every_row_added_up",
            parts(inner=lambda v, phi: (phi @ v.T).sum(1)),
            "Each example's features met the rows of all examples, and those products were added "
            "up. Each meets the row of its own label alone: multiply number by number, then add "
            "over the features.",
            also=(parts(inner=lambda v, phi: (v @ phi.T).sum(1)),),
        ),
        Misconception(
            "added_over_the_batch",
            lambda f, y, e, linear: (e(y) * f).sum(0) + linear(f).squeeze(1),
            "The products were added up over the batch, axis 0, which leaves a number for each "
            "feature. Add over the features, dim=1: a number for each example.",
            error="The size of tensor a (3) must match the size of tensor b (5) at non-singleton "
            "dimension 0",
        ),
        Misconception(
            "row_alone",
            parts(inner=lambda v, phi: v.sum(1)),
            "The numbers of the row were added up without the features: a bias for each class. "
            "Multiply them with the features first.",
        ),
        Misconception(
            "scaled_by_the_root",
            parts(inner=lambda v, phi: (v * phi).sum(1) / phi.shape[1] ** 0.5),
            "The inner product was divided by the root of the number of features, as in attention. "
            "Here it stands as it is.",
        ),
        Misconception(
            "linear_for_each_feature",
            lambda f, y, e, linear: (linear(f) + e(y) * f).sum(1),
            "linear(features) was added to every product before they were added up, so it counts "
            "once for each feature. It comes in once.",
        ),
        Misconception(
            "averaged_over_features",
            parts(inner=lambda v, phi: (v * phi).mean(1)),
            "The products were averaged over the features. An inner product adds them.",
        ),
        Misconception(
            "label_part_missing",
            lambda f, y, e, linear: linear(f).squeeze(1) + 0 * e(y).sum(1),
            "The label has no part in it: this is ψ alone. Add the inner product of the features "
            "with the row of the label.",
            also=(lambda f, y, e, linear: linear(f).squeeze(1),),
        ),
        Misconception(
            "unconditional_part_missing",
            lambda f, y, e, linear: (e(y) * f).sum(1) + 0 * linear(f).squeeze(1),
            "ψ is missing: linear(features), which says how real the image is whatever its label.",
            also=(lambda f, y, e, linear: (e(y) * f).sum(1),),
        ),
        Misconception(
            "row_through_linear",
            lambda f, y, e, linear: linear(f + e(y)).squeeze(1),
            "Row and features were added and then went through `linear`. The label then shifts "
            "every image's logit by the same amount: it is the product with the features that "
            "compares the two.",
        ),
        Misconception(
            "product_through_linear",
            lambda f, y, e, linear: linear(f * e(y)).squeeze(1),
            "`linear` was applied to the product of row and features. It is applied to the "
            "features alone; the product is added up as it is.",
            also=(lambda f, y, e, linear: linear(f * e(y) + f).squeeze(1),),
        ),
        Misconception(
            "linear_of_the_row",
            lambda f, y, e, linear: linear(e(y)).squeeze(1) + (e(y) * f).sum(1),
            "`linear` was given the row of the label. It takes the features: ψ is what does not "
            "know the label.",
        ),
        Misconception(
            "concatenated",
            concatenated,
            "Features and row were joined, and `linear` takes the features alone. This is "
            "concatenation; here the label comes in by an inner product.",
            error="(5x6 and 3x1)",
        ),
        Misconception(
            "matrix_product",
            parts(inner=lambda v, phi: v @ phi),
            "A matrix product of rows and features, both (B, D), does not exist. Each example has "
            "an inner product of its own: multiply number by number, then add over the features.",
            error="(5x3 and 5x3)",
        ),
        Misconception(
            "dot_of_batches",
            parts(inner=lambda v, phi: torch.dot(v, phi)),
            "torch.dot takes two vectors; here are batches of them. Multiply number by number, "
            "then add over the features.",
            error="1D tensors expected",
        ),
        Misconception(
            "whole_table",
            parts(row=lambda e, y: e.weight),
            "The features met the whole table, a row a class. Look up the rows of the labels: one "
            "for each example.",
            error="The size of tensor a (4) must match the size of tensor b (5)",
        ),
        Misconception(
            "subtracted",
            parts(join=torch.sub),
            "The two parts were subtracted: both are added.",
            also=(parts(join=lambda a, b: b - a),),
        ),
        Misconception(
            "multiplied",
            parts(join=torch.mul),
            "The two parts were multiplied: both are added.",
        ),
        Misconception(
            "averaged",
            parts(join=lambda a, b: (a + b) / 2),
            "The two parts were averaged: both are added.",
        ),
        Misconception(
            "probability",
            parts(join=lambda a, b: torch.sigmoid(a + b)),
            "A sigmoid follows. The logits are wanted as they are: the loss has a sigmoid of its "
            "own.",
        ),
        Misconception(
            "cosine",
            parts(inner=lambda v, phi: torch.cosine_similarity(v, phi)),
            "The vectors were brought to length 1 first. The inner product is wanted, with their "
            "lengths.",
        ),
        Misconception(
            "distance",
            parts(inner=lambda v, phi: -(v - phi).square().sum(1)),
            "This is a distance between row and features. The derivation ends with their inner "
            "product.",
        ),
        Misconception(
            "auxiliary_classifier",
            auxiliary,
            "A softmax over the classes was taken: that is log p(y | x) of a classifier. In the "
            "difference of two of them the sums over classes do not depend on y, and ψ has them.",
        ),
        Misconception(
            "bias_forgotten",
            parts(psi=lambda linear, phi: (phi @ linear.weight.T).squeeze(1)),
            "The bias of `linear` is missing: call the layer, do not multiply by its weight.",
        ),
        Misconception(
            "labels_reversed",
            parts(row=lambda e, y: e(y.flip(0))),
            "The rows belong to other examples: row i is that of labels[i].",
        ),
        Misconception(
            "rows_in_order",
            parts(row=lambda e, y: e.weight[torch.arange(len(y)) % len(e.weight)]),
            "The first rows of the table were taken, whatever the labels say. Look up the row of "
            "each label.",
        ),
        Misconception(
            "embedding_detached",
            parts(row=lambda e, y: e.weight.detach()[y]),
            "No gradient reaches the embedding, so its rows never learn: .data, .detach() or "
            "torch.no_grad() on the way.",
            also=(parts(inner=lambda v, phi: (v * phi).sum(1).detach()),),
        ),
        Misconception(
            "features_detached",
            parts(inner=lambda v, phi: (v * phi.detach()).sum(1)),
            "The inner product's gradient does not reach the features: they were detached. Then "
            "the convolutions never learn what the label has to do with the image.",
        ),
    ),
    hints=(
        "Two numbers for each example, added: one knows the label, the other does not.",
        "embedding(labels) is (B, D), the row of each example's label. An inner product multiplies "
        "number by number and adds.",
        "linear(features) has an axis of length 1 behind the batch; .squeeze(1) takes it off.",
    ),
)
