"""Check of `generator_step`. Oracle: torch.autograd.grad, on losses that are written as sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Misconception, Plain
from ..random_inputs import normal
from ..ready import adapted
from ..steps import ADAM, SGD, with_weights
from ..training_steps import StepParts, frozen_mistakes, step_exercise, update_mistakes
from ..wrong_steps import NOTHING_MOVES, apply_gradients

NETWORKS = ("gen_ab", "gen_ba", "disc_a", "disc_b")
CHANNELS, WEIGHTS = {"generator": 3 * 3 * 9 + 3, "discriminator": 3 * 2 * 4 + 2 + 2 * 4 + 1}, 0.4


def tiny_networks(inputs: Mapping[str, Any]) -> dict[str, nn.Module]:
    """Generators of one convolution, discriminators with a map of scores, of the given weights."""
    with torch.random.fork_rng(devices=[]):
        generators = [nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh()) for _ in range(2)]
        discriminators = [
            nn.Sequential(nn.Conv2d(3, 2, 2), nn.LeakyReLU(0.2), nn.Conv2d(2, 1, 2))
            for _ in range(2)
        ]
    made = zip(NETWORKS, [*generators, *discriminators], strict=True)
    return {name: with_weights(network, inputs[f"{name} weights"]) for name, network in made}


def step_cases(g: torch.Generator) -> list[Case]:
    """SGD; Adam with old gradients in the discriminators; discriminators that are very sure."""

    def case(optimizer: Mapping[str, Any], old_gradients: float, sure: float = 0.0) -> dict:
        drawn: dict[str, Plain] = {}
        for turn, (a, b) in ((1, (3, 3)), (2, (2, 4))):
            drawn[f"images_a {turn}"] = normal(g, a, 3, 4, 5).tanh()
            drawn[f"images_b {turn}"] = (normal(g, b, 3, 4, 5) + 0.5).tanh()
        for name in NETWORKS:
            kind = "generator" if name.startswith("gen") else "discriminator"
            drawn[f"{name} weights"] = WEIGHTS * normal(g, CHANNELS[kind])
            if kind == "discriminator":
                drawn[f"{name} weights"][-1] += sure if name == "disc_a" else -sure
        weights = {"cycle_weight": 3.0, "identity_weight": 0.7}
        return drawn | weights | {"optimizer": dict(optimizer), "old_gradients": old_gradients}

    return [
        Case(case(SGD, 0.0), "SGD with momentum, two calls"),
        Case(case(ADAM, 0.3), "Adam, two calls, old gradients in the discriminators"),
        Case(case(SGD, 0.0, sure=40.0), "scores near ±40", extreme=True),
    ]


PARTS = StepParts(
    tiny_networks,
    trained=("gen_ab", "gen_ba"),
    arguments=("images_a", "images_b", "cycle_weight", "identity_weight"),
    networks=NETWORKS,
)


def one(scores: Tensor) -> Tensor:
    """Squared distance from the score of a real."""
    return (scores - 1).square().mean()


def l1(images: Tensor, others: Tensor) -> Tensor:
    return (images - others).abs().mean()


def losses(
    adversarial: Callable = lambda ab, ba, da, db, a, b: one(db(ab(a))) + one(da(ba(b))),
    cycle: Callable = lambda ab, ba, a, b: l1(ba(ab(a)), a) + l1(ab(ba(b)), b),
    identity: Callable = lambda ab, ba, a, b: l1(ba(a), a) + l1(ab(b), b),
    total: Callable = lambda adv, cyc, idt, cw, iw: adv + cw * cyc + iw * idt,
    told: Callable = lambda adv, cyc, idt, cw, iw: (adv, cyc, idt),
) -> Callable:
    """The step's loss with its parts exposed, so that a mistake can replace one."""

    def value(ab, ba, da, db, a, b, cw, iw):
        parts = adversarial(ab, ba, da, db, a, b), cycle(ab, ba, a, b), identity(ab, ba, a, b)
        names = ("adversarial", "cycle", "identity")
        shown = dict(zip(names, told(*parts, cw, iw), strict=True))
        return shown | {"total": total(*parts, cw, iw)}

    return value


def having(**parts: Callable) -> Callable:
    return PARTS.step(losses(**parts))


def reference_step(gen_ab, gen_ba, disc_a, disc_b, optimizer, images_a, images_b, cw, iw):
    value = losses()(gen_ab, gen_ba, disc_a, disc_b, images_a, images_b, cw, iw)
    apply_gradients(value["total"], optimizer, gen_ab, gen_ba)
    return {name: number.detach() for name, number in value.items()}


def leaving_gradients(loss: Callable, order: str = "zbs") -> Callable:
    """By a plain backward(), which fills the discriminators' gradients as well."""
    return PARTS.step(loss, order, everywhere=True)


def detached(which: str) -> Callable:
    """The step with one of its images cut from the graph, in both directions."""

    def cut(images: Tensor, name: str) -> Tensor:
        return images.detach() if name == which else images

    return having(
        adversarial=lambda ab, ba, da, db, a, b: (
            one(db(cut(ab(a), "fake"))) + one(da(cut(ba(b), "fake")))
        ),
        cycle=lambda ab, ba, a, b: (
            l1(ba(cut(ab(a), "inside")), a) + l1(ab(cut(ba(b), "inside")), b)
        ),
    )


def moves_discriminators(*arguments):
    """A backward() into everything, and a second optimizer for what it found there."""
    value = leaving_gradients(losses())(*arguments)
    for network in arguments[2:4]:
        torch.optim.SGD(network.parameters(), lr=0.01).step()
        network.zero_grad()
    return value


def moves_discriminators_and_leaves(*arguments):
    value = leaving_gradients(losses())(*arguments)
    for network in arguments[2:4]:
        torch.optim.SGD(network.parameters(), lr=0.01).step()
    return value


def one_after_the_other(gen_ab, gen_ba, disc_a, disc_b, optimizer, a, b, cw, iw):
    """Two steps, one for each direction."""
    shown: dict[str, Tensor] = {}
    for ab, ba, db, x, y in ((gen_ab, gen_ba, disc_b, a, b), (gen_ba, gen_ab, disc_a, b, a)):
        adversarial, cycle, identity = one(db(ab(x))), l1(ba(ab(x)), x), l1(ab(y), y)
        total = adversarial + cw * cycle + iw * identity
        apply_gradients(total, optimizer, gen_ab, gen_ba)
        names = ("adversarial", "cycle", "identity", "total")
        for name, number in zip(names, (adversarial, cycle, identity, total), strict=True):
            shown[name] = shown.get(name, 0.0) + number.detach()
    return shown


RIGHT = losses()
LEFT = (
    "The loss goes through both discriminators, so backward() filled their .grad on the way, and "
    "their own step would start from there. Clear them, or ask backward for the generators' inputs "
    "only."
)

EXERCISE = step_exercise(
    PARTS,
    name="cyclegan.generator_step",
    oracle=reference_step,
    cases=step_cases,
    misconceptions=(
        Misconception("gradients_left_in_discriminators", leaving_gradients(RIGHT), LEFT),
        Misconception(
            "zero_grad_forgotten_and_left",
            leaving_gradients(RIGHT, "bs"),
            "Two things: old gradients of the generators are not cleared before backward(), and "
            "those of the discriminators are left full after it.",
        ),
        Misconception(
            "total_alone",
            PARTS.step(RIGHT, result=lambda value: value["total"]),
            "One number came. Return a dict with the keys adversarial, cycle, identity and total.",
        ),
        Misconception(
            "total_missing",
            PARTS.step(
                RIGHT,
                result=lambda value: {name: value[name] for name in value if name != "total"},
            ),
            "`total` is missing in the dict: the weighted sum that was minimized.",
        ),
        Misconception(
            "tuple_returned",
            PARTS.step(RIGHT, result=lambda value: tuple(value.values())),
            "A tuple came. Return a dict with the keys adversarial, cycle, identity and total.",
        ),
        Misconception(
            "weights_in_the_terms",
            having(told=lambda adv, cyc, idt, cw, iw: (adv, cw * cyc, iw * idt)),
            "`cycle` and `identity` in the dict hold their weights already. These two are "
            "unweighted, so that runs with different weights can be compared; only `total` has "
            "them.",
            also=(
                having(told=lambda adv, cyc, idt, cw, iw: (adv, cw * cyc, idt)),
                having(told=lambda adv, cyc, idt, cw, iw: (adv, cyc, iw * idt)),
            ),
        ),
        Misconception(
            "weights_twice",
            having(total=lambda adv, cyc, idt, cw, iw: adv + cw**2 * cyc + iw**2 * idt),
            "The weights enter the total twice: once in the terms, once in their sum.",
            also=(
                having(
                    total=lambda adv, cyc, idt, cw, iw: adv + cw**2 * cyc + iw**2 * idt,
                    told=lambda adv, cyc, idt, cw, iw: (adv, cw * cyc, iw * idt),
                ),
                having(total=lambda adv, cyc, idt, cw, iw: adv + cw**2 * cyc + iw * idt),
                having(total=lambda adv, cyc, idt, cw, iw: adv + cw * cyc + iw**2 * idt),
            ),
        ),
        Misconception(
            "weights_forgotten",
            having(total=lambda adv, cyc, idt, cw, iw: adv + cyc + idt),
            "The weights have no effect on the total: cycle_weight belongs to the cycle's loss, "
            "identity_weight to the identity's.",
            also=(
                having(total=lambda adv, cyc, idt, cw, iw: adv + cw * cyc + idt),
                having(total=lambda adv, cyc, idt, cw, iw: adv + cyc + iw * idt),
            ),
        ),
        Misconception(
            "weights_exchanged",
            having(total=lambda adv, cyc, idt, cw, iw: adv + iw * cyc + cw * idt),
            "The two weights changed places.",
        ),
        Misconception(
            "identity_weight_relative",
            having(total=lambda adv, cyc, idt, cw, iw: adv + cw * cyc + cw * iw * idt),
            "identity_weight was multiplied by cycle_weight, as the authors' code counts it. Here "
            "each weight stands for itself.",
        ),
        Misconception(
            "weights_as_numbers",
            having(total=lambda adv, cyc, idt, cw, iw: adv + 10 * cyc + 5 * idt),
            "The weights 10 and 5 are written as numbers. Use the arguments.",
            also=(having(total=lambda adv, cyc, idt, cw, iw: adv + 10 * cyc + 0.5 * idt),),
        ),
        Misconception(
            "identity_missing_in_total",
            having(total=lambda adv, cyc, idt, cw, iw: adv + cw * cyc),
            "The identity's loss is told and not minimized: it is missing in the total.",
        ),
        Misconception(
            "cycle_missing_in_total",
            having(total=lambda adv, cyc, idt, cw, iw: adv + iw * idt),
            "The cycle's loss is told and not minimized: it is missing in the total.",
        ),
        Misconception(
            "adversarial_missing_in_total",
            having(total=lambda adv, cyc, idt, cw, iw: cw * cyc + iw * idt),
            "The adversarial loss is told and not minimized: it is missing in the total. To change "
            "nothing would be the best translation then.",
        ),
        Misconception(
            "total_told_without_weights",
            PARTS.step(
                RIGHT,
                result=lambda value: (
                    value | {"total": value["adversarial"] + value["cycle"] + value["identity"]}
                ),
            ),
            "What was minimized has the weights, and the `total` in the dict has not. Return the "
            "very number that backward() started from.",
        ),
        Misconception(
            "identity_of_the_wrong_domain",
            having(identity=lambda ab, ba, a, b: l1(ab(a), a) + l1(ba(b), b)),
            "The identity's loss was given images of the wrong domain: it asks each generator to "
            "do nothing at all. gen_ab makes B, so it is an image of **B** that it should leave "
            "alone.",
        ),
        Misconception(
            "identity_one_direction",
            having(identity=lambda ab, ba, a, b: l1(ab(b), b)),
            "Only one generator has an identity loss. Both leave their target domain alone: gen_ab "
            "an image of B, gen_ba one of A.",
            also=(having(identity=lambda ab, ba, a, b: l1(ba(a), a)),),
        ),
        Misconception(
            "cycle_one_direction",
            having(cycle=lambda ab, ba, a, b: l1(ba(ab(a)), a)),
            "The cycle runs in one direction only. A to B to A, and B to A to B.",
            also=(having(cycle=lambda ab, ba, a, b: l1(ab(ba(b)), b)),),
        ),
        Misconception(
            "cycle_of_the_fakes",
            having(cycle=lambda ab, ba, a, b: l1(ab(a), a) + l1(ba(b), b)),
            "The fake was compared with the image that it was made from, which asks the generators "
            "to change nothing. The cycle compares after the way back.",
        ),
        Misconception(
            "cycle_through_one_generator",
            having(cycle=lambda ab, ba, a, b: l1(ab(ab(a)), a) + l1(ba(ba(b)), b)),
            "The way back went through the same generator again. The other one leads back.",
        ),
        Misconception(
            "cycle_begun_on_the_wrong_side",
            having(cycle=lambda ab, ba, a, b: l1(ab(ba(a)), a) + l1(ba(ab(b)), b)),
            "Each cycle begins with the wrong generator: gen_ba got an image of A, which it is to "
            "make. gen_ab goes first from A, gen_ba leads back.",
        ),
        Misconception(
            "cycle_against_the_fakes",
            having(cycle=lambda ab, ba, a, b: l1(ba(ab(a)), ab(a)) + l1(ab(ba(b)), ba(b))),
            "The returned image was compared with the fake that it was made from, as if the way "
            "back should change nothing. It is to be the image that set out.",
        ),
        Misconception(
            "crossed",
            having(cycle=lambda ab, ba, a, b: l1(ba(ab(a)), b) + l1(ab(ba(b)), a)),
            "A returned image was compared with one of the other domain, as if there were pairs.",
            error="must match the size of tensor",
        ),
        Misconception(
            "squared_cycle",
            having(
                cycle=lambda ab, ba, a, b: (
                    (ba(ab(a)) - a).square().mean() + (ab(ba(b)) - b).square().mean()
                )
            ),
            "The cycle's loss is a mean square. It is the mean absolute difference.",
        ),
        Misconception(
            "judges_exchanged",
            having(adversarial=lambda ab, ba, da, db, a, b: one(da(ab(a))) + one(db(ba(b)))),
            "The fakes went to the wrong judges: what gen_ab makes wants to look like B, so disc_b "
            "judges it.",
        ),
        Misconception(
            "adversarial_one_direction",
            having(adversarial=lambda ab, ba, da, db, a, b: one(db(ab(a)))),
            "Only one generator is judged. Both discriminators have their say: adversarial is the "
            "sum of two losses.",
            also=(having(adversarial=lambda ab, ba, da, db, a, b: one(da(ba(b)))),),
        ),
        Misconception(
            "adversarial_halved",
            having(
                adversarial=lambda ab, ba, da, db, a, b: 0.5 * (one(db(ab(a))) + one(da(ba(b))))
            ),
            "The adversarial losses of the two generators were averaged, or taken with the ½ of "
            "the discriminator's loss. They are added.",
        ),
        Misconception(
            "target_fake",
            having(
                adversarial=lambda ab, ba, da, db, a, b: (
                    db(ab(a)).square().mean() + da(ba(b)).square().mean()
                )
            ),
            "The fakes have the target 0, so the generators learn to be caught. They want a 1.",
        ),
        Misconception(
            "reals_judged_as_well",
            having(
                adversarial=lambda ab, ba, da, db, a, b: (
                    0.5 * (one(db(b)) + db(ab(a)).square().mean())
                    + 0.5 * (one(da(a)) + da(ba(b)).square().mean())
                )
            ),
            "Here stands the discriminators' loss. The generators have one wish: that their images "
            "score 1.",
        ),
        Misconception(
            "reals_judged",
            having(adversarial=lambda ab, ba, da, db, a, b: one(da(a)) + one(db(b))),
            "Real images were judged in the place of the generators', so no gradient of this loss "
            "reaches a generator. What gen_ab makes goes to disc_b.",
            also=(having(adversarial=lambda ab, ba, da, db, a, b: one(db(a)) + one(da(b))),),
        ),
        Misconception(
            "cross_entropy",
            having(
                adversarial=lambda ab, ba, da, db, a, b: (
                    nn.functional.softplus(-db(ab(a))).mean()
                    + nn.functional.softplus(-da(ba(b))).mean()
                )
            ),
            "The adversarial loss is a cross-entropy of logits. Here it is least squares: the "
            "squared distance of the scores from 1.",
        ),
        Misconception(
            "fakes_detached",
            detached("fake"),
            "The fakes were cut from the graph before they were judged, so the generators learn "
            "nothing from the discriminators. detach belongs into the discriminators' step.",
        ),
        Misconception(
            "cycle_detached",
            detached("inside"),
            "The cycle is cut in the middle: its gradient reaches the second generator alone. It "
            "is to run through both, so that the first one keeps what the way back needs.",
        ),
        Misconception(
            "discriminators_move",
            moves_discriminators,
            "The discriminators moved, too. In this step they are the judges and stay as they are.",
            also=(moves_discriminators_and_leaves,),
        ),
        Misconception(
            "two_steps",
            one_after_the_other,
            "The optimizer took two steps in one call, one for each direction. Both generators "
            "move in one step, by the gradient of one total.",
        ),
        *adapted(
            update_mistakes(PARTS, RIGHT),
            nothing_moves=NOTHING_MOVES + " Or was everything cut from the graph?",
        ),
        *frozen_mistakes(PARTS, RIGHT),
    ),
    hints=(
        "Six images are made: two fakes, two that have returned, and two that a generator was to "
        "leave alone. Which generator makes each, from what?",
        "adversarial is the sum of what the two generators lose: mean (score - 1)², the second of "
        "least_squares_losses. cycle and identity are the losses that you have written.",
        "optimizer.zero_grad(), total.backward(), optimizer.step(). backward() also writes into "
        "the discriminators' .grad: clear it, or name the inputs that it is for.",
    ),
)
