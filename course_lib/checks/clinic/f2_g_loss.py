"""Check of `f2_g_loss`. Oracle: torch.logaddexp."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..declare import Exercise, Misconception
from ..group_losses import bce, logit_mistakes, one_group_mistakes, score_cases
from ..ready import adapted, only


def minus_log_real(logits: Tensor) -> Tensor:
    return bce(logits, 1.0)


def made_of(term: Callable = bce) -> Callable:
    return lambda logits: term(logits, 1.0).mean()


OF_LOGITS = adapted(
    logit_mistakes(made_of),
    no_logarithm="The logarithm is still missing: this is -D, whose slope in the logit is "
    "D(1 - D), next to nothing where D is sure of the fake. -log D has the slope 1 - D there.",
    logits_alone="These are the bare logits, which suit a critic without bounds, as in a "
    "Wasserstein GAN. D is a probability here: -log D is wanted.",
)

EXERCISE = Exercise(
    name="clinic.f2_g_loss",
    signature="(lf)",
    unit="nats",
    oracle=lambda lf: minus_log_real(lf).mean(),
    cases=lambda g: score_cases(g, ("lf",), ({},)),
    misconceptions=(
        *only(OF_LOGITS, "no_logarithm"),
        Misconception(
            "one_minus_d",
            lambda lf: (1 - lf.sigmoid()).mean(),
            "This is 1 - D, which has the slope of the broken loss: D(1 - D), next to nothing "
            "where D is sure of the fake. The logarithm makes the difference, not the 1.",
        ),
        Misconception(
            "saturating",
            lambda lf: -bce(lf, 0.0).mean(),
            "A logarithm is there, but of 1 - D: the game's own term, whose slope at a logit of "
            "-10 is 0.000045, as small as the broken loss's. -log D is the one that keeps pulling.",
        ),
        Misconception(
            "discriminators_term",
            lambda lf: bce(lf, 0.0).mean(),
            "This is -log(1 - D), the discriminator's term: it falls when the fakes are seen "
            "through.",
        ),
        Misconception(
            "mean_probability_first",
            lambda lf: -lf.sigmoid().mean().log(),
            "The mean was taken inside the logarithm. Each fake has its own -log D; the mean comes "
            "last.",
        ),
        *adapted(
            one_group_mistakes(minus_log_real),
            sign="This is log D, which minimizing makes very negative: the generator would learn "
            "to be caught. It is to become large, so the loss is its negative.",
        ),
        *adapted(OF_LOGITS, leave_out=("no_logarithm",)),
        Misconception(
            "logits_for_probabilities",
            lambda lf: -lf.log().mean(),
            "The logarithm was taken of the logits. D is their sigmoid.",
        ),
        Misconception(
            "logarithm_cut_off",
            lambda lf: -lf.sigmoid().log().clamp(min=-100).mean(),
            "The logarithm was cut off at -100, where the gradient stops: the very symptom again, "
            "further out. F.logsigmoid needs no limit.",
        ),
    ),
    hints=(
        "Compare the slopes at a logit of -10: of σ(a), of log(1 - σ(a)), of log σ(a). Which one "
        "is not tiny?",
        "It is the cross-entropy of the fakes with the label that they should get.",
        "F.logsigmoid(a) is log σ(a), stable at any logit. A loss is minimized.",
    ),
)
