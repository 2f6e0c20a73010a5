"""The library behind the course's lessons."""

from course_lib.environment import replace_what_the_console_lacks

replace_what_the_console_lacks()
