"""Other ways to write a mistake get the same sentence, and the clocks are put back."""

import threading
import time

import pytest
import torch
import torch.distributed as dist

from course_lib.checks import run
from course_lib.checks.fast_training.device import PretendedTime
from course_lib.checks.fast_training.throughput import timed
from tests.answers.fast_training import throughput_by_processor_time


def rates_averaged(step, images_per_step, steps, warmup, synchronize):
    for _ in range(warmup):
        step()
    rates = []
    for _ in range(steps):
        begin = time.perf_counter()
        step()
        rates.append(images_per_step / (time.perf_counter() - begin))
    return sum(rates) / steps


def last_loss_kept(model, loss, batches):
    model.zero_grad()
    for batch in batches:
        value = loss(model, batch) * len(batch) / sum(map(len, batches))
        value.backward(retain_graph=True)


def cleared_at_the_end(model, loss, batches):
    for batch in batches:
        loss(model, batch).backward()
    model.zero_grad()


def average(change):
    def answer(model):
        for parameter in model.parameters():
            if parameter.grad is not None:
                change(parameter)

    return answer


def quotient_lost(parameter):
    dist.all_reduce(parameter.grad)
    parameter.grad / dist.get_world_size()


def assigned_then_divided(parameter):
    parameter.grad = dist.all_reduce(parameter.grad)
    parameter.grad /= dist.get_world_size()


def copy_sent(parameter):
    copied = parameter.grad.detach().clone()
    dist.all_reduce(copied)
    parameter.grad.div_(dist.get_world_size())


def handle_dropped(parameter):
    dist.all_reduce(parameter.grad, async_op=True)
    parameter.grad.div_(dist.get_world_size())


def warmed_up_within_the_steps(step, images_per_step, steps, warmup, synchronize):
    begin = 0.0
    for number in range(steps):
        if number == warmup:
            synchronize()
            begin = time.perf_counter()
        step()
    synchronize()
    return images_per_step * (steps - warmup) / (time.perf_counter() - begin)


def returned_at_the_frozen_one(model):
    for parameter in model.parameters():
        if parameter.grad is None:
            return
        dist.all_reduce(parameter.grad, op=dist.ReduceOp.AVG)


def zeros_not_sent(model):
    for parameter in model.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        else:
            dist.all_reduce(parameter.grad, op=dist.ReduceOp.AVG)


@pytest.mark.parametrize(
    "exercise, answer, misconception",
    [
        ("throughput", timed("s|w"), "warmup_timed"),
        ("throughput", timed("|w"), "warmup_timed"),
        ("throughput", timed("s|ws"), "warmup_timed"),
        ("throughput", timed("w|s", "|s"), "clock_read_before_waiting"),
        ("throughput", timed("w|ss", "|ss"), "clock_read_before_waiting"),
        ("throughput", rates_averaged, "never_waited"),
        ("throughput", throughput_by_processor_time, "clock_stopped_before_waiting"),
        ("accumulate_gradients", last_loss_kept, "graphs_retained"),
        ("accumulate_gradients", cleared_at_the_end, "not_put_into_grad"),
        ("throughput", warmed_up_within_the_steps, "warmup_taken_from_the_steps"),
        ("average_gradients", average(quotient_lost), "sum"),
        ("average_gradients", average(copy_sent), "copy_averaged"),
        ("average_gradients", average(handle_dropped), "not_awaited"),
        ("average_gradients", average(assigned_then_divided), "result_divided"),
        ("average_gradients", returned_at_the_frozen_one, "stopped_at_the_frozen_one"),
        ("average_gradients", zeros_not_sent, "frozen_one_filled"),
    ],
)
def test_variants_are_named(exercise, answer, misconception):
    assert run(f"fast_training.{exercise}", answer).misconception == misconception


def unlike_sizes(model):
    dist.all_reduce(torch.zeros(1 + dist.get_rank()))


def no_tensor(model):
    dist.all_reduce([parameter.grad for parameter in model.parameters()])


@pytest.mark.parametrize("answer", [unlike_sizes, lambda model: 1 + None])
def test_an_error_of_another_kind_gets_no_hint(answer):
    assert run("fast_training.average_gradients", answer).misconception is None


def test_an_error_tells_of_no_internals():
    message = run("fast_training.average_gradients", no_tensor).message
    assert "of type torch.Tensor but got <class 'list'>" in message
    assert "ThreadGroup" not in message and "\n" not in message


def test_pretended_time_shows_to_the_caller_alone():
    pretended, before = PretendedTime(), (time.perf_counter, time.time, time.monotonic_ns)
    elsewhere = []

    def read():
        elsewhere.append(time.perf_counter())

    with pretended.on_the_clocks_of(read):
        begin = time.perf_counter()
        pretended.work(1000)
        other = threading.Thread(target=read)
        other.start()
        other.join()
        assert 1000 < time.perf_counter() - begin < 1000.1
        assert elsewhere[0] - begin < 100
    assert before == (time.perf_counter, time.time, time.monotonic_ns)
