"""How like two images are, pixel by pixel and window by window: for true pairs."""

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, SPREAD = 11, 1.5  # of the Gaussian window, in pixels


def ssim(images: Tensor, others: Tensor, data_range: float) -> Tensor:
    """The structural similarity of each pair of images: `(B, C, H, W)` twice to `(B,)`, at most 1.

    In a Gaussian window with standard deviation 1.5 pixels around each pixel, with means m, n,
    variances v, w and covariance c:

        (2 m n + C1) (2 c + C2) / ((m² + n² + C1) (v + w + C2)),  C1 = (0.01 L)², C2 = (0.03 L)²

    averaged over all pixels and channels. The window is cut off at 11 × 11, and beyond its border
    an image is mirrored (as in torchmetrics); L is `data_range`, 2 for images in [-1, 1]. Wang,
    Bovik, Sheikh and Simoncelli 2004, equation 13.

    Raises ValueError for images of different shapes, or smaller than half a window.

    >>> images = torch.rand(2, 3, 16, 16)
    >>> ssim(images, images, data_range=1.0)
    tensor([1., 1.])
    """
    if images.ndim != 4 or images.shape != others.shape or min(images.shape[2:]) <= WINDOW // 2:
        raise ValueError(
            f"images and others must be (B, C, H, W) of one shape, at least {WINDOW // 2 + 1} "
            f"pixels high and wide; got {tuple(images.shape)} and {tuple(others.shape)}"
        )
    m, n, xx, yy, xy = (_blurred(part) for part in _moments(images, others))
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    means = (2 * m * n + c1) / (m * m + n * n + c1)
    spreads = (2 * (xy - m * n) + c2) / (xx - m * m + yy - n * n + c2)
    return (means * spreads).mean(dim=(1, 2, 3))


def _moments(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    return x, y, x * x, y * y, x * y


def _blurred(images: Tensor) -> Tensor:
    """Means in the Gaussian window around each pixel; columns first, then rows."""
    offsets = torch.arange(WINDOW, dtype=images.dtype, device=images.device) - WINDOW // 2
    window = torch.softmax(-offsets.square() / (2 * SPREAD**2), dim=0)
    channels = images.shape[1]
    down = window.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    across = window.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    images = F.pad(images, (WINDOW // 2,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(images, down, groups=channels), across, groups=channels)
