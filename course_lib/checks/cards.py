"""Cards: a short text that a notebook shows with a coloured mark, and a terminal as one line.

The text takes the colours of the reader's theme. Only the marks have a colour of their own, white
on a chip, so that they can be read on a light page and on a dark one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.environment import in_notebook

MARKS = {"passed": ("✓", "#1a7f37"), "failed": ("✗", "#a04800"), "unwritten": ("○", "#57606a")}
EXPECTED = re.compile(r"(?:(?P<of>.+?): )?expected (?P<want>.+?), got (?P<got>.+)", re.DOTALL)
CODE = re.compile(
    r"`(?P<quoted>[^`]+)`"
    r"|(?!(?:e\.g|i\.e)\b)\b(?:"
    r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?:\([^()]*\))?"  # torch.exp, F.pad(x, size), loss.backward()
    r"|[A-Za-z_]\w*\([^()]*\)"  # exp(log_var)
    r"|[A-Za-z]\w*_\w+"  # log_var
    r")"
)
# The error that stops the cell stands behind its card and says nothing more. JupyterLab need not
# show it; tools that count errors still find it in the cell's outputs.
STYLE = (
    "<style>.jp-OutputArea-child:has(.course-card) ~ .jp-OutputArea-child"
    ':has([data-mime-type="application/vnd.jupyter.stderr"]) { display: none }</style>'
)


class Card:
    """`message` as it is in a terminal; `lines` are (name, text, whether it is code) in a notebook.

    `hints` are those still to come: each opens by a click within the one before it.
    """

    def __init__(
        self,
        state: str,
        title: str,
        message: str,
        lines: Sequence[tuple[str, str, bool]] = (),
        hints: Sequence[str] = (),
    ):
        self.state, self.title, self.message = state, title, message
        self.lines, self.hints = lines, hints

    def __repr__(self) -> str:
        return f"{MARKS[self.state][0]} {self.title}: {self.message}"

    def _repr_html_(self) -> str:
        color = MARKS[self.state][1]
        below = "".join(line_html(*line) for line in self.lines)
        told = "" if self.lines else f" &nbsp;{with_code(self.message)}"
        return (
            f'{STYLE}<div class="course-card" style="border-left: 4px solid {color}; '
            f'padding: 4px 12px; max-width: 54em; line-height: 1.5">{chip(self.state)} '
            f"<b>{html.escape(self.title)}</b>{told}{below}{nested(self.hints)}</div>"
        )


def chip(state: str) -> str:
    mark, color = MARKS[state]
    style = f"background: {color}; color: #ffffff; border-radius: 4px; padding: 0 5px"
    return f'<span style="{style}">{mark}</span>'


def line_html(name: str, text: str, is_code: bool) -> str:
    shown = f"<code>{html.escape(text)}</code>" if is_code else with_code(text)
    columns = "display: grid; grid-template-columns: 6.5em 1fr"
    return f'<div style="{columns}"><span>{html.escape(name)}</span><span>{shown}</span></div>'


def nested(hints: Sequence[str]) -> str:
    if not hints:
        return ""
    name = "a hint" if len(hints) > 1 else "the last hint"
    return (
        f'<details style="margin-top: 2px"><summary style="cursor: pointer">{name}</summary>'
        f'<div style="padding-left: 1.2em">{with_code(hints[0])}{nested(hints[1:])}</div></details>'
    )


def with_code(text: str) -> str:
    """Escaped text as HTML, what reads as Python in a code font.

    >>> with_code("exp(log_var) is > 0, e.g. here")
    '<code>exp(log_var)</code> is &gt; 0, e.g. here'
    """
    parts, end = [], 0
    for found in CODE.finditer(text):
        code = found["quoted"] or found[0]
        parts += [html.escape(text[end : found.start()]), f"<code>{html.escape(code)}</code>"]
        end = found.end()
    return "".join([*parts, html.escape(text[end:])])


def what_and_cause(what: str, cause: str) -> list[tuple[str, str, bool]]:
    """Up to three lines: expected, got, likely cause; other faults are told in one."""
    parts = EXPECTED.fullmatch(what.removesuffix("."))
    if parts:
        of = f"{parts['of']}: " if parts["of"] else ""
        lines = [("expected", of + parts["want"], True), ("got", parts["got"], True)]
    else:
        lines = [("what", what, False)]
    return [*lines, ("likely cause", cause, False)] if cause else lines


def show(item: object, about: Mapping[str, Any] | None = None) -> None:
    """As a card in a notebook, with `about` in its output's metadata; as plain text elsewhere."""
    if in_notebook():
        from IPython.display import display

        display(item, metadata={"course": dict(about)} if about else None)
    else:
        print(repr(item))
