"""Check of `accumulate_gradients`. Oracle: one gradient for each single example, averaged."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception, Plain
from ..random_inputs import normal
from ..steps import fill_gradients, gradients, weights, with_weights

WIDTH, HIDDEN = 5, 4


def tiny_model(vector: Tensor) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        model = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, WIDTH))
    return with_weights(model.double(), vector)


class Kept:
    """A tensor that a graph keeps for its backward pass, which lives until the graph frees it."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor.detach()
        self.used = False

    def unpack(self) -> Tensor:
        self.used = True
        return self.tensor


class RecordedLoss:
    """The mean loss of a batch, which notes how many graphs there are at a time.

    waiting: the most graphs that had not gone backward; alive: the most that were not freed.
    """

    def __init__(self) -> None:
        self.graphs: weakref.WeakSet[Kept] = weakref.WeakSet()
        self.largest = self.waiting = self.alive = 0

    def __call__(self, model: nn.Module, images: Tensor) -> Tensor:
        residual = model(images) - images.sin()
        with torch.autograd.graph.saved_tensors_hooks(self.keep, Kept.unpack):
            loss = residual.square().sum(dim=1).mean()
        self.largest = max(self.largest, len(images))
        self.alive = max(self.alive, len(self.graphs))
        self.waiting = max(self.waiting, sum(not kept.used for kept in self.graphs))
        return loss

    def keep(self, tensor: Tensor) -> Kept:
        kept = Kept(tensor)
        self.graphs.add(kept)
        return kept


def accumulate(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    model, loss = tiny_model(inputs["weights"]), RecordedLoss()
    fill_gradients(model, inputs["old_gradients"])
    batches = list(inputs["images"].split(inputs["sizes"]))
    result = answer(model, loss, batches)
    if result is Ellipsis:
        raise NotImplementedError
    return {
        "weights": weights(model),
        "gradients": gradients(model),
        "missing": sum(p.grad is None for p in model.parameters()),
        "graph": any(p.grad is not None and p.grad.requires_grad for p in model.parameters()),
        "largest": loss.largest,
        "waiting": loss.waiting,
        "alive": loss.alive,
        "training": model.training,
    }


def accumulation_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    return {
        "every parameter has a gradient in .grad": record["missing"] == 0,
        "the parameters stay as they were": torch.equal(record["weights"], inputs["weights"]),
        "the model is in training mode afterwards, as before": record["training"],
        "the loss sees one of the batches at a time": record["largest"] <= max(inputs["sizes"]),
        "each batch goes backward before the next goes forward": record["waiting"] <= 1,
        "each batch's graph is freed before the next goes forward": record["alive"] <= 1,
        "the gradients": record["gradients"],
        "the gradients carry no graph": not record["graph"],
    }


def accumulation_cases(g: torch.Generator) -> list[Case]:
    def case(sizes: list[int], old_gradients: float, about: str) -> Case:
        count = WIDTH * HIDDEN * 2 + HIDDEN + WIDTH
        inputs = {
            "images": normal(g, sum(sizes), WIDTH, dtype=torch.float64),
            "sizes": sizes,
            "weights": 0.7 * normal(g, count, dtype=torch.float64),
            "old_gradients": old_gradients,
        }
        return Case(inputs, about)

    return [
        case([4, 4, 4], 0.0, "three batches of 4"),
        case([5, 3, 1], 0.0, "batches of 5, 3 and 1"),
        case([2, 6], 0.5, "batches of 2 and 6, with old gradients in .grad"),
        case([3], 0.0, "a single batch"),
    ]


def one_example_at_a_time(model, loss, batches):
    """A gradient for each example by itself; their mean is the gradient of the mean."""
    parameters = list(model.parameters())
    examples = [batch[i : i + 1] for batch in batches for i in range(len(batch))]
    rows = [torch.autograd.grad(loss(model, example), parameters) for example in examples]
    for parameter, column in zip(parameters, zip(*rows, strict=True), strict=True):
        parameter.grad = torch.stack(column).mean(dim=0)


def written(
    weight: Callable = lambda batch, batches: len(batch) / sum(map(len, batches)),
    clear: str = "before",
    after: Callable = lambda model: None,
) -> Callable:
    """Accumulation as people write it: `weight(batch, batches)` of each batch's loss."""

    def answer(model, loss, batches):
        if clear == "before":
            model.zero_grad()
        for batch in batches:
            if clear == "each":
                model.zero_grad()
            value = loss(model, batch) * weight(batch, batches)
            value.backward()
        after(model)

    return answer


def by_one_big_batch(model, loss, batches):
    model.zero_grad()
    loss(model, torch.cat(batches)).backward()


def by_one_backward(model, loss, batches):
    model.zero_grad()
    total = sum(map(len, batches))
    sum(loss(model, batch) * len(batch) / total for batch in batches).backward()


def all_kept(model, loss, batches):
    model.zero_grad()
    total, losses = sum(map(len, batches)), []
    for batch in batches:
        losses.append(loss(model, batch) * len(batch) / total)
        losses[-1].backward(retain_graph=True)


def returned_only(model, loss, batches, **options):
    model.zero_grad()
    total, parameters = sum(map(len, batches)), list(model.parameters())
    rows = [
        torch.autograd.grad(loss(model, batch) * len(batch) / total, parameters, **options)
        for batch in batches
    ]
    return [sum(column) for column in zip(*rows, strict=True)]


def with_graph(model, loss, batches):
    found = returned_only(model, loss, batches, create_graph=True)
    for parameter, gradient in zip(model.parameters(), found, strict=True):
        parameter.grad = gradient


def descend(model: nn.Module) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.1 * parameter.grad


def share_of_those_seen(model, loss, batches):
    model.zero_grad()
    seen = 0
    for batch in batches:
        seen += len(batch)
        (loss(model, batch) * len(batch) / seen).backward()


def without_graph(model, loss, batches):
    model.zero_grad()
    for batch in batches:
        with torch.no_grad():
            value = loss(model, batch)
        value.backward()


EXERCISE = Exercise(
    name="fast_training.accumulate_gradients",
    signature="(model, loss, batches)",
    oracle=one_example_at_a_time,
    cases=accumulation_cases,
    call=accumulate,
    facts=accumulation_facts,
    slow=True,
    entry="entry",
    misconceptions=(
        Misconception(
            "mean_of_means",
            written(lambda batch, batches: 1 / len(batches)),
            "This is the mean of the batches' means, so an example in a small batch counts for "
            "more. Weight each batch by its share of all examples.",
        ),
        Misconception(
            "means_added",
            written(lambda batch, batches: 1.0),
            "The gradients of the means were added as they are: with three batches the step is "
            "three times too long. Each batch counts by its share of all examples.",
        ),
        Misconception(
            "examples_added",
            written(lambda batch, batches: len(batch)),
            "Each mean was multiplied by its batch's size, which is right, and never divided by "
            "the number of all examples: this is the gradient of the sum.",
        ),
        Misconception(
            "equal_sizes_assumed",
            written(lambda batch, batches: len(batch) / (len(batches[0]) * len(batches))),
            "The examples were counted as if all batches had the size of the first. Add up their "
            "own sizes; the last one of an epoch is often smaller.",
        ),
        Misconception(
            "first_size_for_all",
            written(lambda batch, batches: len(batches[0]) / sum(map(len, batches))),
            "All batches got the weight of the first. Each has its own size; the last one of an "
            "epoch is often smaller.",
        ),
        Misconception(
            "divided_by_size",
            written(lambda batch, batches: 1 / len(batch)),
            "Each loss was divided by the size of a batch. It is a mean already; what is missing "
            "is the batch's share of all examples.",
            also=(written(lambda batch, batches: 1 / len(batches[0])),),
        ),
        Misconception(
            "share_of_those_seen",
            share_of_those_seen,
            "Each batch was weighed by its share of the examples seen so far, so the first ones "
            "count too much: their gradients lie in .grad already, with the weight that they had. "
            "Count all examples before the loop.",
        ),
        Misconception(
            "share_upside_down",
            written(lambda batch, batches: sum(map(len, batches)) / len(batch)),
            "The share stands upside down: a small batch got the greatest weight. It is the "
            "batch's examples over all examples.",
        ),
        Misconception(
            "divided_by_all_examples",
            written(lambda batch, batches: 1 / sum(map(len, batches))),
            "Each mean was divided by the number of all examples, which would fit sums. Turn the "
            "mean into a sum first.",
        ),
        Misconception(
            "cleared_each_time",
            written(clear="each"),
            "Only the last batch is left: the gradients were cleared before every batch. "
            "Accumulating means that they stay, from the first batch to the last.",
        ),
        Misconception(
            "old_gradients_kept",
            written(clear="never"),
            "What lay in .grad before was added to the result. Clear it once, before the first "
            "batch.",
        ),
        Misconception(
            "one_big_batch",
            by_one_big_batch,
            "The gradients are right, and the memory is that of the big batch, which was put "
            "together again. One batch at a time.",
        ),
        Misconception(
            "one_backward_at_the_end",
            by_one_backward,
            "The gradients are right, but the losses waited and went backward only when all "
            "batches had gone forward, so that all activations lay in memory at once. Go backward "
            "after each batch: it frees them.",
        ),
        Misconception(
            "graphs_retained",
            all_kept,
            "The gradients are right, but the graphs of the batches before stayed in memory: "
            "retain_graph=True keeps what backward() would free. Nothing goes backward twice here.",
        ),
        Misconception(
            "not_put_into_grad",
            returned_only,
            "The fields .grad are empty afterwards, and the optimizer reads nothing else. "
            "backward() fills them, from a loss that has its graph; gradients from "
            "torch.autograd.grad must be put there. Nothing clears them at the end.",
        ),
        Misconception(
            "cleared_to_zero",
            written(after=lambda model: model.zero_grad(set_to_none=False)),
            "The gradients are all 0: they were cleared at the end, where the optimizer was going "
            "to read them. Clear them before the first batch.",
        ),
        Misconception(
            "loss_without_graph",
            without_graph,
            "The loss was computed under torch.no_grad(), or cut from its graph, so there is "
            "nothing to go back through. What saves memory here is that each batch's graph is "
            "freed by its own backward().",
            error="does not require grad and does not have a grad_fn",
        ),
        Misconception(
            "stepped",
            written(after=descend),
            "The parameters moved. Only the gradients are wanted here; the step belongs to the "
            "optimizer, once, behind it.",
        ),
        Misconception(
            "graph_kept",
            with_graph,
            "The gradients themselves carry a graph, which keeps every batch's activations alive: "
            "create_graph is for gradients that are differentiated again.",
        ),
        Misconception(
            "left_in_eval_mode",
            written(after=lambda model: model.eval()),
            "The model came back in evaluation mode. Leave the mode as it was.",
        ),
    ),
    hints=(
        "The mean over all examples is a weighted mean of the batches' means. What is the weight "
        "of a batch of 2 among 8 examples?",
        "backward() adds to .grad. So clear once, then let each batch add its part, at once, "
        "before the next one goes forward.",
        "Scale the loss of a batch before backward(): by its number of examples, len(batch), over "
        "that of all batches together.",
    ),
)
