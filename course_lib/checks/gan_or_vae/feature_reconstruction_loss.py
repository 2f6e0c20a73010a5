"""Check of `feature_reconstruction_loss`. Oracle: the density of torch.distributions, by loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal

from ..declare import Case, Exercise, Misconception
from ..observing import weights_like
from ..random_inputs import normal, uniform

BY_RECON, BY_IMAGES = "a gradient reaches recon", "no gradient reaches images"


class TinyFeatures(nn.Module):
    """Images `(B, …)` to features `(B, *shape)`, each image's of that image alone."""

    def __init__(self, weight: Tensor, shape: list[int]):
        super().__init__()
        self.weight, self.shape = nn.Parameter(weight.clone()), shape

    def forward(self, images: Tensor) -> Tensor:
        if images.ndim != 4:
            raise ValueError(f"images must be (B, C, H, W); got {tuple(images.shape)}")
        bent = (
            F.leaky_relu(images.flatten(1) @ self.weight + 0.1, 0.2)
            + images.flatten(1).sum(1, keepdim=True).square() / 20
        )
        return bent.unflatten(1, tuple(self.shape))


def image_cases(generator: torch.Generator) -> list[Case]:
    def inputs(batch: int, image: tuple, features: list[int], dtype=torch.float64) -> dict:
        size = (math.prod(image), math.prod(features))
        return {
            "weight": 0.5 * normal(generator, *size, dtype=dtype),
            "shape": features,
            "images": uniform(generator, batch, *image, dtype=dtype),
            "recon": uniform(generator, batch, *image, dtype=dtype),
        }

    steep = inputs(3, (1, 3, 2), [4, 2, 2])
    steep["weight"] = 200 * steep["weight"]
    perfect = inputs(4, (1, 2, 3), [5])
    perfect["recon"] = perfect["images"].clone()
    return [
        Case(inputs(5, (2, 3, 5), [3, 2, 4]), "feature maps (5, 3, 2, 4)"),
        Case(inputs(5, (1, 4, 3), [7]), "flat features (5, 7)"),
        Case(inputs(3, (1, 3, 4), [2, 3, 2], torch.float32), "in float32"),
        Case(inputs(1, (2, 2, 3), [2, 2, 3]), "a batch of one"),
        Case(steep, "features in the hundreds", extreme=True),
        Case(perfect, "a perfect reconstruction", extreme=True),
    ]


def call(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """The loss, and its gradients by both images."""
    features = TinyFeatures(inputs["weight"], inputs["shape"])
    images, recon = (inputs[n].clone().requires_grad_(True) for n in ("images", "recon"))
    loss = answer(features, images, recon)
    if loss is Ellipsis:
        return loss
    record = {"loss": loss, "recon": None, "images": None}
    if isinstance(loss, Tensor) and loss.requires_grad:
        total = (loss * weights_like(loss)).sum()
        grads = torch.autograd.grad(total, (recon, images), allow_unused=True)
        record["recon"], record["images"] = grads
    return record


def facts(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    found = {"value": outputs["loss"], BY_RECON: isinstance(outputs["recon"], Tensor)}
    if found[BY_RECON]:
        found["the gradient by recon"] = outputs["recon"]
    by_images = outputs["images"]
    found[BY_IMAGES] = by_images is None or not by_images.any()
    if not found[BY_IMAGES]:
        found["the gradient by images"] = by_images
    return found


def one_by_one(discriminator_features, images: Tensor, recon: Tensor) -> Tensor:
    """-log N(features of recon; features of images, 1), without its constant, image by image."""
    costs = []
    for image, made in zip(images, recon, strict=True):
        center = discriminator_features(image[None]).detach()
        law = Normal(center, torch.ones_like(center))
        surprise = law.log_prob(center) - law.log_prob(discriminator_features(made[None]))
        costs.append(surprise.sum())
    return torch.stack(costs).mean()


def loss_of(
    reduce: Callable = lambda squares: squares.flatten(1).sum(1).mean() / 2,
    apart: Callable = lambda target, made: (made - target).square(),
    real: Callable = lambda f, x: f(x).detach(),
    fake: Callable = lambda f, x: f(x),
) -> Callable:
    """The loss with its parts exposed, so that a mistake can replace one."""
    return lambda f, images, recon: reduce(apart(real(f, images), fake(f, recon)))


def raw(f: Callable, x: Tensor) -> Tensor:
    return f(x)


def cut(f: Callable, x: Tensor) -> Tensor:
    return f(x).detach()


def pixels(f: Callable, x: Tensor) -> Tensor:
    return x


def half(squares: Tensor) -> Tensor:
    return squares.flatten(1).sum(1).mean() / 2


def with_its_constant(squares: Tensor) -> Tensor:
    return half(squares) + squares[0].numel() * math.log(2 * math.pi) / 2


def of_the_difference(f, images, recon):
    return half(f(recon - images.detach()).square())


def of_the_difference_turned(f, images, recon):
    return half(f(images.detach() - recon).square())


def smooth(target: Tensor, made: Tensor) -> Tensor:
    return torch.nn.functional.smooth_l1_loss(made, target, reduction="none")


def root(squares: Tensor) -> Tensor:
    return squares.flatten(1).sum(1).sqrt().mean()


def mean_features(target: Tensor, made: Tensor) -> Tensor:
    """What one example has of the squared distance between the batch's mean features."""
    return (made.mean(0, keepdim=True) - target.mean(0, keepdim=True)).square()


def cosine(f, images, recon):
    target, made = cut(f, images).flatten(1), f(recon).flatten(1)
    return (1 - F.cosine_similarity(target, made)).mean()


def no_gradient_at_all(f, images, recon):
    with torch.no_grad():
        return loss_of()(f, images, recon)


EXERCISE = Exercise(
    name="gan_or_vae.feature_reconstruction_loss",
    signature="(discriminator_features, images, recon)",
    oracle=one_by_one,
    cases=image_cases,
    call=call,
    facts=facts,
    slow=True,
    misconceptions=(
        Misconception(
            "target_not_cut",
            loss_of(real=raw),
            "The value is right. But a gradient reaches `images` as well: their features are the "
            "target, so take them without a graph.",
            also=(loss_of(real=raw, apart=lambda t, m: (t - m) ** 2),),
        ),
        Misconception(
            "recon_cut",
            loss_of(real=raw, fake=cut),
            "The graph is cut on the wrong side: the gradient reaches `images`, which nobody can "
            "change, and not `recon`, which the decoder made. The target is what stands still.",
        ),
        Misconception(
            "all_cut",
            loss_of(fake=cut),
            "The value is right, and no gradient reaches `recon`: both features were taken without "
            "a graph, so neither the decoder nor the encoder would learn from it.",
            also=(no_gradient_at_all,),
        ),
        Misconception(
            "pixels_compared",
            loss_of(real=lambda f, x: x.detach(), fake=pixels),
            "Pixels were compared. Show both images to `discriminator_features` and compare what "
            "it makes of them.",
            also=(
                loss_of(real=pixels, fake=pixels),
                loss_of(
                    reduce=lambda s: s.mean(),
                    real=lambda f, x: x.detach(),
                    fake=pixels,
                ),
            ),
        ),
        Misconception(
            "features_of_the_difference",
            of_the_difference,
            "These are the features of the difference of the images. The network is not linear: "
            "take each image's features first, then their difference.",
            also=(of_the_difference_turned, lambda f, x, r: half(f(x - r).square())),
        ),
        Misconception(
            "batch_means_matched",
            loss_of(apart=mean_features),
            "The mean features of the two batches were compared, as in feature matching. A "
            "reconstruction answers for its own image: compare pair by pair, then average.",
            also=(loss_of(apart=mean_features, real=raw),),
        ),
        Misconception(
            "half_forgotten",
            loss_of(lambda s: s.flatten(1).sum(1).mean()),
            "The half is missing: -log of a Gaussian with variance 1 has the squared distance "
            "divided by 2.",
            also=(loss_of(lambda s: s.flatten(1).sum(1).mean(), real=raw),),
        ),
        Misconception(
            "features_averaged",
            loss_of(lambda s: s.mean() / 2),
            "The features were averaged; they are added. Each is an independent Gaussian, and the "
            "logarithm of a product is a sum. Averaged, the KL beside it would outweigh it by "
            "their number.",
            also=(
                loss_of(lambda s: s.mean()),
                loss_of(lambda s: s.mean() / 2, real=raw),
                loss_of(lambda s: s.mean(), real=raw),
            ),
        ),
        Misconception(
            "one_axis_alone",
            loss_of(lambda s: s.sum(1).mean() / 2),
            "Only one axis was added up. On feature maps (B, C, H, W) the others were then "
            "averaged: add over all axes but the first.",
            also=(
                loss_of(lambda s: s.sum(-1).mean() / 2),
                loss_of(lambda s: s.sum(1).mean()),
                loss_of(lambda s: s.sum(-1).mean()),
                loss_of(lambda s: s.sum((-2, -1)).mean() / 2),
            ),
        ),
        Misconception(
            "axes_of_maps",
            loss_of(lambda s: s.sum((1, 2, 3)).mean() / 2),
            "The axes 1, 2 and 3 are added up, and there are features that have no more than two "
            "axes, (B, D). Flatten everything behind the batch axis.",
            error="Dimension out of range",
            also=(loss_of(lambda s: s.sum((1, 2, 3)).mean()),),
        ),
        Misconception(
            "batch_added_up",
            loss_of(lambda s: s.sum() / 2),
            "The images of the batch were added up. Add over the features, average over the "
            "images.",
            also=(
                loss_of(lambda s: s.sum()),
                loss_of(lambda s: s.sum() / 2, real=raw),
            ),
        ),
        Misconception(
            "not_reduced",
            loss_of(lambda s: s.flatten(1).sum(1) / 2),
            "There is still one value for each image. Their mean is wanted, one number.",
        ),
        Misconception(
            "absolute",
            loss_of(apart=lambda t, m: (m - t).abs()),
            "Absolute differences were added. The Gaussian's logarithm has their squares.",
            also=(loss_of(lambda s: s.flatten(1).sum(1).mean(), lambda t, m: (m - t).abs()),),
        ),
        Misconception(
            "distance_not_squared",
            loss_of(root),
            "This is the distance. The Gaussian's logarithm has its square, and at distance 0 the "
            "root has no gradient.",
            also=(loss_of(lambda s: root(s) / 2),),
        ),
        Misconception(
            "log_likelihood",
            loss_of(lambda s: -half(s)),
            "The sign is turned round: this is the log-likelihood, which grows as the features "
            "come closer. A loss is minimized.",
        ),
        Misconception(
            "constant_kept",
            loss_of(with_its_constant),
            "The Gaussian's constant, half of log 2π for each feature, was added. It moves "
            "nothing; the loss is half the squared distance, and 0 for a perfect reconstruction.",
        ),
        Misconception(
            "summed_before_the_square",
            lambda f, x, r: 0.5 * (f(r) - f(x).detach()).flatten(1).sum(1).square().mean(),
            "The differences were added before they were squared, so that they cancel. Square each "
            "of them, then add.",
        ),
        Misconception(
            "halved_twice",
            loss_of(lambda squares: half(squares) / 2),
            "The result is half of what it should be: the ½ enters once.",
        ),
        Misconception(
            "smoothed",
            loss_of(lambda d: 2 * half(d), apart=smooth),
            "The square gives way to an absolute value where a difference is large (smooth L1, "
            "Huber). The Gaussian's logarithm is a square everywhere.",
            also=(loss_of(half, apart=smooth),),
        ),
        Misconception(
            "one_image_alone",
            loss_of(lambda squares: squares[0].sum() / 2),
            "Only one image of the batch counts. Average over all of them.",
            also=(loss_of(lambda squares: squares.flatten(1).sum(1).max() / 2),),
        ),
        Misconception(
            "one_sided",
            loss_of(apart=lambda target, made: (made - target).relu().square()),
            "Only features that are too large cost something. A square counts both sides.",
            also=(loss_of(apart=lambda target, made: (target - made).relu().square()),),
        ),
        Misconception(
            "divided_by_the_batch_twice",
            loss_of(lambda squares: squares.sum() / len(squares) ** 2 / 2),
            "It was divided by the number of images twice.",
        ),
        Misconception(
            "root_at_the_end",
            loss_of(lambda squares: half(squares).sqrt()),
            "A root was taken at the end. The squared distance is wanted.",
        ),
        Misconception(
            "pixels_as_well",
            lambda f, x, r: loss_of()(f, x, r) + half((r - x.detach()).square()),
            "Pixels enter beside the features. In this loss the features alone judge.",
            also=(lambda f, x, r: loss_of()(f, x, r) + half((r - x).square()),),
        ),
        Misconception(
            "cosine",
            cosine,
            "The angle between the features was measured. Their squared distance is wanted.",
        ),
        Misconception(
            "recon_twice",
            loss_of(real=lambda f, x: 0, apart=lambda t, m: m.square()),
            "The features of `recon` alone were squared. What counts is how far they are from "
            "those of `images`.",
        ),
    ),
    hints=(
        "Two calls of `discriminator_features`: one gives the target, the other what is to come "
        "close to it. Which of the two needs a graph?",
        "Square the difference, flatten everything behind the batch axis, and ask for each axis: "
        "added or averaged?",
    ),
)
