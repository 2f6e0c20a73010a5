"""Check of `t11_augment`: by which shifts reals and fakes were moved, and by which law."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy
import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Exercise, Misconception, Plain
from ..observing import describe_type
from ..random_inputs import uniform
from .shifts import (
    REACH,
    SIDE,
    by_grid,
    by_own_generator,
    by_python,
    diagonal,
    either_axis,
    farther,
    gray_edge,
    half_turn,
    mirror,
    never_back,
    noisy,
    one_axis,
    one_shift,
    other_axis,
    paired,
    same,
    shifted,
    still,
)

LAW = "every shift of up to one pixel, each about equally often"


def image_cases(g: torch.Generator) -> list[Case]:
    def images(count: int) -> Tensor:
        """Pictures in [-1, 1] with a black margin, no two alike, no shift of one its own."""
        inner = 2 * uniform(g, count, 1, SIDE - 2 * REACH, SIDE - 2 * REACH) - 1
        return F.pad(inner, [REACH] * 4, value=-1.0)

    return [
        Case({"real": images(reals), "fake": images(fakes)}, f"{reals} reals, {fakes} fakes")
        for reals, fakes in ((900, 700), (720, 900))
    ]


def shifts_of(before: Tensor, after: Tensor) -> Tensor | str:
    """Which of the nine shifts each image had, `(N,)`; or what else it is."""
    found = torch.full((len(before),), -1)
    for number in range(9):
        moved = shifted(before, number // 3 - 1, number % 3 - 1)
        found[((moved - after).abs().amax((1, 2, 3)) < 1e-3) & (found < 0)] = number
    if (found < 0).any():
        turned = [torch.rot90(before, k, (2, 3)) for k in (1, 2, 3)]
        turned += [before.flip(2), before.flip(3)]
        if name := name_other(before, after):
            return name
        any_turned = any(torch.equal(t[i], after[i]) for t in turned for i in range(0, 40))
        return "pictures turned or mirrored" if any_turned else "changes that are no such shifts"
    return found


def name_other(before: Tensor, after: Tensor) -> str:
    """What else became of images that nine shifts do not explain."""
    moves = [shifted(before, d, r) for d in range(-3, 4) for r in range(-3, 4)]
    if all(explained(moves, after)):
        return "shifts of more than one pixel as well"
    padded = [
        F.pad(before, [REACH] * 4, value=edge)[..., d : d + SIDE, r : r + SIDE]
        for edge in (0.0, 1.0)
        for d in range(3)
        for r in range(3)
    ]
    return "shifts with another color at the edge" if all(explained(padded, after)) else ""


def explained(candidates: list[Tensor], after: Tensor) -> list[bool]:
    """Of each image, whether one of the candidates is what it became."""
    gaps = torch.stack([(c - after).abs().amax((1, 2, 3)) for c in candidates])
    return (gaps.amin(0) < 1e-3).tolist()


def name_law(shifts: Tensor | str) -> str:
    if isinstance(shifts, str):
        return shifts
    counts = shifts.bincount(minlength=9).double()
    if counts[4] == len(shifts):
        return "no shift at all"
    if (counts == len(shifts)).any():
        return "one shift for the whole batch"
    expected = len(shifts) / 9
    chi = ((counts - expected).square() / expected).sum()  # 8 degrees of freedom
    if chi < 60:
        return LAW
    if not (counts[[0, 2, 6, 8]]).any():
        return "never both down and aside"
    if not (counts[[1, 3, 5, 7]]).any():
        return "down and aside always together"
    return "some shifts far more often than others"


def call_augment(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    real, fake = inputs["real"], inputs["fake"].clone().requires_grad_(True)
    result = answer(real, fake)
    if result is Ellipsis:
        return result
    both = isinstance(result, tuple | list) and len(result) == 2
    if not both or not all(isinstance(part, Tensor) for part in result):
        return {"form": describe_type(result)}
    form = ", ".join(describe_type(part) for part in result)
    record: dict[str, Any] = {"form": form}
    if result[0].shape != real.shape or result[1].shape != fake.shape:
        return record
    laws = [shifts_of(b, a.detach()) for b, a in zip((real, fake.detach()), result, strict=True)]
    record["real law"], record["fake law"] = map(name_law, laws)
    record["paired"] = False
    if not any(isinstance(law, str) for law in laws):
        most = min(map(len, laws))
        record["paired"] = bool((laws[0][:most] == laws[1][:most]).all())
    record["graph"] = result[1].requires_grad
    again = answer(real, fake)
    record["fresh"] = not torch.equal(again[0], result[0])
    record["torch alone"] = record["fresh"] and alike_by_seed(answer, real, fake)
    return record


def alike_by_seed(answer: Callable, real: Tensor, fake: Tensor) -> bool:
    """Whether torch's seed settles the draws, whatever Python's and NumPy's generators do."""
    drawn = []
    for other in (1, 2):
        torch.manual_seed(5)
        random.seed(other)
        numpy.random.seed(other)
        drawn.append(answer(real, fake)[0])
    return torch.equal(*drawn)


def augment_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    facts: dict[str, Plain] = {"what comes back": outputs["form"]}
    if "graph" not in outputs:
        return facts
    facts["what happened to the reals"] = outputs["real law"]
    facts["what happened to the fakes"] = outputs["fake law"]
    if (outputs["real law"], outputs["fake law"]) != (LAW, LAW):
        return facts  # what follows would be chance
    facts["a second call shifts anew"] = outputs["fresh"]
    facts["reals and fakes draw their own shifts"] = not outputs["paired"]
    facts["the fakes keep their graph"] = outputs["graph"]
    facts["the draws come from PyTorch's global generator"] = outputs["torch alone"]
    return facts


def of(real: Callable = by_grid, fake: Callable = by_grid) -> Callable:
    return lambda x, y: (real(x), fake(y))


EXERCISE = Exercise(
    name="clinic.t11_augment",
    signature="(real, fake)",
    oracle=of(),
    cases=image_cases,
    call=call_augment,
    facts=augment_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "reals_alone",
            of(fake=same),
            "The reals are shifted and the fakes are not, as published: G must now draw shifted "
            "digits to pass. What D sees of both must go through the same law.",
            also=(lambda x, y: (by_grid(x), y),),
        ),
        Misconception(
            "fakes_alone",
            of(real=same),
            "The fakes are shifted and the reals are not. Both must go through the same law.",
        ),
        Misconception(
            "nothing",
            of(same, same),
            "Nothing was shifted. That keeps the target, and augments nothing.",
        ),
        Misconception(
            "half_turns",
            of(half_turn, half_turn),
            "The pictures are turned or mirrored: a 6 becomes a 9, and even if both groups are "
            "treated alike, G is not told which of the two it should draw. Shift them.",
            also=(of(mirror, mirror), of(half_turn, same)),
        ),
        Misconception(
            "one_shift_for_all",
            of(one_shift, one_shift),
            "All images of a group have one shift. Draw one for each image.",
            also=(of(still, still),),
        ),
        Misconception(
            "same_shifts_for_both",
            paired,
            "Real i and fake i have the same shift: the generator was reset in between. They share "
            "a law, not the draws.",
        ),
        Misconception(
            "graph_cut",
            of(fake=lambda y: by_grid(y.detach())),
            "The fakes have lost their graph (detach, NumPy, no_grad), so G can learn nothing "
            "through them.",
        ),
        Misconception(
            "diagonal",
            of(diagonal, diagonal),
            "One number moves an image both down and aside. Draw two, one for each direction.",
        ),
        Misconception(
            "one_way",
            of(never_back, never_back),
            "Some shifts never come: torch.randint does not draw its upper end.",
        ),
        Misconception(
            "one_direction",
            of(one_axis, one_axis),
            "The images are moved in one direction alone. Each has two shifts, one down and one "
            "aside, drawn by themselves.",
            also=(of(other_axis, other_axis), of(either_axis, either_axis)),
        ),
        Misconception(
            "too_far",
            of(farther, farther),
            "Some images are shifted by two pixels. At most one is asked for, which the black "
            "margin just allows.",
            also=(of(fake=farther),),
        ),
        Misconception(
            "gray_edge",
            of(gray_edge, gray_edge),
            "What comes in at the edge is not black. In [-1, 1] black is -1, and 0 is gray.",
        ),
        Misconception(
            "same_at_every_call",
            of(by_own_generator, by_own_generator),
            "Every call shifts alike: a generator is seeded inside. Draw from the global one.",
        ),
        Misconception(
            "other_generator",
            of(by_python, by_python),
            "The draws come from Python's or NumPy's generator, which a seed of PyTorch does not "
            "reach: the run could not be repeated.",
        ),
        Misconception(
            "results_exchanged",
            lambda x, y: (by_grid(y), by_grid(x)),
            "Reals and fakes changed places in what is returned.",
        ),
        Misconception(
            "joined",
            lambda x, y: torch.cat([by_grid(x), by_grid(y)]),
            "One batch came back. D judges reals and fakes apart: return the two.",
        ),
        Misconception(
            "noise",
            of(noisy, noisy),
            "Noise was added. That is a law for both as well; here shifts are asked for.",
        ),
    ),
    hints=(
        "What does D compare? Which of the two may be changed without moving the target?",
        "One function, called for the reals and for the fakes.",
        "Two whole numbers from -1 to 1 for each image; torch.roll of one image, or an index for "
        "all. torch.stack keeps the graph.",
    ),
)
