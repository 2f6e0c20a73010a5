"""Model cards, data cards, and the licences of the course's own data."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

# Mitchell and others (2019), Model Cards for Model Reporting, figure 1
MODEL_SECTIONS = (
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
)
# Gebru and others (2021), Datasheets for Datasets, section 3
DATA_SECTIONS = (
    "Motivation",
    "Composition",
    "Collection process",
    "Preprocessing, cleaning, labeling",
    "Uses",
    "Distribution",
    "Maintenance",
)
README = Path(__file__).parents[1] / "data" / "README.md"
PLACEHOLDER = re.compile(r"\b(TODO|TBD|FIXME|XXX|lorem ipsum)\b|^\W*$", re.IGNORECASE)


def card(title: str, sections: Mapping[str, str], required: Sequence[str]) -> str:
    """A card in Markdown: the title, then each required section in its order, then any other.

    Raises ValueError that names every required section which is missing, empty or a placeholder:
    «not measured» and «not known» are answers, an empty line is none.

    >>> print(card("A net", {"Use": "Teaching.", "Data": "Not known."}, ("Data", "Use")))
    # A net
    <BLANKLINE>
    ## Data
    Not known.
    <BLANKLINE>
    ## Use
    Teaching.
    <BLANKLINE>
    """
    if lacking := unfilled(sections, required):
        raise ValueError(f"the card lacks: {', '.join(lacking)}")
    ordered = [*required, *(name for name in sections if name not in required)]
    parts = [f"# {title}", *(f"## {name}\n{sections[name].strip()}" for name in ordered)]
    return "\n\n".join(parts) + "\n"


def unfilled(sections: Mapping[str, str], required: Sequence[str]) -> list[str]:
    """Required sections that are missing, empty, or hold a placeholder.

    >>> unfilled({"Use": "…", "Data": "TODO"}, ("Use", "Data", "Metrics"))
    ['Use', 'Data', 'Metrics']
    """
    return [name for name in required if PLACEHOLDER.search(sections.get(name, "").strip())]


def sections_of(markdown: str) -> dict[str, str]:
    """The text below each `## heading` of a card.

    >>> sections_of(card("A net", {"Use": "Teaching."}, ("Use",)))
    {'Use': 'Teaching.'}
    """
    parts = re.split(r"^## +(.+?) *$", markdown, flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


class Source(NamedTuple):
    """A row of the table in data/README.md."""

    folder: str
    what: str
    source: str
    licence: str


def data_licences() -> dict[str, Source]:
    """The shipped data sets by their folder's name, with source and licence, from data/README.md.

    It is the course's own table, wherever COURSE_DATA points.

    >>> data_licences()["mnist"].licence
    'CC BY-SA 3.0'
    """
    text = README.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)/` \| (.+?) \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    return {row[0]: Source(*row) for row in rows}
