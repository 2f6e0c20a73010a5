"""Check of `binarize`: which coin was tossed for each pixel, and with whose randomness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception, Plain
from ..observing import describe_type
from ..random_inputs import some_seed, uniform

REPEATS = 1500


def binarize_cases(generator: torch.Generator) -> list[Case]:
    grays = 0.15 + 0.3 * uniform(generator, 1, 1, 3, 4)
    grays[..., ::2] += 0.4  # so that some pixels are likely white and others likely black
    mixed = uniform(generator, 5, 1, 4, 3).clamp(0.05, 0.95)
    mixed[:, :, 0], mixed[:, :, 1] = 0.0, 1.0
    seed = {"seed": some_seed(generator)}
    many = grays.expand(REPEATS, -1, -1, -1).clone()
    return [
        Case({"images": many, **seed}, f"{REPEATS:,} copies of one gray image"),
        Case({"images": mixed, **seed}, "pixels of 0 and 1 among the gray ones"),
    ]


def call_binarize(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Three calls: one seed twice, then another."""
    record = {}
    for label, seed in (("", 0), ("again ", 0), ("other ", 1)):
        generator = torch.Generator().manual_seed(inputs["seed"] + seed)
        record[f"{label}images"] = answer(inputs["images"], generator)
        if record[f"{label}images"] is Ellipsis:
            return Ellipsis
    return record


def binarize_facts(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Plain]:
    gray, tossed = inputs["images"], outputs["images"]
    facts: dict[str, Plain] = {"what comes back": describe_type(tossed)}
    if not isinstance(tossed, Tensor) or tossed.shape != gray.shape:
        return facts
    facts["the type of the pixels"] = str(tossed.dtype).removeprefix("torch.")
    facts["the values of the pixels"] = name_values(tossed)
    white = tossed.double()
    if len(gray) == REPEATS:
        facts["the chance of a white pixel"] = name_chance(gray[0], white)
        facts["the coins"] = name_coins(gray[0], white)
    else:
        sure = (gray == 0) | (gray == 1)
        facts["pixels of 0 stay 0 and pixels of 1 stay 1"] = torch.equal(
            tossed[sure].to(gray.dtype), gray[sure]
        )
    facts["one seed gives one set of images"] = torch.equal(tossed, outputs["again images"])
    facts["another seed gives other images"] = not torch.equal(tossed, outputs["other images"])
    return facts


def name_values(tossed: Tensor) -> str:
    values = tossed.unique().tolist()
    if set(values) <= {0, 1}:
        return "0 and 1"
    return "-1 and 1" if set(values) == {-1, 1} else "others than 0 and 1"


def name_chance(gray: Tensor, white: Tensor) -> str:
    """How often the pixels are white, told with six standard errors to spare."""
    often, gray = white.mean(0), gray.double()
    candidates = {
        "its gray value": gray,
        "one minus its gray value": 1 - gray,
        "one half": torch.full_like(gray, 0.5),
        "0 or 1, a cut at one half": (gray > 0.5).double(),
        "that of a normal number below its gray value": torch.special.ndtr(gray),
        "the sigmoid of its gray value": gray.sigmoid(),
    }
    for name, chance in candidates.items():
        width = 6 * (chance * (1 - chance) / REPEATS).sqrt() + 1e-9
        if ((often - chance).abs() < width).all():
            return name
    if ((often == 0) | (often == 1)).all():
        return "0 or 1"
    return "something else"


def name_coins(gray: Tensor, white: Tensor) -> str:
    """Whether each pixel of each image has its own: by the spread of the count of white pixels."""
    if (white == white[:1]).all():
        return "the same for all images"
    chance = white.mean(0)
    alone = (chance * (1 - chance)).sum()
    together = white.flatten(1).sum(1).var() / alone
    return "one for each pixel of each image" if (together - 1).abs() < 0.35 else "shared by pixels"


def toss(images: Tensor, generator: torch.Generator, shape: tuple | None = None) -> Tensor:
    coins = torch.rand(shape or images.shape, generator=generator)
    return torch.where(coins < images, 1.0, 0.0)


def in_place(images: Tensor, generator: torch.Generator) -> Tensor:
    coins = torch.rand(images.shape, generator=generator)
    images[...] = (coins < images).float()
    return images


def painted_white(images: Tensor, generator: torch.Generator) -> Tensor:
    images[toss(images, generator).bool()] = 1.0
    return images


def seeded_again(images: Tensor, generator: torch.Generator) -> Tensor:
    return toss(images, generator.manual_seed(0))


EXERCISE = Exercise(
    name="likelihood.binarize",
    signature="(images, generator)",
    oracle=lambda images, generator: torch.bernoulli(images, generator=generator),
    cases=binarize_cases,
    call=call_binarize,
    facts=binarize_facts,
    misconceptions=(
        Misconception(
            "threshold",
            lambda images, generator: (images > 0.5).float(),
            "The images were cut at one half. That is another data set, always the same and easier "
            "to model; here the gray value is the chance of a white pixel, tossed anew every time.",
        ),
        Misconception(
            "inverted",
            lambda images, generator: 1 - toss(images, generator),
            "Bright pixels become black: the comparison is turned round. A uniform number lies "
            "below the gray value as often as the gray value says.",
        ),
        Misconception(
            "fair_coins",
            lambda images, generator: images.clone().bernoulli_(generator=generator),
            "Every pixel is white half of the time, whatever its gray value: nothing in this toss "
            "reads the images. (Where the method .bernoulli_ is called: it overwrites its tensor, "
            "and asks for the chances as an argument.)",
            also=(
                lambda images, generator: toss(torch.full_like(images, 0.5), generator),
                lambda images, generator: torch.randint(
                    0, 2, images.shape, generator=generator
                ).float(),
            ),
        ),
        Misconception(
            "sigmoid_of_gray",
            lambda images, generator: toss(images.sigmoid(), generator),
            "The gray values went through a sigmoid, as if they were logits. They are "
            "probabilities already.",
        ),
        Misconception(
            "normal_noise",
            lambda images, generator: (
                torch.randn(images.shape, generator=generator) < images
            ).float(),
            "The gray values were compared with normal noise. Only a number that is uniform "
            "between 0 and 1 lies below p with probability p.",
        ),
        Misconception(
            "coin_per_image",
            lambda images, generator: toss(images, generator, (len(images), 1, 1, 1)),
            "One uniform number decides about several pixels at once, so they are white together. "
            "Each pixel of each image needs a number of its own.",
        ),
        Misconception(
            "coins_shared_by_batch",
            lambda images, generator: toss(images, generator, (1, *images.shape[1:])),
            "All images of the batch were tossed with the same numbers, or even with a single one. "
            "Draw as many as there are pixels in the whole batch.",
            also=(lambda images, generator: toss(images, generator, (1,)),),
        ),
        Misconception(
            "own_generator",
            lambda images, generator: toss(images, torch.Generator().manual_seed(0)),
            "Every seed gives the same images, so the «fresh» toss is one fixed binarization: a "
            "new generator was made inside, or the one that is passed in was seeded again. Draw on "
            "from it as it comes.",
            also=(seeded_again,),
        ),
        Misconception(
            "booleans",
            lambda images, generator: toss(images, generator).bool(),
            "True and False came back. The likelihood multiplies these images with numbers: return "
            "them as floats.",
        ),
        Misconception(
            "integers",
            lambda images, generator: toss(images, generator).long(),
            "Whole numbers came back. A network wants floats, of the type of the gray images.",
        ),
        Misconception(
            "gray_kept",
            lambda images, generator: toss(images, generator) * images,
            "The pixels that the toss made white kept their gray value. White is 1.",
        ),
        Misconception(
            "shape_lost",
            lambda images, generator: toss(images, generator).squeeze(1),
            "The pixels are right and the axes are not those of the images: (B, 1, H, W) goes in "
            "and comes out.",
            also=(lambda images, generator: toss(images, generator).flatten(1),),
        ),
        Misconception(
            "in_place",
            in_place,
            "The gray images were overwritten, so the next toss finds nothing but zeros and ones.",
        ),
        Misconception(
            "painted_white",
            painted_white,
            "The white pixels were written into the gray images, and the others stayed gray. Make "
            "a new tensor of zeros and ones: the gray values are tossed again at the next update.",
        ),
        Misconception(
            "plus_and_minus_one",
            lambda images, generator: 2 * toss(images, generator) - 1,
            "Black became -1. A Bernoulli likelihood knows 0 and 1.",
        ),
        Misconception(
            "global_noise",
            lambda images, generator: torch.bernoulli(images),
            "The coins came from the global generator, so the one that was passed in decides "
            "nothing. torch.bernoulli and torch.rand both take generator=….",
            drawing=True,
        ),
    ),
    hints=(
        "A gray value of 0.3 is a coin that shows white three times in ten. How do you toss a "
        "coin with a given chance, once for each pixel?",
        "A number drawn uniformly between 0 and 1 is smaller than p with probability p. Or let "
        "PyTorch toss: it has a function named after Bernoulli.",
        "torch.bernoulli takes the chances and generator=…, and answers with zeros and ones of the "
        "same shape and type.",
    ),
)
