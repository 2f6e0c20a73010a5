"""Figures of convolutions: stamps that add up as the layer does, matrices, maps."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.convolution_plots import plot_maps, plot_matrices, plot_stamps


@pytest.mark.parametrize("setting", [(3, 4, 2, 1, 0), (3, 3, 2, 1, 1), (2, 3, 1, 0, 0)])
def test_the_lowest_line_counts_what_the_layer_adds(setting):
    size, kernel, stride, padding, extra = setting
    ones = torch.ones(1, 1, size), torch.ones(1, 1, kernel)
    added = F.conv_transpose1d(*ones, None, stride, padding, extra).flatten().int().tolist()
    (axes,) = plot_stamps([setting]).axes
    lowest = [t for t in axes.texts if t.get_position()[1] == 0.1 and t.get_text() != "stamps"]
    assert [int(t.get_text()) for t in lowest] == added


def test_each_pixel_stamps_every_tap():
    figure = plot_stamps([(3, 4, 2, 1, 0), (3, 3, 2, 1, 1)], ["one", "other"])
    one, other = figure.axes
    assert (one.get_title(), other.get_title()) == ("one", "other")
    assert len(one.patches) == 3 * 4 + 6 and len(other.patches) == 3 * 3 + 6


def test_matrices_share_one_scale():
    figure = plot_matrices({"small": torch.eye(2, 3), "large": -7 * torch.eye(3, 2)})
    limits = [axes.images[0].get_clim() for axes in figure.axes if axes.images]
    assert limits == [(-7, 7), (-7, 7)]
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["small, 2 × 3", "large, 3 × 2"]


def test_maps_are_named_by_their_shapes():
    figure = plot_maps({"generator": [(64,), (8, 7, 7)], "discriminator": [(8, 7, 7), ()]})
    told = [[t.get_text() for t in axes.texts if t.get_text()] for axes in figure.axes]
    assert told == [["64", "8 × 7 × 7"], ["8 × 7 × 7", "one logit"]]
