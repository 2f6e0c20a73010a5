"""What the two generator losses share: one group of logits, judged in float64 and float32."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..declare import Exercise
from ..group_losses import score_cases
from ..ready import Mistakes


def one_group_loss(
    *, name: str, loss: Callable[[Tensor], Tensor], misconceptions: Mistakes, hints: tuple[str, ...]
) -> Exercise:
    """The exercise of the mean of `loss(fake_logits)`, finite and right at logits of ±200."""
    return Exercise(
        name=name,
        signature="(fake_logits)",
        unit="nats",
        oracle=lambda fake_logits: loss(fake_logits).mean(),
        cases=lambda g: score_cases(g, ("fake_logits",), ({},)),
        misconceptions=misconceptions,
        hints=hints,
    )
