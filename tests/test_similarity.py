"""PSNR and SSIM against torchmetrics, a slow loop, and what they must refuse."""

import itertools
import math

import pytest
import torch
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from course_lib.metrics import psnr, ssim
from tests.lessons import solution


def pairs(channels, height, width, peak, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(5, channels, height, width, generator=generator)
    noise = torch.rand(images.shape, generator=generator)
    shares = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0])[:, None, None, None]
    return peak * images, peak * torch.lerp(images, noise, shares)


@pytest.mark.parametrize("peak", [1.0, 2.0, 255.0])
@pytest.mark.parametrize("shape", [(1, 11, 11), (1, 28, 28), (3, 17, 32)])
def test_ssim_is_that_of_torchmetrics(shape, peak):
    images, restored = pairs(*shape, peak)
    wanted = structural_similarity_index_measure(
        restored, images, data_range=peak, reduction="none"
    )
    assert torch.allclose(ssim(images, restored, peak), wanted.double(), atol=1e-5)
    assert torch.allclose(ssim(restored, images, peak), ssim(images, restored, peak))


def slow_ssim(x, y, peak):
    """One pixel after the other, for images `(H, W)`, mirrored at the border."""
    height, width = x.shape

    def mirrored(place, size):
        place = abs(place)
        return min(place, 2 * (size - 1) - place)

    total = 0.0
    for i, j in itertools.product(range(height), range(width)):
        window = [
            (math.exp(-(u * u + v * v) / 4.5), mirrored(i + u, height), mirrored(j + v, width))
            for u, v in itertools.product(range(-5, 6), repeat=2)
        ]
        weights = torch.tensor([w for w, _, _ in window], dtype=torch.float64)
        weights = weights / weights.sum()
        rows, columns = [r for _, r, _ in window], [c for _, _, c in window]
        a, b = x[rows, columns], y[rows, columns]
        m, n = (weights * a).sum(), (weights * b).sum()
        s, t = (weights * (a - m) ** 2).sum(), (weights * (b - n) ** 2).sum()
        cov = (weights * (a - m) * (b - n)).sum()
        c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
        top = (2 * m * n + c1) * (2 * cov + c2)
        total += (top / ((m * m + n * n + c1) * (s + t + c2))).item()
    return total / (height * width)


def test_ssim_is_its_formula_pixel_by_pixel():
    images, restored = pairs(1, 11, 13, 2.0, seed=3)
    values = ssim(images, restored, 2.0)
    for image, other, value in zip(images[2:4], restored[2:4], values[2:4], strict=True):
        assert value.item() == pytest.approx(slow_ssim(image[0].double(), other[0].double(), 2.0))


def test_ssim_sees_structure_where_psnr_is_equal():
    generator = torch.Generator().manual_seed(0)
    images = 0.25 + 0.5 * torch.rand(4, 1, 16, 16, generator=generator)
    lighter = images + 0.1
    signs = torch.randint(2, images.shape, generator=generator) * 2 - 1
    noisy = images + 0.1 * signs
    assert torch.allclose(psnr(images, lighter, 1.0), psnr(images, noisy, 1.0), atol=1e-4)
    assert (ssim(images, lighter, 1.0) > ssim(images, noisy, 1.0)).all()


def test_psnr_is_that_of_torchmetrics_and_of_lesson_04():
    images, restored = pairs(2, 6, 9, 2.0)
    wanted = peak_signal_noise_ratio(
        restored[1:], images[1:], data_range=2.0, reduction="none", dim=(1, 2, 3)
    )
    assert torch.allclose(psnr(images, restored, 2.0)[1:], wanted.double(), atol=1e-4)
    assert psnr(images, restored, 2.0)[0] == math.inf
    lesson = solution("autoencoders.psnr")
    ours = psnr(images.double(), restored.double(), 2.0)
    assert torch.allclose(ours, lesson(images.double(), restored.double(), 2.0))


@pytest.mark.parametrize(
    ("images", "restored", "peak", "words"),
    [
        (torch.zeros(2, 1, 12, 12), torch.zeros(1, 1, 12, 12), 1.0, "one shape"),
        (torch.zeros(12, 12), torch.zeros(12, 12), 1.0, "one shape"),
        (torch.zeros(2, 1, 12, 10), torch.zeros(2, 1, 12, 10), 1.0, "11 pixels"),
        (torch.zeros(2, 1, 12, 12), torch.zeros(2, 1, 12, 12), 0.0, "positive"),
        (-torch.ones(2, 1, 12, 12), torch.zeros(2, 1, 12, 12), 2.0, "black at 0"),
        (torch.zeros(2, 1, 12, 12), torch.full((2, 1, 12, 12), 255.0), 1.0, "restored must lie"),
        (torch.zeros(1, 1, 12, 12), torch.full((1, 1, 12, 12), math.nan), 1.0, "restored must lie"),
    ],
)
def test_ssim_refuses_what_it_cannot_judge(images, restored, peak, words):
    with pytest.raises(ValueError, match=words):
        ssim(images, restored, peak)
