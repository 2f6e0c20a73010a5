"""Check of `f1_d_loss`. Oracle: torch.logaddexp."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..declare import Misconception
from ..group_losses import bce, group_mistakes, logit_mistakes, two_group_loss, two_groups
from ..ready import adapted, only


def real_term(logits: Tensor) -> Tensor:
    return bce(logits, 1.0)


def fake_term(logits: Tensor) -> Tensor:
    return bce(logits, 0.0)


def made_of(term: Callable = bce) -> Callable:
    return two_groups(lambda r: term(r, 1.0), lambda f: term(f, 0.0))


GROUPS = adapted(
    group_mistakes(real_term, fake_term),
    sign="This is still the value itself, and minimizing it makes D call every real image fake and "
    "every fake one real. D makes the value large: the loss is its negative.",
    halved="The two means were averaged. At logits of 0 the loss is 2 log 2 = 1.386.",
)

EXERCISE = two_group_loss(
    name="clinic.f1_d_loss",
    scores=("lr", "lf"),
    unit="nats",
    real=real_term,
    fake=fake_term,
    misconceptions=(
        *only(GROUPS, "sign"),
        *adapted(GROUPS, leave_out=("sign",)),
        *logit_mistakes(made_of),
        Misconception(
            "mean_probability_first",
            lambda r, f: -r.sigmoid().mean().log() - (-f).sigmoid().mean().log(),
            "The means were taken inside the logarithms. Each example has its own logarithm.",
        ),
        Misconception(
            "logarithm_cut_off",
            two_groups(
                lambda r: -r.sigmoid().log().clamp(min=-100),
                lambda f: -(1 - f.sigmoid()).log().clamp(min=-100),
            ),
            "The logarithm was cut off at -100, and a logit of ±200 costs 200 where it is wrong. "
            "F.logsigmoid needs no limit.",
        ),
        Misconception(
            "in_pairs",
            lambda r, f: (real_term(r) + fake_term(f)).mean(),
            "Reals and fakes were added one by one. They are no pairs, and their numbers may "
            "differ: take each group's own mean first.",
            error="must match the size of tensor",
        ),
        Misconception(
            "one_minus_logarithm",
            two_groups(real_term, lambda f: -(1 + bce(f, 1.0))),
            "The fakes' term has 1 - log D. The 1 belongs inside the logarithm: log(1 - D).",
        ),
        Misconception(
            "logits_for_probabilities",
            lambda r, f: -r.log().mean() - (1 - f).log().mean(),
            "The logarithm was taken of the logits. D is their sigmoid.",
        ),
    ),
    hints=(
        "The game says max for D. An optimizer minimizes. What has to change?",
        "At logits of 0 the loss is 2 log 2 = +1.386, and it falls towards 0 as D gets better.",
        "-log σ(a) is F.softplus(-a), and -log(1 - σ(a)) is F.softplus(a).",
    ),
)
