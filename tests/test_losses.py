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


def test_the_critics_losses_are_the_lessons():
    real, fake = SURE, -SURE[:3]
    lesson = solution("stable_gans.critic_loss"), solution("stable_gans.wasserstein_generator_loss")
    assert torch.equal(losses.critic_loss(real, fake), lesson[0](real, fake))
    assert torch.equal(losses.wasserstein_generator_loss(fake), lesson[1](fake))


@pytest.mark.parametrize("shape", [(5, 2), (4, 3, 6, 5)])
def test_the_penalty_and_its_gradient_are_the_lessons(shape):
    draw = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(shape, generator=draw, dtype=torch.float64) for _ in range(2))
    mix = torch.rand(len(real), generator=draw, dtype=torch.float64)
    weight = torch.randn(real[0].numel(), generator=draw, dtype=torch.float64, requires_grad=True)

    def critic(x):
        return (x.flatten(1) * weight).tanh().square().sum(dim=1)

    ours, lesson = losses.gradient_penalty, solution("stable_gans.gradient_penalty")
    values = [penalty(critic, real, fake, mix) for penalty in (ours, lesson)]
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*(torch.autograd.grad(v, weight)[0] for v in values))
    assert weight.grad is None


def test_a_penalty_needs_pairs():
    with pytest.raises(ValueError, match=r"mix \(B,\); got \(\(3, 2\), \(2, 2\), \(3,\)\)"):
        losses.gradient_penalty(
            lambda x: x.sum(1), torch.ones(3, 2), torch.ones(2, 2), torch.ones(3)
        )


def test_least_squares_are_the_lessons():
    real, fake = torch.randn(3, 1, 4, 5), torch.randn(2, 1, 4, 5)
    lesson = solution("cyclegan.least_squares_losses")(real, fake)
    torch.testing.assert_close(losses.least_squares_losses(real, fake), lesson)


@pytest.mark.parametrize("name", ["cycle_consistency_loss", "identity_loss"])
def test_the_distances_of_a_cycle_are_the_lessons(name):
    images = (*torch.randn(2, 3, 3, 4, 5), *torch.randn(2, 2, 3, 4, 5))
    lesson = solution(f"cyclegan.{name}")(*images)
    torch.testing.assert_close(losses.cycle_consistency_loss(*images), lesson)
