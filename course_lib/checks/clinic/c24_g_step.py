"""Check of `c24_g_step`. Oracle: torch.autograd.grad."""

from __future__ import annotations

from .generator_moves import G_HINTS, IMAGE_AS_LOGIT, g_step_exercise

EXERCISE = g_step_exercise("clinic.c24_g_step", IMAGE_AS_LOGIT, G_HINTS)
