# %% [markdown]
# # 18c · The clinic, third sitting: data and evaluation
#
# Six cases, none of which has a fault in its networks. Either what goes in is ill (the range of a batch, its law, a batch that is no data at all),
# or the number that comes out can be deceived. All six run without a word.
#
# ![Two sets of samples of which the wrong one wins, and what a turn by half makes of sixes](../images/18c_clinic.png)
#
# Above, two sets of samples: one digit repeated, and draws of a modest model of all digits. The published score prefers the first
# (case T8). Below, an augmentation that makes nines of sixes (case T11).
#
# **You will be able to**
# - look at a batch before you train on it, and say what its range and its law have to be,
# - say what a score can be deceived by, and pick one that cannot be deceived that way,
# - go from a symptom to three suspects, and from there to the measurement that tells them apart.
#
# **Time** 80 minutes: six cases of nine, and the last page, the differential diagnosis of the whole clinic, to print and keep ·
# **Builds on** 04_autoencoders, 09_first_gan, 12_evaluation, and the sittings [18a](18a_clinic.ipynb) and [18b](18b_clinic.ipynb).
#
# <details><summary>中文导读</summary>
#
# 这是“诊所”一课的第三部分，共两个病房。数据：批次根本不是图像、取值范围与生成器不符、只对真实图像做数据增强。
# 评价：循环一致性看不到结果是否属于目标域；最近邻距离会被一张重复的图像骗过；缺少循环项的 CycleGAN 可以忽略输入。
# 步骤同前：看症状，预测哪种测量能说明问题，选出病因，修好程序并检查。
# 最后一页是整间诊所可以打印的鉴别诊断表：症状、三个可疑原因、能区分它们的测量，以及对应的病例（可点击跳转）。
# 术语的中英对照见 [glossary](glossary.ipynb)。
#
# </details>

# %% tags=["folded"]
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.checks import check, progress
from course_lib.clinic_plots import plot_differential
from course_lib.data import load_mnist
from course_lib.metrics import fid
from course_lib.plotting import plot_images, show
from course_lib.training import at_scale, course_scale, seed_everything
from course_lib.widgets import Run, consulting_room

seed_everything(0)
steps = at_scale(smoke=20, laptop=300, gpu=300)  # of a short training; the patients are small
images, labels = load_mnist("train", value_range=(0, 1))
images, labels = images[:6000], labels[:6000]
digits = F.max_pool2d(F.pad(images, (2, 2, 2, 2)), 4)  # (6000, 1, 8, 8) in [0, 1]
print(f"scale {course_scale()} on cpu: {steps} steps, {len(digits):,} digits of 8×8")

# %% tags=["folded", "solution"]
flat = digits.flatten(1)
variances, directions = torch.linalg.eigh(torch.cov(flat.T))
weight = directions[:, -20:] * variances[-20:].sqrt()
model = flat.mean(0) + torch.randn(200, 20) @ weight.T
far = torch.cdist(model, flat).min(1).values.mean()
figure, panels = plt.subplots(2, 1, figsize=(7.6, 3.6))
rows = digits[2, 0].repeat(1, 8), torch.cat([m.view(8, 8) for m in model[:8]], 1)
panels[0].imshow(torch.cat(rows).clamp(0, 1), cmap="gray")
panels[0].set_title(f"Lower wins: 0 for the upper row, {far:.1f} for the lower")
six = images[labels == 6][:8, 0]
rows = torch.cat(list(six), 1), torch.cat(list(six.flip(1, 2)), 1)
panels[1].imshow(torch.cat(rows), cmap="gray")
panels[1].set_title("Sixes, and sixes «augmented» by half a turn")
for axes in panels:
    axes.axis("off")
show(figure)

# %% [markdown]
# ## The instruments
#
# Digits of 8×8, a generator and a discriminator of two layers, and a right step of the latter. A GAN's images lie in
# $[-1, 1]$, as its tanh gives them; those of a model with a cross-entropy lie in $[0, 1]$.


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


def adam(network, lr=2e-3):
    return torch.optim.Adam(network.parameters(), lr, betas=(0.5, 0.999))


def bce(logits, label):
    """Mean cross-entropy of logits with one label."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def draw_real(n=64):
    """Digits in [-1, 1]."""
    return 2 * digits[torch.randint(len(digits), (n,))] - 1


def train_judge(D, opt, x, fake):
    """One right step of a discriminator."""
    loss = F.softplus(-D(x)).mean() + F.softplus(D(fake)).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()


# %% [markdown]
# # Ward four · Data
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
# <details><summary>B · The output needs a sigmoid</summary>The loss takes logits and has a sigmoid of its own; a second one would not make the targets lie in [0, 1].</details>
# <details><summary>C · The batch is normal noise: no images, and targets outside [0, 1]</summary>Yes, and both matter: noise in [0, 1] would have a bounded loss and nothing to learn.</details>
# <details><summary>D · The network is linear</summary>A deeper one finds the same abyss, sooner.</details>
#
# ### Exercise · `c12_make_batch(n)`
# *3 minutes.* Return `n` images of MNIST's training set, `(n, 1, 28, 28)`, floating point in [0, 1],
# drawn at random anew at each call (`load_mnist` is fast after its first call; the set-up has `images`).


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
        train_judge(D, opt, x, G(torch.randn(64, 8)).detach())
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
# <details><summary>A · Reals lie in [0, 1], fakes in [-1, 1]</summary>Yes. A tanh draws numbers below 0, and no real has any: one comparison with 0 tells them apart, and D needs to know nothing about digits.</details>
# <details><summary>B · G should end in a sigmoid instead of a tanh</summary>That is a repair, of the other end; but the cause is that the two differ.</details>
# <details><summary>C · The images need mean 0 and variance 1</summary>Then they would leave [-1, 1], where no tanh can follow.</details>
# <details><summary>D · D is too strong</summary>Any D finds this difference. The data are not on one scale, and no D can be blamed for seeing it.</details>
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
# <details><summary>C · The Fréchet distance is biased</summary>It is, but by as much in all three lines: what differs between them is no bias.</details>
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
# # Ward five · Evaluation
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
# <details><summary>A · The cycle's error should be squared</summary>The squared error is 0 for negation as well: what comes back is exactly what went in.</details>
# <details><summary>B · The cycle asks whether nothing was lost, and never looks at G(x)</summary>Yes. It measures invertibility. Whether G(x) lives in Y is another question, and needs Y.</details>
# <details><summary>C · F is too strong</summary>Every invertible G has a perfect F.</details>
# <details><summary>D · Pairs are needed</summary>Not for this: two sets can be compared without pairs.</details>
#
# ### Exercise · `a5_quality(G, F, x, y)`
# *8 minutes.* `x` and `y` are samples `(N, D)` of two domains, unpaired; G and F map tensors of that
# shape. Return one number, lower is better, that sees both: whether what comes out lives in the other
# domain *as a distribution* (at least by mean and covariance; the order of y's rows must not matter), and
# whether what went in can be got back. It is asked to rank the right translation before negation, shifts,
# stretching and shrinking about the mean, one coordinate mirrored about its mean, a G that ignores its
# input but gives fine samples of y, one that gives a single point, and one whose way back is missing.


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
def distances(a, b):
    """All pairs' distances, by differences: the faster way, |a|² + |b|² − 2 a·b, rounds a 0 away."""
    return torch.cdist(a.flatten(1), b.flatten(1), compute_mode="donot_use_mm_for_euclid_dist")


def published_score(samples):
    return distances(samples, digits).min(dim=1).values.mean()


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
    apart = distances(samples, digits)
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
# repeated, before the mean image repeated, before uniform noise, before black images, and before digits
# whose pixels were shuffled, all by one order, and brought to the contrast of the data.


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
# <details><summary>C · Least squares are the wrong loss</summary>A cross-entropy judges the same images by another number; neither asks which input they came from.</details>
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
# # Both wards at a glance
#
# White is what you measure and what you find, green is the case.

# %% tags=["folded"]
show(
    plot_differential(
        "the networks are right:\nwhat is ill?",
        {
            "the batch: minimum,\nmaximum, neighbors": {
                "outside [0, 1], neighbors strangers": "C12 noise for images",
                "reals never below 0, fakes are": "C18 two ranges",
                "reals by another law than fakes": "T11 one side augmented",
            },
            "the score: which stupid\nmodel would win it?": {
                "G = F = negation": "A5 the cycle alone",
                "one good digit, repeated": "T8 each sample by itself",
                "fine images of somebody else": "A4 no cycle",
            },
        },
    )
)

# %% [markdown]
# # The consulting room
#
# Four generators whose samples come as near to the training images as new digits do, or nearer: the curves are the samples' distances to their nearest training image, in rising order,
# and the dashed one is that of 500 digits which no generator made. Each patient has one illness of four, drawn anew; the table quotes an earlier drawing of each.
# Order the measurement that will tell, and name the cause.

# %% tags=["folded"]
trained, held = digits[:3000].flatten(1), digits[3000:].flatten(1)
ones = held[labels[3000:] == 1]


def some(points, count=500):
    return points[torch.randperm(len(points))[:count]]


ILL_SETS = {
    "one digit, repeated (T8)": lambda: some(trained, 1).expand(500, -1),
    "copies of the training set": lambda: some(trained),
    "ones alone": lambda: some(ones, 300),
    "25 digits, 20 times each": lambda: some(held, 25).repeat(20, 1),
}


def examine_set(samples):
    apart = distances(samples, trained)
    near = apart.min(1).values.sort().values
    findings = {
        "mean distance to the nearest training image": near.mean().item(),
        "share of exact copies": (near == 0).float().mean().item(),
        "different images among the samples": float(len(samples.unique(dim=0))),
        "mean distance of a training image to its nearest sample": apart.min(0)
        .values.mean()
        .item(),
        "Fréchet distance": float(frechet(samples, trained)),
    }
    return Run(torch.nn.functional.interpolate(near[None, None], 100)[0, 0].tolist(), findings)


seed_everything(0)
book = {name: examine_set(draw()) for name, draw in ILL_SETS.items()}
patients = {name: examine_set(draw()) for name, draw in ILL_SETS.items()}
healthy = examine_set(some(held)).curve

# %%
consulting_room(
    book,
    patients,
    healthy,
    symptom="distance to the nearest training image, sorted",
    along="share of the samples, %",
)

# %% [markdown]
# ## Change one thing
#
# **How much augmentation?** Shift reals alone, by up to one pixel, and let the fakes be. How far
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
# **A score that you can win.** Find a set of 500 images, none of them an MNIST digit, that beats PPCA by your `t8_score`. What does that say of your score?

# %%
# your experiment: t8_score(your 500 images) against t8_score(ppca_samples(500))

# %% tags=["solution"]
seed_everything(0)
flat = digits.flatten(1)
chosen = flat[torch.randint(len(flat), (500, 64)), torch.arange(64)]  # each pixel of another digit
for name, samples in (("PPCA", ppca_samples(500)), ("pixels mixed", chosen.view(-1, 1, 8, 8))):
    print(f"{name:>12}: {frechet(samples, digits):.2f} on pixels")
more = ppca_samples(500, latents=40)
print(f"{'40 latents':>12}: {frechet(more, digits):.2f} on pixels, and still no digit")

# %% [markdown] tags=["solution"]
# Mixed pixels keep every pixel's own law and lose, 1.06 against 0.40: covariances see it. A PPCA of 40 latents has more of them right and wins, 0.08, without drawing one digit:
# the Fréchet distance on pixels asks for two moments. Whoever knows the score knows how to win it, and that holds for every score.

# %% [markdown]
# ## The differential diagnosis
#
# One page to print. Find the symptom, think of three suspects, and make the measurement that tells them
# apart; the case is where it was made, and leads there.
#
# | symptom | three suspects | the measurement that tells | case |
# |---|---|---|---|
# | D's loss goes to 0 | D is good · all labels are 1 · reals never enter | P(real) of reals, fakes and noise side by side | [C3](18b_clinic.ipynb#C3-·-The-judge-who-was-told-that-everything-is-real), [A1](18b_clinic.ipynb#A1-·-The-judge-who-sees-forgeries-only) |
# | D's loss falls, P(real) of reals falls too | sign turned · labels exchanged · reals missing | the loss at logits of 0 (2 log 2 = 1.386) and its slope | [F1](18a_clinic.ipynb#F1-·-The-judge-that-gets-everything-wrong), [A1](18b_clinic.ipynb#A1-·-The-judge-who-sees-forgeries-only) |
# | G stalls once D is sure | the logarithm is missing · saturating loss · D leaks into G | the gradient by the logit at −10 | [F2](18a_clinic.ipynb#F2-·-The-generator-that-stands-still), [C22](18b_clinic.ipynb#C22-·-The-loss-that-leaks) |
# | G's gradient is far too small | D saturated · leak cancels it · a sigmoid twice | cosine of what lies in G.grad with what G wants | [C22](18b_clinic.ipynb#C22-·-The-loss-that-leaks), [C35](18a_clinic.ipynb#C35-·-The-decoder-that-cannot-be-sure) |
# | all images white | label on the image · image as logit · tanh saturated | does a gradient lie in D? | [C4](18b_clinic.ipynb#C4-·-The-label-that-became-a-picture), [C24](18b_clinic.ipynb#C24-·-Three-tenths-and-no-further) |
# | a loss stops at 0.3133 | D too strong · images as logits · learning rate | -log σ(1) = 0.3133: is a tanh going in? | [C24](18b_clinic.ipynb#C24-·-Three-tenths-and-no-further) |
# | D's loss better than it should be | overfitting · G moves in D's step · range differs | how far G moves in D's step | [C26](18b_clinic.ipynb#C26-·-One-optimizer-for-all), [C18](#C18-·-The-discriminator-that-needed-no-digits) |
# | G's loss goes to 0 at once | G is good · D moves in G's step · D is blind | how far D moves in G's step | [C36](18b_clinic.ipynb#C36-·-The-judge-who-was-bribed), [C7](18a_clinic.ipynb#C7-·-The-judge-that-sees-nothing-but-means) |
# | «loss» jitters around a constant | balance · nothing goes backward · rate too low | weights before minus weights after | [C16](18b_clinic.ipynb#C16-·-The-loss-that-was-a-picture) |
# | the loss falls, one network stands still | optimizer lacks it · cut from the graph · requires_grad off | its gradient: there (F4), or None (C13) | [F4](18b_clinic.ipynb#F4-·-Half-of-the-minimum), [C13](18b_clinic.ipynb#C13-·-The-encoder-that-came-back-as-data) |
# | reconstructions are all the mean | collapse · x never encoded · pixels averaged | error against its own image and against another | [C27](18b_clinic.ipynb#C27-·-The-VAE-that-never-looked), [C11](18a_clinic.ipynb#C11-·-The-VAE-that-draws-one-digit) |
# | KL near 0 | reduction of the likelihood · x never encoded · β too high | ratio of the two terms per image, in nats | [C11](18a_clinic.ipynb#C11-·-The-VAE-that-draws-one-digit), [C27](18b_clinic.ipynb#C27-·-The-VAE-that-never-looked) |
# | lower loss than the right program | no draw · a term counted twice · two passes | spread of ten codes of one image | [A3](18b_clinic.ipynb#A3-·-The-code-without-a-draw), [F9](18a_clinic.ipynb#F9-·-The-posterior-that-is-too-sure) |
# | negative cross-entropy | sign · targets outside [0, 1] · logits as probabilities | minimum and maximum of a batch | [C12](#C12-·-Trained-on-noise), [C35](18a_clinic.ipynb#C35-·-The-decoder-that-cannot-be-sure) |
# | loss → −∞ | sign of a term · ELBO minimized · no lower bound | the loss at the exact posterior beside −log p(x) | [F3](18a_clinic.ipynb#F3-·-The-loss-with-no-floor), [F10](18a_clinic.ipynb#F10-·-The-climber-who-walks-down), [C12](#C12-·-Trained-on-noise) |
# | posterior too narrow | likelihood counted twice · variance as std · σ² hidden | optimum beside the closed form of a linear model | [F9](18a_clinic.ipynb#F9-·-The-posterior-that-is-too-sure), [F14](18a_clinic.ipynb#F14-·-The-variance-that-nobody-chose) |
# | KL insensitive to the mean | entropy in its place · one-sided formula · detached | KL of N(2, 1) from N(0, 1): 2 nats | [F7](18a_clinic.ipynb#F7-·-The-penalty-without-a-prior) |
# | likelihood under-reported | the bound taken for it · few samples · a bad q | importance-weighted estimate beside the ELBO | [F13](18a_clinic.ipynb#F13-·-The-likelihood-that-depends-on-the-encoder) |
# | samples never change | own decoder · same seed · weights copied | the same z before and after training | [C33](18b_clinic.ipynb#C33-·-Two-decoders,-of-which-one-learns) |
# | samples do not depend on z | batch norm on a batch of 1 · z ignored · collapse | spread over z, in train and eval mode | [C17](18a_clinic.ipynb#C17-·-The-generator-that-ignores-its-noise), [C4](18b_clinic.ipynb#C4-·-The-label-that-became-a-picture) |
# | good in training, bad in eval | dropout · running statistics · momentum's convention | running mean beside the batch's | [C20](18a_clinic.ipynb#C20-·-A-number-that-means-its-opposite) |
# | D cannot do better than ½ | equal distributions · a linear D · rate too low | a deeper D on the same data | [C7](18a_clinic.ipynb#C7-·-The-judge-that-sees-nothing-but-means) |
# | shapes fit by luck | broadcasting · missing Flatten · reshape(−1) | the same with batch sizes 1, 3 and 5 | [C4](18b_clinic.ipynb#C4-·-The-label-that-became-a-picture), [C9](18a_clinic.ipynb#C9-·-The-perfect-autoencoder), [C31](18a_clinic.ipynb#C31-·-Four-images-in,-a-hundred-and-twelve-out) |
# | D is sure of an untrained G | G is bad · ranges differ · labels | share of images below 0, in each group | [C18](#C18-·-The-discriminator-that-needed-no-digits) |
# | G imitates the augmentation | reals alone augmented · a law that cannot be undone · too few images | distance with neither, one, both augmented | [T11](#T11-·-More-data,-of-another-kind) |
# | the game spirals | learning rate · Adam · simultaneous steps | factor of the distance in one step | [A12](18b_clinic.ipynb#A12-·-The-game-that-no-learning-rate-cures) |
# | never arrives at the minimum | rate · noise · gradients normalized, not clipped | what becomes of a gradient of 3·10⁻⁸ | [A11](18b_clinic.ipynb#A11-·-The-cure-that-was-none) |
# | perfect cycle, wrong images | invertible is not right · judges weak · data paired | distance of the sets G(x) and y | [A5](#A5-·-The-perfect-cycle) |
# | fine images that ignore the input | no cycle · weight too low · judges too strong | what comes back after both | [A4](#A4-·-A-CycleGAN-without-its-cycle) |
# | a bad model wins | score per sample · sample size · features | the score of one image, repeated | [T8](#T8-·-Which-model-is-better?) |
#
# ## Your scoreboard
#
# All 36 cases of the clinic, and the exercises of every lesson before it.

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
