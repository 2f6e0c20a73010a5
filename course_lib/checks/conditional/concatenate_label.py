"""Check of `concatenate_label`. Oracle: one plane filled at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal


def label_cases(generator: torch.Generator) -> list[Case]:
    def inputs(
        labels: list[int], channels: int, height: int, width: int, classes: int, dtype=torch.float32
    ) -> dict:
        images = normal(generator, len(labels), channels, height, width, dtype=dtype)
        return {"images": images, "labels": torch.tensor(labels), "classes": classes}

    differentiable = ("images",)
    return [
        # 5 images, 2 channels, 4 classes of which one has no image, 3 × 7 pixels: all differ
        Case(inputs([2, 0, 3, 3, 0], 2, 3, 7, 4), gradients=differentiable),
        Case(inputs([1, 0, 1], 1, 4, 3, 6), "classes that no label names"),
        Case(inputs([0], 3, 2, 3, 2), "a batch of one"),
        Case(inputs([3, 1, 0, 4], 1, 4, 4, 5, torch.float64), "in float64"),
        Case(inputs([2, 0, 1], 1, 2, 4, 3, torch.float16), "in float16"),
    ]


def by_loop(images: Tensor, labels: Tensor, classes: int) -> Tensor:
    """A stack of zeros, of which one plane an image becomes ones."""
    planes = images.new_zeros(len(images), classes, *images.shape[2:])
    for planes_of_one, label in zip(planes, labels.tolist(), strict=True):
        planes_of_one[label] = 1.0
    return torch.cat((images, planes), 1)


def one_hot(labels: Tensor, classes: int, like: Tensor) -> Tensor:
    return F.one_hot(labels, classes).to(like.dtype)


def with_planes(make: Callable[[Tensor, Tensor, int], Tensor]) -> Callable:
    """What `make(images, labels, classes)` gives behind the image's channels."""
    return lambda images, labels, classes: torch.cat((images, make(images, labels, classes)), 1)


def spread_out(rows: Tensor, images: Tensor) -> Tensor:
    return rows[:, :, None, None].expand(-1, -1, *images.shape[2:])


def as_number(scale: Callable[[int], float]) -> Callable:
    def make(images, labels, classes):
        return spread_out(labels[:, None].to(images.dtype) * scale(classes), images)

    return with_planes(make)


def changed_planes(change: Callable[[Tensor], Tensor]) -> Callable:
    return with_planes(lambda x, y, k: spread_out(change(one_hot(y, k, x)), x))


def planes_first(images, labels, classes):
    planes = spread_out(one_hot(labels, classes, images), images)
    return torch.cat((planes, images), 1)


def planes_alone(images, labels, classes):
    return spread_out(one_hot(labels, classes, images), images)


def one_pixel(images, labels, classes):
    planes = torch.zeros_like(spread_out(one_hot(labels, classes, images), images))
    planes[:, :, 0, 0] = one_hot(labels, classes, images)
    return planes


def in_place_of_channels(images, labels, classes):
    number = labels.to(images.dtype)[:, None, None, None]
    return images + number


def as_row(images, labels, classes):
    return torch.cat((images.flatten(1), one_hot(labels, classes, images)), 1)


def unexpanded(images, labels, classes):
    return torch.cat((images, one_hot(labels, classes, images)[:, :, None, None]), 1)


def expanded_to_the_image(images, labels, classes):
    planes = one_hot(labels, classes, images)[:, :, None, None].expand(images.shape)
    return torch.cat((images, planes), 1)


def axes_forgotten(images, labels, classes):
    return torch.cat((images, one_hot(labels, classes, images)), 1)


def axes_swapped(images, labels, classes):
    height, width = images.shape[2:]
    planes = one_hot(labels, classes, images)[:, :, None, None].expand(-1, -1, width, height)
    return torch.cat((images, planes), 1)


def as_wide_as_high(images, labels, classes):
    side = images.shape[2]
    planes = one_hot(labels, classes, images)[:, :, None, None].expand(-1, -1, side, side)
    return torch.cat((images, planes), 1)


def plane_sizes_of_28(images, labels, classes):
    planes = one_hot(labels, classes, images)[:, :, None, None].expand(-1, -1, 28, 28)
    return torch.cat((images, planes), 1)


def added_to_channels(images, labels, classes):
    return images + spread_out(one_hot(labels, classes, images), images)


def times_the_channels(images, labels, classes):
    planes = images * spread_out(one_hot(labels, classes, images), images)
    return torch.cat((images, planes), 1)


def cast_to_integers(images, labels, classes):
    planes = spread_out(F.one_hot(labels, classes), images)
    return torch.cat((images.to(planes.dtype), planes), 1)


def viewed_as_planes(images, labels, classes):
    """The row repeated for every pixel, then read as planes."""
    height, width = images.shape[2:]
    rows = one_hot(labels, classes, images).repeat(1, height * width)
    return rows.view(len(labels), classes, height, width)


def along_the_batch(images, labels, classes):
    return torch.cat((images, spread_out(one_hot(labels, classes, images), images)))


def along(axis: int) -> Callable:
    return lambda images, labels, classes: torch.cat(
        (images, spread_out(one_hot(labels, classes, images), images)), axis
    )


def side_by_side(images, labels, classes):
    return torch.stack((images, spread_out(one_hot(labels, classes, images), images)), 1)


def row_repeated(images, labels, classes):
    """Four numbers for two axes: repeat puts the new ones in front."""
    return torch.cat((images, one_hot(labels, classes, images).repeat(1, 1, *images.shape[2:])), 1)


def one_column(images, labels, classes):
    planes = one_hot(labels, classes, images)[:, :, None, None].expand(-1, -1, len(images[0, 0]), 1)
    return torch.cat((images, planes), 1)


def planes_and_batch_swapped(images, labels, classes):
    planes = spread_out(one_hot(labels, classes, images), images)
    return torch.cat((images, planes.transpose(0, 1)), 1)


def images_indexed(images, labels, classes):
    planes = images.new_zeros(len(images), classes, *images.shape[2:])
    planes[labels] = 1
    return torch.cat((images, planes), 1)


def as_many_as_channels(images, labels, classes):
    planes = torch.zeros_like(images)
    planes[torch.arange(len(images)), labels] = 1
    return torch.cat((images, planes), 1)


def scattered_row(images, labels, classes):
    planes = images.new_zeros(len(images), classes, *images.shape[2:])
    return torch.cat((images, planes.scatter(1, labels, 1)), 1)


def written_into(images, labels, classes):
    images[:, 0] = labels[:, None, None]
    return images


def random_table(images, labels, classes):
    return nn.Embedding(classes, classes)(labels)


def channels_last(images, labels, classes):
    return by_loop(images, labels, classes).movedim(1, -1)


def detached(images, labels, classes):
    return by_loop(images.detach(), labels, classes)


def labels_mixed(images, labels, classes):
    """A plane a label, repeated along the wrong axis and reshaped."""
    rows = one_hot(labels, classes, images)
    return rows.T.reshape(len(labels), classes)


EXERCISE = Exercise(
    name="conditional.concatenate_label",
    signature="(images, labels, classes)",
    outputs=("planes",),
    entry="image",
    oracle=by_loop,
    cases=label_cases,
    misconceptions=(
        Misconception(
            "label_as_a_number",
            as_number(lambda classes: 1.0),
            "There is one plane, and the label stands in it as a number. That would say that a 3 "
            "lies between a 2 and a 4: give each class a plane of its own, of zeros or ones.",
            also=(
                as_number(lambda classes: 1 / classes),
                as_number(lambda classes: 1 / max(classes - 1, 1)),
                with_planes(lambda x, y, k: torch.ones_like(x) * y[:, None, None, None]),
            ),
        ),
        Misconception(
            "number_in_every_plane",
            with_planes(
                lambda x, y, k: spread_out(y[:, None].expand(-1, k).to(x.dtype), x),
            ),
            "Every plane holds the label as a number. The planes are one-hot: 1 in the plane of "
            "the label, 0 in the others.",
        ),
        Misconception(
            "integers",
            cast_to_integers,
            "The result holds whole numbers: F.one_hot gives integers, and the images were cast to "
            "them, which cuts every gray value off. Cast the planes to the images' dtype instead.",
        ),
        Misconception(
            "planes_in_float32",
            with_planes(lambda x, y, k: spread_out(F.one_hot(y, k).float(), x)),
            "The planes are float32 whatever the images are, and torch.cat gives the wider of two "
            "dtypes. Give the planes the images' dtype: half precision stays half.",
        ),
        Misconception(
            "classes_from_the_labels",
            with_planes(lambda x, y, k: spread_out(F.one_hot(y).to(x.dtype), x)),
            "The number of planes follows the largest label of the batch. A batch without the last "
            "classes then has too few channels for the network: `classes` says how many.",
            also=(with_planes(lambda x, y, k: spread_out(one_hot(y, int(y.max()) + 1, x), x)),),
        ),
        Misconception(
            "ten_classes",
            with_planes(lambda x, y, k: spread_out(one_hot(y, 10, x), x)),
            "There are ten planes whatever `classes` says: the number 10 is written somewhere.",
        ),
        Misconception(
            "planes_first",
            planes_first,
            "The planes come first. The image's own channels stand in front, the planes behind.",
        ),
        Misconception(
            "images_forgotten",
            planes_alone,
            "These are the planes alone. The image's channels stay in front of them.",
        ),
        Misconception(
            "one_pixel",
            with_planes(one_pixel),
            "Only one pixel of a plane is 1. The whole plane is: a convolution must meet the label "
            "wherever it stands on the image.",
        ),
        Misconception(
            "plus_and_minus_one",
            changed_planes(lambda rows: 2 * rows - 1),
            "The planes of the other classes are -1. They are 0, so that they add nothing to what "
            "a convolution computes.",
        ),
        Misconception(
            "inverted",
            changed_planes(lambda rows: 1 - rows),
            "Zeros and ones changed places: the label's own plane is 1, the others are 0.",
        ),
        Misconception(
            "one_too_far",
            changed_planes(lambda rows: rows.roll(1, 1)),
            "The planes are off by one. Labels count from 0: label 0 has the first plane.",
            also=(changed_planes(lambda rows: rows.roll(-1, 1)),),
        ),
        Misconception(
            "counted_from_one",
            changed_planes(lambda rows: torch.cat((rows[:, 1:], torch.zeros_like(rows[:, :1])), 1)),
            "Label 0 has no plane, and all others are one too early. Labels count from 0: label 0 "
            "has the first plane.",
        ),
        Misconception(
            "viewed_as_planes",
            with_planes(viewed_as_planes),
            "Zeros and ones are mixed within a plane: the one-hot row was repeated as a row, and "
            "view or reshape then read its numbers in another order. Give the row two axes of "
            "length 1 and expand those.",
        ),
        Misconception(
            "counted_backward",
            changed_planes(lambda rows: rows.flip(1)),
            "The planes are in reversed order: label 0 has the first plane, not the last.",
        ),
        Misconception(
            "images_have_others_labels",
            changed_planes(lambda rows: rows.flip(0)),
            "The right planes stand behind the wrong images. Image i has the plane of labels[i].",
            also=(
                changed_planes(lambda rows: rows.roll(1, 0)),
                with_planes(lambda x, y, k: spread_out(labels_mixed(x, y, k), x)),
            ),
        ),
        Misconception(
            "labels_of_the_whole_batch",
            changed_planes(lambda rows: rows.amax(0, keepdim=True).expand_as(rows)),
            "Every image has the planes of all labels in the batch. An index such as [:, labels] "
            "takes all rows with all labels: pair image i with labels[i].",
        ),
        Misconception(
            "first_label_for_all",
            changed_planes(lambda rows: rows[:1].expand_as(rows)),
            "All images have the first one's label. Each has its own.",
        ),
        Misconception(
            "every_plane_of_ones",
            changed_planes(torch.ones_like),
            "Every plane is 1, whatever the label. Only that of the image's own label is.",
        ),
        Misconception(
            "no_plane_of_ones",
            changed_planes(torch.zeros_like),
            "All planes are 0: no label stands in any. That of the image's label is 1 everywhere.",
        ),
        Misconception(
            "cast_to_float32",
            lambda x, y, k: by_loop(x, y, k).float(),
            "The result is float32 whatever the images are. It keeps their dtype: cast the planes, "
            "not the whole.",
        ),
        Misconception(
            "two_results",
            lambda x, y, k: (x, planes_alone(x, y, k)),
            "Images and planes come back as two things. Join them to one tensor, along the "
            "channels.",
        ),
        Misconception(
            "image_in_the_plane",
            with_planes(lambda x, y, k: x[:, :1] * spread_out(one_hot(y, k, x), x)),
            "The plane of the label is a copy of the image. It is constant: 1 everywhere.",
        ),
        Misconception(
            "added_to_the_image",
            in_place_of_channels,
            "The label was added to the pixels. Image and label keep channels of their own: append "
            "the planes along the channels.",
        ),
        Misconception(
            "flattened",
            as_row,
            "The image became a row of numbers with the label behind it. For a convolution the "
            "label must be a picture, too: planes of the image's size.",
        ),
        Misconception(
            "channels_last",
            channels_last,
            "The channels stand last, as in TensorFlow. PyTorch wants them second: (B, C + K, H, "
            "W).",
        ),
        Misconception(
            "not_as_many_as_images",
            row_repeated,
            "The planes' first axis is not the batch any more: a repeat, an expand or a transpose "
            "put another one there. Asked for more axes than a tensor has, repeat and expand add "
            "theirs in front. Give the row (B, K) its two axes of length 1 behind, then stretch.",
            error="dimension 1. Expected size 5 but got size",
            also=(planes_and_batch_swapped,),
        ),
        Misconception(
            "plane_of_one_pixel",
            unexpanded,
            "The planes are one pixel high or one pixel wide, and the images are not. torch.cat "
            "does not broadcast: stretch the planes to the image's height and width first.",
            error="but got size 1 for tensor",
            also=(one_column,),
        ),
        Misconception(
            "planes_of_another_size",
            axes_swapped,
            "The planes have another height than the images: height and width were swapped, or the "
            "images were taken to be square, or 28 pixels high. Read both from images.shape.",
            error="dimension 1. Expected size 3 but got size",
            also=(plane_sizes_of_28,),
        ),
        Misconception(
            "planes_of_another_width",
            as_wide_as_high,
            "The planes have another width than the images, which need not be square. Read height "
            "and width from images.shape.",
            error="dimension 1. Expected size 7 but got size",
        ),
        Misconception(
            "added_to_channels",
            added_to_channels,
            "Planes and channels were combined number by number, and there are not equally many of "
            "them. Image and planes lie behind one another, unchanged: torch.cat, along the "
            "channels.",
            error="at non-singleton dimension 1",
            also=(times_the_channels,),
        ),
        Misconception(
            "expanded_to_the_image",
            expanded_to_the_image,
            "expand was asked for as many planes as the image has channels. There are `classes` of "
            "them; -1 leaves an axis as long as it is.",
            error="must match the existing size",
        ),
        Misconception(
            "axes_forgotten",
            axes_forgotten,
            "The one-hot row has fewer axes than what it is joined to: no height and no width. "
            "Give it both first.",
            error="Tensors must have same number of dimensions",
        ),
        Misconception(
            "along_the_batch",
            along_the_batch,
            "torch.cat joined along the batch, which is its first axis and its default. The planes "
            "are channels: dim=1.",
            error="Sizes of tensors must match except in dimension 0",
        ),
        Misconception(
            "along_the_width",
            along(3),
            "torch.cat joined along the width of the pictures. The planes are channels: dim=1.",
            error="Sizes of tensors must match except in dimension 3",
        ),
        Misconception(
            "along_the_height",
            along(2),
            "torch.cat joined along the height of the pictures. The planes are channels: dim=1.",
            error="Sizes of tensors must match except in dimension 2",
        ),
        Misconception(
            "stacked",
            side_by_side,
            "torch.stack lays tensors of one shape side by side on a new axis. Images and planes "
            "are joined along an axis that both have: torch.cat.",
            error="stack expects each tensor to be equal size",
        ),
        Misconception(
            "labels_count_images",
            images_indexed,
            "The labels were used as an index of the first axis, which counts images. Image i has "
            "its 1s in plane labels[i]: an index for each of the two axes.",
            error="is out of bounds for dimension 0",
        ),
        Misconception(
            "as_many_planes_as_channels",
            as_many_as_channels,
            "The planes are as many as the image's channels, as zeros_like makes them, and a label "
            "goes beyond. There are `classes` of them.",
            error="is out of bounds for dimension 1 with size 2",
        ),
        Misconception(
            "index_with_fewer_axes",
            scattered_row,
            "scatter wants an index with as many axes as the planes have; labels have one. Give "
            "them three of length 1 and stretch those over the picture.",
            error="Index tensor must have the same number of dimensions as self tensor",
        ),
        Misconception(
            "images_written_into",
            written_into,
            "The images that came in were written into. Leave them as they are and make a new "
            "tensor, which is what torch.cat does.",
            error="is being used in an in-place operation",
        ),
        Misconception(
            "detached",
            detached,
            "No gradient reaches the images: they were detached or copied. The generator learns "
            "through this very gradient.",
            also=(lambda x, y, k: by_loop(torch.tensor(x.tolist(), dtype=x.dtype), y, k),),
        ),
        Misconception(
            "random_numbers",
            with_planes(lambda x, y, k: spread_out(random_table(x, y, k).to(x.dtype), x)),
            "Random numbers were drawn, as a new nn.Embedding draws them for its rows. The planes "
            "need none: zeros, and ones in the plane of the label.",
            drawing=True,
        ),
    ),
    hints=(
        "What shape must the planes of one label have, so that they can lie behind the image's "
        "channels?",
        "F.one_hot(labels, classes) is (B, K), of integers. Indexing with None adds an axis of "
        "length 1, .expand stretches it.",
        "torch.cat joins tensors along one axis, dim=1 here; all their other sizes must agree, and "
        "their dtypes had better.",
    ),
)
