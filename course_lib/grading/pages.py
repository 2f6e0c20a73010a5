"""What a student reads: the verdict and its sentence for each exercise, beside the code."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .tables import points, total

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1b1f; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; }
pre { background: #f4f4f6; padding: .7rem; overflow-x: auto; font-size: 13px; line-height: 1.35; }
.right { color: #14652f; } .wrong { color: #a3230f; } .open { color: #5c5c66; }
table { border-collapse: collapse; } td, th { padding: .2rem .7rem .2rem 0; text-align: left;
  vertical-align: top; } .bar { background: #2c6fbb; height: .8rem; } .small { font-size: 13px; }
"""
NUMBER = re.compile(r"[^\w.@+-]+", re.UNICODE)


def page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body>\n<h1>{html.escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def feedback(result: Mapping[str, Any], stem: str, names: Sequence[str], carry: bool) -> str:
    """One student's page."""
    head = f"<p><b>{total(result, carry)} of {len(names)} points</b>, {stem}</p>"
    remarks = "".join(f"<p>{html.escape(said)}</p>" for said in result["remarks"])
    parts = "\n".join(section(made, carry) for made in result["marks"])
    return page(f"{result['student']}: {stem}", f"{head}{remarks}\n{parts}")


def section(made: Mapping[str, Any], carry: bool) -> str:
    kind = "right" if made["passed"] else "wrong" if made["attempted"] else "open"
    mark = {"right": "✓", "wrong": "✗", "open": "○"}[kind]
    lines = [f'<h2 class="{kind}">{mark} {html.escape(made["name"])}</h2>']
    lines.append(f"<p>{html.escape(made['message'])}</p>")
    if made["follows_from"]:
        earlier = ", ".join(f"<code>{html.escape(n)}</code>" for n in made["follows_from"])
        point = ", so the point is given" if points(made, carry) else ""
        lines.append(f"<p>Follows from {earlier}: with that right, this is right{point}.</p>")
    if made["remark"]:
        lines.append(f"<p>{html.escape(made['remark'])}</p>")
    if made["source"]:
        where = f"the code as it was graded, from cell {made['cell']} and what it needs"
        code = html.escape(made["source"])
        lines.append(f"<details><summary>{where}</summary><pre>{code}</pre></details>")
    return "\n".join(lines)


def file_names(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """A name for each result's page: the student's, numbered where one has several files."""
    taken: dict[str, int] = {}
    names = []
    for result in results:
        name = NUMBER.sub("_", result["student"]).strip("._")[:80] or "student"
        count = taken[name.casefold()] = taken.get(name.casefold(), 0) + 1
        names.append(f"{name}.html" if count == 1 else f"{name}-{count}.html")
    return names
