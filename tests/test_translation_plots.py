"""Figures of two generators: the cycle, who moves, and the box around what an output sees."""

import pytest
import torch
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from course_lib.game_plots import MOVES
from course_lib.translation_plots import plot_cycle, plot_fields, plot_who_moves


def words_in_moving_boxes(axes):
    moving = [p for p in axes.patches if p.get_facecolor() == to_rgba(MOVES)]
    spans = [(p.get_x(), p.get_x() + p.get_width()) for p in moving]
    return {
        text.get_text()
        for text in axes.texts
        for low, high in spans
        if low < text.get_position()[0] < high and text.get_text().startswith(("gen", "disc"))
    } - {"generator_step"}


def test_each_way_of_the_cycle_goes_through_both_generators():
    left, right = plot_cycle().axes
    for axes, here, there in ((left, "a", "b"), (right, "b", "a")):
        words = [text.get_text() for text in axes.texts]
        chain = [
            f"images_{here}",
            f"gen_{here}{there}",
            f"fake_{there}",
            f"gen_{there}{here}",
            f"cycled_{here}",
            f"disc_{there}",
        ]
        assert [w for w in words if w in chain] == chain


def test_one_side_moves_in_each_step():
    left, right = plot_who_moves().axes
    assert words_in_moving_boxes(left) == {"gen_ab"}
    assert words_in_moving_boxes(right) == {"disc_b"}
    assert "detach" in [text.get_text() for text in right.texts]
    assert "detach" not in [text.get_text() for text in left.texts]


@pytest.mark.parametrize("top, left, side", [(2, 3, 4), (0, 0, 9)])
def test_the_box_is_that_of_what_is_not_zero(top, left, side):
    slope = torch.zeros(12, 12)
    slope[top : top + side, left : left + side] = torch.randn(side, side)
    (axes,) = plot_fields([slope], ["a field"], 12).axes
    (box,) = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert (box.get_x(), box.get_y()) == (left - 0.5, top - 0.5)
    assert (box.get_width(), box.get_height()) == (side, side)
