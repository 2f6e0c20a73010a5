"""Compare what an answer did with what the oracle does, and find the sentence that helps.

The judge makes the inputs, reads the plain record that `observe` wrote, and needs no access to
the student's code.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from .declare import Case, Exercise, Misconception, Plain, exercise, make_cases
from .observing import Observation, observe

TOLERANCES = {
    torch.float64: (1e-6, 1e-8),
    torch.float16: (1e-2, 1e-3),
    torch.bfloat16: (2e-2, 1e-2),
}


@dataclass(frozen=True)
class Verdict:
    """The result of a check: `message` is one short paragraph of plain text."""

    name: str
    passed: bool
    message: str
    misconception: str | None = None
    attempted: bool = True


def run(name: str, answer: Callable, seed: int = 0) -> Verdict:
    """Observe and judge in one process. Never raises for a wrong answer.

    >>> run("divergences.entropy", lambda p: ...).message
    'not written yet'
    """
    declared = exercise(name)
    if not callable(answer):
        return Verdict(name, False, f"expected a function or class, got {answer!r}")
    return judge(name, observe(declared, answer, make_cases(declared, seed)), seed)


def judge(name: str, observations: list[Observation], seed: int = 0) -> Verdict:
    """Judge a record of the answer on the cases that `make_cases(exercise, seed)` gives."""
    declared = exercise(name)
    missing = next((o for o in observations if not o.attempted), None)
    if missing:
        return Verdict(name, False, unwritten(name, missing.error), attempted=False)
    cases = make_cases(declared, seed)
    if len(observations) != len(cases):
        raise ValueError(
            f"{name}: a record of {len(cases)} cases was expected, {len(observations)} came; "
            "observe and judge with the same seed"
        )
    expected = [known_record(name, None, seed, at) for at in range(len(cases))]
    for want in expected:
        assert not want.error, f"{name}: the oracle failed: {want.error}"
    fault = next(faults(declared, cases, expected, observations), None)
    if fault is None:
        return Verdict(name, True, "right")
    index, what = fault
    match = recognise(declared, cases, observations, index, seed)
    sentence = f" {match.sentence}" if match else ""
    return Verdict(name, False, what + sentence, match.name if match else None)


def unwritten(name: str, error: str) -> str:
    """`not written yet`, or which other exercise this one waits for."""
    other = error.removeprefix("NotImplementedError").lstrip(": ")
    if other and other != name and "." in other and " " not in other:
        return f"waits for {other}, which is not written yet"
    return "not written yet"


def faults(
    declared: Exercise, cases: list[Case], expected: list[Observation], got: list[Observation]
) -> Iterator[tuple[int, str]]:
    """(case index, what is wrong), the most basic first: each stage over all generic cases, then
    the extreme ones."""
    rows = list(zip(range(len(cases)), cases, expected, got, strict=True))
    for extreme in (False, True):
        group = [row for row in rows if row[1].extreme is extreme]
        for stage in (error_fault, form_fault, side_effect_fault, value_fault, gradient_fault):
            for index, case, want, came in group:
                if what := stage(declared, case, want, came):
                    yield index, f"{what}{place(case)}."


def place(case: Case) -> str:
    return f" ({case.about})" if case.about else ""


def error_fault(declared: Exercise, case: Case, want: Observation, got: Observation) -> str:
    if not got.error:
        return ""
    shapes = ", ".join(
        f"{n} {tuple(v.shape)}" for n, v in case.inputs.items() if isinstance(v, torch.Tensor)
    )
    where = f", at {got.where}" if got.where else ""
    given = f"; the inputs were {shapes}" if shapes else ""
    error = " ".join(got.error.split()).rstrip(".: ")
    return f"your code raised {error}{in_words(got.error)}{where}{given}"


def in_words(error: str) -> str:
    """What two of PyTorch's complaints mean: a matrix product's, and a missing graph's."""
    if "does not require grad and does not have a grad_fn" in error:
        return " (what is differentiated was not made from a tensor that requires gradients)"
    found = re.search(r"shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x\d+\)", error)
    if not found:
        return ""
    rows, came, wanted = found.groups()
    return f" (a linear layer for {wanted} numbers got {rows} rows of {came})"


def form_fault(declared: Exercise, case: Case, want: Observation, got: Observation) -> str:
    """Number, type, shape, dtype of what came."""
    if want.outputs.keys() != got.outputs.keys():
        came = got.outputs.get("returned", ", ".join(got.outputs))
        return f"expected {len(want.outputs)} results ({', '.join(want.outputs)}), got {came}"
    wanted, came = facts(declared, case, want), facts(declared, case, got)
    for name, value in wanted.items():
        if what := form_difference(name, value, came.get(name)):
            return what
    return ""


def facts(declared: Exercise, case: Case, observation: Observation) -> dict[str, Plain]:
    """The facts of a record; outputs of a form that the facts cannot read are their own facts."""
    try:
        return dict(declared.facts(case.inputs, observation.outputs))
    except (TypeError, ValueError, RuntimeError, IndexError, KeyError, AttributeError):
        return dict(observation.outputs)


def form_difference(name: str, want: Plain, got: Plain) -> str:
    label = "" if name == "value" else f"{name}: "
    if isinstance(want, torch.Tensor):
        if got is None:
            return f"{label}expected {tensor_form(want)}, got None: does the function return?"
        if not isinstance(got, torch.Tensor):
            came = got if isinstance(got, str) else f"the {type(got).__name__} {got!r}"
            return f"{label}expected {tensor_form(want)}, got {came}"
        if want.shape != got.shape:
            return f"{label}expected shape {shape(want)}, got {shape(got)}{shape_remark(want, got)}"
        if want.dtype != got.dtype:
            return f"{label}expected dtype {kind(want)}, got {kind(got)}"
    elif got is None and isinstance(want, int | float) and not isinstance(want, bool):
        return f"{label}expected the {type(want).__name__} {want!r}, got None: does it return?"
    return ""


def shape(tensor: torch.Tensor) -> str:
    return str(tuple(tensor.shape))


def kind(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def tensor_form(tensor: torch.Tensor) -> str:
    return f"a {kind(tensor)} tensor of shape {shape(tensor)}"


def shape_remark(want: torch.Tensor, got: torch.Tensor) -> str:
    if got.ndim == 0 and want.ndim == 1:
        return ": one value for each example is wanted; the batch dimension is gone"
    if got.ndim > want.ndim and got.shape[: want.ndim] == want.shape:
        return f": dimensions from {want.ndim} on are still to be reduced"
    if got.ndim == want.ndim and got.shape == want.shape[::-1] and want.ndim > 1:
        return ": the dimensions are in the wrong order"
    return ""


def side_effect_fault(declared: Exercise, case: Case, want: Observation, got: Observation) -> str:
    if got.changed_inputs:
        changed = " and ".join(got.changed_inputs)
        return f"{changed} changed in place: work on a new tensor, the caller still needs the old"
    if got.touched_random_state and not want.touched_random_state:
        return "the global random state moved: draw from what is passed in, or from nothing"
    return ""


def value_fault(declared: Exercise, case: Case, want: Observation, got: Observation) -> str:
    wanted, came = facts(declared, case, want), facts(declared, case, got)
    for name, value in wanted.items():
        if what := value_difference(declared, name, value, came.get(name)):
            return what
    return ""


def gradient_fault(declared: Exercise, case: Case, want: Observation, got: Observation) -> str:
    for name, value in want.gradients.items():
        came = got.gradients.get(name)
        if came is None and value is not None:
            return (
                f"no gradient reaches {name}: something on the way cuts the graph "
                "(.detach(), .item(), .data, torch.no_grad, torch.tensor or NumPy)"
            )
        if isinstance(value, torch.Tensor):
            label = f"the gradient by {name}"
            if what := value_difference(declared, label, value, came):
                return what
    return ""


def value_difference(declared: Exercise, name: str, want: Plain, got: Plain) -> str:
    """What differs, in words, or nothing."""
    if isinstance(want, bool):
        should, does = ("should", "does not") if want else ("should not", "does")
        return "" if want == got else f"this {should} hold, and {does}: {name}"
    label = "" if name == "value" else f"{name}: "
    unit = f" {declared.unit}" if declared.unit and not name.startswith("the gradient") else ""
    if same(declared, want, got):
        return ""
    if isinstance(want, str):
        return f"{name}: expected {want}, got {got}"
    if not isinstance(want, torch.Tensor) or not isinstance(got, torch.Tensor):
        return f"{label}expected {plain(want)}{unit}, got {plain(got)}"
    if want.shape != got.shape:
        return f"{label}expected shape {shape(want)}, got {shape(got)}"
    index = first_difference(declared, want, got)
    where = f" at {list(index)}" if index else ""
    where = f" for {declared.entry} {index[0]}" if len(index) == 1 else where
    expected, came = number(want[index]), number(got[index])
    if expected == came:
        expected, came = f"{want[index].item():.9g}", f"{got[index].item():.9g}"
    return f"{label}expected {expected}{unit}{where}, got {came}{pattern(want, got)}"


def plain(value: Plain) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def number(value: torch.Tensor) -> str:
    return f"{value.item():.4g}" if value.is_floating_point() else str(value.item())


def tolerance(declared: Exercise, dtype: torch.dtype) -> tuple[float, float]:
    rtol, atol = TOLERANCES.get(dtype, (1e-4, 1e-5))
    rtol = rtol if declared.rtol is None else declared.rtol
    atol = atol if declared.atol is None else declared.atol
    return rtol, atol


def close(declared: Exercise, want: torch.Tensor, got: torch.Tensor) -> torch.Tensor:
    rtol, atol = tolerance(declared, want.dtype)
    return torch.isclose(got.double(), want.double(), rtol=rtol, atol=atol, equal_nan=True)


def same(declared: Exercise, want: Plain, got: Plain) -> bool:
    """Equal up to the exercise's tolerance, shape and type included."""
    if isinstance(want, torch.Tensor):
        alike = isinstance(got, torch.Tensor) and want.shape == got.shape
        return alike and want.dtype == got.dtype and bool(close(declared, want, got).all())
    if isinstance(want, list):
        alike = isinstance(got, list) and len(want) == len(got)
        return alike and all(same(declared, w, g) for w, g in zip(want, got, strict=True))
    if isinstance(want, float) and isinstance(got, int | float) and not isinstance(got, bool):
        return same(declared, torch.tensor(want).double(), torch.tensor(got).double())
    return type(want) is type(got) and want == got


def first_difference(declared: Exercise, want: torch.Tensor, got: torch.Tensor) -> tuple[int, ...]:
    differs = (~close(declared, want, got)).nonzero()
    return tuple(differs[0].tolist())


def pattern(want: torch.Tensor, got: torch.Tensor) -> str:
    """A remark where all values differ in one simple way."""
    want, got = want.double().flatten(), got.double().flatten()
    if want.numel() < 2 or not (want.isfinite().all() and got.isfinite().all()):
        return ""
    nonzero = want.abs() > 1e-6
    ratio = got[nonzero] / want[nonzero]
    if ratio.numel() > 1 and torch.allclose(got, ratio[0] * want, rtol=1e-3, atol=1e-6):
        factor = ratio[0].item()
        if abs(factor + 1) < 1e-3:
            return ": the sign is turned round everywhere"
        if abs(factor - 1) > 2e-3:  # a ratio of almost 1 says nothing
            return f": every value is {factor:.4g} times the expected one" if factor else ""
    offset = got - want
    if torch.allclose(offset, offset[:1], rtol=1e-3, atol=0):
        return f": every value differs by {offset[0].item():+.4g}"
    return ""


def recognise(
    declared: Exercise, cases: list[Case], got: list[Observation], index: int, seed: int
) -> Misconception | None:
    """The misconception whose behaviour this is: on all cases, else on the first that failed."""

    def shown_by(misconception: Misconception, at: int) -> bool:
        if misconception.drawing:
            return got[at].touched_random_state and not got[at].error
        if misconception.error not in got[at].error and got[at].error:
            return False
        theirs = (
            known_record(declared.name, misconception.name, seed, at, which)
            for which in range(len(misconception.answers))
        )
        return any(alike(declared, cases[at], record, got[at]) for record in theirs)

    # the case that failed tells most of them apart: only a match is worth the other cases
    there = [m for m in declared.misconceptions if shown_by(m, index)]
    others = [at for at in range(len(cases)) if at != index]
    everywhere = (m for m in there if all(shown_by(m, at) for at in others))
    return next(everywhere, there[0] if there else None)


@functools.lru_cache(maxsize=4096)
def known_record(
    name: str, misconception: str | None, seed: int, at: int, which: int = 0
) -> Observation:
    """What a misconception (its answer `which`), or else the oracle, does on one case of a seed.

    Remembered, so that a student who tries again does not wait for it again.
    """
    declared = exercise(name)
    answers = {m.name: m.answers for m in declared.misconceptions}
    answer = answers[misconception][which] if misconception else declared.oracle
    return observe(declared, answer, make_cases(declared, seed)[at : at + 1])[0]


def alike(declared: Exercise, case: Case, one: Observation, other: Observation) -> bool:
    if one.error or other.error:
        return one.error.partition(":")[0] == other.error.partition(":")[0]
    if one.changed_inputs != other.changed_inputs:
        return False
    if one.touched_random_state != other.touched_random_state:
        return False
    mine, theirs = facts(declared, case, one), facts(declared, case, other)
    if mine.keys() != theirs.keys() or one.gradients.keys() != other.gradients.keys():
        return False
    pairs = [(mine[n], theirs[n]) for n in mine]
    pairs += [(one.gradients[n], other.gradients[n]) for n in one.gradients]
    return all(same(declared, a, b) for a, b in pairs)
