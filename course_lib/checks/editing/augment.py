"""Check of `augment`: what was drawn is read off the images, and then judged as draws."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..declare import Case, Exercise
from ..observing import Handed, describe_type
from ..random_inputs import some_seed, uniform
from .wrong_augment import MISCONCEPTIONS

COUNT, HEIGHT, WIDTH = 240, 8, 16  # shifts of up to 1 and 2 pixels
MANY = 5.5  # standard errors: by chance once in some ten million
EXACT = 1e-3  # a difference below is rounding


def image_cases(generator: torch.Generator) -> list[Case]:
    def case(images: Tensor, about: str, extreme: bool = False) -> Case:
        return Case({"images": images, "seed": some_seed(generator)}, about, extreme)

    gray = 0.3 * uniform(generator, COUNT, 1, HEIGHT, WIDTH) - 0.15
    color = 0.3 * uniform(generator, COUNT // 3, 3, HEIGHT, WIDTH) - 0.15
    ends = torch.where(uniform(generator, 64, 1, HEIGHT, WIDTH) < 0.5, -1.0, 1.0)
    return [
        case(gray, "gray images"),
        case(color, "three channels"),
        case(ends, "black and white pixels", extreme=True),
    ]


def call_augment(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """One seed twice, another, once more with what is left of that; and the slope by the images."""
    record: dict[str, Any] = {}
    for label, seed in (("", 0), ("again ", 0), ("other ", 1), ("next ", None)):
        if seed is not None:
            generator = torch.Generator().manual_seed(inputs["seed"] + seed)
        images = inputs["images"].clone().requires_grad_(label == "again ")
        changed = answer(images, generator)
        if changed is Ellipsis:
            return Handed(changed)
        if label == "again ":
            record["slope"] = slope_of(changed, images)
        record[f"{label}images"] = changed.detach() if isinstance(changed, Tensor) else changed
    return record


def slope_of(changed: Any, images: Tensor) -> Tensor | None:
    if not (isinstance(changed, Tensor) and changed.requires_grad):
        return None
    return torch.autograd.grad(changed.sum(), images, allow_unused=True)[0]


def draw_facts(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    images, changed = inputs["images"], outputs["images"]
    facts: dict[str, Any] = {"what comes back": form_of(changed)}
    if facts["what comes back"] != form_of(images):
        return facts
    low, high = changed.min().item(), changed.max().item()
    facts["values stay in [-1, 1]"] = low >= -1 and high <= 1
    if images.abs().max() < 1:
        facts |= read_facts(images, changed)
        slope = outputs["slope"]
        facts["a gradient reaches the images"] = isinstance(slope, Tensor) and bool(
            slope.abs().sum() > 0
        )
    facts["one seed gives one result"] = torch.equal(changed, outputs["again images"])
    facts["another seed gives another result"] = not torch.equal(changed, outputs["other images"])
    facts["the next call with the same generator draws anew"] = not torch.equal(
        outputs["other images"], outputs["next images"]
    )
    return facts


def form_of(value: Any) -> str:
    if not isinstance(value, Tensor):
        return describe_type(value)
    return f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"


def read_facts(images: Tensor, changed: Tensor) -> dict[str, Any]:
    flip, down, right, bright, apart = read_draws(images, changed)
    explained = share_explained(apart)
    if explained != "every image":
        explained = name_other_change(images, changed, explained)
    facts: dict[str, Any] = {"flip, shift and one brightness explain": explained}
    if explained != "every image":
        return facts
    facts["pixels that come in at the edge"] = name_filling(changed, down, right, bright)
    facts["flipped"] = name_share(flip)
    facts["shifted down by"] = name_shifts(down, HEIGHT // 8)
    facts["shifted right by"] = name_shifts(right, WIDTH // 8)
    facts["brightness"] = name_brightness(bright)
    facts["each image draws on its own, each thing by itself"] = name_ties(
        {"flip": flip, "down": down, "right": right, "brightness": bright}
    )
    return facts


def read_draws(images: Tensor, changed: Tensor) -> tuple[Tensor, ...]:
    """Of each image the flip, shifts and brightness that fit best, and the error that remains.

    Tried are all flips and all shifts up to twice the limits; brightness is the median
    difference where the moved image lies, so that what comes in at the edge plays no part.

    The differences lie between their least and their largest, so the error, the farthest of them
    from the median, is at least half of that range, and of the range in a part. Where that of the
    middle is more than `EXACT`, the move explains nothing and needs no median; an image that no
    move explains keeps an infinite error.
    """
    reach_down, reach_right = HEIGHT // 4, WIDTH // 4
    tried = list(
        itertools.product(
            (0, 1), range(-reach_down, reach_down + 1), range(-reach_right, reach_right + 1)
        )
    )
    sides = images, images.flip(3)
    ranges = torch.stack([range_in_the_middle(sides, changed, move) for move in tried])
    promising = ranges / 2 < EXACT
    best = torch.full((5, len(images)), float("inf"), dtype=torch.float64)
    for move, these in zip(tried, promising, strict=True):
        if not these.any():
            continue
        flat = differences([side[these] for side in sides], changed[these], move).double()
        bright = flat.median(dim=1).values
        error = (flat - bright[:, None]).abs().amax(dim=1)
        found = (torch.full_like(error, number) for number in move)
        row = torch.stack([*found, bright, error])
        best[:, these] = torch.where(error < best[4, these], row, best[:, these])
    return tuple(best)


def differences(sides: Sequence[Tensor], changed: Tensor, move: tuple[int, int, int]) -> Tensor:
    """What was added where the image lies after this flip and shift, `(B, values)`."""
    flip, down, right = move
    rows, columns = inner(down, HEIGHT), inner(right, WIDTH)
    moved = sides[flip][:, :, rows[1], columns[1]]
    return (changed[:, :, rows[0], columns[0]] - moved).flatten(1)


def range_in_the_middle(
    sides: Sequence[Tensor], changed: Tensor, move: tuple[int, int, int]
) -> Tensor:
    """Largest less least difference, `(B,)`, in a part of channel 0 that every move fills."""
    flip, down, right = move
    (top, bottom), (left, end) = ((size // 4, size - size // 4) for size in (HEIGHT, WIDTH))
    moved = sides[flip][:, 0, top - down : bottom - down, left - right : end - right]
    # not aminmax: it wakes PyTorch's threads, which costs more than all the rest of this check
    flat = (changed[:, 0, top:bottom, left:end] - moved).flatten(1)
    return flat.amax(dim=1) - flat.amin(dim=1)


def share_explained(apart: Tensor) -> str:
    share = (apart < EXACT).double().mean().item()
    return "every image" if share == 1 else "some of the images" if share > 0.1 else "no image"


def name_other_change(images: Tensor, changed: Tensor, explained: str) -> str:
    """Whether flip, shift and one number explain it after a tanh, or as a factor."""
    if changed.min() >= 0:
        return f"{explained}; nothing lies below 0"
    undone = images, changed.clamp(-0.999, 0.999).atanh()
    if share_explained(read_draws(*undone)[4]) == "every image":
        return f"{explained}, but for a tanh every one"
    logarithms = (part.abs().clamp(min=1e-6).log() for part in (images, changed))
    if share_explained(read_draws(*logarithms)[4]) != "no image":
        return f"{explained}; a factor does"
    for name, others in (("upside down", images.flip(2)), ("in another's place", images.flip(0))):
        apart = torch.minimum(read_draws(images, changed)[4], read_draws(others, changed)[4])
        if share_explained(apart) == "every image":
            return f"{explained}; the others are {name}"
    return explained


def inner(shift: int, size: int) -> tuple[slice, slice]:
    """Where the moved image lies, and from where it came, along an axis."""
    return slice(max(shift, 0), size + min(shift, 0)), slice(max(-shift, 0), size - max(shift, 0))


def name_filling(changed: Tensor, down: Tensor, right: Tensor, bright: Tensor) -> str:
    """What stands where nothing of the image lies: black, made brighter and clipped as the rest."""
    rows = torch.arange(HEIGHT)[None, :, None] - down[:, None, None]
    columns = torch.arange(WIDTH)[None, None, :] - right[:, None, None]
    outside = (rows < 0) | (rows >= HEIGHT) | (columns < 0) | (columns >= WIDTH)
    kinds = {
        "black": (-1 + bright).clamp(min=-1),
        "black, whatever the brightness": torch.full_like(bright, -1.0),
        "gray": bright,
    }
    for name, value in kinds.items():
        apart = (changed.double() - value[:, None, None, None]).abs().amax(dim=1)
        if (apart[outside] < EXACT).all():
            return name
    return "of the image"


def name_share(flip: Tensor) -> str:
    share, error = flip.mean().item(), (0.25 / len(flip)) ** 0.5
    if share in (0.0, 1.0):
        return "none" if share == 0 else "all"
    return "half of them" if abs(share - 0.5) < MANY * error else f"{share:.0%} of them"


def name_shifts(shift: Tensor, limit: int) -> str:
    """Whether each whole number from -limit to limit came equally often."""
    if (shift == shift[0]).all():
        return "0 pixels" if shift[0] == 0 else "one and the same number"
    low, high = int(shift.min()), int(shift.max())
    if (low, high) != (-limit, limit):
        return f"from {low} to {high} pixels"
    sizes = range(-limit, limit + 1)
    chance = 1 / len(sizes)
    error = (chance * (1 - chance) / len(shift)) ** 0.5
    shares = [(shift == size).double().mean().item() for size in sizes]
    even = all(abs(share - chance) < MANY * error for share in shares)
    return "up to an eighth, evenly" if even else "up to an eighth, not evenly"


def name_brightness(bright: Tensor) -> str:
    """Uniform within ±0.25: by its ends, its mean and its spread."""
    if bright.abs().max() < 1e-5:
        return "none"
    if (bright - bright[0]).abs().max() < 1e-5:
        return "one and the same number"
    count, spread = len(bright), 0.25 / 3**0.5
    if bright.abs().max() > 0.25 + 1e-5:
        return "beyond 0.25"
    if bright.min() > -0.02 or bright.max() < 0.02:
        return "of one sign"
    if bright.abs().max() < 0.2:
        return f"within {bright.abs().max():.2f}"
    centered = abs(bright.mean().item()) < MANY * spread / count**0.5
    wide = abs(bright.std().item() / spread - 1) < MANY * 0.45 / count**0.5
    return "uniform within 0.25" if centered and wide else "within 0.25, not uniform"


def name_ties(draws: Mapping[str, Tensor]) -> str:
    """Equal neighbors in the batch, and things that move together, told by correlation."""
    varying = {name: values for name, values in draws.items() if values.std() > 1e-6}
    for name, values in varying.items():
        half = len(values) // 2
        pairs = ((values[:-1], values[1:]), (values[:half], values[-half:]))
        if any(tied(*pair) for pair in pairs):
            return f"no: the {name} of images has something in common"
    for one, other in itertools.combinations(varying, 2):
        parts = ((varying[one], varying[other]), (varying[one].abs(), varying[other].abs()))
        if any(tied(*pair) for pair in parts):
            return f"no: {one} and {other} go together"
    return "yes"


def tied(x: Tensor, y: Tensor) -> bool:
    x, y = x - x.mean(), y - y.mean()
    spread = (x.square().sum() * y.square().sum()).sqrt().item()
    if spread < 1e-12 * len(x):
        return False
    found = max(-0.999, min((x * y).sum().item() / spread, 0.999))
    return abs(math.atanh(found)) * (len(x) - 3) ** 0.5 > MANY


def one_by_one(images: Tensor, generator: torch.Generator) -> Tensor:
    """A loop over the images, each moved by a padded copy."""
    height, width = images.shape[2:]
    h, w = height // 8, width // 8
    results = []
    for image in images:
        flip = torch.rand((), generator=generator) < 0.5
        down = int(torch.randint(2 * h + 1, (), generator=generator)) - h
        right = int(torch.randint(2 * w + 1, (), generator=generator)) - w
        bright = (torch.rand((), generator=generator) - 0.5) / 2
        image = image.flip(2) if flip else image
        framed = torch.nn.functional.pad(image, (w, w, h, h), value=-1.0)
        moved = framed[:, h - down : h - down + height, w - right : w - right + width]
        results.append(torch.clamp(moved + bright, -1, 1))
    return torch.stack(results)


EXERCISE = Exercise(
    name="editing.augment",
    signature="(images, generator)",
    outputs=("images",),
    oracle=one_by_one,
    cases=image_cases,
    call=call_augment,
    facts=draw_facts,
    slow=True,
    misconceptions=MISCONCEPTIONS,
    hints=(
        "Four numbers an image: whether it is flipped, how far it goes down, how far right, how "
        "much brighter it becomes. Draw each in the shape (B,).",
        "Shift by gathering: the rows that image i shows are arange(H) - down[i], and some of "
        "these lie outside. A frame of black around the image makes every index valid.",
        "images[batch, :, rows, columns] with index tensors that broadcast to (B, H, W) gives (B, "
        "H, W, C). Indexing, torch.where, adding and clamp are all differentiable.",
    ),
)
