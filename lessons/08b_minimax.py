# %% [markdown]
# # 08b · The game, watched and stopped
#
# In 08a the discriminator was perfect, and the game minimized a divergence. Now both players are
# learners. You watch two small networks chase each other in one dimension, then take away everything but
# the chase: a GAN with one parameter a player, whose circling two eigenvalues predict to six digits, and
# which a penalty brings to rest.
#
# ![A GAN with one parameter a player: simultaneous steps spiral outward, alternating ones circle, a gradient penalty brings them home](../images/08b_minimax.png)
#
# That is what you will make: the path of such a game, seen from above.
#
# **You will be able to**
# - read the densities and $D$ of a GAN while they move,
# - say what a value of $-\log 4$ tells, and what it does not,
# - predict from two eigenvalues whether a game circles, diverges or converges, and change it by a
#   gradient penalty.
#
# **Time** 60 minutes · **Builds on** 08a_minimax · **Paper** Mescheder, Geiger and Nowozin (2018),
# *Which Training Methods for GANs do actually Converge?*, arXiv 1801.04406.
#
# **Numbers in the text** are those of one run at `laptop` scale, on two CPU cores; at another scale, or on
# another machine, yours differ.
#
# <details><summary>中文导读</summary>
#
# 上半课假定判别器总是最优;本课让两个玩家都在学习。先训练一个一维 GAN,观察两个密度和判别器如何变化,
# 并看到 V = −log 4 只说明"这个判别器看不出差别"。再研究每方只有一个参数的 Dirac-GAN:
# 用雅可比矩阵的特征值预测,同时更新会螺旋发散,交替更新绕圈,R1 惩罚使其收敛,预测与实测相差不到百万分之一。
# 术语的中英对照见 [glossary](glossary.ipynb)。
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
from course_lib.game_plots import draw_field, plot_two_steps
from course_lib.history import History, watch
from course_lib.losses import (
    nonsaturating_generator_loss,
    saturating_generator_loss,
    value_function,
)
from course_lib.plotting import show
from course_lib.probability import js_divergence
from course_lib.training import at_scale, course_scale, pick_device, seed_everything
from course_lib.widgets import game_explorer

seed_everything(0)
device = pick_device()
batch_size = at_scale(smoke=64, laptop=256, gpu=1_024)
rounds = at_scale(smoke=30, laptop=600, gpu=2_000)  # of the one-dimensional GAN
seeds = at_scale(smoke=range(2), laptop=range(3), gpu=range(8))
print(f"scale {course_scale()} on {device}: {rounds:,} rounds of each GAN, {len(seeds)} seeds")

# %% [markdown]
# `value_function` and the two generator's losses are those that you wrote in 08a, now from
# `course_lib.losses`.
#
# ## 1 · A GAN in one dimension, watched
#
# Two small networks play with what they have: the data is the two bumps of 08a, both players take plain gradient
# steps (simple enough for the theory of the next section), and $D$ takes `d_steps` of them a round.


# %%
def small_network():
    """One number in, one out."""
    return nn.Sequential(
        nn.Linear(1, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1)
    ).to(device)


def draw_data(*shape):
    """Examples of the two bumps, `(*shape, 1)`."""
    bump = torch.where(torch.rand(*shape, 1, device=device) < 0.6, -1.5, 1.5)
    return bump + 0.6 * torch.randn(*shape, 1, device=device)


# %% [markdown]
# Twenty thousand fakes give the model's density as a histogram, from time to time.

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
# Who moves in a round, and where the gradient stops:

# %% tags=["folded"]
show(plot_two_steps())

# %% [markdown]
# The same as code: `detach` cuts the graph in the discriminator's step, and in the generator's step
# `inputs=` says whose gradients are wanted.


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
# 0.056, and from 0.020 to 0.100 over three seeds) and the best with five (0.006 to 0.007 with the three;
# the histogram itself is off by 0.0006). Whether to go faster depends on whether $D$ can follow.
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
# that this $D$ sees no difference, not that there is none.** The theorem of 08a is about the dashed
# curve, and with five steps a round the game is played close to it.
#
# ## 2 · Why games circle: the Dirac-GAN
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
# penalty. Where does the game end? Now let the players **[alternate](glossary.ipynb#Alternating-gradient-step)**, as in section 1: $\psi$
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

# %% [markdown]
# ## 3 · What goes wrong
#
# | symptom | cause | cure |
# |---|---|---|
# | the discriminator's step moves the generator, away from its goal | fakes that are not detached | `detach`, or `inputs=` |
# | the loss runs away at once | one optimizer takes both players down one loss | each player its own sign |
# | a penalty makes it worse | added to what $D$ ascends | subtracted from it, or added to $D$'s loss $-V$ |
# | a smaller learning rate circles as before | the size of the eigenvalues, not of the steps | a penalty; alternating steps alone are not enough |
# | $V$ sits at $-\log 4$ and the samples are bad | $D$ is too slow to see it | more steps of $D$; look at the samples |
#
# Each of them below, in its order.

# %%
seed_everything(0)
generator, discriminator = small_network(), small_network()
weights = list(generator.parameters())
fake = generator(torch.randn(batch_size, 1, device=device))
d_loss = -value_function(discriminator(draw_data(batch_size)), discriminator(fake))
g_loss = saturating_generator_loss(discriminator(fake))
leak, wanted = (
    torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights, retain_graph=True)])
    for loss in (d_loss, g_loss)
)
cosine = F.cosine_similarity(leak, wanted, dim=0)
print(f"1  what leaks into the generator, beside its own gradient: cosine {cosine:.4f}")
assert cosine < -0.9999  # log(1 - D) of the fakes, with the other sign


def both_down(theta, psi, learning_rate, r1_weight):
    """One optimizer for both: psi descends L as well."""
    new_theta, new_psi = dirac_gan_step(theta, psi, learning_rate, r1_weight)
    return new_theta, 2 * psi - new_psi


apart = run(both_down, 0.1, 0.0, 400)[-1].norm()
print(f"2  both down one loss: distance {apart:.0e} after 400 steps (simultaneous game: ", end="")
print(f"{paths['simultaneous'][-1].norm():.1f})")
for gamma in (0.0, 0.3, -0.3):
    print(f"3  penalty {gamma:+.1f}: |λ| = {larger(jacobian(dirac_gan_step, 0.1, gamma)):.4f}")
for h in (0.1, 0.01):
    at_once = larger(jacobian(dirac_gan_step, h, 0.0))
    by_turns = larger(jacobian(alternating_step, h, 0.0))
    doubled = math.log(2) / math.log(at_once)
    print(
        f"4  h = {h}: simultaneous |λ| = {at_once:.6f}, twice as far after {doubled:,.0f} steps;",
        end=" ",
    )
    print(f"alternating |λ| = {by_turns:.6f}")
for count in (1, 5):
    seen, history = runs[0.3, count][0]
    value = history["value"][-(rounds // 4) :].median()
    divergences = spread[0.3, count]
    print(
        f"5  {count} step{'s' * (count > 1)} of D: V {value:.3f} (-log 4 is {-math.log(4):.3f}), ",
        end="",
    )
    print(f"JS of the seeds {divergences.min():.3f} to {divergences.max():.3f} nats")

# %% [markdown]
# ## 4 · Change one thing
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
# **Second: more discriminator steps.** In section 1 five steps of $D$ a round were best. Let $\psi$ take
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
# $h = 4/\sqrt5$ (section 2 of the paper has it for any numbers of steps). In section 1 the best $D$
# was a finite function that the model could follow; here the best $\psi$ for any $\theta \ne 0$ is
# infinite, and coming closer to it is no help.

# %% [markdown]
# ## What you take along
#
# 1. Real players are never at their best, they chase each other. $V = -\log 4$ says that this $D$ sees no
#    difference, not that there is none.
# 2. Two eigenvalues tell what the chase does near the goal: simultaneous steps spiral out, alternating ones
#    circle, a penalty on the discriminator's slope brings them home, while the learning rate is small enough for it.
# 3. Neither Adam nor more steps of $D$ cures the circling by itself.
#
# **References.** Mescheder, Geiger and Nowozin (2018), [arXiv 1801.04406](https://arxiv.org/abs/1801.04406), sections 2 and
# 4 · Goodfellow and others (2014), [arXiv 1406.2661](https://arxiv.org/abs/1406.2661).
#
# **Next** is 09_first_gan: the same game with images.
