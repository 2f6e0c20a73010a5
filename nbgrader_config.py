"""Copy this file into the folder of your nbgrader course: its settings for our notebooks."""

import os
import sys

c = get_config()  # noqa: F821 - nbgrader provides it

c.CourseDirectory.course_id = "image-generation"
# The stubs are in place. nbgrader would replace the whole of a cell in which it finds no mark.
c.ClearSolutions.enabled = False
# A copied cell must not stop the batch; a deleted check comes back.
c.Autograde.sanitize_preprocessors = [
    "nbgrader.preprocessors.ClearOutput",
    "course_lib.grading.nbgrader_cells.DropCopies",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.OverwriteCells.add_missing_cells = True
# Seconds a cell, at smoke scale; an endless loop costs them once for each cell that has one.
c.Execute.timeout = 60
c.Execute.interrupt_on_timeout = True

# What the notebooks run under: the smallest scale, and nobody's own progress file.
os.environ.setdefault("COURSE_SCALE", "smoke")
os.environ.setdefault("COURSE_STATIC", "1")
os.environ["COURSE_HOME"] = os.path.abspath(".progress")
# nbgrader calls `alembic` by its name, which is there where the environment is not active, too.
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
