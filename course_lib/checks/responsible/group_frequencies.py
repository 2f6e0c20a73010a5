"""Check of `group_frequencies`. Oracle: counting, and bisection on the test that Wilson inverts."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..evaluation.forced_choice import agresti, by_bisection, clipped_wald, wald, wilson
from ..observing import describe_type


def counted_cases(generator: torch.Generator) -> list[Case]:
    def drawn(count: int, chances: list[float], confidence: float) -> dict:
        groups = len(chances)
        weights = torch.tensor(chances)
        some = torch.multinomial(weights, count, replacement=True, generator=generator)
        sure = weights.nonzero()[:, 0]  # every group that may come does come
        predictions = torch.cat([sure, some])[
            torch.randperm(len(sure) + count, generator=generator)
        ]
        return {"predictions": predictions, "groups": groups, "confidence": confidence}

    one = {"predictions": torch.full((9,), 2), "groups": 4, "confidence": 0.8}
    return [
        Case(drawn(50, [0.5, 0.2, 0.0, 0.25, 0.05], 0.95), "group 2 of 5 is empty"),
        Case(drawn(300, [0.6, 0.1, 0.3], 0.99), "3 groups, confidence 0.99"),
        Case(drawn(24, [0.4, 0.6, 0.0, 0.0], 0.8), "the last two of 4 groups are empty"),
        Case(one, "all of one group", extreme=True),
    ]


def by_counting(predictions: Tensor, groups: int, confidence: float) -> Tensor:
    seen = predictions.tolist()
    rows = [by_bisection(seen.count(group), len(seen), confidence) for group in range(groups)]
    return torch.tensor(rows, dtype=torch.float64)


def frequency_facts(inputs: dict, outputs: dict) -> dict:
    """The table in float64, so that no floating dtype is asked for."""
    value = outputs["value"]
    if not isinstance(value, Tensor):
        return {"value": value if isinstance(value, str) else describe_type(value)}
    if not value.is_floating_point():
        kind = str(value.dtype).removeprefix("torch.")
        return {"value": f"a tensor of {kind}, which holds no shares"}
    return {"value": value.double()}


def table(row: Callable = wilson, counts: Callable | None = None) -> Callable:
    """A row `(count, total, confidence) -> three numbers` for each group's count."""

    def answer(predictions, groups, confidence):
        counted = torch.bincount(predictions, minlength=groups)
        found = (counted if counts is None else counts(predictions, groups)).tolist()
        rows = [[float(v) for v in row(n, len(predictions), confidence)] for n in found]
        return torch.tensor(rows, dtype=torch.float64)

    return answer


def changed(change: Callable) -> Callable:
    return lambda *given: change(table()(*given))


def with_z(z: Callable) -> Callable:
    return table(lambda *given: wilson(*given, z=z))


def written(
    root: Callable = lambda p, n, z: math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)),
    shift: Callable = lambda z, n: z**2 / (2 * n),
    divisor: Callable = lambda z, n: 1 + z**2 / n,
    join: Callable = lambda middle, half, below: (
        (middle - half) / below,
        (middle + half) / below,
    ),
    front: Callable = lambda z: z,
) -> Callable:
    """Wilson's formula as the lesson prints it, with a slip of the pen in one of its parts."""

    def row(count: int, total: int, confidence: float) -> tuple[float, float, float]:
        p, z = count / total, NormalDist().inv_cdf((1 + confidence) / 2)
        half = front(z) * root(p, total, z)
        return p, *join(p + shift(z, total), half, divisor(z, total))

    return table(row)


def binned(predictions, groups):
    """torch.histc without its range: the bins reach from the smallest group that occurs on."""
    return torch.histc(predictions.float(), bins=groups).long()


def counts_from_one(predictions, groups):
    return torch.stack([(predictions == group).sum() for group in range(1, groups + 1)])


def over_the_number_of_groups(predictions, groups, confidence):
    rows = table()(predictions, groups, confidence)
    rows[:, 0] = torch.bincount(predictions, minlength=groups).double() / groups
    return rows


def shifted_both_ways(count, total, confidence):
    """z²/(2n) with the sign of ± as well."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, low, high = wilson(count, total, confidence)
    return share, low - z**2 / total / (1 + z**2 / total), high


def shares_over_groups_within(predictions, groups, confidence):
    """The share is a count over the number of groups, in the formula as well."""
    n, z = len(predictions), NormalDist().inv_cdf((1 + confidence) / 2)
    p = torch.bincount(predictions, minlength=groups).double() / groups
    half = z * (p * (1 - p) / n + z**2 / (4 * n**2)).sqrt()
    middle, below = p + z**2 / (2 * n), 1 + z**2 / n
    return torch.stack([p, (middle - half) / below, (middle + half) / below], dim=1)


def present_alone(predictions, groups):
    return predictions.unique(return_counts=True)[1]


def of_the_groups_number(predictions, groups, confidence):
    """n is taken for the number of groups under the root."""
    counted = torch.bincount(predictions, minlength=groups).tolist()
    total = len(predictions)
    rows = []
    for count in counted:
        _, low, high = wilson(count / total * groups, groups, confidence)
        rows.append((count / total, low, high))
    return torch.tensor(rows, dtype=torch.float64)


def of_the_largest(predictions, groups, confidence):
    right = table()(predictions, groups, confidence)
    return right / right[:, 0].max()


def divided_among_groups(predictions, groups, confidence):
    return table()(predictions, groups, 1 - (1 - confidence) / groups)


def of_its_own_count(count, total, confidence):
    """The group's own count as n."""
    rate, n = count / total, max(count, 1)
    _, low, high = wilson(rate * n, n, confidence)
    return rate, low, high


def centered(count, total, confidence):
    _, low, high = wilson(count, total, confidence)
    return (low + high) / 2, low, high


def with_half_width(count, total, confidence):
    rate, low, high = wilson(count, total, confidence)
    return rate, (high - low) / 2, (high - low) / 2


def smoothed(count, total, confidence):
    return (count + 1) / (total + 2), *wilson(count, total, confidence)[1:]


def empty_as_zero(count, total, confidence):
    return wilson(count, total, confidence) if count else (0.0, 0.0, 0.0)


def empty_as_nan(count, total, confidence):
    return wilson(count, total, confidence) if count else (math.nan,) * 3


EXERCISE = Exercise(
    name="responsible.group_frequencies",
    signature="(predictions, groups, confidence)",
    oracle=by_counting,
    cases=counted_cases,
    facts=frequency_facts,
    misconceptions=(
        Misconception(
            "empty_groups_left_out",
            table(counts=present_alone),
            "Groups that nobody was counted in have no row, so that the others move up: "
            "`unique` and `Counter` know only what occurs. There are `groups` rows, whoever came.",
        ),
        Misconception(
            "one_row_too_many",
            lambda predictions, groups, confidence: table()(predictions, groups + 1, confidence),
            "There is a row more than there are groups: they are numbered from 0 to groups - 1.",
        ),
        Misconception(
            "bins_of_the_data",
            table(counts=binned),
            "The bins do not belong to the groups: unless it is told otherwise, a histogram "
            "reaches from the smallest number that occurs to the largest one.",
        ),
        Misconception(
            "whole_division",
            table(lambda n, total, c: wilson(n // total, total, c)),
            "The shares were rounded down to whole numbers: // is a division without remainder.",
        ),
        Misconception(
            "divided_by_the_groups",
            shares_over_groups_within,
            "The counts were divided by the number of groups. A share is one of all predictions.",
            also=(over_the_number_of_groups,),
        ),
        Misconception(
            "rows_up_to_the_largest",
            table(counts=lambda predictions, groups: torch.bincount(predictions)),
            "The table ends at the largest group that occurs. torch.bincount takes a minlength.",
        ),
        Misconception(
            "empty_without_interval",
            table(empty_as_zero),
            "A group that nobody was counted in has the interval from 0 to 0: that would be "
            "certainty. None of n is compatible with a small share, and Wilson says how small.",
            also=(table(empty_as_nan),),
        ),
        Misconception(
            "wald",
            table(wald),
            "This is the interval of share ± z standard errors (Wald's). It goes below 0 for a "
            "small group, and for an empty one its width is 0. Wilson's is the other formula.",
            also=(table(clipped_wald),),
        ),
        Misconception(
            "agresti_coull",
            table(agresti),
            "This is Agresti and Coull's interval: its center is Wilson's, and it is wider.",
        ),
        Misconception(
            "one_sided",
            with_z(lambda c: NormalDist().inv_cdf(c)),
            "z leaves 1 - confidence on one side. An interval has two ends, and half of the rest "
            "lies beyond each.",
        ),
        Misconception(
            "z_of_ninety_five",
            with_z(lambda c: 1.96),
            "z is always 1.96, which belongs to a confidence of 0.95. Other confidences have "
            "another one.",
            also=(with_z(lambda c: NormalDist().inv_cdf(0.975)), with_z(lambda c: 2.0)),
        ),
        Misconception(
            "confidence_as_z",
            with_z(lambda c: c),
            "The confidence was used as z. z is the normal quantile that goes with it.",
            also=(with_z(lambda c: NormalDist().cdf((1 + c) / 2)),),
        ),
        Misconception(
            "confidence_halved",
            with_z(lambda c: NormalDist().inv_cdf(1 - c / 2)),
            "z leaves half of the confidence beyond it. What is halved is the rest, "
            "1 - confidence.",
            also=(with_z(lambda c: NormalDist().inv_cdf(c / 2)),),
        ),
        Misconception(
            "divided_among_groups",
            divided_among_groups,
            "The confidence was raised to hold for all groups at once (Bonferroni). That is worth "
            "doing, by the caller: here each interval has the confidence that was asked for.",
        ),
        Misconception(
            "not_shrunk",
            table(lambda *given: wilson(*given, shrink=0.0)),
            "The divisor 1 + z²/n is missing.",
        ),
        Misconception(
            "center_not_moved",
            table(lambda *given: wilson(*given, center=0.0)),
            "z²/(2n) is missing beside the share: the center of Wilson's interval lies between "
            "the share and 1/2.",
        ),
        Misconception(
            "root_without_its_second_term",
            table(lambda *given: wilson(*given, inside=0.0)),
            "z²/(4n²) is missing under the root: it is what leaves an empty group a width.",
        ),
        Misconception(
            "multiplied_by_n",
            written(shift=lambda z, n: z**2 / 2 * n),
            "In the center z²/2 was multiplied by n: Python works from left to right, so what is "
            "to be divided by needs parentheses.",
        ),
        Misconception(
            "multiplied_by_n_squared",
            written(root=lambda p, n, z: math.sqrt(p * (1 - p) / n + z**2 / 4 * n**2)),
            "Under the root z²/4 was multiplied by n²: Python works from left to right, so what is "
            "to be divided by needs parentheses.",
        ),
        Misconception(
            "n_not_squared",
            written(root=lambda p, n, z: math.sqrt(p * (1 - p) / n + z**2 / (4 * n))),
            "Under the root the second term has n² below it, not n.",
        ),
        Misconception(
            "z_not_squared",
            written(
                root=lambda p, n, z: math.sqrt(p * (1 - p) / n + z / (4 * n**2)),
                shift=lambda z, n: z / (2 * n),
                divisor=lambda z, n: 1 + z / n,
            ),
            "z stands where z² belongs. Only the z before the root is not squared.",
            also=(
                written(root=lambda p, n, z: math.sqrt(p * (1 - p) / n + z / (4 * n**2))),
                written(shift=lambda z, n: z / (2 * n)),
                written(divisor=lambda z, n: 1 + z / n),
            ),
        ),
        Misconception(
            "no_root",
            written(root=lambda p, n, z: p * (1 - p) / n + z**2 / (4 * n**2)),
            "The root is missing: what stands in it is a variance, and the interval's half width "
            "is a multiple of its root.",
        ),
        Misconception(
            "root_without_z",
            written(front=lambda z: 1.0),
            "z is missing before the root, so that the width hardly depends on the confidence.",
        ),
        Misconception(
            "one_part_divided",
            written(
                join=lambda middle, half, below: (middle - half / below, middle + half / below)
            ),
            "Only one part was divided by 1 + z²/n. The whole numerator was meant, the center and "
            "the half width.",
            also=(
                written(
                    join=lambda middle, half, below: (middle / below - half, middle / below + half)
                ),
                written(
                    join=lambda middle, half, below: (
                        middle - half / below,
                        (middle + half) / below,
                    )
                ),
            ),
        ),
        Misconception(
            "shifted_both_ways",
            table(shifted_both_ways),
            "z²/(2n) was subtracted for the low end. It moves the center toward 1/2 and has a plus "
            "in both; ± belongs to the root alone.",
        ),
        Misconception(
            "one_end_twice",
            changed(lambda rows: rows[:, [0, 2, 2]]),
            "Low and high are the same number. One has the minus of ±, the other the plus.",
            also=(changed(lambda rows: rows[:, [0, 1, 1]]),),
        ),
        Misconception(
            "interval_alone",
            changed(lambda rows: rows[:, 1:]),
            "The shares are missing: they are the first of the three columns.",
        ),
        Misconception(
            "center_as_share",
            table(centered),
            "The interval is right; the share is not. It is count / n, which is not the interval's "
            "center.",
        ),
        Misconception(
            "smoothed",
            table(smoothed),
            "The interval is right; the share has counts added to it. It is count / n.",
        ),
        Misconception(
            "counts",
            lambda predictions, *others: len(predictions) * table()(predictions, *others),
            "These are counts. Divide by the number of predictions.",
            also=(table(lambda n, total, c: (n, *wilson(n, total, c)[1:])),),
        ),
        Misconception(
            "percent",
            changed(lambda rows: 100 * rows),
            "These are percent. Return shares between 0 and 1.",
        ),
        Misconception(
            "of_the_groups_number",
            of_the_groups_number,
            "n is the number of groups in the interval. It is the number of predictions.",
        ),
        Misconception(
            "of_its_own_count",
            table(of_its_own_count),
            "n is the group's own count in the interval. It is the number of all predictions: each "
            "of them could have been of this group.",
        ),
        Misconception(
            "of_the_largest_group",
            of_the_largest,
            "The shares are relative to the largest group. They are shares of all predictions and "
            "add up to 1.",
        ),
        Misconception(
            "half_widths",
            table(with_half_width),
            "Columns 1 and 2 hold the half width. They are the interval's ends, low and high.",
        ),
        Misconception(
            "ends_exchanged",
            changed(lambda rows: rows[:, [0, 2, 1]]),
            "Low and high changed places. Is z negative?",
        ),
        Misconception(
            "share_in_the_middle",
            changed(lambda rows: rows[:, [1, 0, 2]]),
            "The columns are low, share, high. The share comes first.",
            also=(changed(lambda rows: rows[:, [1, 2, 0]]),),
        ),
        Misconception(
            "transposed",
            changed(lambda rows: rows.T),
            "The table lies on its side: one row for each group, three columns.",
        ),
        Misconception(
            "shares_alone",
            changed(lambda rows: rows[:, 0]),
            "These are the shares alone. A share without an interval says nothing about a group of "
            "five: add low and high.",
        ),
        Misconception(
            "counted_from_one",
            changed(lambda rows: rows.roll(-1, dims=0)),
            "The rows are off by one. Groups count from 0: row 0 is group 0.",
            also=(changed(lambda rows: rows.roll(1, dims=0)), table(counts=counts_from_one)),
        ),
        Misconception(
            "sorted_by_size",
            changed(lambda rows: rows[rows[:, 0].argsort(descending=True)]),
            "The rows are sorted by size. Row g is group g.",
            also=(changed(lambda rows: rows[rows[:, 0].argsort()]),),
        ),
        Misconception(
            "rounded",
            changed(lambda rows: (rows * 100).round() / 100),
            "The numbers were rounded. Return them as they are.",
            also=(changed(lambda rows: (rows * 1000).round() / 1000),),
        ),
    ),
    hints=(
        "Count first, all groups, also those that do not occur. Then each count is a share of "
        "which you know the interval from lesson 12.",
        "torch.bincount counts integers; its argument minlength makes it count the empty groups "
        "too.",
        "Wilson's formula takes tensors as it stands: counts `(groups,)` in, three columns out, "
        "put beside one another by torch.stack with dim=1.",
    ),
    rtol=1e-5,
    atol=1e-6,
)
