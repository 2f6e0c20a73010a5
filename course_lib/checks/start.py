"""Checks of lesson 00. Oracles: numpy, PIL and slow loops; files are read and written by PIL."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from PIL import Image

from .declare import Case, Exercise, Misconception, Plain

Images = torch.Tensor


def uniform(generator: torch.Generator, *shape: int, dtype=torch.float32) -> Images:  # type: ignore[no-untyped-def]
    return torch.rand(*shape, generator=generator, dtype=dtype)


# brightness ---------------------------------------------------------------------------------


def brightness_cases(generator: torch.Generator) -> list[Case]:
    return [
        Case({"images": uniform(generator, 4, 3, 5, 6, dtype=torch.float64)}),
        Case({"images": uniform(generator, 2, 1, 7, 3)}, "gray images, float32"),
        Case({"images": uniform(generator, 1, 3, 4, 5)}, "a batch of one image"),
    ]


brightness = Exercise(
    name="start.brightness",
    signature="(images)",
    oracle=lambda images: torch.from_numpy(np.stack([image.mean() for image in images.numpy()])),
    cases=brightness_cases,
    misconceptions=(
        Misconception(
            "everything_averaged",
            lambda images: images.mean(),
            "You averaged over the batch as well. Each image has its own brightness: keep the "
            "first dimension and average over the other three.",
        ),
        Misconception(
            "only_height_and_width",
            lambda images: images.mean((2, 3)),
            "The channels are still apart. An image's brightness is the mean over its channels, "
            "too.",
        ),
        Misconception(
            "channels_added",
            lambda images: images.mean((2, 3)).sum(1),
            "The channels were added: a white color image comes out three times as bright as a "
            "white gray one. Average over them as well.",
        ),
        Misconception(
            "mean_image",
            lambda images: images.mean(0),
            "This is the mean image: the average over the batch, pixel by pixel. Average over the "
            "other three dimensions instead.",
        ),
        Misconception(
            "one_value_per_channel",
            lambda images: images.mean((0, 2, 3)),
            "This has one value a channel, averaged over the batch. One value an image is wanted.",
        ),
        Misconception(
            "summed",
            lambda images: images.sum((1, 2, 3)),
            "The pixels were added. Their mean stays in [0, 1], whatever the size of the image.",
        ),
        Misconception(
            "dimensions_kept",
            lambda images: images.mean((1, 2, 3), keepdim=True),
            "The three averaged dimensions are still there with length 1. Shape (B,) is wanted; "
            "(B, 1, 1, 1) would broadcast where you do not expect it.",
        ),
        Misconception(
            "maximum",
            lambda images: images.amax((1, 2, 3)),
            "This is the brightest value of each image. Its brightness is the mean of all values.",
        ),
        Misconception(
            "batch_of_one_squeezed",
            lambda images: images.mean((1, 2, 3)).squeeze(),
            "A batch of one image is still a batch: .squeeze() also drops the first dimension "
            "when its length is 1. Shape (1,) is wanted there.",
        ),
    ),
    hints=(
        "Which of the four dimensions must survive, and which are averaged away?",
        "`.mean(dim=...)` takes a tuple of dimensions, and einops' `reduce` takes a pattern that "
        "names what goes in and what comes out.",
    ),
)


# rescale ------------------------------------------------------------------------------------


def rescale_cases(generator: torch.Generator) -> list[Case]:
    def bytes_within(darkest: int, brightest: int, *shape: int) -> Images:
        return torch.randint(darkest, brightest + 1, shape, generator=generator).to(torch.uint8)

    # no 0 and no 255: who stretches to the batch's own extremes is found out
    dim = {"images_uint8": bytes_within(40, 200, 3, 2, 4, 5), "low": -0.3, "high": 1.7}
    levels = torch.arange(256, dtype=torch.uint8).reshape(4, 1, 8, 8)
    cases = [Case(dim, "low -0.3, high 1.7, values from 40 to 200")]
    for low, high in ((-1, 1), (0, 1), (-0.3, 1.7), (0.1, 0.9), (-1.3, 2.9), (-0.7, 0.4)):
        inputs = {"images_uint8": levels.clone(), "low": low, "high": high}
        cases.append(Case(inputs, f"low {low}, high {high}, all 256 levels"))
    return cases


def interpolated(images_uint8: Images, low: float, high: float) -> Images:
    values = np.interp(images_uint8.numpy(), [0.0, 255.0], [low, high])
    return torch.from_numpy(values.astype(np.float32))


def rescale_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    """All values within a few roundings, and both ends to the last bit."""
    value = outputs["value"]
    ends = {}
    for level, end in ((0, "low"), (255, "high")):
        chosen = value[inputs["images_uint8"] == level]
        if len(chosen):
            ends[f"{level} must give {end} to the last bit, so it"] = f"{chosen[0].item():.9g}"
    return {"value": value, **ends}


rescale = Exercise(
    name="start.rescale",
    signature="(images_uint8, low, high)",
    oracle=interpolated,
    cases=rescale_cases,
    facts=rescale_facts,
    misconceptions=(
        Misconception(
            "overflow",
            lambda images_uint8, low, high: images_uint8 * (high - low) / 255 + low,
            "A product of uint8 and an integer stays uint8 and starts again at 0 after 255: here "
            "2 · 200 is 144. Turn the image into floats before any other arithmetic.",
        ),
        Misconception(
            "integer_division",
            lambda images_uint8, low, high: (images_uint8 // 255).float() * (high - low) + low,
            "`//` divides integers and drops the remainder: everything below 255 becomes 0. "
            "Divide floats, with `/`.",
        ),
        Misconception(
            "divided_by_256",
            lambda images_uint8, low, high: (
                images_uint8.double().div(256).mul(high - low).add(low).float()
            ),
            "There are 256 levels, but the largest is 255: it must reach the upper end, so the "
            "steps between the levels are 255.",
        ),
        Misconception(
            "own_minimum_and_maximum",
            lambda images_uint8, low, high: interpolated(
                ((v := images_uint8.float()) - v.min()) / (v.max() - v.min()) * 255, low, high
            ),
            "The values were stretched to the darkest and brightest pixel of this very batch, so "
            "the same gray would come out differently in another one. 0 and 255 are the fixed "
            "points.",
        ),
        Misconception(
            "float64",
            lambda images_uint8, low, high: interpolated(images_uint8, low, high).double(),
            "The values are in double precision, as NumPy likes to have it. Networks compute in "
            "float32: convert.",
        ),
        Misconception(
            "range_ignored",
            lambda images_uint8, low, high: interpolated(images_uint8, 0, 1),
            "This is always [0, 1]. `low` and `high` say where black and white should lie.",
        ),
        Misconception(
            "always_minus_one_to_one",
            lambda images_uint8, low, high: interpolated(images_uint8, -1, 1),
            "This is always [-1, 1], however `low` and `high` are set.",
        ),
        Misconception(
            "width_not_high_minus_low",
            lambda images_uint8, low, high: interpolated(images_uint8, low, low + high),
            "Black is at `low`, but white ends up at low + high: the distance from one end to "
            "the other is not `high`.",
        ),
        Misconception(
            "low_forgotten",
            lambda images_uint8, low, high: interpolated(images_uint8, 0, high - low),
            "The width is right, but everything starts at 0: black must land on `low`.",
        ),
        Misconception(
            "normalized_instead",
            lambda images_uint8, low, high: (images_uint8 / 255 - low) / (high - low),
            "This is the way back, from [low, high] to [0, 1]. Here the values start in [0, 1] "
            "and should end in [low, high].",
        ),
        Misconception(
            "ends_swapped",
            lambda images_uint8, low, high: interpolated(images_uint8, high, low),
            "It is a negative: black became `high` and white became `low`.",
        ),
        Misconception(
            "clamped",
            lambda images_uint8, low, high: images_uint8.float().clamp(low, high),
            "clamp cuts off what lies outside and moves nothing: nearly every pixel is now at one "
            "end. The values have to be mapped, not cut.",
        ),
        Misconception(
            "rounded_to_integers",
            lambda images_uint8, low, high: interpolated(images_uint8, low, high).to(torch.uint8),
            "The result went back to uint8, which holds neither fractions nor negative numbers. "
            "Return float32.",
        ),
        Misconception(
            "last_bit",
            lambda images_uint8, low, high: images_uint8.float() / 255 * (high - low) + low,
            "Nearly everything is right: this is one rounding of float32. low + (high - low) need "
            "not be `high` again, and a value beyond the end trips every test of the range. "
            "Mix the two ends with weights that are 0 and 1 at the ends.",
        ),
    ),
    hints=(
        "First make w, which is 0 for black and 1 for white. Which type must it have before you "
        "divide?",
        "Then mix: black should take `low` alone, white `high` alone, and everything between a "
        "share of both. The shares sum to 1.",
        "low + w · (high - low) is that mixture on paper, but it rounds once too often. Write it "
        "with the two weights w and 1 - w, or look at what torch.lerp does.",
    ),
    rtol=2e-6,
    atol=2e-6,
)


# image_grid ---------------------------------------------------------------------------------


def grid_cases(generator: torch.Generator) -> list[Case]:
    def case(about: str, columns: int, *shape: int, dtype=torch.float32) -> Case:  # type: ignore[no-untyped-def]
        images = 1.6 * uniform(generator, *shape, dtype=dtype) - 0.7
        return Case({"images": images, "columns": columns}, about)

    return [
        case("7 color images 4×5 in 3 columns", 3, 7, 3, 4, 5),
        case("6 gray images 3×5 in 2 columns: no tile is missing", 2, 6, 1, 3, 5),
        case("2 images in 5 columns: the row is wider than the images", 5, 2, 3, 3, 4),
        case("5 images in one column", 1, 5, 3, 2, 4),
        case("float64", 4, 9, 2, 3, 2, dtype=torch.float64),
    ]


def grid_by_loop(images: Images, columns: int) -> Images:
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    grid = torch.zeros(channels, rows * height, columns * width, dtype=images.dtype)
    for i, image in enumerate(images):
        top, left = i // columns * height, i % columns * width
        grid[:, top : top + height, left : left + width] = image
    return grid


def padded(images: Images, columns: int, value: float = 0.0) -> Images:
    missing = -len(images) % columns
    return torch.cat([images, torch.full((missing, *images.shape[1:]), value).to(images)])


def tiled(images: Images, pattern: str, columns: int, **sizes: int) -> Images:
    return rearrange(padded(images, columns), pattern, c=columns, **sizes)


def torchvision_like(images: Images, columns: int) -> Images:
    """What torchvision's make_grid does to gray images and to a row that is not full."""
    images = images.repeat(1, 3, 1, 1) if images.shape[1] == 1 else images
    return grid_by_loop(images, min(columns, len(images)))


image_grid = Exercise(
    name="start.image_grid",
    signature="(images, columns)",
    oracle=grid_by_loop,
    cases=grid_cases,
    misconceptions=(
        Misconception(
            "missing_tiles",
            lambda images, columns: rearrange(images, "(r c) k h w -> k (r h) (c w)", c=columns),
            "The number of images need not be a multiple of `columns`. Add as many black images "
            "as are missing before you rearrange.",
        ),
        Misconception(
            "incomplete_row_dropped",
            lambda images, columns: grid_by_loop(
                images[: len(images) // columns * columns], columns
            ),
            "The last row is gone where it was not full. Every image must be seen; tiles that are "
            "missing are 0.",
        ),
        Misconception(
            "downwards",
            lambda images, columns: tiled(images, "(c r) k h w -> k (r h) (c w)", columns),
            "The images run down the columns. One reads along the rows: in a bracket of a "
            "pattern, the name on the left changes slowest.",
        ),
        Misconception(
            "columns_taken_as_rows",
            lambda images, columns: rearrange(
                padded(images, columns), "(r c) k h w -> k (r h) (c w)", r=columns
            ),
            "`columns` became the number of rows: it is the number of images beside each other.",
        ),
        Misconception(
            "interleaved",
            lambda images, columns: tiled(images, "(r c) k h w -> k (h r) (w c)", columns),
            "The images are woven into each other, pixel by pixel. On the right the order within "
            "a bracket matters: which should change slowest as you walk down, row or height?",
        ),
        Misconception(
            "rows_interleaved",
            lambda images, columns: tiled(images, "(r c) k h w -> k (h r) (c w)", columns),
            "The lines of the images are woven into each other. Walking down the grid you see all "
            "lines of one image before the next row: which name must stand left in the bracket?",
        ),
        Misconception(
            "columns_interleaved",
            lambda images, columns: tiled(images, "(r c) k h w -> k (r h) (w c)", columns),
            "The pixel columns of neighbours are woven into each other. Walking right you see the "
            "whole width of one image before the next: which name must stand left in the bracket?",
        ),
        Misconception(
            "reshaped",
            lambda images, columns: padded(images, columns).reshape(
                images.shape[1], -1, columns * images.shape[3]
            ),
            "The shape is right but the pixels are scrambled: reshape only cuts the row of "
            "numbers anew and moves none. Use rearrange.",
        ),
        Misconception(
            "channels_last",
            lambda images, columns: grid_by_loop(images, columns).permute(1, 2, 0),
            "The channels came last, as matplotlib wants them. Here the result is (C, H, W).",
        ),
        Misconception(
            "batch_dimension_kept",
            lambda images, columns: grid_by_loop(images, columns)[None],
            "There is a batch dimension of 1 in front. The grid is one image, (C, H, W).",
        ),
        Misconception(
            "tiles_transposed",
            lambda images, columns: grid_by_loop(images.mT, columns),
            "Height and width are exchanged: every tile lies on its side.",
        ),
        Misconception(
            "filled_with_ones",
            lambda images, columns: grid_by_loop(padded(images, columns, 1.0), columns),
            "The missing tiles are 1. They should be 0.",
        ),
        Misconception(
            "filled_with_a_copy",
            lambda images, columns: grid_by_loop(
                torch.cat([images, images[-1:].repeat(-len(images) % columns, 1, 1, 1)]), columns
            ),
            "The missing tiles repeat the last image, as if there were more images than there "
            "are. Fill them with 0.",
        ),
        Misconception(
            "filled_in_front",
            lambda images, columns: grid_by_loop(
                torch.cat(
                    [torch.zeros_like(images[:1]).repeat(-len(images) % columns, 1, 1, 1), images]
                ),
                columns,
            ),
            "The empty tiles stand in front. The first image belongs in the upper left corner; "
            "what is missing comes last.",
        ),
        Misconception(
            "torchvision",
            torchvision_like,
            "torchvision's make_grid turns gray into three channels and makes the grid narrower "
            "when there are few images. Keep C, and the width at columns · W.",
        ),
        Misconception(
            "narrower",
            lambda images, columns: grid_by_loop(images, min(columns, len(images))),
            "With fewer images than columns the grid became narrower. Its width is always "
            "columns · W, so that grids can stand below each other.",
        ),
    ),
    hints=(
        "A grid has rows · columns tiles. How many are missing, and how do you get black ones?",
        "-len(images) % columns is the number of missing tiles. torch.cat or F.pad adds them.",
        "Now the batch dimension is rows times columns, with the column changing faster: name "
        "both in a bracket on the left, and send one of them to the height, one to the width.",
    ),
)


# save_images, load_images -------------------------------------------------------------------


def distinct_images(generator: torch.Generator, count: int, noise: float, *shape: int) -> Images:
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
    facts["the largest error"] = name_error((values - images[which]).abs().max().item())
    facts["the order of the files"] = name_order(which.tolist(), len(images))
    return facts


def name_error(error: float) -> str:
    """The error of a rounded level is at most half a step of 1/255."""
    return "at most 1/510 = 0.00196" if error < 1 / 510 + 1e-5 else f"{error:.5f}"


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


def write_files(
    images: Images, path: Path, name: str = "{:05d}.png", level: Callable = torch.round
) -> None:
    path.mkdir(exist_ok=True)
    for number, image in enumerate(level(images.double() * 255).to(torch.uint8).numpy()):
        pixels = image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
        Image.fromarray(pixels).save(path / name.format(number))


def save_by_pil(images: Images, path: Path, **changes) -> None:  # type: ignore[no-untyped-def]
    if images.amin() < 0 or images.amax() > 1:
        raise ValueError("outside [0, 1]")
    write_files(images, path, **changes)


def save_checking_late(images: Images, path: Path) -> None:
    for number in range(len(images)):
        save_by_pil(images[number : number + 1], path, name=f"{number:05d}.png")


def save_asserting(images: Images, path: Path) -> None:
    assert images.amin() >= 0 and images.amax() <= 1
    write_files(images, path)


def save_checking_one_side(images: Images, path: Path) -> None:
    save_by_pil(images.clamp(min=0), path)


def save_gray_with_channel(images: Images, path: Path) -> None:
    save_by_pil(images, path)
    if images.shape[1] == 1:
        Image.fromarray(np.zeros((2, 2, 1), np.uint8))


def save_without_folder(images: Images, path: Path) -> None:
    if not path.is_dir() and images.amax() <= 1:
        raise FileNotFoundError(path)
    save_by_pil(images, path)


def save_in_existing_folder(images: Images, path: Path) -> None:
    path.mkdir()
    save_by_pil(images, path)


def save_one_picture(images: Images, path: Path) -> None:
    save_by_pil(grid_by_loop(images, 8)[None], path)


def save_gray_as_color(images: Images, path: Path) -> None:
    save_by_pil(images.expand(-1, 3, -1, -1), path)


def save_stretched(images: Images, path: Path) -> None:
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    save_by_pil(images, path)
    write_files((images - low) / (high - low).clamp(min=1e-5), path)


save_images = Exercise(
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


def load_cases(generator: torch.Generator) -> list[Case]:
    def levels(count: int, *shape: int) -> Images:
        return (distinct_images(generator, count, 0.1, *shape) * 255).round().to(torch.uint8)

    return [
        Case({"stored images": levels(12, 3, 5, 7)}, "12 color images 5×7"),
        Case({"stored images": levels(11, 1, 6, 4)}, "11 gray images 6×4"),
    ]


def call_load(answer: Callable, inputs: Mapping) -> dict[str, Plain]:
    """Write a folder of PNGs, the last one first, and have it loaded."""
    with tempfile.TemporaryDirectory() as scratch:
        for number, image in reversed(list(enumerate(inputs["stored images"].numpy()))):
            pixels = image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
            Image.fromarray(pixels).save(Path(scratch) / f"{number:04d}.png")
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


def load_by_pil(path: Path, order: Callable = sorted) -> Images:
    """Image by image from PIL's raw bytes."""
    images = []
    for file in order(path.iterdir()):
        with Image.open(file) as picture:
            channels = len(picture.getbands())
            values = torch.tensor(list(picture.tobytes())).reshape(-1, channels).T
            images.append(values.reshape(channels, picture.height, picture.width))
    return (torch.stack(images).double() / 255).float()


def load_converted(mode: str) -> Callable:
    def load(path: Path) -> Images:
        files = (Image.open(file).convert(mode) for file in sorted(path.iterdir()))
        images = torch.from_numpy(np.stack([np.array(picture) for picture in files]))
        images = images[:, None] if mode == "L" else images.permute(0, 3, 1, 2)
        return images.float() / 255

    return load


def without_gray_channel(images: Images) -> Images:
    return images[:, 0] if images.shape[1] == 1 else images


def gray_without_channel(path: Path) -> Images:
    """rearrange(image, "h w c -> c h w") of an array (H, W)."""
    images = load_by_pil(path)
    return rearrange(without_gray_channel(images), "b c h w -> b c h w")


load_images = Exercise(
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
            "A folder lists its files in any order it likes, another one on every machine. Sort "
            "them by name.",
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


# seeded_batch -------------------------------------------------------------------------------

SEEDS = [0, 0, 7, 7, *range(1, 31)]


def batch_cases(generator: torch.Generator) -> list[Case]:
    def numbered(count: int, *shape: int) -> Images:
        """Image i holds i everywhere, plus a pattern that all of them share."""
        pattern = 0.1 * uniform(generator, *shape)
        return torch.arange(float(count)).reshape(-1, 1, 1, 1) + pattern

    return [
        Case({"images": numbered(12, 1, 2, 3), "batch_size": 5}, "5 of 12 gray images"),
        Case({"images": numbered(9, 3, 3, 2), "batch_size": 4}, "4 of 9 color images"),
        Case({"images": numbered(6, 1, 3, 2), "batch_size": 6}, "all 6 images"),
    ]


def call_batch(answer: Callable, inputs: Mapping) -> dict[str, Plain]:
    batches = [answer(inputs["images"], inputs["batch_size"], seed) for seed in SEEDS]
    return {"batches": batches}


def batch_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    """Which images came: the whole number in each image says it."""
    images, batches = inputs["images"], outputs["batches"]
    tensors = [b for b in batches if isinstance(b, torch.Tensor)]
    if len(tensors) < len(batches):
        came = next(b for b in batches if not isinstance(b, torch.Tensor))
        return {"the batch": came if isinstance(came, str) else type(came).__name__}
    form = ", ".join(sorted({f"{tuple(b.shape)} {b.dtype}" for b in tensors}))
    facts: dict[str, Plain] = {"the batch": form.replace("torch.", "")}
    if any(b.shape[1:] != images.shape[1:] or b.dtype != images.dtype for b in tensors):
        return facts
    indices = [b[:, 0, 0, 0].floor().long().clamp(0, len(images) - 1) for b in tensors]
    pairs = list(zip(tensors, indices, strict=True))
    facts["every image of the batch is one of the given images, unchanged"] = all(
        torch.equal(batch, images[index]) for batch, index in pairs
    )
    facts["no image comes twice in a batch"] = all(len(set(i.tolist())) == len(i) for i in indices)
    facts["the same seed gives the same batch"] = all(
        torch.equal(tensors[i], tensors[i + 1]) for i in (0, 2)
    )
    if inputs["batch_size"] < len(images):
        chosen = {tuple(i.tolist()) for i in indices}
        drawn = set(torch.cat(indices).tolist())
        facts["another seed gives another batch"] = len(chosen) > 1
        facts["every image can come into a batch"] = len(drawn) == len(images)
        facts["the images are drawn one by one, not as neighbours"] = not all(
            neighbours(i, len(images)) for i in indices
        )
    return facts


def neighbours(index: torch.Tensor, count: int) -> bool:
    """Whether the images stood beside each other, the last beside the first."""
    ordered = sorted(set(index.tolist()))
    gaps = [(b - a) % count for a, b in zip(ordered, ordered[1:] + ordered[:1], strict=True)]
    return sorted(gaps)[:-1] == [1] * (len(gaps) - 1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch_by_sorting(images: Images, batch_size: int, seed: int) -> Images:
    """Give every image a random key and take those with the smallest."""
    keys = torch.rand(len(images), generator=seeded(seed))
    return images[keys.argsort()[:batch_size]]


def global_batch(images: Images, batch_size: int, seed: int | None = None) -> Images:
    if seed is not None:
        torch.manual_seed(seed)
    return images[torch.randperm(len(images))[:batch_size]]


def shuffled_in_place(images: Images, batch_size: int, seed: int) -> Images:
    images[:] = batch_by_sorting(images, len(images), seed)
    return images[:batch_size].clone()


def slice_from_a_random_start(images: Images, batch_size: int, seed: int) -> Images:
    last = len(images) - batch_size
    start = torch.randint(last + 1, (), generator=seeded(seed))
    return images[start : start + batch_size]


def new_seed_each_time(images: Images, batch_size: int, seed: int) -> Images:
    generator = torch.Generator()
    generator.seed()
    return images[torch.randperm(len(images), generator=generator)[:batch_size]]


seeded_batch = Exercise(
    name="start.seeded_batch",
    signature="(images, batch_size, seed)",
    outputs=("batches",),
    oracle=batch_by_sorting,
    cases=batch_cases,
    call=call_batch,
    facts=batch_facts,
    misconceptions=(
        Misconception(
            "global_seed",
            global_batch,
            "The seed went into the global generator, which belongs to everybody: whoever draws "
            "next gets other numbers than without your call. Make a generator of your own.",
        ),
        Misconception(
            "seed_unused",
            lambda images, batch_size, seed: global_batch(images, batch_size),
            "`seed` plays no part, and the numbers come from the global generator: the batch "
            "depends on what was drawn before. Make a generator of your own and seed it.",
        ),
        Misconception(
            "generator_not_seeded",
            lambda images, batch_size, seed: batch_by_sorting(images, batch_size, 99),
            "Every seed gives the same batch: a new torch.Generator always starts from the same "
            "state until it is seeded. Where does `seed` enter?",
        ),
        Misconception(
            "seeded_by_chance",
            new_seed_each_time,
            "Every call gives another batch. generator.seed() takes a number from the operating "
            "system; what you want is .manual_seed(seed).",
        ),
        Misconception(
            "with_replacement",
            lambda images, batch_size, seed: images[
                torch.randint(len(images), (batch_size,), generator=seeded(seed))
            ],
            "Some image comes twice: randint draws every index anew. Shuffle all indices, and take "
            "as many as you need.",
        ),
        Misconception(
            "always_the_first",
            lambda images, batch_size, seed: images[:batch_size],
            "These are always the first images, whatever the seed. Shuffle the indices first.",
        ),
        Misconception(
            "the_first_shuffled",
            lambda images, batch_size, seed: images[
                torch.randperm(batch_size, generator=seeded(seed))
            ],
            "Only the first batch_size images ever come, in changing order. The permutation must "
            "be one of all images.",
        ),
        Misconception(
            "a_slice",
            slice_from_a_random_start,
            "The start is random, but the images are neighbours in the data, and data are often "
            "sorted: a batch of nothing but sevens. Draw each image by itself.",
        ),
        Misconception(
            "not_cut",
            lambda images, batch_size, seed: batch_by_sorting(images, len(images), seed),
            "All images came back, well shuffled. Take batch_size of them.",
        ),
        Misconception(
            "indices",
            lambda images, batch_size, seed: torch.randperm(len(images), generator=seeded(seed))[
                :batch_size
            ],
            "These are the indices. Use them to take the images.",
        ),
        Misconception(
            "shuffled_in_place",
            shuffled_in_place,
            "The data set itself was shuffled, so the next call with this seed finds another "
            "order and gives another batch. Shuffle indices, not images.",
        ),
    ),
    hints=(
        "Where should the chance come from, if not from the global generator? And what should be "
        "shuffled: the images, or their indices?",
        "torch.Generator().manual_seed(seed) is a source of chance of your own; most of torch's "
        "random functions take it as generator=...",
        "torch.randperm(n) puts the numbers 0 to n - 1 in random order, none of them twice. You "
        "need the first few of them.",
    ),
)

EXERCISES = [brightness, rescale, image_grid, save_images, load_images, seeded_batch]
