"""Apple's GPU, pretended: no float64 on it, no capture, its own random state, a laptop's scale."""

import os

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from course_lib import metrics
from course_lib.fast import fast
from course_lib.fast import step as fast_module
from course_lib.runs import checkpoints, parallel
from course_lib.runs.checkpoints import random_state, set_random_state
from course_lib.training import batches, course_scale, finest_float, pick_device


class NoFloat64(TorchDispatchMode):
    """As on Apple's GPU: whoever makes a float64 tensor gets a TypeError."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        results = operation(*args, **(kwargs or {}))
        for leaf in tree_leaves(results):
            if isinstance(leaf, torch.Tensor) and leaf.dtype is torch.float64:
                raise TypeError(f"{operation}: there is no float64 here")
        return results


@pytest.fixture
def apple(monkeypatch):
    """A machine whose only GPU is Apple's; its random state is a tensor kept here."""
    kept = [torch.tensor([7])]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: kept[0].clone())
    monkeypatch.setattr(torch.mps, "set_rng_state", lambda state: kept.__setitem__(0, state))
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    return kept


def test_the_gpu_is_picked_at_a_laptops_scale(apple, monkeypatch):
    assert pick_device() == torch.device("mps") and course_scale() == "laptop"
    assert finest_float(pick_device()) is torch.float32
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device() == torch.device("cuda") and course_scale() == "gpu"


def test_its_random_state_is_saved_and_restored(apple):
    state = random_state()
    apple[0] = torch.tensor([8])
    set_random_state(state)
    assert apple[0].tolist() == [7]
    set_random_state(state | {"mps": None})  # of a machine without one
    assert apple[0].tolist() == [7]


def test_a_checkpoint_from_it_resumes_elsewhere(tmp_path, apple, monkeypatch):
    network = nn.Linear(2, 1)
    checkpoints.Checkpoints(tmp_path, network=network).save(3)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert checkpoints.Checkpoints(tmp_path, network=network).resume() == 3


def test_a_metric_makes_nothing_finer_than_its_device_has(monkeypatch):
    """The CPU plays the GPU, with its finest float taken away, and comes to the same numbers."""
    torch.manual_seed(0)
    decoder = nn.Linear(2, 9)

    def estimate():
        return metrics.log_likelihood(
            lambda x: (x.flatten(1)[:, :2], torch.zeros(len(x), 2)),
            lambda z: decoder(z).unflatten(1, (1, 3, 3)),
            torch.ones(4, 1, 3, 3),
            samples=20,
            generator=torch.Generator().manual_seed(1),
        )

    fine = estimate()
    with NoFloat64(), pytest.raises(TypeError, match="no float64"):
        estimate()
    monkeypatch.setattr(metrics.likelihood, "finest_float", lambda device: finest_float("mps"))
    with NoFloat64():
        torch.testing.assert_close(estimate(), fine, rtol=1e-5, atol=0)


def test_batches_lie_on_it_and_note_its_random_state(apple):
    with FakeTensorMode(allow_non_fake_inputs=True):
        stream = batches(torch.zeros(10, 3, device="mps"), 4, 5)
        assert next(stream).device.type == "mps"
        assert stream.state_dict()["device"] == "mps"


def test_fast_runs_the_step_as_written(monkeypatch):
    monkeypatch.setattr(fast_module, "_one_device", lambda networks: torch.device("mps"))
    network = nn.Conv2d(1, 1, 3)
    optimizer = torch.optim.Adam(network.parameters())
    step = fast(lambda x: network(x).mean(), network, optimizer, steps=10**6)
    switched_on = {name for name, value in step.settings.items() if value is True}
    assert switched_on == set() and step.settings["precision"] == "float32"
    assert not optimizer.param_groups[0]["fused"]
    assert repr(step) == "fast(<lambda>) on mps: float32"
    assert step(torch.ones(1, 1, 4, 4)).shape == ()


def test_compiling_on_it_is_refused_with_a_reason(monkeypatch):
    monkeypatch.setattr(fast_module, "_one_device", lambda networks: torch.device("mps"))
    network = nn.Linear(3, 1)
    with pytest.warns(UserWarning, match="compile is off.*eager.*not mps"):
        step = fast(lambda x: network(x).mean(), network, [], compile=True)
    assert step.settings["compile"] is False


def test_several_processes_train_on_the_cpu(apple, monkeypatch):
    joined = []
    monkeypatch.setattr(parallel.dist, "init_process_group", joined.append)
    monkeypatch.setattr(parallel.dist, "destroy_process_group", lambda: None)
    monkeypatch.setattr(parallel.dist, "get_rank", lambda: 0)
    monkeypatch.setattr(parallel.dist, "get_world_size", lambda: 2)
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.setitem(os.environ, name, "2")
    with parallel.team() as us:
        assert us.device.type == "cpu" and joined == ["gloo"]


def test_a_process_alone_may_use_it(apple, monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with parallel.team() as us:
        assert us.device.type == "mps"
