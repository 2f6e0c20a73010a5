"""A figure is told in words, or the builder refuses it."""

import pytest
import torch
from matplotlib.figure import Figure

from course_lib.audit_plots import plot_truncation
from course_lib.describing import described, says_enough
from course_lib.plotting import plot_images


def test_titles_measures_and_names_are_told_once_each():
    figure = Figure()
    figure.suptitle("Two models")
    for axes, title in zip(figure.subplots(1, 2), ("bound", "gap"), strict=True):
        axes.plot([1, 2], label="VAE")
        axes.plot([2, 1], label="IWAE")
        axes.set(title=title, xlabel="updates", ylabel="nats")
        axes.legend()
    told = "Two models; bound; gap. Axes: nats against updates. Names: VAE; IWAE"
    assert described(figure) == told


def test_rows_of_pictures_are_told_and_else_the_words_at_them():
    images = torch.rand(4, 1, 5, 5)
    rows = described(plot_images(images, 2, "Copies?", row_titles=["made", "nearest"]))
    assert rows == "Copies? Names: made; nearest"
    assert described(plot_images(images, 2, "Digits", list("3141"))) == "Digits. Words: 3; 1; 4"
    assert described(plot_images(images, 2, "Digits")) == "Pictures: Digits"


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_numbers_at_an_axis_are_no_names(scale):
    figure = Figure()
    figure.subplots().set(title="Bound", xscale=scale, xlim=(1, 1_000))
    figure.draw_without_rendering()
    assert described(figure) == "Bound"


def test_bars_are_told_by_what_stands_below_them():
    figure = Figure()
    axes = figure.subplots()
    axes.bar([0, 1], [1, 2])
    axes.set_xticks([0, 1], ["before", "after"])
    assert described(figure) == "Names: before; after"


def test_a_label_of_its_own_comes_first_and_long_words_are_cut():
    figure = Figure(label="A bell above a line")
    figure.suptitle("z")
    assert described(figure) == "A bell above a line"
    assert len(described(plot_images(torch.rand(1, 1, 4, 4), title="word " * 99))) <= 200


def test_the_truncation_says_what_is_left():
    told = described(plot_truncation())
    assert told.endswith("2.3 % at 1 z, 0.21 % at 0.7 z, 0.0032 % at 0.5 z")
    assert says_enough(told)
