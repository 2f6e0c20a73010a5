"""The library's losses are those that a lesson's reader has written, and stay right when sure."""

import pytest
import torch

from course_lib import losses
from tests.lessons import solution

SURE = torch.tensor([200.0, -200.0, 0.0, 1.5], dtype=torch.float64)


@pytest.mark.parametrize("name", ["saturating_generator_loss", "nonsaturating_generator_loss"])
def test_a_generators_loss_is_the_lessons(name):
    ours, lesson = getattr(losses, name)(SURE), solution(f"minimax.{name}")(SURE)
    assert torch.equal(ours, lesson) and ours.isfinite()


def test_the_value_is_the_lessons_for_groups_of_two_sizes():
    arguments = SURE, -SURE[:3]
    ours = losses.value_function(*arguments)
    assert torch.equal(ours, solution("minimax.value_function")(*arguments)) and ours.isfinite()


def test_least_squares_are_the_lessons():
    real, fake = torch.randn(3, 1, 4, 5), torch.randn(2, 1, 4, 5)
    lesson = solution("cyclegan.least_squares_losses")(real, fake)
    torch.testing.assert_close(losses.least_squares_losses(real, fake), lesson)


@pytest.mark.parametrize("name", ["cycle_consistency_loss", "identity_loss"])
def test_the_distances_of_a_cycle_are_the_lessons(name):
    images = (*torch.randn(2, 3, 3, 4, 5), *torch.randn(2, 2, 3, 4, 5))
    lesson = solution(f"cyclegan.{name}")(*images)
    torch.testing.assert_close(losses.cycle_consistency_loss(*images), lesson)
