"""Check of `inpaint`: what stands where pixels were known, and where the hole's came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..observing import Handed
from .seen_networks import Seen, form_of, made_inputs, name_asked, name_change, squared_error

BRIGHTER = 0.4


def hole_cases(generator: torch.Generator) -> list[Case]:
    def inputs(batch: int, size: list[int], **settings) -> dict:
        made = made_inputs(generator, batch, size, **settings)
        mask = torch.ones(batch, 1, *size)
        for which, part in enumerate(mask):
            top, left = which % 2, (which + 1) % 2
            part[0, top : top + size[0] // 2, left : left + size[1] // 2] = 0
        order = "images", "mask", "steps", "learning_rate", "z"
        made["mask"] = mask
        return {"weight": made["weight"]} | {name: made[name] for name in order}

    whole = inputs(2, [4, 4])
    whole["mask"] = torch.ones_like(whole["mask"])
    return [
        Case(inputs(4, [6, 5]), "8 steps, a hole in each image"),
        Case(inputs(1, [5, 6], steps=6), "one image, 6 steps"),
        Case(inputs(2, [4, 5], steps=0), "steps = 0", extreme=True),
        Case(inputs(2, [5, 4], rate=0.0), "learning rate 0", extreme=True),
        Case(whole, "every pixel known", extreme=True),
    ]


def call_inpaint(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """Three times: as it is, with other numbers in the holes, and by a decoder that is brighter
    there where no image is known: by so much the holes must become brighter, and nothing else."""
    size, mask = list(inputs["images"].shape[2:]), inputs["mask"]
    more = BRIGHTER * (1 - mask).amin(dim=0, keepdim=True).detach()
    record: dict[str, Any] = {}
    for label in ("", "other hole ", "other decoder "):
        network = Seen(inputs["weight"], size, more if label == "other decoder " else 0.0)
        images = inputs["images"]
        if label == "other hole ":
            images = torch.where(mask > 0, images, 0.3 - images).detach()
        rest = (inputs["steps"], inputs["learning_rate"], inputs["z"])
        filled = answer(network, images, mask, *rest)
        if filled is Ellipsis:
            return Handed(filled)
        record[f"{label}images"] = filled.detach() if isinstance(filled, Tensor) else filled
        if not label:
            record |= {
                "graph": isinstance(filled, Tensor) and filled.requires_grad,
                "asked": network.asked,
                "gave": torch.cat([images[:0], *network.gave]),
                "weight": network.weight.detach(),
            }
    return record


def hole_facts(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    filled, images, mask = outputs["images"], inputs["images"], inputs["mask"]
    facts: dict[str, Any] = {"what comes back": form_of(filled, images)}
    if facts["what comes back"] != "finite numbers":
        return facts
    facts["the decoder's weights stay as they are"] = torch.equal(
        outputs["weight"], inputs["weight"]
    )
    gave, hole = outputs["gave"], 1 - mask
    facts["known pixels"] = name_known(filled, images, mask, gave)
    made = found_among(gave, filled, hole)
    facts["the hole"] = name_hole(filled, images, hole, made)
    if made is not None and hole.any():
        start = Seen(inputs["weight"], list(images.shape[2:]))(inputs["z"]).detach()
        before, after = (squared_error(each * mask, images * mask) for each in (start, made))
        facts["the known pixels of the decoder's images"] = name_change(before, after)
    facts["the gradients taken"] = name_asked(outputs["asked"] / len(images), inputs["steps"])
    other, brighter = outputs["other hole images"], outputs["other decoder images"]
    if isinstance(other, Tensor) and other.shape == filled.shape:
        facts["other pixels in the hole change"] = name_parts(other, filled, mask)
    if isinstance(brighter, Tensor) and brighter.shape == filled.shape:
        more = BRIGHTER * hole.amin(dim=0, keepdim=True)
        facts["what the decoder draws in the hole has no say in the search"] = matches(
            brighter * hole, (filled + more) * hole
        )
    facts["the images come back without a graph"] = not outputs["graph"]
    return facts


def name_known(filled: Tensor, images: Tensor, mask: Tensor, gave: Tensor) -> str:
    if ((filled - images) * mask == 0).all():
        return "exactly kept"
    if found_among(gave, filled, mask) is not None:
        return "of the decoder"
    return (
        "with the decoder's added"
        if found_among(gave, filled - images, mask) is not None
        else ("changed")
    )


def name_hole(filled: Tensor, images: Tensor, hole: Tensor, made: Tensor | None) -> str:
    if not hole.any():
        return "there is none"
    if matches(filled * hole, images * hole):
        return "what stood there before"
    if (filled * hole).abs().max() == 0:
        return "empty"
    return "of the decoder" if made is not None else "something else"


def found_among(gave: Tensor, filled: Tensor, part: Tensor) -> Tensor | None:
    """For each image the last of the decoder's images that is the same on that part, if any."""
    rows = []
    for image, where in zip(filled.float(), part, strict=True):
        same = ((gave - image) * where).abs().flatten(1).amax(dim=1) < 1e-4
        if not same.any():
            return None
        rows.append(gave[same.nonzero()[-1, 0]])
    return torch.stack(rows)


def name_parts(one: Tensor, other: Tensor, mask: Tensor) -> str:
    """Where two results differ, beside the known pixels that were given otherwise."""
    parts = {"known pixels": mask, "the hole": 1 - mask}
    differ = [name for name, part in parts.items() if not matches(one * part, other * part)]
    return " and ".join(differ) or "nothing"


def matches(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one.float(), other.float(), atol=1e-4)


def by_rprop(decode, images: Tensor, mask: Tensor, steps: int, learning_rate: float, z: Tensor):
    """Signs of the gradient alone, with a pace of its own for each latent."""
    known, pace, before = mask.bool(), torch.full_like(z, learning_rate), torch.zeros_like(z)
    for _ in range(steps):
        z = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(((decode(z) - images)[known] ** 2).sum(), z)
        pace = pace * torch.where(
            slope * before > 0, 1.2, torch.where(slope * before < 0, 0.5, 1.0)
        )
        z, before = z - pace * slope.sign(), slope
    return torch.where(known, images, decode(z.detach()).detach())


def with_adam(
    loss: Callable = lambda made, images, mask: ((made - images) * mask).square().sum(),
    finish: Callable = lambda made, images, mask: torch.where(mask > 0, images, made),
    start: Callable = lambda z: z,
    last: Callable = lambda decode, z, start: decode(z.detach()).detach(),
    steps_of: Callable = lambda steps: steps,
    rate_of: Callable = lambda rate: rate,
    ascend: bool = False,
) -> Callable:
    """inpaint whose parts a mistake can replace."""

    def answer(decode, images, mask, steps, learning_rate, z):
        begin = start(z).detach().clone()
        z = begin.clone().requires_grad_()
        optimizer = torch.optim.Adam([z], rate_of(learning_rate), maximize=ascend)
        for _ in range(steps_of(steps)):
            optimizer.zero_grad()
            loss(decode(z), images, mask).backward()
            optimizer.step()
        return finish(last(decode, z, begin), images, mask)

    return answer


def graph_kept(decode, images, mask, steps, learning_rate, z):
    return with_adam(last=lambda decode, z, begin: decode(z))(
        decode, images, mask, steps, learning_rate, z
    )


def latents_returned(decode, images, mask, steps, learning_rate, z):
    found = []

    def keep(decode, z, begin):
        found.append(z.detach())
        return images

    with_adam(last=keep)(decode, images, mask, steps, learning_rate, z)
    return found[0]


def weights_trained(decode, images, mask, steps, learning_rate, z):
    optimizer = torch.optim.Adam(decode.parameters(), learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        ((decode(z) - images) * mask).square().sum().backward()
        optimizer.step()
    return torch.where(mask > 0, images, decode(z).detach())


def in_place(decode, images, mask, steps, learning_rate, z):
    filled = with_adam()(decode, images, mask, steps, learning_rate, z)
    images.copy_(torch.where(mask > 0, images, 0 * images))
    return filled


def graph_cut(decode, images, mask, steps, learning_rate, z):
    ((decode(z.detach()).detach() - images) * mask).square().sum().backward()


HOLE_FROM_BEFORE = (
    "The hole holds what stood there before, and that is what is not known: where the mask is 1 "
    "the image is kept, where it is 0 the decoder's image is put in."
)

EXERCISE = Exercise(
    name="editing.inpaint",
    signature="(decode, images, mask, steps, learning_rate, z)",
    outputs=("images",),
    oracle=by_rprop,
    cases=hole_cases,
    call=call_inpaint,
    facts=hole_facts,
    slow=True,
    misconceptions=(
        Misconception(
            "latents_returned",
            latents_returned,
            "The latents came back. The images are wanted: known pixels as they were, the hole "
            "filled.",
        ),
        Misconception(
            "weights_trained",
            weights_trained,
            "The decoder's weights were moved. They stay as they are: the one thing to learn is z.",
        ),
        Misconception(
            "decoded_images",
            with_adam(finish=lambda made, images, mask: made),
            "This is the decoder's whole image. Known pixels are kept exactly as they are; only "
            "the hole comes from the decoder.",
        ),
        Misconception(
            "mask_turned_round_at_the_end",
            with_adam(finish=lambda made, images, mask: torch.where(mask > 0, made, images)),
            HOLE_FROM_BEFORE,
        ),
        Misconception(
            "mask_turned_round_everywhere",
            with_adam(
                loss=lambda made, images, mask: ((made - images) * (1 - mask)).square().sum(),
                finish=lambda made, images, mask: torch.where(mask > 0, made, images),
            ),
            "The mask was taken for the hole. It is 1 where a pixel is known: these are fitted, "
            "and kept.",
        ),
        Misconception(
            "hole_seen",
            with_adam(loss=lambda made, images, mask: (made - images).square().sum()),
            "Pixels in the hole have a say: the loss looks at all pixels, or at the wrong ones. "
            "That looks better than it is; where a pixel is really missing there is nothing to "
            "look at. Fit those where the mask is 1, and no others.",
            also=(
                with_adam(loss=lambda made, images, mask: (made - images).abs().sum()),
                with_adam(
                    loss=lambda made, images, mask: ((made - images) * (1 - mask)).square().sum()
                ),
            ),
        ),
        Misconception(
            "only_the_image_masked",
            with_adam(loss=lambda made, images, mask: (made - images * mask).square().sum()),
            "The image was masked and the decoder's was not: z learns that the hole is 0. Mask "
            "the difference of both.",
        ),
        Misconception(
            "added_up",
            with_adam(finish=lambda made, images, mask: images * mask + made),
            "The decoder's image was added everywhere, also onto the known pixels. Its share is "
            "1 - mask.",
        ),
        Misconception(
            "hole_left_empty",
            with_adam(finish=lambda made, images, mask: images * mask),
            "The hole is empty. The decoder's image belongs there.",
        ),
        Misconception(
            "start_decoded",
            with_adam(last=lambda decode, z, begin: decode(begin).detach()),
            "The hole is filled from the start, not from the latents that were found.",
        ),
        Misconception(
            "ascended",
            with_adam(ascend=True),
            "The error on the known pixels grows: the step goes up the slope.",
        ),
        Misconception(
            "one_step",
            with_adam(steps_of=lambda steps: min(steps, 1)),
            "One step was made, whatever `steps` says: the loop is missing, or return stands in "
            "it.",
        ),
        Misconception(
            "steps_ignored",
            with_adam(steps_of=lambda steps: 300),
            "Far more gradients are taken than `steps` says: a number is written in the loop.",
        ),
        Misconception(
            "start_ignored",
            with_adam(start=torch.zeros_like),
            "The search begins at 0 and not at z, the start that was given.",
        ),
        Misconception(
            "one_mask_for_all",
            lambda decode, images, mask, *rest: with_adam()(
                decode, images, mask[:1].expand_as(mask), *rest
            ),
            "The first mask was used for all images. Each has its own.",
        ),
        Misconception(
            "rate_ignored",
            with_adam(rate_of=lambda rate: 0.05),
            "With a learning rate of 0 nothing should move, and it does: the optimizer does not "
            "get learning_rate.",
        ),
        Misconception(
            "graph_kept",
            graph_kept,
            "The images still carry the graph of the last decoding. Detach them, or decode under "
            "torch.no_grad().",
        ),
        Misconception(
            "images_changed",
            in_place,
            "The caller's images were overwritten. Put the result together in a new tensor.",
        ),
        Misconception(
            "graph_cut",
            graph_cut,
            "Nothing connects the loss with z: z does not require gradients, or its images were "
            "made under no_grad or of z.detach(). Let a copy of z require them.",
            error="does not require grad",
        ),
        Misconception(
            "random_start",
            with_adam(start=torch.randn_like),
            "The start was drawn, and z is not used. It is the start.",
            drawing=True,
        ),
    ),
    hints=(
        "This is invert with one change in the loss, and one line behind the loop.",
        "An error that is multiplied by 0 has no gradient: what does the loss look like that does "
        "not see the hole?",
        "torch.where, or mask and 1 - mask, puts both images together at the end.",
    ),
)
