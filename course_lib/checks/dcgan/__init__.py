"""Exercises of lesson 10, in its order."""

from . import (
    batch_norm,
    conv_transpose_output_size,
    discriminator,
    generator,
    initialize_dcgan,
    leaky_relu,
)

EXERCISES = [
    conv_transpose_output_size.EXERCISE,
    batch_norm.EXERCISE,
    leaky_relu.EXERCISE,
    initialize_dcgan.EXERCISE,
    generator.EXERCISE,
    discriminator.EXERCISE,
]
