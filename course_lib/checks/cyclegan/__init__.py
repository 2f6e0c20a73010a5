"""Exercises of lessons 14a and 14b, in their order."""

from . import (
    cycle_consistency_loss,
    generator_step,
    identity_loss,
    image_pool,
    instance_norm,
    least_squares_losses,
    receptive_field,
    residual_block,
)

EXERCISES = [
    cycle_consistency_loss.EXERCISE,
    identity_loss.EXERCISE,
    least_squares_losses.EXERCISE,
    receptive_field.EXERCISE,
    instance_norm.EXERCISE,
    residual_block.EXERCISE,
    image_pool.EXERCISE,
    generator_step.EXERCISE,
]
