"""`course doctor`: each thing that can be wrong is made wrong, and must be found and named."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from course_lib import doctor, environment
from course_lib.data import files as data_files

SHIPPED = Path(data_files.__file__).parents[2] / "data"
CPU = {"torch": "2.15.0", "torchvision": "0.29.2", "cuda_build": None, "gpu": None, "gpu_bytes": 0}
TOPICS = ["python", "torch", "device", "memory", "disk", "data", "kernel", "scale"]


@pytest.fixture(autouse=True)
def shipped_data(monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.delenv("COURSE_SCALE", raising=False)


# --- the whole -----------------------------------------------------------------------------------


def test_a_healthy_environment_has_nothing_to_fix(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "LEAST_MEMORY", 0)  # the machine of the tests may be a small one
    monkeypatch.setattr(doctor, "LEAST_DISK", 0)
    assert doctor.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == TOPICS
    assert {line.split()[0] for line in lines} <= {"ok", "note"}


def test_anything_to_fix_makes_main_return_1_and_prints_one_line_each(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "probe_torch", lambda: CPU)
    monkeypatch.setattr(doctor, "LEAST_DISK", float("inf"))
    assert doctor.main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == TOPICS
    (disk,) = [line for line in lines if line.startswith("FIX")]
    assert "disk" in disk and "To do: free some space" in disk


def test_a_check_that_breaks_is_a_finding_and_the_others_still_run(monkeypatch):
    monkeypatch.setattr(doctor, "probe_torch", lambda: CPU)
    monkeypatch.setitem(sys.modules, "psutil", None)  # as if it were not installed
    monkeypatch.setitem(sys.modules, "jupyter_client.kernelspec", None)
    findings = {finding.topic: finding for finding in doctor.diagnose()}
    assert list(findings) == TOPICS
    for topic in ("memory", "kernel"):
        assert findings[topic].status == "FIX" and "make setup" in findings[topic].remedy
    assert findings["data"].status == "ok"


def test_the_doctor_works_where_torch_does_not_import(tmp_path):
    """With a package `torch` that raises, in a process of its own."""
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so.13: cannot open')\n")
    code = "from course_lib import doctor; raise SystemExit(doctor.main())"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{SHIPPED.parent}"}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert ran.returncode == 1 and ran.stderr == ""
    assert "libcudart.so.13: cannot open" in ran.stdout
    assert "ok    data" in ran.stdout and "ok    kernel" in ran.stdout


# --- Python and torch ----------------------------------------------------------------------------


def test_an_old_python(monkeypatch):
    assert doctor.check_python().status == "ok"
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))
    finding = doctor.check_python()
    assert finding.status == "FIX" and "Python 99.0" in finding.remedy


def test_the_probe_imports_the_real_pair():
    probe = doctor.probe_torch()
    assert probe["torch"].startswith(importlib.metadata.version("torch").split("+")[0])
    assert doctor.check_torch(probe).status == "ok"


def test_a_torchvision_whose_operators_torch_does_not_have(tmp_path, monkeypatch):
    """The famous failure, raised where it is raised: by `import torchvision`."""
    failure = "raise RuntimeError('operator torchvision::nms does not exist')\n"
    (tmp_path / "torchvision.py").write_text(failure)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    probe = doctor.probe_torch()
    assert probe == {"error": "RuntimeError: operator torchvision::nms does not exist"}
    finding = doctor.check_torch(probe)
    assert finding.status == "FIX" and "torchvision::nms" in finding.message
    assert "in one command" in finding.remedy
    assert doctor.check_device(probe).status == doctor.check_scale(probe).status == "note"


@pytest.mark.parametrize(
    ("torch", "requires", "status"),
    [
        ("2.10.0", ["numpy", "torch==2.11.0"], "FIX"),
        ("2.10.0", ["torch (>=2.14.0)"], "FIX"),
        ("2.11.0", ["torch==2.11.0"], "ok"),
        ("2.11.0+cu130", ["torch==2.11.0"], "ok"),
        ("2.12.0.dev1", ["torch>=2.11"], "ok"),
        ("2.11.0", None, "ok"),
        ("2.11.0", ["torch<1; extra == 'old'"], "ok"),
    ],
)
def test_the_pair_by_its_metadata(monkeypatch, torch, requires, status):
    versions = {"torch": torch, "torchvision": "0.26.0"}
    monkeypatch.setattr(importlib.metadata, "version", versions.get)
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: requires)
    finding = doctor.check_torch(CPU)
    assert finding.status == status
    if status == "FIX":
        assert torch in finding.message and "asks for torch" in finding.message


@pytest.mark.parametrize(
    ("file", "named"),
    [("torch", "No module named 'elsewhere'"), ("torchvision", "No module named 'elsewhere'")],
)
def test_a_package_that_is_not_there(tmp_path, monkeypatch, file, named):
    (tmp_path / f"{file}.py").write_text("import elsewhere\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = doctor.check_torch(doctor.probe_torch())
    assert finding.status == "FIX" and named in finding.message
    assert "make setup" in finding.remedy


def test_an_import_that_kills_the_interpreter_or_never_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "torch.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGILL)\n")
    assert "died with -4" in doctor.check_torch(doctor.probe_torch()).message
    (tmp_path / "torch.py").write_text("import time; time.sleep(60)\n")
    monkeypatch.setattr(doctor, "PROBE_SECONDS", 0.5)
    assert "TimeoutExpired" in doctor.check_torch(doctor.probe_torch()).message


# --- device, memory, disk ------------------------------------------------------------------------


def test_no_cuda_is_fine_and_a_gpu_is_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    finding = doctor.check_device(CPU)
    assert finding.status == "note" and "laptop scale, which is fine" in finding.message
    finding = doctor.check_device({**CPU, "gpu": "H100", "gpu_bytes": 80e9})
    assert finding == ("device", "ok", "cuda: H100, 80.0 GB", "")


def test_apples_gpu_is_named():
    finding = doctor.check_device({**CPU, "mps": True})
    assert finding.status == "ok" and finding.message.startswith("mps: Apple's GPU, in float32")


@pytest.mark.parametrize(
    ("system", "machine", "macos", "named"),
    [
        ("Darwin", "x86_64", "14.2", "Macs with Intel processors"),
        ("Darwin", "arm64", "13.6.1", "macOS before 14"),
        ("Darwin", "arm64", "14.0", ""),
        ("Windows", "ARM64", "", "Windows on Arm"),
        ("Windows", "AMD64", "", ""),
        ("Linux", "aarch64", "", ""),
        ("Linux", "x86_64", "", ""),
    ],
)
def test_a_platform_without_pytorch_is_named(monkeypatch, system, machine, macos, named):
    monkeypatch.setattr(doctor.platform, "system", lambda: system)
    monkeypatch.setattr(doctor.platform, "machine", lambda: machine)
    monkeypatch.setattr(doctor.platform, "mac_ver", lambda: (macos, ("", "", ""), machine))
    assert doctor.unsupported_platform() == named
    missing = doctor.check_torch({"error": "No module named 'torch'"})
    if named:
        assert named in missing.message and "another machine" in missing.remedy
        assert doctor.check_torch(CPU).status == "ok"  # whoever built it there may use it
    else:
        assert "make setup" in missing.remedy


def test_an_nvidia_gpu_with_a_torch_that_cannot_use_it(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    finding = doctor.check_device(CPU)
    assert finding.status == "note" and "CUDA build" in finding.remedy


def test_too_little_memory(monkeypatch, tmp_path):
    import psutil

    Memory = namedtuple("Memory", "available")
    monkeypatch.setattr(environment, "CGROUP", tmp_path)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(4.1e9))
    assert doctor.check_memory().status == "ok"
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(3.9e9))
    finding = doctor.check_memory()
    assert finding.status == "FIX" and "3.9 GB free, 4.0 GB needed" in finding.message


def test_a_containers_limit_counts(monkeypatch, tmp_path):
    import psutil

    monkeypatch.setattr(environment, "CGROUP", tmp_path)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: namedtuple("M", "available")(64e9))
    (tmp_path / "memory.current").write_text("3000000000\n")
    (tmp_path / "memory.stat").write_text("anon 2000000000\ninactive_file 1000000000\n")
    for limit, free, status in (
        ("max", "64.0", "ok"),
        ("9000000000", "7.0", "ok"),
        ("4000000000", "2.0", "FIX"),
    ):
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        finding = doctor.check_memory()
        assert finding.status == status and f"{free} GB free" in finding.message


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("5000 100000", 1),
        ("1600000 100000", 8),
        (None, 8),
    ],
)
def test_a_containers_quota_of_processors_counts(monkeypatch, tmp_path, quota, cpus):
    monkeypatch.setattr(environment, "CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    if quota:
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert environment.usable_cpus() == cpus
    assert f"cpu with {cpus} cores" in doctor.check_device(CPU).message


def test_too_little_disk_even_where_the_data_folder_is_not_there_yet(monkeypatch, tmp_path):
    Usage = namedtuple("Usage", "free")
    asked = []
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "not" / "yet"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or Usage(1.9e9))
    finding = doctor.check_disk()
    assert finding.status == "FIX" and "1.9 GB free" in finding.message
    assert asked == [tmp_path]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2.1e9))
    assert doctor.check_disk().status == "ok"


# --- data ----------------------------------------------------------------------------------------


@pytest.fixture
def copied_folder(tmp_path, monkeypatch):
    shutil.copytree(SHIPPED, tmp_path / "data", ignore=shutil.ignore_patterns("cifar-10"))
    monkeypatch.setattr(data_files, "data_folder", lambda: tmp_path / "data")
    return tmp_path / "data"


def test_every_missing_or_damaged_file_is_named(copied_folder):
    assert doctor.check_data().status == "ok"
    (copied_folder / "emoji/noto.webp").unlink()
    labels = copied_folder / "mnist/train-labels-idx1-ubyte.gz"
    labels.write_bytes(labels.read_bytes()[:-1])
    finding = doctor.check_data()
    assert finding.status == "FIX"
    assert finding.message == (
        "mnist/train-labels-idx1-ubyte.gz is damaged, emoji/noto.webp is missing"
    )
    for file in ("mnist/train-labels-idx1-ubyte.gz", "emoji/noto.webp"):
        assert f"git checkout -- data/{file}" in finding.remedy


def test_a_missing_list_of_checksums(copied_folder, monkeypatch):
    (copied_folder / data_files.CHECKSUMS).unlink()
    finding = doctor.check_data()
    assert finding.status == "FIX" and "sha256sums.txt is missing" in finding.message
    assert "git checkout -- data/sha256sums.txt" in finding.remedy
    monkeypatch.setenv("COURSE_DATA", str(copied_folder))  # a reader's own folder may have none
    assert doctor.check_data().status == "note"


# --- kernel and scale ----------------------------------------------------------------------------


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Install a kernel python3 that starts `argv`, in front of this environment's own."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))

    def install(*argv):
        folder = tmp_path / "kernels" / "python3"
        folder.mkdir(parents=True, exist_ok=True)
        spec = {"argv": [*argv, "-m", "ipykernel_launcher"], "display_name": "Python 3"}
        (folder / "kernel.json").write_text(json.dumps(spec))
        return folder

    return install


def test_this_environments_kernel_is_fine_however_it_is_written(kernel):
    own = Path(sys.executable)
    assert doctor.check_kernel().status == "ok"
    for program in ("python", "python3", sys.executable, own.parent / ".." / "bin" / own.name):
        kernel(str(program))
        assert doctor.check_kernel().status == "ok", program


def test_another_environments_kernel_is_found_even_where_both_link_to_one_python(kernel, tmp_path):
    other = tmp_path / "other" / "bin" / "python"
    other.parent.mkdir(parents=True)
    other.symlink_to(sys.executable)
    for program in (str(other), "/nowhere/bin/python"):
        folder = kernel(program)
        finding = doctor.check_kernel()
        assert finding.status == "FIX"
        assert program in finding.message and str(folder) in finding.message
        assert f"{sys.executable} -m ipykernel install --sys-prefix" in finding.remedy


def test_no_kernel_at_all(monkeypatch):
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    def refuse(self, name):
        raise NoSuchKernel(name)

    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", refuse)
    finding = doctor.check_kernel()
    assert finding.status == "FIX" and "no kernel python3" in finding.message
    assert "ipykernel install" in finding.remedy


def test_the_scale_and_who_chose_it(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "smoke")
    assert doctor.check_scale(CPU).message == "smoke, by COURSE_SCALE"
    monkeypatch.setenv("COURSE_SCALE", "huge")
    finding = doctor.check_scale(CPU)
    assert finding.status == "FIX" and "'huge'" in finding.message
    monkeypatch.delenv("COURSE_SCALE")
    assert doctor.check_scale(CPU).message.endswith("by the device")


def test_importing_the_doctor_imports_nothing_that_may_be_broken():
    code = "import sys; import course_lib.doctor; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in ran.stdout.split()}
    assert not loaded & {"torch", "torchvision", "numpy", "psutil", "jupyter_client", "PIL"}
