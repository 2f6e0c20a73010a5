# %% [markdown]
# # 13 · Generate what is asked for
#
# A GAN draws *some* digit. Here you ask for a 7 and get a 7. The label goes into both networks of a
# GAN, in two ways, and into both networks of a VAE; then one and the same $z$ is drawn as each of
# the ten digits, and a column of one handwriting appears. Whether the models obey is measured by a
# classifier, and that number alone can be had by cheating: you will build a cheat, and find it out.
#
# ![One z a row and one label a column: what two GANs draw when they are asked](../images/13_conditional.png)
#
# <details><summary>中文导读</summary>
#
# 条件生成模型学习 p(x | y):给定标签 y,生成符合该标签的图像 x。本课先证明,判别器看到标签时,
# 博弈的值是各类 JS 散度的平均(2·E_y JS − log 4);看不到标签时,打乱标签的生成器同样“最优”。
# 然后用两种方式把标签送进判别器:在输入处拼接 one-hot 平面,以及 Miyato 与 Koyama (2018) 的投影判别器;
# 并推导条件 VAE 的变分下界。用同一个 z 画出十个数字,观察 z 与标签的分工。
# 标签准确率由课程自带的分类器测量;但每类只会画一张图的生成器也能得满分,
# 所以必须同时报告类内多样性。最后在两个类别之间插值。术语的中英对照见 [glossary](glossary.ipynb)。
#
# </details>
#
# **You will be able to**
# - say what a game with labels minimizes, and why a discriminator that cannot see the label lets the
#   generator disobey,
# - give a label to a network by concatenation and by projection, and derive the second,
# - train a conditional GAN with an R1 penalty, and a conditional VAE with a bound that you derived,
# - measure obedience and variety side by side, and name a generator that has only one of the two.
#
# **Time** 90 minutes · **Builds on** 02_elbo, 05_vae, 08a_minimax, 09_first_gan, 12_evaluation · **Papers** Mirza and Osindero
# (2014), *Conditional Generative Adversarial Nets*, arXiv 1411.1784; Miyato and Koyama (2018),
# *cGANs with Projection Discriminator*, arXiv 1802.05637; Sohn, Lee and Yan (2015), *Learning
# Structured Output Representation using Deep Conditional Generative Models*, NeurIPS 28; Mescheder,
# Geiger and Nowozin (2018), arXiv 1801.04406, for the penalty.

# %% tags=["folded"]
import math

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence
from torch.optim.lr_scheduler import LambdaLR

from course_lib import metrics
from course_lib.checks import check
from course_lib.data import load_mnist
from course_lib.fast import fast
from course_lib.game_plots import plot_conditioning
from course_lib.history import History, watch
from course_lib.metrics.extractors import record
from course_lib.plotting import plot_history, plot_images, show
from course_lib.probability import bernoulli_log_likelihood, js_divergence, kl_to_standard_normal
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything
from course_lib.widgets import label_explorer

seed_everything(0)
device = pick_device()
classes, latent_dim = 10, 16
width = at_scale(smoke=4, laptop=32, gpu=64)  # channels of the first convolution
batch_size = at_scale(smoke=16, laptop=32, gpu=128)
gan_steps = at_scale(smoke=16, laptop=2_000, gpu=30_000)  # rounds of both players
short_steps = at_scale(smoke=16, laptop=500, gpu=4_000)  # of the blind judge in section 11
vae_steps = at_scale(smoke=16, laptop=5_000, gpu=20_000)
per_class = at_scale(smoke=20, laptop=500, gpu=800)  # samples of each digit, to measure with
print(f"scale {course_scale()} on {device}: {gan_steps:,} rounds of each GAN")

# %% [markdown]
# ## 1 · A game with labels
#
# The data are pairs: an image $x$ and its label $y$. We want a [generator](glossary.ipynb#Generator) $G(z, y)$ whose images have,
# for each label, the distribution of that class: $q(x \mid y) = p(x \mid y)$, a **[conditional
# model](glossary.ipynb#Conditional-model)**. Labels of fakes are drawn as often as they occur in the data, $p(y)$; in
# training we hand the generator the labels of the real batch. The [discriminator](glossary.ipynb#Discriminator) $D(x, y)$ looks at
# the image *and* the label that was asked for. What does this game minimize? Lesson 08 has the answer for a single class.
#
# 1. The value is an average over labels of one value a label, each with the densities of its class:
#    $$ V(D, G) = \sum_y p(y) \Big[ \mathbb E_{x \sim p(x \mid y)} \log D(x, y) + \mathbb E_{x \sim q(x \mid y)} \log\big(1 - D(x, y)\big) \Big] . $$
# 2. If $D$ may be any function of the *pair*, it can be chosen for each label by itself. The bracket is the game of lesson 08, so the best
#    choice is $D^*(x, y) = \dfrac{p(x \mid y)}{p(x \mid y) + q(x \mid y)}$; the weight $p(y)$ stands before both terms and does not matter.
# 3. Put in, each bracket becomes $2\,\mathrm{JS} - \log 4$ (lesson 08), and the weights add to 1:
#    $$ \max_D V = 2 \sum_y p(y)\, \mathrm{JS}\big(p(x \mid y), q(x \mid y)\big) - \log 4 . $$
# 4. JS is 0 for equal densities alone. So the minimum $-\log 4$ is reached exactly where $q(x \mid y) = p(x \mid y)$ for every label that occurs.
# 5. A $D(x)$ that does **not** see the label cannot choose for each one. It plays the game of lesson 08 with the mixtures $p(x) = \sum_y p(y)\, p(x \mid y)$ and
#    $q(x) = \sum_y p(y)\, q(x \mid y)$: $\;\max_D V = 2\,\mathrm{JS}(p(x), q(x)) - \log 4$.
#
# **Predict.** Three equally frequent classes; a generator that draws each of them perfectly, but a 1 for a 0, a 2 for a 1 and a 0
# for a 2. What is the value against a discriminator that sees labels, and against one that does not?

# %% tags=["nbval-check-output"]
x = torch.linspace(-8, 8, 1601, dtype=torch.float64)
dx = x[1] - x[0]
cells = torch.stack(
    [Normal(m, s).log_prob(x).exp() for m, s in ((-3.0, 0.7), (0.0, 1.0), (2.5, 0.6))]
)
cells = cells / cells.sum(dim=1, keepdim=True)  # p(x | y) as probabilities of the grid's cells
shifted = Normal(0.3, 1.2).log_prob(x).exp()
generators = {
    "perfect": cells,
    "labels permuted": cells.roll(1, dims=0),
    "label ignored": cells.mean(dim=0).expand_as(cells),
    "one class off": torch.stack([cells[0], shifted / shifted.sum(), cells[2]]),
}


def climb(p, q, steps=150):
    """The largest V that gradient ascent finds; a row of p, q is what D can tell apart, equally frequent."""
    logits = torch.zeros_like(p, requires_grad=True)  # a table: D may be any function
    optimizer = torch.optim.Rprop([logits], lr=0.1, maximize=True, step_sizes=(1e-12, 50))
    for _ in range(steps):
        value = (p * F.logsigmoid(logits) + q * F.logsigmoid(-logits)).sum() / len(p)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return value.item()


for name, q in generators.items():
    seeing, blind = climb(cells, q), climb(cells.mean(0, keepdim=True), q.mean(0, keepdim=True))
    line_3 = 2 * js_divergence(cells, q).mean() - math.log(4)
    line_5 = 2 * js_divergence(cells.mean(dim=0), q.mean(dim=0)) - math.log(4)
    assert abs(seeing - line_3) < 1e-6 and abs(blind - line_5) < 1e-6
    print(f"{name:<16} max V with labels {seeing:7.4f} (line 3: {line_3:7.4f})", end="   ")
    print(f"without {blind:7.4f} (line 5: {line_5:7.4f})")

# %% [markdown]
# Without the label the permuting generator scores $-\log 4 = -1.3863$, as good as can be: **nothing in the game asks it to
# obey.** So does one that ignores the label altogether. With the label both pay, $-0.167$ and $-0.853$; 0 would be the most, where for no
# label a drawn image could be a real one. The label must reach the discriminator. There are many ways for it to get there; the
# picture has the two of this lesson, and a VAE's.

# %% tags=["folded"]
show(plot_conditioning())

# %% [markdown]
# ## 2 · Concatenation: the label as a picture
#
# A convolution takes channels. So make the label a picture: of $K$ **[label planes](glossary.ipynb#Label-plane)**, each as large as the image, the
# one of the label is 1 everywhere, the others are 0. Then append them to the image's channels.

# %% [markdown]
# ### Exercise · `concatenate_label(images, labels, classes)`
# *6 minutes.* `images` is `(B, C, H, W)`, `labels` `(B,)` integers from 0 to `classes - 1`. Return `(B, C + classes, H, W)`, of the images'
# dtype: the image's channels first, then the `classes` planes.


# %% exercise="conditional.concatenate_label"
def concatenate_label(images, labels, classes):
    """Images `(B, C, H, W)` with one-hot planes of their labels behind: `(B, C + classes, H, W)`."""
    # BEGIN SOLUTION
    one_hot = F.one_hot(labels, classes).to(images.dtype)
    planes = one_hot[:, :, None, None].expand(-1, -1, *images.shape[2:])
    return torch.cat([images, planes], dim=1)
    # END SOLUTION


# %% check="conditional.concatenate_label"
check("conditional.concatenate_label", concatenate_label)

# %%
train_images, train_labels = load_mnist("train", value_range=(-1, 1), device=device)
test_images, test_labels = load_mnist("test", value_range=(-1, 1), device=device)
stacked = concatenate_label(train_images[:2], train_labels[:2], classes)
print("two images with their planes:", tuple(stacked.shape))
names = [f"image, a {label}" for label in train_labels[:2].tolist()]
show(
    plot_images(
        stacked.flatten(0, 1)[:, None],
        1 + classes,
        "The channels that a discriminator gets",
        value_range=(-1, 1),
        row_titles=names,
    )
)

# %% [markdown]
# (White is 1, gray 0, black -1.) What does a first convolution make of a plane that is constant? Let $W$ be its weights, split into those of the image and those of
# plane $k$, $W = [W_\text{im}, W_1, \dots, W_K]$, and $e_y$ the planes.
#
# 1. A convolution adds over input channels: $W * [x, e_y] + b = W_\text{im} * x + \sum_k W_k * e_{y,k} + b$.
# 2. Every plane but that of $y$ is 0: the sum is $W_y * \mathbf 1$.
# 3. Where the whole kernel lies on the picture, a convolution of ones adds up the kernel: $(W_y * \mathbf 1)_{ij} = \sum_{uv} W_{y,uv} =: s_y$. So there
#    the layer is $W_\text{im} * x + (b + s_y)$.
# 4. At the border a part of the kernel lies on the zeros of the padding and is left out of the sum.
#
# **Label planes at the input are one bias for each class**, but for a frame of a pixel. Image and label are only *added*; what the label means for the image is for the
# later layers to find out.

# %% tags=["nbval-check-output"]
layer = nn.Conv2d(1 + classes, 6, kernel_size=4, stride=2, padding=1)
with torch.no_grad():
    pictures, labels = torch.rand(8, 1, 28, 28), torch.arange(8)
    whole = layer(concatenate_label(pictures, labels, classes))
    of_image = F.conv2d(pictures, layer.weight[:, :1], layer.bias, stride=2, padding=1)
    bias = layer.weight[:, 1:].sum(dim=(2, 3)).T[labels]  # s_y, (8, 6)
gap = (whole - of_image - bias[:, :, None, None]).abs()
print(f"inside equal to 1e-6: {bool(gap[..., 1:-1, 1:-1].max() < 1e-6)}", end="; ")
print(f"at the border equal: {bool(gap.max() < 1e-6)}")
assert gap[..., 1:-1, 1:-1].max() < 1e-6 < gap.max()

# %% [markdown]
# ## 3 · A generator that is told what to draw
#
# The generator takes the same way, where it is cheapest: the label becomes a vector that is appended to $z$. The vector comes from an [embedding](glossary.ipynb#Embedding), a
# table with one learned row for each class, `nn.Embedding(classes, size)`: it looks up row $y$, which is the same as a linear layer on the one-hot vector.
#
# ### Exercise · `ConditionalGenerator(latent_dim, classes, image_size, channels, width)`
# *15 minutes.* A module with `forward(z, labels)`: `z` is `(B, latent_dim)`, `labels` `(B,)` integers, the result
# images `(B, channels, image_size, image_size)` in [-1, 1]. `image_size` is 28 or 32. `width` decides how wide the layers are. The label must change the image, and in `eval()` no example's
# label may change another example's image.
#
# The table is given as `self.embedding`: append its row to `z` (section 9 will look for it under this name). Then, as in lesson 12's
# GAN: a linear layer to `2 * width` maps of a quarter of the size, and two transposed convolutions (kernel 4, stride 2, padding 1), which double it; batch normalization and
# a ReLU behind all but the last, and behind that one a smooth function that maps onto [-1, 1]: it has a slope everywhere, so that no pixel is out of reach of a gradient (beyond the ends of a
# clamp there is none). Write the rest of `__init__`, and `forward`.


# %% exercise="conditional.ConditionalGenerator"
class ConditionalGenerator(nn.Module):
    """z `(B, latent_dim)` and labels `(B,)` to images `(B, channels, image_size, image_size)`."""

    def __init__(self, latent_dim, classes, image_size, channels, width):
        super().__init__()
        self.embedding = nn.Embedding(classes, classes)
        # BEGIN SOLUTION
        small = image_size // 4
        self.layers = nn.Sequential(
            nn.Linear(latent_dim + classes, 2 * width * small**2),
            nn.Unflatten(1, (2 * width, small, small)),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, kernel_size=4, stride=2, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, kernel_size=4, stride=2, padding=1),
            nn.Tanh(),
        )

    def forward(self, z, labels):
        return self.layers(torch.cat([z, self.embedding(labels)], dim=1))
        # END SOLUTION


# %% check="conditional.ConditionalGenerator"
check("conditional.ConditionalGenerator", ConditionalGenerator)

# %% [markdown]
# ## 4 · Projection: how the best discriminator uses a label
#
# Concatenation leaves it to the network what to do with the label. Miyato and Koyama ask what the *best* discriminator would do, and build that in.
#
# 1. Line 2 of section 1 as a [logit](glossary.ipynb#Logits): $D^* = \sigma(a^*)$ with $a^*(x, y) = \log p(x, y) - \log q(x, y)$, since both have the same $p(y)$.
# 2. Split both joint densities the other way round, $p(x, y) = p(y \mid x)\, p(x)$:
#    $$ a^*(x, y) = \big[\log p(y \mid x) - \log q(y \mid x)\big] + \big[\log p(x) - \log q(x)\big] . $$
# 3. **An assumption**: both $p(y \mid x)$ and $q(y \mid x)$ are softmax classifiers on the same features $\varphi(x)$, with a vector for each class:
#    $\log p(y \mid x) = u_y^\top \varphi - \log \sum_k e^{u_k^\top \varphi}$, and with $u'$ in place of $u$ for $q$.
# 4. In the difference the two sums over $k$ depend on $x$, not on $y$. Call their difference $c(\varphi)$, and $v_y = u_y - u'_y$: the first bracket is $v_y^\top \varphi + c(\varphi)$.
# 5. Everything that does not know $y$, $c(\varphi) + \log p(x) - \log q(x)$, may be modeled by one function $\psi(\varphi(x))$:
#
# $$ a(x, y) = v_y^\top \varphi(x) + \psi(\varphi(x)) . $$
#
# The label enters by a **[projection](glossary.ipynb#Projection-discriminator)**: an inner product of the features with the row of the label. $v_y$ is an embedding, $\psi$ is usually one linear layer.
#
# The next cell takes a case where line 3 holds exactly: classes $\mathcal N(m_y, s^2)$ with one width $s$ for all real ones, and one, perhaps another, for all of the generator's (between
# classes the quadratic terms cancel, and $\varphi(x) = (x, 1)$ is enough). It checks
# that $a^* - v_y^\top\varphi$ is the same number for every $y$, and that this fails where the widths of the generator's classes differ.


# %% tags=["nbval-check-output"]
def log_density(classes):
    """log N(x; m, s²) on the grid for every class of `(mean, std)` pairs, without its constant."""
    m, s = torch.tensor(classes, dtype=torch.float64).T[:, :, None]
    return -(((x - m) / s) ** 2) / 2 - s.log()


def label_vectors(classes):
    """u_y for φ(x) = (x, 1): what the log density has besides x² / 2s² and log s, `(K, 2)`."""
    m, s = torch.tensor(classes, dtype=torch.float64).T
    return torch.stack([m / s**2, -(m**2) / (2 * s**2)], dim=1)


phi = torch.stack([x, torch.ones_like(x)])
data = [(-3.0, 0.8), (0.0, 0.8), (2.5, 0.8)]
for name, model in {
    "one width": [(-2.0, 1.1), (0.5, 1.1), (2.0, 1.1)],
    "widths differ": [(-2.0, 1.1), (0.5, 0.9), (2.0, 1.3)],
}.items():
    v = label_vectors(data) - label_vectors(model)
    rest = log_density(data) - log_density(model) - v @ phi  # a* - v_y·φ, (3, N)
    apart = (rest - rest[:1]).abs().max()
    print(f"{name:<14} a* - v_y·φ differs between labels by at most {apart:.6f}")
    assert (apart < 1e-9) == (name == "one width")

# %% [markdown]
# ### Exercise · `projection_logits(features, labels, embedding, linear)`
# *6 minutes.* `features` is $\varphi(x)$, `(B, D)`; `labels` `(B,)` integers; `embedding` an `nn.Embedding(K, D)` whose rows are the $v_y$; `linear` an `nn.Linear(D, 1)`,
# which is $\psi$. Return the logits $a(x, y)$, shape `(B,)`, one for each pair.


# %% exercise="conditional.projection_logits"
def projection_logits(features, labels, embedding, linear):
    """v_y · φ(x) + ψ(φ(x)) for features `(B, D)` and labels `(B,)`: logits `(B,)`."""
    # BEGIN SOLUTION
    return linear(features).squeeze(1) + (embedding(labels) * features).sum(dim=1)
    # END SOLUTION


# %% check="conditional.projection_logits"
check("conditional.projection_logits", projection_logits)

# %% [markdown]
# ## 5 · Two discriminators, one step
#
# Both have the same convolutions, without any normalization. They differ in where the label comes in.


# %%
def feature_layers(channels):
    """Images `(B, channels, 28, 28)` to features `(B, 128)`."""
    return nn.Sequential(
        nn.Conv2d(channels, width, kernel_size=4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, kernel_size=4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(2 * width * 49, 128),
        nn.LeakyReLU(0.2),
    )


class ConcatenationDiscriminator(nn.Module):
    """Images and labels to logits `(B,)`; the label comes in as planes."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(feature_layers(1 + classes), nn.Linear(128, 1), nn.Flatten(0))

    def forward(self, images, labels):
        return self.layers(concatenate_label(images, labels, classes))


class ProjectionDiscriminator(nn.Module):
    """Images and labels to logits `(B,)`; the label comes in as a projection."""

    def __init__(self):
        super().__init__()
        self.features, self.linear = feature_layers(1), nn.Linear(128, 1)
        self.embedding = nn.Embedding(classes, 128)

    def forward(self, images, labels):
        return projection_logits(self.features(images), labels, self.embedding, self.linear)


# %% [markdown]
# The steps are those of lesson 09 with a label in every call, and with one more term. A discriminator
# that knows the training images of a class by heart is steep around each of them and pulls the generator
# to a few; variety *within* the class is the first thing to go, and no loss shows it. The [R1 penalty](glossary.ipynb#R1-penalty) of
# lesson 08 (in 11b it is an exercise), on the real images,
#
# $$ \frac{\gamma}{2}\, \mathbb E_{(x, y) \sim p}\, \big\| \nabla_x a(x, y) \big\|^2 , $$
#
# keeps it from being steep where the data are; section 10 measures what that is worth here. The penalty is itself
# a gradient, and the optimizer needs *its* gradient: `create_graph=True` keeps the first one differentiable. Such a
# round costs a third more, so the penalty is taken every fourth round only, with four times the weight
# («lazy», Karras and others 2020).


# %%
def r1_penalty(real_logits, real):
    """Mean of ‖∇ logits‖² over the real images; differentiable by the discriminator's weights."""
    (slope,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
    return slope.square().flatten(1).sum(dim=1).mean()


def make_round(generator, discriminator, g_optimizer, d_optimizer, r1_weight):
    """A round of the game, as `fast` wants it: the discriminator's step, then the generator's."""

    def one_round(real, labels, penalize):
        fake = generator(torch.randn(len(real), latent_dim, device=device), labels)
        real = real.detach().requires_grad_(penalize)  # the penalty differentiates by the images
        real_logits = discriminator(real, labels)
        loss = (
            F.softplus(-real_logits).mean()
            + F.softplus(discriminator(fake.detach(), labels)).mean()
        )
        penalty = 4 * r1_weight / 2 * r1_penalty(real_logits, real) if penalize else 0.0
        d_optimizer.zero_grad()
        (loss + penalty).backward()
        d_optimizer.step()
        g_loss = F.softplus(-discriminator(fake, labels)).mean()
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        return {"discriminator": loss, "generator": g_loss}

    return one_round


# %%
def train_gan(discriminator, steps, seed=0, r1_weight=0.1):
    """A conditional GAN from scratch, with the discriminator's class given; generator and losses."""
    seed_everything(seed)
    generator = ConditionalGenerator(latent_dim, classes, 28, 1, width).to(device)
    discriminator = discriminator().to(device)
    g_optimizer = torch.optim.Adam(generator.parameters(), 2e-3, (0.5, 0.999))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), 1e-3, (0.5, 0.999))
    schedules = [
        LambdaLR(optimizer, lambda n: min(1, 2 * (1 - n / steps)))
        for optimizer in (g_optimizer, d_optimizer)
    ]
    one_round = make_round(generator, discriminator, g_optimizer, d_optimizer, r1_weight)
    networks, optimizers = (generator, discriminator), (g_optimizer, d_optimizer)
    play = fast(one_round, networks, optimizers, steps=steps, report=print)
    history = History()
    stream = batches((train_images, train_labels), batch_size, steps)
    for step, (real, labels) in enumerate(watch(stream, history)):
        history.add(**play(real, labels, r1_weight > 0 and step % 4 == 0))
        for schedule in schedules:
            schedule.step()
    return generator.eval(), history


# %% [markdown]
# Is the double backward right? The gradient of the penalty by one weight, against a difference quotient in `float64`:

# %% tags=["nbval-check-output"]
seed_everything(0)
judge = nn.Sequential(
    nn.Flatten(), nn.Linear(6, 5), nn.Softplus(), nn.Linear(5, 1), nn.Flatten(0)
).double()
pictures = torch.randn(7, 1, 2, 3, dtype=torch.float64, requires_grad=True)
(slope,) = torch.autograd.grad(r1_penalty(judge(pictures), pictures), judge[1].weight)
moved = []
for change in (1e-5, -2e-5):  # up, then down by as much below where it was
    with torch.no_grad():
        judge[1].weight[2, 3] += change
    moved.append(r1_penalty(judge(pictures), pictures).item())
print(f"by autograd {slope[2, 3]:.6f}, by differences {(moved[0] - moved[1]) / 2e-5:.6f}")
assert math.isclose(slope[2, 3], (moved[0] - moved[1]) / 2e-5, rel_tol=1e-5)

# %% [markdown]
# ## 6 · Asked and drawn
#
# The picture to look at has one $z$ a row and one label a column. **Predict**: what will the digits of one row have in common? Nothing in the loss says that they must have anything.
# The losses come first; their dashed line is $2 \log 2$, which a discriminator pays that takes every image, real or drawn, for either with equal probability.


# %%
@torch.no_grad()
def draw(model, z, labels):
    """Images of a generator for z `(N, 16)` and labels `(N,)`, on the CPU."""
    parts = zip(z.to(device).split(500), labels.to(device).split(500), strict=True)
    return torch.cat([model(*part) for part in parts]).cpu()


fixed_noise = torch.randn(200, latent_dim, generator=torch.Generator().manual_seed(7))


def draw_table(model, rows):
    """Each of the first `rows` fixed z as each digit: `(rows * 10, 1, 28, 28)`, a row a z."""
    every = torch.arange(classes).repeat(rows)
    return draw(model, fixed_noise[:rows].repeat_interleave(classes, dim=0), every)


# %%
concatenation, concatenation_history = train_gan(ConcatenationDiscriminator, gan_steps)
projection, projection_history = train_gan(ProjectionDiscriminator, gan_steps)

# %%
figure, panels = plt.subplots(1, 2, figsize=(9.5, 2.8), sharey=True)
for axes, history, name in zip(
    panels,
    (concatenation_history, projection_history),
    ("concatenation", "projection"),
    strict=True,
):
    plot_history(history, title=name, ylabel="loss (nats)", axes=axes)
    axes.axhline(2 * math.log(2), linestyle="--", color="gray", linewidth=1)
show(figure)

# %%
names = [f"{name}, z {n + 1}" for name in ("concatenation", "projection") for n in range(4)]
grids = torch.cat([draw_table(concatenation, 4), draw_table(projection, 4)])
show(plot_images(grids, classes, "One z a row", value_range=(-1, 1), row_titles=names))

# %% [markdown]
# Both games are alive: the discriminator stays below the dashed $2 \log 2$ of one that knows nothing, and neither loss runs away. How good the digits are, the curves cannot say.
#
# The digits of one row share a hand: how bold the stroke is, how far it leans. The label says *what*, and so $z$ is left with *how*: **[content and style](glossary.ipynb#Style)** part without having been asked to. Is
# that an impression, or can it be counted? Take two properties that every digit has: its ink (the mean gray value) and its slant (by how many pixels a stroke moves to the right as it goes one pixel up). Over 200 $z$, how strongly does the slant of
# the 4 correlate with the slant of the 7 from the *same* $z$? The mean over all pairs of different digits:


# %%
def ink_and_slant(images):
    """Mean gray value in [0, 1] and slant (pixels to the right per pixel up) of each image."""
    gray = (images.squeeze(1).double() + 1) / 2
    mass = gray.sum(dim=(1, 2), keepdim=True) + 1e-6
    steps = torch.arange(28, dtype=torch.float64)
    rows, columns = -steps[:, None], steps[None, :]  # rows count upwards
    up = rows - (gray * rows).sum((1, 2), keepdim=True) / mass
    right = columns - (gray * columns).sum((1, 2), keepdim=True) / mass
    return gray.mean(dim=(1, 2)), (gray * up * right).sum((1, 2)) / (gray * up**2).sum((1, 2))


def shared(values):
    """Mean correlation between the columns (digits) of `(rows, 10)`."""
    return (torch.corrcoef(values.T).sum() - classes) / (classes * (classes - 1))


def style_shared(model):
    """How much ink and slant of different digits from the same z have in common; and shuffled."""
    numbers = []
    for values in ink_and_slant(draw_table(model, len(fixed_noise))):
        table = values.reshape(-1, classes)
        mixed = torch.stack([column[torch.randperm(len(column))] for column in table.T], dim=1)
        numbers += [shared(table).item(), shared(mixed).item()]
    return numbers


for name, model in {"concatenation": concatenation, "projection": projection}.items():
    ink, ink_mixed, slant, slant_mixed = style_shared(model)
    print(f"{name:<14} ink {ink:.2f} (z shuffled: {ink_mixed:.2f})", end=", ")
    print(f"slant {slant:.2f} (z shuffled: {slant_mixed:.2f})")

# %% [markdown]
# (Numbers in the text are those of `laptop` scale: one run, seed 0, on a CPU; at another scale yours differ.) Around 0.8 for the ink and 0.7 for the slant, and 0 where each digit has a $z$ of another row: it is no impression. Why does it
# happen? The layers behind the first one are the same for all ten digits, and a generator that draws «bold» once, for all of them, has less to learn than one that draws ten kinds of bold.
#
# ## 7 · Does it obey, and does it vary?
#
# **[Label accuracy](glossary.ipynb#Label-accuracy)**: ask for each digit equally often, let the shipped classifier of lesson 12 read what was drawn, count how often it reads what was asked. The number to hold beside it is the classifier's own on
# real images: nobody can be expected to be read better than a real digit.

# %%
network = metrics.features("mnist", value_range=(-1, 1), device=device)
own = record("mnist")["accuracy"]
print(f"the classifier reads {own:.2%} of the 10,000 real test images as labeled")


def of_each_class(images, labels, skip=0):
    """The first `per_class` images of each class after `skip`, class by class."""
    places = [(labels == digit).nonzero()[skip : skip + per_class, 0] for digit in range(classes)]
    return images[torch.cat(places)]


asked = torch.arange(classes).repeat_interleave(per_class)
measuring_noise = torch.randn(len(asked), latent_dim, generator=torch.Generator().manual_seed(8))
reference = network(of_each_class(train_images, train_labels)).features.cpu()
samples = {
    "real (test images)": of_each_class(test_images, test_labels).cpu(),
    "GAN, concatenation": draw(concatenation, measuring_noise, asked),
    "GAN, projection": draw(projection, measuring_noise, asked),
}

# %% [markdown]
# Now the cheat. A generator that knows **one image of each class** needs no more to be read without a mistake: label accuracy never compares two samples. We make one of the trained
# GAN: of 200 $z$ it keeps, for each digit, the one of which the classifier is surest, and whatever $z$ comes in, that one is drawn.

# %%
candidates = draw_table(projection, len(fixed_noise)).reshape(-1, classes, 1, 28, 28)
sureness = network(candidates.flatten(0, 1)).probabilities.cpu().reshape(-1, classes, classes)
favorite = sureness.diagonal(dim1=1, dim2=2).argmax(dim=0)  # of the 200 z, for each digit


def one_image_a_class(z, labels):
    """A generator that does not listen to z."""
    return projection(fixed_noise.to(device)[favorite.to(device)[labels]], labels)


samples["one image a class"] = draw(one_image_a_class, measuring_noise, asked)
places = torch.arange(classes)[:, None] * per_class + torch.arange(2)
shown = torch.cat(
    [
        images[places.T.flatten()]
        for images in (samples["GAN, projection"], samples["one image a class"])
    ]
)
titles = ["projection", "", "one image a class", ""]
show(
    plot_images(shown, classes, "Two samples of each digit", value_range=(-1, 1), row_titles=titles)
)

# %% [markdown]
# What finds it out is variety *within* a class, on the classifier's [features](glossary.ipynb#Feature). The plainest measure: how far apart are two samples $f, f'$ of one class, drawn independently?
#
# 1. $\mathbb E \|f - f'\|^2 = \mathbb E\|f\|^2 + \mathbb E\|f'\|^2 - 2\, \mathbb E f^\top f'$.
# 2. The last is $2 \|\mathbb E f\|^2$, since $f$ and $f'$ are independent and have one mean.
# 3. $\mathbb E\|f\|^2 - \|\mathbb E f\|^2 = \mathrm{tr} \mathrm{Cov}(f)$, so $\mathbb E \|f - f'\|^2 = 2 \mathrm{tr} \mathrm{Cov}(f)$: no pairs need be drawn, a trace is enough.
#
# The **[spread](glossary.ipynb#Within-class-spread)** is that trace divided by the real images' of the same class, averaged over the classes: 0 for one image a class, 1 for real ones; the class that varies least stands beside it in parentheses. It has a blind side: nonsense
# spreads as well. So two numbers of lesson 12 stand beside it, taken class by class and averaged: [recall](glossary.ipynb#Recall-of-a-generator), how many of the real images of a class lie where samples of it lie, and the
# [Fréchet distance](glossary.ipynb#Fréchet-distance) to the real images of the class.


# %%
def spread(features):
    """tr Cov of features `(N, D)`: half the mean squared distance of two samples."""
    return features.double().var(dim=0).sum()


f = reference[:per_class].double()
distances = torch.cdist(f, f).square().sum() / (len(f) * (len(f) - 1))
print(f"the 0s: half the mean squared distance {distances / 2:.4f}, tr Cov {spread(f):.4f}")
assert torch.isclose(distances / 2, spread(f), rtol=1e-6)


def measure(images):
    """Label accuracy with its 95 % interval, and within classes: spread, recall, Fréchet distance."""
    features, probabilities = (part.cpu() for part in network(images))
    right = (probabilities.argmax(dim=1) == asked).sum().item()
    pairs = list(zip(features.split(per_class), reference.split(per_class), strict=True))
    within = {
        "spread": [spread(fake) / spread(real) for fake, real in pairs],
        "recall": [metrics.precision_recall(real, fake, 3)[1] for fake, real in pairs],
        "Fréchet": [metrics.fid(fake, real) for fake, real in pairs],
    }
    means = {name: sum(map(float, values)) / classes for name, values in within.items()}
    means["least"] = float(min(within["spread"]))  # of the class that varies least
    interval = metrics.wilson_interval(right, len(asked))
    return {"accuracy": (right / len(asked), *interval)} | means


HEADER = f"{'':<26}label accuracy (95 %)        spread (least)   recall  Fréchet"
table = {}


def report(name):
    """Measure a set of samples once, and print its row."""
    row = table[name] = measure(samples[name])
    rate, low, high = row["accuracy"]
    print(f"{name:<26}{rate:7.2%} ({low:.2%} to {high:.2%})", end="")
    print(f"{row['spread']:8.2f} ({row['least']:.2f}){row['recall']:9.2f}{row['Fréchet']:9.2f}")


print(HEADER)
for name in samples:
    report(name)

# %% [markdown]
# Read the rows from the bottom. **One image a class** is read without a mistake, better than real digits are; its spread is 0, its recall is 0, and the Fréchet distance is ten times that of the GAN that it was
# made of. A paper that reports label accuracy alone would call it the winner. The **projection** GAN is read as asked in 97.9 %, the classifier's own rate on these real images being 99.2 % (99.4 % on all of them); its classes spread as widely as the real ones do,
# though recall says that some ways of writing are missing. (That real test images spread by 1.12 and not by 1 is a difference of these 500 test images of a class from those 500 training images; it is the number to compare with.) The **concatenation** GAN obeys in 93.4 %, and its spread of 1.5 is no praise: it is the scraps between two digits in the picture above that spread so far. After this budget projection is
# ahead in every column, as Miyato and Koyama found on photographs; how far it is ahead after ten times the budget this table cannot say.
#
# One run is an anecdote. Two more seeds of the projection GAN, trained by the same function, were read as asked in 97.4 % each, with a spread of 1.17 and 1.21 and a recall of 0.72 and 0.69: seeds differ by about as much as the interval of a single run is wide.

# %% [markdown]
# ## 8 · A conditional VAE
#
# A VAE takes labels more quietly: nobody needs to be made to obey, the likelihood sees to that. The model draws $z$ from the prior, **independently of the label**, and the decoder makes an image from both: $p(x \mid y) = \int p(x \mid z, y)\, p(z)\, dz$.
# Take any $q(z \mid x, y)$ that is positive where $p(z)$ is.
#
# 1. Multiply and divide by $q$: $\;\log p(x \mid y) = \log \mathbb E_{q}\Big[ \dfrac{p(x \mid z, y)\, p(z)}{q(z \mid x, y)} \Big]$.
# 2. The logarithm is concave, so by [Jensen's inequality](glossary.ipynb#Jensen's-inequality) it may move inside at a price: $\;\ge \mathbb E_q \Big[\log p(x \mid z, y) + \log \dfrac{p(z)}{q(z \mid x, y)}\Big]$.
# 3. The second part is minus a [KL divergence](glossary.ipynb#KL-divergence):
#    $$ \log p(x \mid y) \;\ge\; \mathbb E_{q(z \mid x, y)} \log p(x \mid z, y) - \mathrm{KL}\big(q(z \mid x, y) \,\|\, p(z)\big) . $$
# 4. What is lost is $\mathrm{KL}\big(q(z \mid x, y) \,\|\, p(z \mid x, y)\big)$: put $p(x \mid z, y)\, p(z) = p(z \mid x, y)\, p(x \mid y)$ (Bayes' rule) into the right side of line 2.
#
# So it is lesson 05's [bound](glossary.ipynb#Evidence-lower-bound) with a $y$ in every network and *not* in the prior. And what is a label worth?
#
# 5. $\log p(x \mid y) = \log p(x) + \log p(y \mid x) - \log p(y)$. If the image leaves no doubt about its label, the middle term is 0: ten equally frequent classes give $\log 10 = 2.30$ nats an image, and no image can gain more, since $\log p(y \mid x) \le 0$.
#
# The cell verifies lines 3 to 5 where all of it is exact: $x = W z + m_y + \text{noise}$, as in lesson 02 with a mean for each class.

# %% tags=["nbval-check-output"]
toss = torch.Generator().manual_seed(0)
weight = torch.randn(5, 2, generator=toss, dtype=torch.float64)
means, noise_std = 3 * torch.randn(10, 5, generator=toss, dtype=torch.float64), 0.5
y = torch.randint(10, (4_000,), generator=toss)
z = torch.randn(4_000, 2, generator=toss, dtype=torch.float64)
points = (
    z @ weight.T + means[y] + noise_std * torch.randn(4_000, 5, generator=toss, dtype=torch.float64)
)

# exact: p(x | y) and the posterior p(z | x, y)
marginal = MultivariateNormal(
    torch.zeros(5).double(), weight @ weight.T + noise_std**2 * torch.eye(5)
)
log_p = marginal.log_prob(points[:, None] - means)  # of every point under every class, (4000, 10)
given_own = log_p.gather(1, y[:, None]).squeeze(1)
precision = torch.eye(2) + weight.T @ weight / noise_std**2
posterior = MultivariateNormal(
    torch.linalg.solve(precision, ((points - means[y]) @ weight / noise_std**2).T).T,
    precision_matrix=precision,
)
# a q of one's own: diagonal, a little off
q_mean, q_std = posterior.mean + 0.1, posterior.variance.sqrt() * 0.9
residual = points - means[y] - q_mean @ weight.T
spent = (residual.square().sum(1) + (weight.square() @ q_std.square().T).sum(0)) / (
    2 * noise_std**2
)
expected = -spent - 5 / 2 * math.log(2 * math.pi * noise_std**2)  # E_q log p(x | z, y)
elbo = expected - kl_to_standard_normal(q_mean, 2 * q_std.log())
gap = kl_divergence(MultivariateNormal(q_mean, torch.diag_embed(q_std.square())), posterior)
assert (elbo <= given_own).all() and torch.allclose(elbo + gap, given_own, atol=1e-9)
print("lines 3 and 4: bound + KL(q ‖ posterior) = log p(x | y) to 1e-9")
log_evidence = log_p.logsumexp(dim=1) - math.log(10)
log_posterior = log_p.log_softmax(dim=1).gather(1, y[:, None]).squeeze(1)
assert torch.allclose(given_own, log_evidence + log_posterior + math.log(10))
print(
    f"line 5: the label is worth {(given_own - log_evidence).mean():.3f} of at most {math.log(10):.3f} nats"
)

# %% [markdown]
# ### Exercise · `conditional_negative_elbo(encoder, decoder, images, labels, noise)`
# *10 minutes.* `encoder(images, labels)` gives `mean, log_var`, each `(B, Z)`; `decoder(z, labels)` gives logits of the images' shape. `images` hold zeros and ones, `noise` is standard normal, `(B, Z)`.
# Return the scalar that training minimizes: the bound of line 3, its sign turned, with one draw of $z$ for the expectation and the KL in closed form, in nats per image (the mean over the batch). `bernoulli_log_likelihood(logits, images)` and
# `kl_to_standard_normal(mean, log_var)`, both `(B,)`, are imported above.


# %% exercise="conditional.conditional_negative_elbo"
def conditional_negative_elbo(encoder, decoder, images, labels, noise):
    """Minus the bound on log p(images | labels) with one draw, averaged over the batch, in nats."""
    # BEGIN SOLUTION
    mean, log_var = encoder(images, labels)
    z = mean + (log_var / 2).exp() * noise
    log_likelihood = bernoulli_log_likelihood(decoder(z, labels), images)
    return (kl_to_standard_normal(mean, log_var) - log_likelihood).mean()
    # END SOLUTION


# %% check="conditional.conditional_negative_elbo"
check("conditional.conditional_negative_elbo", conditional_negative_elbo)


# %% [markdown]
# The networks are lesson 05's, with the label's row appended to what comes in.


# %%
class LabeledEncoder(nn.Module):
    """Images `(B, 1, 28, 28)` and labels to mean and log-variance, each `(B, 16)`."""

    def __init__(self, hidden=400):
        super().__init__()
        self.embedding = nn.Embedding(classes, classes)
        self.layers = nn.Sequential(
            nn.Linear(784 + classes, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent_dim)
        )

    def forward(self, images, labels):
        return self.layers(torch.cat([images.flatten(1), self.embedding(labels)], dim=1)).chunk(
            2, dim=1
        )


class LabeledDecoder(nn.Module):
    """z `(B, 16)` and labels to logits `(B, 1, 28, 28)`."""

    def __init__(self, hidden=400):
        super().__init__()
        self.embedding = nn.Embedding(classes, classes)
        self.layers = nn.Sequential(
            nn.Linear(latent_dim + classes, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, 784), nn.Unflatten(1, (1, 28, 28)),
        )  # fmt: skip

    def forward(self, z, labels):
        return self.layers(torch.cat([z, self.embedding(labels)], dim=1))


# %%
seed_everything(0)
encoder, decoder = LabeledEncoder().to(device), LabeledDecoder().to(device)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)
schedule = LambdaLR(optimizer, lambda n: min(1, 2 * (1 - n / vae_steps)))


def vae_step(gray, labels):
    images = torch.bernoulli(gray)  # tossed anew at every step, as in lesson 05
    noise = torch.randn(len(images), latent_dim, device=device)
    loss = conditional_negative_elbo(encoder, decoder, images, labels, noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


learn = fast(vae_step, (encoder, decoder), optimizer, steps=vae_steps, report=print)
vae_history = History()
for gray, labels in watch(
    batches(((train_images + 1) / 2, train_labels), 128, vae_steps), vae_history
):
    vae_history.add(loss=learn(gray, labels))
    schedule.step()


def vae_images(z, labels):
    """The decoder as a generator: probabilities, in [-1, 1] as the GANs' images."""
    return 2 * decoder(z, labels).sigmoid() - 1


with torch.no_grad():
    test_pixels = torch.bernoulli((test_images + 1) / 2)
    test_noise = torch.randn(len(test_pixels), latent_dim, device=device)
    test_loss = conditional_negative_elbo(encoder, decoder, test_pixels, test_labels, test_noise)
print(f"negative bound on the test images: {test_loss:.1f} nats per image")
titles = [f"z {n + 1}" for n in range(4)]
show(
    plot_images(
        draw_table(vae_images, 4),
        classes,
        "One z a row: VAE",
        value_range=(-1, 1),
        row_titles=titles,
    )
)
samples["VAE"] = draw(vae_images, measuring_noise, asked)
print(HEADER)
report("VAE")
ink, _, slant, _ = style_shared(vae_images)
print(f"VAE: digits of one z share ink {ink:.2f}, slant {slant:.2f}")

# %% [markdown]
# The VAE shares a hand among its digits as well, slant even more than the GANs (0.89), and is read as asked in 92.9 %: as often as the concatenation GAN, and less than the projection GAN. Where it fails, it seldom draws another digit clearly; the stroke breaks up, as the 1 of the last row does. Such a $z$ is likely under the
# prior, and no training image of a 1 was ever put near it: nobody asked the decoder what it draws there (lesson 05 has the same holes). In return it came in a fraction of the time, with a loss that says how good it is. Its spread of 1.59 is no praise either, since broken
# strokes spread, too: by recall (0.55) and Fréchet distance (11.9) it is behind both GANs.
#
# A VAE has an encoder, so it can do what no GAN here can: take a *given* digit, find its $z$, and write all ten digits in its hand. **Predict**: the encoder is told the label. Will $z$ still know it?

# %%
chosen = torch.stack([(test_labels == digit).nonzero()[3, 0] for digit in (2, 4, 5, 7, 9)])
with torch.no_grad():
    hands, _ = encoder((test_images[chosen] + 1) / 2, test_labels[chosen])
written = draw(
    vae_images, hands.repeat_interleave(classes, dim=0), torch.arange(classes).repeat(len(chosen))
)
rows = torch.cat([test_images[chosen].cpu()[:, None], written.unflatten(0, (-1, classes))], dim=1)
show(
    plot_images(
        rows.flatten(0, 1),
        1 + classes,
        "A test image (left), and every digit in its hand",
        value_range=(-1, 1),
    )
)

# %% [markdown]
# The hand goes along: thin stays thin, bold stays bold, and the digit is the one that was asked for. $z$ has no reason to hold the label, since every nat in it costs a nat (the KL), and the decoder has the label for nothing. (That is an argument. Whether none of it is left in $z$, only a classifier trained on $z$ would tell; the picture shows that nothing in it stands in the way of another label.) Where the hand is odd, as in the fourth row, some digits come out
# mixed (its 6): that corner of $z$ was hardly ever seen with their label.
#
# ## 9 · Between two labels
#
# The label is an integer, but what the networks get is a row of a table, and rows can be mixed: $e = (1 - t)\, e_a + t\, e_b$ is the embedding of no digit. No network was ever trained there. **Predict**: at $t = \tfrac12$ between 3 and 8, will you see both
# digits at half strength, something between them, or one of the two?


# %%
@torch.no_grad()
def between(model, table, z, first, second, share):
    """Images of z `(N, 16)` with the label's row mixed, (1 - share) of first and share of second."""

    def mix(embedding, inputs, row):
        return torch.lerp(embedding.weight[first], embedding.weight[second], share).expand_as(row)

    hook = table.register_forward_hook(mix)
    images = draw(model, z, torch.full((len(z),), first))
    hook.remove()
    return images


models = {
    "GAN, projection": (projection, projection.embedding),
    "VAE": (vae_images, decoder.embedding),
}
shares = torch.linspace(0, 1, 9).tolist()
paths = [((3, 8), 0), ((4, 9), 1), ((1, 7), 2)]
for name, model in models.items():
    rows = [
        torch.cat([between(*model, fixed_noise[n : n + 1], *pair, share) for share in shares])
        for pair, n in paths
    ]
    titles = [f"{a} to {b}" for (a, b), _ in paths]
    show(plot_images(torch.cat(rows), len(shares), name, value_range=(-1, 1), row_titles=titles))

# %% [markdown]
# A number for it: at $t = \tfrac12$ between all 45 pairs of digits, how sure is the classifier, and how often does it read one of the two? Beside it, what mixing the *pixels* of the two images gives.

# %%
pairs = [(a, b) for a in range(classes) for b in range(a + 1, classes)]
z = fixed_noise[: at_scale(smoke=4, laptop=40, gpu=100)]
middles = {
    name: [between(*model, z, a, b, 0.5) for a, b in pairs] for name, model in models.items()
}
ends = [[between(*models["GAN, projection"], z, a, b, share) for share in (0, 1)] for a, b in pairs]
middles["pixels mixed"] = [sum(both) / 2 for both in ends]
for name, images in middles.items():
    verdict = network(torch.cat(images)).probabilities.cpu()
    wanted = torch.tensor(pairs).repeat_interleave(len(z), dim=0)
    hit = (verdict.argmax(dim=1)[:, None] == wanted).any(dim=1).float().mean()
    print(
        f"{name:<16} largest probability {verdict.amax(dim=1).mean():.2f} on average, one of the two in {hit:.0%}"
    )

# %% [markdown]
# Both move by strokes, not by one picture fading into another: on the way from 3 to 8 the left side is drawn shut, from 1 to 7 the bar grows. The classifier is still quite sure halfway, and for close relatives like these it names one of the two. For *any* pair it does so in 72 % of the GAN's middles and in 58 % of the VAE's; in the
# others it reads a third digit, or something that is none. A mixed row is a label that no image ever had, and no loss told the networks what to do with it. (Mixed pixels are two digits on top of each other, which it takes for a third one in half of the cases, and is as sure of.)
#
# Now walk yourself. The pad is a plane through the projection GAN's $z$ space: its middle is $z = 0$, its two axes are two directions at right angles, each unit a step of length 4, the typical length of a $z$ of 16 numbers. Choose a label, drag the point; the strip below shows the same $z$
# with every label.

# %%
axes_of_plane = torch.linalg.qr(fixed_noise[:2].T).Q.T * math.sqrt(latent_dim)


def at_point(points, labels):
    """Images in [0, 1] of points `(N, 2)` of the plane."""
    return (draw(projection, points @ axes_of_plane, labels) + 1) / 2


label_explorer(at_point, classes)

# %% [markdown]
# ## 10 · What goes wrong
#
# Two failures you have not seen yet, made now. **First**, the projection discriminator without its penalty (`r1_weight=0`). **Second**, a generator that is trained by the classifier itself, to be read as
# what was asked, with no discriminator at all: it learns the yardstick. **Predict** both label accuracies.

# %%
unpenalized, _ = train_gan(ProjectionDiscriminator, gan_steps, r1_weight=0.0)
samples["projection, no R1"] = draw(unpenalized, measuring_noise, asked)

seed_everything(0)
flatterer = ConditionalGenerator(latent_dim, classes, 28, 1, width).to(device)
optimizer = torch.optim.Adam(flatterer.parameters(), 1e-3)


def flatter(labels):
    images = flatterer(torch.randn(len(labels), latent_dim, device=device), labels)
    loss = F.cross_entropy(network.logits(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


please = fast(flatter, (flatterer, network), optimizer, steps=short_steps)
for labels in watch(batches(train_labels, batch_size, short_steps)):
    please(labels)
samples["trained by the classifier"] = draw(flatterer.eval(), measuring_noise, asked)

# %%
print(HEADER)
failures = ("projection, no R1", "trained by the classifier")
for name in ("GAN, projection", *failures):
    report(name)
shown = torch.cat([samples[name][places.T.flatten()] for name in failures])
titles = [part for name in failures for part in (name, "")]
show(
    plot_images(shown, classes, "Two samples of each digit", value_range=(-1, 1), row_titles=titles)
)

# %% [markdown]
# The classifier's pupil is read as asked in 100 % of all cases, and draws a weave of black and white that no one would call a digit. Its images lie where the classifier was never taught what *is not* a 7; recall is 0, the Fréchet distance thirty times the GAN's. **A measure that one trains on is no longer a measure.**
#
# The missing penalty is a closer call, and an honest table says so. Without it the GAN obeys a little *more* (98.2 %) and varies a little less: recall falls from 0.69 to 0.65, the spread of the least varied class from 0.79 to 0.73, while the Fréchet distance is the same. That is the direction which section 5 predicts, and both
# numbers lie just outside what the three seeds with the penalty gave (recall 0.69 to 0.72, least spread 0.79 to 0.91); but it is one run, and 2,000 rounds are few for a collapse. Lesson 08 has a game in which the penalty decides.
#
# | what you see | what it means | what to try |
# |---|---|---|
# | good digits, label accuracy near 10 % | the discriminator does not see the label, or fakes and labels were shuffled apart | is the label in *both* calls of the discriminator? are the fakes judged with the labels that they were made for? |
# | label accuracy high, spread near 0 | one image a class: $z$ has no say | an R1 penalty; is $z$ drawn anew in every step, once for each image? |
# | label accuracy 100 %, no digit to the eye | the generator learned the classifier | never train on the yardstick; recall and the Fréchet distance |
# | spread far above 1 | nonsense spreads, too | recall beside it |
# | an image changes with its neighbors' labels | batch normalization in training mode | `eval()` before you sample |
# | one class bad, the others good | the class is rare or wide | count labels; measure class by class, not the mean alone |
#
# ## 11 · Change one thing
#
# **First: a blind judge.** Section 1 says that a discriminator without the label lets the generator disobey. Write one (it takes labels and ignores them), train a short run, and measure: `train_gan(BlindDiscriminator, short_steps)` gives the generator
# and its losses; `draw` it into `samples` as in section 7, and `report`. Beside it a run of the projection GAN that is as short. Does the blind judge's generator use the label for anything?

# %%
# your experiment: class BlindDiscriminator(nn.Module): ...


# %% tags=["solution"]
class BlindDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(feature_layers(1), nn.Linear(128, 1), nn.Flatten(0))

    def forward(self, images, labels):
        return self.layers(images)


blind, _ = train_gan(BlindDiscriminator, short_steps)
samples["blind judge"] = draw(blind, measuring_noise, asked)
sighted, _ = train_gan(ProjectionDiscriminator, short_steps)
samples["projection, as short"] = draw(sighted, measuring_noise, asked)
print(HEADER)
report("blind judge")
report("projection, as short")
show(plot_images(draw_table(blind, 2), classes, "One z a row: blind judge", value_range=(-1, 1)))

# %% [markdown] tags=["solution"]
# The blind judge's generator is read as asked in 7 %: no better than chance, as line 5 of section 1 says. It uses the label all the same, as one more piece of noise: the columns differ, but what is drawn in them is anything. (Its images are worse than the sighted one's after as many rounds, too: the label also helps a discriminator to see what is wrong.)

# %% [markdown]
# **Second: a smaller z.** Ask the projection GAN with $0.7\,z$ in place of $z$, then with $0.4\,z$ ([truncation](glossary.ipynb#Truncation), lesson 12): no training needed. Which of the four numbers get better, which worse? Could you reach any label accuracy that you like?

# %%
# your experiment: draw(projection, 0.7 * measuring_noise, asked)

# %% tags=["solution"]
print(HEADER)
report("GAN, projection")
for factor in (0.7, 0.4, 0.0):
    samples[f"projection, {factor} z"] = draw(projection, factor * measuring_noise, asked)
    report(f"projection, {factor} z")

# %% [markdown] tags=["solution"]
# Label accuracy climbs to 100 % and all variety goes: at $0.7\,z$ it is 99.6 %, above the real images', for almost a third of the recall, and at $0 \cdot z$ there is one image a class, the cheat of section 7. Any label accuracy can be had by giving up variety, and so a label accuracy alone says nothing; two models are compared at equal variety, or by the whole curve.

# %% [markdown]
# ## What you take along
#
# 1. With labels the game minimizes the JS divergence of each class, averaged: but only if the discriminator sees the label. One that does not is content with any permutation.
# 2. Concatenation at the input is a bias for each class; projection is what the best discriminator does where both label posteriors are softmax-linear in its features. A conditional VAE is lesson 05's bound with the label in both networks and not in the prior.
# 3. Label accuracy is half a number. Report what real images get, and variety within the class beside it: one image a class has the first, noise has the second, and neither has both.
#
# **References.** Mirza and Osindero (2014), arXiv 1411.1784 · Miyato and Koyama (2018), arXiv 1802.05637, section 3 for the derivation · Sohn, Lee and Yan (2015), NeurIPS 28 · Kingma, Rezende, Mohamed and Welling (2014), *Semi-Supervised Learning with Deep Generative Models*, arXiv 1406.5298,
# for labels in a VAE · Mescheder, Geiger and Nowozin (2018), arXiv 1801.04406, for R1 · Karras and others (2020), *Analyzing and Improving the Image Quality of StyleGAN*, arXiv 1912.04958, appendix B for the lazy penalty · Odena, Olah and Shlens (2017), *Conditional Image Synthesis With Auxiliary
# Classifier GANs*, arXiv 1610.09585, who measure samples by a classifier · Ravuri and Vinyals (2019), *Classification Accuracy Score for Conditional Generative Models*, arXiv 1905.10887, for the other direction: train on samples, test on real images.
#
# **Next** is 14a_cyclegan: no label, no pair, and still a translation.
