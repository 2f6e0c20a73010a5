"""What happens to a published image: rounding, JPEG, blur, noise, a shift, a crop.

Each function takes images `(B, C, H, W)` in [0, 1], C = 1 or 3, and returns as many of the same
shape in [0, 1], on the same device.
"""

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor


def to_bytes(images: Tensor) -> Tensor:
    """uint8 `(B, C, H, W)`: what an image file holds.

    >>> to_bytes(torch.tensor([[[[0.0, 0.5, 1.0]]]]))
    tensor([[[[  0, 128, 255]]]], dtype=torch.uint8)
    """
    return (images * 255).round().to(torch.uint8)


def rounded(images: Tensor) -> Tensor:
    """Each value at the nearest of 256 levels, as an 8-bit file keeps it."""
    return (images * 255).round() / 255


def jpeg(images: Tensor, quality: int) -> Tensor:
    """Written as JPEG files of this quality, 1 to 100, and read again.

    >>> images = torch.rand(2, 3, 16, 16)
    >>> jpeg(images, 50).shape
    torch.Size([2, 3, 16, 16])
    """
    pixels = to_bytes(images).permute(0, 2, 3, 1).cpu().numpy()
    gray = pixels.shape[-1] == 1
    read = [_written_and_read(image[..., 0] if gray else image, quality) for image in pixels]
    back = torch.from_numpy(np.stack(read)).reshape(pixels.shape).permute(0, 3, 1, 2)
    return back.to(images) / 255


def _written_and_read(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="jpeg", quality=quality)
    return np.asarray(Image.open(file))


def blurred(images: Tensor, width: float) -> Tensor:
    """A Gaussian blur whose standard deviation is `width` pixels; the border is repeated."""
    if width == 0:
        return images.clone()
    reach = max(1, round(3 * width))
    places = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (places / width) ** 2)
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, -1)
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    rows = F.conv2d(padded, kernel[:, :, None], groups=images.shape[1])
    return F.conv2d(rows, kernel[:, :, :, None], groups=images.shape[1]).clamp(0, 1)


def noisy(images: Tensor, std: float, seed: int = 0) -> Tensor:
    """Gaussian noise added, of a generator of its own, and clipped."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    return (images + std * noise.to(images)).clamp(0, 1)


def shifted(images: Tensor, pixels: int) -> Tensor:
    """Moved to the right by whole pixels; the left border is repeated."""
    if pixels == 0:
        return images.clone()
    return F.pad(images, (pixels, 0, 0, 0), mode="replicate")[..., : images.shape[-1]]


def cropped(images: Tensor, pixels: int) -> Tensor:
    """So many pixels cut off at each side, what is left stretched to the old size."""
    size = images.shape[-2:]
    inner = images[..., pixels : size[0] - pixels, pixels : size[1] - pixels]
    stretched = F.interpolate(inner, size, mode="bilinear", align_corners=False, antialias=True)
    return stretched.clamp(0, 1) if pixels else images.clone()


def painted_over(images: Tensor, pixels: int, value: float = 0.5) -> Tensor:
    """A frame of so many pixels painted gray: what is left stays in its place."""
    inside = torch.zeros_like(images)
    height, width = images.shape[-2:]
    inside[..., pixels : height - pixels, pixels : width - pixels] = 1
    return torch.where(inside > 0, images, torch.full_like(images, value))
