"""The blind test: pairs are drawn, sides are drawn, answers are counted and the interval told."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.explorers import forced_choice
from course_lib.explorers.forced_choice import forced_choice_explorer, new_sitting
from course_lib.metrics import wilson_interval


@pytest.fixture
def live(monkeypatch):
    monkeypatch.setattr(forced_choice, "is_static", lambda: False)


def bright_and_dark(count=40):
    """Reals are bright, fakes dark, and each has a value of its own."""
    steps = torch.arange(count)[:, None, None, None] / 1000
    return 0.9 + steps.expand(count, 1, 4, 4), -0.9 - steps.expand(count, 1, 4, 4)


def pieces(explorer):
    sides, told, again = explorer.children
    pictures = [side.children[0] for side in sides.children]
    buttons = [side.children[1] for side in sides.children]
    return pictures, buttons, told, again


def brightness(picture):
    return np.array(Image.open(io.BytesIO(picture.value))).mean()


def sit(explorer, right):
    """Answer every pair; `right(number)` says whether rightly."""
    pictures, buttons, _, _ = pieces(explorer)
    number, seen = 0, []
    while not buttons[0].disabled:
        left_is_real = brightness(pictures[0]) > brightness(pictures[1])
        seen.append(tuple(sorted(brightness(picture) for picture in pictures)))
        buttons[0 if left_is_real == right(number) else 1].click()
        number += 1
    return seen


@pytest.mark.parametrize("wrong", [0, 3, 10, 20])
def test_a_sitting_counts_right_answers(live, wrong):
    explorer = forced_choice_explorer(*bright_and_dark())
    _, _, told, again = pieces(explorer)
    assert again.layout.display == "none" and "Pair <b>1</b> of 20" in told.value
    sit(explorer, lambda number: number >= wrong)
    low, high = wilson_interval(20 - wrong, 20)
    assert f"<b>{20 - wrong} of 20</b> correct" in told.value
    assert f"<b>{low:.2f}</b> to <b>{high:.2f}</b>" in told.value
    meaning = {0: "can tell", 3: "can tell", 10: "does not show", 20: "Worse than chance"}
    assert meaning[wrong] in told.value and again.layout.display is None


def test_no_image_comes_twice_and_both_sides_occur(live):
    sitting = new_sitting(*bright_and_dark(20), pairs=20, seed=3, value_range=(-1, 1))
    assert len(sitting.real.flatten(1)[:, 0].unique()) == 20
    assert 3 < sum(sitting.real_left) < 17
    other = new_sitting(*bright_and_dark(20), pairs=20, seed=4, value_range=(-1, 1))
    assert sitting.real_left != other.real_left


def test_once_more_draws_other_pairs(live):
    explorer = forced_choice_explorer(*bright_and_dark(), pairs=6)
    first = sit(explorer, lambda number: True)
    pieces(explorer)[3].click()
    assert "Pair <b>1</b> of 6" in pieces(explorer)[2].value
    assert sit(explorer, lambda number: True) != first


def test_the_readers_own_score_is_used(live):
    explorer = forced_choice_explorer(
        *bright_and_dark(), pairs=4, score=lambda correct, total, level: (0.25, 0.125, 0.75)
    )
    sit(explorer, lambda number: True)
    assert "rate 0.25" in pieces(explorer)[2].value
    assert "<b>0.12</b> to <b>0.75</b>" in pieces(explorer)[2].value


def test_a_score_that_is_not_written_yet_is_waited_for(live):
    def unwritten(correct, total, confidence):
        raise NotImplementedError("evaluation.forced_choice")

    explorer = forced_choice_explorer(*bright_and_dark(), pairs=4, score=unwritten)
    sit(explorer, lambda number: True)
    assert "<b>4 of 4</b> correct" in pieces(explorer)[2].value
    assert "once its function is written" in pieces(explorer)[2].value


def test_a_static_one_shows_pairs_and_intervals(monkeypatch):
    figures = []
    monkeypatch.setattr(forced_choice, "show", figures.append)
    assert forced_choice_explorer(*bright_and_dark()) is None
    (figure,) = figures
    words = [axes.get_xlabel() for axes in figure.axes]
    assert words.count("real") == words.count("made") == 6
    assert len(figure.axes[-1].lines[0].get_xdata()) == 21


def test_too_few_images_and_another_range_are_named():
    real, fake = bright_and_dark()
    with pytest.raises(ValueError, match="fake must be at least 20 images"):
        forced_choice_explorer(real, fake[:19])
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]; got values from -0.9"):
        forced_choice_explorer(real, fake, value_range=(0, 1))
