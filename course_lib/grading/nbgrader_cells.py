"""For nbgrader's own walk: a copied cell costs its copy, not the batch."""

from __future__ import annotations

from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor


class DropCopies(NbGraderPreprocessor):
    """In the place of nbgrader's `DeduplicateIds`: of cells with one id, the last one keeps it.

    That one leaves an empty field on the others, which its next step takes for an old version and
    stops the whole batch at. Here the field goes.
    """

    def preprocess(self, notebook: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        seen: set[str] = set()
        for cell in reversed(notebook.cells):
            marked = cell.metadata.get("nbgrader")
            known = isinstance(marked, dict) and marked.get("grade_id")
            if marked is not None and (not known or known in seen):
                self.log.warning("A copy of the cell '%s' is not graded", known)
                del cell.metadata["nbgrader"]
            elif known:
                seen.add(known)
        return notebook, resources
