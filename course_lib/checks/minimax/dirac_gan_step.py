"""Check of `dirac_gan_step`. Oracle: the game's value differentiated by autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal


def game_cases(g: torch.Generator) -> list[Case]:
    def point(*shape: int, rate: float, weight: float, dtype: torch.dtype = torch.float64) -> dict:
        both = normal(g, 2, *shape, dtype=dtype)
        theta, psi = 1.2 * both[0] + 0.8, 0.9 * both[1] - 0.5
        return {"theta": theta, "psi": psi, "learning_rate": rate, "r1_weight": weight}

    far = {
        "theta": torch.tensor([20.0, -20.0, 15.0, 0.0]),
        "psi": torch.tensor([10.0, 10.0, -9.0, 3.0]),
        "learning_rate": 0.2,
        "r1_weight": 0.1,
    }
    return [
        Case(point(5, rate=0.3, weight=0.0), "r1_weight = 0"),
        Case(point(4, rate=0.2, weight=0.7), "r1_weight = 0.7"),
        Case(point(rate=0.5, weight=0.3), "a single game", gradients=("theta", "psi")),
        Case(point(2, 3, rate=0.1, weight=1.5, dtype=torch.float32), "shape (2, 3), in float32"),
        Case(far, "ψθ of ±200, float32", extreme=True),
    ]


def by_autograd(theta: Tensor, psi: Tensor, learning_rate: float, r1_weight: float) -> Any:
    """One step along the gradients of L(θ, ψ) - (r1_weight/2) ψ², differentiable itself."""

    def value(theta: Tensor, psi: Tensor) -> Tensor:
        return (F.logsigmoid(psi * theta) - r1_weight / 2 * psi.square()).sum()

    by_theta, by_psi = torch.func.grad(value, argnums=(0, 1))(theta, psi)
    return theta - learning_rate * by_theta, psi + learning_rate * by_psi


def by_constants(theta: Tensor, psi: Tensor, learning_rate: float, r1_weight: float) -> Any:
    """The right step, its gradients cut off from the point at which they are taken."""
    ends = by_autograd(theta.detach(), psi.detach(), learning_rate, r1_weight)
    return theta + (ends[0] - theta.detach()), psi + (ends[1] - psi.detach())


def by_constants_of_the_game(theta: Tensor, psi: Tensor, h: float, weight: float) -> Any:
    """The same of L alone; the penalty's gradient is a formula."""
    new_theta, new_psi = by_constants(theta, psi, h, 0.0)
    return new_theta, new_psi - h * weight * psi


def in_place(theta: Tensor, psi: Tensor, h: float, weight: float) -> Any:
    ends = by_autograd(theta, psi, h, weight)
    theta += ends[0] - theta
    psi += ends[1] - psi
    return theta, psi


def variant(**mistake: Any) -> Callable:
    """The step with its parts exposed, so that a mistake can replace one."""
    m = {"slope": lambda t: torch.sigmoid(-t), "theta": -1.0, "psi": 1.0, "order": "simultaneous"}
    m = m | {"decay": lambda psi, h, w: h * w * psi, "theta_decay": 0.0, "outer": (True, True)}
    m = m | mistake

    def step(theta, psi, h, weight):
        def new_theta(theta, psi):
            slope = m.get("theta_slope", m["slope"])(psi * theta)
            pull = (psi if m["outer"][0] else 1.0) * slope
            return theta + m["theta"] * h * pull - m["theta_decay"] * h * weight * theta

        def new_psi(theta, psi):
            push = (theta if m["outer"][1] else 1.0) * m["slope"](psi * theta)
            return psi + m["psi"] * h * push - m["decay"](psi, h, weight)

        if m["order"] == "psi first":
            psi = new_psi(theta, psi)
            return new_theta(theta, psi), psi
        if m["order"] == "theta first":
            theta = new_theta(theta, psi)
            return theta, new_psi(theta, psi)
        return new_theta(theta, psi), new_psi(theta, psi)

    return step


def penalty_behind(theta, psi, h, weight):
    """The penalty's step taken from where the game's step has led."""
    theta, psi = by_autograd(theta, psi, h, 0.0)
    return theta, psi - h * weight * psi


def outer_factors_exchanged(theta, psi, h, weight):
    slope = torch.sigmoid(-psi * theta)
    return theta - h * theta * slope, psi + h * psi * slope - h * weight * psi


def quotient(t: Tensor) -> Tensor:
    return (-t).exp() / (1 + (-t).exp())


EXERCISE = Exercise(
    name="minimax.dirac_gan_step",
    signature="(theta, psi, learning_rate, r1_weight)",
    outputs=("theta", "psi"),
    entry="game",
    oracle=by_autograd,
    cases=game_cases,
    misconceptions=(
        Misconception(
            "psi_first",
            variant(order="psi first"),
            "θ moved by the new ψ: an alternating step. In a simultaneous one both gradients are "
            "taken at the old point, before anything moves.",
        ),
        Misconception(
            "theta_first",
            variant(order="theta first"),
            "ψ moved by the new θ: an alternating step. In a simultaneous one both gradients are "
            "taken at the old point, before anything moves.",
        ),
        Misconception(
            "both_descend",
            variant(psi=-1.0),
            "Both players go down. θ descends L, ψ ascends it: their steps have opposite signs.",
            also=(variant(psi=-1.0, decay=lambda psi, h, w: -h * w * psi),),
        ),
        Misconception(
            "both_ascend",
            variant(theta=1.0),
            "Both players go up. θ descends L, ψ ascends it: their steps have opposite signs.",
        ),
        Misconception(
            "roles_exchanged",
            variant(theta=1.0, psi=-1.0),
            "θ ascends and ψ descends. It is the other way round: the generator θ makes L small, "
            "the discriminator ψ makes it large.",
            also=(variant(theta=1.0, psi=-1.0, decay=lambda psi, h, w: -h * w * psi),),
        ),
        Misconception(
            "slope_of_the_other_sign",
            variant(slope=torch.sigmoid),
            "f'(t) came out as σ(t). For f(t) = -log(1 + exp(-t)) it falls with t: 1 / (1 + "
            "exp(t)).",
        ),
        Misconception(
            "nonsaturating",
            variant(theta_slope=torch.sigmoid),
            "θ follows the non-saturating loss, whose slope is σ(ψθ). Here it descends the L that "
            "ψ ascends.",
        ),
        Misconception(
            "linearized",
            variant(slope=lambda t: torch.full_like(t, 0.5)),
            "The slope f'(ψθ) was taken as f'(0) = 1/2. That holds at the equilibrium alone; the "
            "exercise asks for the whole game.",
        ),
        Misconception(
            "slope_forgotten",
            variant(slope=torch.ones_like),
            "f' is missing: these are the gradients of ψθ itself, without the f around it.",
        ),
        Misconception(
            "value_for_slope",
            variant(slope=F.logsigmoid),
            "f(ψθ) stands where its derivative f'(ψθ) belongs.",
        ),
        Misconception(
            "derivative_of_the_sigmoid",
            variant(slope=lambda t: torch.sigmoid(t) * torch.sigmoid(-t)),
            "The slope came out as σ(1 - σ), the derivative of a sigmoid. f is the logarithm of "
            "one, which leaves one factor.",
        ),
        Misconception(
            "slope_at_one_parameter",
            lambda t, p, h, w: (
                t - h * p * torch.sigmoid(-p),
                p + h * t * torch.sigmoid(-t) - h * w * p,
            ),
            "The slope f' was taken at ψ or θ alone. Its argument is that of f, the product ψθ.",
            also=(
                lambda t, p, h, w: (
                    t - h * p * torch.sigmoid(-t),
                    p + h * t * torch.sigmoid(-p) - h * w * p,
                ),
            ),
        ),
        Misconception(
            "constant_differentiated",
            lambda t, p, h, w: (
                by_autograd(t, p, h, w)[0],
                by_autograd(t, p, h, w)[1] + h / 2,
            ),
            "ψ gets a push of its own from f(0). That term is a constant: the data lies at 0, "
            "where ψx is 0 for every ψ.",
        ),
        Misconception(
            "chain_rule_forgotten",
            variant(outer=(False, False)),
            "The inner derivative is missing: ψθ by θ is ψ, and by ψ it is θ.",
        ),
        Misconception(
            "product_for_factor",
            lambda t, p, h, w: (
                t - h * p * t * torch.sigmoid(-p * t),
                p + h * p * t * torch.sigmoid(-p * t) - h * w * p,
            ),
            "The slope is multiplied by the whole product ψθ. The inner derivative is one factor "
            "of it: by θ it is ψ, by ψ it is θ.",
        ),
        Misconception(
            "factors_exchanged",
            outer_factors_exchanged,
            "The inner derivatives changed places: ψθ by θ is ψ, and by ψ it is θ.",
        ),
        Misconception(
            "penalty_rewarded",
            variant(decay=lambda psi, h, w: -h * w * psi),
            "The penalty pushes ψ away from 0. It is subtracted from what ψ ascends, so its "
            "gradient pulls ψ back.",
        ),
        Misconception(
            "penalty_by_size",
            variant(decay=lambda psi, h, w: h * w * psi.abs()),
            "The penalty lowers ψ whatever its sign. The derivative of ψ² / 2 is ψ, sign included, "
            "so that it pulls towards 0 from both sides.",
        ),
        Misconception(
            "penalty_halved",
            variant(decay=lambda psi, h, w: h * w * psi / 2),
            "The penalty pulls half as hard as it should: ψ² brings a 2, which cancels the 1/2 in "
            "front.",
        ),
        Misconception(
            "penalty_doubled",
            variant(decay=lambda psi, h, w: 2 * h * w * psi),
            "The penalty pulls twice as hard as it should: the 1/2 in front cancels the 2 of ψ².",
        ),
        Misconception(
            "penalty_without_rate",
            variant(decay=lambda psi, h, w: w * psi),
            "The penalty's gradient is not multiplied by the learning rate.",
        ),
        Misconception(
            "penalty_of_theta",
            lambda t, p, h, w: (
                by_autograd(t, p, h, w)[0],
                by_autograd(t, p, h, 0.0)[1] - h * w * t,
            ),
            "The penalty pulls ψ by θ. It is a price on ψ², whose derivative by ψ holds no θ.",
        ),
        Misconception(
            "penalty_not_differentiated",
            variant(decay=lambda psi, h, w: h * w / 2 * psi**2),
            "The penalty itself was subtracted from ψ. A step goes along its derivative by ψ.",
            also=(
                variant(decay=lambda psi, h, w: w / 2 * psi**2),
                variant(decay=lambda psi, h, w: h * w * psi**2),
            ),
        ),
        Misconception(
            "penalty_behind_the_step",
            penalty_behind,
            "The penalty acts on the ψ that has moved already. It is one gradient, taken at the "
            "old point.",
        ),
        Misconception(
            "penalty_on_theta",
            variant(decay=lambda psi, h, w: 0 * psi, theta_decay=1.0),
            "The penalty moves θ. It is a price on the discriminator's slope, ψ, and depends on ψ "
            "alone.",
            also=(
                variant(theta_decay=1.0),
                variant(theta_decay=-1.0),
                lambda t, p, h, w: (
                    by_autograd(t, p, h, w)[0] + h * w * p,
                    by_autograd(t, p, h, w)[1],
                ),
                lambda t, p, h, w: (
                    by_autograd(t, p, h, w)[0] - h * w * p,
                    by_autograd(t, p, h, w)[1],
                ),
            ),
        ),
        Misconception(
            "penalty_ignored",
            variant(decay=lambda psi, h, w: 0 * psi),
            "r1_weight has no effect.",
        ),
        Misconception(
            "gradients_cut_off",
            by_constants,
            "The gradients are cut off from θ and ψ, and the lesson differentiates the step "
            "itself. Write them as formulas of θ and ψ.",
            also=(
                by_constants_of_the_game,
                lambda t, p, h, w: by_autograd(t.detach(), p.detach(), h, w),
                lambda t, p, h, w: tuple(end.detach() for end in by_autograd(t, p, h, w)),
            ),
        ),
        Misconception(
            "in_place",
            in_place,
            "θ and ψ are changed in place, as += does. The caller still needs the old point: make "
            "new tensors.",
            error="in-place operation",
        ),
        Misconception(
            "averaged_over_games",
            lambda t, p, h, w: by_autograd(t, p, h / t.numel(), w),
            "Each game moves by its gradient over the number of games. They are games of their "
            "own: each moves by its own gradient.",
            also=(
                lambda t, p, h, w: (
                    by_autograd(t, p, h / t.numel(), 0.0)[0],
                    by_autograd(t, p, h / t.numel(), 0.0)[1] - h * w * p,
                ),
            ),
        ),
        Misconception(
            "games_mixed",
            lambda t, p, h, w: (
                t - h * p * torch.sigmoid(-(p * t).sum()),
                p + h * t * torch.sigmoid(-(p * t).sum()) - h * w * p,
            ),
            "The products ψθ of all games were joined before the slope was taken. Each entry is a "
            "game of its own.",
            also=(
                lambda t, p, h, w: (
                    t - h * p * torch.sigmoid(-(p * t).mean()),
                    p + h * t * torch.sigmoid(-(p * t).mean()) - h * w * p,
                ),
                lambda t, p, h, w: (
                    t - h * p * torch.sigmoid(-(p * t)).mean(),
                    p + h * t * torch.sigmoid(-(p * t)).mean() - h * w * p,
                ),
            ),
        ),
        Misconception(
            "weight_on_the_gain",
            lambda t, p, h, w: (
                by_autograd(t, p, h, w)[0],
                p + h * w * (by_autograd(t, p, 1, 0)[1] - p),
            ),
            "r1_weight multiplies the gradient of L, so that with the weight 0 ψ stands still. It "
            "is the weight of the penalty, ψ² / 2.",
        ),
        Misconception(
            "updates_returned",
            lambda t, p, h, w: tuple(
                new - old for new, old in zip(by_autograd(t, p, h, w), (t, p), strict=True)
            ),
            "These are the changes. Return where θ and ψ are after the step.",
        ),
        Misconception(
            "learning_rate_ignored",
            lambda t, p, h, w: by_autograd(t, p, 1.0, w),
            "The learning rate has no effect: both players move by their whole gradient.",
        ),
        Misconception(
            "only_theta",
            lambda t, p, h, w: (by_autograd(t, p, h, w)[0], p),
            "ψ stands still. Both players move.",
        ),
        Misconception(
            "only_psi",
            lambda t, p, h, w: (t, by_autograd(t, p, h, w)[1]),
            "θ stands still. Both players move.",
        ),
        Misconception(
            "results_exchanged",
            lambda t, p, h, w: by_autograd(t, p, h, w)[::-1],
            "The two results changed places: θ comes first, then ψ.",
        ),
        Misconception(
            "overflows",
            variant(slope=quotient),
            "exp(200) is too large for float32, and inf / inf is nan. The slope is a sigmoid, "
            "which PyTorch computes at any argument.",
        ),
    ),
    hints=(
        "L depends on θ and ψ through their product alone. Which rule differentiates f(ψθ)?",
        "f'(t) = 1 / (1 + exp(t)), a sigmoid of -t. By θ the inner derivative is ψ, by ψ it is θ.",
        "Compute both gradients at the old point first. Then θ goes down its own, ψ up its own, "
        "and the penalty's derivative by ψ is r1_weight · ψ.",
    ),
)
