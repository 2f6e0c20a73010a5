"""Check of `c31_vae`: any networks will do, judged by which image has a say in which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception, Plain
from ..random_inputs import uniform
from .influence import code_size, form, influence, orders_rows

LATENTS = 4


def image_cases(g: torch.Generator) -> list[Case]:
    return [
        Case({"x": uniform(g, count, 28, 28)}, about)
        for count, about in ((4, "four images"), (1, "one image"), (3, "three images"))
    ]


def look(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    x = inputs["x"]
    record = dict.fromkeys(
        ("form", "lowest", "highest", "copied", "same", "pairs", "parts", "order", "one", "code")
    )
    result = answer(x)
    if result is Ellipsis:
        raise NotImplementedError
    record["form"] = form(result)
    if not isinstance(result, Tensor) or result.shape != x.shape:
        return record
    record["lowest"], record["highest"] = result.min().item(), result.max().item()
    record["copied"] = torch.equal(result.detach(), x)
    record["same"] = len(x) > 1 and torch.equal(result[0], result[1])
    record["one"] = bool((result.detach().sum((1, 2)) - 1).abs().max() < 1e-3)
    record["pairs"], record["parts"] = influence(answer, x)
    record["order"] = orders_rows(answer, x)
    record["code"] = code_size(answer, x[:1])
    return record


def vae_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    facts: dict[str, Plain] = {"what comes back": record["form"]}
    if record["pairs"] is None:
        return facts
    pairs = record["pairs"]
    itself = torch.eye(len(pairs), dtype=torch.bool)
    return facts | {
        "all values lie in [0, 1]": record["lowest"] >= 0 and record["highest"] <= 1,
        "different images get one and the same reconstruction": record["same"],
        "x itself comes back": record["copied"],
        "a reconstruction depends on its image": bool(pairs[itself].all()),
        "a reconstruction depends on no other image": not bool(pairs[~itself].any()),
        "every quarter of an image has a say": bool(record["parts"].all()),
        "it matters where in the image its rows lie": record["order"],
        "the pixels of an image share one sum of 1": record["one"],
        "an image passes through more than four numbers": record["code"] > LATENTS,
    }


def networks(gives: int = 784) -> tuple[nn.Module, nn.Module]:
    encoder = nn.Sequential(nn.LazyLinear(12), nn.Tanh(), nn.LazyLinear(2 * LATENTS))
    decoder = nn.Sequential(nn.LazyLinear(12), nn.Tanh(), nn.LazyLinear(gives))
    return encoder, decoder


class Kept:
    """A function of images with networks that it makes at the first call on each kind of rows."""

    def __init__(self, function: Callable, gives: int = 784):
        self.function, self.gives = function, gives

    def __call__(self, x: Tensor) -> Tensor:
        torch.manual_seed(7)
        return self.function(x, *networks(self.gives))


def by_rows(x: Tensor, encoder: nn.Module, decoder: nn.Module, after: Callable = lambda t: t):
    mean, log_var = encoder(x.flatten(1)).chunk(2, -1)
    z = mean + (log_var / 2).exp() * torch.randn_like(mean)
    return after(decoder(z).sigmoid()).unflatten(-1, (28, 28))


def rows_as_images(x: Tensor, encoder: nn.Module, decoder: nn.Module) -> Tensor:
    mean, _ = encoder(x).chunk(2, -1)
    return decoder(mean).sigmoid().reshape(-1, 28, 28)


def rows_averaged(x: Tensor, encoder: nn.Module, decoder: nn.Module) -> Tensor:
    mean, _ = encoder(x).mean(1).chunk(2, -1)
    return decoder(mean).sigmoid().unflatten(1, (28, 28))


def as_a_softmax(x: Tensor, encoder: nn.Module, decoder: nn.Module) -> Tensor:
    mean, _ = encoder(x.flatten(1)).chunk(2, -1)
    return decoder(mean).softmax(1).unflatten(1, (28, 28))


def both_halves(x: Tensor, encoder: nn.Module, decoder: nn.Module) -> Tensor:
    """Means and log-variances together are taken for a code."""
    return decoder(encoder(x.flatten(1))).sigmoid().unflatten(1, (28, 28))


def batch_as_one(x: Tensor, encoder: nn.Module, decoder: nn.Module) -> Tensor:
    code, _ = encoder(x.reshape(1, -1)).chunk(2, -1)
    return decoder(code).sigmoid().reshape(-1, 28, 28).expand(len(x), -1, -1)


def first_rows(x: Tensor, encoder: nn.Module, decoder: nn.Module) -> Tensor:
    images = rows_as_images(x, encoder, decoder)
    return images[: len(x)]


right = Kept(by_rows)


def split_in_two(x: Tensor) -> Tensor:
    mean, _ = x.chunk(2, dim=0)
    return mean


BATCH_IN_ONE_ROW = Misconception(
    "batch_in_one_row",
    lambda x: F.linear(torch.zeros(1, 784), torch.zeros(32, 4 * 784)),
    "The first batch went through the encoder in one row of 4 × 784 numbers, and another "
    "batch size does not fit. Keep the batch axis: flatten from axis 1 on.",
    error="(1x784 and 3136x",
)
ONE_IMAGE_ALONE = Misconception(
    "one_image_alone",
    lambda x: x.reshape(1, 784),
    "The batch size is written down as 1, so four images do not fit: flatten from axis 1 on, and "
    "any number of images will.",
    error="shape '[1, 784]' is invalid",
)
SPLIT_BY_BATCH = Misconception(
    "chunk_along_batch",
    split_in_two,
    "The encoder's output was split along the batch, where one image has nothing to split. Mean "
    "and log-variance lie beside each other on the last axis.",
    error="not enough values to unpack",
)
NEEDS_A_BATCH = Misconception(
    "batch_norm",
    lambda x: F.batch_norm(torch.zeros(1, 4), None, None, training=True),
    "A layer normalizes over the batch, and refuses an image that comes alone. Each "
    "reconstruction shall depend on its own image: leave it out.",
    error="Expected more than 1 value per channel",
)

EXERCISE = Exercise(
    name="clinic.c31_vae",
    signature="(x)",
    oracle=right,
    cases=image_cases,
    call=look,
    facts=vae_facts,
    random=True,
    slow=True,
    outputs=("images",),
    misconceptions=(
        Misconception(
            "rows_as_images",
            Kept(rows_as_images),
            "Each row of pixels still becomes an image of its own, 28 for one: a linear layer acts "
            "on the last axis. Flatten each image before the encoder.",
        ),
        Misconception(
            "surplus_cut_off",
            Kept(first_rows),
            "The shape is right because the surplus was cut off. What is left was made of the "
            "first image's first rows: each still has an image of its own.",
        ),
        Misconception(
            "one_code_for_all",
            Kept(batch_as_one),
            "All images went through the encoder in one row, and all get the same reconstruction. "
            "Keep the batch axis: flatten from axis 1 on.",
        ),
        BATCH_IN_ONE_ROW,
        ONE_IMAGE_ALONE,
        SPLIT_BY_BATCH,
        NEEDS_A_BATCH,
        Misconception(
            "rows_averaged",
            Kept(rows_averaged),
            "One code for each image, made as the mean of its rows' codes: where a row lies no "
            "longer matters, so an image and the same one upside down are alike. Flatten.",
        ),
        Misconception(
            "softmax",
            Kept(as_a_softmax),
            "A softmax makes the pixels share one sum of 1, so that no two can be white. Each has "
            "a probability of its own: a sigmoid.",
        ),
        Misconception(
            "code_too_wide",
            Kept(both_halves),
            "More than four numbers pass from the image to its reconstruction: means and "
            "log-variances together, or a wider layer. The code has four latents.",
        ),
        Misconception(
            "squeezed",
            Kept(lambda x, e, d: by_rows(x, e, d).squeeze()),
            "squeeze() takes the batch axis away where the batch is one image. Say which axis is "
            "to go, or none.",
        ),
        Misconception(
            "split_along_batch",
            Kept(
                lambda x, e, d: (
                    d(e(x.flatten(1))[: (len(x) + 1) // 2, :4]).sigmoid().view(-1, 28, 28)
                )
            ),
            "Half of the images are gone: chunk without an axis splits the batch. Mean and "
            "log-variance lie beside each other on the last axis.",
        ),
        Misconception(
            "still_flat",
            Kept(lambda x, e, d: by_rows(x, e, d).flatten(1)),
            "The pixels are still in one row. Against (B, 28, 28) a loss fails or broadcasts: give "
            "each image its shape.",
        ),
        Misconception(
            "channel_added",
            Kept(lambda x, e, d: by_rows(x, e, d).unsqueeze(1)),
            "There is a channel axis that x has not: (B, 1, 28, 28) against (B, 28, 28) broadcasts "
            "to (B, B, 28, 28), without a word.",
        ),
        Misconception(
            "logits",
            Kept(lambda x, e, d: by_rows(x, e, d, torch.logit) * 9),
            "These are logits. Values in [0, 1] are wanted, the pixels' probabilities.",
        ),
        Misconception(
            "ignores_x",
            Kept(lambda x, e, d: d(torch.randn(len(x), 4)).sigmoid().unflatten(-1, (28, 28))),
            "x has no say in what comes back: these are samples of the prior. Encode x first.",
        ),
        Misconception(
            "x_itself",
            lambda x: x.clone(),
            "x itself came back, through no code at all. Encode it and decode the code.",
        ),
        Misconception(
            "images_mixed",
            Kept(lambda x, e, d: by_rows(x.movedim(0, -1).reshape(x.shape), e, d)),
            "The shape is right, and the pixels of different images are mixed in one row: a "
            "transpose or a reshape before it put the batch in another place.",
        ),
        Misconception(
            "first_row",
            Kept(lambda x, e, d: by_rows(x[:, :1], e, d)),
            "Parts of the image have no say: the encoder sees some of its rows alone. All 784 "
            "pixels go into one row.",
            also=(
                Kept(lambda x, e, d: by_rows(x[:, 0], e, d)),
                Kept(lambda x, e, d: by_rows(x[:, :14], e, d)),
            ),
        ),
    ),
    hints=(
        "Print the shape behind every layer for a batch of four. Where do four images stop being "
        "four?",
        "x.flatten(1) keeps the batch and puts each image's pixels in one row.",
        "The way back: the decoder's 784 numbers for each code become 28 × 28; unflatten or "
        "reshape(len(x), 28, 28), which would have complained where -1 kept silent.",
    ),
)
