"""Flags and gradients that an answer leaves on what it was given are told, in every exercise."""

import pytest
import torch
from torch import nn
from torch.distributions import Normal

from course_lib.checks import exercise, from_json, make_cases, names, observe, run, to_json
from course_lib.checks.handed_over import Watch, tensors_in
from tests.lessons import solution

PATH = "reparameterization.pathwise_gradient"


def floating(arguments):
    return [t for t in tensors_in(list(arguments)) if t.is_floating_point() and t.is_leaf]


def networks(arguments):
    return [a for a in arguments if isinstance(a, nn.Module)]


def switching_on(answer, found):
    def changed(*arguments):
        result = answer(*arguments)
        for tensor in floating(arguments):
            if not tensor.requires_grad:
                found.append(tensor.requires_grad_())
        return result

    return changed


def freezing(answer, found):
    def changed(*arguments):
        result = answer(*arguments)
        for network in networks(arguments):
            found.append(network.requires_grad_(False))
        return result

    return changed


@pytest.mark.parametrize(
    "leaving, told, least",
    [
        (switching_on, "requires_grad is left changed on", 30),
        (freezing, "requires_grad is left changed in", 6),
    ],
)
def test_a_flag_left_on_what_is_given_is_told_in_every_exercise(leaving, told, least):
    tried = 0
    for name in names():
        found = []
        verdict = run(name, leaving(solution(name), found))
        assert verdict.passed or told in verdict.message, verdict
        assert verdict.passed is not bool(found), name
        tried += bool(found)
    assert tried >= least


def test_nothing_of_it_stays_with_the_check():
    assert not run(PATH, switching_on(solution(PATH), [])).passed
    assert run(PATH, solution(PATH)).passed


def test_a_networks_forward_that_switches_its_images_on_is_told():
    class Switching(solution("vae.Encoder")):
        def forward(self, images):
            return super().forward(images.requires_grad_())

    assert "left changed on images" in run("vae.Encoder", Switching).message


def backward_on_the_callers(function, mean, std, noise):
    mean.requires_grad_()
    function(mean + std * noise).mean().backward()
    mean.requires_grad_(False)
    return solution(PATH)(function, mean.detach(), std, noise)


def test_a_gradient_left_in_a_tensor_is_told():
    message = run(PATH, backward_on_the_callers).message
    assert "a gradient is left in the .grad of mean" in message


def test_what_is_cleaned_up_is_nobodys_business():
    def clean(function, mean, std, noise):
        result = backward_on_the_callers(function, mean, std, noise)
        mean.grad = None
        return result

    assert run(PATH, clean).passed


def test_it_is_put_back_and_crosses_as_text():
    case = make_cases(exercise(PATH), 0)[:1]
    record = observe(exercise(PATH), switching_on(solution(PATH), []), case)
    assert from_json(to_json(record))[0].left_on_inputs == record[0].left_on_inputs != []
    tensor, inside = torch.ones(2), torch.ones(2)
    watch = Watch("(q, parts)", {"parts": [inside]})
    watch.over(lambda q, parts: (q.loc.requires_grad_(), parts[0].requires_grad_()))(
        Normal(tensor, 1.0), [inside]
    )
    assert "left changed on parts and q" in watch.left()[0]
    assert not inside.requires_grad and watch.left() == []
