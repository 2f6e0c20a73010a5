"""Exercises of lesson 11, in its order."""

from . import (
    clip_gradient_norm,
    critic_loss,
    ema_update,
    gradient_penalty,
    hinge_losses,
    modes_covered,
    r1_penalty,
    spectral_norm_estimate,
    wasserstein_generator_loss,
)

EXERCISES = [
    modes_covered.EXERCISE,
    clip_gradient_norm.EXERCISE,
    critic_loss.EXERCISE,
    wasserstein_generator_loss.EXERCISE,
    gradient_penalty.EXERCISE,
    spectral_norm_estimate.EXERCISE,
    hinge_losses.EXERCISE,
    r1_penalty.EXERCISE,
    ema_update.EXERCISE,
]
