"""For notebooks begun before `course_lib.explorers`: lesson 02 imports its explorer from here."""

from course_lib.explorers import ellipse_explorer

__all__ = ["ellipse_explorer"]
