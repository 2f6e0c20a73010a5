# %% [markdown]
# # 02 · The evidence and its lower bound
#
# How probable is this image under your model? For a model with hidden causes that one number is an
# average over everything that could have caused the image, and as a rule nobody can compute it. The
# whole family of variational autoencoders lives off a bound on it. In this lesson you build a model on
# real digits that is simple enough for the number **and** the bound to be computed exactly, so that
# every line of the theory becomes an equality that you check to many digits.
#
# ![Three choices of q: what one gains in ELBO it loses in gap, and log p(x) stands still](../images/02_elbo.png)
#
# <details><summary>中文导读</summary>
#
# 隐变量模型里，一幅图像的概率 p(x) 是对所有可能成因的平均，一般算不出来。本课选用概率 PCA：在真实数字
# 上，证据 log p(x)、后验和下界都能精确计算，于是理论的每一行都变成可以验证到很多位的等式。证据下界
# （ELBO）用三种方法推导：Jensen 不等式、差距就是 KL(q‖p(z|x))、重要性加权。你会看到对角高斯 q 的最优
# 形状、多抽样怎样收紧下界、误差条什么时候会说谎，最后用 EM 算法拟合模型，并证明似然为什么从不下降。
# 标有 “Second reading” 的推导初读时可以跳过。
#
# </details>
#
# **You will be able to**
# - say why $\log p(x)$ is hard to compute, and show it with numbers,
# - derive the evidence lower bound (ELBO) in three ways, each line checked,
# - say what separates the ELBO from $\log p(x)$, and which $q$ makes that as small as it can be,
# - tighten the bound with more draws, and tell when its error bars lie,
# - fit a model by expectation–maximization, and explain why the likelihood never falls.
#
# Parts marked **Second reading** are derivations whose last line you may take on trust the first time; all
# exercises can be done without them.
#
# **Time** 90 minutes · **Builds on** 01_divergences · **Papers** Tipping and Bishop (1999),
# *Probabilistic Principal Component Analysis*; Jordan, Ghahramani, Jaakkola and Saul (1999), *An
# Introduction to Variational Methods for Graphical Models*; Burda, Grosse and Salakhutdinov (2015),
# *Importance Weighted Autoencoders*, arXiv 1509.00519.
#
# **Numbers in the text** are those of one run at `laptop` scale, on two CPU cores; at another scale, or on
# another machine, yours differ.

# %% tags=["folded"]
import math

import matplotlib.pyplot as plt
import torch
from torch.distributions import MultivariateNormal, Normal

from course_lib.checks import check
from course_lib.data import load_mnist
from course_lib.ellipse_explorer import ellipse_explorer
from course_lib.history import History, watch
from course_lib.plotting import plot_images, show
from course_lib.probability import kl_to_standard_normal
from course_lib.training import at_scale, course_scale, seed_everything

seed_everything(0)
image_count = at_scale(smoke=2_000, laptop=20_000, gpu=60_000)
prior_draws = at_scale(smoke=4_000, laptop=50_000, gpu=500_000)
repeats = at_scale(smoke=40, laptop=200, gpu=1_000)  # of each importance-weighted bound
em_updates = at_scale(smoke=40, laptop=120, gpu=120)
generator = torch.Generator().manual_seed(0)


def normal_noise(*shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


print(f"scale {course_scale()}: {image_count:,} digits, {em_updates} EM updates, on the CPU")

# %% [markdown]
# Everything here is small and runs in double precision, because we want to see equalities hold to ten
# digits. No GPU is needed.
#
# ## 1 · One hidden number behind two pixels
#
# Somebody draws a stroke, and two neighboring pixels get darker. How dark depends on something that
# nobody recorded: how hard the pen was pressed. Call it $z$, in units in which it is standard normal. The
# first pixel follows it fully, the second less, and the scanner adds noise of its own to each:
#
# $$ z \sim \mathcal N(0, 1), \qquad x = W z + \sigma \cdot \mathrm{noise}, \qquad
#    W = \begin{pmatrix} 1 \\ 0.6 \end{pmatrix}, \quad \sigma = 0.5 . $$
#
# $z$ is a [latent variable](glossary.ipynb#Latent-variable), its distribution $p(z)$ the
# [prior](glossary.ipynb#Prior), and $p(x \mid z)$ the likelihood. Now one image arrives, $x = (1.2, 0.2)$.
# How probable was it? We must average the likelihood over all pressures that might have been, each
# weighted by how common it is:
#
# $$ p(x) = \int p(x \mid z)\, p(z)\, dz = \int p(x, z)\, dz . $$
#
# This average is called the [evidence](glossary.ipynb#Evidence), or marginal likelihood. In the picture it
# will be an area. **Predict**: which pressures contribute most of it?

# %%
toy_weight = torch.tensor([[1.0], [0.6]], dtype=torch.float64)
toy_noise = torch.tensor(0.5, dtype=torch.float64)
toy_x = torch.tensor([[1.2, 0.2]], dtype=torch.float64)


def log_joint(x, weight, noise_std, z):
    """log p(x, z) in nats: of x `(..., D)` and z `(..., Z)`, `(...)`."""
    log_likelihood = Normal(z @ weight.T, noise_std).log_prob(x).sum(-1)
    return log_likelihood + Normal(0.0, 1.0).log_prob(z).sum(-1)


grid = torch.linspace(-6, 6, 4001, dtype=torch.float64)[:, None]  # 4,001 values of one latent
toy_joint = log_joint(toy_x, toy_weight, toy_noise, grid).exp()
prior = Normal(0.0, 1.0).log_prob(grid[:, 0]).exp()
area = torch.trapezoid(toy_joint, grid[:, 0])

strokes = normal_noise(1000, 1) @ toy_weight.T + toy_noise * normal_noise(1000, 2)
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4))
left.scatter(*strokes.T, s=5, alpha=0.5)
left.plot(*toy_x[0], "*", color="C1", markersize=16, label="our image")
left.set(title="1,000 images from the model", xlabel="pixel 1", ylabel="pixel 2")
left.legend()
right.plot(grid, prior, color="gray", label="prior p(z)")
right.plot(grid, toy_joint / prior, label="likelihood p(x | z)")
right.fill_between(grid[:, 0], toy_joint, color="C1", alpha=0.5, label="product p(x, z)")
right.set(title=f"The evidence is the orange area: {area:.4f}", xlabel="z", ylabel="density")
right.set(xlim=(-4, 4))
right.legend()
show(figure)

# %% [markdown]
# Pressures between 0 and 2 carry nearly all of it. A second way to the same number, without any grid:
# draw pressures from the prior and average the likelihood. An average of $n$ independent values has the
# standard error (their standard deviation) / $\sqrt n$, if that deviation is finite; here it is, because with
# $\sigma > 0$ the likelihood is bounded.

# %%
z = normal_noise(prior_draws, 1)
likelihoods = Normal(z @ toy_weight.T, toy_noise).log_prob(toy_x).sum(-1).exp()
error = likelihoods.std() / math.sqrt(prior_draws)
print(f"p(x): area {area:.5f}, average over {prior_draws:,} prior draws", end=" ")
print(f"{likelihoods.mean():.5f} ± {error:.5f}")
assert (likelihoods.mean() - area).abs() < 5 * error

# %% [markdown]
# ### A model in which the integral can be done
#
# Let $z$ have $Z$ entries and $x$ have $D$, with a **weight** $W$ of shape $(D, Z)$ and noise of standard
# deviation $\sigma$ on every dimension:
#
# $$ z \sim \mathcal N(0, I), \qquad x = W z + \sigma \cdot \mathrm{noise} . $$
#
# This is [probabilistic PCA](glossary.ipynb#Probabilistic-PCA), for data from which the average has been
# taken off. Three lines give its evidence:
#
# 1. **The expectation is linear**: $\mathbb E[x] = W\, \mathbb E[z] + \sigma\, \mathbb E[\mathrm{noise}] = 0$.
# 2. **$z$ and the noise are independent with mean 0**, so in $\mathbb E[x x^\top]$ the mixed terms vanish:
#    $\mathrm{cov}(x) = W\, \mathbb E[z z^\top]\, W^\top + \sigma^2 I = W W^\top + \sigma^2 I =: C$.
# 3. **Sums of Gaussians are Gaussian**, so $x \sim \mathcal N(0, C)$, whose log density is
#
# $$ \log p(x) = -\tfrac12 \big[ D \log 2\pi + \log \det C + x^\top C^{-1} x \big] . $$
#
# To compute it, take the Cholesky factor, the lower triangular $L$ with $C = L L^\top$. A triangle's
# determinant is the product of its diagonal, so $\log \det C = 2 \sum_i \log L_{ii}$; and
# $x^\top C^{-1} x = \lVert L^{-1} x \rVert^2$, where $L^{-1} x$ comes from solving $L y = x$. The next cell
# checks line 2 by counting, and both uses of $L$.

# %%
toy_covariance = toy_weight @ toy_weight.T + toy_noise**2 * torch.eye(2)
x_many = z @ toy_weight.T + toy_noise * normal_noise(prior_draws, 2)
products = x_many[:, :, None] * x_many[:, None, :]  # (n, 2, 2)
errors = products.std(0) / math.sqrt(prior_draws)
print("covariance by formula", toy_covariance.tolist())
print("covariance of draws  ", [[round(v, 3) for v in row] for row in products.mean(0).tolist()])
assert ((products.mean(0) - toy_covariance).abs() < 5 * errors).all()
factor = torch.linalg.cholesky(toy_covariance)
assert torch.isclose(2 * factor.diagonal().log().sum(), toy_covariance.det().log(), atol=1e-12)
y = torch.linalg.solve_triangular(factor, toy_x.T, upper=False)
assert torch.isclose(y.square().sum(), (toy_x @ toy_covariance.inverse() @ toy_x.T)[0, 0])

# %% [markdown]
# ### Exercise · `log_evidence(x, weight, noise_std)`
# *10 minutes.* `x` is `(B, D)`, `weight` is `(D, Z)`, `noise_std` a scalar tensor `()`: the standard
# deviation σ, not the variance. Return $\log p(x)$ in nats, `(B,)`, by Cholesky. The trap is the
# determinant: with some hundred dimensions it leaves the range of floating point, its logarithm does not.


# %% exercise="elbo.log_evidence"
def log_evidence(x, weight, noise_std):
    """log N(x; 0, weight weightᵀ + noise_std² I) of x `(B, D)` in nats, `(B,)`."""
    # BEGIN SOLUTION
    dim = len(weight)
    covariance = weight @ weight.T + noise_std**2 * torch.eye(dim, dtype=x.dtype, device=x.device)
    factor = torch.linalg.cholesky(covariance)
    y = torch.linalg.solve_triangular(factor, x.T, upper=False)  # (D, B)
    log_det = 2 * factor.diagonal().log().sum()
    return -0.5 * (dim * math.log(2 * math.pi) + log_det + y.square().sum(dim=0))
    # END SOLUTION


# %% check="elbo.log_evidence"
check("elbo.log_evidence", log_evidence)

# %% tags=["nbval-check-output"]
exact = log_evidence(toy_x, toy_weight, toy_noise)[0]
print(f"log p(x): your formula {exact:.6f} nats, logarithm of the area {area.log():.6f} nats")
assert torch.isclose(exact, area.log(), atol=1e-6)

# %% [markdown]
# ## 2 · Real digits, and why the evidence is hard
#
# MNIST's 784 pixels are more than we need. Principal component analysis finds the directions in which
# digits differ most; we keep each digit's coordinates along the first 32. These 32 numbers are our $x$
# from now on. **Predict**: will you still be able to read the digits?

# %%
images, labels = load_mnist("train")
pixels, labels = images[:image_count].flatten(1), labels[:image_count]
pixel_mean = pixels.mean(0)
centered = pixels - pixel_mean
spectrum, directions = torch.linalg.eigh((centered.T @ centered / image_count).double())
basis = directions[:, -32:].flip(1)  # (784, 32), the widest direction first
x = centered.double() @ basis
x = x - x.mean(0)  # exactly centered: the model has no mean of its own
digit = x[:1]


def to_images(x):
    """Points `(B, 32)` as images; the few values outside [0, 1] are cut off to be shown."""
    return (x @ basis.T + pixel_mean).clamp(0, 1).reshape(-1, 1, 28, 28)


rows = torch.cat([pixels[:10].reshape(-1, 1, 28, 28).double(), to_images(x[:10])])
show(
    plot_images(rows, columns=10, title="784 pixels, 32 numbers", row_titles=["pixels", "numbers"])
)
kept = spectrum[-32:].sum() / spectrum.sum()
print(f"x: {tuple(x.shape)}, the 32 numbers keep {kept:.0%} of the pixels' variance")

# %% [markdown]
# Now models of these 32 numbers. For data like these Tipping and Bishop found the weight and the noise
# that make the evidence largest: with the eigenvalues $\lambda_1 \ge \dots \ge \lambda_D$ of the data's
# covariance and the first $Z$ eigenvectors as columns of $U$,
#
# $$ \sigma^2 = \frac{1}{D - Z} \sum_{j > Z} \lambda_j, \qquad
#    W = U\, \mathrm{diag}\big(\sqrt{\lambda_j - \sigma^2}\big)\, R, \qquad R \text{ any rotation.} $$
#
# The noise takes the average of what is left over. Section 7 will find the same maximum without knowing
# this formula; until then we borrow it. The rotation changes nothing in $p(x)$, because
# $W R\,(W R)^\top = W W^\top$. We mix the latents by a random one, as any fit from a random start would.


# %%
def best_model(x, latents, mixed=True):
    """Weight `(D, Z)` and noise_std `()` of largest evidence (Tipping and Bishop 1999)."""
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))
    variance = values[:-latents].mean()
    weight = vectors[:, -latents:] * (values[-latents:] - variance).sqrt()
    turn = torch.Generator().manual_seed(latents)
    rotation = torch.linalg.qr(torch.randn(latents, latents, generator=turn, dtype=torch.float64)).Q
    return weight @ rotation if mixed else weight, variance.sqrt()


weight, noise_std = best_model(x, 8)
imagined = normal_noise(10, 8) @ weight.T + noise_std * normal_noise(10, 32)
show(plot_images(to_images(imagined), columns=10, title="Drawn from the model with 8 latents"))

# %% [markdown]
# Ghosts of strokes: a linear model with Gaussian noise adds up soft patterns and knows no edges. The
# decoder of lesson 05 is a network and does better. For us this one has the virtue that everything about it
# is known.
#
# For a network nobody can write $\log p(x)$ down. What about the two ways of section 1? The grid had 4,001
# points for one latent; for eight it would need $4001^8 \approx 7 \cdot 10^{28}$. That leaves averaging over draws
# from the prior. **Predict**: we take models with 2, 4, 8, 16 and 24 latents, and average the likelihoods of
# six digits over prior draws. How does the error grow?


# %%
def by_prior_draws(x, weight, noise_std, draws):
    """log of the average likelihood of x `(1, D)`, and the largest draw's share of that average."""
    z = normal_noise(draws, weight.shape[1])
    log_likelihood = Normal(z @ weight.T, noise_std).log_prob(x).sum(-1)
    total = log_likelihood.logsumexp(0)
    return torch.stack([total - math.log(draws), (log_likelihood.max() - total).exp()])


counts = [prior_draws // 1000, prior_draws // 100, prior_draws // 10, prior_draws]
figure, axes = plt.subplots(figsize=(6.4, 3.4))
for latents in (2, 4, 8, 16, 24):
    borrowed = best_model(x, latents)
    exact = log_evidence(x[:6], *borrowed)
    trials = [[by_prior_draws(x[[n]], *borrowed, k) for n in range(6)] for k in counts]
    estimates, shares = torch.stack([torch.stack(each) for each in trials]).unbind(-1)  # (4, 6)
    low = (exact - estimates).mean(1)
    axes.plot(counts, low, "o-", label=f"{latents} latents")
    print(
        f"{latents:>2} latents: log p(x) = {exact.mean():6.2f} nats, the estimate is {-low[-1]:+6.3f} "
        f"off; one of {prior_draws:,} draws carries {shares[-1].mean():6.1%} of the average"
    )
axes.axhline(0, color="gray", linestyle="--")
axes.set(title="Averaging over the prior, mean of six digits", xscale="log")
axes.set(xlabel="draws", ylabel="log p(x) - estimate (nats)")
axes.legend()
show(figure)

# %% [markdown]
# With few latents it works. With sixteen about a third of the average rests on a single draw, with twenty-four nearly
# half, and the estimate is some two nats too low after 50,000 draws: almost every $z$ from the prior decodes to some
# *other* digit. (The numbers are logarithms of densities in 32 dimensions. They depend on the unit of $x$ and may be of
# either sign; differences between them mean what they always mean.) A network's decoder with all 784 pixels is far more
# particular than this model, and there no number of draws that you could afford would do.
#
# The cure is to look where it matters. Which $z$ could have caused this $x$?
#
# ## 3 · The posterior
#
# The [posterior](glossary.ipynb#Posterior) $p(z \mid x)$ is the distribution of the latent once $x$ has been
# seen. By Bayes' rule it is $p(x, z) / p(x)$. For our model it can be found by completing a square:
#
# $$ \begin{aligned}
# \log p(z \mid x) &= \log p(x \mid z) + \log p(z) - \log p(x) && (1) \\
# &= -\tfrac{1}{2\sigma^2} \lVert x - W z \rVert^2 - \tfrac12 \lVert z \rVert^2 + \text{const} && (2) \\
# &= -\tfrac12\, z^\top \underbrace{\big(I + \tfrac{1}{\sigma^2} W^\top W\big)}_{\Lambda}\, z
#    + z^\top\, \tfrac{1}{\sigma^2} W^\top x + \text{const} && (3) \\
# &= -\tfrac12 (z - \mu)^\top \Lambda\, (z - \mu) + \text{const}, \qquad
#    \mu = \Lambda^{-1}\, \tfrac{1}{\sigma^2} W^\top x . && (4)
# \end{aligned} $$
#
# 1. **Bayes' rule**, in logarithms.
# 2. **Put in the two Gaussian densities**; what does not depend on $z$ goes into the constant.
# 3. **Multiply out and collect** by powers of $z$; $\tfrac{1}{2\sigma^2}\lVert x \rVert^2$ joins the constant.
# 4. **Complete the square**: multiplied out, line 4 has the same quadratic and linear terms as line 3.
#
# Line 4 is a Gaussian's log density with mean $\mu$ and **precision** $\Lambda$, so with covariance
# $\Lambda^{-1}$. The cell below compares lines 2, 3 and 4 with $\log p(x, z)$ at a thousand random
# $z$: each may differ from it by a constant, and by nothing else. (Line 1 itself waits for your function.)


# %%
def spread(values):
    return (values.max() - values.min()).item()


z = normal_noise(1000, 8)
joint = log_joint(digit, weight, noise_std, z)
line_2 = -(digit - z @ weight.T).square().sum(-1) / (2 * noise_std**2) - z.square().sum(-1) / 2
precision = torch.eye(8) + weight.T @ weight / noise_std**2
linear = digit @ weight / noise_std**2
line_3 = -0.5 * (z @ precision * z).sum(-1) + (z * linear).sum(-1)
mu = linear @ precision.inverse()
line_4 = -0.5 * ((z - mu) @ precision * (z - mu)).sum(-1)
print(f"log p(x, z) itself varies by {spread(joint):.0f} nats over the thousand z")
for number, line in ((2, line_2), (3, line_3), (4, line_4)):
    print(f"its distance to line {number} varies by less than 1e-8:", spread(line - joint) < 1e-8)
    assert spread(line - joint) < 1e-8

# %% [markdown]
# ### Exercise · `posterior(x, weight, noise_std)`
# *8 minutes.* Shapes as before. Return two tensors: the means `(B, Z)`, one row an example, and the
# covariance `(Z, Z)`. One covariance serves all examples: look at line 3 and find $x$ in $\Lambda$.


# %% exercise="elbo.posterior"
def posterior(x, weight, noise_std):
    """Mean `(B, Z)` and covariance `(Z, Z)` of p(z | x) for x `(B, D)`."""
    # BEGIN SOLUTION
    eye = torch.eye(weight.shape[1], dtype=x.dtype, device=x.device)
    covariance = torch.linalg.inv(eye + weight.T @ weight / noise_std**2)
    return x @ weight @ covariance / noise_std**2, covariance
    # END SOLUTION


# %% check="elbo.posterior"
check("elbo.posterior", posterior)

# %% [markdown]
# See it with two latents, in which a posterior can be drawn. We take the ones alone and two of the patterns
# in which ones differ, the first and the third, and mix them half and half, so that either latent stands for
# a bit of both. The two patterns are the upper rows of the picture: what are they? **Predict**: three ones,
# three posteriors. What do they have in common?

# %%
ones = x[labels == 1]
one_mean = ones.mean(0)
ones = ones - one_mean
values_of_ones, patterns = torch.linalg.eigh(ones.T @ ones / len(ones))
values_of_ones, patterns = values_of_ones.flip(0)[[0, 2]], patterns.flip(1)[:, [0, 2]]
variance_2 = (ones.square().sum() / len(ones) - values_of_ones.sum()) / 30  # of the other 30
upright_2 = patterns * (values_of_ones - variance_2).sqrt()
half_turn = torch.tensor([[1.0, -1.0], [1.0, 1.0]], dtype=torch.float64) / math.sqrt(2)
weight_2, noise_2 = upright_2 @ half_turn, variance_2.sqrt()

walk = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
walks = torch.cat([one_mean + walk * column for column in [*upright_2.T, *weight_2.T]])
names = ("pattern 1", "pattern 3", "z₁", "z₂")
show(plot_images(to_images(walks), columns=9, title="From -2 to 2", row_titles=names))

# %%
three = ones[[0, 1, 2]]
centers, shape_of_all = posterior(three, weight_2, noise_2)
axis = torch.linspace(-3, 3, 241, dtype=torch.float64)
plane = torch.cartesian_prod(axis, axis)  # (58081, 2)
by_bayes = log_joint(three[0], weight_2, noise_2, plane)
by_bayes = by_bayes - log_evidence(three[:1], weight_2, noise_2)
off = (MultivariateNormal(centers[0], shape_of_all).log_prob(plane) - by_bayes).abs().max()
print(
    f"line 1, Bayes' rule, with your two functions holds at all {len(plane):,} points: {off < 1e-8}"
)
assert off < 1e-8

# %% tags=["folded"]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8))
for n, color in enumerate(("C0", "C1", "C2")):
    by_grid = log_joint(three[n], weight_2, noise_2, plane)
    by_grid = (by_grid - by_grid.max()).exp().reshape(241, 241).T
    left.contourf(axis, axis, by_grid, levels=[0.135, 0.607, 1], colors=color, alpha=0.3)
    by_formula = MultivariateNormal(centers[n], shape_of_all).log_prob(plane)
    by_formula = (by_formula - by_formula.max()).exp().reshape(241, 241).T
    left.contour(axis, axis, by_formula, levels=[0.135, 0.607], colors=color)
first, second = shape_of_all.diagonal().sqrt()
right.fill_between(axis, Normal(centers[0, 1], second).log_prob(axis).exp(), color="0.85")
for step, name, line in ((-1, "low", ":"), (0, "at its mean", "-"), (1, "high", "--")):
    moved = centers[0, 1] + shape_of_all[0, 1] / first * step  # z₁ by `step` standard deviations
    given = Normal(moved, torch.linalg.inv(shape_of_all)[1, 1].rsqrt())
    right.plot(axis, given.log_prob(axis).exp(), line, color="C0", label=f"z₁ {name}")
left.set(title="grid (filled), your posterior (lines)", xlabel="z₁", ylabel="z₂", aspect="equal")
right.set(title="z₂ of the blue one: gray, if z₁ is unknown", xlabel="z₂", ylabel="density")
right.legend()
show(figure)

# %% [markdown]
# Slant and thickness. The ellipses (one and two standard deviations) sit in different places and are otherwise the same: what $x$
# says decides the mean, how sharply it says it depends on the model alone. They are also **tilted**:
# knowing $z_1$ changes your mind about $z_2$ (on the right: it moves, and it gets surer), although the prior has
# them independent. Two causes of
# the same ink: more of one leaves less for the other, or asks for more of it where they cancel, as
# here. Keep that tilt in mind.
#
# ## 4 · First way to the bound: Jensen
#
# For a network there is no formula for the posterior. So take **any** distribution $q(z)$ that we can draw
# from, the [variational distribution](glossary.ipynb#Variational-distribution), and see how far we get:
#
# $$ \begin{aligned}
# \log p(x) &= \log \int p(x, z)\, dz && (1) \\
# &= \log \int q(z)\, \frac{p(x, z)}{q(z)}\, dz && (2) \\
# &= \log \mathbb E_q[w], \qquad w(z) = \frac{p(x, z)}{q(z)} && (3) \\
# &\ge \mathbb E_q[\log w] =: \mathrm{ELBO} && (4) \\
# &= \mathbb E_q[\log p(x \mid z)] + \mathbb E_q[\log p(z)] - \mathbb E_q[\log q(z)] && (5) \\
# &= \mathbb E_q[\log p(x \mid z)] - \mathrm{KL}\big(q \,\|\, p(z)\big) && (6)
# \end{aligned} $$
#
# 1. **Definition of the evidence.**
# 2. **Multiply by $1 = q/q$**; $q$ must be positive wherever $p(x, z)$ is.
# 3. **Definition of an expectation** under $q$. ($w$ weighs a draw; it has nothing to do with the model's $W$.)
# 4. **[Jensen's inequality](glossary.ipynb#Jensen's-inequality)**: the logarithm of an average is at least the
#    average of the logarithms. Why: with $c = \mathbb E_q[w]$, the tangent of the logarithm at $c$ lies above it,
#    $\log w \le \log c + (w - c)/c$. Average both sides: the last term becomes 0.
# 5. **Product rule**, $p(x, z) = p(x \mid z)\, p(z)$, and linearity.
# 6. **Definition of KL** (lesson 01).
#
# The name: [evidence lower bound](glossary.ipynb#Evidence-lower-bound). Equality in line 4 needs a $w$ that is
# the same for all $z$, so $q(z) \propto p(x, z)$: then $q$ is the posterior. The two-pixel model can check all
# six lines by quadrature. **Predict**: with $q = \mathcal N(0.5, 0.6^2)$, which lines give $\log p(x)$, about
# $-2.18$, and which less?

# %% tags=["nbval-check-output"]
line = grid[:, 0]
toy_mean = torch.tensor([[0.5]], dtype=torch.float64)
toy_log_var = torch.tensor([[2 * math.log(0.6)]], dtype=torch.float64)
log_q = Normal(toy_mean[0], (toy_log_var[0] / 2).exp()).log_prob(line)
log_prior = Normal(0.0, 1.0).log_prob(line)
log_p = log_joint(toy_x, toy_weight, toy_noise, grid)  # log p(x, z)


def expect_q(values):
    """E_q of values on the grid, by the trapezoid rule."""
    return torch.trapezoid(log_q.exp() * values, line)


log_w = log_p - log_q
lines = {
    "1  log of the area                     ": torch.trapezoid(log_p.exp(), line).log(),
    "2  the same, times q / q               ": torch.trapezoid(
        log_q.exp() * log_w.exp(), line
    ).log(),
    "3  log E[w]                            ": expect_q(log_w.exp()).log(),
    "4  E[log w]                            ": expect_q(log_w),
    "5  E[log p(x|z)] + E[log p(z)] - E[log q]": (
        expect_q(log_p - log_prior) + expect_q(log_prior) - expect_q(log_q)
    ),
    "6  E[log p(x|z)] - KL(q‖p(z))          ": (
        expect_q(log_p - log_prior) - kl_to_standard_normal(toy_mean, toy_log_var)[0]
    ),
}
for name, value in lines.items():
    print(f"{name:<42} {value:.6f}")
values = torch.stack(list(lines.values()))
assert (values[:3] - values[0]).abs().max() < 1e-6 and (values[3:] - values[3]).abs().max() < 1e-6

# %% [markdown]
# Lines 1 to 3 are the evidence, lines 4 to 6 the bound. Here is line 4 as a picture: draws of $w$, their
# average, and the tangent that lies above the logarithm.

# %%
draws = toy_mean + (toy_log_var / 2).exp() * normal_noise(20_000, 1)
log_ws = log_joint(toy_x, toy_weight, toy_noise, draws)
log_ws = log_ws - Normal(toy_mean[0], (toy_log_var[0] / 2).exp()).log_prob(draws[:, 0])
ws, c = log_ws.exp(), area
t = torch.linspace(0.004, 0.25, 300, dtype=torch.float64)
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.2))
left.plot(t, t.log(), label="log w")
left.plot(t, c.log() + (t - c) / c, color="C1", label="tangent at E[w] = p(x)")
left.plot(c, c.log(), "o", color="C1")
left.set(title="The tangent lies above the logarithm", xlabel="w", ylabel="nats", ylim=(-6, 0))
left.legend()
right.hist(log_ws.clamp(-6, -1), bins=60, color="C2", alpha=0.7)
right.axvline(log_ws.mean(), color="C0", label=f"mean of log w: {log_ws.mean():.2f}")
right.axvline(ws.mean().log(), color="C1", label=f"log of mean w: {ws.mean().log():.2f}")
right.set(title="20,000 draws from q", xlabel="log w (nats; -6: and below)", ylabel="draws")
right.legend(loc="upper left")
show(figure)

# %% [markdown]
# ### The bound in closed form
#
# For our model and a diagonal Gaussian $q = \mathcal N(m, \mathrm{diag}\, v)$, line 6 needs no sampling. The
# KL is lesson 01's formula. The likelihood's part is an expected square, and four steps give it:
#
# $$ \begin{aligned}
# \mathbb E_q \lVert x - W z \rVert^2 &= \mathbb E_q \lVert (x - W m) - W (z - m) \rVert^2 && \text{write } z = m + (z - m) \\
# &= \lVert x - W m \rVert^2 + \mathbb E_q \lVert W (z - m) \rVert^2
#    && \text{multiply out; } \mathbb E_q[z - m] = 0 \\
# &= \lVert x - W m \rVert^2 + \mathrm{tr}\big(W^\top W\, \mathrm{cov}_q(z)\big)
#    && \lVert a \rVert^2 = \mathrm{tr}(a a^\top)\text{, cyclic} \\
# &= \lVert x - W m \rVert^2 + \sum_j v_j \lVert W_{:j} \rVert^2 && \mathrm{cov}_q(z) = \mathrm{diag}\, v
# \end{aligned} $$
#
# and $\mathbb E_q[\log p(x \mid z)] = -\tfrac D2 \log(2\pi\sigma^2) - \tfrac{1}{2\sigma^2}\,
# \mathbb E_q \lVert x - W z \rVert^2$. The next cell checks the mixed term and the last line by counting.

# %%
m, log_var = 0.5 * normal_noise(1, 8), 0.5 * normal_noise(1, 8) - 1
deviation = (log_var / 2).exp() * normal_noise(prior_draws, 8)
residual = digit - m @ weight.T
mixed = -2 * (deviation @ weight.T * residual).sum(-1)
squares = (digit - (m + deviation) @ weight.T).square().sum(-1)
by_formula = residual.square().sum() + (log_var.exp() * weight.square().sum(0)).sum()
for name, sample, formula in (
    ("mixed term", mixed, torch.tensor(0.0)),
    ("expected square", squares, by_formula),
):
    error = sample.std() / math.sqrt(prior_draws)
    print(f"{name:<16} counted {sample.mean():8.3f} ± {error:.3f}, formula {formula:8.3f}")
    assert (sample.mean() - formula).abs() < 5 * error

# %% [markdown]
# ### Exercise · `elbo(x, weight, noise_std, mean, log_var)`
# *10 minutes.* `mean` and `log_var`, `(B, Z)`, are a diagonal Gaussian $q$ for each example. Return the ELBO
# in nats, `(B,)`, in closed form: no draws. `kl_to_standard_normal` is imported above. Gradients reach `mean`
# and `log_var`. The trap: a wide $q$ costs likelihood too, not only the KL.


# %% exercise="elbo.elbo"
def elbo(x, weight, noise_std, mean, log_var):
    """E_q[log p(x | z)] - KL(q‖p(z)) of q = N(mean, exp(log_var)) `(B, Z)` in nats, `(B,)`."""
    # BEGIN SOLUTION
    at_mean = (x - mean @ weight.T).square().sum(dim=1)
    from_spread = log_var.exp() @ weight.square().sum(dim=0)
    log_normalizer = 0.5 * x.shape[1] * (2 * math.pi * noise_std**2).log()
    expected_log_likelihood = -log_normalizer - (at_mean + from_spread) / (2 * noise_std**2)
    return expected_log_likelihood - kl_to_standard_normal(mean, log_var)
    # END SOLUTION


# %% check="elbo.elbo"
check("elbo.elbo", elbo)

# %% [markdown]
# **Predict.** For ten thousand random guesses $q$ at one digit, will the bound ever exceed $\log p(x)$? How
# near does the luckiest come?

# %%
guesses = 1.0 * normal_noise(10_000, 8), normal_noise(10_000, 8) - 1
bounds = elbo(digit.expand(10_000, -1), weight, noise_std, *guesses)
evidence = log_evidence(digit, weight, noise_std)[0]
print(f"log p(x) = {evidence:.2f}; best of 10,000 random q: {bounds.max():.2f}, ", end="")
print(f"median {bounds.median():.2f} nats")
assert (bounds < evidence).all()

# %% [markdown]
# Never above. The luckiest of ten thousand is still about three and a half nats short, the median about twenty-five. What
# separates the bound from the evidence?
#
# ## 5 · Second way: the gap is a KL
#
# Start at the other end, with the distance from $q$ to the true posterior:
#
# $$ \begin{aligned}
# \mathrm{KL}\big(q \,\|\, p(z \mid x)\big) &= \mathbb E_q[\log q(z) - \log p(z \mid x)] && (1) \\
# &= \mathbb E_q[\log q(z) - \log p(x, z) + \log p(x)] && (2) \\
# &= \log p(x) - \mathbb E_q[\log p(x, z) - \log q(z)] && (3) \\
# &= \log p(x) - \mathrm{ELBO} && (4)
# \end{aligned} $$
#
# 1. **Definition of KL.**
# 2. **Bayes' rule**: $\log p(z \mid x) = \log p(x, z) - \log p(x)$.
# 3. **The expectation is linear, and $\log p(x)$ does not depend on $z$.**
# 4. **Line 4 of the first way.**
#
# Jensen said that there is a gap; this says what it *is*. It also proves the bound again, because a KL is
# never negative, and it says what happens when $x$ stays and $q$ moves: the left side of
#
# $$ \log p(x) = \mathrm{ELBO} + \mathrm{KL}\big(q \,\|\, p(z \mid x)\big) $$
#
# stands still, so **whatever the ELBO gains, the gap loses**. (Lesson 05 walks this road in the other direction
# for a decoder that is a network, where only a grid can check it.)
#
# ![One bar, log p(x); q decides where the border between ELBO and gap lies](../images/02_bound.png)

# %% tags=["nbval-check-output"]
log_posterior = log_p - area.log()
gap_lines = {
    "1  E[log q - log p(z|x)]": expect_q(log_q - log_posterior),
    "2  E[log q - log p(x,z) + log p(x)]": expect_q(log_q - log_p + area.log()),
    "3  log p(x) - E[log p(x,z) - log q]": area.log() - expect_q(log_p - log_q),
    "4  log p(x) - ELBO": area.log() - values[3],
}
for name, value in gap_lines.items():
    print(f"{name:<36} {value:.6f} nats")
    assert torch.isclose(value, gap_lines["4  log p(x) - ELBO"], atol=1e-6)

# %% [markdown]
# **Second reading.** For Gaussians the gap has a formula, line 5, which the exercise below needs. Lesson 01 had it for two diagonal ones; the posterior
# $\mathcal N(\mu, \Lambda^{-1})$ is tilted, so now with its full precision $\Lambda$ (here $V = \mathrm{diag}\, v$):
#
# $$ \begin{aligned}
# \mathrm{KL} &= \tfrac12\, \mathbb E_q\big[ -\log\det\Lambda - \log\det V
#    - (z-m)^\top V^{-1} (z-m) + (z-\mu)^\top \Lambda (z-\mu) \big] && (1) \\
# &= \tfrac12 \big[ -\log\det\Lambda - \textstyle\sum_j \log v_j - Z
#    + \mathbb E_q\, (z-\mu)^\top \Lambda (z-\mu) \big] && (2) \\
# \mathbb E_q\, (z-\mu)^\top \Lambda (z-\mu) &= (m-\mu)^\top \Lambda (m-\mu)
#    + \mathbb E_q\, (z-m)^\top \Lambda (z-m) && (3) \\
# &= (m-\mu)^\top \Lambda (m-\mu) + \mathrm{tr}(\Lambda V) && (4) \\
# \mathrm{KL} &= \tfrac12 \big[ \textstyle\sum_j \Lambda_{jj} v_j + (m-\mu)^\top \Lambda (m-\mu) - Z - \log\det\Lambda
#    - \sum_j \log v_j \big] && (5)
# \end{aligned} $$
#
# 1. **Put in both densities**; the constants with $2\pi$ cancel, and $\det \Lambda^{-1} = 1 / \det \Lambda$.
# 2. $V$ is diagonal, so $\det V$ is a product, and each of the $Z$ squares $(z_j - m_j)^2 / v_j$ **averages to 1**.
# 3. **Write** $z - \mu = (m - \mu) + (z - m)$ **and multiply out**; the mixed term $2 (m-\mu)^\top \Lambda (z-m)$
#    averages to 0, because $\mathbb E_q[z - m] = 0$.
# 4. $a^\top \Lambda a = \mathrm{tr}(\Lambda a a^\top)$, and $\mathbb E_q[(z-m)(z-m)^\top] = V$.
# 5. **Put 4 into 2**; of $\Lambda V$ the trace needs the diagonal alone.
#
# The next cell counts each step on our digit, with draws from a $q$ that is off in place and width.

# %%
own_draws = torch.Generator().manual_seed(2)  # so that all later numbers stay what they are
noise = torch.randn(200_000, 8, generator=own_draws, dtype=torch.float64)
mu, covariance = posterior(digit, weight, noise_std)
precision = torch.linalg.inv(covariance)
m, v = mu + 0.3, 0.5 * covariance.diagonal()
z = m + v.sqrt() * noise


def quadratic(a, b):
    """aᵀ Λ b of each row, with the posterior's precision."""
    return (a @ precision * b).sum(-1)


q, exact = MultivariateNormal(m[0], v.diag()), MultivariateNormal(mu[0], covariance)
log_dets = precision.logdet() + v.log().sum()
inner = -log_dets - ((z - m) ** 2 / v).sum(-1) + quadratic(z - mu, z - mu)
at_mean, trace = quadratic(m - mu, m - mu), precision.diag() @ v
for name, draws, formula in (
    ("1  inside the mean", (inner - 2 * (q.log_prob(z) - exact.log_prob(z))), torch.zeros(())),
    ("2  squares by v", ((z - m) ** 2 / v).sum(-1), torch.tensor(8.0)),
    ("3  mixed term", 2 * quadratic(m - mu, z - m), torch.zeros(())),
    ("4  trace", quadratic(z - m, z - m), trace),
    ("5  KL", 0.5 * inner, 0.5 * (trace + at_mean[0] - 8 - log_dets)),
):
    error = draws.std() / math.sqrt(len(z))
    agrees = bool((draws.mean() - formula).abs() < 4 * error + 1e-9)
    print(f"{name:<20} formula {formula:9.4f}, counted within four standard errors: {agrees}")
    assert agrees

# %% [markdown]
# ### Exercise · `elbo_gap(x, weight, noise_std, mean, log_var)`
# *10 minutes.* Arguments as in `elbo`. Return $\mathrm{KL}(q \,\|\, p(z \mid x))$ in nats, `(B,)`: the distance
# to the *posterior*, which your `posterior` gives. (`log_evidence - elbo` would be right as well, and would
# make the test that follows worthless.)


# %% exercise="elbo.elbo_gap"
def elbo_gap(x, weight, noise_std, mean, log_var):
    """KL(q‖p(z | x)) of q = N(mean, exp(log_var)) `(B, Z)` in nats, `(B,)`."""
    # BEGIN SOLUTION
    center, covariance = posterior(x, weight, noise_std)
    precision = torch.linalg.inv(covariance)
    distance = mean - center
    trace = log_var.exp() @ precision.diagonal()
    shift = (distance @ precision * distance).sum(dim=1)
    log_dets = torch.logdet(precision) + log_var.sum(dim=1)
    return 0.5 * (trace + shift - mean.shape[1] - log_dets)
    # END SOLUTION


# %% check="elbo.elbo_gap"
check("elbo.elbo_gap", elbo_gap)

# %% [markdown]
# ### The best that a diagonal q can do
#
# Which $m$ and $v$ make the gap smallest? Set its derivatives to 0:
#
# $$ \frac{\partial\, \mathrm{KL}}{\partial m} = \Lambda (m - \mu) = 0 \;\Rightarrow\; m = \mu, \qquad\qquad
#    \frac{\partial\, \mathrm{KL}}{\partial v_j} = \tfrac12 \Big( \Lambda_{jj} - \frac{1}{v_j} \Big) = 0
#    \;\Rightarrow\; \frac{1}{v_j} = \Lambda_{jj} . $$
#
# ($\Lambda$ is positive definite, so the first has one solution, and the second derivative
# $\tfrac{1}{2 v_j^2}$ is positive: a minimum.) The best diagonal $q$ has the posterior's mean, and its
# **precisions are the diagonal of the posterior's precision**. What remains of the gap is
#
# $$ \tfrac12 \Big( \sum_j \log \Lambda_{jj} - \log \det \Lambda \Big) , $$
#
# the same for every $x$, and 0 only where $\Lambda$ is diagonal. **Predict**: is this $q$ as wide along
# $z_1$ as the posterior, wider, or narrower?


# %%
def best_diagonal(x, weight, noise_std):
    """Mean and log_var, each `(B, Z)`, of the diagonal Gaussian nearest to the posterior."""
    center, covariance = posterior(x, weight, noise_std)
    log_var = -torch.linalg.inv(covariance).diagonal().log()
    return center, log_var.expand_as(center)


few = x[:500]
mean, log_var = (v.clone().requires_grad_() for v in best_diagonal(few, weight, noise_std))
slopes = torch.autograd.grad(elbo(few, weight, noise_std, mean, log_var).sum(), (mean, log_var))
remaining = elbo_gap(few, weight, noise_std, mean, log_var).detach()
precision = torch.linalg.inv(posterior(few, weight, noise_std)[1])
formula = 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision))
nudged = [
    elbo_gap(few, weight, noise_std, mean + 0.1 * normal_noise(500, 8), log_var).min(),
    elbo_gap(few, weight, noise_std, mean, log_var + 0.1 * normal_noise(500, 8)).min(),
]
steepest = max(slope.abs().max() for slope in slopes)
print(f"slopes of the ELBO at the best q below 1e-8: {bool(steepest < 1e-8)}")
print(f"remaining gap: {remaining.min():.5f} to {remaining.max():.5f} nats, formula {formula:.5f}")
print(f"smallest gap after a nudge: {min(nudged):.5f}")
assert (remaining - formula).abs().max() < 1e-8 and min(nudged) > formula

# %% [markdown]
# Now the equation of this section, on 500 digits, for three kinds of $q$: random ones, the best diagonal one,
# and the exact posterior with its full covariance, for which ELBO and gap are written with a matrix $V$
# instead of $\mathrm{diag}\, v$. Two independent formulas on the right, Cholesky on the left.


# %%
def full_elbo(x, weight, noise_std, mean, covariance):
    """The ELBO of q = N(mean, covariance) with any covariance `(Z, Z)`, `(B,)`."""
    error = (x - mean @ weight.T).square().sum(1) + (weight @ covariance * weight).sum()
    log_likelihood = -0.5 * (x.shape[1] * (2 * math.pi * noise_std**2).log() + error / noise_std**2)
    trace, log_det = covariance.trace(), covariance.logdet()
    return log_likelihood - 0.5 * (mean.square().sum(1) + trace - mean.shape[1] - log_det)


def full_gap(x, weight, noise_std, mean, covariance):
    """KL(N(mean, covariance) ‖ p(z | x)), `(B,)`, from torch.distributions."""
    center, exact = posterior(x, weight, noise_std)
    q = MultivariateNormal(mean, covariance.expand(len(x), -1, -1))
    return torch.distributions.kl_divergence(q, MultivariateNormal(center, exact))


model = (weight, noise_std)
random_q = normal_noise(500, 8), normal_noise(500, 8) - 1
best_q, exact_q = best_diagonal(few, *model), posterior(few, *model)
left_side = log_evidence(few, *model)
rows = {
    "random q": (elbo(few, *model, *random_q), elbo_gap(few, *model, *random_q)),
    "best diagonal q": (elbo(few, *model, *best_q), elbo_gap(few, *model, *best_q)),
    "exact posterior": (full_elbo(few, *model, *exact_q), full_gap(few, *model, *exact_q)),
}
print(f"log p(x) of the first digit {left_side[0]:.5f}, mean over 500 {left_side.mean():.5f} nats")
print(f"{'':<16} first digit: ELBO + gap {'':>16} mean gap   largest error of 500")
for name, (bound, gap) in rows.items():
    off = (bound + gap - left_side).abs().max()
    total = f"{bound[0]:.5f} + {gap[0]:.5f} = {bound[0] + gap[0]:.5f}"
    print(f"{name:<16} {total:<40} {gap.mean():9.5f}   below 1e-5: {bool(off < 1e-5)}")
    assert off < 1e-5
assert rows["exact posterior"][1].abs().max() < 1e-8

# %% [markdown]
# The evidence is one number; $q$ decides how it is shared out. With the exact posterior the gap is 0, and the
# bound is no bound any more but the evidence itself.
#
# How much a diagonal $q$ loses depends on the tilt, and the tilt on the **coordinates** of the latent space,
# about which $p(x)$ says nothing. Turn the two latents of the small model by an angle: $\log p(x)$ stays. What
# about the gap?

# %%
one = ones[:1]
angles = torch.linspace(0, math.pi, 91, dtype=torch.float64)
turned_gaps, evidences = [], []
for angle in angles:
    c, s = angle.cos(), angle.sin()
    turned = upright_2 @ torch.stack([torch.stack([c, -s]), torch.stack([s, c])])
    q = best_diagonal(one, turned, noise_2)
    turned_gaps.append(elbo_gap(one, turned, noise_2, *q)[0])
    evidences.append(log_evidence(one, turned, noise_2)[0])
evidences = torch.stack(evidences)
print(f"over all angles log p(x) varies by less than 1e-9: {spread(evidences) < 1e-9}")

# %% tags=["folded"]
center, tilted = posterior(one, weight_2, noise_2)
circle = torch.stack([(2 * angles).cos(), (2 * angles).sin()])
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
narrow = torch.linalg.inv(tilted).diagonal().rsqrt()
for name, stretch, color in (
    ("posterior", torch.linalg.cholesky(tilted), "gray"),
    ("best diagonal q: 1 / precision", narrow.diag(), "C1"),
    ("the posterior's own variances", tilted.diagonal().sqrt().diag(), "C2"),
):
    left.plot(*(stretch @ circle + center.T), color=color, label=name)
    gap = elbo_gap(one, weight_2, noise_2, center, 2 * stretch.diagonal().log()[None])
    if color != "gray":
        print(f"{name:<32} gap {gap[0]:.4f} nats")
left.set(title="one standard deviation", xlabel="z₁", ylabel="z₂", aspect="equal")
left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))
right.plot(angles * 180 / math.pi, turned_gaps, label="gap of the best diagonal q")
right.set(title="Turning the latents", xlabel="angle (degrees)", ylabel="gap (nats)")
show(figure)

# %% [markdown]
# Narrower along every axis: the best diagonal $q$ is as wide as the posterior's *slice* through its mean,
# $1 / \Lambda_{jj}$, not as wide as its shadow (its marginal), $(\Lambda^{-1})_{jj}$. It sticks out a little at
# the flat sides and leaves the tips uncovered. $\mathrm{KL}(q \,\|\, p)$ charges for mass where
# the posterior has little (lesson 01: it seeks), and an upright ellipse as wide as the tilted one sticks out at
# the corners. So a variational $q$ is too sure of itself. Where the axes of the latent space are those of the
# ellipse, at 0 and 90 degrees, nothing is lost.
#
# ### Drag it
# Drag the point, $q$'s mean, and move the sliders, its log-variances. Find the best $q$ by hand, watching the
# bar: ELBO and gap move by opposite amounts, and $\log p(x)$ stands still. Where this page cannot run code,
# three settings are drawn side by side.

# %%
ellipse_explorer(
    lambda mean, log_var: elbo(one, weight_2, noise_2, mean, log_var),
    lambda mean, log_var: elbo_gap(one, weight_2, noise_2, mean, log_var),
    center[0],
    tilted,
)

# %% [markdown]
# ## 6 · Third way: importance sampling
#
# Line 3 of the first way says that $\mathbb E_q[w] = p(x)$: a draw's weight $w = p(x, z) / q(z)$ is right on
# average. That is [importance sampling](glossary.ipynb#Importance-sampling), and nobody forces us to take one
# draw only. With $K$ independent draws $z_1, \dots, z_K$ from $q$, and
# $\bar w_K = \frac1K \sum_k w_k$,
#
# $$ \begin{aligned}
# p(x) &= \mathbb E_q[w] && (1) \\
# &= \mathbb E\big[ \bar w_K \big] && (2) \\
# \log p(x) &\ge \mathbb E\big[ \log \bar w_K \big] =: \mathcal L_K && (3) \\
# \mathcal L_1 &= \mathrm{ELBO} && (4) \\
# \bar w_{K+1} &= \frac{1}{K+1} \sum_{k=1}^{K+1} \bar w^{(-k)} && (5) \\
# \mathcal L_{K+1} &\ge \mathcal L_K && (6)
# \end{aligned} $$
#
# 1. **Way one, line 3.**
# 2. **The expectation is linear**: an average of $K$ draws is right on average too.
# 3. **Jensen.** This is the [importance-weighted bound](glossary.ipynb#Importance-weighted-bound) of Burda et
#    al. (2015). Averages of many weights vary less, so Jensen loses less.
# 4. **One draw**: $\bar w_1 = w$.
# 5. **Leave one out**: $\bar w^{(-k)}$ is the average of the $K$ weights other than the $k$-th. In the sum over $k$ every
#    weight is left out once and used $K$ times.
# 6. **Jensen again**, inside each set of draws: $\log \bar w_{K+1} \ge \frac{1}{K+1} \sum_k \log \bar w^{(-k)}$.
#    In expectation each $\log \bar w^{(-k)}$ is $\mathcal L_K$, because it is made of $K$ independent draws.
#
# So more draws never hurt on average, and as $K$ grows $\bar w_K$ goes to $p(x)$ by the law of large numbers. That law
# asks for a finite mean alone, and the mean is $p(x)$ as long as $q$ is positive wherever $p(x, z)$ is. How *fast* it
# works is another matter: an error that falls as $1/\sqrt K$ needs a finite variance of $w$, and section 9 has a $q$
# whose weights have none.

# %% [markdown]
# ### Exercise · `importance_bound(log_weights)`
# *6 minutes.* `log_weights` is `(K, B)`: K draws for each of B examples, in nats. Return
# $\log \frac1K \sum_k w_k$, `(B,)`. Log-weights of images lie around -100 or -1000: it must be right there,
# and where examples differ by hundreds of nats, and where some weights are 0 (log-weight `-inf`). Keep it
# differentiable: lesson 07 trains by it.


# %% exercise="elbo.importance_bound"
def importance_bound(log_weights):
    """log of the mean weight over the K draws, `(K, B)` to `(B,)`, in nats."""
    # BEGIN SOLUTION
    return torch.logsumexp(log_weights, dim=0) - math.log(len(log_weights))
    # END SOLUTION


# %% check="elbo.importance_bound"
check("elbo.importance_bound", importance_bound)

# %% [markdown]
# Lines 1 to 6, on the two-pixel model with the $q$ of section 4: lines 2 and 3 with 5 draws, line 5 to rounding, and
# Jensen of line 6 in every single set of draws.


# %%
def log_weights(x, weight, noise_std, mean, log_var, draws):
    """log p(x, z) - log q(z) for `draws` draws of q for each of x `(B, D)`: `(draws, B)`."""
    std = (log_var / 2).exp()
    z = mean + std * normal_noise(draws, *mean.shape)
    return log_joint(x, weight, noise_std, z) - Normal(mean, std).log_prob(z).sum(-1)


def with_error(values):
    return values.mean(), values.std() / math.sqrt(len(values))


sets = prior_draws // 10
toy = [v.expand(sets, -1) for v in (toy_x, toy_mean, toy_log_var)]
log_w = log_weights(toy[0], toy_weight, toy_noise, *toy[1:], 5)  # (5, sets)
w_mean, w_error = with_error(log_w[0].exp())
print(f"1  E[w] = {w_mean:.5f} ± {w_error:.5f}, p(x) = {area:.5f}")
mean_5, error_5 = with_error(log_w.exp().mean(0))
print(f"2  E[mean of 5 w] = {mean_5:.5f} ± {error_5:.5f}: a shorter error bar")
elbo_1, error_1 = with_error(importance_bound(log_w[:1]))
bound_5, bound_error = with_error(importance_bound(log_w))
print(f"3  L_5 = {bound_5:.4f} ± {bound_error:.4f}, below log p(x) = {area.log():.4f}")
print(f"4  L_1 = {elbo_1:.4f} ± {error_1:.4f}, ELBO = {values[3]:.4f}")
left_out = torch.stack([importance_bound(log_w[[j for j in range(5) if j != k]]) for k in range(5)])
means_agree = torch.allclose(left_out.exp().mean(0), log_w.exp().mean(0), rtol=1e-12)
print("5  the mean of the five left-out means is the mean of all five:", means_agree)
jensen_holds = bool((importance_bound(log_w) >= left_out.mean(0) - 1e-12).all())
print(f"6  Jensen holds in each of {sets:,} sets: {jensen_holds}")
assert (w_mean - area).abs() < 5 * w_error and (mean_5 - area).abs() < 5 * error_5
assert (elbo_1 - values[3]).abs() < 5 * error_1 and means_agree and jensen_holds

# %% [markdown]
# Now a digit and eight latents, for two choices of $q$: the prior, which knows nothing, and the best diagonal
# one. **Predict**: where does each start at $K = 1$, and how many draws does the prior need to overtake the
# best $q$'s single draw?

# %%
draw_counts = [1, 4, 16, 64, 256, 1024]
proposals = {
    "q = prior": (torch.zeros(1, 8).double(), torch.zeros(1, 8).double()),
    "q = best diagonal": best_diagonal(digit, *model),
}
estimates = {}
for name, q in proposals.items():
    many = digit.expand(repeats, -1), *(v.expand(repeats, -1) for v in q)
    results = [
        with_error(importance_bound(log_weights(many[0], *model, *many[1:], k)))
        for k in draw_counts
    ]
    estimate, error = (torch.stack(column) for column in zip(*results, strict=True))
    estimates[name] = estimate, error
    exact = elbo(digit, *model, *q)[0]
    print(f"{name}: ELBO in closed form {exact:.2f}, log p(x) {evidence:.2f} nats")
    for k, value, wide in zip(draw_counts, estimate, error, strict=True):
        print(f"   K = {k:>4}: {value:8.3f} ± {wide:.3f}")
    rise, rise_error = estimate.diff(), (error[1:] ** 2 + error[:-1] ** 2).sqrt()
    assert (estimate[0] - exact).abs() < 5 * error[0]
    assert (rise > -5 * rise_error).all() and (estimate < evidence + 5 * error).all()

# %% tags=["folded"]
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4))
for axes in (left, right):
    for name, (estimate, error) in estimates.items():
        axes.errorbar(draw_counts, estimate, yerr=2 * error, fmt="o-", capsize=4, label=name)
    axes.axhline(evidence, color="gray", linestyle="--", label="log p(x)")
    axes.set(xlabel="draws K", xscale="log", ylabel="nats")
left.set(title=f"The bound rises with K ({repeats} repeats)", ylim=(evidence - 16, evidence + 1))
left.legend()
right.set(title="The same, closer (bars: ± 2 errors)", ylim=(evidence - 0.8, evidence + 0.15))
show(figure)

# %% [markdown]
# From the best diagonal $q$ the bound starts a quarter of a nat below (its ELBO in closed form; the average at
# K = 1 is within its error of it) and closes in with a few draws. From the prior it begins about twelve nats down,
# and takes about 250 draws to reach that ELBO.
# A good proposal is worth orders of magnitude of draws; lesson 07 measures real VAEs in this way.
#
# ## 7 · Fitting the model: expectation–maximization
#
# So far the model was given. To fit one, its parameters must raise the sum of $\log p(x_n)$ over the data, and
# the equation of section 5 tells how. Each example has its own $q_n$:
#
# $$ \sum_n \log p(x_n) = \sum_n \mathrm{ELBO}_n(q_n;\, W, \sigma) + \sum_n \mathrm{KL}\big(q_n \,\|\, p(z \mid x_n)\big) . $$
#
# [Expectation–maximization](glossary.ipynb#Expectation-maximization) (EM) takes turns. **E-step**: set each
# $q_n$ to the posterior; the gap becomes 0. **M-step**: keep the $q_n$, and move $W$ and $\sigma$ to where the
# ELBO is largest. Why the evidence cannot fall:
#
# $$ \log p_{\mathrm{new}} \;\overset{(a)}{\ge}\; \mathrm{ELBO}(q, \mathrm{new}) \;\overset{(b)}{\ge}\;
#    \mathrm{ELBO}(q, \mathrm{old}) \;\overset{(c)}{=}\; \log p_{\mathrm{old}} , $$
#
# (a) **it is a lower bound**, (b) **the M-step maximizes**, (c) **the E-step has closed the gap**.
#
# **Second reading**, down to «Written out». The M-step in our model: with the posterior's means $m_n$ and covariance $\Sigma$, the only part of the ELBO in
# which $W$ and $\sigma$ occur is the expected log-likelihood. Call its sum over the data $\ell(W, \sigma)$, and
# gather the data in two matrices:
#
# $$ B = \sum_n x_n m_n^\top, \qquad A = \sum_n \mathbb E_{q_n}[z z^\top] = \sum_n m_n m_n^\top + N \Sigma $$
#
# (**a second moment is the mean's square plus the covariance**, and $\Sigma$ is the same for every $n$). Then
#
# $$ \begin{aligned}
# \ell(W, \sigma) &= -N D \log \sigma - \frac{1}{2\sigma^2}\, Q(W) + \text{const}, \qquad
#    Q(W) = \sum_n \mathbb E_{q_n} \lVert x_n - W z \rVert^2 && (1) \\
# Q(W) &= \sum_n \Big( \lVert x_n \rVert^2 - 2\, x_n^\top W m_n + \mathbb E_{q_n}[z^\top W^\top W z] \Big) && (2) \\
# &= \sum_n \lVert x_n \rVert^2 - 2\, \mathrm{tr}(W^\top B) + \mathrm{tr}(W^\top W A) && (3) \\
# \frac{\partial Q}{\partial W} &= -2 B + 2 W A && (4) \\
# \frac{\partial Q}{\partial W} = 0 \;&\Leftrightarrow\; W = W_{\mathrm{new}} = B A^{-1} && (5) \\
# Q(W) &= Q(W_{\mathrm{new}}) + \mathrm{tr}\big( (W - W_{\mathrm{new}})\, A\, (W - W_{\mathrm{new}})^\top \big)
#    \ge Q(W_{\mathrm{new}}) && (6) \\
# \frac{\partial \ell}{\partial \sigma} &= -\frac{N D}{\sigma} + \frac{Q(W_{\mathrm{new}})}{\sigma^3} = 0
#    \;\Leftrightarrow\; \sigma^2 = \sigma_{\mathrm{new}}^2 = \frac{Q(W_{\mathrm{new}})}{N D} && (7)
# \end{aligned} $$
#
# 1. **The density of a Gaussian** of $D$ numbers, its logarithm averaged.
# 2. **Multiply out the square**; $\mathbb E_{q_n}[z] = m_n$.
# 3. **A number is its own trace, and a trace may be cycled**: $x^\top W m = \mathrm{tr}(W^\top x m^\top)$ and
#    $z^\top W^\top W z = \mathrm{tr}(W^\top W z z^\top)$; then sum over $n$.
# 4. The derivative of $\mathrm{tr}(W^\top B)$ is $B$, that of $\mathrm{tr}(W^\top W A)$ is $2 W A$ **because $A$ is
#    symmetric**.
# 5. **$A$ is positive definite**, since $\Sigma$ is, so it has an inverse.
# 6. **Complete the square**: multiply the right side out and use $W_{\mathrm{new}} A = B$. So $W_{\mathrm{new}}$ is best
#    for every $\sigma$.
# 7. **Derivative by $\sigma$**, at that $W$. It is positive below $\sigma_{\mathrm{new}}$ and negative above: a maximum.
#
# Written out, with $Q$ by section 4's formula:
#
# $$ W_{\mathrm{new}} = \Big( \sum_n x_n m_n^\top \Big) \Big( \sum_n m_n m_n^\top + N \Sigma \Big)^{-1}, \qquad
#    \sigma_{\mathrm{new}}^2 = \frac{1}{N D} \sum_n \Big( \lVert x_n - W_{\mathrm{new}} m_n \rVert^2 +
#    \mathrm{tr}(W_{\mathrm{new}}^\top W_{\mathrm{new}} \Sigma) \Big) . $$
#
# It reads like a least-squares fit, with one difference: the latents are not known, and their uncertainty
# $\Sigma$ counts.

# %% [markdown]
# ### Exercise · `em_step(x, weight, noise_std)`
# *12 minutes.* `x` is `(N, D)`, already centered; `weight` `(D, Z)`, `noise_std` a scalar tensor. Return
# `(weight, noise_std)` after one EM update: one E-step with your `posterior`, then both formulas, the second with
# the **new** weight. The traps: $\Sigma$ counts once for each example, and σ is not σ².


# %% exercise="elbo.em_step"
def em_step(x, weight, noise_std):
    """One exact EM update on centered x `(N, D)`: the new weight `(D, Z)` and noise_std `()`."""
    # BEGIN SOLUTION
    mean, covariance = posterior(x, weight, noise_std)
    second_moments = mean.T @ mean + len(x) * covariance  # sum over n of E[z zᵀ]
    weight = torch.linalg.solve(second_moments, mean.T @ x).T
    error = (x - mean @ weight.T).square().sum()
    error = error + len(x) * (weight @ covariance * weight).sum()
    return weight, (error / x.numel()).sqrt()
    # END SOLUTION


# %% check="elbo.em_step"
check("elbo.em_step", em_step)

# %% [markdown]
# Do the seven lines hold? Line 3 against section 4's formula and line 4 against automatic differentiation, at a
# random weight; the others at your update, which must sit where the derivatives vanish. Then the two inequalities.

# %%
start = normal_noise(32, 8), torch.tensor(1.0).double()
q_mean, q_covariance = posterior(few, *start)  # the E-step at the start
new = [torch.as_tensor(v) for v in em_step(few, *start)]
b_matrix, a_matrix = few.T @ q_mean, q_mean.T @ q_mean + len(few) * q_covariance


def expected_squares(weight):
    """Q(W) by section 4's formula."""
    spread = (weight @ q_covariance * weight).sum()
    return (few - q_mean @ weight.T).square().sum() + len(few) * spread


def slope_of(function, at):
    at = at.detach().clone().requires_grad_()
    return torch.autograd.grad(function(at), at)[0]


def mean_bound(noise_std):
    """The mean ELBO at the new weight, as a function of σ."""
    return full_elbo(few, new[0], noise_std, q_mean, q_covariance).mean()


other = start[0]
traces = few.square().sum() - 2 * (other * b_matrix).sum() + (other.T @ other @ a_matrix).trace()
apart = other - new[0]
lines = {
    "3  traces": (expected_squares(other), traces),
    "4  slope": (slope_of(expected_squares, other), -2 * b_matrix + 2 * other @ a_matrix),
    "5  no slope": (slope_of(expected_squares, new[0]) / len(few), torch.zeros(32, 8).double()),
    "6  square": (
        expected_squares(other),
        expected_squares(new[0]) + (apart @ a_matrix @ apart.T).trace(),
    ),
    "7  no slope": (slope_of(mean_bound, new[1]), torch.tensor(0.0).double()),
}
for name, (left_side, right_side) in lines.items():
    off = (left_side - right_side).abs().max() / (1 + right_side.abs().max())
    print(f"{name:<12} the two sides agree: {bool(off < 1e-8)}")
    assert off < 1e-8
assert slope_of(mean_bound, 0.9 * new[1]) > 0 > slope_of(mean_bound, 1.1 * new[1])  # a maximum
steps = {
    "log p, old": log_evidence(few, *start).mean(),
    "ELBO with q of the E-step, old": full_elbo(few, *start, q_mean, q_covariance).mean(),
    "ELBO with the same q, new": full_elbo(few, *new, q_mean, q_covariance).mean(),
    "log p, new": log_evidence(few, *new).mean(),
}
for name, value in steps.items():
    print(f"{name:<32} {value:9.3f} nats")
old, touching, raised, reached = steps.values()
assert torch.isclose(old, touching, atol=1e-5) and raised > touching and reached > raised

# %% [markdown]
# Now all digits, from three random starts. The height of the maximum is known: put section 2's solution into
# $\log p(x)$ and average over the data,
#
# $$ \max\, \frac1N \sum_n \log p(x_n) = -\tfrac12 \Big[ D \log 2\pi + \sum_{j \le Z} \log \lambda_j
#    + (D - Z) \log \sigma^2 + D \Big] , $$
#
# because $\det C$ is the product of its eigenvalues $\lambda_1, \dots, \lambda_Z, \sigma^2, \dots, \sigma^2$, and
# the average of $x^\top C^{-1} x$ is $\mathrm{tr}(C^{-1} S) = Z + (D - Z) = D$ with the data's covariance $S$:
# $C$ and $S$ share eigenvectors, each of the first $Z$ gives $\lambda_j / \lambda_j = 1$, and the rest give
# $\sum_{j > Z} \lambda_j / \sigma^2 = D - Z$.
# **Predict**: will all three starts reach it? Will they find the same weight?


# %%
def fit(x, weight, noise_std, updates, step=em_step):
    """EM from a start; returns weight, noise_std and the mean log evidence before each update."""
    history = History()
    for _ in watch(range(updates), history):
        history.add(log_evidence=log_evidence(x, weight, noise_std).mean())
        weight, noise_std = step(x, weight, noise_std)
        noise_std = torch.as_tensor(noise_std)  # if it came as a number
    return weight, noise_std, history


values_of_s = torch.linalg.eigvalsh(x.T @ x / len(x))
left_over = values_of_s[:-8].mean()
maximum = -0.5 * (
    32 * math.log(2 * math.pi) + values_of_s[-8:].log().sum() + 24 * left_over.log() + 32
)
starts = [(normal_noise(32, 8), torch.tensor(1.0).double()) for _ in range(3)]
fits = [fit(x, *start, em_updates) for start in starts]
at_borrowed = log_evidence(x, *model).mean()
print(
    f"the maximum by formula {maximum:.6f}, at the borrowed model {at_borrowed:.6f} nats per digit"
)
assert torch.isclose(at_borrowed, maximum, atol=1e-6)
for number, (found, found_noise, history) in enumerate(fits):
    curve = history["log_evidence"].double()
    last = log_evidence(x, found, found_noise).mean()
    never_fell = bool((curve.diff() > -1e-5).all())  # a history keeps seven digits
    print(
        f"start {number}: from {curve[0]:8.2f} to {last:.6f} nats, {maximum - last:.0e} below the "
        f"maximum; never fell: {never_fell}"
    )
    assert never_fell and last < maximum + 1e-9

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.2))
for number, (_, _, history) in enumerate(fits):
    curve = history["log_evidence"]
    left.plot(curve, label=f"start {number}")
    right.plot((maximum - curve.double()).clamp(min=1e-5), label=f"start {number}")
left.axhline(maximum, color="gray", linestyle="--", label="maximum")
left.set(title="Mean log evidence under EM", xlabel="updates", ylabel="nats per digit")
left.set(ylim=(maximum - 6, maximum + 0.5))
left.legend()
right.set(title="Distance to the maximum", xlabel="updates", ylabel="nats per digit", yscale="log")
right.legend()
show(figure)

# %%
found, found_noise, _ = fits[0]
for _ in range(10):
    found, found_noise = em_step(x, found, found_noise)
before = maximum - log_evidence(x, fits[0][0], torch.as_tensor(fits[0][1])).mean()
after = maximum - log_evidence(x, found, torch.as_tensor(found_noise)).mean()
each, ratio = (after / before) ** 0.1, (values_of_s[-9] / values_of_s[-8]) ** 2
print(f"at the end each update multiplies the distance by {each:.4f}; (λ₉ / λ₈)² = {ratio:.4f}")


def as_patterns(weight):
    """Columns of the weight as images: gray is 0, white raises a pixel, black lowers it."""
    patterns = (basis @ weight).T.reshape(-1, 1, 28, 28)
    return 0.5 + 0.5 * patterns / patterns.abs().amax()


upright_8 = best_model(x, 8, mixed=False)[0].flip(1)
rows = torch.cat([as_patterns(fits[0][0]), as_patterns(fits[1][0]), as_patterns(upright_8)])
names = ("start 0", "start 1", "formula")
show(plot_images(rows, columns=8, title="What each latent adds to the image", row_titles=names))
overlap = torch.linalg.svdvals(torch.linalg.qr(fits[0][0]).Q.T @ torch.linalg.qr(upright_8).Q)
print(
    f"cosines of the angles between the two subspaces: {overlap.min():.6f} to {overlap.max():.6f}"
)

# %% [markdown]
# **What a healthy run looks like.** It rises steeply, then slowly, and never falls. The later part of start 0 is a
# straight line on the logarithmic axis: here each update ends up multiplying what is left by
# $(\lambda_{Z+1} / \lambda_Z)^2$. (Put the weight plus a little of the next eigenvector into the update: that little
# comes out multiplied by $\lambda_{Z+1} / \lambda_Z$, and the evidence is quadratic in it. Errors in the columns' lengths
# shrink faster here; with very little noise they would be the slow ones.) Starts 1 and 2 fall faster because they
# contain little of that last direction; the floor at 1e-5 is the plot's. The nearer the two
# eigenvalues, the more patience it takes. A curve of EM that falls is not noise but a mistake in one of the
# two steps; section 9 has one. All three starts reach one height and span one 8-dimensional subspace, with different weights: each is
# another mixture of the same patterns. The evidence cannot tell them apart, which is a reason why single latents of
# a trained model need not mean anything.
#
# ## 8 · Change one thing
#
# **a.** A VAE's $q$ is diagonal. Replace the E-step's posterior by the best diagonal $q$ (its variances are
# $1 / \Lambda_{jj}$) and leave the M-step as it is. The gap is no longer closed in each update. Does the fit end
# at a lower evidence? And which of the many mixtures of patterns does it find? (Take `x[:2000]` and about
# 1,500 updates.)

# %%
# Your experiment: write a step like em_step and pass it to fit(…, step=…).


# %% tags=["solution"]
def diagonal_em_step(x, weight, noise_std):
    mean, log_var = best_diagonal(x, weight, noise_std)
    covariance = log_var[0].exp().diag()
    weight = torch.linalg.solve(mean.T @ mean + len(x) * covariance, mean.T @ x).T
    error = (x - mean @ weight.T).square().sum()
    error = error + len(x) * (weight @ covariance * weight).sum()
    return weight, (error / x.numel()).sqrt()


def tilt_of(weight):
    """Largest cosine between two columns of the weight: 0 where the posterior is upright."""
    columns = weight / weight.norm(dim=0)
    return (columns.T @ columns - torch.eye(weight.shape[1])).abs().max()


part = x[:2000]
best_of_part = log_evidence(part, *best_model(part, 8)).mean()
by_norm = {}
for name, step in (("exact q", em_step), ("diagonal q", diagonal_em_step)):
    found, found_noise, _ = fit(part, *starts[0], 12 * em_updates, step)
    gap = elbo_gap(part, found, found_noise, *best_diagonal(part, found, found_noise)).mean()
    below = best_of_part - log_evidence(part, found, found_noise).mean()
    by_norm[name] = found[:, found.norm(dim=0).argsort(descending=True)]
    print(
        f"{name:<10} {below.abs():.0e} nats from the maximum, gap of the best diagonal q {gap:.5f} "
        f"nats, largest cosine between columns {tilt_of(found):.4f}"
    )
formula = best_model(part, 8, mixed=False)[0].flip(1)
signs = (by_norm["diagonal q"] * formula).sum(0).sign()  # an eigenvector has no sign of its own
rows = torch.cat([as_patterns(w) for w in (*by_norm.values(), formula * signs)])
names = (*by_norm, "formula")
show(plot_images(rows, columns=8, title="A diagonal q chooses its axes", row_titles=names))

# %% [markdown] tags=["solution"]
# The evidence is the same: the maximum is not lost. Here is why, in four lines. Let $(W^*, \sigma^*)$ be a model of
# maximal evidence, and $R$ any rotation of the latents ($R R^\top = I$).
#
# 1. $\log p(x)$ depends on $W$ through $C = W W^\top + \sigma^2 I$ alone, and $(W^* R)(W^* R)^\top = W^* W^{*\top}$:
#    **turning the latents costs no evidence.**
# 2. Choose the $R$ that diagonalizes $W^{*\top} W^*$. The columns of $W^* R$ stand at right angles.
# 3. Then $\Lambda = I + (W^* R)^\top (W^* R) / \sigma^{*2}$ is diagonal, so the posterior itself is a diagonal Gaussian,
#    **the gap of the best diagonal $q$ is 0**, and its ELBO is the maximal evidence.
# 4. No ELBO exceeds the evidence, and no evidence the maximal one: **the largest ELBO with a diagonal $q$ equals
#    the largest evidence**, and it is reached at such turned models only, because elsewhere the gap
#    $\tfrac12 \big( \sum_j \log \Lambda_{jj} - \log\det\Lambda \big)$ is positive (Hadamard's inequality: equality
#    for diagonal $\Lambda$ alone).
#
# So the fit turns the latents until the columns of the weight are at right angles: it finds the principal
# components themselves, which the exact EM has no reason to look for. What is missing after these updates is
# patience, not room: two columns whose eigenvalues are nearly equal gain little by standing upright, and turn
# slowly. Lucas et al. (2019) prove the same for linear VAEs. A network's decoder cannot always turn its latents so,
# and then a diagonal $q$ does cost evidence.

# %% tags=["solution", "nbval-check-output"]
tilted = fits[0][0]
axes = torch.linalg.eigh(tilted.T @ tilted).eigenvectors  # the rotation of line 2
for name, model_weight in (("as EM left it", tilted), ("turned", tilted @ axes)):
    q = best_diagonal(few, model_weight, fits[0][1])
    gap = elbo_gap(few, model_weight, fits[0][1], *q).max()
    same = log_evidence(few, model_weight, fits[0][1]) - log_evidence(few, tilted, fits[0][1])
    print(f"{name:<14} evidence unchanged: {bool(same.abs().max() < 1e-8)}, no gap: {gap < 1e-8}")
assert same.abs().max() < 1e-8 and gap.abs() < 1e-8

# %% [markdown]
# **b.** Too narrow or too wide: which costs more? Take the best diagonal $q$ of the digit and multiply all its
# standard deviations by 0.5, 1, 1.5 and 2. Compare the bounds of 0.5 and 2 for 1 draw, and for 1,024.

# %%
# Your experiment: importance_bound(log_weights(…, log_var + 2 * math.log(factor), …)).

# %% tags=["solution"]
best_mean, best_log_var = (v.expand(repeats, -1) for v in best_diagonal(digit, *model))
for factor in (0.5, 1.0, 1.5, 2.0):
    stretched = best_log_var + 2 * math.log(factor)
    shown = []
    for k in (1, 1024):
        weights = log_weights(digit.expand(repeats, -1), *model, best_mean, stretched, k)
        value, error = with_error(importance_bound(weights))
        shown.append(f"K = {k}: {value - evidence:7.3f} ± {error:.3f}")
    print(f"std times {factor}: bound minus log p(x), {', '.join(shown)} nats")

# %% [markdown] tags=["solution"]
# With one draw the bound is in expectation the ELBO, and no diagonal $q$ beats the best one. With 1,024 draws those
# that are too wide have come within a few hundredths of a nat of it. The one that is half as wide stays about
# 0.6 nats below. Draws that land too far out are wasted, which more draws make up for; where $q$ hardly ever
# goes, even many draws hardly ever look.

# %% [markdown]
# ## 9 · What goes wrong
#
# **Second reading** for the last of the five; the other four you will meet.
#
# | symptom | cause | cure |
# |---|---|---|
# | a «bound» above $\log p(x)$ | the KL has the wrong sign, or is missing | ELBO = likelihood − KL; test it where $\log p(x)$ is known |
# | `-inf` for images, fine for toys | weights leave the logarithm before they are averaged | `logsumexp` |
# | `-inf` or `inf` in many dimensions | a determinant under- or overflows | add up the logarithms of the Cholesky factor's diagonal |
# | EM's evidence stops rising or falls | the posterior's covariance is missing from the M-step | $\mathbb E[z z^\top] = m m^\top + \Sigma$ |
# | error bars too short, estimates too low | $q$ narrower than the posterior | a wider $q$; distrust an average that hangs on one draw |
#
# Each of them below, in its order.

# %% tags=["nbval-check-output"]
toy_center, toy_variance = posterior(toy_x, toy_weight, toy_noise)
toy_q = toy_center, toy_variance.log()  # with one latent a diagonal q can be exact
bound = elbo(toy_x, toy_weight, toy_noise, *toy_q)
wrong = bound + 2 * kl_to_standard_normal(*toy_q)  # likelihood + KL
print(
    f"1  likelihood + KL {wrong[0]:.3f}, log p(x) {area.log():.3f}, likelihood - KL {bound[0]:.3f}"
)
image_weights = torch.tensor([[-1000.0], [-1001.0]])
naive = image_weights.exp().mean(0).log()
print(
    f"2  log(mean(exp(w))) {naive[0]:.1f}, importance_bound {importance_bound(image_weights)[0]:.2f}"
)
covariance_784 = 0.01 * torch.eye(784, dtype=torch.float64)  # noise of std 0.1 on 784 pixels
by_factor = 2 * torch.linalg.cholesky(covariance_784).diagonal().log().sum()
print(f"3  log(det(C)) {covariance_784.det().log():.1f}, by the Cholesky factor {by_factor:.2f}")
assert wrong[0] > area.log() and naive.isneginf().all()


# %%
def forgetful_step(x, weight, noise_std):
    """EM without the posterior's covariance: the means are taken for the latents themselves."""
    mean, _ = posterior(x, weight, noise_std)
    weight = torch.linalg.solve(mean.T @ mean, mean.T @ x).T
    return weight, (x - mean @ weight.T).square().mean().sqrt()


few_updates = min(em_updates, 60)
forgetful = fit(few, *starts[0], few_updates, forgetful_step)
careful = fit(few, *starts[0], few_updates)
curves = {"right": careful[2]["log_evidence"], "covariance forgotten": forgetful[2]["log_evidence"]}
figure, axes = plt.subplots(figsize=(6.4, 3))
for name, curve in curves.items():
    axes.plot(curve, label=f"{name}, ends at {curve[-1]:.2f}")
axes.set(title="4 · EM on 500 digits", xlabel="updates", ylabel="nats per digit")
axes.legend()
show(figure)
fall = curves["covariance forgotten"].max() - curves["covariance forgotten"][-1]
print(f"4  without the covariance the evidence falls by {fall:.2f} nats from its highest point")

# %%
best_mean, best_log_var = (v.expand(repeats, -1) for v in best_diagonal(digit, *model))
precision = torch.linalg.inv(posterior(digit, *model)[1])
for name, factor in (("a third as wide", 1 / 3), ("1.5 times as wide", 1.5)):
    log_var = best_log_var + 2 * math.log(factor)
    weights = log_weights(digit.expand(repeats, -1), *model, best_mean, log_var, 1000)
    relative = (weights - evidence).exp()  # w / p(x), whose mean is 1
    estimate, error = relative.mean(0), relative.std(0) / math.sqrt(1000)
    inside = ((estimate - 1).abs() < 2 * error).double().mean()
    least = torch.linalg.eigvalsh(2 * precision - (-log_var[0]).exp().diag())[0]
    print(
        f"5  q {name}: median estimate {estimate.median():.3f} of p(x), median bar ± "
        f"{2 * error.median():.3f}; the bar contains p(x) in {inside:.0%} of {repeats} trials; "
        f"least eigenvalue {least:.1f}"
    )

# %% [markdown]
# The last row is the treacherous one: the narrow $q$'s estimates are much too low **and** their error bars short, so
# that they look precise. A few draws of enormous weight, which almost never come, carry the average. The variance
# of a weight is $\mathbb E_q[w^2] - p(x)^2$, with $\mathbb E_q[w^2] = \int p(x, z)^2 / q(z)\, dz$. For our linear
# model and a Gaussian $q$ with covariance $V$ this integral is finite exactly if $2 \Lambda - V^{-1}$ is positive
# definite: the exponent under it is $-\tfrac12 z^\top (2\Lambda - V^{-1}) z$ and lower terms. The cell prints the
# least eigenvalue. Where it is not positive the true variance is infinite, and a standard error means nothing. (For
# another model the same integral has to be looked at anew: what counts is whether $p(x, z)^2$ falls faster than $q$.)
#
# ## Recap
# - $\log p(x) = \mathrm{ELBO} + \mathrm{KL}(q \,\|\, p(z \mid x))$, for every $q$. Three ways to the
#   bound: Jensen, the gap, and (Jensen again) importance weights, of which the ELBO is the case $K = 1$.
# - A diagonal $q$ at its best has the posterior's mean and the diagonal of its precision; it is narrower than the
#   posterior, and what it loses depends on the latent space's axes, not on $p(x)$.
# - More draws tighten the bound; EM closes the gap and raises the bound in turns, so the evidence never falls.
#
# **References.** M. Tipping and C. Bishop, *Probabilistic Principal Component Analysis*, Journal of the Royal
# Statistical Society B, 1999, doi 10.1111/1467-9868.00196. · M. Jordan, Z. Ghahramani, T. Jaakkola and L. Saul, *An Introduction to
# Variational Methods for Graphical Models*, 1999, doi 10.1023/A:1007665907178. · A. Dempster, N. Laird and D. Rubin, *Maximum Likelihood from
# Incomplete Data via the EM Algorithm*, 1977, doi 10.1111/j.2517-6161.1977.tb01600.x. · R. Neal and G. Hinton, *A View of the EM Algorithm that Justifies
# Incremental, Sparse, and Other Variants*, 1998, doi 10.1007/978-94-011-5014-9_12. · Y. Burda, R. Grosse and R. Salakhutdinov, *Importance Weighted
# Autoencoders*, arXiv 1509.00519, 2015. · J. Lucas, G. Tucker, R. Grosse and M. Norouzi, *Don't Blame the ELBO! A
# Linear VAE Perspective on Posterior Collapse*, arXiv 1911.02469, 2019.
#
# **Next** 03_reparameterization takes gradients through the draws of $q$, which an encoder needs in order to learn.
