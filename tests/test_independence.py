"""Draws that are independent pass, and what is shared is named along its axis."""

import pytest
import torch

from course_lib.checks.independence import INDEPENDENT, name_repeats, name_ties

SHAPES = ((150, 1, 6, 7), (50, 3, 5, 6))


def drawn(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", SHAPES)
def test_independent_draws_are_never_refused(shape):
    for seed in range(200):
        noise = drawn(shape, seed)
        assert name_repeats(noise) == name_ties(noise) == INDEPENDENT, seed


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axis, name", list(enumerate(("images", "channels", "rows", "columns"))))
def test_what_is_shared_or_tied_along_an_axis_is_told(shape, axis, name):
    if shape[axis] == 1:
        pytest.skip("one slice has nothing to share")
    for seed in range(5):
        noise = drawn(shape, seed)
        one = noise.narrow(axis, 0, 1)
        assert name_repeats(one.expand(shape)) == f"no: all {name} have the same noise"
        mirrored = noise.clone()
        mirrored.select(axis, 1).copy_(-noise.select(axis, 0))
        assert name_repeats(mirrored).startswith(f"no: some {name} have the noise of others with")
        partly = (noise + 0.7 * drawn(one.shape, seed + 1000)) / 1.49**0.5
        assert name_ties(partly) != INDEPENDENT
        centered = noise - noise.mean(axis, keepdim=True)
        assert name_ties(centered) == f"no: over the {name} the noise sums to 0"


def test_numbers_that_stand_elsewhere_again_are_found():
    noise = drawn(SHAPES[0], 0)
    moved = torch.cat([noise[:75], noise[:75].roll(1, 3).flip(0)])
    assert name_ties(moved) == "no: some numbers stand in more than one place"
