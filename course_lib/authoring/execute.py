"""Run a complete lesson and store its outputs, and refuse outputs that must not be published."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from course_lib.describing import says_enough

from .lesson import Lesson
from .notebooks import METADATA, text_of

CELL_SECONDS = 1800
MAX_BYTES = 1_500_000  # of a notebook
MAX_PICTURES = 600_000  # characters of its pictures, or the repository outgrows its bound
ANSI = re.compile(r"\x1b\[[0-9;]*m")
EMBEDDED_IMAGE = re.compile(r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/=\s]+")


class ExecutionError(RuntimeError):
    """A lesson that does not run, or whose outputs must not be stored."""


def execute(lesson: Lesson, notebook: NotebookNode, folder: Path, scale: str) -> None:
    """Run the notebook in `folder` at that COURSE_SCALE and keep its outputs in it.

    Raises ExecutionError, which names the cell that failed.
    """
    # No folder of installed kernels: "python3" then is this environment's own kernel.
    specs = KernelSpecManager(kernel_dirs=[])
    started: list[int] = []
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs),
        timeout=CELL_SECONDS,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=lambda cell, cell_index: started.append(cell_index),
    )
    with tempfile.TemporaryDirectory() as scratch:
        # Neither the author's progress nor the author's IPython start-up files.
        private = {"COURSE_HOME": scratch, "IPYTHONDIR": scratch}
        settings = {"COURSE_SCALE": scale, "COURSE_STATIC": "1", **private}
        try:
            client.execute(env={**os.environ, **settings}, cleanup_kc=True)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            said = ANSI.sub("", str(error)).strip()
            raise ExecutionError(f"{place(lesson, started[-1])}: {said}") from None
    notebook.metadata = NotebookNode(METADATA)


def place(lesson: Lesson, at: int) -> str:
    return f"{lesson.file}:{lesson.cells[at].line} (cell {at + 1})"


def faults(lesson: Lesson, notebook: NotebookNode, root: Path) -> list[str]:
    """What must not be published in a complete notebook's outputs, cell by cell."""
    found = []
    for at, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", ()):
            found += [f"{place(lesson, at)}: {said}" for said in output_faults(output, root)]
    size = len(text_of(notebook).encode())
    if size > MAX_BYTES:
        largest = max(range(len(notebook.cells)), key=lambda at: len(str(notebook.cells[at])))
        said = f"{place(lesson, largest)} is the largest cell of {size / 1e6:.2f} MB"
        found.append(f"{said}: a notebook may have {MAX_BYTES / 1e6:g} MB")
    drawn = [sum(map(picture_size, cell.get("outputs", ()))) for cell in notebook.cells]
    if sum(drawn) > MAX_PICTURES:
        most = f"{place(lesson, drawn.index(max(drawn)))} draws the largest"
        said = f"{most} of {sum(drawn) / 1e6:.2f} MB of pictures"
        found.append(f"{said}: a notebook may have {MAX_PICTURES / 1e6:g} MB of them")
    return found


def picture_size(output: NotebookNode) -> int:
    data = output.get("data", {})
    return sum(len(data[kind]) for kind in data if kind.startswith("image/"))


def output_faults(output: NotebookNode, root: Path) -> Iterator[str]:
    if output.output_type == "error" or output.get("name") == "stderr":
        said = output.get("text") or f"{output.get('ename')}: {output.get('evalue')}"
        yield f"an error or a warning in the output: {said.strip()}"
    text = EMBEDDED_IMAGE.sub("", texts(output))
    for folder in machine_folders(root):
        if re.search(rf"{re.escape(str(folder))}(?![\w-])", text):
            yield f"a path of this machine in the output: {folder}"
    if address := re.search(r"\S+ at 0x[0-9a-f]{6,}", text):
        yield f"an object's address, another one in each run, in the output: {address[0]}"
    for told in re.findall(r"<figure: (.*)>", text):
        if not says_enough(told):
            said = "give it a title that says what it shows, or figure.set_label"
            yield f"a picture that is not told to who cannot see it, only «{told}»: {said}"


def texts(output: NotebookNode) -> str:
    """All text of an output, without its pictures."""
    data = output.get("data", {})
    kinds = [kind for kind in data if kind not in ("image/png", "image/jpeg")]
    return "\n".join(str(text) for text in (output.get("text", ""), *map(data.get, kinds)))


def machine_folders(root: Path) -> list[Path]:
    """Folders whose names tell of the machine; "/" as a home folder tells nothing."""
    folders = {Path.home(), root.resolve(), Path(sys.prefix), Path(tempfile.gettempdir())}
    return sorted(folder for folder in folders if len(folder.parts) > 1)
