"""Slips in lesson 19: an answer, and the misconception or the words that tell its author why."""

import math
from statistics import NormalDist

import numpy as np
import torch
import torch.nn.functional as F

# ----------------------------------------------------------------- memorization rate


def flat_distances(x, y):
    return torch.cdist(x.flatten(1), y.flatten(1))


def rate(
    samples_to="train", test_to="train", least=lambda d: d.min(dim=1).values, level=lambda q: q
):
    """The asked one, with another set, another reduction or another quantile."""

    def answer(samples, train, test, quantile):
        sets = {"samples": samples, "train": train, "test": test}
        limit = least(flat_distances(test, sets[test_to])).quantile(level(quantile))
        return (least(flat_distances(samples, sets[samples_to])) < limit).float().mean()

    return answer


def at_most(samples, train, test, quantile):
    near = [flat_distances(x, train).amin(dim=1) for x in (samples, test)]
    return (near[0] <= near[1].quantile(quantile)).float().mean()


def own_quantile(samples, train, test, quantile):
    near = flat_distances(samples, train).amin(dim=1)
    return (near < torch.quantile(near, quantile)).float().mean()


def not_averaged(samples, train, test, quantile):
    near = [flat_distances(x, train).amin(dim=1) for x in (samples, test)]
    return near[0] < near[1].quantile(quantile)


def added_up(samples, train, test, quantile):
    return not_averaged(samples, train, test, quantile).sum()


def forgotten_flatten(samples, train, test, quantile):
    limit = torch.cdist(test, train).min().quantile(quantile)
    return (torch.cdist(samples, train).min(dim=1).values < limit).float().mean()


def quantile_of_all(samples, train, test, quantile):
    limit = flat_distances(test, train).quantile(quantile)
    return (flat_distances(samples, train).amin(dim=1) < limit).float().mean()


RATE = [
    (at_most, "edge_counted"),
    (own_quantile, "samples_set_the_threshold"),
    (not_averaged, "one_value_a_sample"),
    (added_up, "counted"),
    (forgotten_flatten, "image_with_image"),
    (rate(samples_to="test"), "distance_to_test"),
    (rate(test_to="samples"), "threshold_from_samples_to_test"),
    (rate(least=lambda d: d.min(dim=0).values), "of_each_training_image"),
    (rate(least=lambda d: d.mean(dim=1)), "mean_distance"),
    (rate(least=lambda d: d.amax(dim=1)), "farthest"),
    (rate(level=lambda q: 1 - q), "other_tail"),
    (quantile_of_all, None),
    (lambda *given: 1 - rate()(*given), "above"),
    (lambda *given: rate()(*given) * 100, "percent"),
]

# a second reader's, who had the lesson alone


def limit_by(limit, of_samples=lambda x, train: flat_distances(x, train).amin(dim=1)):
    """The asked share below another threshold, made from `(samples, train, test, quantile)`."""
    return lambda *given: (of_samples(*given[:2]) < limit(*given)).float().mean()


def by_argmin(samples, train, test, quantile):
    limit = flat_distances(test, train).argmin(dim=1).float().quantile(quantile)
    return (flat_distances(samples, train).argmin(dim=1) < limit).float().mean()


def values_forgotten(samples, train, test, quantile):
    limit = flat_distances(test, train).min(dim=1).quantile(quantile)
    return (flat_distances(samples, train).min(dim=1) < limit).float().mean()


def all_flattened(samples, train, test, quantile):
    limit = torch.cdist(test.flatten(), train.flatten()).amin(dim=1).quantile(quantile)
    return (torch.cdist(samples.flatten(), train.flatten()).amin(dim=1) < limit).float().mean()


def mean_of_booleans(samples, train, test, quantile):
    limit = flat_distances(test, train).amin(dim=1).quantile(quantile)
    return (flat_distances(samples, train).amin(dim=1) < limit).mean()


def against_each_test_image(samples, train, test, quantile):
    near = [flat_distances(x, train).amin(dim=1) for x in (samples, test)]
    return (near[0] < near[1]).float().mean()


def by_percentile(samples, train, test, quantile):
    limit = np.percentile(flat_distances(test, train).amin(dim=1).numpy(), quantile)
    return float((flat_distances(samples, train).amin(dim=1).numpy() < limit).mean())


def highest_first(samples, train, test, quantile):
    ranked = flat_distances(test, train).amin(dim=1).sort(descending=True).values
    limit = ranked[int(quantile * (len(ranked) - 1))]
    return (flat_distances(samples, train).amin(dim=1) < limit).float().mean()


def kth(samples, train, test, quantile):
    near = flat_distances(test, train).amin(dim=1)
    limit = near.kthvalue(max(1, int(quantile * len(test)))).values
    return (flat_distances(samples, train).amin(dim=1) < limit).float().mean()


def pooled(samples, train, test, quantile):
    near = flat_distances(torch.cat([samples, test]), train).amin(dim=1)
    return (near[: len(samples)] < near.quantile(quantile)).float().mean()


def seen_or_held(samples, train, test, quantile):
    limit = flat_distances(test, train).amin(dim=1).quantile(quantile)
    return (flat_distances(samples, torch.cat([train, test])).amin(dim=1) < limit).float().mean()


def root_forgotten_once(samples, train, test, quantile):
    squares = [
        (x[:, None] - train[None]).square().flatten(2).sum(dim=2).amin(dim=1)
        for x in (samples, test)
    ]
    return (squares[0].sqrt() < squares[1].quantile(quantile)).float().mean()


def normalized(samples, train, test, quantile):
    def own(x):
        x = x.flatten(1)
        return (x - x.mean(dim=1, keepdim=True)) / x.std(dim=1, keepdim=True)

    return rate()(own(samples), own(train), own(test), quantile)


def mean_absolute(samples, train, test, quantile):
    near = [(x[:, None] - train[None]).abs().flatten(2).mean(2).amin(1) for x in (samples, test)]
    return (near[0] < near[1].quantile(quantile)).float().mean()


RATE += [
    (by_argmin, "place_for_distance"),
    (values_forgotten, "values_and_places"),
    (all_flattened, "one_long_row"),
    (mean_of_booleans, "mean_of_truths"),
    (against_each_test_image, "sample_with_test_image"),
    (by_percentile, "percentile"),
    (highest_first, "other_tail"),
    (kth, "one_place_too_low"),
    (pooled, "samples_in_the_threshold"),
    (seen_or_held, "test_among_the_references"),
    (root_forgotten_once, "root_of_one_side"),
    (normalized, "standardized"),
    (mean_absolute, "city_blocks"),
    (rate(level=lambda q: 0.05), "quantile_fixed"),
    (rate(least=lambda d: d.topk(2, largest=False).values[:, 1]), "second_nearest"),
    (
        limit_by(lambda s, train, test, q: flat_distances(train, test).amin(1).quantile(q)),
        "threshold_of_each_training_image",
    ),
    (
        limit_by(lambda s, train, test, q: flat_distances(test, train).amin(1).mean()),
        "quantile_unused",
    ),
    (limit_by(lambda s, train, test, q: flat_distances(test, train).min()), "smallest_of_all"),
    (
        limit_by(lambda s, train, test, q: q * flat_distances(test, train).min()),
        "quantile_as_distance",
    ),
]

# ----------------------------------------------------------------- groups


def wilson_table(
    count=lambda p, g: torch.bincount(p, minlength=g),
    z=lambda c: NormalDist().inv_cdf((1 + c) / 2),
    inside=lambda p, n, z: p * (1 - p) / n + z**2 / (4 * n**2),
    below=lambda z, n: 1 + z**2 / n,
    center=lambda p, z, n: p + z**2 / (2 * n),
):
    def answer(predictions, groups, confidence):
        n, quantile = len(predictions), z(confidence)
        share = count(predictions, groups) / n
        half = quantile * torch.sqrt(inside(share, n, quantile))
        middle, divisor = center(share, quantile, n), below(quantile, n)
        return torch.stack([share, (middle - half) / divisor, (middle + half) / divisor], dim=1)

    return answer


def in_the_first_axis(predictions, groups, confidence):
    return wilson_table()(predictions, groups, confidence).T


def shares_only(predictions, groups, confidence):
    return torch.bincount(predictions, minlength=groups) / len(predictions)


def integers(predictions, groups, confidence):
    return torch.bincount(predictions, minlength=groups)


def wald(predictions, groups, confidence):
    n, z = len(predictions), NormalDist().inv_cdf((1 + confidence) / 2)
    p = shares_only(predictions, groups, confidence)
    half = z * torch.sqrt(p * (1 - p) / n)
    return torch.stack([p, p - half, p + half], dim=1)


GROUPS = [
    (wilson_table(count=lambda p, g: torch.bincount(p)), "rows_up_to_the_largest"),
    (wilson_table(count=lambda p, g: p.unique(return_counts=True)[1]), "empty_groups_left_out"),
    (wilson_table(z=lambda c: 1.96), "z_of_ninety_five"),
    (wilson_table(z=lambda c: NormalDist().inv_cdf(c)), "one_sided"),
    (wilson_table(z=lambda c: NormalDist().inv_cdf(1 - c / 2)), "confidence_halved"),
    (wilson_table(below=lambda z, n: 1), "not_shrunk"),
    (wilson_table(center=lambda p, z, n: p), "center_not_moved"),
    (wilson_table(inside=lambda p, n, z: p * (1 - p) / n), "root_without_its_second_term"),
    (wald, "wald"),
    (in_the_first_axis, "transposed"),
    (shares_only, "shares_alone"),
    (integers, "which holds no shares"),
    (lambda *given: wilson_table()(*given) * 100, "percent"),
]


def typed(
    shift=lambda z, n: z**2 / (2 * n),
    inside=lambda p, n, z: p * (1 - p) / n + z**2 / (4 * n**2),
    root=torch.sqrt,
    low=lambda middle, half, below: (middle - half) / below,
    high=lambda middle, half, below: (middle + half) / below,
    below=lambda z, n: 1 + z**2 / n,
    front=lambda z: z,
):
    """The printed formula, typed with a slip."""

    def answer(predictions, groups, confidence):
        n, z = len(predictions), NormalDist().inv_cdf((1 + confidence) / 2)
        p = torch.bincount(predictions, minlength=groups) / n
        given = p + shift(z, n), front(z) * root(inside(p, n, z)), below(z, n)
        return torch.stack([p, low(*given), high(*given)], dim=1)

    return answer


def shifted_down(predictions, groups, confidence):
    n, z = len(predictions), NormalDist().inv_cdf((1 + confidence) / 2)
    p = torch.bincount(predictions, minlength=groups) / n
    half, shift = z * torch.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)), z**2 / (2 * n)
    ends = [(p - shift - half) / (1 + z**2 / n), (p + shift + half) / (1 + z**2 / n)]
    return torch.stack([p, *ends], dim=1)


def over_groups(predictions, groups, confidence):
    return wilson_table(count=lambda p, g: torch.bincount(p, minlength=g) * len(p) / g)(
        predictions, groups, confidence
    )


GROUPS += [
    (wilson_table(count=lambda p, g: torch.histc(p.float(), bins=g)), "bins_of_the_data"),
    (wilson_table(count=lambda p, g: F.one_hot(p).sum(dim=0)), "rows_up_to_the_largest"),
    (wilson_table(count=lambda p, g: torch.bincount(p, minlength=g + 1)), "one_row_too_many"),
    (
        wilson_table(count=lambda p, g: torch.stack([(p == k).sum() for k in range(1, g + 1)])),
        "counted_from_one",
    ),
    (
        wilson_table(count=lambda p, g: torch.bincount(p, minlength=g) // len(p) * len(p)),
        "whole_division",
    ),
    (wilson_table(z=lambda c: NormalDist().inv_cdf((1 - c) / 2)), "ends_exchanged"),
    (wilson_table(z=lambda c: NormalDist().inv_cdf(c / 2)), "confidence_halved"),
    (typed(shift=lambda z, n: z**2 / 2 * n), "multiplied_by_n"),
    (
        typed(inside=lambda p, n, z: p * (1 - p) / n + z**2 / 4 * n**2),
        "multiplied_by_n_squared",
    ),
    (typed(inside=lambda p, n, z: p * (1 - p) / n + z**2 / (4 * n)), "n_not_squared"),
    (typed(root=lambda variance: variance), "no_root"),
    (typed(front=lambda z: 1.0), "root_without_z"),
    (typed(below=lambda z, n: 1 + z / n), "z_not_squared"),
    (
        typed(low=lambda m, h, b: m - h / b, high=lambda m, h, b: m + h / b),
        "one_part_divided",
    ),
    (typed(low=lambda m, h, b: (m + h) / b), "one_end_twice"),
    (lambda *given: typed()(*given)[:, 1:], "interval_alone"),
    (lambda *given: typed()(*given).tolist(), "a list of 5 things"),
    (shifted_down, "shifted_both_ways"),
    (over_groups, "divided_by_the_groups"),
]

# ----------------------------------------------------------------- mark


def mark(
    make=lambda g, shape: torch.randint(0, 2, shape, generator=g) * 2.0 - 1,
    seed=lambda key: torch.Generator().manual_seed(key),
    shape=lambda images: images.shape[1:],
    end=lambda x: x.clamp(0, 1),
    scale=lambda s: s,
):
    def answer(images, key, strength):
        pattern = make(seed(key), shape(images)).to(images)
        return end(images + scale(strength) * pattern)

    return answer


def seeded_by_torch(images, key, strength):
    torch.manual_seed(key)
    pattern = torch.randint(0, 2, images.shape[1:]) * 2.0 - 1
    return (images + strength * pattern.to(images)).clamp(0, 1)


def in_place(images, key, strength):
    pattern = torch.randint(0, 2, images.shape[1:], generator=torch.Generator().manual_seed(key))
    images += strength * (2.0 * pattern - 1)
    return images.clamp(0, 1)


EMBED = [
    (mark(end=lambda x: x), "not_clipped"),
    (mark(end=lambda x: x.clamp(-1, 1)), "not_clipped"),
    (mark(make=lambda g, s: torch.randint(0, 2, s, generator=g).float()), "zeros_and_ones"),
    (mark(make=lambda g, s: torch.randint(-1, 2, s, generator=g).float()), "minus_ones_to_one"),
    (mark(make=lambda g, s: torch.randn(s, generator=g)), "gaussian"),
    (mark(make=lambda g, s: 2 * torch.rand(s, generator=g) - 1), "uniform"),
    (mark(make=lambda g, s: torch.rand(s, generator=g).sub(0.5).sign() / 2), "halved"),
    (mark(seed=lambda key: torch.Generator().manual_seed(0)), "key_unused"),
    (mark(seed=lambda key: torch.Generator()), "key_unused"),
    (mark(shape=lambda x: x.shape), "each_image_its_own"),
    (mark(shape=lambda x: x.shape[2:]), "channels_alike"),
    (mark(scale=lambda s: 1.0), "strength_missing"),
    (seeded_by_torch, "seeded_globally"),
    (in_place, "changed in place"),
]


def ended(change):
    """A step `(images, marked)` in the place of the clipping."""

    def answer(images, key, strength):
        return change(images, mark(end=lambda marked: marked)(images, key, strength))

    return answer


def outside(marked):
    return (marked < 0) | (marked > 1)


def generator_not_handed_over(images, key, strength):
    torch.Generator().manual_seed(key)
    pattern = torch.randint(0, 2, images.shape[1:]) * 2.0 - 1
    return (images + strength * pattern.to(images)).clamp(0, 1)


ONE_FOR_ALL_CALLS = torch.Generator().manual_seed(7)


def in_bytes(images, key, strength):
    generator = torch.Generator().manual_seed(key)
    bits = torch.randint(0, 2, images.shape[1:], generator=generator, dtype=torch.uint8)
    return (images + strength * (bits * 2 - 1)).clamp(0, 1)


def first_channel(images, key, strength):
    marked = images.clone()
    marked[:, :1] += strength * mark_signs(key, images[:, :1].shape[1:]).to(images)
    return marked.clamp(0, 1)


def mark_signs(key, shape):
    return torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(key)) * 2.0 - 1


def room_first(images, key, strength):
    pattern = mark_signs(key, images.shape[1:]).to(images)
    return images.clamp(strength, 1 - strength) + strength * pattern


def one_generator_for_the_batch(images, key, strength):
    generator = torch.Generator().manual_seed(key)
    marked = [x + strength * drawn_signs(generator, x.shape).to(x) for x in images]
    return torch.stack(marked).clamp(0, 1)


def drawn_signs(generator, shape):
    return torch.randint(0, 2, shape, generator=generator) * 2.0 - 1


EMBED += [
    (ended(lambda x, marked: marked.clamp(x.min(), x.max())), "clipped_to_their_own_range"),
    (ended(lambda x, marked: marked.clamp(x.min().item(), 1)), "clipped_to_their_own_range"),
    (ended(lambda x, marked: (marked.clamp(0, 1) * 255).round() / 255), "rounded"),
    (ended(lambda x, marked: torch.where(outside(marked), x, marked)), "left_where_beyond"),
    (ended(lambda x, marked: torch.where(outside(marked), 2 * x - marked, marked)), "turned_back"),
    (ended(lambda x, marked: marked % 1.0), "wrapped_round"),
    (ended(lambda x, marked: (marked.clamp(0, 1) * 255).byte()), "got uint8"),
    (room_first, "room_made"),
    (mark(scale=lambda s: -s), "signs_turned"),
    (mark(make=lambda g, s: 1.0 - 2 * torch.randint(0, 2, s, generator=g)), "signs_turned"),
    (mark(scale=lambda s: s / 255), "in_gray_levels"),
    (mark(make=lambda g, s: drawn_signs(g, s) / drawn_signs(g, s).norm()), "of_unit_length"),
    (mark(seed=lambda key: ONE_FOR_ALL_CALLS), "unseeded"),
    (
        mark(make=lambda g, s: torch.bernoulli(torch.full(s, 0.05), generator=g) * 2 - 1),
        "signs_not_balanced",
    ),
    (generator_not_handed_over, "seeded_globally"),
    (in_bytes, "unsigned_bytes"),
    (first_channel, "one_channel"),
    (one_generator_for_the_batch, "each_image_its_own"),
]

# ----------------------------------------------------------------- detector


def signs(key, shape):
    return torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(key)) * 2.0 - 1


def local_detail(images):
    return images - F.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)


def score(
    detail=local_detail,
    pattern=signs,
    spread=lambda d: d.square().sum(dim=(1, 2, 3)).sqrt(),
    end=lambda z: z,
):
    def answer(images, key):
        rest = detail(images)
        total = (rest * pattern(key, images.shape[1:])).sum(dim=(1, 2, 3))
        return end(total / spread(rest).clamp(min=1e-6))

    return answer


def no_clamp(images, key):
    rest = local_detail(images)
    return (rest * signs(key, images.shape[1:])).sum((1, 2, 3)) / rest.flatten(1).norm(dim=1)


def summed_over_all(images, key):
    rest = local_detail(images)
    return (rest * signs(key, images.shape[1:])).sum() / rest.norm().clamp(min=1e-6)


def per_channel(images, key):
    rest = local_detail(images)
    total = (rest * signs(key, images.shape[1:])).sum(dim=(2, 3))
    return total / rest.square().sum(dim=(2, 3)).sqrt().clamp(min=1e-6)


DETECT = [
    (score(detail=lambda x: x), "nothing_removed"),
    (score(detail=lambda x: x - x.mean(dim=(1, 2, 3), keepdim=True)), "image_not_removed"),
    (score(spread=lambda d: torch.ones(len(d))), "sum"),
    (score(spread=lambda d: d.square().sum(dim=(1, 2, 3))), "divided_by_the_variance"),
    (score(spread=lambda d: d.flatten(1).std(dim=1)), "spread_of_one"),
    (score(end=torch.abs), "absolute"),
    (score(end=lambda z: z > 4), "verdict"),
    (score(end=lambda z: (z - z.mean()) / z.std(correction=0).clamp(min=1e-9)), "over_the_batch"),
    (score(pattern=lambda key, shape: signs(1, shape)), "key_unused"),
    (score(detail=lambda x: -local_detail(x)), "sign_turned"),
    (score(end=lambda z: z / math.sqrt(1024)), "cosine"),
    (no_clamp, "only_flat_images_fail"),
    (summed_over_all, "of_the_whole_batch"),
    (per_channel, "of_each_channel"),
]


def whole_batch_norm(images, key):
    rest = local_detail(images).flatten(1)
    return rest @ signs(key, images.shape[1:]).flatten() / rest.norm().clamp(min=1e-6)


def kept_axis(images, key):
    rest = local_detail(images).flatten(1)
    size = rest.norm(dim=1, keepdim=True).clamp(min=1e-6)
    return (rest * signs(key, images.shape[1:]).flatten()).sum(dim=1) / size


def divided_by_the_image(images, key):
    total = score(spread=lambda rest: torch.ones(len(rest)))(images, key)
    return total / images.flatten(1).norm(dim=1).clamp(min=1e-6)


def minus_two_means(images, key):
    rest, pattern = local_detail(images), signs(key, images.shape[1:])
    return rest[:, pattern > 0].mean(dim=1) - rest[:, pattern < 0].mean(dim=1)


def gray_first(images, key):
    rest = local_detail(images.mean(dim=1, keepdim=True))
    total = (rest[:, 0] * signs(key, images.shape[2:])).sum(dim=(1, 2))
    return total / rest.flatten(1).norm(dim=1).clamp(min=1e-6)


def generator_unused(images, key):
    rest, pattern = local_detail(images), torch.randint(0, 2, images.shape[1:]) * 2.0 - 1
    return (rest * pattern).sum(dim=(1, 2, 3)) / rest.flatten(1).norm(dim=1).clamp(min=1e-6)


def mean_over_spread(images, key):
    products = (local_detail(images) * signs(key, images.shape[1:])).flatten(1)
    return products.mean(dim=1) / products.std(dim=1).clamp(min=1e-6)


def floats(images, key):
    return score()(images, key).tolist()


def by_rows(images, key):
    rest, pattern = local_detail(images), signs(key, images.shape[1:])
    return ((rest * pattern).sum(3) / rest.square().sum(3).sqrt().clamp(min=1e-6)).sum((1, 2))


def nine_summed(images):
    kernel = torch.ones(images.shape[1], 1, 3, 3)
    return images - F.conv2d(images, kernel, padding=1, groups=images.shape[1])


def mean_of_all_channels(images):
    gray = images.mean(dim=1, keepdim=True)
    return images - F.avg_pool2d(gray, 3, stride=1, padding=1, count_include_pad=False)


DETECT += [
    (score(detail=lambda x: x - F.avg_pool2d(x, 3, 1, 1)), "zeros_at_the_border"),
    (score(detail=lambda x: x - F.avg_pool2d(x, 3, stride=1)), "means_without_border"),
    (score(detail=lambda x: x - F.avg_pool2d(x, 3, padding=1)), "means_without_border"),
    (score(detail=nine_summed), "nothing_removed"),
    (score(detail=lambda x: x - local_detail(x)), "nothing_removed"),
    (score(detail=lambda x: x - x.mean(dim=0)), "over_the_batch"),
    (score(detail=lambda x: local_detail(x).abs()), "detail_without_sign"),
    (score(detail=mean_of_all_channels), "channels_together"),
    (score(spread=lambda d: d.square().sum((1, 2, 3)).sqrt() + 1), "added_to_the_divisor"),
    (score(spread=lambda d: d.abs().sum(dim=(1, 2, 3))), "sum_of_absolute_values"),
    (score(spread=lambda d: d.sum(dim=(1, 2, 3)).square().sqrt()), "sum_squared"),
    (score(pattern=lambda key, shape: 0.05 * signs(key, shape)), "pattern_times_strength"),
    (
        score(pattern=lambda key, shape: local_detail(signs(key, shape)[None])),
        "detail_of_the_pattern",
    ),
    (
        score(pattern=lambda key, s: torch.randn(s, generator=torch.Generator().manual_seed(key))),
        "gaussian",
    ),
    (score(pattern=lambda key, shape: signs(key, shape[1:])), "channels_alike"),
    (score(end=lambda z: torch.where(z > 0, z, torch.zeros_like(z))), "negative_cut"),
    (divided_by_the_image, "image_in_the_divisor"),
    (whole_batch_norm, "spread_of_the_batch"),
    (kept_axis, "divided_crosswise"),
    (minus_two_means, "difference_of_means"),
    (gray_first, "channels_alike"),
    (generator_unused, "seeded_globally"),
    (mean_over_spread, "cosine"),
    (by_rows, "rows_added"),
    (floats, "a list of 12 things"),
]

SLIPS = {
    "responsible.memorization_rate": RATE,
    "responsible.group_frequencies": GROUPS,
    "responsible.embed_watermark": EMBED,
    "responsible.detect_watermark": DETECT,
}
