"""A script on several processes of this machine, which talk by gloo over the loopback."""

import ast
import itertools
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

SECONDS = 120
UNWRITTEN = r"^(?:\[rank\d+\]: )?NotImplementedError:? ?(\S*)"
# For a part of the price, where only the exchange matters: one interpreter imports what the script
# does (and what DistributedDataParallel imports later), and forks.
FORKS = """
import os, sys
if "torch" in sys.modules: import torch._dynamo
rank = next((r for r in range(1, int(os.environ["WORLD_SIZE"])) if os.fork() == 0), 0)
os.environ["RANK"] = str(rank)
"""


def run_on_processes(script: str, count: int, folder: Path, by_torchrun: bool = True) -> None:
    """Run a Python script in `folder` in `count` processes, each of which knows its rank.

    by_torchrun: False forks one process, which costs less and watches over nothing; a system
    without fork takes torchrun. Raises NotImplementedError where the script does, and RuntimeError
    with the end of its messages where it fails otherwise.
    """
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    threads = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": loopback}
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1"]
    launcher = [*torchrun, f"--nproc-per-node={count}"]
    if not by_torchrun and hasattr(os, "fork"):
        launcher, script = [], forking(script)
        team = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        threads |= team | {"WORLD_SIZE": str(count)}
    file = folder / "train.py"
    file.write_text(script, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, *launcher, str(file)],
        **{"cwd": folder, "env": {**os.environ, **threads}, "timeout": SECONDS},
        **{"capture_output": True, "text": True},
    )
    if unwritten := re.search(UNWRITTEN, ran.stderr, re.MULTILINE):
        raise NotImplementedError(unwritten[1])
    if ran.returncode:
        raise RuntimeError(f"the script failed:\n{ran.stderr[-2000:]}")


def forking(script: str) -> str:
    """The script, made to fork behind the imports that it begins with.

    >>> print(forking("import os\\nprint(1)").replace(FORKS, " # here\\n"))
    import os # here
    print(1)
    """
    statements, lines = ast.parse(script).body, script.split("\n")
    leading = itertools.takewhile(lambda s: isinstance(s, ast.Import | ast.ImportFrom), statements)
    end = max((statement.end_lineno for statement in leading), default=0)
    return "\n".join(lines[:end]) + FORKS + "\n".join(lines[end:])


def free_port() -> int:
    """A port of the loopback that nobody uses now.

    >>> 0 < free_port() < 65536
    True
    """
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
