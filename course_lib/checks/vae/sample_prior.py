"""Check of `sample_prior`: which codes were decoded, and what came of the logits."""

from __future__ import annotations

import math

import torch
from torch.distributions import Bernoulli

from ..declare import Case, Exercise, Misconception
from ..observing import describe_type
from .tiny_networks import TinyDecoder

LOGITS_RETURNED = (
    "These are logits, below 0 and above 1. The sigmoid turns them into probabilities."
)
GRAPH_KEPT = (
    "The result still carries the graph for backward(), which costs memory for nothing when only "
    "looking. Decode under torch.no_grad()."
)


def prior_cases(generator: torch.Generator) -> list[Case]:
    def case(count: int, latents: int, height: int, width: int, about: str) -> Case:
        return Case(
            {
                "decoder": 1.2 * torch.randn(height * width, latents + 1, generator=generator),
                "size": [height, width],
                "count": count,
                "seed": int(torch.randint(1 << 30, (), generator=generator)),
            },
            about,
        )

    return [case(4000, 3, 2, 3, "4,000 samples"), case(1, 2, 3, 2, "one sample")]


PRIOR_RECORD = dict.fromkeys(
    f"{label}{what}" for label in ("", "again ", "other ") for what in ("images", "graph")
) | {"codes": None, "logits": None, "training": None}


def call_sample_prior(answer, inputs):
    """Three calls, one seed twice and then another; the codes that reached the decoder."""
    decoder = TinyDecoder(inputs["decoder"], *inputs["size"])
    latent_dim = inputs["decoder"].shape[1] - 1
    record = {}
    for label, seed in (("", 0), ("again ", 0), ("other ", 1)):
        decoder.seen.clear()
        generator = torch.Generator().manual_seed(inputs["seed"] + seed)
        try:
            images = answer(decoder, inputs["count"], latent_dim, generator)
        except RuntimeError:
            if all(z.shape[1:] == (latent_dim,) for z in decoder.seen):
                raise
            return {**PRIOR_RECORD, "codes": decoder.seen[0]}
        record[f"{label}images"] = images
        record[f"{label}graph"] = isinstance(images, torch.Tensor) and images.requires_grad
    codes = torch.cat(decoder.seen) if decoder.seen else torch.zeros(0, latent_dim)
    with torch.no_grad():
        logits = decoder(codes)
    decoded = {"codes": codes, "logits": logits, "training": decoder.training}
    return {**PRIOR_RECORD, **record, **decoded}


def prior_facts(inputs, outputs):
    images, codes = outputs["images"], outputs["codes"]
    facts = {"what the decoder is given": describe_type(codes)}
    facts["what comes back"] = describe_type(images)
    if not isinstance(images, torch.Tensor) or images.shape != outputs["logits"].shape:
        return facts
    facts["the codes"] = name_codes(codes.double())
    facts["the images"] = name_images(outputs["other images"], outputs["logits"])
    if len(codes) > 1:
        facts["one seed gives one set of images"] = torch.equal(images, outputs["again images"])
        other = outputs["other images"]
        facts["another seed gives other images"] = not torch.equal(images, other)
    facts["the result is free of the graph (no_grad)"] = not outputs["graph"]
    facts["the decoder stays in the mode it was in"] = outputs["training"]
    return facts


def name_codes(codes: torch.Tensor) -> str:
    """Which distribution these codes come from, told with six standard errors to spare."""
    if len(codes) < 100:
        return "draws of the standard normal"  # too few to tell
    if (codes - codes[:1]).abs().max() < 1e-12:
        return "all the same"
    if (codes - codes[:, :1]).abs().max() < 1e-12:
        return "one number repeated for all latents"
    if codes.min() >= 0 and codes.max() <= 1:
        return "between 0 and 1"
    width = 6 / codes.numel() ** 0.5
    near = {
        "mean": abs(codes.mean().item()) < width,
        "spread": abs(codes.std().item() - 1) < width,
        "tails": abs(codes.abs().mean().item() - (2 / math.pi) ** 0.5) < width,
    }
    return "draws of the standard normal" if all(near.values()) else "draws of something else"


def name_images(images: torch.Tensor, logits: torch.Tensor) -> str:
    """How the images follow from the logits; pixels drawn or rounded from them are fine too."""
    probabilities = logits.sigmoid()
    right = "what the sigmoid makes of the logits"
    if torch.allclose(images, probabilities, rtol=1e-4, atol=1e-5):
        return right
    if torch.equal(images, images.round()) and bool(((images >= 0) & (images <= 1)).all()):
        sure = (probabilities - 0.5).abs() > 0.4
        hits = (images == probabilities.round())[sure].double()
        return right if hits.numel() < 20 or hits.mean() > 0.9 else "zeros and ones of another kind"
    if torch.allclose(images, logits, rtol=1e-4, atol=1e-5):
        return "the logits"
    if torch.allclose(images, probabilities.sigmoid(), rtol=1e-4, atol=1e-5):
        return "the sigmoid of the sigmoid"
    if torch.allclose(images, logits.clamp(0, 1), rtol=1e-4, atol=1e-5):
        return "the logits, clipped"
    scaled = (logits - logits.min()) / (logits.max() - logits.min()).clamp(min=1e-12)
    if torch.allclose(images, scaled, rtol=1e-4, atol=1e-5):
        return "the logits, stretched to [0, 1]"
    return "something else"


def prior_by_distribution(decoder, count, latent_dim, generator):
    noise = torch.empty(count, latent_dim).normal_(generator=generator)
    return Bernoulli(logits=decoder(noise).detach()).mean


def prior_with(
    codes=lambda count, latent_dim, generator: torch.randn(count, latent_dim, generator=generator),
    finish=torch.sigmoid,
):
    @torch.no_grad()
    def answer(decoder, count, latent_dim, generator):
        return finish(decoder(codes(count, latent_dim, generator)))

    return answer


def keeps_graph(decoder, count, latent_dim, generator):
    return decoder(torch.randn(count, latent_dim, generator=generator)).sigmoid()


def leaves_eval_mode(decoder, count, latent_dim, generator):
    decoder.eval()
    return prior_by_distribution(decoder, count, latent_dim, generator)


EXERCISE = Exercise(
    name="vae.sample_prior",
    signature="(decoder, count, latent_dim, generator)",
    oracle=prior_by_distribution,
    cases=prior_cases,
    call=call_sample_prior,
    facts=prior_facts,
    slow=True,
    misconceptions=(
        Misconception(
            "logits_returned",
            prior_with(finish=lambda logits: logits),
            LOGITS_RETURNED,
        ),
        Misconception(
            "sigmoid_twice",
            prior_with(finish=lambda logits: logits.sigmoid().sigmoid()),
            "The sigmoid was applied twice: everything is gray, between 0.5 and 0.73.",
        ),
        Misconception(
            "clipped",
            prior_with(finish=lambda logits: logits.clamp(0, 1)),
            "Clipping forces logits into [0, 1], but it does not make probabilities of them. A "
            "logit of 0 means one half.",
        ),
        Misconception(
            "stretched",
            prior_with(
                finish=lambda logits: (
                    (logits - logits.min()) / (logits.max() - logits.min()).clamp(min=1e-12)
                )
            ),
            "The logits were stretched to [0, 1] by the batch's smallest and largest, so that an "
            "image depends on its neighbors. The sigmoid treats each pixel alone.",
        ),
        Misconception(
            "uniform_codes",
            prior_with(codes=lambda count, z, generator: torch.rand(count, z, generator=generator)),
            "torch.rand draws uniformly from [0, 1]: one corner of the latent space. The prior is "
            "the standard normal.",
        ),
        Misconception(
            "one_code",
            prior_with(
                codes=lambda count, z, generator: torch.randn(1, z, generator=generator).expand(
                    count, z
                )
            ),
            "One code was drawn and decoded over and over. Each image needs a code of its own.",
        ),
        Misconception(
            "center_only",
            prior_with(codes=lambda count, z, generator: torch.zeros(count, z)),
            "Only the prior's center was decoded, which gives one and the same image for any seed. "
            "Draw the codes.",
        ),
        Misconception(
            "narrow_codes",
            prior_with(
                codes=lambda count, z, generator: 0.5 * torch.randn(count, z, generator=generator)
            ),
            "The codes were scaled. Smaller ones look tidier and are not samples of the model: the "
            "prior has standard deviation 1.",
        ),
        Misconception(
            "global_noise",
            prior_with(codes=lambda count, z, generator: torch.randn(count, z)),
            "The codes came from the global generator. torch.randn takes generator=generator, and "
            "then the caller decides about the seed.",
        ),
        Misconception(
            "own_generator",
            prior_with(
                codes=lambda count, z, generator: torch.randn(
                    count, z, generator=torch.Generator().manual_seed(0)
                )
            ),
            "Every seed gives the same images: a new generator was made inside. Use the one that "
            "is passed in.",
        ),
        Misconception(
            "keeps_graph",
            keeps_graph,
            GRAPH_KEPT,
        ),
        Misconception(
            "left_in_eval_mode",
            leaves_eval_mode,
            "The decoder came back in evaluation mode: somebody who goes on training it would not "
            "notice. Leave the mode to the caller.",
        ),
        Misconception(
            "codes_like_images",
            prior_with(
                codes=lambda count, z, generator: torch.randn(count, 1, 28, 28, generator=generator)
            ),
            "The codes have the shape of images. The decoder takes (count, latent_dim).",
        ),
    ),
    hints=(
        "No image goes in. Where do the codes come from, and what does the decoder give?",
        "count codes of latent_dim standard normal numbers, drawn from generator; the decoder "
        "makes logits of them, and an image holds probabilities.",
        "torch.randn(shape, generator=generator), decode under torch.no_grad(), then the sigmoid.",
    ),
)
