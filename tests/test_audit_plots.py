"""Figures of an audit: what they show is what they were given."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from course_lib.audit_plots import (
    plot_distances,
    plot_membership,
    plot_provenance,
    plot_rates,
    plot_roc,
    plot_scores,
    plot_shares,
    plot_truncation,
    plot_two_audits,
)
from course_lib.plotting import to_png


@pytest.mark.parametrize(
    "plot", [plot_provenance, plot_two_audits, plot_membership, plot_truncation]
)
def test_a_diagram_draws_its_words_within_the_figure(plot):
    figure = plot()
    assert to_png(figure)
    renderer = FigureCanvasAgg(figure).get_renderer()
    frame = figure.bbox
    for axes in figure.axes:
        for text in axes.texts:
            box = text.get_window_extent(renderer)
            assert frame.x0 <= box.x0 and box.x1 <= frame.x1, text.get_text()


def test_the_point_of_a_threshold_lies_on_its_curve_and_above_chance():
    figure = plot_membership(gap=1.0, threshold=0.5)
    lines = figure.axes[1].lines
    curve, point = lines[1].get_xydata(), lines[3].get_xydata()[0]
    assert abs(np.interp(point[0], *curve.T) - point[1]) < 1e-3
    assert point == pytest.approx([0.3085, 0.6915], abs=1e-4)  # Φ(-1/2), Φ(1/2)


def test_a_smaller_z_takes_the_tail_first():
    texts = [axes.texts[0].get_text() for axes in plot_truncation().axes]
    assert texts == ["minority:\n2.3 %", "minority:\n0.21 %", "minority:\n0.0032 %"]


def test_shares_are_bars_of_their_height():
    rows = [[0.4, 0.3, 0.5], [0.6, 0.5, 0.7]]
    figure = plot_shares("ab", {"data": rows, "model": rows[::-1]})
    (axes,) = figure.axes
    assert [patch.get_height() for patch in axes.patches] == [0.4, 0.6, 0.6, 0.4]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["data", "model"]


def test_curves_are_those_that_were_given():
    figure = plot_roc({"a": ([0, 0.2, 1], [0, 0.7, 1])})
    left, right = figure.axes
    assert np.array_equal(left.lines[0].get_ydata(), [0, 0.7, 1])
    assert right.get_xscale() == "log"
    rates = plot_rates([1, 2], {"a": [[0.5, 0.4, 0.6], [0.7, 0.6, 0.8]]}, "x").axes[0]
    assert np.array_equal(rates.lines[0].get_ydata(), [0.5, 0.7])


def test_thresholds_stand_where_they_are():
    scores = plot_scores({"without": [0.1, -0.4], "with": [6.0, 7.5]}, threshold=4.5).axes[0]
    assert any(np.array_equal(line.get_xdata(), [4.5, 4.5]) for line in scores.lines)
    panels = plot_distances({"a": ([1.0, 2.0], [1.5, 2.5], 1.2), "b": ([1.0], [2.0], 0.7)}).axes
    assert [axes.lines[0].get_xdata()[0] for axes in panels] == [1.2, 0.7]
