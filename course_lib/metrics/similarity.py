"""How close a restored image is to the one it should be: in decibels, and by local structure.

Both formulas want images with black at 0 and white at `peak`, compute in float64 (float32 on
Apple's GPU), and give one number an image, so that two methods can be compared image by image.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.training import finest_float

WINDOW, WINDOW_STD = 11, 1.5  # pixels


def psnr(images: Tensor, restored: Tensor, peak: float) -> Tensor:
    """10 log10(peak² / MSE) in dB, `(B,)`, the MSE of each image's own C·H·W numbers.

    `images` and `restored` are `(B, C, H, W)`; an image that came back exactly has infinity.

    Raises ValueError for two shapes that differ and for a peak that is not positive.

    >>> images = torch.zeros(2, 1, 4, 4)
    >>> psnr(images, images + torch.tensor([0.1, 0.01])[:, None, None, None], peak=1.0).round()
    tensor([20., 40.], dtype=torch.float64)
    """
    _require_pair(images, restored, peak)
    exact = finest_float(images.device)
    error = (images.to(exact) - restored.to(exact)).square().flatten(start_dim=1).mean(dim=1)
    return 10 * torch.log10(peak**2 / error)


def ssim(images: Tensor, restored: Tensor, peak: float) -> Tensor:
    """The structural similarity of each pair of images, `(B,)`, 1 for equal ones, at least -1.

    Wang et al. 2004, equation 13, with the constants of its section III-C: at every pixel, under an
    11×11 Gaussian window (standard deviation 1.5 pixels),

        (2 m n + C1) (2 cov + C2) / ((m² + n² + C1) (s² + t² + C2)),

    with the weighted means m, n, variances s², t² and covariance of the two images in the window,
    C1 = (0.01 peak)², C2 = (0.03 peak)²; averaged over pixels and channels. Outside the image the
    window sees it mirrored, as torchmetrics 1.9 has it; the paper leaves those pixels open.

    `images` and `restored` are `(B, C, H, W)` with values in [0, peak]: the means count from
    black, so images in [-1, 1] must be shifted first, as (images + 1) / 2 with peak 1.

    Raises ValueError for two shapes that differ, sides under 11 pixels, a peak that is not
    positive, and values outside [0, peak].

    >>> images = torch.rand(3, 1, 16, 12, generator=torch.Generator().manual_seed(0))
    >>> ssim(images, images, peak=1.0)
    tensor([1., 1., 1.], dtype=torch.float64)
    >>> ssim(images, 1 - images, peak=1.0).max() < 0
    tensor(True)
    """
    _require_pair(images, restored, peak)
    if min(images.shape[2:]) < WINDOW:
        raise ValueError(f"images must have at least {WINDOW} pixels a side; got {images.shape}")
    for name, values in (("images", images), ("restored", restored)):
        low, high = values.min().item(), values.max().item()
        if not (-1e-3 * peak <= low and high <= 1.001 * peak):  # so written, NaN is caught too
            raise ValueError(
                f"{name} must lie in [0, {peak:g}], black at 0; got [{low:.4g}, {high:.4g}]. "
                "Shift or clip them first, or pass the peak that they have"
            )
    x, y = (part.flatten(0, 1)[:, None] for part in (images, restored))
    x, y = (part.to(finest_float(images.device)) for part in (x, y))
    m, n = _window_mean(x), _window_mean(y)
    variances = _window_mean(x * x) - m * m, _window_mean(y * y) - n * n
    covariance = _window_mean(x * y) - m * n
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    light = (2 * m * n + c1) / (m * m + n * n + c1)
    structure = (2 * covariance + c2) / (sum(variances) + c2)
    return (light * structure).unflatten(0, images.shape[:2]).flatten(start_dim=1).mean(dim=1)


def _window_mean(planes: Tensor) -> Tensor:
    """Gaussian means of `(N, 1, H, W)` around every pixel: along the rows, then the columns."""
    half = WINDOW // 2
    planes = F.pad(planes, (half, half, half, half), mode="reflect")
    places = torch.arange(WINDOW, dtype=planes.dtype, device=planes.device) - half
    weights = torch.softmax(-(places**2) / (2 * WINDOW_STD**2), dim=0)  # positive, of sum 1
    rows = F.conv2d(planes, weights[None, None, None, :])
    return F.conv2d(rows, weights[None, None, :, None])


def _require_pair(images: Tensor, restored: Tensor, peak: float) -> None:
    if images.ndim != 4 or images.shape != restored.shape or 0 in images.shape:
        raise ValueError(
            "images and restored must share one shape (B, C, H, W); "
            f"got {tuple(images.shape)} and {tuple(restored.shape)}"
        )
    if not peak > 0:
        raise ValueError(f"peak must be positive, the value of white; got {peak!r}")
