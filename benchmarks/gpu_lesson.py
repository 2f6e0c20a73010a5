"""A lesson's cells in order, without Jupyter: `python -m benchmarks.gpu_lesson 05_vae`.

What the cells print comes at once, so that a run which is stopped has told what it found; pictures
go to the folder COURSE_FIGURES. Checks are not run: they take processor time and are tested
elsewhere. A package that is not installed gets a stand-in, so that a set-up cell which imports it
goes through; a cell that needs it is named and passed over, and so is one that fails.
"""

import argparse
import functools
import importlib.machinery
import importlib.util
import re
import sys
import time
import traceback
import types
from pathlib import Path

LESSONS = Path(__file__).parents[1] / "lessons"
OPTIONAL = ("IPython", "anywidget", "filelock", "google", "ipywidgets", "platformdirs",
            "safetensors", "tensorboard", "tqdm", "traitlets")  # fmt: skip
WIDGETS = ("anywidget", "ipywidgets", "traitlets")  # their classes are made, and never shown here


class Absent(type):
    """The class of what stands in for a name of a package that is not there."""

    def __getattr__(cls, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __call__(cls, *args, **kwargs):
        if cls.package not in WIDGETS:
            raise ModuleNotFoundError(f"{cls.package} is not installed", name=cls.package)
        return cls


class StandIns(importlib.machinery.PathFinder):
    """Finds a package of OPTIONAL that nobody else finds, with all of its modules."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in OPTIONAL:
            return importlib.machinery.ModuleSpec(name, cls, is_package=True)
        return None

    @staticmethod
    def create_module(spec):
        package = spec.name.partition(".")[0]
        module = types.ModuleType(spec.name)
        module.__version__ = "99"  # torch.utils.tensorboard asks for 1.15 or above
        stand_in = Absent("stand_in", (), {"package": package})
        module.__getattr__ = functools.partial(_unless_special, stand_in)
        return module

    @staticmethod
    def exec_module(module) -> None:
        pass


def _unless_special(stand_in, name: str):
    """A module's `__file__` and the like are not stood in for."""
    if name.startswith("__"):
        raise AttributeError(name)
    return stand_in


def no_checks() -> types.ModuleType:
    """In the place of `course_lib.checks`: every function accepts everything."""
    module = types.ModuleType("course_lib.checks")
    module.__getattr__ = functools.partial(_unless_special, lambda *args, **kwargs: None)
    return module


def cells(source: str) -> list[tuple[int, str]]:
    """The code cells of a lesson with the lines where they begin, checks left out."""
    found, lines = [], source.split("\n")
    starts = [number for number, line in enumerate(lines) if line.startswith("# %%")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        if not re.match(r"# %% (\[markdown\]|check=)", lines[start]):
            found.append((start + 1, "\n".join(lines[start:end])))
    return found


def run(stem: str) -> tuple[int, list[str]]:
    """How many cells ran, and what became of the others."""
    path = LESSONS / f"{stem}.py"
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module  # where dataclasses and pickles look a lesson's names up
    passed, missed, begin = 0, [], time.perf_counter()
    for line, source in cells(path.read_text(encoding="utf-8")):
        try:
            exec(compile("\n" * (line - 1) + source, str(path), "exec"), module.__dict__)
            passed += 1
            print(f"[line {line}, {time.perf_counter() - begin:.0f} s]", flush=True)
        except Exception as error:
            missed.append(f"line {line}: {type(error).__name__}: {error}")
            traceback.print_exc(limit=-1, file=sys.stdout)
    return passed, missed


def main(arguments: list[str] | None = None) -> None:
    """Run a lesson; exit with 1 where a cell failed that misses neither package nor cell above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stem", help="05_vae")
    asked = parser.parse_args(arguments)
    sys.meta_path.append(StandIns)
    sys.modules["course_lib.checks"] = no_checks()
    passed, missed = run(asked.stem)
    print(f"{passed} cells ran", *missed, sep="\n", flush=True)
    absent = any("ModuleNotFoundError:" in line for line in missed)
    excused = ("ModuleNotFoundError:", "NameError:") if absent else ()
    raise SystemExit(not all(any(name in line for name in excused) for line in missed))


if __name__ == "__main__":
    main()
