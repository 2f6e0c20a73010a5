"""Check of `a12_game_step`: any method is right that is a step of this game and comes home."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception, Plain
from ..observing import describe_type
from ..random_inputs import uniform

RATES = (0.1, 0.3)
STEPS = {0.1: 600, 0.3: 200}
FORM = "two numbers"
HOME, CIRCLES, AWAY = "it shrinks", "it stays about the same", "it grows"
GAME = "x goes against y, y goes with x"


def read_pair(pair: Any) -> tuple[Tensor, Tensor] | None:
    if isinstance(pair, Tensor) and pair.shape == (2,):
        pair = pair.unbind()
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        return None
    if not all(isinstance(v, int | float) or (isinstance(v, Tensor) and v.ndim == 0) for v in pair):
        return None
    return tuple(torch.as_tensor(v, dtype=torch.float64).detach() for v in pair)


def play(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    start = inputs["x"], inputs["y"]
    first = answer(*start, 1e-5)
    if first is Ellipsis:
        return first
    point = read_pair(first)
    if point is None:
        return {"form": describe_type(first)}
    record: dict[str, Any] = {"form": FORM}
    record["direction"] = name_direction(point, start)
    rest = read_pair(answer(torch.zeros_like(start[0]), torch.zeros_like(start[1]), 0.1))
    record["rest"] = all(bool(v == 0) for v in rest)
    for rate in RATES:
        place = start
        for _ in range(STEPS[rate]):
            place = read_pair(answer(*place, rate))
        ratio = (torch.stack(place).norm() / torch.stack(start).norm()).item()
        # what circles swings by a tenth or so; what comes home is below 1/20 by then
        record[f"at {rate}"] = HOME if ratio < 0.5 else CIRCLES if ratio < 1.6 else AWAY
    return record


def name_direction(point: tuple[Tensor, Tensor], start: tuple[Tensor, Tensor]) -> str:
    """Of a step of 1e-5 from `start` to `point`."""
    x, y = start
    if not any(v.item() for v in point):
        return "a jump to (0, 0)"
    change = [(n - s) / 1e-5 for n, s in zip(point, start, strict=True)]
    ways = {
        GAME: (-y, x),
        "both go up": (y, x),
        "both go down": (-y, -x),
        "x goes up and y goes down": (y, -x),
        "only x moves": (-y, 0 * x),
        "only y moves": (0 * y, x),
        "both go towards 0, as if each minimized its own square": (-x, -y),
        "the game and a pull to 0": (-y - x, x - y),
        "twice the game": (-2 * y, 2 * x),
        "the game, with the two places exchanged": ((y - x) / 1e-5 + x, (x - y) / 1e-5 - y),
    }
    for name, way in ways.items():
        if torch.allclose(torch.stack(change), torch.stack(way), rtol=1e-3, atol=1e-4):
            return name
    return name_other(change, start)


def name_other(change: list[Tensor], start: tuple[Tensor, Tensor]) -> str:
    """What else a step may do: another length, signs alone, the change without the place."""
    (dx, dy), (x, y) = change, start
    share = (dy / x).item()
    if torch.allclose(dx, -share * y, rtol=1e-3, atol=1e-6) and share > 1e-3:
        length = (dx * dx + dy * dy).sqrt().item()
        if abs(length - 1) < 1e-3:
            return "the game's, with a step of fixed length"
        return "a part of the game's step" if share < 1 else "more than the game's step"
    if torch.allclose(dx, -y.sign()) and torch.allclose(dy, x.sign()):
        return "the signs of the game alone"
    if torch.allclose(dx + x / 1e-5, -y) and torch.allclose(dy + y / 1e-5, x):
        return "the changes, without the places"
    if all(abs(c).item() < 1e-6 for c in change):
        return "nothing moves"
    return "another direction"


def game_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    facts: dict[str, Plain] = {"what comes back": outputs["form"]}
    if outputs["form"] != FORM:
        return facts
    facts["the direction of a very small step"] = outputs["direction"]
    facts["who stands at (0, 0) stays there"] = outputs["rest"]
    for rate in RATES:
        facts[f"the distance from (0, 0) after {STEPS[rate]} steps of {rate}"] = outputs[
            f"at {rate}"
        ]
    return facts


def simultaneous(x, y, lr):
    return x - lr * y, y + lr * x


def extragradient(x, y, lr):
    """Korpelevich: look one step ahead, then step from here by what is seen there."""
    ahead_x, ahead_y = x - lr * y, y + lr * x
    return x - lr * ahead_y, y + lr * ahead_x


def alternating(x, y, lr):
    x = x - lr * y
    return x, y + lr * x


def with_decay(x, y, lr):
    new_x, new_y = simultaneous(x, y, lr)
    return new_x - lr * x, new_y - lr * y


def normalized(x, y, lr):
    length = (x * x + y * y).sqrt() + 1e-12
    return x - lr * y / length, y + lr * x / length


def game_cases(g: torch.Generator) -> list[Case]:
    def case() -> Case:
        x, y = (0.5 + uniform(g, 2, dtype=torch.float64)).unbind()
        return Case({"x": x, "y": -y * 1.2}, "a start near (1, -1)")

    return [case(), case()]


EXERCISE = Exercise(
    name="clinic.a12_game_step",
    signature="(x, y, lr)",
    oracle=extragradient,
    cases=game_cases,
    call=play,
    facts=game_facts,
    slow=True,
    misconceptions=(
        Misconception(
            "simultaneous",
            simultaneous,
            "The distance grows by √(1 + lr²) a step or more, at any learning rate: either each "
            "player still goes by where the other stands now, as published, or the look ahead "
            "goes the wrong way, to where the other comes from.",
        ),
        Misconception(
            "smaller_steps",
            lambda x, y, lr: simultaneous(x, y, lr / 2),
            "The steps are shorter and still spiral out, more slowly. The direction must change, "
            "not the rate.",
            also=(
                lambda x, y, lr: simultaneous(x, y, 0.1 * lr),
                lambda x, y, lr: simultaneous(x, y, 0.01 * lr),
            ),
        ),
        Misconception(
            "two_steps",
            lambda x, y, lr: simultaneous(*simultaneous(x, y, lr), lr),
            "The trial step was kept: these are two published steps. Step from where the players "
            "stood at first, by the gradients of the trial point.",
            also=(lambda x, y, lr: simultaneous(x, y, 2 * lr),),
        ),
        Misconception(
            "places_exchanged",
            lambda x, y, lr: extragradient(x, y, lr)[::-1],
            "The two places changed their order: x comes first.",
            also=(lambda x, y, lr: simultaneous(x, y, lr)[::-1],),
        ),
        Misconception(
            "signs_alone",
            lambda x, y, lr: (x - lr * (y + lr * x).sign(), y + lr * (x - lr * y).sign()),
            "Only the signs of the gradients count, so a step near the goal is as long as one far "
            "from it, and the game cannot come to rest.",
            also=(lambda x, y, lr: (x - lr * y.sign(), y + lr * x.sign()),),
        ),
        Misconception(
            "alternating",
            alternating,
            "One player after the other: the game now circles and neither leaves nor arrives. "
            "Let each player answer where the other is going to be.",
            also=(lambda x, y, lr: (x - lr * (y + lr * x), y + lr * x),),
        ),
        Misconception(
            "both_descend",
            lambda x, y, lr: (x - lr * y, y - lr * x),
            "Both players descend. y wants x·y to be large: it goes up.",
        ),
        Misconception(
            "signs_exchanged",
            lambda x, y, lr: (x + lr * y, y - lr * x),
            "The players changed their wishes: x minimizes x·y and y maximizes it.",
            also=(lambda x, y, lr: (x + lr * (y - lr * x), y - lr * (x + lr * y)),),
        ),
        Misconception(
            "pull_to_zero",
            with_decay,
            "A pull to (0, 0) was added, which ends this game by changing it: nobody may know "
            "where the goal is. As lr goes to 0 the step must be the game's own.",
            also=(lambda x, y, lr: (x - lr * x, y - lr * y),),
        ),
        Misconception(
            "one_player",
            lambda x, y, lr: (x - lr * y, y),
            "y stands still, so x runs off along a line.",
        ),
        Misconception(
            "other_player",
            lambda x, y, lr: (x, y + lr * x),
            "x stands still, so y runs off along a line.",
        ),
        Misconception(
            "goal_returned",
            lambda x, y, lr: (0 * x, 0 * y),
            "This jumps to the goal, which a player does not know: all it has is the gradient of "
            "x·y at the points that it visits.",
        ),
        Misconception(
            "normalized",
            normalized,
            "The step was given a fixed length, so it cannot come to rest: near the goal it "
            "steps as far as anywhere. (Adam does something of the kind.)",
        ),
        Misconception(
            "changes_alone",
            lambda x, y, lr: (-lr * y, lr * x),
            "The changes came back. Return where the players stand after the step.",
        ),
    ),
    hints=(
        "In which direction does each player move, and where will the other be when it arrives?",
        "Try a step without making it. What are the gradients there?",
        "From where the players stand now, step by the gradients of the point one trial step "
        "ahead. (An implicit step does as well.)",
    ),
)
