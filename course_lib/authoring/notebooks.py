"""Lessons as notebooks, for students with stubs and hints, and complete; the glossary page."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from .dependencies import open_cells
from .glossary import LINK, PAGE, Term, anchor
from .lesson import Cell, Lesson

# Constant, so that a rebuild on another machine or Python changes no byte.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
PICTURE = re.compile(r"\]\(\.\./images/([\w.-]+\.png)\)")
# As an author names a paper where no link is written yet
ARXIV = re.compile(r"(?<!\[)\barXiv\s(\d{4}\.\d{4,5})\b")
DOI = re.compile(r"(?<!\[)\bdoi\s(10\.\d{4,9}/[^\s,;)]*[^\s,;.)])")
Hints = Mapping[str, tuple[str, ...]]
INTRODUCTION = """\
# Glossary

Every term that the lessons use: its Simplified Chinese name, its symbol, its shape where it is a
tensor, and the lesson that defines it. In shapes `B` counts the images of a batch, `Z` latents,
`C` channels, `H` and `W` rows and columns of pixels; `(...)` is any shape, `()` a single number.

"""


def student_notebook(lesson: Lesson, hints: Hints) -> NotebookNode:
    """The notebook that a student opens; `hints` has each exercise's hints by its full name."""
    ids = dict(zip(lesson.cells, cell_ids(lesson), strict=True))
    cells = [cell for cell in lesson.cells if cell.for_students]
    may_raise = open_cells(cells)
    made = []
    for at, cell in enumerate(cells):
        following = cells[at + 1].exercise if at + 1 < len(cells) else None
        folded = fold(hints[following]) if following else ""
        source = (cell.stubbed if cell.exercise else cell.source) + folded
        node = new_cell(cell, source, ids[cell])
        if at in may_raise:
            node.metadata.tags = sorted({*node.metadata.get("tags", ()), "raises-exception"})
        if cell.exercise or cell.check:
            node.metadata.nbgrader = nbgrader_fields(cell, ids[cell])
        made.append(node)
    return new_notebook(cells=made, metadata=METADATA)


def solution_notebook(lesson: Lesson) -> NotebookNode:
    """The complete lesson, not executed yet."""
    pairs = zip(lesson.cells, cell_ids(lesson), strict=True)
    cells = [new_cell(cell, cell.solved, cell_id) for cell, cell_id in pairs]
    return new_notebook(cells=cells, metadata=METADATA)


def new_cell(cell: Cell, source: str, cell_id: str) -> NotebookNode:
    new = new_code_cell if cell.kind == "code" else new_markdown_cell
    if cell.kind == "markdown":
        # A page that JupyterLab has just opened has its cells, but no heading to jump to yet.
        source = LINK.sub(lambda link: f"cell-id={anchor(link[0])}", source)
        source = ARXIV.sub(r"[arXiv \1](https://arxiv.org/abs/\1)", source)
        source = DOI.sub(r"[doi \1](https://doi.org/\1)", source)
    node = new(source=source, id=cell_id)
    tags = {*cell.tags, *(["nbval-check-output"] if cell.check else [])}
    carried = {"exercise": cell.exercise, "check": cell.check, "tags": sorted(tags)}
    node.metadata.update({key: value for key, value in carried.items() if value})
    if "folded" in cell.tags:
        node.metadata.jupyter = {"source_hidden": True}  # JupyterLab shows a bar to unfold it
    return node


def with_pictures(notebook: NotebookNode, root: Path) -> NotebookNode:
    """The notebook with the pictures that its text shows inside it.

    A lesson names them `../images/05_vae.png`, where GitHub finds them, and a solution keeps the
    name; JupyterLab, whose folder is `notebooks/`, may not look outside it. Raises
    FileNotFoundError for a picture that is not there.
    """
    for cell in notebook.cells:
        names = PICTURE.findall(cell.source) if cell.cell_type == "markdown" else []
        for name in names:
            encoded = base64.b64encode((root / "images" / name).read_bytes()).decode()
            cell.setdefault("attachments", {})[name] = {"image/png": encoded}
        if names:
            cell.source = PICTURE.sub(r"](attachment:\1)", cell.source)
    return notebook


def cell_ids(lesson: Lesson) -> list[str]:
    """An id for each cell, from its content alone; equal cells are numbered."""
    ids: list[str] = []
    for cell in lesson.cells:
        wanted = cell_id(cell)
        twins = sum(known == wanted or known.startswith(f"{wanted}_") for known in ids)
        ids.append(f"{wanted}_{twins + 1}" if twins else wanted)
    return ids


def cell_id(cell: Cell) -> str:
    """`exercise-vae-train_step`, `check-vae-train_step`, or a digest of kind and source."""
    if cell.exercise or cell.check:
        kind = "exercise" if cell.exercise else "check"
        return f"{kind}-{cell.exercise or cell.check}".replace(".", "-")[:64]
    return hashlib.sha256(f"{cell.kind}\n{cell.source}".encode()).hexdigest()[:12]


def nbgrader_fields(cell: Cell, cell_id: str) -> dict:
    """nbgrader's cell metadata, schema 3: the exercise is the answer, the check its one point."""
    graded = cell.check is not None
    points = {"points": 1} if graded else {}
    return {
        "schema_version": 3,
        "grade_id": cell_id,
        "cell_type": "code",
        "grade": graded,
        "solution": not graded,
        "locked": graded,
        "task": False,
        **points,
    }


def fold(hints: tuple[str, ...]) -> str:
    """Hints that unfold one at a time with no kernel: each folded inside the one before.

    No blank line inside: behind one, Markdown would take over and read `_` and `*` its own way.
    """
    inner = ""
    for number in range(len(hints), 0, -1):
        text = html.escape(" ".join(hints[number - 1].split())).replace("$", "&#36;")
        summary = f"<summary>Hint {number} of {len(hints)}</summary>"
        inner = f"<details>{summary}\n<p>{text}</p>\n{inner}</details>\n"
    return f"\n\n{inner.rstrip()}" if inner else ""


def glossary_notebook(
    terms: Sequence[Term], chinese: Mapping[str, str] | None = None
) -> NotebookNode:
    """The page: an introduction with the alphabet, then a cell for each term.

    `chinese` has what terms mean in Chinese, by their English names.
    """
    chinese = chinese or {}
    letters: dict[str, str] = {}
    for term in terms:
        letters.setdefault(term.anchor[0], term.anchor)
    alphabet = (f"[{letter}]({PAGE}#cell-id={first})" for letter, first in letters.items())
    cells = [new_markdown_cell(INTRODUCTION + " · ".join(alphabet), id="glossary")]
    cells += [
        new_markdown_cell(entry(term, chinese.get(term.english, "")), id=term.anchor)
        for term in terms
    ]
    return new_notebook(cells=cells, metadata=METADATA)


def entry(term: Term, chinese: str = "") -> str:
    """A term's heading, a line of facts, and its meaning, in English and, if known, in Chinese."""
    facts = [
        term.chinese,
        f"${term.symbol}$" if term.symbol else "",
        f"`{term.shape}`" if term.shape else "",
        f"[{term.lesson}]({term.lesson}.ipynb)",
    ]
    meanings = "\n\n".join(filter(None, (term.meaning, chinese)))
    return f"### {term.english}\n\n{' · '.join(filter(None, facts))}\n\n{meanings}"


def text_of(notebook: NotebookNode) -> str:
    """The notebook's file content."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook, version=4) + "\n"


def read_notebook(path: Path) -> NotebookNode | None:
    """The stored notebook, or None where there is none that can be read."""
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError):
        return None
