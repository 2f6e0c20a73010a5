"""The classifier learns, its features are what its logits read; merged layers are the two."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from course_lib.data import load_mnist
from course_lib.networks import (
    DigitClassifier,
    DigitDiscriminator,
    DigitGenerator,
    MLPStack,
    ResidualBlock,
    UpsampleConv2d,
)
from course_lib.training import batches, seed_everything
from tests.lessons import lesson_files, solution


def test_logits_are_the_readout_of_the_features():
    classifier, images = DigitClassifier(width=4, feature_dim=12), torch.randn(3, 1, 28, 28)
    features = classifier.features(images)
    assert features.shape == (3, 12) and features.min() >= 0
    assert torch.equal(classifier(images), classifier.readout(features))


def test_it_is_as_small_as_its_docstring_says():
    assert round(sum(p.numel() for p in DigitClassifier().parameters()) / 1e6, 2) == 0.11


def test_every_pixel_and_every_weight_counts():
    seed_everything(0)
    classifier, images = DigitClassifier(), torch.randn(16, 1, 28, 28, requires_grad=True)
    classifier(images).square().sum().backward()
    assert (images.grad.abs().sum(0) > 0).all()
    assert all(p.grad.abs().sum() > 0 for p in classifier.parameters())


def test_an_image_is_judged_on_its_own_in_training_mode_too():
    classifier, images = DigitClassifier().train(), torch.randn(6, 1, 28, 28)
    torch.testing.assert_close(classifier(images)[2:3], classifier(images[2:3]))


@pytest.mark.parametrize("shape", [(3, 28, 28), (3, 3, 28, 28), (3, 1, 32, 32), (3, 784)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"must be \(B, 1, 28, 28\); got \(3, "):
        DigitClassifier()(torch.zeros(shape))


def test_it_learns_digits_in_a_hundred_steps():
    seed_everything(0)
    images, labels = load_mnist("train", value_range=(-1, 1))
    test_images, test_labels = load_mnist("test", value_range=(-1, 1))
    classifier = DigitClassifier()
    optimizer = torch.optim.Adam(classifier.parameters(), lr=3e-3)
    for x, y in batches((images, labels), 64, steps=100):
        optimizer.zero_grad()
        F.cross_entropy(classifier(x), y).backward()
        optimizer.step()
    with torch.no_grad():
        guesses = classifier(test_images[:2000]).argmax(1)
    assert (guesses == test_labels[:2000]).float().mean() > 0.85


def test_the_pair_of_a_gan_is_that_of_lesson_12():
    (cell,) = [c for c in lesson_files("evaluation")[0] if "def make_gan" in c.source]
    source = cell.source[cell.source.index("def make_gan") :]
    lesson = {"nn": nn, "device": "cpu", "latent_dim": 16, "width": 4}
    exec(source, lesson)
    ours = DigitGenerator(16, width=4), DigitDiscriminator(width=4)
    given = torch.randn(6, 16), torch.randn(6, 1, 28, 28)
    for mine, theirs, x in zip(ours, lesson["make_gan"](), given, strict=True):
        mine.load_state_dict(theirs.state_dict())
        torch.testing.assert_close(mine(x), theirs(x), rtol=0, atol=0)


def merged_and_two_layers(dtype=torch.float64):
    merged = UpsampleConv2d(5, 3)
    two = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(5, 3, 3, padding=1))
    two[1].load_state_dict(merged.state_dict())
    return merged.to(dtype), two.to(dtype)


def test_upsampling_merged_with_the_convolution_is_the_same_function_of_the_same_weights():
    images, results = torch.randn(2, 5, 4, 7, dtype=torch.float64), []
    for layer in merged_and_two_layers():
        x = images.clone().requires_grad_()
        out = layer(x)
        assert out.shape == (2, 3, 8, 14)
        out.sin().sum().backward()
        results.append([out.detach(), x.grad, *(p.grad for p in layer.parameters())])
    torch.testing.assert_close(*results)


def test_it_takes_four_ninths_of_the_operations_forward_and_back():
    counts = []
    for layer in merged_and_two_layers(torch.float32):
        with FlopCounterMode(display=False) as counter:
            layer(torch.randn(2, 5, 4, 4, requires_grad=True)).sum().backward()
        counts.append(counter.get_total_flops())
    assert counts[0] * 9 == counts[1] * 4 > 0


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_it_answers_in_the_layout_of_its_weights(layout):
    layer = UpsampleConv2d(5, 3).to(memory_format=layout)
    answer = layer(torch.randn(2, 5, 4, 4).contiguous(memory_format=layout))
    assert answer.is_contiguous(memory_format=layout)


def test_each_network_of_a_stack_is_one_and_learns_as_one():
    stack = MLPStack(3, (2, 8, 1))
    x = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0))
    (3 * F.softplus(stack(x)).mean()).backward()
    for n in range(3):
        alone = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
        for layer, number in ((alone[0], 0), (alone[2], 1)):
            layer.weight.data = stack.weights[number][n].detach().T.clone()
            layer.bias.data.zero_()
        torch.testing.assert_close(stack(x)[n], alone(x[n]))
        F.softplus(alone(x[n])).mean().backward()
        torch.testing.assert_close(alone[0].weight.grad, stack.weights[0].grad[n].T)


def test_a_network_of_a_stack_does_not_depend_on_how_many_there_are():
    few, many = MLPStack(2, (3, 4, 2)), MLPStack(5, (3, 4, 2))
    for two, five in zip(few.weights, many.weights, strict=True):
        assert torch.equal(two, five[:2]) and not torch.equal(two[0], two[1])


def test_the_residual_block_is_the_lessons():
    ours, lesson = ResidualBlock(4).double(), solution("cyclegan.ResidualBlock")(4).double()
    for one, other in zip(ours.parameters(), lesson.parameters(), strict=True):
        other.data.copy_(one)
    images = torch.randn(2, 4, 6, 5, dtype=torch.float64)
    torch.testing.assert_close(ours(images), lesson(images))
