"""The benchmarks measure what they say: the same networks on both sides, whole tables and files."""

import json

import pytest
import torch

from benchmarks import loops, models, peers, quality, roofline, size, speed, timing

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def count(networks):
    return sum(p.numel() for network in networks for p in network.parameters())


def test_the_vaes_are_one_architecture():
    encoder, decoder = models.vae_networks()
    theirs = models.TwoHeadedVAE()
    assert count((encoder, decoder)) == count((theirs,)) == 652_824
    with torch.no_grad():
        encoder[1].load_state_dict(theirs.hidden[1].state_dict())
        encoder[3].weight.copy_(torch.cat([theirs.mean.weight, theirs.log_var.weight]))
        encoder[3].bias.copy_(torch.cat([theirs.mean.bias, theirs.log_var.bias]))
    decoder.load_state_dict(theirs.decoder.state_dict())
    images = torch.rand(5, 1, 28, 28)
    torch.manual_seed(0)
    ours = loops.vae_loss(encoder, decoder, images)
    torch.manual_seed(0)
    torch.testing.assert_close(ours, peers.summed_vae_loss(theirs, images) / 5)


@pytest.mark.parametrize("case", speed.CASES)
def test_both_sides_train_as_many_weights(case):
    contenders = speed.CASES[case].contenders
    ours, theirs = contenders["ours, fast"](CPU), contenders[speed.CASES[case].peers[0]](CPU)
    assert count(ours.networks) == count(theirs.networks)
    own, other = next(ours.stream), next(theirs.stream)
    assert own.shape == other.shape and other.is_floating_point()


@pytest.fixture
def float64(monkeypatch):
    """All floats are float64, also where code asks for .float()."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize(
    ("networks", "peer", "size"),
    [
        (models.mlp_gan, peers.pytorch_gan_mlp, 28),
        (lambda: models.dcgan_32(merged=True), peers.pytorch_gan_dcgan, 32),
    ],
)
def test_a_gan_step_is_the_peers(monkeypatch, float64, networks, peer, size):
    """The same weights, noise, dropout and images: after a step, the same weights on both sides.

    In float64, where rounding is far below Adam's epsilon: in float32 a gradient that is 0 but for
    rounding, as of a bias before a BatchNorm, moves its weight by the whole learning rate.
    """
    pixels = torch.randint(0, 256, (4, 1, size, size), dtype=torch.uint8)
    z = torch.randn(4, 100)
    monkeypatch.setattr(torch, "randn", lambda *a, **k: z)
    monkeypatch.setattr(peers.np.random, "normal", lambda *a: z.numpy())
    ours, theirs = loops.gan_loop(pixels, 4, networks(), off=True), peer(CPU)
    for own, other in zip(ours.networks, (theirs.networks[0], theirs.networks[1][0]), strict=True):
        for p, q in zip(own.parameters(), other.parameters(), strict=True):
            q.data.copy_(p.data)
    torch.manual_seed(0)
    ours.step(pixels)
    torch.manual_seed(0)
    theirs.step(pixels.double() / 127.5 - 1)
    for own, other in zip(ours.networks, theirs.networks, strict=True):
        for (name, p), q in zip(own.named_parameters(), other.parameters(), strict=True):
            assert p.dtype is torch.float64
            torch.testing.assert_close(p.grad, q.grad, rtol=1e-7, atol=1e-14, msg=name)
            torch.testing.assert_close(p, q, rtol=0, atol=1e-9, msg=name)


def test_speed_prints_a_whole_table_and_writes_whole_json(tmp_path, capsys):
    only = ["--only", "ours, fast", "ours, off=True"]
    settings = ["--steps", "3", "--rounds", "2", "--cases", "VAE"]
    speed.main(["--out", str(tmp_path), *settings, *only])
    kept, to_read = sorted(tmp_path.iterdir())
    result = json.loads(kept.read_text())
    printed = capsys.readouterr().out
    assert result["table"] in printed and "torch" in printed and "threads 1" in printed
    assert to_read.name == "speed_vae_1.md" and to_read.read_text() in printed
    lines = result["table"].splitlines()
    assert len({line.count("|") for line in lines}) == 1 and len(lines) == 2 + len(result["rows"])
    names = [row["name"] for row in result["rows"]]
    assert names == ["ours, fast", "ours, off=True", "pytorch/examples", "pythae"]
    for row in result["rows"]:
        if row["missing"]:
            assert row["missing"] == "not installed" and row["name"] == "pythae"
            continue
        assert len(row["wall_ms"]) == len(row["cpu_ms"]) == len(row["data_cpu_ms"]) == 2
        assert min(row["wall_ms"]) > 0 and row["times_as_fast_as"]["pytorch/examples"]["min"] > 0
    assert {"device", "clock", "threads", "torch", "date", "rounds"} <= result["conditions"].keys()


def test_costs_are_those_of_the_layers():
    """Three products a layer, but no gradient by the images; Adam fused is one launch."""
    found = roofline.costs(loops.our_vae(CPU, precision="float32"))
    sizes = (784 * 400, 400 * 40, 20 * 400, 400 * 784)
    assert found["operations"] == 128 * 2 * (3 * sum(sizes) - sizes[0])
    weights = 4 * 652_824
    assert 8 * weights < found["bytes"] < 40 * weights
    plain = roofline.costs(loops.our_vae(CPU, off=True))
    assert found["launches"] < plain["launches"] < 400


def test_contenders_take_turns():
    calls = []

    class Fake:
        networks = ()

        def __init__(self, name):
            self.name = name

        def run(self, steps):
            calls.append((self.name, steps))
            return 2.0 * steps, 1.0 * steps

        def data(self, steps):
            return 0.5 * steps, 0.25 * steps

    rows = timing.interleave({"A": Fake("A"), "B": Fake("B"), "C": "not installed"}, 10, 2, 3)
    assert calls == [("A", 3), ("B", 3), ("A", 10), ("B", 10), ("A", 10), ("B", 10)]
    timing.compare(rows, ("A", "C"), "cpu")
    assert rows[1].times_as_fast_as == {"A": {"median": 1.0, "min": 1.0, "max": 1.0}}
    assert rows[0].cpu_ms == [1000, 1000] and rows[0].data_share("cpu") == 0.25


def test_ours_is_faster_than_the_loop_of_the_examples():
    """In CPU time of one thread; measured 2.5 times as fast, the margin is for a busy machine."""
    result = speed.measure("VAE", steps=15, rounds=3, clock="cpu", only=("ours, fast",), device=CPU)
    ours = result["rows"][0]
    assert ours["times_as_fast_as"]["pytorch/examples"]["median"] > 1.3


def test_the_race_for_quality_and_the_curve_of_sizes_are_whole(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(roofline, "pick_precision", lambda *_: None)  # as where bfloat16 is native
    quality.main(["--out", str(tmp_path), "--seconds", "0.05", "--chunk", "5"])
    size.main(["--out", str(tmp_path), "--sizes", "28", "--batches", "32", "64", "--budget", "30"])
    roofline.main(["--out", str(tmp_path), "--cases", "VAE"])
    printed = capsys.readouterr().out
    race = json.loads((tmp_path / "quality.json").read_text())
    for name, curve in race["curves"].items():
        assert name in printed and curve["seconds"] == sorted(curve["seconds"])
        assert curve["elbo"][-1] > curve["elbo"][0]  # both learn
    curves = json.loads((tmp_path / "size.json").read_text())["curves"]
    assert [point["batch"] for point in curves["28"]] == [32, 64]
    limits = json.loads((tmp_path / "roofline.json").read_text())
    assert limits["rows"]["VAE"]["bounds_ms"].keys() == limits["peaks"].keys()
    assert f"{limits['peaks']['operations'] / 1e9:,.0f} GFLOP/s" in printed
    assert all((tmp_path / name).stat().st_size > 5000 for name in ("quality.png", "size.png"))
