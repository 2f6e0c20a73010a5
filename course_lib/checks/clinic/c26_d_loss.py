"""Check of `c26_d_loss`. Oracle: fakes made under no_grad."""

from __future__ import annotations

from ..declare import Misconception
from ..first_gan.discriminator_loss import game
from .who_moves import d_loss_exercise, of_noise

EXERCISE = d_loss_exercise(
    "clinic.c26_d_loss",
    Misconception(
        "reaches_G",
        of_noise(game(), lambda fake: fake),
        "Its gradient reaches G, so an optimizer that holds both networks makes G easier to catch. "
        "The fakes must come to D without a history.",
    ),
    (
        "The optimizer moves whatever has a gradient. Who has one after backward()?",
        "TensorFlow's stop_gradient has a counterpart in PyTorch.",
        "Cut the graph at the fakes, before D judges them.",
    ),
)
