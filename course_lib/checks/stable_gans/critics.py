"""Small judges with given weights, and what the checks of both penalties have in common."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Misconception, Plain
from ..random_inputs import normal, uniform
from .numbers import read_number

HIDDEN = 6
SHAPES = ((3, 2, 3, 4), (4, 7), (4, 1, 2, 4), (6, 2))  # images and flat points; one with B = W


class TinyCritic(nn.Module):
    """`(B, …)` to one score each, `(B,)`: each example's depends on that example alone.

    As a convolution does, it refuses examples of another number of axes than `shape`.
    """

    def __init__(self, vector: Tensor, shape: torch.Size) -> None:
        super().__init__()
        self.axes, self.size = len(shape), shape.numel()
        self.vector = nn.Parameter(vector.clone())

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 2 and self.axes > 1:
            raise ValueError(f"the critic takes images (B, C, H, W), got {tuple(x.shape)}")
        first, bias, last = self.vector.split([self.size * HIDDEN, HIDDEN, HIDDEN])
        hidden = torch.tanh(x.flatten(1) @ first.view(self.size, HIDDEN) + bias)
        return hidden @ last


def weight_count(size: int) -> int:
    return size * HIDDEN + 2 * HIDDEN


def critic_cases(g: torch.Generator, fakes: bool) -> list[Case]:
    """Reals, with `fakes` also fakes and the mix, and a critic whose slopes are near 1."""

    def inputs(shape: tuple[int, ...], dtype: torch.dtype = torch.float64, steep: float = 1.0):
        size = torch.Size(shape[1:]).numel()
        vector = normal(g, weight_count(size), dtype=dtype)
        vector[: size * HIDDEN] *= 1.2 / size**0.5
        vector[-HIDDEN:] *= steep
        found = {"weights": vector, "real": normal(g, *shape, dtype=dtype)}
        if fakes:
            found["fake"] = 0.7 * normal(g, *shape, dtype=dtype) + 0.8
            found["mix"] = uniform(g, shape[0], dtype=dtype)
        return found

    return [
        Case(inputs(SHAPES[0]), "images (3, 2, 3, 4)"),
        Case(inputs(SHAPES[1]), "points (4, 7)"),
        Case(inputs(SHAPES[2]), "images (4, 1, 2, 4)"),
        Case(inputs(SHAPES[3], torch.float32), "points (6, 2), in float32"),
        Case(inputs((1, 3), steep=30.0), "one point, a steep critic", extreme=True),
    ]


def penalty_record(critic: TinyCritic, call: Callable[[], Any]) -> dict[str, Any]:
    """The penalty, the critic's gradient of it, and what was left in the critic's `.grad`."""
    result = call()
    if result is Ellipsis:
        raise NotImplementedError
    left = critic.vector.grad is not None
    critic.vector.grad = None
    record = {"penalty": read_number(result), "left": left, "gradient": None}
    if isinstance(result, Tensor) and result.requires_grad and result.numel() == 1:
        (record["gradient"],) = torch.autograd.grad(result.sum(), critic.vector, allow_unused=True)
    return record


def penalty_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    dtype, penalty = inputs["weights"].dtype, record["penalty"]
    if isinstance(penalty, float):
        penalty = torch.tensor(penalty, dtype=dtype)
    facts: dict[str, Plain] = {"penalty": penalty}
    arrives = isinstance(record["gradient"], Tensor)
    facts["a gradient of the penalty reaches the judge's weights"] = arrives
    if arrives:
        facts["the gradient of the penalty by the judge's weights"] = record["gradient"]
    facts["the judge's .grad is empty afterwards, as before"] = not record["left"]
    return facts


def norms(gradient: Tensor) -> Tensor:
    """One length an example, `(B,)`."""
    return gradient.flatten(1).square().sum(dim=1).sqrt()


def by_jacobian(judge: nn.Module, x: Tensor) -> Tensor:
    """The gradient of each example's score by that example, one at a time, with a graph."""
    rows = []
    for one in x:
        one = one[None].detach().requires_grad_(True)
        rows.append(torch.autograd.grad(judge(one).squeeze(), one, create_graph=True)[0])
    return torch.cat(rows)


def backward_with_graph(total: Tensor) -> None:
    """PyTorch warns of it, and here it is on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        total.backward(create_graph=True)


def shared_mistakes(of_gradient: Callable, wrong: Callable, about: str) -> tuple:
    """Mistakes about norms and means; `wrong(reduce)` is the answer whose last step is `reduce`.

    of_gradient: the right `reduce`, of gradients `(B, …)`; about: what the penalty is, in words.
    """
    return (
        Misconception(
            "norm_of_the_batch",
            wrong(lambda g: of_gradient(g.reshape(1, -1))),
            "One norm was taken of the gradients of all examples together. Each example has a "
            "gradient and a norm of its own: all axes but the first.",
        ),
        Misconception(
            "summed",
            wrong(lambda g: of_gradient(g) * len(g)),
            "The batch was added up. The penalty is a mean over the examples.",
        ),
        Misconception(
            "norm_over_one_axis",
            wrong(lambda g: of_gradient(per_axis(g))),
            "The norm was taken over axis 1 alone, so that an image has one for every pixel. An "
            "image is one vector: flatten it first, or take all axes but the first.",
        ),
        Misconception(
            "gradient_of_the_mean",
            wrong(lambda g: of_gradient(g / len(g))),
            "The gradients are those of the mean score, each smaller by the batch size. The sum of "
            "the scores gives every example its own gradient, at full length.",
        ),
        Misconception(
            "halved",
            wrong(lambda g: of_gradient(g) / 2),
            f"This is half of it. The penalty is {about}; weights stand outside.",
        ),
        Misconception(
            "ten_times",
            wrong(lambda g: 10 * of_gradient(g)),
            f"This is ten times as much. The penalty is {about}; weights stand outside.",
        ),
        Misconception(
            "five_times",
            wrong(lambda g: 5 * of_gradient(g)),
            f"This is five times as much. The penalty is {about}; weights stand outside.",
        ),
        Misconception(
            "negated",
            wrong(lambda g: -of_gradient(g)),
            "The sign is turned round: a penalty is a cost, and what is added to a loss to be "
            "minimized is not below 0.",
        ),
        Misconception(
            "city_blocks",
            wrong(lambda g: of_gradient(g.flatten(1).abs().sum(dim=1, keepdim=True))),
            "The lengths are sums of absolute values. The norm is the Euclidean one.",
        ),
        Misconception(
            "pixels_averaged",
            wrong(lambda g: of_gradient(g / g[0].numel() ** 0.5)),
            "The squares were averaged over an example's numbers, where the squared norm adds "
            "them.",
        ),
        Misconception(
            "graph_not_kept",
            wrong(of_gradient, create_graph=False),
            "The value is right, and the critic learns nothing from it: the gradient was computed "
            "without a graph of its own (create_graph), or was cut off.",
        ),
    )


def per_axis(gradient: Tensor) -> Tensor:
    """Norms over axis 1, as examples of their own."""
    return gradient.square().sum(dim=1).sqrt().reshape(-1, 1)
