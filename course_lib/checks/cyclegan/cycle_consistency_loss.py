"""Check of `cycle_consistency_loss`. Oracle: loops over images."""

from __future__ import annotations

from ..declare import Exercise
from . import two_distances

NAMES = ("images_a", "cycled_a", "images_b", "cycled_b")

EXERCISE = Exercise(
    name="cyclegan.cycle_consistency_loss",
    signature=f"({', '.join(NAMES)})",
    oracle=two_distances.by_loops,
    cases=lambda g: two_distances.cases(g, NAMES),
    misconceptions=two_distances.distance_mistakes(
        crossed_sentence="An image of A was compared with what came from B. There are no pairs: "
        "each image is compared with its own return, cycled_a with images_a and cycled_b with "
        "images_b.",
        one_sentence="Only one direction enters. A to B and back, and B to A and back: without "
        "the second, images of B need not survive.",
    ),
    hints=(
        "An image went to the other domain and came back. What should it be equal to?",
        "The mean goes over batch, channels, height and width: one number for A, one for B.",
        "Mean absolute difference of A, plus that of B. No weight, no ½.",
    ),
)
