# %% [markdown]
# # 00 · One hour that makes the rest easy
#
# Welcome. By the end of this course you will have trained networks that draw digits nobody wrote,
# dream up emoji, and turn one artist's emoji into another's; and you will know, formula by formula,
# why they can. This first hour trains no network. It gives you the five or six things that every
# later lesson takes for granted, so that there you can think about the idea and not about the
# plumbing.
#
# ![Noto and Twemoji draw the same things: one of the three data sets of the course](../images/00_start.png)
#
# <details><summary>中文导读</summary>
#
# 本课不训练大型网络，而是把后面每一课都要用到的基本功一次练好：怎样读出图像张量的形状、数据类型、
# 设备与取值范围；怎样用 einops 写出“看得懂”的重排、归约与复制；怎样让随机批次可以重现；怎样用自动
# 微分求导并亲手验证。你还会看到取值范围弄错（[0, 1] 与 [-1, 1] 混用）时，程序不报错而结果全错的三种
# 情形。最后用一张图梳理各类生成模型：VAE（2013 年 12 月）、GAN（2014 年 6 月）、自回归、流与扩散模型
# 各自能算什么、不能算什么。每道练习写完即查，错了会告诉你错在哪里。术语的中英对照见
# [glossary](glossary.ipynb)。
#
# </details>
#
# **You will be able to**
# - read an image tensor's shape, dtype, device and value range, and say what breaks when one is off,
# - rearrange, reduce and repeat images with einops, in patterns that say what they do,
# - draw the same random batch again, on purpose,
# - let PyTorch differentiate for you, and check that it did,
# - place VAEs, GANs and their relatives on one map.
#
# **Time** 75 minutes · **Builds on** calculus, basic probability, a little PyTorch · **Papers** on the
# map at the end; the two that this course is about are Kingma and Welling (2013), *Auto-Encoding
# Variational Bayes*, arXiv 1312.6114, and Goodfellow and others (2014), *Generative Adversarial
# Networks*, arXiv 1406.2661.
#
# **Numbers in the text** are those of one run at `laptop` scale, on two CPU cores; at another scale, or on
# another machine, yours differ.

# %% tags=["folded"]
import tempfile
from contextlib import suppress
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange, reduce, repeat
from matplotlib.patches import Rectangle
from PIL import Image

from course_lib.checks import CheckFailed, check, hint, progress
from course_lib.data import FASHION_CLASSES, emoji_table, load_emoji, load_fashion_mnist, load_mnist
from course_lib.history import History, watch
from course_lib.plotting import plot_history, plot_images, show
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything

seed_everything(0)
device = pick_device()
steps = at_scale(smoke=200, laptop=300, gpu=1_000)
print("Welcome! Everything is in place.")
print(f"PyTorch {torch.__version__} will compute on: {device}, at the scale: {course_scale()}")

# %% [markdown]
# That was your first cell: **Shift + Enter** runs one and goes to the next. Its code, which sets
# things up, is folded away; a click on its bar or its three dots unfolds it. The line it printed names
# your device (a `cpu` is enough for every lesson) and the scale: how much a lesson computes, chosen by
# your machine.
#
# Four habits carry you through all lessons:
#
# - **Predict** before you run. Where you meet that word, stop and say your answer aloud. A wrong guess
#   teaches more than a right cell.
# - **An exercise** is a function with a line `raise NotImplementedError(...)` in it. Replace that line.
#   The cell behind it checks your function at once and tells you which mistake it sees, if any.
# - **Hints** lie folded below each exercise, the vague one first. `hint("start.rescale")` shows the
#   same ones in a cell.
# - **Run All** is always allowed. A cell that needs an exercise you have not written yet says so in
#   one calm line, and the rest goes on. If a notebook behaves strangely, *Kernel → Restart* gives you
#   a clean one; your progress is kept in a file outside it.
#
# ## 1 · What we will generate
#
# Three data sets come with the course. **[MNIST](glossary.ipynb#MNIST)** is handwritten digits, **Fashion-MNIST** is clothes
# in exactly the same format, and the **emoji pairs** show the same 1,911 emoji as drawn by two teams of
# artists: Noto and Twemoji.
#
# **Predict.** An MNIST image has 28 × 28 pixels. How many numbers describe a gray one, and how many an
# emoji of 64 × 64 pixels in color?

# %% tags=["nbval-check-output"]
digits, digit_labels = load_mnist("train")
clothes, clothes_labels = load_fashion_mnist("train")
noto, twemoji = load_emoji("train")
for name, images in {"MNIST": digits, "Fashion-MNIST": clothes, "Noto, Twemoji": noto}.items():
    numbers = images[0].numel()
    print(f"{name:14} {tuple(images.shape)!s:20} {images.dtype}, {numbers:6,} numbers an image")

# %%
names = [FASHION_CLASSES[i] for i in clothes_labels[:9]]
show(plot_images(digits[:9], title="MNIST", labels=digit_labels[:9].tolist()))
show(plot_images(clothes[:9], title="Fashion-MNIST", labels=names))
place = {row["name"]: i for i, row in enumerate(emoji_table("train"))}
wanted = ["Fox Face", "Parrot", "Strawberry", "Tropical Fish", "Sunflower", "Penguin"]
chosen = torch.tensor([place[name] for name in [*wanted, "Mushroom", "Rocket", "Sailboat"]])
pairs = torch.cat([noto[chosen], twemoji[chosen]])
show(plot_images(pairs, 9, "Emoji pairs: one meaning, two hands", row_titles=["Noto", "Twemoji"]))

# %% [markdown]
# 784 numbers for a digit, 12,288 for an emoji. To a computer an image is a point in a space with that
# many dimensions, and nearly every point of that space is noise. The images we want lie on a
# vanishingly thin part of it. **To generate is to draw a new point from that part**: a [sample](glossary.ipynb#Sample) of the
# distribution that the data came from, not a copy of one of them and not an average.
#
# A [batch of images](glossary.ipynb#Image-batch) is always `(B, C, H, W)`: how many images, channels (1 gray, 3 color), height,
# width. Every lesson keeps to this order.
#
# ## 2 · Three things to know about any tensor
#
# **Shape, dtype, device.** Most error messages that you will ever see in PyTorch are about one of the
# three. The dangerous mistakes give no message at all.
#
# **Predict.** Files store a pixel as a byte, 0 to 255: `uint8`. What is 200 + 100 in bytes?

# %% tags=["nbval-check-output"]
pixel = torch.tensor([200], dtype=torch.uint8)
print("200 + 100 in uint8   ", (pixel + 100).item())
print("200 + 100 in float32 ", (pixel.float() + 100).item())

images_uint8, _ = load_mnist("train", value_range=None)
for images in (images_uint8, digits):
    megabytes = images.numel() * images.element_size() / 1e6
    print(f"{images.dtype!s:13} {images.element_size()} B a number, {megabytes:3.0f} MB for MNIST")

from_numpy = torch.from_numpy(np.array([0.5, 1.5]))
print(f"NumPy brings {from_numpy.dtype}, networks want {torch.get_default_dtype()}")
try:
    torch.nn.Linear(2, 1)(from_numpy)
except RuntimeError as error:
    print(f"and PyTorch refuses to mix them: {type(error).__name__}")

# %% [markdown]
# 44, because bytes start again at 0 after 255, without a word. So: **store bytes, compute in
# float32**. `.float()` comes first, arithmetic second.
#
# The device works the same way: a tensor lives on the CPU or on a GPU, and two tensors can meet only
# where both of them live (a single number without dimensions may come from the CPU). `images.to(device)` moves one. On a machine without a GPU, `device` is the
# CPU and nothing moves, so the same line runs everywhere.
#
# ## 3 · What a check says
#
# A check answers in one of three ways: **○** not written yet, **✗** not right, and what to look at,
# **✓** right. Here is an exercise that nobody has written, and one with a mistake in it. The task: the
# mean of all pixel values of each image.
#
# **Predict.** What is wrong with `images.mean()`?

# %% tags=["nbval-check-output"]
for attempt in (lambda images: ..., lambda images: images.mean()):
    with suppress(CheckFailed):  # go on, although the check did not pass
        check("start.brightness", attempt)

# %% [markdown]
# The second card names what was expected, what came, and the mistake behind it. It will do that for
# every exercise of the course. The third answer is yours to earn:

# %% [markdown]
# ### Exercise · `brightness(images)`
# *2 minutes.* `images` is `(B, C, H, W)`. Return the mean of all values of each image, shape `(B,)`,
# in the dtype of the images. One number an example, shape `(B,)`: you will meet that shape in every
# loss of this course.


# %% exercise="start.brightness"
def brightness(images):
    """Mean over channels, height and width of images `(B, C, H, W)`: `(B,)`."""
    # BEGIN SOLUTION
    return images.mean(dim=(1, 2, 3))
    # END SOLUTION


# %% check="start.brightness"
check("start.brightness", brightness)

# %% [markdown]
# Did you run the check before you wrote anything? Then you have now seen all three. Two more helpers:
# `hint(...)` shows one hint more at each call and never the solution; `progress()` shows what you have
# passed, in all lessons.

# %%
hint("start.rescale")
progress()

# %% [markdown]
# ## 4 · The range of the values
#
# Bytes 0 to 255 become floats, but on which [interval](glossary.ipynb#Value-range)? Two are in use, and every model insists on its
# own:
#
# - **[0, 1]**: a pixel reads as an intensity or a probability. Files, plots and VAEs with a Bernoulli
#   decoder want it.
# - **[-1, 1]**: centered at 0. GANs whose generator ends in `tanh` want it.
#
# Going from one interval to another is **[linear interpolation](glossary.ipynb#Linear-interpolation)**. Let $w = v / 255$ be the weight of
# white in the byte $v$, then
#
# $$ x = (1 - w) \cdot \text{low} + w \cdot \text{high} . $$
#
# At $v = 0$ only `low` is left, at $v = 255$ only `high`. You will meet this mixture again between
# latent codes, and between real and fake images.

# %% [markdown]
# ### Exercise · `rescale(images_uint8, low, high)`
# *8 minutes.* Bytes of any shape in, float32 of the same shape out. 0 becomes `low` and 255 becomes
# `high`, **exactly**, to the last bit: a white of 0.90000004 lies outside [0.1, 0.9], and whatever
# tests the range will say so. On paper `low + w * (high - low)` is the same mixture. In float32 it is
# not quite, for some ends.


# %% exercise="start.rescale"
def rescale(images_uint8, low, high):
    """Bytes to float32 on [low, high]: 0 becomes low, 255 becomes high, exactly."""
    # BEGIN SOLUTION
    w = images_uint8.float() / 255  # a float first: bytes would wrap round
    return (1 - w) * low + w * high
    # END SOLUTION


# %% check="start.rescale"
check("start.rescale", rescale)

# %% [markdown]
# ### What goes wrong when ranges are mixed
#
# Nothing crashes, and that is the trouble. Three accidents, all common:
#
# 1. **A picture is shown in the wrong range.** Saving or plotting clips what does not fit.
# 2. **A discriminator gets real images in [-1, 1] and fakes in [0, 1].** Take the best fakes there can
#    be: the real images themselves. **Predict**: how often can a single `if` tell them apart?
# 3. **A loss for [0, 1] gets targets in [-1, 1].** [Binary cross-entropy](glossary.ipynb#Binary-cross-entropy) of a black pixel's target $t$
#    and a logit $\ell$ is $\log(1 + e^{\ell}) - t\,\ell$. With $t = 0$ it falls towards 0 as
#    $\ell \to -\infty$. **Predict**: where does it fall with $t = -1$?

# %%
emoji_bytes = (noto[chosen[:5]] * 255).round().to(torch.uint8)
in_01, in_11 = rescale(emoji_bytes, 0, 1), rescale(emoji_bytes, -1, 1)
rows = ["right", "[-1, 1], clipped", "[0, 1] as [-1, 1]"]
accidents = torch.cat([in_01, in_11.clamp(0, 1), (in_01 + 1) / 2])
show(plot_images(accidents, 5, "The same emoji, three times", row_titles=rows))

# %% tags=["nbval-check-output"]
real, fakes = rescale(images_uint8[:1000], -1, 1), rescale(images_uint8[:1000], 0, 1)
says_real = torch.cat([real, fakes]).amin(dim=(1, 2, 3)) < 0  # is any pixel negative?
is_real = torch.arange(2000) < 1000
print(
    f"«has a negative pixel» is right in {(says_real == is_real).float().mean():.0%} of the cases"
)

logits = torch.tensor([0.0, -10.0, -100.0])
for target in (0.0, -1.0):
    losses = F.binary_cross_entropy_with_logits(logits, torch.full((3,), target), reduction="none")
    print(
        f"target {target:2.0f}: loss {[round(v, 2) for v in losses.tolist()]} at {logits.tolist()}"
    )

# %% [markdown]
# Every one of 2,000 images is recognized, and the generator has nothing to learn from that: its fakes
# were perfect. And with a target of -1 the loss has **no floor**: the network lowers it forever by
# pushing logits to minus infinity, the curve falls beautifully, and the pictures are black.
#
# So: every function in this course states its range, and those that get the wrong one complain. When
# a model does not learn, print `images.min()` and `images.max()` before anything else.
#
# ## 5 · einops: say what you mean
#
# `images.permute(2, 0, 3, 1).reshape(...)` can be right. You cannot *see* that it is right. **einops**
# writes the same operation as a pattern: names for the axes that go in, an arrow, names for the axes
# that come out. Three verbs are enough for image tensors.
#
# **`rearrange`** moves values about and changes none. Axes in one bracket are merged, and *the name on
# the left changes slowest*. A bracket on the left side splits an axis.
#
# **Predict** all four pictures from their patterns before you run the cell. The batch has four emoji.


# %%
def show_pictures(pictures, title):
    """Pictures `(H, W)` or `(H, W, C)` beside each other, each below its name."""
    widths = [max(picture.shape[1], 64) for picture in pictures.values()]
    height = max(picture.shape[0] for picture in pictures.values())
    size = (10, height * 9.5 / sum(widths) + 1)
    figure, axes = plt.subplots(1, len(widths), figsize=size, width_ratios=widths)
    for axis, (name, picture) in zip(axes, pictures.items(), strict=True):
        axis.imshow(picture.numpy(), vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(name.replace("-> ", "->\n"), fontsize=9, family="monospace")
        axis.set_axis_off()
    figure.suptitle(title)
    show(figure)


few = noto[chosen[:4]]  # (B, C, H, W) = (4, 3, 64, 64)
patterns = {
    "(b1 b2) c h w -> (b1 h) (b2 w) c": {"b1": 2},
    "b c h w -> h (b w) c": {},
    "b c h w -> h (w b) c": {},
    "b c h w -> w (b h) c": {},
}
pictures = {pattern: rearrange(few, pattern, **sizes) for pattern, sizes in patterns.items()}
show_pictures(pictures, "rearrange: one batch, four pictures")

# %% [markdown]
# The second and third differ by one swap. In `(b w)` you walk through all of one emoji before the next
# begins. In `(w b)` you see the first pixel column of all four, then the second of all four: they are
# woven into each other. When a grid of samples looks like a venetian blind, this is why. In the last
# one height and width have changed places, and everybody lies on the side.
#
# **`reduce`** rearranges and sums up: whichever name is missing on the right is averaged away (or
# added, or its largest value taken).
#
# **Predict.** Which axis is gone in each of these, and what does the mean of four emoji look like?

# %%
pictures = {
    "one of the four": rearrange(few[0], "c h w -> h w c"),
    "b c h w -> h w c, mean": reduce(few, "b c h w -> h w c", "mean"),
    "c h w -> h w, mean": reduce(few[0], "c h w -> h w", "mean"),
    "c h w -> h w, min": reduce(few[0], "c h w -> h w", "min"),
    "c (h 4) (w 4) -> h w c, mean": reduce(few[0], "c (h 4) (w 4) -> h w c", "mean"),
}
show_pictures(pictures, "reduce: what is not on the right is summed up")

# %% [markdown]
# The mean over the batch is a ghost of all four. The mean over channels makes gray; their minimum
# is dark wherever *any* channel is. `(h 4) (w 4)` cuts the image into blocks of 4 × 4 pixels and
# averages each block: average pooling, in one line that says so.
#
# **`repeat`** is the third verb: a name that is new on the right is copied along.
#
# **Predict.** `h (n w)` and `h (w n)` both triple the width. Which one gives three images, which one a
# wide image?

# %%
gray = reduce(few[0], "c h w -> h w", "mean")
pictures = {
    "gray": gray,
    "h w -> h (n w)": repeat(gray, "h w -> h (n w)", n=3),
    "h w -> h (w n)": repeat(gray, "h w -> h (w n)", n=3),
    "h w -> h w c": repeat(gray, "h w -> h w c", c=3),
}
show_pictures(pictures, "repeat: what is new on the right is copied")

# %% [markdown]
# `(n w)` runs through a whole image before the next copy; `(w n)` repeats each pixel three times, and
# the image is stretched. The last one still looks gray but has three equal channels now.

# %% [markdown]
# ### Exercise · `image_grid(images, columns)`
# *8 minutes.* `images` is `(B, C, H, W)`. Lay them out row by row with `columns` beside each other and
# return one image `(C, rows * H, columns * W)` of the same dtype. There are as many rows as needed; tiles for which no
# image is left are 0. The trap: `B` need not be a multiple of `columns`.


# %% exercise="start.image_grid"
def image_grid(images, columns):
    """Images `(B, C, H, W)` as one `(C, rows*H, columns*W)`, row by row, missing tiles 0."""
    # BEGIN SOLUTION
    missing = -len(images) % columns
    images = torch.cat([images, images.new_zeros(missing, *images.shape[1:])])
    return rearrange(images, "(rows cols) c h w -> c (rows h) (cols w)", cols=columns)
    # END SOLUTION


# %% check="start.image_grid"
check("start.image_grid", image_grid)

# %% [markdown]
# ## 6 · Pictures in files
#
# A PNG keeps 256 levels a channel and loses none of them. What is lost is lost before, when a float
# becomes a level. **Predict**: levels are $1/255$ apart. By how much can a value change if it goes to
# the *nearest* level, and by how much if the fraction is cut off?

# %% [markdown]
# ### Exercise · `save_images(images, path)`
# *10 minutes.* `images` is `(B, C, H, W)` on [0, 1] with C = 1 or 3, `path` a `pathlib.Path`. Write one
# PNG an image into the folder `path` (make it if it is not there; its parent is), gray images as gray PNGs.
# - Each value goes to the nearest of the 256 levels.
# - Sorting the file names gives the order of the images, also when there are a few hundred.
# - If any value lies outside [0, 1], raise `ValueError` **before** anything is written. Clipping in
#   silence would hide the accidents of section 4.
#
# PIL writes the file: `Image.fromarray(array).save(file)`, where `array` is a NumPy array of bytes,
# `(H, W)` for gray and `(H, W, 3)` for color; `tensor.numpy()` gives one.


# %% exercise="start.save_images"
def save_images(images, path):
    """Write images `(B, C, H, W)` on [0, 1] as PNGs into the folder `path`; ValueError outside."""
    # BEGIN SOLUTION
    low, high = images.min().item(), images.max().item()
    if not (low >= 0 and high <= 1):  # so written, NaN is refused too
        raise ValueError(f"images must lie in [0, 1]; got values from {low:.4g} to {high:.4g}")
    path.mkdir(parents=True, exist_ok=True)
    levels = (images * 255).round().to(torch.uint8).cpu()
    for number, image in enumerate(levels):
        pixels = rearrange(image, "c h w -> h w c").squeeze(-1)  # PIL wants gray as (H, W)
        Image.fromarray(pixels.numpy()).save(path / f"{number:05d}.png")
    # END SOLUTION


# %% check="start.save_images"
check("start.save_images", save_images)

# %% [markdown]
# ### Exercise · `load_images(path)`
# *6 minutes.* The way back: read every file of the folder `path`, in the order of the names, sorted as text,
# and return one float32 batch `(B, C, H, W)` on [0, 1]. All files are PNGs of one size, either all gray
# or all in color; gray stays one channel. `np.array(Image.open(file))` reads one.


# %% exercise="start.load_images"
def load_images(path):
    """Read a folder of PNGs in the order of their names: float32 `(B, C, H, W)` on [0, 1]."""
    # BEGIN SOLUTION
    arrays = [np.array(Image.open(file)) for file in sorted(path.iterdir())]
    pixels = torch.from_numpy(np.stack(arrays))
    if pixels.ndim == 3:  # gray came without a channel
        pixels = rearrange(pixels, "b h w -> b h w 1")
    return rearrange(pixels, "b h w c -> b c h w").float() / 255
    # END SOLUTION


# %% check="start.load_images"
check("start.load_images", load_images)

# %% [markdown]
# There and back, with values that are no multiple of 1/255. Your grid shows what came back.

# %%
softened = F.avg_pool2d(noto[chosen], 2)  # means of 2×2 pixels: values between the levels
with tempfile.TemporaryDirectory() as folder:
    save_images(softened, Path(folder) / "emoji")
    files = sorted(file.name for file in (Path(folder) / "emoji").iterdir())
    loaded = load_images(Path(folder) / "emoji")
print(f"{len(files)} files, from {files[0]} to {files[-1]}")
print(f"largest change {(loaded - softened).abs().max():.5f}, half a level is {1 / 510:.5f}")
assert (loaded - softened).abs().max() < 1 / 510 + 1e-6
show(plot_images(image_grid(loaded, 4)[None], title="Saved, loaded, laid out", size=3))

# %% [markdown]
# Half a level, $1/510$, if you round; nearly a whole one if the fraction is cut off, and then always
# downwards: every image gets a little darker, and no error message says so.
#
# ## 7 · Chance that you can repeat
#
# Training draws random numbers everywhere: initial weights, batches, noise. To find a bug, or to
# compare two ideas, you need the *same* chance again.
#
# `seed_everything(0)` in the set-up cell fixes the **global generator**, from which everybody draws.
# That is its weakness: one more draw anywhere, and everything after it changes. A
# **[`torch.Generator`](glossary.ipynb#Random-generator)** of your own is a separate source that nobody else touches.
#
# **Predict.** Below, somebody draws a single extra number in the middle. Which of the two sources
# notices?


# %% tags=["nbval-check-output"]
def two_draws(somebody_interferes):
    """The second draw from the global generator, and from one of our own."""
    torch.manual_seed(0)
    own = torch.Generator().manual_seed(0)
    torch.rand(1), torch.rand(1, generator=own)
    if somebody_interferes:
        torch.rand(1)
    return torch.rand(1).item(), torch.rand(1, generator=own).item()


for interferes in (False, True):
    shared, own = two_draws(interferes)
    print(f"interference {interferes!s:5}   global {shared:.4f}   own {own:.4f}")

# %% [markdown]
# The global one moved on; our own did not notice. So in this course a function that needs chance is
# given a `generator`, a [`seed`](glossary.ipynb#Seed), or the noise itself. (On another device, or in another version of
# PyTorch, one seed may give other numbers. It is a promise for your machine, not a law of nature.)

# %% [markdown]
# ### Exercise · `seeded_batch(images, batch_size, seed)`
# *6 minutes.* Return `batch_size` of the `images` `(N, C, H, W)`, drawn at random, none of them twice:
# the same batch for the same seed, another one for another seed. The global generator must not notice,
# and `images` keeps its order.


# %% exercise="start.seeded_batch"
def seeded_batch(images, batch_size, seed):
    """A random batch `(batch_size, C, H, W)` without repetition, decided by `seed` alone."""
    # BEGIN SOLUTION
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=generator)
    return images[order[:batch_size]]
    # END SOLUTION


# %% check="start.seeded_batch"
check("start.seeded_batch", seeded_batch)

# %%
drawn = torch.cat([seeded_batch(clothes, 9, seed) for seed in (0, 0, 1)])
rows = ["seed 0", "seed 0 again", "seed 1"]
show(plot_images(drawn, 9, "The seed decides the batch", row_titles=rows))

# %% [markdown]
# ## 8 · Derivatives for free, and a number to check
#
# Training [walks downhill](glossary.ipynb#Gradient-descent) on a [loss](glossary.ipynb#Loss) $L$, so it needs $\partial L / \partial \theta$ for every parameter
# $\theta$. PyTorch writes down each operation as it computes and then applies the chain rule
# backwards: **[autograd](glossary.ipynb#Autograd)**.
#
# The smallest example with an image in it: a gain $g$ multiplies a digit $x$, and should make it twice
# as bright. By hand, for comparison:
#
# $$ L(g) = \sum_i (g\,x_i - 2\,x_i)^2 , \qquad
#    \frac{dL}{dg} = \sum_i 2\,(g\,x_i - 2\,x_i)\,x_i = 2\,(g - 2) \sum_i x_i^2 . $$
#
# **Predict.** At $g = 3$, does a small step along $-dL/dg$ make $g$ larger or smaller?

# %% tags=["nbval-check-output"]
x = digits[0].double()
gain = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
loss = ((gain * x - 2 * x) ** 2).sum()
loss.backward()
print(f"autograd            {gain.grad:.4f}")

print(f"by hand             {2 * (3 - 2) * (x**2).sum():.4f}")
eps = 1e-4
ahead, behind = (((3 + step) * x - 2 * x).square().sum() for step in (eps, -eps))
print(f"central difference  {(ahead - behind) / (2 * eps):.4f}")
assert torch.isclose(gain.grad, 2 * (x**2).sum()) and gain.grad > 0

((gain * x - 2 * x) ** 2).sum().backward()
print(f"a second backward() {gain.grad:.4f}")

# %% [markdown]
# Three ways, one number. It is positive, so the step along $-dL/dg$ makes $g$ smaller: towards 2.
#
# The last line is the trap: **gradients add up** until somebody clears them. Forget
# `optimizer.zero_grad()` and every step is taken along the sum of all gradients so far.
#
# ### The loop that every lesson has
#
# Now let ten pictures learn. `pictures` starts black, one picture for each digit. Each step takes a
# batch, compares every image with the picture of its own label, and moves the pictures downhill. The
# loss is computed per example, `(B,)`, and averaged once, at the end.
#
# **Predict.** Thousands of different sevens all pull at one picture. Where does it come to rest?

# %%
images, labels = digits.to(device), digit_labels.to(device)
pictures = torch.zeros(10, 1, 28, 28, device=device, requires_grad=True)
optimizer = torch.optim.SGD([pictures], lr=0.5)
generator = torch.Generator(device).manual_seed(0)
history = History()

for batch, label in watch(batches((images, labels), 200, steps, generator), history):
    own_picture = pictures.index_select(0, label)  # pictures[label]; this way backward is faster
    distance = ((own_picture - batch) ** 2).sum(dim=(1, 2, 3))  # (B,)
    loss = distance.mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    history.add(loss=loss)

# %%
learned = pictures.detach()
means = torch.stack([images[labels == k].mean(dim=0) for k in range(10)])
print(f"largest difference from the class means: {(learned - means).abs().max():.3f}")
assert (learned - means).abs().max() < 0.1
figure = plot_history(history, title="Ten pictures learn", ylabel="squared distance")
figure.axes[0].set_ylim(bottom=0)
show(figure)
both = torch.cat([learned, means]).clamp(0, 1)
show(plot_images(both, 10, "Ten learned pictures", row_titles=["learned", "class mean"]))

# %% [markdown]
# At the **mean**: set the derivative of $\sum_i (p - x_i)^2$ by $p$ to 0, and $p$ is the average of the
# $x_i$. (The learned pictures still tremble around it, since every batch has slightly other sevens.)
#
# Look at the curve as well: it falls steeply, then stays level, and does not reach 0. That is what
# healthy looks like here. What remains is how much the sevens differ from their mean, and no
# single picture can do better.
#
# And look at the pictures, because they hold the question of this whole course. Each is the best
# possible answer to a squared error, and each is a blur that nobody ever wrote. **A network that hedges
# by averaging makes blurred images.** VAEs and GANs are two different ways out.
#
# ## 9 · A map of the field
#
# The data come from [some distribution](glossary.ipynb#Data-distribution) $p_\text{data}(x)$. A **[generative model](glossary.ipynb#Generative-model)** is a distribution
# $p_\theta(x)$ with parameters $\theta$ that is trained to come close to it. The families differ in
# what you can *compute* with the model, once you have it:
#
# - the **[density](glossary.ipynb#Density)**: given an image, how likely is it under the model?
# - only a **bound** on it: a number that the log-density never falls below;
# - only **samples**: it draws, but cannot say how likely anything is.
#
# The map is drawn from three small tables. They are folded away here; unfold them for the papers'
# numbers.

# %% tags=["folded"]
EXACT, PARTLY, NONE, ANY = "#0072b2", "#a6d0ec", "#e6e6e6", "#cde8dd"
CAN_COMPUTE = {  # the log-density of an image; a new image; the code of an image; the training
    "Autoregressive": [
        (EXACT, "density: exact"),
        (PARTLY, "one pass a value"),
        (NONE, "has none"),
        (ANY, "maximum likelihood"),
    ],
    "Flow": [
        (EXACT, "density: exact"),
        (EXACT, "one pass"),
        (EXACT, "exact: run it backwards"),
        (ANY, "maximum likelihood"),
    ],
    "VAE": [
        (PARTLY, "lower bound"),
        (EXACT, "one pass"),
        (PARTLY, "approximate: its encoder"),
        (ANY, "raise the bound"),
    ],
    "Diffusion": [
        (PARTLY, "lower bound"),
        (PARTLY, "many passes"),
        (PARTLY, "as large as the image"),
        (ANY, "remove noise"),
    ],
    "GAN": [
        (NONE, "samples only"),
        (EXACT, "one pass"),
        (NONE, "must be searched for"),
        (ANY, "a game of two networks"),
    ],
}
SERVED_BY = {  # one example each; † marks what was not made for images
    "Autoregressive": ["MADE 2015", "PixelCNN 2016", "PixelRNN 2016", "Image Transformer 2018"],
    "Flow": ["NICE 2014", "Glow 2018", "LSTM-Real-NVP† 2020", "Flow++ 2019"],
    "VAE": ["the first VAE 2013", "NVAE 2020", "DRAW 2015", "Optimus† 2020"],
    "Diffusion": ["the first one† 2015", "DDPM 2020", "TimeGrad† 2021", "DiT 2022"],
    "GAN": ["the first GAN 2014", "DCGAN 2015", "GRAN 2016", "SAGAN 2018"],
}
PAPERS = {  # arXiv numbers; their first four digits are the year and the month
    "Autoregressive": {
        "MADE": "1502.03509",
        "PixelRNN, PixelCNN": "1601.06759",
        "Image Transformer": "1802.05751",
        "DALL·E": "2102.12092",
    },
    "Flow": {
        "NICE": "1410.8516",
        "RealNVP": "1605.08803",
        "Glow": "1807.03039",
        "flow matching": "2210.02747",
    },
    "VAE": {
        "VAE (December 2013)": "1312.6114",
        "IWAE": "1509.00519",
        "VQ-VAE": "1711.00937",
        "NVAE": "2007.03898",
    },
    "Diffusion": {
        "diffusion": "1503.03585",
        "score matching": "1907.05600",
        "DDPM": "2006.11239",
        "latent diffusion": "2112.10752",
    },
    "GAN": {
        "GAN (June 2014)": "1406.2661",
        "DCGAN": "1511.06434",
        "WGAN": "1701.07875",
        "CycleGAN": "1703.10593",
        "StyleGAN": "1812.04948",
        "StyleGAN3": "2106.12423",
    },
}


def months(number):
    """Year and month of an arXiv number, as a year with decimals: the middle of that month."""
    return 2000 + int(number[:2]) + (int(number[2:4]) - 0.5) / 12


def draw_table(axis, title, columns, rows):
    """Colored cells with a line of text each; `rows` maps a name to (color, text) pairs."""
    for y, (name, cells) in enumerate(rows.items()):
        axis.text(-0.03, y, name, ha="right", va="center", fontweight="bold")
        for column, (color, text) in enumerate(cells):
            axis.add_patch(Rectangle((column + 0.01, y - 0.46), 0.98, 0.92, color=color))
            ink = "white" if color == EXACT else "black"
            axis.text(column + 0.5, y, text, ha="center", va="center", color=ink, fontsize=9)
    for column, name in enumerate(columns):
        axis.text(column + 0.5, -0.62, name, ha="center", va="bottom", fontsize=9)
    axis.set(xlim=(-0.65, len(columns)), ylim=(len(rows) - 0.5, -1.0), title=title)
    axis.set_axis_off()


# %% tags=["folded"]
figure, (top, middle, bottom) = plt.subplots(3, 1, figsize=(9.4, 10), height_ratios=[6, 6, 7])
questions = ["log p(x) of an image", "a new image", "the code of an image", "what training does"]
draw_table(top, "Five families, by what they can compute", questions, CAN_COMPUTE)
examples = {f: [(ANY, name) for name in cells] for f, cells in SERVED_BY.items()}
architectures = ["MLP", "convolution", "recurrent", "attention"]
draw_table(middle, "Architectures: each of them serves every family", architectures, examples)
for lane, papers in enumerate(PAPERS.values()):
    bottom.axhline(lane, color="0.85", zorder=0)
    for k, (name, number) in enumerate(papers.items()):
        bottom.plot(months(number), lane, "o", color=f"C{lane}")
        up = k % 2 == 0
        bottom.annotate(
            name,
            (months(number), lane),
            xytext=(0, 6 if up else -6),
            textcoords="offset points",
            ha="center",
            va="bottom" if up else "top",
            fontsize=9,
        )
bottom.set(title="When: first versions on arXiv", xlim=(2012.8, 2023.5), ylim=(4.6, -0.6))
bottom.set_yticks(range(5), list(PAPERS), fontweight="bold")
bottom.set_xticks(range(2013, 2024))
bottom.tick_params(axis="y", length=0)
bottom.grid(axis="y", visible=False)
show(figure)
numbers = sorted(n for papers in PAPERS.values() for n in papers.values())
assert numbers[:2] == ["1312.6114", "1406.2661"]  # the VAE first, then the GAN

# %% [markdown]
# **How to read it.** In the upper table dark is exact, light is approximate or slow, gray is not to be
# had. No row is dark throughout: that is why there are five families and not one. Between the lines:
# some [flows](glossary.ipynb#Normalizing-flow) need a pass for every value, one way or the other; a [diffusion model](glossary.ipynb#Diffusion-model)'s density can also be
# computed through a differential equation, as exactly as that is solved; and both of them have codes
# as large as the image, while VAEs and GANs squeeze it into few numbers. † is not about images.
#
# Six things that you may read elsewhere, and what is right:
# - *«CNN-based, RNN-based, GAN-based models»* are no three families. Convolution and recurrence are
#   **architectures**, and the middle table has no empty cell.
# - *«VAEs came after GANs.»* December 2013 (arXiv 1312.6114) comes before June 2014 (1406.2661).
#   [Autoregressive networks](glossary.ipynb#Autoregressive-model) for density estimation are older than both.
# - *«Kingma and Ba invented the VAE.»* It was Diederik Kingma and Max Welling. Kingma and Ba wrote
#   *Adam* (arXiv 1412.6980), the optimizer that trains most of what you see here.
# - *«Generative AI for images is GANs.»* One family of five. Many of today's large text-to-image
#   models are diffusion models or their flow-matching relatives, many of them inside a VAE's latent
#   space.
# - *«The images come out completely random.»* Noise goes in; what comes out follows $p_\theta$, which
#   training has moved towards the data. Nor does any of it imitate a brain.
# - *«Applications: VAE, style transfer, super-resolution.»* A VAE is a **method**, the others are
#   **tasks**. Any family can be put to a task.
#
# **The way ahead.** Part I is the mathematics: divergences, the bound, gradients through randomness
# (01 to 03). Part II builds VAEs (04 to 07), part III GANs (08 to 13), part IV makes images from images
# with CycleGAN (14 to 16), part V is practice: speed, a clinic for broken programs, responsibility (17
# to 19). The folder has the lessons that are finished; each says what it builds on.

# %% [markdown]
# ## 10 · Change one thing
#
# **a.** In the loop of section 8, replace the squared difference by the absolute one,
# `(own_picture - batch).abs()`, and learn ten new pictures. **Predict** how they differ: sharper,
# softer, or the same? What do you call the number that has the smallest summed distance to many others?

# %%
# Your experiment: copy the loop, change one line, and show the ten pictures with plot_images.

# %% tags=["solution"]
sharp = torch.zeros_like(learned, requires_grad=True)
optimizer = torch.optim.SGD([sharp], lr=0.5)
for batch, label in batches((images, labels), 200, steps, generator):
    own_picture = sharp.index_select(0, label)
    loss = (own_picture - batch).abs().sum(dim=(1, 2, 3)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
medians = torch.stack([images[labels == k].median(dim=0).values for k in range(10)])
print(f"mean distance from the class medians: {(sharp.detach() - medians).abs().mean():.3f}")
print(f"mean distance from the class means:   {(sharp.detach() - means).abs().mean():.3f}")
three = torch.cat([learned, sharp.detach(), medians]).clamp(0, 1)
rows = ["squared", "absolute", "class median"]
show(plot_images(three, 10, "Squared against absolute distance", row_titles=rows))

# %% [markdown] tags=["solution"]
# Sharper: the **median** is nearest in absolute distance. A pixel that is white in 60 % of the sevens
# comes out white, not 60 % gray. So the choice of a distance is a choice of what to do with doubt,
# which is what lesson 04 is about. It is no way out, though: a sharp picture of nobody's seven is still
# one picture, and a generative model should draw all of them.

# %% [markdown]
# **b.** Cut the fraction off instead of rounding when you turn `softened` into levels, and compare the
# *mean* change of both ways, in levels of 1/255. Then send the image to [-1, 1] and back before each of
# ten such trips. **Predict** the sign, and whether it adds up.

# %%
# Your experiment: (softened * 255).floor() / 255 is one trip.

# %% tags=["solution"]
rounded, cut = (softened * 255).round() / 255, (softened * 255).floor() / 255
print(f"mean change by rounding {(rounded - softened).mean() * 255:+.2f} levels")
print(f"mean change by cutting  {(cut - softened).mean() * 255:+.2f} levels")
trip = softened
for _ in range(10):
    there_and_back = ((trip * 2 - 1) + 1) / 2
    trip = (there_and_back * 255).floor() / 255
print(f"after ten trips through [-1, 1] and cutting: {(trip - softened).mean() * 255:+.2f} levels")

# %% [markdown] tags=["solution"]
# Rounding errs to both sides and balances; cutting errs downwards. A second cut alone would change
# nothing, since the values are levels already. But after the detour through [-1, 1] some of them lie
# one float32 rounding *below* their level, and cutting takes a whole level from those, every time.

# %% [markdown]
# ## Recap
# - A tensor is shape, dtype, device, and a value range that it does not tell you: state it, test it.
# - `rearrange`, `reduce`, `repeat`: name the axes, and the left name in a bracket changes slowest.
# - Own your chance (`torch.Generator`), clear your gradients, and check one number by hand.
#
# **References.** D. Kingma and M. Welling, *Auto-Encoding Variational Bayes*, arXiv 1312.6114, 2013. ·
# I. Goodfellow and others, *Generative Adversarial Networks*, arXiv 1406.2661, 2014. · A. Rogozhnikov,
# *Einops: Clear and Reliable Tensor Manipulations with Einstein-like Notation*, 2022, [ICLR](https://openreview.net/forum?id=oapKSVM2bcj). · The map's other
# papers by their arXiv numbers in its cell.
#
# **Next** 01_divergences asks what «close to the data» means, and finds more than one answer.

# %%
progress()
