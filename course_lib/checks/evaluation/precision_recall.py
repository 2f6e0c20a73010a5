"""Check of `precision_recall`. Oracle: sorted distances and loops, in Python's floats."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from .numbers import call_for, number_facts

OUTPUTS = ("precision", "recall")


def feature_cases(generator: torch.Generator) -> list[Case]:
    def normal(count: int, size: int) -> Tensor:
        return torch.randn(count, size, generator=generator, dtype=torch.float64)

    def two(real: int, fake: int, size: int, k: int, spread: float, shift: float) -> dict:
        """Fakes that are narrower, and beside the reals: some inside, some not, for any seed."""
        mean = torch.linspace(0, shift, size, dtype=torch.float64)
        return {
            "real_features": normal(real, size),
            "fake_features": spread * normal(fake, size) + mean,
            "k": k,
        }

    def on_a_grid() -> dict:
        """Whole numbers, of which many are exactly as far from a center as its k-th neighbor."""
        while True:
            real, fake = (
                torch.randint(0, 6, (count, 2), generator=generator).double() for count in (16, 13)
            )
            case = {"real_features": real, "fake_features": fake + 2, "k": 2}
            closed = torch.stack(both_ways(covered)(*case.values()))
            opened = torch.stack(both_ways(without_the_edge)(*case.values()))
            if (closed > opened).all():
                return case

    far = two(9, 8, 3, 3, 1.0, 0.0)
    far["fake_features"] = far["fake_features"] + 50
    return [
        Case(two(40, 31, 3, 2, 0.8, 1.2), "40 reals, 31 fakes, k = 2"),
        Case(two(25, 36, 2, 3, 0.6, 1.5), "25 reals, 36 fakes, k = 3"),
        Case(two(30, 30, 4, 1, 0.9, 0.9), "30 of each, k = 1"),
        Case({n: v.float() if n != "k" else v for n, v in two(28, 22, 3, 4, 0.7, 1.2).items()},
             "k = 4, in float32"),
        Case(two(32, 38, 2, 2, 3.0, 0.0), "fakes that scatter widely"),
        Case(far, "fakes far away", extreme=True),
        Case(on_a_grid(), "points on the edge of balls", extreme=True),
    ]  # fmt: skip


def by_loops(real_features: Tensor, fake_features: Tensor, k: int) -> tuple[float, float]:
    """Squared distances are compared, which on a grid are exact."""
    real, fake = real_features.double().tolist(), fake_features.double().tolist()

    def squared(one: list, other: list) -> float:
        return math.fsum((p - q) ** 2 for p, q in zip(one, other, strict=True))

    def share(points: list, support: list) -> float:
        radii = [
            sorted(squared(one, other) for j, other in enumerate(support) if j != i)[k - 1]
            for i, one in enumerate(support)
        ]
        inside = [
            any(squared(p, s) <= r for s, r in zip(support, radii, strict=True)) for p in points
        ]
        return sum(inside) / len(points)

    return share(fake, real), share(real, fake)


def between(x: Tensor, y: Tensor) -> Tensor:
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def radii(support: Tensor, k: int) -> Tensor:
    return between(support, support).kthvalue(k + 1, dim=1).values


def inside(points: Tensor, support: Tensor, k: int) -> Tensor:
    """Which point is in which ball, `(points, support)`."""
    return between(points, support) <= radii(support, k)


def covered(points: Tensor, support: Tensor, k: int) -> Tensor:
    return inside(points, support, k).any(dim=1).double().mean()


def both_ways(share):
    """(precision, recall) by another way to say what share of points is in a support."""
    return lambda real, fake, k: (share(fake, real, k), share(real, fake, k))


def without_the_edge(points: Tensor, support: Tensor, k: int) -> Tensor:
    return (between(points, support) < radii(support, k)).any(dim=1).double().mean()


def own_balls(points, support, k):
    return (between(points, support) <= radii(points, k)[:, None]).any(dim=1).double().mean()


def nearest_alone(points, support, k):
    distance, nearest = between(points, support).min(dim=1)
    return (distance <= radii(support, k)[nearest]).double().mean()


def with_radii(change):
    """Balls of other radii: `change(distances (S, S), k)` gives `(S,)` or a number."""

    def share(points, support, k):
        radius = change(between(support, support), k)
        return (between(points, support) <= radius).any(dim=1).double().mean()

    return share


def with_distance(p: float):
    def share(points, support, k):
        radius = torch.cdist(support, support, p).kthvalue(k + 1, dim=1).values
        return (torch.cdist(points, support, p) <= radius).any(dim=1).double().mean()

    return share


def radii_across(points, support, place):
    """As they come: a radius is one of the distances, and the two may differ by rounding."""
    radius = torch.cdist(support, points).sort(dim=1).values[:, place]
    return (torch.cdist(points, support) <= radius).any(dim=1).double().mean()


def by_angles(points, support, k):
    def between_directions(x, y):
        return 1 - F.normalize(x, dim=1) @ F.normalize(y, dim=1).T

    radius = between_directions(support, support).kthvalue(k + 1, dim=1).values
    return (between_directions(points, support) <= radius).any(dim=1).double().mean()


def squares_against_radii(points, support, k):
    return (between(points, support) ** 2 <= radii(support, k)).any(dim=1).double().mean()


def in_all(points, support, k):
    return inside(points, support, k).all(dim=1).double().mean()


def pooled(real, fake, k):
    """Radii from the neighbours in both sets together."""
    both = torch.cat([real, fake])

    def share(points, support):
        radius = between(support, both).kthvalue(k + 1, dim=1).values
        return (between(points, support) <= radius).any(dim=1).double().mean()

    return share(fake, real), share(real, fake)


def harmonic(real, fake, k):
    precision, recall = covered(fake, real, k), covered(real, fake, k)
    return 2 * precision * recall / (precision + recall).clamp(min=1e-12)


EXERCISE = Exercise(
    name="evaluation.precision_recall",
    signature="(real_features, fake_features, k)",
    oracle=by_loops,
    cases=feature_cases,
    outputs=OUTPUTS,
    call=call_for(*OUTPUTS),
    facts=number_facts,
    misconceptions=(
        Misconception(
            "swapped",
            lambda real, fake, k: both_ways(covered)(fake, real, k),
            "Precision and recall changed places. Precision asks of each fake whether it could be "
            "real; recall asks of each real whether the generator reaches it.",
        ),
        Misconception(
            "itself_counted",
            both_ways(with_radii(lambda d, k: d.kthvalue(k, dim=1).values)),
            "Each point was counted as its own first neighbor, so the radius reaches to the one "
            "before the k-th.",
        ),
        Misconception(
            "one_too_far",
            both_ways(with_radii(lambda d, k: d.kthvalue(k + 2, dim=1).values)),
            "The radius reaches one neighbor too far: among distances that are sorted from 0, "
            "position 0 is the point itself and position k the k-th neighbor.",
        ),
        Misconception(
            "own_balls",
            both_ways(own_balls),
            "The balls are around the wrong set. Whether a point is in the other set's manifold is "
            "decided by the balls of that set, not by its own.",
        ),
        Misconception(
            "balls_asked",
            both_ways(lambda p, s, k: inside(p, s, k).any(dim=0).double().mean()),
            "The balls that hold a point were counted, not the points that are in a ball: the "
            "`any` goes along the centers, the mean over the points.",
        ),
        Misconception(
            "asked_of_their_own_set",
            lambda real, fake, k: (covered(real, real, k), covered(fake, fake, k)),
            "The points were asked whether they lie in their own set's manifold, where all of them "
            "do. Ask the fakes of the reals' balls, and the reals of the fakes'.",
        ),
        Misconception(
            "unsorted",
            both_ways(with_radii(lambda d, k: d[:, k])),
            "The radius is not the distance to the k-th nearest neighbor. That is found by sorting "
            "each point's distances, and reading all of them at place k of the sorted axis.",
            also=(
                both_ways(with_radii(lambda d, k: d[:, k - 1])),
                both_ways(with_radii(lambda d, k: d[k])),
                both_ways(with_radii(lambda d, k: d.sort(dim=0).values[:, k])),
            ),
        ),
        Misconception(
            "half_the_radius",
            both_ways(with_radii(lambda d, k: d.kthvalue(k + 1, dim=1).values / 2)),
            "The balls are half as wide. The distance to the k-th neighbor is the radius, not the "
            "diameter.",
        ),
        Misconception(
            "in_k_balls",
            both_ways(lambda p, s, k: (inside(p, s, k).sum(dim=1) >= k).double().mean()),
            "A point counts fully only where it is in k balls. One ball is enough; k says how wide "
            "the balls are.",
            also=(
                both_ways(
                    lambda p, s, k: (inside(p, s, k).sum(dim=1).double() / k).clamp(max=1).mean()
                ),
            ),
        ),
        Misconception(
            "in_percent",
            both_ways(lambda p, s, k: 100 * covered(p, s, k)),
            "These are percent. Give shares between 0 and 1.",
        ),
        Misconception(
            "farthest",
            both_ways(with_radii(lambda d, k: d.topk(k).values[:, -1])),
            "The radius reaches to one of the farthest points: topk and a descending sort begin "
            "with the largest.",
            also=(both_ways(with_radii(lambda d, k: d.topk(k + 1).values[:, -1])),),
        ),
        Misconception(
            "radii_across",
            both_ways(
                lambda p, s, k: (
                    (between(p, s) <= between(p, s).kthvalue(k, dim=0).values)
                    .any(dim=1)
                    .double()
                    .mean()
                )
            ),
            "The radii come from the distances between the sets. A ball reaches to a neighbor in "
            "its own set.",
            also=(
                both_ways(
                    lambda p, s, k: (
                        (between(p, s) <= between(p, s).kthvalue(k + 1, dim=0).values)
                        .any(dim=1)
                        .double()
                        .mean()
                    )
                ),
                both_ways(lambda p, s, k: radii_across(p, s, k - 1)),
                both_ways(radii_across),
            ),
        ),
        Misconception(
            "radii_along_the_wrong_axis",
            both_ways(
                lambda p, s, k: (between(p, s) <= radii(s, k)[:, None]).any(dim=1).double().mean()
            ),
            "The distances and the radii do not fit: the radius of a center goes with that "
            "center's column (or row) of the distances.",
            error="size of tensor",
        ),
        Misconception(
            "density",
            both_ways(lambda p, s, k: inside(p, s, k).double().sum(dim=1).mean() / k),
            "The balls that hold a point were counted. A point is inside or not, however many "
            "balls it is in (the count is what Naeem and others call density).",
            also=(both_ways(lambda p, s, k: inside(p, s, k).double().mean()),),
        ),
        Misconception(
            "coverage",
            lambda real, fake, k: (
                covered(fake, real, k),
                inside(fake, real, k).any(dim=0).double().mean(),
            ),
            "Recall was taken as the share of reals whose own ball holds a fake, which is what "
            "Naeem and others call coverage. Recall has balls around the fakes.",
        ),
        Misconception(
            "in_all_balls",
            both_ways(in_all),
            "A point counts only where it is in all balls. One ball is enough: the manifold is "
            "their union.",
        ),
        Misconception(
            "nearest_ball_alone",
            both_ways(nearest_alone),
            "Only the ball of the nearest neighbor was asked. A point outside of it may be in the "
            "wider ball of another.",
        ),
        Misconception(
            "squared_distances",
            both_ways(squares_against_radii),
            "Squared distances are compared with radii that are not squared.",
        ),
        Misconception(
            "mean_of_the_neighbours",
            both_ways(with_radii(lambda d, k: d.sort(dim=1).values[:, 1 : k + 1].mean(dim=1))),
            "The radius is the mean distance of the k nearest. It is the distance of the k-th.",
            also=(
                both_ways(with_radii(lambda d, k: d.sort(dim=1).values[:, :k].mean(dim=1))),
                both_ways(with_radii(lambda d, k: d.sort(dim=1).values[:, : k + 1].mean(dim=1))),
            ),
        ),
        Misconception(
            "sum_of_the_neighbours",
            both_ways(with_radii(lambda d, k: d.sort(dim=1).values[:, : k + 1].sum(dim=1))),
            "The distances of the k nearest were added up. The radius is the distance of the k-th "
            "alone.",
        ),
        Misconception(
            "one_radius",
            both_ways(with_radii(lambda d, k: d.kthvalue(k + 1, dim=1).values.mean())),
            "All balls have one radius. Each has its own: small where the set is dense, wide where "
            "it is sparse.",
            also=tuple(
                both_ways(with_radii(lambda d, k, r=r: r(d.kthvalue(k + 1, dim=1).values)))
                for r in (torch.median, torch.max)
            ),
        ),
        Misconception(
            "neighbours_in_both_sets",
            pooled,
            "The neighbors were looked for in both sets together. A ball reaches to a neighbor in "
            "its own set, so that the other set cannot change the manifold.",
        ),
        Misconception(
            "one_twice",
            lambda real, fake, k: (covered(fake, real, k),) * 2,
            "Both numbers are the precision. Recall has the roles of the two sets exchanged.",
        ),
        Misconception(
            "recall_twice",
            lambda real, fake, k: (covered(real, fake, k),) * 2,
            "Both numbers are the recall. Precision asks about the fakes.",
        ),
        Misconception(
            "outside",
            both_ways(lambda p, s, k: 1 - covered(p, s, k)),
            "This is the share of points outside. Count those that are in a ball.",
        ),
        Misconception(
            "k_is_one",
            both_ways(lambda p, s, k: covered(p, s, 1)),
            "The result does not depend on k.",
            also=tuple(both_ways(lambda p, s, k, n=n: covered(p, s, n)) for n in (3, 5)),
        ),
        Misconception(
            "angles",
            both_ways(by_angles),
            "The points are compared by the angle between them (cosine). These are Euclidean "
            "balls.",
        ),
        Misconception(
            "rounded",
            both_ways(lambda p, s, k: round(float(covered(p, s, k)), 2)),
            "The shares were rounded. Return them as they are.",
        ),
        Misconception(
            "one_value_a_point",
            both_ways(lambda p, s, k: inside(p, s, k).any(dim=1).double()),
            "There is one value for each point. A share is the mean over the points.",
        ),
        Misconception(
            "city_blocks",
            both_ways(with_distance(1.0)),
            "The distances are sums of absolute differences. These are Euclidean balls.",
        ),
        Misconception(
            "counted",
            both_ways(lambda p, s, k: covered(p, s, k) * len(p)),
            "These are counts. Divide by the number of points that were asked: the fakes for "
            "precision, the reals for recall.",
        ),
        Misconception(
            "shares_of_the_other",
            both_ways(lambda p, s, k: covered(p, s, k) * len(p) / len(s)),
            "The counts were divided by the size of the other set. Divide by the number of points "
            "that were asked.",
        ),
        Misconception(
            "without_the_edge",
            both_ways(without_the_edge),
            "A point on the edge of a ball was left out. It is inside: its distance is at most the "
            "radius.",
        ),
        Misconception(
            "in_one_number",
            harmonic,
            "This is one number. The two have different causes, so they are kept apart: return "
            "precision and recall.",
        ),
    ),
    hints=(
        "Write one function for the share of points that lie in the manifold of a set, and call it "
        "twice with the roles exchanged.",
        "torch.cdist of a set with itself, sorted along a row, begins with 0: the point itself. "
        "Which place has the k-th neighbor?",
        "With the distances from every point to every center, compare each column with that "
        "center's radius. Inside any one is enough.",
    ),
    coincident=True,
    rtol=1e-6,
    atol=1e-8,
)
