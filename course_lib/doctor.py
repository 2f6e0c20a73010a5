"""`course doctor`: is this machine ready for the course, and if not, what to do about it.

One line a topic: `ok`, `note` (worth knowing, nothing to repair) or `FIX` with the remedy. The
doctor has to work where everything else is broken, so this module imports nothing beyond the
standard library, every check imports what it needs inside itself, and PyTorch is tried in another
process.
"""

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

from course_lib import environment

OLDEST_PYTHON = (3, 11)
OLDEST_MACOS = 14
LEAST_MEMORY = 4e9  # bytes free
LEAST_DISK = 2e9
PROBE_SECONDS = 300  # a first import of PyTorch from a slow disk takes minutes
REINSTALL = "run `make setup`, which installs the versions in requirements.lock"
ELSEWHERE = "work on another machine, or in a container or virtual machine with Linux"

PROBE = """
import json, torch, torchvision
cuda = torch.cuda.is_available()
print(json.dumps({
    "torch": torch.__version__,
    "torchvision": torchvision.__version__,
    "cuda_build": torch.version.cuda,
    "gpu": torch.cuda.get_device_name(0) if cuda else None,
    "gpu_bytes": torch.cuda.get_device_properties(0).total_memory if cuda else 0,
    "mps": torch.backends.mps.is_available(),
}))
"""


class Finding(NamedTuple):
    """What was found: `status` is "ok", "note" or "FIX"; `remedy` is "" where none is due.

    >>> print(Finding("disk", "FIX", "1.0 GB free", "free 2 GB"))
    FIX   disk    1.0 GB free. To do: free 2 GB
    """

    topic: str
    status: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.status:5} {self.topic:7} {self.message}"
        return f"{line}. To do: {self.remedy}" if self.remedy else line


def main() -> int:
    """Print what `diagnose` finds, one line each; return 1 if anything must be fixed, else 0."""
    findings = diagnose()
    for finding in findings:
        print(finding)
    return int(any(finding.status == "FIX" for finding in findings))


def diagnose() -> list[Finding]:
    """Look at Python, PyTorch, device, memory, disk, data, kernel and scale. Never raises."""
    probe = probe_torch()
    checks: dict[str, Callable[[], Finding]] = {
        "python": check_python,
        "torch": lambda: check_torch(probe),
        "device": lambda: check_device(probe),
        "memory": check_memory,
        "disk": check_disk,
        "data": check_data,
        "kernel": check_kernel,
        "scale": lambda: check_scale(probe),
    }
    return [_survive(topic, check) for topic, check in checks.items()]


def _survive(topic: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # a broken package may raise anything, and the other lines matter
        return Finding(topic, "FIX", f"could not be examined: {_one_line(error)}", REINSTALL)


def check_python() -> Finding:
    version = platform.python_version()
    where = f"Python {version} in {sys.prefix}"
    if tuple(sys.version_info[:2]) >= OLDEST_PYTHON:
        return Finding("python", "ok", where)
    oldest = ".".join(map(str, OLDEST_PYTHON))
    remedy = f"install Python {oldest} or later, delete .venv and run `make setup`"
    return Finding("python", "FIX", f"{where} is too old", remedy)


def probe_torch() -> dict:
    """Import torch and torchvision in another process: their versions and GPU, or an "error"."""
    command = [sys.executable, "-c", PROBE]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"error": _one_line(error)}
    if ran.returncode == 0:
        return json.loads(ran.stdout.splitlines()[-1])
    lines = ran.stderr.strip().splitlines()
    return {"error": lines[-1] if lines else f"the interpreter died with {ran.returncode}"}


def check_torch(probe: dict) -> Finding:
    """Does the pair import, and is the installed torch one that torchvision asks for?"""
    if "error" in probe and (reason := unsupported_platform()):
        return Finding("torch", "FIX", f"PyTorch is not there for {reason}", ELSEWHERE)
    if "No module named" in probe.get("error", ""):
        return Finding("torch", "FIX", probe["error"], REINSTALL)
    torch, torchvision = map(importlib.metadata.version, ("torch", "torchvision"))
    pair = f"torch {torch} with torchvision {torchvision}"
    together = f"{REINSTALL}; by hand, install torch and torchvision in one command"
    if wanted := _unmet_torch_requirement(torch):
        return Finding("torch", "FIX", f"{pair}, which asks for {wanted}", together)
    if "error" in probe:
        return Finding("torch", "FIX", f"{pair} do not import: {probe['error']}", together)
    return Finding("torch", "ok", pair)


def unsupported_platform() -> str:
    """The platform's name where requirements.lock has no PyTorch for it, else ""."""
    system, machine = platform.system(), platform.machine().lower()
    if system == "Darwin" and machine == "x86_64":  # or an Intel Python on another Mac
        return "Macs with Intel processors"
    if system == "Darwin" and int(platform.mac_ver()[0].split(".")[0] or 0) < OLDEST_MACOS:
        return f"macOS before {OLDEST_MACOS}"
    return "Windows on Arm" if system == "Windows" and machine in ("arm64", "aarch64") else ""


def _unmet_torch_requirement(torch_version: str) -> str:
    from packaging.requirements import Requirement

    for line in importlib.metadata.requires("torchvision") or []:
        wanted = Requirement(line)
        fits = wanted.specifier.contains(torch_version, prereleases=True)
        if wanted.name == "torch" and wanted.marker is None and not fits:
            return str(wanted)
    return ""


def check_device(probe: dict) -> Finding:
    if "error" in probe:
        return Finding("device", "note", "not known until torch imports")
    if probe["gpu"]:
        return Finding("device", "ok", f"cuda: {probe['gpu']}, {_size(probe['gpu_bytes'])}")
    if probe.get("mps"):
        message = "mps: Apple's GPU, in float32; the lessons run at laptop scale"
        return Finding("device", "ok", message)
    cores = environment.usable_cpus()
    message = f"cpu with {cores} cores, no CUDA: the lessons run at laptop scale"
    if shutil.which("nvidia-smi") and not probe["cuda_build"]:
        return Finding("device", "note", message, "for the NVIDIA GPU, install torch's CUDA build")
    return Finding("device", "note", f"{message}, which is fine")


def check_memory() -> Finding:
    import psutil

    free = min(psutil.virtual_memory().available, environment.memory_left())
    if free >= LEAST_MEMORY:
        return Finding("memory", "ok", f"{_size(free)} free")
    remedy = "close other programs and other notebooks' kernels, or take a larger machine"
    return Finding("memory", "FIX", f"{_size(free)} free, {_size(LEAST_MEMORY)} needed", remedy)


def check_disk() -> Finding:
    from course_lib.data.files import data_folder

    folder = data_folder().absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free >= LEAST_DISK:
        return Finding("disk", "ok", f"{_size(free)} free")
    message = f"{_size(free)} free at {folder}, {_size(LEAST_DISK)} needed"
    return Finding("disk", "FIX", message, "free some space, or move the course to another disk")


def check_data() -> Finding:
    """Read every data file and compare its checksum; name all that are missing or damaged."""
    from course_lib.data import files

    try:
        listed = files.checksums()
    except files.DataError as error:
        message = f"{files.CHECKSUMS} is missing or damaged: {_one_line(error)}"
        return Finding("data", "FIX", message, files.remedy(files.CHECKSUMS))
    total, bad = 0, []
    for file in files.FILES:
        try:
            total += len(files.read_verified(file)[0])
        except files.MissingData:
            bad.append((file, "missing"))
        except files.DataError:
            bad.append((file, "damaged"))
    if bad:
        message = ", ".join(f"{file} is {state}" for file, state in bad)
        return Finding("data", "FIX", message, " ".join(files.remedy(f) for f, _ in bad))
    message = f"{len(files.FILES)} files, {_size(total)}, in {files.data_folder()}"
    if set(files.FILES) <= set(listed):
        return Finding("data", "ok", f"{message}, all as shipped")
    return Finding("data", "note", f"{message} (COURSE_DATA), not all listed in sha256sums.txt")


def check_kernel() -> Finding:
    """Is Jupyter's kernel "python3", which every notebook asks for, this very environment?"""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    install = f"run `{sys.executable} -m ipykernel install --sys-prefix --name python3`"
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Finding("kernel", "FIX", "Jupyter knows no kernel python3", install)
    program = spec.argv[0]
    # jupyter_client starts its own interpreter where the kernel says no more than "python"
    own = {"python", "python3", f"python3.{sys.version_info[1]}"}
    if program in own or _same_interpreter(shutil.which(program) or program, sys.executable):
        return Finding("kernel", "ok", f"python3 is {sys.executable}")
    message = f"python3 in {spec.resource_dir} starts {program}, not {sys.executable}"
    return Finding("kernel", "FIX", message, f"delete that folder, then {install}")


def _same_interpreter(one: str, other: str) -> bool:
    """Same file in the same folder: the pythons of two virtual environments link to one file."""
    one, other = os.path.abspath(one), os.path.abspath(other)
    folders = os.path.realpath(os.path.dirname(one)), os.path.realpath(os.path.dirname(other))
    return folders[0] == folders[1] and os.path.realpath(one) == os.path.realpath(other)


def check_scale(probe: dict) -> Finding:
    if "error" in probe:
        return Finding("scale", "note", "not known until torch imports")
    from course_lib.training import course_scale

    try:
        scale = course_scale()
    except ValueError as error:
        return Finding("scale", "FIX", str(error), "set COURSE_SCALE to one of them, or unset it")
    why = "by COURSE_SCALE" if os.environ.get("COURSE_SCALE") else "by the device"
    return Finding("scale", "ok", f"{scale}, {why}")


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
