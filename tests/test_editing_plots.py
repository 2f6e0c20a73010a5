"""The figures of editing show what they are given."""

import pytest
import torch

from course_lib.editing_plots import (
    plot_augmented_games,
    plot_editing_tools,
    plot_intervals,
    plot_trade,
)


def words(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_each_tool_shows_what_is_learned():
    figure = plot_editing_tools()
    assert [axes.get_title() for axes in figure.axes] == [
        "a walk, or a vector",
        "inversion",
        "inpainting",
    ]
    assert words(figure).count("z") == 2 and words(figure).count("gradient") == 2


def test_the_change_stands_before_nobody_the_reals_and_both():
    figure = plot_augmented_games()
    counts = [[text.get_text() for text in axes.texts].count("T") for axes in figure.axes]
    assert counts == [0, 1, 2]


def test_an_interval_reaches_as_far_as_it_says():
    figure = plot_intervals({"one": (20.0, 0.5), "other": (21.0, 1.5)}, "title", "dB")
    (axes,) = figure.axes
    (bars,) = axes.collections
    ends = [tuple(part[:, 0]) for part in bars.get_segments()]
    assert ends == [(19.5, 20.5), (19.5, 22.5)]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["one", "other"]


@pytest.mark.parametrize("count", [1, 2])
def test_a_trade_has_a_dot_a_weight(count):
    trade = {f"pair {n}": 0.1 + torch.rand(2, 5) for n in range(count)}
    figure = plot_trade(trade, ["w = 1", "w = 2", "w = 3"])
    assert len(figure.axes) == count
    assert len(figure.axes[0].lines[0].get_xdata()) == 3
    assert words(figure).count("w = 2") == count
