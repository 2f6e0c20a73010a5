"""Options: with how many seeds the checks are tested, what the browser keeps; and the order."""

import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--seeds", type=int, default=5, help="seeds for each answer to a check; `make test-all`: 20"
    )
    parser.addoption(
        "--no-screenshots", action="store_true", help="take no pictures of whole notebooks"
    )


@pytest.fixture
def seeds(request) -> range:
    return range(request.config.getoption("--seeds"))


def pytest_collection_modifyitems(items):
    """Tests of one exercise stand together, so that what its oracle did is still remembered.

    What is skipped where there is no GPU is marked `cuda`, so that `-m cuda` picks it.
    """
    for item in items:
        if any(mark.kwargs.get("reason") == "needs a GPU" for mark in item.iter_markers("skipif")):
            item.add_marker("cuda")
    items.sort(key=lambda item: (item.path.name == "test_checks.py", exercise_of(item)))


def exercise_of(item) -> str:
    name = getattr(item, "callspec", None) and item.callspec.params.get("name")
    return name if isinstance(name, str) and item.path.name == "test_checks.py" else ""
