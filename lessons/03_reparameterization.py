# %% [markdown]
# # 03 · Gradients through randomness
#
# A variational autoencoder draws a random code in the middle of its network, and wants to know how
# its weights should change so that such draws turn out better. How do you differentiate a die? There
# are two answers. One follows each draw back to the knobs that it came from; the other never looks
# inside the loss and asks only which draws did well. Both are right on average. They differ in how
# much they tremble, and that decides what can be trained.
#
# ![Two estimators race for the same goal: one walks, the other one staggers](../images/03_reparameterization.png)
#
# <details><summary>中文导读</summary>
#
# VAE 在网络中间抽取随机编码，梯度怎样穿过随机性？本课给出两种答案：路径梯度（重参数化，
# z = m + s·ε，随机性放在外面）与得分函数梯度（REINFORCE，只用 f 的取值）。两者都无偏，方差却大不相同：
# 先由公式预测，再用实验测量，并看方差怎样随维数增长。留一基线可以降低得分函数梯度的方差而不引入偏差，
# 课中有证明。最后说明路径梯度的适用条件：f 与 z 都必须连续；条件不成立时它是错的。
#
# </details>
#
# **You will be able to**
# - say why `torch.normal` and `.sample()` pass no gradient on, and repair it in one line,
# - derive the pathwise and the score-function gradient, each line checked by numbers,
# - predict the variance of both before you measure it, and say how it grows with the dimension,
# - lower it by a leave-one-out baseline, and prove that this costs no bias,
# - choose: where the pathwise gradient is far better, where it is worse, and where it is wrong.
#
# **Time** 80 minutes · **Builds on** 01_divergences, 02_elbo · **Papers** Williams (1992), *Simple
# Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning*; Kingma and
# Welling (2013), *Auto-Encoding Variational Bayes*, arXiv 1312.6114; Mohamed, Rosca, Figurnov and
# Mnih (2020), *Monte Carlo Gradient Estimation in Machine Learning*, arXiv 1906.10652.
#
# **Numbers in the text** are those of one run at `laptop` scale, on two CPU cores; at another scale, or on
# another machine, yours differ.

# %% tags=["folded"]
import math

import matplotlib.pyplot as plt
import torch
from torch.distributions import Bernoulli, Normal

from course_lib.checks import check
from course_lib.history import History, watch
from course_lib.plotting import show
from course_lib.probability import kl_gaussian
from course_lib.training import at_scale, course_scale, seed_everything

seed_everything(0)
draws = 100_000  # of every test of a mean or a variance, at each scale
wide_draws = at_scale(smoke=1_000, laptop=10_000, gpu=20_000)  # where each draw has many numbers
race_steps = at_scale(smoke=30, laptop=300, gpu=300)  # updates of each run in the race
race_seeds = at_scale(smoke=2, laptop=10, gpu=20)
print(
    f"scale {course_scale()}: {draws:,} draws, races of {race_seeds} seeds x {race_steps} updates"
)

# %% [markdown]
# ## 1 · A distribution with two knobs
#
# Here is the whole problem in one dimension. A number $z$ is drawn from
# $q = \mathcal N(m, s^2)$. The mean $m$ and the standard deviation $s$ are two knobs that you may
# turn. Then a function $f$ says how bad the draw was. You want to turn the knobs so that the
# **average** badness falls, so you need the two slopes
#
# $$ \frac{\partial}{\partial m}\, \mathbb E_{z \sim q}[f(z)] , \qquad
#    \frac{\partial}{\partial s}\, \mathbb E_{z \sim q}[f(z)] . $$
#
# In a VAE, $m$ and $s$ come out of the encoder and $f$ is minus the log-likelihood that the decoder
# gives. To see whether an answer is right we take an $f$ for which everything is known,
# $f(z) = \tfrac12 (z - 2)^2 + 3$. Its average needs $\mathbb E[z] = m$ and
# $\mathbb E[(z - 2)^2] = (m - 2)^2 + s^2$ alone:
#
# $$ \mathbb E[f(z)] = \tfrac12 (m - 2)^2 + \tfrac12 s^2 + 3 , \qquad
#    \frac{\partial}{\partial m} = m - 2 , \qquad \frac{\partial}{\partial s} = s . $$
#
# **Predict.** At $m = 0.7$ and $s = 0.6$: which way should the mean go, which way the standard
# deviation, and why does a smaller $s$ help although the draws are as often too high as too low?


# %%
def f(z):
    """How bad a draw is; its least value is 3, at z = 2."""
    return 0.5 * (z - 2) ** 2 + 3


mean, std = torch.tensor(0.7, dtype=torch.float64), torch.tensor(0.6, dtype=torch.float64)
exact = torch.stack([mean - 2, std])  # the slopes by mean and by std
z = torch.linspace(-2, 4.5, 400, dtype=torch.float64)
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.2))
left.fill_between(z, 6 * Normal(mean, std).log_prob(z).exp(), alpha=0.3, label="q (not to scale)")
left.plot(z, f(z), color="C1", label="f")
left.set(title="A draw z, and how bad it is", xlabel="z", ylabel="f(z)", ylim=(0, 9))
left.legend()
for axes, knob, at, average in (
    (middle, "mean", mean, lambda k: 0.5 * (k - 2) ** 2 + 0.5 * std**2 + 3),
    (right, "std", std, lambda k: 0.5 * (mean - 2) ** 2 + 0.5 * k**2 + 3),
):
    values = at + torch.linspace(-0.55, 1.6, 100, dtype=torch.float64)
    slope = exact[0] if knob == "mean" else exact[1]
    axes.plot(values, average(values), label="E f(z)")
    near = at + torch.tensor([-0.5, 0.5])
    axes.plot(near, average(at) + slope * (near - at), color="C1", label=f"slope {slope:+.1f}")
    axes.plot(at, average(at), "o", color="C1")
    axes.set(title=f"The average, by the {knob}", xlabel=knob, ylabel="E f(z)")
    axes.legend()
show(figure)

# %% [markdown]
# The mean should rise, towards 2. The standard deviation should shrink: $f$ is curved upwards, so a
# draw that is too far left loses more than one that is as much to the right wins. The orange
# slopes, $-1.3$ and $0.6$, are what everything below has to find *without* the formula for
# $\mathbb E f$, from draws alone.
#
# ## 2 · Where did this draw come from?
#
# The obvious program: draw $z$, compute $f(z)$, call `backward()`. PyTorch has several ways to draw.
#
# **Predict.** Three programs below differ only in how they draw $z$ from the two leaves `m` and `s`.
# For each: does $z$ remember where it came from (`requires_grad`)? What gradient arrives?

# %% tags=["nbval-check-output"]
ways = {
    "Normal(m, s).sample()": lambda m, s: Normal(m, s).sample(),
    "torch.normal(m, s)": lambda m, s: torch.normal(m, s),
    "m + s * torch.randn(())": lambda m, s: m + s * torch.randn((), dtype=m.dtype),
}
for name, draw in ways.items():
    m, s = mean.clone().requires_grad_(True), std.clone().requires_grad_(True)
    drawn = draw(m, s)
    print(f"{name:<24} requires_grad {drawn.requires_grad!s:<5}", end=" ")
    try:
        f(drawn).backward()
        zero = "0 and 0" if m.grad == 0 and s.grad == 0 else "not 0"
        print(f"backward() runs, by m and s it gives {zero}")
    except RuntimeError as error:
        print(f"RuntimeError: {str(error)[:42]}…")

# %% [markdown]
# Three programs, three fates:
#
# - `.sample()` draws under `no_grad`. The draw is a number that fell from the sky, and `backward()`
#   stops with an error. That is the friendly one.
# - `torch.normal(m, s)` **does** keep a graph, and sends **zeros** back. A derivative needs a rule
#   for how the output moves when the input moves, and PyTorch's rule for a random draw is «not at
#   all». Everything runs, no error comes, and nothing is ever learned.
# - The last line draws something that does not depend on the knobs, and *computes* $z$ from it. Now
#   $z$ is an ordinary function of $m$ and $s$, and a gradient arrives.
#
# That last line is called [reparameterization](glossary.ipynb#Reparameterization). If
# $\varepsilon \sim \mathcal N(0, 1)$, then
#
# $$ z = m + s\,\varepsilon \;\sim\; \mathcal N(m, s^2), $$
#
# because scaling by $s$ scales a standard deviation by $s$, and adding $m$ shifts a mean by $m$.
# The die is thrown outside; the knobs only say what is made of it. (`Normal(m, s).rsample()` does
# the same, with noise of its own.) An encoder gives a log-variance $\ell$, so $s = e^{\ell / 2}$.

# %% [markdown]
# ### Exercise · `reparameterize(mean, log_var, noise)`
# *5 minutes.* All three have one shape, such as `(B, Z)`; `noise` is standard normal. Return the
# draws $z$ of $\mathcal N(\mathrm{mean}, e^{\mathrm{log\_var}})$ that belong to this noise, same
# shape, differentiable in `mean` and `log_var`. It must be right for `log_var` from -40 to 40. The
# trap: what multiplies the noise is a standard deviation.


# %% exercise="reparameterization.reparameterize"
def reparameterize(mean, log_var, noise):
    """Draws of N(mean, exp(log_var)) made from standard normal noise, all of one shape."""
    # BEGIN SOLUTION
    return mean + (log_var / 2).exp() * noise
    # END SOLUTION


# %% check="reparameterization.reparameterize"
check("reparameterization.reparameterize", reparameterize)

# %% [markdown]
# **Predict.** The left picture keeps twelve noises and turns the knobs. When the mean grows by 1,
# how far does each draw move? When the standard deviation doubles, which draws move most? The right
# picture trains the mean for 60 steps of gradient descent, once through your function and once
# through `torch.normal`.


# %%
def train_the_mean(draw, steps=60):
    """Descend on f(z) by the mean alone, 10 draws a step; returns the mean after each step."""
    m, history = torch.tensor(-1.0, requires_grad=True), History()
    optimizer = torch.optim.SGD([m], lr=0.1)
    for _ in watch(range(steps), history):
        loss = f(draw(m.expand(10))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.add(mean=m)
    return history["mean"]


# %% tags=["folded"]
log_var = torch.tensor(2 * math.log(0.6))
twelve = Normal(0.0, 1.0).icdf(torch.linspace(0.04, 0.96, 12))
settings = [(0.0, 0.6), (1.0, 0.6), (1.0, 1.2)]
rows = [
    reparameterize(torch.full((12,), m), torch.full((12,), 2 * math.log(s)), twelve)
    for m, s in settings
]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2))
for upper, lower, height in ((rows[0], rows[1], 2), (rows[1], rows[2], 1)):
    left.plot(torch.stack([upper, lower]), [height, height - 1], color="0.8", linewidth=1)
for row, height in zip(rows, (2, 1, 0), strict=True):
    left.plot(row, torch.full((12,), float(height)), "o", markersize=5)
left.set_yticks([2, 1, 0], [f"mean {m:.0f}, std {s}" for m, s in settings])
left.set(title="The same twelve noises, three settings", xlabel="z")
with_noise = train_the_mean(lambda m: reparameterize(m, log_var.expand(10), torch.randn(10)))
right.plot(with_noise, label="reparameterized")
right.plot(train_the_mean(lambda m: torch.normal(m, (log_var / 2).exp())), label="torch.normal")
right.axhline(2, color="gray", linestyle="--", label="the best mean")
right.set(title="What is learned", xlabel="updates", ylabel="mean")
right.legend()
show(figure)
noise = torch.randn(draws, generator=torch.Generator().manual_seed(1))
made = reparameterize(torch.full((draws,), 0.7), log_var.expand(draws), noise)
error = 0.6 / math.sqrt(draws)
print(f"mean of {draws:,} draws {made.mean():.3f}, standard deviation {made.std():.3f}")
assert abs(made.mean() - 0.7) < 5 * error and abs(made.std() - 0.6) < 5 * error / math.sqrt(2)

# %% [markdown]
# With the mean every draw moves by the same amount, so $\partial z / \partial m = 1$. With the
# standard deviation a draw moves in proportion to its noise,
# $\partial z / \partial s = \varepsilon$: the outer ones far, the middle ones hardly, the left ones
# to the left. These two numbers are all that the first estimator needs.
#
# ## 3 · Along the path of each draw
#
# From the picture to a gradient, in three lines:
#
# $$ \begin{aligned}
# \frac{\partial}{\partial m} \mathbb E_{z \sim q}[f(z)]
#  &= \frac{\partial}{\partial m} \mathbb E_{\varepsilon}[f(m + s\varepsilon)] && (1) \\
#  &= \mathbb E_{\varepsilon}\Big[\frac{\partial}{\partial m} f(m + s\varepsilon)\Big] && (2) \\
#  &= \mathbb E_{\varepsilon}[f'(z)] , \qquad \text{and likewise} \quad
#  \frac{\partial}{\partial s} \mathbb E[f(z)] = \mathbb E_\varepsilon[f'(z)\,\varepsilon] && (3)
# \end{aligned} $$
#
# 1. **The same distribution**: $m + s\varepsilon$ is distributed as $z$, so both averages are one
#    number.
# 2. **The derivative goes inside the average.** It may, because the weights of the average, the
#    density of $\varepsilon$, no longer depend on $m$, *and* because $f$ is continuous with a slope
#    that does not grow too wildly. (Remember the condition; section 8 breaks it.)
# 3. **Chain rule**, with $\partial z / \partial m = 1$ and $\partial z / \partial s = \varepsilon$.
#
# The average of $f'(z)$ over draws is the [pathwise gradient](glossary.ipynb#Pathwise-gradient).
# The next cell computes each line by quadrature, as lesson 01 did: the average over $\varepsilon$
# is a sum over a fine grid.

# %% tags=["nbval-check-output"]
e = torch.linspace(-10, 10, 8001, dtype=torch.float64)
weight = Normal(0.0, 1.0).log_prob(e).exp()


def average(values):
    """E over standard normal noise, of values on the grid e, by the trapezoid rule."""
    return torch.trapezoid(weight * values, e)


z = torch.linspace(-10, 10, 8001, dtype=torch.float64)
over_z = torch.trapezoid(Normal(mean, std).log_prob(z).exp() * f(z), z)
print(f"line 1: E f over z {over_z:.6f}, over the noise {average(f(mean + std * e)):.6f}")
h = 1e-4
outside = (average(f(mean + h + std * e)) - average(f(mean - h + std * e))) / (2 * h)
inside = average((f(mean + h + std * e) - f(mean - h + std * e)) / (2 * h))
slope = mean + std * e - 2  # f'(z) at z = mean + std · e
print(f"line 2: derivative outside {outside:.6f}, inside {inside:.6f}")
print(f"line 3: by mean {average(slope):.6f}, by std {average(slope * e):.6f}")
print(f"exact:  by mean {exact[0]:.6f}, by std {exact[1]:.6f}")
assert torch.isclose(over_z, average(f(mean + std * e)), atol=1e-9)
assert torch.isclose(outside, inside, atol=1e-8) and torch.isclose(inside, exact[0], atol=1e-7)
assert torch.allclose(torch.stack([average(slope), average(slope * e)]), exact, atol=1e-9)

# %% [markdown]
# ### Exercise · `pathwise_gradient(function, mean, std, noise)`
# *8 minutes.* `function` maps draws `(N,)` to values `(N,)` and is made of torch operations; `mean`
# and `std` are scalar tensors, shape `()`, without `requires_grad`; `noise` is `(N,)`. Return the
# pair (d/dmean, d/dstd) of $\mathbb E f(z)$, estimated from these N draws: two scalars. Let
# autograd differentiate. A trap: `backward()` *adds* to what lies in `.grad`, and you may be called
# again with the same tensors.


# %% exercise="reparameterization.pathwise_gradient"
def pathwise_gradient(function, mean, std, noise):
    """(d/dmean, d/dstd) of E f(mean + std · noise), averaged over noise `(N,)`."""
    # BEGIN SOLUTION
    mean, std = mean.detach().requires_grad_(True), std.detach().requires_grad_(True)
    average = function(mean + std * noise).mean()
    return torch.autograd.grad(average, (mean, std))
    # END SOLUTION


# %% check="reparameterization.pathwise_gradient"
check("reparameterization.pathwise_gradient", pathwise_gradient)

# %% [markdown]
# ## 4 · Without looking inside
#
# The second answer comes from another world, in which $f$ is a game that was won or lost, a
# simulator, a person who liked the picture: it gives values and no slopes. Do not move the draws.
# Move the *probabilities*: if draws on the right did badly, make draws on the right rarer.
#
# $$ \begin{aligned}
# \frac{\partial}{\partial m} \int q(z)\, f(z)\, dz
#  &= \int \frac{\partial q(z)}{\partial m}\, f(z)\, dz && (1) \\
#  &= \int q(z)\, \frac{\partial \log q(z)}{\partial m}\, f(z)\, dz && (2) \\
#  &= \mathbb E_{z \sim q}\Big[ f(z)\, \frac{\partial \log q(z)}{\partial m} \Big] && (3)
# \end{aligned} $$
#
# 1. **The derivative goes inside the integral.** $z$ is only the name of a place; $m$ occurs in $q$
#    alone, which is as smooth as one can wish. Of $f$ nothing is asked but that these averages exist.
# 2. **Derivative of a logarithm**, $\partial \log q = \partial q / q$, read backwards.
# 3. **Definition of an average** under $q$.
#
# The factor $\partial \log q / \partial m$ is called the [score](glossary.ipynb#Score). For a
# Gaussian, $\log q(z) = -\tfrac12 \log 2\pi - \log s - \frac{(z - m)^2}{2 s^2}$, and
# differentiating with $z$ **held fixed** gives, with $z - m = s\varepsilon$,
#
# $$ \frac{\partial \log q}{\partial m} = \frac{z - m}{s^2} = \frac{\varepsilon}{s} , \qquad
#    \frac{\partial \log q}{\partial s} = -\frac1s + \frac{(z - m)^2}{s^3}
#    = \frac{\varepsilon^2 - 1}{s} . \qquad (4) $$
#
# One more line, which section 6 lives on: put $f = 1$ into lines 1 to 3. The left side is the
# derivative of $\int q = 1$, which is 0, so **a score averages to 0**:
# $\mathbb E_q[\partial \log q] = 0$. (5)
#
# **Predict.** Sketch both scores over $z$. Where is the score by $s$ positive, and why there?

# %%
z = mean + std * e
m, s = (p.repeat(len(e)).requires_grad_(True) for p in (mean, std))  # one copy for each place
log_q = Normal(m, s).log_prob(z)
by_autograd = torch.stack(torch.autograd.grad(log_q.sum(), (m, s)))
score = torch.stack([e / std, (e**2 - 1) / std])  # line 4
density = log_q.detach().exp()


def q(m, s):
    return Normal(m, s).log_prob(z).exp()


by_mean, by_std = q(mean + h, std) - q(mean - h, std), q(mean, std + h) - q(mean, std - h)
density_slopes = torch.stack([by_mean, by_std]) / (2 * h)  # of q itself, at each place z
line_1 = torch.trapezoid(density_slopes * f(z), z)
line_3 = torch.stack([average(row * f(z)) for row in score])
assert torch.allclose(score, by_autograd, atol=1e-9)
assert torch.allclose(density_slopes, density * score, atol=1e-6)  # line 2
assert torch.allclose(line_1, exact, atol=1e-8) and torch.allclose(line_3, exact, atol=1e-8)
assert max(average(row).abs() for row in score) < 1e-9

# %% tags=["folded"]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2))
for axes, row, slopes, knob in zip(
    (left, right), score, density_slopes, ("mean", "std"), strict=True
):
    axes.fill_between(z, density, alpha=0.25, label="q")
    axes.plot(z, row / 5, label="score / 5")
    axes.plot(z, slopes, label=f"slope of q by {knob}")
    axes.set(title=f"Turning the {knob} up", xlabel="z", xlim=(-1.6, 3), ylim=(-1.2, 1.7))
left.legend(loc="upper left")
show(figure)
print("lines 1 and 3, by mean and by std:", *(f"{v:+.6f}" for v in [*line_1, *line_3]))
print("line 4 agrees with autograd on the grid; line 5: a score averages to 0")
generator = torch.Generator().manual_seed(3)
noise = torch.randn(draws, generator=generator, dtype=torch.float64)  # used from here on

# %% [markdown]
# Turning the mean up makes draws on the right more probable and draws on the left rarer. Turning
# the standard deviation up favors what is farther than one standard deviation from the mean, on
# either side. Each draw votes for or against, its vote is its score, and $f$ is the weight of the
# vote. That is the [score-function gradient](glossary.ipynb#Score-function-gradient), known in
# reinforcement learning as REINFORCE.
#
# Is it a coincidence that $\mathbb E[f(z)\,\varepsilon] / s = \mathbb E[f'(z)]$? For smooth $f$ it
# is integration by parts, since $-\varepsilon$ times the normal density is that density's
# derivative. The two estimators are the two sides of that one equation.
#
# Both ways back in one picture (dashed: the gradient):
#
# ![Pathwise: through f and z to the knobs. Score function: by log q, weighed with f's value](../images/03_paths.png)

# %% [markdown]
# ### Exercise · `score_function_gradient(function, mean, std, noise)`
# *10 minutes.* The same arguments and the same kind of result, another estimator: the average over
# draws of $f(z)$ times the score, two scalars. `function` may now be a step or a program outside of
# torch, so nothing may be differentiated through it. The trap, if you let autograd differentiate
# $\log q$: the draws stay where they are.


# %% exercise="reparameterization.score_function_gradient"
def score_function_gradient(function, mean, std, noise):
    """(d/dmean, d/dstd) of E f(mean + std · noise), from the values of f alone."""
    # BEGIN SOLUTION
    values = function(mean + std * noise)
    by_mean = noise / std  # the scores, with z - mean = std · noise
    by_std = (noise**2 - 1) / std
    return (values * by_mean).mean(), (values * by_std).mean()
    # END SOLUTION


# %% check="reparameterization.score_function_gradient"
check("reparameterization.score_function_gradient", score_function_gradient)

# %% [markdown]
# **Predict.** Both estimators get the same draws: ten, a hundred, up to a hundred thousand. Both
# aim at $-1.3$. Which one would you rather steer by?

# %%
counts = [10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, draws]
figure, axes = plt.subplots(figsize=(7, 3.2))
for name, estimate, color in (
    ("score function", score_function_gradient, "C1"),
    ("pathwise", pathwise_gradient, "C2"),
):
    values = torch.tensor([estimate(f, mean, std, noise[:n])[0] for n in counts])
    axes.plot(counts, values, "o-", color=color, label=name)
axes.axhline(exact[0], color="gray", linestyle="--", label="exact")
axes.set(title="One gradient, two estimators", xlabel="draws", ylabel="d/dmean", xscale="log")
axes.legend()
show(figure)

# %% [markdown]
# ## 5 · The same mean, another variance
#
# How much do they tremble? For a quadratic $f$ the answer fits on a page. Write
# $z = m + s\varepsilon$ and sort by powers of $\varepsilon$ (Taylor's formula, exact for a
# quadratic):
#
# $$ f(z) = A + B\varepsilon + C\varepsilon^2 , \qquad A = f(m), \quad B = s f'(m), \quad
#    C = \tfrac12 s^2 f''(m) . \qquad (1) $$
#
# **Moments.** Integration by parts gives
# $\mathbb E[\varepsilon^{k+2}] = (k + 1)\,\mathbb E[\varepsilon^k]$, so the even moments are
# $1, 3, 15, 105$ for $\varepsilon^2, \varepsilon^4, \varepsilon^6, \varepsilon^8$, and the odd ones
# are 0. (2)
#
# **Pathwise, one draw.** Differentiate (1) by $\varepsilon$ and divide by $s$ (chain rule:
# $\partial f / \partial \varepsilon = s f'(z)$):
# $f'(z) = (B + 2C\varepsilon)/s$. A constant has no variance, and $\mathrm{Var}\,\varepsilon = 1$;
# for the second estimate multiply by $\varepsilon$ and use
# $\mathrm{Var}\,\varepsilon^2 = 3 - 1 = 2$ and
# $\mathrm{Cov}(\varepsilon, \varepsilon^2) = \mathbb E[\varepsilon^3] = 0$:
#
# $$ \mathrm{Var}[f'(z)] = \frac{4C^2}{s^2} , \qquad
#    \mathrm{Var}[f'(z)\,\varepsilon] = \frac{B^2 + 8C^2}{s^2} . \qquad (3) $$
#
# **Score function, one draw.** The estimate by $m$ is
# $(A\varepsilon + B\varepsilon^2 + C\varepsilon^3)/s$. Its mean is $B/s = f'(m)$, as it should be.
# Square it, drop the odd powers, put in the moments, and subtract the squared mean $B^2$:
#
# $$ \mathrm{Var}\Big[f(z)\frac{\varepsilon}{s}\Big]
#    = \frac{A^2 + 3B^2 + 15C^2 + 2AC \cdot 3 - B^2}{s^2}
#    = \frac{A^2 + 6AC + 2B^2 + 15C^2}{s^2} . \qquad (4) $$
#
# By $s$, the factor is $\varepsilon^2 - 1$, whose square is $\varepsilon^4 - 2\varepsilon^2 + 1$.
# Averaged with $1$, $\varepsilon^2$ and $\varepsilon^4$ it gives $3 - 2 + 1 = 2$, then
# $15 - 6 + 1 = 10$, then $105 - 30 + 3 = 78$. The coefficients of $f^2$ at these powers are $A^2$,
# $B^2 + 2AC$ and $C^2$. The mean is $\mathbb E[C\varepsilon^2(\varepsilon^2 - 1)]/s = 2C/s$
# ($A$ meets $\mathbb E[\varepsilon^2 - 1] = 0$, and $B$ an odd power), so
#
# $$ \mathrm{Var}\Big[f(z)\frac{\varepsilon^2 - 1}{s}\Big]
#    = \frac{2A^2 + 10(B^2 + 2AC) + 78C^2 - 4C^2}{s^2}
#    = \frac{2A^2 + 20AC + 10B^2 + 74C^2}{s^2} . \qquad (5) $$
#
# **Predict.** $A$ is $f$ at the mean, about 3.8 here; the 3 in $f$ is a constant that has nothing
# to do with any slope. In which of the four variances does it appear?


# %%
def parts(m, s):
    """A, B and C of f(m + s · noise)."""
    return f(m), s * (m - 2), 0.5 * s**2


def path_variances(A, B, C, s):
    return torch.stack([4 * C**2, B**2 + 8 * C**2]) / s**2


def score_variances(A, B, C, s):
    by_mean = A**2 + 6 * A * C + 2 * B**2 + 15 * C**2
    return torch.stack([by_mean, 2 * A**2 + 20 * A * C + 10 * B**2 + 74 * C**2]) / s**2


def single_terms(function, m, s, noise):
    """Each draw's own estimates by mean and by std, `(N, 2)`: pathwise, and by the score."""
    z = (m + s * noise).requires_grad_(True)
    values = function(z)
    slope = torch.autograd.grad(values.sum(), z)[0]
    weights = torch.stack([noise, noise**2 - 1], dim=1) / s
    path = torch.stack([slope, slope * noise], dim=1)
    return {"pathwise": path, "score function": values.detach()[:, None] * weights}


# %% tags=["nbval-check-output"]
A, B, C = parts(mean, std)
print("moments:", *(f"{average(e**k):.4f}" for k in (2, 3, 4, 6, 8)))  # line 2
assert torch.allclose(f(mean + std * e), A + B * e + C * e**2)  # line 1
analytic = {
    "pathwise": path_variances(A, B, C, std),
    "score function": score_variances(A, B, C, std),
}
for name, terms in single_terms(f, mean, std, e).items():  # lines 3 to 5, by quadrature
    by_grid = [average(t**2) - average(t) ** 2 for t in terms.unbind(1)]
    assert torch.allclose(torch.stack(by_grid), analytic[name], rtol=1e-7)

terms = single_terms(f, mean, std, noise)
for name, rows in terms.items():
    for column, knob in enumerate(("mean", "std")):
        value, squares = rows[:, column].mean(), (rows[:, column] - exact[column]) ** 2
        variance, formula = squares.mean(), analytic[name][column]
        errors = torch.stack([rows[:, column].std(), squares.std()]) / math.sqrt(draws)
        print(
            f"{name:<15} d/d{knob:<5} {value:+.3f} ± {errors[0]:.3f} (exact {exact[column]:+.1f})   "
            f"variance of one draw {variance:7.3f} ± {errors[1]:.3f}, formula {formula:7.3f}"
        )
        assert (value - exact[column]).abs() < 5 * errors[0]  # unbiased
        assert (variance / formula - 1).abs() < 0.05
ratio = analytic["score function"] / analytic["pathwise"]
print(f"score function over pathwise: {ratio[0]:.0f} by mean, {ratio[1]:.0f} by std")

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.2))
for axis, column, knob in zip(axes, (0, 1), ("mean", "std"), strict=True):
    for name, color in (("score function", "C1"), ("pathwise", "C2")):
        shown = terms[name][:, column].clamp(-22, 22)  # what lies outside is in the last bars
        axis.hist(shown, bins=torch.linspace(-22, 22, 121), alpha=0.7, label=name, color=color)
    axis.axvline(exact[column], color="black", linestyle="--", linewidth=1, label="exact")
    axis.set(title=f"What one draw says, by the {knob}", xlabel=f"d/d{knob}", yscale="log")
    axis.set_ylabel("draws")
axes[1].legend()
show(figure)
for name, estimate in (
    ("pathwise", pathwise_gradient),
    ("score function", score_function_gradient),
):
    for mine, its_mean in zip(estimate(f, mean, std, noise), terms[name].mean(dim=0), strict=True):
        assert abs(mine - its_mean) < 1e-6  # your function, and the mean of the single terms

# %% [markdown]
# Both agree with the exact slopes and with the formulas, each to about one standard error (a variance has one, too: it is a mean of
# squares). But a single pathwise draw is off by about 0.6, a single score-function draw by about
# 7.6 (the roots of the variances), for a slope of $-1.3$. A finite variance falls as $1/N$, so the **ratio
# of variances is a ratio of work**: the score function needs that many times more draws for the
# same accuracy.
#
# The constant 3 sits in $A$, and $A$ is in (4) and (5) alone. The pathwise estimator sees slopes,
# and a constant has none. The score function sees values: every draw, good or bad, votes with weight near 4, and the result is the small difference of two large sums. That can be mended.
#
# ## 6 · A baseline
#
# Subtract a number $b$ from $f$ before it multiplies the score. By line 5 of section 4 this changes
# nothing on average,
# $\mathbb E[(f - b)\,\partial \log q] = \mathbb E[f\,\partial \log q] - b \cdot 0$, whatever $b$
# is. But it changes the variance: in (4) and (5) $A$ becomes $A - b$. Such a $b$ is a
# [baseline](glossary.ipynb#Baseline), the simplest **control variate**.
#
# **Predict.** Where is the variance smallest: at $b = 0$, at the least value of $f$, or near its
# average?

# %%
b = torch.linspace(0, 8, 81, dtype=torch.float64)
by_formula = torch.stack([score_variances(A - value, B, C, std)[0] for value in b])
tried = torch.arange(0.0, 8.5, 1.0)
noisy = [(f(mean + std * noise) - value) * noise / std for value in tried]
mean_of_f = A + C  # E f, from E[noise²] = 1
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2))
left.plot(b, by_formula, label="formula")
left.plot(tried, [t.var() for t in noisy], "o", label=f"{draws:,} draws")
left.axvline(mean_of_f, color="gray", linestyle="--", label="b = E f")
left.set(
    title="Variance of one draw (d/dmean)", xlabel="baseline b", ylabel="variance", yscale="log"
)
left.legend()
bars = [2 * t.std() / math.sqrt(draws) for t in noisy]
right.errorbar(tried, [t.mean() for t in noisy], yerr=bars, fmt="o", capsize=3)
right.axhline(exact[0], color="gray", linestyle="--", label="exact")
right.set(title="Mean ± 2 standard errors", xlabel="baseline b", ylabel="d/dmean")
right.legend()
show(figure)
with_mean = score_variances(-C, B, C, std)
print(f"b = 0: {by_formula[0]:.2f}; b = E f = {mean_of_f:.2f}: {with_mean[0]:.2f}")
print(f"the best b is {A + 3 * C:.2f}, with {score_variances(-3 * C, B, C, std)[0]:.2f}")

# %% [markdown]
# The average of $f$ is a good baseline, nearly the best: it removes the constant. (The best $b$
# by mean sets the derivative of (4) to 0: $b = A + 3C$. By std, (5) gives $A + 5C$.) With
# $b = \mathbb E f = A + C$, (4) and (5) become
#
# $$ \frac{2B^2 + 10C^2}{s^2} \qquad \text{and} \qquad \frac{10B^2 + 56C^2}{s^2} , \qquad (6) $$
#
# and $A$ is gone. Is that always less? Subtract: with $F = \mathbb E f = A + C$, (4) exceeds the first
# by $(A + C)(A + 5C)/s^2 = F(F + 4C)/s^2$, and (5) the second by $2F(F + 8C)/s^2$. Both are positive
# unless $F$ lies between 0 and $-4C$, or $-8C$: a baseline helps where the average of $f$ is large
# beside its curvature, as here, and **hurts** where $f$ is nearly centered already and curved to the
# right side. The next cell shows an $f$ of either kind.

# %% tags=["nbval-check-output"]
for lift in (0.0, -(A + 3 * C).item()):  # the second puts the average of f at -2C
    values, F = f(mean + std * e) + lift, A + C + lift
    for row, curvature, factor, knob in ((score[0], 4 * C, 1, "mean"), (score[1], 8 * C, 2, "std")):
        plain, less = (
            average((v * row) ** 2) - average(v * row) ** 2 for v in (values, values - F)
        )
        assert torch.isclose(plain - less, factor * F * (F + curvature) / std**2, atol=1e-8)
        print(f"E f = {F:+.2f}, by {knob}: variance {plain:.3f}, with b = E f {less:.3f}")

# %% [markdown]
# Nobody tells us $\mathbb E f$, but we have N draws, so why not take their mean? Here lies a trap.
# Write $f_i$ for the value and $g_i$ for the score of draw $i$, and look at draw $i$ with the mean
# $\bar f$ of **all** N values as its baseline:
#
# $$ \begin{aligned}
# \mathbb E[(f_i - \bar f)\, g_i]
# &= \mathbb E[f_i g_i] - \tfrac1N \sum_j \mathbb E[f_j g_i] && \text{(linear; definition of } \bar f) \\
# &= \mathbb E[f_i g_i] - \tfrac1N\, \mathbb E[f_i g_i]
#    - \tfrac1N \sum_{j \ne i} \mathbb E[f_j]\, \mathbb E[g_i] && \text{(other draws are independent)} \\
# &= \big(1 - \tfrac1N\big)\, \mathbb E[f_i g_i] && \text{(a score averages to 0)}
# \end{aligned} $$
#
# A baseline must not depend on its own draw, and $\bar f$ does: $f_i$ is a part of it, and takes a
# share of $1/N$ of the gradient away. So **leave one out**: let $b_i$ be the mean of the *other*
# $N - 1$ values. Then $b_i$ and $g_i$ come from different draws,
# $\mathbb E[b_i g_i] = \mathbb E[b_i]\, \mathbb E[g_i] = 0$, and the estimate
#
# $$ \frac1N \sum_{i=1}^N (f_i - b_i)\, g_i , \qquad b_i = \frac{1}{N - 1} \sum_{j \ne i} f_j , $$
#
# with a [leave-one-out baseline](glossary.ipynb#Leave-one-out-baseline), is unbiased for every
# $N \ge 2$.

# %% [markdown]
# ### Exercise · `baseline(function, mean, std, noise)`
# *10 minutes.* Arguments and result as before: the score-function estimate, in which the mean of
# $f$ over the other $N - 1$ draws is subtracted from each $f(z_i)$. `noise` has at least two
# elements. Nothing is differentiated through `function`.


# %% exercise="reparameterization.baseline"
def baseline(function, mean, std, noise):
    """The score-function estimate of (d/dmean, d/dstd) with a leave-one-out baseline."""
    # BEGIN SOLUTION
    values = function(mean + std * noise)
    others = (values.sum() - values) / (len(values) - 1)
    weights = values - others
    return (weights * noise / std).mean(), (weights * (noise**2 - 1) / std).mean()
    # END SOLUTION


# %% check="reparameterization.baseline"
check("reparameterization.baseline", baseline)

# %% [markdown]
# What does it cost that $\mathbb E f$ is not known? Write $F = \mathbb E f$ and split
# $f_i - b_i = (f_i - F) - \frac{1}{N-1} \sum_{j \ne i} (f_j - F)$. The estimate is then a mean of N
# terms $(f_i - F) g_i$, minus a sum over pairs, $\frac{1}{N(N-1)} \sum_{i \ne j} (f_j - F)\, g_i$.
# The two are uncorrelated, and so are two pair terms, unless they are about the same two draws: in
# every other product some centered factor stands alone and averages to 0. A pair term has the
# variance $\mathrm{Var} f \cdot \mathrm{Var} g$, and its product with its mirror image averages to
# $G^2$, where $G = \mathbb E[f g]$ is the gradient. Counting $N(N-1)$ of them:
#
# $$ N \cdot \mathrm{Var} = \text{(6)} + \frac{\mathrm{Var} f \cdot \mathrm{Var} g + G^2}{N - 1} ,
#    \qquad \mathrm{Var} f = B^2 + 2C^2, \quad \mathrm{Var} g = \frac1{s^2} \text{ or } \frac2{s^2} . \qquad (7) $$
#
# **Predict.** With N = 4 draws a step: by which factor is the estimate with the plain mean too small?


# %%
def grouped(values, scores, leave_one_out):
    """Estimates from groups of draws: values `(G, N)`, scores `(G, N, 2)` to `(G, 2)`."""
    count = values.shape[1]
    weights = values - values.mean(dim=1, keepdim=True)
    if leave_one_out:  # f - (sum - f) / (N - 1) is N / (N - 1) times f - mean
        weights = weights * count / (count - 1)
    return (weights[:, :, None] * scores).mean(dim=1)


def left_out_variances(count):
    """N · Var of the leave-one-out estimate, formula (7)."""
    score_variance = torch.tensor([1.0, 2.0]) / std**2
    extra = (B**2 + 2 * C**2) * score_variance + exact**2
    return score_variances(-C, B, C, std) + extra / (count - 1)


# %%
sizes = (2, 3, 4, 8, 16)
found = {}
for count in sizes:
    noises = torch.randn(draws, count, generator=generator, dtype=torch.float64)
    scores = torch.stack([noises, noises**2 - 1], dim=2) / std
    values = f(mean + std * noises)
    for kind in (False, True):
        found[count, kind] = grouped(values, scores, leave_one_out=kind)
    for mine, theirs in zip(baseline(f, mean, std, noises[0]), found[count, True][0], strict=True):
        assert abs(mine - theirs) < 1e-6  # your function, on the first group
covariance = torch.cov(torch.stack([values[0], scores[0, :, 0]]))[0, 1]  # it divides by N - 1
assert torch.isclose(covariance, found[16, True][0, 0])

# %% tags=["folded"]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2))
for kind, name, color in ((False, "mean of all", "C1"), (True, "leave one out", "C0")):
    ratios = [found[n, kind].mean(dim=0)[0] / exact[0] for n in sizes]
    bars = [2 * found[n, kind].std(dim=0)[0] / math.sqrt(draws) / -exact[0] for n in sizes]
    left.errorbar(sizes, ratios, yerr=bars, fmt="o", capsize=3, color=color, label=name)
    for n, ratio, bar in zip(sizes, ratios, bars, strict=True):
        assert abs(ratio - (1 if kind else 1 - 1 / n)) < 2.5 * bar
line = torch.linspace(2, 16, 100)
left.plot(line, 1 - 1 / line, color="C1", linewidth=1, label="1 - 1/N")
left.axhline(1, color="gray", linestyle="--")
left.set(title="Average estimate / exact slope", xlabel="draws in a group, N", ylabel="ratio")
left.legend()
right.plot(line, [left_out_variances(n)[0] for n in line], label="formula (7)")
right.plot(sizes, [n * found[n, True].var(dim=0)[0] for n in sizes], "o", color="C0")
right.axhline(score_variances(A, B, C, std)[0], color="C1", label="no baseline")
right.axhline(analytic["pathwise"][0], color="C2", label="pathwise")
right.set(title="Variance of d/dmean, times N", xlabel="draws in a group, N", yscale="log")
right.set_ylabel("variance")
right.legend()
show(figure)
for count in (4, 16):
    measured = count * found[count, True].var(dim=0)
    formula = left_out_variances(count)
    print(
        f"N = {count:>2}: N · variance by mean {measured[0]:.2f} (formula {formula[0]:.2f}),",
        end=" ",
    )
    print(f"by std {measured[1]:.2f} (formula {formula[1]:.2f})")
    assert torch.allclose(measured, formula, rtol=0.05)

# %% [markdown]
# The orange points lie on $1 - 1/N$: with four draws the plain mean gives three quarters of the
# gradient. (It is the leave-one-out estimate times $\frac{N-1}{N}$, as when one divides a variance
# by $N$ instead of $N - 1$: the leave-one-out estimate is the sample covariance of $f$ and the
# score. For plain gradient descent that amounts to a smaller learning rate; wherever it is added to
# another gradient, the mixture is wrong.) The blue points stay on 1, and their variance is far
# below the version without a baseline. The pathwise estimator remains better still.
#
# ## 7 · Many latents
#
# A VAE does not have one latent; it has twenty, or two hundred. Let $z$ have $D$ coordinates, each
# drawn from the same $q$, and $f(z) = 3 + \sum_j \tfrac12 (z_j - 2)^2$. Ask for the slope by the
# *first* mean.
#
# The pathwise estimate is $\partial f / \partial z_1 = z_1 - 2$. The other coordinates do not occur
# in it. The score-function estimate is $f(z)\,\varepsilon_1 / s$: the value of the *whole* $f$
# votes on coordinate 1, and what the other $D - 1$ contributed is noise. With $R$ for their part,
# independent of $\varepsilon_1$, the square splits into what (4) knows, with $A + \mathbb E R$ in
# place of $A$, plus $\mathrm{Var} R / s^2 = (D-1)(B^2 + 2C^2)/s^2$. With a leave-one-out
# baseline $A$ is replaced by $-C$, as in (6), $\mathrm{Var} R / s^2$ stays, and the fraction in (7)
# has $\mathrm{Var} f = D(B^2 + 2C^2)$.
#
# **Predict.** On paper with logarithmic axes, draw the ratio of variances (score function over
# pathwise) against $D$, once without a baseline and once with. What are the slopes of the two
# lines?

# %%
dims = torch.tensor([1, 2, 4, 8, 16, 32, 64, 128, 256])
group, generator = 10, torch.Generator().manual_seed(4)
fine = torch.logspace(0, math.log10(256), 50, dtype=torch.float64)
others = (fine - 1) * (B**2 + 2 * C**2) / std**2
without = score_variances(A + (fine - 1) * (A - 3 + C), B, C, std)[0] + others
var_f, var_g = fine * (B**2 + 2 * C**2), 1 / std**2
with_one = (
    score_variances(-C, B, C, std)[0] + others + (var_f * var_g + exact[0] ** 2) / (group - 1)
)
measured = []
for d in dims.tolist():
    noises = torch.randn(wide_draws // group, group, d, generator=generator)
    z = 0.7 + 0.6 * noises
    values = (0.5 * (z - 2) ** 2).sum(dim=2) + 3
    scores = noises[:, :, :1] / 0.6
    path = (z[:, :, 0] - 2).mean(dim=1).var()
    plain = (values[:, :, None] * scores).mean(dim=1).var()
    measured.append([plain / path, grouped(values, scores, leave_one_out=True).var() / path])
measured = torch.tensor(measured)

# %% tags=["folded"]
figure, axes = plt.subplots(figsize=(7, 3.6))
for column, line, name in ((0, without, "no baseline"), (1, with_one, "leave one out, N = 10")):
    axes.plot(fine, line / analytic["pathwise"][0], color=f"C{1 - column}", label=name)
    axes.plot(dims, measured[:, column], "o", color=f"C{1 - column}")
axes.axhline(1, color="C2", label="pathwise")
axes.set(title="Variance, as a multiple of the pathwise one", xlabel="dimensions D", ylabel="ratio")
axes.set(xscale="log", yscale="log")
axes.legend()
show(figure)
for at, d in ((0, 1), (4, 16), (8, 256)):
    print(f"D = {d:>3}: without baseline {measured[at, 0]:9,.0f}, with {measured[at, 1]:6,.0f}")

# %% [markdown]
# For large $D$ the lines have the slopes 2 and 1: without a baseline the variance grows as $D^2$ (the
# constant in $f$ grows with $D$), with one as $D$. To the left, what one coordinate brings alone
# bends them flat. The pathwise variance does not grow at all here, where $f$ is a sum; in a decoder,
# which mixes the latents, it grows as far as they disturb each other's slopes. That is why VAEs use
# it: the decoder is differentiable anyway, and one draw for each image is usually enough. At
# sixteen latents the score function with a baseline needs about a hundred times as many draws for
# the same accuracy, each a pass through the decoder; without one, thousands of times as many.
#
# ## 8 · Where the path ends
#
# «Pathwise is better» is a rule that this section breaks three times.
#
# **A step.** Let $f(z) = 1$ for $z > 1$ and 0 below. Then $\mathbb E f = P(z > 1)$, which is smooth
# in $m$; but $f'$ is 0 wherever it exists. The condition of section 3, line 2, fails: $f$ is not
# continuous, and the derivative may not go inside.
#
# **A coin.** Let $z \in \{0, 1\}$ be tossed with $P(z = 1) = p = \mathrm{sigmoid}(\ell)$ and
# $f(z) = (z - 0.45)^2$. A coin that shows heads goes on showing heads when $\ell$ grows a little,
# until it flips: there is no path. Exactly, $\mathbb E f = p f(1) + (1 - p) f(0)$, with the slope
# $p(1 - p)\,(f(1) - f(0))$ by $\ell$. The score is $z - p$.
#
# **Predict.** What does each estimator answer? And which of the two answers would you notice?


# %% tags=["nbval-check-output"]
def step(z):
    return (1 + torch.sign(z - 1)) / 2


above = (1 - mean) / std  # P(z > 1) = P(noise > above)
truth = Normal(0.0, 1.0).log_prob(above).exp() / std * torch.stack([torch.ones_like(std), above])
step_terms = single_terms(step, mean, std, noise)
for name, rows in step_terms.items():
    value, error = rows.mean(dim=0), rows.std(dim=0) / math.sqrt(draws)
    print(
        f"step, {name:<15} d/dmean {value[0]:.3f} ± {error[0]:.3f} (exact {truth[0]:.3f})", end="  "
    )
    print(f"d/dstd {value[1]:.3f} ± {error[1]:.3f} (exact {truth[1]:.3f})")
    right_answer = bool(((value - truth).abs() < 5 * error).all())
    assert right_answer == (name == "score function")

logit = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
p = logit.sigmoid().expand(draws)
coin = torch.bernoulli(p, generator=torch.Generator().manual_seed(5))
(through_the_coin,) = torch.autograd.grad(((coin - 0.45) ** 2).mean(), logit, allow_unused=True)
coin_terms = ((coin - 0.45) ** 2 * (coin - p)).detach()
faces = torch.tensor([0.0, 1.0], dtype=torch.float64)
log_p = Bernoulli(logits=logit.expand(2)).log_prob(faces)
tails, heads = (torch.autograd.grad(v, logit, retain_graph=True)[0] for v in log_p)
assert torch.allclose(torch.stack([tails, heads]), faces - p[:2])  # the score is z - p
coin_truth = (p[0] * (1 - p[0]) * (0.55**2 - 0.45**2)).item()
error = coin_terms.std() / math.sqrt(draws)
print(f"coin, through torch.bernoulli {float(through_the_coin):.4f}, score function", end=" ")
print(f"{coin_terms.mean():.4f} ± {error:.4f} (exact {coin_truth:.4f})")
assert abs(coin_terms.mean() - coin_truth) < 5 * error and through_the_coin == 0


# %%
def wave_variances(k):
    """Variance of one draw's d/dmean for f = sin(k z): pathwise and score function, exactly."""
    fade, twice = (-((k * std) ** 2) / 2).exp(), (-2 * (k * std) ** 2).exp()
    squared_slope = (k * fade * (k * mean).cos()) ** 2
    path = k**2 * (1 + twice * (2 * k * mean).cos()) / 2
    plain = (1 - (1 - 4 * (k * std) ** 2) * twice * (2 * k * mean).cos()) / (2 * std**2)
    return path - squared_slope, plain - squared_slope


# %% tags=["folded"]
m = torch.linspace(-1.5, 3.5, 200, dtype=torch.float64)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2))
left.plot(m, step(m), color="0.6", label="f, a step")
left.plot(m, Normal(m, std).cdf(torch.tensor(1.0)).neg() + 1, label="E f")
at, here = mean.item(), (1 - Normal(mean, std).cdf(torch.tensor(1.0))).item()
near = torch.tensor([-0.7, 0.7])
for name, color in (("score function", "C1"), ("pathwise", "C2")):
    slope = step_terms[name].mean(dim=0)[0]
    left.plot(at + near, here + slope * near, color=color, linewidth=2, label=f"slope, {name}")
left.set(title="A step, seen by its average", xlabel="mean", ylabel="value", ylim=(-0.1, 1.1))
left.legend(fontsize=8)
frequency = torch.linspace(0.2, 6, 120, dtype=torch.float64)


for column, (name, color) in enumerate((("pathwise", "C2"), ("score function", "C1"))):
    right.plot(frequency, wave_variances(frequency)[column], color=color, label=name)
    for k in (1.0, 2.0, 3.0, 4.0, 5.0):
        rows = single_terms(lambda z, k=k: torch.sin(k * z), mean, std, noise)[name]
        right.plot(k, rows[:, 0].var(), "o", color=color)
        assert torch.isclose(
            rows[:, 0].var(), wave_variances(torch.tensor(k).double())[column], rtol=0.05
        )
right.set(title="f(z) = sin(k z): variance of d/dmean", xlabel="frequency k", ylabel="variance")
right.legend()
show(figure)

# %% [markdown]
# At the step, the pathwise estimate is 0 with an error bar of 0, and the truth is about 0.59. No
# symptom but that nothing is learned. The coin is the same, and `torch.bernoulli` returns a zero
# gradient as `torch.normal` does. The score function is right in both cases; it is what remains for
# steps, discrete choices, and black boxes.
#
# **A case where pathwise is right and noisier.** The picture on the right has $f(z) = \sin(kz)$:
# values between $-1$ and 1, whatever $k$, and slopes up to $k$. The pathwise variance is about
# $k^2/2$, the score function's about $\frac{1}{2 s^2}$ (for large $k$), so beyond $k \approx 1/s$
# the order is reversed. By the mean, the pathwise estimator pays for how much the *slopes* of
# $f$ differ from draw to draw; the score function pays for the size of its *values*, divided by $s$.
# For smooth losses, and networks trained by gradient descent are mostly such, slopes hardly differ
# within the reach of $q$; for a wildly wiggling $f$ they do.
#
# ## 9 · What variance costs: a race
#
# Three estimators, ten draws for each update, one learning rate. To give the race a finish with
# $s > 0$, the loss is $\mathbb E_q[f(z)] - H(q)$ with the entropy
# $H(q) = -\mathbb E_q[\log q(z)] = \log s + \text{const}$ (put in the $\log q$ of section 4). That
# is the negative [evidence lower bound](glossary.ipynb#Evidence-lower-bound) of lesson 02, with
# $f(z) = -\log p(x, z)$ up to a constant. For our $f$, $e^{-f}$ is proportional to the density of
# $\mathcal N(2, 1)$, which plays the posterior; so the loss exceeds its least value by exactly
# $\mathrm{KL}(q \,\|\, \mathcal N(2, 1))$, and we know how far from the finish each runner is, in
# nats.
#
# The runners hold $m$ and $\log s$, so that $s$ stays positive. The slope by $\log s$ is $s$ times
# the slope by $s$ (chain rule), and that of $-H$ is $-1$.
#
# **Predict.** All three are unbiased. Will all three arrive, only later? Or will they differ at the
# end as well?

# %%
rate = 0.03
colors = {"score function": "C1", "with baseline": "C0", "pathwise": "C2"}


def race(estimate, seed, function=f):
    """Gradient descent on E f - H from mean -1 and std 1; the history of mean and log std."""
    generator, history = torch.Generator().manual_seed(seed), History()
    knobs = torch.tensor([-1.0, 0.0])  # mean and log std
    for _ in watch(range(race_steps), history):
        std = knobs[1].exp()
        noise = torch.randn(10, generator=generator)
        by_mean, by_std = estimate(function, knobs[0].clone(), std, noise)
        slopes = torch.stack([torch.as_tensor(by_mean), torch.as_tensor(std * by_std - 1)])
        knobs = knobs - rate * slopes.detach()
        history.add(mean=knobs[0], log_std=knobs[1])
    return history


def nats_to_go(means, log_stds):
    """KL(N(mean, std²) ‖ N(2, 1)) along a run, `(steps,)`."""
    zero = torch.zeros(len(means), 1)
    return kl_gaussian(means[:, None], 2 * log_stds[:, None], zero + 2, zero)


# %%
estimators = {
    "score function": score_function_gradient,
    "with baseline": baseline,
    "pathwise": pathwise_gradient,
}
runs = {name: [race(way, s) for s in range(race_seeds)] for name, way in estimators.items()}

# %% tags=["folded"]
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6))
grid_m, grid_l = torch.meshgrid(
    torch.linspace(-1.5, 3.2, 80), torch.linspace(-1, 1, 80), indexing="xy"
)
map_of_kl = nats_to_go(grid_m.flatten(), grid_l.flatten()).reshape(80, 80)
left.contour(grid_m, grid_l, map_of_kl, levels=[0.01, 0.1, 0.3, 1, 2, 3, 4], colors="0.8")
for name, histories in runs.items():
    left.plot(histories[0]["mean"], histories[0]["log_std"], color=colors[name], linewidth=1)
    gaps = torch.stack([nats_to_go(h["mean"], h["log_std"]) for h in histories])
    x = torch.arange(race_steps) + 1
    right.plot(x, gaps.median(dim=0).values, color=colors[name], label=name)
    right.fill_between(
        x, *gaps.quantile(torch.tensor([0.1, 0.9]), dim=0), color=colors[name], alpha=0.2
    )
    last = gaps[:, -race_steps // 3 :]
    print(f"{name:<15} median distance over the last third {last.median():.4f} nats,", end=" ")
    print(f"nine tenths below {last.quantile(0.9):.4f}")
left.plot(2, 0, "k*", markersize=11, zorder=5)
left.set(title="One run of each (the star is the finish)", xlabel="mean", ylabel="log std")
right.set(title="Distance to the finish", xlabel="updates", ylabel="nats", yscale="log")
right.legend()
show(figure)

# %% [markdown]
# **What healthy looks like**: a straight fall on the logarithmic axis, then a floor. The fall is
# the same for all three, since on average they take the same steps. The **floor** is the variance:
# near the finish the true slope is small, each step is mostly noise, and the runner staggers around
# the star at a distance that grows with variance and learning rate. Training longer does not help;
# a smaller learning rate or more draws do, and then everything takes longer. That is the price. In one dimension
# one can pay it.
#
# So take twenty dimensions, the size of a VAE's code, and be fair: each runner may choose its
# learning rate among six. **Predict** which rates end well for which runner.


# %%
def wide_race(kind, rate, dims=20, count=10):
    """The same race in many dimensions, all seeds at once; the KL at the end, `(seeds,)`."""
    generator = torch.Generator().manual_seed(0)
    m, log_std = torch.full((race_seeds, dims), -1.0), torch.zeros(race_seeds, dims)
    for _ in range(race_steps):
        noise = torch.randn(count, race_seeds, dims, generator=generator)
        z = m + log_std.exp() * noise
        if kind == "pathwise":
            by_mean, by_std = (z - 2).mean(dim=0), ((z - 2) * noise).mean(dim=0)
        else:
            values = 0.5 * (z - 2).square().sum(dim=2, keepdim=True) + 3
            if kind == "with baseline":
                values = values - (values.sum(dim=0) - values) / (count - 1)
            by_mean = (values * noise).mean(dim=0) / log_std.exp()
            by_std = (values * (noise**2 - 1)).mean(dim=0) / log_std.exp()
        m, log_std = m - rate * by_mean, log_std - rate * (log_std.exp() * by_std - 1)
    zero = torch.zeros_like(m)
    return kl_gaussian(m, 2 * log_std, zero + 2, zero)


# %% tags=["folded"]
rates = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1]
figure, axes = plt.subplots(figsize=(7, 3.6))
start = 20 * nats_to_go(torch.tensor([-1.0]), torch.tensor([0.0]))
for (name, color), size in zip(colors.items(), (11, 8, 5), strict=True):
    ends = torch.stack([wide_race(name, r).nan_to_num(nan=math.inf).median() for r in rates])
    arrived = ends.isfinite() & (ends < 1e4)
    axes.plot(
        torch.tensor(rates)[arrived], ends[arrived], "o-", color=color, markersize=size, label=name
    )
    best = ends.argmin()
    print(f"{name:<15} best of six: {ends[best]:8.3f} nats at rate {rates[best]}; ", end="")
    print(f"{(~arrived).sum()} of 6 rates diverged")
axes.axhline(start.item(), color="gray", linestyle="--", label="the start")
axes.set(title=f"20 dimensions: after {race_steps} updates of 10 draws", xlabel="learning rate")
axes.set(ylabel="nats to the finish (median)", xscale="log", yscale="log")
axes.legend()
show(figure)

# %% [markdown]
# A rate without a point diverged. The plain score function blows up at every rate that would bring
# it anywhere, and creeps at the rest: at its best rate it still has more than half of its 90 nats to go. With the
# baseline it comes close, and ends about ten times farther from the finish than the pathwise runner,
# which takes larger steps because it can trust them. All three were given the same number of draws.
#
# ## 10 · Change one thing
#
# **a.** Add 30 to $f$ and run the one-dimensional race again. Which of the three runs change? Say it
# before you look at the formulas (3) to (6) of sections 5 and 6, and then look.

# %%
# Your experiment: race(estimate, seed, function=lambda z: f(z) + 30), then nats_to_go(…).
# A run that diverges gives inf or nan.

# %% tags=["solution"]
for name, way in estimators.items():
    ends = []
    for lift in (0, 30):
        histories = [race(way, s, lambda z, lift=lift: f(z) + lift) for s in range(race_seeds)]
        gaps = [nats_to_go(h["mean"], h["log_std"])[-1] for h in histories]
        ends.append(torch.stack(gaps).nan_to_num(nan=math.inf).median())
    print(f"{name:<15} median distance at the end {ends[0]:.4f} nats, with f + 30: {ends[1]:.4g}")

# %% [markdown] tags=["solution"]
# Only the plain score function notices: its variance has $A^2$ in it, and $A$ has grown from about
# 4 to about 34, so it is thrown about until it diverges. A constant has no slope, so the pathwise
# run is the same up to rounding; and a leave-one-out baseline subtracts every constant. In a VAE
# $-\log p(x, z)$ is hundreds of nats, most of which no code can change.

# %% [markdown]
# **b.** A well-trained posterior is narrow. Keep $m = 0.7$ and let $s$ go from 1 down to 0.01: plot
# the three variances by mean ((3), (4) and (6) of sections 5 and 6, or your own draws) on logarithmic axes. Which
# one falls, which one stays, which one explodes? Find the reason in how $A$, $B$ and $C$ depend on
# $s$.

# %%
# Your experiment: parts(mean, s) gives A, B, C; path_variances and score_variances take
# them; for the baseline put -C for A.

# %% tags=["solution"]
widths = torch.logspace(-2, 0, 60, dtype=torch.float64)
curves = {"pathwise": [], "with baseline": [], "score function": []}
for s in widths:
    a_part, b_part, c_part = parts(mean, s)
    curves["pathwise"].append(path_variances(a_part, b_part, c_part, s)[0])
    curves["with baseline"].append(score_variances(-c_part, b_part, c_part, s)[0])
    curves["score function"].append(score_variances(a_part, b_part, c_part, s)[0])
figure, axes = plt.subplots(figsize=(7, 3.2))
for name, values in curves.items():
    axes.plot(widths, values, color=colors[name], label=name)
axes.set(title="A narrow q", xlabel="std", ylabel="variance of d/dmean", xscale="log", yscale="log")
axes.legend()
show(figure)
for name, values in curves.items():
    print(f"{name:<15} variance at std 1: {values[-1]:9.3f}, at std 0.01: {values[0]:11.5f}")

# %% [markdown] tags=["solution"]
# $B$ shrinks as $s$ and $C$ as $s^2$. Pathwise, $4C^2/s^2$ goes to 0 as $s^2$: all draws see nearly
# the same slope. With a baseline, $2B^2/s^2 \to 2 f'(m)^2$ stays. Without, $A^2/s^2$ explodes: the
# values hardly differ from draw to draw, and their common part is multiplied by scores of size
# $1/s$.

# %% [markdown]
# ## 11 · What goes wrong
#
# | Symptom | Cause | Cure |
# |---|---|---|
# | `element 0 of tensors does not require grad` (section 2) | the draw came from `.sample()` | `reparameterize`, or `.rsample()` |
# | No error, loss stays, gradients exactly 0 (section 2) | the draw came from `torch.normal` or `torch.bernoulli` | `reparameterize`; for a coin the score function |
# | Draws too wide or too narrow (below, 1) | $e^{\mathrm{log\_var}}$ was taken for the standard deviation | half of `log_var` in the exponent |
# | d/dmean exactly 0, d/dstd is $-\mathbb E f / s$ (below, 2) | z moved along while $\log q$ was differentiated | detach z before `log_prob` |
# | A wrong gradient without a pattern (below, 3) | in $f(z) \log q(z)$, $f$ was differentiated, too | detach z before $f$, as well |
# | The gradient is too small by the factor $1 - 1/N$ (section 6) | the baseline contains the draw's own value | leave one out |
# | A confident 0 where the loss surely changes (section 8) | pathwise through a step or a coin | score function |
# | Training staggers or diverges (section 9) | variance: a constant in $f$, many dimensions, small $s$ | pathwise; else a baseline, more draws, a smaller rate |
#
# The next cell makes the three that no section has shown.

# %% tags=["nbval-check-output"]
wrong_spread = (0.7 + torch.tensor(2 * math.log(0.6)).exp() * noise).std()
print(f"1  std of the draws {wrong_spread:.2f}, wanted 0.60")
m, s = mean.clone().requires_grad_(True), std.clone().requires_grad_(True)
z = m + s * noise
for row, value, place, name in (
    (2, f(z).detach(), z, "z not detached in log_prob"),
    (3, f(z), z.detach(), "z not detached in f"),
    (" ", f(z).detach(), z.detach(), "both detached"),
):
    surrogate = (value * Normal(m, s).log_prob(place)).mean()
    by_mean, by_std = torch.autograd.grad(surrogate, (m, s), retain_graph=True)
    print(f"{row}  {name:<27} d/dmean {by_mean + 0:+.2f}, d/dstd {by_std:+.2f}")
print(f"   exact {'':<21} d/dmean {exact[0]:+.2f}, d/dstd {exact[1]:+.2f};", end=" ")
print(f"-E f / s = {-(A + C) / std:.2f}")

# %% [markdown]
# In row 2 a draw's distance from its own mean, in standard deviations, never changes, so that
# $\log q$ depends on $s$ alone. In row 3 a term $\mathbb E[f'(z) \log q(z)]$ came in that does not
# belong; here it nearly cancels the slope by mean, and turns the sign of the one by std. The lesson of both rows is one line long: for the
# score function, write `z = z.detach()` before anything else happens to it.
#
# ## Recap
# - A draw has a gradient only if it is *computed* from noise: $z = m + s\,\varepsilon$. Then the
#   slope of $\mathbb E f$ is $\mathbb E[f'(z)]$ and $\mathbb E[f'(z)\,\varepsilon]$. It needs a
#   continuous $f$ and a continuous $z$.
# - The score function, $\mathbb E[f(z)\, \partial \log q]$, needs values of $f$ alone, and pays in
#   variance: with the constant in $f$, with the dimension, with $1/s$. A baseline that leaves the
#   draw itself out costs no bias, and lowers the variance unless the average of $f$ is near 0 anyway.
# - Variance is work: at the same number of draws it decides the learning rate, the floor, and
#   whether anything is learned.
#
# **References.** R. Williams, *Simple Statistical Gradient-Following Algorithms for Connectionist
# Reinforcement Learning*, 1992, doi 10.1007/BF00992696. · D. Kingma and M. Welling, *Auto-Encoding Variational Bayes*,
# arXiv 1312.6114, 2013. · D. Rezende, S. Mohamed and D. Wierstra, *Stochastic Backpropagation and
# Approximate Inference in Deep Generative Models*, arXiv 1401.4082, 2014. · A. Mnih and D. Rezende,
# *Variational Inference for Monte Carlo Objectives*, arXiv 1602.06725, 2016 (a baseline from the
# other draws). · S. Mohamed, M. Rosca, M. Figurnov and A. Mnih, *Monte Carlo Gradient Estimation in
# Machine Learning*, arXiv 1906.10652, 2020.
#
# **Next** 04_autoencoders squeezes images through a narrow code without any noise, and 05_vae puts
# your `reparameterize` in its middle.
