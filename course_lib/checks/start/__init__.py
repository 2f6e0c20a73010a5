"""Exercises of lesson 00, in its order."""

from . import brightness, image_grid, load_images, rescale, save_images, seeded_batch

EXERCISES = [
    brightness.EXERCISE,
    rescale.EXERCISE,
    image_grid.EXERCISE,
    save_images.EXERCISE,
    load_images.EXERCISE,
    seeded_batch.EXERCISE,
]
