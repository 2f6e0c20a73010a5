"""Check of `attribute_vector`. Oracle: two running sums, one latent after the other."""

from __future__ import annotations

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal


def latent_cases(generator: torch.Generator) -> list[Case]:
    def inputs(groups: list[int], latents: int, dtype: torch.dtype = torch.float32) -> dict:
        has = torch.tensor(groups, dtype=torch.bool)
        z = 0.7 + normal(generator, len(groups), latents, dtype=dtype)
        shift = torch.full((latents,), 2.0, dtype=dtype)
        shift[::2] = -2.0  # some latents are smaller with the attribute
        return {"latents": z + shift * has[:, None], "has_attribute": has}

    return [
        Case(inputs([1, 0, 0, 1, 0, 1, 0, 0], 5), gradients=("latents",)),
        Case(inputs([0, 1, 1, 1, 1], 3), "most have it"),
        Case(inputs([0, 0, 0, 0, 0, 0, 1, 0, 0], 4, torch.float64), "one of nine, in float64"),
        Case(inputs([1, 0], 6), "one of each"),
    ]


def by_running_sums(latents: Tensor, has_attribute: Tensor) -> Tensor:
    sums, counts = {True: 0.0, False: 0.0}, {True: 0, False: 0}
    for z, has in zip(latents, has_attribute.tolist(), strict=True):
        sums[has], counts[has] = sums[has] + z, counts[has] + 1
    return sums[True] / counts[True] - sums[False] / counts[False]


def means(latents: Tensor, has: Tensor) -> tuple[Tensor, Tensor]:
    return latents[has].mean(dim=0), latents[~has].mean(dim=0)


def numbers_as_places(latents: Tensor, has: Tensor) -> Tensor:
    """0 and 1 taken for rows: the attribute picks the first two latents, again and again."""
    places = has.long()
    return latents[places].mean(dim=0) - latents[1 - places].mean(dim=0)


def bits_turned(latents: Tensor, has: Tensor) -> Tensor:
    """~1 is -2 and ~0 is -1 of integers: rows counted from the end."""
    return latents[has].mean(dim=0) - latents[~has.long()].mean(dim=0)


def masked_mean(latents: Tensor, has: Tensor) -> Tensor:
    """Zeros of the other group still counted."""
    kept = has[:, None].to(latents.dtype)
    return (latents * kept).mean(dim=0) - (latents * (1 - kept)).mean(dim=0)


def standardized(latents: Tensor, has: Tensor) -> Tensor:
    first, second = means(latents, has)
    return (first - second) / latents.std(dim=0)


def covariance(latents: Tensor, has: Tensor) -> Tensor:
    share = has.to(latents.dtype)
    return ((share - share.mean())[:, None] * (latents - latents.mean(dim=0))).mean(dim=0)


EXERCISE = Exercise(
    name="editing.attribute_vector",
    signature="(latents, has_attribute)",
    outputs=("vector",),
    entry="latent",
    oracle=by_running_sums,
    cases=latent_cases,
    misconceptions=(
        Misconception(
            "absolute",
            lambda z, has: (z[has].mean(0) - z[~has].mean(0)).abs(),
            "An absolute value was taken. In which direction a latent moves is the whole point.",
        ),
        Misconception(
            "sign_turned",
            lambda z, has: means(z, has)[1] - means(z, has)[0],
            "The vector points the wrong way: added to a latent it must lead to those that have "
            "the attribute.",
        ),
        Misconception(
            "those_with_it_alone",
            lambda z, has: means(z, has)[0],
            "This is the mean of those that have the attribute. It also holds what all latents "
            "have in common: take off the mean of those without.",
        ),
        Misconception(
            "from_the_mean_of_all",
            lambda z, has: means(z, has)[0] - z.mean(dim=0),
            "The mean of all latents was taken off, among which are those with the attribute. The "
            "step is then too short: take off the mean of those without.",
        ),
        Misconception(
            "sums",
            lambda z, has: z[has].sum(dim=0) - z[~has].sum(dim=0),
            "Sums were subtracted, so the larger group decides. Each group has a mean of its own.",
        ),
        Misconception(
            "divided_by_all",
            masked_mean,
            "Each group's sum was divided by the number of all latents: zeros of the others are "
            "counted in the mean. Divide by as many as there are in the group.",
            also=(lambda z, has: (z * (2 * has[:, None].to(z.dtype) - 1)).mean(dim=0),),
        ),
        Misconception(
            "halved",
            lambda z, has: (means(z, has)[0] - means(z, has)[1]) / 2,
            "This is half of the difference. The whole one leads from the one mean to the other.",
        ),
        Misconception(
            "length_one",
            lambda z, has: torch.nn.functional.normalize(
                means(z, has)[0] - means(z, has)[1], dim=0
            ),
            "The difference was brought to length 1. Its length says how far apart both groups "
            "are, and is wanted.",
        ),
        Misconception(
            "standardized",
            standardized,
            "The difference was divided by a standard deviation. It is to be added to latents as "
            "it is.",
        ),
        Misconception(
            "medians",
            lambda z, has: z[has].median(dim=0).values - z[~has].median(dim=0).values,
            "These are medians. The text asks for means.",
        ),
        Misconception(
            "row",
            lambda z, has: (means(z, has)[0] - means(z, has)[1])[None],
            "The vector has a batch axis of length 1. It is one vector, (Z,).",
        ),
        Misconception(
            "averaged_over_latents",
            lambda z, has: z[has].mean(dim=1) - z[~has].mean(dim=1),
            "The mean was taken over the latents of each image. It goes over the images: dim=0.",
            error="must match the size of tensor b",
        ),
        Misconception(
            "added_up",
            lambda z, has: z[has].mean(0) + z[~has].mean(0),
            "The two means were added. The way from one to the other is their difference.",
        ),
        Misconception(
            "first_ones_alone",
            lambda z, has: z[has][0] - z[~has][0],
            "One latent of each group was used. What is their own cancels in the mean of many.",
            also=(lambda z, has: z[has][-1] - z[~has][-1],),
        ),
        Misconception(
            "counts_exchanged",
            lambda z, has: z[has].sum(0) / (~has).sum() - z[~has].sum(0) / has.sum(),
            "Each sum was divided by the number of the *other* group.",
        ),
        Misconception(
            "those_without_alone",
            lambda z, has: -z[~has].mean(0),
            "The mean of those that have it is missing.",
            also=(lambda z, has: z[~has].mean(0),),
        ),
        Misconception(
            "extremes",
            lambda z, has: z[has].max(0).values - z[~has].max(0).values,
            "Largest values were compared. Means are asked for.",
            also=(lambda z, has: z[has].min(0).values - z[~has].min(0).values,),
        ),
        Misconception(
            "quotient",
            lambda z, has: z[has].mean(0) / z[~has].mean(0),
            "One mean was divided by the other. What is added to a latent is a difference.",
        ),
        Misconception(
            "doubled",
            lambda z, has: 2 * (z[has].mean(0) - z[~has].mean(0)),
            "The result is twice the difference of the means.",
        ),
        Misconception(
            "covariance",
            covariance,
            "This is a covariance: its direction is right, its length shrinks as the groups become "
            "uneven. Asked is the difference of the two means.",
            also=(lambda z, has: 2 * covariance(z, has),),
        ),
        Misconception(
            "single_number",
            lambda z, has: z[has].mean() - z[~has].mean(),
            "One number came out: mean() averages over latents and images. Give the dim of the "
            "images.",
        ),
        Misconception(
            "numbers_as_places",
            numbers_as_places,
            "has_attribute became integers, and an index of integers picks the rows 0 and 1. An "
            "index of bools picks the rows that are True.",
        ),
        Misconception(
            "bits_turned",
            bits_turned,
            "~ of integers turns bits: ~1 is -2, and picks rows from the end. Of bools it is the "
            "other group.",
        ),
        Misconception(
            "detached",
            lambda z, has: by_running_sums(z.detach(), has),
            "No gradient reaches the latents: they were detached or copied.",
        ),
    ),
    hints=(
        "Where do the latents with the attribute lie, on average, and where the others?",
        "A tensor of bools as an index keeps the rows where it is True; ~ turns it round.",
        "Both means are (Z,): over the images, dim=0.",
    ),
)
