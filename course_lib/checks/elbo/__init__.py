"""Exercises of lesson 02, in its order."""

from . import elbo, elbo_gap, em_step, importance_bound, log_evidence, posterior

EXERCISES = [
    log_evidence.EXERCISE,
    posterior.EXERCISE,
    elbo.EXERCISE,
    elbo_gap.EXERCISE,
    importance_bound.EXERCISE,
    em_step.EXERCISE,
]
