"""Exercises that make one update of some of several networks, and their mistakes.

Everything here is made from one function: the loss `loss(*networks, *batches)`, which gives a
number, or a dict of numbers of which `total` is minimized. `StepParts` names what it works on, and
`StepParts.step` makes a step of it, right or with one part changed:

    PARTS = StepParts(tiny_networks, trained=("generator",), arguments=("noise",))
    PARTS.step(lambda generator, discriminator, noise: ...)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from .declare import Case, Exercise, Misconception
from .ready import Mistakes
from .steps import TrainingStep
from .wrong_steps import NOTHING_MOVES, OLD_GRADIENTS, leaving

CLIPPED = (
    "The gradients were clipped before the step (by their norm or value). Nobody asked for it: the "
    "update is the optimizer's, made from the gradients as they are."
)
CLIPS = tuple(partial(nn.utils.clip_grad_norm_, max_norm=most) for most in (1.0, 0.5, 5.0)) + tuple(
    partial(nn.utils.clip_grad_value_, clip_value=most) for most in (1.0, 0.5)
)


@dataclass(frozen=True)
class StepParts(TrainingStep):
    """A `TrainingStep` that makes answers of a loss; `networks` names all, in their order."""

    networks: tuple[str, ...] = ()

    def step(
        self,
        loss: Callable,
        order: str = "zbs",
        *,
        everywhere: bool = False,
        sign: int = 1,
        clip: Callable | None = None,
        result: Callable = lambda value: value,
        batches: Callable = lambda *batches: batches,
    ) -> Callable:
        """A training step; z zero_grad, b backward, s step, as `wrong_steps.update` has them.

        everywhere: gradients reach every network, as with a plain backward(). sign: -1 goes
        uphill. clip: called with the trained parameters before the step. result: of the value that
        is returned. batches: of the batches that came in.
        """
        assert set(self.trained) <= set(self.networks)

        def answer(*arguments):
            count = len(self.networks)
            networks, optimizer = arguments[:count], arguments[count]
            value = loss(*networks, *batches(*arguments[count + 1 :]))
            goal = sign * (value["total"] if isinstance(value, Mapping) else value)
            parameters = [
                parameter
                for name, network in zip(self.networks, networks, strict=True)
                if name in self.trained
                for parameter in network.parameters()
            ]
            calls = {
                "z": optimizer.zero_grad,
                "b": lambda: goal.backward(inputs=None if everywhere else parameters),
                "s": optimizer.step,
            }
            for letter in order:
                if letter == "s" and clip:
                    clip(parameters)
                calls[letter]()
            return result(value)

        return answer


def step_exercise(
    parts: StepParts,
    *,
    name: str,
    oracle: Callable,
    cases: Callable[[torch.Generator], list[Case]],
    misconceptions: Mistakes,
    hints: tuple[str, ...],
) -> Exercise:
    """The exercise of writing a training step `(*networks, optimizer, *batches)`."""
    arguments = [*parts.networks, "optimizer", *parts.arguments]
    return Exercise(
        name=name,
        signature=f"({', '.join(arguments)})",
        oracle=oracle,
        cases=cases,
        call=parts.drive,
        facts=parts.facts,
        entry="entry",
        slow=True,
        misconceptions=misconceptions,
        hints=hints,
    )


def update_mistakes(parts: StepParts, loss: Callable) -> Mistakes:
    """About the three calls at the end, and what becomes of the modes and the result."""
    return (
        Misconception("nothing_moves", parts.step(loss, ""), NOTHING_MOVES),
        Misconception("zero_grad_forgotten", parts.step(loss, "bs"), OLD_GRADIENTS),
        Misconception(
            "stepped_twice",
            parts.step(loss, "zbss"),
            "The optimizer took two steps in one call.",
        ),
        Misconception(
            "uphill",
            parts.step(loss, sign=-1),
            "The loss is the right one and goes up: backward() was called on its negative. An "
            "optimizer subtracts the gradient of what you call backward() on.",
        ),
        Misconception(
            "clipped",
            parts.step(loss, clip=CLIPS[0]),
            CLIPPED,
            also=tuple(parts.step(loss, clip=clip) for clip in CLIPS[1:]),
        ),
        *(
            Misconception(
                f"{network}_left_in_eval",
                leaving(parts.step(loss), at(number, nn.Module.eval)),
                f"The {network} is left in eval mode. This step should change no mode.",
            )
            for number, network in enumerate(parts.networks)
        ),
    )


def frozen_mistakes(parts: StepParts, loss: Callable) -> Mistakes:
    """About the networks that are not trained here: gradients left in them, or none ever after."""
    others = [(n, name) for n, name in enumerate(parts.networks) if name not in parts.trained]
    return tuple(
        Misconception(
            f"{name}_left_frozen",
            leaving(parts.step(loss), at(number, partial(freeze, on=False))),
            f"requires_grad stays off in the {name} after the step, so that its own step can never "
            "train it. Switch it on again before you return.",
        )
        for number, name in others
    )


def at(number: int, change: Callable[[nn.Module], Any]) -> Callable:
    """`change` of the argument with that number."""
    return lambda *arguments: change(arguments[number])


def freeze(network: nn.Module, on: bool) -> None:
    network.requires_grad_(on)


def own_noise(parts: StepParts, loss: Callable, sentence: str, draw: Callable) -> Misconception:
    """`draw(*batches)` gives the batches in whose place the step draws noise of its own.

    Whatever came of it: the last of an exercise's misconceptions.
    """
    return Misconception("own_noise", parts.step(loss, batches=draw), sentence, drawing=True)
