"""Check of `a4_g_total`. Oracle: a loop over pixels, on networks with given weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception, Plain
from ..random_inputs import normal
from ..steps import fill_gradients, gradients, read_loss, weights

WEIGHT = 10.0


class Affine(nn.Module):
    """Images times a matrix of each row, plus a number for each pixel."""

    def __init__(self, matrix: Tensor, shift: Tensor):
        super().__init__()
        self.matrix, self.shift = nn.Parameter(matrix.clone()), nn.Parameter(shift.clone())

    def forward(self, images):
        return images @ self.matrix + self.shift


class Judge(nn.Module):
    """One score for each image."""

    def __init__(self, weight: Tensor, bias: Tensor):
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight.clone()), nn.Parameter(bias.clone())

    def forward(self, images):
        return torch.tanh((images * self.weight).flatten(1).sum(1)) + self.bias


def networks(inputs: Mapping[str, Any]) -> dict[str, nn.Module]:
    return {n: Affine(*inputs[n]) for n in ("G", "F")} | {
        n: Judge(*inputs[n]) for n in ("DX", "DY")
    }


def cycle_cases(g: torch.Generator) -> list[Case]:
    def drawn(*shape: int) -> Tensor:
        return normal(g, *shape, dtype=torch.float64)

    def case(about: str, identity: bool = False, shift: float = 0.0) -> Case:
        height, width = 3, 4
        eye = torch.eye(width, dtype=torch.float64)
        inputs: dict[str, Any] = {"x": drawn(5, 1, height, width), "y": drawn(3, 1, height, width)}
        for name in ("G", "F"):
            if identity:
                moved = torch.full((height, width), shift if name == "G" else 0.0).double()
                inputs[name] = [eye, moved]
            else:
                inputs[name] = [eye + 0.5 * drawn(width, width), 0.4 * drawn(height, width)]
        for name in ("DX", "DY"):
            scale = 0.0 if identity else 0.5  # then they say «real» to everything
            bias = torch.ones(()).double() if identity else drawn(1)[0]
            inputs[name] = [scale * drawn(height, width), bias]
        return Case(inputs, about)

    return [
        case("5 images of one domain, 3 of the other"),
        case("other networks"),
        case("G = F = identity, judges that say 1", identity=True),
        case("G adds 0.7, F is the identity, judges that say 1", identity=True, shift=0.7),
    ]


def call_total(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    made = networks(inputs)
    for network in made.values():
        fill_gradients(network, 0.0)
    before = {n: weights(network) for n, network in made.items()}
    loss = answer(*made.values(), inputs["x"], inputs["y"])
    if loss is Ellipsis:
        return loss
    kind, value = read_loss(loss, torch.float64)
    graph = isinstance(loss, Tensor) and loss.requires_grad and loss.numel() == 1
    if graph:
        loss.backward()
    return {
        "kind": kind,
        "value": value,
        "graph": graph,
        "stays": all(torch.equal(before[n], weights(network)) for n, network in made.items()),
        "G": gradients(made["G"]),
        "F": gradients(made["F"]),
    }


def total_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    facts: dict[str, Plain] = {
        "what comes back": outputs["kind"],
        "no weight moves": outputs["stays"],
        "the loss comes with a graph": outputs["graph"],
    }
    if outputs["value"] is not None:
        facts["the loss"] = outputs["value"]
    return facts | {"the gradient by G": outputs["G"], "the gradient by F": outputs["F"]}


def by_loop(G, F, DX, DY, x, y):
    """One image after the other, each mean by itself."""
    to_y, to_x = [G(image[None]) for image in x], [F(image[None]) for image in y]
    loss = sum((DY(fake) - 1).pow(2).sum() for fake in to_y) / len(x)
    loss = loss + sum((DX(fake) - 1).pow(2).sum() for fake in to_x) / len(y)
    pairs = [(F(fake), image) for fake, image in zip(to_y, x, strict=True)]
    back = sum((cycled - image).abs().sum() for cycled, image in pairs) / x.numel()
    pairs = [(G(fake), image) for fake, image in zip(to_x, y, strict=True)]
    forth = sum((cycled - image).abs().sum() for cycled, image in pairs) / y.numel()
    return loss + WEIGHT * (back + forth)


def l1(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).abs().mean()


def total(
    adversarial: Callable = lambda score: (score - 1).square().mean(),
    distance: Callable = l1,
    weight: float = WEIGHT,
    use: tuple[bool, bool] = (True, True),
    judges: Callable = lambda DX, DY: (DX, DY),
    cut: Callable = lambda fake: fake,
    identity: float = 0.0,
) -> Callable:
    def g_total(G, F, DX, DY, x, y):
        of_x, of_y = judges(DX, DY)
        to_y, to_x = G(x), F(y)
        loss = adversarial(of_y(to_y)) + adversarial(of_x(to_x))
        terms = distance(F(cut(to_y)), x), distance(G(cut(to_x)), y)
        loss = loss + weight * sum(term for term, used in zip(terms, use, strict=True) if used)
        if identity:
            loss = loss + identity * (l1(G(y), y) + l1(F(x), x))
        return loss

    return g_total


def cycle_alone(G, F, DX, DY, x, y):
    return WEIGHT * (l1(F(G(x)), x) + l1(G(F(y)), y))


def judges_loss(G, F, DX, DY, x, y):
    return sum(
        (D(real) - 1).square().mean() + D(fake).square().mean()
        for D, real, fake in ((DY, y, G(x)), (DX, x, F(y)))
    ) + cycle_alone(G, F, DX, DY, x, y)


def not_cycled(G, F, DX, DY, x, y):
    """The translated image is compared with its own source."""
    adversarial = total(weight=0.0)(G, F, DX, DY, x, y)
    return adversarial + WEIGHT * (l1(G(x), x) + l1(F(y), y))


def other_domain(G, F, DX, DY, x, y):
    most = min(len(x), len(y))
    cycles = l1(F(G(x))[:most], y[:most]) + l1(G(F(y))[:most], x[:most])
    return total(weight=0.0)(G, F, DX, DY, x, y) + WEIGHT * cycles


def wrong_way(G, F, DX, DY, x, y):
    adversarial = total(weight=0.0)(G, F, DX, DY, x, y)
    return adversarial + WEIGHT * (l1(G(F(x)), x) + l1(F(G(y)), y))


EXERCISE = Exercise(
    name="clinic.a4_g_total",
    signature="(G, F, DX, DY, x, y)",
    oracle=by_loop,
    cases=cycle_cases,
    call=call_total,
    facts=total_facts,
    entry="entry",
    slow=True,
    misconceptions=(
        Misconception(
            "no_cycle",
            total(weight=0.0),
            "This is still a GAN's step, twice: nothing asks that what G makes of x has anything "
            "to do with x. The two cycles are missing, with the weight 10.",
        ),
        Misconception(
            "one_cycle",
            total(use=(True, False)),
            "One cycle is missing. Both are wanted: x by way of Y and back, y by way of X.",
            also=(total(use=(False, True)),),
        ),
        Misconception(
            "cycle_alone",
            cycle_alone,
            "Only the cycles are here. With them alone the identity is best, and nothing is "
            "translated: the two judges have a say as well.",
        ),
        Misconception(
            "not_cycled",
            not_cycled,
            "The translated image was compared with its own source, so the less is translated the "
            "better. It has to come back first.",
        ),
        Misconception(
            "wrong_way_round",
            wrong_way,
            "The cycles run the wrong way: x was sent through F first. G takes what lives in X.",
        ),
        Misconception(
            "squared",
            total(distance=lambda a, b: (a - b).square().mean()),
            "The cycle's error was squared. The text asks for the L1 distance.",
        ),
        Misconception(
            "summed",
            total(distance=lambda a, b: (a - b).abs().sum()),
            "The cycle's error was summed over all pixels of all images. It is their mean, or its "
            "weight would depend on the size of the images.",
            also=(total(distance=lambda a, b: (a - b).abs().flatten(1).sum(1).mean()),),
        ),
        Misconception(
            "weight_one",
            total(weight=1.0),
            "The cycles have the weight 1. The text gives them 10.",
        ),
        Misconception(
            "weight_five",
            total(weight=5.0),
            "The cycles have half of their weight: were the two averaged? 10 is the weight of "
            "each.",
        ),
        Misconception(
            "signed_error",
            total(distance=lambda a, b: (a - b).mean().abs()),
            "The absolute value comes too late: errors of different signs cancel in the mean. Take "
            "it of each pixel, then average.",
            also=(total(distance=lambda a, b: (a - b).mean()),),
        ),
        Misconception(
            "label_fake",
            total(lambda score: score.square().mean()),
            "The judges' scores are compared with 0, the label of fakes. G and F want to be taken "
            "for real: 1.",
        ),
        Misconception(
            "one_verdict",
            lambda G, F, DX, DY, x, y: (
                (DY(G(x)) - 1).square().mean() + cycle_alone(G, F, DX, DY, x, y)
            ),
            "One of the two verdicts is missing: DX judges F(y) as DY judges G(x).",
            also=(
                lambda G, F, DX, DY, x, y: (
                    (DX(F(y)) - 1).square().mean() + cycle_alone(G, F, DX, DY, x, y)
                ),
            ),
        ),
        Misconception(
            "cycled_against_the_other_domain",
            other_domain,
            "What came back to X was compared with y. It started as x: compare it with x.",
        ),
        Misconception(
            "sign",
            lambda *a: -total()(*a),
            "The sign is turned round: minimizing this makes the judges sure, and the way back "
            "impossible.",
        ),
        Misconception(
            "no_graph",
            lambda *a: total()(*a).detach(),
            "The value is right and has no graph (.item(), detach, no_grad): nothing can be "
            "trained with it.",
        ),
        Misconception(
            "judges_exchanged",
            total(judges=lambda DX, DY: (DY, DX)),
            "The judges changed places: what G makes shall look like Y, so DY judges it.",
        ),
        Misconception(
            "judges_loss",
            judges_loss,
            "The judges' own loss stands here, with the label 0 for the translated images. G and F "
            "want 1 for them.",
        ),
        Misconception(
            "cross_entropy",
            total(lambda score: torch.nn.functional.softplus(-score).mean()),
            "The judges' scores went into a cross-entropy. The text asks for the least-squares "
            "loss, the squared distance of the score from 1.",
        ),
        Misconception(
            "cycle_cut",
            total(cut=lambda fake: fake.detach()),
            "The way through the first generator was cut in the cycles: F learns to undo G, and G "
            "is never asked to be undoable.",
        ),
        Misconception(
            "identity_added",
            total(identity=5.0),
            "A term for the identity was added, as the CycleGAN paper does for paintings. The text "
            "does not ask for it.",
        ),
        Misconception(
            "halved",
            lambda *a: total()(*a) / 2,
            "The loss is half of what it should be.",
        ),
    ),
    hints=(
        "Suppose G ignores its input and draws some fine image of Y. Who would notice?",
        "Two verdicts, each a squared distance from 1, and two cycles, each an L1 distance.",
        "x goes through G to DY, and on through F back to x; y likewise. The two cycles together "
        "have the weight 10.",
    ),
)
