"""What has been passed, lesson by lesson."""

from __future__ import annotations

import html

from .cards import chip

WIDTH = 12  # of a bar in a terminal, in characters


class Progress:
    """A bar a lesson; the lesson at hand is unfolded, the others open by a click in a notebook.

    `at` is the slug of the lesson at hand; where it is none, the first that is not finished.
    """

    def __init__(self, every: list[str], passed: set[str], at: str = ""):
        self.lessons: dict[str, list[tuple[str, bool]]] = {}
        for name in every:
            slug, _, short = name.partition(".")
            self.lessons.setdefault(slug, []).append((short, name in passed))
        unfinished = (slug for slug, rows in self.lessons.items() if not all(ok for _, ok in rows))
        self.at = at if at in self.lessons else next(unfinished, "")

    def __repr__(self) -> str:
        return "\n".join(self.in_text(slug, rows) for slug, rows in self.lessons.items())

    def in_text(self, slug: str, rows: list[tuple[str, bool]]) -> str:
        done = sum(ok for _, ok in rows)
        full = WIDTH * done // len(rows)
        line = f"{slug:<18} {'#' * full}{'-' * (WIDTH - full)} {done} of {len(rows)}"
        if slug != self.at:
            return line
        return f"{line}  " + " ".join(f"{'✓' if ok else '○'} {short}" for short, ok in rows)

    def _repr_html_(self) -> str:
        return "".join(self.in_html(slug, rows) for slug, rows in self.lessons.items())

    def in_html(self, slug: str, rows: list[tuple[str, bool]]) -> str:
        done = [html.escape(short) for short, ok in rows if ok]
        left = [html.escape(short) for short, ok in rows if not ok]
        bar = f'<progress max="{len(rows)}" value="{len(done)}"></progress>'
        name = f'<span style="display: inline-block; min-width: 11em">{html.escape(slug)}</span>'
        inside = f"<div>{chip('passed')} {', '.join(done)}</div>" if done else ""
        inside += f"<div>still to write: {', '.join(left)}</div>" if left else ""
        return (
            f'<details{" open" if slug == self.at else ""}><summary style="cursor: pointer">{name}'
            f"{bar} {len(done)} of {len(rows)}</summary>"
            f'<div style="padding-left: 1.2em">{inside}</div></details>'
        )
