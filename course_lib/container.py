"""What a container allows: its limits do not show in the machine's own numbers.

PyTorch on a server of 64 cores starts 64 threads, also in a container that may keep two of them
busy, and every one of its sums then waits for threads that the container does not let run.
"""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")  # where Linux keeps a container's limits (version 2 of cgroups)


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
