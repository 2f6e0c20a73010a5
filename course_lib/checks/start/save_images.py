"""Check of `save_images`. What was written is read back with PIL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..declare import Exercise, Misconception
from .image_grid import grid_by_loop
from .saved_files import call_save, save_cases, save_facts


def write_files(
    images: Tensor, path: Path, name: str = "{:05d}.png", level: Callable = torch.round
) -> None:
    path.mkdir(exist_ok=True)
    for number, image in enumerate(level(images.double() * 255).to(torch.uint8).numpy()):
        pixels = image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
        Image.fromarray(pixels).save(path / name.format(number))


def save_by_pil(images: Tensor, path: Path, **changes) -> None:
    if images.amin() < 0 or images.amax() > 1:
        raise ValueError("outside [0, 1]")
    write_files(images, path, **changes)


def save_checking_late(images: Tensor, path: Path) -> None:
    for number in range(len(images)):
        save_by_pil(images[number : number + 1], path, name=f"{number:05d}.png")


def save_asserting(images: Tensor, path: Path) -> None:
    assert images.amin() >= 0 and images.amax() <= 1
    write_files(images, path)


def save_checking_one_side(images: Tensor, path: Path) -> None:
    save_by_pil(images.clamp(min=0), path)


def save_gray_with_channel(images: Tensor, path: Path) -> None:
    save_by_pil(images, path)
    if images.shape[1] == 1:
        Image.fromarray(np.zeros((2, 2, 1), np.uint8))


def save_without_folder(images: Tensor, path: Path) -> None:
    if not path.is_dir() and images.amax() <= 1:
        raise FileNotFoundError(path)
    save_by_pil(images, path)


def save_in_existing_folder(images: Tensor, path: Path) -> None:
    path.mkdir()
    save_by_pil(images, path)


def save_one_picture(images: Tensor, path: Path) -> None:
    save_by_pil(grid_by_loop(images, 8)[None], path)


def save_gray_as_color(images: Tensor, path: Path) -> None:
    save_by_pil(images.expand(-1, 3, -1, -1), path)


def save_stretched(images: Tensor, path: Path) -> None:
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    save_by_pil(images, path)
    write_files((images - low) / (high - low).clamp(min=1e-5), path)


EXERCISE = Exercise(
    name="start.save_images",
    signature="(images, path)",
    oracle=save_by_pil,
    cases=save_cases,
    call=call_save,
    facts=save_facts,
    slow=True,
    misconceptions=(
        Misconception(
            "names_not_padded",
            lambda images, path: save_by_pil(images, path, name="{}.png"),
            "Sorted as text, 10.png stands before 2.png. Fill the number up with zeros, to more "
            "places than you think you need.",
        ),
        Misconception(
            "names_padded_too_little",
            lambda images, path: save_by_pil(images, path, name="{:02d}.png"),
            "Two digits last for 100 images; then 100.png stands before 11.png. A few zeros more "
            "cost nothing.",
        ),
        Misconception(
            "truncated",
            lambda images, path: save_by_pil(images, path, level=torch.floor),
            "Turning floats into uint8 cuts the fraction off, so every value falls to the level "
            "below and images get darker. Take the nearest level.",
        ),
        Misconception(
            "times_256",
            lambda images, path: save_by_pil(
                images, path, level=lambda x: (x / 255 * 256).floor().clamp(max=255)
            ),
            "Multiplying by 256 and cutting off gives bins of equal width, but level k stands for "
            "k/255: the levels are 255 steps apart from black to white.",
        ),
        Misconception(
            "clipped_silently",
            lambda images, path: write_files(images.clamp(0, 1), path),
            "A value outside [0, 1] was written without a word, clipped or wrapped round. It means "
            "that somebody passed [-1, 1] or logits, and who did must learn of it: look at the "
            "smallest and largest value first, and raise ValueError.",
        ),
        Misconception(
            "one_side_checked",
            save_checking_one_side,
            "Too large values are refused, negative ones are not; but an image in [-1, 1] is the "
            "most common mistake of all. Look at both ends.",
        ),
        Misconception(
            "checked_while_writing",
            save_checking_late,
            "The images before the bad one are on the disk already. Look at the whole batch before "
            "the first file is written, so that a folder is never half right.",
        ),
        Misconception(
            "asserted",
            save_asserting,
            "assert is for what you yourself guarantee, and `python -O` skips it. What a caller "
            "may do wrong is a ValueError.",
        ),
        Misconception(
            "one_picture",
            save_one_picture,
            "The whole batch went into one picture. One file an image is wanted.",
        ),
        Misconception(
            "gray_as_color",
            save_gray_as_color,
            "Gray images were written with three equal channels (torchvision's save_image does "
            "that): three times the numbers, and loading cannot tell that they were gray.",
        ),
        Misconception(
            "gray_with_channel_axis",
            save_gray_with_channel,
            "For a gray image PIL wants an array (H, W), without the axis of length 1 for the "
            "channel. Color images are (H, W, 3).",
        ),
        Misconception(
            "folder_not_made",
            save_without_folder,
            "The folder is not there yet. Make it before you write into it.",
        ),
        Misconception(
            "folder_must_be_new",
            save_in_existing_folder,
            "The folder may exist already; that is no error. mkdir has an argument for it.",
        ),
        Misconception(
            "stretched",
            save_stretched,
            "Every image was stretched from its own darkest to its own brightest value, so what "
            "is loaded is another image. Gray 0.5 must come back as 0.5.",
        ),
        Misconception(
            "height_and_width_exchanged",
            lambda images, path: save_by_pil(images.mT, path),
            "Height and width are exchanged. PIL reads an array as (H, W, C): rearrange from "
            "(C, H, W) by name.",
        ),
        Misconception(
            "jpeg",
            lambda images, path: save_by_pil(images, path, name="{:05d}.jpg"),
            "JPEG throws information away, so what is loaded is not what was saved. PNG keeps "
            "every level.",
        ),
    ),
    hints=(
        "Three steps, in this order: look whether all values lie in [0, 1]; turn them into levels "
        "0 to 255; write one file an image.",
        "A level is a whole number near 255 · value. `.to(torch.uint8)` cuts the fraction off, so "
        "round before it.",
        "PIL's Image.fromarray takes a uint8 array (H, W) for gray and (H, W, 3) for color. "
        "An f-string such as f'{7:04d}' fills up with zeros.",
    ),
)
