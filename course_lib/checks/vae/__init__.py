"""Exercises of lesson 05, in its order."""

from . import (
    bernoulli_log_likelihood,
    decoder,
    encoder,
    latent_grid,
    negative_elbo,
    sample_prior,
    train_step,
)

EXERCISES = [
    bernoulli_log_likelihood.EXERCISE,
    decoder.EXERCISE,
    encoder.EXERCISE,
    negative_elbo.EXERCISE,
    train_step.EXERCISE,
    sample_prior.EXERCISE,
    latent_grid.EXERCISE,
]
