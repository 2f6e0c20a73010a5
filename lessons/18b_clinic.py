# %% [markdown]
# # 18b · The clinic, second sitting: who moves, data, evaluation
#
# The programs of this ward round all run. No error, no warning, and a loss that falls. They were found
# in tutorials that many people have copied, and each has one thing wrong with it; here they stand
# written anew, in a few lines of PyTorch. You are the doctor: see the symptom, decide which measurement
# would tell, name the cause, repair the program, and let the check look at your repair.
#
# ![A game that spirals out and one that comes home; digits that turned white; two sets of samples of which the wrong one wins](../images/18b_clinic.png)
#
# That is what you will see: a learning rule that never arrives beside one that does, a generator that
# has learned to print white, and two sets of samples whose ranking depends on what you count.
#
# **You will be able to**
# - say of a training step who moves, who must not, and prove it with one subtraction,
# - tell a loss that falls from a model that learns,
# - look at a batch before you train on it, and say what its range and its law have to be,
# - say what a score can be deceived by, and pick one that cannot be deceived that way.
#
# **Time** two sittings of 90 minutes with the exercises (the second may begin with the ward «data»);
# the computing takes less than a minute · **Builds on** 05_vae, 09_first_gan, 12_evaluation and the
# first sitting, 18a · **Papers** none is needed; those that say how it is done are at the end.
#
# <details><summary>中文导读</summary>
#
# 这是“诊所”一课的第二部分。这里的程序都能运行，不报错，损失也在下降，但每个都有一处流传很广的错误。
# 共三个病房：谁在动（梯度流到了不该去的网络，或者该动的网络没有动）、数据（批次的取值范围与分布）、
# 评价（指标能被什么样的样本欺骗）。每个病例的步骤相同：先运行，看到症状；再预测三种测量中哪一种能说明问题；
# 从四个可能的原因中选出真正的一个（每个错误选项都有解答）；最后修好程序，由检查器判断。
# 最后一页是可以打印的鉴别诊断表：症状、三个可疑原因、能区分它们的测量，以及对应的病例。
# 术语的中英对照见 [glossary](glossary.ipynb)。
#
# </details>

# %% tags=["folded"]
import itertools

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.checks import check, progress
from course_lib.data import load_mnist
from course_lib.game_plots import draw_field, plot_two_steps
from course_lib.metrics import fid
from course_lib.plotting import plot_images, show
from course_lib.training import at_scale, course_scale, seed_everything

seed_everything(0)
steps = at_scale(smoke=20, laptop=300, gpu=300)  # of a short training; the patients are small
images, labels = load_mnist("train", value_range=(0, 1))
images, labels = images[:6000], labels[:6000]
digits = F.max_pool2d(F.pad(images, (2, 2, 2, 2)), 4)  # (6000, 1, 8, 8) in [0, 1]
print(f"scale {course_scale()} on cpu: {steps} steps, {len(digits):,} digits of 8×8")

# %% tags=["folded", "solution"]
figure, panels = plt.subplots(1, 3, figsize=(10.5, 3.4), width_ratios=(1.1, 1, 1))
paths = {}
for name, ahead in (("gradient steps", 0.0), ("one step of foresight", 0.1)):
    point, path = torch.tensor([0.9, 0.0]), []
    for _ in range(130):
        path.append(point)
        seen = point + ahead * torch.stack([-point[1], point[0]])
        point = point + 0.1 * torch.stack([-seen[1], seen[0]])
    paths[name] = torch.stack(path).numpy()
draw_field(panels[0], lambda a, b: (-b, a), paths, title="Who comes home?")
panels[0].set(xlabel="x", ylabel="y")
net = nn.Sequential(nn.Linear(8, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.Tanh())
opt, z, seen = torch.optim.Adam(net.parameters(), 2e-3), torch.randn(4, 8), []
for step in range(121):
    if step in (0, 20, 40, 120):
        seen.append(net(z).detach().view(32, 8))
    loss = (net(torch.randn(8, 8)) - 1).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
panels[1].imshow(torch.cat(seen, 1), cmap="gray", vmin=-1, vmax=1)
panels[1].set_title("Learning white: step 0, 20, 40, 120")
flat = digits.flatten(1)
variances, directions = torch.linalg.eigh(torch.cov(flat.T))
weight = directions[:, -20:] * variances[-20:].sqrt()
model = flat.mean(0) + torch.randn(200, 20) @ weight.T
far = torch.cdist(model, flat).min(1).values.mean()
rows = digits[2, 0].repeat(2, 4), torch.cat([m.view(8, 8) for m in model[:4]], 1)
rows = [*rows, torch.cat([m.view(8, 8) for m in model[4:8]], 1)]
panels[2].imshow(torch.cat(rows).clamp(0, 1), cmap="gray")
panels[2].set_title(f"Lower wins: 0 above, {far:.1f} below")
for axes in panels[1:]:
    axes.axis("off")
show(figure)

# %% [markdown]
# ## The instruments
#
# The patients are small enough to be examined in seconds: digits of 8×8 (the brightest pixel of each 4×4), a generator and
# a discriminator of two layers, and a VAE with four latents. A GAN's images lie in $[-1, 1]$, as its
# tanh gives them; a VAE's lie in $[0, 1]$.


# %%
def make_gan(seed=0):
    """A generator `(B, 8)` to images in [-1, 1], and a discriminator that gives logits `(B,)`."""
    torch.manual_seed(seed)
    G = nn.Sequential(
        nn.Linear(8, 64),
        nn.LeakyReLU(0.2),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Unflatten(1, (1, 8, 8)),
    )
    D = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1), nn.Flatten(0)
    )
    return G, D


class VAE(nn.Module):
    """`encoder(x)` gives mean and log_var `(B, 4)`, `decoder(z)` logits `(B, 1, 8, 8)`."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
        self.decoder = nn.Sequential(
            nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.Unflatten(1, (1, 8, 8))
        )

    def encoder(self, x):
        return self.net(x).chunk(2, dim=1)

    def forward(self, x):
        mean, log_var = self.encoder(x)
        z = mean + (log_var / 2).exp() * torch.randn_like(mean)
        return self.decoder(z), mean, log_var


# %%
def adam(network, lr=2e-3):
    return torch.optim.Adam(network.parameters(), lr, betas=(0.5, 0.999))


def bce(logits, label):
    """Mean cross-entropy of logits with one label."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def draw_real(n=64):
    """Digits in [-1, 1]."""
    return 2 * digits[torch.randint(len(digits), (n,))] - 1


def negative_elbo(logits, x, mean, log_var):
    """Nats, averaged over the batch: sums over pixels and latents."""
    rate = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
    error = F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
    return (error + rate).mean()


def weights_of(network):
    return nn.utils.parameters_to_vector(network.parameters()).detach().clone()


def moved(network, before):
    """How far the weights have gone since `before = weights_of(network)`."""
    return (weights_of(network) - before).norm().item()


# %% [markdown]
# Look at the last two: `weights_of` before, `moved` after. Most of this ward is decided by that one
# subtraction.
#
# # Ward one · Who moves
#
# A GAN's two steps share a graph, and each must stop at the other's door. The picture is what is right:
# green moves, gray stands still, the dashed line is how far the gradient runs back.

# %% tags=["folded"]
show(plot_two_steps())

# %% [markdown]
# Every case of this ward breaks one of these two pictures, or the VAE's, in which one loss moves both
# networks. First the silent ones.
#
# ## C3 · The judge who was told that everything is real
#
# A training step of the discriminator, as published: both lines look alike, and both look right.


# %%
def published_d_step(D, opt, x, fake):
    real_loss = bce(D(fake), 1.0)
    fake_loss = bce(D(fake), 1.0)
    loss = real_loss + fake_loss
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss


G, D = make_gan()
opt = adam(D)
losses = [
    published_d_step(D, opt, draw_real(), G(torch.randn(64, 8)).detach()) for _ in range(steps)
]
print(f"the loss of D, from step to step: {losses[0]:.3f} … {losses[-1]:.6f}")

# %% [markdown]
# The loss goes to 0: a discriminator that is never wrong? **Predict** which of three measurements will
# tell what it has learned: **(1)** its loss on a fresh batch, **(2)** its mean probability «real» for
# digits, for fakes and for noise, side by side, **(3)** how far its weights have moved.


# %%
def measure_judge(D):
    with torch.no_grad():
        groups = {"digits": draw_real(500), "fakes": G(torch.randn(500, 8))}
        groups["noise"] = 2 * torch.rand(500, 1, 8, 8) - 1
        return {name: D(group).sigmoid().mean().item() for name, group in groups.items()}


fresh = G(torch.randn(500, 8)).detach()
print(f"1  its loss on a fresh batch: {2 * bce(D(fresh), 1.0):.6f}")
print("2  P(real):", ", ".join(f"{n} {p:.4f}" for n, p in measure_judge(D).items()))
print(f"3  its weights have moved by {moved(D, weights_of(make_gan()[1])):.2f}")
z = torch.randn(64, 8)
for name, judge in (("this D", D), ("an untrained D", make_gan(1)[1])):
    gradients = torch.autograd.grad(bce(judge(G(z)), 1.0), list(G.parameters()))
    print(
        f"   gradient that G gets from {name}: {sum(g.norm() ** 2 for g in gradients) ** 0.5:.1e}"
    )

# %% [markdown]
# The second tells: it calls everything real, digits, fakes and, less surely, noise. And the last two lines say what that costs: a judge who
# is content has nothing to teach. **Which is the cause?**
#
# <details><summary>A · The learning rate is too high, D has saturated</summary>A saturated D would still call some images real and others fake. This one gives one answer to all.</details>
# <details><summary>B · D is too small to tell digits from noise</summary>A D that cannot tell says about ½ to everything and pays 1.386. This one says 1 and pays nothing.</details>
# <details><summary>C · The reals never enter, and the fakes carry the label 1</summary>Yes. <code>x</code> is an argument that no line uses, and both terms ask for «real». Nothing in the loss would ever be lowered by saying «fake».</details>
# <details><summary>D · The fakes were detached</summary>They were, and rightly: this step must not move G.</details>
#
# ### Exercise · `c3_d_step(D, opt, x, fake)`
# *4 minutes.* Repair it: one step of `opt`, which holds D's parameters, on real images `x` and on `fake`
# ones, which come without a graph; the batches may differ in size. The loss is the mean cross-entropy
# over the reals with the label 1 plus that over the fakes with the label 0, from logits, so that it
# stays right at a logit of ±400. Clear old gradients. Return the loss.


# %% exercise="clinic.c3_d_step"
def c3_d_step(D, opt, x, fake):
    """One step of the discriminator; returns its loss."""
    # BEGIN SOLUTION
    loss = F.softplus(-D(x)).mean() + F.softplus(D(fake)).mean()  # -log D, -log(1 - D)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss
    # END SOLUTION


# %% check="clinic.c3_d_step"
check("clinic.c3_d_step", c3_d_step)

# %%
G, D = make_gan()
opt = adam(D)
for _ in range(steps):
    c3_d_step(D, opt, draw_real(), G(torch.randn(64, 8)).detach())
print("repaired, P(real):", ", ".join(f"{n} {p:.4f}" for n, p in measure_judge(D).items()))

# %% [markdown]
# Noise, which D never saw, may get any answer: a discriminator's verdict means something where it was
# trained.
#
# ## C4 · The label that became a picture
#
# The combined model of a Keras tutorial is trained with «ones» as its target. In the port, the ones met
# the images. The batch has 8 rows, and so does each image.


# %%
def published_g_step(G, D, og, od, z):
    target = torch.ones(len(z), 1)
    loss = (G(z) - target).square().mean()
    og.zero_grad()
    loss.backward()
    og.step()
    return loss


def examine_generator(step, batch=8, count=steps, d_step=None):
    """Train G by a step, and say what became of its images and of both networks.

    Without a d_step D has none of its own, so whatever moves it is the step of G.
    """
    G, D = make_gan()
    og, od = adam(G), adam(D)
    before, z, losses = (weights_of(G), weights_of(D)), torch.randn(200, 8), []
    for _ in range(count):
        if d_step:
            d_step(D, od, draw_real(), G(torch.randn(64, 8)).detach())
        losses.append(step(G, D, og, od, torch.randn(batch, 8)))
    with torch.no_grad():
        return {
            "loss": [float(v.float().mean()) for v in (losses[0], losses[-1])],
            "pixels": G(z).mean().item(),
            "spread over z": G(z).std(0).mean().item(),
            "G moved": moved(G, before[0]),
            "D moved": moved(D, before[1]),
            "D asked": any(p.grad is not None for p in D.parameters()),
            "images": G(z[:8]),
        }


ill = examine_generator(published_g_step)
print(f"loss {ill['loss'][0]:.3f} → {ill['loss'][1]:.5f}; mean pixel {ill['pixels']:.2f}")
show(plot_images(ill["images"], 8, "After training", value_range=(-1, 1), size=0.6))

# %% [markdown]
# The loss falls to almost 0, without a word from PyTorch, and the generator prints white. **Predict**
# which of three tells why: **(1)** the loss of a longer training, **(2)** whether D was ever asked
# (does a gradient lie in it?), **(3)** how far G has moved.

# %%
print(
    f"1  after twice the steps: loss {examine_generator(published_g_step, count=2 * steps)['loss'][1]:.6f}"
)
print(f"2  a gradient lies in D: {ill['D asked']}")
print(f"3  G moved by {ill['G moved']:.2f}")
try:
    examine_generator(published_g_step, batch=4, count=1)
except RuntimeError as error:
    print("   and with 4 images in a batch:", str(error).splitlines()[0])

# %% [markdown]
# The second. Nobody judged these images. And the last line shows how the mistake could hide: a target
# `(8, 1)` meets images `(8, 1, 8, 8)`, and [broadcasting](glossary.ipynb#Broadcasting) lines the last axes up, *image rows* with
# *batch rows*. With 8 rows or with 1 it fits; with 4 it cannot. **Which is the cause?**
#
# <details><summary>A · G's tanh has saturated</summary>It has, as an effect: all pixels were pulled to 1. Something asked for that.</details>
# <details><summary>B · The label was compared with the image instead of with D's verdict on it</summary>Yes. «1» is the answer that D shall give; here every pixel shall be 1.</details>
# <details><summary>C · The squared error should be a cross-entropy</summary>On the image it would do the same (case C24), and on D's verdict a squared error would be a GAN as well, the least-squares one.</details>
# <details><summary>D · D has collapsed</summary>D is as it was drawn: it was never called.</details>
#
# ### Exercise · `c4_g_step(G, D, og, od, z)`
# *5 minutes.* One step of the generator by its optimizer `og` on the codes `z`. The loss is
# non-saturating: the mean of $-\log D(G(z))$, from D's logits, right at ±400 as well. D must not move
# (`od` is its optimizer; you need not use it); what backward leaves in D's `.grad` is nobody's concern
# here, because D's own step clears it first. Clear G's old gradients. Return the loss.


# %% exercise="clinic.c4_g_step"
def c4_g_step(G, D, og, od, z):
    """One step of the generator; returns its loss. D stays."""
    # BEGIN SOLUTION
    loss = F.softplus(-D(G(z))).mean()  # -log D
    og.zero_grad()
    loss.backward()
    og.step()
    return loss
    # END SOLUTION


# %% check="clinic.c4_g_step"
check("clinic.c4_g_step", c4_g_step)

# %%
print(
    f"repaired: D asked {examine_generator(c4_g_step)['D asked']}, and in G's step it moved by {examine_generator(c4_g_step)['D moved']:.0f}"
)
for name, step in (("published", published_g_step), ("repaired", c4_g_step)):
    seen = examine_generator(step, 64 if step is c4_g_step else 8, 4 * steps, c3_d_step)
    print(
        f"{name:>9}, with a D that trains: mean pixel {seen['pixels']:+.2f}, spread over z {seen['spread over z']:.2f}"
    )
show(
    plot_images(seen["images"], 8, "Repaired, with a D that trains", value_range=(-1, 1), size=0.6)
)

# %% [markdown]
# No digits yet after so few steps of so small a pair; but strokes on a black ground, other ones for other
# z, and nobody prints white.
#
# ## C22 · The loss that leaks
#
# The discriminator's loss is handed the generator and makes its own fakes. Its value is right to the
# last digit.


# %%
def published_d_loss(G, D, x, z):
    return bce(D(x), 1.0) + bce(D(G(z)), 0.0)


G, D = make_gan()
x, z = draw_real(), torch.randn(64, 8)
published_d_loss(G, D, x, z).backward()  # for D
leak = torch.cat([p.grad.flatten() for p in G.parameters()])
bce(D(G(z)), 1.0).backward()  # for G, as in its own step
both = torch.cat([p.grad.flatten() for p in G.parameters()])
print(f"G's gradient as it is used: {both.norm():.4f}; without the leak {(both - leak).norm():.4f}")

# %% [markdown]
# G trains with a fraction of its gradient, if it clears its gradients at another moment than this
# program expects. **Predict** which tells: **(1)** the value of D's loss beside a right one, **(2)** the
# gradient in D beside a right one, **(3)** the angle between what the leak leaves in G and what G wants.

# %%
right = bce(D(x), 1.0) + bce(D(G(z).detach()), 0.0)
wrong = published_d_loss(G, D, x, z)
pairs = [torch.autograd.grad(v, list(D.parameters())) for v in (right, wrong)]
apart = max((a - b).abs().max().item() for a, b in zip(*pairs, strict=True))
print(f"1  D's loss: right {right:.6f}, published {wrong:.6f}")
print(f"2  largest difference of the gradients in D: {apart:.1e}")
cosine = F.cosine_similarity(leak, both - leak, dim=0)
print(f"3  cosine of the leak with G's own wish: {cosine:.4f}")

# %% [markdown]
# Only the third. By value and for D itself nothing is wrong. The leak points exactly against G's wish:
# for each fake $\frac{d}{da}[-\log(1-D)] = D$ and $\frac{d}{da}[-\log D] = -(1 - D)$, two numbers of
# opposite sign through the same graph, and at $D \approx \frac12$ they cancel. **Which is the cause?**
#
# <details><summary>A · The graph of the fakes is not cut between G and D</summary>Yes. D's loss depends on G, so its backward() fills G.</details>
# <details><summary>B · zero_grad() is missing</summary>It would hide the leak, if it came between the two backward() calls. The leak would still be computed, at the cost of a whole pass through G.</details>
# <details><summary>C · D's loss has the wrong sign for fakes</summary>Its value agrees with the right one in all digits.</details>
# <details><summary>D · The reals should be detached</summary>Reals have no history to be cut.</details>
#
# ### Exercise · `c22_d_loss(G, D, x, z)`
# *4 minutes.* What is missing is a [stop-gradient](glossary.ipynb#Stop-gradient). Give the same value and the same gradient in D, and none in G: after `backward()` every `.grad` of
# G is None or 0. Compute only: call no `backward()`, change no weight and no `requires_grad`. Mean
# cross-entropy over reals (label 1) plus mean over fakes (label 0), from logits, right at ±400.


# %% exercise="clinic.c22_d_loss"
def c22_d_loss(G, D, x, z):
    """The discriminator's loss, whose gradient ends at D."""
    # BEGIN SOLUTION
    fake = G(z).detach()
    return F.softplus(-D(x)).mean() + F.softplus(D(fake)).mean()
    # END SOLUTION


# %% check="clinic.c22_d_loss"
check("clinic.c22_d_loss", c22_d_loss)

# %% [markdown]
# ## C27 · The VAE that never looked
#
# A forward pass with all the right words in it: prior, decode, encode, decode. The images `x` are what
# the loss compares with.


# %%
def published_forward(v, x):
    picture = v.decoder(torch.randn(len(x), 4)).sigmoid()  # from the prior
    mean, log_var = v.encoder(picture)
    z = mean + (log_var / 2).exp() * torch.randn_like(mean)
    return v.decoder(z), mean, log_var


def train_vae(forward, count=2 * steps, seed=0):
    v, losses = VAE(seed), []
    opt = adam(v, 3e-3)
    for _ in range(count):
        x = digits[torch.randint(len(digits), (128,))]
        logits, mean, log_var = forward(v, x)
        loss = negative_elbo(logits, x, mean, log_var)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return v, losses


ill, losses = train_vae(published_forward)
print(f"loss {losses[0]:.2f} → {losses[-1]:.2f} nats")

# %% [markdown]
# The loss falls and levels off, as losses do. **Predict** which tells: **(1)** the loss of more steps,
# **(2)** the squared error of the reconstructions against their own image and against *another* one,
# **(3)** pictures from the prior.


# %%
def matched_and_shuffled(v, forward):
    """Mean squared error, summed over pixels: against x, and against x in another order."""
    x = digits[:1000]
    with torch.no_grad():
        made = forward(v, x)[0].sigmoid()
    return [(made - y).square().sum((1, 2, 3)).mean().item() for y in (x, x.roll(1, 0))]


print(
    f"1  loss of the last ten steps: {sum(losses[-10:]) / 10:.2f}, of the ten before: {sum(losses[-20:-10]) / 10:.2f}"
)
own, other = matched_and_shuffled(ill, published_forward)
print(f"2  squared error against its own image {own:.2f}, against another {other:.2f}")
print(f"   variance of the data, summed over pixels: {digits.var(0).sum():.2f}")
show(
    plot_images(ill.decoder(torch.randn(8, 4)).sigmoid().detach(), 8, "3  From the prior", size=0.6)
)

# %% [markdown]
# The second. A reconstruction that fits its own image no better than any other has seen neither, and
# the best it can do is the mean, whose error is the data's variance. **Which is the cause?**
#
# <details><summary>A · Posterior collapse: the KL weighs too much</summary>It looks the same from outside, but a lower weight of the KL would not help here: no image ever reaches the encoder.</details>
# <details><summary>B · Four latents are too few</summary>The repaired program below has four as well.</details>
# <details><summary>C · The encoder is given a picture of the prior instead of x</summary>Yes. All that is encoded was drawn at random. <code>x</code> appears in the comparison alone.</details>
# <details><summary>D · Too few steps</summary>It has levelled off at the variance of the data, which is where a constant ends.</details>
#
# ### Exercise · `c27_forward(v, x)`
# *5 minutes.* `v.encoder(x)` gives mean and log-variance, `v.decoder(z)` logits. Return
# `(logits, mean, log_var)`: those of the encoder for `x`, and what the decoder makes of one code for each
# image, drawn from that Gaussian with new noise from PyTorch's global generator at each call. Mean and
# log-variance must get gradients through the logits.


# %% exercise="clinic.c27_forward"
def c27_forward(v, x):
    """(logits, mean, log_var) of the images x."""
    # BEGIN SOLUTION
    mean, log_var = v.encoder(x)
    z = mean + (log_var / 2).exp() * torch.randn_like(mean)
    return v.decoder(z), mean, log_var
    # END SOLUTION


# %% check="clinic.c27_forward"
check("clinic.c27_forward", c27_forward)

# %%
well, losses = train_vae(c27_forward)
own, other = matched_and_shuffled(well, c27_forward)
print(
    f"repaired: loss {losses[-1]:.2f}, squared error against its own {own:.2f}, another {other:.2f}"
)

# %% [markdown]
# Keep the shuffled comparison in mind: it costs one line and asks the question that the loss does not.
#
# ## F4 · Half of the minimum
#
# «We minimize over the encoder's parameters φ» is what a formula said: $\min_{q_\phi}$, with no θ. The
# program follows it.


# %%
def published_make_opt(enc, dec):
    return torch.optim.Adam(enc.parameters(), lr=3e-3)


def train_parts(make_opt, count=2 * steps):
    """A VAE whose optimizer comes from make_opt; its losses, and what happened to each part."""
    v = VAE()
    opt, before, losses = make_opt(v.net, v.decoder), (weights_of(v.net), weights_of(v.decoder)), []
    for _ in range(count):
        x = digits[torch.randint(len(digits), (128,))]
        v.zero_grad()
        loss = negative_elbo(*(lambda out: (out[0], x, *out[1:]))(v(x)))
        loss.backward()
        opt.step()
        losses.append(loss.item())
    parts = zip((v.net, v.decoder), before, strict=True)
    ended = [p.grad.norm().item() for p in v.decoder.parameters()]
    return losses, [moved(part, old) for part, old in parts], max(ended)


losses, movement, gradient = train_parts(published_make_opt)
print(f"loss {losses[0]:.2f} → {losses[-1]:.2f} nats")

# %% [markdown]
# **Predict** which tells: **(1)** whether the loss falls, **(2)** the largest gradient in the decoder,
# **(3)** how far encoder and decoder have moved.

# %%
print(f"1  it falls by {losses[0] - losses[-1]:.2f} nats")
print(f"2  largest gradient norm in the decoder: {gradient:.2f}")
print(f"3  the encoder moved by {movement[0]:.2f}, the decoder by {movement[1]:.2f}")

# %% [markdown]
# The third. The gradient is there, so the second would have misled you: gradients move nobody, an
# optimizer does, and only those whom it holds. **Which is the cause?**
#
# <details><summary>A · The decoder is detached</summary>Then it would have no gradient. It has one.</details>
# <details><summary>B · The optimizer holds the encoder alone</summary>Yes: the minimum was taken over φ alone. The bound is maximized over θ and φ.</details>
# <details><summary>C · The decoder's learning rate is too low</summary>It has none: it is in no group of the optimizer.</details>
# <details><summary>D · The loss contains no term of the decoder</summary>The whole likelihood is one.</details>
#
# ### Exercise · `f4_make_opt(enc, dec)`
# *2 minutes.* Return one optimizer of `torch.optim`, of any kind, with a learning rate of your choice,
# that minimizes and holds all parameters of both networks, each once, and nothing else.


# %% exercise="clinic.f4_make_opt"
def f4_make_opt(enc, dec):
    """One optimizer for both networks of a VAE."""
    # BEGIN SOLUTION
    return torch.optim.Adam(itertools.chain(enc.parameters(), dec.parameters()), lr=3e-3)
    # END SOLUTION


# %% check="clinic.f4_make_opt"
check("clinic.f4_make_opt", f4_make_opt)

# %%
repaired, movement, _ = train_parts(f4_make_opt)
print(
    f"loss: encoder alone {losses[-1]:.2f}, both {repaired[-1]:.2f} nats; the decoder moved {movement[1]:.2f}"
)

# %% [markdown]
# ## A1 · The judge who sees forgeries only
#
# «The discriminator measures the similarity of fakes to real data.» So it is trained on fakes.


# %%
def published_similarity_step(D, opt, x, fake):
    loss = bce(D(fake), 0.0)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss


def judge_a_perfect_generator(step):
    """The «fakes» are real digits, so the best answer is one half, to everything."""
    D = make_gan()[1]
    opt = adam(D)
    losses = [step(D, opt, draw_real(), draw_real()) for _ in range(steps)]
    return D, [v.item() for v in losses]


D, losses = judge_a_perfect_generator(published_similarity_step)
print(f"loss of D {losses[0]:.3f} → {losses[-1]:.5f}")

# %% [markdown]
# Here the generator is perfect: its images *are* digits. **Predict** which tells: **(1)** D's loss,
# **(2)** how often D recognizes a fake, **(3)** what D says of real digits.

# %%
with torch.no_grad():
    says = D(draw_real(1000)).sigmoid()
print(f"1  D's loss: {losses[-1]:.5f}")
print(f"2  fakes that it calls fake: {(D(draw_real(1000)) < 0).float().mean():.1%}")
print(f"3  P(real) of digits: {says.mean():.5f} (½ would be right)")

# %% [markdown]
# The third; the first two look splendid. **Which is the cause?**
#
# <details><summary>A · D has memorized the fakes</summary>These fakes are new in every step.</details>
# <details><summary>B · The labels are exchanged</summary>Then it would say 1 to everything.</details>
# <details><summary>C · The reals have no term in the loss</summary>Yes. A class that never occurs costs nothing when it is never named.</details>
# <details><summary>D · Its learning rate is too high</summary>A lower one comes to the same answer later.</details>
#
# ### Exercise · `a1_d_step(D, opt, x, fake)`
# *3 minutes.* The same specification as C3: mean cross-entropy of reals with 1 plus mean of fakes with
# 0, from logits, right at ±400; old gradients cleared; one step of `opt`; return the loss. If you wrote
# C3, look what differs here from the published program, before you copy.


# %% exercise="clinic.a1_d_step"
def a1_d_step(D, opt, x, fake):
    """One step of the discriminator; returns its loss."""
    # BEGIN SOLUTION
    loss = F.softplus(-D(x)).mean() + F.softplus(D(fake)).mean()  # -log D, -log(1 - D)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss
    # END SOLUTION


# %% check="clinic.a1_d_step"
check("clinic.a1_d_step", a1_d_step)

# %%
D, losses = judge_a_perfect_generator(a1_d_step)
with torch.no_grad():
    says = D(draw_real(1000)).sigmoid()
print(
    f"repaired: P(real) of digits {says.mean():.3f} at a loss of {losses[-1]:.3f} (2 log 2 = 1.386)"
)

# %% [markdown]
# ## A3 · The code without a draw
#
# «The encoder gives a mean and a variance, and the decoder decodes the code.» Somewhere between the two
# sentences, a line was lost.


# %%
def published_sample_z(m, lv):
    return m


def with_sampler(sample_z):
    def forward(v, x):
        mean, log_var = v.encoder(x)
        return v.decoder(sample_z(mean, log_var)), mean, log_var

    return forward


ill, losses = train_vae(with_sampler(published_sample_z))
print(f"loss {losses[0]:.2f} → {losses[-1]:.2f} nats")

# %% [markdown]
# A lower loss than that of the right program. **Predict** which tells: **(1)** the squared error of the
# reconstructions, **(2)** the standard deviation of ten codes of one image, **(3)** the norm of the
# mean's gradient.

# %%
own, other = matched_and_shuffled(ill, with_sampler(published_sample_z))
print(f"1  squared error {own:.2f} (of another image {other:.2f})")
mean, log_var = ill.encoder(digits[:1])
ten = torch.stack([published_sample_z(mean, log_var) for _ in range(10)])
print(f"2  ten codes of one image have the standard deviation {ten.std(0).max():.3f}")
logits = ill.decoder(published_sample_z(mean, log_var))
gradients = torch.autograd.grad(logits.sum(), (mean, log_var), allow_unused=True)
print(f"3  gradient by the mean {gradients[0].norm():.2f}; by log_var: {gradients[1]}")

# %% [markdown]
# The second, and the last word of the third line says the same: the likelihood never hears of log_var.
# The KL alone rules it, and sets it to 0 for every image: it takes a [reparameterized](glossary.ipynb#Reparameterization) draw for the likelihood to have a say. What is left is an autoencoder with a penalty.
# **Which is the cause?**
#
# <details><summary>A · The encoder's second half is not trained</summary>It is, by the KL.</details>
# <details><summary>B · log_var has collapsed to minus infinity</summary>It goes to 0 instead, where the KL likes it.</details>
# <details><summary>C · The mean is decoded, and no code is drawn</summary>Yes. A reparameterized draw belongs between encoder and decoder.</details>
# <details><summary>D · The program is in eval mode</summary>This VAE has nothing that would know the difference.</details>
#
# ### Exercise · `a3_sample_z(m, lv)`
# *3 minutes.* Mean and log-variance, `(B, Z)`. Return codes of the same shape, drawn from that diagonal
# Gaussian with new standard normal noise for every number at every call, from PyTorch's global
# generator; `m` and `lv` both get a gradient through them.


# %% exercise="clinic.a3_sample_z"
def a3_sample_z(m, lv):
    """A draw of N(m, exp(lv)), differentiable in both."""
    # BEGIN SOLUTION
    return m + (lv / 2).exp() * torch.randn_like(m)
    # END SOLUTION


# %% check="clinic.a3_sample_z"
check("clinic.a3_sample_z", a3_sample_z)

# %% [markdown]
# ## A11 · The cure that was none
#
# A tutorial recommends [gradient clipping](glossary.ipynb#Gradient-clipping) «against exploding and vanishing gradients». Someone
# believed the second half and wrote a function that does it.


# %%
def published_clip(ps, c):
    grads = [p.grad for p in ps if p.grad is not None]
    norm = torch.cat([g.flatten() for g in grads]).norm()
    for g in grads:
        g.mul_(c / norm)
    return norm


def descend(clip, lr=0.05, count=400):
    """Minimize |w|² from (3, 3.1); the distance from the minimum at each step."""
    w, path = nn.Parameter(torch.tensor([3.0, 3.1])), []
    opt = torch.optim.SGD([w], lr)
    for _ in range(count):
        opt.zero_grad()
        w.square().sum().backward()
        clip([w], 1.0)
        opt.step()
        path.append(w.norm().item())
    return path


path = descend(published_clip)
print(
    f"distance from the minimum after 100 steps {path[99]:.3f}, after 399 {path[-2]:.4f}, 400 {path[-1]:.4f}"
)

# %% [markdown]
# It comes near and never arrives. **Predict** which tells: **(1)** what it makes of a gradient of norm
# 3,000, **(2)** of one of norm $3 \cdot 10^{-8}$, **(3)** whether it keeps the direction.

# %%
for number, size in ((1, 3e3), (2, 3e-8)):
    w = nn.Parameter(torch.zeros(4))
    w.grad = size * F.normalize(torch.tensor([1.0, -2.0, 0.5, 1.0]), dim=0)
    published_clip([w], 1.0)
    print(f"{number}  norm {size:.0e} becomes {w.grad.norm():.3f}")
angle = F.cosine_similarity(w.grad, torch.tensor([1.0, -2.0, 0.5, 1.0]), dim=0)
print(f"3  cosine with the direction before: {angle:.3f}")

# %% [markdown]
# The second: rounding noise has become a full step. **Which is the cause?**
#
# <details><summary>A · c is too small</summary>With any c it would step by lr·c, at the minimum too.</details>
# <details><summary>B · The factor c/norm is not bounded by 1, so small gradients are made long</summary>Yes. Clipping is min(1, c/norm): it shortens and never lengthens. Nothing that only rescales can bring back a direction that has vanished.</details>
# <details><summary>C · Each parameter should be clipped by itself</summary>That would turn the direction; torch has one norm for all.</details>
# <details><summary>D · The learning rate is too high</summary>A lower one makes the circle smaller, and the way longer.</details>
#
# ### Exercise · `a11_clip(ps, c)`
# *5 minutes.* `ps` is a list of parameters, `c` a positive number. Multiply all gradients, in place, by
# the smaller of 1 and $c / \text{norm}$, where the norm is that of all gradients together as one vector.
# A parameter whose `.grad` is None keeps it so. Return the norm from before.


# %% exercise="clinic.a11_clip"
def a11_clip(ps, c):
    """Clip the gradients of ps together to the norm c, in place; returns the norm before."""
    # BEGIN SOLUTION
    grads = [p.grad for p in ps if p.grad is not None]
    norm = torch.stack([g.norm() for g in grads]).norm()
    for g in grads:
        g.mul_((c / norm).clamp(max=1.0))
    return norm
    # END SOLUTION


# %% check="clinic.a11_clip"
check("clinic.a11_clip", a11_clip)

# %%
print(
    f"repaired: distance after 100 steps {descend(a11_clip)[99]:.3f}, after 400 {descend(a11_clip)[-1]:.1e}"
)

# %% [markdown]
# ## A12 · The game that no learning rate cures
#
# $\min_x \max_y\, xy$: one number a player, and its solution is $(0, 0)$. «Use SGD», says the text; or
# Adam, says the next one.


# %%
def published_game_step(x, y, lr):
    return x - lr * y, y + lr * x  # both gradients at the same point


def play(step, lr=0.1, count=1000):
    """The path of the game from (1, 0), `(count + 1, 2)`."""
    point = torch.tensor([1.0, 0.0], dtype=torch.float64)
    path = [point]
    for _ in range(count):
        point = torch.stack(step(*point, lr))
        path.append(point)
    return torch.stack(path)


def play_with_adam(lr, count=1000):
    x, y = (nn.Parameter(torch.tensor(v, dtype=torch.float64)) for v in (1.0, 0.0))
    players = torch.optim.Adam([x], lr), torch.optim.Adam([y], lr, maximize=True)
    for _ in range(count):
        x.grad, y.grad = y.detach().clone(), x.detach().clone()
        for player in players:
            player.step()
    return (x**2 + y**2).sqrt().item()


print(f"distance from (0, 0) after 1,000 steps of 0.1: {play(published_game_step)[-1].norm():.1f}")

# %% [markdown]
# **Predict** which tells why: **(1)** the same with a learning rate of 0.01, **(2)** Adam at both rates,
# **(3)** by which factor one step changes the distance.

# %%
print(f"1  at 0.01: {play(published_game_step, 0.01)[-1].norm():.3f}")
print(
    f"2  Adam at 0.1: {play_with_adam(0.1):.2f}; at 0.01: {play_with_adam(0.01):.2f}, after 20,000 steps {play_with_adam(0.01, at_scale(2_000, 20_000, 20_000)):.2f}"
)
path = play(published_game_step).norm(dim=1)
print(f"3  each step multiplies it by {path[1] / path[0]:.6f}; √(1 + lr²) = {1.01**0.5:.6f}")

# %% [markdown]
# The third: a factor above 1 at *every* learning rate, because the step is at right angles to the way
# home. (1) makes it slower, and in (2) Adam leaves as well: more slowly than plain steps at 0.1, faster at
# 0.01. **Which is the cause?**
#
# <details><summary>A · The learning rate is too high</summary>√(1 + lr²) exceeds 1 at every rate.</details>
# <details><summary>B · SGD is too plain, the gradients need a scale</summary>Adam scales them, and the game does not arrive.</details>
# <details><summary>C · Each player answers where the other stands, not where the other is going</summary>Yes: at the point itself the field has no component towards the goal. One step ahead it has.</details>
# <details><summary>D · x·y has no solution</summary>It has one, (0, 0): neither can do better there by moving alone.</details>
#
# ### Exercise · `a12_game_step(x, y, lr)`
# *8 minutes.* Two scalar tensors and a learning rate; return both players' new places. From near (1, −1)
# the distance from (0, 0) must be less than half of its start after 600 steps of 0.1, and after 200 of
# 0.3; and for very small `lr` the step must be the published one, so that it is still *this* game (a pull
# to zero would end any game); who stands at (0, 0) stays there. Any method is right. One that is old and good: an [extragradient
# step](glossary.ipynb#Extragradient-step) looks one step ahead, and steps from here by the gradients found there.


# %% exercise="clinic.a12_game_step"
def a12_game_step(x, y, lr):
    """One step of min over x, max over y of x·y that comes home."""
    # BEGIN SOLUTION
    ahead_x, ahead_y = x - lr * y, y + lr * x
    return x - lr * ahead_y, y + lr * ahead_x
    # END SOLUTION


# %% check="clinic.a12_game_step"
check("clinic.a12_game_step", a12_game_step)

# %% tags=["folded"]
figure, axes = plt.subplots(figsize=(4.4, 4.4))
both = {
    "published": play(published_game_step, count=120),
    "repaired": play(a12_game_step, count=400),
}
draw_field(
    axes,
    lambda a, b: (-b, a),
    {n: p.numpy() for n, p in both.items()},
    title="min over x, max over y of xy",
)
axes.set(xlabel="x", ylabel="y")
show(figure)
print(f"repaired, after 1,000 steps of 0.1: {play(a12_game_step)[-1].norm():.4f}")

# %% [markdown]
# Lesson 08 stops a game by a penalty on the discriminator; this is the other way, by a better step.
#
# ## C13 · The encoder that came back as data
#
# A step that calls `predict` on the encoder and feeds what comes out to the rest of the model, as an
# input. In PyTorch the word is different and the wound is the same.


# %%
def published_vae_step(v, opt, x):
    with torch.no_grad():  # "predict"
        mean, log_var = v.encoder(x)
    z = mean + (log_var / 2).exp() * torch.randn_like(mean)
    loss = negative_elbo(v.decoder(z), x, mean, log_var)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss


def train_by(vae_step, count=2 * steps):
    v = VAE()
    opt, before = adam(v, 3e-3), (weights_of(v.net), weights_of(v.decoder))
    losses = [
        vae_step(v, opt, digits[torch.randint(len(digits), (128,))]).item() for _ in range(count)
    ]
    return v, losses, [moved(p, b) for p, b in zip((v.net, v.decoder), before, strict=True)]


v, losses, movement = train_by(published_vae_step)
print(f"loss {losses[0]:.2f} → {losses[-1]:.2f} nats")

# %% [markdown]
# **Predict** which tells: **(1)** the loss, **(2)** how far encoder and decoder have moved, **(3)** the
# number of parameters that the optimizer holds.

# %%
print(f"1  the loss fell by {losses[0] - losses[-1]:.2f} nats")
print(f"2  the encoder moved by {movement[0]:.2f}, the decoder by {movement[1]:.2f}")
print(f"3  the optimizer holds all {len(list(v.parameters()))} parameters")

# %% [markdown]
# The second again; and this time the third would have misled you, which in F4 would have told.
# **Which is the cause?**
#
# <details><summary>A · The optimizer does not hold the encoder</summary>It holds every parameter. A parameter without a gradient is skipped silently.</details>
# <details><summary>B · The encoder's outputs left the graph and came back as plain data</summary>Yes. Neither the likelihood nor the KL can reach it.</details>
# <details><summary>C · The KL outweighs the likelihood</summary>The KL is a constant here: it depends on nothing that is trained.</details>
# <details><summary>D · The learning rate is too low for the encoder</summary>It has moved by exactly 0.</details>
#
# ### Exercise · `c13_vae_step(v, opt, x)`
# *5 minutes.* `v(x)` gives `(logits, mean, log_var)`; it draws its noise itself, so call it once. The
# loss is the negative ELBO: for each image the cross-entropy summed over the pixels plus the closed-form
# KL from N(0, I) summed over the latents, averaged over the batch. Clear old gradients, take one step of
# `opt`, return the loss. Both networks must move.


# %% exercise="clinic.c13_vae_step"
def c13_vae_step(v, opt, x):
    """One step of a VAE; returns its loss."""
    # BEGIN SOLUTION
    logits, mean, log_var = v(x)
    error = F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
    rate = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
    loss = (error + rate).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss
    # END SOLUTION


# %% check="clinic.c13_vae_step"
check("clinic.c13_vae_step", c13_vae_step)

# %%
_, repaired, movement = train_by(c13_vae_step)
print(
    f"loss: published {losses[-1]:.2f}, repaired {repaired[-1]:.2f}; the encoder moved {movement[0]:.2f}"
)

# %% [markdown]
# ## C16 · The loss that was a picture
#
# In Keras, `train_on_batch(noise)` without a target does nothing useful and stores what comes out under
# the name `g_loss`. The port:


# %%
def published_empty_step(G, D, og, od, z):
    og.zero_grad()
    g_loss = G(z)
    og.step()
    return g_loss


ill = examine_generator(published_empty_step, batch=64)
print(f"«loss», averaged for the plot: {ill['loss'][0]:.4f} … {ill['loss'][1]:.4f}")

# %% [markdown]
# The curve jitters around a small number, which might pass for a balance of the two players.
# **Predict** which tells: **(1)** a smoother curve, **(2)** how far G has moved, **(3)** the mean pixel.

# %%
smooth = [examine_generator(published_empty_step, batch=64, count=n)["loss"][1] for n in (5, 10)]
print(f"1  after 5 and 10 steps: {smooth[0]:.4f}, {smooth[1]:.4f}")
print(f"2  G moved by {ill['G moved']}")
print(f"3  mean pixel {ill['pixels']:.4f}")

# %% [markdown]
# The second: by exactly 0. An optimizer that finds no gradients steps over every parameter and says
# nothing. **Which is the cause?**
#
# <details><summary>A · The gradients vanish</summary>Then G would move by a little. It moved by nothing.</details>
# <details><summary>B · No loss was made, so nothing went backward</summary>Yes: no verdict, no target, no backward(). What is called g_loss has the shape of images.</details>
# <details><summary>C · zero_grad() stands in the wrong place</summary>There is nothing that it could have erased.</details>
# <details><summary>D · og holds the wrong parameters</summary>It holds G's. None of them has a gradient.</details>
#
# ### Exercise · `c16_g_step(G, D, og, od, z)`
# *3 minutes.* The specification of C4: the non-saturating loss from D's logits, its mean returned; G
# takes one step of `og` from cleared gradients, D stays.


# %% exercise="clinic.c16_g_step"
def c16_g_step(G, D, og, od, z):
    """One step of the generator; returns its loss. D stays."""
    # BEGIN SOLUTION
    og.zero_grad()
    g_loss = F.softplus(-D(G(z))).mean()
    g_loss.backward()
    og.step()
    return g_loss
    # END SOLUTION


# %% check="clinic.c16_g_step"
check("clinic.c16_g_step", c16_g_step)

# %% [markdown]
# ## C24 · Three tenths and no further
#
# The generator's loss is a cross-entropy with the label «real», from logits. The images themselves were
# handed in.


# %%
def published_image_step(G, D, og, od, z):
    loss = bce(G(z), 1.0)
    og.zero_grad()
    loss.backward()
    og.step()
    return loss


ill = examine_generator(published_image_step, batch=64)
print(f"loss {ill['loss'][0]:.4f} → {ill['loss'][1]:.4f}, and there it stays")

# %% [markdown]
# **Predict** which tells: **(1)** the lowest value that this loss can have at all, **(2)** whether D has
# a gradient, **(3)** the images.

# %%
print(f"1  a tanh gives at most 1: -log σ(1) = {bce(torch.ones(1), 1.0):.4f}")
print(f"2  a gradient lies in D: {ill['D asked']}")
show(plot_images(ill["images"], 8, "3  The images", value_range=(-1, 1), size=0.6))

# %% [markdown]
# All three point the same way here, and the second names the place. A floor that is a number you can
# derive is a gift: 0.3133 is the cross-entropy of a *tanh* at its end, so what went in were tanh values.
# **Which is the cause?**
#
# <details><summary>A · The images were taken for logits, D was never called</summary>Yes. Every pixel is asked to be «real», which for a pixel is white.</details>
# <details><summary>B · D is too strong</summary>D has not been asked.</details>
# <details><summary>C · The tanh should be a sigmoid</summary>Then the floor would be the same, at -log σ(1).</details>
# <details><summary>D · Label smoothing is missing</summary>It would move the floor.</details>
#
# ### Exercise · `c24_g_step(G, D, og, od, z)`
# *3 minutes.* The specification of C4.


# %% exercise="clinic.c24_g_step"
def c24_g_step(G, D, og, od, z):
    """One step of the generator; returns its loss. D stays."""
    # BEGIN SOLUTION
    verdict = D(G(z))
    loss = F.softplus(-verdict).mean()
    og.zero_grad()
    loss.backward()
    og.step()
    return loss
    # END SOLUTION


# %% check="clinic.c24_g_step"
check("clinic.c24_g_step", c24_g_step)

# %% [markdown]
# ## C26 · One optimizer for all
#
# In TensorFlow 1, `minimize(D_loss)` without a `var_list` trains everything that the loss depends on. In
# PyTorch it takes one optimizer for both networks and a loss that is not cut.


# %%
def judge_with_one_optimizer(d_loss):
    """Steps of the discriminator alone, by an optimizer that holds both networks."""
    G, D = make_gan()
    opt, before = adam(nn.ModuleList([G, D])), weights_of(G)
    for _ in range(steps):
        loss = d_loss(G, D, draw_real(), torch.randn(64, 8))
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
    return G, D, loss.item(), moved(G, before)


ill_G, D, ill_loss, ill_moved = judge_with_one_optimizer(published_d_loss)
print(f"after {steps} steps of D: its loss is {ill_loss:.5f}")

# %% [markdown]
# A very good discriminator. **Predict** which tells: **(1)** D's loss beside that of a right program,
# **(2)** how far G moved while only D was trained, **(3)** P(real) of digits.

# %%
_, _, well_loss, _ = judge_with_one_optimizer(
    lambda G, D, x, z: bce(D(x), 1.0) + bce(D(G(z).detach()), 0.0)
)
print(f"1  D's loss: published {ill_loss:.5f}, right {well_loss:.5f}")
print(f"2  G moved by {ill_moved:.2f} in steps that were not its own")
print(f"3  P(real) of digits: {D(draw_real(500)).sigmoid().mean():.4f}")

# %% [markdown]
# The second. By the first it even looks better: G helps D, by becoming easier to catch. **Which is the
# cause?**
#
# <details><summary>A · Two networks may not share an optimizer</summary>They may, if each loss reaches one of them only. (Adam then skips whoever has no gradient.)</details>
# <details><summary>B · D's loss reaches G: the graph is not cut at the fakes</summary>Yes. The optimizer moves whoever has a gradient.</details>
# <details><summary>C · D is trained too often</summary>However often: G should not have moved at all.</details>
# <details><summary>D · Adam's momentum of an earlier step moves G</summary>G never had a step of its own here.</details>
#
# ### Exercise · `c26_d_loss(G, D, x, z)`
# *3 minutes.* The specification of C22: D's loss with its value and its gradient in D, none in G; compute
# only. Here it must be right in the hands of an optimizer that holds both.


# %% exercise="clinic.c26_d_loss"
def c26_d_loss(G, D, x, z):
    """The discriminator's loss, whose gradient ends at D."""
    # BEGIN SOLUTION
    with torch.no_grad():
        fake = G(z)
    return F.softplus(-D(x)).mean() + F.softplus(D(fake)).mean()
    # END SOLUTION


# %% check="clinic.c26_d_loss"
check("clinic.c26_d_loss", c26_d_loss)

# %%
print(f"repaired: G moved by {judge_with_one_optimizer(c26_d_loss)[3]:.2f}")

# %% [markdown]
# ## C33 · Two decoders, of which one learns
#
# The program builds a VAE, and for sampling a «generator» with the same layers. The reconstructions get
# better with every epoch, the samples do not.


# %%
def make_decoder():
    return nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.Unflatten(1, (1, 8, 8)))


def published_build():
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
    generator = nn.Sequential(make_decoder(), nn.Sigmoid())
    return encoder, make_decoder(), generator


def train_built(build):
    """Train encoder and decoder; the loss, and samples from before and after for the same z."""
    torch.manual_seed(0)
    encoder, decoder, sample = build()
    opt, z = adam(nn.ModuleList([encoder, decoder]), 3e-3), torch.randn(8, 4)
    before = sample(z).detach()
    for _ in range(2 * steps):
        x = digits[torch.randint(len(digits), (128,))]
        mean, log_var = encoder(x).chunk(2, dim=1)
        logits = decoder(mean + (log_var / 2).exp() * torch.randn_like(mean))
        loss = negative_elbo(logits, x, mean, log_var)
        opt.zero_grad()
        loss.backward()
        opt.step()
    return loss.item(), before, sample(z).detach(), sum(p.numel() for p in decoder.parameters())


loss, before, after, size = train_built(published_build)
print(f"loss after training: {loss:.2f} nats")
show(plot_images(after, 8, "Samples after training", size=0.6))

# %% [markdown]
# **Predict** which tells: **(1)** the loss, **(2)** the largest difference between samples before and
# after training, for the same z, **(3)** the number of the decoder's parameters.

# %%
print(f"1  the loss is {loss:.2f} nats, as that of a VAE that works")
print(f"2  samples before and after differ by at most {(before - after).abs().max():.6f}")
print(f"3  the decoder has {size:,} parameters")

# %% [markdown]
# The second. **Which is the cause?**
#
# <details><summary>A · The prior and the codes do not match</summary>Then samples would change with training, and still be bad.</details>
# <details><summary>B · Samples are drawn in the wrong mode</summary>No layer here has modes.</details>
# <details><summary>C · The sampler has a decoder of its own, with its own weights</summary>Yes. The same layers are not the same module.</details>
# <details><summary>D · The decoder was not trained</summary>It was, or the loss would not be where it is.</details>
#
# ### Exercise · `c33_build()`
# *4 minutes.* Return `(encoder, decoder, sample)`: `encoder` a module from images `(B, 1, 8, 8)` to
# `(B, 8)`, four means and four log-variances; `decoder` a module from `z` `(B, 4)` to logits
# `(B, 1, 8, 8)`; `sample` a module or function that maps `z` to the decoder's pictures, in [0, 1] by a
# sigmoid. When the decoder is trained, at any time later, the samples are its own.


# %% exercise="clinic.c33_build"
def c33_build():
    """Encoder, decoder, and a sampler that is the trained decoder and a sigmoid."""
    # BEGIN SOLUTION
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
    decoder = nn.Sequential(
        nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.Unflatten(1, (1, 8, 8))
    )
    return encoder, decoder, nn.Sequential(decoder, nn.Sigmoid())
    # END SOLUTION


# %% check="clinic.c33_build"
check("clinic.c33_build", c33_build)

# %%
loss, before, after, _ = train_built(c33_build)
print(f"repaired: loss {loss:.2f}, the samples changed by up to {(before - after).abs().max():.2f}")
show(plot_images(after, 8, "Samples after training, repaired", size=0.6))

# %% [markdown]
# ## C36 · The judge who was bribed
#
# The original freezes D inside a combined model; the port dropped that model and kept both optimizers.


# %%
def published_both_step(G, D, og, od, z):
    loss = bce(D(G(z)), 1.0)
    og.zero_grad()
    od.zero_grad()
    loss.backward()
    og.step()
    od.step()
    return loss


ill = examine_generator(published_both_step, batch=64)
print(f"G's loss {ill['loss'][0]:.3f} → {ill['loss'][1]:.5f}: it deceives D completely")

# %% [markdown]
# **Predict** which tells: **(1)** G's loss, **(2)** how far D has moved in G's step, **(3)** how far G
# has.

# %%
alone = examine_generator(c4_g_step, batch=64)
print(f"1  G's loss: published {ill['loss'][1]:.5f}, right {alone['loss'][1]:.5f}")
print(f"2  D moved by {ill['D moved']:.2f} (right: {alone['D moved']:.2f})")
print(f"3  G moved by {ill['G moved']:.2f} (right: {alone['G moved']:.2f})")

# %% [markdown]
# The second. A deceived judge and a bribed one look the same in G's loss. **Which is the cause?**
#
# <details><summary>A · G is too strong for D</summary>G was helped.</details>
# <details><summary>B · D also takes a step on G's loss, and learns to call fakes real</summary>Yes. backward() fills both networks on its way; only og may step here.</details>
# <details><summary>C · D's gradients were not cleared</summary>They were, right before they were used, wrongly.</details>
# <details><summary>D · The loss saturates</summary>It is the non-saturating one.</details>
#
# ### Exercise · `c36_g_step(G, D, og, od, z)`
# *3 minutes.* The specification of C4.


# %% exercise="clinic.c36_g_step"
def c36_g_step(G, D, og, od, z):
    """One step of the generator; returns its loss. D stays."""
    # BEGIN SOLUTION
    loss = F.softplus(-D(G(z))).mean()
    og.zero_grad()
    loss.backward()
    og.step()
    od.zero_grad()  # what the gradient left in D on its way
    return loss
    # END SOLUTION


# %% check="clinic.c36_g_step"
check("clinic.c36_g_step", c36_g_step)

# %% [markdown]
# # Ward two · Data
#
# A batch can be ill before any network sees it.
#
# ## C12 · Trained on noise
#
# «For demonstration, we use random data.» The line stayed in.


# %%
def published_make_batch(n):
    return torch.randn(n, 1, 28, 28)


def train_on(make_batch, count=2 * steps):
    """A linear autoencoder with cross-entropy on the batches; its losses per pixel."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.Linear(32, 784))
    opt, losses = adam(net, 3e-3), []
    for _ in range(count):
        x = make_batch(64)
        loss = F.binary_cross_entropy_with_logits(net(x), x.flatten(1))
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return net, losses


net, losses = train_on(published_make_batch)
print(f"cross-entropy {losses[0]:.3f} → {losses[-1]:.3f} nats a pixel")

# %% [markdown]
# A cross-entropy below 0 is impossible for probabilities, and this one keeps falling. **Predict** which
# tells why: **(1)** the size of the logits, **(2)** range and neighbor correlation of a batch, **(3)** a
# longer training.


# %%
def batch_facts(x):
    centered = x - x.mean()
    neighbors = (centered[..., 1:] * centered[..., :-1]).mean() / centered.square().mean()
    return f"from {x.min():.2f} to {x.max():.2f}, neighbor correlation {neighbors:.3f}"


print(f"1  largest logit {net(published_make_batch(64)).abs().max():.1f}")
print(f"2  the batch: {batch_facts(published_make_batch(64))}")
print(f"3  after four times the steps: {train_on(published_make_batch, 8 * steps)[1][-1]:.3f}")

# %% [markdown]
# The second, and it does so before anything is trained. With a target $t$ the cross-entropy is
# $\log(1 + e^a) - t a$; for $t \in [0, 1]$ it is at least 0, and for $t = 2$ or $t = -2$ it falls without end as $a$ goes
# to $\pm\infty$. **Which is the cause?**
#
# <details><summary>A · The learning rate is too high, training diverges</summary>It does what it is told: this loss has no minimum.</details>
# <details><summary>B · The output needs a sigmoid</summary>The loss has its own.</details>
# <details><summary>C · The batch is normal noise: no images, and targets outside [0, 1]</summary>Yes, and both matter: noise in [0, 1] would have a bounded loss and nothing to learn.</details>
# <details><summary>D · The network is linear</summary>A deeper one finds the same abyss, sooner.</details>
#
# ### Exercise · `c12_make_batch(n)`
# *3 minutes.* Return `n` different training images of MNIST, `(n, 1, 28, 28)`, floating point in [0, 1],
# drawn anew at each call (`load_mnist` is fast after its first call; the set-up has `images`).


# %% exercise="clinic.c12_make_batch"
def c12_make_batch(n):
    """n digits `(n, 1, 28, 28)` in [0, 1]."""
    # BEGIN SOLUTION
    return images[torch.randperm(len(images))[:n]]
    # END SOLUTION


# %% check="clinic.c12_make_batch"
check("clinic.c12_make_batch", c12_make_batch)

# %%
print(f"repaired: {batch_facts(c12_make_batch(64))}")
print(f"cross-entropy {train_on(c12_make_batch)[1][-1]:.3f} nats a pixel")

# %% [markdown]
# ## C18 · The discriminator that needed no digits
#
# The text says that images lie in [0, 1]. The generator ends in a tanh. Both are usual, and not together.


# %%
def published_scale(x):
    return x


def judge_untrained_generator(scale, count=steps // 2):
    """D against a G that never moves: how sure it is, and a rule of one line beside it."""
    G, D = make_gan()
    opt = adam(D)
    for _ in range(count):
        x = scale(digits[torch.randint(len(digits), (64,))])
        c3_d_step(D, opt, x, G(torch.randn(64, 8)).detach())
    x, fake = scale(digits[:1000]), G(torch.randn(1000, 8)).detach()
    accuracy = ((D(x) > 0).float().mean() + (D(fake) < 0).float().mean()) / 2
    below = [(t.flatten(1).min(1).values < 0).float().mean().item() for t in (x, fake)]
    return accuracy.item(), below, x


accuracy, below, x = judge_untrained_generator(published_scale)
print(f"D's accuracy against an untrained generator: {accuracy:.1%}")

# %% [markdown]
# That alone is no symptom, an untrained generator *is* easy. **Predict** which tells: **(1)** D's
# accuracy, **(2)** the share of images with any pixel below 0, among reals and among fakes, **(3)** the
# images' mean contrast.

# %%
print(
    f"1  accuracy {accuracy:.1%}; with images in [-1, 1] {judge_untrained_generator(lambda x: 2 * x - 1)[0]:.1%}"
)
print(f"2  images with a pixel below 0: reals {below[0]:.1%}, fakes {below[1]:.1%}")
print(f"3  standard deviation of the reals' pixels {x.std():.3f}")

# %% [markdown]
# The second: a rule that knows nothing of digits, `x.min() < 0`, has no error. D will find it, and G is
# taught about ranges instead of strokes. (And who saves the fakes with a function that expects [0, 1]
# finds everything negative black.) **Which is the cause?**
#
# <details><summary>A · Reals lie in [0, 1], fakes in [-1, 1]</summary>Yes.</details>
# <details><summary>B · G should end in a sigmoid instead of a tanh</summary>That is a repair, of the other end; but the cause is that the two differ.</details>
# <details><summary>C · The images need mean 0 and variance 1</summary>Then they would leave [-1, 1], where no tanh can follow.</details>
# <details><summary>D · D is too strong</summary>It does what the data permit.</details>
#
# ### Exercise · `c18_scale(x)`
# *2 minutes.* Images in [0, 1] of any shape to the range of a tanh, floating point as they came: 0
# becomes −1, 1 stays 1, in a straight line. Work on a new tensor.


# %% exercise="clinic.c18_scale"
def c18_scale(x):
    """[0, 1] to [-1, 1]."""
    # BEGIN SOLUTION
    return 2 * x - 1
    # END SOLUTION


# %% check="clinic.c18_scale"
check("clinic.c18_scale", c18_scale)

# %%
print(
    f"repaired: images with a pixel below 0, reals and fakes: {judge_untrained_generator(c18_scale)[1]}"
)

# %% [markdown]
# ## T11 · More data, of another kind
#
# «[Augment](glossary.ipynb#Data-augmentation) your training images by shifting and turning them.» For a classifier that is good advice.


# %%
def published_augment(real, fake):
    turned = torch.where(torch.rand(len(real), 1, 1, 1) < 0.5, real.flip(2, 3), real)
    return turned, fake


def frechet(a, b):
    """The Fréchet distance of two sets of images, on their pixels."""
    return fid(a.flatten(1).double(), b.flatten(1).double())


reals, perfect = (
    2 * digits[:3000] - 1,
    2 * digits[3000:] - 1,
)  # a generator that could not be better
a, b = published_augment(reals, perfect)
print(f"Fréchet distance on pixels of what D compares: {frechet(a, b):.2f}")

# %% [markdown]
# The generator here is perfect: its images are digits that D has not seen. Still D finds a difference.
# **Predict** which tells what is wrong: **(1)** the distance before augmenting, **(2)** the distance when
# both are augmented alike, **(3)** how bright the images are.

# %%
print(f"1  before: {frechet(reals, perfect):.2f}")
print(f"2  both turned: {frechet(a, published_augment(perfect, reals)[0]):.2f}")
print(f"3  mean pixel: {a.mean():.3f} and {b.mean():.3f}")
six = images[labels == 6][:8]
show(plot_images(torch.cat([six, six.flip(2, 3)]), 8, "Sixes, and sixes turned by 180°", size=0.6))

# %% [markdown]
# The first two together: without augmentation there is no difference, with it on *both* sides there is
# none, with it on one side there is. G would have to draw turned digits to pass. The picture adds that a
# turn is the wrong law anyway: a turned 6 is a 9. **Which is the cause?**
#
# <details><summary>A · Reals are changed and fakes are not, so the target has moved</summary>Yes. What D sees of both must go through one law; G then still aims at the data, if the law can be undone in distribution (Karras and others, 2020).</details>
# <details><summary>B · There are too few reals</summary>3,000 on each side, and the distance without augmentation is small.</details>
# <details><summary>C · The Fréchet distance is biased</summary>It is, by as much in all three lines.</details>
# <details><summary>D · Augmentation has no place in GANs</summary>It has: with few images it is what keeps D from learning them by heart. On both sides.</details>
#
# ### Exercise · `t11_augment(real, fake)`
# *8 minutes.* Images `(B, 1, 8, 8)` in [-1, 1] whose outermost pixels are black; the two batches may
# differ in size. Return both, augmented by one law: each image, real or fake, is shifted by its own
# (down, right), each of the two drawn evenly from −1, 0, 1; what comes in at the edge is black (because of
# the margin, `torch.roll` does that). The fakes keep their graph, G learns through them. Draw from
# PyTorch's global generator.


# %% exercise="clinic.t11_augment"
def t11_augment(real, fake):
    """Reals and fakes, each image shifted by up to a pixel, by one law."""

    # BEGIN SOLUTION
    def shift(images):
        amounts = torch.randint(-1, 2, (len(images), 2)).tolist()
        pairs = zip(images, amounts, strict=True)
        return torch.stack([torch.roll(image, amount, (1, 2)) for image, amount in pairs])

    return shift(real), shift(fake)
    # END SOLUTION


# %% check="clinic.t11_augment"
check("clinic.t11_augment", t11_augment)

# %%
print(f"repaired: {frechet(*t11_augment(reals, perfect)):.2f}")

# %% [markdown]
# # Ward three · Evaluation
#
# The last three are about what a number can be deceived by.
#
# ## A5 · The perfect cycle
#
# Two domains, X and Y, without pairs; G leads from X to Y, F back. «The [cycle
# consistency](glossary.ipynb#Cycle-consistency) ensures the quality of the translated images», says the text, so the program reports
# the cycle's error as the quality. (In this case `F` is the way back, as in the CycleGAN paper; where it
# is an argument it hides `torch.nn.functional`.)


# %%
def published_quality(G, F, x, y):
    return (F(G(x)) - x).abs().mean()


x, y = 2 * digits[:2000] - 1, 2 * digits[2000:4000] - 1  # two samples of one domain
pairs = {
    "identity": (lambda t: t, lambda t: t),
    "negation": (lambda t: -t, lambda t: -t),
    "a bit paler": (lambda t: 0.9 * t - 0.05, lambda t: t),
}
for name, pair in pairs.items():
    print(f"{name:>13}: {published_quality(*pair, x, y):.4f}")
show(
    plot_images(
        torch.cat([x[:8], -x[:8]]), 8, "x, and the negation of x", value_range=(-1, 1), size=0.6
    )
)

# %% [markdown]
# Negation is as good as the identity, and better than a picture that is a little paler. **Predict** which
# measurement tells the three apart in the right order: **(1)** the cycle's squared error, **(2)** the
# distance of G(x) from y, row by row, **(3)** the distance of the two *sets* G(x) and y.

# %%
for name, (there, back) in pairs.items():
    print(
        f"{name:>13}:  1  {(back(there(x)) - x).square().mean():.4f}   "
        f"2  {(there(x) - y).square().mean():.3f}   3  {frechet(there(x), y):.2f}"
    )

# %% [markdown]
# The third. The second also puts negation last, but it takes row $i$ of x and row $i$ of y for a pair,
# which they are not: the identity is «wrong» by as much as two digits differ, and what is paler, nearer to
# the *mean* of y, comes out better. **Which is the cause?**
#
# <details><summary>A · The cycle's error should be squared</summary>It is 0 for negation as well.</details>
# <details><summary>B · The cycle asks whether nothing was lost, and never looks at G(x)</summary>Yes. It measures invertibility. Whether G(x) lives in Y is another question, and needs Y.</details>
# <details><summary>C · F is too strong</summary>Every invertible G has a perfect F.</details>
# <details><summary>D · Pairs are needed</summary>Not for this: two sets can be compared without pairs.</details>
#
# ### Exercise · `a5_quality(G, F, x, y)`
# *8 minutes.* `x` and `y` are samples `(N, D)` of two domains, unpaired; G and F map tensors of that
# shape. Return one number, lower is better, that sees both: whether what comes out lives in the other
# domain *as a distribution* (at least by mean and covariance; the order of y's rows must not matter), and
# whether what went in can be got back. It is asked to rank the right translation before negation, shifts,
# stretches, a G that ignores its input but gives fine samples of y, one that gives a single point, and one
# whose way back is missing.


# %% exercise="clinic.a5_quality"
def a5_quality(G, F, x, y):
    """Distance of the distributions plus the cycle's error, both ways; lower is better."""

    # BEGIN SOLUTION
    def apart(a, b):
        means = (a.mean(0) - b.mean(0)).square().sum()
        return means + (torch.cov(a.T) - torch.cov(b.T)).square().sum()

    cycles = (F(G(x)) - x).abs().mean() + (G(F(y)) - y).abs().mean()
    return apart(G(x), y) + apart(F(y), x) + cycles
    # END SOLUTION


# %% check="clinic.a5_quality"
check("clinic.a5_quality", a5_quality)

# %%
for name, pair in pairs.items():
    print(f"{name:>13}: {a5_quality(*pair, x.flatten(1), y.flatten(1)):.4f}")

# %% [markdown]
# ## T8 · Which model is better?
#
# «GANs are usually better than VAEs», and no number beside it. Someone supplies one: the mean distance
# from a sample to its nearest training image, the smaller the more realistic.


# %%
def published_score(samples):
    return torch.cdist(samples.flatten(1), digits.flatten(1)).min(dim=1).values.mean()


def ppca_samples(count, latents=20):
    """A probabilistic PCA fitted in closed form (lesson 02), and samples of it."""
    flat = digits.flatten(1)
    variances, directions = torch.linalg.eigh(torch.cov(flat.T))
    noise = variances[:-latents].mean()
    weight = directions[:, -latents:] * (variances[-latents:] - noise).sqrt()
    z, rest = torch.randn(count, latents), torch.randn(count, 64)
    return (flat.mean(0) + z @ weight.T + noise.sqrt() * rest).view(-1, 1, 8, 8)


torch.manual_seed(0)
candidates = {"one digit, 500 times": digits[2:3].expand(500, 1, 8, 8), "PPCA": ppca_samples(500)}
for name, samples in candidates.items():
    print(f"{name:>21}: {published_score(samples):.3f}")
shown = torch.cat([c[:8] for c in candidates.values()]).clamp(0, 1)
show(plot_images(shown, 8, row_titles=list(candidates), size=0.6))

# %% [markdown]
# One digit, repeated, wins over a model of all digits, by far. **Predict** which turns the order round:
# **(1)** the median in place of the mean, **(2)** the way back, from each training image to its nearest
# sample, **(3)** the Fréchet distance of the two sets, on pixels.

# %%
for name, samples in candidates.items():
    apart = torch.cdist(samples.flatten(1), digits.flatten(1))
    print(
        f"{name:>21}:  1  {apart.min(1).values.median():.3f}   2  {apart.min(0).values.mean():.3f}   "
        f"3  {frechet(samples, digits):.2f}"
    )

# %% [markdown]
# The second and the third. Each asks something of the *set*: the second whether every real image has
# something like it among the samples (lesson 12 calls that recall), the third whether the pixels have the
# data's means and covariances. **Which is the cause?**
#
# <details><summary>A · The distance is on pixels instead of features</summary>With features the repeated digit would be at a distance of 0 as well.</details>
# <details><summary>B · The sample is too small</summary>With 5,000 repetitions the score is the same.</details>
# <details><summary>C · The score judges each sample by itself, so it cannot see variety</summary>Yes, and it rewards a copy of the training set above all.</details>
# <details><summary>D · PPCA is a bad model</summary>It is a modest one. That is not why it loses to a single digit.</details>
#
# ### Exercise · `t8_score(samples)`
# *6 minutes.* `samples` `(N, 1, 8, 8)`, some hundred of them; `digits` of the set-up is what they are
# compared with. Return one number, lower is better, that ranks samples of PPCA before one digit
# repeated, before the mean image repeated, before uniform noise and before black images.


# %% exercise="clinic.t8_score"
def t8_score(samples):
    """A distance of the set of samples from the set of digits; lower is better."""
    # BEGIN SOLUTION
    return fid(samples.flatten(1).double(), digits.flatten(1).double())
    # END SOLUTION


# %% check="clinic.t8_score"
check("clinic.t8_score", t8_score)

# %% [markdown]
# The Fréchet distance on pixels has a blind spot of its own: PPCA matches means and covariances *by
# construction*, so it all but wins that game. A number says something together with what can deceive it.
#
# ## A4 · A CycleGAN without its cycle
#
# The training steps of a CycleGAN, copied from a GAN: two generators, two judges, two verdicts.


# %%
def published_g_total(G, F, DX, DY, x, y):
    return (DY(G(x)) - 1).square().mean() + (DX(F(y)) - 1).square().mean()


def trained_judge(seed):
    """Digits get 1, noise 0, by least squares."""
    D = make_gan(seed)[1]
    opt = adam(D)
    for _ in range(steps):
        noise = 2 * torch.rand(64, 1, 8, 8) - 1
        loss = (D(draw_real()) - 1).square().mean() + D(noise).square().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    return D


DX, DY = trained_judge(0), trained_judge(1)
x, y = draw_real(500), draw_real(500)
keeps = (lambda t: t, lambda t: t)
ignores = (lambda t: y.roll(1, 0), lambda t: x.roll(1, 0))  # fine images, of somebody else
with torch.no_grad():
    for name, pair in (("keeps its input", keeps), ("ignores its input", ignores)):
        print(f"a G that {name:>17}: {published_g_total(*pair, DX, DY, x, y):.4f}")

# %% [markdown]
# A generator that translates a picture of X into any fine picture of Y, whatever it was given, is as good
# as one that keeps it. **Predict** which tells them apart: **(1)** the judges' verdicts, one by one,
# **(2)** the Fréchet distance of G(x) from y, **(3)** what comes back after both.

# %%
with torch.no_grad():
    for name, (there, back) in (("keeps", keeps), ("ignores", ignores)):
        print(
            f"{name:>8}:  1  {DY(there(x)).mean():.3f}, {DX(back(y)).mean():.3f}   "
            f"2  {frechet(there(x), y):.2f}   3  {(back(there(x)) - x).abs().mean():.3f}"
        )

# %% [markdown]
# The third (and it is the mirror image of A5: there the cycle alone was not enough, here it is missing).
# **Which is the cause?**
#
# <details><summary>A · The judges are too weak</summary>What they are shown are real digits. No judge of single images could object.</details>
# <details><summary>B · A term that ties G(x) to x is missing</summary>Yes: the cycles, λ(‖F(G(x)) − x‖₁ + ‖G(F(y)) − y‖₁).</details>
# <details><summary>C · Least squares are the wrong loss</summary>A cross-entropy sees the same images.</details>
# <details><summary>D · The two domains are too alike</summary>With two different ones, G could still give any image of Y.</details>
#
# ### Exercise · `a4_g_total(G, F, DX, DY, x, y)`
# *6 minutes.* The loss of both generators, one number with its graph: the mean of $(D_Y(G(x)) - 1)^2$,
# plus the mean of $(D_X(F(y)) - 1)^2$, plus 10 times the sum of two cycles, each the mean absolute
# difference over all images and pixels: of $F(G(x))$ from x, and of $G(F(y))$ from y. The batches may
# differ in size. It is 0 for two identities before judges who say 1, and $2 \cdot 10 \cdot c$ if G then
# adds c. Change no weight.


# %% exercise="clinic.a4_g_total"
def a4_g_total(G, F, DX, DY, x, y):
    """The generators' loss of a CycleGAN, with a cycle weight of 10."""
    # BEGIN SOLUTION
    fake_y, fake_x = G(x), F(y)
    adversarial = (DY(fake_y) - 1).square().mean() + (DX(fake_x) - 1).square().mean()
    cycles = (F(fake_y) - x).abs().mean() + (G(fake_x) - y).abs().mean()
    return adversarial + 10 * cycles
    # END SOLUTION


# %% check="clinic.a4_g_total"
check("clinic.a4_g_total", a4_g_total)

# %%
with torch.no_grad():
    for name, pair in (("keeps its input", keeps), ("ignores its input", ignores)):
        print(f"a G that {name:>17}: {a4_g_total(*pair, DX, DY, x, y):.4f}")

# %% [markdown]
# ## Change one thing
#
# **First: C26 with care.** Train G and D with *one* Adam for both networks and your `c26_d_loss`, and for
# G's turn with `bce(D(G(z)), 1.0)`. Before each step clear all gradients with `set_to_none=True`. Does it
# work? What goes wrong if you clear with zeros instead?

# %%
# your experiment: opt = adam(nn.ModuleList([G, D])); d_loss, then g_loss, each with its own step

# %% tags=["solution"]
for to_none in (True, False):
    G, D = make_gan()
    opt = adam(nn.ModuleList([G, D]))
    bce(D(G(torch.randn(64, 8))), 1.0).backward()  # a turn of G, whose moments Adam then has
    opt.step()
    opt.zero_grad(set_to_none=to_none)
    before = weights_of(G)
    c26_d_loss(G, D, draw_real(), torch.randn(64, 8)).backward()
    opt.step()
    print(f"set_to_none={to_none}: in D's step G moves by {moved(G, before):.4f}")

# %% [markdown] tags=["solution"]
# With None, Adam skips whoever has no gradient. With zeros it takes a gradient of 0 for a gradient: its
# first moment, the memory of G's last turn, still moves G in D's step. (In G's turn this program moves D
# in any case, which has a gradient then: one optimizer for both is right for D's step alone. Two
# optimizers are the simpler cure.)

# %% [markdown]
# **Second: how much augmentation?** Shift reals alone, by up to one pixel, and let the fakes be. How far
# does the target move, in Fréchet distance on pixels, beside the 180° turn?

# %%
# your experiment: frechet(t11_augment(reals, perfect)[0], perfect)

# %% tags=["solution"]
shifted, _ = t11_augment(reals, perfect)
print(f"reals alone shifted: {frechet(shifted, perfect):.2f}; turned: {frechet(a, b):.2f}")

# %% [markdown] tags=["solution"]
# A pixel of 8×8 is four of 32×32, so the shift moves the target as well, and by far: every change of the
# reals' law is one that G must imitate, a small one too.

# %% [markdown]
# ## The differential diagnosis
#
# One page to print. Find the symptom, think of three suspects, and make the measurement that tells them
# apart; the case is where it was made. Cases in *italics* are in the first sitting, 18a.
#
# | symptom | three suspects | the measurement that tells | case |
# |---|---|---|---|
# | D's loss goes to 0 | D is good · all labels are 1 · reals never enter | P(real) of reals, fakes and noise side by side | C3, A1 |
# | D's loss falls, P(real) of reals falls too | sign turned · labels exchanged · reals missing | the loss at logits of 0 (2 log 2 = 1.386) and its slope | *F1*, A1 |
# | G stalls once D is sure | the logarithm is missing · saturating loss · D leaks into G | the gradient by the logit at −10 | *F2*, C22 |
# | G's gradient is far too small | D saturated · leak cancels it · a sigmoid twice | cosine of what lies in G.grad with what G wants | C22, *C35* |
# | all images white | label on the image · image as logit · tanh saturated | does a gradient lie in D? | C4, C24 |
# | a loss stops at 0.3133 | D too strong · images as logits · learning rate | -log σ(1) = 0.3133: is a tanh going in? | C24 |
# | D's loss better than it should be | overfitting · G moves in D's step · range differs | how far G moves in D's step | C26, C18 |
# | G's loss goes to 0 at once | G is good · D moves in G's step · D is blind | how far D moves in G's step | C36, *C7* |
# | «loss» jitters around a constant | balance · nothing goes backward · rate too low | weights before minus weights after | C16 |
# | the loss falls, one network stands still | optimizer lacks it · cut from the graph · requires_grad off | its gradient: there (F4), or None (C13) | F4, C13 |
# | reconstructions are all the mean | collapse · x never encoded · pixels averaged | error against its own image and against another | C27, *C11* |
# | KL near 0 | reduction of the likelihood · x never encoded · β too high | ratio of the two terms per image, in nats | *C11*, C27 |
# | lower loss than the right program | no draw · a term counted twice · two passes | spread of ten codes of one image | A3, *F9* |
# | negative cross-entropy | sign · targets outside [0, 1] · logits as probabilities | minimum and maximum of a batch | C12, *C35* |
# | loss → −∞ | sign of a term · ELBO minimized · no lower bound | the loss at the exact posterior beside −log p(x) | *F3*, *F10*, C12 |
# | posterior too narrow | likelihood counted twice · variance as std · σ² hidden | optimum beside the closed form of a linear model | *F9*, *F14* |
# | KL insensitive to the mean | entropy in its place · one-sided formula · detached | KL of N(2, 1) from N(0, 1): 2 nats | *F7* |
# | likelihood under-reported | the bound taken for it · few samples · a bad q | importance-weighted estimate beside the ELBO | *F13* |
# | samples never change | own decoder · same seed · weights copied | the same z before and after training | C33 |
# | samples do not depend on z | batch norm on a batch of 1 · z ignored · collapse | spread over z, in train and eval mode | *C17*, C4 |
# | good in training, bad in eval | dropout · running statistics · momentum's convention | running mean beside the batch's | *C20* |
# | D cannot do better than ½ | equal distributions · a linear D · rate too low | a deeper D on the same data | *C7* |
# | shapes fit by luck | broadcasting · missing Flatten · reshape(−1) | the same with batch sizes 1, 3 and 5 | C4, *C9*, *C31* |
# | D is sure of an untrained G | G is bad · ranges differ · labels | share of images below 0, in each group | C18 |
# | G imitates the augmentation | reals alone augmented · a law that cannot be undone · too few images | distance with neither, one, both augmented | T11 |
# | the game spirals | learning rate · Adam · simultaneous steps | factor of the distance in one step | A12 |
# | never arrives at the minimum | rate · noise · gradients normalized, not clipped | what becomes of a gradient of 3·10⁻⁸ | A11 |
# | perfect cycle, wrong images | invertible is not right · judges weak · data paired | distance of the sets G(x) and y | A5 |
# | fine images that ignore the input | no cycle · weight too low · judges too strong | what comes back after both | A4 |
# | a bad model wins | score per sample · sample size · features | the score of one image, repeated | T8 |
#
# ## Your scoreboard

# %%
progress()

# %% [markdown]
# ## What you take along
#
# 1. A loss that falls says that something was minimized. Weights before minus weights after say *who*
#    moved; a gradient says who *could* have.
# 2. Look at the batch before the network does: range, neighbors, and one law for reals and fakes.
# 3. Ask of every score which stupid model would win it, and run that model.
#
# **References.** Goodfellow and others (2014), arXiv 1406.2661 · Kingma and Welling (2013), arXiv
# 1312.6114 · Zhu and others (2017), *Unpaired Image-to-Image Translation using Cycle-Consistent
# Adversarial Networks*, arXiv 1703.10593 · Korpelevich (1976), *The extragradient method for finding
# saddle points and other problems* · Gidel and others (2018), *A Variational Inequality Perspective on
# Generative Adversarial Networks*, arXiv 1802.10551 · Zhao and others (2020), *Differentiable
# Augmentation for Data-Efficient GAN Training*, arXiv 2006.10738 · Karras and others (2020), *Training
# Generative Adversarial Networks with Limited Data*, arXiv 2006.06676 · Pascanu, Mikolov and Bengio (2012),
# *On the difficulty of training recurrent neural networks*, arXiv 1211.5063.
#
# **Next**: 19_responsible, what to do before a model is published.
