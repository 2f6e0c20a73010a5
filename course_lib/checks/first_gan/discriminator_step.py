"""Check of `discriminator_step`. Oracle: torch.autograd.grad."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..declare import Exercise, Misconception
from ..steps import TrainingStep
from ..wrong_formulas import FLOOR, SIGMOID_BEFORE_LOSS
from ..wrong_steps import NOTHING_MOVES, OLD_GRADIENTS, STABLE, apply_gradients, leaving, update
from .discriminator_loss import bce, game, log_of_sigmoid, together, with_a_floor
from .steps import LATENT, OWN_NOISE, SIDE, step_cases, tiny_networks

STEP = TrainingStep(tiny_networks, trained=("discriminator",), arguments=("real", "noise"))


def discriminator_variant(loss: Callable = game, draw: Callable | None = None) -> Callable:
    """The reference step with another loss of (real_logits, fake_logits), or other noise."""

    def step(generator, discriminator, optimizer, real, noise):
        with torch.no_grad():
            fake = generator(draw(real, noise) if draw else noise)
        value = loss(discriminator(real), discriminator(fake))
        return apply_gradients(value, optimizer, discriminator)

    return step


def written_discriminator_step(order: str, detach: bool = True) -> Callable:
    """A step as students write it, its last three calls in the given order (see `update`)."""

    def step(generator, discriminator, optimizer, real, noise):
        fake = generator(noise)
        loss = game(discriminator(real), discriminator(fake.detach() if detach else fake))
        return update(loss, optimizer, order)

    return step


def two_steps(generator, discriminator, optimizer, real, noise):
    with torch.no_grad():
        fake = generator(noise)
    first = apply_gradients(bce(discriminator(real), 1.0).mean(), optimizer, discriminator)
    return first + apply_gradients(bce(discriminator(fake), 0.0).mean(), optimizer, discriminator)


EXERCISE = Exercise(
    name="first_gan.discriminator_step",
    signature="(generator, discriminator, optimizer, real, noise)",
    oracle=discriminator_variant(),
    cases=lambda g: step_cases(
        g,
        {
            "real 1": (6, 1, SIDE, SIDE),
            "noise 1": (4, LATENT),
            "real 2": (3, 1, SIDE, SIDE),
            "noise 2": (7, LATENT),
        },
    ),
    call=STEP.drive,
    facts=STEP.facts,
    entry="entry",
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
            "fakes_called_real",
            discriminator_variant(lambda r, f: 2 * bce(f, 1.0).mean()),
            "The fakes stand in both places, both times with the label 1. The reals never enter, "
            "and it learns to call everything real.",
        ),
        Misconception(
            "fakes_in_both_places",
            discriminator_variant(lambda r, f: game(f, f)),
            "The fakes were judged twice: in one of the two places the real images belong.",
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
            SIGMOID_BEFORE_LOSS,
        ),
        Misconception("overflows", discriminator_variant(log_of_sigmoid), STABLE),
        Misconception("floor_at_minus_100", discriminator_variant(with_a_floor), FLOOR),
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
            leaving(discriminator_variant(), lambda generator, *_: generator.requires_grad_(False)),
            "requires_grad stays off in the generator after the step, so that its own step can "
            "never train it. Switch it on again, or cut the graph with detach instead.",
        ),
        Misconception(
            "generator_left_in_eval",
            leaving(discriminator_variant(), lambda generator, *_: generator.eval()),
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
