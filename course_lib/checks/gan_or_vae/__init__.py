"""Exercises of lesson 16, in its order."""

from . import compare, feature_reconstruction_loss

EXERCISES = [
    feature_reconstruction_loss.EXERCISE,
    compare.EXERCISE,
]
