"""Check of `corrupt`: which noise came, from where, and what happens at the ends of the range."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..observing import describe_type

SHAPE = (150, 1, 6, 7)


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
    """Three calls: one seed twice, then another."""
    record = {}
    for label, seed in (("", 0), ("again ", 0), ("other ", 1)):
        generator = torch.Generator().manual_seed(inputs["seed"] + seed)
        noisy = answer(inputs["images"], inputs["noise_std"], generator)
        if noisy is Ellipsis:
            return noisy
        record[f"{label}images"] = noisy
    return record


def noise_facts(inputs, outputs):
    images, noisy, std = inputs["images"], outputs["images"], inputs["noise_std"]
    facts = {"what comes back": form_of(noisy)}
    if facts["what comes back"] != form_of(images):
        return facts
    if std == 0:
        return facts | {"without noise nothing changes": torch.equal(noisy, images)}
    residual = (noisy - images).double()
    if std < 0.1:
        facts["the noise"] = name_noise(residual, std, images)
        if len(images) > 1:
            facts["every pixel has noise of its own"] = name_sharing(residual)
    else:
        facts["the values"] = name_values(noisy)
        facts["pixels beyond the ends"] = name_ends(images, noisy, std)
    facts["one seed gives one result"] = torch.equal(noisy, outputs["again images"])
    facts["another seed gives another result"] = not torch.equal(noisy, outputs["other images"])
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
    ):
        if abs(spread / value - 1) < few:
            shape = residual.abs().mean().item() / (std * spread) - math.sqrt(2 / math.pi)
            kind = "of lighter tails" if shape > 0 else "of heavier tails"
            kind = "Gaussian" if abs(shape) < 0.6 * few else kind
            return f"{kind}, its standard deviation is {name}"
    both = torch.stack([residual.flatten(), images.double().flatten()])
    if abs(both.corrcoef()[0, 1].item()) > few:
        return "brighter or darker by what the image shows there"
    return f"of another size, {spread:.1f} times noise_std"


def name_sharing(residual: Tensor) -> str:
    if residual.std(0).max() < 1e-4:
        return "no: all images have the same noise"
    if residual.flatten(1).std(1).max() < 1e-4:
        return "no: all pixels of an image are shifted alike"
    if residual.shape[1] > 1 and residual.std(1).max() < 1e-4:
        return "no: all channels of an image have the same noise"
    return "yes"


def name_values(noisy: Tensor) -> str:
    low, high = noisy.min().item(), noisy.max().item()
    if low < 0 or high > 1:
        return "beyond [0, 1]"
    return "from 0 to 1" if low == 0 and high == 1 else "short of 0 or 1"


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


def one_image_of_noise(images: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(images.shape[1:], generator=generator, dtype=images.dtype)


def one_channel_of_noise(images: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(images[:, :1].shape, generator=generator, dtype=images.dtype)


def one_number_an_image(images: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(len(images), 1, 1, 1, generator=generator, dtype=images.dtype)


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
            "one_noise_for_all",
            noise_with(draw=one_image_of_noise),
            "All images of the batch got the same noise. Draw it in the shape of the whole batch.",
        ),
        Misconception(
            "one_noise_for_all_channels",
            noise_with(draw=one_channel_of_noise),
            "All channels of an image got the same noise, so that it is gray. Every number of "
            "every channel needs noise of its own.",
        ),
        Misconception(
            "one_shift_an_image",
            noise_with(draw=one_number_an_image),
            "One number was drawn for each image, which makes it brighter or darker as a whole. "
            "Every pixel needs a number of its own.",
        ),
        Misconception(
            "changed_in_place",
            in_place,
            "The noise was added in place, so the clean images are gone, and with them the target "
            "of the training.",
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
