"""Check of `compare`. Oracle: one cell at a time, by NumPy's median."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..evaluation.numbers import as_float
from ..observing import describe_type
from ..random_inputs import normal

NOT_METRICS = ("model", "seed")
MODELS = "models, in order of first appearance"
PARTS = ("median", "smallest", "largest")


def run_cases(generator: torch.Generator) -> list[Case]:
    def numbers(count: int, shift: float = 0.0) -> list[float]:
        """Numbers whose middle ones differ from their mean, in no order."""
        return (normal(generator, count, dtype=torch.float64).exp() + shift).tolist()

    def runs(models: str, **columns: list[float]) -> list[dict]:
        seeds = torch.randperm(90, generator=generator)[: len(models)].tolist()
        rows = zip(models, seeds, *columns.values(), strict=True)
        names = ("model", "seed", *columns)
        return [dict(zip(names, row, strict=True)) for row in rows]

    plain = runs("BABAAB", fid=numbers(6), recall=numbers(6, -3.0))
    even = runs("CACBACAB", loss=numbers(8), digits=[10, 9, 10, 7, 0, 6, 9, 10])
    broken = runs("ABABABAB", fid=numbers(8), loss=numbers(8), recall=numbers(8))
    broken[2]["loss"] = math.nan
    broken[5]["fid"] = math.inf
    broken[5]["recall"] = math.nan
    broken[7]["loss"] = -math.inf
    lacking = runs("CACACA", fid=numbers(6), nats=numbers(6, 80.0), recall=numbers(6))
    for n in (1, 3, 5):
        del lacking[n]["nats"]
    del lacking[0]["recall"]
    del lacking[3]["fid"]
    lost = runs("BABAB", fid=[math.nan, *numbers(4)], loss=numbers(5))
    for n in (0, 2, 4):
        lost[n]["loss"] = math.nan
    return [
        Case({"runs": plain}, "two models, three seeds each, one after the other"),
        Case({"runs": even}, "whole numbers, and an even number of runs"),
        Case({"runs": broken}, "four failed runs, one with two bad metrics"),
        Case({"runs": lacking}, "metrics that some runs lack"),
        Case({"runs": lost}, "a model whose runs all failed", extreme=True),
        Case({"runs": runs("A", fid=[2.5])}, "a single run", extreme=True),
    ]


def call(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """The table in lists: the models, and of each its metrics, its cells, its failed runs."""
    table = answer(inputs["runs"])
    if table is Ellipsis:
        return table
    record: dict[str, Any] = {"models": describe_type(table), "metrics": [], "cells": []}
    record["failed"] = []
    if not isinstance(table, Mapping):
        return record
    record["models"] = ", ".join(map(str, table))
    for cells in table.values():
        cells = cells if isinstance(cells, Mapping) else {}
        names = sorted(str(name) for name in cells if name != "failed")
        record["metrics"].append(names)
        record["cells"].append([as_cell(cells.get(name)) for name in names])
        record["failed"].append(as_count(cells.get("failed", "no entry «failed»")))
    return record


def as_count(value: Any) -> Any:
    number = as_float(value)
    whole = number is not None and math.isfinite(number) and number == int(number)
    return int(number) if whole else value if number is None else number


def as_cell(value: Any) -> Any:
    """Three numbers as a tensor, or what came in their place, in words."""
    try:
        parts = [float(part) for part in value]
    except (TypeError, ValueError):
        return describe_type(value)
    return torch.tensor(parts, dtype=torch.float64)


def facts(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Each number of a cell by its name, so that a message says which one is wrong."""
    found: dict[str, Any] = {MODELS: outputs["models"]}
    rows = zip(outputs["metrics"], outputs["cells"], outputs["failed"], strict=True)
    for model, (names, cells, failed) in zip(outputs["models"].split(", "), rows, strict=False):
        found[f"the metrics of {model}"] = ", ".join(names) or "none"
        found[f"failed runs of {model}"] = failed
        for name, cell in zip(names, cells, strict=True):
            of_three = isinstance(cell, Tensor) and cell.shape == (3,)
            found[f"{model} has three numbers for {name}"] = of_three
            if of_three:
                found |= {
                    f"{name} of {model}, the {part}": number
                    for part, number in zip(PARTS, cell, strict=True)
                }
    return found


def cell_by_cell(runs: list[dict]) -> dict:
    table: dict = {}
    for model in dict.fromkeys(run["model"] for run in runs):
        mine = [run for run in runs if run["model"] == model]
        values = [[v for n, v in run.items() if n not in NOT_METRICS] for run in mine]
        good = [run for run, v in zip(mine, values, strict=True) if np.isfinite(v).all()]
        names = dict.fromkeys(n for run in good for n in run if n not in NOT_METRICS)
        columns = {name: [run[name] for run in good if name in run] for name in names}
        table[model] = {
            name: (float(np.median(column)), min(column), max(column))
            for name, column in columns.items()
        } | {"failed": len(mine) - len(good)}
    return table


# ------------------------------------------------------------------- mistakes


def finite(run: Mapping[str, Any]) -> bool:
    return all(math.isfinite(v) for n, v in run.items() if n not in NOT_METRICS)


def three(values: list) -> tuple:
    return statistics.median(values), min(values), max(values)


def table_of(
    cell: Callable = three,
    good: Callable = finite,
    metric_names: Callable = lambda good, runs: [n for run in good for n in run],
    column: Callable = lambda name, good: [run[name] for run in good if name in run],
    skipped: Iterable[str] = NOT_METRICS,
    failed: Callable = lambda mine, good: len(mine) - len(good),
    order: Callable = dict.fromkeys,
    group: Callable = lambda model, runs: [run for run in runs if run["model"] == model],
    keep: Callable = lambda good: True,
) -> Callable:
    """The table with its parts exposed, so that a mistake can replace one."""

    def answer(runs):
        table = {}
        for model in order([run["model"] for run in runs]):
            mine = group(model, runs)
            fine = [run for run in mine if good(run)]
            names = dict.fromkeys(n for n in metric_names(fine, runs) if n not in skipped)
            columns = {name: column(name, fine) for name in names}
            row = {name: cell(values) for name, values in columns.items() if values}
            if failed is not None:
                row["failed"] = failed(mine, fine)
            if keep(fine):
                table[model] = row
        return table

    return answer


def lower_median(values: list) -> tuple:
    return statistics.median_low(values), min(values), max(values)


def upper_median(values: list) -> tuple:
    return statistics.median_high(values), min(values), max(values)


def middle_of_unsorted(values: list) -> tuple:
    return values[len(values) // 2], min(values), max(values)


def mean(values: list) -> tuple:
    return sum(values) / len(values), min(values), max(values)


def mean_and_spread(values: list) -> tuple:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    center = sum(values) / len(values)
    return center, center - deviation, center + deviation


def whole_column(name: str, good: list) -> list:
    """What every run has, and an error where one lacks it."""
    return [run[name] for run in good]


def zero_for_missing(name: str, good: list) -> list:
    return [run.get(name, 0.0) for run in good]


def without_zeros(name: str, good: list) -> list:
    """`if run.get(name)`, which is false for a 0 as well."""
    return [run[name] for run in good if run.get(name)]


def good_ones_first(runs):
    """The models whose runs worked, and behind them the others."""
    table = cell_by_cell(runs)
    order = [run["model"] for run in runs if finite(run)] + list(table)
    return {model: table[model] for model in dict.fromkeys(order)}


def nothing_for_missing(runs):
    names = {name: None for r in runs for name in r if name not in NOT_METRICS}
    return {model: names | row for model, row in table_of()(runs).items()}


def any_run(run: Mapping[str, Any]) -> bool:
    return True


def some_finite(run: Mapping[str, Any]) -> bool:
    return any(math.isfinite(v) for n, v in run.items() if n not in NOT_METRICS)


def metrics_of(good: list) -> list[str]:
    return list(dict.fromkeys(name for run in good for name in run))


def in_all(name: str, runs: list) -> bool:
    return all(name in run for run in runs)


def finite_cells(name: str, mine: list) -> list:
    return [run[name] for run in mine if name in run and math.isfinite(run[name])]


def bad_cells(mine: list, fine: list) -> int:
    return sum(not math.isfinite(v) for run in mine for n, v in run.items() if n not in NOT_METRICS)


def bad_runs(mine: list, fine: list) -> int:
    return sum(not finite(run) for run in mine)


def no_nan(run: Mapping[str, Any]) -> bool:
    return not any(v != v for n, v in run.items() if n not in NOT_METRICS)


def no_infinity(run: Mapping[str, Any]) -> bool:
    return not any(v in (math.inf, -math.inf) for n, v in run.items() if n not in NOT_METRICS)


def no_positive_infinity(run: Mapping[str, Any]) -> bool:
    return not any(v == math.inf for n, v in run.items() if n not in NOT_METRICS)


def no_plus_infinity(run: Mapping[str, Any]) -> bool:
    return not any(v != v or v == math.inf for n, v in run.items() if n not in NOT_METRICS)


def complete(run: Mapping[str, Any], names: set) -> bool:
    return finite(run) and names <= set(run)


def lacking_ones_failed(runs):
    names = {n for run in runs for n in run}
    return table_of(good=lambda run: complete(run, names))(runs)


def neighbors_alone(runs):
    """itertools.groupby without sorting: a later stretch overwrites an earlier one."""
    table: dict = {}
    stretches: list[list[dict]] = []
    for run in runs:
        if not stretches or stretches[-1][0]["model"] != run["model"]:
            stretches.append([])
        stretches[-1].append(run)
    for stretch in stretches:
        table[stretch[0]["model"]] = cell_by_cell(stretch)[stretch[0]["model"]]
    return table


def quartiles(values: list) -> tuple:
    middle = statistics.median(values)
    if len(values) == 1:
        return middle, middle, middle
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


def one_failure_spoils_the_model(runs):
    table = table_of()(runs)
    return {m: {"failed": row["failed"]} if row["failed"] else row for m, row in table.items()}


def cells_of_nothing(runs):
    names = {name: (math.nan,) * 3 for r in runs for name in r if name not in ("model", "seed")}
    return {model: names | row for model, row in table_of()(runs).items()}


EXERCISE = Exercise(
    name="gan_or_vae.compare",
    signature="(runs)",
    oracle=cell_by_cell,
    cases=run_cases,
    outputs=("table",),
    call=call,
    facts=facts,
    coincident=True,
    misconceptions=(
        Misconception(
            "seed_as_a_metric",
            table_of(skipped=("model",)),
            "The seed stands in the table as if it were a measurement. It is a run's name; the "
            "metrics are the other keys.",
        ),
        Misconception(
            "mean_for_median",
            table_of(mean),
            "The first number is the mean. One run out of three that goes astray moves a mean by a "
            "third of its error, and a median hardly: take the middle one.",
        ),
        Misconception(
            "standard_deviations",
            table_of(mean_and_spread),
            "These are the mean and one standard deviation on either side. The cell has the "
            "median, the smallest and the largest value, which were all measured.",
        ),
        Misconception(
            "lower_of_two_middles",
            table_of(lower_median),
            "Of an even number of runs the lower middle one was taken, as torch.median does. The "
            "median is then half-way between the two.",
        ),
        Misconception(
            "upper_of_two_middles",
            table_of(upper_median),
            "Of an even number of runs the upper middle one was taken, as sorted(values)[n // 2] "
            "is. The median is then half-way between the two.",
        ),
        Misconception(
            "not_sorted",
            table_of(middle_of_unsorted),
            "The run in the middle of the list was taken, whatever its value. Sort the values "
            "first.",
        ),
        Misconception(
            "quartiles",
            table_of(quartiles),
            "Quartiles stand beside the median. Asked are the smallest and the largest value.",
        ),
        Misconception(
            "distances_from_the_median",
            table_of(lambda v: (three(v)[0], three(v)[0] - min(v), max(v) - three(v)[0])),
            "The second and the third number are distances from the median. They are the smallest "
            "and the largest value themselves.",
        ),
        Misconception(
            "rounded",
            table_of(lambda v: tuple(round(x, 2) for x in three(v))),
            "The numbers were rounded. Round where they are shown; later lines compute with them.",
            also=(table_of(lambda v: tuple(round(x, 1) for x in three(v))),),
        ),
        Misconception(
            "one_failure_spoils_the_model",
            one_failure_spoils_the_model,
            "A model with one failed run has lost the numbers of its other runs. Only the run that "
            "failed is left out.",
        ),
        Misconception(
            "cells_of_nothing",
            cells_of_nothing,
            "A metric that no run of a model has got an entry all the same. Leave it out for that "
            "model.",
            also=(nothing_for_missing,),
        ),
        Misconception(
            "order_of_the_three",
            table_of(lambda values: (min(values), statistics.median(values), max(values))),
            "The three numbers are in another order. The median comes first, then the smallest, "
            "then the largest.",
            also=(
                table_of(lambda values: (three(values)[0], max(values), min(values))),
                table_of(lambda values: (min(values), max(values), statistics.median(values))),
            ),
        ),
        Misconception(
            "not_three_numbers",
            table_of(statistics.median),
            "A cell does not hold three numbers. It is (median, smallest, largest): without the "
            "ends nobody sees how far the runs lie apart.",
            also=(
                table_of(lambda values: (statistics.median(values), max(values) - min(values))),
                table_of(lambda values: sum(values) / len(values)),
            ),
        ),
        Misconception(
            "cells_not_runs",
            table_of(good=any_run, column=finite_cells, failed=bad_runs),
            "Of a failed run only the bad numbers were left out; its others stand in the medians. "
            "A run that failed enters none of them.",
            also=(table_of(good=any_run, column=finite_cells, failed=bad_cells),),
        ),
        Misconception(
            "bad_numbers_counted",
            table_of(failed=bad_cells),
            "`failed` counts bad numbers. It counts runs: one with two bad metrics has failed "
            "once.",
        ),
        Misconception(
            "all_runs_counted",
            table_of(failed=lambda mine, good: len(mine)),
            "`failed` counts all runs of a model. It counts those that failed.",
        ),
        Misconception(
            "failed_or_not",
            table_of(failed=lambda mine, good: len(mine) > len(good)),
            "`failed` says whether a run failed, True or False. It is the number of runs that did.",
        ),
        Misconception(
            "failed_ones_counted_in",
            table_of(good=any_run, failed=bad_runs),
            "The failed runs are counted, and stand in the medians nevertheless. They enter none.",
        ),
        Misconception(
            "nothing_fails",
            table_of(good=any_run),
            "No run counts as failed here. One that has a NaN or an infinity has: leave it out and "
            "count it.",
        ),
        Misconception(
            "all_must_be_bad",
            table_of(good=some_finite),
            "A run counts as failed only where all of its metrics are bad. One that is NaN or "
            "infinite is enough.",
        ),
        Misconception(
            "infinity_is_a_number",
            table_of(good=no_nan),
            "Only NaN counts as failed here. An infinite metric has failed as well: "
            "math.isfinite asks for both.",
            also=(table_of(good=no_plus_infinity),),
        ),
        Misconception(
            "nan_is_a_number",
            table_of(good=no_infinity),
            "NaN does not count as failed here, only infinity does. A comparison cannot find it, "
            "since NaN equals nothing, not even itself: math.isfinite asks for both.",
            also=(table_of(good=no_positive_infinity),),
        ),
        Misconception(
            "failed_left_out",
            table_of(failed=None),
            "The failed runs are left out, and nobody is told. Each model has an entry «failed», "
            "their number, also where it is 0.",
            also=(
                lambda runs: {
                    m: {n: c for n, c in cells.items() if n != "failed" or c}
                    for m, cells in cell_by_cell(runs).items()
                },
            ),
        ),
        Misconception(
            "counted_afterwards",
            lambda runs: table_of()([run for run in runs if finite(run)]),
            "The failed runs were left out before anybody counted them, so `failed` is 0 "
            "everywhere. Count them first, among all runs.",
        ),
        Misconception(
            "share_failed",
            table_of(failed=lambda mine, good: (len(mine) - len(good)) / len(mine)),
            "`failed` is a share here. It is the number of runs.",
        ),
        Misconception(
            "good_ones_counted",
            table_of(failed=lambda mine, good: len(good)),
            "`failed` counts the runs that did not fail.",
        ),
        Misconception(
            "all_failures_in_every_row",
            lambda runs: {
                model: cells | {"failed": sum(not finite(run) for run in runs)}
                for model, cells in cell_by_cell(runs).items()
            },
            "Every model has the failures of all models. Count a model's own.",
        ),
        Misconception(
            "lost_model_left_out",
            table_of(keep=bool),
            "A model whose runs all failed is missing: the worst of all would not even be in the "
            "table. It has a row, with «failed» and no metric.",
        ),
        Misconception(
            "lacking_is_failed",
            lacking_ones_failed,
            "A run that lacks a metric was taken for failed. A GAN has no likelihood, and has not "
            "failed for it: take each metric over the runs that have it.",
        ),
        Misconception(
            "zero_for_missing",
            table_of(
                metric_names=lambda good, runs: [n for run in runs for n in run],
                column=zero_for_missing,
            ),
            "A metric that a run lacks entered as 0. Take it over the runs that have it.",
            also=(table_of(column=zero_for_missing),),
        ),
        Misconception(
            "zero_taken_for_missing",
            table_of(column=without_zeros),
            "A metric that is 0 was taken for one that is missing: a condition like `if "
            "run.get(name)` is false for 0, too. Ask whether the name is in the run.",
        ),
        Misconception(
            "metrics_of_every_run",
            table_of(
                metric_names=lambda good, runs: [n for n in metrics_of(good) if in_all(n, good)],
            ),
            "A metric that one of a model's runs lacks is left out. It is taken over those that "
            "have it, and left out only where none has.",
            also=(
                table_of(
                    metric_names=lambda good, runs: [n for n in metrics_of(good) if in_all(n, runs)]
                ),
            ),
        ),
        Misconception(
            "metrics_of_the_first_run",
            table_of(
                metric_names=lambda good, runs: list(good[0]) if good else [],
            ),
            "The metrics are those of a first run alone. Another run may have one more.",
            also=(table_of(metric_names=lambda good, runs: list(runs[0])),),
        ),
        Misconception(
            "every_run_has_every_metric",
            table_of(
                metric_names=lambda good, runs: list(runs[0]),
                column=whole_column,
            ),
            "A metric was looked up in every run, and some lack it. Take each over the runs that "
            "have it.",
            error="KeyError",
            also=(
                table_of(column=whole_column),
                table_of(
                    metric_names=lambda good, runs: [n for run in runs for n in run],
                    column=whole_column,
                ),
            ),
        ),
        Misconception(
            "sorted_models",
            table_of(order=lambda names: sorted(set(names))),
            "The models are in alphabetic order. They come in the order of their first appearance.",
        ),
        Misconception(
            "good_ones_first",
            good_ones_first,
            "A model whose runs all failed comes behind the others. It keeps the place at which "
            "its first run stands: take the order from all runs, the failed ones included.",
        ),
        Misconception(
            "last_first",
            table_of(order=lambda names: dict.fromkeys(reversed(names))),
            "The models are in the order of their last appearance. The first one counts.",
        ),
        Misconception(
            "neighbors_alone",
            neighbors_alone,
            "Only runs that stand next to each other were put together, and a later stretch of a "
            "model replaced the earlier one. A model's runs may stand anywhere in the list.",
        ),
        Misconception(
            "last_run_alone",
            table_of(group=lambda model, runs: [r for r in runs if r["model"] == model][-1:]),
            "Each model has a single run, the last: every new one replaced it. Collect them in a "
            "list.",
            also=(
                table_of(group=lambda model, runs: [r for r in runs if r["model"] == model][:1]),
            ),
        ),
        Misconception(
            "all_models_together",
            table_of(group=lambda model, runs: runs),
            "Every model has the numbers of all models. Take each model's own runs.",
        ),
    ),
    hints=(
        "First group: the runs of each model, in the order in which the models come.",
        "Then sort out: a run has failed if any of its metrics is not finite. Count it, and go on "
        "with the others.",
        "Then, for each metric that any of the others has: the values of those that have it, and "
        "of these the median (statistics.median), the smallest and the largest.",
    ),
    rtol=1e-6,
    atol=1e-9,
)
