"""Wrong answers to each exercise of lessons 14a and 14b, as a student may write them, and causes.

`None`: no cause is known, and the message must not claim one. A text in the place of a name: what
the message itself says of the cause.
"""

import torch
import torch.nn.functional as F
from torch import nn

from tests.slips.cyclegan_again import AGAIN

# ----------------------------------------------------------------- instance_norm
NORM = [
    (lambda x, eps: F.batch_norm(x, None, None, training=True, eps=eps), "batch_norm"),
    (lambda x, eps: F.layer_norm(x, x.shape[1:], eps=eps), "layer_norm"),
    (lambda x, eps: F.group_norm(x, 1, eps=eps), "layer_norm"),
    (
        lambda x, eps: (x - x.mean((2, 3), keepdim=True)) / (x.std((2, 3), keepdim=True) + eps),
        "unbiased_and_eps_outside",
    ),
    (
        lambda x, eps: (
            (x - x.mean((2, 3), keepdim=True)) / torch.sqrt(x.var((2, 3), keepdim=True) + eps)
        ),
        "unbiased",
    ),
    (lambda x, eps: (x - x.mean((2, 3))) / (x.var((2, 3)) + eps).sqrt(), "axes_lost"),
    (
        lambda x, eps: (x - x.mean(-1, True)) / (x.var(-1, False, keepdim=True) + eps).sqrt(),
        "rows_alone",
    ),
    (
        lambda x, eps: (
            (x - x.mean((2, 3), True)) / (x.var((2, 3), correction=0, keepdim=True) + eps)
        ),
        "divided_by_the_variance",
    ),
    (
        lambda x, eps: x / (x.var((2, 3), correction=0, keepdim=True) + eps).sqrt(),
        "mean_left_in",
    ),
    (
        lambda x, eps: F.instance_norm(x),
        "eps_written_as_a_number",
    ),
    (lambda x, eps: (x - x.mean()) / (x.var(correction=0) + eps).sqrt(), "everything_together"),
    (lambda x, eps: x - x.mean((2, 3), keepdim=True), "spread_left_in"),
    (lambda x, eps: F.instance_norm(x.detach(), eps=eps), "no gradient reaches x"),
    (lambda x, eps: F.normalize(x, dim=1), None),
]

# ----------------------------------------------------------------- ResidualBlock


class Written(nn.Module):
    """The asked one, to be written otherwise in one place."""

    pad, norm, act = nn.ReflectionPad2d, nn.InstanceNorm2d, nn.ReLU

    def __init__(self, channels):
        super().__init__()
        kind = type(self)
        self.layers = nn.Sequential(
            kind.pad(1),
            nn.Conv2d(channels, channels, 3),
            kind.norm(channels),
            kind.act(),
            kind.pad(1),
            nn.Conv2d(channels, channels, 3),
            kind.norm(channels),
        )

    def forward(self, x):
        return x + self.layers(x)


class ZeroPadded(Written):
    pad = nn.ZeroPad2d


class BatchNormed(Written):
    norm = nn.BatchNorm2d


class Leaky(Written):
    def act():
        return nn.LeakyReLU(0.2)


class NotAdded(Written):
    def forward(self, x):
        return self.layers(x)


class RectifiedSum(Written):
    def forward(self, x):
        return F.relu(x + self.layers(x))


class AddedInPlace(Written):
    def forward(self, x):
        x += self.layers(x)
        return x


class Unpadded(Written):
    def pad(_):
        return nn.Identity()


class InAList(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.layers = [Written(channels)]

    def forward(self, x):
        return self.layers[0](x)


class UsedTwice(Written):
    def __init__(self, channels):
        super().__init__(channels)
        self.half = self.layers[:3]

    def forward(self, x):
        return x + self.half(self.half(x).relu())


class RectifiedChange(Written):
    def forward(self, x):
        return x + F.relu(self.layers(x))


class Concatenated(Written):
    def forward(self, x):
        return torch.cat((x, self.layers(x)), 1)


class SuperForgotten(nn.Module):
    def __init__(self, channels):
        self.conv = nn.Conv2d(channels, channels, 3)

    def forward(self, x):
        return x


class Averaged(Written):
    def forward(self, x):
        return (x + self.layers(x)) / 2


BLOCK = [
    (ZeroPadded, "zeros_at_the_border"),
    (BatchNormed, "batch_norm"),
    (Leaky, "leaky"),
    (NotAdded, "input_not_added"),
    (RectifiedSum, "relu_at_the_end"),
    (AddedInPlace, "in_place"),
    (Unpadded, "not_padded"),
    (InAList, "plain_list"),
    (RectifiedChange, "change_rectified"),
    (Concatenated, "concatenated"),
    (SuperForgotten, "super().__init__() stands first"),
    (Averaged, "scaled"),
    (UsedTwice, None),  # a second convolution lies there unused
]

# ----------------------------------------------------------------- receptive_field


def walked(layers, start=1, add=lambda k, s: k - 1, before=False):
    field, jump = start, 1
    for kernel, stride in layers:
        jump = jump * stride if before else jump
        field += add(kernel, stride) * jump
        jump = jump if before else jump * stride
    return field


def by_sizes(layers):
    """The size that shrinks to one output, wrongly inverted."""
    size = 1
    for kernel, stride in reversed(layers):
        size = size * stride + kernel - 1
    return size


FIELD = [
    (lambda layers: sum(k - 1 for k, _ in layers) + 1, "strides_ignored"),
    (lambda layers: walked(layers, before=True), "stride_of_its_own_layer"),
    (lambda layers: walked(layers, start=0), "one_pixel_missing"),
    (lambda layers: walked(layers, add=lambda k, s: k), "whole_kernel"),
    (lambda layers: sum(k for k, _ in layers), "kernels_added"),
    (lambda layers: walked(layers[::-1]), "turned_round"),
    (lambda layers: walked(layers) ** 2, "area"),
    (lambda layers: (walked(layers), walked(layers)), "both_sides"),
    (lambda layers: walked(layers) / 1, "not_an_integer"),
    (lambda layers: torch.tensor([s for _, s in layers]).prod().item(), "strides_multiplied"),
    (lambda layers: torch.tensor([k for k, _ in layers]).prod().item(), "kernels_multiplied"),
    (lambda layers: walked(layers) + 1, "one_pixel_too_many"),
    (by_sizes, None),
]

# ----------------------------------------------------------------- least_squares_losses
mse = F.mse_loss


def like(scores, value):
    return torch.full_like(scores, value)


SQUARES = [
    (
        lambda r, f: (mse(r, like(r, 1.0)) + mse(f, like(f, 0.0)), mse(f, like(f, 1.0))),
        "not_halved",
    ),
    (
        lambda r, f: (
            0.5 * (mse(r, like(r, 1.0)) + mse(f, like(f, 0.0))),
            0.5 * mse(f, like(f, 1.0)),
        ),
        "generator_halved",
    ),
    (
        lambda r, f: (0.5 * (mse(r, like(r, 0.0)) + mse(f, like(f, 1.0))), mse(f, like(f, 1.0))),
        "groups_swapped",
    ),
    (
        lambda r, f: (0.5 * (mse(r, like(r, 1.0)) + mse(f, like(f, 0.0))), mse(f, like(f, 0.0))),
        "generator_wants_zero",
    ),
    (
        lambda r, f: (0.5 * (mse(r, like(r, 1.0)) + mse(f, like(f, 1.0))), mse(f, like(f, 1.0))),
        "fakes_called_real",
    ),
    (
        lambda r, f: (
            0.5 * (mse(r.sigmoid(), like(r, 1.0)) + mse(f.sigmoid(), like(f, 0.0))),
            mse(f.sigmoid(), like(f, 1.0)),
        ),
        "through_a_sigmoid",
    ),
    (
        lambda r, f: (
            0.5 * (F.l1_loss(r, like(r, 1.0)) + f.abs().mean()),
            F.l1_loss(f, like(f, 1.0)),
        ),
        "absolute",
    ),
    (
        lambda r, f: (
            0.5 * (((r - 1) ** 2).sum() + (f**2).sum()),
            ((f - 1) ** 2).sum(),
        ),
        "summed",
    ),
    (
        lambda r, f: (0.5 * ((r.mean() - 1) ** 2 + f.mean() ** 2), (f.mean() - 1) ** 2),
        "mean_before_the_square",
    ),
    (lambda r, f: 0.5 * (((r - 1) ** 2).mean() + (f**2).mean()), "discriminator_alone"),
    (
        lambda r, f: (((f - 1) ** 2).mean(), 0.5 * (((r - 1) ** 2).mean() + (f**2).mean())),
        "exchanged",
    ),
    (
        lambda r, f: (0.5 * (((r - 1) ** 2).mean() + (f**2).mean()), ((r - 1) ** 2).mean()),
        "generator_of_reals",
    ),
    (
        lambda r, f: (
            0.5 * (((r - 0.9) ** 2).mean() + (f**2).mean()),
            ((f - 0.9) ** 2).mean(),
        ),
        None,
    ),
]

# ----------------------------------------------------------------- two distances
l1 = F.l1_loss


def numbers(a, x, b, y):
    return (a - x).abs(), (b - y).abs()


DISTANCES = [
    (lambda a, x, b, y: mse(a, x) + mse(b, y), "squared"),
    (lambda a, x, b, y: (l1(a, x) + l1(b, y)) / 2, "halved"),
    (lambda a, x, b, y: l1(a, x), "one_direction"),
    (lambda a, x, b, y: sum(d.sum() for d in numbers(a, x, b, y)), "summed"),
    (lambda a, x, b, y: (a - x).mean() + (b - y).mean(), "signs_kept"),
    (lambda a, x, b, y: (a - x).mean().abs() + (b - y).mean().abs(), "absolute_of_the_mean"),
    (lambda a, x, b, y: 10 * (l1(a, x) + l1(b, y)), "weighted_inside"),
    (lambda a, x, b, y: (l1(a, x), l1(b, y)), "two_numbers"),
    (lambda a, x, b, y: F.smooth_l1_loss(a, x) + F.smooth_l1_loss(b, y), "smoothed"),
    (lambda a, x, b, y: (a - y).abs().mean() + (b - x).abs().mean(), "crossed"),
    (lambda a, x, b, y: l1(a, x.detach()) + l1(b, y.detach()), "detached"),
    (
        lambda a, x, b, y: sum(d.flatten(1).sum(1).mean() for d in numbers(a, x, b, y)),
        "summed_over_pixels",
    ),
    (lambda a, x, b, y: (l1(a, x) + l1(b, y)).item(), "expected a float"),
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
        elif self.size and self.chance() < 0.5:
            image = self.swapped(image)
        return image

    def chance(self):
        return torch.rand((), generator=self.generator)

    def place(self):
        return int(torch.randint(self.size, (), generator=self.generator))

    def swapped(self, image):
        at = self.place()
        image, self.images[at] = self.images[at], image
        return image


class WithGraph(Kept):
    def query(self, images):
        return torch.stack([self.one(image) for image in images.clone()])


class WithViews(Kept):
    def query(self, images):
        return torch.stack([self.one(image) for image in images.detach()])


class Always(Kept):
    def chance(self):
        return 0.0


class Never(Kept):
    def chance(self):
        return 1.0


class WrittenOver(Kept):
    def swapped(self, image):
        at = self.place()
        self.images[at] = image
        return self.images[at]


class NotReplaced(Kept):
    def swapped(self, image):
        return self.images[self.place()]


class FromTheGlobalGenerator(Kept):
    def chance(self):
        return torch.rand(())


class ByPython(Kept):
    def __init__(self, size, generator):
        import random

        super().__init__(size, generator)
        self.random = random

    def chance(self):
        return self.random.random()


class OneCoin(Kept):
    def query(self, images):
        self.coin = torch.rand((), generator=self.generator)
        return super().query(images)

    def chance(self):
        return self.coin


class Reseeded(Kept):
    def query(self, images):
        self.generator = torch.Generator().manual_seed(0)
        return super().query(images)


class First(Kept):
    def place(self):
        return 0


class AsAList(Kept):
    def query(self, images):
        return [self.one(image) for image in images.detach().clone()]


class Growing(Kept):
    def swapped(self, image):
        self.images.append(image)
        return self.images[self.place()]


class Nothing(Kept):
    def query(self, images):
        for image in images.detach().clone():
            self.one(image)


POOL = [
    (WithGraph, "keeps_the_graph"),
    (WithViews, "keeps_views"),
    (Always, "always_swaps"),
    (Never, "never_swaps"),
    (WrittenOver, "never_swaps"),
    (NotReplaced, "stored_one_stays"),
    (FromTheGlobalGenerator, "global_generator"),
    (ByPython, "global_generator"),
    (OneCoin, "one_coin_for_the_batch"),
    (Reseeded, "reseeded"),
    (First, "always_the_same_place"),
    (AsAList, "list_returned"),
    (Nothing, None),
    (Growing, "stored_one_stays"),
]

# ----------------------------------------------------------------- generator_step


def step(
    adversarial=lambda ab, ba, da, db, a, b: one(db(ab(a))) + one(da(ba(b))),
    cycle=lambda ab, ba, a, b: l1(ba(ab(a)), a) + l1(ab(ba(b)), b),
    identity=lambda ab, ba, a, b: l1(ba(a), a) + l1(ab(b), b),
    total=lambda adv, cyc, idt, cw, iw: adv + cw * cyc + iw * idt,
    back=lambda adv, cyc, idt, total, cw, iw: {
        "adversarial": adv,
        "cycle": cyc,
        "identity": idt,
        "total": total,
    },
    order="zbs",
    everywhere=False,
):
    """The asked one, to be written otherwise in one place."""

    def answer(ab, ba, da, db, optimizer, a, b, cw, iw):
        adv, cyc, idt = (
            adversarial(ab, ba, da, db, a, b),
            cycle(ab, ba, a, b),
            identity(ab, ba, a, b),
        )
        loss = total(adv, cyc, idt, cw, iw)
        inputs = None if everywhere else [*ab.parameters(), *ba.parameters()]
        calls = {
            "z": optimizer.zero_grad,
            "b": lambda: loss.backward(inputs=inputs),
            "s": optimizer.step,
        }
        for letter in order:
            calls[letter]()
        return back(adv, cyc, idt, loss, cw, iw)

    return answer


def one(scores):
    return mse(scores, torch.ones_like(scores))


STEP = [
    (step(everywhere=True), "gradients_left_in_discriminators"),
    (step(order="zs"), "nothing_moves"),
    (step(order="bs"), "zero_grad_forgotten"),
    (
        step(identity=lambda ab, ba, a, b: l1(ab(a), a) + l1(ba(b), b)),
        "identity_of_the_wrong_domain",
    ),
    (step(cycle=lambda ab, ba, a, b: l1(ba(ab(a)), a)), "cycle_one_direction"),
    (
        step(
            back=lambda adv, cyc, idt, total, cw, iw: {
                "adversarial": adv,
                "cycle": cw * cyc,
                "identity": iw * idt,
                "total": total,
            }
        ),
        "weights_in_the_terms",
    ),
    (step(total=lambda adv, cyc, idt, cw, iw: adv + 10 * cyc + 5 * idt), "weights_as_numbers"),
    (
        step(total=lambda adv, cyc, idt, cw, iw: adv + cw * (cyc + iw * idt)),
        "identity_weight_relative",
    ),
    (
        step(adversarial=lambda ab, ba, da, db, a, b: one(da(ab(a))) + one(db(ba(b)))),
        "judges_exchanged",
    ),
    (
        step(
            adversarial=lambda ab, ba, da, db, a, b: (
                one(db(ab(a).detach())) + one(da(ba(b).detach()))
            )
        ),
        "fakes_detached",
    ),
    (
        step(
            adversarial=lambda ab, ba, da, db, a, b: (
                (db(ab(a)) ** 2).mean() + (da(ba(b)) ** 2).mean()
            )
        ),
        "target_fake",
    ),
    (step(back=lambda adv, cyc, idt, total, cw, iw: total), "total_alone"),
    (step(cycle=lambda ab, ba, a, b: mse(ba(ab(a)), a) + mse(ab(ba(b)), b)), "squared_cycle"),
    (step(total=lambda adv, cyc, idt, cw, iw: adv + cw * cyc), "identity_missing_in_total"),
    (step(total=lambda adv, cyc, idt, cw, iw: (adv + cw * cyc + iw * idt) / 2), None),
]

FIRST = {
    "cyclegan.instance_norm": NORM,
    "cyclegan.ResidualBlock": BLOCK,
    "cyclegan.receptive_field": FIELD,
    "cyclegan.least_squares_losses": SQUARES,
    "cyclegan.cycle_consistency_loss": DISTANCES,
    "cyclegan.identity_loss": DISTANCES,
    "cyclegan.ImagePool": POOL,
    "cyclegan.generator_step": STEP,
}

SLIPS = {name: slips + AGAIN[name] for name, slips in FIRST.items()}
