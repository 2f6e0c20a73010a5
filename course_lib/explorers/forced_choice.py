"""A blind test that the reader sits: of two pictures, one real and one made, which is real?"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field

import ipywidgets
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from course_lib.environment import is_static
from course_lib.metrics.intervals import wilson_interval
from course_lib.plotting import show

Score = Callable[[int, int, float], tuple]  # correct, total, confidence to (rate, low, high)
SHOWN_PIXELS = 168


@dataclass
class Sitting:
    """One sitting: pairs in a drawn order, and what was answered.

    `real_left[i]` says on which side of pair i the real image stands. An answer is "the left one
    is real" or not.
    """

    real: Tensor
    fake: Tensor
    real_left: list[bool]
    answers: list[bool] = field(default_factory=list)

    @property
    def total(self) -> int:
        return len(self.real_left)

    @property
    def done(self) -> bool:
        return len(self.answers) == self.total

    @property
    def correct(self) -> int:
        return sum(a == b for a, b in zip(self.answers, self.real_left, strict=False))

    def pair(self, number: int) -> tuple[Tensor, Tensor]:
        """The left and the right image of a pair, each `(C, H, W)` in [0, 1]."""
        both = self.real[number], self.fake[number]
        return both if self.real_left[number] else both[::-1]


def new_sitting(
    real: Tensor, fake: Tensor, pairs: int, seed: int, value_range: tuple[float, float]
) -> Sitting:
    """Draw pairs without repetition, and for each on which side the real image stands."""
    for name, images in (("real", real), ("fake", fake)):
        if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) < pairs:
            raise ValueError(
                f"{name} must be at least {pairs} images (B, C, H, W), C = 1 or 3; "
                f"got {tuple(images.shape)}"
            )
    low, high = value_range
    generator = torch.Generator().manual_seed(seed)
    drawn = []
    for images in (real, fake):
        chosen = images[torch.randperm(len(images), generator=generator)[:pairs].to(images.device)]
        unit = (chosen.detach().cpu().float() - low) / (high - low)
        if not (unit.min() >= -1e-3 and unit.max() <= 1 + 1e-3):
            raise ValueError(
                f"images must lie in [{low:g}, {high:g}]; got values from "
                f"{chosen.min().item():.4g} to {chosen.max().item():.4g}"
            )
        drawn.append(unit.clamp(0, 1))
    left = torch.rand(pairs, generator=generator) < 0.5
    return Sitting(drawn[0], drawn[1], left.tolist())


def forced_choice_explorer(
    real: Tensor,
    fake: Tensor,
    pairs: int = 20,
    seed: int = 0,
    confidence: float = 0.95,
    score: Score | None = None,
    value_range: tuple[float, float] = (-1, 1),
) -> ipywidgets.VBox | None:
    """Sit a blind test: in each of `pairs` pairs, click on the image that you think is real.

    `real` and `fake` are images `(B, C, H, W)` in `value_range`, of which pairs are drawn; `seed`
    decides them and the sides, and «once more» draws others. At the end `score` gives the rate of
    correct answers with its interval: Wilson's, unless you hand it your own.

    Raises ValueError for too few images, another shape or another range.

    >>> forced_choice_explorer(torch.rand(20, 1, 9, 9), torch.rand(30, 1, 9, 9))
    """
    score = score or _wilson
    sitting = new_sitting(real, fake, pairs, seed, value_range)
    if is_static():
        show(_static_figure(sitting, confidence, score))
        return None

    pictures = [ipywidgets.Image(format="png", width=SHOWN_PIXELS) for _ in range(2)]
    buttons = [ipywidgets.Button(description=f"The {side} is real") for side in ("left", "right")]
    again = ipywidgets.Button(description="Once more, other pairs")
    told = ipywidgets.HTML()
    state = {"sitting": sitting, "seed": seed}

    def redraw() -> None:
        now: Sitting = state["sitting"]
        for button in buttons:
            button.disabled = now.done
        again.layout.display = None if now.done else "none"
        if now.done:
            told.value = _in_words(now, confidence, score)
            return
        told.value = f"Pair <b>{len(now.answers) + 1}</b> of {now.total}"
        for picture, image in zip(pictures, now.pair(len(now.answers)), strict=True):
            picture.value = _png(image)

    def choose(left: bool) -> Callable:
        def answer(_button: object) -> None:
            state["sitting"].answers.append(left)
            redraw()

        return answer

    def restart(_button: object) -> None:
        state["seed"] += 1
        state["sitting"] = new_sitting(real, fake, pairs, state["seed"], value_range)
        redraw()

    for button, left in zip(buttons, (True, False), strict=True):
        button.on_click(choose(left))
    again.on_click(restart)
    redraw()
    sides = [
        ipywidgets.VBox([picture, button])
        for picture, button in zip(pictures, buttons, strict=True)
    ]
    explorer = ipywidgets.VBox([ipywidgets.HBox(sides), told, again])
    return explorer.add_class("forced-choice")


def _wilson(correct: int, total: int, confidence: float) -> tuple[float, float, float]:
    return (correct / total, *wilson_interval(correct, total, confidence))


def _in_words(sitting: Sitting, confidence: float, score: Score) -> str:
    try:
        scored = score(sitting.correct, sitting.total, confidence)
    except NotImplementedError:  # the exercise is still to be written
        told = "The interval comes with the next sitting once its function is written."
        return f"<b>{sitting.correct} of {sitting.total}</b> correct. {told}"
    rate, low, high = (float(part) for part in scored)
    if low > 0.5:
        meaning = "Better than chance: you can tell them apart."
    elif high < 0.5:
        meaning = "Worse than chance: you take the made ones for real."
    else:
        meaning = "The interval holds 1/2: this sitting does not show that you can tell them apart."
    return (
        f"<b>{sitting.correct} of {sitting.total}</b> correct, rate {rate:.2f}, "
        f"{confidence:.0%} interval <b>{low:.2f}</b> to <b>{high:.2f}</b>. {meaning}"
    )


def _png(image: Tensor) -> bytes:
    """An image `(C, H, W)` in [0, 1], each pixel as a block, as a PNG file's bytes."""
    pixels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).squeeze(-1).numpy()
    factor = max(1, 2 * SHOWN_PIXELS // pixels.shape[1])  # two for one, for dense screens
    file = io.BytesIO()
    Image.fromarray(pixels.repeat(factor, axis=0).repeat(factor, axis=1)).save(file, format="png")
    return file.getvalue()


def _static_figure(sitting: Sitting, confidence: float, score: Score, shown: int = 6) -> Figure:
    """Some pairs as they would stand, and the interval of every possible result."""
    shown = min(shown, sitting.total)
    figure = Figure(figsize=(8.4, 3.0))
    left_side, right_side = figure.subfigures(1, 2, width_ratios=(5, 4))
    grid = left_side.subplots(2, shown, squeeze=False)
    for number, column in enumerate(grid.T):
        for axes, image, real in zip(
            column,
            sitting.pair(number),
            (sitting.real_left[number], not sitting.real_left[number]),
            strict=True,
        ):
            axes.imshow(image.permute(1, 2, 0).squeeze(-1).numpy(), vmin=0, vmax=1)
            axes.set_xlabel("real" if real else "made", fontsize=8)
            axes.set(xticks=[], yticks=[])
            axes.grid(False)
        column[0].set_title(f"{number + 1}", fontsize=9)
    left_side.suptitle("pairs of the blind test, and the answers")
    axes = right_side.subplots()
    counts = np.arange(sitting.total + 1)
    rates, lows, highs = np.array(
        [[float(part) for part in score(int(n), sitting.total, confidence)] for n in counts]
    ).T
    axes.vlines(counts, lows, highs, color="C0", linewidth=3, alpha=0.6)
    axes.plot(counts, rates, "o", color="C1", markersize=3)
    axes.axhline(0.5, linestyle="--", color="gray", linewidth=1)
    axes.set(
        title=f"{confidence:.0%} interval of each result",
        xlabel=f"correct answers of {sitting.total}",
        ylabel="chance of a correct answer",
        ylim=(-0.02, 1.02),
    )
    return figure
