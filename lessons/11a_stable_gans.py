# %% [markdown]
# # 11a · A collapse, and a critic with a slope
#
# A GAN may learn one thing and repeat it for ever. In this sitting you make that illness on a data set
# where it can be counted, try the cure that many reach for first, and then give the game another judge:
# one that does not sort real from fake, but measures how far apart they are. (In 11b the other cures
# follow, and all of them compete.)
#
# ![A plain GAN on eight Gaussians, by gradient evaluations; the gradient of deep critics, clipped and penalized](../images/11a_stable_gans.png)
#
# That is what you will make. Above, the samples of a plain GAN on eight Gaussians and on 25: they gather
# at a few of them. Below, what two ways to keep a critic from becoming too steep do to its gradients.
#
# <details><summary>中文导读</summary>
#
# 本课分两次完成。上半课在八个高斯分布上制造并测量模式坍塌：用「找到的模式数」和「好样本的比例」两个数来描述它。
# 然后试一试梯度裁剪，看它能做什么、不能做什么。接着推导 Wasserstein 距离的对偶形式，
# 证明最优评论家在真假样本的连线上梯度范数为 1，测量权重裁剪怎样使梯度逐层消失或爆炸，
# 并用梯度惩罚代替它。「梯度裁剪」与「梯度惩罚」是两回事，课中有一张对照表。
# 最后用相同的梯度计算次数和五个随机种子比较四种方法。其余的方法与完整的比较在下半课(11b)。
# 术语的中英对照见 [glossary](glossary.ipynb)。
#
# </details>
#
# **You will be able to**
# - make a mode collapse, and say in two numbers how bad it is,
# - derive what a Wasserstein critic measures, and why its slope between real and fake is 1,
# - say what weight clipping does to a critic's gradients, and write the gradient penalty,
# - tell gradient clipping from gradient penalty.
#
# **Time** 80 minutes, three of them computing · **Builds on** 08a_minimax, 09_first_gan · **Papers** Arjovsky, Chintala and
# Bottou (2017), *Wasserstein GAN*, arXiv 1701.07875; Gulrajani and others (2017), *Improved Training of
# Wasserstein GANs*, arXiv 1704.00028.

# %% tags=["folded"]
import math

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.checks import check
from course_lib.data.plane import draw_from_modes, grid_of_modes, ring_of_modes
from course_lib.fast import fast
from course_lib.game_plots import plot_where_cures_act
from course_lib.history import watch
from course_lib.metrics import median_range
from course_lib.networks import MLPStack
from course_lib.plotting import show
from course_lib.training import at_scale, course_scale, pick_device, seed_everything
from course_lib.widgets import mode_explorer

seed_everything(0)
device = pick_device()
seeds = at_scale(smoke=2, laptop=5, gpu=5)  # games on each of the two data sets
budget = at_scale(smoke=120, laptop=10_000, gpu=60_000)  # gradient evaluations of each game
critic_rounds = at_scale(smoke=10, laptop=600, gpu=3_000)  # of critics that train alone
print(f"scale {course_scale()} on {device}: {budget:,} gradient evaluations a game, {seeds} seeds")

# %% [markdown]
# ## 1 · A collapse that can be counted
#
# Two data sets in the plane. Eight narrow Gaussians on a ring, and 25 on a grid, all with standard deviation
# 0.1. Each Gaussian is a **[mode](glossary.ipynb#Mode)**, and whoever looks at a sample can say which mode it
# belongs to, or that it belongs to none. With images nobody can.

# %%
STD = 0.1
data_sets = {"ring": ring_of_modes().to(device), "grid": grid_of_modes().to(device)}
figure, panels = plt.subplots(1, 2, figsize=(5.6, 2.9))
for axes, (name, centers) in zip(panels, data_sets.items(), strict=True):
    axes.plot(*draw_from_modes(centers, STD, 600).cpu().T, ".", ms=2, alpha=0.5)
    axes.plot(*centers.cpu().T, "o", mfc="none", color="0.5", ms=9)
    axes.set(title=f"{name}: {len(centers)} modes", box_aspect=1)
show(figure)

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
    modes, share = score(draw_from_modes(centers, STD, 2_000), centers)
    print(f"{name}, real samples: {modes} of {len(centers)} modes, {share:.1%} good", end="; ")
print(f"expected {1 - math.exp(-4.5):.1%}")

# %% [markdown]
# ### Ten games at once
#
# One run of a GAN says little: the next seed may end elsewhere. So every method plays five games on each data
# set, from five seeds. The networks are tiny, and ten of them one after the other would keep the computer busy with
# starting small operations. So they lie in one `MLPStack` of the course's library: all weights of a layer in one tensor
# `(games, in, out)`, and each game's batch is multiplied by its own matrix. No game sees another.
#
# How can *one* loss train ten games? A GAN's loss is a mean over examples. All games have batches of one size, so
# the mean over all examples is the mean of the ten games' losses, and ten times that is their sum, of which
# each game's weights get the gradient of its own loss alone. The next cell makes sure.

# %% tags=["nbval-check-output"]
stack = MLPStack(3, (2, 8, 1))
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


methods = {"plain GAN": {"critic": nonsaturating_critic, "generator": nonsaturating_generator}}

# %% [markdown]
# One round: `d_steps` steps of the critic, one of the generator, and two cures of this lesson that act behind a
# backward pass or behind a step. The **[budget](glossary.ipynb#Gradient-evaluation)** is counted in *gradient evaluations*: one for each step of either
# player, and one more for each penalty that differentiates the critic by its input. So five critic steps a round with a penalty cost 11, and a
# plain round costs 2: methods that do more in a round get fewer rounds.

# %%
latent_dim, batch_size, hidden = 8, 32, 64
centers_of_game = [data_sets["ring"]] * seeds + [data_sets["grid"]] * seeds
games = len(centers_of_game)


def draw_batches(count):
    """Reals for `count` steps of all games, `(count, games, B, 2)`."""
    each = [draw_from_modes(c, STD, count, seeds, batch_size) for c in data_sets.values()]
    return torch.cat(each, dim=1)


def play(method, rates=(2e-3, 2e-3), looks=12):
    """Ten games of one method; what their generators draw at `looks` moments."""
    seed_everything(0)
    generator = MLPStack(games, (latent_dim, hidden, hidden, 2)).to(device)
    critic = MLPStack(games, (2, hidden, hidden, 1)).to(device)
    g_optimizer = torch.optim.Adam(generator.parameters(), rates[0], (0.5, 0.9))
    d_optimizer = torch.optim.Adam(critic.parameters(), rates[1], (0.5, 0.9))
    d_steps = method.get("d_steps", 1)

    def one_round(real, z, mix):
        for step in range(d_steps):
            fake = generator(z[step]).detach()  # detach: this step must not move the generator
            loss = method["critic"](critic, real[step], fake, mix[step])
            d_optimizer.zero_grad()
            (games * loss).backward()
            if "clip_gradients" in method:
                clip_gradient_norm(critic.parameters(), method["clip_gradients"])
            d_optimizer.step()
            if "clip_weights" in method:
                for weight in critic.parameters():
                    weight.data.clamp_(-method["clip_weights"], method["clip_weights"])
        g_loss = method["generator"](critic(generator(z[-1])))
        g_optimizer.zero_grad()
        (games * g_loss).backward(inputs=list(generator.parameters()))
        g_optimizer.step()

    step = fast(one_round, (generator, critic), (g_optimizer, d_optimizer), precision="float32")
    cost = d_steps * (1 + method.get("penalties", 0)) + 1
    rounds = budget // cost
    moments = {round(part * rounds / looks) for part in range(looks + 1)}
    fixed, seen = torch.randn(games, 2_000, latent_dim, device=device), {}
    for number in watch(range(rounds + 1)):
        if number in moments:
            with torch.no_grad():
                seen[number * cost] = generator(fixed).cpu()
        z = torch.randn(d_steps + 1, games, batch_size, latent_dim, device=device)
        mix = torch.rand(d_steps, games * batch_size, device=device)
        step(draw_batches(d_steps), z, mix)
    return seen  # gradient evaluations, and (games, 2000, 2)


# %% tags=["folded"]
def told(samples):
    """Modes and good samples, on the ring and on the grid: median (range) of the seeds."""
    pairs = [score(s, c.cpu()) for s, c in zip(samples, centers_of_game, strict=True)]
    modes, shares = zip(*pairs, strict=True)
    parts = []
    for part in (slice(0, seeds), slice(seeds, None)):
        parts += [median_range(modes[part], ".0f"), median_range(shares[part], ".0%")]
    return "".join(f"{part:<19}" for part in parts)


HEAD = "".join(f"{name:<19}" for name in ("ring: modes", "good", "grid: modes", "good"))

# %%
runs = {"plain GAN": play(methods["plain GAN"])}
print(HEAD + "\n" + told(list(runs["plain GAN"].values())[-1]))

# %% tags=["folded"]
moments = list(runs["plain GAN"])
shown = [moments[place] for place in (0, len(moments) // 6, len(moments) // 2, -1)]
figure, panels = plt.subplots(2, 4, figsize=(9.6, 4.9), sharex=True, sharey=True)
for row, game in zip(panels, (0, seeds), strict=True):
    for axes, moment in zip(row, shown, strict=True):
        points, centers = runs["plain GAN"][moment][game], centers_of_game[game].cpu()
        axes.plot(*centers.T, "o", mfc="none", color="0.6", ms=8)
        axes.plot(*points[:600].T, ".", ms=2, alpha=0.5)
        modes, share = score(points, centers)
        axes.set(xlim=(-2.9, 2.9), ylim=(-2.9, 2.9), box_aspect=1)
        axes.set_title(f"{moment:,}: {modes} modes, {share:.0%} good", fontsize=9)
figure.suptitle("A plain GAN, by gradient evaluations")
show(figure)

# %% [markdown]
# Numbers in the text are those of `laptop` scale, on a CPU, one thread. On the ring most samples are good, 83 % (35 to 89 % over five seeds). And they
# all come from 3 of the 8 modes (3 to 5): this is **[mode collapse](glossary.ipynb#Mode-collapse)**, in every seed. Whoever looks at the
# samples one by one would call it a good generator. The loss asks of each fake that it pass; nothing in it asks that two fakes differ, and when the
# discriminator has learned to distrust a mode that comes too often, the generator moves on to another one.
#
# On the grid it finds 15 modes (10 to 19), and 32 % are good. Do not read much into that: an even spread over the square from -2.3 to 2.3 would have
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
methods["gradients clipped"] = methods["plain GAN"] | {"clip_gradients": 1.0}
runs["gradients clipped"] = play(methods["gradients clipped"])
print(f"{'':<14}{HEAD}\nclipped at 1: {told(list(runs['gradients clipped'].values())[-1])}")

# %% [markdown]
# The vanishing gradient stays where it was. That clipping prevents vanishing gradients can be read here and there; it is a factor of at most 1. And the
# game (`laptop` scale)? 4 modes (2 to 6) in the place of 3 (3 to 5): the ranges overlap, five seeds cannot tell the two apart. There is not much to expect either, with Adam, which
# divides each gradient by its own recent size: what is always scaled is scaled back. Clipping is insurance against a single step that would throw
# everything away. It does not change where the game is going.
#
# What else could be done? The picture shows a step of the critic and where each cure acts, those of this sitting and those of 11b. Keep it in
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
toss = torch.Generator().manual_seed(4)
some_fakes = 0.7 * torch.randn(7, generator=toss)
some_reals = torch.tensor([-2.3, -2.0, -1.6, 1.5, 1.9, 2.2, 2.6])
plans = {
    "some plan": torch.randperm(7, generator=toss),
    "the best plan": some_reals.argsort()[some_fakes.argsort().argsort()],
}
figure, panels = plt.subplots(1, 2, figsize=(9, 2.3), sharey=True)
for axes, (name, plan) in zip(panels, plans.items(), strict=True):
    ends = torch.stack([some_fakes, some_reals[plan]])
    axes.plot(ends, [0, 1], color="0.6", lw=1, zorder=0)
    axes.plot(some_fakes, torch.zeros(7), "C1o", label="q")
    axes.plot(some_reals, torch.ones(7), "C0o", label="p")
    axes.set(title=f"{name}: mean distance {ends.diff(dim=0).abs().mean():.2f}", xlabel="x")
    axes.set(yticks=[0, 1], yticklabels=["q: fakes", "p: reals"], ylim=(-0.3, 1.3))
show(figure)

# %% [markdown]
# (Seven points each: a plan moves every fake to one real. On a line the sorted plan, whose arrows never cross, is among the
# cheapest; line 5 below says why.)

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
def standing_batch(count, size=batch_size):
    """Reals of the ring, and fakes from one Gaussian in its middle."""
    real = draw_from_modes(data_sets["ring"], STD, count, size)
    return real, 0.3 * torch.randn(count, size, 2, device=device)


def train_critics(critic_loss_of, sizes, count=1, clip=None):
    """Critics that learn alone, against fakes that stand still; returns the stack."""
    seed_everything(0)
    stack = MLPStack(count, sizes).to(device)
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
    for _ in watch(range(critic_rounds)):
        step(*standing_batch(count), torch.rand(count * batch_size, device=device))
    return stack


def wasserstein_critic(critic, real, fake, mix):
    return critic_loss(*scores(critic, real, fake))


deep = (2, *[hidden] * 8, 1)
limits = torch.tensor([0.01, 0.1, 0.3], device=device)[:, None, None]
clipped_critics = train_critics(wasserstein_critic, deep, len(limits), limits)


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


by_clipping = layer_gradients(clipped_critics)
for number, limit in enumerate(limits.flatten().tolist()):
    at_limit = torch.cat(
        [(w[number].abs() >= 0.999 * limit).flatten() for w in clipped_critics.weights]
    )
    ratio = by_clipping[0, number] / by_clipping[-1, number]
    print(
        f"clipped at {limit:.2f}: {at_limit.float().mean():.0%} of the weights lie at ±c; "
        f"gradient at the first layer over that at the last: {ratio:.1e}"
    )

# %% [markdown]
# (Laptop scale.) At $c = 0.01$ the gradient that arrives at the first layer is $10^{-11}$ of that at the last: it has *vanished*. At 0.1 it is 8,000 times as large, at 0.3
# $6 \cdot 10^{7}$ times: it *explodes*. Each layer multiplies by roughly the same factor, and eight factors of a little too much or too little make
# that. Somewhere between 0.01 and 0.1 is a $c$ that fits, for this depth and width only. And of the weights all lie at the limit, 100 % of them, where the gradient arrives: the
# critic wants to be as steep as it may, and with a limit on each single weight the steepest function has all weights at the limit. That is a very simple function.
#
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
# *12 minutes.* `real` and `fake` have one shape, `(B, C, H, W)` or `(B, D)`, and `critic` maps a batch of that shape to scores `(B,)`; `mix` `(B,)` in
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
by_penalty = layer_gradients(penalized)[:, 0]
print(f"first layer over last, with the penalty: {by_penalty[0] / by_penalty[-1]:.1e}")

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
# (Laptop scale.) With the penalty the gradient changes by a factor of 10 over all layers, and the weights are spread as they like.
#
# And what does line 8's critic look like in the plane? A shallow one this time, with the penalty. **Predict** where its arrows point, and where they
# are longest.

# %%
shallow = (2, hidden, hidden, 1)
even = train_critics(penalized_critic, shallow)


def slopes_between(stack, t):
    """Norms of the critic's gradient at t of the way from fake to real, `(games, B)`."""
    real, fake = standing_batch(len(stack.biases[0]), 2_000)
    x = (t * real + (1 - t) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(stack(x).sum(), x)
    return slope.norm(dim=-1).cpu()


for t in (0.1, 0.5, 0.9):
    low, middle, high = slopes_between(even, t)[0].quantile(torch.tensor([0.1, 0.5, 0.9])).tolist()
    print(f"{t:.0%} of the way: length {middle:.2f}, from {low:.2f} to {high:.2f} for eight in ten")

# %% tags=["folded"]
seed_everything(5)
reals, fakes = (part[0].cpu() for part in standing_batch(1, 24))
share = torch.rand(24, 1)
x = (share * reals + (1 - share) * fakes).to(device).requires_grad_()
(arrows,) = torch.autograd.grad(even(x[None]).sum(), x)
x, arrows = x.detach().cpu(), arrows.cpu()
ticks = torch.linspace(-2.6, 2.6, 80)
with torch.no_grad():
    plane = torch.cartesian_prod(ticks, ticks).to(device)
    height = even(plane[None]).reshape(80, 80).T.cpu()
figure, axes = plt.subplots(figsize=(4.6, 4.2))
axes.contour(ticks, ticks, height, levels=12, cmap="Greys", linewidths=0.8)
axes.plot(*torch.stack([fakes, reals]).permute(2, 0, 1), color="0.7", lw=0.8, zorder=0)
axes.plot(*fakes.T, "C1o", ms=4, label="fakes")
axes.plot(*reals.T, "C0o", ms=4, label="reals")
axes.quiver(*x.T, *arrows.T, color="C2", width=0.006, zorder=3, label="gradient")
axes.set(title="Pairs, points between them, gradients", box_aspect=1)
axes.legend(fontsize=8, loc="upper left")
show(figure)

# %% [markdown]
# (Laptop scale; thin lines are levels of the score.) The arrows point outwards, from the fakes to the ring, and are nearly of one length, 8.4 to 9.8 for eight in ten: the shape that line 8 promises. But
# the median is 9.2 to 9.5 in the place of 1: with $\lambda = 0.1$ the score's own pull is stronger than the penalty. The first experiment of section 8 computes that number. Some arrows do not follow their own
# gray line: the pairs were drawn at random, and the best plan would have joined each fake with a real in its own direction.
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
for limit in (None, 0.1):
    seed_everything(0)
    steep = MLPStack(1, (2, hidden, hidden, 1)).to(device)
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
# (Laptop scale.) Without a bound the slope is 500 after 30 steps and has overflowed after 300: the steeper the critic, the larger its gradients, the faster it grows. With clipped gradients it grows from
# 1.50 to 5.53 in 600 steps and goes on: the *steps* are short, the *slope* is free. (Plain gradient steps here, so that nothing but clipping limits them.)
#
# ## 6 · Do they find the modes?
#
# Now the critics play. Both Wasserstein methods take five critic steps a round, as in their papers, so that the critic is near its best when the generator
# asks it; everything else is as before, and so is the number of gradients. **Predict**: which of the four finds the most modes, and
# which has the most good samples?

# %%
methods |= {
    "weights clipped": {
        "critic": wasserstein_critic,
        "generator": wasserstein_generator_loss,
        "clip_weights": 0.1,
        "d_steps": 5,
    },
    "gradient penalty": {
        "critic": penalized_critic,
        "generator": wasserstein_generator_loss,
        "penalties": 1,
        "d_steps": 5,
    },
}
for name in ("weights clipped", "gradient penalty"):
    runs[name] = play(methods[name])
print(f"{budget:,} gradient evaluations a game, median of {seeds} seeds (range)")
print(f"{'':<18}{HEAD}")
for name, seen in runs.items():
    print(f"{name:<18}{told(list(seen.values())[-1])}")

# %%
recordings = {
    name: {
        "evaluations": torch.tensor(list(seen)),
        "samples": torch.stack([samples[:seeds] for samples in seen.values()]),
    }
    for name, seen in runs.items()
}
mode_explorer(data_sets["ring"].cpu(), recordings, score)

# %% [markdown]
# Choose a method and drag «moment», then the seed. (Laptop scale.) The penalty finds 7 of the 8 modes (2 to 7), the plain GAN 3 (3 to 5), and of the penalty's samples 12 % are good (8 to 12), against 83 % (35 to 89). Look at
# how that comes about: the plain GAN takes a few modes and sharpens them; the penalty's samples lie around *all* modes as a ring that contracts slowly, and after 10,000 evaluations it is far from finished. A
# round cost 11 of them, so it had 909 rounds and the plain GAN 5,000. Clipped weights end at 2 modes (1 to 4) and 6 % good: a cloud, no better than where it began. Section 4 suggests why: the best critic under such a
# limit is a very simple function.
#
# So the critic with a slope does not settle on a few modes, and it is slow; this budget does not show where it ends. Are five critic steps a round well spent? The second experiment asks. Do other
# cures get there faster? 11b has four more, and a contest of all.
#
# ## 7 · What goes wrong
#
# | what was done | what it looks like | cure |
# |---|---|---|
# | 1 a Wasserstein critic without any bound | scores grow without end | penalty, clamping, or what 11b brings |
# | 2 the penalty's gradient without its own graph | the penalty is charged and changes nothing | `create_graph=True` |
# | 3 a sigmoid at the end of a critic | scores between 0 and 1, and a gradient that fades | no activation behind the last layer |
# | 4 each tensor's gradient clipped by itself | the step has another direction | one factor for all |
# | 5 batch normalization in a penalized critic | a «gradient of one score» that contains the others' | a norm over each example, or none |
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


report(" ", "with the penalty", even)
report("1", "no bound", train_critics(wasserstein_critic, shallow))
report("2", "penalty without graph", train_critics(penalty_without_graph, shallow))
report("3", "sigmoid at the end", train_critics(sigmoid_critic, shallow), torch.sigmoid)

# %% tags=["nbval-check-output"]
toss = torch.Generator().manual_seed(0)
x = torch.randn(32, 2, generator=toss)
torch.manual_seed(0)


def small_critic(norm):
    return nn.Sequential(nn.Linear(2, 64), norm, nn.LeakyReLU(0.2), nn.Linear(64, 1), nn.Flatten(0))


network = small_critic(nn.Identity())
(10 * network(x)).square().mean().backward()
gradients = [p.grad.clone() for p in network.parameters()]
whole = torch.cat([g.flatten() for g in gradients])
for name, factors in (
    ("one factor", [1 / whole.norm()] * len(gradients)),
    ("each by itself", [1 / g.norm() for g in gradients]),
):
    clipped = torch.cat([(f * g).flatten() for f, g in zip(factors, gradients, strict=True)])
    print(
        f"4  clipped, {name:<14} cosine with the gradient {whole @ clipped / whole.norm() / clipped.norm():.2f}"
    )
for name, norm in (("no norm", nn.Identity()), ("batch norm", nn.BatchNorm1d(64))):
    by_each = torch.autograd.functional.jacobian(small_critic(norm), x)  # (score, point, 2)
    own = by_each.diagonal().T  # of each score by its own point
    foreign = by_each.sum(dim=0) - own
    print(
        f"5  {name:<11} what comes from the other scores: {foreign.norm() / own.norm():.0%} of its own"
    )

# %% [markdown]
# (Rows 1 to 3 at laptop scale.) Rows 1 and 2 agree to the last digit: a penalty without a graph is a number that is added to the loss, and its gradient is 0. The loss that is printed looks as if it worked. The scores are 58 times
# as far apart as with the penalty. Row 3 looks tame, reals 1 and fakes 0, and at the fakes the slope is a millionth: nothing for a generator to climb. Row 5: the penalty takes the gradient of the *sum* of all scores,
# which is each point's own one only if no score knows another point.
#
# ## 8 · Change one thing
#
# **First: the weight of the penalty.** Train the standing critic with λ = 0.001 and with λ = 10 (`gp_weight` is a global name that
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
# That gives 1.08 for λ = 10 (measured 1.07 to 1.09) and 9.1 for λ = 0.1 (9.2 to 9.5). For λ = 0.001 it would be 811, and after 600 steps the critic is at 517 and rising. A penalty is a compromise with the loss, not a
# bound; near the goal $W$ goes to 0, and the slope to 1.

# %% [markdown]
# **Second: five steps, or one?** Play the penalty's game with one critic step a round, and with the critic's learning rate at four times the generator's, (0.001, 0.004). It costs
# 3 gradients a round in the place of 11. Is the critic still good enough?

# %%
# your experiment: play(methods["gradient penalty"] | {"d_steps": 1}, rates=...)

# %% tags=["solution"]
print(f"{'':<22}{HEAD}")
for rates in ((2e-3, 2e-3), (1e-3, 4e-3)):
    seen = play(methods["gradient penalty"] | {"d_steps": 1}, rates, looks=1)
    print(f"one step, {rates[0]}, {rates[1]}: {told(list(seen.values())[-1])}")

# %% [markdown] tags=["solution"]
# (Laptop scale.) 8 modes (7 to 8) and 25 % good (16 to 30), where five steps a round had 7 and 12 %: the critic follows well enough with one, and the generator gets 3,333 rounds in the place of 909. The
# two pairs of rates cannot be told apart, 25 and 24 %. «Train the critic to its best first» is what the theory asks for, line by line; a budget asks what the next gradient is best spent on.

# %% [markdown]
# ## What you take along
#
# 1. Two numbers tell a collapse: modes found and share of good samples, read together and against chance. A plain GAN has nothing in its
#    loss that asks two fakes to differ.
# 2. A Wasserstein critic measures a distance only while it is 1-Lipschitz, and the best one has slope 1 on the way from fake to real.
#    Clamping weights bounds the slope and spoils the gradient on its way through the layers; a penalty does not.
# 3. Gradient clipping shortens steps, a gradient penalty flattens the critic: two things with one name between them.
#
# **References.** Srivastava and others (2017), *VEEGAN*, arXiv 1705.07761 (the ring and the grid) · Arjovsky, Chintala and Bottou (2017), *Wasserstein GAN*, arXiv 1701.07875 ·
# Gulrajani and others (2017), *Improved Training of Wasserstein GANs*, arXiv 1704.00028, proposition 1 · Pascanu, Mikolov and Bengio (2013), *On the difficulty of training recurrent neural
# networks*, arXiv 1211.5063 (gradient clipping).
#
# **Next** is 11b_stable_gans: the other cures, and a contest.
