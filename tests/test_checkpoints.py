"""A killed run resumes bit for bit; a damaged checkpoint is noticed and the one before is used."""

import copy
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.history import History
from course_lib.runs import checkpoints
from course_lib.runs.checkpoints import (
    Checkpoints,
    DamagedCheckpoint,
    random_state,
    set_random_state,
)
from course_lib.training import batches

needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
RUN = Path(__file__).with_name("killed_run.py")


def start(folder, *more):
    root = str(RUN.parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, RUN, folder, *more],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )


def finish(folder, *more):
    process = start(folder, *more)
    output, _ = process.communicate(timeout=170)
    return process.returncode, output


def final(folder):
    return torch.load(folder / "final.pt", weights_only=True)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    code, output = finish(folder)
    assert (code, output) == (0, "0\n")
    return final(folder)


def assert_identical(ours, theirs):
    """Every number of two nested states, bit for bit."""
    assert type(ours) is type(theirs)
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        for key in ours:
            assert_identical(ours[key], theirs[key])
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_identical(one, other)
    elif isinstance(ours, torch.Tensor):
        assert torch.equal(ours, theirs)
    else:
        assert ours == theirs


@needs_kill
def test_a_run_killed_at_random_moments_ends_as_the_uninterrupted_one(tmp_path, uninterrupted):
    chance, resumed = random.Random(0), []
    for _ in range(4):
        process = start(tmp_path)
        resumed.append(int(process.stdout.readline()))
        wait_for(process, tmp_path, resumed[-1] + 7 * chance.randint(1, 8))
        time.sleep(chance.uniform(0, 0.01))  # less than a save takes, or more
        process.kill()
        process.wait()
        process.stdout.close()
    code, output = finish(tmp_path)
    assert code == 0 and 0 == resumed[0] < resumed[1] < resumed[2] < resumed[3] < int(output)
    assert_identical(final(tmp_path), uninterrupted)


def wait_for(process, folder, step):
    """Until the run has saved this step."""
    while process.poll() is None:
        names = [checkpoints.NAME.fullmatch(name) for name in os.listdir(folder)]
        if max((int(name[1]) for name in names if name), default=0) >= step:
            return
        time.sleep(0.001)


@needs_kill
@pytest.mark.parametrize("where", ["writing", "renaming", "removing"])
def test_a_run_killed_in_the_middle_of_a_save(tmp_path, uninterrupted, where):
    code, output = finish(tmp_path, where)
    assert (code, output) == (-signal.SIGKILL, "0\n")
    files = sorted(tmp_path.iterdir())
    assert any(f.suffix == ".part" for f in files) is (where != "removing")
    code, output = finish(tmp_path)
    assert code == 0 and int(output) >= 28
    assert_identical(final(tmp_path), uninterrupted)
    assert not list(tmp_path.glob("*.part")) and len(list(tmp_path.glob("step-*.pt"))) == 2


@needs_kill
def test_a_compiled_run_too_is_resumed_bit_for_bit(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert finish(whole, "compile")[0] == 0
    killed.mkdir()
    process = start(killed, "compile")
    wait_for(process, killed, 14)
    process.kill()
    process.wait()
    process.stdout.close()
    assert not (killed / "final.pt").exists()
    code, output = finish(killed, "compile")
    assert code == 0 and int(output) >= 7
    assert_identical(final(killed), final(whole))


# What is saved


def test_every_random_state_is_restored():
    def draw():
        return random.gauss(0, 1), np.random.standard_normal(3).tolist(), torch.randn(3).tolist()

    random.seed(3), np.random.seed(4), torch.manual_seed(5)
    np.random.standard_normal()  # leaves a spare normal behind, which is part of the state
    state = random_state()
    first = draw()
    assert draw() != first
    set_random_state(state)
    assert draw() == first


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("stop", [0, 1, 4, 5, 7])  # four batches an epoch
def test_batches_go_on_within_an_epoch(own, stop):
    def stream():
        generator = torch.Generator().manual_seed(1) if own else None
        return batches((torch.arange(10), torch.arange(10)), 2, 20, generator)

    torch.manual_seed(0)
    first = stream()
    for _ in range(stop):
        next(first)
    place, random_before = first.state_dict(), torch.get_rng_state()
    rest = torch.stack([torch.stack(pair) for pair in first])
    second = stream()
    second.load_state_dict(place)
    torch.set_rng_state(random_before)
    assert len(second) == 20 - stop
    assert torch.equal(torch.stack([torch.stack(pair) for pair in second]), rest)


def test_a_history_goes_on():
    history, other = History(), History()
    for k in range(1500):
        history.add(loss=torch.tensor(float(k)), rate=0.5)
    other.load_state_dict(history.state_dict())
    for each in (history, other):
        each.add(loss=7.0, rate=1.0)
    assert torch.equal(other["loss"], history["loss"]) and len(other) == 1501
    other.load_state_dict({})
    assert len(other) == 0 and other.names == ()


def test_a_new_run_starts_at_zero(tmp_path):
    assert Checkpoints(tmp_path / "new", network=nn.Linear(1, 1)).resume() == 0
    assert not (tmp_path / "new").exists()


def test_as_many_as_asked_are_kept(tmp_path):
    network = nn.Linear(1, 1)
    saved = Checkpoints(tmp_path, keep=3, network=network)
    for step in (1, 2, 3, 10, 100_000_000, 100_000_001):
        saved.save(step)
    assert [checkpoints._step_of(path) for path in saved.files()] == [100_000_001, 100_000_000, 10]
    (tmp_path / "notes.pt").touch()
    assert len(saved.files()) == 3  # other files are neither read nor removed
    saved.save(5)  # a run that was set back: its own checkpoint is kept
    assert 5 in {checkpoints._step_of(path) for path in saved.files()}


# Damage


def three_checkpoints(folder):
    network = nn.Linear(2, 1)
    saved = Checkpoints(folder, keep=3, network=network)
    for step in (1, 2, 3):
        nn.init.constant_(network.weight, step)
        saved.save(step)
    return network, saved


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, flip, empty])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, damage):
    network, saved = three_checkpoints(tmp_path)
    newest, before, _ = saved.files()
    damage(newest)
    with pytest.warns(
        UserWarning, match=f"damaged .*{newest.name}.*checksum.*; using {before.name}"
    ):
        assert saved.resume() == 2
    assert network.weight.tolist() == [[2, 2]]


def test_every_single_flipped_bit_is_noticed(tmp_path):
    _, saved = three_checkpoints(tmp_path)
    path = saved.files()[0]
    data, chance = path.read_bytes(), random.Random(0)
    for _ in range(200):
        place = chance.randrange(len(data))
        changed = bytearray(data)
        changed[place] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(changed))
        with pytest.raises(ValueError, match="checksum"):
            checkpoints._read(path)


def test_with_every_checkpoint_damaged_the_error_names_them(tmp_path):
    network, saved = three_checkpoints(tmp_path)
    for path in saved.files():
        cut(path)
    with pytest.raises(DamagedCheckpoint, match=r"no checkpoint in .* can be read") as error:
        saved.resume()
    assert all(path.name in str(error.value) for path in saved.files())
    assert network.weight.tolist() == [[3, 3]]


def test_resuming_no_later_than_asked(tmp_path):
    network, saved = three_checkpoints(tmp_path)
    assert saved.newest() == 3 and saved.resume(at_most=2) == 2
    assert network.weight.tolist() == [[2, 2]]
    assert saved.resume(at_most=0) == 0
    flip(saved.files()[0])
    assert saved.newest() == 2
    assert Checkpoints(tmp_path / "new", network=network).newest() == 0


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    """weights_only: a pickle that would call something is refused as damaged."""
    _, saved = three_checkpoints(tmp_path)
    data = tmp_path / "evil"
    torch.save({"step": 4, "random": os.system, "parts": {}}, data)
    name = f"step-00000004-{checkpoints._checksum(data.read_bytes())}.pt"
    data.rename(tmp_path / name)
    with pytest.warns(UserWarning, match=name):
        assert saved.resume() == 3


def test_other_parts_change_nothing(tmp_path):
    three_checkpoints(tmp_path)
    network = nn.Linear(2, 1)
    before = network.weight.detach().clone()
    with pytest.raises(ValueError, match=r"holds network; this run has decoder, network"):
        Checkpoints(tmp_path, network=network, decoder=nn.Linear(1, 1)).resume()
    assert torch.equal(network.weight, before)


def whole_run(width=1, batch_size=2):
    """Parts of every kind; what a wrong width or batch size spoils comes after most of them."""
    torch.manual_seed(width)
    first, last = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, width))
    optimizer = torch.optim.Adam([*first.parameters(), *last.parameters()])
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    stream, history = batches(torch.arange(10), batch_size, 20), History()
    for _ in range(3):
        last(first(torch.ones(2))).sum().backward()
        optimizer.step()
        schedule.step()
        next(stream)
        history.add(loss=float(width))
    return dict(
        first=first,
        more=[torch.Generator().manual_seed(width), history, {"schedule": schedule}],
        optimizer=optimizer,
        last=last,
        stream=stream,
    )


@pytest.mark.parametrize(
    "other, part", [(dict(width=3), "optimizer|last"), (dict(batch_size=5), "stream")]
)
def test_a_part_that_does_not_fit_leaves_every_part_as_it_was(tmp_path, other, part):
    Checkpoints(tmp_path, **whole_run()).save(3)
    parts = whole_run(**other)
    before = copy.deepcopy((checkpoints._state(parts), random_state()))
    with pytest.raises(ValueError, match=f"does not fit ({part}), so nothing was changed"):
        Checkpoints(tmp_path, **parts).resume()
    assert_identical((checkpoints._state(parts), random_state()), before)


def test_a_list_of_another_length_leaves_every_part_as_it_was(tmp_path):
    Checkpoints(tmp_path, networks=[nn.Linear(1, 1), nn.Linear(1, 1)]).save(3)
    networks = [nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1)]
    before = copy.deepcopy([network.state_dict() for network in networks])
    with pytest.raises(ValueError, match="does not fit networks, so nothing was changed"):
        Checkpoints(tmp_path, networks=networks).resume()
    assert_identical([network.state_dict() for network in networks], before)


def test_complaints(tmp_path):
    with pytest.raises(ValueError, match="keep at least 2"):
        Checkpoints(tmp_path, keep=1, network=nn.Linear(1, 1))
    with pytest.raises(
        TypeError, match=r"networks\[1\] must have a state_dict .* got <class 'int'>"
    ):
        Checkpoints(tmp_path, networks=[nn.Linear(1, 1), 3])
