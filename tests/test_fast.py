"""`fast` trains to the same result as the plain loop, whatever is switched on, or says why not."""

import copy
import gc
import math
import random
import warnings
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.fast import capture, fast
from course_lib.fast import step as fast_module
from course_lib.fast.capture import CannotCapture, CompiledStep, state_tensors
from course_lib.fast.precision import supports_bfloat16

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
PLAIN = dict(precision="float32", channels_last=False, fused=False, compile=False, graph=False)

# Both loops draw the same numbers and compute the same formula, in another order of summation: an
# update differs by float32 rounding, some 6e-8 of its size. Measured on these models, 100 steps,
# ten seeds: no loss moved by more than 4.3e-7 (1 + |loss|), no weight by more than 4e-7. A mistake,
# as in a bias correction or a learning rate, moves losses by more than 1e-3 (tested at the end).
SAME = dict(rtol=5e-6, atol=5e-6)


def images(count=8, channels=1, size=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, channels, size, size, generator=generator).to(DEVICE)


class VAE:
    """A small one with a learning-rate schedule, gradient clipping, and an EMA of its decoder."""

    def __init__(self, optimizer=torch.optim.Adam, schedule=True, **options):
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))
        self.decoder = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 64))
        self.networks = [network.to(DEVICE) for network in (self.encoder, self.decoder)]
        self.average = copy.deepcopy(self.decoder).requires_grad_(False)
        self.networks.append(self.average)
        self.parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimizers = [optimizer(self.parameters, lr=1e-2, **options)]
        decay = (lambda t: 1 - t / 200) if schedule else (lambda t: 1)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizers[0], decay)

    def train_step(self, x):
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        z = mean + (log_var / 2).exp() * torch.randn_like(mean)
        logits = self.decoder(z)
        loss = F.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="none")
        kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(dim=1).mean()
        loss = loss.sum(dim=1).mean() + kl
        self.optimizers[0].zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, 5.0, foreach=False)
        self.optimizers[0].step()
        with torch.no_grad():
            for slow, quick in zip(
                self.average.parameters(), self.decoder.parameters(), strict=True
            ):
                slow.lerp_(quick, 0.05)
        return {"loss": loss, "kl": kl, "norm": norm}


class WGAN:
    """Two optimizers and a gradient penalty, which needs a backward pass of a backward pass."""

    def __init__(self, convolutions=False):
        torch.manual_seed(1)
        self.generator = nn.Sequential(
            # no bias: before BatchNorm its gradient is rounding alone, which Adam makes steps of
            nn.Linear(4, 64, bias=False),
            nn.BatchNorm1d(64),
            nn.Tanh(),
            nn.Unflatten(1, (1, 8, 8)),
        )
        first = nn.Conv2d(1, 4, 4, 2, 1) if convolutions else nn.Identity()
        self.critic = nn.Sequential(
            first, nn.Flatten(), nn.Linear(64, 16), nn.Softplus(), nn.Linear(16, 1)
        )
        self.networks = [network.to(DEVICE) for network in (self.generator, self.critic)]
        self.optimizers = [
            torch.optim.Adam(network.parameters(), lr=2e-3, betas=(0.5, 0.9))
            for network in self.networks
        ]
        self.schedule = None

    def train_step(self, real):
        g_optimizer, c_optimizer = self.optimizers
        noise = torch.randn(2, len(real), 4, device=real.device)
        fake = self.generator(noise[0]).detach()
        share = torch.rand(len(real), 1, 1, 1, device=real.device)
        mixed = (share * real + (1 - share) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(self.critic(mixed).sum(), mixed, create_graph=True)
        penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        c_loss = self.critic(fake).mean() - self.critic(real).mean() + 10 * penalty
        c_optimizer.zero_grad()
        c_loss.backward()
        c_optimizer.step()
        g_loss = -self.critic(self.generator(noise[1])).mean()
        g_optimizer.zero_grad()
        g_loss.backward()  # leaves gradients in the critic too, which its zero_grad clears
        g_optimizer.step()
        return c_loss, g_loss, penalty


def train(model, steps=100, seed=3, **settings):
    """All losses `(steps, losses)` and all weights, in float64."""
    step = fast(model.train_step, model.networks, model.optimizers, **settings)
    torch.manual_seed(seed)
    random.seed(seed)
    rows = []
    for k in range(steps):
        results = step(images(seed=k % 7))
        results = results.values() if isinstance(results, dict) else results
        rows.append(torch.stack([r.detach() for r in results]))
        if model.schedule:
            model.schedule.step()
    weights = [
        t.detach().double().flatten() for n in model.networks for t in n.state_dict().values()
    ]
    return torch.stack(rows).double(), torch.cat(weights), step


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="fast:")
        yield


# The same result


@pytest.mark.parametrize(
    "switch",
    [
        dict(off=True),
        PLAIN,
        PLAIN | dict(fused=True),
        PLAIN | dict(channels_last=True),
        PLAIN | dict(fused=True, compile=True),
        pytest.param(PLAIN | dict(graph=True), marks=needs_cuda),
        pytest.param(PLAIN | dict(graph=True, fused=True), marks=needs_cuda),
        pytest.param(PLAIN | dict(graph=True, fused=True, compile=True), marks=needs_cuda),
    ],
    ids=lambda s: "+".join(k for k, v in s.items() if v),
)
@pytest.mark.parametrize("model", [VAE, WGAN, lambda: WGAN(convolutions=True)])
def test_the_first_hundred_losses_are_those_of_the_plain_loop(model, switch):
    plain, plain_weights, _ = train(model(), off=True)
    quick, quick_weights, step = train(model(), **switch)
    torch.testing.assert_close(quick, plain, **SAME)
    torch.testing.assert_close(quick_weights, plain_weights, rtol=0, atol=1e-5)
    if switch.get("compile") or switch.get("graph"):
        assert len(step._captured) == 1  # it was no fallback that agreed


@pytest.mark.skipif(not supports_bfloat16(DEVICE), reason="no bfloat16 here")
@pytest.mark.parametrize("compile", [False, True])
def test_bfloat16_trains_as_well_within_the_spread_of_seeds(compile):
    def final(seed, **settings):
        return train(VAE(), 300, seed, **settings)[0][-100:, 0].mean()

    plain = torch.stack([final(seed, off=True) for seed in range(5)])
    quick = final(0, precision="bfloat16", compile=compile)
    assert (quick - plain.mean()).abs() < 3 * plain.std()
    assert not torch.equal(quick, final(0, **PLAIN))  # it was bfloat16


def test_without_switches_it_does_what_the_device_allows():
    model = WGAN(convolutions=True)
    step = fast(model.train_step, model.networks, model.optimizers)
    measured = DEVICE.type == "cpu" and supports_bfloat16(DEVICE)
    known = "bfloat16" if supports_bfloat16(DEVICE) else "float32"
    assert step.settings["precision"] == (None if measured else known)
    assert step.settings["channels_last"] and step.settings["fused"]
    assert step.settings["graph"] is (DEVICE.type == "cuda") and not step.settings["compile"]
    assert model.critic[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert model.optimizers[0].param_groups[0]["fused"]


@pytest.mark.parametrize(
    "settings",
    [
        dict(compile=True, fused=True),
        pytest.param(dict(graph=True), marks=needs_cuda),
        pytest.param(dict(graph=True, compile=True, fused=True), marks=needs_cuda),
    ],
)
def test_several_steps_in_one_recording_are_as_many_steps(settings):
    """With Adam, its counts, fresh noise, clipping and an EMA in each of them."""
    stack = torch.stack([images(seed=k) for k in range(12)])
    losses, weights = [], []
    for at_once in (1, 3):
        model = VAE(schedule=False)

        def train_steps(batches, model=model):
            return torch.stack([model.train_step(batch)["loss"] for batch in batches])

        several = PLAIN | (settings if at_once > 1 else {})
        step = fast(train_steps, model.networks, model.optimizers, **several)
        torch.manual_seed(3)
        losses.append(torch.cat([step(batches).cpu() for batches in stack.split(at_once)]))
        assert at_once == 1 or step._captured
        weights.append(torch.cat([p.detach().flatten() for p in model.average.parameters()]))
    torch.testing.assert_close(*losses, **SAME)
    torch.testing.assert_close(*weights, **SAME)


@pytest.mark.skipif(DEVICE.type == "cuda", reason="a CPU's threads")
def test_no_more_threads_than_the_process_may_keep_busy(monkeypatch):
    before, (network, optimizer, train_step) = torch.get_num_threads(), tiny()
    try:
        for allowed, asked, in_use in ((2, None, 2), (8, None, 4), (2, 3, 3)):
            torch.set_num_threads(4)
            monkeypatch.setattr(fast_module, "usable_cpus", lambda allowed=allowed: allowed)
            fast(train_step, network, optimizer, threads=asked)
            assert torch.get_num_threads() == in_use
        torch.set_num_threads(4)
        fast(train_step, network, optimizer, off=True)
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "steps, convolutions, precision, expected",
    [
        (None, False, "bfloat16", False),
        (1_000, False, "bfloat16", False),
        (100_000, False, "bfloat16", True),
        (100_000, False, "float32", True),
        (100_000, True, "bfloat16", False),
    ],
)
def test_a_cpu_compiles_only_what_repays_it(steps, convolutions, precision, expected):
    model = WGAN(convolutions)
    networks = [network.cpu() for network in model.networks]
    step = fast(model.train_step, networks, model.optimizers, steps=steps, precision=precision)
    assert step.settings["compile"] is expected


# What tells one call from another


def two_kinds_of_call(train_step, first, second, **settings):
    """The result of the second call, after the first has been recorded, and of the plain step."""
    network, optimizer, _ = tiny()

    def learn(*args, **kwargs):
        loss = train_step(network, *args, **kwargs)
        optimizer.zero_grad()
        loss.backward()
        return loss

    step = fast(learn, network, optimizer, **RECORDED | settings)
    for _ in range(6):
        first(step)
    assert step._captured
    return second(step), second(learn).detach()


def by_name(network, d=None, **more):
    return network(d["a"]).sum() if "a" in d else 10 * network(d["b"]).sum()


def by_nesting(network, pair):
    return network(pair[0]).sum() if torch.is_tensor(pair[0]) else 10 * network(pair[0][0]).sum()


def by_type(network, x, flag):
    return network(x).sum() * {bool: 1, int: 10, float: 100}[type(flag)]


def by_sign(network, x, number):
    return network(x).sum() * math.copysign(1, number)


def minus(network, x, y):
    return network(x - y).sum()


def by_layout(network, x):
    return network(x).sum() * x.stride()[0]


@pytest.mark.parametrize(
    "train_step, first, second",
    [
        (by_name, lambda f: f({"a": X}), lambda f: f({"b": X})),
        (by_name, lambda f: f(d={"a": X}), lambda f: f(d={"b": X})),
        (by_name, lambda f: f(d={"a": X}, b=X), lambda f: f(d={"b": X}, a=X)),
        (by_nesting, lambda f: f((X, X + 1)), lambda f: f(((X, X + 1),))),
        (by_nesting, lambda f: f([X, [X + 1]]), lambda f: f([[X], X + 1])),
        (by_type, lambda f: f(X, True), lambda f: f(X, 1)),
        (by_type, lambda f: f(X, 1), lambda f: f(X, 1.0)),
        (by_sign, lambda f: f(X, 0.0), lambda f: f(X, -0.0)),
        (minus, lambda f: f(X, X), lambda f: f(X, 2 * X)),
        (by_layout, lambda f: f(X[:3]), lambda f: f(X[:3].T.contiguous().T)),
    ],
)
def test_calls_that_python_can_tell_apart_are_not_replays_of_each_other(train_step, first, second):
    assert torch.allclose(*two_kinds_of_call(train_step, first, second))


def test_a_frozen_weight_and_a_replaced_layer_are_noticed():
    """Also where the plain loop is given other weights between two calls."""
    for change in (
        lambda network: network[0].requires_grad_(False),
        lambda network: network.__setitem__(0, copy.deepcopy(network[0])),
    ):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1)).to(DEVICE)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)

        def train_step(x, network=network, optimizer=optimizer):
            loss = network(x).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        step = fast(train_step, network, optimizer, **RECORDED)
        for _ in range(6):
            step(X)
        assert step._captured
        change(network)
        before = network[0].weight.detach().clone()
        for _ in range(4):
            step(X)
        assert torch.equal(network[0].weight, before)


# Random numbers


@pytest.mark.parametrize(
    "settings", [dict(precision="bfloat16", graph=False), dict(precision="float32", compile=True)]
)
def test_the_same_seed_gives_the_same_run_and_another_another(settings):
    def losses(seed):
        network, optimizer, inner = tiny()
        step = fast(lambda x: inner(x * torch.randn_like(x)), network, optimizer, **settings)
        torch.manual_seed(seed)
        return torch.stack([step(X) for _ in range(12)])

    first = losses(5)
    assert torch.equal(first, losses(5)) and not torch.isclose(first, losses(6)).any()


@pytest.mark.parametrize(
    "settings",
    [dict(compile=True), pytest.param(dict(graph=True), marks=needs_cuda)],
    ids=["compile", "graph"],
)
def test_every_replay_draws_fresh_noise_from_the_global_generator(settings):
    network = nn.Linear(1, 1).to(DEVICE)
    optimizer = torch.optim.Adam(network.parameters())

    def train_step(x):
        noise = torch.randn(4, device=x.device)
        loss = network(x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return noise, loss

    step = fast(train_step, network, optimizer, **PLAIN | dict(fused=True) | settings)
    torch.manual_seed(0)
    drawn = torch.stack([step(torch.ones(2, 1, device=DEVICE))[0] for _ in range(10)])
    assert len(drawn.flatten().unique()) == 40
    torch.manual_seed(0)
    again = torch.stack([step(torch.ones(2, 1, device=DEVICE))[0] for _ in range(10)])
    assert torch.equal(drawn, again)


# Results stay on the device


def test_results_keep_their_structure_are_detached_and_live_on():
    network, optimizer, inner = tiny()
    nested = fast(
        lambda x: {"loss": inner(x), "pair": (x.mean(), None)}, network, optimizer, **RECORDED
    )
    rows = [nested(X + k) for k in range(6)]
    assert nested._captured
    assert all(row.keys() == {"loss", "pair"} and row["pair"][1] is None for row in rows)
    assert not any(row["loss"].requires_grad for row in rows)
    assert len({row["loss"].item() for row in rows}) == 6  # none was written over by a replay
    assert [round(row["pair"][0].item() - X.mean().item()) for row in rows] == [*range(6)]


def test_no_result_is_read(monkeypatch):
    """Reading a value goes through one of these: on a GPU each would wait for the device."""
    network, optimizer, train_step = tiny()
    step = fast(train_step, network, optimizer, compile=True)
    for _ in range(5):
        step(X)

    def refuse(*_):
        raise AssertionError("the loop reads a tensor's value")

    for name in ("item", "tolist", "cpu", "numpy", "__bool__", "__float__", "__int__"):
        monkeypatch.setattr(torch.Tensor, name, refuse)
    step(X)
    step._ways = []
    step(X)


@needs_cuda
def test_the_loop_never_waits_for_the_gpu():
    model = VAE()
    step = fast(model.train_step, model.networks, model.optimizers)
    x = images()
    for _ in range(5):
        step(x)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(5):
            step(x)
            model.schedule.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


# What changes between steps


def tiny(optimizer=torch.optim.Adam, **options):
    torch.manual_seed(0)
    network = nn.Linear(3, 1).to(DEVICE)
    optimizer = optimizer(network.parameters(), lr=0.1, **options)

    def train_step(x):
        loss = network(x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return network, optimizer, train_step


X = torch.arange(12.0).reshape(4, 3).to(DEVICE) / 12
RECORDED = dict(precision="float32", compile=DEVICE.type == "cpu", graph=True)


def run(settings, change=lambda k, network, optimizer: X, steps=14, **options):
    network, optimizer, train_step = tiny(**options)
    step = fast(train_step, network, optimizer, **settings)
    losses = [step(change(k, network, optimizer)) for k in range(steps)]
    return torch.stack(losses).detach(), step


def set_rate(k, network, optimizer):
    optimizer.param_groups[0]["lr"] = 0.1 / (k + 1)
    return X


def replace_state(k, network, optimizer):
    if k == 8:
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    return X


def replace_weights(k, network, optimizer):
    if k == 8:
        network.weight.data = network.weight.data.clone() + 1
    return X


def load_weights(k, network, optimizer):
    if k == 8:
        network.load_state_dict({"weight": torch.ones(1, 3), "bias": torch.zeros(1)})
    return X


def other_batch(k, network, optimizer):
    return X[: 2 + k % 2]


@pytest.mark.parametrize(
    "change", [set_rate, replace_state, replace_weights, load_weights, other_batch]
)
def test_a_capture_sees_what_happens_between_steps(change):
    plain, _ = run(dict(off=True), change)
    quick, step = run(RECORDED, change)
    torch.testing.assert_close(quick, plain, **SAME)
    assert step._captured and step._ways


@pytest.mark.parametrize(
    "options",
    [
        dict(weight_decay=0.1),
        dict(amsgrad=True),
        dict(maximize=True),
        dict(optimizer=torch.optim.AdamW, weight_decay=0.1),
        dict(betas=(0.0, 0.9)),
        dict(optimizer=torch.optim.SGD),
        dict(optimizer=torch.optim.SGD, momentum=0.9, nesterov=True, weight_decay=0.1),
        dict(optimizer=torch.optim.SGD, momentum=0.9, dampening=0.2, maximize=True),
    ],
    ids=str,
)
def test_the_optimizers_arithmetic_for_the_compiler(options):
    plain, _ = run(dict(off=True), steps=8, **options)
    quick, step = run(RECORDED, steps=8, **options)
    torch.testing.assert_close(quick, plain, **SAME)
    assert step._captured


def test_gradients_that_add_up_from_step_to_step():
    def losses(**settings):
        network, optimizer, _ = tiny()

        def train_step(x):  # no zero_grad: a running sum, as some forget it
            loss = network(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        step = fast(train_step, network, optimizer, **settings)
        return torch.stack([step(X) for _ in range(10)]).detach()

    torch.testing.assert_close(losses(**RECORDED), losses(off=True), **SAME)


def test_an_optimizer_keeps_its_state_and_a_loaded_one_becomes_fast_again():
    network, optimizer, train_step = tiny()
    for _ in range(3):
        train_step(X)
    saved = copy.deepcopy(optimizer.state_dict())
    before = optimizer.state[network.weight]["exp_avg"].clone()
    fast(train_step, network, optimizer, precision="float32")
    assert torch.equal(optimizer.state[network.weight]["exp_avg"], before)
    assert optimizer.state[network.weight]["step"] == 3
    optimizer.load_state_dict(saved)  # of a plain optimizer: it brings fused=None along
    assert optimizer.param_groups[0]["fused"]


# Falling back


def expect_fallback(train_step, network, optimizer, reason, settings=None):
    """One warning, with the reason, and the losses of the plain loop."""
    settings = RECORDED if settings is None else settings
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        step = fast(train_step, network, optimizer, **settings)
        losses = [step(X) for _ in range(8)]
    messages = [str(w.message) for w in caught if str(w.message).startswith("fast:")]
    assert len(messages) == 1 and "eager" in messages[0] and reason in messages[0], messages
    plain, _ = run(dict(off=True), steps=8)
    if not isinstance(losses[0], float):
        torch.testing.assert_close(torch.stack(losses), plain, **SAME)


def test_a_step_that_reads_a_value_falls_back():
    network, optimizer, inner = tiny()

    def train_step(x):
        loss = inner(x)
        if loss.item() < 0:
            raise AssertionError
        return loss

    expect_fallback(train_step, network, optimizer, "reads a tensor's value")


def test_an_optimizer_that_is_not_fused_reads_values_on_a_cpu():
    network, optimizer, train_step = tiny(torch.optim.NAdam)
    step = fast(train_step, network, optimizer, precision="float32", compile=True, graph=False)
    with pytest.warns(UserWarning, match=r"reads a tensor's value.* not fused"):
        assert len([step(X) for _ in range(5)]) == 5


def test_a_failed_attempt_leaves_no_trace_in_weights_and_random_numbers():
    network, optimizer, train_step = tiny(fused=True)
    train_step(X)
    before = copy.deepcopy((network.state_dict(), optimizer.state_dict()["state"]))
    random_before, gradient = torch.get_rng_state(), network.weight.grad

    def broken(x):
        train_step(x + 1e-3 * torch.randn_like(x))
        raise KeyError("in the middle")

    with pytest.raises(CannotCapture, match="KeyError: 'in the middle'"):
        CompiledStep.record(broken, (X,), state_tensors([network], [optimizer]))
    after = (network.state_dict(), optimizer.state_dict()["state"])
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), random_before) and network.weight.grad is gradient


@pytest.mark.skipif(DEVICE.type == "cuda", reason="a CUDA graph may move what it is not told of")
def test_a_tensor_that_fast_was_not_told_of():
    network, optimizer, inner = tiny()
    count = torch.zeros((), device=DEVICE)

    def train_step(x):
        count.add_(1)
        return inner(x)

    expect_fallback(train_step, network, optimizer, "that is no argument")
    assert count == 8  # refused before it was moved


def test_a_step_that_returns_a_number():
    network, optimizer, inner = tiny()
    reason = "returns a float; return tensors"

    def train_step(x):
        inner(x)
        return 0.5

    expect_fallback(train_step, network, optimizer, reason)


def test_a_hook_on_an_optimizer_is_known_before_the_first_step():
    network, optimizer, train_step = tiny()
    optimizer.register_step_pre_hook(lambda *_: None)
    expect_fallback(train_step, network, optimizer, "a hook on an optimizer")


def test_an_own_generator_cannot_be_compiled():
    network, optimizer, train_step = tiny()
    settings = dict(precision="float32", compile=True, graph=False, generators=[torch.Generator()])
    expect_fallback(train_step, network, optimizer, "global generator", settings)


def test_numbers_that_change_at_every_step_are_given_up(monkeypatch):
    monkeypatch.setattr(fast_module, "GRAPH_WARMUPS", 0)
    network, optimizer, inner = tiny()
    train_step = fast(lambda x, k: inner(x), network, optimizer, **RECORDED)
    with pytest.warns(UserWarning, match="keep changing"):
        losses = [train_step(X, k // 2) for k in range(16)]  # a number's second call compiles
    assert len(losses) == 16 and not train_step._captured


def test_networks_that_are_never_called_as_such():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def encode(self, x):
            return self.layer(x)

    model = Model().to(DEVICE)
    optimizer = torch.optim.Adam(model.parameters())
    step = fast(
        lambda x: model.encode(x).mean(), model, optimizer, precision="bfloat16", graph=False
    )
    with pytest.warns(UserWarning, match="never called a network"):
        step(X)
    step(X)  # once is enough


def test_what_cannot_be_keyed_runs_eager_and_says_so_once():
    network, optimizer, inner = tiny()
    seen = []

    def train_step(x, names=()):
        seen.append(sorted(names))
        return inner(x)

    step = fast(train_step, network, optimizer, **RECORDED)
    for _ in range(6):
        step(X)
    before = len(seen)
    with pytest.warns(UserWarning, match="argument is a set.* may differ") as caught:
        for names in ({"a"}, {"b"}):
            step(X, names)
    assert len([w for w in caught if "fast:" in str(w.message)]) == 1 and "eager" in str(caught[0])
    assert seen[before:] == [["a"], ["b"]]
    assert step._captured and step._ways  # the others go on


def test_the_network_is_left_as_it_was():
    network, optimizer, train_step = tiny()
    step = fast(train_step, network, optimizer, precision="bfloat16", graph=False)
    step(X)
    assert "forward" not in vars(network) and network.weight.dtype is torch.float32


def test_a_network_named_twice_counts_once_and_keeps_a_forward_of_its_own():
    network, optimizer, train_step = tiny()
    own = network.forward = lambda x, plain=network.forward: 2 * plain(x)
    settings = dict(precision="bfloat16", graph=False)
    step = fast(train_step, (network, network), (optimizer, optimizer), **settings)
    losses = torch.stack([step(X) for _ in range(5)])
    assert vars(network)["forward"] is own and len(step._prepared) == 1
    network, optimizer, train_step = tiny()
    network.forward = lambda x, plain=network.forward: 2 * plain(x)
    once = fast(train_step, network, optimizer, **settings)
    assert torch.equal(torch.stack([once(X) for _ in range(5)]), losses)


def test_an_optimizer_gets_one_hook_however_often_it_is_made_fast():
    network, optimizer, train_step = tiny()
    saved = copy.deepcopy(optimizer.state_dict())
    for _ in range(3):
        fast(train_step, network, optimizer, precision="float32")
    assert len(optimizer._optimizer_load_state_dict_post_hooks) == 1
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["fused"]
    gone = weakref.ref(optimizer)
    del optimizer, train_step
    gc.collect()
    assert gone() is None  # the registry keeps none alive


# Complaints


def test_complaints():
    network, optimizer, train_step = tiny()
    with pytest.raises(ValueError, match="'float32' or 'bfloat16'; got 'half'"):
        fast(train_step, network, optimizer, precision="half")
    with pytest.raises(ValueError, match="at least 1; got 0"):
        fast(train_step, network, optimizer, threads=0)
    other = nn.Linear(1, 1, device="meta")
    with pytest.raises(ValueError, match=r"on one device; got .*'meta'"):
        fast(train_step, [network, other], optimizer)
    with pytest.raises(ValueError, match=r"got \[\]"):
        fast(train_step, [], optimizer)
    assert fast(train_step, network, optimizer, off=True) is train_step


def test_an_adam_that_is_not_adam_would_be_noticed(monkeypatch):
    """The test of agreement has teeth: without bias correction it fails."""

    def careless(weights, gradients, means, squares, _, counts, *, lr, **o):
        for weight, gradient, mean, square in zip(weights, gradients, means, squares, strict=True):
            mean.lerp_(gradient, 1 - o["beta1"])
            square.lerp_(gradient * gradient, 1 - o["beta2"])
            weight.sub_(lr * mean / (square.sqrt() + o["eps"]))

    monkeypatch.setitem(capture._UPDATES, torch.ops.aten._fused_adam_.tensor_lr, careless)
    plain, _ = run(dict(off=True))
    quick, _ = run(dict(precision="float32", compile=True, graph=False))
    assert ((quick - plain) / plain).abs().max() > 1e-3


def test_numbers_that_never_come_twice_are_given_up():
    network, optimizer, inner = tiny()
    step = fast(lambda x, k: inner(x), network, optimizer, **RECORDED)
    with pytest.warns(UserWarning, match="100 calls differed"):
        for k in range(103):
            step(X, k)
    assert not step._ways
