"""A watermark under the mouse: how strong it is, what happened to the file, and who finds it."""

from collections.abc import Callable, Mapping

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.environment import is_static
from course_lib.plotting import WHITE_BOX, show, to_png

Embed = Callable[[Tensor, int, float], Tensor]
Detect = Callable[[Tensor, int], Tensor]
Attack = Callable[[Tensor, float], Tensor]
THRESHOLD = 4.0


def watermark_explorer(
    images: Tensor,
    embed: Embed,
    detect: Detect,
    attacks: Mapping[str, tuple[Attack, tuple[float, ...]]],
    key: int = 7,
    strength: float = 0.05,
    shown: int = 0,
) -> ipywidgets.VBox | None:
    """Mark `images` `(B, C, H, W)` in [0, 1], damage them, and see the histogram of z-scores.

    `embed(images, key, strength)` and `detect(images, key)` are yours. `attacks` has, by name, a
    function of images and an amount, and the amounts of the slider from weakest to strongest. Gray
    bars are the same images without a mark, equally damaged. The static figure shows four settings.

    Raises ValueError for another shape, or where there is no attack.

    >>> import torch
    >>> from course_lib.distortions import blurred
    >>> flat = torch.rand(8, 1, 16, 16)
    >>> watermark_explorer(
    ...     flat, lambda x, k, s: x, lambda x, k: x.mean((1, 2, 3)), {"blur": (blurred, (0, 1))}
    ... )
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not attacks:
        raise ValueError(
            f"images must be (B, C, H, W), C = 1 or 3, with at least one attack; got "
            f"{tuple(images.shape)} and {len(attacks)}"
        )

    def trial(size: float, name: str, amount: float) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """The shown image after everything, and the scores with and without the mark."""
        both = embed(images, key, size), images
        if name:
            both = tuple(attacks[name][0](each, amount) for each in both)
        scores = [detect(each, key).detach().cpu().numpy() for each in both]
        return both[0][shown].detach().cpu(), *scores

    if is_static():
        try:
            show(_static_figure(trial, attacks, strength))
        except NotImplementedError:  # an exercise is still to be written
            print("The explorer comes once embed_watermark and detect_watermark are written.")
        return None

    slider = ipywidgets.FloatSlider(
        strength, min=0.0, max=0.15, step=0.005, description="strength", readout_format=".3f"
    )
    menu = ipywidgets.Dropdown(options=list(attacks), description="attack")
    amount = ipywidgets.SelectionSlider(options=_amounts(attacks, menu.value), description="amount")
    words, picture = ipywidgets.HTML(), ipywidgets.Image(format="png")

    def redraw(_change: object = None) -> None:
        try:
            seen = trial(slider.value, menu.value, amount.value)
        except NotImplementedError:
            words.value = "Write embed_watermark and detect_watermark, then run this cell again."
            return
        words.value = _in_words(*seen[1:])
        picture.value = to_png(_figure(*seen))

    def change_attack(_change: object) -> None:
        amount.options = _amounts(attacks, menu.value)
        redraw()

    slider.observe(redraw, "value")
    amount.observe(redraw, "value")
    menu.observe(change_attack, "value")
    redraw()
    layout = ipywidgets.Layout(align_items="flex-start")  # or the picture is stretched
    explorer = ipywidgets.VBox([slider, menu, amount, words, picture], layout=layout)
    return explorer.add_class("watermark-explorer")


def _amounts(attacks: Mapping, name: str) -> list[tuple[str, float]]:
    return [(f"{value:g}", value) for value in attacks[name][1]]


def _in_words(marked: np.ndarray, plain: np.ndarray) -> str:
    found, false = (int((each > THRESHOLD).sum()) for each in (marked, plain))
    return (
        f"found in <b>{found}</b> of {len(marked)} marked images (mean z "
        f"<b>{marked.mean():.1f}</b>), and in <b>{false}</b> of {len(plain)} without a mark"
    )


def _figure(image: Tensor, marked: np.ndarray, plain: np.ndarray) -> Figure:
    figure = Figure(figsize=(7.2, 2.6))
    left, right = figure.subplots(1, 2, width_ratios=(1, 2.2))
    _draw_image(left, image)
    _draw_scores(right, marked, plain)
    return figure


def _draw_image(axes: Axes, image: Tensor) -> None:
    pixels = image.clamp(0, 1).permute(1, 2, 0).squeeze(-1).numpy()
    axes.imshow(pixels, vmin=0, vmax=1, interpolation="nearest")
    axes.axis("off")


def _draw_scores(axes: Axes, marked: np.ndarray, plain: np.ndarray, legend: bool = True) -> None:
    """Both histograms in the same bins, and the threshold."""
    low, high = min(-4.0, marked.min(), plain.min()), max(8.0, marked.max(), plain.max())
    bins = np.linspace(low, high, 40)
    axes.hist(plain, bins, color="0.6", label="without the mark")
    axes.hist(marked, bins, color="C1", alpha=0.75, label="with the mark")
    axes.axvline(THRESHOLD, color="0.2", lw=1.2, ls="--")
    axes.set(xlabel="z", ylabel="images")
    if legend:
        axes.legend(loc="upper right", fontsize=8)


def _static_figure(trial: Callable, attacks: Mapping, strength: float) -> Figure:
    """Untouched, then up to three attacks at their middle amounts: image above, scores below."""
    settings = [("", 0.0)]
    for name in list(attacks)[:3]:
        amounts = attacks[name][1]
        settings.append((name, amounts[len(amounts) // 2]))
    figure = Figure(figsize=(2.6 * len(settings), 4.0))
    columns = figure.subplots(2, len(settings), height_ratios=(1, 1.1)).T
    for n, ((upper, lower), (name, amount)) in enumerate(zip(columns, settings, strict=True)):
        image, marked, plain = trial(strength, name, amount)
        _draw_image(upper, image)
        upper.set_title(f"{name} {amount:g}" if name else "untouched")
        _draw_scores(lower, marked, plain, legend=False)
        rate = float((marked > THRESHOLD).mean())
        lower.set_ylabel("images" if n == 0 else "")
        lower.text(
            0.97, 0.95, f"found: {rate:.0%}", transform=lower.transAxes, ha="right", va="top",
            bbox=WHITE_BOX,
        )  # fmt: skip
    figure.suptitle("z without the mark (gray) and with it (orange)")
    return figure
