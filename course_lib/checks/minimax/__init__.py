"""Exercises of lesson 08, in its order."""

from . import (
    dirac_gan_step,
    nonsaturating_generator_loss,
    optimal_discriminator,
    saturating_generator_loss,
    value_at_optimum,
    value_function,
)

EXERCISES = [
    optimal_discriminator.EXERCISE,
    value_function.EXERCISE,
    value_at_optimum.EXERCISE,
    saturating_generator_loss.EXERCISE,
    nonsaturating_generator_loss.EXERCISE,
    dirac_gan_step.EXERCISE,
]
