"""Check of `discriminator_loss`. Oracle: torch.logaddexp."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..declare import Misconception
from ..group_losses import bce, group_mistakes, logit_mistakes, two_group_loss, two_groups
from ..ready import adapted


def game(term: Callable = bce) -> Callable:
    return two_groups(lambda r, s=0.0: term(r, 1 - s), lambda f: term(f, 0.0))


def real_term(logits: Tensor, smooth: float = 0.0) -> Tensor:
    return bce(logits, 1 - smooth)


def fake_term(logits: Tensor) -> Tensor:
    return bce(logits, 0.0)


def targets(real: Callable[[float], float], fake: Callable[[float], float]) -> Callable:
    """The loss with other targets, which may depend on `smooth`."""
    return lambda r, f, s=0.0: bce(r, real(s)).mean() + bce(f, fake(s)).mean()


EXERCISE = two_group_loss(
    name="first_gan.discriminator_loss",
    signature="(real_logits, fake_logits, smooth=0.0)",
    unit="nats",
    real=real_term,
    fake=fake_term,
    settings=({}, {"smooth": 0.1}, {"smooth": 0.25}),
    misconceptions=(
        Misconception(
            "two_sided_smoothing",
            targets(lambda s: 1 - s, lambda s: s),
            "The fakes' target was smoothed too. Smoothing is one-sided: raising the target of the "
            "fakes rewards the generator for staying where it is.",
            also=(targets(lambda s: 1 - s / 2, lambda s: s / 2),),
        ),
        Misconception(
            "least_squares",
            two_groups(lambda r, s=0.0: (r - 1 + s).square(), torch.square),
            "These are squared errors, the loss of a least-squares GAN. Here it is the "
            "cross-entropy of the logits with their targets.",
            also=(
                two_groups(
                    lambda r, s=0.0: (r.sigmoid() - 1 + s).square(), lambda f: f.sigmoid().square()
                ),
            ),
        ),
        Misconception(
            "hinge",
            two_groups(lambda r, s=0.0: (1 - r).relu(), lambda f: (1 + f).relu()),
            "This is the hinge loss, which has no gradient for a judge that is sure enough. Here "
            "it is the cross-entropy of the logits with their targets.",
        ),
        Misconception(
            "fakes_smoothed",
            targets(lambda s: 1.0, lambda s: s),
            "The smoothing went to the fakes. It is the target of the reals that moves, from 1 to "
            "1 - smooth.",
        ),
        Misconception(
            "target_raised",
            targets(lambda s: 1 + s, lambda s: 0.0),
            "The reals' target was raised above 1. Smoothing lowers it, so that being infinitely "
            "sure is no longer best.",
        ),
        Misconception(
            "logit_scaled",
            lambda r, f, s=0.0: bce((1 - s) * r, 1.0).mean() + bce(f, 0.0).mean(),
            "The reals' logits were scaled by 1 - smooth. It is their target that is lowered; the "
            "logits stay as they are.",
        ),
        Misconception(
            "target_is_smooth",
            targets(lambda s: s if s else 1.0, lambda s: 0.0),
            "The reals' target became `smooth` itself. It is lowered by that amount: 1 - smooth.",
            also=(targets(lambda s: s, lambda s: 0.0),),
        ),
        Misconception(
            "only_weighed",
            lambda r, f, s=0.0: (1 - s) * bce(r, 1.0).mean() + bce(f, 0.0).mean(),
            "The real part was made smaller, its target is still 1. With the target 1 - smooth "
            "a share `smooth` of the cross-entropy asks for «fake»: -smooth · log(1 - D).",
        ),
        Misconception(
            "smooth_ignored",
            targets(lambda s: 1.0, lambda s: 0.0),
            "`smooth` has no effect: the reals' target is 1 - smooth.",
        ),
        *adapted(
            group_mistakes(real_term, fake_term),
            halved="The two means were averaged; the course adds them (at logits of 0 the loss is "
            "2 log 2 = 1.386).",
            groups_swapped="Fakes are asked to look real and reals to look fake. The target of the "
            "reals is 1, that of the fakes 0.",
            sign="This is what the discriminator maximizes. A loss is minimized: turn the sign "
            "round, or its probability for reals will sink to 0.",
            all_called_real="Both groups have the target of the reals. Fakes are labeled 1 in the "
            "generator's loss alone; the discriminator must be told the truth, 0.",
        ),
        Misconception(
            "fakes_labeled_one",
            targets(lambda s: 1 - s, lambda s: 1.0),
            "Both groups are labeled real. In the generator's loss the fakes carry the label 1; "
            "here the discriminator must be told the truth, 0.",
        ),
        *logit_mistakes(game),
    ),
    hints=(
        "It is the cross-entropy of a classifier: which target do the reals have, which the fakes?",
        "F.binary_cross_entropy_with_logits(logits, targets) takes logits, and targets of the same "
        "shape: torch.full_like and torch.zeros_like make them. Call it once for each group.",
        "Reals: the target is 1 - smooth everywhere. Fakes: 0 everywhere, whatever smooth is. Add "
        "the two means; do not divide by 2.",
    ),
)
