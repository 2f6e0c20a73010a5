"""Information quantities in nats: the formulas that lesson 01 derives and later lessons use.

A categorical distribution is a tensor of probabilities whose last axis sums to 1; leading axes are
a batch. A diagonal Gaussian is its `mean` and `log_var`, each `(B, Z)`; what is said of it comes
per example, `(B,)`.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def entropy(p: Tensor) -> Tensor:
    """H(p) = -sum_i p_i log p_i in nats, with 0 log 0 = 0: `(..., K)` to `(...)`.

    Shannon (1948), section 6.

    >>> entropy(torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]))
    tensor([0.6931, 0.0000])
    """
    return torch.special.entr(p).sum(-1)


def kl_categorical(p: Tensor, q: Tensor) -> Tensor:
    """KL(p || q) = sum_i p_i log(p_i / q_i) in nats: `(..., K)` to `(...)`.

    Where p is 0 the term is 0; where q is 0 and p is not, the divergence is infinite.
    Kullback & Leibler (1951), equation 2.4. Raises ValueError unless p and q share one K.

    >>> kl_categorical(torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.25, 0.5]))
    tensor(0.6931)
    >>> kl_categorical(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0]))
    tensor(inf)
    """
    _require_one_length(p, q)
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1)


def js_divergence(p: Tensor, q: Tensor) -> Tensor:
    """JS(p, q) = (KL(p || m) + KL(q || m)) / 2, m = (p + q) / 2, in nats: `(..., K)` to `(...)`.

    Symmetric, 0 for p = q, log 2 for distributions that share nothing. Lin (1991), section IV.
    Raises ValueError unless p and q share one K.

    >>> js_divergence(torch.tensor([1.0, 0.0]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    tensor([0.0000, 0.6931])
    """
    _require_one_length(p, q)
    mixture = (p + q) / 2
    divergence = (kl_categorical(p, mixture) + kl_categorical(q, mixture)) / 2
    return divergence.clamp(0, math.log(2))  # rounding alone can lead outside


def kl_gaussian(mean_q: Tensor, log_var_q: Tensor, mean_p: Tensor, log_var_p: Tensor) -> Tensor:
    """KL(q || p) of diagonal Gaussians in nats, summed over latents: `(B, Z)` to `(B,)`.

    KL = 1/2 sum_z [ (mean_q - mean_p)^2 / var_p + var_q / var_p - 1 - log(var_q / var_p) ]

    With d = log var_q - log var_p the last three terms are e^d - 1 - d, which is how they are
    computed. Raises ValueError unless the four share one shape.

    >>> zero, one = torch.zeros(2, 3), torch.ones(2, 3)
    >>> kl_gaussian(one, zero, zero, zero)
    tensor([1.5000, 1.5000])
    """
    _require_one_shape(mean_q=mean_q, log_var_q=log_var_q, mean_p=mean_p, log_var_p=log_var_p)
    distance = (mean_q - mean_p) * torch.exp(-log_var_p / 2)  # in standard deviations of p
    return 0.5 * (distance.square() + _expm1_minus(log_var_q - log_var_p)).sum(-1)


def kl_to_standard_normal(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, diag(var)) || N(0, I)) in nats, summed over latents: `(B, Z)` to `(B,)`.

    KL = 1/2 sum_z [ mean^2 + var - 1 - log_var ]        (Kingma & Welling 2013, appendix B)

    Keeps its digits where log_var is tiny and the naive formula subtracts 1 from nearly 1.
    Raises ValueError unless mean and log_var share one shape.

    >>> kl_to_standard_normal(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2))
    tensor([2.5000])
    """
    _require_one_shape(mean=mean, log_var=log_var)
    return 0.5 * (mean.square() + _expm1_minus(log_var)).sum(-1)


def bernoulli_log_likelihood(logits: Tensor, images: Tensor) -> Tensor:
    """log p(images | logits) of independent pixels in nats: `(B, C, H, W)` to `(B,)`.

    log p = sum over pixels of [ x log p + (1 - x) log (1 - p) ], p = sigmoid(logit); finite and
    right at any logit. Lesson 05 derives it. Raises ValueError unless both share one shape.

    >>> bernoulli_log_likelihood(torch.zeros(2, 1, 1, 3), torch.ones(2, 1, 1, 3))
    tensor([-2.0794, -2.0794])
    """
    if logits.shape != images.shape:
        raise ValueError(
            "logits and images must share one shape (B, C, H, W); "
            f"got {tuple(logits.shape)} and {tuple(images.shape)}"
        )
    per_pixel = F.binary_cross_entropy_with_logits(logits, images, reduction="none")
    return -per_pixel.flatten(start_dim=1).sum(dim=1)


def _expm1_minus(x: Tensor) -> Tensor:
    """e^x - 1 - x, which is about x^2 / 2 near 0, to full relative precision.

    expm1(x) - x loses half of the digits near 0, so there it is Taylor's series, in Horner's form:
    12 factors leave a relative error under 1e-16 for |x| < 0.3.
    """
    series = torch.ones_like(x)
    for k in range(14, 2, -1):
        series = 1 + x / k * series
    return torch.where(x.abs() < 0.3, x.square() / 2 * series, torch.expm1(x) - x)


def _require_one_shape(**tensors: Tensor) -> None:
    shapes = [tuple(tensor.shape) for tensor in tensors.values()]
    if len(set(shapes)) > 1 or len(shapes[0]) != 2:
        *names, last = tensors
        *first, final = map(str, shapes)
        raise ValueError(
            f"{', '.join(names)} and {last} must share one shape (B, Z); "
            f"got {', '.join(first)} and {final}"
        )


def _require_one_length(p: Tensor, q: Tensor) -> None:
    if p.ndim == 0 or q.ndim == 0 or p.shape[-1] != q.shape[-1]:
        raise ValueError(
            f"p and q must have one last axis, the outcomes; got {tuple(p.shape)} and "
            f"{tuple(q.shape)}"
        )
