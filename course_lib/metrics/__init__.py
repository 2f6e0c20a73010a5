"""How good a model is: in nats where it has a likelihood, by its samples' features where not.

    from course_lib.metrics import features, fid, log_likelihood

`likelihood` estimates log p(x) of a VAE; `extractors` are the shipped feature networks; `distances`
compares two sets of features, whatever network they are from; `intervals` say how sure a share is
and how far seeds scatter; `modes` counts what a model found of a mixture; `similarity` compares an
image with its true partner; `memory` counts what a step needs.
"""

from course_lib.metrics.distances import (
    fid,
    frechet_distance,
    inception_score,
    kid,
    precision_recall,
)
from course_lib.metrics.extractors import FeatureNetwork, Seen, features
from course_lib.metrics.intervals import median_range, wilson_interval
from course_lib.metrics.likelihood import log_likelihood
from course_lib.metrics.memory import peak_bytes
from course_lib.metrics.modes import modes_covered
from course_lib.metrics.similarity import psnr, ssim

__all__ = [
    "FeatureNetwork",
    "Seen",
    "features",
    "fid",
    "frechet_distance",
    "inception_score",
    "kid",
    "log_likelihood",
    "median_range",
    "modes_covered",
    "peak_bytes",
    "precision_recall",
    "psnr",
    "ssim",
    "wilson_interval",
]
