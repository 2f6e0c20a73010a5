"""Mixtures in the plane: their examples lie where their centers are, and lessons count alike."""

import math

import pytest
import torch

from course_lib.data.plane import draw_from_modes, grid_of_modes, ring_of_modes
from course_lib.metrics import median_range, modes_covered
from tests.lessons import solution

CENTERS = {"ring": ring_of_modes(), "grid": grid_of_modes()}


@pytest.mark.parametrize("name", CENTERS)
def test_every_mode_is_drawn_equally_often_and_as_wide_as_asked(name):
    torch.manual_seed(0)
    centers = CENTERS[name]
    samples = draw_from_modes(centers, 0.1, 50, 400)
    distance, nearest = torch.cdist(samples.flatten(0, 1), centers).min(dim=1)
    share = nearest.bincount(minlength=len(centers)) / nearest.numel()
    assert (share - 1 / len(centers)).abs().max() < 0.01
    assert distance.square().mean().item() == pytest.approx(2 * 0.1**2, rel=0.05)


def test_the_ring_is_round_and_the_grid_is_square():
    assert torch.allclose(CENTERS["ring"].norm(dim=1), torch.tensor(2.0))
    assert CENTERS["grid"].shape == (25, 2) and CENTERS["grid"].abs().max() == 2


def test_modes_are_counted_as_the_lesson_counts_them():
    torch.manual_seed(0)
    for name, centers in CENTERS.items():
        samples = draw_from_modes(centers[:3], 0.15, 500)
        arguments = samples, centers, 0.3, 20
        assert modes_covered(*arguments) == solution("stable_gans.modes_covered")(*arguments), name
        modes, share = modes_covered(*arguments)
        assert modes == 3 and share == pytest.approx(1 - math.exp(-2), abs=0.05)


def test_a_range_holds_its_median_whatever_the_order():
    assert median_range([3.0, 1.0, 2.0]) == "2.0 (1.0 to 3.0)"
    assert median_range(iter([0.5]), ".0%") == "50% (50% to 50%)"
