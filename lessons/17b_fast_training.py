# %% [markdown]
# # 17b · Fewer operations, larger batches, more hands
#
# In 17a the same operations went faster. Here the operations themselves become fewer, a compiler
# merges what is small, and a batch is shared out: over pieces where it does not fit into memory, and
# over processes, with gradients that are proved equal. At the end the course's engine does all of it
# to a plain step, and races the slow loop for the same number of seconds.
#
# ![The nine weights of a convolution, and the sixteen sums of them that it spreads around a pixel behind an upsampling](../images/17b_fast_training.png)
#
# That is what you will derive: the nine weights of a convolution, and their sixteen sums, which enlarge a picture in
# 4/9 of the operations.
#
# <details><summary>中文导读</summary>
#
# 上半课让同样的运算更快；下半课先让运算本身变少：推导「上采样加卷积」怎样化为一个转置卷积，运算数只剩 4/9。
# 然后让编译器合并小运算，用 CUDA 图一次重放整步训练；测量批大小与吞吐量的关系；
# 证明大批次的梯度等于各小批次梯度的加权平均（梯度累积），并用 torchrun 在两个进程上做数据并行，验证梯度相等。
# 最后用课程的 `fast` 引擎与慢循环在相同秒数内比赛。计时与计数的函数由 course_lib 提供，不必先做完上半课(17a)。
# 术语的中英对照见 [glossary](glossary.ipynb)。
#
# </details>
#
# **You will be able to**
# - say when a layer can be had by fewer operations, and what a compiler and a recorded step can save,
# - choose a batch size by the clock and not by images a second,
# - train with batches that do not fit into memory, and on several processes, with gradients that
#   are proved equal.
#
# **Time** 75 minutes, two and a half of them computing · **Builds on** 17a_fast_training · **Papers** Goyal et al. (2017), *Accurate, Large
# Minibatch SGD*, arXiv 1706.02677; S. Li et al. (2020), *PyTorch Distributed*, arXiv 2006.15704.
#
# **Numbers in the text** are those of one run at `laptop` scale, on two CPU cores; at another scale, or on
# another machine, yours differ.

# %% tags=["folded"]
import inspect
import logging
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from course_lib import roofline
from course_lib.checks import check
from course_lib.data import load_mnist
from course_lib.fast import fast
from course_lib.history import History, watch
from course_lib.networks import UpsampleConv2d
from course_lib.plotting import show
from course_lib.roofline import conv_flops, expected_gain, ledger, report
from course_lib.roofline_plots import plot_kernels, plot_limits, plot_race
from course_lib.runs.launching import run_on_processes
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything

seed_everything(0)
device = pick_device()
synchronize = roofline.wait_for(device)  # returns when the device has done what is queued
batch_size = 128
timed_steps, warmup_steps = at_scale(smoke=(2, 1), laptop=(20, 3), gpu=(200, 20))
rounds = at_scale(smoke=3, laptop=5, gpu=9)  # of each comparison, all contenders in every round
curve_batches = at_scale(
    smoke=(32, 256),
    laptop=(32, 64, 128, 256, 512, 1024, 2048, 4096),
    gpu=(32, 64, 128, 256, 512, 1024, 2048, 4096),
)
race_seconds = at_scale(smoke=0.5, laptop=15, gpu=20)  # for each loop of a race
compiles = at_scale(smoke=False, laptop=True, gpu=True)  # a cold compiler takes many seconds
by_torchrun = at_scale(smoke=False, laptop=True, gpu=True)  # costs an interpreter a process
# where somebody else keeps the processor busy, sharing the work can be slower than not
all_threads = roofline.use_quicker_threads(at_scale(smoke=10, laptop=200, gpu=200))
chip = torch.cuda.get_device_name() if device.type == "cuda" else f"{all_threads} threads"
print(f"scale {course_scale()} on {device.type} ({chip}), {torch.get_num_threads()} in use;")
print(f"torch {torch.__version__}; compared in {rounds} rounds of {timed_steps} steps")

# %% [markdown]
# ## 1 · What stands from 17a
#
# A step costs operations, bytes and [launches](glossary.ipynb#Kernel-launch); a device has a peak of each. The
# [roofline](glossary.ipynb#Roofline-model) says the least time: that of the operations or that of the bytes, whichever is longer, to which a CPU
# adds the launches, while a GPU hides the shorter behind the longer. A step of $t$ seconds that saves $d$ gets faster by
# the factor $t / (t - d)$, if the rest takes as long as before (Amdahl). `conv_flops`, `ledger` (which counts a
# step) and `compare` (contenders that take turns, ratios in each round) are those of 17a, now from
# `course_lib.roofline`. Times depend on the machine and on the hour, so the peaks are measured anew:

# %%
compare = partial(
    roofline.compare,
    **{"images": batch_size, "steps": timed_steps, "rounds": rounds, "warmup": warmup_steps},
    synchronize=synchronize,
)
peaks = roofline.measure_peaks(
    device,
    size=at_scale(smoke=256, laptop=1024, gpu=4096),
    megabytes=at_scale(smoke=4, laptop=64, gpu=1024),
    repeats=at_scale(smoke=(2, 2, 100), laptop=(4, 3, 500), gpu=(20, 20, 1_000)),
)
print(peaks)

# %% [markdown]
# The model is the VAE of lesson 05 again. Its batches are [gathered](glossary.ipynb#Gather) where the data lie, its loss stays on the
# device, and its Adam goes over the weights once: the best of 17a in float32.


# %%
class VAE(nn.Module):
    """The MLP VAE of lesson 05; mean and log_var come out of one layer."""

    def __init__(self, hidden_dim=400, latent_dim=20):
        super().__init__()
        self.see = nn.Linear(784, hidden_dim)
        self.code = nn.Linear(hidden_dim, 2 * latent_dim)
        self.think = nn.Linear(latent_dim, hidden_dim)
        self.draw = nn.Linear(hidden_dim, 784)

    def forward(self, images):
        mean, log_var = self.code(F.relu(self.see(images.flatten(1)))).chunk(2, dim=1)
        noise = torch.randn(mean.shape, device=mean.device)  # the same in whatever precision
        z = mean + (log_var / 2).exp() * noise
        return self.draw(F.relu(self.think(z))), mean, log_var


def negative_elbo(logits, images, mean, log_var):
    """Nats per image; gray pixels count as probabilities."""
    likelihood = F.binary_cross_entropy_with_logits(logits, images.flatten(1), reduction="none")
    kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(dim=1)  # lesson 01
    return (likelihood.sum(dim=1) + kl).mean()


def loss_of(vae, images):
    """The VAE's loss on a batch, in nats per image: a scalar with its graph."""
    logits, mean, log_var = vae(images)
    return negative_elbo(logits, images, mean, log_var)


stored, _ = load_mnist("train", value_range=None)
test_images, _ = load_mnist("test", device=device)


def new_vae(seed=0):
    torch.manual_seed(seed)
    return VAE().to(device)


def resident(size=batch_size):
    """Batches gathered where the bytes lie, and made into floats there."""
    stream = batches(stored.to(device), size, steps=10**9)
    return lambda: next(stream).float().div_(255)


def vae_step(loss_of=loss_of, size=batch_size):
    """A step without arguments of a fresh VAE, by a loss that may be compiled."""
    vae, next_images = new_vae(), resident(size)
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3, fused=True)

    def step():
        loss = loss_of(vae, next_images())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


costs = ledger(vae_step())
seconds_a_step = batch_size / compare({"": vae_step()})[""].median().item()
print(f"a step: {costs}, {peaks.told(costs)}")
print(f"it takes {seconds_a_step * 1e3:.2f} ms")

# %% [markdown]
# ## 2 · The same function by fewer operations
#
# Sometimes fewer operations give the same result. Many
# generators enlarge a picture in two layers: `nn.Upsample(scale_factor=2)` copies every pixel to a
# 2×2 square, then a 3×3 convolution makes something smooth of the coarse squares.
#
# Look at one row. Its pixels are $x_0, x_1, \dots$, the kernel is $(u, v, w)$. Upsampling makes it
# $x_0, x_0, x_1, x_1, \dots$, so a window of three always holds some pixel twice. At the two places
# to which pixel $i$ was copied, the convolution gives
#
# $$ y_{2i} = u\,x_{i-1} + v\,x_i + w\,x_i = u\,x_{i-1} + (v + w)\,x_i, $$
#
# $$ y_{2i+1} = u\,x_i + v\,x_i + w\,x_{i+1} = (u + v)\,x_i + w\,x_{i+1}. $$
#
# Two products where there were three, because weights that meet the same pixel are added **first**:
# once a step, not once a pixel. Now ask instead where one pixel $x_i$ goes. By the two formulas it
# is in $y_{2i-1}, y_{2i}, y_{2i+1}, y_{2i+2}$, with the weights $w,\; v + w,\; u + v,\; u$. A layer
# that spreads each pixel over four outputs, with the same four weights for every pixel, and moves on
# by two outputs from one pixel to the next, is [`nn.ConvTranspose2d`](glossary.ipynb#Transposed-convolution) with a kernel of 4 and a stride
# of 2. Its `padding=1` cuts off the first and the last output, which lie outside of the enlarged row.
# In a picture this happens in both directions: the 3×3 weights become 4×4 sums, and an output needs
# 2·2 products and not 3·3.
#
# The library has it as one layer. Read its `forward` for one row: turned round and framed with zeros,
# the weights are $0, w, v, u, 0$, and the sums of neighbors are $w,\; v + w,\; u + v,\; u$.
# (`avg_pool2d` with a divisor of 1 adds up a window; `_layout` keeps channels-last.)

# %%
print(inspect.getsource(UpsampleConv2d.forward))
one_layer = UpsampleConv2d(1, 1, bias=False)
with torch.no_grad():
    one_layer.weight.copy_(torch.tensor([[1.0, 2, 3], [10, 20, 30], [100, 200, 300]]))
    bright = torch.zeros(1, 1, 3, 3)
    bright[..., 1, 1] = 1  # a picture with a single bright pixel
    spread = one_layer(bright)[0, 0, 1:5, 1:5]
show(plot_kernels({"nine weights": one_layer.weight[0, 0], "where one pixel goes": spread}))

# %% [markdown]
# The top row on the right is where a pixel is met by the kernel's last row alone: 300, 300 + 200,
# 200 + 100, 100, as in the formula. The next two rows add two rows of weights (330 = 300 + 30), and
# the last has the top one.
#
# **Predict** with `conv_flops`, for one picture and its forward pass: how many operations has each
# way, where 128 channels of 16×16 pixels become 64 channels of 32×32? (For the one layer, hand it the
# 2·2 products of an output.) By what factor does the layer get faster?


# %%
def enlarging_step(*layers):
    """Forward and backward pass of layers that take 128 channels of 16×16 to 64 of 32×32."""
    network = nn.Sequential(*layers).to(device, memory_format=torch.channels_last)
    pictures = at_scale(smoke=2, laptop=32, gpu=512)
    x = torch.randn(pictures, 128, 16, 16, device=device)
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()

    def step():
        x.grad = None
        network.zero_grad()
        network(x).square().mean().backward()

    return step, network, x


two_step, two, x = enlarging_step(nn.Upsample(scale_factor=2), nn.Conv2d(128, 64, 3, padding=1))
one_step, one, _ = enlarging_step(UpsampleConv2d(128, 64))
one[0].load_state_dict(two[1].state_dict())  # the same nine weights for each pair of channels
with torch.no_grad():
    answer = two(x)
    gap = ((one(x) - answer).abs().max() / answer.abs().max()).item()
print(f"the largest difference between their answers: {gap:.0e} of the largest answer")
assert gap < 1e-5
two_costs, one_costs = ledger(two_step), ledger(one_step)
for name, costs_of_way, products in (("two layers", two_costs, 3), ("one layer", one_costs, 2)):
    forward_of_one = conv_flops(1, 128, 64, products, 32, 32)
    print(f"{name}: {forward_of_one / 1e6:.1f} MFLOP a picture; a step {costs_of_way}")
    print(f"    {peaks.told(costs_of_way)}")
    # 3: the gradient by x is asked for, as it is inside a generator
    assert costs_of_way.flops == 3 * len(x) * forward_of_one

# %%
print(f"predicted {peaks.bound(two_costs) / peaks.bound(one_costs):.2f}×")
pair = {"upsample, then convolve": two_step, "one layer": one_step}
rates = compare(pair, images=len(x), steps=max(2, timed_steps // 5))
report(rates)
for (name, rate), costs_of_way in zip(rates.items(), (two_costs, one_costs), strict=True):
    share = peaks.bound(costs_of_way) * rate.median().item() / len(x)
    print(f"{name}: its bound is {share:.0%} of the time that it takes")

# %% [markdown]
# The operations promise 9/4. (The enlarged copy of the picture is saved, too, but where the arithmetic
# decides, that changes little.) The last two lines say what became of the rest: on the processor where
# this lesson was written the plain convolution comes nearer to its bound than the transposed one.
# `torch.compile` does not find this. It merges the operations that you chose, and does not choose
# others. The weights stay the same nine for each pair of channels, so a network can change the layer
# in the middle of its training. (A free `nn.ConvTranspose2d` has sixteen, and is another function; here
# the sixteen are sums of nine.)
#
# ## 3 · A compiler, and a recording
#
# Between the matrix products of the VAE stand dozens of small operations: ReLU, exponentials, the
# loss. Each reads its inputs from memory and writes its result back. [`torch.compile`](glossary.ipynb#Just-in-time-compilation) reads your
# Python, and writes one loop that does several of them while the numbers are at hand. It takes its
# time for that, once.
#
# **Predict.** Suppose that everything but the matrix products and Adam's one operation cost nothing
# any more: its launches and its bytes are saved. The next cell counts both. By what factor can the step
# get faster? And after how many steps has the compiler paid for itself?


# %%
kept = ("addmm", "mm", "_fused_adam_")
merged_launches, merged_bytes = (
    counter.total() - sum(counter[name] for name in kept) for counter in costs.by_name
)
print(f"{merged_launches} of {costs.launches} launches could go, with {merged_bytes / 1e6:.1f} MB")

# %%
saved = merged_launches * peaks.launch + merged_bytes / peaks.bandwidth
print(f"predicted {expected_gain(seconds_a_step, saved, least=peaks.bound(costs)):.2f}×")
if compiles:
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it misses CUDA's tools
    step = vae_step(torch.compile(loss_of))
    begin = time.perf_counter()
    step(), synchronize()
    seconds = time.perf_counter() - begin
    gain = report(compare({"as written": vae_step(), "compiled": step}))
    print(f"compiling took {seconds:.1f} s", end="")
    if gain > 1:
        print(f": repaid after {seconds / (seconds_a_step * (1 - 1 / gain)):,.0f} steps")
    else:
        print(", which is never repaid here")
else:
    print("not compiled at this scale: a cold compiler takes longer than the rest of the lesson")

# %% [markdown]
# The compiler keeps its results on disk, so a second run starts faster, and its seconds above may be
# those of a second run. Where the spread includes 1, do not trust the count of steps either. This compiled the loss, and
# with it the backward pass; section 6 compiles the whole step, Adam included.
#
# **[CUDA graphs](glossary.ipynb#CUDA-graph)** go one further, on a GPU. The launches of a step are the same every time: record
# them once, and replay the whole recording with a *single* launch. What limits small models on
# large GPUs, the launches, is then gone. Three rules follow from «the same every time». Inputs
# must lie at the same address, so each batch is copied into a fixed tensor. Python inside the step
# is not replayed, so a number that changes must be a tensor. And nothing inside may wait for the
# host. (If a step's work is shorter than even its one launch, record several steps: a function that
# takes k batches at once, loops over them, and returns the k losses.)
#
# **Predict** from the ledger: launches times microseconds, against the roofline of the work alone.


# %%
def graphed_step():
    """The whole step as one recording (CUDA only)."""
    vae, next_images = new_vae(), resident()
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3, fused=True, capturable=True)
    images = next_images().clone()  # the fixed address

    def body():
        optimizer.zero_grad()
        loss_of(vae, images).backward()
        optimizer.step()

    side = torch.cuda.Stream()  # warm up beside the main stream, as a recording demands
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            body()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad()
    with torch.cuda.graph(graph):
        body()

    def step():
        images.copy_(next_images())
        graph.replay()

    return step


arithmetic, traffic, launching = peaks.limits(costs)
work = max(arithmetic, traffic)
print(f"launches {launching * 1e6:.0f} µs, work at least {work * 1e6:.0f} µs a step")
if device.type == "cuda":
    print(f"predicted {max(launching, work) / work:.2f}×")
    report(compare({"as written": vae_step(), "CUDA graph": graphed_step()}))
else:
    print("there is no CUDA device here, so nothing was recorded")

# %% [markdown]
# ## 4 · How large a batch?
#
# **Predict.** Images a second against the [batch size](glossary.ipynb#Batch-size), from 32 to 4,096: where does the curve rise,
# and where does it level off? Draw it. Which of the three limits is it at either end?


# %%
def curve_point(size):
    """Images a second: three bounds (arithmetic, bytes, launches), then median, lowest, highest."""
    step = vae_step(size=size)
    limits = [size / seconds for seconds in peaks.limits(ledger(step))]
    count = max(2, timed_steps * batch_size // size)
    rates = compare({"": step}, images=size, steps=count)[""]
    return *limits, rates.median().item(), rates.min().item(), rates.max().item()


curve = torch.tensor([curve_point(size) for size in curve_batches])
*limits, median, lowest, highest = curve.T
title, names = "Images a second against batch size", ("arithmetic", "bytes", "launches")
limits = {f"{name}: at most": values for name, values in zip(names, limits, strict=True)}
show(
    plot_limits(
        curve_batches, limits, median, (lowest, highest), title=title, unit="images a second"
    )
)
for size, row in zip(curve_batches, curve, strict=True):
    print(f"batch {size:>5,}: {row[3]:>9,.0f} images/s ({row[4]:,.0f} to {row[5]:,.0f})")

# %% [markdown]
# Every step passes over all weights, and Adam's bytes are the same for 32 images as for 4,096. So at
# small batches an image pays a large share of them, and a larger batch makes it cheaper; the gain
# shrinks as the arithmetic, which every image pays in full, becomes the larger part. (On a GPU the
# launches, too, are the same for any batch.) But **images a second are not progress a second**: a
# step on twice the batch costs nearly twice the time where the curve is flat, and it remains one
# step. Whoever enlarges the batch usually enlarges the learning rate with it; Goyal and others
# multiply both by the same number, after a slow start. (They found that for SGD with momentum on ImageNet, up to batches of 8,192; it
# is no law, and Adam's rate need not follow it.) Take a batch where the curve begins to
# flatten, and change it only if the loss falls faster by the clock. (The second experiment below looks.)

# %% [markdown]
# ## 5 · Batches that do not fit, and more than one process
#
# A large batch may not fit into memory: beside the images there are the [activations](glossary.ipynb#Activation) that the backward
# pass needs, and of a deep network these are by far the most. Its gradient can be had [in pieces](glossary.ipynb#Gradient-accumulation), on
# two conditions: the loss is a **mean over the examples**, and an example's term $\ell_i$ depends on **no other example** of its batch
# (and on no random number that the pieces would draw otherwise). Write $L$ for the
# mean loss over $N$ examples that come in batches of $n_1, n_2, \dots$ with mean losses $L_1, L_2,
# \dots$:
#
# $$ L = \frac1N \sum_{i=1}^{N} \ell_i = \frac1N \sum_k \sum_{i \in k} \ell_i
#      = \sum_k \frac{n_k}{N} L_k, \qquad \nabla L = \sum_k \frac{n_k}{N} \nabla L_k . $$
#
# The first step groups the examples by batch, the second uses that a sum is a mean times its
# count, the last that the gradient is linear. `backward()` already **adds** to `.grad`; the
# weights $n_k / N$ are up to you.

# %% [markdown]
# ### Exercise · `accumulate_gradients(model, loss, batches)`
# *10 minutes.* `batches` is a list of tensors `(n_k, ...)`, which may have different lengths. `loss(model, batch)`
# returns the **mean** loss over that batch, a scalar with its graph. Afterwards every parameter's `.grad` holds the
# gradient of the mean loss over all examples together; what lay there before does not count. Parameters
# stay as they are, and only one batch's graph may live at a time. What you return is not looked at.


# %% exercise="fast_training.accumulate_gradients"
def accumulate_gradients(model, loss, batches):
    """Leave in `.grad` the gradient of the mean loss over all examples of all batches."""
    # BEGIN SOLUTION
    examples = sum(len(batch) for batch in batches)
    model.zero_grad()
    for batch in batches:
        share = len(batch) / examples
        (share * loss(model, batch)).backward()  # adds to .grad, and frees this batch's graph
    # END SOLUTION


# %% check="fast_training.accumulate_gradients"
check("fast_training.accumulate_gradients", accumulate_gradients)

# %% [markdown]
# A model without noise, so that two ways to its gradient can be compared digit by digit.
# **Predict**: how large will the difference be, and how much less must be kept for the backward
# pass?


# %%
def autoencoder():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 20), nn.Linear(20, 784)
    )


def reconstruction_loss(model, images):
    """Mean over the batch of the cross-entropy, summed over pixels, in nats per image."""
    logits, pixels = model(images), images.flatten(1)
    return F.binary_cross_entropy_with_logits(logits, pixels, reduction="sum") / len(images)


def gradient_vector(model):
    return torch.cat([p.grad.flatten() for p in model.parameters()]).clone()


def kept_for_backward(model, images):
    """Bytes that one forward pass keeps, images and activations; weights are there anyway."""
    weights = {p.data_ptr() for p in model.parameters()}
    kept = {}

    def note(tensor):
        if tensor.data_ptr() not in weights:
            kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        reconstruction_loss(model, images)
    return sum(kept.values())


model, big = autoencoder().to(device), stored[:512].to(device).float() / 255
pieces = big.split([200, 200, 100, 12])
reconstruction_loss(model, big).backward()
whole = gradient_vector(model)
accumulate_gradients(model, reconstruction_loss, pieces)
difference = ((gradient_vector(model) - whole).norm() / whole.norm()).item()
print(f"relative difference of the gradients: {difference:.1e}")
assert difference < 1e-5
for images in (big, pieces[0]):
    print(f"{len(images)} images keep {kept_for_backward(model, images) / 1e6:.2f} MB")

# %% [markdown]
# The same up to the last digits of float32, at the memory of the largest piece. It is no faster:
# the same operations, and more launches. Batch normalization would break the equality, because its
# statistics are those of a piece, so that an example's term depends on its companions; a loss that compares the examples of a
# batch with each other would break it, too. Dropout and a VAE's noise keep it on average only, unless both ways use the same draws.
#
# ### The same idea on several processes
#
# **[Data parallel](glossary.ipynb#Data-parallelism)** training gives each process (each GPU) its own piece of the batch and a copy of
# the model. All copies start equal. If they always step by the same gradient, with optimizers of the same settings and state, they stay equal, and
# that gradient must be the mean over the processes: by the formula above, and under its conditions, **if all pieces have one size**.
# (Otherwise each counts by its share of the examples.) The
# exchange is one call, [`dist.all_reduce`](glossary.ipynb#All-reduce), which adds up a tensor over all processes and leaves the
# sum in each.

# %% [markdown]
# ### Exercise · `average_gradients(model)`
# *8 minutes.* Called in every process of the default group after `backward()`. Afterwards each `.grad` is the mean over
# the processes, the same in all of them. A parameter may have no gradient (`None`), the same one in each
# process: leave it alone. Parameters stay as they are.


# %% exercise="fast_training.average_gradients"
def average_gradients(model):
    """Replace every `.grad` by its mean over all processes of the default process group."""
    # BEGIN SOLUTION
    for parameter in model.parameters():
        if parameter.grad is not None:
            dist.all_reduce(parameter.grad, op=dist.ReduceOp.SUM)
            parameter.grad /= dist.get_world_size()
    # END SOLUTION


# %% check="fast_training.average_gradients"
check("fast_training.average_gradients", average_gradients)

# %% [markdown]
# Processes are started by **torchrun**, which runs one script several times and tells each copy
# its rank. `MAIN` below is such a script; your function goes into it, and two processes run
# it on this machine (on the CPU, talking by `gloo` over 127.0.0.1 at a port that is free). Each takes
# half of the 512 images. First your function averages the gradients (it is copied alone: a helper of
# yours must be defined inside it), then PyTorch's own `DistributedDataParallel` does, which also
# hides the exchange behind the backward pass. (At `smoke` scale one interpreter forks in the place of
# torchrun, which costs half as much.)

# %%
MAIN = """
if __name__ == "__main__":
    dist.init_process_group("gloo")  # who else there is, torchrun has put into the environment
    rank, processes = dist.get_rank(), dist.get_world_size()
    images = torch.load("images.pt").chunk(processes)[rank]
    model, wrapped = autoencoder(), DistributedDataParallel(autoencoder())
    reconstruction_loss(model, images).backward()
    alone = gradient_vector(model)
    average_gradients(model)
    reconstruction_loss(wrapped, images).backward()
    found = {"alone": alone, "averaged": gradient_vector(model), "ddp": gradient_vector(wrapped)}
    torch.save(found, f"rank{rank}.pt")
    dist.barrier()  # nobody hangs up while another still talks
    dist.destroy_process_group()
"""
IMPORTS = """import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel
"""
functions = (autoencoder, reconstruction_loss, gradient_vector, average_gradients)

with tempfile.TemporaryDirectory() as folder:
    torch.save(big.cpu(), Path(folder, "images.pt"))
    script = "\n\n".join([IMPORTS, *map(inspect.getsource, functions), MAIN])
    run_on_processes(script, 2, Path(folder), by_torchrun)
    first, second = (torch.load(Path(folder, f"rank{rank}.pt")) for rank in range(2))
one_process = whole.cpu()
for name in ("alone", "averaged", "ddp"):
    gaps = [((found[name] - one_process).norm() / one_process.norm()) for found in (first, second)]
    print(f"{name:<9} differs from one process with all images by {gaps[0]:.1e} and {gaps[1]:.1e}")
assert torch.equal(first["averaged"], second["averaged"])
assert torch.allclose(first["averaged"], one_process, atol=1e-5 * one_process.abs().max().item())
assert torch.allclose(first["ddp"], one_process, atol=1e-5 * one_process.abs().max().item())

# %% [markdown]
# Alone, each process has another gradient. Averaged, both have the very same bits, and they agree
# with one process that saw all images up to float32's last digits. This is the whole of data
# parallelism; the rest is making the exchange cheap. **Predict** when it pays: with two processes each gradient goes
# out of a process once and comes in once (4 bytes each; in a ring of many processes nearly twice either way). The gain is half of the
# arithmetic, if arithmetic is what limits the step and each process has a device of its own. We reckon without
# the overlap of exchange and backward pass, which hides part of the price.

# %%
weights = sum(p.numel() for p in VAE().parameters())
half_work = costs.flops / 2 / peaks.float32
print(f"{weights:,} gradients: {2 * 4 * weights / 1e6:.1f} MB in and out of each process a step,")
print(f"to save at most {half_work * 1e3:.2f} ms, half of the arithmetic")
print(f"so the link must carry at least {2 * 4 * weights / half_work / 1e9:.1f} GB a second")

# %% [markdown]
# A gigabit network carries 0.12 GB a second: between two such machines this small VAE would be
# slower than on one. Data parallelism pays for networks that do many operations for each weight
# (convolutions use a weight at every pixel), for large batches, and over fast links.

# %% [markdown]
# ## 6 · All of it, from the library
#
# You know what each idea does and when it helps. So you need not write them again: `fast` takes a
# training step in plain PyTorch, and applies those that the device allows, each with a name by
# which it can be switched off. It is the engine under this course's other lessons. Print it to see
# what is in force. Where a CPU can compute in bfloat16, the first call measures a few steps in it and
# in float32, puts back everything that they changed, and keeps the faster format.


# %%
class OneImageAtATime(Dataset):
    """Images kept as arrays; each is converted when it is asked for, as torchvision's MNIST does."""

    def __init__(self, images_uint8):
        self.arrays = images_uint8.squeeze(1).numpy()

    def __len__(self):
        return len(self.arrays)

    def __getitem__(self, index):
        picture = Image.fromarray(self.arrays[index])
        return torch.from_numpy(np.array(picture)).float().div(255)[None]


def from_loader():
    """128 images of the slow loop, made one by one and shuffled, epoch after epoch."""

    def endless():
        while True:
            yield from DataLoader(dataset, batch_size, shuffle=True, drop_last=True)

    dataset, images = OneImageAtATime(stored), endless()
    return lambda: next(images).to(device)


def new_training(lr=1e-3, **options):
    """A step `images -> loss` and its VAE; options go to `fast`, `off=True` leaves it plain."""
    vae = new_vae()
    optimizer = torch.optim.Adam(vae.parameters(), lr=lr)

    def train_step(images):
        loss = loss_of(vae, images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return fast(train_step, networks=vae, optimizers=optimizer, **options), vae


step, vae = new_training()
next_images, loader = resident(), from_loader()
step(next_images())  # the first call chooses
print(step)
plain_step, _ = new_training(off=True)
contenders = {
    "the slow loop": lambda: plain_step(loader()).item(),
    "the library's": lambda: step(next_images()),
}
if compiles:
    compiled_step, _ = new_training(compile=True)
    compiled_step(next_images()), compiled_step(next_images())  # the second call compiles
    contenders["the library's, compiled"] = lambda: compiled_step(next_images())
_ = report(compare(contenders))

# %% [markdown]
# The end that counts is the model. Both loops get the same number of **seconds**, and the test
# score is measured at the end. **Predict**: by how many nats will the faster one be ahead?


# %%
def race(step, next_images, seconds, wait=False):
    """Train for so many seconds; the history, with the clock beside the loss."""
    history, begin = History(), time.perf_counter()

    def until_the_bell():
        while time.perf_counter() - begin < seconds:
            yield next_images()

    for images in watch(until_the_bell(), history):
        loss = step(images)
        history.add(loss=loss.item() if wait else loss, seconds=time.perf_counter() - begin)
    return history


@torch.no_grad()
def test_loss(vae):
    torch.manual_seed(5)
    return loss_of(vae, test_images).item()


def score(name, source, seconds=race_seconds, wait=False, **options):
    """A race of one loop: prints updates and test loss, returns its history."""
    step, vae = new_training(**options)
    history = race(step, source, seconds, wait)
    print(
        f"{name:<26} {len(history):>7,} updates in {seconds} s, "
        f"test loss {test_loss(vae):.1f} nats per image"
    )
    return history


as_chosen = step.settings["precision"]
races = {
    "the slow loop": score("the slow loop", from_loader(), wait=True, off=True),
    "the library's": score("the library's", resident(), precision=as_chosen),
}

# %% tags=["folded"]
show(plot_race(races))

# %% [markdown]
# **What healthy looks like.** By the clock one curve is ahead; by updates (right) both fall along the
# same path: the ideas change how long an update takes, not what it does. If a faster loop's
# curve lies *above* the slow one's in the right picture, an idea changed the training:
# look first at the precision (a loss computed in bfloat16), then at the data (a shuffle that
# repeats), then at random numbers that a recording froze.

# %% [markdown]
# ## 7 · Change one thing
#
# **a.** Section 5 says that batch normalization breaks the equality of a big batch's gradient and its
# pieces'. Put an `nn.BatchNorm1d(400)` into the autoencoder, before its ReLU, and measure the relative
# difference for pieces of 256, of 64 and of 16. Predict first: does it grow or shrink with the size of a piece, and
# how does it compare with the 10⁻⁷ of before?

# %%
# Your experiment: accumulate_gradients(…), big.split(…), gradient_vector(…).

# %% tags=["solution"]
for size in at_scale((64,), (256, 64, 16), (256, 64, 16)):
    layers = list(autoencoder().to(device))
    layers.insert(2, nn.BatchNorm1d(400, device=device))
    normalized = nn.Sequential(*layers)
    normalized.zero_grad()
    reconstruction_loss(normalized, big).backward()
    at_once = gradient_vector(normalized)
    accumulate_gradients(normalized, reconstruction_loss, big.split(size))
    gap = (gradient_vector(normalized) - at_once).norm() / at_once.norm()
    print(f"pieces of {size:>3}: relative difference {gap:.1e}")

# %% [markdown] tags=["solution"]
# 0.03, 0.05 and 0.08: several hundred thousand times float32's rounding. It grows as the pieces shrink, because the mean
# and the variance of 16 examples are worse guesses of those of 512 than the mean and variance of 256 are. An error of
# a single piece falls like $1/\sqrt{n}$, which from 16 to 256 would be a factor of 4; the measured factor is 2.8, for the
# errors of many small pieces partly cancel in their mean. The same holds on several processes, where
# `nn.SyncBatchNorm` exchanges the statistics as well.

# %% [markdown]
# **b.** A batch of 1,024 is eight of 128. Give three trainings the same seconds: batch 128 with the
# rate of before, batch 1,024 with the same rate, and batch 1,024 with eight times the rate (0.008). Section 4
# says how many images a second each gets. Predict the order by test loss.

# %%
# Your experiment: score(name, resident(…), lr=…, precision=as_chosen).

# %% tags=["solution"]
for size, lr in ((128, 1e-3), (1024, 1e-3), (1024, 8e-3)):
    score(f"batch {size:,}, rate {lr}", resident(size), precision=as_chosen, lr=lr)

# %% [markdown] tags=["solution"]
# (Laptop scale, one seed.) Batch 128 wins: 109.3 nats after 2,102 updates, where batch 1,024 has 115.1 after 615 with the same rate and
# 115.4 after 525 with eight times the rate. The large batches saw more than twice as many images in the same seconds, and made less than a
# third of the steps. In two more runs of this cell, beside other programs, it was 111.5, 115.6 and 115.0, and 118.7, 134.9 and 121.9: batch
# 128 won each time. The larger rate helps where the steps are very few, and these three runs do not say more. Here images are not what is
# scarce; steps are.

# %% [markdown]
# ## What you take along
#
# 1. Ask whether fewer operations give the same function: no compiler does it for you. It merges what you wrote, and a recording
#    takes its launches away.
# 2. Images a second rise with the batch until arithmetic is all that is left. Progress a second is another question, which a race answers.
# 3. A big batch's gradient is the weighted mean of its pieces' gradients, whether the pieces come one after another or from several
#    processes, where the loss is a mean over examples that do not depend on each other.
#
# **References.** P. Goyal et al., *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour*, arXiv 1706.02677, 2017. · S. Li et
# al., *PyTorch Distributed: Experiences on Accelerating Data Parallel Training*, arXiv 2006.15704,
# 2020.
#
# **Next** 18a_clinic collects programs with mistakes that circulate, for you to repair.
