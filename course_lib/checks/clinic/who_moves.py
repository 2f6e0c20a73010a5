"""What the cases share in which the wrong network moves: three kinds of exercise, and mistakes.

`d_step_exercise`: a step `(D, opt, x, fake)` of the discriminator. `d_loss_exercise`: its loss
`(G, D, x, z)`, whose gradient must not reach G. `g_step_exercise`: a step `(G, D, og, od, z)` of
the generator, with both optimizers at hand. Each takes the mistake that was published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception, Plain
from ..first_gan.discriminator_loss import fake_term, game, real_term
from ..first_gan.steps import LATENT, NETWORKS, SIDE, step_cases, tiny_networks
from ..group_losses import bce, group_mistakes, logit_mistakes, one_group_mistakes, two_groups
from ..ready import adapted
from ..steps import fill_gradients, gradients, read_loss, weights
from ..training_steps import StepParts, frozen_mistakes, step_exercise, update_mistakes
from ..wrong_steps import STABLE, apply_gradients

IMAGES = {"real 1": 6, "fake 1": 4, "real 2": 3, "fake 2": 7}

# ------------------------------------------------------- the discriminator's step


def discriminator_alone(inputs: Mapping[str, Any]) -> dict[str, nn.Module]:
    return {"discriminator": tiny_networks(inputs)["discriminator"]}


D_PARTS = StepParts(
    discriminator_alone,
    trained=("discriminator",),
    arguments=("real", "fake"),
    networks=("discriminator",),
)


def of_images(loss: Callable) -> Callable:
    """A loss of (real_logits, fake_logits) as one of the discriminator and the images."""
    return lambda discriminator, real, fake: loss(discriminator(real), discriminator(fake))


def d_having(loss: Callable) -> Callable:
    return D_PARTS.step(of_images(loss))


def d_reference(discriminator, optimizer, real, fake):
    return apply_gradients(of_images(game())(discriminator, real, fake), optimizer, discriminator)


def group_by_group(clears: bool, steps: bool) -> Callable:
    """A backward() for each group; between the two the gradients are cleared, a step is taken."""

    def step(discriminator, optimizer, real, fake):
        losses = []
        optimizer.zero_grad()
        for images, label in ((real, 1.0), (fake, 0.0)):
            losses.append(bce(discriminator(images), label).mean())
            if clears:
                optimizer.zero_grad()
            losses[-1].backward()
            if steps or label == 0.0:
                optimizer.step()
        return sum(losses).detach()

    return step


OTHER_LABELS = (
    Misconception(
        "all_called_fake",
        d_having(lambda r, f: bce(r, 0.0).mean() + bce(f, 0.0).mean()),
        "Both groups carry the label 0, the reals too. They are real: their label is 1.",
    ),
    Misconception(
        "smoothed",
        d_having(lambda r, f: bce(r, 0.9).mean() + bce(f, 0.0).mean()),
        "The label of the reals was smoothed, 0.9. That is a cure of its own; here it is 1.",
        also=(
            d_having(lambda r, f: bce(r, 0.9).mean() + bce(f, 0.1).mean()),
            d_having(lambda r, f: bce(r, 0.8).mean() + bce(f, 0.0).mean()),
        ),
    ),
)
HALF_STEPS = (
    Misconception(
        "two_steps",
        group_by_group(clears=True, steps=True),
        "Reals and fakes each had a step of their own, so the fakes met a judge that had moved. "
        "Add both losses, then take one step.",
        also=(group_by_group(clears=False, steps=True),),
    ),
    Misconception(
        "cleared_between",
        group_by_group(clears=True, steps=False),
        "The gradients were cleared between the two backward() calls, so the reals' are gone "
        "before the step. Clear once, before both.",
    ),
)


def d_step_exercise(
    name: str, published: Misconception, instead_of: tuple[str, ...], hints: tuple[str, ...]
) -> Exercise:
    """`published` stands first; of the ready mistakes those of the names `instead_of` are it."""
    images = {key: (count, 1, SIDE, SIDE) for key, count in IMAGES.items()}
    declared = step_exercise(
        D_PARTS,
        name=name,
        oracle=d_reference,
        cases=lambda g: step_cases(g, images),
        misconceptions=(
            published,
            Misconception(
                "least_squares",
                d_having(two_groups(lambda r: (r - 1).square(), torch.square)),
                "These are squared errors. Here it is the cross-entropy of the logits.",
            ),
            *OTHER_LABELS,
            *HALF_STEPS,
            *adapted(
                group_mistakes(real_term, fake_term),
                by=d_having,
                leave_out=instead_of,
                all_called_real="Both groups carry the label 1. That is the generator's wish for "
                "its fakes; the discriminator is trained on the truth, 0.",
            ),
            *adapted(logit_mistakes(game), by=d_having, overflows=STABLE),
            *update_mistakes(D_PARTS, of_images(game())),
        ),
        hints=hints,
    )
    return replace(declared, signature="(D, opt, x, fake)")


# ------------------------------------------------------- the discriminator's loss


def call_loss(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """The loss, and whose .grad its backward() fills."""
    generator, discriminator = tiny_networks(inputs).values()
    for network in (generator, discriminator):
        fill_gradients(network, 0.0)
    before = weights(generator), weights(discriminator)
    loss = answer(generator, discriminator, inputs["x"], inputs["z"])
    if loss is Ellipsis:
        return loss
    kind, value = read_loss(loss, before[0].dtype)
    graph = isinstance(loss, Tensor) and loss.requires_grad
    early = bool(gradients(discriminator).any() or gradients(generator).any())
    if graph and loss.numel() == 1 and not early:
        loss.backward()
    stays = torch.equal(before[0], weights(generator))
    return {
        "kind": kind,
        "value": value,
        "graph": graph,
        "early": early,
        "stays": stays and torch.equal(before[1], weights(discriminator)),
        "generator": gradients(generator),
        "discriminator": gradients(discriminator),
        "open": all(p.requires_grad for p in generator.parameters()),
    }


def loss_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    facts: dict[str, Plain] = {
        "what comes back": outputs["kind"],
        "the loss comes with a graph, for the caller's backward()": outputs["graph"],
        "d_loss only computes: it fills no .grad itself": not outputs["early"],
        "no weight moves": outputs["stays"],
        "backward() brings no gradient to G": not outputs["generator"].any(),
        "G's parameters still require gradients": outputs["open"],
    }
    if outputs["value"] is not None:
        facts["the loss"] = outputs["value"]
    return facts | {"the gradient that reaches D": outputs["discriminator"]}


def of_noise(loss: Callable, cut: Callable = Tensor.detach) -> Callable:
    return lambda G, D, x, z: loss(D(x), D(cut(G(z))))


def loss_reference(G, D, x, z):
    with torch.no_grad():
        fake = G(z)
    return game()(D(x), D(fake))


def loss_cases(g: torch.Generator) -> list[Case]:
    def case(reals: int, fakes: int, about: str) -> Case:
        made = step_cases(g, {"x": (reals, 1, SIDE, SIDE), "z": (fakes, LATENT)})[0].inputs
        kept = {k: v for k, v in made.items() if k not in ("optimizer", "old_gradients")}
        return Case(kept, about)

    sure = case(3, 5, "logits near -400")
    sure.inputs["discriminator weights"][-1] = -400.0
    return [
        case(6, 4, "6 reals, 4 fakes"),
        case(2, 5, "2 reals, 5 fakes"),
        replace(sure, extreme=True),
    ]


def leaves_frozen(G, D, x, z):
    G.requires_grad_(False)
    return game()(D(x), D(G(z)))


def calls_backward(G, D, x, z):
    loss = loss_reference(G, D, x, z)
    loss.backward(retain_graph=True)
    return loss


def d_loss_exercise(name: str, published: Misconception, hints: tuple[str, ...]) -> Exercise:
    return Exercise(
        name=name,
        signature="(G, D, x, z)",
        oracle=loss_reference,
        cases=loss_cases,
        call=call_loss,
        facts=loss_facts,
        entry="entry",
        slow=True,
        misconceptions=(
            published,
            Misconception(
                "logits_cut_off",
                lambda G, D, x, z: game()(D(x), D(G(z)).detach()),
                "The graph was cut behind D, so D learns from the reals alone. Cut it in front of "
                "D, at the fakes.",
            ),
            Misconception(
                "no_graph",
                lambda G, D, x, z: loss_reference(G, D, x, z).detach(),
                "Everything was computed without a graph, D's verdicts too: nothing can be trained "
                "with it. Only the making of the fakes belongs there.",
            ),
            Misconception(
                "G_left_frozen",
                leaves_frozen,
                "G was frozen to keep the gradient out, and stays frozen: its own step can never "
                "train it. Cut the graph at the fakes, which leaves nothing behind.",
            ),
            Misconception(
                "backward_inside",
                calls_backward,
                "The loss is right, and d_loss has called backward() on it already. It computes; "
                "the caller decides what is done with it.",
            ),
            Misconception(
                "leak_and_fakes_called_real",
                of_noise(lambda r, f: bce(r, 1.0).mean() + bce(f, 1.0).mean(), lambda t: t),
                "Two things: the gradient runs on into G, and the fakes carry the label 1, which "
                "is the generator's wish. D is told the truth, 0.",
            ),
            *adapted(group_mistakes(real_term, fake_term), by=of_noise),
            *adapted(logit_mistakes(game), by=of_noise, overflows=STABLE),
        ),
        hints=hints,
    )


# ------------------------------------------------------------ the generator's step

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
