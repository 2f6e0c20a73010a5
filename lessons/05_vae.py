# %% [markdown]
# # 05 · The variational autoencoder, end to end
#
# An [autoencoder](glossary.ipynb#Autoencoder) squeezes an image into a few numbers and rebuilds it. A [**variational** autoencoder](glossary.ipynb#Variational-autoencoder)
# (VAE) does one thing more: it knows how its [codes](glossary.ipynb#Code) are distributed, so that you can draw a new code
# and decode it into an image that nobody ever wrote. In this lesson you build one for handwritten
# digits, piece by piece, train it to a test score that you can compare with others, look inside, and
# break it on purpose.
#
# ![Digits that nobody wrote: drawn from the prior, decoded by the VAE of this lesson](../images/05_vae.png)
#
# <details><summary>中文导读</summary>
#
# 本课从头搭建并训练一个变分自编码器（VAE）：伯努利似然、编码器给出 mean 与 log_var、重参数化采样、
# 解码器给出 logits，损失是负的 ELBO，即重构项加 KL 项，单位都是奈特。五行推导得到下界，并用二维网格逐行
# 验证。训练三个随机种子，报告测试集 ELBO 及其误差；然后重构图像、从先验采样生成新数字、在二维潜空间地图
# 上拖动一点看解码结果。最后故意把似然按像素取平均，制造后验坍塌，学会从曲线、KL 和样本三处认出它。
#
# </details>
#
# **You will be able to**
# - write the likelihood of a binary image, the two networks, and the bound that trains them,
# - follow the derivation of that bound (the ELBO) in five lines, and check them with numbers,
# - write the training step, and say what the noise in it is for,
# - generate images, rebuild images, and walk through a [latent space](glossary.ipynb#Latent-space),
# - recognize posterior collapse by its curve, its KL and its samples.
#
# **Time** 90 minutes · **Builds on** 01_divergences · **Papers** Kingma and Welling (2013),
# *Auto-Encoding Variational Bayes*, arXiv 1312.6114; Rezende, Mohamed and Wierstra (2014),
# *Stochastic Backpropagation and Approximate Inference in Deep Generative Models*, arXiv 1401.4082.
#
# **Numbers in the text** are those of one run at `laptop` scale, on two CPU cores; at another scale, or on
# another machine, yours differ.

# %% tags=["folded"]
import math
import time

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal

from course_lib.checks import check
from course_lib.data import load_mnist
from course_lib.fast import fast
from course_lib.history import History, watch
from course_lib.plotting import plot_history, plot_images, show
from course_lib.probability import kl_to_standard_normal
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything
from course_lib.widgets import latent_explorer, latent_map

seed_everything(0)
device = pick_device()
steps = at_scale(smoke=20, laptop=8_000, gpu=150_000)  # of each of the three main runs
map_steps = at_scale(smoke=20, laptop=4_000, gpu=40_000)  # of the model with two latents
short_steps = at_scale(smoke=20, laptop=1_500, gpu=10_000)  # of each experiment
hidden_dim, latent_dim = at_scale(smoke=(400, 20), laptop=(400, 20), gpu=(1000, 40))
batch_size, learning_rate = at_scale(smoke=(128, 2e-3), laptop=(128, 2e-3), gpu=(128, 1e-3))
draws = at_scale(smoke=2, laptop=10, gpu=20)  # of the noise, for a test score
print(f"scale {course_scale()} on {device.type}: three runs of {steps:,} updates")

# %% [markdown]
# ## 1 · The data: pixels that are 0 or 1
#
# MNIST's pixels are gray, between 0 and 1. We read the gray value of a pixel as a probability: it
# is the chance that the pixel is white. Tossing a coin for every pixel turns a gray image into a
# **binary** one, and another toss gives another binary image of the same digit.
#
# **Predict.** Where in a digit will two tosses differ: inside the stroke, along its edge, or in the
# background?

# %%
train_gray, _ = load_mnist("train", device=device)
test_gray, test_labels = load_mnist("test", device=device)
coins = torch.Generator().manual_seed(0)  # on the CPU, so that every machine tosses the same
test_images = torch.bernoulli(test_gray.cpu(), generator=coins).to(device)

tosses = [torch.bernoulli(train_gray[:8].cpu(), generator=coins) for _ in range(3)]
rows = torch.cat([train_gray[:8].cpu(), *tosses])
names = ("gray", "toss 1", "toss 2", "toss 3")
show(plot_images(rows, columns=8, title="One digit, several binary images", row_titles=names))
print(f"{len(train_gray):,} images to train on, {len(test_images):,} to test on")

# %% [markdown]
# Along the edge: there the gray values lie near one half. Inside and outside the coin is (nearly)
# certain.
#
# **Which [binarization](glossary.ipynb#Binarization) is this?** A score means nothing without that answer, because published
# numbers use several. Here the training images are tossed **anew at every step**, so the model never
# sees the same binary image twice. The test images were tossed **once, with a fixed seed**, so that
# every model is scored on the same 10,000 images. Scores of models that were trained on one fixed
# toss, or on images cut at 0.5, are not comparable with ours.

# %% [markdown]
# ## 2 · A model with a hidden cause
#
# How could a binary digit come about? First somebody decides what to write: which digit, how slanted,
# how bold. Then the ink flows. The model has the same two steps. A **[latent](glossary.ipynb#Latent-variable)** $z$, a few numbers
# that nobody observes, is drawn from a standard normal, the **[prior](glossary.ipynb#Prior)**. A network, the **[decoder](glossary.ipynb#Decoder)**,
# turns it into one probability for each pixel, and each pixel is tossed on its own:
#
# $$ z \sim \mathcal N(0, I), \qquad x_i \mid z \sim \mathrm{Bernoulli}(p_i), \qquad
#    p_i = \mathrm{sigmoid}(\ell_i), \qquad \ell = \mathrm{decoder}(z) . $$
#
# The decoder's outputs $\ell_i$ are **[logits](glossary.ipynb#Logits)**: any real number, 0 for an even chance, large for
# «surely white». Given $z$ the pixels are independent, so their [probabilities multiply](glossary.ipynb#Bernoulli-likelihood) and the
# logarithms add:
#
# $$ \log p(x \mid z) = \sum_i \big[ x_i \log p_i + (1 - x_i) \log (1 - p_i) \big] . $$

# %% [markdown]
# ### Exercise · `bernoulli_log_likelihood(logits, images)`
# *8 minutes.* Both have shape `(B, 1, H, W)`; `images` holds zeros and ones. Return
# $\log p(x \mid z)$ in nats for each image, shape `(B,)`: summed over pixels, not averaged. It
# must stay finite, and right, for logits of ±200, where the [sigmoid](glossary.ipynb#Sigmoid-function) has long rounded to 0 or 1.


# %% exercise="vae.bernoulli_log_likelihood"
def bernoulli_log_likelihood(logits, images):
    """log p(images | logits) of `(B, 1, H, W)`, summed over pixels, in nats, `(B,)`."""
    # BEGIN SOLUTION
    per_pixel = -F.binary_cross_entropy_with_logits(logits, images, reduction="none")
    return per_pixel.flatten(start_dim=1).sum(dim=1)
    # END SOLUTION


# %% check="vae.bernoulli_log_likelihood"
check("vae.bernoulli_log_likelihood", bernoulli_log_likelihood)

# %% [markdown]
# Two models to beat, neither of which has a latent. One calls every pixel an even chance. The other
# knows how often each pixel is white in the training data. **Predict** the first one's score with
# pencil and paper.

# %% tags=["nbval-check-output"]
even = torch.zeros_like(test_images)
average = train_gray.mean(dim=0).clamp(1e-4, 1 - 1e-4).logit().expand_as(test_images)
for name, logits in (("an even chance", even), ("each pixel's average", average)):
    score = bernoulli_log_likelihood(logits, test_images).mean()
    print(f"{name:<21} {score:7.1f} nats per test image")
print(f"784 · log(1/2)        {784 * math.log(0.5):7.1f}")

# %% [markdown]
# Nats per image, and higher is better: a model that gives a test image the probability $p$ scores
# $\log p$. The first model needs one bit, $\log 2$ nats, for each pixel. Knowing the averages saves more
# than half of that. A model that knows *which digit it is* should do much better still.

# %% [markdown]
# ### Exercise · `Decoder(latent_dim, hidden_dim, image_size)`
# *8 minutes.* A module that maps codes `(B, latent_dim)` to logits `(B, 1, n, n)`, where n is the
# integer `image_size`. One hidden layer of `hidden_dim` units with an activation does it. The trap is
# the end: logits, so nothing after the last layer. Write `__init__` and `forward`.


# %% exercise="vae.Decoder"
class Decoder(nn.Module):
    """Codes `(B, latent_dim)` to logits `(B, 1, image_size, image_size)`."""

    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__()
        # BEGIN SOLUTION
        self.image_size = image_size
        self.hidden = nn.Linear(latent_dim, hidden_dim)
        self.logits = nn.Linear(hidden_dim, image_size**2)

    def forward(self, z):
        flat = self.logits(F.relu(self.hidden(z)))
        return flat.reshape(-1, 1, self.image_size, self.image_size)
        # END SOLUTION


# %% check="vae.Decoder"
check("vae.Decoder", Decoder)

# %% [markdown]
# ## 3 · Looking backwards: the encoder
#
# Training should make the images that we have probable. The [probability of an image](glossary.ipynb#Evidence) is an average
# over all the codes that could have caused it,
#
# $$ p(x) = \int p(x, z)\, dz = \int p(x \mid z)\, p(z)\, dz , $$
#
# where $p(x, z)$ is the [density of code and image together](glossary.ipynb#Joint-distribution), and here is the problem: for a given image almost every $z$ is hopeless. Hardly any code drawn from
# the prior looks like *this* seven, so an average over draws would need far too many. We would
# like to look only where it matters, at the **[posterior](glossary.ipynb#Posterior)** $p(z \mid x)$, which we cannot compute either,
# because its denominator is $p(x)$.
#
# So a second network [guesses it](glossary.ipynb#Approximate-posterior). The **[encoder](glossary.ipynb#Encoder)** looks at an image and answers with a Gaussian, one
# mean and one variance for each latent:
#
# $$ q(z \mid x) = \mathcal N\big(\mathrm{mean}(x),\; \mathrm{diag}\, e^{\mathrm{log\_var}(x)}\big) . $$
#
# A variance must be positive and a network's output is any number, so it gives the logarithm.

# %% [markdown]
# ### Exercise · `Encoder(image_size, hidden_dim, latent_dim)`
# *8 minutes.* A module that maps images `(B, 1, n, n)`, n the integer `image_size`, to a pair
# `mean, log_var`, each `(B, latent_dim)`. One hidden layer of `hidden_dim` units, shared by both. No
# randomness in here: it describes a distribution, and somebody else draws from it.


# %% exercise="vae.Encoder"
class Encoder(nn.Module):
    """Images `(B, 1, image_size, image_size)` to `mean, log_var`, each `(B, latent_dim)`."""

    def __init__(self, image_size, hidden_dim, latent_dim):
        super().__init__()
        # BEGIN SOLUTION
        self.hidden = nn.Linear(image_size**2, hidden_dim)
        self.mean = nn.Linear(hidden_dim, latent_dim)
        self.log_var = nn.Linear(hidden_dim, latent_dim)

    def forward(self, images):
        hidden = F.relu(self.hidden(images.flatten(start_dim=1)))
        return self.mean(hidden), self.log_var(hidden)
        # END SOLUTION


# %% check="vae.Encoder"
check("vae.Encoder", Encoder)

# %% [markdown]
# ## 4 · The bound that trains both
#
# What is the guess $q(z \mid x)$ good for? Write $q$ for it, and $\mathbb E_q$ for the average over
# codes drawn from it. Five lines:
#
# $$ \begin{aligned}
# \log p(x) &= \mathbb E_q[\log p(x)] && (1) \\
# &= \mathbb E_q[\log p(x, z) - \log p(z \mid x)] && (2) \\
# &= \mathbb E_q[\log p(x, z) - \log q(z)] + \mathbb E_q[\log q(z) - \log p(z \mid x)] && (3) \\
# &= \mathrm{ELBO} + \mathrm{KL}\big(q \,\|\, p(z \mid x)\big) && (4) \\
# \mathrm{ELBO} &= \mathbb E_q[\log p(x \mid z)] - \mathrm{KL}\big(q \,\|\, p(z)\big) && (5)
# \end{aligned} $$
#
# Before you read on, name the reason of each line yourself.
#
# 1. **A constant is its own average**: $\log p(x)$ does not depend on $z$.
# 2. **[Bayes' rule](glossary.ipynb#Bayes-rule)**, $p(z \mid x) = p(x, z) / p(x)$, solved for $p(x)$, in logarithms.
# 3. **Subtract and add** $\log q(z)$, and split: the expectation is linear. (It needs $p(z \mid x) > 0$
#    wherever $q(z) > 0$, or a logarithm of 0 would be averaged. Here both are positive everywhere.)
# 4. **Two names.** The second part is a KL divergence by its definition (lesson 01). The first is
#    called the **[evidence lower bound](glossary.ipynb#Evidence-lower-bound)**, because a KL is never negative: $\mathrm{ELBO} \le \log p(x)$.
# 5. **Product rule**, $p(x, z) = p(x \mid z)\, p(z)$, in the first part of line 3; what is left
#    beside the likelihood is minus a KL divergence, again by definition.
#
# With only two latents, all of this can be computed: lay a fine grid over $z$ and replace each integral
# by a sum. The next cell does it for a random decoder and one small image. A second way to $p(x)$, which
# knows nothing of the grid: draw codes from the prior and average the likelihood. (On average that is
# $p(x)$ exactly, for any number of draws. Its logarithm is too small on average, by less the more draws
# there are, since the logarithm is concave.)

# %% tags=["nbval-check-output"]
torch.manual_seed(4)
toy_decoder = Decoder(2, 16, 14).double()
with torch.no_grad():
    for parameter in toy_decoder.parameters():
        parameter.mul_(1.5)  # so that the image depends on z more than in a fresh network
toy_image = torch.bernoulli(toy_decoder(torch.tensor([[0.8, -0.6]]).double()).sigmoid()).detach()

axis = torch.linspace(-5, 5, 201, dtype=torch.float64)
z = torch.cartesian_prod(axis, axis)  # (40401, 2)
cell = (axis[1] - axis[0]) ** 2
log_prior = Normal(0.0, 1.0).log_prob(z).sum(dim=1)
with torch.no_grad():
    log_likelihood = bernoulli_log_likelihood(toy_decoder(z), toy_image.expand(len(z), -1, -1, -1))
log_joint = log_prior + log_likelihood
log_evidence = (log_joint.exp() * cell).sum().log()  # log p(x), the integral of section 3
with torch.no_grad():
    draws_of_z = torch.randn(50_000, 2, dtype=torch.float64)
    weights = bernoulli_log_likelihood(
        toy_decoder(draws_of_z), toy_image.expand(len(draws_of_z), -1, -1, -1)
    ).exp()
relative_error = weights.std() / weights.mean() / math.sqrt(len(weights))
print(f"log p(x) by the grid             {log_evidence:.4f} nats")
print(f"log p(x) by 50,000 prior draws   {weights.mean().log():.4f} ± {relative_error:.4f}")
assert (weights.mean().log() - log_evidence).abs() < 5 * relative_error

# %% [markdown]
# Now a guess $q$ that is somewhere, and all five lines. The averages over $q$ are sums over the grid; the
# ELBO is also estimated from draws of $q$, as training will do it. **Predict**: which of the lines show
# $\log p(x)$, and which a smaller number?

# %% tags=["nbval-check-output"]
log_posterior = log_joint - log_evidence


def log_q(mean, log_var, z=z):
    return Normal(mean, (log_var / 2).exp()).log_prob(z).sum(dim=1)


def expect(log_weight, f):
    """Average of f under the density exp(log_weight), by quadrature over the grid z."""
    return (log_weight.exp() * f).sum() * cell


q_mean, q_log_var = torch.tensor([0.3, 0.2]).double(), torch.tensor([-1.0, -1.5]).double()
q = log_q(q_mean, q_log_var)
elbo, gap = expect(q, log_joint - q), expect(q, q - log_posterior)
kl = kl_to_standard_normal(q_mean[None], q_log_var[None])[0]  # the formula of lesson 01
with torch.no_grad():
    codes = Normal(q_mean, (q_log_var / 2).exp()).sample((20_000,))
    terms = bernoulli_log_likelihood(toy_decoder(codes), toy_image.expand(len(codes), -1, -1, -1))
    terms += Normal(0.0, 1.0).log_prob(codes).sum(dim=1) - log_q(q_mean, q_log_var, codes)
error = terms.std() / math.sqrt(len(terms))
print(f"1  E[log p(x)]                {expect(q, log_evidence):.4f}")
print(f"2  E[log p(x,z) - log p(z|x)] {expect(q, log_joint - log_posterior):.4f}")
print(f"3  the same, in two parts     {elbo:.4f} + {gap:.4f} = {elbo + gap:.4f}")
print(f"4  ELBO, from draws of q      {terms.mean():.4f} ± {error:.4f}")
print(f"5  E[log p(x|z)] - KL         {expect(q, log_likelihood):.4f} - {kl:.4f} = ", end="")
print(f"{expect(q, log_likelihood) - kl:.4f}")
assert torch.isclose(elbo + gap, log_evidence, atol=1e-6)
assert gap > 0 and (terms.mean() - elbo).abs() < 5 * error
assert torch.isclose(expect(q, log_likelihood) - kl, elbo, atol=1e-6)

# %% [markdown]
# Lines 1 to 3 show $\log p(x)$. The ELBO is smaller: the first part of line 3, the draws of line 4, and
# line 5, where the KL is the formula that you derived in lesson 01, agree on it. What it misses is the
# [gap](glossary.ipynb#Variational-gap), $\mathrm{KL}(q \,\|\, p(z \mid x))$.
#
# That tells how to train. Pushing the ELBO up by the **encoder** cannot change $\log p(x)$, so it
# narrows the gap: in the sense of the KL, $q$ moves towards the true posterior. Pushing it up by the
# **decoder** raises a floor under $\log p(x)$, which itself rises by as much only if the gap stays what
# it was. Both are one and the same objective. Watch the first half of it, by gradient
# ascent on the mean and log-variance of $q$ alone. **Predict**: will the gap go to 0?

# %%
guess = torch.stack([q_mean, q_log_var]).requires_grad_(True)
optimizer = torch.optim.Adam([guess], lr=0.05)
history = History()
for _ in range(300):
    q_now = log_q(*guess)
    loss = -expect(q_now, log_joint - q_now)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    history.add(elbo=-loss)

center = [expect(log_posterior, column).item() for column in z.T]  # the posterior's mean
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(10, 3.2))
for axes, name, density in ((left, "at first", q), (middle, "after", log_q(*guess.detach()))):
    posterior_map = log_posterior.exp().reshape(201, 201).T
    axes.imshow(posterior_map, origin="lower", extent=(-5, 5, -5, 5), cmap="Greys")
    axes.contour(axis, axis, density.exp().reshape(201, 201).T, levels=4, colors="C1")
    axes.set(title=f"posterior (gray), q {name}", xlabel="z₁", ylabel="z₂")
    axes.set(xlim=(center[0] - 1.6, center[0] + 1.6), ylim=(center[1] - 1.6, center[1] + 1.6))
    axes.grid(False)
right.plot(history["elbo"], label="ELBO")
right.axhline(log_evidence, color="gray", linestyle="--", label="log p(x)")
right.set(title="The bound rises to its limit", xlabel="updates", ylabel="nats")
right.legend()
show(figure)
print(f"gap at first {gap:.4f} nats, after {log_evidence - history['elbo'][-1]:.4f} nats")

# %% [markdown]
# Nearly, and not quite. The true posterior is tilted, and $q$ has one variance for each latent and
# nothing that could tilt it, so the best $q$ keeps a small distance. The bound is only as tight as $q$'s family allows.
#
# The loss is minus the ELBO, averaged over a batch. Its two terms pull in opposite directions: the
# [log-likelihood](glossary.ipynb#Log-likelihood) wants codes that say much about their image, the KL is their **price**. A latent
# with mean 0 and variance 1, whatever the image, is free and says nothing. One that places its image
# within a tenth of the prior's width, mean 1 and standard deviation 0.1, costs
# $\tfrac12 (1 + 0.01 - 1 - \log 0.01) \approx 2.3$ nats, and pays if the pixels get more probable by
# more than that.

# %% [markdown]
# ### Exercise · `negative_elbo(logits, images, mean, log_var)`
# *6 minutes.* `logits` and `images` are `(B, 1, H, W)`, where the logits were decoded from one draw of
# $q$; `mean` and `log_var` are `(B, Z)`. Return `(loss, log_likelihood, kl)`: the loss is a
# scalar in nats per image, the two terms are `(B,)`, also in nats. Mind what each is averaged
# over: the batch, and nothing else. `kl_to_standard_normal` is imported above.


# %% exercise="vae.negative_elbo"
def negative_elbo(logits, images, mean, log_var):
    """-ELBO averaged over the batch, and its two terms: `()`, `(B,)`, `(B,)`, in nats."""
    # BEGIN SOLUTION
    log_likelihood = bernoulli_log_likelihood(logits, images)
    kl = kl_to_standard_normal(mean, log_var)
    return (kl - log_likelihood).mean(), log_likelihood, kl
    # END SOLUTION


# %% check="vae.negative_elbo"
check("vae.negative_elbo", negative_elbo)

# %% [markdown]
# ## 5 · A gradient through a draw
#
# The expected log-likelihood is an average over $z \sim q$, which we replace by a single draw. But
# the encoder must learn from it, and a draw has no derivative: `Normal(mean, std).sample()` is a
# number that fell from the sky. The way out is to draw something that does not depend on the encoder
# and to *compute* the code from it:
#
# $$ z = \mathrm{mean} + e^{\mathrm{log\_var}/2} \cdot \mathrm{noise}, \qquad
#    \mathrm{noise} \sim \mathcal N(0, I) . $$
#
# It has the right distribution, and now $z$ is a differentiable function of mean and log-variance. The
# gradient of one draw's log-likelihood is then right on average: derivative and average may change
# places, because the logits are continuous in $z$, grow no faster than a line, and have a derivative
# everywhere but on the kinks of the ReLUs, which a draw hits with probability 0.
# (Lesson 03 looks at this **[reparameterization](glossary.ipynb#Reparameterization)** in depth.) A test where the answer is known:
# $\mathbb E[z^2] = \mathrm{mean}^2 + e^{\mathrm{log\_var}}$, so its derivatives are
# $2\,\mathrm{mean}$ and $e^{\mathrm{log\_var}}$.

# %%
mean = torch.full((100_000,), 0.7, requires_grad=True)
log_var = torch.full((100_000,), -0.4, requires_grad=True)
noise = torch.randn(100_000, generator=torch.Generator().manual_seed(2))
z = mean + (log_var / 2).exp() * noise
(z**2).sum().backward()  # leaves one estimate of the derivative in each element
for name, estimates, exact in (
    ("mean", mean.grad, 2 * 0.7),
    ("log_var", log_var.grad, math.exp(-0.4)),
):
    value, error = estimates.mean(), estimates.std() / math.sqrt(len(estimates))
    print(f"derivative by {name:<8} {value:.4f} ± {error:.4f}, exact {exact:.4f}")
    assert (value - exact).abs() < 5 * error
fallen = Normal(mean, (log_var / 2).exp()).sample()
print("does .sample() know where it came from?", fallen.requires_grad)

# %% [markdown]
# All the pieces are there. This is how one batch runs through them, and where its two terms are paid:
#
# ![From an image by mean, log_var and z to logits; the KL is paid at q, the likelihood at the logits](../images/05_vae_parts.png)

# %% [markdown]
# ### Exercise · `train_step(encoder, decoder, optimizer, images, noise)`
# *10 minutes.* One update of both networks: encode `images` `(B, 1, H, W)`, compute a code from the
# standard normal `noise` `(B, Z)`, decode, take `negative_elbo`, and let the optimizer, which holds the
# parameters of both, make one step. Return the loss. All randomness comes in through `noise`.


# %% exercise="vae.train_step"
def train_step(encoder, decoder, optimizer, images, noise):
    """One update of both networks on a batch; returns the loss, in nats per image."""
    # BEGIN SOLUTION
    mean, log_var = encoder(images)
    z = mean + (log_var / 2).exp() * noise
    loss, _, _ = negative_elbo(decoder(z), images, mean, log_var)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()
    # END SOLUTION


# %% check="vae.train_step"
check("vae.train_step", train_step)

# %% [markdown]
# ## 6 · Training, three times
#
# A test score needs no gradient. Each draw of the noise gives another estimate of the ELBO; several
# draws give a mean, and their spread its standard error.


# %%
@torch.no_grad()
def evaluate(encoder, decoder, images, draws=1, seed=0):
    """Mean log-likelihood and KL in nats per image for each draw of the noise, `(draws, 2)`."""
    generator = torch.Generator(device).manual_seed(seed)
    mean, log_var = encoder(images)
    terms = []
    for _ in range(draws):
        noise = torch.randn(mean.shape, generator=generator, device=device)
        logits = decoder(mean + (log_var / 2).exp() * noise)
        _, log_likelihood, kl = negative_elbo(logits, images, mean, log_var)
        terms.append(torch.stack([log_likelihood.mean(), kl.mean()]))
    return torch.stack(terms).cpu()


# %% [markdown]
# The loop below is all there is to training; a run takes a minute or two on two cores. One update tosses
# the pixels, draws the noise and takes your step; `fast` changes nothing in it and runs it as fast as
# the device allows (lesson 17 shows how, one idea at a time). The [learning rate](glossary.ipynb#Learning-rate-schedule) is constant for the
# first half and falls to 0 in the second. Some fifty times, often at first and seldom later, we look at
# a thousand test images, with the loss split into its two terms, so that we can see later how each of
# them went.
#
# **Predict.** At the start the encoder knows nothing. Which of the two terms will improve first, and
# what will the KL do meanwhile?


# %%
def train(latent_dim, steps, seed, step=train_step):
    """Train one VAE; returns encoder, decoder, the training losses, and the looks at test images."""
    seed_everything(seed)
    encoder = Encoder(28, hidden_dim, latent_dim).to(device)
    decoder = Decoder(latent_dim, hidden_dim, 28).to(device)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: min(1, 2 * (1 - t / steps)))

    def toss_and_step(gray):
        images = (torch.rand_like(gray) < gray).float()  # a new toss of every pixel at every update
        noise = torch.randn(batch_size, latent_dim, device=device)
        return step(encoder, decoder, optimizer, images, noise)

    networks = (encoder, decoder)
    update_both = fast(toss_and_step, networks, optimizer, steps=steps, report=print)
    history, looks = History(), History()
    look_at = set(torch.logspace(0, math.log10(steps), 60).int().tolist())
    stream = watch(batches(train_gray, batch_size, steps), history)
    for update, gray in enumerate(stream, start=1):
        history.add(loss=update_both(gray))
        schedule.step()
        if update in look_at:
            log_likelihood, kl = evaluate(encoder, decoder, test_images[:1000])[0]
            looks.add(update=update, log_likelihood=log_likelihood, kl=kl)
    return encoder, decoder, history, looks


# %%
def train_and_score(seed):
    """A run of `train` with its mean test ELBO behind it, which is printed with its parts."""
    begin = time.perf_counter()
    encoder, decoder, history, looks = train(latent_dim, steps, seed)
    seconds = time.perf_counter() - begin
    terms = evaluate(encoder, decoder, test_images, draws)
    elbos = terms[:, 0] - terms[:, 1]
    error = elbos.std() / math.sqrt(draws)
    print(
        f"seed {seed}: test ELBO {elbos.mean():.2f} ± {error:.2f} nats = log-likelihood "
        f"{terms[:, 0].mean():.2f} - KL {terms[:, 1].mean():.2f}   ({seconds:.0f} s)"
    )
    return encoder, decoder, history, looks, elbos.mean().item()


runs = [train_and_score(seed) for seed in range(3)]

# %%
scores = torch.tensor([run[-1] for run in runs])
print(f"mean of three seeds: {scores.mean():.2f} nats per image, spread {scores.std():.2f}")
goal = at_scale(smoke="none, this run is far too short", laptop="above -100", gpu="above -93")
print(f"the goal at this scale: {goal}")

# %% [markdown]
# The number behind ± is the standard error of the noise draws; the spread is the standard deviation
# between seeds, which is what somebody who repeats your training will see. Both belong beside a score.
#
# When you compare with papers, mind two things. The ELBO is a floor: the log-likelihood itself is a few nats
# higher (lesson 07 measures how many), and many tables report an estimate of that. And the binary images
# must come from the same recipe, as section 1 said.


# %%
def plot_looks(axes, looks, title):
    """The two terms of the loss, measured on test images while training."""
    axes.plot(looks["update"], -looks["log_likelihood"], label="- log-likelihood")
    axes.plot(looks["update"], looks["kl"], label="KL")
    axes.set(title=title, xlabel="updates", ylabel="nats per image", xscale="log", ylim=(0, 250))
    axes.legend()


figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
losses = {f"seed {seed}": run[2]["loss"] for seed, run in enumerate(runs)}
plot_history(losses, title="Training loss, three seeds", ylabel="nats per image", axes=left)
left.set_ylim(85, 200)
plot_looks(right, runs[0][3], "The loss in two terms (test, seed 0)")
show(figure)

# %% [markdown]
# **What a healthy run looks like.** In the first updates the KL leaps up. Nearly all of it is one shift
# that all codes have in common (half the squared length of their average): to move every code the
# same way is at first the quickest means to darken the decoder's whole picture. Soon the decoder's own
# biases hold the average image, about 200 nats (section 2), for which it needs no code; the shift
# is no longer worth its price, and the KL falls back to a few nats. Then the KL **rises**
# again, and that is the sign of health: it goes up because what it buys is worth more. By the end
# about 27 nats of KL have saved some 135 nats of reconstruction. The three seeds lie on top of each other, and the loss goes on falling while the
# learning rate does. A KL that stays at 0 is the trouble that section 9 is about.
#
# ## 7 · Rebuilding and inventing
#
# **Predict.** Take test digits, encode them, decode the mean of $q$. Which ones come back changed?

# %%
encoder, decoder = runs[0][:2]
with torch.no_grad():
    mean, _ = encoder(test_images[:10])
    rebuilt = decoder(mean).sigmoid()
rows = torch.cat([test_gray[:10], test_images[:10], rebuilt])
names = ("gray", "binary", "rebuilt")
show(plot_images(rows, columns=10, title="Test digits rebuilt from their codes", row_titles=names))

# %% [markdown]
# The model saw the binary image alone, and what it gives back is smooth: the coin's noise was not worth
# its price in nats. Unusual strokes are replaced by usual ones.
#
# To invent an image, no image goes in. Draw a code from the prior, and decode it.

# %% [markdown]
# ### Exercise · `sample_prior(decoder, count, latent_dim, generator)`
# *6 minutes.* Draw `count` codes from the prior, all randomness from `generator`, and return images in
# [0, 1], `(count, 1, H, W)`: the probabilities, which look better than tosses. Nobody will call `backward()` on
# them, so keep no graph. (On a GPU the generator lives there: `generator.device` says where.)


# %% exercise="vae.sample_prior"
def sample_prior(decoder, count, latent_dim, generator):
    """Images in [0, 1], `(count, 1, H, W)`, decoded from codes drawn from the prior."""
    # BEGIN SOLUTION
    z = torch.randn(count, latent_dim, generator=generator, device=generator.device)
    with torch.no_grad():
        return decoder(z).sigmoid()
    # END SOLUTION


# %% check="vae.sample_prior"
check("vae.sample_prior", sample_prior)

# %% [markdown]
# **Predict.** Will these look as good as the reconstructions? Where did their codes come from, and
# where did those of the reconstructions?

# %%
invented = sample_prior(decoder, 30, latent_dim, torch.Generator(device).manual_seed(3))
show(plot_images(invented, columns=10, title="Digits that nobody wrote: samples from the prior"))

# %% [markdown]
# Many are digits that you could name, others hang somewhere between two, and none is as good as a
# reconstruction. [Reconstructions](glossary.ipynb#Reconstruction) start from codes of real images; the prior also reaches into places to
# which hardly an image was ever sent. The KL keeps those places rare, and the next section makes them
# visible.
#
# ## 8 · A map of the latent space
#
# Twenty latents cannot be drawn, two can. A second model with `latent_dim=2` is worse (two numbers
# cannot say much about an image) and wonderful to look at. One way to look at it is a table of digits: cut
# the prior into equally probable strips along each axis, and decode the crossing points.

# %% [markdown]
# ### Exercise · `latent_grid(decoder, side, low, high)`
# *10 minutes.* The decoder takes two latents. Take `side` probabilities evenly spaced from `low` to
# `high` (as 0.05 to 0.95), turn them into codes by the standard normal's [quantile function](glossary.ipynb#Quantile-function)
# (`Normal(0.0, 1.0).icdf`), and decode every pair. Return the probabilities `(side*side, 1, H, W)` in
# reading order: along a row of the table the **first** latent grows, from row to row, downwards, the
# **second**. The decoder may live on a GPU: send the codes to where its parameters are.


# %% exercise="vae.latent_grid"
def latent_grid(decoder, side, low, high):
    """Decoded probabilities `(side*side, 1, H, W)` over a grid of normal quantiles."""
    # BEGIN SOLUTION
    values = Normal(0.0, 1.0).icdf(torch.linspace(low, high, side))
    first, second = torch.meshgrid(values, values, indexing="xy")
    z = torch.stack([first.flatten(), second.flatten()], dim=1)
    with torch.no_grad():
        return decoder(z.to(next(decoder.parameters()).device)).sigmoid()
    # END SOLUTION


# %% check="vae.latent_grid"
check("vae.latent_grid", latent_grid)

# %%
map_encoder, map_decoder, _, _ = train(2, map_steps, seed=0)
terms = evaluate(map_encoder, map_decoder, test_images, draws).mean(dim=0)
print(f"two latents: test ELBO {terms[0] - terms[1]:.1f} nats, of it KL {terms[1]:.1f}")
table = latent_grid(map_decoder, 15, 0.05, 0.95)
show(plot_images(table, columns=15, title="Two latents, from 5 % to 95 % of the prior", size=0.5))

# %% [markdown]
# Neighbors in the table look alike: digits turn into one another step by step, and nowhere is there
# an edge. That is the noise's doing: a code is always a little off when it is decoded, so the
# neighborhood of every code has to mean nearly the same.
#
# Now the other way round: the means of the 10,000 test images, colored by digit (the model never saw a
# label). **Drag the point** over the map and watch what it decodes to. Try the borders between two
# colors, and a place where no image lives. Where this page cannot run code, eight stops of a walk are
# drawn instead.

# %%
with torch.no_grad():
    test_means, _ = map_encoder(test_images)
latent_explorer(
    lambda z: map_decoder(z.to(device)).sigmoid(),
    latent_map(test_means, test_labels, low=-4, high=4),
    low=-4,
    high=4,
)

# %% [markdown]
# ## 9 · Posterior collapse, made on purpose
#
# Here is a training step with a mistake that is easy to make and circulates in tutorials. It looks harmless: the
# likelihood is *averaged* over the 784 pixels, as most libraries do by default, and the KL is a sum, as
# in the formula. **Predict**: what does that do to the price of a nat in the code?


# %%
def collapsing_step(encoder, decoder, optimizer, images, noise):
    mean, log_var = encoder(images)
    logits = decoder(mean + (log_var / 2).exp() * noise)
    _, log_likelihood, kl = negative_elbo(logits, images, mean, log_var)
    loss = (kl - log_likelihood / 784).mean()  # the mistake: a mean over pixels, a sum over latents
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


healthy = train(latent_dim, short_steps, seed=0)
collapsed = train(latent_dim, short_steps, seed=0, step=collapsing_step)
for name, (*networks, history, _) in (("healthy", healthy), ("collapsed", collapsed)):
    log_likelihood, kl = evaluate(*networks, test_images)[0]
    print(
        f"{name:<10} last loss {history['loss'][-1]:7.3f}, test ELBO {log_likelihood - kl:7.1f} "
        f"nats, log-likelihood {log_likelihood:7.1f}, KL {kl:.4f}"
    )


# %%
@torch.no_grad()
def kl_per_latent(encoder):
    """KL of each latent alone, averaged over the test images, `(Z,)` in nats."""
    mean, log_var = encoder(test_images)
    columns = zip(mean.split(1, dim=1), log_var.split(1, dim=1), strict=True)
    return torch.stack([kl_to_standard_normal(m, v).mean() for m, v in columns]).cpu()


figure, axes = plt.subplots(1, 3, figsize=(11, 3.2))
plot_looks(axes[0], healthy[3], "Healthy: the KL rises")
plot_looks(axes[1], collapsed[3], "Collapsed: the KL dies")
for name, run, offset in (("healthy", healthy, -0.2), ("collapsed", collapsed, 0.2)):
    heights = kl_per_latent(run[0]).sort(descending=True).values
    axes[2].bar(torch.arange(latent_dim) + offset, heights, width=0.4, label=name)
axes[2].set(title="KL of each latent, sorted", xlabel="latent", ylabel="nats")
axes[2].legend()
show(figure)

# %%
for name, (see, draw, _, _) in (("healthy", healthy), ("collapsed", collapsed)):
    with torch.no_grad():
        rebuilt = draw(see(test_images[:10])[0]).sigmoid()
    samples = sample_prior(draw, 10, latent_dim, torch.Generator(device).manual_seed(4))
    rows = torch.cat([test_images[:10], rebuilt, samples])
    names = ("binary", "rebuilt", "samples")
    show(plot_images(rows, columns=10, title=f"What {name} looks like", row_titles=names))

# %% [markdown]
# **[Posterior collapse](glossary.ipynb#Posterior-collapse).** Dividing the likelihood by 784 makes every nat of the code 784 times dearer than
# it should be, and at that price no code is worth anything. The loss alone looks splendid (a fraction of a
# nat!). Look elsewhere, and you see it three times:
#
# - **Curve**: the KL falls to 0 and stays there, and the reconstruction stops at the score of the
#   average image (section 2).
# - **KL**: it is 0 in *every* latent: $q(z \mid x)$ is the prior, whatever the image.
# - **Samples**: all the same, a blur of all digits. Reconstructions too: the decoder has learned to
#   ignore its input.
#
# A KL weight that is far too large, or a decoder so strong that it needs no code, leads to the same
# place; lesson 06 cures those.
#
# ## 10 · Change one thing
#
# **a.** How many latents does a digit need? Train short runs with 5 and 50 latents beside the healthy
# run above, and compare test ELBO and KL. What do the 50 do that you did not ask for?

# %%
# Your experiment: train(…, short_steps, seed=0) returns encoder, decoder, history, looks.

# %% tags=["solution"]
for size, run in ((5, None), (latent_dim, healthy), (50, None)):
    encoder, decoder, _, _ = run or train(size, short_steps, seed=0)
    log_likelihood, kl = evaluate(encoder, decoder, test_images)[0]
    in_use = (kl_per_latent(encoder) > 0.25).sum()
    print(
        f"{size:>3} latents: test ELBO {log_likelihood - kl:7.1f} nats, KL {kl:5.1f}, "
        f"{in_use} latents with more than 0.25 nats"
    )

# %% [markdown] tags=["solution"]
# Five numbers are too few for a digit. Fifty are no better than twenty, at nearly the same KL, because most
# of the surplus is not used: for a latent that tells the decoder too little, the encoder answers with
# the prior, mean 0 and variance 1, whatever the image, and then it costs nothing. A VAE switches off what
# does not pay. Where that happens to *all* latents, it is called collapse.

# %% [markdown]
# **b.** Leave the noise out: call `train_step` with `torch.zeros_like(noise)`, so that the mean itself is
# decoded. Reconstructions of the mean should get sharper. What happens to the samples, and to the ELBO,
# for which the noise comes back?

# %%
# Your experiment: write a step and pass it to train(…, step=…).


# %% tags=["solution"]
def noiseless_step(encoder, decoder, optimizer, images, noise):
    return train_step(encoder, decoder, optimizer, images, torch.zeros_like(noise))


noiseless = train(latent_dim, short_steps, seed=0, step=noiseless_step)
for name, (encoder, decoder, _, _) in (("with noise", healthy), ("without", noiseless)):
    log_likelihood, kl = evaluate(encoder, decoder, test_images)[0]
    with torch.no_grad():
        mean, log_var = encoder(test_images)
        sharp = bernoulli_log_likelihood(decoder(mean), test_images).mean()
    print(
        f"{name:<10} test ELBO {log_likelihood - kl:7.1f}, KL {kl:5.1f}, log-likelihood of the "
        f"decoded mean {sharp:6.1f} nats; size of the means {mean.std():.2f}, "
        f"std of q {(log_var / 2).exp().mean():.2f}"
    )
with torch.no_grad():
    rebuilt = decoder(mean[:10]).sigmoid()
samples = sample_prior(decoder, 10, latent_dim, torch.Generator(device).manual_seed(4))
rows = torch.cat([test_images[:10], rebuilt, samples])
names = ("binary", "rebuilt", "samples")
show(plot_images(rows, columns=10, title="Trained without noise", row_titles=names))

# %% [markdown] tags=["solution"]
# The means do come back sharper: their log-likelihood beats the healthy run's. Everything else is lost.
# Without noise the width of $q$ has no effect on the likelihood, so the KL alone decides about it: the
# standard deviation goes to 1. And since nothing blurs the codes, they may be tiny: small means
# are cheap in the KL, and the decoder enlarges them again. The KL has become a number without meaning. Let
# the noise back in, and it drowns the codes: the ELBO is worse than an even chance for each pixel.
# Samples of the prior are loud fragments, for the decoder has never seen codes of that size. This is an
# ordinary autoencoder in a VAE's clothes.

# %% [markdown]
# ## Recap
# - A VAE is a prior, a decoder with a likelihood, and an encoder that guesses the posterior; both networks
#   are trained by one bound, $\mathrm{ELBO} = \mathbb E_q[\log p(x \mid z)] - \mathrm{KL}(q \,\|\, p(z))
#   \le \log p(x)$, whose gap is the KL to the true posterior.
# - Likelihood summed over pixels, KL summed over latents, the mean over the batch alone; the code is
#   mean + std · noise, so that the encoder learns.
# - Watch the two terms, not the loss: a KL near 0 means that the code is ignored.
#
# **References.** D. Kingma and M. Welling, *Auto-Encoding Variational Bayes*, arXiv 1312.6114, 2013. ·
# D. Rezende, S. Mohamed and D. Wierstra, *Stochastic Backpropagation and Approximate Inference in Deep
# Generative Models*, arXiv 1401.4082, 2014. · Y. LeCun, L. Bottou, Y. Bengio and P. Haffner,
# *Gradient-Based Learning Applied to Document Recognition*, 1998, doi 10.1109/5.726791 (MNIST).
#
# **Next** 06_better_vaes turns to convolutions, to the price of a code, and to the cures for collapse.
