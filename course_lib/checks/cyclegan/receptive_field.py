"""Check of `receptive_field`. Oracle: the pixels that one output reads, collected one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch

from ..declare import Case, Exercise, Misconception, Plain

PATCH_70 = [(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)]


def cases(generator: torch.Generator) -> list[Case]:
    def some(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    def drawn(count: int) -> list:
        strides = [some(1, 3) for _ in range(count)]
        strides[some(0, count - 2)] = 2  # so that some stride counts
        return [(some(stride + 1, 6), stride) for stride in strides]

    def case(layers: list) -> Case:
        return Case({"layers": [list(pair) for pair in layers]}, f"layers {layers}")

    lists = [PATCH_70, [(7, 1)], [(4, 2), (3, 1)], drawn(3), drawn(4), [(3, 2), (5, 3), (4, 2)]]
    return [case(layers) for layers in lists]


def call(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """Pairs as tuples, as the lesson writes them; JSON knows lists alone."""
    return answer([tuple(pair) for pair in inputs["layers"]])


def by_collecting(layers: list) -> int:
    needed = {0}
    for kernel, stride in reversed(layers):
        needed = {at * stride + tap for at in needed for tap in range(kernel)}
    return max(needed) - min(needed) + 1


def count_facts(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Plain]:
    """A whole number is the same count as a tensor."""
    value = outputs["value"]
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = value.item()
    return {"value": value}


def grown(
    by: Callable = lambda kernel, stride: kernel - 1,
    jump: Callable = lambda jump, stride: jump * stride,
    before: bool = False,
    start: int = 1,
    end: Callable = lambda field, jump: field,
    order: Callable = list,
) -> Callable:
    """From the first layer on: the field grows by (kernel - 1) jumps, the jump by the stride."""

    def answer(layers):
        field, step = start, 1
        for kernel, stride in order(layers):
            if before:
                step = jump(step, stride)
            field += by(kernel, stride) * step
            if not before:
                step = jump(step, stride)
        return end(field, step)

    return answer


def from_the_end(layers, order=reversed, less=0):
    field = 1
    for kernel, stride in order(layers):
        field = (field - less) * stride + kernel
    return field


def forward_times_stride(layers):
    field = 1
    for kernel, stride in layers:
        field = field * stride + kernel - 1
    return field


def halved_in_each_layer(layers):
    field, jump = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump // 2
        jump *= stride
    return field


def output_size(layers):
    size = 70
    for kernel, stride in layers:
        size = (size - kernel) // stride + 1
    return size


EXERCISE = Exercise(
    name="cyclegan.receptive_field",
    signature="(layers)",
    oracle=by_collecting,
    cases=cases,
    call=call,
    facts=count_facts,
    coincident=True,
    misconceptions=(
        Misconception(
            "strides_ignored",
            grown(jump=lambda jump, stride: jump),
            "The strides have no effect. Behind a stride of 2, a step to the next position is two "
            "pixels of the image, and a kernel reaches twice as far.",
        ),
        Misconception(
            "stride_of_its_own_layer",
            grown(before=True),
            "A layer's own stride was counted into its reach. Its kernel lies on the layer's "
            "*input*: only the strides of the layers before it spread the taps apart.",
        ),
        Misconception(
            "strides_added",
            grown(jump=lambda jump, stride: jump + stride),
            "The strides were added up. Behind two layers of stride 2 neighbors are 4 pixels "
            "apart, behind three 8: they multiply.",
            also=(grown(jump=lambda jump, stride: jump + stride - 1),),
        ),
        Misconception(
            "last_stride_alone",
            grown(jump=lambda jump, stride: stride),
            "Only the stride of the layer just before was used. All strides before a layer "
            "multiply.",
        ),
        Misconception(
            "stretched_by_its_own_stride",
            grown(by=lambda kernel, stride: (kernel - 1) * stride, jump=lambda jump, stride: jump),
            "Each kernel was stretched by its own layer's stride, and by no other. What spreads "
            "the taps of a layer apart are the strides of all layers before it.",
        ),
        Misconception(
            "field_times_stride",
            forward_times_stride,
            "The field so far was multiplied by each stride, from the first layer to the last. A "
            "stride widens what the layers behind it see; what the ones before it see stays.",
        ),
        Misconception(
            "turned_round",
            grown(order=reversed),
            "The layers were taken from the last to the first with the formula for the other "
            "direction. The first layer's taps are one pixel apart.",
            also=(lambda layers: from_the_end(layers, order=list, less=1),),
        ),
        Misconception(
            "whole_kernel",
            grown(by=lambda kernel, stride: kernel),
            "Each layer adds its whole kernel. The field already has a pixel: k taps reach k - 1 "
            "steps further.",
            also=(grown(by=lambda kernel, stride: kernel, start=0),),
        ),
        Misconception(
            "overlap_counted_twice",
            from_the_end,
            "Going backward, neighbors overlap: r positions at stride s lie on (r - 1) · s + k "
            "pixels. Here each of them got a stride to itself.",
            also=(lambda layers: from_the_end(layers, order=list),),
        ),
        Misconception(
            "one_pixel_missing",
            grown(start=0),
            "One pixel is missing: these are the steps between the first and the last pixel. "
            "Without any layer an output sees 1 pixel.",
        ),
        Misconception(
            "one_pixel_too_many",
            grown(start=2),
            "There is one pixel too many. Without any layer an output sees 1 pixel.",
        ),
        Misconception(
            "kernels_added",
            lambda layers: sum(kernel for kernel, _ in layers),
            "The kernels were added up. A second kernel overlaps the first, and lies on positions "
            "that are a stride apart.",
        ),
        Misconception(
            "kernels_multiplied",
            lambda layers: math.prod(kernel for kernel, _ in layers),
            "The kernels were multiplied. Neighboring taps of a second layer see overlapping "
            "windows, unless the stride is as long as the kernel.",
        ),
        Misconception(
            "last_stride_as_well",
            grown(end=lambda field, jump: field * jump),
            "The field was multiplied by all strides at the end. Their effect is already in the "
            "reach of each kernel.",
        ),
        Misconception(
            "strides_multiplied",
            lambda layers: math.prod(stride for _, stride in layers),
            "This is the distance between two neighboring outputs, the product of the strides. "
            "Asked is how far one output sees.",
        ),
        Misconception(
            "area",
            lambda layers: by_collecting(layers) ** 2,
            "This is the number of pixels of the patch. One side is asked for: «70» in the paper's "
            "70 × 70.",
        ),
        Misconception(
            "half_of_it",
            grown(
                by=lambda kernel, stride: kernel - 1,
                end=lambda field, jump: (field + 1) // 2,
            ),
            "This is the reach from the middle to one side. The whole side of the square is asked "
            "for.",
            also=(lambda layers: (by_collecting(layers) - 1) // 2, halved_in_each_layer),
        ),
        Misconception(
            "last_layer_left_out",
            lambda layers: by_collecting(layers[:-1]),
            "The last layer is missing.",
        ),
        Misconception(
            "first_layer_left_out",
            lambda layers: by_collecting(layers[1:]),
            "The first layer is missing.",
        ),
        Misconception(
            "largest_kernel",
            lambda layers: max(kernel for kernel, _ in layers),
            "This is the largest kernel. Behind another layer each of its taps sees several "
            "pixels, so the fields of the layers build on each other.",
            also=(lambda layers: layers[-1][0],),
        ),
        Misconception(
            "each_layer",
            lambda layers: [by_collecting(layers[: n + 1]) for n in range(len(layers))],
            "A number for each layer came. Asked is one: how many pixels an output of the last "
            "layer sees.",
        ),
        Misconception(
            "padding_taken_off",
            lambda layers: by_collecting(layers) - 2 * len(layers),
            "Something was taken off for each layer, as if padding made the square smaller. It "
            "moves the square over the border, and changes nothing about its size.",
        ),
        Misconception(
            "two_less",
            grown(by=lambda kernel, stride: kernel - 2),
            "Each layer adds one step too few. From the first of k taps to the last it is k - 1 "
            "steps.",
        ),
        Misconception(
            "output_size",
            output_size,
            "This is the size of a map of outputs. Asked is how many pixels of the image one "
            "output sees.",
        ),
        Misconception(
            "both_sides",
            lambda layers: (by_collecting(layers),) * 2,
            "Two numbers came. One side of the square is asked for, one integer.",
        ),
        Misconception(
            "not_an_integer",
            lambda layers: float(by_collecting(layers)),
            "This is a float. The field is a whole number of pixels, and there is nothing to "
            "divide here.",
        ),
    ),
    hints=(
        "Draw two layers on paper, a kernel of 4 and a stride of 2 in each. Which pixels does one "
        "number of the second layer read?",
        "Go from the first layer to the last and keep two numbers: how many pixels are seen so "
        "far, and how many pixels of the image lie between two neighbors.",
        "A kernel of k reaches k - 1 steps further, each as long as the strides before it make "
        "it. Or backward: r positions at stride s lie on (r - 1) · s + k.",
    ),
)
