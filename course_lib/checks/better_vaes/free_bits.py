"""Check of `free_bits`. Oracle: a loop over the latents."""

from __future__ import annotations

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import uniform


def floor_cases(generator: torch.Generator) -> list[Case]:
    def inputs(batch: int, cheap: int, dear: int, floor: float, dtype=torch.float64) -> dict:
        """Cheap latents average below the floor, dear ones above; single images do either."""
        levels = torch.tensor([0.15 + 0.1 * k for k in range(cheap)] + [1.5] * dear, dtype=dtype)
        around = uniform(generator, batch, cheap + dear, dtype=dtype) ** 3
        around = around / around.mean(0)  # averages 1 in every latent
        order = torch.randperm(cheap + dear, generator=generator)
        return {"kl_per_dim": (floor * levels * around)[:, order], "floor": floor}

    return [
        Case(inputs(6, 3, 2, 0.5), "floor 0.5", gradients=("kl_per_dim",)),
        Case(inputs(9, 2, 3, 0.1), "floor 0.1", gradients=("kl_per_dim",)),
        Case(inputs(12, 3, 0, 0.4), "all latents below the floor", gradients=("kl_per_dim",)),
        Case(inputs(1, 2, 2, 2.0), "a batch of one"),
        Case(inputs(8, 1, 4, 0.25, torch.float32), "in float32"),
        Case({**inputs(5, 2, 3, 0.5), "floor": 0.0}, "floor 0", extreme=True),
    ]


def loop_over_latents(kl_per_dim: Tensor, floor: float) -> Tensor:
    charges = []
    for column in kl_per_dim.unbind(1):
        price = column.mean()
        charges.append(price if price > floor else torch.full_like(price, floor))
    return torch.stack(charges).sum()


class _ClampStraightThrough(torch.autograd.Function):
    """The value of a clamp, the gradient of none."""

    @staticmethod
    def forward(context, prices, floor):
        return prices.clamp(min=floor)

    @staticmethod
    def backward(context, gradient):
        return gradient, None


EXERCISE = Exercise(
    name="better_vaes.free_bits",
    signature="(kl_per_dim, floor)",
    unit="nats",
    oracle=loop_over_latents,
    cases=floor_cases,
    misconceptions=(
        Misconception(
            "each_image_alone",
            lambda kl, floor: kl.clamp(min=floor).mean(0).sum(),
            "The floor was applied to every image alone. It belongs to a latent's average over the "
            "batch: a latent may be silent for some images if it speaks for others.",
        ),
        Misconception(
            "total_floor",
            lambda kl, floor: kl.mean(0).sum().clamp(min=floor),
            "The floor was applied to the sum. Each latent has its own; otherwise one latent uses "
            "up what is free, and the others collapse.",
        ),
        Misconception(
            "total_floor_for_all",
            lambda kl, floor: kl.mean(0).sum().clamp(min=floor * kl.shape[1]),
            "The floors were added up and applied to the sum. Each latent has its own floor.",
        ),
        Misconception(
            "summed_first",
            lambda kl, floor: kl.sum(1).clamp(min=floor).mean(),
            "The latents were added before the floor came in. Average over the batch first, then "
            "apply the floor to each latent, then add.",
        ),
        Misconception(
            "ceiling",
            lambda kl, floor: kl.mean(0).clamp(max=floor).sum(),
            "This is a ceiling: latents above it are charged too little, and those below it still "
            "gain by collapsing. Charge at least the floor.",
        ),
        Misconception(
            "floor_subtracted",
            lambda kl, floor: (kl.mean(0) - floor).clamp(min=0).sum(),
            "The floor was subtracted, so a latent's first nats cost nothing. The gradient is the "
            "same, and the value is too small by the floor for each latent: no bound any more.",
        ),
        Misconception(
            "floor_added",
            lambda kl, floor: (kl.mean(0) + floor).sum(),
            "The floor was added. That changes no gradient; of each latent's average and the "
            "floor take the larger.",
            also=(lambda kl, floor: kl.mean(0).sum() + floor,),
        ),
        Misconception(
            "mean_over_latents",
            lambda kl, floor: kl.mean(0).clamp(min=floor).mean(),
            "The latents were averaged. Their divergences add.",
        ),
        Misconception(
            "everything_averaged",
            lambda kl, floor: kl.clamp(min=floor).mean(),
            "Images and latents were averaged together. Average over the batch, apply the floor, "
            "and add over the latents.",
            also=(lambda kl, floor: kl.mean().clamp(min=floor),),
        ),
        Misconception(
            "dearest_latent",
            lambda kl, floor: kl.mean(0).max().clamp(min=floor),
            "Only the dearest latent is left: max of one tensor is its largest number. Compare "
            "each latent with the floor, and add them.",
        ),
        Misconception(
            "floor_shared_out",
            lambda kl, floor: kl.mean(0).clamp(min=floor / kl.shape[1]).sum(),
            "The floor was divided among the latents. Each of them has all of it.",
        ),
        Misconception(
            "distance_from_the_floor",
            lambda kl, floor: (kl.mean(0) - floor).abs().sum(),
            "The distance from the floor is charged, so that a latent is pushed towards it from "
            "above and from below. Charge the larger of the two.",
        ),
        Misconception(
            "floor_off_the_total",
            lambda kl, floor: (kl.mean(0).sum() - floor).clamp(min=0),
            "One floor was subtracted from the sum. Each latent has its own, and is charged it.",
            also=(lambda kl, floor: (kl.mean(0).sum() - floor * kl.shape[1]).clamp(min=0),),
        ),
        Misconception(
            "batch_summed",
            lambda kl, floor: kl.sum(0).clamp(min=floor).sum(),
            "The batch was added up before the floor came in. Average over it.",
        ),
        Misconception(
            "not_summed",
            lambda kl, floor: kl.mean(0).clamp(min=floor),
            "One value for each latent came back; add them.",
        ),
        Misconception(
            "per_image",
            lambda kl, floor: kl.clamp(min=floor).sum(1),
            "One value for each image came back. A scalar is wanted, and the floor belongs to a "
            "latent's average over the batch.",
        ),
        Misconception(
            "no_floor",
            lambda kl, floor: kl.mean(0).sum(),
            "The floor has no effect: this is the ordinary KL.",
        ),
        Misconception(
            "wrong_axis",
            lambda kl, floor: kl.mean(1).clamp(min=floor).sum(),
            "The average was taken over the latents, and the floor applied to each image. It is "
            "the other way round: average over axis 0.",
        ),
        Misconception(
            "dropped_below",
            lambda kl, floor: (kl.mean(0) * (kl.mean(0) > floor)).sum(),
            "Latents below the floor are charged nothing. They are charged the floor, so that the "
            "loss does not jump where they pass it.",
        ),
        Misconception(
            "gradient_below_the_floor",
            lambda kl, floor: _ClampStraightThrough.apply(kl.mean(0), floor).sum(),
            "The value is right, but the gradient still pushes latents below the floor towards 0. "
            "There the charge is constant, and its gradient nothing.",
        ),
    ),
    hints=(
        "Three things happen, and their order matters: an average, a floor, a sum. Over which axis "
        "does each go?",
        "First the average over the batch, one number a latent. Then each of them is replaced by "
        "the floor if it is smaller.",
        "clamp(min=...) replaces smaller values and passes no gradient there, which is the point.",
    ),
)
