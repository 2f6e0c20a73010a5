"""Exercises of lesson 01, in its order."""

from . import (
    entropy,
    js_divergence,
    kl_categorical,
    kl_gaussian,
    kl_monte_carlo,
    kl_to_standard_normal,
)

EXERCISES = [
    entropy.EXERCISE,
    kl_categorical.EXERCISE,
    js_divergence.EXERCISE,
    kl_gaussian.EXERCISE,
    kl_to_standard_normal.EXERCISE,
    kl_monte_carlo.EXERCISE,
]
