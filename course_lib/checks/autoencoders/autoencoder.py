"""Check of `Autoencoder`: any architecture will do, judged by what it does."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Misconception
from ..module_exercises import fixed_sizes, image_mistakes, module_exercise
from ..random_inputs import uniform
from ..ready import adapted
from ..wrong_modules import (
    NO_ACTIVATION,
    NOT_REGISTERED,
    REBUILT,
    SmallNetwork,
    variant,
    without_activation,
)
from .coding import (
    AT_28,
    SMALL,
    SomeAutoencoder,
    autoencoder_facts,
    coding,
    ending,
    examine_autoencoder,
    going,
    sized,
)

ARGUMENTS = "image_size, latent_dim"


class Unflattened(SomeAutoencoder):
    """Errata C9: every row of pixels gets a code of its own."""

    def __init__(self, image_size: int, latent_dim: int):
        nn.Module.__init__(self)
        self.encoder = nn.Sequential(
            nn.Linear(image_size, 24), nn.Tanh(), nn.Linear(24, latent_dim)
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, 24), nn.Tanh(), nn.Linear(24, image_size)
        )

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z).sigmoid()


class FlattenForgotten(SomeAutoencoder):
    """Layers for whole images, which get rows of pixels."""

    def __init__(self, image_size: int, latent_dim: int):
        super().__init__(image_size, latent_dim)
        self.encoder = nn.Sequential(
            nn.Linear(image_size**2, 24), nn.Tanh(), nn.Linear(24, latent_dim)
        )


class Variational(SomeAutoencoder):
    """The encoder of the next lesson."""

    def __init__(self, image_size: int, latent_dim: int):
        super().__init__(image_size, latent_dim)
        self.log_var = SmallNetwork(image_size**2, 24, latent_dim)

    def encode(self, images: Tensor) -> Any:
        return self.encoder(images), self.log_var(images)

    def forward(self, images: Tensor) -> Any:
        mean, log_var = self.encode(images)
        return self.decode(mean + 0.1 * log_var)


class Remembering(SomeAutoencoder):
    """The image goes past the code, from encode to decode."""

    def encode(self, images: Tensor) -> Tensor:
        self.skip = images
        return self.encoder(images)

    def decode(self, z: Tensor) -> Tensor:
        numbers = self.decoder(z).unflatten(1, self.skip.shape[1:])
        return (numbers + self.skip).sigmoid()


class Listed(nn.Module):
    """The layers where PyTorch does not find them."""

    def __init__(self, *sizes: int):
        super().__init__()
        self.parts = [SomeAutoencoder(*sizes)]

    def encode(self, images: Tensor) -> Tensor:
        return self.parts[0].encode(images)

    def decode(self, z: Tensor) -> Tensor:
        return self.parts[0].decode(z)

    def forward(self, images: Tensor) -> Tensor:
        return self.parts[0](images)


class Rebuilt(Listed):
    def __init__(self, *sizes: int):
        nn.Module.__init__(self)
        self.sizes = sizes

    def encode(self, images: Tensor) -> Tensor:
        return SomeAutoencoder(*self.sizes).encode(images)

    def decode(self, z: Tensor) -> Tensor:
        return SomeAutoencoder(*self.sizes).decode(z)

    def forward(self, images: Tensor) -> Tensor:
        return SomeAutoencoder(*self.sizes)(images)


class SuperForgotten(SomeAutoencoder):
    def __init__(self, image_size: int, latent_dim: int):
        self.encoder = nn.Linear(image_size**2, latent_dim)


def skip_in_forward(self, images: Tensor) -> Tensor:
    return (self.decode(self.encode(images)) + images) / 2


def only_forward(*sizes: int) -> nn.Module:
    whole = SomeAutoencoder(*sizes)
    end = nn.Unflatten(1, (1, sizes[0], sizes[0]))
    return nn.Sequential(whole.encoder, whole.decoder, nn.Sigmoid(), end)


EXERCISE = module_exercise(
    name="autoencoders.Autoencoder",
    arguments=ARGUMENTS,
    sizes=((16, 3), (SMALL, 5)),
    given=lambda g, batch, image_size, **_: {
        "images": uniform(g, batch, 1, image_size, image_size)
    },
    gives=lambda image_size, **_: {"restored": [1, image_size, image_size]},
    width=None,
    oracle=SomeAutoencoder,
    call=examine_autoencoder,
    facts=autoencoder_facts,
    misconceptions=(
        Misconception(
            "no_sigmoid",
            ending(lambda numbers: numbers),
            "The output has no bounds. Pixels lie in [0, 1]: end the decoder with a sigmoid.",
        ),
        Misconception(
            "tanh_output",
            ending(torch.tanh),
            "A tanh ends in [-1, 1], half of which no pixel of ours can have. These images lie in "
            "[0, 1].",
        ),
        Misconception(
            "rectified_output",
            ending(torch.relu),
            "The output has no upper end, and where a ReLU says 0 it learns no more. A sigmoid "
            "keeps pixels in [0, 1].",
        ),
        Misconception(
            "softmax_output",
            ending(lambda numbers: numbers.softmax(1)),
            "A softmax makes all pixels of an image share a sum of 1, so that they compete for "
            "light. Each pixel needs a sigmoid of its own.",
        ),
        Misconception(
            "rectified_code",
            coding(torch.relu),
            "An activation follows the layer that makes the code, so no number of it is negative: "
            "half of the latent space is lost, and a unit that is 0 for all images learns no more. "
            "End the encoder with its linear layer.",
        ),
        Misconception(
            "sigmoid_code",
            coding(torch.sigmoid),
            "The code is squeezed into [0, 1]. Only pixels have that range: end the encoder with "
            "its linear layer.",
        ),
        Misconception(
            "not_flattened",
            Unflattened,
            "The image was never flattened: a linear layer acts on the last axis, so every row of "
            "pixels has a code of its own, and together they are no bottleneck.",
        ),
        Misconception(
            "variational_encoder",
            Variational,
            "encode returns two tensors, as a variational encoder does. This one is deterministic: "
            "one code.",
        ),
        Misconception(
            "code_of_noise",
            coding(torch.randn_like),
            "The code is noise that knows nothing about the image, so the decoder can only learn "
            "the average image. Compute the code from the image.",
        ),
        Misconception(
            "noisy_code",
            coding(lambda code: code + torch.randn_like(code)),
            "Two calls with the same image differ, in eval mode too: something is drawn at random "
            "(noise on the code, or F.dropout without training=self.training). This autoencoder is "
            "deterministic.",
        ),
        Misconception(
            "code_cut_off",
            coding(torch.detach),
            "No gradient reaches the encoder: something cuts the code off from it (detach, "
            "no_grad, .data).",
        ),
        Misconception(
            "no_activation",
            variant(SomeAutoencoder, network=without_activation(SmallNetwork)),
            NO_ACTIVATION,
        ),
        Misconception(
            "sigmoid_in_forward_only",
            variant(
                SomeAutoencoder,
                finish=lambda self, numbers: numbers,
                forward=lambda self, images: self.decode(self.encode(images)).sigmoid(),
            ),
            "decode(encode(images)) is not what forward gives: the sigmoid stands in forward. "
            "Later we decode codes that no image had, and want pixels then, too.",
        ),
        Misconception(
            "skips_in_forward",
            going(skip_in_forward),
            "forward is not decode(encode(images)): some of the image goes past the code. A "
            "bottleneck with a way around it is none.",
        ),
        Misconception(
            "remembers_the_image",
            Remembering,
            "decode uses something that encode kept, so that it cannot decode a code alone. All "
            "that it knows of the image must pass through the code.",
        ),
        Misconception(
            "codes_twice",
            going(lambda self, images: self.decode(self.encode(self.decode(self.encode(images))))),
            "forward goes through the code twice: the restored image is encoded and decoded again.",
        ),
        Misconception(
            "pair_returned",
            going(lambda self, images: ((z := self.encode(images)), self.decode(z))),
            "forward returns the code as well. Return the restored images alone; encode gives the "
            "code to whoever wants it.",
        ),
        Misconception(
            "code_returned",
            going(lambda self, images: self.encode(images)),
            "forward stops at the code. Decode it.",
        ),
        *adapted(image_mistakes(SomeAutoencoder), leave_out=("noisy_output",)),
        Misconception(
            "fixed_image_size",
            sized(lambda image_size, latent_dim: (28, latent_dim)),
            "It works at 28 × 28 only: 784 (or 28) is written somewhere as a number. Compute it "
            "from image_size.",
            error=AT_28,
        ),
        Misconception(
            "flatten_forgotten",
            FlattenForgotten,
            "The image was never flattened: a linear layer acts on the last axis. Start with "
            "nn.Flatten().",
            error="(128x16 and ",
        ),
        *fixed_sizes(SomeAutoencoder, ARGUMENTS, latent_dim=32),
        Misconception(
            "only_forward",
            only_forward,
            "The module has forward and lacks a method. encode and decode are methods of the class "
            "itself, each callable alone.",
        ),
        Misconception(
            "super_forgotten",
            SuperForgotten,
            "A layer was assigned before nn.Module was set up: __init__ begins with "
            "super().__init__().",
            error="before Module.__init__() call",
        ),
        Misconception(
            "forward_missing",
            variant(SomeAutoencoder, forward=nn.Module.forward),
            "The class has no method forward: is it named so, and indented like encode and decode? "
            "It is decode behind encode.",
            error='missing the required "forward" function',
        ),
        Misconception(
            "nothing_returned",
            going(lambda self, images: None),
            "forward returns None: a `return` is missing.",
        ),
        Misconception(
            "batch_mixed",
            ending(lambda n: (n - n.min()) / (n.max() - n.min())),
            "What comes of an image depends on the others of its batch: somewhere a mean, a "
            "spread, a smallest or a largest number of the batch is used (stretching to [0, 1] "
            "does that). Treat each image by itself.",
            also=(coding(lambda code: code - code.mean(0)),),
        ),
        Misconception("plain_list", Listed, NOT_REGISTERED),
        Misconception("layers_in_forward", Rebuilt, REBUILT),
    ),
    hints=(
        "Two networks in a row with a narrow place between them. Which sizes do the layers have, "
        "from an image to a code and back?",
        "encode: flatten, linear, activation, linear to latent_dim, and nothing after it. decode: "
        "linear, activation, linear to image_size² numbers, sigmoid, shape of images.",
        "Make both as nn.Sequential in __init__. nn.Flatten() and nn.Unflatten(1, (1, n, n)) do "
        "the reshaping; forward calls the two methods one after the other.",
    ),
)
