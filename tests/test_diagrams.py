"""Diagrams: what they say is what the code does, and it can be read on their card."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.text import Annotation

from course_lib import diagrams, metrics
from course_lib.game_plots import plot_two_steps

PLOTS = [
    *(diagrams.plot_vae, diagrams.plot_gradient_paths, diagrams.plot_bound),
    diagrams.plot_autoencoder,
    *(diagrams.plot_sliding_kernel, diagrams.plot_masked_kernel),
    *(diagrams.plot_batch_norm, diagrams.plot_precision_recall, diagrams.plot_frechet_distance),
]


def luminance(color):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("plot", PLOTS)
def test_words_are_read_easily_on_every_ground(plot):
    figure = plot()
    assert figure.get_facecolor() == to_rgba(diagrams.CARD)  # light in a dark theme, too
    grounds = {diagrams.CARD, *(p.get_facecolor() for ax in figure.axes for p in ax.patches)}
    for axes in figure.axes:
        for text in axes.texts:
            here = grounds if text.get_color() == diagrams.INK else {diagrams.CARD}
            light = [g for g in here if to_rgba(g) != to_rgba(diagrams.GRADIENT)]
            assert min(contrast(text.get_color(), ground) for ground in light) >= 4.5


@pytest.mark.parametrize("plot", PLOTS)
def test_words_stay_inside_the_picture(plot):
    figure = plot()
    drawn = figure.canvas.get_renderer() if hasattr(figure.canvas, "get_renderer") else None
    width, height = figure.bbox.size
    for axes in figure.axes:
        for text in axes.texts:
            box = text.get_window_extent(drawn)
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text


@pytest.mark.parametrize("setting", [(8, 4, 2, 1), (7, 3, 1, 0), (9, 3, 2, 1)])
def test_a_kernel_has_as_many_places_as_the_layer(setting):
    size, kernel, stride, padding = setting
    (axes,) = diagrams.plot_sliding_kernel(*setting).axes
    places = torch.nn.Conv1d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, size)).shape[-1]
    assert sum(text.get_text().startswith("place") for text in axes.texts) == places
    assert axes.get_title().endswith(f"{size} → {places}")


def test_a_masked_kernel_sees_what_comes_before():
    (axes,) = diagrams.plot_masked_kernel(side=7, kernel=5).axes
    weights = [p for p in axes.patches if p.get_facecolor() == to_rgba(diagrams.LOSS)]
    assert len(weights) == 5 * 5 // 2 + 1  # half of the kernel, and one in the legend
    zeros = [text for text in axes.texts if text.get_text() == "0"]
    assert len(zeros) == 5 * 5 // 2


def test_the_bar_of_log_p_has_one_length():
    (axes,) = diagrams.plot_bound([("poor", 0.5), ("exact", 0.0)]).axes
    ends = [patch.get_x() + patch.get_width() for patch in axes.patches]
    assert ends == pytest.approx([10, 10, 5, 10])


def test_the_first_gan_minimizes_two_losses():
    told = [
        text.get_text() for axes in plot_two_steps(saturating=False).axes for text in axes.texts
    ]
    assert "-log D" in told and "V" not in told


def test_one_channel_of_all_images_is_colored():
    left, _ = diagrams.plot_batch_norm(batch=4, channels=3, side=3).axes
    cells = [p for p in left.patches if (p.get_width(), p.get_height()) == (1, 1)]
    chosen = [p for p in cells if p.get_facecolor() == to_rgba(diagrams.NETWORK)]
    assert (len(cells), len(chosen)) == (4 * 3 * 9, 4 * 9)
    assert len({p.get_x() // 3.7 for p in chosen}) == 1


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_balls_count_as_the_metric_does(k):
    told = [text.get_text() for ax in diagrams.plot_precision_recall(k).axes for text in ax.texts]
    shares = [float(words.split(": ")[1]) for words in told if "are inside" in words]
    reals, fakes = (torch.from_numpy(points) for points in (diagrams.REALS, diagrams.FAKES))
    assert shares == pytest.approx(metrics.precision_recall(reals, fakes, k), abs=0.0051)


def test_the_two_gaussians_are_as_far_apart_as_the_formula_says():
    texts = [text for axes in diagrams.plot_frechet_distance().axes for text in axes.texts]
    (words,) = [t.get_text() for t in texts if t.get_text().startswith("d²")]
    pair = (torch.from_numpy(part) for part in (*diagrams.REAL_CLOUD, *diagrams.FAKE_CLOUD))
    parts = [float(part) for part in words.removeprefix("d² = ").split(" + ")]
    assert sum(parts) == pytest.approx(float(metrics.frechet_distance(*pair)), abs=0.011)


def test_the_best_plan_ends_on_the_other_gaussian():
    right = diagrams.plot_frechet_distance().axes[1]
    arrows = [text for text in right.texts if isinstance(text, Annotation)]
    inverse = np.linalg.inv(diagrams.FAKE_CLOUD[1])
    ends = np.array([arrow.xy for arrow in arrows])
    assert len(ends) == 12
    np.testing.assert_allclose(np.einsum("ni,ij,nj->n", ends, inverse, ends), 4, atol=1e-9)
