"""Models side by side: the figures, the tournament under the reader's weights, and peak memory."""

import pytest
import torch
from matplotlib.colors import to_rgba

from course_lib.comparison_plots import plot_comparison, plot_vae_gan
from course_lib.explorers import choice
from course_lib.explorers.choice import choice_explorer, tournament_points
from course_lib.game_plots import MOVES
from course_lib.metrics import peak_bytes

TABLE = {
    "one": {"distance": (3.0, 2.0, 4.0), "recall": (0.5, 0.4, 0.6), "failed": 0}
    | {"nats": (90.0, 89.0, 92.0)},
    "two": {"distance": (6.0, 5.0, 9.0), "recall": (0.7, 0.55, 0.8), "failed": 1},
    "three": {"distance": (5.5, 4.5, 5.5), "recall": (0.2, 0.1, 0.3), "failed": 0},
}  # fmt: skip
BETTER = {"distance": -1, "recall": 1, "nats": -1, "failed": -1}
READERS = {"careful": {"nats": 5, "recall": 1}, "hurried": {"distance": 2}}


def test_points_are_wins_and_half_points_where_ranges_meet():
    points = tournament_points(TABLE, BETTER)
    assert {model: row["distance"] for model, row in points.items()} == {
        "one": 1.0,
        "two": 0.25,
        "three": 0.25,
    }
    assert [points[model]["recall"] for model in TABLE] == [0.75, 0.75, 0.0]
    assert [points[model]["nats"] for model in TABLE] == [1.0, 0.0, 0.0]
    assert [points[model]["failed"] for model in TABLE] == [0.75, 0.0, 0.75]


def test_moving_a_weight_changes_what_the_table_says(monkeypatch):
    monkeypatch.setattr(choice, "is_static", lambda: False)
    explorer = choice_explorer(TABLE, BETTER, READERS)
    asked, told = explorer.children[0].children
    who, *sliders = asked.children
    picture, readout = told.children
    assert [slider.description for slider in sliders] == list(BETTER)
    assert [slider.value for slider in sliders] == [0, 1, 5, 0]
    assert readout.value.startswith("<b>one</b>. nats: one 90 (89 to 92); two none")
    before = picture.value
    who.value = "hurried"
    assert [slider.value for slider in sliders] == [2, 0, 0, 0] and picture.value != before
    for slider in sliders:
        slider.value = 0
    assert "move a slider" in readout.value
    sliders[1].value = 3
    assert readout.value.startswith("<b>one and two</b>. recall:")


def test_a_static_choice_shows_every_reader(monkeypatch):
    shown = []
    monkeypatch.setattr(choice, "is_static", lambda: True)
    monkeypatch.setattr(choice, "show", shown.append)
    assert choice_explorer(TABLE, BETTER, READERS) is None
    (figure,) = shown
    assert [axes.get_title() for axes in figure.axes] == list(READERS)
    scores = [text.get_text() for text in figure.axes[1].texts]
    assert scores == ["1.00", "0.25", "0.25"]


@pytest.mark.parametrize("readers", [{}, {"odd": {"beauty": 1}}])
def test_unknown_wishes_are_told(readers):
    with pytest.raises(ValueError, match="readers must be named, with weights of distance"):
        choice_explorer(TABLE, BETTER, readers)


def test_a_comparison_has_a_panel_a_metric_and_says_none():
    figure = plot_comparison(TABLE, BETTER, {"recall": 0.9}, columns=3)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["distance  ← better", "recall  →", "nats  ←", "failed  ← better"]
    distance, recall, nats = figure.axes[:3]
    dots = [line.get_xdata()[0] for line in distance.lines if line.get_marker() == "o"]
    assert dots == [3.0, 6.0, 5.5]
    assert [line.get_xdata()[0] for line in recall.lines if line.get_linestyle() == "--"] == [0.9]
    assert [text.get_text() for text in nats.texts] == ["none", "none"]


def test_one_network_moves_in_each_update():
    moving = []
    for axes in plot_vae_gan().axes:
        (box,) = [patch for patch in axes.patches if patch.get_facecolor() == to_rgba(MOVES)]
        middle = box.get_x() + box.get_width() / 2
        moving += [t.get_text() for t in axes.texts if t.get_position() == (middle, 3.45)]
    assert moving == ["E", "G", "D"]


def test_peak_memory_counts_what_lives_at_one_time():
    def chain():
        x = torch.ones(250)  # 1,000 bytes
        for _ in range(5):
            x = x * 2  # the old one lives until the new one is made
        return x

    weight = torch.ones(250, requires_grad=True)

    def kept_for_backward():
        return [weight.exp() for _ in range(5)]

    assert peak_bytes(chain) == 2_000
    assert peak_bytes(kept_for_backward) == 5_000
    assert peak_bytes(lambda: torch.ones(250)[:10].view(2, 5)) == 1_000  # views are no memory
