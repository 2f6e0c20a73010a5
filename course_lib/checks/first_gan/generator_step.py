"""Check of `generator_step`. Oracle: torch.autograd.grad."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..declare import Exercise, Misconception
from ..steps import TrainingStep
from ..wrong_formulas import SIGMOID_BEFORE_LOSS
from ..wrong_steps import NOTHING_MOVES, OLD_GRADIENTS, STABLE, apply_gradients, leaving, update
from .discriminator_loss import bce
from .steps import LATENT, OWN_NOISE, step_cases, tiny_networks

STEP = TrainingStep(tiny_networks, trained=("generator",), arguments=("noise",))


def nonsaturating(fake_logits: Tensor) -> Tensor:
    return bce(fake_logits, 1.0).mean()


def generator_variant(loss: Callable = nonsaturating, draw: Callable | None = None) -> Callable:
    """The reference step with another loss of the fakes' logits, or with other noise."""

    def step(generator, discriminator, optimizer, noise):
        logits = discriminator(generator(draw(noise) if draw else noise))
        return apply_gradients(loss(logits), optimizer, generator)

    return step


def written_generator_step(
    order: str, clear: bool = False, detach: bool = False, loss: Callable = nonsaturating
) -> Callable:
    """A step as students write it; `clear`: the discriminator's gradients are cleared behind it."""

    def step(generator, discriminator, optimizer, noise):
        fake = generator(noise)
        value = loss(discriminator(fake.detach() if detach else fake))
        update(value, optimizer, order)
        if clear:
            discriminator.zero_grad()
        return value.detach()

    return step


def image_as_logit(generator, discriminator, optimizer, noise):
    value = bce(generator(noise), 1.0).mean()
    return apply_gradients(value, optimizer, generator)


def moves_both(generator, discriminator, optimizer, noise):
    loss = nonsaturating(discriminator(generator(noise)))
    parameters = list(discriminator.parameters())
    found = torch.autograd.grad(loss, parameters, retain_graph=True)
    apply_gradients(loss, optimizer, generator)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, found, strict=True):
            parameter -= 0.01 * gradient
    return loss.detach()


EXERCISE = Exercise(
    name="first_gan.generator_step",
    signature="(generator, discriminator, optimizer, noise)",
    oracle=generator_variant(),
    cases=lambda g: step_cases(g, {"noise 1": (6, LATENT), "noise 2": (4, LATENT)}),
    call=STEP.drive,
    facts=STEP.facts,
    entry="entry",
    slow=True,
    misconceptions=(
        Misconception(
            "gradients_left_in_discriminator",
            written_generator_step("zbs"),
            "The loss goes through the discriminator, so backward() filled its .grad on the way; "
            "the discriminator's next step would start from there if it did not clear first. Clear "
            "them, or ask backward for the generator's inputs only.",
        ),
        Misconception(
            "detached",
            written_generator_step("zbs", detach=True),
            "The generator does not move: its images were cut from the graph. Here the gradient "
            "must pass through the discriminator into the generator; detach belongs into the other "
            "step.",
        ),
        Misconception(
            "nothing_moves",
            written_generator_step("", clear=True),
            NOTHING_MOVES + " Or were the generated images cut from the graph?",
        ),
        Misconception(
            "zero_grad_forgotten", written_generator_step("bs", clear=True), OLD_GRADIENTS
        ),
        Misconception(
            "zero_grad_forgotten_and_left",
            written_generator_step("bs"),
            "Two things: old gradients of the generator are not cleared before backward(), and the "
            "discriminator's .grad is left full after it.",
        ),
        Misconception(
            "saturating",
            generator_variant(lambda f: -bce(f, 0.0).mean()),
            "This is log(1 - D), the game's own loss, whose gradient dies where the discriminator "
            "is sure. The non-saturating loss asks for the label «real»: -log D.",
        ),
        Misconception(
            "saturating_and_left",
            written_generator_step("zbs", loss=lambda f: -bce(f, 0.0).mean()),
            "Two things: this is the saturating log(1 - D), where -log D is wanted, and the "
            "discriminator's .grad is left full.",
        ),
        Misconception(
            "label_fake",
            generator_variant(lambda f: bce(f, 0.0).mean()),
            "The fakes carry the label 0, so the generator learns to be caught. In its own loss "
            "they carry the label of real images.",
        ),
        Misconception(
            "discriminator_loss",
            generator_variant(lambda f: bce(f, 1.0).mean() + bce(f, 0.0).mean()),
            "Here stands the discriminator's whole loss. The generator has one wish: that its "
            "images be called real.",
        ),
        Misconception(
            "no_logarithm",
            generator_variant(lambda f: -f.sigmoid().mean()),
            "Here stands D itself, without the logarithm. Where D is nearly 0, so is its slope, "
            "and nothing is learned.",
        ),
        Misconception(
            "critic_loss",
            generator_variant(lambda f: -f.mean()),
            "Minus the mean logit is the loss of a Wasserstein critic. Here it is -log D, the "
            "cross-entropy of the logits with the label 1.",
        ),
        Misconception(
            "ascends",
            generator_variant(lambda f: -nonsaturating(f)),
            "The sign is turned round: the optimizer minimizes, so minimize -log D.",
        ),
        Misconception(
            "sigmoid_twice",
            generator_variant(lambda f: nonsaturating(f.sigmoid())),
            SIGMOID_BEFORE_LOSS,
        ),
        Misconception(
            "summed",
            generator_variant(lambda f: bce(f, 1.0).sum()),
            "The batch was added up; take its mean, so that the step does not grow with its size.",
        ),
        Misconception(
            "overflows",
            generator_variant(lambda f: -f.sigmoid().log().mean()),
            STABLE,
        ),
        Misconception(
            "image_as_logit",
            image_as_logit,
            "The generated images went into the loss in the place of logits, so all pixels are "
            "pulled to white. Only the discriminator's verdict on them belongs there.",
        ),
        Misconception(
            "discriminator_moves",
            moves_both,
            "The discriminator moved, too. In this step it is the judge and stays as it is; "
            "otherwise it learns to call the fakes real.",
        ),
        Misconception(
            "own_noise",
            generator_variant(draw=torch.randn_like),
            OWN_NOISE,
        ),
        Misconception(
            "discriminator_left_frozen",
            leaving(
                generator_variant(),
                lambda _, discriminator, *rest: discriminator.requires_grad_(False),
            ),
            "requires_grad stays off in the discriminator, which its own next step cannot train "
            "then. Switch it on again before you return.",
        ),
        Misconception(
            "discriminator_left_in_eval",
            leaving(generator_variant(), lambda _, discriminator, *rest: discriminator.eval()),
            "The discriminator is left in eval mode. This step should change no mode.",
        ),
    ),
    hints=(
        "The generator is judged by the discriminator's verdict. Which verdict would it like best?",
        "Non-saturating: the cross-entropy of the fakes' logits with the label «real», by a loss "
        "that takes logits. Nothing may be detached on the way.",
        "backward() also writes into the discriminator's .grad. discriminator.zero_grad() "
        "afterwards clears it; backward(inputs=…) with a list of the generator's parameters never "
        "writes it.",
    ),
)
