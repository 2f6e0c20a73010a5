"""Check of `corrupt`: which noise came, from where, and what happens at the ends of the range."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..independence import INDEPENDENT, name_repeats, name_ties
from ..observing import Handed, describe_type

SHAPE = (150, 1, 6, 7)
SPREAD = ", its standard deviation is"
GAUSSIAN = f"Gaussian{SPREAD}"


def noise_cases(generator: torch.Generator) -> list[Case]:
    def case(images: Tensor, noise_std: float, about: str, extreme: bool = False) -> Case:
        seed = int(torch.randint(1 << 30, (), generator=generator))
        return Case({"images": images, "noise_std": noise_std, "seed": seed}, about, extreme)

    gray = 0.4 + 0.2 * torch.rand(SHAPE, generator=generator)
    drawn = torch.rand(SHAPE, generator=generator)
    color = 0.4 + 0.2 * torch.rand(50, 3, 5, 6, generator=generator)
    ends = torch.where(drawn < 0.4, 0.0, torch.where(drawn > 0.7, 1.0, drawn))
    return [
        case(gray, 0.05, "gray images, noise_std 0.05"),
        case(ends, 0.6, "black and white pixels, noise_std 0.6"),
        case(gray[:1].double(), 0.05, "one image in float64"),
        case(color, 0.05, "three channels, noise_std 0.05"),
        case(ends[:4], 0.0, "noise_std 0", extreme=True),
    ]


def call_corrupt(answer, inputs):
    """Four calls: one seed twice, another, and once more with the generator that is left of it."""
    record = {}
    for label, seed in (("", 0), ("again ", 0), ("other ", 1), ("next ", None)):
        if seed is not None:
            generator = torch.Generator().manual_seed(inputs["seed"] + seed)
        noisy = answer(inputs["images"], inputs["noise_std"], generator)
        if noisy is Ellipsis:
            return Handed(noisy)
        record[f"{label}images"] = noisy
    return record


def noise_facts(inputs, outputs):
    images, noisy, std = inputs["images"], outputs["images"], inputs["noise_std"]
    facts = {"what comes back": form_of(noisy)}
    if facts["what comes back"] != form_of(images):
        return facts
    if std == 0:
        return facts | {"what noise_std 0 does": name_nothing(images, noisy)}
    residual = (noisy - images).double()
    if std < 0.1:
        repeats = name_repeats(residual) if len(images) > 1 else INDEPENDENT
        if residual.abs().max() < 1e-6:
            facts["the noise"] = "there is none"
        elif repeats == INDEPENDENT:
            facts["the noise"] = name_noise(residual, std, images)
        if len(images) > 1:
            if repeats == INDEPENDENT and facts["the noise"] == f"{GAUSSIAN} noise_std":
                repeats = name_ties(residual / std)
            facts["every pixel has noise of its own"] = repeats
    else:
        facts["the values"] = name_values(noisy)
        facts["pixels beyond the ends"] = name_ends(images, noisy, std)
    other = outputs["other images"]
    facts["one seed gives one result"] = torch.equal(noisy, outputs["again images"])
    facts["another seed gives another result"] = not torch.equal(noisy, other)
    if std < 0.1 and isinstance(other, Tensor) and other.shape == noisy.shape:
        facts["another seed changes the noise of every pixel"] = name_unchanged(noisy, other)
    facts["the next call with the same generator gives other noise"] = not torch.equal(
        other, outputs["next images"]
    )
    return facts


def form_of(value) -> str:
    if not isinstance(value, Tensor):
        return describe_type(value)
    return f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"


def name_noise(residual: Tensor, std: float, images: Tensor) -> str:
    """Told with six standard errors to spare."""
    few = 6 / residual.numel() ** 0.5
    mean, spread = residual.mean().item() / std, residual.std().item() / std
    if residual.min() > -1e-6 and (residual.abs() < 1e-6).double().mean() > 0.3:
        return "never negative, and 0 for half of the pixels"
    if abs(mean) > few * max(spread, 1):
        return "a shift: its mean is not 0"
    for name, value in (
        ("noise_std", 1.0),
        ("the square of noise_std", std),
        ("the root of noise_std", std**-0.5),
        ("noise_std / 255", 1 / 255),
        ("noise_std / √3", 3**-0.5),
        ("twice noise_std", 2.0),
    ):
        if abs(spread / value - 1) < few:
            shape = residual.abs().mean().item() / (std * spread) - math.sqrt(2 / math.pi)
            kind = "of lighter tails" if shape > 0 else "of heavier tails"
            kind = "Gaussian" if abs(shape) < 0.6 * few else kind
            return f"{kind}{SPREAD} {name}"
    both = torch.stack([residual.flatten(), images.double().flatten()])
    if abs(both.corrcoef()[0, 1].item()) > few:
        return "brighter or darker by what the image shows there"
    return f"of another size, {spread:.1f} times noise_std"


def name_unchanged(noisy: Tensor, other: Tensor) -> str:
    share = (noisy == other).double().mean().item()
    return "yes" if share < 0.01 or share == 1 else "no: some keep theirs"


def name_values(noisy: Tensor) -> str:
    low, high = noisy.min().item(), noisy.max().item()
    if low < 0 or high > 1:
        return "beyond [0, 1]"
    if low == 0 and high == 1:
        return "from 0 to 1"
    cut = ((noisy - low).abs() < 1e-6).sum() > 50 and ((noisy - high).abs() < 1e-6).sum() > 50
    return "cut off elsewhere than at 0 and 1" if cut else "short of 0 or 1, and not cut off"


def name_nothing(images: Tensor, noisy: Tensor) -> str:
    known = {"nothing": images, "a sigmoid": images.sigmoid(), "it rounds": images.half().float()}
    return next((name for name, came in known.items() if torch.equal(noisy, came)), "something")


def name_ends(images: Tensor, noisy: Tensor, std: float) -> str:
    """Of black pixels half stay black when clipped, and some turn white; and so for white ones."""
    shares = []
    for start, end in ((0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0)):
        shares.append((noisy[images == start] == end).double().mean().item())
    beyond = 0.5 * math.erfc(1 / std / 2**0.5)
    wanted = [0.5, 0.5, beyond, beyond]
    if all(abs(s - w) < 0.08 for s, w in zip(shares, wanted, strict=True)):
        return "end there"
    if max(shares) < 0.02:
        return "do not end there"
    return f"end there in other shares ({', '.join(f'{s:.1f}' for s in shares)})"


def clipped_noise(images: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    return torch.normal(images, noise_std, generator=generator).clip(0, 1)


def noise_with(
    draw=lambda images, generator: torch.randn(
        images.shape, generator=generator, dtype=images.dtype
    ),
    scale=lambda noise_std: noise_std,
    join=lambda images, noise: images + noise,
    finish=lambda noisy: noisy.clamp(0, 1),
):
    """Right but for the part that a mistake replaces."""

    def answer(images, noise_std, generator):
        return finish(join(images, scale(noise_std) * draw(images, generator)))

    return answer


def uniform_draw(images: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(images.shape, generator=generator, dtype=images.dtype)


def stretched(noisy: Tensor) -> Tensor:
    return (noisy - noisy.min()) / (noisy.max() - noisy.min()).clamp(min=1e-12)


def in_place(images: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    images += noise_std * torch.randn(images.shape, generator=generator, dtype=images.dtype)
    return images.clamp_(0, 1)


def in_place_once(images: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    images += noise_std * torch.randn(images.shape, generator=generator, dtype=images.dtype)
    return images.clamp(0, 1)


def full_draw(images: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(images.shape, generator=generator, dtype=images.dtype)


def common_draw(images: Tensor, generator: torch.Generator, axes: tuple[int, ...]) -> Tensor:
    shape = [1 if axis in axes else size for axis, size in enumerate(images.shape)]
    return torch.randn(shape, generator=generator, dtype=images.dtype)


def shared(*axes: int):
    """Noise of length 1 along some axes, where it is broadcast."""
    return noise_with(draw=lambda images, g: common_draw(images, g, axes))


def halved(axis: int, sign: float, turn=lambda half: half):
    """The second half along an axis has the noise of the first, or that with its sign turned."""

    def draw(images: Tensor, generator: torch.Generator) -> Tensor:
        size = images.shape[axis]
        half = full_draw(images, generator).narrow(axis, 0, (size + 1) // 2)
        return torch.cat([half, sign * turn(half)], axis).narrow(axis, 0, size)

    return noise_with(draw=draw)


def partly_shared(*axes: int):
    def draw(images: Tensor, generator: torch.Generator) -> Tensor:
        return (full_draw(images, generator) + common_draw(images, generator, axes)) / 2**0.5

    return noise_with(draw=draw)


def centered(*axes: int, spread: bool = False):
    """The mean is taken off the noise along some axes, and perhaps the spread is made exact."""

    def draw(images: Tensor, generator: torch.Generator) -> Tensor:
        noise = full_draw(images.double(), generator)
        if images[0].numel() * len(images) < 100:
            return noise.to(images)
        noise = noise - noise.mean(axes, keepdim=True)
        return (noise / noise.std(axes, keepdim=True) if spread else noise).to(images)

    return noise_with(draw=draw)


def from_a_copy(images: Tensor, generator: torch.Generator) -> Tensor:
    copy = torch.Generator()
    copy.set_state(generator.get_state())
    return full_draw(images, copy)


def half_from_elsewhere(images: Tensor, generator: torch.Generator) -> Tensor:
    noise = full_draw(images, generator)
    noise[..., ::2] = full_draw(images, torch.Generator().manual_seed(0))[..., ::2]
    return noise


EXERCISE = Exercise(
    name="autoencoders.corrupt",
    signature="(images, noise_std, generator)",
    oracle=clipped_noise,
    cases=noise_cases,
    call=call_corrupt,
    facts=noise_facts,
    misconceptions=(
        Misconception(
            "not_clipped",
            noise_with(finish=lambda noisy: noisy),
            "Some pixels lie beyond [0, 1] now. An image file cannot hold them: clip.",
        ),
        Misconception(
            "stretched",
            noise_with(finish=stretched),
            "The batch was stretched to [0, 1] by its smallest and largest pixel: the contrast of "
            "an image then depends on its neighbors. Clip instead.",
        ),
        Misconception(
            "squashed",
            noise_with(finish=torch.sigmoid),
            "A sigmoid changes every pixel, also those without noise. Clip instead.",
        ),
        Misconception(
            "reflected",
            noise_with(finish=lambda noisy: noisy.abs().clamp(max=1)),
            "Negative pixels were turned positive, so no black pixel stays black. Clip them at 0.",
        ),
        Misconception(
            "clipped_elsewhere",
            noise_with(finish=lambda noisy: noisy.clamp(0.001, 0.999)),
            "The sum is clipped, and at other numbers than 0 and 1. Pixels of these images go from "
            "0, black, to 1, white.",
            also=(noise_with(finish=lambda noisy: noisy.clamp(-1, 1)),),
        ),
        Misconception(
            "image_faded",
            lambda images, noise_std, g: (
                (1 - noise_std) * images + noise_std * full_draw(images, g)
            ).clamp(0, 1),
            "The image was made fainter before the noise came: a mixture. Add the noise to the "
            "image as it is.",
        ),
        Misconception(
            "clipped_below_only",
            noise_with(finish=lambda noisy: noisy.clamp(min=0)),
            "Only one end was clipped. Pixels have a lowest and a highest value.",
        ),
        Misconception(
            "noise_clipped",
            noise_with(draw=lambda images, g: torch.randn(images.shape, generator=g).clamp(0, 1)),
            "The noise was clipped before it was added, so it only ever brightens. Clip the sum.",
        ),
        Misconception(
            "noise_clipped_only",
            noise_with(
                join=lambda images, noise: images + noise.clamp(0, 1), finish=lambda noisy: noisy
            ),
            "The noise was clipped, not the sum: it can only brighten now.",
        ),
        Misconception(
            "variance",
            noise_with(scale=lambda noise_std: noise_std**0.5),
            "noise_std was treated as a variance: its root was taken. It is the standard deviation "
            "already.",
        ),
        Misconception(
            "squared",
            noise_with(scale=lambda noise_std: noise_std**2),
            "noise_std was squared. Multiply standard normal noise by the standard deviation "
            "itself.",
        ),
        Misconception(
            "for_bytes",
            noise_with(scale=lambda noise_std: noise_std / 255),
            "noise_std was divided by 255. It is given in the images' own unit, where white is 1.",
        ),
        Misconception(
            "unscaled",
            noise_with(scale=lambda noise_std: 1.0),
            "noise_std has no effect: the noise always has standard deviation 1.",
        ),
        Misconception(
            "uniform",
            noise_with(draw=uniform_draw),
            "torch.rand is uniform on [0, 1]: it only ever brightens. Gaussian noise comes from "
            "torch.randn.",
        ),
        Misconception(
            "uniform_centered",
            noise_with(draw=lambda images, g: 12**0.5 * (uniform_draw(images, g) - 0.5)),
            "This noise is uniform. It has the right spread and the wrong shape: Gaussian noise "
            "comes from torch.randn.",
        ),
        Misconception(
            "uniform_within_noise_std",
            noise_with(draw=lambda images, g: 2 * uniform_draw(images, g) - 1),
            "This noise is uniform between -noise_std and noise_std, so its standard deviation is "
            "smaller, by √3. Gaussian noise comes from torch.randn.",
        ),
        Misconception(
            "doubled",
            noise_with(scale=lambda noise_std: 2 * noise_std),
            "The noise has twice the standard deviation that was asked for.",
        ),
        Misconception(
            "multiplied",
            noise_with(join=lambda images, noise: images * (1 + noise)),
            "The noise was multiplied with the image, so black pixels stay clean. Add it.",
        ),
        Misconception(
            "noise_alone",
            noise_with(join=lambda images, noise: noise),
            "The image is gone: only the noise came back.",
        ),
        Misconception(
            "global_noise",
            noise_with(draw=lambda images, g: torch.randn_like(images)),
            "torch.randn_like draws from the global generator and takes no other. Use "
            "torch.randn with a shape and generator=generator.",
        ),
        Misconception(
            "own_generator",
            noise_with(
                draw=lambda images, g: torch.randn(
                    images.shape, generator=torch.Generator().manual_seed(0), dtype=images.dtype
                )
            ),
            "Every seed gives the same noise: inside, a new generator was made, or the given one "
            "got a seed of its own. Draw from the one that is passed in, as it is.",
        ),
        Misconception(
            "same_noise_at_every_call",
            noise_with(draw=from_a_copy),
            "Two calls in a row with the same generator add the same noise: inside, the generator "
            "was set back, or a copy of it was drawn from. Draw from it and leave it where it is "
            "then, or every batch of the training gets the same noise.",
            also=(
                noise_with(
                    draw=lambda images, g: full_draw(images, g.manual_seed(g.initial_seed()))
                ),
            ),
        ),
        Misconception(
            "noise_from_elsewhere",
            noise_with(draw=half_from_elsewhere),
            "Some pixels keep their noise when the seed changes: that part does not come from the "
            "generator that is passed in.",
        ),
        Misconception(
            "one_noise_for_all",
            shared(0),
            "All images of the batch got the same noise. Draw it in the shape of the whole batch.",
        ),
        Misconception(
            "one_noise_for_all_channels",
            shared(1),
            "All channels of an image got the same noise, so that it is gray. Every number of "
            "every channel needs noise of its own.",
        ),
        Misconception(
            "one_noise_a_column",
            shared(2),
            "All pixels of a column got the same noise, which makes stripes from top to bottom. "
            "Every pixel needs a number of its own.",
            also=(shared(1, 2),),
        ),
        Misconception(
            "one_noise_a_row",
            shared(3),
            "All pixels of a row got the same noise, which makes stripes from left to right. Every "
            "pixel needs a number of its own.",
            also=(shared(1, 3),),
        ),
        Misconception(
            "one_shift_an_image",
            shared(1, 2, 3),
            "One number was drawn for each image, which makes it brighter or darker as a whole. "
            "Every pixel needs a number of its own.",
            also=(shared(2, 3),),
        ),
        Misconception(
            "one_number",
            shared(0, 1, 2, 3),
            "A single number was drawn and added everywhere. Every pixel of every image needs a "
            "number of its own.",
        ),
        Misconception(
            "noise_std_added",
            lambda images, noise_std, generator: (images + noise_std).clamp(0, 1),
            "The same number was added to every pixel, whatever the seed: nothing was drawn. "
            "noise_std is the spread of the noise, not the noise.",
        ),
        Misconception(
            "one_noise_for_several_axes",
            shared(0, 1),
            "The noise was drawn in a smaller shape and broadcast: the same numbers come again in "
            "every image and along another axis. Draw it in the shape of `images`.",
            also=(shared(0, 2), shared(0, 3), shared(0, 1, 2), shared(0, 1, 3), shared(0, 2, 3)),
        ),
        Misconception(
            "repeated_in_other_images",
            halved(0, 1.0),
            "Some images got the noise of other images of the batch. Each needs noise of its own.",
        ),
        Misconception(
            "mirrored_in_other_images",
            halved(0, -1.0),
            "Some images got the noise of others with its sign turned. Such pairs average out (a "
            "trick called antithetic sampling); here every number is to be drawn by itself.",
        ),
        Misconception(
            "repeated_within_the_image",
            halved(3, 1.0),
            "Within an image some pixels got the noise of other pixels, as it is or with its sign "
            "turned. Every number of every image is to be drawn by itself.",
            also=(
                halved(3, -1.0),
                halved(2, 1.0),
                halved(2, -1.0),
                halved(1, -1.0),
                halved(3, 1.0, lambda half: half.flip(3)),
                halved(2, 1.0, lambda half: half.flip(2, 3)),
            ),
        ),
        Misconception(
            "numbers_used_again",
            halved(0, 1.0, lambda half: half.flip(2, 3)),
            "The same numbers stand in more than one place of the batch: fewer were drawn than "
            "there are pixels. Draw the noise in the shape of `images`.",
            also=(halved(0, 1.0, lambda half: half.roll(1, 3)),),
        ),
        Misconception(
            "noise_standardized",
            centered(0, 1, 2, 3, spread=True),
            "The noise was brought to an exact mean or standard deviation after it was drawn. Then "
            "the numbers depend on each other; noise_std describes the distribution, not the "
            "sample.",
            also=(centered(1, 2, 3), centered(1, 2, 3, spread=True), centered(0), centered(3)),
        ),
        Misconception(
            "noise_in_common",
            partly_shared(0),
            "The noise of different pixels or images has something in common, as if part of it "
            "were drawn once for many of them, or neighbors were averaged. Every number is to be "
            "drawn by itself.",
            also=(partly_shared(1, 2, 3), partly_shared(3), partly_shared(2)),
        ),
        Misconception(
            "changed_in_place",
            in_place,
            "The noise was added in place, so the clean images are gone, and with them the target "
            "of the training.",
            also=(in_place_once,),
        ),
        Misconception(
            "clean_images_too",
            lambda images, noise_std, g: ((images + noise_std * full_draw(images, g)), images),
            "The clean images came back as well. Return the noisy ones alone; who calls has the "
            "others.",
        ),
        Misconception(
            "nothing_added",
            lambda images, noise_std, generator: images,
            "The images came back as they were: no noise is in them.",
        ),
    ),
    hints=(
        "Three things: standard normal noise of the right shape, its size, and what a pixel may "
        "be.",
        "torch.randn takes a shape, generator= and, for a GPU, device=. Multiply by noise_std, "
        "add to the images.",
        "A tensor's clamp(low, high) puts what lies beyond an end onto that end.",
    ),
)
