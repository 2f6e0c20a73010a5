"""Check of `c18_scale`. Oracle: linear interpolation between the ends."""

from __future__ import annotations

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import uniform


def image_cases(g: torch.Generator) -> list[Case]:
    def images(*shape: int, dtype=torch.float32) -> Tensor:
        return uniform(g, *shape, dtype=dtype)

    part = 0.2 + 0.4 * images(3, 1, 4, 5)  # a batch that has neither black nor white
    whole = images(4, 3, 5, 4)
    whole[:, 0, 0, 0], whole[:, 0, 0, 1] = 0.0, 1.0
    return [
        Case({"x": part}, "a batch without black or white"),
        Case({"x": whole}, "colors"),
        Case({"x": images(2, 1, 3, 3, dtype=torch.float64)}, "double precision"),
        Case({"x": torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3)}, "0, 1/2 and 1", extreme=True),
    ]


EXERCISE = Exercise(
    name="clinic.c18_scale",
    signature="(x)",
    oracle=lambda x: torch.lerp(torch.full_like(x, -1.0), torch.ones_like(x), x),
    cases=image_cases,
    entry="image",
    misconceptions=(
        Misconception(
            "unscaled",
            lambda x: x.clone(),
            "The images are as they were, in [0, 1]: D needs no digits to tell them from a tanh's. "
            "0 must become -1, and 1 stay 1.",
        ),
        Misconception(
            "centered_alone",
            lambda x: x - 0.5,
            "The images lie in [-1/2, 1/2] now: centered, and half as wide as what a tanh gives.",
        ),
        Misconception(
            "doubled_alone",
            lambda x: 2 * x,
            "The images lie in [0, 2]. They are wide enough, and not centered.",
        ),
        Misconception(
            "minus_one_alone",
            lambda x: x - 1,
            "The images lie in [-1, 0]: white has become 0.",
        ),
        Misconception(
            "as_if_bytes",
            lambda x: x / 127.5 - 1,
            "This is the formula for bytes from 0 to 255. x comes in [0, 1], so all of it lands "
            "near -1.",
            also=(lambda x: 2 * x / 255 - 1,),
        ),
        Misconception(
            "by_batch",
            lambda x: 2 * (x - x.min()) / (x.max() - x.min()) - 1,
            "Minimum and maximum were taken from the batch, so a pixel's value depends on what "
            "else is in it. The range [0, 1] is known.",
        ),
        Misconception(
            "by_image",
            lambda x: (
                2
                * (x - x.amin((1, 2, 3), True))
                / (x.amax((1, 2, 3), True) - x.amin((1, 2, 3), True))
                - 1
            ),
            "Each image was stretched by itself. The range [0, 1] is known.",
        ),
        Misconception(
            "standardized",
            lambda x: (x - x.mean()) / x.std(),
            "The batch was standardized: its values leave [-1, 1], which a tanh never does.",
            also=(lambda x: (x - 0.1307) / 0.3081,),
        ),
        Misconception(
            "tanh",
            lambda x: torch.tanh(x),
            "A tanh was applied to the images. It bends them, and what was positive stays so.",
            also=(lambda x: torch.tanh(2 * x - 1),),
        ),
        Misconception(
            "black_or_white",
            lambda x: (2 * x - 1).round(),
            "The grays are gone: values were rounded to whole numbers, or cut at the middle.",
            also=(lambda x: (2 * x - 1).sign(), lambda x: 2.0 * x.round() - 1),
        ),
        Misconception(
            "squared",
            lambda x: 2 * x.square() - 1,
            "0 and 1 are where they belong, and what lies between is bent. A straight line is "
            "wanted.",
            also=(lambda x: 2 * x.sqrt() - 1,),
        ),
        Misconception(
            "by_way_of_bytes",
            lambda x: ((x * 255).to(torch.uint8) / 127.5 - 1).to(x.dtype),
            "On the way the values became whole numbers from 0 to 255, so that fine differences "
            "are lost. No bytes are needed.",
        ),
        Misconception(
            "inverted",
            lambda x: 1 - 2 * x,
            "Black and white changed places.",
        ),
        Misconception(
            "back_to_unit_range",
            lambda x: (x + 1) / 2,
            "This is the way back, from [-1, 1] to [0, 1], as for saving an image.",
        ),
    ),
    hints=(
        "Where must 0 go, where 1, and what lies in the middle?",
        "A line is settled by two points: (0, -1) and (1, 1).",
    ),
)
