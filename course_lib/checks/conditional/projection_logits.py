"""Check of `projection_logits`. Oracle: one example, one number at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
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
    size, dtype = inputs["weight"].shape[1], inputs["weight"].dtype
    linear = nn.utils.skip_init(nn.Linear, size, 1, dtype=dtype)  # draws nothing
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


def whatever_the_label(reduce: Callable) -> Callable:
    """The scores of all classes made one number."""
    return lambda f, y, e, linear: (
        reduce(class_scores(f, e)) + linear(f).squeeze(1) + 0 * e(y).sum(1)
    )


def by_one_hot(features, labels, embedding, linear):
    rows = F.one_hot(labels, embedding.num_embeddings) @ embedding.weight
    return linear(features).squeeze(1) + (rows * features).sum(1)


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
            "The products were added up over the batch, axis 0, as a product with a transposed "
            "matrix does, too. Add over the features, dim=1: a number for each example.",
            error="The size of tensor a (3) must match the size of tensor b (5) at non-singleton "
            "dimension 0",
            also=(lambda f, y, e, linear: e(y).T @ f + linear(f),),
        ),
        Misconception(
            "row_alone",
            parts(inner=lambda v, phi: v.sum(1)),
            "The numbers of the row were added up, or averaged, without the features: a bias for "
            "each class. Multiply them with the features first.",
            also=(parts(inner=lambda v, phi: v.mean(1)),),
        ),
        Misconception(
            "label_as_a_number",
            lambda f, y, e, linear: (
                linear(f).squeeze(1) + (y[:, None] * f).sum(1) + 0 * e(y).sum(1)
            ),
            "The features were multiplied by the label itself, as if a 4 were twice a 2. Each "
            "label has a row in the table: embedding(labels).",
            also=(lambda f, y, e, linear: linear(f).squeeze(1) + (y[:, None] * f).sum(1),),
        ),
        Misconception(
            "products_multiplied",
            parts(inner=lambda v, phi: (v * phi).prod(1)),
            "The products of row and features were multiplied with each other. An inner product "
            "adds them.",
        ),
        Misconception(
            "whatever_the_label",
            whatever_the_label(lambda scores: scores.amax(1)),
            "The scores of all classes went into each logit: the largest of them, their sum, or "
            "log-sum-exp. The label that was asked for decides which one counts.",
            also=(
                whatever_the_label(lambda scores: scores.sum(1)),
                whatever_the_label(lambda scores: scores.mean(1)),
                whatever_the_label(lambda scores: scores.logsumexp(1)),
                *(
                    lambda f, y, e, linear, reduce=reduce: (
                        reduce(class_scores(f, e)) + linear(f).squeeze(1)
                    )
                    for reduce in (
                        lambda scores: scores.amax(1),
                        lambda scores: scores.sum(1),
                        lambda scores: scores.mean(1),
                        lambda scores: scores.logsumexp(1),
                    )
                ),
            ),
        ),
        Misconception(
            "psi_of_the_whole_batch",
            parts(psi=lambda linear, phi: linear(phi).sum()),
            "linear(features) was added up or averaged over the batch, so every example has the "
            "same number of it. Each has its own: only the axis of length 1 goes.",
            also=(parts(psi=lambda linear, phi: linear(phi).mean()),),
        ),
        Misconception(
            "bias_alone",
            parts(psi=lambda linear, phi: linear.bias),
            "Of `linear` the bias alone is there. ψ is the layer on the features: call it.",
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
            "sign_turned_round",
            parts(join=lambda a, b: -(a + b)),
            "The sign is turned round. D is the sigmoid of this logit and the probability of real: "
            "what looks like its label scores high.",
        ),
        Misconception(
            "psi_twice",
            parts(join=lambda a, b: 2 * a + b),
            "ψ counts twice. Each part comes in once.",
        ),
        Misconception(
            "inner_product_twice",
            parts(join=lambda a, b: a + 2 * b),
            "The inner product counts twice. Each part comes in once.",
        ),
        Misconception(
            "rectified",
            parts(inner=lambda v, phi: (v * phi).sum(1).relu()),
            "The inner product, or the whole logit, was cut off at 0 by a ReLU. It may be "
            "negative: an image that does not look like its label.",
            also=(parts(join=lambda a, b: (a + b).relu()),),
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
            "squashed",
            parts(join=lambda a, b: torch.tanh(a + b)),
            "A tanh follows. The logits are wanted as they are, without bounds.",
        ),
        Misconception(
            "log_probability",
            parts(join=lambda a, b: F.logsigmoid(a + b)),
            "This is the logarithm of a probability, or a loss (logsigmoid, softplus). The loss is "
            "taken elsewhere: the logits are wanted as they are.",
            also=(
                parts(join=lambda a, b: F.softplus(-a - b)),
                parts(join=lambda a, b: F.softplus(a + b)),
            ),
        ),
        Misconception(
            "two_results",
            parts(join=lambda a, b: (a, b)),
            "The two parts come back as two things. Their sum is wanted.",
            also=(
                parts(join=lambda a, b: (b, a)),
                parts(join=lambda a, b: (a + b, b)),
                parts(join=lambda a, b: (a + b, a)),
            ),
        ),
        Misconception(
            "cosine",
            parts(inner=lambda v, phi: torch.cosine_similarity(v, phi)),
            "The vectors were brought to length 1 first. The inner product is wanted, with their "
            "lengths.",
        ),
        Misconception(
            "one_brought_to_length_1",
            parts(inner=lambda v, phi: (F.normalize(v) * phi).sum(1)),
            "One of the two vectors, row or features, was brought to length 1 first. The inner "
            "product takes both as they are.",
            also=(parts(inner=lambda v, phi: (v * F.normalize(phi)).sum(1)),),
        ),
        Misconception(
            "distance",
            parts(inner=lambda v, phi: -(v - phi).square().sum(1)),
            "This is a distance between row and features. The derivation ends with their inner "
            "product.",
            also=(
                parts(inner=lambda v, phi: (v - phi).square().sum(1)),
                parts(inner=lambda v, phi: (v - phi).abs().sum(1)),
                parts(inner=lambda v, phi: (v - phi).norm(dim=1)),
            ),
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
            "row_before",
            parts(row=lambda e, y: e.weight[y - 1]),
            "The row before the label's was looked up. Labels count from 0, as the rows do.",
        ),
        Misconception(
            "row_beyond",
            parts(row=lambda e, y: e(y + 1)),
            "A row beyond the table was asked for. Labels count from 0, as the rows do: nothing "
            "is to be added to them.",
            error="index out of range in self",
        ),
        Misconception(
            "labels_count_examples",
            parts(row=lambda e, y: e(y)[y]),
            "The labels were used as an index of the first axis where that counts examples, so "
            "each logit got another example's numbers. They choose rows of the table: "
            "embedding(labels).",
            error="is out of bounds for dimension 0 with size 2",
            also=(lambda f, y, e, linear: class_scores(f, e)[y] + linear(f),),
        ),
        Misconception(
            "index_with_fewer_axes",
            lambda f, y, e, linear: class_scores(f, e).gather(1, y) + linear(f).squeeze(1),
            "gather wants an index with as many axes as the scores have, two; the labels have one.",
            error="Index tensor must have the same number of dimensions as input tensor",
        ),
        Misconception(
            "no_integers",
            parts(row=lambda e, y: e(y.float())),
            "The table was given numbers that are no integers: labels that were cast, or the "
            "features. It is given the labels as they come.",
            error="to have one of the following scalar types: Long, Int",
            also=(lambda f, y, e, linear: e(f) + linear(f),),
        ),
        Misconception(
            "one_hot_of_integers",
            by_one_hot,
            "F.one_hot gives integers, and a matrix product wants one dtype on both sides. The "
            "table looks its rows up by itself: embedding(labels).",
            error="to have the same dtype",
        ),
        Misconception(
            "table_times_features",
            lambda f, y, e, linear: e.weight @ f + linear(f),
            "The whole table met the features as they lie, (K, D) with (B, D), which no matrix "
            "product takes. Look up the rows of the labels, one for each example.",
            error="(4x3 and 5x3)",
        ),
        Misconception(
            "psi_of_the_inner_product",
            lambda f, y, e, linear: linear((e(y) * f).sum(1)),
            "`linear` was given the inner products, one number an example. It takes the features.",
            error="(1x5 and 3x1)",
        ),
        Misconception(
            "not_added_up_and_squeezed",
            parts(inner=lambda v, phi: v * phi),
            "Products of row and features, (B, D), met one number an example, (B,). Add the "
            "products up over the features first.",
            error="at non-singleton dimension 1",
            also=(lambda f, y, e, linear: e(y) * f + linear(f).squeeze(1),),
        ),
        Misconception(
            "all_detached",
            parts(join=lambda a, b: (a + b).detach()),
            "No gradient reaches anything: the whole was computed under torch.no_grad() or "
            "detached. Neither network could learn.",
        ),
        Misconception(
            "linear_detached",
            parts(psi=lambda linear, phi: linear(phi).squeeze(1).detach()),
            "No gradient reaches `linear`, so ψ never learns: its result was detached.",
        ),
        Misconception(
            "psi_of_detached_features",
            parts(psi=lambda linear, phi: linear(phi.detach()).squeeze(1)),
            "Through ψ no gradient reaches the features: they were detached on their way into "
            "`linear`.",
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
        Misconception(
            "layer_of_its_own",
            parts(
                psi=lambda linear, phi: (
                    nn.Linear(linear.in_features, 1).to(phi.dtype)(phi).squeeze(1)
                )
            ),
            "Random numbers were drawn, as a new layer draws them for its weights. `embedding` and "
            "`linear` are passed in: call these two.",
            drawing=True,
        ),
    ),
    hints=(
        "Two numbers for each example, added: one knows the label, the other does not.",
        "embedding(labels) is (B, D), the row of each example's label. An inner product multiplies "
        "number by number and adds.",
        "linear(features) has an axis of length 1 behind the batch; .squeeze(1) takes it off.",
    ),
)
