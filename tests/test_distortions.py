"""What happens to a published image: sizes and ranges are kept, and each does what it says."""

import pytest
import torch

from course_lib import distortions

ALL = {
    "rounded": distortions.rounded,
    "jpeg": lambda x: distortions.jpeg(x, 60),
    "blurred": lambda x: distortions.blurred(x, 0.8),
    "noisy": lambda x: distortions.noisy(x, 0.1),
    "shifted": lambda x: distortions.shifted(x, 2),
    "cropped": lambda x: distortions.cropped(x, 2),
    "painted_over": lambda x: distortions.painted_over(x, 2),
}
NOTHING = {
    "blurred": lambda x: distortions.blurred(x, 0),
    "noisy": lambda x: distortions.noisy(x, 0.0),
    "shifted": lambda x: distortions.shifted(x, 0),
    "cropped": lambda x: distortions.cropped(x, 0),
    "painted_over": lambda x: distortions.painted_over(x, 0),
}


@pytest.fixture(params=[1, 3])
def images(request):
    toss = torch.Generator().manual_seed(0)
    return torch.rand(3, request.param, 16, 20, generator=toss)


@pytest.mark.parametrize("name", ALL)
def test_images_stay_images_and_nobody_s_chance_moves(images, name):
    before, state = images.clone(), torch.get_rng_state()
    changed = ALL[name](images)
    assert changed.shape == images.shape and changed.dtype == images.dtype
    assert changed.min() >= 0 and changed.max() <= 1 and not torch.equal(changed, images)
    assert torch.equal(images, before) and torch.equal(torch.get_rng_state(), state)
    assert torch.equal(changed, ALL[name](images))


@pytest.mark.parametrize("name", NOTHING)
def test_an_amount_of_nothing_does_nothing(images, name):
    assert torch.equal(NOTHING[name](images), images)


def test_rounding_moves_by_half_a_level_and_once():
    images = torch.rand(2, 1, 9, 9)
    once = distortions.rounded(images)
    assert (once - images).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.equal(distortions.rounded(once), once)
    assert torch.equal(distortions.to_bytes(once).float() / 255, once)


def test_jpeg_is_better_at_a_higher_quality(images):
    smooth = distortions.blurred(images, 2.0)
    errors = [(distortions.jpeg(smooth, q) - smooth).abs().mean().item() for q in (95, 60, 10)]
    assert errors == sorted(errors) and errors[0] < 0.02


def test_a_blur_keeps_flat_images_and_spreads_a_point():
    flat = torch.full((1, 3, 8, 8), 0.4)
    assert torch.allclose(distortions.blurred(flat, 1.5), flat, atol=1e-6)
    point = torch.zeros(1, 1, 21, 21)
    point[..., 10, 10] = 1
    blurred = distortions.blurred(point, 1.5)
    places = torch.arange(21.0) - 10
    assert blurred.sum() == pytest.approx(1, abs=1e-5)
    spread = (blurred[0, 0].sum(dim=0) * places**2).sum()
    assert spread == pytest.approx(1.5**2, rel=0.05)


def test_a_shift_and_a_frame_leave_the_rest_in_its_place(images):
    assert torch.equal(distortions.shifted(images, 3)[..., 3:], images[..., :-3])
    painted = distortions.painted_over(images, 4, 0.2)
    assert torch.equal(painted[..., 4:-4, 4:-4], images[..., 4:-4, 4:-4])
    assert (painted[..., :4, :] == 0.2).all() and (painted[..., -4:] == 0.2).all()
