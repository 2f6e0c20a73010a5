# %% [markdown]
# # 06 · Better VAEs: convolutions, a price for the code, and a cure for collapse
#
# Lesson 05's VAE works. Now comes what everybody meets who trains one in earnest: which networks to
# take for images, how much a code may cost, why reconstructions are blurred, why a strong decoder
# ignores its code, and what to do with 500 images instead of 60,000. Each question gets a number
# before it gets an opinion.
#
# ![Rate against distortion, and what single latents of a β-VAE change](../images/06_better_vaes.png)
#
# <details><summary>中文导读</summary>
#
# 在第 05 课的基础上改进 VAE，每个问题先有数字再有结论：卷积编码器和解码器省下什么；β-VAE 与率失真
# 曲线，编码要付多少代价；平方误差其实暗中固定了方差 σ² = 1/2，不如让解码器自己学习方差；强大的（自回归）
# 解码器为什么会忽略编码（后验坍塌），怎样用 KL 退火和 free bits 救回来；只有 500 张图像时怎样发现并抑制
# 过拟合。最后用潜变量遍历和线性探针，问一个编码究竟知道些什么。
#
# </details>
#
# **You will be able to**
# - build a convolutional VAE for gray and color images, and say what its convolutions save,
# - read a rate–distortion curve, and predict from a table of variances which latents will be used,
# - say what variance a squared error silently assumes, and let the decoder learn its own,
# - make [posterior collapse](glossary.ipynb#Posterior-collapse) happen, see it, and cure it,
# - notice overfitting by the ELBO of images held back, and compare three cures,
# - ask a code what it knows, by traversals and by a linear probe.
#
# **Time** two sittings of 90 minutes, sections 1 to 4 and 5 to 9 · **Builds on** 05_vae · **Papers** Higgins et al. (2017), *beta-VAE: Learning
# Basic Visual Concepts with a Constrained Variational Framework*; Alemi et al. (2018), *Fixing a
# Broken ELBO*, arXiv 1711.00464; Kingma et al. (2016), *Improved Variational Inference with Inverse
# Autoregressive Flow*, arXiv 1606.04934; Bowman et al. (2016), *Generating Sentences from a
# Continuous Space*, arXiv 1511.06349; Burda, Grosse and Salakhutdinov (2016), *Importance Weighted
# Autoencoders*, arXiv 1509.00519.
#
# **Numbers in the text** are those of one run at `laptop` scale, on two CPU cores; at another scale, or on
# another machine, yours differ.

# %% tags=["folded"]
import copy
import itertools
import math
import time

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.checks import check
from course_lib.data import load_emoji, load_fashion_mnist, load_mnist
from course_lib.fast import fast
from course_lib.history import History, watch
from course_lib.plotting import plot_images, show
from course_lib.probability import bernoulli_log_likelihood, kl_to_standard_normal
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything

seed_everything(0)
device = pick_device()
width, latent_dim = at_scale(smoke=(4, 16), laptop=(16, 16), gpu=(64, 32))  # of the networks
batch_size, learning_rate = at_scale(smoke=(32, 4e-3), laptop=(64, 4e-3), gpu=(128, 1e-3))
steps = at_scale(smoke=6, laptop=1_000, gpu=20_000)  # updates of each model in sections 2 and 3
gaussian_steps = at_scale(smoke=6, laptop=800, gpu=10_000)  # for each σ on Fashion-MNIST
emoji_steps = at_scale(smoke=6, laptop=1_500, gpu=20_000)
collapse_steps = at_scale(smoke=6, laptop=500, gpu=3_000)  # for each way to train, and each seed
few_steps = at_scale(
    smoke=20, laptop=1_000, gpu=3_000
)  # for each cure of overfitting, and each seed
seeds = at_scale(smoke=2, laptop=3, gpu=5)  # runs behind each mean ± spread
test_count = at_scale(smoke=200, laptop=2_000, gpu=10_000)  # test images behind each score
probe_count = at_scale(smoke=500, laptop=5_000, gpu=5_000)  # training images behind each probe
print(f"scale {course_scale()} on {device.type}: the first models take {steps:,} updates")

# %% [markdown]
# ## 1 · Three data sets, and what their pixels are
#
# MNIST again, tossed to zeros and ones as in lesson 05; Fashion-MNIST,
# whose grays are shades of cloth; emoji in two styles, 32 × 32 in color. The decoder's likelihood
# should fit what a pixel is. **Predict.** For which of the three would a coin for each pixel be a
# bad description?

# %%
train_gray, train_labels = load_mnist("train", device=device)
test_gray, test_labels = load_mnist("test", device=device)
coins = torch.Generator().manual_seed(0)  # so they are tossed as in lesson 05
test_images = torch.bernoulli(test_gray.cpu(), generator=coins)[:test_count].to(device)
test_labels = test_labels[:test_count]
fashion, _ = load_fashion_mnist("train", device=device)
test_fashion = load_fashion_mnist("test", device=device)[0][:test_count]


def small_emoji(split):
    """Both styles, each 2 × 2 pixels averaged: `(N, 3, 32, 32)` in [0, 1]."""
    return F.avg_pool2d(torch.cat(load_emoji(split, device=device)), 2)


emoji, test_emoji = small_emoji("train"), small_emoji("test")
for name, images in (("digits", test_images), ("clothes", test_fashion), ("emoji", test_emoji)):
    show(plot_images(images[20:34], columns=14, title=f"Test {name}", size=0.75))
    between = ((images > 0.05) & (images < 0.95)).float().mean()
    print(
        f"{name:<8} {tuple(images.shape[1:])}: {between:4.0%} of the values between black and white"
    )

# %% [markdown]
# Scores in this lesson are those of the first test images only (2,000 at `laptop` scale): enough to compare models
# that are scored on the same ones, with the same noise.
#
# A tossed digit is a coin by construction. Clothes and emoji have shades, and a shade of 0.6 is
# not «white in 60 % of all cases»: those two will get a Gaussian decoder, in section 4.
#
# ## 2 · Convolutions
#
# Lesson 05's first layer joins each pixel with each hidden unit. It has to learn that a stroke is a
# stroke at every place anew. A [convolution](glossary.ipynb#Convolution) has one small kernel, and slides it over the image:
# few weights, used everywhere. With a [stride](glossary.ipynb#Stride) of 2 the window moves by two pixels at a time, so that
# each layer halves the picture, while the number of channels doubles.
#
# How many places does a window have? Take a row of `size` pixels, add `padding` on either side, and
# push a kernel along that covers `kernel` pixels, or more if `dilation` spreads it.
#
# ![A kernel of 4 slides over a row of 8 padded pixels in steps of 2: four places](../images/06_sliding.png)

# %% [markdown]
# ### Exercise · `conv_output_size(size, kernel, stride, padding, dilation)`
# *6 minutes.* All five are integers, along one axis. Return the number of places, an integer: what
# `nn.Conv2d` gives. Two traps: a dilated kernel has gaps *between* its taps only, and the last step
# that does not fit is not taken.


# %% exercise="better_vaes.conv_output_size"
def conv_output_size(size, kernel, stride, padding, dilation):
    """Pixels along one axis behind `nn.Conv2d(..., kernel, stride, padding, dilation)`."""
    # BEGIN SOLUTION
    covered = dilation * (kernel - 1) + 1
    return (size + 2 * padding - covered) // stride + 1
    # END SOLUTION


# %% check="better_vaes.conv_output_size"
check("better_vaes.conv_output_size", conv_output_size)

# %% [markdown]
# **Predict.** Kernel 4, stride 2, padding 1, twice: where do 28 and 32 pixels end? And with kernel 3?
# The way back, a [transposed convolution](glossary.ipynb#Transposed-convolution), turns the arithmetic round. Which kernel would come back
# to 28 exactly?

# %% tags=["nbval-check-output"]
for size in (28, 32):
    for kernel in (3, 4):
        half = conv_output_size(size, kernel, 2, 1, 1)
        quarter = conv_output_size(half, kernel, 2, 1, 1)
        up = nn.ConvTranspose2d(1, 1, kernel, stride=2, padding=1)
        back = up(up(torch.zeros(1, 1, quarter, quarter))).shape[-1]
        print(f"kernel {kernel}: {size} -> {half} -> {quarter}, and back to {back}")

# %% [markdown]
# A kernel of 4 covers an even size without a remainder, and so comes back. A kernel of 3 leaves one pixel of
# an even size over, and the way back ends at the odd size below. Ours are even, so we take 4.

# %% [markdown]
# ### Exercise · `ConvEncoder(channels, image_size, width, latent_dim)`
# *10 minutes.* A module that maps images `(B, channels, n, n)`, n the integer `image_size`, to a pair
# `mean, log_var`, each `(B, latent_dim)`, as in lesson 05. It must do for 1 and 3 channels, and for 28
# and 32 pixels. Start with convolutions (`nn.Conv2d`): `width` channels behind the first, twice as many
# behind the second; then a linear layer of, say, `8 * width` units, and the two heads. Take `nn.SiLU` as the
# activation, $x \cdot \mathrm{sigmoid}(x)$: with ReLU, which is flat for negative numbers, these networks idle for
# hundreds of updates before they learn anything. The trap is the seam between the last convolution
# and the first linear layer: how many numbers arrive there?


# %% exercise="better_vaes.ConvEncoder"
class ConvEncoder(nn.Module):
    """Images `(B, channels, image_size, image_size)` to `mean, log_var`, each `(B, latent_dim)`."""

    def __init__(self, channels, image_size, width, latent_dim):
        super().__init__()
        # BEGIN SOLUTION
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, kernel_size=4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, kernel_size=4, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(2 * width * (image_size // 4) ** 2, 8 * width),
            nn.SiLU(),
        )
        self.mean, self.log_var = nn.Linear(8 * width, latent_dim), nn.Linear(8 * width, latent_dim)

    def forward(self, images):
        hidden = self.body(images)
        return self.mean(hidden), self.log_var(hidden)
        # END SOLUTION


# %% check="better_vaes.ConvEncoder"
check("better_vaes.ConvEncoder", ConvEncoder)

# %% [markdown]
# ### Exercise · `ConvDecoder(latent_dim, width, channels, image_size)`
# *8 minutes.* The way back: codes `(B, latent_dim)` to `(B, channels, n, n)`. Linear layers (`8 * width` units, then
# as many numbers as the encoder's seam has) make a small map with many channels, transposed convolutions make it
# larger. What comes out are plain numbers, with nothing behind the last layer: logits for a Bernoulli likelihood, the
# mean for a Gaussian one.


# %% exercise="better_vaes.ConvDecoder"
class ConvDecoder(nn.Module):
    """Codes `(B, latent_dim)` to logits or means `(B, channels, image_size, image_size)`."""

    def __init__(self, latent_dim, width, channels, image_size):
        super().__init__()
        # BEGIN SOLUTION
        side = image_size // 4
        self.body = nn.Sequential(
            nn.Linear(latent_dim, 8 * width),
            nn.SiLU(),
            nn.Linear(8 * width, 2 * width * side**2),
            nn.SiLU(),
            nn.Unflatten(1, (2 * width, side, side)),
            nn.ConvTranspose2d(2 * width, width, kernel_size=4, stride=2, padding=1),
            nn.SiLU(),
            nn.ConvTranspose2d(width, channels, kernel_size=4, stride=2, padding=1),
        )

    def forward(self, z):
        return self.body(z)
        # END SOLUTION


# %% check="better_vaes.ConvDecoder"
check("better_vaes.ConvDecoder", ConvDecoder)

# %% [markdown]
# ### One loop for the whole lesson
# All models of this lesson are trained by the same dozen lines. They get a function that turns a batch
# into a loss and into named numbers worth keeping; the `weight` of the KL term, which section 5 will
# move, comes in from outside. The learning rate is constant for the first half and falls to 0 in the
# second. `fast` runs the step as fast as the device allows (lesson 17).


# %%
def train(
    networks,
    loss_of,
    images,
    steps,
    weight_at=lambda t: 1.0,
    rate=learning_rate,
    weight_decay=0.0,
    look=None,
):
    """Make `loss_of(batch, weight)` small; returns the history of the numbers that it names."""
    parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: min(1, 2 * (1 - t / steps)))

    def update(batch, weight):
        loss, numbers = loss_of(batch, weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": loss, **numbers}

    update_all = fast(update, networks, optimizer, steps=steps, report=print)
    history = History()
    stream = watch(batches(images, min(batch_size, len(images)), steps), history)
    for t, batch in enumerate(stream):
        history.add(**update_all(batch, torch.tensor(weight_at(t), device=device)))
        schedule.step()
        if look:
            look(t + 1)
    return history


def draw_code(mean, log_var):
    """One draw of q(z | x), differentiable: lesson 05's mean + std · noise."""
    return mean + (log_var / 2).exp() * torch.randn_like(mean)


def toss(gray):
    """Zeros and ones, new ones at every call; the gray value is the chance of a one."""
    return (torch.rand_like(gray) < gray).float()


def bernoulli_loss(encoder, decoder, objective):
    """A loss for `train`: of gray images, tossed, under a Bernoulli decoder."""

    def loss_of(gray, weight):
        images = toss(gray)
        mean, log_var = encoder(images)
        log_likelihood = bernoulli_log_likelihood(decoder(draw_code(mean, log_var)), images)
        kl = kl_to_standard_normal(mean, log_var)
        return objective(log_likelihood, kl), {"kl": kl.mean()}

    return loss_of


@torch.no_grad()
def bernoulli_terms(encoder, decoder, images):
    """Log-likelihood and KL of each image, `(2, B)` in nats, by one draw of the noise."""
    torch.manual_seed(0)  # the same noise for every model
    mean, log_var = encoder(images)
    log_likelihood = bernoulli_log_likelihood(decoder(draw_code(mean, log_var)), images)
    return torch.stack([log_likelihood, kl_to_standard_normal(mean, log_var)])


# %% [markdown]
# The opponent is lesson 05's model, with one hidden layer of 400 units in either network. (Its dropout
# is switched off here and will be needed in section 6.) **Predict.** The convolutional model has two
# thirds of the weights, and nearly all of those lie in its two large linear layers. Will its test ELBO, after equally
# many updates, be better or worse?


# %%
class DenseEncoder(nn.Module):
    """Lesson 05's encoder, with dropout behind its hidden layer."""

    def __init__(self, hidden_dim, latent_dim, dropout=0.0):
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(784, hidden_dim), nn.ReLU(), nn.Dropout(dropout)
        )
        self.mean, self.log_var = (nn.Linear(hidden_dim, latent_dim) for _ in range(2))

    def forward(self, images):
        hidden = self.body(images)
        return self.mean(hidden), self.log_var(hidden)


def dense_decoder(latent_dim, hidden_dim, dropout=0.0):
    """Lesson 05's decoder, with dropout behind its hidden layer."""
    first, last = nn.Linear(latent_dim, hidden_dim), nn.Linear(hidden_dim, 784)
    shape = nn.Unflatten(1, (1, 28, 28))
    return nn.Sequential(first, nn.ReLU(), nn.Dropout(dropout), last, shape)


def dense_vae():
    return DenseEncoder(400, latent_dim).to(device), dense_decoder(latent_dim, 400).to(device)


def conv_vae(channels=1, image_size=28, latent_dim=latent_dim, width=width):
    encoder = ConvEncoder(channels, image_size, width, latent_dim)
    return encoder.to(device), ConvDecoder(latent_dim, width, channels, image_size).to(device)


def count_weights(networks):
    return sum(p.numel() for network in networks for p in network.parameters())


def negative_elbo(log_likelihood, kl):
    return (kl - log_likelihood).mean()


def train_twice(name, build):
    """Train a model from two seeds and print their test ELBOs; returns the networks of seed 0."""
    begin, elbos = time.perf_counter(), []
    for seed in (1, 0):
        seed_everything(seed)
        networks = build()
        train(networks, bernoulli_loss(*networks, negative_elbo), train_gray, steps)
        log_likelihood, kl = bernoulli_terms(*networks, test_images).mean(dim=1)
        elbos.append((log_likelihood - kl).item())
    print(
        f"{name:<14} {count_weights(networks):>8,} weights: test ELBO {elbos[1]:.1f} and {elbos[0]:.1f} "
        f"nats, KL {kl:.1f}   ({time.perf_counter() - begin:.0f} s for both seeds)"
    )
    return networks


dense = train_twice("dense", dense_vae)
convolutional = train_twice("convolutional", conv_vae)


# %%
@torch.no_grad()
def rebuilt_and_invented(encoder, decoder, images, count=12):
    """Decoded means of images, and decoded draws of the prior: before any sigmoid."""
    torch.manual_seed(2)
    mean, _ = encoder(images)
    return decoder(mean), decoder(torch.randn(count, mean.shape[1], device=device))


rows = [test_images[:12]]
for networks in (dense, convolutional):
    rows += [images.sigmoid() for images in rebuilt_and_invented(*networks, test_images[:12])]
names = ("test", "dense: rebuilt", "its samples", "conv: rebuilt", "its samples")
show(plot_images(torch.cat(rows), columns=12, title="Dense and convolutional", row_titles=names))

# %% [markdown]
# Better, with fewer weights: at `laptop` scale about -102 nats against -110, with two nats between the seeds. A
# kernel that has learned a stroke at one place knows it at all places. What it costs is time: few weights, used often,
# are still many multiplications, so that one update takes more than twice as long. And the samples hang
# together better, though neither model has been trained for long.
#
# ## 3 · What may a code cost?
#
# The negative ELBO has two parts. The [distortion](glossary.ipynb#Distortion) $D = -\mathbb E_q[\log p(x \mid z)]$ is what the image
# still costs once the code is known, and the [rate](glossary.ipynb#Rate) $R = \mathrm{KL}(q(z \mid x) \,\|\, p(z))$, averaged over images,
# is the price of the code. The ELBO adds them one to one. Nothing forbids another exchange rate:
#
# $$ L_\beta = D + \beta R . $$
#
# With a small $\beta$ codes are cheap and carry many details; with a large one only what saves most is worth
# its price. Higgins et al. (2017) call this a [β-VAE](glossary.ipynb#Beta-VAE).

# %% [markdown]
# ### Exercise · `beta_elbo(log_likelihood, kl, beta)`
# *4 minutes.* The first two are `(B,)`, in nats; `beta` is a number. Return the loss, a scalar, to be made
# small: at `beta = 1` it is the negative ELBO of lesson 05. Only one of the two parts is weighed.


# %% exercise="better_vaes.beta_elbo"
def beta_elbo(log_likelihood, kl, beta):
    """Distortion plus beta times rate, averaged over the batch: a scalar loss, in nats."""
    # BEGIN SOLUTION
    return (beta * kl - log_likelihood).mean()
    # END SOLUTION


# %% check="better_vaes.beta_elbo"
check("better_vaes.beta_elbo", beta_elbo)

# %% [markdown]
# A latent that says nothing about the image need not cost anything: its $q(z \mid x)$ can be the prior for every
# image, and its mean is then the same whatever the image. Burda, Grosse and Salakhutdinov (2016) count the others. A latent is [active](glossary.ipynb#Active-unit) if its mean moves from image to
# image: if the variance over images, $\mathrm{Var}_x(\mathbb E_q[z \mid x])$, is above 0.01.

# %% [markdown]
# ### Exercise · `active_units(means, threshold)`
# *5 minutes.* `means` is `(N, Z)`, the encoder's means of N images. Return how many latents have a
# variance over the images above `threshold`, an integer. Two traps: which axis, and a latent that stands
# still far from 0.


# %% exercise="better_vaes.active_units"
def active_units(means, threshold):
    """How many columns of `(N, Z)` have a variance over the N images above the threshold."""
    # BEGIN SOLUTION
    return (means.var(dim=0) > threshold).sum().item()
    # END SOLUTION


# %% check="better_vaes.active_units"
check("better_vaes.active_units", active_units)

# %% [markdown]
# Six models, alike but for $\beta$. **Predict.** At $\beta = 0.25$: are reconstructions better or worse than at
# 1, and the samples? Which $\beta$ has the best ELBO, in which rate and distortion count equally?


# %%
def point_on_curve(beta):
    """A model trained at this price, with its rate and distortion on test images."""
    seed_everything(0)
    networks = conv_vae()
    if beta == 1:
        networks = convolutional  # section 2 has trained this one
    else:
        loss_of = bernoulli_loss(*networks, lambda ll, kl: beta_elbo(ll, kl, beta))
        train(networks, loss_of, train_gray, steps)
    log_likelihood, kl = bernoulli_terms(*networks, test_images).mean(dim=1).cpu()
    with torch.no_grad():
        active = active_units(networks[0](test_images)[0], 0.01)
    print(
        f"beta {beta:<4}: rate {kl:5.1f}, distortion {-log_likelihood:6.1f}, ELBO "
        f"{log_likelihood - kl:7.1f} nats, {active} of {latent_dim} latents active"
    )
    return {"networks": networks, "R": kl, "D": -log_likelihood}


curve = {beta: point_on_curve(beta) for beta in (0.25, 0.5, 1, 2, 4, 8)}


# %%
def kl_of_each_latent(mean, log_var):
    """Lesson 01's formula for one latent at a time: `(B, Z)` to `(B, Z)`."""
    return kl_to_standard_normal(mean.reshape(-1, 1), log_var.reshape(-1, 1)).reshape(mean.shape)


@torch.no_grad()
def kl_per_latent(encoder, images):
    """What each latent costs on average over the images, `(Z,)` in nats."""
    return kl_of_each_latent(*encoder(images)).mean(dim=0)


# %% tags=["folded"]
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6))
rates = torch.tensor([point["R"] for point in curve.values()])
distortions = torch.tensor([point["D"] for point in curve.values()])
left.plot(rates, distortions, "o-", label="trained models")
for beta, rate, distortion in zip(curve, rates, distortions, strict=True):
    left.annotate(f"β = {beta}", (rate, distortion), xytext=(6, 4), textcoords="offset points")
axis = torch.linspace(0, float(rates.max()), 2)
best = (rates + distortions).min()
left.plot(axis, best - axis, "--", color="gray", label="equal ELBO: rate + distortion constant")
left.set(title="The rate–distortion curve", xlabel="rate R (nats)", ylabel="distortion D (nats)")
left.set(xlim=(0, 1.2 * float(rates.max())))
left.legend(loc="upper right", fontsize=9)
for beta in (0.25, 1, 8):
    prices = kl_per_latent(curve[beta]["networks"][0], test_images).sort(descending=True).values
    right.plot(range(1, latent_dim + 1), prices.cpu(), "o-", label=f"β = {beta}")
right.set(title="KL of each latent, sorted", xlabel="latent", ylabel="nats", ylim=(0, None))
right.legend()
show(figure)

rows = [test_images[20:28], torch.ones(6, 1, 28, 28, device=device)]
for point in curve.values():
    rows += [x.sigmoid() for x in rebuilt_and_invented(*point["networks"], test_images[20:28], 6)]
names = ("test", *(f"β = {beta}" for beta in curve))
title = "Eight test digits rebuilt, and six samples, by each model"
show(plot_images(torch.cat(rows), columns=14, title=title, row_titles=names, size=0.75))

# %% [markdown]
# **Read the pictures from above.** At β = 0.25 the strokes of the test digits are followed closely, and the samples
# can seldom be read: codes that are cheap are scattered wide, and a draw of the prior falls between them. At β = 8 a
# sample is smooth and mostly legible, and reconstructions are pulled towards a typical digit: the 5 has turned into something like an 8. On the left of the
# figure, the dashed line has slope -1: all its points have the same ELBO, and it is drawn through the best model. The best ELBO is found
# near β = 1, where it is what is trained; β = 0.5 and 1 differ by less than two seeds do.
#
# On the right: a latent that is worth less than its price is switched off, one after the other. At β = 8 five latents
# carry nearly everything. (`active_units` prints 11 there, and all 16 at β = 1: a variance of 0.01 is a low bar,
# worth about 0.005 nats where the latent's own variance is near 1.) At β = 1 there are two that the model hardly uses.
#
# **What the slope says.** Take two prices $\beta_1 < \beta_2$, and the points $(R_1, D_1)$ and $(R_2, D_2)$
# that are best at each:
#
# $$ \begin{aligned}
# D_1 + \beta_1 R_1 &\le D_2 + \beta_1 R_2 && (1) \\
# D_2 + \beta_2 R_2 &\le D_1 + \beta_2 R_1 && (2) \\
# \beta_1 (R_1 - R_2) &\le D_2 - D_1 \le \beta_2 (R_1 - R_2) && (3) \\
# \beta_1 &\le \frac{D_2 - D_1}{R_1 - R_2} \le \beta_2 && (4)
# \end{aligned} $$
#
# 1. **Each is best at its own price**: the first at $\beta_1$,
# 2. and the second at $\beta_2$.
# 3. **Solve both for** $D_2 - D_1$.
# 4. **Divide by** $R_1 - R_2$, which is positive unless the two points coincide: from (3),
#    $0 \le (\beta_2 - \beta_1)(R_1 - R_2)$, and at the same rate (3) makes the distortions equal.
#
# Between two neighbors on the curve, one nat of rate buys between $\beta_1$ and $\beta_2$ nats of distortion.
# Our models are trained, not optimal, and measured on test images. Does it hold?

# %%
points = list(curve.items())
for (low, first), (high, second) in itertools.pairwise(points):
    bought = (second["D"] - first["D"]) / (first["R"] - second["R"])
    print(
        f"between beta {low:<4} and {high:<4}: one nat of rate buys {bought:5.2f} nats of distortion"
    )

# %% [markdown]
# Nearly: the prices frame the exchange, but for the pair 0.5 and 1, where 1.06 nats were bought, a little over the upper
# bound of 1. The two models are one seed each, after 1,000 updates, and two nats of luck in either are enough for
# that. Where a curve of your own bends the wrong way, suspect the training before you suspect the theory.
#
# ## 4 · A Gaussian decoder, and the variance that nobody mentioned
#
# Shades of cloth are no coins. A Gaussian decoder gives each pixel a mean, and all of them one standard
# deviation σ:
#
# $$ \log p(x \mid z) = \sum_i \Big[ -\frac{(x_i - m_i)^2}{2 \sigma^2} - \log \sigma - \tfrac12 \log 2\pi \Big],
#    \qquad m = \mathrm{decoder}(z) . $$
#
# This is a density, not a probability: it may exceed 1, so log-likelihoods may be positive.

# %% [markdown]
# ### Exercise · `gaussian_log_likelihood(recon_mean, log_std, images)`
# *8 minutes.* `recon_mean` and `images` are `(B, C, H, W)`. `log_std` is $\log \sigma$: one number `()` for
# all pixels, or one for each, `(B, C, H, W)`. Return $\log p(x \mid z)$ in nats for each image, `(B,)`, the
# constant included. The trap: a single `log_std` still counts once for *every* pixel. It must be right for
# `log_std` from -7 to 9.


# %% exercise="better_vaes.gaussian_log_likelihood"
def gaussian_log_likelihood(recon_mean, log_std, images):
    """log N(images; recon_mean, exp(log_std)²), summed over pixels, in nats, `(B,)`."""
    # BEGIN SOLUTION
    standardized = (images - recon_mean) * torch.exp(-log_std)
    per_pixel = -0.5 * standardized.square() - log_std - 0.5 * math.log(2 * math.pi)
    return per_pixel.flatten(start_dim=1).sum(dim=1)
    # END SOLUTION


# %% check="better_vaes.gaussian_log_likelihood"
check("better_vaes.gaussian_log_likelihood", gaussian_log_likelihood)

# %% [markdown]
# Many published VAEs do without all that and minimize «squared error plus KL»,
# $\sum_i (x_i - m_i)^2 + \mathrm{KL}$. Compare with the formula: the squared error has the factor
# $1 / 2\sigma^2$, so leaving the factor out is choosing $\sigma^2 = \tfrac12$. What does that choice mean for
# images whose pixels lie between 0 and 1? One direction of the data is enough to find out.
#
# Let $x$ be one number with mean 0 and variance $\lambda$, the encoder $q(z \mid x) = \mathcal N(a x, v)$, the
# decoder $m = d z$, σ fixed, and the KL weighed by β. Averaged over $x$ and $z$, and up to a constant,
#
# $$ \begin{aligned}
# L &= \frac{\lambda (1 - d a)^2 + d^2 v}{2 \sigma^2} + \frac{\beta}{2} (a^2 \lambda + v - 1 - \log v) && (1) \\
# \partial_v L = 0 &: \quad v = \frac{\beta \sigma^2}{\beta \sigma^2 + d^2} && (2) \\
# \partial_a L = 0 &: \quad a = \frac{d}{\beta \sigma^2 + d^2}, \quad\text{so}\quad 1 - d a = v && (3) \\
# \partial_d L = 0 &: \quad d v = \lambda a (1 - d a) = \lambda a v, \quad\text{so}\quad d = \lambda a && (4) \\
# d = 0 \quad &\text{or} \quad d^2 = \lambda - \beta \sigma^2 && (5) \\
# \mathrm{KL} &= \tfrac12 \log \frac{\lambda}{\beta \sigma^2}, \qquad \text{error left: } \beta \sigma^2 && (6)
# \end{aligned} $$
#
# 1. **Averages**: $x - d(ax + \sqrt v\,\varepsilon)$ has the square $\lambda(1-da)^2 + d^2 v$ on average, and the KL is
#    lesson 01's.
# 2. **Set the derivative by** $v$ **to zero** and solve.
# 3. **The same by** $a$ ($\lambda$ cancels), then insert in $1 - da$.
# 4. **The same by** $d$, with line 3.
# 5. **Insert** $a$ **from line 3 into line 4**: $d = \lambda d / (\beta\sigma^2 + d^2)$.
# 6. **Insert** line 5 into 2: $v = \beta\sigma^2 / \lambda$; into 3: $a^2 \lambda = 1 - v$. So the KL is
#    $\tfrac12(a^2\lambda + v - 1 - \log v) = -\tfrac12 \log v$, and the error $\lambda v^2 + d^2 v = \lambda v$.
#
# Both answers of line 5 are stationary. Where it has both, compare the loss $L$: with $r = \lambda / \beta\sigma^2 > 1$ it is
# $\tfrac{\beta}{2} r$ at $d = 0$ and only $\tfrac{\beta}{2} (1 + \log r)$ at the other. So a direction is used if its variance $\lambda$ exceeds $\beta\sigma^2$. Else $d = 0$ is the only answer: the
# latent has collapsed, and rightly so, at this price. (Lucas et al. (2019) prove this for linear VAEs with all
# directions at once: each principal component decides for itself.) Gradient descent should agree, unless it starts at
# $a = d = 0$, where the slope is 0. **Predict** which
# of the rows will be zero.

# %% tags=["nbval-check-output"]
variance = torch.tensor([4.0, 1.0, 0.6, 0.4, 0.05]).double()
for beta, sigma2 in ((1, 0.5), (3, 0.1)):
    level = beta * sigma2
    a, d = (torch.full((5,), 0.5).double().requires_grad_() for _ in range(2))
    log_v = torch.zeros(5).double().requires_grad_()
    optimizer = torch.optim.Adam([a, d, log_v], lr=0.02)
    for _ in range(4000):
        error = variance * (1 - d * a) ** 2 + d**2 * log_v.exp()
        kl = 0.5 * (a**2 * variance + log_v.exp() - 1 - log_v)
        optimizer.zero_grad()
        (error / (2 * sigma2) + beta * kl).sum().backward()
        optimizer.step()
    formula = 0.5 * (variance / level).clamp(min=1).log()
    print(f"beta {beta}, sigma² {sigma2}: variances  {[f'{x:.2f}' for x in variance]}")
    print(f"    KL found by descent      {[f'{x + 0:.2f}' for x in kl.detach().abs()]}")
    print(f"    KL by line 6             {[f'{x + 0:.2f}' for x in formula]}")
    assert torch.allclose(kl, formula, atol=1e-3)
    assert torch.allclose(error, variance.clamp(max=level), atol=1e-3)

# %% [markdown]
# So as long as σ is fixed, β and σ² are one knob as far as the code is concerned: only their product counts. (With
# any networks, up to a constant: $\sigma^2 L$ is half the squared error plus $\beta\sigma^2$ times the KL. Where σ is
# learned, its own term $n \log \sigma$ counts as well, and this no longer holds.) And for data whose principal
# components have variances $\lambda_1, \lambda_2, \dots$ the best linear VAE uses as many latents as there are
# $\lambda_i > \beta\sigma^2$, if it has that many. Networks that bend may do better; as a first guess, count.


# %%
def principal_variances(images):
    return torch.linalg.eigvalsh(images.flatten(start_dim=1).T.cov()).flip(0).cpu()


for name, images in (("digits", train_gray), ("clothes", fashion)):
    variances = principal_variances(images[:20_000])
    for sigma in (math.sqrt(0.5), 0.1):
        worth = variances[variances > sigma**2]
        nats = 0.5 * (worth / sigma**2).log().sum()
        share = worth.sum() / variances.sum()
        print(
            f"{name:<8} σ = {sigma:.2f}: {len(worth):>3} of {len(variances)} components are worth a "
            f"latent ({share:.0%} of the variance), {nats:6.1f} nats in all"
        )

# %% [markdown]
# A squared error finds 13 directions of Fashion-MNIST worth a latent; all the others, a quarter of the
# variance, are treated as noise of the camera. At σ = 0.1 there are hundreds.
#
# What is the right σ? The likelihood itself knows. For a given squared error $E = \sum_i (x_i - m_i)^2$ of
# $n$ pixels, $\partial_{\log \sigma}\big[-E / 2\sigma^2 - n \log \sigma\big] = E/\sigma^2 - n = 0$ at $\sigma^2 = E / n$, the mean squared
# error. So make log σ a parameter, and let it be trained with the rest. Three models of Fashion-MNIST, alike
# but for σ: the silent $\sigma^2 = \tfrac12$ of a squared error, 0.1 by decree, and learned.
# **Predict** which has the most active latents, and which has the best samples.


# %%
class Spread(nn.Module):
    """log σ of the pixels: one number, learned or fixed."""

    def __init__(self, log_std, learned):
        super().__init__()
        self.tenth = nn.Parameter(torch.tensor(log_std / 10), requires_grad=learned)

    def forward(self):
        return 10 * self.tenth  # Adam moves every weight equally fast; this one has far to go


def gaussian_loss(encoder, decoder, spread):
    """A loss for `train`: of gray or color images under a Gaussian decoder."""

    def loss_of(images, weight):
        mean, log_var = encoder(images)
        recon_mean = decoder(draw_code(mean, log_var))
        log_likelihood = gaussian_log_likelihood(recon_mean, spread(), images)
        kl = kl_to_standard_normal(mean, log_var)
        return beta_elbo(log_likelihood, kl, weight), {"kl": kl.mean()}

    return loss_of


@torch.no_grad()
def describe(encoder, decoder, spread, images):
    """ELBO and KL in nats per image, the root mean squared error, and the active latents."""
    torch.manual_seed(0)
    mean, log_var = encoder(images)
    recon_mean = decoder(draw_code(mean, log_var))
    log_likelihood = gaussian_log_likelihood(recon_mean, spread(), images).mean()
    kl = kl_to_standard_normal(mean, log_var).mean()
    error = (images - recon_mean).square().mean().sqrt()
    return (
        f"σ {spread().exp():.3f}, pixels off by {error:.3f}: ELBO {log_likelihood - kl:7.1f} nats, "
        f"KL {kl:5.1f}, {active_units(mean, 0.01)} latents active"
    )


settings = {
    "squared error": (0.5 * math.log(0.5), False),
    "σ = 0.1": (math.log(0.1), False),
    "σ learned": (0.5 * math.log(0.5), True),
}
rows, names = [test_fashion[:14]], ["test"]
for name, setting in settings.items():
    seed_everything(0)
    networks = (*conv_vae(latent_dim=32), Spread(*setting).to(device))
    train(networks, gaussian_loss(*networks), fashion, gaussian_steps)
    print(f"{name:<13} {describe(*networks, test_fashion)}")
    rebuilt, invented = rebuilt_and_invented(*networks[:2], test_fashion[:14], 14)
    rows += [rebuilt.clamp(0, 1), invented.clamp(0, 1)]
    names += [f"{name}: rebuilt", "samples"]
show(plot_images(torch.cat(rows), columns=14, title="Clothes", row_titles=names, size=0.75))

# %% [markdown]
# The squared error used 11 of its 32 latents and 6.9 nats, not far from the 13 and 9.0 that the table of variances foretold, and
# before anything was trained. Its reconstructions have lost every pattern: the word on the pullover, the
# checks of the shirt. Much of this blur is σ² = 1/2, taken at its word: with a smaller σ there is a
# shadow where the word stood, and shoes and trousers have edges. The rest (the checks are gone in every row) is few
# updates and 32 latents. With σ learned, it ends at 0.11,
# beside pixels that are off by 0.11 on average, as the derivative promised; all latents are in use, and the
# ELBO, which unlike a bare sum of squares can be compared, is a thousand nats better. A σ
# fixed at nearly the same value, 0.1, ends 140 nats lower: its pixels are off by 0.12, not 0.11. A learned σ starts
# large and shrinks as the error does, which is probably the easier path for so few updates.
#
# It has a price: the samples. With more than 50 nats in 32 latents, a random code is rarely near one that was ever used,
# after so few updates more rarely still. Small β σ² shows details and leaves holes; large β σ² closes the holes and
# blurs. Both ends are one and the same trade, that of section 3.
#
# The same recipe takes color with no change but the three channels: emoji, two styles together, half of them
# mirrored at random so that 3,208 images last longer. The last row leads from the code of one to that of another.


# %%
def mirrored(loss_of):
    """The same loss of images of which a random half is flipped left to right."""

    def loss_of_some_flipped(images, weight):
        flip = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
        return loss_of(torch.where(flip, images.flip(3), images), weight)

    return loss_of_some_flipped


seed_everything(0)
networks = (*conv_vae(3, 32, latent_dim=64), Spread(-1.0, True).to(device))
train(networks, mirrored(gaussian_loss(*networks)), emoji, emoji_steps)
print("training emoji", describe(*networks, emoji))
print("test emoji    ", describe(*networks, test_emoji))
picks = [
    torch.randperm(len(x), generator=torch.Generator().manual_seed(1))[:12]
    for x in (emoji, test_emoji)
]
known, new = emoji[picks[0].to(device)], test_emoji[picks[1].to(device)]
with torch.no_grad():
    codes = networks[0](torch.cat([known, new]))[0]
    known_rebuilt, new_rebuilt = networks[1](codes).split(12)
    shares = torch.linspace(0, 1, 12, device=device)[:, None]
    between = networks[1]((1 - shares) * codes[22] + shares * codes[16])
rows = torch.cat([known, known_rebuilt, new, new_rebuilt, between]).clamp(0, 1)
names = ("training", "rebuilt", "test", "rebuilt", "from 11th to 5th")
show(plot_images(rows, columns=12, title="Emoji", row_titles=names))

# %% [markdown]
# The test emoji are of kinds that were never seen in training (that is how the set is split), and 3,208 pictures are
# few: color, outline and position come back, faces and legs do not. The ELBO tells the same by one number, about 350 nats lower
# for the test emoji. We keep the prior's samples to ourselves. More than 100 nats in 64 latents, learned from so few, leave
# hardly a place in the prior that decodes to anything but colored fog.
#
# ## 5 · Collapse, and two cures
#
# *Here the second sitting begins. If you come back another day, run all cells above this one first (in JupyterLab: Run, Run All
# Above Selected Cell): sections 6 and 7 use what they trained. Exercises that you have passed stay passed.*
#
# A latent that does not pay is switched off, and section 4 says that this is right. There is another kind of
# [posterior collapse](glossary.ipynb#Posterior-collapse), and it is a mishap of training. At the start the code is noise:
# the encoder has not learned to write, nor the decoder to read. The KL is charged from the first update,
# what the code will one day be worth is not yet to be seen, and so the code is given up before it gets a chance. It
# is most likely where the decoder can do much without a code. Ours so far could not; so we make it stronger.
#
# Until now the pixels were independent, given $z$. Draw them one after the other instead, in reading order, and
# let each know those before it:
#
# $$ p(x \mid z) = \prod_i p(x_i \mid x_1, \dots, x_{i-1}, z) . $$
#
# A convolution can do that, if its kernel is 0 at the pixel itself and at all that come later in reading
# order: a [masked convolution](glossary.ipynb#Masked-convolution) (van den Oord, Kalchbrenner and Kavukcuoglu, 2016). Its logits are added to
# the decoder's. A line of a digit is easy to continue if you see its last three pixels, with or without a code.
#
# ![A masked kernel of 5 × 5: weights for what came before the pixel, zeros for the rest](../images/06_masked.png)


# %% tags=["nbval-check-output"]
class PixelsBefore(nn.Module):
    """Logits of each pixel from those before it in reading order, within 5 × 5: no code at all."""

    def __init__(self, kernel=5, channels=16):
        super().__init__()
        self.conv = nn.Conv2d(1, channels, kernel, padding=kernel // 2)
        self.mix, self.last = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, 1, 1)
        mask = torch.ones(kernel * kernel)
        mask[kernel * kernel // 2 :] = 0  # the pixel itself, and what follows it
        self.register_buffer("mask", mask.reshape(kernel, kernel))

    def forward(self, images):
        weight = self.conv.weight * self.mask
        seen = F.conv2d(images, weight, self.conv.bias, padding=self.conv.padding)
        return self.last(F.relu(self.mix(F.relu(seen))))


def relu_vae():
    """The networks of section 2 as most listings have them: with ReLU."""
    maps, row = (32, 7, 7), 32 * 7 * 7
    encoder = nn.Sequential(
        *(nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(16, 32, 4, stride=2, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(row, 2 * latent_dim)),
    )
    decoder = nn.Sequential(
        *(nn.Linear(latent_dim, row), nn.ReLU(), nn.Unflatten(1, maps)),
        *(nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), nn.ReLU()),
        nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),
    )
    return encoder.to(device), decoder.to(device), PixelsBefore().to(device)


torch.manual_seed(0)
image = torch.rand(1, 1, 28, 28, requires_grad=True)
PixelsBefore()(image)[0, 0, 14, 14].backward()
seen = (image.grad[0, 0] != 0).nonzero()
assert all((row, column) < (14, 14) for row, column in seen.tolist())
print(f"pixel (14, 14) sees {len(seen)} pixels, the last of them {tuple(seen[-1].tolist())}")

# %% [markdown]
# Two cures are known, and both give the code time. [Annealing](glossary.ipynb#KL-annealing) (Bowman et al., 2016) charges nothing at the
# start and the full price later. [Free bits](glossary.ipynb#Free-bits) (Kingma et al., 2016) charge every latent at least a floor, used or
# not: what is paid for anyway may as well be used.

# %% [markdown]
# ### Exercise · `kl_weight(step, warmup_steps)`
# *4 minutes.* Two integers; steps are counted from 0. Return the weight of the KL: on a straight line from 0 at
# step 0 to 1 at step `warmup_steps`, and 1 from then on. `warmup_steps = 0` means no warm-up: always 1.


# %% exercise="better_vaes.kl_weight"
def kl_weight(step, warmup_steps):
    """The KL's weight in [0, 1]: rises along a line for `warmup_steps`, then stays at 1."""
    # BEGIN SOLUTION
    if step >= warmup_steps:
        return 1.0
    return step / warmup_steps
    # END SOLUTION


# %% check="better_vaes.kl_weight"
check("better_vaes.kl_weight", kl_weight)

# %% [markdown]
# ### Exercise · `free_bits(kl_per_dim, floor)`
# *6 minutes.* `kl_per_dim` is `(B, Z)`: the KL of each image and latent, in nats. Each latent is charged its
# average over the batch, but at least `floor`; return the sum over latents, a scalar. The order matters: a
# latent may be silent for some images if it speaks for others. What is the gradient of a latent below the
# floor?


# %% exercise="better_vaes.free_bits"
def free_bits(kl_per_dim, floor):
    """Sum over latents of max(floor, average KL over the batch): a scalar, in nats."""
    # BEGIN SOLUTION
    return kl_per_dim.mean(dim=0).clamp(min=floor).sum()
    # END SOLUTION


# %% check="better_vaes.free_bits"
check("better_vaes.free_bits", free_bits)

# %% [markdown]
# Now the experiment: the same networks, the same budget, each three times from other seeds. The control charges
# a *price of 1* throughout, as lesson 05 does. There a decoder as small as ours need not collapse; to see the
# mishap in so few updates we provoke it. The *heavy start* charges twenty times the price in the first half. Free
# bits get the same heavy start, annealing the opposite one: compare free bits with the heavy start, and annealing with
# the control. Test ELBOs charge the full KL, whatever the training charged. **Predict.** Which of the four has the
# largest KL, and which the best ELBO?


# %%
def strong_loss(encoder, decoder, before, charge):
    """A loss for `train` with the strong decoder; `charge(kl_per_dim, weight)` is its KL term."""

    def loss_of(gray, weight):
        images = toss(gray)
        mean, log_var = encoder(images).chunk(2, dim=1)
        logits = decoder(draw_code(mean, log_var)) + before(images)
        kl_per_dim = kl_of_each_latent(mean, log_var)
        log_likelihood = bernoulli_log_likelihood(logits, images)
        kl = kl_per_dim.sum(dim=1).mean()
        return charge(kl_per_dim, weight) - log_likelihood.mean(), {"kl": kl}

    return loss_of


def full_charge(kl_per_dim, weight):
    return beta_elbo(torch.zeros_like(kl_per_dim[:, 0]), kl_per_dim.sum(dim=1), weight)


@torch.no_grad()
def strong_terms(encoder, decoder, before, images):
    """Log-likelihood and KL of each image, `(2, B)` in nats, and the active latents."""
    torch.manual_seed(0)
    mean, log_var = encoder(images).chunk(2, dim=1)
    logits = decoder(draw_code(mean, log_var)) + before(images)
    log_likelihood = bernoulli_log_likelihood(logits, images)
    terms = torch.stack([log_likelihood, kl_to_standard_normal(mean, log_var)])
    return terms, active_units(mean, 0.01)


def heavy_start(t):
    """Twenty times the price in the first half; the right price from then on."""
    return 20.0 if t < collapse_steps // 2 else 1.0


def free_charge(kl_per_dim, weight):
    return weight * free_bits(kl_per_dim, 0.25)


ways = {
    "price 1": (full_charge, lambda t: 1.0),
    "heavy start": (full_charge, heavy_start),
    "annealing": (full_charge, lambda t: kl_weight(t, collapse_steps // 2)),
    "free bits": (free_charge, heavy_start),
}


def train_strong(name):
    """Train one way from each seed and print the scores; returns the first networks and their KL."""
    (charge, weight_at), results, kept = ways[name], [], []
    for seed in range(seeds):
        seed_everything(seed)
        networks = relu_vae()
        loss_of = strong_loss(*networks, charge)
        history = train(networks, loss_of, train_gray, collapse_steps, weight_at, learning_rate / 2)
        terms, active = strong_terms(*networks, test_images)
        log_likelihood, kl = terms.mean(dim=1).tolist()
        results.append((log_likelihood - kl, kl, active))
        kept.append((networks, history["kl"]))
    elbo, kl, active = torch.tensor(results).mean(dim=0).tolist()
    elbo_std, kl_std, active_std = torch.tensor(results).std(dim=0).tolist()
    print(
        f"{name:<11} test ELBO {elbo:7.2f} ± {elbo_std:.2f} nats, KL {kl:5.2f} ± {kl_std:.2f}, "
        f"active latents {active:4.1f} ± {active_std:.1f} of {latent_dim}"
    )
    return kept[0]


strong = {name: train_strong(name) for name in ways}


# %%
figure, axes = plt.subplots(figsize=(6.4, 3))
for name, (_, curve_of_kl) in strong.items():
    axes.plot(curve_of_kl, label=name)
axes.set(
    title="KL while training (seed 0)", xlabel="updates", ylabel="nats per image", yscale="log"
)
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
show(figure)
rows = [test_images[:12]]
for networks, _ in strong.values():
    with torch.no_grad():
        codes = networks[0](test_images[:12]).chunk(2, dim=1)[0]
        rows.append(networks[1](codes).sigmoid())
title = "What the code alone says of each pixel (seed 0)"
show(plot_images(torch.cat(rows), columns=12, title=title, row_titles=("test", *strong), size=0.8))

# %% [markdown]
# **At a price of 1** nothing collapses: the code is small, 2 nats, and by our low bar all of its latents are active.
# **The heavy start** ends with no active latent in any of the three runs, and that with half of its updates at the right
# price. Nothing is wrong with the loss by then, and nobody uses the code, so the decoder has no reason to read it, and the
# encoder none to write it. Watch the orange curve: it falls to a ten-thousandth of a nat, and after 250 updates at the right price it is back at a
# fifth of a nat. So it is not locked in, only slow: with more updates at the full learning rate it may climb out. In
# our budget, where the learning rate falls in that same half, it does not. In the picture, the code's share is the same gray square for every digit.
#
# **Annealing** ends with 3 nats, all latents active and the best ELBO, but it beats the control by 0.4 nats of ELBO and
# one nat of KL, less than the seeds differ among themselves. Where nothing was going to collapse there was nothing to
# cure; what annealing changes is the order, cheap first and the full price later, and of the two orders that we tried only
# the opposite one lost the code. **Free bits** keep the code alive through the heavy start as well, 3.6 nats in 16
# latents; their ELBO is two nats *worse* than that of the collapsed model. That is the honest price of a floor:
# sixteen latents at 0.25 nats are 4 nats that are spent whether or not the pixels are worth it.
# Section 9 lets you look for a better floor.
#
# A cure for collapse does not have to raise the ELBO. This decoder does almost as well without a code. If what
# you want is a code, for sorting, searching, editing, then the KL and the active latents are what to look at, and
# section 7 asks what the rescued codes know.
#
# ## 6 · Five hundred images
#
# So far there were 60,000 training images, tossed anew at every update. Suppose you have 500. A VAE has a
# likelihood, so [overfitting](glossary.ipynb#Overfitting) can be seen: the ELBO of images that were held back
# stops rising while that of the training images goes on. Three cures from supervised learning carry over:
#
# - [early stopping](glossary.ipynb#Early-stopping): keep the weights that had the best ELBO on held-back images,
# - [dropout](glossary.ipynb#Dropout): switch off hidden units at random while training,
# - [weight decay](glossary.ipynb#Weight-decay): pull all weights towards 0 a little at every update.
#
# The model is the dense one, which overfits most readily. A thousand held-back training images decide when to stop;
# the test images are looked at once, at the end. **Predict** the winner.


# %%
few, held_back = toss(train_gray[:500]), toss(train_gray[500:1500])  # once and for all


def mean_elbo(networks, images):
    """Mean ELBO in nats per image, with dropout switched off for the while."""
    for network in networks:
        network.eval()
    log_likelihood, kl = bernoulli_terms(*networks, images).mean(dim=1)
    for network in networks:
        network.train()
    return (log_likelihood - kl).item()


def train_on_few(dropout, weight_decay):
    """A dense VAE of 500 images: its networks at the end, the best ones, and the looks on the way."""
    networks = DenseEncoder(400, latent_dim, dropout), dense_decoder(latent_dim, 400, dropout)
    networks, looks, best = [network.to(device) for network in networks], History(), {}

    def look(update):
        if update % (few_steps // 20) == 0:
            with torch.random.fork_rng():
                looks.add(
                    update=update,
                    training=mean_elbo(networks, few),
                    held_back=mean_elbo(networks, held_back),
                )
            if looks["held_back"][-1] == looks["held_back"].max():
                best.update(update=update, networks=copy.deepcopy(networks))

    loss_of = bernoulli_loss(*networks, negative_elbo)
    train(
        networks,
        loss_of,
        few,
        few_steps,
        rate=learning_rate / 2,
        weight_decay=weight_decay,
        look=look,
    )
    return networks, best, looks


cures = {"none": (0.0, 0.0), "dropout 0.3": (0.3, 0.0), "weight decay 1": (0.0, 1.0)}
few_runs, table = {}, {}
for name, cure in cures.items():
    for seed in range(seeds):
        seed_everything(seed)
        networks, best, looks = train_on_few(*cure)
        few_runs.setdefault(name, (networks, looks))
        at_end = mean_elbo(networks, few), mean_elbo(networks, test_images)
        stopped = mean_elbo(best["networks"], test_images)
        table.setdefault(name, []).append((*at_end, stopped, best["update"]))
print(
    "ELBO in nats per image:    500 images      test, at the end   test, stopped early (at update)"
)
for name, rows in table.items():
    (train_elbo, test_elbo, stopped, at), spread = (
        torch.tensor(rows).mean(dim=0).tolist(),
        torch.tensor(rows).std(dim=0).tolist(),
    )
    print(
        f"{name:<20} {train_elbo:12.1f} ± {spread[0]:.1f} {test_elbo:14.1f} ± {spread[1]:.1f} "
        f"{stopped:14.1f} ± {spread[2]:.1f}   ({at:,.0f})"
    )

# %%
figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.1), sharey=True)
for (name, (_, looks)), panel in zip(few_runs.items(), axes, strict=True):
    panel.plot(looks["update"], looks["training"], label="the 500 images")
    panel.plot(looks["update"], looks["held_back"], label="held back")
    panel.set(title=f"Cure: {name}", xlabel="updates")
axes[0].set(ylabel="ELBO (nats per image)")
axes[0].legend()
show(figure)

# %% [markdown]
# Without a cure the held-back ELBO turns after some 350 updates, and by the end the model is about 95 nats better on the 500
# images than on new ones. Early stopping saves 18 nats of the damage for nothing but a copy of the weights. Dropout and
# weight decay slow the learning by heart, so that there is no turn to stop at within these updates, and both end
# ahead of it: at `laptop` scale dropout is best (-139 nats), then weight decay (-141), then stopping (-144), and the
# differences are several times the spread of the seeds. Sixty thousand images gave -110 to the same model. No cure
# replaces data.
#
# ## 7 · What does a latent dimension mean?
#
# Nobody told the model what its latents should mean. Two ways to ask. The first is a [traversal](glossary.ipynb#Latent-traversal): take an
# image's code, move one latent from -3 to 3, leave the others where they are, and decode.


# %%
def traversals(encoder, decoder, image, dimensions, places=11):
    """Decoded images, a row for each latent that is moved from -3 to 3: `(rows * places, 1, H, W)`."""
    with torch.no_grad():
        mean, _ = encoder(image[None])
        codes = mean.repeat(len(dimensions) * places, 1)
        for row, dimension in enumerate(dimensions):
            places_on_it = torch.linspace(-3, 3, places, device=device)
            codes[row * places : (row + 1) * places, dimension] = places_on_it
        return decoder(codes).sigmoid()


for beta in (1, 4):
    networks = curve[beta]["networks"]
    prices = kl_per_latent(networks[0], test_images)
    order = prices.argsort(descending=True)
    dimensions = [*order[:4].tolist(), order[-1].item()]
    rows = traversals(*networks, test_images[2], dimensions)
    names = [f"latent {k}: {prices[k]:.2f} nats" for k in dimensions]
    title = f"β = {beta}: one latent at a time, from -3 to 3"
    show(plot_images(rows, columns=11, title=title, row_titles=names, size=0.75))

# %% [markdown]
# The dearest latents change what one would name: from a round shape to a stroke, the slant, a bar on top. None of them is «the
# digit», and each mixes several things, for nothing in the loss asks for one thing a latent. The cheapest latent
# does nothing at all: the decoder has stopped reading it. At β = 4 the rows are smoother, and section 3
# counted fewer active latents (14 of 16).
#
# The second way is a [linear probe](glossary.ipynb#Linear-probe): a linear classifier of the codes. It adds no computing of its own, so its accuracy
# says what lies open in the code.

# %% [markdown]
# ### Exercise · `linear_probe(means, labels, test_means, test_labels)`
# *12 minutes.* Codes `(N, Z)` with labels `(N,)`, integers from 0, and the same for testing. Fit a linear
# classifier (a weight for each latent and a bias, for each class) to the first pair, and return its accuracy on the
# second, a float between 0 and 1. Logistic regression by a few hundred steps of Adam (learning rate 0.05) on all
# codes at once will do, and so will least squares. The test pair is for counting alone: nothing that you fit,
# scale or choose may depend on it. The trap: a collapsed latent may have no spread at all.


# %% exercise="better_vaes.linear_probe"
def linear_probe(means, labels, test_means, test_labels):
    """Test accuracy, in [0, 1], of a linear classifier fitted to `(N, Z)` codes and their labels."""
    # BEGIN SOLUTION
    weight = means.new_zeros(means.shape[1] + 1, int(labels.max()) + 1).requires_grad_()
    optimizer = torch.optim.Adam([weight], lr=0.05)
    with torch.enable_grad():
        for _ in range(300):
            optimizer.zero_grad()
            F.cross_entropy(means @ weight[1:] + weight[0], labels).backward()
            optimizer.step()
    scores = test_means @ weight[1:] + weight[0]
    return (scores.argmax(dim=1) == test_labels).float().mean().item()
    # END SOLUTION


# %% check="better_vaes.linear_probe"
check("better_vaes.linear_probe", linear_probe)

# %% [markdown]
# Codes of 5,000 training images, scored on the test images. An untrained encoder, and the pixels themselves,
# show what to compare with. Every code is probed twice: its mean, and a draw of $q$, mean plus noise, which is what
# the decoder gets to see. **Predict** the order: pixels (784 numbers), an untrained encoder, the codes at β = 0.25, 1, 4
# and 8, the collapsed model of section 5, and its three sisters. Where will mean and draw differ most?

# %%
probed_images, probed_labels = toss(train_gray[:probe_count]), train_labels[:probe_count]


def probe(see, read):
    """Accuracy of a linear probe on `read(mean, log_var)`, where `see(images)` gives the two."""
    torch.manual_seed(0)
    with torch.no_grad():
        codes, test_codes = read(*see(probed_images)), read(*see(test_images))
    return linear_probe(codes, probed_labels, test_codes, test_labels)


seed_everything(0)
fresh, _ = conv_vae()
to_probe = {"untrained encoder": fresh}
to_probe |= {f"β = {beta}": curve[beta]["networks"][0] for beta in (0.25, 1, 4, 8)}
for name, (networks, _) in strong.items():
    to_probe[f"section 5, {name}"] = lambda images, see=networks[0]: see(images).chunk(2, dim=1)
of_mean = {name: probe(see, lambda mean, log_var: mean) for name, see in to_probe.items()}
of_draw = {name: probe(see, draw_code) for name, see in to_probe.items()}
flat_probe, flat_test = probed_images.flatten(start_dim=1), test_images.flatten(start_dim=1)
of_pixels = linear_probe(flat_probe, probed_labels, flat_test, test_labels)
for name in to_probe:
    print(f"{name:<22} mean {of_mean[name]:.3f}, draw {of_draw[name]:.3f}")
print(f"{'pixels':<22}      {of_pixels:.3f}")

# %% tags=["folded"]
places = torch.arange(len(to_probe))
figure, axes = plt.subplots(figsize=(7.5, 3.4))
axes.barh(places - 0.2, list(of_mean.values()), height=0.4, label="mean")
axes.barh(places + 0.2, list(of_draw.values()), height=0.4, label="draw, with noise")
axes.axvline(of_pixels, color="gray", linestyle=":", label="pixels")
axes.set(title="Linear probe: which digit is it?", xlabel="test accuracy", xlim=(0, 1))
axes.set_yticks(places, list(to_probe))
axes.invert_yaxis()
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
show(figure)

# %% [markdown]
# (These numbers are of our probe: Adam at a rate of 0.05, codes as they are. Yours may differ by several points for
# the pixels, and by more where the means are tiny.) At `laptop` scale the means at β = 1 beat the pixels (about 0.86 against 0.82), with 16 numbers instead of 784: what a
# digit is lies nearly open in them, and nobody gave a label. A larger β loses little of the mean and much of the draw
# (0.72 at β = 4): the price has made the noise wide. And look at the collapsed code. Its *means* are right for
# more than half of the images, though every one of them is tiny: a classifier may enlarge what it is given, as far as it likes.
# A draw knows nothing (one in ten, a guess). The decoder sees draws. Whoever reports that a
# collapsed model has «useful features» has left out the noise. At a price of 1, and with annealing, a draw knows the digit
# in a quarter of the cases, with free bits in a sixth; even the means of free bits say less of the digit (0.46) than the collapsed ones
# (0.56): their nats went into something else than the class.
#
# ## 8 · What goes wrong
#
# Three mistakes that the lesson has not shown yet. First a reduction that circulates in many listings: the
# likelihood *averaged* over the 784 pixels, the KL *summed* over the latents. **Predict** by section 3 which β
# that is, and what becomes of the code.

# %%
seed_everything(0)
networks = conv_vae()
averaged = bernoulli_loss(*networks, lambda ll, kl: beta_elbo(ll / 784, kl, 1))
history = train(networks, averaged, train_gray, at_scale(smoke=6, laptop=100, gpu=500))
log_likelihood, kl = bernoulli_terms(*networks, test_images).mean(dim=1)
with torch.no_grad():
    active = active_units(networks[0](test_images)[0], 0.01)
print(
    f"last loss {history['loss'][-1]:.3f}, and in truth: log-likelihood {log_likelihood:.1f}, ",
    end="",
)
print(f"KL {kl:.4f} nats, {active} latents active")

# %% [markdown]
# A splendid loss, and nothing learned but the average image: it is β = 784.
#
# Then a σ for each pixel, learned. It sounds like more freedom, and it is. **Predict** what happens at the corner
# pixels of the gray digits, which are black in every image.

# %%
gray = train_gray[:1000]
log_std = torch.zeros(1, 1, 28, 28, device=device, requires_grad=True)
optimizer = torch.optim.Adam([log_std], lr=0.1)
for update in range(1, 401):
    log_likelihood = gaussian_log_likelihood(
        gray.mean(dim=0, keepdim=True).expand_as(gray), log_std.expand_as(gray), gray
    ).mean()
    optimizer.zero_grad()
    (-log_likelihood).backward()
    optimizer.step()
    if update % 100 == 0:
        print(
            f"update {update}: log-likelihood {log_likelihood:9.1f} nats; σ of the corner pixel "
            f"{log_std[0, 0, 0, 0].exp():.1e}, of the middle one {log_std[0, 0, 14, 14].exp():.2f}"
        )

# %% [markdown]
# A pixel that never changes can be predicted with any precision, and a density has no upper limit: once its mean is
# exact, as here, the likelihood grows for ever, and says nothing about digits. One σ for all pixels, or a lowest σ of 1/255 (the step between two
# grays), ends the race.
#
# And last, dropout that was never switched off. The model with dropout from section 6, scored twice:

# %%
(encoder, decoder), _ = few_runs["dropout 0.3"]
for mode in (True, False):
    encoder.train(mode), decoder.train(mode)
    log_likelihood, kl = bernoulli_terms(encoder, decoder, test_images).mean(dim=1)
    print(f"training mode {mode!s:<5}: test ELBO {log_likelihood - kl:.1f} nats")

# %% [markdown]
# | Symptom | Cause | Cure | Seen in |
# |---|---|---|---|
# | The KL is near 0 and no latent is active, though the price is right *now* | the code was too dear while nobody could read it yet | annealing, free bits | section 5 |
# | A tiny loss, the same image from every code | likelihood averaged over pixels, KL summed over latents: β = 784 | sum both, average over the batch alone | section 8 |
# | Blurred reconstructions, few active latents | a plain squared error, which is σ² = 1/2 | write the Gaussian with its σ, and learn it | section 4 |
# | Good reconstructions, broken samples | β below 1; the likelihood counted twice is β = 1/2 | β = 1 | section 3 |
# | Smooth samples that lack their details | β above 1, or σ too large | a smaller β σ² | sections 3, 4 |
# | The ELBO of the training images rises, that of images held back falls | too few images for so many weights | early stopping, dropout, weight decay | section 6 |
# | The likelihood grows for ever, σ → 0, at last nan | a σ of its own for a pixel that never changes | one σ, or a lowest one | section 8 |
# | Scores that change and are too low | dropout still on while scoring | `.eval()` | section 8 |

# %% [markdown]
# ## 9 · Change one thing
#
# **a.** The floor. Section 5 gave each latent 0.25 nats for nothing. Try 0.02 and 1 with the heavy start, and
# compare KL, active latents and test ELBO. What does too high a floor cost, and why does the ELBO notice it?

# %%
# Your experiment: strong_loss(*networks, lambda kl, weight: weight * free_bits(kl, floor)) and train(…).

# %% tags=["solution"]
for floor in (0.02, 1.0):
    seed_everything(0)
    networks = relu_vae()
    loss_of = strong_loss(*networks, lambda kl, weight, f=floor: weight * free_bits(kl, f))
    train(networks, loss_of, train_gray, collapse_steps, heavy_start, learning_rate / 2)
    terms, active = strong_terms(*networks, test_images)
    log_likelihood, kl = terms.mean(dim=1)
    print(
        f"floor {floor}: test ELBO {log_likelihood - kl:.2f} nats, KL {kl:.2f}, "
        f"{active} latents active"
    )

# %% [markdown] tags=["solution"]
# At 0.02 nats a latent the code stays a whisper, and the ELBO is as good as any in section 5 (about -101). At 1 nat
# a latent, 16 nats are free, the code spends 14 of them, and the ELBO falls to about -114: the training objective does not
# mind, but the bound counts every nat. A floor is a tool for the start, and it belongs near what a latent
# is worth in the end.

# %% [markdown]
# **b.** Shuffle the pixels: one permutation of the 784 places, the same for all images, training and test. Train
# the dense and the convolutional model of section 2 on such images. Which of the two minds, and how much of a
# convolution's advantage was knowing which pixels are neighbors?

# %%
# Your experiment: order = torch.randperm(784, device=device), then images.flatten(1)[:, order].reshape(…).

# %% tags=["solution"]
order = torch.randperm(784, generator=torch.Generator().manual_seed(0)).to(device)
shuffled, test_shuffled = (
    images.flatten(start_dim=1)[:, order].reshape(images.shape)
    for images in (train_gray, test_images)
)
for name, build in (("dense", dense_vae), ("convolutional", conv_vae)):
    seed_everything(0)
    networks = build()
    train(networks, bernoulli_loss(*networks, negative_elbo), shuffled, steps)
    log_likelihood, kl = bernoulli_terms(*networks, test_shuffled).mean(dim=1)
    print(f"{name:<14} shuffled pixels: test ELBO {log_likelihood - kl:.1f} nats")

# %% [markdown] tags=["solution"]
# The dense model does not notice: its ELBO is the same to half a nat, for a permutation of the inputs is a
# permutation of its weights. The convolutional one loses about 16 nats and falls behind the dense one. That is
# what knowing the neighbors was worth. An architecture is an assumption about the data, and this one can be broken.

# %% [markdown]
# ## Recap
# - Loss = distortion + β · rate. With a Gaussian decoder of fixed σ only β σ² decides which directions of the data are worth
#   a latent: those whose variance is larger. A squared error without a factor is σ² = 1/2.
# - Collapse can be right (the price is too high) or a mishap (the code was given up before it could be read).
#   Active units and the KL show it; annealing and free bits cure the second kind.
# - The ELBO of images held back tells when to stop; traversals and a linear probe tell what a code knows.
#
# **References.** I. Higgins et al., *beta-VAE: Learning Basic Visual Concepts with a Constrained Variational
# Framework*, ICLR 2017, [OpenReview](https://openreview.net/forum?id=Sy2fzU9gl). · A. Alemi et al., *Fixing a Broken ELBO*, arXiv 1711.00464, 2018. · S. Bowman et al.,
# *Generating Sentences from a Continuous Space*, arXiv 1511.06349, 2016. · D. Kingma et al., *Improved Variational
# Inference with Inverse Autoregressive Flow*, arXiv 1606.04934, 2016. · Y. Burda, R. Grosse and R. Salakhutdinov,
# *Importance Weighted Autoencoders*, arXiv 1509.00519, 2016. · J. Lucas et al., *Don't Blame the ELBO! A Linear
# VAE Perspective on Posterior Collapse*, arXiv 1911.02469, 2019. · A. van den Oord, N. Kalchbrenner and
# K. Kavukcuoglu, *Pixel Recurrent Neural Networks*, arXiv 1601.06759, 2016. · X. Chen et al., *Variational Lossy
# Autoencoder*, arXiv 1611.02731, 2017. · H. Xiao, K. Rasul and R. Vollgraf, *Fashion-MNIST*, arXiv 1708.07747, 2017.
#
# **Next** 07_likelihood measures how far the ELBO lies below the log-likelihood.
