"""The explorers by the name that lessons import them from: see `course_lib.explorers`."""

from course_lib.explorers import (
    ellipse_explorer,
    forced_choice_explorer,
    game_explorer,
    kl_explorer,
    label_explorer,
    latent_explorer,
    latent_map,
    mode_explorer,
    moments_explorer,
)

__all__ = [
    "ellipse_explorer",
    "forced_choice_explorer",
    "game_explorer",
    "kl_explorer",
    "label_explorer",
    "latent_explorer",
    "latent_map",
    "mode_explorer",
    "moments_explorer",
]
