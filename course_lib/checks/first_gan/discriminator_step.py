"""Check of `discriminator_step`. Oracle: torch.autograd.grad."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..declare import Misconception
from ..group_losses import bce, group_mistakes, logit_mistakes, two_groups
from ..ready import adapted
from ..training_steps import StepParts, frozen_mistakes, own_noise, step_exercise, update_mistakes
from ..wrong_steps import STABLE, apply_gradients
from .discriminator_loss import fake_term, game, real_term
from .steps import LATENT, NETWORKS, OWN_NOISE, SIDE, step_cases, tiny_networks

PARTS = StepParts(
    tiny_networks,
    trained=("discriminator",),
    arguments=("real", "noise"),
    networks=NETWORKS,
)


def judged(loss: Callable, detach: bool = True) -> Callable:
    """A loss of (real_logits, fake_logits) as one of networks and batches."""

    def value(generator, discriminator, real, noise):
        fake = generator(noise)
        return loss(discriminator(real), discriminator(fake.detach() if detach else fake))

    return value


def having(loss: Callable) -> Callable:
    """A step that has another loss and is right otherwise."""
    return PARTS.step(judged(loss))


def reference_step(generator, discriminator, optimizer, real, noise):
    value = judged(game())(generator, discriminator, real, noise)
    return apply_gradients(value, optimizer, discriminator)


def two_steps(generator, discriminator, optimizer, real, noise):
    with torch.no_grad():
        fake = generator(noise)
    first = apply_gradients(bce(discriminator(real), 1.0).mean(), optimizer, discriminator)
    return first + apply_gradients(bce(discriminator(fake), 0.0).mean(), optimizer, discriminator)


def fake_logits_cut_off(generator, discriminator, real, noise):
    return game()(discriminator(real), discriminator(generator(noise)).detach())


def returning_part(which: int) -> Callable:
    def step(generator, discriminator, optimizer, real, noise):
        with torch.no_grad():
            fake = generator(noise)
        parts = bce(discriminator(real), 1.0).mean(), bce(discriminator(fake), 0.0).mean()
        apply_gradients(sum(parts), optimizer, discriminator)
        return parts[which].detach()

    return step


RIGHT = judged(game())

EXERCISE = step_exercise(
    PARTS,
    name="first_gan.discriminator_step",
    oracle=reference_step,
    cases=lambda g: step_cases(
        g,
        {
            "real 1": (6, 1, SIDE, SIDE),
            "noise 1": (4, LATENT),
            "real 2": (3, 1, SIDE, SIDE),
            "noise 2": (7, LATENT),
        },
    ),
    misconceptions=(
        Misconception(
            "not_detached",
            PARTS.step(judged(game(), detach=False), everywhere=True),
            "The loss was traced back through the fakes into the generator, whose gradients it "
            "fills with the discriminator's wishes. Cut the graph at the fakes (.detach(), or make "
            "them under torch.no_grad()).",
        ),
        Misconception(
            "zero_grad_forgotten_not_detached",
            PARTS.step(judged(game(), detach=False), "bs", everywhere=True),
            "Two things: the graph is not cut at the fakes, so gradients arrive in the generator, "
            "and old gradients are not cleared before backward().",
        ),
        Misconception(
            "smoothed",
            having(lambda r, f: two_groups(real_term, fake_term)(r, f, 0.1)),
            "The reals' target is 0.9. This step is without smoothing.",
        ),
        Misconception(
            "fake_logits_cut_off",
            PARTS.step(fake_logits_cut_off),
            "The graph was cut behind the discriminator, so that it learns from the reals alone "
            "and would call everything real. Cut it at the fake images, before they are judged.",
        ),
        Misconception(
            "reals_as_fakes",
            PARTS.step(lambda _, discriminator, real, noise: game()(*[discriminator(real)] * 2)),
            "The reals were judged twice, and once they are called fake. The second group is what "
            "the generator makes of the noise.",
        ),
        Misconception(
            "one_part_returned",
            returning_part(1),
            "The step is right, and what came back is one of the two parts. Return the whole loss: "
            "the sum of both.",
            also=(returning_part(0),),
        ),
        Misconception(
            "two_steps",
            two_steps,
            "The optimizer stepped twice, once for the reals and once for the fakes. Add both "
            "parts, then step once.",
        ),
        *adapted(
            group_mistakes(real_term, fake_term),
            by=having,
            all_called_real="The fakes carry the label 1. That is the generator's wish; the "
            "discriminator is trained on the truth, 0.",
            groups_swapped="Reals and fakes are exchanged: check the order of the arguments of the "
            "loss.",
        ),
        *adapted(logit_mistakes(game), by=having, overflows=STABLE),
        *update_mistakes(PARTS, RIGHT),
        *frozen_mistakes(PARTS, RIGHT),
        own_noise(
            PARTS,
            RIGHT,
            OWN_NOISE,
            lambda real, noise: (real, torch.randn(len(real), noise.shape[1])),
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
