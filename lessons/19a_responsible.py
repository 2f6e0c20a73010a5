# %% [markdown]
# # 19a · Audit a model: copies, members, groups
#
# A generator was shown thousands of pictures. Which of them does it give back? Can somebody find out that *your* picture was among them? And does it draw everybody as often as they
# occur? Three audits answer with numbers, each calibrated on images that nobody trained on, each with an interval, and each first tried where the answer is known. You will meet an audit
# that sees nothing where another one sees nearly a third of all samples.
#
# ![Samples above, the training image that is nearest below; and how often one of ten copied images is the nearest](../images/19a_responsible.png)
#
# <details><summary>中文导读</summary>
#
# 本课对生成模型做三种审计。第一,记忆:样本到最近训练图像的距离,用没有参与训练的图像校准阈值,得到“记忆率”及其区间;
# 再用另一种标尺:样本离训练集更近,还是离同样大小的留出集更近,若没有记忆,比例应为 1/2(条件是两个集合可交换,课中推导并验证)。
# 我们在 500 张、60,000 张以及含大量重复图像的训练集上各训练 VAE 与 GAN,每种三个随机种子。
# 第二,成员推断:仅凭模型的损失判断一张图像是否在训练集中,画出 ROC 曲线,并推导泛化差距如何直接给出攻击者的优势。
# 第三,偏差:用 Wilson 区间比较各组在数据与样本中的比例,并测量截断与模式坍塌怎样进一步压低少数组。术语的中英对照见 [glossary](glossary.ipynb)。
#
# </details>
#
# **You will be able to**
# - measure how many samples are copies, with a threshold that means something, and say what the threshold cannot see,
# - test whether a model leaks its members, and derive why overfitting alone is a leak,
# - compare a model's groups with the data's by intervals, and say what truncation and collapse do to a minority.
#
# **Time** 90 minutes · **Builds on** 05_vae, 09_first_gan, 12_evaluation · **Papers** Meehan, Chaudhuri and Dasgupta (2020), *A Non-Parametric Test to Detect Data-Copying in Generative Models*,
# arXiv 2004.05675; Carlini and others (2023), *Extracting Training Data from Diffusion Models*, arXiv 2301.13188; Yeom, Giacomelli, Fredrikson and Jha (2018), *Privacy Risk in Machine Learning*,
# arXiv 1709.01604; van den Burg and Williams (2021), *On Memorization in Probabilistic Deep Generative Models*, arXiv 2106.03216.

# %% tags=["folded"]
import itertools
from statistics import NormalDist

import torch
import torch.nn.functional as F
from torch import nn

from course_lib import audits, metrics
from course_lib.audit_plots import (
    plot_distances,
    plot_membership,
    plot_roc,
    plot_shares,
    plot_truncation,
    plot_two_audits,
)
from course_lib.checks import check
from course_lib.data import load_mnist
from course_lib.fast import fast
from course_lib.losses import nonsaturating_generator_loss, value_function
from course_lib.metrics import wilson_interval
from course_lib.plotting import plot_images, show
from course_lib.probability import bernoulli_log_likelihood, kl_to_standard_normal
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything

seed_everything(0)
device = pick_device()
latent_dim, width, batch_size = 8, at_scale(smoke=16, laptop=128, gpu=256), 64
vae_steps = at_scale(smoke=8, laptop=3_000, gpu=30_000)  # of each of the nine VAEs
gan_steps = at_scale(smoke=8, laptop=1_500, gpu=30_000)  # rounds of each of the nine GANs
group_steps = at_scale(smoke=8, laptop=1_500, gpu=15_000)  # of each of the nine runs of section 7
seeds = (0, 1, 2)
drawn = at_scale(smoke=60, laptop=600, gpu=5_000)  # samples that a model is audited by
fresh_count = at_scale(smoke=101, laptop=1_001, gpu=5_001)  # held-out images that set a threshold
print(f"scale {course_scale()} on {device}: {vae_steps:,} steps a VAE, {gan_steps:,} rounds a GAN")

# %% [markdown]
# ## 1 · Three training sets, and a split that we made ourselves
#
# All that follows rests on one sentence: *the held-out images might as well have been trained on*. MNIST's own test set does not obey it (other people wrote it). So we pool all 70,000, shuffle, and keep 10,000 back ourselves: which image went where was decided by chance alone, that is, training and held-out images are
# **[exchangeable](glossary.ipynb#Exchangeable)**. To fit eighteen trainings into minutes, images are halved to 14 × 14 by averaging 2 × 2 pixels.
#
# - **500**: five hundred images. A small collection of something rare.
# - **60,000**: all that is not held out.
# - **copies**: 30,000 of these, and ten others that come 3,000 times each: half of the set is ten pictures. So it is with pictures from the web: the most shared ones come again and again.

# %%
pool = [load_mnist(split, device=device) for split in ("train", "test")]
images = F.avg_pool2d(torch.cat([each for each, _ in pool]), 2)
labels = torch.cat([each for _, each in pool])
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0)).to(device)
kept, held = images[order[:60_000]], images[order[60_000:]]
kept_labels, held_labels = labels[order[:60_000]], labels[order[60_000:]]
ten = kept[50_000:50_010]
train_sets = {
    "500": kept[:500],
    "60,000": kept,
    "copies": torch.cat([kept[:30_000], ten.repeat_interleave(3_000, dim=0)]),
}
distinct = {**train_sets, "copies": torch.cat([kept[:30_000], ten])}  # each image once, to search
fresh, others = held[:fresh_count], held[fresh_count:]
show(
    plot_images(
        torch.cat([kept[:10], ten, held[:10]]),
        10,
        "14 × 14",
        row_titles=["training", "the ten", "held out"],
    )
)

# %% [markdown]
# ## 2 · How near is too near?
#
# A sample at distance 1.3 from its nearest training image: is that a copy? The number says nothing by itself. Two honest 1s are always near to each other, two 8s never; and with 60,000 images around, *something* is near to everything. A
# distance needs a yardstick: **how near do images come that nobody trained on?**

# %% tags=["folded"]
show(plot_two_audits())

# %% [markdown]
# On the left: take held-out images, find for each its nearest training image, and let the threshold be a low quantile of these distances, say the 0.05-quantile. Samples below it are nearer than 95 % of fresh images are: their share is the **[memorization rate](glossary.ipynb#Memorization-rate)**. What would a perfect generator score, one that draws
# from the true distribution and remembers nothing?
#
# 1. **Assumption.** Given the training set, its sample and the $M$ held-out images are independent draws of one distribution; no two distances are equal.
# 2. Then the sample's distance is one of $M + 1$ exchangeable numbers: each of the $M + 1$ ranks is equally probable.
# 3. With the threshold at the $k$-th smallest of the $M$, the sample lies strictly below it exactly if its rank is at most $k$: probability $\dfrac{k}{M + 1}$.
# 4. `torch.quantile` puts the $q$-quantile at place $q (M - 1)$, counted from 0; where that is whole, $k = q (M - 1) + 1$. So **fresh images score $\dfrac{q (M - 1) + 1}{M + 1}$**, which is about $q$ for large $M$.
#
# ### Exercise · `memorization_rate(samples, train, test, quantile)`
# *12 minutes.* All three are images `(N, C, H, W)`, `(M, C, H, W)`, `(T, C, H, W)` of one shape: samples of a model, its training images, and images that were held out. Each image's distance is the Euclidean one, of flat images, to the *nearest training image*. The threshold is the `quantile` of the
# test images' distances, as `torch.quantile` defines it. Return the share of samples strictly below it.


# %% exercise="responsible.memorization_rate"
def memorization_rate(samples, train, test, quantile):
    """The share of samples nearer to a training image than the `quantile` of fresh images is."""

    # BEGIN SOLUTION
    def nearest(images):
        return torch.cdist(images.flatten(1), train.flatten(1)).amin(dim=1)

    threshold = nearest(test).quantile(quantile)
    return (nearest(samples) < threshold).float().mean()
    # END SOLUTION


# %% check="responsible.memorization_rate"
check("responsible.memorization_rate", memorization_rate)

# %% [markdown]
# Before an audit meets a model it meets cases whose answer is known. **Predict** the rate of: the training images themselves; fresh images; fresh images with a little noise; noise alone.

# %%
known = {
    "training images": kept[:500],
    "fresh images": others[:2_000],
    "training images + noise": (kept[:500] + 0.03 * torch.randn_like(kept[:500])).clamp(0, 1),
    "fresh images + noise": (others[:500] + 0.03 * torch.randn_like(others[:500])).clamp(0, 1),
    "noise alone": torch.rand_like(kept[:500]),
}
law = (0.05 * (fresh_count - 1) + 1) / (fresh_count + 1)  # line 4
for name, some in known.items():
    rate = float(memorization_rate(some, train_sets["500"], fresh, 0.05))
    low, high = wilson_interval(round(rate * len(some)), len(some))
    print(f"{name:<24} {rate:6.1%}  (95 % interval {low:.1%} to {high:.1%})")
print(f"line 4 promises {law:.2%} for fresh images")

# %% [markdown]
# An interval around one rate does not verify line 4: it holds on average over thresholds, too. So draw everything anew, two thousand times, with any distribution whatever (the law asks for none).

# %% tags=["nbval-check-output"]
toss = torch.Generator().manual_seed(0)
M, q, trials = 41, 0.1, 2_000
train_points = torch.rand(30, 1, 1, 3, generator=toss)
rates = []
for _ in range(trials):
    both = torch.rand(M + 20, 1, 1, 3, generator=toss) ** 2
    rates.append(float(memorization_rate(both[M:], train_points, both[:M], q)))
mean, error = torch.tensor(rates).mean().item(), torch.tensor(rates).std().item() / trials**0.5
expected = (q * (M - 1) + 1) / (M + 1)
print(f"average rate {mean:.4f} ± {error:.4f}; line 4: {expected:.4f}; q itself: {q}")
assert abs(mean - expected) < 4 * error < abs(mean - q)

# %% [markdown]
# ## 3 · Eighteen models
#
# A VAE and a GAN, each on each of the three sets, with three seeds: lessons 05 and 09 with small layers, the VAE's pixels as shades of gray in the Bernoulli likelihood, the GAN with lesson 11's R1 penalty. Their steps are known to you; only the data differ.


# %%
def layers(*sizes):
    """Linear layers of these sizes, LeakyReLU between them."""
    parts = [
        part for pair in itertools.pairwise(sizes) for part in (nn.Linear(*pair), nn.LeakyReLU(0.2))
    ]
    return nn.Sequential(*parts[:-1])


def new_vae():
    encoder = nn.Sequential(nn.Flatten(), layers(196, width, 2 * latent_dim))
    return encoder.to(device), layers(latent_dim, width, width, 196).append(
        nn.Unflatten(1, (1, 14, 14))
    ).to(device)


def nats(encoder, decoder, images, noise):
    """Minus the evidence lower bound, `(B,)`."""
    mean, log_var = encoder(images).chunk(2, dim=1)
    logits = decoder(mean + torch.exp(log_var / 2) * noise)
    return kl_to_standard_normal(mean, log_var) - bernoulli_log_likelihood(logits, images)


def train_vae(data, seed, steps):
    seed_everything(seed)
    encoder, decoder = new_vae()
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)

    def step(images):
        loss = nats(
            encoder, decoder, images, torch.randn(len(images), latent_dim, device=device)
        ).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    learn = fast(step, (encoder, decoder), optimizer, steps=steps, precision="float32")
    for images in batches(data, batch_size, steps):
        learn(images)
    return encoder.requires_grad_(False), decoder.requires_grad_(False)


# %%
def new_generator():
    hidden = [
        part
        for size in (latent_dim, width)
        for part in (nn.Linear(size, width), nn.BatchNorm1d(width), nn.ReLU())
    ]
    return nn.Sequential(
        *hidden, nn.Linear(width, 196), nn.Sigmoid(), nn.Unflatten(1, (1, 14, 14))
    ).to(device)


def train_gan(data, seed, steps, r1_weight=0.1, rate=5e-4):
    seed_everything(seed)
    generator, discriminator = (
        new_generator(),
        nn.Sequential(nn.Flatten(), layers(196, 2 * width, 2 * width, 1)).to(device),
    )
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=rate, betas=(0.5, 0.999))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=rate, betas=(0.5, 0.999))

    def step(real):
        fake = generator(torch.randn(len(real), latent_dim, device=device))
        real = real.clone().requires_grad_()
        real_logits = discriminator(real)
        (slope,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
        penalty = r1_weight / 2 * slope.flatten(1).square().sum(dim=1).mean()
        d_loss = penalty - value_function(real_logits, discriminator(fake.detach()))
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        g_loss = nonsaturating_generator_loss(discriminator(fake))
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        return d_loss

    learn = fast(
        step,
        (generator, discriminator),
        (g_optimizer, d_optimizer),
        steps=steps,
        precision="float32",
    )
    for real in batches(data, batch_size, steps):
        learn(real)
    return generator.eval().requires_grad_(False), discriminator.requires_grad_(False)


# %%
vaes, gans, samples = {}, {}, {}
for name, data in train_sets.items():
    for seed in seeds:
        vaes[name, seed] = train_vae(data, seed, vae_steps)
        gans[name, seed] = train_gan(data, seed, gan_steps)
        z = torch.randn(drawn, latent_dim, device=device)  # after the training: drawn by its seed
        samples["VAE", name, seed] = vaes[name, seed][1](z).sigmoid()
        samples["GAN", name, seed] = gans[name, seed][0](z)
print(f"{len(vaes)} VAEs and {len(gans)} GANs; {drawn} samples of each")

# %% [markdown]
# ## 4 · The first audit
#
# **Predict**: which of the six kinds of model has the highest memorization rate, and how high is it? Write your number down. Each row has the median of the three seeds, what they range over, and the 95 % interval of the first seed's rate from its samples alone.


# %%
def spread(values):
    ordered = sorted(values)
    return f"{ordered[1]:6.1%}  ({ordered[0]:.1%} to {ordered[-1]:.1%})"


def rates_of(family, name):
    return [
        float(memorization_rate(samples[family, name, seed], distinct[name], fresh, 0.05))
        for seed in seeds
    ]


print(f"{'':<14}rate   (three seeds)        interval of seed 0; {law:.1%} would be chance")
for family in ("VAE", "GAN"):
    for name in train_sets:
        rate = rates_of(family, name)
        low, high = wilson_interval(round(rate[0] * drawn), drawn)
        print(f"{family} {name:<8}{spread(rate):<28} {low:.1%} to {high:.1%}")

# %%
for family in ("VAE", "GAN"):
    rows = []
    for name in train_sets:
        some = samples[family, name, 0][:12]
        rows += [some, distinct[name][audits.nearest(some, distinct[name])[1]]]
    titles = [part for name in train_sets for part in (name, "nearest")]
    show(
        plot_images(
            torch.cat(rows),
            12,
            f"{family}: samples, not chosen, and the nearest training image",
            row_titles=titles,
            size=0.7,
        )
    )

# %% [markdown]
# Nothing. The VAE on copies has 5.2 % (4.3 to 6.3), where fresh images have 5.1 %; all others lie *below* chance, the GANs at 0. One could end here, with three seeds and intervals: «no memorization found». But look at the fifth row of the VAE: the fourth sample and the sixth are one and the same slanted 7, with one training image below both. The audit has just been shown copies and does not see them. Before you read on: why?
#
#
# Look at what the threshold is made of. Which digits are the held-out images below it?

# %%
distance, _ = audits.nearest(fresh, train_sets["500"])
threshold = distance.quantile(0.05)
below = held_labels[:fresh_count][distance < threshold]
print(
    f"threshold {threshold:.2f}; below it: {len(below)} held-out images, of which are a 1: {(below == 1).float().mean():.0%}"
)
print(
    "median distance of each digit:",
    ", ".join(
        f"{digit}: {distance[held_labels[:fresh_count] == digit].median():.2f}"
        for digit in range(10)
    ),
)
panels = {
    f"{family}, {name}": (
        audits.nearest(samples[family, name, 0], distinct[name])[0].cpu(),
        audits.nearest(fresh, distinct[name])[0].cpu(),
        audits.nearest(fresh, distinct[name])[0].quantile(0.05).cpu(),
    )
    for family, name in (("VAE", "500"), ("VAE", "copies"), ("GAN", "copies"))
}
show(plot_distances(panels, "Samples (orange), held-out images (gray), the threshold (dashed)"))

# %% [markdown]
# All fifty are 1s. Half of the 1s come as near as 0.98 to a training image; of the other digits half come no nearer than 2.0 (a 9) to 2.8 (a 2). A quantile over *all* digits is a threshold that only a 1 can pass. And the samples stay outside for another reason as well: a VAE's are softer than images, a GAN's are speckled, and both add to the distance of a copy. Our controls of section 2 were copies with a little noise:
# too easy. **An audit that finds nothing has to show that it could have found what you fear, in the form in which the model would make it.**
#
#
# ## 5 · The second audit: whose side is it on?
#
# On the right of the diagram: give each sample two sets to choose from, its training images and **as many held-out ones**, and ask which is nearer. The sample brings its own yardstick: a 1 is compared with 1s on both sides.
#
# 1. **Assumption.** The two sets were parted by chance: every way to part their union into halves was equally probable. The model trained on one of them and *remembers nothing of which*, that is, its samples do not depend on the parting, given the union.
# 2. Fix a sample and the union. Its nearest image in the union is one certain image (no ties).
# 3. Chance put that image into the training half with probability $\tfrac12$.
# 4. So the sample is nearer to the training half with probability **exactly $\tfrac12$**, whatever the samples look like: blurred, noisy, all of one kind.
#
# A rate above 1/2 thus speaks against line 1's second sentence: memory. But mind the *spread*: line 3 is one toss for each image of the union, not for each sample. Samples that share a nearest image share its toss, and Wilson's interval, which counts each sample as a toss of its own, may be much too narrow. The right spread can be derived. Let $k_j$ samples
# have image $j$ of the $n$ as their nearest one, $K = \sum_j k_j$, and $t_j = \pm\tfrac12$ say into which half $j$ came, so that the rate is $\tfrac12 + \sum_j k_j t_j / K$.
#
# 5. Halves of one size: $\sum_j t_j = 0$ always. Its variance $0 = n \cdot \tfrac14 + n (n-1)\, \mathbb E\, t_i t_j$ gives $\mathbb E\, t_i t_j = -\tfrac{1}{4 (n - 1)}$ for $i \ne j$. So the variance of $\sum_j k_j t_j$ is
#    $\tfrac14 \sum_j k_j^2 - \tfrac{1}{4(n-1)} \big(K^2 - \sum_j k_j^2\big) = \tfrac{n}{4 (n - 1)} \big(\sum_j k_j^2 - K^2 / n\big)$, and the rate spreads by
#    $\dfrac{1}{2 K} \sqrt{\dfrac{n}{n - 1} \Big(\sum_j k_j^2 - \dfrac{K^2}{n}\Big)}$.
#
# For images that no model saw we can part anew as often as we like, and compare.


# %%
def spread_of_chance(index, union_size):
    """Line 5: by how much the rate spreads over partings into halves, `index` the nearest images."""
    times = index.bincount(minlength=union_size).double()
    total = times.sum()
    squares = times.square().sum() - total**2 / union_size
    return ((union_size / (union_size - 1) * squares).sqrt() / total / 2).item()


partings = at_scale(smoke=20, laptop=100, gpu=400)
union, judged = held[:1_000], held[1_000 : 1_000 + drawn]
nearest_one = audits.nearest(judged, union)[1]
rates = []
for seed in range(partings):
    half = torch.zeros(1_000, dtype=torch.bool, device=device)
    half[torch.randperm(1_000, generator=torch.Generator().manual_seed(seed))[:500].to(device)] = (
        True
    )
    rates.append(half[nearest_one].float().mean().item())
rates = torch.tensor(rates)
wilson_std = 0.5 / drawn**0.5
print(
    f"{drawn} fresh images, 500 against 500, parted {partings} times: mean {rates.mean():.3f}, spread {rates.std():.3f};",
    end=" ",
)
print(f"independent tosses would spread {wilson_std:.3f}")
assert abs(rates.mean() - 0.5) < 4 * rates.std() / partings**0.5
predicted = spread_of_chance(nearest_one, len(union))
print(f"line 5, from how often each image is the nearest one: {predicted:.3f}")
assert abs(rates.std() / predicted - 1) < 4 / (2 * partings) ** 0.5

# %% [markdown]
# The audit of a model has its $k_j$, too, so it can say by itself how many standard errors a rate is from 1/2.


# %%
def side_audit(some, name):
    """(share nearer to the training half, its standard error by chance)."""
    train = distinct[name]
    count = min(len(train), 5_000)
    half = train[-count:] if name == "copies" else train[:count]  # the ten are among the last
    union = torch.cat([half, held[:count]])
    index = audits.nearest(some, union)[1]
    times = index.bincount(minlength=len(union)).double()
    return (index < count).float().mean().item(), (
        times.square().sum().sqrt() / times.sum() / 2
    ).item()


print(f"{'':<14}nearer to training (three seeds)   standard errors above 1/2, by seed")
for family in ("VAE", "GAN"):
    for name in train_sets:
        found = [side_audit(samples[family, name, seed], name) for seed in seeds]
        above = ", ".join(f"{(rate - 0.5) / error:+.1f}" for rate, error in found)
        print(f"{family} {name:<8}{spread([rate for rate, _ in found]):<34} {above}")

# %% [markdown]
# The same samples, and now there is something to see. The VAE on 500 images: 63.8 % (62.0 to 66.2), 3.5 to 4.5 standard errors above one half; on 60,000 images 49.2 %, less than half an error from it. For the GAN on 500 it is 55.5 %, but its three seeds say 49.8 to 58.8 %, and the lowest of them lies at 1/2: that run alone would have shown nothing, and the three together show little. On copies both families stand at 65 to 69 %, with fewer
# errors than the rate promises (2.4 to 2.9), since ten images decide for so many samples: few tosses, each of much weight. Line 5 knew it, Wilson would not have.
#
#
# For the set with copies one can ask straight: how often is one of *the ten* the nearest training image? They are 10 of 30,010 images, so for fresh images hardly ever; they were half of what the model was shown, so for a generator that has learned its training set, half of the time.

# %%
hits = {}
for label, some in {
    "fresh images": fresh,
    **{f"{f} seed {s}": samples[f, "copies", s] for f in ("VAE", "GAN") for s in seeds},
}.items():
    count = int((audits.nearest(some, distinct["copies"])[1] >= 30_000).sum())
    hits[label] = [count / len(some), *wilson_interval(count, len(some))]
for label, (rate, low, high) in hits.items():
    print(f"{label:<14} nearest is one of the ten: {rate:.1%} ({low:.1%} to {high:.1%})")
show(
    plot_shares(
        [*hits],
        {"share": [*hits.values()]},
        "Nearest training image is one of the ten that were copied",
    )
)

# %% [markdown]
# Three samples in ten, for both families and every seed, have one of *ten* pictures as their nearest of 30,010; of fresh images one in a thousand has. The models were shown these ten in half of the cases, so they have learned what they were given, and the softness between the modes takes the rest. This is the kind of memory that matters most in practice: what comes again and again in a collection is what a model gives back (Carlini and others, 2023, looked
# for copies in a large diffusion model among its most duplicated training images, and found them). The cure is cheap and comes before training: remove duplicates.
#
#
# ## 6 · Membership: was my picture in it?
#
# A model can leak without drawing a copy. Somebody holds a picture, and the model, and asks: *was this one in the training set?* That alone may be harmful, where being in the set says something about a person. It is called [membership inference](glossary.ipynb#Membership-inference). The attack is
# the simplest thing: a model does better on what it was trained on, so call a member whatever has a small loss. How much does it win? Let the loss $\ell$ lie in $[0, L]$, and let the attacker be as likely to meet a member as another image.
#
# 1. An attack that tosses: say «member» with probability $1 - \ell(x) / L$.
# 2. True positive rate: $\mathrm{TPR} = 1 - \mathbb E_{\text{train}}\, \ell \,/ L$; false positive rate: $\mathrm{FPR} = 1 - \mathbb E_{\text{fresh}}\, \ell \,/ L$.
# 3. The *advantage* is their difference: $\;\mathrm{TPR} - \mathrm{FPR} = \dfrac{\mathbb E_{\text{fresh}}\, \ell - \mathbb E_{\text{train}}\, \ell}{L}$: **the generalization gap, divided by the range** (Yeom and others, 2018).
# 4. Since $1 - \ell / L = \int_0^L \mathbf 1[\ell < t]\, \mathrm dt / L$, this attack is a mixture of thresholds. An average is at most its largest member: *some* threshold $t$ has an advantage of at least the gap over $L$.
#
# On the left a threshold on losses whose laws we chose, on the right what all thresholds make.

# %% tags=["folded"]
show(plot_membership())

# %% [markdown]
# Sweep the threshold: the true positive rate over the false positive rate is the [ROC curve](glossary.ipynb#ROC-curve), and the area under it (AUC) is the chance that a member has a smaller loss than another image, 1/2 for an attack that
# knows nothing. So **overfitting is a leak**, by arithmetic. (Not the other way round: a model without a gap on average may still betray single images.) The loss here is the negative bound at $z$ = the encoder's mean, in nats; $L$ is the largest one seen, which bounds all that are used.


# %%
@torch.no_grad()
def losses(model, some):
    return nats(*model, some, torch.zeros(len(some), latent_dim, device=device))


def best_advantage(members, fresh):
    """The largest TPR − FPR over all thresholds on the loss."""
    false, true = audits.roc(-members, -fresh)
    return (true - false).max().item()


curves, attacked = {}, held[:2_000]
print(
    f"{'':<20}loss: members, fresh   gap / L   best threshold   AUC ± standard error   TPR at 1 % FPR"
)
for name in ("500", "60,000"):
    for seed in seeds:
        members = losses(vaes[name, seed], train_sets[name][:500])
        outside = losses(vaes[name, seed], attacked)
        L = torch.cat([members, outside]).max()
        tossing = (1 - members / L).mean() - (1 - outside / L).mean()  # line 2
        gap = (outside.mean() - members.mean()) / L  # line 3
        assert abs(tossing - gap) < 1e-4
        advantage = best_advantage(members, outside)
        assert advantage >= gap - 1e-6  # line 4
        area, error = audits.auc(-members, -outside)
        false, true = audits.roc(-members, -outside)
        caught = true[false <= 0.01].max().item()
        low, high = wilson_interval(round(caught * len(members)), len(members))
        print(
            f"VAE {name:>6}, seed {seed}   {members.mean():6.1f} {outside.mean():9.1f}   {gap:10.3f} {advantage:12.3f}",
            end="",
        )
        print(f"          {area:.3f} ± {error:.3f}         {caught:.1%} ({low:.1%} to {high:.1%})")
        if seed == 0:
            curves[f"VAE on {name}"] = (false.cpu(), true.cpu())
show(plot_roc(curves, "Who was a member? ROC of the loss"))

# %% [markdown]
# The VAE on 500 images has a gap of 5 nats (36 for members, 41 for others), and from it an AUC of 0.64, the same for all three seeds; the best threshold has an advantage of 0.23 to 0.26, far above the 0.05 that line 4 guarantees. Look at the right panel, too: at 1 % false alarms it catches only 2 % of the members. The attack is right a little more often than not, and almost never *sure*: which is why one reports both. The VAE on 60,000 gives nothing
# away: 0.48 ± 0.015. That all three of its seeds lie below 1/2 is one accident and not three: the same 500 and 2,000 images were judged each time.
#
#
# ## 7 · Groups: does it draw everybody as often as they occur?
#
# Digits stand here for groups of people: nothing in this section is about people, and what happens to a share of 2 % happens to any. A model's samples are read by a classifier, and the shares are compared with the data's. A share from $n$ samples is uncertain, most of all a small one; lesson 12 has the interval.
#
# ### Exercise · `group_frequencies(predictions, groups, confidence)`
# *10 minutes.* `predictions` is `(N,)`, integers from 0 to `groups - 1`. Return a float tensor `(groups, 3)`: for each group, in order, its share of the predictions, and the low and the high end of Wilson's interval at this confidence. A group that nobody was counted in has a row, too.
# With $p$ the share, $z$ the normal quantile of $(1 + \text{confidence}) / 2$:
#
# $$ \frac{p + \frac{z^2}{2N} \;\pm\; z \sqrt{\frac{p (1 - p)}{N} + \frac{z^2}{4 N^2}}}{1 + \frac{z^2}{N}} . $$


# %% exercise="responsible.group_frequencies"
def group_frequencies(predictions, groups, confidence):
    """Share, low and high of every group: `(groups, 3)`."""
    # BEGIN SOLUTION
    count = len(predictions)
    share = torch.bincount(predictions, minlength=groups) / count
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = share + z**2 / (2 * count)
    half = z * torch.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    ends = [(middle + sign * half) / (1 + z**2 / count) for sign in (-1, 1)]
    return torch.stack([share, *ends], dim=1).clamp(0, 1)  # rounding may leave -1e-9
    # END SOLUTION


# %% check="responsible.group_frequencies"
check("responsible.group_frequencies", group_frequencies)

# %% [markdown]
# Ten groups are ten intervals, and each of 95 % misses once in twenty. **Predict**: how often does at least one of ten miss, for samples that have the data's shares exactly? To keep the chance of *any* miss below 5 %, ask each for $1 - 0.05 / 10$ (Bonferroni): the chances of ten misses add up to at most their sum.

# %% tags=["nbval-check-output"]
chances = torch.tensor([0.1088] * 9 + [0.0208])
trials, n = 2_000, 600
toss = torch.Generator().manual_seed(0)
drawn_groups = torch.multinomial(chances, trials * n, replacement=True, generator=toss).reshape(
    trials, n
)
for confidence in (0.95, 1 - 0.05 / 10):
    tables = torch.stack([group_frequencies(row, 10, confidence) for row in drawn_groups])
    missed = (chances < tables[:, :, 1]) | (chances > tables[:, :, 2])
    print(f"confidence {confidence:.3f}: one group misses in {missed.float().mean():.1%},", end=" ")
    print(f"at least one of ten in {missed.any(dim=1).float().mean():.1%} of the tables")
assert missed.any(dim=1).float().mean() < 0.05 + 4 * (0.05 * 0.95 / trials) ** 0.5

# %% [markdown]
# Who reads the samples? The course's classifier is right on 97 % of these images, each pixel doubled to 28 × 28, and nothing seems more natural than to trust it. **But samples are not images**: they are softer. Before a yardstick measures samples it should measure something as soft whose labels are known: *reconstructions* of held-out images by the VAE. Beside it, a reader without any
# training: the majority of the five nearest among 6,000 labeled training images. What no reader is sure of counts as an eleventh group, *unclear*. **Predict**: how many reconstructions does each read rightly?

# %%
network = metrics.features("mnist", value_range=(0, 1), device=device)
minorities = (0, 4, 7)


def by_network(some):
    """Digits 0 to 9, or 10 where none has half of the probability."""
    sure, digit = network(F.interpolate(some, scale_factor=2, mode="nearest")).probabilities.max(
        dim=1
    )
    return torch.where(sure > 0.5, digit, 10).cpu()


def by_neighbors(some):
    """The majority of the five nearest training images, or 10 where there is none."""
    table = torch.cdist(some.flatten(1), kept[:6_000].flatten(1))
    near = kept_labels[:6_000][table.topk(5, largest=False).indices]
    votes, digit = F.one_hot(near, 10).sum(dim=1).max(dim=1)
    return torch.where(votes >= 3, digit, 10).cpu()


def reconstruct(model, some):
    encoder, decoder = model
    return decoder(encoder(some).chunk(2, dim=1)[0]).sigmoid()


truth, soft = held_labels[:1_000].cpu(), reconstruct(vaes["60,000", 0], held[:1_000])
for name, reader in {"the network": by_network, "five neighbors": by_neighbors}.items():
    right = [(reader(some) == truth).float().mean() for some in (held[:1_000], soft)]
    eights = [
        (reader(some) == 8).float().mean()
        for some in (held[:1_000], soft, samples["VAE", "60,000", 0])
    ]
    print(f"{name:<15} right on images {right[0]:.1%}, on reconstructions {right[1]:.1%};", end=" ")
    print(
        "reads an 8 in {:.0%} of images, {:.0%} of reconstructions, {:.0%} of samples".format(
            *eights
        )
    )
read = by_neighbors

# %% [markdown]
# The network, right on 97.2 % of sharp images, is right on 42.5 % of soft ones, and calls 66 % of them an 8; of the VAE's samples 81 %. Had we trusted it, this audit would have found a monstrous bias **that is the yardstick's own**. Five neighbors are less good on images (94.5 %) and far better where it counts: 81.6 % of the reconstructions (some of which the VAE did turn into another digit), with as many 8s as there should be. They
# read on from here; and one soft sample in five may still be misread.
#
#
# Now data with a minority: all digits as they are but one, of which so many are left that they are 2 %. Three such sets, each with another minority (0, 4, 7), so that the result does not hang on one digit. On each: the VAE, the GAN, and the GAN without its penalty and at a fourfold learning rate, which
# lesson 11 would call a road to collapse. Beside the data as labeled stand the data *as read*, and *as the VAE reconstructs them and the reader reads them*: what is lost there is lost by softness and reader, not by the model's drawing too few.


# %%
def with_minority(digit, share=0.02):
    majority = kept_labels != digit
    few = (kept_labels == digit).nonzero()[:, 0]
    few = few[: round(share / (1 - share) * int(majority.sum()))]
    return torch.cat([kept[majority], kept[few]])


makers, shares_seen = {}, {}
for seed, digit in zip(seeds, minorities, strict=True):
    data = with_minority(digit)
    vae = train_vae(data, seed, group_steps)
    some = data[
        torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))[:2_000].to(device)
    ]
    shares_seen["data, as read", digit] = read(some)
    shares_seen["data, reconstructed", digit] = read(reconstruct(vae, some))
    makers["VAE", digit] = nn.Sequential(vae[1], nn.Sigmoid())
    makers["GAN", digit] = train_gan(data, seed, group_steps)[0]
    makers["GAN, collapsing", digit] = train_gan(data, seed, group_steps, r1_weight=0.0, rate=2e-3)[
        0
    ]

# %%
count = at_scale(smoke=200, laptop=2_000, gpu=20_000)
noise = torch.randn(count, latent_dim, generator=torch.Generator().manual_seed(5)).to(device)
for (family, digit), maker in makers.items():
    shares_seen[family, digit] = read(maker(noise))
sources = [*dict.fromkeys(source for source, _ in shares_seen)]
digit, simultaneous = minorities[1], 1 - 0.05 / 11
tables = {
    source: group_frequencies(shares_seen[source, digit], 11, simultaneous) for source in sources
}
show(
    plot_shares(
        [*range(10), "unclear"],
        tables,
        f"Shares as read; {digit} is the minority (2 % of the data)",
        "digit",
    )
)
print(f"{'minority':<21}" + "".join(f"{f'a {d}':>23}" for d in minorities))
for source in sources:
    rows = [group_frequencies(shares_seen[source, d], 11, 0.95)[d].tolist() for d in minorities]
    print(
        f"{source:<21}" + "".join("{:>8.2%} ({:.2%}–{:.2%})".format(*row).rjust(23) for row in rows)
    )

# %% [markdown]
# Read from top to bottom. The reader alone makes 1.6 to 2.5 % of the true 2 %. Softness costs much more: of reconstructions only 0.40 % are read as a 4 (in the chart the 9s gain) and 0.75 % as a 7, while the 0 keeps its 1.50 %. The VAE's samples have *no fewer* than that (2.20, 0.65, 0.80 %; the intervals overlap), so nothing here shows that it draws a minority too seldom: what is lost is lost because it draws softly. A 4 that nobody can tell
# from a 9 is a loss to whoever needs it, all the same. The GAN, sharper, draws 1.10, 1.70 and 2.10 %, no share certainly below what is read in the data. And collapse takes what is rare in one case of three: 0.45 % (0.24 to 0.85) of 0s are left where the data read 1.60 % (1.14 to 2.25); of 7s 1.30 %, whose interval still touches the data's; of 4s it draws 2.95 %, no fewer. In the chart more than a fifth of what either GAN draws is a 1. Collapse is bad for somebody; for whom, chance decides, run by run.
#
# **An interval covers the samples, not the training.** Two other runs of this notebook, with the same code and seeds, in which sums were rounded in another order, read 3.35 % (2.65 to 4.23) and 5.50 % (4.58 to 6.59) of the GAN's samples as a 4, where this one reads 1.70 % (1.22 to 2.37). The last of them read 0.25 % (0.11 to 0.58) as a 0, far below the data's 1.60 %: so «no share certainly below», said above of the GAN, holds for the run above and no further. In the second audit their GANs on 500 images stood at 53.7 to 63.2 % and at 50.7 to 61.8 %. The VAE hardly moved (2.05, 0.80, 0.80 % of the minorities in the last run). Tiny differences grow in a game, and a seed does not hold it still on another machine. How far trainings differ, only trainings tell.
#
#
# **[Truncation](glossary.ipynb#Truncation)** (lesson 12) multiplies $z$ by a number below 1: samples look better, since the middle of the latent space is where most of the training images were. **Predict** what it does to a minority of 2 %.

# %%
factors = (1.0, 0.85, 0.7, 0.5, 0.3)
for family in ("VAE", "GAN"):
    print(f"{family}: share of the minority (largest group)")
    for factor in factors:
        seen = [
            group_frequencies(read(makers[family, d](factor * noise)), 11, 0.95) for d in minorities
        ]
        told = [
            f"{table[d, 0]:6.2%} ({table[:10, 0].max():.0%})"
            for d, table in zip(minorities, seen, strict=True)
        ]
        print(f"   z times {factor:<5}" + "   ".join(told))

# %% [markdown]
# With a smaller $z$ the largest group grows, from about a sixth to 34 to 44 % of the VAE's samples, and from about a fifth to 75 to 99 % of the GAN's; and the minority goes: of 2,000 samples the GAN draws not one at 0.3 $z$, from 1.10, 1.70 and 2.10 %. That is what truncation is: it keeps the middle. On the way it need not be monotone (the VAE's 4 gains before it is lost: 0.65, 0.90, 1.30, then 0.05 %), since «the middle» is where the model put it. In the last of the runs just named the GAN's
# largest groups came to 51, 89 and 25 %, with 0, 0.15 and 0 % of the minority left: that the minority goes is the same, how far the largest group grows is not. Nobody who looks at twelve pretty samples sees any of this. Whoever publishes truncated samples reports the groups at *that* truncation.
#
# A drawing for one latent: a minority that owns what lies beyond 2 has $\Phi(-2) = 2.3$ % of all $z$, but only $\Phi(-2 / 0.7) = 0.21$ % of $0.7\,z$. One that lives nearer to the middle is spared for a while, or gains.

# %% tags=["folded"]
show(plot_truncation())

# %% [markdown]
# ## 8 · Where audits go wrong
#
# | what you see | what it may be | what to look at |
# |---|---|---|
# | rate near 0, everybody is pleased | samples too noisy or too blurred to be near to anything; a threshold made of the easiest kind of image | the controls: does the audit score copies with a little noise? what is the threshold made of? |
# | rate above the quantile for every model | samples smoother than images (a mean is near to everything) | the second audit: it compares like with like |
# | held-out images score far from the quantile | held-out images were trained on, or come from elsewhere | split by chance, before anything else |
# | membership AUC far above 1/2 on a model with no gap | members and others differ by themselves (dates, sources) | a model that saw neither: it must give 1/2 |
# | one group far off, within a table of fifty | one in twenty intervals misses | Bonferroni; another seed |
# | all shares as in the data | the classifier reads the unclear ones as the large groups | how much is unclear? what does it read on real images? |
#
# ## 9 · Change one thing
#
# **First: a threshold for each.** The first audit's threshold is made of 1s. Divide each distance by the distance to the nearest *held-out* image (from a set of the same size as the training set) before you take the quantile: a 1 is then judged as a 1. Which models does the new rate catch?

# %%
# your experiment: ratio = nearest in train / nearest in held out, for samples and for fresh images


# %% tags=["solution"]
def ratio_rate(some, name, quantile=0.05):
    train = distinct[name]
    count = min(len(train), 4_000)
    half = train[-count:] if name == "copies" else train[:count]
    beside, judged = held[-count:], held[:fresh_count]

    def ratio(images):
        return audits.nearest(images, half)[0] / audits.nearest(images, beside)[0]

    return (ratio(some) < ratio(judged).quantile(quantile)).float().mean().item()


for family in ("VAE", "GAN"):
    for name in train_sets:
        print(
            f"{family} {name:<8}{spread([ratio_rate(samples[family, name, seed], name) for seed in seeds])}"
        )

# %% [markdown] tags=["solution"]
# Now the copies are seen: 25.5 % (23.7 to 26.2) for the VAE and 17.2 % (15.5 to 18.5) for the GAN, against the 5 % of chance; the models on 60,000 stay near 0. The VAE on 500, whose memory the second audit sees plainly, stays at 3.2 %: it does not copy any one image closely, it leans towards all of them. Different audits see different things.

# %% [markdown]
# **Second: stop early.** Train the VAE on 500 images for a sixth, a third and all of the steps. How do the membership AUC and the loss of fresh images move? Is there a number of steps at which the model is best *and* leaks least?

# %%
# your experiment: train_vae(train_sets["500"], 0, vae_steps // 6)

# %% tags=["solution"]
for steps in (vae_steps // 6, vae_steps // 3, vae_steps):
    model = vaes["500", 0] if steps == vae_steps else train_vae(train_sets["500"], 0, steps)
    members, outside = losses(model, train_sets["500"]), losses(model, attacked)
    area, error = audits.auc(-members, -outside)
    print(
        f"{steps:>5} steps: members {members.mean():.1f}, fresh {outside.mean():.1f} nats; AUC {area:.3f} ± {error:.3f}"
    )

# %% [markdown] tags=["solution"]
# After 500 steps the AUC is 0.508, and fresh images cost 42.5 nats; after 1,000 steps 0.548 and 40.4; after 3,000 steps 0.643 and 40.9, while members go on falling to 36.0. From some step on, all that is learned is about the members. Of these three the middle one is best for everybody: stopping where held-out images cost least (lesson 06) is a protection as well. One seed; try others.

# %% [markdown]
# ## What you take along
#
# 1. A distance means something beside the distances of images that nobody trained on. Calibrated so, fresh images score $k / (M + 1)$, copies 1; and an audit that finds nothing must first show that it *could*.
# 2. Nearer to the training half than to the other in more than half of the cases is memory, whatever the samples look like: provided that chance alone parted the halves. The spread is one toss an image, not one a sample.
# 3. A generalization gap is a leak: some threshold on the loss has at least the gap over the range as its advantage.
# 4. Shares need intervals, many shares wider ones; and what makes samples prettier takes from who was rare.
#
# **References.** Meehan, Chaudhuri and Dasgupta (2020), arXiv 2004.05675 · Carlini and others (2023), arXiv 2301.13188, sections 4 and 5, for copies of what was duplicated · van den Burg and Williams (2021), arXiv 2106.03216 · Yeom and others (2018), arXiv 1709.01604, theorem 2 · Shokri, Stronati, Song and Shmatikov (2017),
# *Membership Inference Attacks Against Machine Learning Models*, arXiv 1610.05820 · Carlini and others (2022), *Membership Inference Attacks From First Principles*, arXiv 2112.03570, for the rate at few false alarms · DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44(3), for the AUC's error · Wilson (1927), JASA 22 ·
# Zhao and others (2018), *Bias and Generalization in Deep Generative Models*, arXiv 1811.03259 · Lee, Ippolito and others (2022), *Deduplicating Training Data Makes Language Models Better*, arXiv 2107.06499.
#
# **Next** is 19b_responsible: a mark for the samples, a card for the model, and the capstone.
