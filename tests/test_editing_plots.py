"""The figures of editing show what they are given."""

from itertools import combinations

import pytest
import torch
from matplotlib.colors import to_hex

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


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize("count", [1, 2])
def test_a_trade_has_a_dot_a_weight(count):
    trade = {f"pair {n}": 0.1 + torch.rand(2, 5) for n in range(count)}
    figure = plot_trade(trade, ["w = 1", "w = 2", "w = 3"])
    assert len(figure.axes) == count
    for axes, losses in zip(figure.axes, trade.values(), strict=True):
        dots = {line.get_label(): line.get_xydata()[0] for line in axes.lines[1:]}
        assert list(dots) == legend(figure)
        assert torch.allclose(torch.tensor(dots["w = 2"]).float(), losses[:, 3])
    shades = {
        to_hex(line.get_color()) for line in figure.axes[0].lines if len(line.get_xdata()) == 1
    }
    assert len(shades) == 5


@pytest.mark.parametrize("apart", [0.0, 1e-3, 0.3])
def test_no_words_of_a_trade_meet_however_near_its_dots_are(apart):
    places = torch.tensor([[0.1, 0.5], [0.3, 0.9]]).repeat_interleave(2, dim=1)
    losses = torch.cat([places[:, :2], 0.2 + apart * torch.rand(2, 5)], dim=1)
    trade = {"Cat Face, like World Map": losses, "Jack-O-Lantern, like Peacock": losses}
    figure = plot_trade(trade, [f"w = {10.0**n:g}" for n in range(-2, 3)])
    figure.draw_without_rendering()
    words = [*figure.legends[0].get_texts()]
    for axes in figure.axes:
        words += [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
    panels = [axes.get_window_extent() for axes in figure.axes]
    for one, other in combinations(words, 2):
        pair = one.get_text(), other.get_text()
        assert not one.get_window_extent().overlaps(other.get_window_extent()), pair
    for text in figure.legends[0].get_texts():
        assert not any(text.get_window_extent().overlaps(panel) for panel in panels)
