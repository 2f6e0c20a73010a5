"""The autograder: `check` an answer, ask for a `hint`, look at your `progress`."""

from course_lib.environment import in_notebook

from .declare import Case, Exercise, Misconception, exercise, make_cases, names
from .judging import Verdict, judge, run
from .observing import Observation, from_json, observe, to_json
from .report import CheckFailed, check, hint, progress, show_unwritten_calmly

__all__ = [
    "Case",
    "CheckFailed",
    "Exercise",
    "Misconception",
    "Observation",
    "Verdict",
    "check",
    "exercise",
    "from_json",
    "hint",
    "judge",
    "make_cases",
    "names",
    "observe",
    "progress",
    "run",
    "to_json",
]

if in_notebook():
    from IPython import get_ipython

    show_unwritten_calmly(get_ipython())
