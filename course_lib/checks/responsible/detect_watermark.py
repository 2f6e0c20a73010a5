"""Check of `detect_watermark`: its z-scores without the mark, with it, and under another key.

Which pattern the detector looks for is read off by itself: an image that is gray but for one bright
pixel scores above 0 where the pattern has a plus there. Marks are then made of the signs so found.
So the detector may belong to any `embed_watermark`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Exercise, Misconception, Plain
from ..observing import describe_type
from ..random_inputs import normal, some_seed, uniform

NULL_KEYS = 24
STRENGTH = 0.05
FORM = "one number for each image"
NULL = "about N(0, 1)"
FOUND = "above 4 for every image"
RECORD = ("z", "again", "one", "null", "marked", "turned", "other", "half")


def seen_cases(generator: torch.Generator) -> list[Case]:
    def case(contrast: float, about: str, count: int, channels: int, height: int, width: int):
        images = smooth(generator, contrast, count, channels, height, width)
        return Case({"images": images, "key": some_seed(generator) % 100_000}, about)

    flat = {"images": torch.full((2, 1, 32, 32), 0.25), "key": 5}
    return [
        case(0.12, "12 gray images of little contrast", 12, 1, 32, 32),
        case(0.50, "12 gray images of much contrast", 12, 1, 32, 32),
        case(0.12, "two images in color", 2, 3, 18, 22),
        Case(flat, "two images without any detail", extreme=True),
    ]


def smooth(generator: torch.Generator, contrast: float, *shape: int) -> Tensor:
    """Images in [0, 1] whose neighboring pixels are alike, of this standard deviation."""
    count, channels, height, width = shape
    coarse = normal(generator, count, channels, 6, 6)
    waves = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
    waves = (waves - waves.mean((1, 2, 3), keepdim=True)) / waves.std((1, 2, 3), keepdim=True)
    grain = 0.01 * normal(generator, *shape)
    middle = 0.45 + 0.1 * uniform(generator, count, 1, 1, 1)
    return (middle + contrast * waves + grain).clamp(0, 1)


def call_detector(answer: Callable, inputs: Mapping) -> dict[str, Plain]:
    """Scores of the images under many keys; then, the pattern read off, of marked images."""
    images, key = inputs.values()
    if images.std() == 0:
        return {"z": answer(images, key)}
    first = answer(images, key)
    if name_form(first, len(images)) != FORM:
        return dict.fromkeys(RECORD, first)  # what else is to be told of it?
    record = {"z": first, "again": answer(images, key), "one": answer(images[:1], key)}
    record["null"] = [answer(images, key + n) for n in range(1, NULL_KEYS + 1)]
    signs = read_off(answer, images.shape[1:], key)
    marked = (images + STRENGTH * signs).clamp(0, 1).mul(255).round() / 255
    record["marked"] = answer(marked, key)
    record["turned"] = bool((recipe(key, signs.shape) * signs).mean() < -0.9)
    record["other"] = answer(marked, key + 7)
    record["half"] = answer(torch.cat([images, marked]), key)
    return record


def read_off(answer: Callable, shape: torch.Size, key: int) -> Tensor:
    """Signs `(C, H, W)`: an image a pixel, gray but for this one."""
    pixels = math.prod(shape)
    probes = torch.full((pixels, pixels), 0.5)
    probes.fill_diagonal_(0.9)
    scores = answer(probes.reshape(pixels, *shape), key).detach().double()
    middle = scores.nanmedian() if (scores > 0).all() or (scores < 0).all() else 0.0
    return torch.where(scores > middle, 1.0, -1.0).reshape(shape)


def detector_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    images, z = inputs["images"], outputs["z"]
    facts: dict[str, Plain] = {"what comes back": name_form(z, len(images))}
    if facts["what comes back"] != FORM:
        return facts
    if images.std() == 0:
        return facts | {"an image without detail scores 0": bool((z.abs() < 1e-3).all())}
    z = z.double()
    facts["one key gives one score"] = torch.equal(z, outputs["again"].double())
    alone = bool(torch.allclose(outputs["one"].double(), z[:1], rtol=1e-3, atol=1e-3))
    facts["an image's score depends on no other image"] = alone
    null = torch.stack([z, *(each.double() for each in outputs["null"])])
    facts["another key gives another score"] = bool((null - null[:1]).abs().max() > 1e-6)
    facts["scores without the mark"] = name_null(null, images)
    facts["where embed_watermark adds, the score rises"] = not outputs["turned"]
    facts["scores with the mark"] = name_found(outputs["marked"].double())
    facts["scores with the mark of another key"] = name_others(outputs["other"].double())
    both = outputs["half"].double()
    facts["marked and unmarked images in one batch are told apart"] = bool(
        (both[len(z) :].min() > both[: len(z)].max()).item()
    )
    return facts


def name_form(z: Plain, count: int) -> str:
    if not isinstance(z, Tensor):
        return z if isinstance(z, str) else describe_type(z)
    if not z.is_floating_point():
        return f"a tensor of {str(z.dtype).removeprefix('torch.')}"
    if z.shape != (count,):
        return f"a tensor of shape {tuple(z.shape)}"
    return FORM if z.isfinite().all() else "NaN or infinite for some image"


def name_null(null: Tensor, images: Tensor) -> str:
    """Of `(keys, B)` scores; five standard errors of room and more."""
    if not null.isfinite().all():
        return "not finite"
    spread, room = null.std().item(), max(5 / null.numel() ** 0.5, 0.25)
    if (null >= 0).all():
        return "never negative"
    if abs(null.mean().item()) > room * max(spread, 1e-9):
        return "not centered on 0"
    if abs(spread - 1) < room:
        return NULL
    return f"centered on 0, and spread {name_spread(spread, room, images)}"


def name_spread(spread: float, room: float, images: Tensor) -> str:
    """Which divisor is missing or too much, told by sizes that the images give."""
    count, length = images[0].numel(), detail(images).flatten(1).norm(dim=1).mean().item()
    known = {
        "√n times too widely": count**0.5,
        "√n times too narrowly": count**-0.5,
        "as widely as the detail is long": length,
        "as widely as a mean of products": length / count,
        "as widely as a sum over √n": length / count**0.5,
        "the less, the longer the detail": 1 / length,
    }
    near = {words: abs(math.log(spread / size)) for words, size in known.items()} if spread else {}
    words = min(near, key=near.get, default="")
    return words if words and near[words] < room else "too widely" if spread > 1 else "too narrowly"


def name_found(marked: Tensor) -> str:
    if not marked.isfinite().all():
        return "not finite"
    if (marked > 4).all():
        return FOUND
    if (marked < -4).all():
        return "below -4: the sign is turned round"
    return "4 or less for some image"


def name_others(other: Tensor) -> str:
    return "no mark found" if (other.abs() < 5.5).all() else "a mark found"


def detail(images: Tensor) -> Tensor:
    """What the mean of the 3×3 pixels around does not explain."""
    return images - F.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)


def own_signs(key: int, shape: torch.Size) -> Tensor:
    drawn = torch.rand(shape, generator=torch.Generator().manual_seed(key + 2**40))
    return torch.where(drawn < 0.5, -1.0, 1.0)


def by_sums(images: Tensor, key: int) -> Tensor:
    """A difference of two sums, over the pixels with a plus and over those with a minus."""
    left = detail(images.double()).flatten(1)
    plus = own_signs(key, images.shape[1:]).flatten() > 0
    difference = left[:, plus].sum(1) - left[:, ~plus].sum(1)
    spread = left.square().sum(1).sqrt()
    return torch.where(spread > 1e-9, difference / spread.clamp(min=1e-9), 0.0).float()


def scoring(
    remove: Callable = detail,
    signs: Callable = own_signs,
    score: Callable = lambda total, left: total / left.square().sum(1).sqrt().clamp(min=1e-9),
    finish: Callable = lambda z: z,
) -> Callable:
    """Right but for the part that a mistake replaces."""

    def answer(images, key):
        left = remove(images.double()).flatten(1)
        total = (left * signs(key, images.shape[1:]).flatten().double()).sum(1)
        return finish(score(total, left).float())

    return answer


def size(left: Tensor) -> Tensor:
    return left.square().sum(1).sqrt().clamp(min=1e-9)


def mean_removed(images: Tensor) -> Tensor:
    return images - images.mean((1, 2, 3), keepdim=True)


def without_clamp(total: Tensor, left: Tensor) -> Tensor:
    return total / left.square().sum(1).sqrt()


def recipe(key: int, shape: torch.Size) -> Tensor:
    """The pattern that the lesson's text describes."""
    return 2.0 * torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(key)) - 1


def global_signs(key: int, shape: torch.Size) -> Tensor:
    torch.manual_seed(key)
    return torch.randint(0, 2, shape) * 2.0 - 1


def over_the_batch(z: Tensor) -> Tensor:
    return (z - z.mean()) / z.std(correction=0).clamp(min=1e-9)


def of_each_channel(images: Tensor, key: int) -> Tensor:
    left = detail(images.double())
    total = (left * own_signs(key, images.shape[1:]).double()).sum((2, 3))
    return (total / left.square().sum((2, 3)).sqrt().clamp(min=1e-9)).float()


def signs_of_the_batch(images: Tensor, key: int) -> Tensor:
    """A pattern a place in the batch."""
    left = detail(images.double()).flatten(1)
    signs = own_signs(key, images.shape).flatten(1).double()
    return ((left * signs).sum(1) / size(left)).float()


EXERCISE = Exercise(
    name="responsible.detect_watermark",
    signature="(images, key)",
    oracle=by_sums,
    cases=seen_cases,
    call=call_detector,
    facts=detector_facts,
    slow=True,
    misconceptions=(
        Misconception(
            "only_flat_images_fail",
            scoring(score=without_clamp),
            "0 / 0: an image without any detail has nothing to correlate with, and NaN came. It "
            "scores 0.",
        ),
        Misconception(
            "image_not_removed",
            scoring(remove=mean_removed),
            "The picture drowns the mark: where images are rich in contrast, their own light and "
            "dark make up nearly all of the spread. Take the local mean off first, not the "
            "mean of the whole image.",
            also=(scoring(remove=lambda images: images - 0.5),),
        ),
        Misconception(
            "nothing_removed",
            scoring(remove=lambda images: images),
            "Nothing was taken off: the image's brightness makes up most of the spread. Take the "
            "local mean off first.",
        ),
        Misconception(
            "over_the_batch",
            scoring(finish=over_the_batch),
            "The scores were standardized over the batch. If all of its images are marked, all of "
            "them come out near 0. An image's own pixels say how far a score spreads.",
        ),
        Misconception(
            "cosine",
            scoring(score=lambda total, left: total / (size(left) * left.shape[1] ** 0.5)),
            "These scores spread 1/√n for a random key, not 1: it is a cosine, or a mean divided "
            "by the spread of one number. A mean of n numbers spreads less than one, by √n.",
            also=(
                scoring(
                    score=lambda total, left: total / left.shape[1] / left.std(1).clamp(min=1e-9)
                ),
            ),
        ),
        Misconception(
            "sum",
            scoring(score=lambda total, left: total),
            "This is the correlation itself, not divided by what it spreads for a random key: an "
            "image rich in detail scores high by chance.",
            also=(scoring(score=lambda total, left: total / left.shape[1] ** 0.5),),
        ),
        Misconception(
            "mean",
            scoring(score=lambda total, left: total / left.shape[1]),
            "This is the mean of the products. A z-score is divided by the standard deviation "
            "that it has for a random key.",
        ),
        Misconception(
            "divided_by_the_variance",
            scoring(score=lambda total, left: total / left.square().sum(1).clamp(min=1e-9)),
            "The sum was divided by its variance. A z-score is divided by the standard deviation: "
            "its root.",
        ),
        Misconception(
            "spread_of_one",
            scoring(score=lambda total, left: total / left.std(1).clamp(min=1e-9)),
            "A sum was divided by the spread of one number. The sum of n numbers spreads more, by "
            "√n.",
        ),
        Misconception(
            "absolute",
            scoring(finish=torch.abs),
            "The sign is gone. A mark scores high, not far from 0: without it, negative scores are "
            "as frequent as positive ones.",
            also=(scoring(finish=torch.square),),
        ),
        Misconception(
            "probability",
            scoring(finish=lambda z: torch.special.ndtr(z)),
            "This is a probability. Return the z-score that it is made of.",
            also=(scoring(finish=lambda z: torch.special.ndtr(-z)),),
        ),
        Misconception(
            "verdict",
            scoring(finish=lambda z: z > 4),
            "This is the verdict. Return the scores; whoever calls chooses the threshold.",
            also=(scoring(finish=lambda z: (z > 4).float()),),
        ),
        Misconception(
            "of_the_whole_batch",
            scoring(finish=lambda z: z.mean()),
            "One number came for the batch. Each image has a score of its own: sum over channels, "
            "rows and columns, not over the images.",
            also=(scoring(finish=lambda z: z.sum()), scoring(finish=lambda z: z.max())),
        ),
        Misconception(
            "of_each_channel",
            of_each_channel,
            "There is a score for each channel. All channels of an image carry one mark: sum over "
            "channels, rows and columns, in the product and in the spread.",
        ),
        Misconception(
            "axis_left",
            scoring(finish=lambda z: z[:, None]),
            "The scores are (B, 1). Their shape is (B,).",
        ),
        Misconception(
            "sign_turned",
            scoring(signs=recipe, finish=torch.neg),
            "The scores have their sign turned: where a pixel is brighter than the ones around it "
            "and the pattern has a plus, that speaks for the mark. (If that is what you wrote, "
            "which of the two was subtracted, the image or its local mean?)",
        ),
        Misconception(
            "key_unused",
            scoring(signs=lambda key, shape: own_signs(0, shape)),
            "All keys give the same scores: a fixed seed stands where the key belongs.",
        ),
        Misconception(
            "zeros_and_ones",
            scoring(signs=lambda key, shape: (own_signs(key, shape) + 1) / 2),
            "The pattern holds 0 and 1 here, so that half of the pixels are not asked, and the "
            "scores spread less than 1. It is the pattern of embed_watermark: -1 and +1.",
        ),
        Misconception(
            "signs_of_the_batch",
            signs_of_the_batch,
            "The pattern was drawn in the shape of the batch, so that an image's score depends on "
            "its place in it. Draw in the shape of one image.",
        ),
        Misconception(
            "seeded_globally",
            scoring(signs=global_signs),
            "The key went into the global generator, which belongs to everybody. Make a generator "
            "of your own.",
            drawing=True,
        ),
    ),
    hints=(
        "The pattern is the one that embed_watermark adds for this key. What is the correlation of "
        "an image with it, if the signs are drawn by chance?",
        "F.avg_pool2d with stride 1, padding 1 and count_include_pad=False gives each pixel the "
        "mean of the 3 × 3 around it, at the border of those that there are.",
        "For signs drawn by chance the sum of sign times detail has mean 0, and its variance is "
        "the sum of the squared details. Divide by the root, and think of an image that has none.",
    ),
)
