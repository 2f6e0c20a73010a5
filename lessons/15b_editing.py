# %% [markdown]
# # 15b · Style, noise, and images that teach
#
# Second sitting. You paint one emoji in the manner of another, with nothing but a classifier's features and a gradient; free digits of noise and of coarse pixels; train GANs on 500 images with augmentation that helps, and with augmentation that leaks into what they draw; and ask whether made images can teach a classifier.
#
# ![One emoji in the manner of another, by weight of the style](../images/15b_editing.png)
#
# <details><summary>中文导读</summary>
#
# 本课第二部分:用课程自带的表情符号分类器的特征做风格迁移,证明 Gram 矩阵会忘记位置;
# 用 PSNR 和 SSIM 比较去噪与放大的方法,并与高斯模糊、双三次插值等最朴素的方法对比;
# 只有 500 张图像时,数据增强若只用于真实图像就会“泄漏”到生成结果中,对真假图像同时增强则不会(翻转概率为 1/2 时除外,课中给出原因);
# 最后检验合成数据能否帮助分类器:标签为 10、100、1000 个时,给出配对差值的置信区间,无论结果好坏。术语对照见 [glossary](glossary.ipynb)。
#
# </details>
#
# **You will be able to**
# - say what a Gram matrix keeps of an image and what it forgets, and trade content against style,
# - compare restorations by PSNR and SSIM with the plainest alternative, image by image,
# - say when an augmentation leaks, prove it on two points, and count it in samples,
# - test whether synthetic data help, and report an interval that may hold 0.
#
# **Time** 90 minutes · **Builds on** 04_autoencoders, 12_evaluation, 13_conditional, 15a_editing · **Papers** Gatys, Ecker and Bethge (2016), *Image Style Transfer Using Convolutional Neural Networks*, CVPR; Wang and others (2004) for SSIM; Zhao and others (2020), *Differentiable Augmentation for Data-Efficient GAN Training*, arXiv 2006.10738; Karras and others (2020), arXiv 2006.06676, section 2.2 for leaks.

# %% tags=["folded"]
import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from course_lib import metrics
from course_lib.checks import check
from course_lib.data import emoji_table, load_emoji, load_mnist
from course_lib.editing_plots import plot_augmented_games, plot_intervals, plot_trade
from course_lib.fast import fast
from course_lib.history import watch
from course_lib.metrics import psnr, ssim
from course_lib.networks import DigitClassifier, DigitDiscriminator, DigitGenerator
from course_lib.plotting import plot_images, show
from course_lib.probability import bernoulli_log_likelihood, kl_to_standard_normal
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything

seed_everything(0)
device = pick_device()
latent_dim = 32
style_steps = at_scale(smoke=4, laptop=150, gpu=600)
restorer_steps = at_scale(smoke=10, laptop=350, gpu=5_000)
vae_steps = at_scale(smoke=10, laptop=1_500, gpu=20_000)
some = at_scale(smoke=8, laptop=200, gpu=1_000)  # test images that are restored
few = at_scale(smoke=40, laptop=500, gpu=500)  # images that the GANs learn from
gan_steps = at_scale(smoke=5, laptop=400, gpu=20_000)
width = at_scale(smoke=4, laptop=32, gpu=64)
many = at_scale(smoke=100, laptop=2_000, gpu=5_000)  # samples that are measured
trials = at_scale(smoke=2, laptop=5, gpu=10)  # seeds of the last experiment
classifier_steps = at_scale(smoke=10, laptop=250, gpu=2_000)
maker_steps = at_scale(smoke=10, laptop=400, gpu=4_000)  # of the VAE that makes labeled images
print(f"scale {course_scale()} on {device}")

# %% [markdown]
# ## 1 · What a style is
#
# A layer of a classifier gives $C$ maps of features, $H \times W$ each: how strongly channel $c$ answers at each place. Two things can be read off it. **Content**: which channel answers *where*. **Style**, after Gatys and others: which channels answer *together*, wherever that is.
#
# ![Maps of features, flattened to a row for each channel, and the products of all pairs of rows](../images/15_gram.png)
#
# 1. Write the maps as a matrix $F$, $C \times HW$, a column for each place $p$.
# 2. The **[Gram matrix](glossary.ipynb#Gram-matrix)** is $K = \dfrac{1}{CHW} F F^\top$, $\;K_{ij} = \dfrac{1}{CHW} \sum_p F_{ip} F_{jp}$.
# 3. Move the places about by any permutation: the columns of $F$ change their order, $F P$ with $P P^\top = I$, and $F P P^\top F^\top = F F^\top$. **A Gram matrix forgets where things are**, and forgets nothing of how often two channels meet.
# 4. Its gradient by the features: for a change $dF$, $dK = (dF\,F^\top + F\,dF^\top)/CHW$. So for $L = \sum_{ij} (K - A)_{ij}^2$ with a wanted matrix $A$, $\;\nabla_F L = \dfrac{4}{CHW} (K - A) F$: each place is pushed along what is already there.
#
# ### Exercise · `gram_matrix(features)`
# *5 minutes.* `features` is `(B, C, H, W)`. Return line 2 for each image, `(B, C, C)`, divided by $C \cdot H \cdot W$; differentiable.


# %% exercise="editing.gram_matrix"
def gram_matrix(features):
    """Products of channels added over places, `(B, C, C)`, over C·H·W, of features `(B, C, H, W)`."""
    # BEGIN SOLUTION
    flat = features.flatten(start_dim=2)
    return flat @ flat.transpose(1, 2) / features[0].numel()
    # END SOLUTION


# %% check="editing.gram_matrix"
check("editing.gram_matrix", gram_matrix)

# %% tags=["nbval-check-output"]
seed_everything(0)
maps = torch.randn(1, 5, 6, 7, dtype=torch.float64, requires_grad=True)
moved = maps.flatten(2)[:, :, torch.randperm(42)].unflatten(2, (6, 7))
print("places moved about, same matrix:", torch.allclose(gram_matrix(maps), gram_matrix(moved)))
wanted = torch.randn(5, 5, dtype=torch.float64)
wanted = wanted + wanted.T
(slope,) = torch.autograd.grad((gram_matrix(maps) - wanted).square().sum(), maps)
flat = maps.detach().flatten(2)[0]
line_4 = 4 / maps[0].numel() * (gram_matrix(maps).detach()[0] - wanted) @ flat
print("line 4 is autograd's gradient:", torch.allclose(slope.flatten(2)[0], line_4))
assert torch.allclose(gram_matrix(maps), gram_matrix(moved))
assert torch.allclose(slope.flatten(2)[0], line_4)

# %% [markdown]
# ## 2 · One emoji in the manner of another
#
# The features are those of the course's own emoji classifier (lesson 12), so this is a small cousin of what Gatys and others did with a large network. [Style transfer](glossary.ipynb#Style-transfer) is a descent over the *pixels*, which start as the content image:
#
# $$ L = \big\| \varphi_2(x) - \varphi_2(x_\text{content}) \big\|^2_\text{mean} + w \sum_{\ell = 1}^{3} \frac{\| K_\ell(x) - K_\ell(x_\text{style}) \|^2}{\| K_\ell(x_\text{style}) \|^2} + (1 + w)\, R(x) , $$
#
# with the layers $\varphi_1, \varphi_2, \varphi_3$ at 32, 16, 8 pixels a side. $R$ asks for smoothness: it is the mean of $|x_p - x_q|$ over pixels and their neighbors below, plus that over their neighbors at the right, the **total variation** of an image (not that of two distributions, lesson 11b). Without it the descent finds grain that the features like and the eye does not; its price is
# fine lines, and some of the style. Its weight grows with $w$, or a large $w$ would outvote it. The layers go in strides of two, so a pixel counts by its place in a grid of 8 × 8: each step moves all by a random shift, which evens that out. **Predict** what a large $w$ does to the *outline* of the emoji. The plainest alternative needs no network: give each color channel the mean and the standard deviation that it has in the style image.

# %%
noto, twemoji = load_emoji("test", value_range=(0, 1), device=device)
names = [row["name"] for row in emoji_table("test")]
network = metrics.features("emoji", value_range=(0, 1), device=device)


def layers(images):
    """The features behind the first three convolutions, of images in [0, 1]."""
    x, kept = 2 * images - 1, []
    for number, layer in enumerate(network.body[:9]):
        x = layer(x)
        if number in (2, 5, 8):
            kept.append(x)
    return kept


def losses(images, content, style, used=(0, 1, 2)):
    """Content and style loss of each image, `(B,)` both; `used`: the layers that style is read in."""
    here, there, manner = layers(images), layers(content), layers(style)
    content_loss = (here[1] - there[1]).square().flatten(1).mean(dim=1)
    style_loss = 0.0
    for number in used:
        wanted = gram_matrix(manner[number])
        apart = (gram_matrix(here[number]) - wanted).square().sum(dim=(1, 2))
        style_loss = style_loss + apart / wanted.square().sum(dim=(1, 2))
    return content_loss, style_loss


def transfer(content, style, weights, steps, used=(0, 1, 2)):
    """Pixels in [0, 1] after `steps` steps from the content, one image for each weight."""
    content, style = (image.expand(len(weights), -1, -1, -1) for image in (content, style))
    pixels = content.clone().requires_grad_()
    optimizer = torch.optim.Adam([pixels], lr=0.03)
    shifts = torch.Generator().manual_seed(0)
    for _ in range(steps):
        move = torch.randint(8, (2,), generator=shifts).tolist()  # strides see all places
        here, there = (images.roll(move, dims=(2, 3)) for images in (pixels, content))
        content_loss, style_loss = losses(here, there, style, used)
        rough = sum(pixels.diff(dim=axis).abs().mean(dim=(1, 2, 3)) for axis in (2, 3))
        optimizer.zero_grad()
        (content_loss + weights * style_loss + (1 + weights) * rough).sum().backward()
        optimizer.step()
        with torch.no_grad():
            pixels.clamp_(0, 1)
    return pixels.detach()


def colors_of(content, style):
    """The plain way: mean and standard deviation of each channel, taken over from the style."""
    mean, std = content.mean((2, 3), keepdim=True), content.std((2, 3), keepdim=True)
    standard = (content - mean) / std.clamp(min=1e-3)
    wanted = style.std((2, 3), keepdim=True), style.mean((2, 3), keepdim=True)
    return (standard * wanted[0] + wanted[1]).clamp(0, 1)


# %%
weights = torch.tensor([0.01, 0.1, 1.0, 10.0, 100.0], device=device)
pairs = [(88, 157), (42, 220)]  # contents and styles among the test emoji
rows, trade = [], {}
for content_at, style_at in pairs:
    content, style = noto[[content_at]], noto[[style_at]]
    painted = transfer(content, style, weights, style_steps)
    plain = colors_of(content, style)
    rows.append(torch.cat([content, style, plain, painted]))
    everything = torch.cat([content, plain, painted])
    with torch.no_grad():
        both = losses(everything, *(x.expand_as(everything) for x in (content, style)))
    trade[f"{names[content_at]}, like {names[style_at]}"] = torch.stack(both).cpu()
labels = ["content", "style", "colors alone", *(f"w = {w:g}" for w in weights.tolist())]
title = "Content, style, the plain way, and five weights"
show(plot_images(torch.cat(rows), len(labels), title, labels=labels * len(pairs), size=1.3))
for name, (content_loss, style_loss) in trade.items():
    print(name)
    for label, c, s in zip(["content", *labels[2:]], content_loss, style_loss, strict=True):
        print(f"   {label:<13} content loss {c:7.4f}, style loss {s:8.4f}")

# %% tags=["folded"]
show(plot_trade(trade, labels[3:]))

# %% [markdown]
# (Numbers in the text are those of `laptop` scale: seed 0, on a CPU; at another scale yours differ.) From w = 0.01 to 10 the style loss falls more than thirtyfold (2.95 to 0.083 for the cat, 2.53 to 0.076 for the pumpkin), and the cat's content loss rises from 0.008 to 0.46. Beyond that the style has next to nothing left to give. The colors alone leave most of the style loss (1.88 of 3.51; 2.51 of 2.67 for the pumpkin):
# a Gram matrix holds more than colors. The faces survive to w = 1, since the content loss names places. See the price of smoothness, too: the cat's whiskers fade even at w = 0.01, and large w gives flat blocks. Without $R$ and the shifts the same descent brought the cat to a style loss of 0.023 at w = 10, hardly more than a quarter of this one, in a picture full of grain: a lower loss is not yet a better picture.

# %% [markdown]
# ## 3 · Freed of noise, and of coarse pixels
#
# Test digits are spoiled in two ways: **noise** of standard deviation 0.3, clipped to [0, 1]; and **coarse pixels**, each block of 4×4 replaced by its mean, 7×7 in all. Who brings the digit back? Two measures: PSNR (lesson 04), and **[structural similarity](glossary.ipynb#Structural-similarity)**, which compares local means, contrasts and
# patterns under a window that slides over both images:
#
# $$ \mathrm{SSIM} = \frac{(2 \mu_x \mu_y + c_1)(2 \sigma_{xy} + c_2)}{(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)} , \quad \text{averaged over the image; 1 for equal images.} $$
#
# It is at most 1, because each factor is: $2\mu_x\mu_y \le \mu_x^2 + \mu_y^2$, and $2\sigma_{xy} \le 2\sigma_x\sigma_y \le \sigma_x^2 + \sigma_y^2$ (Cauchy and Schwarz). The constants keep 0/0 away.
#
# The tools: a Gaussian blur, its width chosen on training images; bicubic interpolation; a small convolutional network trained on pairs of spoiled and clean *training* images; a VAE that encodes and decodes; and a search among the VAE's latents for one whose image, **spoiled in the same way**, is the given one. That last tool never saw a spoiled image in
# training. And one that tutorials recommend to «enhance» images: random changes of brightness and contrast.


# %%
train_images, train_labels = load_mnist("train", device=device)
test_images, test_labels = load_mnist("test", device=device)


def add_noise(images):
    return (images + 0.3 * torch.randn_like(images)).clamp(0, 1)


def coarsen(images):
    """Each block of 4×4 pixels becomes its mean; the size stays."""
    return F.avg_pool2d(images, 4).repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)


def run(step, networks, optimizer, data, steps, batch_size=64):
    """Steps over random batches; the rate falls to 0 in a straight line over the second half."""
    schedule = LambdaLR(optimizer, lambda n: min(1, 2 * (1 - n / steps)))
    play = fast(step, networks, optimizer, steps=steps)
    for batch in watch(batches(data, batch_size, steps)):
        play(*batch) if isinstance(batch, tuple) else play(batch)
        schedule.step()
    for network in networks:
        network.eval()


def train_restorer(spoil):
    """A network that adds to the spoiled image what it lacks, learned from pairs."""
    seed_everything(0)
    restorer = nn.Sequential(
        nn.Conv2d(1, 24, 5, stride=2, padding=2), nn.ReLU(),
        nn.Conv2d(24, 48, 3, padding=1), nn.ReLU(), nn.Conv2d(48, 48, 3, padding=1), nn.ReLU(),
        nn.ConvTranspose2d(48, 1, 4, stride=2, padding=1),
    ).to(device)  # fmt: skip
    optimizer = torch.optim.Adam(restorer.parameters(), 2e-3)

    def step(images):
        spoiled = spoil(images)
        loss = (spoiled + restorer(spoiled) - images).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    run(step, (restorer,), optimizer, train_images, restorer_steps)
    return lambda spoiled: (spoiled + restorer(spoiled)).clamp(0, 1)


def dense(inputs, *widths):
    """Linear layers of these widths with a ReLU between them."""
    parts = [nn.Linear(inputs, widths[0])]
    for before, after in pairwise(widths):
        parts += [nn.ReLU(), nn.Linear(before, after)]
    return nn.Sequential(nn.Flatten(), *parts)


# %%
seed_everything(0)
encoder = dense(784, 400, 2 * latent_dim).to(device)
decoder = nn.Sequential(dense(latent_dim, 400, 784), nn.Unflatten(1, (1, 28, 28))).to(device)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)


def vae_step(images):
    mean, log_var = encoder(images).chunk(2, dim=1)
    logits = decoder(mean + torch.randn_like(mean) * (log_var / 2).exp())
    likelihood = bernoulli_log_likelihood(logits, images)
    loss = (kl_to_standard_normal(mean, log_var) - likelihood).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


run(vae_step, (encoder, decoder), optimizer, train_images, vae_steps, 128)
restorers = {"noise": train_restorer(add_noise), "coarse": train_restorer(coarsen)}


def encode_decode(spoiled):
    return decoder(encoder(spoiled).chunk(2, dim=1)[0]).sigmoid()


def search(spoiled, see, steps=100):
    """The decoded latent whose image, seen through `see`, is the given one; a pull to ‖z‖ = 0."""
    z = encoder(spoiled).chunk(2, dim=1)[0].detach().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=0.05)
    for _ in range(steps):
        apart = (see(decoder(z).sigmoid()) - spoiled).square().sum()
        optimizer.zero_grad()
        (apart + 0.09 * z.square().sum()).backward()
        optimizer.step()
    return decoder(z).sigmoid()


# %% [markdown]
# (The pull is no guess: with noise of variance $\sigma^2$ the most probable $z$ minimizes $\|G(z) - x\|^2 / 2\sigma^2 + \|z\|^2/2$, and $\sigma^2 = 0.09$ times that has these weights, up to a factor of 2. The clipping is left out of the account.)


# %%
def blur(images, std):
    places = torch.arange(-4.0, 5.0, device=images.device)
    line = torch.softmax(-(places**2) / (2 * std**2), dim=0)
    rows = F.conv2d(images, line[None, None, None, :], padding=(0, 4))
    return F.conv2d(rows, line[None, None, :, None], padding=(4, 0))


def best_blur(spoil):
    """The width with the best PSNR on training images."""
    seed_everything(1)
    clean = train_images[:some]
    spoiled = spoil(clean)
    widths = (0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0)
    return max(widths, key=lambda w: psnr(clean, blur(spoiled, w).clamp(0, 1), 1.0).mean().item())


def jitter(images):
    """Random contrast and brightness, as in recipes that promise a better image."""
    shape = len(images), 1, 1, 1
    contrast = 0.7 + 0.6 * torch.rand(shape, device=images.device)
    bright = 0.4 * torch.rand(shape, device=images.device) - 0.2
    return (contrast * (images - 0.5) + 0.5 + bright).clamp(0, 1)


def bicubic(images):
    small = F.avg_pool2d(images, 4)  # of coarse images: their own 7×7 numbers
    return F.interpolate(small, size=28, mode="bicubic", align_corners=False).clamp(0, 1)


def mean_and_half_width(values):
    """Mean of a sample and the half-width of its 95 % interval (1.96 standard errors)."""
    values = values.double()
    return values.mean().item(), 1.96 * values.std().item() / math.sqrt(len(values))


clean = test_images[:some]
tables, restored = {}, {}
for kind, spoil in {"noise": add_noise, "coarse": coarsen}.items():
    blurred_by = best_blur(spoil)
    seed_everything(2)
    spoiled = spoil(clean)
    tools = {
        "as it is": lambda x: x,
        f"blur, {blurred_by} pixels": lambda x, w=blurred_by: blur(x, w),
    }
    tools |= {"bicubic": bicubic} if kind == "coarse" else {}
    see = coarsen if kind == "coarse" else lambda x: x
    tools |= {
        "random jitter": jitter,
        "network on pairs": restorers[kind],
        "VAE, encode and decode": encode_decode,
        "VAE, search": lambda x, see=see: search(x, see),
    }
    restored[kind] = {name: tool(spoiled).detach().clamp(0, 1) for name, tool in tools.items()}
    tables[kind] = {
        name: (psnr(clean, images, 1.0), ssim(clean, images, 1.0))
        for name, images in restored[kind].items()
    }

# %%
for kind, table in tables.items():
    print(f"{kind:<25} PSNR (dB)         SSIM")
    for name, scores in table.items():
        (p, p_half), (s, s_half) = map(mean_and_half_width, scores)
        print(f"   {name:<22} {p:5.2f} ± {p_half:.2f}     {s:.3f} ± {s_half:.3f}")
    plain = max([*table][1:-4], key=lambda name: table[name][0].mean().item())
    for tool in ("network on pairs", "VAE, search"):
        gain = [mean_and_half_width(a - b) for a, b in zip(table[tool], table[plain], strict=True)]
        print(f"   {tool} minus {plain}: {gain[0][0]:+.2f} ± {gain[0][1]:.2f} dB,", end=" ")
        print(f"SSIM {gain[1][0]:+.3f} ± {gain[1][1]:.3f}")

# %% tags=["folded"]
for kind, images in restored.items():
    rows = torch.cat([clean[:7], *(each[:7] for each in images.values())])
    show(plot_images(rows, 7, kind, row_titles=["test image", *images]))

# %% [markdown]
# With noise the network trained on pairs has the best PSNR (21.8 dB, 6.0 ± 0.2 above the blur); in SSIM the search, which was never trained on noise, is level with it (0.639 ± 0.031 and 0.626 ± 0.008). Encoding and decoding once is *not* a denoiser: 13.5 dB, hardly above the noisy image, since the encoder has never seen such an image. With coarse pixels the network
# wins in both measures, and the search is 2.9 ± 0.2 dB above bicubic interpolation. Random jitter makes everything worse, as it must: it knows nothing of what is missing.

# %% [markdown]
# ## 4 · Five hundred images, and a GAN
#
# A discriminator that sees the same 500 images again and again learns them by heart, and then has nothing to say about the generator's. So change the images at random every time, as one does for a classifier. But what is changed?

# %% tags=["folded"]
show(plot_augmented_games())

# %% [markdown]
# Let $T$ be the random change, and write $\mathcal T p$ for the density of $T(x)$ when $x \sim p$. By lesson 08 the best generator makes equal whatever two densities the discriminator compares.
#
# 1. **Reals alone**: it compares $\mathcal T p_\text{data}$ with $p_G$. The best is $p_G = \mathcal T p_\text{data}$: mirrored, shifted, too bright digits. The augmentation has **[leaked](glossary.ipynb#Leaking-augmentation)** into the target.
# 2. **Both** (Zhao and others 2020): it compares $\mathcal T p_\text{data}$ with $\mathcal T p_G$. $p_G = p_\text{data}$ is a best generator, and the only one if $\mathcal T$ is one-to-one on densities.
# 3. $\mathcal T$ is linear in $p$. Take two images, a digit and its mirror image, and flip with probability $\pi$: $\mathcal T = \begin{pmatrix} 1 - \pi & \pi \\ \pi & 1 - \pi \end{pmatrix}$, with eigenvalues $1$ and $1 - 2\pi$.
# 4. So at $\pi = \tfrac12$ the second is 0: a digit and its mirror image both become half and half, and **no discriminator can tell which was drawn**. A flip of half of the images leaks even if both sides are flipped (Karras and others 2020 have this case). At $\pi = 0.3$ nothing is lost.
# 5. The generator's gradient must pass through $T$, so $T$ must be differentiable.

# %% tags=["nbval-check-output"]
digit, mirrored = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
for share in (0.3, 0.5):
    flips = torch.tensor([[1 - share, share], [share, 1 - share]])
    smaller, larger = torch.linalg.eigvalsh(flips)
    print(f"flipped with {share}: eigenvalues {larger:.2f} and {smaller.abs():.2f};", end=" ")
    told = [" and ".join(f"{v:.2f}" for v in flips @ p) for p in (digit, mirrored)]
    print(f"the digit becomes {told[0]}, its mirror image {told[1]}")
    assert torch.isclose(torch.linalg.eigvalsh(flips)[0], torch.tensor(1 - 2 * share), atol=1e-6)

# %% [markdown]
# ### Exercise · `augment(images, generator)`
# *20 minutes.* `images` are `(B, C, H, W)` in [-1, 1], black is -1. Each image, with all its channels, on its own and in this order: is **flipped** left to right with probability 1/2; is **shifted** by a whole number of pixels down, each from $-\lfloor H/8 \rfloor$ to $\lfloor H/8 \rfloor$ equally likely, and right, from $-\lfloor W/8 \rfloor$ to $\lfloor W/8 \rfloor$, drawn independently, while
# black comes in at the edge; gets a **brightness** added to all of it, uniform between -0.25 and 0.25; is **clipped** to [-1, 1]. Every number is drawn from `generator`, a `torch.Generator` on the images' device, which goes on from call to call. Differentiable by the images.


# %% exercise="editing.augment"
def augment(images, generator):
    """Images `(B, C, H, W)` in [-1, 1], each flipped, shifted and made brighter by draws of its own."""
    # BEGIN SOLUTION
    batch, _, height, width = images.shape
    drawn = {"generator": generator, "device": images.device}
    high, wide = height // 8, width // 8
    flip = torch.rand(batch, 1, 1, 1, **drawn) < 0.5
    down = torch.randint(-high, high + 1, (batch, 1, 1), **drawn)
    right = torch.randint(-wide, wide + 1, (batch, 1, 1), **drawn)
    brightness = 0.5 * torch.rand(batch, 1, 1, 1, **drawn) - 0.25
    images = torch.where(flip, images.flip(3), images)
    framed = F.pad(images, (wide, wide, high, high), value=-1.0)
    rows = torch.arange(height, device=images.device)[None, :, None] + high - down
    columns = torch.arange(width, device=images.device)[None, None, :] + wide - right
    every = torch.arange(batch, device=images.device)[:, None, None]
    moved = framed[every, :, rows, columns].movedim(3, 1)  # (B, H, W, C) to (B, C, H, W)
    return (moved + brightness).clamp(-1, 1)
    # END SOLUTION


# %% check="editing.augment"
check("editing.augment", augment)

# %%
seen = augment(
    2 * test_images[[3]].expand(10, -1, -1, -1) - 1, torch.Generator(device).manual_seed(0)
)
show(plot_images(seen, 10, "One test digit, ten times", value_range=(-1, 1)))

# %% [markdown]
# Three ways, three seeds each: no augmentation, reals alone, both. **Predict** the order of the Fréchet distances to test images, and in which samples you will see gray backgrounds.


# %%
def play_game(real_images, change_real, change_fake, seed):
    """A GAN of lesson 12 on a few images; what the discriminator sees is changed as given."""
    seed_everything(seed)
    generator = DigitGenerator(latent_dim, width).to(device)
    discriminator = DigitDiscriminator(width).to(device)
    g_optimizer = torch.optim.Adam(generator.parameters(), 1e-3, (0.5, 0.999))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), 3e-4, (0.5, 0.999))

    def one_round(real):
        fake = generator(torch.randn(len(real), latent_dim, device=device))
        real_logits = discriminator(change_real(real))
        fake_logits = discriminator(change_fake(fake.detach()))
        d_loss = F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        g_loss = F.softplus(-discriminator(change_fake(fake))).mean()
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()

    networks, optimizers = (generator, discriminator), (g_optimizer, d_optimizer)
    play = fast(one_round, networks, optimizers, steps=gan_steps, compile=False, graph=False)
    for real in watch(batches(real_images, 32, gan_steps)):
        play(real)
    return generator.eval()


draws = torch.Generator(device).manual_seed(0)
same, changed = lambda images: images, lambda images: augment(images, draws)
arms = {"none": (same, same), "reals alone": (changed, same), "both": (changed, changed)}
reals = 2 * train_images[:few] - 1
measured_noise = torch.randn(many, latent_dim, generator=torch.Generator().manual_seed(9)).to(
    device
)
samples = {}
for name, changes in arms.items():
    for seed in range(3):
        generator = play_game(reals, *changes, seed)
        with torch.no_grad():
            samples[name, seed] = torch.cat([generator(z) for z in measured_noise.split(250)])

# %% [markdown]
# Beside the Fréchet distance (shipped features, to test images) we count the leak itself: the **background**, as the share of images whose four corners are not black, and the share that a small classifier takes for **mirrored**; it has learned that from training digits and their mirror images. (Many digits look alike in a mirror, so it is no perfect ruler; what it says of real images stands in the first row.)

# %%
seed_everything(0)
mirror_judge = DigitClassifier().to(device)
optimizer = torch.optim.Adam(mirror_judge.parameters(), 2e-3)


def mirror_step(images):
    both = torch.cat([images, images.flip(3)])
    answers = torch.arange(2, device=device).repeat_interleave(len(images))
    loss = F.cross_entropy(mirror_judge(both), answers)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


run(mirror_step, (mirror_judge,), optimizer, 2 * train_images - 1, restorer_steps)
judge = metrics.features("mnist", value_range=(-1, 1), device=device)
unseen = 2 * test_images[:many] - 1
reference = judge(unseen).features


@torch.no_grad()
def leaks(images):
    """Share with corners that are not black, and share taken for mirrored."""
    corners = images[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]].amin(dim=1)
    mirrored = mirror_judge(images)[:, :2].argmax(dim=1) == 1
    return (corners > -0.95).float().mean().item(), mirrored.float().mean().item()


others = 2 * test_images[-many:] - 1
print("augmented      Fréchet distance, seeds 0 1 2      gray corners        taken for mirrored")
gray, mirrored = leaks(others)
floor = metrics.fid(judge(others).features, reference)
print(f"{'real images':<14} {floor:.2f} {'':<29} {gray:<19.1%} {mirrored:.1%}")
distances = {}
for name in arms:
    runs = [samples[name, seed] for seed in range(3)]
    distances[name] = [metrics.fid(judge(each).features, reference) for each in runs]
    gray, mirrored = zip(*(leaks(each) for each in runs), strict=True)
    told = ["  ".join(f"{v:.1%}" for v in values) for values in (gray, mirrored)]
    apart = "  ".join(f"{d:.2f}" for d in distances[name])
    print(f"{name:<14} {apart:<34} {told[0]:<19} {told[1]}")

# %% tags=["folded"]
rows = torch.cat([reals[:12], *(samples[name, 0][:12] for name in arms)])
titles = ["real", *(f"augmented: {name}" for name in arms)]
show(plot_images(rows, 12, "500 images, seed 0", value_range=(-1, 1), row_titles=titles))

# %% [markdown]
# **The leak is there**: with the reals alone augmented, 44 to 51 % of the samples are taken for mirrored, against 18 to 28 % without augmentation (these young samples are read less surely than real digits, 0.6 %). With both sides augmented it is 28 to 83 %: line 4 says why a flip of one half cannot be kept out, and no judge minds which of the two is drawn more often. **And here neither augmentation helped**: the distances are 30 to 36
# without, 43 to 49 and 38 to 59 with. In 400 rounds this discriminator had no time to learn 500 images by heart, so there was nothing to cure, and a harder task was learned less far. Gray corners came *more* often with both (9 to 29 %) than with the reals alone (0.2 to 2 %), which line 1 does not predict: neither run is near its best generator. The gain of Zhao and others
# needs long trainings; at `gpu` scale 20,000 rounds are foreseen, and have not been measured.

# %% [markdown]
# ## 5 · Can made images teach?
#
# [Synthetic training data](glossary.ipynb#Synthetic-training-data) are often praised: train a conditional model (lesson 13), draw thousands of labeled images, train a classifier on real and made ones together. Is it true? The honest test:
#
# - The generator learns from **the same few labeled images** as the classifier, and from nothing else. (One that has seen 60,000 labels would smuggle them in.)
# - Both classifiers get equally many steps, and the same real images. The test images are seen once, at the end.
# - Each seed draws other labeled images. The *difference* is taken seed by seed, and its 95 % interval is Student's: mean $\pm\, t\, s / \sqrt n$.
# - The plainest alternative stands beside it: the real images, shifted at random by up to 2 pixels.
#
# **Predict** the sign of the difference at 10, 100 and 1,000 labels.


# %%
def train_classifier(images, labels, made, seed, shifted=False):
    """Accuracy on the test images; `made` are further images and labels, half of each batch."""
    seed_everything(seed)
    classifier = dense(784, 128, 10).to(device)
    optimizer = torch.optim.Adam(classifier.parameters(), 1e-3)
    for _ in range(classifier_steps):
        at = torch.randint(len(images), (64,), device=device)
        x, y = images[at], labels[at]
        if shifted:
            down, right = (int(n) for n in torch.randint(-2, 3, (2,)))
            x = x.roll((down, right), (2, 3))  # digits have a black margin of 4
        if made is not None:
            at = torch.randint(len(made[0]), (64,), device=device)
            x, y = torch.cat([x, made[0][at]]), torch.cat([y, made[1][at]])
        optimizer.zero_grad()
        F.cross_entropy(classifier(x), y).backward()
        optimizer.step()
    with torch.no_grad():
        right = classifier(test_images).argmax(dim=1) == test_labels
    return right.double().mean().item()


def make_images(images, labels, seed, count=2_000):
    """A conditional VAE of lesson 13 on these images alone; what it draws, with its labels."""
    seed_everything(100 + seed)
    encoder, decoder = dense(794, 256, 2 * 8).to(device), dense(18, 256, 784).to(device)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3)
    one_hot = F.one_hot(labels, 10).float()
    for _ in range(maker_steps):
        at = torch.randint(len(images), (64,), device=device)
        x, y = images[at], one_hot[at]
        mean, log_var = encoder(torch.cat([x.flatten(1), y], dim=1)).chunk(2, dim=1)
        z = mean + torch.randn_like(mean) * (log_var / 2).exp()
        logits = decoder(torch.cat([z, y], dim=1)).reshape(x.shape)
        likelihood = bernoulli_log_likelihood(logits, x)
        loss = (kl_to_standard_normal(mean, log_var) - likelihood).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    asked = torch.arange(10, device=device).repeat_interleave(count // 10)
    z = torch.randn(len(asked), 8, device=device)
    with torch.no_grad():
        drawn = decoder(torch.cat([z, F.one_hot(asked, 10).float()], dim=1)).sigmoid()
    return drawn.reshape(-1, 1, 28, 28), asked


def labeled(count, seed):
    """`count` training images, equally many of each digit, others for each seed."""
    order = torch.randperm(len(train_images), generator=torch.Generator().manual_seed(seed))
    order = order.to(device)
    places = [order[train_labels[order] == digit][: count // 10] for digit in range(10)]
    places = torch.cat(places)
    return train_images[places], train_labels[places]


# %%
accuracies, drawn = {}, {}
for count in (10, 100, 1_000):
    runs = []
    for seed in range(trials):
        images, labels = labeled(count, seed)
        made = make_images(images, labels, seed)
        drawn[count] = made
        runs.append(
            [
                train_classifier(images, labels, None, seed),
                train_classifier(images, labels, made, seed),
                train_classifier(images, labels, None, seed, shifted=True),
            ]
        )
    accuracies[count] = torch.tensor(runs)

# %% [markdown]
# Student's $t$ for the interval is found from its density, by adding it up:


# %%
def student(freedom):
    """The t beyond which 2.5 % of Student's distribution lie."""
    t = torch.linspace(0, 30, 300_001, dtype=torch.float64)
    density = (1 + t**2 / freedom) ** (-(freedom + 1) / 2)
    share = density.cumsum(0) / density.sum()  # of the right half
    return t[(share < 0.95).sum()].item()


assert abs(student(4) - 2.776) < 0.01 and abs(student(9) - 2.262) < 0.01
gains = {}
print("labels   real images alone    + made: gain in points    + shifted: gain in points")
for count, runs in accuracies.items():
    cells = []
    for arm, name in ((1, "made"), (2, "shifted")):
        gain = 100 * (runs[:, arm] - runs[:, 0])
        half = student(trials - 1) * gain.std().item() / math.sqrt(trials)
        gains[f"{count:,} labels, {name}"] = gain.mean().item(), half
        cells.append(f"{gain.mean():+.2f} ± {half:.2f}")
    print(f"{count:>6,}   {runs[:, 0].mean():>17.2%}    {cells[0]:<25} {cells[1]}")

# %% tags=["folded"]
show(plot_intervals(gains, f"Test accuracy gained, {trials} seeds", "percentage points"))
rows = torch.cat([images[::200] for images, _ in drawn.values()])
show(plot_images(rows, 10, "Made images", row_titles=[f"from {n:,} labels" for n in drawn]))

# %% [markdown]
# **It does not help here; it harms**, at every size: by 12.7 ± 4.1 points at 10 labels, 9.8 ± 1.3 at 100, 5.8 ± 0.6 at 1,000 (5 seeds). The made images know nothing that the labeled ones did not know, they are blurred, and half of every batch is spent on them. Shifting the real images costs nothing and gains 1.9 ± 1.3 points at 10 labels; at 100 the interval
# holds 0, and at 1,000 it loses 1.6 ± 0.6 in so few steps. A better generator, or one trained on many unlabeled images, may turn the sign; then say where its knowledge came from.

# %% [markdown]
# ## 6 · What goes wrong
#
# | what you see | what it means | what to try |
# |---|---|---|
# | style transfer returns the content, or a carpet | the weight | a picture a weight, on a logarithmic scale |
# | a high PSNR, and edges gone | the mean of many possible images | SSIM beside it, and look |
# | a tool that shines on its own training images | it was measured where it had learned | test images, image by image |
# | mirrored or gray samples | the augmentation leaked | change reals and fakes by one law; flip fewer than half |
# | the generator does not learn behind an augmentation | it cuts the gradient | is it differentiable? `grad` of its output by its input |
# | synthetic data help a great deal | the generator has seen more labels than the classifier | give both the same ones |
#
# ## 7 · Change one thing
#
# **First: a style without its first layer.** Leave out $\varphi_1$ (32 × 32), then leave all but it. Which of the two gives colors, which gives strokes?

# %%
# your experiment

# %% tags=["solution"]
content, style, ten = noto[[pairs[0][0]]], noto[[pairs[0][1]]], torch.tensor([10.0], device=device)
rows = [transfer(content, style, ten, style_steps, used) for used in ((0, 1, 2), (1, 2), (0,))]
titles = ["all three layers", "without the first", "the first alone"]
show(plot_images(torch.cat(rows), 3, "Weight 10", labels=titles, size=2))

# %% [markdown] tags=["solution"]
# The first layer alone gives pale colors in flat areas, and little else. Without it the picture is much like that of all three: the patches, and such strokes as there are, come from the later layers. Here the map's manner lies mostly in those; with another style, look again.

# %% [markdown]
# **Second: noise that nobody trained for.** The network on pairs knows noise of 0.3. Give both it and the VAE's search noise of 0.15 and of 0.6. (For the search, adapt the pull, $\sigma^2$.) Which one bends, which one breaks?

# %%
# your experiment

# %% tags=["solution"]
for noise in (0.15, 0.3, 0.6):
    seed_everything(2)
    spoiled = (clean + noise * torch.randn_like(clean)).clamp(0, 1)
    cells = {"as it is": spoiled, "network on pairs": restorers["noise"](spoiled)}
    cells["VAE, search"] = search(spoiled, lambda x: x).clamp(0, 1)
    told = [f"{name} {psnr(clean, x.detach(), 1.0).mean():.2f} dB" for name, x in cells.items()]
    print(f"noise {noise}: " + ", ".join(told))

# %% [markdown] tags=["solution"]
# The network keeps its lead at all three: 25.4, 21.8 and 14.3 dB against 20.8, 18.1 and 13.1. Each loses most at 0.6. The search is bounded above by what the decoder can draw at all, which is why it gains little from a cleaner image, and its loss to the network shrinks from 4.6 to 1.2 dB as the noise grows beyond what that one was trained for. (The pull was left as it is.)

# %% [markdown]
# ## What you take along
#
# 1. A Gram matrix says which features occur together, and forgets where. Style transfer is a descent over pixels.
# 2. What the discriminator compares becomes equal. Change reals alone, and the change is learned; change both by one law, and it is not, as long as the law loses nothing.
# 3. Whether a tool helps is a difference with an interval, on data that nobody has learned from, beside the plainest tool that could do the same.
#
# **References.** Gatys, Ecker and Bethge (2016), *Image Style Transfer Using Convolutional Neural Networks*, CVPR · Wang, Bovik, Sheikh and Simoncelli (2004), *Image Quality Assessment: From Error Visibility to Structural Similarity*, IEEE TIP 13 · Zhao, Liu, Lin, Zhu and Han (2020), arXiv 2006.10738 · Karras and others (2020), *Training Generative Adversarial Networks with Limited Data*,
# arXiv 2006.06676 · Bora, Jalal, Price and Dimakis (2017), *Compressed Sensing using Generative Models*, arXiv 1703.03208, for the search through what spoils · Ravuri and Vinyals (2019), arXiv 1905.10887, for classifiers trained on samples.
#
# **Next** is 16_gan_or_vae: one budget, and which of the families to choose.
