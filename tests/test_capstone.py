"""`course capstone`: a whole project passes, and each thing that lacks is told by its own line."""

import json

import pytest
import torch

from course_lib import capstone, cli
from course_lib.metrics import wilson_interval
from course_lib.plotting import plot_images, to_png
from course_lib.publishing import (
    DATA_SECTIONS,
    MODEL_SECTIONS,
    card,
    data_licences,
    sections_of,
    unfilled,
)


def claim(metric, count, total):
    low, high = wilson_interval(count, total)
    return {
        "text": f"the {metric}",
        "model": "VAE",
        "metric": metric,
        "value": count / total,
        "low": low,
        "high": high,
        "count": count,
        "total": total,
    }


def whole_results():
    runs = [
        {"model": model, "seed": seed, "memorization_rate": 0.04, "group_share_8": 0.123}
        for model in ("PCA", "VAE")
        for seed in (0, 1, 2)
    ]
    claims = [claim("memorization_rate", 40, 1000), claim("group_share_8", 123, 1000)]
    names = "question", "baseline", "data", "runs", "claims"
    return dict(zip(names, ("Is it?", "PCA", ["mnist"], runs, claims), strict=True))


@pytest.fixture
def project(tmp_path):
    """A folder that passes, and a function that writes other results into it."""
    said = "Rates: 0.040 and 12.3 %."
    model = card("A model", {name: said for name in MODEL_SECTIONS}, MODEL_SECTIONS)
    data = card("Data", {name: "CC BY-SA 3.0" for name in DATA_SECTIONS}, DATA_SECTIONS)
    (tmp_path / "MODEL_CARD.md").write_text(model, encoding="utf-8")
    (tmp_path / "DATA_CARD.md").write_text(data, encoding="utf-8")
    (tmp_path / "samples.png").write_bytes(to_png(plot_images(torch.rand(4, 1, 9, 9))))

    def write(results):
        (tmp_path / "results.json").write_text(json.dumps(results), encoding="utf-8")
        return {finding.topic: finding for finding in capstone.examine(tmp_path)}

    write(whole_results())
    return tmp_path, write


def test_a_whole_project_passes(project, capsys):
    folder, _ = project
    assert cli.main(["capstone", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8 and all(line.startswith("ok ") for line in lines)


def test_an_empty_folder_is_told_what_belongs_there(tmp_path, capsys):
    assert cli.main(["capstone", str(tmp_path)]) == 1
    assert "missing: results.json, MODEL_CARD.md" in capsys.readouterr().out


def one_seed(results):
    results["runs"] = [run for run in results["runs"] if run["seed"] == 0]


def the_same_seed(results):
    for run in results["runs"]:
        run["seed"] = 0


def no_baseline(results):
    results["baseline"] = "noise"


def baseline_by_less(results):
    for run in results["runs"]:
        if run["model"] == "PCA":
            del run["group_share_8"]


def no_interval(results):
    del results["claims"][0]["high"]


def beyond_its_interval(results):
    results["claims"][0] |= {"value": 0.9, "low": 0.1, "high": 0.2}


def prettier_interval(results):
    results["claims"][0]["high"] = 0.045


def impossible_count(results):
    results["claims"][0]["count"] = 2_000


def not_what_the_runs_gave(results):
    results["claims"][1] = {**claim("group_share_8", 300, 1000)}


def no_audit(results):
    del results["claims"][0]


def number_not_in_the_card(results):
    for run in results["runs"]:
        run["group_share_8"] = 0.222
    results["claims"][1] = claim("group_share_8", 222, 1000)


def other_licence(results):
    results["data"] = ["fashion-mnist"]


@pytest.mark.parametrize(
    "damage, topic, words",
    [
        (one_seed, "seeds", "PCA (1), VAE (1)"),
        (the_same_seed, "seeds", "too few"),
        (no_baseline, "base", "'noise' among the models PCA, VAE"),
        (baseline_by_less, "base", "PCA lacks group_share_8"),
        (no_interval, "claims", "no interval"),
        (beyond_its_interval, "claims", "0.9 is not between 0.1 and 0.2"),
        (prettier_interval, "claims", "computed again from count and total it is 0.040"),
        (impossible_count, "claims", "give no share"),
        (not_what_the_runs_gave, "claims", "lies outside of what the runs gave"),
        (no_audit, "audits", "no claim about memorization_rate"),
        (number_not_in_the_card, "model", "does not give the number of «the group_share_8»"),
        (other_licence, "data", "«fashion-mnist: MIT, © 2017 Zalando SE»"),
    ],
)
def test_each_gap_is_told_by_its_line(project, damage, topic, words):
    _, write = project
    results = whole_results()
    damage(results)
    found = write(results)[topic]
    assert found.status == "FIX" and words in str(found) and found.remedy


def test_own_data_is_a_note_and_no_fault(project):
    _, write = project
    found = write(whole_results() | {"data": ["mnist", "my photographs"]})["data"]
    assert found.status == "note" and "my photographs" in found.message


@pytest.mark.parametrize(
    "results, words",
    [
        ({"question": "Is it?"}, "baseline must be a str"),
        (whole_results() | {"runs": [{"model": "VAE", "seed": "0"}]}, "its seed, a whole number"),
        (whole_results() | {"claims": [{"text": "so"}]}, "each claim has a text"),
    ],
)
def test_results_of_another_form_are_one_line(project, results, words):
    _, write = project
    (finding,) = write(results).values()
    assert finding.status == "FIX" and words in finding.message


def test_cards_with_gaps_and_a_broken_picture(project):
    folder, write = project
    text = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    gap = text.replace("## Factors\nRates: 0.040 and 12.3 %.", "## Factors\nTODO")
    (folder / "MODEL_CARD.md").write_text(gap, encoding="utf-8")
    (folder / "DATA_CARD.md").write_text("# Data\n", encoding="utf-8")
    (folder / "samples.png").write_bytes(b"no picture")
    found = write(whole_results())
    assert "not filled: Factors" in found["model"].message
    assert "not filled: Motivation, Composition" in found["data"].message
    assert "does not open" in found["samples"].message


def test_a_card_refuses_gaps_and_is_read_back():
    with pytest.raises(ValueError, match="the card lacks: Metrics, Uses"):
        card("A", {"Metrics": " ", "Uses": "TODO: think"}, ("Metrics", "Uses"))
    sections = {"Uses": "Two\n\nparagraphs.", "Extra": "More."}
    assert sections_of(card("A", sections, ("Uses",))) == sections
    assert unfilled({"Uses": "Not known."}, ("Uses",)) == []


def test_the_licences_are_those_of_the_table():
    licences = {name: source.licence for name, source in data_licences().items()}
    assert licences["mnist"] == "CC BY-SA 3.0" and "CC BY 4.0" in licences["emoji"]
    assert set(licences) == {"mnist", "fashion-mnist", "emoji", "features"}
