"""`fast` measures which precision is faster, and the training does not notice."""

import functools
import itertools
import random
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.fast import choosing, fast, precision
from course_lib.fast.choosing import choose_precision
from course_lib.fast.restoring import CannotRestore, Snapshot
from course_lib.fast.step import FastStep
from course_lib.history import History
from course_lib.training import batches

X = torch.arange(12.0).reshape(4, 3) / 12


@pytest.fixture(autouse=True)
def a_cpu_with_bfloat16(monkeypatch):
    monkeypatch.setattr(precision, "supports_bfloat16", lambda device: device.type == "cpu")
    monkeypatch.setattr(choosing, "SECONDS", 0.05)
    monkeypatch.setattr(sys.modules[FastStep.__module__], "_chosen", {})  # no run came before


class Slow(nn.Linear):
    """A layer that is slow in one precision."""

    def __init__(self, slow_in_bfloat16):
        super().__init__(3, 1)
        self.slow_in_bfloat16 = slow_in_bfloat16

    def forward(self, x):
        if torch.is_autocast_enabled("cpu") is self.slow_in_bfloat16:
            time.sleep(0.003)
        return super().forward(x)


class Run:
    """A step that does what a step should not: it counts, notes, draws and averages."""

    def __init__(self, slow_in_bfloat16=True, **settings):
        torch.manual_seed(0), random.seed(0), np.random.seed(0)
        self.network = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.3), Slow(slow_in_bfloat16))
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=0.1)
        self.schedule = torch.optim.lr_scheduler.StepLR(self.optimizer, 2)
        self.generator = torch.Generator().manual_seed(1)
        self.chance = np.random.default_rng(2)
        self.history, self.notes, self.average = History(), [], torch.zeros(1, 3)
        self.stream = batches(X, 2, 1000)
        self.calls = 0
        count = 0

        def train_step(x):
            nonlocal count
            count += 1
            self.calls += 1
            noise = torch.randn(4, 3, generator=self.generator) + torch.randn(4, 3)
            noise += random.random() + np.random.rand() + self.chance.random()
            loss = (self.network(x + noise).mean() + next(self.stream).sum()).square()
            loss.backward()  # no zero_grad: the first gradients count for all later ones
            self.optimizer.step()
            self.schedule.step()
            self.average.lerp_(self.network[2].weight.detach(), 0.1)
            self.history.add(loss=loss.detach())
            self.notes.append(count)
            return loss

        self.step = fast(
            train_step, self.network, self.optimizer, generators=[self.generator], **settings
        )

    def train(self):
        losses = torch.stack([self.step(X) for _ in range(6)])
        state = [*self.network.state_dict().values(), self.average, self.history["loss"]]
        rest = self.notes, self.calls, self.schedule.last_epoch, len(self.stream)
        return losses, state, rest, random.random(), np.random.rand(), torch.rand(())


@pytest.mark.parametrize("slow_in_bfloat16, chosen", [(True, "float32"), (False, "bfloat16")])
def test_the_faster_is_chosen_and_the_run_is_the_one_that_names_it(slow_in_bfloat16, chosen):
    measured, named = Run(slow_in_bfloat16), Run(slow_in_bfloat16, precision=chosen)
    assert "measured at the first call" in repr(measured.step)
    ours, (losses, state, *rest) = None, Run(slow_in_bfloat16, precision=chosen).train()
    measured = Run(slow_in_bfloat16)
    ours, our_state, *our_rest = measured.train()
    assert measured.step.settings["precision"] == chosen
    assert torch.equal(ours, losses)
    assert all(map(torch.equal, our_state, state)) and our_rest == rest
    assert rest[0][0] == [1, 2, 3, 4, 5, 6]  # and no trial is among the notes
    assert f"{chosen} (measured " in repr(measured.step) and " ms against " in repr(measured.step)
    assert "measured" not in repr(named.step)


def test_a_named_precision_is_not_measured(monkeypatch):
    monkeypatch.setattr(choosing, "clock", lambda: pytest.fail("the clock is read"))
    for name in ("float32", "bfloat16"):
        run = Run(precision=name)
        run.step(X)
        assert run.calls == 1


def test_before_the_trials_and_after_them_nothing_exists_that_did_not():
    run = Run()
    run.step._choose_precision((X,), {})
    assert all(p.grad is None for p in run.network.parameters()) and not run.optimizer.state
    assert run.calls == 0 and len(run.history) == 0 and run.schedule.last_epoch == 0


def test_the_choice_is_reported_once_in_one_line():
    lines = []
    run = Run(report=lines.append, threads=torch.get_num_threads())
    for _ in range(3):
        run.step(X)
    (line,) = lines
    assert line == repr(run.step) and " in bfloat16), fused, " in line and "thread" in line


def test_later_runs_of_one_kind_take_the_choice_and_say_nothing(monkeypatch):
    lines = []
    first = Run(slow_in_bfloat16=True, report=lines.append)
    first.step(X)
    with monkeypatch.context() as patched:
        patched.setattr(choosing, "clock", lambda: pytest.fail("the clock is read"))
        again = Run(report=lines.append)
        again.step(X)
    assert again.calls == 1 and again.step.settings["precision"] == "float32"
    assert len(lines) == 1 and "float32 (as the first such run chose)" in repr(again.step)
    other = Run(report=lines.append, fused=False)  # a kind of its own
    other.step(X)
    named = Run(report=lines.append, precision="float32")
    named.step(X)
    assert len(lines) == 3 and "measured" in lines[1] and "measured" not in lines[2]


def test_what_cannot_be_put_back_is_not_tried():
    numbers = itertools.count()
    network = nn.Linear(3, 1)
    step = fast(lambda x: network(x).mean() + next(numbers), network, [])
    assert step(X).item() < 2 and next(numbers) == 1
    assert "float32 (not measured: the step reaches a count" in repr(step)


def test_a_step_that_fails_raises_once_it_counts():
    network, seen = nn.Linear(3, 1), []

    def train_step(x):
        seen.append(network(x))
        raise KeyError("mine")

    step = fast(train_step, network, [])
    with pytest.raises(KeyError, match="mine"):
        step(X)
    assert len(seen) == 1 and "a trial raised KeyError" in repr(step)


def test_slow_steps_run_once_each_and_the_trials_end_in_time(monkeypatch):
    monkeypatch.setattr(choosing, "SECONDS", 1.0)
    for seconds, most in ((0.6, 2), (0.2, 4), (0.01, 100), (1e-5, 42)):
        now, runs = [0.0], []

        def run(name, now=now, runs=runs, seconds=seconds):
            now[0] += seconds
            runs.append(name)

        monkeypatch.setattr(choosing, "clock", lambda now=now: now[0])
        assert choose_precision(run, []).precision == "float32"  # for equal times
        assert 2 <= len(runs) <= most and (now[0] <= 1.0001 or len(runs) == 2)


def test_only_a_gain_that_is_worth_the_digits_counts(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(choosing, "clock", lambda: now[0])
    for share, expected in ((0.97, "float32"), (0.9, "bfloat16")):

        def run(name, share=share):
            now[0] += 0.01 * (share if name == "bfloat16" else 1)

        assert choose_precision(run, []).precision == expected


# What a snapshot finds and puts back

TOTAL = 0
LOG = []


class Meter:
    def __init__(self):
        self.sums, self.places = {"a": [1, 2]}, {3}

    def note(self, value):
        LOG.append(value)
        self.sums["a"].append(value)
        self.sums["b"] = value
        self.places.add(value)
        self.last = value


def test_globals_closures_objects_and_what_they_hold():
    meter, array, weight = Meter(), np.zeros(3), nn.Parameter(torch.ones(2))
    layer = nn.BatchNorm1d(2)

    def step(times, meter=meter):
        global TOTAL
        TOTAL += times
        meter.note(times)
        array[0] += times
        weight.data = weight.data * 2
        weight.grad = torch.ones(2)
        weight.requires_grad_(False)
        layer.eval()
        layer.running_mean = layer.running_mean + 1

    place = weight.data_ptr()
    before = Snapshot([functools.partial(step, 5)])
    step(5)
    assert TOTAL == 5 and LOG == [5]
    before.restore()
    assert TOTAL == 0 and LOG == [] and vars(meter) == {"sums": {"a": [1, 2]}, "places": {3}}
    assert array.tolist() == [0, 0, 0] and weight.tolist() == [1, 1] and weight.grad is None
    assert weight.data_ptr() == place and weight.requires_grad and layer.training
    assert layer.running_mean.tolist() == [0, 0]


def test_tensors_that_repeat_their_memory_and_arrays_that_cannot_change_are_put_back_too():
    row = torch.arange(3.0)
    expanded, windows = row.expand(4, 3), torch.arange(5.0).unfold(0, 3, 1)
    before = Snapshot([expanded, windows, np.broadcast_to(np.ones(2), (3, 2))])
    row.add_(1)
    windows[0, 1] = 9
    before.restore()
    assert row.tolist() == [0, 1, 2] and windows[1].tolist() == [1, 2, 3]


def test_what_cannot_be_put_back_is_refused(tmp_path, monkeypatch):
    with open(tmp_path / "log", "w") as file:
        sparse = torch.eye(2).to_sparse()
        for thing in (iter([1]), (n for n in [1]), zip([1]), file, sparse):
            with pytest.raises(CannotRestore):
                Snapshot([{"deep": [thing]}])
    monkeypatch.setattr("course_lib.fast.restoring.MOST_BYTES", 100)
    with pytest.raises(CannotRestore, match="MB of tensors"):
        Snapshot([torch.zeros(26)])
