"""Audits: held to brute force, to scikit-free counting, and to the lesson's own solutions."""

import math

import numpy as np
import pytest
import torch

from course_lib import audits
from tests.lessons import solution


def some_images(count, seed, *shape):
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed))


def test_the_nearest_is_the_nearest_in_any_chunks():
    images, train = some_images(23, 0, 3, 4, 5), some_images(31, 1, 3, 4, 5)
    table = (images[:, None] - train).flatten(2).norm(dim=2)
    for chunk in (1, 7, 500):
        distance, index = audits.nearest(images, train, chunk)
        assert torch.allclose(distance, table.min(dim=1).values, atol=1e-4)
        assert torch.equal(index, table.argmin(dim=1))


def test_images_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match=r"of one shape; got \(2, 1, 4, 4\) and \(2, 3, 4, 4\)"):
        audits.nearest(torch.rand(2, 1, 4, 4), torch.rand(2, 3, 4, 4))


@pytest.mark.parametrize("quantile", [0.05, 0.25])
def test_the_library_and_the_lesson_agree_on_memorization(quantile):
    lesson = solution("responsible.memorization_rate")
    samples, train, test = (some_images(41, seed, 1, 3, 3) for seed in (0, 1, 2))
    for some in (samples, train, test, (samples + train) / 2):
        ours = audits.memorization_rate(some, train, test, quantile)
        assert ours == pytest.approx(float(lesson(some, train, test, quantile)), abs=1e-6)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.995])
def test_the_library_and_the_lesson_agree_on_groups(confidence):
    predictions = torch.tensor([0, 3, 3, 1, 0, 3, 5, 3])
    lesson = solution("responsible.group_frequencies")
    ours = audits.group_frequencies(predictions, 7, confidence)
    assert torch.allclose(ours, lesson(predictions, 7, confidence).float(), atol=1e-6)


def test_sets_that_the_samples_do_not_know_are_nearer_in_half_of_the_cases():
    samples = some_images(400, 0, 6)
    rates = [
        audits.nearer_rate(samples, *some_images(200, seed, 6).chunk(2)) for seed in range(1, 40)
    ]
    assert np.mean(rates) == pytest.approx(0.5, abs=4 * np.std(rates) / len(rates) ** 0.5)
    train, held_out = some_images(200, 77, 6).chunk(2)
    assert audits.nearer_rate(train, train, held_out) == 1
    assert audits.nearer_rate(held_out, train, held_out) == 0
    assert audits.nearer_rate(samples, train, train) == 0.5
    with pytest.raises(ValueError, match="of one size; got 100 and 99"):
        audits.nearer_rate(samples, train, held_out[1:])


def test_the_area_under_the_curve_is_that_of_its_points():
    toss = torch.Generator().manual_seed(0)
    members = (torch.randn(60, generator=toss) + 0.7).round(decimals=1)  # so that some are equal
    others = torch.randn(90, generator=toss).round(decimals=1)
    false, true = audits.roc(members, others)
    area, error = audits.auc(members, others)
    assert area == pytest.approx(torch.trapezoid(true, false).item(), abs=1e-6)
    assert false[0] == true[0] == 0 and false[-1] == true[-1] == 1
    assert (false.diff() >= 0).all() and (true.diff() >= 0).all()
    assert 0 < error < 0.1


def test_the_area_s_error_is_its_spread():
    toss = torch.Generator().manual_seed(3)
    found = [
        audits.auc(torch.randn(80, generator=toss) + 0.5, torch.randn(120, generator=toss))
        for _ in range(400)
    ]
    areas, errors = torch.tensor(found).T
    exact = 0.5 * math.erfc(-0.5 / 2)  # P(N(0.5, 2) > 0)
    assert areas.mean() == pytest.approx(exact, abs=4 * areas.std().item() / 20)
    assert errors.mean() == pytest.approx(areas.std().item(), rel=0.12)


def test_neighbors_read_what_most_of_them_are():
    references = torch.cat([some_images(30, 1, 4), 3 + some_images(30, 2, 4)])
    labels = torch.tensor([0, 1]).repeat_interleave(30)
    images = torch.cat([some_images(5, 3, 4), 3 + some_images(5, 4, 4)])
    assert audits.read_by_neighbors(images, references, labels, 2).tolist() == [0] * 5 + [1] * 5
    mixed = torch.arange(60) % 3
    table = (images[:, None] - references).norm(dim=2).argsort(dim=1)[:, :5]
    for found, near in zip(
        audits.read_by_neighbors(images, references, mixed, 3).tolist(), table, strict=True
    ):
        counts = mixed[near].bincount(minlength=3)
        assert found == (counts.argmax() if counts.max() >= 3 else 3)
