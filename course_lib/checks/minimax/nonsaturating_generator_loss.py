"""Check of `nonsaturating_generator_loss`. Oracle: torch.logaddexp."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..declare import Misconception
from ..group_losses import bce, logit_mistakes, one_group_mistakes
from ..ready import adapted
from .generator_losses import EACH_FAKE, one_group_loss


def minus_log_real(logits: Tensor) -> Tensor:
    return bce(logits, 1.0)


def made_of(term: Callable = bce) -> Callable:
    return lambda logits: term(logits, 1.0).mean()


EXERCISE = one_group_loss(
    name="minimax.nonsaturating_generator_loss",
    loss=minus_log_real,
    misconceptions=(
        Misconception(
            "saturating",
            lambda f: -bce(f, 0.0).mean(),
            "This is the game's own term, log(1 - D), whose gradient vanishes where D is sure of "
            "the fake. The other loss is wanted: -log D.",
        ),
        Misconception(
            "discriminators_term",
            lambda f: bce(f, 0.0).mean(),
            "This is -log(1 - D), the discriminator's term: it is small where the fakes are seen "
            "through. The generator wants them called real: -log D.",
        ),
        *adapted(
            one_group_mistakes(minus_log_real),
            sign="This is mean log D, which minimizing makes very negative: the generator would "
            "learn to be caught. A loss is minimized, so it is -log D.",
            halved="The loss is half of what it should be: the mean of -log D, nothing else.",
            not_reduced=EACH_FAKE,
        ),
        *adapted(
            logit_mistakes(made_of),
            no_logarithm="This is mean -D, without the logarithm. Its slope in the logit is "
            "D(1 - D), which vanishes where D is sure of the fake: the very thing that -log D "
            "avoids.",
            logits_alone="These are mean logits, as a Wasserstein critic's generator has them. "
            "Here it is -log D, with D the sigmoid of the logit.",
            epsilon="A small constant inside the logarithm, added or as a limit, keeps it finite "
            "and wrong: where D is sure of the fake, at a logit of -200, -log D is 200. Work with "
            "the logits.",
        ),
        Misconception(
            "mean_probability_first",
            lambda f: -f.sigmoid().mean().log(),
            "The mean was taken inside the logarithm. Each fake has its own -log D; their mean "
            "comes last.",
        ),
        Misconception(
            "one_added",
            lambda f: 1 + bce(f, 1.0).mean(),
            "This is 1 - log D. The loss is -log D alone, which is 0 where the fakes pass.",
        ),
        Misconception(
            "hinge",
            lambda f: (1 - f).relu().mean(),
            "This is linear in the logits up to a corner, a hinge. Here it is -log D, which has "
            "none.",
            also=(lambda f: (-f).relu().mean(),),
        ),
        Misconception(
            "logits_for_probabilities",
            lambda f: -f.log().mean(),
            "The logits were taken for probabilities. D is the sigmoid of the logit.",
        ),
        Misconception(
            "logarithm_cut_off",
            lambda f: -f.sigmoid().log().clamp(min=-100).mean(),
            "The logarithm was cut off at -100, and a logit of -200 costs 200 here. F.logsigmoid "
            "needs no limit.",
        ),
        Misconception(
            "one_minus_d",
            lambda f: (1 - f.sigmoid()).mean(),
            "This is mean 1 - D, without the logarithm. Its slope in the logit is D(1 - D), which "
            "vanishes where D is sure of the fake.",
        ),
    ),
    hints=(
        "It rises without end where D is sure that the fakes are fake, and falls to 0 where they "
        "pass.",
        "It is the cross-entropy of the fakes with a target. With which one?",
        "F.softplus(-a) is -log sigmoid(a), stable at any logit.",
    ),
)
