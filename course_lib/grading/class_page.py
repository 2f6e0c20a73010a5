"""What a class has not understood: `class.html`, with no student's name but in the hints."""

from __future__ import annotations

import html
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from .lessons import Graded
from .pages import page
from .tables import lacking, total

EXAMPLES, LINES = 2, 30
Result = Mapping[str, Any]


def class_page(results: Sequence[Result], lesson: Graded, carry: bool) -> str:
    graded = [r for r in results if r["status"] == "graded"]
    parts = [
        overview(results, graded, lesson, carry),
        by_exercise(graded, lesson),
        misconceptions(graded),
        similar(graded, lesson),
        not_enforced(results),
    ]
    return page(f"{lesson.stem}: the class", "\n".join(filter(None, parts)))


def overview(
    results: Sequence[Result], graded: Sequence[Result], lesson: Graded, carry: bool
) -> str:
    lines = [f"<p>{len(results)} files, {len(graded)} of them graded."]
    if graded:
        middle = median(total(r, carry) for r in graded)
        lines.append(f"Half of these have {middle:g} of {len(lesson.names)} points or more.")
    minutes = [r["minutes"] for r in graded if r["minutes"] is not None]
    if minutes:
        lines.append(
            f"In {len(minutes)} notebooks the time is noted: {median(minutes):.0f} minutes in the "
            "middle, pauses of more than a quarter of an hour left out."
        )
    return " ".join(lines) + "</p>"


def by_exercise(graded: Sequence[Result], lesson: Graded) -> str:
    """Passed, tried and not passed, not tried."""
    rows = ["<tr><th>exercise</th><th>passed</th><th></th><th>not passed</th><th>open</th></tr>"]
    for name in lesson.names:
        marks = [made for r in graded for made in r["marks"] if made["name"] == name]
        passed = sum(made["passed"] for made in marks)
        unwritten = sum(not made["attempted"] for made in marks)
        width = 160 * passed // max(len(marks), 1)
        bar = f'<div class="bar" style="width:{width}px"></div>'
        wrong = len(marks) - passed - unwritten
        cells = (f"<code>{html.escape(name)}</code>", passed, bar, wrong, unwritten)
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return "<h2>Passed, by exercise</h2>\n<table>" + "\n".join(rows) + "</table>"


def misconceptions(graded: Sequence[Result]) -> str:
    """The mistakes of the class, the most frequent first, each with its sentence and examples."""
    shown: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for result in graded:
        for made in result["marks"]:
            if made["misconception"]:
                shown[made["name"], made["misconception"]].append(made)
    if not shown:
        return ""
    counts = Counter({key: len(marks) for key, marks in shown.items()})
    parts = ["<h2>What to explain again</h2>"]
    for (name, misconception), count in sorted(counts.items(), key=lambda it: (-it[1], it[0])):
        parts.append(one_misconception(name, misconception, count, shown[name, misconception]))
    return "\n".join(parts)


def one_misconception(
    name: str, misconception: str, count: int, marks: Sequence[Mapping[str, Any]]
) -> str:
    head = f"<p><b>{count} × {html.escape(misconception)}</b> in <code>{html.escape(name)}</code>"
    different = {made["digest"]: made for made in reversed(marks)}
    examples = sorted(different.values(), key=lambda made: made["source"])[:EXAMPLES]
    codes = "".join(f"<pre>{html.escape(first_lines(made['source']))}</pre>" for made in examples)
    unfold = f"<details><summary>examples</summary>{codes}</details>"
    return f"{head}: {html.escape(marks[0]['cause'])}</p>\n{unfold}"


def first_lines(code: str) -> str:
    lines = code.split("\n")
    return "\n".join(lines[:LINES] + (["…"] if len(lines) > LINES else []))


def similar(graded: Sequence[Result], lesson: Graded) -> str:
    """Groups of equal functions, the largest functions first: short ones are equal by chance."""
    rows = []
    for name in lesson.names:
        published = lesson.digest(name.partition(".")[2])
        groups: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for result in graded:
            for made in result["marks"]:
                if made["name"] == name and made["digest"] and made["attempted"]:
                    groups[made["digest"]].append((who(result), made["size"]))
        for digest, members in groups.items():
            if len(members) > 1 or digest == published:
                rows.append((members[0][1], name, digest == published, [m for m, _ in members]))
    if not rows:
        return ""
    lines = [similar_row(*row) for row in sorted(rows, key=lambda row: (-row[0], row[1], row[3]))]
    return (
        "<h2>Equal after names and comments are taken away</h2>\n<p>A hint to look, never a grade: "
        "of a formula there are few ways to write it. The larger the function, the more it says. "
        "</p>\n<table><tr><th>exercise</th><th>size</th><th>equal</th></tr>"
        + "\n".join(lines)
        + "</table>"
    )


def similar_row(size: int, name: str, published: bool, members: Sequence[str]) -> str:
    names = ", ".join(html.escape(member) for member in members)
    told = f"{names} <b>and the published solution</b>" if published else names
    return f"<tr><td><code>{html.escape(name)}</code></td><td>{size}</td><td>{told}</td></tr>"


def who(result: Result) -> str:
    return f"{result['student']} ({result['file']})"


def not_enforced(results: Sequence[Result]) -> str:
    said = lacking(results)
    if not said:
        return ""
    points = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in said)
    return f"<h2>What this machine could not enforce</h2>\n<ul>{points}</ul>"
