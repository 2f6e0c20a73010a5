"""Whatever an answer returns, raises or leaves behind: a verdict, never an exception."""

import contextlib
import dataclasses
import dis
import os
import threading

import numpy
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import checks
from course_lib.checks import from_json, judge, judging, make_cases, names, observe, run, to_json
from course_lib.checks.observing import Observation
from course_lib.checks.state import SETTINGS, known_state
from tests.lessons import solution

KL = "divergences.kl_gaussian"
ODD_FOR = (  # a formula, one with a driver, pairs, networks, steps, files
    KL,
    "divergences.kl_monte_carlo",
    "autoencoders.corrupt",
    "better_vaes.kl_weight",
    "vae.Encoder",
    "vae.train_step",
    "first_gan.adam_step",
    "start.save_images",
    "likelihood.binarize",
)


class Hostile:
    """Raises at whatever is asked of it."""

    def refuse(self, *arguments, **named):
        raise RuntimeError("no")

    __repr__ = __str__ = __len__ = __eq__ = __bool__ = __iter__ = __getitem__ = refuse
    __float__ = __int__ = __index__ = __array__ = __call__ = __add__ = refuse
    __hash__ = None


class OddTensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), named=None):
        raise RuntimeError("no")


class EqualToAll(float):
    def __eq__(self, other):
        return True

    __hash__ = float.__hash__


async def coroutine():
    return 1


def endless() -> list:
    loop = []
    loop.append(loop)
    return loop


def closed(made):
    made.close()
    return made


ODD = {
    "None": lambda: None,
    "a sparse tensor": lambda: torch.eye(3).to_sparse(),
    "a CSR tensor": lambda: torch.eye(3).to_sparse_csr(),
    "a quantized tensor": lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8),
    "a nested tensor": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "a tensor on meta": lambda: torch.empty(3, device="meta"),
    "a complex tensor": lambda: torch.ones(3, dtype=torch.complex64),
    "a bfloat16 tensor": lambda: torch.ones(3, dtype=torch.bfloat16),
    "a subclass": lambda: torch.ones(3).as_subclass(OddTensor),
    "a parameter": lambda: nn.Parameter(torch.ones(3)),
    "a huge tensor": lambda: torch.ones(1).expand(10**10),
    "NaN": lambda: torch.full((3,), torch.nan),
    "an empty tensor": lambda: torch.ones(0, 3),
    "a generator": lambda: (n for n in range(3)),
    "a class": lambda: Hostile,
    "a hostile object": Hostile,
    "a list of hostile objects": lambda: [Hostile(), Hostile()],
    "a coroutine": lambda: closed(coroutine()),
    "a module": lambda: dis,
    "a network": lambda: nn.Linear(2, 2),
    "a dict": lambda: {"value": torch.ones(3).double()},
    "an endless list": endless,
    "a long list": lambda: [0.5] * 100_000,
    "a long string": lambda: "nonsense " * 10_000,
    "a huge integer": lambda: 10**5000,
    "a float that equals everything": lambda: EqualToAll(0.5),
    "a tuple of one": lambda: (torch.ones(3).double(),),
    "bytes": lambda: b"\xff" * 5000,
    "a lock": threading.Lock,
    "Ellipsis inside": lambda: [..., 1],
} | {
    f"numpy {numpy.dtype(code)}": lambda code=code: numpy.ones(3).astype(code)
    for code in numpy.typecodes["All"]
    if code not in "mM"
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ODD_FOR)
def test_no_odd_result_raises_or_passes_or_floods_the_screen(name):
    for kind, make in ODD.items():
        verdict = run(name, lambda *inputs, make=make: make())
        assert not verdict.passed, kind
        assert verdict.attempted, (kind, verdict.message)
        assert len(verdict.message) <= judging.LONGEST_MESSAGE, (kind, verdict.message)
        cases = make_cases(checks.exercise(name), 0)
        record = observe(checks.exercise(name), lambda *inputs, make=make: make(), cases)
        assert judge(name, from_json(to_json(record))) == verdict, kind


@pytest.mark.parametrize("name", names())
def test_every_message_has_room_for_its_sentence(name):
    for misconception in checks.exercise(name).misconceptions:
        assert len(misconception.sentence) <= judging.LONGEST_MESSAGE - 150


def right(*inputs):
    return solution(KL)(*inputs)


def test_a_comma_behind_the_result_is_named():
    verdict = run("start.image_grid", lambda images, columns: (torch.ones(3, 400, 400),))
    assert "is there a comma" in verdict.message and len(verdict.message) < 250


def test_a_dict_is_no_value():
    message = run(KL, lambda *inputs: {"value": right(*inputs)}).message
    assert "expected a float64 tensor of shape (3,), got a dict" in message


@pytest.mark.parametrize("leave", [exit, lambda: os.sys.exit(3)], ids=["exit", "sys.exit"])
def test_exit_does_not_end_the_notebook(leave):
    assert "exit() ends the whole notebook" in run(KL, lambda *inputs: leave()).message


def test_a_draw_that_wraps_around_numpys_state_is_seen():
    def draws(*inputs):
        numpy.random.rand(312)
        return right(*inputs)

    assert "the global random state moved" in run(KL, draws).message


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.bool, torch.int64])
@pytest.mark.parametrize("shape", [(), (0, 2), (2, 3)])
def test_every_dtype_crosses_as_text(dtype, shape):
    sent = (torch.rand(shape) * 3).to(dtype)
    (came,) = from_json(to_json([Observation(outputs={"value": sent})]))
    assert came.outputs["value"].dtype is dtype and torch.equal(came.outputs["value"], sent)


# not written, or an error of PyTorch's own

INTEGERS = torch.arange(12).reshape(1, 1, 3, 4)
UNSUPPORTED = {
    "avg_pool2d": lambda: F.avg_pool2d(INTEGERS.byte(), 2),
    "bernoulli": lambda: torch.bernoulli(INTEGERS),
    "softmax": lambda: INTEGERS.softmax(0),
    "interpolate": lambda: F.interpolate(INTEGERS, scale_factor=2, mode="bilinear"),
    "logsigmoid": lambda: F.logsigmoid(INTEGERS),
    "gelu": lambda: F.gelu(INTEGERS),
    "half svd": lambda: torch.linalg.svd(torch.ones(2, 2).half()),
}


@pytest.mark.parametrize("function", UNSUPPORTED)
def test_an_error_of_pytorchs_own_is_told(function):
    verdict = run("start.rescale", lambda images, low, high: UNSUPPORTED[function]())
    assert verdict.attempted and "your code raised" in verdict.message


def test_only_a_stub_counts_as_not_written():
    def own_words(*inputs):
        raise NotImplementedError("only for square images")

    def bare(*inputs):
        raise NotImplementedError

    assert "only for square images" in run(KL, own_words).message
    assert run(KL, bare).message == "not written yet"


# state that outlives a call


def leave_open(context):
    def leave():
        kept.append(context)
        context.__enter__()

    return leave


kept: list = []
LEFT = {
    "gradients": lambda: torch.set_grad_enabled(False),
    "inference mode": lambda: leave_open(torch.inference_mode())(),
    "autocast": lambda: leave_open(torch.autocast("cpu", torch.bfloat16))(),
    "default dtype": lambda: torch.set_default_dtype(torch.float64),
    "default device": lambda: torch.set_default_device("meta"),
    "deterministic flags": lambda: torch.use_deterministic_algorithms(True),
    "anomaly detection": lambda: torch.set_anomaly_enabled(True),
    "matrix precision": lambda: torch.set_float32_matmul_precision("medium"),
    "threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "working directory": lambda: os.chdir("/"),
}


def settings() -> dict:
    return {name: setting.read() for name, setting in SETTINGS.items()}


@pytest.mark.parametrize("left", LEFT)
def test_what_an_answer_leaves_behind_is_named_and_put_back(left):
    def leaves(*inputs):
        value = right(*inputs)
        LEFT[left]()
        return value

    before = settings()
    verdict = run(KL, leaves)
    assert not verdict.passed and SETTINGS[left].sentence in verdict.message
    assert settings() == before and run(KL, right).passed


def test_every_setting_is_tried():
    assert LEFT.keys() == SETTINGS.keys()


@contextlib.contextmanager
def double_by_default():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def meta_by_default():
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


STATES = {
    "double": double_by_default,
    "meta": meta_by_default,
    "no_grad": torch.no_grad,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("state", STATES)
def test_the_notebooks_state_decides_nothing(name, state, request):
    """Slow exercises, networks and steps, under two of the states in turn: they share the guard."""
    if checks.exercise(name).slow and (names().index(name) + list(STATES).index(state)) % 3:
        pytest.skip("its turn comes under another state")
    answer = solution(name)
    judging.known_record.cache_clear()
    with STATES[state]():
        inside = settings()
        verdict = run(name, answer)
        assert verdict.passed, verdict.message
        assert settings() == inside
    assert run(name, answer).passed


def test_a_broken_oracle_is_not_remembered_and_not_the_students_fault(monkeypatch):
    declared = checks.exercise(KL)

    def raises(*inputs):
        raise ZeroDivisionError("ours")

    broken = dataclasses.replace(declared, oracle=raises)
    judging.known_record.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(judging, "exercise", lambda name: broken)
        verdict = run(KL, right)
    assert not verdict.passed and not verdict.attempted
    assert "says nothing about your answer" in verdict.message and "ours" in verdict.message
    assert run(KL, right).passed


def test_a_bug_in_our_facts_is_not_the_students_mistake(monkeypatch):
    def raises(inputs, outputs):
        raise KeyError("ours")

    broken = dataclasses.replace(checks.exercise(KL), facts=raises)
    monkeypatch.setattr(judging, "exercise", lambda name: broken)
    assert "says nothing about your answer" in run(KL, right).message


def test_the_known_state_is_the_known_state():
    with double_by_default(), torch.no_grad(), known_state() as left:
        assert torch.is_grad_enabled() and torch.get_default_dtype() is torch.float32
    assert left == []
