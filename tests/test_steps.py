"""The driver of training steps, on a joint step of two networks beside two that must stay."""

import torch
from torch import nn

from course_lib.checks.observing import to_plain
from course_lib.checks.steps import ADAM, SGD, TrainingStep, with_weights
from course_lib.checks.wrong_steps import apply_gradients, leaving

NAMES = ("gen_ab", "gen_ba", "disc_a", "disc_b")


def build(inputs):
    return {name: with_weights(nn.Linear(2, 2), inputs[f"{name} weights"]) for name in NAMES}


def joint_loss(gen_ab, gen_ba, disc_a, disc_b, a, b):
    cycles = (gen_ba(gen_ab(a)) - a).square().mean() + (gen_ab(gen_ba(b)) - b).square().mean()
    return cycles + disc_b(gen_ab(a)).square().mean() + disc_a(gen_ba(b)).square().mean()


def reference(gen_ab, gen_ba, disc_a, disc_b, optimizer, a, b):
    loss = joint_loss(gen_ab, gen_ba, disc_a, disc_b, a, b)
    return apply_gradients(loss, optimizer, gen_ab, gen_ba)


def as_written(gen_ab, gen_ba, disc_a, disc_b, optimizer, a, b):
    loss = joint_loss(gen_ab, gen_ba, disc_a, disc_b, a, b)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def inputs(optimizer=SGD, old_gradients=0.0):
    generator = torch.Generator().manual_seed(0)
    drawn = {f"{name} weights": torch.randn(6, generator=generator) for name in NAMES}
    batches = {n: torch.randn(3, 2, generator=generator) for n in ("a 1", "a 2", "b")}
    return drawn | batches | {"optimizer": optimizer, "old_gradients": old_gradients}


def facts(answer, given, **settings):
    step = TrainingStep(build, ("gen_ab", "gen_ba"), ("a", "b"), **settings)
    return step.facts(given, step.drive(answer, given))


def same(one, other):
    return {
        name
        for name, value in one.items()
        if (torch.allclose(value, other[name]) if torch.is_tensor(value) else value == other[name])
    }


def test_two_right_steps_have_the_same_facts():
    for given in (inputs(), inputs(ADAM, old_gradients=0.5)):
        wanted = facts(reference, given)
        came = facts(as_written, given, may_keep_gradients=("disc_a", "disc_b"))
        assert same(came, wanted) == came.keys()
        assert all(value for value in came.values() if isinstance(value, bool))
        assert len([name for name in came if name.startswith("how the")]) == 4


def test_gradients_left_behind_are_seen_unless_they_may_stay():
    differing = facts(as_written, inputs())
    assert differing["no gradient reaches the disc_a"] is False
    allowed = facts(as_written, inputs(), may_keep_gradients=("disc_a", "disc_b"))
    assert "no gradient reaches the disc_a" not in allowed


def test_what_a_step_leaves_behind_is_seen():
    found = facts(
        leaving(reference, lambda *a: (a[0].eval(), a[2].requires_grad_(False))), inputs()
    )
    assert found["the gen_ab is in training mode afterwards, as before"] is False
    assert found["the disc_a's parameters still require gradients"] is False
    assert found["the disc_b's parameters still require gradients"] is True


def test_who_moves_is_seen():
    def moves_a_judge(*arguments):
        with torch.no_grad():
            arguments[3].weight.add_(1)
        return reference(*arguments)

    assert facts(moves_a_judge, inputs())["the disc_b's parameters stay as they were"] is False
    still = facts(lambda *arguments: torch.zeros(()), inputs())
    assert still["the gen_ab moves"] is False and still["the gen_ba moves"] is False


def test_what_comes_back_is_told_in_words():
    def returns(value):
        return facts(lambda *arguments: value, inputs())["what the step returns"]

    assert returns(0.5) == returns(torch.ones(1)) == "one number"
    assert returns((0.5, 0.5)) == "2 values"
    assert returns(None) == "None"
    assert returns(torch.ones(3)) == "a tensor of shape (3,)"


def test_each_number_of_a_dict_is_a_fact_of_a_record_that_crosses():
    """A record is plain data, of which a dict is no part."""

    def two_terms(*arguments):
        loss = torch.as_tensor(as_written(*arguments))
        return {"total": loss, "half": loss / 2}

    given = inputs()
    step = TrainingStep(build, ("gen_ab", "gen_ba"), ("a", "b"), ("disc_a", "disc_b"))
    record = {name: to_plain(value) for name, value in step.drive(two_terms, given).items()}
    came = step.facts(given, record)
    for turn in ("first", "second"):
        total, half = (came[f"{name} of the {turn} step"] for name in ("total", "half"))
        assert torch.equal(total, 2 * half)
