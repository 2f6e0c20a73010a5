"""Check of `a1_d_step`. Oracle: torch.autograd.grad."""

from __future__ import annotations

from ..declare import Misconception
from ..group_losses import bce
from .who_moves import d_having, d_step_exercise

EXERCISE = d_step_exercise(
    "clinic.a1_d_step",
    Misconception(
        "fakes_alone",
        d_having(lambda r, f: bce(f, 0.0).mean()),
        "The reals do not take part: D is asked about fakes alone, and «fake» to everything is "
        "then its best answer. A judge needs both kinds.",
    ),
    ("fakes_alone",),
    (
        "If every example that D sees carries the same label, what is its best answer?",
        "The reals have a term of their own, with the label 1.",
        "Mean over the reals plus mean over the fakes; each group is averaged by itself.",
    ),
)
