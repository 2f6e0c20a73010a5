"""Call an answer and write down what happened, as plain data and without an opinion.

`observe` runs where the student's code lives. What it returns can cross to another process by
`to_json` and `from_json`: numbers, strings, lists, dicts and tensors, never a pickle.
"""

from __future__ import annotations

import base64
import json
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy
import torch

from .declare import Case, Exercise, Plain

LIBRARY = Path(__file__).parents[1]


@dataclass
class Observation:
    """What one call of an answer did.

    outputs: by name; gradients: of a fixed weighted sum of the outputs, by input name (None:
    no gradient arrived). error: "" or "TypeError: …", with the student's line in `where`.
    """

    attempted: bool = True
    error: str = ""
    where: str = ""
    outputs: dict[str, Plain] = field(default_factory=dict)
    gradients: dict[str, Plain] = field(default_factory=dict)
    changed_inputs: list[str] = field(default_factory=list)
    touched_random_state: bool = False


def observe(exercise: Exercise, answer: Callable, cases: list[Case]) -> list[Observation]:
    """Call `answer` on every case, stopping where it turns out not to be written yet."""
    observations = []
    for case in cases:
        observations.append(observe_case(exercise, answer, case))
        if not observations[-1].attempted:
            break
    return observations


def observe_case(exercise: Exercise, answer: Callable, case: Case) -> Observation:
    observation = Observation()
    inputs = copy_inputs(case.inputs)
    try:
        with guarded_random_state() as touched:
            result = exercise.call(answer, inputs)
            observation.outputs = named_outputs(result, exercise.outputs)
        observation.touched_random_state = touched[0] and not exercise.random
        observation.changed_inputs = changed(case.inputs, inputs)
        if result is Ellipsis:
            observation.attempted = False
        elif case.gradients:
            with guarded_random_state():
                observation.gradients = differentiate(exercise, answer, case)
    except Exception as error:
        note_error(observation, error)
    return observation


def note_error(observation: Observation, error: Exception) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if is_students(f.filename)]
    if own and own[-1].line:
        observation.where = f"line {own[-1].lineno} of your code: {own[-1].line}"
    if isinstance(error, NotImplementedError) and own and own[-1] is frames[-1]:
        observation.attempted = False
    observation.error = f"{type(error).__name__}: {error}".strip()


def is_students(filename: str) -> bool:
    """Whether a frame's file is neither the course's library nor an installed package."""
    path = Path(filename)
    installed = "site-packages" in path.parts or path.is_relative_to(sys.base_prefix)
    return not installed and not path.is_relative_to(LIBRARY) and not filename.startswith("<frozen")


def differentiate(exercise: Exercise, answer: Callable, case: Case) -> dict[str, Plain]:
    """Gradients of a weighted sum of all floating outputs, by the case's differentiable inputs.

    The weights differ from one element to the next, so that a wrong reduction shows.
    """
    inputs = copy_inputs(case.inputs)
    leaves = {name: inputs[name].requires_grad_(True) for name in case.gradients}
    with torch.enable_grad():
        result = exercise.call(answer, inputs)
        tensors = [t for t in differentiable(exercise, result) if t.requires_grad]
        if not tensors:
            return dict.fromkeys(leaves)
        total = sum((t * weights_like(t)).sum() for t in tensors)
        gradients = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return {n: None if g is None else to_plain(g) for n, g in zip(leaves, gradients, strict=True)}


def differentiable(exercise: Exercise, result: Any) -> list[torch.Tensor]:
    """The outputs that must carry a graph; the others may. All, where their number is wrong."""
    tensors = tensors_in(result)
    if not exercise.graph or len(tensors) != len(exercise.outputs):
        return tensors
    return [t for n, t in zip(exercise.outputs, tensors, strict=True) if n in exercise.graph]


def tensors_in(result: Any) -> list[torch.Tensor]:
    if isinstance(result, Mapping):
        result = list(result.values())
    values = result if isinstance(result, tuple | list) else [result]
    return [v for v in values if isinstance(v, torch.Tensor)]


def weights_like(tensor: torch.Tensor) -> torch.Tensor:
    ramp = torch.linspace(0.5, 1.5, tensor.numel(), dtype=tensor.dtype, device=tensor.device)
    return ramp.reshape(tensor.shape)


def copy_inputs(inputs: Mapping[str, Plain]) -> dict[str, Any]:
    return {n: v.clone() if isinstance(v, torch.Tensor) else v for n, v in inputs.items()}


def changed(before: Mapping[str, Plain], after: Mapping[str, Plain]) -> list[str]:
    tensors = [n for n, v in before.items() if isinstance(v, torch.Tensor)]
    return [
        n
        for n in tensors
        if before[n].shape != after[n].shape
        or not torch.allclose(before[n], after[n], rtol=0, atol=0, equal_nan=True)
    ]


def named_outputs(result: Any, outputs: tuple[str, ...]) -> dict[str, Plain]:
    """Name what was returned; a wrong number of results is itself recorded as plain text."""
    if isinstance(result, Mapping):
        return {str(n): to_plain(v) for n, v in result.items()}
    if len(outputs) == 1:
        return {outputs[0]: to_plain(result)}
    if isinstance(result, tuple | list) and len(result) == len(outputs):
        return {n: to_plain(v) for n, v in zip(outputs, result, strict=True)}
    came = f"{len(result)} values" if isinstance(result, tuple | list) else describe_type(result)
    return {"returned": came}


def to_plain(value: Any) -> Plain:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    if isinstance(value, list | tuple):
        return [to_plain(v) for v in value]
    return describe_type(value)


def describe_type(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, numpy.ndarray):
        return f"a NumPy array of shape {value.shape}"
    return "None" if value is None else f"a {type(value).__name__}"


@contextmanager
def guarded_random_state() -> Iterator[list[bool]]:
    """Run with known global random states, note whether they moved, and put the old ones back."""
    before = torch.get_rng_state(), numpy.random.get_state(), random.getstate()
    touched = [False]
    try:
        torch.random.default_generator.manual_seed(0)
        numpy.random.seed(0)
        random.seed(0)
        start = torch.get_rng_state(), numpy.random.get_state()[2], random.getstate()
        yield touched
        touched[0] = (
            not torch.equal(start[0], torch.get_rng_state())
            or start[1] != numpy.random.get_state()[2]
            or start[2] != random.getstate()
        )
    finally:
        torch.set_rng_state(before[0])
        numpy.random.set_state(before[1])
        random.setstate(before[2])


def to_json(observations: list[Observation]) -> str:
    """Observations as text that holds numbers, strings and raw arrays only."""
    return json.dumps([asdict(o) for o in observations], default=encode_tensor)


def from_json(text: str) -> list[Observation]:
    """The inverse of `to_json`."""
    return [Observation(**o) for o in json.loads(text, object_hook=decode_tensor)]


def encode_tensor(tensor: torch.Tensor) -> dict[str, Any]:
    array = tensor.contiguous().numpy()
    raw = base64.b64encode(array.tobytes()).decode()
    return {"dtype": str(array.dtype), "shape": list(array.shape), "base64": raw}


def decode_tensor(item: dict[str, Any]) -> Any:
    if item.keys() != {"dtype", "shape", "base64"}:
        return item
    raw = numpy.frombuffer(base64.b64decode(item["base64"]), dtype=item["dtype"])
    return torch.from_numpy(raw.copy()).reshape(item["shape"])
