"""`make gpu`, known to work before a GPU is at hand: the same command on a CPU, in seconds."""

import json
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from benchmarks import gpu, gpu_lesson, iwae
from course_lib.authoring.build import ROOT
from course_lib.probability import bernoulli_log_likelihood, importance_bound

# Hides what a machine with torch, torchvision, einops, matplotlib, torchmetrics and pytest lacks.
BARE = """
import sys
from importlib.machinery import PathFinder
class Bare(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name.partition(".")[0] in HIDDEN
        return None if hidden else super().find_spec(name, path, target)
HIDDEN = {"IPython", "anywidget", "jupyterlab", "jupytext", "ipykernel", "ipywidgets", "nbclient",
          "nbformat", "nbval", "platformdirs", "psutil", "safetensors", "tensorboard", "tqdm",
          "traitlets", "nbgrader", "sqlalchemy", "xdist", "pytest_timeout", "google", "pythae"}
sys.meta_path[sys.meta_path.index(PathFinder)] = Bare
"""


@pytest.fixture
def float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def separate_loss(kind, encoder, decoder, images, noise):
    """The loss of one entry by its own networks, as lesson 07 computes it."""
    mean, log_var = encoder(images).chunk(2, dim=1)
    z = mean + (log_var / 2).exp() * noise
    shape = (len(noise) * len(images), 1, 28, 28)
    logits, rows = decoder(z.flatten(0, 1)).view(shape), images.repeat(len(noise), 1).view(shape)
    prior, q = (
        torch.distributions.Normal(0, 1),
        torch.distributions.Normal(mean, (log_var / 2).exp()),
    )
    log_w = bernoulli_log_likelihood(logits, rows).view(len(noise), -1)
    log_w = log_w + (prior.log_prob(z) - q.log_prob(z)).sum(dim=-1)
    return -log_w.mean() if kind == "VAE" else -importance_bound(log_w).mean()


def test_a_stacked_step_is_six_separate_steps(float64):
    """Two steps each, from the same weights, images and draws: every weight is the same after."""
    torch.manual_seed(0)
    models = [iwae.one_model(torch.rand(1, 28, 28)) for _ in iwae.ENTRIES]
    table = iwae.Table(models)
    together = iwae.new_adam(table)
    apart = [torch.optim.Adam(nn.ModuleList(m).parameters(), lr=1e-3, eps=1e-4) for m in models]
    for _ in range(2):
        images = torch.bernoulli(torch.rand(3, 784))
        noises = iwae.noise_for(images)
        losses = table.losses(images, noises)
        together.zero_grad()
        losses.sum().backward()
        together.step()
        for place, ((kind, _), model) in enumerate(zip(iwae.ENTRIES, models, strict=True)):
            loss = separate_loss(kind, *model, images, noises[place // 2][place % 2])
            torch.testing.assert_close(losses[place], loss)
            apart[place].zero_grad()
            loss.backward()
            apart[place].step()
    moved = 0
    for place, (encoder, decoder) in enumerate(models):
        pairs = [(table.encoder, place, encoder), (table.decoders[place // 2], place % 2, decoder)]
        for stacked, row, network in pairs:
            linears = [layer for layer in network if isinstance(layer, nn.Linear)]
            for weight, bias, linear in zip(stacked.weights, stacked.biases, linears, strict=True):
                torch.testing.assert_close(weight[row], linear.weight.T)
                torch.testing.assert_close(bias[row, 0], linear.bias)
                moved += 1
    assert moved == 6 * 6


def test_the_table_is_scored_as_each_model_alone(float64):
    """The same draws, in pieces of which the last is shorter: log of the mean of all weights."""
    torch.manual_seed(1)
    models = [iwae.one_model(torch.rand(1, 28, 28)) for _ in iwae.ENTRIES]
    images = torch.bernoulli(torch.rand(4, 784))
    torch.manual_seed(2)
    found = iwae.log_likelihoods(iwae.Table(models), images, draws=6, at_once=4)
    torch.manual_seed(2)
    noise = torch.cat([torch.randn(1, count, 4, iwae.LATENT)[0] for count in (4, 2)])
    for nats, (encoder, decoder) in zip(found, models, strict=True):
        for image in range(4):
            own = separate_loss(
                "IWAE", encoder, decoder, images[image, None], noise[:, image, None]
            )
            torch.testing.assert_close(-nats[image], own)


def test_the_schedule_keeps_its_shape():
    """Eight stages of 3^i of 3,280 parts, the rate falling by 10^(1/7) at each."""
    rates = [iwae.learning_rate(epoch / 3280) for epoch in range(3280)]
    stages = sorted(set(rates), reverse=True)
    assert [rates.count(rate) for rate in stages] == [3**i for i in range(8)]
    assert stages[0] == 1e-3 and stages[-1] == pytest.approx(1e-4)
    assert iwae.PAPERS_UPDATES == 9_840_000


def test_a_trial_before_the_training_leaves_nothing_behind():
    """As many updates as fit are trained from the start, and Adam begins at its first."""
    gray = torch.rand(60, 1, 28, 28)
    _, optimizer, run = iwae.train(gray, seconds=0.01, at_once=1)
    assert run["updates"] == sum(run["updates_of_each_rate"].values()) >= 8
    assert {int(state["step"]) for state in optimizer.state.values()} == {run["updates"]}
    assert len(run["last_losses"]) == 6 and all(
        map(torch.tensor(run["last_losses"]).isfinite(), ())
    )


def test_the_whole_sitting_on_a_cpu_at_smoke_scale(tmp_path):
    """Every step leaves its result, on a machine with hardly a package."""
    bare, out = tmp_path / "bare", tmp_path / "gpu"
    bare.mkdir()
    (bare / "sitecustomize.py").write_text(BARE)
    own = {"PYTHONPATH": str(bare), "COURSE_SCALE": "smoke", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "benchmarks.gpu", "--out", str(out), "--lessons", "05_vae"]
    ran = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **own, "OMP_NUM_THREADS": "1"},
        **{"capture_output": True, "text": True, "timeout": 600},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    steps = {s["step"]: s for s in json.loads((out / "gpu.json").read_text())["steps"]}
    assert list(steps) == ["cuda_tests", "speed", "roofline", "iwae", "05_vae"]
    for name, step in steps.items():
        assert step["status"] in ("done", "out of time" if name == "05_vae" else "done"), step
        assert (out / f"{name}.json").stat().st_size and (out / f"{name}.md").stat().st_size
        assert f"| {name} |" in (out / "gpu.md").read_text()
        where = json.loads((out / f"{name}.json").read_text())["conditions"]
        assert {"device", "torch", "python", "date"} <= where.keys()
    assert (
        "skipped" in steps["cuda_tests"]["printed"] and "failed" not in (out / "gpu.md").read_text()
    )
    speed = json.loads((out / "speed_vae_1.json").read_text())
    assert speed["rows"][0]["times_as_fast_as"]["pytorch/examples"]["median"] > 0
    table = json.loads((out / "iwae.json").read_text())
    assert [(row["kind"], row["k"]) for row in table["rows"]] == iwae.ENTRIES
    assert all(80 < row["ours"] < 300 for row in table["rows"])
    assert "9,840,000" in (out / "iwae.md").read_text() and "torch" in (out / "iwae.md").read_text()
    kept = torch.load(out / "iwae.pt")
    assert kept["run"]["updates"] == table["run"]["updates"] and kept["table"] and kept["optimizer"]
    assert json.loads((out / "roofline.json").read_text())["rows"]["VAE"]["bounds_ms"]


def test_a_step_that_hangs_or_fails_stops_no_other(tmp_path, monkeypatch, capsys):
    steps = [
        gpu.Step(
            "hangs", "?", ["-c", "import time; print('so far', flush=True); time.sleep(99)"], 3
        ),
        gpu.Step("fails", "?", ["-c", "raise SystemExit(3)"], 30),
        gpu.Step("lacks", "?", ["-c", ""], 30, lambda: "no such package"),
        gpu.Step("works", "?", ["-c", "print(6 * 7)"], 30),
    ]
    monkeypatch.setattr(gpu, "planned", lambda *_: steps)
    assert gpu.main(["--out", str(tmp_path)]) == 1
    printed = json.loads((tmp_path / "gpu.json").read_text())["steps"]
    statuses = ["out of time", "failed", "left out", "done"]
    assert [step["status"] for step in printed] == statuses
    assert printed[0]["printed"] == "so far\n" and printed[3]["printed"] == "42\n"
    assert "left out: no such package" in capsys.readouterr().out
    assert gpu.main(["--out", str(tmp_path), "--minutes", "0"]) == 0
    assert (
        "no time is left" in (tmp_path / "works.md").read_text() + (tmp_path / "gpu.md").read_text()
    )


def test_without_pytest_its_step_says_so(monkeypatch):
    assert gpu.no_pytest() == ""
    monkeypatch.setattr(gpu.importlib.util, "find_spec", lambda name: None)
    assert gpu.no_pytest() == "pytest is not installed"


def test_lessons_are_found_in_one_sitting_or_two():
    stems = gpu.lesson_stems()
    assert {stem[:2] for stem in stems} == {"05", "06", "09"} and stems == sorted(stems)


LESSON = '''
# %% tags=["folded"]
import tqdm_that_is_not_there.auto as bar
from course_lib.checks import check

# %%
class Pad(bar.Widget):
    """A class of a package that is missing."""
value = 6

# %% check="a.b"
check("a.b", 1 / 0)

# %% [markdown]
# prose

# %%
made = bar.tqdm(3)

# %%
value += 1
{extra}
'''


@pytest.mark.parametrize(("extra", "code"), [("", 0), ("made", 0), ("1 / 0", 1)])
def test_a_lessons_cells_run_without_what_is_missing(tmp_path, monkeypatch, capsys, extra, code):
    """What needs a missing package is passed over; any other failure is told by the exit code."""
    (tmp_path / "99_tiny.py").write_text(LESSON.replace("{extra}", extra))
    monkeypatch.setattr(gpu_lesson, "LESSONS", tmp_path)
    monkeypatch.setattr(gpu_lesson, "OPTIONAL", ("tqdm_that_is_not_there",))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    for name in ("__main__", "course_lib.checks"):
        monkeypatch.setitem(sys.modules, name, sys.modules.get(name))
    with pytest.raises(SystemExit) as stopped:
        gpu_lesson.main(["99_tiny"])
    printed = capsys.readouterr().out
    assert stopped.value.code == code
    assert "tqdm_that_is_not_there is not installed" in printed
    assert f"{3 if not extra else 2} cells ran" in printed
