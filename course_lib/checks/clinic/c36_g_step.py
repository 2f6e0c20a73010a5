"""Check of `c36_g_step`. Oracle: torch.autograd.grad."""

from __future__ import annotations

from .generator_moves import D_MOVES, G_HINTS, g_step_exercise

EXERCISE = g_step_exercise("clinic.c36_g_step", D_MOVES, G_HINTS)
