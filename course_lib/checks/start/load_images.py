"""Check of `load_images`. Oracle: PIL's raw bytes, image by image."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from PIL import Image
from torch import Tensor

from ..declare import Case, Exercise, Misconception, Plain
from .saved_files import distinct_images


def load_cases(generator: torch.Generator) -> list[Case]:
    def levels(count: int, *shape: int) -> Tensor:
        return (distinct_images(generator, count, 0.1, *shape) * 255).round().to(torch.uint8)

    def case(images: Tensor, name: str, about: str) -> Case:
        names = sorted(name.format(number) for number in range(len(images)))
        return Case({"stored images": images, "names": names}, about)

    return [
        case(levels(12, 3, 5, 7), "{:04d}.png", "12 color images 5×7"),
        # no white in it: who divides by the brightest value is found out
        case(levels(11, 1, 6, 4) // 2 + 20, "image {}.png", "11 gray images 6×4"),
    ]


def call_load(answer: Callable, inputs: Mapping) -> dict[str, Plain]:
    """Write a folder of PNGs, the last one first, and have it loaded."""
    with tempfile.TemporaryDirectory() as scratch:
        for number, image in reversed(list(enumerate(inputs["stored images"].numpy()))):
            pixels = image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
            Image.fromarray(pixels).save(Path(scratch) / inputs["names"][number])
        images = answer(Path(scratch))
    several = isinstance(images, list | tuple)
    return {"images": f"a list of {len(images)} things" if several else images}


def load_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    """The images from dark to bright, and whether they came in the order of the files."""
    images = outputs["images"]
    if images.shape[:1] != inputs["stored images"].shape[:1]:
        return {"images": images}
    brightness = images.double().flatten(1).mean(1)
    order = brightness.argsort(stable=True)
    return {
        "images": images[order],
        "the images come in the order of the sorted file names": bool(
            (brightness.diff() >= 0).all()
        ),
    }


def load_by_pil(path: Path, order: Callable = sorted) -> Tensor:
    """Image by image from PIL's raw bytes."""
    images = []
    for file in order(path.iterdir()):
        with Image.open(file) as picture:
            channels = len(picture.getbands())
            values = torch.tensor(list(picture.tobytes())).reshape(-1, channels).T
            images.append(values.reshape(channels, picture.height, picture.width))
    return (torch.stack(images).double() / 255).float()


def load_converted(mode: str) -> Callable:
    def load(path: Path) -> Tensor:
        files = (Image.open(file).convert(mode) for file in sorted(path.iterdir()))
        images = torch.from_numpy(np.stack([np.array(picture) for picture in files]))
        images = images[:, None] if mode == "L" else images.permute(0, 3, 1, 2)
        return images.float() / 255

    return load


def without_gray_channel(images: Tensor) -> Tensor:
    return images[:, 0] if images.shape[1] == 1 else images


def gray_without_channel(path: Path) -> Tensor:
    """rearrange(image, "h w c -> c h w") of an array (H, W)."""
    images = load_by_pil(path)
    return rearrange(without_gray_channel(images), "b c h w -> b c h w")


def by_number(files):
    return sorted(files, key=lambda file: int("".join(filter(str.isdigit, file.stem))))


def stretched(path: Path) -> Tensor:
    images = load_by_pil(path)
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    return (images - low) / (high - low)


EXERCISE = Exercise(
    name="start.load_images",
    signature="(path)",
    outputs=("images",),
    oracle=load_by_pil,
    cases=load_cases,
    call=call_load,
    facts=load_facts,
    misconceptions=(
        Misconception(
            "order_of_the_disk",
            lambda path: load_by_pil(path, lambda files: sorted(files, reverse=True)),
            "A folder lists its files in any order it likes, another one on every machine, and the "
            "time of writing is no better. Sort them by name, from the first to the last.",
        ),
        Misconception(
            "not_divided",
            lambda path: (load_by_pil(path) * 255).round(),
            "These are the levels 0 to 255 as floats. Images lie in [0, 1]: divide by 255.",
        ),
        Misconception(
            "left_as_bytes",
            lambda path: (load_by_pil(path) * 255).round().to(torch.uint8),
            "These are the bytes as PIL reads them. Turn them into float32 in [0, 1].",
        ),
        Misconception(
            "divided_by_256",
            lambda path: load_by_pil(path) * 255 / 256,
            "White came back as 0.996: the largest of the 256 levels is 255, so divide by that.",
        ),
        Misconception(
            "minus_one_to_one",
            lambda path: load_by_pil(path) * 2 - 1,
            "These lie in [-1, 1]. This function returns [0, 1], as save_images takes it; "
            "rescaling is another function's business.",
        ),
        Misconception(
            "float64",
            lambda path: load_by_pil(path).double(),
            "The values are in double precision, NumPy's habit. Convert to float32.",
        ),
        Misconception(
            "channels_last",
            lambda path: load_by_pil(path).permute(0, 2, 3, 1),
            "PIL gives (H, W, C). PyTorch wants the channel before height and width: rearrange.",
        ),
        Misconception(
            "height_and_width_exchanged",
            lambda path: load_by_pil(path).mT,
            "Height and width are exchanged. PIL's .size is (width, height), its array (H, W, C).",
        ),
        Misconception(
            "gray_as_color",
            load_converted("RGB"),
            'convert("RGB") makes three equal channels of one. Gray images keep C = 1.',
        ),
        Misconception(
            "color_as_gray",
            load_converted("L"),
            'convert("L") throws the colors away. Color images keep C = 3.',
        ),
        Misconception(
            "gray_channel_missing",
            lambda path: without_gray_channel(load_by_pil(path)),
            "PIL gives a gray image as (H, W), with no channel at all: put one of length 1 in.",
        ),
        Misconception(
            "gray_not_thought_of",
            gray_without_channel,
            "A gray image is (H, W) and has no channel that a pattern could name. Put one of "
            "length 1 in first.",
        ),
        Misconception(
            "list",
            lambda path: list(load_by_pil(path)),
            "A list of images came. Networks take one tensor: stack them to (B, C, H, W).",
        ),
        Misconception(
            "divided_by_the_brightest",
            lambda path: (x := load_by_pil(path)) / x.max(),
            "The images were divided by their own brightest value. White is 255, whatever these "
            "files hold.",
            also=(
                lambda path: (
                    (x := load_by_pil(path)) / x.amax((1, 2, 3), keepdim=True).clamp(min=1 / 255)
                ),
            ),
        ),
        Misconception(
            "each_image_stretched",
            stretched,
            "Each image was stretched from its own darkest to its own brightest value. Gray 0.5 "
            "must come back as 0.5.",
            also=(lambda path: ((x := load_by_pil(path)) - x.min()) / (x.max() - x.min()),),
        ),
        Misconception(
            "integer_division",
            lambda path: load_by_pil(path).floor(),
            "The division dropped the fraction, so that everything below white is 0. Divide "
            "floats, with one slash.",
        ),
        Misconception(
            "rounded",
            lambda path: load_by_pil(path).round(),
            "Only black and white are left: the values were rounded or compared with a threshold. "
            "Keep the levels.",
            also=(lambda path: (load_by_pil(path) > 0.5).float(),),
        ),
        Misconception(
            "divided_twice",
            lambda path: load_by_pil(path) / 255,
            "The levels were divided by 255 twice.",
        ),
        Misconception(
            "negative",
            lambda path: 1 - load_by_pil(path),
            "These are negatives: black came back as white.",
        ),
        Misconception(
            "blue_first",
            lambda path: load_by_pil(path).flip(1),
            "Red and blue changed places, as OpenCV has them. PIL gives red first.",
        ),
        Misconception(
            "upside_down",
            lambda path: load_by_pil(path).flip(2),
            "The images stand on their heads, or are mirrored. Leave the rows and columns in "
            "PIL's order.",
            also=(lambda path: load_by_pil(path).flip(3),),
        ),
        Misconception(
            "cut_anew",
            lambda path: (x := load_by_pil(path)).permute(0, 2, 3, 1).reshape(x.shape),
            "The shape is right but the pixels are scrambled: reshape cuts the row of numbers "
            "anew and moves none. Use rearrange.",
        ),
        Misconception(
            "four_channels",
            load_converted("RGBA"),
            "There are four channels: convert(RGBA) adds opacity. Keep the file's own.",
        ),
        Misconception(
            "not_all_files",
            lambda path: load_by_pil(path)[:1],
            "Some files are missing from the batch. Read every file of the folder.",
            also=(lambda path: load_by_pil(path)[1:], lambda path: load_by_pil(path)[:-1]),
        ),
        Misconception(
            "one_image_without_batch",
            lambda path: load_by_pil(path)[0],
            "One image came, or all of them glued together. Stack them, so that the batch is an "
            "axis of its own.",
            also=(
                lambda path: torch.cat(list(load_by_pil(path))),
                lambda path: torch.cat(list(load_by_pil(path)), 1),
            ),
        ),
        Misconception(
            "sorted_by_number",
            lambda path: load_by_pil(path, by_number),
            "The files were sorted by the numbers in their names. Names are sorted as text, where "
            "10 stands before 2; save_images fills up with zeros, so that both orders agree.",
        ),
    ),
    hints=(
        "List the files of the folder, in an order that you choose yourself. Then one image at a "
        "time: open, array, tensor.",
        "np.array(Image.open(file)) is (H, W) for gray and (H, W, 3) for color. Bring both to "
        "(C, H, W).",
        "torch.stack joins equal shapes to a batch. Convert to float before dividing by the "
        "largest level.",
    ),
)
