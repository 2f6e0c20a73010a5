"""Pools of generated images, right and wrong: the oracle of `ImagePool` and its misconceptions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..declare import Misconception


def coin(generator: torch.Generator) -> float:
    return torch.rand((), generator=generator).item()


def place(generator: torch.Generator, count: int) -> int:
    return int(torch.randint(count, (), generator=generator))


class Reference:
    """Keeps one long tensor of flattened images, and a plan of who goes where."""

    def __init__(self, size: int, generator: torch.Generator):
        self.size, self.generator = size, generator
        self.rows: dict[int, Tensor] = {}

    def query(self, images: Tensor) -> Tensor:
        given, back = images.detach().flatten(1), []
        for row in given.split(1):
            slot = None
            if len(self.rows) < self.size:
                self.rows[len(self.rows)] = row.clone()
            elif self.size and coin(self.generator) < 0.5:
                slot = place(self.generator, self.size)
            back.append(row if slot is None else self.rows[slot])
            if slot is not None:
                self.rows[slot] = row.clone()
        return torch.cat(back).view(images.shape)


class Pool:
    """As people write it: a list of images; a mistake replaces one of the small methods."""

    def __init__(self, size: int, generator: torch.Generator):
        self.size, self.generator, self.images = size, generator, []

    def query(self, images: Tensor) -> Tensor:
        self.begin(images)
        return self.finish([self.one(image) for image in self.prepared(images)])

    def begin(self, images: Tensor) -> None: ...

    def prepared(self, images: Tensor) -> Tensor:
        return images.detach()

    def one(self, image: Tensor) -> Tensor:
        if len(self.images) < self.size:
            self.images.append(self.kept(image))
            return image
        if not self.size or not self.swaps():
            return self.passed(image)
        return self.exchanged(image, self.slot())

    def kept(self, image: Tensor) -> Tensor:
        return image.clone()

    def swaps(self) -> bool:
        return coin(self.generator) < 0.5

    def slot(self) -> int:
        return place(self.generator, len(self.images))

    def passed(self, image: Tensor) -> Tensor:
        return image

    def exchanged(self, image: Tensor, slot: int) -> Tensor:
        old = self.images[slot]
        self.images[slot] = self.kept(image)
        return old

    def finish(self, back: list[Tensor]) -> Tensor:
        return torch.stack(back)


def pool(**methods: Callable) -> type:
    return type("Answer", (Pool,), methods)


def new_one_returned(self: Pool, image: Tensor, slot: int) -> Tensor:
    self.images[slot] = image.clone()
    return image


def copy_returned(self: Pool, image: Tensor, slot: int) -> Tensor:
    return self.images[slot].clone()


def stored_as_well(self: Pool, image: Tensor) -> Tensor:
    self.images[self.slot()] = image.clone()
    return image


def appended(self: Pool, image: Tensor, slot: int) -> Tensor:
    """The stored one stays, and the new one is added: the pool grows."""
    self.images.append(image.clone())
    return self.images[slot]


def taken_from_the_start(self: Pool, image: Tensor) -> Tensor:
    """Stores, and returns any stored one, while the pool still fills."""
    if len(self.images) < self.size:
        self.images.append(image.clone())
        return self.images[self.slot()] if self.swaps() else image
    return Pool.one(self, image)


def oldest(self: Pool) -> int:
    self.turn = getattr(self, "turn", -1) + 1
    return self.turn % self.size


def one_coin(self: Pool, images: Tensor) -> None:
    self.drawn = coin(self.generator) < 0.5


def one_coin_and_slot(self: Pool, images: Tensor) -> None:
    self.drawn = coin(self.generator) < 0.5
    self.place = place(self.generator, max(self.size, 1))


def one_place(self: Pool, images: Tensor) -> None:
    self.place = place(self.generator, max(self.size, 1))


def one_more(self: Pool, image: Tensor) -> Tensor:
    if len(self.images) <= self.size:
        self.images.append(image.clone())
        return image
    return self.exchanged(image, self.slot()) if self.swaps() else image


def reseeded(self: Pool, images: Tensor) -> None:
    self.generator = torch.Generator().manual_seed(0)


class OneForTheBatch(Pool):
    """One stored image takes the place of the whole batch."""

    def query(self, images: Tensor) -> Tensor:
        room = self.size - len(self.images)
        self.images += [image.detach().clone() for image in images[: max(room, 0)]]
        if room > 0 or not self.size or coin(self.generator) >= 0.5:
            return images.detach().clone()
        slot = self.slot()
        old = self.images[slot]
        self.images[slot] = images[-1].detach().clone()
        return old.expand_as(images).clone()


class WholeBatches(Pool):
    """Batches are stored and swapped, not images."""

    def query(self, images: Tensor) -> Tensor:
        return self.one(images.detach().clone())


class Shuffled(Pool):
    """Everything is stored; what comes back is drawn from all that is there."""

    def query(self, images: Tensor) -> Tensor:
        self.images = (self.images + [i.detach().clone() for i in images])[-max(self.size, 1) :]
        chosen = [self.images[self.slot()] for _ in images]
        return torch.stack(chosen) if self.size else images.detach()


GLOBAL = (
    "The chances were drawn from the global generator. Pass the one that was given as "
    "`generator=` to every draw, so that a run can be repeated."
)

MISCONCEPTIONS = (
    Misconception(
        "keeps_the_graph",
        pool(prepared=lambda self, images: images),
        "What comes back still has a graph, so the discriminator's step would reach the generator, "
        "for stored images through a graph that is long gone. Detach what comes in.",
        also=(pool(prepared=lambda self, images: images, kept=lambda self, image: image.detach()),),
    ),
    Misconception(
        "keeps_views",
        pool(kept=lambda self, image: image),
        "The pool keeps views of the batch, not copies. When the batch's memory is used again, the "
        "stored images change with it. Keep a clone of each.",
    ),
    Misconception(
        "swaps_while_filling",
        pool(one=taken_from_the_start),
        "Stored images come back while the pool still fills. In that phase each image is stored "
        "and comes back as it is.",
    ),
    Misconception(
        "one_image_for_the_batch",
        OneForTheBatch,
        "One stored image took the place of a whole batch. Each image of the batch has its own "
        "chance, and its own partner in the pool.",
        also=(pool(begin=one_coin_and_slot, swaps=lambda s: s.drawn, slot=lambda s: s.place),),
    ),
    Misconception(
        "whole_batches",
        WholeBatches,
        "Whole batches were stored and swapped. `size` counts images, and each image has its own "
        "chance.",
    ),
    Misconception(
        "stored_one_stays",
        pool(exchanged=copy_returned),
        "A stored image was returned and stays in the pool; the new one did not take its place. In "
        "a swap it does, and the old one is gone.",
    ),
    Misconception(
        "grows",
        pool(exchanged=appended),
        "The returned image stays in the pool and the new one is added to it, so that the pool "
        "grows beyond `size`. In a swap the new one takes the place of the old one.",
    ),
    Misconception(
        "stores_every_image",
        pool(passed=stored_as_well),
        "An image that is not swapped was stored all the same, in the place of one that never "
        "comes back. Without a swap the pool stays as it is.",
    ),
    Misconception(
        "drawn_from_everything",
        Shuffled,
        "The newest images were stored and what comes back was drawn from all of them, so that an "
        "image can come back twice. Each image either comes back itself or is swapped for one.",
    ),
    Misconception(
        "never_swaps",
        pool(swaps=lambda self: False),
        "No stored image ever comes back. With probability ½ an image is swapped for a stored one. "
        "If yours does swap: was the slot written over before its old image was read? A slice of "
        "a tensor is a view, and shows what was written.",
        also=(
            pool(exchanged=new_one_returned),
            pool(one=lambda self, image: image),
        ),
    ),
    Misconception(
        "always_swaps",
        pool(swaps=lambda self: True),
        "Once the pool is full, every image is swapped, so that the discriminator never sees a "
        "fresh one. Half of them come back as they are.",
    ),
    Misconception(
        "one_coin_for_the_batch",
        pool(begin=one_coin, swaps=lambda self: self.drawn),
        "A whole batch is swapped or none of it: one coin was thrown for all. Each image has its "
        "own chance of ½.",
    ),
    Misconception(
        "oldest_first",
        pool(slot=oldest),
        "The stored images are taken in turn. Which one is swapped is drawn, each with the same "
        "probability.",
    ),
    Misconception(
        "always_the_same_place",
        pool(slot=lambda self: 0),
        "It is always the same stored image that is swapped, the first or the last; the others "
        "grow old in the pool and never come back. Which one is drawn, each with the same "
        "probability.",
        also=(pool(slot=lambda self: len(self.images) - 1),),
    ),
    Misconception(
        "one_place_for_the_batch",
        pool(begin=one_place, slot=lambda self: self.place),
        "Which stored image is swapped was drawn once for a whole batch, so the second image that "
        "is swapped gets back the one that was stored a moment before. Draw a place for each.",
    ),
    Misconception(
        "one_place_never_drawn",
        pool(slot=lambda self: place(self.generator, max(len(self.images) - 1, 1))),
        "Some of the stored images come back more often than others, or not all of them ever do. "
        "Each has the same probability: torch.randint leaves its upper end out.",
        also=(pool(slot=lambda self: 1 + place(self.generator, max(len(self.images) - 1, 1))),),
    ),
    Misconception(
        "one_more_than_size",
        pool(one=one_more),
        "One image more than `size` is stored. There is room while *fewer* than `size` are there.",
    ),
    Misconception(
        "reseeded",
        pool(begin=reseeded),
        "Every query starts from the same seed, so the same chances are drawn each time. Use the "
        "generator that was given, which moves on by itself.",
        also=(pool(begin=lambda self, images: self.generator.manual_seed(0)),),
    ),
    Misconception(
        "seldom",
        pool(swaps=lambda self: coin(self.generator) < 0.25),
        "Images are swapped too seldom. The probability is ½.",
        also=(pool(swaps=lambda self: coin(self.generator) < 1 / (self.size + 1)),),
    ),
    Misconception(
        "often",
        pool(swaps=lambda self: coin(self.generator) < 0.8),
        "Images are swapped too often. The probability is ½.",
    ),
    Misconception(
        "list_returned",
        pool(finish=lambda self, back: back),
        "A list of images came. The discriminator wants a batch: torch.stack makes one.",
    ),
    Misconception(
        "swapped_ones_alone",
        pool(finish=lambda self, back: torch.stack(back)[: len(back) // 2 + 1]),
        "Fewer images came back than went in. Each gives one back, itself or a stored one.",
    ),
    Misconception(
        "batches_joined",
        pool(finish=lambda self, back: torch.cat(back)),
        "The images were joined along their channels: torch.cat needs a batch axis, which a single "
        "image lacks. torch.stack makes one.",
    ),
    Misconception(
        "global_generator",
        pool(
            swaps=lambda self: torch.rand(()).item() < 0.5,
            slot=lambda self: int(torch.randint(len(self.images), ())),
        ),
        GLOBAL,
        drawing=True,
    ),
)
