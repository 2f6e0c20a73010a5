"""Ten wrong answers to each case of the clinic's ward of evaluation, and their causes.

`None`: no cause is known, and the message must not claim one. A text in the place of a name: what
the message itself says of the cause.
"""

import torch
import torch.nn.functional as F

from course_lib.metrics import fid
from tests.lessons import lesson_namespace


def frechet(a, b):
    return fid(a.flatten(1).double(), b.flatten(1).double())


def cycles(G, back, x, y):
    return (back(G(x)) - x).abs().mean() + (G(back(y)) - y).abs().mean()


def sets(G, back, x, y):
    return frechet(G(x), y) + frechet(back(y), x)


def means_alone(a, b):
    return (a.mean(0) - b.mean(0)).square().sum()


def spreads(a, b):
    return means_alone(a, b) + (a.std(0) - b.std(0)).square().sum()


def nearest(a, b):
    return torch.cdist(a, b).min(1).values.mean()


QUALITY = [
    (lambda G, F, x, y: (F(G(x)) - x).abs().mean(), "cycle_alone"),
    (lambda G, F, x, y: cycles(G, F, x, y), "cycle_alone"),
    (lambda G, F, x, y: frechet(G(x), y), "match_alone"),
    (lambda G, F, x, y: sets(G, F, x, y), "match_alone"),
    (lambda G, F, x, y: means_alone(G(x), y) + cycles(G, F, x, y), "means_alone"),
    (lambda G, F, x, y: spreads(G(x), y) + cycles(G, F, x, y), "coordinates_apart"),
    (lambda G, F, x, y: nearest(G(x), y) + cycles(G, F, x, y), "nearest_point"),
    (lambda G, F, x, y: (G(x) - y).square().mean() + cycles(G, F, x, y), "paired"),
    (lambda G, F, x, y: -(frechet(G(x), y) + cycles(G, F, x, y)), "higher_is_better"),
    (lambda G, F, x, y: sets(G, F, x, y) * cycles(G, F, x, y), None),
    (lambda G, F, x, y: sets(G, F, x, y) - cycles(G, F, x, y), "match_alone"),
    (lambda G, F, x, y: frechet(F(G(x)), y), "cycled_against_the_other_domain"),
    (lambda G, F, x, y: (F(G(x)) - y).abs().mean(), "cycled_against_the_other_domain"),
    (lambda G, F, x, y: (G(x) - x).abs().mean() + cycles(G, F, x, y), "close_to_the_input"),
    (lambda G, F, x, y: (frechet(G(x), y), cycles(G, F, x, y)), "two_scores"),
    (lambda G, F, x, y: (F(G(x)) - x).abs().mean(1) + frechet(G(x), y), "not_reduced"),
    (lambda G, F, x, y: sets(G, F, x, y) + (F(G(x)) - x).mean().abs(), "match_alone"),
]


def real_digits():
    return lesson_namespace("clinic")["digits"]


def to_nearest(samples):
    return torch.cdist(samples.flatten(1), real_digits().flatten(1)).min(1).values


SCORE = [
    (lambda samples: to_nearest(samples).mean(), "nearest_neighbor"),
    (lambda samples: to_nearest(samples).median(), "nearest_neighbor"),
    (to_nearest, "not_reduced"),
    (lambda samples: -frechet(samples, real_digits()), "higher_is_better"),
    (lambda samples: -samples.std(0).mean(), "variety_alone"),
    (lambda samples: samples.std(0).mean(), "variety_punished"),
    (lambda samples: means_alone(samples.flatten(1), real_digits().flatten(1)), "means_alone"),
    (lambda samples: (samples.mean() - real_digits().mean()).abs(), None),
    (lambda samples: (samples.std() - real_digits().std()).abs(), "spread_alone"),
    (lambda samples: 0.0 * samples.sum(), "constant"),
    (lambda samples: -torch.cdist(samples.flatten(1), samples.flatten(1)).mean(), "variety_alone"),
    (lambda samples: (samples - real_digits()[: len(samples)]).square().mean(), "nearest_neighbor"),
    (lambda samples: to_nearest(samples).max(), "variety_punished"),
]


def total(weight=10, distance=lambda a, b: (a - b).abs().mean(), real=1.0):
    def answer(G, F, DX, DY, x, y):
        verdicts = (DY(G(x)) - real).square().mean() + (DX(F(y)) - real).square().mean()
        return verdicts + weight * (distance(F(G(x)), x) + distance(G(F(y)), y))

    return answer


def judges_swapped(G, F, DX, DY, x, y):
    return total()(G, F, DY, DX, x, y)


def one_cycle(G, F, DX, DY, x, y):
    verdicts = (DY(G(x)) - 1).square().mean() + (DX(F(y)) - 1).square().mean()
    return verdicts + 10 * (F(G(x)) - x).abs().mean()


def one_verdict(G, F, DX, DY, x, y):
    cycle = (F(G(x)) - x).abs().mean() + (G(F(y)) - y).abs().mean()
    return (DY(G(x)) - 1).square().mean() + 10 * cycle


def other_domain(G, F, DX, DY, x, y):
    verdicts = (DY(G(x)) - 1).square().mean() + (DX(F(y)) - 1).square().mean()
    n = min(len(x), len(y))
    return verdicts + 10 * ((F(G(x))[:n] - y[:n]).abs().mean() + (G(F(y))[:n] - x[:n]).abs().mean())


def identity_for_cycle(G, F, DX, DY, x, y):
    verdicts = (DY(G(x)) - 1).square().mean() + (DX(F(y)) - 1).square().mean()
    return verdicts + 10 * ((G(x) - x).abs().mean() + (F(y) - y).abs().mean())


def order_turned(G, F, DX, DY, x, y):
    verdicts = (DY(G(x)) - 1).square().mean() + (DX(F(y)) - 1).square().mean()
    return verdicts + 10 * ((G(F(x)) - x).abs().mean() + (F(G(y)) - y).abs().mean())


def cut_cycle(G, F, DX, DY, x, y):
    verdicts = (DY(G(x)) - 1).square().mean() + (DX(F(y)) - 1).square().mean()
    cycle = (F(G(x).detach()) - x).abs().mean() + (G(F(y).detach()) - y).abs().mean()
    return verdicts + 10 * cycle


def cross_entropy(G, back, DX, DY, x, y):
    verdicts = F.softplus(-DY(G(x))).mean() + F.softplus(-DX(back(y))).mean()
    return verdicts + 10 * cycles(G, back, x, y)


def identity_added(G, F, DX, DY, x, y):
    same = (G(y) - y).abs().mean() + (F(x) - x).abs().mean()
    return total()(G, F, DX, DY, x, y) + 5 * same


def summed(a, b):
    return (a - b).abs().flatten(1).sum(1).mean()


G_TOTAL = [
    (total(0), "no_cycle"),
    (total(1), "weight_one"),
    (total(5), "weight_five"),
    (total(distance=lambda a, b: (a - b).square().mean()), "squared"),
    (total(distance=summed), "summed"),
    (total(distance=lambda a, b: (a - b).abs().sum()), "summed"),
    (total(distance=lambda a, b: (a - b).mean().abs()), "signed_error"),
    (total(distance=lambda a, b: (a - b).mean()), "signed_error"),
    (total(real=0.0), "label_fake"),
    (judges_swapped, "judges_exchanged"),
    (one_cycle, "one_cycle"),
    (one_verdict, "one_verdict"),
    (other_domain, "cycled_against_the_other_domain"),
    (identity_for_cycle, "not_cycled"),
    (order_turned, "wrong_way_round"),
    (cut_cycle, "cycle_cut"),
    (cross_entropy, "cross_entropy"),
    (identity_added, "identity_added"),
    (lambda *given: -total()(*given), "sign"),
    (lambda *given: total()(*given).item(), "no_graph"),
]

SLIPS = {
    "clinic.a5_quality": QUALITY,
    "clinic.t8_score": SCORE,
    "clinic.a4_g_total": G_TOTAL,
}
