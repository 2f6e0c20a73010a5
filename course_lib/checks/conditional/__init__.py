"""Exercises of lesson 13, in its order."""

from . import (
    concatenate_label,
    conditional_generator,
    conditional_negative_elbo,
    projection_logits,
)

EXERCISES = [
    concatenate_label.EXERCISE,
    conditional_generator.EXERCISE,
    projection_logits.EXERCISE,
    conditional_negative_elbo.EXERCISE,
]
