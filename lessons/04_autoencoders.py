# %% [markdown]
# # 04 · Autoencoders: compression is not generation
#
# A handwritten digit is 784 numbers, and you can describe it to a friend in far fewer. An
# [autoencoder](glossary.ipynb#Autoencoder) learns such a description by itself: one network
# squeezes the image into a short [code](glossary.ipynb#Code), a second one rebuilds the image
# from it. In this lesson you measure what a code of 2, 8 or 32 numbers can keep, beat the best
# linear method, remove noise from images, and then find out why a network that rebuilds digits
# well is bad at inventing them.
#
# ![Rebuilt digits, and what random codes decode to: compression is not generation](../images/04_autoencoders.png)
#
# <details><summary>中文导读</summary>
#
# 自编码器把 784 个像素压缩成几个数，再还原。本课先证明 PCA 是最好的线性自编码器（七行推导，逐行数值
# 验证），再训练非线性的自编码器超过它，用 PSNR（分贝）衡量。接着比较 L1、L2 与交叉熵：对一个不确定的
# 像素，它们分别给出中位数或均值，而均值就是模糊。然后从潜空间随机取编码解码，看见“空洞”：会压缩不等于
# 会生成。最后训练去噪器，这是自编码器的第一个用途。
#
# </details>
#
# **You will be able to**
# - measure a reconstruction in decibels, and say what 3 dB more mean,
# - prove that PCA is the best linear autoencoder, and check each line of the proof with numbers,
# - build and train an autoencoder that beats it at the same code size,
# - choose between absolute error, squared error and cross-entropy by what each makes of an
#   uncertain pixel,
# - train a denoiser, and show where random codes fall into holes.
#
# **Time** 80 minutes · **Builds on** 00_start, 01_divergences · **Papers** Baldi and Hornik
# (1989), *Neural Networks and Principal Component Analysis: Learning from Examples Without Local
# Minima*; Hinton and Salakhutdinov (2006), *Reducing the Dimensionality of Data with Neural
# Networks*; Vincent, Larochelle, Bengio and Manzagol (2008), *Extracting and Composing Robust
# Features with Denoising Autoencoders*.
#
# **Numbers in the text** are those of one run at `laptop` scale, on two CPU cores; at another scale, or on
# another machine, yours differ.

# %% tags=["folded"]
import time

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.checks import check
from course_lib.data import load_mnist
from course_lib.fast import fast
from course_lib.history import History, watch
from course_lib.plotting import plot_history, plot_images, show
from course_lib.probability import kl_to_standard_normal
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything
from course_lib.widgets import latent_explorer, latent_map

seed_everything(0)
device = pick_device()
code_sizes, seeds = (2, 8, 32), range(3)
steps = at_scale(smoke=5, laptop=1_500, gpu=50_000)  # of each run behind the table
loss_steps = at_scale(smoke=5, laptop=800, gpu=20_000)  # of each run of section 4
vae_steps = at_scale(smoke=5, laptop=2_000, gpu=50_000)  # of each run of section 5
noise_steps = at_scale(smoke=5, laptop=1_200, gpu=50_000)  # of each denoiser
short_steps = at_scale(smoke=5, laptop=300, gpu=2_000)  # of each run that goes wrong
batch_size, learning_rate = at_scale(smoke=(128, 3e-3), laptop=(128, 3e-3), gpu=(128, 1e-3))
test_count = at_scale(smoke=500, laptop=10_000, gpu=10_000)  # test images behind each score
print(f"scale {course_scale()} on {device.type}: nine runs of {steps:,} updates")

# %% [markdown]
# ## 1 · How good is a copy?
#
# The images are gray MNIST digits with pixels in [0, 1]. If you may send only one image for all
# of them, send the **average image**: by the squared error it is the best code of length 0.
#
# **Predict.** What will the average of 60,000 digits look like?

# %%
train_images, train_labels = load_mnist("train", device=device)
test_images, test_labels = (part[:test_count] for part in load_mnist("test", device=device))
average = train_images.mean(dim=0, keepdim=True)
rows = torch.cat([test_images[:9], average])
show(plot_images(rows, columns=10, title="Nine digits, and the average of all (right)"))
print(f"{len(train_images):,} images to train on, {len(test_images):,} to test on")

# %% [markdown]
# A cloud. To compare copies we need a number. Take the squared difference of image and copy,
# averaged over the pixels (the [mean squared error](glossary.ipynb#Mean-squared-error), MSE), and
# compare it with the square of the largest value that a pixel can have. That ratio is spread over
# many powers of ten, so its logarithm is taken, in **decibels** (dB). The result is the
# [peak signal-to-noise ratio](glossary.ipynb#Peak-signal-to-noise-ratio):
#
# $$ \mathrm{PSNR} = 10 \, \log_{10} \frac{\mathrm{peak}^2}{\mathrm{MSE}} . $$
#
# Higher is better. Ten decibels more are a tenth of the error, and three decibels more are half
# of it, because $10 \log_{10} 2 \approx 3.01$.

# %% [markdown]
# ### Exercise · `psnr(images, restored, peak)`
# *6 minutes.* `images` and `restored` are `(B, C, H, W)`; `peak` is the largest value that a
# pixel can have, a number (1 for images in [0, 1]). Return the PSNR of each image in dB, `(B,)`,
# and `inf` for an image that came back exactly. The trap: what the error is averaged over, and
# what not.


# %% exercise="autoencoders.psnr"
def psnr(images, restored, peak):
    """Peak signal-to-noise ratio of each image `(B, C, H, W)`, in dB, `(B,)`."""
    # BEGIN SOLUTION
    error = (images - restored).square().flatten(start_dim=1).mean(dim=1)
    return 10 * torch.log10(peak**2 / error)
    # END SOLUTION


# %% check="autoencoders.psnr"
check("autoencoders.psnr", psnr)

# %% [markdown]
# What does a decibel look like? Below, a digit gets noise of exactly the size that makes the PSNR
# printed above it. **Predict**: below which number do you stop recognizing it? And which PSNR
# does the average image have, as a copy of every test image?

# %%
digit = test_images[:1].cpu()
noise = torch.randn(digit.shape, generator=torch.Generator().manual_seed(0))
noise = noise / noise.square().mean().sqrt()
decibels = (0, 5, 10, 15, 20, 25, 30)
spoiled = torch.cat([digit + noise * 10 ** (-level / 20) for level in decibels])
labels = [f"{value:.0f} dB" for value in psnr(digit.expand_as(spoiled), spoiled, 1.0)]
title = "One digit at falling noise (shown clipped to [0, 1])"
show(plot_images(spoiled.clamp(0, 1), columns=7, labels=labels, title=title))
score_of_average = psnr(test_images, average.expand_as(test_images), 1.0).mean()
print(f"the average image as a copy of every test image: {score_of_average:.2f} dB")

# %% [markdown]
# We forgive noise a lot: a digit at 5 dB can still be read, while the average image, which nobody
# can read, has 12 dB. So PSNR measures closeness, pixel by pixel, and not what the image says. It
# is a good measure of a *copy*, and section 5 will look for something else.
#
# Every mean PSNR in this lesson is the average over test images of the decibels of each.

# %% [markdown]
# ## 2 · The best linear code
#
# Before any network bends, let everything be linear. The encoder turns an image $x$ of $D$ pixels
# into $k$ numbers, $z = Wx + a$, and the decoder turns them back, $\hat x = Vz + b$. Over the
# images $x_1, \dots, x_N$, with their average $\bar x$, and with $y_n = x_n - \bar x$, we want
# the smallest
#
# $$ E = \frac1N \sum_n \lVert x_n - \hat x_n \rVert^2 . $$
#
# The claim: [principal component analysis](glossary.ipynb#Principal-component-analysis) (PCA)
# cannot be beaten (Eckart and Young, 1936). Let $C = \frac1N \sum_n y_n y_n^\top$ be the covariance, with eigenvalues
# $\lambda_1 \ge \dots \ge \lambda_D \ge 0$ and orthonormal eigenvectors $u_1, \dots, u_D$. Then
# the smallest $E$ is what the unused directions hold, and the way to reach it is to take off the
# mean, project on $u_1, \dots, u_k$, and add the mean back.
#
# $$ \begin{aligned}
# \hat x_n &= M x_n + c, \quad \mathrm{rank} M \le k && (1) \\
# E &\ge \textstyle\frac1N \sum_n \lVert y_n - M y_n \rVert^2 && (2) \\
# &\ge \textstyle\frac1N \sum_n \lVert y_n - QQ^\top y_n \rVert^2,
#      \quad Q^\top Q = I_k && (3) \\
# &= \mathrm{tr} C - \mathrm{tr} (Q^\top C Q) && (4) \\
# &= \textstyle\sum_i \lambda_i - \sum_i \lambda_i h_i,
#      \quad h_i = \lVert Q^\top u_i \rVert^2 && (5) \\
# & \phantom{=}\; 0 \le h_i \le 1, \quad \textstyle\sum_i h_i = k && (6) \\
# E &\ge \lambda_{k+1} + \dots + \lambda_D && (7)
# \end{aligned} $$
#
# 1. **Put together**: $V(Wx + a) + b = (VW)\,x + (Va + b)$. Everything passes through $k$
#    numbers, so the rank of $M = VW$ is at most $k$.
# 2. **The best offset.** $E$ is a convex quadratic in $c$, so it is smallest where its derivative is
#    0: $c = \bar x - M \bar x$,
#    and then $x_n - \hat x_n = y_n - M y_n$. The mean goes off before the code and on again after
#    it.
# 3. **Pythagoras.** All $M y$ lie in a space of at most $k$ dimensions. Let the columns of $Q$ be
#    an orthonormal basis of it (filled up to $k$ columns), and $Py = QQ^\top y$ the projection.
#    $y - Py$ is orthogonal to that space and $Py - My$ lies in it, so
#    $\lVert y - My \rVert^2 = \lVert y - Py \rVert^2 + \lVert Py - My \rVert^2$.
# 4. **Pythagoras again**,
#    $\lVert y - Py \rVert^2 = \lVert y \rVert^2 - \lVert Q^\top y \rVert^2$, and
#    $\lVert v \rVert^2 = \mathrm{tr} v v^\top$ for both terms, averaged over $n$.
# 5. **Eigenvectors**: $C = \sum_i \lambda_i u_i u_i^\top$, whose trace is the sum of the
#    eigenvalues.
# 6. **Lengths.** $h_i$ is the squared length of a unit vector's projection, and the $u_i$ are an
#    orthonormal basis, so $\sum_i h_i = \lVert Q \rVert_F^2 = k$.
# 7. **Weights between 0 and 1** that add to $k$ do best on the $k$ largest eigenvalues, for these
#    are at least $\lambda_k$ and the others at most that:
#
# $$ \sum_{i \le k} \lambda_i - \sum_i \lambda_i h_i
#    = \sum_{i \le k} \lambda_i (1 - h_i) - \sum_{i > k} \lambda_i h_i
#    \ge \lambda_k \Big[ \sum_{i \le k} (1 - h_i) - \sum_{i > k} h_i \Big] = \lambda_k (k - k) = 0 .
#    $$
#
# With the projection on the first $k$ eigenvectors all lines are equalities. $\blacksquare$
#
# The next cell takes small digits of 7 × 7 pixels, a random linear autoencoder with $k = 6$, and
# computes both sides of every line.

# %% tags=["nbval-check-output"]
small = F.avg_pool2d(train_images[:2000], 4).flatten(1).double().cpu()  # (2000, 49)
count, size, k = *small.shape, 6
draw = torch.Generator().manual_seed(0)
encode_by, decode_by = (
    0.2 * torch.randn(shape, generator=draw, dtype=torch.float64)
    for shape in ((k, size), (size, k))
)
a, b = (torch.randn(n, generator=draw, dtype=torch.float64) for n in (k, size))


def mean_square(errors):
    """Squared length of each row, averaged over the rows."""
    return errors.square().sum(dim=1).mean()


mean, matrix = small.mean(dim=0), decode_by @ encode_by  # M = VW
y = small - mean
restored = (small @ encode_by.T + a) @ decode_by.T + b
line_1 = small @ matrix.T + (decode_by @ a + b)
line_2 = mean_square(y - y @ matrix.T)
basis = torch.linalg.qr(decode_by).Q  # an orthonormal basis of all that the decoder can say
projected = y @ basis @ basis.T
line_3 = mean_square(y - projected)
rest = mean_square(projected - y @ matrix.T)
covariance = y.T @ y / count
line_4 = covariance.trace() - (basis.T @ covariance @ basis).trace()
eigenvalues, eigenvectors = (part.flip(-1) for part in torch.linalg.eigh(covariance))
h = (basis.T @ eigenvectors).square().sum(dim=0)
line_5 = eigenvalues.sum() - (eigenvalues * h).sum()
line_7 = eigenvalues[k:].sum()

assert torch.allclose(restored, line_1) and torch.linalg.matrix_rank(matrix) <= k
assert mean_square(small - restored) >= line_2 and torch.isclose(line_2, line_3 + rest)
assert torch.isclose(line_3, line_4) and torch.isclose(line_4, line_5)
assert (h > -1e-12).all() and (h < 1 + 1e-12).all() and (h.sum() - k).abs() < 1e-9
print(f"1  a random autoencoder, E                 {mean_square(small - restored):8.4f}")
print(f"2  with the best offset                    {line_2:8.4f}")
print(f"3  projected {line_3:.4f} + the rest {rest:.4f} =   {line_3 + rest:8.4f}")
print(f"4  tr C - tr QᵀCQ                          {line_4:8.4f}")
print(f"5  by eigenvalues                          {line_5:8.4f}")
print(f"6  h between {h.min():.3f} and {h.max():.3f}, their sum   {h.sum():8.4f}")
print(f"7  what no linear autoencoder goes below   {line_7:8.4f}")

# %% [markdown]
# Each step down is a step of the proof. And the other way round: start a linear autoencoder at random,
# and **train** it. **Predict**: does training by gradients (here L-BFGS) reach line 7? Does it find
# the eigenvectors?

# %%
seed_everything(0)
linear = nn.Sequential(nn.Linear(size, k), nn.Linear(k, size)).double()
optimizer = torch.optim.LBFGS(linear.parameters(), max_iter=600, line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    loss = mean_square(small - linear(small))
    loss.backward()
    return loss


optimizer.step(closure)
trained = mean_square(small - linear(small)).item()
singular_values = torch.linalg.svdvals(y)
by_svd = (singular_values[k:].square().sum() / count).item()
learned = torch.linalg.qr(linear[1].weight.detach()).Q  # what its decoder can say
overlap = torch.linalg.svdvals(learned.T @ eigenvectors[:, :k]).min()
turned = (F.normalize(linear[1].weight.detach(), dim=0).T @ eigenvectors[:, :k]).abs()
print(f"trained by gradients {trained:.5f}, by torch.linalg.svd {by_svd:.5f}, line 7 {line_7:.5f}")
print(f"cosine between the two subspaces at their worst angle: {overlap:.5f}")
print("largest |cosine| of each learned direction with an eigenvector:", end=" ")
print(", ".join(f"{value:.2f}" for value in turned.max(dim=1).values))
assert abs(trained / line_7 - 1) < 1e-3 and abs(by_svd / line_7 - 1) < 1e-9

# %% [markdown]
# It reaches the error, and it spans the same space. (There is one best space where
# $\lambda_k > \lambda_{k+1}$, as here; where the two are equal there are several.) It does not find
# the eigenvectors themselves:
# any invertible mixing of the code, undone by the decoder, gives the same $M$, so nothing in $E$
# tells them apart. (Baldi and Hornik prove, for a covariance that is invertible and has distinct
# eigenvalues, that all other stationary points are saddles: there is no bad minimum to get stuck in.)

# %% [markdown]
# ### Exercise · `pca_reconstruct(x, rank)`
# *8 minutes.* `x` holds N rows of D numbers, `(N, D)`. Return the best reconstruction of these
# rows from `rank` numbers each, `(N, D)`, by the proof above: exact, not a randomized
# approximation. `rank` goes from 0, where only the mean is left, to D. The traps are the mean,
# and which directions `torch.linalg.svd` or `torch.linalg.eigh` puts first, and where.


# %% exercise="autoencoders.pca_reconstruct"
def pca_reconstruct(x, rank):
    """The best reconstruction of the rows of `x` `(N, D)` from `rank` numbers each, `(N, D)`."""
    # BEGIN SOLUTION
    mean = x.mean(dim=0)
    _, _, directions = torch.linalg.svd(x - mean, full_matrices=False)
    kept = directions[:rank]
    return mean + (x - mean) @ kept.T @ kept
    # END SOLUTION


# %% check="autoencoders.pca_reconstruct"
check("autoencoders.pca_reconstruct", pca_reconstruct)

# %% [markdown]
# Two uses of it. **PCA proper** learns mean and directions from the training images and is
# applied to test images. And `pca_reconstruct(test, k)` is fitted to the test images themselves:
# by the proof, *no linear autoencoder whatsoever* has a smaller mean squared error on them. That
# is the number to beat. (As a mean squared error it is $E / 784$.)

# %%
train_flat, test_flat = train_images.flatten(1), test_images.flatten(1)
center = train_flat.mean(dim=0)
directions = torch.linalg.eigh(torch.cov(train_flat.T)).eigenvectors.flip(1)  # the best first


def mean_psnr(restored, images=test_images):
    """PSNR in dB, averaged over the images."""
    return psnr(images, restored.reshape(images.shape), 1.0).mean().item()


def mse(restored, images=test_images):
    return (restored.reshape(images.shape) - images).square().mean().item()


pca = {}
for code_size in code_sizes:
    kept = directions[:, :code_size]
    pca[code_size] = (center + (test_flat - center) @ kept @ kept.T).reshape(test_images.shape)

# %%
bound = {}
for code_size in code_sizes:
    bound[code_size] = pca_reconstruct(test_flat, code_size).reshape(test_images.shape)
    print(
        f"{code_size:>2} numbers: PCA {mean_psnr(pca[code_size]):.2f} dB, MSE {mse(pca[code_size]):.5f}"
        f"; no linear autoencoder has less than {mse(bound[code_size]):.5f}"
    )

# %% [markdown]
# The two differ little: PCA has next to nothing left to gain from seeing the test images. Whoever wants
# to do better has to bend.
#
# ## 3 · An autoencoder that bends
#
# Put activations between linear layers, and the copies no longer lie on a flat sheet through the
# images, but on a curved one, which can follow them. The loss is the same squared error. The
# [latent](glossary.ipynb#Latent-variable) code is whatever the two networks agree on.
#
# ![Seven layers, from 784 numbers down to the code's 32 and up again](../images/04_bottleneck.png)

# %% [markdown]
# ### Exercise · `Autoencoder(image_size, latent_dim)`
# *12 minutes.* A module for images `(B, 1, n, n)`, n the integer `image_size`, with three
# methods: `encode(images)` gives codes `(B, latent_dim)`, `decode(z)` gives images `(B, 1, n, n)`
# with pixels in [0, 1], and `forward(images)` is one after the other. Deterministic, with an
# activation between the linear layers. Layers and widths are yours: 784 to 512 to 256 to
# `latent_dim` and back works well. The traps are the two ends: pixels in [0, 1] need something
# after the last layer, and a code needs nothing, for a rectified one could never be negative.


# %% exercise="autoencoders.Autoencoder"
class Autoencoder(nn.Module):
    """Images `(B, 1, n, n)` to codes `(B, latent_dim)` and back to images in [0, 1]."""

    def __init__(self, image_size, latent_dim):
        super().__init__()
        # BEGIN SOLUTION
        pixels = image_size**2
        self.encoder = nn.Sequential(
            nn.Flatten(),
            *(nn.Linear(pixels, 512), nn.ReLU()),
            *(nn.Linear(512, 256), nn.ReLU()),
            nn.Linear(256, latent_dim),
        )
        self.decoder = nn.Sequential(
            *(nn.Linear(latent_dim, 256), nn.ReLU()),
            *(nn.Linear(256, 512), nn.ReLU()),
            *(nn.Linear(512, pixels), nn.Sigmoid()),
            nn.Unflatten(1, (1, image_size, image_size)),
        )

    def encode(self, images):
        return self.encoder(images)

    def decode(self, z):
        return self.decoder(z)

    def forward(self, images):
        return self.decode(self.encode(images))
        # END SOLUTION


# %% check="autoencoders.Autoencoder"
check("autoencoders.Autoencoder", Autoencoder)

# %% [markdown]
# The training loop serves the whole lesson. `objective` is the loss of a network on a batch;
# `spoil` changes what the network sees, which section 6 will need, and not what it is compared
# with; `start` goes on with the weights of another network. The learning rate falls to 0 over the
# second half; `fast` runs the step as fast as the device allows, and all scores are taken outside
# of it, in float32.


# %%
def squared_error(network, seen, images):
    return (network(seen) - images).square().mean()


def train(
    kind,
    latent_dim,
    steps,
    seed,
    objective=squared_error,
    spoil=lambda images: images,
    lr=learning_rate,
    start=None,
):
    """Train a `kind(28, latent_dim)`, from `start` if given; returns it and its history."""
    seed_everything(seed)
    network, history = kind(28, latent_dim).to(device), History()
    if start:
        network.load_state_dict(start.state_dict())
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: min(1, 2 * (1 - t / steps)))

    def step(seen, images):
        loss = objective(network, seen, images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    update = fast(step, network, optimizer, steps=steps, report=print)
    for images in watch(batches(train_images, batch_size, steps), history):
        history.add(loss=update(spoil(images), images))
        schedule.step()
    return network.eval(), history


@torch.no_grad()
def restore(network, images=test_images):
    return network(images)


# %% [markdown]
# **Predict.** Three code sizes, three seeds each. At which size does bending gain most decibels
# over PCA?

# %%
begin = time.perf_counter()
runs = {
    code_size: [train(Autoencoder, code_size, steps, seed) for seed in seeds]
    for code_size in code_sizes
}
print(f"nine runs in {time.perf_counter() - begin:.0f} s")
print("code   PCA        autoencoder        gain    MSE: PCA   best linear   autoencoder")
for code_size, results in runs.items():
    restored = [restore(network) for network, _ in results]
    scores = torch.tensor([mean_psnr(images) for images in restored])
    errors = torch.tensor([mse(images) for images in restored])
    straight = mean_psnr(pca[code_size])
    print(
        f"{code_size:>4}   {straight:.2f} dB   {scores.mean():.2f} dB ± {scores.std():.2f}   "
        f"{scores.mean() - straight:+5.2f}   {mse(pca[code_size]):9.5f}   "
        f"{mse(bound[code_size]):11.5f}   {errors.mean():11.5f}"
    )

# %% [markdown]
# The number behind ± is the standard deviation between the three seeds; each autoencoder is ahead
# by many times that, and below the error that no linear one can go below.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
curves = {f"{code_size} numbers": results[0][1]["loss"] for code_size, results in runs.items()}
plot_history(curves, title="Training loss, seed 0", ylabel="mean squared error", axes=left)
left.set(yscale="log")
for name, style, values in (
    ("PCA", "o--", [mean_psnr(pca[c]) for c in code_sizes]),
    ("autoencoder", "o-", [mean_psnr(restore(runs[c][0][0])) for c in code_sizes]),
):
    right.plot(code_sizes, values, style, label=name)
right.axhline(score_of_average.cpu(), color="gray", linestyle=":", label="average image")
right.set(title="Test PSNR", xlabel="numbers in the code", ylabel="dB", xscale="log")
right.set_xticks(code_sizes, code_sizes)
right.minorticks_off()
right.legend()
show(figure)

# %%
rows, names = [test_images[:10]], ["original"]
for code_size in code_sizes:
    rows += [pca[code_size][:10], restore(runs[code_size][0][0], test_images[:10])]
    names += [f"PCA {code_size}", f"bent {code_size}"]
title = "Test digits from 2, 8 and 32 numbers"
show(plot_images(torch.cat(rows).clamp(0, 1), columns=10, title=title, row_titles=names))

# %% [markdown]
# **What a healthy run looks like.** Within some thirty updates the loss falls to 0.067, the error
# of the average image: the last layer's biases are learned first, and the code says nothing yet.
# Then the curves part, each falling fast at first and slowly later. The last training losses are
# close to the test errors of the table, so nothing was learned by heart. A curve that *stays*
# near 0.067 is the first sign of trouble; section 8 makes some.
#
# The gain is largest at 8 numbers, about four decibels, and in decibels eight bent numbers are
# ahead of 32 straight ones (in mean squared error the two are level). From two numbers PCA makes clouds, while the autoencoder draws digits, if
# not always the right ones: it has taken a four for a nine.
#
# ## 4 · What a loss makes of an uncertain pixel
#
# With two numbers the decoder often cannot know whether a pixel is white: one code has to serve
# several digits. So it must answer with *one* value $c$ for all the values $v_1, \dots, v_N$ that
# the pixel has in them, and the loss decides which. Three losses, each averaged over the values,
# and the derivative by $c$ (with $\bar v$ the mean of the values):
#
# $$ \begin{aligned}
# \text{L1: } & |c - v| & \text{derivative} &= \tfrac1N \big( \#\{v < c\} - \#\{v > c\} \big) && (8)
# \\
# \text{L2: } & (c - v)^2 & &= 2\,(c - \bar v) && (9) \\
# \text{cross-entropy: } & -v \log c - (1 - v) \log (1 - c) & &= \frac{c - \bar v}{c\,(1 - c)} &&
# (10)
# \end{aligned} $$
#
# 8. **The slope of $|\cdot|$ is a sign**: +1 for every value below $c$, -1 for every value above. (At
#    a $c$ that is one of the values the loss has a kink, and another slope on either side.)
# 9. **Power rule**, and the average of $c - v$ is $c - \bar v$.
# 10. **Derivatives of the logarithms**, $-\bar v / c + (1 - \bar v) / (1 - c)$, over one
#     denominator, for $0 < c < 1$. (Where all values are 0, or all are 1, the best $c$ is that end.)
#
# Each derivative is negative to the left of one place (or one interval) and positive to the right
# of it: there is the minimum. Where is it for each of the three?

# %% [markdown]
# ### Exercise · `best_constant(values, loss)`
# *5 minutes.* `values` is `(N,)`, within [0, 1]; `loss` is `"l1"`, `"l2"` or `"bce"`. Return the
# constant with the smallest average loss, as a number or a tensor of shape `()`. Where every
# point of an interval is best, any of them will do. The trap: two of the three have the same
# answer. No search: lines 8 to 10 say it.


# %% exercise="autoencoders.best_constant"
def best_constant(values, loss):
    """The c that minimizes the average loss to `values` `(N,)`; loss is "l1", "l2" or "bce"."""
    # BEGIN SOLUTION
    return values.median() if loss == "l1" else values.mean()
    # END SOLUTION


# %% check="autoencoders.best_constant"
check("autoencoders.best_constant", best_constant)

# %% [markdown]
# A real pixel: of all the fours in the training set, take the pixel whose average is nearest to
# 0.35. **Predict**: it is brighter than 0.5 in 36 % of the fours. What does each loss make of it?

# %%
fours = train_images[train_labels == 4].flatten(1).cpu().double()
pixel = (fours.mean(dim=0) - 0.35).abs().argmin().item()
values = fours[:, pixel]
for cost, slope in (  # lines 8, 9 and 10 at c = 0.6, by autograd and by formula
    (F.l1_loss, lambda c: (values < c).double().mean() - (values > c).double().mean()),
    (F.mse_loss, lambda c: 2 * (c - values.mean())),
    (F.binary_cross_entropy, lambda c: (c - values.mean()) / (c * (1 - c))),
):
    c = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(cost(c.expand_as(values), values), c)
    assert torch.isclose(found, slope(c))

grid = torch.linspace(0.005, 0.995, 199, dtype=torch.float64)[:, None]
costs = {
    "l1": (grid - values).abs().mean(dim=1),
    "l2": (grid - values).square().mean(dim=1),
    "bce": -(values * grid.log() + (1 - values) * (1 - grid).log()).mean(dim=1),
}

# %% tags=["folded"]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
left.hist(values, bins=30, color="C0")
left.set(title=f"Row {pixel // 28}, column {pixel % 28} of {len(values):,} fours")
left.set(xlabel="gray value", ylabel="images")
for loss, cost in costs.items():
    constant = float(best_constant(values, loss))
    (line,) = right.plot(grid, cost, label=f"{loss}: best constant {constant:.2f}")
    right.plot(grid[cost.argmin()], cost.min(), "o", color=line.get_color())
    assert abs(constant - grid[cost.argmin()].item()) < 0.01  # as far as the grid can tell
right.set(title="Average loss of a constant", xlabel="the constant c", ylabel="loss", ylim=(0, 1.5))
right.legend()
show(figure)

# %%
print(f"black in {(values == 0).double().mean():.0%} of the fours, average {values.mean():.3f}")
logit = torch.tensor(-4.6, dtype=torch.float64, requires_grad=True)  # a pixel called 1 % white
for loss, cost in (("l2", F.mse_loss), ("bce", F.binary_cross_entropy)):
    (slope,) = torch.autograd.grad(cost(logit.sigmoid(), torch.ones_like(logit)), logit)
    print(f"it is white after all: slope of {loss:<3} by the logit {slope:.3f}")

# %% [markdown]
# L1 says 0.05, nearly black: it takes the **median**, which lies just past the 48 % that are black, and
# leaves the bright third out of account. L2 and cross-entropy
# say 0.35: the **mean**, a gray that hardly any of the images has there. Nothing in a loss of
# single pixels can say «white or black, but the same as my neighbor». So blur is no weakness of
# the network: it is what L2 and cross-entropy ask for.
#
# These two differ in how hard they pull. By the logit in front of the sigmoid, cross-entropy has
# the slope $c - v$, and L2 has $2\,(c - v)\,c\,(1 - c)$, which dies where the sigmoid is sure and
# wrong.
#
# The same for whole images, if the code were the name of the digit and nothing else: the best
# constant of every pixel over a thousand images of each digit.

# %%
medians, means = [], []
for label in range(10):
    columns = train_images[train_labels == label][:1000].flatten(1).cpu().T
    medians.append(torch.tensor([float(best_constant(column, "l1")) for column in columns]))
    means.append(torch.tensor([float(best_constant(column, "l2")) for column in columns]))
rows = torch.stack(medians + means).reshape(-1, 1, 28, 28)
names = ("L1: medians", "L2: means")
show(plot_images(rows, columns=10, title="One image for each digit", row_titles=names))

# %% [markdown]
# And trained: the two-number network of section 3 is trained on, with each of the three losses
# (section 8 shows what L1 does from a random start). Every loss serves as a score as well.
# **Predict** the pattern of the table: who wins where, and who paints the fewest gray pixels?


# %%
def absolute_error(network, seen, images):
    return (network(seen) - images).abs().mean()


def cross_entropy(network, seen, images):
    return F.binary_cross_entropy(network(seen), images)


objectives = {"L1": absolute_error, "L2": squared_error, "cross-entropy": cross_entropy}
by_loss = {}
print("trained with    L1 score   L2 score   cross-entropy   PSNR       gray pixels")
for name, objective in objectives.items():
    network, _ = train(Autoencoder, 2, loss_steps, 0, objective, start=runs[2][0][0])
    by_loss[name] = restore(network)
    judges = (F.l1_loss, F.mse_loss, F.binary_cross_entropy)
    scores = [judge(by_loss[name], test_images) for judge in judges]
    gray = ((by_loss[name] > 0.1) & (by_loss[name] < 0.9)).float().mean()
    print(
        f"{name:<14} {scores[0]:8.4f}  {scores[1]:9.4f}  {scores[2]:10.4f}   "
        f"{mean_psnr(by_loss[name]):10.2f} dB {gray:9.1%}"
    )
rows = torch.cat([test_images[:10], *(images[:10] for images in by_loss.values())])
names = ("original", *by_loss)
show(plot_images(rows, columns=10, title="Two numbers, three losses", row_titles=names))

# %% [markdown]
# Each network is the best by the score that it was trained on, if only by a little between L2 and
# cross-entropy, which want the same mean. L1 takes sides: it paints less than half as many gray
# pixels, and pays in PSNR, because one white pixel in the wrong place costs more than two gray
# ones.
#
# **Which to choose?** Squared error if a squared error (or PSNR) is what you are judged by.
# Cross-entropy if a pixel is a chance: lesson 05 makes a likelihood of it. Absolute error if you
# want decided pixels, or if a few wild values must not rule; CycleGAN will use it.
#
# ## 5 · Compression is not generation
#
# A decoder turns codes into digits. So draw a random code, decode it, and there is a new digit?
# **Predict** what comes out, if the codes are drawn from a normal distribution with the mean and
# the covariance of all training codes: the fairest guess that a single Gaussian can make.
#
# Beside it stands a **variational** autoencoder (VAE), a black box until lesson 05. It has the
# same two halves and the same squared error, and two things are new: noise is added to the code
# before it is decoded, and a price, the [KL divergence](glossary.ipynb#KL-divergence) of lesson
# 01, keeps the codes close to a standard normal, from which random codes are then drawn.


# %%
class BlackBoxVAE(nn.Module):
    """Your two halves with noise between them; lesson 05 explains it."""

    def __init__(self, image_size, latent_dim):
        super().__init__()
        self.first = Autoencoder(image_size, 2 * latent_dim)
        self.second = Autoencoder(image_size, latent_dim)

    def encode(self, images):
        return self.first.encode(images).chunk(2, dim=1)  # mean and log-variance of the code

    def decode(self, z):
        return self.second.decode(z)

    def forward(self, images):
        mean, log_var = self.encode(images)
        z = mean + (log_var / 2).exp() * torch.randn_like(mean)
        return self.decode(z), mean, log_var


def priced_error(network, seen, images):
    restored, mean, log_var = network(seen)
    error = (restored - images).square().flatten(1).sum(dim=1) / (2 * pixel_std**2)
    return (error + kl_to_standard_normal(mean, log_var)).mean()


pixel_std = 0.3  # how exact a pixel has to be: the smaller, the less the price counts
vaes = {size: train(BlackBoxVAE, size, vae_steps, 0, priced_error)[0] for size in (2, 32)}


# %%
@torch.no_grad()
def codes_of(network, images, seed=0):
    """The codes that decode gets in training: for a VAE with their noise."""
    if not isinstance(network, BlackBoxVAE):
        return network.encode(images)
    mean, log_var = network.encode(images)
    source = torch.Generator(device).manual_seed(seed)
    noise = torch.randn(mean.shape, generator=source, device=device)
    return mean + (log_var / 2).exp() * noise


@torch.no_grad()
def random_codes(network, count, seed=0):
    """For an autoencoder a Gaussian fitted to the training codes; for a VAE its standard normal."""
    codes, source = codes_of(network, some_images), torch.Generator(device).manual_seed(seed)
    noise = torch.randn(count, codes.shape[1], generator=source, device=device)
    if isinstance(network, BlackBoxVAE):
        return noise
    return codes.mean(dim=0) + noise @ torch.linalg.cholesky(torch.cov(codes.T)).T


some_images = train_images[:20_000]  # enough to know where their codes lie
pairs = {size: {"autoencoder": runs[size][0][0], "VAE": vaes[size]} for size in (2, 32)}
with torch.no_grad():
    bent, vae = pairs[32].values()
    standard = torch.randn(10, 32, generator=torch.Generator(device).manual_seed(0), device=device)
    rows = torch.cat(
        [
            bent(test_images[:10]),
            bent.decode(standard),
            bent.decode(random_codes(bent, 10)),
            vae.decode(vae.encode(test_images[:10])[0]),
            vae.decode(random_codes(vae, 20)),
        ]
    )
names = (
    "rebuilt",
    "standard normal",
    "fitted normal",
    "VAE: rebuilt",
    "VAE: random",
    "VAE: random",
)
title = "32 numbers: rebuilt, and made up from random codes"
show(plot_images(rows, columns=10, title=title, row_titles=names))

# %% [markdown]
# The autoencoder rebuilds better than the VAE, and invents worse. Standard normal codes, which
# suit the VAE, decode to crumbs; the fitted normal gives a digit now and then and, more often,
# strokes that only look like writing. The VAE's samples are blurred, some of them are no digit,
# and many can be read.
#
# Why? With two numbers the whole space of codes can be drawn. Below are the codes of the 10,000
# test images, colored by digit, and beside each map what a grid of codes over the same area
# decodes to. **Predict**: how will the two maps differ in scale, and in the places where no image
# lives?


# %%
@torch.no_grad()
def draw_map(axes, network, name):
    """Test codes and, over the same square, what the codes on a grid decode to."""
    codes = codes_of(network, test_images).cpu()
    low, high = codes.quantile(0.005, dim=0), codes.quantile(0.995, dim=0)
    across = torch.linspace(0, 1, 15)
    first, second = torch.meshgrid(across, across.flip(0), indexing="xy")
    grid = low + (high - low) * torch.stack([first.flatten(), second.flatten()], dim=1)
    tiles = network.decode(grid.to(device)).reshape(15, 15, 28, 28)
    extent = (low[0].item(), high[0].item(), low[1].item(), high[1].item())
    axes[0].scatter(*codes.T, c=test_labels.cpu(), cmap="tab10", s=2, linewidths=0)
    axes[0].set(title=f"{name}: codes", xlabel="z₁", ylabel="z₂", xlim=extent[:2], ylim=extent[2:])
    axes[1].imshow(tiles.permute(0, 2, 1, 3).reshape(420, 420).cpu(), extent=extent, aspect="auto")
    axes[1].set(title=f"{name}: decoded", xlabel="z₁")
    axes[1].grid(False)


figure, axes = plt.subplots(1, 4, figsize=(13, 3.6))
for columns, (name, network) in zip((axes[:2], axes[2:]), pairs[2].items(), strict=True):
    draw_map(columns, network, name)
show(figure)

# %% [markdown]
# The autoencoder's codes reach as far as they like, in arms with empty wedges between them. The
# VAE's lie around the center, most within ±3, where its random codes will come from.
#
# A number for the holes: how far is a random code from the nearest of 20,000 training codes? Call
# it far if it is farther than 99 % of the test codes are. If random codes were distributed like
# the codes of test images, about one in a hundred of them would be far.


# %%
def share_in_holes(network, count=1000):
    """Share of random codes farther from all known codes than 99 % of the test codes are."""
    known = codes_of(network, some_images)

    def nearest(codes):
        return torch.cat([torch.cdist(part, known).min(dim=1).values for part in codes.split(500)])

    # other seeds than that of the known codes: no random code may share an image's noise
    far = nearest(codes_of(network, test_images[:count], seed=1)).quantile(0.99)
    return (nearest(random_codes(network, count, seed=2)) > far).float().mean().item()


for size, networks in pairs.items():
    for name, network in networks.items():
        print(
            f"{size} numbers, {name:<12} {share_in_holes(network):6.1%} of random codes in a hole"
        )

# %% [markdown]
# With two numbers the holes are the gaps that you see on the map, and a random code meets one now
# and then, a few times in a hundred at most, for the autoencoder somewhat more often than for the VAE. With 32 numbers most of the space is hole for the autoencoder: more than half of the
# random codes lie far from every image's code, which only one test image in a hundred does. About
# as many of the VAE's random codes are far as of its test codes: they lie where its images' codes lie. (These are shares at laptop scale, one
# seed.)
#
# **Drag the point** over the autoencoder's map, into a gap between two colors and beyond the
# arms. Where this page cannot run code, eight stops of a walk are drawn instead.

# %%
bent = pairs[2]["autoencoder"]
codes = codes_of(bent, test_images)
low, high = codes.quantile(0.005).item(), codes.quantile(0.995).item()
background = latent_map(codes, test_labels, low, high)
latent_explorer(lambda z: bent.decode(z.to(device)), background, low=low, high=high)

# %% [markdown]
# Within an arm the digit slants and thickens step by step. In a gap two digits are laid over each
# other, and beyond the arms one digit goes on for ever. Nothing in the loss asks what is decoded
# there: in training the decoder saw the codes of images and no others. What is missing is not a
# better decoder. It is a rule for where codes lie, and a reason for neighbors to mean the same.
# The price is that rule and the noise that reason. A VAE *trained* without the noise is little more
# than this autoencoder with a leash on its codes: lesson 05 lets you try it.
#
# ## 6 · Removing noise
#
# What is an autoencoder good for, if not for making images up? Its code has room for a digit and
# none for noise. The [denoising autoencoder](glossary.ipynb#Denoising-autoencoder) makes a task
# of that: it sees a spoiled image, and its output is compared with the clean one.

# %% [markdown]
# ### Exercise · `corrupt(images, noise_std, generator)`
# *6 minutes.* `images` `(B, C, H, W)` in [0, 1]. Add Gaussian noise of standard deviation
# `noise_std`, each number of each image its own, independent of all others, all of it drawn from
# `generator`, and clip to [0, 1], as a camera would. The trap: leave `images` as they are, for they are the target. (On a GPU the
# generator lives there: `generator.device` says where.)


# %% exercise="autoencoders.corrupt"
def corrupt(images, noise_std, generator):
    """`images` in [0, 1] plus Gaussian noise from `generator`, clipped to [0, 1]."""
    # BEGIN SOLUTION
    where = {"dtype": images.dtype, "device": generator.device}
    noise = torch.randn(images.shape, generator=generator, **where)
    return (images + noise_std * noise).clamp(0, 1)
    # END SOLUTION


# %% check="autoencoders.corrupt"
check("autoencoders.corrupt", corrupt)

# %% [markdown]
# What is the best that a denoiser can do? For one noisy image many clean ones come into question,
# and the squared error wants one answer to all of them: line 9 again, pixel by pixel. The best
# denoiser gives the **mean of all clean images that could have led to this noisy one**, each
# weighted by how probable it is, $\mathbb E[\text{clean} \mid \text{noisy}]$. Where the digit is in doubt, that is gray.
#
# **Predict.** The noise has standard deviation 0.5. Order four results by their PSNR: the noisy
# images as they are; PCA with 32 numbers; the autoencoder of section 3, which has never seen
# noise; the same network trained to denoise.

# %%
noise_std = 0.5
noisy = corrupt(test_images, noise_std, torch.Generator(device).manual_seed(0))


def train_denoiser(seed):
    source = torch.Generator(device).manual_seed(seed)

    def spoil(images):
        return corrupt(images, noise_std, source)

    return train(Autoencoder, 32, noise_steps, seed, spoil=spoil)[0]


denoisers = [train_denoiser(seed) for seed in seeds]
kept = directions[:, :32]
by_pca = center + (noisy.flatten(1) - center) @ kept @ kept.T
print(f"noisy, as they are         {mean_psnr(noisy):.2f} dB")
print(f"PCA, 32 numbers            {mean_psnr(by_pca):.2f} dB")
for name, networks in (
    ("autoencoder, 32 numbers", [network for network, _ in runs[32]]),
    ("trained to denoise", denoisers),
):
    scores = torch.tensor([mean_psnr(restore(network, noisy)) for network in networks])
    print(f"{name:<26} {scores.mean():.2f} dB ± {scores.std():.2f}")

# %%
restored = restore(denoisers[0], noisy[:10])
rows = torch.cat([test_images[:10], noisy[:10], restored])
before, after = (mean_psnr(images, test_images[:10]) for images in (noisy[:10], restored))
names = ("clean", f"noisy, {before:.1f} dB", f"restored, {after:.1f} dB")
title = "Noise of standard deviation 0.5, removed"
show(plot_images(rows, columns=10, title=title, row_titles=names))

# %% [markdown]
# The network that has never seen noise comes out below PCA, though on clean images it was far
# ahead. PCA is linear, and of noise that points in all 784 directions it keeps the share in its
# 32, and some of the haze that clipping leaves (a black pixel becomes 0.2 on average); a bent encoder that meets such images for the first time sends them anywhere. Training on
# noise gains more than seven decibels over the noisy images: the squared error falls to less than
# a fifth ($10^{-0.7} \approx 0.2$), in the geometric mean over the images, for it is their decibels
# that were averaged. Where noise has hidden which digit it was, the answer is gray, the mean of the
# candidates.
#
# A denoiser that knows every strength of noise, applied again and again from noise alone, is what
# diffusion models are made of. One step of it makes no new images.
#
# ## 7 · Change one thing
#
# **a.** The denoiser knows one strength of noise. Spoil test images with standard deviations from
# 0.1 to 0.9, and compare the PSNR before and after. Is there a strength at which it does harm?

# %%
# Your experiment: spoil test_images with corrupt, and pass them to restore(denoisers[0], …).

# %% tags=["solution"]
for strength in (0.1, 0.2, 0.3, 0.5, 0.7, 0.9):
    spoiled = corrupt(test_images, strength, torch.Generator(device).manual_seed(0))
    before, after = mean_psnr(spoiled), mean_psnr(restore(denoisers[0], spoiled))
    print(
        f"noise {strength:.1f}: {before:5.2f} dB before, {after:5.2f} after, {after - before:+.2f}"
    )

# %% [markdown] tags=["solution"]
# It does harm where there is little to remove: at 0.1 the noisy images are better than anything
# that this network can say with its 32 numbers, and at 0.2 it is a draw. From 0.3 on it helps,
# beyond 0.5 as well, though what comes out gets worse: those strengths it has never seen. A
# denoiser should be trained for the noise that it will meet, or be told the strength.

# %% [markdown]
# **b.** Give both methods more room: 128 numbers. Does the autoencoder stay as far ahead of PCA?
# Train one with `train(Autoencoder, 128, steps, seed=0)`.

# %%
# Your experiment: train it, and compare mean_psnr(restore(…)) with PCA by directions[:, :128].

# %% tags=["solution"]
wide, _ = train(Autoencoder, 128, steps, seed=0)
for code_size, network in ((8, runs[8][0][0]), (32, runs[32][0][0]), (128, wide)):
    kept = directions[:, :code_size]
    flat = mean_psnr(center + (test_flat - center) @ kept @ kept.T)
    curved = mean_psnr(restore(network))
    print(
        f"{code_size:>3} numbers: PCA {flat:.2f} dB, autoencoder {curved:.2f}, {curved - flat:+.2f}"
    )

# %% [markdown] tags=["solution"]
# At 128 numbers PCA is ahead. So many straight directions hold nearly all of the digits, and its
# solution is exact. The network has hardly gained anything from the additional numbers: its error
# is no longer that of a narrow code, but of a training that is not finished (at laptop scale
# 1,500 updates). Bending pays where the code is short.

# %% [markdown]
# ## 8 · What goes wrong
#
# Mistakes made on purpose, first in short runs beside a healthy one of the same length, then in
# single lines.


# %%
class RectifiedCode(nn.Module):
    """Your autoencoder with a ReLU behind the code."""

    def __init__(self, image_size, latent_dim):
        super().__init__()
        self.plain = Autoencoder(image_size, latent_dim)

    def encode(self, images):
        return F.relu(self.plain.encode(images))

    def forward(self, images):
        return self.plain.decode(self.encode(images))


class CodeOfNoise(RectifiedCode):
    def encode(self, images):
        return torch.randn_like(self.plain.encode(images))


def broadcast_error(network, seen, images):
    """(B, H, W) minus (B, 1, H, W): every copy is compared with every image of the batch."""
    return (network(seen[:32]).squeeze(1) - images[:32]).square().mean()


def unseen_error(network, seen, images):
    """The network is shown what it makes of noise, and compared with images that it never saw."""
    made = network.decode(torch.randn(len(images), 8, device=device))
    return (network(made) - images).square().mean()


for name, kind, changes in (
    ("healthy", Autoencoder, {}),
    ("rectified code", RectifiedCode, {}),
    ("code of noise", CodeOfNoise, {}),
    ("images never shown", Autoencoder, {"objective": unseen_error}),
    ("shapes that broadcast", Autoencoder, {"objective": broadcast_error}),
    ("learning rate × 100", Autoencoder, {"lr": 100 * learning_rate}),
    ("L1 from the start", Autoencoder, {"objective": absolute_error}),
):
    network, _ = train(kind, 8, short_steps, seed=0, **changes)
    restored, codes = restore(network), codes_of(network, test_images)
    print(
        f"{name:<22} {mean_psnr(restored):5.2f} dB, spread between copies "
        f"{restored.std(dim=0).mean():.3f}, codes that never change {(codes.std(dim=0) < 1e-6).sum()}"
    )

# %%
signed, signed_copy = 2 * test_images - 1, 2 * pca[8] - 1
for scale, (one, other), peak in (
    ("[0, 1]", (test_images, pca[8]), 1.0),
    ("[-1, 1]", (signed, signed_copy), 1.0),
    ("[-1, 1]", (signed, signed_copy), 2.0),
):
    print(f"PCA 8 on {scale:<8} with peak {peak:.0f}: {psnr(one, other, peak).mean():.2f} dB")
bare = torch.linalg.eigh((test_flat.T @ test_flat).double()).eigenvectors[:, -2:].float()
print(
    f"PCA 2 without centering: MSE {mse(test_flat @ bare @ bare.T):.5f}, with {mse(bound[2]):.5f}"
)
code = nn.Linear(28, 2)(test_images[:1].cpu())
print(
    f"a linear layer on an image that is not flat: code {tuple(code.shape)}, {code.numel()} numbers"
)

# %% [markdown]
# | symptom | cause | cure |
# |---|---|---|
# | all copies are the average image, about 11.9 dB, spread near 0 | the code knows nothing of its image: it is noise, or the network was shown something else | encode the image that you compare with; look at the codes of two images |
# | the same, with a code that is fine | `(B, H, W)` minus `(B, 1, H, W)` broadcasts to all pairs | compare shapes before you subtract |
# | black copies at a high learning rate | a first step so large that the sigmoids are stuck at their end | a lower learning rate |
# | nearly black copies from L1 | most pixels are black in most images, so black is the median; there the sigmoid is flat | start with L2 or cross-entropy, go on with L1 |
# | a lower PSNR, and numbers of the code that never change | an activation after the layer that makes the code | end the encoder with its linear layer |
# | a PSNR that is 6 dB off | a peak of 1 for images in [-1, 1] | the peak is the width of the range, here 2 |
# | PCA fitted to these very images, yet above its bound | the mean was not taken off | center first, add the mean back |
# | «two numbers» that copy too well | the image was not flattened: 28 rows have two numbers each | look at the shape of the code |
# | digits that are none | codes drawn where no image was ever sent (section 5) | a model that knows where codes lie: lesson 05 |
# | a denoiser that makes images worse | less noise than it was trained for (section 7a) | train for the noise that comes |
#
# ## Recap
# - An autoencoder keeps of an image what fits through its code. PCA is the best linear one,
#   proved in seven lines; bending is worth two to four decibels at 2, 8 and 32 numbers.
# - The loss decides what becomes of an uncertain pixel: the median (L1) or the mean (L2,
#   cross-entropy), and the mean is blur. A denoiser trained on squared error gives the mean of
#   all clean images in question.
# - Compression is not generation: nothing says where codes lie, and between them are holes.
#
# **References.** P. Baldi and K. Hornik, *Neural Networks and Principal Component Analysis:
# Learning from Examples Without Local Minima*, Neural Networks 2, 1989, [doi 10.1016/0893-6080(89)90014-2](https://doi.org/10.1016/0893-6080%2889%2990014-2). · C. Eckart and G. Young,
# *The Approximation of One Matrix by Another of Lower Rank*, Psychometrika 1, 1936, doi 10.1007/BF02288367. · G. Hinton
# and R. Salakhutdinov, *Reducing the Dimensionality of Data with Neural Networks*, Science, 2006, doi 10.1126/science.1127647.
# · P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol, *Extracting and Composing Robust
# Features with Denoising Autoencoders*, ICML 2008, doi 10.1145/1390156.1390294.
#
# **Next** 05_vae gives the codes a distribution of their own, and draws new ones from it.
