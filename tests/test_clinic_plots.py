"""A decision tree has one green box a case, and every finding has its box."""

from matplotlib.colors import to_hex

from course_lib.clinic_plots import CASE, plot_differential

TREE = {"below 0": {"targets inside": "F3", "targets outside": "C12"}, "shapes": "C31"}


def test_every_case_and_every_finding_has_a_box():
    (axes,) = plot_differential("What is odd?", TREE).axes
    words = {text.get_text() for text in axes.texts}
    findings = {"What is odd?", "below 0", "targets inside", "targets outside", "shapes"}
    assert words == findings | {"F3", "C12", "C31"}
    green = [p for p in axes.patches if to_hex(p.get_facecolor()) == CASE]
    assert len(green) == 3 and len(axes.patches) == len(words)


def test_a_case_stands_right_of_its_finding_and_at_its_height():
    (axes,) = plot_differential("What is odd?", TREE).axes
    place = {text.get_text(): text.get_position() for text in axes.texts}
    assert place["C31"][0] > place["shapes"][0] and place["C31"][1] == place["shapes"][1]
    assert place["below 0"][1] == (place["F3"][1] + place["C12"][1]) / 2
