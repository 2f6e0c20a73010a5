"""What a reader of lesson 16 is likely to write, and the cause that the check should give."""

import math
import statistics
from collections import defaultdict

import numpy as np
import torch
import torch.nn.functional as F

from tests.slips.gan_or_vae_again import AGAIN

# ----------------------------------------------------------------- features


def plain_difference(f, images, recon):
    return 0.5 * (f(images) - f(recon)).pow(2).flatten(1).sum(1).mean()


def everything_without_a_graph(f, images, recon):
    with torch.no_grad():
        real, made = f(images), f(recon)
    return 0.5 * (real - made).pow(2).flatten(1).sum(1).mean()


def detached_the_wrong_one(f, images, recon):
    return 0.5 * (f(images) - f(recon).detach()).pow(2).flatten(1).sum(1).mean()


def detached_both(f, images, recon):
    return 0.5 * (f(images).detach() - f(recon.detach())).pow(2).flatten(1).sum(1).mean()


def mse(f, images, recon):
    return F.mse_loss(f(recon), f(images).detach())


def half_mse(f, images, recon):
    return 0.5 * F.mse_loss(f(recon), f(images).detach())


def summed_mse(f, images, recon):
    return 0.5 * F.mse_loss(f(recon), f(images).detach(), reduction="sum")


def without_half(f, images, recon):
    return F.mse_loss(f(recon), f(images).detach(), reduction="sum") / len(images)


def last_axis(f, images, recon):
    return 0.5 * (f(recon) - f(images).detach()).square().sum(dim=-1).mean()


def axis_one(f, images, recon):
    return 0.5 * (f(recon) - f(images).detach()).square().sum(dim=1).mean()


def axes_of_maps(f, images, recon):
    return 0.5 * (f(recon) - f(images).detach()).square().sum(dim=(1, 2, 3)).mean()


def norms(f, images, recon):
    return (f(recon) - f(images).detach()).flatten(1).norm(dim=1).mean()


def squared_norm_of_rows(f, images, recon):
    return 0.5 * (f(recon) - f(images).detach()).norm(dim=1).square().mean()


def l1(f, images, recon):
    return F.l1_loss(f(recon), f(images).detach(), reduction="sum") / len(images)


def of_pixels(f, images, recon):
    return 0.5 * (images.detach() - recon).square().flatten(1).sum(1).mean()


def by_image(f, images, recon):
    return 0.5 * (f(recon) - f(images).detach()).square().flatten(1).sum(1)


def likelihood(f, images, recon):
    return -0.5 * (f(recon) - f(images).detach()).square().flatten(1).sum(1).mean()


def normal_log_prob(f, images, recon):
    law = torch.distributions.Normal(f(recon), 1.0)
    return -law.log_prob(f(images).detach()).flatten(1).sum(1).mean()


def difference_first(f, images, recon):
    return 0.5 * f(images.detach() - recon).square().flatten(1).sum(1).mean()


def matched_means(f, images, recon):
    gap = f(recon).mean(dim=0) - f(images).detach().mean(dim=0)
    return 0.5 * gap.square().sum()


FEATURES = [
    (plain_difference, "target_not_cut"),
    (everything_without_a_graph, "all_cut"),
    (detached_the_wrong_one, "recon_cut"),
    (detached_both, "all_cut"),
    (mse, "features_averaged"),
    (half_mse, "features_averaged"),
    (summed_mse, "batch_added_up"),
    (without_half, "half_forgotten"),
    (last_axis, "one_axis_alone"),
    (axis_one, "one_axis_alone"),
    (axes_of_maps, "axes_of_maps"),
    (norms, "distance_not_squared"),
    (squared_norm_of_rows, "one_axis_alone"),
    (l1, "absolute"),
    (of_pixels, "pixels_compared"),
    (by_image, "not_reduced"),
    (likelihood, "log_likelihood"),
    (normal_log_prob, "constant_kept"),
    (difference_first, "features_of_the_difference"),
    (matched_means, "batch_means_matched"),
]

# ----------------------------------------------------------------- compare


def metrics_of(run):
    return {k: v for k, v in run.items() if k not in ("model", "seed")}


def collected(runs, skip=("model", "seed"), good=lambda m: all(map(math.isfinite, m.values()))):
    values, failed = {}, {}
    for run in runs:
        columns = values.setdefault(run["model"], defaultdict(list))
        failed.setdefault(run["model"], 0)
        if not good(metrics_of(run)):
            failed[run["model"]] += 1
            continue
        for name, value in run.items():
            if name not in skip:
                columns[name].append(value)
    return values, failed


def finished(values, failed, cell):
    return {
        model: {n: cell(v) for n, v in columns.items()} | {"failed": failed[model]}
        for model, columns in values.items()
    }


def triple(v):
    return statistics.median(v), min(v), max(v)


def seed_kept(runs):
    return finished(*collected(runs, skip=("model",)), triple)


def sorted_middle(runs):
    return finished(*collected(runs), lambda v: (sorted(v)[len(v) // 2], min(v), max(v)))


def torch_median(runs):
    return finished(
        *collected(runs),
        lambda v: (torch.tensor(v, dtype=torch.double).median().item(), min(v), max(v)),
    )


def means(runs):
    return finished(*collected(runs), lambda v: (float(np.mean(v)), min(v), max(v)))


def spread_by_std(runs):
    return finished(*collected(runs), lambda v: (float(np.median(v)), float(np.std(v))))


def nan_alone(runs):
    return finished(*collected(runs, good=lambda m: not any(map(math.isnan, m.values()))), triple)


def inf_alone(runs):
    return finished(*collected(runs, good=lambda m: math.inf not in m.values()), triple)


def nan_by_comparison(runs):
    bad = (float("nan"), float("inf"), float("-inf"))

    def good(m):
        return not any(v == b for v in m.values() for b in bad)

    return finished(*collected(runs, good=good), triple)


def never_mentioned(runs):
    values, _ = collected(runs)
    return {m: {n: triple(v) for n, v in columns.items()} for m, columns in values.items()}


def nan_median(runs):
    """Bad numbers dropped one by one."""
    values, failed = collected(runs, good=lambda m: True)
    for run in runs:
        failed[run["model"]] += not all(map(math.isfinite, metrics_of(run).values()))
    table = {}
    for model, columns in values.items():
        kept = {n: [x for x in v if math.isfinite(x)] for n, v in columns.items()}
        table[model] = {n: triple(v) for n, v in kept.items() if v} | {"failed": failed[model]}
    return table


def counted_each_number(runs):
    values, failed = collected(runs)
    for model in failed:
        failed[model] = sum(
            not math.isfinite(v)
            for r in runs
            if r["model"] == model
            for v in metrics_of(r).values()
        )
    return finished(values, failed, triple)


def in_a_set(runs):
    """Models from a sorted set."""
    table = finished(*collected(runs), triple)
    return {model: table[model] for model in sorted(table)}


def only_models_that_worked(runs):
    return {m: c for m, c in finished(*collected(runs), triple).items() if len(c) > 1}


def keys_of_the_first(runs):
    """Every run is asked for the first run's metrics."""
    names = list(metrics_of(runs[0]))
    table = {}
    for model in dict.fromkeys(r["model"] for r in runs):
        mine = [metrics_of(r) for r in runs if r["model"] == model]
        good = [m for m in mine if all(map(math.isfinite, m.values()))]
        table[model] = {n: triple([m[n] for m in good]) for n in names if good}
        table[model]["failed"] = len(mine) - len(good)
    return table


def zeros_by_get(runs):
    names = list(dict.fromkeys(n for r in runs for n in metrics_of(r)))
    table = {}
    for model in dict.fromkeys(r["model"] for r in runs):
        mine = [metrics_of(r) for r in runs if r["model"] == model]
        good = [m for m in mine if all(map(math.isfinite, m.values()))]
        table[model] = {n: triple([m.get(n, 0.0) for m in good]) for n in names if good}
        table[model]["failed"] = len(mine) - len(good)
    return table


def overwritten(runs):
    table = {}
    for run in runs:
        good = all(map(math.isfinite, metrics_of(run).values()))
        table[run["model"]] = {n: triple([v]) for n, v in metrics_of(run).items() if good}
        table[run["model"]]["failed"] = 0 if good else 1
    return table


def low_high_median(runs):
    return finished(*collected(runs), lambda v: (min(v), max(v), statistics.median(v)))


def popped(runs):
    for run in runs:
        run.pop("seed")
    return finished(*collected(runs), triple)


def failed_runs_removed_first(runs):
    return finished(
        *collected([r for r in runs if all(map(math.isfinite, metrics_of(r).values()))]), triple
    )


def all_metrics_bad(runs):
    return finished(*collected(runs, good=lambda m: any(map(math.isfinite, m.values()))), triple)


def shared_metrics(runs):
    whole = finished(*collected(runs), triple)
    for model, row in whole.items():
        mine = [metrics_of(r) for r in runs if r["model"] == model]
        good = [m for m in mine if all(map(math.isfinite, m.values()))]
        for name in [n for n in row if n != "failed" and not all(n in m for m in good)]:
            del row[name]
    return whole


def asked_by_truth(runs):
    good = [r for r in runs if all(map(math.isfinite, metrics_of(r).values()))]
    table = finished(*collected(runs), triple)
    for model, row in table.items():
        for name in [n for n in row if n != "failed"]:
            row[name] = triple([r[name] for r in good if r["model"] == model and r.get(name)])
    return table


def working_models_first(runs):
    table = finished(*collected(runs), triple)
    return dict(sorted(table.items(), key=lambda row: len(row[1]) == 1))


def all_counted(runs):
    table = finished(*collected(runs), triple)
    return {m: row | {"failed": sum(r["model"] == m for r in runs)} for m, row in table.items()}


def any_failed(runs):
    table = finished(*collected(runs), triple)
    return {m: row | {"failed": row["failed"] > 0} for m, row in table.items()}


def none_where_nothing(runs):
    names = dict.fromkeys(n for r in runs for n in metrics_of(r))
    return {m: names | row for m, row in finished(*collected(runs), triple).items()}


COMPARE = [
    (asked_by_truth, "zero_taken_for_missing"),
    (working_models_first, "good_ones_first"),
    (all_counted, "all_runs_counted"),
    (any_failed, "failed_or_not"),
    (none_where_nothing, "cells_of_nothing"),
    (failed_runs_removed_first, "counted_afterwards"),
    (all_metrics_bad, "all_must_be_bad"),
    (shared_metrics, "metrics_of_every_run"),
    (seed_kept, "seed_as_a_metric"),
    (sorted_middle, "upper_of_two_middles"),
    (torch_median, "lower_of_two_middles"),
    (means, "mean_for_median"),
    (spread_by_std, "not_three_numbers"),
    (nan_alone, "infinity_is_a_number"),
    (inf_alone, "nan_is_a_number"),
    (nan_by_comparison, "nan_is_a_number"),
    (never_mentioned, "failed_left_out"),
    (nan_median, "cells_not_runs"),
    (counted_each_number, "bad_numbers_counted"),
    (in_a_set, "sorted_models"),
    (only_models_that_worked, "lost_model_left_out"),
    (keys_of_the_first, "every_run_has_every_metric"),
    (zeros_by_get, "zero_for_missing"),
    (overwritten, "last_run_alone"),
    (low_high_median, "order_of_the_three"),
    (popped, "changed in place"),
]

FIRST = {
    "gan_or_vae.feature_reconstruction_loss": FEATURES,
    "gan_or_vae.compare": COMPARE,
}

SLIPS = {name: slips + AGAIN[name] for name, slips in FIRST.items()}
