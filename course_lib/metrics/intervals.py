"""How sure a share is, by Wilson's interval; how far seeds scatter, by their median and range."""

import math
import statistics
from collections.abc import Iterable
from statistics import NormalDist


def wilson_interval(correct: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """The shares q for which `correct` of `total` lies within z standard errors √(q(1-q)/total).

    (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), p = correct/total, n = total, z the normal
    quantile of (1 + confidence)/2 (Wilson 1927). Always within [0, 1], and of positive width even
    where all or none were correct.

    Raises ValueError where `correct` is not between 0 and `total`, total is below 1, or confidence
    not between 0 and 1.

    >>> [round(end, 3) for end in wilson_interval(15, 20)]
    [0.531, 0.888]
    """
    if total < 1 or not 0 <= correct <= total:
        raise ValueError(f"correct must lie in 0..total, total at least 1; got {correct}, {total}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1; got {confidence}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, shrink = correct / total, z * z / total
    middle = (rate + shrink / 2) / (1 + shrink)
    half = z * math.sqrt(rate * (1 - rate) / total + shrink / (4 * total)) / (1 + shrink)
    low = middle - half if correct else 0.0  # which it is: rounding would leave 1e-17
    high = middle + half if correct < total else 1.0
    return low, high


def median_range(values: Iterable[float], form: str = ".1f") -> str:
    """Median of some runs, then their range: what a table of seeds holds in one place.

    Each number is written as `form` says. A range is named and no standard deviation: three or
    five seeds are too few to say more.

    >>> median_range([0.25, 0.5, 0.3], ".0%")
    '30% (25% to 50%)'
    """
    values = list(values)
    low, high = min(values), max(values)
    return f"{statistics.median(values):{form}} ({low:{form}} to {high:{form}})"
