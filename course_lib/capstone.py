"""`course capstone FOLDER`: what code can see of a finished project, one line a topic.

The folder holds `results.json`, `MODEL_CARD.md`, `DATA_CARD.md` and `samples.png`. `results.json`:

    {"question": "…?", "baseline": "PCA", "data": ["mnist"],
     "runs": [{"model": "VAE", "seed": 0, "recall": 0.61}, …],
     "claims": [{"text": "…", "model": "VAE", "metric": "recall", "value": 0.61, "low": 0.58,
                 "high": 0.64, "count": 610, "total": 1000, "confidence": 0.95}, …]}

`count`, `total` and `confidence` are for shares, whose interval is then computed again. Whether a
question is worth asking, and whether the text is true, no code can see: that is the rubric's part.
"""

import json
from collections.abc import Callable
from pathlib import Path

from course_lib.doctor import Finding
from course_lib.metrics.intervals import wilson_interval
from course_lib.publishing import (
    DATA_SECTIONS,
    MODEL_SECTIONS,
    data_licences,
    sections_of,
    unfilled,
)

FILES = ("results.json", "MODEL_CARD.md", "DATA_CARD.md", "samples.png")
LEAST_SEEDS = 3
AUDITS = ("memorization_rate", "group_share")  # metrics that some claim must be about
LARGEST_SAMPLE = 5_000_000  # bytes


def main(folder: str | Path) -> int:
    """Print what `examine` finds, one line each; return 1 if anything must be fixed, else 0."""
    findings = examine(folder)
    for finding in findings:
        print(finding)
    return int(any(finding.status == "FIX" for finding in findings))


def examine(folder: str | Path) -> list[Finding]:
    """Look at files, seeds, baseline, intervals, audits, both cards and the samples."""
    folder = Path(folder)
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        return [Finding("files", "FIX", f"missing: {', '.join(missing)}", "write them")]
    try:
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        _require_form(results)
    except (ValueError, TypeError) as error:
        told = f"results.json cannot be read: {error}"
        return [Finding("files", "FIX", told, "see the form in course_lib/capstone.py")]
    model_card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    data_card = (folder / "DATA_CARD.md").read_text(encoding="utf-8")
    topics: dict[str, Callable[[], Finding]] = {
        "seeds": lambda: check_seeds(results),
        "base": lambda: check_baseline(results),
        "claims": lambda: check_claims(results),
        "audits": lambda: check_audits(results),
        "model": lambda: check_model_card(model_card, results),
        "data": lambda: check_data_card(data_card, results),
        "samples": lambda: check_samples(folder / "samples.png"),
    }
    return [Finding("files", "ok", ", ".join(FILES)), *(look() for look in topics.values())]


def _require_form(results: dict) -> None:
    wanted = {"question": str, "baseline": str, "data": list, "runs": list, "claims": list}
    for name, kind in wanted.items():
        if not isinstance(results.get(name), kind) or not results[name]:
            raise ValueError(f"{name} must be a {kind.__name__} that is not empty")
    for run in results["runs"]:
        if not isinstance(run.get("model"), str) or type(run.get("seed")) is not int:
            raise ValueError(f"each run names its model and its seed, a whole number; got {run}")
    for claim in results["claims"]:
        if not isinstance(claim.get("text"), str) or not isinstance(claim.get("metric"), str):
            raise ValueError(f"each claim has a text, a model, a metric and a value; got {claim}")
        if not isinstance(claim.get("value"), int | float):
            raise ValueError(f"the value of a claim must be a number; got {claim}")


def _runs_by_model(results: dict) -> dict[str, list[dict]]:
    models: dict[str, list[dict]] = {}
    for run in results["runs"]:
        models.setdefault(run["model"], []).append(run)
    return models


def _metrics(runs: list[dict]) -> set[str]:
    return set.intersection(*(set(run) for run in runs)) - {"model", "seed"}


def check_seeds(results: dict) -> Finding:
    """At least three different seeds of every model."""
    seeds = {name: {run["seed"] for run in runs} for name, runs in _runs_by_model(results).items()}
    few = [f"{name} ({len(own)})" for name, own in seeds.items() if len(own) < LEAST_SEEDS]
    if few:
        remedy = f"run each model with {LEAST_SEEDS} seeds or more, and show the spread"
        return Finding("seeds", "FIX", f"too few: {', '.join(few)}", remedy)
    told = "; ".join(f"{name}: {sorted(own)}" for name, own in seeds.items())
    return Finding("seeds", "ok", told)


def check_baseline(results: dict) -> Finding:
    """The baseline has runs, beside another model, with all metrics that this one has."""
    models, baseline = _runs_by_model(results), results["baseline"]
    if baseline not in models or len(models) < 2:
        told = f"{baseline!r} among the models {', '.join(models)}"
        return Finding("base", "FIX", told, "measure a baseline beside your model")
    lacking = set.union(*map(_metrics, models.values())) - _metrics(models[baseline])
    if lacking:
        told = f"{baseline} lacks {', '.join(sorted(lacking))}"
        return Finding("base", "FIX", told, "measure the baseline by the same metrics")
    return Finding("base", "ok", f"{baseline}, by {', '.join(sorted(_metrics(models[baseline])))}")


def check_claims(results: dict) -> Finding:
    """Every claim has an interval that holds its value; that of a share is computed again."""
    wrong = [f"«{c['text']}»: {what}" for c in results["claims"] if (what := _fault(c, results))]
    if wrong:
        return Finding("claims", "FIX", "; ".join(wrong), "give each number its interval")
    return Finding("claims", "ok", f"{len(results['claims'])}, each with its interval")


def _fault(claim: dict, results: dict) -> str:
    low, high, value = claim.get("low"), claim.get("high"), claim["value"]
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return "no interval"
    if not low <= value <= high or low == high:
        return f"{value} is not between {low} and {high}, or these are one number"
    if "total" in claim:
        given = claim.get("count", -1), claim["total"], claim.get("confidence", 0.95)
        try:
            again = (given[0] / given[1], *wilson_interval(*given))
        except (ValueError, TypeError, ZeroDivisionError) as error:
            return f"count, total and confidence give no share: {error}"
        if any(abs(a - b) > 1e-3 for a, b in zip(again, (value, low, high), strict=True)):
            return "computed again from count and total it is {:.3f} ({:.3f} to {:.3f})".format(
                *again
            )
    runs = _runs_by_model(results).get(claim.get("model"), [])
    seen = [run[claim["metric"]] for run in runs if claim["metric"] in run]
    if not seen:
        return f"no run of {claim.get('model')!r} has the metric {claim['metric']!r}"
    slack = 1e-6 * (1 + abs(value))  # a share may have been computed in float32
    if not min(seen) - slack <= value <= max(seen) + slack:
        return f"{value} lies outside of what the runs gave, {min(seen)} to {max(seen)}"
    return ""


def check_audits(results: dict) -> Finding:
    """A claim about memorization, and one about the groups."""
    about = {claim["metric"] for claim in results["claims"]}
    lacking = [name for name in AUDITS if not any(metric.startswith(name) for metric in about)]
    if lacking:
        return Finding("audits", "FIX", f"no claim about {', '.join(lacking)}", "audit the model")
    return Finding("audits", "ok", f"claims about {', '.join(sorted(about))}")


def check_model_card(text: str, results: dict) -> Finding:
    """All sections filled, and the claims' numbers in them."""
    if lacking := unfilled(sections_of(text), MODEL_SECTIONS):
        return Finding("model", "FIX", f"not filled: {', '.join(lacking)}", "write what you know")
    absent = [c["text"] for c in results["claims"] if not _stands_in(c["value"], text)]
    if absent:
        told = f"the card does not give the number of «{'», «'.join(absent)}»"
        return Finding("model", "FIX", told, "fill the card from results.json, by code")
    return Finding("model", "ok", f"{len(MODEL_SECTIONS)} sections, all claims' numbers in them")


def _stands_in(value: float, text: str) -> bool:
    """As a number of two digits or more, or as a percentage."""
    forms = {f"{value:.2f}", f"{value:.3f}", f"{100 * value:.1f} %", f"{100 * value:.1f}%"}
    return any(form in text for form in forms)


def check_data_card(text: str, results: dict) -> Finding:
    """All sections filled, and the licence of each of the course's data sets that was used."""
    if lacking := unfilled(sections_of(text), DATA_SECTIONS):
        return Finding("data", "FIX", f"not filled: {', '.join(lacking)}", "write what you know")
    known = data_licences()
    licences = {name: known[name].licence for name in results["data"] if name in known}
    if absent := [f"{name}: {own}" for name, own in licences.items() if own not in text]:
        remedy = "name the licence of each data set as data/README.md does"
        return Finding("data", "FIX", f"the card does not say «{'», «'.join(absent)}»", remedy)
    own = [name for name in results["data"] if name not in known]
    if own:
        told = f"{len(DATA_SECTIONS)} sections; the licence of {', '.join(own)} is yours to check"
        return Finding("data", "note", told)
    return Finding("data", "ok", f"{len(DATA_SECTIONS)} sections, the licences named")


def check_samples(path: Path) -> Finding:
    """A picture that opens. Whether it was chosen by hand, no code can see."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            size = image.size
            image.load()
    except (UnidentifiedImageError, OSError) as error:
        return Finding("samples", "FIX", f"samples.png does not open: {error}", "save it anew")
    if path.stat().st_size > LARGEST_SAMPLE:
        return Finding("samples", "FIX", f"{path.stat().st_size / 1e6:.1f} MB", "save fewer")
    told = f"{size[0]}×{size[1]} pixels; that nobody chose them is yours to say"
    return Finding("samples", "ok", told)
