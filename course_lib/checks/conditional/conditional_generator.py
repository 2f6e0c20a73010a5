"""Check of `ConditionalGenerator`: any architecture will do, judged by what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Misconception, Plain
from ..module_exercises import fixed_sizes, image_mistakes, layer_mistakes, module_exercise
from ..module_facts import module_facts
from ..modules import as_list, examine, given, move_parameters
from ..random_inputs import normal
from ..ready import adapted
from ..wrong_modules import given_first, then, variant
from .networks import (
    AnyImages,
    LayersInAList,
    NormInAList,
    OneHotBesideTheTable,
    OneHotOfTen,
    OneHotOfTheBatch,
    SomeGenerator,
    TableInForward,
    WithoutLabel,
    along_the_batch,
    centered,
    combining,
    convolution_miscounted,
    entered_by,
    followed_by,
    given_labels,
    label_as_it_is,
    maps_forgotten,
    maps_miscounted,
    mean_row,
    noise_for_z,
    norm_miscounted,
    row_detached,
    stacked,
    table_given_z,
    zeros_for_row,
    zeros_for_z,
)

ARGUMENTS = "latent_dim, classes, image_size, channels, width"
SIZES = ((5, 4, 28, 1, 8), (3, 12, 32, 3, 6), (4, 3, 32, 1, 8))


def draw_inputs(
    generator: torch.Generator, batch: int, latent_dim: int, classes: int, **_: int
) -> dict[str, Tensor]:
    """Each label at least once, as far as the batch goes, in no order; the first are 1, 0."""
    labels = torch.arange(batch) % classes
    order = torch.randperm(batch - 2, generator=generator) + 2
    labels = torch.cat([torch.tensor([1, 0]), labels[order]])
    return {"z": normal(generator, batch, latent_dim), "labels": labels}


def examine_labels(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The examination of any module, and its images where labels change."""
    record = examine(answer, inputs)
    if record["outputs"] is None:
        return record | {"every label": None, "one label changed": None}
    module = answer(*inputs["arguments"].values())
    z, labels = given(inputs).values()
    module(z, labels)  # a lazy layer has its weights after a first call
    move_parameters(module.eval(), [z, labels], inputs["seed"])
    return record | images_by_label(module, z, labels, inputs["arguments"]["classes"])


@torch.no_grad()
def images_by_label(module: nn.Module, z: Tensor, labels: Tensor, classes: int) -> dict[str, Any]:
    """One z as every class; and the batch before and after its first label changes."""
    other = labels.clone()
    other[0] = (labels[0] + 1) % classes
    every = as_list(module(z[:1].expand(classes, -1), torch.arange(classes)))[0]
    both = torch.stack([module(z, labels), module(z, other)])
    return {"every label": every, "one label changed": both}


def generator_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    facts = form_and_label_facts(inputs, record)
    if record["outputs"] is None:
        return facts
    (images,) = record["outputs"]
    return facts | {
        "hardly any pixel is exactly 0": bool((images == 0).float().mean() < 0.1),
        "pixels do not pile up at exactly -1 and 1": not piled_up(images),
    }


def piled_up(images: Tensor) -> bool:
    """Whether a clamp was at work: many pixels at the ends, and hardly one close to them.

    A tanh rounds to 1 in float32 only from 9 on; where it does, many more lie between 3.8 and 9.
    """
    at_the_ends = (images.abs() == 1).float().mean()
    close_to_them = ((images.abs() > 0.999) & (images.abs() < 1)).float().mean()
    return bool(at_the_ends > 0.02 and close_to_them < at_the_ends / 20)


def form_and_label_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    facts = module_facts(inputs, record)
    drawn = record["every label"]
    if drawn is None:
        return facts
    before, after = record["one label changed"]
    still = (before[1:] - after[1:]).abs().max() < 1e-5 + 1e-3 * before.abs().max()
    gaps = torch.cdist(*2 * (drawn.flatten(1).double(),)).fill_diagonal_(torch.inf)
    labels: dict[str, Plain] = {
        "a label changes no other example's image": bool(still),
        "the label changes the image": bool((drawn - drawn[:1]).abs().max() > 1e-6),
        "every label gives an image of its own": bool(gaps.min() > 1e-5),
    }
    # before what a network that does not know the label lacks besides
    names = list(facts)
    place = next((i for i, name in enumerate(names) if name.startswith("parameters")), len(names))
    first = {name: facts[name] for name in names[:place]}
    return first | labels | {name: facts[name] for name in names[place:]}


EXERCISE = module_exercise(
    name="conditional.ConditionalGenerator",
    arguments=ARGUMENTS,
    sizes=SIZES,
    batches=(8, 15, 7),
    given=draw_inputs,
    gives=lambda image_size, channels, **_: {"images": [channels, image_size, image_size]},
    oracle=SomeGenerator,
    width="width",
    call=examine_labels,
    facts=generator_facts,
    misconceptions=(
        Misconception(
            "label_ignored",
            combining(zeros_for_row),
            "The same z gives the same image whatever is asked for: the label has no say. Append "
            "its row of self.embedding to z before the first layer.",
            also=(WithoutLabel, given_labels(torch.zeros_like)),
        ),
        Misconception(
            "z_ignored",
            combining(zeros_for_z),
            "z has no influence: for each label there is one image. Both go into the first layer, "
            "z and the row of the label.",
        ),
        Misconception(
            "draws_its_own_z",
            combining(noise_for_z),
            "Two calls with the same z and labels differ, in eval mode too: the network draws "
            "noise of its own. The caller draws z; the network is a function of z and label.",
        ),
        Misconception(
            "first_label_for_all",
            given_labels(lambda labels: labels[:1].expand_as(labels)),
            "All images of a batch follow one label: the first one's, or a mean of all. Each has "
            "its own.",
            also=(combining(mean_row),),
        ),
        Misconception(
            "labels_of_neighbors",
            given_labels(lambda labels: labels.flip(0)),
            "An image follows the labels of other examples, in eval mode too: they were reordered "
            "or averaged over the batch on the way, or a normalization keeps the statistics of the "
            "batch (track_running_stats). Row i of z belongs with labels[i] alone.",
            also=(given_labels(lambda labels: labels.roll(1, 0)), combining(centered)),
        ),
        Misconception(
            "two_labels_alike",
            given_labels(lambda labels: labels.clamp(min=1)),
            "Two labels give the same image. Each class needs a row of its own.",
            also=(given_labels(lambda labels: (labels > 0).long()),),
        ),
        Misconception(
            "table_unused",
            OneHotBesideTheTable,
            "No gradient reaches self.embedding, so its rows never learn: the label comes in by "
            "another way, one-hot or as a number, or the row was detached. Append the row of the "
            "table itself.",
            also=(combining(row_detached),),
        ),
        Misconception(
            "table_in_forward",
            TableInForward,
            "A new table is made at every call, with new random rows, and self.embedding is not "
            "used. Look the rows up in the one that __init__ has made.",
        ),
        Misconception(
            "classes_of_the_batch",
            OneHotOfTheBatch,
            "F.one_hot without a number of classes has as many columns as the largest label of the "
            "batch asks for, so the first linear layer does not always fit. Give it `classes`, or "
            "use self.embedding.",
            error="(1x7 and 9x",
        ),
        Misconception(
            "z_alone",
            combining(lambda self, z, labels: z),
            "The first linear layer is made for latent_dim + classes numbers and got z alone. "
            "Append the rows of the labels before it.",
            error="(8x5 and 9x",
        ),
        Misconception(
            "row_not_counted",
            entered_by(lambda latent_dim, classes: latent_dim),
            "The first linear layer is made for latent_dim numbers and got classes more: the rows "
            "that were appended. It takes latent_dim + classes.",
            error="(8x9 and 5x",
        ),
        Misconception(
            "row_counted_as_one",
            entered_by(lambda latent_dim, classes: latent_dim + 1),
            "The first linear layer is made for latent_dim + 1 numbers, as if the label came as "
            "one. Its row has as many as `classes` says.",
            error="(8x9 and 6x",
        ),
        Misconception(
            "sizes_of_this_lesson",
            entered_by(lambda latent_dim, classes: 16 + 10),
            "The first linear layer is made for 16 + 10 numbers, the sizes of this lesson's own "
            "networks. Take them from the arguments.",
            error="(8x9 and 26x",
        ),
        Misconception(
            "one_hot_of_ten",
            OneHotOfTen,
            "Ten numbers were appended for each label, whatever `classes` says.",
            error="(8x15 and 9x",
        ),
        Misconception(
            "added_to_z",
            combining(lambda self, z, labels: z + self.embedding(labels)),
            "z and the row of the label were combined number by number, by a sum or a product, and "
            "they are not of one length. Append one to the other, with torch.cat.",
            error="The size of tensor a (5) must match the size of tensor b (4)",
            also=(combining(lambda self, z, labels: z * self.embedding(labels)),),
        ),
        Misconception(
            "stacked",
            combining(stacked),
            "torch.stack lays tensors of one shape side by side on a new axis. z and the row of "
            "the label become one longer row: torch.cat.",
            error="stack expects each tensor to be equal size",
        ),
        Misconception(
            "forward_without_labels",
            variant(SomeGenerator, forward=lambda self, z: z),
            "forward takes z alone. It is called with z and the labels, in this order.",
            error="takes 2 positional arguments but 3 were given",
        ),
        Misconception(
            "maps_miscounted",
            followed_by(maps_miscounted),
            "The linear layer makes another number of numbers than the maps behind it hold: as "
            "many maps as Unflatten names, times (image_size // 4)². The square is of the quotient "
            "alone, and image_size is not always 28.",
            error="unflatten: Provided sizes",
        ),
        Misconception(
            "maps_forgotten",
            followed_by(maps_forgotten),
            "The linear layer gives rows of numbers, and what follows takes maps. Give the numbers "
            "the shape (B, 2 * width, n, n) first, with nn.Unflatten.",
            error="expected 4D input (got 2D input)",
        ),
        Misconception(
            "norm_miscounted",
            followed_by(norm_miscounted),
            "A batch normalization is made for another number of channels than come in: each takes "
            "as many as the layer before it gives. (In the shape of maps the channels stand first, "
            "then height and width.)",
            error="running_mean should contain",
        ),
        Misconception(
            "convolution_miscounted",
            followed_by(convolution_miscounted),
            "A transposed convolution is made for another number of channels than come in: each "
            "takes as many as the one before it gives.",
            error="channels, but got",
        ),
        Misconception(
            "one_doubling",
            then(SomeGenerator, lambda images: images[..., ::2, ::2]),
            "The images are half as large: maps of a quarter of the size must double twice.",
        ),
        Misconception(
            "halved_for_doubled",
            then(SomeGenerator, lambda i: i[..., : i.shape[-1] // 16, : i.shape[-1] // 16]),
            "The images are a pixel or two large: nn.Conv2d with stride 2 halves the maps. "
            "nn.ConvTranspose2d doubles them.",
        ),
        Misconception(
            "stride_of_one",
            then(
                SomeGenerator,
                lambda i: i[..., : i.shape[-1] // 4 + 2, : i.shape[-1] // 4 + 2],
            ),
            "The images are hardly larger than the first maps: each transposed convolution adds "
            "one pixel, as with stride 1. Stride 2 doubles.",
        ),
        Misconception(
            "padding_missing",
            then(SomeGenerator, lambda images: nn.functional.pad(images, (2, 2, 2, 2))),
            "The images are four pixels too large: a kernel of 4 with stride 2 and no padding "
            "makes 16 of 7. With padding 1 it doubles the size exactly.",
        ),
        Misconception(
            "kernel_of_three",
            then(SomeGenerator, lambda images: images[..., :-3, :-3]),
            "The images are three pixels too small: a kernel of 3 with stride 2 and padding 1 "
            "makes 13 of 7, and 25 of 13. A kernel of 4 doubles the size exactly.",
        ),
        Misconception(
            "padding_missing_twice",
            then(SomeGenerator, lambda images: nn.functional.pad(images, (3, 3, 3, 3))),
            "The images are six pixels too large: a kernel of 4 with stride 2 and no padding makes "
            "16 of 7, and 34 of 16. With padding 1 it doubles the size exactly.",
        ),
        Misconception(
            "along_the_batch",
            combining(along_the_batch),
            "torch.cat joined along the batch, which is its first axis and its default. z and the "
            "rows of the labels stand side by side: dim=1.",
            error="Sizes of tensors must match except in dimension 0",
        ),
        Misconception(
            "label_without_row",
            combining(label_as_it_is),
            "The labels were appended to z as they are: (B,) integers, one axis fewer than z. Look "
            "their rows up first, self.embedding(labels).",
            error="Tensors must have same number of dimensions",
        ),
        Misconception(
            "arguments_swapped",
            combining(table_given_z),
            "The table was given numbers that are no integers: z in the place of the labels, or "
            "labels that were cast.",
            error="to have one of the following scalar types: Long, Int",
            also=(given_labels(torch.Tensor.float),),
        ),
        Misconception(
            "no_tanh",
            AnyImages,
            "The pixels go beyond [-1, 1]: nothing limits them, or to a wider range. A "
            "discriminator would tell such fakes by their range alone: end with a function that "
            "maps onto [-1, 1], and with nothing behind it.",
        ),
        Misconception(
            "sigmoid",
            then(AnyImages, torch.sigmoid),
            "No pixel is ever negative: a sigmoid gives [0, 1], and the background of the real "
            "images is at -1. The output must span [-1, 1].",
        ),
        Misconception(
            "relu_before_tanh",
            then(AnyImages, lambda pixels: pixels.relu().tanh()),
            "All that is negative is cut to 0, by a ReLU before or behind the last activation or "
            "by a clamp, and no pixel can become black, which is -1. The last layer goes straight "
            "into the tanh, and nothing comes behind.",
        ),
        Misconception(
            "smaller_range",
            then(SomeGenerator, lambda images: images / 2),
            "The pixels have bounds that are narrower than [-1, 1]: a factor behind the tanh, or a "
            "clamp. Real images reach both ends.",
        ),
        Misconception(
            "clamped",
            then(AnyImages, lambda pixels: pixels.clamp(-1, 1)),
            "The pixels are cut off at -1 and 1, by a clamp or a Hardtanh. Beyond the ends there "
            "is no slope, so a pixel that has run too far gets no gradient to bring it back. "
            "Take a smooth function that maps onto [-1, 1].",
        ),
        Misconception(
            "up_to_255",
            then(SomeGenerator, lambda images: 127.5 * images + 127.5),
            "The pixels are numbers from 0 to 255, as files hold them. The real images of this "
            "lesson lie in [-1, 1].",
        ),
        Misconception(
            "rectified_output",
            then(AnyImages, torch.relu),
            "A ReLU ends the network: no pixel is ever negative, and none has an upper end. The "
            "output must span [-1, 1].",
        ),
        *adapted(
            fixed_sizes(SomeGenerator, ARGUMENTS, image_size=28, channels=1, width=12),
            fixed_width="`width` is not used: a number of channels is written as a number "
            "somewhere.",
        ),
        Misconception(
            "table_of_ten",
            variant(
                SomeGenerator,
                __init__=lambda self, z, classes, *rest: SomeGenerator.__init__(self, z, 10, *rest),
            ),
            "There are ten rows in the table whatever `classes` says, so an eleventh class has "
            "none.",
            error="index out of range",
        ),
        *adapted(
            image_mistakes(SomeGenerator, "(B, C, n, n)"),
            leave_out=("channel_missing", "batch_as_channels"),
        ),
        *adapted(
            layer_mistakes(SomeGenerator),
            no_activation="Between the layers is nothing that bends: together they are one linear "
            "map, a transposed convolution included. Put an activation behind each hidden one.",
        ),
        Misconception(
            "table_alone_registered",
            LayersInAList,
            "PyTorch finds the table and no other layer: they lie in a plain Python list, so they "
            "are never trained and never saved, and eval() does not reach a batch normalization "
            "among them. Use nn.Sequential or nn.ModuleList.",
            also=(NormInAList,),
        ),
        Misconception(
            "batch_statistics",
            given_first(SomeGenerator, lambda z: (z - z.mean(0)) / (z.std(0, False) + 1e-5)),
            "An image changes with its neighbors in the batch, in eval mode too. Each sample must "
            "depend on its own z and label alone.",
        ),
    ),
    hints=(
        "The label is one more input, as z is. How do two vectors of one example become one?",
        "self.embedding(labels) is (B, classes). With torch.cat(…, dim=1) the first linear layer "
        "takes latent_dim + classes numbers.",
        "The rest is lesson 12's generator: nn.Linear to 2 * width maps of size image_size // 4, "
        "nn.Unflatten, then twice nn.ConvTranspose2d with kernel 4, stride 2, padding 1; "
        "nn.BatchNorm2d and nn.ReLU between, nn.Tanh at the end.",
    ),
)
