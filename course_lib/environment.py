"""Where this process runs: in a notebook or a script, watched or not, and what a container allows.

Nothing here needs PyTorch, so that `course doctor` can look when PyTorch is broken. A container's
limits do not show in the machine's own numbers:
PyTorch on a server of 64 cores starts 64 threads, also in a container that may keep two of them
busy, and every one of its sums then waits for threads that the container does not let run.
"""

import math
import os
import sys
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")  # where Linux keeps a container's limits (version 2 of cgroups)


def in_notebook() -> bool:
    """True in a Jupyter kernel, whoever its front end; False in a script or a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def is_static() -> bool:
    """True where nobody watches: no widgets, no progress bars, no live curves.

    So it is under COURSE_STATIC=1, under pytest and nbval (whose kernels inherit PYTEST_VERSION),
    and in a script, which has no Jupyter kernel.
    """
    asked = os.environ.get("COURSE_STATIC", "") not in ("", "0")
    return asked or "PYTEST_VERSION" in os.environ or not in_notebook()


def replace_what_the_console_lacks() -> None:
    """Print ? for a character that the console's encoding does not have.

    Else a check mark or a Greek letter ends a run of hours, where the output goes to a console or
    a file that is not UTF-8. Called once, when `course_lib` is first imported.
    """
    for stream in (sys.stdout, sys.stderr):
        encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "")
        if encoding != "utf8" and stream.errors == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def memory_left() -> float:
    """Bytes left under the limit; infinite without one."""
    try:
        limit = float((CGROUP / "memory.max").read_text())  # "max", without a limit: ValueError
        used = int((CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return math.inf
    return limit - used + int(stat.get("inactive_file", 0))  # file cache gives way when asked


def usable_cpus() -> int:
    """The processors that this process may keep busy at once, at least 1.

    Those that it may run on, and no more than the quota of processor time.

    >>> usable_cpus() >= 1
    True
    """
    bound_to = getattr(os, "sched_getaffinity", None)  # Linux has it
    allowed = len(bound_to(0)) if bound_to else os.cpu_count() or 1
    try:
        quota, period = (float(word) for word in (CGROUP / "cpu.max").read_text().split())
    except (OSError, ValueError):  # no such file; "max", without a quota
        return allowed
    return max(1, min(allowed, math.ceil(quota / period)))
