"""Check of `seeded_batch`. Each image says by its values which one it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception, Plain
from ..random_inputs import uniform

SEEDS = [0, 0, 7, 7, *range(1, 31)]


def batch_cases(generator: torch.Generator) -> list[Case]:
    def numbered(count: int, *shape: int) -> Tensor:
        """Image i holds i everywhere, plus a pattern that all of them share."""
        pattern = 0.1 * uniform(generator, *shape)
        return torch.arange(float(count)).reshape(-1, 1, 1, 1) + pattern

    return [
        Case({"images": numbered(12, 1, 2, 3), "batch_size": 5}, "5 of 12 gray images"),
        Case({"images": numbered(9, 3, 3, 2), "batch_size": 4}, "4 of 9 color images"),
        Case({"images": numbered(6, 1, 3, 2), "batch_size": 6}, "all 6 images"),
    ]


def call_batch(answer: Callable, inputs: Mapping) -> dict[str, Plain]:
    batches = [answer(inputs["images"], inputs["batch_size"], seed) for seed in SEEDS]
    return {"batches": batches}


def batch_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    """Which images came: the whole number in each image says it."""
    images, batches = inputs["images"], outputs["batches"]
    tensors = [b for b in batches if isinstance(b, torch.Tensor)]
    if len(tensors) < len(batches):
        came = next(b for b in batches if not isinstance(b, torch.Tensor))
        return {"the batch": came if isinstance(came, str) else type(came).__name__}
    form = ", ".join(sorted({f"{tuple(b.shape)} {b.dtype}" for b in tensors}))
    facts: dict[str, Plain] = {"the batch": form.replace("torch.", "")}
    if any(b.shape[1:] != images.shape[1:] or b.dtype != images.dtype for b in tensors):
        return facts
    indices = [b[:, 0, 0, 0].floor().long().clamp(0, len(images) - 1) for b in tensors]
    pairs = list(zip(tensors, indices, strict=True))
    facts["every image of the batch is one of the given images, unchanged"] = all(
        torch.equal(batch, images[index]) for batch, index in pairs
    )
    facts["no image comes twice in a batch"] = all(len(set(i.tolist())) == len(i) for i in indices)
    facts["the same seed gives the same batch"] = all(
        torch.equal(tensors[i], tensors[i + 1]) for i in (0, 2)
    )
    if inputs["batch_size"] < len(images):
        chosen = {tuple(i.tolist()) for i in indices}
        drawn = set(torch.cat(indices).tolist())
        facts["another seed gives another batch"] = len(chosen) > 1
        # of 31 seeds a few may agree by chance, where there are few batches; never a third of them
        facts["nearly every seed gives a batch of its own"] = len(chosen) > 20
        facts["every image can come into a batch"] = len(drawn) == len(images)
        facts["the images are drawn one by one, not as neighbours"] = not all(
            neighbours(i, len(images)) for i in indices
        )
    return facts


def neighbours(index: torch.Tensor, count: int) -> bool:
    """Whether the images stood beside each other, the last beside the first."""
    ordered = sorted(set(index.tolist()))
    gaps = [(b - a) % count for a, b in zip(ordered, ordered[1:] + ordered[:1], strict=True)]
    return sorted(gaps)[:-1] == [1] * (len(gaps) - 1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch_by_sorting(images: Tensor, batch_size: int, seed: int) -> Tensor:
    """Give every image a random key and take those with the smallest."""
    keys = torch.rand(len(images), generator=seeded(seed))
    return images[keys.argsort()[:batch_size]]


def global_batch(images: Tensor, batch_size: int, seed: int | None = None) -> Tensor:
    if seed is not None:
        torch.manual_seed(seed)
    return images[torch.randperm(len(images))[:batch_size]]


def shuffled_in_place(images: Tensor, batch_size: int, seed: int) -> Tensor:
    images[:] = batch_by_sorting(images, len(images), seed)
    return images[:batch_size].clone()


def slice_from_a_random_start(images: Tensor, batch_size: int, seed: int) -> Tensor:
    last = len(images) - batch_size
    start = torch.randint(last + 1, (), generator=seeded(seed))
    return images[start : start + batch_size]


def new_seed_each_time(images: Tensor, batch_size: int, seed: int) -> Tensor:
    generator = torch.Generator()
    generator.seed()
    return images[torch.randperm(len(images), generator=generator)[:batch_size]]


def without_the_last(images: Tensor, batch_size: int, seed: int) -> Tensor:
    return batch_by_sorting(images[:-1], min(batch_size, len(images) - 1), seed)


def distinct_draws(images: Tensor, batch_size: int, seed: int) -> Tensor:
    drawn = torch.randint(len(images), (batch_size,), generator=seeded(seed))
    return images[drawn.unique()]


def pixels_shuffled(images: Tensor, batch_size: int, seed: int) -> Tensor:
    batch = images[:batch_size]
    order = torch.randperm(batch.numel(), generator=seeded(seed))
    return batch.flatten()[order].reshape(batch.shape)


EXERCISE = Exercise(
    name="start.seeded_batch",
    signature="(images, batch_size, seed)",
    outputs=("batches",),
    oracle=batch_by_sorting,
    cases=batch_cases,
    call=call_batch,
    facts=batch_facts,
    misconceptions=(
        Misconception(
            "global_seed",
            global_batch,
            "The seed went into a global generator (torch, NumPy and Python have one each), which "
            "belongs to everybody: whoever draws next gets other numbers than without your call. "
            "Make a generator of your own.",
        ),
        Misconception(
            "seed_unused",
            lambda images, batch_size, seed: global_batch(images, batch_size),
            "`seed` plays no part, and the numbers come from the global generator: the batch "
            "depends on what was drawn before. Make a generator of your own and seed it.",
        ),
        Misconception(
            "generator_not_seeded",
            lambda images, batch_size, seed: batch_by_sorting(images, batch_size, 99),
            "Every seed gives the same batch: a new torch.Generator always starts from the same "
            "state until it is seeded. Where does `seed` enter?",
        ),
        Misconception(
            "seeded_by_chance",
            new_seed_each_time,
            "Every call gives another batch. generator.seed() takes a number from the operating "
            "system; what you want is .manual_seed(seed).",
        ),
        Misconception(
            "with_replacement",
            lambda images, batch_size, seed: images[
                torch.randint(len(images), (batch_size,), generator=seeded(seed))
            ],
            "Some image comes twice: randint draws every index anew. Shuffle all indices, and take "
            "as many as you need.",
        ),
        Misconception(
            "always_the_first",
            lambda images, batch_size, seed: images[:batch_size],
            "These are always the same images, the first or the last, whatever the seed. Shuffle "
            "the indices first.",
        ),
        Misconception(
            "the_first_shuffled",
            lambda images, batch_size, seed: images[
                torch.randperm(batch_size, generator=seeded(seed))
            ],
            "Only the first batch_size images ever come, in changing order. The permutation must "
            "be one of all images.",
        ),
        Misconception(
            "a_slice",
            slice_from_a_random_start,
            "The start is random, but the images are neighbours in the data, and data are often "
            "sorted: a batch of nothing but sevens. Draw each image by itself.",
        ),
        Misconception(
            "not_cut",
            lambda images, batch_size, seed: batch_by_sorting(images, len(images), seed),
            "All images came back, well shuffled. Take batch_size of them.",
        ),
        Misconception(
            "indices",
            lambda images, batch_size, seed: torch.randperm(len(images), generator=seeded(seed))[
                :batch_size
            ],
            "These are the indices. Use them to take the images.",
        ),
        Misconception(
            "shuffled_in_place",
            shuffled_in_place,
            "The data set itself was shuffled, so the next call with this seed finds another "
            "order and gives another batch. Shuffle indices, not images.",
        ),
        Misconception(
            "seed_starts_the_slice",
            lambda images, batch_size, seed: images[seed : seed + batch_size],
            "The seed was used as a place in the data. It is to decide a shuffle: neighbours "
            "belong together too often, and near the end nothing is left.",
        ),
        Misconception(
            "few_seeds",
            lambda images, batch_size, seed: batch_by_sorting(images, batch_size, seed // 2),
            "Different seeds share a batch: the seed was divided, rounded or cut before it was "
            "used. Use it as it is.",
            also=(
                lambda images, batch_size, seed: batch_by_sorting(images, batch_size, seed % 2),
                lambda images, batch_size, seed: batch_by_sorting(images, batch_size, seed % 10),
            ),
        ),
        Misconception(
            "last_image_never",
            without_the_last,
            "One image never comes into a batch: the permutation is one short. It has to be one "
            "of all images.",
        ),
        Misconception(
            "repetitions_dropped",
            distinct_draws,
            "Repeated draws were dropped, so that batches have different sizes. Shuffle all "
            "indices, and take batch_size of them.",
            also=(
                lambda images, batch_size, seed: images[
                    torch.rand(len(images), generator=seeded(seed)) < batch_size / len(images)
                ],
            ),
        ),
        Misconception(
            "batch_size_missed",
            lambda images, batch_size, seed: batch_by_sorting(images, batch_size - 1, seed),
            "The batch is one image short: a slice ends before its second number.",
        ),
        Misconception(
            "pixels_shuffled",
            pixels_shuffled,
            "The pixels were shuffled, so that no image is left. Shuffle the images, by their "
            "indices.",
        ),
        Misconception(
            "noise",
            lambda images, batch_size, seed: torch.randn(
                (batch_size, *images.shape[1:]), generator=seeded(seed)
            ),
            "This is noise in the shape of a batch. Some of the given images are wanted, "
            "unchanged.",
            also=(
                lambda images, batch_size, seed: (
                    batch_by_sorting(images, batch_size, seed)
                    + 0.01 * torch.rand(images[:batch_size].shape, generator=seeded(seed))
                ),
            ),
        ),
        Misconception(
            "list",
            lambda images, batch_size, seed: list(batch_by_sorting(images, batch_size, seed)),
            "A list or a tuple came. Return one tensor (batch_size, C, H, W).",
            also=(
                lambda images, batch_size, seed: (batch_by_sorting(images, batch_size, seed), seed),
            ),
        ),
        Misconception(
            "all_but_the_batch",
            lambda images, batch_size, seed: batch_by_sorting(images, len(images), seed)[
                batch_size:
            ],
            "These are the images behind the first batch_size ones: the colon stands on the other "
            "side.",
        ),
        Misconception(
            "parts_counted_wrong",
            lambda images, batch_size, seed: batch_by_sorting(images, len(images), seed).chunk(
                batch_size
            )[0],
            "chunk makes batch_size parts; parts of batch_size images are wanted.",
        ),
    ),
    hints=(
        "Where should the chance come from, if not from the global generator? And what should be "
        "shuffled: the images, or their indices?",
        "torch.Generator().manual_seed(seed) is a source of chance of your own; most of torch's "
        "random functions take it as generator=...",
        "torch.randperm(n) puts the numbers 0 to n - 1 in random order, none of them twice. You "
        "need the first few of them.",
    ),
)
