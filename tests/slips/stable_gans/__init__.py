"""Ten wrong answers and more to each exercise of lesson 11, as a student may write them.

A file an exercise; `SLIPS` has each answer beside its cause. `None`: no cause is known, and the
message must not claim one. A text in the place of a name: what the message itself says of it.
"""

from . import (
    clip_gradient_norm,
    critic_loss,
    ema_update,
    gradient_penalty,
    hinge_losses,
    modes_covered,
    r1_penalty,
    spectral_norm_estimate,
    wasserstein_generator_loss,
)

SLIPS = {
    "stable_gans.modes_covered": modes_covered.SLIPS,
    "stable_gans.clip_gradient_norm": clip_gradient_norm.SLIPS,
    "stable_gans.critic_loss": critic_loss.SLIPS,
    "stable_gans.wasserstein_generator_loss": wasserstein_generator_loss.SLIPS,
    "stable_gans.gradient_penalty": gradient_penalty.SLIPS,
    "stable_gans.spectral_norm_estimate": spectral_norm_estimate.SLIPS,
    "stable_gans.hinge_losses": hinge_losses.SLIPS,
    "stable_gans.r1_penalty": r1_penalty.SLIPS,
    "stable_gans.ema_update": ema_update.SLIPS,
}
