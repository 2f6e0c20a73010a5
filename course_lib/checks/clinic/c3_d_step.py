"""Check of `c3_d_step`. Oracle: torch.autograd.grad."""

from __future__ import annotations

from ..declare import Misconception
from ..group_losses import bce
from .who_moves import d_having, d_step_exercise

EXERCISE = d_step_exercise(
    "clinic.c3_d_step",
    Misconception(
        "fakes_called_real_twice",
        d_having(lambda r, f: bce(f, 1.0).mean() + bce(f, 1.0).mean()),
        "This is still the published step: the fakes are judged twice, both times with the label "
        "1, and no real image is seen. The first group are the reals with the label 1, the second "
        "the fakes with 0.",
        also=(d_having(lambda r, f: bce(f, 1.0).mean()),),
    ),
    ("fakes_called_real",),
    (
        "Which images does D see in one step, and what is it told about each?",
        "Two means: over the reals with the label 1, over the fakes with the label 0. Add them.",
        "F.binary_cross_entropy_with_logits takes logits and labels of one shape; torch.ones_like "
        "and torch.zeros_like make the labels.",
    ),
)
