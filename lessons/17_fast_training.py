# %% [markdown]
# # 17 · As fast as the machine allows
#
# The same network, the same data, the same updates, and yet one training loop takes an hour and
# another ten minutes. In this lesson you start from the loop that most tutorials show, measure
# where its time goes, and speed it up one idea at a time. Before each measurement you predict the
# gain by counting: how many operations, how many bytes, how many calls?
#
# ![What each idea adds to the speed of one training step, on two CPU cores](../images/17_fast_training.png)
#
# <details><summary>中文导读</summary>
#
# 同样的网络、同样的数据、同样的更新次数，一种写法要一小时，另一种只要十分钟。本课从教程里常见的慢循环
# 出发，先测量时间花在哪里，再逐个加速：数据常驻设备、不在循环里等待设备、权重一次更新、更少的数位
# （自动混合精度）、内存布局、等价而更省的运算、编译器与 CUDA 图。每一步都先按运算数、字节数和启动次数
# 预测收益，再测量。最后讲放不进内存的大批次（梯度累积）和多进程数据并行，并证明梯度相等。
#
# </details>
#
# **You will be able to**
# - time a training step so that the number means something,
# - count operations, bytes and launches of a step, and say which of the three limits it,
# - remove what costs time and teaches nothing: single images in Python, needless waiting, needless
#   digits, unfortunate memory layouts, needless passes over the weights,
# - train with batches that do not fit into memory, and on several processes, with gradients that
#   are proved equal.
#
# **Time** two sittings of 90 minutes, sections 1 to 8 and 9 to 15 · **Builds on** 05_vae · **Papers** Williams, Waterman and Patterson (2009),
# *Roofline: an Insightful Visual Performance Model for Multicore Architectures*; Micikevicius et
# al. (2017), *Mixed Precision Training*, arXiv 1710.03740; Goyal et al. (2017), *Accurate, Large
# Minibatch SGD*, arXiv 1706.02677.
#
# **Numbers in the text** are those of one run at `laptop` scale, on two CPU cores; at another scale, or on
# another machine, yours differ.

# %% tags=["folded"]
import inspect
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from course_lib.checks import check
from course_lib.data import load_mnist
from course_lib.fast import fast
from course_lib.history import History, watch
from course_lib.networks import UpsampleConv2d
from course_lib.plotting import plot_images, show
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything

seed_everything(0)
device = pick_device()
batch_size = 128
timed_steps, warmup_steps = at_scale(smoke=(2, 1), laptop=(20, 3), gpu=(200, 20))
rounds = at_scale(smoke=3, laptop=5, gpu=9)  # of each comparison, all contenders in every round
curve_batches = at_scale(
    smoke=(32, 256),
    laptop=(32, 64, 128, 256, 512, 1024, 2048, 4096),
    gpu=(32, 64, 128, 256, 512, 1024, 2048, 4096),
)
race_seconds = at_scale(smoke=0.5, laptop=15, gpu=20)  # for each of the two loops of section 14
compiles = at_scale(smoke=False, laptop=True, gpu=True)  # a cold compiler takes many seconds
all_threads = torch.get_num_threads()


def product_seconds(threads):
    """The median time of a small matrix product with so many threads."""
    torch.set_num_threads(threads)
    times = []
    for _ in range(at_scale(10, 50, 50)):
        begin = time.perf_counter()
        torch.ones(128, 784) @ torch.ones(784, 400)
        times.append(time.perf_counter() - begin)
    return sorted(times)[len(times) // 2]


# where somebody else keeps the processor busy, sharing the work can be slower than not
torch.set_num_threads(min((1, all_threads), key=product_seconds))
chip = torch.cuda.get_device_name() if device.type == "cuda" else f"{all_threads} threads"
print(f"scale {course_scale()} on {device.type} ({chip}), {torch.get_num_threads()} in use;")
print(f"torch {torch.__version__}; compared in {rounds} rounds of {timed_steps} steps")

# %% [markdown]
# Every time in this lesson is measured while you watch, on your machine, and your numbers will
# differ from your neighbor's. That is why comparisons are **ratios**, with contenders that take
# turns: what disturbs one round disturbs all contenders in it. Close what keeps the processor
# busy, and plug in the laptop.
#
# ## 1 · The slow loop
#
# The model is a small VAE as in lesson 05, with 400 hidden units and 20 latents. Its data arrive
# as in most tutorials: a `Dataset` that makes one image at a time, and a `DataLoader` that asks
# for 128 of them, shuffled.


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


stored, _ = load_mnist("train", value_range=None)
test_images, _ = load_mnist("test", device=device)
dataset = OneImageAtATime(stored)
show(plot_images(torch.stack([dataset[i] for i in range(10)]), title="Ten images, one at a time"))
print(f"{len(stored):,} images, {stored.nbytes / 1e6:.0f} MB as bytes")


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


def make_step(vae, optimizer, next_images, wait=False, precision=torch.float32):
    """A training step without arguments. `wait` reads the loss in every step, as tutorials do."""
    history = History()

    def step():
        images = next_images()
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
            logits, mean, log_var = vae(images)
        loss = negative_elbo(logits.float(), images, mean.float(), log_var.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.add(loss=loss.item() if wait else loss)

    step.history = history
    return step


# %% [markdown]
# Before anything can be made faster it must be timed, and that is easy to get wrong. A GPU works
# **[asynchronously](glossary.ipynb#Asynchronous-execution)**: a call puts work into a queue and returns at once. Whoever reads the clock
# then has timed the ordering, not the work. And the [first steps](glossary.ipynb#Warm-up) are slow for reasons that never
# come back: memory is allocated, caches fill, libraries choose their algorithms.

# %% [markdown]
# ### Exercise · `throughput(step, images_per_step, steps, warmup, synchronize)`
# *8 minutes.* Call `step()` `warmup` times, then `steps` times with the clock running
# (`time.perf_counter()` counts seconds). Return [images a second](glossary.ipynb#Throughput), a number. `synchronize()` returns when all
# queued work is done; each reading of the clock wants it directly before, and nothing between the timed
# steps does. (On a GPU it is `torch.cuda.synchronize`; a CPU has no queue, and it does nothing.)


# %% exercise="fast_training.throughput"
def throughput(step, images_per_step, steps, warmup, synchronize):
    """Images a second of `steps` calls of `step()`, after `warmup` calls that do not count."""
    # BEGIN SOLUTION
    for _ in range(warmup):
        step()
    synchronize()
    begin = time.perf_counter()
    for _ in range(steps):
        step()
    synchronize()
    return images_per_step * steps / (time.perf_counter() - begin)
    # END SOLUTION


# %% check="fast_training.throughput"
check("fast_training.throughput", throughput)

# %% [markdown]
# Two helpers around it: `compare` lets contenders take turns, and `report` prints the median rate
# of each, and beside it a ratio: in every round the contender's rate is divided by the first one's,
# and what you see is the median of these ratios, then the lowest and the highest. (The ratio of the
# two medians can differ from it.) A gain smaller than the spread is no gain.


# %%
synchronize = torch.cuda.synchronize if device.type == "cuda" else lambda: None


def compare(contenders, images=batch_size, steps=timed_steps):
    """Images a second of each step, `(rounds,)` by name; the contenders take turns."""
    rates = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, step in contenders.items():
            rates[name].append(throughput(step, images, steps, warmup_steps, synchronize))
    return {name: torch.tensor(values) for name, values in rates.items()}


def report(rates):
    """Print medians, and the rounds' ratios to the first; return the last one's median ratio."""
    first = next(iter(rates.values()))
    for name, rate in rates.items():
        ratio = rate / first
        print(
            f"{name:<26} {rate.median():>9,.0f} images/s   "
            f"{ratio.median():5.2f}× ({ratio.min():.2f} to {ratio.max():.2f})"
        )
    return ratio.median().item()


def from_loader():
    """The DataLoader's images, epoch after epoch, moved to the device."""

    def endless():
        while True:
            yield from DataLoader(dataset, batch_size, shuffle=True, drop_last=True)

    images = endless()
    return lambda: next(images).to(device)


def new_vae(seed=0, **sizes):
    torch.manual_seed(seed)
    return VAE(**sizes).to(device)


def slow_loop():
    """A DataLoader, plain Adam, and the loss read in every step."""
    vae = new_vae()
    return make_step(vae, torch.optim.Adam(vae.parameters(), lr=1e-3), from_loader(), wait=True)


_ = report(compare({"the slow loop": slow_loop()}))

# %% [markdown]
# ## 2 · Where does the time go?
#
# **Predict.** Four parts make a step: fetch the images, forward pass and loss, backward pass,
# update of the 652,824 weights. Put them in order, the most expensive first. Write the order down.


# %%
def time_parts(steps):
    """Milliseconds of each part of the slow loop's step, waiting for the device behind each."""
    vae, next_images = new_vae(), from_loader()
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3)
    names, parts = ("fetch", "forward", "backward", "update"), Counter()

    def clock():
        synchronize()  # the part before must be done, not only ordered
        return time.perf_counter()

    for number in range(-warmup_steps, steps):
        marks = [clock()]
        images = next_images()
        marks.append(clock())
        loss = loss_of(vae, images)
        marks.append(clock())
        optimizer.zero_grad()
        loss.backward()
        marks.append(clock())
        optimizer.step()
        marks.append(clock())
        if number >= 0:
            for name, begin, end in zip(names, marks, marks[1:], strict=False):
                parts[name] += (end - begin) * 1000 / steps
    return dict(parts)


parts = time_parts(3 * timed_steps)
for name, milliseconds in parts.items():
    print(f"{name:<10} {milliseconds:6.2f} ms, {milliseconds / sum(parts.values()):4.0%}")

# %% tags=["folded"]
figure, axes = plt.subplots(figsize=(7, 1.6))
left = 0.0
for name, milliseconds in parts.items():
    axes.barh(0, milliseconds, left=left)
    axes.text(left + milliseconds / 2, 0, name, color="white", ha="center", va="center")
    left += milliseconds
axes.set(title="One step of the slow loop", xlabel="milliseconds", yticks=[], ylim=(-0.5, 0.5))
show(figure)

# %% [markdown]
# On the processor where this lesson was written, fetching took a third to a half of the step, and
# none of it teaches the network anything. To look *inside* the other parts, note every operation
# that PyTorch runs: how often, how long, and how many bytes it reads and writes. PyTorch calls the
# method `__torch_dispatch__` below in place of every operation; you need not understand the rest of
# it. (`torch.profiler` is the grown-up version, with a time line of every kernel.)


# %%
class Recorder(TorchDispatchMode):
    """Notes every operation inside the `with` block: calls, seconds and bytes, each by name."""

    def __init__(self):
        super().__init__()
        self.calls, self.seconds, self.bytes = Counter(), Counter(), Counter()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        begin = time.perf_counter()
        results = operation(*args, **(kwargs or {}))
        synchronize()
        name = operation.overloadpacket.__name__
        if not operation.is_view:  # a view of existing memory costs nothing
            self.calls[name] += 1
            self.seconds[name] += time.perf_counter() - begin
            # a gather reads as much as it writes, not the whole table that it is given
            given = results if name == "index_select" else (args, kwargs)
            tensors = [t for t in tree_leaves((given, results)) if torch.is_tensor(t)]
            self.bytes[name] += sum(t.nbytes for t in tensors)
        return results


step = slow_loop()
step()
with Recorder() as recorder:
    for _ in range(timed_steps):
        step()
for name, seconds in recorder.seconds.most_common(8):
    calls = recorder.calls[name] / timed_steps
    print(f"{name:<28} {seconds / timed_steps * 1e3:6.2f} ms  {calls:6.1f} calls a step")

# %% [markdown]
# Matrix products (`addmm`, `mm`) are the work that we want to pay for. Then look at the *calls*.
# What is called 128 times a step or a few times more belongs to single images; what is called 8
# times belongs to Adam, which goes through the 8 tensors of weights one by one, with one call for
# each sign in its formula.
#
# ## 3 · Three things to count
#
# A device can do so many operations a second, move so many [bytes a second](glossary.ipynb#Memory-bandwidth), and accept so many
# calls a second. Work has so many operations, bytes and calls. Three divisions say how long each of
# these must take. Operations and bytes overlap, so of these two the larger counts; what the calls
# add is a question of the device, and comes at the end of this section.
#
# **Operations.** One output of a linear layer is a sum of products. By convention a multiply-add
# counts as **two** operations ([FLOP](glossary.ipynb#FLOP)), the sum of $n$ products as $n$ multiply-adds, and the bias
# is left out. This is how data sheets count and how PyTorch's `FlopCounterMode` does.

# %% [markdown]
# ### Exercise · `linear_flops(batch, inputs, outputs)`
# *4 minutes.* The operations of one forward pass of `nn.Linear(inputs, outputs)` over `batch` examples, a
# whole number. A multiply-add is two; the bias is not counted.


# %% exercise="fast_training.linear_flops"
def linear_flops(batch, inputs, outputs):
    """Operations of a linear layer's forward pass over a batch, bias left out."""
    # BEGIN SOLUTION
    return 2 * batch * inputs * outputs
    # END SOLUTION


# %% check="fast_training.linear_flops"
check("fast_training.linear_flops", linear_flops)

# %% [markdown]
# ### Exercise · `conv_flops(batch, in_channels, out_channels, kernel_size, out_height, out_width)`
# *6 minutes.* The same for `nn.Conv2d` with a square kernel and an output of `out_height` by `out_width`
# pixels. Stride and padding decide the size of the output, and have no other influence on the count.


# %% exercise="fast_training.conv_flops"
def conv_flops(batch, in_channels, out_channels, kernel_size, out_height, out_width):
    """Operations of a convolution's forward pass over a batch, bias left out."""
    # BEGIN SOLUTION
    outputs = batch * out_channels * out_height * out_width
    return outputs * 2 * in_channels * kernel_size**2
    # END SOLUTION


# %% check="fast_training.conv_flops"
check("fast_training.conv_flops", conv_flops)

# %% [markdown]
# How much more is the backward pass? Let $y = Wx$ and let $g$ be the loss's gradient by $y$. The
# chain rule gives two products of the same size as the forward one: $W^\top g$, the gradient by
# the input, which the layer before needs, and $g\,x^\top$, the gradient by the weights. So, counting the
# products of linear layers and convolutions alone, backward costs **twice** the forward pass, and a training
# step three times, with one exception:
# nobody needs the gradient by the images, so the first layer saves one product. (By the clock of
# section 2 the ratio was smaller: the forward pass there contains the loss over 784 pixels, whose
# backward pass is cheap.)
#
# **Predict.** From your function: how many million operations is one training step of the VAE?

# %% tags=["nbval-check-output"]
layers = [(784, 400), (400, 40), (20, 400), (400, 784)]
forward = sum(linear_flops(128, *layer) for layer in layers)
by_hand = 3 * forward - linear_flops(128, *layers[0])
vae, some_images = new_vae(), stored[:128].to(device).float() / 255
with FlopCounterMode(display=False) as counter:
    loss_of(vae, some_images).backward()
print(f"by hand {by_hand / 1e6:.1f} MFLOP, PyTorch counts {counter.get_total_flops() / 1e6:.1f}")
assert by_hand == counter.get_total_flops()

# %% [markdown]
# **Bytes and calls.** The recorder knows both. The ledger below counts each operation as one
# **[launch](glossary.ipynb#Kernel-launch)** (on a GPU, about one kernel) and adds up the bytes of all tensors that it reads and
# writes: what would move if no cache remembered anything.


# %%
@dataclass
class Ledger:
    """What one call of a step costs: operations, bytes read and written, launches."""

    flops: int
    bytes: int
    launches: int
    by_name: tuple[Counter, Counter]  # calls and bytes of each operation

    def __str__(self):
        return (
            f"{self.flops / 1e6:7.1f} MFLOP  {self.bytes / 1e6:6.1f} MB  "
            f"{self.launches:4d} launches"
        )


def ledger(step):
    """The ledger of one call, after one that warms up (the optimizer makes its state)."""
    step()
    with FlopCounterMode(display=False) as flops, Recorder() as recorder:
        step()
    calls, traffic = recorder.calls, recorder.bytes
    return Ledger(flops.get_total_flops(), traffic.total(), calls.total(), (calls, traffic))


def resident(images=None, size=batch_size):
    """Batches gathered where the bytes lie, and made into floats there."""
    stream = batches(stored.to(device) if images is None else images, size, steps=10**9)
    return lambda: next(stream).float().div_(255)


vae = new_vae()
plain = make_step(vae, torch.optim.Adam(vae.parameters()), resident(), wait=True)
costs = ledger(plain)
print(f"one step: {costs}")
print("most often:", ", ".join(f"{n} {count}" for n, count in costs.by_name[0].most_common(8)))

# %% [markdown]
# Now the device's side. The best of several tries is what counts here: a peak is a maximum.


# %%
def best_seconds(function, repeats, tries=20):
    """The least mean time of `repeats` calls: short tries, one of which finds the device quiet."""
    rate = max(throughput(function, 1, repeats, 2, synchronize) for _ in range(tries))
    return 1 / rate


def peak_flops(dtype):
    """Operations a second of a large matrix product, once it is warm."""
    n = at_scale(smoke=256, laptop=1024, gpu=4096)
    a, b = torch.randn(2, n, n, device=device).to(dtype)
    return linear_flops(n, n, n) / best_seconds(lambda: a @ b, at_scale(2, 4, 20))


def peak_bandwidth():
    """Bytes a second of copying a buffer: each byte is read once and written once."""
    source = torch.ones(at_scale(smoke=1, laptop=16, gpu=256) * 2**20, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / best_seconds(lambda: target.copy_(source), at_scale(2, 3, 20))


def launch_seconds():
    """What a call costs that has nothing to do."""
    one = torch.ones((), device=device)
    return best_seconds(lambda: one.add_(1.0), at_scale(100, 500, 1_000))


peaks = {"float32": peak_flops(torch.float32), "bfloat16": peak_flops(torch.bfloat16)}
bandwidth, per_launch = peak_bandwidth(), launch_seconds()
for dtype, peak in peaks.items():
    print(f"{dtype:<9} {peak / 1e9:9,.0f} billion operations a second")
print(f"memory    {bandwidth / 1e9:9,.1f} GB a second")
print(f"a launch  {per_launch * 1e6:9.1f} microseconds")

# %% [markdown]
# No work is done before all of its operations are, and none before all of its bytes have come. So it cannot take less
# than the **slower** of the two:
#
# $$ t \;\ge\; \max\left( \frac{\text{operations}}{\text{peak operations a second}},\;
#    \frac{\text{bytes}}{\text{peak bandwidth}} \right). $$
#
# This is the **[roofline](glossary.ipynb#Roofline-model)** model. The ratio operations/bytes of some work is its [arithmetic
# intensity](glossary.ipynb#Arithmetic-intensity); below the device's own ratio of peaks the bytes decide, above it the arithmetic does.
#
# It is a bound under conditions: the peak is that of the same kind of operations in the same format, the library does the
# operations that we counted (some convolutions are computed by fewer), and the bytes do come from the memory whose bandwidth was
# measured, not from a cache. And it is *only* a bound: it is met where the two go on at the same time, one product being computed while the
# next numbers are on their way, and both run at their peak.

# %% [markdown]
# ### Exercise · `roofline_seconds(flops, bytes, peak_flops, peak_bandwidth)`
# *4 minutes.* The lower bound in seconds, a number. `peak_flops` is in operations a second, `peak_bandwidth`
# in bytes a second. `flops` may be 0: a copy computes nothing.


# %% exercise="fast_training.roofline_seconds"
def roofline_seconds(flops, bytes, peak_flops, peak_bandwidth):
    """The least time in seconds for `flops` operations and `bytes` of traffic."""
    # BEGIN SOLUTION
    return max(flops / peak_flops, bytes / peak_bandwidth)
    # END SOLUTION


# %% check="fast_training.roofline_seconds"
check("fast_training.roofline_seconds", roofline_seconds)

# %% [markdown]
# **Predict.** Which of the three limits a single linear layer with 400 inputs and outputs, for a
# batch of 1, of 100, of 10,000? The picture has the bound of each kind, and the measured time.


# %%
def layer_times(batch, width=400):
    """(arithmetic, bytes, launch, measured) seconds of one linear layer's forward pass."""
    layer, x = nn.Linear(width, width, device=device), torch.randn(batch, width, device=device)
    traffic = 4 * (2 * batch * width + width**2 + width)  # in, out, weights, bias
    with torch.no_grad():
        measured = best_seconds(lambda: layer(x), at_scale(1, 3, 20))
    arithmetic = linear_flops(batch, width, width) / peaks["float32"]
    return arithmetic, traffic / bandwidth, per_launch, measured


sizes = at_scale((1, 100), *[(1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)] * 2)
rows = torch.tensor([layer_times(size) for size in sizes]) * 1e6
figure, axes = plt.subplots(figsize=(7, 3.6))
for column, name in enumerate(("arithmetic", "bytes", "launch")):
    axes.loglog(sizes, rows[:, column], linestyle="--", label=f"{name}: at least")
axes.loglog(sizes, rows[:, 3], "o-", color="black", label="measured")
axes.set(title="One linear layer, 400 to 400", xlabel="batch size", ylabel="microseconds")
axes.legend()
show(figure)

# %% [markdown]
# At a batch of 1 the weights' bytes decide, at 10,000 the arithmetic does, and on a CPU the launch
# never; the two lines cross near 10. Up to there a further example should cost hardly more than
# the few bytes of its own, and beyond it the full price of its operations. How far the measured
# curve lies above the larger bound is what optimizing can gain. (A small layer's weights lie in
# the processor's cache, which is faster than the memory that we measured, so the line of the bytes
# is a bound only for work that does not fit there.)
#
# For a whole step we predict by one rule. A CPU launches and computes in turns, so there the
# launches **add**. A GPU computes while the host launches, so there the **larger** counts, as long as nothing in
# the step waits for the GPU (section 5).
#
# And for the gain of an idea by **Amdahl's law**: a step of $t$ seconds that saves $d$ of them gets faster by the factor $t / (t -
# d)$, however fast the part becomes that was improved. The law asks that the rest takes as long as before, and
# that the saved seconds were on the clock, not hidden behind something that went on at the same time. Where a prediction
# below fails, look at these two, and at the count of $d$.


# %%
def bound_seconds(costs, precision="float32"):
    """The least time of a step by its ledger, launches included."""
    work = roofline_seconds(costs.flops, costs.bytes, peaks[precision], bandwidth)
    launching = costs.launches * per_launch
    return max(work, launching) if device.type == "cuda" else work + launching


def name_limits(costs, precision="float32"):
    arithmetic, traffic = costs.flops / peaks[precision], costs.bytes / bandwidth
    launching = costs.launches * per_launch
    print(
        f"at least {bound_seconds(costs, precision) * 1e3:.2f} ms: arithmetic "
        f"{arithmetic * 1e3:.2f}, bytes {traffic * 1e3:.2f}, launches {launching * 1e3:.2f}"
    )


def expected_gain(seconds, saved, costs=costs, precision="float32"):
    """The factor by which a step gets faster that saves so much, but not beyond its bound."""
    return seconds / max(seconds - saved, min(bound_seconds(costs, precision), seconds))


name_limits(costs)
print(f"the slow loop's step takes {sum(parts.values()):.2f} ms")

# %% [markdown]
# ## 4 · Data that already lie where they are needed
#
# The images are 47 MB of bytes. They fit on every device, and a batch is then one **[gather](glossary.ipynb#Gather)**: 128
# rows of 784 bytes, read, written, and made into floats where they are. `batches` of the course's
# library does it, and shuffles on the device as well.
#
# **Predict.** Fetching cost what section 2 says. The gather reads and writes 128 · 784 bytes (0.2
# MB), the conversion to floats reads 1 and writes 4 bytes a pixel (0.5 MB), the division by 255
# reads and writes 4 (0.8 MB): 1.5 MB. Divide by the bandwidth, and say by which factor the step
# gets faster.

# %%
predicted, measured = {}, {}
gather = ledger(resident())
print(f"a gather: {gather}, at least {bound_seconds(gather) * 1e3:.3f} ms")
step_ms = sum(parts.values())
saved = parts["fetch"] / 1e3 - bound_seconds(gather)
predicted["resident data"] = expected_gain(step_ms / 1e3, saved)
print(f"predicted {predicted['resident data']:.2f}×")


# %%
def vae_step(next_images=None, wait=False, precision=torch.float32, **adam):
    """One contender: a fresh VAE with its own Adam."""
    vae = new_vae()
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3, **adam)
    return make_step(vae, optimizer, next_images or resident(), wait, precision)


pair = {"DataLoader": slow_loop(), "resident data": vae_step(wait=True)}
measured["resident data"] = report(compare(pair))

# %% [markdown]
# A `DataLoader` with worker processes would hide some of this, and pay for it with processes,
# pickles and copies. It is the right tool for data that do not fit on the device: then give it
# `num_workers`, `pin_memory=True`, and copy with `.to(device, non_blocking=True)`, so that the next
# batch travels while this one is computed. For 47 MB the right tool is an index.
#
# ## 5 · Do not ask in every step
#
# `loss.item()` hands a number from the device to Python. On a GPU that means: wait until
# everything that is queued is done. Then the queue is empty, and the device idles while Python
# prepares the next step. `History` keeps the loss as a tensor where it is, and reads the curve
# when it is drawn.
#
# The next cell prints what the launches and the work of a step cost. **Predict** from it: what does
# leaving the reading out gain on a GPU, where both go on at the same time once nobody waits? And on
# a CPU, which has no queue?

# %%
step_costs = ledger(vae_step(wait=True))
work = roofline_seconds(step_costs.flops, step_costs.bytes, peaks["float32"], bandwidth)
launching = step_costs.launches * per_launch
print(f"launches {launching * 1e3:.2f} ms, work at least {work * 1e3:.2f} ms")

# %%
queue = device.type == "cuda"
predicted["no waiting"] = (work + launching) / max(work, launching) if queue else 1.0
print(f"predicted {predicted['no waiting']:.2f}×")
pair = {"loss.item() in every step": vae_step(wait=True), "losses stay": vae_step()}
measured["no waiting"] = report(compare(pair))

# %% [markdown]
# Where there is no queue nothing is gained, and the spread shows how much of a difference means
# nothing. The habit is worth having all the same: write the loop as for a GPU.
#
# ## 6 · One pass over the weights
#
# Adam reads a weight, its gradient and two moments, and writes the weight and the moments. Written
# as a formula, each `+`, `*` and `sqrt` is a launch for each of the eight weight tensors (on a
# GPU, PyTorch takes all tensors in one launch), and each goes through memory again. [`fused=True`](glossary.ipynb#Kernel-fusion)
# does everything to a weight while it is at hand.
#
# **Predict.** Compare the two ledgers. Adam has hardly any arithmetic behind which its bytes could
# hide, so what it saves in bytes and in launches, the step gains. By what factor?

# %%
plain_costs, fused_costs = ledger(vae_step()), ledger(vae_step(fused=True))
print(f"Adam as a formula  {plain_costs}")
print(f"Adam fused         {fused_costs}")
plain_seconds = batch_size / compare({"": vae_step()})[""].median().item()
print(f"the step as it is  {plain_seconds * 1e3:.2f} ms")

# %%
saved = (plain_costs.bytes - fused_costs.bytes) / bandwidth
saved += (plain_costs.launches - fused_costs.launches) * per_launch
predicted["fused Adam"] = expected_gain(plain_seconds, saved, fused_costs)
print(f"predicted {predicted['fused Adam']:.2f}×")
pair = {"Adam as a formula": vae_step(), "Adam fused": vae_step(fused=True)}
measured["fused Adam"] = report(compare(pair))

# %% [markdown]
# A prediction by saved bytes assumes that they come from memory. Where the weights (2.6 MB) and
# their moments lie in a large cache, the saved bytes were cheaper than that, and the gain can be
# smaller than predicted.
#
# ## 7 · Half the digits
#
# A [bfloat16](glossary.ipynb#bfloat16) has the range of a float32 and only 8 bits of precision, about two or three decimal
# digits. It has half the bytes, and processors with matrix units multiply it several times faster.
# (The older float16 has more digits and far less range, so that small gradients become 0: Micikevicius
# and others multiply the loss by a large number against that. bfloat16 needs no such care.)
# **[Autocast](glossary.ipynb#Autocast)** computes matrix products in it and leaves weights, losses and the optimizer in
# float32, where small updates must not be rounded away.
#
# **Predict.** Section 3 measured both peaks. The products take what the arithmetic bound says; how
# much of the step is that, and what remains if it shrinks by the ratio of the peaks?

# %%
half = vae_step(precision=torch.bfloat16, fused=True)
half_costs = ledger(half)
print(f"float32   {fused_costs}")
print(f"bfloat16  {half_costs}")
print(f"the peaks' ratio is {peaks['bfloat16'] / peaks['float32']:.2f}")
fused_seconds = batch_size / compare({"": vae_step(fused=True)})[""].median().item()
print(f"the step takes {fused_seconds * 1e3:.2f} ms")

# %%
arithmetic = [half_costs.flops / peaks[dtype] for dtype in ("float32", "bfloat16")]
saved = arithmetic[0] - arithmetic[1]
predicted["bfloat16"] = expected_gain(fused_seconds, saved, half_costs, "bfloat16")
print(f"predicted {predicted['bfloat16']:.2f}×")
pair = {"float32": vae_step(fused=True), "bfloat16": half}
measured["bfloat16"] = report(compare(pair))

# %% [markdown]
# The ledger shows the other side: autocast adds launches and bytes, because it converts weights
# and activations before each product, which our prediction left out. On a processor without units
# for bfloat16 the ratio of the peaks can be below 1, and then you should leave it alone.
#
# Does the model still learn the same? The same weights and images, the same noise, both
# precisions: the gradients differ by rounding, and rounding a number once to 8 bits changes it by at most
# 0.4 % (unless it is so small that its exponent does not fit). **Predict**: is that much, beside the difference
# between two random batches?


# %%
def vae_gradient(images, precision):
    """The gradient of one network, always with the same noise, as one long vector."""
    vae = new_vae(seed=3)
    torch.manual_seed(4)
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
        logits, mean, log_var = vae(images)
    negative_elbo(logits.float(), images, mean.float(), log_var.float()).backward()
    return torch.cat([p.grad.flatten() for p in vae.parameters()])


exact = vae_gradient(some_images, torch.float32)
other_images = stored[128:256].to(device).float() / 255
differences = {
    "the same batch in bfloat16": vae_gradient(some_images, torch.bfloat16),
    "another batch in float32": vae_gradient(other_images, torch.float32),
}
for name, gradient in differences.items():
    print(f"{name}: differs by {((gradient - exact).norm() / exact.norm()).item():.2%}")
assert (differences["the same batch in bfloat16"] - exact).norm() < 0.05 * exact.norm()

# %% [markdown]
# A step follows a random batch's gradient anyway, which is off by far more than the rounding. Section
# 14 looks at the end of training.
#
# ## 8 · Where the channels lie
#
# Now a small convolutional network, two layers as in a DCGAN's discriminator, which here names
# digits. An image batch `(B, C, H, W)` can lie in memory in two ways: channel by channel, or pixel
# by pixel, with all channels of a pixel side by side (**[channels-last](glossary.ipynb#Channels-last)**). Shapes and results are
# the same.


# %%
def conv_network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 64, kernel_size=4, stride=2, padding=1),  # 28 to 14 pixels
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, kernel_size=4, stride=2, padding=1),  # 14 to 7 pixels
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(128 * 7 * 7, 10),
    ).to(device)


_, labels = load_mnist("train", value_range=None, device=device)


def conv_step(layout=torch.contiguous_format, precision=torch.float32, size=batch_size):
    network = conv_network().to(memory_format=layout)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    stream = batches((stored.to(device), labels), size, steps=10**9)

    def step():
        images, digits = next(stream)
        images = images.float().div_(255).contiguous(memory_format=layout)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
            logits = network(images)
        loss = F.cross_entropy(logits.float(), digits)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


by_hand = conv_flops(128, 1, 64, 4, 14, 14) + conv_flops(128, 64, 128, 4, 7, 7)
by_hand += linear_flops(128, 128 * 7 * 7, 10)
with torch.no_grad(), FlopCounterMode(display=False) as counter:
    conv_network()(some_images)
print(f"forward by hand {by_hand / 1e6:.1f} MFLOP, PyTorch {counter.get_total_flops() / 1e6:.1f}")
assert by_hand == counter.get_total_flops()
conv_costs = ledger(conv_step())
print(f"a step:      {conv_costs}")
print(f"channels-last {ledger(conv_step(torch.channels_last))}")
name_limits(conv_costs)

# %% [markdown]
# **Predict.** The two ledgers agree on operations, and the bytes grow by a tenth, which hides
# behind the arithmetic. What gain by the layout do you predict, in float32 (below: the second line
# over the first) and in bfloat16 (the fourth over the third)?

# %%
predicted["channels-last"] = 1.0  # nothing that we count has changed
last = torch.channels_last
layouts = {
    "channel by channel": conv_step(),
    "channels-last": conv_step(last),
    "bfloat16": conv_step(precision=torch.bfloat16),
    "bfloat16, channels-last": conv_step(last, torch.bfloat16),
}
conv_rates = compare(layouts, steps=max(2, timed_steps // 5))
report(conv_rates)
ratios = conv_rates["channels-last"] / conv_rates["channel by channel"]
measured["channels-last"] = ratios.median().item()

# %% [markdown]
# A count cannot see this one. The bound is the same; what changes is how near one comes to it. A
# convolution sums over the channels of a window, and where these lie side by side they arrive as
# one piece; otherwise the library first copies the images into an order that suits it, and back.
# (Those copies happen inside one launch, where our ledger does not look.) How much it gains
# depends on processor, library and network, and it can be nothing. When a measured time is far
# above its bound, ask about layout.
#
# ## 9 · The same function by fewer operations
#
# *Here the second sitting begins. If you come back another day, run all cells above this one first (in JupyterLab: Run, Run All
# Above Selected Cell): what they measured is used below. Exercises that you have passed stay passed.*
#
# So far the same operations went faster. Sometimes fewer operations give the same result. Many
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
figure, panels = plt.subplots(1, 2, figsize=(7, 3.2))
grids = {"nine weights": one_layer.weight[0, 0].detach(), "where one pixel goes": spread}
for axes, (name, grid) in zip(panels, grids.items(), strict=True):
    axes.matshow(grid.log(), cmap="Blues")
    for (row, column), value in np.ndenumerate(grid.numpy()):
        color = "white" if value > grid.max() / 10 else "black"
        axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=color)
    axes.set(title=name, xticks=[], yticks=[])
show(figure)

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
    print("    ", end="")
    name_limits(costs_of_way)
    # 3: the gradient by x is asked for, as it is inside a generator
    assert costs_of_way.flops == 3 * len(x) * forward_of_one

# %%
predicted["fewer operations"] = bound_seconds(two_costs) / bound_seconds(one_costs)
print(f"predicted {predicted['fewer operations']:.2f}×")
pair = {"upsample, then convolve": two_step, "one layer": one_step}
rates = compare(pair, len(x), steps=max(2, timed_steps // 5))
measured["fewer operations"] = report(rates)
for (name, rate), costs_of_way in zip(rates.items(), (two_costs, one_costs), strict=True):
    share = bound_seconds(costs_of_way) * rate.median().item() / len(x)
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
# ## 10 · A compiler, and a recording
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
def loss_step(loss_of):
    """A step that computes its loss by the given function, compiled or not."""
    vae, next_images = new_vae(), resident()
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3, fused=True)

    def step():
        loss = loss_of(vae, next_images())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


kept = ("addmm", "mm", "_fused_adam_")
merged_launches, merged_bytes = (
    counter.total() - sum(counter[name] for name in kept) for counter in fused_costs.by_name
)
print(
    f"{merged_launches} of {fused_costs.launches} launches could go, with {merged_bytes / 1e6:.1f} MB"
)

# %%
saved = merged_launches * per_launch + merged_bytes / bandwidth
predicted["compiled"] = expected_gain(fused_seconds, saved, fused_costs)
print(f"predicted {predicted['compiled']:.2f}×")
if compiles:
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it misses CUDA's tools
    step = loss_step(torch.compile(loss_of))
    begin = time.perf_counter()
    step(), synchronize()
    seconds = time.perf_counter() - begin
    gain = report(compare({"as written": loss_step(loss_of), "compiled": step}))
    measured["compiled"] = gain
    print(f"compiling took {seconds:.1f} s", end="")
    if gain > 1:
        print(f": repaid after {seconds / (fused_seconds * (1 - 1 / gain)):,.0f} steps")
    else:
        print(", which is never repaid here")
else:
    print("not compiled at this scale: a cold compiler takes longer than the rest of the lesson")

# %% [markdown]
# The compiler keeps its results on disk, so a second run starts faster, and its seconds above may be
# those of a second run. Where the spread includes 1, do not trust the count of steps either. This compiled the loss, and
# with it the backward pass; section 14 compiles the whole step, Adam included.
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


launching = fused_costs.launches * per_launch
work = roofline_seconds(fused_costs.flops, fused_costs.bytes, peaks["float32"], bandwidth)
print(f"launches {launching * 1e6:.0f} µs, work at least {work * 1e6:.0f} µs a step")
if device.type == "cuda":
    predicted["CUDA graph"] = max(launching, work) / work
    print(f"predicted {predicted['CUDA graph']:.2f}×")
    pair = {"as written": loss_step(loss_of), "CUDA graph": graphed_step()}
    measured["CUDA graph"] = report(compare(pair))
else:
    print("there is no CUDA device here, so nothing was recorded")

# %% [markdown]
# ## 11 · What came of the predictions
#
# The VAE's ideas of sections 4 to 7 in one run, taking turns, each with those before it.

# %%
contenders = {
    "the slow loop": slow_loop(),
    "+ resident data": vae_step(wait=True),
    "+ no waiting": vae_step(),
    "+ fused Adam": vae_step(fused=True),
    "+ bfloat16": vae_step(fused=True, precision=torch.bfloat16),
}
rates = compare(contenders)
report(rates)

# %% tags=["folded"]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), width_ratios=(3, 2))
medians = torch.stack([rate.median() for rate in rates.values()])
spread = torch.stack(
    [
        torch.stack([rate.median() - rate.min(), rate.max() - rate.median()])
        for rate in rates.values()
    ]
)
left.barh(range(len(rates)), medians, xerr=spread.T, capsize=3)
left.set_yticks(range(len(rates)), list(rates))
left.invert_yaxis()
left.set(title="VAE, batch 128: each idea on top of the last", xlabel="images a second")
for (name, gain), marker in zip(measured.items(), "os^vDP*X", strict=False):
    right.plot(predicted[name], gain, marker, label=name)
high = 1.1 * max(*predicted.values(), *measured.values())
right.plot([0.8, high], [0.8, high], color="gray", linewidth=1)
right.set(title="Gains, one by one", xlabel="predicted (×)", ylabel="measured (×)")
right.legend(fontsize=8)
show(figure)

# %% [markdown]
# Points on the line were predicted well. Where one lies above it, something was gained that we did
# not count: an order in memory that suits the library, for example. Where one lies below, the
# prediction left out a cost (autocast's conversions, for bfloat16), it saved what was not in the
# way, or what remains runs farther from its bound than what it replaced (the transposed convolution).
#
# **On a GPU** arithmetic is so much faster that launches come to the fore, and with them waiting and
# graphs. This project has not yet had one at hand to measure it: run the lesson on yours.
#
# ## 12 · How large a batch?
#
# **Predict.** Images a second against the [batch size](glossary.ipynb#Batch-size), from 32 to 4,096: where does the curve rise,
# and where does it level off? Draw it. Which of the three limits is it at either end?


# %%
def curve_point(size):
    vae = new_vae()
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3, fused=True)
    step = make_step(vae, optimizer, resident(size=size))
    count = max(2, timed_steps * batch_size // size)
    costs = ledger(step)
    arithmetic = costs.flops / peaks["float32"]
    traffic, launching = costs.bytes / bandwidth, costs.launches * per_launch
    rates = compare({"": step}, images=size, steps=count)[""]
    limits = (size / arithmetic, size / traffic, size / launching)
    return *limits, rates.median().item(), rates.min().item(), rates.max().item()


curve = torch.tensor([curve_point(size) for size in curve_batches])
figure, axes = plt.subplots(figsize=(7.5, 3.8))
for column, name in enumerate(("arithmetic", "bytes", "launches")):
    axes.loglog(curve_batches, curve[:, column], linestyle="--", label=f"{name}: at most")
axes.loglog(curve_batches, curve[:, 3], "o-", color="black", label="measured, median")
axes.fill_between(curve_batches, curve[:, 4], curve[:, 5], color="black", alpha=0.15)
axes.set(title="Images a second against batch size", xlabel="batch size", ylabel="images a second")
axes.set_xticks(curve_batches, [f"{size:,}" for size in curve_batches], minor=False)
axes.legend()
show(figure)
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
# flatten, and change it only if the loss falls faster by the clock.

# %% [markdown]
# ## 13 · Batches that do not fit, and more than one process
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
# its rank. The next cell writes such a script, with your function in it, and starts two processes
# on this machine (on the CPU, talking by `gloo` over 127.0.0.1 at a port that is free). Each takes
# half of the 512 images. First your function averages the gradients (it is copied alone: a helper of
# yours must be defined inside it), then PyTorch's own `DistributedDataParallel` does, which also
# hides the exchange behind the backward pass.

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


def run_on_processes(count):
    """What each process saved, after torchrun has started `count` of them."""
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": loopback}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "train.py")
        script.write_text("\n\n".join([IMPORTS, *map(inspect.getsource, functions), MAIN]))
        torch.save(big.cpu(), Path(folder, "images.pt"))
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        options = ["--local-addr=127.0.0.1", f"--nproc-per-node={count}", str(script)]
        ran = subprocess.run(
            torchrun + options, cwd=folder, env=environment, capture_output=True, text=True
        )
        if "NotImplementedError" in ran.stderr:  # average_gradients is still to be written
            raise NotImplementedError("fast_training.average_gradients")
        if ran.returncode:
            raise RuntimeError(f"torchrun failed:\n{ran.stderr[-2000:]}")
        return [torch.load(Path(folder, f"rank{rank}.pt")) for rank in range(count)]


first, second = run_on_processes(2)
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
half_work = fused_costs.flops / 2 / peaks["float32"]
print(f"{weights:,} gradients: {2 * 4 * weights / 1e6:.1f} MB in and out of each process a step,")
print(f"to save at most {half_work * 1e3:.2f} ms, half of the arithmetic")
print(f"so the link must carry at least {2 * 4 * weights / half_work / 1e9:.1f} GB a second")

# %% [markdown]
# A gigabit network carries 0.12 GB a second: between two such machines this small VAE would be
# slower than on one. Data parallelism pays for networks that do many operations for each weight
# (convolutions use a weight at every pixel), for large batches, and over fast links.

# %% [markdown]
# ## 14 · All of it, from the library
#
# You know what each idea does and when it helps. So you need not write them again: `fast` takes a
# training step in plain PyTorch, and applies those that the device allows, each with a name by
# which it can be switched off. It is the engine under this course's other lessons. Print it to see
# what is in force. Where a CPU can compute in bfloat16, the first call measures a few steps in it and
# in float32, puts back everything that they changed, and keeps the faster format.


# %%
def new_training(**options):
    """A step `images -> loss` and its VAE; options go to `fast`, `off=True` leaves it plain."""
    vae = new_vae()
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3)

    def train_step(images):
        loss = loss_of(vae, images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return fast(train_step, networks=vae, optimizers=optimizer, **options), vae


step, vae = new_training()
next_images = resident()
step(next_images())  # the first call chooses
print(step)
contenders = {"the slow loop": slow_loop(), "the library's": lambda: step(next_images())}
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


races = {}
for name, source, options in (
    ("the slow loop", from_loader(), {"off": True}),
    ("the library's", resident(), {"precision": step.settings["precision"]}),  # as chosen above
):
    step, vae = new_training(**options)
    races[name] = race(step, source, race_seconds, wait=name == "the slow loop")
    print(
        f"{name:<14} {len(races[name]):>7,} updates in {race_seconds} s, "
        f"test loss {test_loss(vae):.1f} nats per image"
    )

# %% tags=["folded"]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True)
fewest = min(map(len, races.values()))
window = max(1, fewest // 50)  # one for both, so that the right picture compares like with like
for name, history in races.items():
    smooth = F.avg_pool1d(history["loss"][None], window, stride=1)[0]
    left.plot(history["seconds"][window - 1 :], smooth, label=name)
    right.plot(torch.arange(window, len(history) + 1), smooth, label=name)
left.set(title="The same seconds", xlabel="seconds", ylabel="training loss (nats)")
right.set(title="The same updates", xlabel="updates", xlim=(0, fewest))
left.set_ylim(top=min(200.0, left.get_ylim()[1]))
left.legend()
show(figure)

# %% [markdown]
# **What healthy looks like.** By the clock one curve is ahead; by updates (right) both fall along the
# same path: the ideas change how long an update takes, not what it does. If a faster loop's
# curve lies *above* the slow one's in the right picture, an idea changed the training:
# look first at the precision (a loss computed in bfloat16), then at the data (a shuffle that
# repeats), then at random numbers that a recording froze.

# %% [markdown]
# ## 15 · Change one thing
#
# **a.** Make the VAE narrow (`hidden_dim=32`) and wide (`hidden_dim=1600`). Predict from the
# ledger by what factor each is faster or slower than the one with 400, and what limits it. Then
# measure with `compare`.

# %%
# Your experiment: new_vae(hidden_dim=…), make_step(…), ledger(…), name_limits(…), compare({…}).

# %% tags=["solution"]
width_steps = {}
for width in at_scale((32, 400), (32, 400, 1600), (32, 400, 1600)):
    vae = new_vae(hidden_dim=width)
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3, fused=True)
    width_steps[f"{width} hidden units"] = make_step(vae, optimizer, resident())
    costs = ledger(width_steps[f"{width} hidden units"])
    print(f"{width:>5} {costs}: ", end="")
    name_limits(costs)
_ = report(compare(width_steps))

# %% [markdown] tags=["solution"]
# The narrow network does a twelfth of the operations and is nowhere near twelve times faster:
# launches, the loss over 784 pixels and the gather remain. It is bound by everything except
# arithmetic, and a GPU would hardly notice the difference between 32 and 400. The wide one pays
# for its operations nearly in proportion.

# %% [markdown]
# **b.** On a CPU: is one thread ever faster than all of them? Time the fused step with
# `torch.set_num_threads(1)` and with all threads, for a batch of 32 and of 1,024. (On a GPU,
# compare `torch.backends.cuda.matmul.allow_tf32` off and on.)

# %%
# Your experiment: torch.get_num_threads(), torch.set_num_threads(…), compare({…}, images=…).

# %% tags=["solution"]
in_use = torch.get_num_threads()


def with_threads(threads, step):
    def set_and_step():
        torch.set_num_threads(threads)
        step()

    return set_and_step


for size in at_scale((32,), (32, 1024), (32, 1024)):
    vae = new_vae()
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3, fused=True)
    step = make_step(vae, optimizer, resident(size=size))
    names = {f"batch {size}, {n} threads": with_threads(n, step) for n in (1, all_threads)}
    report(compare(names, images=size, steps=max(2, timed_steps * batch_size // size)))
torch.set_num_threads(in_use)

# %% [markdown] tags=["solution"]
# Sharing work costs a few microseconds for each operation, to hand out the pieces and to wait for
# the last one. A large batch does not notice, a small one may eat up most of the gain. And on a
# machine where somebody else is at work, the last piece is always late: two threads can then be
# slower than one.

# %% [markdown]
# ## Recap
# - Measure first: warm up, wait, read the clock, and let contenders take turns. Count operations, bytes and launches before you
#   believe a number. For a small network on a CPU the data were the largest waste of all.
# - Keep the data where the work is, never wait for the device inside the loop, touch each number once, use as few digits as the
#   place needs, and lay memory out as it is read. Ask whether fewer operations give the same function.
# - A big batch's gradient is the weighted mean of its pieces' gradients, whether the pieces come one after another or from several
#   processes, where the loss is a mean over examples that do not depend on each other.
#
# **References.** S. Williams, A. Waterman and D. Patterson, *Roofline: an Insightful Visual
# Performance Model for Multicore Architectures*, Communications of the ACM, 2009, doi 10.1145/1498765.1498785. · P.
# Micikevicius et al., *Mixed Precision Training*, arXiv 1710.03740, 2017. · P. Goyal et al.,
# *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour*, arXiv 1706.02677, 2017. · S. Li et
# al., *PyTorch Distributed: Experiences on Accelerating Data Parallel Training*, arXiv 2006.15704,
# 2020.
#
# **Next** 18_clinic collects programs with mistakes that circulate, for you to repair.
