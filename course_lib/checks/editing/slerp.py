"""Check of `slerp`. Oracle: a rotation in the plane of both vectors, angle by atan2, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal


def path_cases(generator: torch.Generator) -> list[Case]:
    def inputs(batch: int, latents: int, t: float, dtype: torch.dtype = torch.float32) -> dict:
        a, b = (normal(generator, batch, latents, dtype=dtype) for _ in range(2))
        return {"a": (0.6 + a.abs().mean()) * a, "b": 2 * b, "t": t}

    same = inputs(4, 6, 0.25)
    scale = torch.tensor([1.0, 1.0, 2.5, 0.4])[:, None]
    along = same | {"b": torch.where(torch.arange(4)[:, None] == 0, same["b"], scale * same["a"])}
    near = inputs(3, 5, 0.75)
    near["b"] = 1.5 * near["a"] + 1e-4 * near["b"]
    return [
        Case(inputs(5, 7, 0.3), gradients=("a", "b")),
        Case(inputs(3, 2, 0.85, torch.float64), "two latents, in float64"),
        Case(inputs(3, 16, 0.0), "t = 0"),
        Case(inputs(3, 16, 1.0), "t = 1"),
        Case(inputs(1, 9, 0.5), "a batch of one"),
        Case(along, "b is a multiple of a in some rows", extreme=True),
        Case(near, "a and b almost parallel", extreme=True),
    ]


def by_rotation(a: Tensor, b: Tensor, t: float) -> Tensor:
    """Turn a's direction by t times the angle, towards what b has across it."""
    rows = []
    for x, y in zip(a.double(), b.double(), strict=True):
        along = x / x.norm()
        across = y - (y @ along) * along
        height = across.norm()
        angle = torch.atan2(height, y @ along)
        across = across / height if height > 1e-9 * y.norm() else torch.zeros_like(across)
        length = (1 - t) * x.norm() + t * y.norm()
        rows.append(length * (torch.cos(t * angle) * along + torch.sin(t * angle) * across))
    return torch.stack(rows).to(a.dtype)


def unit(v: Tensor) -> Tensor:
    return v / v.norm(dim=1, keepdim=True)


def mixed_length(a: Tensor, b: Tensor, t: float) -> Tensor:
    return (1 - t) * a.norm(dim=1, keepdim=True) + t * b.norm(dim=1, keepdim=True)


def angle_of(a: Tensor, b: Tensor) -> Tensor:
    return (unit(a) * unit(b)).sum(dim=1, keepdim=True).clamp(-1, 1).acos()


def on_the_circle(a: Tensor, b: Tensor, t: float, angle: Tensor) -> Tensor:
    """The two weights of the sine formula on a and b; a straight line where the angle is small."""
    small = angle < 1e-3
    safe = torch.where(small, torch.ones_like(angle), angle)
    first = torch.where(small, 1 - t, torch.sin((1 - t) * safe) / torch.sin(safe))
    second = torch.where(small, t, torch.sin(t * safe) / torch.sin(safe))
    return first * a + second * b


def slerp_with(
    angle: Callable = angle_of,
    start: Callable = unit,
    length: Callable = mixed_length,
    share: Callable = lambda t: t,
) -> Callable:
    """slerp whose parts a mistake can replace."""

    def answer(a, b, t):
        t = share(t)
        return length(a, b, t) * on_the_circle(start(a), start(b), t, angle(a, b))

    return answer


def batch_angle(a: Tensor, b: Tensor) -> Tensor:
    cosine = (a * b).sum() / (a.norm() * b.norm())
    return cosine.clamp(-1, 1).acos().expand(len(a), 1)


def raw_sines(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The sine formula on the directions, with nothing for an angle of 0."""
    angle = torch.acos((unit(a) * unit(b)).sum(dim=1, keepdim=True))
    direction = torch.sin((1 - t) * angle) * unit(a) + torch.sin(t * angle) * unit(b)
    return mixed_length(a, b, t) * direction / torch.sin(angle)


def clamped_sines(a: Tensor, b: Tensor, t: float) -> Tensor:
    angle = angle_of(a, b)
    direction = torch.sin((1 - t) * angle) * unit(a) + torch.sin(t * angle) * unit(b)
    return mixed_length(a, b, t) * direction / torch.sin(angle)


def guarded_sines(a: Tensor, b: Tensor, t: float) -> Tensor:
    """A small number in the denominator: 0 over it, where the angle is 0."""
    angle = angle_of(a, b)
    direction = torch.sin((1 - t) * angle) * unit(a) + torch.sin(t * angle) * unit(b)
    return mixed_length(a, b, t) * direction / (torch.sin(angle) + 1e-8)


def nlerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    return mixed_length(a, b, t) * unit((1 - t) * unit(a) + t * unit(b))


def lerp_renormalized(a: Tensor, b: Tensor, t: float) -> Tensor:
    return mixed_length(a, b, t) * unit((1 - t) * a + t * b)


def first_axis(v: Tensor) -> Tensor:
    return v / v.norm(dim=0, keepdim=True)


def norms_over_the_batch(a: Tensor, b: Tensor, t: float) -> Tensor:
    angle = (first_axis(a) * first_axis(b)).sum(dim=0, keepdim=True).clamp(-1, 1).acos()
    length = (1 - t) * a.norm(dim=0, keepdim=True) + t * b.norm(dim=0, keepdim=True)
    return length * on_the_circle(first_axis(a), first_axis(b), t, angle)


def axis_dropped(a: Tensor, b: Tensor, t: float) -> Tensor:
    """`(B, Z)` over `(B,)`: broadcast along the wrong axis, or an error."""
    return mixed_length(a, b, t) * (a / a.norm(dim=1) + b / b.norm(dim=1))


NAN = (
    "Where both vectors point the same way, sin of the angle is 0 and 0 / 0 is nan; so is acos of "
    "a cosine that rounding has put a little above 1. Such rows need a way of their own: the "
    "straight line is right there. Mind that torch.where computes both sides."
)


def one_angle_for_all(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The angle of the mean cosine."""
    u, v = unit(a), unit(b)
    angle = (u * v).sum(dim=1).mean().clamp(-1, 1).acos().expand(len(a), 1)
    return mixed_length(a, b, t) * on_the_circle(u, v, t, angle)


def normalized_along_the_batch(a: Tensor, b: Tensor, t: float) -> Tensor:
    u, v = a / a.norm(dim=0), b / b.norm(dim=0)
    angle = (u * v).sum(dim=1, keepdim=True).clamp(-1, 1).acos()
    return mixed_length(a, b, t) * on_the_circle(u, v, t, angle)


def not_normalized(a: Tensor, b: Tensor, t: float) -> Tensor:
    angle = (a * b).sum(dim=1, keepdim=True).clamp(-1, 1).acos()
    return on_the_circle(a, b, t, angle)


EXERCISE = Exercise(
    name="editing.slerp",
    signature="(a, b, t)",
    outputs=("z",),
    entry="row",
    oracle=by_rotation,
    cases=path_cases,
    misconceptions=(
        Misconception(
            "straight_line",
            lambda a, b, t: (1 - t) * a + t * b,
            "This is the straight line. Halfway it passes close to 0, where the generator was "
            "never trained: turn the direction, and mix the lengths apart from it.",
        ),
        Misconception(
            "ends_swapped",
            slerp_with(share=lambda t: 1 - t),
            "The path runs backward: t = 0 is a, t = 1 is b.",
        ),
        Misconception(
            "lengths_not_taken_off",
            slerp_with(start=lambda v: v, length=lambda a, b, t: 1.0),
            "The sine weights stand on a and b themselves, not on their directions. Of vectors "
            "with different lengths that gives another curve, whose length is not the linear mix.",
        ),
        Misconception(
            "length_one",
            slerp_with(length=lambda a, b, t: 1.0),
            "Every result has length 1. The length is mixed linearly from that of a to that of b.",
        ),
        Misconception(
            "length_of_the_shell",
            slerp_with(length=lambda a, b, t: a.shape[1] ** 0.5),
            "The result was brought to the root of the number of latents, the length of a typical "
            "draw. Its length is mixed linearly from that of a to that of b.",
        ),
        Misconception(
            "normalized_along_the_batch",
            normalized_along_the_batch,
            "The directions were normalized along the batch, dim=0. Each row is a vector: dim=1.",
        ),
        Misconception(
            "not_normalized",
            not_normalized,
            "The angle, or the way round, was taken of the vectors themselves. Both are of the "
            "directions u and v, of length 1; the length comes in by itself.",
        ),
        Misconception(
            "roots_as_weights",
            lambda a, b, t: (1 - t) ** 0.5 * a + t**0.5 * b,
            "The weights are the roots of 1 - t and t. These keep the length on average, and only "
            "for vectors at right angles: compute the angle of each pair.",
            also=(lambda a, b, t: (1 - t) ** 0.5 * unit(a) + t**0.5 * unit(b),),
        ),
        Misconception(
            "length_of_a",
            slerp_with(length=lambda a, b, t: a.norm(dim=1, keepdim=True)),
            "The length does not change along the way: it is that of one end, or of the middle. It "
            "is mixed linearly from that of a to that of b.",
            also=(
                slerp_with(length=lambda a, b, t: b.norm(dim=1, keepdim=True)),
                slerp_with(length=lambda a, b, t: mixed_length(a, b, 0.5)),
            ),
        ),
        Misconception(
            "length_geometric",
            slerp_with(
                length=lambda a, b, t: (
                    a.norm(dim=1, keepdim=True) ** (1 - t) * b.norm(dim=1, keepdim=True) ** t
                )
            ),
            "The lengths are mixed by their logarithms. The text asks for the linear mix.",
        ),
        Misconception(
            "length_added_to_the_mix_of_lengths",
            slerp_with(start=lambda v: v),
            "The directions still have their lengths when the mixed length comes on top.",
        ),
        Misconception(
            "lengths_of_the_whole_batch",
            slerp_with(length=lambda a, b, t: (1 - t) * a.norm() + t * b.norm()),
            "norm() without a dim is that of the whole batch. Each row has a length of its own.",
        ),
        Misconception(
            "one_angle_for_the_batch",
            slerp_with(angle=batch_angle),
            "One angle was computed for the whole batch. Each row has its own: add over the "
            "latents alone.",
            also=(one_angle_for_all,),
        ),
        Misconception(
            "over_the_batch",
            norms_over_the_batch,
            "Lengths and angles were taken along the batch. A latent is a row: dim=1.",
        ),
        Misconception(
            "axis_dropped",
            axis_dropped,
            "The lengths are (B,) and meet (B, Z) along the wrong axis. keepdim=True keeps them "
            "(B, 1).",
            error="must match the size of tensor b",
        ),
        Misconception(
            "angle_of_the_vectors",
            slerp_with(angle=lambda a, b: (a * b).sum(1, keepdim=True).clamp(-1, 1).acos()),
            "acos was given the inner product of a and b. It is the cosine only for vectors of "
            "length 1: divide by both lengths first.",
            also=(slerp_with(angle=lambda a, b: (a * b).sum(1, keepdim=True).acos()),),
        ),
        Misconception(
            "line_of_directions",
            nlerp,
            "The directions were mixed along a line and brought back to length 1. The way is the "
            "right one and the pace is not: at t = 1/4 it has not yet turned by a quarter of the "
            "angle.",
        ),
        Misconception(
            "line_brought_to_length",
            lerp_renormalized,
            "This is the straight line, stretched to the right length. Its direction does not turn "
            "by t times the angle, least of all where the lengths differ.",
        ),
        Misconception(
            "sine_not_divided",
            lambda a, b, t: (
                mixed_length(a, b, t)
                * (
                    torch.sin((1 - t) * angle_of(a, b)) * unit(a)
                    + torch.sin(t * angle_of(a, b)) * unit(b)
                )
            ),
            "Both weights still have to be divided by the sine of the angle; at t = 0 the first "
            "must be 1.",
        ),
        Misconception(
            "cosines",
            lambda a, b, t: (
                mixed_length(a, b, t)
                * (math.cos(t * math.pi / 2) * unit(a) + math.sin(t * math.pi / 2) * unit(b))
            ),
            "This turns by a right angle in every case. Random latents are nearly at right angles, "
            "and only nearly: compute the angle of each pair.",
        ),
        Misconception(
            "nan_where_parallel",
            raw_sines,
            NAN,
            also=(clamped_sines,),
        ),
        Misconception(
            "zero_where_parallel",
            guarded_sines,
            "Where both vectors point the same way the result is wrong: both sines are 0 there, "
            "and a small number added below makes 0 of the quotient. It should tend to the "
            "straight line's weights.",
            also=(
                lambda a, b, t: raw_sines(a, b, t).nan_to_num(0.0),
                lambda a, b, t: clamped_sines(a, b, t).nan_to_num(0.0),
            ),
        ),
        Misconception(
            "start_where_parallel",
            lambda a, b, t: torch.where(angle_of(a, b) < 1e-2, a, slerp_with()(a, b, t)),
            "Where both vectors point the same way, a came back as it is. Its length must still be "
            "mixed with that of b.",
        ),
        Misconception(
            "detached",
            lambda a, b, t: by_rotation(a.detach(), b.detach(), t),
            "No gradient reaches a and b. A path may be a part of something that is optimized.",
        ),
    ),
    hints=(
        "A vector is a length times a direction. Mix the lengths along a line and turn the "
        "direction: two jobs.",
        "The angle of each pair comes from the inner product of the two directions, along dim=1 "
        "with keepdim=True; clamp it to [-1, 1] before acos.",
        "For an angle near 0 the weights sin((1 - t) w) / sin w and sin(t w) / sin w tend to 1 - t "
        "and t. Put these in with torch.where, and give the other side an angle that does no harm.",
    ),
)
