"""Exercises of lesson 07, in its order."""

from . import (
    binarize,
    effective_sample_size,
    estimate_log_likelihood,
    gradient_weights,
    iwae_loss,
    log_importance_weights,
)

EXERCISES = [
    binarize.EXERCISE,
    log_importance_weights.EXERCISE,
    iwae_loss.EXERCISE,
    gradient_weights.EXERCISE,
    estimate_log_likelihood.EXERCISE,
    effective_sample_size.EXERCISE,
]
