"""Check of `c33_build`: does what is sampled from change when the VAE is trained?"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception, Plain
from ..observing import describe_type
from ..random_inputs import normal, uniform

LATENT, SIDE = 4, 8


def small_parts() -> tuple[nn.Module, nn.Module]:
    """An encoder and a decoder of the sizes that are asked for."""
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(SIDE**2, 2 * LATENT))
    return encoder, small_decoder()


def small_decoder() -> nn.Module:
    return nn.Sequential(
        nn.Linear(LATENT, 6), nn.Tanh(), nn.Linear(6, SIDE**2), nn.Unflatten(1, (1, SIDE, SIDE))
    )


def call_build(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """Build; look at samples; move the decoder that is trained, twice; look again."""
    result = answer()
    if result is Ellipsis:
        return result
    record: dict[str, Any] = {"form": form_of(result)}
    if record["form"] != FORM:
        return record
    encoder, decoder, sample = result
    images, z, other = inputs["images"], inputs["z"], inputs["other z"]
    with torch.no_grad():
        record["coded"], record["decoded"] = map(describe_type, (encoder(images), decoder(z)))
        states = []
        for part in ("no change", "first change", "second change"):
            change = inputs[part]
            for number, parameter in enumerate(decoder.parameters()):
                parameter += change[number % len(change)] * (1 + parameter.abs())
            states.append(relation(sample(z), decoder(z)))
        record["bounded"] = name_bounds(decoder, z)
        once, again, another = sample(z), sample(z), sample(other)
    record["start"], record["trained once"], record["trained twice"] = states
    record["again"] = isinstance(once, Tensor) and torch.equal(once, again)
    record["another"] = isinstance(once, Tensor) and not torch.equal(once[:1], another[:1])
    return record


FORM = "encoder, decoder and a sampler that can be called"
PROBABILITIES = "the decoder's probabilities"


def form_of(result: Any) -> str:
    if not isinstance(result, tuple | list) or len(result) != 3:
        return describe_type(result)
    encoder, decoder, sample = result
    if isinstance(encoder, nn.Module) and isinstance(decoder, nn.Module) and callable(sample):
        return FORM
    return f"({', '.join(describe_type(part) for part in result)})"


def relation(samples: Any, logits: Tensor) -> str:
    if not isinstance(samples, Tensor) or samples.shape != logits.shape:
        return describe_type(samples)
    ways = {PROBABILITIES: torch.sigmoid, "the decoder's logits": lambda t: t}
    ways |= {"the decoder's tanh": torch.tanh, "a sigmoid twice": lambda t: t.sigmoid().sigmoid()}
    ways |= {"the decoder's logits, cut at 0": lambda t: (t > 0).float()}
    for name, way in ways.items():
        if torch.allclose(samples, way(logits), atol=1e-6):
            return name
    return "pictures of another network, or of other weights"


def name_bounds(decoder: nn.Module, z: Tensor) -> str:
    """Of the logits of a copy whose weights are a hundred times larger."""
    grown = copy.deepcopy(decoder)
    for parameter in grown.parameters():
        parameter *= 100
    logits = grown(z)
    if isinstance(logits, Tensor) and logits.min() >= -1 and logits.max() <= 1:
        return "bounds, as probabilities have"
    return "none"


def build_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    facts: dict[str, Plain] = {"what comes back": outputs["form"]}
    if outputs["form"] != FORM:
        return facts
    facts["what the encoder makes of 5 images"] = outputs["coded"]
    facts["what the decoder makes of 5 codes"] = outputs["decoded"]
    facts["the bounds of the decoder's logits"] = outputs["bounded"]
    facts["what the sampler gives before training"] = outputs["start"]
    facts["what the sampler gives when the decoder has been trained"] = outputs["trained once"]
    facts["what the sampler gives after more training"] = outputs["trained twice"]
    facts["one z gives one picture"] = outputs["again"]
    facts["another z gives another picture"] = outputs["another"]
    return facts


def building(make_sampler: Callable, order: Callable = lambda *parts: parts) -> Callable:
    def build():
        encoder, decoder = small_parts()
        return order(encoder, decoder, make_sampler(decoder))

    return build


def sigmoid_inside(make_sampler: Callable) -> Callable:
    def build():
        encoder, decoder = small_parts()
        decoder = nn.Sequential(decoder, nn.Sigmoid())
        return encoder, decoder, make_sampler(decoder)

    return build


def flat_everywhere():
    encoder, decoder = small_parts()
    decoder = nn.Sequential(decoder, nn.Flatten())
    return encoder, decoder, lambda z: decoder(z).sigmoid()


def own_decoder(decoder):
    return nn.Sequential(small_decoder(), nn.Sigmoid())


def loaded(decoder):
    twin = small_decoder()
    twin.load_state_dict(decoder.state_dict())
    return nn.Sequential(twin, nn.Sigmoid())


def right_sampler(decoder):
    return lambda z: decoder(z).sigmoid()


def fixed(decoder):
    first = []

    def sample(z):
        first.append(decoder(z).detach().sigmoid())
        return first[0]

    return sample


def drawing_itself(decoder):
    return lambda z: decoder(torch.randn_like(z)).sigmoid()


def build_cases(g: torch.Generator) -> list[Case]:
    def case() -> Case:
        images = uniform(g, 5, 1, SIDE, SIDE)
        codes = {"z": normal(g, 5, LATENT), "other z": normal(g, 5, LATENT)}
        moves = {"no change": [0.0], "first change": [0.3, -0.2], "second change": [-0.4, 0.1, 0.2]}
        return Case({"images": images} | codes | moves, "5 codes")

    return [case(), case()]


EXERCISE = Exercise(
    name="clinic.c33_build",
    signature="()",
    oracle=building(lambda decoder: nn.Sequential(decoder, nn.Sigmoid())),
    cases=build_cases,
    call=call_build,
    facts=build_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "a_decoder_of_its_own",
            building(own_decoder),
            "The sampler has a decoder of its own, which nobody trains: its pictures stay what "
            "they were at the start. Let it use the very decoder that is trained.",
        ),
        Misconception(
            "copied_at_the_start",
            building(lambda decoder: nn.Sequential(copy.deepcopy(decoder), nn.Sigmoid())),
            "The sampler has a copy of the decoder's weights of the moment when it was built "
            "(deepcopy, load_state_dict). Training moves the original alone: share the module.",
            also=(building(loaded),),
        ),
        Misconception(
            "first_pictures_kept",
            building(fixed),
            "The sampler keeps what it made first. It has to decode at each call.",
        ),
        Misconception(
            "logits",
            building(lambda decoder: decoder),
            "The sampler gives logits. A picture is their sigmoid.",
        ),
        Misconception(
            "sigmoid_twice",
            building(lambda decoder: lambda z: decoder(z).sigmoid().sigmoid()),
            "The sigmoid was applied twice, so that every pixel lies above one half.",
        ),
        Misconception(
            "z_ignored",
            building(drawing_itself),
            "Two calls with one z give different pictures: the sampler draws noise of its own, or "
            "makes a new decoder at each call. It is given z, and decodes it with the one decoder.",
            also=(building(lambda decoder: lambda z: small_decoder()(z).sigmoid()),),
        ),
        Misconception(
            "tanh",
            building(lambda decoder: lambda z: decoder(z).tanh()),
            "A tanh makes pictures in [-1, 1] of the logits. They are logits of probabilities: a "
            "sigmoid.",
        ),
        Misconception(
            "cut_at_zero",
            building(lambda decoder: lambda z: (decoder(z) > 0).float()),
            "The pictures are black and white: the logits were cut at 0. A sigmoid gives shades.",
        ),
        Misconception(
            "decoder_ends_in_a_sigmoid",
            sigmoid_inside(lambda decoder: lambda z: decoder(z).sigmoid()),
            "The decoder ends in a sigmoid itself. The loss takes its logits, and would apply a "
            "second one (case C35): leave the sigmoid to the sampler.",
            also=(sigmoid_inside(lambda decoder: decoder),),
        ),
        Misconception(
            "flat_logits",
            building(right_sampler, lambda e, d, s: (e, nn.Sequential(d, nn.Flatten()), s)),
            "The decoder's logits are still in one row. Give them the shape of images, "
            "(B, 1, 8, 8).",
            also=(flat_everywhere,),
        ),
        Misconception(
            "encoder_too_narrow",
            building(right_sampler, lambda e, d, s: (nn.Sequential(e, nn.LazyLinear(4)), d, s)),
            "The encoder gives four numbers. It has four means and four log-variances to give.",
        ),
        Misconception(
            "sampler_second",
            building(right_sampler, lambda e, d, s: (e, s, d)),
            "Decoder and sampler changed places in what is returned.",
            also=(building(own_decoder, lambda e, d, s: (e, nn.Sequential(d, nn.Sigmoid()), d)),),
        ),
        Misconception(
            "two_of_three",
            building(right_sampler, lambda encoder, decoder, sample: (encoder, decoder)),
            "Two things came back. Three are wanted: encoder, decoder, sampler.",
        ),
        Misconception(
            "order",
            building(right_sampler, lambda encoder, decoder, sample: (decoder, encoder, sample)),
            "Encoder and decoder changed places in what is returned.",
        ),
    ),
    hints=(
        "How many decoders exist in memory after build()?",
        "Two names may point to one module.",
        "A sampler can be a function that calls the decoder, or a Sequential that holds it.",
    ),
)
