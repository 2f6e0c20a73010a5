"""Check of `value_function`. Oracle: torch.logaddexp."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..declare import Misconception
from ..group_losses import bce, group_mistakes, logit_mistakes, two_group_loss, two_groups
from ..ready import adapted
from .generator_losses import BASE_TEN


def game(term: Callable = bce) -> Callable:
    """V, which is minus the two cross-entropies."""
    return two_groups(lambda r: -term(r, 1.0), lambda f: -term(f, 0.0))


def real_term(logits: Tensor) -> Tensor:
    return -bce(logits, 1.0)


def fake_term(logits: Tensor) -> Tensor:
    return -bce(logits, 0.0)


EXERCISE = two_group_loss(
    name="minimax.value_function",
    unit="nats",
    real=real_term,
    fake=fake_term,
    any_shape=True,
    misconceptions=(
        *adapted(
            group_mistakes(real_term, fake_term),
            halved="The two means were averaged. V adds them (at logits of 0 it is -log 4 = "
            "-1.386).",
            summed="The batch was added up, so V grows with its size. An expectation is estimated "
            "by a mean: one over the reals plus one over the fakes.",
            groups_swapped="Reals and fakes changed places: log D belongs to the reals, "
            "log(1 - D) to the fakes.",
            sign="This is the discriminator's loss, which it minimizes. V is what it maximizes: "
            "two logarithms of probabilities, never above 0.",
            reals_alone="The fakes are missing: this is largest when everything is called real.",
            all_called_real="Both groups have the term log D. Of the fakes V rewards the "
            "probability of «fake», 1 - D.",
            second_subtracted="The fakes' mean was subtracted. Both terms reward a right verdict, "
            "so both are added: log D of the reals, log(1 - D) of the fakes.",
        ),
        *adapted(
            logit_mistakes(game),
            sigmoid_twice="A sigmoid was applied twice: a function that takes logits has its own. "
            "Pass the logits as they are.",
            no_logarithm="These are mean probabilities without a logarithm. V has log D for the "
            "reals and log(1 - D) for the fakes.",
            logits_alone="These are mean logits, as a Wasserstein critic has them. V has log D and "
            "log(1 - D), with D the sigmoid of the logit.",
        ),
        Misconception(
            "mean_probability_first",
            lambda r, f: r.sigmoid().mean().log() + (-f).sigmoid().mean().log(),
            "The means were taken inside the logarithms. V is a mean of logarithms: each example "
            "has its own.",
            also=(lambda r, f: bce(r.mean(), 1.0) * -1 - bce(f.mean(), 0.0),),
        ),
        Misconception(
            "logits_for_probabilities",
            lambda r, f: r.log().mean() + (1 - f).log().mean(),
            "The logits were taken for probabilities. D is the sigmoid of the logit.",
        ),
        Misconception(
            "log_d_subtracted",
            lambda r, f: real_term(r).mean() - real_term(f).mean(),
            "Of the fakes log D was subtracted. V adds log(1 - D), which is not -log D.",
        ),
        Misconception(
            "logarithm_cut_off",
            two_groups(
                lambda r: r.sigmoid().log().clamp(min=-100),
                lambda f: (1 - f.sigmoid()).log().clamp(min=-100),
            ),
            "The logarithm was cut off at -100, and a logit of ±200 costs 200 where it is wrong. "
            "F.logsigmoid needs no limit.",
        ),
        Misconception(
            "one_minus_logarithm",
            two_groups(real_term, lambda f: 1 + bce(f, 1.0)),
            "The fakes' term is 1 - log D. The 1 belongs inside the logarithm: log(1 - D).",
        ),
        Misconception(
            "one_minus_the_logit",
            two_groups(real_term, lambda f: -bce(1 - f, 1.0)),
            "Of the fakes 1 was taken minus the logit. 1 - D is the sigmoid of minus the logit.",
        ),
        Misconception(
            "probabilities_added",
            two_groups(torch.sigmoid, lambda f: 1 - f.sigmoid()),
            "These are the mean probabilities of a right verdict, D and 1 - D, without their "
            "logarithms.",
        ),
        Misconception(
            "one_mean_of_losses",
            lambda r, f: torch.cat([bce(r, 1.0), bce(f, 0.0)]).mean(),
            "This is one mean of cross-entropies over reals and fakes together. V is minus "
            "the sum of two means, one for each group.",
        ),
        Misconception(
            "mean_of_two_losses",
            lambda r, f: (bce(r, 1.0).mean() + bce(f, 0.0).mean()) / 2,
            "This is half the sum of the two cross-entropies. V is minus the whole sum.",
        ),
        Misconception(
            "targets_exchanged",
            two_groups(lambda r: bce(r, 0.0), lambda f: bce(f, 1.0)),
            "These are cross-entropies with exchanged targets, -log(1 - D) of the reals and -log D "
            "of the fakes. V has log D of the reals and log(1 - D) of the fakes.",
        ),
        Misconception(
            "one_axis_averaged",
            lambda r, f: real_term(r).mean(0) + fake_term(f).mean(0),
            "The mean runs along one axis alone. A table of logits has two, and all its numbers "
            "are examples of the group: one mean over everything.",
            also=(
                lambda r, f: real_term(r).mean(-1) + fake_term(f).mean(-1),
                lambda r, f: real_term(r).mean(-1).mean() + fake_term(f).mean(0),
            ),
        ),
        Misconception(
            "divided_by_rows",
            lambda r, f: real_term(r).sum() / len(r) + fake_term(f).sum() / len(f),
            "The sums were divided by len(), which counts the rows of a table. A mean divides by "
            "how many numbers there are.",
        ),
        Misconception(
            "base_ten",
            lambda r, f: (real_term(r).mean() + fake_term(f).mean()) / math.log(10),
            BASE_TEN,
        ),
        Misconception(
            "reals_in_both_places",
            lambda r, f: real_term(r).mean() + fake_term(r).mean(),
            "Both terms were computed from the reals, once as if they were fakes. The fakes never "
            "enter.",
        ),
        Misconception(
            "one_group_summed",
            lambda r, f: real_term(r).mean() + fake_term(f).sum(),
            "One group has its mean and the other its sum. Both expectations are means.",
            also=(lambda r, f: real_term(r).sum() + fake_term(f).mean(),),
        ),
        Misconception(
            "logarithm_for_d",
            two_groups(real_term, lambda f: (1 + bce(f, 1.0)).log()),
            "Of the fakes this is log(1 - log D): a logarithm of D stands where D itself belongs.",
        ),
        Misconception(
            "divided_by_one_count",
            lambda r, f: (real_term(r).sum() + fake_term(f).sum()) / r.numel(),
            "Both sums were divided by the number of one group. Each group has its own number, "
            "and its own mean.",
            also=(
                lambda r, f: (real_term(r).sum() + fake_term(f).sum()) / f.numel(),
                lambda r, f: (real_term(r).sum() + fake_term(f).sum()) / len(r),
            ),
        ),
    ),
    hints=(
        "Two expectations, each estimated by a mean over its own group.",
        "D is the sigmoid of a logit. log D and log(1 - D) have stable functions: F.logsigmoid, "
        "and 1 - sigmoid(a) is sigmoid(-a).",
        "V is minus the sum of two binary cross-entropies with the targets 1 and 0.",
    ),
)
