"""The explorers that a reader drags, each a file with its front end.

Each is one call on a cell's last line. Where somebody watches, the call returns a widget, which
Jupyter shows; where `environment.is_static()`, it shows a figure that makes the same point, so that
GitHub, nbval and scripts have something to look at, and returns None.
"""

from .brush import brush_explorer
from .choice import choice_explorer
from .consulting import Run, consulting_room
from .ellipse import ellipse_explorer
from .forced_choice import forced_choice_explorer
from .game import game_explorer
from .judge import judge_explorer
from .kl import kl_explorer
from .label import label_explorer
from .latent import latent_explorer, latent_map
from .modes import mode_explorer
from .moments import moments_explorer
from .translation import translation_explorer
from .watermark import watermark_explorer
from .weights import weights_explorer

__all__ = [
    "Run",
    "brush_explorer",
    "choice_explorer",
    "consulting_room",
    "ellipse_explorer",
    "forced_choice_explorer",
    "game_explorer",
    "judge_explorer",
    "kl_explorer",
    "label_explorer",
    "latent_explorer",
    "latent_map",
    "mode_explorer",
    "moments_explorer",
    "translation_explorer",
    "watermark_explorer",
    "weights_explorer",
]
