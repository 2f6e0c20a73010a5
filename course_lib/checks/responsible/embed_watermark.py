"""Check of `embed_watermark`: what was added, whether the key alone decides it, and the clipping.

Any pattern of signs will do but the text's own with its signs turned: whoever detects by the text's
would find the contrary of a mark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ..autoencoders.corrupt import form_of
from ..declare import Case, Exercise, Misconception, Plain
from ..independence import INDEPENDENT, name_repeats
from ..random_inputs import some_seed, uniform

SIGNS = "plus strength at some numbers, minus strength at the others"
ENDS = "what came at black and white pixels"
NEAR = "what came near to black and white"
THIRDS = "strength times -1 and 0 and 1, a third of each"


def marking_cases(generator: torch.Generator) -> list[Case]:
    def case(low: float, high: float, strength: float, about: str, *shape: int, dtype=None) -> Case:
        images = low + (high - low) * uniform(generator, *shape, dtype=dtype or torch.float32)
        key = some_seed(generator) % 10_000
        return Case({"images": images, "key": key, "strength": strength}, about)

    black = case(0, 1, 0.05, "black and white pixels", 6, 1, 20, 18)
    black.inputs["images"].copy_((black.inputs["images"] > 0.5).float())
    near = case(0, 1, 0.05, "pixels near to black and white", 3, 1, 18, 20)
    near.inputs["images"].copy_(torch.where(near.inputs["images"] > 0.5, 0.98, 0.02))
    none = case(0.2, 0.8, 0.0, "strength 0", 2, 1, 8, 8)
    return [
        case(0.2, 0.8, 0.05, "color images, strength 0.05", 5, 3, 16, 20),
        black,
        near,
        case(
            0.3, 0.7, 0.1, "one image in float64, strength 0.1", 1, 1, 28, 28, dtype=torch.float64
        ),
        Case(none.inputs, none.about, extreme=True),
    ]


def call_embed(answer: Callable, inputs: Mapping) -> dict[str, Plain]:
    """The batch; again; other images under the same key; the same images under other keys."""
    images, key, strength = inputs.values()
    marked = answer(images, key, strength)
    if not isinstance(marked, Tensor) or marked.shape != images.shape:
        return dict.fromkeys(("marked", "again", "gray", "others"), marked)
    record = {"marked": marked, "again": answer(images, key, strength)}
    record["gray"] = answer(torch.full_like(images[:1], 0.5), key, strength)
    gray = torch.full_like(images[:1], 0.5)
    record["others"] = [answer(gray, n, strength) for n in (key ^ 1, key + 2, 2 * key + 3, 0)]
    return record


def embed_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    images, strength = inputs["images"], inputs["strength"]
    marked = outputs["marked"]
    facts: dict[str, Plain] = {"what comes back": form_of(marked)}
    if facts["what comes back"] != form_of(images):
        return facts
    facts["values"] = name_range(marked)
    if strength == 0:
        return facts | {"strength 0 changes nothing": torch.equal(marked, images)}
    added = ((marked - images).double() / strength).round(decimals=4)
    clipped, near = images.min() == 0, images.max() == images[images > 0.5].min() < 1
    if clipped:
        facts[ENDS] = name_ends(images, added)
    elif near:
        facts[NEAR] = name_near(images, marked, strength)
    else:
        facts["what was added"] = name_added(images, marked, strength)
    facts["one key gives one result"] = torch.equal(marked, outputs["again"])
    if facts.get("what was added", SIGNS) != SIGNS or not facts["one key gives one result"]:
        return facts
    pattern = ((outputs["gray"] - 0.5).double() / strength)[0].sign()
    turned = bool((pattern == -recipe(inputs["key"], pattern.shape)).all())
    facts["zeros became -1 and ones +1, and this was added"] = not turned
    if near:
        return facts
    here = pattern.expand_as(added)
    open_pixels = (added.abs() - 1).abs() < 0.01
    same = (added.sign() == here)[open_pixels].double().mean() > 0.999
    facts["every image gets the same pattern, whatever else is in the batch"] = bool(same)
    if clipped:
        return facts
    facts["the pattern has as many plus as minus signs, chance aside"] = bool(
        pattern.mean().abs() < 6 / pattern.numel() ** 0.5
    )
    axes = ("channels", "rows", "columns")
    repeats = name_repeats(pattern, axes)
    facts["every number of the pattern is drawn by itself"] = repeats
    if repeats == INDEPENDENT:
        others = [(gray[0] - 0.5).double().sign() for gray in outputs["others"]]
        facts["another key gives another pattern"] = name_likeness([pattern, *others])
    return facts


def name_range(marked: Tensor) -> str:
    low, high = marked.min().item(), marked.max().item()
    return "beyond [0, 1]" if low < 0 or high > 1 else "within [0, 1]"


def name_added(images: Tensor, marked: Tensor, strength: float) -> str:
    """Told in units of strength."""
    added = (marked - images).double() / strength
    size = added.abs()
    values = added.round(decimals=4).unique().tolist() if size.max() < 2.1 else []
    if len(values) <= 3 and values:
        return name_few([value + 0.0 for value in values], added)
    if len(images) > 1 and torch.equal(marked[0], marked[1]):
        return "a picture that is the same for all"
    if torch.equal(marked, marked.round()):
        return "so much that all is black or white"
    if torch.equal(marked, (marked * 255).round() / 255):
        return "so much that each number is a whole number of 255ths"
    if ((marked == 0) | (marked == 1)).double().mean() > 0.2:
        return "so much that a large part is black or white"
    if min((marked == images.min()).sum(), (marked == images.max()).sum()) > 2:
        return "no more than up to the images' own darkest and brightest number"
    if max((marked == images.min()).sum(), (marked == images.max()).sum()) > 2:
        return "no more than up to the images' own darkest or brightest number"
    shown = torch.stack([images.double().flatten(), added.flatten(), size.flatten()]).corrcoef()[0]
    if shown[1] < -0.3:
        return "of many sizes, and dark where the image is bright"
    if shown[2] > 0.1 and abs(shown[1]) < 0.1:
        return "of many sizes, larger where the image is bright"
    if marked.min() == 0 and marked.max() == 1:
        return "of many sizes: from 0 to 1 now"
    if size.max() < 1.01:
        return "of all sizes up to strength"
    return "of many sizes, also above strength"


def name_few(found: list[float], added: Tensor) -> str:
    """At most three values, in units of strength."""
    if found == [-1, 1]:
        return SIGNS
    if found == [-1, 0, 1]:
        still = added == 0
        if still.all(dim=(2, 3)).any():
            return "strength times -1 and 1, and nothing in some channel"
        if 0.28 < still.double().mean() < 0.39:
            return THIRDS
    if len(found) == 2 and found[0] < 0 < found[1] and abs(found[1] - found[0] - 2) < 0.1:
        return "a little more than strength one way, a little less the other way"
    return f"strength times {' and '.join(f'{value:g}' for value in found)}"


def name_near(images: Tensor, marked: Tensor, strength: float) -> str:
    """Half of the signs lead beyond the range, by more than is left."""
    over = (marked - images).double() / strength
    outward = torch.where(images > 0.5, over, -over)  # strength is 2.5 times what is left
    inward = (outward + 1).abs() < 0.01
    share = inward.double().mean().item()
    clipped = (outward - 0.4).abs() < 0.01
    if (inward | clipped).all() and 0.35 < share < 0.65:
        return "half of them move to the end of the range, half move inward by strength"
    if (inward | (outward.abs() < 1e-3)).all():
        return "what would leave the range stays as it was"
    return "other amounts"


def name_ends(images: Tensor, added: Tensor) -> str:
    """Half of the black pixels get brighter, half of the white ones darker; the others stay."""
    black, white = added[images == 0], -added[images == 1]
    words, ends = [], torch.cat([black, white])
    known = {
        "half of them stay, half move by twice strength": (0, 2),
        "half move by strength, half to the other end of the range": (1, 19),
    }
    for told, values in known.items():
        found = [(ends - value).abs() < 0.01 for value in values]
        if (found[0] | found[1]).all() and 0.35 < found[0].double().mean() < 0.65:
            return told
    if ((ends + 1).abs() < 0.01).any():
        return "some lie beyond the range"
    for name, change in (("black", black), ("white", white)):
        moved, still = (change - 1).abs() < 0.01, change.abs() < 1e-3
        share = moved.double().mean().item()
        if not (moved | still).all():
            words.append(f"{name} ones by other amounts than strength")
        elif not 0.35 < share < 0.65:
            words.append(f"{'all' if share > 0.65 else 'too few'} {name} ones moved")
    return ", ".join(words) or "half of them stay, half move by strength"


def name_likeness(signs: list[Tensor]) -> str:
    """Of some keys' patterns: by their inner products, which are 0 by chance up to 7 errors."""
    rows = torch.stack(signs).flatten(1)
    alike = (rows @ rows.T / rows.shape[1]).fill_diagonal_(0.0).abs()
    if alike.max() > 0.99:
        every = alike.sum() > 0.99 * len(signs) * (len(signs) - 1)
        return "no: all keys share one" if every else "no: some keys share a pattern"
    return "yes" if alike.max() < 7 / rows.shape[1] ** 0.5 else "no: the patterns are alike"


def own_signs(key: int, shape: tuple[int, ...]) -> Tensor:
    """By thresholds of uniform numbers: another pattern than the lesson's, decided by the key."""
    drawn = torch.rand(shape, generator=torch.Generator().manual_seed(key + 2**40))
    return torch.where(drawn < 0.5, -1.0, 1.0)


def recipe(key: int, shape: tuple[int, ...]) -> Tensor:
    """The pattern that the text describes."""
    generator = torch.Generator().manual_seed(key)
    return 2.0 * torch.randint(0, 2, shape, generator=generator) - 1


def marked_by_where(images: Tensor, key: int, strength: float) -> Tensor:
    signs = own_signs(key, images.shape[1:]).to(images.dtype)
    return torch.clip(images + strength * signs, 0, 1)


def marking(
    signs: Callable = own_signs,
    scale: Callable = lambda strength: strength,
    join: Callable = lambda images, mark: images + mark,
    finish: Callable = lambda marked: marked.clamp(0, 1),
) -> Callable:
    """Right but for the part that a mistake replaces."""

    def answer(images, key, strength):
        mark = scale(strength) * signs(key, tuple(images.shape[1:])).to(images.dtype)
        return finish(join(images, mark))

    return answer


def global_signs(key: int, shape: tuple[int, ...]) -> Tensor:
    torch.manual_seed(key)
    return torch.randint(0, 2, shape) * 2.0 - 1


def unseeded_signs(key: int, shape: tuple[int, ...]) -> Tensor:
    generator = torch.Generator()
    generator.seed()
    return torch.randint(0, 2, shape, generator=generator) * 2.0 - 1


def seeded(key: int) -> torch.Generator:
    return torch.Generator().manual_seed(key)


def each_image_its_own(images: Tensor, key: int, strength: float) -> Tensor:
    mark = torch.randint(0, 2, images.shape, generator=seeded(key)) * 2.0 - 1
    return (images + strength * mark.to(images.dtype)).clamp(0, 1)


def shared_along(*axes: int) -> Callable:
    def signs(key: int, shape: tuple[int, ...]) -> Tensor:
        short = [1 if at in axes else size for at, size in enumerate(shape)]
        return own_signs(key, tuple(short)).expand(shape)

    return marking(signs)


def by_the_image(images: Tensor, key: int, strength: float) -> Tensor:
    """The key is mixed with the image's own numbers."""
    seed = key + int(images.double().sum().item() * 1000)
    return marking()(images, seed, strength)


def checkerboard(key: int, shape: tuple[int, ...]) -> Tensor:
    places = sum(torch.meshgrid(*map(torch.arange, shape), indexing="ij"))
    return 1.0 - 2.0 * ((places + key) % 2)


def in_place(images: Tensor, key: int, strength: float) -> Tensor:
    images += strength * own_signs(key, images.shape[1:]).to(images.dtype)
    return images.clamp_(0, 1)


def from_the_image(change: Callable) -> Callable:
    """A step `(images, marked) -> images` at the end, in the place of clipping."""

    def answer(images: Tensor, key: int, strength: float) -> Tensor:
        mark = strength * own_signs(key, images.shape[1:]).to(images.dtype)
        return change(images, images + mark)

    return answer


def left_where_beyond(images: Tensor, marked: Tensor) -> Tensor:
    return torch.where((marked < 0) | (marked > 1), images, marked)


def turned_back(images: Tensor, marked: Tensor) -> Tensor:
    return torch.where((marked < 0) | (marked > 1), 2 * images - marked, marked)


def mirrored(images: Tensor, marked: Tensor) -> Tensor:
    return torch.where(marked > 1, 2 - marked, marked.abs())


def room_made(images: Tensor, key: int, strength: float) -> Tensor:
    signs = own_signs(key, images.shape[1:]).to(images.dtype)
    return images.clamp(strength, 1 - strength) + strength * signs


def in_first_channel(images: Tensor, key: int, strength: float) -> Tensor:
    first = marked_by_where(images[:, :1], key, strength)
    return torch.cat([first, images[:, 1:]], dim=1)


def going_on() -> Callable:
    """A generator that is made once and goes on from where it was."""
    generator = torch.Generator().manual_seed(7)
    return lambda key, shape: torch.randint(0, 2, shape, generator=generator) * 2.0 - 1


def rare_signs(share: float) -> Callable:
    return lambda key, shape: (torch.rand(shape, generator=seeded(key)) < share) * 2.0 - 1


def standardized(key: int, shape: tuple[int, ...]) -> Tensor:
    signs = own_signs(key, shape)
    return (signs - signs.mean()) / signs.std()


def of_unit_length(key: int, shape: tuple[int, ...]) -> Tensor:
    return own_signs(key, shape) / own_signs(key, shape).norm()


def unsigned_bytes(key: int, shape: tuple[int, ...]) -> Tensor:
    return (own_signs(key, shape) > 0).to(torch.uint8) * 2 - 1


def stretched(marked: Tensor) -> Tensor:
    return (marked - marked.min()) / (marked.max() - marked.min()).clamp(min=1e-12)


EXERCISE = Exercise(
    name="responsible.embed_watermark",
    signature="(images, key, strength)",
    oracle=marked_by_where,
    cases=marking_cases,
    call=call_embed,
    facts=embed_facts,
    slow=True,
    misconceptions=(
        Misconception(
            "not_clipped",
            marking(finish=lambda marked: marked),
            "Some pixels lie beyond [0, 1] now. An image file cannot hold them: clip, at 0 and 1.",
            also=(marking(finish=lambda marked: marked.clamp(-1, 1)),),
        ),
        Misconception(
            "clipped_to_their_own_range",
            from_the_image(lambda images, marked: marked.clamp(images.min(), images.max())),
            "What was clipped is what lies beyond the darkest or brightest number of this batch. "
            "Black and white are 0 and 1 for every batch.",
            also=(
                from_the_image(lambda images, marked: marked.clamp(images.min().item(), 1)),
                from_the_image(lambda images, marked: marked.clamp(0, images.max().item())),
            ),
        ),
        Misconception(
            "wrapped_round",
            marking(finish=lambda marked: marked % 1.0),
            "The remainder of a division by 1 wraps round: a number a little above white comes "
            "out nearly black. Clip instead.",
        ),
        Misconception(
            "turned_back",
            from_the_image(turned_back),
            "Where the mark would leave the range it was turned back, so that the pattern there "
            "is not the key's any more: the detector looks for the other sign. Clip instead.",
            also=(from_the_image(mirrored),),
        ),
        Misconception(
            "left_where_beyond",
            from_the_image(left_where_beyond),
            "Where the mark would leave the range, nothing was added at all. Clip instead: such a "
            "pixel moves as far as the range allows.",
        ),
        Misconception(
            "room_made",
            room_made,
            "The images were clipped before the mark came, to make room for it, so that black and "
            "white are lost. Clip the sum.",
        ),
        Misconception(
            "rounded",
            marking(finish=lambda marked: (marked.clamp(0, 1) * 255).round() / 255),
            "The result was rounded to the 256 gray levels of a file. That is what happens to it "
            "later: here every number moves by strength exactly.",
        ),
        Misconception(
            "stretched",
            marking(finish=stretched),
            "The batch was stretched to [0, 1]: every image changes by much more than the mark, "
            "and by what else is in the batch. Clip instead.",
        ),
        Misconception(
            "squashed",
            marking(finish=torch.sigmoid),
            "A sigmoid changes every pixel. Clip instead.",
        ),
        Misconception(
            "zeros_and_ones",
            marking(lambda key, shape: (own_signs(key, shape) + 1) / 2),
            "The mark only brightens. Its two values are -strength and +strength: does the pattern "
            "hold 0 and 1, or was the mark clipped before it was added?",
            also=(
                lambda images, key, strength: (
                    images + (strength * own_signs(key, images.shape[1:]).to(images)).clamp(0, 1)
                ).clamp(0, 1),
            ),
        ),
        Misconception(
            "gaussian",
            marking(lambda key, shape: torch.randn(shape, generator=seeded(key))),
            "The pattern is Gaussian noise. Its numbers are -1 and +1: nothing is larger than "
            "strength then.",
        ),
        Misconception(
            "uniform",
            marking(lambda key, shape: 2 * torch.rand(shape, generator=seeded(key)) - 1),
            "The pattern is uniform noise. Its numbers are -1 and +1: every one of them then "
            "carries as much of the mark as is allowed.",
            also=(
                marking(lambda key, shape: torch.rand(shape, generator=seeded(key))),
                marking(lambda key, shape: torch.rand(shape, generator=seeded(key)) - 0.5),
            ),
        ),
        Misconception(
            "minus_ones_to_one",
            marking(lambda key, shape: torch.randint(-1, 2, shape, generator=seeded(key)).float()),
            "A third of the pattern is 0: randint(-1, 2) draws from -1, 0 and 1. Two values are "
            "wanted.",
        ),
        Misconception(
            "randint_without_one",
            marking(lambda key, shape: torch.randint(-1, 1, shape, generator=seeded(key)).float()),
            "The pattern holds -1 and 0: the upper end of randint does not belong to it.",
        ),
        Misconception(
            "one_channel",
            in_first_channel,
            "Some channel carries no mark. The pattern has the shape of a whole image, (C, H, W).",
        ),
        Misconception(
            "unsigned_bytes",
            marking(unsigned_bytes),
            "Wherever -1 was meant, much more was added: an unsigned byte has no -1, and 0 - 1 is "
            "255 in it. Make the pattern of a signed or a floating dtype.",
        ),
        Misconception(
            "standardized",
            marking(standardized),
            "The pattern's mean was taken off and its spread made 1, so that its numbers are "
            "-1 and +1 no more. Leave the signs as they were drawn.",
        ),
        Misconception(
            "of_unit_length",
            marking(of_unit_length),
            "The pattern was divided by its length, so that hardly anything is left of the mark. "
            "Each of its numbers is -1 or +1.",
        ),
        Misconception(
            "in_gray_levels",
            marking(scale=lambda strength: strength / 255),
            "strength was divided by 255. It is a part of the range from 0 to 1 already, no "
            "number of gray levels.",
        ),
        Misconception(
            "signs_not_balanced",
            marking(rare_signs(0.05)),
            "One sign comes much more often than the other. Both have the same chance, whatever "
            "strength is: it says how much is added, not how often.",
            also=(marking(rare_signs(0.95)), marking(rare_signs(0.3)), marking(rare_signs(0.7))),
        ),
        Misconception(
            "signs_turned",
            marking(lambda key, shape: -recipe(key, shape)),
            "The signs are turned: either 0 became +1 and 1 became -1, or the mark was subtracted. "
            "Whoever looks for the pattern of the text then finds the contrary of a mark.",
        ),
        Misconception(
            "one_sign",
            marking(lambda key, shape: torch.ones(shape)),
            "The same was added everywhere: the images are brighter or darker, and any picture "
            "might be. Each number has a sign of its own: draw in the shape of an image.",
            also=(
                marking(lambda key, shape: -torch.ones(shape)),
                marking(lambda key, shape: own_signs(key, (1,)).expand(shape)),
            ),
        ),
        Misconception(
            "strength_missing",
            marking(scale=lambda strength: 1.0),
            "strength has no effect: the pattern was added at full size.",
        ),
        Misconception(
            "strength_squared",
            marking(scale=lambda strength: strength**2),
            "strength was squared. It multiplies the signs once.",
        ),
        Misconception(
            "halved",
            marking(scale=lambda strength: strength / 2),
            "The mark is half as strong as was asked: from -strength to +strength there are two of "
            "them.",
        ),
        Misconception(
            "doubled",
            marking(scale=lambda strength: 2 * strength),
            "The mark is twice as strong as was asked.",
        ),
        Misconception(
            "multiplied",
            marking(join=lambda images, mark: images * (1 + mark)),
            "The mark was multiplied with the image, so that dark pixels carry none. Add it.",
        ),
        Misconception(
            "mixed",
            lambda images, key, strength: (
                (1 - strength) * images
                + strength * own_signs(key, images.shape[1:]).to(images.dtype)
            ).clamp(0, 1),
            "The image was made fainter before the mark came. Add the mark to the image as it is.",
        ),
        Misconception(
            "mark_alone",
            marking(join=lambda images, mark: (0.5 + mark).expand_as(images)),
            "The image is gone: the mark alone came back.",
            also=(marking(join=lambda images, mark: mark.expand_as(images)),),
        ),
        Misconception(
            "key_unused",
            marking(lambda key, shape: own_signs(0, shape)),
            "All keys give one pattern: a fixed seed stands where the key belongs, and whoever "
            "knows the code can find and remove every mark.",
        ),
        Misconception(
            "few_keys",
            marking(lambda key, shape: own_signs(key % 2, shape)),
            "Different keys share a pattern: the key was divided, rounded or cut before it was "
            "used. Use it as it is.",
            also=(
                marking(lambda key, shape: own_signs(key // 2, shape)),
                marking(lambda key, shape: own_signs(key // 10, shape)),
            ),
        ),
        Misconception(
            "checkerboard",
            marking(checkerboard),
            "The pattern is regular. The signs are drawn by chance, each by itself, so that nobody "
            "can guess them.",
        ),
        Misconception(
            "each_image_its_own",
            each_image_its_own,
            "Each image of the batch has a pattern of its own, by its place. Whoever has one image "
            "does not know that place: draw one pattern, of an image's shape, for all of them.",
        ),
        Misconception(
            "by_the_image",
            by_the_image,
            "The pattern depends on the images. A detector has the marked image, not the original: "
            "the key alone must decide.",
        ),
        Misconception(
            "unseeded",
            marking(unseeded_signs),
            "Every call gives another pattern for the same key: the generator was not seeded with "
            "it, or goes on from where the last call left it (.seed() takes a number from the "
            "operating system). Make a new one in every call, by .manual_seed(key).",
            also=(marking(going_on()),),
        ),
        Misconception(
            "channels_alike",
            shared_along(0),
            "All channels have the same signs. Draw in the shape of a whole image, (C, H, W).",
        ),
        Misconception(
            "rows_alike",
            shared_along(1),
            "All rows have the same signs. Draw in the shape of a whole image, (C, H, W).",
            also=(shared_along(0, 1),),
        ),
        Misconception(
            "columns_alike",
            shared_along(2),
            "All columns have the same signs. Draw in the shape of a whole image, (C, H, W).",
            also=(shared_along(0, 2),),
        ),
        Misconception(
            "pattern_returned",
            lambda images, key, strength: strength * own_signs(key, images.shape[1:]),
            "This is the mark. Add it to the images.",
        ),
        Misconception(
            "in_float32",
            lambda images, key, strength: marked_by_where(images.float(), key, strength),
            "The images came back in float32, whatever they were. Give the mark their dtype.",
        ),
        Misconception(
            "seeded_globally",
            marking(global_signs),
            "The signs came from the global generator, which belongs to everybody. Make a "
            "generator of your own, seed it with the key, and hand it to the function that draws: "
            "generator=...",
            drawing=True,
        ),
    ),
    hints=(
        "Three things: a source of chance that only the key decides, a pattern of the shape of one "
        "image, and what keeps the sum an image.",
        "torch.Generator().manual_seed(key) is a source of your own; torch's random functions take "
        "it as generator=... Zeros and ones become signs by a little arithmetic.",
        "A pattern `(C, H, W)` is broadcast over a batch by itself. Clip last.",
    ),
)
