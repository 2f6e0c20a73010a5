# %% [markdown]
# # 11 · Making the game converge
#
# A GAN may learn one thing and repeat it for ever, circle around its goal, or die. In ten years many cures
# have been proposed, each with a paper that shows it winning. In this lesson you make the illness on a data set
# where it can be counted, build the cures one by one, see what each does to the critic's gradients, and let
# them compete: equal networks, equal numbers of gradients, five seeds each.
#
# ![Mode collapse on eight Gaussians, and the contest of its cures](../images/11_stable_gans.png)
#
# <details><summary>中文导读</summary>
#
# 本课在八个高斯分布上制造并测量模式坍塌，然后逐个实现稳定训练的方法：梯度裁剪、Wasserstein 距离与权重裁剪、
# 梯度惩罚、谱归一化与合页损失、R1、双时间尺度、指数移动平均（EMA）。你将推导 Wasserstein 距离的对偶形式，
# 证明最优评论家在真假样本的连线上梯度范数为 1，测量权重裁剪怎样使梯度逐层消失或增大，
# 并说明「梯度裁剪」与「梯度惩罚」为何是两回事。最后用相同的梯度计算次数和五个随机种子比较全部方法，
# 再在 Fashion-MNIST 上用 Fréchet 距离比较，并讨论这样的表格不能说明什么。
#
# </details>
#
# **You will be able to**
# - make a mode collapse, and say in two numbers how bad it is,
# - derive what a Wasserstein critic measures, and why its slope between real and fake is 1,
# - write the gradient penalty, spectral normalization, the hinge losses, R1 and an average of weights, and
#   say where each of them acts,
# - compare methods by a table, and say what that table cannot decide.
#
# **Time** 150 minutes in two sittings (the second may begin at section 6), ten of them computing · **Builds on** 08a_minimax, 09_first_gan · **Papers** Arjovsky, Chintala and
# Bottou (2017), *Wasserstein GAN*, arXiv 1701.07875; Gulrajani and others (2017), arXiv 1704.00028; Miyato and
# others (2018), arXiv 1802.05957; Mescheder, Geiger and Nowozin (2018), arXiv 1801.04406; Lucic and others
# (2018), arXiv 1711.10337.

# %% tags=["folded"]
import copy
import itertools
import math
import statistics
import time

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from course_lib import metrics
from course_lib.checks import check
from course_lib.data import load_fashion_mnist
from course_lib.fast import fast
from course_lib.game_plots import plot_where_cures_act
from course_lib.history import watch
from course_lib.plotting import plot_images, show
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything
from course_lib.widgets import mode_explorer

seed_everything(0)
device = pick_device()
seeds = at_scale(smoke=2, laptop=5, gpu=5)  # games on each of the two data sets
budget = at_scale(smoke=120, laptop=10_000, gpu=60_000)  # gradient evaluations of each game
critic_rounds = at_scale(smoke=10, laptop=600, gpu=3_000)  # of critics that train alone
image_budget = at_scale(smoke=12, laptop=3_000, gpu=100_000)  # gradient evaluations on images
image_width = at_scale(smoke=4, laptop=32, gpu=64)
sample_count = at_scale(smoke=200, laptop=5_000, gpu=10_000)  # for a Fréchet distance
print(f"scale {course_scale()} on {device}: {budget:,} gradient evaluations a game, {seeds} seeds")

# %% [markdown]
# ## 1 · A collapse that can be counted
#
# Two data sets in the plane. Eight narrow Gaussians on a ring, and 25 on a grid, all with standard deviation
# 0.1. Each Gaussian is a **[mode](glossary.ipynb#Mode)**, and whoever looks at a sample can say which mode it
# belongs to, or that it belongs to none. With images nobody can.


# %%
def ring(count=8, radius=2.0):
    """Centers on a circle, `(count, 2)`."""
    angle = 2 * math.pi * torch.arange(count) / count
    return radius * torch.stack([angle.cos(), angle.sin()], dim=1)


def grid(side=5):
    """Centers on a square from -2 to 2, `(side², 2)`."""
    ticks = torch.linspace(-2, 2, side)
    return torch.cartesian_prod(ticks, ticks)


STD = 0.1
data_sets = {"ring": ring().to(device), "grid": grid().to(device)}


def draw_real(centers, *shape):
    """Examples, `(*shape, 2)`: a center drawn uniformly, and noise of standard deviation 0.1."""
    chosen = torch.randint(len(centers), shape, device=device)
    return centers[chosen] + STD * torch.randn(*shape, 2, device=device)


# %% [markdown]
# Two numbers. A sample is *good* if it lies within three standard deviations of the nearest center. A mode is
# *found* if enough good samples lie there. **Predict**: what share of *real* samples is good? (In the plane the
# squared distance over $\sigma^2$ is larger than $r^2$ with probability $e^{-r^2/2}$.)
#
# ### Exercise · `modes_covered(samples, centers, radius, at_least)`
# *8 minutes.* `samples` is `(N, D)`, `centers` `(K, D)`. A sample is good if its nearest center is at a
# Euclidean distance of at most `radius`; a mode is found if at least `at_least` good samples have it as their
# nearest. Return two numbers: how many modes are found, and which share of all samples is good.


# %% exercise="stable_gans.modes_covered"
def modes_covered(samples, centers, radius, at_least):
    """(modes found, share of good samples) of samples `(N, D)` and centers `(K, D)`."""
    # BEGIN SOLUTION
    distance, nearest = torch.cdist(samples, centers).min(dim=1)
    good = distance <= radius
    counts = nearest[good].bincount(minlength=len(centers))
    return (counts >= at_least).sum().item(), good.float().mean().item()
    # END SOLUTION


# %% check="stable_gans.modes_covered"
check("stable_gans.modes_covered", modes_covered)


# %%
def score(samples, centers):
    """Modes found and share of good samples, as everywhere in this lesson."""
    return modes_covered(samples, centers, radius=3 * STD, at_least=len(samples) // 100)


for name, centers in data_sets.items():
    modes, share = score(draw_real(centers, 2_000), centers)
    print(f"{name}, real samples: {modes} of {len(centers)} modes, {share:.1%} good", end="; ")
print(f"expected {1 - math.exp(-4.5):.1%}")

# %% [markdown]
# ### Ten games at once
#
# One run of a GAN says little: the next seed may end elsewhere. So every method plays five games on each data
# set, from five seeds. The networks are tiny, and ten of them one after the other would keep the computer busy with
# starting small operations. Stacked, they are one: all weights of a layer lie in one tensor `(games, in, out)`, and
# `torch.baddbmm` multiplies each game's batch by its own matrix. No game sees another.


# %%
class Games(nn.Module):
    """Many networks of one shape: `(games, B, in)` to `(games, B, out)`, each by its own weights."""

    def __init__(self, games, sizes, spectral=False):
        super().__init__()
        layers = list(itertools.pairwise(sizes))
        draws = [torch.Generator().manual_seed(seed) for seed in range(games)]
        self.weights = nn.ParameterList(
            torch.stack([torch.randn(i, o, generator=g) * (2 / i) ** 0.5 for g in draws])
            for i, o in layers
        )
        self.biases = nn.ParameterList(torch.zeros(games, 1, o) for _, o in layers)
        self.spectral = spectral  # for section 6
        for number, (_, o) in enumerate(layers if spectral else ()):
            u = torch.stack([torch.randn(o, generator=g) for g in draws])
            self.register_buffer(f"u{number}", u / u.norm(dim=1, keepdim=True))

    def weight(self, number):
        """The weights of a layer, divided by their largest singular values if spectral."""
        weight = self.weights[number]
        if not self.spectral:
            return weight
        u = self.get_buffer(f"u{number}")
        sigma, new_u = torch.vmap(lambda w, u: spectral_norm_estimate(w, u, 1))(weight.mT, u)
        u.copy_(new_u)
        return weight / sigma[:, None, None]

    def forward(self, x):
        for number, bias in enumerate(self.biases):
            x = x if number == 0 else F.leaky_relu(x, 0.2)
            x = torch.baddbmm(bias, x, self.weight(number))
        return x


# %% [markdown]
# How can *one* loss train ten games? A GAN's loss is a mean over examples. All games have batches of one size, so
# the mean over all examples is the mean of the ten games' losses, and ten times that is their sum, of which
# each game's weights get the gradient of its own loss alone. The next cell makes sure.

# %% tags=["nbval-check-output"]
stack = Games(3, (2, 8, 1))
x = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0))
(3 * F.softplus(stack(x)).mean()).backward()
for game in range(3):
    single = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
    for layer, number in ((single[0], 0), (single[2], 1)):
        layer.weight.data = stack.weights[number][game].detach().T.clone()
        layer.bias.data.zero_()
    F.softplus(single(x[game])).mean().backward()
    assert torch.allclose(single[0].weight.grad, stack.weights[0].grad[game].T, atol=1e-7)
print("each game in the stack gets the gradient that it gets alone")

# %% [markdown]
# A **method** is a loss for the critic, a loss for the generator, and what else it does. (We say *critic* for every
# network that judges, and *discriminator* where its score is a logit.) The first is the [non-saturating](glossary.ipynb#Non-saturating-loss) GAN of
# lesson 09. (Every critic's loss is handed a `mix`, which the penalty of section 5 alone uses.)


# %%
def scores(critic, real, fake):
    """The critic's scores of reals and of fakes, from one pass over both."""
    return critic(torch.cat([real, fake], dim=1)).chunk(2, dim=1)


def nonsaturating_critic(critic, real, fake, mix):
    real_logits, fake_logits = scores(critic, real, fake)
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def nonsaturating_generator(fake_logits):
    return F.softplus(-fake_logits).mean()


methods = {"non-saturating": {"critic": nonsaturating_critic, "generator": nonsaturating_generator}}

# %% [markdown]
# One round: `d_steps` steps of the critic, one of the generator, then the cures that act behind a step. The
# **[budget](glossary.ipynb#Gradient-evaluation)** is counted in *gradient evaluations*: one for each step of either player, and one more for each
# penalty that differentiates the critic by its input. So five critic steps a round with a penalty cost 11, and a
# plain round costs 2: methods that do more in a round get fewer rounds.

# %%
latent_dim, batch_size, hidden = 8, 32, 64
centers_of_game = [data_sets["ring"]] * seeds + [data_sets["grid"]] * seeds
games = len(centers_of_game)


def draw_batches(count):
    """Reals for `count` steps of all games, `(count, games, B, 2)`."""
    each = [draw_real(data_sets[name], count, seeds, batch_size) for name in ("ring", "grid")]
    return torch.cat(each, dim=1)


def play(method, rates=(2e-3, 2e-3), d_steps=1, decay=0.99, looks=12, clip_gradients=None):
    """Ten games of one method; samples of generators and averages at `looks` moments."""
    seed_everything(0)
    generator = Games(games, (latent_dim, hidden, hidden, 2)).to(device)
    critic = Games(games, (2, hidden, hidden, 1), method.get("spectral", False)).to(device)
    average = copy.deepcopy(generator)
    g_optimizer = torch.optim.Adam(generator.parameters(), rates[0], (0.5, 0.9))
    d_optimizer = torch.optim.Adam(critic.parameters(), rates[1], (0.5, 0.9))

    def one_round(real, z, mix):
        for step in range(d_steps):
            fake = generator(z[step]).detach()  # detach: this step must not move the generator
            loss = method["critic"](critic, real[step], fake, mix[step])
            d_optimizer.zero_grad()
            (games * loss).backward()
            if clip_gradients:
                clip_gradient_norm(critic.parameters(), clip_gradients)
            d_optimizer.step()
            if "weight_clip" in method:
                for weight in critic.parameters():
                    weight.data.clamp_(-method["weight_clip"], method["weight_clip"])
        g_loss = method["generator"](critic(generator(z[-1])))
        g_optimizer.zero_grad()
        (games * g_loss).backward(inputs=list(generator.parameters()))
        g_optimizer.step()
        if decay:
            ema_update(average, generator, decay)

    networks = generator, critic, average
    step = fast(one_round, networks, (g_optimizer, d_optimizer), precision="float32")
    cost = d_steps * (1 + method.get("penalties", 0)) + 1
    rounds = budget // cost
    moments = {round(part * rounds / looks) for part in range(looks + 1)}
    fixed, seen = torch.randn(games, 2_000, latent_dim, device=device), []
    for number in range(rounds + 1):
        if number in moments:
            with torch.no_grad():
                seen.append((number * cost, generator(fixed).cpu(), average(fixed).cpu()))
        z = torch.randn(d_steps + 1, games, batch_size, latent_dim, device=device)
        mix = torch.rand(d_steps, games * batch_size, device=device)
        step(draw_batches(d_steps), z, mix)
    evaluations, last, averaged = zip(*seen, strict=True)
    return {
        "evaluations": evaluations,
        "last": torch.stack(last),  # (moments, games, 2000, 2)
        "average": torch.stack(averaged),
        "critic": critic,
        "generator": generator,
    }


def score_games(samples):
    """Modes and shares of all games: two lists, the ring's games first, then the grid's."""
    pairs = [score(s, c.cpu()) for s, c in zip(samples, centers_of_game, strict=True)]
    modes, shares = zip(*pairs, strict=True)
    return modes, shares


def told(modes, shares):
    """Modes and good samples, on the ring and on the grid: median (range) of the seeds."""
    parts = []
    for part in (slice(0, seeds), slice(seeds, None)):
        for values, form in ((modes[part], ".0f"), (shares[part], ".0%")):
            parts.append(
                f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"
            )
    return "".join(f"{part:<19}" for part in parts)


HEAD = "".join(f"{name:<19}" for name in ("ring: modes", "good", "grid: modes", "good"))


# %%
first = play(methods["non-saturating"], decay=None)
print(HEAD + "\n" + told(*score_games(first["last"][-1])))

# %% tags=["folded"]
shown = [0, len(first["evaluations"]) // 6, len(first["evaluations"]) // 2, -1]
figure, panels = plt.subplots(2, 4, figsize=(9.6, 4.9), sharex=True, sharey=True)
for row, game in zip(panels, (0, seeds), strict=True):
    for axes, moment in zip(row, shown, strict=True):
        points = first["last"][moment, game, :600]
        axes.plot(*centers_of_game[game].cpu().T, "o", mfc="none", color="0.6", ms=8)
        axes.plot(*points.T, ".", ms=2, alpha=0.5)
        modes, share = score(first["last"][moment, game], centers_of_game[game].cpu())
        axes.set(xlim=(-2.9, 2.9), ylim=(-2.9, 2.9), box_aspect=1)
        evaluations = first["evaluations"][moment]
        axes.set_title(f"{evaluations:,}: {modes} modes, {share:.0%} good", fontsize=9)
figure.suptitle("A plain GAN, by gradient evaluations")
show(figure)

# %% [markdown]
# Numbers in the text are those of `laptop` scale, on a CPU, one thread. On the ring nine of ten samples are good, 90 % (87 to 95 % over five seeds). And they
# all come from 2 of the 8 modes (2 or 3): this is **[mode collapse](glossary.ipynb#Mode-collapse)**, in every seed. Whoever looks at the
# samples one by one would call it the best of all. The loss asks of each fake that it pass; nothing in it asks that two fakes differ, and when the
# discriminator has learned to distrust a mode that comes too often, the generator moves on to another one.
#
# On the grid it finds 15 modes (13 to 20), and 33 % are good. Do not read much into that: an even spread over the square from -2.3 to 2.3 would have
# $25\,\pi\,0.3^2 / 4.6^2 = 33\,\%$ good samples, 1.3 % in each mode, and so would find all 25. The two numbers must be read together, and against
# what chance gives.
#
# ## 2 · Shorter gradients: clipping, and what it cannot do
#
# The first cure that many reach for comes from recurrent networks: **[gradient clipping](glossary.ipynb#Gradient-clipping)**. Take all
# gradients of a network's parameters as one vector $g$. If it is longer than $c$, shorten it to length $c$:
#
# $$ g \leftarrow \min\Big(1, \frac{c}{\|g\|}\Big)\, g . $$
#
# One factor for all parameters, so the direction stays. Below $c$ nothing happens: a gradient that vanishes still
# vanishes.
#
# ### Exercise · `clip_gradient_norm(parameters, max_norm)`
# *8 minutes.* `parameters` is any iterable, such as `model.parameters()`, which can be gone through only once;
# a parameter may have the gradient `None`. Scale the gradients in place so that their common norm is at most
# `max_norm`, and return the norm that they had before.


# %% exercise="stable_gans.clip_gradient_norm"
def clip_gradient_norm(parameters, max_norm):
    """Shorten all gradients, as one vector, to `max_norm` at most; returns the norm before."""
    # BEGIN SOLUTION
    gradients = [p.grad for p in parameters if p.grad is not None]
    total = torch.stack([gradient.norm() for gradient in gradients]).norm()
    factor = (max_norm / (total + 1e-12)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor)
    return total
    # END SOLUTION


# %% check="stable_gans.clip_gradient_norm"
check("stable_gans.clip_gradient_norm", clip_gradient_norm)

# %% [markdown]
# **Predict**: three gradients of norms 3,000, 1 and 0.00000003, clipped at 1. What is left? And will the plain GAN above
# find more modes if its critic's gradients are clipped at 1? (The norm is that of the ten games together here.)

# %%
for size in (3e3, 1.0, 3e-8):
    weight = nn.Parameter(torch.zeros(2, 3))
    weight.grad = torch.full((2, 3), size / 6**0.5)
    before = clip_gradient_norm([weight], max_norm=1.0)
    print(f"norm {before:.1e} becomes {weight.grad.norm():.1e}")
clipped = play(methods["non-saturating"], decay=None, looks=1, clip_gradients=1.0)
print(f"{'':<14}{HEAD}\nclipped at 1: {told(*score_games(clipped['last'][-1]))}")

# %% [markdown]
# The vanishing gradient stays where it was. That clipping prevents vanishing gradients can be read here and there; it is a factor of at most 1. And the
# game? 4 modes (1 to 4) in the place of 2 (2 to 3): the ranges overlap, five seeds cannot tell the two apart. There is not much to expect either, with Adam, which
# divides each gradient by its own recent size: what is always scaled is scaled back. Clipping is insurance against a single step that would throw
# everything away. It does not change where the game is going.
#
# What else could be done? The picture shows a round of training and where each cure of this lesson acts. Keep it in
# mind: their names sound alike, and they do different things.

# %% tags=["folded"]
show(plot_where_cures_act())

# %% [markdown]
# ## 3 · Another distance: how far must mass be moved?
#
# Lesson 08 showed what a good discriminator tells the generator: a Jensen–Shannon divergence. It has a flaw. Once
# two distributions do not overlap it is $\log 2$, near or far. The **[Wasserstein distance](glossary.ipynb#Wasserstein-distance)** asks for work: a
# *[coupling](glossary.ipynb#Coupling)* $\gamma(x, y)$ is a plan that says how much of the mass at $x$ goes to $y$; its marginals are $p$ and $q$. The
# best plan's mean distance is
#
# $$ W(p, q) = \inf_{\gamma} \; \mathbb E_{(x, y) \sim \gamma} \|x - y\| . $$

# %% tags=["folded"]
axis = torch.linspace(-3, 8, 11_001, dtype=torch.float64)
cell = axis[1] - axis[0]
bump = torch.exp(-((axis / 0.2) ** 2) / 2) / (0.2 * (2 * math.pi) ** 0.5)
shifts = torch.linspace(0, 5, 51, dtype=torch.float64)
js_curve, w_curve = [], []
for shift in shifts:
    other = torch.exp(-(((axis - shift) / 0.2) ** 2) / 2) / (0.2 * (2 * math.pi) ** 0.5)
    middle = (bump + other) / 2
    kl = [(torch.xlogy(p, p) - torch.xlogy(p, middle)).nan_to_num().sum() for p in (bump, other)]
    js_curve.append((sum(kl) * cell / 2).item())
    w_curve.append(((bump - other).cumsum(0).abs().sum() * cell**2).item())
figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 2.7))
left.plot(shifts, js_curve)
left.axhline(math.log(2), color="gray", ls="--", lw=1)
left.set(title="Jensen–Shannon divergence", xlabel="shift", ylabel="nats")
right.plot(shifts, w_curve, color="C1")
right.set(title="Wasserstein distance", xlabel="shift", ylabel="distance")
figure.suptitle("Two Gaussians of standard deviation 0.2, one shifted")
show(figure)

# %% [markdown]
# The left curve is flat from a shift of 1 on: whoever stands there does not know where to go. The right one is a
# straight line. But nobody can search all plans. The rescue is a second form of the same number.
#
# ### The critic's side of it, line by line
#
# Call a function $f$ **[1-Lipschitz](glossary.ipynb#Lipschitz-constant)** if $|f(x) - f(y)| \le \|x - y\|$ for all $x, y$: its slope is nowhere
# above 1.
#
# **Line 1.** For any plan $\gamma$ with marginals $p$ and $q$: $\;\mathbb E_p f - \mathbb E_q f = \mathbb E_\gamma [f(x) - f(y)]$. Each
# expectation sees one marginal only.
#
# **Line 2.** If $f$ is 1-Lipschitz, each difference is at most $\|x - y\|$: $\;\mathbb E_p f - \mathbb E_q f \le \mathbb E_\gamma \|x - y\|$.
#
# **Line 3.** The left side does not know the plan, the right side not the function. So the largest left side is at most the
# smallest right side: $\;\sup_f (\mathbb E_p f - \mathbb E_q f) \le W(p, q)$.
#
# **Line 4** (Kantorovich and Rubinstein). They are equal, if both distributions have a finite mean. We show it in one dimension. With the distribution functions $P$, $Q$,
# take the $f$ with slope $f'(x) = \mathrm{sign}(Q(x) - P(x))$, which is 1-Lipschitz. Integrate by parts (the ends vanish):
#
# $$ \mathbb E_p f - \mathbb E_q f = \int f\,(p - q)\,dx = -\int f'\,(P - Q)\,dx = \int |P(x) - Q(x)|\,dx . $$
#
# **Line 5.** The plan that sorts both sides, the smallest to the smallest, costs exactly that: of the mass that must
# cross the point $x$, $|P(x) - Q(x)|$ is the least possible amount, and sorted mass never crosses back. So this $f$ and this
# plan meet, and by line 3 neither can be improved.

# %% tags=["nbval-check-output"]
toss = torch.Generator().manual_seed(0)
real, fake = (torch.randn(400, generator=toss, dtype=torch.float64) for _ in range(2))
real, fake = (0.6 * real - 1).sort().values, (1.3 * fake + 0.5).sort().values
sorted_plan = (real - fake).abs().mean()
places = torch.cat([real, fake]).sort().values
P, Q = (torch.searchsorted(x, places[:-1], right=True) / 400 for x in (real, fake))
slope = (Q - P).sign()
f = torch.cat([torch.zeros(1), (slope * places.diff()).cumsum(0)])  # f at each of the 800 places


def gap(values):
    """Mean of a function over the reals minus that over the fakes, from its values at `places`."""
    at = [values[torch.searchsorted(places, x)] for x in (real, fake)]
    return at[0].mean() - at[1].mean()


print(f"the sorted plan costs {sorted_plan:.6f}, the best critic shows {gap(f):.6f}")
assert torch.isclose(gap(f), sorted_plan, atol=1e-12)
others = []
for _ in range(1_000):  # random 1-Lipschitz functions, and random plans
    slopes = 2 * torch.rand(799, generator=toss, dtype=torch.float64) - 1
    others.append(gap(torch.cat([torch.zeros(1), (slopes * places.diff()).cumsum(0)])))
    plan = (real - fake[torch.randperm(400, generator=toss)]).abs().mean()
    assert plan >= sorted_plan - 1e-12 and others[-1] <= sorted_plan + 1e-12
print(
    f"1,000 random 1-Lipschitz functions show {max(others):.3f} at most; no random plan is cheaper"
)

# %% [markdown]
# So a network that *maximizes* $\mathbb E_p f - \mathbb E_q f$ among all 1-Lipschitz functions measures $W$. Such an $f$ is no
# classifier: its value is a score without a scale of its own, and the network is called a **[critic](glossary.ipynb#Critic)**.
#
# ### Exercise · `critic_loss(real_scores, fake_scores)`
# *3 minutes.* Scores of reals and of fakes, of any two numbers of them. Return what the critic minimizes: minus the
# difference of means that it makes large. A scalar.


# %% exercise="stable_gans.critic_loss"
def critic_loss(real_scores, fake_scores):
    """What a Wasserstein critic minimizes: fakes' mean score minus reals' mean score."""
    # BEGIN SOLUTION
    return fake_scores.mean() - real_scores.mean()
    # END SOLUTION


# %% check="stable_gans.critic_loss"
check("stable_gans.critic_loss", critic_loss)

# %% [markdown]
# ### Exercise · `wasserstein_generator_loss(fake_scores)`
# *2 minutes.* The generator makes the same distance small. Return what *it* minimizes, a scalar.


# %% exercise="stable_gans.wasserstein_generator_loss"
def wasserstein_generator_loss(fake_scores):
    """What a Wasserstein generator minimizes: minus the mean score of its fakes."""
    # BEGIN SOLUTION
    return -fake_scores.mean()
    # END SOLUTION


# %% check="stable_gans.wasserstein_generator_loss"
check("stable_gans.wasserstein_generator_loss", wasserstein_generator_loss)

# %% [markdown]
# ### What is true along the way from fake to real
#
# Where is the best critic's slope 1? Take a best plan and a best $f$, for which line 2 is an equality.
#
# **Line 6.** Then $f(x) - f(y) = \|x - y\|$ for (almost) all pairs of the plan, since no pair may fall short if the means agree.
#
# **Line 7.** Take $x_t = t\,x + (1 - t)\,y$ on the line between such a pair. Being 1-Lipschitz,
# $f(x) - f(x_t) \le \|x - x_t\|$ and $f(x_t) - f(y) \le \|x_t - y\|$. The right sides add to $\|x - y\|$, and so do the left sides, by line 6. So
# both are equalities: along the line $f$ rises with slope exactly 1.
#
# **Line 8.** Where $f$ is differentiable, its derivative in the direction $u = (x - y)/\|x - y\|$ is thus $\nabla f \cdot u = 1$. But
# $\|\nabla f\| \le 1$ and $\|u\| = 1$, and a product of two vectors of length at most 1 is 1 only if they are equal:
# $\nabla f(x_t) = u$.
#
# **The best critic's gradient has length 1 on the lines of the best plan** (proposition 1 of Gulrajani and others), and points from
# fake to real. In one dimension you have just seen it: $f' = \pm 1$ wherever $P \ne Q$. In the plane:

# %% tags=["nbval-check-output"]
shift = torch.tensor([3.0, 4.0], dtype=torch.float64)
fake_points = torch.randn(200, 2, generator=toss, dtype=torch.float64)
real_points = fake_points + shift  # the best plan moves each point by the shift
best_f = lambda points: points @ (shift / shift.norm())  # noqa: E731
plan_cost = (real_points - fake_points).norm(dim=1).mean()
t = torch.rand(200, 1, generator=toss, dtype=torch.float64)
between = (t * real_points + (1 - t) * fake_points).requires_grad_()
(gradient,) = torch.autograd.grad(best_f(between).sum(), between)
print(f"plan {plan_cost:.6f}, critic {best_f(real_points).mean() - best_f(fake_points).mean():.6f}")
print(f"gradient on the lines: {gradient[0].tolist()}, length {gradient.norm(dim=1).mean():.6f}")
assert torch.allclose(gradient, (shift / 5).expand_as(gradient))

# %% [markdown]
# ## 4 · Weight clipping, and what it does to the critic's gradients
#
# How does one keep a network 1-Lipschitz? Arjovsky and others clamp every weight to $[-c, c]$ after each step: **[weight clipping](glossary.ipynb#Weight-clipping)**. Then the network is
# Lipschitz with *some* constant, and dividing by a constant changes nothing about who wins. It was, in their own words, a clearly terrible
# way, and it is worth seeing why.
#
# Deep critics make it plain. The fakes are a cloud in the middle of the ring, and stand still. Critics with eight hidden
# layers are trained on `critic_loss`, each with its own $c$, and we look at the size of the gradient that arrives at each layer.
# **Predict**: for which $c$ does it reach the first layer? And where do the weights end up?


# %%
def train_critics(critic_loss_of, sizes, count=1, clip=None, spectral=False):
    """Critics that learn alone, against fakes that stand still; returns the stack."""
    seed_everything(0)
    stack = Games(count, sizes, spectral).to(device)
    optimizer = torch.optim.Adam(stack.parameters(), 1e-3, (0.5, 0.9))

    def critic_step(real, fake, mix):
        loss = critic_loss_of(stack, real, fake, mix)
        optimizer.zero_grad()
        (count * loss).backward()
        optimizer.step()
        if clip is not None:
            for weight in stack.parameters():
                weight.data.copy_(weight.data.clamp(-clip, clip))

    step = fast(critic_step, stack, optimizer, precision="float32")
    for _ in range(critic_rounds):
        step(*standing_batch(count), torch.rand(count * batch_size, device=device))
    return stack


def standing_batch(count, size=batch_size):
    """Reals of the ring, and fakes from one Gaussian in its middle."""
    real = draw_real(data_sets["ring"], count, size)
    return real, 0.3 * torch.randn(count, size, 2, device=device)


def wasserstein_critic(critic, real, fake, mix):
    return critic_loss(*scores(critic, real, fake))


deep = (2, *[hidden] * 8, 1)
limits = torch.tensor([0.01, 0.1, 0.3], device=device)[:, None, None]
clipped_critics = train_critics(wasserstein_critic, deep, len(limits), limits)

# %% [markdown]
# ## 5 · A gradient penalty
#
# Line 8 says what the best critic looks like: slope 1 on the lines from fake to real. Gulrajani and others put that into the loss. Draw
# a pair and a point between them, and charge the distance of the gradient's length from 1, the **[gradient penalty](glossary.ipynb#Gradient-penalty)**:
#
# $$ L_\text{critic} = \mathbb E\,f(\tilde x) - \mathbb E\,f(x) + \lambda\, \mathbb E_{\hat x} \big( \|\nabla_{\hat x} f(\hat x)\| - 1 \big)^2 ,
#    \qquad \hat x = m\,x + (1 - m)\,\tilde x , \quad m \sim U(0, 1) . $$
#
# It is a gradient by the *input*, and the loss is then differentiated by the *weights*: autograd runs twice, so
# the first gradient must keep its graph (`create_graph=True`). Two things are not quite the theory's: the pairs are drawn at random,
# not from the best plan, and elsewhere the slope is free.
#
# ### Exercise · `gradient_penalty(critic, real, fake, mix)`
# *12 minutes.* `critic` maps `(B, …)` to scores `(B,)`; `real` and `fake` have one shape, `(B, C, H, W)` or `(B, D)`; `mix` `(B,)` in
# [0, 1] weighs the *real* one. Return the mean of (norm − 1)², a scalar without the weight λ, which the critic can
# learn from. Leave nothing in any `.grad`.


# %% exercise="stable_gans.gradient_penalty"
def gradient_penalty(critic, real, fake, mix):
    """Mean of (norm of the critic's gradient - 1)², at points between real and fake."""
    # BEGIN SOLUTION
    mix = mix.view(-1, *[1] * (real.ndim - 1))
    between = (mix * real + (1 - mix) * fake).detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()
    # END SOLUTION


# %% check="stable_gans.gradient_penalty"
check("stable_gans.gradient_penalty", gradient_penalty)

# %% [markdown]
# The stack of games passes for one critic with a large batch: the points of all games lie behind each other, and each
# score depends on its own point alone. The same deep critic, now with the penalty in the place of clipping:

# %%
gp_weight = 0.1


def flat(critic, real):
    """A stack `(games, B, 2)` to `(games, B, 1)` as one critic, `(games · B, 2)` to `(games · B,)`."""
    return lambda points: critic(points.unflatten(0, (len(real), -1))).flatten()


def penalized_critic(critic, real, fake, mix):
    penalty = gradient_penalty(flat(critic, real), real.flatten(0, 1), fake.flatten(0, 1), mix)
    return critic_loss(*scores(critic, real, fake)) + gp_weight * penalty


penalized = train_critics(penalized_critic, deep)


# %%
def layer_gradients(stack):
    """Norm of the loss's gradient at each layer's input, `(layers, games)`, the first layer first."""
    real, fake = standing_batch(len(stack.biases[0]), 1_000)
    activations = [torch.cat([real, fake], dim=1).requires_grad_()]
    for number, bias in enumerate(stack.biases):
        x = activations[-1] if number == 0 else F.leaky_relu(activations[-1], 0.2)
        activations.append(torch.baddbmm(bias, x, stack.weight(number)))
    loss = len(real) * critic_loss(*activations[-1].chunk(2, dim=1))
    gradients = torch.autograd.grad(loss, activations[:-1])
    return torch.stack([g.flatten(1).norm(dim=1) for g in gradients]).cpu()


by_clipping, by_penalty = layer_gradients(clipped_critics), layer_gradients(penalized)[:, 0]
for number, limit in enumerate(limits.flatten().tolist()):
    at_limit = torch.cat(
        [(w[number].abs() >= 0.999 * limit).flatten() for w in clipped_critics.weights]
    )
    ratio = by_clipping[0, number] / by_clipping[-1, number]
    print(
        f"clipped at {limit:.2f}: {at_limit.float().mean():.0%} of the weights lie at ±c; "
        f"gradient at the first layer over that at the last: {ratio:.1e}"
    )
print(f"with the penalty: {by_penalty[0] / by_penalty[-1]:.1e}")

# %% tags=["folded"]
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(10.5, 3.1), width_ratios=(1.3, 1, 1))
for number, limit in enumerate(limits.flatten().tolist()):
    left.plot(range(1, 10), by_clipping[:, number], "o-", ms=3, label=f"clipped at {limit:g}")
left.plot(range(1, 10), by_penalty, "k^-", ms=4, label="gradient penalty")
left.set(title="Gradient of the loss by layer", xlabel="layer", ylabel="norm", yscale="log")
left.legend(fontsize=8)
for axes, stack, which, name in (
    (middle, clipped_critics, 1, "Weights, clipped at 0.1"),
    (right, penalized, 0, "Weights, gradient penalty"),
):
    values = torch.cat([w[which].flatten() for w in stack.weights]).detach().cpu()
    axes.hist(values.numpy(), bins=60, color="C1" if which else "0.3")
    axes.set(title=name, xlabel="weight", yticks=[])
show(figure)

# %% [markdown]
# (Laptop scale.) At $c = 0.01$ the gradient that arrives at the first layer is $10^{-11}$ of that at the last: it has *vanished*. At 0.1 it is 8,000 times as large, at 0.3
# $6 \cdot 10^{7}$ times: it *explodes*. Each layer multiplies by roughly the same factor, and eight factors of a little too much or too little make
# that. Somewhere between 0.01 and 0.1 is a $c$ that fits, for this depth and width only. The histogram shows the other half of it: the
# critic wants to be as steep as it may, and with a limit on each single weight the steepest function has all weights at the limit, 100 % of them here: a very simple
# function. With the penalty the gradient changes by a factor of 10 over all layers, and the weights are spread as they like.
#
# ### Gradient clipping and gradient penalty are two things
#
# | | gradient clipping (section 2) | gradient penalty |
# |---|---|---|
# | which gradient | of the *loss* by the *weights* | of the *score* by the *input* |
# | where | between `backward()` and the optimizer's step | in the loss, before `backward()` |
# | what it limits | how far one step goes | how steep the critic is |
# | changes where training wants to go | no, only how fast | yes |
# | costs | nothing | a second backward pass |
#
# A critic whose every step is clipped may become as steep as it likes; it only takes longer. The next cell lets it: no
# penalty, no clamp, and after each number of steps the mean slope between real and fake.


# %%
def slopes_between(stack, t):
    """Norms of the critic's gradient at t of the way from fake to real, `(games, B)`."""
    real, fake = standing_batch(len(stack.biases[0]), 2_000)
    x = (t * real + (1 - t) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(stack(x).sum(), x)
    return slope.norm(dim=-1)


for limit in (None, 0.1):
    seed_everything(0)
    steep = Games(1, (2, hidden, hidden, 1)).to(device)
    optimizer = torch.optim.SGD(steep.parameters(), lr=0.02)
    for number in range(critic_rounds + 1):
        if number in (0, critic_rounds // 20, critic_rounds // 2, critic_rounds):
            print(
                f"gradients {f'clipped at {limit}' if limit else 'not clipped'}: after {number:>4} steps "
                f"the slope half-way is {slopes_between(steep, 0.5).mean():.2e}"
            )
        loss = wasserstein_critic(steep, *standing_batch(1), None)
        optimizer.zero_grad()
        loss.backward()
        if limit:
            clip_gradient_norm(steep.parameters(), limit)
        optimizer.step()

# %% [markdown]
# Without a bound the slope is 500 after 30 steps and has overflowed after 300: the steeper the critic, the larger its gradients, the faster it grows. With clipped gradients it grows from
# 1.50 to 5.53 in 600 steps and goes on: the *steps* are short, the *slope* is free. (Plain gradient steps here, so that nothing but clipping limits them.)
#
# ## 6 · Spectral normalization: a bound built into the layers
#
# A penalty asks; one can also make the network such that it *cannot* be steep.
#
# **Line 1.** For a linear layer, $\|W x - W y\| \le \sigma(W)\,\|x - y\|$ with the largest singular value
# $\sigma(W) = \max_{\|v\| = 1} \|W v\|$, and no smaller constant would do: $\sigma(W)$ *is* the layer's Lipschitz constant.
#
# **Line 2.** The leaky ReLU has slopes 1 and 0.2, so it is 1-Lipschitz. A bias changes no difference.
#
# **Line 3.** Constants of functions applied one after the other multiply: the whole network has at most
# $\prod_l \sigma(W_l)$. Divide each $W_l$ by $\sigma(W_l)$ and the bound is 1. This is **[spectral normalization](glossary.ipynb#Spectral-normalization)** (Miyato
# and others, 2018).
#
# How does one find $\sigma$ without a decomposition at each step? By **[power iteration](glossary.ipynb#Power-iteration)**:
#
# **Line 4.** Write $u = \sum_i a_i u_i$ in the left singular vectors. $W W^\top$ multiplies the part along $u_i$ by $\sigma_i^2$, so after $n$
# rounds of $v = W^\top u$, $u = W v$, each brought to length 1, the part along $u_i$ has shrunk against that along $u_1$ by $(\sigma_i / \sigma_1)^{2n}$.
#
# **Line 5.** If $\sigma_1 > \sigma_2$ and $a_1 \ne 0$, then $u \to \pm u_1$, and $u^\top W v \to \sigma_1$. From below: $|u^\top W v| \le \sigma_1$ for any unit vectors.
#
# One iteration a training step is enough, if $u$ is kept: weights change little from step to step. The gradient takes
# $u$ and $v$ as constants; of $u^\top W v$ it is then $u v^\top$, which at the singular vectors is the gradient of $\sigma_1$.
#
# ### Exercise · `spectral_norm_estimate(weight, u, iterations)`
# *12 minutes.* `weight` is `(out, in)`, or a convolution's `(C_out, C_in, h, w)`, which as in PyTorch counts as a matrix with `C_out`
# rows. `u` is a unit vector with an entry for each row. In each iteration compute $v$ from $u$, then $u$ from $v$, both of
# length 1. Return $\sigma = u^\top W v$, differentiable by the weight with $u$ and $v$ as constants, and the new `u`. Do not change the
# `u` that comes in, and use tensor operations only (no `.item()`): we run it over a stack with `torch.vmap`.


# %% exercise="stable_gans.spectral_norm_estimate"
def spectral_norm_estimate(weight, u, iterations):
    """(σ, new u): the largest singular value by power iteration from u."""
    # BEGIN SOLUTION
    matrix = weight.flatten(1)
    fixed = matrix.detach()  # u and v are constants of the gradient
    for _ in range(iterations):
        v = F.normalize(fixed.mT @ u, dim=0)
        u = F.normalize(fixed @ v, dim=0)
    return u @ matrix @ v, u
    # END SOLUTION


# %% check="stable_gans.spectral_norm_estimate"
check("stable_gans.spectral_norm_estimate", spectral_norm_estimate)

# %% tags=["nbval-check-output"]
toss = torch.Generator().manual_seed(0)
W = torch.randn(40, 30, generator=toss, dtype=torch.float64)
_, S, _ = torch.linalg.svd(W)
x, y = (torch.randn(1_000, 30, generator=toss, dtype=torch.float64) for _ in range(2))
stretch = ((x - y) @ W.T).norm(dim=1) / (x - y).norm(dim=1)
print(f"line 1: random pairs are stretched by {stretch.max():.3f} at most, σ = {S[0]:.3f}")
u = F.normalize(torch.randn(40, generator=toss, dtype=torch.float64), dim=0)
errors = [(S[0] - spectral_norm_estimate(W, u, n)[0]).item() for n in (1, 2, 5, 10, 20, 40, 60)]
print("line 5: below by", ", ".join(f"{e:.1e}" for e in errors), "after 1, 2, 5, 10, 20, 40, 60")
assert min(errors) > -1e-12
rate = (errors[-1] / errors[-2]) ** (1 / 20)
print(
    f"line 4: each iteration shrinks the error by {rate:.3f}; (σ2/σ1)⁴ = {(S[1] / S[0]) ** 4:.3f}"
)
layer = parametrizations.spectral_norm(nn.Conv2d(3, 5, 4).double(), n_power_iterations=60)
plain = layer.parametrizations.weight.original
sigma, _ = spectral_norm_estimate(plain, u[:5], 200)
print(f"PyTorch's normalized convolution is yours: {torch.allclose(layer.weight, plain / sigma)}")

# %% [markdown]
# (The error of $\sigma$ shrinks with the *fourth* power of the ratio: a unit vector that is off by a small angle is
# shorter along $u_1$ by the square of that angle.) One more thing to know about convolutions: $\sigma$ of the *reshaped* kernel is
# not the convolution's own Lipschitz constant, since every input pixel enters several positions. It may be larger, by up to $\sqrt{h w}$ (at stride 1).
#
# ### The hinge
#
# With a critic that cannot be steep, Miyato and others use the **[hinge loss](glossary.ipynb#Hinge-loss)**. Reals should score above 1, fakes below −1;
# beyond these margins nothing is gained:
#
# $$ L_D = \mathbb E\big[\max(0, 1 - f(x))\big] + \mathbb E\big[\max(0, 1 + f(\tilde x))\big] , \qquad L_G = -\mathbb E\,f(\tilde x) . $$
#
# 1. If $f$ may be any function, choose it at each $x$ alone: $h(d) = p \max(0, 1 - d) + q \max(0, 1 + d)$ is made of straight pieces with corners
#    at $\pm 1$ and does not fall outwards from them, so its least value is at a corner.
# 2. $h(1) = 2q$ and $h(-1) = 2p$: the best $d$ is $\mathrm{sign}(p - q)$, with the value $2 \min(p, q)$.
# 3. The least loss is $2 \int \min(p, q)\,dx = 2 - \int |p - q|\,dx$, because $\min(p, q) = \tfrac12 (p + q - |p - q|)$: the hinge game measures *total variation*.

# %% tags=["nbval-check-output"]
x = torch.linspace(-8, 8, 3201, dtype=torch.float64)
p = torch.exp(-((x + 1) ** 2) / 2) / (2 * math.pi) ** 0.5
q = torch.exp(-((x - 1) ** 2) / 0.98) / (0.98 * math.pi) ** 0.5
d = torch.linspace(-3, 3, 601, dtype=torch.float64)[:, None]
h = p * (1 - d).relu() + q * (1 + d).relu()
least = h.min(dim=0).values.sum() * (x[1] - x[0])
print(f"least hinge loss {least:.6f}, 2 - ∫|p - q| = {2 - (p - q).abs().sum() * (x[1] - x[0]):.6f}")
assert torch.allclose(h.min(dim=0).values, 2 * torch.minimum(p, q), atol=1e-9)

# %% [markdown]
# ### Exercise · `hinge_losses(real_scores, fake_scores)`
# *5 minutes.* Return two scalars, the discriminator's loss and the generator's.


# %% exercise="stable_gans.hinge_losses"
def hinge_losses(real_scores, fake_scores):
    """(discriminator's loss, generator's loss) with margins of 1."""
    # BEGIN SOLUTION
    discriminator_loss = F.relu(1 - real_scores).mean() + F.relu(1 + fake_scores).mean()
    return discriminator_loss, -fake_scores.mean()
    # END SOLUTION


# %% check="stable_gans.hinge_losses"
check("stable_gans.hinge_losses", hinge_losses)

# %% [markdown]
# ## 7 · R1: flat where the data is
#
# Lesson 08 ended with the Dirac-GAN: it circles, and a price on the discriminator's slope *at the data* brings it home. With networks
# the **[R1 penalty](glossary.ipynb#R1-penalty)** is
#
# $$ R_1 = \frac\gamma2\, \mathbb E_{x \sim p_\text{data}} \|\nabla_x f(x)\|^2 . $$
#
# It pulls the slope to 0, not to 1, at reals alone, and goes with the logistic loss. Why 0? At the goal real and fake are equal,
# and the best discriminator says the same everywhere: it is flat. A penalty that wants slope 1 there never comes to rest at the goal.
#
# ### Exercise · `r1_penalty(real_logits, real)`
# *6 minutes.* The caller has let `real` require a gradient and computed `real_logits` `(B,)` from it. Return the mean of the squared gradient
# norms, one for each image, a scalar without the factor γ/2; the discriminator must be able to learn from it. Leave nothing in any `.grad`.


# %% exercise="stable_gans.r1_penalty"
def r1_penalty(real_logits, real):
    """Mean over the reals of the squared norm of the logit's gradient by the image."""
    # BEGIN SOLUTION
    (slope,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
    return slope.square().flatten(1).sum(dim=1).mean()
    # END SOLUTION


# %% check="stable_gans.r1_penalty"
check("stable_gans.r1_penalty", r1_penalty)

# %% [markdown]
# Now all critics' losses can be written down. The **[least-squares GAN](glossary.ipynb#Least-squares-GAN)** (Mao and others, 2017) is the last: a regression to 1 for reals and 0 for
# fakes, whose gradient does not fade where the discriminator is sure.

# %%
r1_weight = 0.1


def least_squares_critic(critic, real, fake, mix):
    real_scores, fake_scores = scores(critic, real, fake)
    return ((real_scores - 1).square().mean() + fake_scores.square().mean()) / 2


def hinge_critic(critic, real, fake, mix):
    return hinge_losses(*scores(critic, real, fake))[0]


def r1_critic(critic, real, fake, mix):
    points = real.flatten(0, 1).requires_grad_()  # one long batch, as r1_penalty wants it
    real_logits, fake_logits = scores(critic, points.unflatten(0, (len(real), -1)), fake)
    loss = F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
    return loss + r1_weight / 2 * r1_penalty(real_logits.flatten(), points)


least_squares_generator = lambda fake_scores: (fake_scores - 1).square().mean() / 2  # noqa: E731
hinge_generator = lambda fake_scores: hinge_losses(fake_scores, fake_scores)[1]  # noqa: E731

# %% [markdown]
# **Predict**, before you look: six critics learn alone against fakes that stand still, a cloud in the middle of the ring. Along
# straight lines from fakes to reals, how long is each critic's gradient?

# %%
shallow = (2, hidden, hidden, 1)
watched = {
    "non-saturating": train_critics(nonsaturating_critic, shallow),
    "least squares": train_critics(least_squares_critic, shallow),
    "WGAN, clipped": train_critics(wasserstein_critic, shallow, clip=0.1),
    "WGAN, penalty": train_critics(penalized_critic, shallow),
    "hinge, spectral": train_critics(hinge_critic, shallow, spectral=True),
    "R1": train_critics(r1_critic, shallow),
}
along = torch.linspace(0, 1, 41).tolist()
profiles = {
    name: torch.stack([slopes_between(stack, t)[0].cpu() for t in along])
    for name, stack in watched.items()
}

# %% tags=["folded"]
figure, panels = plt.subplots(2, 3, figsize=(10, 4.8), sharex=True)
for axes, (name, slopes) in zip(panels.flat, profiles.items(), strict=True):
    low, middle, high = slopes.quantile(torch.tensor([0.1, 0.5, 0.9]), dim=1)
    axes.fill_between(along, low, high, alpha=0.25, lw=0)
    axes.plot(along, middle, lw=2)
    axes.axhline(1, color="0.4", ls="--", lw=1)
    axes.set(title=name, ylim=(0, None))
for axes in panels[1]:
    axes.set_xlabel("0: the fake, 1: the real")
for axes in panels[:, 0]:
    axes.set_ylabel("length of the gradient")
figure.suptitle("The critic's slope on the way from fake to real: median, and 10 to 90 %")
show(figure)

# %% [markdown]
# (Laptop scale, after 600 steps.) Nothing limits the **non-saturating** discriminator: its gradient is 8 long at the fakes and 18 from half-way on, and grows as it
# trains. **Least squares** wants scores from 0 to 1 over a distance of about 1.6, so its slope stays near 0.6. The **clipped** critic has about the right slope in the
# median, and from 0.1 to 1.4 from place to place: it consists of a few flat pieces. The **penalty** gives what line 8 promises, one slope everywhere, within a few percent. But it is 9.4
# in the place of 1: with $\lambda = 0.1$ the score's own pull is stronger, and the second experiment of section 13 computes the 9.4. **Spectral normalization** has 0.42 everywhere: below
# 1, since the product of the layers' bounds is hardly ever reached. And **R1** is least steep where it is asked to be, at the reals.
#
# An Adam step does not feel a common factor in all gradients. What matters for the generator is that the slope is there, points somewhere useful, and does not
# jump; those are the differences to look for in this picture.
#
# ## 8 · Around the steps: two time scales, and an average
#
# Two cures do not touch the loss at all. **[Two time scales](glossary.ipynb#Two-time-scale-update-rule)** (Heusel and others, 2017): give the critic the larger learning rate, so that it
# keeps up with the generator at one step a round. (Their proof of convergence is local, for learning rates that decay at different speeds, a critic that would converge if the generator
# stood still, and a few conditions more.) And an **[exponential moving average](glossary.ipynb#Exponential-moving-average)** (EMA) of the generator's weights: train $\theta$ as before, and
# draw samples with
#
# $$ \bar\theta_n = \beta\, \bar\theta_{n-1} + (1 - \beta)\, \theta_n . $$
#
# What does that do to a game that circles?
#
# **Line 1.** Unroll the recursion (from far back): $\bar\theta_n = (1 - \beta) \sum_{k \ge 0} \beta^k\, \theta_{n-k}$. The weights add to 1, and are on
# average $\sum_k (1 - \beta) \beta^k k = \beta / (1 - \beta)$ steps old.
#
# **Line 2, noise.** If the $\theta_n$ scatter independently with variance $s^2$, then $\bar\theta$ has the variance
# $(1 - \beta)^2 \sum_k \beta^{2k} s^2 = \frac{1 - \beta}{1 + \beta}\, s^2$, by the geometric series.
#
# **Line 3, a circle.** Write the two parameters as one complex number, $\theta_n = r\,e^{i \omega n}$. Then
# $\bar\theta_n = (1 - \beta) \sum_k (\beta e^{-i\omega})^k\, \theta_n = \frac{1 - \beta}{1 - \beta e^{-i \omega}}\, \theta_n$: the average circles as well, on the radius
#
# $$ \bar r = \frac{1 - \beta}{|1 - \beta e^{-i\omega}|}\; r , $$
#
# which is far smaller as soon as the average remembers more than one turn. The average does not make the game converge; it shows where
# the game's middle is.
#
# ### Exercise · `ema_update(average, model, decay)`
# *8 minutes.* Two networks of one architecture. Change `average` in place: each parameter becomes `decay` times itself plus
# `1 - decay` times the model's; each buffer (batch normalization's running statistics, its counter) is copied. The same
# tensors stay in place, the model does not change, nothing is returned.


# %% exercise="stable_gans.ema_update"
@torch.no_grad()
def ema_update(average, model, decay):
    """Move the average's parameters towards the model's, in place; copy its buffers."""
    # BEGIN SOLUTION
    for mine, theirs in zip(average.parameters(), model.parameters(), strict=True):
        mine.lerp_(theirs, 1 - decay)
    for mine, theirs in zip(average.buffers(), model.buffers(), strict=True):
        mine.copy_(theirs)
    # END SOLUTION


# %% check="stable_gans.ema_update"
check("stable_gans.ema_update", ema_update)


# %% tags=["nbval-check-output"]
class Point(nn.Module):
    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(torch.zeros(2, dtype=torch.float64))


omega = 0.05
for decay in (0.9, 0.99, 0.999):
    model, average = Point(), Point()
    for n in range(12_000):
        model.place.data = torch.tensor([math.cos(omega * n), math.sin(omega * n)]).double()
        ema_update(average, model, decay)
    line_3 = (1 - decay) / abs(1 - decay * complex(math.cos(omega), -math.sin(omega)))
    print(f"decay {decay}: radius {average.place.norm():.5f}, line 3 says {line_3:.5f}")
    assert abs(average.place.norm() - line_3) < 1e-4
noise = torch.randn(500, 2_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
mean = torch.zeros(2_000, dtype=torch.float64)
for row in noise:
    mean.lerp_(row, 1 - 0.95)
print(f"line 2 at 0.95: variance {mean.var():.4f}, predicted {0.05 / 1.95:.4f}")
assert abs(mean.var() - 0.05 / 1.95) < 5 * 0.05 / 1.95 * (2 / 2_000) ** 0.5

# %% [markdown]
# ## 9 · The contest
#
# Six methods. Each plays with equal learning rates (0.002 for both players; the Wasserstein critics of their papers then take five steps a
# round) and with two time scales (0.001 and 0.004, one step a round). The samples come from the last weights, and from their average. Every
# game has the same number of gradient evaluations. All other settings are the same for all: Adam with betas (0.5, 0.9), batches of 32, weights of 0.1 for
# both penalties. The rates were chosen with the plain GAN; the others take them as they are, and section 11 comes back to that.
#
# **Predict** the winner, and which of the two, two time scales or the average, helps more.

# %%
methods |= {
    "least squares": {"critic": least_squares_critic, "generator": least_squares_generator},
    "WGAN, clipped": {
        "critic": wasserstein_critic,
        "generator": wasserstein_generator_loss,
        "weight_clip": 0.1,
        "d_steps": 5,
    },
    "WGAN, penalty": {
        "critic": penalized_critic,
        "generator": wasserstein_generator_loss,
        "penalties": 1,
        "d_steps": 5,
    },
    "hinge, spectral": {"critic": hinge_critic, "generator": hinge_generator, "spectral": True},
    "R1": {"critic": r1_critic, "generator": nonsaturating_generator, "penalties": 1},
}


def contest():
    """Every method, with one and with two time scales; the runs, and their scores."""
    runs, results = {}, {}
    for name, method in watch(methods.items()):
        for scales, rates, d_steps in (
            ("one time scale", (2e-3, 2e-3), method.get("d_steps", 1)),
            ("two time scales", (1e-3, 4e-3), 1),
        ):
            game = runs[name, scales] = play(method, rates, d_steps)
            for weights in ("last", "average"):
                results[name, scales, weights] = score_games(game[weights][-1])
    return runs, results


runs, results = contest()

# %%
print(f"{budget:,} gradient evaluations a game, median of {seeds} seeds (range)")
print(f"{'':<42}{HEAD}")
for (name, scales, weights), result in results.items():
    print(f"{name:<16}{scales:<17}{weights:<9}{told(*result)}")

# %% tags=["folded"]
figure, panels = plt.subplots(2, 2, figsize=(10, 5.6), sharex=True)
variants = [(s, w) for s in ("one time scale", "two time scales") for w in ("last", "average")]
parts = {"ring": slice(0, seeds), "grid": slice(seeds, None)}
for column, (data, part) in enumerate(parts.items()):
    for row, axes in enumerate(panels[:, column]):
        for number, (scales, weights) in enumerate(variants):
            for place, name in enumerate(methods):
                values = sorted(results[name, scales, weights][row][part])
                x, color = place + 0.17 * (number - 1.5), f"C{number}"
                label = f"{scales}, {weights}" if place == 0 else None
                axes.plot([x] * seeds, values, ".", color=color, ms=4, alpha=0.6)
                axes.plot(
                    [x], [statistics.median(values)], "_", color=color, ms=11, mew=2.5, label=label
                )
        axes.set(ylim=(0, (len(data_sets[data]) + 0.6) if row == 0 else 1.05))
        axes.set_ylabel("modes found" if row == 0 else "share of good samples")
    panels[0, column].set_title(f"{data}: {len(data_sets[data])} modes")
    panels[1, column].set_xticks(range(len(methods)), list(methods), rotation=20, ha="right")
figure.legend(
    *panels[0, 0].get_legend_handles_labels(), fontsize=8, ncols=4, loc="outside lower center"
)
figure.suptitle(f"The contest: {seeds} seeds each (dots) and their median (bars)")
show(figure)

# %% [markdown]
# What does the table say (`laptop` scale)?
#
# - **On the ring, R1 and the penalty with two time scales find all 8 modes** (in the median; 6 is the fewest of any seed), and so do their averages; the plain GAN keeps its 2. In good samples it is the other way
#   round: medians of 85 to 94 % for the plain GAN, 56 % (47 to 60) for the best of R1, 30 % (24 to 32) for the best of the penalty. These two are still on their way after 10,000
#   evaluations: look at their pictures below. Least squares lies between.
# - **Five critic steps are dear.** With the penalty, one step a round at two time scales beats five at one: 8 modes and 25 %, against 6 and 10 %, for the same number of gradients.
# - **Clipped weights** end at 2 or 3 modes and 6 or 7 %: its samples stay a cloud. The critic of section 7's picture suggests why: a few flat pieces, whose
#   slopes jump from place to place, tell the generator little.
# - **The hinge with spectral normalization fails here**, 0 or 1 modes. Before you draw a conclusion from that, read section 11.
# - **The average** helps where the weights swing around something good: R1 from 41 to 56 %, the penalty from 25 to 30 %. Where they run around among modes, the middle between them is
#   nothing: the hinge's average has hardly a good sample.
# - **On the grid** nobody is far from what an even spread would have (33 % good). This budget cannot decide there; `gpu` scale has six times as much.

# %%
recordings = {
    name: {
        "evaluations": torch.tensor(runs[name, "two time scales"]["evaluations"]),
        "samples": runs[name, "two time scales"]["last"][:, :seeds],
    }
    for name in methods
}
mode_explorer(data_sets["ring"].cpu(), recordings, score)

# %% [markdown]
# Choose a method and drag «moment», then the seed. Compare how the plain GAN and R1 come to the
# modes: the one takes a few and sharpens them, and now and then throws its mass from one to another; the other lies around all of them as a ring, early, and
# contracts slowly.
#
# ## 10 · The same losses on images
#
# Fashion-MNIST, 28×28 pixels, two small convolutional networks; the losses are those of the contest, unchanged: four of the six, so that each may train a little longer. (The images get an axis of
# size 1 in front: a stack of one game.) The critic has no batch normalization: a penalty speaks of the gradient of one image's score by that image, and with
# batch statistics there is no such thing. Spectral normalization goes on *every* layer of the critic, by PyTorch's own, which the cell of section 6
# found equal to yours. All keep an average. The learning rates come from two short trials each (one for the penalty),
# by hand: in two of the four it was the *generator* that had to be the faster one.

# %%
fashion, _ = load_fashion_mnist("train", value_range=(-1, 1), device=device)
fashion_test, _ = load_fashion_mnist("test", value_range=(-1, 1), device=device)
network = metrics.features("fashion_mnist", device=device)
reference = network(fashion[: 2 * sample_count]).features.cpu()
floor = metrics.fid(network(fashion_test[:sample_count]).features.cpu(), reference)
print(f"{sample_count:,} real test images: Fréchet distance {floor:.2f} to training images")
image_latent = 64


def make_image_generator(w):
    """z `(B, 64)` to images `(B, 1, 28, 28)` in [-1, 1]: the DCGAN of lesson 10, small."""
    return nn.Sequential(
        nn.Linear(image_latent, 2 * w * 49, bias=False),
        nn.Unflatten(1, (2 * w, 7, 7)),
        nn.BatchNorm2d(2 * w),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * w, w, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(w),
        nn.ReLU(),
        nn.ConvTranspose2d(w, 1, 4, stride=2, padding=1),
        nn.Tanh(),
    ).to(device)


class ImageCritic(nn.Module):
    """A stack of one game, `(1, B, 1, 28, 28)` to scores `(1, B, 1)`."""

    def __init__(self, w, spectral=False):
        super().__init__()
        norm = parametrizations.spectral_norm if spectral else (lambda layer: layer)
        self.layers = nn.Sequential(
            norm(nn.Conv2d(1, w, 4, stride=2, padding=1)),
            nn.LeakyReLU(0.2),
            norm(nn.Conv2d(w, 2 * w, 4, stride=2, padding=1)),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            norm(nn.Linear(2 * w * 49, 1)),
        )

    def forward(self, images):
        return self.layers(images.flatten(0, 1)).unsqueeze(0)


# %%
def play_images(method, rates, d_steps=1, decay=0.99):
    """Train on Fashion-MNIST; returns the generator and its average, in eval mode."""
    seed_everything(0)
    generator = make_image_generator(image_width)
    critic = ImageCritic(image_width, method.get("spectral", False)).to(device)
    average = copy.deepcopy(generator)
    g_optimizer = torch.optim.Adam(generator.parameters(), rates[0], (0.5, 0.99))
    d_optimizer = torch.optim.Adam(critic.parameters(), rates[1], (0.5, 0.99))

    def image_round(real, z, mix):
        for step in range(d_steps):
            fake = generator(z[step])[None].detach()
            loss = method["critic"](critic, real[step][None], fake, mix[step])
            d_optimizer.zero_grad()
            loss.backward()
            d_optimizer.step()
        g_loss = method["generator"](critic(generator(z[-1])[None]))
        g_optimizer.zero_grad()
        g_loss.backward(inputs=list(generator.parameters()))
        g_optimizer.step()
        ema_update(average, generator, decay)

    networks = generator, critic, average
    step = fast(image_round, networks, (g_optimizer, d_optimizer), report=print)
    rounds = image_budget // (d_steps * (1 + method.get("penalties", 0)) + 1)
    for real in watch(batches(fashion, 64 * d_steps, rounds)):
        z = torch.randn(d_steps + 1, 64, image_latent, device=device)
        step(real.unflatten(0, (d_steps, 64)), z, torch.rand(d_steps, 64, device=device))
    return generator.eval(), average.eval()


@torch.no_grad()
def draw_images(generator, count):
    """`count` images of a generator, the same latents for all."""
    z = torch.randn(count, image_latent, generator=torch.Generator().manual_seed(1)).to(device)
    return torch.cat([generator(part) for part in z.split(500)])


# %%
gp_weight, r1_weight = 10.0, 0.3  # for 784 pixels in the place of two coordinates
image_settings = {  # learning rates of generator and critic, critic steps a round
    "non-saturating": ((1e-3, 4e-4), 1),
    "WGAN, penalty": ((1e-3, 1e-3), 2),
    "hinge, spectral": ((1e-3, 2e-3), 1),
    "R1": ((1e-3, 4e-4), 1),
}
pictures, distances = {}, {}
for name, (rates, d_steps) in image_settings.items():
    start = time.perf_counter()
    pair = play_images(methods[name], rates, d_steps)
    seconds = time.perf_counter() - start
    drawn = [draw_images(generator, sample_count) for generator in pair]
    distances[name] = [metrics.fid(network(d).features.cpu(), reference) for d in drawn]
    pictures[name] = drawn[1][:12].cpu()
    last, averaged = distances[name]
    print(f"{name:<16} {seconds:4.0f} s, Fréchet distance {last:6.2f}, averaged {averaged:6.2f}")

# %% tags=["folded"]
rows = torch.cat([fashion_test[:12].cpu(), *pictures.values()])
titles = ["real", *(f"{name}, {distances[name][1]:.0f}" for name in pictures)]
show(
    plot_images(
        rows,
        12,
        "Fashion-MNIST, averaged weights, and their Fréchet distances",
        value_range=(-1, 1),
        row_titles=titles,
        size=0.9,
    )
)

# %% [markdown]
# (Laptop scale, one seed.) Real images have a distance of 0.24. The plain GAN gets to 33.8 with averaged weights (36.6 without), the hinge to 41.5 (43.2), R1 to 45.2 (43.9), the
# penalty to 54.3 (47.1). For the same number of gradients they had 1,500, 1,500, 1,000 and 600 rounds: the one who does least in a round comes furthest in a short race. And so
# the plain GAN, which keeps 2 modes of the ring, is the winner here.
#
# These are the first minutes of a training. Shirts, trousers and shoes can be told apart in the plain GAN's row, shapes in the hinge's, and no row has images that a person would take for real; lesson 10
# trains longer. The average is *worse* where the game was shortest: after 600 rounds a generator still travels, and an average over 100 steps lags behind; besides, the
# running statistics of its batch normalization are copies of the last generator's and do not quite fit averaged weights. (The seconds are those of a machine that had other work to do.)
#
# ## 11 · What the table cannot decide
#
# It is tempting to read the tables as «method A is best». Lucic and others (2018, *Are GANs Created Equal?*) trained seven GANs with a hundred settings each, and
# found that most of them reach similar Fréchet distances once each is given enough search of settings and enough restarts: a better score may come from more tuning, and
# not from a better method. What our tables hold fixed decides who wins in them:
#
# - **One setting a method.** Equal learning rates are not equally good ones. The next cell moves nothing else.
# - **One budget.** A round of five critic steps with a penalty costs 11 gradients, a plain one 2; a longer race might end otherwise.
# - **One size of networks, five seeds**, two data sets in the plane; one seed on images.
# - **One metric**, whose winner need not be yours: modes found and share of good samples disagree already.

# %%
gp_weight, r1_weight = 0.1, 0.1  # back in the plane
print(f"{'':<34}{HEAD}")
for name in ("non-saturating", "hinge, spectral"):
    again = play(methods[name], (3e-4, 1.2e-3), looks=1)
    print(f"{name:<16} rates times 0.3: {told(*score_games(again['average'][-1]))}")

# %% [markdown]
# Look at the hinge with spectral normalization. At the rates of the contest it found 0 or 1 modes of the ring. At 0.3 times these rates it finds **all 8, in each of five seeds**, 25 % (18 to 26) good,
# and the plain GAN finds 5 (3 to 6), 13 % (9 to 21) good. Nothing changed but a factor that the first table held fixed, and the order of the two is turned round. The first table was true. It was a table about
# methods *at certain rates*, rates that had been chosen with one of them.
#
# So how does one compare honestly? Give each method the same search over its settings, and report the best *and* the spread; say what was searched; give seeds; and choose on other data than you report.
#
# ## 12 · What goes wrong
#
# | what was done | what it looks like | cure |
# |---|---|---|
# | 1 a Wasserstein critic without any bound | scores grow without end | penalty, spectral normalization, or clamping |
# | 2 the penalty's gradient without its own graph | the penalty is charged and changes nothing | `create_graph=True` |
# | 3 a sigmoid at the end of a critic | scores between 0 and 1, and a gradient that fades | no activation behind the last layer |
# | 4 EMA without its buffers | samples of a batch-normalized generator are off | copy them |
# | 5 an average that begins at 0 | too small for a long time | begin with a copy |
#
# Each of them, in its order:


# %%
def penalty_without_graph(critic, real, fake, mix):
    penalty = gradient_penalty(flat(critic, real), real.flatten(0, 1), fake.flatten(0, 1), mix)
    return wasserstein_critic(critic, real, fake, mix) + gp_weight * penalty.detach()


def sigmoid_critic(critic, real, fake, mix):
    return critic_loss(*(s.sigmoid() for s in scores(critic, real, fake)))


def report(number, name, stack, squeeze=lambda s: s):
    real, fake = standing_batch(1, 1_000)
    told = squeeze(stack(real)).mean() - squeeze(stack(fake)).mean()
    fake.requires_grad_()
    (slope,) = torch.autograd.grad(squeeze(stack(fake)).sum(), fake)
    print(
        f"{number}  {name:<22} reals score {told:10.2f} more than fakes; "
        f"median slope at the fakes {slope.norm(dim=-1).median():.1e}"
    )


report("  ", "with the penalty", watched["WGAN, penalty"])
report("1 ", "no bound", train_critics(wasserstein_critic, shallow))
report("2 ", "penalty without graph", train_critics(penalty_without_graph, shallow))
report("3 ", "sigmoid at the end", train_critics(sigmoid_critic, shallow), torch.sigmoid)

# %% tags=["nbval-check-output"]
seed_everything(0)
trained = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
average, forgetful = copy.deepcopy(trained), copy.deepcopy(trained)
from_zero = copy.deepcopy(trained)
for weight in from_zero.parameters():
    weight.data.zero_()
for _ in range(200):  # a generator that stands still, whose batch norm sees its inputs
    trained(3 + 2 * torch.randn(64, 2))
    ema_update(average, trained, 0.999)
    ema_update(from_zero, trained, 0.999)
    for mine, theirs in zip(forgetful.parameters(), trained.parameters(), strict=True):
        mine.data.lerp_(theirs.data, 1 - 0.999)
x = 3 + 2 * torch.randn(1_000, 2)
for network_of in (trained, average, forgetful, from_zero):
    network_of.eval()
for number, name, network_of in (
    ("  ", "with buffers", average),
    ("4 ", "without buffers", forgetful),
):
    off = (network_of(x) - trained(x)).abs().mean() / trained(x).std()
    print(f"{number} average {name:<16} differs by {off:.2f} standard deviations of the output")
share = from_zero[0].weight.norm() / trained[0].weight.norm()
print(
    f"5  begun at 0, after 200 steps: {share:.3f} of the weights; 1 - 0.999²⁰⁰ = {1 - 0.999**200:.3f}"
)

# %% [markdown]
# (Laptop scale.) Rows 1 and 2 agree to the last digit: a penalty without a graph is a number that is added to the loss, and its gradient is 0. The loss that is printed looks as if it worked. The scores are 58 times
# as far apart as with the penalty. Row 3 looks tame, reals 1 and fakes 0, and at the fakes the slope is a millionth: nothing for a generator to climb. In row 4 the weights are right and the
# output is off by nearly two of its standard deviations. Row 5 is line 1 of section 8, its sum broken off after 200 terms.
#
# ## 13 · Change one thing
#
# **First: how long a memory?** Play the non-saturating game with two time scales and an average of decay 0.9, and of 0.999. Is a longer
# memory always better? How many of the generator's steps does each remember, and how many are there?

# %%
# your experiment: play(methods["non-saturating"], (1e-3, 4e-3), decay=...)

# %% tags=["solution"]
print(f"{'':<14}{HEAD}")
for decay in (0.9, 0.999):
    game = play(methods["non-saturating"], (1e-3, 4e-3), decay=decay, looks=1)
    print(f"decay {decay:<6}: {told(*score_games(game['average'][-1]))}")

# %% [markdown] tags=["solution"]
# There are 5,000 rounds, and the averages remember about 10 and 1,000 of them. 2 modes (1 to 3) with both, as with 0.99 in the contest: an average finds no mode that the game has left. And longer is not
# better: with 0.999 the share of good samples goes from 99 % down to 10 % in the worst seed. If the generator has gone from one mode to another within the average's memory, the averaged weights belong to
# neither. To average *weights* is not to average distributions; it helps where they swing around one place.

# %% [markdown]
# **Second: the weight of the penalty.** Train the standing critic of section 7 with λ = 0.001 and with λ = 10 (`gp_weight` is a global name that
# `penalized_critic` reads). How long are its gradients on the way from fake to real? Which way does the critic err, and why?

# %%
# your experiment: gp_weight = ...; slopes_between(train_critics(penalized_critic, shallow), 0.5)

# %% tags=["solution"]
for gp_weight in (0.001, 0.1, 10.0):
    stack = train_critics(penalized_critic, shallow)
    lengths = [slopes_between(stack, t)[0].median() for t in (0.1, 0.5, 0.9)]
    told_lengths = ", ".join(f"{length:.2f}" for length in lengths)
    print(f"λ = {gp_weight:>6}: median length at 0.1, 0.5, 0.9 of the way: {told_lengths}")
gp_weight = 0.1

# %% [markdown] tags=["solution"]
# It errs towards *steep*, and one can compute how far:
#
# 1. Suppose $f$ rises with slope $s$ on the whole way. Reals and fakes are $W$ apart, so $\mathbb E f(x) - \mathbb E f(\tilde x) = s W$.
# 2. The loss is $-sW + \lambda (s - 1)^2$. Its derivative by $s$, $-W + 2 \lambda (s - 1)$, is 0 at
#
# $$ s = 1 + \frac{W}{2 \lambda} . $$
#
# 3. Here the best plan moves each fake straight outwards to the circle of radius 2. A fake's mean distance from the middle is $0.3 \sqrt{\pi / 2} = 0.38$, so $W \approx 1.62$.
#
# That gives 1.08 for λ = 10 (measured 1.08 to 1.09) and 9.1 for λ = 0.1 (9.2 to 9.5). For λ = 0.001 it would be 811, and after 600 steps the critic is at 517 and rising. A penalty is a compromise with the loss, not a
# bound; near the goal $W$ goes to 0, and the slope to 1.

# %% [markdown]
# ## What you take along
#
# 1. Cures act in different places: on the step (gradient clipping, two time scales), on the weights (clamping, spectral normalization, EMA), on the
#    critic's slope (gradient penalty, R1), on the loss itself. Their names sound more alike than they are.
# 2. A Wasserstein critic measures a distance only while it is 1-Lipschitz, and the best one has slope 1 on the way from fake to real.
#    Clamping weights bounds the slope and spoils the gradient on its way through the layers; a penalty does not.
# 3. A comparison holds for its settings, budget, data and metric. Give the seeds and the spread, and say what was held fixed.
#
# **References.** Srivastava and others (2017), *VEEGAN*, arXiv 1705.07761 (the ring and the grid) · Arjovsky, Chintala and Bottou (2017), *Wasserstein GAN*, arXiv 1701.07875 ·
# Gulrajani and others (2017), *Improved Training of Wasserstein GANs*, arXiv 1704.00028, proposition 1 · Miyato and others (2018), *Spectral Normalization for Generative
# Adversarial Networks*, arXiv 1802.05957 · Lim and Ye (2017), *Geometric GAN*, arXiv 1705.02894 (the hinge) · Mao and others (2017), *Least Squares Generative Adversarial Networks*, arXiv 1611.04076 ·
# Mescheder, Geiger and Nowozin (2018), arXiv 1801.04406 · Heusel and others (2017), arXiv 1706.08500 (two time scales) · Yazıcı and others (2019), *The Unusual Effectiveness of Averaging in GAN
# Training*, arXiv 1806.04498 · Lucic and others (2018), *Are GANs Created Equal? A Large-Scale Study*, arXiv 1711.10337 · Pascanu, Mikolov and Bengio (2013), *On the difficulty of training recurrent neural
# networks*, arXiv 1211.5063 (gradient clipping).
#
# **Next** is 12_evaluation: is it any good?
