# %% [markdown]
# # 09 · A GAN on MNIST in two hundred lines
#
# One network paints digits. Another one looks at them, and at real ones, and says which is which.
# Neither is ever shown how a 7 is drawn, and nobody writes down a likelihood; all that the painter
# learns comes from being caught. In this lesson you build both networks, the two training steps and
# the optimizer's formula, and you learn to read the curves, which in this game mean something else
# than you are used to.
#
# ![Twelve points of latent space while a GAN learns, from noise to digits](../images/09_first_gan.png)
#
# <details><summary>中文导读</summary>
#
# 一个网络画数字，另一个网络分辨真假，这就是生成对抗网络（GAN）。本课用约两百行代码在 MNIST 上训练一个：
# 写出生成器、判别器和两个训练步骤，弄清每一步谁动、谁不动、计算图在哪里切断；推导饱和与非饱和损失的梯度
# （相差两万倍）；从公式写出 Adam，并说明 beta1 为何取 0.5。博弈中的损失不等于质量，因此要学会看曲线：
# 健康的训练与正在死去的训练各是什么样子。最后用分类器数一数生成了哪些数字。
#
# </details>
#
# **You will be able to**
# - write a generator, a discriminator, and the two steps that train them, and say what each step may
#   move and what it must leave alone,
# - say why the generator does not minimize the game's own loss,
# - write Adam's update from its formula, and say why its `beta1` is 0.5 here,
# - tell a healthy run from a dying one by its curves, and know what the curves cannot tell,
# - count what a generator makes, with a classifier that you trained.
#
# **Time** 90 minutes · **Builds on** 01_divergences, 05_vae · **Papers** Goodfellow and others (2014), *Generative Adversarial Networks*, arXiv
# 1406.2661; Kingma and Ba (2014), *Adam: A Method for Stochastic Optimization*, arXiv 1412.6980;
# Radford, Metz and Chintala (2015), *Unsupervised Representation Learning with Deep Convolutional
# Generative Adversarial Networks*, arXiv 1511.06434.
#
# **Numbers in the text** are those of one run at `laptop` scale, on two CPU cores; at another scale, or on
# another machine, yours differ.

# %% tags=["folded"]
import math
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.nn.utils import get_total_norm
from torch.optim.lr_scheduler import LambdaLR

from course_lib.checks import check
from course_lib.data import load_mnist
from course_lib.event_log import EventLog
from course_lib.fast import fast
from course_lib.history import History, watch
from course_lib.networks import DigitClassifier
from course_lib.plotting import plot_history, plot_images, show
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything

seed_everything(0)
device = pick_device()
latent_dim, hidden_dim = 64, at_scale(smoke=16, laptop=256, gpu=512)
batch_size = at_scale(smoke=16, laptop=64, gpu=128)
steps = at_scale(smoke=24, laptop=6_400, gpu=60_000)  # one of both networks each
short_steps = at_scale(smoke=24, laptop=800, gpu=4_000)  # enough for a run to die
classifier_steps = at_scale(smoke=40, laptop=1_000, gpu=6_000)
sample_count = at_scale(smoke=200, laptop=5_000, gpu=10_000)
print(f"scale {course_scale()} on {device}: {steps:,} steps in batches of {batch_size}")

# %% [markdown]
# ## 1 · The data, and a judge who can count
#
# MNIST has 60,000 handwritten digits. The generator will end in a tanh, whose values lie in
# $[-1, 1]$, so the real images come in that range too: black is -1, white is 1. Were the ranges
# different, the discriminator would need no digits to tell the two apart.

# %%
images, labels = load_mnist("train", value_range=(-1, 1), device=device)
test_images, test_labels = load_mnist("test", value_range=(-1, 1), device=device)
print(tuple(images.shape), images.dtype, f"from {images.min():.0f} to {images.max():.0f}")
show(plot_images(images[:12], 12, "Real digits", value_range=(-1, 1)))

# %% [markdown]
# A [GAN](glossary.ipynb#Generative-adversarial-network) has no likelihood that would tell how good it is. What we can do is ask a classifier what it
# sees: if the samples are digits, it will be sure of what they are, and all ten will occur. Later
# lessons use the same network for finer measures, so it lives in the library (`DigitClassifier`, two
# convolutions and 0.11 million weights). Training it takes a few lines.

# %%
classifier = DigitClassifier().to(device)
optimizer = torch.optim.Adam(classifier.parameters(), lr=3e-3)
schedule = LambdaLR(optimizer, lambda n: 1 - n / classifier_steps)  # down to 0 in a straight line


def classifier_step(x, y):
    optimizer.zero_grad()
    F.cross_entropy(classifier(x), y).backward()
    optimizer.step()


# the same step, at the device's full speed; the first call says in one line what is in force
learn = fast(classifier_step, classifier, optimizer, report=print)
for x, y in watch(batches((images, labels), 128, classifier_steps)):
    learn(x, y)
    schedule.step()
classifier.eval()
with torch.no_grad():
    guesses = torch.cat([classifier(part).argmax(dim=1) for part in test_images.split(1000)])
accuracy = (guesses == test_labels).float().mean()
print(f"accuracy of the classifier on the 10,000 test images: {accuracy:.2%}")

# %% [markdown]
# From its probabilities we take two things for each image: the digit it names, and how sure it is
# (the largest probability). A digit counts as **covered** when at least one sample in a hundred is
# called that digit with a probability above 0.9.
#
# **Predict.** What will this classifier say of pure noise, which is no digit at all: 0.1 for each of
# the ten digits, or something else?


# %%
def judge(images):
    """The digit that the classifier sees in each image and its probability, two tensors `(B,)`."""
    with torch.no_grad():
        parts = [classifier(part.to(device)).softmax(dim=1) for part in images.split(1000)]
    probability, digit = torch.cat(parts).cpu().max(dim=1)
    return digit, probability


def count_digits(name, images):
    """Print how many digits are covered and how sure the classifier is; return both as a pair."""
    digit, probability = judge(images)
    sure = probability > 0.9
    covered = (digit[sure].bincount(minlength=10) >= len(images) / 100).sum().item()
    confidence, share = probability.mean().item(), sure.float().mean().item()
    print(
        f"{name:<16} {covered:>2} of 10 digits, mean confidence {confidence:.3f}, "
        f"above 0.9 in {share:.1%}"
    )
    return covered, confidence


count_digits("real test images", test_images[:sample_count])
noise_images = 2 * torch.rand(sample_count, 1, 28, 28, device=device) - 1
count_digits("uniform noise", noise_images)
seen = judge(noise_images)[0].bincount(minlength=10) / sample_count
print(f"what it calls the noise most often: a {seen.argmax()}, in {seen.max():.0%}")

# %% [markdown]
# A classifier must name *some* digit, and nothing in its training taught it to say «none». In noise it
# sees its favorite, several times as sure as a tenth. So neither number says much alone; a generator
# that is called a digit with confidence *and* covers all ten has at least learned ten kinds of strokes
# that a classifier knows. Lesson 12 measures more.
#
# ## 2 · The game in six lines
#
# The **[discriminator](glossary.ipynb#Discriminator)** gives each image one logit $a$; $D = \sigma(a) = 1 / (1 + e^{-a})$ is its
# probability for «real». The **[generator](glossary.ipynb#Generator)** maps random numbers $z \sim \mathcal N(0, I)$ to an image
# $G(z)$. The discriminator is a classifier with two classes, so it minimizes the [cross-entropy](glossary.ipynb#Cross-entropy),
#
# $$ L_D = \mathbb E_{x\,\text{real}}\big[-\log D(x)\big]
#        + \mathbb E_{z}\big[-\log\big(1 - D(G(z))\big)\big] , $$
#
# and the generator wants [the opposite](glossary.ipynb#Zero-sum-game). A discriminator that has no idea says $D = \tfrac12$ to
# everything and pays $2 \log 2 = 1.386$ nats (the unit of natural logarithms): remember that number,
# it is the dashed line in every curve below. (Lesson 08 shows that the loss of the best of all functions
# $D$, averaged over the two distributions themselves, measures their Jensen–Shannon divergence: at
# 1.386 they are one and the same, at 0 they share nothing. No network of a limited size, trained for a
# while, is that $D$; its loss is no lower. A loss of 1.386 then says that *it* cannot tell them apart.)
#
# One refinement has a name of its own. The cross-entropy of a probability $D$ with a target $t$ that is
# not 0 or 1 is $-t \log D - (1 - t) \log(1 - D)$, and it is least at $D = t$. **[One-sided label
# smoothing](glossary.ipynb#Label-smoothing)** replaces the target 1 of the reals by $t = 1 - s$, so that the discriminator is never
# rewarded for being infinitely sure: where there are reals alone, $D = t$ is best, and less where fakes
# lie among them. The target of the fakes stays 0.

# %% [markdown]
# ### Exercise · `discriminator_loss(real_logits, fake_logits, smooth=0.0)`
# *8 minutes.* Logits of shapes `(B,)` and `(B',)`; the sizes may differ. Return one number in nats:
# the mean cross-entropy of the reals with the target `1 - smooth`, plus the mean over the fakes with
# the target 0. It must be exact at logits of ±200 too, where a sigmoid is 0 or 1 to the last digit.


# %% exercise="first_gan.discriminator_loss"
def discriminator_loss(real_logits, fake_logits, smooth=0.0):
    """Cross-entropy of real `(B,)` and fake `(B',)` logits: the two means added, in nats."""
    # BEGIN SOLUTION
    real_target = torch.full_like(real_logits, 1 - smooth)
    real_loss = F.binary_cross_entropy_with_logits(real_logits, real_target)
    fake_loss = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    return real_loss + fake_loss
    # END SOLUTION


# %% check="first_gan.discriminator_loss"
check("first_gan.discriminator_loss", discriminator_loss)

# %% [markdown]
# ### Why the generator plays by another rule
#
# The generator could maximize what the discriminator minimizes. Only the second term depends on it,
# so it would minimize $\log(1 - D)$ with $D = \sigma(a)$. Differentiate by the logit, using
# $\sigma' = \sigma (1 - \sigma)$ and the chain rule:
#
# $$ \frac{d}{da} \log\big(1 - \sigma(a)\big) = \frac{-\sigma(a)\,(1 - \sigma(a))}{1 - \sigma(a)}
#    = -\sigma(a) = -D . $$
#
# Early on the fakes are bad and the discriminator is sure of it: $D \approx 0$, and so is the
# gradient. The generator would learn nothing exactly where it has everything to learn: the loss
# **[saturates](glossary.ipynb#Saturating-loss)**. Goodfellow and others therefore let it minimize $-\log D$, whose derivative is, by the
# same two rules,
#
# $$ \frac{d}{da} \big(-\log \sigma(a)\big) = \frac{-\sigma(a)\,(1 - \sigma(a))}{\sigma(a)}
#    = -(1 - \sigma(a)) = -(1 - D) . $$
#
# Both pull the logit up, towards $D = 1$. But the first pulls hardest on fakes that already pass for
# real, and the second on the worst ones. **Predict** both slopes at $a = -10$ before you run the cell.

# %% tags=["nbval-check-output"]
for name, loss in {
    "log(1 - D)": lambda a: -F.softplus(a),  # log(1 - sigmoid(a)) = -log(1 + exp(a))
    "-log D": lambda a: F.softplus(-a),
}.items():
    logit = torch.tensor(-10.0, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(loss(logit), logit)
    print(f"{name:>10} at logit -10: slope {slope:.6f}")

# %% [markdown]
# A factor of twenty thousand. $-\log D$ is the **[non-saturating](glossary.ipynb#Non-saturating-loss)** loss, and it is the one that
# most code calls «the GAN loss», although the game above has the other. (With it the two losses no
# longer add to a constant: what is proved of zero-sum games does not carry over by itself.)
#
# ## 3 · Two networks
#
# Both are stacks of linear layers. Hidden layers use the [leaky ReLU](glossary.ipynb#Leaky-ReLU), $\max(x, 0.2\,x)$: the generator
# learns only through the discriminator's gradient, and a unit that is switched off entirely would pass
# none on. Two more parts are usual, and cost a line each:
#
# - [`nn.BatchNorm1d(width)`](glossary.ipynb#Batch-normalization) after each hidden linear layer of the **generator** shifts and scales every
#   unit to mean 0 and variance 1 over the batch, so that no unit can give the same value for all $z$.
#   It makes an image depend a little on its neighbors in the batch; in [`eval()` mode](glossary.ipynb#Evaluation-mode) it uses averages
#   that were kept while training, and the dependence is gone. (Lesson 10 takes it apart.)
# - [`nn.Dropout(0.3)`](glossary.ipynb#Dropout) after each hidden activation of the **discriminator** sets a random 30 % of the
#   units to 0 at each call, and none in `eval()` mode. A verdict then cannot hang on a few pixels.

# %% [markdown]
# ### Exercise · `Generator(latent_dim, hidden_dim, image_size)`
# *8 minutes.* A module that maps `z` `(B, latent_dim)` to images `(B, 1, image_size, image_size)` with
# values in [-1, 1]. `hidden_dim` is the width of the first hidden layer; two hidden layers, the second
# twice as wide, each with batch normalization and a leaky ReLU behind it, work well. Write the rest of
# `__init__`, and `forward(self, z)`. Mind the shape at the end.


# %% exercise="first_gan.Generator"
class Generator(nn.Module):
    """Latents z `(B, latent_dim)` to images `(B, 1, image_size, image_size)` in [-1, 1]."""

    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__()
        # BEGIN SOLUTION
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim),
            nn.BatchNorm1d(hidden_dim),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden_dim, 2 * hidden_dim),
            nn.BatchNorm1d(2 * hidden_dim),
            nn.LeakyReLU(0.2),
            nn.Linear(2 * hidden_dim, image_size**2),
            nn.Tanh(),
            nn.Unflatten(1, (1, image_size, image_size)),
        )

    def forward(self, z):
        return self.layers(z)
        # END SOLUTION


# %% check="first_gan.Generator"
check("first_gan.Generator", Generator)

# %% [markdown]
# ### Exercise · `Discriminator(image_size, hidden_dim)`
# *6 minutes.* A module that maps images `(B, 1, image_size, image_size)` to logits `(B,)`: any real
# number, no sigmoid at the end. Two hidden layers of width `hidden_dim`, each with a leaky ReLU and
# dropout behind it, will do. Write the rest of `__init__`, and `forward(self, images)`. The trap: a linear layer with one output gives `(B, 1)`.


# %% exercise="first_gan.Discriminator"
class Discriminator(nn.Module):
    """Images `(B, 1, image_size, image_size)` to one logit each, `(B,)`: positive means «real»."""

    def __init__(self, image_size, hidden_dim):
        super().__init__()
        # BEGIN SOLUTION
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(image_size**2, hidden_dim),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Linear(hidden_dim, hidden_dim),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Linear(hidden_dim, 1),
        )

    def forward(self, images):
        return self.layers(images).squeeze(1)
        # END SOLUTION


# %% check="first_gan.Discriminator"
check("first_gan.Discriminator", Discriminator)

# %% tags=["nbval-check-output"]
seed_everything(0)
generator = Generator(latent_dim=64, hidden_dim=16, image_size=28).to(device)
discriminator = Discriminator(image_size=28, hidden_dim=16).to(device)
z = torch.randn(5, 64, device=device)
print("z", tuple(z.shape), "-> images", tuple(generator(z).shape))
print("images", tuple(images[:5].shape), "-> logits", tuple(discriminator(images[:5]).shape))

# %% [markdown]
# ## 4 · Two steps, and what each may move
#
# Training alternates. **The discriminator's step** shows it a batch of reals and a batch of fakes and
# moves *its* weights down the gradient of $L_D$. The generator has made the fakes, so the [graph](glossary.ipynb#Computation-graph) leads
# back into it; left alone, `backward()` would fill the generator's gradients with «make yourself
# easier to catch». The graph has to be cut at the fakes.
#
# **The generator's step** makes new fakes, asks for the discriminator's logits, and moves *its own*
# weights down the gradient of $-\log D(G(z))$. Here the graph must **not** be cut: the gradient passes
# through the discriminator, which says how each pixel should change, into the generator. On the way
# `backward()` also fills the discriminator's `.grad`, which nobody asked for.
#
# ![Who moves (green) in each step, how far the gradient runs back (dashed), and where the graph is cut](../images/09_two_steps.png)
#
# | | generator | discriminator |
# |---|---|---|
# | discriminator's step | makes the fakes; no gradient, no move | moves |
# | generator's step | moves | judges; no new gradient left, no move |

# %% [markdown]
# ### Exercise · `discriminator_step(generator, discriminator, optimizer, real, noise)`
# *8 minutes.* `real` `(B, 1, H, W)` are images in [-1, 1], `noise` `(B', latent_dim)` are the latents of
# the fakes, `optimizer` holds the discriminator's parameters. Take one step on your
# `discriminator_loss` without smoothing and return the loss (detached: nobody needs its graph). No
# gradient may reach the generator; modes (`train`, `eval`) stay as they are.


# %% exercise="first_gan.discriminator_step"
def discriminator_step(generator, discriminator, optimizer, real, noise):
    """One step of the discriminator; returns its loss in nats, a scalar."""
    # BEGIN SOLUTION
    fake = generator(noise).detach()  # detach: this step must not reach the generator
    loss = discriminator_loss(discriminator(real), discriminator(fake))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()
    # END SOLUTION


# %% check="first_gan.discriminator_step"
check("first_gan.discriminator_step", discriminator_step)

# %% [markdown]
# ### Exercise · `generator_step(generator, discriminator, optimizer, noise)`
# *8 minutes.* `optimizer` holds the generator's parameters. Take one step on the non-saturating loss,
# the mean of $-\log D(G(z))$, and return it. The discriminator must not move and must not be left with
# new gradients; clearing its old ones is fine.


# %% exercise="first_gan.generator_step"
def generator_step(generator, discriminator, optimizer, noise):
    """One step of the generator; returns its non-saturating loss in nats, a scalar."""
    # BEGIN SOLUTION
    fake_logits = discriminator(generator(noise))
    loss = F.softplus(-fake_logits).mean()  # -log sigmoid(a) = log(1 + exp(-a))
    optimizer.zero_grad()
    loss.backward(inputs=list(generator.parameters()))  # nothing is written into the discriminator
    optimizer.step()
    return loss.detach()
    # END SOLUTION


# %% check="first_gan.generator_step"
check("first_gan.generator_step", generator_step)

# %% [markdown]
# Look at it once with your own eyes: the weights of both networks before and after each step.


# %% tags=["nbval-check-output"]
def weights(network):
    return nn.utils.parameters_to_vector(network.parameters()).detach().clone()


d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-3)
g_optimizer = torch.optim.Adam(generator.parameters(), lr=1e-3)
for name, take_step in {
    "discriminator's step": lambda: discriminator_step(
        generator, discriminator, d_optimizer, images[:8], torch.randn(8, 64, device=device)
    ),
    "generator's step": lambda: generator_step(
        generator, discriminator, g_optimizer, torch.randn(8, 64, device=device)
    ),
}.items():
    before = weights(generator), weights(discriminator)
    take_step()
    g_moved = not torch.equal(before[0], weights(generator))
    d_moved = not torch.equal(before[1], weights(discriminator))
    print(f"{name:<21} generator moved: {g_moved!s:<6} discriminator moved: {d_moved}")

# %% [markdown]
# (BatchNorm's running averages inside the generator do move in both steps: they are statistics of
# what went through, not parameters, and no gradient is involved.)
#
# Now the two losses of the generator on real networks. An untrained generator stands still while the
# discriminator trains alone; after each of its steps we measure the norm of the gradient that the
# generator *would* get from either loss. **Predict** the shape of the two curves.

# %%
seed_everything(0)
still_generator = Generator(latent_dim, hidden_dim, 28).to(device)
eager_discriminator = Discriminator(28, hidden_dim).to(device)
eager_optimizer = torch.optim.Adam(eager_discriminator.parameters(), lr=1e-3)
head_start = at_scale(smoke=10, laptop=200, gpu=400)
gradients = History()


def gradient_norm(generator, discriminator, loss=lambda a: F.softplus(-a)):
    """Length of the gradient that the generator would get from a loss of its logits."""
    logits = discriminator(generator(torch.randn(batch_size, latent_dim, device=device)))
    return get_total_norm(torch.autograd.grad(loss(logits).mean(), generator.parameters()))


for real in watch(batches(images, batch_size, head_start), gradients):
    noise = torch.randn(batch_size, latent_dim, device=device)
    discriminator_step(still_generator, eager_discriminator, eager_optimizer, real, noise)
    players = still_generator, eager_discriminator
    gradients.add(
        saturating=gradient_norm(*players, loss=lambda a: -F.softplus(a)),
        non_saturating=gradient_norm(*players),
    )
figure = plot_history(
    gradients, title="The generator's gradient while the discriminator trains alone", smooth=1
)
figure.axes[0].set(yscale="log", ylabel="gradient norm", xlabel="steps of the discriminator")
show(figure)

# %% [markdown]
# The saturating gradient falls by orders of magnitude within a few dozen steps; the other one grows
# and stays. (Adam, the optimizer of the next section, divides by the size of the gradient and so hides
# much of the difference, as long as the gradient is not tiny.)
#
# ## 5 · Adam, and why its beta1 is 0.5 here
#
# The gradient of one batch is noisy, and some parameters have large gradients, others small ones. [Adam](glossary.ipynb#Adam)
# answers both with two running averages for each parameter: of its gradient $g$, which averages the
# noise away (people call it [momentum](glossary.ipynb#Momentum)), and of the square, which says how large gradients are here:
#
# $$ m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t , \qquad
#    v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 , \qquad m_0 = v_0 = 0 . $$
#
# Both start at 0, so at first they are too small. If $g$ were the same at every step, unrolling the
# recurrence and summing the geometric series would give
# $m_t = (1 - \beta_1) \sum_{i=0}^{t-1} \beta_1^i \, g = (1 - \beta_1^t)\, g$. Dividing by that factor
# [corrects the bias](glossary.ipynb#Bias-correction): exactly for such a $g$, on average for one that is noisy around a mean that
# stays, and roughly where the mean drifts, as in training. A step divides the first average by the root
# of the second, so that its length is about the [learning rate](glossary.ipynb#Learning-rate) $\eta$ where the gradient keeps sign
# and size, and less where it swings, whatever its scale. For a parameter $\theta$ it is
#
# $$ \theta_t = \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon} , \qquad
#    \hat m_t = \frac{m_t}{1 - \beta_1^t} , \quad \hat v_t = \frac{v_t}{1 - \beta_2^t} . $$
#
# The small $\epsilon$, usually $10^{-8}$, keeps $0 / 0$ away where a gradient has always been 0. Usual
# values are $\beta_1 = 0.9$, which remembers about ten steps, and $\beta_2 = 0.999$, about a thousand.

# %% [markdown]
# ### Exercise · `adam_step(parameter, gradient, state, learning_rate, beta1, beta2, eps)`
# *8 minutes.* `parameter` and `gradient` have one shape; `state` is `(step, first_moment,
# second_moment)`, at first `(0, zeros, zeros)`. Return `(parameter, state)` after one step, as new
# tensors: nothing that came in may change. Ten steps should equal `torch.optim.Adam`'s. Mind what the
# step counter is at the first correction.


# %% exercise="first_gan.adam_step"
def adam_step(parameter, gradient, state, learning_rate, beta1, beta2, eps):
    """One update of Adam; returns the new parameter and the new state."""
    # BEGIN SOLUTION
    step, first_moment, second_moment = state
    step = step + 1
    first_moment = beta1 * first_moment + (1 - beta1) * gradient
    second_moment = beta2 * second_moment + (1 - beta2) * gradient**2
    first_corrected = first_moment / (1 - beta1**step)
    second_corrected = second_moment / (1 - beta2**step)
    parameter = parameter - learning_rate * first_corrected / (second_corrected.sqrt() + eps)
    return parameter, (step, first_moment, second_moment)
    # END SOLUTION


# %% check="first_gan.adam_step"
check("first_gan.adam_step", adam_step)

# %% [markdown]
# In ordinary training the loss stands still while you walk down on it, and a long memory helps: it
# averages the noise away. In a game the *other player moves*. What was downhill a few steps ago may be
# uphill now. How long does Adam keep walking in the old direction?
#
# Let the gradient be $+1$ for a long time, so $m \approx 1$, and then $-1$. After $k$ steps of that,
# unrolling the recurrence,
#
# $$ m = \beta_1^k \cdot 1 + (1 - \beta_1^k) \cdot (-1) = 2 \beta_1^k - 1 , $$
#
# which turns negative when $\beta_1^k < \tfrac12$, that is, when
# $k > \log 2 / \log(1 / \beta_1)$. **Predict** $k$ for $\beta_1 = 0.9$ and for $0.5$.

# %% tags=["nbval-check-output"]
paths = {}
for beta1 in (0.9, 0.5):
    position = torch.zeros(1, dtype=torch.float64)
    state = (0, torch.zeros_like(position), torch.zeros_like(position))
    path, turned = [], None
    for t in range(100):
        gradient = torch.full_like(position, 1.0 if t < 50 else -1.0)
        moved, state = adam_step(position, gradient, state, 0.01, beta1, 0.999, 1e-8)
        if t >= 50 and turned is None and moved > position:
            turned = t - 50 + 1
        position = moved
        path.append(position.item())
    paths[f"beta1 = {beta1}"] = path
    waits = math.log(2) / math.log(1 / beta1)
    print(f"beta1 = {beta1}: the formula says k > {waits:.2f}; Adam turns at its step {turned}")

# %%
figure, axis = plt.subplots(figsize=(6.4, 2.8))
for name, path in paths.items():
    axis.plot(range(40, 71), path[39:70], marker=".", label=name)
axis.axvline(50.5, linestyle="--", color="gray", label="the gradient flips its sign")
axis.set(title="How far Adam overshoots", xlabel="update", ylabel="parameter")
axis.legend()
show(figure)

# %% [markdown]
# With the usual $\beta_1 = 0.9$ the parameter runs on uphill for six steps; with 0.5 it
# stands still for one, and turns. Radford, Metz and Chintala report that 0.9 made their GANs oscillate and that 0.5 helped; it has
# been the habit ever since. The end of this lesson tries it.
#
# ## 6 · The whole thing
#
# One function trains a GAN from a seed. A round of the game is your two steps, and `fast` runs the round
# as fast as the device allows (lesson 17 shows how); everything else watches. The noise in
# [`fixed_noise`](glossary.ipynb#Fixed-noise) never changes: from time to time we look at what becomes of *the same* points, and every
# tenth round we measure the generator's gradient, as in section 4. Over the second half the learning
# rate falls to 0 in a straight line, which calms the last, restless part of the game.

# %%
fixed_noise = torch.randn(1000, latent_dim, generator=torch.Generator().manual_seed(7)).to(device)
looks = [max(1, steps * part // 128) for part in (1, 4, 16, 64, 128)]


def sample(generator, z):
    """Images for z, in eval mode and without a graph; the mode is put back."""
    generator.eval()
    with torch.no_grad():
        fake = torch.cat([generator(part) for part in z.split(1000)])
    generator.train()
    return fake.cpu()


def train(steps, seed, learning_rate=1e-3, beta1=0.5, d_step=discriminator_step):
    """A GAN from scratch; returns the generator, losses, its gradients, and snapshots by step."""
    seed_everything(seed)
    generator = Generator(latent_dim, hidden_dim, 28).to(device)
    discriminator = Discriminator(28, hidden_dim).to(device)
    g_optimizer, d_optimizer = (
        torch.optim.Adam(network.parameters(), learning_rate, (beta1, 0.999))
        for network in (generator, discriminator)
    )
    schedules = [
        LambdaLR(optimizer, lambda n: min(1, 2 * (1 - n / steps)))
        for optimizer in (g_optimizer, d_optimizer)
    ]

    def one_round(real):
        noise = torch.randn(2, batch_size, latent_dim, device=device)
        d_loss = d_step(generator, discriminator, d_optimizer, real, noise[0])
        g_loss = generator_step(generator, discriminator, g_optimizer, noise[1])
        return {"discriminator": d_loss, "generator": g_loss}

    networks, optimizers = (generator, discriminator), (g_optimizer, d_optimizer)
    play = fast(one_round, networks, optimizers, steps=steps, report=print)
    history, gradients, snapshots = History(), History(), {0: sample(generator, fixed_noise)}
    for step, real in enumerate(watch(batches(images, batch_size, steps), history), 1):
        history.add(**play(real))
        if step % 10 == 0:
            gradients.add(step=step, norm=gradient_norm(generator, discriminator))
        for schedule in schedules:
            schedule.step()
        if step in looks:
            snapshots[step] = sample(generator, fixed_noise)
    return generator, history, gradients, snapshots


# %%
generator, history, gradients, snapshots = train(steps, seed=0)

# %% [markdown]
# Each column below is one point $z$, each row a moment of the training, named by its step.

# %%
figure = plot_images(
    torch.cat([fakes[:12] for fakes in snapshots.values()]),
    columns=12,
    title="Twelve points of latent space, after more and more steps",
    value_range=(-1, 1),
    row_titles=[f"{step:,}" for step in snapshots],
)
show(figure)

# %% [markdown]
# First gray noise, then a bright blob in the middle of the black, then strokes, then digits. Not all of
# them: some columns end in something that no one would read. Before we count, the curves.
# **Predict.** The pictures get better from row to row. Does the generator's loss fall?

# %%
no_idea = 2 * math.log(2)


def plot_run(history, gradients, title):
    """Losses with the line 2 log 2, and the norm of the generator's gradient."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3))
    plot_history(history, ["discriminator", "generator"], title, ylabel="loss (nats)", axes=left)
    left.axhline(no_idea, linestyle="--", color="gray", linewidth=1)
    left.annotate("2 log 2", (len(history), no_idea), va="bottom", ha="right", color="gray")
    left.set_ylim(bottom=min(0, left.get_ylim()[0]))
    right.plot(gradients["step"], gradients["norm"])
    right.set(title="The generator's gradient", yscale="log", xlabel="step", ylabel="norm")
    return figure


show(plot_run(history, gradients, "A healthy run"))
confidences = [judge(fakes)[1].mean().item() for fakes in snapshots.values()]
quarter = len(history) // 4
print(f"generator's loss, first quarter {history['generator'][:quarter].mean():.2f}", end=", ")
print(f"last quarter {history['generator'][-quarter:].mean():.2f} nats")
print("classifier's mean confidence at the rows of the picture:", end=" ")
print(", ".join(f"{confidence:.2f}" for confidence in confidences))

# %% [markdown]
# The images improve a lot, and the losses hardly move. **A GAN's loss does not measure quality**: each
# loss is relative to the other player, who improves at the same time. What the curves do tell is whether
# the game is *alive*:
#
# - the discriminator's loss stays below 1.386 (it can tell something) and well above 0 (not everything),
# - neither loss runs away,
# - the generator's gradient keeps its size.
#
# Now count: how many of the ten digits occur, and how sure is the classifier?

# %%
fakes = sample(generator, torch.randn(sample_count, latent_dim, device=device))
show(plot_images(fakes[:48], 16, "Samples at the end (none chosen)", value_range=(-1, 1)))
count_digits("real test images", test_images[:sample_count])
results = {0: count_digits("GAN, seed 0", fakes)}

# %% [markdown]
# One run is an anecdote. The same training from two more seeds:

# %%
for seed in (1, 2):
    other_generator, *_ = train(steps, seed)
    z = torch.randn(sample_count, latent_dim, device=device)
    results[seed] = count_digits(f"GAN, seed {seed}", sample(other_generator, z))
covered, confidence = torch.tensor([list(pair) for pair in results.values()]).T
print(
    f"three seeds: {covered.min():.0f} to {covered.max():.0f} digits covered, "
    f"mean confidence {confidence.mean():.3f}, standard deviation {confidence.std():.3f}"
)

# %%
figure, axis = plt.subplots(figsize=(7, 2.8))
for number, (name, group) in enumerate({"real": test_images, "GAN, seed 0": fakes}.items()):
    shares = judge(group)[0].bincount(minlength=10) / len(group)
    places = [digit + 0.4 * number - 0.2 for digit in range(10)]
    axis.bar(places, shares.tolist(), width=0.4, label=name)
axis.axhline(0.1, linestyle="--", color="gray", linewidth=1)
axis.set(title="Which digits?", xlabel="digit, as the classifier reads it", ylabel="share")
axis.set_xticks(range(10))
axis.margins(y=0.25)
axis.legend(loc="upper center", ncols=2)
show(figure)

# %% [markdown]
# All ten digits, though not in equal shares: nothing in the game asks for equality beyond the
# discriminator's chance of noticing. And the classifier is less sure than of real digits, because a
# part of the samples lies between digits. Convolutions (lesson 10) and better losses (lesson 11) close
# much of that gap.
#
# ## 7 · A run that dies
#
# A listing that circulates in print has this discriminator step: both times the images come from the
# generator, and both times the label is 1. Reals never occur, and no error is raised. **Predict**: what will the two losses do?


# %%
def broken_step(generator, discriminator, optimizer, real, noise):
    """As printed: fakes in both places, the label 1 in both places."""
    fake = generator(noise).detach()
    loss = 2 * F.softplus(-discriminator(fake)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


dead_generator, dead_history, dead_gradients, _ = train(short_steps, seed=0, d_step=broken_step)
show(plot_run(dead_history, dead_gradients, "A dying run"))
dead_fakes = sample(dead_generator, torch.randn(sample_count, latent_dim, device=device))
show(plot_images(dead_fakes[:16], 16, "Samples of the dead run", value_range=(-1, 1)))
for name, norms in {"alive": gradients["norm"], "dead": dead_gradients["norm"]}.items():
    norm = norms[-len(norms) // 10 :].median()
    print(f"gradient norm of the generator at the end, {name}: {norm:.1e}")
for name, group in {"GAN, seed 0": fakes, "dead run": dead_fakes}.items():
    count_digits(name, group)

# %% [markdown]
# Both losses fall to 0, quickly and smoothly: the prettiest curves of this lesson, and the samples are
# noise. The discriminator has learned to call everything real, so the generator is told that all is
# well; its gradient has [vanished](glossary.ipynb#Vanishing-gradient), and it has stopped. In supervised learning a loss near 0 is what you
# hope for. Here **a loss that reaches 0 is an alarm**, whichever player's it is.
#
# | what you see | what it means | what to try |
# |---|---|---|
# | discriminator's loss to 0, generator's loss grows | the discriminator has won; the fakes are too easy to tell | dropout or label smoothing for it, a slower learning rate, a look at the value ranges |
# | both losses to 0, gradient vanishes | the discriminator calls everything real | are the reals in its loss? are the fakes labeled 0? |
# | discriminator's loss stays at 1.386, logits near 0 | it learns nothing: or the two are alike, which the samples will tell | is its optimizer stepping? is it too small? |
# | losses swing wider and wider | both overshoot | smaller learning rates, `beta1` 0.5 |
# | healthy curves, samples all alike | [mode collapse](glossary.ipynb#Mode-collapse), which no loss shows | count digits; lesson 11 |
#
# ## 8 · The same curves in TensorBoard
#
# For longer runs people log to TensorBoard, which draws while the training goes on and lays runs over one
# another. A log writes scalars and pictures to a folder, one folder a run; `EventLog` writes a `History`
# through PyTorch's `SummaryWriter`, every tenth step. Here it goes to a temporary folder, and we read it
# back to see that all arrived.

# %%
with tempfile.TemporaryDirectory() as folder:
    for name, column in {"healthy": history, "dying": dead_history}.items():
        with EventLog(Path(folder, name), every=10) as log:
            log.add_history(column)
    with EventLog(Path(folder, "healthy")) as log:
        for step, pictures in snapshots.items():
            log.add_images("samples", pictures[:12], step, value_range=(-1, 1))

    for name, column in {"healthy": history, "dying": dead_history}.items():
        events = EventAccumulator(str(Path(folder, name))).Reload()
        logged = [event.value for event in events.Scalars("discriminator")]
        assert torch.allclose(torch.tensor(logged), column["discriminator"][9::10])
        print(f"{name}: {', '.join(column.names)}, {len(logged)} points of each")

# %% [markdown]
# In your own project, write to a folder such as `runs/healthy`, give the log to `watch(…, log=log)`, which
# writes while the training goes on, and in a second terminal run `tensorboard --logdir runs`. It prints
# an address; open it.
#
# ## 9 · Change one thing
#
# **First: `beta1 = 0.9`.** All else equal, for a short run. Does it oscillate, as the paper says of its
# convolutional networks? Compare the spread of the discriminator's loss over the last half and the
# classifier's confidence with a short run at 0.5.

# %%
# your experiment: train(short_steps, seed=0, beta1=...)

# %% tags=["solution"]
for beta1 in (0.5, 0.9):
    trial, trial_history, *_ = train(short_steps, seed=0, beta1=beta1)
    late = trial_history["discriminator"][short_steps // 2 :]
    print(f"beta1 {beta1}: discriminator's loss {late.mean():.3f}, spread {late.std():.3f} nats")
    z = torch.randn(sample_count, latent_dim, device=device)
    count_digits(f"  beta1 {beta1}", sample(trial, z))

# %% [markdown] tags=["solution"]
# Nothing swings. With 0.9 the discriminator wins outright: its loss goes to nearly 0, and the generator,
# whose gradient it no longer serves, is left with one digit. What the paper calls an oscillation of its
# convolutional networks is another death here, of the same cause: a long memory in a game whose
# ground moves. One short run from one seed, though; try others before you trust it.

# %% [markdown]
# **Second: label smoothing.** Write a discriminator step with `smooth=0.1` and train a short run with
# `d_step=` it. The smallest loss that a perfect discriminator could reach is no longer 0. What is it,
# and what does the smoothing do to how sure it becomes?

# %%
# your experiment: def smoothed_step(generator, discriminator, optimizer, real, noise): ...


# %% tags=["solution"]
def smoothed_step(generator, discriminator, optimizer, real, noise):
    fake = generator(noise).detach()
    loss = discriminator_loss(discriminator(real), discriminator(fake), smooth=0.1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


floor = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
print(f"a perfect discriminator says 0.9 to reals and pays the entropy of its target: {floor:.3f}")
trial, trial_history, *_ = train(short_steps, seed=0, d_step=smoothed_step)
z = torch.randn(sample_count, latent_dim, device=device)
count_digits("  smoothed", sample(trial, z))
late = trial_history["discriminator"][short_steps // 2 :]
print(f"discriminator's loss with smoothing {late.mean():.3f} nats, spread {late.std():.3f}")

# %% [markdown] tags=["solution"]
# Where no image is both real and fake, a perfect discriminator pays nothing for the fakes. The floor is
# then the entropy of the target, $-0.9 \log 0.9 - 0.1 \log 0.1 = 0.325$ nats, reached where $D$ says
# 0.9 to every real, a logit of $\log 9 = 2.2$. Beyond that the loss rises again, so no logit has a reason
# to grow. In this run it changes little: with a loss near 1.3 the discriminator is never that sure of
# anything. It helps where the discriminator is winning.

# %% [markdown]
# ## What you take along
#
# 1. Two steps take turns: the discriminator's cuts the graph at the fakes, the generator's goes through
#    the discriminator and leaves nothing in it. The generator minimizes $-\log D$, not $\log(1 - D)$.
# 2. In a game the loss does not measure quality. Alive means: discriminator between 0 and $2 \log 2$,
#    the generator's gradient of steady size. A loss at 0 is an alarm.
# 3. Judge a generator by what it makes: samples from fixed noise, what a classifier counts, and more
#    than one seed.
#
# **References.** Goodfellow and others (2014), arXiv 1406.2661, section 3 for the non-saturating loss ·
# Kingma and Ba (2014), arXiv 1412.6980, algorithm 1 · Radford, Metz and Chintala (2015), arXiv 1511.06434,
# section 4 for `beta1` · Salimans and others (2016), *Improved Techniques for Training GANs*, arXiv
# 1606.03498, section 3.4 for one-sided label smoothing · Arjovsky and Bottou (2017), *Towards Principled
# Methods for Training Generative Adversarial Networks*, arXiv 1701.04862, for the vanishing gradient.
#
# **Next** is 10_dcgan: the same game with convolutions, in color.
