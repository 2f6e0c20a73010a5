"""Check of `generator_step`. Oracle: torch.autograd.grad."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..declare import Misconception
from ..group_losses import bce, logit_mistakes, one_group_mistakes
from ..ready import adapted
from ..training_steps import StepParts, frozen_mistakes, own_noise, step_exercise, update_mistakes
from ..wrong_steps import NOTHING_MOVES, STABLE, apply_gradients
from .steps import LATENT, NETWORKS, OWN_NOISE, step_cases, tiny_networks

PARTS = StepParts(tiny_networks, trained=("generator",), arguments=("noise",), networks=NETWORKS)


def nonsaturating(term: Callable = bce) -> Callable:
    return lambda fake_logits: term(fake_logits, 1.0).mean()


def saturating(fake_logits: Tensor) -> Tensor:
    return -bce(fake_logits, 0.0).mean()


def judged(loss: Callable, detach: bool = False) -> Callable:
    """A loss of the fakes' logits as one of networks and noise."""

    def value(generator, discriminator, noise):
        fake = generator(noise)
        return loss(discriminator(fake.detach() if detach else fake))

    return value


def having(loss: Callable) -> Callable:
    """A step that has another loss and is right otherwise."""
    return PARTS.step(judged(loss))


def leaving_gradients(loss: Callable, order: str = "zbs", detach: bool = False) -> Callable:
    """By a plain backward(), which fills the discriminator's gradients as well."""
    return PARTS.step(judged(loss, detach), order, everywhere=True)


def reference_step(generator, discriminator, optimizer, noise):
    value = judged(nonsaturating())(generator, discriminator, noise)
    return apply_gradients(value, optimizer, generator)


def moves_both(generator, discriminator, optimizer, noise):
    loss = judged(nonsaturating())(generator, discriminator, noise)
    parameters = list(discriminator.parameters())
    found = torch.autograd.grad(loss, parameters, retain_graph=True)
    apply_gradients(loss, optimizer, generator)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, found, strict=True):
            parameter -= 0.01 * gradient
    return loss.detach()


def moves_both_by_backward(generator, discriminator, optimizer, noise):
    loss = leaving_gradients(nonsaturating())(generator, discriminator, optimizer, noise)
    torch.optim.SGD(discriminator.parameters(), lr=0.01).step()
    return loss.detach()


RIGHT = judged(nonsaturating())

EXERCISE = step_exercise(
    PARTS,
    name="first_gan.generator_step",
    oracle=reference_step,
    cases=lambda g: step_cases(g, {"noise 1": (6, LATENT), "noise 2": (4, LATENT)}),
    misconceptions=(
        Misconception(
            "gradients_left_in_discriminator",
            leaving_gradients(nonsaturating()),
            "The loss goes through the discriminator, so backward() filled its .grad on the way; "
            "the discriminator's next step would start from there if it did not clear first. Clear "
            "them, or ask backward for the generator's inputs only.",
        ),
        Misconception(
            "detached",
            leaving_gradients(nonsaturating(), detach=True),
            "The generator does not move: its images were cut from the graph. Here the gradient "
            "must pass through the discriminator into the generator; detach belongs into the other "
            "step.",
        ),
        Misconception(
            "zero_grad_forgotten_and_left",
            leaving_gradients(nonsaturating(), "bs"),
            "Two things: old gradients of the generator are not cleared before backward(), and the "
            "discriminator's .grad is left full after it.",
        ),
        Misconception(
            "saturating",
            having(saturating),
            "This is log(1 - D), the game's own loss, whose gradient dies where the discriminator "
            "is sure. The non-saturating loss asks for the label «real»: -log D.",
        ),
        Misconception(
            "saturating_and_left",
            leaving_gradients(saturating),
            "Two things: this is the saturating log(1 - D), where -log D is wanted, and the "
            "discriminator's .grad is left full.",
        ),
        Misconception(
            "label_fake",
            having(lambda f: bce(f, 0.0).mean()),
            "The fakes carry the label 0, so the generator learns to be caught. In its own loss "
            "they carry the label of real images.",
        ),
        Misconception(
            "discriminator_loss",
            having(lambda f: bce(f, 1.0).mean() + bce(f, 0.0).mean()),
            "Here stands the discriminator's whole loss. The generator has one wish: that its "
            "images be called real.",
        ),
        Misconception(
            "least_squares",
            having(lambda f: (f - 1).square().mean()),
            "This is a squared error, the loss of a least-squares GAN. Here it is -log D.",
            also=(having(lambda f: (f.sigmoid() - 1).square().mean()),),
        ),
        Misconception(
            "smoothed",
            having(lambda f: bce(f, 0.9).mean()),
            "The fakes' label is smoothed. That is for the reals in the discriminator's loss; here "
            "the label is 1.",
        ),
        Misconception(
            "image_as_logit",
            PARTS.step(lambda generator, _, noise: bce(generator(noise), 1.0).mean()),
            "The generated images went into the loss in the place of logits, so all pixels are "
            "pulled to white. Only the discriminator's verdict on them belongs there.",
        ),
        Misconception(
            "discriminator_moves",
            moves_both,
            "The discriminator moved, too. In this step it is the judge and stays as it is; "
            "otherwise it learns to call the fakes real.",
            also=(moves_both_by_backward,),
        ),
        *adapted(
            one_group_mistakes(lambda f: bce(f, 1.0)),
            by=having,
            leave_out=("not_reduced",),
            sign="The sign is turned round: the optimizer minimizes, so minimize -log D.",
        ),
        *adapted(
            logit_mistakes(nonsaturating),
            by=having,
            overflows=STABLE,
            no_logarithm="Here stands D itself, without the logarithm. Where D is nearly 0, so is "
            "its slope, and nothing is learned.",
        ),
        *adapted(
            update_mistakes(PARTS, RIGHT),
            nothing_moves=NOTHING_MOVES + " Or were the generated images cut from the graph?",
        ),
        *frozen_mistakes(PARTS, RIGHT),
        own_noise(PARTS, RIGHT, OWN_NOISE, lambda noise: (torch.randn_like(noise),)),
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
