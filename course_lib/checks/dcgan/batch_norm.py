"""Check of `batch_norm`. Oracle: torch.nn.functional.batch_norm, on copies of the estimates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal, uniform

Answer = tuple[Tensor, Tensor, Tensor]


def case(
    generator: torch.Generator,
    shape: tuple[int, int, int, int],
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
    dtype: torch.dtype = torch.float64,
    about: str = "",
    extreme: bool = False,
) -> Case:
    channels = shape[1]
    spread = (0.5 + 2 * uniform(generator, channels, dtype=dtype))[:, None, None]
    middle = 3 * normal(generator, channels, dtype=dtype)[:, None, None]
    mode = "training" if training else "eval"
    inputs = {
        "x": middle + spread * normal(generator, *shape, dtype=dtype),
        "weight": 0.5 + uniform(generator, channels, dtype=dtype),
        "bias": 1 + normal(generator, channels, dtype=dtype),
        "running_mean": 2 * normal(generator, channels, dtype=dtype),
        "running_var": 0.5 + 3 * uniform(generator, channels, dtype=dtype),
        "training": training,
        "momentum": momentum,
        "eps": eps,
    }
    text = f"{mode}, x {shape}, momentum {momentum}, eps {eps:g}{about}"
    exact = dtype is torch.float64 and not extreme
    grads = ("x", "weight", "bias") if exact else ()
    return Case(inputs, text, extreme=extreme, gradients=grads)


def cases(generator: torch.Generator) -> list[Case]:
    flat = case(generator, (3, 2, 4, 5), True, about=", one channel constant", extreme=True)
    flat.inputs["x"][:, 1] = 2.5
    return [
        case(generator, (3, 2, 4, 5), training=True),
        case(generator, (3, 2, 4, 5), training=False),
        case(generator, (2, 4, 3, 5), training=True, momentum=0.3, eps=0.5),
        case(generator, (2, 4, 3, 5), training=False, momentum=0.3, eps=0.5),
        case(generator, (1, 3, 2, 4), training=True, about=", one image"),
        case(generator, (1, 3, 2, 4), training=False, about=", one image"),
        case(generator, (4, 2, 3, 5), training=True, dtype=torch.float32, about=", float32"),
        flat,
    ]


def by_library(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    training: bool,
    momentum: float,
    eps: float,
) -> Answer:
    mean, var = running_mean.clone(), running_var.clone()
    return F.batch_norm(x, mean, var, weight, bias, training, momentum, eps), mean, var


def along(channel_values: Tensor) -> Tensor:
    return channel_values[:, None, None]


def built(
    axes: tuple[int, ...] = (0, 2, 3),
    used_correction: int = 0,
    kept_correction: int = 1,
    scale: Callable = lambda var, eps: (var + eps).sqrt(),
    finish: Callable = lambda x, weight, bias: x * along(weight) + along(bias),
    statistics: tuple[Callable, Callable] | None = None,
    moved_first: bool = False,
    kept: Callable = lambda old, new, momentum: (1 - momentum) * old + momentum * new,
    batch_in: Callable = lambda training: training,
    keep_in: Callable = lambda training: training,
    spread: Callable = lambda var: var,
) -> Callable:
    """A batch norm written out, in which any part can be wrong."""

    def answer(x, weight, bias, running_mean, running_var, training, momentum, eps):
        mean = x.mean(axes, keepdim=True)
        used = x.var(axes, correction=used_correction, keepdim=True)
        if statistics:
            mean, used = statistics[0](mean), statistics[1](used)
        new_mean, new_var = running_mean, running_var
        if keep_in(training):
            new_mean = kept(running_mean, x.detach().mean((0, 2, 3)), momentum)
            var = x.detach().var((0, 2, 3), correction=kept_correction)
            new_var = kept(running_var, spread(var), momentum)
        if not batch_in(training):
            mean, used = along(running_mean), along(running_var)
        elif moved_first and training:
            mean, used = along(new_mean), along(new_var)
        return finish((x - mean) / scale(used, eps), weight, bias), new_mean, new_var

    return answer


def changed_in_place(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    training: bool,
    momentum: float,
    eps: float,
) -> Answer:
    out = F.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    return out, running_mean, running_var


def mean_left_in(x: Tensor, *others: Any) -> Answer:
    """Right for images around 0: what they lie around, normalized alike, is added again."""
    weight, _, running_mean, running_var, training, _, eps = others
    normalised, *estimates = by_library(x, *others)
    mean, var = along(running_mean), along(running_var)
    if training:
        mean, var = x.mean((0, 2, 3), True), x.var((0, 2, 3), correction=0, keepdim=True)
    return normalised + along(weight) * mean / (var + eps).sqrt(), *estimates


def pooled(axes: tuple[int, ...]) -> Callable:
    """Statistics over other axes; the estimates move toward their average."""

    def answer(x, weight, bias, running_mean, running_var, training, momentum, eps):
        mean, used = along(running_mean), along(running_var)
        if training:
            mean = x.mean(axes, keepdim=True)
            used = x.var(axes, correction=0, keepdim=True)
            count = x.numel() / used.numel()
            unbiased = used.detach() * (count / (count - 1) if count > 1 else torch.nan)
            kept = unbiased.expand_as(x).mean((0, 2, 3))
            middle = mean.detach().expand_as(x).mean((0, 2, 3))
            running_mean = (1 - momentum) * running_mean + momentum * middle
            running_var = (1 - momentum) * running_var + momentum * kept
        normalised = (x - mean) / (used + eps).sqrt()
        return along(weight) * normalised + along(bias), running_mean, running_var

    return answer


def estimates_in_the_graph(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """The moved estimates normalize, and their gradient reaches x."""
    if training:
        running_mean = (1 - momentum) * running_mean + momentum * x.mean((0, 2, 3))
        running_var = (1 - momentum) * running_var + momentum * x.var((0, 2, 3))
    normalised = (x - along(running_mean)) / (along(running_var) + eps).sqrt()
    return along(weight) * normalised + along(bias), running_mean, running_var


def then(change: Callable) -> Callable:
    return lambda *inputs: change(*by_library(*inputs))


EXERCISE = Exercise(
    name="dcgan.batch_norm",
    signature="(x, weight, bias, running_mean, running_var, training, momentum, eps)",
    oracle=by_library,
    outputs=("normalised", "running_mean", "running_var"),
    graph=("normalised",),
    entry="channel",
    cases=cases,
    misconceptions=(
        Misconception(
            "normalised_alone",
            then(lambda normalised, *_: normalised),
            "One tensor came. Three are wanted: the normalized images and both running estimates, "
            "since nothing may be changed in place.",
        ),
        Misconception(
            "changed_in_place",
            changed_in_place,
            "A running estimate that you were given was changed in place, as F.batch_norm and "
            "nn.BatchNorm2d do. Return new tensors (a clone may be changed).",
        ),
        Misconception(
            "not_along_the_channels",
            built(finish=lambda x, weight, bias: x * weight + bias),
            "weight `(C,)` met x `(B, C, H, W)`, and PyTorch lines up the last axes: C with W. "
            "Give it the shape (C, 1, 1).",
            error="must match the size of tensor b",
            also=(
                lambda x, w, b, m, v, t, mo, e: (x - x.mean((0, 2, 3))) / x.std((0, 2, 3)),
                lambda x, w, b, m, v, t, mo, e: (x - m) / (v + e).sqrt(),
            ),
        ),
        Misconception(
            "biased_running_variance",
            built(kept_correction=0),
            "The running variance took over the biased variance (divided by N). That one "
            "normalizes; the estimate is for images to come, and PyTorch keeps the unbiased one "
            "(divided by N - 1) in it.",
        ),
        Misconception(
            "unbiased_to_normalise",
            built(used_correction=1),
            "The batch was normalized with the unbiased variance (divided by N - 1, which is what "
            "x.var and x.std do unless told otherwise). Divide by N: then the variance of what "
            "comes out is exactly 1 but for eps.",
            also=(built(used_correction=1, kept_correction=0),),
        ),
        Misconception(
            "momentum_of_the_old",
            built(kept=lambda old, new, momentum: momentum * old + (1 - momentum) * new),
            "The momentum weighs the old estimate here, as in Keras and in optimizers. PyTorch's "
            "weighs the new batch: 0.1 means a tenth of the new and nine tenths of the old.",
        ),
        Misconception(
            "momentum_added",
            built(kept=lambda old, new, momentum: old + momentum * new),
            "The new batch was added without making room for it: the weights of old and new must "
            "add up to 1.",
        ),
        Misconception(
            "estimates_replaced",
            built(kept=lambda old, new, momentum: new),
            "The running estimates are those of this batch alone. They are an average over many: "
            "move from the old value toward the new one by a share of `momentum`.",
        ),
        Misconception(
            "standard_deviation_kept",
            built(spread=lambda var: var.sqrt()),
            "The running variance took over standard deviations. It averages variances.",
        ),
        Misconception(
            "estimates_not_moved",
            built(keep_in=lambda training: False),
            "In training the running estimates came back as they went in. They move toward this "
            "batch by a share of `momentum`.",
        ),
        Misconception(
            "variance_not_moved",
            lambda *inputs: (*by_library(*inputs)[:2], inputs[4].clone()),
            "In training the running mean moved and the running variance did not. Both move "
            "toward this batch by a share of `momentum`.",
        ),
        Misconception(
            "estimates_in_another_order",
            then(lambda normalised, mean, var: (normalised, var, mean)),
            "The two estimates changed places: the running mean comes before the running variance.",
        ),
        Misconception(
            "estimates_moved_in_eval",
            built(keep_in=lambda training: True),
            "In eval mode the running estimates moved, too. They are read there, not written: "
            "what the network does must not depend on what it was shown before.",
        ),
        Misconception(
            "batch_statistics_in_eval",
            built(batch_in=lambda training: True),
            "In eval mode the batch's own mean and variance were used. There the running "
            "estimates take their place, so that each image is treated on its own.",
            also=(built(batch_in=lambda training: True, keep_in=lambda training: True),),
        ),
        Misconception(
            "running_statistics_in_training",
            built(batch_in=lambda training: False),
            "In training the running estimates were used to normalize. There the batch's own mean "
            "and variance are used.",
            also=(
                built(moved_first=True),
                built(moved_first=True, kept_correction=0),
                estimates_in_the_graph,
            ),
        ),
        Misconception(
            "modes_swapped",
            built(batch_in=lambda training: not training),
            "Training and eval changed places: batch statistics belong to training, running "
            "estimates to eval.",
            also=(
                built(
                    batch_in=lambda training: not training, keep_in=lambda training: not training
                ),
            ),
        ),
        Misconception(
            "each_image_alone",
            built(axes=(2, 3)),
            "Each image was normalized on its own: that is instance normalization. The mean of a "
            "channel is taken over the batch as well as over height and width.",
            also=(pooled((2, 3)),),
        ),
        Misconception(
            "each_pixel_alone",
            built(axes=(0,)),
            "Each pixel was normalized on its own, over the batch alone. A channel's mean is taken "
            "over the batch, height and width.",
            also=(pooled((0,)),),
        ),
        Misconception(
            "all_channels_together",
            built(axes=(0, 1, 2, 3)),
            "One mean and one variance were taken for all channels together. Each channel has its "
            "own: leave out axis 1.",
            also=(pooled((0, 1, 2, 3)),),
        ),
        Misconception(
            "eps_outside_the_root",
            built(scale=lambda var, eps: var.sqrt() + eps),
            "eps was added behind the root. It stands inside: at a variance of 0, the root's "
            "derivative would be infinite.",
        ),
        Misconception(
            "eps_forgotten",
            built(scale=lambda var, eps: var.sqrt()),
            "eps has no effect. It is added to the variance before the root, so that a channel "
            "which is constant does not divide by 0.",
        ),
        Misconception(
            "divided_by_the_variance",
            built(scale=lambda var, eps: var + eps),
            "x was divided by the variance. Divide by its root, the standard deviation.",
        ),
        Misconception(
            "mean_left_in",
            mean_left_in,
            "The mean was not subtracted: a batch norm first shifts each channel to mean 0.",
        ),
        Misconception(
            "bias_forgotten",
            built(finish=lambda x, weight, bias: x * along(weight)),
            "The bias has no effect. Each channel is shifted by its own at the end.",
        ),
        Misconception(
            "weight_forgotten",
            built(finish=lambda x, weight, bias: x + along(bias)),
            "The weight has no effect. Each channel is stretched by its own at the end.",
        ),
        Misconception(
            "weight_and_bias_forgotten",
            built(finish=lambda x, weight, bias: x),
            "weight and bias have no effect: after the normalization each channel is multiplied by "
            "its weight and shifted by its bias.",
        ),
        Misconception(
            "weight_and_bias_swapped",
            built(finish=lambda x, weight, bias: x * along(bias) + along(weight)),
            "weight and bias changed places: the weight multiplies, the bias is added.",
        ),
        Misconception(
            "shifted_before_stretched",
            built(finish=lambda x, weight, bias: (x + along(bias)) * along(weight)),
            "The bias was added before the weight multiplied, so it was stretched as well. "
            "Multiply first.",
        ),
        Misconception(
            "statistics_detached",
            built(statistics=(Tensor.detach, Tensor.detach)),
            "The values are right, the gradient is not: the mean, the variance or both were cut "
            "from the graph. They depend on x, and the gradient must run through them. Only the "
            "running estimates are without a graph.",
            also=(
                built(statistics=(lambda mean: mean, Tensor.detach)),
                built(statistics=(Tensor.detach, lambda var: var)),
            ),
        ),
    ),
    hints=(
        "Which axes are averaged over, so that one number is left for each of the C channels? How "
        "does a tensor (C,) become one that multiplies (B, C, H, W) channel by channel?",
        "Two cases: in training, mean and variance of this batch normalize, and the estimates move "
        "toward them; in eval, the estimates normalize and stay as they are.",
        "x.var(dim, correction=0) divides by N, correction=1 by N - 1. The first normalizes, the "
        "second goes into the estimate. A shape (C, 1, 1) lines up with the channels.",
    ),
)
