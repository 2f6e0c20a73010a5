"""The glossary as it is authored: `lessons/glossary.toml`, and the links to it in lessons."""

from __future__ import annotations

import difflib
import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from .lesson import Lesson, LessonError, Problem

FILE = "lessons/glossary.toml"
CHINESE_FILE = "lessons/glossary_zh.toml"
PAGE = "glossary.ipynb"
TABLE = re.compile(r"\s*\[\[term\]\]\s*(#.*)?")
# A name is a heading and, in ASCII, a cell's id, so it has no markup.
NAME = re.compile(r"[^\W_](?:[^\W_]|[ '’–-])*")
LINK = re.compile(r"(?<=glossary\.ipynb#)[^\s)>\"]*")
MAY_BE_EMPTY = {"symbol", "shape"}


@dataclass(frozen=True)
class Term:
    """One entry as it is authored; `symbol` is LaTeX, `lesson` a stem such as `05_vae`."""

    english: str
    chinese: str
    symbol: str
    shape: str
    lesson: str
    meaning: str

    @property
    def anchor(self) -> str:
        """The id of the term's cell on the page."""
        return anchor(self.english)


def anchor(name: str) -> str:
    """A name, or what a link has behind `#`, as a cell's id: ASCII, with hyphens for spaces.

    >>> anchor("evidence lower bound"), anchor("Jensen–Shannon-divergence"), anchor("β-VAE")
    ('Evidence-lower-bound', 'Jensen-Shannon-divergence', 'Beta-VAE')
    """
    spelled = (
        unicodedata.name(letter).split()[-1].lower() if "α" <= letter <= "ω" else letter
        for letter in name.replace("–", "-").replace(" ", "-")
    )
    plain = unicodedata.normalize("NFKD", "".join(spelled)).encode("ascii", "ignore").decode()
    plain = plain.replace("'", "")
    return plain[:1].upper() + plain[1:]


def read_glossary(root: Path) -> list[Term]:
    """The terms in alphabetical order; none where the file does not exist.

    Raises LessonError with every mistake, each by the line of its `[[term]]` and its name.
    """
    path = root / FILE
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise LessonError([Problem(FILE, int(line[1]) if line else 1, str(error))]) from None
    entries = content.get("term")
    lines = [number for number, row in enumerate(text.split("\n"), 1) if TABLE.fullmatch(row)]
    if set(content) != {"term"} or len(lines) != len(entries):
        raise LessonError([Problem(FILE, 1, "the file is a list of tables, each below [[term]]")])
    lessons = {path.stem for path in (root / "lessons").glob("*.py")}
    found = list(mistakes(entries, lines, lessons))
    if found:
        raise LessonError(Problem(FILE, line, said) for line, said in found)
    return sorted((Term(**entry) for entry in entries), key=lambda term: term.anchor.lower())


def read_chinese(root: Path, terms: Sequence[Term]) -> dict[str, str]:
    """What terms mean in Chinese, by English name; one that is not there yet has no entry.

    Raises LessonError for meanings of what is no term, and for what is no line of text.
    """
    path = root / CHINESE_FILE
    if not path.exists():
        return {}
    try:
        meanings = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise LessonError([Problem(CHINESE_FILE, 1, str(error))]) from None
    names = {term.english for term in terms}
    wrong = [f"{FILE} has no term {name}" for name in meanings if name not in names]
    for name, meaning in meanings.items():
        if not isinstance(meaning, str) or not meaning.strip() or "\n" in meaning:
            wrong.append(f"{name} must be one line of text; got {meaning!r}")
    if wrong:
        raise LessonError(Problem(CHINESE_FILE, 1, said) for said in wrong)
    return meanings


def mistakes(
    entries: Sequence[dict], lines: Sequence[int], lessons: Collection[str]
) -> Iterator[tuple[int, str]]:
    """Every (line, message) of what is wrong with the entries."""
    seen: dict[str, int] = {}
    for entry, line in zip(entries, lines, strict=True):
        name = entry.get("english") or "a term without its english name"
        for said in wrong_fields(entry):
            yield line, f"{name}: {said}"
        if not isinstance(name, str) or "english" not in entry:
            continue
        if not NAME.fullmatch(name):
            yield line, f"{name}: a name has letters, digits, spaces, hyphens and apostrophes"
        if entry.get("lesson") and entry["lesson"] not in lessons:
            known = ", ".join(sorted(lessons))
            yield line, f"{name}: no lesson {entry['lesson']}; there are {known}"
        key = anchor(name).lower()
        if key in seen:
            yield line, f"{name}: a second time; the first is at line {seen[key]}"
        seen.setdefault(key, line)


def wrong_fields(entry: dict) -> Iterator[str]:
    """What is missing, unknown, empty, or no single line of text."""
    names = [field.name for field in fields(Term)]
    for name in names:
        value = entry.get(name)
        if name not in entry:
            yield f"the field {name} is missing"
        elif not isinstance(value, str) or "\n" in value or value != value.strip():
            yield f"{name} must be one line of text; got {value!r}"
        elif not value and name not in MAY_BE_EMPTY:
            yield f"{name} is empty"
        elif name == "symbol" and "$" in value:
            yield f"write the symbol without its dollars; got {value!r}"
    for name in entry:
        if name not in names:
            yield f"there is no field {name}; a term has {', '.join(names)}"


def wrong_links(lesson: Lesson, terms: Sequence[Term]) -> Iterator[Problem]:
    """The links of a lesson's prose to terms that the glossary does not have."""
    anchors = [term.anchor for term in terms]
    for line, target in links(lesson):
        if anchor(target) not in anchors:
            near = difflib.get_close_matches(anchor(target), anchors, n=1)
            hint = f"; did you mean #{near[0]}?" if near else ""
            yield Problem(lesson.file, line, f"{FILE} has no term for {PAGE}#{target}{hint}")


def links(lesson: Lesson, *, for_students: bool = False) -> Iterator[tuple[int, str]]:
    """Each (line, target) that the prose links to, or only the prose that students get."""
    for cell in lesson.cells:
        if cell.kind == "markdown" and (cell.for_students or not for_students):
            for line, text in enumerate(cell.source.split("\n"), cell.line + 1):
                yield from ((line, target) for target in LINK.findall(text))
