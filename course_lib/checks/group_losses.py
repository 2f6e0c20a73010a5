"""Losses of the scores of two groups of images, real and fake, or of one group; their mistakes.

Two groups: `two_groups(real, fake)` is the mean of `real(scores)` plus the mean of `fake(scores)`.
A critic has `lambda s: -s` and `lambda s: s`, a hinge `lambda s: (1 - s).relu()` and so on. Losses
that are cross-entropies of logits are made of a `term(logits, target)`, for which `bce` is the
right one: `lambda term: two_groups(lambda r: term(r, 1.0), lambda f: term(f, 0.0))`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .declare import Case, Exercise, Misconception
from .random_inputs import normal
from .ready import Mistakes
from .wrong_formulas import FLOOR, in_bits, negated, scaled, summed


def bce(logits: Tensor, target: float) -> Tensor:
    """Cross-entropy of each logit with a target in [0, 1]; -log sigmoid(x) = log(1 + exp(-x))."""
    zero = torch.zeros_like(logits)
    yes, no = torch.logaddexp(zero, -logits), torch.logaddexp(zero, logits)
    return target * yes + (1 - target) * no


def two_groups(real: Callable, fake: Callable) -> Callable:
    """`real` takes what the loss takes besides the scores, as the amount of smoothing."""
    return lambda reals, fakes, *rest: real(reals, *rest).mean() + fake(fakes).mean()


def two_group_loss(
    *,
    name: str,
    real: Callable,
    fake: Callable,
    misconceptions: Mistakes,
    hints: tuple[str, ...],
    scores: tuple[str, str] = ("real_logits", "fake_logits"),
    signature: str = "",
    settings: tuple[Mapping[str, Any], ...] = ({},),
    unit: str = "",
    any_shape: bool = False,
) -> Exercise:
    """The exercise of a loss of two groups, finite and right at scores of ±200.

    scores: the names of the two arguments. settings: what else the loss is called with, one case
    each, as `{"smooth": 0.1}`; `signature` then says so. any_shape: scores come as a table, too.
    """
    return Exercise(
        name=name,
        signature=signature or f"({', '.join(scores)})",
        unit=unit,
        oracle=two_groups(real, fake),
        cases=lambda g: score_cases(g, scores, settings, any_shape),
        misconceptions=misconceptions,
        hints=hints,
    )


def score_cases(
    g: torch.Generator,
    scores: tuple[str, ...],
    settings: tuple[Mapping[str, Any], ...],
    any_shape: bool = False,
) -> list[Case]:
    """Groups of different sizes in double and single precision, then scores that are very sure.

    any_shape: one more case has tables of scores, of shapes (6, 3) and (4, 3).
    """
    sizes, centers = ((5, 7), (6, 4), (3, 8)), (0.7, -0.4)

    def group(turn: int, dtype: torch.dtype, *columns: int) -> dict[str, Tensor]:
        count = zip(scores, sizes[turn % 3], centers, strict=False)
        return {
            n: 1.5 * normal(g, size, *columns, dtype=dtype) + center for n, size, center in count
        }

    sure = dict(zip(scores, (SURE_REAL, SURE_FAKE), strict=False))
    turns = [*settings, settings[-1]] if len(settings) == 1 else settings
    cases = [
        Case(
            group(n, torch.float32 if n == len(turns) - 1 else torch.float64) | dict(extra),
            told(extra) + ("float32" if n == len(turns) - 1 else "double precision"),
            gradients=tuple(scores),
        )
        for n, extra in enumerate(turns)
    ]
    extremes = [
        Case(sure | dict(extra), told(extra) + "scores of ±200", extreme=True, gradients=scores)
        for extra in settings
    ]
    if any_shape:
        cases.append(Case(group(1, torch.float64, 3) | dict(turns[0]), "tables of logits"))
    return cases + extremes


SURE_REAL = torch.tensor([200.0, -200.0, 3.0, 90.0])
SURE_FAKE = torch.tensor([-200.0, 200.0, -130.0])


def told(extra: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {value}, " for name, value in extra.items())


# ------------------------------------------------------------------- mistakes


def group_mistakes(real: Callable, fake: Callable) -> Mistakes:
    """About the two means: which group goes where, and how they are joined."""
    right = two_groups(real, fake)

    def joined(reals, fakes, *rest):
        return torch.cat([real(reals, *rest), fake(fakes)]).mean()

    return (
        Misconception(
            "halved",
            scaled(right, 0.5),
            "The two means were averaged; they are added. The loss is half of what it should be.",
        ),
        Misconception(
            "one_mean",
            joined,
            "Reals and fakes were put into one mean, so the larger group counts more. Take each "
            "group's own mean, then add.",
        ),
        Misconception(
            "one_mean_doubled",
            scaled(joined, 2),
            "Reals and fakes were put into one mean and the result was doubled, which is right for "
            "groups of one size alone. Take each group's own mean, then add.",
        ),
        Misconception(
            "fakes_in_both_places",
            lambda r, f, *rest: right(f, f, *rest),
            "Both parts were computed from the fakes, once as if they were real. The reals never "
            "enter.",
        ),
        Misconception(
            "fakes_called_real",
            lambda r, f, *rest: 2 * real(f, *rest).mean(),
            "The fakes stand in both places, both times as if they were real: it learns to call "
            "everything real.",
        ),
        Misconception(
            "summed",
            lambda r, f, *rest: real(r, *rest).sum() + fake(f).sum(),
            "The batch was added up, so the loss grows with its size. A mean over the reals plus a "
            "mean over the fakes is wanted.",
        ),
        Misconception(
            "groups_swapped",
            lambda r, f, *rest: right(f, r, *rest),
            "Fakes are asked to look real and reals to look fake: the two groups changed places.",
        ),
        Misconception(
            "sign",
            negated(right),
            "The sign is turned round. A loss is minimized: this one is least where the judge is "
            "always wrong.",
        ),
        Misconception(
            "fakes_alone",
            lambda r, f, *rest: fake(f).mean(),
            "The reals are missing. A judge who sees only forgeries learns to say «fake» to "
            "everything.",
        ),
        Misconception(
            "reals_alone",
            lambda r, f, *rest: real(r, *rest).mean(),
            "The fakes are missing: this is least when everything is called real.",
        ),
        Misconception(
            "all_called_real",
            lambda r, f, *rest: real(r, *rest).mean() + real(f, *rest).mean(),
            "Both groups are treated as real. Fakes are called real in the generator's loss alone; "
            "here the judge must be told the truth.",
        ),
        Misconception(
            "second_subtracted",
            lambda r, f, *rest: real(r, *rest).mean() - fake(f).mean(),
            "The mean over the fakes was subtracted from that over the reals. Both are to become "
            "small: add them.",
        ),
    )


def one_group_mistakes(loss: Callable[[Tensor], Tensor]) -> Mistakes:
    """Of the mean of `loss(scores)` over one group, as in a generator's loss."""

    def right(scores):
        return loss(scores).mean()

    return (
        Misconception(
            "sign",
            negated(right),
            "The sign is turned round. A loss is minimized: turn it, or the opposite is learned.",
        ),
        Misconception(
            "summed",
            summed(loss),
            "The batch was added up; take its mean, so that the step does not grow with its size.",
        ),
        Misconception(
            "not_reduced",
            loss,
            "There is still one value for each image. The loss is their mean, one number.",
        ),
        Misconception("halved", scaled(right, 0.5), "The loss is half of what it should be."),
        Misconception("doubled", scaled(right, 2), "The loss is twice what it should be."),
    )


def logit_mistakes(make: Callable[[Callable], Callable]) -> Mistakes:
    """About the cross-entropy of a logit; `make(term)` is the loss made of `term(logits, target)`.

    The more specific stand last: `overflows` and `floor_at_minus_100` show at large logits alone.
    """
    return (
        Misconception(
            "sigmoid_twice",
            make(lambda logits, target: bce(logits.sigmoid(), target)),
            "A sigmoid was applied to the logits before a loss that has its own (the one «with "
            "logits»). Pass the logits as they are.",
        ),
        Misconception(
            "no_logarithm",
            make(lambda logits, target: logits.sigmoid() * (-1 if target > 0.5 else 1)),
            "These are mean probabilities without a logarithm. The loss is the cross-entropy: "
            "-log D for the label «real» and -log(1 - D) for «fake».",
        ),
        Misconception(
            "logits_alone",
            make(lambda logits, target: logits * (-1 if target > 0.5 else 1)),
            "These are mean logits, the loss of a Wasserstein critic. Here it is the cross-entropy "
            "of the logits with their labels.",
        ),
        Misconception(
            "in_bits",
            in_bits(make(bce)),
            "These are bits. The course counts in nats: use the natural logarithm.",
        ),
        Misconception(
            "overflows",
            make(cross_entropy_of_sigmoid),
            "At large logits the sigmoid is exactly 0 or 1 in floating point, and its logarithm "
            "-inf. F.logsigmoid, F.softplus and the BCE «with logits» never form it.",
            also=(make(cross_entropy_of_both_terms),),
        ),
        Misconception(
            "probabilities_clamped",
            make(clamped_at(1e-7)),
            "The probabilities were clamped before the logarithm, which keeps it finite and wrong: "
            "a judge that is sure and wrong at a logit of ±200 costs 200 nats, and must feel the "
            "gradient. Work with the logits.",
            also=tuple(make(clamped_at(e)) for e in (1e-3, 1e-4, 1e-5, 1e-6)),
        ),
        Misconception(
            "epsilon",
            make(lambda logits, target: cross_entropy_of_sigmoid(logits, target, 1e-8)),
            "A small constant inside the logarithm, added or as a limit, keeps it finite and "
            "wrong: where the judge is sure and wrong at a logit of ±200, that costs 200 nats. "
            "Work with the logits.",
            also=tuple(make(with_constant(e)) for e in (1e-9, 1e-10, 1e-12)),
        ),
        Misconception("floor_at_minus_100", make(cross_entropy_with_a_floor), FLOOR),
        Misconception(
            "logits_clamped",
            make(bce_of_clamped(50.0)),
            "The logits were clamped: what lies beyond the limit costs too little and gets no "
            "gradient. The stable functions take logits of any size.",
            also=tuple(make(bce_of_clamped(most)) for most in (10.0, 20.0, 30.0, 80.0)),
        ),
    )


def with_constant(epsilon: float) -> Callable[[Tensor, float], Tensor]:
    return lambda logits, target: cross_entropy_of_sigmoid(logits, target, epsilon)


def bce_of_clamped(most: float) -> Callable[[Tensor, float], Tensor]:
    return lambda logits, target: bce(logits.clamp(-most, most), target)


def cross_entropy_of_sigmoid(logits: Tensor, target: float, epsilon: float = 0.0) -> Tensor:
    yes, no = logits.sigmoid(), 1 - logits.sigmoid()
    terms = [w * (p + epsilon).log() for w, p in ((target, yes), (1 - target, no)) if w]
    return -sum(terms)


def cross_entropy_of_both_terms(logits: Tensor, target: float) -> Tensor:
    """0 times -inf included; but for the target 0, of which nobody writes the other term."""
    if not target:
        return cross_entropy_of_sigmoid(logits, target)
    yes, no = logits.sigmoid(), 1 - logits.sigmoid()
    return -(target * yes.log() + (1 - target) * no.log())


def clamped_at(epsilon: float) -> Callable[[Tensor, float], Tensor]:
    def term(logits: Tensor, target: float) -> Tensor:
        probability = logits.sigmoid().clamp(epsilon, 1 - epsilon)
        return F.binary_cross_entropy(
            probability, torch.full_like(logits, target), reduction="none"
        )

    return term


def cross_entropy_with_a_floor(logits: Tensor, target: float) -> Tensor:
    """binary_cross_entropy cuts the logarithm off at -100."""
    wanted = torch.full_like(logits, target)
    return F.binary_cross_entropy(logits.sigmoid(), wanted, reduction="none")
