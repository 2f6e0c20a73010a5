"""Check of `invert`: what is made of the latents that came back, and what stayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception
from ..observing import Handed
from .seen_networks import Seen, form_of, made_inputs, name_asked, name_change, squared_error


def inversion_cases(generator: torch.Generator) -> list[Case]:
    nothing = made_inputs(generator, 2, [3, 4], steps=0)
    still = made_inputs(generator, 3, [4, 3], steps=5, rate=0.0)
    return [
        Case(made_inputs(generator, 4, [5, 4]), "8 steps, learning rate 0.1"),
        Case(made_inputs(generator, 1, [4, 3], steps=6), "one image, 6 steps"),
        Case(nothing, "steps = 0", extreme=True),
        Case(still, "learning rate 0", extreme=True),
    ]


def call_invert(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """Twice, the second time with another last image: no image may move another's latents."""
    size = list(inputs["images"].shape[2:])
    record: dict[str, Any] = {}
    for label in ("", "other "):
        network, images = Seen(inputs["weight"], size), inputs["images"]
        if label:
            images = torch.cat([images[:-1], -images[-1:]])
        rest = (inputs["steps"], inputs["learning_rate"], inputs["z"])
        z = answer(network, images, *rest)
        if z is Ellipsis:
            return Handed(z)
        record[f"{label}z"] = z.detach() if isinstance(z, Tensor) else z
        record |= {} if label else look_at(network, z)
    return record


def look_at(network: Seen, z: Any) -> dict[str, Any]:
    return {
        "graph": isinstance(z, Tensor) and z.requires_grad,
        "asked": network.asked,
        "weight": network.weight.detach(),
        "training": network.training,
    }


def inversion_facts(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    z, start, images = outputs["z"], inputs["z"], inputs["images"]
    facts: dict[str, Any] = {"what comes back for z": form_of(z, start)}
    if facts["what comes back for z"] != "finite numbers":
        return facts
    facts["the network's weights stay as they are"] = torch.equal(
        outputs["weight"], inputs["weight"]
    )
    facts["the network stays in its mode"] = bool(outputs["training"])
    before, after = (
        squared_error(Seen(inputs["weight"], images.shape[2:])(each), images)
        for each in (start, z.float())
    )
    facts["the images of z"] = name_change(before.detach(), after.detach())
    facts["the gradients taken"] = name_asked(outputs["asked"] / len(images), inputs["steps"])
    if len(images) > 1 and isinstance(outputs["other z"], Tensor):
        kept = torch.allclose(outputs["other z"][:-1].float(), z[:-1].float(), atol=1e-4)
        facts["another image leaves the latents of the others alone"] = kept
    facts["z comes back without a graph"] = not outputs["graph"]
    return facts


def by_rprop(network: nn.Module, images: Tensor, steps: int, learning_rate: float, z: Tensor):
    """Signs of the gradient alone, with a pace of its own for each latent."""
    pace, before = torch.full_like(z, learning_rate), torch.zeros_like(z)
    for _ in range(steps):
        z = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad((network(z) - images).square().sum(), z)
        pace = pace * torch.where(
            slope * before > 0, 1.2, torch.where(slope * before < 0, 0.5, 1.0)
        )
        z, before = z - pace * slope.sign(), slope
    return z.detach().clone()


def with_adam(
    loss: Callable = lambda fake, images: (fake - images).square().flatten(1).sum(1).sum(),
    start: Callable = lambda z: z.detach().clone(),
    moved: Callable = lambda network, z: [z],
    finish: Callable = lambda network, z: z.detach(),
    steps_of: Callable = lambda steps: steps,
    rate_of: Callable = lambda rate: rate,
    see: Callable = lambda network, z: network(z),
    ascend: bool = False,
) -> Callable:
    """invert whose parts a mistake can replace."""

    def answer(generator, images, steps, learning_rate, z):
        z = start(z).requires_grad_()
        optimizer = torch.optim.Adam(moved(generator, z), rate_of(learning_rate), maximize=ascend)
        for _ in range(steps_of(steps)):
            optimizer.zero_grad()
            loss(see(generator, z), images).backward()
            optimizer.step()
        return finish(generator, z)

    return answer


def weights_alone(generator, images, steps, learning_rate, z):
    """As in training: z is a constant."""
    optimizer = torch.optim.Adam(generator.parameters(), learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        (generator(z) - images).square().sum().backward()
        optimizer.step()
    return z.clone()


def in_place(generator, images, steps, learning_rate, z):
    moved = with_adam()(generator, images, steps, learning_rate, z)
    z.copy_(moved)
    return z


def left_requiring(generator, images, steps, learning_rate, z):
    """The caller's own z becomes the leaf that is optimized."""
    z.requires_grad_()
    optimizer = torch.optim.Adam([z], learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        (generator(z) - images).square().sum().backward()
        optimizer.step()
    return z.detach()


def in_eval(network: nn.Module, z: Tensor) -> Tensor:
    network.eval()
    return z.detach()


def stopped(generator, images, steps, learning_rate, z):
    """A leaf in no graph: the loss cannot be differentiated."""
    with torch.no_grad():
        images_of_z = generator(z)
    (images_of_z - images).square().sum().backward()
    return z


def plain_copy(generator, images, steps, learning_rate, z):
    z = z.clone()
    optimizer = torch.optim.Adam([z], learning_rate)
    for _ in range(max(steps, 1)):
        (generator(z.detach()) - images).square().sum().backward()
        optimizer.step()
    return z


def stepped_once(generator, images, steps, learning_rate, z):
    return with_adam(steps_of=lambda steps: min(steps, 1))(
        generator, images, steps, learning_rate, z
    )


EXERCISE = Exercise(
    name="editing.invert",
    signature="(generator, images, steps, learning_rate, z)",
    outputs=("z",),
    oracle=by_rprop,
    cases=inversion_cases,
    call=call_invert,
    facts=inversion_facts,
    slow=True,
    misconceptions=(
        Misconception(
            "images_returned",
            with_adam(finish=lambda network, z: network(z).detach()),
            "Images came back. The latents are wanted: who has them can make the images, and edit.",
        ),
        Misconception(
            "start_and_end",
            with_adam(finish=lambda network, z: (z.detach(), network(z).detach())),
            "Two things came back. The latents alone are wanted.",
        ),
        Misconception(
            "generator_trained",
            with_adam(moved=lambda network, z: network.parameters()),
            "The optimizer moves the generator's weights and not the latents. The generator stays "
            "as it is: the one thing to learn is z.",
            also=(weights_alone,),
        ),
        Misconception(
            "both_trained",
            with_adam(moved=lambda network, z: [z, *network.parameters()]),
            "The optimizer moves the generator's weights along with the latents. The generator "
            "stays as it is, or it will fit these few images and forget the others.",
        ),
        Misconception(
            "ascended",
            with_adam(ascend=True),
            "The error grows: the step goes up the slope. Subtract the gradient, or minimize the "
            "error itself and not its negative. Or was nothing squared, so that being too dark is "
            "rewarded?",
            also=(with_adam(loss=lambda fake, images: -(fake - images).square().sum()),),
        ),
        Misconception(
            "start_returned",
            lambda generator, images, steps, learning_rate, z: with_adam(
                finish=lambda network, moved: z.clone()
            )(generator, images, steps, learning_rate, z),
            "The start came back: what the optimizer moves is not the tensor that is returned. Is "
            "one of them a copy of the other?",
        ),
        Misconception(
            "one_step",
            stepped_once,
            "One step was made, whatever `steps` says: the loop is missing, or return stands in "
            "it.",
        ),
        Misconception(
            "steps_ignored",
            with_adam(steps_of=lambda steps: 300),
            "Far more gradients are taken than `steps` says: a number is written in the loop.",
            also=(with_adam(steps_of=lambda steps: 400 + steps),),
        ),
        Misconception(
            "some_number_of_steps",
            with_adam(steps_of=lambda steps: 20),
            "With steps = 0 the start should come back as it is, and it moved: `steps` is not what "
            "the loop counts.",
            also=(with_adam(steps_of=lambda steps: steps + 1),),
        ),
        Misconception(
            "rate_ignored",
            with_adam(rate_of=lambda rate: 0.05),
            "With a learning rate of 0 nothing should move, and it does: the optimizer does not "
            "get learning_rate.",
        ),
        Misconception(
            "one_latent_for_all",
            with_adam(start=lambda z: z.detach().mean(dim=0, keepdim=True)),
            "One latent was optimized for all images. Each image has its own row of z.",
        ),
        Misconception(
            "images_in_common",
            with_adam(loss=lambda fake, images: (fake - images.mean(dim=0)).square().sum()),
            "A mean over the batch is compared, so that images move each other's latents. Compare "
            "image i with what row i of z makes, and then add.",
            also=(
                with_adam(loss=lambda fake, images: (fake.mean(0) - images.mean(0)).square().sum()),
            ),
        ),
        Misconception(
            "graph_kept",
            with_adam(finish=lambda network, z: z),
            "z came back as a leaf that still wants gradients. Detach it: who calls wants numbers.",
        ),
        Misconception(
            "z_changed_in_place",
            in_place,
            "The caller's z was overwritten. Optimize a copy: the start is needed to compare with.",
        ),
        Misconception(
            "z_left_requiring_gradients",
            left_requiring,
            "The caller's own z was optimized, and wants gradients now. Make a copy of it, "
            "detached, and let that one require gradients.",
        ),
        Misconception(
            "mode_changed",
            with_adam(finish=in_eval),
            "The generator was put into another mode. Whoever calls has chosen it.",
        ),
        Misconception(
            "graph_cut",
            stopped,
            "Nothing connects the loss with z: z does not require gradients, or its images were "
            "made under no_grad or of z.detach(). Let a copy of z require them, and make the "
            "images anew from it in every step.",
            error="does not require grad",
            also=(lambda g, x, n, rate, z: (g(z.detach()).detach() - x).square().sum().backward(),),
        ),
        Misconception(
            "images_made_once",
            lambda generator, images, steps, learning_rate, z: made_once(
                generator, images, max(steps, 2), learning_rate, z
            ),
            "The images were made once, before the loop, so the second backward() finds its graph "
            "gone. Make them anew from z in every step.",
            error="backward through the graph a second time",
        ),
        Misconception(
            "random_start",
            with_adam(start=torch.randn_like),
            "The start was drawn, and z is not used. It is the start: from the encoder, or one of "
            "several draws.",
            drawing=True,
        ),
    ),
    hints=(
        "What is the parameter here, and what is constant? In training it was the other way round.",
        "A detached clone of z that requires gradients can be given to an optimizer, alone in a "
        "list.",
        "In each step: the images of z, their squared error to `images`, backward, step. No "
        "network's weights are among what the optimizer moves.",
    ),
)


def made_once(generator, images, steps, learning_rate, z):
    z = z.detach().clone().requires_grad_()
    loss = (generator(z) - images).square().sum()
    optimizer = torch.optim.Adam([z], learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return z.detach()
