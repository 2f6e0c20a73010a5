"""What students are likely to write is refused with a true cause, in four of five at least."""

import importlib

import pytest

from course_lib.checks import exercise, run

LESSONS = (
    "reparameterization",
    "vae",
    "minimax",
    "first_gan",
    "dcgan",
    "stable_gans",
    "evaluation",
    "conditional",
    "clinic_formulas",
    "clinic_shapes",
    "clinic_moves",
    "clinic_parts",
    "clinic_games",
    "clinic_training",
    "clinic_evaluation",
    "responsible",
    "cyclegan",
    "gan_or_vae",
    "editing",
)
SLIPS = {
    name: slips
    for lesson in LESSONS
    for name, slips in importlib.import_module(f"tests.slips.{lesson}").SLIPS.items()
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_refused_with_its_cause(name):
    known = {m.name for m in exercise(name).misconceptions}
    for number, (answer, cause) in enumerate(SLIPS[name]):
        verdict = run(name, answer)
        assert not verdict.passed, number
        named = cause if cause in known else None
        assert verdict.misconception == named, (number, verdict)
        assert named or cause is None or cause in verdict.message, (number, verdict)


@pytest.mark.parametrize("name", SLIPS)
def test_ten_slips_are_tried_and_four_of_five_have_a_cause(name):
    causes = [cause for _, cause in SLIPS[name]]
    assert len(causes) >= 10
    assert sum(cause is not None for cause in causes) >= 0.8 * len(causes)
