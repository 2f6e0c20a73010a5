"""Check of `Autoencoder`: any architecture will do, judged by what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception, Plain
from ..module_facts import agree, module_facts, name_range
from ..modules import describe_returned, examine, form, module_case, move_parameters, pulled
from ..random_inputs import some_seed, uniform
from ..wrong_modules import (
    NO_ACTIVATION,
    NOT_REGISTERED,
    REBUILT,
    SmallNetwork,
    variant,
    without_activation,
)

GOAL = 3.0  # how far the code is pulled, up and down
SMALL = 12  # the image size at which it is pulled: once is enough
AT_28 = "at 28 × 28 it runs"


def autoencoder_cases(generator: torch.Generator) -> list[Case]:
    def case(batch: int, image_size: int, latent_dim: int) -> Case:
        return module_case(
            {"image_size": image_size, "latent_dim": latent_dim},
            {"images": uniform(generator, batch, 1, image_size, image_size)},
            {"restored": [1, image_size, image_size]},
            some_seed(generator),
            f"Autoencoder({image_size}, {latent_dim}), a batch of {batch}",
            width=None,
        )

    return [case(8, 16, 3), case(7, SMALL, 5)]


def runs_at_28(answer: Callable, inputs: Mapping[str, Any]) -> bool:
    """Whether a module that raises runs at least at the size of the lesson's images."""
    try:
        answer(28, inputs["arguments"]["latent_dim"])(torch.rand(3, 1, 28, 28))
    except Exception:
        return False
    return True


class Encoding(nn.Module):
    """The first half of an autoencoder as a module of its own."""

    def __init__(self, whole: nn.Module):
        super().__init__()
        self.whole = whole

    def forward(self, images: Tensor) -> Tensor:
        return self.whole.encode(images)


def examine_autoencoder(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What `examine` notes of forward, and how encode and decode go with it."""
    try:
        record = examine(answer, inputs)
    except RuntimeError as error:
        if runs_at_28(answer, inputs):
            error.args = (f"{error}; {AT_28}",)
        raise
    record |= dict.fromkeys(("absent", "code", "code of one", "whole", "parts", "later", "twice"))
    record |= {"code lowest": None, "code highest": None}
    if record["outputs"] is None:
        return record
    module, images = answer(*inputs["arguments"].values()), inputs["images"]
    absent = [n for n in ("encode", "decode") if not callable(getattr(module, n, None))]
    record["absent"] = " and ".join(absent) or "neither"
    if absent:
        return record
    move_parameters(module, [images], inputs["seed"])
    module.eval()
    with torch.no_grad():
        record["code of one"] = form_of(module.encode(images[:1]))
        code = module.encode(images)
        record["code"] = form_of(code)
        if record["code"] != wanted_code(inputs, len(images)):
            return record
        record["parts"] = module.decode(code)
        record["whole"] = module(images)
        module.encode(images.flip(0))
        record["later"] = module.decode(code)  # the code is all that counts
        if form_of(record["parts"]) == form_of(images):
            record["twice"] = module.decode(module.encode(record["parts"]))
    if record["parameters"] and images.shape[-1] == SMALL:
        coded = {**inputs, "outputs": {"code": [inputs["arguments"]["latent_dim"]]}}
        record["code lowest"], record["code highest"] = (
            pulled(Encoding(module), coded, goal)[0] for goal in (-GOAL, GOAL)
        )
    return record


def form_of(value: object) -> str:
    return form(value) if isinstance(value, Tensor) else describe_returned(value)


def wanted_code(inputs: Mapping[str, Any], size: int) -> str:
    return f"float32 of shape {(size, inputs['arguments']['latent_dim'])}"


def autoencoder_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    facts = module_facts(inputs, record)
    if record["influence"] == [0.0]:
        # the names of those behind the cut are the student's own: the cut itself says it
        facts["parameters without a gradient"] = "none"
    if record["outputs"] is None or not agree(record["outputs"], record["again"]):
        return facts
    facts["which of the methods encode and decode is missing"] = record["absent"]
    if record["absent"] != "neither":
        return facts
    facts |= {"the code": record["code"], "the code for a batch of one": record["code of one"]}
    if record["parts"] is None:
        return facts
    facts["what decode returns"] = form_of(record["parts"])
    if form_of(record["parts"]) != form_of(record["whole"]):
        return facts
    facts["decode needs nothing but the code"] = agree([record["later"]], [record["parts"]])
    facts["forward"] = name_forward(record)
    if record["code lowest"] is not None:
        facts["the code's signs"] = name_signs(record["code lowest"], record["code highest"])
    return facts


def name_forward(record: Mapping[str, Any]) -> str:
    """How forward follows from the two methods."""
    known = {
        "decode(encode(images))": record["parts"],
        "a sigmoid of decode(encode(images))": record["parts"].sigmoid(),
        "decode and encode, twice": record["twice"],
    }
    names = (name for name, output in known.items() if agree([output], [record["whole"]]))
    return next(names, "something else than decode(encode(images))")


def name_signs(low: float, high: float) -> str:
    kind = name_range(low, high)
    one_sided = ("never negative", "never positive", "between 0 and 1")
    return kind if kind in one_sided else "both"


class SomeAutoencoder(nn.Module):
    """A right autoencoder, whose parts a mistake can replace."""

    network: type = SmallNetwork

    def __init__(self, image_size: int, latent_dim: int):
        super().__init__()
        self.image_size, self.latent_dim = image_size, latent_dim
        self.encoder = self.network(image_size**2, 24, latent_dim)
        self.decoder = self.network(latent_dim, 24, image_size**2)

    def encode(self, images: Tensor) -> Any:
        return self.encoder(images)

    def decode(self, z: Tensor) -> Tensor:
        return self.finish(self.decoder(z)).unflatten(1, (1, self.image_size, self.image_size))

    def finish(self, numbers: Tensor) -> Tensor:
        return numbers.sigmoid()

    def forward(self, images: Tensor) -> Any:
        return self.decode(self.encode(images))


def ending(finish: Callable) -> type:
    """Another end of the decoder."""
    return variant(SomeAutoencoder, finish=lambda self, numbers: finish(numbers))


def coding(change: Callable) -> type:
    """The code changed by `change`."""
    return variant(
        SomeAutoencoder, encode=lambda self, images: change(SomeAutoencoder.encode(self, images))
    )


def going(forward: Callable) -> type:
    return variant(SomeAutoencoder, forward=forward)


def sized(change: Callable) -> type:
    def init(self, *sizes):
        SomeAutoencoder.__init__(self, *change(*sizes))

    return variant(SomeAutoencoder, __init__=init)


class Unflattened(SomeAutoencoder):
    """Errata C9: every row of pixels gets a code of its own."""

    def __init__(self, image_size: int, latent_dim: int):
        nn.Module.__init__(self)
        self.encoder = nn.Sequential(
            nn.Linear(image_size, 24), nn.Tanh(), nn.Linear(24, latent_dim)
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, 24), nn.Tanh(), nn.Linear(24, image_size)
        )

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z).sigmoid()


class FlattenForgotten(SomeAutoencoder):
    """Layers for whole images, which get rows of pixels."""

    def __init__(self, image_size: int, latent_dim: int):
        super().__init__(image_size, latent_dim)
        self.encoder = nn.Sequential(
            nn.Linear(image_size**2, 24), nn.Tanh(), nn.Linear(24, latent_dim)
        )


class Variational(SomeAutoencoder):
    """The encoder of the next lesson."""

    def __init__(self, image_size: int, latent_dim: int):
        super().__init__(image_size, latent_dim)
        self.log_var = SmallNetwork(image_size**2, 24, latent_dim)

    def encode(self, images: Tensor) -> Any:
        return self.encoder(images), self.log_var(images)

    def forward(self, images: Tensor) -> Any:
        mean, log_var = self.encode(images)
        return self.decode(mean + 0.1 * log_var)


class Remembering(SomeAutoencoder):
    """The image goes past the code, from encode to decode."""

    def encode(self, images: Tensor) -> Tensor:
        self.skip = images
        return self.encoder(images)

    def decode(self, z: Tensor) -> Tensor:
        numbers = self.decoder(z).unflatten(1, self.skip.shape[1:])
        return (numbers + self.skip).sigmoid()


class Listed(nn.Module):
    """The layers where PyTorch does not find them."""

    def __init__(self, *sizes: int):
        super().__init__()
        self.parts = [SomeAutoencoder(*sizes)]

    def encode(self, images: Tensor) -> Tensor:
        return self.parts[0].encode(images)

    def decode(self, z: Tensor) -> Tensor:
        return self.parts[0].decode(z)

    def forward(self, images: Tensor) -> Tensor:
        return self.parts[0](images)


class Rebuilt(Listed):
    def __init__(self, *sizes: int):
        nn.Module.__init__(self)
        self.sizes = sizes

    def forward(self, images: Tensor) -> Tensor:
        return SomeAutoencoder(*self.sizes)(images)


def skip_in_forward(self, images: Tensor) -> Tensor:
    return (self.decode(self.encode(images)) + images) / 2


def only_forward(*sizes: int) -> nn.Module:
    whole = SomeAutoencoder(*sizes)
    end = nn.Unflatten(1, (1, sizes[0], sizes[0]))
    return nn.Sequential(whole.encoder, whole.decoder, nn.Sigmoid(), end)


EXERCISE = Exercise(
    name="autoencoders.Autoencoder",
    signature="(image_size, latent_dim)",
    oracle=SomeAutoencoder,
    cases=autoencoder_cases,
    call=examine_autoencoder,
    facts=autoencoder_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "no_sigmoid",
            ending(lambda numbers: numbers),
            "The output has no bounds. Pixels lie in [0, 1]: end the decoder with a sigmoid.",
        ),
        Misconception(
            "tanh_output",
            ending(torch.tanh),
            "A tanh ends in [-1, 1], half of which no pixel of ours can have. These images lie in "
            "[0, 1].",
        ),
        Misconception(
            "rectified_output",
            ending(torch.relu),
            "The output has no upper end, and where a ReLU says 0 it learns no more. A sigmoid "
            "keeps pixels in [0, 1].",
        ),
        Misconception(
            "softmax_output",
            ending(lambda numbers: numbers.softmax(1)),
            "A softmax makes all pixels of an image share a sum of 1, so that they compete for "
            "light. Each pixel needs a sigmoid of its own.",
        ),
        Misconception(
            "rectified_code",
            coding(torch.relu),
            "An activation follows the layer that makes the code, so no number of it is negative: "
            "half of the latent space is lost, and a unit that is 0 for all images learns no more. "
            "End the encoder with its linear layer.",
        ),
        Misconception(
            "sigmoid_code",
            coding(torch.sigmoid),
            "The code is squeezed into [0, 1]. Only pixels have that range: end the encoder with "
            "its linear layer.",
        ),
        Misconception(
            "not_flattened",
            Unflattened,
            "The image was never flattened: a linear layer acts on the last axis, so every row of "
            "pixels has a code of its own, and together they are no bottleneck.",
        ),
        Misconception(
            "variational_encoder",
            Variational,
            "encode returns two tensors, as a variational encoder does. This one is deterministic: "
            "one code.",
        ),
        Misconception(
            "code_of_noise",
            coding(torch.randn_like),
            "The code is noise that knows nothing about the image, so the decoder can only learn "
            "the average image. Compute the code from the image.",
        ),
        Misconception(
            "noisy_code",
            coding(lambda code: code + torch.randn_like(code)),
            "Two calls with the same image differ: noise is added to the code. This autoencoder is "
            "deterministic.",
        ),
        Misconception(
            "code_cut_off",
            coding(torch.detach),
            "No gradient reaches the encoder: something cuts the code off from it (detach, "
            "no_grad, .data).",
        ),
        Misconception(
            "no_activation",
            variant(SomeAutoencoder, network=without_activation(SmallNetwork)),
            NO_ACTIVATION,
        ),
        Misconception(
            "sigmoid_in_forward_only",
            variant(
                SomeAutoencoder,
                finish=lambda self, numbers: numbers,
                forward=lambda self, images: self.decode(self.encode(images)).sigmoid(),
            ),
            "decode(encode(images)) is not what forward gives: the sigmoid stands in forward. "
            "Later we decode codes that no image had, and want pixels then, too.",
        ),
        Misconception(
            "skips_in_forward",
            going(skip_in_forward),
            "forward is not decode(encode(images)): some of the image goes past the code. A "
            "bottleneck with a way around it is none.",
        ),
        Misconception(
            "remembers_the_image",
            Remembering,
            "decode uses something that encode kept, so that it cannot decode a code alone. All "
            "that it knows of the image must pass through the code.",
        ),
        Misconception(
            "codes_twice",
            going(lambda self, images: self.decode(self.encode(self.decode(self.encode(images))))),
            "forward goes through the code twice: the restored image is encoded and decoded again.",
        ),
        Misconception(
            "pair_returned",
            going(lambda self, images: ((z := self.encode(images)), self.decode(z))),
            "forward returns the code as well. Return the restored images alone; encode gives the "
            "code to whoever wants it.",
        ),
        Misconception(
            "code_returned",
            going(lambda self, images: self.encode(images)),
            "forward stops at the code. Decode it.",
        ),
        Misconception(
            "flat_output",
            variant(SomeAutoencoder, decode=lambda self, z: self.decoder(z).sigmoid()),
            "The pixels are still in one row. Give them the shape of images: (B, 1, n, n).",
        ),
        Misconception(
            "channel_missing",
            going(lambda self, images: self.decode(self.encode(images)).squeeze(1)),
            "The channel axis is missing. Without it, (B, n, n) against (B, 1, n, n) broadcasts "
            "silently to (B, B, n, n), and the loss is computed between different images.",
        ),
        Misconception(
            "fixed_image_size",
            sized(lambda image_size, latent_dim: (28, latent_dim)),
            "It works at 28 × 28 only: 784 (or 28) is written somewhere as a number. Compute it "
            "from image_size.",
            error=AT_28,
        ),
        Misconception(
            "flatten_forgotten",
            FlattenForgotten,
            "The image was never flattened: a linear layer acts on the last axis. Start with "
            "nn.Flatten().",
            error="(128x16 and ",
        ),
        Misconception(
            "fixed_code_size",
            sized(lambda image_size, latent_dim: (image_size, 32)),
            "The code has the same size whatever latent_dim says.",
        ),
        Misconception(
            "only_forward",
            only_forward,
            "The module has forward and lacks a method. encode and decode are methods of the class "
            "itself, each callable alone.",
        ),
        Misconception("plain_list", Listed, NOT_REGISTERED),
        Misconception("layers_in_forward", Rebuilt, REBUILT),
    ),
    hints=(
        "Two networks in a row with a narrow place between them. Which sizes do the layers have, "
        "from an image to a code and back?",
        "encode: flatten, linear, activation, linear to latent_dim, and nothing after it. decode: "
        "linear, activation, linear to image_size² numbers, sigmoid, shape of images.",
        "Make both as nn.Sequential in __init__. nn.Flatten() and nn.Unflatten(1, (1, n, n)) do "
        "the reshaping; forward calls the two methods one after the other.",
    ),
)
