"""Exercises of lesson 07, in its order."""

from . import (
    binarize,
    effective_sample_size,
    estimate_log_likelihood,
    iwae_loss,
    log_importance_weights,
)

EXERCISES = [
    binarize.EXERCISE,
    log_importance_weights.EXERCISE,
    iwae_loss.EXERCISE,
    estimate_log_likelihood.EXERCISE,
    effective_sample_size.EXERCISE,
]
