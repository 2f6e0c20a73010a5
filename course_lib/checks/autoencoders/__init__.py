"""Exercises of lesson 04, in its order."""

from . import autoencoder, best_constant, corrupt, pca_reconstruct, psnr

EXERCISES = [
    psnr.EXERCISE,
    pca_reconstruct.EXERCISE,
    autoencoder.EXERCISE,
    best_constant.EXERCISE,
    corrupt.EXERCISE,
]
