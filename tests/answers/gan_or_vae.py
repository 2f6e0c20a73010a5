"""Answers to lesson 16."""

import itertools
import math
import statistics
from collections import defaultdict

import numpy as np
import torch
import torch.nn.functional as F
from einops import reduce

# ----------------------------------------------------------------- right answers


def by_a_loop_over_images(discriminator_features, images, recon):
    total = 0.0
    with torch.no_grad():
        target = discriminator_features(images)
    made = discriminator_features(recon)
    for one, other in zip(target, made, strict=True):
        total = total + 0.5 * torch.dot((other - one).flatten(), (other - one).flatten())
    return total / len(images)


def by_einops(discriminator_features, images, recon):
    gap = discriminator_features(recon) - discriminator_features(images.detach()).detach()
    return reduce(gap**2, "b ... -> b", "sum").mean() / 2


def by_mse_loss(discriminator_features, images, recon):
    target = discriminator_features(images).detach()
    return F.mse_loss(discriminator_features(recon), target, reduction="sum") / (2 * len(images))


def images_cut_before(discriminator_features, images, recon):
    real, made = discriminator_features(images.detach()), discriminator_features(recon)
    return 0.5 * ((real - made) ** 2).flatten(start_dim=1).sum(dim=1).mean(dim=0)


def both_in_one_batch(discriminator_features, images, recon):
    real, made = discriminator_features(torch.cat([images.detach(), recon])).chunk(2)
    return (made - real.detach()).pow(2).sum() / 2 / images.shape[0]


def by_products(discriminator_features, images, recon):
    """|a|² - 2ab + |b|², in double precision inside."""
    with torch.no_grad():
        a = discriminator_features(images).flatten(1).double()
    b = discriminator_features(recon).flatten(1).double()
    gap = b - a
    return (torch.einsum("bd,bd->b", gap, gap).mean() / 2).to(images.dtype)


def with_numpy(runs):
    table = {}
    for model in dict.fromkeys(r["model"] for r in runs):
        mine = [{k: v for k, v in r.items() if k not in ("model", "seed")} for r in runs
                if r["model"] == model]  # fmt: skip
        good = [r for r in mine if np.isfinite(list(r.values())).all()]
        table[model] = {"failed": len(mine) - len(good)}
        for metric in {k for r in good for k in r}:
            values = np.array([r[metric] for r in good if metric in r])
            table[model][metric] = (np.median(values), values.min(), values.max())
    return table


def in_one_pass(runs):
    values, failed = {}, {}
    for run in runs:
        model = run["model"]
        columns = values.setdefault(model, defaultdict(list))
        failed.setdefault(model, 0)
        metrics = {k: v for k, v in run.items() if k != "model" and k != "seed"}
        if any(math.isnan(v) or math.isinf(v) for v in metrics.values()):
            failed[model] += 1
            continue
        for name, value in metrics.items():
            columns[name].append(value)
    return {
        model: {n: (statistics.median(v), min(v), max(v)) for n, v in columns.items()}
        | {"failed": failed[model]}
        for model, columns in values.items()
    }


def by_quantiles(runs):
    """Tensors for numbers, lists for tuples, and the median by torch.quantile."""
    table = {}
    for run in runs:
        table.setdefault(run["model"], []).append(run)
    for model, mine in table.items():
        good = []
        for run in mine:
            numbers = torch.tensor([float(v) for k, v in run.items() if k not in {"model", "seed"}])
            if torch.isfinite(numbers).all():
                good.append(run)
        row = {}
        for metric in [k for run in good for k in run if k not in {"model", "seed"}]:
            v = torch.tensor([float(r[metric]) for r in good if metric in r], dtype=torch.double)
            row[metric] = [v.quantile(0.5), v.min(), v.max()]
        table[model] = row | {"failed": torch.tensor(len(mine) - len(good))}
    return table


def by_sorting(runs):
    order = list(dict.fromkeys(run["model"] for run in runs))
    ranked = sorted(runs, key=lambda run: order.index(run["model"]))
    out = {}
    for model, group in itertools.groupby(ranked, key=lambda run: run["model"]):
        out[model] = {"failed": 0}
        columns = {}
        for run in group:
            numbers = {k: v for k, v in run.items() if k not in ("model", "seed")}
            if not all(map(math.isfinite, numbers.values())):
                out[model]["failed"] += 1
                continue
            for k, v in numbers.items():
                columns.setdefault(k, []).append(v)
        for k, v in columns.items():
            v = sorted(v)
            middle = (v[(len(v) - 1) // 2] + v[len(v) // 2]) / 2
            out[model][k] = middle, v[0], v[-1]
    return out


RIGHT = {
    "feature_reconstruction_loss": [
        by_a_loop_over_images,
        by_einops,
        by_mse_loss,
        images_cut_before,
        both_in_one_batch,
        by_products,
    ],
    "compare": [with_numpy, in_one_pass, by_quantiles, by_sorting],
}

# ----------------------------------------------------------------- wrong answers


def target(f, images):
    return f(images).detach()


def relu_of_the_difference(f, images, recon):
    return (f(recon) - target(f, images)).relu().square().flatten(1).sum(1).mean() / 2


def neighbors_target(f, images, recon):
    return (f(recon) - target(f, images).roll(1, 0)).square().flatten(1).sum(1).mean()


def features_normed(f, images, recon):
    made, real = (F.normalize(x.flatten(1)) for x in (f(recon), target(f, images)))
    return (made - real).square().sum(1).mean() / 2


def huber(f, images, recon):
    gap = F.smooth_l1_loss(f(recon), target(f, images), reduction="none")
    return gap.flatten(1).sum(1).mean()


def as_a_float(f, images, recon):
    return by_mse_loss(f, images, recon).item()


def nothing_returned(f, images, recon):
    by_mse_loss(f, images, recon)


def with_a_fourth_number(runs):
    """A fourth number in each cell: how many runs it is made of."""
    return {m: {n: c if n == "failed" else (*c, len(runs)) for n, c in cells.items()}
            for m, cells in with_numpy(runs).items()}  # fmt: skip


def failed_by_a_flag(runs):
    return {m: cells | {"failed": cells["failed"] > 0} for m, cells in in_one_pass(runs).items()}


def by_metric_first(runs):
    table = {}
    for model, cells in in_one_pass(runs).items():
        for name, cell in cells.items():
            table.setdefault(name, {})[model] = cell
    return table


def a_list_of_rows(runs):
    return [{"model": m} | cells for m, cells in in_one_pass(runs).items()]


def rounded(runs):
    return {m: {n: c if n == "failed" else tuple(round(v, 1) for v in c) for n, c in cells.items()}
            for m, cells in in_one_pass(runs).items()}  # fmt: skip


def changes_the_runs(runs):
    table = in_one_pass(runs)
    for run in runs:
        run.pop("seed")
    return table


WRONG = {
    "feature_reconstruction_loss": [
        relu_of_the_difference,
        neighbors_target,
        features_normed,
        huber,
        as_a_float,
        nothing_returned,
    ],
    "compare": [
        with_a_fourth_number,
        failed_by_a_flag,
        by_metric_first,
        a_list_of_rows,
        rounded,
        changes_the_runs,
    ],
}
