"""Compare what an answer did with what the oracle does, and find the sentence that helps.

The judge makes the inputs, reads the plain record that `observe` wrote, and needs no access to
the student's code.
"""

from __future__ import annotations

import functools
import re
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch

from .declare import Case, Exercise, Misconception, Plain, exercise, make_cases
from .observing import Observation, observe
from .state import SETTINGS, known_state

TOLERANCES = {
    torch.float64: (1e-6, 1e-8),
    torch.float16: (1e-2, 1e-3),
    torch.bfloat16: (2e-2, 1e-2),
}
SINGLE = (1e-4, 1e-5)
LONGEST_MESSAGE = 600


class BrokenCheck(Exception):
    """A check failed by itself; the answer may be right."""


@dataclass(frozen=True)
class Verdict:
    """The result of a check: `message` is one short paragraph of plain text.

    Where an answer fails, it is `what` differs and, where it is known, the likely `cause`.
    """

    name: str
    passed: bool
    message: str
    misconception: str | None = None
    attempted: bool = True
    what: str = ""
    cause: str = ""


def run(name: str, answer: Callable, seed: int = 0) -> Verdict:
    """Observe and judge in one process. Never raises for a wrong answer.

    >>> run("divergences.entropy", lambda p: ...).message
    'not written yet'
    """
    declared = exercise(name)
    if not callable(answer):
        return Verdict(name, False, f"expected a function or class, got {describe(answer)}")
    with known_state():
        try:
            cases = make_cases(declared, seed)
        except Exception as error:
            return broken(name, error)
        return judge(name, observe(declared, answer, cases), seed)


def broken(name: str, error: Exception) -> Verdict:
    """No verdict on the answer: `attempted` is False, so that nothing is held against it."""
    what = f"{type(error).__name__}: {error}" if not isinstance(error, BrokenCheck) else str(error)
    message = (
        f"this check broke by itself, which says nothing about your answer ({shortened(what)}). "
        "Restart the kernel and try again; where it stays, please report it to the course"
    )
    return Verdict(name, False, message, attempted=False)


def judge(name: str, observations: list[Observation], seed: int = 0) -> Verdict:
    """Judge a record of the answer on the cases that `make_cases(exercise, seed)` gives."""
    declared = exercise(name)
    with known_state():
        return judge_here(declared, observations, seed)


def judge_here(declared: Exercise, observations: list[Observation], seed: int) -> Verdict:
    name = declared.name
    missing = next((o for o in observations if not o.attempted), None)
    if missing:
        return Verdict(name, False, unwritten(name, missing.error), attempted=False)
    cases = known_cases(declared, seed)
    if len(observations) != len(cases):
        raise ValueError(
            f"{name}: a record of {len(cases)} cases was expected, {len(observations)} came; "
            "observe and judge with the same seed"
        )
    try:
        expected = [known_record(name, None, seed, at) for at in range(len(cases))]
        for case, want in zip(cases, expected, strict=True):
            declared.facts(case.inputs, want.outputs)
        fault = next(faults(declared, cases, expected, observations), None)
        if fault is None:
            return Verdict(name, True, "right")
        index, what = fault
        match = recognise(declared, cases, observations, index, seed)
        pair = expected[index], observations[index]
        remark = "" if match else other_dtype(declared, cases[index], *pair)
        if remark:  # the dtype is told first only where it is all that is wrong
            loose = as_loose_as(declared, observations[index])
            cast = [in_dtypes_of(w, o) for w, o in zip(expected, observations, strict=True)]
            if deeper := next(faults(loose, cases, expected, cast), None):
                index, what = deeper
                match = recognise(loose, cases, cast, index, seed)
                what += remark
    except Exception as error:
        return broken(name, error)
    cause = match.sentence if match else ""
    what = shortened(what, LONGEST_MESSAGE - len(cause) - 1)
    known = match.name if match else None
    return Verdict(name, False, f"{what} {cause}".rstrip(), known, what=what, cause=cause)


def other_dtype(declared: Exercise, case: Case, want: Observation, got: Observation) -> str:
    """A remark where an output came in another floating dtype than the one that is wanted."""
    seen = facts(declared, case, got)  # which may have taken any dtype for right
    for name, value in want.outputs.items():
        came = got.outputs.get(name)
        if of_another_dtype(value, came) and of_another_dtype(value, seen.get(name, came)):
            label = "" if len(want.outputs) == 1 else f" of {name}"
            return f" The dtype{label} is another one, too: {kind(came)}, not {kind(value)}."
    return ""


def of_another_dtype(want: Plain, got: Plain) -> bool:
    both = isinstance(want, torch.Tensor) and isinstance(got, torch.Tensor)
    floats = both and want.is_floating_point() and got.is_floating_point()
    return floats and want.shape == got.shape and want.dtype != got.dtype


def as_loose_as(declared: Exercise, got: Observation) -> Exercise:
    """With the tolerance of the least precise dtype that came."""
    came = {v.dtype for v in got.outputs.values() if isinstance(v, torch.Tensor)}
    pairs = [tolerance(declared, dtype) for dtype in came]
    pairs += [TOLERANCES.get(dtype, SINGLE) for dtype in came]
    rtols, atols = zip(*pairs, strict=True)
    return replace(declared, rtol=max(rtols), atol=max(atols))


def in_dtypes_of(want: Observation, got: Observation) -> Observation:
    """The record as it would be with the dtypes that are wanted: what else is wrong with it?"""
    outputs = {
        n: v.to(want.outputs[n].dtype) if of_another_dtype(want.outputs.get(n), v) else v
        for n, v in got.outputs.items()
    }
    return replace(got, outputs=outputs)


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
    where = f", at {shortened(got.where)}" if got.where else ""
    given = f"; the inputs were {shapes}" if shapes else ""
    error = shortened(" ".join(got.error.split()).rstrip(".: "), 250)
    if error.startswith("SystemExit"):
        error = "SystemExit: exit() ends the whole notebook, an answer returns"
    told = f"{error}{in_words(got.error)}{frozen_before(got)}"
    return f"your code raised {told}{where}{given}"


def frozen_before(got: Observation) -> str:
    """Where a second call finds no gradients, the first one may have left it so."""
    if "does not require grad" not in got.error or not got.left_on_inputs:
        return ""
    return f" ({got.left_on_inputs[0]})"


def in_words(error: str) -> str:
    """What some of PyTorch's complaints mean, such as those of a matrix product."""
    if "does not require grad and does not have a grad_fn" in error:
        return " (what is differentiated was not made from a tensor that requires gradients)"
    if "before Module.__init__() call" in error:
        return " (super().__init__() stands first in __init__, before layers are assigned)"
    if "Inference tensors cannot be saved for backward" in error:
        return " (a tensor made in inference mode is used: make it outside of it)"
    found = re.search(r"shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x\d+\)", error)
    if not found:
        return ""
    rows, came, wanted = found.groups()
    if "addmm" in error:  # with a bias: nothing but a layer does that
        return f" (a linear layer for {wanted} numbers got {rows} rows of {came})"
    return f" (a matrix that takes rows of {wanted} numbers got {rows} rows of {came})"


def form_fault(declared: Exercise, case: Case, want: Observation, got: Observation) -> str:
    """Number, type, shape, dtype of what came."""
    if want.outputs.keys() != got.outputs.keys():
        forms = want.outputs.get("form"), got.outputs.get("form")  # of a call that read no further
        if all(isinstance(form, str) for form in forms) and forms[0] != forms[1]:
            return f"expected {forms[0]}, got {shortened(forms[1])}"
        named = declared.outputs  # a record's own names are none that a student knows
        came = shortened(got.outputs.get("returned", ", ".join(got.outputs)))
        count = f"{len(named)} result{'' if len(named) == 1 else 's'}"
        return f"expected {count} ({', '.join(named)}), got {came}"
    wanted, came = facts(declared, case, want), facts(declared, case, got)
    for name, value in wanted.items():
        if name not in came and name not in want.outputs:
            continue  # a fact that an earlier one, which does not hold, kept from being read
        if what := form_difference(name, value, came.get(name)):
            return what
    return ""


_facts: weakref.WeakKeyDictionary[Observation, dict[str, Plain]] = weakref.WeakKeyDictionary()


def facts(declared: Exercise, case: Case, observation: Observation) -> dict[str, Plain]:
    """The facts of a record, read once."""
    if observation not in _facts:
        _facts[observation] = read_facts(declared, case, observation)
    return _facts[observation]


def read_facts(declared: Exercise, case: Case, observation: Observation) -> dict[str, Plain]:
    """Outputs of a form that the facts cannot read are their own facts."""
    try:
        return dict(declared.facts(case.inputs, observation.outputs))
    except Exception:
        return dict(observation.outputs)


def form_difference(name: str, want: Plain, got: Plain) -> str:
    label = "" if name == "value" else f"{name}: "
    if isinstance(want, torch.Tensor):
        if got is None:
            return f"{label}expected {tensor_form(want)}, got None: does the function return?"
        if not isinstance(got, torch.Tensor):
            came = shortened(got) if isinstance(got, str) else describe(got)
            return f"{label}expected {tensor_form(want)}, got {came}"
        if want.shape != got.shape:
            return f"{label}expected shape {shape(want)}, got {shape(got)}{shape_remark(want, got)}"
        if want.dtype != got.dtype:
            return f"{label}expected dtype {kind(want)}, got {kind(got)}"
    elif got is None and isinstance(want, int | float) and not isinstance(want, bool):
        return f"{label}expected the {type(want).__name__} {want!r}, got None: does it return?"
    return ""


def shortened(text: str, most: int = 120) -> str:
    """The text, its middle left out where it is longer than `most`."""
    return text if len(text) <= most else f"{text[: most - most // 3]} … {text[-most // 3 + 3 :]}"


def describe(value: Plain) -> str:
    """A value that came in the place of another, in a few words."""
    if isinstance(value, list):
        inside = ", ".join(describe(v) for v in value[:3])
        return f"the list of {len(value)} things ({inside}{', …' if len(value) > 3 else ''})"
    if isinstance(value, torch.Tensor):
        return tensor_form(value)
    if not isinstance(value, bool | int | float | str):
        return f"a {type(value).__name__}"
    return shortened(f"the {type(value).__name__} {value!r}", 80)


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
        tables = any(isinstance(case.inputs.get(name), list | dict) for name in got.changed_inputs)
        new = "a copy" if tables else "a new tensor"
        return f"{changed} changed in place: work on {new}, the caller still needs the old"
    if left := [what for what in got.left_on_inputs if what not in want.left_on_inputs]:
        return left[0]
    if got.touched_random_state and not want.touched_random_state:
        return "the global random state moved: draw from what is passed in, or from nothing"
    left = [name for name in got.left_behind if name in SETTINGS and name not in want.left_behind]
    return SETTINGS[left[0]].sentence if left else ""


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
        came = shortened(got) if isinstance(got, str) else plain(got)
        return f"{name}: expected {want}, got {came}"
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
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return shortened(value)
    return describe(value) if isinstance(value, list | torch.Tensor) else shortened(repr(value), 80)


def number(value: torch.Tensor) -> str:
    return f"{value.item():.4g}" if value.is_floating_point() else str(value.item())


def tolerance(declared: Exercise, dtype: torch.dtype) -> tuple[float, float]:
    rtol, atol = TOLERANCES.get(dtype, SINGLE)
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
    if nonzero.any() and got.abs().max() < 1e-4 * want.abs().max():
        return ": every value is (almost) zero" if got.any() else ": every value is zero"
    ratio = got[nonzero] / want[nonzero]
    if ratio.numel() > 1 and torch.allclose(got, ratio[0] * want, rtol=1e-3, atol=1e-6):
        factor = ratio[0].item()
        if abs(factor + 1) < 1e-3:
            return ": the sign is turned round everywhere"
        if abs(factor - 1) > 2e-3:  # a ratio of almost 1 says nothing
            return f": every value is {factor:.4g} times the expected one"
    offset = got - want
    if torch.allclose(offset, offset[:1], rtol=1e-3, atol=0):
        return f": every value differs by {offset[0].item():+.4g}"
    return ""


def recognise(
    declared: Exercise, cases: list[Case], got: list[Observation], index: int, seed: int
) -> Misconception | None:
    """The misconception whose behaviour this is: on all cases, else on the first that failed.

    Of an exercise whose results coincide by chance it is the one of all cases alone.
    """

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
    if declared.coincident:
        return next(everywhere, None)
    # an error's type alone says little: where a misconception names no words of it, all must match
    here = (m for m in there if m.error or not got[index].error)
    return next(everywhere, next(here, None))


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
    record = observe(declared, answer, [known_cases(declared, seed)[at]])[0]
    if record.error and not misconception:  # raised, so it is not remembered either
        raise BrokenCheck(f"the oracle raised {record.error}")
    return record


@functools.lru_cache(maxsize=64)
def known_cases(declared: Exercise, seed: int) -> list[Case]:
    """The judge's own: `observe` gives copies of them away."""
    return make_cases(declared, seed)


def alike(declared: Exercise, case: Case, one: Observation, other: Observation) -> bool:
    if one.error or other.error:
        return one.error.partition(":")[0] == other.error.partition(":")[0]
    if one.changed_inputs != other.changed_inputs:
        return False
    if one.touched_random_state != other.touched_random_state:
        return False
    if one.left_behind != other.left_behind or one.left_on_inputs != other.left_on_inputs:
        return False
    mine, theirs = facts(declared, case, one), facts(declared, case, other)
    if mine.keys() != theirs.keys() or one.gradients.keys() != other.gradients.keys():
        return False
    pairs = [(mine[n], theirs[n]) for n in mine]
    pairs += [(one.gradients[n], other.gradients[n]) for n in one.gradients]
    return all(same(declared, a, b) for a, b in pairs)
