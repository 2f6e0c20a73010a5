"""What holds a child in: its own view of the files, no network, no rights, and limits.

Everything here is a system call of Linux; where the kernel or another system does not grant one,
what is then not enforced is said in a sentence, and the rest still holds.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

NEW_MOUNTS, NEW_HOSTNAME, NEW_IPC = 0x00020000, 0x04000000, 0x08000000
NEW_USER, NEW_PROCESSES, NEW_NETWORK = 0x10000000, 0x20000000, 0x40000000
READ_ONLY, NO_SETUID, NO_DEVICES, BIND, RECURSIVE = 1, 2, 4, 4096, 16384
PRIVATE, DETACH, AT_RECURSIVE = 1 << 18, 2, 0x8000
NO_NEW_PRIVILEGES, DEATH_SIGNAL, SUBREAPER = 38, 1, 36
NUMBERS = {"x86_64": (155, 126), "aarch64": (41, 91)}  # of pivot_root and capset
MOUNT_SETATTR = 442
NOBODY, OWN = 65534, 0x70000000
DEVICES = ("null", "zero", "full", "random", "urandom")
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/fonts")
FILES = ("/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf")

SAID = {
    "files": "submissions can read every file that all users of this machine may read, as there "
    "is no mount namespace",
    "network": "submissions can reach the network, as there is no network namespace",
    "processes": "a process that hides from its parent may outlive its submission, as there is no "
    "process namespace",
    "rights": "submissions run with your own user's rights: run the grader as root, or where the "
    "kernel lets users make namespaces",
    "memory": "memory is not limited on this system",
}


def libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def called(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def unshare(flags: int) -> None:
    called(libc().unshare(flags))


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    texts = (source.encode(), target.encode(), kind and kind.encode())
    called(libc().mount(*texts, ctypes.c_ulong(flags), data.encode() or None))


class Fences:
    """What this process and its children are held by; `lacking` names what is not to be had."""

    def __init__(self) -> None:
        self.lacking: set[str] = set()
        self.root = os.geteuid() == 0
        self.mounts = self.user = False

    def sentences(self) -> list[str]:
        return [SAID[name] for name in SAID if name in self.lacking]

    def leave_the_rest(self) -> None:
        """Give the process its own mounts and network; before any thread is started."""
        if sys.platform != "linux":
            self.lacking |= {"files", "network", "processes", "memory"}
            self.lacking |= set() if self.root else {"rights"}
            return
        spare_others_when_memory_ends()
        if not self.root:
            self.user = self.granted(become_root_of_nothing)
            self.lacking |= set() if self.user else {"rights"}
        self.mounts = self.granted(lambda: unshare(NEW_MOUNTS), "files")
        self.granted(lambda: unshare(NEW_NETWORK), "network")
        self.granted(lambda: unshare(NEW_IPC | NEW_HOSTNAME))
        if not in_a_copy(lambda: unshare(NEW_PROCESSES)):
            self.lacking.add("processes")

    def adopt_orphans(self) -> None:
        """Where processes have no namespace: be the parent of what outlives its keeper."""
        if sys.platform == "linux" and "processes" in self.lacking:
            libc().prctl(SUBREAPER, 1, 0, 0, 0)

    def granted(self, ask: Callable[[], None], name: str = "") -> bool:
        try:
            ask()
        except (OSError, AttributeError):
            self.lacking |= {name} - {""}
            return False
        return True

    def narrow(self, shown: Sequence[Path], hidden: Sequence[Path]) -> None:
        """Leave nothing of the file system but `shown`, read-only, and of that not `hidden`."""
        if self.mounts and not self.granted(lambda: enter_view(shown, hidden), "files"):
            self.mounts = False

    def hide(self, folder: Path) -> None:
        """An empty folder in its place."""
        if self.mounts:
            cover(str(folder))

    def own_processes(self) -> None:
        """Called in a keeper: its children see no other process, and an empty /tmp."""
        wanted = NEW_PROCESSES | (NEW_MOUNTS | NEW_IPC if self.mounts else 0)
        if sys.platform == "linux":
            libc().prctl(SUBREAPER, 1, 0, 0, 0)
            self.granted(lambda: unshare(wanted))
        if self.mounts:
            mount("none", "/tmp", "tmpfs", NO_SETUID | NO_DEVICES, "size=64m,mode=1777")
            mount("none", "/dev/shm", "tmpfs", NO_SETUID | NO_DEVICES, "size=64m,mode=1777")

    def give_up_rights(self, user: int) -> None:
        """Become nobody, for good. `user` is a number that nobody else has."""
        if self.root:
            os.setgroups([])
            for number in (user, NOBODY):
                try:
                    os.setresgid(number, number, number)
                    os.setresuid(number, number, number)
                    break
                except OSError:
                    continue
            if 0 in os.getresuid():
                raise PermissionError("the child could not give up its rights")
        if sys.platform == "linux":
            libc().prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
            libc().prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
            drop_capabilities()


def limit(memory: int, seconds: int, processes: int, size: int) -> None:
    """The limits of one process: bytes of memory beyond what it has, processor seconds, …"""
    wanted = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: size,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_NPROC: processes,
    }
    if memory:
        wanted[resource.RLIMIT_AS] = memory
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def in_a_copy(ask: Callable[[], None]) -> bool:
    """Whether it is granted, without having it here."""
    copy = os.fork()
    if copy == 0:
        try:
            ask()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(copy, 0)[1] == 0


def spare_others_when_memory_ends() -> None:
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        return


def become_root_of_nothing() -> None:
    """A user namespace: all rights in it, and outside it those that one had."""
    user, group = os.getuid(), os.getgid()
    unshare(NEW_USER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(text)


def drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    number = NUMBERS.get(platform.machine(), (0, 0))[1]
    if number:
        libc().syscall(number, header, (ctypes.c_uint32 * 6)())


def enter_view(shown: Sequence[Path], hidden: Sequence[Path]) -> None:
    """A new root that holds `shown`, each in its place, and empty folders for `hidden`."""
    mount("none", "/", None, PRIVATE | RECURSIVE)
    top = "/sys"  # nothing of what is shown lies there
    mount("none", top, "tmpfs", NO_SETUID, "size=4m,mode=755")
    for path in SYSTEM:
        show(top, Path(path))
    for folder in sorted({*shown, *hidden}, key=lambda path: len(path.parts)):
        if folder in shown:
            show(top, folder)
        elif Path(top + str(folder)).is_dir():
            cover(top + str(folder))
    for path in FILES:
        show(top, Path(path))
    for folder in ("/tmp", "/dev/shm", "/proc", "/sys"):
        Path(top + folder).mkdir(parents=True, exist_ok=True)
    for name in DEVICES:
        show(top, Path("/dev") / name, READ_ONLY | NO_SETUID)
    mount("none", top + "/tmp", "tmpfs", NO_SETUID | NO_DEVICES, "size=64m,mode=1777")
    os.chdir(top)
    called(libc().syscall(NUMBERS[platform.machine()][0], b".", b"."))
    called(libc().umount2(b".", DETACH))
    os.chdir("/")
    mount("none", "/", None, 32 | BIND | READ_ONLY | NO_SETUID)


def show(top: str, path: Path, flags: int = READ_ONLY | NO_SETUID | NO_DEVICES) -> None:
    """The path in its place under `top`, read-only; a link as the link that it is."""
    target = Path(top + str(path))
    if path.is_symlink() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(os.readlink(path))
    elif path.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif path.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    if not path.is_symlink() and path.exists():
        mount(str(path), str(target), None, BIND | RECURSIVE)
        make_read_only(str(target), flags)


def make_read_only(target: str, flags: int) -> None:
    """With all mounts under it where the kernel (5.12) can do that at once."""
    attributes = (ctypes.c_uint64 * 4)(flags, 0, 0, 0)
    number, size = (MOUNT_SETATTR, ctypes.c_long(-100)), ctypes.c_size_t(32)
    if libc().syscall(*number, target.encode(), AT_RECURSIVE, attributes, size) != 0:
        mount("none", target, None, 32 | BIND | flags)


def cover(folder: str) -> None:
    mount("none", folder, "tmpfs", NO_SETUID | NO_DEVICES, "size=64k,mode=555")
