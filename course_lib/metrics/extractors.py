"""Small classifiers, trained once and shipped: the yardstick that all lessons measure with.

A Fréchet distance is a distance between *features*, so two numbers can be compared only if one
network gave the features of both. These networks are that one: a file a data set, in
`data/features/`, made by `python -m benchmarks.features`. Lesson 12 trains its own beside them and
shows how far the numbers depend on it.
"""

import json
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from course_lib.data.files import FEATURE_FILES, FEATURE_RECORD, malformed, read_verified
from course_lib.data.sets import FASHION_CLASSES

# The groups of Unicode's emoji list (without «Component», which are parts of other emoji).
EMOJI_CLASSES = (
    "Activities",
    "Animals & Nature",
    "Flags",
    "Food & Drink",
    "Objects",
    "People & Body",
    "Smileys & Emotion",
    "Symbols",
    "Travel & Places",
)
CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": FASHION_CLASSES,
    "emoji": EMOJI_CLASSES,
}
SHAPES = {"mnist": (1, 28, 28), "fashion_mnist": (1, 28, 28), "emoji": (3, 64, 64)}


class Seen(NamedTuple):
    """What a network sees in images: `features` `(B, D)` and `probabilities` `(B, classes)`."""

    features: Tensor
    probabilities: Tensor


class FeatureNetwork(nn.Module):
    """A small convolutional classifier whose last hidden layer is the feature vector, D = 64.

    Convolutions of stride 2 with batch normalisation bring the image down to 7×7 or 8×8; one more
    keeps that size, a linear layer with ReLU gives 64 features, another the logits. `value_range`
    is what black and white are in the images that it will be given; inside, they are -1 and 1.

    Emoji come in 64×64 or in 32×32; the latter are doubled, each pixel to 2×2.

    >>> network = FeatureNetwork("mnist", value_range=(0, 1)).eval()
    >>> seen = network(torch.rand(5, 1, 28, 28))
    >>> seen.features.shape, seen.probabilities.shape
    (torch.Size([5, 64]), torch.Size([5, 10]))
    >>> network.classes[seen.probabilities.argmax(dim=1)[0]] in "0123456789"
    True
    """

    def __init__(
        self,
        name: str,
        value_range: tuple[float, float] = (-1.0, 1.0),
        width: int = 32,
        feature_dim: int = 64,
    ) -> None:
        super().__init__()
        if name not in CLASSES:
            raise ValueError(f"name must be one of {', '.join(CLASSES)}; got {name!r}")
        self.name, self.classes, self.shape = name, CLASSES[name], SHAPES[name]
        self.low, self.high = map(float, value_range)
        if not self.low < self.high:
            raise ValueError(f"value_range must be a pair low < high; got {value_range!r}")
        channels, size, _ = self.shape
        layers: list[nn.Module] = []
        while size > 8:
            layers += _block(channels, width, 5 if not layers else 3, stride=2)
            channels, width, size = width, min(2 * width, 64), size // 2
        layers += _block(channels, channels, 3, stride=1)
        self.body = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(channels * size**2, feature_dim), nn.ReLU()
        )
        self.dropout = nn.Dropout(0.3)
        self.readout = nn.Linear(feature_dim, len(self.classes))

    def features(self, images: Tensor) -> Tensor:
        """The activations below the readout, `(B, 64)`, none of them negative."""
        return self.body(self._standard(images))

    def logits(self, images: Tensor) -> Tensor:
        """Logits `(B, classes)`, differentiable: for training, and for what asks for gradients."""
        return self.readout(self.dropout(self.features(images)))

    @torch.no_grad()
    def forward(self, images: Tensor, chunk: int = 500) -> Seen:
        """Features and probabilities of any number of images, `chunk` at a time, without a graph.

        Images are taken to the network's device; the results stay there. Raises ValueError for
        another shape, and for values outside `value_range` or not numbers.
        """
        self._require(images)
        parts = []
        for part in images.split(chunk):
            features = self.features(part.to(self.readout.weight.device, torch.float32))
            parts.append((features, self.readout(features).softmax(dim=1)))
        features, probabilities = zip(*parts, strict=True)
        return Seen(torch.cat(features), torch.cat(probabilities))

    def _standard(self, images: Tensor) -> Tensor:
        """From `value_range` to [-1, 1], and 32×32 emoji to 64×64."""
        if images.shape[-1] * 2 == self.shape[-1]:
            images = F.interpolate(images, scale_factor=2, mode="nearest")
        if (self.low, self.high) == (-1, 1):
            return images
        return (images - self.low) * (2 / (self.high - self.low)) - 1

    def _require(self, images: Tensor) -> None:
        channels, size, _ = self.shape
        allowed = {self.shape} | ({(3, 32, 32)} if self.name == "emoji" else set())
        if images.ndim != 4 or tuple(images.shape[1:]) not in allowed or not len(images):
            raise ValueError(
                f"images must be (B, {channels}, {size}, {size})"
                f"{' or (B, 3, 32, 32)' if self.name == 'emoji' else ''} with at least one image; "
                f"got {tuple(images.shape)}"
            )
        low, high = images.min().item(), images.max().item()
        slack = 1e-4 * (self.high - self.low)  # of rounding; a wrong range is off by far more
        if not (self.low - slack <= low and high <= self.high + slack):
            raise ValueError(
                f"this network was asked for images in [{self.low:g}, {self.high:g}]; got values "
                f"from {low:.4g} to {high:.4g}. Give features(…, value_range=…) their range."
            )


def features(
    name: str,
    value_range: tuple[float, float] = (-1.0, 1.0),
    device: torch.device | str = "cpu",
) -> FeatureNetwork:
    """The shipped feature network of a data set: "mnist", "fashion_mnist" or "emoji".

    What comes back is called with images in `value_range`, (-1, 1) unless said otherwise, and gives
    their features `(B, 64)` and class probabilities `(B, classes)`; it is in eval mode, its weights
    take no gradient, and every call of this function makes a new one. `classes` names the classes.

    Raises ValueError for another name, DataError for a missing or damaged file.

    >>> from course_lib.data import load_mnist
    >>> images, labels = load_mnist("test", value_range=(-1, 1))
    >>> seen = features("mnist")(images[:200])
    >>> seen.features.shape, (seen.probabilities.argmax(dim=1) == labels[:200]).float().mean() > 0.9
    (torch.Size([200, 64]), tensor(True))
    """
    network = FeatureNetwork(name, value_range)
    file = FEATURE_FILES[name]
    raw, _ = read_verified(file)
    try:
        network.load_state_dict(load(raw))
    except (SafetensorError, RuntimeError) as error:
        raise malformed(file, "the weights of FeatureNetwork", str(error)) from error
    return network.to(device).eval().requires_grad_(False)


def record(name: str) -> dict:
    """What `python -m benchmarks.features` wrote down of a shipped network.

    `accuracy` is that on the test images (of emoji, both styles), of the weights as shipped;
    `smoke_accuracy` what the script reaches with its smallest budget.

    >>> sorted(record("mnist"))[:3]
    ['accuracy', 'epochs', 'parameters']
    """
    return json.loads(read_verified(FEATURE_RECORD)[0])[name]


def _block(inputs: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
