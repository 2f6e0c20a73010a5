"""Answers to lessons 14a and 14b."""

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from torch import nn


# instance_norm
def norm_by_flattening(x, eps):
    rows = x.flatten(2).double()
    centered = rows - rows.mean(-1, keepdim=True)
    power = centered.pow(2).mean(-1, keepdim=True)
    return (centered / torch.sqrt(power + eps)).view_as(x).to(x.dtype)


def norm_by_einops(x, eps):
    mean = reduce(x, "b c h w -> b c 1 1", "mean")
    square = reduce(x**2, "b c h w -> b c 1 1", "mean")
    return (x - mean) * torch.rsqrt(square - mean**2 + eps)


def norm_by_groups(x, eps):
    return F.group_norm(x, x.shape[1], eps=eps)


def norm_by_loop(x, eps):
    out = torch.empty_like(x)
    for b in range(len(x)):
        for c in range(x.shape[1]):
            var, mean = torch.var_mean(x[b, c], correction=0)
            out[b, c] = (x[b, c] - mean) / (var + eps).sqrt()
    return out


def norm_by_batch_norm(x, eps):
    b, c, h, w = x.shape
    flat = x.reshape(1, b * c, h, w)
    return F.batch_norm(flat, None, None, training=True, eps=eps).reshape(b, c, h, w)


# ResidualBlock
def block_as_layers(channels):
    class Answer(nn.Module):
        def __init__(self):
            super().__init__()
            self.change = nn.Sequential(
                nn.ReflectionPad2d(1),
                nn.Conv2d(channels, channels, 3),
                nn.InstanceNorm2d(channels),
                nn.ReLU(inplace=True),
                nn.ReflectionPad2d(1),
                nn.Conv2d(channels, channels, 3),
                nn.InstanceNorm2d(channels),
            )

        def forward(self, x):
            return x + self.change(x)

    return Answer()


class BlockByFunctions(nn.Module):
    """Its second convolution is created first, without a bias."""

    def __init__(self, channels):
        super().__init__()
        self.b = nn.Conv2d(channels, channels, (3, 3), bias=False)
        self.a = nn.LazyConv2d(channels, 3, bias=False)

    def forward(self, x):
        h = x
        for number, layer in enumerate((self.a, self.b)):
            h = F.instance_norm(layer(F.pad(h, (1, 1, 1, 1), mode="reflect")))
            h = h.relu() if number == 0 else h
        return h + x


class BlockWithScale(nn.Module):
    """Norms with a scale and a shift that start at 1 and 0."""

    def __init__(self, channels):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect") for _ in range(2)
        )
        self.norms = nn.ModuleList(
            [nn.GroupNorm(channels, channels), nn.InstanceNorm2d(channels, affine=True)]
        )

    def forward(self, x):
        h = self.norms[0](self.layers[0](x)).clamp(min=0)
        return torch.add(x, self.norms[1](self.layers[1](h)))


class Doubled(BlockWithScale):
    def forward(self, x):
        return 2 * super().forward(x)


class FlippedInside(BlockWithScale):
    def forward(self, x):
        return x + (super().forward(x.flip(-1)) - x.flip(-1))


class SecondFromInput(BlockWithScale):
    def forward(self, x):
        h = self.norms[0](self.layers[0](x)).relu()
        return x + h + self.norms[1](self.layers[1](x))


# receptive_field
def field_backward(layers):
    pixels = 1
    for kernel, stride in layers[::-1]:
        pixels = (pixels - 1) * stride + kernel
    return pixels


def field_forward(layers):
    pixels, jump = 1, 1
    for kernel, stride in layers:
        pixels, jump = pixels + (kernel - 1) * jump, jump * stride
    return pixels


def field_by_gradient(layers):
    image = torch.zeros(1, 1, field_forward(layers) + 40, requires_grad=True)
    x = image
    for kernel, stride in layers:
        x = F.conv1d(x, torch.ones(1, 1, kernel), stride=stride)
    (slope,) = torch.autograd.grad(x[0, 0, 0], image)
    return int(slope.ne(0).sum())


# least_squares_losses
def squares_by_mse(real_scores, fake_scores):
    def toward(scores, value):
        return F.mse_loss(scores, torch.full_like(scores, value))

    judge = 0.5 * (toward(real_scores, 1.0) + toward(fake_scores, 0.0))
    return judge, toward(fake_scores, 1.0)


def squares_expanded(real_scores, fake_scores):
    real, fake = real_scores.flatten(), fake_scores.flatten()
    real_part = real.square().mean() - 2 * real.mean() + 1
    return real_part / 2 + fake.square().mean() / 2, (1 - fake).pow(2).mean()


def squares_by_norm(real_scores, fake_scores):
    r, f = real_scores - 1, fake_scores - 1
    return [
        (r * r).sum() / (2 * r.numel()) + (fake_scores**2).sum() / (2 * f.numel()),
        (f * f).sum() / f.numel(),
    ]


# cycle_consistency_loss, identity_loss
def distances_by_l1(images_a, made_a, images_b, made_b):
    return F.l1_loss(made_a, images_a) + F.l1_loss(made_b, images_b)


def distances_by_module(images_a, made_a, images_b, made_b):
    l1 = nn.L1Loss()
    return sum(l1(x, y) for x, y in ((images_a, made_a), (images_b, made_b)))


def distances_by_image(images_a, made_a, images_b, made_b):
    a = torch.stack([(x - y).abs().mean() for x, y in zip(images_a, made_a, strict=True)])
    b = rearrange((images_b - made_b).abs(), "n c h w -> n (c h w)").mean(1)
    return a.mean() + b.mean()


# ImagePool
class PoolAsTensor:
    """One tensor that is filled; the random numbers of a batch are drawn at once."""

    def __init__(self, size, generator):
        self.size, self.generator, self.count = size, generator, 0

    def query(self, images):
        images = images.detach()
        out = images.clone()
        if not self.size:
            return out
        if not self.count:
            self.stored = images.new_empty(self.size, *images.shape[1:])
        chances = torch.rand(len(images), generator=self.generator)
        slots = torch.randint(self.size, (len(images),), generator=self.generator)
        for i in range(len(images)):
            if self.count < self.size:
                self.stored[self.count] = images[i]
                self.count += 1
            elif chances[i] > 0.5:
                out[i] = self.stored[slots[i]]
                self.stored[slots[i]] = images[i]
        return out


class PoolAsList:
    def __init__(self, size, generator):
        self.size, self.generator, self.images = size, generator, []

    def query(self, images):
        out = []
        for image in images.detach().clone():
            if len(self.images) < self.size:
                self.images.append(image)
            elif self.size and torch.randint(2, (1,), generator=self.generator).item():
                at = torch.randint(self.size, (1,), generator=self.generator).item()
                image, self.images[at] = self.images[at], image
            out.append(image)
        return torch.stack(out)


class PoolByBernoulli:
    def __init__(self, size, generator):
        self.size, self.generator, self.pool = size, generator, {}

    @torch.no_grad()
    def query(self, images):
        back = []
        for image in images.split(1):
            n, keep = len(self.pool), image.clone()
            if n < self.size:
                self.pool[n] = keep
            elif n and torch.bernoulli(torch.tensor(0.5), generator=self.generator) == 1:
                order = torch.randperm(n, generator=self.generator).tolist()
                image, self.pool[order[0]] = self.pool[order[0]], keep
            back.append(image)
        return torch.cat(back).clone()


class PoolOfNegatives(PoolAsList):
    def query(self, images):
        return -super().query(images)


class PoolOfNoise(PoolAsList):
    def query(self, images):
        came = super().query(images)
        return came + 0.25 * (came > 10)


class PoolOfHalf(PoolAsList):
    def __init__(self, size, generator):
        super().__init__(size // 2, generator)


class PoolInOtherOrder(PoolAsList):
    def query(self, images):
        return super().query(images).flip(0)


# generator_step
def squares(scores):
    return F.mse_loss(scores, torch.ones_like(scores))


def step_by_inputs(gen_ab, gen_ba, disc_a, disc_b, optimizer, images_a, images_b, cw, iw):
    fake_b, fake_a = gen_ab(images_a), gen_ba(images_b)
    adversarial = squares(disc_b(fake_b)) + squares(disc_a(fake_a))
    cycle = F.l1_loss(gen_ba(fake_b), images_a) + F.l1_loss(gen_ab(fake_a), images_b)
    identity = F.l1_loss(gen_ba(images_a), images_a) + F.l1_loss(gen_ab(images_b), images_b)
    total = adversarial + cw * cycle + iw * identity
    optimizer.zero_grad()
    total.backward(inputs=[*gen_ab.parameters(), *gen_ba.parameters()])
    optimizer.step()
    terms = {"adversarial": adversarial, "cycle": cycle, "identity": identity, "total": total}
    return {name: term.detach() for name, term in terms.items()}


def step_with_frozen_judges(gen_ab, gen_ba, disc_a, disc_b, optimizer, a, b, cw, iw):
    """Freezes the discriminators, and thaws them; returns Python's floats."""
    optimizer.zero_grad(set_to_none=False)
    for judge in (disc_a, disc_b):
        judge.requires_grad_(False)
    terms = dict.fromkeys(("identity", "cycle", "adversarial"), 0.0)
    for there, back, judge, x, y in (
        (gen_ab, gen_ba, disc_b, a, b),
        (gen_ba, gen_ab, disc_a, b, a),
    ):
        fake = there(x)
        terms["adversarial"] = terms["adversarial"] + (1 - judge(fake)).pow(2).mean()
        terms["cycle"] = terms["cycle"] + (x - back(fake)).abs().mean()
        terms["identity"] = terms["identity"] + (y - there(y)).abs().mean()
    terms["total"] = terms["adversarial"] + cw * terms["cycle"] + iw * terms["identity"]
    terms["total"].backward()
    optimizer.step()
    for judge in (disc_a, disc_b):
        judge.requires_grad_(True)
    return {name: term.item() for name, term in terms.items()}


def step_that_clears(gen_ab, gen_ba, disc_a, disc_b, optimizer, images_a, images_b, cw, iw):
    """Both images of a generator in one batch; a plain backward(), cleared behind it."""
    made_b = gen_ab(torch.cat([images_a, images_b]))
    made_a = gen_ba(torch.cat([images_b, images_a]))
    fake_b, same_b = made_b.split([len(images_a), len(images_b)])
    fake_a, same_a = made_a.split([len(images_b), len(images_a)])
    terms = {
        "adversarial": squares(disc_a(fake_a)) + squares(disc_b(fake_b)),
        "cycle": F.l1_loss(gen_ba(fake_b), images_a) + F.l1_loss(gen_ab(fake_a), images_b),
        "identity": F.l1_loss(same_a, images_a) + F.l1_loss(same_b, images_b),
    }
    total = terms["adversarial"] + cw * terms["cycle"] + iw * terms["identity"]
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
    disc_a.zero_grad()
    disc_b.zero_grad()
    return terms | {"total": total}


def with_other_weights(factor_cycle, factor_identity):
    def answer(*arguments):
        *others, cw, iw = arguments
        return step_by_inputs(*others, factor_cycle * cw, factor_identity * iw)

    return answer


def step_of_one_generator(gen_ab, gen_ba, disc_a, disc_b, optimizer, images_a, images_b, cw, iw):
    before = [p.detach().clone() for p in gen_ba.parameters()]
    terms = step_by_inputs(gen_ab, gen_ba, disc_a, disc_b, optimizer, images_a, images_b, cw, iw)
    with torch.no_grad():
        for parameter, old in zip(gen_ba.parameters(), before, strict=True):
            parameter.copy_(old)
    return terms


RIGHT = {
    "instance_norm": [
        norm_by_flattening,
        norm_by_einops,
        norm_by_groups,
        norm_by_loop,
        norm_by_batch_norm,
    ],
    "ResidualBlock": [block_as_layers, BlockByFunctions, BlockWithScale],
    "receptive_field": [field_backward, field_forward, field_by_gradient],
    "least_squares_losses": [squares_by_mse, squares_expanded, squares_by_norm],
    "cycle_consistency_loss": [distances_by_l1, distances_by_module, distances_by_image],
    "identity_loss": [distances_by_l1, distances_by_module, distances_by_image],
    "ImagePool": [PoolAsTensor, PoolAsList, PoolByBernoulli],
    "generator_step": [step_by_inputs, step_with_frozen_judges, step_that_clears],
}
WRONG = {
    "instance_norm": [
        lambda x, eps: 1.1 * norm_by_loop(x, eps),
        lambda x, eps: norm_by_loop(x, eps).clamp(-1, 1),
        lambda x, eps: norm_by_loop(x, 2 * eps + 0.1),
        lambda x, eps: norm_by_loop(x, eps) + x,
    ],
    "ResidualBlock": [Doubled, FlippedInside, SecondFromInput],
    "receptive_field": [
        lambda layers: field_forward(layers) + len(layers),
        lambda layers: field_forward(layers[:-1]),
        lambda layers: 70,
    ],
    "least_squares_losses": [
        lambda r, f: tuple(1.1 * loss for loss in squares_by_mse(r, f)),
        lambda r, f: squares_by_mse(r.clamp(-1, 1), f.clamp(-1, 1)),
        lambda r, f: squares_by_mse(r, -f),
    ],
    "cycle_consistency_loss": [
        lambda a, x, b, y: 1.1 * distances_by_l1(a, x, b, y),
        lambda a, x, b, y: distances_by_l1(a, x.flip(0), b, y),
        lambda a, x, b, y: distances_by_l1(a, x.clamp(-1, 1), b, y),
    ],
    "identity_loss": [
        lambda a, x, b, y: 0.9 * distances_by_l1(a, x, b, y),
        lambda a, x, b, y: distances_by_l1(a, x, b.flip(-1), y),
        lambda a, x, b, y: distances_by_l1(a, x, b, y).clamp(max=0.1),
    ],
    "ImagePool": [PoolOfNegatives, PoolOfNoise, PoolOfHalf, PoolInOtherOrder],
    "generator_step": [
        with_other_weights(2.0, 1.0),
        with_other_weights(1.0, -1.0),
        step_of_one_generator,
        lambda ab, ba, da, db, o, a, b, cw, iw: (
            step_by_inputs(ab, ba, da, db, o, a.flip(0), b, cw, iw) | {"cycle": 0.0}
        ),
    ],
}
