# %% [markdown]
# # 17a · As fast as the machine allows
#
# The same network, the same data, the same updates, and yet one training loop takes an hour and
# another less than half of it. In this sitting you start from the loop that most tutorials show,
# measure where its time goes, and speed it up one idea at a time. Before each measurement you predict
# the gain by counting: how many operations, how many bytes, how many calls? (In 17b the operations
# themselves become fewer, a compiler helps, and several processes share the work.)
#
# ![What each idea adds to the speed of one training step, on two CPU cores](../images/17a_fast_training.png)
#
# That is what you will make. On the left, each idea on top of the last; on the right, the gains that you
# predicted against those that you measured.
#
# <details><summary>中文导读</summary>
#
# 同样的网络、同样的数据、同样的更新次数，一种写法要一小时，另一种不到一半。本课分两次完成。
# 上半课从教程里常见的慢循环出发，先学会可信地计时，再统计一步训练的运算数、字节数和启动次数，
# 用「屋顶线模型」推出时间下界，然后逐个加速：数据常驻设备、不在循环里等待设备、权重一次更新、
# 更少的数位（自动混合精度）、内存布局。每一步都先预测收益，再测量，最后把预测与实测画在一张图里。
# 更少的运算、编译器与 CUDA 图、批大小、梯度累积和多进程数据并行在下半课（17b）。
# 术语的中英对照见 [glossary](glossary.ipynb)。
#
# </details>
#
# **You will be able to**
# - time a training step so that the number means something,
# - count operations, bytes and launches of a step, and say which of the three limits it,
# - remove what costs time and teaches nothing: single images in Python, needless waiting, needless
#   digits, unfortunate memory layouts, needless passes over the weights.
#
# **Time** 85 minutes, one of them computing · **Builds on** 05_vae · **Papers** Williams, Waterman and Patterson (2009),
# *Roofline: an Insightful Visual Performance Model for Multicore Architectures*; Micikevicius et
# al. (2017), *Mixed Precision Training*, arXiv 1710.03740.
#
# **Numbers in the text** are those of one run at `laptop` scale, on two CPU cores; at another scale, or on
# another machine, yours differ.

# %% tags=["folded"]
import time
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from course_lib.checks import check
from course_lib.data import load_mnist
from course_lib.history import History
from course_lib.plotting import plot_images, show
from course_lib.roofline import (
    Recorder,
    best_seconds,
    expected_gain,
    ledger,
    measure_peaks,
    report,
    use_quicker_threads,
    wait_for,
)
from course_lib.roofline_plots import plot_gains, plot_limits, plot_parts
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything

seed_everything(0)
device = pick_device()
synchronize = wait_for(device)  # returns when the device has done what is queued
batch_size = 128
timed_steps, warmup_steps = at_scale(smoke=(2, 1), laptop=(20, 3), gpu=(200, 20))
rounds = at_scale(smoke=3, laptop=5, gpu=9)  # of each comparison, all contenders in every round
# where somebody else keeps the processor busy, sharing the work can be slower than not
all_threads = use_quicker_threads(at_scale(smoke=10, laptop=50, gpu=50))
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
# `compare` lets contenders take turns. The library's `report` prints the median rate
# of each, and beside it a ratio: in every round the contender's rate is divided by the first one's,
# and what you see is the median of these ratios, then the lowest and the highest. (The ratio of the
# two medians can differ from it.) A gain smaller than the spread is no gain.


# %%
def compare(contenders, images=batch_size, steps=timed_steps):
    """Images a second of each step, `(rounds,)` by name; the contenders take turns."""
    rates = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, step in contenders.items():
            rates[name].append(throughput(step, images, steps, warmup_steps, synchronize))
    return {name: torch.tensor(values) for name, values in rates.items()}


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
show(plot_parts(parts, "One step of the slow loop"))

# %% [markdown]
# On the processor where this lesson was written, fetching took a third to a half of the step, and
# none of it teaches the network anything. To look *inside* the other parts, note every operation
# that PyTorch runs: how often, how long, and how many bytes it reads and writes. The library's
# `Recorder` does: within its `with` block PyTorch calls a method of it in place of every operation.
# (`torch.profiler` is the grown-up version, with a time line of every kernel.)

# %%
step = slow_loop()
step()
with Recorder(synchronize) as recorder:
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
# **Bytes and calls.** The recorder knows both. The library's `ledger` runs a step once, counts each
# operation as one **[launch](glossary.ipynb#Kernel-launch)** (on a GPU, about one kernel) and adds up the bytes of all tensors that
# it reads and writes: what would move if no cache remembered anything.


# %%
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
# Now the device's side: a product of two large matrices, the copy of a large buffer, an addition that
# has next to nothing to do. Each is tried 20 times, and the best counts: a peak is a maximum. (Of the
# products one in each format. [bfloat16](glossary.ipynb#bfloat16) is a number of half the size, which section 7 needs. Where a
# processor has no units for it, one product can take longer than all else here: then it is left out.)

# %%
peaks = measure_peaks(
    device,
    size=at_scale(smoke=256, laptop=1024, gpu=4096),
    megabytes=at_scale(smoke=4, laptop=64, gpu=1024),
    repeats=at_scale(smoke=(2, 2, 100), laptop=(4, 3, 500), gpu=(20, 20, 1_000)),
)
print(peaks)

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
        measured = best_seconds(lambda: layer(x), at_scale(1, 3, 20), synchronize)
    arithmetic = linear_flops(batch, width, width) / peaks.float32
    return arithmetic, traffic / peaks.bandwidth, peaks.launch, measured


sizes = at_scale((1, 100), *[(1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)] * 2)
*limits, measured_times = (torch.tensor([layer_times(size) for size in sizes]) * 1e6).T
limits = dict(zip(("arithmetic", "bytes", "launch"), limits, strict=True))
title = "One linear layer, 400 to 400: the least that each takes, and what it took"
show(plot_limits(sizes, limits, measured_times, title=title, unit="microseconds"))

# %% [markdown]
# At a batch of 1 the weights' bytes decide, at 10,000 the arithmetic does, and on a CPU the launch
# never; the two lines cross where the operations for each byte equal the device's ratio of peaks, in this
# run near 20. Up to there a further example should cost hardly more than
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
    peak = getattr(peaks, precision)
    work = roofline_seconds(costs.flops, costs.bytes, peak, peaks.bandwidth)
    launching = costs.launches * peaks.launch
    return max(work, launching) if peaks.queue else work + launching


print(peaks.told(costs))  # the same bound, with its three parts
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
# Amdahl's factor, but not beyond what the bound of the step allows
predicted["resident data"] = expected_gain(step_ms / 1e3, saved, least=bound_seconds(costs))
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
arithmetic, traffic, launching = peaks.limits(step_costs)
work = max(arithmetic, traffic)
print(f"launches {launching * 1e3:.2f} ms, work at least {work * 1e3:.2f} ms")

# %%
predicted["no waiting"] = (work + launching) / max(work, launching) if peaks.queue else 1.0
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
saved = (plain_costs.bytes - fused_costs.bytes) / peaks.bandwidth
saved += (plain_costs.launches - fused_costs.launches) * peaks.launch
predicted["fused Adam"] = expected_gain(plain_seconds, saved, bound_seconds(fused_costs))
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
# A bfloat16 has the range of a float32 and only 8 bits of precision, about two or three decimal
# digits. It has half the bytes, and processors with matrix units multiply it several times faster.
# (The older float16 has more digits and far less range, so that small gradients become 0: Micikevicius
# and others multiply the loss by a large number against that. bfloat16 needs no such care.)
# **[Autocast](glossary.ipynb#Autocast)** computes matrix products in it and leaves weights, losses and the optimizer in
# float32, where small updates must not be rounded away.
#
# **Predict.** Section 3 measured both peaks. The products take what the arithmetic bound says; how
# much of the step is that, and what remains if it shrinks by the ratio of the peaks?

# %%
has_units = peaks.bfloat16 is not None
no_units = "a product in bfloat16 takes longer than 0.5 s here: no units for it, so no race in it"
half = vae_step(precision=torch.bfloat16, fused=True)
half_costs = ledger(half)
print(f"float32   {fused_costs}")
print(f"bfloat16  {half_costs}")
fused_seconds = batch_size / compare({"": vae_step(fused=True)})[""].median().item()
print(f"the step takes {fused_seconds * 1e3:.2f} ms")
print(f"the peaks' ratio is {peaks.bfloat16 / peaks.float32:.2f}" if has_units else no_units)

# %%
if has_units:
    saved = half_costs.flops / peaks.float32 - half_costs.flops / peaks.bfloat16
    least = bound_seconds(half_costs, "bfloat16")
    predicted["bfloat16"] = expected_gain(fused_seconds, saved, least)
    print(f"predicted {predicted['bfloat16']:.2f}×")
    pair = {"float32": vae_step(fused=True), "bfloat16": half}
    measured["bfloat16"] = report(compare(pair))
else:
    print(no_units)

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
# A step follows a random batch's gradient anyway, which is off by far more than the rounding.
# Section 6 of 17b looks at the end of training.
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
print(peaks.told(conv_costs))

# %% [markdown]
# **Predict.** The two ledgers agree on operations, and the bytes grow by a tenth, which hides
# behind the arithmetic. What gain by the layout do you predict, in float32 (below: the second line
# over the first) and, where it is raced, in bfloat16 (the fourth over the
# third)?

# %%
predicted["channels-last"] = 1.0  # nothing that we count has changed
last = torch.channels_last
layouts = {"channel by channel": conv_step(), "channels-last": conv_step(last)}
if has_units:
    layouts["bfloat16"] = conv_step(precision=torch.bfloat16)
    layouts["bfloat16, channels-last"] = conv_step(last, torch.bfloat16)
else:
    print(no_units)
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
# ## 9 · What came of the predictions
#
# The VAE's ideas of sections 4 to 7 in one run, taking turns, each with those before it.

# %%
contenders = {
    "the slow loop": slow_loop(),
    "+ resident data": vae_step(wait=True),
    "+ no waiting": vae_step(),
    "+ fused Adam": vae_step(fused=True),
}
if has_units:
    contenders["+ bfloat16"] = vae_step(fused=True, precision=torch.bfloat16)
rates = compare(contenders)
_ = report(rates)

# %% tags=["folded"]
title = "VAE, batch 128: each idea on top of the last"
show(plot_gains(rates, predicted, measured, title))

# %% [markdown]
# Points on the line were predicted well. Where one lies above it, something was gained that we did
# not count: an order in memory that suits the library, for example. Where one lies below, the
# prediction left out a cost (autocast's conversions, for bfloat16), it saved what was not in the
# way, or what remains runs farther from its bound than what it replaced.
#
# **On a GPU** arithmetic is so much faster that launches come to the fore, and with them waiting and
# graphs (17b). This project has not yet had one at hand to measure it: run the lesson on yours.
#
# ## 10 · Change one thing
#
# **a.** Make the VAE narrow (`hidden_dim=32`) and wide (`hidden_dim=1600`). Predict from the
# ledger by what factor each is faster or slower than the one with 400, and what limits it. Then
# measure with `compare`.

# %%
# Your experiment: new_vae(hidden_dim=…), make_step(…), ledger(…), peaks.told(…), compare({…}).

# %% tags=["solution"]
width_steps = {}
for width in at_scale((32, 400), (32, 400, 1600), (32, 400, 1600)):
    vae = new_vae(hidden_dim=width)
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3, fused=True)
    width_steps[f"{width} hidden units"] = make_step(vae, optimizer, resident())
    costs = ledger(width_steps[f"{width} hidden units"])
    print(f"{width:>5} {costs}: {peaks.told(costs)}")
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
# ## What you take along
#
# 1. Measure first: warm up, wait, read the clock, and let contenders take turns. Count operations, bytes and launches before you
#    believe a number. For a small network on a CPU the data were the largest waste of all.
# 2. Work takes at least the longer of two times, that of its operations and that of its bytes; launches add on a CPU and hide on a
#    GPU. How far a measured time lies above this bound is what can be gained.
# 3. Keep the data where the work is, never wait for the device inside the loop, touch each number once, use as few digits as the
#    place needs, and lay memory out as it is read.
#
# **References.** S. Williams, A. Waterman and D. Patterson, *Roofline: an Insightful Visual
# Performance Model for Multicore Architectures*, Communications of the ACM, 2009, doi 10.1145/1498765.1498785. · P.
# Micikevicius et al., *Mixed Precision Training*, arXiv 1710.03740, 2017.
#
# **Next** is 17b_fast_training: fewer operations, a compiler, larger batches, more processes.
