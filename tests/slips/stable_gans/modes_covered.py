"""What students may write for `modes_covered`, each with its cause."""

import torch

from tests.lessons import solution

modes_covered = solution("stable_gans.modes_covered")


def any_sample(samples, centers, radius, at_least):
    d = torch.cdist(samples, centers)
    hits = (d <= radius).any(dim=0).sum().item()
    return hits, (d.min(1).values <= radius).float().mean().item()


def counts_all_nearest(samples, centers, radius, at_least):
    d, i = torch.cdist(samples, centers).min(dim=1)
    counts = torch.bincount(i, minlength=len(centers))
    return (counts >= at_least).sum().item(), (d <= radius).float().mean().item()


def strictly_more(samples, centers, radius, at_least):
    d, i = torch.cdist(samples, centers).min(dim=1)
    good = d <= radius
    counts = torch.bincount(i[good], minlength=len(centers))
    return (counts > at_least).sum().item(), good.float().mean().item()


def strictly_inside(samples, centers, radius, at_least):
    d, i = torch.cdist(samples, centers).min(dim=1)
    good = d < radius
    counts = torch.bincount(i[good], minlength=len(centers))
    return (counts >= at_least).sum().item(), good.float().mean().item()


def squared_distance(samples, centers, radius, at_least):
    d, i = (samples[:, None] - centers).square().sum(-1).min(dim=1)
    good = d <= radius
    counts = torch.bincount(i[good], minlength=len(centers))
    return (counts >= at_least).sum().item(), good.float().mean().item()


def city_block(samples, centers, radius, at_least):
    d, i = (samples[:, None] - centers).abs().sum(-1).min(dim=1)
    good = d <= radius
    counts = torch.bincount(i[good], minlength=len(centers))
    return (counts >= at_least).sum().item(), good.float().mean().item()


def nearest_sample_of_center(samples, centers, radius, at_least):
    d = torch.cdist(samples, centers).amin(dim=0)
    good = d <= radius
    return good.sum().item(), good.float().mean().item()


def share_of_modes(samples, centers, radius, at_least):
    d, i = torch.cdist(samples, centers).min(dim=1)
    good = d <= radius
    counts = torch.bincount(i[good], minlength=len(centers))
    found = (counts >= at_least).sum().item()
    return found, found / len(centers)


def count_of_good(samples, centers, radius, at_least):
    d, i = torch.cdist(samples, centers).min(dim=1)
    good = d <= radius
    counts = torch.bincount(i[good], minlength=len(centers))
    return (counts >= at_least).sum().item(), good.sum().item()


def swapped(samples, centers, radius, at_least):
    return modes_covered(samples, centers, radius, at_least)[::-1]


def good_in_found_only(samples, centers, radius, at_least):
    d, i = torch.cdist(samples, centers).min(dim=1)
    counts = torch.bincount(i[d <= radius], minlength=len(centers))
    found = counts >= at_least
    return found.sum().item(), counts[found].sum().item() / len(samples)


def every_center_in_reach(samples, centers, radius, at_least):
    near = torch.cdist(samples, centers) <= radius
    return (near.sum(0) >= at_least).sum().item(), near.any(1).float().mean().item()


def mean_of_matrix(samples, centers, radius, at_least):
    near = torch.cdist(samples, centers) <= radius
    found = modes_covered(samples, centers, radius, at_least)[0]
    return found, near.float().mean().item()


SLIPS = [
    (any_sample, "one_is_enough"),
    (counts_all_nearest, "far_ones_counted"),
    (strictly_more, "more_than"),
    (strictly_inside, "edge_left_out"),
    (squared_distance, "squared_distances"),
    (city_block, "city_blocks"),
    (nearest_sample_of_center, "nearest_samples"),
    (share_of_modes, "modes_as_the_share"),
    (count_of_good, "number_of_good"),
    (swapped, "exchanged"),
    (good_in_found_only, "share_in_found_modes"),
    (every_center_in_reach, "counted_for_several"),
    (mean_of_matrix, "over_all_pairs"),
]


def md(s, c):
    return torch.cdist(s, c).min(dim=1)


def m_unique(s, c, r, n):
    d, i = md(s, c)
    return len(i.unique()), (d <= r).float().mean().item()


def m_unique_good(s, c, r, n):
    d, i = md(s, c)
    return len(i[d <= r].unique()), (d <= r).float().mean().item()


def m_share_over_k(s, c, r, n):
    d, i = md(s, c)
    k = torch.bincount(i[d <= r], minlength=len(c))
    f = k >= n
    return f.sum().item(), f.float().mean().item()


def m_percent(s, c, r, n):
    d, i = md(s, c)
    k = torch.bincount(i[d <= r], minlength=len(c))
    return (k >= n).sum().item(), 100 * (d <= r).float().mean().item()


def m_bad(s, c, r, n):
    d, i = md(s, c)
    k = torch.bincount(i[d <= r], minlength=len(c))
    return (k >= n).sum().item(), (d > r).float().mean().item()


def m_counts(s, c, r, n):
    d, i = md(s, c)
    k = torch.bincount(i[d <= r], minlength=len(c))
    return k, (d <= r).float().mean()


def m_mask(s, c, r, n):
    d, i = md(s, c)
    k = torch.bincount(i[d <= r], minlength=len(c))
    return k >= n, (d <= r).float().mean()


def m_nominlength(s, c, r, n):
    d, i = md(s, c)
    k = torch.bincount(i[d <= r])
    return (k >= n).sum().item(), (k.sum() / len(c)).item()


def m_max(s, c, r, n):
    d = (s[:, None] - c).abs().amax(-1)
    d, i = d.min(1)
    g = d <= r
    k = torch.bincount(i[g], minlength=len(c))
    return (k >= n).sum().item(), g.float().mean().item()


def m_kgt0(s, c, r, n):
    d, i = md(s, c)
    k = torch.bincount(i[d <= r], minlength=len(c))
    return (k > 0).sum().item(), (d <= r).float().mean().item()


def m_atleast_share(s, c, r, n):
    d, i = md(s, c)
    k = torch.bincount(i[d <= r], minlength=len(c))
    return (k / len(s) >= n).sum().item(), (d <= r).float().mean().item()


def m_norm_dim(s, c, r, n):
    d = (s[:, None] - c).norm(dim=1)
    d, i = d.min(1)
    g = d <= r
    k = torch.bincount(i[g], minlength=len(c))
    return (k >= n).sum().item(), g.float().mean().item()


def m_only_modes(s, c, r, n):
    d, i = md(s, c)
    k = torch.bincount(i[d <= r], minlength=len(c))
    return (k >= n).sum().item()


def m_2r(s, c, r, n):
    d, i = md(s, c)
    g = d <= r / 2
    k = torch.bincount(i[g], minlength=len(c))
    return (k >= n).sum().item(), g.float().mean().item()


SLIPS += [
    (m_unique, "far_ones_counted"),
    (m_unique_good, "one_is_enough"),
    (m_share_over_k, "modes_as_the_share"),
    (m_percent, "in_percent"),
    (m_bad, "share_of_bad"),
    (m_counts, "one_answer_a_mode"),
    (m_mask, "one_answer_a_mode"),
    (m_nominlength, "over_the_modes"),
    (m_max, "one_coordinate"),
    (m_kgt0, "one_is_enough"),
    (m_atleast_share, "at_least_as_a_share"),
    (m_norm_dim, "norm_over_the_centers"),
    (m_only_modes, "one_number"),
    (m_2r, None),
]
