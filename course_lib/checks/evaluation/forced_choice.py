"""Check of `forced_choice`. Oracle: bisection on the score test that Wilson's interval inverts."""

from __future__ import annotations

import math
from statistics import NormalDist

import torch

from ..declare import Case, Exercise, Misconception
from .numbers import call_for, number_facts

OUTPUTS = ("rate", "low", "high")


def sitting_cases(generator: torch.Generator) -> list[Case]:
    def sitting(total: int, confidence: float) -> dict:
        low, high = total // 5, total - total // 5  # away from one half and from the ends
        correct = int(torch.randint(low, high, (), generator=generator))
        correct += 2 * correct == total
        return {"correct": correct, "total": total, "confidence": confidence}

    return [
        Case(sitting(20, 0.95), "20 pairs, confidence 0.95"),
        Case(sitting(35, 0.8), "35 pairs, confidence 0.8"),
        Case(sitting(400, 0.99), "400 pairs, confidence 0.99"),
        Case({"correct": 0, "total": 12, "confidence": 0.9}, "none of 12 correct", extreme=True),
        Case({"correct": 9, "total": 9, "confidence": 0.9}, "all of 9 correct", extreme=True),
    ]


def by_bisection(correct: int, total: int, confidence: float) -> tuple[float, float, float]:
    """The ends are the chances from which the observed rate is z standard errors away."""
    z, rate = NormalDist().inv_cdf((1 + confidence) / 2), correct / total

    def end(low: float, high: float, rising: bool) -> float:
        for _ in range(60):
            middle = (low + high) / 2
            beyond = abs(rate - middle) > z * math.sqrt(middle * (1 - middle) / total)
            low, high = (low, middle) if beyond is rising else (middle, high)
        return (low + high) / 2

    return rate, end(0.0, rate, False), end(rate, 1.0, True)


def quantile(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(correct, total, confidence, z=None, center=1.0, inside=1.0, shrink=1.0):
    """The interval with its parts exposed, so that a mistake can leave one out."""
    z = quantile(confidence) if z is None else z(confidence)
    rate = correct / total
    middle = rate + center * z * z / (2 * total)
    half = z * math.sqrt(rate * (1 - rate) / total + inside * z * z / (4 * total**2))
    below = 1 + shrink * z * z / total
    return rate, (middle - half) / below, (middle + half) / below


def changed(change):
    return lambda *given: change(*wilson(*given))


def wald(correct, total, confidence):
    rate = correct / total
    half = quantile(confidence) * math.sqrt(rate * (1 - rate) / total)
    return rate, rate - half, rate + half


def clipped_wald(*given):
    rate, low, high = wald(*given)
    return rate, max(0.0, low), min(1.0, high)


def agresti(correct, total, confidence):
    z = quantile(confidence)
    more = total + z * z
    middle = (correct + z * z / 2) / more
    half = z * math.sqrt(middle * (1 - middle) / more)
    return correct / total, middle - half, middle + half


def about_chance(correct, total, confidence):
    half = quantile(confidence) * math.sqrt(0.25 / total)
    return correct / total, correct / total - half, correct / total + half


def four_n(correct, total, confidence):
    z, rate = quantile(confidence), correct / total
    half = z * math.sqrt(rate * (1 - rate) / total + z * z / (4 * total))
    below = 1 + z * z / total
    middle = rate + z * z / (2 * total)
    return rate, (middle - half) / below, (middle + half) / below


def of_pieces(correct, total, confidence, center=None, half=None, below=None):
    """The interval with one of its three pieces replaced by a function of z and n."""
    z, rate = quantile(confidence), correct / total
    middle = rate + (z * z / (2 * total) if center is None else center(z, total))
    right = z * math.sqrt(rate * (1 - rate) / total + z * z / (4 * total**2))
    width = right if half is None else half(rate, z, total)
    divisor = 1 + z * z / total if below is None else below(z, total)
    return rate, (middle - width) / divisor, (middle + width) / divisor


def divided_in_part(correct, total, confidence, center):
    rate, low, high = wilson(correct, total, confidence, shrink=0.0)
    middle, half, below = (low + high) / 2, (high - low) / 2, 1 + quantile(confidence) ** 2 / total
    middle, half = (middle / below, half) if center else (middle, half / below)
    return rate, middle - half, middle + half


def z_under_n(correct, total, confidence):
    return of_pieces(
        correct,
        total,
        confidence,
        half=lambda p, z, n: z * math.sqrt(p * (1 - p) / n + z * z / (2 * n)),
    )


def term_behind_the_root(correct, total, confidence):
    return of_pieces(
        correct,
        total,
        confidence,
        half=lambda p, z, n: z * (math.sqrt(p * (1 - p) / n) + z * z / (4 * n * n)),
    )


def all_z_unsquared(correct, total, confidence):
    return of_pieces(
        correct,
        total,
        confidence,
        center=lambda z, n: z / (2 * n),
        half=lambda p, z, n: z * math.sqrt(p * (1 - p) / n + z / (4 * n * n)),
        below=lambda z, n: 1 + z / n,
    )


def about_the_rate(correct, total, confidence, shrunk=True):
    """Wilson's half width on both sides of the rate."""
    rate, low, high = wilson(correct, total, confidence, shrink=float(shrunk))
    return rate, rate - (high - low) / 2, rate + (high - low) / 2


def times_the_divisor(correct, total, confidence):
    rate, low, high = wilson(correct, total, confidence, shrink=0.0)
    divisor = 1 + quantile(confidence) ** 2 / total
    return rate, low * divisor, high * divisor


def divisor_under_the_root(correct, total, confidence):
    z, rate = quantile(confidence), correct / total
    below = 1 + z * z / total
    middle = (rate + z * z / (2 * total)) / below
    half = z * math.sqrt((rate * (1 - rate) / total + z * z / (4 * total**2)) / below)
    return rate, middle - half, middle + half


def in_whole_numbers(correct, total, confidence):
    return wilson(correct // total * total, total, confidence)


def z_outside(correct, total, confidence):
    """z multiplies the first part alone."""
    z, rate = quantile(confidence), correct / total
    half = z * math.sqrt(rate * (1 - rate) / total) + z * z / (4 * total**2)
    below = 1 + z * z / total
    middle = rate + z * z / (2 * total)
    return rate, (middle - half) / below, (middle + half) / below


EXERCISE = Exercise(
    name="evaluation.forced_choice",
    signature="(correct, total, confidence)",
    oracle=by_bisection,
    cases=sitting_cases,
    outputs=OUTPUTS,
    call=call_for(*OUTPUTS),
    facts=number_facts,
    misconceptions=(
        Misconception(
            "wald",
            wald,
            "This is the interval of rate ± z standard errors, with the standard error at the rate "
            "itself (Wald's). With few answers it is too narrow, and with none or all correct its "
            "width is 0, clipped or not. Wilson's is the other formula.",
            also=(clipped_wald,),
        ),
        Misconception(
            "agresti_coull",
            agresti,
            "This is Agresti and Coull's interval: its center is Wilson's, and it is a little "
            "wider.",
        ),
        Misconception(
            "one_sided",
            lambda *given: wilson(*given, z=lambda c: NormalDist().inv_cdf(c)),
            "z leaves 1 - confidence on one side. An interval has two ends, and half of the rest "
            "lies beyond each.",
            also=(
                lambda *given: wilson(*given, z=lambda c: NormalDist().inv_cdf(1 - (1 - c) / 1)),
            ),
        ),
        Misconception(
            "z_of_ninety_five",
            lambda *given: wilson(*given, z=lambda c: 1.96),
            "z is always 1.96, which belongs to a confidence of 0.95. Other confidences have "
            "another one.",
            also=(
                lambda *given: wilson(*given, z=lambda c: NormalDist().inv_cdf(0.975)),
                lambda *given: wilson(*given, z=lambda c: 2.0),
                lambda *given: wilson(*given, z=lambda c: 1.645),
            ),
        ),
        Misconception(
            "confidence_as_z",
            lambda *given: wilson(*given, z=lambda c: c),
            "The confidence was used as z. z is the normal quantile that goes with it.",
        ),
        Misconception(
            "negative_z",
            lambda *given: wilson(*given, z=lambda c: NormalDist().inv_cdf(1 - c)),
            "z is below 0, so that the ends change places, and it is the quantile of another "
            "probability: half of the rest lies beyond each end.",
            also=(lambda *given: wilson(*given, z=lambda c: NormalDist().inv_cdf(c / 2)),),
        ),
        Misconception(
            "confidence_halved",
            lambda *given: wilson(*given, z=lambda c: NormalDist().inv_cdf(1 - c / 2)),
            "z leaves half of the confidence above it. What is halved is the rest, 1 - confidence.",
        ),
        Misconception(
            "probability_as_z",
            lambda *given: wilson(*given, z=lambda c: NormalDist().cdf((1 + c) / 2)),
            "z is a probability here, below 1: cdf was asked where its inverse is needed.",
            also=(
                lambda *given: wilson(*given, z=lambda c: NormalDist().pdf((1 + c) / 2)),
                lambda *given: wilson(*given, z=lambda c: (1 + c) / 2),
                lambda *given: wilson(*given, z=lambda c: NormalDist().cdf(c)),
            ),
        ),
        Misconception(
            "without_brackets",
            lambda *given: wilson(*given, center=given[1] ** 2),
            "n multiplies where it should divide: a / 2 * n is (a / 2) · n. The denominators need "
            "brackets.",
            also=(
                lambda *given: wilson(*given, center=given[1] ** 2, inside=given[1] ** 4),
                lambda *given: wilson(*given, inside=given[1] ** 4),
            ),
        ),
        Misconception(
            "divisor_on_one_part",
            lambda *given: divided_in_part(*given, center=False),
            "The divisor stands under one part alone. It divides the center and the half width.",
            also=(lambda *given: divided_in_part(*given, center=True),),
        ),
        Misconception(
            "rounded",
            changed(lambda *three: tuple(round(each, 2) for each in three)),
            "The numbers were rounded. Return them as they are.",
            also=(changed(lambda *three: tuple(round(each, 3) for each in three)),),
        ),
        Misconception(
            "center_as_rate",
            changed(lambda rate, low, high: ((low + high) / 2, low, high)),
            "The interval is right; the rate is not. It is the share of correct answers, which is "
            "not the interval's center.",
        ),
        Misconception(
            "count_as_rate",
            lambda correct, total, confidence: (
                correct,
                *wilson(correct, total, confidence)[1:],
            ),
            "The interval is right; the rate is the number of correct answers, and should be their "
            "share.",
        ),
        Misconception(
            "moved_rate",
            lambda correct, total, confidence: (
                (correct + 1) / (total + 2),
                *wilson(correct, total, confidence)[1:],
            ),
            "The interval is right; the rate has answers added to it. It is correct / total.",
        ),
        Misconception(
            "not_shrunk",
            lambda *given: wilson(*given, shrink=0.0),
            "The divisor 1 + z²/n is missing.",
        ),
        Misconception(
            "center_not_moved",
            lambda *given: wilson(*given, center=0.0),
            "z²/(2n) is missing beside the rate: the center of Wilson's interval lies between the "
            "rate and 1/2.",
            also=(about_the_rate, lambda *given: about_the_rate(*given, shrunk=False)),
        ),
        Misconception(
            "root_without_its_second_term",
            lambda *given: wilson(*given, inside=0.0),
            "z²/(4n²) is missing under the root. It is what keeps the width above 0 where all "
            "answers are correct.",
        ),
        Misconception(
            "four_n",
            four_n,
            "Under the root z² is divided by 4n, and should be by 4n².",
            also=(z_under_n,),
        ),
        Misconception(
            "two_n_squared",
            lambda *given: wilson(*given, inside=2.0),
            "Under the root z² is divided by 2n², and should be by 4n².",
        ),
        Misconception(
            "second_term_outside_the_root",
            z_outside,
            "z²/(4n²) was added behind the root. It stands under the root, beside p (1 - p)/n.",
            also=(term_behind_the_root,),
        ),
        Misconception(
            "center_twice",
            lambda *given: wilson(*given, center=2.0),
            "Beside the rate stands z²/n, and should stand half of it.",
        ),
        Misconception(
            "z_not_squared",
            lambda *given: of_pieces(*given, center=lambda z, n: z / (2 * n)),
            "z stands somewhere where z² belongs: in the center, under the root, in the divisor.",
            also=(
                all_z_unsquared,
                lambda *given: of_pieces(*given, below=lambda z, n: 1 + z / n),
                lambda *given: of_pieces(
                    *given, center=lambda z, n: z / (2 * n), below=lambda z, n: 1 + z / n
                ),
                lambda *given: of_pieces(
                    *given,
                    half=lambda p, z, n: z * math.sqrt(p * (1 - p) / n + z / (4 * n * n)),
                ),
            ),
        ),
        Misconception(
            "one_pair_less",
            lambda *given: of_pieces(
                *given,
                half=lambda p, z, n: z * math.sqrt(p * (1 - p) / (n - 1) + z * z / (4 * n * n)),
            ),
            "p (1 - p) is divided by n - 1. Here n itself stands: each candidate rate has a known "
            "variance, q (1 - q)/n.",
        ),
        Misconception(
            "z_already_squared",
            lambda *given: wilson(*given, z=lambda c: quantile(c) ** 2),
            "z was squared before it went into the formula, which squares it where it should.",
        ),
        Misconception(
            "twice_the_half_width",
            lambda *given: of_pieces(
                *given,
                half=lambda p, z, n: 2 * z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)),
            ),
            "The interval is twice as wide as it should be: half its width, z times the root, lies "
            "on either side of the center.",
        ),
        Misconception(
            "z_twice",
            lambda *given: of_pieces(
                *given,
                half=lambda p, z, n: z * z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)),
            ),
            "z² stands in front of the root, and should be z.",
        ),
        Misconception(
            "one_minus_missing",
            lambda *given: of_pieces(
                *given, half=lambda p, z, n: z * math.sqrt(p / n + z * z / (4 * n * n))
            ),
            "Under the root stands p, and should be p (1 - p).",
        ),
        Misconception(
            "square_over_all",
            lambda *given: of_pieces(*given, center=lambda z, n: (z / (2 * n)) ** 2),
            "A square covers too much: it is z²/(2n) beside the rate, and z²/(4n²) under the root.",
            also=(
                lambda *given: of_pieces(
                    *given,
                    half=lambda p, z, n: z * math.sqrt(p * (1 - p) / n + (z * z / (4 * n)) ** 2),
                ),
                lambda *given: of_pieces(
                    *given,
                    half=lambda p, z, n: z * math.sqrt(p * (1 - p) / n + (z * z / (2 * n)) ** 2),
                ),
            ),
        ),
        Misconception(
            "divisor_under_the_root",
            divisor_under_the_root,
            "The divisor of half the width stands under the root. It divides what comes out of it.",
        ),
        Misconception(
            "times_the_divisor",
            times_the_divisor,
            "The ends were multiplied by 1 + z²/n, which divides them.",
        ),
        Misconception(
            "in_whole_numbers",
            in_whole_numbers,
            "The rate is 0 unless all answers are correct: // divides in whole numbers, and drops "
            "the fraction.",
        ),
        Misconception(
            "divisor_without_n",
            lambda *given: of_pieces(*given, below=lambda z, n: 1 + z * z),
            "The divisor is 1 + z². It is 1 + z²/n, which goes to 1 for many answers.",
            also=(
                lambda *given: of_pieces(*given, below=lambda z, n: n + z * z),
                lambda *given: of_pieces(*given, below=lambda z, n: 1 + z * z / (2 * n)),
                lambda *given: of_pieces(*given, below=lambda z, n: 1 - z * z / n),
            ),
        ),
        Misconception(
            "no_root",
            lambda *given: of_pieces(
                *given, half=lambda p, z, n: z * (p * (1 - p) / n + z * z / (4 * n * n))
            ),
            "The root is missing: half the width is z times a standard deviation, not a variance.",
        ),
        Misconception(
            "half_without_z",
            lambda *given: of_pieces(
                *given, half=lambda p, z, n: math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
            ),
            "z is missing in front of the root.",
        ),
        Misconception(
            "variance_not_divided",
            lambda *given: of_pieces(
                *given, half=lambda p, z, n: z * math.sqrt(p * (1 - p) + z * z / (4 * n * n))
            ),
            "Under the root, p (1 - p) is not divided by n.",
            also=(
                lambda *given: of_pieces(
                    *given, half=lambda p, z, n: z * math.sqrt(p * (1 - p) + z * z / (4 * n)) / n
                ),
                lambda *given: of_pieces(
                    *given,
                    half=lambda p, z, n: z * math.sqrt((p * (1 - p) + z * z / (4 * n * n)) / n),
                ),
            ),
        ),
        Misconception(
            "distances_from_the_rate",
            changed(lambda rate, low, high: (rate, rate - low, high - rate)),
            "These are the distances of the ends from the rate. Give the ends themselves.",
        ),
        Misconception(
            "at_one_half",
            about_chance,
            "The standard error is that of guessing, 1/2. It is unknown which rate is true: "
            "Wilson's interval takes each candidate's own standard error.",
        ),
        Misconception(
            "ends_exchanged",
            changed(lambda rate, low, high: (rate, high, low)),
            "The ends changed places: rate, low, high. (Is z the quantile above 0?)",
        ),
        Misconception(
            "rate_last",
            changed(lambda rate, low, high: (low, rate, high)),
            "The three numbers come in another order: rate, low, high.",
            also=(changed(lambda rate, low, high: (low, high, rate)),),
        ),
        Misconception(
            "in_percent",
            changed(lambda *three: tuple(100 * each for each in three)),
            "These are percent. Give shares between 0 and 1.",
        ),
        Misconception(
            "in_counts",
            lambda correct, total, confidence: tuple(
                total * each for each in wilson(correct, total, confidence)
            ),
            "These are numbers of answers. Give shares of them, between 0 and 1.",
        ),
        Misconception(
            "center_and_half_width",
            changed(lambda rate, low, high: (rate, (low + high) / 2, (high - low) / 2)),
            "The center and half the width came where the ends belong: the center minus half the "
            "width, and plus.",
        ),
        Misconception(
            "half_width",
            changed(lambda rate, low, high: (rate, (high - low) / 2, (high - low) / 2)),
            "Half the width came where the ends belong. Give the ends themselves.",
        ),
        Misconception(
            "without_the_rate",
            changed(lambda rate, low, high: (low, high)),
            "Two numbers came. The rate itself stands first: rate, low, high.",
        ),
        Misconception(
            "wrong_answers_counted",
            lambda correct, total, confidence: wilson(total - correct, total, confidence),
            "The wrong answers were counted: the rate is the share of correct ones.",
        ),
    ),
    hints=(
        "z is the normal quantile with (1 - confidence)/2 of the mass above it: "
        "statistics.NormalDist has inv_cdf, torch has torch.special.ndtri.",
        "Three pieces, each to be computed under a name of its own: the center, half the width, "
        "and the divisor that both share.",
        "Check it on none of 12: the low end must be 0, and the high end z²/(12 + z²).",
    ),
    rtol=1e-4,
    atol=1e-7,
)
