"""Exercises of lessons 15a and 15b, in their order."""

from . import attribute_vector, augment, composite, gram_matrix, inpaint, invert, slerp

EXERCISES = [
    slerp.EXERCISE,
    attribute_vector.EXERCISE,
    invert.EXERCISE,
    inpaint.EXERCISE,
    composite.EXERCISE,
    gram_matrix.EXERCISE,
    augment.EXERCISE,
]
