"""pyproject.toml, requirements.lock, environment.yml and what is installed say the same."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
LOCK = (ROOT / "requirements.lock").read_text().splitlines()
PINS = [Requirement(line) for line in LOCK]
HERE = [pin for pin in PINS if pin.marker is None or pin.marker.evaluate()]

DECLARED = (
    PROJECT["dependencies"]
    + PROJECT["optional-dependencies"]["dev"]
    + PYPROJECT["build-system"]["requires"]  # `make setup` builds without isolation
)


def pinned_version(pin: Requirement) -> str:
    (only,) = pin.specifier
    assert only.operator == "=="
    return only.version


def test_the_lock_pins_names_and_points_to_no_place():
    pin = re.compile(r"[a-z0-9-]+==[0-9][A-Za-z0-9.]*( ; .+)?")
    assert [line for line in LOCK if not pin.fullmatch(line)] == []


@pytest.mark.parametrize("declared", DECLARED)
def test_each_dependency_is_pinned_within_its_range_everywhere(declared):
    wanted = Requirement(declared)
    pins = [pin for pin in PINS if pin.name == canonicalize_name(wanted.name)]
    assert len([pin for pin in pins if pin in HERE]) == 1
    assert all(pinned_version(pin) in wanted.specifier for pin in pins)


def test_what_is_installed_is_what_is_pinned():
    pinned = {pin.name: pinned_version(pin) for pin in HERE}
    assert {name: version(name) for name in pinned} == pinned


def test_conda_takes_every_package_from_the_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, by_pip = environment["dependencies"]
    assert pip == "pip"
    assert by_pip == {"pip": ["-r requirements.lock", "-e ."]}
    name, _, release = python.partition("=")
    assert name == "python"
    assert release in SpecifierSet(PROJECT["requires-python"])


def test_the_citation_gives_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]


@pytest.mark.parametrize(
    "paper",
    ["README.md", "README.zh.md", "CONTRIBUTING.md", "data/README.md", "benchmarks/README.md"],
)
def test_every_link_into_the_project_leads_somewhere(paper):
    text = re.sub(r"`[^`\n]+`", "code", (ROOT / paper).read_text())  # an example is no link
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert [link for link in links if not ((ROOT / paper).parent / link).exists()] == []


def test_the_chinese_readme_says_of_a_lesson_what_the_english_one_says():
    rows = [
        dict(re.findall(r"\]\(notebooks/(\w+)\.ipynb\)[^|]*\|[^|]*\| ([\d.]+ \| [\d.]+) \|", text))
        for text in ((ROOT / name).read_text() for name in ("README.md", "README.zh.md"))
    ]
    assert rows[1] and rows[1].items() <= rows[0].items()
