"""What an exercise is: inputs, an independent oracle, and the mistakes people make."""

from __future__ import annotations

import difflib
import functools
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from .state import known_state

# Plain data is all that passes between `observe` and `judge`.
Plain = torch.Tensor | str | int | float | bool | None | list | dict

LESSONS = (
    "start",
    "divergences",
    "elbo",
    "reparameterization",
    "autoencoders",
    "vae",
    "better_vaes",
    "likelihood",
    "minimax",
    "first_gan",
    "dcgan",
    "stable_gans",
    "evaluation",
    "conditional",
    "cyclegan",
    "editing",
    "gan_or_vae",
    "fast_training",
    "clinic",
    "responsible",
)


@dataclass(frozen=True)
class Case:
    """One call of the answer: its inputs as plain data, made by the judge.

    `about` names the case in a message ("at log_var = 40"). `extreme` cases are judged after
    all others. `gradients` names the inputs by which the outputs are differentiated.
    """

    inputs: Mapping[str, Plain]
    about: str = ""
    extreme: bool = False
    gradients: tuple[str, ...] = ()


@dataclass(frozen=True)
class Misconception:
    """A wrong answer with a name, and the sentence that helps the person who wrote it.

    `answer` takes the place of the student's. An answer is recognised when its facts (see
    `Exercise.facts`) are those of `answer` on the same inputs; where `answer` raises, when the
    student's raises an exception of the same type with the words `error` in its message. `also`
    holds further answers that the same sentence helps. `drawing`: recognised by the global random
    state having moved, whatever came of it; the last of an exercise's misconceptions.
    """

    name: str
    answer: Callable
    sentence: str
    error: str = ""
    also: tuple[Callable, ...] = ()
    drawing: bool = False

    @property
    def answers(self) -> tuple[Callable, ...]:
        return (self.answer, *self.also)


def call_by_position(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """Call `answer` with the inputs in their order: a student may rename parameters."""
    return answer(*inputs.values())


def keep_outputs(inputs: Mapping[str, Plain], outputs: Mapping[str, Plain]) -> Mapping[str, Plain]:
    """The facts of a formula are its outputs themselves."""
    return outputs


@dataclass(frozen=True, eq=False)  # a declaration is itself: the judge remembers its cases
class Exercise:
    """A declared exercise; the engine does the rest.

    name: `lesson_slug.exercise`. signature: as the lesson states it, `(mean, log_var)`.
    oracle: an independent reference with the same signature, never a copy of the solution.
    cases: `generator -> list[Case]`, generic inputs first, drawn from the generator alone.
    misconceptions: named wrong answers, the more specific first.
    hints: from vague to concrete, never the solution.
    outputs: names of what is returned, one for each member of a returned tuple.
    graph: those of them that the gradients of a case are taken of; none named: all.
    unit: printed behind values, such as "nats".
    entry: what one number of a vector belongs to, in a message: "expected 2 for example 0".
    call: `(answer, inputs) -> result`, run where the student's code lives; it may return a dict
        of named plain values, as a training step's driver does.
    facts: `(inputs, outputs) -> dict`, run by the judge on both records; what it returns is
        compared in its order. A fact that is a bool reads as the statement that should hold.
    random: the answer may draw from the global random state (a module's initialisation).
    coincident: results are so few (a count, a size) that mistakes meet by chance: a misconception
        is named only where all cases agree with it, not the first failed one alone.
    slow: a module or training step, whose check may cost a second; a formula's costs 50 ms.
    rtol, atol: tolerances; None takes those of the dtype (float64 1e-6, 1e-8; else 1e-4, 1e-5).
    """

    name: str
    signature: str
    oracle: Callable
    cases: Callable[[torch.Generator], list[Case]]
    misconceptions: tuple[Misconception, ...]
    hints: tuple[str, ...]
    outputs: tuple[str, ...] = ("value",)
    graph: tuple[str, ...] = ()
    unit: str = ""
    entry: str = "example"
    call: Callable[[Callable, Mapping[str, Any]], Any] = call_by_position
    facts: Callable[[Mapping[str, Plain], Mapping[str, Plain]], Mapping[str, Plain]] = field(
        default=keep_outputs
    )
    random: bool = False
    coincident: bool = False
    slow: bool = False
    rtol: float | None = None
    atol: float | None = None

    @property
    def short_name(self) -> str:
        """The function's or class's own name: `kl_gaussian`."""
        return self.name.partition(".")[2]


@functools.cache
def exercises() -> dict[str, Exercise]:
    """Every exercise by its full name, in course order."""
    declared: dict[str, Exercise] = {}
    for slug in LESSONS:
        for exercise in importlib.import_module(f"course_lib.checks.{slug}").EXERCISES:
            assert exercise.name.startswith(f"{slug}.") and exercise.name not in declared
            declared[exercise.name] = exercise
    return declared


def names() -> list[str]:
    """Every exercise's full name, in course order."""
    return list(exercises())


def exercise(name: str) -> Exercise:
    """The exercise of that full name; a ValueError names the nearest ones otherwise."""
    declared = exercises()
    if name not in declared:
        near = difflib.get_close_matches(name, declared, n=3, cutoff=0.4) or list(declared)[:3]
        raise ValueError(f"no exercise is called {name!r}; the nearest names: {', '.join(near)}")
    return declared[name]


def make_cases(exercise: Exercise, seed: int) -> list[Case]:
    """The exercise's cases for a seed, the same on every call."""
    with known_state():
        return exercise.cases(torch.Generator().manual_seed(seed))
