# %% [markdown]
# # 10 · Convolutional GANs, and color
#
# The GAN of lesson 09 joins every pixel with every unit and has to learn anew in each corner what an
# edge is. In 2015 three people wrote down which convolutional networks survive the game,
# the [DCGAN](glossary.ipynb#DCGAN). You build
# their parts from scratch, measure what the change is worth in equal seconds, and end with emoji that
# nobody has drawn.
#
# ![Clothes and emoji from the generators of this lesson](../images/10_dcgan.png)
#
# <details><summary>中文导读</summary>
#
# 本课把 GAN 换成卷积网络。你将从零实现转置卷积的尺寸公式、批归一化和带泄漏的 ReLU，按 DCGAN 论文
# 的规则搭建并初始化生成器与判别器。转置卷积（transposed convolution）是卷积矩阵的转置，也就是卷积
# 对输入的梯度，不是“卷积反向传播层”，更不是卷积的逆运算；课中把两个矩阵画出来并逐元素验证。你会看到
# 棋盘格伪影从何而来、怎样避免，批归一化在训练与推理时为何不同。随后在相同的计算时间内，用 Fréchet
# 距离比较全连接 GAN 与 DCGAN（Fashion-MNIST），再训练彩色表情符号，并在训练集中寻找最近邻，
# 检查模型是否只是在背诵。
#
# </details>
#
# **You will be able to**
# - say what a transposed convolution is, as a matrix and as stamps, and compute its size,
# - say where checkerboards come from, and choose kernels that do not invite them,
# - write batch normalization with PyTorch's conventions, and say what changes between training and
#   evaluation, and what goes wrong when it does not,
# - build, initialize and train a DCGAN at 28, 32 and 64 pixels, gray or in color,
# - compare two generators in equal seconds, and look for copies of the training set.
#
# **Time** 90 minutes · **Builds on** 06_better_vaes, 09_first_gan · **Papers**
# Radford, Metz and Chintala (2015), *Unsupervised Representation Learning with Deep Convolutional
# Generative Adversarial Networks*, arXiv 1511.06434; Ioffe and Szegedy (2015), *Batch Normalization*,
# arXiv 1502.03167; Dumoulin and Visin (2016), *A guide to convolution arithmetic for deep learning*,
# arXiv 1603.07285; Odena, Dumoulin and Olah (2016), *Deconvolution and Checkerboard Artifacts*, Distill.

# %% tags=["folded"]
import copy
import time
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from course_lib import metrics
from course_lib.checks import check
from course_lib.convolution_plots import plot_maps, plot_matrices, plot_stamps
from course_lib.data import emoji_table, load_emoji, load_fashion_mnist
from course_lib.fast import fast
from course_lib.history import History, watch
from course_lib.networks import UpsampleConv2d
from course_lib.plotting import plot_history, plot_images, show
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything
from course_lib.widgets import moments_explorer

seed_everything(0)
device = pick_device()
latent_dim, batch_size = 64, at_scale(smoke=16, laptop=32, gpu=128)
width = at_scale(smoke=4, laptop=32, gpu=64)  # channels of the widest maps' neighbors
steps = at_scale(smoke=24, laptop=5_400, gpu=40_000)  # of the DCGAN on clothes
mlp_steps = at_scale(smoke=24, laptop=9_900, gpu=100_000)  # of the MLP GAN: about as many seconds
emoji_steps = at_scale(smoke=24, laptop=2_400, gpu=40_000)
emoji_width = at_scale(smoke=4, laptop=32, gpu=64)
emoji_size = at_scale(smoke=32, laptop=32, gpu=64)
short_steps = at_scale(smoke=16, laptop=300, gpu=2_000)  # for experiments
sample_count = at_scale(smoke=200, laptop=10_000, gpu=10_000)  # images behind a Fréchet distance
look_count = at_scale(smoke=100, laptop=2_000, gpu=10_000)  # and behind those of its curve
print(f"scale {course_scale()} on {device}: {steps:,} steps in batches of {batch_size}")

# %% [markdown]
# ## 1 · The convolution that goes the other way
#
# A discriminator makes a picture smaller: 28, 14, 7 pixels. A generator has to go up, from a few
# numbers to a picture. Which layer goes up with few weights, the same at every place? The one that the
# backward pass of a convolution has always used.
#
# 1. A [convolution](glossary.ipynb#Convolution) without bias is linear in its image $x$. Written as
#    a column of numbers, there is a matrix $C$ with $y = C x$, and its $j$-th column is the
#    convolution of the $j$-th basis image, which is 1 in one pixel and 0 elsewhere.
# 2. The gradient of $\langle v, C x\rangle$ with respect to $x$ is $C^\top v$, for every $v$ of
#    $y$'s shape: that is how `backward` takes a gradient $v$ through the layer.
# 3. The **[transposed convolution](glossary.ipynb#Transposed-convolution)** of $v$ with the same
#    kernel is *defined* as $C^\top v$. So it takes small to large, and for all $x$ and $v$:
#    $\;\langle C x, v \rangle = \langle x, C^\top v \rangle$.
# 4. It is no inverse. Where fewer numbers come out than go in, as below, $C$ has fewer rows than
#    columns, so $C^\top C$ has not full rank and is not the identity: the size comes back, the picture
#    does not. («Deconvolution», as some call it, promises too much. A layer «for convolution's backward
#    pass», as others have it, is nearer: but the discriminator needs none, autograd does that by
#    itself.)
#
# Below, $C$ is built column by column for one kernel, 4 × 4 with stride 2 and padding 1, on 6 × 6 images.
# **Predict** before you run: how many rows and columns has it, and how many numbers in a row are not 0?

# %%
seed_everything(1)
kernel = torch.randn(1, 1, 4, 4)  # (out, in, height, width) for conv2d; (in, out, …) going up


def down(images):
    return F.conv2d(images, kernel, stride=2, padding=1)


def up(maps):
    return F.conv_transpose2d(maps, kernel, stride=2, padding=1)


def matrix_of(layer, size):
    """The matrix of a linear layer on images `(1, 1, size, size)`: basis image by basis image."""
    basis = torch.eye(size**2).reshape(-1, 1, size, size)
    return layer(basis).flatten(1).T


C, T = matrix_of(down, 6), matrix_of(up, 3)
show(plot_matrices({"down: the convolution's matrix": C, "up": T}))

# %% tags=["nbval-check-output"]
x, v = torch.randn(1, 1, 6, 6), torch.randn(1, 1, 3, 3)
assert torch.allclose(down(x).flatten(), C @ x.flatten(), atol=1e-6)  # line 1
leaf = x.clone().requires_grad_()
(gradient,) = torch.autograd.grad((v * down(leaf)).sum(), leaf)
assert torch.allclose(gradient.flatten(), C.T @ v.flatten(), atol=1e-6)  # line 2
assert torch.allclose(T, C.T, atol=1e-6) and torch.allclose(up(v), gradient, atol=1e-6)  # line 3
assert torch.allclose((down(x) * v).sum(), (x * up(v)).sum(), atol=1e-4)
rank = torch.linalg.matrix_rank(C.T @ C)  # line 4
print(f"C {tuple(C.shape)}, T {tuple(T.shape)}, equal to C's transpose within 1e-6")
print(f"the most numbers in a row of C that are not 0: {(C != 0).sum(1).max()} of {C.shape[1]}")
print(f"rank of C.T @ C: {rank} of {C.shape[1]}")

# %% [markdown]
# ### Stamps, and the size
#
# Read $C^\top v$ by the columns of $C^\top$: each pixel that comes in multiplies the whole kernel
# and *stamps* it onto what comes out; where stamps overlap, they add. Here is one row of pixels:

# %%
settings = {
    "kernel 4, stride 2, padding 1": (3, 4, 2, 1, 0),
    "kernel 3, one more pixel": (3, 3, 2, 1, 1),
}
show(plot_stamps(list(settings.values()), list(settings)))

# %% [markdown]
# How long is the strip? Count pixels $0 \dots n-1$, kernel $k$, [stride](glossary.ipynb#Stride) $s$,
# padding $p$:
#
# 1. Stamp $i$ covers positions $i s$ to $i s + k - 1$.
# 2. The last one, $i = n - 1$, ends at $(n-1)s + k - 1$; the strip has $(n-1)s + k$ pixels.
# 3. The padding is that of the *convolution*: what lay on its border belongs to no pixel of the image and
#    is cut off, $p$ pixels on either side (gray above).
# 4. A convolution rounds down, so several sizes lead to one: with kernel 3, stride 2 and padding 1
#    both 5 and 6 pixels become 3. Its transpose has to be told which to go back to: the
#    [output padding](glossary.ipynb#Output-padding) says by how many pixels the end is longer.

# %% [markdown]
# ### Exercise · `conv_transpose_output_size(size, kernel, stride, padding, output_padding)`
# *5 minutes.* Return the number of pixels along one side, an integer, that `nn.ConvTranspose2d` makes of
# `size` pixels.


# %% exercise="dcgan.conv_transpose_output_size"
def conv_transpose_output_size(size, kernel, stride, padding, output_padding):
    """Pixels along one side behind a transposed convolution, an integer."""
    # BEGIN SOLUTION
    strip = (size - 1) * stride + kernel
    return strip - 2 * padding + output_padding
    # END SOLUTION


# %% check="dcgan.conv_transpose_output_size"
check("dcgan.conv_transpose_output_size", conv_transpose_output_size)

# %% [markdown]
# The pair that DCGANs live on is kernel 4, stride 2, padding 1: it doubles exactly, and halves exactly
# on the way down.

# %% tags=["nbval-check-output"]
for size in (4, 7, 14, 32):
    doubled = conv_transpose_output_size(size, kernel=4, stride=2, padding=1, output_padding=0)
    back = (doubled + 2 * 1 - 4) // 2 + 1  # conv_output_size of lesson 06
    print(f"{size} -> {doubled} -> {back}")
for size in (5, 6):  # line 4: two sizes, one result
    small = F.conv2d(torch.zeros(1, 1, size, size), torch.zeros(1, 1, 3, 3), stride=2, padding=1)
    print(f"kernel 3, stride 2, padding 1: {size} -> {small.shape[-1]}")

# %% [markdown]
# ### Checkerboards
#
# Look at the lowest lines of the stamps again: with kernel 4 every inner pixel gets 2 stamps, with kernel
# 3 it is 1, 2, 1, 2. **Predict**: what will a picture look like whose every second pixel adds up twice as
# much, in both directions?
#
# 1. Tap $t$ of stamp $i$ falls on position $o$ where $o + p = i s + t$.
# 2. So position $o$ is reached by the taps with $t \equiv o + p \pmod s$ only, and by each of them once.
# 3. If $s$ divides $k$, each such class has $k/s$ taps, and every inner position gets equally many.
#    If not, some classes have one tap more than others.
# 4. Let weights be independent with mean 0 and variance $v$, and let the numbers that come in be
#    independent of them with mean square $q$. Then a position reached by $m$ taps (of $c$ input
#    channels) has mean square $m\,c\,q\,v$: products of different weights have mean 0, so only
#    squares are left. In two directions $m$ multiplies: kernel 3 with stride 2 gives $1, 2, 2, 4$
#    for the four places of each 2 × 2 block, kernel 4 gives $4, 4, 4, 4$.
#
# A law of *untrained* layers, as line 4 says: training can remove a
# [checkerboard](glossary.ipynb#Checkerboard-artifact), and can make one with any kernel. But a
# network that has to unlearn one first starts behind. The cure is a kernel that the stride divides;
# or to go up without weights (each pixel doubled) and convolve afterwards, stride 1.

# %%
doublers = {
    "kernel 3, stride 2": nn.ConvTranspose2d(8, 8, 3, stride=2, padding=1, output_padding=1),
    "kernel 4, stride 2": nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1),
    "doubled, then 3 × 3": UpsampleConv2d(8, 8),
}


@torch.no_grad()
def phases(layer):
    """Mean square of the four places in each 2 × 2 block, over random weights; edges left out."""
    total = torch.zeros(2, 2)
    for _ in range(at_scale(200, 3_000, 3_000)):
        nn.init.normal_(layer.weight)
        nn.init.zeros_(layer.bias)
        maps = layer(torch.randn(1, 8, 6, 6))[..., 2:-2, 2:-2]
        total += maps.square().mean((0, 1)).unflatten(0, (4, 2)).unflatten(2, (4, 2)).mean((0, 2))
    return total / total[0, 0]


measured = {name: phases(layer) for name, layer in doublers.items()}
for name, four in measured.items():
    print(f"{name:<20}", ", ".join(f"{each:.2f}" for each in four.flatten().tolist()))

# %% tags=["folded"]
seed_everything(3)
strength = []  # root mean square of each pixel behind three layers, over random weights
with torch.no_grad():
    for layer in doublers.values():
        total = torch.zeros(1, 32, 32)
        for _ in range(at_scale(20, 200, 200)):
            maps = torch.randn(8, 8, 4, 4)
            for _ in range(3):  # 4, 8, 16, 32 pixels
                nn.init.normal_(layer.weight, std=0.1)
                maps = F.relu(layer(maps))
            total += maps.square().mean((0, 1))
        strength.append((total / total.max()).sqrt())
show(plot_images(strength, 3, "Behind three untrained layers", labels=list(doublers), size=2.2))

# %% [markdown]
# 1, 2, 2, 4 as predicted, and equal shares for the other two. The pictures show how strong each pixel
# is on average behind three layers: a generator with kernel 3 begins with a plaid, whatever $z$ says.
# (Doubling first makes neighbors alike, which is a pattern of another kind, but no checkerboard.)
#
# ## 2 · Batch normalization
#
# Deep generators without it tend to give one and the same image for every $z$, and the paper found
# it decisive. [Batch normalization](glossary.ipynb#Batch-normalization) sits between a convolution
# and its activation. For one channel let $x_1 \dots x_N$ be all its numbers in the batch:
# $N = B\,H\,W$, every image and every place.
#
# $$ \mu = \frac1N \sum_i x_i, \qquad \sigma^2 = \frac1N \sum_i (x_i - \mu)^2, \qquad
#    y_i = \gamma\,\frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta . $$
#
# $\gamma$ (`weight`) and $\beta$ (`bias`) are learned, one of each a channel; $\varepsilon$ (`eps`), a
# small number, keeps a constant channel from a division by 0. What does it do?
#
# 1. $\sum_i (x_i - \mu) = 0$, so the mean of $y$ is exactly $\beta$, whatever came in.
# 2. The variance of $(x_i - \mu)/\sqrt{\sigma^2 + \varepsilon}$ is
#    $\sigma^2 / (\sigma^2 + \varepsilon)$, so that of $y$ is
#    $\gamma^2 \sigma^2/(\sigma^2 + \varepsilon)$: nearly $\gamma^2$.
# 3. Put $a x_i + c$ in the place of $x_i$, $a > 0$: the mean becomes $a\mu + c$, the deviations
#    $a(x_i - \mu)$, the variance $a^2\sigma^2$. So $y$ is unchanged where $\varepsilon$ can be
#    neglected (exactly, it is the same as with $\varepsilon / a^2$): **neither the bias nor the size
#    of the weights in front has a say.** That is why those convolutions have `bias=False`.
# 4. One image's $y$ depends on every other image of the batch, through $\mu$ and $\sigma$. A
#    generator that is to answer one $z$ cannot have that. So each layer keeps
#    **[running estimates](glossary.ipynb#Running-estimate)** while it trains,
#    $r \leftarrow (1 - m)\,r + m\,\mu$ with PyTorch's `momentum` $m = 0.1$, and in
#    [`eval()` mode](glossary.ipynb#Evaluation-mode) uses them in the place of $\mu$ and $\sigma^2$.
# 5. After $t$ batches the share of the start value that is left is $(1 - m)^t$: each step keeps
#    $1 - m$ of it.
# 6. For $N$ independent numbers $\mathbb E\,\sigma^2 = \frac{N-1}{N}\,\text{(true variance)}$, so
#    the running estimate takes the unbiased one, divided by $N - 1$. (The pixels of one map are not
#    independent, so for them this is a convention.)
#
# ![The numbers of one channel in all images share a mean and a variance; evaluation puts running estimates in their place](../images/10_batch_norm.png)
#
# Two traps in the conventions: PyTorch normalizes with the *biased* variance and keeps the
# *unbiased* one. And Keras' `momentum` is the weight of the old value: its 0.8 is PyTorch's 0.2.

# %% [markdown]
# ### Exercise · `batch_norm(x, weight, bias, running_mean, running_var, training, momentum, eps)`
# *15 minutes.* `x` is `(B, C, H, W)`, the four vectors are `(C,)`. Return
# `(normalised, running_mean, running_var)`: the normalized maps, and the running estimates, moved in
# training and as they were in evaluation. Change none of the inputs in place. (Gradients run through
# the batch's mean and variance.)


# %% exercise="dcgan.batch_norm"
def batch_norm(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """Batch normalization of `(B, C, H, W)`; returns it and the two running estimates, `(C,)`."""
    # BEGIN SOLUTION
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        unbiased = x.detach().var((0, 2, 3), correction=1)
        running_mean = (1 - momentum) * running_mean + momentum * mean.detach()
        running_var = (1 - momentum) * running_var + momentum * unbiased

    def of_each_channel(values):
        return values[:, None, None]

    standard = (x - of_each_channel(mean)) / of_each_channel(var + eps).sqrt()
    normalised = of_each_channel(weight) * standard + of_each_channel(bias)
    return normalised, running_mean, running_var
    # END SOLUTION


# %% check="dcgan.batch_norm"
check("dcgan.batch_norm", batch_norm)

# %% [markdown]
# Lines 1, 2, 3, 5 and 6 on numbers, with your function:

# %% tags=["nbval-check-output"]
seed_everything(4)
x = 5 + 3 * torch.randn(16, 3, 6, 6, dtype=torch.float64)
weight, bias = torch.tensor([0.5, 1, 2]).double(), torch.tensor([-1, 0, 1]).double()
r_mean, r_var, eps = torch.zeros(3).double(), torch.ones(3).double(), 1e-5
y, *_ = batch_norm(x, weight, bias, r_mean, r_var, True, 0.1, eps)
var = x.var((0, 2, 3), correction=0)
assert torch.allclose(y.mean((0, 2, 3)), bias, atol=1e-12)  # line 1
assert torch.allclose(y.var((0, 2, 3), correction=0), weight**2 * var / (var + eps))  # line 2
stretched, *_ = batch_norm(7 * x - 4, weight, bias, r_mean, r_var, True, 0.1, 49 * eps)
assert torch.allclose(stretched, y, atol=1e-12)  # line 3: with eps·a², the very same
same_eps, *_ = batch_norm(7 * x - 4, weight, bias, r_mean, r_var, True, 0.1, eps)
assert torch.allclose(same_eps, y, atol=1e-5)
for _ in range(44):
    _, r_mean, r_var = batch_norm(x, weight, bias, r_mean, r_var, True, 0.1, eps)
share = 0.9**44
assert torch.allclose(r_mean, (1 - share) * x.mean((0, 2, 3)))  # line 5, from 0
print(f"after 44 batches {share:.2%} of the start is left")
draws = torch.randn(20_000, 4, dtype=torch.float64)  # line 6: true variance 1, N = 4
print(f"mean of biased variances {draws.var(1, correction=0).mean():.3f}, predicted {3 / 4:.3f}")

# %% [markdown]
# **Predict.** An untrained generator, two batches of 8 latents, of which only the first is the same
# in both. Are the two images of that first $z$ equal in training mode? In evaluation mode? And what
# comes of sampling *one* image at a time in training mode, when the map is 1 × 1 and $N = 1$?

# %%
seed_everything(5)
net = nn.Sequential(
    nn.Unflatten(1, (8, 1, 1)),
    nn.ConvTranspose2d(8, 16, 4, bias=False),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),
)
z = torch.randn(15, 8)
one, other = torch.cat([z[:1], z[1:8]]), torch.cat([z[:1], z[8:]])
with torch.no_grad():
    for mode in ("training", "evaluation"):
        net.train(mode == "training")
        apart = (net(one)[0] - net(other)[0]).abs().max()
        spread = net(one).std()
        print(
            f"{mode:<10} the same z in two batches: {apart / spread:6.1%} of the pixels' spread apart"
        )

for x in torch.randn(3):  # N = 1: the formula of this section for a single number
    mean, var = x.mean(), x.var(correction=0)
    print(f"x = {x:+.2f} alone in its batch: normalized {((x - mean) / (var + eps).sqrt()).item()}")

# %% [markdown]
# With $N = 1$ the number is its own mean: $y = \beta$, whatever $z$ says. PyTorch refuses it with an
# error; frameworks that do not refuse give one image for every $z$. So sample in evaluation mode,
# and train with batches.
#
# ## 3 · A leaky ReLU
#
# $\max(0, x)$ gives a unit below 0 no gradient. In the discriminator this costs twice: the generator
# learns only from what comes back through it. The [leaky ReLU](glossary.ipynb#Leaky-ReLU) keeps a
# slope on the left, 0.2 in the paper; the generator itself uses the plain one.

# %% [markdown]
# ### Exercise · `leaky_relu(x, negative_slope)`
# *3 minutes.* Return a new tensor: $x$ where it is not negative, `negative_slope` · $x$ where it is,
# for an `x` of any shape and slopes from 0 to 1.


# %% exercise="dcgan.leaky_relu"
def leaky_relu(x, negative_slope):
    """x for x >= 0, negative_slope times x below; element by element."""
    # BEGIN SOLUTION
    return torch.where(x < 0, negative_slope * x, x)
    # END SOLUTION


# %% check="dcgan.leaky_relu"
check("dcgan.leaky_relu", leaky_relu)

# %% [markdown]
# Four layers with PyTorch's start values, and the gradient of what comes out with respect to the
# image. **Predict**: what share of a layer's units passes nothing on, with slope 0 and with slope
# 0.2?

# %% tags=["nbval-check-output"]
seed_everything(6)
layers = [nn.Conv2d(8, 8, 3, padding=1) for _ in range(4)]
for slope in (0.0, 0.2):
    image = torch.randn(32, 8, 8, 8, requires_grad=True)
    maps, negative = image, []
    for layer in layers:
        before = layer(maps)
        negative.append(f"{(before < 0).float().mean():.0%}")
        maps = leaky_relu(before, slope)
    (gradient,) = torch.autograd.grad(maps.mean((1, 2, 3)).sum(), image)
    told = f"slope {slope}: negative units {', '.join(negative)}"
    print(f"{told}; mean size of the gradient at the image {gradient.abs().mean():.1e}")

# %% [markdown]
# With slope 0 about half of each layer's units pass nothing on for a given image, and one that is
# negative for *every* image never learns again. With slope 0.2 each passes at least a fifth.
#
# ## 4 · The recipe
#
# What Radford and others found after many failures, in five lines:
#
# 1. strided convolutions down, transposed ones up; no pooling, no hidden linear layers,
# 2. batch normalization everywhere, except behind the generator's last layer and the discriminator's
#    first: those two have to see and to set the true range of the pixels (nor are logits normalized),
# 3. ReLU in the generator, tanh at its end; leaky ReLU with slope 0.2 in the discriminator, no
#    activation at its end,
# 4. all weights start from $\mathcal N(0, 0.02^2)$ (those of norms from $\mathcal N(1, 0.02^2)$, which
#    their code has and the paper does not say),
# 5. Adam with a learning rate of 0.0002 and `beta1` 0.5.
#
# Line 4 is less arbitrary than it looks. By line 3 of section 2 the weights' size has no influence
# on what a normalized layer computes. But an Adam step moves each weight by about the learning rate,
# so the [start](glossary.ipynb#Weight-initialization) decides how much a step *turns* them: 0.0002
# against 0.02 is one part in a hundred.

# %% [markdown]
# ### Exercise · `initialize_dcgan(module)`
# *8 minutes.* Called once on a whole network: in every `nn.Conv2d` and `nn.ConvTranspose2d` inside
# it, however deeply nested (`module` may itself be one), draw the weights from a normal distribution
# with mean 0 and standard deviation 0.02; in every `nn.BatchNorm2d` with mean 1 and standard
# deviation 0.02; set the biases of all of these to 0. A layer may have no bias, and a norm no
# weight. Other layers are free, and so is what you return. Draw from PyTorch's global generator, and
# set no seed.


# %% exercise="dcgan.initialize_dcgan"
def initialize_dcgan(module):
    """DCGAN's start values for every layer inside, in place: N(0, 0.02²), norms N(1, 0.02²)."""
    # BEGIN SOLUTION
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            if layer.weight is not None:
                nn.init.normal_(layer.weight, float(isinstance(layer, nn.BatchNorm2d)), 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    # END SOLUTION


# %% check="dcgan.initialize_dcgan"
check("dcgan.initialize_dcgan", initialize_dcgan)

# %% [markdown]
# ### Exercise · `DCGANGenerator(latent_dim, image_size, channels, width)`
# *15 minutes.* A module from `z` `(B, latent_dim)` to images `(B, channels, image_size, image_size)`
# in $[-1, 1]$, for an `image_size` of 28, 32 or 64. Halve the size until less than 8 is left: 28
# gives 7 after two halvings, 32 and 64 give 4 after three and four. Start there, and double as
# often. `width` is the number of channels in front of the last layer; each doubling halves the
# channels, so at 32 they are 4·`width`, 2·`width`, `width`, `channels`. No norm stands behind the last
# layer. Which kernels, norms and activations stand elsewhere is free; with the recipe's you come by the
# numbers below.


# %% exercise="dcgan.DCGANGenerator"
class DCGANGenerator(nn.Module):
    """Latents z `(B, latent_dim)` to images `(B, channels, image_size, image_size)` in [-1, 1]."""

    def __init__(self, latent_dim, image_size, channels, width):
        super().__init__()
        # BEGIN SOLUTION
        side, widths = image_size // 2, [width]  # channels, from the first map to the last
        while side >= 8:
            side, widths = side // 2, [2 * widths[0], *widths]
        layers = [nn.Unflatten(1, (latent_dim, 1, 1))]
        layers += [nn.ConvTranspose2d(latent_dim, widths[0], side, bias=False)]
        for many, fewer in pairwise(widths):
            layers += [nn.BatchNorm2d(many), nn.ReLU()]
            layers += [nn.ConvTranspose2d(many, fewer, 4, stride=2, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
        layers += [nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z):
        return self.layers(z)
        # END SOLUTION


# %% check="dcgan.DCGANGenerator"
check("dcgan.DCGANGenerator", DCGANGenerator)


# %% [markdown]
# ### Exercise · `DCGANDiscriminator(image_size, channels, width)`
# *10 minutes.* The way back: images `(B, channels, image_size, image_size)` to one logit each,
# `(B,)`, for the same sizes, with `width` channels behind the first convolution, twice as many
# behind each further one that makes maps. Nothing is normalized before the second layer, nor are the
# logits. What the text leaves open is free.


# %% exercise="dcgan.DCGANDiscriminator"
class DCGANDiscriminator(nn.Module):
    """Images `(B, channels, image_size, image_size)` to one logit each, `(B,)`."""

    def __init__(self, image_size, channels, width):
        super().__init__()
        # BEGIN SOLUTION
        layers = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        side = image_size // 2
        while side >= 8:
            layers += [nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2)]
            side, width = side // 2, 2 * width
        layers += [nn.Conv2d(width, 1, side), nn.Flatten(0)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images):
        return self.layers(images)
        # END SOLUTION


# %% check="dcgan.DCGANDiscriminator"
check("dcgan.DCGANDiscriminator", DCGANDiscriminator)

# %%
seed_everything(0)
example = DCGANGenerator(latent_dim, 32, 3, 32), DCGANDiscriminator(32, 3, 32)
shapes = {"generator": [(latent_dim,)], "discriminator": [(3, 32, 32)]}


def note(name):
    """Keeps the shape of what each convolution gives."""
    return lambda layer, given, gives: shapes[name].append(tuple(gives.shape[1:]))


for name, network in zip(shapes, example, strict=True):
    initialize_dcgan(network)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(note(name))
    count = sum(p.numel() for p in network.parameters())
    print(f"{name}: {count:,} weights")
logits = example[1](example[0](torch.randn(4, latent_dim)))
shapes["discriminator"][-1] = ()
show(plot_maps(shapes))

# %% [markdown]
# ## 5 · What convolutions are worth, in equal seconds
#
# Fashion-MNIST: 60,000 gray pictures of clothes, harder than digits. The judge is the course's
# feature network for them, and the [Fréchet distance](glossary.ipynb#Fréchet-distance) of lesson 12:
# how far the features of samples are from those of real images, 0 being best. Its **floor** is what
# other real images get.

# %%
clothes, _ = load_fashion_mnist("train", value_range=(-1, 1), device=device)
test_clothes, _ = load_fashion_mnist("test", value_range=(-1, 1), device=device)
judge = metrics.features("fashion_mnist", value_range=(-1, 1), device=device)
reference = judge(clothes[:sample_count]).features


def distance(images):
    """Fréchet distance of images to the first training images, by the shipped features."""
    return metrics.fid(judge(images).features, reference)


floor = distance(test_clothes[:sample_count])
print(f"floor: {sample_count:,} test images are at {floor:.2f}")

# %% [markdown]
# One round of the game is lesson 09's, with one economy: the generator's step uses the fakes that the
# discriminator has just seen. They are made once a round, not twice. Reals and fakes go through the
# discriminator apart, so that each group has its own batch statistics.


# %%
def make_round(generator, discriminator, g_optimizer, d_optimizer, augment):
    """One round: the discriminator's step and the generator's; for `fast`."""

    def one_round(real):
        fake = generator(torch.randn(len(real), latent_dim, device=device))
        real_logits = discriminator(augment(real))
        fake_logits = discriminator(augment(fake.detach()))  # detach: G must not hear of this
        d_loss = F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()

        g_loss = F.softplus(-discriminator(augment(fake))).mean()
        g_optimizer.zero_grad()
        g_loss.backward(inputs=list(generator.parameters()))
        g_optimizer.step()
        return {"discriminator": d_loss, "generator": g_loss}

    return one_round


# %% [markdown]
# `train` is the loop of lesson 09. Learning rates begin at 0.002 and 0.001, five to ten times the paper's,
# and fall to 0 in a straight line over the second half. At a
# few moments `look` sees the generator, and the seconds of computing until then are noted, without those
# of looking: the processor's, or on a GPU those of the clock on the wall.

# %%
clock = time.process_time if device.type == "cpu" else time.perf_counter


def train(
    generator,
    discriminator,
    images,
    steps,
    look,
    rates=(2e-3, 1e-3),
    augment=lambda images: images,
    size=batch_size,
):
    """Train both networks; returns the generator, the losses, and what `look` saw, by step."""
    seed_everything(0)
    optimizers = [
        torch.optim.Adam(network.parameters(), rate, (0.5, 0.999))
        for network, rate in zip((generator, discriminator), rates, strict=True)
    ]
    schedules = [LambdaLR(each, lambda n: min(1, 2 * (1 - n / steps))) for each in optimizers]
    one_round = make_round(generator, discriminator, *optimizers, augment)
    play = fast(one_round, (generator, discriminator), optimizers, steps=steps, report=print)
    moments = {max(1, round(steps * (part / 8) ** 2)) for part in range(1, 9)}
    history, seen, seconds, begin = History(), {0: look(generator, 0.0)}, 0.0, clock()
    for step, real in enumerate(watch(batches(images, size, steps), history), 1):
        history.add(**play(real))
        for schedule in schedules:
            schedule.step()
        if step in moments:
            seconds += clock() - begin
            seen[step] = look(generator, seconds)
            begin = clock()
    return generator.eval(), history, seen


@torch.no_grad()
def sample(generator, z):
    """Images for z `(N, latent_dim)` in evaluation mode; the mode is put back."""
    mode = generator.training
    generator.eval()
    fakes = torch.cat([generator(part) for part in z.to(device).split(500)])
    generator.train(mode)
    return fakes


fixed_noise = torch.randn(sample_count, latent_dim, generator=torch.Generator().manual_seed(7))


def look_at_clothes(generator, seconds):
    """Pictures of the first of the fixed latents, and the distance of the first `look_count`."""
    fakes = sample(generator, fixed_noise[:look_count])
    return {"images": fakes[:32].cpu(), "seconds": seconds, "distance": distance(fakes)}


# %% [markdown]
# The rival is lesson 09's GAN of linear layers, with its own learning rates and batches of 64. It
# takes several rounds in the time of one convolutional round, and gets as many as fit into the same
# seconds. **Predict** the two distances at the end. (It is no straw man: batch norm, dropout and
# falling learning rates are in it.)


# %% tags=["folded"]
def mlp_gan(hidden):
    """Generator and discriminator of lesson 09: linear layers, batch norm, dropout."""
    generator = nn.Sequential(
        nn.Linear(latent_dim, hidden),
        nn.BatchNorm1d(hidden),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden, 2 * hidden),
        nn.BatchNorm1d(2 * hidden),
        nn.LeakyReLU(0.2),
        nn.Linear(2 * hidden, 784),
        nn.Tanh(),
        nn.Unflatten(1, (1, 28, 28)),
    )
    discriminator = nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(784, hidden), nn.LeakyReLU(0.2), nn.Dropout(0.3)),
        *(nn.Linear(hidden, hidden), nn.LeakyReLU(0.2), nn.Dropout(0.3)),
        *(nn.Linear(hidden, 1), nn.Flatten(0)),
    )
    return generator.to(device), discriminator.to(device)


# %%
def dcgan(image_size, channels, width):
    """A generator and a discriminator, initialized, on the device."""
    seed_everything(0)
    generator = DCGANGenerator(latent_dim, image_size, channels, width)
    discriminator = DCGANDiscriminator(image_size, channels, width)
    for network in (generator, discriminator):
        initialize_dcgan(network)
    return generator.to(device), discriminator.to(device)


mlp_run = train(
    *mlp_gan(hidden=at_scale(16, 256, 512)),
    clothes,
    mlp_steps,
    look_at_clothes,
    rates=(1e-3, 1e-3),
    size=2 * batch_size,
)
dcgan_run = train(*dcgan(28, 1, width), clothes, steps, look_at_clothes)

# %%
runs = {"MLP GAN": mlp_run, "DCGAN": dcgan_run}
figure, axes = plt.subplots(figsize=(6.4, 3.2))
for name, (_, _, seen) in runs.items():
    points = [(moment["seconds"], moment["distance"]) for step, moment in seen.items() if step]
    axes.plot(*zip(*points, strict=True), "o-", label=name, ms=4)
axes.axhline(floor, linestyle="--", color="gray", linewidth=1)
axes.annotate("test images", (0, floor), va="bottom", color="gray")
axes.set(title="Clothes: distance against time", xlabel="seconds of computing", ylim=(0, 130))
axes.set_ylabel("Fréchet distance")
axes.legend()
show(figure)
fakes = {name: sample(generator, fixed_noise) for name, (generator, _, _) in runs.items()}
for name, (_, _, seen) in runs.items():
    spent = list(seen.values())[-1]["seconds"]
    some = judge(fakes[name][:look_count]).features
    precision, recall = metrics.precision_recall(reference[:look_count], some)
    print(f"{name:<8} {spent:4.0f} s, Fréchet distance {distance(fakes[name]):6.1f}", end=", ")
    print(f"precision {precision:.2f}, recall {recall:.2f}")

# %%
rows = torch.cat([clothes[:12], *(images[:12] for images in fakes.values())])
titles = ["real", *fakes]
show(plot_images(rows, 12, "None chosen", value_range=(-1, 1), row_titles=titles, size=0.6))

# %% [markdown]
# Numbers in the text are those of `laptop` scale: one run, seed 0, on one CPU core. After 119
# seconds the DCGAN is at 17.5, after 109 the MLP GAN at 31.2. (Two more seeds of the DCGAN, trained
# elsewhere: 16.0 and 16.9.) The floor, at 0.13, is far below both, so these are no perfect clothes.
#
# Your eye says more than that factor of 1.8: the linear layers leave each pixel a noise of its own, since
# nothing ties it to its neighbor. The feature network sees past it: **precision**, the share of
# samples that lie among the real features, is even higher for the MLP GAN, 0.73 against 0.67. Where
# does its distance come from, then?
# **Recall**, the share of real features that lie among the samples, is 0.15 against 0.65: it makes few
# kinds of clothes. (Lesson 12 builds both numbers.) One number alone would have told a part of this.
#
# The curves of the DCGAN's run. **Predict** from lesson 09: where does a healthy discriminator's
# loss lie?

# %%
names = ["discriminator", "generator"]
show(plot_history(dcgan_run[1], names, "The DCGAN's losses", ylabel="nats"))

# %% [markdown]
# ### The same z, from first to last
#
# Slide through the trainings, and change the run by the menu. What does the same latent become? When
# is it decided whether it is a shoe or a shirt, and what changes after that?

# %%
moments_explorer(
    {
        name: {step: moment["images"] for step, moment in seen.items()}
        for name, (_, _, seen) in runs.items()
    },
    value_range=(-1, 1),
)

# %% [markdown]
# The kind of thing is decided early: after a quarter of the steps most columns are what they will be,
# and the rest of the time goes into edges and folds. The losses above say nothing of it. They lie at
# 1.0 to 1.2 nats for the discriminator, a little below $2 \log 2 = 1.39$: it can tell something, and
# has not won.
#
# ## 6 · In color
#
# Emoji have three channels, sharp edges, and there are few of them: the faces of both styles are 300
# pictures where MNIST has 60,000. (At `gpu` scale: all 3,208 training pictures, 64 × 64.) With so
# few, a discriminator can learn them by heart, and from then on it only says «not one of mine». Two
# remedies:
#
# - each face also as its mirror image,
# - reals *and* fakes are shifted by up to three pixels before the discriminator sees them, every
#   time anew ([differentiable augmentation](glossary.ipynb#Differentiable-augmentation), Zhao and
#   others 2020). As the same happens to both, the game's goal is not moved: the generator still
#   makes unshifted faces. Were its faces one pixel to the left, some fakes would be seen four pixels to
#   the left, and no real ever is. Shifting the reals alone would teach it shifted faces.


# %%
def shift(images, most=3):
    """Each image moved by up to `most` pixels in both directions, its border repeated."""
    size = images.shape[-1]
    for axis in (2, 3):
        offset = torch.randint(-most, most + 1, (len(images), 1), device=images.device)
        source = (torch.arange(size, device=images.device) + offset).clamp(0, size - 1)
        source = source[:, None, :, None] if axis == 2 else source[:, None, None, :]
        images = images.gather(axis, source.expand_as(images))
    return images


styles = load_emoji("train", value_range=(-1, 1), device=device)
is_face = [row["category"] == "Smileys & Emotion" for row in emoji_table("train")]
chosen = torch.tensor(at_scale(is_face, is_face, [True] * len(is_face)), device=device)
emoji = torch.cat([style[chosen] for style in styles])
if emoji_size == 32:
    emoji = F.avg_pool2d(emoji, 2)
emoji = torch.cat([emoji, emoji.flip(3)])  # the mirror images behind
print(f"{len(emoji):,} images {tuple(emoji.shape[1:])}, mirror images included")
order = torch.randperm(len(emoji), generator=torch.Generator().manual_seed(0)).to(device)
shown = torch.cat([emoji[order[:12]], shift(emoji[order[:12]])])
show(plot_images(shown, 12, "Drawn by people; below, shifted", value_range=(-1, 1), size=0.45))


# %%
def look_at_emoji(generator, seconds):
    """Pictures of the first of the fixed latents."""
    return {"images": sample(generator, fixed_noise[:32]).cpu(), "seconds": seconds}


emoji_generator, emoji_history, emoji_seen = train(
    *dcgan(emoji_size, 3, emoji_width), emoji, emoji_steps, look_at_emoji, augment=shift
)
made = sample(emoji_generator, fixed_noise)

# %%
show(plot_images(made[:24], 12, "Drawn by nobody, none chosen", value_range=(-1, 1), size=0.88))

# %% [markdown]
# Would you have taken them for emoji? The hearts and most of the faces, yes; some are between two
# things, and a few are spots. But a model could also come by good pictures by repeating what it was
# shown. Look for the [nearest training image](glossary.ipynb#Nearest-training-image) of each sample,
# pixel by pixel. What is «near»? The control: each training image's distance to its nearest *other*
# drawing.


# %%
def nearest(images, candidates, itself=False):
    """For each image the nearest candidate (not itself) and its distance a pixel, in [0, 2]."""
    apart = torch.cdist(images.flatten(1), candidates.flatten(1)) / images[0].numel() ** 0.5
    if itself:
        apart.fill_diagonal_(float("inf"))
    return apart.min(1)


distances, which = nearest(made[:500], emoji)
drawn = emoji[: len(emoji) // 2]  # without mirror images: those are other drawings in name only
control, _ = nearest(drawn, drawn, itself=True)
rows = torch.cat([made[:12], emoji[which[:12]]])
titles = ["made", "nearest real"]
show(plot_images(rows, 12, "Copies?", value_range=(-1, 1), row_titles=titles, size=0.6))
for name, values in {
    "samples to the nearest real": distances,
    "real to the nearest other": control,
}.items():
    low, middle, high = values.quantile(torch.tensor([0.1, 0.5, 0.9], device=device)).tolist()
    print(f"{name:<28} median {middle:.3f}, from {low:.3f} to {high:.3f} for eight in ten")

# %%
moments_explorer({"emoji": {s: m["images"] for s, m in emoji_seen.items()}}, value_range=(-1, 1))

# %% [markdown]
# Not copies, by this measure: at the median a sample is 0.32 from the nearest real drawing, and a real
# drawing is 0.28 from its nearest other one. The nearest tenth of the samples says the same, 0.21 or
# less against 0.15 or less. The faces look for their own mouth and brows. What this
# cannot exclude: a drawing put together from parts of several, or one that is copied and shifted,
# which pixels do not see as near.

# %% [markdown]
# Last, a walk: 12 steps on a straight line from one $z$ to another. A network that had the training
# images by heart and nothing else would jump.

# %%
ends = fixed_noise[:4].reshape(2, 2, latent_dim)
walks = [torch.lerp(a, b, torch.linspace(0, 1, 12)[:, None]) for a, b in ends]
walked = sample(emoji_generator, torch.cat(walks))
show(plot_images(walked, 12, "From one z to another", value_range=(-1, 1), size=0.45))

# %% [markdown]
# ## 7 · What goes wrong
#
# Each row below is one change to the run on clothes, everything else equal, for a short run.
# **Predict**: which of them is the worst, and which makes hardly a difference?


# %%
def without_norms(network):
    """The same network with nothing in the place of each batch norm."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, nn.BatchNorm2d):
            network.set_submodule(name, nn.Identity())
    return network


def fresh(layer):
    """PyTorch's own start values."""
    return layer.reset_parameters() if hasattr(layer, "reset_parameters") else None


def short_run(name, change=lambda g, d: (g, d), images=clothes, **settings):
    """Train `short_steps` rounds with a change; prints the distance and D's loss at the end."""
    pair = change(*dcgan(28, 1, width))
    generator, history, _ = train(
        *(network.to(device) for network in pair), images, short_steps, lambda *_: {}, **settings
    )
    fakes = sample(generator, fixed_noise[:look_count]).clamp(-1, 1)
    loss = history["discriminator"][-short_steps // 4 :].mean()
    print(f"{name:<38} distance {distance(fakes):6.1f}, discriminator's loss {loss:.2f} nats")
    return fakes


short_run("as it was")
short_run("no batch norm in the generator", lambda g, d: (without_norms(g), d))
short_run("a norm before D's first layer", lambda g, d: (g, nn.Sequential(nn.BatchNorm2d(1), d)))
short_run("PyTorch's own start values", lambda g, d: (g.apply(fresh), d.apply(fresh)))
short_run("reals in [0, 1], fakes in [-1, 1]", images=(clothes + 1) / 2)

# %%
trained = dcgan_run[0]
some_noise = fixed_noise[:look_count].to(device)
print(f"the trained generator in evaluation mode: {distance(sample(trained, some_noise)):.1f}")
forgotten = copy.deepcopy(trained).train()
for size in (2, 8, 64):
    parts = [part for part in some_noise.split(size) if len(part) == size]
    with torch.no_grad():
        fakes = torch.cat([forgotten(part) for part in parts])
    print(f"left in training mode, {size:>2} at a time: {distance(fakes):.1f}")
try:
    nn.BatchNorm1d(4)(torch.randn(1, 4))
except ValueError as error:
    print("a single row of numbers:", str(error).partition(",")[0])

# %% [markdown]
# One short run each, so that a difference of ten means little: two that differ in nothing but a
# bias, «as it was» and our «kernel 4» of section 8, are 64 and 58.
#
# | what you see | what it means | what to do |
# |---|---|---|
# | distance 3 to 4 times as high, discriminator's loss as always | a norm in front of its first layer: it cannot see brightness and contrast of a batch, so nobody teaches them | norms from the second layer on |
# | the same | reals in [0, 1], fakes in [-1, 1]: the ranges differ | `value_range=(-1, 1)`, and a look at `min()` and `max()` |
# | no change without batch norm in the generator | with two hidden maps there is not much to lose; the paper speaks of deeper networks | measure before you believe, also in a paper |
# | no change with PyTorch's own start | norms undo the weights' size (section 2, line 3), Adam the gradients' | the same |
# | samples change with their batch | training mode while sampling: the distance of the whole set hardly tells (of 2,000 images 17.9, and 19.3 two at a time) | `eval()`, and one z in two batches, as in section 2 |
# | an error at a batch of one | a row of numbers alone has no variance | batches, or `eval()` |
# | a plaid, from the first step on | a kernel that the stride does not divide | kernel 4 at stride 2 |
# | running estimates far off | Keras' momentum 0.8 written into PyTorch, which then keeps a fifth of the old | 1 minus it |
#
# ## 8 · Change one thing
#
# **First: kernel 3.** Section 1 says that a kernel that the stride does not divide begins with a
# checkerboard. Does it still show behind a short training? Build a generator like yours with kernel
# 3, stride 2, padding 1 and `output_padding=1` in its two doubling layers, and one with kernel 4;
# train each by `short_run`. For the four places of each 2 × 2 block, compare how far a pixel is from
# the mean of its four neighbors.

# %%
# your experiment: short_run("kernel 3", lambda g, d: (your_generator, d))


# %% tags=["solution"]
def generator_with(kernel):
    """The generator of 28 pixels with another kernel in its two doubling layers."""

    def doubling(many, fewer):
        return nn.ConvTranspose2d(many, fewer, kernel, 2, padding=1, output_padding=kernel % 2)

    network = nn.Sequential(
        nn.Unflatten(1, (latent_dim, 1, 1)),
        *(nn.ConvTranspose2d(latent_dim, 2 * width, 7), nn.BatchNorm2d(2 * width), nn.ReLU()),
        *(doubling(2 * width, width), nn.BatchNorm2d(width), nn.ReLU()),
        *(doubling(width, 1), nn.Tanh()),
    )
    initialize_dcgan(network)
    return network


def roughness(images):
    """Mean distance of a pixel from its four neighbors' mean, for the places of a 2 × 2 block."""
    cross = torch.tensor([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]], device=images.device)[None, None] / 4
    apart = (images - F.conv2d(images, cross, padding=1)).abs().mean((0, 1))[2:-2, 2:-2]
    return apart.unflatten(0, (12, 2)).unflatten(2, (12, 2)).mean((0, 2)).flatten()


rough = {"real": roughness(clothes[:look_count])}
for kernel in (3, 4):
    name = f"kernel {kernel}"
    rough[name] = roughness(short_run(name, lambda g, d, k=kernel: (generator_with(k), d)))
for name, four in rough.items():
    places = ", ".join(f"{each:.3f}" for each in four.tolist())
    print(f"{name}: {places}; the largest over the smallest {four.max() / four.min():.2f}")

# %% [markdown] tags=["solution"]
# It still shows: in the largest of the four places a pixel is 1.24 times as far from its neighbors as
# in the smallest; with kernel 4 it is 1.08, in real pictures 1.00. Training has taken most of the 4 to
# 1 away, and has not finished. (One run each, seed 0.)

# %% [markdown]
# **Second: learning rates.** The paper's 0.0002 for both networks, and then 0.02 and 0.01, ten times
# this lesson's. What
# is the paper's choice good for, and what does it cost?

# %%
# your experiment: short_run("0.0002", rates=(2e-4, 2e-4))

# %% tags=["solution"]
short_run("rates 0.0002 and 0.0002", rates=(2e-4, 2e-4))
short_run("rates 0.02 and 0.01", rates=(2e-2, 1e-2))

# %% [markdown] tags=["solution"]
# At 300 steps the paper's rates come to 64, as far as this lesson's, with a discriminator that is well
# ahead (0.26 nats): it learns as fast as ever, and the generator has trouble to follow. Ten times this
# lesson's gives 47 and a lively game. A short run favors a high rate, though, which says nothing yet
# about the end of a long one: try it.

# %% [markdown]
# ## What you take along
#
# 1. A transposed convolution multiplies by the transpose of a convolution's matrix: it stamps its
#    kernel, and where the stride does not divide the kernel, it stamps a chessboard.
# 2. Batch norm ties an image to its batch while it trains and lets go in evaluation mode; in front
#    of it neither bias nor size of the weights has a say, and the discriminator's first layer and
#    the generator's last have none.
# 3. In about equal seconds, here a run of each, convolutions nearly halve the Fréchet distance on clothes,
#    and recall is four times as high; what looks like a new picture has to be held against the nearest old one.
#
# **References.** Radford, Metz and Chintala (2015), arXiv 1511.06434, section 3 · Ioffe and Szegedy
# (2015), arXiv 1502.03167, algorithm 1 · Dumoulin and Visin (2016), arXiv 1603.07285, chapter 4 ·
# Odena, Dumoulin and Olah (2016), *Deconvolution and Checkerboard Artifacts*, Distill, doi
# 10.23915/distill.00003 · Zhao and others (2020), *Differentiable Augmentation for Data-Efficient
# GAN Training*, arXiv 2006.10738.
#
# **Next** is 11a_stable_gans: what to do when the game does not settle.
