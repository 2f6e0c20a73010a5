# %% [markdown]
# # 07 · How good is it, in nats
#
# Lessons 05 and 06 scored models by the ELBO, and the ELBO is a floor: the log-likelihood lies somewhere above
# it, and nobody said how far. When two floors differ, which of the two *models* is better? In this lesson you
# measure $\log p(x)$ itself, to a few tenths of a nat. The tool is [importance
# sampling](glossary.ipynb#Importance-sampling). Then you train with the same tool, and set your numbers beside
# the first table of a well-known paper: same architecture, same kind of binarization, and at the `gpu` scale the same schedule.
#
# ![The importance-weighted bound climbs to the evidence, and its gap falls like 1/k](../images/07_likelihood.png)
#
# <details><summary>中文导读</summary>
#
# ELBO 只是下界，本课要量 log p(x) 本身。工具是重要性采样：从编码器抽取 K 个编码，用权重
# w = p(x, z) / q(z | x) 的平均估计 p(x)；平均的对数是下界，K 越大越紧（课中证明）。权重方差有限时差距按
# 1/K 缩小，课中推导出这一条件，并指出训练好的 VAE 并不满足它。随后训练重要性加权自编码器（IWAE），把结果
# 与 Burda 等人 (2015) 的表 1 并列，注明二值化方式、抽样数与标准误差。有效样本量说明估计由几个样本撑着；
# 最后看为什么更紧的下界教给编码器的反而更少。
#
# </details>
#
# **You will be able to**
# - turn draws of an encoder into an estimate of $\log p(x)$, and say why it can only err downwards on average,
# - prove that the importance-weighted bound rises with the number of draws, and watch it rise on a model whose
#   evidence is known,
# - train an [importance-weighted autoencoder](glossary.ipynb#Importance-weighted-autoencoder) (IWAE), and compare
#   two models image by image,
# - tell from the variances of $q$ whether the weights have a variance at all, and what follows where they have
#   none,
# - read an effective sample size, and tell when an estimate rests on a single draw,
# - say why a tighter bound can teach the encoder less.
#
# **Time** 100 minutes · **Builds on** 02_elbo, 05_vae · **Papers** Burda, Grosse and Salakhutdinov (2015),
# *Importance Weighted Autoencoders*, arXiv 1509.00519; Rainforth, Kosiorek, Le, Maddison, Igl, Wood and
# Teh (2018), *Tighter Variational Bounds are Not Necessarily Better*, arXiv 1802.04537.
#
# **Numbers in the text** are those of one run at `laptop` scale, on two CPU cores; at another scale, or on
# another machine, yours differ.

# %% tags=["folded"]
import itertools
import math
import time

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.distributions import Bernoulli, Normal

from course_lib.checks import check
from course_lib.data import load_mnist
from course_lib.fast import fast
from course_lib.history import History, watch
from course_lib.plotting import plot_history, plot_images, show
from course_lib.probability import bernoulli_log_likelihood, importance_bound
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything
from course_lib.widgets import weights_explorer

seed_everything(0)
device = pick_device()
schedule = at_scale(smoke="linear", laptop="linear", gpu="paper")  # of the learning rate
batch_size = at_scale(smoke=128, laptop=128, gpu=20)
steps = at_scale(smoke=20, laptop=36_000, gpu=3280 * 3000)  # of each of the main runs
short_steps = at_scale(smoke=20, laptop=2_500, gpu=50_000)  # of each experiment
entries = at_scale(  # of the paper's table: those that this scale trains
    smoke=[("VAE", 1), ("IWAE", 5)],
    laptop=[("VAE", 1), ("IWAE", 5)],
    gpu=[("VAE", 1), ("VAE", 5), ("VAE", 50), ("IWAE", 5), ("IWAE", 50)],
)
samples, test_count = at_scale(smoke=(20, 50), laptop=(5000, 1000), gpu=(5000, 10_000))
chunk = at_scale(smoke=4, laptop=4, gpu=50)  # draws that are decoded at a time
hidden_dim, latent_dim = 200, 50
print(f"scale {course_scale()} on {device.type}: {len(entries)} runs of {steps:,} updates,")
print(f"each scored on {test_count:,} test images with {samples:,} draws an image")

# %% [markdown]
# ## 1 · Which images, exactly?
#
# A log-likelihood is a statement about *data*, so the data come first. As in lesson 05, a pixel's gray value is
# the chance that the pixel is white, and a binary image is one toss of all its pixels. Three data sets
# go by the name of [binarized](glossary.ipynb#Binarization) MNIST:
#
# - **dynamic**: the training images are tossed anew at every update. The paper's main table uses it, and so do we.
# - **fixed**: everything is tossed once and for all. A model can then learn the coins by heart;
#   the authors' own notes on their code report scores about 2 nats worse for it, from 50,000 training
#   images instead of 59,600.
# - **thresholded**: cut at one half. No coins, sharper edges, and scores that have nothing to do with the others.
#
# **Predict.** Which of the three is easiest to model, so that the same network scores best on it?

# %% [markdown]
# ### Exercise · `binarize(images, generator)`
# *4 minutes.* `images` are gray values in [0, 1], `(B, 1, H, W)`. Return 0 or 1 for each pixel, as
# floats of the same shape: 1 with the probability that the gray value says, each pixel on its own. All
# randomness comes from `generator`. The gray images must survive: they are tossed again at the next update.


# %% exercise="likelihood.binarize"
def binarize(images, generator):
    """Toss every pixel once: `(B, 1, H, W)` of 0 and 1, P(1) = gray value."""
    # BEGIN SOLUTION
    return torch.bernoulli(images, generator=generator)
    # END SOLUTION


# %% check="likelihood.binarize"
check("likelihood.binarize", binarize)

# %%
train_gray, _ = load_mnist("train", device=device)
test_gray, test_labels = load_mnist("test")
coins = torch.Generator().manual_seed(0)  # on the CPU, so that every machine tosses the same
test_images = binarize(test_gray, coins)[:test_count].to(device)
tosses = [binarize(test_gray[:10], torch.Generator().manual_seed(seed)) for seed in (1, 2)]
rows = torch.cat([test_gray[:10], *tosses, (test_gray[:10] > 0.5).float()])
names = ("gray", "toss 1", "toss 2", "cut at 1/2")
show(plot_images(rows, columns=10, title="Three data sets from one", row_titles=names))
differ = (2 * test_gray * (1 - test_gray)).flatten(1).sum(1).mean()
coins_cost = Bernoulli(test_gray).entropy().flatten(1).sum(1).mean()
print(f"{len(train_gray):,} images to train on, {len(test_images):,} of 10,000 to test on")
print(f"two tosses of a test image differ in {differ:.0f} of 784 pixels on average,")
print(f"and the coins of one toss have an entropy of {coins_cost:.1f} nats")

# %% [markdown]
# The thresholded images are easiest: nothing about them is a coin. No model, however good, can foresee a coin:
# even one that knew the gray image by heart would pay the coins' entropy (lesson 01) for a toss of it. About half
# of the scores below is this price, and thresholding abolishes it.
#
# **The split.** The paper's numbers come from 59,600 training images (the authors' code keeps the last
# 400 to validate on) and all 10,000 test images. We train on all 60,000, the paper's settings were taken over, the laptop's (learning rate, batch, updates) were tried out on some of the test images. At the `laptop` scale the first 1,000 test images are scored, at `gpu` scale all of them. They
# were tossed once, with a fixed seed, so that every model faces the same images.

# %% [markdown]
# ## 2 · The model of the paper
#
# One layer of 50 latents. Encoder and decoder have two hidden layers of 200 tanh units each, and the
# decoder answers with one logit for each pixel. As in the authors' code the weights start by Glorot's
# rule, and the decoder's last biases at the training average of each pixel, so that training does not
# begin by learning what black is.


# %%
def layers(*sizes):
    """Linear layers with a tanh between each two, started by Glorot and Bengio's rule."""
    parts = []
    for inputs, outputs in itertools.pairwise(sizes):
        linear = nn.Linear(inputs, outputs)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        parts += [linear, nn.Tanh()]
    return parts[:-1]


class Encoder(nn.Module):
    """Images `(B, 1, 28, 28)` to `mean, log_var`, each `(B, latent_dim)`."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Sequential(nn.Flatten(), *layers(784, hidden_dim, hidden_dim), nn.Tanh())
        self.mean, self.log_var = (layers(hidden_dim, latent_dim)[0] for _ in range(2))

    def forward(self, images):
        hidden = self.hidden(images)
        return self.mean(hidden), self.log_var(hidden)


def new_networks():
    """A fresh encoder, and a decoder of codes `(N, latent_dim)` to logits `(N, 1, 28, 28)`."""
    decoder = nn.Sequential(*layers(latent_dim, hidden_dim, hidden_dim, 784))
    with torch.no_grad():
        decoder[-1].bias.copy_(train_gray.mean(dim=0).flatten().clamp(0.001, 0.999).logit())
    decoder.append(nn.Unflatten(1, (1, 28, 28)))
    return Encoder().to(device), decoder.to(device)


for name, network in zip(("encoder", "decoder"), new_networks(), strict=True):
    print(f"{name}: {sum(p.numel() for p in network.parameters()):,} weights")

# %% [markdown]
# ## 3 · The evidence is an average of weights
#
# How probable is an image $x$, what is its [evidence](glossary.ipynb#Evidence)? Sum over every code that could
# have caused it, $p(x) = \int p(x, z)\, dz$. Draws from the prior almost never hit a code that fits (lesson 05,
# section 3). The encoder knows where to look, so draw from $q(z \mid x)$ instead and correct for it:
#
# $$ p(x) = \int p(x, z)\, dz = \int q(z \mid x)\, \frac{p(x, z)}{q(z \mid x)}\, dz
#         = \mathbb E_{q}[w], \qquad w = \frac{p(x, z)}{q(z \mid x)} . $$
#
# The second step multiplies and divides by $q$; the third is the definition of an expectation. It needs $q > 0$
# wherever $p(x, z) > 0$, which a Gaussian grants. $w$ is an [importance
# weight](glossary.ipynb#Importance-weight): a draw that $q$ makes too often counts for less. Average a thousand
# weights, and you have an unbiased estimate of $p(x)$. (That is all that $q > 0$ gives: a mean. How near an
# average of weights comes to it depends on their variance, which may be infinite: section 4.)
#
# In logarithms, with $z = \mathrm{mean} + \mathrm{std} \cdot \mathrm{noise}$:
#
# $$ \log w = \log p(x \mid z) + \log p(z) - \log q(z \mid x) . $$

# %% [markdown]
# ### Exercise · `log_importance_weights(encoder, decoder, images, noise)`
# *12 minutes.* `images` are `(B, 1, H, W)`, `noise` is `(K, B, Z)`, standard normal: K draws for each image. The
# encoder gives `mean, log_var`, each `(B, Z)`; the decoder takes codes `(N, Z)` and gives logits `(N, 1, H, W)`.
# Return $\log w$ in nats, `(K, B)`. Training will differentiate it, by both networks.
# `bernoulli_log_likelihood(logits, images)` of lesson 05 is imported above and wants equally many of each. The
# trap: all three densities belong to *this draw's* $z$, so the KL formula has no place here.


# %% exercise="likelihood.log_importance_weights"
def log_importance_weights(encoder, decoder, images, noise):
    """log p(x, z) - log q(z | x) of K draws for each image, `(K, B)`, in nats."""
    # BEGIN SOLUTION
    mean, log_var = encoder(images)
    z = mean + (log_var / 2).exp() * noise
    logits = decoder(z.flatten(0, 1))
    log_likelihood = bernoulli_log_likelihood(logits, images.repeat(len(noise), 1, 1, 1))
    # (z - mean)² / var is noise², and the constants log 2π of the two densities cancel
    log_prior_over_q = (noise.square() + log_var - z.square()).sum(dim=-1) / 2
    return log_likelihood.reshape(noise.shape[:2]) + log_prior_over_q
    # END SOLUTION


# %% check="likelihood.log_importance_weights"
check("likelihood.log_importance_weights", log_importance_weights)

# %% [markdown]
# Does the average come out right? A model with two latents and 8×8 pixels is small enough for the truth: a
# fine grid over $z$ gives $p(x)$ to many digits. Its $q$ is off on purpose: beside the posterior, and too wide.
#
# **Predict.** 400,000 weights are averaged. Will $\log$ of their mean be nearer to $\log p(x)$ than the
# mean of their logarithms?

# %%
torch.manual_seed(3)
toy_decoder = nn.Sequential(*layers(2, 16, 64), nn.Unflatten(1, (1, 8, 8))).double()
with torch.no_grad():
    toy_decoder[0].weight.mul_(2)
    toy_image = torch.bernoulli(toy_decoder(torch.tensor([[0.8, -0.6]]).double()).sigmoid())
q_mean = torch.tensor([[0.3, -0.1]]).double()
q_log_var = torch.tensor([[-0.4, -0.6]]).double()


def toy_encoder(images):
    """The same q for every image: enough, since there is one."""
    return q_mean.expand(len(images), 2), q_log_var.expand(len(images), 2)


axis = torch.linspace(-6, 6, 241, dtype=torch.float64)
grid = torch.cartesian_prod(axis, axis)  # (58081, 2)
log_cell = 2 * (axis[1] - axis[0]).log()
with torch.no_grad():
    grid_noise = (grid - q_mean) / (q_log_var / 2).exp()
    grid_log_w = log_importance_weights(toy_encoder, toy_decoder, toy_image, grid_noise[:, None])[
        :, 0
    ]
log_q = Normal(q_mean, (q_log_var / 2).exp()).log_prob(grid).sum(dim=1)
log_evidence = (log_q + grid_log_w + log_cell).logsumexp(dim=0)  # p(x) = ∫ q w dz
elbo = ((log_q + log_cell).exp() * grid_log_w).sum()

with torch.no_grad():
    toy_noise = torch.randn(8, 50_000, 1, 2, dtype=torch.float64)
    pieces = [log_importance_weights(toy_encoder, toy_decoder, toy_image, n) for n in toy_noise]
log_w = torch.cat(pieces)[:, 0]
log_w_of_toy = log_w[:5000]  # for section 7
relative = (log_w - log_evidence).exp()  # w / p(x): should average to 1
error = relative.std() / math.sqrt(len(relative))
print(f"by the grid:   log p(x) = {log_evidence:.4f},  ELBO = {elbo:.4f}")
print(f"by the draws:  log mean w = {relative.mean().log() + log_evidence:.4f} ± {error:.4f}")
print(f"               mean log w = {log_w.mean():.4f} ± {log_w.std() / math.sqrt(len(log_w)):.4f}")
assert (relative.mean() - 1).abs() < 5 * error
assert (log_w.mean() - elbo).abs() < 5 * log_w.std() / math.sqrt(len(log_w))

# %% [markdown]
# The logarithm of the mean weight is $\log p(x)$; the mean of the logarithms is the ELBO, which
# stays where it is however many draws are averaged. The order of two operations, mean and
# logarithm, makes the whole difference, and between the two lies a ladder.
#
# ## 4 · A ladder of bounds
#
# Let $\bar w_k$ be the mean of $k$ weights, and $L_k = \mathbb E[\log \bar w_k]$, the [importance-weighted
# bound](glossary.ipynb#Importance-weighted-bound). $L_1$ is the [ELBO](glossary.ipynb#Evidence-lower-bound). Two
# claims: each $L_k$ is a lower bound, and more draws never lower it,
#
# $$ L_1 \le L_2 \le L_3 \le \dots \le \log p(x) . $$
#
# (Lesson 02 climbed one rung at a time, $K$ to $K + 1$; here it is any $m < k$.) **It is a bound.** Two lines:
#
# $$ \begin{aligned}
# L_k = \mathbb E[\log \bar w_k] &\le \log \mathbb E[\bar w_k] && (1) \\
# &= \log p(x) && (2)
# \end{aligned} $$
#
# 1. **[Jensen's inequality](glossary.ipynb#Jensen's-inequality)**: the logarithm is concave.
# 2. **Unbiased weights**: each has the mean $p(x)$ (section 3), and so has their average.
#
# **It rises.** Take $m < k$ of the $k$ weights, choosing the set $I$ of $m$ indices at random, and call their
# mean $\bar w_I$:
#
# $$ \begin{aligned}
# L_k = \mathbb E[\log \bar w_k] &= \mathbb E\big[\log \mathbb E_I[\bar w_I]\big] && (3) \\
# &\ge \mathbb E\big[\mathbb E_I[\log \bar w_I]\big] && (4) \\
# &= \mathbb E[\log \bar w_m] = L_m && (5)
# \end{aligned} $$
#
# 3. **Averages of subsets**: every index is equally often in $I$, so the means of subsets average to the mean of all.
# 4. **Jensen's inequality** again, for the average over $I$.
# 5. **Exchange** the two averages: whatever $I$ is, $\bar w_I$ is the mean of $m$ independent draws.
#
# The next cell checks lines 3 and 4 on actual weights: all ten pairs out of five.

# %% tags=["nbval-check-output"]
five = relative[:5_000].reshape(-1, 5)  # a thousand times five weights
pairs = torch.stack(
    [five[:, list(pair)].mean(dim=1) for pair in itertools.combinations(range(5), 2)]
)
line_3 = (pairs.mean(dim=0) - five.mean(dim=1)).abs().max()
line_4 = five.mean(dim=1).log() - pairs.log().mean(dim=0)
print(f"line 3: the ten pairs' means average to the mean of five: {bool(line_3 < 1e-12)}")
print(
    f"line 4: log of the average is never below the average of logs: {bool((line_4 >= -1e-12).all())}"
)
assert line_3 < 1e-12 and (line_4 >= -1e-12).all()

# %% [markdown]
# **How far below?** Suppose that the weights have a finite variance, and write $\bar w_k = p(x)(1 + \delta)$. Then
# $\mathbb E[\delta] = 0$, and $\mathbb E[\delta^2] = v / k$ with $v = \mathrm{Var}(w) / p(x)^2$, because the
# variance of a mean of $k$ independent draws is a $k$-th. So
#
# $$ L_k = \log p(x) + \mathbb E[\log(1 + \delta)]
#        \approx \log p(x) + \mathbb E\big[\delta - \tfrac12 \delta^2\big]
#        = \log p(x) - \frac{v}{2k} . $$
#
# The first step is the logarithm of a product; the second **Taylor's series** to second order, good once $\delta$ is
# small; the third puts in the two averages. Where $v$ is finite, the gap falls like $1/k$, and it never becomes 0:
# an estimate from 5,000 draws is still a lower bound on average. That is a virtue. Nobody can look
# better than they are by taking too few draws, on average.
#
# **Predict.** On the toy model, how many draws does it take to bring the gap below a hundredth of a nat?

# %%
with torch.no_grad():
    second_moment = (log_q + 2 * grid_log_w + log_cell).logsumexp(dim=0)
v = (second_moment - 2 * log_evidence).exp() - 1
ladder = []
print(f"log p(x) = {log_evidence:.4f}, relative variance of a weight v = {v:.3f}")
print("   k        L_k    ± error    gap     v / 2k")
for k in (1, 2, 5, 10, 20, 50, 100, 200):
    bounds = importance_bound(log_w[: len(log_w) // k * k].reshape(k, -1))
    mean, error = bounds.mean(), bounds.std() / math.sqrt(len(bounds))
    ladder.append((k, mean.item(), error.item()))
    print(f"{k:>4}  {mean:>10.4f}  {error:.4f}  {log_evidence - mean:>8.4f}  {v / (2 * k):>8.4f}")
    assert mean < log_evidence + 5 * error
    assert k < 50 or (log_evidence - mean - v / (2 * k)).abs() < 5 * error

# %%
k_values, means, errors = (torch.tensor(column) for column in zip(*ladder, strict=True))
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
left.plot(k_values, means, "o-", label="L_k")
left.axhline(log_evidence, color="gray", linestyle="--", label="log p(x), by the grid")
left.set(xscale="log", xlabel="draws k", ylabel="nats", title="The bound climbs to the evidence")
right.errorbar(k_values, log_evidence - means, yerr=2 * errors, fmt="o", label="log p(x) - L_k")
right.plot(k_values, v / (2 * k_values), ":", label="v / 2k")
right.set(
    xscale="log", yscale="log", xlabel="draws k", ylabel="nats", title="The gap falls like 1/k"
)
for axes in (left, right):
    axes.legend()
show(figure)

# %% [markdown]
# $v / 2k$ reaches a hundredth at about $k = 93$, and the table's gap is below it at 100.
#
# **When is $v$ finite?** An integral over a grid always gives a number, so this has to be asked of the formula. Our
# decoders end in a linear layer on tanh units, which lie between -1 and 1. So pixel $j$'s logit stays within $\pm
# B_j$ with $B_j = |b_j| + \sum_h |W_{jh}|$, whatever $z$ is, and even a code without any sense gives every image a
# probability of at least $c = \prod_j \sigma(-B_j) > 0$. With the means $m_i$ and variances $s_i$ of $q$:
#
# $$ \begin{aligned}
# \mathbb E_q[w^2] &= \int p(x \mid z)^2\, \frac{p(z)^2}{q(z \mid x)}\, dz && (6) \\
# c^2 I \le \mathbb E_q[w^2] &\le I, \qquad I = \int \frac{p(z)^2}{q(z \mid x)}\, dz && (7) \\
# I &= \prod_i \int \frac{\mathcal N(z; 0, 1)^2}{\mathcal N(z; m_i, s_i)}\, dz && (8) \\
# \int \frac{\mathcal N(z; 0, 1)^2}{\mathcal N(z; m, s)}\, dz
#   &= \sqrt{\frac{s}{2\pi}} \int \exp\!\Big( -\big(1 - \tfrac{1}{2s}\big) z^2 - \tfrac{m}{s} z
#      + \tfrac{m^2}{2s} \Big)\, dz && (9) \\
#   &= \frac{s}{\sqrt{2s - 1}}\, e^{m^2 / (2s - 1)} \ \text{ if } s > \tfrac12, \qquad
#      \infty \ \text{ if } s \le \tfrac12 && (10)
# \end{aligned} $$
#
# 6. **Put in** $w = p(x \mid z)\, p(z) / q(z \mid x)$: one of the two $q$ below the line cancels.
# 7. **Bounds**: $c \le p(x \mid z) \le 1$. The image is binary, so that $p(x \mid z)$ is a probability, and the
#    logits are bounded.
# 8. **Both densities are products** over the latents, and nothing is negative, so the integral of the product is the
#    product of the integrals. None is 0: a single infinite one makes $I$ infinite.
# 9. **Put in** the two Gaussian densities, and collect the powers of $z$.
# 10. **Complete the square**, if the factor $1 - 1/2s$ of $-z^2$ is positive. If it is not, the integrand does not fall to
#    0 on both sides.
#
# So for such a decoder **$v$ is finite exactly if every variance of $q$ is above one half**. The toy's two are 0.67 and
# 0.55: its $v$ is finite, and $v / 2k$ may be used. (Where the logits are not bounded, $p(x \mid z)$ may itself fall
# fast enough to help, as in the linear model of lesson 02.) Lines 7, 9 and 10 by numbers:

# %% tags=["nbval-check-output"]
last = toy_decoder[-2]
log_c = nn.functional.logsigmoid(-last.bias.abs() - last.weight.abs().sum(1)).sum().item()


def line_10(mean, variance):
    return variance / math.sqrt(2 * variance - 1) * math.exp(mean**2 / (2 * variance - 1))


log_i = sum(math.log(line_10(m, s)) for m, s in zip(q_mean[0], q_log_var[0].exp(), strict=True))
print(f"line 7: {2 * log_c + log_i:.1f} <= log E[w²] = {second_moment:.1f} <= {log_i:.1f}")
assert 2 * log_c + log_i <= second_moment <= log_i
print("line 9 with m = 0.5, over [-5, 5], [-10, 10], [-20, 20], [-40, 40]; then line 10")
for variance in (0.67, 0.55, 0.45):
    areas = []
    for reach in (5, 10, 20, 40):
        z = torch.linspace(-reach, reach, 20_001, dtype=torch.float64)
        std = torch.tensor(variance, dtype=torch.float64).sqrt()
        log_ratio = 2 * Normal(0.0, 1.0).log_prob(z) - Normal(0.5, std).log_prob(z)
        areas.append(torch.trapezoid(log_ratio.exp(), z).item())
    closed = line_10(0.5, variance) if variance > 0.5 else math.inf
    print(f"s = {variance}:", *(f"{area:10.4g}" for area in areas), f"  {closed:.4g}")
    if variance > 0.5:
        assert math.isclose(areas[-1], closed, rel_tol=1e-6)
    else:
        assert all(after > 100 * area for area, after in itertools.pairwise(areas))

# %% [markdown]
# ### Exercise · `iwae_loss(log_weights)`
# *3 minutes.* `log_weights` is `(K, B)`. Return minus the importance-weighted bound, averaged over the batch: a
# scalar in nats per image. At K = 1 it is the negative ELBO, estimated with one draw. The weights of a digit are
# around $e^{-90}$, and float32 ends at $e^{-103}$: stay with logarithms. Your `importance_bound` of lesson 02 is
# imported above.


# %% exercise="likelihood.iwae_loss"
def iwae_loss(log_weights):
    """Minus log of the mean of K weights, averaged over the batch: `(K, B)` to `()`, in nats."""
    # BEGIN SOLUTION
    return -importance_bound(log_weights).mean()
    # END SOLUTION


# %% check="likelihood.iwae_loss"
check("likelihood.iwae_loss", iwae_loss)

# %% [markdown]
# What does this loss teach? Training hears of a draw through one number alone: how much the loss changes with that
# draw's log weight, $\partial\, \mathrm{loss} / \partial \log w_{kb}$. Whatever the networks are, `backward()`
# multiplies each draw's own gradient by it (chain rule). The ELBO's loss, $-\frac{1}{KB} \sum_{kb} \log w_{kb}$,
# gives every draw the same: $-1 / KB$.
#
# **Predict.** Three draws of an image have the log weights -92, -90 and -95. Which of them gets most of the
# gradient of `iwae_loss`? Half of it, or nearly all?

# %% [markdown]
# ### Exercise · `gradient_weights(log_weights)`
# *8 minutes.* Derive it on paper: the derivative of `iwae_loss` by each entry of `log_weights` `(K, B)`, as a formula.
# Return it, `(K, B)`, of the same dtype. It must be right at log weights of -400 and of 200 in float32. (Autograd
# would give it, too; the point is what it says.)


# %% exercise="likelihood.gradient_weights"
def gradient_weights(log_weights):
    """The derivative of `iwae_loss` by each log weight: `(K, B)` to `(K, B)`."""
    # BEGIN SOLUTION
    # log Σ w has the derivative w / Σ w by log w; log K has none; the mean divides by B
    return -log_weights.softmax(dim=0) / log_weights.shape[1]
    # END SOLUTION


# %% check="likelihood.gradient_weights"
check("likelihood.gradient_weights", gradient_weights)

# %% [markdown]
# In three lines, with one image's bound $\log \sum_j w_j - \log K$:
#
# $$ \begin{aligned}
# \frac{\partial}{\partial \log w_k} \Big( \log \sum_j w_j - \log K \Big)
#   &= \frac{1}{\sum_j w_j}\, \frac{\partial \sum_j w_j}{\partial \log w_k} && (a) \\
# &= \frac{1}{\sum_j w_j}\, \frac{\partial\, e^{\log w_k}}{\partial \log w_k} && (b) \\
# &= \frac{w_k}{\sum_j w_j} && (c)
# \end{aligned} $$
#
# (a) **Chain rule**; $\log K$ is a constant. (b) **One term** of the sum is this draw's. (c) **The exponential** is its
# own derivative. So a draw counts by its **share** of the image's total weight, and the loss puts $-1/B$ before it.

# %% tags=["nbval-check-output"]
example = torch.tensor([[-92.0, -90.0], [-90.0, -90.0], [-95.0, -90.0]], requires_grad=True)
iwae_loss(example).backward()
shares = -2 * gradient_weights(example.detach())
for image in range(2):
    for name, values in (("shares of the draws", shares), ("-B · autograd", -2 * example.grad)):
        numbers = "  ".join(f"{value:.3f}" for value in values[:, image])
        print(f"image {image}, {name:<20} {numbers}")
assert torch.allclose(gradient_weights(example.detach()), example.grad, atol=1e-6)

# %% [markdown]
# Nearly nine tenths go to one draw, and the hopeless one gets next to nothing. So $q$ may afford to miss: one good
# draw in five is enough. And where one draw has all the weight, the other four have taught the networks nothing.

# %% [markdown]
# ## 5 · Training: one draw against five
#
# The same networks, the same number of updates, the same training set; one model is trained with $k = 1$
# (a VAE), the other with $k = 5$ (an IWAE). The paper's schedule, 3,280 epochs in batches of 20 with a learning rate
# that falls in eight stages, $0.001 \cdot 10^{-i/7}$ for $3^i$ epochs, is what the `gpu` scale runs; a laptop takes
# batches of 128 and a rate that falls from 0.002 to 0 along a line, about six minutes for both runs on two cores.
#
# Runs as long as these `fast` compiles, and where the device multiplies in bfloat16, it trains in that. On the CPU where we tried it, two runs of 3,000
# updates, one in either precision, differed by 0.01 ± 0.01 nats on 1,000 test images, so we saw no cost.
# All scores are computed in float32.


# %%
def learning_rate(update, steps):
    """The rate of an update: the paper's eight stages of 3^i epochs, or a line down to 0."""
    if schedule == "linear":
        return 2e-3 * (1 - update / steps)
    share, stage = 3280 * update / steps, 0
    while share >= (3 ** (stage + 1) - 1) / 2 and stage < 7:
        stage += 1
    return 1e-3 * 10 ** (-stage / 7)


def vae_loss(log_weights):
    """Minus the ELBO, estimated with all K draws: the logarithms are averaged."""
    return -log_weights.mean()


def train(k, steps, seed=0, loss_of=iwae_loss):
    """Train one model with k draws an image; returns encoder, decoder and the losses."""
    seed_everything(seed)
    encoder, decoder = new_networks()
    weights = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(weights, lr=1.0, eps=1e-4 if schedule == "paper" else 1e-8)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: learning_rate(t, steps))

    def toss_and_step(gray):
        images = (torch.rand_like(gray) < gray).float()  # binarize, by the global generator
        noise = torch.randn(k, len(gray), latent_dim, device=device)
        loss = loss_of(log_importance_weights(encoder, decoder, images, noise))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    networks = (encoder, decoder)
    update = fast(toss_and_step, networks, optimizer, steps=steps, report=print)
    history = History()
    for gray in watch(batches(train_gray, batch_size, steps), history):
        history.add(loss=update(gray))
        rates.step()
    return encoder, decoder, history


# %% [markdown]
# **Predict.** Both curves show minus the bound that the model is trained with. Which will be lower, and
# does that alone mean that its model is better?


# %%
def train_entry(kind, k):
    """Train one entry of the paper's table, and say how it went."""
    begin = time.perf_counter()
    run = train(k, steps, loss_of=iwae_loss if kind == "IWAE" else vae_loss)
    last = run[2]["loss"][-(steps // 20) :].mean()
    seconds = time.perf_counter() - begin
    print(
        f"{kind:<4} k = {k:<2}: {steps:,} updates in {seconds:.0f} s, last losses {last:.2f} nats"
    )
    return run


models = {(kind, k): train_entry(kind, k) for kind, k in entries}

# %%
losses = {f"{kind}, k = {k}": run[2]["loss"] for (kind, k), run in models.items()}
figure = plot_history(losses, title="Training losses", ylabel="nats per image")
figure.axes[0].set_ylim(80, 130)
show(figure)

# %% [markdown]
# The IWAE's is lower, but that proves little: $L_5$ is above $L_1$ for *every* model, as section 4 showed, so the
# two curves measure with two rulers. To compare the models we need one ruler for both, and the sharper the
# better.
#
# **What a healthy curve looks like**: a steep fall within the first hundred updates, from the average image's 200
# nats or so (lesson 05), then slower and slower, and a last gain while the rate goes to 0. A curve that stays
# near 200 has lost its code (collapse, lesson 05); one that is `nan` has taken an exponential too early (section
# 9).
#
# ## 6 · The ruler: thousands of draws
#
# The same bound with $K = 5000$ is the estimate of $\log p(x)$ that the paper reports, and many after it. There
# are 5,000 · 1,000 codes to decode, 784 logits each: 16 GB if they were held at once. But what has to be kept of
# a draw is one number for each image, and sums can be done in pieces.

# %% [markdown]
# ### Exercise · `estimate_log_likelihood(encoder, decoder, images, samples, chunk, generator)`
# *15 minutes.* Return the estimate of $\log p(x)$ from `samples` draws for each image, `(B,)`, in nats. Decode at
# most `chunk` draws of each image at a time (`chunk` need not divide `samples`), and keep no graph. With the same
# generator seed the result must be **the same for every `chunk`**. So draw the noise of each sample by its own
# call, `torch.randn(B, Z)` from `generator` (Z is the width of the mean that `encoder(images)` gives): PyTorch fills one large tensor in another order than several small
# ones. (`device=generator.device` makes it run on a GPU.) And average the weights of *all* chunks before taking
# the logarithm.


# %% exercise="likelihood.estimate_log_likelihood"
def estimate_log_likelihood(encoder, decoder, images, samples, chunk, generator):
    """log p(x) of each image from `samples` draws, decoded `chunk` at a time: `(B,)`, in nats."""
    # BEGIN SOLUTION
    with torch.no_grad():
        shape = encoder(images)[0].shape
        parts = []
        for first in range(0, samples, chunk):
            count = min(chunk, samples - first)
            draws = [
                torch.randn(shape, generator=generator, device=generator.device)
                for _ in range(count)
            ]
            log_w = log_importance_weights(encoder, decoder, images, torch.stack(draws))
            parts.append(log_w.logsumexp(dim=0))
        return torch.stack(parts).logsumexp(dim=0) - math.log(samples)
    # END SOLUTION


# %% check="likelihood.estimate_log_likelihood"
check("likelihood.estimate_log_likelihood", estimate_log_likelihood)

# %% [markdown]
# Now score. Each model sees the same tossed test images and the same noise. Two kinds of error are left: the
# standard error over test images (another thousand images would give another mean) and the estimate's own,
# downwards, which section 7 looks at.
#
# **Predict.** Digits differ a lot in how probable they are, so the standard error of a mean over 1,000 images is
# nearly a nat. Can a difference of half a nat between two models be seen at all?


# %%
def score_entry(kind, k):
    """log p(x) of each test image, with the same noise for every model, `(test_count,)`."""
    begin = time.perf_counter()
    generator = torch.Generator(device).manual_seed(1)
    pieces = [
        estimate_log_likelihood(*models[kind, k][:2], some, samples, chunk, generator)
        for some in test_images.split(250)
    ]
    score = torch.cat(pieces).cpu()
    mean, error = -score.mean(), score.std() / math.sqrt(test_count)
    seconds = time.perf_counter() - begin
    print(f"{kind:<4} k = {k:<2}: {mean:.2f} ± {error:.2f} nats an image ({seconds:.0f} s)")
    return score


print("negative log-likelihood")
scores = {entry: score_entry(*entry) for entry in models}
difference = scores["IWAE", 5] - scores["VAE", 1]
error = difference.std() / math.sqrt(test_count)
print(f"k = 5 is ahead of k = 1 by {difference.mean():.2f} ± {error:.2f} nats, image by image,")
print(f"and on {100 * (difference > 0).float().mean():.0f} % of the test images")

# %% [markdown]
# It can, because both models were scored on the *same* images. Most of the spread is common to both (a plain 1 is
# probable under any model, a curly 8 under none), and it cancels in the difference of each pair. Compare models
# **image by image**, and give the standard error of the *difference*: it is many times smaller than that of
# either mean.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
left.scatter(-scores["VAE", 1], -scores["IWAE", 5], s=4)
low, high = -scores["VAE", 1].max().item(), -scores["VAE", 1].min().item()
left.plot([low, high], [low, high], color="gray", linewidth=1)
left.set(
    title="Each test image, in two models", xlabel="VAE, k = 1 (nats)", ylabel="IWAE, k = 5 (nats)"
)
right.hist(difference.numpy(), bins=40)
right.axvline(0, color="gray", linewidth=1)
right.set(
    title="The difference, image by image", xlabel="log-likelihood gained (nats)", ylabel="images"
)
show(figure)

# %% [markdown]
# ### The first table of Burda et al.
# Negative test log-likelihood of MNIST in nats, one layer of latents, 5,000 draws: theirs (table 1), ours, and
# the scale that produced ours. Lower is better. With $k = 1$ VAE and IWAE are one and the same. A line that this
# scale does not train says so.

# %%
paper = {("VAE", 1): 86.76, ("VAE", 5): 86.47, ("VAE", 50): 86.35}
paper |= {("IWAE", 1): 86.76, ("IWAE", 5): 85.54, ("IWAE", 50): 84.78}
print("            theirs   ours            produced by")
for (kind, k), theirs in paper.items():
    score = scores.get((kind, k), scores.get(("VAE", 1)) if k == 1 else None)
    ours = "not measured   "
    if score is not None:
        ours = f"{-score.mean():.2f} ± {score.std() / math.sqrt(test_count):.2f}   "
    source = (
        f"{course_scale()} scale" if score is not None else f"not trained at {course_scale()} scale"
    )
    print(f"{kind:<4} k = {k:<2}  {theirs:.2f}    {ours} {source}")
print(
    f"ours: {steps:,} updates of {batch_size}, {steps * batch_size // 60_000:,} epochs; theirs: 9,774,400 of 20, 3,280 epochs"
)

# %% [markdown]
# At the laptop scale we read a little more than two nats behind, on both lines (one seed each; another seed moved
# the $k = 1$ score by 0.1). Their training is some forty times as long (in images seen), and the paper's numbers
# are means over all 10,000 test images, ours over the first 1,000, which are about a nat easier than all of them
# (by $L_{10}$): the true gap is nearer to three. What does not wait for the long training is the order of the
# two models and the size of the step from $k = 1$ to $k = 5$: 1.22 nats in the paper (86.76 to 85.54), and about
# as much in our pairs. The lines without a number were not measured here; the `gpu` scale trains them by the
# paper's schedule.
#
# ## 7 · Is 5,000 enough?
#
# The estimate is a lower bound on average, so look at how it still climbs. The next cell keeps all weights of a
# few images, and reads the bound off for every $K$ from the same draws.

# %%
closer_look = at_scale(smoke=10, laptop=200, gpu=1000)


@torch.no_grad()
def many_log_weights(encoder, decoder, images, samples, seed=2):
    """Log weights of `samples` draws, `(samples, B)`, on the CPU."""
    generator = torch.Generator(device).manual_seed(seed)
    rows = []
    for _ in range(samples):
        noise = torch.randn(1, len(images), latent_dim, generator=generator, device=device)
        rows.append(log_importance_weights(encoder, decoder, images, noise)[0].cpu())
    return torch.stack(rows)


kept = {
    entry: many_log_weights(*models[entry][:2], test_images[:closer_look], samples)
    for entry in models
}
for (kind, k), log_w in kept.items():
    print(f"{kind} k = {k}:  ", end="")
    for count in (1, 5, 50, 500, 5000):
        if count <= samples:
            groups = log_w[: samples // count * count].reshape(count, -1, closer_look)
            bounds = groups.logsumexp(dim=0) - math.log(count)
            print(f"L_{count} {bounds.mean():.2f}   ", end="")
    print()

# %% [markdown]
# The ELBO, $L_1$, is four nats and more away from the log-likelihood, and most of the way is done by $K = 500$.
# The last factor of ten still gains 0.3 to 0.4 nats. The law $v / 2k$ would divide the gain by ten with each factor of
# ten, and it is only about halved. Two more things are in these lines. A paper that reports
# $L_{5000}$ and one that reports the ELBO cannot be set side by side. And the model that was trained with $k = 5$
# is *worse* at $L_1$: its encoder was never asked to be right with a single draw (experiment b).
#
# **Why does the law fail?** Would it hold at a larger $K$? Ask line 10. **Predict**: for how many test images does $q$
# have a variance of at most one half in one of its 50 latents?

# %%
for (kind, k), (encoder, _, _) in models.items():
    with torch.no_grad():
        least = encoder(test_images)[1].exp().amin(dim=1)  # of each image's 50 variances
    print(f"{kind} k = {k}: {100 * (least <= 0.5).float().mean():.1f} % of the images; ", end="")
    print(f"the least variance of an image is {least.median():.3f} (median)")

# %% [markdown]
# For all of them, after a full training: a latent tells much about its image only by a $q$ that is narrow beside the prior. So
# **$v$ is infinite here**, at every $K$, and $v / 2k$ says nothing. $p(x)$ is still the mean of the weights, and $L_K$ still
# climbs to $\log p(x)$. How fast?
#
# ### Weights without a variance
# The simplest such weights: a decoder that ignores its only latent, so that the posterior is the prior $\mathcal N(0,
# 1)$, and a $q = \mathcal N(0, s)$ that is too narrow, $s < 1$. Let $r = w / p(x)$, whose mean is 1, and $z = \sqrt s\,
# \varepsilon$ with $\varepsilon$ standard normal.
#
# $$ \begin{aligned}
# r &= \frac{p(z)}{q(z)} = \sqrt s\; e^{(1 - s)\, \varepsilon^2 / 2} && (11) \\
# P(r > t) &= P(\varepsilon^2 > y), \qquad y = \frac{2 \log t - \log s}{1 - s} && (12) \\
# &= \mathrm{erfc}\big(\sqrt{y / 2}\big) && (13) \\
# &\sim \sqrt{\frac{2}{\pi y}}\; e^{-y / 2}
#   = \sqrt{\frac{2}{\pi y}}\, \Big( \frac{t}{\sqrt s} \Big)^{-a}, \qquad a = \frac{1}{1 - s} && (14)
# \end{aligned} $$
#
# 11. **Put in** the densities: $z^2 = s\, \varepsilon^2$ in the prior's exponent, $\varepsilon^2$ in $q$'s.
# 12. **Logarithms**, and division by $(1 - s)/2 > 0$; for $t > \sqrt s$, the least that $r$ can be.
# 13. **The normal distribution**: $P(|\varepsilon| > u) = \mathrm{erfc}(u / \sqrt 2)$.
# 14. **For large $t$**, $\mathrm{erfc}(u) \sim e^{-u^2} / (u \sqrt\pi)$; then put in $y$.
#
# Up to the root of a logarithm in front, the chance of a weight above $t$ falls as a power, $t^{-a}$. $a$ is the [tail
# index](glossary.ipynb#Tail-index), and $\mathbb E[r^p]$ is finite exactly for $p < a$. $a > 1$ always: there is a
# mean. A variance takes $a > 2$, which is $s > 1/2$, line 10 again. In between, for $0 < s < 1/2$:
#
# - **The error of the average.** Among $k$ weights the largest is about as large as the $t$ with $k\, P(r > t) = 1$: $k^{1/a}$, up
#   to logarithms. Alone it moves the average by $k^{1/a} / k = k^{-(1 - 1/a)} = k^{-s}$. That the whole error has this
#   size is the generalized central limit theorem: it asks for independent weights whose tail is $t^{-a}$ times something
#   that varies slowly, as a logarithm does, with $1 < a < 2$. Its limit is no Gaussian, so a standard error from the draws means
#   nothing. (For $s > 1/2$ the size is $k^{-1/2}$, as ever.)
# - **The gap.** With $\delta = \bar r_k - 1$, of mean 0,
#
# $$ \begin{aligned}
# \log p(x) - L_k &= \mathbb E[\delta - \log(1 + \delta)] && (15) \\
# &\approx \int_0^\infty \frac{x}{1 + x}\, P(\delta > x)\, dx && (16) \\
# &\approx k\, P(r > k) \int_0^\infty \frac{x^{1 - a}}{1 + x}\, dx
#   = k\, P(r > k)\, \frac{\pi}{\sin \pi (a - 1)} && (17)
# \end{aligned} $$
#
# 15. $\log \bar w_k = \log p(x) + \log(1 + \delta)$, and $\mathbb E[\delta] = 0$ may be added.
# 16. **By parts**: $x / (1 + x)$ is the derivative of $x - \log(1 + x)$. Left out are the negative $\delta$. Hardly one is
#    much below $-k^{-s}$, so they give about $k^{-2s}$, which falls faster than line 17.
# 17. **One large weight**: the average exceeds $1 + x$ nearly always by a single weight above $kx$, so $P(\delta > x)
#    \approx k\, P(r > kx) \approx x^{-a}\, k\, P(r > k)$, by line 14. The integral is a known one, for $1 < a < 2$.
#
# Lines 16 and 17 are approximations for large $k$; the cell below tests them. In powers, the gap falls as $k \cdot
# k^{-a} = k^{-(a - 1)} = k^{-s/(1 - s)}$: as $1/k$ at $s = 1/2$, and hardly at all for a small $s$.
#
# **Predict** for $s = 1/4$: the average of 100 weights is off by 15 %, typically. How many does it take for 7 %?


# %%
def relative_weights(variance, *shape, generator):
    """Line 11: weights w / p(x) of draws from q = N(0, variance), whose mean is 1."""
    noise = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return variance**0.5 * ((1 - variance) * noise.square() / 2).exp()


def chance_above(t, variance):
    """Line 13: P(r > t)."""
    return math.erfc(math.sqrt((math.log(t) - math.log(variance) / 2) / (1 - variance)))


def power_of(counts, values):
    """The slope of log values against log counts, by least squares."""
    x, y = torch.tensor(counts).double().log(), torch.tensor(values).double().log()
    return ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()


tries, counts = 2_000_000, (10, 100, 1000, 10_000)  # weights for each count k and seed
typical, misses = {}, {}  # median error and gap, (seeds, counts)
for variance in (0.25, 0.8):
    typical[variance], misses[variance] = [], []
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        sets = [relative_weights(variance, k, tries // k, generator=generator) for k in counts]
        averages = [weights.mean(dim=0) for weights in sets]
        typical[variance].append([(m - 1).abs().median().item() for m in averages])
        misses[variance].append([-m.log().mean().item() for m in averages])
    found = torch.stack([power_of(counts, row) for row in typical[variance]])
    expected = -min(variance, 0.5)
    print(
        f"s = {variance}: the error falls as k to the {found.mean():.3f} ± {found.std():.3f} "
        f"(five seeds), by the theorem {expected}, up to logarithms"
    )
    assert (found.mean() - expected).abs() < 0.05
    above = (torch.cat([weights.flatten() for weights in sets]) > 5).double()
    assert (above.mean() - chance_above(5, variance)).abs() < 5 * above.std() / len(above) ** 0.5
gaps = torch.tensor(misses[0.25]).double()
constant = math.pi / math.sin(math.pi * (1 / (1 - 0.25) - 1))
print("s = 0.25:   k   gap log p(x) - L_k     line 17")
for column, k in enumerate(counts[:3]):
    mean, error = gaps[:, column].mean(), gaps[:, column].std() / math.sqrt(len(gaps))
    line_17 = constant * k * chance_above(k, 0.25)
    print(f"{k:>13,}     {mean:.4f} ± {error:.4f}      {line_17:.4f}")
assert (mean - line_17).abs() < 0.1 * line_17 + 5 * error
found = power_of(counts[:3], gaps.mean(dim=0)[:3].tolist())
print(
    f"the gap falls as k to the {found:.2f}; by powers alone {-0.25 / 0.75:.2f}; v / 2k would be -1"
)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
draws = torch.arange(1, 100_001)
for variance, color in ((0.25, "C3"), (0.8, "C0")):
    generator = torch.Generator().manual_seed(6)
    weights = relative_weights(variance, 3, len(draws), generator=generator)
    for number, path in enumerate((weights.cumsum(dim=1) / draws)[:, 99:]):
        left.plot(draws[99:], path, color=color, label=f"s = {variance}" if number == 0 else None)
    middle = torch.tensor(typical[variance]).mean(dim=0)
    right.plot(counts, middle, "o-", color=color, label=f"s = {variance}")
    guide = [middle[0] * (k / counts[0]) ** -min(variance, 0.5) for k in counts]
    right.plot(counts, guide, ":", color="gray")
left.axhline(1, color="gray", linewidth=1)
left.set(xscale="log", xlabel="draws k", title="The average so far, three runs each")
right.set(xscale="log", yscale="log", xlabel="draws k", title="Its typical error (dotted: theorem)")
for axes in (left, right):
    axes.legend()
show(figure)

# %% [markdown]
# It takes ten times as many draws and a little more. On the left is the reason: the average lies too low most of the time, until
# a single enormous weight lifts it above 1, from where it sinks again. The bound's gap is made of the waiting.
#
# **And in the trained model?** Its least variances are 0.01 and less, and there $a = 1 / (1 - s)$ is hardly above 1 (with
# many latents the least variance decides, by lines 7 and 8 with another power than 2). But lines 11 to 17 are about *large*
# $t$. How far out does that tail begin? The next cell walks from $q$'s mean along an image's narrowest latent.
# **Predict**: where do the weights begin to rise?

# %%
figure, axes = plt.subplots(figsize=(6.4, 3))
encoder, decoder, _ = models["VAE", 1]
walk = torch.linspace(0, 40, 81, device=device)  # in standard deviations of q
with torch.no_grad():
    narrowest = encoder(test_images[:3])[1].argmin(dim=1)
    for image, latent in zip(test_images[:3], narrowest, strict=True):
        noise = torch.zeros(len(walk), 1, latent_dim, device=device)
        noise[:, 0, latent] = walk
        path = log_importance_weights(encoder, decoder, image[None], noise)[:, 0].cpu()
        axes.plot(
            walk.cpu(), path - path[0], label=f"s = {encoder(image[None])[1].exp().min():.3f}"
        )
axes.plot(walk.cpu(), 0.5 * walk.cpu().square(), ":", color="gray", label="half of its square")
axes.axvline(5, color="gray", linewidth=1)
axes.set(
    title="log w along the narrowest latent of three images",
    xlabel="standard deviations of q from its mean",
    ylabel="nats above the mean's",
    ylim=(-150, 500),
)
axes.legend()
show(figure)

# %% [markdown]
# Left of the line lie nearly all draws of $q$ (in any one latent, one draw in 1.7 million falls beyond $\pm 5$), and there
# $\log w$ moves by a few nats up or down. That is what training is for: near $q$'s mean the likelihood falls about as
# $q$ does. Only beyond ten or twenty, where logits come near their bounds, do the weights rise with $\varepsilon^2 / 2$
# without end. A draw that far out has a probability of $10^{-23}$ and much less. So both are true: the variance is infinite, and no run will ever
# meet the weights that make it so. That takes the law $v / 2k$ from us, and gives us none in its place for
# the $K$ that we can afford. There the gap is governed by how $\log w$ spreads over the draws that do come, all 50 latents together, and
# we can only measure it: the gain is about halved by each factor of ten. Read as a power, that is $K^{-0.3}$, by line 17 the power
# of a toy with $s = 0.23$ and $a = 1.3$. It is a slope seen between 5 and 5,000 draws, no theorem. **If** it goes
# on like that, the rest adds up to as much as the last factor of ten gained, 0.3 to 0.4 nats, and the truth is slightly better than the table says, for either model.

# %% [markdown]
# ### Exercise · `effective_sample_size(log_weights)`
# *8 minutes.* A sum of 5,000 weights may be made by 5,000 of them, or by one. Kish's [effective sample
# size](glossary.ipynb#Effective-sample-size) counts: $(\sum_k w_k)^2 / \sum_k w_k^2$. It is K when all weights
# are equal, and 1 when one has everything. `log_weights` is `(K, B)`; return `(B,)`. It must be right at log
# weights of -500, where every weight is 0 in float32. What may you multiply all weights by, so that nothing
# changes?


# %% exercise="likelihood.effective_sample_size"
def effective_sample_size(log_weights):
    """Kish's (sum w)² / sum w² over the K draws of each image: `(K, B)` to `(B,)`, from 1 to K."""
    # BEGIN SOLUTION
    shares = log_weights.softmax(dim=0)
    return 1 / shares.square().sum(dim=0)
    # END SOLUTION


# %% check="likelihood.effective_sample_size"
check("likelihood.effective_sample_size", effective_sample_size)

# %% [markdown]
# **Predict.** Of 5,000 draws of the encoder for a typical test digit, how many carry the estimate?

# %%
for (kind, k), log_w in kept.items():
    sizes = effective_sample_size(log_w)
    print(
        f"{kind} k = {k}: of {samples:,} draws a median of {sizes.median():.0f} are effective, at least {sizes.min():.1f}, at most {sizes.max():.0f};"
    )
    print(f"             on {100 * (sizes < 10).float().mean():.0f} % of the images fewer than 10")
    print("             median of K / effective draws:", end="")
    for count in (50, 500, 5000):
        if count <= samples:
            some = effective_sample_size(log_w[:count])
            print(f"  K = {count}: {(count / some).median():.0f}", end="")
    print()

# %% tags=["folded"]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
for (kind, k), log_w in kept.items():
    sizes = effective_sample_size(log_w)
    left.hist(sizes.log10().numpy(), bins=25, alpha=0.6, label=f"{kind}, k = {k}")
left.set(
    title=f"Effective draws of {samples:,}",
    xlabel="log10 of the effective sample size",
    ylabel="images",
)
left.margins(y=0.15)
left.legend()
first = kept["VAE", 1]
order = effective_sample_size(first).argsort()
for place, name in ((order[0], "fewest effective draws"), (order[-1], "most")):
    heaviest = first[:, place].softmax(dim=0).sort(descending=True).values
    right.plot(torch.arange(1, samples + 1), heaviest.cumsum(dim=0), label=name)
right.set(
    xscale="log",
    title="How few draws make the sum (VAE, k = 1)",
    xlabel="draws, heaviest first",
    ylabel="share of the sum",
)
right.legend()
show(figure)
chosen = torch.cat([order[:8], order[-8:]])
rows = test_images[:closer_look].cpu()[chosen]
show(
    plot_images(
        rows,
        columns=8,
        title="Where the encoder serves worst, and best",
        row_titles=("fewest", "most"),
    )
)

# %% [markdown]
# ### Slide it
# Move $K$, the number of draws, and change the $q$: the toy's of section 3, which is not far from its posterior, and two as
# in «Weights without a variance», with $s = 0.8$ (a finite variance) and $s = 1/20$ (an infinite one, and the width of a trained
# $q$'s narrower latents). Watch the bars, the bound and the effective sample size. **Predict**: when the bound leaps, what do the bars do? (The shares are the gradient's
# weights of section 4, but for $-1/B$.) Where this page cannot run code, the three are drawn at one $K$.

# %%
generator = torch.Generator().manual_seed(12)
weights_explorer(
    {
        "the toy": log_w_of_toy,
        "s = 0.8": relative_weights(0.8, 5000, generator=generator).log(),
        "s = 1/20": relative_weights(0.05, 5000, generator=generator).log(),
    },
    draws=20,
    truth={"the toy": log_evidence.item(), "s = 0.8": 0.0, "s = 1/20": 0.0},
)

# %% [markdown]
# A leap of the bound is one heavy draw: a bar takes a good part of the sum, the others shrink, and the effective sample
# size *falls*. After that the bound sinks slowly, as $\log K$ is taken off, until the next one comes. Look at the last $q$, too:
# of 20 draws 15 are effective, more than the toy's 8, and the bound is a whole nat too low; after 5,000 it still lacks half a
# nat. The heavy draws have not come, and nothing in the weights says so.

# %% [markdown]
# About twenty out of 5,000, and for more than a quarter of the images fewer than ten. A Gaussian with a
# diagonal covariance covers the true posterior poorly, even in the twenty or so latents that are in use, and
# most of its draws land where $p(x, z)$ is small. What the effective sample size tells:
#
# - **Where an estimate is thin.** If it is near 1, one lucky draw made the sum, a second run would give another
#   number, and the estimate lies probably below the truth.
# - **How far $q$ is from the posterior.** Where $v$ (section 4) is finite, $K$ divided by the effective size is an estimate
#   of $1 + v$, far too low while few draws decide, because the rare heavy weights were not drawn. Where $v$ is infinite, as here,
#   there is no number to estimate, and the ratio grows with $K$, as the last lines of the output show. So compare it between models
#   at the same $K$ only.
# - **Not that all is well.** It sees only the draws that were made. If $q$ misses a whole region where the
#   posterior lives, all weights may look equal, and the estimate is wrong without a sign of it. A low value is
#   a proof of trouble, a high one no proof of health.
#
# ## 8 · What a tighter bound costs: the encoder's signal
#
# If the bound gets tighter with $k$, why not train with $k = 1000$? Look at the extreme: at $k = \infty$ the
# bound is $\log p(x)$, whatever $q$ is. Then the encoder's gradient is zero: there is nothing left for it to
# improve. Before that, where $v$ is finite (as in the toy, which we take for this section), differentiate $L_k \approx
# \log p(x) - v / 2k$ (section 4) by the encoder's weights:
# $\log p(x)$ does not depend on them, so the gradient's *mean* shrinks as $1/k$. The estimate is an average of $k$
# draws' gradients, weighted by their shares, and its standard deviation shrinks only as $1/\sqrt k$. The [signal-to-noise
# ratio](glossary.ipynb#Signal-to-noise-ratio-of-a-gradient), $|\mathrm{mean}| / \mathrm{std}$ of the gradient's
# estimate, so falls as $1/\sqrt k$ for the encoder. The decoder's gradient keeps its mean, and its ratio grows as
# $\sqrt k$ (Rainforth et al., 2018; their theorem asks for four finite moments of the weights and their derivatives. The toy's weights have those
# below $1 / (1 - 0.55) = 2.2$, so the cell does not illustrate the theorem, it tries it where it was not proved).
#
# **Predict.** From $k = 5$ to $k = 200$: by which factor do the two ratios change?

# %%
repeats = at_scale(smoke=100, laptop=4000, gpu=20_000)


def gradient_draws(k, repeats):
    """Gradients of independent estimates of L_k by q's mean and by the decoder's last bias."""
    means = q_mean.repeat(repeats, 1).requires_grad_(True)
    shifts = torch.zeros(repeats, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    log_w = log_importance_weights(
        lambda images: (means, q_log_var.expand(repeats, 2)),
        lambda z: toy_decoder(z) + shifts.repeat(k, 1, 1, 1),
        toy_image.expand(repeats, -1, -1, -1),
        torch.randn(k, repeats, 2, dtype=torch.float64),
    )
    return torch.autograd.grad(importance_bound(log_w).sum(), (means, shifts))


def signal_to_noise(k):
    """|mean| / std of the two gradients, `(2,)`: encoder's, decoder's."""
    most = max(1, 20_000 // k)  # estimates that fit into memory at a time
    pieces = [gradient_draws(k, min(most, repeats)) for _ in range(-(-repeats // most))]
    both = [torch.cat(part).flatten(1) for part in zip(*pieces, strict=True)]
    return [(g.mean(dim=0).norm() / g.std(dim=0).norm()).item() for g in both]


torch.manual_seed(5)
k_values = at_scale(smoke=(5, 200), laptop=(1, 5, 20, 50, 100, 200), gpu=(1, 5, 20, 50, 100, 200))
ratios = [signal_to_noise(k) for k in k_values]
print("   k   encoder's   decoder's signal-to-noise ratio")
for k, (encoders, decoders) in zip(k_values, ratios, strict=True):
    print(f"{k:>4}   {encoders:>8.3f}   {decoders:>8.3f}")

# %%
figure, axes = plt.subplots(figsize=(6.4, 3.2))
for name, values in zip(
    ("encoder's gradient", "decoder's gradient"), zip(*ratios, strict=True), strict=True
):
    axes.plot(k_values, values, "o-", label=name)
    slope = 0.5 if name.startswith("decoder") else -0.5
    guide = [values[-1] * (k / k_values[-1]) ** slope for k in k_values]
    axes.plot(k_values, guide, ":", color="gray")
axes.set(
    xscale="log",
    yscale="log",
    xlabel="draws k",
    ylabel="|mean| / std",
    title="One bound, two signals (dotted: slopes of ± 1/2)",
)
axes.legend()
show(figure)

# %% [markdown]
# About a factor of six each, in opposite directions: $\sqrt{200 / 5} \approx 6.3$. (4,000 repeats resolve a ratio
# down to about 0.02.) A tighter bound is a better teacher for the decoder and a worse one for the encoder. With
# $k = 5$ or 50 the tighter objective still pays, as the paper's table shows; with thousands the encoder would be trained
# by noise, and the draws it makes would get worse. (These powers are the toy's. Where $v$ is infinite, as in our trained
# models, neither $1/k$ nor $1/\sqrt k$ is known to hold.) Several remedies average a few small bounds instead of one
# large one, or change the encoder's gradient (Rainforth et al.; Roeder et al., 2017).
#
# The paper looks at one more thing: how many latents are [active](glossary.ipynb#Active-unit), counted as those
# whose mean moves with the image, $\mathrm{Var}_x(\mathbb E[z \mid x]) > 0.01$ (lesson 06). Its authors find more
# of them in the IWAE.

# %%
for (kind, k), (encoder, _, _) in models.items():
    with torch.no_grad():
        spread = encoder(test_images)[0].var(dim=0)
    print(f"{kind} k = {k}: {(spread > 0.01).sum()} of {latent_dim} latents are active")

# %% [markdown]
# ## 9 · What goes wrong
#
# Six mistakes, each made on purpose, on the weights that you kept in section 7 or the trained $k = 1$ model.
# **Predict** for each what it prints, and in which direction it errs: the dangerous ones flatter.

# %%
log_w = kept["VAE", 1]
right = importance_bound(log_w).mean()
print(f"as it should be, log p(x):                  {right:9.2f}")
naive = log_w.exp().mean(dim=0).log().mean()
print(f"a. exp first, log later, in float32:        {naive:9.2f}")
print(f"b. log samples not subtracted:              {log_w.logsumexp(dim=0).mean():9.2f}")
print(f"c. logs averaged, draws without end:        {log_w.mean():9.2f}")
for size in (2, 10):
    chunks = log_w[: samples // size * size].reshape(-1, size, closer_look)
    print(
        f"d. logs of chunks averaged, chunk = {size:<2}:      {(chunks.logsumexp(1) - math.log(size)).mean():9.2f}"
    )

# %%
encoder, decoder, _ = models["VAE", 1]
images, few = test_images[:closer_look], min(samples, 500)


@torch.no_grad()
def score_of(images):
    generator = torch.Generator(device).manual_seed(3)
    return estimate_log_likelihood(encoder, decoder, images, few, chunk, generator).mean()


cut = (test_gray[:closer_look].to(device) > 0.5).float()
print(f"tossed images, as it should be:             {score_of(images):9.2f}")
print(f"e. images cut at 1/2, another data set:     {score_of(cut):9.2f}")
with torch.no_grad():
    mean, log_var = encoder(images)
    closed_kl = ((mean.square() + log_var.exp() - 1 - log_var) / 2).sum(dim=1)
    generator = torch.Generator(device).manual_seed(3)
    likelihoods = []
    for _ in range(few):
        noise = torch.randn(mean.shape, generator=generator, device=device)
        logits = decoder(mean + (log_var / 2).exp() * noise)
        likelihoods.append(bernoulli_log_likelihood(logits, images))
    wrong = importance_bound(torch.stack(likelihoods) - closed_kl).mean()
print(f"f. the KL in closed form inside the weight: {wrong:9.2f}")

# %% [markdown]
# | | symptom | cause | cure |
# |---|---|---|---|
# | a | -inf, or a loss that is nan from the first update | $e^{-90}$ and less is near or below float32's smallest number | logsumexp: the largest term is taken out first |
# | b | the score improves by $\log 10$ with every ten times as many draws, without end | the weights were added, not averaged | subtract $\log K$, once |
# | c | 5,000 draws and one draw give the same score | the logarithms were averaged: the ELBO | average the weights, then take the logarithm |
# | d | the score depends on the chunk | each chunk gave a logarithm, and these were averaged | keep the sum of the weights over all chunks |
# | e | about 12 nats better than with tossed images, better than any paper | thresholded images: no coins to pay for | say which binarization, and use the tossed one |
# | f | 0.7 nats too good, though every formula looks familiar | the KL is an average over $z$; a weight needs $\log q(z) - \log p(z)$ at its own $z$ | all three densities at the same draw |
#
# ## 10 · Change one thing
#
# **a.** Is it the five draws or the order of log and mean? The `vae_loss` of section 5 takes any $k$: with five
# draws it is an ELBO with less noise. Train three short runs, `train(1, short_steps)`, `train(5, short_steps,
# loss_of=vae_loss)` and `train(5, short_steps)`, and compare them image by image.

# %%
# Your experiment: estimate_log_likelihood(encoder, decoder, images, 500, chunk, generator) is enough.

# %% tags=["solution"]
short_runs = {
    "one draw": train(1, short_steps),
    "five draws, logs averaged": train(5, short_steps, loss_of=vae_loss),
    "five draws, weights averaged": train(5, short_steps),
}
before = None
for name, (encoder, decoder, _) in short_runs.items():
    generator = torch.Generator(device).manual_seed(4)
    score = estimate_log_likelihood(encoder, decoder, test_images[:500], few, chunk, generator)
    print(f"{name:<29} {-score.mean():.2f} nats", end="")
    if before is not None:
        gain = score - before
        error = gain.std() / math.sqrt(len(gain))
        print(f", ahead of the line above by {gain.mean():.2f} ± {error:.2f}", end="")
    print()
    before = score

# %% [markdown] tags=["solution"]
# Two effects. Five draws make the gradient less noisy, which early in training is worth most: about 1.7 nats in
# our short runs. Averaging weights instead of logarithms adds about half a nat. In a long training the first
# effect fades and the second stays. The paper's lines show it: 0.29 nats from five draws (86.76 to 86.47), and
# 0.93 more from the order (85.54).

# %% [markdown]
# **b.** The $k = 5$ model is the better one. Is it the better *VAE*? Compare the two models by their ELBOs,
# $L_1$, and by $L_5$, with the weights in `kept`. Which of them would you have published if you had only known
# ELBOs?

# %%
# Your experiment: kept["VAE", 1] and kept["IWAE", 5] are log weights, (draws, images).

# %% tags=["solution"]
for count in (1, 5, 50):
    if count > samples:
        continue
    bound = {}
    for entry, log_w in kept.items():
        groups = log_w[: samples // count * count].reshape(count, -1, closer_look)
        bound[entry] = (groups.logsumexp(dim=0) - math.log(count)).mean(dim=0)
    ahead = bound["IWAE", 5] - bound["VAE", 1]
    error = ahead.std() / math.sqrt(closer_look)
    print(
        f"by L_{count:<2} the model trained with k = 5 is ahead by {ahead.mean():.2f} ± {error:.2f} nats"
    )

# %% [markdown] tags=["solution"]
# By the ELBO the order is turned round. Training with $k = 5$ lets the encoder spread its draws wider than the
# posterior asks for, since one good draw in five is enough; with a single draw that costs. A bound ranks pairs of
# model *and* encoder. Only (nearly) the log-likelihood ranks the models.

# %% [markdown]
# ## Recap
# - $p(x)$ is the average of importance weights $p(x, z) / q(z \mid x)$; the logarithm of a mean of $k$ of them is
#   a lower bound on average, which rises with $k$. It misses about $v / 2k$ once $k$ is much larger than $v$, **where
#   the weights have a finite variance $v$**: with bounded logits, where every variance of $q$ is above one half. In a
#   trained VAE that is nowhere so, and the gap closes more slowly.
# - A score needs its binarization, its number of draws and its standard error; two models are compared image by
#   image.
# - The effective sample size tells how many draws carry an estimate. A tighter bound teaches the decoder more and
#   the encoder less.
#
# **References.** Y. Burda, R. Grosse and R. Salakhutdinov, *Importance Weighted Autoencoders*, arXiv 1509.00519,
# 2015 (table 1; the notes on binarization and the split are from the authors' published code). · T. Rainforth, A.
# Kosiorek, T. A. Le, C. Maddison, M. Igl, F. Wood and Y. W. Teh, *Tighter Variational Bounds are Not Necessarily
# Better*, arXiv 1802.04537, 2018. · G. Roeder, Y. Wu and D. Duvenaud, *Sticking the Landing*, arXiv 1703.09194,
# 2017. · L. Kish, *Survey Sampling*, 1965 (effective sample size).
#
# **Next** 08a_minimax: a game between two networks, and models that have no likelihood at all.
