"""Check of `c22_d_loss`. Oracle: fakes made under no_grad."""

from __future__ import annotations

from ..declare import Misconception
from ..first_gan.discriminator_loss import game
from .who_moves import d_loss_exercise, of_noise

EXERCISE = d_loss_exercise(
    "clinic.c22_d_loss",
    Misconception(
        "not_detached",
        of_noise(game(), lambda fake: fake),
        "The number is right, and its backward() runs on through the fakes into G, where it leaves "
        "the opposite of what G wants. Cut the graph between G and D.",
    ),
    (
        "The value of the loss is right. Where does its gradient go?",
        "A tensor can be passed on without its history.",
        "torch.no_grad() around the making of the fakes, or .detach() behind it; D's own work must "
        "keep its graph.",
    ),
)
