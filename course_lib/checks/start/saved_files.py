"""Inputs of the checks of `save_images` and `load_images`, and what is read back from a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..declare import Case, Plain
from ..random_inputs import uniform


def distinct_images(generator: torch.Generator, count: int, noise: float, *shape: int) -> Tensor:
    """Images in [0, 1] whose mean grows from one to the next: each is known by it."""
    ramp = torch.linspace(0, 1 - noise, count).reshape(-1, 1, 1, 1)
    images = ramp + noise * uniform(generator, count, *shape)
    images[0, ..., 0, 0], images[-1, ..., -1, -1] = 0.0, 1.0
    return images


def save_cases(generator: torch.Generator) -> list[Case]:
    color = distinct_images(generator, 12, 0.1, 3, 5, 7)
    # neither black nor white in it: who stretches the batch to its own extremes is found out
    gray = 0.1 + 0.7 * distinct_images(generator, 11, 0.1, 1, 6, 4)
    many = distinct_images(generator, 102, 0.0, 1, 1, 2)
    above, below = color[:3].clone(), gray[:3].clone()
    above[-1, -1, -1, -1], below[-1, -1, -1, -1] = 1.2, -0.3
    return [
        Case({"images": color, "folder": "new", "valid": True}, "12 color images"),
        Case({"images": gray, "folder": "there", "valid": True}, "gray, the folder exists already"),
        Case({"images": many, "folder": "new", "valid": True}, "102 images"),
        Case({"images": above, "folder": "new", "valid": False}, "one value is 1.2"),
        Case({"images": below, "folder": "new", "valid": False}, "one value is -0.3"),
    ]


def call_save(answer: Callable, inputs: Mapping) -> dict[str, Plain]:
    """Save into a temporary folder, list its files, and read the first dozen of them with PIL.

    A dozen tells whether 10 or 100 came before 2 or 11; opening a hundred takes long.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "images"
        if inputs["folder"] == "there":
            path.mkdir()
        refused = False
        try:
            answer(inputs["images"], path)
        except ValueError:
            if inputs["valid"]:
                raise
            refused = True
        outside = sorted(file.name for file in Path(scratch).iterdir() if file != path)
        files = sorted(path.iterdir()) if path.is_dir() else []
        pictures = [read_picture(file) for file in files[:12]]
    names = [file.name for file in files]
    kinds, pixels = [kind for kind, _ in pictures], [values for _, values in pictures]
    found = {"refused": refused, "outside": outside, "names": names}
    return {**found, "kinds": kinds, "pixels": pixels}


def read_picture(file: Path) -> tuple[str, Plain]:
    """("PNG L", (1, H, W)) or ("PNG RGB", (3, H, W)), values as int64; else what the file is."""
    try:
        with Image.open(file) as picture:
            kind = f"{picture.format} {picture.mode}"
            values = np.array(picture).astype(np.int64)
    except OSError:
        return "no image", None
    values = values[..., None] if values.ndim == 2 else values
    return kind, torch.from_numpy(values.transpose(2, 0, 1).copy())


def save_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    images, pixels = inputs["images"], outputs["pixels"]
    if not inputs["valid"]:
        return {
            "a ValueError is raised": outputs["refused"],
            "no file is written before that": not outputs["names"],
        }
    facts: dict[str, Plain] = {
        "all files lie in the folder `path`": not outputs["outside"],
        "the number of files": len(outputs["names"]),
        "the kind of the files": ", ".join(sorted(set(outputs["kinds"]))),
    }
    if len(outputs["names"]) != len(images) or any(p is None for p in pixels):
        return facts
    facts["the size of the pictures (C, H, W)"] = str(sorted({tuple(p.shape) for p in pixels}))
    if any(p.shape != images.shape[1:] for p in pixels):
        return facts
    values, images = torch.stack(pixels).double() / 255, images.double()
    distance = values.mean((1, 2, 3))[:, None] - images.mean((1, 2, 3))
    which = distance.abs().argmin(dim=1)  # the image that each file shows
    facts["the largest error"] = name_error(values - images[which])
    facts["the order of the files"] = name_order(which.tolist(), len(images))
    return facts


def name_error(errors: Tensor) -> str:
    """The error of a rounded level is at most half a step of 1/255, to either side."""
    error, mean = errors.abs().max().item(), errors.mean().item()
    if error < 1 / 510 + 1e-5:
        return "at most 1/510 = 0.00196"
    side = "" if abs(mean) < 1 / 2550 else ", too bright" if mean > 0 else ", too dark"
    return f"{error:.5f}{side}"


def name_order(which: list[int], count: int) -> str:
    """Which images the first files hold, in the order of the file names."""
    shown = len(which)
    if which == list(range(shown)):
        return "that of the images"
    for digits, trap in ((1, "10 stands before 2"), (2, "100 stands before 11")):
        for first in (0, 1):
            as_text = sorted(range(count), key=lambda i: f"{i + first:0{digits}d}")
            if which == as_text[:shown]:
                return f"that of text: {trap}"
    return f"{', '.join(map(str, which[:5]))} ..."
