# %% [markdown]
# # 18a · The clinic: formulas and shapes
#
# Fifteen short programs lie on the ward. Each has one mistake that stands in print, in a tutorial or a textbook, written anew here in our own
# words. Most of them run without an error, several draw a beautiful loss curve, and all of them are ill. You are the physician: look at the symptom, say which
# measurement will tell the cause, take it, name the cause, and repair the program.
#
# ![A posterior that came out too narrow, and a judge that sees nothing but means](../images/18a_clinic.png)
#
# Two of the patients. Above, a loss that converged without a murmur to the wrong posterior (case F9). Below, a judge that finds two clouds of points alike because it
# cannot see more than their means, and one that can (case C7).
#
# **You will be able to**
# - tell a wrong sign, a term too many and a hidden scale from each other by one number each,
# - read a shape as a symptom: where four images stop being four, and why a batch of one hides it,
# - choose the one measurement that separates the suspects, before you change any code.
#
# **Time** 90 minutes, six a case; each case stands by itself, so stop wherever you like · **Builds on** 02_elbo, 05_vae, 06_better_vaes,
# 08a_minimax, 09_first_gan · **Further sittings** [18b](18b_clinic.ipynb): who moves; [18c](18c_clinic.ipynb): data, evaluation, and the whole clinic on one page.
#
# <details><summary>中文导读</summary>
#
# 这一课是一间"诊室":十五个小程序,每个都带着一个在公开教程里流传的错误,由我们用 PyTorch 重新写成。它们大多能正常运行,
# 有的损失曲线还很漂亮。请按医生的顺序做:先看症状(一个数或一张图),再预测三种测量中哪一种能说明问题,运行测量,
# 从四个可能的原因里选出真正的病因(选错也会得到解释),最后修好程序并运行检查。
# 第一节是公式(漏掉对数、符号写反、一项算了两次、把熵当成相对熵、隐藏的方差……),
# 第二节是形状(忘了展平、批量为一、只看均值的判别器、BatchNorm 的动量约定)。
# 最危险的是不报错的"静默错误":F2、F9、C7、C11、C17、C31。术语的中英对照见 [glossary](glossary.ipynb)。
#
# </details>

# %% tags=["folded"]
import math

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Bernoulli, Normal

from course_lib.checks import check, progress
from course_lib.clinic_plots import plot_differential
from course_lib.data import load_mnist
from course_lib.plotting import plot_images, show
from course_lib.training import at_scale, batches, course_scale, seed_everything
from course_lib.widgets import Run, consulting_room, kl_explorer

seed_everything(0)
vae_steps = at_scale(smoke=20, laptop=800, gpu=800)  # of the two VAEs of case C11
digit_count = at_scale(smoke=1_000, laptop=10_000, gpu=60_000)
print(f"scale {course_scale()}, on the CPU: the cases are small")

# %% [markdown]
# ## How a visit goes
#
# 1. **The program**, with its mistake, and its **symptom**.
# 2. **Predict**: of three measurements, which one will tell? Decide before you run the next cell; the other two are taken as well, and you see what they are worth.
# 3. **Name the cause** among four. Open the one that you believe; each has an answer.
# 4. **Repair it**: the exercise is the broken function, written right. The check accepts any right repair, and tells a wrong one what is still wrong.
#
# A case's number says where its mistake is listed: F for formulas, C for code. Short names follow the programs: `lr` and `lf` are the [logits](glossary.ipynb#Logits) of reals and of
# fakes, `m` and `lv` a code's mean and log-variance, `v` a variance. A mistake is a **[silent error](glossary.ipynb#Silent-error)** where nothing complains and the loss looks
# healthy; F2, F9, C11, C31, C7 and C17 are of that kind, and if your time is short, visit those six.
#
# ## 1 · The ward of formulas
#
# ### F2 · The generator that stands still
# The printed objective of the [generator](glossary.ipynb#Generator) is to make $\mathbb E\,D(G(z))$ large. Here the reals are $\mathcal N(4, 1)$, the fakes $\mathcal N(-4, 1)$, and $D$ is the best one for
# the two, whose logit at $x$ is $8x$ (lesson 08). The generator has one number to learn, where its fakes lie.


# %%
def broken_g_loss(lf):
    return -torch.sigmoid(lf).mean()


def move_generator(g_loss, steps=200):
    """Where the fakes lie after each step against a D that does not move."""
    draw = torch.Generator().manual_seed(0)
    center = torch.tensor(-4.0, requires_grad=True)
    optimizer = torch.optim.SGD([center], lr=0.1)
    path = []
    for _ in range(steps):
        fake = center + torch.randn(256, generator=draw)
        loss = g_loss(8 * fake)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        path.append(center.item())
    return path


print(f"200 steps moved the fakes from -4 to {move_generator(broken_g_loss)[-1]:.5f}")

# %% [markdown]
# **Predict.** Which will tell why: (a) the loss at the start and at the end, (b) $D$'s accuracy, (c) the slope of the loss in one logit?

# %%
draw = torch.Generator().manual_seed(0)
fakes = torch.randn(10_000, generator=draw) - 4
reals = torch.randn(10_000, generator=draw) + 4
end = fakes + 4 + move_generator(broken_g_loss)[-1]
print(
    f"(a) loss: {broken_g_loss(8 * fakes):.4f} at the start, {broken_g_loss(8 * end):.4f} at the end"
)
right = ((8 * reals > 0).float().mean() + (8 * fakes < 0).float().mean()) / 2
print(f"(b) D is right about {right:.1%}")
logit = torch.tensor([-10.0], requires_grad=True)
(slope,) = torch.autograd.grad(broken_g_loss(logit), logit)
print(f"(c) slope at a logit of -10: {slope.item():.6f}")

# %% [markdown]
# A loss near 0 looks like one that has converged, and an accuracy near 100 % is what you expect against a $D$ that has won. The slope tells: at a logit of −10 a step in the
# logit changes the loss by less than a twenty-thousandth.
#
# **Name the cause.**
# <details><summary>A · The learning rate is too small.</summary>
#
# At a logit of −10 it would have to be 22,000 times larger, and would then be far too large as soon as the fakes come near. The slope is at fault, not the rate.
#
# </details>
# <details><summary>B · D is too strong; it should be trained less.</summary>
#
# A weaker $D$ hides the symptom. $D$ is often right early in training, and a generator must be able to learn then, above all.
#
# </details>
# <details><summary>C · The logarithm is missing.</summary>
#
# Yes. The slope of $\sigma(a)$ is $D(1 - D)$, which vanishes where $D$ is sure. That of $\log \sigma(a)$ is $1 - D$: almost 1 where $D$ is sure of a fake. Without a
# logarithm only an unbounded critic's score works, as in a Wasserstein GAN.
#
# </details>
# <details><summary>D · The sign is wrong; it should minimize log(1 − D).</summary>
#
# That is a loss with the right sign as well, the [saturating](glossary.ipynb#Saturating-loss) one, and its slope at −10 is just as small: $-D$, 0.000045. The sign is not the illness.
#
# </details>
#
# ### Exercise · `f2_g_loss(lf)`
# *4 minutes.* The [non-saturating loss](glossary.ipynb#Non-saturating-loss), to be minimized: minus the mean of $\log D$ over the fakes, in nats, a scalar from logits `lf` of any shape; finite and right at logits of ±200.


# %% exercise="clinic.f2_g_loss"
def f2_g_loss(lf):
    """A generator's loss that keeps pulling where D is sure of the fake."""
    # BEGIN SOLUTION
    return F.softplus(-lf).mean()
    # END SOLUTION


# %% check="clinic.f2_g_loss"
check("clinic.f2_g_loss", f2_g_loss)

# %%
print(f"after 200 steps the fakes lie at {move_generator(f2_g_loss)[-1]:.2f}, the reals at 4")

# %% tags=["folded"]
logits = torch.linspace(-10, 10, 201, requires_grad=True)
losses = {
    "-D, the broken one": -logits.sigmoid(),
    "log(1 - D)": F.logsigmoid(-logits),
    "-log D": -F.logsigmoid(logits),
}
figure, axes = plt.subplots(figsize=(6.4, 2.8))
for name, values in losses.items():
    (slopes,) = torch.autograd.grad(values.sum(), logits)
    axes.plot(logits.detach(), -slopes, label=name)
axes.set(title="F2: how hard three losses pull a fake's logit up", xlabel="logit", ylabel="pull")
axes.legend()
show(figure)

# %% [markdown]
# Against a frozen $D$ the fakes go as far as it takes to convince $D$, not to where the reals lie: that needs a $D$ that learns, too. What counts here is that they move.
#
# ### F1 · The judge that gets everything wrong
# In print: $\min_D\; \mathbb E \log D(x) + \mathbb E \log(1 - D(G(z)))$. Reals are $\mathcal N(1, 1)$, fakes $\mathcal N(-1, 1)$, so that they overlap, and $D$ is a line.


# %%
def broken_d_loss(lr, lf):
    return F.logsigmoid(lr).mean() + F.logsigmoid(-lf).mean()


def train_judge(d_loss, steps=300):
    """The losses of a judge's training, and P(real) of fresh reals and fakes."""
    seed_everything(0)
    judge = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(judge.parameters(), lr=0.1)
    losses = []
    for _ in range(steps):
        loss = d_loss(judge(torch.randn(256, 1) + 1), judge(torch.randn(256, 1) - 1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        sure = [judge(torch.randn(10_000, 1) + at).sigmoid().mean().item() for at in (1, -1)]
    return losses, sure, judge.weight.item()


losses, sure, weight = train_judge(broken_d_loss)
print(f"the loss falls from {losses[0]:.2f} to {losses[-1]:.1f}, and is still falling")

# %% [markdown]
# **Predict.** Which will tell: (a) whether the loss falls, (b) the mean $P(\text{real})$ of reals and of fakes, (c) the size of the judge's weight?

# %%
thirds = [sum(losses[n : n + 100]) / 100 for n in (0, 100, 200)]
print("(a) mean loss of each hundred steps:", *(f"{value:.1f}" for value in thirds))
print(f"(b) P(real): {sure[0]:.3f} for reals, {sure[1]:.3f} for fakes")
print(f"(c) the weight is {weight:.1f}")

# %% [markdown]
# A falling loss says that the optimizer works. (b) says what it works at: the judge is sure, and wrong about most. (The weight's sign tells it too, in one dimension.)
#
# **Name the cause.**
# <details><summary>A · It is the value, which D should maximize, and it is minimized.</summary>
#
# Yes: both terms are log probabilities of a right verdict. The lower they get, the more wrong the judge. The loss is their negative.
#
# </details>
# <details><summary>B · Reals and fakes changed places.</summary>
#
# That would invert $D$ as well, but such a loss has a lower end: it would settle. This one falls without end, as nothing stops a judge from being wronger.
#
# </details>
# <details><summary>C · The learning rate is too large: it diverges.</summary>
#
# A step that is too long makes the loss jump. This one goes down in an orderly way.
#
# </details>
# <details><summary>D · The logits should pass a sigmoid first.</summary>
#
# `logsigmoid` has it inside. (With log(sigmoid(·)) in the place of it, this run would end in NaN, which is how the same mistake shows elsewhere.)
#
# </details>
#
# ### Exercise · `f1_d_loss(lr, lf)`
# *4 minutes.* The [discriminator](glossary.ipynb#Discriminator)'s loss, to be minimized, in nats, a scalar: a mean over the reals plus a mean over the fakes, whose numbers may differ. It is $2 \log 2 = 1.386$ where all logits are 0, and right at ±200.


# %% exercise="clinic.f1_d_loss"
def f1_d_loss(lr, lf):
    """The loss of a judge who learns to be right."""
    # BEGIN SOLUTION
    return F.softplus(-lr).mean() + F.softplus(lf).mean()
    # END SOLUTION


# %% check="clinic.f1_d_loss"
check("clinic.f1_d_loss", f1_d_loss)

# %%
losses, sure, weight = train_judge(f1_d_loss)
print(f"loss {losses[-1]:.2f}; P(real): {sure[0]:.3f} for reals, {sure[1]:.3f} for fakes")

# %% [markdown]
# They overlap, so even the best judge is unsure of many: for these two, its logit is $2x$.
#
# ### F9 · The posterior that is too sure
# The smallest VAE of all, for which everything is known: $z \sim \mathcal N(0, 1)$, $x \sim \mathcal N(z, 1)$. Then $x \sim \mathcal N(0, 2)$, and the exact [posterior](glossary.ipynb#Posterior) is
# $\mathcal N(x/2, 1/2)$ (lesson 02). With $q = \mathcal N(m, v)$ the two terms of the [ELBO](glossary.ipynb#Evidence-lower-bound) are below. In print stands
# $2\,\mathbb E \log p(x \mid z) - \mathrm{KL}$, to be maximized. We do so for $x = 1$.


# %%
def expected_ll(x, m, v):
    """E log p(x|z) under q, as E (x - z)² = (x - m)² + v."""
    return -0.5 * (math.log(2 * math.pi) + (x - m) ** 2 + v)


def kl_to_prior(m, v):
    return 0.5 * (m**2 + v - 1 - v.log())


def broken_f9(x, m, v):
    return kl_to_prior(m, v) - 2 * expected_ll(x, m, v)


def fit_q(loss, x=1.0, steps=1_500):
    """The q that a loss likes best, and the losses on the way."""
    x, m = torch.tensor([x]), nn.Parameter(torch.zeros(1))
    log_v = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([m, log_v], lr=0.02)
    losses = []
    for _ in range(steps):
        value = loss(x, m, log_v.exp()).sum()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return m.detach(), log_v.detach().exp(), losses


m, v, losses = fit_q(broken_f9)
print(
    f"loss {losses[0]:.3f} at first, {losses[-1]:.3f} in the end, q = N({m.item():.3f}, {v.item():.3f})"
)

# %% [markdown]
# **Predict.** Which will tell: (a) $q$ against the exact posterior, (b) whether the loss has converged, (c) whether KL and log-likelihood are finite and of the right sign?

# %%
print(f"(a) q = N({m.item():.3f}, {v.item():.3f}), the exact posterior is N(0.500, 0.500)")
print(f"(b) the last hundred steps change the loss by {losses[-1] - losses[-100]:.1e}")
print(
    f"(c) KL {kl_to_prior(m, v).item():.3f}, E log p {expected_ll(torch.ones(1), m, v).item():.3f}"
)

# %% tags=["folded"]
z = torch.linspace(-2.5, 3.5, 300)
figure, axes = plt.subplots(figsize=(7.6, 2.6))
curves = {
    "prior": Normal(0.0, 1.0),
    "exact posterior": Normal(0.5, 0.5**0.5),
    "what the broken loss found": Normal(m.item(), v.item() ** 0.5),
}
for (name, q), style in zip(curves.items(), ("k:", "C0-", "C1--"), strict=True):
    axes.plot(z, q.log_prob(z).exp(), style, label=name)
axes.set(
    title="Case F9: a loss that converges, to the wrong posterior", xlabel="z", ylabel="density"
)
axes.legend(fontsize=9)
show(figure)

# %% [markdown]
# A silent error: it converges, and all parts look well. Only a comparison with something known tells. In a real model there is no exact posterior at hand; that is why it is worth
# running every new loss on a model of one dimension first.
#
# **Name the cause.** The mean went too far to the data, the variance is too small: 2/3 and 1/3.
# <details><summary>A · It has not converged yet.</summary>
#
# (b) says that it has, to the last digit.
#
# </details>
# <details><summary>B · The KL has the wrong sign.</summary>
#
# Then $q$ would be rewarded for leaving the prior, and would become narrow without end. This $q$ is a compromise, only at the wrong place.
#
# </details>
# <details><summary>C · The log-likelihood counts twice.</summary>
#
# Yes. It is a β-VAE with β = 1/2 that calls itself a VAE: twice the evidence, so the posterior of two observations, $\mathcal N(2x/3, 1/3)$.
#
# </details>
# <details><summary>D · The prior is too wide.</summary>
#
# A wider prior would let the mean go further too, but the program has $\mathcal N(0, 1)$, as you can read in `kl_to_prior`, which is 0 at m = 0, v = 1.
#
# </details>
#
# ### Exercise · `f9_neg_elbo(x, m, v)`
# *5 minutes.* The negative ELBO of this model in nats, constants included: `x`, `m`, `v` of shape `(B,)`, the result `(B,)`. `v` is the variance of $q$. It is never below $-\log p(x)$.


# %% exercise="clinic.f9_neg_elbo"
def f9_neg_elbo(x, m, v):
    """-ELBO of z ~ N(0, 1), x ~ N(z, 1) at q = N(m, v), `(B,)`."""
    # BEGIN SOLUTION
    cost = 0.5 * (math.log(2 * math.pi) + (x - m) ** 2 + v)
    return cost + 0.5 * (m**2 + v - 1 - v.log())
    # END SOLUTION


# %% check="clinic.f9_neg_elbo"
check("clinic.f9_neg_elbo", f9_neg_elbo)

# %%
m, v, losses = fit_q(f9_neg_elbo)
evidence = Normal(0.0, 2**0.5).log_prob(torch.tensor(1.0))
print(f"q = N({m.item():.3f}, {v.item():.3f}), loss {losses[-1]:.4f}, -log p(x) = {-evidence:.4f}")

# %% [markdown]
# At the exact posterior the bound is tight: the loss *is* $-\log p(x)$. Remember it as a test for every ELBO that you will ever write.
#
# ### F3 · The loss with no floor
# The same model with three independent coordinates. In print: minimize $\mathbb E \log p(x \mid z) + \mathrm{KL}$.


# %%
def broken_f3(x, m, v):
    return (expected_ll(x, m, v) + kl_to_prior(m, v)).sum(-1)


x3 = torch.tensor([[1.0, -0.5, 2.0]])
m3, v3 = nn.Parameter(torch.zeros(1, 3)), torch.ones(1, 3)
optimizer = torch.optim.SGD([m3], lr=0.5)
for _ in range(40):
    loss = broken_f3(x3, m3, v3).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"after 40 steps the loss is {loss.item():.1f}, and it falls by the same amount at each")

# %% [markdown]
# **Predict.** Which one number tells that a *sign* is wrong: (a) the loss after training, (b) the KL, (c) the loss at the exact posterior beside $-\log p(x)$?

# %%
exact = x3 / 2, torch.full((1, 3), 0.5)
evidence = Normal(0.0, 2**0.5).log_prob(x3).sum().item()
print(f"(a) {loss.item():.1f}")
print(f"(b) KL at the exact posterior: {kl_to_prior(*exact).sum().item():.3f}")
print(
    f"(c) loss at the exact posterior {broken_f3(x3, *exact).item():.3f}, -log p(x) = {-evidence:.3f}"
)
ll, kl = expected_ll(x3, *exact).sum().item(), kl_to_prior(*exact).sum().item()
print(
    f"    E log p = {ll:.3f}, KL = {kl:.3f}: KL - E log p = {kl - ll:.3f}, KL + E log p = {kl + ll:.3f}"
)

# %% [markdown]
# (c) needs no training and leaves no doubt: with one sign turned, the two terms add to the evidence.
#
# **Name the cause.**
# <details><summary>A · The log-likelihood should be subtracted.</summary>
#
# Yes: $-\log p(x) \le -\mathbb E \log p(x \mid z) + \mathrm{KL}$. As printed, the loss falls as the reconstruction gets worse.
#
# </details>
# <details><summary>B · The KL should be subtracted.</summary>
#
# Then both signs would be wrong. (c): E log p − KL is the ELBO, of the right size, and to be maximized.
#
# </details>
# <details><summary>C · The constant log 2π is missing.</summary>
#
# It is there, and could not make a loss fall without end.
#
# </details>
# <details><summary>D · The mean is not bounded.</summary>
#
# It need not be. With the right sign $(x - m)^2$ holds it.
#
# </details>
#
# ### Exercise · `f3_neg_elbo(x, m, v)`
# *4 minutes.* As in F9, for `x`, `m`, `v` of shape `(B, D)` with independent coordinates: one number for each example, `(B,)`, in nats.


# %% exercise="clinic.f3_neg_elbo"
def f3_neg_elbo(x, m, v):
    """-ELBO of the model in D independent coordinates, `(B, D)` to `(B,)`."""
    # BEGIN SOLUTION
    nats = math.log(2 * math.pi) + (x - m) ** 2 + v + m**2 + v - 1 - v.log()
    return 0.5 * nats.sum(dim=1)
    # END SOLUTION


# %% check="clinic.f3_neg_elbo"
check("clinic.f3_neg_elbo", f3_neg_elbo)

# %% [markdown]
# ### F10 · The climber who walks down
# The printed update of a parameter is $\theta \leftarrow \theta - \alpha\, \partial\,\mathrm{ELBO} / \partial \theta$. We apply it to the mean of $q$, for $x = 1$ and $v = 1/2$.


# %%
def broken_step(p, g, lr):
    return p - lr * g


def walk(step, steps=30, lr=0.1):
    """ELBO, mean and gradient at each of the steps."""
    m, v, rows = torch.zeros(1), torch.full((1,), 0.5), []
    for _ in range(steps + 1):
        leaf = m.clone().requires_grad_()
        elbo = (expected_ll(torch.ones(1), leaf, v) - kl_to_prior(leaf, v)).sum()
        (gradient,) = torch.autograd.grad(elbo, leaf)
        rows.append((elbo.item(), m.item(), gradient.item()))
        m = step(m, gradient, lr)
    return rows


rows = walk(broken_step)
print(f"ELBO at the start {rows[0][0]:.3f}, after 30 steps {rows[-1][0]:.1f}")

# %% [markdown]
# It diverges, and so does a step that is too long. **Predict.** Which tells the two apart: (a) the gradient's size after 30 steps, (b) the ELBO before and after *one* step, also at a tenth of the rate, (c) the sign of the mean?

# %%
print(f"(a) gradient {rows[0][2]:.2f} at the start, {rows[-1][2]:.1f} after 30 steps")
for lr in (0.1, 0.01):
    first, second = walk(broken_step, 1, lr)
    print(f"(b) rate {lr}: one step changes the ELBO by {second[0] - first[0]:+.5f}")
print(f"(c) mean {rows[-1][1]:.1f}")

# %% [markdown]
# A gradient is a promise about small steps. If the smallest step goes the wrong way, the rate is innocent.
#
# **Name the cause.**
# <details><summary>A · The learning rate is too large.</summary>
#
# At a tenth of it the first step goes down as well. With a too long step it would go up.
#
# </details>
# <details><summary>B · The gradient is not that of the ELBO.</summary>
#
# It is autograd's. At the start it is +1: the ELBO grows with m, up to m = x/2.
#
# </details>
# <details><summary>C · Momentum is missing.</summary>
#
# It would lead the wrong way faster.
#
# </details>
# <details><summary>D · A step against the gradient minimizes, and the ELBO is to be maximized.</summary>
#
# Yes. Either add, or call the loss $L = -\mathrm{ELBO}$ and subtract its gradient: the same step.
#
# </details>
#
# ### Exercise · `f10_step(p, g, lr)`
# *2 minutes.* Parameters `p`, the gradient `g` of the ELBO by them (one shape), a rate `lr`, a float. Return the new parameters as a new tensor.


# %% exercise="clinic.f10_step"
def f10_step(p, g, lr):
    """One step of gradient ascent."""
    # BEGIN SOLUTION
    return p + lr * g
    # END SOLUTION


# %% check="clinic.f10_step"
check("clinic.f10_step", f10_step)

# %%
rows = walk(f10_step, steps=60)
print(
    f"ELBO {rows[0][0]:.4f} at the start, {rows[-1][0]:.4f} after 60 steps, mean {rows[-1][1]:.4f}"
)

# %% [markdown]
# ### F13 · The likelihood that depends on the encoder
# «The VAE maximizes the probability of the data», and then the [ELBO](glossary.ipynb#Evidence-lower-bound) is printed under the name log p(x). For $x = 1$ and an encoder that has learned nothing, $q = \mathcal N(0, 1)$:


# %%
def broken_log_px(x, m, v, count=10_000):
    z = m + v.sqrt() * torch.randn(count, *x.shape)
    log_ratio = Normal(0.0, 1.0).log_prob(z) - Normal(m, v.sqrt()).log_prob(z)
    return (Normal(z, 1.0).log_prob(x) + log_ratio).mean(0)


seed_everything(0)
one, zero = torch.ones(1), torch.zeros(1)
print(f"«log p(x)» = {broken_log_px(one, zero, one).item():.3f} nats")

# %% [markdown]
# **Predict.** Which shows that this is not log p(x): (a) many more draws, (b) the standard error, (c) the same x with another q?

# %%
more = broken_log_px(one, zero, one, 1_000_000).item()
print(f"(a) a million draws: {more:.3f}")
repeats = torch.stack([broken_log_px(one, zero, one) for _ in range(50)])
print(f"(b) 50 repeats scatter by {repeats.std().item():.4f}")
for mean, variance in ((0.0, 1.0), (0.3, 0.8), (0.5, 0.5)):
    value = broken_log_px(one, torch.tensor([mean]), torch.tensor([variance]))
    print(f"(c) q = N({mean}, {variance}): {value.item():.3f}")

# %% [markdown]
# More draws make it sharper, not truer: it is an exact estimate of something else. (c) tells: $\log p(x)$ belongs to the model and the image, and no encoder may change it. What changes is a bound.
#
# **Name the cause.**
# <details><summary>A · Too few draws.</summary>
#
# (a): with a hundred times as many it is −1.92 still, and only less noisy.
#
# </details>
# <details><summary>B · z should be drawn from the prior.</summary>
#
# Here q *is* the prior, in the first line of (c), and the number is the worst of the three.
#
# </details>
# <details><summary>C · The mean was taken of the logarithms; log p(x) is the logarithm of a mean.</summary>
#
# Yes. By Jensen's inequality the mean of $\log w$ lies below $\log$ of the mean of $w = p(x, z)/q(z)$; the gap is $\mathrm{KL}(q \,\|\, \text{posterior})$, 0.403 here.
#
# </details>
# <details><summary>D · The encoder is bad.</summary>
#
# It is, and that must not matter for log p(x).
#
# </details>
#
# ### Exercise · `f13_log_px(x, m, v)`
# *7 minutes.* Estimate $\log p(x)$ of this model by [importance sampling](glossary.ipynb#Importance-sampling) from $q = \mathcal N(m, v)$: `x`, `m`, `v` and the result `(B,)`, in nats. Draw 10,000 times or more for each example, from the global
# generator as above. It must come within 0.07 of the truth, also where $p(x)$ itself is too small for a float ($x = 70$).


# %% exercise="clinic.f13_log_px"
def f13_log_px(x, m, v):
    """log p(x) by importance sampling, `(B,)`."""
    # BEGIN SOLUTION
    q = Normal(m, v.sqrt())
    z = q.sample((10_000,))
    prior = Normal(torch.zeros_like(m), torch.ones_like(m))
    log_weights = Normal(z, 1.0).log_prob(x) + prior.log_prob(z) - q.log_prob(z)
    return log_weights.logsumexp(0) - math.log(10_000)
    # END SOLUTION


# %% check="clinic.f13_log_px"
check("clinic.f13_log_px", f13_log_px)

# %%
seed_everything(0)
for mean, variance in ((0.0, 1.0), (0.3, 0.8), (0.5, 0.5)):
    value = f13_log_px(one, torch.tensor([mean]), torch.tensor([variance]))
    print(f"q = N({mean}, {variance}): log p(x) = {value.item():.3f}")

# %% [markdown]
# ### F7 · The penalty without a prior
# «The second term is the entropy of the code.» So the penalty was written as the entropy of $q$:


# %% tags=["nbval-check-output"]
def broken_kl(m, lv):
    return 0.5 * (1 + math.log(2 * math.pi) + lv).sum(-1)


codes = {
    "at the prior": (0.0, 0.0),
    "far away": (4.0, 0.0),
    "wide": (0.0, 2.0),
    "narrow": (0.0, -2.0),
}
for name, (mean, log_var) in codes.items():
    value = broken_kl(torch.tensor([[mean]]), torch.tensor([[log_var]]))
    print(f"{name:<13} penalty {value.item():+.3f} nats")

# %% [markdown]
# **Predict.** Which tells that this is no distance from the prior: (a) that it is finite and smooth, (b) that a wide $q$ costs more than the prior, (c) its value and slopes where $q$ *is* the prior?

# %% tags=["nbval-check-output"]
m0, lv0 = torch.zeros(1, 1, requires_grad=True), torch.zeros(1, 1, requires_grad=True)
value = broken_kl(m0, lv0).sum()
slopes = torch.autograd.grad(value, (m0, lv0), allow_unused=True)
by_mean = "none at all" if slopes[0] is None else f"{slopes[0].item():.3f}"
print("(a) finite and smooth, as a KL is")
print("(b) so it does under a KL")
print(f"(c) value {value.item():.3f}; slope by the mean: {by_mean}, by lv: {slopes[1].item():.3f}")

# %% [markdown]
# A divergence from the prior is 0 at the prior and flat there. This one is 1.419, still falls when $q$ gets narrower, and the mean does not even occur in it.
#
# **Name the cause.**
# <details><summary>A · The factor 1/2 is wrong.</summary>
#
# No factor makes 1.419 into 0.
#
# </details>
# <details><summary>B · It is KL(prior‖q).</summary>
#
# That would be 0 at the prior as well.
#
# </details>
# <details><summary>C · lv should be the standard deviation.</summary>
#
# Then lv = 0 would be a distribution of no width, and the entropy −∞.
#
# </details>
# <details><summary>D · Entropy for relative entropy.</summary>
#
# Yes. The KL is also called *relative entropy*, and «relative» is what counts: $\mathrm{KL} = -H(q) - \mathbb E_q \log p(z)$. The entropy comes with a minus, and the second part knows the prior.
#
# </details>
#
# ### Exercise · `f7_kl(m, lv)`
# *4 minutes.* $\mathrm{KL}(\mathcal N(m, e^{lv}) \,\|\, \mathcal N(0, 1))$ in nats for each example: `(B, Z)` to `(B,)`.


# %% exercise="clinic.f7_kl"
def f7_kl(m, lv):
    """Relative entropy of diagonal Gaussians to the standard normal, `(B,)`."""
    # BEGIN SOLUTION
    return 0.5 * (m**2 + lv.exp() - 1 - lv).sum(dim=1)
    # END SOLUTION


# %% check="clinic.f7_kl"
check("clinic.f7_kl", f7_kl)

# %% [markdown]
# Drag $q$ to the prior and away from it. All three divergences meet at 0; no entropy does.

# %%
kl_explorer()

# %% [markdown]
# ### F14 · The variance that nobody chose
# «The reconstruction loss is the squared error», $\sum (x - \hat x)^2$, plus the KL. To see what it implies, the digits at 14 × 14 pixels and the linear VAE, whose best solution is known without training (lesson 02): for a noise
# variance $\sigma^2$, it uses those principal components whose variance $\lambda$ exceeds $\sigma^2$, and each costs $\tfrac12 \log(\lambda/\sigma^2)$ nats of KL on average.

# %%
digits = F.avg_pool2d(load_mnist("train")[0][:digit_count], 2)
flat = digits.flatten(1) - digits.flatten(1).mean(0)
variances, components = torch.linalg.eigh(flat.T @ flat / len(flat))


def linear_vae(s2):
    """Of the best linear VAE: latents in use, mean KL in nats, reconstructions, and E (z's share
    of the squared error) / s2, summed: half of it is what drawing z costs, in nats."""
    used = variances > s2
    kl = 0.5 * (variances[used] / s2).log().sum().item()
    shrink = torch.where(used, 1 - s2 / variances, 0.0)  # how much of a component comes back
    restored = flat @ components * shrink @ components.T
    return int(used.sum()), kl, restored, shrink.sum().item()


used, kl, restored, _ = linear_vae(0.5)
print(f"squared error + KL: {used} of 196 latents in use, {kl:.2f} nats of KL")

# %% [markdown]
# **Predict.** Which tells that a scale is hidden: (a) the squared error, (b) latents and KL when the error is divided by another number, (c) the number of latents of the network?

# %%
print(
    f"(a) squared error {(flat - restored).square().sum(1).mean():.2f} of {variances.sum():.2f} per image"
)
for s2 in (0.5, 0.1, 0.02):
    used, kl, *_ = linear_vae(s2)
    print(f"(b) error / (2 · {s2}): {used} latents in use, {kl:.2f} nats")
print("(c) 196 are there, and do not matter")

# %% tags=["folded"]
mean_digit = digits.flatten(1).mean(0)
rows = [digits[:10]] + [
    (linear_vae(s2)[2][:10] + mean_digit).clamp(0, 1).reshape(-1, 1, 14, 14) for s2 in (0.5, 0.02)
]
names = ["digits", "σ² = 0.5", "σ² = 0.02"]
show(plot_images(torch.cat(rows), 10, "F14: what a hidden σ² lets through", row_titles=names))

# %% [markdown]
# **Name the cause.** $-\log \mathcal N(x; \hat x, \sigma^2) = \frac{(x - \hat x)^2}{2\sigma^2} + \tfrac12 \log \sigma^2 + \tfrac12 \log 2\pi$ for each pixel.
# <details><summary>A · The KL is too large by a factor.</summary>
#
# The KL is right, in nats. It is the other term that has no unit.
#
# </details>
# <details><summary>B · The squared error is a likelihood only for one variance, 1/2, and nobody chose it.</summary>
#
# Yes: $2\sigma^2 = 1$. Pixels in [0, 1] have variances far below that, so that almost everything counts as noise.
#
# </details>
# <details><summary>C · A linear VAE is too weak.</summary>
#
# At σ² = 0.02 the same model shows the digits.
#
# </details>
# <details><summary>D · The error should be averaged over the pixels.</summary>
#
# That makes the hidden variance 196 times larger still: case C11.
#
# </details>
#
# ### Exercise · `f14_gauss_nll(x, r, s2)`
# *5 minutes.* Images `x` and reconstructions `r` of one shape `(B, ...)`, a variance `s2`, a tensor with one number. Return the Gaussian's negative log-likelihood in nats for each image, `(B,)`: all three terms, added over the pixels. Gradients
# reach `r` and `s2`, so that the variance can be learned.


# %% exercise="clinic.f14_gauss_nll"
def f14_gauss_nll(x, r, s2):
    """-log N(x; r, s2), added over everything but the batch."""
    # BEGIN SOLUTION
    nats = (x - r) ** 2 / (2 * s2) + 0.5 * (2 * math.pi * s2).log()
    return nats.flatten(1).sum(dim=1)
    # END SOLUTION


# %% check="clinic.f14_gauss_nll"
check("clinic.f14_gauss_nll", f14_gauss_nll)

# %%
for s2 in (0.5, 0.1, 0.02, 0.005, 0.002):
    used, kl, restored, drawn = linear_vae(s2)
    cost = f14_gauss_nll(flat, restored, torch.tensor(s2)).mean().item() + drawn / 2
    print(
        f"s2 = {s2:<5}: {cost:7.1f} + KL {kl:5.1f} = {cost + kl:7.1f} nats, {used} latents in use"
    )
    width = variances.clamp(min=s2)  # of x along each component, under the model
    evidence = -0.5 * (2 * math.pi * width).log().sum() - 0.5 * (variances / width).sum()
    assert abs(cost + kl + evidence.item()) < 0.05  # the best linear VAE has no gap (lesson 02)

# %% [markdown]
# These nats can be compared, which squared errors could not, and the variance that nobody chose is the worst of the five by far. (Negative nats are densities above 1: many border
# pixels are always black and would like any variance, however small.) With the width in the loss, the variance is a parameter like others: learn it (lesson 06), and the balance of the two terms is no longer an accident.
#
# ### C11 · The VAE that draws one digit
# A VAE on binarized digits at 14 × 14, as many tutorials have it: `F.binary_cross_entropy_with_logits(logits, x)` plus the KL, added over the latents.


# %%
def broken_vae_loss(logits, x, m, lv):
    reconstruction = F.binary_cross_entropy_with_logits(logits, x)
    return reconstruction + 0.5 * (m**2 + lv.exp() - 1 - lv).sum(1).mean()


small_digits = (digits > 0.4).float()


def train_vae(vae_loss):
    """Losses, mean KL, and a function that reconstructs."""
    seed_everything(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(196, 64), nn.ReLU(), nn.Linear(64, 8))
    decoder = nn.Sequential(
        nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 196), nn.Unflatten(1, (1, 14, 14))
    )
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=3e-3)
    losses, feed = [], iter(batches(small_digits, 128, steps=vae_steps))
    for x in feed:
        m, lv = encoder(x).chunk(2, dim=1)
        z = m + (lv / 2).exp() * torch.randn_like(m)
        loss = vae_loss(decoder(z), x, m, lv)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        m, lv = encoder(small_digits[:1000]).chunk(2, dim=1)
        kl = 0.5 * (m**2 + lv.exp() - 1 - lv).sum(1).mean().item()
        return losses, kl, decoder(m).sigmoid()


losses, kl, restored = train_vae(broken_vae_loss)
print(f"loss {losses[0]:.3f} at first, {losses[-1]:.3f} in the end")

# %% [markdown]
# **Predict.** The curve looks fine. Which will tell: (a) the loss, smoothed over the last steps, (b) the KL in nats per image, (c) the squared error of the reconstructions?

# %%
print(f"(a) mean loss of the last 50 steps {sum(losses[-50:]) / len(losses[-50:]):.4f}")
print(f"(b) KL {kl:.5f} nats per image")
first = small_digits[:1000]
error = (restored - first).square().flatten(1).sum(1).mean()
spread = (first - first.mean(0)).square().flatten(1).sum(1).mean()
print(f"(c) squared error {error:.2f}; the mean image alone has {spread:.2f}")

# %% [markdown]
# (b) tells at once: a code of 0 nats carries nothing. (c) tells too, if you think of what to compare with: it is as good as drawing the mean image always. The loss (a) has no yardstick.
#
# **Name the cause.**
# <details><summary>A · The decoder is so strong that it needs no code.</summary>
#
# That is the famous cause of [posterior collapse](glossary.ipynb#Posterior-collapse) (lesson 06), for decoders that see the pixels before. This one sees z alone.
#
# </details>
# <details><summary>B · The KL should be averaged as well.</summary>
#
# Then the ratio would be 196 to 4 in place of 196 to 1: another accident. Both are sums.
#
# </details>
# <details><summary>C · It was trained too briefly.</summary>
#
# Longer training leads further into the collapse: it is the optimum of this loss.
#
# </details>
# <details><summary>D · The mean over 196 pixels stands beside a sum over latents.</summary>
#
# Yes. The likelihood is divided by 196, the KL is not: a β-VAE with β = 196. Whoever changes the image size changes β.
#
# </details>
#
# ### Exercise · `c11_vae_loss(logits, x, m, lv)`
# *5 minutes.* The negative ELBO in nats per image, a scalar: logits and images `(B, 1, H, W)` with pixels 0 or 1, `m` and `lv` `(B, Z)`. Right at logits of ±200.


# %% exercise="clinic.c11_vae_loss"
def c11_vae_loss(logits, x, m, lv):
    """Cross-entropy plus KL, both summed for each image and averaged over the batch."""
    # BEGIN SOLUTION
    pixels = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    latents = 0.5 * (m**2 + lv.exp() - 1 - lv)
    return (pixels.flatten(1).sum(1) + latents.sum(1)).mean()
    # END SOLUTION


# %% check="clinic.c11_vae_loss"
check("clinic.c11_vae_loss", c11_vae_loss)

# %%
losses, repaired_kl, repaired = train_vae(c11_vae_loss)
error = (repaired - first).square().flatten(1).sum(1).mean()
print(f"loss {losses[-1]:.1f} nats per image, KL {repaired_kl:.2f}, squared error {error:.2f}")

# %% tags=["folded"]
rows = torch.cat([first[:12], restored[:12], repaired[:12]])
names = ["digits", "broken", "repaired"]
show(plot_images(rows, 12, "C11: what two reductions make of one VAE", row_titles=names))

# %% [markdown]
# ### C35 · The decoder that cannot be sure
# The [decoder](glossary.ipynb#Decoder) gives logits, the loss is not said, and so a sigmoid is put before the loss «with logits».


# %%
def broken_bce(logits, y):
    return F.binary_cross_entropy_with_logits(torch.sigmoid(logits), y)


y = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
pixels = torch.zeros(1, 4, requires_grad=True)  # logits that nothing keeps from being perfect
optimizer = torch.optim.Adam([pixels], lr=0.1)
for _ in range(300):
    loss = broken_bce(pixels, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"four free logits, 300 steps: the loss is {loss.item():.3f} and stays there")

# %% [markdown]
# **Predict.** Which tells why the loss stays up: (a) the share of pixels that are right when cut at 1/2, (b) the range of the logits, (c) the loss of a perfect answer, fed by hand?

# %%
print(f"(a) {((pixels > 0).float() == y).float().mean():.0%} are right")
print(f"(b) from {pixels.min():.1f} to {pixels.max():.1f}")
perfect = 20 * (2 * y - 1)  # as sure as one can be, and right
print(
    f"(c) a perfect answer costs {broken_bce(perfect, y).item():.3f} nats a pixel, where 0 is due"
)

# %% [markdown]
# Feed a loss an answer that you know to be perfect: the cheapest test there is.
#
# **Name the cause.**
# <details><summary>A · Two sigmoids in a row.</summary>
#
# Yes. What comes behind the first lies in [0, 1], and the second makes it 0.5 to 0.73. A white pixel costs at least 0.313, a black one 0.693, and every slope has to pass the first sigmoid, where it shrinks.
#
# </details>
# <details><summary>B · The labels should be −1 and 1.</summary>
#
# That is the hinge loss's habit. A cross-entropy has labels in [0, 1].
#
# </details>
# <details><summary>C · A logit of 20 is too large for float32.</summary>
#
# The loss «with logits» is right at 200 too; the check looks.
#
# </details>
# <details><summary>D · The mean should be a sum.</summary>
#
# It scales the loss (case C11); a perfect answer would still not cost 0.
#
# </details>
#
# ### Exercise · `c35_bce(logits, y)`
# *2 minutes.* The mean cross-entropy of logits with labels 0 or 1, one shape, in nats, a scalar. A perfect answer of ±20 costs less than 0.000001, and ±200 are right too.


# %% exercise="clinic.c35_bce"
def c35_bce(logits, y):
    """Binary cross-entropy with one sigmoid."""
    # BEGIN SOLUTION
    return F.binary_cross_entropy_with_logits(logits, y)
    # END SOLUTION


# %% check="clinic.c35_bce"
check("clinic.c35_bce", c35_bce)

# %% [markdown]
# ## 2 · The ward of shapes
#
# A linear layer acts on the last axis and leaves all others alone; two tensors of different shapes are stretched to fit, which is **[broadcasting](glossary.ipynb#Broadcasting)**. Both are convenient, and both keep silent.
#
# ### C31 · Four images in, a hundred and twelve out
# A small VAE whose author forgot to flatten. `LazyLinear` takes its size from the first input, as layers of other libraries do, and `reshape(-1, 28, 28)` always fits.

# %%
seed_everything(0)
broken_encoder = nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.LazyLinear(8))
broken_decoder = nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.LazyLinear(784))


def broken_vae(x):
    m, lv = broken_encoder(x).chunk(2, dim=-1)
    z = m + (lv / 2).exp() * torch.randn_like(m)
    return broken_decoder(z).sigmoid().reshape(-1, 28, 28)


def squared_error(vae, x):
    return (vae(x) - x).square().mean()


mnist = load_mnist("train")[0][:1_000, 0]
broken_vae(mnist[:1])
optimizer = torch.optim.Adam([*broken_encoder.parameters(), *broken_decoder.parameters()], lr=3e-3)
losses = []
for step in range(at_scale(20, 300, 300)):
    loss = squared_error(broken_vae, mnist[step : step + 1])  # one image a step
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(
    f"squared error {sum(losses[:20]) / 20:.3f} in the first 20 steps, {sum(losses[-20:]) / 20:.3f} in the last"
)

# %% [markdown]
# It trains! **Predict.** Which will tell: (a) a longer run, (b) whether the loss is finite, (c) the shape of what comes back for four images?

# %%
print(f"(a) after {len(losses)} steps the error is {losses[-1]:.3f}")
print(f"(b) it is: {math.isfinite(losses[-1])}")
print(f"(c) {tuple(mnist[:4].shape)} in, {tuple(broken_vae(mnist[:4]).shape)} out")
print(f"    one image: {tuple(mnist[:1].shape)} in, {tuple(broken_vae(mnist[:1]).shape)} out")

# %% tags=["folded"]
with torch.no_grad():
    rows = broken_vae(mnist[2:3])[:, None]
pictures = torch.cat([mnist[2:3, None], rows])
labels = ["image"] + [f"row {n + 1}" for n in range(28)]
show(plot_images(pictures, 10, "C31: one image in, a picture of each row out", labels=labels))

# %% [markdown]
# With one image in a batch, 28 pictures are compared with it, all of them: (28, 28, 28) against (1, 28, 28) broadcasts. A batch of four would have crashed in the loss, and helped.
#
# **Name the cause.**
# <details><summary>A · The channel axis is missing.</summary>
#
# A channel axis of 1 changes nothing for a linear layer, which looks at the last axis.
#
# </details>
# <details><summary>B · The images are not flattened, so each row of 28 pixels is coded by itself.</summary>
#
# Yes. The encoder sees rows of 28 numbers, the decoder makes a whole image of each: 4 × 28 = 112.
#
# </details>
# <details><summary>C · reshape(−1, …) has the wrong numbers.</summary>
#
# They are right for images. The −1 only hides that too many rows arrive: it takes whatever fits.
#
# </details>
# <details><summary>D · The batch size is 1.</summary>
#
# That is why nobody noticed. It is not why 28 pictures come out.
#
# </details>
#
# ### Exercise · `c31_vae(x)`
# *6 minutes.* Images `(B, 28, 28)` in [0, 1] through a code of four latents and back: probabilities `(B, 28, 28)`, for every B. Each reconstruction depends on its own image, on all of it and on where each pixel lies, and on no other. The layers stand above the function; you may change them,
# and draw z or take its mean.


# %% exercise="clinic.c31_vae"
c31_encoder = nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.LazyLinear(8))
c31_decoder = nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.LazyLinear(784))


def c31_vae(x):
    """Reconstructions of x, one for each image."""
    # BEGIN SOLUTION
    m, lv = c31_encoder(x.flatten(1)).chunk(2, dim=1)
    z = m + (lv / 2).exp() * torch.randn_like(m)
    return c31_decoder(z).sigmoid().unflatten(1, (28, 28))
    # END SOLUTION


# %% check="clinic.c31_vae"
check("clinic.c31_vae", c31_vae)

# %% [markdown]
# `unflatten(1, (28, 28))` says how many axes there are, and raises where they are not. A −1 for the batch says nothing.
#
# ### C9 · The perfect autoencoder
# An encoder to two latents, for images with the channel last, `(B, 28, 28, 1)`. Its reconstructions are the best you have ever seen.

# %%
seed_everything(0)
c9_layer = nn.LazyLinear(4)  # two means, two log-variances
c9_decoder = nn.Sequential(nn.LazyLinear(16), nn.ReLU(), nn.LazyLinear(1))


def broken_encoder9(x):
    m, lv = c9_layer(x.movedim(1, -1)).chunk(2, dim=-1)
    return m, lv, 0.5 * (m**2 + lv.exp() - 1 - lv).sum(-1)


images = mnist[:256, None]
broken_encoder9(images), c9_decoder(torch.zeros(1, 2))
optimizer = torch.optim.Adam([*c9_layer.parameters(), *c9_decoder.parameters()], lr=1e-2)
for _ in range(at_scale(20, 200, 200)):
    m, lv, kl = broken_encoder9(images[:64])
    loss = (c9_decoder(m).movedim(-1, 1) - images[:64]).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"squared error {loss.item():.5f} a pixel, from «two latents»")

# %% [markdown]
# **Predict.** Which will tell: (a) how many numbers a code has, (b) the reconstruction error on images not trained on, (c) whether the KL is positive?

# %%
m, lv, kl = broken_encoder9(images[64:])
error = (c9_decoder(m).movedim(-1, 1) - images[64:]).square().mean()
print(
    f"(a) a code {tuple(m[0].shape)} has {m[0].numel()} numbers, an image {images[0].numel()}; KL {tuple(kl.shape)}"
)
print(f"(b) {error.item():.5f}: as good as in training")
print(f"(c) {bool((kl > 0).all())}")

# %% [markdown]
# No overfitting, no wonder: each pixel has a code of its own, and the «[bottleneck](glossary.ipynb#Bottleneck)» is twice as wide as the image.
#
# **Name the cause.**
# <details><summary>A · The image is not flattened: a linear layer codes each pixel by itself.</summary>
#
# Yes. With the channel last, the last axis has one number. And the KL, summed over the last axis, still has a value for each pixel.
#
# </details>
# <details><summary>B · The network overfits.</summary>
#
# (b): fresh images come back as well.
#
# </details>
# <details><summary>C · The decoder is too strong.</summary>
#
# It maps two numbers to one pixel. It could not be much weaker.
#
# </details>
# <details><summary>D · The KL should be averaged over all axes.</summary>
#
# That makes the number of axes disappear, and the symptom with it. The code would still be 1,568 numbers.
#
# </details>
#
# ### Exercise · `c9_encoder(x)`
# *6 minutes.* Images `(B, 1, 28, 28)`: return `mean` and `log_var`, each `(B, 2)`, and `kl`, `(B,)`, their KL to the prior in nats; all three keep their graph. Each code depends on its own image, on all of it and on where each pixel lies, and on no other. Change the layers as you like.


# %% exercise="clinic.c9_encoder"
c9_layers = nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.LazyLinear(4))


def c9_encoder(x):
    """mean, log_var `(B, 2)`, and kl `(B,)`."""
    # BEGIN SOLUTION
    mean, log_var = c9_layers(x.flatten(1)).chunk(2, dim=1)
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(dim=1)
    return mean, log_var, kl
    # END SOLUTION


# %% check="clinic.c9_encoder"
check("clinic.c9_encoder", c9_encoder)

# %% [markdown]
# ### C7 · The judge that sees nothing but means
# The printed discriminator is one linear layer. Its generator «wins» within seconds. Here the reals are points on a ring, the fakes a blob in its middle.


# %%
def broken_make_d():
    return nn.Linear(2, 1)


def two_clouds(count, draw):
    """A ring and a blob with one mean, `(count, 2)` each."""
    angle = 2 * math.pi * torch.rand(count, generator=draw)
    radius = 2 + 0.2 * torch.randn(count, generator=draw)
    ring = radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    return ring, 0.6 * torch.randn(count, 2, generator=draw)


def train_d(make_d, steps=150):
    """A judge, and its loss in the end."""
    seed_everything(0)
    judge, draw = make_d(), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(judge.parameters(), lr=0.02)
    for _ in range(steps):
        ring, blob = two_clouds(128, draw)
        loss = F.softplus(-judge(ring)).mean() + F.softplus(judge(blob)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return judge, loss.item()


broken_d, loss = train_d(broken_make_d)
print(
    f"D's loss after 150 steps: {loss:.3f}; a judge who knows nothing has 2 log 2 = {2 * math.log(2):.3f}"
)

# %% [markdown]
# The loss of a generator that has won, it seems. **Predict.** Which tells that it has not: (a) $D$'s accuracy on fresh points, (b) a longer training of this $D$, (c) the two means, and the two mean distances from them?

# %%
ring, blob = two_clouds(5_000, torch.Generator().manual_seed(1))


def accuracy(judge):
    with torch.no_grad():
        return ((judge(ring) > 0).float().mean() + (judge(blob) <= 0).float().mean()).item() / 2


print(f"(a) {accuracy(broken_d):.3f}")
print(f"(b) after 600 steps {accuracy(train_d(broken_make_d, 600)[0]):.3f}")
for name, points in (("ring", ring), ("blob", blob)):
    mean = [round(value, 2) + 0.0 for value in points.mean(0).tolist()]
    print(f"(c) {name}: mean {mean}, mean distance {points.norm(dim=1).mean():.2f}")

# %% [markdown]
# (a) and (b) say once more that this judge guesses: true of a perfect generator as well. (c) shows a difference that any eye sees and the judge does not, and what the judge looks at instead.
#
# **Name the cause.**
# <details><summary>A · The generator is perfect.</summary>
#
# A guessing judge has two explanations. (c) rules this one out.
#
# </details>
# <details><summary>B · D is trained too briefly.</summary>
#
# (b): four times as long changes nothing.
#
# </details>
# <details><summary>C · A linear D can compare means alone.</summary>
#
# Yes. The mean of a linear function over a cloud is its value at the cloud's mean, and the means are one. Two linear layers with nothing between them are one linear layer.
#
# </details>
# <details><summary>D · A sigmoid is missing at the end.</summary>
#
# The loss has it. It would bend the output, not the border: P(real) = 1/2 is a line all the same.
#
# </details>
#
# ### Exercise · `c7_make_D()`
# *5 minutes.* Return a new `nn.Module` from points `(B, 2)` to logits `(B, 1)`, of any architecture, that can tell such clouds apart: trained on a ring and a blob (150 steps of Adam at 0.02), it must be right about more than 85 % of fresh points.


# %% exercise="clinic.c7_make_D"
def c7_make_D():
    """A discriminator of points in the plane, with logits of no bounds."""
    # BEGIN SOLUTION
    return nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
    # END SOLUTION


# %% check="clinic.c7_make_D"
check("clinic.c7_make_D", c7_make_D)

# %%
repaired_d, loss = train_d(c7_make_D)
print(f"loss {loss:.3f}, right about {accuracy(repaired_d):.3f} of fresh points")

# %% tags=["folded"]
side = torch.linspace(-3, 3, 120)
plane = torch.cartesian_prod(side, side)
figure, panels = plt.subplots(1, 2, figsize=(7.6, 3.5), sharey=True)
judges = {"a linear judge": broken_d, "a judge that bends": repaired_d}
for axes, (name, judge) in zip(panels, judges.items(), strict=True):
    with torch.no_grad():
        seen = judge(plane).sigmoid().reshape(120, 120).T
    axes.imshow(seen, origin="lower", extent=(-3, 3, -3, 3), cmap="PuOr", vmin=-0.7, vmax=1.7)
    axes.plot(*ring[:250].T, ".", ms=4, color="black", label="real")
    axes.plot(*blob[:250].T, "o", ms=3, mfc="white", mec="0.2", mew=0.6, label="fake")
    axes.set_title(f"Case C7: {name}, {accuracy(judge):.0%} right")
    axes.grid(False)
panels[0].legend(loc="upper right", frameon=True, fontsize=8)
show(figure)

# %% [markdown]
# ### C17 · The generator that ignores its noise
# [Batch normalization](glossary.ipynb#Batch-normalization) behind a linear layer, and `batch_size=1`. PyTorch's own layer refuses that; the layer of other libraries does not, and here it is in three lines.


# %%
class BatchNorm(nn.Module):
    """Without its scale and shift: minus the mean of the batch, over its standard deviation."""

    def forward(self, x):
        return (x - x.mean(0)) / (x.var(0, correction=0) + 1e-3).sqrt()


def broken_make_g():
    return nn.Sequential(
        *(nn.Linear(8, 64), BatchNorm(), nn.LeakyReLU(0.2)),
        *(nn.Linear(64, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8))),
    )


seed_everything(0)
generator, z = broken_make_g(), torch.randn(6, 8)
alone = torch.cat([generator(code) for code in z.split(1)]).detach()
together = generator(z).detach()
print(f"six codes, one at a time: the pixels differ by {alone.std(0).max():.1e} at most")

# %% [markdown]
# **Predict.** Which will tell why: (a) the same six codes in one batch, (b) what stands behind the normalization for a batch of one, (c) the range of the pixels?

# %%
print(f"(a) in one batch the pixels differ by up to {together.std(0).max():.2f}")
behind = generator[1](generator[0](z[:1]))
print(f"(b) behind the normalization: from {behind.min().item():.1f} to {behind.max().item():.1f}")
print(f"(c) from {alone.min():.2f} to {alone.max():.2f}")

# %% [markdown]
# (a) says when it happens, (b) says why: the mean of a batch of one is the value itself, and 0 remains, whatever z was.
#
# **Name the cause.**
# <details><summary>A · [Mode collapse](glossary.ipynb#Mode-collapse).</summary>
#
# That is learned, from a judge. This network has never been trained.
#
# </details>
# <details><summary>B · The noise is too small.</summary>
#
# In one batch the same noise gives six different pictures.
#
# </details>
# <details><summary>C · eval() was forgotten.</summary>
#
# In evaluation the running statistics would hide it. Training would still have learned from pictures that know nothing of z.
#
# </details>
# <details><summary>D · A batch of one, normalized over the batch, is 0.</summary>
#
# Yes. Repair the network, as here, where codes come alone; or make the batch larger, where that is possible. [Layer normalization](glossary.ipynb#Layer-normalization) takes mean and variance over the features of one example instead.
#
# </details>
#
# ### Exercise · `c17_make_G()`
# *5 minutes.* Return a new generator, an `nn.Module` from codes `(B, 8)` to images `(B, 1, 8, 8)` between −1 and 1, that works in training mode with a code that comes alone: different codes give different images (and in evaluation mode an image depends on its own code alone). Any architecture.


# %% exercise="clinic.c17_make_G"
def c17_make_G():
    """A generator that may be trained one code at a time."""
    # BEGIN SOLUTION
    return nn.Sequential(
        nn.Linear(8, 64),
        nn.LayerNorm(64),
        nn.LeakyReLU(0.2),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Unflatten(1, (1, 8, 8)),
    )
    # END SOLUTION


# %% check="clinic.c17_make_G"
check("clinic.c17_make_G", c17_make_G)

# %% tags=["folded"]
seed_everything(0)
repaired_g = c17_make_G()
with torch.no_grad():
    other = torch.cat([repaired_g(code) for code in z.split(1)])
pictures = torch.cat([alone, other])
names = ["broken", "repaired"]
show(
    plot_images(pictures, 6, "C17: six codes, one at a time", value_range=(-1, 1), row_titles=names)
)

# %% [markdown]
# ### C20 · A number that means its opposite
# A model is ported from Keras to PyTorch with all its numbers, `momentum=0.8` of its [batch normalization](glossary.ipynb#Batch-normalization) among them. In training both agree. In evaluation the port is off.

# %%
seed_everything(0)
stream = torch.randn(40, 64, 1) + 1  # batches of mean 1
stream[-1] += 3.75  # and an odd one at the end


def running_means(momentum):
    layer, means = nn.BatchNorm1d(1, momentum=momentum), []
    for batch in stream:
        layer(batch)
        means.append(layer.running_mean.item())
    return means


def keras_means(k):
    """Keras's rule: moving = k * moving + (1 - k) * mean of the batch."""
    moving, means = 0.0, []
    for batch in stream:
        moving = k * moving + (1 - k) * batch.mean().item()
        means.append(moving)
    return means


print(f"running mean in Keras {keras_means(0.8)[-1]:.2f}, in the port {running_means(0.8)[-1]:.2f}")

# %% [markdown]
# **Predict.** Which will tell: (a) the outputs in training mode, (b) the weights, (c) the running means, batch by batch?

# %%
batch = stream[0]
by_hand = (batch - batch.mean(0)) / (batch.var(0, correction=0) + 1e-5).sqrt()
gap = (nn.BatchNorm1d(1, momentum=0.8)(batch) - by_hand).abs().max().item()
print(f"(a) in training mode the difference is {gap:.0e}")
print("(b) scale 1 and shift 0 in both")
steps = {"Keras": keras_means(0.8), "port": running_means(0.8)}
for name, means in steps.items():
    print(f"(c) {name:<5}", *(f"{value:.2f}" for value in means[:4]), "…", f"{means[-1]:.2f}")

# %% [markdown]
# **Name the cause.**
# <details><summary>A · eval() was forgotten.</summary>
#
# Then the running mean would not be used at all, and the two would agree.
#
# </details>
# <details><summary>B · PyTorch divides by N − 1 for the running variance.</summary>
#
# It does, a difference of 1/64 here, in the variance. The *mean* is off.
#
# </details>
# <details><summary>C · The odd batch should have been left out.</summary>
#
# Odd batches come. A running mean is there to soften them: in Keras it moved by a fifth.
#
# </details>
# <details><summary>D · Keras's momentum is the weight of the old mean, PyTorch's that of the new batch.</summary>
#
# Yes: the [running statistics](glossary.ipynb#Running-statistics) of the port forget four fifths at every batch, and the odd last one decides.
#
# </details>
#
# ### Exercise · `c20_bn_momentum(k)`
# *2 minutes.* Keras's momentum `k`, a float between 0 and 1. Return the `momentum` that makes PyTorch's layer do the same.


# %% exercise="clinic.c20_bn_momentum"
def c20_bn_momentum(k):
    """PyTorch's momentum for Keras's k."""
    # BEGIN SOLUTION
    return 1 - k
    # END SOLUTION


# %% check="clinic.c20_bn_momentum"
check("clinic.c20_bn_momentum", c20_bn_momentum)

# %% tags=["folded"]
figure, axes = plt.subplots(figsize=(6.4, 2.6))
axes.plot(stream.mean((1, 2)), ".", color="0.6", label="mean of each batch")
axes.plot(running_means(0.8), label="the port, 0.8")
axes.plot(running_means(c20_bn_momentum(0.8)), label="repaired")
axes.plot(keras_means(0.8), ":", color="black", label="Keras, 0.8")
axes.set(title="C20: one stream of batches, and what is remembered of it", xlabel="batch")
axes.legend(fontsize=8)
show(figure)

# %% [markdown]
# ## The chart of this sitting
#
# A **[differential diagnosis](glossary.ipynb#Differential-diagnosis)** goes from a symptom to its suspects and to the measurement that parts them. As a tree: white is what you measure and what you find, green is the case. Below it the same as a table, with the suspects.

# %% tags=["folded"]
show(
    plot_differential(
        "a program that runs:\nwhat is ill?",
        {
            "the loss: give it an\nanswer that you know": {
                "a perfect one costs > 0": "C35 two sigmoids",
                "exact posterior: not −log p(x)": "F3 a sign",
                "q = prior: not 0, not flat": "F7 entropy for KL",
            },
            "the loss: take the\nsmallest step": {
                "slope at −10 is nearly 0": "F2 no logarithm",
                "it goes the wrong way": "F10 descent for ascent",
                "P(real) of reals falls": "F1 a value minimized",
            },
            "the result: compare it\nwith a model that you know": {
                "optimum: not the posterior": "F9 a term twice",
                "another q, another log p(x)": "F13 a bound",
                "another divisor, other latents": "F14 a hidden variance",
                "KL is 0 nats": "C11 two reductions",
            },
            "the shapes: a batch of four,\nand numbers in a code": {
                "four in, 112 out": "C31 no flatten",
                "a code wider than its image": "C9 no bottleneck",
            },
            "the module: what can\nit not see?": {
                "two clouds of one mean": "C7 a linear D",
                "two codes, one at a time": "C17 a batch of one",
                "all batches but the last": "C20 momentum's convention",
            },
        },
    )
)

# %% [markdown]
# | symptom | suspects | the measurement that tells them apart | case |
# |---|---|---|---|
# | the generator stands still, its loss near 0 | rate, strong D, missing logarithm | slope of the loss in one logit at −10 | F2 |
# | D's loss falls without end | divergence, swapped groups, sign | P(real) of reals and of fakes | F1 |
# | converged, and too sure | not converged, wrong prior, a term twice | the optimum of a model whose posterior is known | F9 |
# | a VAE's loss below 0, and falling | sign of one term, a missing constant | the loss at the exact posterior beside −log p(x) | F3 |
# | the objective runs away | rate, gradient, direction | one step at a tenth of the rate | F10 |
# | «log p(x)» changes with the encoder | draws, encoder, a bound for the thing | another q, the same x | F13 |
# | codes drift, or sharpen for ever | factor, direction of the KL, no prior in it | value and slope where q is the prior | F7 |
# | a few latents in use, blurred | weak model, KL weight, hidden variance | divide the error by another number | F14 |
# | all reconstructions alike | strong decoder, short training, reductions | KL in nats per image | C11 |
# | gray pixels, slow | labels, precision, two sigmoids | the loss of a perfect answer | C35 |
# | trains at batch size 1 alone | reshape, channels, no flatten | shapes for a batch of four | C31 |
# | reconstructions too good | overfitting, strong decoder, no bottleneck | numbers in a code against numbers in an image | C9 |
# | D guesses from the start | perfect generator, short training, a blind D | a statistic that D cannot see | C7 |
# | one picture for every z | mode collapse, weak noise, a batch of one | the values behind each layer | C17 |
# | fine in training, off in evaluation | eval() forgotten, variance, momentum | running statistics, batch by batch | C20 |
#
# ## The consulting room
#
# Four VAEs with one symptom: the squared error of their reconstructions stays far above that of a healthy one (dashed). Each patient has one illness of four, and was
# trained with another seed than the runs that the table quotes. Order the measurement that will tell, then the next if you must, and name the cause.

# %% tags=["folded"]
consult_steps = at_scale(smoke=20, laptop=400, gpu=400)


def right_loss(logits, x, m, lv):
    pixels = -Bernoulli(logits=logits).log_prob(x).flatten(1).sum(1)
    return (pixels + kl_to_prior(m, lv.exp()).sum(1)).mean()


def two_sigmoids(logits, x, m, lv):
    return right_loss(logits.sigmoid(), x, m, lv)


def hidden_variance(logits, x, m, lv):
    error = (logits.sigmoid() - x).square().flatten(1).sum(1)
    return (error + kl_to_prior(m, lv.exp()).sum(1)).mean()


ILL_LOSSES = {
    "pixels averaged (C11)": (broken_vae_loss, 1),
    "two sigmoids (C35)": (two_sigmoids, 1),
    "a hidden variance (F14)": (hidden_variance, 1),
    "stopped too early": (right_loss, 20),
    "healthy": (right_loss, 1),
}


def examine_vae(name, seed):
    vae_loss, hurry = ILL_LOSSES[name]
    seed_everything(seed)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(196, 64), nn.ReLU(), nn.Linear(64, 8))
    decoder = nn.Sequential(
        nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 196), nn.Unflatten(1, (1, 14, 14))
    )
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=3e-3)
    known, curve = small_digits[:500], []

    def errors():
        with torch.no_grad():
            m, lv = encoder(known).chunk(2, dim=1)
            shown = decoder(m).sigmoid()
            other = (shown - known.roll(1, 0)).square().flatten(1).sum(1).mean().item()
            own = (shown - known).square().flatten(1).sum(1).mean().item()
            return own, other, kl_to_prior(m, lv.exp()).sum(1).mean().item()

    for step, x in enumerate(batches(small_digits, 128, steps=consult_steps // hurry)):
        m, lv = encoder(x).chunk(2, dim=1)
        loss = vae_loss(decoder(m + (lv / 2).exp() * torch.randn_like(m)), x, m, lv)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % max(1, consult_steps // hurry // 20) == 0:
            curve.append(errors()[0])
    own, other, kl = errors()
    perfect, nothing = 20 * (2 * known - 1), torch.zeros(500, 4)
    findings = {
        "KL, nats": kl,
        "cost of a perfect answer, nats": vae_loss(perfect, known, nothing, nothing).item(),
        "error against another image, less its own": other - own,
        "fall of the error in the last quarter": curve[len(curve) * 3 // 4] - curve[-1],
    }
    return Run(curve, findings)


ill = [name for name in ILL_LOSSES if name != "healthy"]
book = {name: examine_vae(name, 0) for name in ill}
patients = {name: examine_vae(name, 1) for name in ill}
healthy = examine_vae("healthy", 0).curve

# %%
consulting_room(
    book,
    patients,
    healthy,
    symptom="squared error of the reconstructions",
    along="twentieths of the training",
)

# %% [markdown]
# ## Change one thing
#
# **A silent one more.** In C11 keep the *mean* over the pixels, and average the KL over the four latents as well. What β is that, and does the VAE still collapse? Predict both, then train it.

# %%
# your experiment: def both_averaged(logits, x, m, lv): ...; train_vae(both_averaged)


# %% tags=["solution"]
def both_averaged(logits, x, m, lv):
    pixels = F.binary_cross_entropy_with_logits(logits, x)
    return pixels + 0.5 * (m**2 + lv.exp() - 1 - lv).mean()


_, kl, restored = train_vae(both_averaged)
error = (restored - first).square().flatten(1).sum(1).mean()
print(f"KL {kl:.4f} nats per image, squared error {error:.2f}")

# %% [markdown] tags=["solution"]
# The likelihood is divided by 196, the KL by 4: β = 49. It collapses just as well, to 0.0000 nats and a squared error of 17.56. Averaging both is no
# balance: the two numbers that it divides by have nothing to do with each other.

# %% [markdown]
# **A weaker cure.** In C17, keep the broken generator and give it batches of two codes. How far do the pictures of a code depend on its companion? Measure it: one code with five different companions.

# %%
# your experiment: broken_make_g()(torch.cat([z[:1], z[n : n + 1]]))[0]

# %% tags=["solution"]
seed_everything(0)
generator = broken_make_g()
with torch.no_grad():
    pairs = torch.stack([generator(torch.cat([z[:1], z[n : n + 1]]))[0] for n in range(1, 6)])
print(f"one code, five companions: its pixels differ by up to {pairs.std(0).max():.2f}")
print(f"six codes in one batch differed by up to {together.std(0).max():.2f}")

# %% [markdown] tags=["solution"]
# Almost as much as six codes differ in one batch: 0.53 beside 0.57. Of two numbers, batch normalization leaves nothing but which is the larger one (±1), so a
# code's picture is decided by whom it happens to travel with.

# %% [markdown]
# ## What you take along
#
# 1. A falling loss says that the optimizer works, and nothing of what it works at. Feed the loss an answer that you know: a perfect one, the exact posterior, the prior.
# 2. Every shape is a measurement. Ask for a batch of four, count the numbers in a code, and distrust −1.
# 3. Choose the measurement before you touch the program: one that comes out differently under each suspect.
#
# **References.** Goodfellow and others (2014), *Generative Adversarial Networks*, arXiv 1406.2661 · Kingma and Welling (2013), *Auto-Encoding Variational Bayes*, arXiv 1312.6114 ·
# Tipping and Bishop (1999), *Probabilistic Principal Component Analysis*, Journal of the Royal Statistical Society B 61 · Ioffe and Szegedy (2015), *Batch Normalization*, arXiv 1502.03167 ·
# Ba, Kiros and Hinton (2016), *Layer Normalization*, arXiv 1607.06450.
#
# **Next** is [18b](18b_clinic.ipynb): who moves. So far you have healed:

# %%
progress()
