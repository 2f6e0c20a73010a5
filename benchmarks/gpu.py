"""A GPU in one sitting: `make gpu`, or `python -m benchmarks.gpu --out FOLDER`.

One command, at most eight minutes on one H100 or H200. It needs torch, torchvision, einops and
matplotlib (torchmetrics, pytest, pythae and Lightning are used where they are); no network, no
Jupyter. Each step is a process with its own time limit, and what it found is on the disk as soon as
it is there: NAME.json, NAME.md and NAME.log, and in gpu.md the table of all steps so far. A step
that fails or runs out of time does not stop the others. On a CPU at `smoke` scale
(`COURSE_SCALE=smoke`) the same steps take seconds.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import timing
from course_lib.training import course_scale, pick_device

ROOT = Path(__file__).parents[1]
MINUTES = 8
LESSONS = ("05*_vae", "06*_better_vaes", "09*_first_gan")  # each in one file or in two
CUDA_TESTS = [f"tests/test_{name}.py" for name in ("fast", "history", "data")]
STARTING = 15  # seconds that a process may need before it works, kept free at the end


@dataclass(frozen=True)
class Step:
    """One process: what it runs, its time limit in seconds, and why it may have to be left out."""

    name: str
    question: str
    arguments: list[str]  # for python, from the repository's root
    limit: float
    missing: Callable[[], str] = lambda: ""  # the reason, or ""
    environment: dict[str, str] = field(default_factory=dict)


def no_pytest() -> str:
    return "" if importlib.util.find_spec("pytest") else "pytest is not installed"


def lesson_stems() -> list[str]:
    """Those that are run, in order, whether a lesson is one sitting or two."""
    folder = ROOT / "lessons"
    return [path.stem for pattern in LESSONS for path in sorted(folder.glob(f"{pattern}.py"))]


def planned(scale: str, out: Path, lessons: list[str] | None = None) -> list[Step]:
    """The steps of a sitting at a scale, in the order in which they are worth having."""
    smoke, to = scale == "smoke", ["--out", str(out)]
    ours = ["ours, fast", "ours, off=True", "ours, float32"]  # compiling takes a minute
    speed = ["--steps", "200", "--seconds", "15", "--threads", "0", "--only", *ours]
    if smoke:
        speed = ["--steps", "1", "--rounds", "1", "--cases", "VAE", "--only", ours[0]]
    roofline = ["--cases", "VAE", "--tries", "2", "--steps", "5"] if smoke else []
    iwae = ["--seconds", "100"]
    if smoke:
        iwae = ["--seconds", "0.2", "--updates-at-once", "1", "--draws", "20", "--images", "50"]
    # The project's own filters of warnings name a class of nbgrader's.
    options = ["-m", "cuda", "-v", "-rs", "-o", "filterwarnings="]
    steps = [
        Step(
            "cuda_tests",
            "do the tests hold that need a GPU?",
            ["-m", "pytest", *options, *CUDA_TESTS[1 if smoke else 0 :]],
            60,
            no_pytest,
            {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        ),
        Step(
            "speed",
            "how long does a step take, beside the peers' loops?",
            ["-m", "benchmarks.speed", *to, *speed],
            110,
        ),
        Step(
            "roofline",
            "how near is that to what the device can do?",
            ["-m", "benchmarks.roofline", *to, *roofline],
            50,
        ),
        Step("iwae", "the first table of Burda et al.", ["-m", "benchmarks.iwae", *to, *iwae], 170),
    ]
    for stem in lesson_stems() if lessons is None else lessons:
        there = {"COURSE_FIGURES": str(out / stem), "MPLBACKEND": "agg"}
        run = ["-m", "benchmarks.gpu_lesson", stem]
        limit = 6 if smoke else 240
        steps.append(Step(stem, f"lesson {stem} at {scale} scale", run, limit, environment=there))
    return steps


def run(step: Step, out: Path, limit: float) -> dict:
    """Run one step and record it: status, seconds, and the end of what it printed."""
    record = {"step": step.name, "question": step.question, "limit_s": round(limit)}
    if reason := step.missing():
        return record | {"status": "left out", "reason": reason, "seconds": 0.0}
    log, begin = out / f"{step.name}.log", time.monotonic()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "COURSE_STATIC": "1", **step.environment}
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, *step.arguments],
            **{"cwd": ROOT, "env": environment, "stdout": file, "stderr": subprocess.STDOUT},
            start_new_session=True,  # so that its own children can be ended with it
        )
        try:
            status = "failed" if process.wait(limit) else "done"
        except subprocess.TimeoutExpired:
            status = "out of time"
        finally:
            end(process)
    tail = log.read_text(errors="replace")[-3000:]
    return record | {"status": status, "seconds": time.monotonic() - begin, "printed": tail}


def end(process: subprocess.Popen) -> None:
    """End the process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def keep(out: Path, records: list[dict], where: dict) -> None:
    """Write the newest record as NAME.json (a step's own has its result) and gpu.json, gpu.md."""
    record = records[-1]
    own = out / f"{record['step']}.json"
    if not own.exists():
        own.write_text(json.dumps(record | {"conditions": where}, indent=1))
        text = (
            f"## {record['question']}\n\n{row(record)}\n\n```\n{record.get('printed', '')}\n```\n"
        )
        (out / f"{record['step']}.md").write_text(f"{text}\n{timing.describe(where)}\n")
    (out / "gpu.json").write_text(json.dumps({"conditions": where, "steps": records}, indent=1))
    lines = ["| step | question | status | seconds | limit |", "| --- | --- | --- | --- | --- |"]
    table = "\n".join([*lines, *map(row, records)])
    (out / "gpu.md").write_text(f"{table}\n\n{timing.describe(where)}\n")


def row(record: dict) -> str:
    reason = f": {record['reason']}" if "reason" in record else ""
    return (
        f"| {record['step']} | {record['question']} | {record['status']}{reason} | "
        f"{record['seconds']:.0f} | {record['limit_s']} |"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run all steps within the minutes; 1 where one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "gpu")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all steps together")
    parser.add_argument("--lessons", nargs="*", help="these, in the place of 05, 06 and 09")
    asked = parser.parse_args(arguments)
    out = asked.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    begin, records, scale = time.monotonic(), [], course_scale()
    where = timing.conditions(pick_device(), "wall", scale=scale)
    for step in planned(scale, out, asked.lessons):
        (out / f"{step.name}.json").unlink(missing_ok=True)  # of an earlier sitting
        left = 60 * asked.minutes - (time.monotonic() - begin)
        if left < STARTING:
            none = {"status": "left out", "reason": "no time is left", "seconds": 0.0}
            records.append({"step": step.name, "question": step.question, "limit_s": 0} | none)
        else:
            records.append(run(step, out, min(step.limit, left)))
        keep(out, records, where)
        print(row(records[-1]), flush=True)
    return int(any(record["status"] == "failed" for record in records))


if __name__ == "__main__":
    raise SystemExit(main())
