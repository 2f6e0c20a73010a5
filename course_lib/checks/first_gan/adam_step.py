"""Check of `adam_step`. Oracle: torch.optim.Adam with its state put in and read out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception, Plain
from ..observing import describe_type
from ..random_inputs import normal


def ten_steps(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Feed the returned state back; every gradient is a row of `gradients`."""
    parameter, rows, *settings = inputs.values()
    state = (0, torch.zeros_like(parameter), torch.zeros_like(parameter))
    path, kept = [], True
    for gradient in rows:
        given = [t.clone() for t in (parameter, gradient, *state[1:])]
        result = answer(parameter, gradient, state, *settings)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise TypeError(f"(parameter, state) was wanted; what came is {describe_type(result)}")
        after, new_state = result
        check_state(new_state)
        then = (parameter, gradient, *state[1:])
        kept = kept and all(map(same_values, given, then))
        parameter, state = after, tuple(new_state)
        path.append(parameter)
    return {"kept": kept, "path": path, "steps": float(state[0]), "moments": list(state[1:])}


def check_state(state: Any) -> None:
    parts = list(state) if isinstance(state, tuple | list) else [state]
    numbers = [isinstance(p, int | float) or (isinstance(p, Tensor) and not p.ndim) for p in parts]
    tensors = all(isinstance(p, Tensor) for p in parts[1:])
    if len(parts) != 3 or not numbers[0] or any(numbers[1:]) or not tensors:
        came = ", ".join(map(describe_type, parts))
        raise ValueError(f"state should be (step, first_moment, second_moment); got ({came})")


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


def torch_adam(parameter, gradient, state, learning_rate, beta1, beta2, eps):
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

    def step(parameter, gradient, state, learning_rate, beta1, beta2, eps):
        n, first, second = state[0] + m.get("count", 1), state[1], state[2]
        if m.get("betas_swapped"):
            beta1, beta2 = beta2, beta1
        old, new = ((beta1, beta2), (1 - beta1, 1 - beta2))
        swap = m.get("weights_swapped", (False, False))
        (keep1, add1), (keep2, add2) = (
            (fresh, kept) if swapped else (kept, fresh)
            for kept, fresh, swapped in zip(old, new, swap, strict=True)
        )
        first = keep1 * first + (add1 if m["mix"][0] else 1) * gradient
        if m.get("no_momentum"):
            first = gradient
        square = gradient if m.get("not_squared") else gradient**2
        second = keep2 * second + (add2 if m["mix"][1] else 1) * (
            gradient.abs() if m.get("absolute") else square
        )
        t = n - 1 + m["start"]
        power = m.get("power", t)
        correction = m.get("correction", lambda beta, power: 1 - beta**power)
        m_hat = first / correction(beta1, power) if m["correct"][0] else first
        v_hat = second / correction(beta2, power) if m["correct"][1] else second
        if m.get("keep_corrected"):
            first, second = m_hat, v_hat
        change = m["sign"] * learning_rate * ratio(m, m_hat, v_hat, eps, beta2, t)
        moved = change if m.get("change_alone") else parameter + change
        return moved, (n, first, second)

    return step


def ratio(m: Mapping, m_hat: Tensor, v_hat: Tensor, eps: float, beta2: float, t: int) -> Tensor:
    where = m.get("eps", "outside")
    if where == "inside":
        return m_hat / (v_hat + eps).sqrt()
    if where == "before":  # sqrt(v) + eps, then corrected
        eps = eps / (1 - beta2**t) ** 0.5
    root = v_hat.sqrt() if m["root"] else v_hat
    if where == "added":
        return m_hat / root + eps
    return m_hat / (root + (0.0 if where == "none" else eps))


def adam_in_place(parameter, gradient, state, *settings):
    new, (n, first, second) = torch_adam(parameter, gradient, state, *settings)
    return parameter.copy_(new), (n, state[1].copy_(first), state[2].copy_(second))


def adam_cases(g: torch.Generator) -> list[Case]:
    def case(*shape: int, settings: tuple, dtype=torch.float64) -> dict[str, Plain]:
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


EXERCISE = Exercise(
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
            "eps_added_to_the_step",
            adam_variant(eps="added"),
            "eps was added to the quotient: a missing pair of parentheses. It belongs to what is "
            "divided by.",
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
            also=(adam_variant(count=0),),
        ),
        Misconception(
            "counted_one_ahead",
            adam_variant(start=2),
            "The correction is that of the next step: the counter was increased twice, or a 1 "
            "added once more.",
            also=(adam_variant(count=2),),
        ),
        Misconception(
            "counter_stands_still",
            adam_variant(count=0, start=2),
            "The returned step is the one that came in, so every step is corrected like the first. "
            "Return the counter increased by 1.",
        ),
        Misconception(
            "power_forgotten",
            adam_variant(power=1),
            "Every step is corrected like the first: the power is missing. The factor is "
            "1 - beta to the number of the step.",
        ),
        Misconception(
            "times_for_power",
            adam_variant(correction=lambda beta, t: 1 - beta * t),
            "The correction multiplies beta by the number of the step. It is its power: what is "
            "left of the zeros at the start shrinks by beta in every step.",
        ),
        Misconception(
            "correction_multiplied",
            adam_variant(correction=lambda beta, t: 1 / (1 - beta**t)),
            "The correction makes the moments smaller still. They are too small at first: divide "
            "by 1 - beta^t.",
        ),
        Misconception(
            "weights_swapped",
            adam_variant(weights_swapped=(True, True)),
            "An average has its two weights the wrong way round: what is old comes with the weight "
            "beta, what is new with 1 - beta.",
            also=(
                adam_variant(weights_swapped=(True, False)),
                adam_variant(weights_swapped=(False, True)),
            ),
        ),
        Misconception(
            "absolute_for_square",
            adam_variant(absolute=True),
            "The second moment averages the gradient's absolute value, where its square belongs.",
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
            "sum_of_squares",
            adam_variant(mix=(1, 0)),
            "The second moment adds the whole square. It is an average: the new square comes with "
            "the weight 1 - beta2.",
        ),
        Misconception(
            "no_momentum",
            adam_variant(no_momentum=True),
            "The gradient itself stands where its running average belongs, as in RMSprop.",
            also=(adam_variant(no_momentum=True, correct=(False, True)),),
        ),
        Misconception(
            "change_alone",
            adam_variant(change_alone=True),
            "What came back is the change of the parameter. Return the parameter after the step.",
            also=(adam_variant(change_alone=True, sign=1),),
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
