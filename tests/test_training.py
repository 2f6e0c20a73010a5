"""Seed, scale, device, batches."""

import random

import numpy as np
import pytest
import torch

from course_lib import environment
from course_lib.environment import is_static
from course_lib.training import (
    at_scale,
    batches,
    course_scale,
    pick_device,
    seed_everything,
)


def numbers_drawn():
    return random.random(), np.random.rand(), torch.rand(()).item()


def test_seed_everything_reaches_all_three_generators():
    seed_everything(2**40 + 3)  # more than NumPy's 32 bits
    first = numbers_drawn()
    assert all(a != b for a, b in zip(first, numbers_drawn(), strict=True))
    seed_everything(2**40 + 3)
    assert numbers_drawn() == first


def test_pick_device_is_one_that_works():
    assert torch.ones(2, device=pick_device()).sum().item() == 2


@pytest.mark.parametrize("cuda, expected", [(False, "laptop"), (True, "gpu")])
def test_scale_follows_the_device_when_unset(monkeypatch, cuda, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    assert course_scale() == expected
    for asked in ("smoke", "SMOKE", " smoke", "Smoke\t"):
        monkeypatch.setenv("COURSE_SCALE", asked)
        assert course_scale() == "smoke" and at_scale(1, 2, 3) == 1
    for unset in ("", "  "):
        monkeypatch.setenv("COURSE_SCALE", unset)
        assert course_scale() == expected
    monkeypatch.setenv("COURSE_SCALE", "gpu")
    assert at_scale(1, 2, 3) == 3


def test_an_unknown_scale_names_the_three(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "huge")
    with pytest.raises(ValueError, match="smoke, laptop or gpu; got 'huge'"):
        course_scale()


def test_static_under_pytest_by_wish_and_in_a_script(monkeypatch):
    monkeypatch.delenv("PYTEST_VERSION", raising=False)
    monkeypatch.delenv("COURSE_STATIC", raising=False)
    monkeypatch.setattr(environment, "in_notebook", lambda: True)
    assert not is_static()
    for value, expected in [("1", True), ("yes", True), ("0", False), ("", False)]:
        monkeypatch.setenv("COURSE_STATIC", value)
        assert is_static() is expected
    monkeypatch.setenv("PYTEST_VERSION", "9")
    assert is_static()
    monkeypatch.delenv("PYTEST_VERSION")
    monkeypatch.setattr(environment, "in_notebook", lambda: False)
    assert is_static()


# batches


def test_an_epoch_holds_every_example_once_and_epochs_differ():
    drawn = torch.stack(list(batches(torch.arange(12), 4, steps=9)))
    epochs = drawn.reshape(3, 12)
    assert torch.equal(epochs.sort(1).values, torch.arange(12).expand(3, 12))
    assert not torch.equal(epochs[0], epochs[1])


def test_the_incomplete_batch_is_skipped_and_no_example_is_left_out_for_ever():
    drawn = list(batches(torch.arange(10), 4, steps=60))
    assert all(len(batch) == 4 for batch in drawn)
    for first, second in zip(drawn[::2], drawn[1::2], strict=True):
        assert len(set(first.tolist() + second.tolist())) == 8
    assert set(torch.cat(drawn).tolist()) == set(range(10))


def test_a_tuple_stays_aligned_and_a_tensor_stays_a_tensor():
    images, labels = torch.arange(20.0).reshape(20, 1, 1, 1), torch.arange(20)
    for image_batch, label_batch in batches((images, labels), 6, steps=7):
        assert image_batch.shape == (6, 1, 1, 1)
        assert torch.equal(image_batch.flatten().long(), label_batch)
    (single,) = next(batches((labels,), 6, steps=1))
    assert single.shape == (6,) and isinstance(next(batches(labels, 6, 1)), torch.Tensor)


def test_batches_are_reproducible_and_leave_the_global_generator_alone():
    def run(seed):
        generator = torch.Generator().manual_seed(seed)
        return torch.cat(list(batches(torch.arange(50), 8, steps=20, generator=generator)))

    before = torch.get_rng_state()
    assert torch.equal(run(1), run(1)) and not torch.equal(run(1), run(2))
    assert torch.equal(torch.get_rng_state(), before)


def test_no_steps_give_no_batch_and_a_full_batch_is_allowed():
    assert list(batches(torch.arange(5), 2, steps=0)) == []
    assert sorted(next(batches(torch.arange(5), 5, steps=1)).tolist()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "tensors, batch_size, message",
    [
        (torch.arange(5), 6, r"1\.\.5, .* got 6"),
        (torch.arange(5), 0, r"got 0"),
        ((torch.arange(5), torch.arange(4)), 2, r"one length on one device; got \(5,\) .* \(4,\)"),
        ((torch.arange(5), torch.empty(5, device="meta")), 2, r"on cpu, .* on meta"),
        ((), 2, "got none"),
    ],
)
def test_batches_complains_when_called_not_when_first_used(tensors, batch_size, message):
    with pytest.raises(ValueError, match=message):
        batches(tensors, batch_size, steps=1)


@pytest.mark.parametrize(
    "other, message",
    [
        (lambda: batches(torch.arange(12), 3, 9), "batch_size = 4, these have 3"),
        (lambda: batches(torch.arange(13), 4, 9), "examples = 12, these have 13"),
        (lambda: batches(torch.arange(12), 4, 9, torch.Generator()), "own_generator = False"),
        (lambda: batches(torch.arange(12), 4, 4), "at batch 5, this one ends at 4"),
    ],
)
def test_batches_in_another_order_are_not_gone_on_with(other, message):
    saved = batches(torch.arange(12), 4, 9)
    for _ in range(5):
        next(saved)
    stream = other()
    next(stream)
    before = stream.state_dict()
    with pytest.raises(ValueError, match=message):
        stream.load_state_dict(saved.state_dict())
    after = stream.state_dict()
    assert torch.equal(after.pop("before_order"), before.pop("before_order"))
    assert str(after) == str(before)
    longer = batches(torch.arange(12), 4, 20)  # a run may be made longer
    longer.load_state_dict(saved.state_dict())
    assert len(longer) == 15
