"""The history, and the promise that watching costs under 5 %."""

import sys
import time
import types

import numpy as np
import pytest
import torch

from course_lib import environment, plotting
from course_lib import history as history_module
from course_lib.history import History, watch

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture
def live(monkeypatch):
    """As in a notebook that somebody looks at; returns the shown outputs, in order."""
    shown = []

    class Handle:
        def update(self, bundle, raw):
            shown.append(bundle)

    def display(bundle, raw, display_id=False):
        shown.append(bundle)
        return Handle()

    monkeypatch.delenv("PYTEST_VERSION", raising=False)
    monkeypatch.delenv("COURSE_STATIC", raising=False)
    monkeypatch.setattr(environment, "in_notebook", lambda: True)
    monkeypatch.setattr(plotting, "in_notebook", lambda: True)
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    return shown


def test_history_keeps_order_across_blocks_and_readings():
    history = History()
    for i in range(2500):
        history.add(a=torch.tensor(float(i)), b=-i)
        if i in (3, 1024, 2000):
            assert torch.equal(history["a"], torch.arange(i + 1.0))
    assert torch.equal(history["a"], torch.arange(2500.0))
    assert torch.equal(history["b"], -torch.arange(2500.0))
    assert history.names == ("a", "b") and len(history) == 2500
    assert history["a"].dtype == torch.float32 and history["a"].device.type == "cpu"


def test_adding_reads_no_value():
    """A meta tensor has no value to read: .item(), .cpu() or a comparison would raise."""
    history = History()
    for _ in range(3000):
        history.add(loss=torch.empty((), device="meta"))
    assert len(history) == 3000


@needs_cuda
def test_adding_never_waits_for_the_gpu():
    history, loss = History(), torch.zeros((), device="cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3000):
            history.add(loss=loss, rate=0.1)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(history["loss"]) == 3000


def test_history_survives_memory_that_is_written_again():
    history, loss = History(), torch.zeros(())
    for _ in range(3):
        loss += 1  # as a captured CUDA graph does with its output
        history.add(loss=loss)
    assert history["loss"].tolist() == [1, 2, 3]
    history["loss"].zero_()
    assert history["loss"].tolist() == [1, 2, 3]


def test_history_holds_no_graph():
    history, weight = History(), torch.ones((), requires_grad=True)
    history.add(loss=weight * 2)
    assert not history["loss"].requires_grad


def test_history_mixes_numbers_and_dtypes():
    history = History()
    values = [1, 2.5, torch.tensor(3, dtype=torch.int64), torch.tensor(4.5, dtype=torch.bfloat16)]
    for value in [*values, np.float32(6.0)]:
        history.add(x=value)
    assert history["x"].tolist() == [1, 2.5, 3, 4.5, 6]


def test_history_refuses_what_it_cannot_draw():
    history = History()
    with pytest.raises(ValueError, match=r"kl must be one number.* got \(64,\).*kl\.mean\(\)"):
        history.add(loss=1.0, kl=torch.zeros(64))
    with pytest.raises(ValueError, match="loss must be a number or tensor"):
        history.add(loss="1.0")
    with pytest.raises(ValueError, match="at least one"):
        history.add()
    history.add(loss=1.0, kl=2.0)
    with pytest.raises(ValueError, match=r"same scalars: loss, kl; got loss"):
        history.add(loss=1.0)
    with pytest.raises(ValueError, match=r"kl must be"):
        history.add(loss=1.0, kl=torch.zeros(2))
    with pytest.raises(KeyError, match=r"no 'los' .* loss, kl"):
        history["los"]
    assert len(history) == len(history["loss"]) == len(history["kl"]) == 1


# watch


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def drawing_shares(cost, step, until):
    """Run a training on a fake clock; the share of time that drawing took, after each drawing."""
    clock, spent, shares = Clock(), 0.0, []

    def draw():
        nonlocal spent
        seconds = cost(len(shares), clock.now)
        clock.now += seconds
        spent += seconds
        shares.append(spent / clock.now)

    schedule = history_module._Schedule(draw, clock)
    while clock.now < until:
        clock.now += step
        schedule.tick()
    return shares, spent / clock.now


@pytest.mark.parametrize("step", [1e-3, 0.07, 3.0])
@pytest.mark.parametrize(
    "cost",
    [
        lambda count, now: 0.08,
        lambda count, now: 0.25 if count == 0 else 0.05,
        lambda count, now: 0.02 + 1e-3 * now,  # grows with the curve
        lambda count, now: 0.1 if count % 2 else 0.05,
    ],
)
def test_drawing_never_takes_more_than_five_percent(cost, step):
    shares, _ = drawing_shares(cost, step, until=200.0)
    assert len(shares) >= 5 and max(shares) <= 0.05


def test_a_drawing_far_slower_than_foreseen_is_paid_back():
    """Nobody can foresee a first drawing of 3 s; the ledger holds the next until it is paid."""
    shares, final = drawing_shares(lambda count, now: 3.0 if count == 0 else 0.1, 0.01, 400.0)
    assert shares[0] > 0.05 and len(shares) >= 3
    assert max(shares[1:]) <= 0.05 and final <= 0.05


def test_a_free_drawing_is_not_drawn_every_step():
    shares, _ = drawing_shares(lambda count, now: 0.0, 0.001, until=100.0)
    assert 10 <= len(shares) <= 100


def test_watching_in_static_costs_next_to_nothing():
    steps = 20_000

    def seconds(iterable):
        begin = time.perf_counter()
        for _ in iterable:
            pass
        return time.perf_counter() - begin

    history = History()
    history.add(loss=0.0)
    best = min(seconds(watch(range(steps), history)) for _ in range(5))
    assert best / steps < 20e-6


def test_static_watch_yields_everything_and_prints_nothing(capsys):
    assert list(watch(iter("abc"), History(), title="t")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_a_live_watch_draws_updates_and_clears(live, monkeypatch, capsys):
    monkeypatch.setattr(history_module._Schedule, "tick", eager_tick)
    history, seen = History(), []
    for item in watch(range(4), history, curves=["loss"], title="VAE"):
        seen.append(item)
        history.add(loss=1.0 / (item + 1), kl=2.0)
    assert seen == [0, 1, 2, 3]
    pictures = [bundle["image/png"] for bundle in live[:-1]]
    assert len(pictures) == 4 and len(set(pictures)) == 4  # one a step, each another curve
    assert live[0]["text/plain"] == "<figure: VAE. Axes: loss against updates>"
    assert "image/png" not in live[-1] and live[-1]["text/plain"] == ""
    assert "VAE" in capsys.readouterr().err  # tqdm's bar, in words outside a notebook


def eager_tick(schedule):
    schedule._draw()


def test_a_live_watch_clears_when_the_loop_breaks(live, monkeypatch):
    monkeypatch.setattr(history_module._Schedule, "tick", eager_tick)
    history = History()
    with pytest.raises(KeyboardInterrupt):
        run = watch(range(100), history)
        for item in run:
            history.add(loss=float(item))
            if item == 5:
                run.throw(KeyboardInterrupt)
    assert len(live) > 2 and live[-1]["text/plain"] == ""


def test_a_live_watch_without_rows_draws_nothing(live, monkeypatch):
    monkeypatch.setattr(history_module._Schedule, "tick", eager_tick)
    assert list(watch(range(5))) == list(watch(range(5), History())) == list(range(5))
    assert live == []


def test_live_watch_overhead_per_step(live):
    steps, history = 20_000, History()
    history.add(loss=0.0)
    begin = time.perf_counter()
    for _ in watch(range(steps), history):
        pass
    assert (time.perf_counter() - begin) / steps < 20e-6
