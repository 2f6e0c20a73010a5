"""Check of `c17_make_G`: any generator whose image is decided by its code, alone in a batch too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception, Plain
from ..module_exercises import image_mistakes, layer_mistakes
from ..module_facts import module_facts
from ..modules import examine, module_case, move_parameters
from ..random_inputs import normal, some_seed
from ..ready import adapted
from ..wrong_modules import ImageMaker, given_first, then, variant
from .c7_make_d import shared


def code_cases(g: torch.Generator) -> list[Case]:
    z = 1.5 * normal(g, 6, 8)
    return [module_case({}, {"z": z}, {"images": [1, 8, 8]}, some_seed(g), "make_G()", None)]


def examine_alone(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    record = examine(answer, inputs) | {"alone": None, "new": None}
    if record["outputs"] is None or not record["parameters"]:
        return record
    network, z = answer().train(), inputs["z"]
    record["new"] = not shared(network, answer())
    with torch.no_grad():
        network(z)  # a lazy layer has its parameters after a first call
    move_parameters(network, [z], inputs["seed"])
    with torch.no_grad():
        record["alone"] = torch.cat([network(code) for code in z.split(1)])
    return record


def generator_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    seen = module_facts(inputs, record)
    seen.pop("the network is more than one linear map", None)  # any architecture is right
    facts = {PLACE.get(name, name): value for name, value in seen.items()}
    if record["alone"] is not None:
        facts["each call gives a new network"] = record["new"]
        told = "in training mode a code that comes alone decides its image"
        facts[told] = bool(record["alone"].std(0).max() > 1e-5)
    return facts


PLACE = {"what the class builds": "what make_G() gives"}


class Right(ImageMaker):
    def __init__(self):
        super().__init__(8, 16, 8)

    def finish(self, numbers: Tensor) -> Tensor:
        return super().finish(numbers).tanh()


class BatchNorm(nn.Module):
    """Over the batch, whatever its size, as Keras computes it."""

    def __init__(self, width: int, remembers: bool = True):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("var", torch.ones(width))
        self.remembers = remembers

    def forward(self, x: Tensor) -> Tensor:
        mean, var = self.mean, self.var
        if self.training or not self.remembers:
            mean, var = x.mean(0), x.var(0, correction=0)
            self.mean.lerp_(mean.detach(), 0.01)
            self.var.lerp_(var.detach(), 0.01)
        return (x - mean) / (var + 1e-5).sqrt() * self.scale + self.shift


def normalized_by(layer: Callable[[], nn.Module]) -> type:
    def init(self):
        Right.__init__(self)
        self.body = nn.Sequential(nn.Linear(8, 16), layer(), nn.Tanh())

    return variant(Right, __init__=init)


def bigger(side: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, side**2), nn.Tanh(),
        nn.Unflatten(1, (1, side, side)),
    )  # fmt: skip


class OnePicture(nn.Module):
    def __init__(self):
        super().__init__()
        self.picture = nn.Parameter(torch.randn(1, 1, 8, 8))

    def forward(self, z: Tensor) -> Tensor:
        return self.picture.tanh().expand(len(z), -1, -1, -1)


ONE = Right()
SHAPE = "(B, 1, 8, 8)"

EXERCISE = Exercise(
    name="clinic.c17_make_G",
    signature="()",
    oracle=Right,
    cases=code_cases,
    call=examine_alone,
    facts=generator_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "batch_norm_by_hand",
            normalized_by(lambda: BatchNorm(16)),
            "A layer still subtracts the mean of the batch. In a batch of one that is the value "
            "itself, so that 0 remains of every z. Normalize over something else, or not at all.",
            also=(normalized_by(lambda: BatchNorm(16, remembers=False)),),
        ),
        Misconception(
            "batch_norm_of_torch",
            normalized_by(lambda: nn.BatchNorm1d(16)),
            "PyTorch's BatchNorm1d refuses a batch of one in training mode, where Keras says "
            "nothing. Another batch size is not the repair here: z comes alone. Normalize over "
            "something else, or not at all.",
            error="Expected more than 1 value per channel",
            also=(normalized_by(lambda: nn.BatchNorm1d(16, track_running_stats=False)),),
        ),
        Misconception(
            "unbounded",
            variant(Right, finish=ImageMaker.finish),
            "The pixels have no bounds. Images in [-1, 1] are wanted: a tanh at the end.",
        ),
        Misconception(
            "sigmoid",
            variant(Right, finish=lambda self, numbers: ImageMaker.finish(self, numbers).sigmoid()),
            "The pixels lie in [0, 1]: a sigmoid ends the network. [-1, 1] is wanted: a tanh.",
        ),
        Misconception(
            "ignores_z",
            given_first(Right, torch.randn_like),
            "z has no say: the network draws noise of its own.",
        ),
        Misconception(
            "last_layer_normalized",
            then(Right, lambda images: (images - images.mean(0)).tanh()),
            "The images of a batch are centered on their mean. A batch of one is its own mean: "
            "every image is gray.",
        ),
        Misconception(
            "relu_output",
            variant(Right, finish=lambda self, numbers: ImageMaker.finish(self, numbers).relu()),
            "A ReLU ends the network: no pixel is ever below 0, and none has an upper bound. "
            "[-1, 1] is wanted: a tanh.",
        ),
        Misconception(
            "one_picture",
            OnePicture,
            "z has no say: the same picture comes for every code.",
        ),
        Misconception(
            "one_network_for_all",
            lambda: ONE,
            "Every call gives the same network, trained or not. Make a new one in the function.",
        ),
        Misconception(
            "another_size",
            lambda: bigger(28),
            "The images have another size than 8×8, which is asked for here.",
            also=(lambda: bigger(32), lambda: bigger(16)),
        ),
        Misconception(
            "layer_norm_size",
            lambda: nn.LayerNorm(8)(torch.zeros(6, 64)),
            "nn.LayerNorm is given the width of what it normalizes: the number of features that "
            "the layer before it gives.",
            error="Given normalized_shape",
        ),
        Misconception(
            "class_returned",
            lambda: Right,
            "A class came back. Call it: a network is wanted.",
        ),
        *adapted(image_mistakes(Right, SHAPE)),
        *adapted(layer_mistakes(Right), leave_out=("no_activation",)),
    ),
    hints=(
        "Print what stands behind each layer for a batch of one. Where do two different z become "
        "the same numbers?",
        "The mean over a batch of one is the value itself. Over which other axis could a layer "
        "normalize?",
        "nn.LayerNorm normalizes over the features of one example. Leaving the normalization out "
        "is right as well.",
    ),
)
