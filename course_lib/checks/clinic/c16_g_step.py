"""Check of `c16_g_step`. Oracle: torch.autograd.grad."""

from __future__ import annotations

from .generator_moves import G_HINTS, NO_LOSS, g_step_exercise

EXERCISE = g_step_exercise("clinic.c16_g_step", NO_LOSS, G_HINTS)
