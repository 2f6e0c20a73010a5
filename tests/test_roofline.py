"""Costs of a step by hand, the bound's two rules, and a device without units for bfloat16."""

import os
from collections import Counter

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from course_lib import roofline
from course_lib.roofline_plots import plot_gains, plot_kernels, plot_limits, plot_race
from course_lib.runs.launching import run_on_processes

CPU = torch.device("cpu")


def test_operations_are_those_that_pytorch_counts():
    layers = nn.Linear(7, 5), nn.Conv2d(3, 4, 3, padding=1)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        layers[0](torch.ones(2, 7)), layers[1](torch.ones(2, 3, 6, 5))
    by_hand = roofline.linear_flops(2, 7, 5) + roofline.conv_flops(2, 3, 4, 3, 6, 5)
    assert by_hand == counter.get_total_flops()


def test_a_gather_reads_as_much_as_it_writes():
    table, rows = torch.zeros(1000, 4), torch.arange(3)
    costs = roofline.ledger(lambda: table.index_select(0, rows))
    assert costs.bytes == 2 * 3 * 4 * 4 and costs.launches == 1


@pytest.mark.parametrize(("queue", "seconds"), [(False, 4.0), (True, 3.0)])
def test_launches_add_on_a_cpu_and_hide_on_a_gpu(queue, seconds):
    peaks = roofline.Peaks(float32=1.0, bfloat16=2.0, bandwidth=1.0, launch=1.0, queue=queue)
    costs = roofline.Ledger(3, 2, 1, (Counter(), Counter()))
    assert peaks.bound(costs) == seconds
    assert peaks.limits(costs, "bfloat16") == (1.5, 2.0, 1.0)


def test_a_slow_product_in_bfloat16_is_not_measured(monkeypatch):
    monkeypatch.setattr(roofline, "bfloat16_is_quick", lambda device: False)
    peaks = roofline.measure_peaks(CPU, 8, 1, (1, 1, 1))
    assert peaks.bfloat16 is None and "no units" in str(peaks)


def test_contenders_take_turns():
    calls = []
    both = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    rates = roofline.compare(both, 8, steps=2, rounds=2, warmup=1, synchronize=lambda: None)
    assert "".join(calls) == "aaabbb" * 2 and {rate.shape for rate in rates.values()} == {(2,)}


def test_figures_show_what_they_are_given():
    rates = {"slow": torch.tensor([1.0, 3, 2]), "fast": torch.tensor([4.0, 6, 5])}
    bars, points = plot_gains(rates, {"idea": 2.0}, {"idea": 2.5}, "Rates").axes
    assert [bar.get_width() for bar in bars.patches] == [2.0, 5.0]
    assert points.lines[0].get_xydata().tolist() == [[2.0, 2.5]]
    (axes,) = plot_limits((1, 10), {"bytes": (1, 2)}, (2, 3), title="", unit="").axes
    assert len(axes.lines) == 2
    assert [text.get_text() for text in plot_kernels({"w": torch.ones(1, 2)}).axes[0].texts] == [
        "1",
        "1",
    ]
    race = {"loss": torch.rand(9), "seconds": torch.arange(9.0)}
    assert plot_race({"slow": race}).axes[1].get_xlim() == (0, 9)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="without fork there is torchrun alone")
def test_forked_processes_know_their_ranks_and_failures_are_told(tmp_path):
    script = "import pathlib\nimport os\npathlib.Path(os.environ['RANK']).touch()\n"
    run_on_processes(script, 3, tmp_path, by_torchrun=False)
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1", "2", "train.py"}
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run_on_processes("1 / 0", 2, tmp_path, by_torchrun=False)
    with pytest.raises(NotImplementedError, match=r"^one\.two$"):
        run_on_processes("raise NotImplementedError('one.two')", 2, tmp_path, by_torchrun=False)
