"""Check of `memorization_rate`. Oracle: one distance at a time, in Python's floats."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..evaluation.numbers import call_for, number_facts
from ..random_inputs import normal, uniform


def audit_cases(generator: torch.Generator) -> list[Case]:
    """The place of the threshold among the sorted distances, quantile * (M - 1), is whole."""

    def inputs(count: int, near: int, tests: int, quantile: float, *shape: int) -> dict:
        train = 0.5 + 0.2 * normal(generator, 17, *shape)
        test = 0.5 + 0.25 * normal(generator, tests, *shape)
        copied = torch.randint(len(train), (near,), generator=generator)
        how_near = 0.1 * uniform(generator, near, *[1] * len(shape))
        close = train[copied] + how_near * normal(generator, near, *shape)
        fresh = 0.5 + 0.22 * normal(generator, count - near, *shape)
        samples = torch.cat([close, fresh])[torch.randperm(count, generator=generator)]
        return {"samples": samples, "train": train, "test": test, "quantile": quantile}

    train = 0.5 + 0.2 * normal(generator, 11, 1, 4, 3)
    copies = {
        "samples": train[[3, 0, 3, 7, 5]],
        "train": train,
        "test": 0.5 + 0.2 * normal(generator, 21, 1, 4, 3),
        "quantile": 0.05,
    }
    far = copies | {"samples": train[:6] + 5.0}
    return [
        Case(inputs(150, 90, 21, 0.25, 1, 4, 3), "gray images, quantile 0.25"),
        Case(inputs(160, 70, 41, 0.1, 3, 3, 2), "color images, quantile 0.1"),
        Case(inputs(150, 90, 61, 0.05, 1, 5, 4), "gray images, quantile 0.05"),
        Case(copies, "five copies of training images"),
        Case(far, "samples far from everything"),
        Case(on_the_threshold(), "two of nine samples exactly at the threshold", extreme=True),
    ]


def on_the_threshold() -> dict:
    """Binary fractions, whose distances are exact; two of them are the threshold, 3.

    Below 3 some lie that tell thresholds a little below 3 from each other.
    """
    line = torch.tensor([0.0, 40.0, 80.0, 120.0])
    train = line[:, None, None, None].expand(-1, 1, 2, 2)

    def beside(*steps: float) -> Tensor:
        images = train[torch.arange(len(steps)) % 4].clone()
        images[:, 0, 1, 0] += torch.tensor(steps)
        return images

    test = beside(5.0, 3.0, 7.0, 2.0, 9.0, 1.0, 11.0, 13.0, 15.0)
    return {
        "samples": beside(3.0, 1.875, 4.0, 3.0, 1.0078125, 2.25, 2.625, 2.875, 1.5),
        "train": train.clone(),
        "test": test,
        "quantile": 0.25,
    }


def by_loops(samples: Tensor, train: Tensor, test: Tensor, quantile: float) -> float:
    references = [image.flatten().tolist() for image in train.double()]

    def nearest(image: Tensor) -> float:
        own = image.double().flatten().tolist()
        return min(
            sum((a - b) ** 2 for a, b in zip(own, other, strict=True)) for other in references
        )

    ranked = sorted(nearest(image) for image in test)
    threshold = ranked[round(quantile * (len(ranked) - 1))]
    return sum(nearest(image) < threshold for image in samples) / len(samples)


def between(x: Tensor, y: Tensor, p: float = 2.0) -> Tensor:
    way = "donot_use_mm_for_euclid_dist"
    return torch.cdist(x.flatten(1), y.flatten(1), p, compute_mode=way)


def nearest(x: Tensor, y: Tensor) -> Tensor:
    return between(x, y).min(dim=1).values


def share(below: Tensor) -> Tensor:
    return below.double().mean()


def rate_by(distance: Callable = nearest, level: Callable = lambda q: q) -> Callable:
    """The rate with another distance `(x, train) -> (N,)` or at another quantile."""

    def answer(samples, train, test, quantile):
        threshold = distance(test, train).quantile(level(quantile))
        return share(distance(samples, train) < threshold)

    return answer


def threshold_by(threshold: Callable) -> Callable:
    return lambda s, train, test, q: share(nearest(s, train) < threshold(s, train, test, q))


def among_themselves(images: Tensor) -> Tensor:
    return between(images, images).fill_diagonal_(torch.inf).min(dim=1).values


def changed(change: Callable) -> Callable:
    return lambda *given: change(rate_by()(*given))


def to_test_images(samples, train, test, quantile):
    threshold = nearest(test, train).quantile(quantile)
    return share(nearest(samples, test) < threshold)


def roles_exchanged(samples, train, test, quantile):
    threshold = nearest(train, test).quantile(quantile)
    return share(nearest(samples, test) < threshold)


def of_each_training_image(samples, train, test, quantile):
    threshold = between(test, train).min(dim=0).values.quantile(quantile)
    return share(between(samples, train).min(dim=0).values < threshold)


def training_images_reached(samples, train, test, quantile):
    threshold = nearest(test, train).quantile(quantile)
    return share(between(samples, train).min(dim=0).values < threshold)


def all_pairs(samples, train, test, quantile):
    threshold = between(test, train).quantile(quantile)
    return share(between(samples, train) < threshold)


def pairs_below(samples, train, test, quantile):
    return share(between(samples, train) < nearest(test, train).quantile(quantile))


def the_mask(samples, train, test, quantile):
    return nearest(samples, train) < nearest(test, train).quantile(quantile)


def nearest_in_place(x: Tensor, y: Tensor) -> Tensor:
    return between(x, y).argmin(dim=1).float()


def second_nearest(x: Tensor, y: Tensor) -> Tensor:
    return between(x, y).topk(2, largest=False).values[:, 1]


def standardized(x: Tensor) -> Tensor:
    x = x.flatten(1)
    return (x - x.mean(dim=1, keepdim=True)) / x.std(dim=1, keepdim=True)


def root_of_one(samples, train, test, quantile):
    return share(nearest(samples, train) < nearest(test, train).square().quantile(quantile))


def root_of_other(samples, train, test, quantile):
    return share(nearest(samples, train).square() < nearest(test, train).quantile(quantile))


def test_among_the_references(samples, train, test, quantile):
    threshold = nearest(test, train).quantile(quantile)
    return share(nearest(samples, torch.cat([train, test])) < threshold)


def value_and_place(samples, train, test, quantile):
    threshold = between(test, train).min(dim=1).quantile(quantile)
    return share(between(samples, train).min(dim=1) < threshold)


def mean_of_truths(samples, train, test, quantile):
    return (nearest(samples, train) < nearest(test, train).quantile(quantile)).mean()


def one_long_row(samples, train, test, quantile):
    return torch.cdist(samples.flatten(), train.flatten())


def sample_with_test_image(samples, train, test, quantile):
    return share(nearest(samples, train) < nearest(test, train))


def unflattened(samples, train, test, quantile):
    threshold = torch.cdist(test, train).amin(dim=(1, 2, 3)).quantile(quantile)
    return share(torch.cdist(samples, train).amin(dim=(1, 2, 3)) < threshold)


def pair_by_pair(samples, train, test, quantile):
    threshold = (test - train).flatten(1).norm(dim=1).quantile(quantile)
    return share((samples - train).flatten(1).norm(dim=1) < threshold)


def angles(x: Tensor, y: Tensor) -> Tensor:
    one, other = (torch.nn.functional.normalize(v.flatten(1), dim=1) for v in (x, y))
    return (1 - one @ other.T).min(dim=1).values


EXERCISE = Exercise(
    name="responsible.memorization_rate",
    signature="(samples, train, test, quantile)",
    oracle=by_loops,
    cases=audit_cases,
    call=call_for("value"),
    facts=number_facts,
    misconceptions=(
        Misconception(
            "edge_counted",
            lambda s, train, test, q: share(nearest(s, train) <= nearest(test, train).quantile(q)),
            "A sample exactly at the threshold was counted. Only those strictly below it are.",
        ),
        Misconception(
            "samples_set_the_threshold",
            threshold_by(lambda s, train, test, q: nearest(s, train).quantile(q)),
            "The threshold is a quantile of the samples' own distances, so that about the same "
            "share lies below it whatever the model did. Images that nobody trained on set it.",
        ),
        Misconception(
            "test_images_asked",
            lambda s, train, test, q: share(
                nearest(test, train) < nearest(test, train).quantile(q)
            ),
            "This is the share of the test images below their own quantile. The samples are to be "
            "asked.",
        ),
        Misconception(
            "distance_to_test",
            to_test_images,
            "The samples were compared with the test images. What may have been memorized are the "
            "training images.",
            also=(roles_exchanged,),
        ),
        Misconception(
            "training_images_among_themselves",
            threshold_by(lambda s, train, test, q: among_themselves(train).quantile(q)),
            "The threshold comes from distances between training images. It comes from the test "
            "images: how near does an image come to the training set that took no part in it?",
        ),
        Misconception(
            "test_images_among_themselves",
            threshold_by(lambda s, train, test, q: among_themselves(test).quantile(q)),
            "The threshold comes from distances between test images. Measure those from each test "
            "image to the training set, as for the samples.",
        ),
        Misconception(
            "threshold_from_samples_to_test",
            threshold_by(lambda s, train, test, q: nearest(test, s).quantile(q)),
            "The threshold comes from distances between test images and samples, so the model "
            "moves its own threshold. Measure from each test image to the training set.",
            also=(threshold_by(lambda s, train, test, q: nearest(s, test).quantile(q)),),
        ),
        Misconception(
            "training_images_in_the_threshold",
            threshold_by(
                lambda s, train, test, q: nearest(torch.cat([train, test]), train).quantile(q)
            ),
            "Training images take part in the threshold, and they lie at distance 0. Only images "
            "that nobody trained on may set it.",
            also=(threshold_by(lambda s, train, test, q: nearest(train, train).quantile(q)),),
        ),
        Misconception(
            "threshold_of_each_training_image",
            threshold_by(lambda s, train, test, q: nearest(train, test).quantile(q)),
            "The threshold is made of each training image's distance to the nearest test image: "
            "the other axis of the table. Each *test* image has its nearest training image.",
        ),
        Misconception(
            "samples_in_the_threshold",
            threshold_by(
                lambda s, train, test, q: nearest(torch.cat([s, test]), train).quantile(q)
            ),
            "The samples take part in the threshold, which then moves with the model. The test "
            "images alone set it.",
        ),
        Misconception(
            "test_among_the_references",
            test_among_the_references,
            "The samples were compared with training and test images together. What may have been "
            "memorized are the training images.",
        ),
        Misconception(
            "quantile_unused",
            threshold_by(lambda s, train, test, q: nearest(test, train).mean()),
            "The threshold does not depend on `quantile`: it is the mean or the median of the test "
            "images' distances.",
            also=(threshold_by(lambda s, train, test, q: nearest(test, train).median()),),
        ),
        Misconception(
            "quantile_fixed",
            rate_by(level=lambda q: 0.05),
            "The threshold is always the 0.05-quantile. `quantile` says which one is wanted.",
        ),
        Misconception(
            "smallest_of_all",
            threshold_by(lambda s, train, test, q: between(test, train).min()),
            "The threshold is the smallest distance of all, of one pair. Each test image has a "
            "nearest training image; of these distances take the quantile.",
        ),
        Misconception(
            "one_place_too_low",
            threshold_by(
                lambda s, train, test, q: (
                    nearest(test, train).kthvalue(max(1, int(q * len(test)))).values
                )
            ),
            "The threshold stands one place too low among the sorted distances. torch.quantile "
            "counts their places from 0 to M - 1, kthvalue from 1 to M.",
        ),
        Misconception(
            "percentile",
            rate_by(level=lambda q: q / 100),
            "`quantile` was taken for a percentage, as np.percentile takes it. It is a share: "
            "0.05 of the test images lie below.",
        ),
        Misconception(
            "other_tail",
            rate_by(level=lambda q: 1 - q),
            "The threshold is the 1 - quantile of the test images' distances: nearly every image "
            "lies below it. Being memorized is being unusually near.",
            also=(rate_by(level=lambda q: 1 - q / 2),),
        ),
        Misconception(
            "half_the_quantile",
            rate_by(level=lambda q: q / 2),
            "The quantile was halved. There is one tail here, that of small distances, and all of "
            "it is given.",
        ),
        Misconception(
            "quantile_as_distance",
            threshold_by(lambda s, train, test, q: q),
            "The threshold is no quantile: it is the number `quantile` itself, or that part of a "
            "distance. It is the distance below which this share of the test images lies, found by "
            "sorting theirs.",
            also=(
                threshold_by(lambda s, train, test, q: q * nearest(test, train).mean()),
                threshold_by(lambda s, train, test, q: q * nearest(test, train).max()),
                threshold_by(lambda s, train, test, q: q * nearest(test, train).median()),
                threshold_by(lambda s, train, test, q: q * nearest(test, train).min()),
            ),
        ),
        Misconception(
            "mean_distance",
            rate_by(lambda x, y: between(x, y).mean(dim=1)),
            "The distances to all training images were averaged. A copy is near to one of them and "
            "far from the others: take the nearest.",
        ),
        Misconception(
            "second_nearest",
            rate_by(second_nearest),
            "The second nearest training image was taken. That is for images that are in the set "
            "themselves; samples and test images are not.",
        ),
        Misconception(
            "place_for_distance",
            rate_by(nearest_in_place),
            "argmin says which training image is the nearest, by its number. How near it is was "
            "asked.",
        ),
        Misconception(
            "root_of_one_side",
            root_of_one,
            "Distances were compared with squared distances: there is a root on one side only.",
            also=(root_of_other,),
        ),
        Misconception(
            "standardized",
            rate_by(lambda x, y: torch.cdist(standardized(x), standardized(y)).min(1).values),
            "Each image's own mean and spread were taken out first, so that brightness and "
            "contrast count no more. The distance is that of the images as they are.",
            also=(
                rate_by(
                    lambda x, y: (
                        torch.cdist(
                            x.flatten(1) - x.flatten(1).mean(1, keepdim=True),
                            y.flatten(1) - y.flatten(1).mean(1, keepdim=True),
                        )
                        .min(1)
                        .values
                    )
                ),
            ),
        ),
        Misconception(
            "farthest",
            rate_by(lambda x, y: between(x, y).max(dim=1).values),
            "The farthest training image was taken. The nearest one tells of a copy.",
        ),
        Misconception(
            "distance_to_the_mean_image",
            rate_by(lambda x, y: between(x, y.mean(dim=0, keepdim=True))[:, 0]),
            "The distance is to the mean of the training images. Each of them by itself may have "
            "been copied.",
        ),
        Misconception(
            "of_each_training_image",
            of_each_training_image,
            "The smallest distance was taken for each training image, over the samples. Take it "
            "for each sample, over the training images: the other axis.",
            also=(training_images_reached,),
        ),
        Misconception(
            "all_pairs",
            all_pairs,
            "All pairs of images were compared. Take the nearest training image of each image "
            "first, for the test images and for the samples.",
            also=(pairs_below,),
        ),
        Misconception(
            "nearer_to_train_than_to_test",
            lambda s, train, test, q: share(nearest(s, train) < nearest(s, test)),
            "Each sample's distance to the training set was compared with its own distance to the "
            "test set. That is another audit, of the section behind; this one has a threshold for "
            "all.",
        ),
        Misconception(
            "above",
            changed(lambda rate: 1 - rate),
            "This is the share that is not below the threshold.",
        ),
        Misconception(
            "percent",
            changed(lambda rate: 100 * rate),
            "This is in percent. Return a share between 0 and 1.",
        ),
        Misconception(
            "counted",
            lambda s, *others: rate_by()(s, *others) * len(s),
            "These are counts. Divide by the number of samples.",
        ),
        Misconception(
            "of_the_test_images_number",
            lambda s, train, test, q: rate_by()(s, train, test, q) * len(s) / len(test),
            "The count was divided by the number of test images. It is a share of the samples.",
            also=(lambda s, train, test, q: rate_by()(s, train, test, q) * len(s) / len(train),),
        ),
        Misconception(
            "chance_subtracted",
            lambda s, train, test, q: rate_by()(s, train, test, q) - q,
            "The quantile was subtracted. Return the share itself: fresh images score about "
            "`quantile`.",
            also=(lambda s, train, test, q: rate_by()(s, train, test, q) / q,),
        ),
        Misconception(
            "rounded",
            changed(lambda rate: round(float(rate), 1)),
            "The share was rounded. Return it as it is.",
        ),
        Misconception(
            "city_blocks",
            rate_by(lambda x, y: between(x, y, 1.0).min(dim=1).values),
            "The distances are sums of absolute differences. Euclidean distances are wanted.",
        ),
        Misconception(
            "largest_difference",
            rate_by(lambda x, y: between(x, y, torch.inf).min(dim=1).values),
            "The distance is the largest difference of two pixels. Euclidean distances are wanted.",
        ),
        Misconception(
            "angles",
            rate_by(angles),
            "The images were compared by the angle between them (cosine), which does not see a "
            "change of brightness. Euclidean distances are wanted.",
        ),
        Misconception(
            "one_value_a_sample",
            the_mask,
            "There is one value for each sample. The rate is their mean.",
        ),
        Misconception(
            "sample_with_test_image",
            sample_with_test_image,
            "Sample i met test image i, and there are not equally many. From the test images' "
            "distances comes one number, the threshold, and every sample is compared with it.",
            error="The size of tensor a",
        ),
        Misconception(
            "values_and_places",
            value_and_place,
            "min and sort along an axis return two things, the values and their places. The "
            "distances are the values.",
            error="'torch.return_types.",
        ),
        Misconception(
            "mean_of_truths",
            mean_of_truths,
            "True and False have no mean in torch. Make numbers of them first.",
            error="mean(): could not infer output dtype",
        ),
        Misconception(
            "one_long_row",
            one_long_row,
            "All images of a set became one long row. The first axis counts images and stays: "
            "flatten from axis 1 on.",
            error="cdist only supports at least 2D",
        ),
        Misconception(
            "image_with_image",
            unflattened,
            "Image i met image i of the other set, and there are not equally many. A subtraction "
            "pairs them so, and torch.cdist does where images keep their four axes: flatten each "
            "image, then compare every one with every training image.",
            error="The size of tensor a",
            also=(pair_by_pair,),
        ),
    ),
    hints=(
        "One function that gives each image's distance to its nearest training image serves twice.",
        "torch.cdist of flat images is a table, a row for each image and a column for each "
        "training image. Along which axis does one look for the nearest?",
        "The threshold is made of the test images' distances alone; the samples are then compared "
        "with it, by <.",
    ),
    coincident=True,
    rtol=1e-6,
    atol=1e-8,
)
