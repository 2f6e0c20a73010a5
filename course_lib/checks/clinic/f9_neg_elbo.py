"""Check of `f9_neg_elbo`. Oracle: -log p(x) and the KL to the exact posterior."""

from __future__ import annotations

from ..declare import Exercise
from .one_gaussian import bound_cases, bound_mistakes, negative_elbo

EXERCISE = Exercise(
    name="clinic.f9_neg_elbo",
    signature="(x, m, v)",
    unit="nats",
    oracle=negative_elbo,
    cases=bound_cases,
    misconceptions=bound_mistakes(),
    hints=(
        "Write the ELBO from memory: an expectation and a divergence. How often does each come, "
        "and with which sign in a loss?",
        "E log p(x|z) under N(m, v) is -(log 2π + (x - m)² + v) / 2 where the noise has variance "
        "1.",
        "KL(N(m, v) ‖ N(0, 1)) is (m² + v - 1 - log v) / 2. To see that you are right: at m = x/2, "
        "v = 1/2 the loss is -log p(x).",
    ),
)
