"""Slips in lesson 19: an answer, and the misconception or the words that tell its author why."""

import math
from statistics import NormalDist

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

SLIPS = {
    "responsible.memorization_rate": RATE,
    "responsible.group_frequencies": GROUPS,
    "responsible.embed_watermark": EMBED,
    "responsible.detect_watermark": DETECT,
}
