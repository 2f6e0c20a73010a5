"""Check of `f3_neg_elbo`: F9's model in several coordinates. Oracle: evidence and gap."""

from __future__ import annotations

from ..declare import Exercise, Misconception
from ..ready import adapted, only
from .one_gaussian import LOG_2PI, bound_cases, bound_mistakes, negative_elbo


def added(values):
    return values.sum(-1)


COMMON = adapted(
    bound_mistakes(added),
    reconstruction_rewarded="The log-likelihood is added where it should be subtracted: the lower "
    "this loss, the worse the reconstruction, and there is no end to it. A probability that is to "
    "grow enters a loss with a minus.",
)

EXERCISE = Exercise(
    name="clinic.f3_neg_elbo",
    signature="(x, m, v)",
    unit="nats",
    oracle=lambda x, m, v: added(negative_elbo(x, m, v)),
    cases=lambda g: bound_cases(g, 3),
    misconceptions=(
        *only(COMMON, "reconstruction_rewarded"),
        *adapted(COMMON, leave_out=("reconstruction_rewarded",)),
        Misconception(
            "coordinates_apart",
            negative_elbo,
            "There is still one value for each coordinate. They are independent, so their costs "
            "add: sum over the last axis.",
        ),
        Misconception(
            "constant_once",
            lambda x, m, v: added(negative_elbo(x, m, v)) - (x.shape[-1] - 1) * LOG_2PI / 2,
            "Half the logarithm of 2π was counted once for each example. Every coordinate has a "
            "density of its own, and brings it.",
        ),
        Misconception(
            "coordinates_averaged",
            lambda x, m, v: negative_elbo(x, m, v).mean(-1),
            "The coordinates were averaged. They are independent, so their costs add.",
        ),
    ),
    hints=(
        "Which of the two terms is a price, and which is what the model is paid for? A loss has "
        "the one with a plus, the other with a minus.",
        "At the exact posterior, m = x/2 and v = 1/2, the loss must be -log p(x); everywhere else "
        "it is larger.",
        "Per coordinate the cost is the KL, (m² + v - 1 - log v) / 2, and (log 2π + (x - m)² + v) "
        "/ 2. Then add over the last axis.",
    ),
)
