"""Check of `c4_g_step`. Oracle: torch.autograd.grad."""

from __future__ import annotations

from .generator_moves import G_HINTS, LABEL_AS_IMAGE, g_step_exercise

EXERCISE = g_step_exercise("clinic.c4_g_step", LABEL_AS_IMAGE, G_HINTS)
