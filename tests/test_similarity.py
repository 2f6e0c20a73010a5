"""SSIM is torchmetrics', image by image, and says what it wants."""

import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from course_lib.metrics import ssim


@pytest.mark.parametrize("shape", [(5, 3, 32, 32), (3, 1, 16, 21), (2, 3, 11, 11)])
@pytest.mark.parametrize("low, high", [(-1.0, 1.0), (0.0, 1.0)])
def test_it_agrees_with_torchmetrics(shape, low, high):
    torch.manual_seed(0)
    images = low + (high - low) * torch.rand(shape)
    others = (images + 0.2 * torch.randn(shape)).clamp(low, high)
    ours = ssim(images, others, data_range=high - low)
    theirs = structural_similarity_index_measure(
        others, images, data_range=high - low, reduction="none"
    )
    torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-5)


def test_flat_images_and_equal_ones():
    flat = torch.zeros(2, 3, 12, 12)
    assert torch.equal(ssim(flat, flat, 2.0), torch.ones(2))
    assert (ssim(flat, flat + 1, 2.0) < 0.01).all()


@pytest.mark.parametrize("other", [(2, 3, 16, 15), (1, 3, 16, 16), (3, 16, 16)])
def test_another_shape_is_refused(other):
    with pytest.raises(ValueError, match=r"of one shape, at least 6 pixels"):
        ssim(torch.zeros(2, 3, 16, 16), torch.zeros(other), 2.0)
