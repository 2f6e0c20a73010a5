"""Check of `image_grid`. Oracle: a slow loop over the tiles."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import uniform


def grid_cases(generator: torch.Generator) -> list[Case]:
    def case(about: str, columns: int, *shape: int, dtype=torch.float32) -> Case:
        images = 1.6 * uniform(generator, *shape, dtype=dtype) - 0.7
        return Case({"images": images, "columns": columns}, about)

    return [
        case("7 color images 4×5 in 3 columns", 3, 7, 3, 4, 5),
        case("6 gray images 3×5 in 2 columns: no tile is missing", 2, 6, 1, 3, 5),
        case("2 images in 5 columns: the row is wider than the images", 5, 2, 3, 3, 4),
        case("5 images in one column", 1, 5, 3, 2, 4),
        case("float64", 4, 9, 2, 3, 2, dtype=torch.float64),
    ]


def grid_by_loop(images: Tensor, columns: int) -> Tensor:
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    grid = torch.zeros(channels, rows * height, columns * width, dtype=images.dtype)
    for i, image in enumerate(images):
        top, left = i // columns * height, i % columns * width
        grid[:, top : top + height, left : left + width] = image
    return grid


def padded(images: Tensor, columns: int, value: float = 0.0) -> Tensor:
    missing = -len(images) % columns
    return torch.cat([images, torch.full((missing, *images.shape[1:]), value).to(images)])


def tiled(images: Tensor, pattern: str, columns: int, **sizes: int) -> Tensor:
    return rearrange(padded(images, columns), pattern, c=columns, **sizes)


def torchvision_like(images: Tensor, columns: int) -> Tensor:
    """What torchvision's make_grid does to gray images and to a row that is not full."""
    images = images.repeat(1, 3, 1, 1) if images.shape[1] == 1 else images
    return grid_by_loop(images, min(columns, len(images)))


def make_grid(images: Tensor, columns: int) -> Tensor:
    """torchvision's, as it comes: three channels, two black pixels around every tile."""
    images = images.repeat(1, 3, 1, 1) if images.shape[1] == 1 else images
    columns = min(columns, len(images))
    return F.pad(grid_by_loop(F.pad(images, (0, 2, 0, 2)), columns), (2, 0, 2, 0))


EXERCISE = Exercise(
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
            also=(lambda images, columns: tiled(images, "(r c) k h w -> k (c h) (r w)", columns),),
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
            also=(
                lambda images, columns: (
                    padded(images, columns)
                    .permute(1, 0, 2, 3)
                    .reshape(images.shape[1], -1, columns * images.shape[3])
                ),
            ),
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
        Misconception(
            "filled_with_something",
            lambda images, columns: grid_by_loop(padded(images, columns, -1.0), columns),
            "The missing tiles hold another value. They should be 0, whatever the range of the "
            "images.",
            also=(
                lambda images, columns: grid_by_loop(padded(images, columns, 0.5), columns),
                lambda images, columns: grid_by_loop(
                    padded(images, columns, float("nan")), columns
                ),
                lambda images, columns: grid_by_loop(
                    padded(images, columns, images.min().item()), columns
                ),
                lambda images, columns: grid_by_loop(
                    padded(images, columns, images.mean().item()), columns
                ),
            ),
        ),
        Misconception(
            "one_row_too_many",
            lambda images, columns: grid_by_loop(
                torch.cat(
                    [images, images.new_zeros(columns - len(images) % columns, *images.shape[1:])]
                ),
                columns,
            ),
            "Where no tile is missing a whole empty row was added. What is missing lies between 0 "
            "and columns - 1.",
        ),
        Misconception(
            "clamped",
            lambda images, columns: grid_by_loop(images.clamp(0, 1), columns),
            "The values were clamped to [0, 1]. A grid moves values and changes none.",
        ),
        Misconception(
            "stretched",
            lambda images, columns: grid_by_loop(
                (images - images.min()) / (images.max() - images.min()), columns
            ),
            "The values were stretched. A grid moves values and changes none.",
        ),
        Misconception(
            "in_float32",
            lambda images, columns: grid_by_loop(images.float(), columns),
            "The dtype was changed. A grid moves values and changes none: it has the dtype of the "
            "images.",
        ),
        Misconception(
            "averaged_over_channels",
            lambda images, columns: grid_by_loop(images, columns).mean(0, keepdim=True),
            "The channels were averaged. Keep them all.",
            also=(lambda images, columns: grid_by_loop(images, columns)[:1],),
        ),
        Misconception(
            "last_image_first",
            lambda images, columns: grid_by_loop(images.flip(0), columns),
            "The images come in reverse. The first belongs in the upper left corner.",
            also=(lambda images, columns: grid_by_loop(images, columns).flip(1),),
        ),
        Misconception(
            "mirrored",
            lambda images, columns: grid_by_loop(images.flip(-1), columns),
            "Every tile is mirrored. Move the images as they are.",
            also=(
                lambda images, columns: grid_by_loop(images, columns).flip(2),
                lambda images, columns: grid_by_loop(images.flip(-2), columns),
            ),
        ),
        Misconception(
            "one_row_or_column",
            lambda images, columns: rearrange(images, "b k h w -> k h (b w)"),
            "All images stand in one row or one column. `columns` of them belong beside each "
            "other.",
            also=(lambda images, columns: rearrange(images, "b k h w -> k (b h) w"),),
        ),
        Misconception(
            "lines_between",
            lambda images, columns: grid_by_loop(F.pad(images, (0, 1, 0, 1)), columns),
            "There are lines between the tiles (torchvision's make_grid draws some). Here they "
            "touch: the grid is rows · H by columns · W.",
            also=(
                make_grid,
                lambda images, columns: grid_by_loop(F.pad(images, (1, 1, 1, 1)), columns),
            ),
        ),
    ),
    hints=(
        "A grid has rows · columns tiles. How many are missing, and how do you get black ones?",
        "-len(images) % columns is the number of missing tiles. torch.cat or F.pad adds them.",
        "Now the batch dimension is rows times columns, with the column changing faster: name "
        "both in a bracket on the left, and send one of them to the height, one to the width.",
    ),
)
