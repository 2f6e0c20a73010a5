# %% [markdown]
# # 18b · The clinic, second sitting: who moves
#
# The programs of this ward round all run. No error, no warning, and a loss that falls. They were found
# in tutorials that many people have copied, and each has one thing wrong with it; here they stand
# written anew, in a few lines of PyTorch. You are the doctor: see the symptom, decide which measurement
# would tell, name the cause, repair the program, and let the check look at your repair.
#
# ![A game that spirals out and one that comes home, and a generator whose pictures turn white](../images/18b_clinic.png)
#
# That is what you will see: a learning rule that never arrives beside one that does (case A12), and a
# generator that has learned to print white (case C4).
#
# **You will be able to**
# - say of a training step who moves, who must not, and prove it with one subtraction,
# - tell a loss that falls from a model that learns,
# - choose, of several measurements, the one that comes out differently under each suspect.
#
# **Time** 90 minutes with the exercises, fifteen cases of six; the computing takes less than a minute;
# each case stands by itself · **Builds on** 05_vae, 09_first_gan and the first sitting,
# [18a](18a_clinic.ipynb) · **Third sitting** [18c](18c_clinic.ipynb): data, evaluation, and the page to print ·
# **Papers** none is needed; those that say how it is done are at the end.
#
# <details><summary>中文导读</summary>
#
# 这是“诊所”一课的第二部分。这里的程序都能运行，不报错，损失也在下降，但每个都有一处流传很广的错误。
# 这一病房的问题是“谁在动”：梯度流到了不该去的网络，或者该动的网络没有动。
# 每个病例的步骤相同：先运行，看到症状；再预测三种测量中哪一种能说明问题；
# 从四个可能的原因中选出真正的一个（每个错误选项都有解答）；最后修好程序，由检查器判断。
# 结尾有一间“会诊室”：四个病人症状相同，由你点选测量、作出诊断。
# 第三部分（18c）讲数据与评价，并附可以打印的鉴别诊断表。
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
from course_lib.clinic_plots import plot_differential
from course_lib.data import load_mnist
from course_lib.game_plots import draw_field, plot_two_steps
from course_lib.plotting import plot_images, show
from course_lib.training import at_scale, course_scale, seed_everything
from course_lib.widgets import Run, consulting_room

seed_everything(0)
steps = at_scale(smoke=20, laptop=300, gpu=300)  # of a short training; the patients are small
images = load_mnist("train", value_range=(0, 1))[0][:6000]
digits = F.max_pool2d(F.pad(images, (2, 2, 2, 2)), 4)  # (6000, 1, 8, 8) in [0, 1]
print(f"scale {course_scale()} on cpu: {steps} steps, {len(digits):,} digits of 8×8")

# %% tags=["folded", "solution"]
figure, panels = plt.subplots(1, 2, figsize=(7.6, 3.4), width_ratios=(1.1, 1))
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
panels[1].axis("off")
show(figure)

# %% [markdown]
# ## How a visit goes
#
# As in [18a](18a_clinic.ipynb): the program with its mistake, and its symptom; **predict** which of three measurements
# will tell; name the cause among four, each of which has an answer; repair it. In this sitting the
# measurements have numbers, and the cases are named as before: C for code, F for formulas, A for
# algorithms as they are described in prose. If your time is short, visit the silent ones first: C3, C4, C22, C27.
#
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
# # Ward three · Who moves
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
# <details><summary>D · D has collapsed</summary>D is as it was drawn, since nothing called it; a D that is not asked cannot collapse.</details>
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
# <details><summary>D · The loss contains no term of the decoder</summary>The likelihood depends on every weight of the decoder; only the optimizer does not know them.</details>
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
# <details><summary>A · The encoder's second half is not trained</summary>It is, by the KL. What is missing is the road from the likelihood to it.</details>
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
# <details><summary>A · The learning rate is too high</summary>The distance grows by √(1 + lr²) in each step, which exceeds 1 at every rate; a smaller one only makes the spiral slower.</details>
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
# <details><summary>D · The learning rate is too low for the encoder</summary>It has moved by exactly 0. Any rate times a gradient that is not there is 0.</details>
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
# <details><summary>B · D is too strong</summary>D has not been asked: no gradient lies in it, and an image stood where its logits belong.</details>
# <details><summary>C · The tanh should be a sigmoid</summary>Then the floor would be the same, at -log σ(1).</details>
# <details><summary>D · Label smoothing is missing</summary>A label of 0.9 would move the floor to another number, and the images would be white all the same.</details>
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
# <details><summary>B · Samples are drawn in the wrong mode</summary>No layer here behaves otherwise in eval mode: there is no batch norm and no dropout.</details>
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
# <details><summary>A · G is too strong for D</summary>G was helped. Alone, in as many steps from the same start, it ends where line 1 says «right».</details>
# <details><summary>B · D also takes a step on G's loss, and learns to call fakes real</summary>Yes. backward() fills both networks on its way; only og may step here.</details>
# <details><summary>C · D's gradients were not cleared</summary>They were, right before they were used, wrongly.</details>
# <details><summary>D · The loss saturates</summary>It is the non-saturating one, which is steep where D is sure of a fake. It ends near 0 because D says «real» to fakes now.</details>
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
# # The ward at a glance
#
# Fifteen cases, and what to ask to tell them apart. White is what you measure and what you find, green is the case.

# %% tags=["folded"]
show(
    plot_differential(
        "the loss falls:\nis something learned?",
        {
            "weights before − after:\nwho did not move?": {
                "nobody, exactly 0": "C16 no backward()",
                "G: never asked D": "C4, C24 images in the loss",
                "the decoder, gradient there": "F4 not in the optimizer",
                "the encoder, gradient None": "C13 cut from the graph",
                "the sampler": "C33 a decoder of its own",
            },
            "weights before − after:\nwho moved out of turn?": {
                "D, in G's step": "C36 od.step() as well",
                "G, in D's step": "C26 one optimizer, no cut",
                "nobody, G.grad is odd": "C22 the loss leaks",
            },
            "what does D say of\nreals and fakes?": {
                "«real» to everything": "C3 all labels 1",
                "«fake» to everything": "A1 no reals",
            },
            "what does a reconstruction\nknow of its image?": {
                "no more than of another": "C27 x never encoded",
                "all, ten codes alike": "A3 no draw",
            },
            "what does one step do\nnear the goal?": {
                "it is as long as ever": "A11 normalized",
                "distance × √(1 + lr²)": "A12 simultaneous steps",
            },
        },
    )
)

# %% [markdown]
# # The consulting room
#
# Four patients with one symptom: $D$'s loss goes to 0 while a healthy pair's (dashed) stays up. Each was made by running one of four programs
# of this ward, with another seed than the runs that the table quotes for comparison. Order the measurement that will tell, then the next if you must, and name
# the cause. A good physician needs two.

# %% tags=["folded"]
ILL_LOSSES = {
    "all called real (C3)": lambda D, x, fake: 2 * bce(D(fake.detach()), 1.0),
    "no reals (A1)": lambda D, x, fake: bce(D(fake.detach()), 0.0),
    "D moves G (C26)": lambda D, x, fake: bce(D(x), 1.0) + bce(D(fake), 0.0),
    "G's step is empty (C16)": lambda D, x, fake: bce(D(x), 1.0) + bce(D(fake.detach()), 0.0),
}


def examine_pair(name, seed):
    """Steps of D and of G in turn; the loss of D, and what a physician may measure."""
    G, D = make_gan(seed)
    d_loss = ILL_LOSSES.get(name, ILL_LOSSES["G's step is empty (C16)"])
    both = "C26" in name
    opt, own = adam(nn.ModuleList([G, D]) if both else D), adam(G)
    curve, gone = [], [0.0, 0.0]
    for _ in range(steps):
        loss, before = d_loss(D, draw_real(), G(torch.randn(64, 8))), weights_of(G)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
        gone[0] += moved(G, before)
        curve.append(loss.item())
        if not both and "C16" not in name:
            before = weights_of(G)
            own.zero_grad()
            bce(D(G(torch.randn(64, 8))), 1.0).backward()
            own.step()
            gone[1] += moved(G, before)
    with torch.no_grad():
        real, fake = D(draw_real(500)), D(G(torch.randn(500, 8)))
    findings = {
        "P(real) of digits": real.sigmoid().mean().item(),
        "P(real) of fakes": fake.sigmoid().mean().item(),
        "G's way in D's steps": gone[0],
        "G's way in its own steps": gone[1],
    }
    return Run(curve, findings)


book = {name: examine_pair(name, 0) for name in ILL_LOSSES}
patients = {name: examine_pair(name, 1) for name in ILL_LOSSES}
healthy = examine_pair("healthy", 0).curve

# %%
consulting_room(book, patients, healthy, symptom="the loss of D")

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
# **A smaller bribe.** In C36 let $D$'s optimizer have a tenth and a hundredth of its rate. How small must the bribe be before $G$'s loss no longer betrays it? Predict, then train all three, beside the right step.

# %%
# your experiment: og, od = adam(G), adam(D, 2e-4); published_both_step(G, D, og, od, torch.randn(64, 8))

# %% tags=["solution"]
for rate in (2e-3, 2e-4, 2e-5, 0.0):
    G, D = make_gan()
    og, od, before = adam(G), adam(D, rate), weights_of(D)
    for _ in range(steps):
        loss = published_both_step(G, D, og, od, torch.randn(64, 8))
    print(f"rate of D {rate:.0e}: G's loss {loss.item():.6f}, D moved by {moved(D, before):.4f}")

# %% [markdown] tags=["solution"]
# The last line is the right step: against a judge who does not move, $G$'s loss falls to 0.21. A hundredth of the rate makes 0.08 of it, which nobody would find odd. How far $D$ moved betrays the bribe at every rate: 0.35 is not 0.

# %% [markdown]
# ## What you take along
#
# 1. A loss that falls says that something was minimized. Weights before minus weights after say *who*
#    moved; a gradient says who *could* have.
# 2. A cut belongs where a loss must not reach: at the fakes in D's step, nowhere in G's.
# 3. Shuffle what belongs together. A score that does not notice has seen neither.
#
# **References.** Goodfellow and others (2014), arXiv 1406.2661 · Kingma and Welling (2013), arXiv
# 1312.6114 · Korpelevich (1976), *The extragradient method for finding
# saddle points and other problems* · Gidel and others (2018), *A Variational Inequality Perspective on
# Generative Adversarial Networks*, arXiv 1802.10551 · Pascanu, Mikolov and Bengio (2012),
# *On the difficulty of training recurrent neural networks*, arXiv 1211.5063.
#
# **Next**: [18c](18c_clinic.ipynb), data and evaluation, with the whole clinic on one page. So far you have healed:

# %%
progress()
