"""Checks of lesson 09.

Oracles: torch.logaddexp for the losses, torch.autograd.grad for the two steps, torch.optim.Adam
for adam_step. Networks are judged by what they do, whatever their layers are.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from .declare import Case, Exercise, Misconception, Plain


def normal(generator: torch.Generator, *shape: int, dtype=torch.float32) -> Tensor:  # type: ignore[no-untyped-def]
    return torch.randn(*shape, generator=generator, dtype=dtype)


# Generator and Discriminator ----------------------------------------------------------------


def build(answer: Callable, *arguments: int) -> nn.Module:
    module = answer(*arguments)
    if not isinstance(module, nn.Module):
        raise TypeError(f"calling it should make a torch.nn.Module; it made a {type(module)}")
    return module


def observe_module(module: nn.Module, x: Tensor) -> dict[str, Any]:
    """What any module shows of itself: its output, what gradients reach, how it depends on x."""
    leaf = x.clone().requires_grad_()
    output = module(leaf)
    if not isinstance(output, Tensor):
        raise TypeError(f"its output should be a tensor; it is a {type(output)}")
    if output.requires_grad:
        output.square().sum().backward()
    reached = [p.grad is not None and bool(p.grad.any()) for p in module.parameters()]
    input_gradient = torch.zeros_like(x) if leaf.grad is None else leaf.grad
    module.eval()
    with torch.no_grad():
        record = {
            "output": output,
            "reached": reached,
            "input_gradient": input_gradient,
            "again": [module(x), module(x)],
            "some": module(x[1:3]),
            "bends": [triple(module, scale * x) for scale in (1.0, 10.0, 100.0)],
        }
        for parameter in module.parameters():
            parameter.zero_()
        return record | {"without_weights": module(x)}


def triple(module: nn.Module, x: Tensor) -> Tensor:
    """f at three points of a straight line for each row, which an affine f keeps in line."""
    d = x.flip(0)
    return torch.stack([module(x - d), module(x), module(x + d)])


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def bent(triples: Tensor) -> bool:
    """Whether the middle value is off the mean of the other two by more than rounding."""
    low, middle, high = triples
    off, length = low + high - 2 * middle, (high - low).abs().max()
    return bool(off.isfinite().any() and off.abs().max() > 1e-2 * length + 1e-12)


def common_facts(outputs: Mapping[str, Plain], form: str) -> dict[str, Plain]:
    once, twice = outputs["again"]
    silent = outputs["without_weights"]
    return {
        "what comes out": form,
        "in eval mode the same input gives the same output": torch.equal(once, twice),
        "in eval mode each output depends on its own input alone": torch.allclose(
            once[1:3], outputs["some"], rtol=1e-3, atol=1e-5
        ),
        "different inputs give different outputs": not torch.allclose(
            once[0], once[1], rtol=1e-4, atol=1e-7
        ),
        "with every weight in parameters() at 0 the input has no effect": torch.equal(
            silent, silent[:1].expand_as(silent)
        ),
        "a gradient reaches every parameter": len(outputs["reached"]) > 0
        and all(outputs["reached"]),
        "hidden_dim decides how many weights there are": outputs["weights"] != outputs["more"],
    }


def describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"


def use_generator(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    latent_dim, hidden_dim, image_size, z = inputs.values()
    module = build(answer, latent_dim, hidden_dim, image_size)
    sizes = {"weights": count(module)}
    sizes["more"] = count(build(answer, latent_dim, 2 * hidden_dim, image_size))
    with torch.no_grad():
        wide = copy.deepcopy(module).eval()(30 * z)
    return observe_module(module, z) | sizes | {"wide": wide}


def generator_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    images, wide = outputs["output"], outputs["wide"]
    both = torch.cat([images.flatten(), wide.flatten()])
    inside = [t.where(t.abs() < 0.99, torch.nan).atanh() for t in outputs["bends"]]
    return common_facts(outputs, describe(images)) | {
        "every pixel lies in [-1, 1], also for a large z": bool(both.abs().max() <= 1),
        "some pixels are negative and some are positive": bool(both.min() < 0 < both.max()),
        "hardly any pixel is exactly 0": bool((images == 0).float().mean() < 0.1),
        "a gradient reaches z": bool(outputs["input_gradient"].any()),
        "it can do more than one linear layer with a tanh": any(
            bent(t.nan_to_num(0.0)) if t.isfinite().all() else bent_where_finite(t) for t in inside
        ),
    }


def bent_where_finite(triples: Tensor) -> bool:
    """As `bent`, on the pixels where none of the three values is saturated."""
    clear = triples.isfinite().all(0)
    return bool(clear.any()) and bent(triples[:, clear])


class AGenerator(nn.Module):
    """A right answer; `end` and `hidden` expose the parts that a mistake replaces."""

    def __init__(self, latent_dim, hidden_dim, image_size, end=nn.Tanh, hidden=nn.ReLU):  # type: ignore[no-untyped-def]
        super().__init__()
        self.size = image_size
        self.first, self.bend = nn.Linear(latent_dim, hidden_dim), hidden()
        self.last, self.end = nn.Linear(hidden_dim, image_size**2), end()

    def forward(self, z: Tensor) -> Tensor:
        pixels = self.end(self.last(self.bend(self.first(z))))
        return pixels.reshape(len(z), 1, self.size, self.size)


class LayersInAList(AGenerator):
    def __init__(self, latent_dim, hidden_dim, image_size):  # type: ignore[no-untyped-def]
        super().__init__(latent_dim, hidden_dim, image_size)
        first, last = self.first, self.last
        del self.first, self.last
        self.listed = [first, last]

    def forward(self, z: Tensor) -> Tensor:
        pixels = self.listed[1](self.listed[0](z).relu()).tanh()
        return pixels.reshape(len(z), 1, self.size, self.size)


class LayersInForward(AGenerator):
    def __init__(self, *sizes: int):
        nn.Module.__init__(self)
        self.sizes = sizes

    def forward(self, z: Tensor) -> Tensor:
        return AGenerator(*self.sizes)(z)


class IgnoresZ(AGenerator):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(torch.randn_like(z))


class DropoutAlways(AGenerator):
    def forward(self, z: Tensor) -> Tensor:
        pixels = self.last(F.dropout(self.first(z).relu(), 0.3)).tanh()
        return pixels.reshape(len(z), 1, self.size, self.size)


class BatchStatistics(AGenerator):
    def forward(self, z: Tensor) -> Tensor:
        hidden = self.first(z)
        hidden = (hidden - hidden.mean(0)) / (hidden.std(0, unbiased=False) + 1e-5)
        return self.last(hidden.relu()).tanh().reshape(len(z), 1, self.size, self.size)


def reshaped(make: Callable) -> Callable:
    """AGenerator with its images put into another shape by `make`."""

    class Reshaped(AGenerator):
        def forward(self, z: Tensor) -> Tensor:
            return make(super().forward(z))

    return Reshaped


REGISTER = (
    "A layer that parameters() does not list is never trained and never moved to a GPU. A plain "
    "Python list hides its layers from nn.Module: use nn.Sequential, nn.ModuleList or one "
    "attribute a layer."
)

generator_module = Exercise(
    name="first_gan.Generator",
    signature="(latent_dim, hidden_dim, image_size)",
    oracle=AGenerator,
    cases=lambda g: [
        Case({"latent_dim": 5, "hidden_dim": 24, "image_size": 12, "z": normal(g, 6, 5)}),
        Case(
            {"latent_dim": 9, "hidden_dim": 16, "image_size": 28, "z": normal(g, 4, 9)},
            "images of 28×28",
        ),
    ],
    call=use_generator,
    facts=generator_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "no_tanh",
            lambda *sizes: AGenerator(*sizes, end=nn.Identity),
            "Nothing limits the pixels. Real images lie in [-1, 1], so a discriminator would tell "
            "such fakes by their range alone: end with a function that maps onto it.",
        ),
        Misconception(
            "sigmoid",
            lambda *sizes: AGenerator(*sizes, end=nn.Sigmoid),
            "No pixel is ever negative: a sigmoid (or softmax) gives [0, 1], and the background of "
            "the real images is at -1. The output must span [-1, 1].",
        ),
        Misconception(
            "relu_before_tanh",
            lambda *sizes: AGenerator(*sizes, end=lambda: nn.Sequential(nn.ReLU(), nn.Tanh())),
            "A ReLU stands before the last activation: half of the pixels are cut to 0 and none "
            "can become black, which is -1. The last linear layer goes straight into the tanh.",
        ),
        Misconception(
            "flat",
            reshaped(lambda images: images.flatten(1)),
            "The pixels are still in one row. Give them the shape of an image batch, (B, 1, H, W).",
        ),
        Misconception(
            "no_channel",
            reshaped(lambda images: images.squeeze(1)),
            "The channel dimension is missing: gray images have the shape (B, 1, H, W).",
        ),
        Misconception(
            "channels_last",
            reshaped(lambda images: images.movedim(1, -1)),
            "The channel stands last, as in Keras and NumPy. PyTorch puts it behind the batch: "
            "(B, 1, H, W).",
        ),
        Misconception(
            "linear",
            lambda *sizes: AGenerator(*sizes, hidden=nn.Identity),
            "Between the linear layers is nothing that bends: together they are one linear layer, "
            "whatever their number. Put an activation behind each hidden one.",
        ),
        Misconception(
            "size_of_mnist",
            lambda latent_dim, hidden_dim, image_size: AGenerator(latent_dim, hidden_dim, 28),
            "The images are 28×28 whatever image_size says: compute the number of pixels from it.",
        ),
        Misconception(
            "ignores_z",
            IgnoresZ,
            "z has no say: the network draws noise of its own. The caller draws z; the generator "
            "is a function of it, with nothing random inside.",
        ),
        Misconception("layers_in_a_list", LayersInAList, REGISTER),
        Misconception(
            "layers_in_forward",
            LayersInForward,
            "New layers are made on every call of forward, so nothing is ever learned. Make them "
            "once, in __init__, and use them in forward.",
        ),
        Misconception(
            "dropout_in_eval",
            DropoutAlways,
            "Dropout stays on in eval mode. F.dropout needs training=self.training; nn.Dropout "
            "knows by itself.",
        ),
        Misconception(
            "batch_statistics",
            BatchStatistics,
            "An image changes with its neighbors in the batch, in eval mode too. Each sample must "
            "depend on its own z alone.",
        ),
        Misconception(
            "hidden_dim_unused",
            lambda latent_dim, hidden_dim, image_size: AGenerator(latent_dim, 32, image_size),
            "hidden_dim has no effect. It is the width of the hidden layers.",
        ),
    ),
    hints=(
        "Two or three linear layers with an activation between them. Which numbers of inputs and "
        "outputs must the first and the last one have?",
        "The last layer has one output a pixel, image_size**2 of them. What function squeezes any "
        "real number into [-1, 1]?",
        "nn.Sequential holds them all: nn.Linear, nn.LeakyReLU(0.2), …, nn.Linear, nn.Tanh. At its "
        "end, nn.Unflatten(1, shape) makes images of rows of pixels.",
    ),
)


def use_discriminator(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    image_size, hidden_dim, images = inputs.values()
    module = build(answer, image_size, hidden_dim)
    sizes = {"weights": count(module), "more": count(build(answer, image_size, 2 * hidden_dim))}
    # One untrained network may give small logits, or logits of one sign; ten with large weights
    # do not, unless something stands behind their last layer.
    others = [build(answer, image_size, hidden_dim).eval() for _ in range(10)]
    with torch.no_grad():
        for parameter in (p for other in others for p in other.parameters()):
            parameter.mul_(10)
        wide = torch.stack([other(20 * images) for other in others])
    return observe_module(module, images) | sizes | {"wide": wide}


def discriminator_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    wide = outputs["wide"]
    seen = outputs["input_gradient"].abs().sum(0)
    return common_facts(outputs, describe(outputs["output"])) | {
        "a logit can be negative": bool(wide.min() < 0),
        "a logit can be larger than 1": bool(wide.max() > 1),
        "every pixel has an influence": bool((seen > 0).all()),
        "it can do more than one linear layer": any(bent(t) for t in outputs["bends"]),
    }


class ADiscriminator(nn.Module):
    """A right answer; `end` and `hidden` expose the parts that a mistake replaces."""

    def __init__(self, image_size, hidden_dim, end=nn.Identity, hidden=nn.ReLU):  # type: ignore[no-untyped-def]
        super().__init__()
        self.first, self.bend = nn.Linear(image_size**2, hidden_dim), hidden()
        self.last, self.end = nn.Linear(hidden_dim, 1), end()

    def forward(self, images: Tensor) -> Tensor:
        return self.end(self.last(self.bend(self.first(images.flatten(1))))[:, 0])


class KeepsTheUnit(ADiscriminator):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)[:, None]


class BatchAveraged(ADiscriminator):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).mean()


class Relativistic(ADiscriminator):
    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        return logits - logits.mean()


class MeanBrightness(ADiscriminator):
    def __init__(self, image_size: int, hidden_dim: int):
        super().__init__(1, hidden_dim)
        self.size = image_size

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images[:, :, : self.size // 2].mean((1, 2, 3))[:, None])


class NotFlattened(nn.Module):
    def __init__(self, image_size: int, hidden_dim: int):
        super().__init__()
        self.first, self.last = nn.Linear(image_size, hidden_dim), nn.Linear(hidden_dim, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.first(images).relu())


class DropoutAlwaysInD(ADiscriminator):
    def forward(self, images: Tensor) -> Tensor:
        return self.last(F.dropout(self.first(images.flatten(1)).relu(), 0.3))[:, 0]


class DiscriminatorList(ADiscriminator):
    def __init__(self, image_size: int, hidden_dim: int):
        super().__init__(image_size, hidden_dim)
        first, last = self.first, self.last
        del self.first, self.last
        self.listed = [first, last]

    def forward(self, images: Tensor) -> Tensor:
        return self.listed[1](self.listed[0](images.flatten(1)).relu())[:, 0]


discriminator_module = Exercise(
    name="first_gan.Discriminator",
    signature="(image_size, hidden_dim)",
    oracle=ADiscriminator,
    cases=lambda g: [
        Case({"image_size": 10, "hidden_dim": 24, "images": normal(g, 6, 1, 10, 10)}),
        Case({"image_size": 28, "hidden_dim": 16, "images": normal(g, 4, 1, 28, 28)}, "28×28"),
    ],
    call=use_discriminator,
    facts=discriminator_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "sigmoid",
            lambda *sizes: ADiscriminator(*sizes, end=nn.Sigmoid),
            "Its outputs are probabilities. Logits are wanted, any real number: the loss applies "
            "the sigmoid itself, in a form that does not overflow, and a second one would flatten "
            "every gradient.",
        ),
        Misconception(
            "tanh",
            lambda *sizes: ADiscriminator(*sizes, end=nn.Tanh),
            "No logit is ever larger than 1, so it can never be surer than 73 %. The tanh belongs "
            "to the generator; the discriminator ends with its linear layer.",
        ),
        Misconception(
            "relu_at_the_end",
            lambda *sizes: ADiscriminator(*sizes, end=nn.ReLU),
            "No logit is ever negative, so it cannot say «fake». No activation behind the last "
            "linear layer.",
        ),
        Misconception(
            "unit_kept",
            KeepsTheUnit,
            "The dimension of the single output is still there. (B, 1) beside a target of shape "
            "(B,) broadcasts to (B, B) without a warning: take it off.",
        ),
        Misconception(
            "batch_averaged",
            BatchAveraged,
            "One number came for the whole batch. Each image gets its own logit: shape (B,).",
        ),
        Misconception(
            "linear",
            lambda *sizes: ADiscriminator(*sizes, hidden=nn.Identity),
            "Nothing bends between the linear layers, so together they are one: such a judge sees "
            "the mean of each pixel only, and a generator fools it with the average digit.",
        ),
        Misconception(
            "not_flattened",
            NotFlattened,
            "The linear layer was applied to each row of pixels on its own. Flatten an image to "
            "one vector first, and keep the batch dimension.",
        ),
        Misconception(
            "compares_with_the_batch",
            Relativistic,
            "An image's logit changes with its neighbors in the batch. The question is «is this "
            "image real?», not «which of them is more real?».",
        ),
        Misconception(
            "part_of_the_image",
            MeanBrightness,
            "Some pixels have no influence on the logit. All of them belong into the first layer.",
        ),
        Misconception("layers_in_a_list", DiscriminatorList, REGISTER),
        Misconception(
            "dropout_in_eval",
            DropoutAlwaysInD,
            "Dropout stays on in eval mode. F.dropout needs training=self.training; nn.Dropout "
            "knows by itself.",
        ),
        Misconception(
            "hidden_dim_unused",
            lambda image_size, hidden_dim: ADiscriminator(image_size, 32),
            "hidden_dim has no effect. It is the width of the hidden layers.",
        ),
    ),
    hints=(
        "An ordinary classifier of two classes. How many numbers need it give for an image?",
        "One logit is enough: positive for «real», negative for «fake». Which activation stands "
        "behind it? None.",
        "nn.Flatten() makes (B, H·W) of (B, 1, H, W). The last nn.Linear has one output; its "
        "dimension of length 1 goes by .squeeze(1), or by nn.Flatten(0) as a last layer.",
    ),
)


# discriminator_loss -------------------------------------------------------------------------


def bce(logits: Tensor, target: float) -> Tensor:
    """Cross-entropy of each logit with a target in [0, 1]; -log sigmoid(x) = log(1 + exp(-x))."""
    zero = torch.zeros_like(logits)
    yes, no = torch.logaddexp(zero, -logits), torch.logaddexp(zero, logits)
    return target * yes + (1 - target) * no


def game(real: Tensor, fake: Tensor, smooth: float = 0.0, *, yes=None, no=0.0) -> Tensor:  # type: ignore[no-untyped-def]
    return bce(real, 1 - smooth if yes is None else yes).mean() + bce(fake, no).mean()


def together(real: Tensor, fake: Tensor, smooth: float = 0.0) -> Tensor:
    return torch.cat([bce(real, 1 - smooth), bce(fake, 0.0)]).mean()


def log_of_sigmoid(real: Tensor, fake: Tensor, smooth: float = 0.0) -> Tensor:
    d_real, d_fake = real.sigmoid(), fake.sigmoid()
    real_terms = (1 - smooth) * d_real.log() + smooth * (1 - d_real).log()
    return -real_terms.mean() - (1 - d_fake).log().mean()


def logits_cases(g: torch.Generator) -> list[Case]:
    def logits(real: int, fake: int, **kind: Any) -> dict[str, Plain]:
        real_logits = 1.5 * normal(g, real, **kind) + 0.7
        return {"real_logits": real_logits, "fake_logits": 1.3 * normal(g, fake, **kind) - 0.4}

    both, double = ("real_logits", "fake_logits"), {"dtype": torch.float64}
    sure = {"real_logits": torch.tensor([200.0, -200.0, 3.0, 90.0])}
    sure["fake_logits"] = torch.tensor([-200.0, 200.0, -130.0])
    return [
        Case(logits(5, 7, **double), "called without smooth", gradients=both),
        Case(logits(6, 4, **double) | {"smooth": 0.1}, "smooth = 0.1", gradients=both),
        Case(logits(3, 8) | {"smooth": 0.25}, "smooth = 0.25, float32"),
        Case(sure | {"smooth": 0.0}, "logits of ±200", extreme=True),
        Case(sure | {"smooth": 0.2}, "logits of ±200, smooth = 0.2", extreme=True),
    ]


discriminator_loss = Exercise(
    name="first_gan.discriminator_loss",
    signature="(real_logits, fake_logits, smooth=0.0)",
    unit="nats",
    oracle=game,
    cases=logits_cases,
    misconceptions=(
        Misconception(
            "two_sided_smoothing",
            lambda r, f, s=0.0: game(r, f, s, no=s),
            "The fakes' target was smoothed too. Smoothing is one-sided: raising the target of the "
            "fakes rewards the generator for staying where it is.",
        ),
        Misconception(
            "fakes_smoothed",
            lambda r, f, s=0.0: game(r, f, yes=1.0, no=s),
            "The smoothing went to the fakes. It is the target of the reals that moves, from 1 to "
            "1 - smooth.",
        ),
        Misconception(
            "target_is_smooth",
            lambda r, f, s=0.0: game(r, f, yes=s if s else 1.0),
            "The reals' target became `smooth` itself. It is lowered by that amount: 1 - smooth.",
        ),
        Misconception(
            "only_weighed",
            lambda r, f, s=0.0: (1 - s) * bce(r, 1.0).mean() + bce(f, 0.0).mean(),
            "The real part was made smaller, its target is still 1. With the target 1 - smooth "
            "a share `smooth` of the cross-entropy asks for «fake»: -smooth · log(1 - D).",
        ),
        Misconception(
            "smooth_ignored",
            lambda r, f, s=0.0: game(r, f),
            "`smooth` has no effect: the reals' target is 1 - smooth.",
        ),
        Misconception(
            "halved",
            lambda r, f, s=0.0: game(r, f, s) / 2,
            "The two means were averaged; the course adds them (at logits of 0 the loss is "
            "2 log 2 = 1.386).",
        ),
        Misconception(
            "one_mean",
            together,
            "Reals and fakes were put into one mean, so the larger group counts more. Take each "
            "group's own mean, then add.",
        ),
        Misconception(
            "summed",
            lambda r, f, s=0.0: bce(r, 1 - s).sum() + bce(f, 0.0).sum(),
            "The batch was added up, so the loss grows with its size. A mean over the reals plus a "
            "mean over the fakes is wanted.",
        ),
        Misconception(
            "labels_swapped",
            lambda r, f, s=0.0: game(f, r, s),
            "Fakes are asked to look real and reals to look fake. The target of the reals is 1, "
            "that of the fakes 0.",
        ),
        Misconception(
            "sign",
            lambda r, f, s=0.0: -game(r, f, s),
            "This is what the discriminator maximizes. A loss is minimized: turn the sign round, "
            "or its probability for reals will sink to 0.",
        ),
        Misconception(
            "fakes_alone",
            lambda r, f, s=0.0: bce(f, 0.0).mean(),
            "The reals are missing. A judge who sees only forgeries learns to say «fake» to "
            "everything.",
        ),
        Misconception(
            "reals_alone",
            lambda r, f, s=0.0: bce(r, 1 - s).mean(),
            "The fakes are missing: this is least when everything is called real.",
        ),
        Misconception(
            "all_called_real",
            lambda r, f, s=0.0: game(r, f, s, no=1.0),
            "Both groups have the target 1. Fakes are labeled 1 in the generator's loss alone; the "
            "discriminator must be told the truth, 0.",
        ),
        Misconception(
            "sigmoid_twice",
            lambda r, f, s=0.0: game(r.sigmoid(), f.sigmoid(), s),
            "A sigmoid was applied to the logits before a loss that has its own (the one «with "
            "logits»). Pass the logits as they are.",
        ),
        Misconception(
            "no_logarithm",
            lambda r, f, s=0.0: -r.sigmoid().mean() + f.sigmoid().mean(),
            "These are mean probabilities without a logarithm. The loss is the cross-entropy: "
            "-log D for reals and -log(1 - D) for fakes.",
        ),
        Misconception(
            "overflows",
            log_of_sigmoid,
            "At large logits the sigmoid is exactly 0 or 1 in floating point, and its logarithm "
            "-inf. F.logsigmoid, F.softplus and the BCE «with logits» never form it.",
        ),
    ),
    hints=(
        "It is the cross-entropy of a classifier: which target do the reals have, which the fakes?",
        "F.binary_cross_entropy_with_logits(logits, targets) takes logits, and targets of the same "
        "shape: torch.full_like and torch.zeros_like make them. Call it once for each group.",
        "Reals: the target is 1 - smooth everywhere. Fakes: 0 everywhere, whatever smooth is. Add "
        "the two means; do not divide by 2.",
    ),
)


# The two steps ------------------------------------------------------------------------------

LATENT, SIDE, PARTS = 5, 4, ("generator", "discriminator")


def tiny_networks(inputs: Mapping[str, Any]) -> tuple[nn.Module, nn.Module]:
    """A generator and a discriminator with the weights that lie in the inputs."""
    with torch.random.fork_rng(devices=[]):
        generator = nn.Sequential(
            nn.Linear(LATENT, 8),
            nn.LeakyReLU(0.2),
            nn.Linear(8, SIDE**2),
            nn.Tanh(),
            nn.Unflatten(1, (1, SIDE, SIDE)),
        )
        discriminator = nn.Sequential(
            nn.Flatten(), nn.Linear(SIDE**2, 6), nn.LeakyReLU(0.2), nn.Linear(6, 1), nn.Flatten(0)
        )
    for network, part in zip((generator, discriminator), PARTS, strict=True):
        vector_to_parameters(inputs[f"{part}_weights"].clone(), network.parameters())
    return generator, discriminator


def make_optimizer(kind: str, network: nn.Module) -> torch.optim.Optimizer:
    if kind == "sgd":
        return torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    return torch.optim.Adam(network.parameters(), lr=0.01, betas=(0.5, 0.999))


def set_gradients(network: nn.Module, value: float) -> None:
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, value)


def gradients(network: nn.Module) -> Tensor:
    """All gradients in one vector, 0 where there is none."""
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in network.parameters()]
    return torch.cat([p.flatten() for p in parts])


def drive(trained: str, step: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Call `step(generator, discriminator, optimizer, n)` for n = 1, 2 and write down all."""
    networks = dict(zip(PARTS, tiny_networks(inputs), strict=True))
    optimizer = make_optimizer(inputs["optimizer"], networks[trained])
    if inputs["old_gradients"]:
        for network in networks.values():
            set_gradients(network, inputs["old_gradients"])
    record: dict[str, Any] = {}
    for n in (1, 2):
        record[f"loss {n}"] = step(*networks.values(), optimizer, n)
        for part, network in networks.items():
            record[f"{part} {n}"] = parameters_to_vector(network.parameters()).detach().clone()
    for part, network in networks.items():
        record[f"{part} gradients"] = gradients(network)
        record[f"{part} training"] = all(m.training for m in network.modules())
        record[f"{part} open"] = all(p.requires_grad for p in network.parameters())
    return record


def step_facts(trained: str, inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    other = PARTS[1 - PARTS.index(trained)]
    start = {part: inputs[f"{part}_weights"] for part in PARTS}
    left = outputs[f"{other} gradients"]
    clean = not left.any() or bool((left == inputs["old_gradients"]).all())
    facts: dict[str, Plain] = {
        f"the {other}'s parameters stay as they were": torch.equal(
            outputs[f"{other} 2"], start[other]
        ),
        f"no gradient reaches the {other}": clean,
    }
    for part in PARTS:
        facts[f"the {part} is in training mode afterwards, as before"] = outputs[f"{part} training"]
        facts[f"the {part}'s parameters still require gradients"] = outputs[f"{part} open"]
    path = torch.stack([start[trained], outputs[f"{trained} 1"], outputs[f"{trained} 2"]])
    return facts | {
        "the loss of the first step": scalar(outputs["loss 1"]),
        f"how the two steps move the {trained} (a row each)": path.diff(dim=0),
        "the loss of the second step": scalar(outputs["loss 2"]),
    }


def scalar(loss: Plain) -> Plain:
    """A float32 tensor of shape () for a number or a 0-dimensional tensor; else the loss itself."""
    number = isinstance(loss, int | float) and not isinstance(loss, bool)
    if number or (isinstance(loss, Tensor) and loss.ndim == 0):
        return torch.as_tensor(loss, dtype=torch.float32)
    return loss


def step_cases(g: torch.Generator, **batches: Any) -> list[Case]:
    """SGD with fresh gradients, Adam with old ones, and a discriminator that is very sure."""

    def case(optimizer: str, old_gradients: float) -> dict[str, Plain]:
        drawn = {n: normal(g, *shape).tanh() for n, shape in batches.items()}
        weights = {
            "generator_weights": 0.8 * normal(g, (LATENT + 1) * 8 + 9 * SIDE**2),
            "discriminator_weights": 0.8 * normal(g, (SIDE**2 + 1) * 6 + 7),
        }
        return drawn | weights | {"optimizer": optimizer, "old_gradients": old_gradients}

    sure = case("sgd", 0.0)
    sure["discriminator_weights"][-1] = -200.0  # the bias of the logit
    return [
        Case(case("sgd", 0.0), "SGD with momentum, two calls"),
        Case(case("adam", 0.3), "Adam, two calls, old gradients left from before"),
        Case(sure, "logits near -200", extreme=True),
    ]


def drive_discriminator(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    def step(generator, discriminator, optimizer, n):  # type: ignore[no-untyped-def]
        real, noise = inputs[f"real_{n}"], inputs[f"noise_{n}"]
        return answer(generator, discriminator, optimizer, real, noise)

    return drive("discriminator", step, inputs)


def drive_generator(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    def step(generator, discriminator, optimizer, n):  # type: ignore[no-untyped-def]
        return answer(generator, discriminator, optimizer, inputs[f"noise_{n}"])

    return drive("generator", step, inputs)


def apply_gradients(loss: Tensor, network: nn.Module, optimizer: torch.optim.Optimizer) -> Tensor:
    """Give `network` exactly the gradients of `loss`, whatever lay there, and step."""
    parameters = list(network.parameters())
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, found, strict=True):
        parameter.grad = gradient
    optimizer.step()
    return loss.detach()


def discriminator_variant(loss: Callable = game, draw: Callable | None = None) -> Callable:
    """The reference step with another loss of (real_logits, fake_logits), or other noise."""

    def step(generator, discriminator, optimizer, real, noise):  # type: ignore[no-untyped-def]
        with torch.no_grad():
            fake = generator(draw(real, noise) if draw else noise)
        value = loss(discriminator(real), discriminator(fake))
        return apply_gradients(value, discriminator, optimizer)

    return step


def written_discriminator_step(order: str, detach: bool = True) -> Callable:
    """A step as students write it: z zero_grad, b backward, s step, in the given order."""

    def step(generator, discriminator, optimizer, real, noise):  # type: ignore[no-untyped-def]
        fake = generator(noise)
        loss = game(discriminator(real), discriminator(fake.detach() if detach else fake))
        for letter in order:
            {"z": optimizer.zero_grad, "b": loss.backward, "s": optimizer.step}[letter]()
        return loss.detach()

    return step


def two_steps(generator, discriminator, optimizer, real, noise):  # type: ignore[no-untyped-def]
    with torch.no_grad():
        fake = generator(noise)
    first = apply_gradients(bce(discriminator(real), 1.0).mean(), discriminator, optimizer)
    return first + apply_gradients(bce(discriminator(fake), 0.0).mean(), discriminator, optimizer)


def leaving(change: Callable) -> Callable:
    """The reference step, after which `change(network, trained)` left something behind."""

    def wrap(step: Callable, trained: str) -> Callable:
        def changed(generator, discriminator, *rest):  # type: ignore[no-untyped-def]
            loss = step(generator, discriminator, *rest)
            change({"generator": generator, "discriminator": discriminator}, trained)
            return loss

        return changed

    return wrap


def other_frozen(networks: Mapping[str, nn.Module], trained: str) -> None:
    networks[PARTS[1 - PARTS.index(trained)]].requires_grad_(False)


def other_in_eval(networks: Mapping[str, nn.Module], trained: str) -> None:
    networks[PARTS[1 - PARTS.index(trained)]].eval()


NOTHING_MOVES = (
    "Nothing moves. Three calls in this order: clear the old gradients, loss.backward(), "
    "optimizer.step(). Cleared between the other two, the step has nothing to go by."
)
OLD_GRADIENTS = (
    "Gradients of an earlier call were added to this one's: backward() adds to what lies in .grad. "
    "Clear it before, with optimizer.zero_grad()."
)
OWN_NOISE = (
    "The noise that was passed in has no effect. A step that draws its own cannot be repeated; use "
    "the argument, whose batch size may differ from that of the reals."
)
STABLE = (
    "The logarithm of a sigmoid that is 0 in floating point is -inf. Use a loss that takes logits: "
    "F.softplus, F.logsigmoid, or the BCE «with logits»."
)

discriminator_step = Exercise(
    name="first_gan.discriminator_step",
    signature="(generator, discriminator, optimizer, real, noise)",
    oracle=discriminator_variant(),
    cases=lambda g: step_cases(
        g,
        real_1=(6, 1, SIDE, SIDE),
        noise_1=(4, LATENT),
        real_2=(3, 1, SIDE, SIDE),
        noise_2=(7, LATENT),
    ),
    call=drive_discriminator,
    facts=lambda inputs, outputs: step_facts("discriminator", inputs, outputs),
    slow=True,
    misconceptions=(
        Misconception(
            "not_detached",
            written_discriminator_step("zbs", detach=False),
            "The loss was traced back through the fakes into the generator, whose gradients it "
            "fills with the discriminator's wishes. Cut the graph at the fakes (.detach(), or make "
            "them under torch.no_grad()).",
        ),
        Misconception("nothing_moves", written_discriminator_step(""), NOTHING_MOVES),
        Misconception("zero_grad_forgotten", written_discriminator_step("bs"), OLD_GRADIENTS),
        Misconception(
            "zero_grad_forgotten_not_detached",
            written_discriminator_step("bs", detach=False),
            "Two things: the graph is not cut at the fakes, so gradients arrive in the generator, "
            "and old gradients are not cleared before backward().",
        ),
        Misconception(
            "fakes_alone",
            discriminator_variant(lambda r, f: bce(f, 0.0).mean()),
            "The real images have no part in the loss. The discriminator needs both, or it learns "
            "to call everything fake.",
        ),
        Misconception(
            "reals_alone",
            discriminator_variant(lambda r, f: bce(r, 1.0).mean()),
            "The fakes have no part in the loss, so everything will be called real.",
        ),
        Misconception(
            "all_called_real",
            discriminator_variant(lambda r, f: game(r, f, no=1.0)),
            "The fakes carry the label 1. That is the generator's wish; the discriminator is "
            "trained on the truth, 0.",
        ),
        Misconception(
            "labels_swapped",
            discriminator_variant(lambda r, f: game(f, r)),
            "Reals and fakes are exchanged: check the order of the arguments of the loss.",
        ),
        Misconception(
            "ascends",
            discriminator_variant(lambda r, f: -game(r, f)),
            "The sign is turned round: the optimizer minimizes, and this is what should grow.",
        ),
        Misconception(
            "halved",
            discriminator_variant(lambda r, f: game(r, f) / 2),
            "The loss is half of the course's: the two means are added, not averaged.",
        ),
        Misconception(
            "one_mean",
            discriminator_variant(together),
            "Reals and fakes share one mean, and their batch sizes differ. Add the mean over the "
            "reals to the mean over the fakes.",
        ),
        Misconception(
            "smoothed",
            discriminator_variant(lambda r, f: game(r, f, 0.1)),
            "The reals' target is 0.9. This step is without smoothing.",
        ),
        Misconception(
            "sigmoid_twice",
            discriminator_variant(lambda r, f: game(r.sigmoid(), f.sigmoid())),
            "A sigmoid was applied to the logits before a loss that has its own.",
        ),
        Misconception("overflows", discriminator_variant(log_of_sigmoid), STABLE),
        Misconception(
            "two_steps",
            two_steps,
            "The optimizer stepped twice, once for the reals and once for the fakes. Add both "
            "parts, then step once.",
        ),
        Misconception(
            "own_noise",
            discriminator_variant(draw=lambda real, noise: torch.randn(len(real), noise.shape[1])),
            OWN_NOISE,
        ),
        Misconception(
            "generator_left_frozen",
            leaving(other_frozen)(discriminator_variant(), "discriminator"),
            "requires_grad stays off in the generator after the step, so that its own step can "
            "never train it. Switch it on again, or cut the graph with detach instead.",
        ),
        Misconception(
            "generator_left_in_eval",
            leaving(other_in_eval)(discriminator_variant(), "discriminator"),
            "The generator is left in eval mode. This step should change no mode.",
        ),
    ),
    hints=(
        "Make the fakes first. Whose parameters shall their gradients reach?",
        "Fakes without a graph: generator(noise).detach(), or inside torch.no_grad(). Then judge "
        "reals and fakes, and your discriminator_loss makes one number of both.",
        "The optimizer knows the discriminator's parameters only. Three calls remain, always in "
        "this order: zero_grad, backward, step.",
    ),
)


def nonsaturating(fake_logits: Tensor) -> Tensor:
    return bce(fake_logits, 1.0).mean()


def generator_variant(loss: Callable = nonsaturating, draw: Callable | None = None) -> Callable:
    """The reference step with another loss of the fakes' logits, or with other noise."""

    def step(generator, discriminator, optimizer, noise):  # type: ignore[no-untyped-def]
        logits = discriminator(generator(draw(noise) if draw else noise))
        return apply_gradients(loss(logits), generator, optimizer)

    return step


def written_generator_step(order: str, detach: bool = False, loss: Callable = nonsaturating):  # type: ignore[no-untyped-def]
    """A step as students write it; `c` clears the discriminator's gradients."""

    def step(generator, discriminator, optimizer, noise):  # type: ignore[no-untyped-def]
        fake = generator(noise)
        value = loss(discriminator(fake.detach() if detach else fake))
        calls = {"z": optimizer.zero_grad, "b": value.backward, "s": optimizer.step}
        for letter in order:
            (calls | {"c": discriminator.zero_grad})[letter]()
        return value.detach()

    return step


def image_as_logit(generator, discriminator, optimizer, noise):  # type: ignore[no-untyped-def]
    value = bce(generator(noise), 1.0).mean()
    return apply_gradients(value, generator, optimizer)


def moves_both(generator, discriminator, optimizer, noise):  # type: ignore[no-untyped-def]
    loss = nonsaturating(discriminator(generator(noise)))
    parameters = list(discriminator.parameters())
    found = torch.autograd.grad(loss, parameters, retain_graph=True)
    apply_gradients(loss, generator, optimizer)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, found, strict=True):
            parameter -= 0.01 * gradient
    return loss.detach()


generator_step = Exercise(
    name="first_gan.generator_step",
    signature="(generator, discriminator, optimizer, noise)",
    oracle=generator_variant(),
    cases=lambda g: step_cases(g, noise_1=(6, LATENT), noise_2=(4, LATENT)),
    call=drive_generator,
    facts=lambda inputs, outputs: step_facts("generator", inputs, outputs),
    slow=True,
    misconceptions=(
        Misconception(
            "gradients_left_in_discriminator",
            written_generator_step("zbs"),
            "The loss goes through the discriminator, so backward() filled its .grad on the way; "
            "the discriminator's next step would start from there if it did not clear first. Clear "
            "them, or ask backward for the generator's inputs only.",
        ),
        Misconception(
            "detached",
            written_generator_step("zbs", detach=True),
            "The generator does not move: its images were cut from the graph. Here the gradient "
            "must pass through the discriminator into the generator; detach belongs into the other "
            "step.",
        ),
        Misconception(
            "nothing_moves",
            written_generator_step("c"),
            NOTHING_MOVES + " Or were the generated images cut from the graph?",
        ),
        Misconception("zero_grad_forgotten", written_generator_step("bsc"), OLD_GRADIENTS),
        Misconception(
            "zero_grad_forgotten_and_left",
            written_generator_step("bs"),
            "Two things: old gradients of the generator are not cleared before backward(), and the "
            "discriminator's .grad is left full after it.",
        ),
        Misconception(
            "saturating",
            generator_variant(lambda f: -bce(f, 0.0).mean()),
            "This is log(1 - D), the game's own loss, whose gradient dies where the discriminator "
            "is sure. The non-saturating loss asks for the label «real»: -log D.",
        ),
        Misconception(
            "saturating_and_left",
            written_generator_step("zbs", loss=lambda f: -bce(f, 0.0).mean()),
            "Two things: this is the saturating log(1 - D), where -log D is wanted, and the "
            "discriminator's .grad is left full.",
        ),
        Misconception(
            "label_fake",
            generator_variant(lambda f: bce(f, 0.0).mean()),
            "The fakes carry the label 0, so the generator learns to be caught. In its own loss "
            "they carry the label of real images.",
        ),
        Misconception(
            "no_logarithm",
            generator_variant(lambda f: -f.sigmoid().mean()),
            "Here stands D itself, without the logarithm. Where D is nearly 0, so is its slope, "
            "and nothing is learned.",
        ),
        Misconception(
            "critic_loss",
            generator_variant(lambda f: -f.mean()),
            "Minus the mean logit is the loss of a Wasserstein critic. Here it is -log D, the "
            "cross-entropy of the logits with the label 1.",
        ),
        Misconception(
            "ascends",
            generator_variant(lambda f: -nonsaturating(f)),
            "The sign is turned round: the optimizer minimizes, so minimize -log D.",
        ),
        Misconception(
            "sigmoid_twice",
            generator_variant(lambda f: nonsaturating(f.sigmoid())),
            "A sigmoid was applied to the logits before a loss that has its own.",
        ),
        Misconception(
            "summed",
            generator_variant(lambda f: bce(f, 1.0).sum()),
            "The batch was added up; take its mean, so that the step does not grow with its size.",
        ),
        Misconception(
            "overflows",
            generator_variant(lambda f: -f.sigmoid().log().mean()),
            STABLE,
        ),
        Misconception(
            "image_as_logit",
            image_as_logit,
            "The generated images went into the loss in the place of logits, so all pixels are "
            "pulled to white. Only the discriminator's verdict on them belongs there.",
        ),
        Misconception(
            "discriminator_moves",
            moves_both,
            "The discriminator moved, too. In this step it is the judge and stays as it is; "
            "otherwise it learns to call the fakes real.",
        ),
        Misconception(
            "own_noise",
            generator_variant(draw=torch.randn_like),
            OWN_NOISE,
        ),
        Misconception(
            "discriminator_left_frozen",
            leaving(other_frozen)(generator_variant(), "generator"),
            "requires_grad stays off in the discriminator, which its own next step cannot train "
            "then. Switch it on again before you return.",
        ),
        Misconception(
            "discriminator_left_in_eval",
            leaving(other_in_eval)(generator_variant(), "generator"),
            "The discriminator is left in eval mode. This step should change no mode.",
        ),
    ),
    hints=(
        "The generator is judged by the discriminator's verdict. Which verdict would it like best?",
        "Non-saturating: the cross-entropy of the fakes' logits with the label «real», by a loss "
        "that takes logits. Nothing may be detached on the way.",
        "backward() also writes into the discriminator's .grad. discriminator.zero_grad() "
        "afterwards clears it; backward(inputs=…) with a list of the generator's parameters never "
        "writes it.",
    ),
)


# adam_step ----------------------------------------------------------------------------------


def ten_steps(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Feed the returned state back; every gradient is a row of `gradients`."""
    parameter, rows, *settings = inputs.values()
    state = (0, torch.zeros_like(parameter), torch.zeros_like(parameter))
    path, kept = [], True
    for gradient in rows:
        given = [t.clone() for t in (parameter, gradient, *state[1:])]
        after, new_state = answer(parameter, gradient, state, *settings)
        then = (parameter, gradient, *state[1:])
        kept = kept and all(map(same_values, given, then))
        parameter, state = after, tuple(new_state)
        path.append(parameter)
    if len(state) != 3:
        raise ValueError(f"state should be (step, first_moment, second_moment); got {len(state)}")
    return {"kept": kept, "path": path, "steps": float(state[0]), "moments": list(state[1:])}


def same_values(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def adam_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    path, (first, second) = outputs["path"], outputs["moments"]
    return {
        "parameter, gradient and moments are not changed in place": outputs["kept"],
        "the parameter after 1 step": path[0],
        "the parameter after 2 steps": path[1],
        "the parameter after 10 steps": path[-1],
        "step in the state after 10 steps": outputs["steps"],
        "first_moment after 10 steps": first,
        "second_moment after 10 steps": second,
    }


def torch_adam(parameter, gradient, state, learning_rate, beta1, beta2, eps):  # type: ignore[no-untyped-def]
    """torch.optim.Adam with its state put in before the step and read out after it."""
    step, first, second = state
    leaf = nn.Parameter(parameter.clone())
    leaf.grad = gradient.clone()
    optimizer = torch.optim.Adam([leaf], learning_rate, (beta1, beta2), eps)
    optimizer.state[leaf] = {
        "step": torch.tensor(float(step)),
        "exp_avg": first.clone(),
        "exp_avg_sq": second.clone(),
    }
    optimizer.step()
    new = optimizer.state[leaf]
    return leaf.detach(), (int(new["step"]), new["exp_avg"], new["exp_avg_sq"])


def adam_variant(**mistake: Any) -> Callable:
    """Adam with its parts exposed, so that a mistake can replace one."""
    m = {"start": 1, "correct": (True, True), "root": True, "sign": -1, "mix": (1, 1)} | mistake

    def step(parameter, gradient, state, learning_rate, beta1, beta2, eps):  # type: ignore[no-untyped-def]
        n, first, second = state[0] + m.get("count", 1), state[1], state[2]
        if m.get("betas_swapped"):
            beta1, beta2 = beta2, beta1
        mix1 = 1 - beta1 if m["mix"][0] else 1
        first = beta1 * first + mix1 * gradient
        square = gradient if m.get("not_squared") else gradient**2
        second = beta2 * second + (1 - beta2) * square
        t = n - 1 + m["start"]
        m_hat = first / (1 - beta1**t) if m["correct"][0] else first
        v_hat = second / (1 - beta2**t) if m["correct"][1] else second
        if m.get("keep_corrected"):
            first, second = m_hat, v_hat
        new = parameter + m["sign"] * learning_rate * ratio(m, m_hat, v_hat, eps, beta2, t)
        return new, (n, first, second)

    return step


def ratio(m: Mapping, m_hat: Tensor, v_hat: Tensor, eps: float, beta2: float, t: int) -> Tensor:
    where = m.get("eps", "outside")
    if where == "inside":
        return m_hat / (v_hat + eps).sqrt()
    if where == "before":  # sqrt(v) + eps, then corrected
        eps = eps / (1 - beta2**t) ** 0.5
    root = v_hat.sqrt() if m["root"] else v_hat
    return m_hat / (root + (0.0 if where == "none" else eps))


def adam_in_place(parameter, gradient, state, *settings):  # type: ignore[no-untyped-def]
    new, (n, first, second) = torch_adam(parameter, gradient, state, *settings)
    return parameter.copy_(new), (n, state[1].copy_(first), state[2].copy_(second))


def adam_cases(g: torch.Generator) -> list[Case]:
    def case(*shape: int, settings: tuple, dtype=torch.float64) -> dict[str, Plain]:  # type: ignore[no-untyped-def]
        gradients = 1.5 * normal(g, 10, *shape, dtype=dtype) + 0.5
        names = ("learning_rate", "beta1", "beta2", "eps")
        start = {"parameter": normal(g, *shape, dtype=dtype), "gradients": gradients}
        return start | dict(zip(names, settings, strict=True))

    quiet = case(4, settings=(0.1, 0.5, 0.999, 1e-8))
    quiet["gradients"][:, 1:3] = 0.0
    return [
        Case(case(2, 3, settings=(0.1, 0.9, 0.99, 0.05)), "eps = 0.05"),
        Case(case(5, settings=(0.02, 0.5, 0.999, 1e-8)), "beta1 = 0.5"),
        Case(case(3, settings=(0.1, 0.9, 0.999, 1e-8), dtype=torch.float32), "in float32"),
        Case(quiet, "some gradients are 0 throughout", extreme=True),
    ]


adam_step = Exercise(
    name="first_gan.adam_step",
    signature="(parameter, gradient, state, learning_rate, beta1, beta2, eps)",
    oracle=torch_adam,
    cases=adam_cases,
    call=ten_steps,
    facts=adam_facts,
    slow=True,
    rtol=1e-4,  # room for a step counter kept as a float32 tensor
    atol=1e-5,
    misconceptions=(
        Misconception(
            "eps_inside_the_root",
            adam_variant(eps="inside"),
            "eps stands under the square root. It is added after the root is taken.",
        ),
        Misconception(
            "eps_before_the_correction",
            adam_variant(eps="before"),
            "eps was added to the root of the raw second moment and then corrected with it. "
            "Correct first, take the root, then add eps.",
        ),
        Misconception(
            "no_eps",
            adam_variant(eps="none"),
            "eps is missing. Where a gradient is always 0, the step is 0 / 0 without it.",
        ),
        Misconception(
            "no_correction",
            adam_variant(correct=(False, False)),
            "The bias correction is missing: both moments start at 0, so the first averages are "
            "too small by the factors 1 - beta1^t and 1 - beta2^t.",
        ),
        Misconception(
            "first_moment_uncorrected",
            adam_variant(correct=(False, True)),
            "The second moment is corrected for its start at 0, the first is not.",
        ),
        Misconception(
            "second_moment_uncorrected",
            adam_variant(correct=(True, False)),
            "The first moment is corrected for its start at 0, the second is not: the first step "
            "comes out far too large.",
        ),
        Misconception(
            "counted_from_zero",
            adam_variant(start=0),
            "The correction uses the number of steps before this one, so at first it divides by 0. "
            "Count this step, then correct.",
        ),
        Misconception(
            "counter_stands_still",
            adam_variant(count=0, start=2),
            "The returned step is the one that came in, so every step is corrected like the first. "
            "Return the counter increased by 1.",
        ),
        Misconception(
            "betas_swapped",
            adam_variant(betas_swapped=True),
            "beta1 and beta2 are exchanged: beta1 remembers gradients, beta2 their squares.",
        ),
        Misconception(
            "moments_kept_corrected",
            adam_variant(keep_corrected=True),
            "The corrected moments went into the state and are corrected again next time. Keep the "
            "raw averages; the corrected ones serve this step alone.",
        ),
        Misconception(
            "sum_of_gradients",
            adam_variant(mix=(0, 1)),
            "The first moment adds the whole gradient, as SGD's momentum does. Adam averages: the "
            "new gradient comes with the weight 1 - beta1.",
        ),
        Misconception(
            "no_root",
            adam_variant(root=False),
            "The step was divided by the second moment itself. Its square root has the gradient's "
            "unit.",
        ),
        Misconception(
            "not_squared",
            adam_variant(not_squared=True),
            "The second moment averages the gradient where its square belongs.",
        ),
        Misconception(
            "ascends",
            adam_variant(sign=1),
            "The parameter moves along the gradient, uphill. Subtract.",
        ),
        Misconception(
            "in_place",
            adam_in_place,
            "The tensors that came in were overwritten (+=, mul_, copy_ and the like). Return new "
            "ones.",
        ),
    ),
    hints=(
        "Two running averages: one of the gradient, one of its square, elementwise. What do they "
        "start at, and what does that do to the first steps?",
        "first = beta1 · first + (1 - beta1) · gradient, and the same with beta2 and the square. "
        "Divide each by 1 - beta^t to correct it, t counting this step: 1, 2, 3, …",
        "The step is learning_rate times the corrected first moment, over the root of the "
        "corrected second plus eps. Return the raw averages, not the corrected ones.",
    ),
)

EXERCISES = [
    generator_module,
    discriminator_module,
    discriminator_loss,
    discriminator_step,
    generator_step,
    adam_step,
]
