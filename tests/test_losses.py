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
