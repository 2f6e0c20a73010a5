"""What the cases share in which the wrong network moves: two kinds of exercise, and mistakes.

`d_step_exercise`: a step `(D, opt, x, fake)` of the discriminator. `d_loss_exercise`: its loss
`(G, D, x, z)`, whose gradient must not reach G. Each takes the mistake that was published. The
generator's step is in `generator_moves`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception, Plain
from ..first_gan.discriminator_loss import fake_term, game, real_term
from ..first_gan.steps import LATENT, SIDE, step_cases, tiny_networks
from ..group_losses import bce, group_mistakes, logit_mistakes, two_groups
from ..ready import adapted
from ..steps import fill_gradients, gradients, read_loss, weights
from ..training_steps import StepParts, step_exercise, update_mistakes
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
