# %% [markdown]
# # 01 · How far apart are two distributions?
#
# A generative model is a distribution that should look like the data's. To train it we need a
# number that says how far apart two distributions are, and that number decides what the model
# learns: one choice makes it cover everything, another makes it pick a favorite.
#
# ![One Gaussian fitted to two bumps, by either direction of the KL divergence](../images/01_divergences.png)
#
# <details><summary>中文导读</summary>
#
# 生成模型是一个分布，训练就是让它接近数据的分布，因此首先要会量“两个分布有多远”。本课从惊异度的平均
# （熵）出发，推导 KL 散度及其非负性；用一个高斯去拟合双峰密度，看清 KL 的两个方向：一个覆盖所有峰，
# 一个只盯住一个峰。接着是永远有限的 Jensen–Shannon 散度（GAN 的目标里藏着它），以及两个高斯之间 KL
# 的逐行推导，每一行都由数值积分验证。没有公式时用蒙特卡洛估计，并给出误差条；误差按 1/√n 缩小的前提是
# 方差有限。
#
# </details>
#
# **You will be able to**
# - compute entropy, Kullback–Leibler (KL) and Jensen–Shannon (JS) divergence, zeros included,
# - say which way round a KL divergence covers modes and which way round it seeks one,
# - derive the KL divergence between two Gaussians, having checked every line with numbers,
# - estimate a divergence that has no formula, and say how far off the estimate may be.
#
# **Time** 75 minutes · **Builds on** 00_start, calculus, basic probability · **Papers** Kullback
# and Leibler (1951), *On Information and Sufficiency*; Lin (1991), *Divergence Measures Based on
# the Shannon Entropy*; Kingma and Welling (2013), *Auto-Encoding Variational Bayes*, appendix B.
#
# **Numbers in the text** are those of one run at `laptop` scale, on two CPU cores; at another scale, or on
# another machine, yours differ.

# %% tags=["folded"]
import math

import matplotlib.pyplot as plt
import torch
from torch.distributions import Independent, Laplace, Normal, kl_divergence

from course_lib.checks import check
from course_lib.history import History, watch
from course_lib.plotting import show
from course_lib.training import at_scale, course_scale, seed_everything
from course_lib.widgets import kl_explorer

seed_everything(0)
tosses = at_scale(smoke=2_000, laptop=100_000, gpu=1_000_000)
experiments = at_scale(smoke=200, laptop=2_000, gpu=20_000)
print(f"scale {course_scale()}: {tosses:,} tosses, {experiments:,} repeated experiments")

# %% [markdown]
# ## 1 · Surprise, and its average
#
# Somebody tells you the weather tomorrow. «Rain» in a desert surprises you; «sun» does not. The
# **[surprise](glossary.ipynb#Surprise)** of an outcome that has probability $p$ is
#
# $$ -\log p . $$
#
# It is 0 when $p = 1$ (you knew), it grows without bound as $p \to 0$, and the surprises of
# independent events add, because the logarithm turns the product of their probabilities into a
# sum. With the natural logarithm its unit is the **[nat](glossary.ipynb#Nat)**. Every information quantity in this
# course is in nats.
#
# **[Entropy](glossary.ipynb#Entropy)** is the average surprise, each outcome counted as often as it occurs:
#
# $$ H(p) = \sum_k p_k \, (-\log p_k) . $$
#
# **Predict.** A coin shows heads with probability $h$. For which $h$ is its entropy largest, and
# what is the entropy of a coin that always shows heads?

# %%
heads = torch.linspace(0.001, 0.999, 999)
tails = 1 - heads
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
left.plot(heads, -heads.log())
left.set(title="Surprise of one outcome", xlabel="its probability p", ylabel="-log p (nats)")
right.plot(heads, -heads * heads.log() - tails * tails.log())
right.axhline(math.log(2), linestyle="--", color="gray", label="log 2 = 0.693")
right.set(title="Entropy of a coin", xlabel="probability of heads h", ylabel="entropy (nats)")
right.legend()
show(figure)

# %% [markdown]
# The fair coin is the hardest to guess: $\log 2 \approx 0.693$ nats. At both ends there is
# nothing to learn from a toss, and the entropy is 0. At the ends themselves the formula says
# $0 \cdot \log 0$, which a computer answers with `nan`. The curve shows what it should be: as
# $p \to 0$ the logarithm grows more slowly than $p$ shrinks, so $p \log p \to 0$.

# %% [markdown]
# ### Exercise · `entropy(p)`
# *8 minutes.* `p` has shape `(..., K)` and sums to 1 over the last axis. Return the entropy in
# nats, shape `(...)`. Outcomes with probability 0 contribute 0.


# %% exercise="divergences.entropy"
def entropy(p):
    """Average surprise of p `(..., K)` in nats, `(...)`."""
    # BEGIN SOLUTION
    # where(p > 0) alone would still multiply 0 by -inf: replace the argument of the logarithm
    safe = torch.where(p > 0, p, torch.ones_like(p))
    return -(p * safe.log()).sum(dim=-1)
    # END SOLUTION


# %% check="divergences.entropy"
check("divergences.entropy", entropy)

# %% [markdown]
# An average of surprises should be what you find when you toss the coin and average. **Predict**:
# how far from the formula will the mean of that many tosses be? A mean of $n$ independent values
# with standard deviation $s$ has the [standard error](glossary.ipynb#Standard-error) $s / \sqrt{n}$; about two of those is
# normal.

# %%
h = 0.9
generator = torch.Generator().manual_seed(1)
came_heads = torch.rand(tosses, generator=generator) < h
surprise = -torch.where(came_heads, torch.tensor(h), torch.tensor(1 - h)).log()
standard_error = surprise.std() / math.sqrt(tosses)
exact = entropy(torch.tensor([h, 1 - h]))
print(f"average surprise {surprise.mean():.4f} ± {standard_error:.4f} nats, formula {exact:.4f}")
assert (surprise.mean() - exact).abs() < 5 * standard_error

# %% [markdown]
# ## 2 · The price of a wrong belief
#
# The desert's weather is $p$; you believe $q$. Outcomes arrive as $p$ says, but you are surprised
# as $q$ says: $-\log q$ on each. Your average surprise exceeds that of somebody who knows $p$ by
#
# $$ \mathrm{KL}(p \,\|\, q) = \sum_k p_k \,(-\log q_k) - \sum_k p_k \,(-\log p_k)
#    = \sum_k p_k \log \frac{p_k}{q_k} . $$
#
# That is the **[Kullback–Leibler divergence](glossary.ipynb#KL-divergence)**. The first distribution is the one that outcomes come
# from, and it is the weight of the average. Two cases want care. Where $p_k = 0$ the outcome never
# comes, and costs nothing. Where $q_k = 0$ but $p_k > 0$, something happens that you held to be
# impossible: the surprise is infinite, and so is the divergence.
#
# **Predict.** Let $p = (0.98, 0.01, 0.01)$ and $q = (1/3, 1/3, 1/3)$. Which is larger: believing
# in «anything goes» while living in the desert, or the other way round?

# %% [markdown]
# ### Exercise · `kl_categorical(p, q)`
# *10 minutes.* Both have shape `(..., K)`. Return KL(p‖q) in nats, shape `(...)`: `inf` where q is
# 0 and p is not, and no contribution where p is 0, even if q is 0 there as well.


# %% exercise="divergences.kl_categorical"
def kl_categorical(p, q):
    """KL(p‖q) of two categorical distributions `(..., K)` in nats, `(...)`."""
    # BEGIN SOLUTION
    terms = p * (p / q).log()  # p / 0 is inf, as it should be; 0 · (±inf) and 0 / 0 are nan
    return torch.where(p > 0, terms, torch.zeros_like(terms)).sum(dim=-1)
    # END SOLUTION


# %% check="divergences.kl_categorical"
check("divergences.kl_categorical", kl_categorical)

# %% tags=["nbval-check-output"]
desert = torch.tensor([0.98, 0.01, 0.01])
anything = torch.full((3,), 1 / 3)
print(f"KL(desert‖anything) = {kl_categorical(desert, anything):.3f} nats")
print(f"KL(anything‖desert) = {kl_categorical(anything, desert):.3f} nats")

# %% [markdown]
# The second is larger. Who believes in the desert and lives where anything goes meets, two times
# out of three, an outcome that was given one chance in a hundred. **KL is not symmetric**, and
# which way round you write it is a decision.
#
# ### Why it is never negative
#
# The whole proof rests on one picture: the line $t - 1$ touches $\log t$ at $t = 1$ and lies above
# it everywhere else, so $\log t \le t - 1$. Then
#
# $$ -\mathrm{KL}(p \,\|\, q) = \sum_{k:\,p_k > 0} p_k \log \frac{q_k}{p_k}
#   \;\le\; \sum_{k:\,p_k > 0} p_k \Big( \frac{q_k}{p_k} - 1 \Big)
#   = \sum_{k:\,p_k > 0} q_k - \sum_{k:\,p_k > 0} p_k \;\le\; 1 - 1 = 0 . $$
#
# The first step puts $t = q_k / p_k$ into the inequality, the second multiplies out, the last uses
# that $q$ sums to at most 1 over those outcomes and $p$ to exactly 1. Equality needs $t = 1$
# everywhere: **KL is 0 only if $p = q$**. The next cell draws the picture and tries many random
# pairs.

# %%
t = torch.linspace(0.05, 4, 400)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
left.plot(t, t - 1, label="t - 1")
left.plot(t, t.log(), label="log t")
left.set(title="The line lies above the logarithm", xlabel="t", ylabel="value")
left.legend()
weights = torch.rand(2, 10_000, 5, generator=generator, dtype=torch.float64)
p, q = weights / weights.sum(dim=-1, keepdim=True)
divergences = kl_categorical(p, q)
right.hist(divergences.clamp(max=1.5), bins=60)
right.set(title="KL of 10,000 random pairs (last bar: 1.5 and more)", xlabel="KL(p‖q) (nats)")
right.set_ylabel("pairs")
show(figure)
print(f"smallest of them: {divergences.min():.6f} nats; KL(p‖p) = {kl_categorical(p, p).max():.1g}")
assert divergences.min() > 0

# %% [markdown]
# ## 3 · Which way round: covering or seeking
#
# Now densities on a line. The sum becomes an integral,
# $\mathrm{KL}(q\,\|\,p) = \int q(x) \log \frac{q(x)}{p(x)}\,dx$, and a fine grid with the trapezoid
# rule computes it to many digits (**[quadrature](glossary.ipynb#Quadrature)**).
#
# The data have two bumps; the model is a single Gaussian, so it cannot fit both. We fit it twice by
# gradient descent: once on $\mathrm{KL}(p \,\|\, q)$, which asks «how surprised is the model by the
# data?», and once on $\mathrm{KL}(q \,\|\, p)$, «how implausible is the model's sample to the data?».
#
# **Predict.** Sketch both fits before you run the cell. Think of where each integral becomes huge:
# the logarithm must be large at a place that has *weight*.

# %%
x = torch.linspace(-12, 12, 4001, dtype=torch.float64)
bumps = [Normal(torch.tensor(c, dtype=torch.float64), 0.7) for c in (-2.0, 2.5)]
log_data = torch.logaddexp(
    math.log(0.4) + bumps[0].log_prob(x), math.log(0.6) + bumps[1].log_prob(x)
)


def log_normal(mean, log_var):
    return -0.5 * (math.log(2 * math.pi) + log_var + (x - mean) ** 2 / log_var.exp())


def divergence(log_weight, log_other):
    """KL by quadrature; both arguments are log densities on the grid x."""
    return torch.trapezoid(log_weight.exp() * (log_weight - log_other), x)


def fit(direction, mean=1.0, log_var=0.0, steps=400):
    """Gradient descent on a Gaussian's mean and log-variance; returns both, and the history."""
    parameters = torch.tensor([mean, log_var], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([parameters], lr=0.05)
    history = History()
    for _ in watch(range(steps), history):
        log_model = log_normal(*parameters)
        forward = direction == "KL(data‖model)"
        loss = divergence(log_data, log_model) if forward else divergence(log_model, log_data)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.add(**{direction: loss})
    return parameters.detach(), history


# %%
fits = {name: fit(name) for name in ("KL(data‖model)", "KL(model‖data)")}
figure, axes = plt.subplots(1, 3, figsize=(12, 3.2))
for axis, (name, (parameters, history)) in zip(axes, fits.items(), strict=False):
    axis.fill_between(x, log_data.exp(), alpha=0.3, label="data")
    axis.plot(x, log_normal(*parameters).exp(), color="C1", label="fitted Gaussian")
    axis.set(title=f"smallest {name}", xlabel="x", ylabel="density", xlim=(-6, 7), ylim=(0, 0.4))
    axes[2].plot(history[name], label=name)
axes[0].legend()
axes[2].set(title="Loss while fitting", xlabel="updates", ylabel="divergence (nats)")
axes[2].legend()
show(figure)

# %% tags=["nbval-check-output"]
for name, (parameters, history) in fits.items():
    mean, std = parameters[0].item(), parameters[1].mul(0.5).exp().item()
    print(f"{name}: mean {mean:.2f}, std {std:.2f}, divergence {history[name][-1]:.2f} nats")

# %% [markdown]
# - $\mathrm{KL}(\text{data}\,\|\,\text{model})$ weighs by the data. Wherever there are data, the model
#   must not be near 0, so it **[covers](glossary.ipynb#Forward-KL)** both bumps and wastes mass on the empty middle. [Maximum
#   likelihood](glossary.ipynb#Maximum-likelihood) is this direction.
# - $\mathrm{KL}(\text{model}\,\|\,\text{data})$ weighs by the model. Wherever the model puts mass
#   there must be data, so it **[seeks](glossary.ipynb#Reverse-KL)** one bump and forgets the other. The KL term of a VAE's
#   posterior is this direction.
#
# The fit of the first kind can be checked without any descent: the best covering Gaussian has the
# data's own mean and variance (set the derivative of $\int p \log q$ by the mean and by the variance
# to 0: this is the maximum-likelihood fit).

# %% tags=["nbval-check-output"]
data_mean = torch.trapezoid(log_data.exp() * x, x)
data_std = torch.trapezoid(log_data.exp() * (x - data_mean) ** 2, x).sqrt()
parameters, _ = fits["KL(data‖model)"]
print(f"the data's mean {data_mean:.2f} and std {data_std:.2f}")
assert torch.allclose(parameters[0], data_mean, atol=0.01)
assert torch.allclose(parameters[1].mul(0.5).exp(), data_std, atol=0.01)

# %% [markdown]
# ## 4 · A divergence that is never infinite
#
# When two distributions hardly overlap, KL explodes. The **[Jensen–Shannon divergence](glossary.ipynb#Jensen-Shannon-divergence)** compares each
# of the two with their [mixture](glossary.ipynb#Mixture-distribution) $m = \tfrac12 (p + q)$, which is 0 nowhere that either is not:
#
# $$ \mathrm{JS}(p, q) = \tfrac12\,\mathrm{KL}(p \,\|\, m) + \tfrac12\,\mathrm{KL}(q \,\|\, m) . $$
#
# It is symmetric, and it is at most $\log 2$: where $q = 0$ the ratio $p / m$ is 2, and it is never
# more than that.

# %% [markdown]
# ### Exercise · `js_divergence(p, q)`
# *5 minutes.* Shapes as before. The result is symmetric, lies in [0, log 2], and is finite on
# disjoint supports.


# %% exercise="divergences.js_divergence"
def js_divergence(p, q):
    """Jensen–Shannon divergence of p and q `(..., K)` in nats, `(...)`."""
    # BEGIN SOLUTION
    mixture = (p + q) / 2
    return (kl_categorical(p, mixture) + kl_categorical(q, mixture)) / 2
    # END SOLUTION


# %% check="divergences.js_divergence"
check("divergences.js_divergence", js_divergence)

# %% [markdown]
# **Predict.** Two Gaussians of standard deviation 1 drift apart. Draw KL and JS against the distance
# of their means. Which of the two still tells a model at distance 8 in which direction to move?

# %%
distance = torch.linspace(0, 10, 101, dtype=torch.float64)
still = Normal(torch.tensor(0.0, dtype=torch.float64), 1.0).log_prob(x).exp()
width = x[1] - x[0]
moved = Normal(distance[:, None], 1.0).log_prob(x).exp()
js = js_divergence(still * width, moved * width)  # a grid turns densities into probabilities
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
left.plot(distance, distance**2 / 2, label="KL")
left.plot(distance, js, label="JS")
left.axhline(math.log(2), linestyle="--", color="gray", label="log 2")
left.set(title="Divergence", xlabel="distance of the means", ylabel="nats", ylim=(0, 4))
left.legend()
right.plot(distance, distance, label="KL")
right.plot(distance[1:], js.diff() / distance.diff(), label="JS")
right.set(title="Its slope: the pull on a model", xlabel="distance of the means", ylim=(0, 1.5))
right.set_ylabel("nats per unit")
right.legend()
show(figure)

# %% [markdown]
# JS levels off at $\log 2$ and its slope dies: at distance 8 it says «completely different» and no
# more. Lesson 08 shows that a GAN's original objective, at the best discriminator, is JS in disguise, and
# this flat part is one reason why GANs are hard to train. KL keeps pulling, but is infinite the moment the [supports](glossary.ipynb#Support) part.
# (The left curve of KL is $d^2/2$. Where that comes from is the next section.)

# %% [markdown]
# ## 5 · The KL divergence of two Gaussians, line by line
#
# Let $q = \mathcal N(m, s^2)$ and $p = \mathcal N(\mu, \sigma^2)$. VAEs need this divergence for
# every image at every step, so an integral on a grid will not do. Below, each line follows from the
# one before by one named step, and a cell after it checks the line by quadrature. We take
# $m = 0.7$, $s = 0.6$, $\mu = -0.4$, $\sigma = 1.5$.
#
# **Line 0, the definition.** With the [expectation](glossary.ipynb#Expectation) $\mathbb E_q[f] = \int q(x) f(x)\,dx$,
#
# $$ \mathrm{KL}(q \,\|\, p) = \mathbb E_q[\log q(x) - \log p(x)] . $$

# %% tags=["nbval-check-output"]
m, s, mu, sigma = (torch.tensor(v, dtype=torch.float64) for v in (0.7, 0.6, -0.4, 1.5))
q, p = Normal(m, s), Normal(mu, sigma)


def expect(values):
    """E_q of values on the grid x, by the trapezoid rule."""
    return torch.trapezoid(q.log_prob(x).exp() * values, x)


line_0 = expect(q.log_prob(x) - p.log_prob(x))
print(f"line 0: {line_0:.6f} nats")

# %% [markdown]
# **Line 1, put in the densities.** A [Gaussian](glossary.ipynb#Gaussian-distribution)'s log density is
# $\log \mathcal N(x; m, s^2) = -\tfrac12 \log 2\pi - \log s - \frac{(x - m)^2}{2 s^2}$. In the
# difference the constants $-\tfrac12 \log 2\pi$ cancel:
#
# $$ \log q(x) - \log p(x) = \log \frac{\sigma}{s} - \frac{(x-m)^2}{2 s^2}
#    + \frac{(x-\mu)^2}{2\sigma^2} . $$

# %% tags=["nbval-check-output"]
difference = (sigma / s).log() - (x - m) ** 2 / (2 * s**2) + (x - mu) ** 2 / (2 * sigma**2)
error = (difference - (q.log_prob(x) - p.log_prob(x))).abs().max()
print(f"line 1 holds at all {len(x)} grid points, to 1e-9: {bool(error < 1e-9)}")
assert error < 1e-9

# %% [markdown]
# **Line 2, the expectation is linear.** It goes past constants and into the sum:
#
# $$ \mathrm{KL}(q \,\|\, p) = \log \frac{\sigma}{s} - \frac{\mathbb E_q[(x-m)^2]}{2 s^2}
#    + \frac{\mathbb E_q[(x-\mu)^2]}{2\sigma^2} . $$

# %% tags=["nbval-check-output"]
line_2 = (
    (sigma / s).log() - expect((x - m) ** 2) / (2 * s**2) + expect((x - mu) ** 2) / (2 * sigma**2)
)
print(f"line 2: {line_2:.6f} nats")
assert torch.isclose(line_2, line_0, atol=1e-9)

# %% [markdown]
# **Line 3, what variance means.** $m$ is the mean of $q$, so $\mathbb E_q[(x - m)^2]$ is its
# variance $s^2$, and the second term is $-\tfrac12$:
#
# $$ \mathrm{KL}(q \,\|\, p) = \log \frac{\sigma}{s} - \frac12
#    + \frac{\mathbb E_q[(x-\mu)^2]}{2\sigma^2} . $$

# %% tags=["nbval-check-output"]
print(f"E[(x - m)²] = {expect((x - m) ** 2):.6f}, s² = {s**2:.6f}")
line_3 = (sigma / s).log() - 0.5 + expect((x - mu) ** 2) / (2 * sigma**2)
print(f"line 3: {line_3:.6f} nats")
assert torch.isclose(line_3, line_0, atol=1e-9)

# %% [markdown]
# **Line 4, complete the square around $q$'s own mean.** Write $x - \mu = (x - m) + (m - \mu)$ and
# multiply out. The cross term is $2 (m - \mu)\,\mathbb E_q[x - m] = 0$, because the deviation from the
# mean averages to 0. What remains is
#
# $$ \mathbb E_q[(x-\mu)^2] = s^2 + (m-\mu)^2 . $$

# %% tags=["nbval-check-output"]
print(f"cross term {abs(2 * (m - mu) * expect(x - m)):.6f}")
print(f"E[(x - μ)²] = {expect((x - mu) ** 2):.6f}, s² + (m - μ)² = {s**2 + (m - mu) ** 2:.6f}")
assert torch.isclose(expect((x - mu) ** 2), s**2 + (m - mu) ** 2, atol=1e-9)

# %% [markdown]
# **Line 5, put line 4 into line 3.** No expectation is left:
#
# $$ \mathrm{KL}(q \,\|\, p) = \log \frac{\sigma}{s} + \frac{s^2 + (m-\mu)^2}{2\sigma^2} - \frac12 . $$
#
# **Line 6, in the variables that networks give.** A network can output any real number, so it is
# asked for the [log-variance](glossary.ipynb#Log-variance). With $s^2 = e^{\ell_q}$ and $\sigma^2 = e^{\ell_p}$, where $\ell$ is
# `log_var`, $\log \frac{\sigma}{s} = \tfrac12(\ell_p - \ell_q)$, and everything shares the factor $\tfrac12$:
#
# $$ \mathrm{KL}(q \,\|\, p) = \tfrac12 \Big[ e^{\ell_q - \ell_p} + (m-\mu)^2\, e^{-\ell_p} - 1
#    + \ell_p - \ell_q \Big] . $$

# %% tags=["nbval-check-output"]
line_5 = (sigma / s).log() + (s**2 + (m - mu) ** 2) / (2 * sigma**2) - 0.5
l_q, l_p = 2 * s.log(), 2 * sigma.log()
line_6 = 0.5 * ((l_q - l_p).exp() + (m - mu) ** 2 * (-l_p).exp() - 1 + l_p - l_q)
print(f"line 5: {line_5:.6f} nats, line 6: {line_6:.6f} nats")
print(f"torch.distributions: {kl_divergence(q, p):.6f} nats")
assert torch.isclose(line_5, line_0, atol=1e-9) and torch.isclose(line_6, line_0, atol=1e-9)

# %% [markdown]
# **Line 7, several dimensions.** A [diagonal Gaussian](glossary.ipynb#Diagonal-Gaussian) on $z = (z_1, \dots, z_Z)$ is a product of $Z$
# Gaussians. The logarithm of a product is a sum, and the expectation of a sum is the sum of
# expectations, so the divergences of the dimensions **add**. The exercise's result has one value for
# each example: `(B, Z)` in, `(B,)` out.

# %% tags=["nbval-check-output"]
many_q = Normal(torch.tensor([0.7, -1.0, 0.0]), torch.tensor([0.6, 1.2, 0.3]))
many_p = Normal(torch.tensor([-0.4, 0.0, 0.5]), torch.tensor([1.5, 1.0, 0.5]))
per_dimension = kl_divergence(many_q, many_p)
joint = kl_divergence(Independent(many_q, 1), Independent(many_p, 1))
print(f"{[round(v, 3) for v in per_dimension.tolist()]} add to {per_dimension.sum():.3f}")
print(f"the joint distribution: {joint:.3f} nats")
assert torch.isclose(per_dimension.sum(), joint)

# %% [markdown]
# ### Exercise · `kl_gaussian(mean_q, log_var_q, mean_p, log_var_p)`
# *8 minutes.* All four have shape `(B, Z)`. Return KL(q‖p) of the diagonal Gaussians in nats, shape
# `(B,)`. Gradients reach all four, and the result stays right where a log-variance is near -30.


# %% exercise="divergences.kl_gaussian"
def kl_gaussian(mean_q, log_var_q, mean_p, log_var_p):
    """KL(q‖p) of diagonal Gaussians `(B, Z)` in nats, `(B,)`."""
    # BEGIN SOLUTION
    ratio = (log_var_q - log_var_p).exp()
    shift = (mean_q - mean_p) ** 2 * (-log_var_p).exp()
    return 0.5 * (ratio + shift - 1 + log_var_p - log_var_q).sum(dim=-1)
    # END SOLUTION


# %% check="divergences.kl_gaussian"
check("divergences.kl_gaussian", kl_gaussian)

# %% [markdown]
# ### Exercise · `kl_to_standard_normal(mean, log_var)`
# *5 minutes.* The case that every VAE uses: p is $\mathcal N(0, 1)$ in each dimension. Shape `(B, Z)`
# in, `(B,)` in nats out. It stays right for `log_var` from -40 to 40.


# %% exercise="divergences.kl_to_standard_normal"
def kl_to_standard_normal(mean, log_var):
    """KL(N(mean, exp(log_var)) ‖ N(0, 1)) for `(B, Z)` in nats, `(B,)`."""
    # BEGIN SOLUTION
    return 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(dim=-1)
    # END SOLUTION


# %% check="divergences.kl_to_standard_normal"
check("divergences.kl_to_standard_normal", kl_to_standard_normal)

# %% [markdown]
# **Predict.** Where on the map below is the divergence 0? It charges for a shifted mean; does it
# charge more for a variance that is 7 times too large or for one that is 7 times too small?

# %%
means, log_vars = torch.linspace(-3, 3, 121), torch.linspace(-4, 4, 121)
grid_mean, grid_log_var = torch.meshgrid(means, log_vars, indexing="xy")
cost = kl_to_standard_normal(grid_mean.reshape(-1, 1), grid_log_var.reshape(-1, 1))
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5))
levels = [0.05, 0.2, 0.5, 1, 2, 4, 8, 16]
shades = plt.colormaps["viridis"](torch.linspace(0, 0.55, len(levels)))  # its light end is no ink
contours = left.contour(means, log_vars, cost.reshape(121, 121), levels=levels, colors=shades)
left.clabel(contours, fontsize=8)
left.plot(0, 0, "r*", markersize=12)
left.set(title="KL to the standard normal (nats)", xlabel="mean", ylabel="log_var")
right.plot(log_vars, kl_to_standard_normal(torch.zeros(121, 1), log_vars[:, None]))
right.axvline(math.log(7), linestyle="--", color="C1", label="7 times too large")
right.axvline(-math.log(7), linestyle="--", color="C2", label="7 times too small")
right.set(title="At mean 0", xlabel="log_var", ylabel="KL (nats)", ylim=(0, 10))
right.legend()
show(figure)

# %% [markdown]
# The star is the [standard normal](glossary.ipynb#Standard-normal) itself. Too wide costs exponentially ($e^{\ell}$: samples land where
# p is nearly 0), too narrow costs linearly ($-\ell$). So a VAE's encoder can be very sure about a code
# for a modest price, and pays dearly for being vaguer than the prior.
#
# ## 6 · When there is no formula: Monte Carlo
#
# A KL divergence is an expectation under q, and expectations can be [estimated](glossary.ipynb#Monte-Carlo-estimate): draw
# $x_1, \dots, x_n$ from $q$ and average
#
# $$ \widehat{\mathrm{KL}} = \frac1n \sum_{i=1}^n r_i , \qquad r_i = \log q(x_i) - \log p(x_i) . $$
#
# An estimate without an error bar is a rumor. The spread of the single terms is estimated by the
# [unbiased](glossary.ipynb#Unbiased-estimate) variance $\frac{1}{n-1}\sum_i (r_i - \bar r)^2$ (the $n - 1$ repays that $\bar r$ was
# taken from the same draws), and the mean of $n$ of them has the standard error
# $\sqrt{\text{variance} / n}$.

# %% [markdown]
# ### Exercise · `kl_monte_carlo(q, p, samples, generator)`
# *12 minutes.* `q` and `p` are `torch.distributions.Normal` with batch shape `(B,)`. Return the
# estimate of KL(q‖p) from `samples` draws of q, all of them independent, each pair with draws of
# its own, and its standard error with the unbiased variance: both `(B,)`. All randomness comes from
# `generator` (a distribution's own `.sample()` does not take one: draw standard normal noise and
# turn it into draws of q).


# %% exercise="divergences.kl_monte_carlo"
def kl_monte_carlo(q, p, samples, generator):
    """Estimate KL(q‖p) and its standard error from draws of q, both `(B,)`, in nats."""
    # BEGIN SOLUTION
    noise = torch.randn(samples, *q.mean.shape, generator=generator, dtype=q.mean.dtype)
    x = q.mean + q.stddev * noise
    log_ratio = q.log_prob(x) - p.log_prob(x)
    return log_ratio.mean(dim=0), log_ratio.std(dim=0) / math.sqrt(samples)
    # END SOLUTION


# %% check="divergences.kl_monte_carlo"
check("divergences.kl_monte_carlo", kl_monte_carlo)

# %% [markdown]
# **Predict.** To make the error bar ten times shorter, how many times more samples are needed? And
# if you repeat the experiment many times with 100 samples each, in what share of them does the truth
# lie within two standard errors?

# %%
q, p = Normal(m.float().reshape(1), s.float()), Normal(mu.float().reshape(1), sigma.float())
truth = line_0.item()
counts = [10, 100, 1_000, 10_000]
estimates = [kl_monte_carlo(q, p, n, generator) for n in counts]
values = torch.cat([value for value, _ in estimates])
errors = torch.cat([error for _, error in estimates])
repeated_q = Normal(q.mean.expand(experiments), q.stddev)
value, error = kl_monte_carlo(repeated_q, p, 100, generator)
inside = ((value - truth).abs() < 2 * error).float().mean()
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
left.errorbar(counts, values, yerr=2 * errors, fmt="o", capsize=4, label="estimate ± 2 errors")
left.axhline(truth, linestyle="--", color="gray", label="the formula")
left.set(title="More draws, shorter bars", xlabel="samples", ylabel="KL (nats)", xscale="log")
left.legend()
right.hist(value, bins=40)
right.axvline(truth, linestyle="--", color="gray")
right.set(title=f"{experiments:,} estimates of 100 draws", xlabel="estimate (nats)", ylabel="count")
show(figure)
print(f"the truth lies within 2 standard errors in {inside:.1%} of {experiments:,} experiments")
assert 0.90 < inside < 0.99

# %% [markdown]
# A hundred times more samples shorten the bar tenfold: the error falls as $1/\sqrt n$. That law has a
# condition: the variance of $r$ must be finite. For two Gaussians it is, since $r$ is a quadratic in $x$
# and a Gaussian has all its moments. Let $q$ be a Cauchy distribution, whose second moment is infinite,
# and $p$ a Gaussian: then $-\log p$ grows as $x^2$, the divergence itself is infinite, and each estimate
# is a finite number with an error bar all the same. Two standard
# errors of a normal estimate contain the truth in 95 % of all experiments. Here it is a little less:
# the single terms $r_i$ are skewed (a few are far below the others), and 100 of them do not quite
# average that away. An error bar is itself an estimate.
#
# ## 7 · Drag it
#
# Move the mean and the standard deviation of q below and watch the three divergences. Try to find a
# q with a small $\mathrm{KL}(q\,\|\,p)$ and a large $\mathrm{KL}(p\,\|\,q)$. (Hint: narrow.) Where this
# page cannot run code, a few settings are drawn side by side.

# %%
kl_explorer()

# %% [markdown]
# ## 8 · Change one thing
#
# **a.** The seeking fit of section 3 started at mean 1 with log-variance 0 and found the right bump.
# Start it at mean -1, and then at mean 1 with log-variance 1. Which bump does it find, and is its
# divergence smaller or larger? What does that say about a model trained this way?

# %%
# Your experiment: call fit("KL(model‖data)", mean=…, log_var=…) and print what it returns.

# %% tags=["solution"]
for mean, log_var in ((1.0, 0.0), (-1.0, 0.0), (1.0, 1.0)):
    parameters, history = fit("KL(model‖data)", mean, log_var)
    found = f"mean {parameters[0]:+.2f}, std {parameters[1].mul(0.5).exp():.2f}"
    loss = history["KL(model‖data)"][-1]
    print(f"from mean {mean:+.0f}, log_var {log_var:.0f}: {found}, divergence {loss:.3f} nats")

# %% [markdown] tags=["solution"]
# From the left it ends in the left bump, at a larger divergence: about $-\log 0.4 = 0.916$ nats
# against $-\log 0.6 = 0.511$ (a bump of weight $w$, fitted perfectly, is too high by the factor
# $1 / w$ everywhere). A wide start even stays stretched over both. Seeking has several local minima,
# and where you start decides which one you get: that is why two GANs or two variational fits that
# differ only in their seed can disagree.

# %% [markdown]
# **b.** Let q be a Laplace distribution and p a Gaussian with the same mean and variance. Your
# `kl_monte_carlo` draws Gaussian noise, so write the estimate for q by hand with
# `Laplace(...).sample((n,))`. How far from 0 is it, compared with its standard error?

# %%
# Your experiment.

# %% tags=["solution"]
pointed = Laplace(0.0, 1 / math.sqrt(2))  # variance 2 · scale² = 1
round_one = Normal(0.0, 1.0)
draws = pointed.sample((tosses,))
log_ratio = pointed.log_prob(draws) - round_one.log_prob(draws)
estimate, error = log_ratio.mean(), log_ratio.std() / math.sqrt(tosses)
exact = kl_divergence(pointed, round_one)
print(f"Monte Carlo {estimate:.4f} ± {error:.4f} nats, torch's formula {exact:.4f}")
assert (estimate - exact).abs() < 5 * error

# %% [markdown]
# ## Recap
# - KL(p‖q) is the extra surprise of who believes q and lives in p: not symmetric, never negative,
#   infinite where q excludes what p does. JS is its tame relative, at most log 2.
# - Fitting KL(data‖model) covers, fitting KL(model‖data) seeks.
# - For Gaussians it is $\tfrac12[e^{\ell_q-\ell_p} + (m-\mu)^2 e^{-\ell_p} - 1 + \ell_p - \ell_q]$ per
#   dimension, and dimensions add. Without a formula: average log-ratios and state the error.
#
# **References.** S. Kullback and R. Leibler, *On Information and Sufficiency*, 1951, doi 10.1214/aoms/1177729694. · J. Lin,
# *Divergence Measures Based on the Shannon Entropy*, 1991, doi 10.1109/18.61115. · D. Kingma and M. Welling, *Auto-Encoding
# Variational Bayes*, arXiv 1312.6114, 2013. · C. Shannon, *A Mathematical Theory of Communication*, 1948, doi 10.1002/j.1538-7305.1948.tb01338.x.
#
# **Next** 02_elbo asks how probable an image is under a model with hidden causes; the answer is a bound,
# and what the bound misses is a KL divergence.
