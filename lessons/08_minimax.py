# %% [markdown]
# # 08 · The game, and what it minimizes
#
# A generator and a discriminator play against each other. What does such a game minimize, if it
# minimizes anything? In one dimension every density can be written down and every integral computed,
# so in this lesson nothing has to be believed: you compute the best answer of the discriminator, find
# the divergence that is hidden in the game, find that the loss which everybody uses hides another
# one, and watch the two players circle around their goal. Then you stop them.
#
# ![Two densities with the best discriminator between them; a game that circles, and one that stops](../images/08_minimax.png)
#
# That is what you will make. On the left, the densities of real data and of a model, and what the
# best discriminator says at each $x$. On the right, a GAN with one parameter a player, seen from
# above: its steps circle around the goal and drift away, until a penalty stops them.
#
# **You will be able to**
# - derive the best discriminator and show that the value of the game is $2\,\mathrm{JS} - \log 4$,
# - say what the saturating and the non-saturating loss minimize, and under which condition,
# - read the densities and $D$ of a GAN while they move,
# - predict from two eigenvalues whether a game circles, diverges or converges, and change it by a
#   gradient penalty.
#
# **Time** 120 minutes in two sittings (the second may begin at section 6) · **Builds on** 01_divergences, 03_reparameterization · **Papers** Goodfellow
# and others (2014), *Generative Adversarial Networks*, arXiv 1406.2661; Arjovsky and Bottou (2017),
# *Towards Principled Methods for Training Generative Adversarial Networks*, arXiv 1701.04862;
# Mescheder, Geiger and Nowozin (2018), *Which Training Methods for GANs do actually Converge?*, arXiv
# 1801.04406.
#
# <details><summary>中文导读</summary>
#
# 生成器与判别器进行一场极小极大博弈。本课在一维空间里把一切都算清楚:先推导最优判别器
# D* = p_data / (p_data + p_model),再用数值积分验证博弈的值等于 2·JS − log 4。
# 接着比较饱和损失与非饱和损失:判别器取最优时,非饱和损失的梯度是 KL(p_model‖p_data) − 2·JS 的梯度,
# 而它恰好等于 2·KL(混合分布‖p_data)。最后训练一个一维 GAN,观察两个密度和判别器如何变化;
# 并在 Dirac-GAN 上用雅可比矩阵的特征值预测:同时更新会螺旋发散,交替更新绕圈,R1 惩罚使其收敛。
# 每一行推导之后都有一个数值验证的单元格。术语的中英对照见 [glossary](glossary.ipynb)。
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
from course_lib.game_plots import draw_densities, draw_field, plot_two_steps
from course_lib.history import History, watch
from course_lib.plotting import show
from course_lib.probability import js_divergence, kl_categorical
from course_lib.training import at_scale, course_scale, pick_device, seed_everything
from course_lib.widgets import game_explorer

seed_everything(0)
device = pick_device()
draws = at_scale(smoke=2_000, laptop=200_000, gpu=2_000_000)
fit_steps = at_scale(smoke=50, laptop=2_000, gpu=5_000)  # of a discriminator that trains alone
batch_size = at_scale(smoke=64, laptop=256, gpu=1_024)
rounds = at_scale(smoke=30, laptop=600, gpu=2_000)  # of the one-dimensional GAN
seeds = at_scale(smoke=range(2), laptop=range(3), gpu=range(8))
print(f"scale {course_scale()} on {device}: {rounds:,} rounds of each GAN, {len(seeds)} seeds")

# %% tags=["folded", "solution"]
grid = torch.linspace(-4.5, 4.5, 300)
data, model = (
    0.6 * Normal(-1.5, 0.6).log_prob(grid).exp() + 0.4 * Normal(1.5, 0.6).log_prob(grid).exp(),
    Normal(0.6, 1.1).log_prob(grid).exp(),
)
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6), width_ratios=(1.5, 1))
draw_densities(left, grid, data, model, {"the best D": data / (data + model)})
left.set_title("Two densities, and the best judge between them")
tracks = {}
for name, weight in (("simultaneous steps", 0.0), ("with a gradient penalty", 0.4)):
    point, path = torch.tensor([1.0, 0.0]), []
    for _ in range(250):
        path.append(point)
        slope = torch.sigmoid(-point.prod())
        point = point + 0.15 * torch.stack(
            [-point[1] * slope, point[0] * slope - weight * point[1]]
        )
    tracks[name] = torch.stack(path).numpy()
draw_field(right, lambda a, b: (-b, a), tracks, title="A game that circles, and one that stops")
show(figure)

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
#
# ## 6 · A GAN in one dimension, watched
#
# All of this assumed a perfect $D$. Now two small networks play with what they have: the data is the
# two bumps, both players take plain gradient steps (simple enough for the theory of the next
# section), and $D$ takes `d_steps` of them a round. Twenty thousand fakes give the model's density as
# a histogram, from time to time.

# %%
edges = torch.linspace(-5, 5, 101)
middles, width = (edges[1:] + edges[:-1]) / 2, 0.1
data_density = (0.6 * Normal(-1.5, 0.6).log_prob(middles).exp()
                + 0.4 * Normal(1.5, 0.6).log_prob(middles).exp())  # fmt: skip
fixed_noise = torch.randn(20_000, 1, generator=torch.Generator().manual_seed(7)).to(device)


def histogram(values):
    """Share of the values in each cell over its width, `(100,)`; the ends take what lies outside."""
    return torch.histc(values.cpu().clamp(-4.99, 4.99), 100, -5, 5) / len(values) / width


def divergence(p_model):
    """JS of a histogram and the data, in nats, each cell an outcome."""
    return js_divergence(p_model / p_model.sum(), data_density / data_density.sum()).item()


floor = divergence(histogram(draw_data(20_000)))
print(
    f"20,000 real examples have, by their histogram, a JS of {floor:.4f} nats to their own density"
)

# %% [markdown]
# One round is the diagram above as code: `detach` cuts the graph in the discriminator's step, and in
# the generator's step `inputs=` says whose gradients are wanted.


# %%
def play(learning_rate, d_steps, seed=0, loss=nonsaturating_generator_loss):
    """Train a 1-D GAN; returns what the explorer shows, and V at each round."""
    seed_everything(seed)
    generator, discriminator = small_network(), small_network()
    networks = generator, discriminator
    g_optimizer, d_optimizer = (
        torch.optim.SGD(network.parameters(), learning_rate) for network in networks
    )

    def one_round(real, z):
        for step in range(d_steps):
            fake = generator(z[step]).detach()
            value = value_function(discriminator(real[step]), discriminator(fake))
            d_optimizer.zero_grad()
            (-value).backward()
            d_optimizer.step()
        g_loss = loss(discriminator(generator(z[-1])))
        g_optimizer.zero_grad()
        g_loss.backward(inputs=list(generator.parameters()))
        g_optimizer.step()
        return value

    step = fast(one_round, networks, (g_optimizer, d_optimizer), precision="float32")
    history, seen = History(), {"round": [], "p_model": [], "d": []}
    for number in range(rounds + 1):
        if number % max(1, rounds // 60) == 0:
            with torch.no_grad():
                seen["p_model"].append(histogram(generator(fixed_noise)))
                seen["d"].append(discriminator(middles[:, None].to(device)).sigmoid()[:, 0].cpu())
            seen["round"].append(torch.tensor(number))
        z = torch.randn(d_steps + 1, batch_size, 1, device=device)
        history.add(value=step(draw_data(d_steps, batch_size), z))
    return {name: torch.stack(parts) for name, parts in seen.items()}, history


# %% [markdown]
# We record nine settings, each from several seeds. **Predict**: does a larger learning rate help or
# hurt? And do more steps of the discriminator per round make the model better or worse?

# %%
settings = [(rate, count) for rate in (0.03, 0.1, 0.3) for count in (1, 2, 5)]
runs = {setting: [play(*setting, seed) for seed in seeds] for setting in watch(settings)}
spread = {}  # over the seeds: the mean JS of each run's last quarter
for setting, games in runs.items():
    late = [
        [divergence(p) for p in seen["p_model"][-(len(seen["round"]) // 4) :]] for seen, _ in games
    ]
    spread[setting] = torch.tensor(late).mean(dim=1)
print(
    f"JS(data, model) over the last quarter of {rounds:,} rounds, median of {len(seeds)} seeds (range)"
)
print(f"{'learning rate':>14}" + "".join(f"{f'D steps: {count}':>26}" for count in (1, 2, 5)))
for rate in (0.03, 0.1, 0.3):
    cells = [spread[rate, count] for count in (1, 2, 5)]
    print(
        f"{rate:>14}"
        + "".join(f"{v.median():>9.3f} ({v.min():.3f} to {v.max():.3f})" for v in cells)
    )

# %%
recordings = {setting: games[0][0] for setting, games in runs.items()}
game_explorer(middles, data_density, recordings)

# %% [markdown]
# Drag «moment» first. The learned $D$ (bold) chases the best $D$ for the current model (dashed), and
# the model runs where the learned $D$ is high: first as one lump to the larger bump, then, once $D$ has
# turned against it there, over both. Now compare learning rates and numbers of steps. At `laptop` scale
# the largest rate gives both ends of the table: the worst with one step of $D$ a round (a median JS of
# 0.068, and from 0.019 to 0.104 over three seeds) and the best with five (0.006 with each of the three;
# the histogram itself is off by 0.0005). Whether to go faster depends on whether $D$ can follow.
#
# How close to its best is $D$? For each density of the recording we know the value that the best $D$
# would reach, $2\,\mathrm{JS} - \log 4$.

# %% tags=["folded"]
figure, panels = plt.subplots(1, 2, figsize=(10, 3), sharey=True)
for axes, count in zip(panels, (1, 5), strict=True):
    seen, history = runs[0.3, count][0]
    ceiling = [2 * divergence(p) - math.log(4) for p in seen["p_model"]]
    axes.plot(history["value"], color="C2", alpha=0.6, lw=0.8, label="V, of a batch")
    axes.plot(seen["round"], ceiling, "k--", lw=1.2, label="2 JS - log 4, the best V")
    axes.axhline(-math.log(4), color="gray", lw=1, ls=":")
    axes.set(
        title=f"learning rate 0.3, {count} D step{'s' * (count > 1)}",
        xlabel="round",
        ylim=(-1.7, -0.6),
    )
panels[0].set_ylabel("nats")
panels[0].legend(loc="upper right", fontsize=8)
show(figure)

# %% [markdown]
# Two things to read here (at `laptop` scale). In the first rounds $V$ dips below $-\log 4$: there $D$ is
# *worse* than saying 1/2 to everything, because it judges the model of a moment ago. And later, with one
# step a round, $V$ lies on $-\log 4$ as if nobody could tell the two apart, while the best $D$ could: the
# model has piled up mass at the edge of a bump, and this $D$ is too slow to notice. **$V = -\log 4$ says
# that this $D$ sees no difference, not that there is none.** The theorem of section 3 is about the dashed
# curve, and with five steps a round the game is played close to it.
#
# ## 7 · Why games circle: the Dirac-GAN
#
# Mescheder and others (2018) took away everything but the circling. The **[Dirac-GAN](glossary.ipynb#Dirac-GAN)** has one data
# point, at 0. The generator has one parameter, the place $\theta$ of its only fake. The discriminator
# has one parameter, $\psi$, and as in the paper $D(x)$ is from here on its score, not a probability: a
# line through 0, $D(x) = \psi x$. A *large* score means «fake», which has the probability
# $\sigma(\psi x)$. As in $V$, two logarithms of the probability of the right verdict are added,
# that on the fake at $\theta$ and that on the data at 0:
#
# $$ L(\theta, \psi) = f(\psi\theta) + f(0) , \qquad f(t) = -\log(1 + e^{-t}) = \log \sigma(t) . $$
#
# $\psi$ ascends $L$, $\theta$ descends it. The goal is $\theta = 0$, the model on the data, and
# $\psi = 0$, a discriminator that says nothing.
#
# **Line 1, the gradients.** $f'(t) = e^{-t}/(1 + e^{-t}) = 1 / (1 + e^{t}) = \sigma(-t)$. By the
# chain rule
#
# $$ \partial_\theta L = \psi\, f'(\psi\theta) , \qquad \partial_\psi L = \theta\, f'(\psi\theta) . $$

# %% tags=["nbval-check-output"]
point = torch.tensor([1.3, -0.7], dtype=torch.float64, requires_grad=True)
(by_autograd,) = torch.autograd.grad(F.logsigmoid(point[1] * point[0]), point)
slope = torch.sigmoid(-point[1] * point[0]).detach()
line_1 = torch.stack([point[1] * slope, point[0] * slope]).detach()
print(f"line 1 at (1.3, -0.7): {line_1[0]:.6f}, {line_1[1]:.6f}")
print(f"autograd:              {by_autograd[0]:.6f}, {by_autograd[1]:.6f}")
assert torch.allclose(line_1, by_autograd)

# %% [markdown]
# ### Exercise · `dirac_gan_step(theta, psi, learning_rate, r1_weight)`
# *10 minutes.* `theta` and `psi` are tensors of one shape, each entry a game of its own. Return
# `(theta, psi)` after one **[simultaneous](glossary.ipynb#Simultaneous-gradient-step)** step: both gradients are taken at the old point;
# $\theta$ moves down its own, $\psi$ up its own, by `learning_rate`. From what $\psi$ ascends, the
# [R1 penalty](glossary.ipynb#R1-penalty) $\tfrac12$ `r1_weight` $\cdot\,\psi^2$ is subtracted first: a price on the slope of $D$
# at the data, which is $\psi$. Stable at $\psi\theta = \pm 200$. Write the gradients of line 1 out as
# formulas: further down the step itself is differentiated, by $\theta$ and by $\psi$.


# %% exercise="minimax.dirac_gan_step"
def dirac_gan_step(theta, psi, learning_rate, r1_weight):
    """One simultaneous gradient step; theta descends, psi ascends with the penalty."""
    # BEGIN SOLUTION
    slope = torch.sigmoid(-psi * theta)
    by_theta = psi * slope
    by_psi = theta * slope - r1_weight * psi
    return theta - learning_rate * by_theta, psi + learning_rate * by_psi
    # END SOLUTION


# %% check="minimax.dirac_gan_step"
check("minimax.dirac_gan_step", dirac_gan_step)

# %% [markdown]
# **Predict.** Start at $\theta = 1, \psi = 0$ and take 400 steps at learning rate 0.1 without the
# penalty. Where does the game end? Now let the players **[alternate](glossary.ipynb#Alternating-gradient-step)**, as in section 6: $\psi$
# first, and then $\theta$, which sees the new $\psi$.


# %%
def alternating_step(theta, psi, learning_rate, r1_weight):
    """psi moves first; theta answers the new psi."""
    psi = dirac_gan_step(theta, psi, learning_rate, r1_weight)[1]
    return dirac_gan_step(theta, psi, learning_rate, r1_weight)[0], psi


def run(step, learning_rate, r1_weight, steps, start=(1.0, 0.0)):
    """The path of a game, `(steps + 1, 2)`, from the point `start`."""
    path = [torch.tensor(start, dtype=torch.float64)]
    for _ in range(steps):
        path.append(torch.stack(step(*path[-1], learning_rate, r1_weight)))
    return torch.stack(path)


h, weight = 0.1, 0.3
paths = {
    "simultaneous": run(dirac_gan_step, h, 0.0, 400),
    "alternating": run(alternating_step, h, 0.0, 400),
    "simultaneous, R1": run(dirac_gan_step, h, weight, 400),
}
for name, path in paths.items():
    print(f"{name:<17} distance from the goal after 400 steps: {path[-1].norm():.3f}")

# %% tags=["folded"]
figure, panels = plt.subplots(1, 2, figsize=(9.5, 4.4))
for axes, names, price, title in (
    (panels[0], ("simultaneous", "alternating"), 0.0, "no penalty"),
    (panels[1], ("simultaneous, R1",), weight, f"R1 of weight {weight}"),
):

    def field(theta, psi, price=price):
        ends = dirac_gan_step(torch.tensor(theta), torch.tensor(psi), 1.0, price)
        return ends[0].numpy() - theta, ends[1].numpy() - psi

    shown = {name: paths[name].numpy() for name in names}
    draw_field(axes, field, shown, reach=2.2, title=f"The Dirac-GAN, {title}", every=10)
show(figure)

# %% [markdown]
# The arrows have no way in: they turn around the goal. Simultaneous steps leave it in a spiral,
# alternating ones stay on a closed curve, and with the penalty the field itself points inward
# wherever $\psi \ne 0$. Every one of these words can be had as a number.
#
# ### The update near the goal, line by line
#
# **Line 2, the goal is a fixed point, and the only one.** $\theta$ stands still only where
# $\psi f'(\psi\theta) = 0$, and $f' > 0$ everywhere, so $\psi = 0$; then $\psi$ stands still only
# where $\theta f'(0) = 0$, so $\theta = 0$.
#
# **Line 3, the [Jacobian](glossary.ipynb#Jacobian) of a simultaneous step.** Near a fixed point a smooth step multiplies the
# difference from it by the matrix $J$ of its derivatives, and $n$ steps by $J^n$, in which each
# eigenvalue stands as $\lambda^n$. So the larger $|\lambda|$ decides: below 1 the game returns, above 1 it
# leaves, and a pair that is not real turns as it goes. With learning rate $h$ and weight $\gamma$ the step is
# $(\theta - h\psi f',\; \psi + h\theta f' - h\gamma\psi)$. The derivative of $\psi f'(\psi\theta)$ by
# $\theta$ is $\psi^2 f''$, which is 0 at the goal, and by $\psi$ it is $f' + \psi\theta f''$, which
# is $f'(0) = \tfrac12$; the same with the letters exchanged. So
#
# $$ J = \begin{pmatrix} 1 & -\tfrac h2 \\ \tfrac h2 & 1 - h\gamma \end{pmatrix} . $$
#
# **Line 4, its [eigenvalues](glossary.ipynb#Eigenvalue)** solve $\lambda^2 - (\text{trace})\,\lambda + \det = 0$, with trace
# $2 - h\gamma$ and determinant $1 - h\gamma + \tfrac{h^2}4$:
#
# $$ \lambda = 1 - \tfrac{h\gamma}2 \pm \tfrac h2 \sqrt{\gamma^2 - 1} . $$
#
# **Line 5, their size.** For $\gamma < 1$ the root is imaginary, the two are conjugate, and
# $|\lambda|^2$ is their product, the determinant:
#
# $$ |\lambda|^2 = 1 - h\gamma + \tfrac{h^2}4 \quad (\gamma < 1) , \qquad\text{so without penalty}\quad |\lambda| = \sqrt{1 + \tfrac{h^2}4} > 1 . $$
#
# **Without a penalty simultaneous steps leave the goal at every learning rate. With a weight
# $0 < \gamma < 1$ a game that starts near the goal comes back to it where $h < 4\gamma$, and leaves it
# where $h > 4\gamma$.**

# %% tags=["nbval-check-output"]
goal = torch.zeros(2, dtype=torch.float64)


def jacobian(step, h, gamma):
    """Derivatives of a step at the goal, by autograd, `(2, 2)`."""
    return torch.autograd.functional.jacobian(lambda v: torch.stack(step(*v, h, gamma)), goal)


def larger(matrix):
    """The larger size of a matrix's eigenvalues: its spectral radius."""
    return torch.linalg.eigvals(matrix).abs().max()


for h, gamma in ((0.1, 0.0), (0.1, 0.3), (1.0, 0.2), (0.5, 1.5)):
    measured = jacobian(dirac_gan_step, h, gamma)
    line_3 = torch.tensor([[1, -h / 2], [h / 2, 1 - h * gamma]], dtype=torch.float64)
    root = torch.tensor(gamma**2 - 1 + 0j, dtype=torch.complex128).sqrt()
    line_4 = torch.stack([1 - h * gamma / 2 + sign * h / 2 * root for sign in (1, -1)])
    assert torch.allclose(measured, line_3, atol=1e-12)
    assert torch.allclose(line_4.abs().max(), larger(measured), atol=1e-12)
    if gamma < 1:
        line_5 = math.sqrt(1 - h * gamma + h**2 / 4)
        assert abs(line_5 - larger(measured)) < 1e-12
    told = "leaves" if larger(measured) > 1 else "returns"
    print(f"h = {h}, weight {gamma}: |λ| = {larger(measured):.6f}, {told}")

# %% [markdown]
# **Line 6, alternating steps.** $\psi$ moves first, with the matrix $A$, then $\theta$ with the
# matrix $B$; one after the other is their product
#
# $$ B A = \begin{pmatrix} 1 & -\tfrac h2 \\ 0 & 1 \end{pmatrix}
#          \begin{pmatrix} 1 & 0 \\ \tfrac h2 & 1 - h\gamma \end{pmatrix} , \qquad
#    \det = 1 - h\gamma , \quad \text{trace} = 2 - h\gamma - \tfrac{h^2}4 . $$
#
# **Line 7, without penalty they circle.** For $\gamma = 0$ the determinant is 1. While
# $|\text{trace}| < 2$, that is for $0 < h < 4$, the eigenvalues are conjugate, so
# $|\lambda|^2 = \det = 1$: the linearized game neither leaves nor arrives. (At $|\lambda| = 1$ exactly the
# Jacobian does not decide what the game itself does in the long run; we measure that below.) With
# $\gamma > 0$, as long as they are conjugate, $|\lambda| = \sqrt{1 - h\gamma} < 1$: it arrives.

# %% tags=["nbval-check-output"]
for h, gamma in ((0.1, 0.0), (1.0, 0.0), (3.9, 0.0), (4.1, 0.0), (0.1, 0.3), (1.0, 0.2)):
    measured = jacobian(alternating_step, h, gamma)
    second = torch.tensor([[1, -h / 2], [0, 1]], dtype=torch.float64)
    first = torch.tensor([[1, 0], [h / 2, 1 - h * gamma]], dtype=torch.float64)
    assert torch.allclose(measured, second @ first, atol=1e-12)
    assert torch.isclose(measured.det(), torch.tensor(1 - h * gamma, dtype=torch.float64))
    conjugate = measured.trace() ** 2 < 4 * measured.det()
    if conjugate:
        assert abs(larger(measured) - math.sqrt(1 - h * gamma)) < 1e-9
    kind = "conjugate" if conjugate else "real"
    print(f"h = {h}, weight {gamma}: |λ| = {larger(measured):.6f}, eigenvalues {kind}")

# %% [markdown]
# Lines 3 to 7 hold near the goal, where the step is almost its Jacobian. The next one holds
# everywhere.
#
# **Line 8, the radius of simultaneous steps without penalty, exactly.** Square both new coordinates
# and add; the mixed terms $\mp 2 h\,\theta\psi f'$ cancel:
#
# $$ (\theta - h\psi f')^2 + (\psi + h\theta f')^2 = (\theta^2 + \psi^2)\big(1 + h^2 f'(\psi\theta)^2\big) . $$
#
# So each step multiplies the radius by $\sqrt{1 + h^2 f'(\psi\theta)^2}$, never less than 1, wherever
# the game is.
#
# **Predict and measure**: near the goal the linear law (line 5, or the $n$-th power of the Jacobian
# where the radius does not grow evenly), far from it line 8.

# %% tags=["nbval-check-output"]
near, n = (3e-5, 4e-5), 500
start = torch.tensor(near, dtype=torch.float64)
for name, step, h, gamma in (
    ("simultaneous", dirac_gan_step, 0.1, 0.0),
    ("alternating", alternating_step, 0.1, 0.0),
    ("simultaneous, R1", dirac_gan_step, 0.1, 0.3),
    ("alternating, R1", alternating_step, 0.1, 0.3),
):
    predicted = (torch.linalg.matrix_power(jacobian(step, h, gamma), n) @ start).norm()
    measured = run(step, h, gamma, n, near)[-1].norm()
    off = abs(measured / predicted - 1)
    print(f"{name:<17} radius times {predicted / 5e-5:.6f}, measured {measured / 5e-5:.6f}")
    assert off < 1e-6
growth = run(dirac_gan_step, 0.1, 0.0, n, near)[-1].norm() / 5e-5
assert abs(growth / (1 + 0.1**2 / 4) ** (n / 2) - 1) < 1e-6  # line 5
path = run(dirac_gan_step, 0.1, 0.0, n, (1.5, -0.5))
factors = (1 + 0.1**2 * torch.sigmoid(-path[:-1].prod(dim=1)) ** 2).sqrt()
predicted, measured = path[0].norm() * factors.prod(), path[-1].norm()
print(f"far from the goal, line 8: radius {predicted:.6f}, measured {measured:.6f}")
assert abs(predicted - measured) < 1e-6

# %% [markdown]
# «They circle» was said near the goal. **Predict**: started at $\theta = 1$, does the alternating
# game still have the same radius after thousands of steps? And where are the others after
# 3,000?

# %% tags=["folded"]
long = {
    "simultaneous": (dirac_gan_step, 0.0),
    "alternating": (alternating_step, 0.0),
    "simultaneous, R1 of 0.3": (dirac_gan_step, 0.3),
    "simultaneous, R1 of 0.05": (dirac_gan_step, 0.05),
}
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), width_ratios=(1.2, 1))
for name, (step, gamma) in long.items():
    radius = run(step, 0.1, gamma, at_scale(300, 3_000, 3_000)).norm(dim=1)
    left.plot(radius, label=name)
    if step is alternating_step:
        lowest, highest = radius.min(), radius.max()
        print(f"alternating: the radius stays between {lowest:.3f} and {highest:.3f}")
left.set(
    title="Distance from the goal", xlabel="step", ylabel="radius", yscale="log", ylim=(1e-6, 20)
)
left.legend(fontsize=8)
rates, weights = torch.linspace(0.02, 4, 100), torch.linspace(0, 0.99, 100)
size = (1 - rates[None] * weights[:, None] + rates[None] ** 2 / 4).sqrt()
picture = right.contourf(rates, weights, size, levels=20, cmap="PuOr_r", vmin=0.3, vmax=1.7)
right.contour(rates, weights, size, levels=[1.0], colors="black")
right.plot(0.1, 0.3, "ko", ms=5)
right.plot(0.1, 0.05, "k^", ms=5)
right.set(title="|λ| of simultaneous steps", xlabel="learning rate h", ylabel="weight γ")
right.annotate("leaves", (2.6, 0.3))
right.annotate("returns", (0.7, 0.7))
figure.colorbar(picture, ax=right)
show(figure)

# %% [markdown]
# The black line is $h = 4\gamma$: left of it a game that starts near the goal returns (the dot and the
# triangle are the two weights of the left picture). At a small learning rate a small weight is enough,
# and takes longer. What the penalty changes is not the goal but the field:
# it makes a $\psi$ that is not needed go away.
#
# What carries over to real GANs, and what does not? Mescheder and others prove local convergence with
# R1 for networks too, under conditions: the generator can make the data's distribution exactly, $D$
# can be 0 near the data, the learning rate is small enough, and the Jacobian is regular apart from
# directions in which nothing changes. The circling itself needs no more than that each player's
# gradient turns with the other's parameters, which is so in every GAN.
#
# ## 8 · Change one thing
#
# **First: Adam.** It is often said that Adam cures oscillation. Run the Dirac-GAN from $(1, 0)$ with
# simultaneous steps by `torch.optim.Adam` and by `torch.optim.SGD`, both at learning rate 0.1, for
# 2,000 steps. Where are they? And at 0.01?

# %%
# your experiment: theta, psi = nn.Parameter(...), nn.Parameter(...); psi ascends, theta descends

# %% tags=["solution"]
for rate in (0.1, 0.01):
    for kind in (torch.optim.SGD, torch.optim.Adam):
        theta, psi = (nn.Parameter(torch.tensor(v, dtype=torch.float64)) for v in (1.0, 0.0))
        optimizers = kind([theta], lr=rate), kind([psi], lr=rate, maximize=True)
        for _ in range(at_scale(200, 2_000, 2_000)):
            value = F.logsigmoid(psi * theta)
            theta.grad, psi.grad = torch.autograd.grad(value, (theta, psi))
            for optimizer in optimizers:
                optimizer.step()
        radius = math.hypot(theta.item(), psi.item())
        print(f"{kind.__name__:>4} at {rate}: radius {radius:.3f}")

# %% [markdown] tags=["solution"]
# Adam is no cure: at equal learning rates it ends further out than plain gradient steps, at 0.1 and
# at 0.01. It divides each gradient by its recent size, so near the goal, where gradients are small, it
# steps as far as anywhere else. What Adam does to a game's speed is another matter than whether the
# game arrives.

# %% [markdown]
# **Second: more discriminator steps.** In section 6 five steps of $D$ a round were best. Let $\psi$ take
# five steps and then $\theta$ one, without penalty. Compute the Jacobian's eigenvalues at $h = 0.1$
# with `jacobian` and `larger`. Does the Dirac-GAN now converge? Up to which $h$ does it keep
# circling?

# %%
# your experiment: def five_steps(theta, psi, learning_rate, r1_weight): ...


# %% tags=["solution"]
def five_steps(theta, psi, learning_rate, r1_weight):
    for _ in range(5):
        psi = dirac_gan_step(theta, psi, learning_rate, r1_weight)[1]
    return dirac_gan_step(theta, psi, learning_rate, r1_weight)[0], psi


print(f"h = 0.1: |λ| = {larger(jacobian(five_steps, 0.1, 0.0)):.9f}")
for h in (1.7, 1.78, 1.8):
    print(f"h = {h}: |λ| = {larger(jacobian(five_steps, h, 0.0)):.4f}")
print(f"4 / sqrt(5) = {4 / math.sqrt(5):.4f}")

# %% [markdown] tags=["solution"]
# No. Near the goal five steps of $\psi$ are one step that is five times as long: the matrix $A$ has
# $5h/2$ in its corner, the determinant is still 1, the trace $2 - 5h^2/4$, and the game circles up to
# $h = 4/\sqrt5$ (section 2 of the paper has it for any numbers of steps). In section 6 the best $D$
# was a finite function that the model could follow; here the best $\psi$ for any $\theta \ne 0$ is
# infinite, and coming closer to it is no help.

# %% [markdown]
# ## What you take along
#
# 1. Against the best discriminator, $p_\text{data} / (p_\text{data} + p_\text{model})$, the game's
#    value is $2\,\mathrm{JS} - \log 4$; against any other it is less.
# 2. With that $D$, the saturating loss goes down $2\,\mathrm{JS}$ and vanishes where the densities
#    are apart; the non-saturating one goes down
#    $\mathrm{KL}(p_\text{model}\|p_\text{data}) - 2\,\mathrm{JS} = 2\,\mathrm{KL}(m\|p_\text{data})$
#    with the half-and-half mixture $m$, keeps its force, and seeks.
# 3. Real players are never at their best, they chase each other. Two eigenvalues tell what that does:
#    simultaneous steps spiral out, alternating ones circle, a penalty on the discriminator's slope
#    brings them home.
#
# **References.** Goodfellow and others (2014), arXiv 1406.2661, section 4 and theorem 1 · Arjovsky
# and Bottou (2017), arXiv 1701.04862, theorem 2.5 · Mescheder, Geiger and Nowozin (2018), arXiv
# 1801.04406, sections 2 and 4 · Shannon and others (2020), *Non-saturating GAN training as divergence
# minimization*, arXiv 2010.08029.
#
# **Next** is 09_first_gan: the same game with images.
