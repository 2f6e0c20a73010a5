"""The cells of a notebook file, however it was saved; or in a sentence why there are none."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

LARGEST = 100 << 20  # bytes of a file
MOST_CELLS, LONGEST = 5_000, 2_000_000  # characters of all code
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
PAUSE = 15 * 60  # seconds without a run cell, and somebody was away


class Unreadable(ValueError):
    """A file that is no notebook; the message says why."""


@dataclass(frozen=True)
class Notebook:
    """What a file holds: (kind, source) of each cell, remarks on the file, minutes if known."""

    cells: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...] = ()
    minutes: float | None = None


def read(content: bytes) -> Notebook:
    """The notebook in a file's bytes; Unreadable where it cannot be told what they hold.

    >>> read(b'{"cells": [{"cell_type": "code", "source": ["x = ", "1"]}]}').cells
    (('code', 'x = 1'),)
    """
    if not content.strip():
        raise Unreadable("the file is empty")
    if len(content) > LARGEST:
        raise Unreadable(f"the file has {len(content) / 1e6:.0f} MB, which is too much")
    text, remarks = decode(content)
    try:
        data = json.loads(text)
    except RecursionError:
        raise Unreadable("the file nests too deep to be a notebook") from None
    except ValueError as error:
        raise Unreadable(not_json(text, error)) from None
    cells = cells_of(data, remarks)
    return Notebook(cells, tuple(remarks), minutes_in(data))


def decode(content: bytes) -> tuple[str, list[str]]:
    """The text; a byte order mark or another encoding than UTF-8 is a remark, no fault."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            name = "UTF-8" if encoding == "utf-8-sig" else "UTF-16"
            try:
                return content.decode(encoding), [f"the file starts with a {name} byte order mark"]
            except UnicodeDecodeError:
                raise Unreadable(f"the file is not the {name} that it says it is") from None
    try:
        return content.decode("utf-8"), []
    except UnicodeDecodeError:
        if b"\0" in content[:1000] or content.lstrip()[:1] != b"{":
            raise Unreadable("not a notebook: the file is not text") from None
        return content.decode("latin-1"), ["the file is not UTF-8; it was read as Latin-1"]


def not_json(text: str, error: ValueError) -> str:
    if not text.lstrip().startswith("{"):
        return "not a notebook: the file does not hold JSON"
    at_end = getattr(error, "pos", 0) >= len(text.rstrip()) - 1 or "Unterminated" in str(error)
    return "the file is cut off" if at_end else f"the file is damaged: {error}"


def cells_of(data: Any, remarks: list[str]) -> tuple[tuple[str, str], ...]:
    if not isinstance(data, dict):
        raise Unreadable("not a notebook: the file holds JSON without cells")
    cells = data.get("cells")
    if cells is None and isinstance(data.get("worksheets"), list):
        remarks.append("the notebook is in the old format nbformat 3")
        sheets = [sheet for sheet in data["worksheets"] if isinstance(sheet, dict)]
        parts = [sheet.get("cells") for sheet in sheets]
        cells = [cell for part in parts if isinstance(part, list) for cell in part]
    if not isinstance(cells, list):
        raise Unreadable("not a notebook: the file holds JSON without cells")
    found = tuple(filter(None, map(cell_of, cells[:MOST_CELLS])))
    if sum(len(source) for _, source in found) > LONGEST:
        raise Unreadable("the notebook holds too much code")
    return found


def cell_of(cell: Any) -> tuple[str, str] | None:
    if not isinstance(cell, dict):
        return None
    source = cell.get("input", "") if cell.get("source") is None else cell["source"]
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    kind = cell.get("cell_type")
    if not isinstance(source, str) or not isinstance(kind, str):
        return None
    return kind[:20], source.encode("utf-8", "replace").decode().replace("\r\n", "\n")


def minutes_in(data: dict) -> float | None:
    """Minutes at work, from the times that JupyterLab notes where it is asked to."""
    times = sorted(t for cell in data.get("cells") or () for t in times_of(cell))
    if len(times) < 2:
        return None
    gaps = [b - a for a, b in pairwise(times)]
    return sum(gap for gap in gaps if gap < PAUSE) / 60


def times_of(cell: Any) -> list[float]:
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    noted = metadata.get("execution") if isinstance(metadata, dict) else None
    found = []
    for value in noted.values() if isinstance(noted, dict) else ():
        if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
            try:
                found.append(datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp())
            except (ValueError, OverflowError, OSError):
                continue
    return found
