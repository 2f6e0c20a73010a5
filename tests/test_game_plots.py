"""Figures of a game: who moves, where the gradient stops, and paths on a vector field."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from course_lib.game_plots import (
    CURES,
    LABEL,
    MOVES,
    draw_densities,
    draw_field,
    plot_conditioning,
    plot_two_steps,
    plot_where_cures_act,
)


def test_one_player_moves_in_each_step():
    figure = plot_two_steps()
    moving = []
    for axes in figure.axes:
        boxes = [patch for patch in axes.patches if patch.get_facecolor() == to_rgba(MOVES)]
        (box,) = boxes
        inside = [
            text.get_text().split("\n")[0]
            for text in axes.texts
            if text.get_text()
            and box.get_x() < text.get_position()[0] < box.get_x() + box.get_width()
            and box.get_y() < text.get_position()[1] < box.get_y() + box.get_height()
        ]
        moving += inside
    assert moving == ["discriminator", "generator"]


def test_the_label_enters_where_it_does():
    figure = plot_conditioning()
    entered = {
        axes.get_title(): sum(p.get_facecolor() == to_rgba(LABEL) for p in axes.patches)
        for axes in figure.axes
    }  # in a projection the inner product knows the label, too
    assert entered == {"concatenation": 1, "projection": 2, "conditional VAE": 2}


def test_each_cure_hangs_below_the_part_that_it_acts_on():
    (axes,) = plot_where_cures_act().axes
    boxes = [patch for patch in axes.patches if patch.get_y() == 2.5]
    names = ["real x", "layers", "loss", "gradients", "step", "new W"]
    edges = {
        t.get_text().split("\n")[0].rstrip(","): b for b, t in zip(boxes, axes.texts, strict=False)
    }
    for name, (x, _, _) in zip(names, CURES, strict=True):
        box = next(each for told, each in edges.items() if told.startswith(name))
        assert box.get_x() < x < box.get_x() + box.get_width()


def test_densities_share_one_legend_with_d():
    x = np.linspace(-1, 1, 5)
    axes = Figure().subplots()
    right = draw_densities(axes, x, x + 1, 1 - x, {"learned": 0 * x, "best": 0 * x + 1})
    told = [text.get_text() for text in right.get_legend().get_texts()]
    assert told == ["data", "model", "learned", "best"]
    assert draw_densities(Figure().subplots(), x, x, x, legend=False) is None


@pytest.mark.parametrize("turn", [1, -1])
def test_arrows_have_one_length_and_the_fields_direction(turn):
    axes = Figure().subplots()
    draw_field(axes, lambda a, b: (-turn * b, turn * a), {"still": np.ones((3, 2))}, reach=1.5)
    arrows = next(each for each in axes.collections if hasattr(each, "U"))
    length = np.hypot(arrows.U, arrows.V)
    across, up = arrows.XY.T
    away = np.hypot(across, up) > 1e-9
    assert np.allclose(length[away], 1)
    assert np.allclose((across * arrows.V - up * arrows.U)[away], turn * np.hypot(across, up)[away])
