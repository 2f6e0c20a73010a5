"""Check of `f10_step`. Oracle: torch.optim.SGD that maximizes."""

from __future__ import annotations

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal


def step_cases(g: torch.Generator) -> list[Case]:
    def at(lr: float, *shape: int, dtype: torch.dtype = torch.float64) -> dict:
        p, grad = normal(g, 2, *shape, dtype=dtype) * torch.tensor(1.5, dtype=dtype)
        return {"p": p + 0.3, "g": grad - 0.2, "lr": lr}

    return [
        Case(at(0.1, 4), "lr = 0.1"),
        Case(at(0.03, 2, 3), "lr = 0.03, p of shape (2, 3)"),
        Case(at(0.5, 5, dtype=torch.float32), "lr = 0.5, float32"),
        Case(at(0.2), "p a single number"),
    ]


def by_sgd(p: Tensor, g: Tensor, lr: float) -> Tensor:
    parameter = torch.nn.Parameter(p.clone())
    parameter.grad = g.clone()
    torch.optim.SGD([parameter], lr=lr, maximize=True).step()
    return parameter.detach()


def in_place(p: Tensor, g: Tensor, lr: float) -> Tensor:
    return p.add_(g, alpha=lr)


EXERCISE = Exercise(
    name="clinic.f10_step",
    signature="(p, g, lr)",
    entry="entry",
    oracle=by_sgd,
    cases=step_cases,
    misconceptions=(
        Misconception(
            "averaged_gradient",
            lambda p, g, lr: p + lr * g.mean(),
            "All parameters move by the mean gradient. Each has a slope of its own, and moves by "
            "it.",
        ),
        Misconception(
            "roles_exchanged",
            lambda p, g, lr: g + lr * p,
            "Parameters and gradient changed places: the step starts at p and goes along g.",
        ),
        Misconception(
            "downhill",
            lambda p, g, lr: p - lr * g,
            "The step still goes down, and g is the gradient of the ELBO, which is to become "
            "large. A gradient points uphill: follow it.",
        ),
        Misconception(
            "step_alone",
            lambda p, g, lr: lr * g,
            "This is the step. The new parameters are the old ones with the step added.",
            also=(lambda p, g, lr: -lr * g,),
        ),
        Misconception(
            "rate_forgotten",
            lambda p, g, lr: p + g,
            "The learning rate does not occur.",
            also=(lambda p, g, lr: p - g,),
        ),
        Misconception(
            "divided_by_rate",
            lambda p, g, lr: p + g / lr,
            "The gradient was divided by the learning rate. A small rate means a small step.",
            also=(lambda p, g, lr: p - g / lr,),
        ),
        Misconception(
            "sign_only",
            lambda p, g, lr: p + lr * g.sign(),
            "Only the sign of the gradient was used. The step is as long as the gradient says.",
        ),
        Misconception(
            "normalized",
            lambda p, g, lr: p + lr * g / g.norm(),
            "The gradient was divided by its norm. The step is as long as the gradient says.",
        ),
        Misconception(
            "parameters_scaled",
            lambda p, g, lr: p * (1 + lr * g),
            "The step was multiplied by the parameters. Adding lr times the gradient is enough.",
            also=(lambda p, g, lr: p * (1 - lr * g),),
        ),
        Misconception(
            "absolute",
            lambda p, g, lr: p + lr * g.abs(),
            "Every parameter grows, whatever the sign of its gradient.",
        ),
        Misconception(
            "two_steps",
            lambda p, g, lr: p + 2 * lr * g,
            "The step is twice as long: from p - lr·g to p + lr·g is two steps, from p it is one.",
        ),
        Misconception(
            "turned_over",
            lambda p, g, lr: -(p + lr * g),
            "The new parameters have the wrong sign as a whole; only the step was to be turned.",
            also=(lambda p, g, lr: lr * g - p,),
        ),
        Misconception(
            "in_place",
            in_place,
            "The values are right. The old parameters were overwritten, though (add_, +=), and the "
            "caller compares the two.",
        ),
        Misconception(
            "in_place_downhill",
            lambda p, g, lr: p.sub_(g, alpha=lr),
            "The step goes down, and it overwrites the parameters (sub_, -=) that the caller still "
            "needs. Return a new tensor, uphill.",
        ),
    ),
    hints=(
        "g is the gradient of the ELBO. In which direction does a gradient point?",
        "Minimizing L = -ELBO is the same step: the gradient of L is -g, and descent subtracts it.",
    ),
)
