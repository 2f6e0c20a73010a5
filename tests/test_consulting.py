"""The consulting room: measurements ordered, a diagnosis answered, another patient called."""

import pytest

from course_lib.explorers import consulting
from course_lib.explorers.consulting import Run, consulting_room, nearest_suspect, telling


@pytest.fixture
def live(monkeypatch):
    monkeypatch.setattr(consulting, "is_static", lambda: False)


BOOK = {
    "blind": Run([2.0, 1.0, 0.5], {"accuracy": 0.5, "way": 0.0}),
    "bribed": Run([2.0, 1.0, 0.4], {"accuracy": 0.9, "way": 3.0}),
    "slow": Run([2.0, 1.9, 1.8], {"accuracy": 0.88, "way": 1.0}),
}
PATIENTS = {
    "blind": Run([2.1, 1.1, 0.6], {"accuracy": 0.52, "way": 0.01}),
    "bribed": Run([2.1, 1.1, 0.5], {"accuracy": 0.89, "way": 2.8}),
    "slow": Run([2.1, 1.9, 1.7], {"accuracy": 0.89, "way": 0.9}),
}


def test_a_measurement_tells_where_the_next_suspect_is_far():
    assert nearest_suspect(BOOK, PATIENTS["blind"], "accuracy") == ("blind", True)
    assert nearest_suspect(BOOK, PATIENTS["slow"], "accuracy")[1] is False
    assert telling(BOOK, PATIENTS["bribed"], "bribed") == ["way"]
    assert telling(BOOK, PATIENTS["blind"], "blind") == ["accuracy", "way"]


def pieces(room):
    words, picture, orders, table, causes, following = room.children
    return words, picture, orders.children[1:], table, causes.children[1:], following


def test_every_patient_comes_once_and_is_answered(live):
    words, picture, orders, table, causes, following = pieces(consulting_room(BOOK, PATIENTS))
    right = 0
    for number in range(len(PATIENTS)):
        assert f"Patient <b>{number + 1}</b>" in words.value and "Order one" in table.value
        before = picture.value
        for count, button in enumerate(orders, 1):
            button.click()
            assert button.disabled and f"Ordered: {count} of 2" in words.value
        assert table.value.count("<tr>") == 3 and following.layout.display == "none"
        causes[0].click()
        right += "<b>Right</b>" in table.value
        assert f"Right so far: {right}" in words.value
        assert "would have told" in table.value and "after 2 measurements" in table.value
        assert all(button.disabled for button in causes)
        following.click()
        assert picture.value != before
    assert right == 1  # each of the three was patient once


def test_other_suspects_and_other_measurements_are_refused(live):
    with pytest.raises(ValueError, match="the same suspects"):
        consulting_room(BOOK, {"blind": BOOK["blind"]})
    odd = PATIENTS | {"slow": Run([1.0], {"accuracy": 1.0})}
    with pytest.raises(ValueError, match="slow has accuracy"):
        consulting_room(BOOK, odd)
