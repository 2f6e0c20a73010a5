"""Grades as tables, for a person and for Moodle's and Canvas's import; and a log for machines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

RISKY = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula
Result = Mapping[str, Any]


def points(made: Mapping[str, Any], carry_forward: bool) -> int:
    return int(made["passed"] or (carry_forward and bool(made["follows_from"])))


def total(result: Result, carry_forward: bool) -> int:
    return sum(points(made, carry_forward) for made in result["marks"])


def reason(result: Result) -> str:
    """Why these points: what was odd about the file, and of each missing point its cause.

    >>> reason({"remarks": ["the file is empty"], "marks": []})
    'the file is empty'
    """
    said = list(result["remarks"])
    for made in result["marks"]:
        if not made["passed"] and result["status"] == "graded":
            short = made["name"].partition(".")[2]
            why = made["misconception"] or shortened(made["message"])
            follows = ", ".join(made["follows_from"])
            said.append(f"{short}: {why}" + (f" (follows from {follows})" if follows else ""))
    return "; ".join(said) or "all right"


def shortened(text: str, most: int = 160) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def safe(value: Any) -> Any:
    """A text that no spreadsheet runs."""
    text = str(value).replace("\0", "")
    return f"'{text}" if text.startswith(RISKY) else text


def written(rows: Iterable[Sequence[Any]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(
        [[v if isinstance(v, int | float) else safe(v) for v in row] for row in rows]
    )
    return file.getvalue()


def grades(results: Sequence[Result], stem: str, names: Sequence[str], carry: bool) -> str:
    """A row for every file: student, file, lesson, a column an exercise, total, status, reason."""
    head = ["student", "file", "lesson", *names, "total", "status", "reason"]
    rows = [head]
    for result in results:
        given = {made["name"]: points(made, carry) for made in result["marks"]}
        rows.append(
            [
                *(result["student"], result["file"], stem),
                *(given.get(name, 0) for name in names),
                *(total(result, carry), result["status"], reason(result)),
            ]
        )
    return written(rows)


def best(results: Sequence[Result], carry: bool) -> list[Result]:
    """One result for each student: who handed in several files gets the points of the best."""
    found: dict[tuple[str, str], Result] = {}
    for result in results:
        who = (result["student"], result["number"])
        if who not in found or total(result, carry) > total(found[who], carry):
            found[who] = result
    return list(found.values())


def canvas(results: Sequence[Result], stem: str, names: Sequence[str], carry: bool) -> str:
    """Canvas's gradebook import: the login is what a downloaded file's name begins with."""
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", stem]
    rows = [head, ["    Points Possible", "", "", "", "", len(names)]]
    for result in best(results, carry):
        who = [result["student"], result["number"], "", "", ""]
        rows.append([*who, total(result, carry)])
    return written(rows)


def moodle(results: Sequence[Result], stem: str, names: Sequence[str], carry: bool) -> str:
    """Moodle's offline grading worksheet: «Participant 4711» is whom the number names."""
    head = ["Identifier", "Full name", "Grade", "Maximum grade", "Feedback comments"]
    rows = [head]
    for result in best(results, carry):
        number = f"Participant {result['number']}" if result["number"] else ""
        points_given = [total(result, carry), len(names)]
        rows.append([number, result["student"], *points_given, reason(result)])
    return written(rows)


FORMATS = {"canvas": canvas, "moodle": moodle}


def log(results: Sequence[Result], stem: str, carry: bool) -> str:
    """A line on the run, with what this machine could not enforce, and a line for each file."""
    lines: list[dict[str, Any]] = [
        {"lesson": stem, "files": len(results), "not enforced": lacking(results)}
    ]
    for result in results:
        marks = [
            {
                **{key: made[key] for key in ("name", "passed", "attempted", "message")},
                **{key: made[key] for key in ("misconception", "follows_from", "cell", "digest")},
                "points": points(made, carry),
            }
            for made in result["marks"]
        ]
        who = {key: result[key] for key in ("student", "number", "file", "status", "remarks")}
        lines.append({**who, "total": total(result, carry), "exercises": marks})
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def lacking(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(said for result in results for said in result["lacking"]))
