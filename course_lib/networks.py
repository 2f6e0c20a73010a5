"""Networks that surround the lessons: what several of them need and none of them teaches."""

from torch import Tensor, nn


class DigitClassifier(nn.Module):
    """A small convolutional classifier for images `(B, 1, 28, 28)`: logits `(B, 10)`.

    Two 5×5 convolutions of stride 2 (28 to 14 to 7 pixels), a layer of `feature_dim` features, and
    a linear readout: 0.11 million weights. Any value range will do, as long as it is judged on the
    range that it was trained on. Lesson 09 trains it and counts digits with it; `features` are what
    a Fréchet distance compares.

    Raises ValueError for images of another shape.

    >>> import torch
    >>> classifier = DigitClassifier()
    >>> images = torch.rand(5, 1, 28, 28)
    >>> classifier(images).shape, classifier.features(images).shape
    (torch.Size([5, 10]), torch.Size([5, 64]))
    """

    def __init__(self, width: int = 16, feature_dim: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, width, kernel_size=5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, kernel_size=5, stride=2, padding=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * width * 7 * 7, feature_dim),
            nn.ReLU(),
        )
        self.readout = nn.Linear(feature_dim, 10)

    def features(self, images: Tensor) -> Tensor:
        """The activations below the readout, `(B, feature_dim)`, none of them negative."""
        if images.shape[1:] != (1, 28, 28):
            raise ValueError(f"images must be (B, 1, 28, 28); got {tuple(images.shape)}")
        return self.body(images)

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(B, 10)` of the digits 0 to 9."""
        return self.readout(self.features(images))
