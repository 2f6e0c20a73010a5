"""What a model took from its data, measured: copies, membership, and shares of groups.

Lesson 19 derives these numbers; here they serve whoever writes a model card.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.metrics.intervals import wilson_interval


def nearest(images: Tensor, train: Tensor, chunk: int = 500) -> tuple[Tensor, Tensor]:
    """Euclidean distance to the nearest training image, and its index: each `(B,)`.

    Images of any one shape `(B, ...)` are compared flat, `chunk` of them at a time.

    Raises ValueError where the two are not of one shape.

    >>> train = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    >>> nearest(torch.tensor([[3.0, 3.0], [0.0, 2.0]]), train)
    (tensor([1., 2.]), tensor([1, 0]))
    """
    if images.shape[1:] != train.shape[1:] or not len(train):
        raise ValueError(
            f"images and train must be (B, ...) of one shape; got {tuple(images.shape)} and "
            f"{tuple(train.shape)}"
        )
    flat, found = train.flatten(1), []
    for part in images.flatten(1).split(chunk):
        index = torch.cdist(part, flat).argmin(dim=1)
        # Once more, by differences: cdist uses |a|² + |b|² - 2 a·b, where a copy is not at 0.
        found.append(((part - flat[index]).norm(dim=1), index))
    return torch.cat([d for d, _ in found]), torch.cat([i for _, i in found])


def memorization_rate(samples: Tensor, train: Tensor, test: Tensor, quantile: float) -> float:
    """The share of samples nearer to a training image than `quantile` of the test images are.

    The threshold is the `quantile` of the test images' distances to their nearest training image,
    and only what lies strictly below it counts: so fresh images score about `quantile`, copies 1.

    >>> train, test = torch.eye(3), 2 * torch.eye(3)
    >>> memorization_rate(torch.cat([train, 5 * train]), train, test, 0.5)
    0.5
    """
    threshold = nearest(test, train)[0].quantile(quantile)
    return (nearest(samples, train)[0] < threshold).double().mean().item()


def nearer_rate(samples: Tensor, train: Tensor, held_out: Tensor) -> float:
    """The share of samples nearer to `train` than to as many images that were held out; ties 1/2.

    1/2 on average where the samples do not depend on which of the two sets was trained on and
    chance alone parted them, whatever the samples look like.

    Raises ValueError for sets of two sizes: the larger one would be nearer by that alone.

    >>> nearer_rate(torch.tensor([[0.1], [0.8]]), torch.tensor([[0.0]]), torch.tensor([[1.0]]))
    0.5
    """
    if len(train) != len(held_out):
        raise ValueError(f"both sets must be of one size; got {len(train)} and {len(held_out)}")
    one, other = nearest(samples, train)[0], nearest(samples, held_out)[0]
    return ((one < other).double() + (one == other).double() / 2).mean().item()


def group_frequencies(predictions: Tensor, groups: int, confidence: float = 0.95) -> Tensor:
    """Each group's share of the integers `predictions` `(N,)` with Wilson's interval.

    Returns `(groups, 3)`: share, low, high; empty groups have a row too.

    >>> group_frequencies(torch.tensor([0, 0, 2, 0]), 3).round(decimals=2)
    tensor([[0.7500, 0.3000, 0.9500],
            [0.0000, 0.0000, 0.4900],
            [0.2500, 0.0500, 0.7000]])
    """
    counts = torch.bincount(predictions.cpu(), minlength=groups).tolist()
    rows = [
        (n / len(predictions), *wilson_interval(n, len(predictions), confidence)) for n in counts
    ]
    return torch.tensor(rows)


def read_by_neighbors(
    images: Tensor, references: Tensor, labels: Tensor, classes: int, neighbors: int = 5
) -> Tensor:
    """Which class most of the nearest reference images have, `(B,)`; `classes` where no majority.

    A reader that was not trained: where samples are softer than images, it errs less than a network
    that has seen sharp images alone (lesson 19 measures both on reconstructions).

    >>> references = torch.tensor([[0.0], [0.1], [0.2], [1.0], [1.1]])
    >>> labels = torch.tensor([0, 0, 0, 1, 1])
    >>> read_by_neighbors(torch.tensor([[0.1], [1.3]]), references, labels, 2, neighbors=3)
    tensor([0, 1])
    """
    table = torch.cdist(images.flatten(1), references.flatten(1))
    near = labels[table.topk(neighbors, largest=False).indices]
    votes, found = F.one_hot(near, classes).sum(dim=1).max(dim=1)
    return torch.where(2 * votes > neighbors, found, classes)


def roc(members: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """False and true positive rates, each `(T,)`, of «a member scores at least t», t falling.

    >>> torch.stack(roc(torch.tensor([3.0, 1.0]), torch.tensor([2.0, 0.0])))
    tensor([[0.0000, 0.0000, 0.5000, 0.5000, 1.0000],
            [0.0000, 0.5000, 0.5000, 1.0000, 1.0000]])
    """
    thresholds = torch.cat([members, others]).unique().flip(0)
    rates = [(group[:, None] >= thresholds).float().mean(dim=0) for group in (others, members)]
    return tuple(torch.cat([rate.new_zeros(1), rate]) for rate in rates)


def auc(members: Tensor, others: Tensor) -> tuple[float, float]:
    """P(a member scores above another image) + P(equal)/2, and its standard error.

    The area under the ROC curve (Mann and Whitney). The error is DeLong's (1988): with v(m) the
    share of others below member m and w(o) the share of members above o, the variance is
    var(v)/M + var(w)/N, good for independent images and large sets.

    >>> auc(torch.tensor([3.0, 1.0, 4.0]), torch.tensor([2.0, 0.0]))[0]
    0.8333333333333334
    """
    above = (members[:, None] > others).double() + (members[:, None] == others).double() / 2
    by_member, by_other = above.mean(dim=1), above.mean(dim=0)
    variance = by_member.var() / len(members) + by_other.var() / len(others)
    return above.mean().item(), math.sqrt(variance.item())
