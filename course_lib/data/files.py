"""The shipped data files: where they lie, and whether they are still what was shipped.

Nothing here needs PyTorch, so that `course doctor` can look at the data when PyTorch is broken.
Nothing here writes.
"""

import hashlib
import os
from pathlib import Path

CHECKSUMS = "sha256sums.txt"
IDX_FILES = {
    ("train", "images"): "train-images-idx3-ubyte.gz",
    ("train", "labels"): "train-labels-idx1-ubyte.gz",
    ("test", "images"): "t10k-images-idx3-ubyte.gz",
    ("test", "labels"): "t10k-labels-idx1-ubyte.gz",
}
# xz packs the images by 6.4 MB smaller than the published gzip, which is read as well.
SHIPPED_FILES = IDX_FILES | {
    ("train", "images"): "train-images-idx3-ubyte.xz",
    ("test", "images"): "t10k-images-idx3-ubyte.xz",
}
DATASETS = {"mnist": SHIPPED_FILES, "fashion-mnist": SHIPPED_FILES}
EMOJI_FILES = {
    "table": "emoji/emoji.csv",
    "noto": "emoji/noto.webp",
    "twemoji": "emoji/twemoji.webp",
}
# Weights of the networks that metrics are computed with, and what was measured of them.
FEATURE_FILES = {
    "mnist": "features/mnist.safetensors",
    "fashion_mnist": "features/fashion_mnist.safetensors",
    "emoji": "features/emoji.safetensors",
}
FEATURE_RECORD = "features/features.json"
FILES = (
    *(f"{dataset}/{name}" for dataset, names in DATASETS.items() for name in names.values()),
    *EMOJI_FILES.values(),
    *FEATURE_FILES.values(),
    FEATURE_RECORD,
)


class DataError(RuntimeError):
    """A data file is missing, damaged or not of the format that its name promises."""


class MissingData(DataError):
    """A data file is not there or cannot be read."""


class DamagedData(DataError):
    """A data file's bytes are not those that were shipped."""


class MalformedData(DataError):
    """A data file's content does not have the structure or shape that was expected."""


def data_folder() -> Path:
    """The folder with the data: COURSE_DATA where it is set, else `data/` beside `course_lib`."""
    chosen = os.environ.get("COURSE_DATA")
    return Path(chosen).expanduser() if chosen else Path(__file__).resolve().parents[2] / "data"


def idx_file(dataset: str, split: str, kind: str) -> str:
    """Where a split's "images" or "labels" lie: as shipped, or as published where only that is.

    >>> idx_file("fashion-mnist", "train", "images")
    'fashion-mnist/train-images-idx3-ubyte.xz'
    """
    shipped = f"{dataset}/{DATASETS[dataset][split, kind]}"
    published = f"{dataset}/{IDX_FILES[split, kind]}"
    only_published = not (data_folder() / shipped).exists() and (data_folder() / published).exists()
    return published if only_published else shipped


def remedy(relative: str) -> str:
    """How to mend the file `relative`, for the end of an error's sentence."""
    if os.environ.get("COURSE_DATA"):
        return (
            f"Copy {relative} from the course's own data/ folder to {data_folder()}, "
            "or unset COURSE_DATA to use that folder."
        )
    return f"Restore it with `git checkout -- data/{relative}`, or copy it from a fresh clone."


def malformed(relative: str, expected: str, got: str) -> MalformedData:
    """The error, to be raised, for a file whose bytes were read but do not make sense."""
    path = data_folder() / relative
    return MalformedData(f"{path}: expected {expected}; got {got}. {remedy(relative)}")


def checksums() -> dict[str, str]:
    """SHA-256 in hexadecimal of each file that `sha256sums.txt` lists, by path in the data folder.

    A folder of your own (COURSE_DATA) may have no such list: then the result is empty and only the
    structure of its files is checked. In the course's folder a missing list is MissingData.

    >>> len(checksums()["mnist/train-images-idx3-ubyte.xz"])
    64
    """
    path = data_folder() / CHECKSUMS
    if os.environ.get("COURSE_DATA") and not path.exists():
        return {}
    lines = _read(CHECKSUMS).decode("utf-8", errors="replace").splitlines()
    pairs = [line.split(maxsplit=1) for line in lines if line.strip()]
    if any(len(pair) != 2 or len(pair[0]) != 64 for pair in pairs):
        raise malformed(CHECKSUMS, "lines of 64 hexadecimal digits and a file name", "another line")
    return {name.strip().lstrip("*"): digest.lower() for digest, name in pairs}


def read_verified(relative: str) -> tuple[bytes, str]:
    """Read the file `relative` (to the data folder): its bytes and their SHA-256.

    Raises MissingData if it cannot be read, and DamagedData if it is listed in `sha256sums.txt`
    with another checksum: truncated by an interrupted copy, say, or changed by a tool.

    >>> content, digest = read_verified("emoji/emoji.csv")
    >>> content[:16].decode(), digest[:8]
    ('index,codepoints', 'd4e657bc')
    """
    expected = checksums().get(relative)
    if expected is None and not os.environ.get("COURSE_DATA"):
        raise malformed(CHECKSUMS, f"a line for {relative}", "none")
    content = _read(relative)
    digest = hashlib.sha256(content).hexdigest()
    if expected not in (None, digest):
        raise DamagedData(
            f"{data_folder() / relative} is not the file that was shipped: expected SHA-256 "
            f"{expected}, got {digest} ({len(content):,} bytes). {remedy(relative)}"
        )
    return content, digest


def _read(relative: str) -> bytes:
    path = data_folder() / relative
    try:
        return path.read_bytes()
    except OSError as error:
        reason = "it is not there" if isinstance(error, FileNotFoundError) else error.strerror
        raise MissingData(
            f"{path}: expected a file of data, but {reason}. {remedy(relative)}"
        ) from error
