"""What is read from an answer does not depend on what it leaves behind, nor on the notebook."""

import random

import numpy
import pytest
import torch
from torch import nn

from course_lib import checks
from course_lib.checks import Case, exercise, from_json, judge, make_cases, observe, run, to_json
from course_lib.checks.state import known_state, read_device
from tests.lessons import solution

KL = "divergences.kl_gaussian"


def right(*inputs):
    return solution(KL)(*inputs)


def after(change):
    """A right answer that does something else besides."""
    return lambda *inputs: (right(*inputs), change())[0]


def raising(error):
    def answer(*inputs):
        raise error

    return answer


# the notebook's state


def test_a_record_alone_is_made_under_the_known_state_too():
    for context in (torch.inference_mode(), torch.device("meta")):
        with context:
            (record, *_) = observe(exercise(KL), right, make_cases(exercise(KL), 0))
        assert not record.error and set(record.gradients) and not record.changed_inputs


def test_an_open_device_context_decides_nothing_and_stays_open():
    with torch.device("meta"):
        assert run(KL, right).passed
        assert torch.ones(1).is_meta
    assert not torch.ones(1).is_meta


def test_a_device_context_that_an_answer_leaves_open_is_closed():
    before = read_device()
    verdict = run(KL, after(lambda: torch.device("meta").__enter__()))
    assert "default device" in verdict.message
    assert read_device() == before and not torch.ones(1).is_meta


def test_a_known_state_inside_another_puts_back_a_nested_autocast():
    with torch.autocast("cpu"), known_state():
        with known_state() as left:
            torch.autocast("cpu").__enter__()
        assert left == ["autocast"] and not torch.is_autocast_enabled("cpu")
        torch.autocast_increment_nesting()
        assert torch.autocast_decrement_nesting() == 0


def test_a_tensor_made_in_inference_mode_can_be_used():
    zero, one = (torch.inference_mode()(make)(()) for make in (torch.zeros, torch.ones))
    assert run(KL, lambda *inputs: right(*inputs) + zero).passed
    message = run(KL, lambda *inputs: right(*inputs) * one).message
    assert "a tensor made in inference mode is used" in message


@pytest.mark.parametrize(
    "draw",
    [
        lambda: numpy.random.rand(312),  # 624 words: the position is where it was
        lambda: numpy.random.randn(1),
        lambda: numpy.random.set_bit_generator(numpy.random.PCG64()),
        lambda: random.random(),
        lambda: torch.rand(1),
    ],
)
def test_every_way_to_draw_is_seen_and_undone(draw):
    generator, key = numpy.random.get_bit_generator(), numpy.random.get_state()[1].tobytes()
    assert "the global random state moved" in run(KL, after(draw)).message
    assert numpy.random.get_bit_generator() is generator
    assert numpy.random.get_state()[1].tobytes() == key


def test_a_list_that_is_changed_is_told_and_does_not_reach_the_next_case():
    cases = [Case({"sizes": [1, 2]})] * 2
    records = observe(exercise(KL), lambda sizes: sizes.append(3), cases)
    assert [r.changed_inputs for r in records] == [["sizes"]] * 2
    assert cases[0].inputs["sizes"] == [1, 2]


# what comes back


def test_exit_in_one_of_several_processes_is_not_waited_for():
    for name in ("fast_training.average_gradients", "vae.train_step", "vae.Encoder"):
        verdict = run(name, raising(SystemExit(3)))
        assert "SystemExit" in verdict.message, name


@pytest.mark.parametrize("answer", [lambda *a: "\ud800", raising(ValueError("\ud800"))])
def test_halves_of_characters_can_be_printed(answer):
    record = observe(exercise(KL), answer, make_cases(exercise(KL), 0))
    verdict = judge(KL, from_json(to_json(record)))
    assert verdict.message.encode() and verdict == run(KL, answer)


def test_a_complex_result_with_a_graph_is_told_by_its_kind():
    message = run(KL, lambda *inputs: right(*inputs).to(torch.complex128)).message
    assert "got a complex128 tensor" in message and "raised" not in message


def test_a_wrong_number_of_results_is_told_by_names_that_the_text_has():
    message = run("divergences.kl_monte_carlo", lambda *inputs: ((1.0, 2.0),)).message
    assert "expected 2 results (estimate, standard error), got 1 values" in message


def test_a_dict_that_looks_like_a_drivers_record_is_no_record():
    name = "divergences.kl_monte_carlo"

    def as_record(q, p, samples, generator):
        pair = solution(name)(q, p, samples, generator)
        given = dict(zip(("estimate", "standard error"), pair, strict=True))
        return given | {f"{way} {n}": v for n, v in given.items() for way in ("again", "other")}

    assert "got a dict" in run(name, as_record).message


# not written yet


def stub_in(method, name):
    def fail(self, *arguments):
        raise NotImplementedError(name)  # your code here

    def init(self, *sizes):
        nn.Module.__init__(self)

    return type("Encoder", (nn.Module,), {"__init__": init, method: fail})


@pytest.mark.parametrize("method", ["__init__", "forward"])
def test_a_stub_in_a_class_counts_as_not_written(method):
    assert run("vae.Encoder", stub_in(method, "vae.Encoder")).message == "not written yet"
    other = run("vae.Encoder", stub_in(method, "vae.Decoder"))
    assert other.message == "waits for vae.Decoder, which is not written yet"


def test_a_network_without_forward_is_an_error():
    verdict = run("vae.Encoder", lambda *sizes: nn.Module())
    assert verdict.attempted and "forward" in verdict.message


DRIVEN = (
    "better_vaes.active_units",
    "fast_training.average_gradients",
    "fast_training.throughput",
    "likelihood.binarize",
    "start.seeded_batch",
    "vae.sample_prior",
)


@pytest.mark.parametrize("name", DRIVEN)
def test_dots_in_the_place_of_a_body_count_as_not_written(name):
    assert run(name, lambda *inputs: ...).message == "not written yet"


# the dtype


def test_a_cut_graph_and_a_wrong_value_are_told_before_the_dtype():
    cut = run(KL, lambda *inputs: torch.tensor([v.item() for v in right(*inputs)]))
    assert cut.message.startswith("no gradient reaches mean_q")
    assert "The dtype is another one, too: float32, not float64." in cut.message
    zero = run(KL, lambda *inputs: right(*inputs).float() * 0)
    assert "got 0" in zero.message and "float32, not float64" in zero.message


def test_a_misconception_is_known_in_another_dtype():
    wrong = next(m for m in exercise(KL).misconceptions if not m.error)
    verdict = run(KL, lambda *inputs: wrong.answer(*inputs).float())
    assert verdict.misconception == wrong.name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_where_the_dtype_alone_is_wrong_it_alone_is_told(dtype):
    verdict = run(KL, lambda *inputs: right(*inputs).to(dtype))
    assert verdict.message.startswith("expected dtype float64")
    computed = run(KL, lambda *inputs: right(*(i.float() for i in inputs)))
    assert computed.message.startswith("expected dtype float64")


def test_interrupting_a_check_interrupts_it():
    with pytest.raises(KeyboardInterrupt):
        run(KL, raising(KeyboardInterrupt()))


def test_names_are_those_of_the_course():
    assert {KL, *DRIVEN} <= set(checks.names())
