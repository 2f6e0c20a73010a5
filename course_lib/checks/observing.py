"""Call an answer and write down what happened, as plain data and without an opinion.

`observe` runs where the student's code lives. What it returns can cross to another process by
`to_json` and `from_json`: numbers, strings, lists, dicts and tensors, never a pickle.
"""

from __future__ import annotations

import base64
import functools
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

from .declare import Case, Exercise, Plain, call_by_position, names
from .handed_over import Watch
from .state import known_state

LIBRARY = Path(__file__).parents[1]
CHECKS = Path(__file__).parent
LARGEST = 20_000_000  # numbers of a tensor that is kept; of a larger one its shape
LONGEST, DEEPEST = 10_000, 8  # strings and lists, lists in lists


@dataclass(frozen=True)
class Handed:
    """What the answer itself returned, handed on by an exercise's `call` as it came.

    Else a dict that a student returns would read as the record that a `call` makes.
    """

    result: Any


@dataclass(eq=False)  # a record is itself: the judge remembers the facts of each
class Observation:
    """What one call of an answer did.

    outputs: by name; gradients: of a fixed weighted sum of the outputs, by input name (None:
    no gradient arrived). error: "" or "TypeError: …", with the student's line in `where`.
    left_behind: names of `state.SETTINGS` that the call changed and did not put back.
    left_on_inputs: sentences about flags and gradients that stayed on what it was given.
    """

    attempted: bool = True
    error: str = ""
    where: str = ""
    outputs: dict[str, Plain] = field(default_factory=dict)
    gradients: dict[str, Plain] = field(default_factory=dict)
    changed_inputs: list[str] = field(default_factory=list)
    touched_random_state: bool = False
    left_behind: list[str] = field(default_factory=list)
    left_on_inputs: list[str] = field(default_factory=list)


def observe(exercise: Exercise, answer: Callable, cases: list[Case]) -> list[Observation]:
    """Call `answer` on every case, stopping where it turns out not to be written yet."""
    observations = []
    with known_state(), kept_random_state():
        for case in cases:
            observations.append(observe_case(exercise, answer, case))
            if not observations[-1].attempted:
                break
    return observations


def observe_case(exercise: Exercise, answer: Callable, case: Case) -> Observation:
    """Under a known state: a notebook's inference mode would make inference tensors of inputs."""
    observation = Observation()
    inputs = copy_inputs(case.inputs)
    watch = Watch(exercise.signature, inputs)
    with noting_errors(observation):
        try:
            with known_state() as left, known_random_state() as touched:
                result = exercise.call(watch.over(answer), inputs)
        finally:
            observation.left_on_inputs = watch.left()
        observation.outputs = plain_outputs(exercise, result)
        observation.changed_inputs = changed(case.inputs, inputs)
        observation.left_behind = left
        observation.touched_random_state = touched[0] and not exercise.random
        if is_ellipsis(handed(result)):
            observation.attempted = False
        elif case.gradients and not left:
            with known_state(), known_random_state(look=False):
                observation.gradients = differentiate(exercise, answer, case)
    return observation


@contextmanager
def noting_errors(observation: Observation) -> Iterator[None]:
    try:
        yield
    except (Exception, SystemExit) as error:
        note_error(observation, error)


def is_ellipsis(result: Any) -> bool:
    """Whether `...` came back, by itself or as all that a record of a `call` consists of."""
    parts = list(result.values()) if type(result) is dict else [result]
    parts = [part for value in parts for part in (value if type(value) is list else [value])]
    return bool(parts) and all(part is Ellipsis for part in parts)


def handed(result: Any) -> Any:
    return result.result if isinstance(result, Handed) else result


def plain_outputs(exercise: Exercise, result: Any) -> dict[str, Plain]:
    """The record that a `call` made, or what the answer returned, by name."""
    if isinstance(result, Mapping) and exercise.call is not call_by_position:
        return {str(n): to_plain(v) for n, v in result.items()}
    return named_outputs(handed(result), exercise.outputs)


def note_error(observation: Observation, error: BaseException) -> None:
    """An exercise counts as not written where a stub of the course raised, or a bare raise.

    PyTorch raises NotImplementedError too, for a dtype that a function does not take.
    """
    try:
        text = str(error)
    except Exception:
        text = "an error whose text cannot be read"
    text = printable(text)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if is_students(f.filename)]
    if own and own[-1].line:
        observation.where = f"line {own[-1].lineno} of your code: {own[-1].line}"
    stub = isinstance(error, NotImplementedError) and (not text or text in names())
    last = Path(frames[-1].filename) if frames else Path()
    # a `call` of the course raises a bare one itself where `...` came back
    if stub and (last.is_relative_to(CHECKS) or (own and own[-1] is frames[-1])):
        observation.attempted = False
    observation.error = f"{type(error).__name__}: {text[:LONGEST]}".strip()


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
        result = handed(exercise.call(answer, inputs))
        tensors = [t for t in differentiable(exercise, result) if t.requires_grad]
        if not tensors:
            return dict.fromkeys(leaves)
        total = sum((t * weights_like(t)).sum() for t in tensors)
        gradients = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return {n: None if g is None else to_plain(g) for n, g in zip(leaves, gradients, strict=True)}


def differentiable(exercise: Exercise, result: Any) -> list[torch.Tensor]:
    """The outputs that must carry a graph; the others may. All, where their number is wrong."""
    tensors = tensors_in(result)
    if exercise.graph and len(tensors) == len(exercise.outputs):
        named = zip(exercise.outputs, tensors, strict=True)
        tensors = [tensor for name, tensor in named if name in exercise.graph]
    return [t for t in tensors if isinstance(to_plain(t), torch.Tensor)]  # no odd kind


def tensors_in(result: Any) -> list[torch.Tensor]:
    if isinstance(result, Mapping):
        result = list(result.values())
    values = result if isinstance(result, tuple | list) else [result]
    return [v for v in values if isinstance(v, torch.Tensor)]


def weights_like(tensor: torch.Tensor) -> torch.Tensor:
    ramp = torch.linspace(0.5, 1.5, tensor.numel(), dtype=tensor.dtype, device=tensor.device)
    return ramp.reshape(tensor.shape)


def copy_inputs(inputs: Mapping[str, Plain]) -> dict[str, Any]:
    """Nothing of it is shared: an answer may write into a list as well."""
    return {n: copy_plain(v) for n, v in inputs.items()}


def copy_plain(value: Plain) -> Plain:
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, Mapping):
        return copy_inputs(value)
    return [copy_plain(v) for v in value] if isinstance(value, list) else value


def changed(before: Mapping[str, Plain], after: Mapping[str, Plain]) -> list[str]:
    return [n for n, v in before.items() if n not in after or not unchanged(v, after[n])]


def unchanged(before: Plain, after: Plain) -> bool:
    if isinstance(before, torch.Tensor):
        after = to_plain(after)
        alike = isinstance(after, torch.Tensor) and before.shape == after.shape
        return alike and before.dtype == after.dtype and same_bits(before, after)
    if isinstance(before, Mapping):
        return before.keys() == after.keys() and not changed(before, after)
    if isinstance(before, list):
        pairs = zip(before, after, strict=False)
        return len(before) == len(after) and all(unchanged(*pair) for pair in pairs)
    return before is after or before == after


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.equal(raw_bytes(one), raw_bytes(other))


def named_outputs(result: Any, outputs: tuple[str, ...]) -> dict[str, Plain]:
    """Name what was returned; a wrong number of results is itself recorded as plain text."""
    if len(outputs) == 1:
        return {outputs[0]: describe_one_tuple(result) or to_plain(result)}
    if isinstance(result, tuple | list) and len(result) == len(outputs):
        return {n: to_plain(v) for n, v in zip(outputs, result, strict=True)}
    came = f"{len(result)} values" if isinstance(result, tuple | list) else describe_type(result)
    return {"returned": came}


def describe_one_tuple(result: Any) -> str:
    """A comma behind `return value` makes a tuple of it."""
    if type(result) is not tuple or len(result) != 1:
        return ""
    inside = describe_type(result[0])
    return f"a tuple with {inside} in it: is there a comma behind the value that is returned?"


def to_plain(value: Any, depth: int = 0) -> Plain:
    """Plain data as it is, and of everything else what it is, in words."""
    if isinstance(value, torch.Tensor):
        return plain_tensor(value)
    for kind, read in PLAIN_TYPES.items():
        if isinstance(value, kind):
            return read(value)
    if isinstance(value, list | tuple):
        if depth == DEEPEST or len(value) > LONGEST:
            return describe_type(value)
        return [to_plain(v, depth + 1) for v in value]
    return None if value is None else describe_type(value)


def printable(text: str) -> str:
    """Without halves of characters, at which a print would fail."""
    return text.encode("utf-8", "replace").decode()


# A subclass may answer as it likes; these read what it holds.
PLAIN_TYPES = {
    bool: bool,
    int: lambda n: (
        int.__int__(n) if int.bit_length(n) <= 128 else f"a number of {int.bit_length(n)} bits"
    ),
    float: float.__float__,
    str: lambda text: printable(str.__str__(text)[:LONGEST]),
}


def plain_tensor(value: torch.Tensor) -> Plain:
    """A dense, real tensor on the CPU, of no subclass; of any other its kind, dtype and shape."""
    with torch._C.DisableTorchFunctionSubclass():
        if tensor_kind(value) != "tensor" or value.numel() > LARGEST:
            return describe_type(value)
        return torch.Tensor.detach(value).cpu().clone().as_subclass(torch.Tensor)


def tensor_kind(value: torch.Tensor) -> str:
    """`tensor`, or which odd kind it is."""
    if value.is_nested:
        return "nested tensor"
    if value.layout is not torch.strided:
        return "sparse tensor"
    if value.is_quantized:
        return "quantized tensor"
    if value.device.type == "meta":
        return "tensor on the device «meta», which holds no numbers,"
    return f"{value.dtype}".removeprefix("torch.") + " tensor" if value.is_complex() else "tensor"


def describe_type(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        with torch._C.DisableTorchFunctionSubclass():
            kind = tensor_kind(value)
            shape = "" if value.is_nested else f" of shape {tuple(value.shape)}"
        return f"a {kind}{shape}"
    if isinstance(value, numpy.ndarray):
        return f"a NumPy array of shape {value.shape}"
    if type(value) in (list, tuple):
        return f"a {type(value).__name__} of {len(value)} things"
    return "None" if value is None else f"a {type(value).__name__}"


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Put the global random states back as they were."""
    generator = numpy.random.get_bit_generator()
    before = torch.get_rng_state(), numpy.random.get_state(legacy=False), random.getstate()
    try:
        yield
    finally:
        torch.set_rng_state(before[0])
        numpy.random.set_bit_generator(generator)
        numpy.random.set_state(before[1])
        random.setstate(before[2])


@contextmanager
def known_random_state(look: bool = True) -> Iterator[list[bool]]:
    """Run with known global random states, and `look` whether they moved."""
    generator = numpy.random.get_bit_generator()
    touched = [False]
    seed_with_zero()
    start = state_of_seed_zero() if look else None
    try:
        yield touched
        touched[0] = look and random_state() != start
    finally:
        numpy.random.set_bit_generator(generator)  # an answer may have set one of its own


def seed_with_zero() -> None:
    torch.random.default_generator.manual_seed(0)
    numpy.random.seed(0)
    random.seed(0)


@functools.cache
def state_of_seed_zero() -> tuple:
    seed_with_zero()
    return random_state()


def random_state() -> tuple:
    torchs = torch.get_rng_state().numpy().tobytes()
    return torchs, numpy_state(), random.getstate()


def numpy_state() -> tuple:
    """All of it: the position alone is back where it was after 312 doubles."""
    state = numpy.random.get_state(legacy=False)
    words = state["state"].pop("key", None)
    return None if words is None else words.tobytes(), repr(state)


def to_json(observations: list[Observation]) -> str:
    """Observations as text that holds numbers, strings and raw arrays only."""
    return json.dumps([asdict(o) for o in observations], default=encode_tensor)


def from_json(text: str) -> list[Observation]:
    """The inverse of `to_json`."""
    return [Observation(**o) for o in json.loads(text, object_hook=decode_tensor)]


def encode_tensor(tensor: torch.Tensor) -> dict[str, Any]:
    raw = base64.b64encode(raw_bytes(tensor).numpy().tobytes()).decode()
    dtype = str(tensor.dtype).removeprefix("torch.")
    return {"dtype": dtype, "shape": list(tensor.shape), "base64": raw}


def raw_bytes(tensor: torch.Tensor) -> torch.Tensor:
    """What it holds, bit by bit: NumPy has no bfloat16, and a NaN is not equal to itself."""
    return tensor.contiguous().flatten().view(torch.uint8)


def decode_tensor(item: dict[str, Any]) -> Any:
    if item.keys() != {"dtype", "shape", "base64"}:
        return item
    raw = bytearray(base64.b64decode(item["base64"]))
    dtype = getattr(torch, item["dtype"])
    flat = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
    return flat.reshape(item["shape"])
