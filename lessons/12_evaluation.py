# %% [markdown]
# # 12 · Is it any good?
#
# A VAE has a bound on its likelihood. A GAN has nothing but samples, and two people who look at them
# will not agree. In this lesson you build the numbers that papers report instead of an opinion, break
# sets of images on purpose to see which number notices what, and at the end sit a blind test yourself.
#
# ![Nine sets of samples, six metrics, and which metric notices what is wrong](../images/12_evaluation.png)
#
# <details><summary>中文导读</summary>
#
# GAN 没有似然，只有样本。本课实现论文中常用的评价指标：Inception Score、Fréchet 距离（FID）、
# 核距离（KID）、生成样本的精确率与召回率，并用有意损坏的样本集检验每个指标能发现什么、看不到什么。
# 你将推导两个高斯分布之间的 Fréchet 距离，证明 FID 的估计偏高、偏差约为 1/N，验证 KID 无偏，
# 并看到分数取决于所用的特征网络。最后你亲自参加一次盲测：每次从一真一假两张图中选出真图，
# 结果用 Wilson 置信区间报告。
#
# </details>
#
# **You will be able to**
# - write the inception score, FID, KID, precision and recall from their formulas,
# - derive the Fréchet distance of two Gaussians, and say why an FID from few samples is too high,
# - say for each metric what it notices, what it cannot notice, and what a number needs beside it to
#   mean anything: direction, sample size, features,
# - run a blind test with people, and say how sure its result is.
#
# **Time** 90 minutes · **Builds on** 01_divergences, 09_first_gan · **Papers** Salimans and others
# (2016), arXiv 1606.03498; Heusel and others (2017), arXiv 1706.08500; Bińkowski and others (2018),
# arXiv 1801.01401; Kynkäänniemi and others (2019), arXiv 1904.06991.

# %% tags=["folded"]
import math
from statistics import NormalDist

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from course_lib import metrics
from course_lib.checks import check
from course_lib.data import load_mnist
from course_lib.fast import fast
from course_lib.history import watch
from course_lib.metrics.extractors import record
from course_lib.networks import DigitClassifier
from course_lib.plotting import plot_images, show
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything
from course_lib.widgets import forced_choice_explorer

seed_everything(0)
device = pick_device()
count = at_scale(smoke=200, laptop=2_500, gpu=5_000)  # images in a set
controls = at_scale(smoke=3, laptop=10, gpu=10)  # sets of real test images
population_size = at_scale(smoke=600, laptop=10_000, gpu=30_000)  # for the bias of FID
repeats = at_scale(smoke=4, laptop=150, gpu=150)
gan_steps = at_scale(smoke=20, laptop=1_500, gpu=20_000)
classifier_steps = at_scale(smoke=40, laptop=800, gpu=4_000)
print(f"scale {course_scale()} on {device}: {count:,} images in a set")

# %% [markdown]
# ## 1 · Nine sets of digits
#
# MNIST again, in [-1, 1]. The **reference** is a set of training images: what a perfect model would draw
# from. Beside it stands a set of test images, drawn from the same source, and seven sets that are wrong or
# too small, each in one way, so that we know what a good metric ought to say. The ninth is from a
# GAN: two convolutional networks like those of lesson 10, trained for a minute or two with the steps of
# lesson 09.

# %%
train_images, train_labels = load_mnist("train", value_range=(-1, 1), device=device)
test_images, test_labels = load_mnist("test", value_range=(-1, 1), device=device)
latent_dim, width = 16, at_scale(smoke=4, laptop=32, gpu=64)


def make_gan():
    """A generator `(B, 16)` to images in [-1, 1], and a discriminator that gives logits `(B,)`."""
    generator = nn.Sequential(
        nn.Linear(latent_dim, 2 * width * 49),
        nn.Unflatten(1, (2 * width, 7, 7)),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, kernel_size=4, stride=2, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, kernel_size=4, stride=2, padding=1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, width, kernel_size=4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, kernel_size=4, stride=2, padding=1),
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(2 * width * 49, 1),
        nn.Flatten(0),
    )
    return generator.to(device), discriminator.to(device)


# %%
generator, discriminator = make_gan()
g_optimizer = torch.optim.Adam(generator.parameters(), 1e-3, (0.5, 0.999))
d_optimizer = torch.optim.Adam(discriminator.parameters(), 3e-4, (0.5, 0.999))
schedules = [
    LambdaLR(optimizer, lambda n: min(1, 2 * (1 - n / gan_steps)))
    for optimizer in (g_optimizer, d_optimizer)
]


def one_round(real):
    """The discriminator's step, then the generator's, with the non-saturating loss."""
    fake = generator(torch.randn(len(real), latent_dim, device=device))
    d_loss = (
        F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake.detach())).mean()
    )
    d_optimizer.zero_grad()
    d_loss.backward()
    d_optimizer.step()
    g_loss = F.softplus(-discriminator(fake)).mean()
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()


play = fast(
    one_round, (generator, discriminator), (g_optimizer, d_optimizer), steps=gan_steps, report=print
)
for real in watch(batches(train_images, 64, gan_steps)):
    play(real)
    for schedule in schedules:
        schedule.step()
generator.eval()


@torch.no_grad()
def generate(z):
    """Images of latents `(N, 16)`, without a graph."""
    return torch.cat([generator(part) for part in z.to(device).split(500)])


# %% [markdown]
# Now the sets. **Predict** before you go on: some of them are made of perfect images and worthless all the
# same. Which of those would you *not* notice if you saw only a few samples?


# %%
def blur(images):
    """Each pixel averaged with its neighbors, weights 1 2 1 in both directions, twice."""
    kernel = (
        torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]], device=images.device)[None, None] / 16
    )
    for _ in range(2):
        images = F.conv2d(F.pad(images, (1, 1, 1, 1), value=-1), kernel)
    return images


draw = torch.Generator().manual_seed(1)
reference = train_images[:count]
test_order = torch.randperm(len(test_images), generator=draw).to(device)
fresh, fresh_labels = test_images[test_order], test_labels[test_order]
surest = metrics.features("mnist", device=device)(
    fresh
).probabilities  # of the network of section 2
one_each = torch.stack([fresh[surest[:, digit].argmax()] for digit in range(10)])
some = torch.randint(len(reference), (count,), generator=draw).to(device)
noise = 0.3 * torch.randn(count, 1, 28, 28, generator=draw).to(device)

sets = {
    "real (test images)": fresh[:count],
    "no sevens": fresh[fresh_labels != 7][:count],
    "blurred": blur(fresh[:count]),
    "noisy": (fresh[:count] + noise).clamp(-1, 1),
    "copies of training": reference[some],
    "one image repeated": one_each[3:4].expand(count, -1, -1, -1),
    "one image a class": one_each.repeat(math.ceil(count / 10), 1, 1, 1)[:count],
    "few (100 real)": fresh[: min(100, count)],
    "GAN": generate(torch.randn(count, latent_dim, generator=draw)),
}
shown = torch.cat([images[:14] for images in sets.values()])
show(plot_images(shown, 14, "Samples of each set", value_range=(-1, 1), row_titles=list(sets)))

# %% [markdown]
# Seen by eye, four rows cannot be faulted: real, no sevens, copies, few. A metric must do better than that.
#
# ## 2 · Features: what is compared
#
# Two photographs of the same thing share hardly a pixel value, so pixels are a poor place to compare sets
# of images. The metrics below compare **[features](glossary.ipynb#Feature)**: the numbers in a late layer of a classifier, which
# were trained to change where the *kind* of thing changes. Papers use Inception, a network for photographs;
# for digits the course ships a small classifier of its own, with 64 features, the same one in every lesson,
# so that numbers can be compared between lessons.

# %%
network = metrics.features("mnist", value_range=(-1, 1), device=device)
print(f"the shipped network: accuracy {record('mnist')['accuracy']:.2%} on the test images")


def look(images):
    """What the network sees: features `(N, 64)` and probabilities `(N, 10)`, on the CPU."""
    return metrics.Seen(*(part.cpu() for part in network(images)))


seen = {name: look(images) for name, images in sets.items()}
real = look(reference)
for name in ("real (test images)", "noisy"):
    features, probabilities = seen[name]
    print(f"{name}: features {tuple(features.shape)}, probabilities {tuple(probabilities.shape)}")

# %% [markdown]
# Is *this* network special? To find out, train one of our own beside it: `DigitClassifier` of lesson 09,
# whose last hidden layer also has 64 numbers. Two of them, from two seeds. We come back to them in
# section 8.


# %%
def train_extractor(seed):
    """A classifier from scratch; returns it in eval mode."""
    seed_everything(seed)
    classifier = DigitClassifier().to(device)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=2e-3)

    def classifier_step(x, y):
        optimizer.zero_grad()
        F.cross_entropy(classifier(x), y).backward()
        optimizer.step()

    learn = fast(classifier_step, classifier, optimizer)
    for x, y in watch(batches((train_images, train_labels), 128, classifier_steps)):
        learn(x, y)
    classifier.eval()
    with torch.no_grad():
        guesses = torch.cat([classifier(part).argmax(dim=1) for part in test_images.split(1000)])
    accuracy = (guesses == test_labels).float().mean()
    print(f"own extractor, seed {seed}: accuracy {accuracy:.2%} on the test images")
    return classifier


own = [train_extractor(seed) for seed in (1, 2)]

# %% [markdown]
# ## 3 · Inception score: sure of each, all of them different
#
# The oldest of these numbers uses the classifier's probabilities only. Good samples should be
# *recognizable*: $p(y \mid x)$, the classifier's verdict on one image, has low entropy. And they should
# be *varied*: $p(y)$, the mean verdict over all samples, has high entropy. One number rewards both:
#
# $$ \mathrm{IS} = \exp\Big(\mathbb E_x\, \mathrm{KL}\big(p(y \mid x)\,\|\,p(y)\big)\Big),
#    \qquad p(y) = \mathbb E_x\, p(y \mid x) . $$
#
# 1. The divergence of one image is $\sum_y p(y \mid x) \log p(y \mid x) - \sum_y p(y \mid x) \log p(y)$.
# 2. Averaged over $x$, the first sum is $-\mathbb E_x H[p(y \mid x)]$, by the definition of entropy.
# 3. In the second, only $p(y \mid x)$ depends on $x$, and its mean is $p(y)$: it becomes
#    $-\sum_y p(y) \log p(y) = H[p(y)]$.
# 4. So $\log \mathrm{IS} = H[p(y)] - \mathbb E_x H[p(y \mid x)]$: variety minus doubt. As
#    $0 \le \mathbb E_x H[p(y \mid x)] \le H[p(y)] \le \log K$ (entropy is concave), the score lies between 1 and the number of
#    classes $K$.

# %% [markdown]
# ### Exercise · `inception_score(probabilities)`
# *6 minutes.* `probabilities` is `(N, K)`, a row an image. Return the [inception score](glossary.ipynb#Inception-score) of the whole set, one
# number. Some probabilities are exactly 0, and a class may be 0 for every image; $0 \log 0$ counts as 0.


# %% exercise="evaluation.inception_score"
def inception_score(probabilities):
    """exp of the mean KL(p(y | x) ‖ p(y)) of class probabilities `(N, K)`: from 1 to K."""
    # BEGIN SOLUTION
    marginal = probabilities.mean(dim=0)
    log_ratio = torch.special.xlogy(probabilities, probabilities) - torch.special.xlogy(
        probabilities, marginal
    )
    return log_ratio.sum(dim=1).mean().exp()
    # END SOLUTION


# %% check="evaluation.inception_score"
check("evaluation.inception_score", inception_score)

# %% [markdown]
# First the identity of line 4, on the verdicts of the noisy set. **Then predict**: which of the nine sets
# gets the highest score? Is it the real one?

# %%
p = seen["noisy"].probabilities.double()


def entropy(q):
    return torch.special.entr(q).sum(dim=-1)  # in nats, 0 log 0 = 0


variety, doubt = entropy(p.mean(dim=0)), entropy(p).mean()
assert torch.allclose(inception_score(p).log(), variety - doubt, atol=1e-9)
print(f"noisy: variety {variety:.3f} - doubt {doubt:.3f} = {variety - doubt:.3f} nats")
for name, (_, probabilities) in seen.items():
    print(f"{name:<20} inception score {inception_score(probabilities):5.2f} of 10")

# %% [markdown]
# Numbers in the text are those of `laptop` scale: one run, seed 0, two CPU cores. Ten images, one a class and repeated for ever, get 10.00 of 10, more than the
# real ones' 9.81; copies of the training set get 9.78. The score never looks at a reference, so it cannot
# know that a class holds more than one image. It does notice that the sevens are gone, since at most nine classes are left. It notices
# blur, because the classifier is less sure (a doubt of 0.16 nats, real images have 0.02) and less even (a variety of 2.19, real images 2.30). And noise, for another
# reason than you may expect: the first line printed above says that the *variety* is down, to 0.735, while the doubt is only 0.127. The network calls 85 % of the noisy
# images an eight, and is sure of it. A low score does not say that the images are hard to recognize. (Barratt and Sharma 2018 have more of its weaknesses.)
#
# ## 4 · The Fréchet distance
#
# So compare with a reference. The simplest description of a cloud of features is its mean and its
# covariance, as if it were a Gaussian. How far apart are two Gaussians $\mathcal N(\mu_a, A)$ and
# $\mathcal N(\mu_b, B)$? Take $x$ from one and $y$ from the other, *jointly* distributed in any way you like, and make
# the mean squared distance as small as you can. That minimum is the squared **[Fréchet distance](glossary.ipynb#Fréchet-distance)** (or
# 2-Wasserstein distance):
#
# 1. For any joint distribution, with $C = \mathrm{Cov}(x, y)$: $\;\mathbb E \|x - y\|^2 = \|\mu_a - \mu_b\|^2 + \mathrm{tr} A + \mathrm{tr} B - 2 \mathrm{tr} C$,
#    since $\mathbb E\|u\|^2 = \|\mathbb E u\|^2 + \mathrm{tr}\mathrm{Cov}(u)$ with $u = x - y$. So make $\mathrm{tr} C$ as large as possible.
# 2. $C$ is not free: the joint covariance $\begin{pmatrix} A & C \\ C^\top & B\end{pmatrix}$ must be [positive semidefinite](glossary.ipynb#Positive-semidefinite-matrix). That is so
#    exactly if $C = A^{1/2} K B^{1/2}$ with a matrix $K$ whose singular values are at most 1. (Where $A$ and $B$ can be inverted, measure $x$ and $y$ in units of their
#    own width, $A^{-1/2} x$ and $B^{-1/2} y$: the joint covariance becomes $\begin{pmatrix} I & K \\ K^\top & I\end{pmatrix}$, whose eigenvalues are 1 plus and minus
#    the singular values of $K$. Singular $A$, $B$ are limits of such.) Any such $C$ will do: a Gaussian with this joint covariance exists.
# 3. $\mathrm{tr} C = \mathrm{tr}(K\, B^{1/2} A^{1/2})$, because in a trace the last factor may be moved to the front.
# 4. With the singular value decomposition $B^{1/2} A^{1/2} = U S V^\top$ this is $\mathrm{tr}(V^\top K U\, S) = \sum_i (V^\top K U)_{ii}\, s_i$. No entry of $V^\top K U$ is
#    above 1, since its singular values are those of $K$. So the largest trace is $\sum_i s_i$ (von Neumann), reached at $K = V U^\top$, where $V^\top K U = I$.
# 5. The squares of those singular values are the eigenvalues of $(B^{1/2} A^{1/2})^\top (B^{1/2} A^{1/2}) = A^{1/2} B A^{1/2}$, which are
#    those of $A B$ ($MN$ and $NM$ have the same ones). So the largest $\mathrm{tr} C$ is $\mathrm{tr}(A^{1/2} B A^{1/2})^{1/2} = \mathrm{tr}(A B)^{1/2}$: the trace
#    of a root, which is the sum of the roots of the eigenvalues (and not the root of the trace). And
#
# $$ d^2 = \|\mu_a - \mu_b\|^2 + \mathrm{tr} A + \mathrm{tr} B - 2 \mathrm{tr} (A B)^{1/2} . $$
#
# ![Two clouds of features, a Gaussian drawn for each; what the distance of their means costs, and what their shapes](../images/12_frechet.png)
#
# The next cell checks the lines that are not algebra: a random $K$ never beats line 4, the one of line 4
# reaches it and leaves the joint covariance positive semidefinite, and the eigenvalues of line 5 are equal.


# %% tags=["nbval-check-output"]
def matrix_root(matrix):
    """The symmetric square root of a positive semidefinite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


toss = torch.Generator().manual_seed(0)
A, B = (torch.randn(9, 4, generator=toss, dtype=torch.float64).T.cov() for _ in range(2))
U, S, Vh = torch.linalg.svd(matrix_root(B) @ matrix_root(A))
best_C = matrix_root(A) @ (Vh.T @ U.T) @ matrix_root(B)
traces = []
for _ in range(1000):
    K = torch.randn(4, 4, generator=toss, dtype=torch.float64)
    K = K / torch.linalg.matrix_norm(K, ord=2)  # its largest singular value becomes 1
    traces.append((matrix_root(A) @ K @ matrix_root(B)).trace())
print(
    f"tr C: the best of 1,000 random K {max(traces):.3f}, K = V Uᵀ {best_C.trace():.3f}", end=", "
)
print(f"sum of singular values {S.sum():.3f}")
joint = torch.cat([torch.cat([A, best_C], dim=1), torch.cat([best_C.T, B], dim=1)])
assert max(traces) <= best_C.trace() + 1e-12 and torch.allclose(best_C.trace(), S.sum())
assert torch.linalg.eigvalsh(joint).min() > -1e-9
of_product = torch.linalg.eigvals(A @ B).real.sort().values
assert torch.allclose(S.square().sort().values, of_product)
print("the joint covariance has no negative eigenvalue; line 5's eigenvalues are those of A B")

# %% [markdown]
# In one dimension the formula is $(\mu_a - \mu_b)^2 + (\sigma_a - \sigma_b)^2$: unlike a KL divergence, it stays finite where one
# of the two has no width.
#
# ### Exercise · `frechet_distance(mean_a, cov_a, mean_b, cov_b)`
# *12 minutes.* Means are `(D,)`, covariances `(D, D)`, symmetric. Return $d^2$, one number. Covariances of few
# samples are singular, so their smallest eigenvalues are 0, which the computer gives as $\pm 10^{-17}$: the result
# must be a real number all the same.


# %% exercise="evaluation.frechet_distance"
def frechet_distance(mean_a, cov_a, mean_b, cov_b):
    """Squared Fréchet distance of two Gaussians, means `(D,)`, covariances `(D, D)`."""
    # BEGIN SOLUTION
    values, vectors = torch.linalg.eigh(cov_a)
    root_a = vectors * values.clamp(min=0).sqrt() @ vectors.T
    roots = torch.linalg.eigvalsh(root_a @ cov_b @ root_a).clamp(min=0).sqrt()
    return (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * roots.sum()
    # END SOLUTION


# %% check="evaluation.frechet_distance"
check("evaluation.frechet_distance", frechet_distance)

# %% [markdown]
# ### Exercise · `fid(features_a, features_b)`
# *4 minutes.* Features `(N, D)` and `(M, D)`, a row a sample. Return the Fréchet distance of their
# Gaussians, with the unbiased covariance (divided by N - 1). Compute in `float64`: features come in `float32`,
# and a difference of large traces loses digits.


# %% exercise="evaluation.fid"
def fid(features_a, features_b):
    """The Fréchet distance of two sets of features `(N, D)` and `(M, D)`."""
    # BEGIN SOLUTION
    a, b = features_a.double(), features_b.double()
    return frechet_distance(a.mean(dim=0), a.T.cov(), b.mean(dim=0), b.T.cov())
    # END SOLUTION


# %% check="evaluation.fid"
check("evaluation.fid", fid)

# %% [markdown]
# **Predict**: one set will come *closer* to the reference than the real test images. Which? And where will the 100 real images be?

# %%
for name, (features, _) in seen.items():
    print(f"{name:<20} FID {fid(features, real.features):8.3f}")

# %% [markdown]
# Lower is better, and there is no highest value. «FID» in a paper means this formula on 2,048 features of Inception; ours are
# other features, so our numbers may be compared with each other and with nothing in a paper.
#
# The copies come closest (0.28), closer than honest new images (0.43): as far as this distance can see, the training set is the ideal. And 100
# *real* images (8.9) look worse than a set without sevens (7.9). They are not worse; there are too few of them.
#
# ## 5 · Few samples make FID too high
#
# Let a model's features have mean $\mu_b$ and covariance $B$, and let the reference be known exactly. We see
# $N$ samples, with mean $m$ and covariance $S$. What is $\mathrm{FID}_N$, the FID from them, on average, beside the
# true one, $\mathrm{FID}_\infty$ of $\mu_b$ and $B$ themselves?
#
# 1. $\mathbb E\|\mu_a - m\|^2 = \|\mu_a - \mu_b\|^2 + \mathrm{tr} B / N$, since the mean of $N$ independent samples has covariance $B/N$.
# 2. $\mathbb E \mathrm{tr} S = \mathrm{tr} B$: the covariance with $N - 1$ is unbiased.
# 3. $\mathbb E \mathrm{tr}(A^{1/2} S A^{1/2})^{1/2} \le \mathrm{tr}(A^{1/2} B A^{1/2})^{1/2}$, since the trace of a root is concave: its mean lies below its
#    value at the mean (Jensen's inequality). It enters with a minus.
# 4. So every error has one sign: $\mathbb E\,\mathrm{FID}_N \ge \mathrm{FID}_\infty + \mathrm{tr} B / N$. Expanding line 3 to second order, its gap is also a
#    constant over $N$, plus smaller terms, as long as $N$ is large against the number of features $D$, and $B$ has some width wherever $A$ has (a root is not smooth at 0):
#
# $$ \mathbb E\,\mathrm{FID}_N \approx \mathrm{FID}_\infty + \frac{c}{N} . $$
#
# The constant depends on the model, so the bias does not cancel between two models. But a straight line in $1/N$
# can be extended to $1/N = 0$ (Chong and Forsyth 2020).
#
# To see it, we need a model whose $\mathrm{FID}_\infty$ is known. Take training images as a finite population,
# and draw from it *with* replacement: the population's own moments are then exact. The first «model» is the
# real population itself, whose true FID is 0; the second is the same images, blurred.

# %%
population = look(train_images[-population_size:]).features.double()
blurred = look(blur(train_images[-population_size:])).features.double()


def moments(features):
    """Mean and covariance of a whole population: nothing is estimated, so divide by N."""
    return features.mean(dim=0), features.T.cov(correction=0)


def mean_fid(model, size):
    """FID of `size` draws of the model against the real population: mean, standard error."""
    values = []
    for _ in range(repeats):
        chosen = model[torch.randint(len(model), (size,), generator=draw)]
        values.append(frechet_distance(*moments(population), chosen.mean(dim=0), chosen.T.cov()))
    values = torch.stack(values)
    return values.mean().item(), (values.std() / repeats**0.5).item()


sizes = at_scale(
    [100, 200, 300], [100, 200, 400, 800, 1600, 3200], [100, 200, 400, 800, 1600, 3200]
)
bias_of = {
    name: [mean_fid(model, size) for size in sizes]
    for name, model in {"real": population, "blurred": blurred}.items()
}
true_fid = {
    name: frechet_distance(*moments(population), *moments(model)).item()
    for name, model in {"real": population, "blurred": blurred}.items()
}

# %% [markdown]
# **Predict** the picture: FID against $1/N$ for both. Which points will leave the straight line?

# %% tags=["folded"]
figure, panels = plt.subplots(1, 2, figsize=(9, 3.2))
extrapolated = {}
for axes, (name, points) in zip(panels, bias_of.items(), strict=True):
    inverse = 1 / torch.tensor(sizes, dtype=torch.float64)
    values = torch.tensor([value for value, _ in points], dtype=torch.float64)
    large = inverse <= inverse[len(sizes) // 3]
    design = torch.stack([torch.ones_like(inverse), inverse], dim=1)
    extrapolated[name], slope = torch.linalg.lstsq(design[large], values[large]).solution.tolist()
    errors = [2 * error for _, error in points]
    axes.errorbar(inverse, values, yerr=errors, fmt="o", markersize=4, label="mean of the draws")
    line = torch.linspace(0, inverse[0], 50)
    axes.plot(
        line, extrapolated[name] + slope * line, color="C1", label="line through the larger N"
    )
    axes.plot([0], [true_fid[name]], "*", color="C2", markersize=12, clip_on=False, label="truth")
    axes.set(title=f"{name}: FID of N samples", xlabel="1 / N", ylabel="FID")
    axes.legend(fontsize=8)
show(figure)

# %%
for name, points in bias_of.items():
    shares = ", ".join(f"{size}: {v:.2f}" for size, (v, _) in zip(sizes, points, strict=True))
    print(f"{name}: FID by N: {shares}")
    print(f"  extended to 1/N = 0: {extrapolated[name]:.3f}, truth {abs(true_fid[name]):.3f}")
N = sizes[1]
drawn = torch.randint(len(population), (500, N), generator=draw)
means = torch.stack([population[chosen].mean(dim=0) for chosen in drawn])
off = (means - population.mean(dim=0)).square().sum(dim=1)
predicted = moments(population)[1].trace() / N
assert (off.mean() - predicted).abs() < 5 * off.std() / 500**0.5
print(f"line 1 at N = {N}: measured {off.mean():.4f}, tr B / N = {predicted:.4f}")
A_root = matrix_root(moments(population)[1])
for first, second in zip(drawn[:10], drawn[10:20], strict=True):
    S1, S2 = population[first].T.cov(), population[second].T.cov()
    root_traces = [matrix_root(A_root @ S @ A_root).trace() for S in (S1, S2, (S1 + S2) / 2)]
    assert root_traces[2] >= (root_traces[0] + root_traces[1]) / 2  # line 3: concave
for name, points in bias_of.items():  # line 4
    for size, (value, error) in zip(sizes, points, strict=True):
        assert value + 5 * error > true_fid[name] + predicted * N / size * (name == "real")
print("lines 3 and 4 hold for these draws")

# %% [markdown]
# The points of large N lie on a line that ends at the truth; at N = 100, hardly more than the 64 features, they leave it. With 100 samples the *real* data have an FID
# near 6 on average. (A single draw scatters: the 10,000 test images, in 100 sets of 100, get from 3.1 to 10.6 against the reference of section 1, and 5.8 on average; ours above got 8.9.) So never compare two FIDs of different N. Where somebody's N is not stated, their FID cannot be used.
#
# ## 6 · KID: a distance that is right on average
#
# The [kernel inception distance](glossary.ipynb#Kernel-inception-distance) compares the sets pair by pair, with a [kernel](glossary.ipynb#Kernel) $k(x, y)$ that says how alike two
# feature vectors are. Were both sets from one distribution, a pair *across* the sets would be as alike on average as a pair
# *within* one. The squared **[maximum mean discrepancy](glossary.ipynb#Maximum-mean-discrepancy)** is the difference:
#
# $$ \mathrm{MMD}^2 = \mathbb E\,k(x, x') + \mathbb E\,k(y, y') - 2\,\mathbb E\,k(x, y),
#    \qquad k(x, y) = \Big(\frac{x^\top y}{D} + 1\Big)^3 , $$
#
# with $x, x'$ independent from one distribution, $y, y'$ from the other, and $D$ the number of features. The three expectations are estimated
# by averages over pairs. The one trap: $x$ and $x'$ are *independent*, so a sample must not be paired with
# itself. Without those pairs each average is [unbiased](glossary.ipynb#Unbiased-estimate) for every N, because the mean of a sum
# is the sum of the means, whether or not the terms depend on each other.

# %% [markdown]
# ### Exercise · `kid(features_a, features_b)`
# *10 minutes.* Features `(N, D)` and `(M, D)`, N and M at least 2 and not always equal. Return the unbiased
# estimate of MMD² with the kernel above, from all samples at once (papers often average over blocks of 1,000). Compute in `float64`: the
# result is a small difference of large means. It may be negative.


# %% exercise="evaluation.kid"
def kid(features_a, features_b):
    """Unbiased MMD² of features `(N, D)` and `(M, D)` with the kernel (x·y/D + 1)³."""

    # BEGIN SOLUTION
    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x):
        values = kernel(x, x)
        return (values.sum() - values.trace()) / (len(x) * (len(x) - 1))

    a, b = features_a.double(), features_b.double()
    return within(a) + within(b) - 2 * kernel(a, b).mean()
    # END SOLUTION


# %% check="evaluation.kid"
check("evaluation.kid", kid)

# %% [markdown]
# Is it unbiased? Draw N features each from two populations, many times, and compare the mean with the truth, which for a finite
# population is the formula over *all* pairs (two independent draws may hit the same member). Beside it stands the same
# estimate with the pairs of a sample with itself left in. **Predict** the sign of its error, and how that goes with N.

# %%
small_real, small_blurred = population[:2000], blurred[:2000]


def kernel_mean(x, y):
    return ((x @ y.T / x.shape[1] + 1) ** 3).mean()


def kid_with_diagonal(a, b):
    return kernel_mean(a, a) + kernel_mean(b, b) - 2 * kernel_mean(a, b)


truth = kid_with_diagonal(small_real, small_blurred).item()  # of the populations: exact
kid_draws = at_scale(smoke=80, laptop=800, gpu=800)
by_size = {}
for size in (5, 10, 30, 100):
    pairs = [
        [each[torch.randint(len(each), (size,), generator=draw)]
         for each in (small_real, small_blurred)]
        for _ in range(kid_draws)
    ]  # fmt: skip
    for label, estimate in {"unbiased": kid, "with diagonal": kid_with_diagonal}.items():
        values = torch.stack([estimate(*pair) for pair in pairs])
        by_size[size, label] = values.mean().item(), (values.std() / kid_draws**0.5).item()
    mean, error = by_size[size, "unbiased"]
    assert abs(mean - truth) < 5 * error
print(f"truth {truth:.3f}; means of {kid_draws} draws, with their standard errors")
for size in (5, 10, 30, 100):
    cells = [f"{label} {by_size[size, label][0]:8.3f} ± {by_size[size, label][1]:.3f}"
             for label in ("unbiased", "with diagonal")]  # fmt: skip
    print(f"N = {size:>3}: {', '.join(cells)}")

# %% [markdown]
# The unbiased means lie around the truth at every N, within one or two of their standard errors; the other one is far too high, the
# more so the smaller N. Unbiased does not mean exact: a *single* KID of few samples scatters widely. But an average over
# several comes to the right place, and two models with different N can be compared.

# %%
for name, (features, _) in seen.items():
    print(f"{name:<20} KID {kid(features, real.features):9.4f}")

# %% [markdown]
# ## 7 · Precision and recall: which way is it bad?
#
# FID and KID say how far, not in which way. A generator can fail in two ways: its samples are not
# like real ones (**[precision](glossary.ipynb#Precision-of-a-generator)** is low), or it does not reach all of what is real (**[recall](glossary.ipynb#Recall-of-a-generator)** is low). Kynkäänniemi and
# others put a ball around every *real* feature vector, whose radius is the distance to its k-th nearest real neighbor. The union of
# the balls is an estimate of where real images lie. Then
#
# - precision = the share of *fakes* that lie in at least one ball around a *real*,
# - recall = the share of *reals* that lie in at least one ball around a *fake* (whose radius is the distance to its k-th nearest fake).
#
# ![Balls around reals hold six of nine fakes: precision. Balls around fakes hold five of eight reals: recall](../images/12_balls.png)
#
# Fakes that look like nothing real cost precision, and a kind of real that is never made costs recall.

# %% [markdown]
# ### Exercise · `precision_recall(real_features, fake_features, k=3)`
# *12 minutes.* Features `(N, D)` and `(M, D)`. Return precision and recall, two numbers between 0 and 1. A point
# is not its own neighbor; a point on the edge of a ball is inside. Distances are Euclidean: `torch.cdist` gives all those of two sets at once.


# %% exercise="evaluation.precision_recall"
def precision_recall(real_features, fake_features, k=3):
    """Shares of fakes in the reals' manifold, and of reals in the fakes': two numbers."""

    # BEGIN SOLUTION
    def share(points, support):
        radius = torch.cdist(support, support).kthvalue(k + 1, dim=1).values
        return (torch.cdist(points, support) <= radius).any(dim=1).double().mean()

    return share(fake_features, real_features), share(real_features, fake_features)
    # END SOLUTION


# %% check="evaluation.precision_recall"
check("evaluation.precision_recall", precision_recall)

# %% [markdown]
# One knob moves the two in opposite directions. A GAN's most typical images come from where the density of $z$ is highest, near the middle. **[Truncation](glossary.ipynb#Truncation)** multiplies
# $z$ by a factor $\psi$: below 1, samples come from nearer to the middle. **Predict** what happens to precision and to recall as $\psi$ falls
# from 1 to 0.25. And where will FID be lowest?

# %%
factors = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
z = torch.randn(count, latent_dim, generator=draw)
truncated = {factor: generate(factor * z) for factor in factors}


def two_ways_and_fid(images):
    """Precision, recall and FID against the reference, three numbers."""
    features = look(images).features
    precision, recall = precision_recall(real.features, features)
    return float(precision), float(recall), float(fid(features, real.features))


curve = [two_ways_and_fid(images) for images in truncated.values()]
for factor, (precision, recall, distance) in zip(factors, curve, strict=True):
    print(f"ψ = {factor:<5} precision {precision:.3f}, recall {recall:.3f}, FID {distance:.2f}")

# %% tags=["folded"]
rows = torch.cat([images[:14] for images in truncated.values()])
titles = [f"ψ = {factor}" for factor in factors]
show(
    plot_images(
        rows, 14, "The same z, shortened and stretched", value_range=(-1, 1), row_titles=titles
    )
)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
precisions, recalls, fids = zip(*curve, strict=True)
left.plot(factors, precisions, "o-", label="precision")
left.plot(factors, recalls, "s-", label="recall")
left.set(title="Opposite ways", xlabel="factor ψ", ylabel="share", ylim=(0, 1))
left.legend()
right.plot(factors, fids, "o-", color="C2")
right.set(title="FID sees one number", xlabel="factor ψ", ylabel="FID", ylim=(0, None))
show(figure)

# %% [markdown]
# As $\psi$ falls from 1.5 to 0.25, precision rises from 0.46 to 0.76 and recall falls from 0.70 to 0.20: the samples become smoother and
# more alike. FID is three times as high at 0.25, where precision is best, and about the same from 1 to 1.5 (17.5 to 17.9, one draw each), where precision still
# falls: it cannot say what was traded for what. Truncation makes a showcase of samples look
# better than the model is, so a figure of samples states its $\psi$. (This GAN trained for two minutes: at $\psi = 1$ it has a precision of 0.53, where
# real test images have 0.85. Many of its samples are half-made digits, and so they look.)
#
# ## 8 · How much hangs on the extractor
#
# Every number so far depends on 64 features of one network. Here are five ways to get features: the shipped network; our own two, which differ in
# nothing but the seed; the same network *untrained*; and the pixels themselves. The scale of a feature is arbitrary: double all features, and
# every term of $d^2$ becomes four times as large. So the numbers of different extractors cannot be compared; the *order* in which they put the sets can.


# %%
def spread(classifier):
    """A function that gives the features of images, for a classifier of ours."""
    return lambda images: torch.cat([classifier.features(part).cpu() for part in images.split(500)])


seed_everything(3)
extractors = {
    "shipped": lambda images: look(images).features,
    "own, seed 1": spread(own[0]),
    "own, seed 2": spread(own[1]),
    "untrained": spread(DigitClassifier().to(device)),
    "pixels": lambda images: images.flatten(1).cpu(),
}
distances = {}
with torch.no_grad():
    for label, extract in extractors.items():
        there = extract(reference)
        distances[label] = [fid(extract(images), there).item() for images in sets.values()]


def rank_correlation(a, b):
    """Spearman's: the correlation of the places."""
    places = torch.tensor([a, b]).argsort(dim=1).argsort(dim=1).double()
    return places.corrcoef()[0, 1].item()


print(f"{'FID of':<20}" + "".join(f"{label:>13}" for label in extractors))
for place, name in enumerate(sets):
    print(f"{name:<20}" + "".join(f"{values[place]:13.3g}" for values in distances.values()))
orders = [rank_correlation(distances["shipped"], values) for values in distances.values()]
print(f"{'order as shipped':<20}" + "".join(f"{order:13.2f}" for order in orders))
doubled = fid(2 * seen["GAN"].features, 2 * real.features) / fid(
    seen["GAN"].features, real.features
)
print(f"all features doubled: FID times {doubled:.3f}")

# %% tags=["folded"]
figure, axes = plt.subplots(figsize=(8, 3.4))
for label, values in distances.items():
    unit = values[0]  # of the real test images
    axes.plot([value / unit for value in values], "o-", label=label, alpha=0.8)
axes.set_xticks(range(len(sets)), list(sets), rotation=25, ha="right")
axes.set(
    title="FID in units of the real set's, by extractor",
    yscale="log",
    ylabel="times the real set's",
)
if distances:
    axes.legend(fontsize=8, ncols=3)
show(figure)

# %% [markdown]
# Three things to see. **The scale** says nothing: the real set's FID is 0.43 by one network and 5.9 by another. **The two seeds** of our own
# network agree well with each other, within a fifth for most sets, though they share no weight. **The order** is not safe either: the shipped network puts the noisy
# set farthest of all, but for one image repeated; ours put it nearer than the blurred one, at a fourth of that set's distance. Neither is wrong. Noise moves
# the features of a network that never saw noise in an unforeseen way, and networks differ most where they were not trained. Every extractor agrees on the copies: closest.
#
# So an FID says how far two sets differ *for a certain network*. Name it, use one for all that you compare, and be careful with conclusions about a kind of flaw that
# it was never trained on. The last row has the rank correlation of the nine sets' order with the shipped network's: 0.73 to 0.85, and the pixels (0.80) and the untrained network (0.85)
# agree with it about as well as our two trained ones (0.82, 0.73). On digits, that is: pixels of photographs are another matter.
#
# ## 9 · What none of them notices, and what does
#
# The copies passed every test so far, and passed FID with distinction. A model that has memorized its training set looks perfect to
# any metric that asks «are these like the training images?». What tells it apart is a *second* set of real images: honest samples
# are about as far from the training images as **test** images are. For each image, take the pixel distance to its nearest
# training image in the reference; count how many are nearer than the nearest 5 % of test images are.


# %%
def nearest(images):
    """Distance and index of the nearest reference image, in pixels: two tensors `(N,)`."""
    parts = [
        torch.cdist(part.flatten(1), reference.flatten(1)).min(dim=1) for part in images.split(500)
    ]
    return torch.cat([p.values for p in parts]), torch.cat([p.indices for p in parts])


threshold = nearest(fresh[count : 2 * count])[0].quantile(0.05)
near_copies = {}
for name, images in sets.items():
    near_copies[name] = (nearest(images)[0] < threshold).float().mean().item()
    print(f"{name:<20} nearer than 5 % of test images: {near_copies[name]:6.1%}")
for name in ("GAN", "copies of training"):
    both = torch.stack([sets[name][:12], reference[nearest(sets[name][:12])[1]]]).flatten(0, 1)
    titles = ["sample", "nearest"]
    show(
        plot_images(
            both, 12, f"{name}: nearest training images", value_range=(-1, 1), row_titles=titles
        )
    )

# %% [markdown]
# Now all together. When does a metric *notice*? Draw ten sets of real test images of the same size: their numbers are what
# luck alone does. A metric notices a failure if its value is worse than the worst of the ten by more than they differ
# among themselves.


# %%
def all_metrics(images, near=None):
    """The six numbers of a set, by name."""
    features, probabilities = look(images)
    precision, recall = precision_recall(real.features, features)
    near = (nearest(images)[0] < threshold).float().mean() if near is None else near
    return {
        "inception score": float(inception_score(probabilities)),
        "FID": float(fid(features, real.features)),
        "KID": float(kid(features, real.features)),
        "precision": float(precision),
        "recall": float(recall),
        "near copies": float(near),
    }


HIGHER_IS_WORSE = {"FID", "KID", "near copies"}
lucky = []
for _ in range(controls):
    order = torch.randperm(len(test_images), generator=draw)[:count].to(device)
    lucky.append(all_metrics(test_images[order]))
table = {name: all_metrics(images, near_copies[name]) for name, images in sets.items()}


def noticed(metric, value):
    """Whether a value is worse than all of luck's, by more than luck's own range."""
    sign = 1 if metric in HIGHER_IS_WORSE else -1
    luck = [sign * values[metric] for values in lucky]
    return sign * value > 2 * max(luck) - min(luck)


# %% tags=["folded"]
names = list(table["GAN"])
marks = torch.tensor([[noticed(m, row[m]) for m in names] for row in table.values()]).float()
figure, axes = plt.subplots(figsize=(8.6, 3.9))
axes.imshow(marks, cmap=plt.matplotlib.colors.ListedColormap(["#ffffff", "#f4c9a5"]), aspect="auto")
for place, row in enumerate(table.values()):
    for column, metric in enumerate(names):
        text = f"{row[metric]:.1%}" if metric == "near copies" else f"{row[metric]:.3g}"
        seen_here = marks[place, column] > 0
        axes.text(column, place, text + (" !" if seen_here else ""), ha="center", va="center")
axes.set_xticks(range(len(names)), names)
axes.set_yticks(range(len(table)), list(table))
axes.set_title("Colored and marked «!»: worse than luck explains")
axes.xaxis.tick_top()
axes.tick_params(length=0)
axes.grid(False)
show(figure)

# %% [markdown]
# Read it by rows. A **dropped class** is noticed by the three that judge a set as a whole; recall falls by less than luck allows for, since
# the other nine classes are all there. **Blur and noise** are noticed by all but the last. **One image repeated** has a perfect precision of 1, and a recall of 0: a score that
# rewards quality alone would give it first prize. **One image a class** has the best inception score of all. **Copies** have the best FID and a precision of 1: only the
# nearest neighbors tell, and they tell of nothing else. The **GAN** is noticed by five, and its
# samples are no copies. **A hundred real images** are flagged by FID and the inception score, which are biased (the 10,000 test images, in sets of 100, get a score of 9.43 on average,
# and 9.82 as one set: $p(y)$ of few images is on average less even than that of many), and by KID and precision because a small set
# scatters more than the ten sets of 2,500 do: for a fair verdict, luck must have the same N. No column could replace the others.
#
# The rule «worse than ten draws by more than their range» is a rough one; it takes no account of how many numbers the table has. It is enough to see which
# differences are worth talking about.
#
# ## 10 · Ask people, and say how sure you are
#
# In the end images are made to be looked at. The cleanest question is a **[forced choice](glossary.ipynb#Forced-choice-test)**: two images side by side, one real, one
# made; which is real? Whoever cannot tell them apart is right in half of the cases. «Rate how realistic it looks, from 1 to 5» would measure the rater as well.
#
# From $n$ answers, $\hat p$ of them correct, how sure is the rate? The usual $\hat p \pm z \sqrt{\hat p (1 - \hat p) / n}$ (Wald) fails where it matters: with 20 of 20 correct it
# claims that the rate is 1, exactly. Wilson (1927) asks the other way round: *which rates $q$ would not be surprised by this result?*
#
# 1. At a true rate $q$ the observed one has mean $q$ and standard deviation $\sqrt{q (1 - q)/n}$. Keep all $q$ with $(\hat p - q)^2 \le z^2 q (1 - q) / n$.
# 2. Both sides are quadratic in $q$. Sorted by powers: $\big(1 + \tfrac{z^2}{n}\big) q^2 - \big(2 \hat p + \tfrac{z^2}{n}\big) q + \hat p^2 \le 0$.
# 3. Between its two roots, this holds. They are, by the quadratic formula,
#
# $$ \frac{\hat p + \frac{z^2}{2n} \pm z \sqrt{\frac{\hat p (1 - \hat p)}{n} + \frac{z^2}{4 n^2}}}{1 + \frac{z^2}{n}} . $$
#
# Here $z$ is no latent, but the quantile of the normal distribution that leaves $(1 - \text{confidence})/2$ above it: 1.96 for 95 %. The binomial count is
# taken for normal, which is rough for few answers; still, as the cell after the exercise shows, the interval holds the truth about as often as it claims.

# %% [markdown]
# ### Exercise · `forced_choice(correct, total, confidence=0.95)`
# *8 minutes.* Return three numbers: the rate of correct answers, and the lower and the upper end of [Wilson's interval](glossary.ipynb#Wilson-interval).
# `NormalDist().inv_cdf` (imported above) is the normal quantile function.


# %% exercise="evaluation.forced_choice"
def forced_choice(correct, total, confidence=0.95):
    """The rate of correct answers, and both ends of its Wilson interval: (rate, low, high)."""
    # BEGIN SOLUTION
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate = correct / total
    center = rate + z**2 / (2 * total)
    half = z * math.sqrt(rate * (1 - rate) / total + z**2 / (4 * total**2))
    divisor = 1 + z**2 / total
    return rate, (center - half) / divisor, (center + half) / divisor
    # END SOLUTION


# %% check="evaluation.forced_choice"
check("evaluation.forced_choice", forced_choice)


# %% tags=["nbval-check-output"]
def wald(correct, total, confidence=0.95):
    z, rate = NormalDist().inv_cdf((1 + confidence) / 2), correct / total
    half = z * math.sqrt(rate * (1 - rate) / total)
    return rate, rate - half, rate + half


def coverage(interval, rate, total):
    """The exact chance that the interval holds the rate: a sum over all possible counts."""
    counts = range(total + 1)
    held = [n for n in counts if interval(n, total)[1] <= rate <= interval(n, total)[2]]
    return sum(math.comb(total, n) * rate**n * (1 - rate) ** (total - n) for n in held)


for rate in (0.5, 0.7, 0.9, 0.97):
    both = [coverage(interval, rate, 20) for interval in (wald, forced_choice)]
    print(
        f"true rate {rate:.2f}, 20 answers: Wald holds it in {both[0]:.0%}, Wilson in {both[1]:.0%}"
    )
print("20 of 20:", *(f"{end:.3f}" for end in forced_choice(20, 20)))
for end in forced_choice(13, 20)[1:]:  # line 1, with equality at both ends
    z = NormalDist().inv_cdf(0.975)
    assert math.isclose((13 / 20 - end) ** 2, z**2 * end * (1 - end) / 20)

# %% [markdown]
# Now sit the test: twenty pairs, a test image and a sample of the GAN. Take your time or not, but decide before you know.

# %%
forced_choice_explorer(fresh, sets["GAN"], pairs=20, score=forced_choice, value_range=(-1, 1))

# %% [markdown]
# **How many pairs are enough?** Suppose that you really are right in 60 % of all cases. The cell gives, for a few $n$, the
# interval where exactly 60 % were correct.

# %% tags=["nbval-check-output"]
for total in (20, 50, 100, 200, 500):
    rate, low, high = forced_choice(round(0.6 * total), total)
    print(
        f"{total:>3} pairs, 60 % correct: {low:.3f} to {high:.3f}", "" if low < 0.5 else "above 1/2"
    )

# %% [markdown]
# Twenty pairs show only what is glaring. A test with one sitter tells about that sitter and those pairs; whoever reports it says how many people, how many
# pairs each, whether they had seen the data, and how long an image was shown.
#
# ## 11 · Change one thing
#
# **First: cheat with N.** Find a pair of «models», a worse one with many samples and a better one with few, whose FID tells the wrong order. (The sets of section 1 will do.) What
# does KID say of the pair, on average over several draws?

# %%
# your experiment: fid(look(...).features, real.features)

# %% tags=["solution"]
starts = range(0, at_scale(smoke=200, laptop=1_000, gpu=1_000), 50)
draws = [look(fresh[start : start + 50]).features for start in starts]
models = {"real, 50 a draw": draws, f"no sevens, {count:,}": [seen["no sevens"].features]}
for name, parts in models.items():
    fids = [float(fid(part, real.features)) for part in parts]
    kids = [float(kid(part, real.features)) for part in parts]
    print(
        f"{name:<17} FID {sum(fids) / len(fids):.2f}, from {min(fids):.2f} to {max(fids):.2f}; "
        f"KID {sum(kids) / len(kids):.3f}, from {min(kids):.3f} to {max(kids):.3f}"
    )

# %% [markdown] tags=["solution"]
# Fifty real images have an FID about as bad as, or worse than, a set that lacks a whole class, and whoever quotes both without N makes
# the worse model win. KID of single draws of 50 scatters widely, below 0 and above, but its mean over the draws is near 0, where it belongs, and the set without sevens is at 0.38.

# %% [markdown]
# **Second: k.** Precision and recall depend on how wide the balls are. Compute both for the GAN and for the real test images
# with k = 1, 3, 10. Do they still mean the same?

# %%
# your experiment: precision_recall(real.features, seen["GAN"].features, k=...)

# %% tags=["solution"]
for k in (1, 3, 10):
    for name in ("real (test images)", "GAN"):
        precision, recall = precision_recall(real.features, seen[name].features, k)
        print(f"k = {k:>2} {name:<20} precision {precision:.3f}, recall {recall:.3f}")

# %% [markdown] tags=["solution"]
# With k = 1 even real test images have a precision of 0.56 only: balls that reach to the nearest neighbor leave gaps everywhere. With k = 10 they
# overlap so far that the GAN gets 0.82 and a recall of 0.93. Neither number is a property of the model alone. Report k, N, and what real images get; the
# distance between the two (0.28 at k = 1, 0.32 at k = 3, 0.16 at k = 10 for precision) is what speaks.

# %% [markdown]
# ## What you take along
#
# 1. A score is a claim about a set, by one network, at one N. Report the direction, the number of samples, the features,
#    and what real images get.
# 2. FID and KID compare whole clouds; FID is biased upwards by about c/N, KID is not. Precision and recall say in which way a model fails.
# 3. No metric that rewards likeness to the training set can punish copying it: look at nearest neighbors, with test images as the yardstick. And
#    before you believe any number, sit the blind test.
#
# **References.** Salimans and others (2016), *Improved Techniques for Training GANs*, arXiv 1606.03498 · Heusel and others (2017),
# *GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium*, arXiv 1706.08500 · Dowson and Landau (1982),
# *The Fréchet distance between multivariate normal distributions*, Journal of Multivariate Analysis 12 · Bińkowski and others (2018), *Demystifying
# MMD GANs*, arXiv 1801.01401 · Kynkäänniemi and others (2019), *Improved Precision and Recall Metric for Assessing Generative Models*,
# arXiv 1904.06991 · Naeem and others (2020), *Reliable Fidelity and Diversity Metrics for Generative Models*, arXiv 2002.09797 · Chong and Forsyth (2020), *Effectively
# Unbiased FID and Inception Score and Where to Find Them*, arXiv 1911.07023 · Barratt and Sharma (2018), *A Note on the Inception Score*, arXiv 1801.01973 ·
# Wilson (1927), *Probable Inference, the Law of Succession, and Statistical Inference*, Journal of the American Statistical Association 22.
#
# **Next** is 13_conditional: ask for a digit, and get it.
