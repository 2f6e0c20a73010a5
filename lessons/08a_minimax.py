# %% [markdown]
# # 08a · The game, and what it minimizes
#
# A generator and a discriminator play against each other. What does such a game minimize, if it
# minimizes anything? In one dimension every density can be written down and every integral computed,
# so in this lesson nothing has to be believed: you compute the best answer of the discriminator, find
# the divergence that is hidden in the game, and find that the loss which everybody uses hides another
# one. (In 08b the two players move, circle around their goal, and are stopped.)
#
# ![Pairs of densities with the best discriminator between them; the Gaussian that each divergence likes best](../images/08a_minimax.png)
#
# That is what you will make. Above, the densities of real data and of a model, and what the best
# discriminator says at each $x$. Below, one Gaussian that has to stand for two bumps: where it ends
# depends on the loss.
#
# **You will be able to**
# - derive the best discriminator and show that the value of the game is $2\,\mathrm{JS} - \log 4$,
# - find that discriminator by gradient ascent, from densities and from examples,
# - say what the saturating and the non-saturating loss minimize, and under which condition.
#
# **Time** 75 minutes · **Builds on** 01_divergences, 03_reparameterization · **Papers** Goodfellow
# and others (2014), *Generative Adversarial Networks*, arXiv 1406.2661; Arjovsky and Bottou (2017),
# *Towards Principled Methods for Training Generative Adversarial Networks*, arXiv 1701.04862.
#
# **Numbers in the text** are those of one run at `laptop` scale, on two CPU cores; at another scale, or on
# another machine, yours differ.
#
# <details><summary>中文导读</summary>
#
# 生成器与判别器进行一场极小极大博弈。本课在一维空间里把一切都算清楚:先推导最优判别器
# D* = p_data / (p_data + p_model),再用数值积分验证博弈的值等于 2·JS − log 4。
# 接着比较饱和损失与非饱和损失:判别器取最优时,非饱和损失的梯度是 KL(p_model‖p_data) − 2·JS 的梯度,
# 而它恰好等于 2·KL(混合分布‖p_data)。每一行推导之后都有一个数值验证的单元格。
# 下半课(08b)观察两个玩家如何运动。术语的中英对照见 [glossary](glossary.ipynb)。
#
# </details>

# %% tags=["folded"]
import math

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal

from course_lib.checks import check
from course_lib.fast import fast
from course_lib.game_plots import draw_densities, plot_two_steps
from course_lib.history import watch
from course_lib.plotting import show
from course_lib.probability import js_divergence, kl_categorical
from course_lib.training import at_scale, course_scale, pick_device, seed_everything
from course_lib.widgets import judge_explorer

seed_everything(0)
device = pick_device()
draws = at_scale(smoke=2_000, laptop=200_000, gpu=2_000_000)
fit_steps = at_scale(smoke=50, laptop=2_000, gpu=5_000)  # of a discriminator that trains alone
batch_size = at_scale(smoke=64, laptop=256, gpu=1_024)
print(
    f"scale {course_scale()} on {device}: {draws:,} draws, {fit_steps:,} steps of a discriminator"
)

# %% [markdown]
# ## 1 · The game, and the best answer to a generator
#
# Real examples come from the density $p_\text{data}(x)$. A **[generator](glossary.ipynb#Generator)** turns noise $z$ into fakes
# $x = G(z)$, which have some density $p_\text{model}(x)$. A **[discriminator](glossary.ipynb#Discriminator)** gives each $x$ the
# probability $D(x)$ that it is real. The **[value](glossary.ipynb#Value-function)** of the game is
#
# $$ V(D, G) = \mathbb E_{x \sim p_\text{data}}\big[\log D(x)\big]
#            + \mathbb E_{z}\big[\log\big(1 - D(G(z))\big)\big] . $$
#
# Each term is the mean logarithm of the probability that $D$ gives to the right verdict. $D$ makes $V$
# large, $G$ makes it small: a **[minimax game](glossary.ipynb#Minimax-game)**, $\min_G \max_D V(D, G)$, and what one wins the other loses, so it is
# [zero-sum](glossary.ipynb#Zero-sum-game). This is the original [GAN](glossary.ipynb#Generative-adversarial-network) of Goodfellow and others.
#
# **Predict.** At some $x$ the data's density is 0.3 and the model's is 0.1. Someone shows you an
# example from there; real and fake are equally frequent overall. How probable is it real?

# %% [markdown]
# We need two densities to work with. All integrals of this lesson are sums over this grid times its
# spacing `dx` ([quadrature](glossary.ipynb#Quadrature)); the densities are scaled so that they sum to one on it.

# %%
x = torch.linspace(-10, 10, 4001, dtype=torch.float64)
dx = (x[1] - x[0]).item()


def normal(mean, std):
    """The density of N(mean, std²) on the grid."""
    return Normal(torch.as_tensor(mean), torch.as_tensor(std)).log_prob(x).exp()


def integral(values):
    return values.sum() * dx


two_bumps = 0.6 * normal(-1.5, 0.6) + 0.4 * normal(1.5, 0.6)
box = ((x > -2) & (x < 2)).double()
pairs = {
    "two Gaussians": (normal(0.0, 1.0), normal(1.5, 0.7)),
    "two bumps and a Gaussian": (two_bumps, normal(0.6, 1.1)),
    "a Laplace and a box": ((-x.abs()).exp(), box),  # the box is 0 outside of [-2, 2]
}
pairs = {name: (p / integral(p), q / integral(q)) for name, (p, q) in pairs.items()}
p_data, p_model = pairs["two bumps and a Gaussian"]

# %% [markdown]
# ### The best discriminator, line by line
#
# **Line 0, the definition.** $G(z)$ has the density $p_\text{model}$, so an expectation over $z$ is
# an integral over $x$:
#
# $$ V(D) = \int p_\text{data}(x) \log D(x)\,dx + \int p_\text{model}(x) \log(1 - D(x))\,dx . $$
#
# To see it, take any $D$, here $\sigma(0.8\,x)$, and a generator $G(z) = 0.6 + 1.1 z$ with normal
# $z$. The sigmoid $\sigma(a) = 1/(1 + e^{-a})$ has $1 - \sigma(a) = \sigma(-a)$. So $\log D$ is
# `F.logsigmoid` of $0.8\,x$, and $\log(1 - D)$ is that of $-0.8\,x$: no rounded $D$ on the way.

# %%
seed_everything(0)
some_logits = 0.8 * x
line_0 = integral(p_data * F.logsigmoid(some_logits) + p_model * F.logsigmoid(-some_logits))
fake = 0.6 + 1.1 * torch.randn(draws, dtype=torch.float64)
bump = torch.where(torch.rand(draws) < 0.6, -1.5, 1.5)
real = bump + 0.6 * torch.randn(draws, dtype=torch.float64)
terms = F.logsigmoid(0.8 * real), F.logsigmoid(-0.8 * fake)
estimate = sum(term.mean() for term in terms)
error = sum(term.var() / draws for term in terms).sqrt()
print(
    f"V by quadrature {line_0:.4f}, from {draws:,} draws of each {estimate:.4f} ± {error:.4f} nats"
)
assert abs(estimate - line_0) < 5 * error

# %% [markdown]
# **Line 1, one integrand.** The integral of a sum is the sum of integrals:
#
# $$ V(D) = \int \Big[ p_\text{data}(x) \log D(x) + p_\text{model}(x) \log(1 - D(x)) \Big] dx . $$
#
# At each $x$ the bracket contains $D$ at that $x$ alone. If $D$ may be *any* function with values in
# $[0, 1]$, it can be chosen for each $x$ by itself, and $V$ is largest when the bracket is largest at
# each $x$. That is a condition: a network of limited size cannot choose freely.

# %% tags=["nbval-check-output"]
changed = some_logits.clone()
place = (x > 0.5) & (x < 0.6)
changed[place] += 1.0  # another D there, and nowhere else


def bracket(logits):
    return p_data * F.logsigmoid(logits) + p_model * F.logsigmoid(-logits)


whole = integral(bracket(changed)) - integral(bracket(some_logits))
local = (bracket(changed) - bracket(some_logits))[place].sum() * dx
print(f"V changes by {whole:.9f}; the bracket there, times dx, by {local:.9f}")
assert torch.isclose(whole, local, atol=1e-12)

# %% [markdown]
# **Line 2, the slope of the bracket.** Write $p, q, d$ for the three numbers at one $x$. With
# $(\log d)' = 1/d$ and the chain rule,
#
# $$ h(d) = p \log d + q \log(1 - d) , \qquad h'(d) = \frac p d - \frac q {1 - d} . $$
#
# **Line 3, where it is 0.** Multiply by $d(1-d)$: $\;p(1 - d) = q\,d$, that is
#
# $$ d = \frac{p}{p + q} \qquad\text{where } p + q > 0 . $$
#
# **Line 4, it is the maximum.** $h''(d) = -p/d^2 - q/(1-d)^2 < 0$ for $p, q > 0$: the bracket is
# concave, so the one point where its slope is 0 is its highest. (If $q = 0$, $h = p \log d$ is
# largest at the end, $d = 1$, and if $p = 0$ at $d = 0$: the formula says the same.)

# %% tags=["nbval-check-output"]
p, q = 0.3, 0.1
d = torch.linspace(0.01, 0.99, 99, dtype=torch.float64, requires_grad=True)
h = p * d.log() + q * (1 - d).log()
(slope,) = torch.autograd.grad(h.sum(), d, create_graph=True)
(bend,) = torch.autograd.grad(slope.sum(), d)
peak = p / (p + q)
print(f"line 2 holds at 99 values of d: {torch.allclose(slope, p / d - q / (1 - d))}")
print(f"line 3: p/(p + q) = {peak:.2f}, the slope there is {p / peak - q / (1 - peak):.0e}")
print(
    f"line 4: the bend is below 0 everywhere: {bool((bend < 0).all())}, h peaks at {d[h.argmax()]:.2f}"
)
assert torch.allclose(slope, p / d - q / (1 - d)) and (bend < 0).all()
assert torch.isclose(d[h.argmax()], torch.tensor(peak, dtype=torch.float64))

# %% [markdown]
# Three of four such examples are real: $D$ is nothing but Bayes' rule for two equally frequent
# classes. This is the **[optimal discriminator](glossary.ipynb#Optimal-discriminator)**.
#
# ### Exercise · `optimal_discriminator(p_data, p_model)`
# *6 minutes.* Two densities at the same points, tensors of one shape, values $\ge 0$. Return $D^*$ at
# each point, same shape: the formula of line 3, and 1/2 where both densities are exactly 0. It holds
# however small the densities are.


# %% exercise="minimax.optimal_discriminator"
def optimal_discriminator(p_data, p_model):
    """p_data / (p_data + p_model), and 1/2 where both are 0."""
    # BEGIN SOLUTION
    total = p_data + p_model
    return torch.where(total > 0, p_data / total, 0.5)
    # END SOLUTION


# %% check="minimax.optimal_discriminator"
check("minimax.optimal_discriminator", optimal_discriminator)

# %%
figure, panels = plt.subplots(1, 3, figsize=(12, 3))
for axes, (name, (real_density, fake_density)) in zip(panels, pairs.items(), strict=True):
    judge = {"best D": optimal_discriminator(real_density, fake_density)}
    draw_densities(axes, x, real_density, fake_density, judge, legend=axes is panels[0])
    axes.set(title=name, xlim=(-5, 5))
show(figure)

# %% [markdown]
# Look at the tails of the first picture. Hardly any example ever comes from there, and yet $D^*$ is
# sure of itself: only the *ratio* of the densities counts. And in the third, where the model's
# density is 0, $D^*$ is exactly 1.
#
# ## 2 · From formula to training: gradient ascent finds it
#
# A discriminator does not know the densities. It sees examples, and its last layer gives a [logit](glossary.ipynb#Logits)
# $a$ with $D = \sigma(a)$. The two expectations become two means.

# %% [markdown]
# ### Exercise · `value_function(real_logits, fake_logits)`
# *6 minutes.* Logits of any two shapes; the numbers of reals and fakes may differ. Return the
# estimate of $V$ in nats, a scalar: the mean of $\log D$ over the reals plus the mean of
# $\log(1 - D)$ over the fakes. It stays finite and right at logits of ±200.


# %% exercise="minimax.value_function"
def value_function(real_logits, fake_logits):
    """V(D, G) estimated from logits of reals and of fakes, in nats."""
    # BEGIN SOLUTION
    return F.logsigmoid(real_logits).mean() + F.logsigmoid(-fake_logits).mean()
    # END SOLUTION


# %% check="minimax.value_function"
check("minimax.value_function", value_function)

# %% [markdown]
# Does ascent by gradients arrive at the formula? First in the purest form: the discriminator is a
# table with one free logit for each point of the grid, so it can be any function, and $V$ is the
# exact integral. The logits start at 0. The optimizer is Rprop, which looks at the sign of each
# gradient only: a logit's step grows while the sign stays and is halved when it flips. For a table
# that is fitting, because each logit is a problem of its own, and the gradients in the tails are
# tiny.


# %%
def climb(p_data, p_model, steps=200, looks=()):
    """The table of logits that gradient ascent on V finds, and D at some steps."""
    logits = torch.zeros_like(x, requires_grad=True)
    optimizer = torch.optim.Rprop([logits], lr=0.1, maximize=True, step_sizes=(1e-12, 50))
    seen = {}
    for step in range(steps + 1):
        if step in looks:
            seen[step] = logits.detach().sigmoid()
        value = integral(p_data * F.logsigmoid(logits) + p_model * F.logsigmoid(-logits))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return logits.detach(), seen


found, snapshots = climb(p_data, p_model, looks=(0, 4, 8, 16, 200))
best = optimal_discriminator(p_data, p_model)
largest = (found.sigmoid() - best).abs().max()
print(f"after 200 steps the largest error of D anywhere on the grid is {largest:.0e}")
assert largest < 1e-8

# %% [markdown]
# Now as in practice: a small network, which sees batches of examples and climbs your
# `value_function`. (`fast` runs the step unchanged, as fast as the device allows; `watch` shows how far
# the loop is.) **Predict**: where will it be wrong?

# %%
seed_everything(0)


def small_network():
    """One number in, one out."""
    return nn.Sequential(
        nn.Linear(1, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1)
    ).to(device)


def draw_data(*shape):
    """Examples of the two bumps, `(*shape, 1)`."""
    bump = torch.where(torch.rand(*shape, 1, device=device) < 0.6, -1.5, 1.5)
    return bump + 0.6 * torch.randn(*shape, 1, device=device)


# %%
judge = small_network()
optimizer = torch.optim.Adam(judge.parameters(), lr=3e-3)  # lesson 09 derives Adam


def judge_step(real, fake):
    loss = -value_function(judge(real), judge(fake))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return -loss


learn = fast(judge_step, judge, optimizer, precision="float32")
for _ in watch(range(fit_steps)):
    learn(draw_data(batch_size), 0.6 + 1.1 * torch.randn(batch_size, 1, device=device))
with torch.no_grad():
    learned = judge(x.float().to(device)[:, None]).sigmoid().squeeze(1).cpu().double()
seen_often, error = p_data + p_model > 0.02, (learned - best).abs()
print(
    f"network, where the densities add to more than 0.02: largest error {error[seen_often].max():.3f}"
)
print(f"anywhere on the grid: {error.max():.3f}")

# %% tags=["folded"]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2), sharey=True)
for number, (step, d_then) in enumerate(snapshots.items()):
    left.plot(x, d_then, color=plt.cm.viridis(number / 4.5), label=f"step {step}")
left.plot(x, best, "k--", lw=1, label="formula")
left.set(title="A table of logits climbs V", xlabel="x", ylabel="D", xlim=(-5, 5))
right.plot(x, learned, "C2", lw=2, label="network")
right.plot(x, best, "k--", lw=1, label="formula")
right.fill_between(x, (p_data + p_model) / 2, color="0.8", label="density of what it sees")
right.set(title="A network that saw examples", xlabel="x", xlim=(-5, 5))
for axes in (left, right):
    axes.legend(fontsize=8)
show(figure)

# %% [markdown]
# The table lands on the formula. The network follows it where examples are, and far out it says what
# its last straight piece happens to say: **a discriminator's verdict where it saw nothing is
# extrapolation.**
#
# ## 3 · What is left for the generator: a divergence
#
# Suppose that $D$ always gives its best answer. Then $V$ is a function of the generator alone. Which
# one?
#
# **Line 5, put $D^*$ in.** $1 - D^* = p_\text{model} / (p_\text{data} + p_\text{model})$, so with $p$
# and $q$ short for the two
#
# $$ \max_D V = \int \Big[ p \log \frac{p}{p + q} + q \log \frac{q}{p + q} \Big] dx . $$
#
# **Line 6, the mixture.** With $m = \tfrac12(p + q)$, $\;p / (p + q) = \tfrac12\, p / m$, and the
# logarithm of a product is a sum:
#
# $$ p \log \frac{p}{p+q} = p \log \frac p m - p \log 2 , \qquad\text{the same for } q . $$
#
# **Line 7, densities integrate to 1.** Each $-\log 2$ comes out whole, and what remains are two
# [KL divergences](glossary.ipynb#KL-divergence):
#
# $$ \max_D V = \mathrm{KL}(p \,\|\, m) + \mathrm{KL}(q \,\|\, m) - 2 \log 2 . $$
#
# **Line 8, their mean has a name.** The [Jensen–Shannon divergence](glossary.ipynb#Jensen–Shannon-divergence) is half the sum
# of these two KL divergences, and $2 \log 2 = \log 4$:
#
# $$ \boxed{\;\max_D V(D, G) = 2\,\mathrm{JS}(p_\text{data}, p_\text{model}) - \log 4\;} $$

# %% tags=["nbval-check-output"]
for name, (p, q) in pairs.items():
    mixture, best = (p + q) / 2, optimal_discriminator(p, q)
    line_5 = integral(torch.xlogy(p, best) + torch.xlogy(q, optimal_discriminator(q, p)))
    split = torch.xlogy(p, p) - torch.xlogy(p, mixture) - p * math.log(2)
    assert torch.allclose(torch.xlogy(p, best), split, atol=1e-12)  # line 6
    cells = p * dx, q * dx, mixture * dx  # as probabilities of the grid's cells
    line_7 = kl_categorical(cells[0], cells[2]) + kl_categorical(cells[1], cells[2]) - math.log(4)
    line_8 = 2 * js_divergence(cells[0], cells[1]) - math.log(4)
    print(f"{name:<25} line 5: {line_5:.6f}  line 7: {line_7:.6f}  line 8: {line_8:.6f} nats")
    assert torch.isclose(line_5, line_7, atol=1e-9) and torch.isclose(line_7, line_8, atol=1e-9)

# %% [markdown]
# ### Exercise · `value_at_optimum(p_data, p_model, dx)`
# *8 minutes.* Two densities on a grid of spacing `dx`, each `(N,)`. Return $\max_D V$ in nats, a
# scalar tensor, as the integral of line 5. It is right where a density is 0 ($0 \log 0 = 0$), and
# where the densities are so far apart that $D^*$ rounds to 1 while the model's density is not yet 0.


# %% exercise="minimax.value_at_optimum"
def value_at_optimum(p_data, p_model, dx):
    """The largest V that any discriminator reaches, in nats, by a sum over the grid."""
    # BEGIN SOLUTION
    real_term = torch.xlogy(p_data, optimal_discriminator(p_data, p_model))
    fake_term = torch.xlogy(p_model, optimal_discriminator(p_model, p_data))
    return (real_term + fake_term).sum() * dx
    # END SOLUTION


# %% check="minimax.value_at_optimum"
check("minimax.value_at_optimum", value_at_optimum)

# %% [markdown]
# So far formula stood against formula. The hard test: let gradient ascent *find* the maximum over
# $D$, without telling it $D^*$, and compare the $V$ that it reaches with $2\,\mathrm{JS} - \log 4$.

# %% tags=["nbval-check-output"]
for name, (p, q) in pairs.items():
    logits, _ = climb(p, q)
    climbed = integral(p * F.logsigmoid(logits) + q * F.logsigmoid(-logits))
    predicted = 2 * js_divergence(p * dx, q * dx) - math.log(4)
    yours = value_at_optimum(p, q, dx)
    print(f"{name:<25} found {climbed:.6f}  2 JS - log 4 {predicted:.6f}  yours {yours:.6f}")
    assert abs(climbed - predicted) < 1e-6 and abs(yours - predicted) < 1e-6

# %% [markdown]
# JS is 0 for equal densities and positive otherwise, so **against a perfect discriminator the game's
# minimum over all generators is $-\log 4 = -1.386$, reached by $p_\text{model} = p_\text{data}$
# alone**. That is the theorem of Goodfellow and others. Its conditions: $D$ may be any function and
# is always at its best, $G$ can make any density.
#
# **Predict.** The model is $\mathcal N(m, 1)$ and the data is $\mathcal N(0, 1)$. Draw $\max_D V$
# against $m$. Would you like to walk down this curve from $m = 8$?

# %%
shifts = torch.linspace(0, 9, 91, dtype=torch.float64)
values = torch.stack([value_at_optimum(normal(0.0, 1.0), normal(m, 1.0), dx) for m in shifts])
figure, axes = plt.subplots(figsize=(6.4, 2.8))
axes.plot(shifts, values)
axes.axhline(-math.log(4), color="gray", ls="--", lw=1)
axes.annotate("-log 4: the same density", (4.5, -math.log(4)), va="bottom", color="gray")
axes.set(title="What a perfect D leaves", xlabel="shift m of the model", ylabel="max V (nats)")
show(figure)
print(
    f"at m = 8 the value is {values[80]:.6f} nats; from m = 8 to 7 it falls by {values[80] - values[70]:.6f}"
)

# %% [markdown]
# The curve flattens at 0: two densities that hardly overlap are told apart with certainty, and a
# little further apart is not more certain. A generator that starts there hardly feels the slope.
#
# ## 4 · Two losses for the generator
#
# In each round the players take turns. Who moves, and where the gradient stops:

# %% tags=["folded"]
show(plot_two_steps())

# %% [markdown]
# Only the second term of $V$ depends on the generator, so the game's own loss for it is the mean of
# $\log(1 - D)$. Goodfellow and others proposed another one in the same paper, the mean of $-\log D$,
# which also wants $D$ to be large.

# %% [markdown]
# ### Exercise · `saturating_generator_loss(fake_logits)`
# *4 minutes.* Logits of fakes, of any shape. Return the scalar that the generator minimizes in the
# game itself: the mean of $\log(1 - D)$, in nats, finite and right at ±200.


# %% exercise="minimax.saturating_generator_loss"
def saturating_generator_loss(fake_logits):
    """Mean of log(1 - D) over the fakes, in nats."""
    # BEGIN SOLUTION
    return F.logsigmoid(-fake_logits).mean()
    # END SOLUTION


# %% check="minimax.saturating_generator_loss"
check("minimax.saturating_generator_loss", saturating_generator_loss)

# %% [markdown]
# ### Exercise · `nonsaturating_generator_loss(fake_logits)`
# *3 minutes.* The same logits. Return the mean of $-\log D$, in nats, finite and right at ±200.


# %% exercise="minimax.nonsaturating_generator_loss"
def nonsaturating_generator_loss(fake_logits):
    """Mean of -log D over the fakes, in nats."""
    # BEGIN SOLUTION
    return F.softplus(-fake_logits).mean()
    # END SOLUTION


# %% check="minimax.nonsaturating_generator_loss"
check("minimax.nonsaturating_generator_loss", nonsaturating_generator_loss)

# %% [markdown]
# **Line 9, their slopes in the logit.** With $\sigma' = \sigma(1 - \sigma)$ and the chain rule,
#
# $$ \frac{d}{da} \log(1 - \sigma(a)) = -\frac{\sigma (1 - \sigma)}{1 - \sigma} = -D , \qquad
#    \frac{d}{da} \big(-\log \sigma(a)\big) = -\frac{\sigma (1 - \sigma)}{\sigma} = -(1 - D) . $$
#
# Where $D$ is sure of the fake, $D \approx 0$, the first slope vanishes: the loss [saturates](glossary.ipynb#Saturating-loss). The
# second is near $-1$ there: the [non-saturating](glossary.ipynb#Non-saturating-loss) loss.

# %% tags=["nbval-check-output"]
logits = torch.tensor([-10.0, -2.0, 0.0, 2.0, 10.0], dtype=torch.float64, requires_grad=True)
for name, loss, slope in (
    ("log(1 - D)", saturating_generator_loss, -logits.sigmoid()),
    ("-log D", nonsaturating_generator_loss, -(1 - logits.sigmoid())),
):
    (measured,) = torch.autograd.grad(len(logits) * loss(logits), logits)
    print(f"{name:>10}: slopes {', '.join(f'{value:.6f}' for value in measured)}")
    assert torch.allclose(measured, slope)
of_d = -F.logsigmoid(-logits).mean()  # the fakes' part of the discriminator's loss, -V
sums = [loss(logits) + of_d for loss in (saturating_generator_loss, nonsaturating_generator_loss)]
print(f"the fakes' part of both players' losses adds to {sums[0]:.3f}, and to {sums[1]:.3f} nats")

# %% [markdown]
# The last line says something else: with the saturating loss the two players' losses of the fakes
# cancel, as in a zero-sum game. With the other they do not. **Most of what is called «the minimax
# game» in practice is not one.**
#
# Now the generator's own parameter. The model is $\mathcal N(m, 1)$, the data $\mathcal N(0, 1)$, and
# $D$ is at its best for this $m$ and then held fixed, as in the generator's step. How strongly is $m$
# pulled? **Predict** both curves from $m = 0$ to 8.

# %%
pulls = {"saturating": [], "non-saturating": []}
losses = saturating_generator_loss, nonsaturating_generator_loss
noise = Normal(0.0, 1.0).icdf((torch.arange(4000, dtype=torch.float64) + 0.5) / 4000)
for shift in shifts[1:]:
    m = shift.clone().requires_grad_()
    fakes = m + noise  # G(z) = m + z; even quantiles in the place of random draws
    best_logit = (fakes - shift) ** 2 / 2 - fakes**2 / 2  # log p_data - log p_model, D's best logit
    for name, loss in zip(pulls, losses, strict=True):
        (gradient,) = torch.autograd.grad(loss(best_logit), m, retain_graph=True)
        pulls[name].append(gradient.item())
figure, axes = plt.subplots(figsize=(6.4, 2.8))
for name, gradients in pulls.items():
    axes.plot(shifts[1:], gradients, label=name)
axes.set(title="How hard the best D pulls", xlabel="shift m of the model", ylabel="d loss / d m")
axes.set(yscale="log", ylim=(1e-9, 30))
axes.legend()
show(figure)
print(
    f"at m = 8: saturating {pulls['saturating'][79]:.1e}, non-saturating {pulls['non-saturating'][79]:.2f}"
)

# %% [markdown]
# At a distance of 8 standard deviations the game's own loss pulls with less than a thousandth of the
# strength that it has at 2. The other pulls with $m$ itself, as hard as the distance is: far out,
# $-\log D \approx x^2/2 - (x - m)^2/2 = m x - m^2/2$ with $m$ held fixed, a line of slope $m$ in $x$.
#
# Now move the model yourself. The data is $\mathcal N(0, 1)$, and $D$ has the best logit,
# $\log p_\text{data} - \log p_\text{model}$, times a *sharpness*: 1 is the best $D$, 0 says 1/2
# everywhere. Below the densities stands how a single fake is pushed, which is minus the slope of the
# generator's loss at its place; the lowest bar is $V(D)$. **Predict**: at which sharpness does the
# bar touch the line $2\,\mathrm{JS} - \log 4$, and does that depend on the model? Where would a fake
# have to be for the game's own loss to push it hard?

# %%
judge_explorer()

# %% [markdown]
# It touches the line at sharpness 1, for every model, and ends at $-\log 4$ at sharpness 0; too sure a
# $D$ is worth less again. Where $D$ is near 0, which is where most fakes of a far model
# lie, only $-\log D$ pushes. The game's own loss pushes hard where $D$ is near 1, and there hardly a fake
# lies. And look behind the fakes: where the model is narrower than the data, $D$ rises again there,
# and a fake beyond the valley is pushed *away* from the data. A slope is a local thing.
#
# But if the generator no longer descends $V$, it no longer descends JS. What does it descend?
#
# ## 5 · The divergence of the non-saturating loss
#
# Let $p_\theta$ be the model's density with parameters $\theta$. At $\theta_0$ the discriminator is
# at its best, $D^* = p_\text{data} / (p_\text{data} + p_{\theta_0})$, and then **held fixed** while
# the generator takes the gradient. Arjovsky and Bottou (2017, theorem 2.5): at $\theta = \theta_0$
#
# $$ \nabla_\theta\, \mathbb E_z\big[-\log D^*(G_\theta(z))\big]
#    = \nabla_\theta \big[ \mathrm{KL}(p_\theta \,\|\, p_\text{data}) - 2\,\mathrm{JS}(p_\theta, p_\text{data}) \big] . $$
#
# Conditions: both densities are positive everywhere and smooth in $\theta$, and gradient and integral
# may be exchanged. We follow the proof with $p_\theta = \mathcal N(m, s^2)$, $\theta = (m, \log s)$,
# and check each line at $\theta_0 = (0.4, \log 0.8)$.

# %%
theta_0 = torch.tensor([0.4, math.log(0.8)], dtype=torch.float64)
theta = theta_0.clone().requires_grad_()
p_data = pairs["two bumps and a Gaussian"][0]


def model(theta):
    """The model's density on the grid, differentiable in theta = (mean, log std)."""
    return normal(theta[0], theta[1].exp())


def gradient(value):
    return torch.autograd.grad(value, theta, retain_graph=True)[0]


def kl(p, q):
    return integral(torch.xlogy(p, p) - torch.xlogy(p, q))


def js(p, q):
    return (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2


p_0 = model(theta_0)
best = optimal_discriminator(p_data, p_0)  # at theta_0, and fixed from here on
best_fake = optimal_discriminator(p_0, p_data)  # 1 - D*

# %% [markdown]
# **Line 0, from noise to density.** $G_\theta(z)$ has the density $p_\theta$. So the expectation over
# $z$, in which the gradient runs *through* $D^*$ into the generator, is an integral in which $\theta$
# stands in the density alone:
#
# $$ \mathbb E_z\big[-\log D^*(G_\theta(z))\big] = \int p_\theta(x)\,\big(-\log D^*(x)\big)\,dx . $$

# %% tags=["nbval-check-output"]
z = x  # the same grid serves as noise, with the standard normal's density
g = theta[0] + theta[1].exp() * z
log_p_0 = Normal(theta_0[0], theta_0[1].exp()).log_prob(g)
bumps = [Normal(center, 0.6).log_prob(g) + math.log(w) for center, w in ((-1.5, 0.6), (1.5, 0.4))]
logit = torch.logaddexp(*bumps) - log_p_0  # of D*, at G(z)
through_d = gradient(integral(normal(0.0, 1.0) * F.softplus(-logit)))
line_0 = gradient(integral(model(theta) * -best.log()))
print(f"gradient through D* by (m, log s): {through_d[0]:.6f}, {through_d[1]:.6f}")
print(f"gradient of the density:           {line_0[0]:.6f}, {line_0[1]:.6f}")
assert torch.allclose(through_d, line_0, atol=1e-8)

# %% [markdown]
# **Line 1, two logarithms.** The odds of $D^*$ are $D^* / (1 - D^*) = p_\text{data} / p_{\theta_0}$.
# Take logarithms and sort:
#
# $$ -\log D^* = \log \frac{p_{\theta_0}}{p_\text{data}} - \log(1 - D^*) . $$
#
# **Line 2, the expectation is linear, and so is the gradient:**
#
# $$ \nabla_\theta\, \mathbb E_{p_\theta}[-\log D^*] = \nabla_\theta\, \mathbb E_{p_\theta}\Big[\log \frac{p_{\theta_0}}{p_\text{data}}\Big]
#    - \nabla_\theta\, \mathbb E_{p_\theta}[\log(1 - D^*)] . $$

# %% tags=["nbval-check-output"]
log_ratio = p_0.log() - p_data.log()
usual = best > 1e-300  # where float64 can tell D* from 0
line_1 = (-best.log() - (log_ratio - best_fake.log()))[usual].abs().max()
first = gradient(integral(model(theta) * log_ratio))
second = gradient(integral(model(theta) * best_fake.log()))
print(
    f"line 1 holds to 1e-9: {bool(line_1 < 1e-9)}; line 2: {(first - second - line_0).abs().max() < 1e-9}"
)
assert line_1 < 1e-9 and torch.allclose(first - second, line_0, atol=1e-9)

# %% [markdown]
# **Line 3, the first part is a KL.** Add and subtract $\log p_{\theta_0}$ in the definition:
#
# $$ \mathrm{KL}(p_\theta \,\|\, p_\text{data}) = \mathbb E_{p_\theta}\Big[\log \frac{p_{\theta_0}}{p_\text{data}}\Big] + \mathrm{KL}(p_\theta \,\|\, p_{\theta_0}) . $$
#
# The last term is never negative and is 0 at $\theta = \theta_0$: it has a minimum there, so its
# gradient is 0. Therefore the first part's gradient is
# $\nabla_\theta\, \mathrm{KL}(p_\theta \,\|\, p_\text{data})$.

# %% tags=["nbval-check-output"]
elsewhere = model(torch.tensor([-0.3, 0.1], dtype=torch.float64))
left, right = kl(elsewhere, p_data), integral(elsewhere * log_ratio) + kl(elsewhere, p_0)
print(f"the identity at another theta: {left:.6f} = {right:.6f}")
still, of_kl = gradient(kl(model(theta), p_0)), gradient(kl(model(theta), p_data))
print(f"gradient of KL(p_theta || p_0) at theta_0 is 0 to 1e-9: {bool(still.abs().max() < 1e-9)}")
print(f"line 3: {first[0]:.6f}, {first[1]:.6f} = {of_kl[0]:.6f}, {of_kl[1]:.6f}")
assert torch.isclose(left, right) and still.abs().max() < 1e-9
assert torch.allclose(first, of_kl, atol=1e-9)

# %% [markdown]
# **Line 4, the second part is JS.**
# $V(D^*, \theta) = \mathbb E_{p_\text{data}}[\log D^*] + \mathbb E_{p_\theta}[\log(1 - D^*)]$ with
# $D^*$ fixed never exceeds $\max_D V = 2\,\mathrm{JS} - \log 4$, and reaches it at $\theta_0$. The
# difference of the two has a minimum there, so their gradients agree, and only the second term of $V$
# has one:
#
# $$ \nabla_\theta\, \mathbb E_{p_\theta}[\log(1 - D^*)] = \nabla_\theta\, 2\,\mathrm{JS}(p_\theta, p_\text{data}) . $$
#
# (This is what the *saturating* loss follows: with $D$ at its best, each of its steps goes down JS.)
#
# **Line 5, together:** line 3 minus line 4 in line 2 is the theorem.

# %% tags=["nbval-check-output"]
fixed = integral(p_data * best.log()) + integral(elsewhere * best_fake.log())
print(
    f"V with D* fixed, at another theta: {fixed:.4f} < {value_at_optimum(p_data, elsewhere, dx):.4f}"
)
of_js = gradient(2 * js(model(theta), p_data))
line_5 = gradient(kl(model(theta), p_data) - 2 * js(model(theta), p_data))
print(f"line 4: {second[0]:.6f}, {second[1]:.6f} = {of_js[0]:.6f}, {of_js[1]:.6f}")
print(
    f"line 5: {line_5[0]:.6f}, {line_5[1]:.6f}, and through D* it was {through_d[0]:.6f}, {through_d[1]:.6f}"
)
assert fixed < value_at_optimum(p_data, elsewhere, dx)
assert torch.allclose(second, of_js, atol=1e-9) and torch.allclose(line_5, through_d, atol=1e-8)

# %% [markdown]
# The minus sign in front of JS looks alarming: does the loss push the densities apart? One more line
# answers.
#
# **Line 6, one divergence.** Let $p = p_\text{data}$, $q = p_\theta$, and in this line $m$ the mixture
# $(p + q)/2$ as in section 3, not the mean. The terms with $\log q$ cancel:
#
# $$ \mathrm{KL}(q\|p) - \mathrm{KL}(p\|m) - \mathrm{KL}(q\|m)
#    = \int q \log\frac q p - p \log\frac p m - q \log\frac q m
#    = \int (p + q) \log \frac m p = 2\,\mathrm{KL}(m \,\|\, p) . $$
#
# **With the best $D$, each step of the non-saturating loss goes down twice the KL divergence from the
# half-and-half [mixture](glossary.ipynb#Mixture-distribution) of model and data to the data.** It is never negative, and 0 for equal
# densities only. (Shannon and others, 2020, arXiv 2010.08029, study it as an [f-divergence](glossary.ipynb#F-divergence).)

# %% tags=["nbval-check-output"]
for mean, log_std in ((0.4, -0.22), (-0.3, 0.1), (2.0, 0.5)):
    q = model(torch.tensor([mean, log_std], dtype=torch.float64))
    apart, mixed = kl(q, p_data) - 2 * js(q, p_data), 2 * kl((p_data + q) / 2, p_data)
    print(
        f"mean {mean:+.1f}, log std {log_std:+.2f}: KL - 2 JS = {apart:.6f}, 2 KL(m || p) = {mixed:.6f}"
    )
    assert torch.isclose(apart, mixed, atol=1e-9) and mixed > 0

# %% [markdown]
# Lesson 01 showed what the side of a KL means: with the model on the left it *seeks*, and avoids
# placing anything where the data is rare. Here the mixture stands on the left. **Predict**: which
# Gaussian fits the two bumps best in each of these divergences, a wide one over both or a narrow one
# on the larger bump?

# %%
divergences = {
    "2 JS (saturating)": lambda q: 2 * js(q, p_data),
    "2 KL(m‖data) (non-saturating)": lambda q: 2 * kl((p_data + q) / 2, p_data),
    "KL(model‖data)": lambda q: kl(q, p_data),
    "KL(data‖model)": lambda q: kl(p_data, q),
}
fits = {}
for name, divergence in divergences.items():
    for start in (-1.5, 0.0, 1.5):
        parameters = torch.tensor([start, 0.0], dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.Adam([parameters], lr=0.05)
        for _ in range(200):
            loss = divergence(model(parameters))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if name not in fits or loss.item() < fits[name][0]:
            fits[name] = loss.item(), parameters.detach()

# %% tags=["folded"]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2))
means = torch.linspace(-3, 3, 121, dtype=torch.float64)
for (name, divergence), style in zip(divergences.items(), ("-", "-", "--", ":"), strict=True):
    left.plot(means, [divergence(normal(mean, 0.8)) for mean in means], style, label=name)
    mean, log_std = fits[name][1]
    right.plot(
        x, normal(mean, log_std.exp()), style, label=f"mean {mean:.2f}, std {log_std.exp():.2f}"
    )
left.set(
    title="A Gaussian of std 0.8 moves over the bumps",
    xlabel="its mean",
    ylabel="nats",
    ylim=(0, 4),
)
right.fill_between(x, p_data, color="0.85", label="data")
right.set(title="The best Gaussian of each", xlabel="x", ylabel="density", xlim=(-5, 5))
left.legend(fontsize=8)
right.legend(fontsize=8)
show(figure)

# %% [markdown]
# JS and $\mathrm{KL}(\text{data}\|\text{model})$ spread over both bumps, and the non-saturating
# divergence takes the larger bump alone: of these bumps it seeks even harder than
# $\mathrm{KL}(\text{model}\|\text{data})$. The reason is its price for leaving something out. Were the
# bumps entirely apart, a model that is the larger one alone would have $q = p / 0.6$ there and 0 at the
# other, and line 6 gives $1.6 \log \frac{1.6}{1.2} + 0.4 \log \frac12 = 0.183$ nats, against
# $-\log 0.6 = 0.511$ for $\mathrm{KL}(\text{model}\|\text{data})$. A model that *can* make any density
# ends at the data in each of the four; a limited one shows which loss it had.

# %% [markdown]
# ## 6 · What goes wrong
#
# | symptom | cause | cure |
# |---|---|---|
# | `-inf` as soon as $D$ is sure | the logarithm of a rounded probability | log-sigmoid of the logit |
# | $D$ takes data for fakes | $V$ was descended: a sign | $D$ *ascends* $V$, so its loss is $-V$ |
# | $D$ says 0.1 where nobody can tell | one mean over 100 reals and 900 fakes together | a mean of each group, then add |
# | the generator stands still once $D$ has won | no logarithm in its loss, or the saturating one | $-\log D$ |
#
# Each of them below, in its order.

# %% tags=["nbval-check-output"]
sure = torch.tensor([200.0])
rounded = torch.log(torch.sigmoid(-sure)) + torch.log(1 - torch.sigmoid(sure))
print(f"1  rounded probabilities {rounded.item()}, value_function {value_function(-sure, sure)}")

logits = torch.zeros_like(x, requires_grad=True)
optimizer = torch.optim.Rprop([logits], lr=0.1, step_sizes=(1e-12, 50))  # maximize=True is missing
for _ in range(20):
    value = integral(p_data * F.logsigmoid(logits) + p_0 * F.logsigmoid(-logits))
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
there = x.sub(-1.5).abs().argmin()
print(f"2  V descended: D(-1.5) = {logits[there].sigmoid():.6f}, the best D {best[there]:.6f}")
assert logits[there].sigmoid() < 1e-6

one_logit = torch.zeros(
    (), dtype=torch.float64, requires_grad=True
)  # equal densities: D is a number
optimizer = torch.optim.Rprop([one_logit], lr=0.1, maximize=True, step_sizes=(1e-12, 50))
for _ in range(200):
    reals, fakes = F.logsigmoid(one_logit.expand(100)), F.logsigmoid(-one_logit.expand(900))
    optimizer.zero_grad()
    torch.cat([reals, fakes]).mean().backward()
    optimizer.step()
print(f"3  pooled, where D can know nothing: {one_logit.sigmoid():.3f}")
assert abs(one_logit.sigmoid() - 0.1) < 1e-6

beaten = torch.tensor([-10.0], requires_grad=True)
for name, loss in (
    ("-D, no logarithm", -beaten.sigmoid().mean()),
    ("log(1 - D)", saturating_generator_loss(beaten)),
    ("-log D", nonsaturating_generator_loss(beaten)),
):
    (slope,) = torch.autograd.grad(loss, beaten)
    print(f"4  {name:<16} slope at the logit -10: {slope.item():.6f}")

# %% [markdown]
# ## 7 · Change one thing
#
# **First: another mixture of reals and fakes.** Weigh the reals' term of $V$ by 3. What does the best $D$
# become, and does `climb` find it? What does $D$ say now where the densities are equal?

# %%
# your experiment: climb(3 * p_data, p_model) climbs the weighted V.

# %% tags=["solution"]
p_model = pairs["two bumps and a Gaussian"][1]
weighted = climb(3 * p_data, p_model)[0].sigmoid()
formula = 3 * p_data / (3 * p_data + p_model)
print(f"largest distance from 3 p / (3 p + q): {(weighted - formula).abs().max():.0e}")
frequent = p_data + p_model > 0.02
crossing = torch.where(frequent, (p_data / p_model).log().abs(), torch.inf).argmin()
print(f"D where the densities are equal: {weighted[crossing]:.3f}")
assert (weighted - formula).abs().max() < 1e-8

# %% [markdown] tags=["solution"]
# Nothing in section 1's lines needs densities that integrate to one: with $a = 3 p_\text{data}$ the same argument
# gives $3 p_\text{data} / (3 p_\text{data} + p_\text{model})$, the probability that an example is real when three of four
# are. Where the densities are equal it says 3/4. So with unequal *weights* a half is no longer the mark of a game that is
# over. (Unequal *numbers* in a batch change nothing as long as each group has its own mean.)

# %% [markdown]
# **Second: how large can the two divergences become?** Take $\mathcal N(d, 1)$ against $\mathcal N(0, 1)$ and let $d$
# run from 0 to 7. Compute $2\,\mathrm{JS}$ and $2\,\mathrm{KL}(m \,\|\, p_\text{data})$ with `js` and `kl`. Which one
# has an upper bound, and what does this say about the slopes in section 4?

# %%
# your experiment: for d in (0.0, 1.0, ..., 7.0): 2 * js(...), 2 * kl(...)

# %% tags=["solution", "nbval-check-output"]
data = normal(0.0, 1.0)
for d in (1.0, 3.0, 5.0, 7.0):
    moved = normal(d, 1.0)
    hidden = 2 * js(moved, data), 2 * kl((moved + data) / 2, data)
    print(
        f"d = {d:.0f}: 2 JS = {hidden[0]:.4f} of {math.log(4):.4f}, 2 KL(m || p) = {hidden[1]:.4f}"
    )
    assert hidden[0] <= math.log(4)

# %% [markdown] tags=["solution"]
# JS never exceeds $\log 2$, so $2\,\mathrm{JS}$ has to flatten below $\log 4$, and where it is flat the saturating loss
# has no slope. $2\,\mathrm{KL}(m \,\|\, p_\text{data})$ has no bound: half of the mixture lies where the data's density
# falls like $e^{-d^2/2}$, so far out it is $d^2 / 2 - \log 4$ (23.11 at $d = 7$), and its slope is $d$. That is section 4
# again: pulled as hard as the distance is.

# %% [markdown]
# ## What you take along
#
# 1. Against the best discriminator, $p_\text{data} / (p_\text{data} + p_\text{model})$, the game's
#    value is $2\,\mathrm{JS} - \log 4$; against any other it is less.
# 2. With that $D$, the saturating loss goes down $2\,\mathrm{JS}$ and vanishes where the densities
#    are apart; the non-saturating one goes down
#    $\mathrm{KL}(p_\text{model}\|p_\text{data}) - 2\,\mathrm{JS} = 2\,\mathrm{KL}(m\|p_\text{data})$
#    with the half-and-half mixture $m$, keeps its force, and seeks.
# 3. All of it is about a $D$ at its best, held fixed. Real players move.
#
# **References.** Goodfellow and others (2014), [arXiv 1406.2661](https://arxiv.org/abs/1406.2661), section 4 and theorem 1 ·
# Arjovsky and Bottou (2017), [arXiv 1701.04862](https://arxiv.org/abs/1701.04862), theorem 2.5 · Shannon and others (2020),
# *Non-saturating GAN training as divergence minimization*, [arXiv 2010.08029](https://arxiv.org/abs/2010.08029).
#
# **Next** is 08b_minimax: the two players move, circle, and are stopped.
