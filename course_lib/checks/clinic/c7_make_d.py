"""Check of `c7_make_D`: any network that tells two clouds of one mean apart once it is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception, Plain
from ..module_exercises import layer_mistakes, unbounded_mistakes
from ..module_facts import module_facts
from ..modules import examine, module_case
from ..random_inputs import normal, some_seed
from ..ready import adapted, only
from ..wrong_modules import SmallNetwork, given_first, then, variant

STEPS, RATE = 150, 0.02


def clouds(g: torch.Generator, count: int) -> Tensor:
    """A ring of radius 2, then as many points of a blob in it, `(2 * count, 2)`; both of mean 0."""
    angle = 2 * torch.pi * torch.rand(count, generator=g)
    ring = (2 + 0.2 * normal(g, count))[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    return torch.cat([ring, 0.6 * normal(g, count, 2)])


def cloud_cases(g: torch.Generator) -> list[Case]:
    case = module_case(
        {}, {"points": 2 * normal(g, 8, 2)}, {"logits": [1]}, some_seed(g), "make_D()", None
    )
    inputs = {**case.inputs, "more": {"train": clouds(g, 128), "test": clouds(g, 500)}}
    return [Case(inputs, case.about)]


def train_and_examine(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    record = examine(answer, inputs) | {"accuracy": None, "new": None, "open": None}
    if record["outputs"] is None or not record["parameters"]:
        return record
    network = answer()
    record["new"] = not shared(network, answer())
    record["open"] = all(p.requires_grad for p in network.parameters())
    network(inputs["points"])  # a lazy layer has its parameters after a first call
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    points, label = inputs["more"]["train"], torch.zeros(256, 1)
    label[:128] = 1
    for _ in range(STEPS):
        loss = F.binary_cross_entropy_with_logits(network(points), label)
        if not loss.requires_grad:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        real, fake = network(inputs["more"]["test"]).chunk(2)
    record["accuracy"] = ((real > 0).float().mean() + (fake <= 0).float().mean()).item() / 2
    return record


def discriminator_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    seen = module_facts(inputs, record)
    facts = {PLACE.get(name, name): value for name, value in seen.items() if name in FORM_FACTS}
    if record["open"] is not None:
        facts["its parameters require gradients"] = record["open"]
        facts["each call gives a new network"] = record["new"]
    facts |= {name: value for name, value in seen.items() if name not in FORM_FACTS}
    if record["accuracy"] is not None and seen.get("the range of logits") == "unbounded":
        told = "trained, it is right about more than 85 % of fresh points"
        facts[told] = record["accuracy"] > 0.85
    return facts


# What is told first of what comes back: a function is asked for, not a class.
PLACE = {"what the class builds": "what make_D() gives"}
FORM_FACTS = (
    "what the class builds",
    "what forward returns",
    "logits",
    "logits for a batch of one",
)


def shared(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks have a parameter in common."""
    mine = {id(p) for p in one.parameters()}
    return one is other or any(id(p) in mine for p in other.parameters())


class Right(SmallNetwork):
    def __init__(self):
        super().__init__(2, 32, 1)


class Squares(Right):
    """Bent, but it sees each coordinate's sign alone."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.sign() + 1e-3 * x)


ONE = Right()


EXERCISE = Exercise(
    name="clinic.c7_make_D",
    signature="()",
    oracle=Right,
    cases=cloud_cases,
    call=train_and_examine,
    facts=discriminator_facts,
    random=True,
    slow=True,
    misconceptions=(
        *adapted(
            only(layer_mistakes(Right), "no_activation"),
            no_activation="The logit is still a linear function of the point, and two linear "
            "layers in a row are one. It compares means; where they agree, it guesses. Put an "
            "activation between two layers.",
        ),
        *unbounded_mistakes(Right),
        *adapted(layer_mistakes(Right), leave_out=("no_activation",)),
        Misconception(
            "squeezed",
            then(Right, lambda logits: logits.squeeze(1)),
            "The logits have the shape (B,). (B,) against (B, 1) broadcasts silently to (B, B) in "
            "a loss: keep the last axis.",
        ),
        Misconception(
            "two_classes",
            variant(Right, __init__=lambda self: SmallNetwork.__init__(self, 2, 32, 2)),
            "Two numbers come back for each point. One logit is enough: «real» against «fake».",
        ),
        Misconception(
            "softmax_of_one",
            then(Right, lambda logits: logits.softmax(1)),
            "A softmax over one number is always 1: the points have no say. Logits are wanted, "
            "with nothing behind the last layer.",
        ),
        Misconception(
            "one_network_for_all",
            lambda: ONE,
            "Every call gives the same network, trained or not. Make a new one in the function.",
        ),
        Misconception(
            "frozen",
            lambda: Right().requires_grad_(False),
            "requires_grad is off in the network's parameters, so that it cannot be trained.",
        ),
        Misconception(
            "class_returned",
            lambda: Right,
            "A class came back. Call it: a network is wanted.",
        ),
        Misconception(
            "one_coordinate",
            given_first(Right, lambda x: x * torch.tensor([1.0, 0.0])),
            "One of the two coordinates has no say.",
        ),
        Misconception(
            "too_weak",
            Squares,
            "The network bends, but it cannot enclose one cloud: with one or two hidden units, or "
            "an input squashed to its signs, every border is still a line or a corner. (Or all "
            "weights start alike, and all hidden units stay so.)",
            also=(variant(Right, __init__=lambda self: SmallNetwork.__init__(self, 2, 1, 1)),),
        ),
        Misconception(
            "noisy",
            then(Right, lambda logits: logits + torch.randn_like(logits)),
            "Two calls with the same points differ, in eval mode too: random numbers are drawn in "
            "forward.",
        ),
    ),
    hints=(
        "A linear function's mean over a cloud is its value at the cloud's mean. Both clouds have "
        "the same. What else could D look at?",
        "Between two linear layers something must bend: a ReLU, a LeakyReLU, a tanh. Sixteen "
        "hidden units or more are comfortable.",
        "The last layer gives one number for each point, (B, 1), and nothing comes behind it: the "
        "loss has the sigmoid.",
    ),
)
