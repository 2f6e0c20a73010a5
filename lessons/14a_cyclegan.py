# %% [markdown]
# # 14a · Translation without pairs: what is asked, and of whom
#
# Google's emoji into Twitter's, horses into zebras: two heaps of images, and nobody has said which belongs to which.
# A [CycleGAN](glossary.ipynb#CycleGAN) learns to translate all the same. This lesson builds its parts and asks of each what it can see and
# what it cannot; in 14b you train it, and measure it against true pairs that it never saw.
#
# ![Two heaps of drawings, how far a judge of patches sees, and what a norm does to a picture](../images/14a_cyclegan.png)
#
# <details><summary>中文导读</summary>
#
# CycleGAN 用两堆互不配对的图像学习翻译：生成器 gen_ab 把 A 变成 B，gen_ba 再变回来。本课先搭建零件。
# 我们证明：对抗损失只要求“译文像 B”，循环一致性损失只要求“能变回来”，两者相加仍然分不清对错：
# 两个取反的生成器循环损失为 0，却落在错误的域里；任意一种颜色置换，对抗损失与循环损失都看不见。
# 恒等损失能排除其中一部分。然后推导最小二乘 GAN 的最优判别器，计算 PatchGAN 的感受野
# （16、34、70 像素，用梯度画出来，与公式一致），从零实现实例归一化和残差块，
# 并用图说明实例归一化与批归一化、反射填充与补零的区别。最后让生成器把还原所需的信息藏进几乎看不见的改动里，再用噪声揭穿它。术语的中英对照见 [glossary](glossary.ipynb)。
#
# </details>
#
# **You will be able to**
# - say what the adversarial, the cycle and the identity loss each leave undecided, and show it in numbers,
# - derive the best judge of a least-squares GAN, and why its slope does not die,
# - compute how many pixels one score of a PatchGAN sees, and draw it,
# - build an instance norm and a residual block, and see what they do to a picture and to its border,
# - make a translator hide a message, and find it.
#
# **Time** 90 minutes · **Builds on** 08a_minimax, 10_dcgan · **Papers** Zhu, Park, Isola and Efros (2017), *Unpaired Image-to-Image Translation
# using Cycle-Consistent Adversarial Networks*, arXiv 1703.10593; Mao and others (2017), *Least Squares Generative Adversarial Networks*, arXiv 1611.04076;
# Isola, Zhu, Zhou and Efros (2017), *Image-to-Image Translation with Conditional Adversarial Networks*, arXiv 1611.07004, for the patches; Ulyanov, Vedaldi and Lempitsky (2016), *Instance Normalization*, arXiv 1607.08022.

# %% tags=["folded"]
import itertools

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.checks import check
from course_lib.data import load_emoji, load_mnist
from course_lib.history import watch
from course_lib.plotting import plot_images, show
from course_lib.training import at_scale, batches, course_scale, pick_device, seed_everything
from course_lib.translation_plots import plot_cycle, plot_fields

seed_everything(0)
device = pick_device()
noto, twemoji = (F.avg_pool2d(x, 2) for x in load_emoji("train", value_range=(-1, 1)))  # 32 × 32
print(f"scale {course_scale()} on {device}: little is trained in this part")

# %% [markdown]
# ## 1 · Two heaps
#
# Domain A is Noto, domain B is Twemoji. In training each batch takes images of A and, on their own, images of B; no image of B is the
# partner of an image of A, except by chance. (The true pairs exist. They are locked away until 14b, and judge.)

# %%
heaps = torch.cat([noto[torch.arange(0, 1600, 134)], twemoji[torch.arange(60, 1600, 134)]])
show(plot_images(heaps, 12, "Two heaps, no pairs", None, (-1, 1), ["A, Noto", "B, Twemoji"], 0.7))

# %% [markdown]
# A translator `gen_ab` takes A to B. What can be asked of it without pairs? That its images look like B: a discriminator `disc_b` judges that. And that nothing is lost
# on the way, so that a second generator, `gen_ba`, finds the way back. That is the [cycle consistency](glossary.ipynb#Cycle-consistency), and it is asked from both ends:

# %% tags=["folded"]
show(plot_cycle())

# %% [markdown]
# ### Exercise · `cycle_consistency_loss(images_a, cycled_a, images_b, cycled_b)`
# *4 minutes.* `cycled_a` is what `images_a` became on the way to B and back, `cycled_b` likewise for B. Return one number: the mean absolute difference of `cycled_a` from
# `images_a`, over everything, plus that of `cycled_b` from `images_b`. A and B may differ in number and size of images. No weight: the training step has it.


# %% exercise="cyclegan.cycle_consistency_loss"
def cycle_consistency_loss(images_a, cycled_a, images_b, cycled_b):
    """Sum of the two mean absolute errors, a scalar."""
    # BEGIN SOLUTION
    return (cycled_a - images_a).abs().mean() + (cycled_b - images_b).abs().mean()
    # END SOLUTION


# %% check="cyclegan.cycle_consistency_loss"
check("cyclegan.cycle_consistency_loss", cycle_consistency_loss)

# %% [markdown]
# ## 2 · What a cycle cannot see
#
# **Predict.** Let both generators turn every image into its negative, $G(x) = F(x) = -x$. How large is the cycle loss? Would you call it a translation?


# %% tags=["nbval-check-output"]
def negative(images):
    return -images


a, b = noto[:400], twemoji[400:800]
lost = cycle_consistency_loss(a, negative(negative(a)), b, negative(negative(b)))
print(f"cycle loss of two negations: {lost.item():.4f}")
for name, images in (("images of B", b), ("A, translated", negative(a)), ("A, as it is", a)):
    print(f"mean brightness of {name:<14} {images.mean().item():+.3f}")
assert lost == 0 and (negative(a).mean() - b.mean()).abs() > 0.8

# %% [markdown]
# The cycle loss is 0, and the images are in no domain that anybody asked for: white paper has turned black. Cycle consistency asks for a way back, no more. That error a
# discriminator sees at once. But there are errors that *neither* sees. Write $p$ and $q$ for the distributions of A and B.
#
# 1. The best that the adversarial loss can ask: $G(a)$ with $a \sim p$ has distribution $q$. (Lesson 08: the minimum is reached for equal distributions alone.)
# 2. Let $S$ be any map of B to itself that is one to one and leaves $q$ as it is: if $b \sim q$, then $S(b) \sim q$.
# 3. Then $S \circ G$ reaches the minimum as well: $S(G(a)) \sim q$ by lines 1 and 2.
# 4. Suppose $G$ and $F$ undo each other. Take $F' = F \circ S^{-1}$ as the way back: $F'(S(G(a))) = F(S^{-1}(S(G(a)))) = F(G(a)) = a$, and $S(G(F'(b))) = S(G(F(S^{-1}(b)))) = S(S^{-1}(b)) = b$. **The cycle loss is 0.**
# 5. And $F'$ is as good for A's judge: $S^{-1}(b) \sim q$, hence $F'(b) \sim p$.
#
# So with $(G, F)$ every pair $(S \circ G, F \circ S^{-1})$ minimizes the two losses, and nothing that they measure tells the true one apart. A small world shows all five lines with no training:
# three colors, equally frequent in both domains, and the right translation is to keep the color. $G$ may be any permutation.

# %% tags=["nbval-check-output"]
hue = torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1]])  # red, green, blue
world_a = world_b = hue.repeat(4, 1)[:, :, None, None].expand(-1, -1, 4, 4)  # plain images, 12 each


def recolor(images, order):
    return images[:, list(order)]


def histogram(images):
    return sorted(map(tuple, images[:, :, 0, 0].tolist()))


for order in itertools.permutations(range(3)):
    back = torch.tensor(order).argsort().tolist()  # undoes `order`
    there = recolor(world_a, order)
    cycle = cycle_consistency_loss(
        world_a, recolor(there, back), world_b, recolor(recolor(world_b, back), order)
    )
    alike = histogram(there) == histogram(world_b)  # what the best judge could compare
    right = (there == world_a).flatten(1).all(1).double().mean()
    print(f"channels {order}: looks like B: {alike}, cycle {cycle:.1f}, kept colors {right:4.0%}")
    assert alike and cycle == 0

# %% [markdown]
# All six look perfect to both losses; one is right. On real emoji the colors are not equally frequent, so that a judge would notice *some* permutations. Two sets are told apart less easily the more they share.
# Below, the first row is A; then three of the permutations; each returns without a loss.

# %%
orders = ((0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1))
chosen = noto[torch.arange(40, 1600, 160)]
rows = torch.cat([recolor(chosen, order) for order in orders])
show(
    plot_images(
        rows, 10, "A cycle sees no difference", None, (-1, 1), [f"{o}" for o in orders], 0.8
    )
)

# %% [markdown]
# ## 3 · Leave alone what is right already
#
# Zhu and others add a wish that speaks about single images again: give `gen_ab`, which makes B, an image that *is* in B. It should come back unchanged. That is the [identity loss](glossary.ipynb#Identity-loss).
# Watch the domains: `identity_b = gen_ab(images_b)`, and `identity_a = gen_ba(images_a)`.
#
# ### Exercise · `identity_loss(images_a, identity_a, images_b, identity_b)`
# *3 minutes.* Return the mean absolute difference of `identity_a` from `images_a` plus that of `identity_b` from `images_b`: one number, without a weight.


# %% exercise="cyclegan.identity_loss"
def identity_loss(images_a, identity_a, images_b, identity_b):
    """Sum of the two mean absolute errors, a scalar."""
    # BEGIN SOLUTION
    return (identity_a - images_a).abs().mean() + (identity_b - images_b).abs().mean()
    # END SOLUTION


# %% check="cyclegan.identity_loss"
check("cyclegan.identity_loss", identity_loss)

# %% [markdown]
# **Predict.** Which of the six permutations does the identity loss tell apart? And what would it say of a world where B's colors are not A's: does it name the right translation there?

# %% tags=["nbval-check-output"]
for order in itertools.permutations(range(3)):
    back = torch.tensor(order).argsort().tolist()
    lost = identity_loss(world_a, recolor(world_a, back), world_b, recolor(world_b, order))
    print(f"channels {order}: identity loss {lost:.3f}")

# %% [markdown]
# It picks the right one, **because** the two domains overlap here: red of A is red of B. It prefers translations that change little. Where the domains share nothing, as gray digits and colored ones in 14b, an image of B says little about what should
# become of an image of A, and the wish decides little or even pulls the wrong way. No loss without pairs is free of such a leaning; 14b measures what each is worth.
#
# ## 4 · Least squares
#
# CycleGAN's judges give [scores](glossary.ipynb#Least-squares-GAN), and the loss is a squared distance: reals to 1, fakes to 0; the generator wants 1.
#
# $$ L_D = \tfrac12 \Big[ \mathbb E_{x \sim q} (D(x) - 1)^2 + \mathbb E_{x \sim g} D(x)^2 \Big], \qquad L_G = \mathbb E_{x \sim g} (D(x) - 1)^2 . $$
#
# 1. At one point $x$, with densities $q(x)$ of the reals and $g(x)$ of the fakes, the integrand of $L_D$ is $\tfrac12 [q\,(d - 1)^2 + g\,d^2]$, a parabola in $d$.
# 2. Its derivative $q\,(d - 1) + g\,d$ is 0 at $d^* = \dfrac{q}{q + g}$, and its second derivative $q + g$ is positive: a minimum. It is **the same number** as the best $D$ of lesson 08, with no sigmoid anywhere.
# 3. Put in: $(d^* - 1)^2 = \frac{g^2}{(q+g)^2}$, so the integrand is $\frac12 \frac{q g^2 + g q^2}{(q + g)^2} = \frac12 \frac{q g}{q + g}$, hence $\min_D L_D = \frac12 \int \frac{q g}{q + g}$.
#    For $q = g$ it is $\frac14$: the number to watch for in a healthy run.
# 4. The generator's slope by its score $d$ is $2 (d - 1)$. The surer the judge, the *larger* it is; behind a sigmoid, the slope of $\log(1 - \sigma)$ by the logit is $-\sigma$, which dies there.

# %% tags=["nbval-check-output"]
q = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)  # of four kinds of images
g = torch.tensor([0.4, 0.1, 0.3, 0.2], dtype=torch.float64)
d = torch.full((4,), 0.5, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.LBFGS([d], max_iter=100, tolerance_grad=1e-12)


def judged():
    optimizer.zero_grad()
    loss = 0.5 * (q * (d - 1) ** 2 + g * d**2).sum()
    loss.backward()
    return loss


optimizer.step(judged)
assert torch.allclose(d, q / (q + g), atol=1e-8)  # line 2
assert torch.allclose(judged(), 0.5 * (q * g / (q + g)).sum(), atol=1e-8)  # line 3
print(f"best scores {[round(v, 4) for v in d.tolist()]}, L_D {judged().item():.4f}, ¼ if q = g")
score = torch.tensor([-4.0, 0.0, 0.9], requires_grad=True)  # a judge that is sure, unsure, deceived
(squares,) = torch.autograd.grad((score - 1).square().sum(), score)
(logs,) = torch.autograd.grad(F.logsigmoid(-score).sum(), score)
print(
    "slopes: least squares", squares.tolist(), " log(1 - σ)", [round(v, 3) for v in logs.tolist()]
)
assert torch.allclose(squares, 2 * (score - 1)) and torch.allclose(logs, -score.sigmoid())

# %% [markdown]
# ### Exercise · `least_squares_losses(real_scores, fake_scores)`
# *6 minutes.* Scores are tensors of any shape, `(B,)` or maps `(B, 1, h, w)`; the two groups may differ in size. Return a pair of numbers: the discriminator's loss, ½ [mean (real − 1)² + mean fake²], and the generator's, mean (fake − 1)².


# %% exercise="cyclegan.least_squares_losses"
def least_squares_losses(real_scores, fake_scores):
    """(discriminator's loss, generator's loss), two scalars."""
    # BEGIN SOLUTION
    discriminator = 0.5 * ((real_scores - 1).square().mean() + fake_scores.square().mean())
    return discriminator, (fake_scores - 1).square().mean()
    # END SOLUTION


# %% check="cyclegan.least_squares_losses"
check("cyclegan.least_squares_losses", least_squares_losses)

# %% [markdown]
# ## 5 · A judge of patches
#
# Style is in the small: an outline, a gradient, a kind of yellow. So the judge need not see the whole image. A **[PatchGAN](glossary.ipynb#PatchGAN)** is a stack of convolutions without a last linear layer. It gives a *map* of scores, and each score
# sees a square of pixels, its [receptive field](glossary.ipynb#Receptive-field). How large is it?
#
# 1. Without a layer, an output sees 1 pixel. Let outputs so far see $r$ pixels, and let neighbors begin $j$ pixels apart (at first $j = 1$).
# 2. A layer with kernel $k$ reads $k$ neighbors. The first begins at some pixel, the last $(k - 1) j$ pixels further on, and sees $r$ pixels from there: together $r + (k - 1)\, j$.
# 3. A stride $s$ takes every $s$-th of these, so neighbors now begin $s j$ pixels apart. The layer's own stride does not widen its own view, but that of all layers behind it.
# 4. Padding moves the square over the border, and changes nothing about its size.
#
# ### Exercise · `receptive_field(layers)`
# *8 minutes.* `layers` is a list of pairs (kernel, stride), the first layer first, no stride longer than its kernel. Return the side of the square of pixels that one output sees, an integer.


# %% exercise="cyclegan.receptive_field"
def receptive_field(layers):
    """Pixels along one side that one output sees, an integer."""
    # BEGIN SOLUTION
    field, jump = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump
        jump *= stride
    return field
    # END SOLUTION


# %% check="cyclegan.receptive_field"
check("cyclegan.receptive_field", receptive_field)

# %% [markdown]
# Three judges of the pix2pix paper, all of 4×4 kernels. **Predict** the three numbers, then compare the formula with the gradient: of one score in the middle, by every pixel. Where it is not 0, the score sees.

# %% tags=["nbval-check-output"]
stacks = {
    16: [(4, 2), (4, 1), (4, 1)],
    34: [(4, 2), (4, 2), (4, 1), (4, 1)],
    70: [(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)],
}


def slope_of_one_score(layers, size=96):
    """The gradient of a middle score by all pixels, `(size, size)`, for random weights."""
    convolutions = [nn.Conv2d(1, 1, kernel, stride, padding=1) for kernel, stride in layers]
    image = torch.randn(1, 1, size, size, requires_grad=True)
    scores = nn.Sequential(*convolutions)(image)
    middle = scores.shape[-1] // 2
    return torch.autograd.grad(scores[0, 0, middle, middle], image)[0][0, 0]


seed_everything(0)
slopes = [slope_of_one_score(layers) for layers in stacks.values()]
for (pixels, layers), slope in zip(stacks.items(), slopes, strict=True):
    seen = slope.ne(0).any(0).sum().item()
    print(f"{len(layers)} layers: formula {receptive_field(layers)}, by gradient {seen}")
    assert receptive_field(layers) == seen == pixels
show(plot_fields(slopes, [f"{n} pixels" for n in stacks], 96))

# %% [markdown]
# In the larger two the middle counts more than the edge, on average: more paths lead there. In 14b, on images of 32 pixels, the judge sees 16: large enough for an outline and its inside, too small to know a tractor from a tomato.
#
# ## 6 · One image at a time: instance norm
#
# Batch norm (lesson 10) takes mean and variance of a channel over the batch. For a translator that is odd: what an emoji becomes would depend on its neighbors. **[Instance norm](glossary.ipynb#Instance-normalization)** takes them for each image and each channel on its own,
# over height and width:
#
# $$ y_{bchw} = \frac{x_{bchw} - m_{bc}}{\sqrt{v_{bc} + \varepsilon}}, \qquad m_{bc} = \frac1{HW} \sum_{hw} x_{bchw}, \qquad v_{bc} = \frac1{HW} \sum_{hw} (x_{bchw} - m_{bc})^2 . $$
#
# 1. Replace $x$ by $\alpha x + \beta$ with $\alpha > 0$, another contrast and brightness of one channel: then $m$ becomes $\alpha m + \beta$ and $v$ becomes $\alpha^2 v$.
# 2. So $y$ becomes $\alpha (x - m) / \sqrt{\alpha^2 v + \varepsilon}$, which for $\varepsilon = 0$ is what it was: **contrast and brightness of an image are gone**, and with them a part of its style.
#
# ### Exercise · `instance_norm(x, eps)`
# *6 minutes.* `x` is `(B, C, H, W)`. Return the same shape, each channel of each image normalized as above, with `eps` added to the variance. No scale, no shift, no running estimates; differentiable.


# %% exercise="cyclegan.instance_norm"
def instance_norm(x, eps):
    """`(B, C, H, W)` to the same shape, each channel of each image with mean 0 and variance 1."""
    # BEGIN SOLUTION
    mean = x.mean(dim=(2, 3), keepdim=True)
    variance = x.var(dim=(2, 3), correction=0, keepdim=True)
    return (x - mean) / (variance + eps).sqrt()
    # END SOLUTION


# %% check="cyclegan.instance_norm"
check("cyclegan.instance_norm", instance_norm)

# %% [markdown]
# **Predict.** Take an emoji, and the same one pale. Normalize both, once in a batch with other emoji, once in a batch with white ones. Which of the four pictures are alike under batch norm, which under instance norm?

# %%
emoji = noto[900:901]
pale = 0.3 * emoji + 0.6
assert torch.allclose(instance_norm(emoji, 0), instance_norm(pale, 0), atol=1e-4)  # line 2


def first_of(norm, image, others):
    """The image normalized among the others, brought to [-1, 1] for the eye."""
    return (norm(torch.cat([image, others])) / 3).clamp(-1, 1)[:1]


neighbors = {"emoji": noto[100:107], "white": torch.ones(7, 3, 32, 32)}
norms = {
    "batch norm": lambda x: F.batch_norm(x, None, None, training=True),
    "instance norm": lambda x: instance_norm(x, 1e-5),
}
tiles, labels = [], []
for norm in norms.values():
    for kind, image in (("plain", emoji), ("pale", pale)):
        for name, others in neighbors.items():
            tiles.append(first_of(norm, image, others))
            labels.append(f"{kind}, {name}")
show(plot_images(torch.cat(tiles), 4, "One emoji, normalized", labels, (-1, 1), list(norms), 1.2))

# %% [markdown]
# Under batch norm the four differ: pale stays pale, and the neighbors have their say. Under instance norm all four are one picture, whoever stands beside it. (That is the gain for style, and a loss: a generator that has normalized at once can no longer know how bright
# its image was. In 14b a shortcut around all the norms hands it on.)
#
# ## 7 · A block that changes a little
#
# Translation is mostly *copying*. A [residual block](glossary.ipynb#Residual-block) has that built in: it computes a change and adds it to what came in.
#
# $$ y = x + \mathrm{IN}\big(W_2 * \mathrm{ReLU}(\mathrm{IN}(W_1 * x))\big) . $$
#
# 1. By the chain rule the Jacobian is $I + J$, with $J$ that of the change. Behind $n$ blocks the product $\prod_i (I + J_i)$ contains the term $I$: the gradient has a way back that no layer can shrink.
# 2. Behind the sum stands **no** ReLU: it would cut off all that is negative, also of $x$.
#
# Both convolutions are 3×3, and to keep the size they need one pixel more on every side. With zeros there, which are mid-gray in [-1, 1], every picture gets a gray frame that nobody drew. **[Reflection padding](glossary.ipynb#Reflection-padding)** mirrors the image at its border
# (without repeating the border pixel), so that the convolution sees a picture there like everywhere else.

# %%
blur = torch.full((3, 1, 3, 3), 1 / 9)
zeros = mirrored = picture = twemoji[300:301]
for _ in range(4):  # four blurs, as four layers could do it
    zeros = F.conv2d(F.pad(zeros, (1, 1, 1, 1)), blur, groups=3)
    mirrored = F.conv2d(F.pad(mirrored, (1, 1, 1, 1), mode="reflect"), blur, groups=3)
frames = torch.cat([picture, zeros, mirrored])
show(plot_images(frames, 3, "Four blurs", ["before", "zeros", "reflected"], (-1, 1), size=1.6))
red = [x[0, 0, 0, 8:24].mean().item() for x in (picture, zeros, mirrored)]
print("red along the upper edge: before {:.2f}, zeros {:.2f}, reflected {:.2f}".format(*red))

# %% [markdown]
# ### Exercise · `ResidualBlock(channels)`
# *14 minutes.* A module with `forward(x)`, `(B, channels, H, W)` to the same shape: convolution, instance norm, ReLU, convolution, instance norm, and the input added. Both convolutions are 3×3, from `channels` to `channels`, padded by 1 with reflection;
# the norms have `eps` 1e-5 and keep no running estimates (`nn.InstanceNorm2d` does both unasked). Nothing comes behind the sum, and the input is not changed in place.


# %% exercise="cyclegan.ResidualBlock"
class ResidualBlock(nn.Module):
    """`(B, channels, H, W)` to the same shape: the input plus a change."""

    def __init__(self, channels):
        super().__init__()
        # BEGIN SOLUTION
        self.change = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, kernel_size=3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, kernel_size=3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x):
        return x + self.change(x)
        # END SOLUTION


# %% check="cyclegan.ResidualBlock"
check("cyclegan.ResidualBlock", ResidualBlock)

# %% [markdown]
# Line 1 in numbers, and in a picture: one emoji behind six blocks with weights that have learned nothing, and behind the same six without the sum. **Predict** which of the two you will recognize.

# %%
seed_everything(0)
block = ResidualBlock(2).double()
x = torch.randn(1, 2, 4, 4, dtype=torch.float64)
whole = torch.autograd.functional.jacobian(block, x).reshape(32, 32)
change = torch.autograd.functional.jacobian(lambda x: block(x) - x, x).reshape(32, 32)
assert torch.allclose(whole, torch.eye(32) + change)  # line 1
blocks = [ResidualBlock(3) for _ in range(6)]
kept = lost = twemoji[300:306]
with torch.no_grad():
    for block in blocks:
        kept, lost = block(kept), block(lost) - lost
tiles = torch.cat([twemoji[300:306], *(x / x.abs().amax((1, 2, 3), True) for x in (kept, lost))])
titles = ["before", "six blocks", "without the sum"]
show(plot_images(tiles, 6, "An image passes through", None, (-1, 1), titles, 1.1))

# %% [markdown]
# ## 8 · A message too faint to see
#
# One more thing that a cycle loss does not see: *how* the way back knows. Let B be a mosaic of A: each square of 4 × 4 pixels has one gray. From it no one can say how a stroke ran. But let the translator change the mosaic by at most
# 0.05, in a range of 2, and ask the two for nothing but a small cycle loss. Beside it learns an honest one, `honest`, that gets the true mosaic.
#
# **Predict.** Will the pair return more than the honest one? And what becomes of both when noise of the same size is added?

# %%
steps = at_scale(smoke=10, laptop=400, gpu=4_000)
digits, held_out = (
    F.avg_pool2d(F.pad(load_mnist(split, value_range=(-1, 1))[0][:2000], (2,) * 4, value=-1.0), 2)
    for split in ("train", "test")
)


def mosaic(images):
    return F.interpolate(F.avg_pool2d(images, 4), scale_factor=4)


def small_network():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, padding_mode="reflect"),
        nn.InstanceNorm2d(16),
        nn.ReLU(),
        ResidualBlock(16),
        nn.Conv2d(16, 1, 3, padding=1, padding_mode="reflect"),
    )


seed_everything(0)
writer, reader, honest = small_network(), small_network(), small_network()


def there(images):
    return mosaic(images) + 0.05 * torch.tanh(writer(images))


weights = [p for network in (writer, reader, honest) for p in network.parameters()]
optimizer = torch.optim.Adam(weights, lr=3e-3)
for images in watch(batches(digits, 16, steps)):
    returned, read = reader(there(images)), honest(mosaic(images))
    loss = (returned - images).abs().mean() + (read - images).abs().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with torch.no_grad():
    sent, plain = there(held_out), mosaic(held_out)
    print(f"the change that nobody sees: {(sent - plain).abs().mean():.3f} on average")
    print("noise   return of the pair   of the honest one")
    for size in (0.0, 0.02, 0.05, 0.1, 0.2):
        noise = size * torch.randn(sent.shape, generator=torch.Generator().manual_seed(0))
        lost = [
            (r(x + noise) - held_out).abs().mean() for r, x in ((reader, sent), (honest, plain))
        ]
        print(f"{size:5.2f} {lost[0].item():14.3f} {lost[1].item():20.3f}")
    rows = [held_out[:10], plain[:10], sent[:10], reader(sent[:10]), honest(plain[:10])]
tiles = torch.cat(rows).clamp(-1, 1)
titles = ["x", "its mosaic", "G(x)", "returned", "honest"]
show(plot_images(tiles, 10, "The second and the third row look alike", None, (-1, 1), titles, 0.9))

# %% [markdown]
# Recorded at laptop scale, seed 0: the pair returns with an error of 0.145, the honest one with 0.176, and the picture shows it: the ring of the 0 and the tail of the 5 come back from a mosaic in which they cannot be seen. The reader reads what the writer wrote between the lines. Noise of 0.05, as large as the message may be, takes
# the pair to 0.174, where the honest one is without any noise; at 0.1 the two are level (0.219 and 0.218), and at 0.2 the pair is the worse one (0.283 and 0.263): it listens for whispers, and hears the noise.
#
# So a cycle loss that is small does not say that a translation *shows* what it came from. In 14b you put the same question to a trained CycleGAN, where nobody limits the message, and nobody asks for it.
#
# ## What you take along
#
# 1. The adversarial loss asks that the heap of translations look like B; the cycle loss that nothing be lost. Both are content with $S \circ G$ for every $S$ that leaves B as it is. Which of them you get, other things decide: the identity loss, the network, the start.
# 2. Least squares have the best judge of lesson 08, $q/(q + g)$, without a sigmoid; at equality $L_D = \frac14$.
# 3. A return may be read from a message that nobody sees; noise of its size tells.
# 4. A patch judge with strides 2, 2, 2, 1, 1 and kernels of 4 sees 70 pixels; instance norm takes contrast away; a residual block copies and changes a little; reflection draws no frame.
#
# **References.** Zhu and others (2017), arXiv 1703.10593 · Mao and others (2017), arXiv 1611.04076 · Isola and others (2017), arXiv 1611.07004 · Ulyanov and others (2016), arXiv 1607.08022 · Chu, Zhmoginov and Sandler (2017), *CycleGAN, a Master of Steganography*, arXiv 1712.02950 · He and others (2016), *Deep Residual Learning for Image Recognition*, arXiv 1512.03385, and *Identity Mappings in Deep Residual Networks*, arXiv 1603.05027, for what may stand behind a sum ·
# Johnson, Alahi and Fei-Fei (2016), *Perceptual Losses for Real-Time Style Transfer*, arXiv 1603.08155, for the generator.
#
# **Next** is 14b_cyclegan: a history of fakes, the training step, two translators, and true pairs to judge them.
