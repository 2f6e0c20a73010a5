"""What the two generator losses share: one group of logits, judged in float64 and float32."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from ..declare import Exercise, Misconception
from ..group_losses import score_cases
from ..ready import Mistakes

BASE_TEN = "The logarithm has the base 10. The course counts in nats: use the natural logarithm."
EACH_FAKE = "There is still one value for each fake. The loss is their mean, one number."


def one_group_loss(
    *, name: str, loss: Callable[[Tensor], Tensor], misconceptions: Mistakes, hints: tuple[str, ...]
) -> Exercise:
    """The exercise of the mean of `loss(fake_logits)`, finite and right at logits of ±200."""
    return Exercise(
        name=name,
        signature="(fake_logits)",
        unit="nats",
        oracle=lambda fake_logits: loss(fake_logits).mean(),
        cases=lambda g: score_cases(g, ("fake_logits",), ({},), any_shape=True),
        misconceptions=(*misconceptions, *mean_mistakes(loss)),
        hints=hints,
    )


def mean_mistakes(loss: Callable[[Tensor], Tensor]) -> Mistakes:
    """About where the mean over the fakes stands, and over what it runs."""
    return (
        Misconception(
            "mean_logit_first",
            lambda f: loss(f.mean()),
            "The logits were averaged first, and the loss is that of one mean logit. Each fake has "
            "its own loss; their mean comes last.",
        ),
        Misconception(
            "one_axis_averaged",
            lambda f: loss(f).mean(0),
            "The mean runs along one axis alone. A table of logits has two, and all its numbers "
            "are fakes: one mean over everything.",
            also=(lambda f: loss(f).mean(-1),),
        ),
        Misconception(
            "divided_by_rows",
            lambda f: loss(f).sum() / len(f),
            "The sum was divided by len(), which counts the rows of a table. The mean divides by "
            "how many numbers there are.",
        ),
        Misconception(
            "base_ten",
            lambda f: loss(f).mean() / math.log(10),
            BASE_TEN,
        ),
        Misconception(
            "least_squares",
            lambda f: (f - 1).square().mean(),
            "This is a squared distance, the loss of a least-squares GAN. Here it is a logarithm "
            "of D or of 1 - D.",
            also=(
                lambda f: (f - 1).square().mean() / 2,
                lambda f: (f.sigmoid() - 1).square().mean(),
                lambda f: f.sigmoid().square().mean(),
            ),
        ),
    )
