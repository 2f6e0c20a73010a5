"""Exercises of lesson 06, in its order."""

from . import (
    active_units,
    beta_elbo,
    conv_decoder,
    conv_encoder,
    conv_output_size,
    free_bits,
    gaussian_log_likelihood,
    kl_weight,
    linear_probe,
)

EXERCISES = [
    conv_output_size.EXERCISE,
    conv_encoder.EXERCISE,
    conv_decoder.EXERCISE,
    beta_elbo.EXERCISE,
    active_units.EXERCISE,
    gaussian_log_likelihood.EXERCISE,
    kl_weight.EXERCISE,
    free_bits.EXERCISE,
    linear_probe.EXERCISE,
]
