"""Check of `linear_flops`. Oracle: torch.utils.flop_counter.FlopCounterMode."""

from __future__ import annotations

import torch
from torch import nn

from ..declare import Case, Exercise, Misconception
from .counted import (
    BACKWARD_COUNTED,
    BIAS_AS_MULTIPLY_ADD,
    BIAS_COUNTED,
    COUNTED_TWICE,
    IN_MILLIONS,
    MULTIPLY_ADD_AS_ONE,
    MULTIPLY_ADDS_AND_BIAS,
    ONE_ADDITION_LESS,
    ONE_EXAMPLE,
    count_facts,
    distinct_sizes,
    forward_flops,
    half,
    three_times,
)


def linear_cases(generator: torch.Generator) -> list[Case]:
    def case(batch: int, inputs: int, outputs: int) -> Case:
        sizes = {"batch": batch, "inputs": inputs, "outputs": outputs}
        return Case(sizes, f"{batch} examples, {inputs} inputs, {outputs} outputs")

    return [case(*distinct_sizes(generator, 3)), case(128, 784, 400), case(1, 20, 400)]


def counted_by_pytorch(batch: int, inputs: int, outputs: int) -> int:
    return forward_flops(nn.Linear(inputs, outputs, device="meta"), batch, inputs)


EXERCISE = Exercise(
    name="fast_training.linear_flops",
    signature="(batch, inputs, outputs)",
    unit="operations",
    oracle=counted_by_pytorch,
    cases=linear_cases,
    facts=count_facts,
    random=True,  # who builds the layer and lets PyTorch count draws its weights
    slow=True,
    misconceptions=(
        Misconception("multiply_add_as_one", half(counted_by_pytorch), MULTIPLY_ADD_AS_ONE),
        Misconception(
            "counted_twice", lambda *sizes: 2 * counted_by_pytorch(*sizes), COUNTED_TWICE
        ),
        Misconception("in_millions", lambda *sizes: counted_by_pytorch(*sizes) / 1e6, IN_MILLIONS),
        Misconception(
            "bias_counted", lambda b, i, o: counted_by_pytorch(b, i, o) + b * o, BIAS_COUNTED
        ),
        Misconception(
            "bias_as_multiply_add", lambda b, i, o: 2 * b * (i + 1) * o, BIAS_AS_MULTIPLY_ADD
        ),
        Misconception(
            "one_addition_less",
            lambda b, i, o: counted_by_pytorch(b, i, o) - b * o,
            ONE_ADDITION_LESS,
        ),
        Misconception(
            "multiply_adds_and_bias", lambda b, i, o: b * (i + 1) * o, MULTIPLY_ADDS_AND_BIAS
        ),
        Misconception("backward_counted", three_times(counted_by_pytorch), BACKWARD_COUNTED),
        Misconception("one_example", lambda b, i, o: counted_by_pytorch(b, i, o) // b, ONE_EXAMPLE),
        Misconception(
            "one_example_halved",
            lambda b, i, o: i * o,
            "This is the number of weights. Each of them is used once for every example, and each "
            "use is a multiplication and an addition.",
        ),
        Misconception(
            "parameters",
            lambda b, i, o: (i + 1) * o,
            "This is the number of parameters, bias included. Count what is done with the weights: "
            "a multiplication and an addition each, for every example.",
        ),
        Misconception(
            "inputs_forgotten",
            lambda b, i, o: 2 * b * o,
            "Every output costs the same here, however many inputs it adds up. Each output is a "
            "sum over all inputs.",
        ),
        Misconception(
            "outputs_forgotten",
            lambda b, i, o: 2 * b * i,
            "This is the cost of a single output. The layer computes all of its outputs, each from "
            "all inputs.",
        ),
        Misconception(
            "sizes_added",
            lambda b, i, o: 2 * b * (i + o),
            "Inputs and outputs were added. Every input meets every output, so their numbers "
            "multiply.",
            also=(lambda b, i, o: b * (i + o),),
        ),
        Misconception(
            "float_size_counted",
            lambda b, i, o: 4 * counted_by_pytorch(b, i, o),
            "Four times the count: the 4 bytes of a float32 belong to the traffic of memory. An "
            "operation counts once, whatever the format of its numbers.",
        ),
    ),
    hints=(
        "One output of one example is a sum of products. How many products, how many additions?",
        "A multiply-add counts as two. Now how many outputs are there, over the whole batch?",
    ),
)
