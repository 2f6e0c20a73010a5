"""Exercises of lesson 03, in its order."""

from . import baseline, pathwise_gradient, reparameterize, score_function_gradient

EXERCISES = [
    reparameterize.EXERCISE,
    pathwise_gradient.EXERCISE,
    score_function_gradient.EXERCISE,
    baseline.EXERCISE,
]
