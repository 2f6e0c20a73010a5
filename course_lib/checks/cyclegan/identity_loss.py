"""Check of `identity_loss`. Oracle: loops over images."""

from __future__ import annotations

from ..declare import Exercise
from . import two_distances

NAMES = ("images_a", "identity_a", "images_b", "identity_b")

EXERCISE = Exercise(
    name="cyclegan.identity_loss",
    signature=f"({', '.join(NAMES)})",
    oracle=two_distances.by_loops,
    cases=lambda g: two_distances.cases(g, NAMES),
    misconceptions=two_distances.distance_mistakes(
        crossed_sentence="An image of A was compared with what was made of B. identity_a is made "
        "of images_a, by the generator that makes A: the two belong together.",
        one_sentence="Only one generator enters. Both are asked to leave their own target domain "
        "alone.",
    ),
    hints=(
        "identity_a is what the generator of A's makes of an image that is one already. How far "
        "may it be from images_a?",
        "The same two means as in the cycle's loss, of other images.",
    ),
)
