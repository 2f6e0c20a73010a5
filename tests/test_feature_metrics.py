"""The shipped feature networks, and the formulas on features against other ways to compute them."""

import hashlib
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import KernelInceptionDistance

from benchmarks import features as training
from course_lib import metrics
from course_lib.data.files import CHECKSUMS, FEATURE_FILES, MalformedData, checksums, data_folder
from course_lib.metrics.extractors import record
from tests.lessons import solution

NAMES = [*FEATURE_FILES]


@pytest.fixture(scope="module", autouse=True)
def no_other_folder():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COURSE_DATA", raising=False)
        yield


def some_features(count, seed, shift=0.0, dim=6):
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(count, dim, generator=generator) @ torch.randn(
        dim, dim, generator=generator
    )
    return (mixed + shift).relu()


# --- the networks --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_shipped_weights_reach_the_recorded_accuracy(name):
    network = metrics.features(name)
    images, labels = training.labelled(name, "test")
    right = (network(images).probabilities.argmax(dim=1) == labels).double()
    assert len(images) == record(name)["test_images"]
    assert right.mean().item() == pytest.approx(record(name)["accuracy"], abs=2 / len(images))


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_mean_what_they_say(name):
    images, labels = training.labelled(name, "test")
    probabilities = metrics.features(name)(images).probabilities.double()
    losses = [
        torch.nn.functional.nll_loss((scale * probabilities.log()).log_softmax(dim=1), labels)
        for scale in (0.9, 1.0, 1.1)
    ]
    assert losses[1] == min(losses)  # neither more nor less confidence would fit better
    right = probabilities.argmax(dim=1) == labels
    confidence = probabilities.amax(dim=1).mean().item()
    assert confidence == pytest.approx(right.double().mean().item(), abs=0.03)


def test_the_data_folders_readme_has_the_checksums():
    told = (data_folder() / "README.md").read_text()
    for file, digest in checksums().items():
        size = (data_folder() / file).stat().st_size
        assert f"| `{file}` | {size:,} | `{digest}` |" in told, file


@pytest.mark.parametrize("name", NAMES)
def test_retraining_at_the_smallest_budget_reaches_what_the_script_recorded(name):
    reached = training.accuracy(training.smoke(name))
    assert reached > record(name)["smoke_accuracy"] - 0.05  # other threads, other rounding
    assert reached < record(name)["accuracy"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_small_and_says_what_it_holds(name):
    raw = (data_folder() / FEATURE_FILES[name]).read_bytes()
    assert len(raw) < 1_000_000
    weights = load(raw)
    counted = sum(w.numel() for key, w in weights.items() if "running" not in key and w.ndim)
    assert counted == record(name)["parameters"]


@pytest.mark.parametrize("name", NAMES)
def test_value_ranges_agree_and_a_wrong_one_is_named(name):
    images, _ = training.labelled(name, "test")
    images = images[:20]
    symmetric = metrics.features(name)(images)
    unit = metrics.features(name, value_range=(0, 1))((images + 1) / 2)
    torch.testing.assert_close(symmetric.features, unit.features, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(symmetric.probabilities.sum(dim=1), torch.ones(20))
    assert symmetric.features.shape == (20, 64) and (symmetric.features >= 0).all()
    with pytest.raises(ValueError, match=r"images in \[0, 1\]; got values from -1"):
        metrics.features(name, value_range=(0, 1))(images)
    with pytest.raises(ValueError, match="got values"):
        metrics.features(name)(torch.full_like(images, math.nan))
    with pytest.raises(ValueError, match=r"images must be \(B, .*got \(20, 64\)"):
        metrics.features(name)(symmetric.features)


def test_chunks_do_not_matter_and_no_graph_is_kept():
    network = metrics.features("mnist")
    images, _ = training.labelled("mnist", "test")
    whole, pieces = network(images[:50]), network(images[:50], chunk=7)
    torch.testing.assert_close(whole.features, pieces.features, rtol=1e-4, atol=1e-5)
    assert not whole.features.requires_grad and not network.training


def test_emoji_of_half_the_size_are_seen_nearly_alike():
    network = metrics.features("emoji")
    images, labels = training.labelled("emoji", "test")
    small = torch.nn.functional.avg_pool2d(images, 2)
    right = (network(small).probabilities.argmax(dim=1) == labels).double().mean()
    assert right > record("emoji")["accuracy"] - 0.05


def test_another_name_is_refused():
    with pytest.raises(ValueError, match="one of mnist, fashion_mnist, emoji; got 'cifar'"):
        metrics.features("cifar")


def test_a_file_of_other_weights_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    training.write(tmp_path, "emoji", training.rounded(metrics.FeatureNetwork("emoji")), {})
    metrics.features("emoji")
    (tmp_path / CHECKSUMS).unlink()
    raw = (tmp_path / FEATURE_FILES["emoji"]).read_bytes()
    (tmp_path / FEATURE_FILES["mnist"]).write_bytes(raw)
    with pytest.raises(MalformedData, match=r"mnist.*expected the weights"):
        metrics.features("mnist")
    (tmp_path / FEATURE_FILES["mnist"]).write_bytes(raw[:-100])
    with pytest.raises(MalformedData, match=r"mnist.*expected the weights"):
        metrics.features("mnist")


def test_the_script_writes_files_that_verify(tmp_path):
    network = metrics.FeatureNetwork("mnist")
    stored = training.rounded(network)
    training.write(tmp_path, "mnist", stored, {"accuracy": 0.5})
    lines = (tmp_path / "sha256sums.txt").read_text().splitlines()
    assert len(lines) == 2
    for line in lines:
        digest, file = line.split("  ")
        assert hashlib.sha256((tmp_path / file).read_bytes()).hexdigest() == digest


# --- the formulas, by other ways ------------------------------------------------------------------


def numpy_fid(a, b):
    """As the authors wrote it, with the eigenvalues of the product itself (not symmetric)."""
    a, b = (x.double().numpy() for x in (a, b))
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).astype(complex)).real.sum()
    distance = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return distance + np.trace(cov_a) + np.trace(cov_b) - 2 * roots


def loop_kid(a, b):
    a, b = a.double().tolist(), b.double().tolist()

    def mean_kernel(x, y, skip):
        values = [
            (sum(p * q for p, q in zip(u, v, strict=True)) / len(u) + 1) ** 3
            for i, u in enumerate(x)
            for j, v in enumerate(y)
            if not (skip and i == j)
        ]
        return sum(values) / len(values)

    return mean_kernel(a, a, True) + mean_kernel(b, b, True) - 2 * mean_kernel(a, b, False)


def loop_coverage(points, support, k):
    points, support = points.double().numpy(), support.double().numpy()
    inside = 0
    for point in points:
        for center in support:
            radius = np.sort(np.linalg.norm(support - center, axis=1))[k]
            if np.linalg.norm(point - center) <= radius:
                inside += 1
                break
    return inside / len(points)


@pytest.mark.parametrize("seed", range(3))
def test_fid_agrees_with_numpy(seed):
    a, b = some_features(200, seed), some_features(150, seed + 9, 0.5)
    assert metrics.fid(a, b) == pytest.approx(numpy_fid(a, b), rel=1e-6)


def test_frechet_distance_of_commuting_and_of_singular_covariances():
    diagonal_a, diagonal_b = torch.tensor([4.0, 1.0, 0.0]), torch.tensor([1.0, 9.0, 0.0])
    turn = torch.linalg.qr(some_features(3, 0, dim=3).double())[0]
    cov_a, cov_b = (turn @ values.double().diag() @ turn.T for values in (diagonal_a, diagonal_b))
    zero = torch.zeros(3)
    assert metrics.frechet_distance(zero, cov_a, zero + 1, cov_b) == pytest.approx(3 + 1 + 4)
    few = some_features(4, 1)  # fewer than features: a covariance of rank 3
    assert metrics.fid(few, few) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_kid_agrees_with_loops(seed):
    a, b = some_features(25, seed), some_features(18, seed + 9, 0.3)
    assert metrics.kid(a, b) == pytest.approx(loop_kid(a, b), rel=1e-9)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_and_recall_agree_with_loops(k):
    real, fake = some_features(60, 0), some_features(45, 1, 0.8)
    precision, recall = metrics.precision_recall(real, fake, k)
    assert precision == pytest.approx(loop_coverage(fake, real, k))
    assert recall == pytest.approx(loop_coverage(real, fake, k))
    assert 0 < precision < 1 and 0 < recall < 1 and precision != recall


def test_inception_score_agrees_with_sums_by_sample():
    p = some_features(80, 3).add(0.1)
    p = (p / p.sum(dim=1, keepdim=True)).double()
    divergences = (p * (p / p.mean(dim=0)).log()).sum(dim=1)
    assert metrics.inception_score(p) == pytest.approx(divergences.mean().exp().item(), rel=1e-9)


def test_all_agree_with_torchmetrics_on_the_same_features():
    a, b = some_features(300, 0, dim=64), some_features(250, 1, 0.2, dim=64)

    class Given(torch.nn.Module):
        num_features = 64

        def forward(self, images):
            return images

    theirs = FrechetInceptionDistance(feature=Given(), normalize=True)
    theirs.set_dtype(torch.float64)
    theirs.update(a, real=True), theirs.update(b, real=False)
    assert metrics.fid(a, b) == pytest.approx(theirs.compute().item(), rel=1e-4)

    # One subset of all samples is the whole estimate; sets of one size, since theirs has one.
    theirs = KernelInceptionDistance(feature=Given(), subsets=1, subset_size=250)
    theirs.update(a[:250], real=True), theirs.update(b, real=False)
    assert metrics.kid(a[:250], b) == pytest.approx(theirs.compute()[0].item(), rel=1e-4)

    theirs = InceptionScore(feature=Given(), splits=1)
    theirs.update(a)
    ours = metrics.inception_score(a.double().softmax(dim=1))
    assert ours == pytest.approx(theirs.compute()[0].item(), rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_lesson_and_the_library_have_one_formula(seed):
    a, b = some_features(60, seed), some_features(45, seed + 9, 0.4)
    p = a.softmax(dim=1)
    for name, given in {
        "inception_score": (p,),
        "fid": (a, b),
        "kid": (a, b),
        "precision_recall": (a, b, 2),
    }.items():
        ours = getattr(metrics, name)(*given)
        theirs = solution(f"evaluation.{name}")(*given)
        np.testing.assert_allclose(theirs, ours, rtol=1e-5)
    rate, *interval = solution("evaluation.forced_choice")(13, 20, 0.9)
    np.testing.assert_allclose(interval, metrics.wilson_interval(13, 20, 0.9))
    assert rate == 13 / 20


def test_wrong_shapes_are_named():
    a = some_features(10, 0)
    with pytest.raises(ValueError, match="features of one length; got 6 and 5"):
        metrics.fid(a, a[:, :5])
    with pytest.raises(ValueError, match=r"at least 2; got \(1, 6\)"):
        metrics.kid(a[:1], a)
    with pytest.raises(ValueError, match="k must be a whole number from 1 to 9"):
        metrics.precision_recall(a, a, 10)
    with pytest.raises(ValueError, match="add up to 1"):
        metrics.inception_score(a)
    with pytest.raises(ValueError, match="NaN or infinity"):
        metrics.fid(a / 0, a)
    with pytest.raises(ValueError, match="of one D"):
        metrics.frechet_distance(a[0], a, a[0], a)


# --- intervals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("correct", "total"), [(0, 20), (20, 20), (7, 20), (1, 1), (500, 1000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_wilsons_ends_are_where_the_score_test_turns(correct, total, confidence):
    z = torch.special.ndtri(torch.tensor((1 + confidence) / 2, dtype=torch.float64)).item()
    low, high = metrics.wilson_interval(correct, total, confidence)
    for end in (low, high):
        if 0 < end < 1:
            score = (correct / total - end) / math.sqrt(end * (1 - end) / total)
            assert abs(score) == pytest.approx(z, rel=1e-9)
    assert 0 <= low < high <= 1
    assert low <= correct / total <= high
    with pytest.raises(ValueError, match="correct must lie in"):
        metrics.wilson_interval(total + 1, total)
