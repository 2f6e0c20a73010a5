# %% [markdown]
# # 15a · Edit what exists
#
# A generator draws what nobody wrote. Here you make it work on an image that *does* exist: find the latent behind it, walk from it to another, make a digit bolder or let it lean, cut a hole and have it filled, sew two images together. Each tool is
# measured on test images, beside the plainest thing that could do the same job, and not every tool wins.
#
# ![Holes of three kinds in test digits, and what the model puts there](../images/15a_editing.png)
#
# <details><summary>中文导读</summary>
#
# 本课用已经训练好的 VAE 和 GAN 编辑真实图像:球面插值(slerp)、属性向量、反演(inversion)、图像修复(inpainting)与合成。
# 先证明高维高斯隐变量的长度集中在 √Z 附近,因此直线插值的中点落在训练中几乎没有见过的区域;
# 再用图像矩测量笔画宽度与倾斜,检查属性向量除了目标属性之外还改变了什么;
# 反演通过对 z 求梯度来重建测试图像,比较随机起点与编码器起点;修复时只拟合已知像素,并与均值图像、
# 边界扩散和线性回归比较。每个数字都在模型没有见过的图像上测得,并附有区间。术语对照见 [glossary](glossary.ipynb)。
#
# </details>
#
# **You will be able to**
# - say why the straight line between two latents leaves the region that a generator knows, and walk around it,
# - change one property of an image by a vector, and measure what else has changed,
# - find the latent of a given image by gradient descent, and fill a hole in it without looking into the hole,
# - compare an editing tool with the plainest alternative, image by image, with an interval.
#
# **Time** 90 minutes · **Builds on** 04_autoencoders, 05_vae, 09_first_gan, 12_evaluation · **Papers** Larsen and others (2016), arXiv 1512.09300, and White (2016), arXiv 1609.04468, for attribute vectors and slerp; Zhu and others (2016), arXiv 1609.03552, for inversion; Yeh and others (2017), arXiv 1607.07539, for filling holes by a search in latent space.

# %% tags=["folded"]
import math
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from course_lib import metrics
from course_lib.checks import check
from course_lib.data import load_mnist
from course_lib.editing_plots import plot_editing_tools, plot_intervals
from course_lib.fast import fast
from course_lib.history import History, watch
from course_lib.metrics import psnr
from course_lib.networks import DigitDiscriminator, DigitGenerator
from course_lib.plotting import plot_images, show
from course_lib.probability import bernoulli_log_likelihood, kl_to_standard_normal
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything
from course_lib.widgets import brush_explorer

seed_everything(0)
device = pick_device()
latent_dim = 32
width = at_scale(smoke=4, laptop=32, gpu=64)
vae_steps = at_scale(smoke=20, laptop=2_200, gpu=30_000)
gan_steps = at_scale(smoke=20, laptop=1_000, gpu=20_000)
encoder_steps = at_scale(smoke=20, laptop=500, gpu=8_000)
search_steps = at_scale(smoke=5, laptop=100, gpu=500)
some = at_scale(smoke=6, laptop=50, gpu=500)  # test images that are inverted and mended
many = at_scale(smoke=100, laptop=1_000, gpu=5_000)  # images that a network only passes over
print(f"scale {course_scale()} on {device}")

# %% [markdown]
# ## 1 · Two models that stay as they are
#
# A VAE (lesson 05) and a GAN (lesson 12), both with 32 latents. Images are in [0, 1] in this lesson. After this section no weight moves: what is learned from now on is always a latent, $z$.

# %% tags=["folded"]
show(plot_editing_tools())

# %%
train_images, train_labels = load_mnist("train", device=device)
test_images, test_labels = load_mnist("test", device=device)


def dense(inputs, *widths):
    """Linear layers of these widths with a ReLU between them."""
    layers = [nn.Linear(inputs, widths[0])]
    for before, after in pairwise(widths):
        layers += [nn.ReLU(), nn.Linear(before, after)]
    return nn.Sequential(nn.Flatten(), *layers)


def train(one_round, networks, optimizers, data, steps, batch_size):
    """The loop of the lessons before: rates fall to 0 in a straight line over the second half."""
    schedules = [LambdaLR(each, lambda n: min(1, 2 * (1 - n / steps))) for each in optimizers]
    play, history = fast(one_round, networks, optimizers, steps=steps, report=print), History()
    for images in watch(batches(data, batch_size, steps), history):
        history.add(**play(images))
        for schedule in schedules:
            schedule.step()
    for network in networks:
        network.eval().requires_grad_(False)


seed_everything(0)
encoder = dense(784, 400, 2 * latent_dim).to(device)
decoder = nn.Sequential(dense(latent_dim, 400, 784), nn.Unflatten(1, (1, 28, 28))).to(device)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)


def vae_round(images):
    mean, log_var = encoder(images).chunk(2, dim=1)
    z = mean + torch.randn_like(mean) * (log_var / 2).exp()
    likelihood = bernoulli_log_likelihood(decoder(z), images)
    loss = (kl_to_standard_normal(mean, log_var) - likelihood).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"negative bound": loss}


train(vae_round, (encoder, decoder), [optimizer], train_images, vae_steps, 128)

# %%
seed_everything(0)
generator, discriminator = (
    DigitGenerator(latent_dim, width).to(device),
    DigitDiscriminator(width).to(device),
)
g_optimizer = torch.optim.Adam(generator.parameters(), 1e-3, (0.5, 0.999))
d_optimizer = torch.optim.Adam(discriminator.parameters(), 3e-4, (0.5, 0.999))


def gan_round(real):
    fake = generator(torch.randn(len(real), latent_dim, device=device))
    real_logits, fake_logits = discriminator(real), discriminator(fake.detach())
    d_loss = F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
    d_optimizer.zero_grad()
    d_loss.backward()
    d_optimizer.step()
    g_loss = F.softplus(-discriminator(fake)).mean()
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    return {"discriminator": d_loss, "generator": g_loss}


both = [d_optimizer, g_optimizer]
train(gan_round, (generator, discriminator), both, 2 * train_images - 1, gan_steps, 64)


def vae_images(z):
    """Latents `(N, 32)` to images in [0, 1]."""
    return decoder(z).sigmoid()


def gan_images(z):
    """Latents `(N, 32)` to images in [0, 1]."""
    return (generator(z) + 1) / 2


def vae_latents(images):
    """The encoder's mean."""
    return encoder(images).chunk(2, dim=1)[0]


models = {"VAE": vae_images, "GAN": gan_images}
seed_everything(1)
z = torch.randn(20, latent_dim, device=device)
rows = torch.cat([test_images[:10], vae_images(vae_latents(test_images[:10])), vae_images(z[:10])])
rows = torch.cat([rows, gan_images(z[:10])]).detach()
titles = ["test images", "VAE, of these", "VAE, samples", "GAN, samples"]
show(plot_images(rows, 10, "What both can do", row_titles=titles))

# %% [markdown]
# ## 2 · Between two latents
#
# To morph one image into another, walk from its latent $a$ to the other's, $b$. The obvious way is a straight line, $(1 - t)\,a + t\,b$. **Predict**: halfway, how long is that vector, compared with $a$ and $b$?
#
# 1. $a \sim \mathcal N(0, I)$ has $Z$ independent numbers of variance 1, so $\mathbb E \|a\|^2 = Z$. Each square has variance 2, so $\mathrm{Var} \|a\|^2 = 2Z$.
# 2. $\|a\|^2$ lies within about $Z \pm \sqrt{2Z}$. For $Z = 32$: $32 \pm 8$. **Samples of a high-dimensional Gaussian lie in a shell**, not at its middle, where its density is largest.
# 3. On the line every number has mean 0 and, $a$ and $b$ being independent, variance $(1 - t)^2 + t^2$. So $\mathbb E\|z_t\|^2 = \big((1 - t)^2 + t^2\big) Z$: half of it at $t = \tfrac12$.
# 4. The length at the middle is then about $\sqrt{Z/2}$, 0.71 of that at the ends. How rare is a $z$ as short as that in training? $\|z\|^2$ has the density of a $\chi^2$ with $Z$ degrees of freedom; the cell draws a million.

# %% tags=["nbval-check-output"]
draws = torch.Generator().manual_seed(0)
a, b = (torch.randn(1_000_000, 32, generator=draws) for _ in range(2))
for t in (0.0, 0.25, 0.5):
    squares = ((1 - t) * a + t * b).square().sum(dim=1)
    line_3 = ((1 - t) ** 2 + t**2) * 32
    print(f"t = {t:.2f}: mean ‖z‖² {squares.mean():.1f}, line 3 {line_3:.1f}")
    assert abs(squares.mean() - line_3) < 0.1
shorter = (a.square().sum(dim=1) < 16).float().mean()
print(f"‖z‖² below 16 comes in {shorter:.2%} of the draws of the prior")
assert abs(a.square().sum(dim=1).std() - math.sqrt(64)) < 0.1  # line 2

# %% [markdown]
# So the middle of the line lies where the generator has hardly ever been asked. The way around turns the *direction* from that of $a$ to that of $b$ and mixes the *lengths*: **[slerp](glossary.ipynb#Spherical-interpolation)**, spherical linear interpolation.
#
# 1. Let $u = a / \|a\|$, $v = b / \|b\|$, and $\omega$ the angle between them, $\cos\omega = u^\top v$.
# 2. In the plane of both, the unit vector at right angles to $u$ on $v$'s side is $w = (v - \cos\omega\, u) / \sin\omega$: $\;u^\top w = 0$ by line 1, and $\|v - \cos\omega\, u\|^2 = 1 - \cos^2\omega = \sin^2\omega$.
# 3. The direction turned by $t\omega$ is $\cos(t\omega)\, u + \sin(t\omega)\, w$. At $t = 0$ it is $u$, at $t = 1$ it is $v$.
# 4. Put in $w$. The factor of $v$ is $\dfrac{\sin t\omega}{\sin\omega}$; that of $u$ is $\cos t\omega - \dfrac{\sin t\omega\,\cos\omega}{\sin\omega} = \dfrac{\sin\omega\cos t\omega - \cos\omega\sin t\omega}{\sin\omega} = \dfrac{\sin (1 - t)\omega}{\sin\omega}$.
# 5. With the lengths mixed linearly,
# $$ \mathrm{slerp}(a, b, t) = \big[(1 - t)\|a\| + t\|b\|\big] \left[ \frac{\sin (1 - t)\omega}{\sin\omega}\, u + \frac{\sin t\omega}{\sin\omega}\, v \right] . $$
# 6. As $\omega \to 0$, $\sin s\omega / \sin\omega \to s$: the weights become $1 - t$ and $t$. At $\omega = 0$ itself the formula is 0/0.
#
# ### Exercise · `slerp(a, b, t)`
# *12 minutes.* `a` and `b` are `(B, Z)`, no row is zero, `t` is a number from 0 to 1. Return line 5 for each row, `(B, Z)`. Rows where `b` is a positive multiple of `a`, or nearly, must come out finite and right, line 6. (Opposite directions have no one way between them; none are given.)


# %% exercise="editing.slerp"
def slerp(a, b, t):
    """From a to b `(B, Z)`: the direction turned by t of the angle, lengths mixed linearly."""
    # BEGIN SOLUTION
    length_a, length_b = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
    u, v = a / length_a, b / length_b
    angle = (u * v).sum(dim=1, keepdim=True).clamp(-1, 1).acos()
    small = angle < 1e-3
    safe = torch.where(small, torch.ones_like(angle), angle)  # so that no side is 0 / 0
    weight_u = torch.where(small, 1 - t, torch.sin((1 - t) * safe) / torch.sin(safe))
    weight_v = torch.where(small, t, torch.sin(t * safe) / torch.sin(safe))
    return ((1 - t) * length_a + t * length_b) * (weight_u * u + weight_v * v)
    # END SOLUTION


# %% check="editing.slerp"
check("editing.slerp", slerp)

# %%
seed_everything(2)
judge = metrics.features("mnist", value_range=(0, 1), device=device)
reference = judge(train_images[:many]).features
a, b = (torch.randn(many, latent_dim, device=device) for _ in range(2))
times = [0.0, 0.125, 0.25, 0.375, 0.5]
paths = {"straight line": torch.lerp, "slerp": slerp}


@torch.no_grad()
def in_parts(function, inputs, size=250):
    """A network on many images or latents, some at a time."""
    return torch.cat([function(part) for part in inputs.split(size)])


def walked(path):
    """Mean length and Fréchet distance of the GAN's images at each t."""
    points = [path(a, b, t) for t in times]
    seen = [judge(in_parts(gan_images, z).clamp(0, 1)).features for z in points]
    lengths = [z.norm(dim=1).mean().item() for z in points]
    return lengths, [metrics.fid(each, reference) for each in seen]


walks = {name: walked(path) for name, path in paths.items()}
for name, (lengths, distances) in walks.items():
    print(
        f"{name:<14}",
        "  ".join(f"{n:.2f} → {d:.2f}" for n, d in zip(lengths, distances, strict=True)),
    )
print(f"(length → Fréchet distance of {many:,} images, at t =", *times, ")")

# %% tags=["folded"]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8))
for name, (lengths, distances) in walks.items():
    left.plot(times, lengths, "o-", label=name)
    right.plot(times, distances, "o-", label=name)
left.set(title="Length along the way", xlabel="t", ylabel="mean ‖z‖")
right.set(title="Sample quality along the way", xlabel="t", ylabel="Fréchet distance")
left.legend()
show(figure)
steps = torch.linspace(0, 1, 11)
rows = [gan_images(path(a[n : n + 1], b[n : n + 1], float(t))) for n in (0, 1)
        for path in paths.values() for t in steps]  # fmt: skip
show(plot_images(torch.cat(rows).detach(), 11, "GAN", row_titles=[*paths] * 2))

# %% [markdown]
# (Numbers in the text are those of `laptop` scale: one run, seed 0, on a CPU; at another scale yours differ.) The line's middle has length 3.97 where the ends have 5.61: the factor 0.71 of line 4. Slerp keeps 5.6 all the way. The samples follow: the Fréchet distance rises from 20.2 to 23.1 on the line, and to 21.6 on the way around.
# Both ends are the GAN's own samples, so 20.2 is what this young GAN gives at best. The gap is there and it is small, less dramatic than often told: a generator of 32 latents still draws something sensible at 0.71 of the radius. With more latents the shell is thinner, and the middle of the line further out of it.

# %% [markdown]
# ## 3 · One property, one vector
#
# Take the latents of many images that lean, and of many that do not. The difference of the two means points from the ones to the others: an **[attribute vector](glossary.ipynb#Attribute-vector)**. Added to any latent, it should make that image lean.
#
# ### Exercise · `attribute_vector(latents, has_attribute)`
# *4 minutes.* `latents` is `(N, Z)`, `has_attribute` `(N,)` of bools, with at least one of each. Return the mean latent of those that have it minus the mean of those that do not, `(Z,)`.


# %% exercise="editing.attribute_vector"
def attribute_vector(latents, has_attribute):
    """From the mean of latents `(N, Z)` without the attribute to that of those with it, `(Z,)`."""
    # BEGIN SOLUTION
    return latents[has_attribute].mean(dim=0) - latents[~has_attribute].mean(dim=0)
    # END SOLUTION


# %% check="editing.attribute_vector"
check("editing.attribute_vector", attribute_vector)

# %% [markdown]
# To say what it did, we need rulers. Both are sums over pixels, [image moments](glossary.ipynb#Image-moment), with the gray value $x_{ij}$ as a mass:
#
# - **slant**: $\sum x\,(r - \bar r)(c - \bar c) / \sum x\,(r - \bar r)^2$, rows $r$ counted upward: how many pixels to the right the stroke goes, on average, as it goes one pixel up. Lesson 13 has used it.
# - **stroke width**: $2 \sum x / \sum \|\nabla x\|$. A stroke of width $w$ and length $\ell$ has ink $w\ell$, and two edges: the gradient of a step from 0 to 1 adds up to 1 for each pixel of edge, $2\ell$ in all. The quotient is $w$.
#
# The next cell tries both on figures whose width and slant are known.


# %%
def slant(images):
    """Pixels to the right per pixel up, of each image `(N, 1, H, W)`."""
    x = images.squeeze(1).double()
    up = -torch.arange(x.shape[1], device=x.device).double()[:, None]
    right = torch.arange(x.shape[2], device=x.device).double()[None, :]
    mass = x.sum(dim=(1, 2), keepdim=True) + 1e-6
    up = up - (x * up).sum((1, 2), keepdim=True) / mass
    right = right - (x * right).sum((1, 2), keepdim=True) / mass
    return (x * up * right).sum((1, 2)) / ((x * up**2).sum((1, 2)) + 1e-6)


def stroke_width(images):
    """Twice the ink over the length of its edges, in pixels, of each image `(N, 1, H, W)`."""
    x = F.pad(images.squeeze(1).double(), (1, 1, 1, 1))
    down, right = x.diff(dim=1)[:, :, :-1], x.diff(dim=2)[:, :-1]
    return 2 * x.sum((1, 2)) / ((down**2 + right**2 + 1e-12).sqrt().sum((1, 2)) + 1e-6)


# %% tags=["nbval-check-output"]
bars = torch.zeros(4, 1, 400, 60)
for n, pixels in enumerate((2, 3, 5, 8)):
    bars[n, 0, 50:350, 20 : 20 + pixels] = 1
print("bars of 2, 3, 5, 8 pixels:", [round(w, 2) for w in stroke_width(bars).tolist()])
leaning = torch.zeros(3, 1, 40, 80)
for n, lean in enumerate((0.0, 0.5, -1.0)):
    for row in range(5, 35):
        leaning[n, 0, row, round(40 + lean * (20 - row))] = 1
print("lines that lean by 0, 0.5, -1:", [round(s, 2) for s in slant(leaning).tolist()])
assert (stroke_width(bars) - torch.tensor([2.0, 3, 5, 8])).abs().max() < 0.25
assert (slant(leaning) - torch.tensor([0.0, 0.5, -1.0])).abs().max() < 0.02

# %% [markdown]
# (A short bar comes out a little thin, since its two ends are edges as well.) Now the vectors, of training images: the third that leans most against the third that leans least, and so for the width. A second pair of vectors is made **digit by digit** and averaged. **Predict**: why might that matter?

# %%
pool = train_images[: 10 * many]
pool_labels, pool_latents = train_labels[: 10 * many], in_parts(vae_latents, pool)
rulers = {"slant": slant, "width": stroke_width}


def thirds(values):
    """Which lie in the upper third, and which in the upper or lower one."""
    low, high = values.quantile(1 / 3), values.quantile(2 / 3)
    return values > high, (values > high) | (values < low)


def vector_of(latents, values):
    upper, outer = thirds(values.float())
    return attribute_vector(latents[outer], upper[outer])


vectors = {}
for name, ruler in rulers.items():
    values = ruler(pool)
    vectors[name] = vector_of(pool_latents, values)
    groups = [pool_labels == digit for digit in range(10)]
    each = [vector_of(pool_latents[group], values[group]) for group in groups]
    vectors[f"{name}, digit by digit"] = torch.stack(each).mean(dim=0)
seed_everything(3)
stray = torch.randn(latent_dim, device=device)
vectors["a random direction"] = stray / stray.norm() * vectors["slant"].norm()

# %% [markdown]
# The measurement: encode test images, add the vector, decode, and compare with what the decoder makes of the same latents *without* it. Every image is its own control. Changes are told in standard deviations of the test images, with 95 % intervals of their means. Beside them stand
# the **plain alternatives**, which need no model: shear the pixels; let each pixel take the largest value of its 3×3 neighborhood, half and half with the image.


# %%
def mean_and_half_width(values):
    """Mean of a sample and the half-width of its 95 % interval (1.96 standard errors)."""
    values = values.double()
    return values.mean().item(), 1.96 * values.std().item() / math.sqrt(len(values))


def shear(images, by):
    """Pixels moved `by` to the right for each pixel up, about the middle."""
    affine = torch.tensor([[1.0, by, 0.0], [0.0, 1.0, 0.0]], device=images.device)
    grid = F.affine_grid(affine.expand(len(images), 2, 3), images.shape, align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


held_out, held_out_labels = test_images[:many], test_labels[:many]
latents = in_parts(vae_latents, held_out)
as_decoded = in_parts(vae_images, latents)
spreads = {name: ruler(held_out).std() for name, ruler in rulers.items()}
read = judge(as_decoded).probabilities.argmax(dim=1)


def what_moved(before, after):
    """Changes of slant and width in standard deviations, and whether the digit is read as before."""
    moved = {n: (r(after) - r(before)) / spreads[n] for n, r in rulers.items()}
    same = judge(after.clamp(0, 1)).probabilities.argmax(dim=1)
    kept = same == judge(before.clamp(0, 1)).probabilities.argmax(dim=1)
    return {n: mean_and_half_width(v) for n, v in moved.items()} | {"kept": kept.double().mean()}


edits = {name: (as_decoded, in_parts(vae_images, latents + v)) for name, v in vectors.items()}
edits["plain: shear by 0.3"] = held_out, shear(held_out, 0.3)
grown = (held_out + F.max_pool2d(held_out, 3, stride=1, padding=1)) / 2
edits["plain: 3×3 maximum, half"] = held_out, grown
print("edit                       slant            width            read as before")
for name, (before, after) in edits.items():
    moved = what_moved(before, after)
    cells = [f"{m:+.2f} ± {h:.2f}" for m, h in (moved["slant"], moved["width"])]
    print(f"{name:<26} {cells[0]:<16} {cells[1]:<16} {moved['kept']:.1%}")

# %% tags=["folded"]
strengths = (-1.5, -1, -0.5, 0, 0.5, 1, 1.5)
rows = []
for name in ("slant, digit by digit", "width, digit by digit"):
    for n in (0, 4):
        rows += [vae_images(latents[n : n + 1] + s * vectors[name]) for s in strengths]
names = ["slant", "slant", "width", "width"]
title = "Test images moved along two vectors, from -1.5 to 1.5 times"
show(plot_images(torch.cat(rows).detach(), len(strengths), title, row_titles=names))

# %% [markdown]
# Both vectors do what they say, on digits that no network has seen: a step along them adds 1.5 standard deviations of slant, or of stroke width. What *else* moves? The other ruler hardly does (+0.12 and +0.07). But every sixth digit that leans more is read as another one (83.4 % as before), no more than after a random direction of the same length; the width's vector is gentler (95.4 %).
# Averaging digit by digit hardly matters for slant (84.0 %), and helps the width a little (96.7 %): so in this data the two properties are only weakly tied to the digit. The plain tools win where they apply: shearing pixels gives nearly as much slant and keeps 99.4 % of the digits. A vector in latent space is for what no formula on pixels can do.

# %% [markdown]
# ## 4 · Inversion: which latent makes this image?
#
# A VAE answers by its encoder. A GAN has none, but its generator can be differentiated, so the question becomes a descent: over $z$, not over weights. For an image $x$,
#
# 1. the error is $E(z) = \|G(z) - x\|^2$.
# 2. By the chain rule $\nabla E(z) = 2\, J^\top (G(z) - x)$, with the Jacobian $J_{pk} = \partial G_p / \partial z_k$: what is wrong with each pixel, passed back to the latents that move it.
# 3. $E$ is not convex. Where the descent ends depends on where it starts: try several starts, or take a good one.
#
# This is **[inversion](glossary.ipynb#Inversion)**.
#
# ### Exercise · `invert(generator, images, steps, learning_rate, z)`
# *12 minutes.* `generator` maps latents `(B, Z)` to images `(B, C, H, W)`; `images` are the ones wanted; `z` is the start, `(B, Z)`, a row for each image. Make `steps` steps down the squared error with an optimizer of your choice (Adam will do) at `learning_rate`, and return the latents found,
# `(B, Z)`, without a graph. They make images that are closer, each to its own. The caller's `z` and the generator's weights and mode stay as they are; no image may move another's latents; `steps` 0 or `learning_rate` 0 gives the start back.


# %% exercise="editing.invert"
def invert(generator, images, steps, learning_rate, z):
    """Latents `(B, Z)` whose images come closer to `images` than those of the start z do."""
    # BEGIN SOLUTION
    z = z.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([z], learning_rate)
    for _ in range(steps):
        loss = (generator(z) - images).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return z.detach()
    # END SOLUTION


# %% check="editing.invert"
check("editing.invert", invert)

# %% [markdown]
# Line 2, checked in `float64` against a difference quotient, one latent at a time:

# %%
seed_everything(4)
exact = DigitGenerator(5, width=4).double().eval()
point, wanted = torch.randn(1, 5).double().requires_grad_(), torch.rand(1, 1, 28, 28).double()
jacobian = torch.autograd.functional.jacobian(lambda z: exact(z).flatten(), point)[:, 0]
line_2 = 2 * jacobian.T @ (exact(point) - wanted).flatten()
shift = 1e-6 * torch.eye(5).double()
error = [(exact(point + s * shift) - wanted).square().sum(dim=(1, 2, 3)) for s in (1, -1)]
assert torch.allclose(line_2, (error[0] - error[1]) / 2e-6, rtol=1e-4, atol=1e-4)
print("2 Jᵀ(G(z) - x) is what differences say")

# %% [markdown]
# A start for the GAN: an encoder trained on nothing but the GAN's own samples, whose latents are known (we drew them). It learns $G(z) \mapsto z$.

# %%
gan_encoder = dense(784, 400, latent_dim).to(device)
optimizer = torch.optim.Adam(gan_encoder.parameters(), 2e-3)


def encoder_round(z):
    loss = (gan_encoder(gan_images(z)) - z).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"squared error": loss}


seed_everything(5)
known_latents = torch.randn(20_000, latent_dim, device=device)
train(encoder_round, (gan_encoder, generator), [optimizer], known_latents, encoder_steps, 128)

# %% [markdown]
# Now test images. **Predict** the order: the mean training image; the nearest training image; a random start, once, and the best of five; the encoder's guess as it is, and as a start. And: GAN or VAE?

# %%
wanted = test_images[:some]
mean_image = train_images.mean(dim=0, keepdim=True)
nearest = torch.cdist(wanted.flatten(1), train_images.flatten(1)).argmin(dim=1)
results = {
    "mean training image": mean_image.expand_as(wanted),
    "nearest training image": train_images[nearest],
}
guesses = {"GAN": gan_encoder(wanted), "VAE": vae_latents(wanted)}
found = {}
for name, decode in models.items():
    seed_everything(6)
    starts = [torch.randn(some, latent_dim, device=device) for _ in range(5)]
    ends = [decode(invert(decode, wanted, search_steps, 0.1, start)) for start in starts]
    scores = torch.stack([psnr(wanted, end, 1.0) for end in ends])  # (5, some)
    best = scores.argmax(dim=0)
    found[name] = invert(decode, wanted, search_steps, 0.1, guesses[name])
    results[f"{name}, one random start"] = ends[0]
    results[f"{name}, best of five starts"] = torch.stack(ends)[best, torch.arange(some)]
    results[f"{name}, encoder's guess"] = decode(guesses[name])
    results[f"{name}, from the encoder's guess"] = decode(found[name])
    spread = scores.std(dim=0).mean()
    print(f"{name}: five starts for one image end {spread:.2f} dB apart (standard deviation)")
decibels = {name: psnr(wanted, images.detach(), 1.0) for name, images in results.items()}
scores = {name: mean_and_half_width(values) for name, values in decibels.items()}
for name, (mean, half) in scores.items():
    print(f"{name:<32} {mean:5.2f} ± {half:.2f} dB")

# %%
for name in models:
    gain = decibels[f"{name}, from the encoder's guess"] - decibels[f"{name}, one random start"]
    mean, half = mean_and_half_width(gain)
    print(f"{name}: encoder start minus random start, image by image: {mean:+.2f} ± {half:.2f} dB")
gain = decibels["VAE, from the encoder's guess"] - decibels["GAN, from the encoder's guess"]
print("VAE minus GAN, both from the guess: {:+.2f} ± {:.2f} dB".format(*mean_and_half_width(gain)))

# %% tags=["folded"]
show(plot_intervals(scores, "Inversion of test images", "PSNR (dB)"))
shown = ["GAN, one random start", "GAN, from the encoder's guess", "VAE, from the encoder's guess"]
rows = torch.cat([wanted[:6], *(results[name][:6].detach() for name in shown)])
show(plot_images(rows, 6, row_titles=["test image", *shown]))

# %% [markdown]
# The start decides. For the GAN five random starts end 1.7 dB apart, the best of them gains 1.8 dB over one, and the encoder's guess, poor as it is by itself (15.7 dB), is the best start of all: 3.7 ± 0.7 dB above a random one. For the VAE starts matter less (0.3 dB apart), and the encoder's guess still wins, by 1.2 ± 0.4 dB. All of the searches
# beat the nearest training image (17.5 dB). And from the guess the VAE comes 2.1 ± 0.6 dB closer than the GAN: it was trained to bring images back, the GAN never was. Section 8 shows the price of such closeness.

# %% [markdown]
# ## 5 · Inpainting: fill the hole, without looking into it
#
# Some pixels are missing. A mask $m$ says which are known ($m = 1$). Search for the latent whose image fits the *known* pixels,
#
# $$ \hat z = \arg\min_z \| m \odot (G(z) - x) \|^2 , \qquad \hat x = m \odot x + (1 - m) \odot G(\hat z) , $$
#
# keep what is known exactly, and take the hole from the decoder: [inpainting](glossary.ipynb#Inpainting). A missing pixel has no part in the loss: a term that is multiplied by 0 has no gradient. (In an experiment it is easy to cheat, since the image *is* there: a loss over all pixels is the commonest leak.)
#
# ### Exercise · `inpaint(decode, images, mask, steps, learning_rate, z)`
# *10 minutes.* `decode` maps latents `(B, Z)` to images; `mask` is `(B, 1, H, W)`, 1 where a pixel of `images` `(B, C, H, W)` is known, else 0; `z`, `steps` and `learning_rate` as in `invert`. Fit the known pixels, as there by gradient steps, and return images `(B, C, H, W)` without a graph: known pixels as they were, to the last bit, the others from
# `decode` at the latents found (with `steps` 0, at the start). Nothing in the hole may have any influence.


# %% exercise="editing.inpaint"
def inpaint(decode, images, mask, steps, learning_rate, z):
    """Images `(B, C, H, W)` with the pixels where mask is 0 taken from the decoder's best fit."""
    # BEGIN SOLUTION
    z = z.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([z], learning_rate)
    for _ in range(steps):
        loss = (mask * (decode(z) - images)).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return torch.where(mask == 1, images, decode(z))
    # END SOLUTION


# %% check="editing.inpaint"
check("editing.inpaint", inpaint)

# %% [markdown]
# The alternatives, from plain to less plain: the mean training image; **diffusion**, where each missing pixel becomes the mean of its four neighbors again and again, until the border has flowed in; and **linear regression** of the hole on the known pixels, learned on the training images. The holes
# are squares of 8, 12 and 16 pixels in the middle, and the score is the PSNR *inside the hole*. Since a blurred hole scores well and convinces nobody, the share that the shipped classifier still reads as labeled stands beside it. **Predict** who wins the PSNR.


# %%
def diffuse(images, mask, rounds=600):
    """The hole filled by averaging neighbors, the border held fixed (Laplace's equation)."""
    cross = torch.tensor([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]], device=images.device) / 4
    filled = images * mask
    for _ in range(rounds):
        filled = torch.where(mask == 1, images, F.conv2d(filled, cross[None, None], padding=1))
    return filled


def regress(images, mask, ridge=0.01):
    """The hole by the best linear rule of the known pixels, over the training images."""
    known = mask[0].flatten() == 1
    x = train_images.flatten(1)
    center, cov = x.mean(dim=0), torch.cov(x.T)
    of_known = cov[known][:, known] + ridge * torch.eye(int(known.sum()), device=x.device)
    rule = torch.linalg.solve(of_known, cov[known][:, ~known])
    filled = images.flatten(1).clone()
    filled[:, ~known] = center[~known] + (filled[:, known] - center[known]) @ rule
    return filled.clamp(0, 1).reshape(images.shape)


def by_search(decode, starts):
    """The tool with several starts: the one that fits the known pixels of an image best is kept."""

    def fill(images, mask):
        ends = torch.stack([inpaint(decode, images, mask, search_steps, 0.1, z) for z in starts])
        fits = torch.stack([invert_error(decode, images, mask, z) for z in starts])
        return ends[fits.argmin(dim=0), torch.arange(len(images))]

    return fill


# %% [markdown]
# Which start was the best can be told from the known pixels alone; but `inpaint` gives no latents back. We find them by `invert` with a masked decoder, $m \odot G$, on the masked image, $m \odot x$: the same loss, so the same $\hat z$.


# %%
def invert_error(decode, images, mask, z):
    """What remains of the error on the known pixels at the end of the search, `(B,)`."""
    z = invert(lambda z: mask * decode(z), mask * images, search_steps, 0.1, z)
    return (mask * (decode(z) - images)).square().sum(dim=(1, 2, 3))


seed_everything(7)
random_starts = [torch.randn(some, latent_dim, device=device) for _ in range(2)]
fillers = {
    "mean image": lambda images, mask: torch.where(mask == 1, images, mean_image),
    "diffusion": diffuse,
    "linear regression": regress,
    "VAE": by_search(vae_images, random_starts),
    "GAN": by_search(gan_images, random_starts),
}
inside, readable, mended = {}, {}, {}
for side in (8, 12, 16):
    edge = (28 - side) // 2
    mask = torch.ones(some, 1, 28, 28, device=device)
    mask[:, :, edge : edge + side, edge : edge + side] = 0
    square = slice(edge, edge + side)
    for name, fill in fillers.items():
        filled = fill(wanted, mask).detach()
        assert torch.equal(filled[mask == 1], wanted[mask == 1])
        mended[side, name] = filled
        inside[side, name] = psnr(
            wanted[..., square, square], filled[..., square, square], 1.0
        ).clamp(max=60)
        right = judge(filled).probabilities.argmax(dim=1) == test_labels[:some]
        readable[side, name] = int(right.sum())

# %%
print("PSNR in the hole (dB), and read as labeled")
print("method            " + "".join(f"{f'{side} × {side}':<26}" for side in (8, 12, 16)))
for name in fillers:
    cells = []
    for side in (8, 12, 16):
        mean, half = mean_and_half_width(inside[side, name])
        cells.append(f"{mean:5.2f} ± {half:.2f}, {readable[side, name] / some:4.0%}")
    print(f"{name:<18}" + "".join(f"{cell:<26}" for cell in cells))
for side in (8, 12, 16):
    for other in ("diffusion", "linear regression"):
        mean, half = mean_and_half_width(inside[side, "VAE"] - inside[side, other])
        print(f"{side} × {side}: VAE minus {other}, image by image: {mean:+.2f} ± {half:.2f} dB")

# %% tags=["folded"]
mask = torch.ones(1, 1, 28, 28, device=device)
mask[:, :, 8:20, 8:20] = 0
rows = [wanted[:8], wanted[:8] * mask + 0.5 * (1 - mask), *(mended[12, n][:8] for n in fillers)]
titles = ["test image", "hole", *fillers]
show(plot_images(torch.cat(rows), len(rows[0]), "A hole of 12 × 12", row_titles=titles))

# %% [markdown]
# An honest table: in the small hole the VAE is level with linear regression (+0.04 ± 1.21 dB) and beats diffusion by 2.7 ± 1.2 dB. In the larger holes **linear regression has the better PSNR** (by 0.8 ± 0.6 and 1.8 ± 0.5 dB), and in the largest even diffusion is as good. The GAN loses to the VAE everywhere. But look at the other column: of the
# 16 × 16 holes the classifier reads 48 % as labeled when the VAE has filled them, 18 % after regression, none after diffusion. PSNR is best served by the mean of all digits that could stand there, a gray smear; the search commits itself to one. When it commits to the wrong one, a stroke in the wrong place costs twice. (50 images; the shares are uncertain by about 14 points.)

# %% [markdown]
# Now you hold the brush. Drag over the digit and let go: the VAE fills what you have painted. What you paint over is taken out of the image before the model gets it. Try the loop of a 6, half of an 8, and everything but a corner.


# %%
def fill(image, mask):
    """One image, from two starts at once; the one that fits the known pixels better."""
    image, mask = image.to(device).expand(2, -1, -1, -1), mask.to(device)
    starts = torch.stack([torch.zeros(latent_dim), 0.3 * torch.ones(latent_dim)]).to(device)
    fits = invert_error(vae_images, image, mask, starts)
    filled = inpaint(vae_images, image, mask.expand(2, -1, -1, -1), search_steps, 0.1, starts)
    return filled[fits.argmin()][None]


brush_explorer(fill, test_images[[11, 61, 9, 1, 0]])

# %% [markdown]
# ## 6 · Compositing: where the seam comes from
#
# Two images $f$ and $b$ and a mask $m$ between 0 and 1: $\;c = m \odot f + (1 - m) \odot b$, an **[alpha blend](glossary.ipynb#Alpha-blend)**. The eye sees a seam where the gradient jumps. In one dimension:
#
# 1. The product rule gives $c' = m f' + m' f + (1 - m)\, b' - m'\, b$.
# 2. Collect: $c' = \big[m f' + (1 - m)\, b'\big] + m'\,(f - b)$. The bracket is a mix of gradients that both images have anyway; **the seam is the last term**.
# 3. It is large where the mask changes fast *and* the images differ. A hard mask has $m' = 1$ on one pixel; a ramp of $w$ pixels has $m' = 1/w$ on each of them.
# 4. So a ramp does not remove the seam: it spreads it, to a $w$-th of its height. And where $f = b$, no mask makes a seam.
#
# ### Exercise · `composite(foreground, background, mask)`
# *4 minutes.* Both images are `(B, C, H, W)`, the mask `(B, 1, H, W)` in [0, 1]: 1 shows the foreground. Return the blend, `(B, C, H, W)`; differentiable by all three.


# %% exercise="editing.composite"
def composite(foreground, background, mask):
    """The foreground where mask is 1, the background where it is 0, shares of both between."""
    # BEGIN SOLUTION
    return mask * foreground + (1 - mask) * background
    # END SOLUTION


# %% check="editing.composite"
check("editing.composite", composite)

# %% [markdown]
# Discrete pixels have a line 2 of their own, exact as well: with $\Delta$ the difference of neighbors and a bar their mean, $\Delta(mf) = \bar m\, \Delta f + \bar f\, \Delta m$. The cell checks it. Then left halves of test digits meet right halves of *other* digits of the same class, in four ways: a hard mask; a ramp of
# 8 pixels; a hard mask and then the middle 8 columns cut out and **inpainted by the VAE**; and, to know what nothing looks like, the whole digit. The measure is the seam's height: of each row that has ink, the largest difference of neighbors across the middle 8 columns, averaged.

# %%
left, right, rows = [], [], torch.arange(28, device=device)
for digit in range(10):
    places = (test_labels == digit).nonzero()[: 2 * max(1, some // 10), 0]
    left += places[::2].tolist()
    right += places[1::2].tolist()
left, right = test_images[left], test_images[right]
columns = torch.arange(28.0, device=device)
hard = (columns < 14).float().expand(len(left), 1, 28, 28)
ramp = ((18 - columns) / 8).clamp(0, 1).expand(len(left), 1, 28, 28)
cells = composite(left, right, ramp)


def across(x):
    return x.diff(dim=3)


def middle(x):
    return (x[..., 1:] + x[..., :-1]) / 2


line_2 = middle(ramp) * across(left) + middle(1 - ramp) * across(right)
line_2 = line_2 + across(ramp) * (middle(left) - middle(right))
assert torch.allclose(across(cells), line_2, atol=1e-6)

band = ((columns < 10) | (columns >= 18)).float().expand(len(left), 1, 28, 28)
seed_everything(8)
starts = torch.zeros(len(left), latent_dim, device=device)
pasted = {"hard mask": composite(left, right, hard), "ramp of 8": cells}
mended_band = inpaint(vae_images, pasted["hard mask"], band, search_steps, 0.1, starts)
pasted |= {"hard, band inpainted": mended_band, "whole digits": left}


def seam(images):
    """Of each image: the largest step across the middle columns, averaged over rows with ink."""
    inked = (images.amax(dim=3) > 0.5).float().squeeze(1)
    steps = across(images)[..., 9:18].abs().amax(dim=3).squeeze(1)
    return (steps * inked).sum(dim=1) / inked.sum(dim=1).clamp(min=1)


labels = torch.arange(10, device=device).repeat_interleave(len(left) // 10)
print("method                  seam             read as that digit")
for name, images in pasted.items():
    mean, half = mean_and_half_width(seam(images))
    hit = (judge(images.clamp(0, 1)).probabilities.argmax(dim=1) == labels).double().mean()
    print(f"{name:<23} {mean:.3f} ± {half:.3f}    {hit:.0%}")

# %% tags=["folded"]
chosen = torch.arange(0, len(left), max(1, len(left) // 10), device=device)[:10]
rows = torch.cat([left[chosen], right[chosen], *(images[chosen] for images in pasted.values())][:5])
titles = ["gives its left", "gives its right", *pasted][:5]
show(plot_images(rows, len(chosen), "Two halves, three seams", row_titles=titles))

# %% [markdown]
# The ramp takes the seam from 0.73 down to 0.57. That is below what whole digits have there (0.65), so with it some contrast of real strokes has gone: the ramp blurs what it blends, and a half-bright stroke runs out on both sides. Inpainting the band gives the flattest transition (0.53), and is read least often (88 %): the VAE closes the gap and sometimes makes another
# digit of it. Line 2 says what would be best: cut where both images agree.

# %% [markdown]
# ## 7 · What goes wrong
#
# | what you see | what it means | what to try |
# |---|---|---|
# | faint, washed-out images midway | the straight line left the shell | slerp; look at ‖z‖ along the way |
# | an attribute changes the digit, too | the attribute and the class go together in the data | vectors class by class; a smaller step |
# | inversion stops at a wrong digit | a poor start, and $E$ is not convex | several starts, the best by the error that remains; an encoder's guess |
# | a perfect inversion that cannot be edited | $z$ far outside the shell | print ‖z‖; add $\lambda \lVert z \rVert^2$ to the loss |
# | an inpainting that is too good | the loss sees the hole | put other numbers in the hole: nothing may change |
# | a high PSNR and a gray smear | the mean of many possible holes | ask a classifier, too; show several fillings |
# | a seam in spite of a soft mask | the images differ there | move the seam, or let a model fill the band |

# %% [markdown]
# ## 8 · Change one thing
#
# **First: a pull to the shell's middle.** Nothing in `invert` keeps $z$ where the generator was trained. Print the lengths of the latents found. Then add $\lambda\|z\|^2$ to the loss (a decoder that also returns $\sqrt\lambda\, z$ will do, compared with zeros): what does it cost in PSNR?

# %%
# your experiment


# %% tags=["solution"]
def pulled(decode, strength):
    """invert's loss plus strength · ‖z‖²: the latents stand beside the pixels as more of them."""

    def both(z):
        return torch.cat([decode(z).flatten(1), math.sqrt(strength) * z], dim=1)

    return both


target = torch.cat([wanted.flatten(1), torch.zeros(some, latent_dim, device=device)], dim=1)
print(f"the prior's shell: ‖z‖ about {math.sqrt(latent_dim):.1f}")
for name, decode in models.items():
    for strength in (0.0, 0.1, 1.0):
        z = invert(pulled(decode, strength), target, search_steps, 0.1, guesses[name])
        mean, half = mean_and_half_width(psnr(wanted, decode(z), 1.0))
        print(f"{name}, λ = {strength}: ‖z‖ {z.norm(dim=1).mean():.1f}, {mean:.2f} ± {half:.2f} dB")

# %% [markdown] tags=["solution"]
# Without a pull the VAE's latents run out to a length of 16.9, three times the shell's 5.7: the search has found corners of the space that the decoder was never trained in, where pixels happen to fit. That is where its 25.2 dB came from. With λ = 0.1 the length is 4.6 and 3 dB are gone. The GAN's stay near the shell by themselves (6.7) and pay 1 dB. Whoever wants to
# *edit* the image afterwards takes the pull: a latent from nowhere does not answer to a vector or a walk as its neighbors do.

# %% [markdown]
# **Second: how far does a vector carry?** Move along the width's vector by 0.5, 1, 2, 4 times. How much wider do the strokes become, and how many digits are still read as before?

# %%
# your experiment

# %% tags=["solution"]
for strength in (0.5, 1, 2, 4):
    after = in_parts(vae_images, latents + strength * vectors["width, digit by digit"])
    moved = what_moved(as_decoded, after)
    mean, half = moved["width"]
    print(f"{strength} times: width {mean:+.2f} ± {half:.2f}, read as before {moved['kept']:.1%}")

# %% [markdown] tags=["solution"]
# The width follows almost in a straight line: +0.7, +1.5, +3.4, +7.2 standard deviations. The digits do not: 98.6, 96.7, 84.0, 32.5 % are read as before. One step is an edit, four are another image.

# %% [markdown]
# ## What you take along
#
# 1. Samples of a Gaussian with many dimensions lie in a shell of radius $\sqrt Z$. Walk on it.
# 2. To edit an image, look for a latent by gradient; weights stay as they are. Where the search starts decides where it ends.
# 3. An editing tool is worth what it has over the plainest alternative, on images that it has not seen, image by image and with an interval.
#
# **References.** White (2016), *Sampling Generative Networks*, arXiv 1609.04468, for slerp and attribute vectors · Larsen, Sønderby, Larochelle and Winther (2016), arXiv 1512.09300 · Zhu, Krähenbühl, Shechtman and Efros (2016), *Generative Visual Manipulation on the Natural Image Manifold*, arXiv 1609.03552 · Yeh and others (2017),
# *Semantic Image Inpainting with Deep Generative Models*, arXiv 1607.07539 · Porter and Duff (1984), *Compositing Digital Images*, SIGGRAPH · Shoemake (1985), *Animating Rotation with Quaternion Curves*, SIGGRAPH.
#
# **Next** is 15b: styles, noise, augmentation that helps and that leaks, and whether made images can teach a classifier.
