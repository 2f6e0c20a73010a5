"""Check of `discriminator_loss`. Oracle: torch.logaddexp."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Exercise, Misconception, Plain
from ..random_inputs import normal
from ..wrong_formulas import FLOOR, negated, scaled


def bce(logits: Tensor, target: float) -> Tensor:
    """Cross-entropy of each logit with a target in [0, 1]; -log sigmoid(x) = log(1 + exp(-x))."""
    zero = torch.zeros_like(logits)
    yes, no = torch.logaddexp(zero, -logits), torch.logaddexp(zero, logits)
    return target * yes + (1 - target) * no


def game(real: Tensor, fake: Tensor, smooth: float = 0.0, *, yes=None, no=0.0) -> Tensor:
    return bce(real, 1 - smooth if yes is None else yes).mean() + bce(fake, no).mean()


def together(real: Tensor, fake: Tensor, smooth: float = 0.0) -> Tensor:
    return torch.cat([bce(real, 1 - smooth), bce(fake, 0.0)]).mean()


def log_of_sigmoid(real: Tensor, fake: Tensor, smooth: float = 0.0) -> Tensor:
    d_real, d_fake = real.sigmoid(), fake.sigmoid()
    real_terms = (1 - smooth) * d_real.log() + smooth * (1 - d_real).log()
    return -real_terms.mean() - (1 - d_fake).log().mean()


def with_a_floor(real: Tensor, fake: Tensor, smooth: float = 0.0) -> Tensor:
    """binary_cross_entropy cuts the logarithm off at -100."""
    yes = torch.full_like(real, 1 - smooth)
    real_loss = F.binary_cross_entropy(real.sigmoid(), yes)
    return real_loss + F.binary_cross_entropy(fake.sigmoid(), torch.zeros_like(fake))


def logits_cases(g: torch.Generator) -> list[Case]:
    def logits(real: int, fake: int, **kind: Any) -> dict[str, Plain]:
        real_logits = 1.5 * normal(g, real, **kind) + 0.7
        return {"real_logits": real_logits, "fake_logits": 1.3 * normal(g, fake, **kind) - 0.4}

    both, double = ("real_logits", "fake_logits"), {"dtype": torch.float64}
    sure = {"real_logits": torch.tensor([200.0, -200.0, 3.0, 90.0])}
    sure["fake_logits"] = torch.tensor([-200.0, 200.0, -130.0])
    return [
        Case(logits(5, 7, **double), "called without smooth", gradients=both),
        Case(logits(6, 4, **double) | {"smooth": 0.1}, "smooth = 0.1", gradients=both),
        Case(logits(3, 8) | {"smooth": 0.25}, "smooth = 0.25, float32"),
        Case(sure | {"smooth": 0.0}, "logits of ±200", extreme=True),
        Case(sure | {"smooth": 0.2}, "logits of ±200, smooth = 0.2", extreme=True),
    ]


EXERCISE = Exercise(
    name="first_gan.discriminator_loss",
    signature="(real_logits, fake_logits, smooth=0.0)",
    unit="nats",
    oracle=game,
    cases=logits_cases,
    misconceptions=(
        Misconception(
            "two_sided_smoothing",
            lambda r, f, s=0.0: game(r, f, s, no=s),
            "The fakes' target was smoothed too. Smoothing is one-sided: raising the target of the "
            "fakes rewards the generator for staying where it is.",
        ),
        Misconception(
            "fakes_smoothed",
            lambda r, f, s=0.0: game(r, f, yes=1.0, no=s),
            "The smoothing went to the fakes. It is the target of the reals that moves, from 1 to "
            "1 - smooth.",
        ),
        Misconception(
            "target_is_smooth",
            lambda r, f, s=0.0: game(r, f, yes=s if s else 1.0),
            "The reals' target became `smooth` itself. It is lowered by that amount: 1 - smooth.",
        ),
        Misconception(
            "only_weighed",
            lambda r, f, s=0.0: (1 - s) * bce(r, 1.0).mean() + bce(f, 0.0).mean(),
            "The real part was made smaller, its target is still 1. With the target 1 - smooth "
            "a share `smooth` of the cross-entropy asks for «fake»: -smooth · log(1 - D).",
        ),
        Misconception(
            "smooth_ignored",
            lambda r, f, s=0.0: game(r, f),
            "`smooth` has no effect: the reals' target is 1 - smooth.",
        ),
        Misconception(
            "halved",
            scaled(game, 0.5),
            "The two means were averaged; the course adds them (at logits of 0 the loss is "
            "2 log 2 = 1.386).",
        ),
        Misconception(
            "one_mean",
            together,
            "Reals and fakes were put into one mean, so the larger group counts more. Take each "
            "group's own mean, then add.",
        ),
        Misconception(
            "one_mean_doubled",
            scaled(together, 2),
            "Reals and fakes were put into one mean and the result was doubled, which is right for "
            "groups of one size alone. Take each group's own mean, then add.",
        ),
        Misconception(
            "fakes_in_both_places",
            lambda r, f, s=0.0: game(f, f, s),
            "Both parts were computed from the fakes, once with the reals' target. The reals never "
            "enter.",
        ),
        Misconception(
            "fakes_called_real",
            lambda r, f, s=0.0: 2 * bce(f, 1 - s).mean(),
            "The fakes stand in both places, both times with the label «real»: it learns to call "
            "everything real.",
        ),
        Misconception(
            "summed",
            lambda r, f, s=0.0: bce(r, 1 - s).sum() + bce(f, 0.0).sum(),
            "The batch was added up, so the loss grows with its size. A mean over the reals plus a "
            "mean over the fakes is wanted.",
        ),
        Misconception(
            "labels_swapped",
            lambda r, f, s=0.0: game(f, r, s),
            "Fakes are asked to look real and reals to look fake. The target of the reals is 1, "
            "that of the fakes 0.",
        ),
        Misconception(
            "sign",
            negated(game),
            "This is what the discriminator maximizes. A loss is minimized: turn the sign round, "
            "or its probability for reals will sink to 0.",
        ),
        Misconception(
            "fakes_alone",
            lambda r, f, s=0.0: bce(f, 0.0).mean(),
            "The reals are missing. A judge who sees only forgeries learns to say «fake» to "
            "everything.",
        ),
        Misconception(
            "reals_alone",
            lambda r, f, s=0.0: bce(r, 1 - s).mean(),
            "The fakes are missing: this is least when everything is called real.",
        ),
        Misconception(
            "all_called_real",
            lambda r, f, s=0.0: game(r, f, s, no=1.0),
            "Both groups have the target 1. Fakes are labeled 1 in the generator's loss alone; the "
            "discriminator must be told the truth, 0.",
        ),
        Misconception(
            "sigmoid_twice",
            lambda r, f, s=0.0: game(r.sigmoid(), f.sigmoid(), s),
            "A sigmoid was applied to the logits before a loss that has its own (the one «with "
            "logits»). Pass the logits as they are.",
        ),
        Misconception(
            "no_logarithm",
            lambda r, f, s=0.0: -r.sigmoid().mean() + f.sigmoid().mean(),
            "These are mean probabilities without a logarithm. The loss is the cross-entropy: "
            "-log D for reals and -log(1 - D) for fakes.",
        ),
        Misconception(
            "overflows",
            log_of_sigmoid,
            "At large logits the sigmoid is exactly 0 or 1 in floating point, and its logarithm "
            "-inf. F.logsigmoid, F.softplus and the BCE «with logits» never form it.",
        ),
        Misconception("floor_at_minus_100", with_a_floor, FLOOR),
    ),
    hints=(
        "It is the cross-entropy of a classifier: which target do the reals have, which the fakes?",
        "F.binary_cross_entropy_with_logits(logits, targets) takes logits, and targets of the same "
        "shape: torch.full_like and torch.zeros_like make them. Call it once for each group.",
        "Reals: the target is 1 - smooth everywhere. Fakes: 0 everywhere, whatever smooth is. Add "
        "the two means; do not divide by 2.",
    ),
)
