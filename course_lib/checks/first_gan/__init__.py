"""Exercises of lesson 09, in its order."""

from . import (
    adam_step,
    discriminator,
    discriminator_loss,
    discriminator_step,
    generator,
    generator_step,
)

EXERCISES = [
    discriminator_loss.EXERCISE,
    generator.EXERCISE,
    discriminator.EXERCISE,
    discriminator_step.EXERCISE,
    generator_step.EXERCISE,
    adam_step.EXERCISE,
]
