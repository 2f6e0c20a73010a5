"""Check of `saturating_generator_loss`. Oracle: torch.logaddexp."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..declare import Misconception
from ..group_losses import bce, logit_mistakes, one_group_mistakes
from ..ready import adapted
from .generator_losses import EACH_FAKE, one_group_loss


def log_fake(logits: Tensor) -> Tensor:
    return -bce(logits, 0.0)


def made_of(term: Callable = bce) -> Callable:
    return lambda logits: -term(logits, 0.0).mean()


EXERCISE = one_group_loss(
    name="minimax.saturating_generator_loss",
    loss=log_fake,
    misconceptions=(
        Misconception(
            "nonsaturating",
            lambda f: bce(f, 1.0).mean(),
            "This is the non-saturating loss, -log D, of the next exercise. Here the generator "
            "minimizes the game's own term, log(1 - D).",
        ),
        Misconception(
            "log_d",
            lambda f: -bce(f, 1.0).mean(),
            "This is mean log D, which sinks as D calls the fakes fake: the generator would help "
            "its opponent. Of V it minimizes the fakes' term, log(1 - D).",
        ),
        *adapted(
            one_group_mistakes(log_fake),
            sign="This is the discriminator's term, -log(1 - D): small where it sees through the "
            "fakes. The generator minimizes log(1 - D) itself, which is never above 0.",
            halved="The loss is half of what it should be: the mean of log(1 - D), nothing else.",
            not_reduced=EACH_FAKE,
        ),
        *adapted(
            logit_mistakes(made_of),
            no_logarithm="This is a mean probability without a logarithm. The term of V is "
            "log(1 - D).",
            logits_alone="These are mean logits, as a Wasserstein critic has them. Here it is "
            "log(1 - D), with D the sigmoid of the logit.",
            epsilon="A small constant inside the logarithm, added or as a limit, keeps it finite "
            "and wrong: where D is sure that a fake is real, at a logit of 200, log(1 - D) is "
            "-200. Work with the logits.",
        ),
        Misconception(
            "mean_probability_first",
            lambda f: (1 - f.sigmoid().mean()).log(),
            "The mean was taken inside the logarithm. Each fake has its own log(1 - D); their mean "
            "comes last.",
        ),
        Misconception(
            "one_minus_d",
            lambda f: (1 - f.sigmoid()).mean(),
            "This is mean 1 - D, without its logarithm. The term of V is log(1 - D).",
        ),
        Misconception(
            "mean_d",
            lambda f: f.sigmoid().mean(),
            "This is mean D, without a logarithm. The term of V is log(1 - D).",
        ),
        Misconception(
            "logarithm_for_d",
            lambda f: (1 + bce(f, 1.0)).log().mean(),
            "This is log(1 - log D): a logarithm of D stands where D itself belongs.",
        ),
        Misconception(
            "logits_for_probabilities",
            lambda f: (1 - f).log().mean(),
            "The logits were taken for probabilities. D is the sigmoid of the logit.",
        ),
        Misconception(
            "one_minus_the_logit",
            lambda f: -bce(1 - f, 1.0).mean(),
            "1 was taken minus the logit. 1 - D is the sigmoid of minus the logit.",
        ),
        Misconception(
            "logarithm_cut_off",
            lambda f: (1 - f.sigmoid()).log().clamp(min=-100).mean(),
            "The logarithm was cut off at -100, and a logit of 200 costs 200 here. F.logsigmoid "
            "needs no limit.",
        ),
        Misconception(
            "one_minus_logarithm",
            lambda f: 1 + bce(f, 1.0).mean(),
            "This is 1 - log D. The 1 belongs inside the logarithm: log(1 - D).",
        ),
    ),
    hints=(
        "Which of the two terms of V depends on the generator?",
        "1 - sigmoid(a) is sigmoid(-a), so the logarithm never meets a rounded 0.",
        "F.logsigmoid is stable at any logit; F.softplus(a) is -log(1 - sigmoid(a)).",
    ),
)
