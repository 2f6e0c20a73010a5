"""Exercises of lesson 12, in its order."""

from . import fid, forced_choice, frechet_distance, inception_score, kid, precision_recall

EXERCISES = [
    inception_score.EXERCISE,
    frechet_distance.EXERCISE,
    fid.EXERCISE,
    kid.EXERCISE,
    precision_recall.EXERCISE,
    forced_choice.EXERCISE,
]
