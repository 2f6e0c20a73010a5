"""Networks with encode and decode: how their two halves go together, and a right one.

`examine_autoencoder` and `autoencoder_facts` look at the two methods besides forward.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Plain
from ..module_facts import agree, module_facts, name_range
from ..modules import describe_returned, examine, form, move_parameters, pulled
from ..wrong_modules import SmallNetwork, variant

GOAL = 3.0  # how far the code is pulled, up and down
SMALL = 12  # the image size at which it is pulled: once is enough
AT_28 = "at 28 × 28 it runs"


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
        facts["the whole of images has an influence"] = "none of it has"
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
