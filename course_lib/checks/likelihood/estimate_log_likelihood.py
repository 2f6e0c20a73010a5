"""Check of `estimate_log_likelihood`: from the codes that were decoded, and by quadrature."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception, Plain
from ..observing import describe_type
from ..random_inputs import binary_images, normal, some_seed
from .tiny_models import by_quadrature, log_weights_of_codes, networks

FEW = 10  # draws, where every chunk must give the same
CHUNKS = (3, 10, 1, 64)  # the first is looked at closely
MANY, BIG_CHUNK = 1000, 150  # draws, where the estimate must be near the evidence
SPARE = 7  # standard errors
FAR = 200.0  # logits of the wrong sign: log weights near -1200, whose exponentials are 0


def estimate_cases(generator: torch.Generator) -> list[Case]:
    def case(batch: int, about: str) -> Case:
        encoder = 0.2 * normal(generator, 4, 7)
        encoder[2:] *= 0.3
        encoder[:, -1] += torch.tensor([0.7, -0.7, 0.2, 0.2])  # off the posterior, and wide
        inputs = {
            "encoder": encoder,
            "decoder": normal(generator, 6, 3),
            "images": binary_images(generator, batch, 1, 2, 3),
            "seed": some_seed(generator),
        }
        return Case(inputs, about)

    twins = case(2, "two equal images, log weights near -1200").inputs
    twins["images"][1] = twins["images"][0]
    twins["decoder"][:, -1] += FAR * (1 - 2 * twins["images"][0].flatten())
    return [
        case(1, "one image, few draws"),
        case(5, "five images, thousands of draws"),
        Case(twins, "two equal images, log weights near -1200", extreme=True),
    ]


def call_estimate(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    if len(inputs["images"]) == 2:
        result, seen, _ = one_call(answer, inputs, FEW, CHUNKS[0], 0)
        codes = torch.cat(seen) if seen else torch.zeros(0, 2)
        return Ellipsis if result is Ellipsis else {"estimate": result, "codes of twins": codes}
    if len(inputs["images"]) == 1:
        return few_draws(answer, inputs)
    result, seen, _ = one_call(answer, inputs, MANY, BIG_CHUNK, 0)
    codes = torch.cat(seen) if seen else torch.zeros(0, 2)
    return {"estimate": result, "different codes": len(codes[:, 0].unique())}


def few_draws(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Every chunk with one seed, the first of them once more, and another seed."""
    record: dict[str, Any] = {}
    for chunk in CHUNKS:
        result, seen, training = one_call(answer, inputs, FEW, chunk, 0)
        if result is Ellipsis:
            return Ellipsis
        record[f"estimate {chunk}"] = result
        record[f"codes {chunk}"] = torch.cat(seen) if seen else torch.zeros(0, 2)
        if chunk == CHUNKS[0]:
            record["most at once"] = max(map(len, seen), default=0)
            record["graph"] = isinstance(result, Tensor) and result.requires_grad
            record["training"] = training
    record["again"] = one_call(answer, inputs, FEW, CHUNKS[0], 0)[0]
    record["other"] = one_call(answer, inputs, FEW, CHUNKS[0], 1)[0]
    return record


def one_call(answer, inputs, samples: int, chunk: int, seed: int):
    """(result, the decoded codes of each call of the decoder, are both still in training mode)."""
    encoder, decoder = networks(inputs)
    generator = torch.Generator().manual_seed(inputs["seed"] + seed)
    result = answer(encoder, decoder, inputs["images"], samples, chunk, generator)
    return result, decoder.seen, encoder.training and decoder.training


def estimate_facts(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Plain]:
    first = outputs.get("estimate", outputs.get(f"estimate {CHUNKS[0]}"))
    facts: dict[str, Plain] = {"what comes back": describe_type(first)}
    if not isinstance(first, Tensor) or first.shape != inputs["images"].shape[:1]:
        return facts
    if "codes of twins" in outputs:
        return twin_facts(inputs, outputs["codes of twins"], first)
    if "estimate" in outputs:
        enough = outputs["different codes"] > 0.9 * MANY * len(first)
        facts["each draw of each image has its own code"] = enough
        return facts | {"the estimate from thousands of draws": name_by_quadrature(inputs, first)}
    codes = outputs[f"codes {CHUNKS[0]}"]
    facts[f"codes decoded for samples={FEW}, chunk={CHUNKS[0]}"] = str(len(codes))
    facts["at most chunk draws are decoded at a time"] = outputs["most at once"] <= CHUNKS[0]
    facts["how the draws become one number"] = name_from_codes(inputs, codes, first)
    facts["the noise of each draw"] = name_repetition(codes)
    facts["the result is the same for every chunk size"] = all(
        close(codes, outputs[f"codes {chunk}"]) and close(first, outputs[f"estimate {chunk}"])
        for chunk in CHUNKS[1:]
    )
    facts["one seed gives one estimate"] = torch.equal(first, outputs["again"])
    facts["another seed gives another estimate"] = not torch.equal(first, outputs["other"])
    facts["the result is free of the graph (no_grad)"] = not outputs["graph"]
    facts["the networks stay in the mode they were in"] = outputs["training"]
    return facts


def twin_facts(inputs: Mapping[str, Any], codes: Tensor, estimate: Tensor) -> dict[str, Plain]:
    """Whether equal images get noise of their own, and what becomes of very small weights."""
    apart = (codes[:, None] - codes).abs().amax(-1) + torch.eye(len(codes)) > 1e-4
    facts: dict[str, Plain] = {"two equal images get different noise": bool(apart.all())}
    with torch.no_grad():
        w = log_weights_of_codes(inputs, codes[:, None].expand(-1, 2, -1))
    near = len(w) and ((estimate > w.min() - 5) & (estimate < w.max() + 5)).all()
    came = "near the log weights" if near else str([round(e, 1) for e in estimate.tolist()])
    return facts | {"an estimate from very small weights": came}


def name_repetition(codes: Tensor) -> str:
    """Of the codes of one image, in the order of the draws."""
    first, second = codes[: CHUNKS[0]], codes[CHUNKS[0] : 2 * CHUNKS[0]]
    if close(first, second):
        return "that of the chunk before, again"
    return "one for a whole chunk" if close(first[:1], first[1:2]) else "its own"


def close(one: Tensor, other: Tensor) -> bool:
    alike = one.shape == other.shape
    return alike and torch.allclose(one.double(), other.double(), rtol=1e-4, atol=1e-4)


def name_from_codes(inputs: Mapping[str, Any], codes: Tensor, estimate: Tensor) -> str:
    """Which formula gives this estimate from these very codes of one image."""
    if not len(codes):
        return "nothing was decoded"
    with torch.no_grad():
        w = log_weights_of_codes(inputs, codes[:, None])[:, 0].double()
        mean, _ = networks(inputs)[0](inputs["images"])
    count, pieces = len(w), w.split(CHUNKS[0])
    of_pieces = torch.stack([p.logsumexp(0) - math.log(len(p)) for p in pieces])
    candidates = {
        "the logarithm of the mean weight": w.logsumexp(0) - math.log(count),
        "the mean of the log weights": w.mean(),
        "the logarithm of the sum of the weights": w.logsumexp(0),
        "the logarithm of the sum, less log chunk": w.logsumexp(0) - math.log(CHUNKS[0]),
        "the mean over the chunks of their logarithms": of_pieces.mean(),
        "the mean over the chunks, weighed by their sizes": sum(
            len(p) * v for p, v in zip(pieces, of_pieces, strict=True)
        )
        / count,
        "the logarithm of the chunks' mean weight": of_pieces.logsumexp(0) - math.log(len(pieces)),
        "the sum over the chunks of their logarithms": sum(p.logsumexp(0) for p in pieces)
        - math.log(count),
        "the logarithm of the sum, less the log of how many chunks": w.logsumexp(0)
        - math.log(len(pieces)),
        "the logarithm of the mean weight, with one weight of 1 too many": torch.logaddexp(
            w.logsumexp(0), torch.zeros(())
        )
        - math.log(count),
        "the logarithm of the sum, over samples": w.logsumexp(0) / count,
        "the logarithm of the sum, less samples": w.logsumexp(0) - count,
        "the mean weight, without a logarithm": w.exp().mean(),
        "the largest log weight": w.amax(),
        "the last chunk's": of_pieces[-1],
    }
    for name, value in candidates.items():
        for sign, prefix in ((1, ""), (-1, "minus ")):
            if abs(sign * value - estimate.double().sum()) < 2e-4:
                return prefix + name
    spread = (codes - mean).abs().max()
    return "the mean of q was decoded" if spread < 1e-6 else another(estimate)


def another(estimate: Tensor) -> str:
    """With its value: two quantities that nobody foresaw are not one and the same."""
    return f"another quantity, {estimate.double().mean().item():.4g}"


def exact_values(inputs: Mapping[str, Any]) -> dict:
    """By quadrature, remembered: one check asks several times."""
    key = inputs["encoder"].numpy().tobytes()
    if key not in remembered:
        remembered.clear()
        remembered[key] = by_quadrature(inputs)
    return remembered[key]


remembered: dict[bytes, dict] = {}


def name_by_quadrature(inputs: Mapping[str, Any], estimate: Tensor) -> str:
    exact = exact_values(inputs)
    noise = (exact["variance of weights"] / MANY).sqrt()
    narrow = (exact["variance of log weights"] / MANY).sqrt()
    candidates = {
        "the log-likelihood": (exact["evidence"], noise),
        "the ELBO": (exact["elbo"], narrow),
        "the log-likelihood plus log samples": (exact["evidence"] + math.log(MANY), noise),
        "the log-likelihood plus log samples less log chunk": (
            exact["evidence"] + math.log(MANY / BIG_CHUNK),
            noise,
        ),
        "minus the log-likelihood": (-exact["evidence"], noise),
    }
    for name, (value, error) in candidates.items():
        if ((estimate.double() - value).abs() < SPARE * error + 1e-3).all():
            return name
    return another(estimate)


def estimate_with(
    draw: Callable = lambda g, k, like: torch.stack(
        [torch.randn(like.shape, generator=g) for _ in range(k)]
    ),
    merge: Callable = lambda parts, samples, chunk: (
        torch.cat(parts).logsumexp(0) - math.log(samples)
    ),
    sizes: Callable = lambda samples, chunk: [
        min(chunk, samples - first) for first in range(0, samples, chunk)
    ],
    weigh: Callable = log_weights_of_codes,
    start: Callable = lambda generator: generator,
    graph: bool = False,
    evaluate: bool = False,
) -> Callable:
    """estimate_log_likelihood whose parts a mistake can replace."""

    def answer(encoder, decoder, images, samples, chunk, generator):
        generator = start(generator)
        inputs = {"encoder": encoder.weight, "decoder": decoder.weight, "images": images}
        if evaluate:
            encoder.eval(), decoder.eval()
        with torch.set_grad_enabled(graph):
            mean, log_var = encoder(images)
            parts = []
            for count in sizes(samples, chunk):
                z = mean + (log_var / 2).exp() * draw(generator, count, mean)
                decoder(z)  # the judge counts what is decoded
                parts.append(weigh(inputs, z) + 0 * decoder.weight.sum())
            return merge(parts, samples, chunk)

    return answer


def draw_afresh(seed: Callable) -> Callable:
    """Noise whose generator is set back, to the seed that `seed` gives, for each chunk."""

    def draw(generator: torch.Generator, count: int, like: Tensor) -> Tensor:
        generator.manual_seed(seed(generator))
        return torch.stack([torch.randn(like.shape, generator=generator) for _ in range(count)])

    return draw


def chunk_means(parts: list[Tensor], samples: int, chunk: int) -> Tensor:
    return torch.stack([p.logsumexp(0) - math.log(len(p)) for p in parts]).mean(0)


def equal_chunks(parts: list[Tensor], samples: int, chunk: int) -> Tensor:
    means = torch.stack([p.logsumexp(0) - math.log(len(p)) for p in parts])
    return means.logsumexp(0) - math.log(len(parts))


def whole_chunks(merge: Callable) -> Callable:
    """As many chunks as fit, each of them full: none where chunk exceeds samples."""
    return estimate_with(sizes=lambda samples, chunk: [chunk] * (samples // chunk), merge=merge)


def running_total(parts: list[Tensor], samples: int, chunk: int) -> Tensor:
    total = sum(p.logsumexp(0).exp() for p in parts) / samples
    return total.log()


def fifty_latents(generator: torch.Generator, count: int, like: Tensor) -> Tensor:
    return torch.randn(count, len(like), 50, generator=generator)


EXERCISE = Exercise(
    name="likelihood.estimate_log_likelihood",
    signature="(encoder, decoder, images, samples, chunk, generator)",
    oracle=estimate_with(),
    cases=estimate_cases,
    call=call_estimate,
    facts=estimate_facts,
    slow=True,
    misconceptions=(
        Misconception(
            "elbo",
            estimate_with(merge=lambda parts, samples, chunk: torch.cat(parts).mean(0)),
            "The logarithms were averaged: this is the ELBO with a lot of draws. It does not come "
            "nearer to log p(x), however many there are.",
        ),
        Misconception(
            "chunks_averaged_as_logarithms",
            estimate_with(merge=chunk_means),
            "Each chunk gave a logarithm, and the logarithms were averaged. That is the bound for "
            "chunk draws, not for samples draws: add the weights of all chunks first.",
            also=(
                estimate_with(
                    merge=lambda parts, samples, chunk: (
                        sum(len(p) * (p.logsumexp(0) - math.log(len(p))) for p in parts) / samples
                    )
                ),
            ),
        ),
        Misconception(
            "logarithm_divided",
            estimate_with(
                merge=lambda parts, samples, chunk: torch.cat(parts).logsumexp(0) / samples
            ),
            "The logarithm was divided by samples. It is the sum inside the logarithm that is "
            "divided, and that takes log samples off.",
        ),
        Misconception(
            "samples_subtracted",
            estimate_with(
                merge=lambda parts, samples, chunk: torch.cat(parts).logsumexp(0) - samples
            ),
            "samples was taken off, and not its logarithm.",
        ),
        Misconception(
            "no_logarithm",
            estimate_with(merge=lambda parts, samples, chunk: torch.cat(parts).exp().mean(0)),
            "This is the mean weight. Its logarithm is wanted, and for a digit the mean weight "
            "itself is about e⁻⁹⁰: never leave the logarithms.",
        ),
        Misconception(
            "largest_weight_only",
            estimate_with(merge=lambda parts, samples, chunk: torch.cat(parts).amax(0)),
            "Only the largest weight counts here. All draws enter the mean.",
        ),
        Misconception(
            "chunks_weighed_equally",
            estimate_with(merge=equal_chunks),
            "The chunks were averaged as if they were of one size. The last one may be smaller: "
            "add the sums of the weights, and divide once by samples.",
        ),
        Misconception(
            "log_samples_forgotten",
            estimate_with(merge=lambda parts, samples, chunk: torch.cat(parts).logsumexp(0)),
            "log samples is still to be subtracted: the weights were added, not averaged.",
        ),
        Misconception(
            "log_chunk_subtracted",
            estimate_with(
                merge=lambda parts, samples, chunk: torch.cat(parts).logsumexp(0) - math.log(chunk)
            ),
            "log chunk was subtracted where log samples belongs: the sum runs over all draws.",
        ),
        Misconception(
            "chunks_logarithms_added",
            estimate_with(
                merge=lambda parts, samples, chunk: (
                    sum(p.logsumexp(0) for p in parts) - math.log(samples)
                )
            ),
            "The logarithms of the chunks were added, which multiplies their sums. The weights of "
            "all chunks are to be added, under one logarithm.",
        ),
        Misconception(
            "log_of_chunk_count",
            estimate_with(
                merge=lambda parts, samples, chunk: (
                    torch.cat(parts).logsumexp(0) - math.log(len(parts))
                )
            ),
            "The number of chunks was taken off, as a logarithm. The sum runs over samples "
            "weights, so log samples belongs there.",
        ),
        Misconception(
            "last_chunk_only",
            estimate_with(
                merge=lambda parts, samples, chunk: (
                    parts[-1].logsumexp(0) - math.log(len(parts[-1]))
                )
            ),
            "Only the last chunk counts: the ones before were overwritten.",
        ),
        Misconception(
            "remainder_dropped",
            estimate_with(
                sizes=lambda samples, chunk: [chunk] * (samples // chunk) or [samples],
                merge=lambda parts, samples, chunk: (
                    torch.cat(parts).logsumexp(0) - math.log(sum(map(len, parts)))
                ),
            ),
            "Where chunk does not divide samples, the remainder was never drawn. The last chunk is "
            "smaller.",
        ),
        Misconception(
            "remainder_dropped_and_counted",
            estimate_with(sizes=lambda samples, chunk: [chunk] * (samples // chunk) or [samples]),
            "Where chunk does not divide samples, the remainder was never drawn, and yet the sum "
            "was divided by samples. The last chunk is smaller.",
        ),
        Misconception(
            "no_chunk_fits",
            whole_chunks(lambda parts, samples, chunk: torch.cat(parts).logsumexp(0)),
            "Nothing was drawn where chunk is larger than samples: samples // chunk is 0 there, "
            "and so is the number of turns of the loop. The last chunk, which may be the only one, "
            "holds what is left of samples.",
            error="non-empty",
            also=(whole_chunks(lambda parts, samples, chunk: torch.stack(parts).logsumexp(0)),),
        ),
        Misconception(
            "no_chunk_fits_a_total",
            whole_chunks(running_total),
            "Where chunk is larger than samples, samples // chunk is 0: the loop did not turn, and "
            "the total is still the number that it started with. The last chunk, which may be the "
            "only one, holds what is left of samples.",
            error="has no attribute 'log",
        ),
        Misconception(
            "last_chunk_full",
            estimate_with(sizes=lambda samples, chunk: [chunk] * -(-samples // chunk)),
            "More codes were decoded than asked for: the last chunk was a full one. It holds what "
            "is left of samples.",
        ),
        Misconception(
            "chunk_ignored",
            estimate_with(sizes=lambda samples, chunk: [samples]),
            "All draws were decoded at once. With 5,000 draws for 1,000 images that is 5,000,000 "
            "images in memory; decode chunk draws at a time.",
        ),
        Misconception(
            "noise_depends_on_chunk",
            estimate_with(draw=lambda g, k, like: torch.randn(k, *like.shape, generator=g)),
            "The noise of a whole chunk was drawn in one call, and PyTorch fills a large tensor in "
            "another order than several small ones: other chunks, other draws. Draw one sample's "
            "noise, (B, Z), at a time.",
        ),
        Misconception(
            "one_noise_for_all",
            estimate_with(
                draw=lambda g, k, like: torch.randn(like.shape, generator=g).expand(k, -1, -1)
            ),
            "The draws within a chunk are all the same. Each needs noise of its own.",
        ),
        Misconception(
            "uniform_noise",
            estimate_with(
                draw=lambda g, k, like: torch.stack(
                    [torch.rand(like.shape, generator=g) for _ in range(k)]
                )
            ),
            "The noise is uniform, torch.rand. q is a Gaussian: its draws are made of standard "
            "normal noise.",
        ),
        Misconception(
            "noise_afresh_in_each_chunk",
            estimate_with(draw=draw_afresh(lambda generator: generator.initial_seed())),
            "Each chunk started the noise afresh: draw on from the generator that was passed in.",
        ),
        Misconception(
            "fixed_seed_in_each_chunk",
            estimate_with(draw=draw_afresh(lambda generator: 0)),
            "Each chunk started the noise afresh, and always from one fixed seed: draw on from the "
            "generator that was passed in.",
        ),
        Misconception(
            "noise_shared_by_images",
            estimate_with(
                draw=lambda g, k, like: torch.stack(
                    [torch.randn(1, like.shape[1], generator=g).expand_as(like) for _ in range(k)]
                )
            ),
            "All images of the batch share their noise: a draw was made once, (1, Z), and "
            "broadcast. One unlucky draw then moves every score, and the standard error of their "
            "mean does not show it. Draw (B, Z).",
        ),
        Misconception(
            "total_started_at_zero",
            estimate_with(
                merge=lambda parts, samples, chunk: (
                    torch.cat([torch.zeros_like(parts[0][:1]), *parts]).logsumexp(0)
                    - math.log(samples)
                )
            ),
            "The total starts with a weight of 1 (log 0 is -inf).",
        ),
        Misconception(
            "exponentials_first",
            estimate_with(
                merge=lambda parts, samples, chunk: (torch.cat(parts).exp().sum(0) / samples).log()
            ),
            "The formula is right, but the weights were added as they are, and the exponential of "
            "such a log weight is 0: nothing is left, and its logarithm is -inf. Stay with the "
            "logarithms, within a chunk and between chunks.",
        ),
        Misconception(
            "mean_decoded",
            estimate_with(draw=lambda g, k, like: torch.zeros(k, *like.shape)),
            "The mean of q was decoded every time. The estimate needs draws of q.",
        ),
        Misconception(
            "own_generator",
            estimate_with(start=lambda generator: torch.Generator().manual_seed(0)),
            "Every seed gives the same estimate: a new generator was made inside, or the one that "
            "is passed in was seeded again. Draw on from it as it comes.",
            also=(estimate_with(start=lambda generator: generator.manual_seed(0)),),
        ),
        Misconception(
            "negative",
            estimate_with(
                merge=lambda parts, samples, chunk: (
                    math.log(samples) - torch.cat(parts).logsumexp(0)
                )
            ),
            "The sign is turned round. Papers print the negative; this function returns log p(x) "
            "itself, below 0.",
        ),
        Misconception(
            "batch_averaged",
            estimate_with(
                merge=lambda parts, samples, chunk: (
                    torch.cat(parts).logsumexp(0) - math.log(samples)
                ).mean()
            ),
            "The images were put together into one number. Give one value for each: their spread "
            "is what the standard error of a score is made of.",
        ),
        Misconception(
            "over_the_images",
            estimate_with(
                merge=lambda parts, samples, chunk: (
                    torch.cat(parts).logsumexp(1) - math.log(samples)
                )
            ),
            "The weights were added over the images, and one number for each draw is left. The "
            "draws are the first axis of (K, B): add over them.",
        ),
        Misconception(
            "width_written_down",
            estimate_with(draw=fifty_latents),
            "The noise has 50 latents, as the lesson's model does. Another encoder has another "
            "width: read Z off the mean that it gives.",
            error="(50)",
        ),
        Misconception(
            "graph_kept",
            estimate_with(graph=True),
            "The result carries the graph for backward(), so that everything that was decoded "
            "stays in memory, whatever the chunk. Work under torch.no_grad().",
        ),
        Misconception(
            "left_in_eval_mode",
            estimate_with(evaluate=True),
            "The networks came back in evaluation mode: somebody who goes on training them would "
            "not notice. Leave the mode to the caller.",
        ),
        Misconception(
            "global_noise",
            estimate_with(
                draw=lambda g, k, like: torch.stack([torch.randn(like.shape) for _ in range(k)])
            ),
            "The noise came from the global generator. torch.randn takes generator=generator, and "
            "then the caller decides about the seed.",
            drawing=True,
        ),
    ),
    hints=(
        "It is the bound of iwae_loss with K = samples, for each image. The draws do not fit into "
        "memory at once: what can be added up chunk by chunk?",
        "Collect the log weights (K, B) chunk by chunk, they are small; or keep a running total "
        "with torch.logaddexp. Take log samples off once, at the end.",
        "A loop over range(0, samples, chunk); min(chunk, what is left) noises, each drawn by its "
        "own torch.randn of (B, Z) and stacked; log_importance_weights under torch.no_grad().",
    ),
)
