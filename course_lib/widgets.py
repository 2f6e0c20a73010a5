"""The explorers by the name that lessons import them from: see `course_lib.explorers`."""

from course_lib import explorers
from course_lib.explorers import *  # noqa: F403

__all__ = explorers.__all__
