"""Two processes with half a batch each compute the gradients of one process with the whole."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from course_lib.runs.parallel import Team, team

RUN = Path(__file__).with_name("parallel_run.py")


def start(folder, *launcher):
    path = os.pathsep.join(filter(None, [str(RUN.parents[1]), os.environ.get("PYTHONPATH")]))
    environment = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE")}
    # no GPU: one GPU cannot serve two processes of nccl, and CI has none
    environment |= {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, *launcher, RUN, folder]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stderr[-3000:]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """[one process], [rank 0 of two, rank 1 of two]."""
    folder = tmp_path_factory.mktemp("parallel")
    start(folder)
    address = ["--master-addr", "127.0.0.1", "--master-port", str(free_port())]
    start(folder, "-m", "torch.distributed.run", "--nproc-per-node", "2", *address)
    names = ("0-of-1.pt", "0-of-2.pt", "1-of-2.pt")
    one, *two = (torch.load(folder / name, weights_only=True) for name in names)
    return one, two


def test_two_processes_compute_the_gradients_of_one_with_the_doubled_batch(records):
    """Five steps of a GAN with a gradient penalty; they differ by the order of summation."""
    one, two = records
    for step in range(5):
        expected = one["results"][step]["gradients"]
        for record in two:
            torch.testing.assert_close(
                record["results"][step]["gradients"], expected, rtol=1e-4, atol=1e-6
            )
    assert all(gradient.abs().max() > 1e-3 for gradient in one["results"][0]["gradients"])


def test_both_processes_hold_the_same_weights_from_first_to_last(records):
    one, (first, second) = records
    for name in ("weights", "after"):
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)
        torch.testing.assert_close(first[name], one[name], rtol=1e-4, atol=1e-6)


def test_their_losses_differ_and_have_the_mean_of_one(records):
    one, two = records
    losses = torch.stack([record["results"][0]["c_loss"] for record in two])
    assert losses[0] != losses[1]
    torch.testing.assert_close(losses.mean(), one["results"][0]["c_loss"])
    for record in two:
        torch.testing.assert_close(record["mean"], losses.mean())


def test_each_process_draws_its_own_noise_and_batches(records):
    _, (first, second) = records
    assert not torch.isclose(first["noise"], second["noise"]).any()
    assert not torch.equal(first["batches"], second["batches"])


def test_they_resume_from_a_step_that_both_have(records):
    _, two = records
    assert [record["resumed"] for record in two] == [2, 2]


def test_alone_nothing_changes(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with team() as us:
        network = nn.Linear(1, 1)
        assert us.share(network) is network and us.part(7) == 7 and us.seed(3) == 3
        assert us.least(4) == 4 and us.mean(torch.tensor(2.0)) == 2


def test_a_batch_that_cannot_be_divided():
    with pytest.raises(ValueError, match="multiple of 3; got 128"):
        Team(0, 3, torch.device("cpu")).part(128)


def test_a_network_that_is_not_trained_is_not_shared():
    frozen = nn.Linear(1, 1).requires_grad_(False)
    assert Team(0, 2, torch.device("cpu")).share(frozen) is frozen
