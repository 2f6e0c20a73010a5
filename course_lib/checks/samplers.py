"""Exercises that draw codes from a generator and give them to a network, and their mistakes.

`sampler_exercise` declares one: an answer `(network, count, latent_dim, generator)` that returns
one image for each code. What it drew is seen at the network, what came of it is told by `finishes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .declare import Case, Exercise, Misconception, Plain
from .drawn_codes import ENOUGH, name_codes
from .observing import describe_type
from .random_inputs import normal, some_seed
from .ready import Mistakes

GRAPH_KEPT = (
    "The result still carries the graph for backward(), which costs memory for nothing when only "
    "looking. Decode under torch.no_grad()."
)
# Four calls: one seed twice, then another, whose generator is then called once more.
SEEDS = {"": 0, "again ": 0, "other ": 1, "onward ": None}
RECORD = dict.fromkeys(
    [
        *(f"{n}images" for n in SEEDS),
        "graph",
        "codes",
        "same codes",
        "new codes",
        "made",
        "training",
    ]
)


def sampler_exercise(
    *,
    name: str,
    build: Callable[[Mapping[str, Any]], nn.Module],
    finishes: Mapping[str, Callable[[Tensor], Tensor]],
    misconceptions: Mistakes,
    hints: tuple[str, ...],
    oracle: Callable,
    signature: str = "(decoder, count, latent_dim, generator)",
    tosses: bool = False,
) -> Exercise:
    """An exercise of drawing.

    build: from a case's inputs, a network with the `weights` (H W, Z + 1) and the `size` [H, W],
    which keeps the codes of its calls in a list `seen`. finishes: what may be done with what the
    network makes, by name; the first is right. tosses: pixels may also be drawn from it.
    """
    return Exercise(
        name=name,
        signature=signature,
        oracle=oracle,
        cases=sampler_cases,
        call=partial(call_sampler, build),
        facts=partial(sampler_facts, finishes, tosses),
        slow=True,
        misconceptions=misconceptions,
        hints=hints,
    )


def sampler_cases(generator: torch.Generator) -> list[Case]:
    def case(count: int, latents: int, height: int, width: int, about: str) -> Case:
        weights = 1.2 * normal(generator, height * width, latents + 1)
        settings = {"count": count, "latent_dim": latents, "seed": some_seed(generator)}
        return Case({"weights": weights, "size": [height, width]} | settings, about)

    return [case(4 * ENOUGH, 3, 2, 3, "4,000 samples"), case(1, 2, 3, 2, "one sample")]


def call_sampler(build: Callable, answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """Four calls; the codes that reached the network, and what it makes of them."""
    network, latent_dim = build(inputs), inputs["latent_dim"]
    record: dict[str, Any] = dict(RECORD)
    drawn: list[Tensor] = []
    for label, seed in SEEDS.items():
        network.seen.clear()
        if seed is not None:
            generator = torch.Generator().manual_seed(inputs["seed"] + seed)
        try:
            images = answer(network, inputs["count"], latent_dim, generator)
        except RuntimeError:
            if all(z.shape[1:] == (latent_dim,) for z in network.seen):
                raise
            return RECORD | {"codes": network.seen[0]}
        if images is Ellipsis:
            return images
        record[f"{label}images"] = images
        drawn.append(torch.cat(network.seen) if network.seen else torch.zeros(0, latent_dim))
    record["graph"] = isinstance(images, Tensor) and images.requires_grad
    record["training"] = network.training
    record["codes"], record["same codes"] = drawn[2], torch.equal(drawn[0], drawn[1])
    record["new codes"] = not torch.equal(drawn[2], drawn[3])
    with torch.no_grad():
        record["made"] = network(record["codes"])
    return record


def sampler_facts(
    finishes: Mapping[str, Callable], tosses: bool, inputs: Mapping, outputs: Mapping
) -> dict[str, Plain]:
    images, codes, made = outputs["images"], outputs["codes"], outputs["made"]
    facts: dict[str, Plain] = {"what the decoder is given": describe_type(codes)}
    facts["what comes back"] = images if isinstance(images, str) else describe_type(images)
    if not isinstance(images, Tensor) or made is None or images.shape != made.shape:
        return facts
    other = outputs["other images"]
    facts["the codes"] = name_codes(codes)
    facts["the images"] = name_images(other, made, finishes, tosses)
    if inputs["count"] > 1:
        facts["one seed gives one set of codes"] = outputs["same codes"]
        facts["one seed gives one set of images"] = torch.equal(images, outputs["again images"])
        facts["another seed gives other images"] = not torch.equal(images, other)
        facts["a generator that has moved on gives other codes"] = outputs["new codes"]
    facts["the result is free of the graph (no_grad)"] = not outputs["graph"]
    facts["the decoder stays in the mode it was in"] = outputs["training"]
    return facts


def name_images(images: Tensor, made: Tensor, finishes: Mapping, tosses: bool) -> str:
    """How the images follow from what the network made."""
    right = next(iter(finishes))
    binary = torch.equal(images, images.round()) and bool(((images >= 0) & (images <= 1)).all())
    if tosses and binary and len(images) < ENOUGH:
        return right  # too few to tell tosses from rounding
    for name, finish in finishes.items():
        if torch.allclose(images, finish(made), rtol=1e-4, atol=1e-5):
            return name
    if tosses and binary:
        return right if tossed(images, finishes[right](made)) else "zeros and ones of another kind"
    return "something else"


def tossed(images: Tensor, probabilities: Tensor) -> bool:
    sure = (probabilities - 0.5).abs() > 0.4
    hits = (images == probabilities.round())[sure].double()
    return hits.numel() < 20 or bool(hits.mean() > 0.9)


# ------------------------------------------------------------------- mistakes


def standard_normal(count: int, latent_dim: int, generator: torch.Generator) -> Tensor:
    return torch.randn(count, latent_dim, generator=generator)


def own_draws(count: int, latent_dim: int, seed: int) -> Tensor:
    return standard_normal(count, latent_dim, torch.Generator().manual_seed(seed))


def sampler(codes: Callable = standard_normal, finish: Callable = torch.sigmoid) -> Callable:
    """A right answer, of which a mistake replaces one part."""

    @torch.no_grad()
    def answer(network, count, latent_dim, generator):
        return finish(network(codes(count, latent_dim, generator)))

    return answer


def code_mistakes(finish: Callable = torch.sigmoid) -> Mistakes:
    """About which codes are drawn."""

    def drawing(codes: Callable[[int, int, torch.Generator], Tensor]) -> Callable:
        return sampler(codes, finish)

    def own(count: int, latents: int, generator: torch.Generator) -> Tensor:
        return own_draws(count, latents, 0)

    def mirrored(count: int, latents: int, generator: torch.Generator) -> Tensor:
        half = standard_normal(-(-count // 2), latents, generator)
        return torch.cat([half, -half])[:count]

    def seeded(count: int, latents: int, generator: torch.Generator) -> Tensor:
        torch.manual_seed(0)
        return torch.randn(count, latents)

    def anew(count: int, latents: int, generator: torch.Generator) -> Tensor:
        return own_draws(count, latents, generator.initial_seed())

    def uniform(count: int, latents: int, generator: torch.Generator) -> Tensor:
        return torch.rand(count, latents, generator=generator)

    return (
        Misconception(
            "uniform_codes",
            drawing(uniform),
            "torch.rand draws uniformly from [0, 1]: one corner of the latent space. The prior is "
            "the standard normal.",
        ),
        Misconception(
            "uniform_around_zero",
            drawing(lambda n, z, g: 2 * uniform(n, z, g) - 1),
            "The codes are uniform between -1 and 1. The prior is the standard normal: dense in "
            "the middle, and one code in three lies beyond ±1 in a given latent.",
        ),
        Misconception(
            "one_code",
            drawing(lambda n, z, g: standard_normal(1, z, g).expand(n, z)),
            "One code was drawn and decoded over and over. Each image needs a code of its own.",
        ),
        Misconception(
            "center_only",
            drawing(lambda n, z, g: torch.zeros(n, z)),
            "Only the prior's center was decoded, which gives one and the same image for any seed. "
            "Draw the codes.",
        ),
        Misconception(
            "one_number_a_code",
            drawing(lambda n, z, g: standard_normal(n, 1, g).expand(n, z)),
            "One number was drawn for each image and stands in all its latents, so that the codes "
            "lie on a diagonal. Every latent of every code needs a draw of its own.",
        ),
        Misconception(
            "repeated_codes",
            drawing(lambda n, z, g: standard_normal(-(-n // 2), z, g).repeat(2, 1)[:n]),
            "Some codes come more than once. Each image needs a code of its own.",
        ),
        Misconception(
            "mirrored_codes",
            drawing(mirrored),
            "Some codes follow from others (their mirror images, neighbors in an order, or shifted "
            "or standardized over the batch). Every code is drawn by itself.",
            also=(drawing(lambda n, z, g: standard_normal(n, z, g).sort(0).values),),
        ),
        Misconception(
            "latents_together",
            drawing(lambda n, z, g: (standard_normal(n, z, g) + standard_normal(n, 1, g)) / 2**0.5),
            "The latents of one code have something in common. In the prior they are independent: "
            "every number is drawn by itself.",
        ),
        Misconception(
            "narrow_codes",
            drawing(lambda n, z, g: 0.5 * standard_normal(n, z, g)),
            "The codes were scaled. Smaller ones look tidier and are not samples of the model: the "
            "prior has standard deviation 1.",
        ),
        Misconception(
            "truncated_codes",
            drawing(lambda n, z, g: standard_normal(n, z, g).clamp(-2, 2)),
            "The codes were clamped or cut off. Rare codes belong to the prior, too.",
        ),
        Misconception(
            "global_noise",
            drawing(lambda n, z, g: torch.randn(n, z)),
            "The codes came from the global generator. torch.randn takes generator=generator, and "
            "then the caller decides about the seed.",
        ),
        Misconception(
            "seeded_globally",
            drawing(seeded),
            "torch.manual_seed was called inside: every call gives the same images, and everybody "
            "else's draws start anew as well. Use the generator that is passed in.",
        ),
        Misconception(
            "own_generator",
            drawing(own),
            "Every seed gives the same images: a new generator was made inside. Use the one that "
            "is passed in.",
        ),
        Misconception(
            "seeded_anew",
            drawing(anew),
            "A generator is known by where it stands, not by the seed it once had: called again "
            "with the same one, the function should draw on. Use the generator itself.",
        ),
        Misconception(
            "codes_like_images",
            drawing(lambda n, z, g: torch.randn(n, 1, 28, 28, generator=g)),
            "The codes have the shape of images. The decoder takes (count, latent_dim).",
        ),
    )


def call_mistakes(finish: Callable = torch.sigmoid) -> Mistakes:
    """About what a call leaves behind."""

    def keeps_graph(network, count, latent_dim, generator):
        return finish(network(standard_normal(count, latent_dim, generator)))

    def leaves_eval_mode(network, *rest):
        return sampler(finish=finish)(network.eval(), *rest)

    return (
        Misconception("keeps_graph", keeps_graph, GRAPH_KEPT),
        Misconception(
            "left_in_eval_mode",
            leaves_eval_mode,
            "The decoder came back in evaluation mode: somebody who goes on training it would not "
            "notice. Leave the mode to the caller.",
        ),
    )
