"""Plain data between the grader and a child, as bounded bytes that nothing is unpickled from.

A message is a frame of two lengths, a JSON text, and the raw numbers of its tensors one after the
other. In the text a dict is `{"d": [[name, value], ...]}` and a tensor `{"t": [dtype, shape]}`, so
that no dict of a student's reads as a tensor.
"""

from __future__ import annotations

import json
import math
import select
import socket
import struct
import time
from typing import Any

import torch

LENGTHS = struct.Struct(">QQ")
MOST_TEXT, MOST_RAW = 8 << 20, 96 << 20  # bytes of a message
MOST_VALUES, DEEPEST = 400_000, 24
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.bool),
        *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    )
}


class Malformed(ValueError):
    """What came is no message: too large, too deep, or not of the form."""


class Closed(Exception):
    """The other side has gone."""


def pack(value: Any) -> bytes:
    """A message that holds the value: None, numbers, strings, lists, dicts and dense tensors.

    >>> unpack(pack({"value": torch.ones(2), "shape": [2, None]}))
    {'value': tensor([1., 1.]), 'shape': [2, None]}
    """
    raw: list[bytes] = []
    text = json.dumps(encode(value, raw)).encode()
    numbers = b"".join(raw)
    return LENGTHS.pack(len(text), len(numbers)) + text + numbers


def encode(value: Any, raw: list[bytes]) -> Any:
    if isinstance(value, torch.Tensor):
        flat = value.detach().cpu().contiguous().flatten()
        raw.append(flat.view(torch.uint8).numpy().tobytes())
        return {"t": [str(value.dtype).removeprefix("torch."), list(value.shape)]}
    if isinstance(value, dict):
        return {"d": [[str(name), encode(part, raw)] for name, part in value.items()]}
    if isinstance(value, list | tuple):
        return [encode(part, raw) for part in value]
    return value


def unpack(message: bytes) -> Any:
    """The value in a message; Malformed where it is none."""
    if len(message) < LENGTHS.size:
        raise Malformed("it is cut off")
    text, numbers = LENGTHS.unpack_from(message)
    check_lengths(text, numbers)
    if len(message) != LENGTHS.size + text + numbers:
        raise Malformed("its length is not the one it names")
    return Decoder(memoryview(message)[LENGTHS.size + text :]).read(
        message[LENGTHS.size : LENGTHS.size + text]
    )


def check_lengths(text: int, numbers: int) -> None:
    if text > MOST_TEXT or numbers > MOST_RAW:
        raise Malformed(f"it has {text + numbers:,} bytes, which is too many")


class Decoder:
    """Reads a text whose tensors' numbers lie in `raw`."""

    def __init__(self, raw: memoryview):
        self.raw, self.at, self.values = raw, 0, 0

    def read(self, text: bytes) -> Any:
        try:
            value = self.value(json.loads(text), 0)
        except (ValueError, RecursionError, TypeError, KeyError) as error:
            if isinstance(error, Malformed):
                raise
            raise Malformed("its text cannot be read") from None
        if self.at != len(self.raw):
            raise Malformed("numbers are left over")
        return value

    def value(self, value: Any, depth: int) -> Any:
        self.values += 1
        if self.values > MOST_VALUES or depth > DEEPEST:
            raise Malformed("it holds too much, or too deep")
        if isinstance(value, list):
            return [self.value(part, depth + 1) for part in value]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"t"}:
            return self.tensor(*value["t"])
        if value.keys() != {"d"}:
            raise Malformed("a dict of an unknown form")
        return {text_of(name): self.value(part, depth + 1) for name, part in value["d"]}

    def tensor(self, dtype: str, shape: list[int]) -> torch.Tensor:
        """The next tensor: its shape, its dtype and the bytes that are there must agree."""
        sizes = all(type(size) is int and 0 <= size < 1 << 40 for size in shape)
        if not isinstance(dtype, str) or dtype not in DTYPES or not sizes or len(shape) > 16:
            raise Malformed("a tensor of an unknown form")
        count = math.prod(shape)
        size = count * DTYPES[dtype].itemsize
        part = bytearray(self.raw[self.at : self.at + size])
        if len(part) != size:
            raise Malformed("a tensor without its numbers")
        self.at += size
        if dtype == "bool":  # a byte of another value than 0 and 1 is no bool
            part = bytearray(part.translate(bytes([0]) + bytes([1]) * 255))
        kind = DTYPES[dtype]
        flat = torch.frombuffer(part, dtype=kind) if part else torch.empty(count, dtype=kind)
        return flat.reshape(shape)


def text_of(name: Any) -> str:
    if not isinstance(name, str):
        raise Malformed("a name that is no text")
    return name


def send(end: socket.socket, value: Any) -> None:
    """Send a message; Closed where nobody is there."""
    try:
        end.sendall(pack(value))
    except TimeoutError:
        raise
    except OSError as error:
        raise Closed from error


def receive(end: socket.socket, until: float = math.inf, between: Any = None) -> Any:
    """The next message. TimeoutError at the monotonic time `until`; `between` is called meanwhile.

    No more than a message may have is ever read.
    """
    head = exactly(end, LENGTHS.size, until, between)
    check_lengths(*LENGTHS.unpack(head))
    return unpack(head + exactly(end, sum(LENGTHS.unpack(head)), until, between))


def exactly(end: socket.socket, size: int, until: float, between: Any) -> bytes:
    parts, missing = [], size
    while missing:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if not select.select([end], [], [], min(left, 0.25))[0]:
            if between:
                between()
            continue
        try:
            part = end.recv(min(missing, 1 << 20))
        except OSError:
            part = b""
        if not part:
            raise Closed
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
