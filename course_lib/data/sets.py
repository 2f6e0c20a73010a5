"""The course's data sets as tensors: MNIST, Fashion-MNIST, pairs of emoji, and CIFAR-10.

The first three are shipped in `data/`; CIFAR-10 is downloaded when you ask for it. Every loader
takes the split, the value range and the device, so that no rescaling hides in a lesson:

    images, labels = load_mnist("train", value_range=(-1.0, 1.0), device="cuda")

A loader checks each file against its SHA-256 on every call and raises `DataError` (of
`course_lib.data.files`) with the way to mend it. Decoded pixels are remembered within the process,
so only a first call takes time. What a loader returns is yours: writing into it changes nothing
for the next caller.
"""

import csv
import gzip
import io
import lzma
import math
import zlib
from collections import Counter
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course_lib.data.emoji_groups import emoji_group, group_split
from course_lib.data.files import (
    EMOJI_FILES,
    DamagedData,
    MissingData,
    data_folder,
    idx_file,
    malformed,
    read_verified,
)

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
EMOJI_COLUMNS = ("index", "codepoints", "name", "category", "subcategory")
SHEET_COLUMNS, EMOJI_SIZE = 44, 64

ValueRange = tuple[float, float] | None

_decoded: dict[tuple[str, str], Tensor] = {}  # by file and SHA-256: a changed file is read anew


def load_mnist(
    split: str = "train",
    value_range: ValueRange = (0.0, 1.0),
    device: torch.device | str = "cpu",
) -> tuple[Tensor, Tensor]:
    """Load MNIST: handwritten digits, 60,000 to train on and 10,000 to test on.

    Returns `images`, (N, 1, 28, 28), and `labels`, (N,), int64 in 0..9, both on `device`. Images
    are float32 with black (0) mapped to the low and white (255) to the high end of `value_range`,
    exactly at both ends; `value_range=None` gives the stored uint8.

    Raises ValueError for another split, a value_range that is not low < high, or a device that
    this machine does not have; DataError for a missing or damaged file.

    >>> images, labels = load_mnist("test", value_range=(-1.0, 1.0))
    >>> images.shape, labels.shape, labels[:4].tolist()
    (torch.Size([10000, 1, 28, 28]), torch.Size([10000]), [7, 2, 1, 0])
    >>> images.min().item(), images.max().item()
    (-1.0, 1.0)
    """
    return _load_idx("mnist", split, value_range, device)


def load_fashion_mnist(
    split: str = "train",
    value_range: ValueRange = (0.0, 1.0),
    device: torch.device | str = "cpu",
) -> tuple[Tensor, Tensor]:
    """Load Fashion-MNIST: articles of clothing, in every respect shaped like MNIST.

    Returns `images`, (N, 1, 28, 28), and `labels`, (N,), int64 that index `FASHION_CLASSES`.
    Arguments and errors are those of `load_mnist`.

    >>> images, labels = load_fashion_mnist("test", value_range=None)
    >>> images.shape, images.dtype, FASHION_CLASSES[labels[0]]
    (torch.Size([10000, 1, 28, 28]), torch.uint8, 'Ankle boot')
    """
    return _load_idx("fashion-mnist", split, value_range, device)


def load_emoji(
    split: str = "train",
    value_range: ValueRange = (0.0, 1.0),
    device: torch.device | str = "cpu",
) -> tuple[Tensor, Tensor]:
    """Load the emoji in two styles: `noto` and `twemoji`, each (N, 3, 64, 64), RGB on white.

    Both have the same order, that of `emoji_table(split)`: noto[i] and twemoji[i] are a true pair.
    Values, device and errors are those of `load_mnist`.

    The split follows what an emoji shows (`course_lib.data.emoji_groups`), so that near-copies
    never stand on both sides: man, woman and person running, left and right, are together; so are
    the phases of the moon, the hearts, the clock faces. Of the 1,911 pairs 1,604 are for training
    and 307 (16 %) for testing. All 270 flags are for training: they teach one lesson, wave against
    flat, and a test set of mostly flags would measure that one. The same holds for the other groups
    of more than thirty near-alike drawings: round faces, buttons, heads, plain shapes.

    >>> noto, twemoji = load_emoji("test")
    >>> noto.shape == twemoji.shape, noto.shape
    (True, torch.Size([307, 3, 64, 64]))
    """
    _check_arguments(split, value_range, device)
    indices = torch.tensor([row["index"] for row in emoji_table(split)])
    count = len(_emoji_rows())
    noto, twemoji = (
        _decode_once(EMOJI_FILES[style], lambda raw, file: _read_sheet(raw, file, count))[indices]
        for style in ("noto", "twemoji")
    )
    return _finish(noto, value_range, device), _finish(twemoji, value_range, device)


def emoji_table(split: str | None = None) -> list[dict]:
    """Name the emoji: a dict with index, codepoints, name, category, subcategory for each.

    In the order of the images of `load_emoji(split)`; None gives all 1,911. `index` (an integer)
    is the place in the sheets, the rest are strings.

    >>> emoji_table()[0]["name"], len(emoji_table("train")), len(emoji_table("test"))
    ('Hash Key', 1604, 307)
    """
    rows = _emoji_rows()
    if split is None:
        return rows
    _check_arguments(split)
    groups = [emoji_group(row["codepoints"], row["name"], row["subcategory"]) for row in rows]
    sizes = Counter(groups)
    sides = (group_split(group, sizes[group]) for group in groups)
    return [row for row, side in zip(rows, sides, strict=True) if side == split]


def load_cifar10(
    split: str = "train",
    value_range: ValueRange = (0.0, 1.0),
    device: torch.device | str = "cpu",
    download: bool = False,
) -> tuple[Tensor, Tensor]:
    """Load CIFAR-10 by torchvision: `images`, (N, 3, 32, 32), and `labels`, (N,), int64 in 0..9.

    The data set (170 MB) is not shipped. `download=True` fetches it into `cifar-10` in the data
    folder, once. Values, device and errors are those of `load_mnist`; DataError also where the
    files are not there and were not asked for, are not the published ones (by MD5), or cannot be
    fetched.

    >>> load_cifar10("validation")
    Traceback (most recent call last):
    ValueError: split must be "train" or "test"; got 'validation'
    """
    _check_arguments(split, value_range, device)
    # Here, not at the top: the shipped data need no torchvision.
    from torchvision.datasets import CIFAR10

    root = data_folder() / "cifar-10"
    try:
        dataset = CIFAR10(root, train=split == "train", download=download)
    except (RuntimeError, OSError) as error:
        there = (root / CIFAR10.base_folder).exists()
        found = "files that are incomplete or damaged" if there else "nothing"
        raise (DamagedData if there else MissingData)(
            f"{root}: expected the CIFAR-10 files as published; found {found} ({error}). "
            "Get them, with a network, by load_cifar10(download=True)"
            + (f", after deleting {root}." if there else ".")
        ) from error
    images = torch.from_numpy(dataset.data).permute(0, 3, 1, 2).contiguous()
    return _finish(images, value_range, device), torch.tensor(dataset.targets, device=device)


def _load_idx(
    dataset: str, split: str, value_range: ValueRange, device: torch.device | str
) -> tuple[Tensor, Tensor]:
    _check_arguments(split, value_range, device)
    image_file, label_file = (idx_file(dataset, split, kind) for kind in ("images", "labels"))
    images = _decode_once(image_file, lambda raw, file: _read_idx(raw, file, (28, 28)))
    labels = _decode_once(label_file, lambda raw, file: _read_idx(raw, file, ()))
    if len(images) != len(labels):
        raise malformed(label_file, f"{len(images):,} labels, one an image", f"{len(labels):,}")
    if len(labels) and labels.max() > 9:
        raise malformed(label_file, "labels in 0..9", f"a label {labels.max().item()}")
    images = _finish(images.unsqueeze(1), value_range, device)
    return images, labels.to(device, torch.int64)


def _read_idx(raw: bytes, file: str, item_shape: tuple[int, ...]) -> Tensor:
    """Parse a packed IDX file of uint8: 0, 0, 8, axes; each axis' length as big-endian uint32."""
    packer, name = (lzma, "xz") if file.endswith(".xz") else (gzip, "gzip")
    try:
        content = packer.decompress(raw)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise malformed(file, f"a whole {name} file", f"{len(raw):,} bytes, {error}") from error
    axes = 1 + len(item_shape)
    magic = bytes([0, 0, 8, axes])
    if content[:4] != magic:
        raise malformed(file, f"IDX magic number {magic.hex()}", content[:4].hex() or "no bytes")
    start = 4 + 4 * axes
    if len(content) < start:
        raise malformed(file, f"an IDX header of {start} bytes", f"{len(content)} bytes")
    shape = tuple(np.frombuffer(content, ">u4", axes, offset=4).tolist())
    if shape[1:] != item_shape or shape[0] == 0:
        wanted = f"shape (N, {', '.join(map(str, item_shape))}) with N > 0"
        raise malformed(file, wanted, str(shape))
    if len(content) - start != math.prod(shape):
        wanted = f"{math.prod(shape):,} values for the shape {shape}"
        raise malformed(file, wanted, f"{len(content) - start:,}")
    values = np.frombuffer(content, np.uint8, offset=start).reshape(shape)
    return torch.from_numpy(values.copy())  # a copy: torch wants memory that may be written


def _read_sheet(raw: bytes, file: str, count: int) -> Tensor:
    """Cut a sheet of 64×64 tiles, 44 a row, into `count` images (count, 3, 64, 64)."""
    rows = -(-count // SHEET_COLUMNS)
    wanted = (SHEET_COLUMNS * EMOJI_SIZE, rows * EMOJI_SIZE)
    try:
        with Image.open(io.BytesIO(raw), formats=["WEBP"]) as sheet:
            size = sheet.size
            pixels = np.array(sheet.convert("RGB")) if size == wanted else None
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise malformed(file, "a whole WebP image", f"{len(raw):,} bytes, {error}") from error
    if pixels is None:
        raise malformed(file, f"{wanted[0]}×{wanted[1]} pixels", f"{size[0]}×{size[1]}")
    tiles = pixels.reshape(rows, EMOJI_SIZE, SHEET_COLUMNS, EMOJI_SIZE, 3)
    tiles = tiles.transpose(0, 2, 4, 1, 3).reshape(-1, 3, EMOJI_SIZE, EMOJI_SIZE)
    return torch.from_numpy(tiles[:count].copy())


def _emoji_rows() -> list[dict]:
    """Read emoji.csv. It is small: parsed on every call, so that each caller has its own dicts."""
    file = EMOJI_FILES["table"]
    raw, _ = read_verified(file)
    try:
        reader = csv.DictReader(io.StringIO(raw.decode("utf-8")), strict=True)
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise malformed(file, "a CSV file in UTF-8", str(error)) from error
    if tuple(reader.fieldnames or ()) != EMOJI_COLUMNS:
        raise malformed(file, f"the columns {EMOJI_COLUMNS}", f"{reader.fieldnames}")
    for index, row in enumerate(rows):
        if row["index"] != str(index) or None in row or None in row.values():
            raise malformed(file, f"five fields, the first {index}", f"{list(row.values())}")
        row["index"] = index
    return rows


def _decode_once(file: str, decode: Callable[[bytes, str], Tensor]) -> Tensor:
    """Decode a file that is verified on every call. The result is shared: never hand it out."""
    raw, digest = read_verified(file)
    if (file, digest) not in _decoded:
        _decoded[file, digest] = decode(raw, file)
    return _decoded[file, digest]


def _finish(images: Tensor, value_range: ValueRange, device: torch.device | str) -> Tensor:
    """Copy uint8 images to the device and to the range: low·(1 − w) + high·w with w = value/255.

    In this form both ends are exact in float32, as they would not be in value·(high − low) + low.
    """
    if value_range is None:
        return images.to(device, copy=True)
    low, high = map(float, value_range)
    weight = images.to(device).to(torch.float32).div_(255)  # on the device as bytes, then floats
    if (low, high) == (0, 1):
        return weight
    return (weight * high).add_(weight.neg_().add_(1), alpha=low)


def _check_arguments(
    split: str, value_range: ValueRange = None, device: torch.device | str = "cpu"
) -> None:
    if split not in ("train", "test"):
        raise ValueError(f'split must be "train" or "test"; got {split!r}')
    if value_range is not None and not _is_range(value_range):
        raise ValueError(
            "value_range must be a pair of finite numbers low < high, as (0, 1) or (-1, 1), "
            f"or None for uint8; got {value_range!r}"
        )
    try:
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ValueError(
            'device must be one that this machine has, as "cpu"; '
            f"got {str(device)!r}: {str(error).splitlines()[0]}"
        ) from error


def _is_range(value_range: object) -> bool:
    try:
        low, high = map(float, value_range)
    except (TypeError, ValueError):
        return False
    return math.isfinite(low) and math.isfinite(high) and low < high
