"""`course release`: one zip that a class unpacks, without solutions, with the same environment."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell

from .build import ROOT, BuildError

FOLDER = "image-generation-course"
FILES = (
    *("Makefile", "pyproject.toml", "requirements.lock", "environment.yml", "README.md"),
    *("CITATION.cff", "LICENSE", "LICENSE-text"),
)
FOLDERS = ("course_lib", "data", "images")
LEFT_OUT = {"__pycache__", "cifar-10"}  # the latter is fetched by who wants it
GLOSSARY = "glossary"
DATE = (2026, 1, 1, 0, 0, 0)  # the same files make the same zip
COLAB = """\
# Fetches the course where it is not at hand, as on Colab; elsewhere this cell does nothing.
try:
    import course_lib
except ModuleNotFoundError:
    import os
    import subprocess
    import sys

    if not os.path.isdir("{folder}"):
        subprocess.run(["git", "clone", "-q", "--depth=1", "{url}", "{folder}"], check=True)
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "./{folder}"], check=True)
    sys.path.insert(0, os.path.abspath("{folder}"))
"""


def release(
    out: Path, root: Path = ROOT, only: Sequence[str] = (), repository: str = ""
) -> list[str]:
    """Write the zip; the names in it. `repository` gives each notebook a first cell for Colab."""
    notebooks = chosen(root, only)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [*notebook_files(notebooks, repository), *other_files(root)]:
            info = zipfile.ZipInfo(f"{FOLDER}/{name}", DATE)
            info.external_attr = 0o644 << 16
            packed = name.startswith(("data/", "images/"))  # already, by themselves
            info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
        return archive.namelist()


def chosen(root: Path, only: Sequence[str]) -> list[Path]:
    """The student notebooks that are wanted, and the glossary, which they link to."""
    found = {path.stem: path for path in sorted((root / "notebooks").glob("*.ipynb"))}
    wanted = [Path(name).stem for name in only] or [stem for stem in found if stem != GLOSSARY]
    missing = [stem for stem in [*wanted, GLOSSARY] if stem not in found]
    if missing:
        raise BuildError(f"notebooks/ has no {', '.join(missing)}: run `course build`")
    return [found[stem] for stem in [*wanted, GLOSSARY]]


def notebook_files(paths: Sequence[Path], repository: str) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        content = path.read_bytes()
        if repository and path.stem != GLOSSARY:
            notebook = nbformat.reads(content.decode(), as_version=4)
            notebook.cells.insert(0, new_code_cell(colab_cell(repository), id="fetch-the-course"))
            content = (nbformat.writes(notebook) + "\n").encode()
        yield f"notebooks/{path.name}", content


def colab_cell(repository: str) -> str:
    """The code that fetches the course from a Git address."""
    if any(sign in repository for sign in "\"'\\\n"):
        raise BuildError(f"this is no Git address: {repository}")
    return COLAB.format(url=repository, folder=FOLDER)


def other_files(root: Path) -> Iterator[tuple[str, bytes]]:
    for name in FILES:
        yield name, (root / name).read_bytes()
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not LEFT_OUT & set(path.parts):
                yield path.relative_to(root).as_posix(), path.read_bytes()
