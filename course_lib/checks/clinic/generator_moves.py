"""The cases of a generator's step `(G, D, og, od, z)`, with both optimizers at hand; mistakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from ..declare import Exercise, Misconception
from ..first_gan.steps import LATENT, NETWORKS, step_cases, tiny_networks
from ..group_losses import bce, logit_mistakes, one_group_mistakes
from ..ready import adapted
from ..training_steps import StepParts, frozen_mistakes, step_exercise, update_mistakes
from ..wrong_steps import STABLE, apply_gradients

G_PARTS = StepParts(
    tiny_networks,
    trained=("generator",),
    arguments=("noise",),
    networks=NETWORKS,
    may_keep_gradients=("discriminator",),
)


def drive_with_both(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """The course's driver, whose step gets an optimizer of D as well."""

    def step(generator, discriminator, optimizer, noise):
        other = torch.optim.SGD(discriminator.parameters(), lr=0.1)
        return answer(generator, discriminator, optimizer, other, noise)

    return G_PARTS.drive(step, inputs)


def both(step: Callable) -> Callable:
    """A step (G, D, og, z) with the signature (G, D, og, od, z)."""
    return lambda G, D, og, od, z: step(G, D, og, z)


def verdict(loss: Callable) -> Callable:
    """A loss of the fakes' logits as one of networks and noise."""
    return lambda generator, discriminator, noise: loss(discriminator(generator(noise)))


def nonsaturating(term: Callable = bce) -> Callable:
    return lambda fake_logits: term(fake_logits, 1.0).mean()


def g_having(loss: Callable) -> Callable:
    return both(G_PARTS.step(verdict(loss)))


def on_images(loss: Callable) -> Callable:
    """A step whose loss looks at the images themselves."""
    return both(G_PARTS.step(lambda generator, _, noise: loss(generator(noise))))


def g_reference(G, D, og, od, z):
    return apply_gradients(verdict(nonsaturating())(G, D, z), og, G)


def moves_both(G, D, og, od, z):
    loss = verdict(nonsaturating())(G, D, z)
    for optimizer in (og, od):
        optimizer.zero_grad()
    loss.backward()
    og.step()
    od.step()
    return loss.detach()


def steps_d_alone(G, D, og, od, z):
    loss = verdict(nonsaturating())(G, D, z)
    od.zero_grad()
    loss.backward()
    od.step()
    return loss.detach()


def trains_both(G, D, og, od, z, before=True):
    """D's step on the fakes, and G's; D's goes first, or last."""
    fake = G(z)

    def train_d():
        d_loss = bce(D(fake.detach()), 0.0).mean()
        od.zero_grad()
        d_loss.backward()
        od.step()

    if before:
        train_d()
    loss = nonsaturating()(D(fake))
    og.zero_grad()
    loss.backward()
    og.step()
    if not before:
        train_d()
    return loss.detach()


def detached(G, D, og, od, z):
    loss = nonsaturating()(D(G(z).detach()))
    og.zero_grad()
    loss.backward()
    og.step()
    return loss.detach()


def returns_images(G, D, og, od, z):
    images = G(z)
    og.zero_grad()
    og.step()
    return images


D_MOVES = Misconception(
    "discriminator_moves",
    moves_both,
    "D moved as well, and this loss teaches it to call fakes real. In this step it is the judge: "
    "the gradient passes through it, and only G takes a step.",
)
LABEL_AS_IMAGE = Misconception(
    "label_as_image",
    on_images(lambda images: (images - 1).square().mean()),
    "The images themselves are compared with the label 1, so every pixel is pulled to white. The "
    "label is the answer that D shall give: the loss belongs on D's verdict.",
)
LABEL_ROWS = Misconception(
    "label_rows",
    on_images(lambda images: (images - torch.ones(len(images), 1)).square().mean()),
    "A label for each image, (B, 1), was compared with the images themselves, (B, 1, H, W): "
    "broadcasting lines up rows of the batch with rows of an image, which fails here and fits by "
    "luck where there are as many of them. The label is compared with D's verdict.",
    error="must match the size of tensor",
)
IMAGE_AS_LOGIT = Misconception(
    "image_as_logit",
    on_images(nonsaturating()),
    "The images went into the loss where logits belong: tanh's values are taken for verdicts, all "
    "pixels go to white, and D is never asked. The loss belongs on D's verdict.",
)
NO_LOSS = Misconception(
    "no_loss",
    returns_images,
    "Images came back and nothing moved: step() found no gradients, and says nothing then. Make a "
    "loss of D's verdict, send it backward, and return the loss.",
)
PUBLISHED = (LABEL_AS_IMAGE, LABEL_ROWS, IMAGE_AS_LOGIT, NO_LOSS, D_MOVES)


def g_step_exercise(name: str, published: Misconception, hints: tuple[str, ...]) -> Exercise:
    right = verdict(nonsaturating())
    pool = tuple(m for m in PUBLISHED if m.name != published.name)
    declared = step_exercise(
        G_PARTS,
        name=name,
        oracle=g_reference,
        cases=lambda g: step_cases(g, {"noise 1": (6, LATENT), "noise 2": (4, LATENT)}),
        misconceptions=(
            published,
            *pool,
            Misconception(
                "discriminator_moves_alone",
                steps_d_alone,
                "Only D took a step, and it learned to call fakes real. Here G moves and D stands "
                "still.",
            ),
            Misconception(
                "discriminator_trained_too",
                trains_both,
                "The discriminator's own step is in here as well. It has its turn elsewhere: this "
                "step moves G alone.",
                also=(lambda *given: trains_both(*given, before=False),),
            ),
            Misconception(
                "stands_still",
                both(G_PARTS.step(right, "")),
                "The loss is right and G does not move: the images were cut from the graph "
                "(detach, no_grad, NumPy), or backward() or og.step() is missing, or zero_grad() "
                "stands between the two.",
                also=(detached,),
            ),
            Misconception(
                "saturating",
                g_having(lambda f: -bce(f, 0.0).mean()),
                "This is log(1 - D), whose gradient dies where D is sure. Ask for -log D.",
            ),
            Misconception(
                "label_fake",
                g_having(lambda f: bce(f, 0.0).mean()),
                "The fakes carry the label 0, so G learns to be caught. In its own loss they carry "
                "the label of real images.",
            ),
            Misconception(
                "discriminator_loss",
                g_having(lambda f: bce(f, 1.0).mean() + bce(f, 0.0).mean()),
                "The fakes carry both labels. G has one wish: that its images be called real.",
            ),
            Misconception(
                "least_squares",
                g_having(lambda f: (f - 1).square().mean()),
                "D's verdict is compared with 1 by a squared error. The text asks for -log D.",
                also=(g_having(lambda f: (f.sigmoid() - 1).square().mean()),),
            ),
            *adapted(
                one_group_mistakes(lambda f: bce(f, 1.0)), by=g_having, leave_out=("not_reduced",)
            ),
            *adapted(logit_mistakes(nonsaturating), by=g_having, overflows=STABLE),
            *adapted(update_mistakes(G_PARTS, right), by=both, leave_out=("nothing_moves",)),
            *adapted(frozen_mistakes(G_PARTS, right), by=both),
        ),
        hints=hints,
    )
    return replace(declared, signature="(G, D, og, od, z)", call=drive_with_both)


G_HINTS = (
    "Follow one image: from G, to whom? Who says whether it was good?",
    "The loss is the cross-entropy of D's logits for the fakes with the label «real», and nothing "
    "is cut on the way back to G.",
    "Only og takes a step. What backward() leaves in D's .grad is cleared before D's own step.",
)
