"""Grids and curves: what is drawn, what is refused, and that showing shows once."""

import base64
import io
import re
import sys
import types
import warnings

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from course_lib import plotting
from course_lib.data import load_emoji
from course_lib.history import History
from course_lib.plotting import plot_history, plot_images, running_mean, show, to_png


def grid_array(figure):
    """The one picture that the grid consists of."""
    (axes,) = figure.axes
    (image,) = axes.images
    return np.asarray(image.get_array())


def constant_images(values, height=4, width=6):
    return torch.tensor(values).reshape(-1, 1, 1, 1).expand(-1, 1, height, width)


def test_images_stand_row_by_row_a_pixel_apart():
    array = grid_array(plot_images(constant_images([0.0, 0.1, 0.2, 0.3, 0.4]), columns=3))
    assert array.shape == (4 + 1 + 4, 3 * 6 + 2)
    corners = [array[0, 0], array[0, 7], array[0, 14], array[5, 0], array[5, 7], array[8, 12]]
    np.testing.assert_allclose(corners, [0.0, 0.1, 0.2, 0.3, 0.4, 0.4])
    assert (array[4] == 1).all() and (array[:, 6] == 1).all()  # the gaps
    assert (array[5:, 14:] == 1).all()  # the missing sixth


def test_an_image_is_drawn_upright_and_unmirrored():
    image = torch.rand(2, 1, 5, 3)
    np.testing.assert_array_equal(grid_array(plot_images(image))[:, :3], image[0, 0])
    colour = torch.rand(2, 3, 5, 4)
    np.testing.assert_array_equal(
        grid_array(plot_images(colour))[:, 5:], colour[1].permute(1, 2, 0)
    )


def test_arrays_and_lists_are_drawn_as_the_tensor_is():
    images = torch.rand(3, 3, 5, 4)
    expected = grid_array(plot_images(images))
    alike = [images.numpy(), images.double().numpy(), list(images), [i.numpy() for i in images]]
    for same in (*alike, images.clone().requires_grad_()):
        np.testing.assert_allclose(grid_array(plot_images(same)), expected, atol=1e-7)


@pytest.mark.parametrize(
    "images, error, message",
    [
        (np.zeros((2, 5, 4, 3)), ValueError, r"\(2, 5, 4, 3\).*permute\(0, 3, 1, 2\)"),
        (torch.zeros(3, 5, 4), ValueError, r"\(3, 5, 4\).*images\[None\]"),
        (torch.zeros(8, 5, 4), ValueError, r"\(8, 5, 4\).*images\[:, None\]"),
        ([torch.zeros(1, 5, 4), torch.zeros(1, 4, 4)], TypeError, "of one size; got list"),
        ([], TypeError, "list"),
        ("digits", TypeError, "a list of images .* got str"),
        (None, TypeError, "got NoneType"),
        (np.array(["a"]), TypeError, "got ndarray"),
    ],
)
def test_what_is_no_batch_of_images_is_told_what_is_wanted(images, error, message):
    with pytest.raises(error, match=message):
        plot_images(images)


@pytest.mark.parametrize("count, rows, columns", [(1, 1, 1), (10, 1, 10), (16, 4, 4), (11, 3, 4)])
def test_columns_by_default(count, rows, columns):
    array = grid_array(plot_images(torch.zeros(count, 1, 7, 7)))
    assert array.shape == (rows * 8 - 1, columns * 8 - 1)


def test_the_range_is_mapped_and_never_clipped_silently():
    array = grid_array(plot_images(constant_images([-1.0, 0.0, 1.0]), value_range=(-1, 1)))
    np.testing.assert_allclose(array[0, [0, 7, 14]], [0, 0.5, 1])
    plot_images(constant_images([-0.0009, 1.0009]))
    with pytest.raises(ValueError, match=r"\[0, 1\]; got \[-1, 0.5\].*value_range=\(-1, 1\)"):
        plot_images(constant_images([-1.0, 0.5]))
    with pytest.raises(ValueError, match=r"got \[0, 1.002\]"):
        plot_images(constant_images([0.0, 1.002]))
    with pytest.raises(ValueError, match="nan"):
        plot_images(constant_images([0.0, float("nan")]))
    with pytest.raises(ValueError, match="255"):
        plot_images(torch.full((2, 1, 4, 4), 255, dtype=torch.uint8))


@pytest.mark.parametrize("shape", [(28, 28), (3, 28, 28), (2, 2, 28, 28), (0, 1, 28, 28)])
def test_wrong_shapes_are_named(shape):
    with pytest.raises(
        ValueError, match=re.escape(f"(B, C, H, W) with C = 1 or 3 and B > 0; got {shape}")
    ):
        plot_images(torch.zeros(shape))


def test_labels_and_row_titles_stand_at_their_images():
    figure = plot_images(
        torch.zeros(6, 1, 28, 28), 3, "title", labels=range(6), row_titles=["a", "b"]
    )
    (axes,) = figure.axes
    array = grid_array(figure)
    for i, text in enumerate(axes.texts):
        x, y = text.get_position()
        assert text.get_text() == str(i) and int(x // 29) == i % 3
        assert array[int(y), int(x)] == 1 and array[int(y) + 4, int(x)] == 0  # just above its image
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["a", "b"] and all(array[int(y), 0] == 0 for y in axes.get_yticks())
    with pytest.raises(ValueError, match="each of the 6 images; got 2"):
        plot_images(torch.zeros(6, 1, 28, 28), labels=["a", "b"])
    with pytest.raises(ValueError, match="each of 2 rows; got 3"):
        plot_images(torch.zeros(6, 1, 28, 28), columns=3, row_titles="abc")


def test_a_picture_of_a_graph_leaves_the_tensor_alone():
    images = torch.full((2, 1, 4, 4), 0.5, requires_grad=True)
    plot_images(images)
    assert images.requires_grad and (images == 0.5).all()


def test_a_full_grid_of_digits_is_small():
    stroke = (torch.linspace(-1, 1, 28)[:, None] + torch.linspace(-1, 1, 28)).abs() < 0.3
    png = to_png(plot_images(stroke.float().expand(100, 1, 28, 28)))
    assert len(png) < 60_000 and Image.open(io.BytesIO(png)).width < 1000


# curves


def lines(figure):
    """Every curve as (its running mean's x and y, its raw x and y)."""
    drawn = [line.get_data() for line in figure.axes[0].lines]
    return list(zip(drawn[::2], drawn[1::2], strict=True))


def test_history_is_drawn_raw_and_smooth_over_updates():
    history = History()
    for i in range(200):
        history.add(loss=float(i % 2), kl=2.0, other=5.0)
    figure = plot_history(history, ["loss", "kl"], "title", smooth=50, ylabel="nats")
    ((x_mean, mean), (x_raw, raw)), ((_, kl), _) = lines(figure)
    assert x_raw.tolist() == x_mean.tolist() == list(range(1, 201))
    assert raw.tolist() == [0.0, 1.0] * 100
    assert np.abs(mean[50:150] - 0.5).max() < 0.02 and (kl == 2).all()
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["loss", "kl"]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("updates", "nats", "title")


def test_every_name_by_default_and_a_mapping_serves_too():
    figure = plot_history({"healthy": torch.ones(5), "dying": [1.0, 2.0]})
    assert [len(raw[1]) for _, raw in lines(figure)] == [5, 2]
    history = History()
    history.add(loss=1.0)
    single = plot_history(history)
    assert len(lines(single)) == 1 and single.axes[0].get_ylabel() == "loss"


def test_it_draws_on_given_axes():
    figure, (left, right) = plt.subplots(1, 2)
    assert plot_history({"loss": [1.0, 2.0]}, axes=right) is figure
    assert len(right.lines) == 2 and not left.lines
    plt.close(figure)


def test_a_long_curve_is_thinned_and_its_spike_survives():
    values = np.random.default_rng(0).normal(size=250_003)
    values[123_456] = 50.0
    ((x_mean, mean), (x_raw, raw)) = lines(plot_history({"loss": values}, smooth=1001))[0]
    assert len(raw) <= 4000 and len(mean) <= 1000
    assert raw.max() == 50 and raw.min() == values.min()
    assert abs(x_raw[raw.argmax()] - 123_457) <= 251 and x_mean[-1] == 250_003
    expected = [values[max(0, x - 501) : x + 500].mean() for x in x_mean[::100]]
    np.testing.assert_allclose(mean[::100], expected, atol=1e-9)


@pytest.mark.parametrize("window", [1, 2, 7, 50])
def test_running_mean_against_the_loop(window):
    values = np.random.default_rng(1).normal(size=40)
    values[[3, 20, 21, 22]] = [np.nan, np.inf, -np.inf, np.nan]
    for i, mean in enumerate(running_mean(values, window)):
        near = values[max(0, i - window // 2) : i + window // 2 + 1]
        near = near[np.isfinite(near)]
        assert mean == pytest.approx(near.mean()) if len(near) else np.isnan(mean)


def test_a_run_that_died_can_still_be_drawn():
    values = np.array([1.0, 2.0, np.nan, np.inf] + [np.nan] * 10)
    assert to_png(plot_history({"loss": values, "empty": []}, smooth=3))[:4] == b"\x89PNG"


# showing


@pytest.fixture
def notebook(monkeypatch):
    shown = []
    display = types.SimpleNamespace(
        display=lambda bundle, raw, metadata: shown.append((bundle, raw, metadata))
    )
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr(plotting, "in_notebook", lambda: True)
    return shown


def test_a_notebook_gets_one_png_and_the_figure_is_closed(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_FIGURES", str(tmp_path))
    figure, axes = plt.subplots()
    axes.set_title("Reverse KL")
    show(figure)
    ((bundle, raw, metadata),) = notebook
    assert raw and metadata == {} and set(bundle) == {"image/png", "text/plain"}
    assert bundle["text/plain"] == "<figure: Reverse KL>"
    assert not plt.fignum_exists(figure.number) and not list(tmp_path.iterdir())


def test_where_somebody_watches_a_picture_is_sharper_and_as_large(notebook, monkeypatch):
    monkeypatch.setattr(plotting, "is_static", lambda: False)
    show(Figure(figsize=(3, 2), dpi=90))
    ((bundle, _, metadata),) = notebook
    picture = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert picture.size == (540, 360)
    assert metadata == {"image/png": {"width": 270, "height": 180}}


def test_our_own_figures_are_unknown_to_pyplot():
    before = plt.get_fignums()
    show(plot_images(torch.zeros(1, 1, 4, 4)))
    plot_history({"loss": [1.0]})
    assert plt.get_fignums() == before


def test_a_script_saves_numbered_figures(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_FIGURES", str(tmp_path / "figures"))
    monkeypatch.setattr(plotting, "_figure_numbers", iter([7, 8]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        show(plot_images(torch.zeros(1, 1, 4, 4), title="Prior samples, 2-D / z"))
        show(plot_history({"loss": [1.0]}))
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert names == ["07_prior_samples_2_d_z.png", "08_figure.png"]


def test_a_script_without_a_folder_shows_nothing_and_warns_of_nothing(monkeypatch, capsys):
    monkeypatch.delenv("COURSE_FIGURES", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        show(plot_images(torch.zeros(1, 1, 4, 4)))
    assert capsys.readouterr() == ("", "")


def test_a_kernel_is_told_from_a_terminal(monkeypatch):
    shell = types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert not plotting.in_notebook()
    shell.kernel = object()
    assert plotting.in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not plotting.in_notebook()


def test_the_style_is_set_by_the_import():
    assert matplotlib.rcParams["figure.dpi"] == 90
    assert not matplotlib.rcParams["axes.spines.top"]


def test_a_palette_makes_pictures_small_and_changes_little():
    noto, _ = load_emoji("test")
    whole = to_png(plot_images(noto[:24], columns=8, title="emoji"))
    small = plotting.with_palette(whole)
    before, after = (
        np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), float) for png in (whole, small)
    )
    assert len(small) < 0.5 * len(whole)
    assert np.abs(after - before).mean() < 1  # of 255 levels
