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


def refusing(bad: Callable) -> Callable:
    def answer(images: Tensor, path: Path) -> None:
        if bad(images):
            raise ValueError("outside [0, 1]")
        write_files(images, path)

    return answer


def raising(kind: type[Exception]) -> Callable:
    def answer(images: Tensor, path: Path) -> None:
        if images.amin() < 0 or images.amax() > 1:
            raise kind("outside [0, 1]")
        write_files(images, path)

    return answer


def save_named(images: Tensor, path: Path, name: str) -> None:
    save_by_pil(images, path, name=name)


def save_batch_stretched(images: Tensor, path: Path) -> None:
    low, high = images.amin(), images.amax()
    save_by_pil(images, path)
    write_files((images - low) / (high - low).clamp(min=1e-5), path)


def save_arrays(images: Tensor, path: Path, array: Callable) -> None:
    """Each image's bytes `(C, H, W)` written as `array` makes them."""
    save_by_pil(images, path)
    for number, image in enumerate((images.double() * 255).round().to(torch.uint8).numpy()):
        Image.fromarray(array(image)).save(path / f"{number:05d}.png")


def save_cut_anew(images: Tensor, path: Path) -> None:
    save_arrays(images, path, lambda i: i[0] if len(i) == 1 else i.reshape(*i.shape[1:], 3))


def save_blue_first(images: Tensor, path: Path) -> None:
    save_arrays(images[:, [2, 1, 0]] if images.shape[1] == 3 else images, path, last_channel)


def last_channel(image: np.ndarray) -> np.ndarray:
    return image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)


def save_squeezed(images: Tensor, path: Path) -> None:
    save_arrays(images, path, lambda image: np.moveaxis(image, 0, -1).squeeze())


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
            "Values beyond one end are refused, those beyond the other are not. An image in "
            "[-1, 1] is the most common mistake of all, and logits leave both ends: look at both.",
            also=(
                lambda images, path: save_by_pil(images.clamp(max=1), path),
                refusing(lambda images: images.amax() > 1),
                refusing(lambda images: images.amin() < 0),
                refusing(lambda images: images.abs().amax() > 1),
            ),
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
            "One file is there for the whole batch: all images went into one picture, or into one "
            "name after the other, or only the first was written. One file an image is wanted.",
            also=(
                lambda images, path: save_by_pil(images[:1], path),
                lambda images, path: save_named(images, path, "image.png"),
            ),
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
        Misconception(
            "ends_refused",
            refusing(lambda images: images.amin() <= 0 or images.amax() >= 1),
            "Images that are right were refused. 0 and 1 themselves belong to [0, 1]: white is 1.",
            error="outside",
        ),
        Misconception(
            "another_exception",
            raising(RuntimeError),
            "Values outside are refused, with an exception of another type. Raise ValueError, "
            "which says that the type was right and the value was not.",
            also=(raising(TypeError), raising(Exception), raising(IndexError)),
        ),
        Misconception(
            "wraps_round",
            lambda images, path: save_by_pil(
                images, path, level=lambda x: (x / 255 * 256).floor() % 256
            ),
            "White came out black: 1 times 256 is no byte, and starts again at 0. The largest "
            "level is 255.",
        ),
        Misconception(
            "not_multiplied",
            lambda images, path: save_by_pil(images, path, level=lambda x: x / 255),
            "The values went into bytes as they are, so that all became 0 or 1 of 255. Levels go "
            "from 0 to 255.",
            also=(
                lambda images, path: save_by_pil(images, path, level=lambda x: (x / 255).round()),
            ),
        ),
        Misconception(
            "taken_for_minus_one_to_one",
            lambda images, path: save_by_pil(
                images, path, level=lambda x: ((x / 255 + 1) / 2 * 255).round()
            ),
            "The images were treated as if they lay in [-1, 1]. They lie in [0, 1].",
            also=(
                lambda images, path: save_by_pil(
                    images, path, level=lambda x: (x / 255 + 1) / 2 * 255
                ),
            ),
        ),
        Misconception(
            "batch_stretched",
            save_batch_stretched,
            "The whole batch was stretched from its darkest to its brightest value, so what is "
            "loaded is another image. Gray 0.5 must come back as 0.5.",
        ),
        Misconception(
            "negative",
            lambda images, path: save_by_pil(images, path, level=lambda x: (255 - x).round()),
            "These are negatives: black was written as white.",
        ),
        Misconception(
            "cut_anew",
            save_cut_anew,
            "The colors are scrambled: reshape cuts the row of numbers anew and moves none. The "
            "channel must be moved to the end: rearrange.",
        ),
        Misconception(
            "blue_first",
            save_blue_first,
            "Red and blue changed places, as OpenCV has them. PIL wants red first.",
        ),
        Misconception(
            "everything_squeezed",
            save_squeezed,
            ".squeeze() drops every axis of length 1, also a height or a width. Drop the "
            "channel's alone.",
        ),
        Misconception(
            "counted_downwards",
            lambda images, path: save_by_pil(images.flip(0), path),
            "The names count the other way round: the first name must hold the first image.",
        ),
        Misconception(
            "other_numbers",
            lambda images, path: save_named(images, path, "{:x}.png"),
            "The numbers in the names are not of one length, or not in the order in which text is "
            "sorted. Fill them up with zeros.",
            also=(lambda images, path: save_named(images, path, "{:03b}.png"),),
        ),
        Misconception(
            "rounded_up",
            lambda images, path: save_by_pil(images, path, level=torch.ceil),
            "Every value went to the level above, and images get brighter. Take the nearest level.",
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
