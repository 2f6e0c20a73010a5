"""Check of `c27_forward`: what the encoder saw, what the decoder got, and who has a gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from ..declare import Case, Exercise, Misconception, Plain
from ..observing import describe_type
from ..random_inputs import binary_images, normal
from ..vae.tiny_networks import TinyDecoder, TinyEncoder
from .drawing import draw, drawing_mistakes, name_draw

NAMES = ("logits", "mean", "log_var")


class TinyVAE(nn.Module):
    """`encoder(images)` gives mean and log_var, `decoder(z)` logits."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder


def vae_cases(g: torch.Generator) -> list[Case]:
    def case(count: int, height: int, width: int, latents: int) -> Case:
        pixels = height * width
        inputs: dict[str, Plain] = {
            "x": binary_images(g, count, 1, height, width),
            "encoder weights": 0.5 * normal(g, 2 * latents, pixels + 1),
            "decoder weights": 0.9 * normal(g, pixels, latents + 1),
        }
        return Case(inputs, f"{count:,} images of {height}×{width}")

    return [case(3000, 3, 4, 4), case(2000, 3, 3, 4)]


def call_forward(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    decoder = TinyDecoder(inputs["decoder weights"], *inputs["x"].shape[2:])
    model = TinyVAE(TinyEncoder(inputs["encoder weights"]), decoder)
    result = answer(model, inputs["x"])
    if result is Ellipsis:
        return result
    wanted = isinstance(result, tuple | list) and len(result) == 3
    if not wanted or not all(isinstance(t, Tensor) for t in result):
        return {"form": describe_type(result)}
    logits, mean, log_var = result
    given, model.decoder.seen = decoder.seen, []
    form = ", ".join(f"{n} {tuple(t.shape)}" for n, t in zip(NAMES, result, strict=True))
    with torch.no_grad():
        right_mean, right_log_var = model.encoder(inputs["x"])
        made = model.decoder(given[-1]) if given else torch.zeros(0)
    record = {
        "form": form,
        "code": given[-1] if given else None,
        "decodings": float(len(given)),
        "logits": same(logits, made),
        "mean": whose(mean, right_mean, right_log_var),
        "log_var": whose(log_var, right_mean, right_log_var),
    }
    rows = [False, False]
    if logits.requires_grad:
        (found,) = torch.autograd.grad(
            logits.square().sum(), [model.encoder.weight], allow_unused=True, retain_graph=True
        )
        if found is not None:
            rows = [bool(part.any()) for part in found.chunk(2)]
    record["by mean"], record["by log_var"] = rows
    record["kept"] = mean.requires_grad and log_var.requires_grad
    decoder.seen.clear()
    answer(model, inputs["x"])
    record["fresh"] = not (decoder.seen and given and torch.equal(decoder.seen[-1], given[-1]))
    return record


def same(one: Tensor, other: Tensor) -> bool:
    alike = one.shape == other.shape and one.dtype == other.dtype
    return alike and torch.allclose(one.detach(), other, rtol=1e-4, atol=1e-5)


def whose(came: Tensor, mean: Tensor, log_var: Tensor) -> str:
    for name, right in (("mean", mean), ("log_var", log_var)):
        if same(came, right):
            return f"the encoder's {name} of x"
        if came.shape == right.shape and same(*(t.flatten().sort().values for t in (came, right))):
            return f"the encoder's {name} of x, the rows in another order"
    return "something else"


def forward_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    facts: dict[str, Plain] = {"what comes back": outputs["form"]}
    if "code" not in outputs or outputs["code"] is None:
        return facts
    encoder = TinyEncoder(inputs["encoder weights"])
    with torch.no_grad():
        mean, log_var = encoder(inputs["x"])
    facts["the second result"] = outputs["mean"]
    facts["the third result"] = outputs["log_var"]
    code = outputs["code"]
    fits = code.shape == mean.shape
    facts["what was decoded last"] = name_draw(code, mean, log_var) if fits else describe_type(code)
    facts["the logits are what the decoder made of it"] = outputs["logits"]
    facts["a second call draws anew"] = outputs["fresh"]
    facts["the logits' gradient reaches the encoder's mean"] = outputs["by mean"]
    facts["the logits' gradient reaches the encoder's log_var"] = outputs["by log_var"]
    facts["mean and log_var keep their graph, for the KL"] = outputs["kept"]
    return facts


def by_distribution(v, x):
    mean, log_var = v.encoder(x)
    return v.decoder(Normal(mean, log_var.exp().sqrt()).rsample()), mean, log_var


RIGHT_DRAW = draw()


def forward_with(
    code: Callable = RIGHT_DRAW,
    encode: Callable = lambda v, x: v.encoder(x),
    give: Callable = lambda logits, mean, log_var: (logits, mean, log_var),
) -> Callable:
    def answer(v, x):
        mean, log_var = encode(v, x)
        return give(v.decoder(code(mean, log_var)), mean, log_var)

    return answer


def of_the_prior(v: TinyVAE, x: Tensor) -> tuple[Tensor, Tensor]:
    latents = v.encoder(x)[0].shape[1]
    z = torch.randn(len(x), latents, dtype=x.dtype)
    return v.encoder(v.decoder(z).sigmoid())


EXERCISE = Exercise(
    name="clinic.c27_forward",
    signature="(v, x)",
    oracle=by_distribution,
    cases=vae_cases,
    call=call_forward,
    facts=forward_facts,
    random=True,
    slow=True,
    outputs=NAMES,
    misconceptions=(
        Misconception(
            "prior_re_encoded",
            forward_with(encode=of_the_prior),
            "x is not what was encoded last: a picture is, that the decoder made. Made of the "
            "prior it has nothing to do with x; made of x, it is a second pass that nobody asked "
            "for. Encode x, once.",
        ),
        Misconception(
            "neighbor_encoded",
            forward_with(encode=lambda v, x: v.encoder(x.roll(1, 0))),
            "The codes are those of other images of the batch: rows were moved or shuffled before "
            "the encoder.",
            also=(forward_with(encode=lambda v, x: v.encoder(x.flip(0))),),
        ),
        *drawing_mistakes(lambda code: forward_with(code=code)),
        Misconception(
            "outputs_swapped",
            forward_with(encode=lambda v, x: v.encoder(x)[::-1]),
            "Mean and log_var changed places: the encoder gives the mean first.",
        ),
        Misconception(
            "encoder_cut_off",
            forward_with(encode=lambda v, x: [t.detach() for t in v.encoder(x)]),
            "The encoder's outputs are cut from the graph, so neither the likelihood nor the KL "
            "can train it.",
        ),
        Misconception(
            "pair_decoded",
            lambda v, x: (v.decoder(v.encoder(x)), *v.encoder(x)),
            "The pair of mean and log_var was decoded as it came from the encoder. A code is one "
            "tensor, drawn from the Gaussian that the two describe.",
            error="'tuple' object has no attribute",
        ),
        Misconception(
            "code_returned",
            lambda v, x: (lambda m, lv: (v.decoder(draw()(m, lv)), draw()(m, lv), lv))(
                *v.encoder(x)
            ),
            "The second result is a drawn code. The KL is the distribution's: return its mean.",
        ),
        Misconception(
            "probabilities",
            forward_with(give=lambda logits, m, v: (logits.sigmoid(), m, v)),
            "A sigmoid was applied to the decoder's output. The loss takes logits: return them as "
            "they come.",
        ),
        Misconception(
            "order",
            forward_with(give=lambda logits, m, v: (m, v, logits)),
            "The three results stand in another order: logits, mean, log_var are wanted.",
        ),
        Misconception(
            "logits_alone",
            forward_with(give=lambda logits, m, v: logits),
            "The logits came back alone. The KL needs mean and log_var as well.",
        ),
    ),
    hints=(
        "Which arrow of the program starts at x?",
        "Encode x, draw a code from what the encoder says, decode the code.",
        "The draw is mean plus standard deviation times new standard normal noise; nothing is "
        "detached. Return logits, mean, log_var.",
    ),
)
