"""Checks of lesson 05. Oracles: torch.distributions, autograd by hand, statistics.NormalDist.

Networks may have any architecture. They are judged by what they do: shapes, ranges, what they
depend on, and whether they can learn; see `examine` and `module_facts`.
"""

from __future__ import annotations

import copy
import math
from statistics import NormalDist

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from .declare import Case, Exercise, Misconception
from .observing import describe_type


def variant(base: type, **changes: object) -> type:
    """A subclass with some members replaced: one mistake in an otherwise right answer."""
    return type("Answer", (base,), changes)


def binary_images(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Zeros and ones with a probability that differs from pixel to pixel."""
    chances = 0.15 + 0.7 * torch.rand(shape[1:], generator=generator)
    return torch.bernoulli(chances.expand(shape), generator=generator)


# ----------------------------------------------------------------- bernoulli_log_likelihood


def likelihood_cases(generator: torch.Generator) -> list[Case]:
    def pair(*shape: int) -> dict:
        logits = 2 * torch.randn(shape, generator=generator, dtype=torch.float64) + 0.3
        return {"logits": logits, "images": binary_images(generator, *shape).double()}

    sure = {
        "logits": 200 * torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0]).reshape(2, 1, 1, 3),
        "images": torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 0.0]).reshape(2, 1, 1, 3),
    }
    return [
        Case(pair(3, 1, 4, 5), gradients=("logits",)),
        Case(pair(1, 1, 6, 2), "a batch of one"),
        Case({n: v.float() for n, v in pair(4, 1, 3, 7).items()}, "in float32"),
        Case(sure, "logits of ±200, float32", extreme=True, gradients=("logits",)),
    ]


def call_likelihood(answer, inputs):  # type: ignore[no-untyped-def]
    """As any formula, but the one telling error is a result: errors alone are told by type."""
    try:
        return answer(*inputs.values())
    except RuntimeError as error:
        if "between 0 and 1" not in str(error):
            raise
        return "the complaint that what should be probabilities lies outside [0, 1]"


def likelihood(logits: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    return Independent(Bernoulli(logits=logits), 3).log_prob(images)


def pixel_likelihood(logits: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    return Bernoulli(logits=logits).log_prob(images)


def from_probability(logits: torch.Tensor, images: torch.Tensor, eps: float) -> torch.Tensor:
    p = logits.sigmoid()
    return (images * (p + eps).log() + (1 - images) * (1 - p + eps).log()).flatten(1).sum(1)


bernoulli_log_likelihood = Exercise(
    name="vae.bernoulli_log_likelihood",
    signature="(logits, images)",
    unit="nats",
    oracle=likelihood,
    cases=likelihood_cases,
    call=call_likelihood,
    misconceptions=(
        Misconception(
            "sign",
            lambda logits, images: -likelihood(logits, images),
            "This is the binary cross-entropy, which is minimized. The log-likelihood is its "
            "negative: the logarithm of a probability, never above 0.",
        ),
        Misconception(
            "mean_over_pixels",
            lambda logits, images: pixel_likelihood(logits, images).flatten(1).mean(1),
            "The pixels were averaged. Given z they are independent, so their probabilities "
            "multiply and the logarithms add. With a mean the KL term later weighs as much as "
            "hundreds of pixels, and the posterior collapses.",
        ),
        Misconception(
            "mean_over_everything",
            lambda logits, images: pixel_likelihood(logits, images).mean(),
            "Everything was averaged, images and pixels (reduction='mean' does that). Add over "
            "the pixels of an image, and keep one value for each image.",
        ),
        Misconception(
            "batch_averaged",
            lambda logits, images: likelihood(logits, images).mean(),
            "The batch was averaged too. Give one value for each image; the loss averages later.",
        ),
        Misconception(
            "batch_summed",
            lambda logits, images: likelihood(logits, images).sum(),
            "The images of the batch were added together (reduction='sum' does that). Give one "
            "value for each image.",
        ),
        Misconception(
            "pixels_not_summed",
            pixel_likelihood,
            "These are the log-probabilities of the single pixels; add them over all axes but "
            "the first.",
        ),
        Misconception(
            "probabilities_wanted",
            lambda logits, images: (
                -F.binary_cross_entropy(logits, images, reduction="none").flatten(1).sum(1)
            ),
            "This function wants probabilities and was given logits, which lie outside [0, 1]. "
            "There is a version that takes logits.",
        ),
        Misconception(
            "sigmoid_twice",
            lambda logits, images: likelihood(logits.sigmoid(), images),
            "The sigmoid was applied twice: a function that takes logits applies it itself. With "
            "two, no pixel can be darker than 0.5.",
        ),
        Misconception(
            "arguments_swapped",
            lambda logits, images: (
                -F.binary_cross_entropy_with_logits(images, logits, reduction="none")
                .flatten(1)
                .sum(1)
            ),
            "Prediction and target changed places: the logits come first, the images second.",
        ),
        Misconception(
            "white_pixels_only",
            lambda logits, images: (images * F.logsigmoid(logits)).flatten(1).sum(1),
            "Only the pixels that are 1 count here. A pixel that is 0 has the probability 1 - p, "
            "and its logarithm belongs into the sum.",
        ),
        Misconception(
            "squared_error",
            lambda logits, images: -(logits.sigmoid() - images).square().flatten(1).sum(1),
            "This is a squared error, the log-likelihood of a Gaussian up to constants. The "
            "decoder here is Bernoulli.",
        ),
        Misconception(
            "in_bits",
            lambda logits, images: likelihood(logits, images) / math.log(2),
            "These are bits. The course counts in nats: use the natural logarithm.",
        ),
        Misconception(
            "log_of_sigmoid",
            lambda logits, images: from_probability(logits, images, 0.0),
            "The sigmoid of a large logit rounds to exactly 0 or 1, and then the logarithm is "
            "-inf, or 0 times -inf, which is nan. Work with the logits themselves.",
        ),
        Misconception(
            "epsilon",
            lambda logits, images: from_probability(logits, images, 1e-8),
            "A small constant inside the logarithm keeps it finite and wrong: a pixel that the "
            "decoder is sure about and gets wrong costs 200 nats here, and it must pull with its "
            "full gradient. Work with the logits themselves.",
        ),
        Misconception(
            "floor_at_minus_100",
            lambda logits, images: (
                -F.binary_cross_entropy(logits.sigmoid(), images, reduction="none")
                .flatten(1)
                .sum(1)
            ),
            "binary_cross_entropy never charges more than 100 nats for a pixel, and a pixel may "
            "cost 200 here. The version that takes logits has no such floor.",
        ),
    ),
    hints=(
        "Given z the pixels are independent coins. What happens to their probabilities, and what "
        "to the logarithms?",
        "A pixel contributes log p if it is 1 and log (1 - p) if it is 0, with p the sigmoid of "
        "its logit. Add the pixels of an image; keep the images apart.",
        "F.binary_cross_entropy_with_logits gives minus that for each pixel, stable at any logit, "
        "if you ask for no reduction. Mind the sign, and sum over every axis but the first.",
    ),
    rtol=1e-5,
)

# -------------------------------------------------------------------- Encoder and Decoder

BOUND = 2.0  # what a mean, log-variance or logit must be able to exceed, in both directions
RECORD = (
    "kind", "returned", "shapes", "single", "outputs", "again", "separately",
    "parameters", "wider", "copied", "without gradient", "influence",
    "ends", "middle", "lowest", "highest",
)  # fmt: skip


def examine(answer, inputs):  # type: ignore[no-untyped-def]
    """Build the module and note how it behaves, as plain data; stop where nothing can follow.

    inputs: `sizes` for the constructor, its second one hidden_dim; `x` a batch, `probes` a larger
    one; `shapes` of the outputs without the batch; `seed` for the noise that moves the weights to
    a generic place.
    """
    sizes, x, shapes = inputs["sizes"], inputs["x"], inputs["shapes"]
    record = dict.fromkeys(RECORD)
    module = answer(*sizes)
    record["kind"] = "an nn.Module" if isinstance(module, nn.Module) else describe_type(module)
    if not isinstance(module, nn.Module):
        return record
    module.eval()
    outputs = as_list(module(x))
    record["returned"] = describe_outputs(outputs)
    if len(outputs) != len(shapes) or not all(isinstance(o, torch.Tensor) for o in outputs):
        return record
    record["shapes"] = [str(tuple(o.shape)) for o in outputs]
    record["single"] = [str(tuple(o.shape)) for o in as_list(module(x[:1]))]
    if record["shapes"] != shape_texts(len(x), shapes) or record["single"] != shape_texts(
        1, shapes
    ):
        return record
    record["parameters"] = size_of(module)
    move_parameters(module, inputs["seed"])
    with torch.no_grad():
        record["outputs"] = as_list(module(x))
        record["again"] = as_list(module(x))
        apart = [as_list(module(x[i : i + 1])) for i in range(len(x))]
        record["separately"] = [torch.cat(each) for each in zip(*apart, strict=True)]
        ends = inputs["probes"].chunk(2)
        sides = (as_list(module(end)) for end in ends)
        record["ends"] = [sum(pair) / 2 for pair in zip(*sides, strict=True)]
        record["middle"] = as_list(module(sum(ends) / 2))
        wide = answer(sizes[0], sizes[1] + 7, *sizes[2:])
        wide(x)  # a lazy layer has its parameters after a first call
        record["wider"] = size_of(wide)
        record["copied"] = copied_outputs(module, answer(*sizes), x)
    if record["parameters"]:
        note_gradients(record, module, x)
        record["lowest"], record["highest"] = (
            reach(module, x, goal) for goal in (-1.5 * BOUND, 1.5 * BOUND)
        )
    return record


def as_list(result: object) -> list:
    return list(result) if isinstance(result, tuple | list) else [result]


def describe_outputs(outputs: list) -> str:
    if all(isinstance(o, torch.Tensor) for o in outputs):
        return "one tensor" if len(outputs) == 1 else f"{len(outputs)} tensors"
    return ", ".join(describe_type(o) for o in outputs)


def shape_texts(batch: int, shapes: list) -> list[str]:
    return [str((batch, *shape)) for shape in shapes]


def size_of(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def move_parameters(module: nn.Module, seed: int) -> None:
    """Away from any special start, such as a last layer of zeros."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))


def copied_outputs(module: nn.Module, second: nn.Module, x: torch.Tensor) -> list | None:
    """The outputs of a second module with the first one's state, None where it does not load."""
    second.eval()
    second(x)
    try:
        second.load_state_dict(module.state_dict())
    except RuntimeError:
        return None
    return as_list(second(x))


def note_gradients(record: dict, module: nn.Module, x: torch.Tensor) -> None:
    """Which parameters get none, and what share of the input has an influence."""
    x = x.clone().requires_grad_(True)
    outputs = as_list(module(x))
    total = sum((o * torch.linspace(0.5, 1.5, o.numel()).reshape(o.shape)).sum() for o in outputs)
    if not total.requires_grad:
        record["without gradient"] = "all of them"
        return
    total.backward()
    without = [n for n, p in module.named_parameters() if p.requires_grad and p.grad is None]
    record["without gradient"] = ", ".join(without) or "none"
    seen = torch.zeros_like(x) if x.grad is None else x.grad
    record["influence"] = seen.ne(0).any(0).double().mean().item()


def reach(module: nn.Module, x: torch.Tensor, goal: float) -> list[float]:
    """How far training pulls each output's mean towards `goal` (it may stop once on its way).

    Steps along the gradient's sign: as Adam takes at first, and cheap.
    """
    module = copy.deepcopy(module).train()
    trainable = [p for p in module.parameters() if p.requires_grad]
    direction = math.copysign(1.0, goal)
    farthest = [-math.inf] * len(as_list(module(x)))
    for _ in range(25):
        means = [direction * o.mean() for o in as_list(module(x))]
        farthest = [max(f, m.item()) for f, m in zip(farthest, means, strict=True)]
        if min(farthest) > abs(goal) or not any(m.requires_grad for m in means):
            break
        gradients = torch.autograd.grad(sum(means), trainable, allow_unused=True)
        with torch.no_grad():
            for parameter, gradient in zip(trainable, gradients, strict=True):
                if gradient is not None:
                    parameter.add_(gradient.sign(), alpha=0.1)
    return [direction * f for f in farthest]


def module_facts(inputs, outputs):  # type: ignore[no-untyped-def]
    """What must hold of any right module, the most basic first."""
    names, what = inputs["names"], outputs
    facts = {"what the class builds": what["kind"], "what forward returns": what["returned"]}
    for batch in ("shapes", "single"):
        size = "" if batch == "shapes" else " for a batch of one"
        for name, text in zip(names, what[batch] or (), strict=False):
            facts[f"the shape of {name}{size}"] = text
    if what["outputs"] is None:
        return facts
    facts["there are parameters to learn"] = bool(what["parameters"])
    finite = [bool(o.isfinite().all()) for o in what["outputs"]]
    facts["every output is finite"] = all(finite)
    facts["two calls with the same input agree"] = agree(what["outputs"], what["again"])
    facts["each example is treated on its own"] = agree(what["outputs"], what["separately"])
    facts["a copy loaded from the state_dict does the same"] = what["copied"] is not None and agree(
        what["outputs"], what["copied"]
    )
    facts["hidden_dim decides about the width"] = what["wider"] > what["parameters"]
    facts["parameters without a gradient"] = what["without gradient"]
    facts[inputs["influence"]] = (what["influence"] or 0.0) > inputs["share"]
    for name, output in zip(names, what["outputs"], strict=True):
        facts[f"{name} depends on the input"] = bool(output.std(0).max() > 1e-6)
    facts["the network is more than one linear map"] = bends(what)
    if len(names) == 2:
        facts[f"{names[0]} and {names[1]} differ"] = not agree(*([o] for o in what["outputs"]))
    for name, low, high in zip(names, what["lowest"] or (), what["highest"] or (), strict=False):
        facts[f"the range of {name}"] = name_range(low, high)
    return facts


def agree(one: list, other: list) -> bool:
    return all(torch.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(one, other, strict=True))


def bends(what: dict) -> bool:
    """Whether the value halfway between two inputs is not the mean of their values."""
    pairs = zip(what["middle"], what["ends"], what["outputs"], strict=True)
    return any((middle - mean).abs().max() > 1e-3 * o.std() for middle, mean, o in pairs)


def name_range(low: float, high: float) -> str:
    if low < -BOUND and high > BOUND:
        return "unbounded"
    if low > -1e-3:
        return "never negative" if high > BOUND else "between 0 and 1"
    return "between -1 and 1" if low > -BOUND and high < BOUND else "bounded on one side"


def encoder_cases(generator: torch.Generator) -> list[Case]:
    def case(batch: int, image_size: int, hidden_dim: int, latent_dim: int) -> Case:
        return Case(
            {
                "sizes": [image_size, hidden_dim, latent_dim],
                "x": binary_images(generator, batch, 1, image_size, image_size),
                "probes": binary_images(generator, 60, 1, image_size, image_size),
                "names": ["mean", "log_var"],
                "shapes": [[latent_dim], [latent_dim]],
                "influence": "the whole image has an influence",
                "share": 0.5,
                "seed": int(torch.randint(1 << 30, (), generator=generator)),
            },
            f"Encoder({image_size}, {hidden_dim}, {latent_dim}), a batch of {batch}",
        )

    return [case(6, 28, 16, 3), case(5, 12, 10, 2)]


class SomeEncoder(nn.Module):
    """A right encoder whose parts a mistake can replace."""

    activation: type = nn.Tanh

    def __init__(self, image_size: int, hidden_dim: int, latent_dim: int):
        super().__init__()
        first = nn.Linear(image_size**2, hidden_dim)
        self.body = nn.Sequential(nn.Flatten(), first, self.activation())
        self.heads = nn.Linear(hidden_dim, 2 * latent_dim)

    def forward(self, images):  # type: ignore[no-untyped-def]
        return self.finish(*self.heads(self.body(images)).chunk(2, 1))

    def finish(self, mean, log_var):  # type: ignore[no-untyped-def]
        return mean, log_var


class UnflattenedEncoder(SomeEncoder):
    def __init__(self, image_size: int, hidden_dim: int, latent_dim: int):
        super().__init__(1, hidden_dim, latent_dim)
        self.body = nn.Sequential(nn.Linear(image_size, hidden_dim), nn.Tanh())

    def forward(self, images):  # type: ignore[no-untyped-def]
        return self.heads(self.body(images)).chunk(2, -1)


class BatchMixingEncoder(SomeEncoder):
    def __init__(self, image_size: int, hidden_dim: int, latent_dim: int):
        super().__init__(1, hidden_dim, latent_dim)
        self.body = nn.Sequential(nn.Linear(image_size, hidden_dim), nn.Tanh())
        self.size = image_size

    def forward(self, images):  # type: ignore[no-untyped-def]
        return self.heads(self.body(images.reshape(-1, self.size))).chunk(2, -1)


class ListEncoder(nn.Module):
    def __init__(self, image_size: int, hidden_dim: int, latent_dim: int):
        super().__init__()
        self.layers = [SomeEncoder(image_size, hidden_dim, latent_dim)]

    def forward(self, images):  # type: ignore[no-untyped-def]
        return self.layers[0](images)


class RebuildingEncoder(nn.Module):
    def __init__(self, image_size: int, hidden_dim: int, latent_dim: int):
        super().__init__()
        self.sizes = image_size, hidden_dim, latent_dim

    def forward(self, images):  # type: ignore[no-untyped-def]
        return SomeEncoder(*self.sizes)(images)


class ConstantVarianceEncoder(SomeEncoder):
    def __init__(self, image_size: int, hidden_dim: int, latent_dim: int):
        super().__init__(image_size, hidden_dim, latent_dim)
        self.log_var = nn.Parameter(torch.zeros(latent_dim))

    def finish(self, mean, log_var):  # type: ignore[no-untyped-def]
        return mean, self.log_var.expand_as(mean) + 0 * log_var


def with_sizes(base: type, change):  # type: ignore[no-untyped-def]
    """A mistake about the constructor's numbers."""

    def init(self, *sizes):  # type: ignore[no-untyped-def]
        base.__init__(self, *change(*sizes))

    return variant(base, __init__=init)


NOT_REGISTERED = (
    "The layers lie in a plain Python list, where PyTorch does not find them: parameters() is "
    "empty, and an optimizer would have nothing to train. Assign each layer to self, or use "
    "nn.Sequential or nn.ModuleList."
)
REBUILT = (
    "Layers are created inside forward, with new random weights on every call, so that nothing "
    "can be learned. Create them in __init__ and only use them in forward."
)
NO_ACTIVATION = (
    "Between the linear layers nothing bends: two linear maps in a row are one linear map. Put an "
    "activation such as ReLU between them."
)
WIDTH_IGNORED = (
    "hidden_dim is not used: the width of the hidden layer is written as a fixed number somewhere."
)

encoder = Exercise(
    name="vae.Encoder",
    signature="(image_size, hidden_dim, latent_dim)",
    oracle=SomeEncoder,
    cases=encoder_cases,
    call=examine,
    facts=module_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "one_output",
            variant(SomeEncoder, finish=lambda self, mean, log_var: mean),
            "Only one tensor comes back. The encoder describes a Gaussian for each image: return "
            "its mean and its log-variance, in this order.",
        ),
        Misconception(
            "not_flattened",
            UnflattenedEncoder,
            "The image was never flattened: a linear layer acts on the last axis, so each row of "
            "pixels got a code of its own. Flatten everything but the batch first.",
        ),
        Misconception(
            "rows_as_batch",
            BatchMixingEncoder,
            "The reshape turned rows of pixels into more examples. Keep the batch axis and flatten "
            "only what follows it.",
        ),
        Misconception(
            "fixed_image_size",
            with_sizes(SomeEncoder, lambda n, h, z: (28, h, z)),
            "It works at 28 × 28 only: 784 (or 28) is written somewhere as a number. Compute it "
            "from image_size.",
        ),
        Misconception(
            "fixed_width",
            with_sizes(SomeEncoder, lambda n, h, z: (n, 20, z)),
            WIDTH_IGNORED,
        ),
        Misconception("no_activation", variant(SomeEncoder, activation=nn.Identity), NO_ACTIVATION),
        Misconception(
            "both_rectified",
            variant(SomeEncoder, finish=lambda self, mean, log_var: (mean.relu(), log_var.relu())),
            "An activation follows the last layers, so mean and log_var are never negative. Both "
            "must be able to take any value: no activation after them.",
        ),
        Misconception(
            "variance_returned",
            variant(SomeEncoder, finish=lambda self, mean, log_var: (mean, log_var.exp())),
            "The second output is never negative, as a variance or a standard deviation (exp, "
            "softplus, ReLU). A log-variance is wanted: the plain output of a linear layer.",
        ),
        Misconception(
            "mean_rectified",
            variant(SomeEncoder, finish=lambda self, mean, log_var: (mean.relu(), log_var)),
            "The mean is never negative: an activation follows its layer. Half of the latent space "
            "stays empty that way.",
        ),
        Misconception(
            "mean_squashed",
            variant(SomeEncoder, finish=lambda self, mean, log_var: (mean.tanh(), log_var)),
            "The mean cannot leave [-1, 1]: a tanh follows it. The prior reaches to ±3, and the "
            "codes should be able to fill it.",
        ),
        Misconception(
            "one_head",
            variant(SomeEncoder, finish=lambda self, mean, log_var: (mean, mean)),
            "mean and log_var are the same numbers. Each needs weights of its own, in a second "
            "layer or in the second half of one that is twice as wide.",
        ),
        Misconception(
            "split_along_batch",
            variant(SomeEncoder, forward=lambda self, x: tuple(self.heads(self.body(x)).chunk(2))),
            "The output was split along the batch, so one half of the images gave the means and "
            "the other the log-variances. chunk takes the axis as its second argument.",
        ),
        Misconception(
            "samples",
            variant(
                SomeEncoder,
                finish=lambda self, mean, log_var: (
                    mean + (log_var / 2).exp() * torch.randn_like(mean),
                    log_var,
                ),
            ),
            "The encoder draws a code itself, so two calls differ. It should return the "
            "distribution's two parameters; the training step draws from it.",
        ),
        Misconception(
            "one_variance_for_all",
            ConstantVarianceEncoder,
            "log_var is the same for every image. Compute it from the image as well: some digits "
            "are easier to place than others.",
        ),
        Misconception(
            "squeezed",
            variant(
                SomeEncoder,
                finish=lambda self, mean, log_var: (mean.squeeze(), log_var.squeeze()),
            ),
            "squeeze() without an axis also removes the batch axis where the batch has one image.",
        ),
        Misconception("plain_list", ListEncoder, NOT_REGISTERED),
        Misconception("layers_in_forward", RebuildingEncoder, REBUILT),
    ),
    hints=(
        "Images come as (B, 1, n, n), and a linear layer works on the last axis. What has to "
        "happen first, and how many numbers are then in a row?",
        "One hidden layer with an activation, then two linear layers side by side on the same "
        "hidden values: one for the mean, one for the log-variance.",
        "In __init__: image_size² to hidden_dim, hidden_dim to latent_dim, and once more the "
        "latter. In forward: flatten from axis 1, hidden layer, ReLU, both heads, nothing after "
        "them.",
    ),
)


def decoder_cases(generator: torch.Generator) -> list[Case]:
    def case(batch: int, latent_dim: int, hidden_dim: int, image_size: int) -> Case:
        return Case(
            {
                "sizes": [latent_dim, hidden_dim, image_size],
                "x": 3 * torch.randn(batch, latent_dim, generator=generator),
                "probes": 3 * torch.randn(60, latent_dim, generator=generator),
                "names": ["logits"],
                "shapes": [[1, image_size, image_size]],
                "influence": "every latent has an influence",
                "share": 0.999,
                "seed": int(torch.randint(1 << 30, (), generator=generator)),
            },
            f"Decoder({latent_dim}, {hidden_dim}, {image_size}), a batch of {batch}",
        )

    return [case(6, 3, 16, 28), case(5, 2, 10, 12)]


class SomeDecoder(nn.Module):
    """A right decoder whose parts a mistake can replace."""

    activation: type = nn.Tanh

    def __init__(self, latent_dim: int, hidden_dim: int, image_size: int):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(latent_dim, hidden_dim), self.activation())
        self.head = nn.Linear(hidden_dim, image_size**2)
        self.size = image_size

    def forward(self, z):  # type: ignore[no-untyped-def]
        return self.finish(self.head(self.body(z)).unflatten(1, (1, self.size, self.size)))

    def finish(self, logits):  # type: ignore[no-untyped-def]
        return logits


class ListDecoder(nn.Module):
    def __init__(self, latent_dim: int, hidden_dim: int, image_size: int):
        super().__init__()
        self.layers = [SomeDecoder(latent_dim, hidden_dim, image_size)]

    def forward(self, z):  # type: ignore[no-untyped-def]
        return self.layers[0](z)


class RebuildingDecoder(nn.Module):
    def __init__(self, latent_dim: int, hidden_dim: int, image_size: int):
        super().__init__()
        self.sizes = latent_dim, hidden_dim, image_size

    def forward(self, z):  # type: ignore[no-untyped-def]
        return SomeDecoder(*self.sizes)(z)


def after(finish) -> type:  # type: ignore[no-untyped-def]
    return variant(SomeDecoder, finish=lambda self, logits: finish(logits))


decoder = Exercise(
    name="vae.Decoder",
    signature="(latent_dim, hidden_dim, image_size)",
    oracle=SomeDecoder,
    cases=decoder_cases,
    call=examine,
    facts=module_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "sigmoid_output",
            after(torch.sigmoid),
            "A sigmoid follows the last layer, so these are probabilities. The decoder gives "
            "logits; the log-likelihood applies the sigmoid itself, and a second one would keep "
            "every pixel gray.",
        ),
        Misconception(
            "tanh_output",
            after(torch.tanh),
            "A tanh follows the last layer (GANs do that, with images in [-1, 1]). Logits have no "
            "bounds: with tanh no pixel could be surer than 73 %.",
        ),
        Misconception(
            "rectified_output",
            after(torch.relu),
            "An activation follows the last layer, so no logit is negative and no pixel can be "
            "darker than one half. Nothing comes after the last layer.",
        ),
        Misconception(
            "flat_output",
            after(lambda logits: logits.flatten(1)),
            "The logits are still in one row. Give them the shape of images: (B, 1, n, n).",
        ),
        Misconception(
            "channel_missing",
            after(lambda logits: logits.squeeze(1)),
            "The channel axis is missing. Without it, (B, n, n) against (B, 1, n, n) broadcasts "
            "silently to (B, B, n, n), and the loss is computed between different images.",
        ),
        Misconception(
            "channel_last",
            after(lambda logits: logits.movedim(1, -1)),
            "The channel stands last, as in TensorFlow. PyTorch wants it second: (B, 1, n, n).",
        ),
        Misconception(
            "batch_as_channels",
            after(lambda logits: logits.movedim(1, 0)),
            "The reshape put the batch where the channels belong.",
        ),
        Misconception(
            "squeezed",
            after(torch.squeeze),
            "squeeze() removes every axis of length 1: the channel, and the batch where it has one "
            "image.",
        ),
        Misconception(
            "fixed_image_size",
            with_sizes(SomeDecoder, lambda z, h, n: (z, h, 28)),
            "The images are 28 × 28 whatever image_size says: 784 or 28 is written somewhere as a "
            "number.",
        ),
        Misconception(
            "fixed_width",
            with_sizes(SomeDecoder, lambda z, h, n: (z, 20, n)),
            WIDTH_IGNORED,
        ),
        Misconception("no_activation", variant(SomeDecoder, activation=nn.Identity), NO_ACTIVATION),
        Misconception(
            "noisy_output",
            after(lambda logits: logits + torch.randn_like(logits)),
            "Two calls with the same z differ: the decoder draws random numbers. It should only "
            "give the logits; whoever wants 0/1 pixels draws them afterwards.",
        ),
        Misconception("plain_list", ListDecoder, NOT_REGISTERED),
        Misconception("layers_in_forward", RebuildingDecoder, REBUILT),
    ),
    hints=(
        "The encoder's way back: from latent_dim numbers to image_size² numbers, and then into "
        "the shape of an image. What stands between the two linear layers, and what after them?",
        "latent_dim to hidden_dim, an activation, hidden_dim to image_size². The last layer's "
        "output is the logits as they are.",
        "For the shape (B, 1, n, n) use .reshape(-1, 1, n, n), .unflatten or nn.Unflatten; "
        "remember n in __init__.",
    ),
)

# ------------------------------------------------------------------------- negative_elbo


def elbo_cases(generator: torch.Generator) -> list[Case]:
    def inputs(batch: int, height: int, width: int, latents: int) -> dict:
        shape = (batch, 1, height, width)

        def normal(*size: int) -> torch.Tensor:
            return torch.randn(size, generator=generator, dtype=torch.float64)

        return {
            "logits": 2 * normal(*shape) + 0.3,
            "images": binary_images(generator, *shape).double(),
            "mean": 1.3 * normal(batch, latents) + 0.4,
            "log_var": normal(batch, latents) - 0.5,
        }

    differentiable = ("logits", "mean", "log_var")
    sure = {n: v.float() for n, v in inputs(2, 3, 4, 3).items()}
    sure = {**sure, "logits": 200 * (2 * sure["images"] - 1).roll(1, -1)}
    return [
        Case(inputs(3, 4, 5, 2), gradients=differentiable),
        Case(inputs(1, 3, 6, 4), "a batch of one"),
        Case({n: v.float() for n, v in inputs(4, 5, 3, 3).items()}, "in float32"),
        Case(sure, "logits of ±200, float32", extreme=True, gradients=differentiable),
    ]


def elbo_terms(logits, images, mean, log_var):  # type: ignore[no-untyped-def]
    q = Independent(Normal(mean, (log_var / 2).exp()), 1)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    return likelihood(logits, images), kl_divergence(q, prior)


def elbo_with(loss=lambda ll, kl: (kl - ll).mean(), ll=lambda v: v, kl=lambda v: v):  # type: ignore[no-untyped-def]
    """negative_elbo with a mistake in one of its three results (the terms enter the loss)."""

    def answer(logits, images, mean, log_var):  # type: ignore[no-untyped-def]
        log_likelihood, divergence = elbo_terms(logits, images, mean, log_var)
        log_likelihood, divergence = ll(log_likelihood), kl(divergence)
        return loss(log_likelihood, divergence), log_likelihood, divergence

    return answer


def pixels_averaged(in_loss_only: bool):  # type: ignore[no-untyped-def]
    def answer(logits, images, mean, log_var):  # type: ignore[no-untyped-def]
        ll, kl = elbo_terms(logits, images, mean, log_var)
        small = ll / images[0].numel()
        return (kl - small).mean(), ll if in_loss_only else small, kl

    return answer


def all_per_pixel(logits, images, mean, log_var):  # type: ignore[no-untyped-def]
    ll, kl = elbo_terms(logits, images, mean, log_var)
    return (kl - ll).mean() / images[0].numel(), ll, kl


def latents_averaged(logits, images, mean, log_var):  # type: ignore[no-untyped-def]
    ll, kl = elbo_terms(logits, images, mean, log_var)
    kl = kl / mean.shape[1]
    return (kl - ll).mean(), ll, kl


def as_std(logits, images, mean, log_var):  # type: ignore[no-untyped-def]
    return elbo_with()(logits, images, mean, 2 * log_var)


def double_sigmoid(logits, images, mean, log_var):  # type: ignore[no-untyped-def]
    return elbo_with()(logits.sigmoid(), images, mean, log_var)


negative_elbo = Exercise(
    name="vae.negative_elbo",
    signature="(logits, images, mean, log_var)",
    unit="nats",
    outputs=("loss", "log_likelihood", "kl"),
    oracle=elbo_with(),
    cases=elbo_cases,
    misconceptions=(
        Misconception(
            "elbo_itself",
            elbo_with(loss=lambda ll, kl: (ll - kl).mean()),
            "This is the ELBO, and an optimizer that minimizes it makes everything worse: "
            "reconstructions turn into negatives and the variance explodes. The loss is its "
            "negative.",
        ),
        Misconception(
            "likelihood_minimized",
            elbo_with(loss=lambda ll, kl: (ll + kl).mean()),
            "The loss adds the log-likelihood, so minimizing it makes the images improbable. The "
            "log-likelihood enters with a minus, the KL with a plus.",
        ),
        Misconception(
            "kl_subtracted",
            elbo_with(loss=lambda ll, kl: (-ll - kl).mean()),
            "The KL term has the wrong sign: this loss rewards a posterior for leaving the prior. "
            "It is a price, so in a loss it comes with a plus.",
        ),
        Misconception(
            "reconstruction_loss_returned",
            elbo_with(loss=lambda ll, kl: (kl + ll).mean(), ll=lambda v: -v),
            "The second result is the reconstruction loss. log_likelihood is wanted: the negative "
            "of it, a number below 0.",
        ),
        Misconception(
            "pixels_averaged",
            pixels_averaged(in_loss_only=False),
            "The pixels were averaged while the KL is a sum: the likelihood weighs too little by "
            "the number of pixels, and the posterior collapses onto the prior. Add the pixels.",
        ),
        Misconception(
            "pixels_averaged_in_loss",
            pixels_averaged(in_loss_only=True),
            "In the loss the log-likelihood was divided by the number of pixels and the KL was "
            "not. Then the KL dominates and the posterior collapses onto the prior.",
        ),
        Misconception(
            "everything_per_pixel",
            all_per_pixel,
            "The loss was divided by the number of pixels. Nats per image are wanted: the mean "
            "over the batch is the only average.",
        ),
        Misconception(
            "batch_summed",
            elbo_with(loss=lambda ll, kl: (kl - ll).sum()),
            "The loss adds the images of the batch, so it changes with the batch size. Average "
            "over the batch: nats per image.",
        ),
        Misconception(
            "not_reduced",
            elbo_with(loss=lambda ll, kl: kl - ll),
            "The loss still has one value for each image. It is their mean, a scalar; only the two "
            "terms keep the shape (B,).",
        ),
        Misconception(
            "terms_reduced",
            elbo_with(ll=lambda v: v.mean(), kl=lambda v: v.mean()),
            "The two terms were averaged over the batch. Return them as (B,), one value for each "
            "image, and average in the loss alone.",
        ),
        Misconception(
            "terms_swapped",
            lambda *a: ((r := elbo_with()(*a))[0], r[2], r[1]),
            "The two terms changed places: loss, log_likelihood, kl is the order.",
        ),
        Misconception(
            "latents_averaged",
            latents_averaged,
            "The KL was averaged over the latents. They are independent, so their divergences add.",
        ),
        Misconception(
            "likelihood_counted_twice",
            elbo_with(loss=lambda ll, kl: (kl - 2 * ll).mean()),
            "The log-likelihood counts twice, which makes the KL weigh one half: the posterior "
            "becomes surer than it may be, and the result is no bound.",
        ),
        Misconception(
            "half_forgotten",
            elbo_with(kl=lambda v: 2 * v),
            "The KL is twice too large: it carries a factor 1/2 in front.",
        ),
        Misconception(
            "half_twice",
            elbo_with(kl=lambda v: v / 2),
            "The KL is half of what it should be; kl_to_standard_normal has the 1/2 inside.",
        ),
        Misconception(
            "kl_sign",
            elbo_with(kl=lambda v: -v, loss=lambda ll, kl: -(ll + kl).mean()),
            "kl has the wrong sign: a divergence is never negative.",
        ),
        Misconception(
            "kl_forgotten",
            elbo_with(loss=lambda ll, kl: -ll.mean()),
            "The KL is missing from the loss: without it this is a noisy autoencoder, and what it "
            "decodes from the prior means nothing.",
        ),
        Misconception(
            "log_var_read_as_log_std",
            as_std,
            "log_var was read as the logarithm of the standard deviation. exp(log_var) is the "
            "variance already.",
        ),
        Misconception(
            "sigmoid_twice",
            double_sigmoid,
            "The logits went through a sigmoid before a function that applies it itself.",
        ),
    ),
    hints=(
        "ELBO = expected log-likelihood minus KL. Which sign does each have in a loss?",
        "You have both terms already: bernoulli_log_likelihood of this lesson and "
        "kl_to_standard_normal from course_lib.probability, each (B,).",
        "The only average is the last step, over the batch. Return three things: that scalar, and "
        "the two terms as they were before it.",
    ),
)

# ---------------------------------------------------------------------------- train_step


class TinyEncoder(nn.Module):
    """Linear heads with the given weights, (2 Z, D + 1): the last column is the bias."""

    def __init__(self, weight: torch.Tensor):
        super().__init__()
        self.weight = nn.Parameter(weight.clone())

    def forward(self, images):  # type: ignore[no-untyped-def]
        return F.linear(images.flatten(1), self.weight[:, :-1], self.weight[:, -1]).chunk(2, 1)


class TinyDecoder(nn.Module):
    """Logits with the given weights, (H W, Z + 1), and the codes that it was called with."""

    def __init__(self, weight: torch.Tensor, height: int, width: int):
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.shape = (1, height, width)
        self.seen: list[torch.Tensor] = []

    def forward(self, z):  # type: ignore[no-untyped-def]
        self.seen.append(z.detach().cpu().clone())
        flat = F.linear(torch.tanh(z) + z / 4, self.weight[:, :-1], self.weight[:, -1])
        return flat.unflatten(1, self.shape)


def step_cases(generator: torch.Generator) -> list[Case]:
    def case(optimizer: str, batch: int, height: int, width: int, latents: int) -> Case:
        def normal(*size: int) -> torch.Tensor:
            return torch.randn(size, generator=generator, dtype=torch.float64)

        pixels = height * width
        first, second = (binary_images(generator, batch, 1, height, width) for _ in range(2))
        return Case(
            {
                "optimizer": optimizer,
                "encoder": 0.3 * normal(2 * latents, pixels + 1),
                "decoder": 0.6 * normal(pixels, latents + 1),
                "images": torch.stack([first, second]).double(),
                "noise": normal(2, batch, latents),
            },
            f"two steps with {optimizer}",
        )

    return [case("SGD with momentum", 5, 3, 4, 2), case("Adam", 4, 4, 3, 3)]


def take_two_steps(answer, inputs):  # type: ignore[no-untyped-def]
    """Two updates from given weights, each with its own batch; every weight noted after each."""
    _, _, _, height, width = inputs["images"].shape
    encoder = TinyEncoder(inputs["encoder"])
    decoder = TinyDecoder(inputs["decoder"], height, width)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    if inputs["optimizer"] == "Adam":
        optimizer = torch.optim.Adam(parameters, lr=0.02)
    else:
        optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9)
    record = {}
    for turn, images, noise in zip(
        ("first", "second"), inputs["images"], inputs["noise"], strict=True
    ):
        loss = answer(encoder, decoder, optimizer, images, noise)
        single = isinstance(loss, torch.Tensor) and loss.numel() == 1
        record[f"{turn} loss"] = loss.item() if single else loss
        record[f"{turn} encoder"] = encoder.weight.detach().clone()
        record[f"{turn} decoder"] = decoder.weight.detach().clone()
        record[f"{turn} modes"] = [encoder.training, decoder.training]
    return record


def step_facts(inputs, outputs):  # type: ignore[no-untyped-def]
    loss = outputs["first loss"]
    is_number = isinstance(loss, float | int) and not isinstance(loss, bool)
    facts = {"what train_step returns": "one number" if is_number else describe_plain(loss)}
    for network in ("encoder", "decoder"):
        moved = not torch.equal(outputs[f"first {network}"], inputs[network])
        facts[f"the {network} moves"] = moved
    modes = outputs["first modes"] + outputs["second modes"]
    facts["both networks stay in training mode"] = all(modes)
    for turn in ("first", "second"):
        loss = outputs[f"{turn} loss"] if is_number else math.nan
        facts[f"the loss of the {turn} step, in nats"] = torch.tensor(loss, dtype=torch.float64)
        for network in ("encoder", "decoder"):
            facts[f"the {network}'s weights after the {turn} step"] = outputs[f"{turn} {network}"]
    return facts


def describe_plain(value: object) -> str:
    return f"{len(value)} values" if isinstance(value, list) else describe_type(value)


def reference_step(encoder, decoder, optimizer, images, noise):  # type: ignore[no-untyped-def]
    """By torch.distributions and explicit gradients, as the judge understands one update."""
    mean, log_var = encoder(images)
    q = Independent(Normal(mean, torch.exp(0.5 * log_var)), 1)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    z = q.base_dist.loc + q.base_dist.scale * noise
    elbo = likelihood(decoder(z), images) - kl_divergence(q, prior)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    gradients = torch.autograd.grad(-elbo.mean(), parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()
    return -elbo.mean().detach()


def update_once(optimizer, loss):  # type: ignore[no-untyped-def]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def step_with(
    code=lambda mean, log_var, noise: mean + (log_var / 2).exp() * noise,
    loss=lambda ll, kl, images: (kl - ll).mean(),
    decode=lambda decoder, z: decoder(z),
    update=update_once,
    result=lambda loss, ll, kl: loss,
    encode=lambda encoder, images: encoder(images),
):  # type: ignore[no-untyped-def]
    """A training step whose parts a mistake can replace."""

    def answer(encoder, decoder, optimizer, images, noise):  # type: ignore[no-untyped-def]
        mean, log_var = encode(encoder, images)
        logits = decode(decoder, code(mean, log_var, noise))
        ll, kl = elbo_terms(logits, images, mean, log_var)
        total = loss(ll, kl, images)
        update(optimizer, total)
        return result(total, ll, kl)

    return answer


def encode_detached(encoder, images):  # type: ignore[no-untyped-def]
    return [output.detach() for output in encoder(images)]


def left_in_eval_mode(encoder, decoder, optimizer, images, noise):  # type: ignore[no-untyped-def]
    encoder.eval()
    decoder.eval()
    return reference_step(encoder, decoder, optimizer, images, noise)


def re_encoded(encoder, decoder, optimizer, images, noise):  # type: ignore[no-untyped-def]
    """Errata C27: the prior is decoded, encoded, decoded; the image is only compared with."""
    mean, log_var = encoder(decoder(noise).sigmoid())
    ll, kl = elbo_terms(decoder(mean + (log_var / 2).exp() * noise), images, mean, log_var)
    loss = (kl - ll).mean()
    update_once(optimizer, loss)
    return loss


def step_twice(optimizer, loss):  # type: ignore[no-untyped-def]
    update_once(optimizer, loss)
    optimizer.step()


train_step = Exercise(
    name="vae.train_step",
    signature="(encoder, decoder, optimizer, images, noise)",
    oracle=reference_step,
    cases=step_cases,
    call=take_two_steps,
    facts=step_facts,
    slow=True,
    misconceptions=(
        Misconception(
            "gradients_not_cleared",
            step_with(update=lambda optimizer, loss: (loss.backward(), optimizer.step())),
            "The first step is right and the second is not: the old gradients were still there, "
            "and backward() adds to them. Clear them in every step.",
        ),
        Misconception(
            "mean_decoded",
            step_with(code=lambda mean, log_var, noise: mean),
            "The noise is not used: the mean was decoded. Then the posterior's width costs nothing "
            "in the likelihood, and the model is an ordinary autoencoder whose space has holes.",
        ),
        Misconception(
            "variance_as_std",
            step_with(code=lambda mean, log_var, noise: mean + log_var.exp() * noise),
            "The noise was multiplied by the variance. It needs the standard deviation, the root "
            "of it: half of log_var in the exponent.",
        ),
        Misconception(
            "log_var_as_std",
            step_with(code=lambda mean, log_var, noise: mean + log_var * noise),
            "The noise was multiplied by log_var itself. The standard deviation is the exponential "
            "of half of it.",
        ),
        Misconception(
            "unscaled_noise",
            step_with(code=lambda mean, log_var, noise: mean + noise),
            "The noise was added as it is, so every posterior has the width of the prior. Scale it "
            "by the standard deviation.",
        ),
        Misconception(
            "noise_decoded",
            step_with(code=lambda mean, log_var, noise: noise),
            "The noise itself was decoded: a sample of the prior, which knows nothing about the "
            "image. Shift it by the mean and scale it by the standard deviation.",
        ),
        Misconception(
            "fresh_noise",
            step_with(
                code=lambda mean, log_var, noise: (
                    mean + (log_var / 2).exp() * torch.randn_like(mean)
                )
            ),
            "New noise was drawn inside. Use the noise that is passed in: who calls decides about "
            "the randomness.",
        ),
        Misconception(
            "nothing_happens",
            step_with(update=lambda optimizer, loss: None),
            "Neither network moved. backward() fills the gradients and optimizer.step() uses them; "
            "clearing them in between would undo the first.",
        ),
        Misconception(
            "encoder_cut_off",
            step_with(encode=encode_detached),
            "No gradient reaches the encoder: something cut the graph between it and the loss "
            "(detach, no_grad, .data, or a sample drawn without reparameterization).",
        ),
        Misconception(
            "code_cut_off",
            step_with(
                code=lambda mean, log_var, noise: (mean + (log_var / 2).exp() * noise).detach()
            ),
            "The encoder learns from the KL alone: the code was cut off from it (detach, no_grad, "
            "or .sample(), which has no gradient). The likelihood must reach it through z.",
        ),
        Misconception(
            "decoder_cut_off",
            step_with(decode=lambda decoder, z: decoder(z).detach()),
            "The decoder did not move: its logits were cut off from the loss, so that only the KL "
            "is trained.",
        ),
        Misconception(
            "ascent",
            step_with(update=lambda optimizer, loss: update_once(optimizer, -loss)),
            "The loss goes up: the update follows the ELBO's negative in the wrong direction. An "
            "optimizer subtracts the gradient of what you call backward() on.",
        ),
        Misconception(
            "elbo_minimized",
            step_with(loss=lambda ll, kl, images: (ll - kl).mean()),
            "The ELBO itself was minimized, and the returned number is the ELBO. Minimize its "
            "negative.",
        ),
        Misconception(
            "kl_forgotten",
            step_with(loss=lambda ll, kl, images: -ll.mean()),
            "The KL term is not part of the loss.",
        ),
        Misconception(
            "pixels_averaged",
            step_with(loss=lambda ll, kl, images: (kl - ll / images[0].numel()).mean()),
            "The likelihood is a mean over pixels and the KL a sum over latents: the KL dominates "
            "and the posterior collapses.",
        ),
        Misconception(
            "batch_summed",
            step_with(loss=lambda ll, kl, images: (kl - ll).sum()),
            "The loss adds the images of the batch: its gradient, and with it the step, grows with "
            "the batch size. Average over the batch.",
        ),
        Misconception(
            "sigmoid_twice",
            step_with(decode=lambda decoder, z: decoder(z).sigmoid()),
            "A sigmoid was applied to the logits before the loss, which applies it itself.",
        ),
        Misconception(
            "re_encoded",
            re_encoded,
            "The images never enter the encoder: a sample of the prior was decoded, encoded, and "
            "decoded again. Encode the images.",
        ),
        Misconception(
            "stepped_twice",
            step_with(update=step_twice),
            "The optimizer took two steps in one call.",
        ),
        Misconception(
            "left_in_eval_mode",
            left_in_eval_mode,
            "The networks came back in evaluation mode. A training step leaves the mode as it was.",
        ),
        Misconception(
            "terms_returned",
            step_with(result=lambda loss, ll, kl: (loss, ll, kl)),
            "Three things came back; train_step returns the loss alone.",
        ),
    ),
    hints=(
        "In which order: encode, draw a code, decode, loss, and then the three lines that every "
        "training step ends with?",
        "A draw of the posterior is mean + std · noise, with std from log_var. negative_elbo gives "
        "the loss as the first of its three results.",
        "std = exp(log_var / 2). Then optimizer.zero_grad(), backward() on the loss, "
        "optimizer.step(), and return the loss.",
    ),
)


# -------------------------------------------------------------------------- sample_prior


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


def call_sample_prior(answer, inputs):  # type: ignore[no-untyped-def]
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


def prior_facts(inputs, outputs):  # type: ignore[no-untyped-def]
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


def prior_by_distribution(decoder, count, latent_dim, generator):  # type: ignore[no-untyped-def]
    noise = torch.empty(count, latent_dim).normal_(generator=generator)
    return Bernoulli(logits=decoder(noise).detach()).mean


def prior_with(
    codes=lambda count, latent_dim, generator: torch.randn(count, latent_dim, generator=generator),
    finish=torch.sigmoid,
):  # type: ignore[no-untyped-def]
    @torch.no_grad()
    def answer(decoder, count, latent_dim, generator):  # type: ignore[no-untyped-def]
        return finish(decoder(codes(count, latent_dim, generator)))

    return answer


def keeps_graph(decoder, count, latent_dim, generator):  # type: ignore[no-untyped-def]
    return decoder(torch.randn(count, latent_dim, generator=generator)).sigmoid()


def leaves_eval_mode(decoder, count, latent_dim, generator):  # type: ignore[no-untyped-def]
    decoder.eval()
    return prior_by_distribution(decoder, count, latent_dim, generator)


sample_prior = Exercise(
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
            "These are logits, below 0 and above 1. The sigmoid turns them into probabilities.",
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
            "The result still carries the graph for backward(), which costs memory for nothing "
            "when only looking. Decode under torch.no_grad().",
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

# --------------------------------------------------------------------------- latent_grid


def grid_cases(generator: torch.Generator) -> list[Case]:
    def case(side: int, low: float, high: float, height: int, width: int) -> Case:
        weight = torch.randn(height * width, 3, generator=generator)
        inputs = {"decoder": weight, "size": [height, width]}
        return Case(
            {**inputs, "side": side, "low": low, "high": high}, f"side {side}, {low} to {high}"
        )

    return [case(4, 0.05, 0.9, 3, 2), case(3, 0.2, 0.99, 2, 4)]


def call_latent_grid(answer, inputs):  # type: ignore[no-untyped-def]
    decoder = TinyDecoder(inputs["decoder"], *inputs["size"])
    value = answer(decoder, inputs["side"], inputs["low"], inputs["high"])
    graph = isinstance(value, torch.Tensor) and value.requires_grad
    return {"value": value, "graph": graph}


def grid_facts(inputs, outputs):  # type: ignore[no-untyped-def]
    free = "the result is free of the graph (no_grad)"
    return {"value": outputs["value"], free: not outputs["graph"]}


def grid_by_loop(decoder, side, low, high):  # type: ignore[no-untyped-def]
    shares = [low + (high - low) * i / (side - 1) for i in range(side)]
    quantiles = [NormalDist().inv_cdf(share) for share in shares]
    codes = [(across, down) for down in quantiles for across in quantiles]
    with torch.no_grad():
        return torch.cat([Bernoulli(logits=decoder(torch.tensor([z]))).mean for z in codes])


def grid_with(
    line=lambda side, low, high: Normal(0.0, 1.0).icdf(torch.linspace(low, high, side)),
    order=lambda across, down: (across, down),
    finish=lambda logits, side: logits.sigmoid(),
    indexing="xy",
):  # type: ignore[no-untyped-def]
    @torch.no_grad()
    def answer(decoder, side, low, high):  # type: ignore[no-untyped-def]
        values = line(side, low, high)
        pair = order(*torch.meshgrid(values, values, indexing=indexing))
        return finish(decoder(torch.stack([p.flatten() for p in pair], 1)), side)

    return answer


def one_picture(logits: torch.Tensor, side: int) -> torch.Tensor:
    rows = logits.sigmoid().unflatten(0, (side, side))
    return rows.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)[None]


def grid_keeps_graph(decoder, side, low, high):  # type: ignore[no-untyped-def]
    values = Normal(0.0, 1.0).icdf(torch.linspace(low, high, side))
    codes = torch.cartesian_prod(values, values).flip(1)
    return decoder(codes).sigmoid()


latent_grid = Exercise(
    name="vae.latent_grid",
    signature="(decoder, side, low, high)",
    oracle=grid_by_loop,
    cases=grid_cases,
    call=call_latent_grid,
    facts=grid_facts,
    slow=True,
    misconceptions=(
        Misconception(
            "axes_swapped",
            grid_with(indexing="ij"),
            "Rows and columns changed places: the first latent should grow from left to right, "
            "the second from top to bottom. meshgrid's indexing and the order in which you stack "
            "decide.",
        ),
        Misconception(
            "second_upwards",
            grid_with(order=lambda across, down: (across, down.flip(0))),
            "The second latent grows upwards, as in a plot. Here it should grow downwards, as the "
            "rows of an image are counted.",
        ),
        Misconception(
            "even_in_z",
            grid_with(
                line=lambda side, low, high: torch.linspace(
                    *(NormalDist().inv_cdf(share) for share in (low, high)), side
                )
            ),
            "The codes are evenly spaced between the two quantiles. Space the probabilities "
            "evenly and take the quantile of each: then every image stands for the same share of "
            "the prior.",
        ),
        Misconception(
            "probabilities_as_codes",
            grid_with(line=lambda side, low, high: torch.linspace(low, high, side)),
            "low and high are probabilities, and they were used as codes. The normal's quantile "
            "function (icdf) turns one into the other.",
        ),
        Misconception(
            "cdf_for_icdf",
            grid_with(
                line=lambda side, low, high: Normal(0.0, 1.0).cdf(torch.linspace(low, high, side))
            ),
            "cdf goes from a code to its probability; the other direction is wanted, icdf.",
        ),
        Misconception(
            "fixed_range",
            grid_with(line=lambda side, low, high: torch.linspace(-3, 3, side)),
            "low and high have no effect: the range is written as a fixed number.",
        ),
        Misconception(
            "logits_returned",
            grid_with(finish=lambda logits, side: logits),
            "These are logits; the sigmoid turns them into probabilities.",
        ),
        Misconception(
            "sigmoid_twice",
            grid_with(finish=lambda logits, side: logits.sigmoid().sigmoid()),
            "The sigmoid was applied twice: everything is gray.",
        ),
        Misconception(
            "rounded",
            grid_with(finish=lambda logits, side: logits.sigmoid().round()),
            "The probabilities were rounded to 0 and 1. Keep them: gray is where the decoder is "
            "unsure.",
        ),
        Misconception(
            "one_picture",
            grid_with(finish=one_picture),
            "The images were joined into one picture. Return side² images; plot_images joins them.",
        ),
        Misconception(
            "diagonal",
            grid_with(order=lambda across, down: (across, across)),
            "Both latents got the same values: the images only walk along a diagonal.",
        ),
        Misconception(
            "keeps_graph",
            grid_keeps_graph,
            "The result still carries the graph for backward(). Decode under torch.no_grad().",
        ),
    ),
    hints=(
        "Start with one axis: side probabilities from low to high, evenly spaced. Which codes have "
        "these probabilities below them under a standard normal?",
        "Normal(0, 1).icdf of that linspace gives the values of one axis. Now pair every value "
        "with every value, in the order in which a page is read.",
        "The first image has both latents smallest; the second image has only the first latent one "
        "step larger. torch.meshgrid with indexing='xy', flattened and stacked, gives that order.",
    ),
)

EXERCISES = [
    bernoulli_log_likelihood,
    encoder,
    decoder,
    negative_elbo,
    train_step,
    sample_prior,
    latent_grid,
]
