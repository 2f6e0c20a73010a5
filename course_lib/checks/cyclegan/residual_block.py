"""Check of `ResidualBlock`. Oracle: convolutions by unfolding, on images mirrored by indices.

Both convolutions are given the same weights, so that it does not matter in which order a class
creates them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception, Plain
from ..modules import form
from ..observing import describe_type
from ..random_inputs import normal, some_seed
from ..wrong_modules import NOT_REGISTERED, REBUILT


def cases(g: torch.Generator) -> list[Case]:
    def case(channels: int, batch: int, height: int, width: int) -> Case:
        inputs = {
            "channels": channels,
            "images": 2 * normal(g, batch, channels, height, width) + 0.5,
            "weight": 0.4 * normal(g, channels, channels, 3, 3),
            "seed": some_seed(g),
        }
        about = f"ResidualBlock({channels}) on {(batch, channels, height, width)}"
        return Case(inputs, about)

    return [case(4, 3, 5, 6), case(3, 2, 7, 5), case(5, 1, 6, 5)]


def call(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What the block holds, and what it makes of images once its convolutions have our weights."""
    record: dict[str, Any] = dict.fromkeys(("kind", "convolutions", "form", "training", "eval"))
    block = answer(inputs["channels"])
    record["kind"] = "an nn.Module" if isinstance(block, nn.Module) else describe_type(block)
    if not isinstance(block, nn.Module):
        return record
    images, weight = inputs["images"], inputs["weight"]
    with torch.no_grad():
        block(images)  # a lazy layer has its weights afterwards
        kernels = [p for p in block.parameters() if p.ndim == 4]
        record["convolutions"] = ", ".join(f"{tuple(p.shape)}" for p in kernels) or "none"
        for kernel in kernels:
            if kernel.shape == weight.shape:
                kernel.copy_(weight)
        other = images.flip(0) * 3 + 1  # what running statistics would remember
        block(other)
        came = block(images)
        record["form"] = form(came) if isinstance(came, Tensor) else describe_type(came)
        if isinstance(came, Tensor):
            record["training"], record["again"] = came, block(images)
            record["eval"] = block.eval()(images)
            block.train()
    if isinstance(came, Tensor) and came.shape == images.shape:
        record["slope"] = slope(block, images)
    return record


def slope(block: nn.Module, images: Tensor) -> Tensor | None:
    """Of a weighted sum by the images; None where there is none, or it cannot be computed."""
    leaf = images.clone().requires_grad_()
    out = block(leaf * 1.0)
    if not out.requires_grad:
        return None
    ramp = torch.linspace(0.5, 1.5, out.numel()).reshape(out.shape)
    try:
        (found,) = torch.autograd.grad((out * ramp).sum(), leaf, allow_unused=True)
    except RuntimeError:  # of a block that writes into what it was given, which is told by itself
        return None
    return found


def facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    told: dict[str, Plain] = {"what the class builds": record["kind"]}
    if record["convolutions"] is None:
        return told
    told["the weights of the convolutions"] = record["convolutions"]
    told["what forward returns"] = record["form"]
    if record["training"] is not None:
        told["two calls with the same images agree"] = bool(
            torch.allclose(record["training"], record["again"], atol=1e-6, equal_nan=True)
        )
        told["images in training mode"] = record["training"]
        told["images in eval mode"] = record["eval"]
        told["the gradient by the images"] = record.get("slope")
    return told


class Unfolded(nn.Module):
    """The oracle."""

    def __init__(self, channels: int):
        super().__init__()
        self.kernels = nn.ParameterList(
            [nn.Parameter(torch.zeros(channels, channels, 3, 3)) for _ in range(2)]
        )

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.normalized(self.convolved(x, self.kernels[0]))
        hidden = torch.where(hidden > 0, hidden, torch.zeros_like(hidden))
        return x + self.normalized(self.convolved(hidden, self.kernels[1]))

    def convolved(self, x: Tensor, kernel: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        rows, columns = self.mirrored(height), self.mirrored(width)
        patches = F.unfold(x[:, :, rows][:, :, :, columns], kernel_size=3)
        return (kernel.flatten(1) @ patches).unflatten(2, (height, width))

    def mirrored(self, length: int) -> list[int]:
        return [1, *range(length), length - 2]

    def normalized(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=(2, 3), keepdim=True)
        variance = (x - mean).square().mean(dim=(2, 3), keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt()


class Block(nn.Module):
    """As people write it; a mistake replaces one part."""

    padding: str | None = "reflect"
    bias = False
    norm: Callable = nn.InstanceNorm2d
    between: Callable = nn.ReLU
    last_norm: Callable | None = None

    def __init__(self, channels: int):
        super().__init__()
        given = {"padding_mode": self.padding, "padding": 1} if self.padding else {}
        first, second = (nn.Conv2d(channels, channels, 3, **given) for _ in range(2))
        kind = type(self)
        self.first, self.first_norm, self.act = first, kind.norm(channels), kind.between()
        self.second, self.second_norm = second, (kind.last_norm or kind.norm)(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.joined(x, self.branch(x))

    def branch(self, x: Tensor) -> Tensor:
        return self.second_norm(self.second(self.act(self.first_norm(self.first(x)))))

    def joined(self, x: Tensor, change: Tensor) -> Tensor:
        return x + change


def block(**changes: object) -> type:
    made = {n: staticmethod(v) if n in NAMED else v for n, v in changes.items()}
    return type("Answer", (Block,), made)


NAMED = ("norm", "between", "last_norm")


def without(channels: int) -> nn.Module:
    return nn.Identity()


def running(channels: int) -> nn.Module:
    return nn.InstanceNorm2d(channels, track_running_stats=True)


class Shared(Block):
    """One convolution, used twice."""

    def __init__(self, channels: int):
        super().__init__(channels)
        self.second = self.first


class InAList(Block):
    def __init__(self, channels: int):
        nn.Module.__init__(self)
        self.layers = [Block(channels)]

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[0](x)


class Rebuilt(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        return Block(self.channels)(x)


class Single(Block):
    def __init__(self, channels: int):
        super().__init__(channels)
        del self.second

    def branch(self, x: Tensor) -> Tensor:
        return self.second_norm(self.first(x))


class Widened(Block):
    """A bottleneck's idea, or a wider middle."""

    def __init__(self, channels: int):
        super().__init__(channels)
        self.first = nn.Conv2d(channels, 2 * channels, 3, padding=1, padding_mode="reflect")
        self.first_norm = nn.InstanceNorm2d(2 * channels)
        self.second = nn.Conv2d(2 * channels, channels, 3, padding=1, padding_mode="reflect")


class Large(Block):
    def __init__(self, channels: int):
        super().__init__(channels)
        self.first, self.second = (
            nn.Conv2d(channels, channels, 5, padding=2, padding_mode="reflect") for _ in range(2)
        )


class OneByOne(Block):
    def __init__(self, channels: int):
        super().__init__(channels)
        self.first, self.second = (nn.Conv2d(channels, channels, 1) for _ in range(2))


class PaddedAtOnce(Block):
    """One frame for both convolutions; the first norm sees a part of it."""

    def __init__(self, channels: int):
        super().__init__(channels)
        self.first, self.second = (nn.Conv2d(channels, channels, 3) for _ in range(2))

    def branch(self, x: Tensor) -> Tensor:
        return super().branch(F.pad(x, (2, 2, 2, 2), mode="reflect"))


class WithShortcut(Block):
    """A convolution on the shortcut, as where the number of channels changes."""

    def __init__(self, channels: int):
        super().__init__(channels)
        self.shortcut = nn.Conv2d(channels, channels, 1)

    def joined(self, x: Tensor, change: Tensor) -> Tensor:
        return self.shortcut(x) + change


def in_place(self: Block, x: Tensor, change: Tensor) -> Tensor:
    x += change
    return x


def through_data(self: Block, x: Tensor, change: Tensor) -> Tensor:
    return x.detach() + change


EXERCISE = Exercise(
    name="cyclegan.ResidualBlock",
    signature="(channels)",
    oracle=Unfolded,
    cases=cases,
    call=call,
    facts=facts,
    random=True,
    slow=True,
    rtol=1e-3,
    atol=1e-4,
    misconceptions=(
        Misconception(
            "not_padded",
            block(padding=None),
            "Without padding each 3×3 convolution takes a pixel off every side, and the change no "
            "longer fits the input that it is added to. Pad by 1, with a mirror image.",
            error="must match the size of tensor",
        ),
        Misconception("plain_list", InAList, NOT_REGISTERED),
        Misconception("layers_in_forward", Rebuilt, REBUILT),
        Misconception(
            "one_convolution_twice",
            Shared,
            "One convolution is used in both places, so they share their weights. Create two.",
        ),
        Misconception(
            "single_convolution",
            Single,
            "There is one convolution. The block has two, with a ReLU between them.",
        ),
        Misconception(
            "wider_inside",
            Widened,
            "The middle has another number of channels. Both convolutions go from `channels` to "
            "`channels`.",
        ),
        Misconception(
            "kernel_of_another_size",
            Large,
            "The kernels are not 3×3.",
            also=(OneByOne,),
        ),
        Misconception(
            "convolved_shortcut",
            WithShortcut,
            "The input goes through a convolution of its own before it is added. It is added as it "
            "is, so that a block whose change is 0 leaves the image alone.",
        ),
        Misconception(
            "input_not_added",
            block(joined=lambda self, x, change: change),
            "The input was not added. A residual block computes a change and adds it to what came "
            "in.",
        ),
        Misconception(
            "relu_at_the_end",
            block(joined=lambda self, x, change: (x + change).relu()),
            "A ReLU follows the sum, as in the first residual networks. Here it stands between the "
            "two convolutions only, so that the image can pass through unharmed.",
        ),
        Misconception(
            "change_rectified",
            block(joined=lambda self, x, change: x + change.relu()),
            "A ReLU stands before the sum, so that the block can only make values larger. The ReLU "
            "stands between the two convolutions only.",
        ),
        Misconception(
            "no_relu",
            block(between=nn.Identity),
            "Nothing bends between the two convolutions. A ReLU stands behind the first norm.",
        ),
        Misconception(
            "leaky",
            block(between=lambda: nn.LeakyReLU(0.2)),
            "The activation lets something of negative numbers through (leaky ReLU, GELU, …). A "
            "plain ReLU is asked for.",
            also=(block(between=lambda: nn.LeakyReLU(0.01)), block(between=nn.GELU)),
        ),
        Misconception(
            "zeros_at_the_border",
            block(padding="zeros"),
            "The border was padded with zeros. That draws a frame that the image does not have; "
            "pad with a mirror image.",
        ),
        Misconception(
            "edge_repeated",
            block(padding="replicate"),
            "The border was padded by repeating the edge. Reflection mirrors the image without "
            "repeating its edge pixel.",
        ),
        Misconception(
            "wrapped_around",
            block(padding="circular"),
            "The border was padded with the opposite side. Reflection mirrors at the border.",
        ),
        Misconception(
            "padded_at_once",
            PaddedAtOnce,
            "The image was padded by 2 before the first convolution, and nothing before the "
            "second. The border is mirrored anew before each of them, by 1.",
        ),
        Misconception(
            "no_norm",
            block(norm=without),
            "There is no normalization. An instance norm stands behind each convolution.",
        ),
        Misconception(
            "one_norm",
            block(last_norm=without),
            "One instance norm is missing: one stands behind each of the two convolutions.",
            also=(block(norm=without, last_norm=nn.InstanceNorm2d),),
        ),
        Misconception(
            "batch_norm",
            block(norm=nn.BatchNorm2d),
            "This is batch normalization, in which the images of a batch change each other. "
            "Instance norm treats each image by itself.",
        ),
        Misconception(
            "layer_norm",
            block(norm=lambda channels: nn.GroupNorm(1, channels)),
            "One mean was taken over all channels (GroupNorm with one group). Instance norm has "
            "one for each channel.",
        ),
        Misconception(
            "running_statistics",
            block(norm=running),
            "The instance norm keeps running statistics and uses them in eval mode. Leave "
            "track_running_stats off: an image's own statistics serve in both modes.",
        ),
        Misconception(
            "relu_before_the_norm",
            block(
                branch=lambda self, x: self.second_norm(
                    self.second(self.first_norm(self.act(self.first(x))))
                )
            ),
            "The ReLU stands before the first norm. The order is convolution, norm, ReLU.",
        ),
        Misconception(
            "norm_and_relu_first",
            block(
                branch=lambda self, x: self.second(
                    self.act(self.second_norm(self.first(self.act(self.first_norm(x)))))
                )
            ),
            "Norm and ReLU stand before each convolution, as in «pre-activation» networks. Here "
            "the convolution comes first, then the norm.",
        ),
        Misconception(
            "norm_of_the_sum",
            block(
                branch=lambda self, x: self.second(self.act(self.first_norm(self.first(x)))),
                joined=lambda self, x, change: self.second_norm(x + change),
            ),
            "The second norm stands behind the sum, so the input is normalized away as well. Only "
            "the change is normalized.",
        ),
        Misconception(
            "scaled",
            block(joined=lambda self, x, change: x + 0.1 * change),
            "The change was scaled before it was added. Add it as it is.",
            also=(
                block(joined=lambda self, x, change: 0.5 * (x + change)),
                block(joined=lambda self, x, change: (x + change) / 2**0.5),
            ),
        ),
        Misconception(
            "concatenated",
            block(joined=lambda self, x, change: torch.cat([x, change], dim=1)),
            "Input and change were concatenated. Add them: the number of channels stays.",
        ),
        Misconception(
            "in_place",
            block(joined=in_place),
            "The input was changed in place (x += …), and whoever gave it still needs it. Make a "
            "new tensor.",
        ),
        Misconception(
            "shortcut_detached",
            block(joined=through_data),
            "The values are right, but the input was cut from the graph where it is added: the "
            "gradient's short way back, the reason for such blocks, is gone.",
        ),
    ),
    hints=(
        "Two halves: convolution, norm, ReLU; then convolution, norm. What is done with the input "
        "at the end?",
        'nn.Conv2d(…, kernel_size=3, padding=1, padding_mode="reflect") or nn.ReflectionPad2d(1) '
        "before it; nn.InstanceNorm2d(channels).",
        "In forward: the input plus what the two halves make of it. Nothing comes after the sum.",
    ),
)
