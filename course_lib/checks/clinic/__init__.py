"""Exercises of lesson 18, in its order."""

from . import (
    a1_d_step,
    c3_d_step,
    c4_g_step,
    c16_g_step,
    c22_d_loss,
    c24_g_step,
    c26_d_loss,
    c36_g_step,
)

EXERCISES = [
    c3_d_step.EXERCISE,
    c4_g_step.EXERCISE,
    c22_d_loss.EXERCISE,
    a1_d_step.EXERCISE,
    c16_g_step.EXERCISE,
    c24_g_step.EXERCISE,
    c26_d_loss.EXERCISE,
    c36_g_step.EXERCISE,
]
