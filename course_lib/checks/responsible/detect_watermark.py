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
RECORD = ("z", "again", "one", "back", "negative", "paler", "null", "pattern")
RECORD += ("marked", "turned", "other", "half")
SIGNS = "signs, each pixel's own"


def seen_cases(generator: torch.Generator) -> list[Case]:
    def case(contrast: float, about: str, count: int, channels: int, height: int, width: int):
        images = smooth(generator, contrast, count, channels, height, width)
        return Case({"images": images, "key": some_seed(generator) % 100_000}, about)

    flat = {"images": torch.full((2, 1, 32, 32), 0.25), "key": 5}
    red = torch.tensor([0.75, 0.25, 0.5])[:, None, None].expand(2, 3, 16, 16).clone()
    return [
        case(0.12, "12 gray images of little contrast", 12, 1, 32, 32),
        case(0.50, "12 gray images of much contrast", 12, 1, 32, 32),
        case(0.12, "two images in color", 2, 3, 18, 22),
        Case(flat, "two images without any detail", extreme=True),
        Case({"images": red, "key": 5}, "two images all of one red", extreme=True),
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
    if is_flat(images):
        return {"z": answer(images, key)}
    first = answer(images, key)
    if name_form(first, len(images)) != FORM:
        return dict.fromkeys(RECORD, first)  # what else is to be told of it?
    record = {"z": first, "again": answer(images, key), "one": answer(images[:1], key)}
    record["back"] = answer(images.flip(0), key)
    record["negative"] = answer(1 - images, key)
    record["paler"] = answer(0.8 * images + 0.1, key)
    record["null"] = [answer(images, key + n) for n in range(1, NULL_KEYS + 1)]
    signs, record["pattern"] = read_off(answer, images.shape[1:], key)
    marked = (images + STRENGTH * signs).clamp(0, 1).mul(255).round() / 255
    record["marked"] = answer(marked, key)
    record["turned"] = bool((recipe(key, signs.shape) * signs).mean() < -0.9)
    record["other"] = answer(marked, key + 7)
    record["half"] = answer(torch.cat([images, marked]), key)
    return record


def is_flat(images: Tensor) -> bool:
    return bool((images == images[:, :, :1, :1]).all())


def read_off(answer: Callable, shape: torch.Size, key: int) -> tuple[Tensor, str]:
    """Signs `(C, H, W)`, and what they look like: an image a pixel, gray but for this one."""
    pixels = math.prod(shape)
    probes = torch.full((pixels, pixels), 0.5)
    probes.fill_diagonal_(0.9)
    scores = answer(probes.reshape(pixels, *shape), key).detach().double()
    middle = scores.nanmedian() if (scores > 0).all() or (scores < 0).all() else 0.0
    signs = torch.where(scores > middle, 1.0, -1.0).reshape(shape)
    return signs, name_pattern(signs, scores)


def name_pattern(signs: Tensor, scores: Tensor) -> str:
    """Scores of single pixels are of about one size, plus or minus, if the pattern's numbers are.

    The kurtosis of such scores is near to 1.4, and 3 where the pattern is Gaussian.
    """
    if len(signs) > 1 and (signs == signs[:1]).double().mean() > 0.95:
        return "the same signs in all channels"
    away = scores - scores.mean()
    if away.pow(4).mean() > 2.3 * away.square().mean().square():
        return "numbers of many sizes, as of Gaussian noise"
    return SIGNS


def detector_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    images, z = inputs["images"], outputs["z"]
    facts: dict[str, Plain] = {"what comes back": name_form(z, len(images))}
    if facts["what comes back"] != FORM:
        return facts
    if is_flat(images):
        return facts | {"an image without detail scores 0": bool((z.abs() < 1e-3).all())}
    z = z.double()
    facts["one key gives one score"] = torch.equal(z, outputs["again"].double())
    alone = bool(torch.allclose(outputs["one"].double(), z[:1], rtol=1e-3, atol=1e-3))
    facts["an image's score depends on no other image"] = alone
    placed = torch.allclose(outputs["back"].double().flip(0), z, rtol=1e-3, atol=1e-3)
    facts["an image's score does not depend on its place in the batch"] = bool(placed)
    null = torch.stack([z, *(each.double() for each in outputs["null"])])
    facts["another key gives another score"] = bool((null - null[:1]).abs().max() > 1e-6)
    facts["scores without the mark"] = name_null(null, images)
    facts["scores of the images' negatives, 1 - images"] = name_negative(z, outputs["negative"])
    facts["a brighter image of less contrast scores alike"] = alike(z, outputs["paler"], 0.03)
    facts["the pattern that is looked for"] = outputs["pattern"]
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


def alike(z: Tensor, other: Tensor, room: float) -> bool:
    return bool(((z - other.double()).abs() <= room * (1 + z.abs())).all())


def name_negative(z: Tensor, negative: Tensor) -> str:
    """A score that is linear in the detail turns its sign with it."""
    if alike(-z, negative, 0.03):
        return "the same with the other sign"
    return "the same" if alike(z, negative, 0.03) else "others"


def name_null(null: Tensor, images: Tensor) -> str:
    """Of `(keys, B)` scores; five standard errors of room and more."""
    if not null.isfinite().all():
        return "not finite"
    spread, room = null.std().item(), max(5 / null.numel() ** 0.5, 0.25)
    if (null >= 0).all():
        return f"never negative{', and often 0' if (null == 0).double().mean() > 0.3 else ''}"
    if abs(null.mean().item()) > room * max(spread, 1e-9):
        return "not centered on 0"
    if abs(spread - 1) < room:
        return NULL
    return f"centered on 0, and spread {name_spread(spread, null.numel(), images)}"


def name_spread(spread: float, numbers: int, images: Tensor) -> str:
    """Which divisor is missing or too much, told by sizes that the images give.

    So far as chance leaves them apart: a spread of so many scores errs by 1/√(2 numbers).
    """
    left = detail(images.double()).flatten(1)
    count, lengths = left.shape[1], left.norm(dim=1)

    def over(divisor: Tensor) -> float:
        return (lengths / divisor).square().mean().sqrt().item()

    one = torch.ones_like(lengths)
    known = {
        "√n times too widely": count**0.5,
        "√n times too narrowly": count**-0.5,
        "as widely as the detail is long": over(one),
        "as widely as a mean of products": over(count * one),
        "as widely as a sum over √n": over(count**0.5 * one),
        "as over a variance": over(lengths.square()),
        "as widely as a difference of two means": over(count / 2 * one),
        "as over the size of the image in the place of its detail": over(
            images.double().flatten(1).norm(dim=1)
        ),
        "as over a sum of absolute values": over(left.abs().sum(dim=1)),
        "as over a sum whose terms cancel": over(left.sum(dim=1).abs()),
        "as half of the pixels would make it": 0.5**0.5,
        "as over the detail of the whole batch": over(lengths.norm() * one),
        "as a sum of each row's score": math.prod(images.shape[1:3]) ** 0.5,
        "as with a pattern times strength": STRENGTH,
        "as over a length that is 1 too large": over(1 + lengths),
    }
    near = {words: abs(math.log(spread / size)) for words, size in known.items()} if spread else {}
    words = min(near, key=near.get, default="")
    if words and near[words] < 5 / (2 * numbers) ** 0.5:
        return words
    return "too widely" if spread > 1 else "too narrowly"


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
        left = remove(images).flatten(1)
        total = (left * signs(key, images.shape[1:]).flatten()).sum(1)
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


def mean_of_the_batch_removed(images: Tensor) -> Tensor:
    return images - images.mean(dim=0)


def zeros_around(images: Tensor) -> Tensor:
    """The border's mean counts pixels that are not there."""
    return images - F.avg_pool2d(images, 3, stride=1, padding=1)


def window_sum_removed(images: Tensor) -> Tensor:
    return images - 9 * F.avg_pool2d(images, 3, stride=1, padding=1)


def mean_kept(images: Tensor) -> Tensor:
    return images - detail(images)


def channels_together(images: Tensor) -> Tensor:
    gray = images.mean(dim=1, keepdim=True)
    return images - (gray - detail(gray))


def means_without_border(images: Tensor) -> Tensor:
    return images - F.avg_pool2d(images, 3, stride=1)


def one_for_all_channels(key: int, shape: torch.Size) -> Tensor:
    return own_signs(key, shape[1:]).expand(shape)


def gaussian(key: int, shape: torch.Size) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(key))


def pattern_of_detail(key: int, shape: torch.Size) -> Tensor:
    return detail(own_signs(key, shape)[None])[0]


def of_each_row(images: Tensor, key: int) -> Tensor:
    left = detail(images.double())
    total = (left * own_signs(key, images.shape[1:]).double()).sum(3)
    return (total / left.square().sum(3).sqrt().clamp(min=1e-9)).sum((1, 2)).float()


def in_gray(images: Tensor, key: int) -> Tensor:
    return scoring()(images.mean(dim=1, keepdim=True), key)


def two_means(images: Tensor, key: int) -> Tensor:
    left = detail(images.double()).flatten(1)
    plus = own_signs(key, images.shape[1:]).flatten() > 0
    return (left[:, plus].mean(1) - left[:, ~plus].mean(1)).float()


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
            "means_without_border",
            scoring(remove=means_without_border),
            "There are not as many local means as pixels. Unless it is told otherwise, avg_pool2d "
            "moves on by the width of its window and leaves out the border.",
            error="The size of tensor a (32) must match the size of tensor b (",
        ),
        Misconception(
            "zeros_at_the_border",
            scoring(remove=zeros_around),
            "At the border the local mean counts pixels that are not there as black, so that "
            "something is left of every bright image. Count those that there are.",
        ),
        Misconception(
            "channels_together",
            scoring(remove=channels_together),
            "The local mean was taken over the channels as well, so that something is left even of "
            "an image of one color. Each channel has its own.",
        ),
        Misconception(
            "detail_without_sign",
            scoring(remove=lambda images: detail(images).abs()),
            "An image and its negative score alike: the sign of the detail is gone. The mark makes "
            "some pixels brighter than the ones around them, and others darker.",
            also=(scoring(remove=lambda images: detail(images).square()),),
        ),
        Misconception(
            "channels_alike",
            scoring(signs=one_for_all_channels),
            "All channels are asked for the same signs. embed_watermark's pattern has the shape "
            "(C, H, W), another one in each channel: is it drawn in the shape (H, W) here, or are "
            "the images made gray first?",
            also=(in_gray,),
        ),
        Misconception(
            "gaussian",
            scoring(signs=gaussian),
            "The pattern that is looked for is Gaussian noise. embed_watermark's has -1 and +1.",
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
            "The image's brightness is left in the score and makes up most of the spread: nothing "
            "was taken off, or not the local mean (the sum of nine pixels is nine times as much), "
            "or just the local mean was kept. Take it off each pixel first.",
            also=(scoring(remove=window_sum_removed), scoring(remove=mean_kept)),
        ),
        Misconception(
            "over_the_batch",
            scoring(finish=over_the_batch),
            "A mean over the batch was taken off, of the scores or of the images. If all of its "
            "images are marked, the mark goes with it, and all come out near 0. An image's own "
            "pixels say all that is needed.",
            also=(
                scoring(remove=mean_of_the_batch_removed),
                scoring(finish=lambda z: z - z.mean()),
            ),
        ),
        Misconception(
            "spread_of_the_batch",
            scoring(score=lambda total, left: total / left.norm().clamp(min=1e-9)),
            "The divisor was summed over the batch. Each image's score is divided by what its own "
            "detail spreads.",
        ),
        Misconception(
            "divided_crosswise",
            scoring(score=lambda total, left: total / size(left)[:, None]),
            "Every score was divided by every image's spread: (B,) over (B, 1) makes (B, B). Both "
            "need the shape (B,).",
        ),
        Misconception(
            "image_in_the_divisor",
            lambda images, key: (
                scoring(score=lambda total, left: total)(images, key)
                / images.flatten(1).norm(dim=1).clamp(min=1e-9)
            ),
            "The divisor is the size of the image, not of its detail, and so too large. What is "
            "correlated with the pattern is what spreads.",
        ),
        Misconception(
            "sum_of_absolute_values",
            scoring(score=lambda total, left: total / left.abs().sum(1).clamp(min=1e-9)),
            "The divisor is the sum of absolute values. The variance over keys is the sum of "
            "squares: divide by its root.",
        ),
        Misconception(
            "sum_squared",
            scoring(score=lambda total, left: total / left.sum(1).abs().clamp(min=1e-9)),
            "The details were added before they were squared: in a sum they cancel, and almost "
            "nothing is left. Square each, then add.",
        ),
        Misconception(
            "added_to_the_divisor",
            scoring(score=lambda total, left: total / (size(left) + 1)),
            "Something as large as the divisor itself was added to it, to keep it from 0. All "
            "scores come out too small: what is added must be tiny.",
        ),
        Misconception(
            "difference_of_means",
            two_means,
            "This is a difference of two means. A z-score is divided by the standard deviation "
            "that it has for a random key.",
        ),
        Misconception(
            "pattern_times_strength",
            scoring(signs=lambda key, shape: STRENGTH * own_signs(key, shape)),
            "The pattern was multiplied by strength. In the correlation its numbers are -1 and +1, "
            "whatever was added to the images.",
        ),
        Misconception(
            "rows_added",
            of_each_row,
            "Each row of pixels got a score of its own, and these were added up: their sum spreads "
            "more than 1. One sum over the whole image, and one divisor.",
        ),
        Misconception(
            "negative_cut",
            scoring(finish=lambda z: z.clamp(min=0)),
            "Negative scores came out as 0. Without the mark half of them are negative. "
            "(A comparison with NaN is false: was it meant to catch that?)",
            also=(scoring(score=without_clamp, finish=lambda z: torch.where(z > 0, z, 0.0)),),
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
            "detail_of_the_pattern",
            scoring(signs=pattern_of_detail),
            "The local mean was taken off the pattern, too. The scores then do not spread 1 any "
            "more: their variance was derived for numbers that are -1 and +1.",
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
            "The signs came from the global generator, which belongs to everybody. Take the "
            "pattern that embed_watermark adds for this key.",
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
