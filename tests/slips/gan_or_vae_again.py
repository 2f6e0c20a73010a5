"""Ten more wrong answers to each exercise of lesson 16, by a second fresh reader."""

import itertools
import math
import statistics

import torch
import torch.nn.functional as F

# ----------------------------------------------------------------- features


def gap(f, images, recon):
    return f(recon) - f(images).detach()


def total(values):
    return values.flatten(1).sum(1).mean()


FEATURES = [
    (
        lambda f, x, r: 0.5 * gap(f, x, r).flatten(1).sum(1).square().mean(),
        "summed_before_the_square",
    ),
    (lambda f, x, r: 0.25 * total(gap(f, x, r).square()), "halved_twice"),
    (lambda f, x, r: 0.5 * total(f(r).square()), "recon_twice"),
    (lambda f, x, r: total(F.smooth_l1_loss(f(r), f(x).detach(), reduction="none")), "smoothed"),
    (
        lambda f, x, r: 1 - F.cosine_similarity(f(r).flatten(1), f(x).detach().flatten(1)).mean(),
        "cosine",
    ),
    (lambda f, x, r: 0.5 * gap(f, x, r)[0].square().sum(), "one_image_alone"),
    (lambda f, x, r: 0.5 * total(gap(f, x, r).relu().square()), "one_sided"),
    (lambda f, x, r: (0.5 * total(gap(f, x, r).square())).item(), "got the float"),
    (lambda f, x, r: 0.5 * gap(f, x, r).square().flatten(1).sum(1).max(), "one_image_alone"),
    (lambda f, x, r: 0.5 * gap(f, x, r).square().sum() / len(x) ** 2, "divided_by_the_batch_twice"),
    (
        lambda f, x, r: 0.5 * total(gap(f, x, r).square()) + 0.5 * total((r - x).square()),
        "pixels_as_well",
    ),
    (lambda f, x, r: F.binary_cross_entropy_with_logits(f(r), f(x).detach().sigmoid()), None),
    (lambda f, x, r: (0.5 * total(gap(f, x, r).square())).sqrt(), "root_at_the_end"),
]

# ----------------------------------------------------------------- compare


def metrics_of(run):
    return {k: v for k, v in run.items() if k not in ("model", "seed")}


def finite(run):
    return all(math.isfinite(v) for v in metrics_of(run).values())


def triple(v):
    return statistics.median(v), min(v), max(v)


def table(
    cell=triple,
    good=finite,
    failed=lambda mine, kept: len(mine) - len(kept),
    groups=lambda runs: [
        (m, [r for r in runs if r["model"] == m]) for m in dict.fromkeys(r["model"] for r in runs)
    ],
    end=lambda row: row,
):
    """The asked one, to be written otherwise in one place."""

    def answer(runs):
        result = {}
        for model, mine in groups(runs):
            kept = [metrics_of(r) for r in mine if good(r)]
            names = dict.fromkeys(n for m in kept for n in m)
            row = {n: cell([m[n] for m in kept if n in m]) for n in names}
            result[model] = end(row | {"failed": failed(mine, kept)})
        return result

    return answer


def quartiles(v):
    v = torch.tensor(v, dtype=torch.float64)
    return tuple(torch.quantile(v, torch.tensor([0.5, 0.25, 0.75], dtype=torch.float64)).tolist())


def spoiled_whole(runs):
    """One failed run takes its whole model out."""
    result = table()(runs)
    return {m: {"failed": row["failed"]} if row["failed"] else row for m, row in result.items()}


def neighbors_alone(runs):
    return [(m, list(mine)) for m, mine in itertools.groupby(runs, key=lambda r: r["model"])]


def nan_cells(runs):
    names = dict.fromkeys(n for r in runs for n in metrics_of(r))
    empty = (math.nan,) * 3
    return {
        m: {n: row.get(n, empty) for n in names} | {"failed": row["failed"]}
        for m, row in table()(runs).items()
    }


def lacking_ones_failed(runs):
    names = {n for r in runs for n in metrics_of(r)}
    return table(good=lambda r: finite(r) and names <= set(r))(runs)


COMPARE = [
    (table(cell=quartiles), "quartiles"),
    (table(cell=lambda v: tuple(round(x, 2) for x in triple(v))), "rounded"),
    (table(cell=lambda v: (statistics.median(v), max(v), min(v))), "order_of_the_three"),
    (
        table(cell=lambda v: (triple(v)[0], triple(v)[0] - min(v), max(v) - triple(v)[0])),
        "distances_from_the_median",
    ),
    (table(cell=lambda v: (statistics.median(v), max(v) - min(v))), "not_three_numbers"),
    (table(cell=lambda v: statistics.median(v)), "not_three_numbers"),
    (table(failed=lambda mine, kept: len(kept)), "good_ones_counted"),
    (table(failed=lambda mine, kept: (len(mine) - len(kept)) / len(mine)), "share_failed"),
    (table(failed=lambda mine, kept: len(kept) < len(mine)), "failed_or_not"),
    (
        table(failed=lambda mine, kept: [r["seed"] for r in mine if not finite(r)]),
        "got the list of 0 things",
    ),
    (
        table(end=lambda row: row if row["failed"] else {k: row[k] for k in row if k != "failed"}),
        "failed_left_out",
    ),
    (table(groups=neighbors_alone), "neighbors_alone"),
    (
        lambda runs: [{"model": m} | row for m, row in table()(runs).items()],
        "got a list of 2 things",
    ),
    (spoiled_whole, "one_failure_spoils_the_model"),
    (nan_cells, "cells_of_nothing"),
    (lacking_ones_failed, "lacking_is_failed"),
]

AGAIN = {
    "gan_or_vae.feature_reconstruction_loss": FEATURES,
    "gan_or_vae.compare": COMPARE,
}
