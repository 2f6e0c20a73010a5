"""Ten more wrong answers to each exercise of lessons 14a and 14b, by a second fresh reader."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import nn

# ----------------------------------------------------------------- instance_norm


def moments(x):
    return x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True)


def normed(change):
    """`change(x, mean, variance, eps)`, with the moments of the right places."""
    return lambda x, eps: change(x, *moments(x), eps)


def in_place(x, eps):
    mean, variance = moments(x)
    x -= mean
    x /= (variance + eps).sqrt()
    return x


def by_columns(x, eps):
    mean, variance = x.mean(2, keepdim=True), x.var(2, correction=0, keepdim=True)
    return (x - mean) / (variance + eps).sqrt()


def over_channels(x, eps):
    mean, variance = x.mean(1, keepdim=True), x.var(1, correction=0, keepdim=True)
    return (x - mean) / (variance + eps).sqrt()


def flattened(x, eps):
    mean, variance = moments(x)
    return ((x - mean) / (variance + eps).sqrt()).flatten(2)


def to_the_unit(x, eps):
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    return (x - low) / (high - low + eps)


NORM = [
    (normed(lambda x, m, v, eps: (x - m) / (v.sqrt() + eps)), "eps_outside_the_root"),
    (normed(lambda x, m, v, eps: (x - m) * (v + eps).sqrt()), "multiplied"),
    (normed(lambda x, m, v, eps: (x - m) / (v + eps**2).sqrt()), "eps_forgotten"),
    (normed(lambda x, m, v, eps: (x - m) / v.clamp(min=eps).sqrt()), "eps_forgotten"),
    (
        normed(lambda x, m, v, eps: (x - m) / (x.square().mean((2, 3), True) + eps).sqrt()),
        "mean_square_as_variance",
    ),
    (
        normed(lambda x, m, v, eps: (x - m.detach()) / (v.detach() + eps).sqrt()),
        "statistics_detached",
    ),
    (normed(lambda x, m, v, eps: (x - m) / ((x - m).abs().mean((2, 3), True) + eps)), None),
    (by_columns, "rows_alone"),
    (over_channels, "channels_of_a_pixel"),
    (to_the_unit, "stretched_to_an_interval"),
    (flattened, "got (3, 2, 20)"),
    (in_place, "in-place operation"),
]

# ----------------------------------------------------------------- ResidualBlock


class Built(nn.Module):
    """The asked one, from a list of its parts."""

    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(*self.parts(channels))

    def forward(self, x):
        return x + self.layers(x)


def pad(n=1):
    return nn.ReflectionPad2d(n)


def conv(c, out=None, size=3):
    return nn.Conv2d(c, out or c, size)


class Tracking(Built):
    def parts(self, c):
        norms = [nn.InstanceNorm2d(c, track_running_stats=True) for _ in range(2)]
        return pad(), conv(c), norms[0], nn.ReLU(), pad(), conv(c), norms[1]


class OneConvolution(Built):
    def parts(self, c):
        return pad(), conv(c), nn.InstanceNorm2d(c), nn.ReLU()


class PointWise(Built):
    def parts(self, c):
        norms = [nn.InstanceNorm2d(c) for _ in range(2)]
        return conv(c, size=1), norms[0], nn.ReLU(), conv(c, size=1), norms[1]


class PaddedAtOnce(Built):
    def parts(self, c):
        norms = [nn.InstanceNorm2d(c) for _ in range(2)]
        return pad(2), conv(c), norms[0], nn.ReLU(), conv(c), norms[1]


class Replicated(Built):
    def parts(self, c):
        norms, pads = [nn.InstanceNorm2d(c) for _ in range(2)], nn.ReplicationPad2d(1)
        return pads, conv(c), norms[0], nn.ReLU(), pads, conv(c), norms[1]


class SecondNormMissing(Built):
    def parts(self, c):
        return pad(), conv(c), nn.InstanceNorm2d(c), nn.ReLU(), pad(), conv(c)


class NormBehindTheReLU(Built):
    def parts(self, c):
        norms = [nn.InstanceNorm2d(c) for _ in range(2)]
        return pad(), conv(c), nn.ReLU(), norms[0], pad(), conv(c), norms[1]


class NormFirst(Built):
    def parts(self, c):
        norms = [nn.InstanceNorm2d(c) for _ in range(2)]
        return norms[0], nn.ReLU(), pad(), conv(c), norms[1], nn.ReLU(), pad(), conv(c)


class OneForBoth(Built):
    def parts(self, c):
        half = [pad(), conv(c), nn.InstanceNorm2d(c)]
        return *half, nn.ReLU(), *half


class Grouped(Built):
    def parts(self, c):
        norms = [nn.GroupNorm(1, c) for _ in range(2)]
        return pad(), conv(c), norms[0], nn.ReLU(), pad(), conv(c), norms[1]


class WithDropout(Built):
    def parts(self, c):
        norms = [nn.InstanceNorm2d(c) for _ in range(2)]
        return pad(), conv(c), norms[0], nn.ReLU(), nn.Dropout(0.5), pad(), conv(c), norms[1]


class ReLUMissing(Built):
    def parts(self, c):
        norms = [nn.InstanceNorm2d(c) for _ in range(2)]
        return pad(), conv(c), norms[0], pad(), conv(c), norms[1]


class NothingReturned(Replicated):
    def forward(self, x):
        x + self.layers(x)


BLOCK = [
    (Tracking, "running_statistics"),
    (OneConvolution, "got (4, 4, 3, 3)"),
    (PointWise, "got (4, 4, 1, 1), (4, 4, 1, 1)"),
    (PaddedAtOnce, "padded_at_once"),
    (Replicated, "edge_repeated"),
    (SecondNormMissing, "one_norm"),
    (NormBehindTheReLU, "relu_before_the_norm"),
    (NormFirst, "norm_and_relu_first"),
    (OneForBoth, "one_convolution_twice"),
    (Grouped, "layer_norm"),
    (WithDropout, "two calls with the same images agree"),
    (ReLUMissing, "no_relu"),
    (NothingReturned, "got None"),
]

# ----------------------------------------------------------------- receptive_field


def walked(field, jump, take):
    """Go through the layers; `take` gives the next field and jump."""

    def answer(layers):
        f, j = field, jump
        for kernel, stride in layers:
            f, j = take(f, j, kernel, stride)
        return f

    return answer


right = walked(1, 1, lambda f, j, k, s: (f + (k - 1) * j, j * s))

FIELD = [
    (walked(1, 1, lambda f, j, k, s: (f + (k - 1) * j, s)), "last_stride_alone"),
    (walked(1, 1, lambda f, j, k, s: (f + (k - 1) * j, j + s)), "strides_added"),
    (walked(1, 1, lambda f, j, k, s: (f * s + k - 1, j)), "field_times_stride"),
    (walked(1, 1, lambda f, j, k, s: (f + (k - 1) * s, j)), "stretched_by_its_own_stride"),
    (walked(1, 1, lambda f, j, k, s: (f + (k - 1) * j, j * k)), "kernels_multiplied"),
    (walked(1, 1, lambda f, j, k, s: (f + (k - 2) * j, j * s)), "two_less"),
    (walked(1, 1, lambda f, j, k, s: (f + (k - 1) * j // 2, j * s)), "half_of_it"),
    (lambda layers: right(layers[:-1]), "last_layer_left_out"),
    (lambda layers: right(layers[1:]), "first_layer_left_out"),
    (lambda layers: max(k for k, _ in layers), "largest_kernel"),
    (lambda layers: [right(layers[: n + 1]) for n in range(len(layers))], "each_layer"),
    (lambda layers: right(layers) - 2 * len(layers), "padding_taken_off"),
]

# ----------------------------------------------------------------- least_squares_losses
mse = F.mse_loss


def judged(r, f):
    return 0.5 * ((r - 1).square().mean() + f.square().mean())


def wants(f):
    return (f - 1).square().mean()


def logits(r, f):
    bce = F.binary_cross_entropy_with_logits
    real, fake = bce(r, torch.ones_like(r)), bce(f, torch.zeros_like(f))
    return 0.5 * (real + fake), bce(f, torch.ones_like(f))


def joined(r, f):
    scores = torch.cat([r.flatten(), f.flatten()])
    targets = torch.cat([torch.ones(r.numel()), torch.zeros(f.numel())]).to(scores)
    return mse(scores, targets), wants(f)


SQUARES = [
    (
        lambda r, f: (0.5 * ((r - 1).square().mean() + (f + 1).square().mean()), wants(f)),
        "targets_plus_and_minus_one",
    ),
    (
        lambda r, f: (0.5 * (r - 1).square().mean() + f.square().mean(), wants(f)),
        "half_before_the_reals_alone",
    ),
    (lambda r, f: (0.5 * (r - 1).square().mean(), wants(f)), "reals_alone"),
    (lambda r, f: (0.5 * ((r - 1).mean() + f.mean()), (f - 1).mean()), "not_squared"),
    (lambda r, f: judged(r, f) + wants(f), "added_together"),
    (lambda r, f: torch.stack([judged(r, f), wants(f)]), "got a tensor of shape (2,)"),
    (lambda r, f: (judged(r, f).item(), wants(f).item()), "got the float"),
    (lambda r, f: (judged(r, f.detach()), wants(f)), "fakes_detached"),
    (lambda r, f: (0.5 * ((1 - r).relu().mean() + (1 + f).relu().mean()), -f.mean()), "hinge"),
    (lambda r, f: (judged(r, f), -f.square().mean()), "generator_uphill"),
    (lambda r, f: (judged(r, f).sqrt(), wants(f).sqrt()), "root_of_squares"),
    (lambda r, f: (judged(r, f), (f - r.mean()).square().mean()), None),
    (logits, "cross_entropy"),
    (joined, "one_mean"),
]

# ----------------------------------------------------------------- two distances
l1 = F.l1_loss


def together(a, x, b, y):
    gaps = torch.cat([(a - x).flatten(), (b - y).flatten()])
    return gaps.abs().mean()


DISTANCES = [
    (lambda a, x, b, y: (a - x).norm() + (b - y).norm(), "norm"),
    (lambda a, x, b, y: mse(a, x).sqrt() + mse(b, y).sqrt(), "root_of_squares"),
    (lambda a, x, b, y: torch.maximum(l1(a, x), l1(b, y)), "larger_alone"),
    (lambda a, x, b, y: l1(a, x) * l1(b, y), "multiplied"),
    (lambda a, x, b, y: l1(a, x) - l1(b, y), "subtracted"),
    (lambda a, x, b, y: 2 * l1(a, x), "one_twice"),
    (lambda a, x, b, y: -(l1(a, x) + l1(b, y)), "negated"),
    (lambda a, x, b, y: l1(a.abs(), x.abs()) + l1(b.abs(), y.abs()), "absolute_values_compared"),
    (lambda a, x, b, y: l1(a, x) / a.abs().mean() + l1(b, y) / b.abs().mean(), "relative"),
    (lambda a, x, b, y: (a - x).abs() + (b - y).abs(), "not_reduced"),
    (
        lambda a, x, b, y: (a - x).abs().mean((1, 2, 3)) + (b - y).abs().mean((1, 2, 3)),
        "one_for_each_image",
    ),
    (together, "one_mean"),
]

# ----------------------------------------------------------------- ImagePool


class Kept:
    """The asked one, to be written otherwise in one place."""

    def __init__(self, size, generator):
        self.size, self.generator, self.images = size, generator, []

    def query(self, images):
        return torch.stack([self.one(image) for image in images.detach().clone()])

    def one(self, image):
        if len(self.images) < self.size:
            self.images.append(image)
        elif self.size and torch.rand((), generator=self.generator) < 0.5:
            at = self.place()
            image, self.images[at] = self.images[at], image
        return image

    def place(self):
        return int(torch.randint(self.size, (), generator=self.generator))


class SharedByAll(Kept):
    stored: ClassVar[list] = []

    def __init__(self, size, generator):
        super().__init__(size, generator)
        self.images = self.stored


class LastNeverHit(Kept):
    def place(self):
        return int(torch.randint(max(self.size - 1, 1), (), generator=self.generator))


class OneInTen(Kept):
    def one(self, image):
        if len(self.images) == self.size and torch.rand((), generator=self.generator) < 0.8:
            return image
        return super().one(image)


class OldestOut(Kept):
    def one(self, image):
        if len(self.images) < self.size:
            self.images.append(image)
        elif self.size and torch.rand((), generator=self.generator) < 0.5:
            self.images.append(image)
            return self.images.pop(0)
        return image


class OldWhileFilling(Kept):
    def one(self, image):
        if self.images and len(self.images) < self.size:
            self.images.append(image)
            return self.images[int(torch.randint(len(self.images), (), generator=self.generator))]
        return super().one(image)


class WholeBatches(Kept):
    def query(self, images):
        return self.one(images.detach().clone())


class NoCareForZero(Kept):
    def one(self, image):
        if len(self.images) < self.size:
            self.images.append(image)
        elif torch.rand((), generator=self.generator) < 0.5:
            at = self.place()
            image, self.images[at] = self.images[at], image
        return image


class SlotForTheBatch(Kept):
    def query(self, images):
        full = len(self.images) == self.size and self.size
        self.at = super().place() if full else 0
        return super().query(images)

    def place(self):
        return self.at


class IntoTheBatch(Kept):
    def query(self, images):
        for n, image in enumerate(images):
            images[n] = self.one(image.detach().clone())
        return images


class OneOverSize(Kept):
    """One more than fits is stored."""

    def one(self, image):
        if len(self.images) <= self.size:
            self.images.append(image)
        elif torch.rand((), generator=self.generator) < 0.5:
            at = int(torch.randint(len(self.images), (), generator=self.generator))
            image, self.images[at] = self.images[at], image
        return image


class WholePool(Kept):
    def query(self, images):
        super().query(images)
        return torch.stack(self.images or list(images.detach()))


class StackedSideways(Kept):
    def query(self, images):
        return super().query(images).transpose(0, 1)


class ByNumpy(Kept):
    def place(self):
        import numpy as np

        return np.random.randint(self.size)


POOL = [
    (SharedByAll, None),
    (LastNeverHit, "one_place_never_drawn"),
    (OneInTen, "seldom"),
    (OldestOut, "oldest_first"),
    (OldWhileFilling, "swaps_while_filling"),
    (WholeBatches, "whole_batches"),
    (NoCareForZero, "ImagePool(0, generator)"),
    (SlotForTheBatch, "one_place_for_the_batch"),
    (IntoTheBatch, "keeps_the_graph"),
    (OneOverSize, "one_more_than_size"),
    (WholePool, "got float32 of shape (6,"),
    (StackedSideways, "got float32 of shape (2, 4,"),
    (ByNumpy, "global_generator"),
]

# ----------------------------------------------------------------- generator_step


def one(scores):
    return mse(scores, torch.ones_like(scores))


def step(
    adversarial=lambda ab, ba, da, db, a, b: one(db(ab(a))) + one(da(ba(b))),
    cycle=lambda ab, ba, a, b: l1(ba(ab(a)), a) + l1(ab(ba(b)), b),
    identity=lambda ab, ba, a, b: l1(ba(a), a) + l1(ab(b), b),
    total=lambda adv, cyc, idt, cw, iw: adv + cw * cyc + iw * idt,
    back=lambda losses: losses,
    order="zbs",
    before=lambda ab, ba, da, db: None,
    after=lambda ab, ba, da, db: None,
):
    """The asked one, to be written otherwise in one place."""

    def answer(ab, ba, da, db, optimizer, a, b, cw, iw):
        before(ab, ba, da, db)
        adv = adversarial(ab, ba, da, db, a, b)
        cyc, idt = cycle(ab, ba, a, b), identity(ab, ba, a, b)
        loss = total(adv, cyc, idt, cw, iw)
        calls = {
            "z": optimizer.zero_grad,
            "b": lambda: loss.backward(inputs=[*ab.parameters(), *ba.parameters()]),
            "s": optimizer.step,
        }
        for letter in order:
            calls[letter]()
        after(ab, ba, da, db)
        return back({"adversarial": adv, "cycle": cyc, "identity": idt, "total": loss})

    return answer


def frozen(ab, ba, da, db):
    for judge in (da, db):
        judge.requires_grad_(False)


def evaluated(ab, ba, da, db):
    for network in (ab, ba, da, db):
        network.eval()


def log_losses(ab, ba, da, db, a, b):
    bce = F.binary_cross_entropy_with_logits
    scores = db(ab(a)), da(ba(b))
    return sum(bce(s, torch.ones_like(s)) for s in scores)


STEP = [
    (step(order="zsb"), "nothing_moves"),
    (step(order="zbss"), "stepped_twice"),
    (
        step(cycle=lambda ab, ba, a, b: l1(ba(ab(a).detach()), a) + l1(ab(ba(b).detach()), b)),
        "cycle_detached",
    ),
    (
        step(cycle=lambda ab, ba, a, b: l1(ab(ba(a)), a) + l1(ba(ab(b)), b)),
        "cycle_begun_on_the_wrong_side",
    ),
    (
        step(cycle=lambda ab, ba, a, b: l1(ba(ab(a)), ab(a)) + l1(ab(ba(b)), ba(b))),
        "cycle_against_the_fakes",
    ),
    (step(adversarial=lambda ab, ba, da, db, a, b: one(db(ab(a)))), "adversarial_one_direction"),
    (
        step(adversarial=lambda ab, ba, da, db, a, b: (one(db(ab(a))) + one(da(ba(b)))) / 2),
        "adversarial_halved",
    ),
    (step(adversarial=lambda ab, ba, da, db, a, b: one(da(a)) + one(db(b))), "reals_judged"),
    (step(adversarial=log_losses), "cross_entropy"),
    (step(identity=lambda ab, ba, a, b: l1(ab(b), b)), "identity_one_direction"),
    (step(total=lambda adv, cyc, idt, cw, iw: cw * cyc + iw * idt), "adversarial_missing_in_total"),
    (step(total=lambda adv, cyc, idt, cw, iw: adv + iw * cyc + cw * idt), "weights_exchanged"),
    (step(total=lambda adv, cyc, idt, cw, iw: adv + iw * idt), "cycle_missing_in_total"),
    (step(total=lambda adv, cyc, idt, cw, iw: adv + cyc + idt), "weights_forgotten"),
    (step(back=lambda losses: None), "got None"),
    (step(back=lambda losses: tuple(losses.values())), "tuple_returned"),
    (
        step(
            back=lambda losses: (
                losses | {"total": losses["adversarial"] + losses["cycle"] + losses["identity"]}
            )
        ),
        "total_told_without_weights",
    ),
    (step(before=frozen), "requires_grad is left changed"),
    (step(after=evaluated), "in training mode afterwards"),
]

AGAIN = {
    "cyclegan.instance_norm": NORM,
    "cyclegan.ResidualBlock": BLOCK,
    "cyclegan.receptive_field": FIELD,
    "cyclegan.least_squares_losses": SQUARES,
    "cyclegan.cycle_consistency_loss": DISTANCES,
    "cyclegan.identity_loss": DISTANCES,
    "cyclegan.ImagePool": POOL,
    "cyclegan.generator_step": STEP,
}
