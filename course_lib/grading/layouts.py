"""Whose file is which: the folders and names that learning platforms hand out."""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from .reading import LARGEST, Unreadable

MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_[a-z]+(_.*)?")
CANVAS = re.compile(r"(?P<name>[^_]+)(_LATE)?_(?P<id>\d+)_(?P<submission>\d+)_.+")
NOBODYS = re.compile(r"\..*|__MACOSX|Thumbs\.db|desktop\.ini|timestamp\.txt|__pycache__")
SUFFIXES = (".ipynb", ".json", ".txt")  # browsers save a notebook under each of them
MOST_MEMBERS = 20_000


@dataclass(frozen=True)
class Submission:
    """One file: whose, under which number a platform knows them, where it lies.

    `members` leads into an archive, and into one in it. `problem` says why it will not be opened.
    """

    student: str
    file: str
    path: Path
    members: tuple[str, ...] = ()
    number: str = ""
    problem: str = ""

    def content(self) -> bytes:
        """The file's bytes; Unreadable where there are none to be had."""
        if self.problem:
            raise Unreadable(self.problem)
        name = PurePosixPath(self.file)
        if name.suffix.lower() not in SUFFIXES:
            raise Unreadable(f"not a notebook: {name.name}")
        try:
            content = bounded(self.path)
            for member in self.members:
                content = extract(content, member)
        except OSError as error:
            raise Unreadable(f"the file cannot be opened: {error.strerror}") from None
        return content


def submissions(place: Path, skip: Path | None = None) -> list[Submission]:
    """Every file under a folder but `skip`, in a zip, or the one notebook; sorted by name."""
    if not place.exists():
        raise FileNotFoundError(f"there is nothing at {place}")
    if place.is_dir():
        files = Folder(place, skip and skip.resolve()).files()
    elif is_archive(place.name):
        try:  # the archive itself is nobody's: what is in it is read like a folder
            files = archived(place, bounded(place), (), PurePosixPath())
        except Unreadable as error:
            files = [missing(place, PurePosixPath(place.name), str(error))]
    else:
        student, number = whose(PurePosixPath(place.name))
        files = [Submission(student, place.name, place, number=number)]
    return sorted(files, key=lambda found: found.file)


@dataclass
class Folder:
    """A folder that is walked without following a link out of it."""

    root: Path
    skip: Path | None = None
    found: list[Submission] = field(default_factory=list)

    def files(self) -> list[Submission]:
        for folder, inside, names in os.walk(self.root):
            links = [name for name in inside if (Path(folder) / name).is_symlink()]
            inside[:] = [name for name in inside if not self.nobodys(Path(folder) / name)]
            for name in [*names, *links]:
                if not NOBODYS.fullmatch(name):
                    self.add(Path(folder) / name)
        return self.found

    def nobodys(self, folder: Path) -> bool:
        return bool(NOBODYS.fullmatch(folder.name)) or folder.resolve() == self.skip

    def add(self, path: Path) -> None:
        relative = PurePosixPath(path.relative_to(self.root).as_posix())
        mode = path.lstat().st_mode
        if is_archive(path.name) and stat.S_ISREG(mode):
            try:
                self.found += archived(path, bounded(path), (), relative)
                return
            except Unreadable as error:
                problem = str(error)
        elif not stat.S_ISREG(mode):
            problem = "a link is not followed" if stat.S_ISLNK(mode) else "not a file"
        else:
            problem = ""
        self.found.append(missing(path, relative, problem))


def archived(
    path: Path, content: bytes, members: tuple[str, ...], shown: PurePosixPath
) -> list[Submission]:
    """The files of an archive, and of archives in it."""
    found = []
    for name in names_in(content):
        inner = shown / name if str(shown) != "." else PurePosixPath(name)
        if is_archive(name) and not members:
            try:
                found += archived(path, extract(content, name), (name,), inner)
                continue
            except Unreadable as error:
                problem = str(error)
        else:
            problem = ""
        student, number = whose(inner)
        found.append(Submission(student, str(inner), path, (*members, name), number, problem))
    return found or [missing(path, shown, "the archive is empty")]


def missing(path: Path, shown: PurePosixPath, problem: str) -> Submission:
    student, number = whose(shown)
    return Submission(student, str(shown), path, (), number, problem)


def names_in(content: bytes) -> list[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise Unreadable("the archive is damaged") from None
    if len(names) > MOST_MEMBERS:
        raise Unreadable(f"the archive holds {len(names):,} files")
    parts = [(name, PurePosixPath(name).parts) for name in names]
    return [name for name, path in parts if not any(map(NOBODYS.fullmatch, path))]


def extract(content: bytes, member: str) -> bytes:
    """One member, read no further than a notebook may be long."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(member) as file:
            inside = file.read(LARGEST + 1)
    except (zipfile.BadZipFile, RuntimeError, ValueError, KeyError, EOFError, OSError) as error:
        locked = "password" in str(error) or "encrypted" in str(error)
        why = "is locked by a password" if locked else "is damaged"
        raise Unreadable(f"the archive {why}") from None
    except Exception:  # zlib's and lzma's own
        raise Unreadable("the archive is damaged") from None
    if len(inside) > LARGEST:
        raise Unreadable("the file in the archive is too large")
    return inside


def bounded(path: Path) -> bytes:
    """A file's bytes, one more than a file may have at most. Archives may hold a whole class."""
    with path.open("rb") as file:
        return file.read((20 if is_archive(path.name) else 1) * LARGEST + 1)


def is_archive(name: str) -> bool:
    return name.lower().endswith(".zip")


def whose(path: PurePosixPath) -> tuple[str, str]:
    """The student's name, and the number that Moodle or Canvas knows them by.

    >>> whose(PurePosixPath("Ada Lovelace_4711_assignsubmission_file/05_vae.ipynb"))
    ('Ada Lovelace', '4711')
    >>> whose(PurePosixPath("lovelaceada_LATE_815_9001_05_vae-1.ipynb"))
    ('lovelaceada', '815')
    >>> whose(PurePosixPath("submitted/ada/ps1/05_vae.ipynb"))
    ('ada', '')
    """
    for part in path.parts:
        for form in (MOODLE, CANVAS):
            if match := form.fullmatch(part):
                return match["name"], match["id"]
    parts = path.parts[1:] if path.parts[:1] == ("submitted",) else path.parts
    if len(parts) > 1:
        first = parts[0]
        return (first[:-4] if is_archive(first) else first), ""
    name = parts[0] if parts else str(path)
    return PurePosixPath(name).stem, ""
